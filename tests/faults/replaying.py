"""A child process that replays real bars and keeps a log of them, to be killed at any moment.

It keeps the log in one of three ways, each of which makes up for a kill between the log and its acknowledgement:
``position`` cuts the log back to where it stood at the tick on record, ``own`` goes on after the last whole tick in the
log, ``transaction`` writes into a table of the store, in the transaction that acknowledges the tick.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from barhouse import Backtest, DataProcessor, SessionCoordinator, SessionStore, open_store
from barhouse.coordinator.backtest.tick import Tick
from barhouse.store.database.transaction import Transaction

SYMBOLS = ("BTC", "BTC-NY", "SPY", "6EH4")
#: What a replay takes by itself: all of it, or enough of it to be killed in.
WHOLE: dict[str, Any] = {}
PART: dict[str, Any] = {"end": date(2022, 1, 6)}
COARSE: dict[str, Any] = {"end": date(2022, 1, 8), "intervals": ["1h", "1d", "1w"]}
TABLE = "CREATE TABLE IF NOT EXISTS subscriber_log (line VARCHAR)"


def fill(path: Path, data: Path) -> None:
    """Load the files: bitcoin around the clock and, the same bars, in New York's hours; shares; a future."""
    with open_store(path) as store:
        coordinator = SessionCoordinator(store)
        intervals = ["1m", "5m", "15m", "1h", "1d", "1w"]
        coordinator.register("BTC", intervals, "24/7")
        coordinator.register(["BTC-NY", "SPY"], intervals, "XNYS", closing_bar="include")
        coordinator.register("6EH4", intervals, "CMES")
        for symbol in ("BTC", "BTC-NY"):
            coordinator.load(data / "btc_perp_1m_2022-01.csv.gz", symbol, "1m", timezone="UTC")
        coordinator.load(data / "spy_1m_2020-12-15_18.csv", "SPY", "1m", timezone="America/New_York")
        coordinator.load(data / "6eh4_1m_2024-01.csv.gz", "6EH4", "1m", timezone="UTC", label="end")
        DataProcessor(store).process()


def lines(tick: Tick) -> Iterator[str]:
    """What is logged of a tick: its sessions and its bars, one a line."""
    for turn, sessions in (("opens", tick.opened), ("closes", tick.closed)):
        for one in sessions:
            yield json.dumps([tick.now.isoformat(), turn, one.calendar, one.session_date.isoformat()])
    for bar in tick.bars:
        values = (bar.symbol, bar.interval, bar.bar_start.isoformat(), bar.close, bar.volume, bar.base_count)
        yield json.dumps([tick.now.isoformat(), *values])


def by_position(store: SessionStore, log: Path, options: dict[str, Any]) -> None:
    log.touch()
    with (
        log.open("r+", encoding="utf-8") as file,
        Backtest(store, SYMBOLS, name="trial", record_every=60, **options) as backtest,
    ):
        file.truncate((backtest.position or {"bytes": 0})["bytes"])
        file.seek(0, os.SEEK_END)
        say("ready")
        for tick in backtest:
            for line in lines(tick):
                file.write(line + "\n")
            file.flush()
            backtest.acknowledge({"bytes": file.tell()})


def by_own_log(store: SessionStore, log: Path, options: dict[str, Any]) -> None:
    log.touch()
    kept = log.read_bytes()
    kept = kept[: kept.rfind(b"\n") + 1]
    after = json.loads(kept.splitlines()[-1])[-1] if kept else None
    with (
        log.open("r+b") as file,
        Backtest(store, SYMBOLS, name="trial", resume_after=after, record_every=10_000, **options) as backtest,
    ):
        file.truncate(len(kept))
        file.seek(0, os.SEEK_END)
        say("ready")
        for tick in backtest:
            # One write for a whole tick, but a kill may leave a part of it.
            file.write((json.dumps([*lines(tick), tick.now.isoformat()]) + "\n").encode())
            file.flush()


def by_transaction(store: SessionStore, log: Path, options: dict[str, Any]) -> None:
    with store.transaction() as transaction:
        transaction.execute(TABLE)

    def write(tick: Tick, transaction: Transaction) -> None:
        for line in lines(tick):
            transaction.execute("INSERT INTO subscriber_log VALUES ($line)", {"line": line})

    with Backtest(store, SYMBOLS, name="trial", **options) as backtest:
        say("ready")
        backtest.run(write, in_transaction=True)
    log.write_text("".join(row + "\n" for row in store.sql("FROM subscriber_log")["line"].to_pylist()))


def logged(way: str, log: Path) -> list[str]:
    """The lines of a finished log."""
    found = log.read_text(encoding="utf-8").splitlines()
    return [line for tick in found for line in json.loads(tick)[:-1]] if way == "own" else found


def say(word: str) -> None:
    print(word, flush=True)


WAYS = {"position": by_position, "own": by_own_log, "transaction": by_transaction}


def main(way: str, path: str, log: str, options: str) -> None:
    """Replay from where the last process came to."""
    with open_store(path) as store:
        WAYS[way](store, Path(log), globals()[options])
    say("finished")


if __name__ == "__main__":
    main(*sys.argv[1:])
