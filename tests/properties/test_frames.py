"""Frames hold the bars that pandas chooses from all rows, indexed by the time of their exchange.

``BARHOUSE_RANGES`` says how many frames are asked for, ``BARHOUSE_SEED`` which ones.
"""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from asked_kit import FIRST_LOAD, INTERVALS, SYMBOLS, ZONES, Asked, make
from test_bars_asked import some_range

from barhouse import InputError
from barhouse.store.errors import CalendarError, UnknownSymbolError
from tests.extent import RANGES, SEED

VALUES = ("open", "high", "low", "close", "volume", "trade_count", "vwap", "base_count", "complete", "batch_id")


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    made = make(tmp_path_factory.mktemp("frames"), SEED + 1)
    yield made
    made.store.close()


def shown(value: Any) -> Any:
    """A value as it compares: unknown is None, a stamp an instant of Python's, a number one of Python's."""
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return None
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    return value.item() if hasattr(value, "item") else value


def key_of(row: dict[str, Any], interval: str, zone: str) -> Any:
    """What names a row: the date of a session, or the clock of the exchange on the wall."""
    if interval in ("1d", "1w"):
        return row["session_date"]
    return row["bar_start"].astimezone(ZoneInfo(zone))


@pytest.mark.parametrize("number", range(RANGES))
def test_frames_are_the_bars_that_pandas_chooses(asked: Asked, number: int) -> None:
    chance = random.Random(f"frames {SEED} {number}")
    of_one_zone = chance.choice([["SPY", "QQQ"], ["BTC", "ETH"], ["ES", "NQ"]])
    interval, (start, end) = chance.choice(INTERVALS), some_range(chance)
    names = chance.sample(list(SYMBOLS), 4) if interval in ("1d", "1w") else of_one_zone
    last, before, complete = chance.choice([None, 1, 9]), chance.random() < 0.3, chance.random() < 0.4
    zone = chance.choice(["exchange", "UTC", "Asia/Kolkata"])
    columns = chance.sample(VALUES, chance.randrange(1, 5))
    options: dict[str, Any] = {"last": last, "timezone": zone, "complete": complete}
    if before:
        options["as_of"] = FIRST_LOAD + timedelta(hours=1)
    expected = asked.expected(names, interval, start, end, before=before)
    if complete:
        expected = expected[[whole is True for whole in expected["complete"]]]
    if last is not None:
        expected = expected.groupby("symbol").tail(last)
    rows = expected.to_dict("records")
    clock = ZONES[SYMBOLS[names[0]]] if zone == "exchange" else zone
    wanted = [(row["symbol"], key_of(row, interval, clock), *(shown(row[name]) for name in columns)) for row in rows]

    frame = asked.store.frame(names, interval, start, end, columns=columns, **options)
    time = "session_date" if interval in ("1d", "1w") else "bar_start"
    assert list(frame.index.names) == ["symbol", time] and list(frame.columns) == columns
    found = [(*index, *values) for index, values in zip(frame.index, frame.itertuples(index=False), strict=True)]
    assert [
        (symbol, stamp.date() if time == "session_date" else stamp.to_pydatetime(), *map(shown, values))
        for symbol, stamp, *values in found
    ] == wanted

    polars = asked.store.frame(names, interval, start, end, columns=columns, kind="polars", **options)
    assert polars.columns == ["symbol", time, *columns]
    assert polars.rows() == wanted

    wide = asked.store.frame(names, interval, start, end, wide=columns[0], **options)
    cells = {(row[1], row[0]): row[2] for row in wanted}
    assert list(wide.columns) == names and wide.index.name == time and wide.index.is_monotonic_increasing
    as_key = pd.Timestamp.date if time == "session_date" else pd.Timestamp.to_pydatetime
    assert {
        (as_key(stamp), name): shown(value) for name in names for stamp, value in wide[name].items() if pd.notna(value)
    } == {key: value for key, value in cells.items() if value is not None}
    assert {as_key(stamp) for stamp in wide.index} == {stamp for stamp, _ in cells}

    polars = asked.store.frame(names, interval, start, end, wide=columns[0], kind="polars", **options)
    assert polars.columns == [time, *names]
    assert {(row[0], name): value for row in polars.rows() for name, value in zip(names, row[1:], strict=True)} == {
        (stamp, name): cells.get((stamp, name)) for stamp in {stamp for stamp, _ in cells} for name in names
    }


