"""A store and its model side by side: each step is done to both, and both must show the same."""

from __future__ import annotations

import functools
import math
import random
import shutil
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import adjusted_oracle
import duckdb
import oracle
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from oracle import SECOND, Length, Row, Symbol, Terms

from barhouse import DataProcessor, SessionCoordinator, SessionStore, compact, open_store, restore
from barhouse.coordinator.load.door import load_bars
from barhouse.store.errors import CalendarError, InputError, RejectedBarsError
from barhouse.store.model.bar import COLUMNS
from barhouse.store.model.interval import Interval
from barhouse.store.model.reports import LoadReport

FIRST_DAY, LAST_DAY = date(1998, 1, 1), date(2025, 12, 31)

#: Calendars of one's own: LUNCH has a break, holidays and an early close; NIGHT spans midnight, also when the clock
#: changes; GULF trades on Sundays, on which its weeks start. The first definition of each is the one it has at first,
#: the others are what it is changed to.
OWN_CALENDARS: dict[str, list[dict[str, Any]]] = {
    "LUNCH": [
        lunch := {
            "timezone": "Europe/Berlin",
            "open": "09:00",
            "close": "17:30",
            "break_": "12:00-13:00",
            "holidays": ["2024-03-29", "2024-04-01"],
            "early_closes": {"2024-03-28": "14:00"},
        },
        lunch | {"holidays": ["2024-03-29"]},
        lunch | {"break_": "11:30-12:30"},
        {key: value for key, value in lunch.items() if key != "break_"},
        lunch | {"close": "17:00"},
        lunch | {"open": "08:00"},
        lunch | {"weekdays": "mon-sat"},
        lunch | {"early_closes": {"2024-03-28": "12:00", "2024-04-03": "11:00"}},
        lunch | {"holidays": ["2024-01-02", "2024-02-29", "2024-03-29", "2024-04-01", "2024-04-03"]},
    ],
    "NIGHT": [
        night := {"timezone": "America/New_York", "open": "17:00", "close": "17:00"},
        night | {"close": "16:00"},
        night | {"open": "18:00"},
        night | {"break_": "22:00-23:00"},
        night | {"weekdays": "mon-thu"},
        night | {"holidays": ["2024-01-01", "2024-03-12"]},
        night | {"early_closes": {"2024-03-11": "12:00", "2024-03-12": "23:30"}},
    ],
    "GULF": [
        gulf := {"timezone": "Asia/Riyadh", "open": "10:00", "close": "15:00", "weekdays": "sun-thu"},
        gulf | {"weekdays": "mon-fri"},
        gulf | {"weekdays": "sat-wed"},
        gulf | {"weekdays": "sat-thu"},
        gulf | {"weekdays": "mon-sun"},
        gulf | {"week_starts": "mon"},
        gulf | {"week_starts": "thu"},
        gulf | {"holidays": ["2024-01-07", "2024-03-10", "2024-03-14"]},
        gulf | {"close": "14:00", "weekdays": "mon-fri", "week_starts": "sun"},
    ],
}

#: Calendars of the random walk.
CALENDARS: dict[str, Callable[[], oracle.Calendar]] = {
    "XNYS": lambda: oracle.exchange("XNYS", FIRST_DAY, LAST_DAY),
    "XHKG": lambda: oracle.exchange("XHKG", FIRST_DAY, LAST_DAY),
    "CMES": lambda: oracle.exchange("CMES", FIRST_DAY, LAST_DAY),
    "24/7": lambda: oracle.around_the_clock(FIRST_DAY, LAST_DAY),
    "LUNCH": lambda: own_calendar("LUNCH", 0, None),
    "NIGHT": lambda: own_calendar("NIGHT", 0, None),
    "GULF": lambda: own_calendar("GULF", 0, None),
    "XTAE": lambda: oracle.exchange("XTAE", FIRST_DAY, LAST_DAY),
}

_BAR_TEXT = (
    "bar_start, bar_end, session_date, open, high, low, close, volume, trade_count, vwap, "
    "base_count, expected_count, complete"
)
_PARTS = ("open", "high", "low", "close", "volume", "trade_count", "vwap")
_VIEWS = {
    "bars": (f"SELECT symbol, interval, {_BAR_TEXT}, batch_id FROM bars", {2, 3}),
    "bars_live": (f"SELECT symbol, interval, {_BAR_TEXT}, forming FROM bars_live", {2, 3}),
    "intervals": (
        "SELECT symbol, interval, derived, base, calendar, first_bar, last_bar, bar_count, complete_through, "
        "derived_through, needs_processing, quality_pct, gap_count FROM intervals",
        {5, 6, 8, 9},
    ),
    "vendors": ("SELECT vendor, priority, batch_count FROM vendors", set()),
    "conflicts": (
        "SELECT symbol, interval, bar_start, session_date, kept_vendor, offered_vendor, "
        + ", ".join(f"{whose}_{part}" for whose in ("kept", "offered") for part in _PARTS)
        + " FROM conflicts",
        {2},
    ),
    "coverage": (
        "SELECT symbol, interval, session_date, expected_count, present_count, quality_pct FROM coverage",
        set(),
    ),
    "gaps": (
        "SELECT symbol, interval, session_date, gap_start, gap_end, missing_count, kind FROM gaps",
        {3, 4},
    ),
}
#: Those that take five times as long as the others.
_DEAR = ("bars_live", "intervals", "gaps")
#: Those that stay empty while no load names a vendor.
_OF_VENDORS = ("vendors", "conflicts")


