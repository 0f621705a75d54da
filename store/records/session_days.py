"""Dates as bounds: where the days of sessions begin, on the calendars as the store has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa

from barhouse.store.calendars.session_day import day_start
from barhouse.store.database.transaction import Transaction
from barhouse.store.model.bar import INSTANT
from barhouse.store.model.inputs import refuse_reversed

#: Instants before and after every bar.
BEGINNING, END = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
_EVERY_BATCH = 2**63 - 1

#: A range of time by dates, instants, or one of each; None leaves a side open.
Bounds = tuple[date | datetime | None, date | datetime | None]
#: Where a range begins and ends in UTC; None leaves a side open.
Range = tuple[datetime | None, datetime | None]


@dataclass(frozen=True, slots=True)
class DayStart:
    """Where a date begins on a calendar.

    Attributes
    ----------
    at
        Its first instant; see ``day_start``.
    next_open
        When its session opens, or the next one where it has none; None beyond what the calendar is known for.
    """

    at: datetime
    next_open: datetime | None


def day_starts(
    transaction: Transaction, calendars: Iterable[str], day: date, pinned: int | None = None
) -> dict[str, DayStart]:
    """Where a date begins on each calendar; with ``pinned`` on calendars as they were after that batch."""
    parameters = {"calendars": sorted(calendars), "day": day, "pinned": _EVERY_BATCH if pinned is None else pinned}
    return {
        calendar: DayStart(day_start(timezone or "UTC", day, last_close, next_open), next_open)
        for calendar, timezone, last_close, next_open in transaction.run("records.around_date", parameters)
    }


def first_opens(
    transaction: Transaction, calendars: Iterable[str], start: date | datetime | None, pinned: int | None = None
) -> dict[str, datetime | None]:
    """From where on sessions of each calendar, and bars in them, are meant by a range's start; None: from the first."""
    if start is None or isinstance(start, datetime):
        return dict.fromkeys(calendars, start)
    begun = day_starts(transaction, calendars, start, pinned)
    return {calendar: day.next_open or END for calendar, day in begun.items()}


def ranges(
    transaction: Transaction,
    calendars: Iterable[str],
    start: date | datetime | None,
    end: date | datetime | None,
    pinned: int | None = None,
) -> dict[str, Range]:
    """The range that bounds stand for on each calendar.

    Raises
    ------
    InputError
        When it ends before it begins on every calendar.
    """
    names = sorted(calendars)
    starts, ends = (_instants(transaction, names, bound, pinned) for bound in (start, end))
    found = {name: (starts[name], ends[name]) for name in names}
    if found and all(_is_reversed(span) for span in found.values()):
        refuse_reversed(*next(iter(found.values())))
    return found


def as_table(spans: Mapping[str, Range]) -> pa.Table:
    """Ranges by calendar as a table, an open side as far as instants go."""
    kinds = {"calendar": pa.string(), "start_at": INSTANT, "end_at": INSTANT}
    rows = [(name, start or BEGINNING, end or END) for name, (start, end) in spans.items()]
    columns = zip(*rows, strict=True) if rows else [()] * len(kinds)
    arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds.values(), strict=True)]
    return pa.Table.from_arrays(arrays, names=list(kinds))


def _instants(
    transaction: Transaction, names: list[str], bound: date | datetime | None, pinned: int | None
) -> dict[str, datetime | None]:
    if bound is None or isinstance(bound, datetime):
        return dict.fromkeys(names, bound)
    return {name: start.at for name, start in day_starts(transaction, names, bound, pinned).items()}


def _is_reversed(span: Range) -> bool:
    start, end = span
    return start is not None and end is not None and start > end
