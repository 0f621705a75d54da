"""Stamps that can be read and cannot be meant: of another unit, of a date alone, off every grid."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from load_kit import NEW_YORK, Bench, line, lines, minutes, unchanged

from barhouse.store.errors import InputError, OptionsError, RejectedBarsError

#: How many of each unit make a second.
UNITS = {"epoch_s": 1, "epoch_ms": 10**3, "epoch_us": 10**6, "epoch_ns": 10**9}
START = 1735619880  # 2024-12-31T04:38:00Z
PRICES = ("open", "high", "low", "close", "volume")


def as_text(bench: Bench, numbers: list[int]) -> object:
    return bench.write(*lines(numbers))


def as_arrow(_: Bench, numbers: list[int]) -> pa.Table:
    return pa.table({"t": pa.array(numbers, pa.int64()), **{name: [10.0] * len(numbers) for name in PRICES}})


def as_parquet(bench: Bench, numbers: list[int]) -> object:
    pq.write_table(as_arrow(bench, numbers), bench.folder / "bars.parquet")
    return bench.folder / "bars.parquet"


def as_floats(bench: Bench, numbers: list[int]) -> object:
    return as_arrow(bench, numbers).to_pandas().astype({"t": float})


SOURCES: dict[str, Callable[[Bench, list[int]], object]] = {
    "text": as_text,
    "arrow": as_arrow,
    "parquet": as_parquet,
    "floats": as_floats,
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("interval", ["1m", "30m"])
@pytest.mark.parametrize("count", [1, 3, 2500])
def test_no_unit_is_taken_for_another(kinds: Bench, source: str, interval: str, count: int) -> None:
    """Whatever numbers count, any other unit is refused whole, naming the right one; which is taken."""
    symbol = {"1m": "COIN", "30m": "BTC"}[interval]
    kinds.coordinator.register("COIN", ["1m"], "24/7")
    step = {"1m": 60, "30m": 1800}[interval]
    first = START // 1800 * 1800
    for meant, per_second in UNITS.items():
        data = SOURCES[source](kinds, [(first + step * number) * per_second for number in range(count)])
        for said in UNITS:
            if said != meant:
                with unchanged(kinds), pytest.raises(InputError, match=f"timestamp_format='{meant}'"):
                    kinds.load(data, interval, symbol, timestamp_format=said)
        report = kinds.load(data, interval, symbol, timestamp_format=meant)
        assert (report.rows, report.rejected, report.first_bar) == (count, 0, datetime.fromtimestamp(first, UTC))


def test_days_are_not_taken_for_days_of_1970(kinds: Bench) -> None:
    days = [int(day.timestamp()) for day in pd.bdate_range("1995-01-02", "2024-12-30", tz="UTC")]
    numbers = kinds.write(*lines(day * 1000 for day in days))
    for form in ("epoch_us", "epoch_ns"):
        with unchanged(kinds), pytest.raises(InputError, match="timestamp_format='epoch_ms'"):
            kinds.load(numbers, "1d", "BTCDAY", timestamp_format=form)
    assert kinds.load(numbers, "1d", "BTCDAY", timestamp_format="epoch_ms").inserted == len(days)


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_times_that_were_made_of_numbers_of_another_unit(kinds: Bench, zone: str | None) -> None:
    stamps = pd.to_datetime([(START + 60 * number) * 1000 for number in range(3000)], unit="us").tz_localize(zone)
    frame = pd.DataFrame({"t": stamps, **dict.fromkeys(PRICES, 10.0)})
    kinds.coordinator.register("COIN", ["1m"], "24/7")
    with unchanged(kinds), pytest.raises(InputError, match=r"between 2024-12-31 04:38:00Z and .* 1000 times as long"):
        kinds.load(frame, "1m", "COIN", timezone="UTC")


def test_a_source_of_two_units_is_refused(kinds: Bench) -> None:
    kinds.coordinator.register("COIN", ["1m"], "24/7")
    for share in (1, 3):
        finer = [(START + 60 * number) * 10**6 for number in range(1000 * share)]
        coarser = [(START + 60 * number) * 1000 for number in range(-2000, 0)]
        with unchanged(kinds), pytest.raises(InputError, match="off every grid"):
            kinds.load_lines(*lines(coarser + finer), symbol="COIN", timestamp_format="epoch_us")


def test_bars_of_1970_are_taken(kinds: Bench) -> None:
    days = [86_400_000 * number for number in range(1, 100)]
    assert kinds.load_lines(*lines(days), interval="1d", symbol="BTCDAY", timestamp_format="epoch_ms").inserted == 99
    days = [86_400 * number for number in range(1, 30)]
    assert kinds.load_lines(*lines(days), interval="1d", symbol="BTCDAY", timestamp_format="epoch_s").unchanged == 29


LOST = ["1.73563E+12", "1.735619880e12", "1735619880000.5", "1_735_619_880_000", "0x1941A8C8F40", "0", "", "-"]


@pytest.mark.parametrize("lost", LOST)
def test_numbers_without_their_digits_are_no_stamps(kinds: Bench, lost: str) -> None:
    kinds.coordinator.register("COIN", ["1m"], "24/7")
    rows = [line(f"{START}000"), line(lost), line(f"{START + 60}000.0"), line(f" +{START + 120}000 ")]
    report = kinds.load_lines(*rows, symbol="COIN", timestamp_format="epoch_ms")
    assert kinds.reasons(report.batch_id) == {2: "the stamp cannot be read"}
    assert kinds.starts("COIN") == [f"2024-12-31 04:{minute}" for minute in (38, 39, 40)]
    numbers = pa.table({"t": [START + 60.0, START + 0.5, 0.0], **{name: [10.0] * 3 for name in PRICES}})
    report = kinds.load(numbers, "1m", "COIN", timestamp_format="epoch_s")
    assert list(kinds.reasons(report.batch_id)) == [2, 3]


DATES: dict[str, tuple[Callable[[Bench], object], dict[str, Any]]] = {
    "text": (lambda bench: bench.write(*lines(["2024-11-26", "2024-11-27"])), {}),
    "slashes": (lambda bench: bench.write(*lines(["2024/11/26"])), {}),
    "a format": (lambda bench: bench.write(*lines(["26.11.2024", "27.11.2024"])), {"timestamp_format": "%d.%m.%Y"}),
    "a type": (lambda _: as_dates([datetime(2024, 11, day).date() for day in (26, 27)], pa.date32()), {}),
    "midnights": (lambda _: as_dates([datetime(2024, 11, day) for day in (26, 27)], pa.timestamp("us")), {}),
}


def as_dates(values: list[Any], kind: pa.DataType) -> pa.Table:
    return pa.table({"date": pa.array(values, kind), **{name: [10.0] * len(values) for name in PRICES}})


@pytest.mark.parametrize("zone", [NEW_YORK, "UTC"])
@pytest.mark.parametrize("make", DATES)
def test_a_date_is_no_stamp_of_a_part_of_a_day(kinds: Bench, make: str, zone: str) -> None:
    build, options = DATES[make]
    for interval, symbol in (("1m", "SPY"), ("1h", "HOUR"), ("30m", "BTC")):
        with unchanged(kinds), pytest.raises(OptionsError, match="a time of day"):
            kinds.load(build(kinds), interval, symbol, timezone=zone, **options)
    report = kinds.load(build(kinds), "1d", "DAY", timezone=zone, **options)
    assert report.inserted == report.rows


def test_one_date_among_times_is_one_rejected_row(kinds: Bench) -> None:
    report = kinds.load_lines(
        line("2024-11-26"), *lines(minutes("2024-11-26 00:30", "2024-11-26 02:00", step=30)),
        symbol="BTC", interval="30m", timezone="UTC",
    )  # fmt: skip
    assert kinds.reasons(report.batch_id) == {1: "the stamp is a date without a time of day"}


def test_bars_outside_of_sessions_have_a_grid_too(bench: Bench) -> None:
    outside = ["08:00:00", "08:00:00.060", "08:00:30", "09:29:00", "16:00:00", "16:00:01", "19:59:00", "12:00:00"]
    report = bench.load_lines(*lines(f"2024-11-26 {clock}" for clock in outside), timezone=NEW_YORK)
    assert sorted(map(str, bench.reasons(report.batch_id))) == ["2", "3", "6"]
    assert all("off the grid" in reason for reason in bench.reasons(report.batch_id).values())
    assert (report.inserted, report.outside) == (5, 4)


HOURS = [f"2024-11-26 {hour:02}:00" for hour in (4, 5, 6, 7, 8, 16, 17)]


def test_no_two_bars_outside_of_sessions_overlap(kinds: Bench) -> None:
    """Hours counted from the last close start at :00, those counted back from the open at :30; each alone is taken."""
    session = [f"2024-11-26 {hour:02}:30" for hour in range(9, 16)]
    mixed = [*HOURS, "2024-11-26 05:30", *session]
    report = kinds.load_lines(*lines(mixed), interval="1h", symbol="HOUR", timezone=NEW_YORK)
    said = dict.fromkeys((2, 3, 8), "overlaps another bar outside of sessions")
    assert kinds.reasons(report.batch_id) == said, "either could be the right one"
    assert (report.inserted, report.outside) == (12, 5)
    report = kinds.load_lines(
        line("2024-11-26 07:30"), *lines(session), interval="1h", symbol="HOUR", timezone=NEW_YORK
    )
    assert list(kinds.reasons(report.batch_id)) == [1], "overlaps those that are stored"
    report = kinds.load_lines(*lines(["2024-11-27 08:30"]), interval="1h", symbol="HOUR", timezone=NEW_YORK)
    assert (report.inserted, report.outside) == (1, 1)


@pytest.mark.parametrize("seed", range(3))
def test_a_source_most_of_whose_stamps_are_off_the_grid_is_refused(bench: Bench, seed: int) -> None:
    """By whatever they are off; one that is off only here and there is loaded without those rows."""
    chosen = random.Random(seed)
    clocks = [datetime(2024, 11, 26, 14, 30) + timedelta(minutes=number) for number in range(50)]
    off = timedelta(seconds=chosen.randrange(1, 60))
    for count in (0, 1, 37, 38, 50):
        moved = set(chosen.sample(range(50), count))
        stamps = [f"{clock + off if number in moved else clock}Z" for number, clock in enumerate(clocks)]
        if count > 37:
            with (
                unchanged(bench),
                pytest.raises(RejectedBarsError, match=f"{count} of 50 stamps .* are off every grid"),
            ):
                bench.load_lines(*lines(stamps))
        else:
            assert bench.load_lines(*lines(stamps)).rejected == count


@pytest.mark.parametrize("unit", ["s", "ms"])
@pytest.mark.parametrize("times", [1000, 10**6])
def test_times_that_nobody_can_hold_are_refused_in_words(kinds: Bench, unit: str, times: int) -> None:
    """Milliseconds that were taken for seconds lie in the year 56774, which is none to Python."""
    numbers = [(START + 60 * minute) * times * (1000 if unit == "ms" else 1) for minute in range(2)]
    stamps = pa.array(numbers, pa.timestamp(unit, "UTC"))
    table = pa.table({"t": stamps, **{name: [10.0, 10.0] for name in PRICES}})
    pq.write_table(table, kinds.folder / "bars.parquet")
    kinds.coordinator.register("COIN", ["1m"], "24/7")
    for data in (table, kinds.folder / "bars.parquet"):
        with unchanged(kinds), pytest.raises(InputError, match="cannot be"):
            kinds.load(data, "1m", "COIN")
