"""Stamps: zones, clock changes, offsets, epochs, labels, dates of sessions, and the limits of time."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from load_kit import NEW_YORK, Bench, line, lines, unchanged

from barhouse.store.errors import InputError, OptionsError, SourceError


def load(bench: Bench, *stamps: str, **options: Any) -> dict[int | None, str]:
    """Load bars at these stamps, their volume counting them; returns why rows were left out."""
    report = bench.load_lines(*(line(stamp, volume=number) for number, stamp in enumerate(stamps, 1)), **options)
    assert report.rows == len(stamps)
    return bench.reasons(report.batch_id)


def volumes(bench: Bench, symbol: str, interval: str) -> dict[str, float]:
    """The volume of each bar, by its start in UTC."""
    return {f"{bar['bar_start']:%m-%d %H:%M}": bar["volume"] for bar in bench.bars(symbol, interval)}


def test_stamps_without_a_zone_are_never_guessed(shared_bench: Bench) -> None:
    for stamps in (["2024-11-26 10:00"], ["2024-11-26T15:00:00Z", "2024-11-26 10:01:00"], ["2024-11-26"]):
        with (
            unchanged(shared_bench),
            pytest.raises(SourceError, match="1 stamp without a time zone; say which one it is in with"),
        ):
            load(shared_bench, *stamps)


def test_offsets_in_the_text_are_obeyed(bench: Bench) -> None:
    stamps = [
        "2024-11-26T15:00:00Z",
        "2024-11-26 10:01:00-05:00",
        "2024-11-26 10:02:00-0500",
        "2024-11-26 10:03-05",
        "2024-11-26 20:34:00+05:30",
        "2024-11-26 15:05:00 UTC",
        "2024-11-26T15:06:00.000Z",
        "2024-11-26T15:07:00.000000+00:00",
        "2024-11-27 00:08:00+09",
    ]
    assert load(bench, *stamps, timezone="Asia/Tokyo") == {}, "the zone is for stamps without one"
    assert list(volumes(bench, "SPY", "1m").values()) == list(range(1, 10))
    assert bench.starts() == [f"2024-11-26 15:0{minute}" for minute in range(9)]


def test_summer_and_winter(bench: Bench) -> None:
    assert load(bench, "2024-03-08 09:30", "2024-03-11 09:30", "2024-11-04 09:30", timezone=NEW_YORK) == {}
    assert bench.starts() == ["2024-03-08 14:30", "2024-03-11 13:30", "2024-11-04 14:30"]


def test_an_hour_that_the_clock_skips(kinds: Bench) -> None:
    reasons = load(
        kinds,
        *("2024-03-10 01:30", "2024-03-10 02:00", "2024-03-10 02:30", "2024-03-10 03:00"),
        interval="30m",
        symbol="BTC",
        timezone=NEW_YORK,
    )
    assert volumes(kinds, "BTC", "30m") == {"03-10 06:30": 1, "03-10 07:00": 4}
    assert {number: "no such local time" in reason for number, reason in reasons.items()} == {2: True, 3: True}


# The clock goes back at 02:00 summer time, 06:00 UTC: half hours of New York, and what they are in UTC.
FALL = [f"2024-11-03 {hour:02}:{minute:02}" for hour in (0, 1, 1, 2) for minute in (0, 30)]
FALL_UTC = [f"11-03 {hour:02}:{minute:02}" for hour in (4, 5, 6, 7) for minute in (0, 30)]


@pytest.mark.parametrize(
    ("ambiguous", "taken"),
    [
        ("reject", {"11-03 04:00": 1, "11-03 04:30": 2, "11-03 07:00": 7, "11-03 07:30": 8}),
        (
            "first",
            {"11-03 04:00": 1, "11-03 04:30": 2, "11-03 05:00": 5, "11-03 05:30": 6}
            | {"11-03 07:00": 7, "11-03 07:30": 8},
        ),
        (
            "second",
            {"11-03 04:00": 1, "11-03 04:30": 2, "11-03 06:00": 5, "11-03 06:30": 6}
            | {"11-03 07:00": 7, "11-03 07:30": 8},
        ),
        ("infer", dict(zip(FALL_UTC, range(1, 9), strict=True))),
    ],
)
def test_an_hour_that_the_clock_shows_twice(kinds: Bench, ambiguous: str, taken: dict[str, float]) -> None:
    reasons = load(kinds, *FALL, interval="30m", symbol="BTC", timezone=NEW_YORK, ambiguous=ambiguous)
    assert volumes(kinds, "BTC", "30m") == taken
    if ambiguous == "reject":
        assert list(reasons) == [3, 4, 5, 6]
        assert all("the option ambiguous" in reason for reason in reasons.values())


@pytest.mark.parametrize("label", ["start", "end"])
def test_the_order_tells_also_in_a_file_that_is_newest_first(kinds: Bench, label: str) -> None:
    rows = [line(stamp, volume=number) for number, stamp in enumerate(FALL, 1)]
    options: dict[str, Any] = {"interval": "30m", "timezone": NEW_YORK, "ambiguous": "infer", "label": label}
    assert kinds.load_lines(*rows, symbol="BTC", **options).inserted == 8
    assert kinds.load_lines(*rows[::-1], symbol="BTC", **options).unchanged == 8
    first = {"start": "11-03 04:00", "end": "11-03 03:30"}[label]
    assert next(iter(volumes(kinds, "BTC", "30m").items())) == (first, 1)
    assert list(volumes(kinds, "BTC", "30m").values()) == list(range(1, 9))


@pytest.mark.parametrize("spelled", [("BTC", "BTC"), ("BTC", " BTC ")])
def test_the_order_tells_for_each_symbol_by_itself(kinds: Bench, spelled: tuple[str, str]) -> None:
    """One runs forward and one backward, row by row; a symbol is one however it is spelled."""
    mixed = []
    for number, (stamp, backward) in enumerate(zip(FALL, FALL[::-1], strict=True)):
        mixed.append(f"{spelled[number % 2]},{line(stamp, volume=number + 1)}")
        mixed.append(f"ETH,{line(backward, volume=8 - number)}")
    path = kinds.write(*mixed, header="symbol,timestamp,open,high,low,close,volume")
    report = kinds.load(path, "30m", None, timezone=NEW_YORK, ambiguous="infer")
    assert report.rejected == 0
    expected = dict(zip(FALL_UTC, range(1, 9), strict=True))
    assert volumes(kinds, "BTC", "30m") == expected
    assert volumes(kinds, "ETH", "30m") == expected


def test_where_the_order_does_not_tell_it_is_rejected(kinds: Bench) -> None:
    reasons = load(kinds, *FALL[:4], *FALL[6:], interval="30m", symbol="BTC", timezone=NEW_YORK, ambiguous="infer")
    assert list(reasons) == [3, 4], "one pass alone could be either"


@pytest.mark.parametrize(
    ("form", "stamps"),
    [
        ("epoch_s", ["1732633200", "1732633260"]),
        ("epoch_s", ["1732633200.0", "1732633260.0"]),
        ("epoch_ms", ["1732633200000", "1732633260000"]),
        ("epoch_us", ["1732633200000000", "1732633260000000"]),
        ("epoch_ns", ["1732633200000000000", "1732633260000000000"]),
        ("%m/%d/%Y %I:%M %p %z", ["11/26/2024 10:00 AM -0500", "11/26/2024 03:01 PM +0000"]),
    ],
)
def test_formats_that_name_an_instant(bench: Bench, form: str, stamps: list[str]) -> None:
    assert load(bench, *stamps, timestamp_format=form) == {}
    assert bench.starts() == ["2024-11-26 15:00", "2024-11-26 15:01"]


def test_formats_that_do_not(bench: Bench) -> None:
    with unchanged(bench), pytest.raises(SourceError, match="without a time zone"):
        load(bench, "11/26/2024 10:00", timestamp_format="%m/%d/%Y %H:%M")
    reasons = load(
        bench,
        *("11/26/2024 10:00", "11/26/2024 9:31", "26/11/2024 10:02"),
        timestamp_format="%m/%d/%Y %H:%M",
        timezone=NEW_YORK,
    )
    assert reasons == {3: "the stamp cannot be read"}
    assert bench.starts() == ["2024-11-26 14:31", "2024-11-26 15:00"]


def test_epochs_as_numbers(bench: Bench) -> None:
    columns = {part: [10.0, 10.0] for part in ("open", "high", "low", "close", "volume")}
    whole = pa.table({"t": [1732633200, 1732633260], **columns})
    assert bench.load(whole, timestamp_format="epoch_s").inserted == 2
    fractions = pa.table({"t": [1732633200000.0, float("nan")], **columns})
    report = bench.load(fractions, timestamp_format="epoch_ms")
    assert (report.unchanged, report.rejected) == (1, 1)


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("epoch_s", "1732633200", "999999999999999999"),
        ("epoch_s", "1732633200", "1732633260000"),
        ("epoch_ms", "1732633200000", "9999999999999999"),
        ("epoch_ns", "1732633200000000000", "1e30"),
        ("epoch_s", "1732633200", "abc"),
        (None, "2024-11-26T15:00:00Z", "99999-01-01T00:00:00Z"),
        (None, "2024-11-26T15:00:00Z", "9999-12-31T23:59:59Z"),
        (None, "2024-11-26T15:00:00Z", "2100-01-01T00:00:00Z"),
    ],
)
def test_an_absurd_stamp_is_one_rejected_row(bench: Bench, form: str | None, good: str, bad: str) -> None:
    reasons = load(bench, good, bad, timestamp_format=form)
    assert list(reasons) == [2]
    assert bench.starts() == ["2024-11-26 15:00"]


@pytest.mark.parametrize(
    ("stamp", "zone"), [("1969-12-31 10:00", NEW_YORK), ("1890-01-02 10:00", NEW_YORK), ("1890-01-02 10:00", None)]
)
def test_a_bar_before_the_calendar_is_known_is_rejected(bench: Bench, stamp: str, zone: str | None) -> None:
    """XNYS is known from 1970: a bar before it can be placed in no session, nor outside of one."""
    stamps = [one if zone else f"{one}:00Z" for one in ("2024-11-26 15:00", stamp)]
    reasons = load(bench, *stamps, timezone=zone)
    assert list(reasons) == [2]
    assert "XNYS" in reasons[2] and "1970-01-01" in reasons[2]
    assert len(bench.starts()) == 1


def test_far_back_within_what_is_known(bench: Bench) -> None:
    assert load(bench, "1970-01-02 10:00", "1985-07-03 10:00", "1999-12-31 10:00", timezone=NEW_YORK) == {}
    assert bench.starts() == ["1970-01-02 15:00", "1985-07-03 14:00", "1999-12-31 15:00"]
    assert bench.ask("SELECT min(known_from) AS first FROM trading_calendar")[0]["first"].year == 1970


def test_in_a_long_closure_bars_are_outside(bench: Bench) -> None:
    """Athens did not trade from 2015-06-29 to 2015-07-31; a bar there lies in no session, that is all."""
    bench.coordinator.register("OTE", ["1m"], "ASEX")
    report = bench.load_lines(*lines(["2015-06-26T09:00:00Z", "2015-07-15T09:00:00Z"]), symbol="OTE")
    assert (report.inserted, report.outside) == (2, 1)


def test_not_yet_ended(bench: Bench) -> None:
    """A bar may end five seconds after the machine's now, for clocks differ, and no later."""
    bench.now = datetime(2024, 11, 26, 15, 0, 55, tzinfo=UTC)
    reasons = load(
        bench,
        *("2024-11-26 10:00", "2024-11-26 10:01", "2024-11-26 20:00", "2024-11-27 10:00", "2024-12-30 10:00"),
        timezone=NEW_YORK,
    )
    assert reasons == {number: "the bar has not ended yet" for number in (2, 3, 4, 5)}
    bench.now = datetime(2024, 11, 26, 15, 1, 54, 999_999, tzinfo=UTC)
    assert list(load(bench, "2024-11-26T15:00:00Z", "2024-11-26T15:01:00Z")) == [2]
    bench.now = datetime(2024, 11, 26, 15, 1, 55, tzinfo=UTC)
    assert load(bench, "2024-11-26T15:00:00Z", "2024-11-26T15:01:00Z") == {}


