"""A subscriber that reads all it may at each tick never sees what ends later, nor values that came later.

What it may see comes from the plain Python model: the base bars that have ended by the simulated instant, as they were
when the backtest began, and bars computed from those alone. Meanwhile the store is corrected, added to, closed and
opened again.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import oracle
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, seed, settings
from oracle import Length, Slot, Symbol
from test_histories import LONG_AFTER
from world import WINDOWS, Window, World, priced

from barhouse import Backtest
from barhouse.coordinator.backtest.tick import Bar
from tests.extent import REPLAYS, SEED, shares

NUMBERS = itertools.count()
#: Calendar, base, derived, closing bar: lunch breaks, sessions over midnight, blocks and closing auctions among them.
KINDS = [
    ("XNYS", "1m", ["5m", "7m", "1h", "1d", "1w"], "include"),
    ("XNYS", "30m", ["1h", "1d", "2d", "1mo"], "outside"),
    ("XHKG", "5m", ["15m", "1h", "1d", "1w"], "outside"),
    ("XHKG", "1m", ["45m", "1d"], "include"),
    ("CMES", "15m", ["45m", "4h", "1d", "1w@thu"], "outside"),
    ("24/7", "1h", ["4h", "1d", "3d", "1w", "10d@month"], "outside"),
    ("XNYS", "1d", ["2d@week", "1w", "1mo", "1q@feb"], "outside"),
]
Shown = tuple[object, ...]


class Seen:
    """What a subscriber may see of one symbol, at any instant, of what was there when the backtest began."""

    def __init__(self, name: str, symbol: Symbol) -> None:
        self.name, self.symbol = name, copy(symbol)
        self.symbol.bars = dict(symbol.bars)
        self.symbol.derived = {text: replace(one, bars=dict(one.bars)) for text, one in symbol.derived.items()}
        self.intervals = {symbol.base_text: symbol.base, **{text: one.length for text, one in symbol.derived.items()}}

    def tick_of(self, end: int, close: int) -> int:
        waits = self.symbol.includes_closing and end == close
        return end + self.symbol.base.width if waits else end

    def closed(self, text: str) -> list[tuple[int, oracle.Bar]]:
        """Every bar of an interval with its tick, oldest first."""
        if text == self.symbol.base_text:
            return [(bar.end, bar) for _, bar in sorted(self.symbol.bars.items())]
        found = []
        for _, bar in sorted(self.symbol.derived[text].bars.items()):
            slot = self.slot(bar.start, text)
            found.append((self.tick_of(slot.end, slot.close), bar))
        return found

    def slot(self, start: int, text: str) -> Slot:
        session, _ = self.symbol.calendar.place(start)
        return self.symbol.calendar.slot_of(session, start, self.intervals[text])

    def forming(self, text: str, now: int) -> list[Shown]:
        """Every bar that base bars ended by now give, and that has not closed by now."""
        visible = Symbol(self.symbol.calendar, self.symbol.base_text)
        visible.bars = {start: bar for start, bar in self.symbol.bars.items() if bar.end <= now}
        shown = []
        for bar in visible.computed(self.intervals[text]).values():
            slot = self.slot(bar.start, text)
            if self.tick_of(slot.end, slot.close) > now:
                shown.append(bar.shown())
        return shown

    def span(self) -> tuple[int, int]:
        """The instants between which bars are handed over."""
        sessions = [bar.session for bar in self.symbol.bars.values() if bar.within]
        first, last = min(sessions, key=lambda one: one.open), max(sessions, key=lambda one: one.open)
        if not self.symbol.base.intraday:
            last = self.symbol.calendar.block(last, self.symbol.base)[-1] if self.symbol.base.unit != "d" else last
        blocks = [one for one in self.intervals.values() if not one.intraday]
        ends = [self.symbol.calendar.block(last, one)[-1].close for one in blocks]
        wait = self.symbol.base.width if self.symbol.includes_closing else 0
        return first.open, max([last.close, *ends]) + wait


def as_shown(table: pa.Table) -> list[Shown]:
    """Rows as the model shows them, from bar_start to complete."""
    columns = [
        (table[name].cast(pa.int64()) if name in ("bar_start", "bar_end") else table[name]).to_pylist()
        for name in Bar._fields[2:-1]
    ]
    return list(zip(*columns, strict=True))


def expected_order(all_seen: list[Seen]) -> list[tuple[int, str, str, int]]:
    found = []
    spans = {}
    for seen in all_seen:
        begins, ends = spans.get(seen.symbol.calendar.name, (10**18, 0))
        mine = seen.span()
        spans[seen.symbol.calendar.name] = min(begins, mine[0]), max(ends, mine[1])
    for seen in all_seen:
        begins, ends = spans[seen.symbol.calendar.name]
        for text, length in seen.intervals.items():
            nominal = {"s": 1, "d": 86_400, "w": 7 * 86_400, "mo": 30 * 86_400}[length.unit] * length.count
            found += [
                (tick, nominal, (length.unit, length.anchor or ""), seen.name, text, bar.start)
                for tick, bar in seen.closed(text)
                if bar.session is not None and begins < tick <= ends
            ]
    return [(tick, name, text, start) for tick, _, _, name, text, start in sorted(found)]


def sessions_of(kind: tuple[str, str, list[str], str], chance: random.Random) -> Window:
    first, last = WINDOWS[kind[0]][chance.randrange(len(WINDOWS[kind[0]]))]
    return Window(kind[0], first, last)


def change(world: World, windows: dict[str, Window], chance: random.Random) -> None:
    """Bars corrected, added and deleted, and derived again."""
    for name, window in windows.items():
        symbol = world.model.symbols[name]
        held = sorted(symbol.bars)
        picked = chance.sample(held, min(len(held), 5))
        rows = [replace(priced(symbol.stamp(start), chance, "cents")) for start in picked]
        fresh = chance.sample(window.starts(symbol.base), 2)
        world.load(name, [*rows, *(priced(start, chance, "cents") for start in fresh if start not in picked)])
    world.process()


@pytest.mark.parametrize(("part", "replays"), list(enumerate(shares(REPLAYS, 3))))
def test_nothing_is_seen_before_its_time(blank_store: Path, tmp_path: Path, part: int, replays: int) -> None:
    @seed(SEED * 10_000 + part)
    @settings(
        max_examples=replays, database=None, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck)
    )
    @given(st.randoms(use_true_random=False))
    def holds(chance: random.Random) -> None:
        check(blank_store, tmp_path, chance)

    holds()


def check(blank_store: Path, folder: Path, chance: random.Random) -> None:
    """Two symbols loaded, changed, derived, and then replayed, with a look around now and then."""
    world = World(blank_store, folder / f"{next(NUMBERS)}.duckdb", LONG_AFTER)
    world.check = lambda: None  # what the views show is for the histories to test
    windows: dict[str, Window] = {}
    try:
        for name, kind in zip("AB", chance.sample(KINDS, 2), strict=True):
            window = windows[name] = sessions_of(kind, chance)
            world.register(name, kind[0], kind[1], kind[2], kind[3])
            base = Length.of(kind[1])
            starts = window.starts(base)
            kept = sorted(chance.sample(range(len(starts)), max(1, len(starts) * chance.choice([2, 9, 10]) // 10)))
            rows = [priced(starts[at], chance, "cents") for at in kept]
            strange = window.strange(base) if base.intraday else []
            rows += [priced(start, chance, "whole") for start in chance.sample(strange, min(len(strange), 8))]
            world.load(name, rows)
        if not all(any(bar.within for bar in one.bars.values()) for one in world.model.symbols.values()):
            return
        if chance.random() < 0.5:  # what was corrected before counts, what is corrected later does not
            world.process()
            change(world, windows, chance)
        world.process()
        seen = [Seen(name, symbol) for name, symbol in world.model.symbols.items()]
        order = expected_order(seen)
        replay(world, windows, seen, order, chance)
    finally:
        world.close()


def replay(
    world: World,
    windows: dict[str, Window],
    all_seen: list[Seen],
    order: list[tuple[int, str, str, int]],
    chance: random.Random,
) -> None:
    instants = sorted({tick for tick, *_ in order})
    looked_at = set(chance.sample(instants, min(len(instants), 8)))
    changed_at = chance.choice(instants)
    delivered: list[tuple[int, str, str, int]] = []
    lives = 0
    while lives < 2:
        lives += 1
        with Backtest(
            world.store, [one.name for one in all_seen], name="look", record_every=chance.choice([7, 500])
        ) as b:
            for tick in b:
                now = oracle.micros(tick.now)
                for bar in tick.bars:
                    assert bar.bar_end <= tick.now
                    delivered.append((now, bar.symbol, bar.interval, oracle.micros(bar.bar_start)))
                if now in looked_at:
                    look(b, all_seen, now, chance)
                if now == changed_at and lives == 1:
                    change(world, windows, chance)
                    look(b, all_seen, now, chance)
                    b.acknowledge()
                    break
            else:
                lives = 2
        world.reopen()
    assert delivered == order


def look(b: Backtest, all_seen: list[Seen], now: int, chance: random.Random) -> None:
    """Ask for everything, and hold it against the model."""
    for seen in all_seen:
        for text in seen.intervals:
            bars = [bar.shown() for tick, bar in seen.closed(text) if tick <= now]
            n = chance.choice([1, 3, 1000])
            asked = list(questions(bars, n, chance))
            chance.shuffle(asked)
            for options, expected in asked:
                assert as_shown(b.bars(seen.name, text, **options)) == expected, (seen.name, text, options)
            if text != seen.symbol.base_text:
                found = b.forming(seen.name, text)
                start_and_end = () if found is None else [oracle.micros(at) for at in found[2:4]]
                shown = [] if found is None else [(*start_and_end, *found[4:-1])]
                assert shown == seen.forming(text, now), (seen.name, text, now)


def questions(bars: list[Shown], n: int, chance: random.Random) -> Iterator[tuple[dict[str, object], list[Shown]]]:
    yield {}, bars
    yield {"n": n}, bars[-n:]
    if bars:
        start = chance.choice(bars)[0]
        yield {"start": oracle.moment(start)}, [bar for bar in bars if bar[0] >= start]
        yield {"start": oracle.moment(start), "n": n}, [bar for bar in bars if bar[0] >= start][-n:]
