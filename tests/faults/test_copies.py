"""Copies made while others write: each is the store of one moment, whatever is written, closed, or killed meanwhile."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from barhouse import SessionCoordinator, SessionStore, open_store
from barhouse.store.database import file_copy
from barhouse.store.database.database import Database
from barhouse.store.errors import StoreClosedError, StoreError, StoreFullError
from tests.extent import COPIES, COPY_KILLS, SEED, tally
from tests.faults.slow_copy import GO_ON
from tests.faults.written_meanwhile import FIRST, MANY, minutes, register, written

NOW = datetime(2024, 6, 1, tzinfo=UTC)
SLOW = Path(__file__).with_name("slow_copy.py")
TABLES = "SELECT table_name FROM duckdb_tables() WHERE NOT temporary ORDER BY table_name"
THRESHOLD = "SELECT current_setting('checkpoint_threshold')"

Digest = dict[str, tuple[int, int]]


def digest(connection: duckdb.DuckDBPyConnection) -> Digest:
    """For each table how many rows it has, and a number that differs when one of them does."""
    found = {}
    for (table,) in connection.execute(TABLES).fetchall():
        (row,) = connection.execute(
            f'SELECT count(*), coalesce(sum(hash(t)::HUGEINT), 0) FROM "{table}" AS t'
        ).fetchall()
        found[table] = row
    return found


def digest_of(file: Path) -> Digest:
    """The digest of a file, as any client of DuckDB reads it."""
    with duckdb.connect(str(file), read_only=True) as connection:
        return digest(connection)


def opened(path: Path, **settings: str | int) -> SessionStore:
    return open_store(path, clock=lambda: NOW, settings={"threads": 1, **settings})


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> dict[int, Digest]:
    """What the store held when a copy began, for each thread that makes one, taken while nobody can write."""
    found: dict[int, Digest] = {}
    written_out = file_copy._written_out

    def noted(database: Database, cursor: duckdb.DuckDBPyConnection, path: Path, until: float) -> bool:
        done = written_out(database, cursor, path, until)
        if done:
            found[threading.get_ident()] = digest(cursor)
        return done

    monkeypatch.setattr(file_copy, "_written_out", noted)
    monkeypatch.setattr(file_copy, "_PROGRAM", SLOW)
    return found


def last_batch(store: SessionStore) -> int:
    (row,) = store.sql("SELECT max(batch_id) AS last FROM batches").to_pylist()
    return int(row["last"])


def run_beside(call: Callable[[], object], results: list[object]) -> threading.Thread:
    """Do something in another thread; what comes of it, or the error, is put into ``results``."""

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:
            results.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def wait_for_part(folder: Path) -> None:
    """Wait until a copy is being made there."""
    deadline = time.monotonic() + 60
    while not list(folder.glob(".*.part")):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("threshold", ["16MB", "1KB"])
def test_each_copy_is_the_store_when_it_began(tmp_path: Path, held: dict[int, Digest], threshold: str) -> None:
    published, backup = tmp_path / "published.duckdb", tmp_path / "backup.duckdb"
    with opened(tmp_path / "bars.duckdb", checkpoint_threshold=threshold) as store:
        register(store)
        kept = store.sql(THRESHOLD)
        behind: list[int] = []

        def copied(copy: Callable[[Path], Any], target: Path) -> None:
            report = copy(target)
            assert report.written
            assert digest_of(target) == held[threading.get_ident()]
            with open_store(target, read_only=True) as snapshot:
                assert snapshot.verify().sound
                assert snapshot.sql("SELECT max(batch_id) AS last FROM batches")["last"].to_pylist() == [
                    report.batch_id
                ]
            behind.append(store.sql("SELECT max(batch_id) AS last FROM batches")["last"][0].as_py() - report.batch_id)

        with written(store):
            failed: list[object] = []

            other = run_beside(lambda: copied(store.backup, backup), failed)
            for _ in range(COPIES):
                copied(store.publish, published)
            other.join()
        assert failed == [None]
        assert all(behind), "writers went on"
        assert store.sql(THRESHOLD) == kept
        assert store.verify().sound
    assert sorted(one.name for one in tmp_path.iterdir()) == ["backup.duckdb", "bars.duckdb", "published.duckdb"]


def test_what_goes_into_the_file_meanwhile_is_not_in_the_copy(
    tmp_path: Path, held: dict[int, Digest], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, target, go_on = tmp_path / "bars.duckdb", tmp_path / "copies" / "published.duckdb", tmp_path / "go on"
    target.parent.mkdir()
    with opened(path, checkpoint_threshold="1KB") as store:
        register(store)
        coordinator = SessionCoordinator(store)
        for turn in range(2):  # what was removed leaves room in the midst of the file
            coordinator.register("BIG", ["1m", "1h"], "24/7")
            coordinator.load(minutes("BIG", 0, MANY), interval="1m")
            if turn == 0:
                coordinator.remove_symbol("BIG", purge=True)
                store._database.root.execute("CHECKPOINT")
                monkeypatch.setenv(GO_ON, str(go_on))
                results: list[Any] = []
                copying = run_beside(lambda: store.publish(target), results)
                wait_for_part(target.parent)
                before = path.stat()
        assert path.stat().st_mtime_ns > before.st_mtime_ns, "or this test would prove nothing"
        assert path.stat().st_size == before.st_size
        coordinator.load(minutes("OLD", 0, 5_000, 2), interval="1m")
        coordinator.delete_bars("OLD", "1m", FIRST, FIRST + timedelta(days=2))
        coordinator.remove_symbol("BIG", purge=True)
        coordinator.register("BIG", ["1m", "1h"], "24/7")
        coordinator.load(minutes("BIG", 0, MANY, 2), interval="1m")
        assert not results
        go_on.touch()
        copying.join()
        assert results[0].written and [digest_of(target)] == list(held.values())
        with open_store(target, read_only=True) as snapshot:
            assert snapshot.verify().sound and "BIG" not in snapshot.get_active_symbols()
        assert store.verify().sound


def test_the_log_is_taken_over_again_after_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bars.duckdb"
    log = tmp_path / "bars.duckdb.wal"
    with opened(path, checkpoint_threshold="1KB") as store:
        register(store)
        original = file_copy.copy_synced

        def write_meanwhile(source: Path, part: Path, target: Path) -> None:
            with store.transaction() as transaction:
                transaction.write("database.keep_option", {"name": "a", "value": "b" * 10_000})
            assert log.stat().st_size > 10_000, "it stays in the log as long as a copy is made"
            original(source, part, target)

        monkeypatch.setattr(file_copy, "copy_synced", write_meanwhile)
        store.publish(tmp_path / "published.duckdb")
        with store.transaction() as transaction:
            transaction.write("database.keep_option", {"name": "c", "value": "d"})
        assert not log.exists() or log.stat().st_size == 0


@pytest.mark.parametrize("settings", [{}, {"wal_autocheckpoint": "100KB"}])
def test_a_copy_that_fails_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    target = tmp_path / "published.duckdb"
    with opened(tmp_path / "bars.duckdb", **settings) as store:
        kept = store.sql(THRESHOLD)
        with monkeypatch.context() as patched:

            def fail(*_: object) -> None:
                assert store.sql(THRESHOLD) != kept
                raise StoreFullError("no room")

            patched.setattr(file_copy, "copy_synced", fail)
            with pytest.raises(StoreFullError):
                store.publish(target)
        assert store.sql(THRESHOLD) == kept
        assert [one.name for one in tmp_path.iterdir() if "published" in one.name] == []
        assert store.publish(target).written


def test_a_checkpoint_that_comes_nevertheless_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "copies" / "published.duckdb"
    target.parent.mkdir()
    with opened(tmp_path / "bars.duckdb") as store:
        register(store)
        monkeypatch.setattr(file_copy, "_PROGRAM", SLOW)
        results: list[object] = []
        copying = run_beside(lambda: store.publish(target), results)
        wait_for_part(target.parent)
        with store.transaction() as transaction:
            transaction.write("database.keep_option", {"name": "a", "value": "b"})
        store._database.root.execute("CHECKPOINT")
        copying.join()
        (error,) = results
        assert isinstance(error, StoreError) and "it was written anew meanwhile; copy it again" in str(error)
        assert not list(target.parent.iterdir())


def test_closing_waits_for_a_copy(tmp_path: Path, held: dict[int, Digest]) -> None:
    path, target = tmp_path / "bars.duckdb", tmp_path / "copies" / "published.duckdb"
    target.parent.mkdir()
    store = opened(path)
    register(store)
    results: list[Any] = []
    copying = run_beside(lambda: store.publish(target), results)
    wait_for_part(target.parent)
    with store.transaction() as transaction:
        transaction.write("database.keep_option", {"name": "a", "value": "b"})
    store.close()
    assert target.exists(), "the copy was made to its end"
    copying.join()
    assert results[0].written
    assert [one.name for one in target.parent.iterdir()] == [target.name]
    assert [digest_of(target)] == list(held.values())
    assert digest_of(path) != digest_of(target)
    with pytest.raises(StoreClosedError):
        store.publish(target)


def test_a_thread_does_not_wait_for_its_own_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "published.duckdb"
    with opened(tmp_path / "bars.duckdb") as store:
        for use in (store.close, lambda: store.publish(target)):
            # As a handler of a signal may do.
            with monkeypatch.context() as patched, pytest.raises(StoreError, match="this thread is copying the store"):
                patched.setattr(file_copy, "copy_synced", lambda *_, use=use: use())
                store.publish(target)
        assert store.publish(target).written


def test_writers_go_on_while_a_copy_waits_for_a_reader(tmp_path: Path, held: dict[int, Digest]) -> None:
    target = tmp_path / "published.duckdb"
    with opened(tmp_path / "bars.duckdb") as store:
        register(store)
        results: list[Any] = []
        with store._database.root.cursor() as reader:
            reader.execute("BEGIN TRANSACTION READ ONLY")
            before = reader.execute("SELECT count(*) FROM bar").fetchall()
            coordinator = SessionCoordinator(store)
            coordinator.load(minutes("NEW", 10_000, 10), interval="1m")
            copying = run_beside(lambda: store.publish(target), results)
            for turn in range(1, 4):
                coordinator.load(minutes("NEW", 10_000 + 10 * turn, 10), interval="1m")
            assert not results and not held, "it waits"
            assert reader.execute("SELECT count(*) FROM bar").fetchall() == before
        copying.join()
        assert results[0].written and [digest_of(target)] == list(held.values())
        with open_store(target, read_only=True) as snapshot:
            assert snapshot.sql("FROM bars").num_rows == store.sql("FROM bars").num_rows


def test_killed_while_a_copy_is_made(tmp_path: Path) -> None:
    path, target = tmp_path / "bars.duckdb", tmp_path / "copies" / "published.duckdb"
    target.parent.mkdir()
    chance = random.Random(SEED)
    command = [sys.executable, "-m", "tests.faults.copying", str(path), str(target)]
    for _ in range(COPY_KILLS):
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
        assert child.stdout is not None
        said = [int(child.stdout.readline())]
        wait_for_part(target.parent)
        time.sleep(chance.uniform(0, 0.6))
        child.send_signal(signal.SIGKILL)
        said += map(int, child.stdout.read().splitlines())
        child.wait()
        with open_store(target, read_only=True) as snapshot:
            assert snapshot.verify().sound
            assert last_batch(snapshot) >= said[-1]
        with opened(path) as store:
            assert store.verify().sound
            assert last_batch(store) >= said[-1]
            store.publish(target)
        assert digest_of(target) == digest_of(path)
        assert [one.name for one in target.parent.iterdir()] == [target.name], "what was left of the copy is gone"
    tally(kills=COPY_KILLS)
