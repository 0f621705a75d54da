"""What transactions have written, noted as they commit, for whoever keeps a copy of the store up to date.

Noted is which tables were written, and of coverage and gaps, which have no batch, which sessions of which intervals.
The rest can be told from the batches afterwards, and small tables whole. A statement that is not known here, and SQL
of one's own, is noted as one of which nothing can be told: only a whole copy has what it did. So whoever adds a
statement has nothing to do here for copies to stay right, only for them to stay quick.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pyarrow as pa

#: The columns that tell a row of a table from all others.
Key = tuple[str, ...]

#: Tables whose rows can be told from their batches when these statements have written them: what is new has a batch of
#: its own, and what it took the place of is in ``bar_revision``.
BY_BATCH: Final = {
    "bar": frozenset({"write.append", "write.apply_changes", "fast.revise", "fast.derive_bars", "load.take_back"}),
    "bar_revision": frozenset({"write.keep_old_values"}),
    "bar_values": frozenset({"write.append_values", "write.apply_values"}),
    "batch": frozenset({"records.add_batch", "fast.add_batch"}),
    "rejected_bar": frozenset({"load.keep_rejects", "live.add_rejected_events"}),
}
#: Tables whose rows can be told by sessions, and the statements that write them with the relation that has these.
BY_SESSION: Final = {
    "session_coverage": {
        "write.clear_coverage": "recounted_sessions",
        "write.add_coverage": None,  # of sessions that were cleared
        "write.add_to_coverage": "coverage_growth",
        "write.begin_coverage": "coverage_growth",
    },
    "gap": {
        "write.clear_gaps": "recounted_sessions",
        "write.add_gaps": None,
        "fast.add_gaps": "added_gaps",
    },
}
#: A small table that is told by intervals where these statements write it, and else whole.
BY_INTERVAL: Final = {
    "interval_definition": {"fast.move_bases": "moved_bases", "fast.move_derived": "moved_derived"},
}
SESSION_KEY: Final = ("interval_id", "session_date")
INTERVAL_KEY: Final = ("interval_id",)
#: Tables that nobody reads but who writes: those of trades that come, and of files that were loaded.
UNSEEN: Final = frozenset({"trade", "trade_bucket", "followed_symbol", "source_file"})
#: Small tables, which are told whole.
WHOLE: Final = frozenset(
    {
        *("trading_calendar", "calendar_timezone", "calendar_week", "calendar_correction", "trading_session"),
        *("symbol", "symbol_calendar", "store_option", "interval_definition", "vendor", "bar_vendor", "offered_bar"),
        *("corporate_action", "corporate_action_revision", "invalidation", "purge", "history_start", "session_run"),
        *("declared_column", "column_symbol"),
        *("continuous_future", "future_contract", "roll", "roll_revision", "symbol_name"),
    }
)
#: With more keys than that it is quicker to copy the store.
MOST_KEYS: Final = 200_000


@dataclass(slots=True)
class Noted:
    """What was written.

    Attributes
    ----------
    tables
        Which tables, other than those of ``keys``.
    keys
        Of tables that are told by sessions or intervals, which of these.
    untold
        A statement of which it cannot be told what it wrote; None where there was none.
    """

    tables: set[str] = field(default_factory=set)
    keys: dict[str, list[pa.Table]] = field(default_factory=dict)
    untold: str | None = None

    def add(self, other: Noted) -> None:
        """Add what was written besides."""
        self.untold = self.untold or other.untold
        if self.untold is not None:
            self.keys.clear()
            return
        self.tables |= other.tables
        for table, keys in other.keys.items():
            self.keys.setdefault(table, []).extend(keys)

    def __bool__(self) -> bool:
        return bool(self.tables or self.keys) or self.untold is not None


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


class ChangeNotes:
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

    def note(self, statement: str, tables: Iterable[str], keys_of: Callable[[str, Key], pa.Table]) -> None:
        """A statement of the store writes tables.

        Parameters
        ----------
        keys_of
            Gives the keys that a relation has which the statement takes, as many as there are, or more than are told.
        """
        for table in tables:
            if table in UNSEEN or statement in BY_BATCH.get(table, ()):
                self._noted.add(Noted(set() if table in UNSEEN else {table}))
            elif statement in BY_SESSION.get(table, ()):
                self._note_keys(table, BY_SESSION[table][statement], SESSION_KEY, keys_of)
            elif statement in BY_INTERVAL.get(table, ()):
                self._note_keys(table, BY_INTERVAL[table][statement], INTERVAL_KEY, keys_of)
            else:
                self._noted.add(Noted({table}, untold=None if table in WHOLE else statement))

    def _note_keys(self, table: str, relation: str | None, key: Key, keys_of: Callable[[str, Key], pa.Table]) -> None:
        if relation is None:
            return
        keys = keys_of(relation, key)
        if keys.num_rows > MOST_KEYS:
            self.note_untold(f"very many rows of {table}")
        else:
            self._noted.add(Noted(keys={table: [keys]}))

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
