"""Histories in which bars are purged again and again: kept derived bars never change, and all else goes on as ever."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import oracle
import pytest
from oracle import SECOND, Length
from test_histories import LONG_AFTER, derivable
from world import LONG_WINDOWS, STYLES, WINDOWS, Window, World, calendar, priced

from tests.extent import SEED, WALKS

DAY = 86_400 * SECOND
FINAL = """
    SELECT * FROM bars
    WHERE (symbol, interval) IN (SELECT (symbol, interval) FROM retention WHERE final_before IS NOT NULL)
      AND bar_start < (SELECT final_before FROM retention AS r
                       WHERE r.symbol = bars.symbol AND r.interval = bars.interval AND final_before IS NOT NULL)
    ORDER BY ALL
"""

#: Whose bars begin with more sessions than a walk has.
LONG_PERIODS = ("quarter", "7d@year")


class Walk:
    """One symbol, loaded and processed, and then all that can happen to it while old bars are purged."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self.world, self.chance = world, chance
        self.hours = chance.choice(sorted(WINDOWS))
        self.base = chance.choice(["30m", "1h", "1d"])
        first, last = chance.choice((WINDOWS if self.base != "1d" else LONG_WINDOWS)[self.hours])
        self.window = Window(self.hours, first, last + timedelta(days=10))
        lengths = [one for one in derivable(self.base) if Length.of(one).unit != "mo" and one[-7:] not in LONG_PERIODS]
        self.spare = chance.sample(lengths, 3)
        world.register("A", self.hours, self.base, [self.spare.pop(), self.spare.pop()])
        self.starts = self.window.starts(self.symbol.base)
        self.load(self.starts)
        world.process()

    @property
    def symbol(self) -> oracle.Symbol:
        return self.world.model.symbols["A"]

    def load(self, starts: list[object], *, resend: bool = False) -> None:
        style = self.chance.choice(STYLES)
        rows = [priced(start, self.chance, style) for start in starts if self.chance.random() < 0.9]
        if rows:
            self.world.load("A", rows, resend=resend)

    def some(self) -> list[object]:
        at = self.chance.randrange(len(self.starts))
        return self.starts[at : at + self.chance.choice([1, 7, 40])]

    def instant(self) -> int:
        sessions = [one for one in calendar(self.hours).sessions if self.window.first <= one.date <= self.window.last]
        return self.chance.choice(sessions).open + self.chance.choice([0, -1, DAY // 5])

    def step(self, *, purges: bool) -> int:
        """Do one thing; returns how many bars were purged."""
        what = self.chance.choice(
            ["purge", "purge", "late", "resend", "delete", "interval", "process", "process", "repair"]
        )
        if purges:
            what = "purge"
        if what == "purge":
            return self.world.purge(
                "A", self.chance.choice([self.base, self.base, *self.symbol.derived]), self.instant()
            )
        if what in ("late", "resend"):
            self.load(self.some(), resend=what == "resend")
        elif what == "delete":
            start = self.instant()
            self.world.delete("A", start, start + DAY)
        elif what == "interval" and self.spare:
            self.world.register("A", self.hours, self.base, [self.spare.pop()])
        elif what == "process":
            self.world.process(self.world.now + self.chance.choice([0, 90 * DAY]))
        elif what == "repair":
            before = self.world.store.verify()
            assert before.sound, str(before)
            assert self.world.coordinator.repair().batch_id is None
        return 0


@pytest.mark.parametrize("part", range(min(WALKS, 4)))
def test_what_is_final_never_changes(blank_store: Path, tmp_path: Path, part: int) -> None:
    purged = 0
    for seed in range(SEED * 10_000 + part, SEED * 10_000 + WALKS, min(WALKS, 4)):
        chance = random.Random(seed)
        world = World(blank_store, tmp_path / f"{seed}.duckdb", LONG_AFTER)
        walk = Walk(world, chance)
        steps = 0
        while steps < 14 or (purged == 0 and steps < 60):  # by chance a short walk might purge nothing
            steps += 1
            final = set(map(repr, world.store.sql(FINAL).to_pylist()))
            purged_now = walk.step(purges=steps > 14)
            purged += purged_now
            now_final = set(map(repr, world.store.sql(FINAL).to_pylist()))
            assert purged_now or final == now_final, f"seed {seed}"
        world.process(LONG_AFTER + 90 * DAY)
        world.check_past()
        report = world.store.verify()
        assert report.sound, f"seed {seed}: {report}"
        world.close()
    assert purged, "nothing was purged; the test would prove nothing"
