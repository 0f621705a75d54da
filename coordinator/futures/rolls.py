"""Rolls follow the bars of contracts: what was written since is found, and rolls are decided anew from there on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pyarrow as pa

from barhouse.coordinator.futures import decision
from barhouse.coordinator.futures.decision import Roll, Rule, Sessions, Traded
from barhouse.store.database.transaction import Row, TemporaryTable, Transaction
from barhouse.store.records import trading_calendar
from barhouse.store.records.batch import Batch

_NOTHING = Traded({}, {})
_ROLLS = pa.schema(
    {
        "symbol_id": pa.int32(),
        "session_date": pa.date32(),
        "decided_on": pa.date32(),
        "difference": pa.float64(),
        "ratio": pa.float64(),
    }
)
#: How many days so many sessions may take at the most, holidays included, and some to spare.
_DAYS_OF_A_SESSION, _SPARE_DAYS = 4, 30


@dataclass(frozen=True, slots=True)
class _Futures:
    """How many continuous futures there are, as writers remember it."""

    count: int


def are_there(transaction: Transaction) -> bool:
    """Whether there are continuous futures at all; remembered by writers."""
    known = transaction.memory.recall(_Futures)
    if known is None:
        known = _Futures(transaction.one("futures.count_futures").future_count)
        transaction.memory.keep(known)
    return known.count > 0


def waiting(transaction: Transaction, clock: datetime) -> dict[int, date]:
    """The futures whose rolls may be others by now, each with the first session that has changed."""
    futures = transaction.run("futures.futures_of", {"symbols": None})
    if not futures:
        return {}
    least = min(future.through_batch for future in futures)
    found = {
        row.future_id: row.session_date
        for row in transaction.run("futures.changed_sessions", {"clock": clock, "least_batch": least})
    }
    for future in futures:
        if future.look_at is None or future.look_at <= clock:
            found.setdefault(future.future_id, date.max)
    return found


def follow(transaction: Transaction, changed: Mapping[int, date], clock: datetime) -> Batch | None:
    """Decide rolls anew from the sessions on that have changed; returns the batch, None where nothing differs."""
    rows = transaction.run("futures.futures_of", {"symbols": None})
    futures = {row.future_id: row for row in rows if row.future_id in changed}
    reach(transaction, list(futures.values()), clock)
    batch = Batch.begin(transaction, "process", "rolls")
    for number, future in futures.items():
        bring_up_to_date(transaction, future, changed[number], clock, batch)
    if not batch.inserted + batch.revised + batch.deleted:
        return None
    batch.write(transaction)
    return batch


def decide_again(transaction: Transaction, clock: datetime, batch: Batch) -> None:
    """Decide all rolls of all futures anew, as part of a batch; what is there of none goes."""
    _write_changes(transaction, transaction.make("futures.unfounded_rolls"), batch)
    for future in transaction.run("futures.futures_of", {"symbols": None}):
        bring_up_to_date(transaction, future, date.min, clock, batch)


def reach(transaction: Transaction, futures: Sequence[Row], clock: datetime) -> None:
    """Have the calendars of futures known as far ahead as their rolls are decided."""
    before = {row.future_id: row.sessions_before or 0 for row in futures}
    for row in transaction.run("futures.calendars_of", {"future_ids": list(before)}):
        ahead = timedelta(days=_DAYS_OF_A_SESSION * before[row.future_id] + _SPARE_DAYS)
        trading_calendar.reach(transaction, [row.calendar], clock.date(), (clock + ahead).date())


def bring_up_to_date(transaction: Transaction, future: Row, since: date, clock: datetime, batch: Batch) -> None:
    """Decide the rolls of a future that depend on sessions from one on; the caller writes the batch's own row."""
    contracts = transaction.run("futures.contracts_of", {"future_ids": [future.future_id]})
    rows = transaction.run("futures.sessions_of_calendar", {"calendar": contracts[0].calendar, "clock": clock})
    stored = {row.symbol_id: row for row in transaction.run("futures.rolls_of", {"future_id": future.future_id})}
    # What was decided once had closed, whatever the clock says now.
    newest = max((row.decided_on for row in stored.values() if row.decided_on is not None), default=date.min)
    closed_count = sum(row.is_closed or row.session_date <= newest for row in rows)
    sessions = Sessions([row.session_date for row in rows], closed_count)
    write(transaction, future.future_id, _wanted(transaction, future, contracts, sessions, stored, since), batch)
    look_at = next((row.session_close for row in rows if not row.is_closed), None)
    through = batch.batch_id - 1  # its own bars there are none of
    if (future.through_batch, future.look_at) != (through, look_at):
        asked = {"future_id": future.future_id, "through_batch": through, "look_at": look_at}
        transaction.write("futures.followed", asked)


