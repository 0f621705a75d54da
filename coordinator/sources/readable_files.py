"""Files made readable: what DuckDB cannot read as it is, is unpacked for as long as it is read."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import gettempdir

from barhouse.coordinator.sources.archive import member_pieces
from barhouse.coordinator.sources.packed_bytes import unpacked_pieces
from barhouse.coordinator.sources.scratch_folder import have_room, scratch_folder
from barhouse.coordinator.sources.source import Piece, Source


@contextmanager
def readable(source: Source, beside: Path) -> Iterator[Source]:
    """Make a source readable, with every file seen to be whole; ``beside`` is where there is room to unpack others.

    Raises
    ------
    SourceError
        When a file is damaged, cut off, encrypted, or comes to far more than bars do.
    """
    for piece in source.pieces:
        if piece.is_readable and piece.kind.packing != "none":
            # DuckDB takes a damaged or cut off one for a shorter one.
            deque(unpacked_pieces(piece.path, piece.kind.packing, piece.name), maxlen=0)
    if all(piece.is_readable for piece in source.pieces):
        yield source
        return
    # Folders named column=value are columns of the files inside, those above the scratch folder of none.
    with scratch_folder(Path(gettempdir()) if "=" in str(beside) else beside) as folder:
        paths = [
            piece.path if piece.is_readable else _unpacked(piece, _place(folder, piece) / str(number))
            for number, piece in enumerate(source.pieces)
        ]
        yield replace(source, paths=tuple(paths))


def _place(folder: Path, piece: Piece) -> Path:
    """Where to unpack a file: in folders named column=value as it is itself."""
    place = folder.joinpath(*(part for part in Path(piece.path).parent.parts if "=" in part))
    place.mkdir(parents=True, exist_ok=True)
    return place


def _unpacked(piece: Piece, target: Path) -> str:
    """Unpack into a new file, which has no part of a name that was given."""
    path, packing = piece.path, piece.kind.packing
    if piece.member is not None:
        path = _written(member_pieces(path, piece.member), target.with_suffix(".packed"))
    if packing == "none" and piece.member is not None:
        return path
    return _written(unpacked_pieces(path, packing, piece.name), target)


def _written(pieces: Iterator[bytes], target: Path) -> str:
    with target.open("wb") as opened:
        for piece in pieces:
            have_room(target.parent)
            opened.write(piece)
    return str(target)
