"""Opening and sharing a store file: its lock, its version, its transactions, and what reading may not do."""

from __future__ import annotations

import gc
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from barhouse import DataProcessor, SessionCoordinator, SessionStore, SymbolSessionData, open_store
from barhouse.store.database.database import Database
from barhouse.store.database.failures import failure_of
from barhouse.store.database.file_copy import copy_file
from barhouse.store.database.opening import explained, open_database
from barhouse.store.errors import InputError, StoreClosedError, StoreError, StoreHeldError, StoreVersionError

ROOT = Path(__file__).parents[2]
OPEN_AND_SAY = """
import sys
from barhouse import open_store
try:
    open_store(sys.argv[1], read_only=len(sys.argv) > 2).close()
    print("opened")
except Exception as error:
    print(type(error).__name__, error)
"""
HOLD = """
import sys
from barhouse import open_store
with open_store(sys.argv[1], read_only=len(sys.argv) > 2):
    print("open", flush=True)
    sys.stdin.readline()
"""


def elsewhere(path: Path, *more: str) -> str:
    """What another process says when it opens the store."""
    done = subprocess.run(
        [sys.executable, "-c", OPEN_AND_SAY, str(path), *more], check=True, cwd=ROOT, capture_output=True, text=True
    )
    return done.stdout.strip()