def test_east_of_greenwich_today_is_already_tomorrow(bench: Bench) -> None:
    """At 22:30 UTC it is 10:30 of the next day in Auckland, and its exchange has been open for half an hour."""
    bench.coordinator.register("FPH", ["1m"], "XNZE")
    bench.now = datetime(2024, 6, 3, 22, 30, tzinfo=UTC)
    zone = {"symbol": "FPH", "timezone": "Pacific/Auckland"}
    # The third of June is a holiday there, the fourth a session.
    assert load(bench, "2024-06-04 10:00", "2024-06-04 10:29", **zone) == {}
    assert [f"{bar['session_date']}" for bar in bench.bars("FPH")] == ["2024-06-04"] * 2


# label="end": the stamp is the end of a bar of the grid.
END_HOURS = ["09:30", "10:30", "11:30", "16:00", "16:30", "17:00"]


def test_end_labels_find_the_bar_that_ends_there(kinds: Bench) -> None:
    reasons = load(
        kinds,
        *(f"2024-11-26 {clock}" for clock in END_HOURS),
        interval="1h",
        symbol="HOUR",
        timezone=NEW_YORK,
        label="end",
    )
    assert "off the grid" in reasons.pop(5), "15:30 to 16:30 reaches over the close"
    assert reasons == {}
    assert volumes(kinds, "HOUR", "1h") == {
        "11-26 13:30": 1,
        "11-26 14:30": 2,
        "11-26 15:30": 3,
        "11-26 20:30": 4,
        "11-26 21:00": 6,
    }
    assert [bar["session_date"] is None for bar in kinds.bars("HOUR", "1h")] == [True, False, False, False, True]


