"""Values that cannot be meant: counts that are none, means outside of what they are of; and what a load counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from load_kit import Bench

STAMPS = [f"2024-11-26T15:0{minute}:00Z" for minute in range(6)]
PRICES = {"open": [10.0] * 6, "high": [11.0] * 6, "low": [9.0] * 6, "close": [10.0] * 6, "volume": [5.0] * 6}


def source(folder: Path, kind: str, column: str, values: list[float]) -> Any:
    """Six bars with a column of values, as a text file, a Parquet file or a frame."""
    table = pa.table({"timestamp": STAMPS, **PRICES, column: pa.array(values, pa.float64())})
    if kind == "parquet":
        pq.write_table(table, folder / "bars.parquet")
        return folder / "bars.parquet"
    if kind == "csv":
        lines = [",".join(table.column_names)]
        lines += [",".join(map(str, row.values())) for row in table.to_pylist()]
        (folder / "bars.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return folder / "bars.csv"
    return table


@pytest.mark.parametrize("kind", ["csv", "parquet", "frame"])
def test_a_count_of_trades_is_a_whole_number_or_the_row_is_rejected(bench: Bench, tmp_path: Path, kind: str) -> None:
    given = source(tmp_path, kind, "trade_count", [1.5, -0.4, 1e20, float("inf"), 7.0, float("nan")])
    report = bench.load(given)
    assert (report.rows, report.inserted, report.rejected) == (6, 2, 4)
    assert set(bench.reasons(report.batch_id).values()) == {"trade_count is not a whole number"}
    assert [bar["trade_count"] for bar in bench.bars()] == [7, None]


@pytest.mark.parametrize("kind", ["csv", "parquet", "frame"])
def test_a_vwap_outside_of_low_and_high_is_left_out_and_counted(bench: Bench, tmp_path: Path, kind: str) -> None:
    given = source(tmp_path, kind, "vwap", [10.5, 11.0005, 11.5, 0.0, float("-inf"), float("nan")])
    report = bench.load(given)
    assert (report.inserted, report.rejected, report.vwap_left_out) == (6, 0, 3)
    assert [bar["vwap"] for bar in bench.bars()] == [10.5, 11.0005, None, None, None, None]
    again = bench.load(given)
    assert (again.unchanged, again.inserted, again.revised) == (6, 0, 0)


def test_a_vwap_is_left_out_of_many_rows_too(bench: Bench) -> None:
    """So many that they are written as they are read where nothing is to be said of them."""
    count = 25_000
    start = 1_732_631_400_000_000  # 2024-11-26 14:30
    starts = [start + minute % 390 * 60_000_000 + minute // 390 * 86_400_000_000 for minute in range(count)]
    table = pa.table(
        {
            "timestamp": pa.array(starts, pa.timestamp("us", "UTC")),
            **{part: [values[0]] * count for part, values in PRICES.items()},
            "vwap": [10.0] * (count - 1) + [20.0],
        }
    )
    report = bench.load(table)
    assert (report.inserted, report.vwap_left_out) == (count, 1)
    assert bench.bars()[-1]["vwap"] is None


def test_counts_of_a_load_with_refused_rows_that_repeat_a_bar_add_up(bench: Bench) -> None:
    """Refused rows are no repeats; of the others the last counts, and those that differ from it are rejected."""
    rows = [
        "2024-11-26T15:00:00Z,10,11,9,10,1",  # contradicted by the last
        "2024-11-26T15:00:00Z,10,8,9,10,2",  # high is below low
        "2024-11-26T15:00:00Z,10,11,9,10,3",  # says what the last says
        "2024-11-26T15:00:00Z,10,11,9,10,3",  # the bar
        "2024-11-26T15:00:00Z,10,11,9,10,-3",  # volume is negative
        "2024-11-26T15:01:00Z,10,8,9,10,4",  # nothing but a refused row
    ]
    report = bench.load_lines(*rows)
    assert (report.rows, report.inserted, report.unchanged, report.rejected, report.repeated) == (6, 1, 1, 4, 1)
    assert [bar["volume"] for bar in bench.bars()] == [3.0]
    assert sorted(bench.reasons(report.batch_id)) == [1, 2, 5, 6]
    again = bench.load(bench.write(*rows, name="again.csv"))
    assert (again.inserted, again.revised, again.unchanged, again.rejected) == (0, 0, 2, 4)
