"""Registering: what each symbol shall stream and derive, decided for all before any is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from coordinator.stream_determination import determine_streams
from store import SymbolSessionData, registration
from store.engine import Transaction
from store.errors import InputError, RegistrationError, StreamError
from store.models import ClosingBar, Registration, canonical_symbol

Available = Iterable[str] | Mapping[str, Iterable[str]]


def register(
    transaction: Transaction,
    names: list[str],
    wanted: list[str],
    calendar: str,
    *,
    base: str | None,
    available: Available | None,
    closing_bar: ClosingBar,
    added_by: str,
    skip_missing: bool,
) -> tuple[list[Registration], list[str]]:
    """Register symbols; see ``SessionCoordinator.register``. Returns what was registered, and why the rest was not."""
    bases = {
        symbol: interval
        for symbol, interval, derived, *_ in transaction.run("registration.intervals_of", {"symbols": names})
        if not derived
    }
    offered = _offered(names, base, available, bases)
    symbols, failures = [], []
    for name in names:
        try:
            streams = determine_streams(wanted, offered[name])
            symbols.append(
                SymbolSessionData.build(
                    name,
                    streams.required_base_interval,
                    streams.derivable_intervals,
                    calendar=calendar,
                    closing_bar=closing_bar,
                    added_by=added_by,
                )
            )
        except StreamError as error:
            failures.append(f"{name}: {error}" + _way_out(name, bases))
        except ValidationError as error:
            failures.append(f"{name}: " + "; ".join(one["msg"] for one in error.errors()))
    if failures and not skip_missing:
        raise RegistrationError("nothing was registered: " + "; ".join(failures))
    return registration.write(transaction, symbols), failures


def names_of(symbols: str | Iterable[str]) -> list[str]:
    """One symbol or many, each once and in its one spelling.

    Raises
    ------
    RegistrationError
        When there is none.
    InputError
        For one that is no printable text.
    """
    given = [symbols] if isinstance(symbols, str) else list(symbols)
    if not given:
        raise RegistrationError("no symbol given; name at least one")
    return list(dict.fromkeys(canonical_symbol(one) for one in given))


def _offered(
    names: list[str], base: str | None, available: Available | None, bases: Mapping[str, str]
) -> dict[str, Iterable[str] | None]:
    """What each symbol's base may be chosen from; None where nothing was said. A registered one has its base."""
    if isinstance(available, str):
        raise InputError(f"available takes a list of intervals, not the text {available!r}; write [{available!r}]")
    stated: dict[str, Iterable[str] | None]
    if base is not None:
        return {name: [base] for name in names}
    if isinstance(available, Mapping):
        for name, offered in available.items():
            if isinstance(offered, str):
                raise InputError(f"available of {name} takes a list of intervals; write [{offered!r}]")
        by_name = {canonical_symbol(name): list(offered) for name, offered in available.items()}
        stated = {name: by_name.get(name, []) for name in names}
    else:
        everything = None if available is None else list(available)
        stated = {name: everything for name in names}
    return {name: [bases[name]] if name in bases else stated[name] for name in names}


def _way_out(name: str, bases: Mapping[str, str]) -> str:
    if name not in bases:
        return ""
    return f" ({name} is registered with base {bases[name]}; remove_symbol({name!r}) first to give it another)"
