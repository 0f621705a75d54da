"""Registering for a backtest and for a live run: streams follow what is there, all symbols or none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from load_kit import NEW_YORK, Bench, lines, minutes, unchanged

from barhouse import SessionCoordinator
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.coordinator.streams.registrar import SourceBars
from barhouse.store.errors import InputError, RegistrationError, SourceError

TUESDAY = lines(minutes("2024-11-26 09:30", "2024-11-26 09:40"))
HEADER = "symbol,timestamp,open,high,low,close,volume"


@pytest.fixture
def stocked(bench: Bench) -> Bench:
    """SPY has minutes of one Tuesday, QQQ is registered and has none."""
    bench.load_lines(*TUESDAY, timezone=NEW_YORK)
    bench.coordinator.register("QQQ", ["1m", "5m"], "XNYS")
    return bench


def streams(report: Any) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {one.symbol: (one.base_interval, one.derived_intervals) for one in report.registered}


# Backtest


def test_a_backtest_streams_what_the_store_holds(stocked: Bench) -> None:
    report = stocked.coordinator.register_for_backtest("spy", ["2h", "3d"], date(2024, 11, 26), date(2024, 11, 27))
    (one,) = report.registered
    assert (one.symbol, one.base_interval, set(one.added)) == ("SPY", "1m", {"2h", "3d"})
    assert report.skipped == {}


@pytest.mark.parametrize(
    ("start", "end"), [(date(2024, 11, 27), None), (None, date(2024, 11, 26)), (date(2024, 11, 28), date(2024, 11, 29))]
)
def test_only_bars_of_the_range_count(stocked: Bench, start: date | None, end: date | None) -> None:
    with unchanged(stocked), pytest.raises(RegistrationError, match="SPY: the store holds no bar of it in a session"):
        stocked.coordinator.register_for_backtest("SPY", ["15m"], start, end)


def test_every_symbol_that_fails_is_named_with_its_reason_and_none_is_written(stocked: Bench) -> None:
    with unchanged(stocked), pytest.raises(RegistrationError) as refused:
        stocked.coordinator.register_for_backtest(["SPY", "QQQ", "NEW"], ["15m"])
    text = str(refused.value)
    assert "QQQ: the store holds no bar" in text and "NEW: the store holds no bar" in text and "SPY" not in text


def test_skip_goes_on_with_the_rest_and_reports(stocked: Bench, caplog: pytest.LogCaptureFixture) -> None:
    report = stocked.coordinator.register_for_backtest(["SPY", "QQQ", "NEW"], ["15m"], on_missing="skip")
    assert [one.symbol for one in report.registered] == ["SPY"]
    assert report.skipped.keys() == {"QQQ", "NEW"} and "QQQ" in caplog.text
    assert "NEW" not in stocked.store.get_active_symbols()
    assert "15m" not in {row["interval"] for row in stocked.store.interval_rows(["QQQ"])}


def test_a_base_that_is_too_coarse_is_named(stocked: Bench) -> None:
    with unchanged(stocked), pytest.raises(RegistrationError, match=r"SPY: 1s .* registered with base 1m"):
        stocked.coordinator.register_for_backtest("SPY", ["1s"])


def test_what_a_file_holds_decides_symbol_by_symbol(stocked: Bench) -> None:
    rows = [f"{name},{row}" for name in ("aaa", "SPY", "late") for row in TUESDAY]
    rows = [row.replace("11-26", "12-26") if row.startswith("late") else row for row in rows]
    path = stocked.write(*rows, name="three.csv", header=HEADER)
    source = SourceBars(path, "1m", options=LoadOptions(timezone=NEW_YORK))
    ask: Callable[..., Any] = stocked.coordinator.register_for_backtest
    span = (date(2024, 11, 26), date(2024, 11, 27))
    report = ask(["AAA", "SPY", "LATE", "NONE"], ["5m"], *span, source=source, calendar="XNYS", on_missing="skip")
    assert streams(report)["AAA"] == ("1m", ("5m",)) and "SPY" in streams(report)
    assert report.skipped.keys() == {"LATE", "NONE"}
    assert "the source holds 1m, but no bar of it in a session from 2024-11-26 to 2024-11-27" in report.skipped["LATE"]
    (late,) = ask("LATE", ["5m"], date(2024, 12, 26), date(2024, 12, 27), source=source, calendar="XNYS").registered
    assert late.added == ("1m", "5m")
    assert stocked.bars("AAA") == []  # looked at, not loaded


def test_a_frame_of_one_symbol_labelled_by_ends(stocked: Bench) -> None:
    """The bar stamped 2024-11-27 21:00Z is the last of that session, not outside of it."""
    frame = pa.table(
        {"t": ["2024-11-27T21:00Z"], **{name: [1.0] for name in ("open", "high", "low", "close", "volume")}}
    )
    options = LoadOptions(label="end", columns={"bar_start": "t"})
    source = SourceBars(frame, "1h", "one", options)
    report = stocked.coordinator.register_for_backtest(
        "ONE", ["1d"], date(2024, 11, 27), date(2024, 11, 28), source=source, calendar="24/7"
    )
    assert streams(report) == {"ONE": ("1h", ("1d",))}


def test_a_source_without_symbols_must_say_whose_bars_it_holds(stocked: Bench) -> None:
    source = SourceBars(stocked.write(*TUESDAY), "1m", options=LoadOptions(timezone=NEW_YORK))
    with pytest.raises(SourceError, match="symbol="):
        stocked.coordinator.register_for_backtest("SPY", ["5m"], source=source)


def test_a_mapping_says_what_any_other_source_holds(stocked: Bench) -> None:
    report = stocked.coordinator.register_for_backtest(
        ["SPY", "DAY"], ["1d"], source={"spy": ["1m", "1d"], "day": ["1d"]}, calendar="XNYS"
    )
    assert {name: base for name, (base, _) in streams(report).items()} == {"SPY": "1m", "DAY": "1d"}
    with pytest.raises(RegistrationError, match="SPY: registered with base 1m, but there is only 1d"):
        stocked.coordinator.register_for_backtest("SPY", ["1d"], source={"SPY": ["1d"]})


# Live


def test_a_live_run_streams_what_the_feed_declares(bench: Bench) -> None:
    report = bench.coordinator.register_for_live(["aaa", "bbb"], ["5m", "1h"], ["1s", "1m"], calendar="XNYS")
    assert streams(report) == {"AAA": ("1m", ("5m", "1h")), "BBB": ("1m", ("5m", "1h"))}
    again = bench.coordinator.register_for_live("AAA", ["1d"], {"AAA": ["60s"]})
    assert again.registered[0].added == ("1d",)


def test_a_feed_must_declare_a_base_for_each(stocked: Bench) -> None:
    declared = {"SPY": ["1s"], "AAA": ["1d"], "BBB": ["1m"]}
    with unchanged(stocked), pytest.raises(RegistrationError) as refused:
        stocked.coordinator.register_for_live(["SPY", "AAA", "BBB", "CCC"], ["5m"], declared, calendar="XNYS")
    text = str(refused.value)
    assert "SPY: registered with base 1m, but there is only 1s" in text
    assert "AAA: 5m cannot be derived" in text and "CCC: the feed declares no interval for it" in text
    assert "BBB" not in text


def test_a_contradiction_is_skipped_like_what_is_missing(stocked: Bench) -> None:
    report = stocked.coordinator.register_for_live(["SPY", "NEW"], ["5m"], ["1m"], calendar="XLON", on_missing="skip")
    assert streams(report) == {"NEW": ("1m", ("5m",))}
    assert "SPY holds bars under calendar 'XNYS', not 'XLON'" in report.skipped["SPY"]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda c: c.register_for_live("NEW", ["5m"], ["1m"]), "give calendar="),
        (lambda c: c.register_for_live("NEW", ["5m"], "1m", calendar="XNYS"), "feed_intervals takes a list"),
        (lambda c: c.register_for_live("NEW", ["5m"], ["1m"], calendar="XNYS", on_missing="perhaps"), "'skip'"),
        (lambda c: c.register_for_backtest([], ["5m"]), "at least one"),
    ],
)
def test_what_cannot_be_meant(stocked: Bench, call: Callable[[SessionCoordinator], Any], says: str) -> None:
    with unchanged(stocked), pytest.raises(InputError, match=says):
        call(stocked.coordinator)
