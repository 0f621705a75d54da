"""Registering: what each symbol shall stream and derive, decided for all before any is written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from barhouse.coordinator.derive.derivation import GRACE
from barhouse.coordinator.edit import symbol_move
from barhouse.coordinator.streams.determination import determine_streams
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import InputError, RegistrationError, StreamError
from barhouse.store.hints import Action, Option
from barhouse.store.model.inputs import Names, as_list
from barhouse.store.model.interval import Interval
from barhouse.store.model.reports import Registration
from barhouse.store.model.spelling import Spelling
from barhouse.store.model.symbol import ClosingBar, SymbolSessionData
from barhouse.store.records import registration

Available = Names | Mapping[str, Names]
OnMissing = Literal["raise", "skip"]


@dataclass(frozen=True, slots=True)
class ExistingRegistration:
    """How a symbol is registered already."""

    base: str
    calendar: str
    closing_bar: ClosingBar


@dataclass(frozen=True, slots=True)
class RegistrationRequest:
    """What is wanted of some symbols.

    Attributes
    ----------
    names
        The symbols, each once and in its one spelling.
    intervals
        What each shall have.
    calendar, closing_bar
        For symbols that are new; None leaves those that are registered as they are.
    refused
        Symbols that cannot be had whatever is wanted, each with the reason.
    move
        Whether those that follow another calendar will follow this one by then.
    reuse_names
        Whether those that are not registered are other instruments than those that had their names before.
    """

    names: list[str]
    intervals: list[str]
    calendar: str | None
    closing_bar: ClosingBar | None = None
    added_by: str = "user"
    refused: Mapping[str, str] = field(default_factory=dict)
    move: bool = False
    reuse_names: bool = False


def register(
    transaction: Transaction,
    request: RegistrationRequest,
    offered: Mapping[str, Iterable[str] | None],
    on_missing: OnMissing,
    grace: timedelta = GRACE,
) -> tuple[list[Registration], dict[str, str]]:
    """Register each symbol with the base that is best of what is offered for it (None: the usual ones).

    Returns what was registered; and each symbol that cannot be, with the reason.

    Raises
    ------
    RegistrationError
        Naming every symbol that cannot be registered, and why; with ``on_missing="skip"`` those are left out.
    """
    check_on_missing(on_missing)
    symbols, failures = determine(transaction, request, offered)
    if failures and on_missing == "raise":
        raise RegistrationError("nothing was registered: " + "; ".join(failures[name] for name in sorted(failures)))
    if request.move and request.calendar is not None:
        symbol_move.move(transaction, [data.symbol for data in symbols], request.calendar, grace)
    return registration.write(transaction, symbols), failures


def determine(
    transaction: Transaction,
    request: RegistrationRequest,
    offered: Mapping[str, Iterable[str] | None],
    coming: Collection[str] = (),
) -> tuple[list[SymbolSessionData], dict[str, str]]:
    """What ``register`` would write, and the reason for each symbol that cannot be had; writes nothing.

    ``coming`` are calendars that the store will have by then.
    """
    registered = standing(transaction, request.names)
    symbols: dict[str, SymbolSessionData] = {}
    failures = {name: f"{name}: {why}" for name, why in request.refused.items()}
    new = [name for name in request.names if name not in registered and name not in failures]
    failures |= registration.taken(transaction, new, reuse_names=request.reuse_names)
    for name in request.names:
        if name in failures:
            continue
        try:
            symbols[name] = _determined(transaction, name, request, offered[name], registered.get(name))
        except StreamError as error:
            failures[name] = f"{name}: {error}" + _way_out(name, registered)
        except InputError as error:
            failures[name] = f"{name}: {error}"
    failures |= registration.conflicts(transaction, list(symbols.values()), coming, moving=request.move)
    return [data for name, data in symbols.items() if name not in failures], failures


def standing(transaction: Transaction, names: list[str]) -> dict[str, ExistingRegistration]:
    """How those of the symbols are registered that are."""
    return {
        row.symbol: ExistingRegistration(row.interval, row.calendar, row.closing_bar)
        for row in transaction.run("streams.registered_bases", {"symbols": names})
    }


def check_on_missing(on_missing: str) -> None:
    """Refuse what is neither raise nor skip."""
    if on_missing not in ("raise", "skip"):
        raise InputError(f"{Option('on_missing', on_missing)} is not known; allowed are 'raise' and 'skip'")


def by_symbol(
    spelling: Spelling, names: list[str], available: Available | None, parameter: str
) -> dict[str, list[str] | None]:
    """What is offered for each symbol: the same for all, or what a mapping says; None where nothing was said.

    Raises
    ------
    InputError
        For what is neither intervals nor such a mapping.
    """
    if isinstance(available, Mapping):
        found = {spelling.symbol(name): _offered(offered, parameter) for name, offered in available.items()}
        return {name: found.get(name, []) for name in names}
    everything = None if available is None else _offered(available, parameter)
    return {name: everything for name in names}


def _offered(given: Names, parameter: str) -> list[str]:
    """Intervals in their one spelling; none of a symbol, or of a source, that has none."""
    return [str(Interval.parse(interval)) for interval in as_list(given, parameter, "an interval", may_be_empty=True)]


def _determined(
    transaction: Transaction,
    name: str,
    request: RegistrationRequest,
    offered: Iterable[str] | None,
    registered: ExistingRegistration | None,
) -> SymbolSessionData:
    calendar = request.calendar
    if calendar is None and registered:
        calendar = registered.calendar
    if calendar is None:
        raise StreamError(
            f"it is not registered yet, and nothing says which calendar it follows; give {Option('calendar')}"
        )
    streams = determine_streams(request.intervals, offered)
    return SymbolSessionData.build(
        name,
        streams.required_base_interval,
        streams.derivable_intervals,
        calendar=calendar,
        closing_bar=request.closing_bar or (registered.closing_bar if registered else "outside"),
        added_by=request.added_by,
        case_sensitive=transaction.spelling.case_sensitive,
    )


def _way_out(name: str, registered: Mapping[str, ExistingRegistration]) -> str:
    if name not in registered:
        return ""
    base = registered[name].base
    return f" ({name} is registered with base {base}; {Action('remove_symbol', name)} first to give it another)"
