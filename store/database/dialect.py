"""What duckdb-engine lacks: reflection on SQLAlchemy 2.1, and what Alembic needs to know of DuckDB.

duckdb-engine inherits PostgreSQL's reflection, which asks for catalogs that DuckDB does not have. Here every
question of the inspector is answered by DuckDB's own table functions. They speak of one schema of the current
database: attached databases and temporary tables are not seen.

The URL is ``barhouse://``, so that ``duckdb://`` stays what it is to a host program. The dialect's name stays
``duckdb``: compilation rules and Alembic go by it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, cast

import duckdb
import duckdb_engine
import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.base import PGDDLCompiler, PGTypeCompiler
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.engine.reflection import Inspector
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import DDLCompiler
from sqlalchemy.types import TypeEngine

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

__all__ = ["ConnectionWrapper", "Dialect", "DoubleList", "HugeInt", "TinyInt", "joined", "register_alembic_impl"]


class TinyInt(sa.SmallInteger):
    """A one-byte integer, -128 to 127; ``SMALLINT`` on other databases."""


class DoubleList(sa.types.UserDefinedType[list[float | None]]):
    """A list of doubles."""

    cache_ok = True

    def get_col_spec(self, **kw: Any) -> str:
        """Return what DuckDB calls it."""
        return "DOUBLE[]"


class HugeInt(sa.BigInteger):
    """A sixteen-byte integer; ``BIGINT`` on other databases."""


@compiles(TinyInt, "duckdb")
def _tiny_int(type_: TinyInt, compiler: PGTypeCompiler, **kw: Any) -> str:
    return "TINYINT"


@compiles(HugeInt, "duckdb")
def _huge_int(type_: HugeInt, compiler: PGTypeCompiler, **kw: Any) -> str:
    return "HUGEINT"


_TYPES: dict[str, Callable[[], TypeEngine[Any]]] = {
    "BIGINT": sa.BigInteger,
    "BLOB": sa.LargeBinary,
    "BOOLEAN": sa.Boolean,
    "DATE": sa.Date,
    "DOUBLE": sa.Double,
    "DOUBLE[]": DoubleList,
    "FLOAT": sa.Float,
    "HUGEINT": HugeInt,
    "INTEGER": sa.Integer,
    "INTERVAL": sa.Interval,
    "JSON": sa.JSON,
    "SMALLINT": sa.SmallInteger,
    "TIME": sa.Time,
    "TIMESTAMP": sa.DateTime,
    "TIMESTAMP WITH TIME ZONE": lambda: sa.DateTime(timezone=True),
    "TINYINT": TinyInt,
    "UUID": sa.Uuid,
    "VARCHAR": sa.String,
}

_HERE = "database_name = current_database() AND schema_name = coalesce(:schema, 'main')"
_OF_TABLE = f"{_HERE} AND table_name = :table_name"


def _type(name: str) -> TypeEngine[Any]:
    """SQLAlchemy's type for what DuckDB calls `name`; ``NullType`` when `_TYPES` has no counterpart."""
    if decimal := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", name):
        return sa.Numeric(int(decimal[1]), int(decimal[2]))
    return _TYPES.get(name, sa.types.NullType)()


def _lists(query: str) -> Any:
    """Make an inspection method that lists the names `query` finds."""

    def names(self: Any, connection: sa.Connection, schema: str | None = None, **kw: Any) -> list[str]:
        return list(connection.scalars(sa.text(query), {"schema": schema}))

    return names