def test_one_symbol_is_indexed_by_time_alone_and_typed(asked: Asked) -> None:
    frame = asked.store.frame("spy", "30m")
    assert frame.index.name == "bar_start" and str(frame.index.dtype) == "datetime64[us, America/New_York]"
    assert {
        name: str(frame[name].dtype) for name in ("close", "trade_count", "complete", "session_date", "bar_end")
    } == {
        "close": "float64",
        "trade_count": "Int64",
        "complete": "boolean",
        "session_date": "datetime64[us]",
        "bar_end": "datetime64[us, America/New_York]",
    }
    assert not {"symbol", "interval"} & set(frame.columns)
    days = asked.store.frame("ES", "1d")
    assert str(days.index.dtype) == "datetime64[us]" and days.index.name == "session_date"
    assert list(asked.store.frame(["SPY"], "1d").index.names) == ["symbol", "session_date"]
    assert asked.store.frame("SPY", "30m", kind="polars").schema["bar_start"] == pl.Datetime("us", "America/New_York")


def test_a_symbol_without_bars_has_a_column_all_the_same(asked: Asked) -> None:
    for kind in ("pandas", "polars"):
        wide = asked.store.frame(["SPY", "ES"], "1d", "2030-01-02", wide="close", kind=kind)
        assert [name for name in wide.columns if name != "session_date"] == ["SPY", "ES"] and len(wide) == 0
    at_night = asked.store.frame(
        ["SPY", "ES"], "30m", "2024-11-19T06:00:00Z", "2024-11-19T06:00:01Z", wide="close", timezone="UTC"
    )
    assert list(at_night.columns) == ["SPY", "ES"]


def test_no_frame_mixes_the_clocks_of_exchanges(asked: Asked) -> None:
    with pytest.raises(InputError, match=r"at home in America/Chicago and America/New_York.*timezone='UTC'"):
        asked.store.frame(["SPY", "ES"], "1h")
    assert str(asked.store.frame(["SPY", "ES"], "1h", timezone="UTC").index.levels[1].dtype) == "datetime64[us, UTC]"
    assert str(asked.store.frame(["SPY", "ES"], "1d")["bar_end"].dtype) == "datetime64[us, UTC]"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "numpy"}, "kind='numpy' is no kind of frame; give 'pandas' or 'polars'"),
        ({"timezone": "New York"}, "timezone 'New York' is not an IANA name"),
        ({"wide": "closes"}, r"no column 'closes' \(did you mean close\?\)"),
        ({"wide": "symbol"}, "wide='symbol' cannot stand in columns of symbols"),
        ({"wide": "close", "columns": ["open"]}, "wide= is the one column to have; leave out columns="),
        ({"wide": ["close"]}, "is no column"),
        ({"columns": "closed"}, "no column 'closed'"),
    ],
)
def test_what_is_no_frame_is_refused(asked: Asked, given: dict[str, Any], said: str) -> None:
    with pytest.raises((InputError, CalendarError), match=said):
        asked.store.frame("SPY", "1h", **given)
    with pytest.raises(UnknownSymbolError):
        asked.store.frame("SPI", "1h")


