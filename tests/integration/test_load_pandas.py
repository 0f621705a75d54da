"""What pandas writes and hands over: unnamed indexes, zones in Parquet, and frames of several symbols side by side."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import pytest
from load_kit import NEW_YORK, Bench, unchanged

from barhouse.store.errors import OptionsError, SourceError

INDEX = pd.date_range("2024-11-26 15:00", periods=3, freq="min", tz="UTC")
NAMES = ("Open", "High", "Low", "Close", "Volume")


def frame(index: Any, base: float = 10.0) -> pd.DataFrame:
    return pd.DataFrame({name: [base + place / 8 for place in range(len(index))] for name in NAMES}, index=index)


@pytest.mark.parametrize("kind", ["frame", "parquet", "csv", "column", "csv twice"])
def test_an_unnamed_index_holds_the_stamps(bench: Bench, kind: str) -> None:
    data = frame(INDEX)
    path: Any = bench.folder / ("bars.parquet" if kind == "parquet" else "bars.csv")
    if kind == "frame":
        path = data
    elif kind == "parquet":
        data.to_parquet(path)
    elif kind == "csv":
        data.to_csv(path)
    elif kind == "column":
        data.reset_index().to_csv(path, index=False)
    else:
        data.to_csv(path)
        pd.read_csv(path).to_csv(path, index=False)
    assert bench.load(path).inserted == 3
    assert bench.starts() == ["2024-11-26 15:00", "2024-11-26 15:01", "2024-11-26 15:02"]


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_numbered_index_is_none(bench: Bench, kind: str) -> None:
    data = frame(INDEX).reset_index(names="timestamp").iloc[::2]
    path = bench.folder / f"bars.{kind}"
    data.to_parquet(path) if kind == "parquet" else data.to_csv(path)
    assert bench.load(path).inserted == 2
    assert bench.starts() == ["2024-11-26 15:00", "2024-11-26 15:02"]


@pytest.mark.parametrize("name", [None, "Date"])
def test_the_zone_that_pandas_writes_into_parquet_counts(kinds: Bench, name: str | None) -> None:
    days = pd.DatetimeIndex(["2024-01-02", "2024-07-02"], tz=NEW_YORK, name=name)
    frame(days).to_parquet(kinds.folder / "bars.parquet")
    kinds.load(kinds.folder / "bars.parquet", "1d", "DAY")
    assert [bar["session_date"] for bar in kinds.bars("DAY", "1d")] == [date(2024, 1, 2), date(2024, 7, 2)]


@pytest.mark.parametrize("order", [["Price", "Ticker"], ["Ticker", "Price"], [None, None]])
@pytest.mark.parametrize("flat", [False, True])
def test_a_frame_of_several_symbols(bench: Bench, order: list[str | None], flat: bool) -> None:
    each = {"SPY": frame(INDEX), "QQQ": frame(INDEX[:2], 20.0)}
    both = pd.concat(each, axis=1)
    both.columns.names = ["Ticker", "Price"]
    if order[0] != "Ticker":
        both = both.swaplevel(axis=1)
        both.columns.names = order
    data = both.rename_axis("Date").reset_index() if flat else both
    report = bench.load(data, symbol=None)
    assert (report.inserted, report.rejected, report.empty) == (5, 0, 1)
    assert [bar["close"] for bar in bench.bars("SPY")] == [10.0, 10.125, 10.25]
    assert [bar["close"] for bar in bench.bars("QQQ")] == [20.0, 20.125]
    with pytest.raises(SourceError, match="names 2 symbols"):
        bench.load(data, symbol="SPY")


def test_levels_that_say_nothing_are_refused(bench: Bench) -> None:
    data = pd.concat({"x": frame(INDEX).rename(columns={"Open": "Erster"})}, axis=1)
    with unchanged(bench), pytest.raises(SourceError, match="levels of columns"):
        bench.load(data)


@pytest.mark.parametrize("symbols", [["SPY"], ["SPY", "QQQ"]])
def test_such_a_frame_as_text_is_refused_with_the_way_out(bench: Bench, symbols: list[str]) -> None:
    both = pd.concat({symbol: frame(INDEX) for symbol in symbols}, axis=1, names=["Ticker", "Price"])
    both = both.swaplevel(axis=1).sort_index(axis=1).rename_axis("Datetime")
    both.to_csv(bench.folder / "bars.csv")
    with unchanged(bench), pytest.raises(SourceError, match="stack its level Ticker before"):
        bench.load(bench.folder / "bars.csv", symbol="SPY")
    both.stack(level="Ticker").to_csv(bench.folder / "long.csv")
    report = bench.load(bench.folder / "long.csv", symbol=None)
    assert report.inserted == 3 * len(symbols)


NAIVE, AWARE = datetime(2024, 11, 26, 15, 0), datetime(2024, 11, 26, 15, 1, tzinfo=UTC)


@pytest.mark.parametrize("where", ["index", "column"])
@pytest.mark.parametrize(
    ("times", "said"),
    [
        ([NAIVE, AWARE], "times with a zone and times without a zone"),
        ([AWARE, None, NAIVE], "times with a zone and times without a zone"),
        ([date(2024, 11, 25), NAIVE], "dates and times without a zone"),
        ([AWARE, "2024-11-26 15:02"], "a str and times with a zone"),
    ],
)
def test_times_of_several_kinds_in_one_column_are_refused(
    bench: Bench, where: str, times: list[Any], said: str
) -> None:
    """Arrow takes all of them for what the first is: the minute of one in UTC would be one in New York."""
    data = frame(pd.Index(times, dtype=object))
    data = data if where == "index" else data.reset_index(names="timestamp")
    with unchanged(bench), pytest.raises(SourceError, match=f"column timestamp of the pandas frame holds {said}"):
        bench.load(data, timezone=NEW_YORK)
    sound = frame(pd.Index([AWARE, AWARE.replace(minute=2)], dtype=object))
    assert bench.load(sound, timezone=NEW_YORK).inserted == 2
    assert bench.starts() == ["2024-11-26 15:01", "2024-11-26 15:02"]


def test_periods_are_refused_with_the_way_out(kinds: Bench) -> None:
    data = frame(pd.period_range("2024-11-25", periods=3, freq="D"))
    with unchanged(kinds), pytest.raises(SourceError, match=r"holds periods; say when they start, with to_timestamp"):
        kinds.load(data, interval="1d", symbol="BTCDAY")
    assert kinds.load(data.to_timestamp(), interval="1d", symbol="BTCDAY").inserted == 3


@pytest.mark.parametrize("form", ["epoch_s", "epoch_ms"])
def test_floats_of_32_bits_are_no_stamps(bench: Bench, form: str) -> None:
    """Two minutes of them are one, so that a bar would have the prices of the minute after it."""
    seconds = pd.Series([1732633200.0, 1732633260.0, 1732633320.0]) * (1000 if form == "epoch_ms" else 1)
    data = frame(range(3)).assign(timestamp=seconds)
    short = data.astype({"timestamp": "float32"})
    for given in (short, bench.folder / "bars.parquet"):
        short.to_parquet(bench.folder / "bars.parquet")
        with unchanged(bench), pytest.raises(OptionsError, match="timestamp holds floats of 32 bits"):
            bench.load(given, timestamp_format=form)
    assert bench.load(data, timestamp_format=form).inserted == 3
