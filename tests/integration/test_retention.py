"""Bars and revisions given up for good: what goes, what becomes final, and what the store still knows of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from load_kit import Bench, line, lines, minutes, unchanged

from barhouse import SessionCoordinator
from barhouse.store.errors import CalendarError, InputError, RejectedBarsError, UnknownSymbolError

NEW_YORK = "America/New_York"
DAYS = ("2025-11-17", "2025-11-18", "2025-11-19", "2025-11-20", "2025-11-21", "2025-11-24", "2025-11-25")
STAMPS = [stamp for day in DAYS for stamp in minutes(f"{day} 09:30", f"{day} 16:00", step=10)]
# Bars that are all ten minutes apart would be taken for longer ones: two of them are a minute late.
STAMPS[1:2] = minutes(f"{DAYS[0]} 09:41", f"{DAYS[0]} 09:42")
STAMPS[-2:-1] = minutes(f"{DAYS[-1]} 15:41", f"{DAYS[-1]} 15:42")


@pytest.fixture
def held(bench: Bench) -> Bench:
    """Seven sessions of SPY, every tenth minute of them, derived."""
    bench.load_lines(*lines(STAMPS), timezone=NEW_YORK)
    bench.process()
    return bench


def derived(bench: Bench, symbol: str = "SPY") -> list[dict[str, Any]]:
    return bench.ask(f"SELECT * FROM bars WHERE symbol = '{symbol}' AND interval NOT IN ('1m', '1s') ORDER BY ALL")


def now(bench: Bench) -> datetime:
    """The last commit: what a question as of it may know."""
    return bench.ask("SELECT max(committed_at) AS at FROM batches")[0]["at"]


def sound(bench: Bench) -> bool:
    report = bench.store.verify()
    assert report.sound, str(report)
    return True


# Bars of the base


def test_base_bars_go_and_what_was_derived_from_them_stays(held: Bench) -> None:
    before = derived(held)
    report = held.coordinator.purge_bars(None, "1m", "2025-11-20T18:00Z")
    (interval,) = report.intervals
    assert (interval.interval, interval.symbol_count, interval.deleted) == ("1m", 1, 3 * 39)
    assert interval.retained_from == datetime(2025, 11, 20, 14, 30, tzinfo=UTC)
    assert (report.deleted, report.revisions, report.held_back) == (3 * 39, 0, ())
    assert held.starts()[0] == "2025-11-20 14:30"
    assert derived(held) == before
    (batch,) = held.ask(f"SELECT * FROM batches WHERE batch_id = {report.batch_id}")
    assert (batch["kind"], batch["source"]) == ("retention", "1m from 2025-11-20T18:00:00+00:00")
    assert (batch["inserted"], batch["revised"], batch["deleted"]) == (0, 0, 3 * 39)
    assert held.ask("SELECT * FROM revisions") == []
    assert sound(held)


def test_accounts_start_where_bars_can_still_change(held: Bench) -> None:
    held.coordinator.purge_bars(None, "1m", "2025-11-20T18:00Z")
    for view in ("coverage", "gaps"):
        first = held.ask(f"SELECT interval, min(session_date) AS first FROM {view} GROUP BY interval")
        assert {one["first"] for one in first} == {date(2025, 11, 20)} and len(first) == 4
    rows = held.ask("SELECT * FROM retention ORDER BY retained_from IS NULL, interval")
    start = datetime(2025, 11, 20, 14, 30, tzinfo=UTC)
    assert [one["interval"] for one in rows] == ["1m", "1d", "1h", "5m"]
    assert [one["retained_from"] for one in rows] == [start, None, None, None]
    assert {one["final_before"] for one in rows} == {start}
    assert (rows[0]["purged_before"], rows[0]["purged_at"]) == (start, now(held))
    (row,) = held.ask("SELECT quality_pct FROM intervals WHERE symbol = 'SPY' AND interval = '1m'")
    assert row["quality_pct"] == 100.0 * 4 * 39 / (3 * 390 + 381)


def test_a_second_purge_finds_nothing(held: Bench) -> None:
    held.coordinator.purge_bars(None, "1m", "2025-11-20")
    with unchanged(held):
        assert held.coordinator.purge_bars(None, "1m", "2025-11-20").batch_id is None
        assert held.coordinator.purge_bars(None, "1m", "2025-11-18").batch_id is None


def test_no_bar_loses_a_part_of_its_base(held: Bench) -> None:
    held.coordinator.register("SPY", ["1w"], "XNYS")
    held.load_lines(line("2025-12-01 09:30"), timezone=NEW_YORK)
    held.process()
    held.coordinator.purge_bars(None, "1m", "2025-11-26")
    assert held.starts()[0] == "2025-11-24 14:30"
    assert held.starts(interval="1w") == ["2025-11-17 14:30", "2025-11-24 14:30", "2025-12-01 14:30"]
    assert sound(held)


def test_nothing_goes_before_all_is_derived(held: Bench) -> None:
    late = [line("2025-11-18 09:31", high=20)]
    held.load_lines(*late, timezone=NEW_YORK)
    report = held.coordinator.purge_bars(None, "1m", "2025-11-21")
    assert report.held_back == ("SPY",)
    assert held.starts()[0] == "2025-11-18 14:30"
    held.process()
    assert held.bars(interval="1d")[1]["high"] == 20
    assert held.coordinator.purge_bars(None, "1m", "2025-11-21").held_back == ()
    assert held.starts()[0] == "2025-11-21 14:30"
    assert sound(held)


def test_a_symbol_that_was_never_processed_keeps_all(bench: Bench) -> None:
    bench.load_lines(*lines(STAMPS), timezone=NEW_YORK)
    with unchanged(bench):
        report = bench.coordinator.purge_bars(None, "1m", "2025-11-21")
    assert (report.batch_id, report.held_back) == (None, ("SPY",))


# Afterwards


def test_loads_of_what_was_purged_are_rejected_and_the_rest_goes_on(held: Bench) -> None:
    held.coordinator.purge_bars(None, "1m", "2025-11-20T18:00Z")
    before = derived(held)
    report = held.load_lines(
        line("2025-11-19 09:31", high=30),
        line("2025-11-19 17:00"),
        line("2025-11-21 09:31", high=40),
        timezone=NEW_YORK,
    )
    assert (report.inserted, report.rejected) == (1, 2)
    assert {one.reason for one in report.rejects} == {
        "before retained_from: bars of that time were purged, and what was derived from them is final"
    }
    held.process()
    assert [bar["high"] for bar in held.bars(interval="1d")] == [11, 11, 11, 11, 40, 11, 11]
    assert [bar for bar in derived(held) if bar["session_date"] < date(2025, 11, 20)] == [
        bar for bar in before if bar["session_date"] < date(2025, 11, 20)
    ]
    with unchanged(held), pytest.raises(RejectedBarsError, match="before retained_from"):
        held.load_lines(line("2025-11-19 09:31"), timezone=NEW_YORK)
    assert sound(held)


def test_deleting_what_was_purged_is_refused(held: Bench) -> None:
    held.coordinator.purge_bars(None, "1m", "2025-11-20T18:00Z")
    for start, end in (("2025-11-19", "2025-11-21"), (None, "2025-11-20")):
        with unchanged(held), pytest.raises(InputError, match="give start='2025-11-20T14:30:00"):
            held.coordinator.delete_bars("SPY", "1m", start, end)
    assert held.coordinator.delete_bars("SPY", "1m", end="2025-11-21").deleted == 39
    held.process()
    assert [f"{bar['session_date']:%d}" for bar in held.bars(interval="1d")] == ["17", "18", "19", "21", "24", "25"]
    assert held.ask("SELECT * FROM gaps WHERE session_date = '2025-11-20' AND kind <> 'whole session'") == []
    assert sound(held)


def test_all_that_is_left_can_be_deleted_and_loaded_again(held: Bench) -> None:
    held.coordinator.purge_bars(None, "1m", "2025-11-20T18:00Z")
    before = derived(held)
    held.coordinator.delete_bars("SPY", "1m", "2025-11-20T14:30Z", rewind=True)
    assert [f"{bar['session_date']:%d}" for bar in held.bars(interval="1d")] == ["17", "18", "19"]
    assert sound(held)
    held.load_lines(*lines(one for one in STAMPS if one >= "2025-11-20"), timezone=NEW_YORK)
    held.process()
    assert [{**bar, "batch_id": 0} for bar in derived(held)] == [{**bar, "batch_id": 0} for bar in before]
    assert sound(held)


def test_intervals_registered_later_start_with_their_first_whole_bar(held: Bench) -> None:
    held.coordinator.purge_bars(None, "1m", "2025-11-20T18:00Z")
    held.coordinator.register("SPY", ["15m", "1w"], "XNYS")
    held.process()
    assert held.starts(interval="15m")[0] == "2025-11-20 14:30"
    rows = {one["interval"]: one for one in held.ask("SELECT * FROM retention")}
    assert rows["1w"]["retained_from"] == datetime(2025, 11, 24, 14, 30, tzinfo=UTC)
    assert rows["1w"]["purged_at"] is None
    assert held.starts(interval="1w") == ["2025-11-24 14:30"]
    assert sound(held)


def test_repair_leaves_final_bars_alone(held: Bench) -> None:
    held.coordinator.purge_bars(None, "1m", "2025-11-20T18:00Z")
    before = derived(held)
    with held.store.transaction() as transaction:
        transaction.execute("UPDATE gap SET missing_count = 1 WHERE session_date = '2025-11-21'")
    assert not held.store.verify().sound
    report = held.coordinator.repair()
    assert (report.inserted, report.revised, report.deleted) == (0, 0, 0) and report.after.sound
    assert derived(held) == before


def test_verify_finds_what_should_have_gone(held: Bench) -> None:
    held.coordinator.purge_bars(None, "1m", "2025-11-20T18:00Z")
    with held.store.transaction() as transaction:
        transaction.execute(
            "INSERT INTO bar SELECT * REPLACE (bar_start - INTERVAL 24 HOUR AS bar_start, "
            "session_date - 1 AS session_date) FROM bar "
            "WHERE base_count = 1 AND bar_start = '2025-11-20 14:30:00+00' AND span_seconds = 60"
        )
    report = held.store.verify()
    assert set(report.totals) == {"retained", "revision", "bar_count"}
    after = held.coordinator.repair().after
    assert set(after.totals) == {"revision"}  # the planted row was no batch's
    assert held.starts()[0] == "2025-11-20 14:30"


def test_verify_still_misses_revisions_that_retention_did_not_take(held: Bench) -> None:
    held.load_lines(line("2025-11-21 09:30", high=15), timezone=NEW_YORK)
    held.process()
    held.coordinator.purge_bars(None, "1m", "2025-11-20T18:00Z")
    assert sound(held)
    with held.store.transaction() as transaction:
        transaction.execute("DELETE FROM bar_revision WHERE span_seconds = 60")
    assert set(held.store.verify().totals) == {"revision"}


# Derived intervals


def test_a_derived_interval_is_purged_for_itself(held: Bench) -> None:
    held.coordinator.purge_bars(None, "5m", "2025-11-20T18:00Z")
    assert held.starts(interval="5m")[0] == "2025-11-20 14:30"
    assert held.starts()[0] == "2025-11-17 14:30" == held.starts(interval="1h")[0]
    assert sound(held)
    held.load_lines(line("2025-11-18 09:31", high=33), timezone=NEW_YORK)
    held.process()
    assert held.bars(interval="1d")[1]["high"] == 33
    assert held.starts(interval="5m")[0] == "2025-11-20 14:30"
    held.load_lines(line("2025-11-18 09:32", high=34), timezone=NEW_YORK)
    held.coordinator.repair()
    held.process()
    assert held.starts(interval="5m")[0] == "2025-11-20 14:30"
    assert sound(held)


# Policies


def test_a_policy_keeps_each_interval_so_long(held: Bench) -> None:
    held.coordinator.register("QQQ", ["1m", "5m", "1h", "1d"], "XNYS")
    held.load_lines(*lines(STAMPS[:78]), symbol="QQQ", timezone=NEW_YORK)
    held.process()
    report = held.coordinator.apply_retention({"1m": "1d", "5m": "1w", "revisions": "1y"})
    assert [(one.interval, one.symbol_count) for one in report.intervals] == [("1m", 1), ("5m", 1)]
    assert held.starts()[0] == "2025-11-24 14:30"
    assert held.starts("QQQ")[0] == "2025-11-17 14:30"  # it has not come a day further
    assert held.starts("QQQ", "5m")[0] == "2025-11-17 14:30"
    assert report.history_from is None
    assert sound(held)
    with unchanged(held):
        assert held.coordinator.apply_retention({"1m": "1d", "5m": "1w"}).batch_id is None


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ({"1m": "90"}, "1m='90' is no duration; write days, weeks, months or years as 90d 12w 6mo 2y"),
        ({"1m": "0d"}, "no duration"),
        ({"1m": 90}, "1m=90 is no duration"),
        ({"5x": "90d"}, "interval '5x'"),
        ({"60m": "90d", "1h": "1y"}, "names an interval twice"),
        ({"7m": "90d"}, "no symbol has interval '7m'; there are 1m, 5m, 1h, 1d"),
    ],
)
def test_policies_that_cannot_be(held: Bench, policy: dict[str, Any], said: str) -> None:
    with unchanged(held), pytest.raises(InputError, match=said):
        held.coordinator.apply_retention(policy)


def test_symbols_that_cannot_be_purged(held: Bench) -> None:
    held.coordinator.register("DAY", ["1d"], "XNYS", base="1d")
    with unchanged(held):
        with pytest.raises(UnknownSymbolError, match=r"'SPX' is not registered \(did you mean SPY\?\)"):
            held.coordinator.purge_bars("SPX", "1m", "2025-11-20")
        with pytest.raises(InputError, match="DAY has no interval '1m', it has 1d"):
            held.coordinator.purge_bars(["SPY", "DAY"], "1m", "2025-11-20")
        with pytest.raises(InputError, match="for the whole store"):
            held.coordinator.apply_retention({"revisions": "1y"}, ["SPY"])
        with pytest.raises(InputError, match="before='soon' is no date or time"):
            held.coordinator.purge_bars(None, "1m", "soon")


# History


def test_what_purged_bars_were_cannot_be_asked(held: Bench) -> None:
    held.load_lines(line("2025-11-18 09:30", high=15), timezone=NEW_YORK)
    held.process()
    then = now(held)
    report = held.coordinator.purge_bars(None, "1m", "2025-11-20T18:00Z")
    assert report.revisions == 1
    with pytest.raises(InputError, match="give start='2025-11-20T14:30:00"):
        held.store.bars("SPY", "1m", as_of=then)
    assert held.store.bars("SPY", "1m", "2025-11-20T14:30Z", as_of=then).num_rows == 4 * 39
    assert held.store.bars("SPY", "1m", as_of=now(held)).num_rows == 4 * 39
    assert held.store.bars("SPY", "1d", as_of=then).num_rows == 7
    assert [one["high"] for one in held.ask("SELECT high FROM revisions WHERE interval = '1d'")] == [11]
    assert sound(held)


def test_revisions_are_purged_and_history_says_since_when(held: Bench) -> None:
    first = now(held)
    assert held.ask("FROM revision_retention") == [{"kept_from": None, "purged_at": None}]
    for high in (15, 16):
        held.load_lines(line("2025-11-18 09:30", high=high), timezone=NEW_YORK)
        held.process()
    second = now(held)
    held.load_lines(line("2025-11-18 09:30", high=17), timezone=NEW_YORK)
    held.process()
    shown = held.store.bars("SPY", "1d", as_of=second)
    report = held.coordinator.purge_revisions(second)
    assert (report.revisions, report.history_from) == (5, second)  # what the batch of that moment replaced stays
    (purged,) = held.ask("SELECT committed_at FROM batches ORDER BY batch_id DESC LIMIT 1")
    assert held.ask("FROM revision_retention") == [{"kept_from": second, "purged_at": purged["committed_at"]}]
    assert held.ask("FROM history") == [{"kept_from": second}], "for one release more"
    assert held.store.bars("SPY", "1d", as_of=second).equals(shown)
    with pytest.raises(InputError, match="earlier revisions were purged; give that instant or a later one"):
        held.store.bars("SPY", "1d", as_of=first)
    for query in ("FROM bars_as_of($at)", "SELECT count(*) FROM bars_as_of((SELECT $at)) WHERE symbol = 'NONE'"):
        with pytest.raises(duckdb.Error, match=r"history is kept from .* on; ask for that instant or a later one"):
            held.store.sql(query, {"at": first})
    with unchanged(held):
        assert held.coordinator.purge_revisions(second).batch_id is None
        with pytest.raises(InputError, match="lies in the future"):
            held.coordinator.purge_revisions(datetime.now(UTC) + timedelta(days=9999))
    assert sound(held)


def test_a_symbol_is_removed_with_its_history(held: Bench) -> None:
    held.load_lines(line("2025-11-18 09:30", high=15), timezone=NEW_YORK)
    held.process()
    then = now(held)
    held.coordinator.remove_symbol("SPY")
    held.coordinator.register("SPY", ["1m", "5m", "1h", "1d"], "XNYS")
    held.load_lines(*lines(STAMPS[:39]), timezone=NEW_YORK)
    report = held.coordinator.remove_symbol("spy", purge=True)
    assert report.deleted == 39
    assert held.ask("FROM bars") == held.ask("FROM revisions") == held.ask("FROM bars_as_of(now())") == []
    with pytest.raises(InputError, match="were purged at"):
        held.store.bars("SPY", "1d", as_of=then)
    assert sound(held)
    with unchanged(held):
        assert held.coordinator.remove_symbol("SPY", purge=True).batch_id is None
    held.coordinator.register("SPY", ["1m", "5m", "1h", "1d"], "XNYS")
    held.load_lines(*lines(STAMPS[:39]), timezone=NEW_YORK)
    assert held.store.bars("SPY", "1m", as_of=now(held)).num_rows == 39
    assert sound(held)
    with pytest.raises(UnknownSymbolError):
        held.coordinator.remove_symbol("SPX", purge=True)


# Calendars


@pytest.fixture
def own(bench: Bench) -> Bench:
    """Nine sessions on a calendar of one's own, the first five of which are purged."""
    bench.coordinator.add_calendar("OWN", timezone="UTC", open="09:00", close="17:00")
    bench.coordinator.register("OWN", ["1h", "2h", "1d", "1w"], "OWN", base="1h")
    days = [date(2025, 11, 17) + timedelta(days=number) for number in (0, 1, 2, 3, 4, 7, 8, 9, 10)]
    stamps = [f"{day} {hour:02}:00" for day in days for hour in range(8, 18)]
    bench.load_lines(*lines(stamps), interval="1h", symbol="OWN", timezone="UTC")
    bench.process()
    bench.coordinator.purge_bars("OWN", "1h", "2025-11-26")
    assert bench.starts("OWN", "1h")[0] == "2025-11-24 09:00"
    bench.coordinator.purge_bars("OWN", "2h", "2025-11-25T10:00Z")
    assert bench.starts("OWN", "2h")[0] == "2025-11-25 09:00"
    return bench


