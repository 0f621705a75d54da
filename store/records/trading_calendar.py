"""Trading calendars as a store keeps them: computed once, written down, extended when bars reach further."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date, timedelta

from barhouse.store.calendars import exchange as calendars
from barhouse.store.calendars.correction import SessionCorrection
from barhouse.store.calendars.definition import CalendarDefinition
from barhouse.store.calendars.week import FIRST_MONDAY
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import CalendarError
from barhouse.store.hints import Option, did_you_mean
from barhouse.store.records.batch import Batch

# Sessions beyond the bars that are still looked at: the one after, to tell what lies between, and the rest of
# the month a bar falls in.
AHEAD = timedelta(days=40)
BEHIND = timedelta(days=15)


def canonical(transaction: Transaction, given: Iterable[str]) -> dict[str, str]:
    """Give each name's one spelling: as the store has it (users' own calendars too), or as the exchange's.

    Raises
    ------
    CalendarError
        For a name that neither the store nor exchange_calendars knows.
    """
    kept = _kept(transaction)
    return {name: _spelled(name, kept) for name in given}


def kept_name(transaction: Transaction, given: str) -> str:
    """Give the one spelling of a calendar that the store has.

    Raises
    ------
    CalendarError
        When it does not have it.
    """
    kept = _kept(transaction)
    name = ""
    with suppress(CalendarError):
        name = _spelled(given, kept)
    if name not in kept.values():
        raise CalendarError(
            f"the store has no calendar {given!r}{did_you_mean(given, kept.values())}, it has "
            f"{', '.join(kept.values()) or 'none'}; an exchange's comes with the first symbol registered for it"
        )
    return name


def _kept(transaction: Transaction) -> dict[str, str]:
    return {name.casefold(): name for (name,) in transaction.run("records.calendar_names")}


def _spelled(given: str, kept: Mapping[str, str]) -> str:
    if not isinstance(given, str):
        raise CalendarError(f"{Option('calendar', given)} is no name; give a text such as 'XNYS' or '24/7'")
    return kept.get(given.strip().casefold()) or calendars.canonical_name(given, kept.values())


def keep(transaction: Transaction, names: Iterable[str]) -> None:
    """Make sure the store has each calendar; the names must be canonical.

    Raises
    ------
    CalendarError
        For a name that no exchange has and that no user defined.
    """
    for name in sorted(set(names)):
        if not transaction.run("records.kept_calendar", {"calendar": name}):
            today = transaction.now.date()
            found = calendars.sessions(name, today, today)
            transaction.run(
                "records.add_calendar",
                {
                    "calendar": name,
                    "definition": None,
                    "known_from": found.known_from,
                    "known_through": found.known_through,
                },
            )
            transaction.run("records.keep_timezone", {"calendar": name, "timezone": found.timezone})
            # An empty range of known dates: everything computed is new.
            batch = _add(transaction, name, found, date.max, date.min)
            keep_week(transaction, name, found.week_origin, batch)


def zones(transaction: Transaction, names: Iterable[str]) -> tuple[str, ...]:
    """The zones that calendars' wall clocks are in, in the order of their names."""
    return tuple(row.timezone for row in transaction.run("records.zones", {"calendars": sorted(names)}))


def corrections(transaction: Transaction, name: str) -> tuple[SessionCorrection, ...]:
    """What is said of single sessions of a calendar beyond what it says, by date."""
    rows = transaction.run("records.corrections", {"calendar": name})
    return tuple(SessionCorrection.from_row(row.session_date, row.hours, row.reason) for row in rows)


def computed(
    transaction: Transaction, name: str, source: CalendarDefinition | str, first: date, last: date
) -> calendars.CalendarSessions:
    """The sessions of a calendar by its definition or by the installed library, corrected."""
    return calendars.corrected(name, calendars.sessions(source, first, last), corrections(transaction, name))


def kept_week(transaction: Transaction, name: str) -> date:
    """From which date the weeks of a calendar count; see ``week_origin``."""
    kept = transaction.run("records.kept_week", {"calendar": name})
    return kept[0].origin if kept else FIRST_MONDAY


def keep_week(transaction: Transaction, name: str, origin: date, batch: Batch) -> None:
    """Let the weeks of a calendar count from a date from now on; extending it later never moves them."""
    if origin == kept_week(transaction, name):
        return
    identity = {"calendar": name, "batch_id": batch.batch_id}
    transaction.run("records.replace_week", identity)
    if origin != FIRST_MONDAY:
        transaction.run("records.keep_week", {**identity, "origin": origin})


def reach(transaction: Transaction, names: Iterable[str], first: date, last: date, batch: Batch | None = None) -> None:
    """Extend calendars so that they cover ``first`` to ``last`` with room on both sides, where they can be.

    The blocks of sessions that ``first`` lies in are covered whole: what a block begins with never changes afterwards.

    Parameters
    ----------
    batch
        One that has begun, and writes the sessions with all else; None: they are a batch of their own.
    """
    for name in sorted(set(names)):
        kept = transaction.one("records.calendar_reach", {"calendar": name, "date": first})
        wanted_from = min(first, kept.blocks_from or first) - BEHIND
        wanted_through = last + AHEAD
        if kept.known_from <= wanted_from and wanted_through <= kept.known_through:
            continue
        source = CalendarDefinition.from_json(kept.definition) if kept.definition else name
        first_date, last_date = min(kept.known_from, wanted_from), max(kept.known_through, wanted_through)
        found = computed(transaction, name, source, first_date, last_date)
        if found.known_from >= kept.known_from and found.known_through <= kept.known_through:
            continue
        _add(transaction, name, found, kept.known_from, kept.known_through, batch)
        transaction.run(
            "records.extend_calendar",
            {
                "calendar": name,
                "known_from": min(kept.known_from, found.known_from),
                "known_through": max(kept.known_through, found.known_through),
            },
        )


def reach_first_bars(transaction: Transaction, names: Iterable[str]) -> None:
    """Extend calendars so that the blocks of sessions that bars begin in are covered whole, for every interval."""
    for row in transaction.run("records.first_sessions", {"calendars": sorted(set(names))}):
        reach(transaction, [row.calendar], row.first_date, row.first_date)


def _add(
    transaction: Transaction,
    name: str,
    found: calendars.CalendarSessions,
    known_from: date,
    known_through: date,
    within: Batch | None = None,
) -> Batch:
    batch = within or Batch.begin(transaction, "calendar", name)
    sessions = transaction.attach("computed_sessions", found.table)
    transaction.run(
        "records.add_sessions",
        {
            "calendar": name,
            "batch_id": batch.batch_id,
            "known_from": known_from,
            "known_through": known_through,
        },
        computed_sessions=sessions,
    )
    if within is None:
        batch.write(transaction)
    return batch
