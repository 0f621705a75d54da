"""Calendars that users define or an exchange changes: what differs is kept, what it touches is derived again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from barhouse.coordinator.edit import retention
from barhouse.coordinator.edit.rebuild import rebuild
from barhouse.store.calendars import exchange as calendars
from barhouse.store.calendars.definition import CalendarDefinition
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import CalendarError
from barhouse.store.model.reports import CalendarReport, SessionChange
from barhouse.store.records.batch import Batch


def define(transaction: Transaction, definition: CalendarDefinition, grace: timedelta) -> CalendarReport:
    """Add a user's calendar, or change it; a definition that is there already changes nothing."""
    try:
        taken = calendars.canonical_name(definition.name)
    except CalendarError:
        pass
    else:
        raise CalendarError(
            f"calendar {definition.name!r} cannot be defined: {taken} comes with Barhouse; choose another name"
        )
    spelled = {name.casefold(): name for (name,) in transaction.run("calendar.names")}
    definition = replace(definition, name=spelled.get(definition.name.casefold(), definition.name))
    known = transaction.run("calendar.kept", {"calendar": definition.name})
    if known and known[0][0] == definition.to_json():
        return CalendarReport(calendar=definition.name, batch_id=None)
    return _change(transaction, definition.name, definition, grace)


def refresh(transaction: Transaction, name: str, grace: timedelta, *, apply: bool) -> CalendarReport:
    """Compare a kept exchange calendar with what the installed library computes, and take that over if wanted.

    Raises
    ------
    CalendarError
        When the store does not have the calendar.
    """
    name = {one.casefold(): one for (one,) in transaction.run("calendar.names")}.get(name.strip().casefold(), name)
    known = transaction.run("calendar.kept", {"calendar": name})
    if not known:
        names = ", ".join(row[0] for row in transaction.run("calendar.names")) or "none"
        raise CalendarError(f"the store has no calendar {name!r}; it has {names}")
    definition = CalendarDefinition.from_json(known[0][0]) if known[0][0] else name
    if not apply:
        _, known_from, known_through = known[0]
        computed = calendars.sessions(definition, known_from, known_through)
        transaction.register("computed_session", computed.table)
        return CalendarReport(calendar=name, batch_id=None, changes=_differences(transaction, name))
    return _change(transaction, name, definition, grace)


def _change(
    transaction: Transaction, name: str, definition: CalendarDefinition | str, grace: timedelta
) -> CalendarReport:
    known = transaction.run("calendar.kept", {"calendar": name})
    today = transaction.now.date()
    known_from, known_through = known[0][1:] if known else (today, today)
    computed = calendars.sessions(definition, known_from, known_through)
    text = definition.to_json() if isinstance(definition, CalendarDefinition) else None
    transaction.register("computed_session", computed.table)
    changes = _differences(transaction, name)
    (moved_count,) = transaction.one("calendar.count_moved", {"calendar": name})
    dates = {
        "known_from": min(known_from, computed.known_from),
        "known_through": max(known_through, computed.known_through),
    }
    zone = {"calendar": name, "timezone": computed.timezone}
    if known:
        transaction.run("calendar.redefine", {"calendar": name, "definition": text})
        transaction.run("calendar.know", {"calendar": name, **dates})
        transaction.run("calendar.keep_timezone", zone)
        if not changes and not moved_count:
            return CalendarReport(calendar=name, batch_id=None)
    else:
        transaction.run("calendar.keep", {"calendar": name, "definition": text, **dates})
        transaction.run("calendar.keep_timezone", zone)
    batch = Batch.begin(transaction, "calendar", name)
    identity = {"calendar": name, "batch_id": batch.batch_id}
    if known:
        transaction.run("calendar.replace_sessions", identity)
    transaction.run("calendar.add_changed_sessions", identity)
    transaction.run("rebuild.symbols_of_calendar", {"calendar": name})
    if known:
        retention.move(transaction, batch)
        rebuild(transaction, batch, clock=transaction.now - grace)
    batch.write(transaction)
    return CalendarReport(
        calendar=name,
        batch_id=batch.batch_id,
        changes=changes if known else (),
        inserted=batch.inserted,
        revised=batch.revised,
        deleted=batch.deleted,
    )


def _differences(transaction: Transaction, name: str) -> tuple[SessionChange, ...]:
    return tuple(
        SessionChange(session_date=session_date, before=before, after=after)
        for session_date, before, after in transaction.run("calendar.differences", {"calendar": name})
    )
