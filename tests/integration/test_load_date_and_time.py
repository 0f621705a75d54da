"""A date in one column and the time of day in another: one stamp, whatever both are made of."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest
from load_kit import NEW_YORK, Bench, unchanged

from barhouse.store.errors import InputError, OptionsError, RejectedBarsError, SourceError, StampsError

PRICES = {"open": [10.0] * 2, "high": [11.0] * 2, "low": [9.0] * 2, "close": [10.0] * 2, "volume": [1.0] * 2}
PAIR = {"bar_start": ["Date", "Time"]}
#: Both are 09:30 and 09:31 in New York.
WANTED = ["2024-11-26 14:30", "2024-11-26 14:31"]

DAY = dt.date(2024, 11, 26)
DATES: dict[str, Any] = {
    "date": [DAY] * 2,
    "dashes": ["2024-11-26"] * 2,
    "dots": ["2024.11.26"] * 2,
    "slashes": ["2024/11/26"] * 2,
    "digits": ["20241126"] * 2,
    "number": [20241126] * 2,
    "midnight": [dt.datetime(2024, 11, 26)] * 2,
}
TIMES: dict[str, Any] = {
    "time": [dt.time(9, 30), dt.time(9, 31)],
    "colon": ["09:30", "09:31"],
    "short": ["9:30", "9:31"],
    "seconds": ["09:30:00", "09:31:00.000"],
    "digits": ["0930", "0931"],
    "six digits": ["093000", "093100"],
    "number": [930, 931],
    "long number": [93000, 93100],
}


def frame(dates: Any, times: Any) -> pa.Table:
    return pa.table({"Date": dates, "Time": times, **PRICES})


@pytest.mark.parametrize("date", DATES)
def test_dates_and_times_of_every_type(bench_of_module: Bench, date: str) -> None:
    for time, times in TIMES.items():
        report = bench_of_module.load(frame(DATES[date], times), columns=PAIR, timezone=NEW_YORK)
        assert (report.rejected, report.rows) == (0, 2), (date, time)
        assert bench_of_module.starts() == WANTED, (date, time)


@pytest.mark.parametrize("said", [["Date", "Time"], ("date", "TIME"), "Date+Time", "date+time"])
@pytest.mark.parametrize("names", ["Date,Time", "<DATE>,<TIME>", " Date , Time "])
def test_the_two_are_named(bench: Bench, names: str, said: Any) -> None:
    header = f"{names},<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>"
    path = bench.write(*[f"2024.11.26,09:3{place},10,11,9,10,1" for place in range(2)], header=header)
    with pytest.raises(SourceError, match=r"could be bar_start.*columns={.bar_start.: \["):
        bench.load(path, timezone=NEW_YORK)
    bench.load(path, columns={"bar_start": said}, timezone=NEW_YORK)
    assert bench.starts() == WANTED


def test_a_column_whose_name_has_a_plus_is_itself(bench: Bench) -> None:
    table = frame(["2024-11-26"] * 2, ["10:00", "10:01"]).append_column("Date+Time", pa.array(WANTED))
    bench.load(table, columns={"bar_start": "Date+Time"}, timezone="UTC")
    assert bench.starts() == WANTED
    with pytest.raises(SourceError, match=r"no column 'Date\+Hour'"):
        bench.load(table, columns={"bar_start": "Date+Hour"}, timezone="UTC")


@pytest.mark.parametrize(
    ("form", "date", "times"),
    [
        ("%m/%d/%Y %H:%M", "11/26/2024", ["09:30", "09:31"]),
        ("%d.%m.%Y %H%M", "26.11.2024", [930, 931]),
        ("%Y%m%d %H%M%S", 20241126, [93000, 93100]),
        ("%m/%d/%Y %I:%M %p", "11/26/2024", ["9:30 AM", "9:31 AM"]),
        ("%Y%m%d %H%M", "20241126", ["0930", "0931"]),
    ],
)
def test_a_format_is_of_the_two_with_a_blank_between(bench: Bench, form: str, date: Any, times: Any) -> None:
    bench.load(frame([date] * 2, times), columns=PAIR, timezone=NEW_YORK, timestamp_format=form)
    assert bench.starts() == WANTED


@pytest.mark.parametrize("date", [["11/26/2024"] * 2, ["26.11.2024"] * 2])
def test_the_order_of_day_and_month_has_to_be_said(bench: Bench, date: Any) -> None:
    with unchanged(bench), pytest.raises(StampsError, match="timestamp_format="):
        bench.load(frame(date, ["09:30", "09:31"]), columns=PAIR, timezone=NEW_YORK)


def test_times_that_could_be_two_are_asked_for(bench: Bench) -> None:
    table = frame([20241126] * 2, [1000, 1100])
    with unchanged(bench), pytest.raises(OptionsError, match="timestamp_format="):
        bench.load(table, columns=PAIR, timezone=NEW_YORK)
    bench.load(table, columns=PAIR, timezone=NEW_YORK, timestamp_format="%Y%m%d %H%M")
    assert bench.starts() == ["2024-11-26 15:00", "2024-11-26 16:00"]


def test_seconds_past_midnight_without_zeros(bench: Bench) -> None:
    """2400 is no hour and minute: these are minutes and seconds."""
    bench.coordinator.register("BTC", ["1m"], "24/7")
    bench.load(frame([20241126] * 2, [100, 2400]), symbol="BTC", columns=PAIR, timezone="UTC")
    assert bench.starts("BTC") == ["2024-11-26 00:01", "2024-11-26 00:24"]


def test_rows_that_lack_a_half_or_have_a_wrong_one_are_rejected(bench: Bench) -> None:
    rows = ["2024-11-26,09:30", "2024-11-26,", ",09:31", ",", "2024-11-26,25:00", "2024-13-26,09:31", "2024-11-26,x"]
    path = bench.write(*[f"{row},10,11,9,10,1" for row in rows], header="Date,Time,open,high,low,close,volume")
    report = bench.load(path, columns=PAIR, timezone=NEW_YORK)
    assert (report.inserted, report.rejected) == (1, 6)
    assert bench.starts() == WANTED[:1]
    assert bench.reasons(report.batch_id)[2] == "the stamp is a date without a time of day"


def test_a_date_that_has_a_time_already_is_no_date(bench: Bench) -> None:
    table = frame([dt.datetime(2024, 11, 26, 9, 30)] * 2, ["09:30", "09:31"])
    with unchanged(bench), pytest.raises(RejectedBarsError):
        bench.load(table, columns=PAIR, timezone=NEW_YORK)


@pytest.mark.parametrize(
    ("dates", "times"),
    [([1.5, 2.5], ["09:30"] * 2), (["2024-11-26"] * 2, [9.5, 9.6]), ([dt.time(9, 30)] * 2, ["09:30"] * 2)],
)
def test_what_is_no_date_or_no_time(bench: Bench, dates: Any, times: Any) -> None:
    with unchanged(bench), pytest.raises(OptionsError, match="which is no"):
        bench.load(frame(dates, times), columns=PAIR, timezone=NEW_YORK)


def test_a_format_does_not_fit_what_is_typed(bench: Bench) -> None:
    for form, dates in (("%Y-%m-%d %H:%M", DATES["date"]), ("epoch_s", DATES["number"])):
        with unchanged(bench), pytest.raises(OptionsError, match="two columns"):
            bench.load(frame(dates, ["09:30", "09:31"]), columns=PAIR, timezone=NEW_YORK, timestamp_format=form)


@pytest.mark.parametrize(
    "columns", [{"open": ["a", "b"]}, {"bar_start": ["a"]}, {"bar_start": ["a", "b", "c"]}, {"bar_start": ["a", ""]}]
)
def test_only_bar_start_is_two_columns(shared_bench: Bench, columns: Any) -> None:
    with unchanged(shared_bench), pytest.raises(InputError, match="is one column"):
        shared_bench.load(frame(DATES["dashes"], TIMES["colon"]), columns=columns, timezone=NEW_YORK)


@pytest.mark.parametrize("column", ["open", None])
def test_two_volumes_that_differ_are_refused(shared_bench: Bench, column: str | None) -> None:
    with unchanged(shared_bench), pytest.raises(InputError, match="say one of them"):
        shared_bench.load(frame(["x"] * 2, ["y"] * 2), columns={"volume": column}, volume_column="volume")


def test_zones_after_the_time(bench: Bench) -> None:
    bench.load(frame(["2024.11.26"] * 2, ["09:30 -0500", "09:31:00 -05:00"]), columns=PAIR)
    assert bench.starts() == WANTED


def test_daily_bars_may_have_a_time_of_midnight(kinds: Bench) -> None:
    table = frame(["20241126", "20241127"], ["000000", "000000"])
    kinds.load(table, "1d", "DAY", columns=PAIR)
    assert [str(bar["session_date"]) for bar in kinds.bars("DAY", "1d")] == ["2024-11-26", "2024-11-27"]


def test_volumes_of_metatrader_are_told_apart(bench: Bench) -> None:
    header = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>"
    path = bench.write("2024.11.26\t09:30:00\t10\t11\t9\t10\t25\t0\t7", header=header)
    with pytest.raises(SourceError, match="could be volume: <TICKVOL>, <VOL>"):
        bench.load(path, columns=PAIR, timezone=NEW_YORK)
    bench.load(path, columns=PAIR, timezone=NEW_YORK, volume_column="<TICKVOL>")
    assert (bench.starts(), bench.bars()[0]["volume"]) == (WANTED[:1], 25.0)
