"""Small files of the shape of vendors': each comes to its bars, or is refused with the way out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from load_kit import NEW_YORK, NOW, Bench, unchanged

from barhouse import SessionCoordinator, open_store
from barhouse.store.errors import RejectedBarsError, SourceError

INPUTS = Path(__file__).parent / "inputs"
MT5 = {"columns": {"bar_start": ["<DATE>", "<TIME>"]}, "volume_column": "<TICKVOL>"}
KIBOT = {
    "header": ["Date", "Time", "Open", "High", "Low", "Close", "Volume"],
    "columns": {"bar_start": ["Date", "Time"]},
    "timestamp_format": "%m/%d/%Y %H:%M",
    "timezone": NEW_YORK,
}
POLYGON: dict[str, Any] = {"timestamp_format": "epoch_ns"}
COMMA = {"decimal": ",", "thousands": ".", "timestamp_format": "%d.%m.%Y %H:%M", "timezone": NEW_YORK}
LONDON = {"timestamp_format": "%Y-%m-%d %H:%M:%S %Z", "timezone": "Europe/London"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a symbol for each file: minutes and days, of New York and around the clock."""
    path = tmp_path_factory.mktemp("inputs") / "bars.duckdb"
    with open_store(path, clock=lambda: NOW) as store:
        coordinator = SessionCoordinator(store)
        coordinator.register(["SPY", "AMPB"], ["1m", "5m"], "XNYS")
        coordinator.register(["D", "AAPL", "XLC"], ["1d"], "XNYS")
        coordinator.register(["BTC", "EURUSD"], ["1m"], "24/7")
        coordinator.register("TASI", ["1d", "1w"], "XSAU")
    return path


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Iterator[Bench]:
    path = tmp_path / "bars.duckdb"
    path.write_bytes(made.read_bytes())
    bench = Bench(path, tmp_path)
    yield bench
    bench.store.close()


#: File, symbol, interval, options; then where its bars start (UTC), or which days they are, and their volumes.
TAKEN: list[tuple[str, str | None, str, dict[str, Any], list[str], list[float]]] = [
    ("02_adjusted_rounding.csv", "D", "1d", {}, ["1990-09-17", "1990-09-18", "1990-09-19"], [1000, 1000, 1000]),
    ("03_polygon_day_aggs.csv", None, "1d", POLYGON | {"timezone": NEW_YORK}, ["2024-01-02", "2024-07-02"], [1e3, 1e3]),
    ("03_yfinance_daily.parquet", "D", "1d", {}, ["2024-01-02"], [1000]),
    ("04_mt5.csv", "EURUSD", "1m", MT5 | {"timezone": "UTC"}, ["2024-01-02 00:00", "2024-01-02 00:01"], [25, 30]),
    ("04_kibot.txt", "SPY", "1m", KIBOT, ["2024-01-02 14:30", "2024-01-02 14:31"], [1000, 1200]),
    ("05_bst.csv", "BTC", "1m", LONDON, ["2024-03-28 09:30", "2024-07-01 08:30", "2024-07-01 08:31"], [10, 10, 10]),
    (
        "07_mixed_line_ends.csv",
        "SPY",
        "1m",
        {"timezone": NEW_YORK},
        ["2024-01-02 14:30", "2024-01-02 14:31"],
        [1e3, 1e3],
    ),
    ("08_vwap_nan.csv", "SPY", "1m", {}, ["2024-01-02 14:30", "2024-01-02 14:31"], [0, 5]),
    ("09_quote_volume_krw.csv", "SPY", "1m", {}, ["2024-01-02 14:30", "2024-01-02 14:31"], [3e9, 1000]),
    ("12_BTCUSDT-1m-2025-01-01.zip", "BTC", "1m", {"preset": "binance_us"}, ["2025-01-01 00:00"], [35.92724]),
    ("13_decimal_comma.csv", "SPY", "1m", COMMA, ["2024-01-02 14:30"], [1000]),
    ("14_utf16.csv", "SPY", "1m", {"timezone": NEW_YORK}, ["2024-01-02 14:32"], [1000]),
    ("14_utf16.csv", "SPY", "1m", {"timezone": NEW_YORK, "encoding": "utf-16"}, ["2024-01-02 14:32"], [1000]),
    ("15_unnamed_index.parquet", "SPY", "1m", {}, ["2024-01-02 14:30"], [1]),
    ("18_other_symbol.csv", "D", "1d", {}, ["2024-01-05"], [1000]),
    ("22_nan_minutes.csv", "BTC", "1m", {"timestamp_format": "epoch_s"}, ["2024-01-02 14:30"], [0.1]),
    (
        "24_broker_clock.csv",
        "EURUSD",
        "1m",
        {"timezone": "America/New_York+07:00"},
        ["2024-03-10 21:00", "2024-03-15 20:59"],
        [1, 1],
    ),
]


@pytest.mark.parametrize(("name", "symbol", "interval", "said", "stamps", "volumes"), TAKEN)
def test_what_is_loaded(
    store: Bench,
    name: str,
    symbol: str | None,
    interval: str,
    said: dict[str, Any],
    stamps: list[str],
    volumes: list[float],
) -> None:
    report = store.load(INPUTS / name, interval, symbol, **said)
    assert (report.inserted, report.rejected) == (len(stamps), 0)
    bars = store.bars(symbol or report.symbols[0], interval)
    shown = [str(bar["session_date"]) if interval == "1d" else f"{bar['bar_start']:%Y-%m-%d %H:%M}" for bar in bars]
    assert shown == stamps
    assert [bar["volume"] for bar in bars] == volumes