def test_frames_of_polars_say_what_they_need(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(InputError, match=r"need the package polars: pip install 'barhouse\[polars\]'"):
        asked.store.frame("SPY", "1h", kind="polars")


# --------------------------------------------------------------------------------------------------- frames in queries


@pytest.mark.parametrize("kind", ["pandas", "polars", "lazy", "arrow", "batch"])
def test_a_query_knows_frames_by_name(asked: Asked, kind: str) -> None:
    table = pa.table({"symbol": ["SPY", "BTC"], "weight": [2.0, 3.0]})
    frame = {
        "pandas": table.to_pandas,
        "polars": lambda: pl.DataFrame(table),
        "lazy": lambda: pl.DataFrame(table).lazy(),
        "arrow": lambda: table,
        "batch": lambda: table.to_batches()[0],
    }[kind]()
    query = (
        "SELECT symbol, sum(weight * close) AS w FROM bars JOIN Holdings USING (symbol) WHERE interval = $i GROUP BY 1"
    )
    found = {
        row["symbol"]: row["w"] for row in asked.store.sql(query, {"i": "1d"}, frames={"holdings": frame}).to_pylist()
    }
    of_days = asked.now[asked.now["interval"] == "1d"]
    assert found == {
        name: pytest.approx(weight * of_days[of_days["symbol"] == name]["close"].sum())
        for name, weight in (("SPY", 2.0), ("BTC", 3.0))
    }


def test_an_index_with_names_is_columns(asked: Asked) -> None:
    frame = asked.store.frame(["SPY", "QQQ"], "30m", last=5, columns="close")
    joined = asked.store.sql(
        "SELECT count(*) AS n, count_if(f.close = b.close) AS same FROM f JOIN bars AS b USING (symbol, bar_start) "
        "WHERE b.interval = '30m'",
        frames={"f": frame},
    )
    assert joined.to_pylist() == [{"n": 10, "same": 10}]
    numbered = pd.DataFrame({"a": [1, 2, 3]})[1:]
    assert asked.store.sql("FROM f", frames={"f": numbered}).to_pylist() == [{"a": 2}, {"a": 3}]


def test_no_other_query_sees_a_frame(asked: Asked) -> None:
    frame, seen = pa.table({"a": [1]}), []

    def look() -> None:
        for _ in range(20):
            try:
                seen.append(asked.store.sql("FROM mine"))
            except duckdb.CatalogException:
                continue

    other = threading.Thread(target=look)
    other.start()
    for number in range(20):
        mine = pa.table({"a": [number]})
        assert asked.store.sql("FROM mine", frames={"mine": mine})["a"].to_pylist() == [number]
    other.join()
    assert not seen
    with pytest.raises(duckdb.CatalogException):
        asked.store.sql("FROM mine")
    assert asked.store.sql("FROM mine", frames={"mine": frame}).num_rows == 1


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ({"bars": pa.table({"a": [1]})}, "'bars' is a table or view that the store has"),
        ({"Trading_Session": pa.table({"a": [1]})}, "is a table or view that the store has"),
        ({"a b": pa.table({"a": [1]})}, "'a b' in frames= is no name for a table"),
        ({'x" AS SELECT 1; --': pa.table({"a": [1]})}, "is no name for a table"),
        ({3: pa.table({"a": [1]})}, "3 in frames= is no name for a table"),
        ({"a": pa.table({"a": [1]}), "A": pa.table({"a": [1]})}, "is there twice"),
        ({"a": "holdings.csv"}, "'a' in frames= is no frame but str"),
        ({"a": pd.DataFrame({"x": [object()]})}, "'a' in frames= cannot be read as a table"),
        ([pa.table({"a": [1]})], "takes a dictionary of frames"),
    ],
)
def test_what_is_no_frame_for_a_query_is_refused(asked: Asked, frames: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        asked.store.sql("SELECT 1", frames=frames)


def test_a_query_with_frames_only_reads(asked: Asked) -> None:
    with pytest.raises(InputError, match="one statement that reads"):
        asked.store.sql("INSERT INTO mine VALUES (2)", frames={"mine": pa.table({"a": [1]})})


def test_a_sealed_store_knows_frames_too(asked: Asked, tmp_path: Any) -> None:
    from barhouse import open_store

    asked.store.publish(tmp_path / "copy.duckdb")
    with open_store(tmp_path / "copy.duckdb", read_only=True, sealed=True) as store:
        assert store.sql("FROM mine", frames={"mine": pa.table({"a": [1]})}).to_pylist() == [{"a": 1}]
        assert store.bars(["SPY", "BTC"], "1d", last=1).num_rows == 2
        assert store.frame(["SPY", "ES"], "1h", last=1, timezone="UTC").shape[0] == 2
