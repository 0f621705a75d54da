"""Rows that cannot be taken and show that others are misread: a second header, days taken for months."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import permutations

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
