"""A date bound is a session of the symbol's own calendar, an instant is an instant, through every door alike.

The expectation is made here, of exchange_calendars' schedule or of wall clocks, and of every bar one by one: a bar in
a session, or right at its close, is of that session's date; any other of the day that its calendar's clock shows.

``BARHOUSE_RANGES`` says how many ranges are tried for each calendar, ``BARHOUSE_SEED`` which ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import exchange_calendars
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from barhouse import DataProcessor, SessionCoordinator, SessionStore, open_store
from barhouse.store.errors import InputError
from barhouse.store.sql import Sql
from tests.extent import RANGES, SEED

HALF_HOUR = timedelta(minutes=30)
#: Australia's clocks change on 2024-10-06, those of the United States on 2024-11-03; holidays in Hong Kong are on
#: 2024-10-01 and 2024-10-11.
FIRST_DAY, LAST_DAY = date(2024, 9, 28), date(2024, 11, 6)
BEGIN, END = (datetime.combine(day, time(), UTC) for day in (FIRST_DAY, LAST_DAY))
NOW = datetime(2025, 1, 1, tzinfo=UTC)
ZONES = {"XASX": "Australia/Sydney", "XHKG": "Asia/Hong_Kong", "NIGHT": "America/Chicago", "24/7": "UTC"}
SYMBOLS = {"BHP": "XASX", "HSI": "XHKG", "ES": "NIGHT", "BTC": "24/7"}
INTERVALS = ("30m", "1h", "1d")


# -------------------------------------------------------------------------------------------------- what is expected


@dataclass(frozen=True)
class Session:
    day: date
    open: datetime
    close: datetime


def sessions_of(calendar: str) -> list[Session]:
    first, last = FIRST_DAY - timedelta(days=10), LAST_DAY + timedelta(days=10)
    if calendar in ("XASX", "XHKG"):
        schedule = exchange_calendars.get_calendar(calendar, start=first, end=last).schedule
        return [
            Session(label.date(), row["open"].to_pydatetime(), row["close"].to_pydatetime())
            for label, row in schedule.iterrows()
        ]
    days = [first + timedelta(days=number) for number in range((last - first).days)]
    if calendar == "24/7":
        return [Session(day, at(day, 0, "UTC"), at(day, 0, "UTC") + timedelta(days=1)) for day in days]
    chicago = ZONES["NIGHT"]
    return [
        Session(day, at(day - timedelta(days=1), 17, chicago), at(day, 16, chicago))
        for day in days
        if day.weekday() < 5
    ]


def at(day: date, hour: int, zone: str) -> datetime:
    return datetime.combine(day, time(hour), ZoneInfo(zone)).astimezone(UTC)


def day_of(start: datetime, calendar: str, sessions: list[Session]) -> date:
    for session in sessions:
        if session.open <= start < session.close:
            return session.day
    for session in sessions:
        if start == session.close:
            return session.day
    return start.astimezone(ZoneInfo(ZONES[calendar])).date()


Bound = date | datetime | None


def is_date(bound: Bound) -> bool:
    return bound is not None and not isinstance(bound, datetime)


def lies_in(start: datetime, day: date, first: Bound, end: Bound) -> bool:
    """Whether a bar is in a range; ``day`` is its own."""
    since = True if first is None else (day >= first if is_date(first) else start >= first)
    until = True if end is None else (day < end if is_date(end) else start < end)
    return since and until


def is_reversed(first: Bound, end: Bound) -> bool:
    return first is not None and end is not None and is_date(first) is is_date(end) and first > end


# --------------------------------------------------------------------------------------------------------- the store


@dataclass
class Kept:
    """A store, every bar of it with its day, and every gap."""

    store: SessionStore
    coordinator: SessionCoordinator
    sessions: dict[str, list[Session]]
    bars: dict[tuple[str, str], dict[datetime, date]]
    gaps: dict[str, dict[datetime, date]]


def half_hours(symbol: str) -> pa.Table:
    """Bars all around the clock, but for one in eleven, and for a day in the middle."""
    count = (END - BEGIN) // HALF_HOUR
    stamps = [BEGIN + number * HALF_HOUR for number in range(count) if number % 11 != 7]
    stamps = [stamp for stamp in stamps if stamp.date() != date(2024, 10, 16)]
    values = {
        name: [float(number % 7 + 1) for number in range(len(stamps))] for name in ("open", "high", "low", "close")
    }
    return pa.table({"bar_start": pa.array(stamps, pa.timestamp("us", "UTC")), **values, "volume": values["open"]})


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    path = tmp_path_factory.mktemp("dates") / "bars.duckdb"
    with open_store(path, clock=lambda: NOW, settings={"threads": 1}) as store:
        coordinator = SessionCoordinator(store)
        coordinator.add_calendar("NIGHT", timezone=ZONES["NIGHT"], open="17:00", close="16:00")
        for symbol, calendar in SYMBOLS.items():
            coordinator.register(symbol, list(INTERVALS), calendar, base="30m")
            coordinator.load(half_hours(symbol), symbol, "30m")
        DataProcessor(store).process()
        sessions = {calendar: sessions_of(calendar) for calendar in ZONES}
        found: dict[tuple[str, str], dict[datetime, date]] = {}
        for row in store.sql("SELECT symbol, interval, bar_start FROM bars").to_pylist():
            day = day_of(row["bar_start"], SYMBOLS[row["symbol"]], sessions[SYMBOLS[row["symbol"]]])
            found.setdefault((row["symbol"], row["interval"]), {})[row["bar_start"]] = day
        gaps: dict[str, dict[datetime, date]] = {}
        for row in store.sql("SELECT symbol, gap_start FROM gaps WHERE interval = '30m'").to_pylist():
            day = day_of(row["gap_start"], SYMBOLS[row["symbol"]], sessions[SYMBOLS[row["symbol"]]])
            gaps.setdefault(row["symbol"], {})[row["gap_start"]] = day
        assert store.verify().sound
        yield Kept(store, coordinator, sessions, found, gaps)


class _UndoneError(Exception):
    """Rolls back what was tried."""


def tried(kept: Kept, change: Callable[[], object]) -> tuple[object, dict[tuple[str, str], set[datetime]]]:
    """What a change reports, and the bars it leaves; afterwards they are all there again."""
    try:
        with kept.store.transaction() as transaction:
            report = change()
            left: dict[tuple[str, str], set[datetime]] = {}
            for row in transaction.execute(Sql("SELECT symbol, interval, bar_start FROM bars")):
                left.setdefault((row.symbol, row.interval), set()).add(row.bar_start)
            raise _UndoneError
    except _UndoneError:
        return report, left


# ---------------------------------------------------------------------------------------------------------- the bounds

days = st.dates(FIRST_DAY - timedelta(days=3), LAST_DAY + timedelta(days=3))
#: On the grid and off it, and right at midnight of some zone.
instants = st.integers(-100, (END - BEGIN) // timedelta(minutes=10) + 100).map(
    lambda number: BEGIN + number * timedelta(minutes=10)
)
bounds = st.one_of(st.none(), days, instants)


@st.composite
def spelled(draw: st.DrawFn, bound: Bound) -> object:
    """A bound as a caller may write it."""
    if bound is None:
        return None
    if not isinstance(bound, datetime):
        return draw(st.sampled_from([bound, bound.isoformat()]))
    local = bound.astimezone(ZoneInfo(draw(st.sampled_from(sorted(ZONES.values())))))
    return draw(st.sampled_from([bound, local, bound.isoformat(), local.isoformat(), pd.Timestamp(local)]))


@st.composite
def ranges(draw: st.DrawFn, ends: st.SearchStrategy[Bound] = bounds) -> tuple[Bound, Bound, object, object]:
    """A range, and the same as a caller may write it; most of them a few days long."""
    first = draw(ends)
    end = draw(ends)
    if first is not None and draw(st.integers(0, 9)):
        end = draw(st.integers(0, 5).map(lambda count: first + timedelta(days=count)))
        if isinstance(first, datetime) and draw(st.booleans()):
            end = end.date() if ends is bounds else end
    return first, end, draw(spelled(first)), draw(spelled(end))


def holds(examples: int, check: Callable[..., None], **drawn: st.SearchStrategy[object]) -> None:
    run = given(**drawn)(check)
    seed(SEED)(settings(max_examples=examples, database=None, deadline=None, print_blob=True)(run))()


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_bars_and_gaps(kept: Kept, symbol: str) -> None:
    def check(interval: str, span: tuple[Bound, Bound, object, object]) -> None:
        first, end, start_given, end_given = span
        if is_reversed(first, end):
            with pytest.raises(InputError, match="lies after"):
                kept.store.bars(symbol, interval, start_given, end_given)
            with pytest.raises(InputError, match="lies after"):
                kept.store.gaps(symbol, interval, start_given, end_given)
            return
        own = kept.bars[symbol, interval]
        expected = [start for start in sorted(own) if lies_in(start, own[start], first, end)]
        try:
            found = kept.store.bars(symbol, interval, start_given, end_given)["bar_start"].to_pylist()
        except InputError:  # a date and an instant, in the wrong order
            assert is_date(first) is not is_date(end) and not expected
            with pytest.raises(InputError, match="lies after"):
                kept.store.gaps(symbol, interval, start_given, end_given)
            return
        assert found == expected
        gaps = kept.gaps[symbol]
        missing = [start for start in sorted(gaps) if lies_in(start, gaps[start], first, end)]
        assert kept.store.gaps(symbol, "30m", start_given, end_given)["gap_start"].to_pylist() == missing

    holds(RANGES, check, interval=st.sampled_from(INTERVALS), span=ranges())


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_ranges_by_dates_share_the_bars_out(kept: Kept, symbol: str) -> None:
    """Each bar of a base interval, in a session or not, is of one date."""
    found: list[datetime] = []
    for number in range((LAST_DAY - FIRST_DAY).days + 4):
        day = FIRST_DAY + timedelta(days=number - 2)
        found += kept.store.bars(symbol, "30m", day, day + timedelta(days=1))["bar_start"].to_pylist()
    assert found == sorted(kept.bars[symbol, "30m"])


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_deletions_take_what_bars_shows(kept: Kept, symbol: str) -> None:
    def check(span: tuple[Bound, Bound, object, object]) -> None:
        first, end, start_given, end_given = span
        if (first is None and end is None) or is_reversed(first, end):
            with pytest.raises(InputError):
                kept.coordinator.delete_bars(symbol, "30m", start_given, end_given)
            return
        own = kept.bars[symbol, "30m"]
        expected = {start for start in own if not lies_in(start, own[start], first, end)}
        try:
            report, left = tried(kept, lambda: kept.coordinator.delete_bars(symbol, "30m", start_given, end_given))
        except InputError:
            assert is_date(first) is not is_date(end)
            assert expected == own.keys()
            return
        assert left.get((symbol, "30m"), set()) == expected
        assert report.deleted == len(own) - len(expected)

    holds(max(RANGES // 4, 1), check, span=ranges())


def test_exports_by_each_calendar(kept: Kept, tmp_path: Path) -> None:
    written = iter(range(10_000))

    def check(span: tuple[Bound, Bound, object, object], interval: str) -> None:
        first, end, start_given, end_given = span
        expected = {
            (symbol, start)
            for symbol in SYMBOLS
            for start, day in kept.bars[symbol, interval].items()
            if lies_in(start, day, first, end)
        }
        folder = tmp_path / str(next(written))
        try:
            kept.store.export(folder, intervals=interval, start=start_given, end=end_given)
        except InputError:
            assert expected == set()
            return
        files = sorted(folder.rglob("*.parquet"))
        rows: list[dict[str, object]] = []
        for file in files:
            (symbol,) = [part.partition("=")[2] for part in file.parts if part.startswith("symbol=")]
            rows += [{"symbol": symbol, **row} for row in ds.dataset(file).to_table(["bar_start"]).to_pylist()]
        assert sorted((row["symbol"], row["bar_start"]) for row in rows) == sorted(expected)
        again = kept.store.export(folder, intervals=interval, start=start_given, end=end_given)
        assert again.written == 0

    holds(max(RANGES // 4, 1), check, span=ranges(), interval=st.sampled_from(INTERVALS))


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_purges_keep_the_session_named(kept: Kept, symbol: str) -> None:
    sessions = kept.sessions[SYMBOLS[symbol]]
    through = max(kept.bars[symbol, "30m"]) + HALF_HOUR

    def check(before: Bound, given_as: st.DataObject) -> None:
        wanted = given_as.draw(spelled(before))
        if is_date(before):
            opens = [session.open for session in sessions if session.day >= before]
            limit = min(opens[0], through)
        else:
            limit = min(before, through)
        starts = [session.open for session in sessions if session.open <= limit]
        kept_from = starts[-1]
        own = kept.bars[symbol, "30m"]
        report, left = tried(kept, lambda: kept.coordinator.purge_bars(symbol, "30m", wanted))
        assert left.get((symbol, "30m"), set()) == {start for start in own if start >= kept_from}
        if any(start < kept_from for start in own):
            assert [one.retained_from for one in report.intervals] == [kept_from]

    holds(max(RANGES // 4, 1), check, before=st.one_of(days, instants), given_as=st.data())


def test_verify_goes_by_sessions(kept: Kept) -> None:
    def check(span: tuple[Bound, Bound, object, object], symbols: list[str]) -> None:
        first, end, start_given, end_given = span
        if is_reversed(first, end):
            with pytest.raises(InputError, match="lies after"):
                kept.store.verify(symbols, start=start_given, end=end_given)
            return
        report = kept.store.verify(symbols, start=start_given, end=end_given)
        assert report.sound
        wanted = {"base": 0, "derived": 0}
        for symbol in symbols:
            calendar = SYMBOLS[symbol]
            for interval in INTERVALS:
                for start, day in kept.bars[symbol, interval].items():
                    inside = any(one.open <= start < one.close for one in kept.sessions[calendar])
                    whole = first is None and end is None
                    counts = whole or (inside and not at_lunch(calendar, start) and lies_in(start, day, first, end))
                    wanted["derived" if interval != "30m" else "base"] += counts
        assert (report.base_bar_count, report.derived_bar_count) == (wanted["base"], wanted["derived"])

    some = st.lists(st.sampled_from(sorted(SYMBOLS)), min_size=1, max_size=3, unique=True)
    holds(max(RANGES // 5, 1), check, span=ranges(st.one_of(st.none(), days)), symbols=some)


def at_lunch(calendar: str, start: datetime) -> bool:
    local = start.astimezone(ZoneInfo(ZONES[calendar])).time()
    return calendar == "XHKG" and time(12) <= local < time(13)


def test_instants_are_refused_where_whole_sessions_are_meant(kept: Kept) -> None:
    for call in (
        lambda: kept.store.verify(start=BEGIN),
        lambda: kept.store.sessions("XASX", end="2024-10-01T00:00Z"),
        lambda: kept.coordinator.end_session(BEGIN),
    ):
        with pytest.raises(InputError, match="is an instant, and this goes by whole sessions; give a date"):
            call()
