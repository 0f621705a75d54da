"""A snapshot that stays up to date: after each commit, what it changed is put beside it.

A thread of its own does it. Writers only note what they write (``database/changes.py``), and never wait for it: what
was committed while it was busy makes one increment. It reads the store in a transaction that begins between two of
theirs, together with taking what they have noted, so that both are of one state.

What cannot be told as an increment, and what has become too much, is in a new snapshot, which is copied as others are
while bars are written. Where the increments can still tell what comes meanwhile, they do.
"""

from __future__ import annotations

import logging
import stat
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Final

from barhouse.store.copies import increment
from barhouse.store.copies.increments_folder import IncrementsManifest, clear, folder_of, make, mark_of
from barhouse.store.copies.publication import publish_whole
from barhouse.store.database.changes import Noted, Watch
from barhouse.store.errors import StoreClosedError, StoreError
from barhouse.store.hints import Action
from barhouse.store.model.paths import absolute

if TYPE_CHECKING:
    from barhouse.store.database.database import Database
    from barhouse.store.database.transaction import Transaction
    from barhouse.store.model.file_mode import FileMode

log = logging.getLogger("barhouse.store")

#: Increments come no faster, so that many small commits make few of them.
_PACE_SECONDS: Final = 0.25
#: After so many increments there is one that has all.
_WHOLE_EVERY: Final = 64
#: With more than that beside it a snapshot is made anew.
_MOST_BYTES: Final = 32 * 2**20
#: After a snapshot the next one is not begun for so many times as long as that took, and at least for so long.
_PAUSE_TIMES, _PAUSE_SECONDS = 5.0, 1.0
#: After one that failed, for so long.
_AGAIN_SECONDS: Final = 10.0
#: So many snapshots are tried at the end, when something cannot be told otherwise.
_LAST_TRIES: Final = 3


class _Chain:
    """The increments of one snapshot.

    Attributes
    ----------
    watch
        What is committed after the last of them.
    base_batch, batch
        The newest batch of the snapshot, and of the last of them; 0 for none.
    all_noted
        What was written since the snapshot.
    size_bytes
        How much who begins with the snapshot has to read.
    is_broken
        Whether there can be no more.
    """

    def __init__(self, watch: Watch, batch_id: int) -> None:
        self.watch = watch
        self.base_batch = self.batch = batch_id
        self.all_noted = Noted()
        self.size_bytes = 0
        self.is_broken = False
        self.manifest = IncrementsManifest(uuid.uuid4().hex, "")


