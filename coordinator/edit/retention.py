"""Retaining: old bars and old revisions given up for good, and what that leaves final, inside one transaction."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import pyarrow as pa

from barhouse.coordinator.write import bar_totals
from barhouse.coordinator.write.coverage import gather_intervals, recompute_coverage
from barhouse.store.database.transaction import TemporaryTable, Transaction
from barhouse.store.errors import CalendarError, InputError
from barhouse.store.hints import Action, Option
from barhouse.store.model.bar import INSTANT
from barhouse.store.model.interval import Interval
from barhouse.store.model.reports import RetainedInterval, RetentionReport
from barhouse.store.records import names as name_records
from barhouse.store.records import session_days
from barhouse.store.records.batch import Batch
from barhouse.store.sql import Sql, identifier, sql

_DURATION = re.compile(r"([1-9][0-9]{0,4})(d|w|mo|y)")
_MONTHS = {"mo": 1, "y": 12}
_DAYS = {"d": 1, "w": 7}


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """How long bars of one interval are kept: from a session or an instant on, or so long before the last base bar."""

    interval: str
    before: date | datetime | None = None
    months: int = 0
    days: int = 0

    def __str__(self) -> str:
        if self.before is not None:
            return f"{self.interval} from {self.before.isoformat()}"
        return f"{self.interval} for {f'{self.months}mo' if self.months else f'{self.days}d'}"


def parse(policy: Mapping[str, str]) -> tuple[list[RetentionRule], RetentionRule | None]:
    """Read a policy: how long each interval is kept, and how long revisions are."""
    if not isinstance(policy, Mapping):
        raise InputError(f"{Option('policy')} is a mapping from intervals to durations, such as {{'1m': '90d'}}")
    rules, revisions = [], None
    for name, duration in policy.items():
        found = _DURATION.fullmatch(duration.strip()) if isinstance(duration, str) else None
        if found is None:
            raise InputError(
                f"{name}={duration!r} is no duration; write days, weeks, months or years as 90d 12w 6mo 2y"
            )
        count, unit = int(found[1]), found[2]
        text = name if name == "revisions" else str(Interval.parse(name))
        rule = RetentionRule(text, months=count * _MONTHS.get(unit, 0), days=count * _DAYS.get(unit, 0))
        if name == "revisions":
            revisions = rule
        else:
            rules.append(rule)
    if len({rule.interval for rule in rules}) < len(rules):
        raise InputError(f"the policy names an interval twice: {', '.join(policy)}")
    return rules, revisions


def purge_bars(
    transaction: Transaction,
    names: Sequence[str] | None,
    rules: Sequence[RetentionRule],
    revisions: RetentionRule | None = None,
) -> RetentionReport:
    """Purge bars as told, and old revisions; see ``SessionCoordinator.apply_retention``."""
    _refuse_unknown(transaction, names, [rule.interval for rule in rules])
    batch = Batch.begin(transaction, "retention", ", ".join(map(str, [*rules, *([revisions] if revisions else [])])))
    requests = transaction.make(
        "edit.purge_requests",
        {"symbols": names},
        retention_rules=transaction.attach("retention_rules", _as_table(transaction, names, rules)),
        required_block_starts=transaction.make("records.required_block_starts"),
    )
    block_starts = sql("edit.block_starts", intervals=requests)
    bars_to_purge = transaction.make("edit.bars_to_purge", purge_requests=requests, block_starts=block_starts)
    held_back = tuple(row.symbol for row in transaction.run("edit.deferred_symbols", purge_requests=requests))
    purged = transaction.run("edit.purge_by_interval", bars_to_purge=bars_to_purge)
    dropped = 0
    if purged:
        counts = transaction.one("edit.count_purged", bars_to_purge=bars_to_purge)
        batch.deleted, dropped = counts.bar_count, counts.revision_count
        purge(transaction, batch, bars_to_purge)
        transaction.write("edit.retain_from", {"batch_id": batch.batch_id}, bars_to_purge=bars_to_purge)
        _move_coverage(transaction, bars_to_purge)
    history_from = None
    if revisions is not None:
        before = transaction.one("edit.instant_before", {"now": transaction.now, **_length(revisions)}).before_
        count = _drop_revisions(transaction, batch, before)
        dropped += count
        history_from = before if count else None
    if not purged and history_from is None:
        return RetentionReport(batch_id=None, held_back=held_back)
    _write(transaction, batch, history_from)
    return RetentionReport(
        batch_id=batch.batch_id,
        intervals=tuple(
            RetainedInterval(
                interval=row.interval,
                symbol_count=row.symbol_count,
                deleted=row.bar_count,
                retained_from=row.retained_from,
            )
            for row in sorted(purged, key=lambda row: Interval.parse(row.interval))
        ),
        revisions=dropped,
        history_from=history_from,
        held_back=held_back,
    )


def purge_revisions(transaction: Transaction, before: datetime) -> RetentionReport:
    """Purge the old values replaced before an instant; see ``SessionCoordinator.purge_revisions``."""
    if before > transaction.one("edit.latest_instant", {"now": transaction.now}).latest:
        raise InputError(f"{Option('before', before)} lies in the future; history can be given up until now")
    batch = Batch.begin(transaction, "retention", f"revisions from {before.isoformat()}")
    dropped = _drop_revisions(transaction, batch, before)
    if not dropped:
        return RetentionReport(batch_id=None)
    _write(transaction, batch, before)
    return RetentionReport(batch_id=batch.batch_id, revisions=dropped, history_from=before)


def purge(transaction: Transaction, batch: Batch, bars_to_purge: TemporaryTable) -> None:
    """Drop bars, and their old values, without a trace but in the counts of batches."""
    transaction.write("edit.note_purged_bars", {"batch_id": batch.batch_id}, bars_to_purge=bars_to_purge)
    for table in ("bar", "bar_revision", "bar_values", "bar_vendor", "offered_bar"):
        transaction.write("edit.purge_bars", table=identifier(table), bars_to_purge=bars_to_purge)
    bar_totals.recount(transaction, bars_to_purge)


def refuse_purged(transaction: Transaction, name: str, start: datetime | None, end: datetime | None) -> None:
    """Refuse a range of base bars that begins, or lies, before what is retained."""
    retained_from = transaction.one("edit.retained_from", {"symbol": name}).retained_from
    if retained_from is None:
        return
    if (start is not None and start < retained_from) or (start is None and end is not None and end <= retained_from):
        raise InputError(
            f"bars of {name} before {retained_from.isoformat()} were purged, and what was derived from them is final; "
            f"give {Option('start', retained_from)} or a later one"
        )


def move(transaction: Transaction, symbols: TemporaryTable, batch: Batch) -> None:
    """After a calendar edit, see to it that some symbols (``scope_symbols``) still retain whole bars of every interval.

    Raises
    ------
    CalendarError
        When a bar would lie on both sides of an instant before which base bars are gone.
    """
    in_scope = sql("write.in_scope", scope_symbols=symbols)
    intervals = transaction.make("write.scope_intervals", condition=in_scope)
    if not transaction.one("edit.count_retained", scope_intervals=intervals).interval_count:
        return
    moved = transaction.make(
        "edit.moved_retention",
        {"batch_id": batch.batch_id},
        scope_intervals=intervals,
        required_block_starts=transaction.make("records.required_block_starts"),
        block_starts=sql("edit.block_starts", intervals=Sql("retained")),
    )
    for split in transaction.run("edit.split_bar", moved_retention=moved):
        raise CalendarError(
            f"the calendar would have a session, or a longer bar, lie across {split.moved_from.isoformat()}, before "
            f"which {split.interval} bars of {split.symbol} were purged and what was derived from them is final; "
            f"nothing was changed: leave the sessions around it as they are, or "
            f"{Action('remove_symbol', split.symbol)} first"
        )
    transaction.write("edit.move_retention", moved_retention=moved)


def _move_coverage(transaction: Transaction, bars_to_purge: TemporaryTable) -> None:
    """Coverage starts with the first session retained: later than before, or earlier where only outside bars went."""
    symbols = transaction.make("edit.symbols_to_purge", bars_to_purge=bars_to_purge)
    scope = gather_intervals(transaction, sql("write.in_scope", scope_symbols=symbols))
    moves = transaction.make("edit.moves_to_retained", scope_intervals=scope.intervals)
    recompute_coverage(transaction, moves, sql("empty.sessions"), scope.units)


def _drop_revisions(transaction: Transaction, batch: Batch, before: datetime) -> int:
    found = transaction.one("edit.last_batch_before", {"before": before})
    count: int = found.revision_count
    if count:
        last_batch = {"last_batch": found.batch_id}
        transaction.write("edit.note_purged_revisions", {"batch_id": batch.batch_id, **last_batch})
        transaction.write("edit.purge_revisions", last_batch)
        transaction.write("actions.note_purged_revisions", {"batch_id": batch.batch_id, **last_batch})
        transaction.write("actions.purge_revisions", last_batch)
        transaction.write("edit.purge_vendors")
        transaction.write("edit.purge_values")
    return count


def _write(transaction: Transaction, batch: Batch, history_from: datetime | None) -> None:
    batch.write(transaction)
    if history_from is not None:
        transaction.write("edit.start_history", {"batch_id": batch.batch_id, "before": history_from})


def _refuse_unknown(transaction: Transaction, names: Sequence[str] | None, intervals: Sequence[str]) -> None:
    has: dict[str, set[str]] = {}
    for row in transaction.run("records.intervals_of", {"symbols": names}):
        has.setdefault(row.symbol, set()).add(row.interval)
    for name in names or ():
        if name not in has:
            raise name_records.unknown(transaction, name)
    everything = {text for texts in has.values() for text in texts}
    for text in intervals:
        if text not in everything:
            listed = ", ".join(sorted(everything, key=Interval.parse)) or "none"
            raise InputError(f"no symbol has interval {text!r}; there are {listed}")
        for name in names or ():
            if text not in has[name]:
                listed = ", ".join(sorted(has[name], key=Interval.parse))
                raise InputError(f"{name} has no interval {text!r}, it has {listed}")


def _as_table(transaction: Transaction, names: Sequence[str] | None, rules: Sequence[RetentionRule]) -> pa.Table:
    """What is kept as rows; of a date one for each calendar, with the open of its first session on or after it."""
    rows: list[tuple[str, str | None, datetime | None, int, int]] = []
    for rule in rules:
        if rule.before is None or isinstance(rule.before, datetime):
            rows.append((rule.interval, None, rule.before, rule.months, rule.days))
            continue
        calendars = [row.calendar for row in transaction.run("records.calendars_of_symbols", {"symbols": names})]
        for calendar, start in session_days.day_starts(transaction, calendars, rule.before).items():
            rows.append((rule.interval, calendar, start.next_open or session_days.END, rule.months, rule.days))
    kinds = {
        "interval": pa.string(),
        "calendar": pa.string(),
        "before_": INSTANT,
        "months": pa.int32(),
        "days": pa.int32(),
    }
    columns = zip(*rows, strict=True) if rows else [()] * len(kinds)
    arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds.values(), strict=True)]
    return pa.Table.from_arrays(arrays, names=list(kinds))


def _length(rule: RetentionRule) -> dict[str, int]:
    return {"months": rule.months, "days": rule.days}