def write(transaction: Transaction, future_id: int, wanted: Sequence[Roll], batch: Batch) -> None:
    """Let the rolls of a future be these; what differs is kept as revisions."""
    columns = {name: [getattr(one, name) for one in wanted] for name in _ROLLS.names}
    given = transaction.attach("wanted_rolls", pa.table(columns, schema=_ROLLS))
    changes = transaction.make("futures.roll_changes", {"future_id": future_id}, wanted_rolls=given)
    _write_changes(transaction, changes, batch)


def _write_changes(transaction: Transaction, changes: TemporaryTable, batch: Batch) -> None:
    counts = transaction.one("futures.count_changes", roll_changes=changes)
    if counts.inserted + counts.revised + counts.deleted:
        batch.inserted += counts.inserted
        batch.revised += counts.revised
        batch.deleted += counts.deleted
        identity = {"batch_id": batch.batch_id}
        transaction.write("futures.keep_replaced", identity, roll_changes=changes)
        transaction.write("futures.drop_replaced", roll_changes=changes)
        transaction.write("futures.add_rolls", identity, roll_changes=changes)


def _wanted(
    transaction: Transaction,
    future: Row,
    contracts: Sequence[Row],
    sessions: Sessions,
    stored: Mapping[int, Row],
    since: date,
) -> list[Roll]:
    """All rolls as they shall be: those decided before a session are as they are."""
    kept = [Roll(contracts[0].symbol_id)]
    for contract in contracts[1:]:
        there = stored.get(contract.symbol_id)
        if there is None or there.decided_on is None or there.decided_on >= since:
            break
        kept.append(_as_it_is(there))
    left = contracts[len(kept) - 1 :]
    traded = _traded(transaction, future.roll_rule, [one.interval_id for one in left] if len(left) > 1 else [])
    rule = Rule(future.roll_rule, future.sessions_before or 0)
    for front, following in pairwise(left):
        there, begun = stored.get(following.symbol_id), kept[-1].session_date
        if (
            there is not None
            and there.decided_on is not None
            and _is_final(front, following, begun or there.decided_on)
        ):
            kept.append(_as_it_is(there))
            continue
        old, new = (traded.get(one.interval_id, _NOTHING) for one in (front, following))
        number = decision.decided(rule, sessions, begun, front.expires, following.roll_date, old, new)
        if number is None:
            break
        kept.append(decision.roll(following.symbol_id, sessions, number, old, new))
    return kept


def _as_it_is(row: Row) -> Roll:
    return Roll(row.symbol_id, row.session_date, row.decided_on, row.difference, row.ratio)


def _is_final(front: Row, following: Row, begun: date) -> bool:
    """Whether bars were purged that the roll was decided by."""
    return any(one.retained_date is not None and one.retained_date > begun for one in (front, following))


def _traded(transaction: Transaction, rule: str, interval_ids: Iterable[int]) -> dict[int, Traded]:
    weights: dict[int, dict[date, Decimal]] = defaultdict(dict)
    closes: dict[int, dict[date, float]] = defaultdict(dict)
    asked: dict[str, Any] = {"interval_ids": list(interval_ids)}
    name = "futures.traded_sessions"
    if rule == "open_interest":
        name = "futures.held_sessions"
        asked["number"] = transaction.one("futures.number_of_open_interest").number
    for row in transaction.run(name, asked):
        closes[row.interval_id][row.session_date] = row.close
        if row.weight is not None:
            weights[row.interval_id][row.session_date] = row.weight
    return {number: Traded(weights[number], closes[number]) for number in closes}
