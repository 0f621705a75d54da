"""Rows that their source marks as bars that are not whole are left out, whatever the mark is called and holds."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from load_kit import HEADER, Bench, line, minutes, unchanged

from barhouse import inspect_source
from barhouse.store.errors import RejectedBarsError

STAMPS = [f"{stamp}Z" for stamp in minutes("2024-11-26 15:00", "2024-11-26 15:03")]
WHOLE = ["2024-11-26 15:00", "2024-11-26 15:01"]


def table(name: str, marks: list[Any]) -> pa.Table:
    prices = {part: [10.0] * 3 for part in ("open", "high", "low", "close", "volume")}
    return pa.table({"timestamp": STAMPS, **prices, name: marks})


@pytest.mark.parametrize(
    "name", ["complete", "is_closed", "closed", "isClosed", "Confirm", "is_final", "candle.complete"]
)
@pytest.mark.parametrize(
    ("whole", "forming"), [("true", "false"), ("1", "0"), ("True", " FALSE "), ("", "0"), ("Y", "N")]
)
def test_a_row_marked_as_not_whole_is_left_out(bench_of_module: Bench, name: str, whole: str, forming: str) -> None:
    bench = bench_of_module
    rows = [f"{line(stamp)},{mark}" for stamp, mark in zip(STAMPS, (whole, whole, forming), strict=True)]
    report = bench.load(bench.write(*rows, header=f"{HEADER},{name}"))
    assert (report.rows, report.rejected, bench.starts()) == (3, 1, WHOLE)
    (reject,) = report.rejects
    assert (reject.reason, reject.first_row) == (f"the bar is not whole, as its column {name} says", 3)


@pytest.mark.parametrize("name", ["partial", "is_forming", "Incomplete", "in_progress"])
@pytest.mark.parametrize(("whole", "forming"), [("false", "true"), ("0", "1"), ("", "yes")])
def test_so_is_one_marked_as_forming(bench_of_module: Bench, name: str, whole: str, forming: str) -> None:
    bench = bench_of_module
    rows = [f"{line(stamp)},{mark}" for stamp, mark in zip(STAMPS, (whole, whole, forming), strict=True)]
    assert bench.load(bench.write(*rows, header=f"{HEADER},{name}")).rejected == 1
    assert bench.starts() == WHOLE


@pytest.mark.parametrize("marks", [[True, None, False], [1, 1, 0], [1.0, None, 0.0], ["1", "1", "0"]])
@pytest.mark.parametrize("kind", ["arrow", "pandas", "parquet"])
def test_marks_in_columns_of_any_type(bench: Bench, marks: list[Any], kind: str) -> None:
    data: Any = table("confirm", marks)
    if kind == "pandas":
        data = data.to_pandas()
    if kind == "parquet":
        pq.write_table(data, bench.folder / "bars.parquet")
        data = bench.folder / "bars.parquet"
    assert bench.load(data).rejected == 1
    assert bench.starts() == WHOLE


def test_the_answer_of_oanda(bench: Bench) -> None:
    candles = [
        {"complete": stamp != STAMPS[2], "volume": 5, "time": stamp, "mid": {"o": "10", "h": "11", "l": "9", "c": "10"}}
        for stamp in STAMPS
    ]
    path = bench.folder / "candles.json"
    path.write_text(json.dumps({"instrument": "SPY", "granularity": "M1", "candles": candles}))
    named = {"open": "mid.o", "high": "mid.h", "low": "mid.l", "close": "mid.c"}
    assert bench.load(path, columns=named).rejected == 1
    assert bench.starts() == WHOLE
    inspected = inspect_source(path, "SPY", "1m", columns=named)
    assert (len(inspected.bars), [one.count for one in inspected.rejects]) == (2, [1])


def test_what_a_stream_of_candles_wrote_as_it_came(bench: Bench) -> None:
    """Binance sends each candle many times, and ``x`` once it is closed."""
    rows = [
        {"e": "kline", "k": {"t": 1732633200000, "o": 10, "h": high, "l": 9, "c": 10, "v": 5, "x": closed}}
        for high, closed in ((10, False), (11, False), (12, True))
    ]
    path = bench.folder / "stream.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    named = {"bar_start": "k.t", "open": "k.o", "high": "k.h", "low": "k.l", "close": "k.c", "volume": "k.v"}
    report = bench.load(path, columns=named, timestamp_format="epoch_ms")
    assert (report.inserted, report.rejected) == (1, 2)
    assert bench.bars()[0]["high"] == 12


def test_it_is_loaded_once_it_is_whole(bench: Bench) -> None:
    early, late = table("complete", [True, True, False]), table("complete", [True] * 3)
    assert (bench.load(early).inserted, bench.load(late).inserted) == (2, 1)
    assert bench.load(early).revised == 0, "an older file takes nothing of it back"


def test_a_source_without_whole_bars_is_refused_with_the_way_out(bench: Bench) -> None:
    with unchanged(bench), pytest.raises(RejectedBarsError) as refused:
        bench.load(table("closed", [0, 0, 0]))
    assert "its column closed says" in str(refused.value)
    assert str(refused.value).endswith("where that column means something else, leave it out")


@pytest.mark.parametrize("name", ["closed_by", "confirmations", "closed_trades", "x", "finality", "is_open"])
def test_other_columns_mark_nothing(bench: Bench, name: str) -> None:
    assert bench.load(table(name, [0, 0, 0])).rejected == 0
    assert bench.load(table(name, [1, 1, 1])).rejected == 0


def test_a_column_that_was_said_to_be_a_part_marks_nothing(bench: Bench) -> None:
    assert bench.load(table("final", [10.0, 10.0, 0.0]), columns={"vwap": "final"}).rejected == 0


def test_of_our_own_bars_those_that_lack_some_are_not_made_whole(bench: Bench) -> None:
    """Five minutes of which one is missing, given to another symbol that is loaded with such."""
    bench.coordinator.register("FIVE", ["5m"], "XNYS", base="5m")
    bench.load_lines(
        *[line(f"{stamp}Z") for stamp in minutes("2024-11-26 15:00", "2024-11-26 15:10", without=["15:07"])]
    )
    bench.coordinator.register("SPY", ["5m"], "XNYS")
    bench.process()
    assert [bar["complete"] for bar in bench.ask("FROM bars WHERE interval = '5m' ORDER BY bar_start")] == [True, False]
    report = bench.load(bench.store.bars("SPY", "5m"), interval="5m", symbol="FIVE")
    assert (report.inserted, report.rejected) == (1, 1)
