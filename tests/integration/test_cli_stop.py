"""Ctrl-C: a command stops at once, says so, and leaves what was committed; a run is stopped, not failed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import click
import duckdb
import job_kit
import pytest
from job_kit import fill, job_file
from test_cli import ROOT, Line, copied, empty, filled, run

from barhouse import open_store
from barhouse.coordinator.cli.errors import ExitCode
from barhouse.store.errors import StoreError

__all__ = ["empty", "filled"]  # fixtures

#: A query that would run for hours.
ENDLESS = "SELECT sum(a.range * b.range) FROM range(100_000_000) AS a, range(1_000_000) AS b"
#: Presses Ctrl-C half a second after a statement of DuckDB was begun by what is called.
PRESSED = """
import os, signal, sys, threading
from barhouse.coordinator.cli.main import main
from barhouse.store.database.database import Database

{patch}

def press():
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()

main()
"""
IN_A_QUERY = """
asked = Database._asked
def begun(*given):
    press()
    return asked(*given)
Database._asked = begun
"""
IN_A_RUN = f"""
from barhouse.coordinator.data_processor import DataProcessor
def process(self, *given, **options):
    with self._store.transaction() as transaction:
        transaction.cursor.execute("CREATE TABLE half_way (one INTEGER)")
        press()
        transaction.cursor.execute("{ENDLESS}").fetchall()
DataProcessor.process = process
"""


def pressed(patch: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PRESSED.format(patch=patch), *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False, timeout=120)


@pytest.mark.parametrize("form", ["table", "csv"])
def test_a_query_stops(filled: Line, form: str) -> None:
    done = pressed(IN_A_QUERY, "--store", filled.store, "sql", ENDLESS, "--format", form)
    assert (done.returncode, done.stdout) == (ExitCode.INTERRUPTED, "")
    assert done.stderr == "barhouse: stopped; what was written until then stays\n"


def test_a_file_half_written_is_not_there(filled: Line, tmp_path: Path) -> None:
    query = "SELECT a.range FROM range(100_000_000) AS a, range(1_000_000) AS b"
    done = pressed(IN_A_QUERY, "--store", filled.store, "sql", query, "--format", "csv", "-o", tmp_path / "out.csv")
    assert done.returncode == ExitCode.INTERRUPTED
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_stopped_and_the_next_goes_on(tmp_path: Path, knowing_xnys: Path) -> None:
    shutil.copy(knowing_xnys, tmp_path)
    fill(tmp_path / "bars", ["AAA"], job_kit.sessions(1))
    job = job_file(tmp_path)
    done = pressed(IN_A_RUN, "run", job)
    assert done.returncode == ExitCode.INTERRUPTED
    assert done.stderr.splitlines()[-1] == "barhouse: stopped; what was written until then stays"
    store = ("--store", tmp_path / "bars.duckdb")
    (first,) = json.loads(run(*store, "runs", "--format", "json").stdout)
    assert (first["state"], first["ended_at"] is not None) == ("stopped", True)
    with duckdb.connect(tmp_path / "bars.duckdb", read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM bar").fetchall() != [(0,)]  # its files were loaded before
        assert not connection.execute("FROM duckdb_tables() WHERE table_name = 'half_way'").fetchall()
    again = run("run", job)
    assert again.returncode == ExitCode.OK and "going on with run 1" in again.stderr


def test_a_question_may_be_answered_so_too(filled: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed_there(*_: object, **__: object) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise click.Abort from None  # as click does

    line = copied(filled, tmp_path)
    monkeypatch.setattr("click.confirm", pressed_there)
    monkeypatch.setattr("barhouse.coordinator.cli.command._somebody_is_there", lambda: True)
    line("remove", "SPY", expected=ExitCode.INTERRUPTED)
    assert json.loads(line("status", "--format", "json").stdout) != []


def test_what_runs_in_another_thread_is_interrupted(filled: Line) -> None:
    raised: list[type[BaseException]] = []
    with open_store(filled.store, read_only=True) as store:

        def ask() -> None:
            try:
                store.sql(ENDLESS)
            except BaseException as error:
                raised.append(type(error))

        thread = threading.Thread(target=ask)
        thread.start()
        while thread.is_alive():  # until it has begun, there is nothing to interrupt
            store.interrupt()
            thread.join(0.1)
        assert raised == [KeyboardInterrupt]
        assert store.sql("SELECT 1 AS one").to_pylist() == [{"one": 1}]


def test_a_write_that_is_interrupted_is_not_written(filled: Line, tmp_path: Path) -> None:
    """In Python, where nobody watches for signals: DuckDB looks for them between its own steps."""
    line = copied(filled, tmp_path)
    with open_store(line.store) as store:
        with pytest.raises(KeyboardInterrupt), store.transaction() as transaction:
            transaction.cursor.execute("DELETE FROM bar")
            os.kill(os.getpid(), signal.SIGINT)
        assert store.sql("SELECT count(*) AS n FROM bars").to_pylist() == [{"n": 2012}]
        with pytest.raises(StoreError, match="a part of this transaction failed"), store.transaction():
            try:
                with store.transaction():
                    raise KeyboardInterrupt
            except KeyboardInterrupt:
                pass
