"""How long a lake takes to plan a question when its catalog has many files: made-up rows, one file that is real.

    python -m tests.benchmarks.catalog --files 20,2000,20000,200000

It needs DuckDB 1.5.5 with duckdb-extension-ducklake of that version, as the lowest dependencies have it; with
``--postgres 'host=... user=...'``, a server on which databases may be made, also duckdb-extension-postgres-scanner.

A bar's table has the columns of the view ``bars``. Every shard is a range of symbols and has twenty files, one after
the other in time; all but the one that is asked for are rows of the catalog alone, with the statistics that a file
would have. A million million bars are 200,000 files of five million.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import click
import duckdb

_FILES_PER_SHARD = 20
_ROWS_PER_FILE = 5_000_000
_TURNS = 7
_COLUMNS = {
    "symbol": "VARCHAR",
    "interval": "VARCHAR",
    "bar_start": "TIMESTAMPTZ",
    "bar_end": "TIMESTAMPTZ",
    "session_date": "DATE",
    **dict.fromkeys(("open", "high", "low", "close", "volume"), "DOUBLE"),
    **dict.fromkeys(("base_count", "expected_count", "trade_count"), "BIGINT"),
    "vwap": "DOUBLE",
    "complete": "BOOLEAN",
    "batch_id": "BIGINT",
    "written_at": "TIMESTAMPTZ",
    "shard": "INTEGER",
}
#: What the real file holds: a day of minutes of one symbol, in the last file of the middle shard.
_REAL = """
SELECT $symbol AS symbol, '1m' AS interval, start AS bar_start, start + INTERVAL 1 minute AS bar_end,
       start::DATE AS session_date, 1.0 AS open, 1.0 AS high, 1.0 AS low, 1.0 AS close, 1.0 AS volume, 1 AS base_count,
       1 AS expected_count, 1 AS trade_count, 1.0 AS vwap, true AS complete, 1 AS batch_id, start AS written_at,
       $shard::INTEGER AS shard
FROM (SELECT TIMESTAMPTZ '2024-12-02 14:30:00Z' + to_minutes(minute::INTEGER) AS start FROM range(390) AS t (minute))
"""
#: Files that are not there, as the catalog knows files: one shard after the other, each in the order of time.
_MADE_UP_FILES = """
INSERT INTO {catalog}.ducklake_data_file
    (data_file_id, table_id, begin_snapshot, path, path_is_relative, file_format, record_count, file_size_bytes,
     footer_size, row_id_start)
SELECT 1000 + number, 1, 2, 'made-up-' || number || '.parquet', true, 'parquet', $rows, $rows * 15, 4096,
       1000000 + number * $rows
FROM range($files) AS t (number) WHERE number <> $real
"""
_MADE_UP_STATISTICS = """
INSERT INTO {catalog}.ducklake_file_column_stats
    (data_file_id, table_id, column_id, column_size_bytes, value_count, null_count, min_value, max_value)
