"""Retaining: old bars and old revisions given up for good, and what that leaves final, inside one transaction."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from barhouse.coordinator.write.coverage import gather_intervals, recompute_coverage
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import CalendarError, InputError
from barhouse.store.hints import Action, Option
from barhouse.store.model.bar import INSTANT
from barhouse.store.model.inputs import unknown_symbol
from barhouse.store.model.interval import Interval
from barhouse.store.model.reports import RetainedInterval, RetentionReport
from barhouse.store.records.batch import Batch
from barhouse.store.sql import Sql, sql

_DURATION = re.compile(r"([1-9][0-9]{0,4})(d|w|mo|y)")
_MONTHS = {"mo": 1, "y": 12}
_DAYS = {"d": 1, "w": 7}


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long bars of one interval are kept: from ``before`` on, or so long before the last base bar."""

    interval: str
    before: datetime | None = None
    months: int = 0
    days: int = 0

    def __str__(self) -> str:
        if self.before is not None:
            return f"{self.interval} from {self.before.isoformat()}"
        return f"{self.interval} for {f'{self.months}mo' if self.months else f'{self.days}d'}"


def parse(policy: Mapping[str, str]) -> tuple[list[Keeping], Keeping | None]:
    """Read a policy: how long each interval is kept, and how long revisions are."""
    keeping, revisions = [], None
    for name, duration in policy.items():
        found = _DURATION.fullmatch(duration.strip()) if isinstance(duration, str) else None
        if found is None:
            raise InputError(
                f"{name}={duration!r} is no duration; write days, weeks, months or years as 90d 12w 6mo 2y"
            )
        count, unit = int(found[1]), found[2]
        text = name if name == "revisions" else str(Interval.parse(name))
        one = Keeping(text, months=count * _MONTHS.get(unit, 0), days=count * _DAYS.get(unit, 0))
        if name == "revisions":
            revisions = one
        else:
            keeping.append(one)
    if len({one.interval for one in keeping}) < len(keeping):
        raise InputError(f"the policy names an interval twice: {', '.join(policy)}")
    return keeping, revisions


def purge_bars(
    transaction: Transaction,
    names: Sequence[str] | None,
    keeping: Sequence[Keeping],
    revisions: Keeping | None = None,
) -> RetentionReport:
    """Purge bars as told, and old revisions; see ``SessionCoordinator.apply_retention``."""
    _refuse_unknown(transaction, names, [one.interval for one in keeping])
    batch = Batch.begin(transaction, "retention", ", ".join(map(str, [*keeping, *([revisions] if revisions else [])])))
    transaction.register("keeping", _as_table(keeping))
    transaction.run("retain.starting_kinds")
    transaction.run("retain.wanted", {"symbols": names})
    starts = sql("retain.starts", wanted="wanted")
    transaction.run("retain.going", starts=starts)
    held_back = tuple(name for (name,) in transaction.run("retain.held_back"))
    rows = transaction.run("retain.going_by_interval")
    dropped = 0
    if rows:
        batch.deleted, dropped = transaction.one("retain.count_going")
        drop(transaction, batch)
        transaction.run("retain.retain", {"batch_id": batch.batch_id})
        _move_accounts(transaction)
    history_from = None
    if revisions is not None:
        (before,) = transaction.one("retain.so_long_ago", {"now": transaction.now, **_length(revisions)})
        count = _drop_revisions(transaction, batch, before)
        dropped += count
        history_from = before if count else None
    if not rows and history_from is None:
        return RetentionReport(batch_id=None, held_back=held_back)
    _write(transaction, batch, history_from)
    return RetentionReport(
        batch_id=batch.batch_id,
        intervals=tuple(
            RetainedInterval(interval=interval, symbol_count=count, deleted=deleted, retained_from=first)
            for interval, count, first, deleted in sorted(rows, key=lambda row: Interval.parse(row[0]))
        ),
        revisions=dropped,
        history_from=history_from,
        held_back=held_back,
    )


def purge_revisions(transaction: Transaction, before: datetime) -> RetentionReport:
    """Purge the old values replaced before an instant; see ``SessionCoordinator.purge_revisions``."""
    (latest,) = transaction.one("retain.latest", {"now": transaction.now})
    if before > latest:
        raise InputError(f"{Option('before', before)} lies in the future; history can be given up until now")
    batch = Batch.begin(transaction, "retention", f"revisions from {before.isoformat()}")
    dropped = _drop_revisions(transaction, batch, before)
    if not dropped:
        return RetentionReport(batch_id=None)
    _write(transaction, batch, before)
    return RetentionReport(batch_id=batch.batch_id, revisions=dropped, history_from=before)


