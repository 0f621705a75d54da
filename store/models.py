"""What goes in and out of a store as objects: a symbol's registration, and the reports of each write."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from store.errors import InputError
from store.interval import Interval

ClosingBar = Literal["outside", "include"]


def canonical_symbol(given: str) -> str:
    """The one spelling of a symbol: without surrounding blanks, upper case.

    Raises
    ------
    InputError
        For an empty or unprintable text.
    """
    if not isinstance(given, str) or not given.strip() or not given.strip().isprintable():
        raise InputError(f"symbol {given!r} is not usable; a symbol is printable text such as 'SPY' or 'BTC-USD'")
    return given.strip().upper()


def _canonical_interval(given: str) -> str:
    return str(Interval.parse(given))


Symbol = Annotated[str, AfterValidator(canonical_symbol)]
IntervalText = Annotated[str, AfterValidator(_canonical_interval)]


# Models build their validators when they are first used: most of what imports them makes none.
class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


class Gap(_Model):
    """A maximal run of expected bars that are missing, ``[start, end)`` in UTC, within one segment."""

    session_date: date
    start: datetime
    end: datetime
    missing_count: int


class BarIntervalData(_Model):
    """One interval of a symbol, describing itself.

    Attributes
    ----------
    derived
        Whether it is computed here; ``False`` means loaded or streamed.
    base
        The interval it is computed from; ``None`` unless derived.
    quality
        100 x present / expected bars, in percent; ``None`` where nothing is expected yet.
    gaps
        The runs of missing bars, oldest first.
    updated
        Whether base rows wait to be derived.
    data
        Always empty: bars live in the store. Load them with ``SessionCoordinator.load``, read them with
        ``SessionStore.bars``.
    """

    derived: bool
    base: IntervalText | None = None
    quality: float | None = None
    gaps: list[Gap] = Field(default_factory=list)
    updated: bool = False
    data: Sequence[Any] = Field(default=(), exclude=True, repr=False)

    @model_validator(mode="after")
    def _coherent(self) -> BarIntervalData:
        if self.derived and self.base is None:
            raise ValueError("a derived interval needs base, the interval it is computed from, such as base='1m'")
        if not self.derived and self.base is not None:
            raise ValueError(f"base={self.base!r} is only for derived intervals; this one has derived=False")
        if len(self.data):
            raise ValueError("data must stay empty; load bars with SessionCoordinator.load() after registering")
        return self


class SymbolSessionData(_Model):
    """A symbol with its intervals: one base interval, and those derived from it.

    ``calendar`` names the trading calendar whose sessions the bars belong to. ``closing_bar`` says what becomes of
    the bar that starts exactly at a session's last close: kept aside (``outside``) or added to the last bucket of
    each derived interval (``include``).
    """

    symbol: Symbol
    base_interval: IntervalText
    bars: dict[IntervalText, BarIntervalData]
    calendar: str = "XNYS"
    closing_bar: ClosingBar = "outside"
    added_by: str = "user"

    @model_validator(mode="after")
    def _coherent(self) -> SymbolSessionData:
        base = Interval.parse(self.base_interval)
        own = self.bars.get(self.base_interval)
        if own is None or own.derived:
            raise ValueError(f"bars must hold the base interval {self.base_interval!r} with derived=False")
        for interval, data in self.bars.items():
            if interval == self.base_interval:
                continue
            if not data.derived or data.base != self.base_interval:
                raise ValueError(
                    f"interval {interval!r} must have derived=True and base={self.base_interval!r}; "
                    f"a symbol has one base interval"
                )
            if not base.tiles(Interval.parse(interval)):
                raise ValueError(
                    f"interval {interval!r} is not a multiple of base {self.base_interval!r}; "
                    f"register a finer base, one that {interval!r} is a multiple of"
                )
        if self.closing_bar == "include" and not (base.intraday and base.length <= 60):
            raise ValueError(
                f"closing_bar='include' needs a base of 1m or finer, not {self.base_interval!r}: a coarser bar at "
                f"the close holds more than the closing auction; use closing_bar='outside'"
            )
        return self

    @property
    def derived_intervals(self) -> list[str]:
        """The derived intervals, finest first."""
        return sorted((text for text, one in self.bars.items() if one.derived), key=Interval.parse)

    @classmethod
    def build(
        cls,
        symbol: str,
        base_interval: str,
        derived_intervals: Sequence[str] = (),
        *,
        calendar: str = "XNYS",
        closing_bar: ClosingBar = "outside",
        added_by: str = "user",
    ) -> SymbolSessionData:
        """A registration from interval names alone."""
        return cls(
            symbol=symbol,
            base_interval=base_interval,
            bars={
                base_interval: BarIntervalData(derived=False),
                **{one: BarIntervalData(derived=True, base=base_interval) for one in derived_intervals},
            },
            calendar=calendar,
            closing_bar=closing_bar,
            added_by=added_by,
        )


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True)


class Registration(_Report):
    """What became of one symbol at registration: everything it has now, and what was new."""

    symbol: str
    calendar: str
    base_interval: str
    derived_intervals: tuple[str, ...]
    added: tuple[str, ...] = Field(description="intervals that were new; empty when all were there already")


class StreamReport(_Report):
    """What was registered for a backtest or a live run, and which symbols were left out, each with the reason."""

    registered: tuple[Registration, ...]
    skipped: dict[str, str] = {}


class Reject(_Report):
    """Rows left out for one reason, with the first of them as it was given."""

    reason: str
    count: int
    first_row: int | None = Field(description="counted from 1, the header aside; None for a line that is no row")
    first_given: str


class LoadReport(_Report):
    """What a load did. ``rows == inserted + revised + unchanged + rejected``; ``outside`` is a subset."""

    batch_id: int
    source: str
    symbols: tuple[str, ...]
    interval: str
    rows: int
    inserted: int
    revised: int
    unchanged: int
    rejected: int
    outside: int = Field(description="rows in no session, kept and left out of derived bars and quality")
    deleted: int = Field(description='bars that a re-sent session no longer has; only with replace="sessions"')
    repeated: int = Field(default=0, description="rows that say again what a later row says; a subset of the unchanged")
    first_session: date | None = Field(default=None, description="the first session the rows taken lie in")
    last_session: date | None = None
    first_bar: datetime | None = Field(default=None, description="where the first row taken starts, in UTC")
    last_bar_end: datetime | None = None
    rejects: tuple[Reject, ...] = ()


class IntervalChange(_Report):
    """How many derived bars of one interval length a process call wrote."""

    interval: str
    inserted: int
    revised: int
    deleted: int


class ProcessReport(_Report):
    """What a process call did; ``batches`` is empty when nothing was waiting, and then nothing was written."""

    batches: tuple[int, ...] = ()
    intervals: tuple[IntervalChange, ...] = ()

    @property
    def inserted(self) -> int:
        """Derived bars that are new."""
        return sum(one.inserted for one in self.intervals)

    @property
    def revised(self) -> int:
        """Derived bars whose values changed."""
        return sum(one.revised for one in self.intervals)

    @property
    def deleted(self) -> int:
        """Derived bars whose last base bar is gone."""
        return sum(one.deleted for one in self.intervals)


class DeleteReport(_Report):
    """What a deletion took away; the old bars are in ``revisions``."""

    batch_id: int | None = Field(description="None when nothing matched, and then nothing was written")
    deleted: int


class RetainedInterval(_Report):
    """What a purge took of one interval length."""

    interval: str
    symbol_count: int = Field(description="the symbols that lost bars")
    deleted: int = Field(description="the bars that went")
    retained_from: datetime = Field(description="where bars start now; the earliest of the symbols'")


class RetentionReport(_Report):
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
        return sum(one.deleted for one in self.intervals)


DifferenceKind = Literal[
    "duplicate", "impossible", "retained", "misplaced", "derived", "coverage", "gap", "quality", "watermark", "revision"
]


class Difference(_Report):
    """Something a store keeps that is not what a recomputation gives."""

    kind: DifferenceKind
    symbol: str | None
    interval: str | None
    at: datetime | None
    stored: str
    expected: str
    advice: str

    def __str__(self) -> str:
        where = " ".join(str(one) for one in (self.symbol, self.interval, self.at) if one is not None)
        return f"{self.kind}: {where}: is {self.stored}; should be {self.expected} ({self.advice})"


class VerifyReport(_Report):
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
            f"checked {self.symbol_count:,} symbols, {self.interval_count:,} intervals, {self.base_bar_count:,} base "
            f"bars, {self.derived_bar_count:,} derived bars, {self.session_count:,} sessions"
        )
        if self.sound:
            return f"{checked}: all as recomputed"
        found = ", ".join(f"{count:,} {kind}" for kind, count in self.totals.items())
        return "\n".join([f"{checked}: {found}", *(str(one) for one in self.differences)])


class SessionChange(_Report):
    """A session whose hours changed: its segments in UTC before and after, None where there is no session."""

    session_date: date
    before: str | None
    after: str | None


class CalendarReport(_Report):
    """What became of a calendar; ``batch_id`` is None when nothing was written."""

    calendar: str
    batch_id: int | None
    changes: tuple[SessionChange, ...] = ()
    inserted: int = 0
    revised: int = 0
    deleted: int = 0


class RepairReport(_Report):
    """What a repair wrote, and what it could not mend."""

    batch_id: int | None = Field(description="None when nothing differed, and then nothing was written")
    inserted: int = 0
    revised: int = 0
    deleted: int = 0
    accepted: int = Field(default=0, description="batches of which bars or revisions were accepted as lost")
    before: VerifyReport
    after: VerifyReport


class CompactReport(_Report):
    """What a compaction came to: the file's size before and after, and how many rows it put in order."""

    path: str
    row_count: int
    bytes_before: int
    bytes_after: int
