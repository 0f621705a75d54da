"""Reports for people: what a command did, in sentences on stderr, or as JSON on stdout."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pydantic import BaseModel

    from barhouse.store.model.reports import (
        CalendarReport,
        CompactReport,
        DeleteReport,
        IntervalChange,
        LoadReport,
        ProcessReport,
        Registration,
        RepairReport,
        RetainedInterval,
        RetentionReport,
        VerifyReport,
    )

FORMATS = ("text", "json")
_LISTED_MAX = 5


def say(text: str) -> None:
    """Print a sentence on stderr; nothing for an empty one."""
    if text:
        click.echo(text, err=True)


def put(report: BaseModel | Sequence[BaseModel | str], text: str, form: str) -> None:
    """Print a report: one line of JSON on stdout, or its ``text`` on stderr."""
    if form == "text":
        say(text)
    elif isinstance(report, Sequence):
        texts = (json.dumps(one) if isinstance(one, str) else one.model_dump_json() for one in report)
        click.echo("[" + ", ".join(texts) + "]")
    else:
        click.echo(report.model_dump_json())


def registered(registrations: Sequence[Registration]) -> str:
    """Say what became of symbols at registration; those with the same outcome share a line."""
    alike: dict[tuple[object, ...], list[Registration]] = {}
    for one in registrations:
        outcome = (one.calendar, one.base_interval, one.derived_intervals, one.added)
        alike.setdefault(outcome, []).append(one)
    return "\n".join(_registered_alike(group) for group in alike.values()) or "nothing was registered"


def _registered_alike(group: Sequence[Registration]) -> str:
    one = group[0]
    names = _listed([each.symbol for each in group], "symbols")
    derived = f", {' '.join(one.derived_intervals)} derived" if one.derived_intervals else ""
    has = f"{one.calendar}, {one.base_interval} loaded{derived}"
    if not one.added:
        return f"nothing was new for {names}: {has}"
    if len(one.added) == 1 + len(one.derived_intervals):
        return f"registered {names}: {has}"
    return f"added {' '.join(one.added)} to {names}: {has}"


def loaded(report: LoadReport) -> str:
    """Say what a load did, then each reason for which rows were rejected."""
    into = f"{_listed(report.symbols, 'symbols')} {report.interval}" if report.symbols else report.interval
    head = f"{report.source}: {counted(report.rows, 'row')} into {into}: "
    if report.inserted or report.revised or report.deleted:
        head += f"{report.inserted:,} new, {report.revised:,} revised, {report.unchanged:,} unchanged, "
    else:
        head += f"nothing was new, {report.unchanged:,} unchanged, "
    head += f"{report.rejected:,} rejected"
    if report.deleted:
        head += f", {report.deleted:,} deleted"
    if report.outside:
        head += f"; {report.outside:,} outside sessions"
    lines = [head]
    for one in report.rejects:
        first = f"row {one.first_row}" if one.first_row is not None else "line"
        lines.append(f"  {one.count:,} rejected: {one.reason}; first {first}: {one.first_given}")
    if report.rejected:
        lines.append(f'  all of them: barhouse sql "FROM rejected WHERE batch_id = {report.batch_id}"')
    return "\n".join(lines)


def outside(report: LoadReport) -> str:
    """Say what may be wrong where most rows taken lie outside sessions; nothing otherwise."""
    taken = report.rows - report.rejected
    if report.outside * 2 <= taken:
        return ""
    return (
        f"hint: {report.outside:,} of {counted(taken, 'row')} ({report.outside / taken:.0%}) lie outside sessions and "
        f"stay out of derived bars; unless they are meant to, check --timezone, --label and the symbol's calendar"
    )


def processed(report: ProcessReport) -> str:
    """Say how many bars a process call derived, of each interval."""
    if not report.batches:
        return "nothing was waiting"
    parts = []
    for verb, field, total in (
        ("derived", "inserted", report.inserted),
        ("revised", "revised", report.revised),
        ("deleted", "deleted", report.deleted),
    ):
        if total:
            parts.append(f"{verb} {counted(total, 'bar')}: {_by_interval(report.intervals, field)}")
    return "; ".join(parts) or "what was waiting changed no bar"


def _by_interval(changes: Sequence[IntervalChange | RetainedInterval], field: str) -> str:
    counts = [(one.interval, getattr(one, field)) for one in changes]
    return ", ".join(f"{interval} {count:,}" for interval, count in counts if count)


def removed(symbol: str, report: DeleteReport, *, purged: bool = False) -> str:
    """Say what a removal took away."""
    if report.batch_id is None:
        return f"nothing is kept of {symbol} any more, nothing was purged"
    what = f"removed {symbol} with {counted(report.deleted, 'bar')}"
    return f"{what}, its history included" if purged else f"{what}; they are kept in the view revisions"


def purged(report: RetentionReport) -> str:
    """Say what retention gave up, and where what is kept starts."""
    lines = ["nothing was old enough to be purged"]
    if report.batch_id is not None:
        parts = [f"{counted(report.deleted, 'bar')}: {_by_interval(report.intervals, 'deleted')}"] * bool(
            report.deleted
        )
        parts += [counted(report.revisions, "revision")] * bool(report.revisions)
        lines = [f"purged {' and '.join(parts)}"]
    for one in report.intervals:
        whose = f"; the first of {one.symbol_count:,} symbols" if one.symbol_count > 1 else ""
        lines.append(f"  {one.interval} is kept from {one.retained_from:%Y-%m-%d %H:%MZ} on{whose}")
    if report.history_from is not None:
        lines.append(f"  past states can be asked for from {report.history_from:%Y-%m-%d %H:%MZ} on")
    if report.held_back:
        whose = _listed(report.held_back, "symbols")
        lines.append(f"  {whose}: kept longer than asked, for base bars wait to be derived; see `barhouse status`")
    return "\n".join(lines)


def deleted(symbol: str, interval: str, report: DeleteReport, *, rewound: bool) -> str:
    """Say what a deletion took away."""
    if report.batch_id is None:
        return f"{symbol} {interval} has no bar there, nothing was deleted"
    what = f"{counted(report.deleted, 'bar')} of {symbol} {interval}"
    return f"deleted {what}; {'derived again' if rewound else 'run `barhouse process` to derive again'}"


def stretch(start: object, end: object) -> str:
    """Say a half-open range of which one side may be open."""
    if end is None:
        return f"from {start} on"
    return f"before {end}" if start is None else f"from {start} to before {end}"


def session_ended(session_date: date, moved: Sequence[str]) -> str:
    """Say for whom a session was declared over."""
    if not moved:
        return f"nothing to end: nobody has a session on {session_date} that is not over already"
    return (
        f"ended the session {session_date} for {_listed(moved, 'symbols')}; run `barhouse process` to derive the rest"
    )


def without_bars(symbols: Sequence[str], *, of_any: bool) -> str:
    """Say what there is still to do before a status has something to show."""
    if not of_any:
        return "no symbol is registered yet; `barhouse register` does it"
    if not symbols:
        return ""
    have = "has" if len(symbols) == 1 else "have"
    return f"{_listed(symbols, 'symbols')} {have} no bars yet; `barhouse load` loads them"


def verified(report: VerifyReport, *, repaired: bool = False) -> str:
    """Say what was checked; each kind of difference with how many there are, and what to do."""
    if not report.interval_count:
        return "nothing was checked: no interval asked for is registered"
    counts = (
        (report.symbol_count, "symbol"),
        (report.interval_count, "interval"),
        (report.base_bar_count, "base bar"),
        (report.derived_bar_count, "derived bar"),
        (report.session_count, "session"),
    )
    head = f"checked {', '.join(counted(*one) for one in counts)}: "
    left_out = "" if report.batches_checked else "; history is only checked with the whole store"
    if report.sound:
        return f"{head}all as recomputed{left_out}"
    total = sum(report.totals.values())
    lines = [f"{head}{counted(total, 'difference')}{left_out}"]
    advice: dict[str, str] = {one.kind: one.advice for one in reversed(report.differences)}
    lines += [f"  {count:,} {kind}: {advice.get(kind, '')}" for kind, count in report.totals.items()]
    if total > len(report.differences):
        lines.append(f"  the first {len(report.differences):,} of them are listed")
    if not repaired:
        lines.append("  to repair what can be: barhouse verify --repair")
    return "\n".join(lines)


def repaired(report: RepairReport) -> str:
    """Say what a repair mended, and what is left."""
    if report.batch_id is None:
        return f"{verified(report.after, repaired=True)}; nothing was written"
    found = ", ".join(f"{count:,} {kind}" for kind, count in report.before.totals.items())
    lines = [f"found {found}", f"repaired: {_bars_changed(report)}"]
    if report.accepted:
        batches = "1 batch" if report.accepted == 1 else f"{report.accepted:,} batches"
        lines.append(f"accepted that bars or old values of {batches} are lost")
    return "\n".join([*lines, verified(report.after, repaired=True)])


def calendar_changed(report: CalendarReport, *, added: bool = True, dry_run: bool = False) -> str:
    """Say what became of a calendar that was ``added``, or else refreshed."""
    hours = [one.session_date for one in report.changes if one.before != one.after]
    what = f"{counted(len(hours), 'session')} of {report.calendar}"
    if hours:
        what += f", {min(hours)} to {max(hours)}" if len(hours) > 1 else f", {hours[0]}"
    if dry_run and report.changes:
        return f"would change {what}; nothing was written"
    if report.batch_id is None:
        nothing = "nothing was new for" if added else "nothing differs in"
        return f"{nothing} the calendar {report.calendar}"
    if added and not report.changes:
        return f"added the calendar {report.calendar}"
    return f"changed {what}; bars: {_bars_changed(report)}"


def _bars_changed(report: CalendarReport | RepairReport) -> str:
    return f"{report.inserted:,} new, {report.revised:,} revised, {report.deleted:,} deleted"


def counted(count: int, noun: str) -> str:
    """Say how many there are."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _listed(names: Sequence[str], noun: str) -> str:
    return ", ".join(names) if len(names) <= _LISTED_MAX else f"{len(names):,} {noun}"


def compacted(report: CompactReport) -> str:
    """Say what a compaction came to."""
    return (
        f"compacted {report.path}: {_megabytes(report.bytes_before)} before, {_megabytes(report.bytes_after)} now; "
        f"{counted(report.row_count, 'row')} in order"
    )


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"
