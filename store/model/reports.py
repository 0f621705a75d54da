"""What each write, check and copy of a store reports: frozen objects, complete when they are returned."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from barhouse.store.model.markup import table_of, text_of
from barhouse.store.model.words import counted

#: Of a longer list a report shows the first of them.
_SHOWN = 4


#: A path, or the address of what is in a bucket.
Target = Path | str


class Report(BaseModel):
    """What something did: frozen, and complete when it is returned."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            yield name, _Listed(value) if isinstance(value, tuple) and len(value) > _SHOWN else value

    def _repr_html_(self) -> str:
        """What a notebook shows: a row for each part."""
        parts = {name: getattr(self, name) for name in type(self).model_fields}
        shown = [_shown(value) for value in parts.values()]
        return table_of({type(self).__name__: list(parts), "": shown})


class _Listed:
    """A long list, as a report shows it."""

    def __init__(self, values: tuple[object, ...]) -> None:
        self._values = values

    def __repr__(self) -> str:
        first = ", ".join(map(repr, self._values[:_SHOWN]))
        return f"({first}, ... {len(self._values) - _SHOWN:,} more)"


def _shown(value: object) -> str:
    if not isinstance(value, tuple):
        return text_of(value)
    more = f", and {len(value) - _SHOWN:,} more" if len(value) > _SHOWN else ""
    return ", ".join(text_of(one) for one in value[:_SHOWN]) + more


class Registration(Report):
    """What became of one symbol at registration: everything it has now, and what was new."""

    symbol: str
    calendar: str
    base_interval: str
    derived_intervals: tuple[str, ...]
    added: tuple[str, ...] = Field(description="intervals that were new; empty when all were there already")


class StreamReport(Report):
    """What was registered for a backtest or a live run, and which symbols were left out, each with the reason."""

    registered: tuple[Registration, ...]
    skipped: dict[str, str] = {}


class Reject(Report):
    """Rows left out for one reason, with the first of them as it was given."""

    reason: str
    count: int
    first_row: int | None = Field(description="counted from 1, the header aside; None for a line that is no row")
    first_given: str


class LoadReport(Report):
    """What a load did. ``rows == inserted + revised + unchanged + rejected``; ``outside`` is a subset."""

    batch_id: int
    source: str
    symbols: tuple[str, ...]
    named: str | None = Field(
        default=None,
        description="what the source's own column calls the symbol, where that is another than the one said",
    )
    interval: str
    rows: int
    inserted: int
    revised: int
    unchanged: int
    rejected: int
    outside: int = Field(description="rows in no session, kept and left out of derived bars and quality")
    widened: int = Field(
        default=0, description="rows whose open or close lay beyond high or low by rounding, which was widened to it"
    )
    empty: int = Field(
        default=0, description="rows without prices, volume and trades, which stand for no bar; not among `rows`"
    )
    vwap_left_out: int = Field(
        default=0, description="rows taken without their vwap, which lay outside of [low, high] by more than 1/10000"
    )
    deleted: int = Field(description='bars that a re-sent session no longer has; only with replace="sessions"')
    repeated: int = Field(default=0, description="rows that say again what a later row says; a subset of the unchanged")
    tolerated: int = Field(
        default=0, description="rows that differ from the bar that is there within tolerance; a subset of the unchanged"
    )
    conflicts: int = Field(
        default=0, description="rows that contradict a vendor of greater priority, whose bars stay; a subset likewise"
    )
    trades: int = Field(default=0, description="trades that the bars were built from; 0 of a load of bars")
    lacking: int = Field(
        default=0, description="bars built from trades of which it is not known that all are there; a subset of `rows`"
    )
    ignored: tuple[str, ...] = Field(
        default=(), description="columns of the source that nothing was made of, for they are no part of a bar"
    )
    presets: tuple[str, ...] = Field(
        default=(),
        description="of a text loaded without a preset, those that fit its first lines and would read it otherwise",
    )
    instruments: tuple[str, ...] = Field(
        default=(),
        description="columns that nobody named and that tell several instruments apart, one after the other, which "
        "were taken for one symbol",
    )
    apart: str | None = Field(
        default=None,
        description="of files named as those of several symbols and loaded as one, the path that would keep them apart",
    )
    first_session: date | None = Field(default=None, description="the first session the rows taken lie in")
    last_session: date | None = None
    first_bar: datetime | None = Field(default=None, description="where the first row taken starts, in UTC")
    last_bar_end: datetime | None = None
    rejects: tuple[Reject, ...] = ()


class ActionReport(Report):
    """What a load of corporate actions did. ``actions == inserted + revised + unchanged + rejected``."""

    batch_id: int | None = Field(description="None when nothing changed and no row was rejected: nothing was written")
    source: str
    symbols: tuple[str, ...] = Field(description="whose actions were taken")
    actions: int = Field(description="what the rows say: a row may say a split and a dividend")
    inserted: int
    revised: int
    unchanged: int
    rejected: int
    empty: int = Field(default=0, description="rows that say no action, or were to be skipped; not among `actions`")
    first_date: date | None = Field(default=None, description="the first ex-date of those taken")
    last_date: date | None = None
    rejects: tuple[Reject, ...] = ()