def final(bench: Bench) -> list[dict[str, Any]]:
    return [
        one for one in derived(bench, "OWN") if one["interval"] != "1h" and one["session_date"] < date(2025, 11, 24)
    ]


@pytest.mark.parametrize(
    ("changed", "starts"),
    [
        ({"open": "08:00"}, "2025-11-24 08:00"),
        ({"open": "10:00"}, "2025-11-24 09:00"),
        ({"close": "16:00"}, "2025-11-24 09:00"),
        ({"holidays": ["2025-11-24"]}, "2025-11-24 09:00"),
        ({"holidays": ["2025-11-19"]}, "2025-11-24 09:00"),
        ({"weekdays": "mon-sat"}, "2025-11-24 09:00"),
    ],
)
def test_a_changed_calendar_leaves_final_bars_alone(own: Bench, changed: dict[str, Any], starts: str) -> None:
    before = final(own)
    assert before
    own.coordinator.add_calendar("OWN", **{"timezone": "UTC", "open": "09:00", "close": "17:00", **changed})
    assert final(own) == before
    (row,) = own.ask("SELECT retained_from FROM retention WHERE symbol = 'OWN' AND interval = '1h'")
    assert f"{row['retained_from']:%Y-%m-%d %H:%M}" == starts
    assert sound(own)
    own.load_lines(line("2025-11-25 12:00", high=50), interval="1h", symbol="OWN", timezone="UTC")
    own.process()
    assert [bar["high"] for bar in own.bars("OWN", "1d") if bar["session_date"] == date(2025, 11, 25)] == [50]
    assert final(own) == before
    assert sound(own)


