"""What a bar may lack: however a source says that it is unknown, the bar is taken, and alike from each."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from load_kit import HEADER, Bench, line

from barhouse.coordinator.feeds.events import bar_tables, parse_events

pl = pytest.importorskip("polars")

STAMPS = ["2024-11-26T15:00:00Z", "2024-11-26T15:01:00Z"]
WORDS = ["", " ", "-", "NaN", "nan", "null", "NULL", "None"]
NUMBERS: list[Any] = [None, math.nan]
PRICES = {"open": 10.0, "high": 11.0, "low": 9.0, "close": 10.0, "volume": 100.0}


def rows(part: str, unknown: object) -> dict[str, list[Any]]:
    """Two bars: of the first a part is unknown, of the second it is 10."""
    columns: dict[str, list[Any]] = {"timestamp": STAMPS, **{name: [value] * 2 for name, value in PRICES.items()}}
    return columns | {"trade_count": [10, 10], "vwap": [10, 10]} | {part: [unknown, "10" if unknown in WORDS else 10]}


def as_csv(bench: Bench, part: str, unknown: object) -> object:
    values = [("" if value is None else value) for value in rows(part, unknown)[part]]
    return bench.write(*(f"{line(stamp)},{value}" for stamp, value in zip(STAMPS, values, strict=True)),
                       header=f"{HEADER},{part}")  # fmt: skip


def as_arrow(_: Bench, part: str, unknown: object) -> pa.Table:
    columns = rows(part, unknown)
    kinds = {name: pa.array(values) for name, values in columns.items() if name != part}
    kind = pa.string() if isinstance(unknown, str) else pa.float64()
    return pa.table({**kinds, part: pa.array(columns[part], kind, from_pandas=False)})


def as_parquet(bench: Bench, part: str, unknown: object) -> object:
    pq.write_table(as_arrow(bench, part, unknown), bench.folder / "bars.parquet")
    return bench.folder / "bars.parquet"


SOURCES: dict[str, Callable[[Bench, str, object], object]] = {
    "csv": as_csv,
    "arrow": as_arrow,
    "parquet": as_parquet,
    "pandas": lambda _, part, unknown: pd.DataFrame(rows(part, unknown)),
    "polars": lambda bench, part, unknown: pl.from_arrow(as_arrow(bench, part, unknown)),
}


@pytest.mark.parametrize("part", ["vwap", "trade_count"])
@pytest.mark.parametrize("source", SOURCES)
def test_unknown_is_unknown_in_every_source(bench: Bench, source: str, part: str) -> None:
    for unknown in [*WORDS, *NUMBERS]:
        report = bench.load(SOURCES[source](bench, part, unknown))
        assert (report.rows, report.rejected) == (2, 0), unknown
        assert [bar[part] for bar in bench.bars()] == [None, 10], unknown


@pytest.mark.parametrize("part", ["vwap", "trade_count"])
@pytest.mark.parametrize("unknown", [*WORDS, *NUMBERS])
def test_unknown_is_unknown_in_a_message(part: str, unknown: object) -> None:
    bar = {"type": "bar", "symbol": "SPY", "interval": "1m", "start": STAMPS[0], **PRICES, part: unknown}
    for message in (bar, [bar, {"type": "none"}]):
        events, refused = parse_events(json.dumps(message))
        assert [getattr(event, part) for event in events] == [None]
        assert len(refused) == (isinstance(message, list))
        assert bar_tables(events)["1m"][part].to_pylist() == [None]


@pytest.mark.parametrize("word", ["-", "null", "NaN", "None"])
@pytest.mark.parametrize("part", ["open", "volume"])
def test_what_a_bar_needs_may_not_be_unknown(bench: Bench, part: str, word: str) -> None:
    report = bench.load_lines(line(STAMPS[0]), line(STAMPS[1], **{part: word}))
    assert (report.inserted, report.rejected) == (1, 1)


@pytest.mark.parametrize("part", PRICES)
@pytest.mark.parametrize("source", ["arrow", "parquet", "polars"])
@pytest.mark.parametrize("count", [2, 25_000])
def test_nan_is_no_price_in_any_source(bench: Bench, source: str, part: str, count: int) -> None:
    """The statistics of a Parquet file leave NaN out, so that it may seem to lie between any bounds."""
    bench.coordinator.register("COIN", ["1m"], "24/7")
    stamps = pa.array([(1_600_000_020 + 60 * number) * 10**6 for number in range(count)], pa.timestamp("us", "UTC"))
    columns = {name: [value] * count for name, value in PRICES.items()}
    columns[part][1] = math.nan
    table = pa.table({"timestamp": stamps, **columns})
    pq.write_table(table, bench.folder / "bars.parquet")
    data = {"arrow": table, "parquet": bench.folder / "bars.parquet", "polars": pl.from_arrow(table)}[source]
    report = bench.load(data, symbol="COIN")
    assert bench.reasons(report.batch_id) == {2: "a price or the volume is not finite"}
