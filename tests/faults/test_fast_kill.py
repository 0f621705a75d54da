"""Killed between any two statements of the fast path, a store is as before the minute or as after it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

from barhouse import open_store
from barhouse.store.database.tables import metadata
from tests.faults.minutes import MINUTES

#: Statements of a minute that corrects one before, and with which buckets close: eight of the load, nine of deriving.
_STATEMENTS = 17
_ROWS = "SELECT * EXCLUDE (batch_id) FROM {table} ORDER BY ALL"
#: The numbers of batches, and the times of them, are not told apart where one process did what several do here.
_TABLES = [name for name in metadata.tables if "bar" in name or name in ("gap", "session_coverage")]


def child(path: Path, *said: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.faults.minutes", str(path), *said]
    return subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)


def test_killed_between_statements_nothing_is_half_there(tmp_path: Path) -> None:
    whole, first = tmp_path / "whole.duckdb", tmp_path / "first.duckdb"
    assert child(whole).returncode == 0
    # The first buckets of a day are derived on the general path; from then on all of it is the fast one.
    assert child(first, "0").returncode == -signal.SIGKILL
    survived = set()
    path = tmp_path / "killed.duckdb"
    shutil.copy(first, path)
    for statement in range(1, _STATEMENTS * MINUTES):
        ended = child(path, str(statement % (3 * _STATEMENTS) + 1))
        with open_store(path) as store:
            report = store.verify()
            assert report.sound, str(report)
            (row,) = store.sql("SELECT count(*) AS count FROM batches").to_pylist()
            survived.add(row["count"])
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL, ended.stderr
    with open_store(path) as store, open_store(whole, read_only=True) as other:
        for table in _TABLES:
            columns = store.sql(f"SELECT * FROM {table} LIMIT 0").column_names
            query = _ROWS.format(table=table) if "batch_id" in columns else f"FROM {table} ORDER BY ALL"
            assert store.sql(query).equals(other.sql(query)), table
    assert len(survived) > 2, "no kill came after a commit; the test would prove nothing"