class IntervalChange(Report):
    """How many derived bars of one interval length a process call wrote."""

    interval: str
    inserted: int
    revised: int
    deleted: int


class ProcessReport(Report):
    """What a process call did; ``batches`` is empty when nothing was waiting, and then nothing was written."""

    batches: tuple[int, ...] = ()
    intervals: tuple[IntervalChange, ...] = ()
    rolls: int = Field(default=0, description="how many rolls of continuous futures are new, moved or gone")

    @property
    def inserted(self) -> int:
        """Derived bars that are new."""
        return sum(change.inserted for change in self.intervals)

    @property
    def revised(self) -> int:
        """Derived bars whose values changed."""
        return sum(change.revised for change in self.intervals)

    @property
    def deleted(self) -> int:
        """Derived bars whose last base bar is gone."""
        return sum(change.deleted for change in self.intervals)


class DeleteReport(Report):
    """What a deletion took away; the old bars are in ``revisions``."""

    batch_id: int | None = Field(description="None when nothing matched, and then nothing was written")
    deleted: int
    last_bar_end: datetime | None = Field(
        default=None, description="where the last base bar that is left ends; None without any, and of a symbol removed"
    )
    missing_through: datetime | None = Field(
        default=None,
        description="where the last bars went: up to here what is not there counts as missing; ``rewind=True`` takes "
        "that back",
    )


class ActionDeleteReport(Report):
    """What a deletion of corporate actions took away; the old values are in ``action_revisions``."""

    batch_id: int | None = Field(description="None when nothing matched, and then nothing was written")
    symbol: str
    ex_date: date
    kinds: tuple[str, ...] = Field(default=(), description="the kinds of the actions that went")


class FutureReport(Report):
    """What defining or removing a continuous future did to its rolls; the old ones are in ``roll_revisions``."""

    batch_id: int | None = Field(description="None when no roll changed")
    symbol: str
    inserted: int
    revised: int
    deleted: int


class RevertReport(Report):
    """What undoing a batch came to; ``batch_id`` is None when nothing was written."""

    batch_id: int | None
    reverted: int = Field(description="the batch that was undone")
    kind: str = Field(description="what it was: a load, a delete, a name or a revert")
    source: str | None = Field(default=None, description="what it loaded, or was about")
    symbols: tuple[str, ...] = ()
    inserted: int = Field(default=0, description="base bars, or corporate actions, that came back")
    revised: int = Field(default=0, description="base bars, or actions, that have their old values again")
    deleted: int = Field(default=0, description="base bars, or actions, that it had added, and that are gone")
    names: int = Field(default=0, description="symbols that are called as they were before it")
    files: tuple[str, ...] = Field(default=(), description="its files, which count as not loaded")


class RetainedInterval(Report):
    """What a purge took of one interval length."""

    interval: str
    symbol_count: int = Field(description="the symbols that lost bars")
    deleted: int = Field(description="the bars that went")
    retained_from: datetime = Field(description="where bars start now; the earliest of the symbols'")


class RetentionReport(Report):
    """What retention gave up; ``batch_id`` is None when there was nothing to, and then nothing was written."""

    batch_id: int | None
    intervals: tuple[RetainedInterval, ...] = ()
    revisions: int = Field(default=0, description="old values that went, those of purged bars among them")
    history_from: datetime | None = Field(
        default=None, description="since when past states can be told, where that has changed"
    )
    held_back: tuple[str, ...] = Field(
        default=(), description="symbols that kept bars longer than asked, because base bars wait to be derived"
    )

    @property
    def deleted(self) -> int:
        """Bars that went."""
        return sum(change.deleted for change in self.intervals)


DifferenceKind = Literal[
    "duplicate",
    "impossible",
    "retained",
    "misplaced",
    "derived",
    "coverage",
    "gap",
    "quality",
    "bar_count",
    "watermark",
    "revision",
    "value",
    "vendor",
    "name",
    "action",
    "roll",
]


class ColumnDropReport(Report):
    """Which declared columns were dropped, and how many values with them."""

    columns: tuple[str, ...]
    values: int


class Difference(Report):
    """Something a store keeps that is not what a recomputation gives."""

    kind: DifferenceKind
    symbol: str | None
    interval: str | None
    at: datetime | None
    stored: str
    expected: str
    advice: str

    def __str__(self) -> str:
        where = " ".join(str(part) for part in (self.symbol, self.interval, self.at) if part is not None)
        return f"{self.kind}: {where}: is {self.stored}; should be {self.expected} ({self.advice})"