#: What single sessions are corrected to: nothing, or opens and closes.
CORRECTIONS: list[tuple[str, ...]] = [(), ("11:00", "13:00"), ("10:00", "12:00", "12:30", "16:00"), ("10:00", "11:30")]


@functools.cache
def calendar(name: str) -> oracle.Calendar:
    return CALENDARS[name]()


@functools.cache
def own_calendar(name: str, number: int, holiday: date | None) -> oracle.Calendar:
    """A calendar of one's own by one of its definitions, with another holiday if one is given."""
    return oracle.own(name, FIRST_DAY, LAST_DAY, own_definition(name, number, holiday))


def own_definition(name: str, number: int, holiday: date | None) -> dict[str, Any]:
    definition = OWN_CALENDARS[name][number]
    return definition | {"holidays": [*definition.get("holidays", ()), *([str(holiday)] if holiday else ())]}


def template(path: Path) -> Path:
    """Make a store that knows every calendar already; histories start from copies of it."""
    with open_store(path, clock=lambda: datetime(2023, 1, 1, tzinfo=oracle.UTC)) as store:
        coordinator = SessionCoordinator(store)
        for name, definitions in OWN_CALENDARS.items():
            coordinator.add_calendar(name, **definitions[0])
        for number, name in enumerate(CALENDARS):
            coordinator.register(f"T{number}", intervals=["1d"], calendar=name, base="1d")
            coordinator.remove_symbol(f"T{number}")
    return path


def views_with(columns: Iterable[str]) -> dict[str, tuple[str, set[int]]]:
    """The views, those of bars with declared columns."""
    text = "".join(f", {name}" for name in columns)
    return {
        view: (query.replace(" complete", f" complete{text}") if view in ("bars", "bars_live") else query, instants)
        for view, (query, instants) in _VIEWS.items()
    }


def rows_of(
    store: SessionStore, query: str, instants: set[int], parameters: dict[str, object] | None = None
) -> set[tuple[object, ...]]:
    """The rows that a store answers with, each once; instants as microseconds."""
    table = store.sql(query, parameters)
    columns = [
        (column.cast(pa.int64()) if at in instants else column).to_pylist() for at, column in enumerate(table.columns)
    ]
    rows = list(zip(*columns, strict=True))
    found = set(rows)
    assert len(found) == len(rows), "a row appears twice"
    return found


