"""Copies of a store in buckets: published snapshots, and backups.

An object takes the place of the one before when all of it is there, and older ones lie beside it, as files do. What is
in it is written down beside it (``NAME.json``), with the version that this is said of: so a copy need not be fetched to
see whether it is up to date. When the note is missing, or says it of another version, the copy is fetched and read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, ValidationError

from barhouse.store.checks.verification import Progress
from barhouse.store.copies.publication import name_aside, older_names, proven
from barhouse.store.copies.store_state import State, has_been_in, state_in, state_of
from barhouse.store.database.database import Database
from barhouse.store.database.failures import told
from barhouse.store.database.file_copy import copy_whole
from barhouse.store.database.replacement import written_beside
from barhouse.store.errors import InputError, StoreError
from barhouse.store.hints import Option
from barhouse.store.model.inputs import as_count
from barhouse.store.model.reports import CopyReport, VerifyReport
from barhouse.store.places.address import Address, as_address
from barhouse.store.places.place import Place, fetch, open_place, read
from barhouse.store.places.placed_file import PlacedFile


def publish(database: Database, target: str | Path, *, keep: int, mode: object) -> CopyReport:
    """Publish a snapshot into a bucket; see ``SessionStore.publish``."""
    place, address = _place(database, target, keep, mode)
    with told(str(database.path)), _scratch(database, "sent") as part, database.copying():
        before = _state_before(database, place, address.name)
        if before is not None and before.same_bars(state_of(database)):
            return _report(place, address, before, keep, written=False)
        copy_whole(database, part, part)
        state = state_in(part)  # writers went on
        _send(place, address.name, part, state, before if keep > 1 else None)
        return _report(place, address, state, keep, written=True)


def backup(
    database: Database, target: str | Path, *, keep: int, mode: object, check: bool, progress: Progress | None
) -> CopyReport:
    """Copy a store into a bucket, proven before it is sent; see ``SessionStore.backup``."""
    place, address = _place(database, target, keep, mode)
    with told(str(database.path)), _scratch(database, "sent") as part:
        with database.copying():
            before = _state_before(database, place, address.name)
            if before is not None and before == state_of(database):
                return _report(place, address, before, keep, written=False)
            copy_whole(database, part, part)
        state = state_in(part)
        proof = proven(database, part, str(address), progress=progress) if check else None
        with database.copying():
            before = _state_before(database, place, address.name)
            # One that was begun later may have been quicker.
            if before is not None and (before.batch_id or 0) > (state.batch_id or 0):
                return _report(place, address, before, keep, written=False)
            _send(place, address.name, part, state, before if keep > 1 else None)
        return _report(place, address, state, keep, written=True, proof=proof)


def _place(database: Database, target: str | Path, keep: int, mode: object) -> tuple[Place, Address]:
    address = as_address(target)
    if database.path is None:
        raise StoreError("a store in memory has no file that could be copied")
    if not address.key:
        raise InputError(f"{address} is a bucket; name an object, such as {address / 'bars.duckdb'}")
    if mode is not None:
        raise InputError(f"{Option('mode')} is for files; who may read {address} is said by its bucket: leave it out")
    as_count(keep, "keep", "how many copies to have, the new one included")
    return open_place(address.parent), address


def _send(place: Place, name: str, part: Path, state: State, kept: State | None) -> None:
    """Put a copy in its place, keeping the one before under another name, and write down what is in it."""
    if kept is not None:
        place.copy(name, name_aside(PurePosixPath(name), place.look(name).modified_at, kept))
    _note(place, name, state, place.put(part, name))


@contextmanager
def _scratch(database: Database, what: str) -> Iterator[Path]:
    """Give a name for a copy on its way: beside the store, where there is room for one if anywhere."""
    store = database.path
    assert store is not None
    with written_beside(store.with_name(f"{store.name}.{what}")) as part:
        yield part


def _state_before(database: Database, place: Place, name: str) -> State | None:
    """Return the state of the copy that is there; None without one.

    Raises
    ------
    InputError
        It is no copy of this store.
    """
    file = next((file for file in place.files(deep=False) if file.name == name), None)
    if file is None:
        return None
    before = _noted(place, name, file)
    if before is None:
        try:
            with _scratch(database, "fetched") as fetched:
                fetch(place, name, fetched)
                before = state_in(fetched)
        except StoreError as error:
            raise InputError(
                f"{place.full_name(name)} is no copy of {database.path}, nor of any store; name another object, or "
                f"move this one away"
            ) from error
    if not has_been_in(database, before):
        raise InputError(
            f"{place.full_name(name)} is no copy of {database.path}: its batch {before.batch_id}, committed "
            f"{before.committed_at}, is not in there; name another object, or move this one away"
        )
    return before


class _CopyNote(BaseModel):
    """What a note says, which somebody else may have written."""

    model_config = ConfigDict(strict=False, defer_build=True, extra="forbid")

    barhouse_copy: int
    version: str
    batch_id: int | None
    committed_at: datetime | None
    bars: str | None
    runs: str | None


def _noted(place: Place, name: str, file: PlacedFile) -> State | None:
    """Return what a note says of a copy; None where it says nothing of this very one."""
    found = read(place, f"{name}.json")
    try:
        said = None if found is None else _CopyNote.model_validate_json(found[0])
    except ValidationError:
        return None
    if said is None or said.version != file.version:
        return None
    committed_at = None if said.committed_at is None else said.committed_at.astimezone(UTC)
    return State(said.batch_id, committed_at, said.bars, said.runs)


def _note(place: Place, name: str, state: State, file: PlacedFile) -> None:
    """Write down what is in a copy; killed before, the next one looks into it."""
    committed_at = None if state.committed_at is None else state.committed_at.astimezone(UTC).isoformat()
    said = {"barhouse_copy": 1, "version": file.version, **asdict(replace(state, committed_at=None))}
    place.write(json.dumps({**said, "committed_at": committed_at}).encode(), f"{name}.json")


def _report(
    place: Place, address: Address, state: State, keep: int, *, written: bool, proof: VerifyReport | None = None
) -> CopyReport:
    """Remove what is one too many, and say what is there now."""
    files = {file.name: file for file in place.files(deep=False)}
    older = older_names(PurePosixPath(address.name), files)
    place.remove(older[keep - 1 :])
    return CopyReport(
        target=str(address),
        written=written,
        batch_id=state.batch_id,
        committed_at=state.committed_at,
        size_bytes=files[address.name].size_bytes,
        older=tuple(map(place.full_name, older[: keep - 1])),
        removed=tuple(map(place.full_name, older[keep - 1 :])),
        verified=proof,
    )
