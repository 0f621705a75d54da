"""The snapshot to serve when what is named may be a store."""

from __future__ import annotations

from pathlib import Path

from barhouse.store.copies.publication import publish
from barhouse.store.database.opening import is_read_only, open_database
from barhouse.store.errors import StoreError, StoreHeldError
from barhouse.store.hints import Action
from barhouse.store.model.paths import absolute
from barhouse.store.model.reports import CopyReport
from barhouse.store.places.address import refuse_far


def snapshot_of(given: str | Path) -> tuple[Path, CopyReport | None]:
    """The published file that is named, and None; or of a store, a snapshot published beside it, and its report.

    A store itself is never served: whoever has it open, be it to read, keeps its writer out.

    Raises
    ------
    InputError
        It is in a bucket.
    StoreHeldError
        A writer has the store open; says how to serve it all the same.
    StoreError
        There is no such file, or it cannot be published.
    """
    refuse_far(given)
    file = absolute(given)
    if not file.exists():
        raise StoreError(f"there is nothing at {file}; publish a snapshot there first, with {Action('publish')}")
    if is_read_only(file) or file.is_dir():
        return file, None
    place = file.with_name(f"{file.stem}.published{file.suffix}")
    try:
        database = open_database(file)
    except StoreHeldError as error:
        raise StoreHeldError(
            f"{error}; or have whoever holds it publish, as `barhouse live --publish {place}` does, and serve {place}"
        ) from error
    try:
        return place, publish(database, place)
    finally:
        database.close()
