"""The rows of a source as they are given: files and frames as one relation that can be read again and again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from barhouse.coordinator.load.column_kinds import kinds_in
from barhouse.coordinator.load.columns import Column, folded
from barhouse.coordinator.sources.files import compression_of, header_of, parquet_schema, repeats_header, skipped_count
from barhouse.coordinator.sources.source import Source
from barhouse.store.database.failures import breaks, is_of_machine
from barhouse.store.database.transaction import Relation, TemporaryTable, Transaction
from barhouse.store.errors import SourceError
from barhouse.store.hints import Option
from barhouse.store.places.scratch_folder import without_scratch
from barhouse.store.sql import Sql, joined, literal, sql

#: Where DuckDB notes the lines of text files that are no rows: which, and of which file.
MALFORMED_LINES = TemporaryTable("malformed_lines", "malformed_lines", ())
#: What DuckDB says of a text whose layout it cannot tell.
_SNIFFED = "Error when sniffing file"
_MALFORMED_SCANS = TemporaryTable("malformed_scans", "malformed_scans", ())


@dataclass(frozen=True, slots=True)
class SourceRows:
    """A source opened once: what its columns are, and its rows.

    Attributes
    ----------
    columns
        By name.
    relation
        The rows, every column as it stands. Lines of text files that are no rows are passed over.
    noting
        The same; reading it notes those lines in ``MALFORMED_LINES``.
    numbered
        The same, where DuckDB can say the place of each row in its file, which several threads may then read.
    columns_by_file
        The names of the columns that each file has by itself, where files may differ.
    kinds_by_file
        What the columns of each file hold, of files that say it.
    ambiguous
        The names that several columns of one file have, folded.
    """

    source: Source
    columns: Mapping[str, Column]
    relation: Relation
    noting: Relation
    numbered: Relation | None
    columns_by_file: Mapping[str, Sequence[str]] = field(default_factory=dict)
    kinds_by_file: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ambiguous: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """What reports call the source."""
        return self.source.name

    @property
    def is_text(self) -> bool:
        """Whether it is text, every field of which has to be understood."""
        return self.source.format == "csv"

    def narrowed(self, condition: Sql) -> SourceRows:
        """Only the rows that a condition holds for."""
        return replace(
            self,
            relation=sql("load.rows_wanted", rows=self.relation, wanted=condition),
            noting=sql("load.rows_wanted", rows=self.noting, wanted=condition),
            numbered=None,
        )


def open_rows(transaction: Transaction, source: Source) -> SourceRows:
    """Open a source, and see which columns it has.

    Raises
    ------
    SourceError
        When it cannot be read at all.
    """
    if source.table is not None:
        _refuse_equal_names(source.name, source.table.column_names)
        with read_errors(source.name):
            relation: Relation = transaction.attach("source_frame", source.table)
        return SourceRows(source, _described(transaction, source, relation), relation, relation, None)
    by_name = False
    by_file: dict[str, tuple[str, ...]] = {}
    if source.format == "csv" and len(source.paths) > 1:
        each = {path: _file_rows(source.only(path), by_name=False) for path in source.paths}
        by_file = {path: tuple(_described(transaction, source, rows)) for path, rows in each.items()}
        by_name = len(set(by_file.values())) > 1
    relation = _file_rows(source, by_name=by_name)
    columns = _described(transaction, source, relation)
    kinds: dict[str, Mapping[str, str]] = {}
    if source.format == "parquet":
        schemas = {path: parquet_schema(path, source.name) for path in source.paths}
        by_file = {path: tuple(schema.names) for path, schema in schemas.items()}
        kinds = {path: kinds_in(schema) for path, schema in schemas.items()} if len(schemas) > 1 else {}
    ambiguous = frozenset(_ambiguous(source, columns, by_file))
    noting = _file_rows(source, by_name=by_name, noting_malformed=True) if source.format == "csv" else relation
    return SourceRows(source, columns, relation, noting, _numbered_rows(source, columns), by_file, kinds, ambiguous)


def _refuse_equal_names(where: str, given: Sequence[str]) -> None:
    twice = _twice(given)
    if twice:
        raise SourceError(f"{where} has several columns of one name: {', '.join(sorted(twice))}; rename them")


def _twice(given: Sequence[str]) -> set[str]:
    names = [folded(name) for name in given]
    return {name for name in names if names.count(name) > 1}


def _ambiguous(source: Source, columns: Mapping[str, Column], by_file: Mapping[str, Sequence[str]]) -> set[str]:
    """The names that several columns of a file have, of which DuckDB renames all but the first."""
    found: set[str] = set()
    for path in source.paths:
        names = by_file.get(path, tuple(columns))
        if source.format == "csv":
            header = source.header or header_of(path, source, names)
            names = [name for name in header if not _is_number(name)]  # a row is no header, as will be said
        found |= _twice(names)
    return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _described(transaction: Transaction, source: Source, relation: Relation) -> dict[str, Column]:
    with read_errors(source.name):
        described = transaction.run("load.describe", rows=relation)
    return {column.column_name: Column(column.column_name, column.column_type) for column in described}


def forget_malformed(transaction: Transaction) -> None:
    """Forget the lines that were noted by an earlier load of the same transaction."""
    for noted in (MALFORMED_LINES, _MALFORMED_SCANS):
        transaction.run("load.forget_malformed", noted=noted)


def _file_rows(source: Source, *, by_name: bool, noting_malformed: bool = False) -> Sql:
    rows = _all_rows(source, by_name=by_name, noting_malformed=noting_malformed)
    if source.path_symbol is not None:
        named = {path: piece.given for path, piece in zip(source.paths, source.pieces, strict=True)}
        path = sql("load.path_read")
        if any(path != name for path, name in named.items()):
            read, given = (joined(Sql(", "), map(literal, paths)) for paths in (named, named.values()))
            path = sql("load.path_given", read=read, given=given)
        rows = sql("load.rows_with_path_symbol", rows=rows, path=path, pattern=literal(source.path_symbol))
    return rows


def _all_rows(source: Source, *, by_name: bool, noting_malformed: bool) -> Sql:
    if source.format == "parquet":
        return sql("load.parquet_rows", paths=_listed(source.paths), more=_more(source))
    kinds = [
        (compression_of(path), skipped_count(path, source.skip_rows), _header(source, path)) for path in source.paths
    ]
    if not by_name and len(set(kinds)) == 1:
        return _text_rows(source, source.paths, *kinds[0], noting_malformed=noting_malformed)
    rows: Sql | None = None
    for path, kind in zip(source.paths, kinds, strict=True):
        alone = _text_rows(source, (path,), *kind, noting_malformed=noting_malformed)
        rows = sql("load.rows_alone", rows=alone) if rows is None else sql("load.rows_by_name", before=rows, rows=alone)
    return sql("load.rows_together", rows=rows)


def _header(source: Source, path: str) -> Sql:
    """Where the names of a text file's columns come from: the file, the options, or both alike."""
    if source.header is None:
        return sql("load.header_in_file")
    names = joined(Sql(", "), map(literal, source.header))
    repeated = repeats_header(path, source, source.header)
    return sql("load.header_repeated" if repeated else "load.header_given", names=names)