def _describes(query: str) -> Any:
    """Make an inspection method that describes one table by the rows of `query`; its columns are the keys."""

    def rows(
        self: Any, connection: sa.Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[dict[str, Any]]:
        found = connection.execute(sa.text(query), {"schema": schema, "table_name": table_name}).mappings()
        answer = [dict(row) for row in found]
        if not answer and not self.has_table(connection, table_name, schema):
            raise sa.exc.NoSuchTableError(table_name)
        return answer

    return rows


class _TypeCompiler(PGTypeCompiler):
    """Types under the names DuckDB reports, so that what was created compares equal to what is found."""

    def visit_double(self, type_: sa.Double[Any], **kw: Any) -> str:
        return "DOUBLE"

    def visit_VARCHAR(self, type_: sa.String, **kw: Any) -> str:  # noqa: N802 (SQLAlchemy's name)
        return "VARCHAR"  # the only text type; DuckDB ignores lengths

    visit_CHAR = visit_TEXT = visit_VARCHAR  # noqa: N815


class _DDLCompiler(PGDDLCompiler):
    def get_column_specification(self, column: sa.Column[Any], **kw: Any) -> str:
        # PostgreSQL's turns an integer primary key into SERIAL, which DuckDB does not have.
        said = DDLCompiler.get_column_specification(self, column, **kw)
        compression = column.info.get("compression")
        return f"{said} USING COMPRESSION {compression}" if compression else said


class ConnectionWrapper(duckdb_engine.ConnectionWrapper):
    """A connection for the pool, which can be had anew.

    Parameters
    ----------
    source
        A cursor of the store's connection. The pool works on a cursor of this cursor: a closed connection
        takes its cursors with it, and nothing leads from a cursor to where it came from.
    """

    def __init__(self, source: duckdb.DuckDBPyConnection) -> None:
        super().__init__(source.cursor())
        self._source = source

    def renew(self) -> None:
        """Give up the connection, with its transaction and what was registered on it, for a new one."""
        super().close()
        super().__init__(self._source.cursor())
        self.closed = False

    def close(self) -> None:
        """Close for good."""
        super().close()
        self._source.close()


class _Joined(duckdb_engine.ConnectionWrapper):
    """A connection whose transaction somebody else has begun, and ends."""

    def begin(self) -> None:
        """Do nothing: it has begun."""

    def commit(self) -> None:
        """Do nothing: whoever began it commits."""

    def rollback(self) -> None:
        """Do nothing: whoever began it rolls back."""

    def close(self) -> None:
        """Do nothing: whoever made the connection closes it."""


@contextmanager
def joined(cursor: duckdb.DuckDBPyConnection) -> Iterator[sa.Connection]:
    """Give SQLAlchemy's connection inside a transaction that was begun without it."""
    engine = sa.create_engine("barhouse://", creator=lambda: _Joined(cursor), poolclass=sa.StaticPool)
    with engine.begin() as connection:
        yield connection


class Dialect(duckdb_engine.Dialect):
    """duckdb-engine's dialect, with reflection that works on SQLAlchemy 2.0 and 2.1."""

    inspector = cast("Any", Inspector)
    type_compiler_cls = _TypeCompiler
    ddl_compiler = _DDLCompiler
    supports_statement_cache = True  # nothing here or in duckdb-engine puts a value into the SQL text

    get_schema_names = _lists(
        "SELECT schema_name FROM duckdb_schemas() WHERE database_name = current_database() ORDER BY ALL"
    )
    get_table_names = _lists(f"SELECT table_name FROM duckdb_tables() WHERE {_HERE} ORDER BY ALL")
    get_view_names = _lists(f"SELECT view_name FROM duckdb_views() WHERE {_HERE} ORDER BY ALL")
    get_sequence_names = _lists(f"SELECT sequence_name FROM duckdb_sequences() WHERE {_HERE} ORDER BY ALL")

    # The names of constraints are DuckDB's, made of table and columns: it forgets the ones that were given.
    get_unique_constraints = _describes(
        "SELECT constraint_name AS name, constraint_column_names AS column_names FROM duckdb_constraints()"
        f" WHERE {_OF_TABLE} AND constraint_type = 'UNIQUE' ORDER BY constraint_index"
    )
    get_check_constraints = _describes(
        "SELECT constraint_name AS name, expression AS sqltext FROM duckdb_constraints()"
        f" WHERE {_OF_TABLE} AND constraint_type = 'CHECK' ORDER BY constraint_index"
    )
    get_foreign_keys = _describes(
        "SELECT constraint_name AS name, constraint_column_names AS constrained_columns,"
        " :schema AS referred_schema, referenced_table AS referred_table,"
        " referenced_column_names AS referred_columns FROM duckdb_constraints()"
        f" WHERE {_OF_TABLE} AND constraint_type = 'FOREIGN KEY' ORDER BY constraint_index"
    )
    _primary_keys = _describes(
        "SELECT constraint_name AS name, constraint_column_names AS constrained_columns"
        f" FROM duckdb_constraints() WHERE {_OF_TABLE} AND constraint_type = 'PRIMARY KEY'"
    )
    _columns = _describes(
        "SELECT column_name AS name, data_type AS type, is_nullable AS nullable, column_default AS default,"
        f" comment FROM duckdb_columns() WHERE {_OF_TABLE} ORDER BY column_index"
    )
    _indexes = _describes(  # those behind a PRIMARY KEY or UNIQUE constraint are not among them
        "SELECT index_name AS name, is_unique AS unique, expressions::VARCHAR[] AS expressions"
        f" FROM duckdb_indexes() WHERE {_OF_TABLE} ORDER BY ALL"
    )
    _definitions = _describes(
        f"SELECT sql, comment FROM duckdb_tables() WHERE {_OF_TABLE} UNION ALL SELECT sql, comment"
        f" FROM (SELECT *, view_name AS table_name FROM duckdb_views()) WHERE {_OF_TABLE}"
    )

    def do_rollback(self, dbapi_connection: Any) -> None:
        """Roll back, even under a reader that was left open.

        DuckDB 2.0 refuses while a streamed result is alive, and the traceback of an error raised while
        reading keeps it alive. Closing the connection ends its transaction in any case.
        """
        try:
            super().do_rollback(dbapi_connection)
        except duckdb.OperationalError as error:
            if type(error).__name__ != "ResourceInUseException":  # a class that 1.5 does not have
                raise
            dbapi_connection.renew()

    def _get_default_schema_name(self, connection: sa.Connection) -> str:
        return "main"

    def has_table(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> bool:
        """Whether there is a table or a view of that name."""
        query = sa.text(f"SELECT count(*) FROM duckdb_columns() WHERE {_OF_TABLE}")
        return bool(connection.scalar(query, {"schema": schema, "table_name": table_name}))

    def has_sequence(self, connection: Any, sequence_name: str, schema: str | None = None, **kw: Any) -> bool:
        """Whether there is a sequence of that name."""
        return sequence_name in self.get_sequence_names(connection, schema)

    def get_view_definition(self, connection: Any, view_name: str, schema: Any = None, **kw: Any) -> str:
        """Return the whole ``CREATE VIEW`` statement, as DuckDB spells it."""
        return str(self._definitions(connection, view_name, schema)[0]["sql"])

    def get_table_comment(self, connection: Any, table_name: str, schema: Any = None, **kw: Any) -> Any:
        """Return the comment on a table or view."""
        return {"text": self._definitions(connection, table_name, schema)[0]["comment"]}

    def get_table_options(self, connection: Any, table_name: str, schema: Any = None, **kw: Any) -> Any:
        """Return none: DuckDB has no options for a table."""
        return {}

    def get_pk_constraint(self, connection: Any, table_name: str, schema: Any = None, **kw: Any) -> Any:
        """Return the primary key, without columns when there is none."""
        keys = self._primary_keys(connection, table_name, schema)
        return keys[0] if keys else {"name": None, "constrained_columns": []}

    def get_columns(self, connection: Any, table_name: str, schema: Any = None, **kw: Any) -> Any:
        """Return the columns in their order."""
        columns = self._columns(connection, table_name, schema)
        return [column | {"type": _type(column["type"])} for column in columns]

    def get_indexes(self, connection: Any, table_name: str, schema: Any = None, **kw: Any) -> Any:
        """Return what CREATE INDEX made, by column, or by expression where there is no column."""
        names = [column["name"] for column in self._columns(connection, table_name, schema)]
        spelled = {self.identifier_preparer.quote_identifier(name): name for name in names}
        spelled |= {name: name for name in names}  # DuckDB quotes them where it must
        indexes = self._indexes(connection, table_name, schema)
        for index in indexes:
            parts = index.pop("expressions")
            index["column_names"] = [spelled.get(part) for part in parts]
            if None in index["column_names"]:
                index["expressions"] = [spelled.get(part, part) for part in parts]
        return indexes


# PostgreSQL's dialect asks its own catalogs about many tables at once; the default asks for one at a time.
for _name, _method in vars(DefaultDialect).items():
    if _name.startswith(("get_multi_", "has_multi_", "get_temp_", "get_materialized_")):
        setattr(Dialect, _name, _method)

registry.register("barhouse", __name__, "Dialect")


def _spelling(connection: Any, expression: str | None) -> str | None:
    """Have DuckDB spell out an SQL expression, so that two spellings of the same are the same text."""
    if expression is None:
        return None
    query = sa.text("SELECT json_deserialize_sql(json_serialize_sql('SELECT ' || :expression))")
    text = connection.scalar(query, {"expression": expression})
    text = re.sub(r"('[^']*')|[^']+", lambda part: part[1] or part[0].lower(), text)
    # DuckDB 1.5 stores these in its own words, 2.0 as they were written.
    text = text.replace("timestamptz", "timestamp with time zone")
    return str(text.replace("cast('f' as boolean)", "false").replace("cast('t' as boolean)", "true"))


def register_alembic_impl() -> None:
    """Teach Alembic about DuckDB; ``migrations/env.py`` calls it before it configures its context.

    Importing this module does not: opening a store should not cost the import of Alembic.
    """
    from alembic.ddl.impl import ComparisonResult, DefaultImpl

    class DuckDBImpl(DefaultImpl):
        __dialect__ = Dialect.name
        transactional_ddl = True

        def add_column(self, table_name: str, column: sa.Column[Any], **kw: Any) -> None:
            # In two steps, because DuckDB 1.5 cannot add a column together with a constraint.
            nullable, column.nullable = column.nullable, True
            super().add_column(table_name, column, **kw)
            column.nullable = nullable
            if not nullable:
                self.alter_column(table_name, column.name, nullable=False, schema=kw.get("schema"))

        def correct_for_autogen_constraints(
            self,
            conn_uniques: set[sa.UniqueConstraint],
            conn_indexes: set[sa.Index],
            metadata_unique_constraints: set[sa.UniqueConstraint],
            metadata_indexes: set[sa.Index],
        ) -> None:
            # Unique constraints are the same when their columns are: the names that were given are forgotten.
            found = {tuple(unique.columns.keys()): unique for unique in conn_uniques}
            for unique in list(metadata_unique_constraints):
                if same := found.get(tuple(unique.columns.keys())):
                    metadata_unique_constraints.discard(unique)
                    conn_uniques.discard(same)

        def compare_indexes(self, metadata_index: sa.Index, reflected_index: sa.Index) -> ComparisonResult:
            wanted, found = self._definition(metadata_index), self._definition(reflected_index)
            if wanted == found:
                return ComparisonResult.Equal()
            return ComparisonResult.Different(f"{found} to {wanted}")

        def compare_server_default(
            self, inspector_column: Any, metadata_column: Any, rendered: str | None, found: str | None
        ) -> bool:
            # Not `rendered`: it lacks the quotes that CREATE TABLE puts around a plain string.
            compiler = self.dialect.ddl_compiler(self.dialect, cast("Any", None))
            wanted = compiler.get_column_default_string(metadata_column)
            return _spelling(self.connection, wanted) != _spelling(self.connection, found)

        def _definition(self, index: sa.Index) -> str:
            parts = [self.render_ddl_sql_expr(cast("Any", part)) for part in index.expressions]
            spelled = [_spelling(self.connection, part) for part in parts]
            return f"unique {spelled}" if index.unique else f"{spelled}"

        def render_type(self, type_obj: object, autogen_context: AutogenContext) -> Literal[False]:
            if type(type_obj).__module__ == __name__:
                autogen_context.imports.add(f"import {__name__}")
            return False
