"""Copies of a store that others read: published snapshots, and backups.

A copy takes the place of the one before by a rename: whoever opens the name finds a whole store, the old one or
the new one, and whoever has the old one open keeps it. Older copies lie beside it, under names of their own.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path, PurePath

import duckdb

from barhouse.store.checks.verification import Progress
from barhouse.store.copies.proof import verified_file
from barhouse.store.copies.store_state import State, has_been_in, state_in, state_of
from barhouse.store.database.database import Database
from barhouse.store.database.failures import told
from barhouse.store.database.file_copy import copy_synced, copy_whole
from barhouse.store.database.file_lock import identity_of
from barhouse.store.database.opening import check_not_written
from barhouse.store.database.replacement import log_of, put_in_place, written_beside
from barhouse.store.errors import InputError, StoreError
from barhouse.store.hints import Option
from barhouse.store.model.file_mode import FileMode, as_file_mode
from barhouse.store.model.inputs import as_count
from barhouse.store.model.paths import absolute
from barhouse.store.model.reports import CopyReport, VerifyReport
from barhouse.store.sql import sql


def publish(database: Database, target: str | Path, *, keep: int = 1, mode: FileMode | int | None = None) -> CopyReport:
    """Publish a snapshot; see ``SessionStore.publish``."""
    place, allowed = _place(target, keep), None if mode is None else as_file_mode(mode)
    # One copy at a time, from looking at the one before to the rename: so no older copy replaces a newer one.
    with told(str(place)), database.copying(), written_beside(place) as part:
        before = _state_before(database, place)
        if before is not None and before.same_bars(state_of(database)):
            _allow(place, allowed)
            return _report(place, before, keep, written=False)
        copy_whole(database, place, part)
        state = state_in(part)  # writers went on
        _put_in_place(part, place, before, keep, allowed)
        return _report(place, state, keep, written=True)


def publish_whole(
    database: Database,
    target: str | Path,
    *,
    keep: int,
    mode: FileMode | int | None,
    at_rest: Callable[[], None],
    when_made: Callable[[Path], None],
) -> CopyReport:
    """Publish a snapshot whatever is there already.

    Parameters
    ----------
    at_rest
        Called at the moment whose state it is, while nobody writes.
    when_made
        Called with the file as it will be, just before it is put in place.
    """
    place, allowed = _place(target, keep), None if mode is None else as_file_mode(mode)
    with told(str(place)), database.copying(), written_beside(place) as part:
        before = _state_before(database, place)
        copy_whole(database, place, part, at_rest=at_rest)
        state = state_in(part)
        _allow(part, part.stat().st_mode & 0o444 if allowed is None else allowed)
        when_made(part)
        _put_in_place(part, place, before, keep, allowed)
        return _report(place, state, keep, written=True)


def backup(
    database: Database,
    target: str | Path,
    *,
    keep: int = 1,
    mode: FileMode | int | None = None,
    check: bool = True,
    progress: Progress | None = None,
) -> CopyReport:
    """Copy a store and prove the copy; see ``SessionStore.backup``."""
    place, allowed = _place(target, keep), None if mode is None else as_file_mode(mode)
    with told(str(place)), written_beside(place) as part:
        with database.copying():
            before = _state_before(database, place)
            if before is not None and before == state_of(database):
                _allow(place, allowed)
                return _report(place, before, keep, written=False)
            copy_whole(database, place, part)
        state = state_in(part)
        proof = proven(database, part, str(place), progress=progress) if check else None
        with database.copying():
            before = _state_before(database, place)
            # One that was begun later may have been quicker.
            if before is not None and (before.batch_id or 0) > (state.batch_id or 0):
                return _report(place, before, keep, written=False)
            _put_in_place(part, place, before, keep, allowed)
            return _report(place, state, keep, written=True, proof=proof)


def _place(target: str | Path, keep: int) -> Path:
    place = absolute(target)
    as_count(keep, "keep", "how many copies to have, the new one included")
    if place.is_dir():
        raise InputError(f"{place} is a folder; name a file, such as {place / 'bars.duckdb'}")
    if not place.parent.is_dir():
        raise InputError(f"the folder {place.parent} does not exist; create it first, or name a file elsewhere")
    return place


def _state_before(database: Database, place: Path) -> State | None:
    """Return the state of the copy that is to be replaced; None without one.

    Raises
    ------
    InputError
        It is no copy of this store.
    """
    if identity_of(place) is None:
        return None
    if identity_of(place) == database.identity:
        raise InputError(f"the copy {place} would be the store itself; name another file")
    check_not_written(place)
    before = state_in(place)
    if not has_been_in(database, before):
        raise InputError(
            f"{place} is no copy of {database.path}: its batch {before.batch_id}, committed {before.committed_at}, is "
            f"not in there; name another file, or move this one away"
        )
    return before


def proven(database: Database, part: Path, place: str, *, progress: Progress | None) -> VerifyReport:
    """Verify a copy that is to be at a place.

    Raises
    ------
    StoreError
        It does not verify, or cannot be read.
    """
    (limits,) = database.query(sql("copies.limits")).to_pylist()
    try:
        report = verified_file(part, read_only=True, settings=limits, progress=progress)
    except duckdb.Error as error:
        raise StoreError(f"the copy for {place} cannot be verified, so {place} was left alone: {error}") from error
    if not report.sound:
        raise StoreError(
            f"{database.path} does not verify, so {place} was left alone; repair the store first, or copy it as it is "
            f"with {Option('check', False)}; the first difference: {report.differences[0]}"
        )
    return report


def _put_in_place(part: Path, place: Path, before: State | None, keep: int, mode: int | None) -> None:
    """Rename a copy to its place, keeping the one before under another name."""
    # Read-only for everyone: what somebody wrote into it would be lost with the next copy.
    _allow(part, part.stat().st_mode & 0o444 if mode is None else mode)
    if before is not None and keep > 1:
        _keep(place, before)
    # What somebody with all rights wrote into the copy before nevertheless; it does not fit the new one.
    log_of(place).unlink(missing_ok=True)
    put_in_place(part, place)


def _allow(file: Path, mode: int | None) -> None:
    """Let those read a file whom ``mode`` names; None leaves it as it is."""
    if mode is not None and stat.S_IMODE(file.stat().st_mode) != mode:
        file.chmod(mode)


def _keep(place: Path, before: State) -> None:
    made = datetime.fromtimestamp(place.stat().st_mtime, UTC)
    aside = place.with_name(name_aside(place, made, before))
    try:
        os.link(place, aside)
    except FileExistsError:
        return  # kept by one that was killed before it could replace it
    except OSError:  # a file system without hard links
        with written_beside(aside) as part:
            copy_synced(place, part, aside)
            put_in_place(part, aside)


def name_aside(place: PurePath, made: datetime, before: State) -> str:
    """Name what a copy is called once it is an older one."""
    return f"{place.stem}.{made:%Y%m%dT%H%M%S.%fZ}-{before.batch_id or 0}{place.suffix}"


def older_names(place: PurePath, names: Iterable[str]) -> list[str]:
    """Return those names that are of older copies of one, newest first."""
    pattern = re.compile(rf"{re.escape(place.stem)}\.(\d{{8}}T\d{{6}}\.\d{{6}}Z)-(\d+){re.escape(place.suffix)}")
    found = [match for name in names if (match := pattern.fullmatch(name))]
    return [one[0] for one in sorted(found, key=lambda each: (int(each[2]), each[1]), reverse=True)]


def _report(place: Path, state: State, keep: int, *, written: bool, proof: VerifyReport | None = None) -> CopyReport:
    """Remove what is one too many, and say what is there now."""
    older = [place.with_name(name) for name in older_names(place, (path.name for path in place.parent.iterdir()))]
    for path in older[keep - 1 :]:
        path.unlink(missing_ok=True)
    return CopyReport(
        target=place,
        written=written,
        batch_id=state.batch_id,
        committed_at=state.committed_at,
        size_bytes=place.stat().st_size,
        older=tuple(older[: keep - 1]),
        removed=tuple(older[keep - 1 :]),
        verified=proof,
    )
