"""Whatever is written on the fast path is what the general one would have written, table by table.

The general path is held against the model by ``test_histories.py``. Here the same is done to two stores: any history,
and walks through live minutes, where the fast path is taken most of the time.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import oracle
import pyarrow as pa
import pytest
from hypothesis import Phase
from oracle import SECOND, Length, Row, Terms
from test_histories import DAY, HOUR, LONG_AFTER, MINUTE, Histories, derivable, run_part
from twins import Twins, assert_alike, both
from world import BASES, STYLES, WINDOWS, Window, World, as_table, priced

from barhouse import DataProcessor, SessionCoordinator, SessionStore, open_store
from barhouse.coordinator.fast import corrections, small_derivation, small_load
from barhouse.coordinator.load.door import load_bars
from barhouse.store.model.bar import COLUMNS
from barhouse.store.model.interval import Interval
from tests.extent import PATHS, SEED, shares


class Alike(Histories):
    """Any history, in two stores; what is loaded comes in memory, for files never take the fast path."""

    def new_world(self) -> Any:
        number = next(self.numbers)
        return Twins(*(World(self.blank, self.folder / f"{number}-{way}.duckdb", LONG_AFTER) for way in "ab"))

    def _load(
        self,
        name: str | None,
        pairs: list[tuple[str, Row]],
        resend: bool = False,
        label: str = "start",
        whose: Terms = oracle.NOBODY,
    ) -> None:
        terms = whose if self.knows_vendors else oracle.NOBODY
        if name is None:
            super()._load(name, pairs, resend, label, whose)
        else:
            rows = [row for _, row in pairs]
            self.world.load(name, rows, resend=resend, label=label, terms=terms)
            self.loads.append((name, rows, resend, None, label, terms))


HISTORIES = [pytest.param(part, count, id=f"seed{SEED}-part{part}") for part, count in enumerate(shares(PATHS, 10))]


@pytest.mark.parametrize(("part", "count"), HISTORIES)
def test_any_history_is_the_same_on_both_paths(blank_store: Path, tmp_path: Path, part: int, count: int) -> None:
    machine = type("Part", (Alike,), {"folder": tmp_path, "blank": blank_store})
    run_part(machine, part, count, phases=[Phase.generate])


# ---------------------------------------------------------------------------------------------------- live walks

#: How many slots in a row are missing, of each symbol by itself.
MISSING = (0.0, 0.0, 0.1, 0.5)


class Pair:
    """A store on each path, with one clock."""

    def __init__(self, blank: Path, folder: Path, number: int) -> None:
        self.now = LONG_AFTER
        #: How whatever is done to a store is done to it.
        self.doing: Callable[[SessionStore, Callable[[SessionStore], Any]], Any] = _done
        self.paths = [folder / f"{number}-{way}.duckdb" for way in ("fast", "general")]
        for path in self.paths:
            shutil.copy(blank, path)
        self.stores: list[SessionStore] = []
        self.open()

    def open(self) -> None:
        settings_ = {"threads": 1}
        self.stores = [
            open_store(path, clock=lambda: oracle.moment(self.now), settings=settings_) for path in self.paths
        ]

    def close(self) -> None:
        for store in self.stores:
            store.close()

    def do(self, call: Callable[[SessionStore], Any]) -> tuple[str, Any]:
        fast, general = self.stores
        return both(lambda: self.doing(fast, call), lambda: self.doing(general, call))

    def compare(self) -> None:
        assert_alike(*self.stores)


class Walk:
    """Minutes as they come, of several symbols at a time, with what else happens to a store in a day."""

    def __init__(self, pair: Pair, chance: random.Random) -> None:
        self.pair, self.chance = pair, chance
        self.windows: dict[str, Window] = {}
        self.bases: dict[str, str] = {}
        self.places: dict[str, int] = {}
        self.derived: dict[str, list[str]] = {}
        #: What came last of each symbol, by its start.
        self.came: dict[str, dict[int, Row]] = {}
        hours = chance.choice(sorted(WINDOWS))
        window = chance.choice(WINDOWS[hours])
        base = chance.choice([text for text in BASES[hours] if Length.of(text).intraday])
        for name in "ABCDE"[: chance.choice([1, 2, 3, 5])]:
            if chance.random() < 0.3:  # of another calendar than the one before
                hours = chance.choice(sorted(WINDOWS))
                window = chance.choice(WINDOWS[hours])
                base = chance.choice([text for text in BASES[hours] if Length.of(text).intraday])
            self._register(name, Window(hours, *window), base)

    def _register(self, name: str, window: Window, base: str) -> None:
        chance = self.chance
        derived = chance.sample(derivable(base), chance.randint(1, 5))
        closing = chance.choice(["include", "outside"]) if base == "1m" else "outside"
        self.windows[name], self.bases[name], self.derived[name] = window, base, derived
        starts = window.starts(Length.of(base))
        self.places[name] = chance.choice([0, chance.randrange(len(starts))])
        said = {"intervals": [base, *derived], "calendar": window.calendar, "base": base, "closing_bar": closing}
        self.pair.do(lambda store: SessionCoordinator(store).register(name, **said))

    def step(self) -> None:
        chance = self.chance
        what = chance.choices(
            ["minutes", "process", "odd", "end session", "delete", "interval", "reopen", "broken off", "jump"],
            [70, 6, 8, 2, 1, 1, 2, 3, 2],
        )[0]
        getattr(self, what.replace(" ", "_"))()

    def minutes(self, then: bool = True) -> None:
        """The next slots of all symbols of one base, or of some of them."""
        chance = self.chance
        base = chance.choice(sorted(set(self.bases.values())))
        names = [name for name in sorted(self.bases) if self.bases[name] == base and chance.random() < 0.9]
        missing, count, style = chance.choice(MISSING), chance.choice([1, 1, 1, 2, 5, 12]), chance.choice(STYLES)
        rows = [(name, priced(start, chance, style)) for name in names for start in self._next(name, count, missing)]
        if chance.random() < 0.4:
            rows += [(name, row) for name in names for row in self._corrected(name, style)]
        if not rows:
            return
        if chance.random() < 0.2:
            chance.shuffle(rows)
        self.load(rows, base)
        if then and chance.random() < 0.9:
            self.process()

    def _corrected(self, name: str, style: str) -> list[Row]:
        """Some of what came before, with other values or the same ones."""
        chance, came = self.chance, self.came.get(name, {})
        starts = sorted(came)[-chance.choice([3, 30, 300]) :]
        chosen = chance.sample(starts, min(len(starts), chance.choice([0, 1, 1, 2, 6])))
        return [came[start] if chance.random() < 0.3 else priced(start, chance, style) for start in chosen]

    def _next(self, name: str, count: int, missing: float) -> list[int]:
        chance, length = self.chance, Length.of(self.bases[name])
        starts = [start for start in self.windows[name].starts(length) if isinstance(start, int)]
        place = self.places[name]
        taken = [start for start in starts[place : place + count] if chance.random() >= missing]
        self.places[name] = place + count
        if taken and chance.random() < 0.15:  # beside the sessions, after what has come
            after = starts[place + count] if place + count < len(starts) else taken[-1] + DAY
            strange = [one for one in self.windows[name].strange(length) if isinstance(one, int)]
            taken += [one for one in strange if taken[-1] < one < after][:3]
        return taken

    def load(self, rows: list[tuple[str, Row]], base: str) -> None:
        chance = self.chance
        for name, row in rows:
            self.came.setdefault(name, {})[row.start] = row
        table = as_table(rows)
        if chance.random() < 0.3:
            table = table.drop_columns(["trade_count", "vwap"])
        ends = [row.start + Length.of(base).width for _, row in rows]
        self.pair.now = max(ends) + chance.choice([0, 0, SECOND, MINUTE, -SECOND, HOUR])
        way = chance.choice(["load", "load", "one", "feed"])
        names = {name for name, _ in rows}
        if way == "one" and len(names) == 1:
            (name,) = names
            mine = table.drop_columns(["symbol"])
            self.pair.do(lambda store: SessionCoordinator(store).load(mine, name, base, sparse=True))
        elif way == "feed":
            ours = pa.Table.from_pylist(table.to_pylist(), COLUMNS)
            now = oracle.moment(self.pair.now)
            self.pair.do(lambda store: _as_a_feed(store, ours, base, now))
        else:
            sparse = chance.random() < 0.8
            self.pair.do(lambda store: SessionCoordinator(store).load(table, interval=base, sparse=sparse))

    def process(self) -> None:
        chance = self.chance
        grace, chunk = (
            timedelta(microseconds=chance.choice([MINUTE, MINUTE, 0, HOUR])),
            chance.choice([500, 500, 500, 1, 2]),
        )
        now = chance.choice([*[None] * 9, oracle.moment(self.pair.now + chance.choice([DAY, -HOUR]))])
        done: list[list[tuple[int, int]]] = []

        def run(store: SessionStore) -> Any:
            done.append([])
            processor = DataProcessor(store, grace=grace, chunk_symbols=chunk)
            return processor.process(now, progress=lambda *counts: done[-1].append(counts))

        self.pair.do(run)
        assert done[0] == done[1]

    def odd(self) -> None:
        """Rows of which something is to be said: late, again, impossible, unknown, of a time to come."""
        chance = self.chance
        name = chance.choice(sorted(self.windows))
        starts = self.windows[name].starts(Length.of(self.bases[name]))
        place = self.places[name]
        known = [start for start in starts[:place] if isinstance(start, int)]
        new = self._next(name, 2, 0.0)
        rows = [(name, priced(start, chance, "cents")) for start in new]
        what = chance.choice(["late", "late", "again", "impossible", "unknown", "ahead"])
        if what == "late" and known:
            rows += [(name, priced(chance.choice(known[-40:]), chance, "cents"))]
        elif what == "again":
            rows += rows[:1]
        elif what == "impossible" and rows:
            one = rows[0][1]
            rows += [(name, Row(one.start, one.open, one.low - 1.0, one.low, one.close, one.volume))]
        elif what == "unknown" and rows:
            rows += [("NOBODY", rows[0][1])]
        elif what == "ahead" and place + 10 < len(starts):
            rows += [(name, priced(starts[place + 9], chance, "cents"))]
        if rows:
            self.load(rows, self.bases[name])
            self.process()

    def end_session(self) -> None:
        name = self.chance.choice(sorted(self.windows))
        window = self.windows[name]
        day = window.first + timedelta(days=self.chance.randint(0, (window.last - window.first).days))
        self.pair.do(lambda store: SessionCoordinator(store).end_session(day, [name]))

    def delete(self) -> None:
        name, chance = self.chance.choice(sorted(self.windows)), self.chance
        starts = [start for start in self.windows[name].starts(Length.of(self.bases[name])) if isinstance(start, int)]
        first = chance.choice(starts[: max(1, self.places[name])])
        bounds = oracle.moment(first), oracle.moment(first + chance.choice([MINUTE, HOUR, DAY]))
        rewind = chance.random() < 0.3
        self.pair.do(
            lambda store: SessionCoordinator(store).delete_bars(name, self.bases[name], *bounds, rewind=rewind)
        )

    def interval(self) -> None:
        name = self.chance.choice(sorted(self.windows))
        text = self.chance.choice(derivable(self.bases[name]))
        calendar_name, base = self.windows[name].calendar, self.bases[name]

        def add(store: SessionStore) -> Any:
            coordinator = SessionCoordinator(store)
            return coordinator.register(name, intervals=[base, text], calendar=calendar_name, base=base)

        self.pair.do(add)

    def reopen(self) -> None:
        self.pair.close()
        self.pair.open()

    def broken_off(self) -> None:
        """What is written in a transaction that fails at its end was never there, nor remembered."""
        places, now = dict(self.places), self.pair.now
        self.pair.doing = _broken_off
        try:
            self.minutes()
        finally:
            self.pair.doing, self.places, self.pair.now = _done, places, now

    def jump(self) -> None:
        """Nothing comes for a while."""
        for name in self.places:
            self.places[name] += self.chance.choice([0, 0, 3, 7, 20])


def _as_a_feed(store: SessionStore, table: pa.Table, base: str, now: Any) -> Any:
    """Load and derive in one transaction, as live sessions do."""
    with store.transaction() as transaction:
        report = load_bars(transaction, table, Interval.parse(base), "a feed").report
        return report, DataProcessor(store).process(now)


class _Stop(Exception):
    """A transaction that does not come to its end."""


def _done(store: SessionStore, call: Callable[[SessionStore], Any]) -> Any:
    return call(store)


def _broken_off(store: SessionStore, call: Callable[[SessionStore], Any]) -> Any:
    with store.transaction():
        call(store)
        raise _Stop("broken off")


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """How often the fast path was taken."""
    counts: Counter[str] = Counter()

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **said: Any) -> Any:
            result = function(*given, **said)
            counts[name] += result is not None
            return result

        return call

    for module, name in (
        (small_load, "load"),
        (small_derivation, "derive"),
        (corrections, "of_rows"),
        (corrections, "of_buckets"),
    ):
        monkeypatch.setattr(module, name, counted(name, getattr(module, name)))
    yield counts


@pytest.mark.parametrize("number", range(PATHS))
def test_live_minutes_are_the_same_on_both_paths(
    blank_store: Path, tmp_path: Path, taken: Counter[str], number: int
) -> None:
    chance = random.Random(f"{SEED} {number}")
    pair = Pair(blank_store, tmp_path, number)
    try:
        walk = Walk(pair, chance)
        for _ in range(30):
            walk.step()
            if chance.random() < 0.1:
                pair.compare()
        pair.compare()
        pair.now = LONG_AFTER
        walk.process()
        pair.compare()
        for store in pair.stores:
            report = store.verify()
            assert report.sound, str(report)
    finally:
        pair.close()
