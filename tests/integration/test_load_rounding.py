"""Prices that were multiplied column by column: what rounding did is taken, what it cannot have done is not."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from load_kit import NEW_YORK, Bench, line

START = 1_600_000_020


def adjusted(chosen: random.Random) -> dict[str, float]:
    """A bar with its prices multiplied by one factor, each in an order of its own."""
    low = chosen.choice([0.01, 1, 29.9, 1e5]) * chosen.uniform(0.5, 2)
    high = low * chosen.choice([1, 1, 1.01])
    given = {"open": chosen.choice([low, high]), "high": high, "low": low, "close": chosen.choice([low, high])}
    factors = [chosen.uniform(0.1, 2) for _ in range(2)]
    whole = factors[0] * factors[1]
    orders: list[Callable[[float], float]] = [
        lambda price: price * factors[0] * factors[1],
        lambda price: price * factors[1] * factors[0],
        lambda price: price * whole,
        lambda price: price / (1 / whole),
    ]
    return {name: chosen.choice(orders)(price) for name, price in given.items()}


def rows_of(seed: int, count: int) -> tuple[list[dict[str, float]], int]:
    """Bars, and of how many the prices pass each other."""
    chosen = random.Random(seed)
    rows = [adjusted(chosen) for _ in range(count)]
    passing = sum(row["high"] < max(row.values()) or row["low"] > min(row.values()) for row in rows)
    return rows, passing


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("count", [500, 25_000])
@pytest.mark.parametrize("sign", [1, -1])
def test_rounding_is_taken_widened_and_counted(bench: Bench, seed: int, count: int, sign: int) -> None:
    rows, passing = rows_of(seed, count)
    assert passing > count // 20
    if sign < 0:
        rows = [
            {"open": -row["open"], "high": -row["low"], "low": -row["high"], "close": -row["close"]} for row in rows
        ]
    bench.coordinator.register("COIN", ["1m", "1d"], "24/7")
    stamps = pa.array([(START + 60 * number) * 10**6 for number in range(count)], pa.timestamp("us", "UTC"))
    table = pa.table(
        {"timestamp": stamps, "volume": [1.0] * count, **{name: [r[name] for r in rows] for name in rows[0]}}
    )
    pq.write_table(table, bench.folder / "bars.parquet")
    report = bench.load(bench.folder / "bars.parquet", symbol="COIN")
    assert (report.inserted, report.rejected, report.widened) == (count, 0, passing)
    for bar, row in zip(bench.bars("COIN"), rows, strict=True):
        assert (bar["open"], bar["close"]) == (row["open"], row["close"])
        assert (bar["high"], bar["low"]) == (max(row.values()), min(row.values()))
    bench.process()
    assert not bench.store.verify().differences


@pytest.mark.parametrize("price", [29.80552482604981, 1.0, 1e-3, 123456.789, -1.5])
@pytest.mark.parametrize("part", ["open", "close"])
@pytest.mark.parametrize("above", [True, False])
def test_a_few_units_in_the_last_place_and_no_more(bench: Bench, price: float, part: str, above: bool) -> None:
    def beyond(units: int) -> float:
        for _ in range(units):
            price_beyond[0] = math.nextafter(price_beyond[0], math.inf if above else -math.inf)
        return price_beyond[0]

    price_beyond = [price]
    flat = dict.fromkeys(("open", "high", "low", "close"), repr(price))
    rows = [line("2024-11-26 10:00", **{**flat, part: repr(beyond(2))})]
    rows.append(line("2024-11-26 10:01", **{**flat, part: repr(beyond(30))}))
    rows.append(line("2024-11-26 10:02", **{**flat, part: repr(price * (1 + 1e-9))}))
    report = bench.load_lines(*rows, timezone=NEW_YORK)
    assert (report.inserted, report.widened) == (1, 1)
    assert list(bench.reasons(report.batch_id)) == [2, 3]
    assert all(f"{part} is outside" in reason for reason in bench.reasons(report.batch_id).values())


def test_a_low_above_the_high_by_rounding(bench: Bench) -> None:
    report = bench.load_lines(
        line("2024-11-26 10:00", open=0.1, high=0.1, low=0.10000000000000002, close=0.1),
        line("2024-11-26 10:01", open=0.1, high=0.1, low=0.100000001, close=0.1),
        timezone=NEW_YORK,
    )
    assert (report.inserted, report.widened, report.rejected) == (1, 1, 1)
    assert [(bar["high"], bar["low"]) for bar in bench.bars()] == [(0.10000000000000002, 0.1)]
