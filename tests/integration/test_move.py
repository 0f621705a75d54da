"""Symbols that move to another calendar: as though they had been registered for it from the start."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from load_kit import Bench, line, lines, unchanged

from barhouse import Backtest
from barhouse.store.errors import BarhouseError, CalendarError, InputError, RegistrationError, UnknownSymbolError

#: Calendars of one's own: one that spans midnight, one with breaks, one with hours that change, one of Sundays.
OWN: dict[str, dict[str, Any]] = {
    "NIGHT": {"timezone": "America/Chicago", "open": "17:00", "close": "16:00"},
    "BREAKS": {"timezone": "Asia/Tokyo", "open": "09:00", "close": "23:00", "break_": ["11:30-12:30"]},
    "LONG": {
        "timezone": "America/New_York",
        "open": "04:00",
        "close": "20:00",
        "early_closes": {"2024-11-29": "17:00"},
    },
    "SUNDAYS": {"timezone": "Asia/Dubai", "open": "10:00", "close": "22:00", "weekdays": "sun-thu"},
}
PAIRS = [
    ("XNYS", "24/7"),
    ("24/7", "XNYS"),
    ("LONG", "XNYS"),
    ("XNYS", "NIGHT"),
    ("CMES", "CMES_PAUSE"),
    ("24/7", "BREAKS"),
    ("SUNDAYS", "24/7"),
    ("XHKG", "SUNDAYS"),
]
INTERVALS = ["1m", "7m", "1h", "1d", "2d", "1w", "1mo"]
#: Tables by interval, without the numbers of batches and of intervals.
SAME = {
    "bars": "SELECT * EXCLUDE (batch_id) FROM bars",
    "coverage": "FROM coverage",
    "gaps": "FROM gaps",
    "intervals": "FROM intervals",
    "watermarks": """SELECT s.symbol, d.interval, d.complete_through, d.derived_through, d.next_close, d.first_session,
                            d.expected_count, d.present_count
                     FROM interval_definition AS d JOIN symbol AS s USING (symbol_id) WHERE s.removed_at IS NULL""",
}


def stamps() -> Iterator[str]:
    """Minutes of UTC, without some: of Wednesday, and of the half day after Thanksgiving 2024."""
    at = datetime(2024, 11, 27, 12, tzinfo=UTC)
    for number in [*range(720), *range(2160, 2880)]:
        if number % 97 and not 500 < number < 560:
            yield f"{at + timedelta(minutes=number):%Y-%m-%dT%H:%M:%SZ}"


def rows() -> list[str]:
    return [
        line(stamp, 10 + place % 7, 20 + place % 5, 5 - place % 3, 10 + place % 6, place % 11)
        for place, stamp in enumerate(stamps())
    ]


def with_own(bench: Bench) -> Bench:
    for name, hours in OWN.items():
        bench.coordinator.add_calendar(name, **hours)
    return bench


def told(bench: Bench) -> dict[str, list[dict[str, Any]]]:
    return {name: bench.ask(f"FROM ({query}) WHERE symbol = 'X' ORDER BY ALL") for name, query in SAME.items()}


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Bench]:
    folder = tmp_path / "other"
    folder.mkdir()
    bench = Bench(folder / "bars.duckdb", folder)
    yield bench
    bench.store.close()


@pytest.mark.parametrize(
    ("before", "after", "closing_bar"), [*((*pair, "outside") for pair in PAIRS), ("24/7", "XNYS", "include")]
)
def test_it_is_as_though_it_had_been_registered_so(
    bench: Bench, other: Bench, before: str, after: str, closing_bar: Any
) -> None:
    for one, calendar in ((with_own(bench), before), (with_own(other), after)):
        one.coordinator.register("X", INTERVALS, calendar, closing_bar=closing_bar)
        one.load_lines(*rows(), symbol="X")
        one.process()
    was = told(bench)
    then = bench.ask("SELECT max(committed_at) AS at FROM batches")[0]["at"]
    planned = bench.coordinator.move_symbols("x", after.lower(), apply=False)
    assert (planned.calendar, planned.batch_id, told(bench)) == (after, None, was)
    report = bench.coordinator.move_symbols(["X"], after)
    bench.process()
    assert report.batch_id is not None
    assert report == planned.model_copy(update={"batch_id": report.batch_id})
    assert told(bench) == told(other)
    (moved,) = report.symbols
    inside = [sum(bar["session_date"] is not None for bar in one.bars("X", "1m")) for one in (bench, other)]
    assert (moved.before, moved.base_bars) == (before, len(rows()))
    assert [moved.in_sessions_after] * 2 == inside
    assert bench.store.verify().sound
    # The past has the calendar of then, and its days.
    as_of = bench.ask(
        f"SELECT * EXCLUDE (batch_id) FROM bars_as_of(TIMESTAMPTZ '{then}') WHERE symbol = 'X' ORDER BY ALL"
    )
    assert as_of == was["bars"]
    # Back again it is what it was.
    assert bench.coordinator.move_symbols("X", before).revised == report.revised
    bench.process()
    assert told(bench) == was
    assert bench.store.verify().sound


def test_days_of_the_past_are_those_of_the_calendar_of_then(bench: Bench) -> None:
    """The session of 2024-11-26 begins in Chicago at 17:00 the day before, on 24/7 at midnight of UTC."""
    with_own(bench).coordinator.register("X", ["1h"], "NIGHT", base="1h")
    hours = [f"2024-11-{day}T{hour:02}:00Z" for day in (25, 26) for hour in range(24)]
    bench.load_lines(*lines(hours), symbol="X", interval="1h")
    then = bench.ask("SELECT max(committed_at) AS at FROM batches")[0]["at"]
    bench.coordinator.move_symbols("X", "24/7")
    first = bench.store.bars("X", "1h", "2024-11-26", as_of=then).to_pylist()[0]
    assert f"{first['bar_start']:%d %H:%M}" == "25 23:00"
    assert f"{bench.store.bars('X', '1h', '2024-11-26').to_pylist()[0]['bar_start']:%d %H:%M}" == "26 00:00"


@pytest.mark.parametrize(("before", "after"), [("XNYS", "24/7"), ("24/7", "NIGHT")])
def test_what_follows_a_move_is_right_too(bench: Bench, before: str, after: str) -> None:
    with_own(bench).coordinator.register("X", INTERVALS, before)
    early, late = rows()[:900], rows()[900:]
    bench.load_lines(*early, symbol="X")
    removed = bench.coordinator.delete_bars("X", "1m", "2024-11-27T17:00Z", "2024-11-27T22:00Z")
    bench.process()
    bench.coordinator.move_symbols("X", after)
    assert bench.coordinator.revert(removed.batch_id).inserted == removed.deleted
    loaded = bench.load_lines(*late, symbol="X")
    bench.process()
    assert bench.store.verify().sound
    bench.coordinator.revert(loaded.batch_id)
    bench.coordinator.delete_bars("X", "1m", "2024-11-27T22:00Z", rewind=True)
    bench.process()
    assert bench.store.verify().sound
    bench.coordinator.remove_symbol("X")
    assert bench.store.verify().sound


def test_an_undo_that_has_no_place_any_more_is_refused(bench: Bench) -> None:
    """A bar of an hour from 14:00 on 24/7 overlaps the open at 14:30 in New York."""
    bench.coordinator.register("X", ["1h"], "24/7", base="1h")
    bench.load_lines(*lines([f"2024-11-26T{hour:02}:00Z" for hour in range(24)]), symbol="X", interval="1h")
    with unchanged(bench), pytest.raises(CalendarError, match="X cannot move to XNYS: the calendar would leave"):
        bench.coordinator.move_symbols("X", "XNYS")
    removed = bench.coordinator.delete_bars("X", "1h", "2024-11-26T14:00Z")
    bench.coordinator.move_symbols("X", "XNYS")
    with pytest.raises(InputError, match="has no place any more"):
        bench.coordinator.revert(removed.batch_id)


def test_daily_bars_move_with_what_vendors_say_of_them(bench: Bench) -> None:
    bench.coordinator.register("X", ["1d", "1w"], "XNYS")
    header = "date,open,high,low,close,volume"
    for vendor, priority, close in (("good", 2, 10), ("other", 1, 11)):
        file = bench.write(f"2024-11-26,10,12,9,{close},1", f"2024-11-27,10,12,9,{close},1", header=header)
        bench.load(file, "1d", "X", vendor=vendor, priority=priority)
    kept = "SELECT session_date, kept_vendor, offered_vendor, kept_close, offered_close FROM conflicts ORDER BY ALL"
    before = bench.ask(kept)
    assert len(before) == 2
    bench.coordinator.move_symbols("X", "24/7")
    assert bench.starts("X", "1d") == ["2024-11-26 00:00", "2024-11-27 00:00"]
    assert bench.ask(kept) == before
    assert bench.store.verify().sound


def test_daily_bars_of_days_without_a_session_do_not_move(bench: Bench) -> None:
    bench.coordinator.register("X", ["1d"], "24/7")
    bench.load(bench.write("2024-11-23,1,1,1,1,1", header="date,open,high,low,close,volume"), "1d", "X")
    with unchanged(bench), pytest.raises(CalendarError, match="would leave 1 base bars without a place"):
        bench.coordinator.move_symbols("X", "XNYS")


def test_a_backtest_that_goes_on_keeps_the_calendar_of_then(bench: Bench) -> None:
    bench.coordinator.register("X", ["1m", "1h", "1d"], "24/7")
    bench.load_lines(*rows(), symbol="X")
    bench.process()

    def ticks(name: str, count: int) -> list[Any]:
        with Backtest(bench.store, ["X"], intervals=["1h", "1d"], name=name) as backtest:
            found = []
            for tick in backtest:
                found.append((tick.now, tick.bars, backtest.bars("X", "1d").to_pylist(), backtest.forming("X", "1h")))
                if len(found) == count:
                    break
            return found

    whole = ticks("whole", 10**6)
    begun = ticks("cut", 20)
    bench.coordinator.move_symbols("X", "XNYS")
    assert begun[:19] + ticks("cut", 10**6) == whole
    assert ticks("anew", 10**6) != whole


def test_only_with_move_does_registering_move(bench: Bench) -> None:
    bench.load_lines(*lines(["2024-11-26T14:30Z"]))
    with (
        unchanged(bench),
        pytest.raises(RegistrationError, match=r"SPY holds bars under calendar 'XNYS'.*move_symbols"),
    ):
        bench.coordinator.register(["SPY", "NEW"], ["1m", "30m"], "XLON")
    done = bench.coordinator.register(["SPY", "NEW"], ["1m", "30m"], "XLON", move=True)
    assert [(one.symbol, one.calendar, one.added) for one in done] == [
        ("SPY", "XLON", ("30m",)),
        ("NEW", "XLON", ("1m", "30m")),
    ]
    assert bench.ask("SELECT DISTINCT calendar FROM intervals WHERE symbol IN ('SPY', 'NEW')") == [{"calendar": "XLON"}]
    assert bench.coordinator.move_symbols(["SPY", "NEW"], "xlon").batch_id is None


def test_symbols_without_bars_move_too(bench: Bench) -> None:
    report = bench.coordinator.move_symbols(["SPY", "QQQ"], "XLON")
    assert [(one.symbol, one.base_bars) for one in report.symbols] == [("QQQ", 0), ("SPY", 0)]
    assert bench.store.verify().sound


def test_purged_bars_stand_in_the_way(bench: Bench) -> None:
    bench.load_lines(*lines(["2024-11-25T14:30Z", "2024-11-26T14:30Z", "2024-11-27T14:30Z"]))
    bench.process()
    bench.coordinator.purge_bars("SPY", "1m", "2024-11-26")
    with unchanged(bench), pytest.raises(RegistrationError, match=r"its 1m bars before 2024-11-26 .* were purged"):
        bench.coordinator.move_symbols("SPY", "24/7")


@pytest.mark.parametrize(
    ("symbols", "calendar", "error"),
    [
        ("NOPE", "XLON", UnknownSymbolError),
        ("SPY", "NOPE", CalendarError),
        ("SPY", 7, InputError),
        ([], "XLON", InputError),
    ],
)
def test_what_cannot_be_moved_is_refused(bench: Bench, symbols: Any, calendar: Any, error: type[BarhouseError]) -> None:
    with unchanged(bench), pytest.raises(error):
        bench.coordinator.move_symbols(symbols, calendar)


def test_a_symbol_that_is_left_out_does_not_move(bench: Bench) -> None:
    """QQQ lacks a base of what is wanted: it is skipped, and its bars stay where they are."""
    bench.load_lines(line("2024-11-27T14:00:00Z"), line("2024-11-27T15:00:00Z"), symbol="QQQ")
    before = bench.bars("QQQ")
    registered = bench.coordinator.register(
        ["SPY", "QQQ"], ["30s"], "24/7", available={"SPY": ["1s", "1m"], "QQQ": ["5m"]}, on_missing="skip", move=True
    )
    assert "QQQ" not in [one.symbol for one in registered]
    assert bench.bars("QQQ") == before
    assert bench.ask("SELECT DISTINCT calendar FROM symbol WHERE symbol = 'QQQ'") == [{"calendar": "XNYS"}]
