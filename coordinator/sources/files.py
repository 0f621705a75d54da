"""Bars in files: text or Parquet, packed or in an archive; one file, several or a pattern."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path

import pyarrow as pa

from barhouse.coordinator.sources import bucket_files
from barhouse.coordinator.sources.archive import members, split, ways_to_choose
from barhouse.coordinator.sources.file_kinds import PACKINGS, Kind, is_archive, kind_by_name, kind_of
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.coordinator.sources.path_patterns import PathPattern, find, has_parts, is_wild, matching
from barhouse.coordinator.sources.source import Piece, Source, SourceFile
from barhouse.coordinator.sources.text_encoding import UTF_8, marked_encoding, not_utf_8
from barhouse.store.errors import OptionsError, PlaceMissingError, SourceError
from barhouse.store.hints import Option
from barhouse.store.model.open_stores import refuse_unreadable
from barhouse.store.model.paths import expanded
from barhouse.store.places.address import Address, FilePath, as_address, is_address
from barhouse.store.places.placed_file import PlacedFile

_PIECE_BYTES = 1 << 20
_HEADER_BYTES = 1 << 16
#: Among how many lines the header of a text is looked for.
_HEADER_LINES = 100
#: A file, and what is meant of those inside of it.
_Chosen = tuple[FilePath, str | None]
#: What DuckDB may find between the fields of a line.
SEPARATORS = ",;\t|"


def open_file(data: object, options: LoadOptions) -> Source | None:
    """The file or files named, or None when ``data`` is no path.

    Raises
    ------
    SourceError
        When there is no such file, or it is of no known kind.
    """
    given: list[str | FilePath]
    if isinstance(data, str | Path | Address):
        given = [data]
    elif isinstance(data, Sequence) and data and all(isinstance(path, str | Path | Address) for path in data):
        given = list(data)
    else:
        return None
    path_symbol = None
    places: list[_Chosen]
    if len(given) > 1 and any(map(has_parts, given)):
        raise OptionsError("of paths with parts such as {symbol} a load takes one; load each by itself")
    if has_parts(given[0]):
        pattern = _pattern(str(given[0]))
        places, path_symbol = [split(file.path) for file in find([pattern])], pattern.symbol_expression
        if not places:
            raise _nothing_there(given[0])
    else:
        places = [
            place for name in given for place in _expand(as_address(name) if is_address(name) else expanded(str(name)))
        ]
    seen = {path: _looked_at(path) for path in dict.fromkeys(path for path, _ in places)}
    pieces = [piece for path, member in places for piece in _pieces(path, member, options, seen[path])]
    kinds = {piece.kind.kind for piece in pieces}
    if len(kinds) > 1:
        raise SourceError(f"the files are of different kinds ({', '.join(sorted(kinds))}); load each kind by itself")
    (kind,) = kinds
    _check_options(kind, options)
    name = str(given[0]) if len(given) == 1 else f"{given[0]} and {len(given) - 1} more"
    return Source(
        name=name,
        format="csv" if kind == "csv" else "parquet",
        paths=tuple(piece.name for piece in pieces),
        pieces=tuple(pieces),
        files=tuple(_files(places, seen)),
        path_symbol=path_symbol,
        skip_rows=options.skip_rows,
        header=None if options.header is None else tuple(options.header),
        encoding=options.encoding,
        delimiter=options.delimiter,
    )


def _check_options(kind: Kind, options: LoadOptions) -> None:
    """Refuse what cannot be said of files of a kind."""
    if kind != "csv" and options.skip_rows:
        raise OptionsError(f"{Option('skip_rows')} is for text files; files of {kind} have no lines before a header")
    if kind not in ("csv", "json") and options.header:
        raise OptionsError(f"{Option('header')} is for text and JSON; files of {kind} name their columns themselves")
    if kind == "dbn" and options.price_scale is not None:
        raise OptionsError(f"{Option('price_scale')} is for whole numbers; prices of {kind} are read as what they mean")
    for option in ("encoding", "delimiter"):
        if kind != "csv" and getattr(options, option):
            raise OptionsError(f"{Option(option)} is for text files; files of {kind} need none")


def _looked_at(path: FilePath) -> PlacedFile | None:
    """What a bucket says of a file; nothing of one of this machine, which must be one that can be read."""
    if isinstance(path, Address):
        return bucket_files.looked_at(path)
    refuse_unreadable(path)
    return None


def _files(places: Sequence[_Chosen], seen: Mapping[FilePath, PlacedFile | None]) -> Iterator[SourceFile]:
    """Look at each file once, however many of those inside of it are named."""
    looked_at = {path: _source_file(path, placed) for path, placed in seen.items()}
    for path, member in places:
        yield looked_at[path] if member is None else looked_at[path].inside(member)


def _source_file(path: FilePath, placed: PlacedFile | None) -> SourceFile:
    return SourceFile.of(Path(path)) if placed is None else SourceFile.at(as_address(path), placed)


def compression_of(path: str | Path) -> str:
    """How a text file is compressed by its name, in the word that DuckDB and Arrow share."""
    return PACKINGS.get(Path(path).suffix.lower(), "none")


def header_of(path: str, source: Source, columns: Sequence[str]) -> list[str]:
    """The names in the header of a text file as they stand; none where it is not the line that columns were named by.

    Raises
    ------
    SourceError
        When it is no text in UTF-8.
    """
    packed = compression_of(path)
    with pa.input_stream(path, compression=None if packed == "none" else packed) as stream:
        piece = bytes(stream.read(_HEADER_BYTES))
    lines = piece.splitlines()[source.skip_rows :]
    try:
        text = b"".join(lines[:1]).decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise not_utf_8(source.name_of(path), "its header shows")
    known = {name.strip().casefold() for name in columns}
    # DuckDB passes over remarks and blank lines before the header.
    for line in [text, *(line.decode("utf-8", errors="replace") for line in lines[1:_HEADER_LINES])]:
        for sign in SEPARATORS if source.delimiter is None else (source.delimiter,):
            names = [name for name in next(csv.reader([line], delimiter=sign), []) if name.strip()]
            if len(names) > 1 and {name.strip().casefold() for name in names} <= known:
                return names
    return []


def first_lines(path: str, skip_rows: int = 0) -> list[str]:
    """The first lines of a text file that are whole, after those that are skipped and blank ones.

    None where it cannot be read, for that will be said elsewhere.
    """
    lines = _whole_lines(path)
    return lines[_skipped_count(lines, skip_rows) :]


def lines_before(path: str, skip_rows: int) -> list[str]:
    """The lines of a text file that are skipped."""
    return _whole_lines(path)[:skip_rows] if skip_rows else []


def skipped_count(path: str, skip_rows: int) -> int:
    """How many lines of a text file are passed over: ``skip_rows``, and blank ones before the next."""
    return _skipped_count(_whole_lines(path), skip_rows)


def _skipped_count(lines: Sequence[str], skip_rows: int) -> int:
    return skip_rows + sum(1 for _ in takewhile(lambda line: not line.strip(), lines[skip_rows:]))


def _whole_lines(path: str) -> list[str]:
    piece = _first_piece(path)
    encoding = marked_encoding(piece) or "utf-8-sig"
    lines = piece.decode(encoding, errors="replace").splitlines()
    return lines[:-1] if len(piece) == _HEADER_BYTES else lines


def repeats_header(path: str, source: Source, header: Sequence[str]) -> bool:
    """Whether a text file names its columns itself, as they are said to be called.

    Raises
    ------
    OptionsError
        When it has them in another order.
    """
    wanted = [name.strip().casefold() for name in header]
    line = "".join(first_lines(path, source.skip_rows)[:1])
    for sign in SEPARATORS if source.delimiter is None else (source.delimiter,):
        names = next(csv.reader([line], delimiter=sign), [])
        found = [name.strip().casefold() for name in names]
        if sorted(found) == sorted(wanted):
            if found != wanted:
                raise OptionsError(
                    f"{source.name_of(path)} names its columns {', '.join(names)}, in another order than "
                    f"{Option('header')} does ({', '.join(header)}); leave it out"
                )
            return True
    return False


def encoding_of(path: str) -> str:
    """The encoding that a text file says itself, by how it begins; UTF-8 where it says none."""
    return marked_encoding(_first_piece(path)) or UTF_8


def _first_piece(path: str) -> bytes:
    packed = compression_of(path)
    try:
        with pa.input_stream(path, compression=None if packed == "none" else packed) as stream:
            return bytes(stream.read(_HEADER_BYTES))
    except OSError:
        return b""


def parquet_schema(path: str, name: str) -> pa.Schema:
    """The columns of a Parquet file as they stand; DuckDB renames those that come twice, and forgets their zones.

    Raises
    ------
    SourceError
        When it cannot be read.
    """
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as opened:
            return opened.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{name} cannot be read: {error}") from error


def is_blank(path: str) -> bool:
    """Whether a text file begins with a megabyte of white space, or has nothing else."""
    packed = compression_of(path)
    with pa.input_stream(path, compression=None if packed == "none" else packed) as stream:
        return not bytes(stream.read(_PIECE_BYTES)).strip()


def is_readable(path: Path) -> bool:
    """Whether it is a file of a known kind, by its name."""
    return (kind_by_name(path.name) is not None or is_archive(path.name)) and path.is_file()


def _expand(path: FilePath) -> list[_Chosen]:
    """The files that a path means, each with what it names inside of it."""
    if isinstance(path, Address):
        return _expand_address(path)
    if path.is_file():
        return [(path, None)]
    if path.is_dir():
        raise SourceError(f"{path} is a folder; name its files, such as {path / '*.parquet'}")
    place, member = split(path)
    outer = Path(place)
    found = [outer] if outer.is_file() else sorted(map(Path, matching(outer)))
    if not found:
        raise _nothing_there(outer)
    if member is None:
        return [(one, None) for one in found]
    return [(one, name) for one in found for name in members(str(one), [member])]


def _expand_address(address: Address) -> list[_Chosen]:
    """The files in a bucket that an address means, each with what it names inside of it."""
    outer, member = split(address)
    found = [outer]
    if is_wild(outer):
        try:
            found = [file.path for file in find([PathPattern.parse(str(outer), Path.cwd())])]
        except PlaceMissingError as error:
            raise SourceError(str(error)) from None
    if not found:
        raise _nothing_there(outer)
    if member is None:
        return [(one, None) for one in found]
    return [(one, name) for one in found for name in members(str(one), [member])]


def _nothing_there(given: str | FilePath) -> SourceError:
    if is_address(given):
        return SourceError(f"there is no object {as_address(given)}; check the address")
    return SourceError(f"there is no file {given}; check the path, seen from {Path.cwd()}")


def _pattern(given: str) -> PathPattern:
    """A path with named parts.

    Raises
    ------
    SourceError
        When it has one that says what is asked for besides.
    """
    if "{interval}" in given:
        raise OptionsError(
            f"{given} leaves the interval open, but a load is of one; write it out in the path, and say it with "
            f"{Option('interval')}"
        )
    return PathPattern.parse(given, Path.cwd())


def _pieces(path: FilePath, member: str | None, options: LoadOptions, placed: PlacedFile | None) -> list[Piece]:
    """What there is to read in a file.

    Raises
    ------
    SourceError
        When it is of no known kind, or has something inside that is.
    """
    if not is_archive(path.name):
        return [Piece(str(path), None, kind_of(path.name, options.file_format), str(path), placed)]
    chosen = members(str(path), options.members) if member is None else [member]
    for name in chosen:
        if is_archive(name) or kind_by_name(name, options.file_format) is None:
            raise SourceError(
                f"{path}/{name} is of no known kind, and nothing in an archive is passed over in silence; "
                f"{ways_to_choose(str(path), chosen)}"
            )
    given = str(path) if member is None else f"{path}/{member}"
    return [Piece(str(path), name, kind_of(name, options.file_format), given, placed) for name in chosen]
