"""Going back to a backup."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from barhouse.store.copies.proof import verified_file
from barhouse.store.copies.store_state import State, file_has_been_in, state_in
from barhouse.store.database.failures import told
from barhouse.store.database.file_copy import copy_synced
from barhouse.store.database.file_lock import Lock, identity_of
from barhouse.store.database.opening import check_not_written, kept_closed
from barhouse.store.database.replacement import log_of, put_in_place, written_beside
from barhouse.store.errors import InputError, PlaceMissingError, StoreError, StoreHeldError
from barhouse.store.hints import Action, Option
from barhouse.store.model.paths import absolute
from barhouse.store.model.reports import RestoreReport, VerifyReport
from barhouse.store.places.address import Address, as_address, is_address
from barhouse.store.places.place import fetch, split_place


def restore(backup: str | Path, path: str | Path, *, force: bool = False) -> RestoreReport:
    """Put a backup, or a published snapshot, in the place of a store.

    The backup is copied, brought to the current schema and verified first; then it takes the store's place by a
    rename. The file that was there is kept beside it, as ``NAME.replaced-TIME``.

    Parameters
    ----------
    backup
        A file that ``backup`` or ``publish`` wrote, or any other whole store; also in a bucket, ``s3://bucket/path``.
    path
        The store's file, which nobody may have open for writing; it need not exist.
    force
        Also replace a store that has what the backup lacks, or a file that cannot be read as a store.

    Raises
    ------
    InputError
        The store has what the backup lacks, cannot be read, or is the backup itself.
    StoreHeldError
        Somebody has the store open.
    StoreError
        The backup cannot be read or does not verify; the store is as it was.
    PlaceError
        The bucket with the backup cannot be reached, or refuses.
    """
    file = absolute(path)
    if is_address(backup):
        with _fetched(as_address(backup), file) as fetched:
            return _restore(fetched, file, str(as_address(backup)), force=force)
    source = absolute(backup)
    if not source.is_file():
        raise StoreError(
            f"there is no backup at {source}; name a file that {Action('backup')} or {Action('publish')} wrote"
        )
    if source == file or identity_of(source) == identity_of(file):
        raise InputError(f"{source} is the store itself; name a backup of it")
    return _restore(source, file, str(source), force=force)


@contextmanager
def _fetched(address: Address, file: Path) -> Iterator[Path]:
    """Bring a backup from a bucket, beside the file whose place it is to take."""
    _refuse_no_place(file)
    place, name = split_place(address)
    with told(str(file)), written_beside(file.with_name(f"{file.name}.fetched")) as part:
        try:
            fetch(place, name, part)
        except PlaceMissingError as error:
            raise StoreError(
                f"{error}; name a file that {Action('backup')} or {Action('publish')} put into a bucket"
            ) from None
        yield part


def _refuse_no_place(file: Path) -> None:
    if file.is_dir() or not file.parent.is_dir():
        raise InputError(f"{file} is no place for a store; name a file in a folder that exists")


def _restore(source: Path, file: Path, called: str, *, force: bool) -> RestoreReport:
    """Restore from a file, which messages call otherwise where it was fetched."""
    _refuse_no_place(file)
    check_not_written(source)
    with kept_closed(file):
        _refuse_newer(source, file, force=force)  # early: copying takes time
    with told(str(file)), written_beside(file) as part:
        copy_synced(source, part, file)
        part.chmod(_mode(file if file.exists() else source))
        proof = verified_file(part, read_only=False)
        if not proof.sound:
            raise StoreError(f"the backup {called} does not verify, so nothing was replaced: {proof.differences[0]}")
        wanted = state_in(part)  # a backup may take the place of the one copied at any time
        with kept_closed(file):
            present = _refuse_newer(part, file, force=force)
            if present == wanted:
                return _report(file, wanted, proof, replaced=None, written=False)
            replaced = _replace(part, file)
    return _report(file, wanted, proof, replaced=replaced, written=True)


def _mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode) | stat.S_IWUSR


def _refuse_newer(backup: Path, file: Path, *, force: bool) -> State | None:
    """Return the state of the store that is to be replaced; None without one, or for one that cannot be read.

    Raises
    ------
    InputError
        It has what the backup lacks, or cannot be read, and ``force`` was not said.
    """
    if not file.exists():
        return None
    wanted = state_in(backup)
    try:
        present = state_in(file)
    except StoreHeldError:
        raise
    except StoreError as error:
        if force:
            return None
        raise InputError(f"{error}; it is replaced only with {Option('force', True)} (and kept aside)") from error
    is_older = file_has_been_in(backup, present) and (present.batch_id != wanted.batch_id or present.same_bars(wanted))
    if not is_older and not force:
        raise InputError(
            f"{file} has what the backup lacks: its newest batch is {_spelled(present)}, the backup's is "
            f"{_spelled(wanted)}; go back to the backup with {Option('force', True)} (the store of now is kept aside)"
        )
    return present


def _spelled(state: State) -> str:
    return "none" if state.batch_id is None else f"{state.batch_id} of {state.committed_at}"


def _replace(part: Path, file: Path) -> Path | None:
    """Rename a copy to a store's place while no other process can have it; returns where the old one is."""
    if not file.exists():
        put_in_place(part, file)
        return None
    aside = file.with_name(f"{file.name}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
    with _locked(file):
        try:
            os.link(file, aside)
        except OSError:  # a file system without hard links
            file.rename(aside)
        if log_of(file).exists():
            log_of(file).rename(log_of(aside))
        put_in_place(part, file)
    return aside


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Keep other processes from opening a file for as long as it still has its name."""
    lock = Lock(file, read_only=False)
    try:
        lock.renew()
        yield
    except StoreHeldError as error:
        raise StoreHeldError(f"{file} is being read or written by another process; wait for it, or stop it") from error
    finally:
        lock.release()


def _report(file: Path, state: State, proof: VerifyReport, *, replaced: Path | None, written: bool) -> RestoreReport:
    return RestoreReport(
        path=file,
        written=written,
        batch_id=state.batch_id,
        committed_at=state.committed_at,
        replaced=replaced,
        verified=proof,
    )
