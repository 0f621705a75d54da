"""Files of random trades, cut off anywhere: bars equal a recomputation, and none is complete that lacks a trade.

The oracle is that of trades of feeds. ``BARHOUSE_TRADES`` says how many files are loaded, ``BARHOUSE_SEED`` which ones.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copyfile

import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given, seed, settings
from test_trades import DAY, GRIDS, NOW, expected, register, stored

from barhouse import SessionCoordinator, open_store
from barhouse.coordinator.feeds.events import TradeEvent
from tests.extent import SEED, TRADES, shares

COMPLETE = """SELECT symbol, bar_start FROM bars
              WHERE complete AND interval = CASE symbol WHEN 'SPY' THEN '1m' ELSE '5m' END"""


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return register(tmp_path_factory.mktemp("files") / "registered.duckdb")


def made(chance: random.Random) -> list[TradeEvent]:
    """Trades in the order they were made, some of one instant."""
    at = DAY + timedelta(minutes=chance.choice([14 * 60 + 25, 14 * 60 + 29, 17 * 60 + 50]))
    found = []
    for number in range(chance.randint(1, 60)):
        at += timedelta(seconds=chance.choice([0, 0, 1, 7.5, 20, 60, 140]))
        price, size = chance.choice([100.0, 100.1, chance.uniform(90, 110)]), chance.choice([0.0, 0.1, 100.0])
        symbol = chance.choice(["SPY", "SPY", "ODD"])
        found.append(TradeEvent(symbol=symbol, id=str(number + 1), at=at, price=price, size=size))
    return found


def disordered(trades: list[TradeEvent], chance: random.Random) -> list[TradeEvent]:
    """As a file may have them: some a few places late, or the newest first."""
    if chance.random() < 0.5:
        places = [place + chance.choice([0, 0, 0, 0, 4]) for place in range(len(trades))]
        trades = [trade for _, trade in sorted(zip(places, trades, strict=True), key=lambda pair: pair[0])]
    return trades[::-1] if chance.random() < 0.3 else trades


def bucket(trade: TradeEvent) -> tuple[str, datetime]:
    width, anchors = GRIDS[trade.symbol]
    anchor = max(start for start in anchors if start <= trade.at)
    return trade.symbol, anchor + (trade.at - anchor) // timedelta(seconds=width) * timedelta(seconds=width)


def written(trades: list[TradeEvent], chance: random.Random, folder: Path, number: int) -> str:
    """A file of trades; now and then one that stands in it twice."""
    rows = trades + [trade for trade in trades if chance.random() < 0.05]
    table = pa.table(
        {
            "ticker": [trade.symbol for trade in rows],
            "ts": pa.array([trade.at for trade in rows], pa.timestamp("us", "UTC")),
            "id": [trade.id for trade in rows],
            "price": [trade.price for trade in rows],
            "qty": [trade.size for trade in rows],
        }
    )
    kind = chance.choice(["csv", "parquet"])
    path = folder / f"{number}.{kind}"
    if kind == "csv":
        pa.csv.write_csv(table, path)
    else:
        pa.parquet.write_table(table, path)
    return str(path)


@pytest.mark.parametrize(("part", "examples"), list(enumerate(shares(TRADES, 15))))
def test_bars_equal_a_recomputation_and_none_is_complete_that_lacks_a_trade(
    registered: Path,
    tmp_path: Path,
    part: int,
    examples: int,
) -> None:
    @seed(SEED * 10_000 + part)
    @settings(max_examples=examples, database=None, deadline=None, print_blob=True)
    @given(of=st.integers(0, 2**32))
    def holds(of: int) -> None:
        check(random.Random(of), Path(copyfile(registered, tmp_path / "bars.duckdb")))

    holds()


def check(chance: random.Random, path: Path) -> None:
    """Cut the file of a day into parts, with or without a loss between them; each is loaded by itself."""
    day = disordered(made(chance), chance)
    first, last = sorted(chance.choices(range(len(day) + 1), k=2))
    parts = [part for part in (day[:first], day[first:last], day[last:]) if part and chance.random() < 0.8]
    truth: dict[tuple[str, datetime], set[str]] = {}
    for trade in day:
        truth.setdefault(bucket(trade), set()).add(trade.id)
    with open_store(path, clock=lambda: NOW, settings={"threads": 1}) as store:
        coordinator = SessionCoordinator(store)
        complete: set[tuple[str, datetime]] = set()
        for number, part in enumerate(parts):
            file = written(part, chance, path.parent, number)
            for symbol, interval in (("SPY", "1m"), ("ODD", "5m")):
                if any(trade.symbol == symbol for trade in part):
                    coordinator.load_trades(file, None, interval, symbols=symbol)
            after, before = stored(store), complete
            complete = {(row["symbol"], row["bar_start"]) for row in store.sql(COMPLETE).to_pylist()}
            bars, own = expected(part), {key: set[str]() for key in truth}
            for trade in part:
                own[bucket(trade)].add(trade.id)
            for key in complete - before:
                if lateness(part, key[0]) >= lateness(day, key[0]):  # none is known that is later than all that came
                    assert own[key] == truth[key], f"{key} is complete, and lacks trades"
            for key, bar in bars.items():
                if key not in before or own[key] == truth[key]:
                    assert after[key] == bar
            if part == sorted(part, key=lambda trade: trade.at):
                assert spanned(part) <= complete
        report = store.verify()
        assert report.sound, str(report)


def lateness(trades: list[TradeEvent], symbol: str) -> timedelta:
    """How far behind the latest one a trade of a symbol is at the most, in the order of the file or against it."""
    times = [trade.at for trade in trades if trade.symbol == symbol]
    passed = [times[: place + 1] for place in range(len(times))]
    behind, ahead = [max(some) - some[-1] for some in passed], [some[-1] - min(some) for some in passed]
    return min(max(behind), max(ahead))


def spanned(part: list[TradeEvent]) -> set[tuple[str, datetime]]:
    """The bars in sessions that trades in order reach over on both sides."""
    found = set()
    for key in map(bucket, part):
        symbol, start = key
        width, _ = GRIDS[symbol]
        opens = DAY + timedelta(hours=14, minutes=30 if symbol == "SPY" else 32)
        inside = opens <= start < DAY + timedelta(hours=18) if symbol == "SPY" else opens <= start
        own = [trade.at for trade in part if trade.symbol == symbol]
        if inside and min(own) < start and max(own) >= start + timedelta(seconds=width):
            found.add(key)
    return found
