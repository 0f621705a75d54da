"""What writers remember holds until something else is written; their connection stays while nothing is left on it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from barhouse import SessionCoordinator, open_store
from barhouse.store.database import memory
from barhouse.store.database.memory import Memory
from barhouse.store.database.tables import metadata
from barhouse.store.sql import Sql


class Note:
    """Something that is remembered."""


def test_what_is_kept_holds_until_something_is_written() -> None:
    kept, note = Memory(), Note()
    kept.keep(note)
    kept.note(["session_run", "rejected_bar"])
    assert kept.recall(Note) is note
    kept.note(["session_run", "bar"])
    assert kept.recall(Note) is None


def test_writes_that_are_followed_leave_it_unless_they_fail() -> None:
    kept, note = Memory(), Note()
    kept.keep(note)
    with kept.following():
        kept.note(["bar"])
    assert kept.recall(Note) is note
    with pytest.raises(KeyError), kept.following():
        raise KeyError
    assert kept.recall(Note) is None
    kept.keep(note)
    kept.note(["bar"])
    assert kept.recall(Note) is None


def test_tables_that_are_apart_are_tables_of_the_store() -> None:
    assert metadata.tables.keys() >= memory.APART


@pytest.mark.parametrize("way", ["statement", "own", "cursor", "rolled back", "joined"])
def test_every_way_to_write_ends_it(way: str) -> None:
    with open_store(":memory:") as store:
        note = Note()
        with store.transaction() as transaction:
            transaction.memory.keep(note)
        with store.transaction() as transaction:
            assert transaction.memory.recall(Note) is note
        if way == "statement":
            SessionCoordinator(store).register("A", ["1m", "5m"], "24/7")
        elif way == "joined":
            with store.transaction():
                SessionCoordinator(store).register("A", ["1m", "5m"], "24/7")
        elif way == "rolled back":
            with pytest.raises(KeyError), store.transaction():
                raise KeyError
        else:
            with store.transaction() as transaction:
                _ = transaction.execute("CREATE TABLE mine (x INTEGER)") if way == "own" else transaction.cursor
        with store.transaction() as transaction:
            assert transaction.memory.recall(Note) is None


def test_reading_leaves_it() -> None:
    with open_store(":memory:") as store:
        note = Note()
        with store.transaction() as transaction:
            transaction.memory.keep(note)
            transaction.one("records.next_batch")
        with store.reading() as reading:
            reading.execute("SELECT 1")
        store.sql("SELECT 1")
        with store.transaction() as transaction:
            assert transaction.memory.recall(Note) is note


def test_the_connection_of_a_writer_is_that_of_the_one_before() -> None:
    with open_store(":memory:") as store:
        shown = []
        for rows in ([1, 2], [3]):
            with store.transaction() as transaction:
                transaction.place("placed", pa.table({"x": rows}))
                shown += [[row.x for row in transaction._run(Sql("FROM placed"), None)], transaction._connection]
        assert shown[0] == [1, 2] and shown[2] == [3]
        assert shown[1] is shown[3]


def test_a_connection_that_anything_was_left_on_ends_with_its_transaction() -> None:
    with open_store(":memory:") as store:
        for _ in range(2):
            with store.transaction() as transaction:
                transaction.execute("CREATE TEMP TABLE mine AS SELECT 1 AS x")
        for _ in range(2):
            with store.transaction() as transaction:
                transaction.attach("mine", pa.table({"x": [1]}))
                assert transaction._run(Sql("FROM mine"), None)[0].x == 1


def test_a_store_lets_go_of_its_file_with_the_connection_that_stayed(tmp_path: Path) -> None:
    for _ in range(2):
        with open_store(tmp_path / "bars.duckdb") as store, store.transaction() as transaction:
            transaction.one("records.next_batch")
