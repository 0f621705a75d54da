"""Random histories: after every step the store shows what a plain Python model of the design shows.

``bars`` and ``coverage`` are compared after every step, the views that take long after some, and all at the end.

``BARHOUSE_HISTORIES=500`` runs that many, ``BARHOUSE_SEED=7`` others than those of seed 0. They are run in parts, each
with a seed that is in the test's name, so that one part can be run again by itself. A failing history prints its
steps; keep it as a named test in ``test_regressions.py``.
"""

from __future__ import annotations

import itertools
import random
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import oracle
import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from oracle import NOBODY, SECOND, Length, Row, Terms
from world import (
    BASES,
    COLUMNS_DECLARED,
    CORRECTIONS,
    LONG_WINDOWS,
    OWN_CALENDARS,
    STYLES,
    WINDOWS,
    Window,
    World,
    calendar,
    confirmed,
    priced,
    valued,
)

from tests.extent import HISTORIES, SEED, shares, tally

MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
NAMES = ("A", "B", "C")
LONG_AFTER = oracle.micros(datetime(2025, 1, 31, tzinfo=UTC))
SELDOM = (
    "register",
    "add interval",
    "register",
    "clock within",
    "clock after",
    "clock after",
    "reopen",
    "look back",
    "remove",
    "retain",
    "retain",
    "purge revisions",
    "purge symbol",
    "compact",
    "back up",
    "publish",
    "export",
    "export",
    "repair",
    "verify",
    "verify",
    "verify",
    "declare",
    "drop column",
)
CARE = ("compact", "back up", "publish", "export", "repair", "verify")
EXTRAS = ("", "strange", "repeated", "contradicted", "strange", "broken", "unknown symbol", "stray vwap")

#: How loads come; half of all histories know no vendors.
TERMS = (
    NOBODY,
    Terms("good", 10),
    Terms("good"),
    Terms("other"),
    Terms("other", 10),
    Terms("poor", -5),
    Terms("other", 5, "keep"),
    Terms("poor", conflicts="replace"),
    Terms("good", tolerance=1e-6),
    Terms("other", tolerance=1e-7),
    Terms(tolerance=1e-3),
    Terms("good", -10),
)

seeds = st.integers(0, 2**16)
terms = st.sampled_from(TERMS)
places = st.integers(0, 2**12)
counts = st.sampled_from([13, 1, 5, 40, 100, 1000, 1000])
afterwards = st.sampled_from(["", "process", "process", "process within"])
offsets = st.sampled_from([0, -SECOND, SECOND, MINUTE - SECOND, MINUTE, MINUTE + SECOND, HOUR, DAY, 40 * DAY])


#: Blocks that count from elsewhere than by themselves, and the longest ones.
ANCHORED = ["1w@sun", "1w@mon", "2w@thu", "1q", "1q@feb", "5mo@apr", "1y", "1y@oct", "2d@week", "10d@month", "3d@month"]
ANCHORED += ["10d@quarter", "7d@year"]
#: Of bases of months, and of those that count from elsewhere.
MULTIPLES = {
    "1mo": ["2mo", "1q", "1q@mar", "4mo", "1y@apr"],
    "1w@sun": ["2w@sun", "3w@sun"],
    "1q@feb": ["2q@feb", "2q@may", "1y@nov"],
}


def derivable(base: str) -> list[str]:
    """Intervals that a base tiles, in one spelling each."""
    length = Length.of(base)
    if length.intraday:
        multiples = [length.count * times for times in (2, 3, 4, 5, 6, 7, 12)]
        fine = [spelled(seconds) for seconds in multiples if seconds < 86_400]
        return [*fine, "1d", "2d", "3d", "5d", "1w", "2w", "1mo", "2mo", *ANCHORED]
    if base == "1d":
        return ["2d", "3d", "4d", "1w", "2w", "1mo", *ANCHORED]
    return MULTIPLES.get(base) or [f"{length.count * times}{length.unit}" for times in (2, 3, 4)]


