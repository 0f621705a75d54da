"""What became of a calendar, and of the bars that stand on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from barhouse.coordinator.cli.sentences.words import bars_changed
from barhouse.store.model.words import counted

if TYPE_CHECKING:
    from datetime import date

    from barhouse.store.model.reports import CalendarReport


#: So many dates are told one by one.
_LISTED = 3


def calendar_changed(report: CalendarReport, *, added: bool = True, dry_run: bool = False) -> str:
    """Say what became of a calendar that was ``added``, or else refreshed."""
    hours = [change.session_date for change in report.changes if change.before != change.after]
    what = f"{counted(len(hours), 'session')} of {report.calendar}"
    if hours:
        what += f", {min(hours)} to {max(hours)}" if len(hours) > 1 else f", {hours[0]}"
    if report.week_starts is not None:
        week = f"when weeks of {report.calendar} start ({report.week_starts})"
        what = f"{what}, and {week}" if hours else week
    if dry_run and (report.changes or report.week_starts):
        return f"would change {what}; nothing was written"
    if report.batch_id is None:
        nothing = "nothing changes in" if added else "nothing differs in"
        return f"{nothing} the calendar {report.calendar}"
    if added and not (report.changes or report.week_starts):
        return f"added the calendar {report.calendar}"
    return f"changed {what}; bars: {bars_changed(report)}"


def redefined(before: str, after: str) -> list[str]:
    """Say in what a definition differs from the one before, both as JSON; the names do not count."""
    old, new = json.loads(before), json.loads(after)
    said = []
    for key in {**new, **old}:
        name = {"holidays": "holiday", "early_closes": "early close", "week_starts": "week start"}.get(key, key)
        if key == "name" or old.get(key) == new.get(key):
            continue
        if isinstance(new.get(key, old.get(key)), str):
            said.append(f"{name} {new.get(key, 'by the weekdays')}, was {old.get(key, 'by the weekdays')}")
            continue
        was, is_now = (_entries(value) for value in (old.get(key, []), new.get(key, [])))
        said += [f"{name} {entry} added" for entry in is_now if entry not in was]
        said += [f"{name} {entry} removed" for entry in was if entry not in is_now]
    return said


def _entries(value: list[Any] | dict[str, Any]) -> list[str]:
    entries = value.items() if isinstance(value, dict) else ((entry,) for entry in value)
    return [" ".join(part if isinstance(part, str) else json.dumps(part) for part in entry) for entry in entries]


def known_wrong(calendar: str, days: Sequence[date]) -> str:
    """Say which sessions exchange_calendars is known to have wrong."""
    what = ", ".join(map(str, days)) if len(days) <= _LISTED else f"{counted(len(days), 'session')}"
    return (
        f"{calendar}: exchange_calendars is known to have {what} wrong; `barhouse calendar set {calendar} --known` "
        f"shows what is known, and takes it"
    )


def described(kept: dict[str, Any]) -> str:
    """Say what hours a calendar of the store has, and from when to when they are known."""
    known = f"known from {kept['known_from']} through {kept['known_through']}"
    if kept["definition"] is None:
        return f"{kept['calendar']}: {known}"
    own = json.loads(kept["definition"])
    parts = [f"{own['open']} to {own['close']} {own['timezone']}"]
    parts += [f"break {pause}" for pause in own["break"]]
    parts += [own["weekdays"], counted(len(own["holidays"]), "holiday")]
    parts += [counted(len(own["early_closes"]), "early close")]
    return f"{kept['calendar']}: {', '.join(parts)}; {known}"
