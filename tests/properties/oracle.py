"""A plain Python model of the whole system, written from the design alone: what every view should show.

It shares no code with ``store`` and ``coordinator``: sessions come from exchange_calendars, buckets are listed one
by one, and every sum is a sum of whole numbers. It is slow and simple on purpose.

Instants are whole microseconds since 1970, UTC. Where the design leaves a choice open, the choice taken here:

- A closing bar (``closing_bar="include"``) is a base bar with a session date, base_count 0 and expected_count 0. A
  bucket with only a closing bar gives a bar with base_count 0.
- ``complete`` is None where expected_count is 0.
- The range of an interval starts with the first session that holds a base bar, a closing bar among them (for intervals
  of 1d and longer: with the first block that begins no earlier), as the last write that touched the interval saw it,
  and ends at complete_through or derived_through. expected_count counts the slots that end by then; sessions without
  such a slot have no row.
- Where nothing is derived yet, derived_through starts at the open of that first session, not at its first bar: the
  empty buckets before the bar count as handled, and as missing.
- A gap of an interval of 1d and longer is one block. A gap is a ``whole session`` where no bar of the session is there,
  ``incomplete`` where some are but none is complete, an ``edge`` where it touches the session's open or close, else
  ``inside``.
- A bar whose row in a re-sent session is rejected stays.
- A session that is sent again takes no bar of a greater priority away, unless conflicts are replaced.
- What a vendor offers counts until it has a row for that bar again; what the bar is in the meantime does not matter.
- A bar that may lack trades confirms none that is whole, and is no conflict.
- Of rows that repeat a bar in one load the last one wins; those equal to it are unchanged, the others rejected.
- A purge ends at the open of a session that begins a bar of every interval made of the purged one, and changes
  nothing where no bar lies before. From then on accounts start with that session, bars or not. An interval that
  is new after its base was purged starts with its first bar that has all of its base.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import duckdb

SECOND = 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ORIGIN = date(2000, 1, 1)
FIRST_MONDAY = date(1970, 1, 5)
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
#: Exchanges whose weekend is Friday and Saturday.
SUNDAY_TO_THURSDAY = ("XTAE", "XSAU")
LATE_CLOCK = 5 * SECOND
GRACE = 60 * SECOND


# ----------------------------------------------------------------------------------------------- numbers


def to_decimal(value: float, scale: int) -> int:
    """``value::DECIMAL(38, scale)`` as a whole number of 10**-scale.

    DuckDB multiplies in double arithmetic and rounds the product half away from zero.
    """
    product = value * float(10**scale)
    whole = math.floor(abs(product))
    if abs(product) - whole >= 0.5:  # exact: both are doubles, and beyond 2**52 the difference is 0
        whole += 1
    return whole if product >= 0 else -whole


def to_double(units: int, scale: int) -> float:
    """``decimal::DOUBLE``.

    Up to 2**53 units DuckDB divides once. Beyond, 2.0 rounds the exact value correctly, while 1.5 adds the rounded
    whole part and the rounded fraction, which can differ in the last bit (where the value itself is beyond 2**53).
    """
    if duckdb.__version__.startswith("1.") and abs(units) > 2**53:
        whole, rest = divmod(abs(units), 10**scale)
        return math.copysign(float(whole) + rest / float(10**scale), units)
    return float(Fraction(units, 10**scale))


# --------------------------------------------------------------------------------------------- intervals


@dataclass(frozen=True)
class Length:
    """An interval: ``unit`` is s, d, w or mo, ``anchor`` the weekday, month or period it counts from."""

    unit: str
    count: int
    anchor: str | None = None

    @classmethod
    def of(cls, text: str) -> Length:
        number, unit, anchor = re.fullmatch(r"(\d+)(s|m|h|d|w|mo|q|y)(?:@([a-z]+))?", text).groups()
        count = int(number) * {"m": 60, "h": 3600, "q": 3, "y": 12}.get(unit, 1)
        return cls({"m": "s", "h": "s", "q": "mo", "y": "mo"}.get(unit, unit), count, anchor)

    @property
    def intraday(self) -> bool:
        return self.unit == "s"

    @property
    def width(self) -> int:
        assert self.intraday
        return self.count * SECOND


# --------------------------------------------------------------------------------------------- calendars


@dataclass(frozen=True)
class Session:
    date: date
    ordinal: int
    segments: tuple[tuple[int, int], ...]

    @property
    def open(self) -> int:
        return self.segments[0][0]

    @property
    def close(self) -> int:
        return self.segments[-1][1]


@dataclass(frozen=True)
class Slot:
    """A stretch of session time that one bar stands for."""

    start: int
    end: int
    segment: int
    sessions: tuple[Session, ...]

    @property
    def date(self) -> date:
        return self.sessions[0].date

    @property
    def close(self) -> int:
        return self.sessions[-1].close


#: Where the calendars of the random histories are at home.
ZONES = {
    "XNYS": "America/New_York",
    "XHKG": "Asia/Hong_Kong",
    "CMES": "America/Chicago",
    "24/7": "UTC",
    "XTAE": "Asia/Jerusalem",
    "LUNCH": "Europe/Berlin",
    "NIGHT": "America/New_York",
    "GULF": "Asia/Riyadh",
}


class Calendar:
    """The sessions of one calendar, in order, the first one on or after ORIGIN having ordinal 0."""

    def __init__(
        self, name: str, days: Iterable[tuple[date, tuple[tuple[int, int], ...]]], week_starts: str = "mon"
    ) -> None:
        self.name = name
        # The day of the week that 1970-01-05 is in on which it starts.
        self.first_week = FIRST_MONDAY - timedelta(days=-WEEKDAYS.index(week_starts) % 7)
        ordered = sorted(days)
        before = sum(day < ORIGIN for day, _ in ordered)
        self.sessions = [Session(day, at - before, parts) for at, (day, parts) in enumerate(ordered)]
        self.by_date = {session.date: session for session in self.sessions}
        self._blocks: dict[Length, dict[int, tuple[Session, ...]]] = {}

    def corrected(self, corrections: Mapping[date, tuple[str, ...]]) -> Calendar:
        """The same with single sessions at other hours: opens and closes in the calendar's zone; () is no session."""
        zone = ZoneInfo(ZONES[self.name])
        days = {session.date: session.segments for session in self.sessions}
        for day, hours in corrections.items():
            edges = [micros(datetime.combine(day, time.fromisoformat(clock), zone).astimezone(UTC)) for clock in hours]
            days[day] = tuple(zip(edges[::2], edges[1::2], strict=True))
        changed = Calendar(self.name, ((day, parts) for day, parts in days.items() if parts))
        changed.first_week = self.first_week
        return changed

    @cached_property
    def _opens(self) -> list[int]:
        return [session.open for session in self.sessions]

    @cached_property
    def _dates(self) -> list[date]:
        return [session.date for session in self.sessions]

    def place(self, instant: int) -> tuple[Session, int] | None:
        """The session and segment an instant lies in."""
        at = bisect_right(self._opens, instant) - 1
        if at >= 0:
            for number, (opened, closed) in enumerate(self.sessions[at].segments):
                if opened <= instant < closed:
                    return self.sessions[at], number
        return None

    def closing_at(self, instant: int) -> Session | None:
        """The session whose last close is at an instant that lies in no session."""
        at = bisect_right(self._opens, instant) - 1
        found = self.sessions[at] if at >= 0 else None
        return found if found and found.close == instant and self.place(instant) is None else None

    def off_grids(self, instant: int, width: int) -> bool:
        """Whether an instant is neither whole widths after the close before nor whole widths before the next open."""
        edges = [edge for session in self.sessions for segment in session.segments for edge in segment]
        at = bisect_right(edges, instant)
        return at < len(edges) and at > 0 and bool((instant - edges[at - 1]) % width and (edges[at] - instant) % width)

    def overlaps(self, start: int, end: int) -> bool:
        at = max(bisect_right(self._opens, start) - 1, 0)
        return any(
            start < closed and opened < end
            for session in self.sessions[at : at + 3]
            for opened, closed in session.segments
        )

    def since(self, instant: int) -> Iterator[Session]:
        """The sessions from the one an instant lies in, or else the one before it."""
        yield from self.sessions[max(bisect_right(self._opens, instant) - 1, 0) :]

    def until(self, instant: int) -> list[Session]:
        """The sessions that open by an instant."""
        return self.sessions[: bisect_right(self._opens, instant)]

    def block_key(self, session: Session, length: Length) -> int:
        """A number that the sessions of a block share."""
        day = session.date
        if length.unit == "d" and length.anchor is None:
            return session.ordinal // length.count
        if length.unit == "d":
            period, first = self._periods[length.anchor][day]
            return period * 1000 + (session.ordinal - first) // length.count
        if length.unit == "w":
            return (day - self._first_week(length)).days // 7 // length.count
        return (day.year * 12 + day.month - self._first_month(length)) // length.count

    @cached_property
    def _periods(self) -> dict[str, dict[date, tuple[int, int]]]:
        """Of each session the number of its week, month, quarter and year, and the first ordinal in it."""
        numbers: dict[str, Callable[[date], int]] = {
            "week": lambda day: (day - self.first_week).days // 7,
            "month": lambda day: day.year * 12 + day.month,
            "quarter": lambda day: day.year * 4 + (day.month - 1) // 3,
            "year": lambda day: day.year,
        }
        found: dict[str, dict[date, tuple[int, int]]] = {}
        for name, number in numbers.items():
            first: dict[int, int] = {}
            found[name] = {
                one.date: (number(one.date), first.setdefault(number(one.date), one.ordinal)) for one in self.sessions
            }
        return found

    def _first_week(self, length: Length) -> date:
        if length.anchor is None:
            return self.first_week
        return max(
            day for day in (FIRST_MONDAY - timedelta(days=n) for n in range(7)) if f"{day:%a}".lower() == length.anchor
        )

    def _first_month(self, length: Length) -> int:
        """The month that blocks of months count from, in months since the year 0."""
        return 1970 * 12 + (MONTHS.index(length.anchor) if length.anchor else 0) + 1

    def _begins(self, key: int, length: Length) -> date:
        """The date that a block of weeks or months begins on."""
        if length.unit == "w":
            return self._first_week(length) + timedelta(days=7 * length.count * key)
        months = length.count * key + self._first_month(length) - 1
        return date(months // 12, months % 12 + 1, 1)

    def block(self, session: Session, length: Length) -> tuple[Session, ...]:
        if length not in self._blocks:
            blocks: dict[int, list[Session]] = {}
            for one in self.sessions:
                blocks.setdefault(self.block_key(one, length), []).append(one)
            self._blocks[length] = {key: tuple(members) for key, members in blocks.items()}
        return self._blocks[length][self.block_key(session, length)]

    def named(self, day: date, length: Length) -> Slot | None:
        """The block that a date names: its first session's, or the first day of its week or month."""
        at = bisect_right(self._dates, day - timedelta(days=1))
        if at == len(self.sessions):
            return None
        slot = block_slot(self.block(self.sessions[at], length))
        key = self.block_key(slot.sessions[0], length)
        begins = slot.date if length.unit == "d" else self._begins(key, length)
        return slot if day in (begins, slot.date) else None

    def end_stamps(self, start: int | date, length: Length) -> tuple[int, int, int]:
        """What may stand for the end of the bar that starts there: its end; of sessions the midnights after it, too."""
        if isinstance(start, date):
            slot = self.named(start, length)
            assert slot is not None
            key = self.block_key(slot.sessions[0], length)
            after = slot.sessions[-1].date + timedelta(days=1)
            ends = [after, after]
            if length.unit != "d":
                ends[1] = self._begins(key + 1, length)
            midnights = [(end - EPOCH.date()).days * 86_400 * SECOND for end in ends]
            return slot.end, midnights[0], midnights[1]
        place = self.place(start)
        end = start + length.width
        if place is not None:
            session, number = place
            end = min(end, session.segments[number][1])
        return end, end, end

    def slots(self, length: Length, first: Session) -> Iterator[Slot]:
        """Every slot of an interval in order, from a session, or the block it is in."""
        if not length.intraday:
            session: Session | None = first
            while session is not None:
                members = self.block(session, length)
                yield block_slot(members)
                session = self.after(members[-1])
            return
        session = first
        while session is not None:
            yield from session_slots(session, length.width)
            session = self.after(session)

    def after(self, session: Session) -> Session | None:
        at = bisect_right(self._opens, session.open)
        return self.sessions[at] if at < len(self.sessions) else None

    def room(self, slot: Slot, base: Length) -> int:
        """How many base slots fit in a slot."""
        if not base.intraday:
            return len({self.block_key(session, base) for session in slot.sessions})
        return sum(
            max(0, -((max(opened, slot.start) - min(closed, slot.end)) // base.width))
            for session in slot.sessions
            for opened, closed in session.segments
        )

    def slot_of(self, session: Session, instant: int, length: Length) -> Slot:
        """The slot that an instant of a session (its last close included) lies in."""
        if not length.intraday:
            return block_slot(self.block(session, length))
        number = max(at for at, (opened, _) in enumerate(session.segments) if opened <= instant)
        opened, closed = session.segments[number]
        steps = (min(instant, closed - 1) - opened) // length.width
        start = opened + steps * length.width
        return Slot(start, min(start + length.width, closed), number, (session,))


def block_slot(members: tuple[Session, ...]) -> Slot:
    return Slot(members[0].open, members[-1].close, 0, members)


def session_slots(session: Session, width: int) -> Iterator[Slot]:
    for number, (opened, closed) in enumerate(session.segments):
        for start in range(opened, closed, width):
            yield Slot(start, min(start + width, closed), number, (session,))


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment(instant: int) -> datetime:
    return EPOCH + timedelta(microseconds=instant)


def around_the_clock(first: date, last: date) -> Calendar:
    """24/7: every UTC day."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    midnights = [(day, (day - EPOCH.date()).days * 86_400 * SECOND) for day in days]
    return Calendar("24/7", [(day, ((at, at + 86_400 * SECOND),)) for day, at in midnights])


def own(name: str, first: date, last: date, definition: Mapping[str, Any]) -> Calendar:
    """A calendar that a user describes, with at most one break; no time of it may fall into a change of the clock."""
    zone = ZoneInfo(definition["timezone"])
    begins, _, ends = definition.get("weekdays", "mon-fri").partition("-")
    opening, closing = WEEKDAYS.index(begins), WEEKDAYS.index(ends)
    trading = [(opening + step) % 7 for step in range((closing - opening) % 7 + 1)]
    # A range of weekdays that wraps from Sunday to Monday is cut by weeks that start on Monday.
    week_starts = definition.get("week_starts", begins if {6, 0} <= {*trading} and len(trading) < 7 else "mon")
    days = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        if day.weekday() not in trading or day.isoformat() in definition.get("holidays", ()):
            continue
        close = definition.get("early_closes", {}).get(day.isoformat(), definition["close"])
        spans_midnight = definition["close"] <= definition["open"]

        def at(clock: str, day: date = day, spans_midnight: bool = spans_midnight) -> int:
            eve = spans_midnight and clock >= definition["open"]
            wall = datetime.combine(day - timedelta(days=eve), time.fromisoformat(clock), zone)
            return micros(wall.astimezone(UTC))

        closed = at(close)
        if close == definition["open"]:  # the next day's
            closed = micros(datetime.combine(day, time.fromisoformat(close), zone).astimezone(UTC))
        edges = [at(definition["open"]), closed]
        if "break_" in definition:
            edges[1:1] = [at(clock) for clock in definition["break_"].split("-")]
        parts = [
            (start, min(end, closed)) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < closed
        ]
        days.append((day, tuple(parts)))
    return Calendar(name, days, week_starts)


def exchange(name: str, first: date, last: date) -> Calendar:
    """A calendar of exchange_calendars, asked session by session."""
    import exchange_calendars
    import pandas as pd

    schedule = exchange_calendars.get_calendar(name, start=str(first), end=str(last)).schedule
    stamps = [
        [None if pd.isna(stamp) else stamp.value // 1000 for stamp in schedule[column]]
        for column in ("open", "break_start", "break_end", "close")
    ]
    days = []
    for label, opened, break_from, break_to, closed in zip(schedule.index, *stamps, strict=True):
        whole = ((opened, closed),)
        days.append((label.date(), whole if break_from is None else ((opened, break_from), (break_to, closed))))
    return Calendar(name, days, "sun" if name in SUNDAY_TO_THURSDAY else "mon")


# -------------------------------------------------------------------------------------------------- bars


@dataclass(frozen=True)
class Row:
    """One row of a file: ``start`` is an instant, or a date for bars of 1d and longer."""

    start: int | date
    open: float
    high: float
    low: float
    close: float
    volume: float
    trade_count: int | None = None
    vwap: float | None = None
    owner: str | None = None  # the vendor whose bar it is; None: nobody named
    lacks: bool = False  # not all of its trades may be in it
    more: Mapping[str, float] = field(default_factory=dict)  # of declared columns, those that have a value

    def said(self) -> tuple[object, ...]:
        """What makes it another bar."""
        return (*self.given(), self.lacks)

    def given(self) -> tuple[object, ...]:
        """What a row says."""
        return (*self.values(), frozenset(self.more.items()))

    def values(self) -> tuple[float | int | None, ...]:
        return (self.open, self.high, self.low, self.close, self.volume, self.trade_count, self.vwap)


@dataclass(frozen=True)
class Bar:
    start: int
    end: int
    session: Session | None
    row: Row
    base_count: int
    expected_count: int
    segment: int | None

    @property
    def within(self) -> bool:
        """In session, and not a closing bar."""
        return self.expected_count > 0

    @property
    def complete(self) -> bool | None:
        return None if self.expected_count == 0 else self.base_count == self.expected_count

    def shown(self) -> tuple[object, ...]:
        """As the view ``bars`` shows it, from bar_start to complete."""
        day = None if self.session is None else self.session.date
        return (
            self.start,
            self.end,
            day,
            *self.row.values(),
            self.base_count,
            self.expected_count,
            self.complete,
        )

    def kept(self) -> tuple[object, ...]:
        """All that is written down for it; where this differs the bar is revised."""
        return (*self.shown(), self.segment, frozenset(self.row.more.items()))


@dataclass
class Column:
    """A declared column: how bars are put together by it, and whose bars have it; None: everybody's."""

    aggregate: str
    names: set[str] | None = None

    def sound(self, value: float) -> bool:
        """Whether a value can be kept."""
        if self.aggregate not in ("sum", "mean") or not math.isfinite(value):
            return math.isfinite(value)
        lost = abs(to_double(to_decimal(value, 9), 9) - value)
        return abs(value) < 1e18 and (abs(value) >= 1e-6 or lost <= abs(value) / 1000)

    def combined(self, values: list[float | None]) -> float | None:
        """What the values of base bars, which are in order, come to."""
        known = [value for value in values if value is not None]
        if not known:
            return None
        if self.aggregate in ("sum", "mean"):
            total = to_double(sum(to_decimal(value, 9) for value in known), 9)
            if self.aggregate == "mean":
                return total / len(known)
            return total if len(known) == len(values) else None
        return {"min": min, "max": max, "first": lambda all_: all_[0], "last": lambda all_: all_[-1]}[self.aggregate](
            known
        )


def aggregate(
    calendar: Calendar, slot: Slot, bars: list[Bar], base: Length, columns: Mapping[str, Column] | None = None
) -> Bar:
    """The bar of a slot from its base bars (a closing bar among them), which are in order."""
    rows = [bar.row for bar in bars]
    low, high = min(row.low for row in rows), max(row.high for row in rows)
    volume_units = sum(to_decimal(row.volume, 9) for row in rows)
    volume = to_double(volume_units, 9)
    counts = [row.trade_count for row in rows]
    vwap = None
    if volume_units > 0 and not any(row.volume > 0 and row.vwap is None for row in rows):
        turnover = sum(to_decimal(row.vwap * row.volume, 15) for row in rows if row.vwap is not None)
        vwap = min(max(to_double(turnover, 15) / volume, low), high)
    row = Row(
        slot.start,
        rows[0].open,
        high,
        low,
        rows[-1].close,
        volume,
        None if None in counts else sum(counts),
        vwap,
        more={
            name: value
            for name, column in (columns or {}).items()
            if (value := column.combined([row.more.get(name) for row in rows])) is not None
        },
    )
    present = sum(bar.base_count for bar in bars)
    return Bar(slot.start, slot.end, slot.sessions[0], row, present, calendar.room(slot, base), slot.segment)


# ------------------------------------------------------------------------------------------------- model


def near(one: float | None, other: float | None, tolerance: float) -> bool:
    """Whether two values are no further apart than a part of the greater; what is unknown is near to itself alone."""
    if one is None or other is None:
        return one is other
    return abs(one - other) <= tolerance * max(abs(one), abs(other))


@dataclass(frozen=True)
class Terms:
    """Whose rows a load brings, and how they are settled with the bars that are there."""

    vendor: str | None = None
    priority: int | None = None
    conflicts: str = "report"
    tolerance: float | None = None

    def within(self, there: Row, row: Row) -> bool:
        """Whether a row differs from a bar by no more than is let pass."""
        if self.tolerance is None or (there.trade_count, there.lacks) != (row.trade_count, row.lacks):
            return False
        parts = ("open", "high", "low", "close", "volume", "vwap")
        names = there.more.keys() | row.more.keys()
        return all(near(getattr(there, part), getattr(row, part), self.tolerance) for part in parts) and all(
            near(there.more.get(name), row.more.get(name), self.tolerance) for name in names
        )


#: A load that names nobody.
NOBODY = Terms()


class Counts(NamedTuple):
    """What a load did."""

    rows: int
    inserted: int
    revised: int
    unchanged: int
    rejected: int
    outside: int
    deleted: int
    conflicts: int = 0
    tolerated: int = 0


@dataclass(frozen=True)
class Coverage:
    day: date
    expected: int
    present: int


@dataclass(frozen=True)
class Gap:
    day: date
    start: int
    end: int
    missing: int
    kind: str


@dataclass
class Derived:
    """A derived interval: what was written for it so far."""

    length: Length
    through: int | None = None
    bars: dict[int, Bar] = field(default_factory=dict)
    coverage: list[Coverage] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    stale: set[int] = field(default_factory=set)  # the handled slots whose base bars have changed since
    retained: Session | None = None


@dataclass
class Written:
    """What a batch did to base bars, and what has become of that.

    ``changes`` has each of them as it was before and is after, None where there was or is none.
    """

    batch_id: int
    changes: dict[tuple[Symbol, int], tuple[Bar | None, Bar | None]]
    reverts: int | None = None
    derives: bool = False  # it may have written derived bars, too
    undoable: bool = True  # False: a changed calendar
    lost: bool = False  # something of it was purged
    maybe_lost: bool = False  # derived bars that it wrote may have been


class AllRejected(Exception):
    """No row of a load can be taken."""


class NotUndone(Exception):
    """A batch cannot be undone; says why."""


class Misplaced(Exception):
    """A changed calendar has no place for a bar that is there."""


class Symbol:
    """One registered symbol."""

    def __init__(self, calendar: Calendar, base: str, closing_bar: str = "outside") -> None:
        self.calendar = calendar
        self.columns: Mapping[str, Column] = {}  # all that are declared
        self.name = ""
        self.base_text = base
        self.base = Length.of(base)
        self.includes_closing = closing_bar == "include"
        self.bars: dict[int, Bar] = {}
        self.complete_through: int | None = None
        self.derived: dict[str, Derived] = {}
        self.retained: Session | None = None
        self.offers: dict[tuple[int, str | None], Row] = {}  # what a vendor offered last in vain
        self.changed_from: int | None = None  # the first change below what is derived that waits for it

    # -- writing

    def add_interval(self, text: str) -> None:
        if text == self.base_text or text in self.derived:
            return
        added = self.derived[text] = Derived(Length.of(text))
        if self.retained is not None:
            since = self.calendar.since(self.retained.open)
            added.retained = next(one for one in since if self._begins(one, [added.length]))
            added.through = added.retained.open

    def purge(self, text: str, before: int) -> tuple[int, int | None]:
        """Give up old bars; returns how many, and where they start now (None: nothing changed)."""
        one = self.derived.get(text)
        held = self.bars if one is None else one.bars
        lengths = [Length.of(text)] + [each.length for each in self.derived.values() if one is None]
        limits = [before, self.complete_through if one is None and not self.derived else before]
        limits += [each.through for each in ([one] if one else self.derived.values())]
        if one is None and self.changed_from is not None:
            limits.append(self.changed_from)
        if None in limits or not held:
            return 0, None
        ends = [
            session
            for session in self.calendar.until(min(limits))
            if session.open > min(held) and self._begins(session, lengths)
        ]
        if not ends:
            return 0, None
        gone = [start for start in held if start < ends[-1].open]
        for start in gone:
            del held[start]
        if one is None:
            self.retained = ends[-1]
        else:
            one.retained = ends[-1]
        for each in self.derived.values():
            if self._final(each) is not None:
                self._account_for(each)
        return len(gone), ends[-1].open

    def _begins(self, session: Session, lengths: list[Length]) -> bool:
        """Whether a session begins a bar of each length."""
        return all(length.intraday or self.calendar.block(session, length)[0] == session for length in lengths)

    def _final(self, derived: Derived) -> Session | None:
        """The first session whose bars of an interval can still change; None: all."""
        held = [one for one in (self.retained, derived.retained) if one is not None]
        return max(held, key=lambda one: one.open, default=None)

    def judge(self, rows: list[Row], now: int) -> list[tuple[Bar | None, bool]]:
        """The bar each row stands for, where it stands for one, and whether it is taken."""
        return [self._judged(row, now) for row in rows]

    def load(
        self,
        judged: list[tuple[Bar | None, bool]],
        terms: Terms,
        rank: Callable[[str | None], int],
        *,
        replace_sessions: bool = False,
    ) -> Counts:
        """Load rows; ``rank`` gives the priority of a vendor, that of the rows among them."""
        placed = [bar if accepted else None for bar, accepted in judged]
        spared = {bar.start for bar, accepted in judged if bar is not None and not accepted}
        last = {bar.start: bar for bar in placed if bar is not None}
        taken = [bar for bar in placed if bar is not None and bar.row.given() == last[bar.start].row.given()]
        gone: list[int] = []
        if replace_sessions:
            sent = {bar.session for bar in last.values() if bar.session is not None}
            gone = [
                start
                for start, bar in self.bars.items()
                if bar.session in sent
                and start not in last
                and start not in spared
                and not (rank(bar.row.owner) > rank(terms.vendor) and terms.conflicts != "replace")
            ]
        outcomes = {start: self._settle(start, bar, terms, rank) for start, bar in last.items()}
        last = {start: bar for start, (bar, _) in outcomes.items()}
        conflicts = sum(what == "conflict" for _, what in outcomes.values())
        tolerated = sum(what == "tolerated" for _, what in outcomes.values())
        inserted = [start for start in last if start not in self.bars]
        revised = [
            start for start, bar in last.items() if start in self.bars and bar.row.said() != self.bars[start].row.said()
        ]
        before = dict(self.bars)
        self.bars.update(last)
        for start in gone:
            del self.bars[start]
        reached = [bar.end for bar in taken] + [self.complete_through] * (self.complete_through is not None)
        self.complete_through = max(reached, default=None)
        self._touched(before, [*inserted, *revised, *gone])
        return Counts(
            rows=len(placed),
            inserted=len(inserted),
            revised=len(revised),
            unchanged=len(taken) - len(inserted) - len(revised),
            rejected=len(placed) - len(taken),
            outside=sum(bar.session is None for bar in taken),
            deleted=len(gone),
            conflicts=conflicts,
            tolerated=tolerated,
        )

    def _settle(self, start: int, bar: Bar, terms: Terms, rank: Callable[[str | None], int]) -> tuple[Bar, str]:
        """The bar that is there after a row came for it, and why, where that is not plain."""
        own = rank(terms.vendor)
        self.offers.pop((start, terms.vendor), None)
        new = replace(bar, row=replace(bar.row, owner=terms.vendor))
        there = self.bars.get(start)
        if there is None:
            return new, ""
        if new.row.lacks and not there.row.lacks:
            return there, ""
        theirs = rank(there.row.owner)
        confirmed = new.row.owner if own > theirs else there.row.owner
        same = there.row.said() == new.row.said()
        if same or terms.within(there.row, new.row):
            return replace(there, row=replace(there.row, owner=confirmed)), "" if same else "tolerated"
        if theirs > own and there.row.lacks == new.row.lacks and terms.conflicts != "replace":
            if terms.conflicts == "report":
                self.offers[start, terms.vendor] = new.row
            return there, "conflict"
        return new, ""

    def _move_offers(self, moves: Iterable[tuple[int, int]]) -> None:
        """What was offered for bars that start elsewhere now goes with them."""
        for old, new in moves:
            for at, vendor in [key for key in self.offers if key[0] == old != new]:
                row = self.offers.pop((at, vendor))
                self.offers.setdefault((new, vendor), row)

    def delete(self, start: int | None, end: int | None) -> int:
        gone = [at for at in self.bars if (start is None or start <= at) and (end is None or at < end)]
        before = dict(self.bars)
        for at in gone:
            del self.bars[at]
        self._touched(before, gone)
        for derived in self.derived.values() if gone else ():
            self._account_for(derived)
        return len(gone)

    def is_ahead(self) -> bool:
        """Whether it counts as complete beyond the last bar that is left."""
        return self.complete_through != self._last_end()

    def rewind(self) -> tuple[int, int, int]:
        """Go back to the last bar that is left; what is derived follows by event time alone."""
        self.complete_through = self._last_end()
        return self.rebuild(None)

    def _last_end(self) -> int | None:
        """Where the last bar that is left ends, or what was purged does."""
        ends = [bar.end for bar in self.bars.values()]
        return max(ends + ([] if self.retained is None else [self.retained.open]), default=None)

    def placed_back(self, changes: dict[int, tuple[Bar | None, Bar | None]]) -> dict[int, Bar]:
        """The bars that come back when changes are taken back, where the calendar has them now."""
        placed = {}
        for before, _ in changes.values():
            bar = None if before is None else self._placed_anew(before)
            if before is not None and bar is None:
                raise NotUndone("no place any more")
            if bar is not None:
                placed[bar.start] = bar
        width = self.base.width if self.base.intraday else 0
        outside = [bar.start for bar in placed.values() if bar.session is None]
        for start, bar in self.bars.items():
            overlaps = bar.session is None and any(abs(one - start) < width for one in outside)
            if start not in changes and (start in placed or overlaps):
                raise NotUndone("wrote or replaced some since")
        return placed

    def undo(self, changes: dict[int, tuple[Bar | None, Bar | None]], placed: dict[int, Bar]) -> tuple[int, int, int]:
        """Take back what a batch did to base bars."""
        old = dict(self.bars)
        back = [before for before, _ in changes.values() if before is not None]
        self._move_offers((bar.start, moved.start) for bar in back if (moved := self._placed_anew(bar)) is not None)
        self.bars = {start: bar for start, bar in old.items() if start not in changes} | placed
        counts = differences(old, self.bars)
        ends, old_ends = ([bar.end for bar in bars.values()] for bars in (self.bars, old))
        if old_ends and max(ends, default=min(old_ends) - 1) < max(old_ends):
            self.complete_through = self._last_end()
            return added([counts, self.rebuild(None)])
        reached = [*ends, *[self.complete_through] * (self.complete_through is not None)]
        self.complete_through = max(reached, default=None)
        self._touched(old, sorted(changes.keys() | placed.keys()))
        for derived in self.derived.values():
            self._account_for(derived)
        return counts

    def end_session(self, session: Session) -> bool:
        """Whether this moves the symbol on."""
        close = session.close + (self.base.width if self.includes_closing else 0)
        moves = self.complete_through is not None and self.complete_through < close
        if moves:
            self.complete_through = close
        return moves

    @property
    def first_date(self) -> date | None:
        """The session that the range begins with."""
        first = self._first()
        return None if first is None else first.date

    def placed_on(self, calendar: Calendar) -> dict[int, Bar]:
        """The base bars where another calendar has them."""
        before, self.calendar = self.calendar, calendar
        try:
            placed = [self._placed_anew(bar) for bar in self.bars.values()]
        finally:
            self.calendar = before
        if None in placed:
            raise Misplaced
        outside = sorted((bar.start, bar.end) for bar in placed if bar is not None and bar.expected_count == 0)
        if any(later < end for (_, end), (later, _) in pairwise(outside)):
            raise Misplaced
        if any(calendar.off_grids(start, self.base.width) for start, _ in outside):
            raise Misplaced
        return {bar.start: bar for bar in placed if bar is not None}

    def move_to(self, calendar: Calendar, placed: dict[int, Bar], clock: int) -> tuple[int, int, int]:
        """Take over a changed calendar, and the base bars as it has them."""
        changes = differences(self.bars, placed)
        self._move_offers(zip(self.bars, placed, strict=True))
        self.calendar, self.bars = calendar, placed
        reached = [bar.end for bar in placed.values()] + [self.complete_through] * (self.complete_through is not None)
        self.complete_through = max(reached, default=None)
        return added([changes, self.rebuild(clock)])

    def rebuild(self, clock: int | None) -> tuple[int, int, int]:
        """Derive everything from nothing; how many bars were inserted, revised and deleted by that."""
        for derived in self.derived.values():
            first = self._final(derived)
            derived.through = None if first is None else first.open
        self.changed_from = None
        return added((self.process(clock, anew=True) or {}).values())

    def process(self, clock: int | None, *, anew: bool = False) -> dict[str, tuple[int, int, int]] | None:
        """Derive all that waits; ``clock`` is now less the grace, None where only event time counts.

        Returns
        -------
        dict or None
            Per interval with work the number of bars inserted, revised and deleted; None without work.
        """
        done = {}
        for text, derived in self.derived.items():
            through = self._closed_through(derived, clock)
            if through == derived.through and not self._stale(derived) and not anew:
                continue
            derived.through, derived.stale = through, set()
            floor = self._floor(derived)
            fresh = {start: bar for start, bar in derived.bars.items() if start < floor}
            fresh |= {
                start: bar
                for start, bar in self.computed(derived.length).items()
                if bar.end <= (through or -1) and start >= floor
            }
            old, derived.bars = derived.bars, fresh
            done[text] = differences(old, fresh)
            self._account_for(derived)
        if done:
            self.changed_from = None
        return done or None

    def _stale(self, derived: Derived) -> bool:
        return any(start >= self._floor(derived) for start in derived.stale)

    def _floor(self, derived: Derived) -> int:
        """Where the bars of an interval that can still change start."""
        first = self._final(derived)
        return -(2**62) if first is None else first.open

    def stamp(self, start: int) -> int | date:
        """How a file would name the bar that starts there."""
        return start if self.base.intraday else self.bars[start].session.date

    # -- what follows from the base bars

    def computed(self, length: Length) -> dict[int, Bar]:
        """The bar of every slot that has base bars, closed or not."""
        members: dict[int, tuple[Slot, list[Bar]]] = {}
        for start in sorted(self.bars):
            bar = self.bars[start]
            if bar.session is not None:
                slot = self.calendar.slot_of(bar.session, start, length)
                members.setdefault(slot.start, (slot, []))[1].append(bar)
        return {
            start: aggregate(self.calendar, slot, bars, self.base, self.columns)
            for start, (slot, bars) in members.items()
        }

    def forming(self, derived: Derived) -> list[Bar]:
        return [
            bar
            for start, bar in sorted(self.computed(derived.length).items())
            if derived.through is None or start >= derived.through
        ]

    def waiting(self, derived: Derived) -> bool:
        """The column ``needs_processing``: work is waiting, the clock aside."""
        return self._stale(derived) or self._closed_through(derived, None) != derived.through

    def base_coverage(self) -> tuple[list[Coverage], list[Gap]]:
        within = {start: bar for start, bar in self.bars.items() if bar.within}
        whole = {start for start, bar in within.items() if not bar.row.lacks}
        return self._account(self.base, self.complete_through, whole, within.keys(), self.retained)

    # -- inside

    def _placed_anew(self, bar: Bar) -> Bar | None:
        if self.base.intraday:
            return self._placed_by_instant(bar.row)
        key = self.calendar.block_key(bar.session, self.base)
        for session in self.calendar.sessions:
            slot = block_slot(self.calendar.block(session, self.base))
            if self.base.unit == "d":
                found = slot.date == bar.session.date
            else:
                found = self.calendar.block_key(session, self.base) == key
            if found:
                return Bar(slot.start, slot.end, slot.sessions[0], replace(bar.row, start=slot.start), 1, 1, 0)
        return None

    def _judged(self, row: Row, now: int) -> tuple[Bar | None, bool]:
        if row.vwap is not None and not row.low - 1e-4 * abs(row.low) <= row.vwap <= row.high + 1e-4 * abs(row.high):
            row = replace(row, vwap=None)
        mine = {name for name, one in self.columns.items() if one.names is None or self.name in one.names}
        more = {name: value for name, value in row.more.items() if name in mine and not math.isnan(value)}
        row = replace(row, more=more)
        bar = self._placed_by_date(row) if isinstance(row.start, date) else self._placed_by_instant(row)
        sound = all(self.columns[name].sound(value) for name, value in more.items())
        sound = (
            sound and row.low <= min(row.open, row.close) and row.high >= max(row.open, row.close) and row.volume >= 0
        )
        lost = abs(to_double(to_decimal(row.volume, 9), 9) - row.volume)
        sound = sound and (row.volume >= 1e-6 or lost <= row.volume / 1000)
        kept = bar is not None and (self.retained is None or bar.start >= self.retained.open)
        return bar, bar is not None and kept and sound and bar.end <= now + LATE_CLOCK

    def _placed_by_date(self, row: Row) -> Bar | None:
        slot = self.calendar.named(row.start, self.base)
        if slot is None:
            return None
        return Bar(slot.start, slot.end, slot.sessions[0], replace(row, start=slot.start), 1, 1, 0)

    def _placed_by_instant(self, row: Row) -> Bar | None:
        width = self.base.width
        place = self.calendar.place(row.start)
        if place is not None:
            session, number = place
            opened, closed = session.segments[number]
            if (row.start - opened) % width:
                return None
            return Bar(row.start, min(row.start + width, closed), session, row, 1 - row.lacks, 1, number)
        if self.calendar.overlaps(row.start, row.start + width):
            return None
        closing = self.calendar.closing_at(row.start) if self.includes_closing else None
        if closing is not None:
            return Bar(row.start, row.start + width, closing, row, -row.lacks, 0, len(closing.segments) - 1)
        if self.calendar.off_grids(row.start, width):
            return None
        return Bar(row.start, row.start + width, None, row, 1 - row.lacks, 0, None)

    def _touched(self, before: dict[int, Bar], starts: list[int]) -> None:
        """Note for each derived interval whether bars it has handled have changed."""
        for derived in self.derived.values():
            if derived.through is None:
                continue
            for start in starts:
                bar = before.get(start) or self.bars[start]
                if bar.session is None:
                    continue
                slot = self.calendar.slot_of(bar.session, start, derived.length)
                if slot.end <= derived.through and slot.start >= self._floor(derived):
                    derived.stale.add(slot.start)
                    first = bar.session.open
                    self.changed_from = first if self.changed_from is None else min(first, self.changed_from)

    def _first(self) -> Session | None:
        """The first session that is retained, or else has a base bar, and be it a closing bar alone."""
        if self.retained is not None:
            return self.retained
        start = min((start for start, bar in self.bars.items() if bar.session is not None), default=None)
        return None if start is None else self.bars[start].session

    def _closed_through(self, derived: Derived, clock: int | None) -> int | None:
        """The end of the last closed bucket; without ``clock`` only event time closes buckets."""
        through, known = derived.through, self.complete_through
        if through is None:
            first = self._first()
            if first is None:
                return None
            floor = self.calendar.slot_of(first, first.open, derived.length).start
        else:
            floor = through
            first = next(self.calendar.since(through))
        for slot in self.calendar.slots(derived.length, first):
            if slot.start < floor:
                continue
            last = slot.end
            if self.includes_closing and slot.end == slot.close:
                last += self.base.width
            if known is None or slot.start >= known:
                break
            if not (last <= known or (clock is not None and last <= clock)):
                break
            through = slot.end
        return through

    def _account_for(self, derived: Derived) -> None:
        """Coverage and gaps of a derived interval, as far as it has come."""
        complete = {start for start, bar in derived.bars.items() if bar.complete}
        derived.coverage, derived.gaps = self._account(
            derived.length, derived.through, complete, derived.bars.keys(), self._final(derived)
        )

    def _account(
        self,
        length: Length,
        through: int | None,
        complete: Collection[int],
        there: Collection[int],
        retained: Session | None,
    ) -> tuple[list[Coverage], list[Gap]]:
        """Coverage and gaps of an interval up to an instant."""
        first = retained or self._first()
        if first is None or through is None:
            return [], []
        days: dict[Session, list[Slot]] = {}
        for slot in self.calendar.slots(length, first):
            if slot.start >= through:
                break
            if slot.sessions[0].date < first.date:
                continue  # a block that began before: it cannot become complete within the range
            if slot.end <= through:
                days.setdefault(slot.sessions[0], []).append(slot)
        coverage, gaps = [], []
        for session, slots in days.items():
            found = [slot.start in complete for slot in slots]
            nothing = not any(slot.start in there for slot in slots)
            coverage.append(Coverage(session.date, len(slots), sum(found)))
            for run in _runs(slots, found):
                begin, end = run[0].start, run[-1].end
                touches = begin == session.open or end == run[-1].close
                kind = "edge" if touches else "inside"
                if not any(found):
                    kind = "whole session" if nothing else "incomplete"
                gaps.append(Gap(session.date, begin, end, len(run), kind))
        return coverage, gaps


def differences(old: dict[int, Bar], new: dict[int, Bar]) -> tuple[int, int, int]:
    """How many bars are inserted, revised and deleted when one set of them becomes another."""
    return (
        len(new.keys() - old.keys()),
        sum(new[start].kept() != old[start].kept() for start in new.keys() & old.keys()),
        len(old.keys() - new.keys()),
    )


def changed(old: dict[int, Bar], new: dict[int, Bar]) -> dict[int, tuple[Bar | None, Bar | None]]:
    """What differs between two sets of bars."""
    return {
        start: (old.get(start), new.get(start))
        for start in old.keys() | new.keys()
        if start not in old or start not in new or old[start].kept() != new[start].kept()
    }


def added(counts: Iterable[tuple[int, int, int]]) -> tuple[int, int, int]:
    inserted, revised, deleted = (sum(column) for column in zip((0, 0, 0), *counts, strict=True))
    return inserted, revised, deleted


def _runs(slots: list[Slot], found: list[bool]) -> list[list[Slot]]:
    """The maximal runs of missing slots within one segment."""
    runs: list[list[Slot]] = []
    for slot, there in zip(slots, found, strict=True):
        if there:
            continue
        if runs and runs[-1][-1].end == slot.start and runs[-1][-1].segment == slot.segment:
            runs[-1].append(slot)
        else:
            runs.append([slot])
    return runs


class Model:
    """The store: its symbols, and the views over them."""

    def __init__(self) -> None:
        self.symbols: dict[str, Symbol] = {}
        self.priorities: dict[str, int] = {}
        self.load_counts: dict[str, int] = {}
        self.written: list[Written] = []
        self.columns: dict[str, Column] = {}

    def undo(self, batch_id: int) -> tuple[int, int, int] | None:
        """Undo a batch; bars inserted, revised and deleted with all that follows, None where it changed nothing."""
        (which,) = [one for one in self.written if one.batch_id == batch_id]
        undone: dict[int, int] = {}
        for one in reversed(self.written):
            if one.reverts is not None and one.batch_id not in undone:
                undone[one.reverts] = one.batch_id
        over = {one for pair in undone.items() if pair[0] > batch_id for one in pair}
        if which.lost:
            raise NotUndone("was given up for good")
        if any(symbol not in self.symbols.values() for symbol, _ in which.changes):
            raise NotUndone("removed since")
        if batch_id in undone:
            raise NotUndone("is undone already")
        later = [one for one in self.written if one.batch_id > batch_id and one.batch_id not in over]
        if any(one.changes.keys() & which.changes.keys() for one in later):
            raise NotUndone("wrote or replaced some since")
        by_symbol: dict[Symbol, dict[int, tuple[Bar | None, Bar | None]]] = {}
        for (symbol, start), values in which.changes.items():
            by_symbol.setdefault(symbol, {})[start] = values
        placed = {symbol: symbol.placed_back(changes) for symbol, changes in by_symbol.items()}
        return added(symbol.undo(by_symbol[symbol], placed[symbol]) for symbol in by_symbol) if by_symbol else None

    def load(
        self,
        rows: list[tuple[str, Row]],
        base: str,
        now: int,
        terms: Terms = NOBODY,
        *,
        replace_sessions: bool = False,
    ) -> Counts:
        """Load a file of (symbol, row)."""
        known = {name for name, _ in rows if name in self.symbols and self.symbols[name].base_text == base}
        placed = {name: self.symbols[name].judge([row for one, row in rows if one == name], now) for name in known}
        if not any(accepted for judged in placed.values() for _, accepted in judged):
            raise AllRejected
        if terms.vendor is not None:
            said = self.priorities.get(terms.vendor, 0) if terms.priority is None else terms.priority
            self.priorities[terms.vendor] = said
            self.load_counts[terms.vendor] = self.load_counts.get(terms.vendor, 0) + 1
        done = [
            self.symbols[name].load(bars, terms, self.rank, replace_sessions=replace_sessions)
            for name, bars in placed.items()
        ]
        unknown = sum(name not in known for name, _ in rows)
        refused = Counts(unknown, 0, 0, 0, unknown, 0, 0)
        return Counts(*(sum(column) for column in zip(refused, *done, strict=True)))

    def repair(self, name: str, damaged: Iterable[int], clock: int) -> tuple[int, int, int]:
        """Mend a symbol of which some base bars have lost their sessions."""
        inserted, revised, deleted = self.symbols[name].rebuild(clock)
        return inserted, revised + len(list(damaged)), deleted

    def rank(self, vendor: str | None) -> int:
        """The priority of a vendor, or of nobody."""
        return 0 if vendor is None else self.priorities[vendor]

    def process(self, clock: int) -> dict[str, tuple[int, int, int]] | None:
        """Bars inserted, revised and deleted per interval over all symbols; None without work."""
        total: dict[str, list[int]] = {}
        worked = False
        for symbol in self.symbols.values():
            done = symbol.process(clock)
            worked = worked or done is not None
            for text, counts in (done or {}).items():
                total[text] = [sum(pair) for pair in zip(total.get(text, (0, 0, 0)), counts, strict=True)]
        return {text: tuple(counts) for text, counts in total.items() if any(counts)} if worked else None

    def edit(self, calendar: Calendar, clock: int) -> tuple[int, int, int]:
        """Change a calendar; bars inserted, revised and deleted over all symbols of it. All move, or (raising) none."""
        symbols = [symbol for symbol in self.symbols.values() if symbol.calendar.name == calendar.name]
        placed = [symbol.placed_on(calendar) for symbol in symbols]
        return added(symbol.move_to(calendar, bars, clock) for symbol, bars in zip(symbols, placed, strict=True))

    def bars(self) -> set[tuple[object, ...]]:
        """The view ``bars`` but for batch_id."""
        return {
            (name, text, *bar.shown(), *self._more(bar))
            for name, symbol in self.symbols.items()
            for text, bars in self._intervals(symbol)
            for bar in bars.values()
        }

    def _more(self, bar: Bar) -> tuple[float | None, ...]:
        return tuple(bar.row.more.get(name) for name in self.columns)

    def drop(self, name: str) -> None:
        """A column goes, with all of its values."""

        def without(bar: Bar | None) -> Bar | None:
            if bar is None or name not in bar.row.more:
                return bar
            more = {one: value for one, value in bar.row.more.items() if one != name}
            return replace(bar, row=replace(bar.row, more=more))

        for symbol in self.symbols.values():
            for bars in (symbol.bars, *(derived.bars for derived in symbol.derived.values())):
                bars.update({start: without(bar) for start, bar in bars.items()})
        for one in self.written:
            one.changes = {key: (without(old), without(new)) for key, (old, new) in one.changes.items()}
        del self.columns[name]

    def bars_live(self) -> set[tuple[object, ...]]:
        """The view ``bars_live`` but for batch_id."""
        stored = {(*row, False) for row in self.bars()}
        return stored | {
            (name, text, *bar.shown(), *self._more(bar), True)
            for name, symbol in self.symbols.items()
            for text, derived in symbol.derived.items()
            for bar in symbol.forming(derived)
        }

    def intervals(self) -> set[tuple[object, ...]]:
        rows = set()
        for name, symbol in self.symbols.items():
            coverage, gaps = symbol.base_coverage()
            rows.add(
                (
                    name,
                    symbol.base_text,
                    False,
                    None,
                    symbol.calendar.name,
                    *_ends(symbol.bars),
                    symbol.complete_through,
                    None,
                    False,
                    _quality(coverage),
                    len(gaps),
                )
            )
            for text, derived in symbol.derived.items():
                rows.add(
                    (
                        name,
                        text,
                        True,
                        symbol.base_text,
                        symbol.calendar.name,
                        *_ends(derived.bars),
                        None,
                        derived.through,
                        symbol.waiting(derived),
                        _quality(derived.coverage),
                        len(derived.gaps),
                    )
                )
        return rows

    def vendors(self) -> set[tuple[object, ...]]:
        """The view ``vendors`` but for when they were loaded last."""
        return {(vendor, priority, self.load_counts[vendor]) for vendor, priority in self.priorities.items()}

    def conflicts(self) -> set[tuple[object, ...]]:
        """The view ``conflicts`` but for its batches."""
        return {
            (name, symbol.base_text, start, bar.shown()[2], bar.row.owner, vendor, *bar.row.values(), *row.values())
            for name, symbol in self.symbols.items()
            for (start, vendor), row in symbol.offers.items()
            if (bar := symbol.bars.get(start)) is not None
            if bar.row.values() != row.values() and self.rank(bar.row.owner) > self.rank(vendor)
        }

    def coverage(self) -> set[tuple[object, ...]]:
        return {
            (name, text, one.day, one.expected, one.present, _quality([one]))
            for name, text, coverage, _ in self._accounts()
            for one in coverage
        }

    def gaps(self) -> set[tuple[object, ...]]:
        return {
            (name, text, one.day, one.start, one.end, one.missing, one.kind)
            for name, text, _, gaps in self._accounts()
            for one in gaps
        }

    def _accounts(self) -> Iterator[tuple[str, str, list[Coverage], list[Gap]]]:
        for name, symbol in self.symbols.items():
            yield name, symbol.base_text, *symbol.base_coverage()
            for text, derived in symbol.derived.items():
                yield name, text, derived.coverage, derived.gaps

    @staticmethod
    def _intervals(symbol: Symbol) -> Iterator[tuple[str, dict[int, Bar]]]:
        yield symbol.base_text, symbol.bars
        for text, derived in symbol.derived.items():
            yield text, derived.bars


def _ends(bars: dict[int, Bar]) -> tuple[int | None, int | None, int]:
    return min(bars, default=None), max(bars, default=None), len(bars)


def _quality(coverage: list[Coverage]) -> float | None:
    expected = sum(one.expected for one in coverage)
    return 100.0 * sum(one.present for one in coverage) / expected if expected else None


def check_calendar(calendar: Calendar) -> None:
    """Segments are in order and never overlap."""
    edges = [edge for session in calendar.sessions for segment in session.segments for edge in segment]
    assert all(earlier <= later for earlier, later in pairwise(edges))
