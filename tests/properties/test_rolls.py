"""Random lives of continuous futures: rolls and bars are what plain Python makes of what was loaded, in any order."""

from __future__ import annotations

import math
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from barhouse import DataProcessor, SessionCoordinator, SessionStore, open_store
from tests import extent
from tests.properties import rolls_oracle
from tests.properties.rolls_oracle import Bar, Defined, Rolled

FIRST = date(2024, 3, 4)  # a Monday
DAYS = 26
CONTRACTS = ("H", "M", "U", "Z")
HOURS = (2, 9, 17)
RULES = ("volume", "volume", "expiry", "dates")


class Clock:
    """Shows what it is set to."""

    def __init__(self) -> None:
        self.at = datetime.combine(FIRST + timedelta(days=1), datetime.min.time(), UTC)

    def __call__(self) -> datetime:
        return self.at


class Life:
    """A store with contracts, and the same in Python."""

    def __init__(self, store: SessionStore, clock: Clock, chance: random.Random) -> None:
        self.store, self.clock, self.chance = store, clock, chance
        self.coordinator = SessionCoordinator(store, grace=timedelta(0))
        self.processor = DataProcessor(store, grace=timedelta(0))
        self.bars: dict[str, dict[datetime, Bar]] = {name: {} for name in CONTRACTS}
        self.future: Defined | None = None
        #: What was known at some moments since the future was defined as it is.
        self.past: list[tuple[datetime, list[dict[str, Any]]]] = []
        self.today = 0
        self.coordinator.register(CONTRACTS, ["1h", "1d", "2d", "1w"], "24/7", base="1h")

    def day(self, number: int) -> date:
        return FIRST + timedelta(days=number)

    def load(self, days: list[int]) -> None:
        """Bars of some days, of contracts of which the volume goes from one to the next."""
        rows = []
        for number in days:
            for position, name in enumerate(CONTRACTS):
                if self.chance.random() < 0.15:
                    continue
                for hour in HOURS:
                    if self.chance.random() < 0.2:
                        continue
                    at = datetime.combine(self.day(number), datetime.min.time(), UTC).replace(hour=hour)
                    price = 100.0 + number + 8 * position + self.chance.choice((0.0, 0.25, 0.5))
                    volume = max(0.0, 50 - 6 * abs(number - 7 * position)) + self.chance.randrange(12)
                    bar = (price, price + 1.5, price - self.chance.choice((1.0, 2.0)), price + 0.25, volume)
                    self.bars[name][at] = bar
                    rows.append({"symbol": name, "timestamp": at} | dict(zip(_PARTS, bar, strict=True)))
        if rows:
            self.chance.shuffle(rows)
            self.coordinator.load(pa.Table.from_pylist(rows), interval="1h")

    def delete(self) -> None:
        name = self.chance.choice(CONTRACTS)
        day = self.day(self.chance.randrange(self.today + 1))
        self.coordinator.delete_bars(name, "1h", day, day + timedelta(days=1))
        self.bars[name] = {at: bar for at, bar in self.bars[name].items() if at.date() != day}

    def define(self) -> None:
        rule = self.chance.choice(RULES)
        count = self.chance.randint(2, 4)
        days = sorted(self.chance.sample(range(3, DAYS + 4), count))
        dated = [(name, self.day(day)) for name, day in zip(CONTRACTS, days, strict=False)]
        undated = rule == "volume" and self.chance.random() < 0.3
        contracts = tuple((name, None if undated else day) for name, day in dated)
        before = self.chance.randrange(4) if rule == "expiry" else None
        self.future = Defined(contracts, rule, before, self.chance.choice(("none", "difference", "ratio")))
        self.past = []
        self.coordinator.define_future(
            "F", dict(contracts), roll=rule, sessions_before=before, adjustment=self.future.adjustment
        )

    def step(self) -> None:
        action = self.chance.random()
        if action < 0.5 and self.today < DAYS - 1:
            ahead = self.chance.randint(1, 3)
            days = [number for number in range(self.today, self.today + ahead) if number < DAYS]
            self.today = days[-1]
            now = datetime.combine(self.day(self.today + 1), datetime.min.time(), UTC) + timedelta(minutes=1)
            self.clock.at = max(now, self.clock.at)
            self.load(days)
        elif action < 0.7:
            self.load([self.chance.randrange(self.today + 1)])
        elif action < 0.8:
            self.delete()
        elif action < 0.87:
            self.define()
        self.processor.process()
        self.clock.at += timedelta(seconds=1)
        if self.future is not None:
            self.compare()

    def expected(self) -> list[Rolled]:
        assert self.future is not None
        sessions = [self.day(number) for number in range(-40, DAYS + 60)]
        closed = [day for day in sessions if day <= self.day(self.today)]
        return rolls_oracle.rolls(self.future, self.bars, sessions, closed)

    def compare(self) -> None:
        assert self.future is not None
        wanted = self.expected()
        found = [Rolled(**{name: row[name] for name in _ROLL}) for row in self.store.rolls("F").to_pylist()]
        assert found == wanted
        bars = rolls_oracle.continuous(self.future, wanted, self.bars)
        if any(math.isnan(bar[0]) for _, bar in bars.values()):
            return
        for interval in ("1h", "1d", "2d", "1w"):
            self.compare_bars(interval, bars)
        self.past.append((self.clock.at, self.store.bars("F", "2d").to_pylist()))

    def compare_bars(self, interval: str, bars: dict[datetime, tuple[str, Bar]]) -> None:
        rows = self.store.bars("F", interval).to_pylist()
        view = self.store.sql(
            "FROM bars_continuous WHERE interval = $interval ORDER BY bar_start", {"interval": interval}
        )
        assert view.to_pylist() == rows
        assert self.store.bars("F", interval, as_of=self.clock.at).to_pylist() == rows
        if interval == "1h":
            assert {row["bar_start"]: (row["contract"], tuple(row[part] for part in _PARTS)) for row in rows} == bars
            return
        there = {row["bar_start"]: row for row in rows}
        start_of = {at: start for at in bars for start, row in there.items() if start <= at < row["bar_end"]}
        derived = {at: bar for at, bar in bars.items() if at in start_of}
        made = rolls_oracle.blocks(derived, start_of)
        assert made.keys() == there.keys()
        for start, (open_, high, low, close, volume) in made.items():
            row = there[start]
            assert (row["open"], row["high"], row["low"], row["close"]) == (open_, high, low, close)
            assert row["volume"] == float(volume)


_PARTS = ("open", "high", "low", "close", "volume")
_ROLL = ("contract", "session_date", "decided_on", "difference", "ratio")


@pytest.mark.parametrize("number", range(extent.ROLLS))
def test_rolls_follow_bars(tmp_path: Path, number: int) -> None:
    clock = Clock()
    with open_store(tmp_path / "bars.duckdb", clock=clock, settings={"threads": 1}) as store:
        life = Life(store, clock, random.Random(extent.SEED * 1000 + number))
        for _ in range(14):
            life.step()
        assert store.verify().differences == ()
        for at, rows in life.past:
            assert store.bars("F", "2d", as_of=at).to_pylist() == rows
    extent.tally(lives=1, steps=14)
