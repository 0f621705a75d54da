"""Whether the stamps of a source can be meant as a whole: each by itself may be a time, and all of them a mistake.

Numbers that are read in a finer unit than they count in come to lie in the first weeks of 1970, a few of them by
chance where a bar could start; and nearly no bar of the wrong length starts where it should.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from barhouse.coordinator.load import stamps
from barhouse.coordinator.load.acceptance import AcceptedRows
from barhouse.coordinator.load.canonical_rows import CanonicalRows
from barhouse.coordinator.load.placement import JudgedRows
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import OptionsError, StampsError
from barhouse.store.hints import Option
from barhouse.store.model.interval import Interval
from barhouse.store.model.words import agreeing, counted
from barhouse.store.sql import literal

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Where whatever was counted since 1970 and until today lies, when it is read in a unit a thousand times as fine.
_MISREAD_THROUGH = datetime(1970, 2, 19, tzinfo=UTC)
#: So much longer is a unit than the next finer one.
_NEXT_UNIT = 1000
#: So many rows off the grid, for each that is on it, may be the rows' own fault.
_FEW_OFF = 3
_FINER = tuple(stamps.EPOCHS)[1:]
#: What to do about stamps that have no time of day.
WITHOUT_TIME = (
    f"bars of less than a day need a time of day: name a column that has date and time with "
    f"{Option('columns', {'bar_start': 'NAME'})}"
)
_CHECK = "check the stamps and how they are said to be written"
_MICROS: dict[str, float] = {"epoch_s": 1_000_000, "epoch_ms": 1000, "epoch_us": 1, "epoch_ns": 1 / 1000}


def check_span(transaction: Transaction, rows: CanonicalRows, interval: Interval, options: LoadOptions) -> None:
    """Refuse a source all of whose stamps are of another unit, or dates where times are meant.

    Raises
    ------
    OptionsError
        Naming the unit that would fit.
    """
    bounds = rows.bounds
    first, last = bounds.first_instant, bounds.last_instant
    if rows.stamps is None or first is None or last is None:
        return
    if options.timestamp_format in _FINER and first >= _EPOCH and last < _MISREAD_THROUGH:
        raise OptionsError(
            f"all stamps of {rows.name} would lie between {_shown(first)} and {_shown(last)}, read with "
            f"{Option('timestamp_format', options.timestamp_format)}; {way_out(transaction, rows, options) or _CHECK}"
        )
    are_midnights = bounds.naive_count > 1 and not bounds.naive_time_count and bounds.naive_count == bounds.row_count
    if interval.intraday and are_midnights and first.date() != last.date():
        raise OptionsError(
            f"all {counted(bounds.naive_count, 'stamp')} of {rows.name} are at midnight, as dates are, so that they "
            f"cannot be bars of {interval}; {WITHOUT_TIME}"
        )


def check_grid(
    transaction: Transaction, judged: JudgedRows, accepted: AcceptedRows, interval: Interval, options: LoadOptions
) -> None:
    """Refuse a source of which more than three rows in four lie where no bar of its length starts.

    Of those in the first weeks of 1970 half are enough.

    Raises
    ------
    StampsError
        Naming the unit that would fit.
    """
    rows, reason = judged.rows, judged.misplaced_reason
    if rows.stamps is None or accepted.count == judged.row_count:
        return
    first = rows.bounds.first_instant
    is_misread = first is not None and _EPOCH <= first < _MISREAD_THROUGH
    if not (interval.intraday or is_misread):  # a date without a session is on no grid that a unit could miss
        return
    found = transaction.one(
        "load.count_off_grid",
        judged_rows=accepted.judged,
        reason=literal(reason),
        through=literal(_MISREAD_THROUGH.isoformat()),
    )
    most = interval.intraday and found.off_count > _FEW_OFF * found.on_count
    if most or (is_misread and found.early_off_count > found.early_on_count):
        count = found.off_count if most else found.early_off_count
        are = agreeing(count, "is", "are")
        raise StampsError(
            f"{count:,} of {counted(rows.bounds.row_count, 'stamp')} of {rows.name} {are} off every grid, the first at "
            f"{_shown(found.first_off)}, so that nothing was loaded: {reason}; "
            f"{way_out(transaction, rows, options) or _CHECK}"
        )


def way_out(transaction: Transaction, rows: CanonicalRows, options: LoadOptions) -> str | None:
    """What to say of stamps that cannot be meant as they were read: the unit that would fit; None where none would."""
    if rows.stamps is None:
        return None
    number = stamps.epoch(rows.stamps)
    if number is not None:
        found = transaction.one("load.number_range", rows=rows.given, number=number)
        for form, micros in _MICROS.items():
            span = _within_reach(found.least, found.greatest, micros, transaction.now)
            if span is not None and form != options.timestamp_format:
                return f"with {Option('timestamp_format', form)} they lie between {span}"
    first, last = rows.bounds.first_instant, rows.bounds.last_instant
    if first is not None and last is not None and rows.stamps.type.startswith("TIMESTAMP"):
        for times in (_NEXT_UNIT, _NEXT_UNIT**2):
            span = _within_reach(_micros(first), _micros(last), times, transaction.now)
            if span is not None:
                return f"they would lie between {span} in a unit {times} times as long; make times of them in that one"
    return None


def _within_reach(least: int | None, greatest: int | None, micros: float, now: datetime) -> str | None:
    """What numbers span in a unit of so many microseconds, where that is nothing but the past since 1970."""
    if least is None or greatest is None:
        return None
    first, last = _EPOCH.timestamp() + least * micros / 1e6, _EPOCH.timestamp() + greatest * micros / 1e6
    if first < _MISREAD_THROUGH.timestamp() or last > (now + timedelta(days=1)).timestamp():
        return None
    return f"{_shown(datetime.fromtimestamp(first, UTC))} and {_shown(datetime.fromtimestamp(last, UTC))}"


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _shown(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
