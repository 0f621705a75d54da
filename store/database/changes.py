"""What transactions have written, noted as they commit, for whoever keeps a copy of the store up to date.

Noted is which tables were written, and of coverage and gaps, which have no batch, which sessions of which intervals.
Everything else can be told from the batches afterwards. A statement that is not known here, and SQL of one's own, is
noted as one of which nothing can be told: only a whole copy has what it did. So whoever adds a statement has nothing
to do here for copies to stay right, only for them to stay quick.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pyarrow as pa

#: Tables whose rows can be told from their batches when these statements have written them: what is new has a batch of
#: its own, and what it took the place of is in ``bar_revision``.
BY_BATCH: Final = {
    "bar": frozenset({"write.append", "write.apply_changes", "fast.revise", "fast.derive_bars", "load.take_back"}),
    "bar_revision": frozenset({"write.keep_old_values"}),
    "batch": frozenset({"records.add_batch", "fast.add_batch"}),
    "rejected_bar": frozenset({"load.keep_rejects", "live.add_rejected_events"}),
}
#: Tables whose rows can be told by sessions, and the statements that write them with the relation that has these.
BY_SESSION: Final = {
    "session_coverage": {
        "write.clear_coverage": "recounted_sessions",
        "write.add_coverage": "segment_coverage",
        "write.add_to_coverage": "coverage_growth",
        "write.begin_coverage": "coverage_growth",
    },
    "gap": {
        "write.clear_gaps": "recounted_sessions",
        "write.add_gaps": "segment_coverage",
        "fast.add_gaps": "added_gaps",
    },
}
#: Tables that nobody reads but who writes: those of trades that come, and of files that were loaded.
UNSEEN: Final = frozenset({"trade", "trade_bucket", "followed_symbol", "source_file"})
#: Small tables, which are told whole.
WHOLE: Final = frozenset(
    {
        *("trading_calendar", "calendar_timezone", "calendar_week", "calendar_correction", "trading_session"),
        *("symbol", "symbol_calendar", "store_option", "interval_definition", "vendor", "bar_vendor", "offered_bar"),
        *("corporate_action", "corporate_action_revision", "invalidation", "purge", "history_start", "session_run"),
    }
)
#: With more sessions than that it is quicker to copy the store.
MOST_SESSIONS: Final = 200_000


def relation_of_sessions(statement: str) -> str | None:
    """The relation that has the sessions a statement writes coverage or gaps of; None for other statements."""
    return next((known[statement] for known in BY_SESSION.values() if statement in known), None)


@dataclass(slots=True)
class Noted:
    """What was written.

    Attributes
    ----------
    tables
        Which tables.
    sessions
        The sessions of intervals (interval_id, session_date) of which coverage or gaps were.
    untold
        A statement of which it cannot be told what it wrote; None where there was none.
    """

    tables: set[str] = field(default_factory=set)
    sessions: list[pa.Table] = field(default_factory=list)
    untold: str | None = None

    def add(self, other: Noted) -> None:
        """Add what was written besides."""
        self.untold = self.untold or other.untold
        if self.untold is not None:
            self.sessions.clear()
            return
        self.tables |= other.tables
        self.sessions += other.sessions

    def __bool__(self) -> bool:
        return bool(self.tables) or self.untold is not None


class Watch:
    """What was committed since somebody last took it.

    Attributes
    ----------
    news
        Set while there is something to be taken.
    """

    def __init__(self) -> None:
        self.news = threading.Event()
        self._noted = Noted()

    def tell(self, noted: Noted) -> None:
        """Something was committed; behind the lock that all writers queue for."""
        self._noted.add(noted)
        self.news.set()

    def take(self) -> Noted:
        """What was committed, all of it; behind the same lock."""
        noted, self._noted = self._noted, Noted()
        self.news.clear()
        return noted


class Changes:
    """What the transaction under way has written, and who is told when it commits."""

    def __init__(self) -> None:
        self._noted = Noted()
        self._watches: tuple[Watch, ...] = ()

    @property
    def is_watched(self) -> bool:
        """Whether anybody is told."""
        return bool(self._watches)

    def watch(self) -> Watch:
        """Be told of every commit from now on; behind the lock that all writers queue for, outside of transactions."""
        watch = Watch()
        self._watches = (*self._watches, watch)
        return watch

    def leave(self, watch: Watch) -> None:
        """Be told no more."""
        self._watches = tuple(one for one in self._watches if one is not watch)

    def note(self, statement: str, tables: Iterable[str], sessions: pa.Table | None = None) -> None:
        """A statement of the store writes tables; ``sessions`` are those that it writes coverage or gaps of."""
        tables = frozenset(tables) - UNSEEN
        told = all(
            table in WHOLE or statement in BY_BATCH.get(table, ()) or statement in BY_SESSION.get(table, ())
            for table in tables
        )
        if sessions is not None and sessions.num_rows > MOST_SESSIONS:
            told = False
        self._noted.add(Noted(set(tables), [] if sessions is None else [sessions], None if told else statement))

    def note_untold(self, what: str) -> None:
        """Something may be written of which nothing can be told."""
        self._noted.untold = self._noted.untold or what

    def commit(self) -> None:
        """What was written is committed."""
        noted, self._noted = self._noted, Noted()
        if noted:
            for watch in self._watches:
                watch.tell(noted)

    def drop(self) -> None:
        """What was written is not."""
        self._noted = Noted()
