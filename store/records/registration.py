"""Writing registrations: symbols and their intervals, many at once, idempotent and additive."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import pyarrow as pa

from barhouse.store.database.transaction import TemporaryTable, Transaction
from barhouse.store.errors import RegistrationError
from barhouse.store.hints import Action, Option
from barhouse.store.model.interval import Interval
from barhouse.store.model.reports import Registration
from barhouse.store.model.symbol import SymbolSessionData
from barhouse.store.records import continuous, names, trading_calendar


def write(transaction: Transaction, symbols: Sequence[SymbolSessionData]) -> list[Registration]:
    """Register symbols inside a transaction: all, or (raising) none.

    What is registered already stays; intervals not there yet are added and will be derived back to the first
    base bar.

    Raises
    ------
    RegistrationError
        Naming every symbol whose base, calendar or closing bar contradicts what the store has.
    CalendarError
        For an unknown calendar.
    """
    if not symbols:
        return []
    canonical = trading_calendar.canonical(transaction, {symbol.calendar for symbol in symbols})
    trading_calendar.keep(transaction, canonical.values())
    registering = transaction.attach("registering", _as_table(symbols, canonical))
    refused = _conflicts(transaction, symbols, registering)
    if refused:
        raise RegistrationError("nothing was registered: " + "; ".join(refused.values()))
    added: dict[str, list[str]] = {}
    for new in transaction.run("records.new_intervals", registering=registering):
        added.setdefault(new.symbol, []).append(new.interval)
    transaction.run("records.keep_calendars", registering=registering)
    transaction.run("records.change_symbols", registering=registering)
    transaction.run("records.add_symbols", {"now": transaction.now}, registering=registering)
    transaction.run("records.add_intervals", registering=registering)
    if added:
        trading_calendar.reach_first_bars(transaction, canonical.values())
    _start_late(transaction)
    called = list(dict.fromkeys(symbol.symbol for symbol in symbols))
    reports: dict[str, dict[str, Any]] = {name: {"derived": []} for name in called}
    for definition in transaction.run("records.intervals_of", {"symbols": called}):
        report = reports[definition.symbol]
        report["calendar"] = definition.calendar
        if definition.derived:
            report["derived"].append(definition.interval)
        else:
            report["base"] = definition.interval
    return [
        Registration(
            symbol=name,
            calendar=report["calendar"],
            base_interval=report["base"],
            derived_intervals=tuple(report["derived"]),
            added=tuple(sorted(added.get(name, ()), key=Interval.parse)),
        )
        for name, report in reports.items()
    ]


def _start_late(transaction: Transaction) -> None:
    """New intervals of symbols whose oldest base bars were purged start where base bars do."""
    if not transaction.one("records.late_interval_count").interval_count:
        return
    block_starts = transaction.make("records.required_block_starts")
    transaction.write("records.start_late_intervals", required_block_starts=block_starts)
    for late in transaction.run("records.late_intervals_without_start"):
        raise RegistrationError(
            f"nothing was registered: base bars of {late.symbol} before {late.final_before} were purged, and its "
            f"calendar is not known as far as the first {late.interval} bar that would have all of its base; leave out "
            f"{late.interval!r}"
        )


def _as_table(symbols: Sequence[SymbolSessionData], canonical: dict[str, str]) -> pa.Table:
    rows: list[dict[str, object]] = []
    for data in symbols:
        for text in (data.base_interval, *data.derived_intervals):
            interval = Interval.parse(text)
            rows.append(
                {
                    "position": len(rows),
                    "symbol": data.symbol,
                    "calendar": canonical[data.calendar],
                    "closing_bar": data.closing_bar,
                    "added_by": data.added_by,
                    "base_interval": data.base_interval,
                    "interval": text,
                    "unit": interval.unit,
                    "length": interval.length,
                    "derived": text != data.base_interval,
                }
            )
    return pa.Table.from_pylist(rows)


def conflicts(
    transaction: Transaction,
    symbols: Sequence[SymbolSessionData],
    coming: Collection[str] = (),
    *,
    moving: bool = False,
) -> dict[str, str]:
    """The symbols that contradict what the store has, each with what is wrong and the way out.

    ``coming`` are calendars that will be there when the symbols are written; ``moving``: symbols will follow theirs by
    then.

    Raises
    ------
    CalendarError
        For an unknown calendar.
    """
    if not symbols:
        return {}
    canonical = trading_calendar.canonical(transaction, {symbol.calendar for symbol in symbols} - {*coming})
    canonical |= {name: canonical.get(name, name) for name in coming}
    registering = transaction.attach("registering", _as_table(symbols, canonical))
    return _conflicts(transaction, symbols, registering, moving=moving)


def _conflicts(
    transaction: Transaction,
    symbols: Sequence[SymbolSessionData],
    registering: TemporaryTable,
    *,
    moving: bool = False,
) -> dict[str, str]:
    names = [data.symbol for data in symbols]
    refused = _several_in_one(transaction, names) | _futures_among(transaction, names)
    rows = transaction.run("records.registration_conflicts", registering=registering)
    found = [row for row in rows if not (moving and row.what == "calendar")]
    if not found:
        return refused
    with_bars = {symbol for (symbol,) in transaction.run("records.symbols_with_bars", registering=registering)}
    lines: dict[str, list[str]] = {}
    for conflict in found:
        symbol, has, wants = conflict.symbol, conflict.has, conflict.wants
        if conflict.what == "base":
            lines.setdefault(symbol, []).append(
                f"{symbol} is registered with base {has}, not {wants}; derive from {has}, or "
                f"{Action('remove_symbol', symbol)} first (its bars become history)"
            )
        elif symbol in with_bars:
            move = f"{Action('move_symbols', symbol, wants)}, " if conflict.what == "calendar" else ""
            lines.setdefault(symbol, []).append(
                f"{symbol} holds bars under {conflict.what} {has!r}, not {wants!r}; keep {has!r}, {move}or "
                f"{Action('remove_symbol', symbol)} first and load it again"
            )
    return refused | {symbol: "; ".join(found) for symbol, found in lines.items()}


def _futures_among(transaction: Transaction, symbols: Sequence[str]) -> dict[str, str]:
    """Names that are those of continuous futures, under which no bars could be told from theirs."""
    there = continuous.known(transaction)
    return {
        name: f"{name} is a continuous future; give the symbol another name, or {Action('remove_future', name)} first"
        for name in symbols
        if name in there
    }


def taken(transaction: Transaction, symbols: Collection[str], *, reuse_names: bool = False) -> dict[str, str]:
    """Symbols that are to be new and have a former name of another, or an alias: each with the way out.

    ``reuse_names`` says that they are other instruments than those that had their names before.
    """
    refused = {}
    for name, (said, is_alias) in names.known_as(transaction, symbols).items():
        if is_alias:
            refused[name] = f"{name} {said}; take the alias away first"
        elif not reuse_names:
            refused[name] = (
                f"{name} {said}; name that one, or, if {name} is another instrument now, register it with "
                f"{Option('reuse_names', True)}"
            )
    return refused


def _several_in_one(transaction: Transaction, symbols: Sequence[str]) -> dict[str, str]:
    """Names that were meant for several symbols: they could never be told from patterns and lists afterwards."""
    odd = [name for name in symbols if any(character in name for character in "*?,")]
    known = {row.symbol for row in transaction.run("records.active_symbols")} if odd else set()
    return {name: _why_several(name) for name in odd if name not in known}


def _why_several(name: str) -> str:
    if "," in name:
        listed = [part.strip() for part in name.split(",") if part.strip()]
        return f"{name} is one text with commas, not several symbols; give a list, such as {listed}"
    return (
        f"{name} is a pattern, and a symbol is registered by its name; name each (a job takes patterns from its files)"
    )