SELECT 1000 + number, 1, column_id, $rows, $rows, 0,
       CASE column_name
           WHEN 'symbol' THEN printf('S%08d', 10 * (number // $per_shard))
           WHEN 'interval' THEN '1d'
           WHEN 'shard' THEN (number // $per_shard)::VARCHAR
           WHEN 'session_date' THEN (DATE '2005-01-01' + (number % $per_shard)::INTEGER * 365)::VARCHAR
           WHEN 'complete' THEN 'false'
           ELSE CASE WHEN column_type = 'timestamptz'
                THEN (DATE '2005-01-01' + (number % $per_shard)::INTEGER * 365)::VARCHAR || ' 00:00:00+00' ELSE '1' END
       END,
       CASE column_name
           WHEN 'symbol' THEN printf('S%08d', 10 * (number // $per_shard) + 9)
           WHEN 'interval' THEN '5m'
           WHEN 'shard' THEN (number // $per_shard)::VARCHAR
           WHEN 'session_date' THEN (DATE '2005-12-31' + (number % $per_shard)::INTEGER * 365)::VARCHAR
           WHEN 'complete' THEN 'true'
           ELSE CASE WHEN column_type = 'timestamptz'
                THEN (DATE '2005-12-31' + (number % $per_shard)::INTEGER * 365)::VARCHAR || ' 00:00:00+00' ELSE '9' END
       END
FROM range($files) AS t (number), {catalog}.ducklake_column
WHERE number <> $real AND table_id = 1
"""
#: DuckDB leaves out conditions that the statistics of the whole table say are met by every row.
_WHOLE_STATISTICS = """
UPDATE {catalog}.ducklake_table_column_stats AS t SET min_value = f.least, max_value = f.most
FROM (SELECT column_id, min(min_value) AS least, max(max_value) AS most
      FROM {catalog}.ducklake_file_column_stats GROUP BY column_id) AS f
WHERE f.column_id = t.column_id
"""
_ASKED = """
SELECT count(*) FROM lake.bar WHERE symbol = '{symbol}' AND interval = '1m' AND session_date = DATE '2024-12-02'
"""
_ADDED = "INSERT INTO lake.bar SELECT * REPLACE ('ZZZ' AS symbol) FROM ({real}) LIMIT 1"


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians in seconds: of the wall, and of this process's own."""

    files: int
    attach: tuple[float, float]
    ask: tuple[float, float]
    commit: tuple[float, float]
    bytes_per_file: float


def extension(name: str) -> str:
    """Say where a wheel has an extension of DuckDB."""
    found = metadata.distribution(f"duckdb-extension-{name.replace('_', '-')}")
    (path,) = [file for file in found.files or () if str(file).endswith(".duckdb_extension")]
    return str(found.locate_file(path))


@contextmanager
def connected(postgres: str | None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open DuckDB with what a lake needs, on one core."""
    with duckdb.connect(config={"threads": 1}) as connection:
        for name in ("ducklake", *(["postgres_scanner"] if postgres else [])):
            connection.execute(f"LOAD '{extension(name)}'")
        yield connection


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Do some work so many times."""
    turns = []
    for _ in range(_TURNS):
        wall, own = time.perf_counter(), time.process_time()
        work()
        turns.append((time.perf_counter() - wall, time.process_time() - own))
    return statistics.median(turn[0] for turn in turns), statistics.median(turn[1] for turn in turns)


def take(files: int, folder: Path, postgres: str | None) -> Figures:
    """Make a catalog with so many files, and ask."""
    shard = files // _FILES_PER_SHARD // 2
    real = shard * _FILES_PER_SHARD + _FILES_PER_SHARD - 1
    symbol = f"S{10 * shard + 5:08d}"
    name, file = f"barhouse_catalog_{files}", folder / f"{files}.ducklake"
    place = f"ducklake:postgres:dbname={name} {postgres}" if postgres else f"ducklake:{file}"
    attach = f"ATTACH '{place}' AS lake (DATA_PATH '{folder / str(files)}/')"
    with connected(postgres) as connection:
        if postgres:
            connection.execute(f"ATTACH 'dbname=postgres {postgres}' AS server (TYPE postgres)")
            connection.execute(
                f"CALL postgres_execute('server', 'DROP DATABASE IF EXISTS {name}', use_transaction = false)"
            )
            connection.execute(f"CALL postgres_execute('server', 'CREATE DATABASE {name}', use_transaction = false)")
        connection.execute(attach)
        columns = ", ".join(f"{column} {kind}" for column, kind in _COLUMNS.items())
        connection.execute(f"CREATE TABLE lake.bar ({columns})")
        connection.execute(f"INSERT INTO lake.bar {_REAL}", {"symbol": symbol, "shard": shard})
        connection.execute("DETACH lake")
        connection.execute(
            f"ATTACH 'dbname={name} {postgres}' AS catalog (TYPE postgres)"
            if postgres
            else f"ATTACH '{file}' AS catalog"
        )
        before = _size(connection, name, file, postgres)
        asked = {"files": files, "rows": _ROWS_PER_FILE, "real": real}
        connection.execute(_MADE_UP_FILES.format(catalog="catalog"), asked)
        connection.execute(_MADE_UP_STATISTICS.format(catalog="catalog"), {**asked, "per_shard": _FILES_PER_SHARD})
        connection.execute(_WHOLE_STATISTICS.format(catalog="catalog"))
        connection.execute(
            "UPDATE catalog.ducklake_table_stats SET record_count = $all, next_row_id = $all + 10000000, "
            "file_size_bytes = $all * 15",
            {"all": files * _ROWS_PER_FILE},
        )
        if postgres:
            connection.execute("CALL postgres_execute('catalog', 'ANALYZE')")
        else:
            connection.execute("CHECKPOINT catalog")
        size = _size(connection, name, file, postgres)
        connection.execute("DETACH catalog")

    def opened() -> None:
        with connected(postgres) as each:
            each.execute(attach)

    with connected(postgres) as connection:
        connection.execute(attach)
        asked_day = _ASKED.format(symbol=symbol)  # a parameter is not known yet when files are chosen
        found = connection.execute(asked_day).fetchall()
        assert found == [(390,)], f"{found} bars of the day, of 390"
        ask = measured(lambda: connection.execute(asked_day).fetchall())
        added = _ADDED.format(real=_REAL.replace("$symbol", "'ZZZ'").replace("$shard", "0"))
        commit = measured(lambda: connection.execute(added))
    return Figures(files, measured(opened), ask, commit, (size - before) / max(files - 1, 1))


def _size(connection: duckdb.DuckDBPyConnection, name: str, file: Path, postgres: str | None) -> int:
    if postgres:
        query = f"FROM postgres_query('catalog', 'SELECT pg_database_size(''{name}'')')"
        return int(connection.execute(query).fetchall()[0][0])
    return file.stat().st_size


@click.command()
@click.option("--files", default="20,2000,20000,200000", show_default=True, help="How many, comma separated.")
@click.option("--postgres", metavar="DSN", help="A server to keep the catalog; by default it is a file.")
def main(files: str, postgres: str | None) -> None:
    """Take the figures and print them as a table."""
    if duckdb.__version__ != "1.5.5":
        sys.exit(f"this is DuckDB {duckdb.__version__}; DuckLake's extension is to be had for 1.5.5")
    click.echo("| files | opening the lake | a symbol's day | a commit of one file | catalog, bytes a file |")
    click.echo("|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        for count in map(int, files.split(",")):
            one = take(count, Path(folder), postgres)
            shown = " | ".join(f"{wall:.3f} s ({own:.3f} CPU)" for wall, own in (one.attach, one.ask, one.commit))
            click.echo(f"| {one.files:,} | {shown} | {one.bytes_per_file:,.0f} |")


if __name__ == "__main__":
    main()
