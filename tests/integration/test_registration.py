"""Registering symbols: all or nothing, idempotent, additive; asking for them; striking them off."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from load_kit import Bench, line, lines, minutes, unchanged

from barhouse import BarhouseError, BarIntervalData, SessionCoordinator, SymbolSessionData, open_store
from barhouse.store.errors import CalendarError, InputError, IntervalError, RegistrationError, UnknownSymbolError

OPENING = lines(minutes("2024-11-26 09:30", "2024-11-26 09:40"))


def seed(symbol: str = "aapl") -> SymbolSessionData:
    """A registration the way the original system built it."""
    return SymbolSessionData(
        symbol=symbol,
        base_interval="1m",
        bars={
            "1m": BarIntervalData(derived=False, base=None, data=deque(), quality=0.0, gaps=[], updated=False),
            **{
                interval: BarIntervalData(derived=True, base="1m", data=[], quality=0.0, gaps=[], updated=False)
                for interval in ("5m", "15m")
            },
        },
    )


def test_the_report_says_what_is_there_and_what_is_new(bench: Bench) -> None:
    (first,) = bench.coordinator.register("aapl", ["5m", "1m", "60m"], "nyse")
    assert (first.symbol, first.calendar, first.base_interval) == ("AAPL", "XNYS", "1m")
    assert first.derived_intervals == ("5m", "1h")
    assert first.added == ("1m", "5m", "1h")
    (again,) = bench.coordinator.register("AAPL", ["5m", "1m", "60m"], "XNYS")
    assert again.added == ()
    (more,) = bench.coordinator.register(" Aapl ", ["1d", "5m"], "XNYS")
    assert more.derived_intervals == ("5m", "1h", "1d")
    assert more.added == ("1d",)


def test_registering_again_writes_nothing(bench: Bench) -> None:
    with unchanged(bench):
        bench.coordinator.register("spy", ["1d", "5m"], "xnys")


def test_registering_again_keeps_the_base_that_was_chosen(bench: Bench) -> None:
    bench.coordinator.register("AAPL", ["1s", "1m"], "XNYS")
    (more,) = bench.coordinator.register("AAPL", ["5m"], "XNYS")
    assert (more.base_interval, more.derived_intervals) == ("1s", ("1m", "5m"))


def test_a_registered_symbol_keeps_its_base_whatever_else_is_available(bench: Bench) -> None:
    """Its base is among what the source offers, so nothing stands in the way of one interval more."""
    bench.coordinator.register("AAPL", ["1s", "1m"], "XNYS", available=["1s", "1m"])
    (more,) = bench.coordinator.register("AAPL", ["5m"], "XNYS", available=["1s", "1m"])
    assert (more.base_interval, more.added) == ("1s", ("5m",))


def test_an_interval_that_is_new_reaches_back_to_the_first_bar(bench: Bench) -> None:
    bench.load_lines(*OPENING, timezone="America/New_York")
    bench.process()
    before = bench.bars()
    bench.coordinator.register("SPY", ["2m"], "XNYS")
    bench.process()
    assert bench.bars() == before
    assert bench.starts(interval="2m") == [f"2024-11-26 14:{minute}" for minute in range(30, 40, 2)]


@pytest.mark.parametrize(
    ("register", "named"),
    [
        (lambda c: c.register(["AAPL", "GOOGL"], ["5m"], "XNYS", available={"aapl": ["1m"]}), ["GOOGL"]),
        (lambda c: c.register(["AAPL", "GOOGL"], ["1m"], "XNYS", available=["1d"]), ["AAPL", "GOOGL"]),
        (lambda c: c.register(["NEW", "SPY"], ["5m"], "XNYS", base="5m"), ["SPY", "1m", "remove_symbol"]),
        (lambda c: c.register(["NEW", "SPY"], ["1s"], "XNYS"), ["SPY", "1m", "remove_symbol"]),
    ],
)
def test_all_or_nothing(shared_bench: Bench, register: Callable[[SessionCoordinator], Any], named: list[str]) -> None:
    with unchanged(shared_bench), pytest.raises(RegistrationError, match="nothing was registered") as refused:
        register(shared_bench.coordinator)
    for name in named:
        assert name in str(refused.value)


def test_both_are_named_that_cannot_be_had_and_what_is_there(shared_bench: Bench) -> None:
    with pytest.raises(RegistrationError) as refused:
        shared_bench.coordinator.register("AAPL", ["1m", "5m"], "XNYS", available={"AAPL": ["1d"]})
    assert "1m" in str(refused.value)
    assert "1d" in str(refused.value)


def test_skip_registers_the_rest(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    written = bench.coordinator.register(
        ["AAPL", "GOOGL", "MSFT"],
        ["5m"],
        "XNYS",
        available={"aapl": ["1m"], "MSFT": ["5m"]},
        on_missing="skip",
    )
    assert [(one.symbol, one.base_interval) for one in written] == [("AAPL", "1m"), ("MSFT", "5m")]
    assert "GOOGL" in caplog.text
    assert {"AAPL", "MSFT"} < bench.store.get_active_symbols()
    assert "GOOGL" not in bench.store.get_active_symbols()


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (([], ["5m"], "XNYS"), RegistrationError, "at least one"),
        ((["NEW", ""], ["5m"], "XNYS"), InputError, "not usable"),
        ((["NEW", "A\tB"], ["5m"], "XNYS"), InputError, "not usable"),
        (("NEW", [], "XNYS"), IntervalError, "no interval given"),
        (("NEW", ["5m", "ticks"], "XNYS"), IntervalError, "ticks"),
        (("NEW", ["5m"], "XNYSE"), CalendarError, "XNYS"),
        (("NEW", ["5m"], ""), CalendarError, "unknown"),
        (("NEW", ["5m"], "Mars"), CalendarError, "unknown"),
    ],
)
def test_what_cannot_be_registered(
    shared_bench: Bench, arguments: tuple[Any, ...], error: type[BarhouseError], says: str
) -> None:
    with unchanged(shared_bench), pytest.raises(error, match=says):
        shared_bench.coordinator.register(*arguments)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"on_missing": "ignore"}, "'raise' and 'skip'"),
        ({"base": "1m", "available": ["1m"]}, "exclude each other"),
        ({"available": "1m"}, r"\['1m'\]"),
        ({"closing_bar": "include", "base": "1h", "intervals": ["1h"]}, "1m or finer"),
        ({"closing_bar": "perhaps"}, "outside"),
    ],
)
def test_options_that_make_no_sense_are_our_errors(shared_bench: Bench, options: dict[str, Any], says: str) -> None:
    given = {"symbols": "NEW", "intervals": ["1m"], "calendar": "XNYS"} | options
    with unchanged(shared_bench), pytest.raises(InputError, match=says):
        shared_bench.coordinator.register(**given)


def test_calendar_and_closing_bar_may_change_as_long_as_there_are_no_bars(bench: Bench) -> None:
    bench.coordinator.register("SPY", ["5m"], "XLON", closing_bar="include")
    data = bench.store.get_symbol_data("SPY")
    assert data is not None
    assert (data.calendar, data.closing_bar) == ("XLON", "include")
    assert data.derived_intervals == ["5m", "1h", "1d"]


@pytest.mark.parametrize(
    ("calendar", "options", "says"),
    [
        ("XLON", {}, "calendar 'XNYS', not 'XLON'"),
        ("24/7", {}, "calendar 'XNYS', not '24/7'"),
        ("XNYS", {"closing_bar": "include"}, "closing_bar 'outside', not 'include'"),
        ("XNYS", {"base": "5m"}, "base 1m, not 5m"),
    ],
)
def test_where_bars_exist_they_may_not(bench: Bench, calendar: str, options: dict[str, str], says: str) -> None:
    bench.load_lines(*OPENING, timezone="America/New_York")
    with unchanged(bench), pytest.raises(RegistrationError, match=r"remove_symbol\('SPY'\)") as refused:
        bench.coordinator.register(["NEW", "SPY"], ["5m"], calendar, **options)
    assert says in str(refused.value)


def test_a_thousand_symbols_in_one_call(bench: Bench) -> None:
    names = [f"S{number:04}" for number in range(3000)]
    written = bench.coordinator.register(names, ["1m", "5m", "1d"], "XNYS")
    assert [one.symbol for one in written] == names
    ids = bench.ask(
        "SELECT count(DISTINCT interval_id) AS ids, count(*) AS all FROM interval_definition "
        "JOIN symbol USING (symbol_id) WHERE symbol LIKE 'S____'"
    )
    assert ids == [{"ids": 9000, "all": 9000}]
    mixed = bench.coordinator.register(["s0001", "FRESH"], ["5m"], "XNYS")
    assert [one.added for one in mixed] == [(), ("1m", "5m")]


def test_one_symbol_spelled_several_ways_is_one(bench: Bench) -> None:
    written = bench.coordinator.register(["new", "NEW", " New "], ["5m"], "XNYS")
    assert [one.symbol for one in written] == ["NEW"]


@pytest.mark.parametrize("symbol", ['O\'NEIL "X" $1 %S', "{X};DROP TABLE BAR --", "日経" * 100])
def test_odd_symbols_are_just_text(bench: Bench, symbol: str) -> None:
    bench.coordinator.register(symbol.lower(), ["1m", "5m"], "XNYS")
    report = bench.load_lines(line("2024-11-26T15:00:00Z"), symbol=symbol.lower())
    assert report.symbols == (symbol,)
    assert bench.starts(symbol) == ["2024-11-26 15:00"]


def test_asking_what_is_registered() -> None:
    with open_store(":memory:") as store:
        coordinator = SessionCoordinator(store)
        assert store.get_active_symbols() == set()
        assert store.get_symbols_with_derived() == {}
        assert store.get_symbol_data("SPY") is None
        coordinator.register("spy", ["1d", "1m", "5m"], "24/7")
        coordinator.register("gld", ["1d"], "24/7")
        assert store.get_active_symbols() == {"SPY", "GLD"} == coordinator.get_loaded_symbols()
        assert store.get_symbols_with_derived() == {"SPY": ["5m", "1d"]} == coordinator.get_generated_data()
        assert coordinator.get_streamed_data() == {"SPY": ["1m"], "GLD": ["1d"]}


def test_answers_are_copies(bench: Bench) -> None:
    bench.store.get_active_symbols().clear()
    bench.store.get_symbols_with_derived()["SPY"].clear()
    bench.coordinator.get_streamed_data().clear()
    data = bench.store.get_symbol_data("SPY")
    assert data is not None
    data.bars.clear()
    again = bench.store.get_symbol_data("spy")
    assert again is not None
    assert list(again.bars) == ["1m", "5m", "1h", "1d"]
    assert bench.store.get_symbols_with_derived()["SPY"] == ["5m", "1h", "1d"]
    assert "SPY" in bench.store.get_active_symbols()
    assert "SPY" in bench.coordinator.get_streamed_data()


def test_the_original_way_to_register(bench: Bench) -> None:
    written = bench.store.register_symbol_data(seed())
    assert (written.symbol, written.base_interval, written.derived_intervals) == ("AAPL", "1m", ("5m", "15m"))
    data = bench.store.get_symbol_data("Aapl")
    assert data is not None
    assert [(text, one.derived, one.base) for text, one in data.bars.items()] == [
        ("1m", False, None),
        ("5m", True, "1m"),
        ("15m", True, "1m"),
    ]
    assert all(one.quality is None and one.gaps == [] and not one.updated for one in data.bars.values())
    with unchanged(bench):
        bench.store.register_symbol_data(seed("AAPL"))
    assert bench.store.register_symbol_data(data).added == ()


def test_the_original_way_to_find_work(bench: Bench) -> None:
    """For each symbol, each interval that is derived and updated has base rows that wait for it."""
    bench.load_lines(*OPENING, timezone="America/New_York")

    def waiting() -> set[tuple[str, str]]:
        return {
            (symbol, interval)
            for symbol in bench.store.get_active_symbols()
            for interval, data in bench.store.get_symbol_data(symbol).bars.items()
            if data.derived and data.updated
        }

    def needing() -> set[tuple[str, str]]:
        rows = bench.ask("SELECT symbol, interval, updated FROM intervals WHERE needs_processing")
        assert all(row["updated"] for row in rows)
        named = {
            (one, text): data
            for one in bench.store.get_active_symbols()
            for text, data in bench.store.get_symbol_data(one).bars.items()
        }
        assert {key for key, data in named.items() if data.needs_processing} == {
            (r["symbol"], r["interval"]) for r in rows
        }
        return {key for key, data in named.items() if data.needs_processing}

    assert ("SPY", "5m") in waiting() == needing(), "the same by both names"
    bench.process()
    assert waiting() == needing() == set()
    bench.load_lines(line("2024-11-26 09:31:00", volume=7), timezone="America/New_York")
    assert ("SPY", "5m") in waiting()
    bench.process()
    assert waiting() == set()


def test_removing_makes_the_bars_history(bench: Bench) -> None:
    bench.load_lines(*OPENING, timezone="America/New_York")
    bench.process()
    held = len(bench.ask("SELECT * FROM bars WHERE symbol = 'SPY'"))
    report = bench.coordinator.remove_symbol("spy")
    assert report.deleted == held
    assert bench.ask("SELECT * FROM bars") == []
    assert bench.ask("SELECT count(*) AS kept FROM revisions WHERE symbol = 'SPY'") == [{"kept": held}]
    for view in ("intervals", "coverage", "gaps"):
        assert bench.ask(f"SELECT * FROM {view} WHERE symbol = 'SPY'") == []
    assert "SPY" not in bench.store.get_active_symbols()
    assert bench.store.get_symbol_data("SPY") is None
    with pytest.raises(UnknownSymbolError, match="SPY"):
        bench.load_lines(*OPENING, timezone="America/New_York")
    with pytest.raises(UnknownSymbolError, match="SPY"):
        bench.coordinator.remove_symbol("SPY")
    with pytest.raises(UnknownSymbolError, match="SPY"):
        bench.store.bars("SPY", "1m")


def test_registered_again_after_removal_it_is_new(bench: Bench) -> None:
    bench.load_lines(*OPENING, timezone="America/New_York")
    bench.coordinator.remove_symbol("SPY")
    (written,) = bench.coordinator.register("SPY", ["1d"], "24/7", base="30m")
    assert (written.calendar, written.base_interval, written.added) == ("24/7", "30m", ("30m", "1d"))
    assert bench.bars("SPY", "30m") == []
    bench.load_lines(line("2024-11-26T15:00:00Z"), interval="30m")
    assert bench.starts("SPY", "30m") == ["2024-11-26 15:00"]
    assert bench.bars("QQQ") == []
    ids = bench.ask("SELECT symbol_id FROM symbol WHERE symbol = 'SPY'")
    assert len({row["symbol_id"] for row in ids}) == 2, "ids are never used again"


def test_removed_twice_at_one_moment_of_the_clock(bench: Bench) -> None:
    """A clock may stand still: in a replay, or where it is coarse."""
    for _ in range(3):
        bench.coordinator.remove_symbol("SPY")
        bench.coordinator.register("SPY", ["1m", "5m"], "XNYS")
    assert "SPY" in bench.store.get_active_symbols()


def test_removing_one_leaves_the_others(bench: Bench) -> None:
    both = [f"{symbol},{one}" for one in OPENING for symbol in ("SPY", "QQQ")]
    bench.load(
        bench.write(*both, header="symbol,timestamp,open,high,low,close,volume"),
        symbol=None,
        timezone="America/New_York",
    )
    bench.process()
    before = bench.ask("SELECT * FROM bars WHERE symbol = 'QQQ' ORDER BY ALL")
    bench.coordinator.remove_symbol("SPY")
    assert bench.ask("SELECT * FROM bars ORDER BY ALL") == before
    bench.process()
    assert bench.ask("SELECT * FROM bars ORDER BY ALL") == before


def test_a_symbol_that_is_not_there_names_its_neighbours(shared_bench: Bench) -> None:
    with pytest.raises(UnknownSymbolError, match=r"SPX.*SPY"):
        shared_bench.coordinator.remove_symbol("SPX")
