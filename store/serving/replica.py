"""A snapshot and its increments as one store, for one process that asks it.

The snapshot's file stays as it is, read by whoever wants to. What came since lies in memory: for each table the rows
that are new, and the keys of those of the snapshot that are no more. A table is a view over both, and the store's own
views and macros are made of these, so that whatever can be asked of a store can be asked here. Increments are taken
between two questions, each in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb

from barhouse.store.copies import increment
from barhouse.store.copies.increment import HOW, KEYS, TableChange
from barhouse.store.database.comments import comments
from barhouse.store.database.database import Database, wall_clock
from barhouse.store.database.opening import SCHEMA_VERSION, connect, explained
from barhouse.store.database.store_options import choose_spelling
from barhouse.store.errors import StoreVersionError
from barhouse.store.sql import Sql, identifier, joined, literal, names_of, sql, statement, statements

if TYPE_CHECKING:
    import pyarrow as pa

_SNAPSHOT: Final = identifier("snapshot")
_GIVEN: Final = "given_rows"
#: So many rows that went again are in the way of reading; then it is begun anew from an increment that has all.
_MOST_GONE: Final = 50_000


def increment_file(folder: Path, number: int, *, whole: bool = False) -> Path:
    """Where the server keeps an increment of a snapshot."""
    return folder / f"{number}{'.whole' if whole else ''}.arrow"


class Replica:
    """A snapshot with its increments.

    Parameters
    ----------
    snapshot
        The file; increments lie beside it, named as ``increment_file`` says.
    settings
        Of DuckDB.

    Attributes
    ----------
    database
        To be asked; sealed, its settings locked.
    through
        The newest increment that it has.

    Raises
    ------
    StoreError
        The snapshot cannot be read, or is of another schema.
    """

    def __init__(self, snapshot: Path, settings: Mapping[str, str | int]) -> None:
        self.snapshot = snapshot
        self.through = 0
        self._gone_count = 0
        self._shown: dict[str, str] = {}  # how tables are shown that are not as they were at first
        root = connect(":memory:", settings=dict(settings))
        try:
            self._open(root)
        except BaseException:
            root.close()
            raise
        self.database = Database(None, root, read_only=True, clock=wall_clock)
        choose_spelling(self.database, None)

    def _open(self, root: duckdb.DuckDBPyConnection) -> None:
        try:
            root.execute(sql("serving.attach_snapshot", file=literal(str(self.snapshot)), snapshot=_SNAPSHOT))
        except duckdb.Error as error:
            raise explained(str(self.snapshot), str(error)) from error
        root.execute(sql("serving.seal"))
        if root.execute(sql("copies.schema_version", database=_SNAPSHOT)).fetchall() != [(SCHEMA_VERSION,)]:
            raise StoreVersionError(f"{self.snapshot} has not the schema {SCHEMA_VERSION}; publish it again")
        self._root = root
        root.begin()
        root.execute(sql("serving.make_room"))
        for table in HOW:
            self._begin(table)
        for view in statements("views").values():
            root.execute(view.text)
        there = [root.execute(sql(f"database.{name}")).fetchall() for name in ("columns", "relations")]
        root.execute(joined(Sql(";\n"), comments(*there)))
        root.commit()
        root.execute(sql("serving.lock_settings"))

    def close(self) -> None:
        """Give the snapshot back."""
        self.database.close()

    def move_on(self, through: int, whole: int) -> None:
        """Take what it lacks.

        Parameters
        ----------
        through
            The newest increment; no older than the one it has.
        whole
            The newest that has all from the snapshot on, which is not beyond; 0 for none.

        Raises
        ------
        StoreError
            An increment cannot be read. What was taken before it stays.
        """
        folder = self.snapshot.parent
        if self.through < whole <= through or (self._gone_count > _MOST_GONE and whole == self.through):
            self._take(increment.read(increment_file(folder, whole, whole=True)), anew=True)
            self.through = whole
        while self.through < through:
            self._take(increment.read(increment_file(folder, self.through + 1)))
            self.through += 1

    def _take(self, parts: increment.Increment, *, anew: bool = False) -> None:
        self._root.begin()
        shown, gone_count = dict(self._shown), self._gone_count
        try:
            if anew:
                self._gone_count = 0
                self._shown.clear()
                for table in HOW:
                    self._begin(table)
            for table, part in parts.items():
                self._become(table, part)
            self._root.commit()
        except BaseException:
            self._root.rollback()
            self._shown, self._gone_count = shown, gone_count
            raise

    def _begin(self, table: str) -> None:
        """Have a table as the snapshot has it."""
        self._run("make_rows", table)
        if table in KEYS:
            self._run("make_keys", table)
        self._run("show_snapshot" if HOW[table] == ("whole",) else "show_both", table)

    def _become(self, table: str, part: TableChange) -> None:
        """Have a table as it is after an increment."""
        if part.how == "whole":
            self._run("make_rows", table)
            self._show(table, "show_rows")
        if part.keys is not None and part.keys.num_rows:
            same = joined(Sql(" AND "), (Sql(f"r.{key} = g.{key}") for key in KEYS[table]))
            with _given(self._root, part.keys):
                ((gone,),) = self._run("drop_rows", table, same=same).fetchall()
                if self._shown.get(table) != "show_rows":
                    self._run("add_keys", table)
                    self._show(table, "show_rest")
            self._gone_count += gone
        if part.rows.num_rows:
            with _given(self._root, part.rows):
                self._run("add_rows", table)

    def _show(self, table: str, how: str) -> None:
        if self._shown.get(table) != how:
            self._run(how, table)
            self._shown[table] = how

    def _run(self, name: str, table: str, **places: Sql) -> duckdb.DuckDBPyConnection:
        given = {
            "table": identifier(table),
            "snapshot": _SNAPSHOT,
            "given": Sql(_GIVEN),
            "replaced": identifier(f"{table}_replaced"),
            "keys": joined(Sql(", "), map(identifier, KEYS.get(table, ()))),
            **places,
        }
        wanted = names_of(statement(f"serving.{name}").text)
        return self._root.execute(sql(f"serving.{name}", **{hole: given[hole] for hole in wanted}))


@contextmanager
def _given(root: duckdb.DuckDBPyConnection, table: pa.Table) -> Iterator[None]:
    """Have a table at hand that is handed over."""
    root.register(_GIVEN, table)
    try:
        yield
    finally:
        root.unregister(_GIVEN)
