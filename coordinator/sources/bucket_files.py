"""Files in buckets, by their addresses: which there are, and their bytes here and there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from barhouse.store.errors import PlaceMissingError, SourceError
from barhouse.store.places.address import Address
from barhouse.store.places.place import open_place
from barhouse.store.places.placed_file import PlacedFile


def looked_at(address: Address) -> PlacedFile:
    """What there is to say of an object.

    Raises
    ------
    SourceError
        When there is none.
    """
    if not address.key:
        raise SourceError(f"{address} is a bucket; name files in it, such as {address / '*.parquet'}")
    place = open_place(address.parent)
    try:
        return place.look(address.name)
    except PlaceMissingError as error:
        missing = str(error)
    try:
        is_folder = next(iter(open_place(address).files()), None) is not None
    except PlaceMissingError as error:  # the bucket is
        raise SourceError(str(error)) from None
    if is_folder:
        raise SourceError(f"{address} is a folder; name its files, such as {address / '*.parquet'}")
    raise SourceError(f"{missing}; check the address")


def files_below(root: Address) -> Iterator[tuple[Address, PlacedFile]]:
    """The objects whose addresses begin alike.

    Raises
    ------
    PlaceMissingError
        When there is no such bucket.
    """
    for file in open_place(root).files():
        yield root / file.name, file


def opened(address: Address) -> IO[bytes]:
    """Open an object to read parts of it, as it is now."""
    return open_place(address.parent).open(looked_at(address))