def drop(transaction: Transaction, batch: Batch) -> None:
    """Drop the bars of the temporary table ``going``, and their old values, without a trace but in the accounts."""
    transaction.run("retain.note_bars", {"batch_id": batch.batch_id})
    for table in ("bar", "bar_revision"):
        transaction.run("retain.drop_bars", table=table)


def refuse_purged(transaction: Transaction, name: str, bounds: Mapping[str, datetime | None]) -> None:
    """Refuse a range of base bars that begins, or lies, before what is retained."""
    (retained_from,) = transaction.one("retain.retained_from", {"symbol": name})
    start, end = bounds["start"], bounds["end"]
    if retained_from is None:
        return
    if (start is not None and start < retained_from) or (start is None and end is not None and end <= retained_from):
        raise InputError(
            f"bars of {name} before {retained_from.isoformat()} were purged, and what was derived from them is final; "
            f"give {Option('start', retained_from)} or a later one"
        )


def move(transaction: Transaction, batch: Batch) -> None:
    """After a calendar edit, see to it that the symbols in ``chunk`` still retain whole bars of every interval.

    Raises
    ------
    CalendarError
        When a bar would lie on both sides of an instant before which base bars are gone.
    """
    transaction.make("write.scope_intervals", condition=sql("write.in_scope", scope_symbols=Sql("scope_symbols")))
    (retained_count,) = transaction.one("retain.any_retained")
    if not retained_count:
        return
    transaction.run("retain.starting_kinds")
    starts = sql("retain.starts", wanted="wanted")
    transaction.run("retain.moved", {"batch_id": batch.batch_id}, starts=starts)
    for symbol, interval, moved_from in transaction.run("retain.torn"):
        raise CalendarError(
            f"the calendar would have a session, or a longer bar, lie across {moved_from.isoformat()}, before which "
            f"{interval} bars of {symbol} were purged and what was derived from them is final; nothing was changed: "
            f"leave the sessions around it as they are, or {Action('remove_symbol', symbol)} first"
        )
    transaction.run("retain.move")


def _move_accounts(transaction: Transaction) -> None:
    """Accounts start with the first session retained: later than before, or earlier where only outside bars went."""
    transaction.run("retain.symbols_going")
    scope = gather_intervals(transaction, sql("write.in_scope", scope_symbols=Sql("scope_symbols")))
    transaction.run("retain.progress")
    recompute_coverage(transaction, Sql("watermark_moves"), sql("empty.sessions"), scope.units)


def _drop_revisions(transaction: Transaction, batch: Batch, before: datetime) -> int:
    last_batch, count = transaction.one("retain.last_batch_before", {"before": before})
    if count:
        transaction.run("retain.note_revisions", {"batch_id": batch.batch_id, "last_batch": last_batch})
        transaction.run("retain.drop_revisions", {"last_batch": last_batch})
    return int(count)


def _write(transaction: Transaction, batch: Batch, history_from: datetime | None) -> None:
    batch.write(transaction)
    if history_from is not None:
        transaction.run("retain.start_history", {"batch_id": batch.batch_id, "before": history_from})


def _refuse_unknown(transaction: Transaction, names: Sequence[str] | None, intervals: Sequence[str]) -> None:
    has: dict[str, set[str]] = {}
    for symbol, interval, *_ in transaction.run("registration.intervals_of", {"symbols": names}):
        has.setdefault(symbol, set()).add(interval)
    for name in names or ():
        if name not in has:
            raise unknown_symbol(name, {row[0] for row in transaction.run("registration.active_symbols")})
    everything = {text for texts in has.values() for text in texts}
    for text in intervals:
        if text not in everything:
            listed = ", ".join(sorted(everything, key=Interval.parse)) or "none"
            raise InputError(f"no symbol has interval {text!r}; there are {listed}")
        for name in names or ():
            if text not in has[name]:
                listed = ", ".join(sorted(has[name], key=Interval.parse))
                raise InputError(f"{name} has no interval {text!r}, it has {listed}")


def _as_table(keeping: Sequence[Keeping]) -> pa.Table:
    return pa.table(
        {
            "interval": pa.array([one.interval for one in keeping], pa.string()),
            "before_": pa.array([one.before for one in keeping], INSTANT),
            "months": pa.array([one.months for one in keeping], pa.int32()),
            "days": pa.array([one.days for one in keeping], pa.int32()),
        }
    )


def _length(keeping: Keeping) -> dict[str, int]:
    return {"months": keeping.months, "days": keeping.days}
