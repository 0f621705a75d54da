"""What the tests of live sessions share: a clock that is set, a feed that is scripted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from barhouse.coordinator.feeds.events import BarEvent, CancelEvent, TradeEvent
from barhouse.coordinator.feeds.feed import Delivery, Offer, Position

OPEN = datetime(2024, 11, 29, 14, 30, tzinfo=UTC)  # of a half day in New York; it closes at 18:00
MINUTE = timedelta(minutes=1)


class Clock:
    """Shows what it was set to."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def bar(minute: int, symbol: str = "SPY", close: float = 100.5, **given: Any) -> BarEvent:
    values = {"open": 100.0, "high": max(101.0, close), "low": 99.0, "close": close, "volume": 10.0 + minute, **given}
    return BarEvent(symbol=symbol, interval="1m", start=OPEN + minute * MINUTE, **values)


def trade(
    number: object, second: float, price: float, size: float = 1.0, symbol: str = "SPY", **given: Any
) -> TradeEvent:
    return TradeEvent(
        symbol=symbol, id=str(number), at=OPEN + timedelta(seconds=second), price=price, size=size, **given
    )


def cancel(number: object, symbol: str = "SPY", **given: Any) -> CancelEvent:
    return CancelEvent(symbol=symbol, id=str(number), **given)


class Scripted:
    """A feed that does what a list says: deliver events, raise, call something; then it ends."""

    name = "scripted"

    def __init__(self, *steps: Any, offer: Offer | None = None, history: dict[str, Any] | None = None) -> None:
        self.steps = list(steps)
        self.acknowledged: list[Position] = []
        self.asked: list[tuple[str, datetime, datetime]] = []
        self.began_after: list[Position | None] = []
        self.subscribed: list[str] = []
        self.problems: list[str] = []
        self._offer = offer or Offer(intervals=("1m",))
        self._history = history or {}
        self._count = 0
        self.keeps_open = False

    async def offer(self) -> Offer:
        return self._offer

    async def deliveries(self, symbols: Sequence[str], position: Position | None) -> AsyncIterator[Delivery]:
        self.began_after.append(position)
        yield Delivery(None)
        while self.steps:
            step = self.steps.pop(0)
            if isinstance(step, BaseException):
                raise step
            if callable(step):
                found = step()
                if asyncio.iscoroutine(found):
                    await found
                continue
            self._count += 1
            yield step if isinstance(step, Delivery) else Delivery({"n": self._count}, events=step)
        if self.keeps_open:
            await asyncio.Event().wait()

    async def subscribe(self, symbols: Sequence[str]) -> None:
        self.subscribed += symbols

    async def unsubscribe(self, symbols: Sequence[str]) -> None:
        self.subscribed = [one for one in self.subscribed if one not in symbols]

    async def acknowledge(self, position: Position, problem: str | None = None) -> None:
        self.acknowledged.append(position)
        if problem:
            self.problems.append(problem)

    def ask(self, symbol: str, interval: str, start: datetime, end: datetime) -> object | None:
        self.asked.append((symbol, start, end))
        return self._history.get(symbol)

    async def close(self) -> None:
        return None
