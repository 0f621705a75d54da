"""Reports for people: what a command did, in sentences on stderr, or as JSON on stdout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pydantic import BaseModel

    from store.models import DeleteReport, IntervalChange, LoadReport, ProcessReport, Registration

FORMATS = ("text", "json")
_LISTED_MAX = 5


def put(report: BaseModel | Sequence[BaseModel], text: str, form: str) -> None:
    """Print a report: one line of JSON on stdout, or its ``text`` on stderr."""
    if form == "text":
        click.echo(text, err=True)
    elif isinstance(report, Sequence):
        click.echo("[" + ", ".join(one.model_dump_json() for one in report) + "]")
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
    head = f"{report.source}: {_counted(report.rows, 'row')} into {into}: "
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
            parts.append(f"{verb} {_counted(total, 'bar')}: {_by_interval(report.intervals, field)}")
    return "; ".join(parts) or "what was waiting changed no bar"


def _by_interval(changes: Sequence[IntervalChange], field: str) -> str:
    counts = [(one.interval, getattr(one, field)) for one in changes]
    return ", ".join(f"{interval} {count:,}" for interval, count in counts if count)


def removed(symbol: str, report: DeleteReport) -> str:
    """Say what a removal took away."""
    return f"removed {symbol} with {_counted(report.deleted, 'bar')}; they are kept in the view revisions"


def deleted(symbol: str, interval: str, report: DeleteReport) -> str:
    """Say what a deletion took away."""
    if report.batch_id is None:
        return f"{symbol} {interval} has no bar there, nothing was deleted"
    what = f"{_counted(report.deleted, 'bar')} of {symbol} {interval}"
    return f"deleted {what}; run `barhouse process` to derive again"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _listed(names: Sequence[str], noun: str) -> str:
    return ", ".join(names) if len(names) <= _LISTED_MAX else f"{len(names):,} {noun}"
