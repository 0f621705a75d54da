"""Names of symbols: given anew from a date on, and aliases, each as a batch of its own, inside one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from barhouse.store.database.transaction import Row, Transaction
from barhouse.store.errors import InputError
from barhouse.store.hints import Action, Option
from barhouse.store.model.reports import NameReport, RevertReport
from barhouse.store.records import continuous, names
from barhouse.store.records.batch import Batch

#: A name that was there before every batch.
_BEFORE_ALL = 0
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Alias:
    """A name that sources may call a symbol by.

    Attributes
    ----------
    symbol
        By its name of today.
    name
        In the store's spelling.
    vendor
        Whose sources call it so; None: everybody's.
    start, end
        Dates of sessions, half-open; None leaves a side open.
    """

    symbol: str
    name: str
    vendor: str | None = None
    start: date | None = None
    end: date | None = None

    @property
    def whose(self) -> str:
        """In a message."""
        return "everybody" if self.vendor is None else self.vendor


def rename(transaction: Transaction, old: str, new: str, effective: date) -> NameReport:
    """Give a symbol another name from a date on; see ``SessionCoordinator.rename``."""
    symbol_id = _id_of(transaction, old)
    if new == old:
        raise InputError(f"{old} is called so already; give the name that it has from {effective} on")
    if effective > transaction.now.date() + _DAY:
        raise InputError(
            f"{Option('effective', effective)} lies ahead of the store's clock, and {new} would be the name of today; "
            f"rename {old} once the day has come"
        )
    begins = _refuse_taken(transaction, symbol_id, old, new, effective)
    batch = Batch.begin(transaction, "name", f"{old} to {new} from {effective}")
    ended = {"symbol_id": symbol_id, "batch_id": batch.batch_id, "vendor": None}
    if begins.has_row:
        transaction.write("edit.end_names", {**ended, "alias": None})
    else:
        _add(transaction, symbol_id, old, _BEFORE_ALL, start=begins.start, replaced_by=batch.batch_id)
    transaction.write("edit.end_names", {**ended, "alias": new})
    _add(transaction, symbol_id, old, batch.batch_id, start=begins.start, end=effective)
    _add(transaction, symbol_id, new, batch.batch_id, start=effective)
    transaction.write("edit.call_symbol", {"symbol_id": symbol_id, "name": new})
    batch.write(transaction)
    return NameReport(batch_id=batch.batch_id, symbol=new, name=old, kind="former", start=begins.start, end=effective)


@dataclass(frozen=True, slots=True)
class _Beginning:
    """Since when a symbol has its name of today, and whether that is on record."""

    start: date | None
    has_row: bool


def _refuse_taken(transaction: Transaction, symbol_id: int, old: str, new: str, effective: date) -> _Beginning:
    """Refuse a name that another symbol has for a session from that date on; and a date that names would cross at."""
    if transaction.run("records.active_symbol", {"symbol": new}):
        raise InputError(
            f"{new} is registered already; if it is the same instrument as {old}, {Action('remove_symbol', new)}, "
            f"rename {old}, and load again what was loaded as {new}; if it is another, rename that one first"
        )
    _refuse_future(transaction, new)
    begins = _beginning(transaction, symbol_id, old)
    if begins.start is not None and effective <= begins.start:
        raise InputError(
            f"{old} is called so from {begins.start} on, and {Option('effective', effective)} is not after it; give a "
            f"later date, or undo the renaming before, {Action('revert')}"
        )
    for row in transaction.run("records.names_given", {"names": [new], "vendor": None}):
        if row.symbol_id == symbol_id:
            continue
        if row.is_alias:
            raise InputError(f"{new} is an alias of {row.symbol}; take it away first, {_taking(row.symbol, new)}")
        if row.valid_to > effective:
            raise InputError(
                f"{new} was the name of {row.symbol} for sessions before {row.valid_to}, and "
                f"{Option('effective', effective)} lies before that; give {row.valid_to} or a later date"
            )
    return begins


def _refuse_future(transaction: Transaction, name: str) -> None:
    if name in continuous.known(transaction):
        raise InputError(f"{name} is a continuous future; give another name, or {Action('remove_future', name)} first")


def _beginning(transaction: Transaction, symbol_id: int, name: str) -> _Beginning:
    rows = transaction.run("records.names_of_symbol", {"symbol_id": symbol_id})
    own = [row for row in rows if not row.is_alias and row.valid_to is None]
    if own:
        return _Beginning(own[0].valid_from, True)
    others = transaction.run("records.names_given", {"names": [name], "vendor": None})
    ends = [row.valid_to for row in others if not row.is_alias and row.symbol_id != symbol_id]
    return _Beginning(max(ends, default=None), False)


def add_alias(transaction: Transaction, alias: Alias) -> NameReport:
    """Let sources call a symbol by another name; see ``SessionCoordinator.alias``."""
    symbol_id = _id_of(transaction, alias.symbol)
    if alias.name == alias.symbol:
        raise InputError(f"{alias.symbol} is called so; an alias is another name, such as a vendor's for it")
    if alias.start is not None and alias.start == alias.end:
        raise InputError(f"{Option('start', alias.start)} is {Option('end', alias.end)} too; give a later end")
    if alias.vendor is None and transaction.run("records.active_symbol", {"symbol": alias.name}):
        raise InputError(
            f"{alias.name} is a symbol of its own; an alias by this name is one of a vendor's, so say "
            f"{Option('vendor')}, or {Action('remove_symbol', alias.name)} first"
        )
    if alias.vendor is None:
        _refuse_future(transaction, alias.name)
    rows = transaction.run("records.names_given", {"names": [alias.name], "vendor": alias.vendor})
    _refuse_other(alias, symbol_id, rows)
    told = (True, alias.vendor, alias.start, alias.end)
    if any((row.is_alias, row.vendor, row.valid_from, row.valid_to) == told for row in rows):
        return _report(None, alias)
    batch = Batch.begin(transaction, "name", f"{alias.name} as {alias.symbol}")
    _end_alias(transaction, symbol_id, alias, batch)
    _add(
        transaction, symbol_id, alias.name, batch.batch_id, start=alias.start, end=alias.end, alias=True,
        vendor=alias.vendor,
    )  # fmt: skip
    batch.write(transaction)
    return _report(batch.batch_id, alias)


def _refuse_other(alias: Alias, symbol_id: int, rows: Iterable[Any]) -> None:
    """Refuse an alias that means another symbol for a session: as one of the same vendor, or (of all) as a name."""
    for row in rows:
        if row.symbol_id == symbol_id or not _meet(row, alias):
            continue
        if row.is_alias and row.vendor == alias.vendor:
            raise InputError(
                f"{alias.name} is an alias of {row.symbol} already, of {alias.whose}, for sessions of that time; take "
                f"it away first, {_taking(row.symbol, alias.name)}, or give it an {Option('end')}"
            )
        if not row.is_alias and alias.vendor is None:
            raise InputError(
                f"{alias.name} was the name of {row.symbol} for sessions before {row.valid_to}; say "
                f"{Option('start', row.valid_to)} or a later one"
            )


def _meet(row: Any, alias: Alias) -> bool:
    """Whether both are valid for a session."""
    before = row.valid_to is not None and alias.start is not None and row.valid_to <= alias.start
    after = row.valid_from is not None and alias.end is not None and alias.end <= row.valid_from
    return not (before or after)


def remove_alias(transaction: Transaction, alias: Alias) -> NameReport:
    """Take an alias away; see ``SessionCoordinator.remove_alias``."""
    symbol_id = _id_of(transaction, alias.symbol)
    rows = transaction.run("records.names_of_symbol", {"symbol_id": symbol_id})
    found = [row for row in rows if row.is_alias and (row.name, row.vendor) == (alias.name, alias.vendor)]
    if not found:
        return _report(None, alias)
    batch = Batch.begin(transaction, "name", f"{alias.name} not as {alias.symbol}")
    _end_alias(transaction, symbol_id, alias, batch)
    batch.write(transaction)
    return _report(
        batch.batch_id, Alias(alias.symbol, alias.name, alias.vendor, found[0].valid_from, found[0].valid_to)
    )


def revert(transaction: Transaction, batch_id: int, named: Row, undone: dict[int, int], *, apply: bool) -> RevertReport:
    """Undo a batch that gave or took names: symbols are called as they were before it.

    Parameters
    ----------
    named
        Its kind and source.
    undone
        The batches that were undone, each with what undid it.

    Raises
    ------
    InputError
        When a symbol of it was removed since, another has its name now, or later batches changed the names.
    """
    found = transaction.run("edit.names_of_batch", {"batch_id": batch_id})
    _refuse_later(transaction, batch_id, found, undone)
    report = RevertReport(
        batch_id=None,
        reverted=batch_id,
        kind=named.kind,
        source=named.source,
        symbols=tuple(row.called_before or row.symbol for row in found),
        names=len(found),
    )
    if not apply:
        return report
    batch = Batch.begin(transaction, "revert", f"batch {batch_id}")
    batch.reverts = batch_id
    transaction.write("edit.take_names_back", {"batch_id": batch_id, "new_batch": batch.batch_id})
    for old in transaction.run("edit.names_replaced", {"batch_id": batch_id}):
        _add(
            transaction, old.symbol_id, old.name, batch.batch_id, start=old.valid_from, end=old.valid_to,
            alias=old.is_alias, vendor=old.vendor,
        )  # fmt: skip
    for row in found:
        if row.called_before is not None:
            transaction.write("edit.call_symbol", {"symbol_id": row.symbol_id, "name": row.called_before})
    batch.write(transaction)
    return report.model_copy(update={"batch_id": batch.batch_id})


def has_names(transaction: Transaction, batch_id: int) -> bool:
    """Whether a batch gave or took names."""
    return bool(transaction.run("edit.names_of_batch", {"batch_id": batch_id}))


def _refuse_later(transaction: Transaction, batch_id: int, found: Sequence[Any], undone: dict[int, int]) -> None:
    cannot = f"batch {batch_id} cannot be undone"
    for row in found:
        if row.removed_at is not None:
            raise InputError(f"{cannot}: {row.symbol} was removed since; register it by the name that it shall have")
    over = {batch for pair in undone.items() if pair[0] > batch_id for batch in pair}
    asked = {"batch_id": batch_id, "symbol_ids": [row.symbol_id for row in found]}
    later = [row.batch_id for row in transaction.run("edit.name_batches_since", asked) if row.batch_id not in over]
    if later:
        listed = ", ".join(f"batch {number}" for number in later)
        raise InputError(f"{cannot}: {listed} changed names of its symbols since; undo the newest of them first")
    there = continuous.known(transaction)
    for row in found:
        if row.called_before in there:
            raise InputError(f"{cannot}: {row.called_before} is a continuous future now; remove that one first")
    taken = transaction.run("edit.names_in_the_way", {"batch_id": batch_id})
    if taken:
        first = taken[0]
        raise InputError(
            f"{cannot}: {first.symbol} would be {first.name} again, which is a name of {first.other} for sessions of "
            f"that time; rename that one first"
        )


def strike(transaction: Transaction, symbol_id: int, batch_id: int) -> None:
    """Let the names of a symbol that is removed become history."""
    transaction.write("edit.end_all_names", {"symbol_id": symbol_id, "batch_id": batch_id})


def purge(transaction: Transaction, symbol_ids: Sequence[int]) -> None:
    """Give up the names of symbols that leave no history."""
    transaction.write("edit.purge_names", {"symbol_ids": list(symbol_ids)})


def _id_of(transaction: Transaction, symbol: str) -> int:
    found = transaction.run("records.active_symbol", {"symbol": symbol})
    if not found:
        raise names.unknown(transaction, symbol)
    return int(found[0].symbol_id)


def _end_alias(transaction: Transaction, symbol_id: int, alias: Alias, batch: Batch) -> None:
    asked = {"symbol_id": symbol_id, "batch_id": batch.batch_id, "alias": alias.name, "vendor": alias.vendor}
    transaction.write("edit.end_names", asked)


def _add(
    transaction: Transaction,
    symbol_id: int,
    name: str,
    batch_id: int,
    *,
    start: date | None = None,
    end: date | None = None,
    alias: bool = False,
    vendor: str | None = None,
    replaced_by: int | None = None,
) -> None:
    transaction.write(
        "edit.add_name",
        {
            "symbol_id": symbol_id,
            "name": name,
            "is_alias": alias,
            "vendor": vendor,
            "valid_from": start,
            "valid_to": end,
            "batch_id": batch_id,
            "replaced_by": replaced_by,
        },
    )


def _report(batch_id: int | None, alias: Alias) -> NameReport:
    return NameReport(
        batch_id=batch_id,
        symbol=alias.symbol,
        name=alias.name,
        kind="alias",
        vendor=alias.vendor,
        start=alias.start,
        end=alias.end,
    )


def _taking(symbol: str, name: str) -> str:
    return str(Action("remove_alias", symbol, name))
