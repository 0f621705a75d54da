"""A live run at many times real time: ``python -m tests.benchmarks.live_session [SYMBOLS] [MINUTES] [TIMES]``.

A producer in this process makes one minute of bars each 1/TIMES minute, as JSON messages of a feed, and the session
parses, loads and derives them into five intervals beside their base. Prints how far commits lag behind the end of each
minute (in seconds of the machine's clock), how deep the backlog became, and how much memory it took.
"""

from __future__ import annotations

import asyncio
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from barhouse import open_store
from barhouse.coordinator.feeds.events import parse_events
from barhouse.coordinator.feeds.feed import Delivery, Offer, Position
from barhouse.coordinator.live.options import LiveOptions
from barhouse.coordinator.live.session import LiveSession

START = datetime(2024, 3, 4, tzinfo=UTC)
INTERVALS = ["1m", "5m", "15m", "30m", "1h", "1d"]
BARS_PER_MESSAGE = 500


class Market:
    """Made-up minutes: each is sent when the simulated clock has reached its end."""

    name = "market"

    def __init__(self, symbols: list[str], minutes: int, times: float) -> None:
        self.symbols = symbols
        self.minutes = minutes
        self.second = 60.0 / times
        self.began = 0.0
        self.lags: list[float] = []
        self.late_sends: list[float] = []

    def now(self) -> datetime:
        """The simulated clock."""
        passed = (time.monotonic() - self.began) / self.second if self.began else 0.0
        return START + timedelta(minutes=passed)

    async def offer(self) -> Offer:
        return Offer(("1m",))

    async def deliveries(self, symbols: Sequence[str], position: Position | None) -> AsyncIterator[Delivery]:
        self.began = time.monotonic()
        yield Delivery(None)
        for minute in range(self.minutes):
            due = self.began + (minute + 1) * self.second
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            for first in range(0, len(self.symbols), BARS_PER_MESSAGE):
                text = self.message(self.symbols[first : first + BARS_PER_MESSAGE], minute)
                events, refused = parse_events(text)
                last = first + BARS_PER_MESSAGE >= len(self.symbols)
                yield Delivery({"minute": minute if last else minute - 1}, events=events, refused=refused)
            self.late_sends.append(time.monotonic() - due)

    def message(self, symbols: list[str], minute: int) -> str:
        start = (START + timedelta(minutes=minute)).isoformat()
        price = 100.0 + minute % 7
        return json.dumps(
            [
                {
                    **{"type": "bar", "symbol": symbol, "interval": "1m", "start": start, "open": price},
                    **{"high": price + 1, "low": price - 1, "close": price + 0.5, "volume": 100 + minute},
                    **{"trade_count": 9, "vwap": price + 0.1},
                }
                for symbol in symbols
            ]
        )

    async def acknowledge(self, position: Position, problem: str | None = None) -> None:
        for minute in range(len(self.lags), int(position["minute"]) + 1):
            self.lags.append(time.monotonic() - self.began - (minute + 1) * self.second)

    async def subscribe(self, symbols: Sequence[str]) -> None: ...

    async def unsubscribe(self, symbols: Sequence[str]) -> None: ...

    async def ask(self, symbol: str, interval: str, start: datetime, end: datetime) -> object | None:
        return None

    async def close(self) -> None: ...


async def measure(symbol_count: int, minutes: int, times: float) -> None:
    """Run once, and print."""
    market = Market([f"S{number:05}" for number in range(symbol_count)], minutes, times)
    with (
        tempfile.TemporaryDirectory() as folder,
        open_store(Path(folder) / "bars.duckdb", clock=market.now, settings={"threads": 2}) as store,
    ):
        session = LiveSession(store, market, market.symbols, INTERVALS, "24/7", options=LiveOptions())
        running = asyncio.create_task(session.run())
        depths, memory = [], []
        while not running.done():
            depths.append(session.status().backlog_rows)
            memory.append(_resident_mb())
            await asyncio.wait([running], timeout=0.25)
        status = await running
        took = time.monotonic() - market.began
        lags = sorted(market.lags)
        half = len(memory) // 2
        print(f"{symbol_count:,} symbols x {len(INTERVALS)} intervals, {minutes} minutes at {times:g} times real time")
        print(f"  {status.inserted_count:,} base bars, {status.closed_count:,} derived, in {took:.1f} s")
        print(
            f"  lag of commits, seconds: median {statistics.median(lags):.2f}, p95 {lags[int(len(lags) * 0.95)]:.2f}, "
            f"p99 {lags[int(len(lags) * 0.99)]:.2f}, max {lags[-1]:.2f}; of the last ten minutes "
            f"{statistics.mean(market.lags[-10:]):.2f}"
        )
        print(f"  backlog at most {max(depths):,} rows; the producer itself was late by {max(market.late_sends):.2f} s")
        print(
            f"  resident memory: {memory[0]:.0f} MB at first, {max(memory[:half]):.0f} MB at most in the first half, "
            f"{max(memory[half:]):.0f} MB in the second; "
            f"{resource.getrusage(resource.RUSAGE_SELF).ru_utime:.0f} s of CPU"
        )
        report = store.verify()
        print(f"  {report}")


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


if __name__ == "__main__":
    given = sys.argv[1:]
    defaults = ["5000", "120", "60"]
    symbols_, minutes_, times_ = [*given, *defaults[len(given) :]]
    asyncio.run(measure(int(symbols_), int(minutes_), float(times_)))
