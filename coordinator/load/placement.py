"""Judging rows: each is a bar with its place in a session, or has a reason why it is none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from barhouse.coordinator.load.canonical_rows import Bounds, CanonicalRows
from barhouse.coordinator.load.symbol_map import SymbolMap
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.coordinator.write.calendar_pieces import calendar_pieces
from barhouse.store.calendars.exchange import ALWAYS_OPEN
from barhouse.store.calendars.time_zone import zone_pieces
from barhouse.store.database.transaction import Relation, TemporaryTable, Transaction
from barhouse.store.errors import OptionsError
from barhouse.store.hints import Option
from barhouse.store.model.bar import (
    CLOCK_TOLERANCE,
    TRADE_COUNT_LIMIT,
    TURNOVER_LIMIT,
    TURNOVER_LIMIT_SESSIONS,
    VOLUME_LIMIT,
)
from barhouse.store.model.interval import Interval
from barhouse.store.model.words import agreeing, counted
from barhouse.store.records import trading_calendar
from barhouse.store.sql import Sql, joined, literal, sql

#: No bar is older; an older stamp is a mistake that would have calendars computed for nothing.
_EARLIEST = date(1900, 1, 1)
#: From so many rows on it pays to look whether they come in order.
MANY_ROWS = 20_000
_MINUTE = 60
#: How the reason begins of a bar of sessions whose stamp is the start of none.
UNNAMED = "no session is named by this stamp"

#: What may be done where an exchange's calendar does not reach.
_WAY_OUT = "; a calendar of one's own may begin earlier"

#: Which condition picks a pass of a time that the clock shows twice, and which says that none can be picked.
_OCCURRENCES = {
    "reject": ("load.occurrence_of_first", "load.ambiguous_of_reject"),
    "first": ("load.occurrence_of_first", "load.ambiguous_of_none"),
    "second": ("load.occurrence_of_second", "load.ambiguous_of_none"),
    "infer": ("load.occurrence_of_infer", "load.ambiguous_of_infer"),
}


@dataclass(frozen=True, slots=True)
class JudgedRows:
    """Canonical rows with what is to be said of them.

    Attributes
    ----------
    relation
        ``judged_rows``: as bars, or with the reason why not. Reading it may read the source.
    row_count
        How many rows there are.
    may_be_appended
        Whether it is worth asking if they can be written as they are read.
    may_overlap
        Whether bars outside of sessions lie on two grids, of the close before and of the open after them.
    misplaced_reason
        Why one is rejected that lies where no bar starts.
    """

    rows: CanonicalRows
    relation: Sql
    row_count: int
    may_be_appended: bool
    may_overlap: bool
    misplaced_reason: str


@dataclass(frozen=True, slots=True)
class Stamps:
    """How stamps become instants.

    Attributes
    ----------
    rows
        The rows, with what was inferred about them.
    join
        What tells how far their zone is from UTC.
    instant, ambiguous
        The instant, and whether the clock shows it twice.
    """

    rows: Relation
    join: Sql
    instant: Sql
    ambiguous: Sql


def judge(transaction: Transaction, rows: CanonicalRows, interval: Interval, options: LoadOptions) -> JudgedRows:
    """Work out how every row is judged: as a bar, or with the reason it is none.

    Raises
    ------
    OptionsError
        When stamps need a time zone that nobody named.
    """
    bounds = rows.bounds
    check_zone(rows, interval, options)
    first, last = dates_of(bounds, transaction.now.date())
    trading_calendar.reach(transaction, rows.symbols.calendars, min(first, last), last)
    stamps = stamps_of(transaction, rows, options, first, last)
    may_overlap = False
    if interval.intraday:
        pieces = calendar_pieces(transaction, rows.symbols.table, first, last)
        may_overlap = _has_two_grids(transaction, pieces, interval)
        join = _finding(transaction, pieces, bounds.row_count, end_shift=int(options.label == "end"))
        misplaced_reason, placed = _placed_intraday(interval, options, join)
    else:
        misplaced_reason, placed = _placed_sessions(transaction, rows.symbols, interval, options)
    limits = {
        "turnover_limit": int(TURNOVER_LIMIT if interval.intraday else TURNOVER_LIMIT_SESSIONS),
        "volume_limit": int(VOLUME_LIMIT),
        "trade_count_limit": int(TRADE_COUNT_LIMIT),
        "latest_end_us": _micros(transaction.now + CLOCK_TOLERANCE),
    }
    relation = sql(
        "load.judged_rows",
        canonical_rows=stamps.rows,
        symbol_map=rows.symbols.table,
        zoned=stamps.join,
        stamp=stamps.instant,
        ambiguous=stamps.ambiguous,
        symbol_match=symbol_match(rows.symbols),
        placed=placed,
        rows=rows.given_columns.judged(),
        declared=rows.given_columns.trimmed,
        placed_rows=_by_name(rows.symbols),
        near=sql("load.near"),
        is_valid=sql("load.is_valid", **limits),
        is_empty=sql("load.is_empty"),
        rounding=Sql(repr(rows.rounding)),
        beyond=_beyond(transaction, rows.symbols),
        misplaced_reason=literal(misplaced_reason),
        **limits,
    )
    is_plain = interval.intraday and not bounds.naive_count and not rows.symbols.is_dated and not rows.given_columns
    is_large = is_plain and bounds.row_count >= MANY_ROWS
    return JudgedRows(rows, relation, bounds.row_count, is_large and not may_overlap, may_overlap, misplaced_reason)


def _beyond(transaction: Transaction, symbols: SymbolMap) -> Sql:
    """What is said of rows that their calendar does not reach."""
    each = []
    for name in sorted(symbols.calendars):
        kept = transaction.one("records.kept_calendar", {"calendar": name})
        reason = (
            f"beyond what calendar {name} is known for, {kept.known_from} to {kept.known_through}"
            f"{_WAY_OUT if kept.definition is None and name != ALWAYS_OPEN else ''}"
        )
        each.append(sql("load.beyond_calendar", calendar=literal(name), reason=literal(reason)))
    return sql("load.beyond_calendars", each=joined(Sql(" "), each)) if each else sql("load.beyond_none")


def _by_name(symbols: SymbolMap) -> Sql:
    """Rows as they are placed, each with one symbol, whatever its name means over time."""
    if not symbols.is_dated:
        return Sql("placed")
    return sql("load.placed_by_name" if symbols.is_on_one_calendar else "load.placed_by_name_apart")


def symbol_match(symbols: SymbolMap) -> Sql:
    """How a row finds its symbol in ``symbol_map``."""
    return sql("load.symbol_as_given" if symbols.by_symbol else "load.symbol_of_all")


def check_zone(rows: CanonicalRows, interval: Interval, options: LoadOptions) -> None:
    """Refuse stamps that need a time zone, unless one is said."""
    needs_zone = rows.bounds.naive_count if interval.intraday else rows.bounds.naive_time_count
    if needs_zone and options.timezone is None:
        they_are = agreeing(needs_zone, "it is", "they are")
        raise OptionsError(
            f"{rows.name} has {counted(needs_zone, 'stamp')} without a time zone; say which one {they_are} in with "
            f"{Option('timezone')}, such as {Option('timezone', 'UTC')} or {Option('timezone', 'America/New_York')}"
        )


def _has_two_grids(transaction: Transaction, pieces: TemporaryTable, interval: Interval) -> bool:
    """Whether bars outside of sessions may overlap; opens and closes are whole minutes."""
    if interval.length <= _MINUTE:
        return False
    width_us = interval.length * 1_000_000
    return bool(transaction.one("load.count_two_grids", calendar_pieces=pieces, width_us=width_us).piece_count)


def dates_of(bounds: Bounds, today: date) -> tuple[date, date]:
    """The dates that calendars and zones are asked for.

    A stamp far ahead is a bar that has not ended; it needs no calendar to be refused. Local dates run up to a day
    ahead of UTC.
    """
    first, last = bounds.first_instant, bounds.last_instant
    return (
        max(first.date(), _EARLIEST) if first else today,
        min(last.date(), today + timedelta(days=1)) if last else today,
    )


def stamps_of(transaction: Transaction, rows: CanonicalRows, options: LoadOptions, first: date, last: date) -> Stamps:
    """How the stamps of rows between two dates become instants."""
    if options.timezone is not None:
        pieces = zone_pieces(options.timezone, first, last)  # also says when there is no such zone
    if not rows.bounds.naive_count or options.timezone is None:
        return Stamps(rows.relation, Sql(""), sql("load.stamp_as_given"), sql("load.ambiguous_of_none"))
    zones = transaction.attach("zone_pieces", pieces)
    relation = rows.relation
    if options.ambiguous == "infer":
        inferred = transaction.make("load.infer_occurrence", canonical_rows=relation, zone_pieces=zones)
        relation = sql("load.with_occurrences", canonical_rows=relation, inferred_occurrences=inferred)
    occurrence, ambiguous = _OCCURRENCES[options.ambiguous]
    return Stamps(
        relation,
        sql("load.join_zone_pieces", zone_pieces=zones, occurrence=sql(occurrence)),
        sql("load.stamp_of_zone", first_local=literal(str(first)), last_local=literal(str(last))),
        sql(ambiguous),
    )


def _finding(transaction: Transaction, pieces: TemporaryTable, row_count: int, *, end_shift: int) -> Sql:
    """How instants, shifted to before a stamp that labels the end, find the piece of the calendar they lie in."""
    if row_count < MANY_ROWS:
        return sql("load.join_pieces", calendar_pieces=pieces, end_shift=end_shift)
    numbered = transaction.make("load.number_pieces", calendar_pieces=pieces)
    days = transaction.make("load.calendar_days", numbered_pieces=numbered)
    parts = range(1, transaction.one("load.count_day_parts", calendar_days=days).part_count + 1)
    return sql(
        "load.join_numbered_pieces",
        calendar_days=days,
        numbered_pieces=numbered,
        ends=joined(Sql(", "), [sql("load.end_of_part", part=part) for part in parts]),
        past=joined(Sql(" + "), [sql("load.part_is_past", part=part, end_shift=end_shift) for part in parts]),
        end_shift=end_shift,
    )


def _placed_sessions(
    transaction: Transaction, symbols: SymbolMap, interval: Interval, options: LoadOptions
) -> tuple[str, Sql]:
    """How bars of sessions and longer find theirs: what is said of those that have none, and the statement's part."""
    unit = {"unit": interval.unit, "length": interval.length}
    at = options.label
    edge, dates = sql(f"load.edge_at_{at}"), sql(f"load.dates_at_{at}")
    names = transaction.make("load.session_names", unit, symbol_map=symbols.table, edge=edge, dates=dates)
    by_date, by_edge = Sql("by_date"), Sql("by_edge")
    if at == "end":
        reason = (
            f"no session ends at this stamp; a {interval} bar labelled by its end is stamped with the close of its "
            f"last session, or with the midnight after it"
        )
        return reason, sql("load.placed_sessions", session_names=names, first=by_edge, second=by_date)
    reason = f"{UNNAMED}; a {interval} bar is named by the date of its first session"
    return reason, sql("load.placed_sessions", session_names=names, first=by_date, second=by_edge)


def _placed_intraday(interval: Interval, options: LoadOptions, join_pieces: Sql) -> tuple[str, Sql]:
    """How parts of a session find it: what is said of those off the grid, and the statement's part."""
    width_us = interval.length * 1_000_000
    at_end = options.label == "end"
    start = sql("load.start_stamped_at_end", width_us=width_us) if at_end else sql("load.start_stamped_at_start")
    off_grid = sql(f"load.off_grid_stamped_{'at_end' if at_end else 'at_start'}", width_us=width_us)
    way_out = "check the stamps and the option label"
    if interval.length > _MINUTE:
        way_out = f"load a finer base, such as 1m, and derive {interval} from it"
    reason = f"off the grid: {interval} bars count from the open of their session's segment; {way_out}"
    return reason, sql(
        "load.placed_intraday", join_pieces=join_pieces, start=start, off_grid=off_grid, width_us=width_us
    )


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