def _text_rows(
    source: Source, paths: Sequence[str], compression: str, skipped: int, header: Sql, *, noting_malformed: bool
) -> Sql:
    delimiter = [] if source.delimiter is None else [sql("load.delimiter_said", sign=literal(source.delimiter))]
    places = {
        "paths": _listed(paths),
        "compression": literal(compression),
        "skip": skipped,
        "header": header,
        "more": joined(Sql(""), [_more(source), *delimiter]),
    }
    if not noting_malformed:
        return sql("load.csv_rows", **places)
    # The names are given as texts here: DuckDB makes the tables.
    lines, scans = literal(MALFORMED_LINES.name), literal(_MALFORMED_SCANS.name)
    return sql("load.csv_rows_noting_malformed", lines_name=lines, scans_name=scans, **places)


def _numbered_rows(source: Source, columns: Mapping[str, Column]) -> Sql | None:
    whole = source.format == "parquet" and source.path_symbol is None and len(source.paths) == 1
    if not whole or "file_row_number" in map(str.casefold, columns):
        return None
    return sql("load.parquet_rows_numbered", paths=_listed(source.paths), more=_more(source))


def _more(source: Source) -> Sql:
    more = [] if source.partitions else [sql("load.folders_name_no_columns")]
    more += [] if source.path_symbol is None else [sql("load.path_as_column")]
    return joined(Sql(""), more)


def _listed(paths: Sequence[str]) -> Sql:
    return joined(Sql(", "), [literal(_taken_literally(path)) for path in paths])


def _taken_literally(path: str) -> str:
    """A path for DuckDB, which would read ``[1]``, ``*`` and ``?`` in it as a pattern."""
    return re.sub(r"([\[*?])", r"[\1]", path)


@contextmanager
def read_errors(name: str) -> Iterator[None]:
    """Say of which source it is what DuckDB cannot read."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        if is_of_machine(error):
            raise
        what = without_scratch(str(error).splitlines()[0], name)
        way_out = f"; say what stands between its fields with {Option('delimiter')}" if _SNIFFED in what else ""
        raise SourceError(f"{name} cannot be read: {what}{way_out}") from error


@contextmanager
def damage_told(name: str) -> Iterator[None]:
    """Say of which source it is what is found wrong in it only when it is read once more: its damaged parts.

    What is wrong with our own statements is no damage, and stays as it is.
    """
    import duckdb

    ours = duckdb.BinderException | duckdb.CatalogException | duckdb.ParserException | duckdb.ConstraintException
    try:
        yield
    except duckdb.Error as error:
        if breaks(error) or isinstance(error, ours):
            raise
        with read_errors(name):
            raise
