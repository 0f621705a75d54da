"""Instants that are midnights somewhere: the days that bars are named by, once that zone is said.

What is midnight in one zone is a time of day in another, so that a bar stamped so is of no session until it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from barhouse.coordinator.load.canonical_rows import CanonicalRows
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.store.database.transaction import Transaction
from barhouse.store.hints import Option
from barhouse.store.records import trading_calendar
from barhouse.store.sql import Sql, literal

#: Where exchanges are whose calendar nobody said, each for all that have its clock.
_ZONES = (
    *("UTC", "America/New_York", "America/Chicago", "Europe/London", "Europe/Berlin", "Asia/Tokyo", "Asia/Hong_Kong"),
    *("Asia/Kolkata", "Australia/Sydney", "America/Sao_Paulo"),
)


def way_out(transaction: Transaction, rows: CanonicalRows, options: LoadOptions) -> str | None:
    """Say which zone's midnights the stamps of rows are; None where they are those of none, or of the one said."""
    zones = [*trading_calendar.zones(transaction, rows.symbols.calendars), *_ZONES]
    zone = None if rows.bounds.naive_count else zone_of(transaction, rows.relation, zones)
    if zone is None or zone == (options.timezone or "UTC"):
        return None
    return f"these are midnights in {zone}: {Option('timezone', zone)} takes them for the days they begin"


def zone_of(transaction: Transaction, relation: Sql, zones: Sequence[str] = _ZONES) -> str | None:
    """The first of some zones in which every instant of canonical rows is a midnight; None where there is none."""
    for zone in dict.fromkeys(zones):
        local = Sql(f"timezone({literal(zone)}, instant_given)")
        if transaction.one("load.count_midnights", canonical_rows=relation, local=local).are_midnights:
            return zone
    return None