class World:
    """A store, its model and its past."""

    def __init__(self, blank: Path, path: Path, now: int) -> None:
        shutil.copy(blank, path)
        self.path, self.now = path, now
        self.folder = path.with_suffix(".files")
        self.sound = True  # no step has failed
        self.check_count = 0
        self._gave_up = False  # bars were purged: what was exported of them stays
        self.hasty = False
        self.looks_closely: Callable[[], bool] = lambda: True  # whether a check compares all views
        self.model = oracle.Model()
        self.calendars = {name: calendar(name) for name in CALENDARS}
        self.defined = dict(self.calendars)  # without what is corrected
        self.corrections: dict[str, dict[date, tuple[str, ...]]] = {name: {} for name in CALENDARS}
        self.past: list[tuple[datetime, set[tuple[object, ...]]]] = []
        self._gone: dict[str, set[Symbol]] = {}  # the symbols of a name that were removed
        self.actions: dict[str, dict[tuple[date, str], float]] = {}  # what is known of splits and dividends
        self.told: list[tuple[datetime, str, str, pa.Table]] = []  # adjusted and filled bars, as they were shown
        self.born: dict[str, int] = {}  # how long the past was when a symbol was registered
        self._open()

    def _open(self) -> None:
        self.store = open_store(self.path, clock=lambda: oracle.moment(self.now), settings={"threads": 1})
        self.coordinator = SessionCoordinator(self.store)

    def close(self) -> None:
        self.store.close()

    def reopen(self) -> None:
        self.close()
        self._open()
        self.check()

    def compact(self) -> None:
        """Write the store's file anew, with all that is in it."""
        self.sound = False
        batches = self._batches()
        self.close()
        compact(self.path)
        self._open()
        assert self._batches() == batches
        self.check()

    def back_up(self) -> None:
        """Go on with a backup of the store in its place."""
        self.sound = False
        batches = self._batches()
        self.folder.mkdir(exist_ok=True)
        copy = self.folder / "backup.duckdb"
        self.store.backup(copy)
        self.close()
        restore(copy, self.path, force=True)
        self._open()
        assert self._batches() == batches
        self.check()

    def publish(self) -> None:
        """A snapshot, which takes the place of the one before, shows what the store shows."""
        self.folder.mkdir(exist_ok=True)
        snapshot = self.folder / "published.duckdb"
        self.store.publish(snapshot)
        with open_store(snapshot, read_only=True, clock=lambda: oracle.moment(self.now)) as published:
            for view, (query, instants) in views_with(self.model.columns).items():
                differing(f"published {view}", rows_of(published, query, instants), self._rows(query, instants))

    def export(self) -> None:
        """A folder that is exported to again and again holds the bars there are; and some that retention gave up."""
        folder = self.folder / "exported"
        self.store.export(folder)
        columns = f"symbol, interval, {_BAR_TEXT}, batch_id"
        held = self._rows(f"SELECT {columns} FROM bars", {2, 3})
        files = f"read_parquet('{folder}/**/*.parquet', hive_partitioning = true, hive_types_autocast = false)"
        with duckdb.connect() as connection:
            there = set(folder.rglob("*.parquet"))
            asked = f"SELECT {columns} FROM {files}".replace(
                "bar_start, bar_end", "epoch_us(bar_start), epoch_us(bar_end)"
            )
            rows = connection.execute(asked).fetchall() if there else []
        assert len(rows) == len(set(rows)), "a bar was exported twice"
        differing("exported bars", set(rows) if not self._gave_up else set(rows) & held, held)

    def repair(self, name: str) -> None:
        """Take the sessions of some base bars away behind the store's back, and have that mended.

        What the store showed before cannot be asked for any more.
        """
        symbol = self.model.symbols[name]
        damaged = [start for start, bar in symbol.bars.items() if symbol.base.intraday and bar.within][1::2]
        if not damaged:
            return
        self.sound = False
        self.close()
        with duckdb.connect(str(self.path)) as connection:
            connection.execute(
                "UPDATE bar SET session_date = NULL, segment = NULL WHERE epoch_us(bar_start) IN (FROM unnest($1)) AND "
                "interval_id IN (SELECT interval_id FROM definition WHERE symbol = $2 AND NOT derived)",
                [damaged, name],
            )
        self._open()
        expected = self.model.repair(name, damaged, self.now - oracle.GRACE)
        report = self.coordinator.repair([name])
        assert report.after.sound, str(report.after)
        changes = {(symbol, start): (symbol.bars[start], symbol.bars[start]) for start in damaged}
        self.model.written.append(oracle.Written(report.batch_id, changes, undoable=False))
        inserted, revised, deleted = expected
        self._check_batch(report.batch_id, inserted, revised, 0, 0, deleted)
        self.past.clear()
        self.told.clear()
        self.born = dict.fromkeys(self.born, 0)
        self.check()

    # -- steps

    def register(
        self, name: str, calendar_name: str, base: str, derived: Iterable[str], closing_bar: str = "outside"
    ) -> None:
        self.sound = False
        derived = list(derived)
        self.coordinator.register(
            name, intervals=[base, *derived], calendar=calendar_name, base=base, closing_bar=closing_bar
        )
        if name not in self.model.symbols:
            self.born[name] = len(self.past)
        symbol = self.model.symbols.setdefault(name, Symbol(self.calendars[calendar_name], base, closing_bar))
        symbol.columns, symbol.name = self.model.columns, name
        for text in derived:
            symbol.add_interval(text)
        self.check()

    def declare(self, columns: dict[str, str], names: list[str] | None = None) -> None:
        """Declare columns, of some symbols or of all; what was shown before shows nothing in them."""
        self.sound = False
        clash = [
            one for one in columns if one in self.model.columns and self.model.columns[one].aggregate != columns[one]
        ]
        if clash:
            with pytest.raises(InputError, match=rf"{clash[0]} is declared with"):
                self.coordinator.declare_columns(columns, names)
            self.check()
            return
        changed = []
        for name, aggregate in columns.items():
            before = self.model.columns.get(name)
            if before is None:
                self.model.columns[name] = oracle.Column(aggregate, None if names is None else set(names))
                self.past = [(at, {(*row[:-1], None, row[-1]) for row in rows}) for at, rows in self.past]
                changed.append(name)
            elif before.names is not None and (names is None or not before.names.issuperset(names)):
                before.names = None if names is None else before.names | set(names)
                changed.append(name)
        assert self.coordinator.declare_columns(columns, names) == changed
        self.told.clear()
        self.check()

    def drop(self, name: str) -> None:
        """Drop a column: nobody has ever had it."""
        self.sound = False
        place = list(self.model.columns).index(name) - len(self.model.columns) - 1
        self.past = [(at, {(*row[:place], *row[place:][1:]) for row in rows}) for at, rows in self.past]
        self.model.drop(name)
        self.coordinator.drop_columns(name)
        self.told.clear()
        self.check()

    def load(
        self,
        name: str | None,
        rows: Sequence[Row | tuple[str, Row]],
        *,
        base: str | None = None,
        resend: bool = False,
        file: str | None = None,
        label: str = "start",
        terms: Terms = oracle.NOBODY,
        lacking: Collection[int | date] | None = None,
    ) -> oracle.Counts | None:
        """Load rows of one symbol, or with ``name`` None of several; None when all are rejected.

        With ``lacking`` they are bars as trades come to them, and those that start there may lack some.

        ``file`` names the one they are in; equal names are the same file. Without it they are a frame. With ``label``
        end their stamps say where the bars end; then all of them are bars of a grid.
        """
        self.sound = False
        pairs = [(name, row) for row in rows] if name is not None else list(rows)
        base = base or self.model.symbols[pairs[0][0]].base_text
        table = as_table(pairs, self._ends(pairs, base) if label == "end" else None)
        pairs = [
            (one, replace(row, lacks=row.start in (lacking or ()), more={} if lacking is not None else row.more))
            for one, row in pairs
        ]
        data = table if file is None else self._file(file, table)
        options = {"symbol": name, "replace": "sessions" if resend else None, "label": label}
        options |= asdict(terms)
        batches = self._batches()
        before = self._held()
        try:
            expected = self.model.load(pairs, base, self.now, terms, replace_sessions=resend)
        except oracle.AllRejected:
            with pytest.raises(RejectedBarsError):
                self._load(data, base, lacking, options)
            assert self._batches() == batches
            self.check()
            return None
        report = self._load(data, base, lacking, options)
        self._wrote(report.batch_id, before)
        shown = oracle.Counts(
            report.rows,
            report.inserted,
            report.revised,
            report.unchanged,
            report.rejected,
            report.outside,
            report.deleted,
            report.conflicts,
            report.tolerated,
        )
        assert shown == expected, f"the load reports {shown}, expected {expected}; {report.rejects}"
        assert report.rows == report.inserted + report.revised + report.unchanged + report.rejected
        self._check_batch(
            report.batch_id,
            expected.inserted,
            expected.revised,
            expected.unchanged,
            expected.rejected,
            expected.deleted,
        )
        self.check()
        return expected

    def _load(
        self, data: object, base: str, lacking: Collection[int | date] | None, options: dict[str, Any]
    ) -> LoadReport:
        if lacking is None:
            return self.coordinator.load(data, interval=base, sparse=True, **options)  # any bars may be missing
        bars = pa.Table.from_pylist(data.to_pylist(), COLUMNS)
        with self.store.transaction() as transaction:
            (row,) = transaction.execute(
                "SELECT interval_id FROM definition WHERE symbol = $symbol AND NOT derived",
                {"symbol": options["symbol"]},
            )
            starts = pa.array(sorted(lacking), COLUMNS.field("bar_start").type)
            ids = pa.array([row.interval_id] * len(starts), pa.int32())
            table = pa.table({"interval_id": ids, "bar_start": starts})
            known = transaction.attach("lacking_bars", table)
            return load_bars(transaction, bars, Interval.parse(base), "trades", known).report

    def _ends(self, pairs: list[tuple[str, Row]], base: str) -> list[int]:
        """The stamps of bars that are labelled by their end, in every way that bars of sessions can be."""
        known = next(self.model.symbols[name].calendar for name, _ in pairs if name in self.model.symbols)
        ends = []
        for number, (name, row) in enumerate(pairs):
            one = self.model.symbols[name].calendar if name in self.model.symbols else known
            ends.append(one.end_stamps(row.start, Length.of(base))[number % 3])
        return ends

    def _file(self, name: str, table: pa.Table) -> Path:
        self.folder.mkdir(exist_ok=True)
        path = self.folder / name
        if not path.exists():
            pq.write_table(table, path)
        return path

    def delete(self, name: str, start: int | None, end: int | None, *, rewind: bool = False) -> int:
        self.sound = False
        symbol = self.model.symbols[name]
        batches = self._batches()
        bounds = [None if at is None else oracle.moment(at) for at in (start, end)]
        floor = symbol.retained.open if symbol.retained else None
        if floor is not None and (start < floor if start is not None else end <= floor):
            with pytest.raises(InputError, match="were purged"):
                self.coordinator.delete_bars(name, symbol.base_text, *bounds)
            self.check()
            return 0
        report = self.coordinator.delete_bars(name, symbol.base_text, *bounds, rewind=rewind)
        before = self._held()
        deleted = symbol.delete(start, end)
        if report.batch_id is not None:
            self._wrote(report.batch_id, before, derives=rewind)
        assert report.deleted == deleted
        if deleted or (rewind and symbol.is_ahead()):
            inserted, revised, gone = symbol.rewind() if rewind else (0, 0, 0)
            self._check_batch(report.batch_id, inserted, revised, 0, 0, deleted + gone)
        else:
            assert report.batch_id is None
            assert self._batches() == batches
        self.check()
        return deleted

    def _held(self) -> dict[Symbol, dict[int, oracle.Bar]]:
        """The base bars of every symbol, as they are before a write."""
        return {symbol: dict(symbol.bars) for symbol in self.model.symbols.values()}

    def _wrote(
        self,
        batch_id: int,
        before: dict[Symbol, dict[int, oracle.Bar]],
        *,
        reverts: int | None = None,
        derives: bool = False,
        undoable: bool = True,
    ) -> None:
        """Take down what a batch did to base bars."""
        changes = {
            (symbol, start): values
            for symbol, bars in before.items()
            for start, values in oracle.changed(bars, symbol.bars).items()
        }
        self.model.written.append(oracle.Written(batch_id, changes, reverts, derives, undoable))

    def revert(self, pick: int) -> None:
        """Undo a batch that wrote base bars, if that can be; what it would come to is said before."""
        self.sound = False
        undoable = [one for one in self.model.written if one.undoable]
        if not undoable:
            return
        which = undoable[-1 - pick % len(undoable)]
        batches, before = self._batches(), self._held()
        try:
            expected = self.model.undo(which.batch_id)
        except oracle.NotUndone as error:
            with pytest.raises(InputError, match=f"{error}|given up for good" if which.maybe_lost else str(error)):
                self.coordinator.revert(which.batch_id)
            assert self._batches() == batches
            self.check()
            return
        foreseen = self.coordinator.revert(which.batch_id, apply=False)
        assert self._batches() == batches
        report = self.coordinator.revert(which.batch_id)
        assert report.model_copy(update={"batch_id": None}) == foreseen
        if expected is None:
            assert report.batch_id is None
        else:
            self._check_batch(report.batch_id, expected[0], expected[1], 0, 0, expected[2])
            self._wrote(report.batch_id, before, reverts=which.batch_id, derives=True)
        self.check()

    def end_session(self, day: date, names: Sequence[str] | None = None) -> None:
        self.sound = False
        batches = self._batches()
        chosen = {name: self.model.symbols[name] for name in (sorted(self.model.symbols) if names is None else names)}
        sessions = {name: one.calendar.by_date[day] for name, one in chosen.items() if day in one.calendar.by_date}
        begun = [name for name, session in sessions.items() if session.open <= self.now + oracle.LATE_CLOCK]
        if sessions and not begun:
            with pytest.raises(InputError, match="give one that has begun"):
                self.coordinator.end_session(day, names)
            assert self._batches() == batches
            self.check()
            return
        moved = [name for name in begun if chosen[name].end_session(sessions[name])]
        assert self.coordinator.end_session(day, names) == moved
        assert self._batches() == batches
        self.check()

    def has_purged(self, calendar_name: str) -> bool:
        """Whether bars of a calendar were purged: then what a change of it means for final bars is open."""
        return any(
            one.retained is not None
            for symbol in self.model.symbols.values()
            if symbol.calendar.name == calendar_name
            for one in (symbol, *symbol.derived.values())
        )

    def edit_calendar(self, name: str, number: int, holiday: date | None = None) -> None:
        """Give a calendar of one's own another of its definitions; it is refused where a bar would lose its place.

        ``holiday`` is a further one; the next edit takes it back.
        """
        self.sound = False
        batches = self._batches()
        definition = own_definition(name, number, holiday)
        defined = own_calendar(name, number, holiday)
        if defined is self.defined[name]:
            assert self.coordinator.add_calendar(name, **definition).batch_id is None
            assert self._batches() == batches
            self.check()
            return
        before = self._held()
        changed = defined.corrected(self.corrections[name]) if self.corrections[name] else defined
        try:
            expected = self.model.edit(changed, self.now - oracle.GRACE)
        except oracle.Misplaced:
            with pytest.raises(CalendarError, match="without a place"):
                self.coordinator.add_calendar(name, **definition)
            assert self._batches() == batches
            self.check()
            return
        self.calendars[name], self.defined[name] = changed, defined
        report = self.coordinator.add_calendar(name, **definition)
        self._wrote(report.batch_id, before, undoable=False)
        inserted, revised, deleted = expected
        self._check_batch(report.batch_id, inserted, revised, 0, 0, deleted)
        self.check()

    def correct_calendar(self, name: str, day: date, hours: tuple[str, ...] | None) -> None:
        """Correct a session of any calendar: to some of ``CORRECTIONS``, or (None) back to what its calendar says."""
        self.sound = False
        batches, before = self._batches(), self._held()
        kept = {one: said for one, said in self.corrections[name].items() if one != day}
        corrections = kept if hours is None else kept | {day: hours}
        changed = self.defined[name].corrected(corrections) if corrections else self.defined[name]
        said: Any = None if hours is None else False
        if hours:
            breaks = [f"{since}-{until}" for since, until in zip(hours[1:-1:2], hours[2:-1:2], strict=True)]
            said = {"open": hours[0], "close": hours[-1], "break": breaks}
        differs = changed.sessions != self.calendars[name].sessions
        try:
            expected = self.model.edit(changed, self.now - oracle.GRACE) if differs else (0, 0, 0)
        except oracle.Misplaced:
            with pytest.raises(CalendarError, match="without a place"):
                self.coordinator.correct_calendar(name, {day: said})
            assert self._batches() == batches
            self.check()
            return
        self.calendars[name], self.corrections[name] = changed, corrections
        report = self.coordinator.correct_calendar(name, {day: said})
        if not differs:
            assert report.batch_id is None and self._batches() == batches
        else:
            self._wrote(report.batch_id, before, undoable=False)
            inserted, revised, deleted = expected
            self._check_batch(report.batch_id, inserted, revised, 0, 0, deleted)
        self.check()

    def refresh_calendar(self, name: str) -> None:
        """Compare a calendar with the one it was computed from: nothing differs."""
        self.sound = False
        batches = self._batches()
        report = self.coordinator.refresh_calendar(name)
        assert (report.batch_id, report.changes) == (None, ())
        assert self._batches() == batches
        self.check()

    def remove(self, name: str, *, purge: bool = False) -> None:
        self.sound = False
        symbol = self.model.symbols.pop(name)
        kept = len(symbol.bars) + sum(len(one.bars) for one in symbol.derived.values())
        assert self.coordinator.remove_symbol(name, purge=purge).deleted == kept
        self._gone.setdefault(name, set()).add(symbol)
        self.actions.pop(name, None)
        for column in self.model.columns.values():
            if column.names is not None:
                column.names.discard(name)
        self.told = [one for one in self.told if one[1] != name]
        if purge:
            self._lose(lambda one, start: one in self._gone[name])
            self._forget(0, lambda row: row[0] == name)
        self.check()

    def purge(self, name: str, text: str, before: int) -> int:
        """Purge bars of one interval; no bar that is kept changes, bit for bit."""
        self.sound = False
        symbol = self.model.symbols[name]
        batches = self._batches()
        report = self.coordinator.purge_bars(name, text, oracle.moment(before))
        purged, start = symbol.purge(text, before)
        assert report.deleted == purged, f"purged {report}, expected {purged}"
        if start is None:
            assert self._batches() == batches
        else:
            self._gave_up = True
            self.told.clear()
            self._check_batch(report.batch_id, 0, 0, 0, 0, purged)
            assert oracle.micros(report.intervals[0].retained_from) == start
            self._forget(self.born[name], lambda row: row[0] == name and row[1] == text and row[2] < start)
            if text == symbol.base_text:
                self._lose(lambda one, at: one is symbol and at < start)
            else:
                self._maybe_lose()
        self.check()
        return purged

    def purge_revisions(self, instant: datetime) -> None:
        """Give up what was replaced before an instant: earlier ones can no longer be asked for."""
        self.sound = False
        report = self.coordinator.purge_revisions(instant)
        if report.batch_id is not None:
            assert report.revisions
            self.told.clear()
            self._lose_revisions(instant)
            earlier = [one for one, _ in self.past if one < instant]
            for one in earlier[-1:]:
                with pytest.raises(duckdb.Error, match="history is kept from"):
                    self.store.sql("FROM bars_as_of($instant::TIMESTAMPTZ)", {"instant": one})
            self.past = self.past[len(earlier) :]
            self.born = {name: max(at - len(earlier), 0) for name, at in self.born.items()}
        self.check()

    def _lose(self, gone: Callable[[Symbol, int], bool]) -> None:
        """What batches did to bars that were purged is not known any more."""
        for one in self.model.written:
            one.lost = one.lost or any(gone(symbol, start) for symbol, start in one.changes)

    def _maybe_lose(self) -> None:
        for one in self.model.written:
            one.maybe_lost = one.maybe_lost or one.derives

    def _lose_revisions(self, instant: datetime) -> None:
        """Nor what bars were that batches until an instant replaced."""
        self._maybe_lose()
        (row,) = self.store.sql(
            "SELECT max(batch_id) AS last FROM batches WHERE committed_at < $instant", {"instant": instant}
        ).to_pylist()
        replaced: set[tuple[Symbol, int]] = set()
        for one in reversed([one for one in self.model.written if one.batch_id <= row["last"]]):
            own = {key for key, (before, _) in one.changes.items() if before is not None}
            one.lost = one.lost or bool(own) or any(key in replaced for key in one.changes)
            replaced |= one.changes.keys()

    def _forget(self, since: int, gone: Callable[[tuple[object, ...]], bool]) -> None:
        """What was purged is missing from the past, too."""
        self.past[since:] = [(at, {row for row in rows if not gone(row)}) for at, rows in self.past[since:]]

    def process(self, now: int | None = None, *, grace: int = oracle.GRACE, chunk: int = 500) -> None:
        """Process, twice: the second time there is nothing to do."""
        self.sound = False
        processor = DataProcessor(self.store, grace=timedelta(microseconds=grace), chunk_symbols=chunk)
        moment = None if now is None else oracle.moment(now)
        clock = (self.now if now is None else now) - grace
        expected = self.model.process(clock)
        report = processor.process(moment)
        written = {one.interval: (one.inserted, one.revised, one.deleted) for one in report.intervals}
        written = {text: counts for text, counts in written.items() if any(counts)}
        assert written == (expected or {}), f"processing wrote {written}, expected {expected}"
        assert bool(report.batches) == (expected is not None), f"{report}, expected {expected}"
        batches = self._batches()
        assert processor.process(moment).batches == ()
        assert self._batches() == batches
        self.check()

    def act(self, name: str, said: dict[tuple[date, str], float]) -> None:
        """Load corporate actions: ratios of splits and stock dividends, amounts of others."""
        self.sound = False
        table = pa.table(
            {
                "ex_date": pa.array([day for day, _ in said], pa.date32()),
                "kind": [kind for _, kind in said],
                "ratio": [value if kind in ("split", "stock_dividend") else None for (_, kind), value in said.items()],
                "amount": [None if kind in ("split", "stock_dividend") else value for (_, kind), value in said.items()],
            }
        )
        known = self.actions.setdefault(name, {})
        inserted = len(said.keys() - known.keys())
        revised = sum(key in known and known[key] != value for key, value in said.items())
        report = self.coordinator.load_actions(table, name)
        assert (report.inserted, report.revised, report.rejected) == (inserted, revised, 0), report
        assert report.unchanged == len(said) - inserted - revised
        known.update(said)
        self.check()
        self.check_adjusted()

    def drop_actions(self, name: str, day: date) -> None:
        """Delete the actions of one ex-date."""
        self.sound = False
        known = self.actions.get(name, {})
        gone = sorted(kind for one, kind in known if one == day)
        report = self.coordinator.delete_actions(name, day)
        assert list(report.kinds) == gone and (report.batch_id is None) is not gone
        self.actions[name] = {key: value for key, value in known.items() if key[0] != day}
        self.check()
        self.check_adjusted()

    # -- comparisons

    def check_adjusted(self) -> None:
        """Adjusted bars, and those that are filled in, are as worked out from the model's bars; and note them.

        Of symbols with purged bars the model has no closes of before, and they are left out.
        """
        whole = {
            name: symbol
            for name, symbol in self.model.symbols.items()
            if symbol.retained is None and all(one.retained is None for one in symbol.derived.values())
        }
        for name, symbol in whole.items():
            actions = self.actions.get(name, {})
            columns = "symbol, interval, bar_start, open, high, low, close, volume, vwap, "
            columns += "split_factor, dividend_factor, ex_inside"
            asked = {"name": name}
            rows = self._rows(f"SELECT {columns} FROM bars_adjusted WHERE symbol = $name", {2}, asked)
            differing("bars_adjusted", rows, adjusted_oracle.adjusted_rows(name, symbol, actions))
            columns = "symbol, interval, bar_start, bar_end, session_date, close, expected_count"
            rows = self._rows(f"SELECT {columns} FROM bars_filled WHERE symbol = $name AND filled", {2, 3}, asked)
            differing("bars_filled", rows, adjusted_oracle.filled_rows(name, symbol))
            for text in adjusted_oracle.bars_of(symbol):
                self._check_read(name, text)

    def _check_read(self, name: str, text: str) -> None:
        """What is read in Python is what the views show, and is noted."""
        ordered = " WHERE symbol = $name AND interval = $text ORDER BY bar_start"
        asked: dict[str, object] = {"name": name, "text": text}
        filled = self.store.bars(name, text, fill="previous")
        assert filled.equals(self.store.sql("FROM bars_filled" + ordered, asked)), (name, text)
        view = self.store.sql("FROM bars_adjusted" + ordered, asked)
        if view["close"].null_count:
            with pytest.raises(InputError, match="cannot be accounted for"):
                self.store.bars(name, text, adjust="all")
            return
        assert self.store.bars(name, text, adjust="all").equals(view), (name, text)
        both = self.store.bars(name, text, adjust="all", fill="zero_volume")
        assert both.filter(pc.invert(both["filled"])).drop_columns(["filled"]).equals(view)
        self.told.append((self._batches()[1] or oracle.moment(self.now), name, text, both))

    def check_told(self) -> None:
        """What was shown adjusted and filled is what is shown as of then."""
        for instant, name, text, table in self.told:
            found = self.store.bars(name, text, adjust="all", fill="zero_volume", as_of=instant)
            assert found.equals(table), f"{name} {text} as of {instant}"

    def verify(self) -> None:
        """Whatever waits and whatever happened, what is kept is as recomputed."""
        report = self.store.verify()
        assert report.sound, str(report)

    def check(self) -> None:
        """Compare the views with the model, and note what ``bars`` shows now.

        Those that take long are left out where ``hasty`` or ``looks_closely`` says so; a later check sees to them.
        """
        self.sound = False
        self.check_count += 1
        closely = not self.hasty and self.looks_closely()
        for view, (query, instants) in views_with(self.model.columns).items():
            if view in _DEAR and not closely:
                continue
            if view in _OF_VENDORS and not (closely or self.model.priorities):
                continue
            rows = self._rows(query, instants)
            if view == "bars":
                shown, rows = rows, {row[:-1] for row in rows}
            differing(view, rows, getattr(self.model, view)())
        instant = self._batches()[1]
        if instant is not None and (not self.past or self.past[-1][0] != instant):
            self.past.append((instant, shown))
        self.sound = True

    def check_past(self, pick: int | None = None) -> None:
        """What ``bars_as_of`` shows for past instants is what ``bars`` showed then."""
        for instant, shown in self.past if pick is None else [self.past[pick % len(self.past)]]:
            query = views_with(self.model.columns)["bars"][0].replace(
                "FROM bars", "FROM bars_as_of($instant::TIMESTAMPTZ)"
            )
            rows = self._rows(query, {2, 3}, {"instant": instant})
            differing(f"bars_as_of({instant})", rows, shown)

    def _rows(
        self, query: str, instants: set[int], parameters: dict[str, object] | None = None
    ) -> set[tuple[object, ...]]:
        return rows_of(self.store, query, instants, parameters)

    def _batches(self) -> tuple[int, datetime | None]:
        (row,) = self.store.sql("SELECT count(*) AS n, max(committed_at) AS at FROM batches").to_pylist()
        return row["n"], row["at"]

    def _check_batch(self, batch_id: int, *counts: int) -> None:
        (row,) = self.store.sql(
            "SELECT inserted, revised, unchanged, rejected, deleted FROM batches WHERE batch_id = $batch_id",
            {"batch_id": batch_id},
        ).to_pylist()
        assert tuple(row.values()) == counts, f"the batch says {row}, expected {counts}"


