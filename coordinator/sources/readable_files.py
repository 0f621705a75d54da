"""Files made readable: what DuckDB cannot read as it is, is unpacked, or written anew as UTF-8, while it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from barhouse.coordinator.sources.archive import member_pieces
from barhouse.coordinator.sources.arrow_files import arrow_rows
from barhouse.coordinator.sources.dbn_files import dbn_rows
from barhouse.coordinator.sources.far_files import far_files
from barhouse.coordinator.sources.files import parquet_schema
from barhouse.coordinator.sources.frames import zones_of
from barhouse.coordinator.sources.json_files import json_rows
from barhouse.coordinator.sources.packed_bytes import refuse_packed, unpacked_pieces
from barhouse.coordinator.sources.parquet_copy import INTERVAL, write_parquet
from barhouse.coordinator.sources.source import Piece, Source
from barhouse.coordinator.sources.text_encoding import encoding_to_change, recoded
from barhouse.store.errors import SourceError
from barhouse.store.places.scratch_folder import have_room, scratch_folder, scratch_place


@contextmanager
def readable(source: Source, beside: Path) -> Iterator[Source]:
    """Make a source readable, with every file seen to be whole; ``beside`` is where there is room to unpack others.

    Raises
    ------
    SourceError
        When a file is damaged, cut off, encrypted, packed though its name does not say so, not in the encoding said, or
        comes to far more than bars do.
    """
    with far_files(beside) as far, _readable(far.brought(source), beside) as opened:
        yield opened


@contextmanager
def _readable(source: Source, beside: Path) -> Iterator[Source]:
    for piece in source.pieces:
        if piece.is_readable and piece.kind.kind == "parquet":
            refuse_packed(piece.path, piece.name)
    # DuckDB takes a damaged or cut off file for a shorter one: those that it can read are read through.
    encodings = {
        piece: encoding_to_change(_bytes_of(piece), source.encoding, piece.name)
        for piece in source.pieces
        if piece.is_readable and piece.kind.kind == "csv"
    }
    if all(piece.is_readable for piece in source.pieces) and not any(encodings.values()):
        yield _with_schema(source)
        return
    # Folders named column=value are columns of the files inside, those above the scratch folder of none.
    with scratch_folder(scratch_place(beside)) as folder:
        paths = []
        for number, piece in enumerate(source.pieces):
            path, encoding = piece.path, encodings.get(piece)
            if not piece.is_readable:
                path = _unpacked(piece, _place(folder, piece) / str(number), source.header)
                if piece.kind.kind == "csv":
                    pieces = unpacked_pieces(path, "none", piece.name)
                    encoding = encoding_to_change(pieces, source.encoding, piece.name)
            if encoding is not None:
                pieces = _bytes_of(piece) if piece.is_readable else unpacked_pieces(path, "none", piece.name)
                target = _place(folder, piece) / f"{number}.recoded"
                path = _written(recoded(pieces, encoding, piece.name), target)
            paths.append(path)
        yield _with_schema(replace(source, paths=tuple(paths)))


def _with_schema(source: Source) -> Source:
    """Say what Parquet files say of themselves: the zone of each column, where all agree, and how long bars are."""
    if source.format != "parquet":
        return source
    zones: dict[str, set[str]] = {}
    intervals: set[str | None] = set()
    for piece, path in zip(source.pieces, source.paths, strict=True):
        schema = parquet_schema(path, source.name if len(source.pieces) == 1 else piece.name)
        for column, zone in zones_of(schema).items():
            zones.setdefault(column, set()).add(zone)
        said = (schema.metadata or {}).get(INTERVAL.encode())
        intervals.add(None if said is None else said.decode())
    if len(intervals) > 1:
        listed = ", ".join(sorted(map(str, intervals)))
        raise SourceError(f"{source.name} holds bars of several lengths ({listed}); load each by itself")
    agreed = {column: found.pop() for column, found in zones.items() if len(found) == 1}
    return replace(source, zones=agreed, interval=intervals.pop())


def _bytes_of(piece: Piece) -> Iterator[bytes]:
    return unpacked_pieces(piece.path, piece.kind.packing, piece.name)


def _place(folder: Path, piece: Piece) -> Path:
    """Where to unpack a file: in folders named column=value as it is itself."""
    place = folder.joinpath(*(part for part in Path(piece.path).parent.parts if "=" in part))
    place.mkdir(parents=True, exist_ok=True)
    return place


def _unpacked(piece: Piece, target: Path, header: Sequence[str] | None) -> str:
    """Unpack into a new file, which has no part of a name that was given."""
    path, packing = piece.path, piece.kind.packing
    if piece.member is not None:
        path = _written(member_pieces(path, piece.member), target.with_suffix(".member"))
    if packing == "none":
        refuse_packed(path, piece.name)
    else:
        path = _written(unpacked_pieces(path, packing, piece.name), target.with_suffix(".plain"))
    if piece.kind.kind == "arrow":
        with arrow_rows(path, piece.name) as rows:
            return write_parquet(rows, target)
    if piece.kind.kind == "dbn":
        return write_parquet(dbn_rows(path, piece.name), target)
    if piece.kind.kind == "json":
        return write_parquet(json_rows(path, piece.name, header), target)
    return path


def _written(pieces: Iterator[bytes], target: Path) -> str:
    with target.open("wb") as opened:
        for piece in pieces:
            have_room(target.parent)
            opened.write(piece)
    return str(target)
