"""Trades into base bars: kept for a while, so that late, corrected and cancelled ones change just the bars they touch.

What is kept of a trade is the greatest of what was sent: a cancellation before everything, then the highest revision.
So bars come out the same in whatever order trades arrive, and however often. A base bar is built when it has ended,
and again when one of its trades changes; it goes when its last trade is cancelled. It is whole when its trades were
seen from its start to its end (``live.seen``); one that is not never takes the place of one that is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from barhouse.coordinator.live.seen import FeedProgress, Seen
from barhouse.store.database.transaction import TemporaryTable, Transaction
from barhouse.store.model.bar import CLOCK_TOLERANCE, COLUMNS, INSTANT, TURNOVER_LIMIT, VOLUME_LIMIT
from barhouse.store.records import trading_calendar
from barhouse.store.sql import Sql, sql

#: A trade this far ahead of the clock is a mistake, which must not be kept until its day comes.
_AHEAD = timedelta(days=1)
#: A step this long between two trades of a feed that catches up may be that from a late one to the present.
LEAP = timedelta(seconds=10)
_STRETCHES = pa.schema({"seen_from": INSTANT, "seen_to": INSTANT, "is_open": pa.bool_()})


@dataclass(frozen=True, slots=True)
class Built:
    """Base bars whose trades changed: those to load, by interval; and those that have no trade left.

    Attributes
    ----------
    lacking
        Those to load that are not whole, or not known to be.
    """

    bars: Mapping[str, pa.Table]
    lacking: Sql
    emptied: tuple[tuple[str, str, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class TakenTrades:
    """What became of trades.

    Attributes
    ----------
    rejected
        The ``given_row`` of each that is not taken, and why.
    seen
        What is seen of the feed with them.
    doubted
        Base bars that were whole and may lack a trade: one came too late to be kept, or shows that others were lost.
    """

    rejected: list[tuple[int, str]]
    seen: Seen
    doubted: tuple[Built, ...] = ()


def take(
    transaction: Transaction,
    given: pa.Table,
    kept_from: datetime,
    now: datetime,
    seen: Seen,
    arrived_at: datetime,
    feed_name: str,
) -> TakenTrades:
    """Keep trades and cancellations, and note which base bars they touch.

    Parameters
    ----------
    given
        In the columns of ``feeds.events.trade_table``, in the order they came.
    kept_from
        Base bars that start before this are final; what belongs to them is refused.
    seen, arrived_at
        What was seen of the feed before, and when these came.
    feed_name
        What the batches of its bars are called by.
    """
    given_trades = transaction.attach("given_trades", given)
    calendars = [row.calendar for row in transaction.run("live.calendars_of_trades", given_trades=given_trades)]
    times = [at for at in given["traded_at"].to_pylist() if at is not None and at <= now + _AHEAD]
    if calendars and times:
        trading_calendar.reach(transaction, calendars, max(min(times), kept_from).date(), max(times).date())
    judged = transaction.make(
        "live.make_judged_trades",
        {
            "latest": now + _AHEAD,
            "kept_from": kept_from,
            "turnover_limit": TURNOVER_LIMIT,
            "volume_limit": VOLUME_LIMIT,
        },
        given_trades=given_trades,
    )
    rejected = transaction.run("live.rejected_trades", judged_trades=judged)
    new_trades = transaction.make("live.make_new_trades", judged_trades=judged)
    changes = transaction.make("live.make_trade_changes", new_trades=new_trades)
    seen = _with_progress(transaction, judged, changes, now, seen.heard(arrived_at))
    news = transaction.one("live.first_news", trade_changes=changes)
    unsure = None
    if seen.ended and news.first_at is not None and news.first_at < seen.ended[-1][1]:
        seen = seen.ended_by(news.last_before)
        unsure = doubt(transaction, now, seen)  # as they are stored: before these trades are among theirs
    transaction.write("live.mark_changed_bars", trade_changes=changes)
    transaction.write("live.apply_trade_changes", {"now": now}, trade_changes=changes)
    late = None
    if rejected:
        made = transaction.make("live.make_late_bars", {"source": feed_name}, named="late_bars", judged_trades=judged)
        late = _to_load(transaction, made) if made.row_count else None
    doubted = tuple(built for built in (unsure, late) if built is not None)
    return TakenTrades([(row.given_row, row.reason) for row in rejected], seen, doubted)


def _with_progress(
    transaction: Transaction, judged: TemporaryTable, changes: TemporaryTable, now: datetime, seen: Seen
) -> Seen:
    """What is seen of a feed with new trades; those that the clock cannot explain tell nothing of its time."""
    asked = {
        "not_before": seen.not_before,
        "reached": seen.reached or seen.not_before,
        "before": seen.reached,
        "present": seen.present,
        "leap_us": LEAP // timedelta(microseconds=1),
        "arrived_at": seen.heard_at,
        "newest": now + CLOCK_TOLERANCE,
    }
    found = transaction.one("live.progress", asked, judged_trades=judged, trade_changes=changes)
    if found.first_at is None:
        return seen
    lag, lateness = (timedelta(microseconds=micros) for micros in (found.lag_us, found.lateness_us))
    return seen.with_trades(FeedProgress(found.first_at, found.last_at, lag, lateness, found.leaps_to), seen.heard_at)


def build(transaction: Transaction, through: datetime, now: datetime, seen: Seen, heard_at: datetime) -> Built | None:
    """Build the base bars that wait and have ended by ``through``; None when there are none.

    Parameters
    ----------
    heard_at
        Until when, by the clock, the feed was heard, or is known to be quiet.
    """
    due = _due(transaction, sql("live.waiting_buckets"), {}, through, now, seen.stretches(heard_at))
    if not due.table.row_count:
        return None
    built = _built(transaction, due)
    news = transaction.make("live.make_bars_to_write", built_bars=built, stored_bars_of_trades=due.stored)
    emptied = transaction.run(
        "live.emptied_bars", due_bars=due.table, built_bars=built, stored_bars_of_trades=due.stored
    )
    transaction.write("live.consume_due_bars", due_bars=due.table)
    return _to_load(transaction, news, tuple(tuple(row) for row in emptied))


def doubt(transaction: Transaction, now: datetime, seen: Seen) -> Built | None:
    """The base bars that were whole and, with the last stretch of a feed over, are no longer known to be."""
    if not seen.ended:
        return None
    after = {"after": seen.ended[-1][1]}
    due = _due(transaction, sql("live.buckets_after"), after, now, now, seen.stretches(now))
    if not due.table.row_count:
        return None
    built = _built(transaction, due)
    return _to_load(
        transaction, transaction.make("live.make_doubted_bars", built_bars=built, stored_bars_of_trades=due.stored)
    )


def forming(transaction: Transaction, symbol: str) -> pa.Table:
    """The base bars of a symbol that are not built yet, as the trades at hand make them."""
    made = sql("live.bars_of_trades", buckets=sql("live.forming_buckets"), trades=sql("live.trades_kept"))
    rows = transaction.run("live.forming_bars", {"symbol": symbol}, bars_of_trades=made)
    return next(iter(_tables(rows).values()), _table([]))


def held(transaction: Transaction, symbol: str, now: datetime, seen: Seen) -> TemporaryTable:
    """A symbol's base bars that trades at hand make whole, or will: ``held_bars`` (interval_id, bar_start)."""
    of_symbol = sql("live.buckets_of_symbol")
    due = _due(transaction, of_symbol, {"symbol": symbol}, now + _AHEAD, now, seen.stretches(seen.heard_at))
    return transaction.make(
        "live.make_held_bars",
        due_bars=due.table,
        built_bars=_built(transaction, due),
        stored_bars_of_trades=due.stored,
    )


