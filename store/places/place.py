"""Places: a folder or a part of a bucket, with the files in it; what is put there is there whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Protocol

from barhouse.store.errors import PlaceMissingError
from barhouse.store.places.address import Address, as_address, is_address
from barhouse.store.places.placed_file import PlacedFile


class Place(Protocol):
    """A folder, or those objects of a bucket whose names begin alike; ``str`` gives its address.

    Names are those of files within, their folders before them with ``/``. Every call may raise ``PlaceError``: the
    place cannot be reached, refuses, or breaks off in the middle; then it was tried again a few times already.
    """

    def full_name(self, name: str) -> str:
        """What messages call a file of it."""

    def files(self, folder: str = "", *, deep: bool = True) -> Iterator[PlacedFile]:
        """The files in it, or in a folder of it; in no particular order, and none where there is none.

        Unless ``deep`` is said to be false those in folders of it count, too.
        """

    def look(self, name: str) -> PlacedFile:
        """What there is to say of a file.

        Raises
        ------
        PlaceMissingError
            When there is none.
        """

    def pieces(self, file: PlacedFile) -> Iterator[bytes]:
        """Read a file as it was when it was looked at, in pieces of some megabytes.

        Raises
        ------
        PlaceTakenError
            When another has its name by now.
        """

    def open(self, file: PlacedFile) -> IO[bytes]:
        """Open a file to read parts of it, here and there."""

    def put(self, source: Path, name: str) -> PlacedFile:
        """Put a file of this machine there, in the place of any of that name."""

    def write(self, data: bytes, name: str, *, after: PlacedFile | None = None, absent: bool = False) -> PlacedFile:
        """Write a small file.

        Parameters
        ----------
        after
            The file whose place it is to take; no other.
        absent
            Whether it must be the first of that name. Of two that write at once one is; where they must know which,
            their data has to differ, for the same data once more is taken for the first try, whose answer was lost.

        Raises
        ------
        PlaceTakenError
            When somebody else wrote there before.
        """

    def copy(self, name: str, other: str) -> None:
        """Have a file there under another name, too."""

    def remove(self, names: Iterable[str]) -> None:
        """Remove files; those that are not there are no matter."""


def open_place(given: str | Path | Address) -> Place:
    """Open a folder, which need not exist yet, or a part of a bucket.

    Examples
    --------
    >>> str(open_place("s3://bars/stores/"))
    's3://bars/stores'

    Raises
    ------
    InputError
        When there can be no such place, or the package that knows buckets is missing.
    """
    if is_address(given):
        from barhouse.store.places.bucket import BucketPlace

        return BucketPlace.of(as_address(given))
    from barhouse.store.places.folder import FolderPlace

    return FolderPlace.of(given)


def split_place(given: str | Path | Address) -> tuple[Place, str]:
    """Tell the place a file lies in from its name there."""
    if is_address(given):
        address = as_address(given)
        return open_place(address.parent if address.key else address), address.name if address.key else ""
    path = Path(given)
    return open_place(path.parent), path.name


def read(place: Place, name: str) -> tuple[bytes, PlacedFile] | None:
    """Read a small file, and say which it was; None where there is none."""
    try:
        file = place.look(name)
    except PlaceMissingError:
        return None
    return b"".join(place.pieces(file)), file


def fetch(place: Place, name: str, target: Path) -> PlacedFile:
    """Copy a file to this machine, where its name must be free; what breaks off leaves nothing.

    Raises
    ------
    PlaceMissingError
        When there is no such file.
    PlaceTakenError
        When it was replaced meanwhile.
    """
    file = place.look(name)
    try:
        with target.open("xb") as opened:
            for piece in place.pieces(file):
                opened.write(piece)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return file