def spelled(seconds: int) -> str:
    for unit, size in (("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


class Histories(RuleBasedStateMachine):
    """One store, up to three symbols, any order of all that can happen to them."""

    folder: Path
    blank: Path
    numbers = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.windows: dict[str, Window] = {}
        self.loads: list[tuple[str, list[Row], bool, str | None, str, Terms]] = []

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.world = self.new_world()
        chance = random.Random(data.draw(seeds, label="when to look closely"))
        self.world.looks_closely = lambda: chance.random() < 0.4
        self.knows_vendors = chance.random() < 0.5
        self.knows_trades = chance.random() < 0.3
        self.register(data)
        if chance.random() < 0.5:
            self.declare(chance.randrange(2**12), None)

    def new_world(self) -> World:
        return World(self.blank, self.folder / f"{next(self.numbers)}.duckdb", LONG_AFTER)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            tally(histories=1, steps=self.world.check_count)
            try:
                if self.world.sound:
                    self.world.looks_closely = lambda: True
                    self.world.check()
                    self.world.process(LONG_AFTER + 90 * DAY)
                    self.world.check_past()
                    self.world.check_adjusted()
                    self.world.check_told()
                    self.world.verify()
            finally:
                self.world.close()
                self.world.path.unlink()
                shutil.rmtree(self.world.folder, ignore_errors=True)

    # -- registration

    def register(self, data: st.DataObject) -> None:
        name = next(one for one in NAMES if one not in self.windows)
        hours = data.draw(st.sampled_from(sorted(WINDOWS)), label="calendar")
        base = data.draw(st.sampled_from(BASES[hours]), label="base")
        windows = WINDOWS if Length.of(base).intraday else LONG_WINDOWS
        first, last = data.draw(st.sampled_from(windows[hours]), label="window")
        if base == "1m":
            last = first + (last - first) / 4
        derived = data.draw(st.lists(st.sampled_from(derivable(base)), max_size=4, unique=True), label="derived")
        closing = data.draw(st.sampled_from(["include", "outside"])) if base == "1m" else "outside"
        self.windows[name] = Window(hours, first, last)
        self.world.register(name, hours, base, derived, closing)

    def add_interval(self, name: str, data: st.DataObject) -> None:
        symbol = self.world.model.symbols[name]
        text = data.draw(st.sampled_from(derivable(symbol.base_text)), label="interval")
        closing = "include" if symbol.includes_closing else "outside"
        self.world.register(name, symbol.calendar.name, symbol.base_text, [text], closing)

    def declare(self, pick: int, names: list[str] | None) -> None:
        """Some columns, with the usual aggregates or, where they are not declared, now and then with another one."""
        chance = random.Random(pick)
        chosen = chance.sample(sorted(COLUMNS_DECLARED), chance.randint(1, len(COLUMNS_DECLARED)))
        columns = {name: COLUMNS_DECLARED[name] for name in chosen}
        if chance.random() < 0.2:
            columns[chosen[0]] = chance.choice(sorted(COLUMNS_DECLARED.values()))
        self.world.declare(columns, names)

    def valued(self, rows: list[Row], chance: random.Random) -> list[Row]:
        """Rows with values in columns that are declared, and now and then in one that is not."""
        columns = [*self.world.model.columns, *(["most"] if chance.random() < 0.2 else [])]
        if not self.world.model.columns or chance.random() < 0.2:
            return rows
        return [valued(row, dict.fromkeys(columns), chance) for row in rows]

    # -- base bars

    @precondition(lambda self: self.windows)
    @rule(
        pick=places,
        place=places,
        count=counts,
        step=st.sampled_from([1, 1, 2, 5]),
        order=st.sampled_from(["forward", "backward", "any"]),
        extras=st.tuples(st.sampled_from(EXTRAS), st.sampled_from(EXTRAS)),
        style=st.sampled_from(STYLES),
        seed=seeds,
        resend=st.sampled_from([False, False, True]),
        label=st.sampled_from(["start", "start", "end"]),
        whose=terms,
        then=afterwards,
    )
    def load(
        self,
        pick: int,
        place: int,
        count: int,
        step: int,
        order: str,
        extras: tuple[str, str],
        style: str,
        seed: int,
        resend: bool,
        label: str,
        whose: Terms,
        then: str,
    ) -> None:
        self.world.hasty = then != ""
        chance = random.Random(seed)
        name = self._name(pick)
        base = self.world.model.symbols[name].base
        window = self.windows[name]
        starts = window.starts(base)
        first = place % len(starts)
        rows = [priced(start, chance, style) for start in starts[first : first + count : step]]
        if "strange" in extras and label == "start":
            strange = window.strange(base)
            # A source most of which is off every grid is refused, and so is one of mostly days as bars of weeks.
            often = 1 if {"repeated", "contradicted"} & {*extras} else 2
            few = often * len(rows) if base.intraday else len(rows) // 4
            rows += [priced(start, chance, style) for start in chance.sample(strange, min(4, few, len(strange)))]
        if "broken" in extras:
            row = priced(chance.choice(starts), chance, style)
            rows.append(Row(row.start, row.open, row.low - 1.0, row.low, row.close, row.volume))
        if "stray vwap" in extras:
            at = chance.randrange(len(rows))
            rows[at] = replace(rows[at], vwap=chance.choice([0.5 * rows[at].low - 1.0, 2.0 * abs(rows[at].high) + 1.0]))
        if "repeated" in extras:
            rows += chance.sample(rows, min(3, len(rows)))
        if "contradicted" in extras:
            rows += [priced(row.start, chance, style) for row in chance.sample(rows, min(3, len(rows)))]
        rows = self.valued(rows, chance)
        if order == "backward":
            rows.reverse()
        elif order == "any":
            chance.shuffle(rows)
        if "unknown symbol" in extras:
            pairs = [(name, row) for row in rows]
            pairs.insert(chance.randint(0, len(pairs)), ("NOBODY", rows[0]))
            self._load(None, pairs, resend, label, whose)
        elif self.knows_trades and base.intraday and label == "start" and chance.random() < 0.5:
            lacking = {row.start for row in rows if chance.random() < 0.2}
            self.world.load(name, rows, lacking=lacking)
        else:
            self._load(name, [(name, row) for row in rows], resend, label, whose)
        self._then(then, seed)

    @precondition(lambda self: self.windows)
    @rule(place=places, count=counts, style=st.sampled_from(STYLES), seed=seeds, whose=terms, then=afterwards)
    def load_several(self, place: int, count: int, style: str, seed: int, whose: Terms, then: str) -> None:
        self.world.hasty = then != ""
        chance = random.Random(seed)
        base = self.world.model.symbols[self._name(0)].base_text
        pairs = []
        for name in sorted(self.windows):
            if self.world.model.symbols[name].base_text == base:
                starts = self.windows[name].starts(Length.of(base))
                first = place % len(starts)
                rows = [priced(start, chance, style) for start in starts[first : first + count]]
                pairs += [(name, row) for row in self.valued(rows, chance)]
        chance.shuffle(pairs)
        self._load(None, pairs, whose=whose)
        self._then(then, seed)

    @precondition(lambda self: self._held())
    @rule(
        pick=places,
        place=places,
        count=counts,
        style=st.sampled_from([*STYLES, "the same", "near", "near or not"]),
        seed=seeds,
        resend=st.sampled_from([False, False, True]),
        whose=terms,
        then=afterwards,
    )
    def correct(
        self, pick: int, place: int, count: int, style: str, seed: int, resend: bool, whose: Terms, then: str
    ) -> None:
        """Rows for bars that are there: other values, the same, or such as differ in the seventh digit."""
        name, starts = self._bars(pick)
        self.world.hasty = then != ""
        chance = random.Random(seed)
        first = place % len(starts)
        symbol = self.world.model.symbols[name]
        drifts = {"the same": [0.0], "near": [3e-7], "near or not": [0.0, 3e-7, -3e-7, 3e-6, 3e-4]}.get(style)
        rows = [
            priced(symbol.stamp(at), chance, style)
            if drifts is None
            else confirmed(symbol.bars[at].row, symbol.stamp(at), chance.choice(drifts))
            for at in starts[first : first + count]
        ]
        if drifts is None or chance.random() < 0.3:
            rows = self.valued(rows, chance)
        self._load(name, [(name, row) for row in rows], resend, whose=whose)
        self._then(then, seed)

    @precondition(lambda self: self._held())
    @rule(
        pick=places,
        place=places,
        count=counts,
        sides=st.sampled_from(["both", "start", "end", "beyond"]),
        shift=st.sampled_from([0, -1, 1]),
        rewind=st.sampled_from([False, False, True]),
        then=afterwards,
    )
    def delete(self, pick: int, place: int, count: int, sides: str, shift: int, rewind: bool, then: str) -> None:
        self.world.hasty = then != ""
        name, starts = self._bars(pick)
        first = place % len(starts)
        last = min(first + count, len(starts)) - 1
        begin, end = starts[first] + shift * SECOND, starts[last] + SECOND
        bounds = (begin if sides != "end" else None, end if sides != "start" else None)
        if sides == "beyond":  # where no bar is, which may rewind all the same
            bounds = (starts[-1] + SECOND, None)
        self.world.delete(name, *bounds, rewind=rewind)
        self._then(then, place)

    def _then(self, what: str, place: int) -> None:
        self.world.hasty = False
        if what:
            self.world.process(self._instant(place) if what == "process within" else None)

    def _load(
        self,
        name: str | None,
        pairs: list[tuple[str, Row]],
        resend: bool = False,
        label: str = "start",
        whose: Terms = NOBODY,
    ) -> None:
        terms = whose if self.knows_vendors else NOBODY
        if name is None:
            known = next(one for one, _ in pairs if one in self.windows)
            base = self.world.model.symbols[known].base_text
            self.world.load(None, pairs, base=base, resend=resend, label=label, terms=terms)
        else:
            rows = [row for _, row in pairs]
            file = f"{len(self.loads)}.parquet" if (len(self.loads) + 1) % 3 else None
            self.world.load(name, rows, resend=resend, file=file, label=label, terms=terms)
            self.loads.append((name, rows, resend, file, label, terms))

    @precondition(lambda self: self.windows)
    @rule(pick=places, seed=seeds, count=st.sampled_from([1, 1, 2, 5]), drops=st.sampled_from([False, False, True]))
    def act(self, pick: int, seed: int, count: int, drops: bool) -> None:
        """Splits and dividends are loaded, corrected and deleted, on sessions in and around those of the bars."""
        self.world.hasty = False
        chance = random.Random(seed)
        name = self._name(pick)
        if drops and self.world.actions.get(name):
            self.world.drop_actions(name, chance.choice(sorted(self.world.actions[name]))[0])
            return
        window = self.windows[name]
        days = [one.date for one in self.world.calendars[window.calendar].sessions]
        near = [day for day in days if window.first - timedelta(days=2) <= day <= window.last + timedelta(days=2)]
        values = {
            "split": [2.0, 7.0, 0.1, 1.5, 1 / 3],
            "stock_dividend": [0.05, 0.1],
            "cash_dividend": [0.24, 1e-5, 3.0],
            "special_dividend": [15.0, 0.5],
        }
        kinds = [chance.choice(sorted(values)) for _ in range(count)]
        self.world.act(name, {(chance.choice(near), kind): chance.choice(values[kind]) for kind in kinds})

    @precondition(lambda self: self.world.model.written)
    @rule(pick=places, times=st.sampled_from([1, 1, 2, 3]), then=afterwards)
    def revert(self, pick: int, times: int, then: str) -> None:
        """The newest batches, mostly: older ones are often in the way of each other."""
        self.world.hasty = then != ""
        for each in range(times):
            self.world.revert(each if pick % 3 else pick)
        self._then(then if self.windows else "", pick)

    @precondition(lambda self: any(name in self.windows for name, *_ in self.loads))
    @rule(pick=places, then=afterwards)
    def load_again(self, pick: int, then: str) -> None:
        """An earlier load once more, and once more: the same file, if it was one."""
        loads = [one for one in self.loads if one[0] in self.windows]
        name, rows, resend, file, label, terms = loads[-1 - pick % len(loads)]
        self.world.hasty = True
        self.world.load(name, rows, resend=resend, file=file, label=label, terms=terms)
        self.world.hasty = then != ""
        self.world.load(name, rows, resend=resend, file=file, label=label, terms=terms)
        self._then(then, pick)

    # -- time

    @rule(
        at=st.sampled_from(["clock", "long after", "within"]),
        place=places,
        offset=offsets,
        grace=st.sampled_from([MINUTE, 0, HOUR]),
        chunk=st.sampled_from([500, 1]),
    )
    def process(self, at: str, place: int, offset: int, grace: int, chunk: int) -> None:
        if at == "within" and self.windows:
            now = self._instant(place) + offset
        else:
            now = LONG_AFTER + 90 * DAY if at == "long after" else None
        self.world.process(now, grace=grace, chunk=chunk)

    @rule(what=st.sampled_from(SELDOM), pick=places, offset=offsets, data=st.data())
    def seldom(self, what: str, pick: int, offset: int, data: st.DataObject) -> None:
        name = self._name(pick) if self.windows else ""
        if what == "register" and len(self.windows) < len(NAMES):
            self.register(data)
        elif what == "add interval" and name:
            self.add_interval(name, data)
        elif what == "clock within" and name:
            self.world.now = self._instant(pick) + offset
        elif what == "clock after":
            self.world.now = LONG_AFTER + offset
        elif what == "reopen":
            self.world.reopen()
        elif what in CARE:
            self.care(what, name)
        elif what in ("declare", "drop column"):
            self.columns_change(what, pick, name)
        elif what == "look back" and self.world.past:
            self.world.check_past(pick)
        elif what in ("remove", "purge symbol") and name:
            del self.windows[name]
            self.world.remove(name, purge=what == "purge symbol")
        elif what == "retain" and name:
            symbol = self.world.model.symbols[name]
            text = data.draw(st.sampled_from([symbol.base_text, symbol.base_text, *symbol.derived]), label="interval")
            self.world.purge(name, text, self._instant(data.draw(places, label="before")) + offset)
        elif what == "purge revisions" and self.world.past:
            self.world.purge_revisions(self.world.past[pick % len(self.world.past)][0])

    def columns_change(self, what: str, pick: int, name: str) -> None:
        known = sorted(self.world.model.columns)
        if what == "declare":
            self.declare(pick, [name] if name and pick % 2 else None)
        elif known:
            self.world.drop(known[pick % len(known)])

    def care(self, what: str, name: str) -> None:
        if what == "verify":
            self.world.verify()
        elif what == "compact":
            self.world.compact()
        elif what == "back up":
            self.world.back_up()
        elif what == "publish":
            self.world.publish()
        elif what == "export":
            self.world.export()
        elif name:
            self.world.repair(name)

    @precondition(lambda self: self.windows)
    @rule(
        what=st.sampled_from(
            ["edit", "end session", "first session", "edit", "end session of one", "refresh", "correct"]
        ),
        pick=places,
    )
    def sessions_change(self, what: str, pick: int) -> None:
        used_by = [name for name, window in self.windows.items() if window.calendar in OWN_CALENDARS]
        used = [self.windows[name].calendar for name in used_by]
        if what == "refresh":
            self.world.refresh_calendar(sorted(WINDOWS)[pick % len(WINDOWS)])
        elif what == "correct":
            window = self.windows[self._name(pick)]
            day = window.first + timedelta(days=pick % ((window.last - window.first).days + 1))
            if not self.world.has_purged(window.calendar) and day.year > 2000:
                self.world.correct_calendar(window.calendar, day, [*CORRECTIONS, None][pick % (len(CORRECTIONS) + 1)])
        elif what == "edit" and used:
            edited = used[pick % len(used)]
            if not self.world.has_purged(edited):
                self.world.edit_calendar(edited, pick % len(OWN_CALENDARS[edited]))
        elif what == "first session":
            # The session that a symbol begins with becomes a holiday; the next edit may take that back.
            begins = [(name, day) for name in used_by if (day := self.world.model.symbols[name].first_date) is not None]
            for name, day in begins[pick % len(begins) :][:1] if begins else ():
                edited = self.windows[name].calendar
                if not self.world.has_purged(edited):
                    self.world.edit_calendar(edited, pick % len(OWN_CALENDARS[edited]), day)
        else:
            name = self._name(pick)
            window = self.windows[name]
            day = window.first + timedelta(days=pick % ((window.last - window.first).days + 1))
            self.world.end_session(day, [name] if what == "end session of one" else None)

    # -- picking

    def _name(self, pick: int) -> str:
        return sorted(self.windows)[pick % len(self.windows)]

    def _held(self) -> list[str]:
        return [name for name in sorted(self.windows) if self.world.model.symbols[name].bars]

    def _bars(self, pick: int) -> tuple[str, list[int]]:
        held = self._held()
        name = held[pick % len(held)]
        return name, sorted(self.world.model.symbols[name].bars)

    def _instant(self, place: int) -> int:
        """The end of a slot of some symbol's window."""
        window = self.windows[self._name(place)]
        sessions = [one for one in calendar(window.calendar).sessions if window.first <= one.date <= window.last]
        ends = [slot.end for one in sessions for slot in oracle.session_slots(one, 30 * MINUTE)]
        return ends[place % len(ends)]


PARTS = [pytest.param(part, count, id=f"seed{SEED}-part{part}") for part, count in enumerate(shares(HISTORIES, 10))]


def run_part(machine: type[Histories], part: int, count: int, **wanted: Any) -> None:
    """Run so many histories of a machine; ``wanted`` are further settings of Hypothesis."""
    several = settings(
        max_examples=count,
        stateful_step_count=8,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        **wanted,
    )
    run_state_machine_as_test(seed(SEED * 10_000 + part)(machine), settings=several)


@pytest.mark.parametrize(("part", "count"), PARTS)
def test_any_history_shows_what_the_model_shows(blank_store: Path, tmp_path: Path, part: int, count: int) -> None:
    machine = type("Part", (Histories,), {"folder": tmp_path, "blank": blank_store})
    run_part(machine, part, count, print_blob=True)
