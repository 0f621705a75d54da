"""Rows that cannot be taken and show that others are misread: a second header, days taken for months."""

from __future__ import annotations

import ast
import re
from datetime import date, timedelta
from itertools import permutations
from pathlib import Path

import pytest
from load_kit import HEADER, Bench, lines, unchanged

from barhouse.store.errors import InputError, OptionsError, StampsError

PRICES = ("open", "high", "low", "close")
#: A minute that says the same in any order of its columns.
FLAT = "2024-11-26T14:31:00Z,10,10,10,10,10"
DAYS = [date(2024, 1, 1) + timedelta(days=number) for number in range(31)]


@pytest.mark.parametrize("short", [False, True])
def test_another_header_among_the_rows_is_refused_where_it_names_another_order(bench: Bench, short: bool) -> None:
    """Of files put together each has its own header; below it values would go where the first one says."""
    first = lines(["2024-11-26T14:30:00Z"])
    for order in permutations(PRICES):
        again = ",".join(("T", *(name[0].upper() for name in order), "V") if short else ("date", *order, "volume"))
        if order == PRICES:
            continue
        with unchanged(bench), pytest.raises(OptionsError, match=r"row 2 of .* is another header"):
            bench.load_lines(*first, again, FLAT)
    report = bench.load_lines(*first, HEADER, FLAT)  # the same again is a line that is no bar
    assert (report.inserted, report.rejected) == (2, 1)


def test_a_header_that_the_one_said_does_not_fit_is_refused(bench: Bench) -> None:
    said = ["timestamp", "low", "high", "open", "close", "volume"]
    path = bench.write(FLAT, header="Stamp,O,H,L,C,V")
    with unchanged(bench), pytest.raises(OptionsError, match=r"row 1 of .* is another header"):
        bench.load(path, header=said)
    assert bench.load(bench.write(FLAT, header="1,2,3,4,5,6"), header=said).inserted == 1


@pytest.mark.parametrize("header_at", [0, 1])
@pytest.mark.parametrize("short", [False, True])
def test_a_header_that_is_passed_over_is_not_contradicted(bench: Bench, header_at: int, short: bool) -> None:
    """The columns are called as was said, in the order in which the lines passed over have them, or not at all."""
    bench.coordinator.register("DAY", ["1d"], "24/7")
    said = ["timestamp", "close", "high", "low", "open", "volume"]
    for order in permutations(PRICES):
        names = ",".join(("Price", *(name[0].upper() if short else name.title() for name in order), "Volume"))
        before = [names, "Ticker,DAY,DAY,DAY,DAY,DAY"]
        values = {"open": 11, "high": 14, "low": 10, "close": 12}
        row = ",".join(("2024-11-26", *(str(values[name]) for name in order), "7"))
        path = bench.write(before[1 - header_at], "Date,,,,,", row, header=before[header_at])
        if ["timestamp", *order, "volume"] == said:
            assert bench.load(path, "1d", "DAY", skip_rows=3, header=said).revised == 0
            continue
        with (
            unchanged(bench),
            pytest.raises(OptionsError, match=rf"line {header_at + 1} of .*, in another order") as told,
        ):
            bench.load(path, "1d", "DAY", skip_rows=3, header=said)
        (way,) = re.findall(r"say header=(\[.*\])", str(told.value))
        report = bench.load(path, "1d", "DAY", skip_rows=3, header=ast.literal_eval(way))
        assert (report.rows, report.revised, report.named) == (1, 0, None), "it says how, and that are the same bars"
    (bar,) = bench.bars("DAY", "1d")
    assert {name: bar[name] for name in PRICES} == {"open": 11, "high": 14, "low": 10, "close": 12}


def test_a_symbol_in_lines_that_are_passed_over_is_said(kinds: Bench) -> None:
    def written(*symbols: str) -> Path:
        names = ["Open", "High", "Low", "Close", "Volume"]
        columns = ",".join(["Price", *names * len(symbols)])
        ticker = ",".join(["Ticker", *(symbol for symbol in symbols for _ in names)])
        return kinds.write(columns, "Date" + "," * 5, "2024-11-26" + ",1" * 5 * len(symbols), header=ticker)

    said = {"skip_rows": 3, "header": ["timestamp", *PRICES, "volume"], "interval": "1d", "symbol": "BTCDAY"}
    assert kinds.load(written("btc-day"), **said).named is None
    assert kinds.load(written("ETHDAY"), **said).named == "ETHDAY"
    with unchanged(kinds), pytest.raises(OptionsError, match=r"line 1 of .* names 2 symbols \(BTCDAY, ETHDAY\)"):
        kinds.load(written("BTCDAY", "ETHDAY"), **said)


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y", "%m-%d-%Y"])
def test_days_are_not_taken_for_months(kinds: Bench, form: str) -> None:
    """Twelve days of each month would be other days, and the others rejected."""
    exchanged = form.translate(str.maketrans("dm", "md"))
    rows = lines(f"{day:{form}}" for day in DAYS)
    with unchanged(kinds), pytest.raises(StampsError, match=f"'{exchanged}'.*day and month exchanged.*'{form}'"):
        kinds.load_lines(*rows, interval="1d", symbol="BTCDAY", timestamp_format=exchanged)
    report = kinds.load_lines(*rows, "soon,1,1,1,1,1", interval="1d", symbol="BTCDAY", timestamp_format=form)
    assert (report.inserted, report.rejected) == (31, 1)
    assert [bar["session_date"] for bar in kinds.bars("BTCDAY", "1d")] == DAYS


def test_days_that_all_could_be_months_are_too_far_apart(kinds: Bench) -> None:
    rows = lines(f"{day:%m/%d/%Y}" for day in DAYS[:12])
    with unchanged(kinds), pytest.raises(InputError, match=r"are 1mo long.* check how stamps are said to be written"):
        kinds.load_lines(*rows, interval="1d", symbol="BTCDAY", timestamp_format="%d/%m/%Y")
    assert kinds.load_lines(*rows, interval="1d", symbol="BTCDAY", timestamp_format="%m/%d/%Y").inserted == 12


def test_days_in_a_column_of_their_own_are_not_taken_for_months(kinds: Bench) -> None:
    rows = [f"{day:%m/%d/%Y},10:00,10,11,9,10,5" for day in DAYS]
    how = {"columns": {"bar_start": ["Date", "Time"]}, "timezone": "UTC"}
    path = kinds.write(*rows, header="Date,Time,open,high,low,close,volume")
    with unchanged(kinds), pytest.raises(StampsError, match="'%m/%d/%Y %H:%M'"):
        kinds.load(path, "30m", "BTC", timestamp_format="%d/%m/%Y %H:%M", **how)
