"""What symbols are called over time, and what sources may call them: which symbol a name means on which date."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import UnknownSymbolError
from barhouse.store.model.inputs import unknown_symbol
from barhouse.store.model.words import shortened


@dataclass(frozen=True, slots=True)
class NamePeriod:
    """The symbol that a name means from one session to before another.

    Attributes
    ----------
    start, end
        Dates of sessions, half-open; None leaves a side open.
    symbol
        By its name of today; where the name means none, the one that it meant before, or after.
    refusal
        Why the name means no symbol then; None where it does.
    """

    start: date | None
    end: date | None
    symbol: str
    refusal: str | None = None


def periods(
    transaction: Transaction, names: Iterable[str], vendor: str | None = None
) -> dict[str, tuple[NamePeriod, ...]]:
    """Which symbols names mean, over all time and without a gap; a name that is not in it means the one called so.

    An alias of the vendor goes before one of everybody, and that before names. A name of today takes the time before
    it was given, too, where no other symbol had it.

    Parameters
    ----------
    names
        In the store's spelling.
    vendor
        Whose aliases count, too.
    """
    wanted = sorted(set(names))
    rows = transaction.run("records.names_given", {"names": wanted, "vendor": vendor})
    if not rows:
        return {}
    of_today = {row.symbol for row in transaction.run("records.symbols_called", {"symbols": wanted})}
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row.name, []).append(row)
    told = {name: _periods_of(name, of_name, name in of_today) for name, of_name in found.items()}
    return {name: pieces for name, pieces in told.items() if pieces != (NamePeriod(None, None, name),)}


def _periods_of(name: str, rows: Sequence[Any], is_of_today: bool) -> tuple[NamePeriod, ...]:
    edges = sorted({edge for row in rows for edge in (row.valid_from, row.valid_to) if edge is not None})
    pieces: list[NamePeriod] = []
    for start, end in zip([None, *edges], [*edges, None], strict=True):
        row = min((row for row in rows if _holds(row, start, end)), key=_rank, default=None)
        if row is not None:
            piece = NamePeriod(start, end, row.symbol)
        elif is_of_today:
            piece = NamePeriod(start, end, name)
        else:
            piece = _refused(name, rows, start, end)
        last = pieces[-1] if pieces else None
        if last is not None and (last.symbol, last.refusal) == (piece.symbol, piece.refusal):
            pieces[-1] = NamePeriod(last.start, end, last.symbol, last.refusal)
        else:
            pieces.append(piece)
    return tuple(pieces)


def _holds(row: Any, start: date | None, end: date | None) -> bool:
    """Whether a name is valid all through a stretch between neighbouring edges."""
    from_start = row.valid_from is None or (start is not None and row.valid_from <= start)
    return from_start and (row.valid_to is None or (end is not None and end <= row.valid_to))


def _rank(row: Any) -> int:
    return 2 if not row.is_alias else 1 if row.vendor is None else 0


def _refused(name: str, rows: Sequence[Any], start: date | None, end: date | None) -> NamePeriod:
    """What is said of rows of a time in which a name means no symbol."""
    before = [row for row in rows if row.valid_to is not None and start is not None and row.valid_to <= start]
    if before:
        row = max(before, key=lambda row: row.valid_to)
        said = f"is an alias of {row.symbol} for sessions before {row.valid_to} only"
        if not row.is_alias:
            said = _was_renamed(row)
        return NamePeriod(start, end, row.symbol, f"{name} {said}: name {row.symbol}, or make {name} an alias of it")
    row = min(rows, key=lambda row: row.valid_from)
    said = f"{name} means {row.symbol} for sessions from {row.valid_from} on only"
    return NamePeriod(start, end, row.symbol, f"{said}: name {row.symbol}, or let the alias begin earlier")


def _was_renamed(row: Any) -> str:
    return f"was renamed on {row.valid_to}, and is {row.symbol} now"


def known_as(transaction: Transaction, names: Collection[str]) -> dict[str, tuple[str, bool]]:
    """Names that are those of other symbols, of before or as aliases of everybody.

    Each with what is to be said of it, and whether it is an alias.
    """
    rows = transaction.run("records.names_given", {"names": sorted(names), "vendor": None})
    said: dict[str, tuple[str, bool]] = {}
    for row in rows:  # of several that had a name the last counts
        if row.is_alias:
            said[row.name] = f"is an alias of {row.symbol}", True
        elif row.valid_to is not None and row.symbol != row.name and not said.get(row.name, ("", False))[1]:
            said[row.name] = _was_renamed(row), False
    return said


def unknown(transaction: Transaction, name: str) -> UnknownSymbolError:
    """The error for a symbol that is not registered: with what it is called now, or the names that come close."""
    said = known_as(transaction, [name]).get(name)
    if said is not None:
        return UnknownSymbolError(f"symbol {shortened(repr(name))} {said[0]}; ask for that")
    return unknown_symbol(name, {row.symbol for row in transaction.run("records.active_symbols")})


def then(transaction: Transaction, symbols: Sequence[str], as_of: datetime) -> Mapping[str, str]:
    """What symbols were called at an instant, by the names that they are asked for: those of then, or of today."""
    rows = transaction.run("records.names_then", {"symbols": list(symbols), "as_of": as_of})
    called = {row.given: row.name for row in rows}
    return {symbol: called.get(symbol, symbol) for symbol in symbols}