def test_end_labels_around_the_clock(kinds: Bench) -> None:
    stamps = ["2024-11-26T00:00:00Z", "2024-11-26T00:30:00Z", "2024-11-27T00:00:00Z"]
    assert load(kinds, *stamps, interval="30m", symbol="BTC", label="end") == {}
    assert volumes(kinds, "BTC", "30m") == {"11-25 23:30": 1, "11-26 00:00": 2, "11-26 23:30": 3}
    assert [f"{bar['session_date']}" for bar in kinds.bars("BTC", "30m")] == [
        "2024-11-25",
        "2024-11-26",
        "2024-11-26",
    ]


def test_end_labels_on_a_half_day(bench: Bench) -> None:
    report = bench.load_lines(
        *lines(f"2024-11-29 {clock}" for clock in ("09:30", "09:31", "13:00", "13:01")),
        timezone=NEW_YORK,
        label="end",
    )
    assert report.outside == 2
    assert bench.starts() == [f"2024-11-29 {clock}" for clock in ("14:29", "14:30", "17:59", "18:00")]


DAYS: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "dates": ({}, ["2024-11-27", "2024-11-26", "2024-11-29"], ["11-27", "11-26", "11-29"]),
    "midnights": ({}, ["2024-11-26 00:00:00", "2024-11-29T00:00"], ["11-26", "11-29"]),
    "midnights in zones of their own": (
        {},
        ["2024-11-26T00:00:00-05:00", "2024-11-27T00:00:00Z", "2024-11-29T00:00:00+09:00"],
        ["11-26", "11-27", "11-29"],
    ),
    "opens": (
        {"timezone": NEW_YORK},
        ["2024-11-26 09:30:00", "2024-11-27T14:30:00Z", "2024-11-29"],
        ["11-26", "11-27", "11-29"],
    ),
    "closes": (
        {"timezone": NEW_YORK, "label": "end"},
        ["2024-11-26 16:00", "2024-11-29 13:00", "2024-11-27T21:00:00Z"],
        ["11-26", "11-29", "11-27"],
    ),
    "midnights after them": (
        {"label": "end"},
        ["2024-11-27 00:00:00", "2024-11-28T00:00:00-05:00", "2024-11-30T00:00:00Z"],
        ["11-26", "11-27", "11-29"],
    ),
    "a format": ({"timestamp_format": "%d.%m.%Y"}, ["26.11.2024", "29.11.2024"], ["11-26", "11-29"]),
    "digits": ({"timestamp_format": "%Y%m%d"}, ["20241126"], ["11-26"]),
    "a format with a zone": (
        {"timestamp_format": "%Y-%m-%d %H:%M:%S %z"},
        ["2024-11-26 00:00:00 -0500", "2024-11-27 09:30:00 -0500"],
        ["11-26", "11-27"],
    ),
    "an epoch": ({"timestamp_format": "epoch_s"}, ["1732579200", "1732717800"], ["11-26", "11-27"]),
}


