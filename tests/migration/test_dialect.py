"""The dialect: what is created is found again, drift is seen, and migrations roll back whole."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import alembic
import duckdb
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from barhouse.store.database.dialect import ConnectionWrapper, HugeInt, TinyInt, register_alembic_impl

TYPES: dict[str, tuple[sa.types.TypeEngine[Any], Any]] = {
    "TINYINT": (TinyInt(), 2),
    "SMALLINT": (sa.SmallInteger(), 300),
    "INTEGER": (sa.Integer(), 70_000),
    "BIGINT": (sa.BigInteger(), 2**40),
    "HUGEINT": (HugeInt(), 2**100),
    "DOUBLE": (sa.Double(), 0.1),
    "DECIMAL(38,9)": (sa.Numeric(38, 9), None),
    "BOOLEAN": (sa.Boolean(), True),
    "VARCHAR": (sa.Text(), "a"),
    "DATE": (sa.Date(), None),
    "TIMESTAMP WITH TIME ZONE": (sa.DateTime(timezone=True), None),
    "JSON": (sa.JSON(), {"a": [1, None]}),
}


def engine_on(root: duckdb.DuckDBPyConnection) -> sa.Engine:
    return sa.create_engine(
        "barhouse://",
        creator=lambda: ConnectionWrapper(root.cursor()),
        poolclass=sa.QueuePool,
        pool_reset_on_return="rollback",
    )


def tables() -> sa.MetaData:
    """Build tables with every type, key, constraint, default and kind of index the store has use for."""
    metadata = sa.MetaData()
    thing = sa.Table(
        "thing",
        metadata,
        sa.Column("thing_id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("order", TinyInt, nullable=False),  # a reserved word
        sa.Column("removed_at", sa.DateTime),  # DuckDB 2.0.1 takes no index with a cast to an instant
        sa.UniqueConstraint("name", "order", name="given_and_forgotten"),
        sa.CheckConstraint("thing_id > 0", name="positive"),
        comment="A thing.",
    )
    sa.Index("thing_active", thing.c.name, sa.func.coalesce(thing.c.removed_at, sa.text("'infinity'")), unique=True)
    sa.Index("thing_cast", sa.text("coalesce(removed_at, 'infinity'::timestamp)"), thing.c.order)
    sa.Index("thing_order", thing.c.order, thing.c.name)
    sa.Table(
        "part",
        metadata,
        sa.Column("thing_id", sa.ForeignKey("thing.thing_id"), primary_key=True),
        sa.Column("part_no", sa.SmallInteger, primary_key=True),
        sa.Column("note", sa.Text),
        sa.Column("size", sa.Integer, nullable=False),
    )
    sa.Table(
        "kinds",
        metadata,
        *[sa.Column(f"column_{i}", type_) for i, (type_, _) in enumerate(TYPES.values())],
        sa.Column("text_default", sa.String, server_default="It's said"),
        sa.Column("number_default", sa.Integer, server_default="3"),
        sa.Column("expression_default", sa.Double, server_default=sa.text("-1.5")),
        sa.Column("false_default", sa.Boolean, server_default=sa.false()),
        sa.Column("cast_default", sa.DateTime(timezone=True), server_default=sa.text("'infinity'::timestamptz")),
        sa.Column("now_default", sa.DateTime(timezone=True), server_default=sa.func.now()),
        sa.Column("moment_default", sa.DateTime(timezone=True), server_default=sa.func.current_timestamp()),
    )
    sa.Table("extra", metadata, sa.Column("a", sa.Integer), sa.Index("extra_a", "a"))
    return metadata


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.duckdb"


@pytest.fixture
def engine(path: Path) -> Iterator[sa.Engine]:
    with duckdb.connect(str(path)) as root:
        engine = engine_on(root)
        yield engine
        engine.dispose()


@pytest.fixture
def created(engine: sa.Engine) -> sa.Engine:
    tables().create_all(engine)
    return engine


def run(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def context_of(connection: sa.Connection) -> MigrationContext:
    register_alembic_impl()
    return MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})


def differences(engine: sa.Engine) -> list[str]:
    """Names of the operations that would bring the database to `tables()`."""
    with engine.connect() as connection:
        found = compare_metadata(context_of(connection), tables())
    return sorted(entry[0][0] if isinstance(entry, list) else entry[0] for entry in found)


# What is created is found again


@pytest.mark.parametrize("name", TYPES)
def test_type_survives_creation_reflection_and_a_value(engine: sa.Engine, name: str) -> None:
    type_, value = TYPES[name]
    query = sa.text("SELECT data_type FROM duckdb_columns() WHERE column_name = 'a'")
    table = sa.Table("t", sa.MetaData(), sa.Column("a", type_), sa.Column("b", type_))
    table.create(engine)
    with engine.begin() as connection:
        stored = connection.scalar(query)
        connection.execute(table.insert().values(a=value))
        reflected = sa.Table("t", sa.MetaData(), autoload_with=connection)
        assert connection.execute(reflected.select()).one() == (value, None)
        reflected.drop(connection)
        reflected.create(connection)
        assert stored == connection.scalar(query) == name
    assert isinstance(type_, type(reflected.c.a.type))  # sa.Text comes back as sa.String


def test_own_types_fit_other_databases() -> None:
    table = sa.Table("t", sa.MetaData(), sa.Column("a", TinyInt), sa.Column("b", HugeInt))
    sql = str(CreateTable(table).compile(dialect=postgresql.dialect()))
    assert "a SMALLINT" in sql
    assert "b BIGINT" in sql


def test_a_type_without_counterpart_is_null_type(engine: sa.Engine) -> None:
    run(engine, "CREATE TABLE t(a STRUCT(x INTEGER), b INTEGER[])")
    assert [type(column["type"]) for column in sa.inspect(engine).get_columns("t")] == [sa.types.NullType] * 2


def test_create_table_says_what_duckdb_says(created: sa.Engine) -> None:
    thing, kinds = (str(CreateTable(tables().tables[name]).compile(created)) for name in ("thing", "kinds"))
    assert "thing_id INTEGER NOT NULL" in thing  # not SERIAL
    assert "column_5 DOUBLE," in kinds  # not DOUBLE PRECISION


def test_inspector_describes_a_table(created: sa.Engine) -> None:
    inspector = sa.inspect(created)
    assert inspector.get_table_names() == ["extra", "kinds", "part", "thing"]
    assert inspector.has_table("thing")
    assert not inspector.has_table("nothing")
    columns = {column["name"]: column for column in inspector.get_columns("thing")}
    assert list(columns) == ["thing_id", "name", "order", "removed_at"]
    assert [column["nullable"] for column in columns.values()] == [False, False, False, True]
    assert inspector.get_pk_constraint("part")["constrained_columns"] == ["thing_id", "part_no"]
    assert inspector.get_pk_constraint("extra")["constrained_columns"] == []
    (key,) = inspector.get_foreign_keys("part")
    assert key["constrained_columns"] == key["referred_columns"] == ["thing_id"]
    assert key["referred_table"] == "thing"
    (unique,) = inspector.get_unique_constraints("thing")
    assert unique["column_names"] == ["name", "order"]
    (check,) = inspector.get_check_constraints("thing")
    assert check["sqltext"] == "(thing_id > 0)"
    assert inspector.get_table_comment("thing") == {"text": "A thing."}
    assert inspector.get_table_comment("part") == {"text": None}
    defaults = {column["name"]: column["default"] for column in inspector.get_columns("kinds")}
    assert defaults["text_default"] == "'It''s said'"
    assert defaults["column_0"] is None


def test_inspector_describes_indexes(created: sa.Engine) -> None:
    indexes = {index["name"]: index for index in sa.inspect(created).get_indexes("thing")}
    assert list(indexes) == ["thing_active", "thing_cast", "thing_order"]  # none for the keys
    assert indexes["thing_order"]["column_names"] == ["order", "name"]
    assert not indexes["thing_order"]["unique"]
    assert indexes["thing_active"]["unique"]
    assert indexes["thing_active"]["column_names"] == ["name", None]
    assert indexes["thing_active"]["expressions"] == ["name", "(COALESCE(removed_at, 'infinity'))"]


@pytest.mark.parametrize(
    "name", ["columns", "pk_constraint", "foreign_keys", "indexes", "unique_constraints", "check_constraints"]
)
def test_an_unknown_table_is_an_error(engine: sa.Engine, name: str) -> None:
    with pytest.raises(sa.exc.NoSuchTableError, match="nothing"):
        getattr(sa.inspect(engine), f"get_{name}")("nothing")


def test_awkward_names_are_found(engine: sa.Engine) -> None:
    names = ['with "quotes"', "a, b", "Upper", "select", "it's", "a.b", "100%", "x:y"]
    table = sa.Table('a "table", it\'s', sa.MetaData(), *[sa.Column(name, sa.Integer) for name in names])
    sa.Index("an, index", *table.c)
    table.create(engine)
    inspector = sa.inspect(engine)
    assert inspector.get_table_names() == [table.name]
    assert [column["name"] for column in inspector.get_columns(table.name)] == names
    assert inspector.get_indexes(table.name)[0]["column_names"] == names


def test_views_sequences_and_schemas(engine: sa.Engine) -> None:
    metadata = sa.MetaData()
    sa.Sequence("numbers", metadata=metadata)
    metadata.create_all(engine)
    metadata.create_all(engine)  # finds it
    run(
        engine,
        "CREATE VIEW seen AS SELECT 1 AS a",
        "CREATE SCHEMA other",
        "CREATE TABLE other.inside(b INTEGER)",
    )
    inspector = sa.inspect(engine)
    assert inspector.get_sequence_names() == ["numbers"]
    assert inspector.get_view_names() == ["seen"]
    assert inspector.get_view_definition("seen") == "CREATE VIEW seen AS SELECT 1 AS a;"
    assert inspector.has_table("seen")
    assert inspector.get_columns("seen")[0]["name"] == "a"
    assert inspector.get_table_names() == []
    assert inspector.get_schema_names() == ["main", "other"]
    assert inspector.get_table_names(schema="other") == ["inside"]
    assert inspector.get_columns("inside", schema="other")[0]["name"] == "b"


def test_temporary_and_attached_tables_are_not_seen(engine: sa.Engine, tmp_path: Path) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql(f"ATTACH '{tmp_path / 'other.duckdb'}' AS attached")
        connection.exec_driver_sql("CREATE TABLE attached.far(a INTEGER)")
        connection.exec_driver_sql("CREATE TEMPORARY TABLE near(a INTEGER)")
        connection.exec_driver_sql("CREATE TEMPORARY VIEW glimpse AS SELECT 1 AS a")
        inspector = sa.inspect(connection)
        assert inspector.get_table_names() == []
        assert inspector.get_view_names() == []
        assert not any(inspector.has_table(name) for name in ("far", "near", "glimpse"))


def test_reflection_of_everything_at_once(created: sa.Engine) -> None:
    found = sa.MetaData()
    found.reflect(created)
    assert sorted(found.tables) == ["extra", "kinds", "part", "thing"]
    assert found.tables["part"].c.thing_id.references(found.tables["thing"].c.thing_id)
    found.drop_all(created)
    assert sa.inspect(created).get_table_names() == []


# Alembic sees drift, and nothing else


def test_created_tables_have_no_differences(created: sa.Engine, caplog: pytest.LogCaptureFixture) -> None:
    with warnings.catch_warnings(), caplog.at_level(logging.INFO, logger="alembic.autogenerate"):
        warnings.simplefilter("error")
        assert differences(created) == []
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_no_differences_after_reopening(path: Path) -> None:
    for _ in range(2):
        with duckdb.connect(str(path)) as root:
            engine = engine_on(root)
            tables().create_all(engine)
            assert differences(engine) == []
            engine.dispose()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("DROP TABLE kinds", ["add_table"]),
        ("CREATE TABLE surplus(a INTEGER)", ["remove_table"]),
        ("ALTER TABLE part DROP COLUMN note", ["add_column"]),
        ("ALTER TABLE part ADD COLUMN surplus INTEGER", ["remove_column"]),
        ("ALTER TABLE part ALTER COLUMN size TYPE BIGINT", ["modify_type"]),
        ("ALTER TABLE part ALTER COLUMN note TYPE INTEGER", ["modify_type"]),
        ("ALTER TABLE kinds ALTER COLUMN column_0 TYPE SMALLINT", ["modify_type"]),
        ("ALTER TABLE kinds ALTER COLUMN column_5 TYPE FLOAT", ["modify_type"]),
        ("ALTER TABLE kinds ALTER COLUMN column_6 TYPE DECIMAL(38,15)", ["modify_type"]),
        ("ALTER TABLE kinds ALTER COLUMN column_10 TYPE TIMESTAMP", ["modify_type"]),
        ("ALTER TABLE part ALTER COLUMN size DROP NOT NULL", ["modify_nullable"]),
        ("ALTER TABLE part ALTER COLUMN note SET NOT NULL", ["modify_nullable"]),
        ("ALTER TABLE part ALTER COLUMN size SET DEFAULT 1", ["modify_default"]),
        ("ALTER TABLE kinds ALTER COLUMN number_default SET DEFAULT 4", ["modify_default"]),
        ("ALTER TABLE kinds ALTER COLUMN text_default SET DEFAULT 'it''s said'", ["modify_default"]),
        ("ALTER TABLE kinds ALTER COLUMN now_default DROP DEFAULT", ["modify_default"]),
        ("DROP INDEX thing_order", ["add_index"]),
        ("DROP INDEX thing_active", ["add_index"]),
        ("CREATE INDEX surplus ON part(note)", ["remove_index"]),
        ("CREATE INDEX surplus ON part(lower(note))", ["remove_index"]),
        ("COMMENT ON TABLE thing IS 'Another.'", ["add_table_comment"]),
    ],
)
def test_drift_is_seen(created: sa.Engine, change: str, expected: list[str]) -> None:
    run(created, change)
    assert differences(created) == expected


@pytest.mark.parametrize(
    "definition",
    [
        "INDEX thing_active ON thing(name, coalesce(removed_at, 'infinity'))",  # not unique
        "UNIQUE INDEX thing_active ON thing(name, coalesce(removed_at, '-infinity'))",
        "UNIQUE INDEX thing_active ON thing(name, coalesce(removed_at, 'Infinity'))",
        "UNIQUE INDEX thing_active ON thing(coalesce(removed_at, 'infinity'), name)",
        "UNIQUE INDEX thing_active ON thing(name, removed_at)",
    ],
)
def test_a_changed_index_is_seen(created: sa.Engine, definition: str) -> None:
    run(created, "DROP INDEX thing_active")
    run(created, f"CREATE {definition}")
    assert differences(created) == ["add_index", "remove_index"]


def test_another_spelling_of_an_index_is_no_difference(created: sa.Engine) -> None:
    run(created, "DROP INDEX thing_cast")
    cast = "CAST('infinity' AS TIMESTAMP)"
    run(created, f'CREATE INDEX thing_cast ON thing( (CoAlesce("removed_at",{cast})), "order")')
    assert differences(created) == []


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ("thing_id SMALLINT, PRIMARY KEY (thing_id, part_no)", ["add_fk", "modify_type"]),
        ("thing_id INTEGER, UNIQUE (note), PRIMARY KEY (thing_id, part_no)", ["add_fk", "remove_constraint"]),
        ("thing_id INTEGER REFERENCES thing(thing_id), PRIMARY KEY (thing_id, part_no)", []),
    ],
)
def test_a_changed_constraint_is_seen(created: sa.Engine, definition: str, expected: list[str]) -> None:
    run(created, "DROP TABLE part")
    run(created, f"CREATE TABLE part(part_no SMALLINT, note VARCHAR, size INTEGER NOT NULL, {definition})")
    assert differences(created) == expected


# Migrations


ENVIRONMENT = """
from alembic import context
from barhouse.store.database.dialect import register_alembic_impl

