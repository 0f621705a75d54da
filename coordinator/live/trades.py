"""Trades into base bars: kept for a while, so that late, corrected and cancelled ones change just the bars they touch.

What is kept of a trade is the greatest of what was sent: a cancellation before everything, then the highest revision.
So bars come out the same in whatever order trades arrive, and however often. A base bar is built when it has ended,
and again when one of its trades changes; it goes when its last trade is cancelled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from barhouse.store.database.transaction import Transaction
from barhouse.store.model.bar import COLUMNS, TURNOVER_LIMIT, VOLUME_LIMIT
from barhouse.store.records import trading_calendar
from barhouse.store.sql import sql

#: A trade this far ahead of the clock is a mistake, which must not be kept until its day comes.
_AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Built:
    """Base bars whose trades changed: those to load, by interval; and those that have no trade left."""

    bars: Mapping[str, pa.Table]
    emptied: tuple[tuple[str, str, datetime], ...]


def take(transaction: Transaction, given: pa.Table, kept_from: datetime, now: datetime) -> list[tuple[int, str]]:
    """Keep trades and cancellations, and note which base bars they touch.

    Parameters
    ----------
    given
        In the columns of ``sources.events.trade_table``.
    kept_from
        Base bars that start before this are final; what belongs to them is refused.

    Returns
    -------
    list of (int, str)
        The ``given_row`` of each that is not taken, and why.
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
    transaction.write("live.mark_changed_bars", trade_changes=changes)
    transaction.write("live.apply_trade_changes", {"now": now}, trade_changes=changes)
    return [(row.given_row, row.reason) for row in rejected]


def build(transaction: Transaction, through: datetime) -> Built | None:
    """Build the base bars that wait and have ended by ``through``; None when there are none."""
    due = transaction.make("live.make_due_bars", {"through": through})
    if not due.row_count:
        return None
    rows = transaction.run("live.built_bars", buckets=due)
    emptied = tuple(tuple(row) for row in transaction.run("live.emptied_bars", due_bars=due))
    transaction.write("live.consume_due_bars", due_bars=due)
    return Built(_tables(rows), emptied)


def forming(transaction: Transaction, symbol: str) -> pa.Table:
    """The base bars of a symbol that are not built yet, as the trades at hand make them."""
    rows = transaction.run("live.built_bars", {"symbol": symbol}, buckets=sql("live.forming_bars"))
    return next(iter(_tables(rows).values()), _table([]))


def held(transaction: Transaction, symbol: str) -> list[datetime]:
    """The starts of a symbol's base bars that are built from trades at hand."""
    return [row.bar_start for row in transaction.run("live.bars_with_trades", {"symbol": symbol})]


def prune(transaction: Transaction, kept_from: datetime) -> None:
    """Forget the trades of base bars that start before ``kept_from``: those bars are final."""
    transaction.run("live.prune_trades", {"kept_from": kept_from})


def kept_from(through: datetime, kept: timedelta, before: datetime | None) -> datetime:
    """From when trades are kept, in whole minutes, at an instant; it never goes back."""
    limit = datetime.fromtimestamp((through - kept).timestamp() // 60 * 60, UTC)
    return limit if before is None else max(limit, before)


def _tables(rows: list[tuple[object, ...]]) -> dict[str, pa.Table]:
    found: dict[str, list[tuple[object, ...]]] = {}
    for interval, *values in rows:
        found.setdefault(str(interval), []).append(tuple(values))
    return {interval: _table(values) for interval, values in found.items()}


def _table(rows: list[tuple[object, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, COLUMNS, strict=True)], COLUMNS)
