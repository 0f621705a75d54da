"""The bars of one symbol and interval, as they are, as they are forming, or as they were known."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa

from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import InputError, UnknownSymbolError
from barhouse.store.hints import Option
from barhouse.store.model.inputs import unknown_symbol
from barhouse.store.records import session_days
from barhouse.store.records.session_days import Bounds, Range
from barhouse.store.sql import Sql


def bars(transaction: Transaction, symbol: str, interval: str, bounds: Bounds, *, live: bool = False) -> pa.Table:
    """The bars there are now, those forming included if ``live``; see ``SessionStore.bars``."""
    calendar = _calendar_of(transaction, symbol, interval)
    span = session_days.ranges(transaction, [calendar], *bounds)[calendar]
    source = Sql("bars_live") if live else Sql("bars")
    return transaction.table("records.bars_in_range", _parameters(symbol, interval, span), source=source)


def bars_as_of(transaction: Transaction, symbol: str, interval: str, bounds: Bounds, as_of: datetime) -> pa.Table:
    """The bars that were known at an instant, on the calendar as it was then; see ``SessionStore.bars``.

    Raises
    ------
    InputError
        When what was known then was purged.
    """
    then = transaction.run("records.calendar_then", {"symbol": symbol, "as_of": as_of})
    span: Range = (None, None)
    first_open = None
    for calendar, pinned in then:
        span = session_days.ranges(transaction, [calendar], *bounds, pinned)[calendar]
        first_open = session_days.first_open(transaction, calendar, bounds[0], pinned)
    _refuse_untold(transaction, symbol, interval, as_of, span[0], first_open)
    parameters = {**_parameters(symbol, interval, span), "as_of": as_of}
    return transaction.table("records.bars_in_range", parameters, source=Sql("bars_as_of($as_of::TIMESTAMPTZ)"))


def _parameters(symbol: str, interval: str, span: Range) -> dict[str, object]:
    return {"symbol": symbol, "interval": interval, "start": span[0], "end": span[1]}


def _calendar_of(transaction: Transaction, symbol: str, interval: str) -> str:
    """The calendar of a symbol that is registered with an interval."""
    rows = transaction.run("records.intervals_of", {"symbols": [symbol]})
    if not rows:
        raise unknown_symbol(symbol, {name for (name,) in transaction.run("records.active_symbols")})
    intervals = [row.interval for row in rows]
    if interval not in intervals:
        raise UnknownSymbolError(
            f"{symbol} has no interval {interval!r}, it has {', '.join(intervals)}; register {interval!r} to have it"
        )
    return str(rows[0].calendar)


def _refuse_untold(
    transaction: Transaction,
    symbol: str,
    interval: str,
    as_of: datetime,
    start: datetime | None,
    first_open: datetime | None,
) -> None:
    """Refuse a question about the past whose answer was purged; derived bars are asked for from an open on."""
    parameters = {"symbol": symbol, "interval": interval, "as_of": as_of, "start": start, "first_open": first_open}
    purged = transaction.one("records.purged_past", parameters)
    if purged.kept_from is not None and as_of < purged.kept_from:
        raise InputError(
            f"{Option('as_of', as_of)} lies before {purged.kept_from.isoformat()}, and earlier revisions were "
            f"purged; give that instant or a later one"
        )
    if purged.purged_at is not None:
        before, at = purged.purged_before.isoformat(), purged.purged_at.isoformat()
        raise InputError(
            f"bars of {symbol} {interval} before {before} were purged at {at}, and what was known of them at "
            f"{Option('as_of', as_of)} is gone; give {Option('start', before)} or a later one"
        )
