"""A child process that loads and derives minute after minute, and is killed just before one of its statements.

``python -m tests.faults.minutes PATH NUMBER``: the statement with that number, of those of the fast path, is the first
one that is not run; without a number all minutes are written, on the general path.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from barhouse import DataProcessor, SessionCoordinator, open_store
from barhouse.coordinator.fast import switch
from barhouse.store.database.transaction import Transaction
from barhouse.store.model.bar import COLUMNS

SYMBOLS = ("A", "B", "C")
START = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)
MINUTES = 11


def minute(number: int) -> pa.Table:
    """One minute of all symbols; of B every fourth is missing, and every third corrects another one of A."""
    rows = [bar(symbol, number, 0.0) for symbol in SYMBOLS if symbol != "B" or number % 4]
    if number > 5 and number % 3 == 0:
        rows.append(bar("A", number - 4, 0.5))
    return pa.Table.from_pylist(rows, COLUMNS)


def bar(symbol: str, number: int, more: float) -> dict[str, Any]:
    """A minute of a symbol, whose price is so much more than the first time."""
    place = SYMBOLS.index(symbol)
    return {
        "symbol": symbol,
        "bar_start": START + timedelta(minutes=number),
        **dict.fromkeys(("open", "high", "low", "close"), 100.0 + number + place + more),
        "volume": 10.0 * number + place,
    }


class Clock:
    """Shows when a minute has just ended."""

    number = 0

    def __call__(self) -> datetime:
        """Give the time it shows."""
        return START + timedelta(minutes=self.number + 1, seconds=1)


def kill_before(statement: int) -> None:
    """Let this process end just before so many statements of the fast path were run."""
    run = {name: getattr(Transaction, name) for name in ("write", "arrays")}
    count = 0

    def counted(kind: str) -> Any:
        def call(transaction: Transaction, name: str, *given: Any, **places: Any) -> Any:
            nonlocal count
            if transaction.memory.is_followed:
                if count == statement:
                    os.kill(os.getpid(), signal.SIGKILL)
                count += 1
            return run[kind](transaction, name, *given, **places)

        return call

    for kind in run:
        setattr(Transaction, kind, counted(kind))


def main(path: str, statement: int | None) -> None:
    """Write the minutes that are not there yet, and say after each what is committed."""
    clock = Clock()
    with open_store(path, clock=clock) as store, nullcontext() if statement is not None else switch.general_path():
        coordinator, processor = SessionCoordinator(store), DataProcessor(store)
        if not store.get_active_symbols():
            coordinator.register(list(SYMBOLS), ["1m", "5m", "10m", "1d"], "XNYS")
        (row,) = store.sql("SELECT max(bar_start) AS last FROM bars WHERE interval = '1m'").to_pylist()
        first = 0 if row["last"] is None else (row["last"] - START) // timedelta(minutes=1)
        if statement is not None:
            kill_before(statement)
        for number in range(first, MINUTES):
            clock.number = number
            if row["last"] is None or number > first:
                coordinator.load(minute(number), interval="1m")
            processor.process()
            print(number, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None)
