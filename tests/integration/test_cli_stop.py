"""Ctrl-C: a command stops at once, says so, and leaves what was committed; a run is stopped, not failed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import duckdb
import job_kit
import pytest
from job_kit import fill, job_file
from test_cli import NEW_YORK, ROOT, SPY, Line, copied, empty, filled, load_spy, register_spy, run

from barhouse import open_store, run_job
from barhouse.coordinator.cli.errors import ExitCode, chain, is_interrupt
from barhouse.coordinator.cli.interrupts import STOPPED, interruptible
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import StoreError

__all__ = ["empty", "filled"]  # fixtures

#: A query that would run for hours.
ENDLESS = "SELECT sum(a.range * b.range) FROM range(100_000_000) AS a, range(1_000_000) AS b"

#: What is started in the background may not hear of Ctrl-C, nor what that starts.
HEARING = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)"
#: A process that tells on stderr when it works on a statement: its main thread stands still there.
CHILD = """
{hearing}
import sys, threading, time

def tell():
    places = []
    while len(places) < 5 or len(set(places[-5:])) > 1:
        time.sleep(0.05)
        frame = sys._current_frames()[threading.main_thread().ident]
        places.append((frame.f_code, frame.f_lasti))
    print("inside", file=sys.stderr, flush=True)

inside = threading.Thread(target=tell, daemon=True)

{patch}
"""
COMMAND_LINE = "from barhouse.__main__ import main\nmain()"
IN_A_QUERY = f"""
from barhouse.store.database.database import Database
asked = Database._asked
def begun(*given, **options):
    inside.start()
    return asked(*given, **options)
Database._asked = begun
{COMMAND_LINE}
"""
IN_A_RUN = f"""
from barhouse.coordinator.data_processor import DataProcessor
def process(self, *given, **options):
    with self._store.transaction() as transaction:
        transaction.execute("CREATE TABLE half_way (one INTEGER)")
        inside.start()
        transaction.execute("{ENDLESS}")
DataProcessor.process = process
{COMMAND_LINE}
"""
IN_A_LOAD = f"""
from barhouse.coordinator import session_coordinator
load_source = session_coordinator.load_source
def load(transaction, *given, **options):
    loaded = load_source(transaction, *given, **options)
    inside.start()
    transaction.execute("{ENDLESS}")
    return loaded
session_coordinator.load_source = load
{COMMAND_LINE}
"""
#: Ctrl-C comes while a module is looked for.
IN_AN_IMPORT = f"""
{HEARING}
import os, sys
module = sys.argv.pop(1)
class Press:
    def find_spec(self, name, path, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Press())
try:
    from barhouse.__main__ import main
    main()
finally:
    print(module in sys.modules)
