"""One ordered pass over all bars: each by itself, derived ones against their base, coverage and gaps against both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from barhouse.store.checks import placement
from barhouse.store.checks.accounts import Account, account, contradictions
from barhouse.store.checks.arrays import (
    ENDLESS,
    NO_DATE,
    NONE,
    SECOND,
    Array,
    Rows,
    rows_of,
    times_of,
)
from barhouse.store.checks.columns import bars_at, counts_at, either, instants, or_none, places_at
from barhouse.store.checks.exact import TURNOVER_SCALE, decimals
from barhouse.store.checks.findings import Findings
from barhouse.store.checks.hours import Grid, Seats, seats_of
from barhouse.store.checks.portions import Kind, Portion, among, in_order
from barhouse.store.checks.recomputation import (
    IntradayBase,
    Pieces,
    block_bars,
    block_pieces,
    compared,
)
from barhouse.store.database.transaction import Transaction
from barhouse.store.sql import Sql, parameters_of, sql

_EPOCH = date(1970, 1, 1)


class Passage:
    """Goes through portions, and gathers what is wrong.

    Attributes
    ----------
    findings
        What is wrong.
    base_bar_count, derived_bar_count, session_count
        How many bars were checked, and in how many sessions of a symbol they lie.
    """

    def __init__(self, transaction: Transaction, bounds: dict[str, Any], findings: Findings) -> None:
        self.findings = findings
        self.base_bar_count = self.derived_bar_count = self.session_count = 0
        self._transaction = transaction
        self._bounds = bounds
        start, end = bounds["start"], bounds["end"]
        self._bounded = start is not None or end is not None
        undated = NO_DATE + 1 if self._bounded else NO_DATE  # what has no date is looked at with all sessions only
        self._first = undated if start is None else (start - _EPOCH).days
        self._last = ENDLESS if end is None else (end - _EPOCH).days
        waiting = rows_of(transaction.table("checks.waiting_ranges"))
        self._waiting = {
            int(base): waiting.where(waiting["interval_id"] == base) for base in np.unique(waiting["interval_id"])
        }
        self._sessions: list[Array] = []

    def through(self, portion: Portion, told: Callable[[int], None]) -> None:
        """Check a portion; ``told`` hears of how many bars were read."""
        self._sessions = []
        pieces: list[Pieces] = []
        short = [kind for kind in portion.kinds if kind.unit == "second"]
        long = [kind for kind in portion.kinds if kind.unit != "second"]
        if portion.base.unit == "second":
            for part in portion.parts:
                pieces += self._intraday(portion, part, short, told, summed_up=bool(long))
        if long:
            self._blocks(portion, long, pieces, told)
        if self._sessions:
            self.session_count += len(np.unique(np.concatenate(self._sessions)))

    def _intraday(
        self,
        portion: Portion,
        part: tuple[int, int],
        kinds: list[Kind],
        told: Callable[[int], None],
        *,
        summed_up: bool,
    ) -> list[Pieces]:
        hours, base = portion.hours, portion.base
        rows = self._read(portion, base, part)
        told(len(rows))
        place = placement.intraday(rows, hours, base.length, portion.closing_seconds)
        pieces = []
        if len(kinds) > 1 or summed_up:
            at = place.seats.at
            sound = rows
            if not place.sound.all():
                sound, at = rows.take(place.sound), at[place.sound]
            recomputable = IntradayBase(self._transaction, portion, sound, at)
            if len(sound) and summed_up:
                pieces.append(recomputable.sessions())
        if portion.checked(base):
            self._check_single(portion, base, rows)
            self._check_place(portion, base, rows, place, "checks.misplaced_intraday")
            self._check_accounts(portion, base, part, rows, place.seats)
        for kind in kinds[1:]:
            kept = self._read(portion, kind, part)
            told(len(kept))
            self._check_single(portion, kind, kept)
            self._check_derived(portion, kind, recomputable.bars(kind) if len(sound) else None, kept)
            self._check_accounts(portion, kind, part, kept)
        return pieces

    def _blocks(self, portion: Portion, kinds: list[Kind], pieces: list[Pieces], told: Callable[[int], None]) -> None:
        hours, base, part = portion.hours, portion.base, (NONE, ENDLESS)
        if base.unit != "second":
            rows = self._read(portion, base, part)
            told(len(rows))
            grid = hours.blocks(base.unit, base.length)
            place = placement.blocks(rows, grid)
            if portion.checked(base):
                self._check_single(portion, base, rows)
                self._check_place(portion, base, rows, place, "checks.misplaced_blocks")
                self._check_accounts(portion, base, part, rows, place.seats)
            if place.sound.any():
                session = np.searchsorted(hours.session_date, grid.date[place.seats.at[place.sound]])
                pieces = [block_pieces(self._transaction, portion, rows.take(place.sound), session)]
        base_pieces = None
        for more in pieces:
            base_pieces = more if base_pieces is None else base_pieces.along(more)
        for kind in kinds:
            if kind.derived:
                kept = self._read(portion, kind, part)
                told(len(kept))
                self._check_single(portion, kind, kept)
                recomputed = None
                if base_pieces is not None:
                    recomputed = block_bars(self._transaction, portion, kind, base_pieces)
                self._check_derived(portion, kind, recomputed, kept)
                self._check_accounts(portion, kind, part, kept)

    # Reading

    def _read(self, portion: Portion, kind: Kind, part: tuple[int, int]) -> Rows:
        """Bars of a kind in a stretch of time, by symbol and start."""
        trades = sql("checks.trades_of_intervals" if portion.trades else "checks.no_trades_of_intervals")
        reach = sql("checks.within_reach", within_bars=sql("checks.within_bars")) if self._bounded else None
        places: dict[str, object] = {**among(self._transaction, portion, kind), "trades": trades}
        places["within_reach"] = reach or sql("checks.among_all")
        name = "checks.all_bars_of_intervals"
        if part != (NONE, ENDLESS):
            name = "checks.bars_of_intervals"
            places |= {"from": max(part[0], -_FAR), "to": min(part[1], _FAR)}
        table = self._transaction.table(name, self._asked(reach), **places)
        if portion.trades:
            exact = decimals(table["turnover"], TURNOVER_SCALE)
            table = table.drop_columns(["turnover"])
            rows = rows_of(table).columns
            rows |= dict(zip(("turnover_low", "turnover_middle", "turnover_high"), exact.parts, strict=True))
        else:
            rows = rows_of(table).columns
        return in_order(portion, kind, rows, "bar_start")

    def _asked(self, text: Sql | None) -> dict[str, Any]:
        return {} if text is None else {name: self._bounds[name] for name in parameters_of(text)}

    def _within(self, dates_: Array) -> Array:
        """Which dates are among those to check: what has no date is, unless only some are."""
        return (dates_ >= self._first) & (dates_ < self._last)

    # Checks

    def _find(
        self, check: str, portion: Portion, kind: Kind, *, length: str, symbol: Array, at: Array, wrong: Array,
        columns: Callable[[Array], dict[str, pa.Array]],
    ) -> None:  # fmt: skip
        intervals = portion.of(kind)
        of = {name: intervals[name][symbol] for name in ("interval_id", "symbol_rank", "interval_rank")}
        of["interval_id"] = of["interval_id"].astype(np.int32)
        self.findings.add(check, length, {**of, "at": at}, wrong, columns)

    def _check_single(self, portion: Portion, kind: Kind, rows: Rows) -> None:
        """Each bar by itself: it is there once, it can be, and it is not older than what is kept."""
        intervals = portion.of(kind)
        checked = intervals["checked"]
        mask = checked[rows["symbol"]] if not checked.all() else np.ones(len(rows), bool)
        if self._bounded:
            mask &= self._within(rows["session_date"])
        rows = rows.where(mask)
        if not len(rows):
            return
        if kind.derived:
            self.derived_bar_count += len(rows)
        else:
            self.base_bar_count += len(rows)
        if kind.unit in {"second", "day"}:
            days = rows["session_date"].astype(np.int64)
            moves = np.append(True, (days[1:] != days[:-1]) | (rows["symbol"][1:] != rows["symbol"][:-1]))
            moves &= days != NO_DATE
            self._sessions.append(np.unique(rows["symbol"][moves] * 2**32 + days[moves]))
        symbol, start = rows["symbol"], rows["bar_start"]
        again = (symbol[1:] == symbol[:-1]) & (start[1:] == start[:-1])
        if again.any():
            first = np.flatnonzero(np.append(again, False) & ~np.append(False, again))
            times = times_of(symbol, start)
            self._say("checks.duplicate", portion, kind, rows, first, lambda some: {"bar_count": pa.array(times[some])})
        possible = (rows["low"] <= rows["open"]) & (rows["low"] <= rows["close"])
        possible &= (rows["high"] >= rows["open"]) & (rows["high"] >= rows["close"]) & (rows["volume"] >= 0)
        possible &= np.isfinite(rows["low"]) & np.isfinite(rows["high"]) & np.isfinite(rows["volume"])
        names = ("open", "high", "low", "close", "volume")
        self._say(
            "checks.impossible", portion, kind, rows, np.flatnonzero(~possible),
            lambda some: {name: pa.array(rows[name][some]) for name in names},
        )  # fmt: skip
        if (intervals["retained_from"] != NONE).any():
            early = np.flatnonzero(start < intervals["retained_from"][symbol])
            from_ = intervals["retained_from"]
            self._say(
                "checks.unretained", portion, kind, rows, early,
                lambda some: {"retained_from": instants(from_[symbol[some]])},
            )  # fmt: skip

    def _say(
        self, check: str, portion: Portion, kind: Kind, rows: Rows, wrong: Array,
        columns: Callable[[Array], dict[str, pa.Array]],
    ) -> None:  # fmt: skip
        symbol, at = rows["symbol"][wrong], rows["bar_start"][wrong]
        self._find(check, portion, kind, length="", symbol=symbol, at=at, wrong=wrong, columns=columns)

    def _check_place(self, portion: Portion, kind: Kind, rows: Rows, place: placement.Placement, check: str) -> None:
        wrong, right = place.wrong, place.right
        counted = portion.of(kind)["checked"][rows["symbol"][wrong]]
        if self._bounded:
            counted &= self._within(rows["session_date"][wrong])
        wrong, right = wrong[counted], right.take(counted)
        position = np.full(len(rows) if len(wrong) else 0, -1)
        position[wrong] = np.arange(len(wrong))

        def columns(some: Array) -> dict[str, pa.Array]:
            of = position[some]
            return (
                places_at(rows, some, "stored") | places_at(right, of, "right") | {"flaw": pa.array(right["flaw"][of])}
            )

        length = "" if kind.unit == "second" else kind.text
        symbol, at = rows["symbol"][wrong], rows["bar_start"][wrong]
        self._find(check, portion, kind, length=length, symbol=symbol, at=at, wrong=wrong, columns=columns)

    def _check_derived(self, portion: Portion, kind: Kind, recomputed: Rows | None, kept: Rows) -> None:
        """Derived bars that are neither final nor yet to come against what their base bars come to."""
        intervals = portion.of(kind)
        final = intervals["final_before"]
        mask = kept["bar_start"] >= final[kept["symbol"]]
        if self._bounded:
            mask &= self._within(kept["session_date"])
        kept = kept.where(mask)
        if recomputed is None:
            recomputed = kept.take(slice(0, 0))
        else:
            symbol, start = recomputed["symbol"], recomputed["bar_start"]
            mask = (start < intervals["derived_through"][symbol]) & (start >= final[symbol])
            if not intervals["checked"].all():
                mask &= intervals["checked"][symbol]
            if self._bounded:
                mask &= self._within(recomputed["session_date"])
            recomputed = recomputed.where(mask)
        of, there = compared(recomputed, kept, trades=portion.trades)
        if not len(of):
            return
        none, missing = of < 0, there < 0

        def of_either(name: str) -> Array:
            first = recomputed[name][of] if len(recomputed) else kept[name][there]
            second = kept[name][there] if len(kept) else first
            return np.where(none, second, first)

        symbol, at = of_either("symbol"), of_either("bar_start")
        span = np.maximum(
            np.where(none, 0, recomputed["span_seconds"][of] if len(recomputed) else 0),
            np.where(missing, 0, kept["span_seconds"][there] if len(kept) else 0),
        )
        told = ~self._waits(intervals, symbol, at, at + (span + portion.closing_seconds) * SECOND)
        of, there, symbol, at = of[told], there[told], symbol[told], at[told]

        def columns(some: Array) -> dict[str, pa.Array]:
            return bars_at(recomputed, of[some], "right", trades=portion.trades) | bars_at(
                kept, there[some], "stored", trades=portion.trades
            )

        wrong = np.arange(len(of))
        self._find(
            "checks.underived", portion, kind, length=kind.text, symbol=symbol, at=at, wrong=wrong, columns=columns
        )

    def _waits(self, intervals: Rows, symbol: Array, from_: Array, to_: Array) -> Array:
        """Whether base bars between two instants wait to be derived again."""
        found = np.zeros(len(symbol), bool)
        for one in np.unique(symbol):
            waiting = self._waiting.get(int(intervals["base_id"][one]))
            if waiting is not None:
                of = symbol == one
                reached = np.maximum.accumulate(waiting["range_end"])
                before = np.searchsorted(waiting["range_start"], to_[of], "left") - 1
                found[of] = (before >= 0) & (reached[before] > from_[of])
        return found

    def _check_accounts(
        self, portion: Portion, kind: Kind, part: tuple[int, int], rows: Rows, seats: Seats | None = None
    ) -> None:
        """Coverage and gaps against what the calendar has room for, and the bars that are there."""
        grid, intervals = portion.hours.grid(kind.unit, kind.length), portion.of(kind)
        stretch = self._stretch(grid, part)
        counted = account(grid, stretch, intervals, rows, seats or seats_of(rows, grid))
        dates_ = self._dates(grid, part)
        self._check_coverage(portion, kind, counted, dates_)
        self._check_gaps(portion, kind, counted, dates_)

    def _check_coverage(self, portion: Portion, kind: Kind, counted: Account, between: tuple[int, int]) -> None:
        sums = counted.coverage()
        kept = self._read_accounts("checks.coverage_of_intervals", portion, kind, between)
        kept, left, right, times = contradictions(sums, kept, ("symbol", "session_date"))
        symbol = either(sums, left, kept, right, "symbol")
        day = either(sums, left, kept, right, "session_date")

        def columns(some: Array) -> dict[str, pa.Array]:
            return (
                counts_at(sums, left[some], "counted", ("present_count", "expected_count"))
                | counts_at(kept, right[some], "stored", ("present_count", "expected_count"))
                | {"times": pa.array(times[some])}
            )

        wrong, at = np.arange(len(left)), day.astype(np.int64) * 86_400 * SECOND
        self._find(
            "checks.uncovered", portion, kind, length=kind.text, symbol=symbol, at=at, wrong=wrong, columns=columns
        )

    def _check_gaps(self, portion: Portion, kind: Kind, counted: Account, between: tuple[int, int]) -> None:
        missing = counted.gaps()
        kept = self._read_accounts("checks.gaps_of_intervals", portion, kind, between)
        kept, left, right, times = contradictions(missing, kept, ("symbol", "gap_start", "session_date", "segment"))
        symbol = either(missing, left, kept, right, "symbol")
        at = either(missing, left, kept, right, "gap_start")

        def columns(some: Array) -> dict[str, pa.Array]:
            counts = ("missing_count", "incomplete_count")
            return (
                counts_at(missing, left[some], "counted", counts)
                | counts_at(kept, right[some], "stored", counts)
                | {
                    "counted_end": instants(or_none(missing["gap_end"], left[some])),
                    "stored_end": instants(or_none(kept["gap_end"], right[some])),
                    "times": pa.array(times[some]),
                }
            )

        wrong = np.arange(len(left))
        self._find(
            "checks.ungapped", portion, kind, length=kind.text, symbol=symbol, at=at, wrong=wrong, columns=columns
        )

    def _read_accounts(self, name: str, portion: Portion, kind: Kind, between: tuple[int, int]) -> Rows:
        within = sql("checks.within_sessions")
        table = self._transaction.table(
            name, self._asked(within), **among(self._transaction, portion, kind), within_sessions=within
        )
        kept = in_order(portion, kind, rows_of(table).columns, "session_date")
        day = kept["session_date"]
        mask = (day >= between[0]) & (day < between[1]) & portion.of(kind)["checked"][kept["symbol"]]
        return kept.where(mask)

    def _stretch(self, grid: Grid, part: tuple[int, int]) -> slice:
        """Which part of a grid is of a stretch of time, and of the dates that are checked."""
        first = max(np.searchsorted(grid.open, part[0]), np.searchsorted(grid.date, self._first))
        last = min(np.searchsorted(grid.open, part[1]), np.searchsorted(grid.date, self._last))
        return slice(int(first), int(last))

    @staticmethod
    def _dates(grid: Grid, part: tuple[int, int]) -> tuple[int, int]:
        """The dates of the sessions that begin in a stretch of time, which begins and ends with one."""
        first, last = np.searchsorted(grid.open, part[0]), np.searchsorted(grid.open, part[1])
        return (
            NONE if part[0] == NONE else int(grid.date[first]),
            ENDLESS if part[1] == ENDLESS else int(grid.date[last]),
        )


#: Beyond every instant that DuckDB knows, and still one.
_FAR = 9_000_000_000_000_000_000 // 10
