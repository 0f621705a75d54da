"""Made-up minutes of XNYS, the same for everybody: seeded, prices with two decimals, whole volumes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

#: The first session after every history: what comes "one more day" after it.
NEXT_SESSION = "2024-07-01"
MINUTES_PER_HOUR = 60
SCHEMA = pa.schema(
    [
        ("symbol", pa.string()),
        ("bar_start", pa.timestamp("us", "UTC")),
        *((name, pa.float64()) for name in ("open", "high", "low", "close", "volume")),
    ]
)
_SEED = 20240701
_SYMBOLS_PER_GROUP = 10


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day: its first minute, and how many there are."""

    open: datetime
    minute_count: int


@cache
def _calendar() -> tuple[list[Session], int]:
    """Every session known here, oldest first, and which of them is the first after the histories."""
    import exchange_calendars

    calendar = exchange_calendars.get_calendar("XNYS", start="2021-01-04", end="2024-12-31")
    found = [
        Session(opened.to_pydatetime(), int((closed - opened).total_seconds()) // 60)
        for opened, closed in zip(calendar.opens, calendar.closes, strict=True)
    ]
    return found, [f"{one.open:%Y-%m-%d}" for one in found].index(NEXT_SESSION)


def history(count: int) -> list[Session]:
    """Give the last sessions before the next one."""
    sessions, following = _calendar()
    return sessions[following - count : following]


def sequel(count: int) -> list[Session]:
    """Give the sessions that follow every history."""
    sessions, following = _calendar()
    return sessions[following : following + count]


def symbols(count: int) -> list[str]:
    """Name so many symbols."""
    return [f"S{number:04}" for number in range(count)]


def bars(names: list[str], sessions: list[Session]) -> pa.Table:
    """Make every minute of these sessions for these symbols, by symbol and time."""
    starts = np.concatenate(
        [int(one.open.timestamp()) * 1_000_000 + np.arange(one.minute_count) * 60_000_000 for one in sessions]
    )
    parts = [_prices(name, starts) for name in names]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    named = pa.array(names).take(pa.array(np.repeat(np.arange(len(names)), len(starts))))
    times = pa.array(np.tile(starts, len(names)), pa.timestamp("us", "UTC"))
    return pa.table([named, times, *map(pa.array, columns)], schema=SCHEMA)


def _prices(name: str, starts: np.ndarray) -> tuple[np.ndarray, ...]:
    """Walk in whole cents; a symbol's walk depends on where it starts and how long it is."""
    chance = np.random.default_rng([_SEED, int(name[1:]), int(starts[0] // 1_000_000), len(starts)])
    first = int(chance.integers(2_000, 50_000))
    # About 0.05 percent a minute; kept well above nothing by reflection.
    walk = np.rint(chance.normal(0.0, first * 0.0005, len(starts) + 1)).astype(np.int64).cumsum()
    cents = np.abs(first + walk) + 100
    opened, closed = cents[:-1], cents[1:]
    reach = np.rint(chance.exponential(first * 0.0003, (2, len(starts)))).astype(np.int64)
    high = np.maximum(opened, closed) + reach[0]
    low = np.maximum(np.minimum(opened, closed) - reach[1], 1)
    volume = np.rint(chance.lognormal(7.0, 1.0, len(starts)))
    return opened / 100, high / 100, low / 100, closed / 100, volume


def write_sorted(path: Path, names: list[str], sessions: list[Session]) -> None:
    """Write the bars as one Parquet file, by symbol and time."""
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for first in range(0, len(names), _SYMBOLS_PER_GROUP):
            writer.write_table(bars(names[first : first + _SYMBOLS_PER_GROUP], sessions))


def write_shuffled(path: Path, ordered: Path) -> None:
    """Write the rows of another file in no order at all."""
    table = pq.read_table(ordered)
    order = np.random.default_rng(_SEED).permutation(table.num_rows)
    pq.write_table(table.take(pa.array(order)), path, compression="zstd", row_group_size=122_880)


def minutes(table: pa.Table) -> Iterator[tuple[datetime, pa.Table]]:
    """Cut bars into the rows of one minute after the other, each with its start."""
    ordered = table.sort_by([("bar_start", "ascending"), ("symbol", "ascending")])
    starts = ordered["bar_start"].cast(pa.int64()).to_numpy()
    cuts = [0, *(np.flatnonzero(np.diff(starts)) + 1), len(starts)]
    for first, last in pairwise(cuts):
        part = ordered.slice(first, last - first)
        yield part["bar_start"][0].as_py(), part
