"""Continuous futures defined, defined anew and struck off, each inside one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import pyarrow as pa

from barhouse.coordinator.futures import rolls
from barhouse.store.database.transaction import Row, Transaction
from barhouse.store.errors import InputError, RegistrationError, UnknownSymbolError
from barhouse.store.hints import Action, Option, did_you_mean
from barhouse.store.model.future import FutureDefinition
from barhouse.store.model.reports import FutureReport
from barhouse.store.records import names as name_records
from barhouse.store.records.batch import Batch

_CONTRACTS = pa.schema(
    {"position": pa.int32(), "symbol_id": pa.int32(), "expires": pa.date32(), "roll_date": pa.date32()}
)


def define(transaction: Transaction, wanted: FutureDefinition, clock: datetime) -> FutureReport:
    """Define a future, or define it anew, and decide its rolls; see ``SessionCoordinator.define_future``."""
    contracts = _checked(transaction, wanted)
    if wanted.rule == "open_interest" and transaction.one("futures.number_of_open_interest").number is None:
        raise InputError(
            f"{Option('roll', 'open_interest')} goes by a column of that name, which this store has not declared; "
            f"declare it with {Action('declare_columns', 'open_interest', 'last')} and load the contracts with it"
        )
    found = transaction.run("futures.futures_of", {"symbols": [wanted.symbol]})
    said = {"rule": wanted.rule, "sessions_before": wanted.sessions_before, "adjustment": wanted.adjustment}
    future_id = found[0].future_id if found else transaction.one("futures.next_future").future_id
    if found:
        transaction.write("futures.change_future", {"future_id": future_id, **said})
        transaction.write("futures.drop_contracts", {"future_id": future_id})
    else:
        transaction.write("futures.add_future", {"future_id": future_id, "symbol": wanted.symbol, **said})
    given = {
        "position": list(range(len(contracts))),
        "symbol_id": [row.symbol_id for row in contracts],
        "expires": [one.expires for one in wanted.contracts],
        "roll_date": [one.roll_date for one in wanted.contracts],
    }
    table = transaction.attach("contracts_given", pa.table(given, schema=_CONTRACTS))
    transaction.write("futures.add_contracts", {"future_id": future_id}, contracts_given=table)
    (future,) = transaction.run("futures.futures_of", {"symbols": [wanted.symbol]})
    rolls.reach(transaction, [future], clock)
    batch = Batch.begin(transaction, "process", f"future {wanted.symbol}")
    rolls.bring_up_to_date(transaction, future, date.min, clock, batch)
    return _reported(transaction, wanted.symbol, batch)


def remove(transaction: Transaction, symbol: str) -> FutureReport:
    """Strike a future off; its rolls stay as revisions."""
    found = transaction.run("futures.futures_of", {"symbols": [symbol]})
    if not found:
        known = [row.symbol for row in transaction.run("futures.futures_of", {"symbols": None})]
        raise UnknownSymbolError(
            f"there is no continuous future {symbol}{did_you_mean(symbol, known)}; there are "
            f"{', '.join(known) or 'none'}"
        )
    future_id = found[0].future_id
    batch = Batch.begin(transaction, "remove", f"future {symbol}")
    rolls.write(transaction, future_id, [], batch)
    transaction.write("futures.remove_future", {"future_id": future_id, "now": transaction.now})
    return _reported(transaction, symbol, batch)


def refuse_contracts(transaction: Transaction, symbols: Sequence[str]) -> None:
    """Refuse to take symbols away that a future has for contracts.

    Raises
    ------
    RegistrationError
        Naming one, and the future.
    """
    for row in transaction.run("futures.futures_of_symbols", {"symbols": list(symbols)}):
        raise RegistrationError(
            f"{row.contract} is a contract of the continuous future {row.future}; define that without it, or remove it "
            f"with {Action('remove_future', row.future)}"
        )


def _checked(transaction: Transaction, wanted: FutureDefinition) -> list[Row]:
    """The contracts as they are registered, in the order given."""
    names = [one.symbol for one in wanted.contracts]
    known = {
        row.symbol: row for row in transaction.run("futures.contracts_named", {"symbols": [*names, wanted.symbol]})
    }
    if wanted.symbol in known:
        raise RegistrationError(
            f"{wanted.symbol} is a symbol that is registered; give the continuous future a name of its own"
        )
    for name in names:
        if name not in known:
            raise name_records.unknown(transaction, name)
    first = known[names[0]]
    for name in names[1:]:
        other = known[name]
        for what in ("calendar", "interval"):
            if getattr(other, what) != getattr(first, what):
                raise RegistrationError(
                    f"{name} has the {'base interval' if what == 'interval' else what} {getattr(other, what)}, and "
                    f"{first.symbol} {getattr(first, what)}; contracts of one future have the same"
                )
    return [known[name] for name in names]


def _reported(transaction: Transaction, symbol: str, batch: Batch) -> FutureReport:
    written = bool(batch.inserted + batch.revised + batch.deleted)
    if written:
        batch.write(transaction)
    return FutureReport(
        batch_id=batch.batch_id if written else None,
        symbol=symbol,
        inserted=batch.inserted,
        revised=batch.revised,
        deleted=batch.deleted,
    )
