"""Bars in files: CSV (plain, gz, zst) and Parquet, one file, several or a pattern."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from barhouse.coordinator.sources.options import LoadOptions
from barhouse.coordinator.sources.source import Format, Source, SourceFile
from barhouse.store.errors import OptionsError, SourceError
from barhouse.store.hints import Option
from barhouse.store.model.paths import expanded

_FORMATS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_COMPRESSED = {".gz": "gzip", ".zst": "zstd"}
_PIECE_BYTES = 1 << 20
_HEADER_BYTES = 1 << 16
#: How a text begins that says its encoding itself.
_ENCODINGS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
#: What DuckDB may find between the fields of a line.
_SEPARATORS = ",;\t|"


def open_file(data: object, options: LoadOptions) -> Source | None:
    """The file or files named, or None when ``data`` is no path.

    Raises
    ------
    SourceError
        When there is no such file, it is of no known kind, or it is compressed and damaged.
    """
    given: list[str | Path]
    if isinstance(data, str | Path):
        given = [data]
    elif isinstance(data, Sequence) and data and all(isinstance(path, str | Path) for path in data):
        given = list(data)
    else:
        return None
    paths = [path for name in given for path in _expand(expanded(name))]
    kinds = {_format(path) for path in paths}
    if len(kinds) > 1:
        raise SourceError(f"the files are of different kinds ({', '.join(sorted(kinds))}); load each kind by itself")
    kind = kinds.pop()
    if kind == "parquet" and options.skip_rows:
        raise OptionsError(f"{Option('skip_rows')} is for text files; a Parquet file has no lines before its header")
    if kind == "parquet" and options.header:
        raise OptionsError(f"{Option('header')} is for text files; a Parquet file names its columns itself")
    name = str(given[0]) if len(given) == 1 else f"{given[0]} and {len(given) - 1} more"
    return Source(
        name=name,
        format=kind,
        paths=tuple(str(path) for path in paths),
        files=tuple(SourceFile.of(path) for path in paths),
        skip_rows=options.skip_rows,
        header=None if options.header is None else tuple(options.header),
    )


def compression_of(path: str | Path) -> str:
    """How a text file is compressed by its name, in the word that DuckDB and Arrow share."""
    return _COMPRESSED.get(Path(path).suffix.lower(), "none")


def check_whole(source: Source) -> None:
    """Unpack compressed text files once: DuckDB takes a damaged or cut off one for a shorter one, Arrow does not.

    Raises
    ------
    SourceError
        When one is damaged or cut off.
    """
    for path in source.paths:
        _check_whole(path)


def _check_whole(path: str) -> None:
    compression = compression_of(path)
    if compression == "none":
        return
    try:
        with pa.input_stream(str(path), compression=compression, buffer_size=_PIECE_BYTES) as stream:
            while stream.read(_PIECE_BYTES):
                pass
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read: it is no whole {compression} file ({error}); fetch or pack it again"
        ) from error


def header_of(path: str, skip_rows: int, columns: Sequence[str]) -> list[str]:
    """The names in the header of a text file as they stand; none where it is not the line that columns were named by.

    Raises
    ------
    SourceError
        When it is no text in UTF-8.
    """
    packed = compression_of(path)
    with pa.input_stream(path, compression=None if packed == "none" else packed) as stream:
        piece = bytes(stream.read(_HEADER_BYTES))
    line = b"".join(piece.splitlines()[skip_rows : skip_rows + 1])
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise SourceError(f"{path} cannot be read: it is no text in UTF-8, as its header shows; write it anew as UTF-8")
    known = {name.strip().casefold() for name in columns}
    for sign in _SEPARATORS:
        names = [name for name in next(csv.reader([text], delimiter=sign), []) if name.strip()]
        if len(names) > 1 and {name.strip().casefold() for name in names} <= known:
            return names
    return []


def first_lines(path: str) -> list[str]:
    """The first lines of a text file that are whole; none where it cannot be read, for that will be said elsewhere."""
    packed = compression_of(path)
    try:
        with pa.input_stream(path, compression=None if packed == "none" else packed) as stream:
            piece = bytes(stream.read(_HEADER_BYTES))
    except OSError:
        return []
    encoding = next((name for mark, name in _ENCODINGS.items() if piece.startswith(mark)), "utf-8-sig")
    lines = piece.decode(encoding, errors="replace").splitlines()
    return lines[:-1] if len(piece) == _HEADER_BYTES else lines


def parquet_columns(path: str, name: str) -> list[str]:
    """The names of the columns of a Parquet file as they stand; DuckDB renames those that come twice.

    Raises
    ------
    SourceError
        When it cannot be read.
    """
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as opened:
            return list(opened.schema_arrow.names)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{name} cannot be read: {error}") from error


def is_blank(path: str) -> bool:
    """Whether a text file begins with a megabyte of white space, or has nothing else."""
    packed = compression_of(path)
    with pa.input_stream(path, compression=None if packed == "none" else packed) as stream:
        return not bytes(stream.read(_PIECE_BYTES)).strip()


def _expand(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if path.is_dir():
        raise SourceError(f"{path} is a folder; name its files, such as {path / '*.parquet'}")
    pattern = path.relative_to(path.anchor)
    found = sorted(Path(path.anchor).glob(str(pattern)))
    if not found:
        raise SourceError(f"there is no file {path}; check the path, seen from {Path.cwd()}")
    return found


def is_readable(path: Path) -> bool:
    """Whether it is a file of a known kind, by its name."""
    return _known_format(path) is not None and path.is_file()


def _known_format(path: Path) -> Format | None:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in _COMPRESSED]
    return _FORMATS.get(suffixes[-1]) if suffixes else None


def _format(path: Path) -> Format:
    kind = _known_format(path)
    if kind is None:
        raise SourceError(
            f"{path.name} is of no known kind; allowed are .csv, .tsv, .txt (plain, .gz or .zst) and .parquet"
        )
    return kind
