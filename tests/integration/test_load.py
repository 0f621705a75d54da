"""Loading: where bars lie, what changes when they come again, what is deleted, and how complete it all is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from load_kit import NEW_YORK, Bench, line, lines, minutes, unchanged

from barhouse.store.errors import BarhouseError, InputError, RejectedBarsError, UnknownSymbolError

DAY = minutes("2024-11-26 09:30", "2024-11-26 16:00")
HALF_DAY = minutes("2024-11-29 09:30", "2024-11-29 13:00")


def take(bench: Bench, stamps: list[str], symbol: str = "SPY", **options: Any) -> Any:
    return bench.load_lines(*lines(stamps), symbol=symbol, **({"timezone": NEW_YORK} | options))


def after_open(count: int) -> datetime:
    """So many minutes after the open of that day."""
    return datetime(2024, 11, 26, 14, 30, tzinfo=UTC) + timedelta(minutes=count)


def quality(bench: Bench, interval: str, day: str = "2024-11-26", symbol: str = "SPY") -> tuple[int, int, float]:
    (row,) = bench.ask(
        f"SELECT expected_count, present_count, quality_pct FROM coverage "
        f"WHERE symbol = '{symbol}' AND interval = '{interval}' AND session_date = '{day}'"
    )
    return row["expected_count"], row["present_count"], round(row["quality_pct"], 4)


def gaps(bench: Bench, interval: str) -> list[tuple[str, str, int, str]]:
    rows = bench.ask(f"SELECT * FROM gaps WHERE symbol = 'SPY' AND interval = '{interval}' ORDER BY gap_start")
    return [
        (f"{row['gap_start']:%d %H:%M}", f"{row['gap_end']:%d %H:%M}", row["missing_count"], row["kind"])
        for row in rows
    ]


# Where bars lie


def test_a_whole_session(bench: Bench) -> None:
    report = take(bench, DAY, symbol="spy")
    assert (report.rows, report.inserted, report.outside) == (390, 390, 0)
    assert (report.symbols, report.interval) == (("SPY",), "1m")
    bars = bench.bars()
    assert {f"{bar['session_date']}" for bar in bars} == {"2024-11-26"}
    assert {(bar["base_count"], bar["expected_count"], bar["complete"]) for bar in bars} == {(1, 1, True)}
    assert {(bar["bar_end"] - bar["bar_start"]).seconds for bar in bars} == {60}
    assert {bar["batch_id"] for bar in bars} == {report.batch_id}
    (state,) = bench.ask("SELECT * FROM intervals WHERE symbol = 'SPY' AND interval = '1m'")
    assert f"{state['complete_through']:%Y-%m-%d %H:%M}" == "2024-11-26 21:00"


def test_outside_bars_alone_begin_no_account(bench: Bench) -> None:
    take(bench, ["2024-11-26 08:00", "2024-11-26 17:00"])
    assert bench.ask("SELECT * FROM coverage") == []
    assert bench.store.verify().sound
    take(bench, ["2024-11-27 08:00", "2024-11-27 09:31"])
    assert quality(bench, "1m", "2024-11-27") == (2, 1, 50.0)
    assert bench.store.verify().sound


def test_outside_bars_are_kept_and_counted(bench: Bench) -> None:
    stamps = ["2024-11-26 09:29", "2024-11-26 09:30", "2024-11-26 15:59", "2024-11-26 16:00", "2024-11-28 12:00"]
    report = take(bench, [*stamps, "2024-11-30 12:00"])
    assert (report.inserted, report.outside, report.rejected) == (6, 4, 0)
    outside = [bar for bar in bench.bars() if bar["session_date"] is None]
    assert [f"{bar['bar_start']:%d %H:%M}" for bar in outside] == ["26 14:29", "26 21:00", "28 17:00", "30 17:00"]
    assert {(bar["expected_count"], bar["complete"]) for bar in outside} == {(0, None)}
    bench.process()
    (day,) = bench.bars("SPY", "1d")
    assert (day["base_count"], day["volume"]) == (2, 200.0), "they stay out of derived bars"
    assert quality(bench, "1m") == (390, 2, round(200 / 390, 4)), "and out of quality"


def test_off_the_grid(bench: Bench) -> None:
    report = take(bench, ["2024-11-26 10:00:00", "2024-11-26 10:01:30", "2024-11-26 09:29:30", "2024-11-26 15:59:01"])
    assert (report.inserted, report.rejected) == (1, 3)
    assert all("off the grid" in reason for reason in bench.reasons(report.batch_id).values())


def test_clock_hours_are_off_the_grid_of_new_york(kinds: Bench) -> None:
    """09:00 to 17:00: what starts in the session, or reaches into it, is off the grid; the rest is outside."""
    stamps = [f"2024-11-26 {hour:02}:00" for hour in range(8, 18)]
    report = take(kinds, stamps, symbol="HOUR", interval="1h")
    assert (report.inserted, report.outside, report.rejected) == (3, 3, 7)
    assert kinds.starts("HOUR", "1h") == [f"2024-11-26 {hour}:00" for hour in (13, 21, 22)]
    (reject,) = report.rejects
    assert "off the grid" in reject.reason
    assert "load a finer base" in reject.reason, "the way out"


def test_hours_on_the_grid_and_the_clipped_last_one(kinds: Bench) -> None:
    report = take(kinds, [f"2024-11-26 {hour:02}:30" for hour in range(9, 16)], symbol="HOUR", interval="1h")
    assert (report.inserted, report.outside) == (7, 0)
    last = kinds.bars("HOUR", "1h")[-1]
    assert f"{last['bar_start']:%H:%M} {last['bar_end']:%H:%M}" == "20:30 21:00"
    assert (last["base_count"], last["expected_count"]) == (1, 1)
    assert quality(kinds, "1h", symbol="HOUR") == (7, 7, 100.0)


def test_the_grid_starts_anew_after_lunch(kinds: Bench) -> None:
    stamps = [f"2024-06-03 {clock}" for clock in ("09:30", "10:30", "11:30", "12:00", "12:30", "13:00", "15:00")]
    report = take(kinds, stamps, symbol="HK", interval="1h", timezone="Asia/Hong_Kong")
    assert (report.inserted, report.outside, report.rejected) == (6, 1, 1), "12:00 is lunch, 12:30 reaches out of it"
    ends = {f"{bar['bar_start']:%H:%M}": f"{bar['bar_end']:%H:%M}" for bar in kinds.bars("HK", "1h")}
    assert ends == {"01:30": "02:30", "02:30": "03:30", "03:30": "04:00"} | {
        "04:00": "05:00",
        "05:00": "06:00",
        "07:00": "08:00",
    }


# Loading again


def test_loading_again_changes_nothing(bench: Bench) -> None:
    first = take(bench, DAY)
    bench.process()
    before = bench.ask("SELECT * FROM bars ORDER BY ALL")
    for options in ({}, {"replace": "sessions"}):
        again = take(bench, DAY, **options)
        assert (again.inserted, again.revised, again.unchanged, again.deleted) == (0, 0, 390, 0)
    assert bench.ask("SELECT * FROM bars ORDER BY ALL") == before
    assert {bar["batch_id"] for bar in bench.bars()} == {first.batch_id}
    assert bench.ask("SELECT * FROM revisions") == []
    assert bench.ask("SELECT * FROM invalidation") == []


def test_what_was_corrected_is_kept(bench: Bench) -> None:
    first = take(bench, DAY[:10])
    path = bench.write(line(DAY[3], volume=7), line(DAY[4]), line(DAY[12]))
    second = bench.load(path, timezone=NEW_YORK)
    assert (second.inserted, second.revised, second.unchanged) == (1, 1, 1)
    by_start = {f"{bar['bar_start']:%H:%M}": (bar["volume"], bar["batch_id"]) for bar in bench.bars()}
    assert by_start["14:33"] == (7.0, second.batch_id)
    assert by_start["14:34"] == (100.0, first.batch_id)
    assert by_start["14:42"] == (100.0, second.batch_id)
    (old,) = bench.ask("SELECT * FROM revisions")
    assert (old["symbol"], old["interval"], old["volume"]) == ("SPY", "1m", 100.0)
    assert (old["batch_id"], old["replaced_by"], old["replaced_kind"]) == (
        first.batch_id,
        second.batch_id,
        "load",
    )


def test_every_value_counts_as_a_change(bench: Bench) -> None:
    header = "timestamp,open,high,low,close,volume,trades,vwap"
    row = ["2024-11-26 10:00", "10", "11", "9", "10", "100", "5", "10"]
    bench.load(bench.write(",".join(row), header=header), timezone=NEW_YORK)
    changes = [(1, "10.5"), (2, "12"), (3, "8"), (4, "9.5"), (5, "0"), (6, ""), (7, "9.5")]
    for number, (place, value) in enumerate(changes, 1):
        row[place] = value
        report = bench.load(bench.write(",".join(row), header=header), timezone=NEW_YORK)
        assert (report.revised, report.unchanged) == (1, 0), value
        assert len(bench.ask("SELECT * FROM revisions")) == number
    (bar,) = bench.bars()
    assert [bar[part] for part in ("open", "high", "low", "close", "volume", "trade_count", "vwap")] == [
        *(10.5, 12.0, 8.0, 9.5, 0.0, None, 9.5)
    ]


def test_older_bars_may_come_later(bench: Bench) -> None:
    take(bench, DAY[100:110])
    assert take(bench, DAY[:5]).inserted == 5
    assert take(bench, DAY[95:115]).inserted == 10
    (state,) = bench.ask("SELECT complete_through FROM intervals WHERE symbol = 'SPY' AND interval = '1m'")
    assert f"{state['complete_through']:%H:%M}" == "16:25"


# Sessions sent again


def test_a_session_sent_again_replaces_the_old_one(bench: Bench) -> None:
    others = [*minutes("2024-11-25 09:30", "2024-11-25 09:35"), *HALF_DAY[:5]]
    outside = ["2024-11-26 09:00", "2024-11-26 16:00"]
    take(bench, [*others, *DAY[:20], *outside])
    report = take(bench, [*DAY[5:10], *DAY[25:30]], replace="sessions")
    assert (report.inserted, report.unchanged, report.revised, report.deleted) == (5, 5, 0, 15)
    starts = bench.starts()
    assert len(starts) == 5 + 5 + 10 + 2
    assert {"2024-11-26 14:00", "2024-11-26 21:00"} < set(starts), "outside bars belong to no session"
    assert sum(start.startswith("2024-11-26 1") for start in starts) == 11
    gone = bench.ask("SELECT * FROM revisions ORDER BY bar_start")
    assert [f"{row['bar_start']:%H:%M}" for row in gone] == [
        f"14:{minute}" for minute in [*range(30, 35), *range(40, 50)]
    ]
    assert {row["replaced_by"] for row in gone} == {report.batch_id}


def test_only_the_symbols_in_the_file_are_replaced(bench: Bench) -> None:
    for symbol in ("SPY", "QQQ"):
        take(bench, DAY[:10], symbol=symbol)
    report = take(bench, DAY[:3], replace="sessions")
    assert report.deleted == 7
    assert len(bench.bars("QQQ")) == 10


def test_outside_bars_replace_nothing(bench: Bench) -> None:
    take(bench, [*DAY[:5], "2024-11-26 16:00", "2024-11-26 16:01"])
    report = take(bench, ["2024-11-26 16:01", "2024-11-26 16:02"], replace="sessions")
    assert (report.inserted, report.unchanged, report.deleted) == (1, 1, 0)
    assert len(bench.bars()) == 8


def test_into_an_empty_store(bench: Bench) -> None:
    assert take(bench, DAY[:5], replace="sessions").inserted == 5


def test_derived_bars_follow_a_replaced_session(bench: Bench) -> None:
    take(bench, DAY[:20])
    bench.process()
    take(bench, DAY[:7], replace="sessions")
    bench.process()
    assert [(bar["base_count"], bar["volume"]) for bar in bench.bars("SPY", "5m")] == [(5, 500.0), (2, 200.0)]
    assert [bar["base_count"] for bar in bench.bars("SPY", "1d")] == [7]


# The closing bar


def test_the_closing_bar_counts_in_prices_and_volume_alone(bench: Bench) -> None:
    """Also when it comes after the session was derived."""
    take(bench, DAY, symbol="AUCTION")
    bench.process()
    late = [
        line("2024-11-26 16:00", high=50, low=5, close=20, volume=1000),
        line("2024-11-26 16:01", high=60, volume=7),
    ]
    report = bench.load_lines(*late, symbol="AUCTION", timezone=NEW_YORK)
    assert (report.inserted, report.outside) == (2, 1)
    closing = bench.bars("AUCTION")[-2]
    assert f"{closing['session_date']} {closing['bar_start']:%H:%M}" == "2024-11-26 21:00"
    assert (closing["base_count"], closing["expected_count"]) == (0, 0)
    assert quality(bench, "1m", symbol="AUCTION") == (390, 390, 100.0)
    bench.process()
    for interval, count in (("5m", 5), ("1h", 30), ("1d", 390)):
        last = bench.bars("AUCTION", interval)[-1]
        assert (last["high"], last["low"], last["close"]) == (50.0, 5.0, 20.0), interval
        assert (last["base_count"], last["expected_count"], last["complete"]) == (count, count, True)
        assert last["volume"] == count * 100 + 1000
        assert f"{last['bar_end']:%H:%M}" == "21:00"
    assert len(bench.bars("AUCTION", "5m")) == 78


def test_the_closing_bar_of_a_half_day_labelled_by_its_end(bench: Bench) -> None:
    stamps = ["2024-11-29 13:00", "2024-11-29 13:01", "2024-11-29 13:02"]
    report = take(bench, stamps, symbol="AUCTION", label="end")
    assert (report.inserted, report.outside) == (3, 1)
    bars = bench.bars("AUCTION")
    assert [(f"{bar['bar_start']:%H:%M}", bar["base_count"]) for bar in bars] == [
        ("17:59", 1),
        ("18:00", 0),
        ("18:01", 1),
    ]
    assert [bar["session_date"] is None for bar in bars] == [False, False, True]
    bench.process()
    assert [(bar["base_count"], bar["volume"]) for bar in bench.bars("AUCTION", "1d")] == [(1, 200.0)]


def test_a_closing_bar_goes_with_its_session(bench: Bench) -> None:
    take(bench, [*DAY[-10:], "2024-11-26 16:00"], symbol="AUCTION")
    bench.process()
    assert take(bench, DAY[-10:], symbol="AUCTION", replace="sessions").deleted == 1
    bench.process()
    assert [bar["volume"] for bar in bench.bars("AUCTION", "1d")] == [1000.0]


# Deleting


def test_deleted_bars_become_history(bench: Bench) -> None:
    take(bench, DAY[:20])
    bench.process()
    report = bench.coordinator.delete_bars("spy", "1m", "2024-11-26T09:33:00-05:00", "2024-11-26T14:37:00+00:00")
    assert report.deleted == 4
    assert bench.starts()[2:5] == ["2024-11-26 14:32", "2024-11-26 14:37", "2024-11-26 14:38"]
    gone = bench.ask("SELECT * FROM revisions WHERE interval = '1m' ORDER BY bar_start")
    assert [f"{row['bar_start']:%H:%M} {row['replaced_kind']}" for row in gone] == [
        f"14:{minute} delete" for minute in range(33, 37)
    ]
    assert gaps(bench, "1m")[0] == ("26 14:33", "26 14:37", 4, "inside")
    bench.process()
    assert [bar["base_count"] for bar in bench.bars("SPY", "5m")] == [3, 3, 5, 5]
    assert take(bench, DAY[:20]).inserted == 4, "they may come again"


def test_deleting_what_is_not_there_writes_nothing(bench: Bench) -> None:
    take(bench, DAY[:5])
    with unchanged(bench):
        for bounds in (("2020-01-01", "2020-02-01"), ("2024-11-27", None)):
            report = bench.coordinator.delete_bars("SPY", "1m", *bounds)
            assert (report.batch_id, report.deleted) == (None, 0)


def test_a_deletion_of_the_last_bars_says_what_counts_as_missing_and_can_be_rewound_afterwards(bench: Bench) -> None:
    take(bench, DAY)
    bench.process()
    first = bench.coordinator.delete_bars("SPY", "1m", after_open(5), after_open(10))
    assert (first.deleted, first.missing_through) == (5, None), "what lies inside ends nothing"
    last = bench.coordinator.delete_bars("SPY", "1m", start=after_open(100))
    assert (last.deleted, last.last_bar_end) == (290, after_open(100))
    assert last.missing_through == after_open(390)
    bench.process()
    assert [row["missing_count"] for row in bench.ask("FROM gaps WHERE interval = '1m' ORDER BY gap_start")] == [5, 290]

    rewound = bench.coordinator.delete_bars("SPY", "1m", start=after_open(100), rewind=True)
    assert rewound.batch_id is not None
    assert (rewound.deleted, rewound.last_bar_end, rewound.missing_through) == (0, after_open(100), None)
    assert [row["missing_count"] for row in bench.ask("FROM gaps WHERE interval = '1m'")] == [5]
    assert bench.store.verify().sound
    with unchanged(bench):
        again = bench.coordinator.delete_bars("SPY", "1m", start=after_open(100), rewind=True)
        assert again.batch_id is None


def test_a_rewind_of_what_is_all_deleted_leaves_a_symbol_as_if_new(bench: Bench) -> None:
    take(bench, DAY[:20])
    gone = bench.coordinator.delete_bars("SPY", "1m", start="2024-11-26")
    assert (gone.last_bar_end, gone.missing_through) == (None, after_open(20))
    assert bench.coordinator.delete_bars("SPY", "1m", start="2024-11-26", rewind=True).last_bar_end is None
    assert take(bench, DAY[:5]).inserted == 5
    assert bench.ask("FROM gaps") == [] and bench.store.verify().sound


def test_deleting_everything_leaves_no_account(bench: Bench) -> None:
    take(bench, [*DAY[:5], "2024-11-26 16:00"])
    bench.process()
    assert bench.coordinator.delete_bars("SPY", "1m", start="2000-01-01").deleted == 6
    bench.process()
    for view in ("bars", "coverage", "gaps"):
        assert bench.ask(f"SELECT * FROM {view}") == []
    assert {row["quality_pct"] for row in bench.ask("SELECT quality_pct FROM intervals")} == {None}


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (("SPY", "1m"), InputError, "say start=, end= or both"),
        (("SPY", "5m", "2024-11-26"), InputError, "1m"),
        (("NOPE", "1m", "2024-11-26"), UnknownSymbolError, "NOPE"),
        (("SPY", "1m", "yesterday"), InputError, "no date or time"),
        (("SPY", "1M", "2024-11-26"), InputError, "1mo"),
    ],
)
def test_what_cannot_be_deleted(
    shared_bench: Bench, arguments: tuple[str, ...], error: type[BarhouseError], says: str
) -> None:
    with unchanged(shared_bench), pytest.raises(error, match=says):
        shared_bench.coordinator.delete_bars(*arguments)


# A load that fails


def test_a_failing_load_leaves_nothing(bench: Bench) -> None:
    """Not a bar, not a batch, not even the sessions it had looked up on the way."""
    take(bench, DAY[:5])
    bench.process()
    failing: list[tuple[type[BarhouseError], dict[str, Any], list[str]]] = [
        (RejectedBarsError, {"strict": True}, lines(["1985-07-03 10:00", "1960-07-05 10:00"])),
        (RejectedBarsError, {"strict": True}, [line("1985-07-03 10:00"), line("1985-07-03 10:01", high=1)]),
        (RejectedBarsError, {}, [line("1985-07-03 10:00", high=1)]),
        (RejectedBarsError, {"replace": "sessions"}, [line(DAY[0], high=1)]),
    ]
    with unchanged(bench):
        for error, options, rows in failing:
            with pytest.raises(error):
                bench.load_lines(*rows, timezone=NEW_YORK, **options)
    assert take(bench, DAY[:6]).inserted == 1, "and the next one finds all in order"


def test_a_load_inside_a_transaction_that_fails(bench: Bench) -> None:
    path = bench.write(*lines(DAY[:5]))
    with unchanged(bench), pytest.raises(ZeroDivisionError), bench.store.transaction():
        bench.coordinator.load(path, "SPY", "1m", timezone=NEW_YORK)
        raise ZeroDivisionError
    assert take(bench, DAY[:5]).inserted == 5


# How complete it is


def test_a_whole_session_is_complete(bench: Bench) -> None:
    take(bench, DAY)
    bench.process()
    assert quality(bench, "1m") == (390, 390, 100.0)
    assert quality(bench, "5m") == (78, 78, 100.0)
    assert quality(bench, "1h") == (7, 7, 100.0)
    assert bench.ask("SELECT * FROM gaps") == []


def test_three_minutes_missing(bench: Bench) -> None:
    take(bench, minutes("2024-11-26 09:30", "2024-11-26 16:00", without=["09:35", "09:36", "10:15"]))
    assert quality(bench, "1m") == (390, 387, 99.2308)
    assert gaps(bench, "1m") == [("26 14:35", "26 14:37", 2, "inside"), ("26 15:15", "26 15:16", 1, "inside")]
    data = bench.store.get_symbol_data("SPY")
    assert data is not None
    assert round(data.bars["1m"].quality or 0, 4) == 99.2308
    assert [(f"{gap.start:%H:%M}", f"{gap.end:%H:%M}", gap.missing_count) for gap in data.bars["1m"].gaps] == [
        ("14:35", "14:37", 2),
        ("15:15", "15:16", 1),
    ]


def test_one_missing_minute_costs_one_bar_of_each_interval(bench: Bench) -> None:
    take(bench, [stamp for stamp in DAY if "12:00:00" not in stamp])
    bench.process()
    assert quality(bench, "5m") == (78, 77, round(7700 / 78, 4))
    assert quality(bench, "1h") == (7, 6, round(600 / 7, 4))
    assert quality(bench, "1d") == (1, 0, 0.0)
    assert gaps(bench, "5m") == [("26 17:00", "26 17:05", 1, "inside")]
    assert len(bench.bars("SPY", "5m")) == 78, "incomplete is not absent"


def test_two_hours_missing(bench: Bench) -> None:
    take(bench, [*DAY[:30], *DAY[150:]])
    assert quality(bench, "1m") == (390, 270, 69.2308)
    assert gaps(bench, "1m") == [("26 15:00", "26 17:00", 120, "inside")]


def test_a_half_day_and_the_holiday_before_it(bench: Bench) -> None:
    take(bench, [*minutes("2024-11-27 09:30", "2024-11-27 16:00"), *HALF_DAY])
    bench.process()
    assert quality(bench, "1m", "2024-11-29") == (210, 210, 100.0)
    assert quality(bench, "5m", "2024-11-29") == (42, 42, 100.0)
    assert bench.ask("SELECT * FROM coverage WHERE session_date = '2024-11-28'") == [], "nothing is expected"
    assert bench.ask("SELECT DISTINCT quality_pct FROM intervals WHERE symbol = 'SPY'") == [{"quality_pct": 100.0}]


def test_a_session_between_that_is_missing_whole(bench: Bench) -> None:
    take(bench, ["2024-11-26 15:59", *HALF_DAY[:1]])
    assert gaps(bench, "1m") == [
        ("26 14:30", "26 20:59", 389, "edge"),
        ("27 14:30", "27 21:00", 390, "whole session"),
    ]
    assert quality(bench, "1m", "2024-11-29") == (1, 1, 100.0), "as far as bars have come"
