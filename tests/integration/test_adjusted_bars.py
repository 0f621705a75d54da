"""Prices of the past as of the shares of today: known splits and dividends come out to the cent from raw prices.

What is expected is worked out here in whole fractions, from dates, ratios and amounts that the companies published.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from clock_kit import NOW, TickingClock

from barhouse import DataProcessor, SessionCoordinator, SessionStore, open_store
from barhouse.store.errors import InputError, UnknownSymbolError

#: Raw closes around ex-dates: day, close.
AAPL = {
    "2000-06-20": "101.25", "2000-06-21": "55.63", "2005-02-25": "88.99", "2005-02-28": "44.86", "2014-06-06": "645.57",
    "2014-06-09": "93.70", "2020-08-28": "499.23", "2020-08-31": "129.04", "2024-11-29": "237.33",
}  # fmt: skip
AAPL_SPLITS = {"2000-06-21": 2, "2005-02-28": 2, "2014-06-09": 7, "2020-08-31": 4}
NVDA = {
    "2021-07-19": "751.19", "2021-07-20": "186.12", "2024-06-07": "1208.88", "2024-06-10": "121.79",
    "2024-11-29": "138.25",
}  # fmt: skip
NVDA_SPLITS = {"2021-07-20": 4, "2024-06-10": 10}


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("adjusted") / "blank.duckdb"
    with open_store(path, clock=lambda: NOW) as store:
        coordinator = SessionCoordinator(store)
        coordinator.register("DAY", ["1d", "1w", "1mo"], "XNYS")
        coordinator.register("MIN", ["1m", "1h"], "XNYS", base="1m")
        coordinator.register("WEEK", ["1w", "2w"], "XNYS", base="1w")
    return path.read_bytes()


@pytest.fixture
def store(blank: bytes, tmp_path: Path) -> Iterator[SessionStore]:
    path = tmp_path / "adjusted.duckdb"
    path.write_bytes(blank)
    with open_store(path, clock=TickingClock()) as opened:
        yield opened
        assert opened.verify().sound


def days(store: SessionStore, closes: dict[str, str], symbol: str = "DAY", volume: float = 1000.0) -> None:
    """Load daily bars that open, close and stay at one price, and derive."""
    prices = [float(close) for close in closes.values()]
    columns = {name: prices for name in ("open", "high", "low", "close", "vwap")}
    table = pa.table({"date": list(closes), **columns, "volume": [volume] * len(prices), "trades": [3] * len(prices)})
    SessionCoordinator(store).load(table, symbol, "1d", sparse=True)
    DataProcessor(store).process()


def act(store: SessionStore, kind: str, values: dict[str, Any], symbol: str = "DAY") -> None:
    part = "ratio" if kind in ("split", "stock_dividend") else "amount"
    table = pa.table({"ex_date": list(values), part: [float(value) for value in values.values()]})
    SessionCoordinator(store).load_actions(table, symbol, kind=kind)


def shown(store: SessionStore, interval: str, adjust: str, *parts: str, symbol: str = "DAY") -> list[tuple[Any, ...]]:
    """What is read, which the view shows as well, to the last bit."""
    table = store.bars(symbol, interval, adjust=adjust)
    if adjust == "all":
        view = store.sql(
            "FROM bars_adjusted WHERE symbol = $symbol AND interval = $interval ORDER BY bar_start",
            {"symbol": symbol, "interval": interval},
        )
        assert view.schema.equals(table.schema)
        assert view.to_pylist() == table.to_pylist()
    return [tuple(row.values()) for row in table.select(list(parts)).to_pylist()]


def near(found: Sequence[float], expected: Sequence[Fraction]) -> bool:
    """Whether they are the same to a few units in the last place, and so to the cent."""
    return len(found) == len(expected) and all(
        abs(Fraction(one) - other) <= abs(other) * Fraction(1, 10**14)
        for one, other in zip(found, expected, strict=True)
    )


# ------------------------------------------------------------------------------------------------ facts


@pytest.mark.parametrize(("closes", "splits"), [(AAPL, AAPL_SPLITS), (NVDA, NVDA_SPLITS)], ids=["AAPL", "NVDA"])
def test_splits_come_out_to_the_cent(store: SessionStore, closes: dict[str, str], splits: dict[str, int]) -> None:
    days(store, closes)
    act(store, "split", splits)
    shares = []
    for day in closes:
        later = 1
        for ex_date, ratio in splits.items():
            later *= ratio if ex_date > day else 1
        shares.append(later)
    rows = shown(store, "1d", "all", "close", "volume", "split_factor", "dividend_factor", "ex_inside", "vwap")
    assert near(
        [row[0] for row in rows],
        [Fraction(close) / later for close, later in zip(closes.values(), shares, strict=True)],
    )
    assert [row[1:5] for row in rows] == [(1000.0 * later, float(later), 1.0, False) for later in shares]
    assert [row[5] for row in rows] == [row[0] for row in rows]
    assert shown(store, "1d", "split", "close") == [row[:1] for row in rows]


def test_the_known_closes_of_apple_before_its_splits(store: SessionStore) -> None:
    days(store, AAPL)
    act(store, "split", AAPL_SPLITS)
    cents = [round(close, 2) for (close,) in shown(store, "1d", "split", "close")]
    assert cents == [0.90, 0.99, 1.59, 1.60, 23.06, 23.43, 124.81, 129.04, 237.33]


def test_a_special_dividend_takes_its_part_of_the_close_before(store: SessionStore) -> None:
    """Costco paid 15 dollars beside its regular dividends; the ex-date was 2023-12-27."""
    closes = {"2023-12-22": "671.60", "2023-12-26": "676.13", "2023-12-27": "664.25", "2023-12-28": "661.05"}
    days(store, closes)
    act(store, "special_dividend", {"2023-12-27": 15})
    part = 1 - Fraction("15") / Fraction("676.13")
    expected = [Fraction("671.60") * part, Fraction("676.13") * part, Fraction("664.25"), Fraction("661.05")]
    rows = shown(store, "1d", "all", "close", "volume", "dividend_factor")
    assert near([row[0] for row in rows], expected)
    assert [round(row[0], 2) for row in rows] == [656.70, 661.13, 664.25, 661.05]
    assert [row[1] for row in rows] == [1000.0] * 4  # cash makes no shares
    assert [close for (close,) in shown(store, "1d", "split", "close")] == [float(close) for close in closes.values()]


def test_a_stock_dividend_is_a_split_of_one_and_its_rate(store: SessionStore) -> None:
    """Tootsie Roll gives three shares for a hundred every year; in 2024 the ex-date was 2024-03-04."""
    days(store, {"2024-03-01": "32.57", "2024-03-04": "31.75", "2024-03-05": "31.60"})
    act(store, "stock_dividend", {"2024-03-04": 0.03})
    rows = shown(store, "1d", "all", "close", "volume")
    assert near([row[0] for row in rows], [Fraction("32.57") / Fraction("1.03"), Fraction("31.75"), Fraction("31.60")])
    assert near([row[1] for row in rows], [1000 * Fraction("1.03"), Fraction(1000), Fraction(1000)])


def test_a_reverse_split_leaves_fractions_of_shares(store: SessionStore) -> None:
    """General Electric made one share of eight on 2021-08-02."""
    days(store, {"2021-07-30": "12.95", "2021-08-02": "103.10"}, volume=1001.0)
    act(store, "split", {"2021-08-02": 0.125})
    assert shown(store, "1d", "all", "close", "volume") == [(12.95 * 8, 1001 / 8), (103.10, 1001.0)]


def test_dividends_and_splits_multiply(store: SessionStore) -> None:
    """Before its split of 2014 Apple paid 3.29 dollars for a share, and 0.47 after it."""
    closes = {"2014-05-07": "592.33", "2014-05-08": "587.99", "2014-06-06": "645.57", "2014-06-09": "93.70",
              "2014-08-06": "94.96", "2014-08-07": "94.48"}  # fmt: skip
    days(store, closes)
    act(store, "split", {"2014-06-09": 7})
    act(store, "cash_dividend", {"2014-05-08": "3.29", "2014-08-07": "0.47"})
    first, second = 1 - Fraction("3.29") / Fraction("592.33"), 1 - Fraction("0.47") / Fraction("94.96")
    raw = [Fraction(close) for close in closes.values()]
    expected = [
        raw[0] / 7 * first * second,
        raw[1] / 7 * second,
        raw[2] / 7 * second,
        raw[3] * second,
        raw[4] * second,
        raw[5],
    ]
    assert near([close for (close,) in shown(store, "1d", "all", "close")], expected)
    factors = store.adjustments("DAY").to_pylist()
    assert [row["session_date"] for row in factors] == [None, date(2014, 5, 8), date(2014, 6, 9), date(2014, 8, 7)]
    assert [row["split_factor"] for row in factors] == [7.0, 7.0, 1.0, 1.0]
    assert near([row["dividend_factor"] for row in factors], [first * second, second, second, Fraction(1)])
    total = [Fraction(1), 1 / first, 7 / first, 7 / first / second]
    assert near([row["total_return_factor"] for row in factors], total)
    view = store.sql("SELECT * EXCLUDE (symbol) FROM adjustments ORDER BY session_date NULLS FIRST").to_pylist()
    assert view == factors


# --------------------------------------------------------------------------- what counts, and what does not


def test_a_split_that_no_bar_has_reached_changes_nothing(store: SessionStore) -> None:
    days(store, {"2024-06-06": "1209.98", "2024-06-07": "1208.88"})
    act(store, "split", {"2024-06-10": 10})
    assert shown(store, "1d", "all", "close", "split_factor") == [(1209.98, 1.0), (1208.88, 1.0)]
    assert store.adjustments("DAY").num_rows == 1
    days(store, {"2024-06-10": "121.79"})
    assert [row[1] for row in shown(store, "1d", "all", "close", "split_factor")] == [10.0, 10.0, 1.0]


def test_a_week_with_an_ex_date_is_made_of_adjusted_days(store: SessionStore) -> None:
    """Of the week and month of the split of 2024-06-10 no bar is adjusted whole, of others all are."""
    closes = {"2024-05-31": "1096.33", "2024-06-03": "1150.00", "2024-06-07": "1208.88", "2024-06-10": "121.79",
              "2024-06-14": "131.88", "2024-07-01": "124.30"}  # fmt: skip
    days(store, closes)
    act(store, "split", {"2024-06-10": 10})
    months = shown(store, "1mo", "all", "open", "high", "low", "close", "volume", "trade_count", "vwap", "ex_inside")
    assert months[0] == (109.633, 109.633, 109.633, 109.633, 10_000.0, 3, 109.633, False)
    june = months[1]
    assert june[:6] == (115.0, 131.88, 115.0, 131.88, 22_000.0, 12)
    assert near(
        [june[6]],
        [(Fraction("115.000") * 10 + Fraction("120.888") * 10 + Fraction("121.79") + Fraction("131.88")) / 22],
    )
    assert june[7] is True
    weeks = shown(store, "1w", "all", "open", "close", "volume", "ex_inside")
    assert [week[3] for week in weeks] == [False] * 4  # the ex-date is a Monday
    assert weeks[1] == (115.0, 120.888, 20_000.0, False)
    raw = store.bars("DAY", "1mo")
    assert raw["high"].to_pylist() == [1096.33, 1208.88, 124.3]


def test_dividends_inside_of_a_month_are_told_apart(store: SessionStore) -> None:
    days(store, {"2024-05-01": "100", "2024-05-09": "100", "2024-05-10": "50", "2024-05-31": "60"})
    act(store, "cash_dividend", {"2024-05-10": 20})
    (month,) = shown(store, "1mo", "all", "open", "high", "low", "close", "dividend_factor", "ex_inside")
    assert month == (80.0, 80.0, 50.0, 60.0, 1.0, True)
    (split,) = shown(store, "1mo", "split", "open", "high", "low", "close", "ex_inside")
    assert split == (100.0, 100.0, 50.0, 60.0, True)


def test_bars_outside_of_sessions_are_of_the_day_that_the_clock_shows(store: SessionStore) -> None:
    """After the close of the day before, bars are before the split; before the open of the ex-date they are not."""
    stamps = ["2024-06-07T19:59Z", "2024-06-07T23:30Z", "2024-06-10T09:00Z", "2024-06-10T13:30Z"]
    prices = [1208.0, 1209.0, 121.0, 122.0]
    columns = {name: prices for name in ("open", "high", "low", "close")}
    table = pa.table({"timestamp": stamps, **columns, "volume": [1.0] * 4})
    SessionCoordinator(store).load(table, "MIN", "1m", sparse=True)
    act(store, "split", {"2024-06-10": 10}, "MIN")
    assert shown(store, "1m", "all", "close", symbol="MIN") == [(120.8,), (120.9,), (121.0,), (122.0,)]
    early = SessionCoordinator(store).delete_bars("MIN", "1m", "2024-06-10T13:30Z")
    assert early.deleted == 1  # the newest is one before the open of the ex-date, and after it by the clock
    assert shown(store, "1m", "all", "close", symbol="MIN") == [(120.8,), (120.9,), (121.0,)]


def test_without_days_the_close_is_that_of_the_longest_bar_below(store: SessionStore) -> None:
    stamps = ["2024-06-07T19:00Z", "2024-06-07T19:59Z", "2024-06-07T20:30Z", "2024-06-10T13:30Z"]
    prices = [200.0, 100.0, 400.0, 90.0]  # the third lies after the close, and counts for nothing
    columns = {name: prices for name in ("open", "high", "low", "close")}
    SessionCoordinator(store).load(
        pa.table({"timestamp": stamps, **columns, "volume": [1.0] * 4}), "MIN", "1m", sparse=True
    )
    DataProcessor(store).process()
    act(store, "cash_dividend", {"2024-06-10": 10}, "MIN")
    assert shown(store, "1m", "all", "close", symbol="MIN") == [(180.0,), (90.0,), (360.0,), (90.0,)]
    assert [row[0] for row in shown(store, "1h", "all", "close", symbol="MIN")] == [180.0, 90.0, 90.0]


def test_bars_that_nothing_shorter_is_kept_of_have_the_factors_of_their_end(store: SessionStore) -> None:
    prices = [100.0, 100.0, 50.0, 50.0]
    columns = {name: prices for name in ("open", "high", "low", "close")}
    mondays = ["2024-06-03", "2024-06-10", "2024-06-17", "2024-06-24"]
    SessionCoordinator(store).load(pa.table({"date": mondays, **columns, "volume": [8.0] * 4}), "WEEK", "1w")
    DataProcessor(store).process()
    act(store, "split", {"2024-06-12": 2}, "WEEK")
    weeks = shown(store, "1w", "all", "close", "volume", "ex_inside", symbol="WEEK")
    assert weeks == [(50.0, 16.0, False), (100.0, 8.0, True), (50.0, 8.0, False), (50.0, 8.0, False)]
    pairs = shown(store, "2w", "all", "open", "close", "volume", "ex_inside", symbol="WEEK")
    assert (100.0, 50.0, 16.0, True) in pairs


def test_a_dividend_with_no_close_before_it_is_refused_where_it_would_count(store: SessionStore) -> None:
    days(store, {"2024-06-07": "10", "2024-06-10": "9", "2024-06-11": "9"})
    act(store, "cash_dividend", {"2024-06-07": 1, "2024-06-10": 12})
    with pytest.raises(InputError, match="the dividend of DAY on 2024-06-10 cannot be accounted for"):
        store.bars("DAY", "1d", adjust="all")
    assert store.bars("DAY", "1d", "2024-06-10", adjust="all")["close"].to_pylist() == [9.0, 9.0]
    assert store.bars("DAY", "1d", adjust="split")["close"].to_pylist() == [10.0, 9.0, 9.0]
    view = store.sql("SELECT close, dividend_factor FROM bars_adjusted WHERE interval = '1d' ORDER BY bar_start")
    assert view["close"].to_pylist() == [None, 9.0, 9.0]
    with pytest.raises(InputError, match="the dividend of DAY on 2024-06-10 cannot be accounted for"):
        store.bars("DAY", "1mo", adjust="all")  # the month began before it
    month = "SELECT open, high, low, close, vwap, volume FROM bars_adjusted WHERE interval = '1mo'"
    assert [tuple(row.values()) for row in store.sql(month).to_pylist()] == [(None, None, None, None, None, 3000.0)]
    SessionCoordinator(store).delete_actions("DAY", "2024-06-10")
    assert store.bars("DAY", "1d", adjust="all")["close"].to_pylist() == [
        10.0,
        9.0,
        9.0,
    ]  # nothing came before the other


# --------------------------------------------------------------------------------------------- as of, and the rest


def test_any_instant_has_the_actions_that_were_known_then(store: SessionStore) -> None:
    closes = {"2024-06-06": "1209.98", "2024-06-07": "1208.88", "2024-06-10": "121.79", "2024-06-11": "120.91"}
    days(store, closes)
    told = [(store.now(), store.bars("DAY", "1mo", adjust="all"), store.adjustments("DAY"))]
    coordinator = SessionCoordinator(store)
    for change in (
        lambda: act(store, "split", {"2024-06-10": 9}),
        lambda: act(store, "split", {"2024-06-10": 10}),
        lambda: act(store, "cash_dividend", {"2024-06-11": "0.01"}),
        lambda: coordinator.delete_actions("DAY", "2024-06-11"),
        lambda: days(store, {"2024-06-07": "1200.00"}),
        lambda: coordinator.delete_actions("DAY", "2024-06-10"),
        lambda: coordinator.remove_symbol("DAY"),
    ):
        change()
        if "DAY" in store.get_active_symbols():
            told.append((store.now(), store.bars("DAY", "1mo", adjust="all"), store.adjustments("DAY")))
    assert len({str(bars.to_pylist()) for _, bars, _ in told}) == 6  # each change but for one undid none before it
    for instant, bars, factors in told:
        assert store.bars("DAY", "1mo", adjust="all", as_of=instant).equals(bars)
        assert store.adjustments("DAY", as_of=instant).equals(factors)


def test_columns_ranges_and_several_symbols(store: SessionStore) -> None:
    days(store, NVDA)
    act(store, "split", NVDA_SPLITS)
    two = store.bars("DAY", "1d", adjust="all", last=2)
    assert two["close"].to_pylist() == [121.79, 138.25]
    some = store.bars("DAY", "1d", end="2021-07-20", adjust="split", columns=["split_factor", "close"])
    assert some.to_pylist() == [{"split_factor": 40.0, "close": 751.19 / 40}]
    with pytest.raises(InputError, match="bars have no column 'prices'"):
        store.bars("DAY", "1d", adjust="split", columns=["prices"])
    with pytest.raises(InputError, match="adjust='both' is nothing to adjust for; give 'split' or 'all'"):
        store.bars("DAY", "1d", adjust="both")
    assert store.bars("DAY", "1d", "2024-06-10", "2024-06-10", adjust="all").num_rows == 0
    live = store.bars("DAY", "1d", adjust="all", live=True)
    assert live.drop_columns(["forming"]).equals(store.bars("DAY", "1d", adjust="all"))


def test_several_symbols_have_each_their_own_factors(store: SessionStore) -> None:
    SessionCoordinator(store).register("OTHER", ["1d"], "XNYS")
    days(store, NVDA)
    days(store, {"2024-06-07": "10", "2024-06-10": "20"}, "OTHER")
    act(store, "split", NVDA_SPLITS)
    act(store, "split", {"2024-06-10": 0.5}, "OTHER")
    both = store.bars(["OTHER", "DAY"], "1d", "2024-06-07", "2024-06-11", adjust="all")
    assert both.select(["symbol", "close", "split_factor"]).to_pylist() == [
        {"symbol": "DAY", "close": 1208.88 / 10, "split_factor": 10.0},
        {"symbol": "DAY", "close": 121.79, "split_factor": 1.0},
        {"symbol": "OTHER", "close": 20.0, "split_factor": 0.5},
        {"symbol": "OTHER", "close": 20.0, "split_factor": 1.0},
    ]
    assert store.actions("other")["ratio"].to_pylist() == [0.5]
    assert store.actions().num_rows == 3
    with pytest.raises(UnknownSymbolError):
        store.adjustments("NOBODY")


def test_days_that_are_given_up_leave_weeks_as_they_were(store: SessionStore) -> None:
    """Of a week whose days are gone the factors of its end are all there is to adjust by."""
    days(store, {"2024-05-06": "40", "2024-05-08": "20", "2024-06-10": "20", "2024-06-11": "21"})
    act(store, "split", {"2024-05-08": 2})
    assert shown(store, "1w", "all", "open", "close", "ex_inside")[0] == (20.0, 20.0, True)
    SessionCoordinator(store).purge_bars("DAY", "1d", "2024-06-01")
    assert shown(store, "1w", "all", "open", "close", "ex_inside")[0] == (40.0, 20.0, True)


def test_a_close_that_is_corrected_moves_the_factor(store: SessionStore) -> None:
    days(store, {"2024-06-07": "10", "2024-06-10": "9"})
    act(store, "cash_dividend", {"2024-06-10": 1})
    assert [row[0] for row in shown(store, "1d", "all", "dividend_factor")] == [1 - 1 / 10, 1.0]
    days(store, {"2024-06-07": "8"})
    assert shown(store, "1d", "all", "close", "dividend_factor") == [(7.0, 1 - 1 / 8), (9.0, 1.0)]