@pytest.mark.parametrize("make", DAYS)
def test_bars_of_days_are_named_by_their_date(kinds: Bench, make: str) -> None:
    options, stamps, days = DAYS[make]
    assert load(kinds, *stamps, interval="1d", symbol="DAY", **options) == {}
    taken = {f"{bar['session_date']:%m-%d}": bar["volume"] for bar in kinds.bars("DAY", "1d")}
    assert taken == {day: number for number, day in enumerate(days, 1)}


@pytest.mark.parametrize(
    ("interval", "stamps", "starts"),
    [
        ("1d", ["2024-01-02T00:00Z", "2024-01-03T00:00Z"], ["2024-01-01", "2024-01-02"]),
        ("3d", ["2024-01-04T00:00Z"], ["2024-01-01"]),
        ("1w", ["2024-01-08T00:00Z", "2024-01-15T00:00Z"], ["2024-01-01", "2024-01-08"]),
        ("1mo", ["2024-02-01T00:00Z", "2024-03-01T00:00Z"], ["2024-01-01", "2024-02-01"]),
    ],
)
def test_end_labels_of_days_and_longer_around_the_clock(
    kinds: Bench, interval: str, stamps: list[str], starts: list[str]
) -> None:
    kinds.coordinator.register("COIN", intervals=[interval], calendar="24/7", base=interval)
    assert load(kinds, *stamps, interval=interval, symbol="COIN", label="end") == {}
    assert [f"{bar['bar_start']:%Y-%m-%d}" for bar in kinds.bars("COIN", interval)] == starts


