"""The peer to beat: DuckDB with SQL written by hand for just these bars.

It knows what Barhouse has to find out: that every bar is of a regular session, on the grid, valid and new, and that
buckets counted from half past an hour of UTC are those counted from the open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from tests.benchmarks import data

#: Derived intervals by their width in seconds; a day is grouped by its date.
WIDTHS = {"5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "1d": 86400}
COLUMNS = """
    {id}, b.bar_start, 60::BIGINT AS span_seconds,
    DATE '1970-01-01' + (epoch_us(b.bar_start) // 86400000000)::INTEGER AS session_date, 0::TINYINT AS segment,
    b.open, b.high, b.low, b.close, b.volume, NULL::BIGINT AS trade_count, NULL::DOUBLE AS vwap,
    1::INTEGER AS base_count, 1::INTEGER AS expected_count, 1::BIGINT AS batch_id
"""
ROWS = "SELECT " + COLUMNS.format(id="m.interval_id") + " FROM {source} AS b JOIN symbol_map AS m USING (symbol)"
GROUPED = """
    SELECT interval_id, {start} AS bar_start, {width}::BIGINT AS span_seconds, any_value(session_date) AS session_date,
           0::TINYINT AS segment, arg_min(open, bar_start) AS open, max(high) AS high, min(low) AS low,
           arg_max(close, bar_start) AS close, sum(volume) AS volume, NULL::BIGINT AS trade_count,
           NULL::DOUBLE AS vwap, sum(base_count)::INTEGER AS base_count, {width}::INTEGER // 60 AS expected_count,
           1::BIGINT AS batch_id
    FROM {source} {where}
    GROUP BY interval_id, {bucket}
"""
TOTALS = (
    "SELECT '{name}', count(*) AS count, sum(open), sum(high), sum(low), sum(close), sum(volume) FROM {table} {where}"
)


@contextmanager
def connected(path: Path, symbol_count: int = 0, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database, with ids for symbols when they are to be made."""
    with duckdb.connect(str(path), read_only=read_only) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        if symbol_count:
            connection.execute("CREATE TABLE symbol_map (symbol VARCHAR, interval_id INTEGER)")
            connection.executemany(
                "INSERT INTO symbol_map VALUES (?, ?)",
                [[name, number] for number, name in enumerate(data.symbols(symbol_count))],
            )
        yield connection


def load(connection: duckdb.DuckDBPyConnection, source: Path, order: str = "") -> None:
    """Make the table of minutes of a file."""
    rows = ROWS.format(source=f"read_parquet('{source}')")
    connection.execute(f"CREATE TABLE bar AS {rows} {order}")


def grouped(name: str, source: str = "bar", where: str = "") -> str:
    """The query that makes bars of an interval of finer ones."""
    width = WIDTHS[name]
    if name == "1d":
        bucket, start, width = "session_date", "min(bar_start)", 23400
    else:
        bucket = f"(epoch_us(bar_start) - 1800000000) // {width * 1_000_000}"
        start = f"make_timestamptz(({bucket}) * {width * 1_000_000} + 1800000000)"
    return GROUPED.format(source=source, where=where, width=width, bucket=bucket, start=start)


def derive(connection: duckdb.DuckDBPyConnection, *, chained: bool = False) -> None:
    """Make a table for every derived interval, each of the minutes, or all but the first of the first."""
    for name in WIDTHS:
        source = "bar_5m" if chained and name != "5m" else "bar"
        connection.execute(f"CREATE TABLE bar_{name} AS {grouped(name, source)}")


def totals(connection: duckdb.DuckDBPyConnection, where: str = "", *, base: bool = True) -> list[list[Any]]:
    """Count and sum up the bars of every interval, as ``ours.totals`` does."""
    return totals_of(connection, *WIDTHS, *(["1m"] if base else []), where=where)


def totals_of(connection: duckdb.DuckDBPyConnection, *names: str, where: str = "") -> list[list[Any]]:
    """Count and sum up the bars of some intervals."""
    union = " UNION ALL ".join(
        TOTALS.format(name=name, table="bar" if name == "1m" else f"bar_{name}", where=where) for name in names
    )
    return [list(row) for row in connection.execute(f"FROM ({union}) WHERE count > 0 ORDER BY 1").fetchall()]


def minute_by_minute(connection: duckdb.DuckDBPyConnection, minutes: Iterable[tuple[datetime, pa.Table]]) -> None:
    """Add one minute after the other, and the longer bars that end with it."""
    first: datetime | None = None
    for start, table in minutes:
        first = first or start
        elapsed = int((start - first).total_seconds()) + 60
        connection.execute("BEGIN")
        connection.register("minute", table)
        connection.execute(f"INSERT INTO bar {ROWS.format(source='minute')}")
        for name, width in WIDTHS.items():
            if elapsed % width == 0:
                since = f"WHERE bar_start >= '{start - timedelta(seconds=width - 60)}'"
                connection.execute(f"INSERT INTO bar_{name} {grouped(name, where=since)}")
        connection.execute("COMMIT")


def correct(connection: duckdb.DuckDBPyConnection, interval_id: int, start: datetime, high: float) -> None:
    """Change one minute, and make the longer bars it is in again."""
    connection.execute("BEGIN")
    connection.execute("UPDATE bar SET high = ? WHERE interval_id = ? AND bar_start = ?", [high, interval_id, start])
    for name, width in WIDTHS.items():
        offset = 0 if name == "1d" else 1800
        micros = (int(start.timestamp()) - offset) // width * width + offset
        bucket = datetime.fromtimestamp(micros, UTC)
        where = (
            f"WHERE interval_id = {interval_id} AND bar_start >= '{bucket}' "
            f"AND bar_start < '{bucket + timedelta(seconds=width)}'"
        )
        connection.execute(f"DELETE FROM bar_{name} {where}")
        connection.execute(f"INSERT INTO bar_{name} {grouped(name, where=where)}")
    connection.execute("COMMIT")


def differing(connection: duckdb.DuckDBPyConnection) -> int:
    """Count the derived bars that are not what their minutes give."""
    counts = (
        connection.execute(f"SELECT count(*) FROM (({grouped(name)}) EXCEPT (FROM bar_{name}))").fetchall()
        for name in WIDTHS
    )
    return sum(count for ((count,),) in counts)
