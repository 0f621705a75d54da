"""Registering the symbols of a job: those it names, and those that its patterns find in its files."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from barhouse.coordinator.edit import symbol_move
from barhouse.coordinator.jobs.config import JobConfig, SymbolGroup
from barhouse.coordinator.jobs.job_plan import JobPlan, group_of
from barhouse.coordinator.load.columns import is_pattern
from barhouse.coordinator.streams import symbol_registration
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import ConfigError, InputError
from barhouse.store.hints import spelled
from barhouse.store.model.interval import Interval
from barhouse.store.model.reports import Registration
from barhouse.store.model.symbol import SymbolSessionData
from barhouse.store.model.symbol_range import SymbolRange
from barhouse.store.records import registration, registry

log = logging.getLogger("barhouse.coordinator")


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What one group of symbols can be registered with, and why some of it cannot."""

    group: SymbolGroup
    symbols: list[SymbolSessionData]
    failures: list[str]


def determine(
    transaction: Transaction, config: JobConfig, plan: JobPlan, symbols: SymbolRange | None = None
) -> list[Enrolled]:
    """What would be registered for each group, by what the store has and the new files hold; writes nothing.

    Of the symbols that the job names only those in ``symbols`` are meant, where that is given.
    """
    added_by = f"job {config.name}"
    own = {row.symbol for row in transaction.run("jobs.symbols_loaded") if row.added_by == added_by}
    named = {name for group in config.symbols for name in group.names if not is_pattern(name)}
    named = named if symbols is None else {name for name in named if name in symbols}
    members: dict[int, list[str]] = {}
    for name in sorted(named | own | plan.available.keys()):
        group = group_of(name, config.symbols)
        if group is not None:
            members.setdefault(id(group), []).append(name)
    kept = {name for (name,) in transaction.run("records.calendar_names")}
    coming = {definition.name for definition in config.definitions()} - kept
    return [
        _determined(transaction, group, members.get(id(group), []), plan, added_by, coming) for group in config.symbols
    ]


def write(transaction: Transaction, enrolled: Sequence[Enrolled], grace: timedelta) -> list[Registration]:
    """Register groups, and have those follow their calendar that are to move."""
    found: list[Registration] = []
    for one in enrolled:
        if one.group.move:
            moved = symbol_move.move(transaction, [data.symbol for data in one.symbols], one.group.calendar, grace)
            for symbol in moved.symbols:
                log.info("moved %s from %s to %s", symbol.symbol, symbol.before, moved.calendar)
        found += registration.write(transaction, one.symbols)
    return found


def refuse_unknown(transaction: Transaction, config: JobConfig) -> None:
    """Refuse a job that is to export or retain what is not registered, before anything is loaded for it.

    Raises
    ------
    ConfigError
        Naming the key.
    """
    wanted: list[tuple[str, list[str] | None, list[str] | None]] = []
    if config.export is not None:
        wanted.append(("export", config.export.symbols, config.export.intervals))
    wanted += [("retention", None, [str(Interval.parse(name))]) for name in config.retention if name != "revisions"]
    for key, symbols, intervals in wanted:
        try:
            registry.refuse_unknown(transaction, symbols, intervals)
        except InputError as error:
            raise ConfigError(f"{key}: {error}") from None


def _determined(
    transaction: Transaction, group: SymbolGroup, symbols: list[str], plan: JobPlan, added_by: str, coming: set[str]
) -> Enrolled:
    """The base is the one stated, the one a symbol has, or the best of those that files hold."""
    registered = symbol_registration.standing(transaction, symbols)
    offered: dict[str, list[str]] = {}
    for name in symbols:
        if group.base is not None:
            offered[name] = [group.base]
        elif name in registered:
            offered[name] = [registered[name].base]
        else:
            offered[name] = sorted(plan.available.get(name, ()))
    request = symbol_registration.RegistrationRequest(
        symbols,
        group.intervals,
        group.calendar,
        group.closing_bar,
        added_by,
        move=group.move,
        reuse_names=group.reuse_names,
    )
    found, failures = symbol_registration.determine(transaction, request, offered, coming & {group.calendar})
    return Enrolled(group, found, [spelled(failure) for failure in failures.values()])
