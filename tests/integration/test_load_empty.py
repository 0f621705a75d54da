"""Rows that say nothing of a bar are counted and no more; rows beyond a calendar are rejected by themselves."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from load_kit import Bench, line, minutes, unchanged

from barhouse.coordinator.cli.sentences.load import loaded
from barhouse.store.errors import RejectedBarsError

STAMPS = [f"{stamp}Z" for stamp in minutes("2024-11-26 15:00", "2024-11-26 15:03")]
PRICES = ("open", "high", "low", "close")


@pytest.mark.parametrize("unknown", ["", "NaN", "nan", "null", "-", "None"])
@pytest.mark.parametrize("volume", ["", "NaN", "0", "0.0", "null"])
def test_rows_without_any_value_are_no_bars(bench_of_module: Bench, unknown: str, volume: str) -> None:
    bench = bench_of_module
    text = bench.write(line(STAMPS[0]), line(STAMPS[1], *[unknown] * 4, volume), line(STAMPS[2]))
    report = bench.load(text)
    assert (report.rows, report.rejected, report.empty) == (2, 0, 1)
    assert "1 without any value" in loaded(report)
    assert bench.starts() == [STAMPS[0][:16], STAMPS[2][:16]]


@pytest.mark.parametrize("kind", ["pandas", "arrow", "parquet"])
def test_the_same_in_columns_of_numbers(bench: Bench, kind: str) -> None:
    values = {name: [10.0, np.nan, 10.0] for name in (*PRICES, "volume")}
    frame = pd.DataFrame({"timestamp": pd.to_datetime(STAMPS), **values})
    data: object = frame
    if kind != "pandas":
        data = pa.table({"timestamp": STAMPS, **{name: pa.array(column) for name, column in values.items()}})
        if kind == "parquet":
            pq.write_table(data, bench.folder / "bars.parquet")
            data = bench.folder / "bars.parquet"
    report = bench.load(data)
    assert (report.inserted, report.rejected, report.empty) == (2, 0, 1)


@pytest.mark.parametrize(
    ("open_", "volume", "reason"),
    [("10", "0", "high is missing"), ("", "5", "open is missing"), ("x", "", "open is not a number")],
)
def test_rows_with_some_value_are_rejected(bench: Bench, open_: str, volume: str, reason: str) -> None:
    report = bench.load_lines(line(STAMPS[0]), line(STAMPS[1], open_, "", "", "", volume))
    assert (report.inserted, report.empty) == (1, 0)
    assert [one.reason for one in report.rejects] == [reason]


def test_a_source_of_empty_rows_brings_nothing_and_is_no_mistake(bench: Bench) -> None:
    report = bench.load_lines(*[line(stamp, "", "", "", "", "") for stamp in STAMPS], strict=True)
    assert (report.rows, report.empty, report.rejected) == (0, 3, 0)
    assert bench.bars() == []


def test_empty_rows_among_many_that_come_in_order(bench: Bench) -> None:
    stamps = pd.date_range("2024-10-01", periods=30_000, freq="min", tz="UTC")
    frame = pd.DataFrame({"timestamp": stamps, **{name: 10.0 for name in (*PRICES, "volume")}})
    frame.loc[[7, 20_000], [*PRICES, "volume"]] = np.nan
    report = bench.load(frame)
    assert (report.inserted, report.rejected, report.empty) == (29_998, 0, 2)


def test_a_session_that_is_replaced_loses_bars_whose_rows_are_empty(bench: Bench) -> None:
    bench.load_lines(*[line(stamp) for stamp in STAMPS])
    report = bench.load_lines(line(STAMPS[0]), line(STAMPS[1], "", "", "", "", 0), replace="sessions")
    assert (report.deleted, report.empty) == (2, 1)


@pytest.mark.parametrize("interval", ["1m", "1d"])
def test_rows_beyond_a_calendar_are_rejected_by_themselves(kinds: Bench, interval: str) -> None:
    stamps = ["1928-01-03", "1950-01-07", "2024-11-26", "2024-11-27"]
    stamps = stamps if interval == "1d" else [f"{stamp} 15:00:00Z" for stamp in stamps]
    symbol = {"1m": "SPY", "1d": "DAY"}[interval]
    report = kinds.load_lines(*[line(stamp) for stamp in stamps], symbol=symbol, interval=interval)
    assert (report.inserted, report.rejected) == (2, 2)
    (reject,) = report.rejects
    assert reject.first_row == 1
    assert reject.reason.startswith("beyond what calendar XNYS is known for, 1970-01-01 to ")
    with unchanged(kinds), pytest.raises(RejectedBarsError, match="of one's own may begin earlier"):
        kinds.load_lines(line(stamps[0]), symbol=symbol, interval=interval)


def test_a_calendar_of_ones_own_is_a_way_out(bench: Bench) -> None:
    bench.coordinator.add_calendar("OLD", timezone="America/New_York", open="10:00", close="15:00", weekdays="mon-sat")
    bench.coordinator.register("SPX", ["1d"], "OLD")
    report = bench.load_lines(line("1928-01-03"), line("1950-01-07"), symbol="SPX", interval="1d")
    assert report.inserted == 2
    assert bench.bars("SPX", "1d")[0]["session_date"] == date(1928, 1, 3)


@pytest.mark.parametrize("exact", [pa.float32(), pa.float64()])
def test_prices_of_32_bits_pass_each_other_by_rounding(bench: Bench, exact: Any) -> None:
    """A close a unit in the last place of 32 bits above the high: rounding of 32 bits, but a mistake in 64."""
    high = np.float32(470.1)
    above = float(np.nextafter(high, np.float32(1000)))
    table = pa.table(
        {
            "timestamp": pa.array([datetime.fromisoformat(stamp) for stamp in STAMPS[:1]]),
            "open": pa.array([float(high)], exact),
            "high": pa.array([float(high)], exact),
            "low": pa.array([float(high)], exact),
            "close": pa.array([above], exact),
            "volume": pa.array([1.0]),
        }
    )
    pq.write_table(table, bench.folder / "bars.parquet")
    for data in (table, bench.folder / "bars.parquet"):
        if exact == pa.float64():
            with unchanged(bench), pytest.raises(RejectedBarsError, match="close is outside"):
                bench.load(data)
        else:
            assert bench.load(data).widened == 1
            assert bench.bars()[0]["high"] == above