class SnapshotKeeper:
    """Keeps a snapshot up to date for as long as it is not closed."""

    def __init__(
        self, database: Database, target: str | Path, *, keep: int = 1, mode: FileMode | int | None = None
    ) -> None:
        if database.read_only:
            raise StoreError(
                f"the store {database.path} was opened read-only, so nothing is committed that could be told; "
                f"{Action('open_to_write')}"
            )
        self._database = database
        self._place = absolute(target)
        self._folder = folder_of(self._place)
        self._keep, self._mode = keep, mode
        self._readers = 0o400
        self._closing = threading.Event()
        self._copying: threading.Thread | None = None
        self._rests_until = 0.0
        self._turn = threading.Lock()  # who writes into the folder
        self._chain: _Chain | None = None
        try:
            self._snapshot()
        except OSError as error:
            raise StoreError(
                f"{self._folder}, where increments are put, cannot be written to: {error.strerror}; change who may "
                f"write there, or name a file elsewhere"
            ) from error
        self._thread = threading.Thread(target=self._run, name="barhouse-increments", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Tell what is committed by now, and end; closing twice is fine."""
        self._closing.set()
        self._now.watch.news.set()
        self._thread.join()

    @property
    def _now(self) -> _Chain:
        """The increments of the newest snapshot."""
        assert self._chain is not None
        return self._chain

    # What follows runs in the thread, but for the first snapshot.

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._now.watch.news.wait()
                self._step()
                self._closing.wait(_PACE_SECONDS)
            self._finish()
        except StoreClosedError:
            log.debug("%s is not brought up to date any more: the store was closed", self._place)
        finally:
            if self._copying is not None:
                self._copying.join()
            self._database.changes.leave(self._now.watch)

    def _finish(self) -> None:
        """Tell the rest, by a snapshot if it must be."""
        for _ in range(_LAST_TRIES):
            self._step()
            if self._copying is None:
                return
            self._copying.join()
        self._step()

    def _step(self) -> None:
        """Take what is new, and tell it."""
        if self._copying is not None and not self._copying.is_alive():
            self._copying = None
        with self._turn:
            chain = self._now
            chain.watch.news.clear()
            if not chain.is_broken:
                self._tell(chain)
        if chain.is_broken or chain.size_bytes > _MOST_BYTES:
            self._copy(chain)

    def _tell(self, chain: _Chain) -> None:
        """Write the next increment."""
        try:
            with ExitStack() as stack:
                with self._database.writers_held():  # both are of one state
                    noted = chain.watch.take()
                    transaction = stack.enter_context(self._database.reading())
                    newest = _newest(transaction)
                if noted.untold is not None:
                    self._break_off(chain, noted.untold)
                elif noted:
                    self._write(chain, transaction, noted, newest)
        except StoreClosedError:
            raise
        except increment.TooManyRowsError:
            self._break_off(chain, "how much there is")
        except Exception as error:  # whatever it is, nobody but this thread is to feel it
            self._break_off(chain, "what failed")
            log.warning("%s cannot be brought up to date: %s; a new snapshot is published", self._place, error)

    def _break_off(self, chain: _Chain, why: str) -> None:
        log.debug("%s is published anew for %s", self._place, why)
        chain.is_broken = True
        self._database.changes.leave(chain.watch)

    def _write(self, chain: _Chain, transaction: Transaction, noted: Noted, newest: _Newest) -> None:
        chain.all_noted.add(noted)
        number = chain.manifest.through + 1
        file = chain.manifest.file(self._folder, number)
        increment.write(increment.increment_since(transaction, chain.batch, noted), file, self._readers)
        chain.batch = newest[0] or 0
        chain.size_bytes += file.stat().st_size
        before = chain.manifest
        chain.manifest = replace(before, through=number, batch_id=newest[0], committed_at=newest[1])
        if number % _WHOLE_EVERY == 0:
            self._write_whole(chain, transaction)
        chain.manifest.write(self._folder, self._readers)
        if chain.manifest.whole != before.whole:
            self._remove(chain.manifest, before)

    def _write_whole(self, chain: _Chain, transaction: Transaction) -> None:
        """Write what is new since the snapshot, in one."""
        noted = chain.all_noted
        noted.keys = {table: [increment.keys_once(keys)] for table, keys in noted.keys.items()}
        number = chain.manifest.through
        file = chain.manifest.file(self._folder, number, whole=True)
        increment.write(increment.increment_since(transaction, chain.base_batch, noted), file, self._readers)
        chain.size_bytes = file.stat().st_size
        # Who was there before goes on with the small ones: those since the whole one before are kept.
        chain.manifest = replace(chain.manifest, whole=number, since=chain.manifest.whole + 1)

    def _remove(self, now: IncrementsManifest, before: IncrementsManifest) -> None:
        for number in range(before.since, now.since):
            now.file(self._folder, number).unlink(missing_ok=True)
        if before.whole:
            now.file(self._folder, before.whole, whole=True).unlink(missing_ok=True)

    # Snapshots

    def _copy(self, chain: _Chain) -> None:
        """Have a snapshot made in a thread beside this one, unless one is, or was a moment ago."""
        if self._copying is not None:
            return
        if chain.is_broken:
            self._closing.wait(max(0.0, self._rests_until - time.monotonic()))
        if self._closing.is_set() or time.monotonic() >= self._rests_until:
            self._copying = threading.Thread(target=self._copy_beside, name="barhouse-snapshot", daemon=True)
            self._copying.start()

    def _copy_beside(self) -> None:
        began = time.monotonic()
        try:
            self._snapshot()
        except Exception as error:
            if not isinstance(error, StoreClosedError):
                log.warning("no snapshot was published: %s", error)
            self._rests_until = time.monotonic() + _AGAIN_SECONDS
        else:
            took = time.monotonic() - began
            self._rests_until = time.monotonic() + max(_PAUSE_SECONDS, _PAUSE_TIMES * took)
        finally:
            self._now.watch.news.set()  # there is something to do

    def _snapshot(self) -> None:
        """Publish a snapshot, and go on from it."""
        made: list[_Chain] = []

        def at_rest() -> None:
            with self._database.reading() as transaction:
                made.append(_Chain(self._database.changes.watch(), _newest(transaction)[0] or 0))

        try:
            publish_whole(
                self._database,
                self._place,
                keep=self._keep,
                mode=self._mode,
                at_rest=at_rest,
                when_made=lambda part: self._go_over(made[-1], part),
            )
        except BaseException:
            for one in made:
                self._break_off(one, "a snapshot that failed")
            raise

    def _go_over(self, chain: _Chain, snapshot: Path) -> None:
        """Go on from a snapshot that is about to be put in place.

        What was committed while it was copied is told first: whoever sees it finds that there, and goes not back.
        """
        with self._turn:
            before, self._chain = self._chain, chain
            if before is not None:
                self._database.changes.leave(before.watch)
                before.watch.news.set()  # for who waits there
            chain.manifest = replace(chain.manifest, base=mark_of(snapshot), batch_id=chain.batch or None)
            self._readers = stat.S_IMODE(snapshot.stat().st_mode) & 0o444  # whoever may read the snapshot
            make(self._folder, self._readers)
            chain.manifest.write(self._folder, self._readers)
            clear(self._folder, chain.manifest.chain)
            self._tell(chain)


@contextmanager
def publishing(
    database: Database, target: str | Path, *, keep: int = 1, mode: FileMode | int | None = None
) -> Iterator[None]:
    """Keep a snapshot up to date until the context ends; see ``SessionStore.publishing``."""
    kept = SnapshotKeeper(database, target, keep=keep, mode=mode)
    try:
        yield
    finally:
        kept.close()


#: The newest batch of a state, and when it was committed.
_Newest = tuple[int | None, str | None]


def _newest(transaction: Transaction) -> _Newest:
    rows = transaction.run("copies.newest_batch")
    if not rows:
        return None, None
    return rows[0].batch_id, rows[0].committed_at.astimezone(UTC).isoformat()