@pytest.mark.parametrize(
    ("interval", "stamps", "days"),
    [
        # Friday's close; the Saturday after a Friday; the Monday after a week that ends with a half Friday.
        ("1w", ["2024-11-15T21:00:00Z", "2024-11-23 00:00:00", "2024-12-02 00:00:00"], ["11-11", "11-18", "11-25"]),
        ("1mo", ["2024-08-30T20:00:00Z", "2024-10-01 00:00:00", "2024-11-01 00:00:00"], ["08-01", "09-03", "10-01"]),
    ],
)
def test_end_labels_of_weeks_and_months(kinds: Bench, interval: str, stamps: list[str], days: list[str]) -> None:
    kinds.coordinator.register("LONG", intervals=[interval], calendar="XNYS", base=interval)
    assert load(kinds, *stamps, interval=interval, symbol="LONG", label="end") == {}
    assert [f"{bar['session_date']:%m-%d}" for bar in kinds.bars("LONG", interval)] == days


def test_a_midnight_that_is_a_close_elsewhere_is_that_close(kinds: Bench) -> None:
    # 16:00 in Sydney is midnight in New York, of the same date.
    kinds.coordinator.register("CBA", intervals=["1d"], calendar="XASX", base="1d")
    assert load(kinds, "2024-11-26T00:00:00-05:00", interval="1d", symbol="CBA", label="end") == {}
    assert [f"{bar['session_date']}" for bar in kinds.bars("CBA", "1d")] == ["2024-11-26"]


