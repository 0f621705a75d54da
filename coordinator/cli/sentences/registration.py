"""What became of symbols: registered, or removed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from barhouse.coordinator.cli.sentences.words import bars_changed, listed
from barhouse.store.model.words import counted

if TYPE_CHECKING:
    from barhouse.store.model.reports import DeleteReport, MoveReport, Registration


#: So many symbols are told one by one.
_SHOWN = 10


def registered(registrations: Sequence[Registration]) -> str:
    """Say what became of symbols at registration; those with the same outcome share a line."""
    alike: dict[tuple[object, ...], list[Registration]] = {}
    for registration in registrations:
        outcome = (
            registration.calendar,
            registration.base_interval,
            registration.derived_intervals,
            registration.added,
        )
        alike.setdefault(outcome, []).append(registration)
    return "\n".join(_registered_alike(group) for group in alike.values()) or "nothing was registered"


def _registered_alike(group: Sequence[Registration]) -> str:
    first = group[0]
    names = listed([each.symbol for each in group], "symbols")
    derived = f", {' '.join(first.derived_intervals)} derived" if first.derived_intervals else ""
    has = f"{first.calendar}, {first.base_interval} loaded{derived}"
    if not first.added:
        return f"nothing was new for {names}: {has}"
    if len(first.added) == 1 + len(first.derived_intervals):
        return f"registered {names}: {has}"
    return f"added {' '.join(first.added)} to {names}: {has}"


def would_move(report: MoveReport) -> str:
    """Say what moving symbols to another calendar would come to."""
    if not report.symbols:
        return f"nothing would move: all follow {report.calendar}"
    lines = [
        f"{one.symbol}: {report.calendar} instead of {one.before}; of {counted(one.base_bars, 'base bar')} "
        f"{one.in_sessions_after:,} would lie in sessions, now {one.in_sessions_before:,}"
        for one in report.symbols[:_SHOWN]
    ]
    left = len(report.symbols) - _SHOWN
    lines += [f"and {counted(left, 'other symbol')}"] if left > 0 else []
    return "\n".join([*lines, f"bars: {bars_changed(report)}"])


def moved(report: MoveReport) -> str:
    """Say what moving symbols to another calendar came to."""
    if report.batch_id is None:
        return f"nothing moved: all follow {report.calendar}"
    names = listed([one.symbol for one in report.symbols], "symbols")
    return f"moved {names} to {report.calendar}; bars: {bars_changed(report)}"


def removed(symbol: str, report: DeleteReport, *, purged: bool = False) -> str:
    """Say what a removal took away."""
    if report.batch_id is None:
        return f"nothing is kept of {symbol} any more, nothing was purged"
    what = f"removed {symbol} with {counted(report.deleted, 'bar')}"
    return f"{what}, its history included" if purged else f"{what}; they are kept in the view revisions"