#: File, symbol, interval, options, and what the refusal names.
REFUSED: list[tuple[str, str | None, str, dict[str, Any], str]] = [
    ("01_case_fold.csv", None, "1m", POLYGON, "AMPB.*AMpB"),
    ("03_polygon_day_aggs.csv", None, "1d", POLYGON, "timezone="),
    (
        "04_mt5.csv",
        "EURUSD",
        "1m",
        {"timezone": "UTC", "volume_column": "<TICKVOL>"},
        r"'bar_start': \['<DATE>', '<TIME>'\]",
    ),
    ("04_mt5.csv", "EURUSD", "1m", {"timezone": "UTC", "columns": MT5["columns"]}, "volume_column="),
    ("04_kibot.txt", "SPY", "1m", {**KIBOT, "timestamp_format": None}, "%m/%d/%Y %H:%M"),
    ("06_epoch_ms_btc.csv", "BTC", "1m", {"timestamp_format": "epoch_us"}, "epoch_ms"),
    ("13_decimal_comma.csv", "SPY", "1m", {**COMMA, "decimal": None, "thousands": None}, "decimal=','"),
    ("16_yfinance_multi.csv", "XLC", "1d", {"volume_column": "Volume"}, "Ticker"),
    ("16_yfinance_multi.csv", None, "1d", {}, "Ticker"),
    ("21_contracts.csv", "SPY", "1m", {}, "'symbol': 'contract'"),
]


@pytest.mark.parametrize(("name", "symbol", "interval", "said", "named"), REFUSED)
def test_what_is_refused(
    store: Bench, name: str, symbol: str | None, interval: str, said: dict[str, Any], named: str
) -> None:
    with unchanged(store), pytest.raises((SourceError, RejectedBarsError), match=named):
        store.load(INPUTS / name, interval, symbol, **said)


def test_rounding_is_widened(store: Bench) -> None:
    report = store.load(INPUTS / "02_adjusted_rounding.csv", "1d", "D")
    low, close = store.bars("D", "1d")[1]["low"], store.bars("D", "1d")[1]["close"]
    assert (report.widened, low, close) == (1, 29.805524826049805, 29.805524826049805)


def test_an_abbreviation_is_understood_by_the_zone_that_is_said_alone(store: Bench) -> None:
    report = store.load(INPUTS / "05_bst.csv", "1m", "BTC", timestamp_format=LONDON["timestamp_format"])
    assert (report.inserted, report.rejected) == (1, 2)


def test_an_unknown_vwap_is_null(store: Bench) -> None:
    store.load(INPUTS / "08_vwap_nan.csv")
    assert [bar["vwap"] for bar in store.bars()] == [None, 1.0]


def test_weeks_of_sundays(store: Bench) -> None:
    store.load(INPUTS / "10_sunday_week.csv", "1d", "TASI")
    store.process()
    week = next(bar for bar in store.bars("TASI", "1w") if bar["session_date"] == date(2024, 1, 7))
    assert (week["open"], week["close"]) == (1, 5)


def test_an_evening_session_that_the_calendar_lacks(store: Bench) -> None:
    """Five minutes from 18:00 in Mumbai, on Diwali 2024."""
    store.coordinator.register("INFY", ["1m", "5m", "1d"], "XBOM")
    assert store.load(INPUTS / "11_muhurat.csv", "1m", "INFY").outside == 5
    store.coordinator.correct_calendar("XBOM", {"2024-11-01": {"open": "18:00", "close": "19:00"}})
    store.process()
    minutes = store.bars("INFY", "1m")
    assert [str(bar["session_date"]) for bar in minutes] == ["2024-11-01"] * 5
    (five,) = store.bars("INFY", "5m")
    assert (five["bar_start"], five["complete"]) == (minutes[0]["bar_start"], True)
    assert (five["open"], five["close"]) == (minutes[0]["open"], minutes[-1]["close"])
    assert five["volume"] == sum(bar["volume"] for bar in minutes)
    assert store.store.verify().sound


def test_a_frame_with_the_columns_of_two_symbols_is_taken_where_its_text_is_not(store: Bench) -> None:
    frame = pd.read_csv(INPUTS / "16_yfinance_multi.csv", header=[0, 1], index_col=0, parse_dates=True)
    store.coordinator.register("SPYD", ["1d"], "XNYS")
    frame = frame.rename(columns={"SPY": "SPYD"}, level=1)
    report = store.load(frame, "1d", None)
    assert (report.inserted, report.empty) == (3, 1)
    assert [bar["close"] for bar in store.bars("XLC", "1d")] == [70]
    assert [bar["close"] for bar in store.bars("SPYD", "1d")] == [470, 471]


def test_a_file_that_names_another_symbol_says_so(store: Bench) -> None:
    assert store.load(INPUTS / "18_other_symbol.csv", "1d", "D").named == "MSFT"


def test_early_history_is_rejected_by_itself(store: Bench) -> None:
    report = store.load(INPUTS / "20_early_history.csv", "1d", "D")
    assert (report.inserted, report.rejected) == (1, 2)
    assert "a calendar of one's own may begin earlier" in report.rejects[0].reason
    assert [str(bar["session_date"]) for bar in store.bars("D", "1d")] == ["1995-03-01"]


def test_a_minute_without_any_value_is_counted(store: Bench) -> None:
    report = store.load(INPUTS / "22_nan_minutes.csv", "1m", "BTC", timestamp_format="epoch_s")
    assert (report.rows, report.empty) == (1, 1)


def test_the_right_unit_loads_what_the_wrong_one_did_not(store: Bench) -> None:
    report = store.load(INPUTS / "06_epoch_ms_btc.csv", "1m", "BTC", timestamp_format="epoch_ms")
    assert report.rejected == 0
    assert store.starts("BTC")[0] == "2024-12-31 04:38"