register_alembic_impl()
given = context.config.attributes
context.configure(
    connection=given.get("connection"),
    url=given["url"],
    target_metadata=given["metadata"],
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
"""

REVISION = """
import sqlalchemy as sa
from alembic import op

from barhouse.store.database.dialect import TinyInt

revision, down_revision = {revision}, {down_revision}


def upgrade():
    {upgrade}


def downgrade():
    {downgrade}
"""

FIRST = (
    "op.create_table('t', sa.Column('a', sa.Integer, primary_key=True), sa.Column('b', TinyInt))",
    "op.drop_table('t')",
)
SECOND = (
    """op.add_column('t', sa.Column('c', sa.String, nullable=False, server_default='x'))
    op.create_table('u', sa.Column('a', sa.Integer, sa.ForeignKey('t.a')))
    op.create_index('t_b', 't', ['a', sa.text("coalesce(b, -1)")], unique=True)
    op.execute("CREATE VIEW v AS SELECT a, c FROM t")
    op.execute("CREATE MACRO m(x) AS TABLE SELECT a FROM t WHERE a > x")
    op.execute("INSERT INTO t VALUES (1, 2, 'three')")""",
    """op.execute("DROP MACRO TABLE m")
    op.execute("DROP VIEW v")
    op.drop_index('t_b')
    op.drop_table('u')
    op.drop_column('t', 'c')""",
)


class Migrations:
    """A folder of migrations, and a database they run on."""

    def __init__(self, folder: Path, engine: sa.Engine) -> None:
        self.engine = engine
        self.versions = folder / "versions"
        self.versions.mkdir(parents=True)
        (folder / "env.py").write_text(ENVIRONMENT)
        template = Path(alembic.__file__).parent / "templates" / "generic" / "script.py.mako"
        (folder / "script.py.mako").write_text(template.read_text())
        self.output = io.StringIO()
        self.config = Config(stdout=io.StringIO(), output_buffer=self.output)
        self.config.set_main_option("script_location", str(folder))
        self.config.set_main_option("path_separator", "os")
        self.metadata = sa.MetaData()
        self.config.attributes.update(metadata=self.metadata, url="barhouse://")

    def add(self, upgrade: str, downgrade: str = "pass") -> None:
        revision = len(list(self.versions.iterdir()))
        text = REVISION.format(
            revision=repr(str(revision)),
            down_revision=repr(str(revision - 1) if revision else None),
            upgrade=upgrade,
            downgrade=downgrade,
        )
        (self.versions / f"{revision}_test.py").write_text(text)

    def run(self, name: str, *arguments: Any, **options: Any) -> None:
        with self.engine.begin() as connection:
            self.config.attributes["connection"] = connection
            getattr(command, name)(self.config, *arguments, **options)

    def state(self) -> list[Any]:
        """Everything there is: the names of all entries, the revision and the rows of t."""
        with self.engine.connect() as connection:
            names = connection.exec_driver_sql(
                "SELECT table_name FROM duckdb_tables() UNION ALL SELECT index_name FROM duckdb_indexes()"
                " UNION ALL SELECT view_name FROM duckdb_views() WHERE NOT internal"
                " UNION ALL SELECT function_name FROM duckdb_functions()"
                " WHERE function_type = 'table_macro' AND NOT internal ORDER BY ALL"
            )
            found: list[Any] = [name for (name,) in names]
            for table in ("alembic_version", "t"):
                if table in found:
                    found.append([tuple(row) for row in connection.execute(sa.text(f"FROM {table}"))])
            return found


@pytest.fixture
def migrations(tmp_path: Path, engine: sa.Engine) -> Migrations:
    return Migrations(tmp_path / "migrations", engine)


AFTER_FIRST = ["alembic_version", "t", [("0",)], []]
AFTER_SECOND = ["alembic_version", "m", "t", "t_b", "u", "v", [("1",)], [(1, 2, "three")]]


def test_upgrade_check_and_downgrade(migrations: Migrations) -> None:
    migrations.add(*FIRST)
    migrations.add(*SECOND)
    migrations.run("upgrade", "0")
    assert migrations.state() == AFTER_FIRST
    migrations.run("upgrade", "head")
    assert migrations.state() == AFTER_SECOND
    table = sa.Table(
        "t",
        migrations.metadata,
        sa.Column("a", sa.Integer, primary_key=True),
        sa.Column("b", TinyInt),
        sa.Column("c", sa.String, nullable=False, server_default="x"),
    )
    sa.Index("t_b", table.c.a, sa.func.coalesce(table.c.b, sa.text("-1")), unique=True)
    other = sa.Table("u", migrations.metadata, sa.Column("a", sa.ForeignKey("t.a")))
    migrations.run("check")
    other.append_column(sa.Column("missing", sa.Integer))
    with pytest.raises(Exception, match="New upgrade operations detected"):
        migrations.run("check")
    run(migrations.engine, "DELETE FROM t")
    migrations.run("downgrade", "-1")
    assert migrations.state() == AFTER_FIRST
    migrations.run("downgrade", "base")
    assert migrations.state() == ["alembic_version", []]


def test_a_failing_migration_leaves_no_trace(migrations: Migrations, path: Path) -> None:
    migrations.add(*FIRST)
    migrations.run("upgrade", "head")
    migrations.add(*SECOND)
    migrations.add("""op.execute("DROP VIEW v")
    op.execute("CREATE OR REPLACE MACRO m(x) AS TABLE SELECT 1 AS one")
    op.execute("SELECT * FROM nowhere")""")
    with pytest.raises(sa.exc.DBAPIError, match="nowhere"):
        migrations.run("upgrade", "head")
    assert migrations.state() == AFTER_FIRST
    migrations.engine.dispose()
    migrations.run("upgrade", "1")  # the connection is usable, and the file too
    assert migrations.state() == AFTER_SECOND


def test_a_failing_downgrade_leaves_no_trace(migrations: Migrations) -> None:
    migrations.add(*FIRST)
    migrations.add(SECOND[0], SECOND[1] + "\n    raise RuntimeError('stop')")
    migrations.run("upgrade", "head")
    run(migrations.engine, "DELETE FROM t")
    before = migrations.state()
    with pytest.raises(RuntimeError, match="stop"):
        migrations.run("downgrade", "base")
    assert migrations.state() == before


def test_generated_migration_creates_what_it_was_generated_from(migrations: Migrations) -> None:
    for table in tables().tables.values():
        table.to_metadata(migrations.metadata)
    migrations.run("revision", autogenerate=True)
    migrations.run("upgrade", "head")
    migrations.run("check")
    assert differences(migrations.engine) == []
    migrations.run("downgrade", "base")
    assert migrations.state() == ["alembic_version", []]


def test_migrations_as_sql(migrations: Migrations) -> None:
    migrations.add(*FIRST)
    command.upgrade(migrations.config, "head", sql=True)
    sql = migrations.output.getvalue()
    assert sql.startswith("BEGIN;")
    assert "b TINYINT" in sql
    assert migrations.state() == []


# Transactions and the pool


def count(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(sa.text("SELECT count(*) FROM t")).scalar_one())


def raw(connection: sa.Connection) -> Any:
    """DuckDB's own connection, in the same transaction."""
    return connection.connection.driver_connection


@pytest.fixture
def thousands(engine: sa.Engine) -> sa.Engine:
    run(engine, "CREATE TABLE t AS SELECT range AS a FROM range(100_000)")
    return engine


def test_return_to_the_pool_rolls_back(thousands: sa.Engine) -> None:
    with thousands.connect() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (-1)")
    with thousands.connect() as connection:
        raw(connection).begin()
        raw(connection).execute("INSERT INTO t VALUES (-2)")
    assert count(thousands) == 100_000


def test_a_half_read_result_does_not_block(thousands: sa.Engine) -> None:
    with thousands.connect() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (-1)")
        assert connection.exec_driver_sql("SELECT a FROM t").fetchone() is not None
    assert count(thousands) == 100_000


def test_an_open_reader_does_not_hide_the_error(thousands: sa.Engine, caplog: pytest.LogCaptureFixture) -> None:
    readers = []

    def fail_while_reading() -> None:
        with thousands.begin() as connection:
            connection.exec_driver_sql("INSERT INTO t VALUES (-1)")
            readers.append(raw(connection).sql("SELECT a FROM t").to_arrow_reader(10))
            readers[0].read_next_batch()
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        fail_while_reading()
    assert count(thousands) == 100_000
    run(thousands, "INSERT INTO t VALUES (-1)", "ALTER TABLE t ADD COLUMN b INTEGER")
    assert count(thousands) == 100_001
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_connection_is_usable_after_rolling_back_under_an_open_reader(thousands: sa.Engine) -> None:
    with thousands.connect() as connection, connection.begin() as transaction:
        driver = raw(connection)
        driver.execute("INSERT INTO t VALUES (-1)")
        reader = driver.sql("SELECT a FROM t").to_arrow_reader(10)
        reader.read_next_batch()
        transaction.rollback()
        assert driver.execute("SELECT count(*) FROM t").fetchone() == (100_000,)
        assert raw(connection) is driver


def test_closing_the_engine_lets_go_of_the_file(path: Path) -> None:
    root = duckdb.connect(str(path))
    engine = engine_on(root)
    run(engine, "CREATE TABLE t(a INTEGER)")
    root.close()
    with duckdb.connect(str(path), config={"threads": 1}):  # refused while anything holds the file
        pass
    engine.dispose()


def test_connections_share_the_file_and_not_the_transaction(thousands: sa.Engine) -> None:
    with thousands.begin() as one:
        one.exec_driver_sql("INSERT INTO t VALUES (-1)")
        assert count(thousands) == 100_000
    assert count(thousands) == 100_001


def test_a_broken_constraint_is_an_integrity_error(created: sa.Engine) -> None:
    part = tables().tables["part"]
    with pytest.raises(sa.exc.IntegrityError, match="foreign key"), created.begin() as connection:
        connection.execute(part.insert().values(thing_id=1, part_no=1, size=1))


def test_importing_the_dialect_does_not_import_alembic() -> None:
    code = "import sys, barhouse.store.database.dialect; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
