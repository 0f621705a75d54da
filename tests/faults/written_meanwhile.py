"""Threads that write a store without a pause: bars that are new, changed and deleted, derived ones, whole symbols."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from barhouse import DataProcessor, SessionCoordinator, SessionStore

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
#: More than a row group of DuckDB, so that they are written into the file before they are committed.
MANY = 130_000


def minutes(symbol: str, first: int, count: int, volume: float = 1) -> pa.Table:
    """Minutes of a symbol, from the one of this number on."""
    starts = (first + np.arange(count)) * 60_000_000 + int(FIRST.timestamp()) * 1_000_000
    price = 100 + np.arange(count) % 7 / 4
    prices = {"open": price, "high": price + 1, "low": price - 1, "close": price}
    named = {"symbol": [symbol] * count, "bar_start": pa.array(starts, pa.timestamp("us", "UTC"))}
    return pa.table({**named, **prices, "volume": np.full(count, volume)})


def register(store: SessionStore) -> None:
    """Make the symbols that are written, with some bars."""
    coordinator = SessionCoordinator(store)
    coordinator.register(["NEW", "OLD"], ["1m", "5m", "1h", "1d"], "24/7")
    coordinator.load(pa.concat_tables([minutes("NEW", 0, 10_000), minutes("OLD", 0, 10_000)]), interval="1m")
    DataProcessor(store).process()


def writers(store: SessionStore) -> tuple[Callable[[int], object], ...]:
    """What the threads do, the first time, the second and so on."""
    coordinator = SessionCoordinator(store)

    def whole_symbol(turn: int) -> None:
        if turn % 2 == 0:
            coordinator.register("BIG", ["1m", "1h"], "24/7")
            coordinator.load(minutes("BIG", 0, MANY, turn), interval="1m")
        else:
            coordinator.remove_symbol("BIG", purge=True)

    def delete(turn: int) -> None:
        first = FIRST + timedelta(minutes=turn * 37 % 9_000)
        coordinator.delete_bars("OLD", "1m", first, first + timedelta(minutes=20))

    return (
        lambda turn: coordinator.load(minutes("NEW", 10_000 + turn * 500, 500), interval="1m"),
        lambda turn: coordinator.load(minutes("OLD", turn * 53 % 9_000, 300, 2 + turn), interval="1m"),
        lambda turn: DataProcessor(store).process(),
        whole_symbol,
        delete,
    )


@contextmanager
def written(store: SessionStore) -> Iterator[None]:
    """Have all of them at work."""
    done, failed = threading.Event(), list[BaseException]()

    def work(write: Callable[[int], object]) -> None:
        turn = 0
        try:
            while not done.is_set():
                write(turn)
                turn += 1
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(write,)) for write in writers(store)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not failed, failed