def follow(transaction: Transaction, symbols: Iterable[str], since: datetime) -> None:
    """Follow the trades of symbols: of those that were not followed before, from an instant on."""
    transaction.write("live.follow", {"symbols": sorted(symbols), "since": since})


def follow_only(transaction: Transaction, symbols: Iterable[str]) -> None:
    """Follow the trades of no other symbols any longer."""
    transaction.write("live.follow_no_longer", {"symbols": sorted(symbols)})


def prune(transaction: Transaction, kept_from: datetime) -> None:
    """Forget the trades of base bars that start before ``kept_from``: those bars are final."""
    transaction.run("live.prune_trades", {"kept_from": kept_from})


def kept_from(through: datetime, kept: timedelta, before: datetime | None) -> datetime:
    """From when trades are kept, in whole minutes, at an instant; it never goes back."""
    limit = datetime.fromtimestamp((through - kept).timestamp() // 60 * 60, UTC)
    return limit if before is None else max(limit, before)


@dataclass(frozen=True, slots=True)
class _Due:
    """``due_bars``, and ``stored_bars_of_trades`` of what they were looked for among."""

    table: TemporaryTable
    stored: TemporaryTable


def _due(
    transaction: Transaction,
    waiting: Sql,
    asked: Mapping[str, object],
    through: datetime,
    now: datetime,
    stretches: Sequence[tuple[datetime, datetime, bool]],
) -> _Due:
    """Those of the base bars that wait (``waiting``, with the values of its parameters) that are due."""
    rows = [dict(zip(_STRETCHES.names, stretch, strict=True)) for stretch in stretches]
    attached = transaction.attach("seen_stretches", pa.Table.from_pylist(rows, _STRETCHES))
    stored = transaction.make("live.make_stored_bars", dict(asked), waiting_buckets=waiting)
    due = transaction.make(
        "live.make_due_bars",
        {**asked, "through": through, "now": now},
        waiting_buckets=waiting,
        stored_bars_of_trades=stored,
        seen_stretches=attached,
    )
    return _Due(due, stored)


def _built(transaction: Transaction, due: _Due) -> TemporaryTable:
    made = sql("live.bars_of_trades", buckets=due.table, trades=sql("live.trades_kept"))
    return transaction.make("live.make_built_bars", bars_of_trades=made)


def _to_load(
    transaction: Transaction, news: TemporaryTable, emptied: tuple[tuple[str, str, datetime], ...] = ()
) -> Built:
    rows = transaction.run("live.bars_written", bars_to_write=news)
    return Built(_tables(rows), sql("live.lacking", bars_to_write=news), emptied)


def _tables(rows: list[tuple[object, ...]]) -> dict[str, pa.Table]:
    found: dict[str, list[tuple[object, ...]]] = {}
    for interval, *values in rows:
        found.setdefault(str(interval), []).append(tuple(values))
    return {interval: _table(values) for interval, values in found.items()}


def _table(rows: list[tuple[object, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, COLUMNS, strict=True)], COLUMNS)
