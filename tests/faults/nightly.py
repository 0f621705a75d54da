"""A child process that loads and processes one session after the other, to be killed at any moment.

It asks the store how far it has come, goes on from there, and says on stdout what is committed.
"""

from __future__ import annotations

import random
import sys
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from barhouse import DataProcessor, SessionCoordinator, open_store

SYMBOLS = ("AAA", "BBB")
INTERVALS = ("5m", "15m", "1h", "1d", "1w")
SESSIONS = [
    date(2024, 3, 4) + timedelta(days=n) for n in range(12) if (date(2024, 3, 4) + timedelta(days=n)).weekday() < 5
]


def open_of(session: date) -> datetime:
    """09:30 in New York, where the clocks go forward on 2024-03-10; UTC."""
    hour = 14 if session < date(2024, 3, 10) else 13
    return datetime(session.year, session.month, session.day, hour, 30, tzinfo=UTC)


def day(session: date) -> pa.Table:
    """The five-minute bars of a session for every symbol, a few missing, and a few of the day before corrected."""
    rows = []
    for number, symbol in enumerate(SYMBOLS):
        for at, marked in ((session, 0.0), (session - timedelta(days=1), 0.5)):
            source = random.Random(f"{symbol}{at}")
            for minute in range(0, 390, 5):
                price = 100 + number + source.random()
                keep = source.random() > 0.05
                corrected = marked and source.random() < 0.03
                if keep and (not marked or corrected) and at in SESSIONS:
                    close = price + (marked if corrected else 0.0)
                    rows.append(
                        {
                            "symbol": symbol,
                            "bar_start": open_of(at) + timedelta(minutes=minute),
                            "open": price,
                            "high": max(price, close) + 0.25,
                            "low": min(price, close) - 0.25,
                            "close": close,
                            "volume": float(source.randrange(1, 10_000)),
                        }
                    )
    return pa.Table.from_pylist(rows)


def main(path: str) -> None:
    """Load and process every session that is not in the store yet."""
    with open_store(path) as store:
        coordinator, processor = SessionCoordinator(store), DataProcessor(store, chunk_symbols=1)
        coordinator.register(SYMBOLS, INTERVALS, "XNYS", base="5m")
        (row,) = store.sql("SELECT max(session_date) AS last FROM bars WHERE interval = '5m'").to_pylist()
        print("ready", flush=True)
        processor.process()
        for session in SESSIONS:
            if row["last"] is None or session > row["last"]:
                coordinator.load(day(session), interval="5m")
                print("loaded", session, flush=True)
                processor.process()
                print("processed", session, flush=True)
    print("finished", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