@pytest.mark.parametrize("stamp", ["2024-11-27 09:30:00", "2024-11-24 00:00:00", "2024-11-29 00:00:00"])
def test_a_stamp_at_which_no_session_ends_is_rejected(kinds: Bench, stamp: str) -> None:
    zone = {"timezone": NEW_YORK, "label": "end"}
    reasons = load(kinds, "2024-11-26 16:00:00", stamp, interval="1d", symbol="DAY", **zone)
    assert "no session ends at this stamp; a 1d bar labelled by its end is stamped with the close" in reasons.pop(2)
    assert reasons == {}


@pytest.mark.parametrize("options", [{}, {"timezone": NEW_YORK}, {"timestamp_format": "%Y-%m-%d"}], ids=str)
def test_a_date_is_no_end_of_a_bar(kinds: Bench, options: dict[str, Any]) -> None:
    with pytest.raises(OptionsError, match=r"has 2 dates among its stamps: .*; say label=.start. where"):
        load(kinds, "2024-11-26", "2024-11-27", interval="1d", symbol="DAY", label="end", **options)
    rest = {part: [10.0] for part in ("open", "high", "low", "close", "volume")}
    frame = pa.table({"date": pa.array([date(2024, 11, 26)]), **rest})
    with pytest.raises(OptionsError, match="has 1 date among its stamps"):
        kinds.load(frame, "1d", "DAY", label="end")
    assert kinds.bars("DAY", "1d") == []


def test_dates_in_frames(kinds: Bench) -> None:
    rest = {part: [10.0, 10.0] for part in ("open", "high", "low", "close", "volume")}
    days = [datetime(2024, 11, 26), datetime(2024, 11, 29)]
    dates = pa.table({"date": pa.array([day.date() for day in days]), **rest})
    assert kinds.load(dates, "1d", "DAY").inserted == 2
    naive = pa.table({"date": pa.array(days, pa.timestamp("us")), **rest})
    assert kinds.load(naive, "1d", "DAY").unchanged == 2
    for zone, hour in (("America/New_York", 5), ("UTC", 0), ("Asia/Tokyo", 15)):
        midnights = [datetime(2024, 11, day - (hour == 15), hour, tzinfo=UTC) for day in (26, 29)]
        aware = pa.table({"date": pa.array(midnights, pa.timestamp("us", zone)), **rest})
        assert kinds.load(aware, "1d", "DAY").unchanged == 2, zone
    bars = kinds.bars("DAY", "1d")
    assert [f"{bar['bar_start']:%d %H:%M} {bar['bar_end']:%d %H:%M}" for bar in bars] == [
        "26 14:30 26 21:00",
        "29 14:30 29 18:00",
    ]
    assert [(bar["base_count"], bar["expected_count"]) for bar in bars] == [(1, 1), (1, 1)]


def test_a_date_without_a_session(kinds: Bench) -> None:
    reasons = load(
        kinds,
        *("2024-11-27", "2024-11-28", "2024-11-30", "2024-11-29 10:00"),
        interval="1d",
        symbol="DAY",
        timezone=NEW_YORK,
    )
    assert list(reasons) == [2, 3, 4], "Thanksgiving, a Saturday, and neither midnight nor the open"
    assert all("no session" in reason for reason in reasons.values())


def test_times_of_day_need_a_zone_for_days_too(kinds: Bench) -> None:
    with unchanged(kinds), pytest.raises(SourceError, match="1 stamp without a time zone; say which one it is in with"):
        load(kinds, "2024-11-26", "2024-11-27 09:30", interval="1d", symbol="DAY")


