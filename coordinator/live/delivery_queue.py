"""What a feed has delivered and the store has not taken yet: bounded, so that the feed waits when it is too much."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa

from barhouse.coordinator.feeds.events import BarEvent, Event, Refused
from barhouse.coordinator.feeds.feed import Delivery, FileToLoad, Position


@dataclass(frozen=True, slots=True)
class QueuedDelivery:
    """A delivery as it waits."""

    delivery: Delivery
    arrived_at: datetime | None
    connected: bool

    @property
    def may_follow(self) -> bool:
        """Whether it may be taken together with those before it."""
        return self.delivery.file is None and not self.connected and not self.delivery.missed


@dataclass(frozen=True, slots=True)
class Taken:
    """Deliveries taken together, to be written in one transaction.

    Attributes
    ----------
    position
        Goes on after all of them.
    began_at, arrived_at
        When, by the store's clock, the first and the last of them came; None: just now.
    connected
        The feed was connected before them.
    missed
        Something that it had sent before them did not arrive.
    """

    position: Position | None
    events: Sequence[Event] = ()
    bars: Mapping[str, Sequence[pa.Table]] | None = None
    refused: Sequence[Refused] = ()
    file: FileToLoad | None = None
    began_at: datetime | None = None
    arrived_at: datetime | None = None
    connected: bool = False
    missed: bool = False

    @classmethod
    def together(cls, waiting: Sequence[QueuedDelivery]) -> Taken:
        """Put deliveries together, in their order."""
        deliveries = [one.delivery for one in waiting]
        bars: dict[str, list[pa.Table]] = {}
        for delivery in deliveries:
            for interval, table in (delivery.bars or {}).items():
                bars.setdefault(interval, []).append(table)
        return cls(
            position=deliveries[-1].position,
            events=[event for delivery in deliveries for event in delivery.events],
            bars=bars,
            refused=[refused for delivery in deliveries for refused in delivery.refused],
            file=deliveries[-1].file,
            began_at=waiting[0].arrived_at,
            arrived_at=waiting[-1].arrived_at,
            connected=waiting[0].connected,
            missed=deliveries[0].missed,
        )

    @property
    def row_count(self) -> int:
        """How many rows that is; a file counts as one."""
        tables: int = sum(table.num_rows for given in (self.bars or {}).values() for table in given)
        return len(self.events) + len(self.refused) + tables + (self.file is not None)

    @property
    def is_of_one_kind(self) -> bool:
        """Whether all rows are bars of one interval, so that an error is about each of them."""
        kinds = {event.interval if isinstance(event, BarEvent) else "" for event in self.events} | set(self.bars or {})
        return len(kinds) == 1 and "" not in kinds and not self.refused

    def spelled(self, spelling: Callable[[str], str]) -> Taken:
        """The same, with symbols as the store spells them."""
        names = {event.symbol: spelling(event.symbol) for event in self.events}
        if all(given == name for given, name in names.items()):
            return self
        return replace(self, events=[event.model_copy(update={"symbol": names[event.symbol]}) for event in self.events])

    def parts(self) -> list[Taken]:
        """The same in smaller parts, the last of which has the position; alone when it has no parts."""
        found = [replace(self, position=None, events=[], bars={}, file=None)] if self.refused else []
        part_of = replace(self, position=None, events=[], bars={}, file=None, refused=[])
        half = (len(self.events) + 1) // 2
        found += [replace(part_of, events=part) for part in (self.events[:half], self.events[half:]) if part]
        for interval, tables in (self.bars or {}).items():
            table = pa.concat_tables(tables)
            half = (table.num_rows + 1) // 2
            found += [
                replace(part_of, bars={interval: [part]}) for part in (table[:half], table[half:]) if part.num_rows
            ]
        if self.file is not None:
            found.append(replace(part_of, file=self.file))
        return [*found[:-1], replace(found[-1], position=self.position)] if found else [self]


class Backlog:
    """A queue of deliveries, bounded by their rows.

    Parameters
    ----------
    limit_rows
        With so many rows waiting, ``put`` waits too.
    """

    def __init__(self, limit_rows: int) -> None:
        self._limit_rows = limit_rows
        self._waiting: deque[QueuedDelivery] = deque()
        self._changed = asyncio.Condition()
        self._closed = False
        self.row_count = 0

    @property
    def ended(self) -> bool:
        """Whether everything that will ever come has been taken."""
        return self._closed and not self._waiting

    async def put(self, delivery: Delivery, arrived_at: datetime | None = None, *, connected: bool = False) -> None:
        """Add a delivery, the first after the feed was ``connected`` or another; waits while there is no room."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.row_count < self._limit_rows or self._closed)
            self._waiting.append(QueuedDelivery(delivery, arrived_at, connected))
            self.row_count += delivery.row_count
            self._changed.notify_all()

    async def close(self) -> None:
        """Say that nothing more will come; what waits can still be taken."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def take(self, rows: int, flush_seconds: float, patience_seconds: float) -> Taken | None:
        """Take what waits, up to about so many rows.

        Waits for the first delivery for ``patience_seconds`` (then: None), and for more for ``flush_seconds``, or until
        there are enough. A file is taken alone, and what was delivered before something was missed, or before the feed
        was connected anew, is not taken together with what came after.
        """
        async with self._changed:
            await self._wait(lambda: bool(self._waiting) or self._closed, patience_seconds)
            if not self._waiting:
                return None
            if self._waiting[0].delivery.file is None:
                await self._wait(lambda: self.row_count >= rows or self._closed, flush_seconds)
            taken = [self._pop()]
            count = taken[0].delivery.row_count
            while count < rows and taken[0].delivery.file is None and self._waiting and self._waiting[0].may_follow:
                taken.append(self._pop())
                count += taken[-1].delivery.row_count
            self._changed.notify_all()
            return Taken.together(taken)

    async def _wait(self, is_so: Callable[[], bool], seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait_for(is_so)
        except TimeoutError:
            return

    def _pop(self) -> QueuedDelivery:
        waiting = self._waiting.popleft()
        self.row_count -= waiting.delivery.row_count
        return waiting
