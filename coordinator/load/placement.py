"""Judging rows: each is a bar with its place in a session, or has a reason why it is none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from barhouse.coordinator.load.columns import literal
from barhouse.coordinator.sources import LoadOptions, Source
from barhouse.coordinator.write.calendar_pieces import calendar_pieces
from barhouse.store.calendars.time_zone import zone_pieces
from barhouse.store.database.transaction import TemporaryTable, Transaction
from barhouse.store.errors import CalendarError, OptionsError
from barhouse.store.hints import Option
from barhouse.store.model.bar import TRADE_COUNT_LIMIT, TURNOVER_LIMIT, TURNOVER_LIMIT_SESSIONS, VOLUME_LIMIT
from barhouse.store.model.interval import Interval
from barhouse.store.records import trading_calendar
from barhouse.store.sql import Sql, sql

#: A bar may end this much after the machine's now: clocks differ.
_CLOCK_TOLERANCE = timedelta(seconds=5)
#: No bar is older; an older stamp is a mistake that would have calendars computed for nothing.
_EARLIEST = date(1900, 1, 1)
#: From so many rows on it pays to look whether they come in order.
_MANY_ROWS = 20_000
_MINUTE = 60

_OCCURRENCE = {
    "reject": "z.occurrence < 2",
    "first": "z.occurrence < 2",
    "second": "z.occurrence <> 1",
    "infer": "(z.occurrence = 0 OR z.occurrence = coalesce(r.inferred_occurrence, 1))",
}
_AMBIGUOUS = {
    "reject": "coalesce(z.occurrence, 0) = 1",
    "first": "false",
    "second": "false",
    "infer": "coalesce(z.occurrence, 0) > 0 AND r.inferred_occurrence IS NULL",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """The rows of a source with what is to be said of them.

    Attributes
    ----------
    text
        A table expression; reading it reads the source.
    row_count
        How many rows there are.
    may_be_appended
        Whether it is worth asking if they can be written as they are read.
    """

    text: str
    row_count: int
    may_be_appended: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """The rows taken: the table expressions they and all rows are in, how many, and what of them repeats."""

    text: str
    judged: str
    count: int
    outside: int
    same_repeats: int = 0
    refused_repeats: int = 0


@dataclass(frozen=True, slots=True)
class FreePlace:
    """Where bars that cannot be there yet begin, and whether they come in the order of the bar table."""

    first_id: int
    last_id: int
    first_start: datetime
    in_order: bool


def judge(
    transaction: Transaction,
    source: Source,
    raw: str,
    interval: Interval,
    options: LoadOptions,
    calendar_names: set[str],
    *,
    by_symbol: bool,
) -> Judged:
    """Work out how every row is judged: as a bar, or with the reason it is none."""
    row_count, first, last, naive, naive_times = transaction.one("load.bounds", raw=raw)
    needs_zone = naive if interval.intraday else naive_times
    if needs_zone and options.timezone is None:
        raise OptionsError(
            f"{source.name} has {needs_zone} stamps without a time zone; say which one they are in with "
            f"{Option('timezone')}, such as {Option('timezone', 'UTC')} or {Option('timezone', 'America/New_York')}"
        )
    today = transaction.now.date()
    # A stamp far ahead is a bar that has not ended; it needs no calendar to be refused. Local dates run up to a day
    # ahead of UTC.
    first_date = max(first.date(), _EARLIEST) if first else today
    last_date = min(last.date(), today + timedelta(days=1)) if last else today
    trading_calendar.reach(transaction, calendar_names, min(first_date, last_date), last_date)
    zoned = naive > 0 and options.timezone is not None
    if options.timezone is not None:
        pieces = zone_pieces(options.timezone, first_date, last_date)  # also says when there is no such zone
    infers = zoned and options.ambiguous == "infer"
    if zoned:
        transaction.register("zone_piece", pieces)
    if infers:
        transaction.run("load.infer_occurrence", raw=raw)
    if interval.intraday:
        cut = calendar_pieces(transaction, Sql("symbol_map"), first_date, last_date)
        find = _finding(transaction, cut, row_count, end_shift=int(options.label == "end"))
    else:
        transaction.run("load.session_name", {"unit": interval.unit, "length": interval.length})
        find = ""
    zone_join = sql("load.zone_join", occurrence=_OCCURRENCE[options.ambiguous])
    limits = {
        "turnover_limit": f"{TURNOVER_LIMIT if interval.intraday else TURNOVER_LIMIT_SESSIONS:.0f}",
        "volume_limit": f"{VOLUME_LIMIT:.0f}",
        "trade_count_limit": f"{TRADE_COUNT_LIMIT:.0f}",
        "latest_end": f"instant({_micros(transaction.now + _CLOCK_TOLERANCE)})",
    }
    misplaced_reason, placed = _placing(interval, options, find)
    text = sql(
        "load.judge",
        raw=sql("load.with_inferred", raw=raw) if infers else raw,
        zoned=zone_join if zoned else "",
        stamp=sql("load.stamp_of_zone", first_local=first_date, last_local=last_date) if zoned else "r.instant_given",
        ambiguous=_AMBIGUOUS[options.ambiguous] if zoned else "false",
        symbol_match=_symbol_match(by_symbol=by_symbol),
        placed=placed,
        sound=sql("load.sound", **limits),
        misplaced_reason=literal(misplaced_reason),
        **limits,
    )
    return Judged(text, row_count, may_be_appended=interval.intraday and not naive and row_count >= _MANY_ROWS)


def _symbol_match(*, by_symbol: bool) -> str:
    return "m.symbol_given = r.symbol_given" if by_symbol else "true"


def _finding(transaction: Transaction, cut: TemporaryTable, row_count: int, *, end_shift: int) -> str:
    """How instants, shifted to before a stamp that labels the end, find the piece of the calendar they lie in."""
    if row_count < _MANY_ROWS:
        return sql("load.find_piece", calendar_pieces=cut, end_shift=end_shift)
    transaction.run("load.numbered_piece", calendar_pieces=cut)
    transaction.run("load.calendar_day")
    (parts,) = transaction.one("load.day_parts")
    ends = ", ".join(f"coalesce(cuts[{part}], 9223372036854775807) AS end_{part}" for part in range(1, parts + 1))
    past = " + ".join(f"(t.stamp_us - {end_shift} >= d.end_{part})::INTEGER" for part in range(1, parts + 1))
    return sql("load.find_numbered_piece", ends=ends, past=past, end_shift=end_shift)


def _placing(interval: Interval, options: LoadOptions, find: str) -> tuple[str, str]:
    """How bars of an interval find their session: what is said of those that have none, and the statement's part."""
    at_end = options.label == "end"
    if not interval.intraday:
        placed = sql("load.placed_sessions", edge="block_close" if at_end else "block_open")
        reason = f"no session is named by this stamp; a {interval} bar is named by the date of its first session"
        return reason, placed
    width_us = interval.length * 1_000_000
    stamped = "at_end" if at_end else "at_start"
    placed = sql(
        "load.placed_intraday",
        find=find,
        start=sql(f"load.start_stamped_{stamped}", width_us=width_us),
        off_grid=sql(f"load.off_grid_stamped_{stamped}", width_us=width_us),
        width_us=width_us,
    )
    way_out = "check the stamps, and whether they label the start or the end of a bar"
    if interval.length > _MINUTE:
        way_out = f"load a finer base, such as 1m, and derive {interval} from it"
    reason = f"off the grid: {interval} bars count from the open of their session's segment; {way_out}"
    return reason, placed


