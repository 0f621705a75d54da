"""A date names a session of a symbol's own calendar, an instant says its zone, and nothing else is either."""

from __future__ import annotations

import asyncio
import shutil
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from live_kit import Scripted
from load_kit import Bench, lines, minutes, unchanged
from test_cli import COMMANDS, Line

from barhouse import Backtest, InputError, LiveSession, LoadOptions, Offer, SourceBars, restore
from barhouse.coordinator.cli.errors import ExitCode

# ------------------------------------------------------------------------------------------------------ as_of in SQL

KNOWN = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
def revised(bench: Bench) -> Bench:
    """One minute of SPY that was 10 at noon of January 2nd, and is 11 since."""
    bench.now = KNOWN
    bench.load_lines("2025-11-24 09:30,10,10,10,10,1", timezone="America/New_York")
    bench.now = datetime(2026, 1, 2, 18, tzinfo=UTC)
    bench.load_lines("2025-11-24 09:30,11,11,11,11,1", timezone="America/New_York")
    return bench


@pytest.mark.parametrize(
    "instant",
    [
        "TIMESTAMPTZ '2026-01-02 13:00:00+00'",
        "TIMESTAMPTZ '2026-01-02 08:00:00-05'",
        "'2026-01-02 13:00:00+00'",
        "'2026-01-02T13:00:00Z'",
        "'2026-01-02 08:00:00-05:00'",
        "'2026-01-02 08:00:00 America/New_York'",
        "(SELECT committed_at FROM batches ORDER BY batch_id DESC OFFSET 1 LIMIT 1)",
        "(SELECT max(committed_at) FROM batches) - INTERVAL 1 HOUR",
    ],
)
def test_sql_as_of_an_instant(revised: Bench, instant: str) -> None:
    assert revised.ask(f"SELECT close FROM bars_as_of({instant})") == [{"close": 10.0}]


@pytest.mark.parametrize(
    "instant",
    [
        "'2026-01-02 13:00:00'",
        "'2026-01-02'",
        "DATE '2026-01-02'",
        "TIMESTAMP '2026-01-02 13:00:00'",
        "'soon'",
        "NULL",
        "20260102",
    ],
)
def test_sql_as_of_what_is_no_instant_is_an_error(revised: Bench, instant: str) -> None:
    with pytest.raises(duckdb.Error, match="an instant with its zone is needed"):
        revised.ask(f"SELECT count(*) FROM bars_as_of({instant}) WHERE symbol = 'NONE'")


@pytest.mark.parametrize("given", [datetime(2026, 1, 2, 13), date(2026, 1, 2), "2026-01-02 13:00:00", None])
def test_sql_as_of_a_parameter_that_is_no_instant_is_an_error(revised: Bench, given: object) -> None:
    with pytest.raises(duckdb.Error, match="an instant with its zone is needed"):
        revised.store.sql("FROM bars_as_of($at)", {"at": given})
    assert revised.store.sql("FROM bars_as_of($at)", {"at": KNOWN})["close"].to_pylist() == [10.0]


def test_a_published_snapshot_reads_no_instant_in_the_time_zone_of_its_client(revised: Bench) -> None:
    revised.store.publish(revised.folder / "published.duckdb")
    with duckdb.connect(str(revised.folder / "published.duckdb"), read_only=True) as client:
        client.execute("SET TimeZone = 'Asia/Tokyo'")
        closes = "SELECT close FROM bars_as_of('2026-01-02 22:00:00+09')"  # 13:00 UTC
        assert client.sql(closes).fetchall() == [(10.0,)]
        with pytest.raises(duckdb.Error, match="an instant with its zone is needed"):
            client.sql("FROM bars_as_of('2026-01-02 13:00:00')").fetchall()


