"""What the tests of jobs share: folders of vendors' files, and job files to go with them."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

NEW_YORK = ZoneInfo("America/New_York")


def sessions(count: int, first: date = date(2024, 10, 21)) -> list[date]:
    """Weekdays on which XNYS is open for a whole day."""
    closed = {date(2024, 11, 28), date(2024, 11, 29)}
    days = (first + timedelta(days=number) for number in range(2 * count + 10))
    return [day for day in days if day.weekday() < 5 and day not in closed][:count]


def day_of(symbol: str, session: date, step_minutes: int = 5, *, missing_pct: float = 2) -> pa.Table:
    """A session's bars, some missing; the same for the same arguments."""
    chance = random.Random(f"{symbol} {session} {step_minutes}")
    opened = datetime(session.year, session.month, session.day, 9, 30, tzinfo=NEW_YORK)
    rows = []
    for minute in range(0, 390, step_minutes):
        price = 100 + chance.random()
        close = price + chance.random() - 0.5
        if chance.random() * 100 >= missing_pct:
            rows.append(
                {
                    "timestamp": opened + timedelta(minutes=minute),
                    "open": price,
                    "high": max(price, close) + 0.25,
                    "low": min(price, close) - 0.25,
                    "close": close,
                    "volume": float(chance.randrange(1, 10_000)),
                }
            )
    return pa.Table.from_pylist(rows)


def write(table: pa.Table, path: Path) -> Path:
    """A Parquet file, its folders made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


def fill(folder: Path, symbols: list[str], days: list[date], step_minutes: int = 5) -> None:
    """One file for each symbol and session: ``AAA_2024-10-21.parquet``."""
    for symbol in symbols:
        for day in days:
            write(day_of(symbol, day, step_minutes), folder / f"{symbol}_{day}.parquet")


def job_file(folder: Path, text: str = "", *, source: str = "", group: str = "") -> Path:
    """A job over ``bars/SYMBOL_DATE.parquet`` for all symbols found; texts are added to it and to its tables."""
    path = folder / "job.toml"
    path.write_text(
        f"""
name = "test"
store = "bars.duckdb"
{text}

[[symbols]]
names = "*"
intervals = ["15m", "1h", "1d"]
calendar = "XNYS"
{group}

[[sources]]
files = "bars/{{symbol}}_{{date}}.parquet"
{source}
""",
        encoding="utf-8",
    )
    return path