def free_place(
    transaction: Transaction, raw: str, interval: Interval, options: LoadOptions, *, by_symbol: bool
) -> FreePlace | None:
    """Where the bars begin, if every one of them lies where no bars are yet; None otherwise."""
    begin = sql("load.beginning_of", raw=raw, row_count=_MANY_ROWS)
    in_order = all(transaction.one("load.run_count", raw=part)[0] for part in (begin, raw))
    if not in_order:
        transaction.run("load.starts", raw=raw)
    count, ascending, above, first_id, last_id, first_start = transaction.one(
        "load.free_place",
        width=interval.length,
        at_end=int(options.label == "end"),
        symbol_match=_symbol_match(by_symbol=by_symbol),
    )
    return FreePlace(first_id, last_id, first_start, in_order and ascending) if count and above else None


def stage(transaction: Transaction, source: Source, judged: Judged) -> Taken:
    """Judge every row into the temporary table ``staged``, in the order of the bar table and each bar once."""
    transaction.run("load.stage", judged=judged.text)
    count, outside, repeated, unknown = transaction.one("load.verdict")
    if unknown:
        refuse_unknown(transaction, source, "staged")
    same, refused, refused_outside = 0, 0, 0
    if repeated:
        transaction.run("load.repeats")
        same, refused, refused_outside = transaction.one("load.count_repeats")
        transaction.run("load.drop_repeats")
    return Taken(sql("load.staged_taken"), "staged", count - refused, outside - refused_outside, same, refused)


def refuse_unknown(transaction: Transaction, source: Source, judged: str) -> None:
    """Refuse rows that lie beyond what their calendar knows."""
    rows = transaction.run("load.unknown_range", judged=judged)
    if rows:
        calendar, known_from, known_through, file_row = rows[0]
        raise CalendarError(
            f"row {file_row} of {source.name} lies beyond what calendar {calendar} is known for, {known_from} to "
            f"{known_through}; nothing was loaded: load the rest without it, or upgrade exchange_calendars"
        )


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
