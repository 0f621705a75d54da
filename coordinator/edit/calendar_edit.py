"""Calendars that users define or an exchange changes: what differs is kept, what it touches is derived again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date, timedelta

from barhouse.coordinator.edit import retention
from barhouse.coordinator.edit.rebuild import rebuild
from barhouse.store.calendars import exchange as calendars
from barhouse.store.calendars.correction import SessionCorrection
from barhouse.store.calendars.definition import CalendarDefinition
from barhouse.store.calendars.exchange import CalendarSessions
from barhouse.store.calendars.known import corrected_calendars, known_corrections
from barhouse.store.database.transaction import Row, TemporaryTable, Transaction
from barhouse.store.errors import CalendarError
from barhouse.store.model.anchor import WEEKDAYS
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
            f"calendar {definition.name!r} cannot be defined: {taken} comes with Barhouse; choose another name, or "
            f"correct single sessions of it"
        )
    spelled = {row.calendar.casefold(): row.calendar for row in transaction.run("records.calendar_names")}
    definition = replace(definition, name=spelled.get(definition.name.casefold(), definition.name))
    name = definition.name
    known = transaction.run("records.kept_calendar", {"calendar": name})
    same = bool(known) and known[0].definition == definition.to_json()
    if same and trading_calendar.kept_week(transaction, name) == definition.week_origin():
        return CalendarReport(calendar=name, batch_id=None)
    today = transaction.now.date()
    dates = (known[0].known_from, known[0].known_through) if known else (today, today)
    found = trading_calendar.computed(transaction, name, definition, *dates)
    if known:
        transaction.run("records.redefine_calendar", {"calendar": name, "definition": definition.to_json()})
        return _take_over(transaction, name, found, known[0], grace)
    transaction.run(
        "records.add_calendar",
        {
            "calendar": name,
            "definition": definition.to_json(),
            "known_from": min(dates[0], found.known_from),
            "known_through": max(dates[1], found.known_through),
        },
    )
    transaction.run("records.keep_timezone", {"calendar": name, "timezone": found.timezone})
    batch = Batch.begin(transaction, "calendar", name)
    sessions = transaction.attach("computed_sessions", found.table)
    identity = {"calendar": name, "batch_id": batch.batch_id}
    transaction.run("records.add_changed_sessions", identity, computed_sessions=sessions)
    trading_calendar.keep_week(transaction, name, found.week_origin, batch)
    batch.write(transaction)
    return CalendarReport(calendar=name, batch_id=batch.batch_id)


def refresh(transaction: Transaction, name: str, grace: timedelta, *, apply: bool) -> CalendarReport:
    """Compare a kept exchange calendar with what the installed library computes, and take that over if wanted.

    Corrections of single sessions stay.

    Raises
    ------
    CalendarError
        When the store does not have the calendar.
    """
    name = trading_calendar.kept_name(transaction, name)
    (known,) = transaction.run("records.kept_calendar", {"calendar": name})
    source = CalendarDefinition.from_json(known.definition) if known.definition else name
    found = trading_calendar.computed(transaction, name, source, known.known_from, known.known_through)
    return _take_over(transaction, name, found, known, grace) if apply else _compared(transaction, name, found)


def correct(
    transaction: Transaction,
    name: str,
    corrections: Sequence[SessionCorrection],
    resets: Collection[date],
    grace: timedelta,
    *,
    known: bool,
    apply: bool,
) -> CalendarReport:
    """Correct single sessions of a calendar, an exchange's too; the others stay as the store has them.

    Parameters
    ----------
    known
        Also those that the calendar is known to have wrong, but for those of which something is said already.
    resets
        Dates whose sessions are as the calendar says again.
    apply
        False only says what would change.

    Raises
    ------
    CalendarError
        For a calendar that neither the store nor exchange_calendars has, a date that it is not known for, a session
        that overlaps another, or one that leaves a base bar without a place.
    """
    if apply:
        name = trading_calendar.canonical(transaction, [name])[name]
        trading_calendar.keep(transaction, [name])
    else:
        name = trading_calendar.kept_name(transaction, name)  # one that it lacks has nothing that could change
    days = {one.session_date for one in corrections} | set(resets)
    shipped = _known(transaction, name, days) if known else []
    if apply and days:
        trading_calendar.reach(transaction, [name], min(days), max(days))
    (kept,) = transaction.run("records.kept_calendar", {"calendar": name})
    if unknown := sorted(one for one in days if not kept.known_from <= one <= kept.known_through and apply):
        raise CalendarError(
            f"the calendar {name} is known from {kept.known_from} through {kept.known_through}; {unknown[0]} lies "
            "beyond, where nobody knows its sessions"
        )
    # The installed library may be older than what ships, and know a calendar less far.
    shipped = [one for one in shipped if kept.known_from <= one.session_date <= kept.known_through]
    corrections = [*corrections, *shipped]
    found = _with_corrections(transaction, name, kept, corrections, resets)
    if not apply:
        return _compared(transaction, name, found)
    for one in corrections:
        row = {"session_date": one.session_date, "hours": one.hours_text(), "reason": one.reason}
        transaction.run("records.keep_correction", {"calendar": name, **row})
    for day in resets:
        transaction.run("records.drop_correction", {"calendar": name, "session_date": day})
    return _take_over(transaction, name, found, kept, grace)


def _known(transaction: Transaction, name: str, said: Collection[date]) -> list[SessionCorrection]:
    """What ships for a calendar, but for dates of which somebody says something, now or before."""
    shipped = known_corrections(name)
    if not shipped:
        raise CalendarError(
            f"nothing is known to be wrong with the calendar {name}; there is for {', '.join(corrected_calendars())}"
        )
    settled = {*said, *(one.session_date for one in trading_calendar.corrections(transaction, name))}
    return [one for one in shipped if one.session_date not in settled]


def _with_corrections(
    transaction: Transaction,
    name: str,
    known: Row,
    corrections: Sequence[SessionCorrection],
    resets: Collection[date],
) -> CalendarSessions:
    """The sessions that the store has with some corrected, and others as their calendar has them."""
    source = CalendarDefinition.from_json(known.definition) if known.definition else name
    zone = calendars.timezone_of(source) if isinstance(source, str) else source.timezone
    table = transaction.table("records.kept_segments", {"calendar": name}).cast(calendars.SEGMENTS)
    if resets:
        told = calendars.sessions(source, known.known_from, known.known_through)
        table = calendars.replaced(name, table, resets, calendars.segments_of(told.table, resets))
    week = trading_calendar.kept_week(transaction, name)
    kept = CalendarSessions(table, known.known_from, known.known_through, zone, week)
    return calendars.corrected(name, kept, corrections)


def _take_over(
    transaction: Transaction, name: str, found: CalendarSessions, known: Row, grace: timedelta
) -> CalendarReport:
    """Let a calendar of the store have these sessions, and derive again what differs by that."""
    sessions = transaction.attach("computed_sessions", found.table)
    report = _compared(transaction, name, found, sessions)
    moved = transaction.one("records.moved_session_count", {"calendar": name}, computed_sessions=sessions)
    transaction.run(
        "records.extend_calendar",
        {
            "calendar": name,
            "known_from": min(known.known_from, found.known_from),
            "known_through": max(known.known_through, found.known_through),
        },
    )
    transaction.run("records.keep_timezone", {"calendar": name, "timezone": found.timezone})
    if not (report.changes or moved.session_count or report.week_starts):
        return report
    batch = Batch.begin(transaction, "calendar", name)
    identity = {"calendar": name, "batch_id": batch.batch_id}
    transaction.run("records.replace_sessions", identity, computed_sessions=sessions)
    transaction.run("records.add_changed_sessions", identity, computed_sessions=sessions)
    trading_calendar.keep_week(transaction, name, found.week_origin, batch)
    symbols = transaction.make("edit.symbols_of_calendar", {"calendar": name})
    retention.move(transaction, symbols, batch)
    rebuild(transaction, symbols, batch, clock=transaction.now - grace)
    batch.write(transaction)
    return report.model_copy(
        update={
            "batch_id": batch.batch_id,
            "inserted": batch.inserted,
            "revised": batch.revised,
            "deleted": batch.deleted,
        }
    )


def _compared(
    transaction: Transaction, name: str, found: CalendarSessions, sessions: TemporaryTable | None = None
) -> CalendarReport:
    """In what sessions differ from those that the store has."""
    attached = sessions or transaction.attach("computed_sessions", found.table)
    rows = transaction.run("records.session_differences", {"calendar": name}, computed_sessions=attached)
    moved = found.week_origin != trading_calendar.kept_week(transaction, name)
    return CalendarReport(
        calendar=name,
        batch_id=None,
        changes=tuple(SessionChange(session_date=row.session_date, before=row.before, after=row.after) for row in rows),
        week_starts=WEEKDAYS[found.week_origin.weekday()] if moved else None,
    )