def differing(what: str, shown: set[tuple[object, ...]], expected: set[tuple[object, ...]]) -> None:
    """Fail with the rows that differ, readably."""
    if shown == expected:
        return

    def listed(rows: set[tuple[object, ...]]) -> str:
        ordered = sorted(rows, key=repr)
        lines = [repr(tuple(_readable(value) for value in row)) for row in ordered[:12]]
        return "\n    ".join([*lines, f"... {len(ordered)} in all"] if len(ordered) > 12 else lines) or "none"

    pytest.fail(
        f"{what} differs\n  only in the store:\n    {listed(shown - expected)}\n"
        f"  only in the model:\n    {listed(expected - shown)}",
        pytrace=False,
    )


def _readable(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**14:
        return f"{oracle.moment(value):%Y-%m-%d %H:%M:%S}"
    return str(value) if isinstance(value, date) else value


# -------------------------------------------------------------------------------------------------- rows


def as_table(pairs: Sequence[tuple[str, Row]], stamps: Sequence[int] | None = None) -> pa.Table:
    """Rows as the Arrow table a user would load, with stamps of its own where some are given."""
    by_date = stamps is None and isinstance(pairs[0][1].start, date)
    columns = {
        "symbol": pa.array([name for name, _ in pairs], pa.string()),
        "bar_start": pa.array(
            stamps or [row.start for _, row in pairs], pa.date32() if by_date else pa.timestamp("us", "UTC")
        ),
    }
    kinds = {"trade_count": pa.int64()}
    for part in _PARTS:
        columns[part] = pa.array([getattr(row, part) for _, row in pairs], kinds.get(part, pa.float64()))
    for name in sorted({name for _, row in pairs for name in row.more}):
        columns[name] = pa.array([row.more.get(name) for _, row in pairs], pa.float64())
    return pa.table(columns)


#: Columns that may be declared.
COLUMNS_DECLARED = {
    "open_interest": "last",
    "quote_volume": "sum",
    "spread": "mean",
    "bid_open": "first",
    "least": "min",
    "most": "max",
}


def valued(row: Row, columns: Iterable[str], chance: random.Random) -> Row:
    """A row with values in columns: mostly some, now and then such as cannot be kept."""
    more: dict[str, float] = {}
    for name in columns:
        value = chance.choice([round(chance.uniform(-50, 1e6), chance.randint(0, 9)), chance.uniform(0, 9), 0.0, None])
        if chance.random() < 0.01:
            value = chance.choice([math.nan, math.inf, 1e18, 1.5e-9, 1e-9])
        if value is not None:
            more[name] = value
    return replace(row, more=more)


STYLES = ("whole", "cents", "any", "tiny", "large", "still", "negative")


def priced(start: int | date, chance: random.Random, style: str) -> Row:
    """A bar with values of one style."""
    if style == "whole":
        low = chance.randint(1, 3)
        high = low + chance.randint(0, 3)
        volume = chance.randint(0, 5)
        values = (chance.randint(low, high), high, low, chance.randint(low, high), volume)
        return Row(start, *map(float, values))
    scale, digits, volume_max, volume_digits = {
        "cents": (400.0, 2, 1e6, 0),
        "any": (100.0, 15, 1e5, 15),
        "tiny": (1e-4, 15, 1e-8, 12),
        "large": (9e3, 4, 1e10, 4),
        "still": (50.0, 2, 0.0, 0),
        "negative": (-37.0, 2, 500.0, 3),
    }[style]
    prices = sorted(round(scale * chance.uniform(0.9, 1.1), digits) for _ in range(5))
    low, inner, vwap, other, high = prices
    first, last = chance.sample([low, inner, other, high], 2)
    volume = round(chance.uniform(0, volume_max), volume_digits)
    return Row(
        start,
        first,
        high,
        low,
        last,
        volume,
        trade_count=None if chance.random() < 0.05 else chance.randint(0, 900),
        vwap=None if chance.random() < 0.05 else vwap,
    )


def confirmed(row: Row, start: int | date, drift: float) -> Row:
    """The values of a bar again, as somebody says them whose numbers are all off by one ratio."""
    scaled = {
        part: getattr(row, part) * (1 + drift)
        for part in ("open", "high", "low", "close", "volume", "vwap")
        if getattr(row, part) is not None
    }
    return replace(row, start=start, owner=None, lacks=False, **scaled)


@dataclass(frozen=True)
class Window:
    """A few sessions of a calendar, for bars of one base."""

    calendar: str
    first: date
    last: date

    def starts(self, base: Length) -> list[int | date]:
        """Where the bars of the base can start, session by session."""
        own = calendar(self.calendar)
        sessions = [one for one in own.sessions if self.first <= one.date <= self.last]
        if base.intraday:
            return [slot.start for one in sessions for slot in oracle.session_slots(one, base.width)]
        return list(dict.fromkeys(own.block(one, base)[0].date for one in sessions))

    def strange(self, base: Length) -> list[int | date]:
        """Stamps beside the grid: before the open, at the close, in the lunch break, off the grid, on holidays."""
        own = calendar(self.calendar)
        days = [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]
        if not base.intraday:
            return [day for day in days if day not in own.by_date]
        found: list[int | date] = []
        for day in days:
            if day in own.by_date:
                for opened, closed in own.by_date[day].segments:
                    found += [
                        opened - base.width,
                        opened - base.width // 2,
                        opened + SECOND,
                        closed,
                        closed + base.width,
                    ]
        return found


WINDOWS = {
    "XNYS": [
        (date(2024, 3, 7), date(2024, 3, 12)),
        (date(2024, 10, 31), date(2024, 11, 5)),
        (date(2024, 11, 26), date(2024, 12, 3)),
        (date(2023, 12, 28), date(2024, 1, 4)),
        (date(1999, 11, 29), date(1999, 12, 2)),  # before what the calendars are known for at first
    ],
    "XHKG": [(date(2024, 2, 7), date(2024, 2, 15)), (date(2024, 12, 23), date(2025, 1, 3))],
    "CMES": [(date(2024, 3, 8), date(2024, 3, 12)), (date(2024, 11, 27), date(2024, 12, 3))],
    "24/7": [
        (date(1999, 10, 28), date(1999, 10, 31)),
        (date(2024, 2, 27), date(2024, 3, 4)),
        (date(2024, 3, 30), date(2024, 4, 2)),
    ],
    "LUNCH": [
        (date(1999, 11, 23), date(1999, 11, 26)),
        (date(2024, 3, 27), date(2024, 4, 4)),
        (date(2023, 12, 29), date(2024, 1, 4)),
    ],
    "NIGHT": [
        (date(1999, 11, 23), date(1999, 11, 26)),
        (date(2024, 3, 7), date(2024, 3, 13)),
        (date(2023, 12, 28), date(2024, 1, 3)),
    ],
    "GULF": [
        (date(1999, 11, 23), date(1999, 11, 30)),
        (date(2024, 1, 4), date(2024, 1, 15)),
        (date(2024, 3, 9), date(2024, 3, 17)),
    ],
    "XTAE": [(date(2024, 3, 20), date(2024, 3, 28)), (date(2024, 4, 18), date(2024, 5, 1))],
}
LONG_WINDOWS = {
    name: [(date(2023, 12, 20), date(2024, 3, 20)), (date(1999, 11, 20), date(1999, 12, 10))] for name in WINDOWS
}
BASES = {
    "XNYS": ["30m", "15m", "1h", "7m", "1m", "1d", "2d", "1w"],
    "XHKG": ["30m", "15m", "1h", "1m", "1d", "1w", "1w@sun"],
    "CMES": ["30m", "1h", "4h", "50m", "1d", "1mo"],
    "24/7": ["1h", "30m", "4h", "50m", "1d", "3d"],
    "LUNCH": ["30m", "15m", "1h", "45m", "1d", "2d", "1w"],
    "NIGHT": ["1h", "30m", "2h", "90m", "1d", "1w", "1mo", "1q@feb"],
    "GULF": ["1h", "30m", "1d", "1w", "2w"],
    "XTAE": ["30m", "1h", "1d", "1w"],
}