def test_a_calendar_that_would_tear_bars_apart_is_refused(own: Bench) -> None:
    own.coordinator.add_calendar("ROUND", timezone="UTC", open="17:00", close="17:00", weekdays="daily")
    own.coordinator.register("FX", ["1h", "1d"], "ROUND", base="1h")
    stamps = [f"2025-11-{day} {hour:02}:00" for day in (18, 19, 20) for hour in range(24)]
    own.load_lines(*lines(stamps), interval="1h", symbol="FX", timezone="UTC")
    own.process()
    own.coordinator.purge_bars("FX", "1h", "2025-11-20")
    said = "have a session, or a longer bar, lie across 2025-11-19T17:00:00.* remove_symbol\\('FX'\\) first"
    with unchanged(own), pytest.raises(CalendarError, match=said):
        own.coordinator.add_calendar("ROUND", timezone="UTC", open="16:00", close="16:00", weekdays="daily")


def test_blocks_of_days_that_a_calendar_would_shift_are_refused(bench: Bench) -> None:
    hours = {"timezone": "UTC", "open": "09:00", "close": "17:00"}
    bench.coordinator.add_calendar("TWO", **hours)
    bench.coordinator.register("TWO", ["1d", "2d"], "TWO", base="1d")
    days = [date(2025, 11, 3) + timedelta(days=number) for number in range(21)]
    bench.load_lines(*lines(day for day in days if day.weekday() < 5), interval="1d", symbol="TWO")
    bench.process()
    bench.coordinator.purge_bars("TWO", "1d", "2025-11-18")
    before = derived(bench, "TWO")
    with unchanged(bench), pytest.raises(CalendarError, match="longer bar, lie across 2025-11-1"):
        bench.coordinator.add_calendar("TWO", **hours, holidays=["2025-11-05"])
    bench.coordinator.add_calendar("TWO", **hours, holidays=["2025-11-05", "2025-11-06"])
    assert [one for one in derived(bench, "TWO") if one["interval"] == "2d"] == [
        one for one in before if one["interval"] == "2d"
    ]
    assert sound(bench)


# The file


def test_compaction_gives_the_room_back(held: Bench, tmp_path: Path) -> None:
    from barhouse.store.copies.compaction import compact

    held.coordinator.purge_bars(None, "1m", "2025-11-20T18:00Z")
    before = held.ask("SELECT * FROM bars ORDER BY ALL")
    path = held.store.path
    assert path is not None
    held.store.close()
    compact(path)
    held.__init__(path, tmp_path)
    assert held.ask("SELECT * FROM bars ORDER BY ALL") == before
    assert sound(held)
    assert isinstance(held.coordinator, SessionCoordinator)