# Labor Day was Monday 2024-09-02, and the first of September a Sunday: the session they name is the third.
@pytest.mark.parametrize(
    ("symbol", "interval", "taken", "refused"),
    [
        ("WEEK", "1w", ["2024-09-02", "2024-09-09", "2024-09-16 13:30:00Z"], ["2024-09-04", "2024-09-08"]),
        ("WEEK", "1w", ["2024-09-03", "2024-09-09"], ["2024-09-10", "2024-09-15"]),
        ("MONTH", "1mo", ["2024-09-01", "2024-10-01"], ["2024-09-02", "2024-10-02"]),
        ("MONTH", "1mo", ["2024-09-03", "2024-06-01"], ["2024-09-30"]),
    ],
)
def test_weeks_and_months(kinds: Bench, symbol: str, interval: str, taken: list[str], refused: list[str]) -> None:
    reasons = load(kinds, *taken, *refused, interval=interval, symbol=symbol)
    assert list(reasons) == list(range(len(taken) + 1, len(taken) + len(refused) + 1))
    first = next(bar for bar in kinds.bars(symbol, interval) if bar["bar_start"].month == 9)
    assert f"{first['bar_start']:%Y-%m-%d %H:%M}" == "2024-09-03 13:30"
    last = {"WEEK": "2024-09-06 20:00", "MONTH": "2024-09-30 20:00"}[symbol]
    assert f"{first['session_date']}" == "2024-09-03"
    assert first["base_count"] == first["expected_count"] == 1
    assert f"{first['bar_end']:%Y-%m-%d %H:%M}" == last


def test_a_week_named_both_ways_is_one_bar(kinds: Bench) -> None:
    report = kinds.load_lines(*lines(["2024-09-02", "2024-09-03"]), interval="1w", symbol="WEEK")
    assert (report.inserted, report.unchanged) == (1, 1)


def test_a_week_that_has_not_ended(kinds: Bench) -> None:
    kinds.now = datetime(2024, 9, 6, 19, 0, tzinfo=UTC)
    assert load(kinds, "2024-08-26", "2024-09-02", interval="1w", symbol="WEEK") == {2: "the bar has not ended yet"}


def test_days_around_the_clock_and_far_back(kinds: Bench) -> None:
    stamps = ["1900-01-20", "1970-01-01", "1999-12-31", "2024-12-31"]
    assert load(kinds, *stamps, interval="1d", symbol="BTCDAY") == {}
    assert kinds.starts("BTCDAY", "1d") == [f"{stamp} 00:00" for stamp in stamps]


@pytest.mark.parametrize(("form", "interval"), [("%Y%m%d", "1d"), ("%Y%m%d%H%M", "30m"), ("%Y%m%d%H%M%S", "30m")])
def test_dates_in_digits_are_read_from_numbers_and_named_for_texts(kinds: Bench, form: str, interval: str) -> None:
    symbol = {"1d": "BTCDAY", "30m": "BTC"}[interval]
    moments = [datetime(2024, 1, day, 15 if interval == "30m" else 0, tzinfo=UTC) for day in (2, 3)]
    prices = {part: [10.0, 10.0] for part in ("open", "high", "low", "close", "volume")}
    table = pa.table({"date": [int(moment.strftime(form)) for moment in moments], **prices})
    with unchanged(kinds), pytest.raises(OptionsError, match=r"holds numbers.*'%Y%m%d'"):
        kinds.load(table, interval, symbol)
    with unchanged(kinds), pytest.raises(InputError, match=f"timestamp_format='{form}'"):
        kinds.load_lines(*lines(moment.strftime(form) for moment in moments), interval=interval, symbol=symbol)
    kinds.load(table, interval, symbol, timestamp_format=form, timezone="UTC")
    assert [bar["bar_start"] for bar in kinds.bars(symbol, interval)] == moments


def test_epochs_may_be_decimals(kinds: Bench) -> None:
    prices = {part: [10.0, 10.0] for part in ("open", "high", "low", "close", "volume")}
    seconds = pa.array([1704209400, 1704211200]).cast(pa.decimal128(38, 0))
    kinds.load(pa.table({"t": seconds, **prices}), "30m", "BTC", timestamp_format="epoch_s")
    assert kinds.starts("BTC", "30m") == ["2024-01-02 15:30", "2024-01-02 16:00"]
