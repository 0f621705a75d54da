"""Filling gaps: what a live session misses is asked of a history, and loaded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Any

from barhouse.coordinator.feeds.feed import History, ask
from barhouse.coordinator.live.options import LiveOptions
from barhouse.coordinator.live.writer import LiveWriter
from barhouse.store.errors import FeedError, InputError

log = logging.getLogger("barhouse.live")

#: A gap that was asked for is asked for again after so many pauses: it may be a quiet market.
_PAUSES = 10


class GapFiller:
    """Asks a history for gaps, every now and then and when it is woken.

    Parameters
    ----------
    since
        How far back a symbol without any bars is asked for; None: not at all.
    clock
        The store's clock.
    do
        Carries out a call in the thread that writes.
    """

    def __init__(
        self,
        writer: LiveWriter,
        history: History,
        since: date | datetime | None,
        options: LiveOptions,
        clock: Callable[[], datetime],
        do: Callable[..., Awaitable[Any]],
    ) -> None:
        self._writer = writer
        self._history = history
        self._since = since
        self._options = options
        self._clock = clock
        self._do = do
        self._woken = asyncio.Event()
        self._to_now = False
        self._due: dict[tuple[str, datetime, datetime], float] = {}

    @property
    def is_awake(self) -> bool:
        """Whether it was woken and is not done yet."""
        return self._woken.is_set()

    def wake(self, *, to_now: bool) -> None:
        """Have it look at once; ``to_now``: also for what lies between the last bars and now."""
        self._to_now |= to_now
        self._woken.set()

    async def run(self) -> None:
        """Fill gaps for as long as the session runs."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._options.gap_fill_seconds):  # wait_for may lose a cancellation
                    await self._woken.wait()
            to_now, self._to_now = self._to_now, False
            await self.fill(sorted(self._writer.symbols), to_now=to_now)
            if not self._to_now:
                self._woken.clear()

    async def fill(self, symbols: list[str], *, to_now: bool) -> None:
        """Ask for what is missing of some symbols, and load what comes."""
        now = self._clock()
        first_date = (now - timedelta(days=self._options.gap_fill_days)).date()
        gaps = await self._do(self._writer.ranges_missing, symbols, first_date)
        ranges = [gap for gap in gaps if self._is_due((gap[0], *gap[2:]))]
        if to_now:
            ranges += await self._do(self._writer.ranges_to_now, symbols, self._since, now)
        at_once = asyncio.Semaphore(self._options.asks_at_once)
        async with asyncio.TaskGroup() as group:
            for gap in ranges:
                group.create_task(self._fill_one(at_once, *gap))

    async def _fill_one(
        self, at_once: asyncio.Semaphore, symbol: str, interval: str, start: datetime, end: datetime
    ) -> None:
        async with at_once:
            try:
                bars = await ask(self._history, symbol, interval, start, end)
                if bars is not None:
                    await self._do(self._writer.load_history, symbol, interval, bars)
            except (FeedError, InputError) as error:
                log.warning("%s %s from %s to %s stays missing: %s", symbol, interval, start, end, error)
                if isinstance(error, FeedError):  # no answer, which the next question may have
                    self._due.pop((symbol, start, end), None)

    def _is_due(self, gap: tuple[str, datetime, datetime]) -> bool:
        """Whether a gap was not asked for lately."""
        now = monotonic()
        if now < self._due.get(gap, now):
            return False
        if len(self._due) > 100_000:
            self._due = {one: due for one, due in self._due.items() if due > now}
        self._due[gap] = now + self._options.gap_fill_seconds * _PAUSES
        return True