class VerifyReport(Report):
    """What was checked, and what differs. An empty one (no differences) is a proof.

    ``differences`` shows the first of each kind, ``totals`` counts all.
    """

    symbol_count: int
    interval_count: int
    base_bar_count: int
    derived_bar_count: int
    session_count: int
    batches_checked: bool = Field(description="whether the whole history was checked; not with a part of the store")
    differences: tuple[Difference, ...] = ()
    totals: dict[str, int] = {}

    @property
    def sound(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    def __len__(self) -> int:
        return len(self.differences)

    def __str__(self) -> str:
        checked = (
            f"checked {counted(self.symbol_count, 'symbol')}, {counted(self.interval_count, 'interval')}, "
            f"{counted(self.base_bar_count, 'base bar')}, {counted(self.derived_bar_count, 'derived bar')}, "
            f"{counted(self.session_count, 'session')}"
        )
        if self.sound:
            return f"{checked}: all as recomputed"
        found = ", ".join(f"{count:,} {kind}" for kind, count in self.totals.items())
        return "\n".join([f"{checked}: {found}", *(str(difference) for difference in self.differences)])


class SessionChange(Report):
    """A session whose hours changed: its segments in UTC before and after, None where there is no session."""

    session_date: date
    before: str | None
    after: str | None


class CalendarReport(Report):
    """What became of a calendar; ``batch_id`` is None when nothing was written."""

    calendar: str
    batch_id: int | None
    changes: tuple[SessionChange, ...] = ()
    week_starts: str | None = Field(
        default=None, description="the weekday that weeks start on now, where it was another"
    )
    inserted: int = 0
    revised: int = 0
    deleted: int = 0


class NameReport(Report):
    """A name that was given to a symbol, or an alias given or taken away."""

    batch_id: int | None = Field(description="None when nothing changed, and then nothing was written")
    symbol: str = Field(description="whose it is, by its name of today")
    name: str = Field(description="the name that it had until then, or the alias")
    kind: Literal["former", "alias"]
    vendor: str | None = Field(default=None, description="of whose sources it is an alias; None: of everybody's")
    start: date | None = Field(default=None, description="the first session that it is valid for; None: since ever")
    end: date | None = Field(default=None, description="the first that it is not valid for; None: valid on")


class SymbolMove(Report):
    """A symbol that follows another calendar, and what becomes of its base bars by that."""

    symbol: str
    before: str = Field(description="the calendar that it followed")
    base_bars: int
    in_sessions_before: int = Field(description="how many of them lay in sessions")
    in_sessions_after: int = Field(description="how many of them lie in sessions of the other calendar")


class MoveReport(Report):
    """What became of symbols that were to follow another calendar; ``batch_id`` is None when nothing was written."""

    calendar: str
    batch_id: int | None
    symbols: tuple[SymbolMove, ...] = Field(default=(), description="those that followed another")
    inserted: int = 0
    revised: int = 0
    deleted: int = 0


class RepairReport(Report):
    """What a repair wrote, and what it could not mend."""

    batch_id: int | None = Field(description="None when nothing differed, and then nothing was written")
    inserted: int = 0
    revised: int = 0
    deleted: int = 0
    accepted: int = Field(default=0, description="batches of which bars or revisions were accepted as lost")
    before: VerifyReport
    after: VerifyReport


class CompactReport(Report):
    """What a compaction came to: the file's size before and after, and how many rows it put in order."""

    path: str
    row_count: int
    bytes_before: int
    bytes_after: int


class CopyReport(Report):
    """What became of a published snapshot, or of a backup."""

    target: Target = Field(description="the file that names the newest copy")
    written: bool = Field(description="False: the copy that is there has all that the store has")
    batch_id: int | None = Field(description="the newest batch in it; None before the first")
    committed_at: datetime | None = Field(description="when that was committed, in UTC")
    size_bytes: int
    older: tuple[Target, ...] = Field(default=(), description="the older copies kept beside it, newest first")
    removed: tuple[Target, ...] = Field(default=(), description="older copies that were one too many")
    verified: VerifyReport | None = Field(default=None, description="what verify found in the copy, where it was asked")


class RestoreReport(Report):
    """What became of a store that a backup was to take the place of."""

    path: Path
    written: bool = Field(description="False: the store is as the backup is")
    batch_id: int | None = Field(description="the newest batch in the backup; None before the first")
    committed_at: datetime | None
    replaced: Path | None = Field(description="where the file is that was there before; None without one")
    verified: VerifyReport


class ExportReport(Report):
    """What an export wrote; a partition is one symbol, interval and month, in a file of its own."""

    folder: Target
    format: str
    batch_id: int | None = Field(description="the store's newest batch, which the folder is up to date with")
    written: int = Field(description="partitions that were new or had changed")
    rows: int = Field(description="bars of the store in those")
    kept: int = Field(default=0, description="bars in those that the store gave up, kept from the files before")
    unchanged: int
    removed: int = Field(description="partitions that the store has no bars of any more")
    given_up: int = Field(description="partitions left as they are because retention took their bars from the store")
