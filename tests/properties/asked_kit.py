"""What the tests of asked bars share: a random store of several calendars, and what it holds, bar by bar.

The day of each bar is found here, of exchange_calendars' schedule or of wall clocks. What is expected is chosen with
pandas from all rows of the views, by nothing that the store offers to choose with.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import exchange_calendars
import pandas as pd
import pyarrow as pa

from barhouse import DataProcessor, SessionCoordinator, SessionStore, open_store

STEP = timedelta(minutes=30)
#: The clocks of New York and Chicago change on 2024-11-03; 2024-11-28 is a holiday and 2024-11-29 half a day.
FIRST_DAY, LAST_DAY = date(2024, 10, 29), date(2024, 12, 4)
ZONES = {"XNYS": "America/New_York", "24/7": "UTC", "NIGHT": "America/Chicago"}
SYMBOLS = {"SPY": "XNYS", "QQQ": "XNYS", "BTC": "24/7", "ETH": "24/7", "ES": "NIGHT", "NQ": "NIGHT"}
INTERVALS = ("30m", "1h", "1d", "1w")
#: When the second load of each symbol was made; what was known before is asked for, too.
FIRST_LOAD, SECOND_LOAD, NOW = (datetime(2025, 1, day, tzinfo=UTC) for day in (1, 2, 3))

Bound = date | datetime | None


def at(day: date, hour: int, zone: str) -> datetime:
    return datetime.combine(day, time(hour), ZoneInfo(zone)).astimezone(UTC)


def sessions_of(calendar: str) -> list[tuple[date, datetime, datetime]]:
    first, last = FIRST_DAY - timedelta(days=10), LAST_DAY + timedelta(days=10)
    days = [first + timedelta(days=number) for number in range((last - first).days)]
    if calendar == "24/7":
        return [(day, at(day, 0, "UTC"), at(day, 0, "UTC") + timedelta(days=1)) for day in days]
    if calendar == "NIGHT":
        zone = ZONES[calendar]
        return [(day, at(day - timedelta(days=1), 17, zone), at(day, 16, zone)) for day in days if day.weekday() < 5]
    schedule = exchange_calendars.get_calendar(calendar, start=first, end=last).schedule
    return [
        (label.date(), row["open"].to_pydatetime(), row["close"].to_pydatetime()) for label, row in schedule.iterrows()
    ]


def day_of(start: datetime, calendar: str, sessions: list[tuple[date, datetime, datetime]]) -> date:
    for day, opened, closed in sessions:
        if opened <= start < closed:
            return day
    for day, _, closed in sessions:
        if start == closed:
            return day
    return start.astimezone(ZoneInfo(ZONES[calendar])).date()


@dataclass
class Asked:
    """A store, every bar of it (and every bar as it was before the second load), each with its day."""

    store: SessionStore
    now: pd.DataFrame
    before: pd.DataFrame

    def expected(
        self,
        symbols: list[str],
        interval: str,
        start: Bound,
        end: Bound,
        *,
        last: int | None = None,
        before: bool = False,
    ) -> pd.DataFrame:
        """The bars that are to be had, by symbol and bar_start."""
        kept = self.before if before else self.now
        chosen = kept[kept["symbol"].isin(symbols) & (kept["interval"] == interval)]
        for bound, is_first in ((start, True), (end, False)):
            if bound is None:
                continue
            column = chosen["bar_start"] if isinstance(bound, datetime) else chosen["day"]
            chosen = chosen[column >= bound] if is_first else chosen[column < bound]
        chosen = chosen.sort_values(["symbol", "bar_start"])
        return chosen if last is None else chosen.groupby("symbol").tail(last)


def some_bars(chance: random.Random) -> pa.Table:
    """Bars around the clock, many missing, single ones and whole stretches; every other symbol knows no trades."""
    stamps, stamp = [], datetime.combine(FIRST_DAY, time(), UTC)
    while stamp < datetime.combine(LAST_DAY, time(), UTC):
        if chance.random() < 0.01:
            stamp += chance.randrange(1, 60) * STEP
        if chance.random() < 0.9:
            stamps.append(stamp)
        stamp += STEP
    close = [round(chance.uniform(90, 110), 2) for _ in stamps]
    counted = chance.random() < 0.5
    return pa.table(
        {
            "bar_start": pa.array(stamps, pa.timestamp("us", "UTC")),
            "open": close,
            "high": [price + 1 for price in close],
            "low": [price - 1 for price in close],
            "close": close,
            "volume": [float(chance.randrange(1000)) for _ in stamps],
            "trade_count": pa.array([chance.randrange(9) if counted else None for _ in stamps], pa.int64()),
        }
    )


def rows_of(store: SessionStore, sessions: dict[str, list[tuple[date, datetime, datetime]]]) -> pd.DataFrame:
    rows = store.sql("SELECT * FROM bars").to_pylist()
    for row in rows:
        calendar = SYMBOLS[row["symbol"]]
        row["day"] = row["session_date"] or day_of(row["bar_start"], calendar, sessions[calendar])
    return pd.DataFrame(rows)


def make(folder: Path, seed: int) -> Asked:
    chance, clock = random.Random(seed), [FIRST_LOAD]
    store = open_store(folder / "bars.duckdb", clock=lambda: clock[0], settings={"threads": 1})
    coordinator = SessionCoordinator(store)
    coordinator.add_calendar("NIGHT", timezone=ZONES["NIGHT"], open="17:00", close="16:00")
    sessions = {calendar: sessions_of(calendar) for calendar in ZONES}
    for symbol, calendar in SYMBOLS.items():
        coordinator.register(symbol, list(INTERVALS), calendar, base="30m")
        coordinator.load(some_bars(chance), symbol, "30m")
    DataProcessor(store).process()
    before = rows_of(store, sessions)
    clock[0] = SECOND_LOAD
    for symbol in SYMBOLS:
        coordinator.load(some_bars(chance), symbol, "30m")
    DataProcessor(store).process()
    clock[0] = NOW
    return Asked(store, rows_of(store, sessions), before)
