"""Moving symbols to another calendar: bars are placed anew, what is derived follows, the past keeps the old one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from barhouse.coordinator.edit.rebuild import rebuild
from barhouse.coordinator.futures.definition import refuse_contracts
from barhouse.store.database.transaction import TemporaryTable, Transaction
from barhouse.store.errors import CalendarError, RegistrationError
from barhouse.store.hints import Action
from barhouse.store.model.reports import MoveReport, SymbolMove
from barhouse.store.records import trading_calendar
from barhouse.store.records.batch import Batch


def move(transaction: Transaction, names: Sequence[str], calendar: str, grace: timedelta) -> MoveReport:
    """Let those symbols follow a calendar that follow another, as one batch; unregistered names are no matter.

    Raises
    ------
    CalendarError
        For a calendar that nobody knows, or one that has no place for a bar that is there.
    RegistrationError
        For a symbol of which bars were purged: what was derived from them cannot be derived again.
    """
    name = trading_calendar.canonical(transaction, [calendar])[calendar]
    symbols = transaction.make("edit.symbols_to_move", {"symbols": list(names), "calendar": name})
    if not symbols.row_count:
        return MoveReport(calendar=name, batch_id=None)
    _refuse_purged(transaction, symbols, name)
    refuse_contracts(transaction, names)
    trading_calendar.keep(transaction, [name])
    before = _in_sessions(transaction, symbols)
    batch = Batch.begin(transaction, "calendar", name)
    transaction.write("edit.follow_last_bars", scope_symbols=symbols)
    transaction.write("edit.keep_calendars", {"batch_id": batch.batch_id}, scope_symbols=symbols)
    transaction.write("edit.move_symbols", {"calendar": name}, scope_symbols=symbols)
    try:
        rebuild(transaction, symbols, batch, clock=transaction.now - grace)
    except CalendarError as error:
        moved = ", ".join(sorted(symbol for symbol, _ in before))
        raise CalendarError(f"{moved} cannot move to {name}: {error}") from error
    batch.write(transaction)
    after = _in_sessions(transaction, symbols)
    return MoveReport(
        calendar=name,
        batch_id=batch.batch_id,
        symbols=tuple(
            SymbolMove(
                symbol=symbol,
                before=was,
                base_bars=count,
                in_sessions_before=inside,
                in_sessions_after=after[symbol, name][1],
            )
            for (symbol, was), (count, inside) in before.items()
        ),
        inserted=batch.inserted,
        revised=batch.revised,
        deleted=batch.deleted,
    )


def _in_sessions(transaction: Transaction, symbols: TemporaryTable) -> dict[tuple[str, str], tuple[int, int]]:
    """How many base bars each symbol has on its calendar, and how many of them in sessions."""
    rows = transaction.run("edit.bars_in_sessions", scope_symbols=symbols)
    return {(row.symbol, row.calendar): (row.bar_count, row.inside_count) for row in rows}


def _refuse_purged(transaction: Transaction, symbols: TemporaryTable, name: str) -> None:
    for row in transaction.run("edit.purged_symbols", scope_symbols=symbols):
        raise RegistrationError(
            f"{row.symbol} cannot move to {name}: its {row.interval} bars before {row.retained_from} were purged, and "
            f"what is kept of that time stands on {row.calendar} and cannot be derived again; keep {row.calendar}, or "
            f"{Action('remove_symbol', row.symbol)} first and load it again"
        )
