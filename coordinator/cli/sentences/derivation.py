"""What was derived, and for whom a session is over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from barhouse.coordinator.cli.sentences.words import by_interval, listed
from barhouse.store.model.words import counted

if TYPE_CHECKING:
    from barhouse.store.model.reports import ProcessReport


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
            parts.append(f"{verb} {counted(total, 'bar')}: {by_interval(report.intervals, field)}")
    if report.rolls:
        parts.append(f"{counted(report.rolls, 'roll')} of continuous futures decided")
    return "; ".join(parts) or "what was waiting changed no bar"


def session_ended(session_date: date, moved: Sequence[str]) -> str:
    """Say for whom a session was declared over."""
    if not moved:
        return f"nothing to end: nobody has a session on {session_date} that is not over already"
    return f"ended the session {session_date} for {listed(moved, 'symbols')}; run `barhouse process` to derive the rest"
