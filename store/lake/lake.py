"""Lake: what all shards together can be asked; read only, and never in the way of whoever publishes."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING, Any

from barhouse.store.database.answer import answer
from barhouse.store.database.query import check_reads
from barhouse.store.errors import InputError, StoreClosedError
from barhouse.store.lake.address import LakeAddress
from barhouse.store.lake.catalog import LakeCatalog, connected, explained
from barhouse.store.lake.lock import lake_lock
from barhouse.store.model.inputs import Moment, Names, as_instant, as_list, optional
from barhouse.store.model.interval import Interval
from barhouse.store.sql import Sql, sql

if TYPE_CHECKING:
    import pyarrow as pa

#: How long a reader waits for whoever publishes, in seconds.
_PATIENCE = 60.0


def open_lake(address: str | Path) -> Lake:
    """Open a lake that jobs with ``[cluster]`` publish into, to read it.

    Parameters
    ----------
    address
        The path of its catalog, where that is a file; or ``ducklake:postgres:dbname=bars host=db``. What PostgreSQL
        asks for beyond that comes from its own variables and files, such as ``PGPASSWORD`` and ``~/.pgpass``.

    Raises
    ------
    LakeError
        It is not there, cannot be reached, or DuckDB's extensions for it are not installed.
    StoreVersionError
        A newer Barhouse made it.
    """
    return Lake(LakeAddress.parse(str(address)))


class Lake:
    """Bars of many shards, as they were published; a context manager.

    Every question sees one commit. A catalog that is a file is read from a copy, which is made anew when another commit
    was made, so that nobody who reads holds up whoever publishes. Safe to share between threads: they ask in turn.
    """

    def __init__(self, address: LakeAddress) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._folder: TemporaryDirectory[str] | None = None
        self._stamp: object = None
        self._catalog: LakeCatalog | None = None
        self._closed = False
        with self._lock:
            self._connect()

    def sql(self, query: str, parameters: dict[str, Any] | list[Any] | None = None) -> pa.Table:
        """Ask with one SQL statement that reads: the views of a store, ``shards``, and ``bars_as_of(instant)``.

        Raises
        ------
        InputError
            For a statement that does anything but read, or reads files.
        LakeError
            When it cannot be answered.
        """
        with self._asking() as catalog:
            cursor = catalog.connection
            if not isinstance(query, Sql):
                check_reads(cursor, query, reads_files=False)
            with explained(self._address):
                found = answer(cursor, query, parameters)
                if found is None:
                    raise InputError("the query gives no rows; a lake is only read")
                return found.to_arrow_table()

    def bars(
        self,
        symbol: Names,
        interval: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        as_of: Moment | None = None,
    ) -> pa.Table:
        """The bars of one interval of a symbol, oldest first, or of several, by symbol; in the columns of ``bars``.

        Parameters
        ----------
        symbol
            One symbol, or several, as the lake spells them.
        start, end
            The first to have, and the first to leave out: instants that say their zone, compared with ``bar_start``.
        as_of
            The bars as the shards' stores knew them at that instant.
        """
        given = {
            "symbols": as_list(symbol, "symbol", "a symbol"),
            "interval": str(Interval.parse(interval)),
            "start": optional(as_instant, start, "start"),
            "end": optional(as_instant, end, "end"),
        }
        if as_of is None:
            return self.sql(sql("lake.bars_asked"), given)
        then: datetime = as_instant(as_of, "as_of")
        return self.sql(sql("lake.bars_asked_as_of"), {**given, "as_of": then})

    def shards(self) -> list[dict[str, Any]]:
        """The shards, in the order of their symbols: the columns of the view ``shards``."""
        rows: list[dict[str, Any]] = self.shard_table().to_pylist()
        return rows

    def shard_table(self) -> pa.Table:
        """The view ``shards``, in the order of their symbols."""
        return self.sql(sql("lake.shards_in_order"))

    def close(self) -> None:
        """Give the lake back; closing twice is fine."""
        with self._lock:
            self._closed = True
            self._disconnect()

    def __enter__(self) -> Lake:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _asking(self) -> Iterator[LakeCatalog]:
        with self._lock:
            if self._closed:
                raise StoreClosedError("this lake was closed; open it again")
            if self._address.file is not None and self._stamp != _stamp_of(self._address.file):
                self._disconnect()
            if self._catalog is None:
                self._connect()
            assert self._catalog is not None
            yield self._catalog

    def _connect(self) -> None:
        if self._address.file is None or not self._address.file.exists():
            self._catalog = connected(self._address)
            return
        self._folder = TemporaryDirectory(prefix="barhouse-lake-", ignore_cleanup_errors=True)
        with lake_lock(self._address, _PATIENCE):
            self._stamp = _stamp_of(self._address.file)
            copy = _copied(self._address.file, Path(self._folder.name))
        self._catalog = connected(LakeAddress(copy, None), shown=self._address)

    def _disconnect(self) -> None:
        if self._catalog is not None:
            self._catalog.close()
            self._catalog = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


def _log_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.wal")


def _stamp_of(file: Path) -> object:
    """What tells a catalog from what it was before."""
    found = [path.stat() for path in (file, _log_of(file)) if path.exists()]
    return [(one.st_ino, one.st_size, one.st_mtime_ns) for one in found]


def _copied(file: Path, folder: Path) -> Path:
    """A copy of a catalog that nobody writes to; what it says of data stays where it is."""
    for path in (file, _log_of(file)):
        if path.exists():
            shutil.copyfile(path, folder / path.name)
    return folder / file.name
