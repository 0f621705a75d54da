"""Trades in, equal bars out: whatever order trades, corrections and cancellations arrive in, and however often.

The oracle knows nothing of the store: of each trade it takes the greatest event, sorts, and computes bar by bar.
``BARHOUSE_TRADES`` says how many sets of trades are sent, ``BARHOUSE_SEED`` which ones.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copyfile

import hypothesis.strategies as st
import pytest
from hypothesis import given, seed, settings
from oracle import to_decimal, to_double

from barhouse import SessionCoordinator, SessionStore, open_store
from barhouse.coordinator.feeds.events import CancelEvent, Event, TradeEvent
from barhouse.coordinator.live.delivery_queue import Taken
from barhouse.coordinator.live.options import LiveOptions
from barhouse.coordinator.live.writer import LiveWriter
from tests.extent import SEED, TRADES, shares

DAY = datetime(2024, 11, 29, tzinfo=UTC)  # a half day: XNYS is open from 14:30 to 18:00
NOW = DAY + timedelta(hours=18, minutes=40)
#: Where buckets are counted from, and how long they are: between sessions from the last close, then from the open.
GRIDS = {
    "SPY": (
        60,
        [DAY - timedelta(days=2) + timedelta(hours=21), DAY + timedelta(hours=14.5), DAY + timedelta(hours=18)],
    ),
    "ODD": (300, [DAY - timedelta(hours=2, minutes=58), DAY + timedelta(hours=14, minutes=32)]),
}
OPTIONS = LiveOptions(trades_kept_seconds=7 * 3600, settle_seconds=0)


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return register(tmp_path_factory.mktemp("trades") / "registered.duckdb")


def register(path: Path) -> Path:
    """A store that knows symbols on two grids."""
    with open_store(path, clock=lambda: NOW) as store:
        coordinator = SessionCoordinator(store)
        coordinator.add_calendar("ODD", timezone="America/New_York", open="09:32", close="16:02")
        coordinator.register("SPY", ["1m", "5m", "1h", "1d"], "XNYS")
        coordinator.register("ODD", ["5m", "15m"], "ODD", base="5m")
    return path


@st.composite
def events(draw: st.DrawFn) -> list[Event]:
    """What is sent of some trades: each once or corrected, some cancelled; times cluster so that they share bars."""
    chance = draw(st.randoms(use_true_random=False))
    found: list[Event] = []
    for number in range(draw(st.integers(1, 25))):
        symbol = chance.choice(["SPY", "SPY", "ODD"])
        named = chance.choice(["{}", "{}", "{}00000000000000000000", "T{}"]).format(number)
        at = DAY + timedelta(minutes=chance.choice([14 * 60 + 10, 14 * 60 + 30, 14 * 60 + 33, 17 * 60 + 58]))
        for revision in range(chance.choice([1, 1, 1, 2, 3])):
            found.append(
                TradeEvent(
                    symbol=symbol,
                    id=named,
                    at=at + timedelta(seconds=chance.choice([0, 1, 59.999999, 60, 130, 400])),
                    price=chance.choice([100.0, 100.1, 99.7, chance.uniform(90, 110)]),
                    size=chance.choice([0.0, 0.1, 1.0, 100.0, chance.uniform(0.001, 1000)]),
                    sequence=chance.choice([0, 0, 1, 2]),
                    revision=revision,
                )
            )
        if chance.random() < 0.2:
            known = chance.random() < 0.5
            found.append(CancelEvent(symbol=symbol, id=named, at=found[-1].at if known else None))
    return found


def expected(sent: list[Event]) -> dict[tuple[str, datetime], tuple[object, ...]]:
    gone = {(one.symbol, one.id) for one in sent if isinstance(one, CancelEvent)}
    kept: dict[tuple[str, str], TradeEvent] = {}
    for one in sent:
        key = (one.symbol, one.id)
        if isinstance(one, TradeEvent) and key not in gone and (key not in kept or kept[key].revision < one.revision):
            kept[key] = one
    buckets: dict[tuple[str, datetime], list[TradeEvent]] = {}
    for one in kept.values():
        width, anchors = GRIDS[one.symbol]
        anchor = max(start for start in anchors if start <= one.at)
        start = anchor + (one.at - anchor) // timedelta(seconds=width) * timedelta(seconds=width)
        buckets.setdefault((one.symbol, start), []).append(one)
    bars = {}
    for key, trades in buckets.items():
        trades.sort(key=lambda one: (one.at, one.sequence, int(one.id) if one.id.isdecimal() else 10**60, one.id))
        prices = [one.price for one in trades]
        volume = to_double(sum(to_decimal(one.size, 9) for one in trades), 9)
        turnover = to_double(sum(to_decimal(one.price * one.size, 15) for one in trades), 15)
        vwap = min(max(turnover / volume, min(prices)), max(prices)) if volume > 0 else None
        bars[key] = (prices[0], max(prices), min(prices), prices[-1], volume, len(trades), vwap)
    return bars


def stored(store: SessionStore) -> dict[tuple[str, datetime], tuple[object, ...]]:
    rows = store.sql(
        "SELECT symbol, bar_start, open, high, low, close, volume, trade_count, vwap FROM bars"
        " WHERE interval = CASE symbol WHEN 'SPY' THEN '1m' ELSE '5m' END"
    ).to_pylist()
    return {(row["symbol"], row["bar_start"]): tuple(list(row.values())[2:]) for row in rows}


@pytest.mark.parametrize(("part", "examples"), list(enumerate(shares(TRADES, 5))))
def test_bars_equal_a_recomputation_in_any_order(registered: Path, tmp_path: Path, part: int, examples: int) -> None:
    @seed(SEED * 10_000 + part)
    @settings(max_examples=examples, database=None, deadline=None, print_blob=True)
    @given(sent=events(), order=st.integers(0, 2**32))
    def holds(sent: list[Event], order: int) -> None:
        check(sent, random.Random(order), Path(copyfile(registered, tmp_path / "bars.duckdb")))

    holds()


def check(sent: list[Event], chance: random.Random, path: Path) -> None:
    """Send events in any order, some of them twice, and compare."""
    arriving = sent + [one for one in sent if chance.random() < 0.3]
    chance.shuffle(arriving)
    with open_store(path, clock=lambda: NOW, settings={"threads": 1}) as store:
        writer = LiveWriter(store, "test", OPTIONS)
        writer.symbols = {"SPY", "ODD"}
        writer.begin("test", {})
        while arriving:
            count = chance.randint(1, 12)
            writer.write(Taken({"n": len(arriving)}, events=arriving[:count]))
            arriving = arriving[count:]
            if chance.random() < 0.3:
                writer.beat(DAY + timedelta(hours=chance.uniform(14, 18.5)))
        writer.beat(NOW)
        assert stored(store) == expected(sent)
        assert writer.counts.refused_count == 0
        report = store.verify()
        assert report.sound, str(report)
