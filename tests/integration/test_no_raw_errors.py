"""What cannot be meant comes to one error that says so, in few words, and never to one of Python's or DuckDB's own."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from load_kit import Bench, line, lines

from barhouse import DataProcessor, Interval, open_feed, open_store, run_job
from barhouse.coordinator.cli.commands.calendar import _tables as calendars_of
from barhouse.coordinator.live.config import LiveConfig
from barhouse.store.errors import InputError, StoreVersionError

LONG = "x" * 300
JOB = {
    "symbols": [{"names": "*", "intervals": "1m", "calendar": "24/7"}],
    "sources": [{"files": "/nowhere/*.csv"}],
}
CASES: dict[str, Callable[[Bench, Path], Any]] = {
    "store": lambda bench, folder: open_store(folder / LONG),
    "load": lambda bench, folder: bench.load(folder / f"{LONG}.csv"),
    "backup": lambda bench, folder: bench.store.backup(folder / LONG),
    "publish": lambda bench, folder: bench.store.publish(folder / LONG),
    "export": lambda bench, folder: bench.store.export(folder / LONG),
    "home of a store": lambda bench, folder: open_store("~nobody_at_all/bars.duckdb"),
    "home of a load": lambda bench, folder: bench.load("~nobody_at_all/bars.csv"),
    "columns": lambda bench, folder: bench.load_lines(columns=["close"]),
    "timezone": lambda bench, folder: bench.load_lines(timezone=5),
    "zone of a calendar": lambda bench, folder: bench.coordinator.add_calendar(
        "X", timezone=5, open="09:00", close="10:00"
    ),
    "grace inf": lambda bench, folder: run_job({**JOB, "process": {"grace_seconds": float("inf")}}, store=bench.store),
    "grace 1e300": lambda bench, folder: run_job({**JOB, "process": {"grace_seconds": 1e300}}, store=bench.store),
    "grace of all time": lambda bench, folder: DataProcessor(bench.store, grace=timedelta.max).process(),
    "now in the year 1": lambda bench, folder: DataProcessor(bench.store).process(datetime.min.replace(tzinfo=UTC)),
    "now without a zone": lambda bench, folder: DataProcessor(bench.store).process(datetime.min),
    "deep job": lambda bench, folder: run_job(deep(folder)),
    "deep live": lambda bench, folder: LiveConfig.read(deep(folder)),
    "long number in a job": lambda bench, folder: run_job(long_number(folder)),
    "long number in live": lambda bench, folder: LiveConfig.read(long_number(folder)),
    "deep calendar": lambda bench, folder: calendars_of(deep(folder)),
    "long number in a calendar": lambda bench, folder: calendars_of(long_number(folder)),
    "gaps from an instant to a date before": lambda bench, folder: bench.store.gaps(
        "SPY", "1m", "2024-11-28T15:00Z", "2024-11-26"
    ),
    "gaps from a date to an instant before": lambda bench, folder: bench.store.gaps(
        start="2024-11-28", end="2024-11-26T15:00Z"
    ),
    "port of a WebSocket": lambda bench, folder: open_feed("ws://localhost:99999/x", interval="1m"),
    "port of Redis": lambda bench, folder: open_feed("redis://localhost:99999/0?stream=a&group=b", interval="1m"),
    "settings": lambda bench, folder: open_store(folder / "a.duckdb", settings={"lock_configuration": 1}),
    "symbol": lambda bench, folder: bench.store.bars("A" * 1_000_000, "1m"),
    "interval": lambda bench, folder: Interval.parse("1" * 1_000_000 + "m"),
}


def deep(folder: Path) -> Path:
    path = folder / "deep.toml"
    path.write_text(f"a = {'[' * 100_000}{']' * 100_000}")
    return path


def long_number(folder: Path) -> Path:
    """TOML with a number that Python does not read."""
    path = folder / "long.toml"
    path.write_text(f"a = {'9' * 5000}")
    return path


@pytest.mark.parametrize("case", CASES)
def test_it_is_an_input_error_that_can_be_read(bench: Bench, tmp_path: Path, case: str) -> None:
    with pytest.raises(InputError) as raised:
        CASES[case](bench, tmp_path)
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize("read_only", [False, True])
def test_a_store_of_a_newer_schema_asks_for_a_newer_barhouse(bench: Bench, tmp_path: Path, read_only: bool) -> None:
    bench.store.close()
    path = Path(shutil.copy(str(bench.store.path), tmp_path / "newer.duckdb"))
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreVersionError, match=r"newer than this Barhouse knows .*; upgrade Barhouse"):
        open_store(path, read_only=read_only)


def test_gaps_of_a_range_by_a_date_and_an_instant_are_those_of_both(bench: Bench) -> None:
    bench.load_lines(*lines(["2024-11-26 14:30:00", "2024-11-26 14:35:00", "2024-11-27 14:30:00"]), timezone="UTC")
    found = bench.store.gaps("SPY", "1m", "2024-11-26", "2024-11-26T14:32Z")
    assert found["missing_count"].to_pylist() == [4]


@pytest.mark.parametrize("zone", ["XXX25:61", "", "no zone at all", "America/New_York"])
def test_the_zone_of_the_machine_changes_nothing(bench: Bench, zone: str) -> None:
    bench.load_lines(line("2024-11-26 14:30:00"), timezone="UTC")
    bench.store.close()
    command = [sys.executable, "-m", "barhouse", "--store", str(bench.store.path), "sql", "--format", "csv"]
    done = subprocess.run(
        [*command, "SELECT bar_start, bar_start::VARCHAR AS shown FROM bars"],
        env={**os.environ, "TZ": zone},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "2024-11-26 14:30:00+00" in done.stdout


@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_of_sqlite_is_no_store(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / "lite.duckdb"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bars (a)")
        connection.commit()
    content = path.read_bytes()
    with pytest.raises(StoreVersionError, match="is not a Barhouse store, nor any DuckDB file"):
        open_store(path, read_only=read_only)
    assert path.read_bytes() == content
