"""A store's schema: its migrations, its tables and its views are three spellings of one thing."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from barhouse import DataProcessor, SessionCoordinator, SessionStore, compact, open_store
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.coordinator.sources.source import SourceFile
from barhouse.migrations.view_changes import views_at
from barhouse.store.database import opening, upgrade
from barhouse.store.database.dialect import ConnectionWrapper, register_alembic_impl
from barhouse.store.database.opening import SCHEMA_VERSION, open_database
from barhouse.store.database.tables import metadata
from barhouse.store.database.upgrade import alembic_config, migrations_folder
from barhouse.store.errors import MigrationError, StoreVersionError
from barhouse.store.sql import texts

ROOT = Path(__file__).parents[2]
STORES = Path(__file__).parent / "stores"
VIEWS = ROOT / "store" / "sql" / "views.sql"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bars.duckdb"


def alembic(path: Path, *arguments: str) -> str:
    """Run Alembic as a developer does; returns all it says."""
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "-x", f"store={path}", *arguments],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.sql(query).fetchall()


def schema_of(path: Path) -> list[tuple[Any, ...]]:
    """Everything in a file that was created, as DuckDB spells it; Alembic's own table aside."""
    return rows(
        path,
        """
        SELECT 'table', table_name, sql FROM duckdb_tables() WHERE table_name <> 'alembic_version'
        UNION ALL SELECT 'index', index_name, sql FROM duckdb_indexes()
        UNION ALL SELECT 'view', view_name, sql FROM duckdb_views() WHERE NOT internal
        UNION ALL SELECT 'macro', function_name, concat_ws(' ', parameters, macro_definition)
            FROM duckdb_functions() WHERE NOT internal
        UNION ALL SELECT 'column', concat_ws('.', table_name, column_name), data_type
            FROM duckdb_columns() WHERE NOT internal AND table_name <> 'alembic_version'
        ORDER BY ALL
        """,
    )


# --------------------------------------------------------------------------------------------- the three spellings


def test_migrations_give_the_tables(path: Path) -> None:
    open_store(path).close()
    register_alembic_impl()
    root = duckdb.connect(str(path))
    engine = sa.create_engine("barhouse://", creator=lambda: ConnectionWrapper(root.cursor()))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        found = sa.inspect(connection)
        for table in metadata.tables.values():
            assert [column["name"] for column in found.get_columns(table.name)] == list(table.columns.keys())
    engine.dispose()
    root.close()


def created_by(path: Path, statements: dict[str, str]) -> list[tuple[Any, ...]]:
    """The schema of a copy of a store whose views and macros were made anew by these statements."""
    made = path.with_name("made.duckdb")
    shutil.copyfile(path, made)
    with duckdb.connect(str(made)) as connection:
        for kind, name, _ in reversed(schema_of_kind(connection)):
            connection.execute(f'DROP {kind} IF EXISTS "{name}"')
        for statement in statements.values():
            connection.execute(statement)
    return schema_of(made)