@contextmanager
def holder(path: Path, *more: str) -> Iterator[int]:
    """Another process that has the store open; gives its number."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), *more],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        try:
            yield process.pid
        finally:
            process.communicate("\n")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bars.duckdb"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = open_database(path)
    yield database
    database.close()


def note(database: Database, number: int) -> None:
    with database.transaction() as transaction:
        add_run(transaction.execute, number)


def add_run(execute: Callable[..., Any], number: int) -> None:
    """A row of a table that nothing else in these tests needs."""
    execute(
        "INSERT INTO session_run (run_id, mode, name, config, state, owner, pid, started_at, updated_at) VALUES"
        " ($run_id, 'live', '', '{}', 'done', '', 0, '2024-01-02 00:00:00+00', '2024-01-02 00:00:00+00')",
        {"run_id": number},
    )


def runs(database: Database) -> list[int]:
    return database.query("SELECT run_id FROM session_run ORDER BY ALL")["run_id"].to_pylist()


# ------------------------------------------------------------------------------------------------------ the lock


@pytest.mark.parametrize("how", [{}, {"read_only": True}])
def test_a_store_held_by_another_process_names_it(path: Path, how: dict[str, bool]) -> None:
    with (
        holder(path) as pid,
        pytest.raises(StoreHeldError, match=f"is held by process {pid}; wait for it or stop it, or read a published"),
    ):
        open_store(path, **how)
    open_store(path, **how).close()


def test_readers_share_a_file_and_keep_writers_out(path: Path) -> None:
    open_store(path).close()
    with holder(path, "read-only") as pid:
        with open_store(path, read_only=True) as store:
            assert store.get_active_symbols() == set()
        with pytest.raises(StoreHeldError, match=f"is being read by process {pid}; .* open it with read_only=True"):
            open_store(path)


def test_a_lock_without_a_process_number_is_explained_too() -> None:
    error = explained("bars.duckdb", 'IO Error: Could not set lock on file "bars.duckdb": it failed')
    assert isinstance(error, StoreHeldError) and "is held by another process" in str(error)


@pytest.mark.parametrize("link", ["same name", "relative name", "symbolic link", "hard link"])
@pytest.mark.parametrize("how", [{}, {"read_only": True}])
def test_a_process_opens_a_store_once(
    path: Path, link: str, how: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    other = path.with_name("other.duckdb")
    with open_store(path) as store:
        match link:
            case "same name":
                other = path
            case "relative name":
                other = Path(path.name)
            case "symbolic link":
                other.symlink_to(path)
            case _:
                other.hardlink_to(path)
        with pytest.raises(StoreHeldError, match=r"already open in this process.*; use that store object"):
            open_store(other, **how)
        assert elsewhere(path).startswith("StoreHeldError"), "the refusal did not cost the lock"
        assert store.get_active_symbols() == set()
    open_store(other, **how).close()


def test_readers_within_a_process_share_one_name_only(path: Path) -> None:
    open_store(path).close()
    other = path.with_name("other.duckdb")
    other.hardlink_to(path)
    newer = path.with_name("newer.duckdb")
    with open_store(newer) as third:
        SessionCoordinator(third).register("SPY", ["1d"], "24/7")
    with open_store(path, read_only=True) as first:
        with open_store(path, read_only=True) as second:
            assert first.get_active_symbols() == second.get_active_symbols() == set()
        assert first.get_active_symbols() == set()
        with pytest.raises(StoreHeldError, match=r"already open in this process as .*bars\.duckdb"):
            open_store(other, read_only=True)
        with pytest.raises(StoreHeldError, match="already open in this process;"):
            open_store(path)
        with pytest.raises(StoreError, match=r"cannot be opened: .*different configuration"):
            open_store(path, read_only=True, settings={"threads": 1})
        newer.replace(path)
        with open_store(path, read_only=True) as third:  # by the path DuckDB would take it for the file before
            assert third.get_active_symbols() == {"SPY"}
        assert first.get_active_symbols() == set()


def test_a_forgotten_store_can_be_opened_again(path: Path) -> None:
    store = open_store(path)
    del store
    gc.collect()
    open_store(path).close()


def test_only_one_of_many_threads_opens_a_new_file(path: Path) -> None:
    opened: list[SessionStore] = []
    refused: list[Exception] = []

    def try_it() -> None:
        try:
            opened.append(open_store(path))
        except StoreHeldError as error:
            refused.append(error)

    in_threads(try_it, 5)
    assert (len(opened), len(refused)) == (1, 4)
    opened[0].close()


def in_threads(work: Callable[[], None], count: int = 1) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


# ------------------------------------------------------------------------------------------------- files and places


def test_a_file_that_is_no_database_is_refused_untouched(path: Path) -> None:
    for content in (b"", b"symbol,open\n" * 1000):
        path.write_bytes(content)
        for read_only in (False, True):
            with pytest.raises(StoreVersionError, match="is not a Barhouse store, nor any DuckDB file"):
                open_store(path, read_only=read_only)
        assert path.read_bytes() == content


@pytest.mark.parametrize("ending", ["csv", "tsv", "json", "parquet"])
@pytest.mark.parametrize("content", [b"", b"symbol,open\n" * 1000, b'{"symbol": 1}', b"PAR1"])
def test_a_file_of_rows_is_no_store_whatever_is_made_of_it_in_memory(
    tmp_path: Path, ending: str, content: bytes
) -> None:
    path = tmp_path / f"rows.{ending}"
    path.write_bytes(content)
    for read_only in (False, True):
        with pytest.raises(StoreVersionError, match="is not a Barhouse store, nor any DuckDB file"):
            open_store(path, read_only=read_only)
    assert path.read_bytes() == content


def test_a_damaged_file_is_an_error_of_the_store(path: Path) -> None:
    open_store(path).close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + bytes(byte ^ 0x55 for byte in whole[4096:12288]) + whole[12288:])
    with pytest.raises(StoreError, match=r"is damaged on the disk: (IO Error: )?Corrupt database file"):
        open_store(path)


def test_a_folder_that_may_not_be_written_to_says_so() -> None:
    text = 'TransactionContext Error: Failed to commit: Cannot open file "/a/bars.duckdb.wal": Permission denied'
    error = failure_of(duckdb.TransactionException(text), "/a/bars.duckdb")
    assert isinstance(error, StoreError) and "the folder of /a/bars.duckdb may not be written to" in str(error)


def test_a_file_of_sqlite_is_no_store() -> None:
    text = 'IO Error: Failed to download extension "sqlite_scanner" at URL "http://host/sqlite_scanner.gz"'
    error = explained("lite.db", text)
    assert isinstance(error, StoreVersionError) and "not a Barhouse store, nor any DuckDB file" in str(error)


def test_a_file_of_a_newer_duckdb_says_so() -> None:
    text = "IO Error: Trying to read a database file with version number 99, but we can only read versions up to 67."
    error = explained("bars.duckdb", text)
    assert isinstance(error, StoreVersionError) and "upgrade duckdb" in str(error)


def test_a_database_that_is_no_store_is_refused_untouched(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE orders AS SELECT 1 AS order_id")
    content = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(StoreVersionError, match=r"not a Barhouse store \(it holds orders\); name another"):
            open_store(path, read_only=read_only)
    assert path.read_bytes() == content


def test_an_empty_database_becomes_a_store(path: Path) -> None:
    duckdb.connect(str(path)).close()
    with pytest.raises(StoreVersionError, match=r"has schema none.* open it once without read_only"):
        open_store(path, read_only=True)
    with open_store(path) as store:
        assert store.sql("SELECT * FROM bars").num_rows == 0


def test_a_newer_store_is_refused_untouched(path: Path) -> None:
    open_store(path).close()
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    content = path.read_bytes()
    with pytest.raises(StoreVersionError, match=r"has schema 9999, newer than this Barhouse knows \(\d+\); upgrade"):
        open_store(path)
    with pytest.raises(StoreVersionError, match="has schema 9999, newer than this Barhouse knows"):
        open_store(path, read_only=True)
    assert path.read_bytes() == content


def test_places_without_a_store_are_explained(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no store at .*; open it once without read_only"):
        open_store(tmp_path / "none.duckdb", read_only=True)
    with pytest.raises(StoreError, match=r"the folder .*gone does not exist; create it first"):
        open_store(tmp_path / "gone" / "bars.duckdb")
    with pytest.raises(StoreError, match=r"is a folder; name a file, such as .*bars\.duckdb"):
        open_store(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_settings_reach_duckdb_or_are_refused(path: Path) -> None:
    with open_store(path, settings={"threads": 1}) as store:
        assert store.sql("SELECT current_setting('threads') AS threads")["threads"].to_pylist() == [1]
    refused: dict[str, Any] = {
        "thread": [1],
        "threads": ["many", "", 0, -1, 1001, 10**9, 10**5000, "9" * 5000, 1.5, None],
    }
    for name, value in ((name, value) for name, values in refused.items() for value in values):
        settings = {name: value}
        with pytest.raises(InputError, match=r"settings=.*thread"):
            open_store(path, settings=settings)
    open_store(path).close()


@pytest.mark.parametrize(
    "settings",
    [
        {"default_order": "desc"},
        {"threads": 1, "DEFAULT_NULL_ORDER": "nulls_first"},
        {"preserve_insertion_order": "false"},
        {"TimeZone": "Asia/Tokyo"},
        {"enable_external_access": "false"},
        {"integer_division": "true"},
        {"access_mode": "read_only"},
    ],
)
def test_settings_that_bars_may_depend_on_are_refused(tmp_path: Path, settings: dict[str, str | int]) -> None:
    with pytest.raises(
        InputError, match="cannot be chosen, for bars may depend on it; allowed are threads, memory_limit"
    ):
        open_store(tmp_path / "new.duckdb", settings=settings)
    assert list(tmp_path.iterdir()) == []


def test_a_store_in_memory_is_not_opened_to_be_read_only() -> None:
    with pytest.raises(InputError, match=r"begins empty, so read_only=True leaves nothing"):
        open_store(":memory:", read_only=True)


def test_two_stores_and_memory_are_apart(tmp_path: Path) -> None:
    with (
        open_store(tmp_path / "a.duckdb") as first,
        open_store(tmp_path / "b.duckdb") as second,
        open_store(":memory:") as third,
        open_store(":memory:") as fourth,
    ):
        for store, name in ((first, "SPY"), (second, "QQQ"), (third, "DIA")):
            store.register_symbol_data(SymbolSessionData.build(name, "1m", calendar="24/7"))
        assert [store.get_active_symbols() for store in (first, second, third, fourth)] == [
            {"SPY"},
            {"QQQ"},
            {"DIA"},
            set(),
        ]
        assert third.path is None


# ------------------------------------------------------------------------------------------------------- closing


def test_nothing_answers_after_closing(path: Path) -> None:
    store = open_store(path)
    coordinator, processor = SessionCoordinator(store), DataProcessor(store)
    coordinator.register("SPY", intervals=["1m", "5m"], calendar="24/7")
    store.close()
    store.close()
    when = datetime(2024, 1, 2, tzinfo=UTC)
    frame = pa.table({"symbol": ["SPY"]})
    uses: list[Callable[[], object]] = [
        store.get_active_symbols,
        store.get_symbols_with_derived,
        store.interval_rows,
        store.verify,
        lambda: store.get_symbol_data("SPY"),
        lambda: store.sql("SELECT 1"),
        lambda: store.bars("SPY", "1m"),
        lambda: store.bars("SPY", "1m", as_of=when),
        lambda: store.transaction().__enter__(),
        lambda: store.register_symbol_data(SymbolSessionData.build("A", "1m", calendar="24/7")),
        lambda: coordinator.register("QQQ", intervals=["1m"], calendar="24/7"),
        lambda: coordinator.load(frame, symbol="SPY", interval="1m"),
        lambda: coordinator.remove_symbol("SPY"),
        lambda: coordinator.delete_bars("SPY", "1m", start=when),
        coordinator.get_loaded_symbols,
        processor.process,
    ]
    for use in uses:
        with pytest.raises(StoreClosedError, match=r"was closed; open it again with open_store\(\)"):
            use()
    assert elsewhere(path) == "opened"


def test_closing_waits_for_readers_and_gives_the_file_back(database: Database, path: Path) -> None:
    reading, go_on = threading.Event(), threading.Event()
    closed: list[float] = []

    def read() -> None:
        with database.reading() as view:
            reading.set()
            go_on.wait(30)
            assert view.execute("SELECT count(*) FROM bar") == [(0,)]

    def close() -> None:
        database.close()
        closed.append(time.monotonic())

    threads = [threading.Thread(target=read), threading.Thread(target=close)]
    threads[0].start()
    assert reading.wait(30)
    threads[1].start()
    time.sleep(0.2)
    assert not closed and elsewhere(path).startswith("StoreHeldError")
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert closed and elsewhere(path) == "opened"


def test_a_store_is_not_closed_inside_its_transaction(database: Database) -> None:
    with database.transaction() as transaction:
        add_run(transaction.execute, 1)
        with pytest.raises(StoreError, match="inside a transaction; end it before closing"):
            database.close()
    assert runs(database) == [1]


def test_a_store_is_not_closed_by_the_thread_that_reads(database: Database, path: Path) -> None:
    """It would wait for itself."""
    for reading in (database.reading, lambda: database.stream("SELECT 1")):
        with reading(), pytest.raises(StoreError, match="this thread is reading"):
            database.close()
    assert runs(database) == []
    database.close()
    assert elsewhere(path) == "opened"


def test_a_kept_error_does_not_keep_the_file(path: Path) -> None:
    store = open_store(path)
    with pytest.raises(duckdb.Error) as kept:
        store.sql("SELECT error('no') FROM range(10)")
    with pytest.raises(duckdb.Error) as kept_too, store.transaction() as transaction:
        transaction.execute("SELECT error('no') FROM range(10)")
    store.close()
    assert elsewhere(path) == "opened"
    open_store(path).close()
    assert kept and kept_too


# ---------------------------------------------------------------------------------------------------- transactions


def test_readers_see_whole_states(database: Database) -> None:
    done = threading.Event()
    seen: list[int] = []

    def read() -> None:
        while not done.is_set():
            seen.append(len(runs(database)))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(15):
        with database.transaction() as transaction:
            add_run(transaction.execute, 2 * number)
            add_run(transaction.execute, 2 * number + 1)
    done.set()
    for reader in readers:
        reader.join(30)
    assert len(runs(database)) == 30
    assert seen and not any(count % 2 for count in seen)


def test_writers_queue(database: Database) -> None:
    def add_one() -> None:
        with database.transaction() as transaction:
            ((count,),) = transaction.execute("SELECT count(*) FROM session_run")
            add_run(transaction.execute, count)

    in_threads(add_one, 8)
    assert runs(database) == list(range(8))


def test_an_open_stream_does_not_disturb(database: Database) -> None:
    with database.root.cursor() as cursor:
        reader = cursor.sql("SELECT * FROM range(1000000)").to_arrow_reader(1000)
        reader.read_next_batch()
        note(database, 1)
        assert runs(database) == [1]
        assert sum(batch.num_rows for batch in reader) == 999_000
        del reader


def test_one_view_for_several_statements(database: Database) -> None:
    with database.reading() as view:
        view.execute("CREATE TEMP TABLE counted AS SELECT count(*) AS n FROM session_run")
        in_threads(lambda: note(database, 1))
        assert view.execute("SELECT n, (SELECT count(*) FROM session_run) FROM counted") == [(0, 0)]
        with pytest.raises(duckdb.TransactionException, match="read-only"):
            add_run(view.execute, 9)
    assert runs(database) == [1], "nothing is written by reading"


def test_a_failure_inside_undoes_everything_even_when_it_is_caught(database: Database) -> None:
    with (
        pytest.raises(StoreError, match="a part of this transaction failed, so nothing of it") as caught,
        database.transaction() as outer,
    ):
        add_run(outer.execute, 1)
        with pytest.raises(ZeroDivisionError), database.transaction() as inner:
            assert inner is outer
            add_run(inner.execute, 2)
            raise ZeroDivisionError
        add_run(outer.execute, 3)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert runs(database) == []
    note(database, 4)
    assert runs(database) == [4]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_whatever_is_raised_rolls_back(database: Database, error: type[BaseException]) -> None:
    with pytest.raises(error), database.transaction() as transaction:
        add_run(transaction.execute, 1)
        raise error
    note(database, 2)
    assert runs(database) == [2]


def test_a_caught_statement_error_is_not_committed_around(database: Database) -> None:
    with pytest.raises(duckdb.Error), database.transaction() as transaction:
        add_run(transaction.execute, 1)
        with pytest.raises(duckdb.ConstraintException):
            add_run(transaction.execute, 1)
        add_run(transaction.execute, 2)
    assert runs(database) == []
    note(database, 3)
    assert runs(database) == [3]


def test_an_error_while_rolling_back_does_not_hide_the_first(database: Database) -> None:
    with pytest.raises(ValueError, match="the first") as caught, database.transaction() as transaction:
        add_run(transaction.execute, 1)
        transaction.cursor.close()
        raise ValueError("the first")
    (note_,) = caught.value.__notes__
    assert note_.startswith("and rolling back failed: ") and "closed" in note_
    note(database, 2)
    assert runs(database) == [2]


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_leaks_to_the_next_user(database: Database, fails: bool) -> None:
    kept = []
    try:
        with database.transaction() as transaction:
            kept.append(transaction)
            transaction.attach("given", pa.table({"a": [1]}))
            transaction.execute("CREATE TEMP TABLE made AS FROM given")
            assert transaction.execute("FROM made") == [(1,)]
            assert not fails, "on purpose"
    except AssertionError:
        assert fails
    for name in ("given", "made"):
        with database.transaction() as transaction, pytest.raises(duckdb.CatalogException):
            transaction.execute(f"FROM {name}")
            raise AssertionError(f"{name} is still there")
        with database.reading() as view, pytest.raises(duckdb.CatalogException):
            view.execute(f"FROM {name}")
        with pytest.raises(duckdb.CatalogException):
            database.query(f"FROM {name}")
    with pytest.raises(duckdb.ConnectionException):
        add_run(kept[0].execute, 1)
    assert runs(database) == [], "a transaction that has ended writes nothing"


def test_reading_only_refuses_to_write(path: Path) -> None:
    open_store(path).close()
    with open_store(path, read_only=True) as store:
        with pytest.raises(StoreError, match="was opened read-only; open it without read_only=True to write"):
            store.transaction().__enter__()
        assert store.sql("SELECT count(*) AS n FROM bars")["n"].to_pylist() == [0]


# ------------------------------------------------------------------------------------------------------- queries


@pytest.mark.parametrize(
    "query",
    [
        "",
        "-- nothing",
        "SELECT 1; SELECT 2",
        "COMMIT",
        "COMMIT; DELETE FROM session_run",
        "ROLLBACK; DELETE FROM session_run",
        "PIVOT session_run ON run_id USING count(*); COMMIT; DELETE FROM session_run",
        "INSERT INTO session_run SELECT * FROM session_run",
        "UPDATE session_run SET state = 'x'",
        "DELETE FROM session_run",
        "WITH gone AS (SELECT 1) DELETE FROM session_run",
        "DROP VIEW bars",
        "CREATE TABLE mine (a INT)",
        "CREATE TEMP TABLE mine AS SELECT 1",
        "CREATE SECRET mine (TYPE s3)",
        "ATTACH ':memory:' AS other",
        "DETACH bars",
        "USE memory",
        "SET threads = 1",
        "SET GLOBAL TimeZone = 'Asia/Tokyo'",
        "RESET threads",
        "PRAGMA memory_limit = '1GB'",
        "PRAGMA disable_checkpoint_on_shutdown",
        "CHECKPOINT",
        "VACUUM",
        "LOAD json",
        "EXPORT DATABASE 'somewhere'",
        "PREPARE mine AS SELECT 1",
        "CALL pragma_version()",
        "EXPLAIN ANALYZE SET default_order = 'desc'",
        "EXPLAIN (ANALYZE, FORMAT json) SET GLOBAL TimeZone = 'Asia/Tokyo'",
        "/* ä */ explain analyze SET memory_limit = '100MB'; -- ü",
        "EXPLAIN ANALYZE SET enable_external_access = false",
        "EXPLAIN ANALYZE RESET threads",
        "EXPLAIN ANALYZE PRAGMA disable_checkpoint_on_shutdown",
        "EXPLAIN ANALYZE LOAD json",
        "EXPLAIN ANALYZE CHECKPOINT",
        "EXPLAIN ANALYZE COMMIT",
        "EXPLAIN ANALYZE CREATE TABLE mine (a INT)",
        "EXPLAIN ANALYZE PREPARE mine AS DELETE FROM session_run",
        "EXPLAIN ANALYZE EXECUTE mine",
        "EXPLAIN ANALYZE DEALLOCATE mine",
        "EXPLAIN ANALYZE DELETE FROM session_run",
        "EXPLAIN SET threads = 1",
        "COPY session_run FROM 'runs.csv'",
        "COPY session_run TO 'runs.csv'",
        "COPY session_run TO ('ru' || 'ns') (FORMAT csv, PARTITION_BY (mode), OVERWRITE true)",
        "EXPLAIN ANALYZE COPY session_run FROM 'runs.csv'",
        "EXPLAIN ANALYZE COPY session_run TO ('ru' || 'ns')",
    ],
)
def test_a_query_only_reads(database: Database, query: str) -> None:
    note(database, 1)
    with pytest.raises(InputError, match="a query is one statement that reads"):
        database.query(query)
    assert runs(database) == [1]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT 1;", 1),
        ("WITH a AS (SELECT 1) SELECT * FROM a", 1),
        ("FROM session_run", 1),
        ("VALUES (1), (2)", 2),
        ("DESCRIBE session_run", 14),
        ("SUMMARIZE session_run", 14),
        ("PIVOT session_run ON mode USING count(*)", 1),
        ("SELECT * FROM (PIVOT session_run ON mode USING count(*))", 1),
        ("EXPLAIN SELECT 1", 1),
        ("EXPLAIN (SELECT 1)", 1),
        ("EXPLAIN ANALYZE FROM session_run;", 1),
        ("/* of 'ä' */ EXPLAIN (ANALYZE, FORMAT json) -- ü\n SELECT 'ö' AS \"(\"", 1),
        ("SELECT * FROM range(2000000)", 2_000_000),
    ],
)
def test_what_reads_is_answered(database: Database, query: str, rows: int) -> None:
    note(database, 1)
    assert database.query(query).num_rows == rows


def settings_of(database: Database) -> dict[str, str]:
    rows = database.query("SELECT name, value FROM duckdb_settings() WHERE value IS NOT NULL").to_pylist()
    return {row["name"]: row["value"] for row in rows}


@pytest.mark.parametrize(
    "statement",
    [
        "SET default_order = 'desc'",
        "SET GLOBAL TimeZone = 'Asia/Tokyo'",
        "RESET threads",
        "PRAGMA memory_limit = '1GB'",
        "SELECT 1; SET threads = 1",
        "EXPLAIN ANALYZE SET default_order = 'desc'",
        "LOAD json",
        "ATTACH ':memory:' AS other",
        "USE other",
        "CHECKPOINT",
    ],
)
def test_a_transaction_changes_tables_alone(database: Database, statement: str) -> None:
    before = settings_of(database)
    refused = pytest.raises(TypeError, match="a transaction runs statements that read or write tables, not ")
    with refused, database.transaction() as transaction:
        transaction.execute(statement)
    assert settings_of(database) == before


def test_a_transaction_may_have_tables_of_its_own(database: Database) -> None:
    with database.transaction() as transaction:
        transaction.execute("CREATE TABLE mine (a INT); INSERT INTO mine VALUES (1), (2)")
        transaction.execute("DELETE FROM mine WHERE a = $a", {"a": 1})
        assert transaction.execute("EXPLAIN ANALYZE SELECT * FROM mine")
        assert [row.a for row in transaction.execute("FROM mine")] == [2]
        transaction.execute("DROP TABLE mine")


def test_a_query_takes_parameters(database: Database) -> None:
    assert database.query("SELECT $a + 1 AS b", {"a": 1})["b"].to_pylist() == [2]
    assert database.query("SELECT ? AS b", [3])["b"].to_pylist() == [3]


def test_names_in_a_query_are_never_python_variables(database: Database) -> None:
    cursor = pa.table({"a": [1]})
    for name in ("cursor", "text", "parameters", "database"):
        with pytest.raises(duckdb.CatalogException, match=f"Table with name {name} does not exist"):
            database.query(f"SELECT * FROM {name}")
    assert cursor.num_rows == 1


def test_instants_are_in_utc_whatever_the_machine_says(path: Path) -> None:
    lines = [
        "import sys, time; from barhouse import open_store; time.tzset()",
        "with open_store(sys.argv[1]) as store, store.transaction() as transaction:",
        "    query = \"SELECT '2024-07-01 12:00:00+00'::TIMESTAMPTZ AS t, t::VARCHAR AS u\"",
        "    found = store.sql(query)",
        "    ((moment, _),) = transaction.execute(query)",
        "    print(found.schema.field('t').type.tz, found['t'][0], found['u'][0], moment.isoformat())",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines), str(path)],
        check=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "TZ": "Asia/Tokyo"},
    )
    assert done.stdout == "UTC 2024-07-01 12:00:00+00:00 2024-07-01 12:00:00+00 2024-07-01T12:00:00+00:00\n"


# ----------------------------------------------------------------------------------------------- other processes


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_does_not_touch_the_store(database: Database, path: Path) -> None:
    note(database, 1)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # whatever happens, the child must not go on as another test run
        said = []
        for use in (lambda: runs(database), lambda: note(database, 2), lambda: open_store(path), database.close):
            try:
                said.append(str(use()))
            except BaseException as error:
                said.append(f"{type(error).__name__}: {error}")
        os.write(writing, "\n".join(said).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        query, write, opening, closing = pipe.read().split("\n")
    assert os.waitpid(child, 0)[1] == 0
    assert query.startswith(f"StoreError: the store {path} was opened by process {os.getpid()}, of which this one is")
    assert write == query
    assert opening.startswith(f"StoreHeldError: the store {path} is held by process {os.getpid()}")
    assert closing == "None"
    note(database, 3)
    assert runs(database) == [1, 3]
    assert elsewhere(path).startswith("StoreHeldError")


def _open_elsewhere(path: str) -> str:
    try:
        open_store(path).close()
    except StoreError as error:
        return f"{type(error).__name__}: {error}"
    return "opened"


def test_a_spawned_process_is_another_process(path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        with open_store(path):
            said = pool.apply(_open_elsewhere, (str(path),))
        assert said.startswith(f"StoreHeldError: the store {path} is held by process {os.getpid()}")
        assert pool.apply(_open_elsewhere, (str(path),)) == "opened"


# -------------------------------------------------------------------------------------------------------- copies


def test_a_copy_is_whole_and_costs_no_lock(database: Database, path: Path) -> None:
    target = path.with_name("copy.duckdb")
    target.write_text("an older copy")
    for number in range(3):
        note(database, number)
    copy_file(database, target)
    assert elsewhere(path).startswith("StoreHeldError"), "still held"
    assert elsewhere(path, "read-only").startswith("StoreHeldError")
    with open_store(target, read_only=True) as copy:
        assert copy.sql("FROM session_run ORDER BY run_id") == database.query("FROM session_run ORDER BY run_id")
    assert sorted(one.name for one in path.parent.iterdir() if one.suffix != ".wal") == ["bars.duckdb", "copy.duckdb"]
    note(database, 3)
    assert runs(database) == [0, 1, 2, 3]


def test_a_file_that_cannot_be_made_is_told_from_one_that_may_not_be_written_to(path: Path) -> None:
    text = f'IO Error: Cannot open file "{path}": Permission denied'
    assert "cannot be made: the folder may not be written to" in str(explained(str(path), text))
    path.touch()
    assert "may not be written to, as a published snapshot may not" in str(explained(str(path), text))


def test_a_copy_keeps_who_may_read_it(database: Database, path: Path) -> None:
    path.chmod(0o600)
    copy_file(database, path.with_name("copy.duckdb"))
    assert path.with_name("copy.duckdb").stat().st_mode & 0o777 == 0o600


def test_copies_are_whole_while_others_write_and_read(database: Database, path: Path) -> None:
    done = threading.Event()
    failed: list[BaseException] = []

    def write() -> None:
        number = 0
        while not done.is_set():
            with database.transaction() as transaction:
                add_run(transaction.execute, number)
                add_run(transaction.execute, number + 1)
                transaction.execute("UPDATE session_run SET config = repeat('x', 1000)")
            number += 2

    def read() -> None:
        try:
            while not done.is_set():
                database.query("SELECT sum(run_id), count(config) FROM session_run")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for work in (write, read, read)]
    for thread in threads:
        thread.start()
    try:
        for number in range(3):
            copy_file(database, path.with_name(f"copy{number}.duckdb"))
    finally:
        done.set()
        for thread in threads:
            thread.join(30)
    assert not failed
    for number in range(3):
        with open_store(path.with_name(f"copy{number}.duckdb")) as copy:
            assert copy.sql("FROM session_run").num_rows % 2 == 0


def test_a_copy_waits_for_a_reader_of_an_old_state_and_gives_up_in_time(database: Database, path: Path) -> None:
    note(database, 1)
    target = path.with_name("copy.duckdb")
    with database.root.cursor() as cursor:
        cursor.execute("BEGIN TRANSACTION READ ONLY")
        cursor.execute("SELECT count(*) FROM session_run").fetchall()
        with database.transaction() as transaction:
            transaction.execute("UPDATE session_run SET state = 'stopped'")
        with pytest.raises(StoreError, match=r"was busy for 0\.2 seconds: a query .* copy again when it has ended"):
            copy_file(database, target, patience_seconds=0.2)
        assert not target.exists()
        threading.Timer(0.3, cursor.close).start()
        copy_file(database, target)
    with open_store(target, read_only=True) as copy:
        assert copy.sql("SELECT state FROM session_run")["state"].to_pylist() == ["stopped"]


def test_a_copy_that_cannot_be_made_says_why(database: Database, path: Path) -> None:
    hard = path.with_name("hard.duckdb")
    hard.hardlink_to(path)
    for target in (path, hard):
        with pytest.raises(InputError, match="would be the store itself; name another file"):
            copy_file(database, target)
    with pytest.raises(StoreError, match=r"copying .* failed: FileNotFoundError"):
        copy_file(database, path.parent / "gone" / "copy.duckdb")
    with database.transaction(), pytest.raises(StoreError, match="inside a transaction; end it first"):
        copy_file(database, path.with_name("copy.duckdb"))
    with pytest.raises(StoreError, match="in memory has no file"):
        copy_file(open_database(":memory:"), path.with_name("copy.duckdb"))
    assert elsewhere(path).startswith("StoreHeldError")


def test_a_read_only_store_is_copied_unless_commits_are_beside_it(path: Path) -> None:
    open_store(path).close()
    target = path.with_name("copy.duckdb")
    reader = open_database(path, read_only=True)
    copy_file(reader, target)
    assert target.read_bytes() == path.read_bytes()
    path.with_name("bars.duckdb.wal").write_bytes(b"something")
    with pytest.raises(StoreError, match=r"holds commits that .* lacks; open the store for writing once"):
        copy_file(reader, target)
    path.with_name("bars.duckdb.wal").unlink()
    reader.close()
