"""Files of buckets brought to this machine, where DuckDB reads them, for as long as they may be needed again.

DuckDB would read them where they are by an extension, which is no part of it and is not fetched here; over a file
system in Python it would ask for the same bytes several times. So they lie in a scratch folder for a while, under names
of our own, in the version that was looked at. Those used longest ago give way when they come to too much.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

from barhouse.coordinator.sources.file_kinds import ARCHIVE, KINDS, PACKINGS
from barhouse.coordinator.sources.source import Piece, Source
from barhouse.store.errors import PlaceMissingError, PlaceTakenError, SourceError
from barhouse.store.places.address import as_address
from barhouse.store.places.place import open_place
from barhouse.store.places.scratch_folder import have_room, scratch_folder, scratch_place

#: What is kept of files that are not needed at the moment.
_KEPT_BYTES = 2 << 30


class FarFiles:
    """Files of buckets on this machine, by their addresses and versions."""

    def __init__(self, beside: Path, closing: ExitStack) -> None:
        self._beside, self._closing = beside, closing
        self._folder: Path | None = None
        self._count = 0
        self._held: dict[tuple[str, str], Path] = {}  # those used last come last

    def brought(self, source: Source) -> Source:
        """The same source with every file of it on this machine, or as it is when there is none elsewhere.

        Raises
        ------
        SourceError
            When one was replaced or removed since it was looked at, or there is no room.
        PlaceError
            When a bucket cannot be reached.
        """
        if not source.is_far:
            return source
        wanted = {_name(piece): piece for piece in source.pieces if piece.placed is not None}
        self._make_room(set(wanted))
        there = {name: self._path(name, piece) for name, piece in wanted.items()}
        pieces = tuple(
            piece
            if piece.placed is None
            else replace(piece, path=str(there[_name(piece)]), called=piece.name, placed=None)
            for piece in source.pieces
        )
        return replace(source, pieces=pieces, paths=tuple(piece.local_name for piece in pieces))

    def _path(self, name: tuple[str, str], piece: Piece) -> Path:
        path = self._held.pop(name, None)
        self._held[name] = path = path or self._fetched(piece)
        return path

    def _fetched(self, piece: Piece) -> Path:
        assert piece.placed is not None
        if self._folder is None:
            self._folder = self._closing.enter_context(scratch_folder(scratch_place(self._beside)))
        self._count += 1
        address = as_address(piece.path)
        target = _columns_of(self._folder, address.parent.parts) / f"{self._count}{_suffixes(address.name)}"
        try:
            with target.open("xb") as opened:
                for data in open_place(address.parent).pieces(piece.placed):
                    have_room(self._folder)
                    opened.write(data)
        except (PlaceTakenError, PlaceMissingError) as error:
            target.unlink()
            raise SourceError(str(error)) from None
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return target

    def _make_room(self, wanted: set[tuple[str, str]]) -> None:
        """Let go of files, those that were used longest ago first."""
        sizes = {name: path.stat().st_size for name, path in self._held.items() if name not in wanted}
        total = sum(sizes.values())
        for name, size in sizes.items():
            if total <= _KEPT_BYTES:
                return
            self._held.pop(name).unlink()
            total -= size


@contextmanager
def far_files(beside: Path) -> Iterator[FarFiles]:
    """Bring files of buckets into a scratch folder, which is made when the first comes and gone at the end."""
    with ExitStack() as closing:
        yield FarFiles(beside, closing)


def _name(piece: Piece) -> tuple[str, str]:
    return piece.path, "" if piece.placed is None else piece.placed.version


def _columns_of(folder: Path, parts: Sequence[str]) -> Path:
    """Where in a folder a file lies whose own folders are named column=value, which DuckDB takes for columns."""
    place = folder.joinpath(*(part for part in parts if "=" in part))
    place.mkdir(parents=True, exist_ok=True)
    return place


def _suffixes(name: str) -> str:
    """What a name says of the kind of a file, and nothing else of it."""
    known = (*KINDS, *PACKINGS, ARCHIVE)
    return "".join(suffix for suffix in map(str.lower, PurePosixPath(name).suffixes) if suffix in known)