def schema_of_kind(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    return connection.sql(
        """
        SELECT DISTINCT CASE function_type WHEN 'macro' THEN 'MACRO' ELSE 'MACRO TABLE' END, function_name, ''
        FROM duckdb_functions() WHERE NOT internal
        UNION ALL SELECT 'VIEW', view_name, sql FROM duckdb_views() WHERE NOT internal
        """
    ).fetchall()


def test_stored_views_are_those_of_the_sql_file(path: Path) -> None:
    open_store(path).close()
    stored = schema_of(path)
    named = {name for kind, name, _ in stored if kind in ("view", "macro")}
    views = texts(VIEWS.read_text(encoding="utf-8"))
    assert named == set(views)
    assert created_by(path, views) == stored


def test_what_migrations_change_comes_to_the_views_there_are() -> None:
    newest = ScriptDirectory.from_config(alembic_config()).get_current_head()
    assert newest is not None
    assert views_at(newest) == texts(VIEWS.read_text(encoding="utf-8")), (
        "store/sql/views.sql is not what migrations/views/ comes to; views that change need a migration of their own"
    )


def test_a_migration_has_only_the_views_that_it_changes() -> None:
    files = sorted((ROOT / "migrations" / "views").glob("*.sql"))
    for before, file in pairwise(files[1:]):  # 0003 was the last to have them all
        old = views_at(before.stem)
        for name, statement in texts(file.read_text(encoding="utf-8")).items():
            assert old.get(name) != statement, f"{file.name}: {name} is as it was"


def test_the_version_known_without_alembic_is_its_head() -> None:
    script = ScriptDirectory.from_config(alembic_config())
    assert script.get_heads() == [SCHEMA_VERSION]


BAR_COLUMNS = [
    *("interval_id", "bar_start", "span_seconds", "session_date", "segment", "open", "high", "low", "close"),
    *("volume", "trade_count", "vwap", "base_count", "expected_count", "batch_id"),
]
ACTION_COLUMNS = ["symbol_id", "ex_date", "kind", "ratio", "amount", "currency", "batch_id"]
ROLL_COLUMNS = ["future_id", "symbol_id", "session_date", "decided_on", "difference", "ratio", "batch_id"]
DOCUMENTED = {
    "symbol": ["symbol_id", "symbol", "calendar", "closing_bar", "added_by", "registered_at", "removed_at"],
    "symbol_calendar": ["symbol_id", "calendar", "replaced_by"],
    "symbol_name": ["symbol_id", "name", "is_alias", "vendor", "valid_from", "valid_to", "batch_id", "replaced_by"],
    "store_option": ["name", "value"],
    "interval_definition": [
        *("interval_id", "symbol_id", "interval", "unit", "length", "derived", "base"),
        *("complete_through", "derived_through", "retained_from", "retained_date"),
        *("purged_before", "purged_by", "quality_pct", "next_close"),
        *("first_session", "expected_count", "present_count", "bar_count", "first_bar", "last_bar"),
    ],
    "bar": BAR_COLUMNS,
    "bar_revision": [*BAR_COLUMNS, "replaced_by"],
    "corporate_action": ACTION_COLUMNS,
    "corporate_action_revision": [*ACTION_COLUMNS, "replaced_by"],
    "continuous_future": [
        *("future_id", "symbol", "roll_rule", "sessions_before", "adjustment", "through_batch", "look_at"),
        "removed_at",
    ],
    "future_contract": ["future_id", "position", "symbol_id", "expires", "roll_date"],
    "roll": ROLL_COLUMNS,
    "roll_revision": [*ROLL_COLUMNS, "replaced_by"],
    "declared_column": ["number", "name", "aggregate", "of_all", "declared_at"],
    "column_symbol": ["number", "symbol_id"],
    "bar_values": ["interval_id", "bar_start", "batch_id", "declared"],
    "invalidation": ["interval_id", "session_date", "range_start", "range_end", "batch_id"],
    "session_coverage": ["interval_id", "session_date", "expected_count", "present_count"],
    "gap": ["interval_id", "session_date", "segment", "gap_start", "gap_end", "missing_count", "incomplete_count"],
    "batch": [
        *("batch_id", "kind", "source", "started_at", "committed_at"),
        *("inserted", "revised", "unchanged", "rejected", "deleted", "vendor", "reverts"),
    ],
    "vendor": ["vendor", "priority"],
    "bar_vendor": ["interval_id", "bar_start", "batch_id", "vendor"],
    "offered_bar": [
        *("interval_id", "bar_start", "open", "high", "low", "close", "volume", "trade_count", "vwap"),
        "batch_id",
    ],
    "purge": ["batch_id", "of_batch", "written", "replaced"],
    "history_start": ["batch_id", "kept_from"],
    "rejected_bar": ["batch_id", "file_row", "given", "reason"],
    "trading_calendar": ["calendar", "definition", "known_from", "known_through"],
    "calendar_timezone": ["calendar", "timezone"],
    "calendar_week": ["calendar", "origin", "batch_id", "replaced_by"],
    "calendar_correction": ["calendar", "session_date", "hours", "reason"],
    "trading_session": [
        *("calendar", "session_date", "ordinal", "segment"),
        *("segment_open", "segment_close", "batch_id", "replaced_by"),
    ],
    "source_file": [
        *("path", "size_bytes", "modified_at", "fingerprint", "request", "batch_id"),
        *("outcome", "read_with"),
    ],
    "trade": [
        *("interval_id", "trade_id", "bar_start", "traded_at", "sequence", "revision"),
        *("price", "size", "cancelled", "seen_at"),
    ],
    "trade_bucket": ["interval_id", "bar_start"],
    "followed_symbol": ["interval_id", "followed_from"],
    "session_run": [
        *("run_id", "mode", "name", "config", "state", "cursor", "position", "pinned_batch"),
        *("owner", "pid", "started_at", "updated_at", "ended_at", "error"),
    ],
}


def test_tables_have_the_documented_columns(path: Path) -> None:
    open_store(path).close()
    found: dict[str, list[str]] = {}
    for table, column in rows(
        path,
        "SELECT table_name, column_name FROM duckdb_columns() SEMI JOIN duckdb_tables() USING (table_name)"
        " WHERE table_name <> 'alembic_version' ORDER BY table_name, column_index",
    ):
        found.setdefault(table, []).append(column)
    assert found == DOCUMENTED


# ------------------------------------------------------------------------------------------------- up and down


def test_alembic_from_the_command_line(path: Path) -> None:
    open_store(path).close()
    wanted = schema_of(path)
    alembic(path, "downgrade", "base")
    assert schema_of(path) == []
    alembic(path, "upgrade", "head")
    assert schema_of(path) == wanted
    assert "No new upgrade operations detected" in alembic(path, "check")
    assert SCHEMA_VERSION in alembic(path, "current")
    alembic(path, "downgrade", "base")
    with open_store(path) as store:
        assert store.sql("FROM bars").num_rows == 0
    assert schema_of(path) == wanted


def test_alembic_makes_a_store_that_opens(path: Path) -> None:
    alembic(path, "upgrade", "head")
    before = path.read_bytes()
    open_store(path, read_only=True).close()
    assert path.read_bytes() == before
    open_store(path).close()
    new = path.with_name("new.duckdb")
    open_store(new).close()
    assert schema_of(path) == schema_of(new)
    said = "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal ORDER BY ALL"
    assert rows(path, said) == rows(new, said)


def test_alembic_does_not_open_a_store_that_is_held(path: Path) -> None:
    with open_store(path), pytest.raises(AssertionError, match="is held by process"):
        alembic(path, "upgrade", "head")


def test_opening_a_current_store_does_not_import_alembic(path: Path) -> None:
    open_store(path).close()
    lines = [
        "import sys; from barhouse import open_store",
        "open_store(sys.argv[1]).close()",
        "sys.exit('alembic' in sys.modules)",
    ]
    subprocess.run([sys.executable, "-c", "\n".join(lines), str(path)], check=True, cwd=ROOT)


# ---------------------------------------------------------------------------------------- migrations yet to come

NEXT = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "9000", {before!r}, None, None
{more}

def upgrade():
    op.add_column("session_run", sa.Column("note", sa.String()))
    op.execute("UPDATE session_run SET note = 'migrated'")
    {then}

def downgrade():
    pass
"""


@contextmanager
def next_migration(monkeypatch: pytest.MonkeyPatch, folder: Path, more: str = "", then: str = "") -> Iterator[None]:
    """Let a scratch copy of the migrations have one more."""
    scratch = folder / "migrations"
    shutil.copytree(migrations_folder(), scratch, ignore=shutil.ignore_patterns("__pycache__"))
    text = NEXT.format(before=SCHEMA_VERSION, more=more, then=then)
    (scratch / "versions" / "9000_next.py").write_text(text)
    with monkeypatch.context() as patch:
        patch.setattr(upgrade, "migrations_folder", lambda: scratch)
        patch.setattr(opening, "SCHEMA_VERSION", "9000")
        yield
    shutil.rmtree(scratch)


@pytest.fixture
def used(path: Path) -> Path:
    """A store with a row that a migration could spoil."""
    database = open_database(path)
    with database.transaction() as transaction:
        transaction.execute(
            "INSERT INTO session_run (run_id, mode, name, config, state, owner, pid, started_at, updated_at) VALUES"
            " (1, 'live', '', '{}', 'done', '', 0, '2024-01-02 00:00:00+00', '2024-01-02 00:00:00+00')"
        )
    database.close()
    return path


RUNS = "SELECT * FROM session_run"


@pytest.mark.parametrize("changes_data", [False, True])
def test_the_file_is_copied_aside_before_its_data_change(
    used: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes_data: bool
) -> None:
    before = rows(used, RUNS)
    with next_migration(monkeypatch, tmp_path, more=f"changes_data = {changes_data}"):
        with open_store(used) as store:
            assert store.sql("SELECT note FROM session_run")["note"].to_pylist() == ["migrated"]
        aside = used.with_name("bars.duckdb.before-9000")
        assert aside.exists() == changes_data
        open_store(used).close()
    if changes_data:
        assert rows(aside, RUNS) == before
        with open_store(aside) as old:
            assert old.sql(RUNS).num_rows == 1
    with pytest.raises(StoreVersionError, match=f"has schema 9000, newer than this Barhouse knows .{SCHEMA_VERSION}"):
        open_store(used)


def test_a_new_store_has_nothing_to_copy_aside(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with next_migration(monkeypatch, tmp_path, more="changes_data = True"):
        open_store(path).close()
    assert [one.name for one in tmp_path.glob("*before*")] == []


@pytest.mark.parametrize("then", ["raise RuntimeError('half-way')", "op.execute('SELECT nonsense')"])
@pytest.mark.parametrize("changes_data", [False, True])
def test_a_failing_migration_leaves_the_file_as_it_was(
    used: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str, changes_data: bool
) -> None:
    before, schema = rows(used, RUNS), schema_of(used)
    with next_migration(monkeypatch, tmp_path, more=f"changes_data = {changes_data}", then=then):
        for _ in range(2):
            with pytest.raises(MigrationError, match=rf"from schema {SCHEMA_VERSION} to 9000 failed, the file is as"):
                open_store(used)
            assert (rows(used, RUNS), schema_of(used)) == (before, schema)
    with open_store(used) as store:
        assert store.sql(RUNS).num_rows == 1


def test_an_older_store_is_not_upgraded_by_a_reader(
    used: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = used.read_bytes()
    with (
        next_migration(monkeypatch, tmp_path),
        pytest.raises(StoreVersionError, match=rf"has schema {SCHEMA_VERSION}, this Barhouse reads 9000; open it once"),
    ):
        open_store(used, read_only=True)
    assert used.read_bytes() == content


# ---------------------------------------------------------------------------------------------------- past stores


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2024-11-29T{clock}").replace(tzinfo=UTC)


MINUTES = [
    # bar_start, open, high, low, close, volume
    (at("14:30"), 100.0, 101.5, 99.0, 101.0, 10.0),
    (at("14:31"), 101.0, 102.5, 100.5, 102.0, 20.0),
    (at("14:32"), 102.0, 103.5, 101.5, 103.0, 30.0),
    (at("14:33"), 103.0, 104.5, 102.5, 104.0, 40.0),
    (at("14:34"), 104.0, 105.5, 103.5, 105.0, 50.0),
    (at("14:36"), 106.0, 107.5, 105.5, 107.0, 70.0),
    (at("14:37"), 107.0, 108.5, 106.5, 108.0, 80.0),
    (at("14:38"), 108.0, 109.5, 107.5, 109.0, 90.0),
    (at("14:39"), 109.0, 110.5, 108.5, 110.0, 100.0),
    (at("14:40"), 110.0, 111.5, 109.5, 111.0, 110.0),
    (at("14:41"), 111.0, 112.5, 110.5, 112.0, 120.0),
]
DERIVED = [
    # interval, bar_start, bar_end, open, high, low, close, volume, base_count, expected_count, complete
    ("1d", at("14:30"), at("18:00"), 100.0, 112.5, 99.0, 112.0, 720.0, 11, 210, False),
    ("5m", at("14:30"), at("14:35"), 100.0, 105.5, 99.0, 105.0, 150.0, 5, 5, True),
    ("5m", at("14:35"), at("14:40"), 106.0, 110.5, 105.5, 110.0, 340.0, 4, 5, False),
    ("5m", at("14:40"), at("14:45"), 110.0, 112.5, 109.5, 112.0, 230.0, 2, 5, False),
]


def tuples(table: pa.Table) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in table.to_pylist()]


@pytest.mark.parametrize("made", sorted(STORES.glob("*.duckdb")), ids=lambda made: made.stem)
def test_a_store_of_a_past_schema_opens_with_all_it_held(made: Path, path: Path) -> None:
    shutil.copyfile(made, path)
    with open_store(path) as store:
        (version,) = store.sql("SELECT version_num FROM alembic_version")["version_num"].to_pylist()
        assert version == SCHEMA_VERSION
        ask = "FROM bars WHERE interval {} '1m' ORDER BY interval, bar_start"
        assert tuples(store.sql("SELECT bar_start, open, high, low, close, volume " + ask.format("="))) == MINUTES
        derived = (
            "SELECT interval, bar_start, bar_end, open, high, low, close, volume, base_count, expected_count, complete "
        )
        assert tuples(store.sql(derived + ask.format("<>"))) == DERIVED
        assert tuples(store.sql("SELECT interval, bar_start, low FROM revisions ORDER BY ALL")) == [
            ("1d", at("14:30"), 99.5),
            ("1m", at("14:30"), 99.5),
            ("5m", at("14:30"), 99.5),
        ]
        assert tuples(store.sql("SELECT kind, inserted, revised, rejected FROM batches ORDER BY batch_id")) == [
            ("calendar", 0, 0, 0),
            ("load", 11, 0, 0),
            ("process", 4, 0, 0),
            ("load", 0, 1, 1),
            ("process", 0, 2, 0),
            *([("load", 2, 0, 0), ("load", 0, 1, 0)] if made.stem >= "0007" else []),
        ]
        known = {("split", 4.0, None, None), ("cash_dividend", None, 0.25, "USD")} if made.stem >= "0007" else set()
        assert set(tuples(store.sql("SELECT kind, ratio, amount, currency FROM actions"))) == known
        assert store.sql("SELECT ratio FROM action_revisions")["ratio"].to_pylist() == [2.0] * (made.stem >= "0007")
        assert tuples(store.sql("SELECT interval, gap_start, gap_end, missing_count, kind FROM gaps ORDER BY ALL")) == [
            ("1d", at("14:30"), at("18:00"), 1, "incomplete"),
            ("1m", at("14:35"), at("14:36"), 1, "inside"),
            ("1m", at("14:42"), at("18:00"), 198, "edge"),
            ("5m", at("14:35"), at("18:00"), 41, "edge"),
        ]
        assert store.sql("SELECT reason FROM rejected")["reason"].to_pylist() == ["high is below low"]
        assert store.get_symbols_with_derived() == {"SPY": ["5m", "1d"]}
        assert store.verify().differences == ()
    new = path.with_name("new.duckdb")
    open_store(new).close()
    columns = "SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() ORDER BY ALL"
    assert rows(path, columns) == rows(new, columns)
    # Not their text: each version of DuckDB spells what it creates in its own way.
    assert [key[:2] for key in schema_of(path)] == [key[:2] for key in schema_of(new)]


def test_files_loaded_before_their_outcome_was_kept_are_read_once_more(path: Path, tmp_path: Path) -> None:
    shutil.copyfile(STORES / "0001.duckdb", path)
    file = tmp_path / "bars.csv"
    lines = [",".join([start.isoformat(), *map(str, values)]) for start, *values in MINUTES]
    file.write_text("\n".join(["timestamp,open,high,low,close,volume", *lines, ""]))
    known, asked = SourceFile.of(file), LoadOptions().request("SPY", "1m")
    noted = [known.path, known.size_bytes, known.modified_at, known.fingerprint, asked, 2]
    with duckdb.connect(str(path)) as connection:
        connection.execute("INSERT INTO source_file VALUES (?, ?, ?, ?, ?, ?)", noted)
    with open_store(path, clock=lambda: datetime(2024, 12, 2, tzinfo=UTC)) as store:
        assert tuples(store.sql("FROM source_file")) == [(*noted, None, None)]
        for _ in range(3):
            report = SessionCoordinator(store).load(file, "SPY", "1m")
            assert (report.inserted, report.revised, report.unchanged) == (0, 0, len(MINUTES))
        kept = tuples(store.sql("SELECT fingerprint, outcome IS NULL FROM source_file ORDER BY batch_id"))
        assert kept == [(known.fingerprint, True), *[(known.fingerprint, False)] * 3]
    alembic(path, "downgrade", "0001")
    assert rows(path, "FROM source_file ORDER BY batch_id")[0] == tuple(noted)
    with open_store(path) as store:
        assert store.sql("FROM source_file").num_rows == 4
        assert store.verify().differences == ()


def test_migrations_that_write_rows_have_the_file_copied_aside(path: Path) -> None:
    script = ScriptDirectory.from_config(alembic_config())
    for one in script.walk_revisions():
        text = Path(one.path).read_text(encoding="utf-8")
        writes = re.search(r"\b(UPDATE|DELETE FROM|INSERT INTO)\b", text) is not None
        assert one.module.changes_data == writes, one.revision
    shutil.copyfile(STORES / "0002.duckdb", path)
    open_store(path).close()
    aside = path.with_name("bars.duckdb.before-0003")
    assert rows(aside, "FROM alembic_version") == [("0002",)]
    assert rows(aside, "SELECT count(*) FROM bar") == rows(path, "SELECT count(*) FROM bar")


# Made by Barhouse of schema 0003, on a calendar of 09:30 to 13:00 New York with 28 November closed: daily bars from
# Wednesday 27 November to Monday 9 December of A, from 2 December on of B, of the first week alone of C; and of P those
# of A, of which those before 2 December were purged.
PARTIAL_WEEK = STORES / "partial_week" / "0003.duckdb"
ACCOUNT = """
    SELECT symbol, session_date, present_count, expected_count FROM coverage WHERE interval = '1w' ORDER BY ALL
"""


def test_a_week_that_began_before_the_data_is_expected_no_more(path: Path) -> None:
    shutil.copyfile(PARTIAL_WEEK, path)
    first, second, third = date(2024, 11, 25), date(2024, 12, 2), date(2024, 12, 9)
    later = [("A", second, 1, 1), ("A", third, 0, 1), ("B", second, 1, 1), ("B", third, 0, 1)]
    purged = [("P", second, 1, 1), ("P", third, 0, 1)]
    assert rows(path, ACCOUNT) == [("A", first, 0, 1), *later, ("C", first, 0, 1), *purged]
    with open_store(path) as store:
        assert store.verify().differences == ()
        assert tuples(store.sql(ACCOUNT)) == [*later, *purged]
        gaps = "SELECT symbol, session_date FROM gaps WHERE interval = '1w' ORDER BY ALL"
        assert tuples(store.sql(gaps)) == [("A", third), ("B", third), ("P", third)]
        quality = "SELECT symbol, quality_pct FROM intervals WHERE interval = '1w' ORDER BY ALL"
        assert tuples(store.sql(quality)) == [("A", 50.0), ("B", 50.0), ("C", None), ("P", 50.0)]
        bars = store.sql("SELECT symbol, complete FROM bars WHERE interval = '1w' AND session_date = '2024-11-25'")
        assert sorted(tuples(bars)) == [("A", False), ("C", False), ("P", False)]
    aside = path.with_name("bars.duckdb.before-0004")
    assert rows(aside, ACCOUNT) == [("A", first, 0, 1), *later, ("C", first, 0, 1), *purged]


REFERRING = "SELECT batch_id, given FROM rejected_bar UNION ALL SELECT batch_id, 'kept' FROM history_start ORDER BY ALL"


def test_batches_made_anew_are_those_that_were_there(path: Path) -> None:
    """Undoing is a kind of batch that older stores do not know: there it is a repair."""
    shutil.copyfile(STORES / "0004.duckdb", path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("INSERT INTO history_start VALUES (2, '2024-01-01 00:00:00+00')")
    before, referring = rows(path, "FROM batch ORDER BY batch_id"), rows(path, REFERRING)
    assert len(referring) == 2
    open_store(path).close()
    assert rows(path, "FROM batch ORDER BY batch_id") == [(*row, None, None) for row in before]
    assert rows(path, REFERRING) == referring
    with duckdb.connect(str(path)) as connection:
        for refused in ("INSERT INTO rejected_bar VALUES (99, 1, '', '')", "DELETE FROM batch WHERE batch_id = 2"):
            with pytest.raises(duckdb.ConstraintException, match="foreign key"):
                connection.execute(refused)
        with pytest.raises(duckdb.ConstraintException, match="CHECK"):
            connection.execute(
                "INSERT INTO batch SELECT * REPLACE (99 AS batch_id, 'other' AS kind) FROM batch LIMIT 1"
            )
        connection.execute("INSERT INTO batch SELECT * REPLACE (99 AS batch_id, 'revert' AS kind) FROM batch LIMIT 1")
    alembic(path, "downgrade", "0004")
    after = rows(path, "FROM batch ORDER BY batch_id")
    assert after[:-1] == before
    assert after[-1][:2] == (99, "repair")
    assert rows(path, REFERRING) == referring


def test_batches_made_anew_go_back_with_a_migration_that_fails(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copyfile(STORES / "0004.duckdb", path)
    before = [schema_of(path), rows(path, "FROM batch ORDER BY ALL"), rows(path, "FROM rejected_bar ORDER BY ALL")]
    with next_migration(monkeypatch, tmp_path, then="raise RuntimeError('half-way')"):
        with pytest.raises(MigrationError, match="from schema 0004 to 9000 failed, the file is as it was"):
            open_store(path)
        after = [schema_of(path), rows(path, "FROM batch ORDER BY ALL"), rows(path, "FROM rejected_bar ORDER BY ALL")]
    assert after == before
    with open_store(path) as store:
        assert store.verify().sound


def test_every_past_schema_has_a_store() -> None:
    script = ScriptDirectory.from_config(alembic_config())
    assert {made.stem for made in STORES.glob("*.duckdb")} == {one.revision for one in script.walk_revisions()}


def test_calendars_of_an_older_store_come_to_say_their_zones(path: Path) -> None:
    with open_store(path) as store:
        coordinator = SessionCoordinator(store)
        coordinator.add_calendar("NIGHT", timezone="America/Chicago", open="17:00", close="16:00")
        for symbol, calendar in (("SPY", "XNYS"), ("BTC", "24/7"), ("ES", "NIGHT")):
            coordinator.register(symbol, ["1d"], calendar)
    zones = "FROM calendar_timezone ORDER BY calendar"
    new = rows(path, zones)
    assert new == [("24/7", "UTC"), ("NIGHT", "America/Chicago"), ("XNYS", "America/New_York")]
    alembic(path, "downgrade", "0003")
    with duckdb.connect(str(path)) as connection:  # an exchange that no library knows any more
        connection.execute("INSERT INTO trading_calendar VALUES ('GONE', NULL, '2000-01-01', '2020-12-31')")
    with open_store(path) as store:
        assert store.verify().sound
        assert dict(zip(*(store.calendars()[name].to_pylist() for name in ("calendar", "timezone")), strict=True)) == {
            **dict(new),
            "GONE": None,
        }
    assert rows(path, zones) == new


SUNDAY_WEEKS = "SELECT symbol, session_date, open, close FROM bars WHERE interval = '1w' ORDER BY ALL"


def store_with_weeks_from_monday(path: Path, *, loaded_weeks: bool = False) -> None:
    """A store of schema 0004 with the sessions of two weeks from Sunday to Thursday, derived as it did."""
    with open_store(path) as store:
        coordinator = SessionCoordinator(store)
        coordinator.add_calendar("DFM", timezone="Asia/Dubai", open="10:00", close="15:00", weekdays="sun-thu")
        for symbol, calendar in (("A", "XTAE"), ("B", "DFM")):
            coordinator.register(symbol, ["1d", "1w", "2w"], calendar)
        if loaded_weeks:
            coordinator.register("C", ["1w"], "DFM", base="1w")
    with duckdb.connect(str(path)) as connection:
        connection.execute("DELETE FROM calendar_week")
    days = [date(2024, 1, day) for day in (7, 8, 9, 10, 11, 14, 15, 16, 17, 18)]
    prices = [float(price) for price in range(1, 11)]
    names = ("bar_start", "open", "high", "low", "close", "volume")
    table = pa.table(dict(zip(names, [days, *[prices] * 5], strict=True)))
    with open_store(path) as store:
        for symbol in ("A", "B"):
            SessionCoordinator(store).load(table, symbol, "1d")
        if loaded_weeks:
            SessionCoordinator(store).load(table.slice(1, 1), "C", "1w")
        DataProcessor(store).process()
    alembic(path, "downgrade", "0004")
    assert rows(path, SUNDAY_WEEKS)[:3] == [
        ("A", date(2024, 1, 1), 1.0, 1.0),
        ("A", date(2024, 1, 8), 2.0, 6.0),
        ("A", date(2024, 1, 15), 7.0, 10.0),
    ]


def test_weeks_of_an_older_store_come_to_be_those_of_the_market(path: Path) -> None:
    store_with_weeks_from_monday(path)
    before = rows(path, "SELECT max(committed_at) FROM batches")[0][0]
    with open_store(path) as store:
        assert tuples(store.sql(SUNDAY_WEEKS)) == []
        assert store.verify().sound
        DataProcessor(store).process()
        assert store.verify().sound
        weeks = [(date(2024, 1, 7), 1.0, 5.0), (date(2024, 1, 14), 6.0, 10.0)]
        assert tuples(store.sql(SUNDAY_WEEKS)) == [(symbol, *week) for symbol in "AB" for week in weeks]
        longer = "SELECT symbol, session_date, open, close FROM bars WHERE interval = '2w' ORDER BY ALL"
        assert tuples(store.sql(longer)) == [(symbol, date(2024, 1, 7), 1.0, 10.0) for symbol in "AB"]
        assert store.bars("A", "1w", as_of=before)["close"].to_pylist() == [1.0, 6.0, 10.0]
        assert store.sql("SELECT kind, source, deleted FROM batches WHERE deleted > 0 ORDER BY ALL").to_pylist() == [
            {"kind": "calendar", "source": calendar, "deleted": 5} for calendar in ("DFM", "XTAE")
        ]
        for calendar in ("XTAE", "DFM"):
            assert SessionCoordinator(store).refresh_calendar(calendar).batch_id is None


def test_weeks_that_were_loaded_stay_until_their_calendar_is_refreshed(path: Path) -> None:
    store_with_weeks_from_monday(path, loaded_weeks=True)
    with open_store(path) as store:
        weeks = rows_by_symbol(store)
        assert weeks["B"] == [date(2024, 1, 1), date(2024, 1, 8), date(2024, 1, 15)]
        assert weeks["C"] == [date(2024, 1, 8)]
        DataProcessor(store).process()
        assert store.verify().sound
        coordinator = SessionCoordinator(store)
        assert coordinator.refresh_calendar("DFM", apply=False).week_starts == "sun"
        assert coordinator.refresh_calendar("DFM").week_starts == "sun"
        weeks = rows_by_symbol(store)
        assert weeks["A"] == weeks["B"] == [date(2024, 1, 7), date(2024, 1, 14)]
        assert weeks["C"] == [date(2024, 1, 7)]
        assert store.verify().sound


def rows_by_symbol(store: SessionStore) -> dict[str, list[date]]:
    """The first session of each week, by symbol."""
    found: dict[str, list[date]] = {}
    for symbol, day, *_ in tuples(store.sql(SUNDAY_WEEKS)):
        found.setdefault(symbol, []).append(day)
    return found


def test_compaction_gives_an_older_store_the_compression_of_new_ones(path: Path) -> None:
    shutil.copyfile(STORES / "0005.duckdb", path)
    open_store(path).close()
    new = path.with_name("new.duckdb")
    open_store(new).close()
    made = "SELECT sql FROM duckdb_tables() WHERE table_name = 'bar'"
    if "COMPRESSION" in str(rows(new, made)):  # DuckDB 1.5 keeps it, and does not tell
        assert rows(path, made) != rows(new, made)
    compact(path)
    assert rows(path, made) == rows(new, made)


def test_bars_of_an_older_store_are_counted(path: Path) -> None:
    shutil.copyfile(STORES / "0005.duckdb", path)
    with open_store(path) as store:
        kept = store.sql(
            "SELECT interval, bar_count, first_bar, last_bar FROM intervals WHERE bar_count > 0 ORDER BY ALL"
        )
        counted = store.sql(
            "SELECT interval, count(*), min(bar_start), max(bar_start) FROM bars GROUP BY ALL ORDER BY ALL"
        )
        assert tuples(kept) == tuples(counted) and kept.num_rows == 3


def test_quarters_and_years_of_an_older_store_are_spelled_so(path: Path) -> None:
    days = [date(2023, 1, 1), date(2023, 4, 1), date(2024, 1, 1)]
    names = ("bar_start", "open", "high", "low", "close", "volume")
    table = pa.table(dict(zip(names, [days, *[[1.0, 2.0, 3.0]] * 5], strict=True)))
    with open_store(path) as store:
        coordinator = SessionCoordinator(store)
        coordinator.register("A", ["1d", "1mo", "3mo", "6mo", "12mo"], "24/7")
        coordinator.register("B", ["3mo", "12mo"], "24/7", base="3mo")
        coordinator.load(table, "A", "1d", sparse=True)
        coordinator.load(table, "B", "3mo", sparse=True)
        DataProcessor(store).process()
        before = store.sql("FROM bars ORDER BY ALL")
    alembic(path, "downgrade", "0013")
    spelled = "SELECT interval, base FROM interval_definition ORDER BY symbol_id, length, base NULLS FIRST"
    days_and_months = [("1d", None), ("1mo", "1d"), ("3mo", "1d"), ("6mo", "1d"), ("12mo", "1d")]
    assert rows(path, spelled) == [*days_and_months, ("3mo", None), ("12mo", "3mo")]
    with open_store(path) as store:
        assert {row["interval"] for row in store.sql("FROM intervals").to_pylist()} == {"1d", "1mo", "1q", "2q", "1y"}
        assert store.sql("FROM bars ORDER BY ALL") == before
        assert store.bars("B", "12mo") == store.bars("B", "1y")
        assert store.bars("B", "1y")["open"].to_pylist() == [1.0, 3.0]
        assert DataProcessor(store).process().batches == ()
        assert store.verify().sound


def test_a_schema_without_anchors_takes_no_intervals_that_have_one(path: Path) -> None:
    with open_store(path) as store:
        SessionCoordinator(store).register("A", ["1d", "1w@sun"], "24/7")
    with pytest.raises(AssertionError, match="schema 0013 has no intervals such as 1w@sun; take a copy of before"):
        alembic(path, "downgrade", "0013")
    with open_store(path, read_only=True) as store:
        assert [row["interval"] for row in store.sql("FROM intervals ORDER BY interval").to_pylist()] == [
            "1d",
            "1w@sun",
        ]
