"""The formats that bars are exported in: what one is, those there are, and where packages add theirs."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from barhouse.store.errors import BarhouseError, PluginError
from barhouse.store.plugins import Plugin, Registry

#: Formats, by the name they are asked for; packages add theirs under ``barhouse.formats``.
FORMATS = Registry(
    "format",
    {name: f"barhouse.store.copies.bar_format:{name.upper()}" for name in ("parquet", "csv", "arrow")},
)


class BarWriter(Protocol):
    """One file that is being written."""

    def write_table(self, table: pa.Table, /) -> None:
        """Write rows after those written; all tables have the schema that the file was begun with."""

    def close(self) -> None:
        """Finish the file; after an error, too, and then nobody reads it."""


class ExportFormat(Protocol):
    """How bars of one symbol, interval and month become a file.

    A format is asked for a file that is not there yet, and reads only what it wrote itself. It need not think of
    half-written files, of other processes, or of disks: the file is written beside its place and moved there when it is
    whole.
    """

    @property
    def suffix(self) -> str:
        """How its files' names end, without the dot: ``parquet``, ``csv.gz``."""

    def writer(self, file: Path, schema: pa.Schema) -> BarWriter:
        """Begin a file.

        The columns are those of the view ``bars`` without ``symbol`` and ``interval``, which the folders name; instants
        are in UTC, to the microsecond, and rows come in the order of ``bar_start``.
        """

    def read(self, file: Path) -> pa.Table:
        """Read a file back, with the types it was written with: bars that retention took from the store stay in it."""


def format_named(name: str) -> ExportFormat:
    """The format of a name.

    Raises
    ------
    InputError
        When there is none, saying which there are.
    PluginError
        When it is of another package and cannot be used.
    """
    plugin = FORMATS.find(name)
    return checked(plugin, plugin.load())


def checked(plugin: Plugin, found: Any) -> ExportFormat:
    """A format, once it was seen to be one.

    Raises
    ------
    PluginError
        When it is none.
    """
    if isinstance(found, type):
        found = found()
    for part in ("writer", "read"):
        if not callable(getattr(found, part, None)):
            raise plugin.refused(f"is no export format: it has no {part}")
    suffix = getattr(found, "suffix", None)
    if not isinstance(suffix, str) or not suffix or "/" in suffix or suffix.startswith("."):
        raise plugin.refused(f"is no export format: its suffix is {suffix!r}, not a text such as 'csv.gz'")
    return cast(ExportFormat, found)


def failed(name: str, error: BaseException) -> BaseException:
    """What to raise when a format fails: its own error where it is one of Barhouse, else one that names its package."""
    plugin = FORMATS.find(name)
    if isinstance(error, BarhouseError | OSError) or plugin.package == "barhouse":
        return error
    return PluginError(f"{plugin} failed: {type(error).__name__}: {error}")


class _Parquet:
    """Parquet, compressed with zstd."""

    suffix = "parquet"

    def writer(self, file: Path, schema: pa.Schema) -> BarWriter:
        return cast(BarWriter, pyarrow.parquet.ParquetWriter(file, schema, compression="zstd"))

    def read(self, file: Path) -> pa.Table:
        return pyarrow.parquet.ParquetFile(file).read()


class _Arrow:
    """Arrow's IPC file format."""

    suffix = "arrow"

    def writer(self, file: Path, schema: pa.Schema) -> BarWriter:
        return cast(BarWriter, pa.ipc.new_file(str(file), schema))

    def read(self, file: Path) -> pa.Table:
        return pa.ipc.open_file(pa.OSFile(str(file))).read_all()


class _Csv:
    """CSV, with instants in ISO 8601."""

    suffix = "csv"

    def writer(self, file: Path, schema: pa.Schema) -> BarWriter:
        return _CsvWriter(file, schema)

    def read(self, file: Path) -> pa.Table:
        kinds = dict.fromkeys(("bar_start", "bar_end"), pa.timestamp("us", "UTC")) | {"session_date": pa.date32()}
        return pyarrow.csv.read_csv(file, convert_options=pyarrow.csv.ConvertOptions(column_types=kinds))


class _CsvWriter:
    def __init__(self, file: Path, schema: pa.Schema) -> None:
        self._writer = pyarrow.csv.CSVWriter(str(file), _spelled(schema.empty_table()).schema)

    def write_table(self, table: pa.Table, /) -> None:
        self._writer.write_table(_spelled(table))

    def close(self) -> None:
        self._writer.close()


def _spelled(rows: pa.Table) -> pa.Table:
    """Spell instants in ISO 8601."""
    columns = [_iso(column) if pa.types.is_timestamp(column.type) else column for column in rows.columns]
    return pa.Table.from_arrays(columns, names=rows.column_names)


def _iso(instants: pa.ChunkedArray) -> pa.ChunkedArray:
    local = instants.cast(pa.timestamp("us"))
    with suppress(pa.ArrowInvalid):  # not all on whole seconds
        local = local.cast(pa.timestamp("s"))
    return pc.strftime(local, format="%Y-%m-%dT%H:%M:%SZ")


PARQUET, CSV, ARROW = _Parquet(), _Csv(), _Arrow()
