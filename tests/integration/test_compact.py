"""Compaction: the same store in a smaller file, or the store as it was."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from load_kit import HEADER, NOW, Bench, line
from test_cli import RUNNER

from barhouse import DataProcessor, SessionCoordinator, compact, open_store
from barhouse.coordinator.cli.errors import ExitCode
from barhouse.coordinator.cli.main import cli
from barhouse.store.copies import compaction
from barhouse.store.database import replacement
from barhouse.store.database.tables import metadata
from barhouse.store.errors import InputError, StoreError, StoreFullError, StoreHeldError

SESSIONS = ("2024-11-26", "2024-11-27", "2024-11-29")


@pytest.fixture(scope="module")
def worn_once(bench_of_module: Bench) -> Path:
    """A closed store with bars, revisions, gaps, rejects, a removed symbol, and much room that nothing takes."""
    bench = bench_of_module
    for wave in range(6):
        rows = [
            f"{symbol},{line(f'{session}T{hour:02d}:{minute:02d}:00-05:00', high=11 + wave, close=9.5 + wave / 100)}"
            for symbol in ("SPY", "QQQ", "AUCTION")
            for session in SESSIONS
            for hour in (10, 11)
            for minute in range(wave % 5, 60)
        ]
        rejected = "QQQ," + line("2024-11-26T12:00:00-05:00", high=1)
        bench.load(bench.write(*rows, rejected, header=f"symbol,{HEADER}"), symbol=None)
        bench.process()
    bench.coordinator.delete_bars("SPY", "1m", start="2024-11-27T15:10Z", end="2024-11-27T15:20Z")
    bench.coordinator.remove_symbol("AUCTION")
    bench.store.close()
    path = bench.store.path
    assert path is not None
    return path


@pytest.fixture
def worn(worn_once: Path, tmp_path: Path) -> Path:
    """A copy of it, for the test alone."""
    return Path(shutil.copy(worn_once, tmp_path))


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, and every other object, as the file has it."""
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        tables = [name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        assert {table.name for table in metadata.sorted_tables} < set(tables)
        found = {name: connection.execute(f"FROM {name} ORDER BY ALL").fetchall() for name in sorted(tables)}
        for kind, of in (("tables", "NOT temporary"), ("views", "NOT internal"), ("indexes", "true")):
            found[kind] = connection.execute(f"SELECT sql FROM duckdb_{kind}() WHERE {of} ORDER BY ALL").fetchall()
        found["macros"] = connection.execute(
            "SELECT function_name, parameters, macro_definition FROM duckdb_functions() WHERE NOT internal ORDER BY ALL"
        ).fetchall()
        return found


def storage_version(path: Path) -> str:
    """Which DuckDB can read the file, as the file says."""
    with duckdb.connect(str(path), read_only=True) as connection:
        ((tags,),) = connection.execute("SELECT tags FROM duckdb_databases() WHERE path IS NOT NULL").fetchall()
    return str(tags["storage_version"])


@contextmanager
def another_process(path: Path, *, read_only: bool) -> Iterator[int]:
    """A process that has the file open."""
    program = (
        "import sys, duckdb\n"
        f"held = duckdb.connect(sys.argv[1], read_only={read_only})\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None and child.stdin is not None
        assert child.stdout.readline() == "open\n"
        yield child.pid
        child.stdin.close()


@contextmanager
def as_it_was(path: Path) -> Iterator[None]:
    """The file must be the same one, byte for byte, and the folder hold nothing else."""
    folder, before = sorted(path.parent.iterdir()), path.read_bytes()
    yield
    assert path.read_bytes() == before
    assert sorted(path.parent.iterdir()) == folder


def test_the_same_in_less_room(worn: Path) -> None:
    before, version = contents(worn), storage_version(worn)
    assert before["bar_revision"] and before["rejected_bar"] and before["gap"] and before["invalidation"]
    folder = sorted(worn.parent.iterdir())
    size = worn.stat().st_size
    report = compact(worn)
    assert contents(worn) == before
    assert storage_version(worn) == version
    assert sorted(worn.parent.iterdir()) == folder
    assert (report.bytes_before, report.bytes_after) == (size, worn.stat().st_size)
    assert report.bytes_after < report.bytes_before
    ordered = ("bar", "bar_revision", "session_coverage", "gap")
    assert report.row_count == sum(len(before[name]) for name in ordered)


def test_bars_are_in_order_of_interval_and_time(worn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "ROWS_PER_RANGE", 100)  # several parts for each table
    seen: list[tuple[int, int]] = []
    compact(worn, progress=lambda done, total: seen.append((done, total)))
    with duckdb.connect(str(worn), read_only=True) as connection:
        for table in ("bar", "bar_revision"):
            rows = connection.execute(f"SELECT interval_id, bar_start FROM {table} ORDER BY rowid").fetchall()
            assert len(rows) > 500 and rows == sorted(rows)
    total = len(seen)
    assert total > 10 and seen == [(done, total) for done in range(1, total + 1)]


def test_the_work_goes_on_after_it(worn: Path) -> None:
    compact(worn)
    with open_store(worn, clock=lambda: NOW) as store:
        corrected = pa.table({"bar_start": ["2024-11-29T10:30:00-05:00"], "open": [10.0], "high": [99.0]})
        for column in ("low", "close", "volume"):
            corrected = corrected.append_column(column, corrected["open"])
        SessionCoordinator(store).load(corrected, "SPY", "1m")
        DataProcessor(store).process()
        assert store.bars("SPY", "1d")["high"].to_pylist()[-1] == 99
        assert store.verify().sound
    smaller = compact(worn)
    assert compact(worn).bytes_after == smaller.bytes_after


def test_the_file_keeps_its_permissions(worn: Path) -> None:
    worn.chmod(0o640)
    compact(worn)
    assert stat.S_IMODE(worn.stat().st_mode) == 0o640


def test_a_link_leads_to_the_new_file(worn: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.duckdb"
    link.symlink_to(worn)
    compact(link)
    assert link.is_symlink() and link.samefile(worn)


def test_commits_that_are_only_in_the_log_are_kept(worn: Path) -> None:
    """A killed process leaves a log beside the file."""
    program = (
        "import os, sys, duckdb\n"
        "c = duckdb.connect(sys.argv[1])\n"
        "c.execute(\"UPDATE symbol SET added_by = 'log'\")\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(worn)], check=True)
    log_file = worn.with_name(f"{worn.name}.wal")
    assert log_file.stat().st_size
    compact(worn)
    assert not log_file.exists() or not log_file.stat().st_size
    with duckdb.connect(str(worn), read_only=True) as connection:
        assert connection.execute("SELECT DISTINCT added_by FROM symbol").fetchall() == [("log",)]


def test_what_a_killed_compaction_left_is_removed(worn: Path) -> None:
    for name in ("bars.duckdb.4711.compacting", "bars.duckdb.4711.compacting.wal"):
        (worn.parent / name).write_bytes(b"half a file")
    other = worn.parent / "others.duckdb.4711.compacting"
    other.write_bytes(b"of another store")
    compact(worn)
    assert [one.name for one in worn.parent.glob("*.compacting*")] == [other.name]


@pytest.mark.parametrize(
    ("read_only", "said"),
    [(False, "the store {path} is held by process {pid}"), (True, "the store {path} is being read by process {pid}")],
)
def test_a_store_that_is_open_elsewhere_is_left_alone(worn: Path, *, read_only: bool, said: str) -> None:
    with (
        as_it_was(worn),
        another_process(worn, read_only=read_only) as pid,
        pytest.raises(StoreHeldError, match=re.escape(said.format(path=worn, pid=pid))),
    ):
        compact(worn)


@pytest.mark.parametrize("read_only", [False, True])
def test_a_store_that_is_open_here_is_left_alone(worn: Path, *, read_only: bool) -> None:
    with open_store(worn, read_only=read_only) as store, as_it_was(worn):
        with pytest.raises(StoreHeldError, match="already open in this process"):
            compact(worn)
        assert store.get_active_symbols() == {"SPY", "QQQ"}


def test_nobody_gets_at_either_file_meanwhile(worn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither before the new file is in place nor after, until it is given back."""
    seen = []
    program = "import sys, duckdb; duckdb.connect(sys.argv[1], read_only=True)"

    def try_to_open(*_: object) -> None:
        done = subprocess.run([sys.executable, "-c", program, str(worn)], check=False, capture_output=True, text=True)
        seen.append("Could not set lock" in done.stderr and str(os.getpid()) in done.stderr)
        with pytest.raises(StoreHeldError, match="already open in this process"):
            open_store(worn, read_only=True)

    def synced(folder: Path) -> None:
        assert not list(folder.glob("*.compacting")), "called once the new file is in place"
        try_to_open()

    monkeypatch.setattr(replacement, "sync_folder", synced)
    compact(worn, progress=try_to_open)
    assert len(seen) > 1 and all(seen)
    with open_store(worn) as store:
        assert store.verify().sound


def test_what_others_made_in_the_file_is_not_lost(worn: Path) -> None:
    with duckdb.connect(str(worn)) as connection:
        connection.execute("CREATE TABLE notes AS SELECT 1 AS n; CREATE VIEW mine AS SELECT 2 AS n")
    with as_it_was(worn), pytest.raises(InputError, match=r"would lose: table main\.notes, view main\.mine; move it"):
        compact(worn)


def test_a_copy_that_differs_is_thrown_away(worn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = compaction._Copying.copy

    def copy_wrongly(copying: compaction._Copying, progress: object) -> int:
        row_count = copy(copying, None)
        copying._root.execute(f"UPDATE {copying.new}.main.gap SET missing_count = missing_count + 1")
        return row_count

    monkeypatch.setattr(compaction._Copying, "copy", copy_wrongly)
    with as_it_was(worn), pytest.raises(StoreError, match="is not like it: gap has"):
        compact(worn)


def test_a_failure_leaves_the_store_as_it_was(worn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(file: Path) -> None:
        raise OSError(28, "No space left on device", str(file))

    monkeypatch.setattr(compaction, "sync_file", no_room)
    with (
        as_it_was(worn),
        pytest.raises(StoreFullError, match=r"compacting .* failed, it is as it was: .*No space left.*make room"),
    ):
        compact(worn)


def test_no_store_no_compaction(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store at"):
        compact(tmp_path / "none.duckdb")
    with pytest.raises(StoreError, match="a store in memory needs no compaction"):
        compact(":memory:")
    assert not list(tmp_path.iterdir())


def test_the_command(worn: Path) -> None:
    before = contents(worn)
    arguments = ["--store", str(worn), "compact"]
    result = RUNNER.invoke(cli, arguments)
    assert result.exit_code == ExitCode.OK and result.stdout == ""
    pattern = rf"compacted {re.escape(str(worn))}: [\d.]+ MB before, [\d.]+ MB now; [\d,]+ rows in order\n"
    assert re.fullmatch(pattern, result.stderr), result.stderr
    result = RUNNER.invoke(cli, [*arguments, "--json"])
    assert json.loads(result.stdout)["bytes_after"] == worn.stat().st_size
    assert contents(worn) == before
