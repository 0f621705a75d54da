"""Calendars that users define or an exchange changes: what differs is kept, what it touches is derived again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from barhouse.coordinator.edit import retention
from barhouse.coordinator.edit.rebuild import rebuild
from barhouse.store.calendars import exchange as calendars
from barhouse.store.calendars.definition import CalendarDefinition
from barhouse.store.calendars.week import WEEKDAYS
from barhouse.store.database.transaction import TemporaryTable, Transaction
from barhouse.store.errors import CalendarError
from barhouse.store.model.reports import CalendarReport, SessionChange
from barhouse.store.records import trading_calendar
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
    spelled = {row.calendar.casefold(): row.calendar for row in transaction.run("records.calendar_names")}
    definition = replace(definition, name=spelled.get(definition.name.casefold(), definition.name))
    known = transaction.run("records.kept_calendar", {"calendar": definition.name})
    same = bool(known) and known[0].definition == definition.to_json()
    if same and trading_calendar.kept_week(transaction, definition.name) == definition.week_origin():
        return CalendarReport(calendar=definition.name, batch_id=None)
    return _change(transaction, definition.name, definition, grace)


def refresh(transaction: Transaction, name: str, grace: timedelta, *, apply: bool) -> CalendarReport:
    """Compare a kept exchange calendar with what the installed library computes, and take that over if wanted.

    Raises
    ------
    CalendarError
        When the store does not have the calendar.
    """
    name = trading_calendar.kept_name(transaction, name)
    known = transaction.run("records.kept_calendar", {"calendar": name})
    definition = CalendarDefinition.from_json(known[0].definition) if known[0].definition else name
    if not apply:
        computed = calendars.sessions(definition, known[0].known_from, known[0].known_through)
        sessions = transaction.attach("computed_sessions", computed.table)
        return CalendarReport(
            calendar=name,
            batch_id=None,
            changes=_differences(transaction, name, sessions),
            week_starts=_week_moved(transaction, name, computed),
        )
    return _change(transaction, name, definition, grace)


def _change(
    transaction: Transaction, name: str, definition: CalendarDefinition | str, grace: timedelta
) -> CalendarReport:
    known = transaction.run("records.kept_calendar", {"calendar": name})
    today = transaction.now.date()
    known_from, known_through = (known[0].known_from, known[0].known_through) if known else (today, today)
    computed = calendars.sessions(definition, known_from, known_through)
    text = definition.to_json() if isinstance(definition, CalendarDefinition) else None
    sessions = transaction.attach("computed_sessions", computed.table)
    changes = _differences(transaction, name, sessions)
    moved = transaction.one("records.moved_session_count", {"calendar": name}, computed_sessions=sessions)
    week_starts = _week_moved(transaction, name, computed)
    dates = {
        "known_from": min(known_from, computed.known_from),
        "known_through": max(known_through, computed.known_through),
    }
    zone = {"calendar": name, "timezone": computed.timezone}
    if known:
        transaction.run("records.redefine_calendar", {"calendar": name, "definition": text})
        transaction.run("records.extend_calendar", {"calendar": name, **dates})
        transaction.run("records.keep_timezone", zone)
        if not (changes or moved.session_count or week_starts):
            return CalendarReport(calendar=name, batch_id=None)
    else:
        transaction.run("records.add_calendar", {"calendar": name, "definition": text, **dates})
        transaction.run("records.keep_timezone", zone)
    batch = Batch.begin(transaction, "calendar", name)
    identity = {"calendar": name, "batch_id": batch.batch_id}
    if known:
        transaction.run("records.replace_sessions", identity, computed_sessions=sessions)
    transaction.run("records.add_changed_sessions", identity, computed_sessions=sessions)
    trading_calendar.keep_week(transaction, name, computed.week_origin, batch)
    if known:
        symbols = transaction.make("edit.symbols_of_calendar", {"calendar": name})
        retention.move(transaction, symbols, batch)
        rebuild(transaction, symbols, batch, clock=transaction.now - grace)
    batch.write(transaction)
    return CalendarReport(
        calendar=name,
        batch_id=batch.batch_id,
        changes=changes if known else (),
        week_starts=week_starts if known else None,
        inserted=batch.inserted,
        revised=batch.revised,
        deleted=batch.deleted,
    )


def _week_moved(transaction: Transaction, name: str, computed: calendars.CalendarSessions) -> str | None:
    """The weekday that weeks are to start on, where it is another than now."""
    moved = computed.week_origin != trading_calendar.kept_week(transaction, name)
    return WEEKDAYS[computed.week_origin.weekday()] if moved else None


def _differences(transaction: Transaction, name: str, sessions: TemporaryTable) -> tuple[SessionChange, ...]:
    found = transaction.run("records.session_differences", {"calendar": name}, computed_sessions=sessions)
    return tuple(
        SessionChange(session_date=session.session_date, before=session.before, after=session.after)
        for session in found
    )
