"""Random renamings, aliases and names used again: rows go where plain Python says, and the past has its names."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from barhouse import DataProcessor, SessionCoordinator, SessionStore, open_store
from barhouse.store.errors import InputError, RejectedBarsError
from tests.extent import HISTORIES, SEED

FIRST, DAYS, STEPS = date(2024, 1, 1), 40, 25
NAMES = ("A", "B", "C", "D")
VENDORS = (None, "v", "w")
EVER, NEVER = date(1, 1, 1), date(9999, 1, 1)


@dataclass(eq=False)
class Instrument:
    """One that is registered: its names in order, each with the day it begins on, and its closes by day."""

    names: list[tuple[str, date]]
    closes: dict[date, float] = field(default_factory=dict)

    @property
    def today(self) -> str:
        return self.names[-1][0]

    def spans(self) -> Iterator[tuple[str, date, date]]:
        ends = [begin for _, begin in self.names[1:]] + [NEVER]
        for (name, begin), end in zip(self.names, ends, strict=True):
            yield name, begin, end


@dataclass(frozen=True, eq=False)
class Alias:
    of: Instrument
    name: str
    vendor: str | None
    start: date
    end: date


class Told:
    """What the design says: who is there, by which names, and which of them a name means on a day."""

    def __init__(self) -> None:
        self.there: list[Instrument] = []
        self.aliases: list[Alias] = []

    def called(self, name: str) -> Instrument | None:
        return next((one for one in self.there if one.today == name), None)

    def had(self, name: str, start: date, end: date, but: Instrument | None = None) -> bool:
        """Whether another has a name of before on any day of a range."""
        return any(
            one is not but and was == name and begin < end and start < until and until != NEVER
            for one in self.there
            for was, begin, until in one.spans()
        )

    def means(self, name: str, day: date, vendor: str | None) -> Instrument | None:
        for whose in dict.fromkeys((vendor, None)):
            for alias in self.aliases:
                if (alias.name, alias.vendor) == (name, whose) and alias.start <= day < alias.end:
                    return alias.of
        for one in self.there:
            if any(was == name and begin <= day < end for was, begin, end in one.spans() if end != NEVER):
                return one
        return self.called(name)


class Walk:
    """A store and what is told of it, side by side."""

    def __init__(self, store: SessionStore, chance: random.Random) -> None:
        self.store, self.chance = store, chance
        self.coordinator = SessionCoordinator(store)
        self.told = Told()
        self.past: list[tuple[datetime, dict[str, dict[date, float]]]] = []

    def day(self) -> date:
        return FIRST + timedelta(days=self.chance.randrange(DAYS))

    def register(self) -> None:
        name = self.chance.choice(NAMES)
        if self.told.called(name) is not None:
            return
        was = self.told.had(name, EVER, NEVER)
        aliased = any(one.name == name and one.vendor is None for one in self.told.aliases)
        if aliased or was:
            with pytest.raises(InputError, match=f"{name} (is an alias of|was renamed on)"):
                self.coordinator.register(name, ["1d", "1w"], "24/7", base="1d")
        if aliased:
            return
        self.coordinator.register(name, ["1d", "1w"], "24/7", base="1d", reuse_names=was)
        self.told.there.append(Instrument([(name, EVER)]))

    def begins(self, one: Instrument) -> date:
        """Since when it has its name of today: its first one since the last other that had it."""
        if len(one.names) > 1:
            return one.names[-1][1]
        others = [
            end for other in self.told.there if other is not one for was, _, end in other.spans() if was == one.today
        ]
        return max([one.names[0][1], *(end for end in others if end != NEVER)])

    def rename(self) -> None:
        one, new, day = self.chance.choice(self.told.there), self.chance.choice(NAMES), self.day()
        begins = self.begins(one)
        taken = self.told.called(new) is not None or day <= begins or self.told.had(new, day, NEVER, one)
        taken = taken or any(
            alias.name == new and alias.vendor is None and alias.of is not one for alias in self.told.aliases
        )
        if taken:
            with pytest.raises(InputError):
                self.coordinator.rename(one.today, new, effective=day)
            return
        self.coordinator.rename(one.today, new, effective=day)
        one.names = [*one.names[:-1], (one.today, begins), (new, day)]
        self.told.aliases = [
            alias for alias in self.told.aliases if (alias.of, alias.name, alias.vendor) != (one, new, None)
        ]

    def alias(self) -> None:
        one, name = self.chance.choice(self.told.there), self.chance.choice((*NAMES, "X", "Y"))
        vendor = self.chance.choice(VENDORS)
        start, end = sorted((self.chance.choice((EVER, self.day())), self.chance.choice((NEVER, self.day()))))
        others = [
            alias
            for alias in self.told.aliases
            if (alias.name, alias.vendor) == (name, vendor) and alias.of is not one
            and alias.start < end and start < alias.end
        ]  # fmt: skip
        taken = name == one.today or start >= end or bool(others)
        if vendor is None:
            taken = taken or self.told.called(name) is not None or self.told.had(name, start, end, one)
        bounds = {"start": None if start == EVER else start, "end": None if end == NEVER else end}
        if taken:
            with pytest.raises(InputError):
                self.coordinator.alias(one.today, name, vendor=vendor, **bounds)
            return
        self.coordinator.alias(one.today, name, vendor=vendor, **bounds)
        kept = [it for it in self.told.aliases if (it.of, it.name, it.vendor) != (one, name, vendor)]
        self.told.aliases = [*kept, Alias(one, name, vendor, start, end)]

    def remove_alias(self) -> None:
        if self.told.aliases:
            gone = self.chance.choice(self.told.aliases)
            self.coordinator.remove_alias(gone.of.today, gone.name, vendor=gone.vendor)
            self.told.aliases.remove(gone)

    def remove(self) -> None:
        if len(self.told.there) > 1:
            gone = self.chance.choice(self.told.there)
            self.coordinator.remove_symbol(gone.today)
            self.told.there.remove(gone)
            self.told.aliases = [one for one in self.told.aliases if one.of is not gone]

    def undo(self) -> None:
        """A renaming, and that it is undone, change nothing."""
        one = self.chance.choice(self.told.there)
        report = self.coordinator.rename(one.today, "NEW", effective=FIRST + timedelta(days=DAYS + 1))
        assert report.batch_id is not None
        assert self.told.called("NEW") is None and self.store.get_active_symbols() >= {"NEW"}
        self.coordinator.revert(report.batch_id)
        one.names[-1] = (one.today, self.begins(one))

    def load(self) -> None:
        vendor = self.chance.choice(VENDORS)
        rows = [
            (self.chance.choice((*NAMES, "X", "Y", "NEW")), self.day(), float(self.chance.randrange(1, 1000)))
            for _ in range(self.chance.randrange(1, 30))
        ]
        meant = [self.told.means(name, day, vendor) for name, day, _ in rows]
        last = {(id(one), day): close for one, (_, day, close) in zip(meant, rows, strict=True)}
        said = [last[id(one), day] == close for one, (_, day, close) in zip(meant, rows, strict=True)]
        rejected = sum(one is None or not is_last for one, is_last in zip(meant, said, strict=True))
        prices = [close for *_, close in rows]
        table = pa.table(
            {
                "symbol": [name for name, *_ in rows],
                "timestamp": pa.array([day for _, day, _ in rows], pa.date32()),
                **{part: prices for part in ("open", "high", "low", "close")},
                "volume": [1.0] * len(rows),
            }
        )
        if rejected == len(rows):
            with pytest.raises(RejectedBarsError):
                self.coordinator.load(table, interval="1d", vendor=vendor, sparse=True)
            return
        report = self.coordinator.load(table, interval="1d", vendor=vendor, sparse=True)
        assert (report.rows, report.rejected) == (len(rows), rejected), report.rejects
        for one, (_, day, _) in zip(meant, rows, strict=True):
            if one is not None:
                one.closes[day] = last[id(one), day]

    def check(self) -> None:
        expected = {one.today: dict(one.closes) for one in self.told.there if one.closes}
        assert shown(self.store, "bars") == expected
        rows = self.store.sql("SELECT symbol, name, kind FROM symbols WHERE kind <> 'alias' ORDER BY ALL").to_pylist()
        named = [
            {"symbol": one.today, "name": name, "kind": "name" if end == NEVER else "former"}
            for one in self.told.there
            for name, _, end in one.spans()
        ]
        assert rows == sorted(named, key=lambda row: (row["symbol"], row["name"], row["kind"]))
        at = self.store.sql("SELECT max(committed_at) AS at FROM batches")["at"][0].as_py()
        if at is not None and (not self.past or self.past[-1][0] != at):
            self.past.append((at, expected))


def shown(store: SessionStore, source: str, **asked: Any) -> dict[str, dict[date, float]]:
    rows = store.sql(f"SELECT symbol, session_date, close FROM {source} WHERE interval = '1d'", asked or None)
    found: dict[str, dict[date, float]] = {}
    for row in rows.to_pylist():
        assert row["session_date"] not in found.setdefault(row["symbol"], {})
        found[row["symbol"]][row["session_date"]] = row["close"]
    return found


@pytest.mark.parametrize("number", range(HISTORIES))
def test_rows_find_the_instrument_that_had_their_name(number: int) -> None:
    chance = random.Random(f"names {SEED} {number}")
    moments = (datetime(2024, 6, 1, tzinfo=UTC) + timedelta(seconds=second) for second in range(10**9))
    with open_store(":memory:", clock=lambda: next(moments), settings={"threads": 1}) as store:
        walk = Walk(store, chance)
        walk.coordinator.register("A", ["1d", "1w"], "24/7", base="1d")
        walk.told.there.append(Instrument([("A", EVER)]))
        steps = (
            *(walk.register, walk.rename, walk.rename, walk.alias, walk.alias, walk.remove_alias),
            *(walk.remove, walk.undo, walk.load, walk.load, walk.load),
        )
        for _ in range(STEPS):
            chance.choice(steps)()
            walk.check()
        for at, expected in walk.past:
            assert shown(store, "bars_as_of($at)", at=at) == expected
        DataProcessor(store).process()
        report = store.verify()
        assert report.sound, str(report)
