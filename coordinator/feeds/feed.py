"""What a live feed is to a session: it delivers bars or trades, each delivery with the place to go on after it."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa

from barhouse.coordinator.feeds.events import Event, Refused
from barhouse.coordinator.sources.options import LoadOptions

#: Where a feed goes on, in its own terms; whatever JSON can say.
Position = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Offer:
    """What a feed has.

    Attributes
    ----------
    intervals
        The intervals of its bars, for all symbols or by symbol; None when it does not say. For a feed of trades:
        the base intervals they may be built into.
    symbols
        The symbols it has; None when it does not say.
    """

    intervals: tuple[str, ...] | Mapping[str, tuple[str, ...]] | None = None
    symbols: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class FileToLoad:
    """A file whose bars are delivered, and how to read it."""

    path: Path
    interval: str
    symbol: str | None
    options: LoadOptions


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a feed hands over at a time.

    Attributes
    ----------
    position
        Goes on after this delivery; acknowledged once it is committed. None for one that cannot be gone on after.
    events
        Bars and trades, in the order they were sent.
    bars
        Base bars by interval, as tables in the columns of a load; quicker than events where they are many.
    refused
        What was sent and cannot be understood.
    file
        A file to load.
    missed
        Something was sent before this that did not arrive and will not come again: gaps are looked for at once, and
        base bars that lack trades by it are incomplete.
    """

    position: Position | None
    events: Sequence[Event] = ()
    bars: Mapping[str, pa.Table] | None = None
    refused: Sequence[Refused] = ()
    file: FileToLoad | None = None
    missed: bool = False

    @property
    def row_count(self) -> int:
        """How many rows it has; a file counts as a thousand, before it is read."""
        tables: int = sum(table.num_rows for table in (self.bars or {}).values())
        return len(self.events) + len(self.refused) + tables + (1000 if self.file else 0)


@runtime_checkable
class History(Protocol):
    """Whatever can be asked for bars of the past; feeds may be."""

    async def ask(self, symbol: str, interval: str, start: datetime, end: datetime) -> object | None:
        """Base bars with ``start <= bar_start < end``, as anything ``SessionCoordinator.load`` takes; None: no answer.

        Called without ``await`` where it is no coroutine.
        """


class Feed(History, Protocol):
    """Delivers bars or trades as they come.

    A class that inherits from this one need only write ``name``, ``offer`` and ``deliveries``; where somebody keeps
    what was not acknowledged yet, ``acknowledge``, too. A session calls one method at a time, ``ask`` aside.

    - What may come right by connecting again is raised as ``FeedError``: the session waits a little and calls ``offer``
      or ``deliveries`` again. ``InputError`` ends the session. So does anything else, as a mistake of the feed.
    - Trades come in the order they were made, those of all symbols together; one that comes after a later one is late.
      How far they have come is the feed's time: it says which base bars were seen from their start to their end.
    - Nothing is lost if ``deliveries`` gives everything after the position it was given. Nothing is harmed if it gives
      more: events that come again change nothing.
    - A message that cannot be understood is delivered as ``Refused``, not raised: it must not come again for ever.
    """

    @property
    def name(self) -> str:
        """What reports call it. A run that goes on hands its position only to a feed of the same name."""

    async def offer(self) -> Offer:
        """Say what it has; the first thing a session asks. Symbols are registered by it."""

    def deliveries(self, symbols: Sequence[str], position: Position | None) -> AsyncIterator[Delivery]:
        """Connect, and deliver what was sent after ``position``; an asynchronous generator.

        The first delivery is an empty one, ``Delivery(None)``: it says that the connection stands. It ends only when
        nothing will ever come again, and then the session ends, too.

        Parameters
        ----------
        symbols
            Those of the session; events of others are passed over.
        position
            That of the last delivery that was taken: of this session, or, at its start, the last one committed by the
            run that it goes on with. None is the beginning.
        """

    async def subscribe(self, symbols: Sequence[str]) -> None:
        """Deliver these symbols too, from now on."""
        return

    async def unsubscribe(self, symbols: Sequence[str]) -> None:
        """Deliver these symbols no longer."""
        return

    async def acknowledge(self, position: Position, problem: str | None = None) -> None:
        """Everything up to ``position`` is committed and need not be kept for this session.

        It comes after each transaction, which may hold many deliveries: those in between are not acknowledged by
        themselves. ``problem`` says why the file delivered last could not be loaded, if so.
        """
        return

    async def ask(self, symbol: str, interval: str, start: datetime, end: datetime) -> object | None:
        """As ``History.ask``: what fills gaps; without it they stay."""
        return None

    async def close(self) -> None:
        """Give back what it holds open; called once, at the end."""
        return


@asynccontextmanager
async def stream_of(
    feed: Feed, symbols: Sequence[str], position: Position | None
) -> AsyncIterator[AsyncIterator[Delivery]]:
    """What a feed delivers, closed at the end where it can be.

    Raises
    ------
    TypeError
        When that is nothing to go through asynchronously.
    """
    deliveries = feed.deliveries(symbols, position)
    if not isinstance(deliveries, AsyncIterable):
        if inspect.iscoroutine(deliveries):
            deliveries.close()
        raise TypeError(
            f"deliveries gives a {type(deliveries).__name__}, which is no asynchronous generator: write it with async "
            f"def and yield"
        )
    stream = aiter(deliveries)
    try:
        yield stream
    finally:
        if (close := getattr(stream, "aclose", None)) is not None:
            await close()


async def ask(history: History, symbol: str, interval: str, start: datetime, end: datetime) -> object | None:
    """Ask a feed or another source for bars, whether it answers at once or later."""
    answer = history.ask(symbol, interval, start, end)
    return await answer if inspect.isawaitable(answer) else answer
