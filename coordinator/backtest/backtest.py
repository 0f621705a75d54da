"""Backtest: stored bars again, tick by tick of simulated time, for subscribers that see nothing beyond it.

A backtest sees the store as it was when it began: the newest batch of then is pinned, and what is loaded or corrected
later is hidden, also when the backtest goes on after a crash.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, overload

import pyarrow as pa

from barhouse.coordinator.backtest.pace import Pace
from barhouse.coordinator.backtest.point_in_time import Past
from barhouse.coordinator.backtest.replay_plan import ReplayPlan, ReplayRequest
from barhouse.coordinator.backtest.tick import Bar, Tick
from barhouse.coordinator.backtest.timeline import Stream
from barhouse.coordinator.load.door import load_source
from barhouse.coordinator.sources.opening import open_source
from barhouse.coordinator.streams.registrar import SourceBars, StreamRegistrar
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import UnknownSymbolError
from barhouse.store.model.inputs import (
    Moment,
    Names,
    as_bound,
    as_count,
    as_instant,
    as_intervals,
    as_name,
    as_session_range,
    optional,
)
from barhouse.store.model.interval import Interval, parse_all
from barhouse.store.model.symbol import ClosingBar
from barhouse.store.records import run
from barhouse.store.session_store import SessionStore, open_store

log = logging.getLogger("barhouse.backtest")

#: How often a waiting subscriber that runs in an event loop looks whether it may go on.
_ASYNC_WAIT_SECONDS = 0.05


class Backtest:
    """Replays what a store holds of some symbols, tick by tick.

    A context manager; iterate over it (``for`` or ``async for``), or hand :meth:`run` a callback. At each tick the
    bars that close are handed over, and :meth:`bars` and :meth:`forming` answer as of its instant, never beyond it.
    A tick is acknowledged when the next one is asked for, or by :meth:`acknowledge`; with a name, how far the
    backtest has come is recorded, and the same backtest goes on after the last tick on record.

    Parameters
    ----------
    store
        An open store. What waits there is derived first, unless it was opened only to be read.
    symbols
        Whose bars; on any calendars.
    intervals
        Which bars to hand over; all by default. The others can be read all the same.
    start, end
        Sessions with ``start <= session_date < end``, by their dates; by default as far as there are bars.
    warm_up
        How many sessions before the first of its calendar can be read; by default all that there are. Where
        ``start`` is left open, the sessions handed over begin after so many.
    name
        Names the run in the view ``runs``; without one nothing is recorded. A run of that name that has not come to
        its end goes on where it stopped.
    restart
        Begin again, whatever became of the last run of that name.
    resume_after
        Go on after this tick, whatever is on record: for subscribers whose own output says what they had last.
    record_every
        After how many acknowledged ticks progress is recorded; each time takes about a millisecond.
    speed
        Seconds of simulated time per second; None is as fast as it goes. Time between sessions is not waited for.

    Raises
    ------
    UnknownSymbolError
        For a symbol or interval that is not registered.
    InputError
        When there are no bars in the range; when the last run of that name was asked for something else; or when
        derived bars wait to be processed in a store that was opened only to be read.
    RunActiveError
        When a backtest of that name is going on.
    """

    def __init__(
        self,
        store: SessionStore,
        symbols: Names,
        *,
        intervals: Names | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
        warm_up: int | None = None,
        name: str | None = None,
        restart: bool = False,
        resume_after: Moment | None = None,
        record_every: int = 1,
        speed: float | None = None,
    ) -> None:
        ticks = as_count(record_every, "record_every", "how many ticks")
        warm_up_count = None if warm_up is None else as_count(warm_up, "warm_up", "how many sessions", least=0)
        wanted = None if intervals is None else tuple(str(interval) for interval in parse_all(intervals))
        names, (first, last) = tuple(store.spelling.symbols(symbols)), as_session_range(start, end)
        after = optional(as_instant, resume_after, "resume_after")
        self._store = store
        self._pace = Pace(speed)
        self._record_every = ticks
        request = ReplayRequest(names, wanted, first, last, warm_up_count)
        run_name = optional(as_name, name, "name")
        plan, self._run = ReplayPlan.begin(store, request, run_name, restart=restart)
        self._timeline, sessions = plan.timeline(store)
        self._sessions = sessions
        self._streams = {(stream.symbol, stream.interval): stream for stream in plan.streams}
        by_id = {stream.interval_id: stream for stream in plan.streams}
        self._past = Past(store, by_id, sessions, plan.since(sessions), plan.pinned)
        if after is None and self._run:
            after = self._run.cursor
        self._acknowledged = after
        self._position: Mapping[str, Any] | None = self._run.position if self._run else None
        self._unrecorded = 0
        self._current: Tick | None = None
        self._horizon = self._now = after or self._timeline.begins
        self._open_count = self._timeline.open_count(self._now)
        self._done = False

    @classmethod
    @contextmanager
    def of_source(
        cls,
        source: SourceBars,
        symbols: Names,
        intervals: Names,
        calendar: str,
        *,
        closing_bar: ClosingBar = "outside",
        case_sensitive: bool = False,
        **options: Any,
    ) -> Iterator[Backtest]:
        """Replay files or a frame, through a store in memory that is gone afterwards.

        Parameters
        ----------
        source
            The bars, and how to read them.
        intervals
            What to hand over; the source's own interval among them or not.
        calendar, closing_bar
            As in ``SessionCoordinator.register``.
        case_sensitive
            As in ``open_store``.
        options
            As for a backtest of a store: ``start``, ``end``, ``warm_up``, ``resume_after``, ``speed``.

        Raises
        ------
        RegistrationError
            Naming each symbol that the source has no bars of in the range.
        """
        wanted = as_intervals(intervals, "intervals")
        with open_store(":memory:", case_sensitive=case_sensitive) as store:
            names = store.spelling.symbols(symbols)
            StreamRegistrar(store).register_for_backtest(
                names,
                wanted,
                options.get("start"),
                options.get("end"),
                source=source,
                calendar=calendar,
                closing_bar=closing_bar,
            )
            how = source.options if source.symbol else source.options.but(symbols=tuple(names))
            opened = open_source(source.data, how)
            with store.transaction() as transaction:
                load_source(transaction, opened, source.symbol, Interval.parse(source.interval), how)
            with cls(store, names, intervals=wanted, **options) as backtest:
                yield backtest

    @property
    def now(self) -> datetime:
        """The simulated instant, UTC: that of the tick handed over last."""
        return self._now

    @property
    def acknowledged(self) -> datetime | None:
        """The last tick that was acknowledged, in this process or on record; None before the first."""
        return self._acknowledged

    @property
    def position(self) -> Mapping[str, Any] | None:
        """What the subscriber said of its own output at the last acknowledgement; None before it said anything."""
        return self._position

    @property
    def pace(self) -> Pace:
        """Pauses, steps, speeds and stops simulated time; from any thread."""
        return self._pace

    def bars(self, symbol: str, interval: str, n: int | None = None, start: Moment | None = None) -> pa.Table:
        """The bars that have closed by now, oldest first, in the columns of the view ``bars``.

        Parameters
        ----------
        n
            Only the last so many.
        start
            Only those from this session on, by its date; or with ``start <= bar_start``, for an instant.
        """
        count = None if n is None else as_count(n, "n", "how many bars")
        bound, stream = optional(as_bound, start, "start"), self._stream(symbol, interval)
        if bound is not None and not isinstance(bound, datetime):
            bound = self._sessions.day_start(stream.calendar, bound)
        return self._past.bars(stream, self._now, self._horizon, count, bound)

    def forming(self, symbol: str, interval: str) -> Bar | None:
        """The derived bar being built now, from the base bars that have closed; None where there is none."""
        return self._past.forming(self._stream(symbol, interval), self._now, self._horizon)

    def acknowledge(self, position: Mapping[str, Any] | None = None, *, record: bool = False) -> None:
        """Say that the tick handed over last is dealt with.

        Parameters
        ----------
        position
            Where the subscriber's own output stands after it, in JSON's terms. It is recorded together with the
            tick, so that a subscriber that goes on can cut its output back to where the ticks on record end.
        record
            Record it now, however many ticks ``record_every`` says.
        """
        if self._current is not None:
            self._acknowledged, self._current = self._current.now, None
            self._unrecorded += 1
            if position is not None:
                self._position = position
        if self._unrecorded and (record or self._unrecorded >= self._record_every):
            self._record()

    @overload
    def run(self, subscriber: Callable[[Tick], object], *, in_transaction: Literal[False] = False) -> None: ...

    @overload
    def run(self, subscriber: Callable[[Tick, Transaction], object], *, in_transaction: Literal[True]) -> None: ...

    def run(self, subscriber: Callable[..., object], *, in_transaction: bool = False) -> None:
        """Hand each tick to a callback.

        Parameters
        ----------
        subscriber
            Called with the tick; its returning acknowledges the tick.
        in_transaction
            Call it with the tick and a transaction of the store: what it writes through that is committed together
            with the acknowledgement, so that each tick's writes are there exactly once whatever happens.
        """
        for tick in self:
            if not in_transaction:
                subscriber(tick)
                continue
            before = self._acknowledged, self._position, self._unrecorded
            try:
                with self._store.transaction() as transaction:
                    subscriber(tick, transaction)
                    self._acknowledged, self._current = tick.now, None
                    self._unrecorded += 1
                    self._record()
            except BaseException:  # nothing of the tick is in the store, so it comes again
                self._acknowledged, self._position, self._unrecorded = before
                raise

    def __iter__(self) -> Iterator[Tick]:
        for through, ticks in self._timeline.chunks(self._acknowledged or self._timeline.begins):
            for tick in ticks:
                if not self._pace.wait(self._waits_since(), tick.now):
                    return
                yield self._handed(tick, through)
                self.acknowledge()
        self._done = True

    async def __aiter__(self) -> AsyncIterator[Tick]:
        chunks = self._timeline.chunks(self._acknowledged or self._timeline.begins)
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            through, ticks = chunk
            for tick in ticks:
                while (delay := self._pace.delay(self._waits_since(), tick.now)) != 0:
                    if delay is not None and delay < 0:
                        return
                    await asyncio.sleep(min(delay or _ASYNC_WAIT_SECONDS, _ASYNC_WAIT_SECONDS))
                yield self._handed(tick, through)
                self.acknowledge()
        self._done = True

    def close(self, error: BaseException | None = None) -> None:
        """Record how far it has come and how it ended; closing twice is fine."""
        if self._run is None:
            return
        ended, self._run = self._run, None
        with self._store.transaction() as transaction:
            if self._unrecorded:
                run.advance(transaction, ended.run_id, self._acknowledged, self._position)
            state: run.End = "failed" if error is not None else "done" if self._done else "stopped"
            run.end(transaction, ended.run_id, state, None if error is None else f"{type(error).__name__}: {error}")

    def __enter__(self) -> Backtest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(error)

    def _handed(self, tick: Tick, horizon: datetime) -> Tick:
        self._current, self._now, self._horizon = tick, tick.now, horizon
        self._open_count += len(tick.opened) - len(tick.closed)
        return tick

    def _waits_since(self) -> datetime | None:
        """The instant before, where a session has been open since."""
        return self._now if self._open_count else None

    def _record(self) -> None:
        if self._run is not None:
            with self._store.transaction() as transaction:
                run.advance(transaction, self._run.run_id, self._acknowledged, self._position)
        self._unrecorded = 0

    def _stream(self, symbol: str, interval: str) -> Stream:
        name, text = self._store.spelling.symbol(symbol), str(Interval.parse(interval))
        found = self._streams.get((name, text))
        if found is None:
            known = sorted({symbol for symbol, _ in self._streams})
            there = [interval for symbol, interval in self._streams if symbol == name]
            said = f"{name} has {', '.join(there)}" if there else f"its symbols are {', '.join(known[:5])}"
            raise UnknownSymbolError(f"this backtest does not read {name} {text}; {said}")
        return found