"""


@pytest.fixture(autouse=True)
def hearing() -> Iterator[None]:
    """Let this process hear of Ctrl-C, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def pressed(patch: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Press Ctrl-C when a process says that it works on a statement, and wait until it has ended."""
    command = [sys.executable, "-c", CHILD.format(hearing=HEARING, patch=patch), *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        before = []
        for said in process.stderr:
            if said == "inside\n":
                break
            before.append(said)
        process.send_signal(signal.SIGINT)
        try:
            out, after = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, "".join(before) + after)


@pytest.mark.parametrize("form", ["table", "csv"])
def test_a_query_stops(filled: Line, form: str) -> None:
    done = pressed(IN_A_QUERY, "--store", filled.store, "sql", ENDLESS, "--format", form)
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.INTERRUPTED, "", f"{STOPPED}\n")


def test_a_file_half_written_is_not_there(filled: Line, tmp_path: Path) -> None:
    query = "SELECT a.range FROM range(100_000_000) AS a, range(1_000_000) AS b"
    done = pressed(IN_A_QUERY, "--store", filled.store, "sql", query, "--format", "csv", "-o", tmp_path / "out.csv")
    assert (done.returncode, done.stderr) == (ExitCode.INTERRUPTED, f"{STOPPED}\n")
    assert list(tmp_path.iterdir()) == []


def test_a_load_is_whole_or_not_there(empty: Line, tmp_path: Path) -> None:
    line = copied(empty, tmp_path)
    register_spy(line)
    done = pressed(IN_A_LOAD, "--store", line.store, "load", SPY, "--symbol", "SPY", "--interval", "1m", *NEW_YORK)
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.INTERRUPTED, "", f"{STOPPED}\n")
    counted = "SELECT (SELECT count(*) FROM bars) AS bars, count(*) AS loads FROM batches WHERE kind = 'load'"
    for expected in ({"bars": 0, "loads": 0}, {"bars": 1564, "loads": 1}):
        with open_store(line.store, read_only=True) as store:
            assert store.sql(counted).to_pylist() == [expected]
        load_spy(line)


def test_a_run_is_stopped_and_the_next_goes_on(tmp_path: Path, knowing_xnys: Path) -> None:
    shutil.copy(knowing_xnys, tmp_path)
    fill(tmp_path / "bars", ["AAA"], job_kit.sessions(1))
    job = job_file(tmp_path)
    done = pressed(IN_A_RUN, "run", job)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (ExitCode.INTERRUPTED, STOPPED)
    store = ("--store", tmp_path / "bars.duckdb")
    (first,) = json.loads(run(*store, "runs", "--format", "json").stdout)
    assert (first["state"], first["ended_at"] is not None) == ("stopped", True)
    with duckdb.connect(tmp_path / "bars.duckdb", read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM bar").fetchall() != [(0,)]  # its files were loaded before
        assert not connection.execute("FROM duckdb_tables() WHERE table_name = 'half_way'").fetchall()
    again = run("run", job)
    assert again.returncode == ExitCode.OK and "going on with run 1" in again.stderr


def test_a_run_that_has_just_begun_is_stopped_too(
    tmp_path: Path, knowing_xnys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(knowing_xnys, tmp_path)
    fill(tmp_path / "bars", ["AAA"], job_kit.sessions(1))
    with open_store(tmp_path / "bars.duckdb") as store:
        transaction_of = store.transaction

        @contextmanager
        def pressed_after_commit() -> Iterator[Transaction]:
            with transaction_of() as transaction:
                yield transaction
            if any(run.state == "running" for run in store.runs()):
                raise KeyboardInterrupt

        monkeypatch.setattr(store, "transaction", pressed_after_commit)
        with pytest.raises(KeyboardInterrupt):
            run_job(job_file(tmp_path), store=store)
        assert [run.state for run in store.runs()] == ["stopped"]


@pytest.mark.parametrize("module", ["click", "_duckdb", "pyarrow.lib"])
def test_a_module_is_imported_whole_before_it_stops(filled: Line, module: str) -> None:
    """DuckDB 2 aborts the process when its import is broken off, and others lose the signal."""
    arguments = ("--store", str(filled.store), "sql", ENDLESS)
    done = subprocess.run(
        [sys.executable, "-c", IN_AN_IMPORT, module, *arguments],
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
        timeout=120,
    )
    # click writes a line break first, where the signal comes while it looks for the command.
    assert (done.returncode, done.stdout, done.stderr.lstrip()) == (ExitCode.INTERRUPTED, "True\n", f"{STOPPED}\n")


def test_a_command_that_ends_in_its_own_time_is_left_alone(filled: Line) -> None:
    """As a backtest does, which writes down first how far it has come."""
    taken: list[int] = []
    with open_store(filled.store, read_only=True) as store, interruptible(store):
        before = signal.signal(signal.SIGINT, lambda number, _: taken.append(number))
        try:
            os.kill(os.getpid(), signal.SIGINT)
            query = "SELECT count(sqrt(a.range) * b.range) AS n FROM range(10_000) AS a, range(10_000) AS b"
            assert store.sql(query).to_pylist() == [{"n": 100_000_000}]
        finally:
            signal.signal(signal.SIGINT, before)
    assert taken == [signal.SIGINT]


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


@pytest.mark.parametrize(
    "said",
    [
        duckdb.InterruptException("INTERRUPT Error: Interrupted!"),
        RuntimeError("Query interrupted"),
        duckdb.Error("KeyboardInterrupt: <EMPTY MESSAGE>\n\nAt: ..."),
    ],
    ids=lambda said: type(said).__name__,
)
def test_every_way_in_which_duckdb_says_it_is_known(filled: Line, said: Exception) -> None:
    with open_store(filled.store, read_only=True) as store:
        with pytest.raises(KeyboardInterrupt), store.reading():
            raise said
        assert any(is_interrupt(cause) for cause in chain(said))