def test_the_time_zone_of_a_store_is_utc_in_every_thread_and_query(bench: Bench) -> None:
    shown = bench.ask("SELECT current_setting('TimeZone') AS zone, '2024-01-02'::TIMESTAMPTZ AS at")
    assert shown == [{"zone": "UTC", "at": datetime(2024, 1, 2, tzinfo=UTC)}]
    with bench.store.reading() as transaction:
        assert transaction.cursor.execute("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]


# ------------------------------------------------------------------------------------------- dates of other calendars

SECOND, THIRD = date(2024, 1, 2), date(2024, 1, 3)


@pytest.fixture(scope="module")
def abroad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """BHP in Sydney, whose sessions begin on the day before in UTC; and ES, whose sessions begin in the evening."""
    folder = tmp_path_factory.mktemp("abroad")
    bench = Bench(folder / "bars.duckdb", folder)
    bench.coordinator.add_calendar("NIGHT", timezone="America/Chicago", open="17:00", close="16:00")
    bench.coordinator.register("BHP", ["1h", "1d"], "XASX", base="1h")
    bench.coordinator.register("ES", ["1h", "1d"], "NIGHT", base="1h")
    for day in ("2024-01-02", "2024-01-03", "2024-01-04"):
        bench.load_lines(
            *lines(minutes(f"{day} 10:00", f"{day} 16:00", step=60)),
            interval="1h",
            symbol="BHP",
            timezone="Australia/Sydney",
        )
    bench.load_lines(
        *lines(minutes("2024-05-30 17:00", "2024-05-31 16:00", step=60)),  # the session of Friday the 31st
        *lines(minutes("2024-06-02 17:00", "2024-06-03 16:00", step=60)),  # that of Monday the 3rd
        interval="1h",
        symbol="ES",
        timezone="America/Chicago",
    )
    bench.process()
    yield bench
    bench.store.close()


def days_of(table: pa.Table) -> list[date]:
    return table["session_date"].to_pylist()


def test_a_date_is_the_session_of_sydney_that_it_names(abroad: Bench) -> None:
    daily = abroad.store.bars("BHP", "1d", start="2024-01-02", end="2024-01-03")
    assert days_of(daily) == [SECOND]
    assert daily["bar_start"].to_pylist() == [datetime(2024, 1, 1, 23, tzinfo=UTC)]
    assert days_of(abroad.store.bars("BHP", "1h", start=SECOND, end=THIRD)) == [SECOND] * 6


def test_deleting_the_same_dates_cuts_just_that_session(abroad: Bench, tmp_path: Path) -> None:
    abroad.store.backup(tmp_path / "copy.duckdb")
    restore(tmp_path / "copy.duckdb", tmp_path / "bars.duckdb")
    bench = Bench(tmp_path / "bars.duckdb", tmp_path)
    assert bench.coordinator.delete_bars("BHP", "1h", "2024-01-02", "2024-01-03").deleted == 6
    bench.process()
    assert days_of(bench.store.bars("BHP", "1d")) == [THIRD, date(2024, 1, 4)]
    assert bench.store.verify().sound
    bench.store.close()


def test_a_date_is_the_session_that_began_the_evening_before(abroad: Bench) -> None:
    monday = date(2024, 6, 3)
    assert days_of(abroad.store.bars("ES", "1d", start=monday)) == [monday]
    assert days_of(abroad.store.bars("ES", "1h", start=monday)) == [monday] * 23
    assert days_of(abroad.store.bars("ES", "1d", end=monday)) == [date(2024, 5, 31)]


def test_verify_checks_the_daily_bar_of_the_session_named(abroad: Bench) -> None:
    checked = abroad.store.verify("BHP", "1d", "2024-01-02", "2024-01-03")
    assert (checked.symbol_count, checked.derived_bar_count, checked.session_count) == (1, 1, 1)
    assert abroad.store.verify("BHP", "1d", start="2024-01-03").derived_bar_count == 2


def test_one_name_is_one_and_not_its_letters(abroad: Bench) -> None:
    assert abroad.store.verify("bhp") == abroad.store.verify(["BHP"])
    assert abroad.store.verify("BHP").symbol_count == 1


def test_sessions_are_those_of_a_calendar_that_is_there(abroad: Bench) -> None:
    assert abroad.store.sessions("xasx") == abroad.store.sessions("XASX")
    with pytest.raises(InputError, match="the store has no calendar 'NOPE', it has NIGHT, XASX"):
        abroad.store.sessions("NOPE")


def test_a_date_never_becomes_sql(abroad: Bench) -> None:
    before = abroad.state()
    with pytest.raises(InputError, match="is no date or time of ISO 8601"):
        abroad.store.verify(start="2020-01-01'; DELETE FROM bar; COMMIT; --")
    assert abroad.state() == before


# ------------------------------------------------------------------------------------------------------------ reversed

REVERSED: dict[str, Callable[[Bench, Any, Any], object]] = {
    "bars": lambda bench, start, end: bench.store.bars("SPY", "1m", start, end),
    "bars as of": lambda bench, start, end: bench.store.bars("SPY", "1m", start, end, as_of=KNOWN),
    "gaps": lambda bench, start, end: bench.store.gaps("SPY", "1m", start, end),
    "verify": lambda bench, start, end: bench.store.verify("SPY", "1m", start, end),
    "sessions": lambda bench, start, end: bench.store.sessions("XNYS", start, end),
    "export": lambda bench, start, end: bench.store.export(bench.folder / "out", start=start, end=end),
    "delete_bars": lambda bench, start, end: bench.coordinator.delete_bars("SPY", "1m", start, end),
    "register_for_backtest": lambda bench, start, end: bench.coordinator.register_for_backtest("SPY", "5m", start, end),
    "Backtest": lambda bench, start, end: Backtest(bench.store, "SPY", start=start, end=end),
}


@pytest.mark.parametrize("name", REVERSED)
def test_a_range_that_ends_before_it_begins_is_refused(shared_bench: Bench, name: str) -> None:
    with unchanged(shared_bench), pytest.raises(InputError, match=r"start='2024-01-03' lies after end='2024-01-02'"):
        REVERSED[name](shared_bench, date(2024, 1, 3), "2024-01-02")
    assert not (shared_bench.folder / "out").exists()


BY_INSTANT = ("bars", "bars as of", "gaps", "export", "delete_bars")


@pytest.mark.parametrize("name", BY_INSTANT)
def test_instants_in_the_wrong_order_are_refused(shared_bench: Bench, name: str) -> None:
    with unchanged(shared_bench), pytest.raises(InputError, match="lies after"):
        REVERSED[name](shared_bench, "2024-01-02T15:00Z", "2024-01-02T09:59-05:00")


RANGED = [name for name, command in COMMANDS.items() if {"start", "end"} <= {one.name for one in command.params}]


@pytest.mark.parametrize("name", RANGED)
def test_a_reversed_range_is_refused_by_each_command(template: Path, tmp_path: Path, name: str) -> None:
    line = Line(Path(shutil.copy(template, tmp_path)))
    given = {"calendar show": ["XNYS"], "export": ["out"], "backtest": ["SPY"], "delete": ["SPY", "-i", "1m", "--yes"]}
    typed = (*name.split(), *given.get(name, ()), "--start", "2024-01-03", "--end", "2024-01-02")
    said = line(*typed, expected=ExitCode.BAD_INPUT).stderr
    assert "--start 2024-01-03 lies after --end 2024-01-02; give the earlier one as start" in said


# ------------------------------------------------------------------------------------------------- the order of before


def test_the_interval_may_still_come_before_the_symbol(bench: Bench) -> None:
    stamps = minutes("2024-11-26 09:30", "2024-11-26 09:40")
    with pytest.warns(DeprecationWarning, match="load takes the data, the symbol, the interval"):
        report = bench.coordinator.load(bench.write(*lines(stamps)), "1m", "SPY", timezone="America/New_York")
    assert (report.inserted, report.symbols, report.interval) == (10, ("SPY",), "1m")
    with pytest.warns(DeprecationWarning, match="SourceBars takes the data, the symbol, the interval"):
        source = SourceBars("bars.csv", "5m", "spy")
    assert (source.symbol, source.interval) == ("spy", "5m")
    with pytest.warns(DeprecationWarning, match="SourceBars takes the data, the symbol, the interval"):
        source = SourceBars("bars.csv", "5m", symbol="spy")
    assert (source.symbol, source.interval) == ("spy", "5m")
    with pytest.warns(DeprecationWarning, match="SourceBars takes the data, the symbol, the interval"):
        source = SourceBars("bars.csv", "5m", "spy", LoadOptions(label="end"))
    assert (source.symbol, source.interval, source.options.label) == ("spy", "5m", "end")
    with pytest.raises(TypeError, match="positional"), pytest.warns(DeprecationWarning, match="load takes"):
        bench.coordinator.load("bars.csv", "5m", "spy", "America/New_York")
    bench.load_lines(*lines(minutes("2024-11-27 09:30", "2024-11-27 09:40")), timezone="America/New_York")
    bench.coordinator.end_session("2024-11-27")
    bench.process()
    with pytest.warns(DeprecationWarning, match="purge_bars takes symbols, the interval, before"):
        purged = bench.coordinator.purge_bars("1m", "2024-11-27", "SPY")
    assert [(one.interval, one.deleted) for one in purged.intervals] == [("1m", 10)]


def test_a_live_session_takes_the_interval_first_too(bench: Bench) -> None:
    async def add() -> None:
        with pytest.warns(DeprecationWarning, match="add_interval takes symbols, the interval"):
            await session.add_interval("15m", "SPY")

    session = LiveSession(bench.store, Scripted(add, offer=Offer(intervals=("1m",))), "SPY")
    asyncio.run(session.run())
    assert "15m" in [row["interval"] for row in bench.store.interval_rows("SPY")]


def test_the_order_of_today_warns_of_nothing(bench: Bench) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        bench.load_lines(*lines(minutes("2024-11-26 09:30", "2024-11-26 09:40")), timezone="America/New_York")
        SourceBars("bars.csv", "SPY", "1m")
        bench.coordinator.purge_bars("SPY", "1m", "2024-11-26")
