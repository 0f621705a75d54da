"""A connection that has a lake at hand: opened, made, read and written."""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import resources
from typing import Any

import duckdb

from barhouse.store.errors import LakeError, StoreVersionError
from barhouse.store.lake.address import LakeAddress, without_secrets
from barhouse.store.lake.extension import LAKE, POSTGRES, extension_file
from barhouse.store.sql import literal, sql, statement, texts

#: The form of lakes that this version reads and writes.
VERSION = 1
_VIEWS = "lake_views"
#: What publishes change, in the order in which it is made.
DEFINED = (
    *("version", "shard", "generation", "bar", "revision", "session_coverage", "gap", "interval_state", "batch"),
    *("rejected_row", "run", "retained", "kept_revisions"),
)


class LakeCatalog:
    """A connection to a lake, for one thread.

    What DuckDB says of a lake that cannot be reached comes as ``LakeError``, without the passwords in its address.
    """

    def __init__(self, address: LakeAddress, connection: duckdb.DuckDBPyConnection) -> None:
        self.address = address
        self.connection = connection

    def run(self, name: str, parameters: dict[str, Any] | None = None, /, **places: object) -> list[Any]:
        """Run a statement of ours; its rows by the names of their columns."""
        with explained(self.address):
            cursor = self.connection.execute(sql(name, **places), parameters or {})
            found = cursor.fetchall() if cursor.description else []
        columns = statement(name).columns
        if not columns or columns == ("*",):
            return found
        row = _row_of(columns)
        return [row(*values) for values in found]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Have what is run in it happen whole or not at all."""
        with explained(self.address):
            self.connection.execute("BEGIN")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                with suppress(duckdb.Error):
                    self.connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Give the lake back."""
        self.connection.close()


@contextmanager
def opened_catalog(
    address: LakeAddress, data: str | None = None, *, threads: int | None = None
) -> Iterator[LakeCatalog]:
    """Have a lake at hand, for writing with ``data`` (which makes one that is not there), or for reading.

    Raises
    ------
    LakeError
        It cannot be reached, or is not there.
    StoreVersionError
        A newer Barhouse made it.
    """
    catalog = connected(address, data, threads=threads)
    try:
        yield catalog
    finally:
        catalog.close()


def connected(
    address: LakeAddress, data: str | None = None, *, threads: int | None = None, shown: LakeAddress | None = None
) -> LakeCatalog:
    """Connect to a lake; see ``opened_catalog``. Whoever asks closes it. Messages call it ``shown``."""
    if data is None and address.file is not None and not address.file.exists():
        raise LakeError(f"there is no lake at {address}; `barhouse run` of a job with [cluster] makes one")
    files = [extension_file(LAKE), *([extension_file(POSTGRES)] if address.file is None else [])]
    connection = duckdb.connect(":memory:", config={} if threads is None else {"threads": threads})
    catalog = LakeCatalog(shown or address, connection)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        for file in files:
            catalog.run("lake.load_extension", file=literal(str(file)))
        place = literal(address.catalog)
        if data is None:
            catalog.run("lake.attach_for_reading", catalog=place)
        else:
            catalog.run("lake.attach", catalog=place, data=literal(data))
        catalog.run("lake.use")
        _bring_up_to_date(catalog, makes=data is not None)
    except BaseException:
        connection.close()
        raise
    return catalog


def _bring_up_to_date(catalog: LakeCatalog, *, makes: bool) -> None:
    there = {row.table_name for row in catalog.run("lake.table_names")}
    if "version" in there:
        (found,) = catalog.run("lake.version")
        if found.version > VERSION:
            raise StoreVersionError(
                f"the lake {catalog.address} has the form {found.version}, and this Barhouse knows those up to "
                f"{VERSION}; upgrade Barhouse"
            )
        return
    if there or not makes:
        raise StoreVersionError(
            f"{catalog.address} is no lake of Barhouse's; name another, or let `barhouse run` of a job with "
            f"[cluster] make it"
        )
    with catalog.transaction():
        for name in DEFINED:
            catalog.run(f"lake.define_{name}")
        for name in ("bar", "revision"):
            catalog.run(f"lake.divide_{name}")
        for text in view_texts().values():
            catalog.connection.execute(text)
        catalog.run("lake.write_version", {"version": VERSION})


def view_texts() -> dict[str, str]:
    """The views and macros of a lake, by name, in the order in which they are made."""
    return texts(resources.files("barhouse.store.sql").joinpath(f"{_VIEWS}.sql").read_text(encoding="utf-8"))


@contextmanager
def explained(address: LakeAddress) -> Iterator[None]:
    """Tell what DuckDB says of a lake in words of ours, without secrets."""
    try:
        yield
    except duckdb.Error as error:
        said = without_secrets(" ".join(re.sub(r"\n\nLINE .*", "", str(error), flags=re.DOTALL).split()))
        raise LakeError(f"the lake {address} cannot serve: {said}") from error


@cache
def _row_of(columns: tuple[str, ...]) -> Any:
    return namedtuple("Row", columns)
