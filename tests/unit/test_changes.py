"""What a copy of a store is kept up to date by is said of every table, and of statements that there are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from barhouse.store.copies import increment
from barhouse.store.copies.increment import HOW, KEYS
from barhouse.store.copies.increments_folder import IncrementsManifest
from barhouse.store.database.changes import BY_BATCH, BY_INTERVAL, BY_SESSION, MOST_KEYS, UNSEEN, WHOLE, ChangeNotes
from barhouse.store.database.tables import metadata
from barhouse.store.errors import StoreError
from barhouse.store.sql import statement
from barhouse.store.sql.text import names_of

WHOLE_MANIFEST: dict[str, Any] = {
    "chain": "abc",
    "base": "def",
    "through": 3,
    "whole": 0,
    "since": 1,
    "batch_id": 7,
    "committed_at": None,
}


def test_every_table_is_told_in_one_way() -> None:
    ways = [BY_BATCH.keys(), BY_SESSION.keys(), WHOLE, UNSEEN]
    told = [table for way in ways for table in way]
    assert sorted(told) == sorted(metadata.tables)
    assert HOW.keys() == metadata.tables.keys() - UNSEEN
    assert BY_INTERVAL.keys() <= WHOLE
    columns = {name: {column.name for column in table.columns} for name, table in metadata.tables.items()}
    assert all(set(key) <= columns[table] for table, key in KEYS.items())


def test_the_statements_that_are_told_write_those_tables_and_take_those_relations() -> None:
    for table, statements in BY_BATCH.items():
        for name in statements:
            assert table in statement(name).writes, name
    for table, relations in (*BY_SESSION.items(), *BY_INTERVAL.items()):
        for name, relation in relations.items():
            assert table in statement(name).writes, name
            assert relation is None or relation in names_of(statement(name).text), name


def test_a_statement_that_nobody_thought_of_can_not_be_told() -> None:
    for name, table, untold in (
        ("write.append", "bar", None),
        ("edit.purge_bars", "bar", "edit.purge_bars"),
        ("write.clear_gaps", "gap", None),
        ("edit.drop_coverage", "gap", "edit.drop_coverage"),
        ("a.new_one", "session_run", None),
        ("a.new_one", "a_new_table", "a.new_one"),
    ):
        notes = ChangeNotes()
        watch = notes.watch()
        notes.note(name, [table], lambda relation, key: pa.table({one: [1] for one in key}))
        notes.commit()
        assert watch.take().untold == untold, name


def test_what_is_not_committed_is_not_told() -> None:
    notes = ChangeNotes()
    watch = notes.watch()
    notes.note_untold("a statement")
    notes.drop()
    notes.commit()
    assert not watch.take() and not watch.news.is_set()


def test_very_many_keys_are_not_kept() -> None:
    notes = ChangeNotes()
    watch = notes.watch()
    many = pa.table({"interval_id": pa.nulls(MOST_KEYS + 1), "session_date": pa.nulls(MOST_KEYS + 1)})
    notes.note("write.clear_gaps", ["gap"], lambda relation, key: many)
    notes.commit()
    assert watch.take().untold == "very many rows of gap"


@pytest.mark.parametrize(
    "said",
    [
        "",
        "[]",
        "{",
        "[" * 100_000,
        '{"version": 2}',
        '{"version": 1}',
        json.dumps({**WHOLE_MANIFEST, "chain": "../../etc"}),
        json.dumps({**WHOLE_MANIFEST, "chain": ""}),
        json.dumps({**WHOLE_MANIFEST, "through": -1}),
        json.dumps({**WHOLE_MANIFEST, "through": 1.5}),
        json.dumps({**WHOLE_MANIFEST, "since": True}),
        json.dumps({**WHOLE_MANIFEST, "batch_id": "1"}),
    ],
)
def test_what_is_no_manifest_is_none(tmp_path: Path, said: str) -> None:
    (tmp_path / "manifest.json").write_text(said)
    assert IncrementsManifest.read(tmp_path) is None


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    manifest = IncrementsManifest(**WHOLE_MANIFEST)
    manifest.write(tmp_path, 0o440)
    assert IncrementsManifest.read(tmp_path) == manifest
    assert manifest.file(tmp_path, 3).name == "abc-3.arrow"


@pytest.mark.parametrize(
    "columns",
    [
        {"table": ["bar"], "how": ["keyed"], "rows": [b"no stream"], "keys": [None]},
        {"table": ["pg_catalog"], "how": ["whole"], "rows": [b""], "keys": [None]},
        {"table": ["bar"], "how": ["whole"], "rows": [b""], "keys": [None]},
        {"table": [None], "how": [None], "rows": [None], "keys": [None]},
        {"other": [1]},
    ],
)
def test_what_is_no_increment_is_refused(tmp_path: Path, columns: dict[str, list[object]]) -> None:
    file = tmp_path / "1.arrow"
    table = pa.table(columns)
    with pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(StoreError, match="is no increment"):
        increment.read(file)
    for cut in (0, 5, 40):
        file.write_bytes(file.read_bytes()[:cut])
        assert not increment.is_whole(file)
