"""Backtests: ticks in order, sessions that turn, runs taken up again, time that is held; and the command."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from barhouse import Backtest, DataProcessor, SessionCoordinator, SessionStore, open_store
from barhouse.coordinator.backtest.pace import Pace
from barhouse.coordinator.streams.registrar import SourceBars
from barhouse.store.errors import InputError, RegistrationError, RunActiveError, StoreError, UnknownSymbolError

WEEK = (date(2024, 11, 26), date(2024, 11, 27), date(2024, 11, 29))  # the 28th is a holiday, the 29th a half day


PARTS = ("open", "high", "low", "close", "volume")


def hours(day: date, first: float, count: int, value: float = 10.0) -> pa.Table:
    opened = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=first)
    starts = [opened + timedelta(minutes=30 * number) for number in range(count)]
    columns = {name: [value + number for number in range(count)] for name in PARTS}
    return pa.table({"bar_start": starts, **columns})


def stock(store: SessionStore) -> None:
    """SPY on XNYS for three sessions, COIN around the clock for one day of them."""
    coordinator = SessionCoordinator(store)
    coordinator.register("SPY", ["30m", "1h", "1d", "1w"], "XNYS", base="30m")
    coordinator.register("COIN", ["30m", "1h", "1d"], "24/7", base="30m")
    for day in WEEK:
        coordinator.load(hours(day, 14.5, 7 if day.day == 29 else 13), "SPY", "30m")
    coordinator.load(hours(WEEK[1], 0, 48), "COIN", "30m")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "bars.duckdb"
    with open_store(path) as store:
        stock(store)
    return path


@pytest.fixture
def path(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(template, tmp_path / "bars.duckdb"))


@pytest.fixture
def store(path: Path) -> Iterator[SessionStore]:
    with open_store(path) as opened:
        yield opened


def at(text: str) -> datetime:
    return datetime.fromisoformat(text + "+00:00")


def test_ticks_are_in_order_and_sessions_turn(store: SessionStore) -> None:
    with Backtest(store, ["spy", "coin"], intervals=["60m", "1d", "1w"]) as backtest:
        ticks = list(backtest)
    assert [tick.now for tick in ticks] == sorted({tick.now for tick in ticks})
    turns = [
        (f"{tick.now:%d %H:%M}", one.calendar, opens)
        for tick in ticks
        for opens, found in ((True, tick.opened), (False, tick.closed))
        for one in found
    ]
    assert turns == [
        ("26 14:30", "XNYS", True),
        ("26 21:00", "XNYS", False),
        ("27 00:00", "24/7", True),
        ("27 14:30", "XNYS", True),
        ("27 21:00", "XNYS", False),
        ("28 00:00", "24/7", False),
        ("29 14:30", "XNYS", True),
        ("29 18:00", "XNYS", False),
    ]
    by_instant = {tick.now: tick for tick in ticks}
    close = by_instant[at("2024-11-27T21:00")]
    assert [(bar.symbol, bar.interval) for bar in close.bars] == [("COIN", "1h"), ("SPY", "1h"), ("SPY", "1d")]
    half_day = by_instant[at("2024-11-29T18:00")].bars
    assert [(bar.interval, bar.base_count, bar.complete) for bar in half_day] == [
        ("1h", 1, True),
        ("1d", 7, True),
        ("1w", 33, False),  # Monday is missing
    ]
    assert close.table["symbol"].to_pylist() == ["COIN", "SPY", "SPY"] and len(close) == 3


def test_only_sessions_of_the_range_are_handed_over_and_those_before_can_be_read(store: SessionStore) -> None:
    with Backtest(store, "SPY", start=WEEK[1], end=WEEK[2], warm_up=1) as backtest:
        first = next(iter(backtest))
        assert (first.now, first.bars) == (at("2024-11-27T14:30"), [])
        assert backtest.bars("SPY", "30m").num_rows == 13
        assert {bar.session_date for tick in backtest for bar in tick.bars} == {WEEK[1]}
    with Backtest(store, "SPY", warm_up=2) as backtest:
        assert next(iter(backtest)).opened[0].session_date == WEEK[2]
        assert backtest.bars("SPY", "1d").num_rows == 2
    with Backtest(store, "SPY", start=WEEK[1], warm_up=0) as backtest:
        next(iter(backtest))
        assert backtest.bars("SPY", "30m").num_rows == 0


def test_forming_bars_grow(store: SessionStore) -> None:
    grown = []
    with Backtest(store, "SPY", intervals=["30m"], end=WEEK[1]) as backtest:
        for _ in backtest:
            bar = backtest.forming("SPY", "1d")
            grown.append(bar and (bar.base_count, bar.close, bar.complete))
        assert backtest.forming("SPY", "30m") is None
        week = backtest.forming("SPY", "1w")
    assert grown == [None, *((count, 9.0 + count, False) for count in range(1, 13)), None]
    assert week is not None
    assert (week.bar_start, week.base_count, week.batch_id) == (at("2024-11-25T14:30"), 13, None)


def test_bars_of_a_day_are_replayed_though_no_shorter_ones_are_there(tmp_path: Path) -> None:
    starts = [datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC) for day in WEEK]
    bars = pa.table({"bar_start": starts, **{name: [1.0, 2.0, 3.0] for name in PARTS}})
    with open_store(tmp_path / "daily.duckdb") as store:
        coordinator = SessionCoordinator(store)
        coordinator.register("SPY", ["1d", "1w"], "XNYS")
        coordinator.load(bars, "SPY", "1d")
        handed, forming = [], []
        with Backtest(store, "SPY", start=WEEK[0]) as backtest:
            for tick in backtest:
                handed += [(f"{tick.now:%d %H:%M}", bar.interval, bar.close) for bar in tick.bars]
                week = backtest.forming("SPY", "1w")
                forming.append(week and (week.base_count, week.close))
        with Backtest(store, "SPY", intervals=["1w"]) as backtest:
            assert [bar.base_count for tick in backtest for bar in tick.bars] == [3]
    assert handed == [
        ("26 21:00", "1d", 1.0),
        ("27 21:00", "1d", 2.0),
        ("29 18:00", "1d", 3.0),
        ("29 18:00", "1w", 3.0),
    ]
    assert forming == [None, (1, 1.0), (1, 1.0), (2, 2.0), (2, 2.0), None]


def test_a_run_goes_on_where_it_stopped_and_hides_what_came_later(path: Path) -> None:
    with open_store(path) as store, Backtest(store, "SPY", name="trial") as backtest:
        for tick in backtest:
            if tick.now == at("2024-11-27T16:00"):
                backtest.acknowledge({"line": 7})
                break
    with open_store(path) as store:
        assert store.sql("SELECT state, cursor FROM runs").to_pylist() == [
            {"state": "stopped", "cursor": at("2024-11-27T16:00")}
        ]
        SessionCoordinator(store).load(hours(WEEK[1], 14.5, 13, value=99.0), "SPY", "30m")
        with Backtest(store, "SPY", name="trial") as backtest:
            assert (backtest.acknowledged, backtest.position) == (at("2024-11-27T16:00"), {"line": 7})
            tick = next(iter(backtest))
            assert tick.now == at("2024-11-27T16:30") and tick.bars[0].close == 13.0
            assert backtest.bars("SPY", "1d", n=1)["close"].to_pylist() == [22.0]
        with Backtest(store, "SPY") as fresh:
            assert 99.0 in fresh_closes(fresh)


def fresh_closes(backtest: Backtest) -> set[float]:
    return {bar.close for tick in backtest for bar in tick.bars}


def test_a_tick_that_is_left_is_not_acknowledged(store: SessionStore) -> None:
    with pytest.raises(ZeroDivisionError), Backtest(store, "SPY", name="trial") as backtest:
        for tick in backtest:
            if tick.now == at("2024-11-26T16:00"):
                raise ZeroDivisionError
    (row,) = store.sql("FROM runs").to_pylist()
    assert (row["state"], row["error"], row["cursor"]) == ("failed", "ZeroDivisionError: ", at("2024-11-26T15:30"))
    with Backtest(store, "SPY", name="trial") as backtest:
        assert next(iter(backtest)).now == at("2024-11-26T16:00")
    with Backtest(store, "SPY", name="trial", resume_after="2024-11-29T17:30Z") as backtest:
        assert [tick.now for tick in backtest] == [at("2024-11-29T18:00")]
    assert store.sql("SELECT state FROM runs")["state"].to_pylist() == ["done"]
    with Backtest(store, "SPY", name="trial") as backtest:  # what is done begins anew
        assert next(iter(backtest)).now == at("2024-11-26T14:30")


@pytest.mark.parametrize("says_so_itself", [False, True])
def test_what_is_written_with_a_tick_is_there_with_its_acknowledgement(
    store: SessionStore, says_so_itself: bool
) -> None:
    with store.transaction() as transaction:
        transaction.execute("CREATE TABLE mine (tick TIMESTAMPTZ)")

    def subscriber(tick: object, transaction: object) -> None:
        transaction.execute("INSERT INTO mine VALUES ($now)", {"now": tick.now})
        if says_so_itself:
            backtest.acknowledge({"tick": str(tick.now)})
        if tick.now == at("2024-11-26T16:00"):
            raise ZeroDivisionError

    every = 5 if says_so_itself else 1
    with pytest.raises(ZeroDivisionError), Backtest(store, "SPY", name="trial", record_every=every) as backtest:
        backtest.run(subscriber, in_transaction=True)
    written = store.sql("SELECT max(tick) AS last, count(*) AS n FROM mine").to_pylist()
    assert written == [{"last": at("2024-11-26T15:30"), "n": 3}]
    assert store.sql("SELECT cursor FROM runs")["cursor"].to_pylist() == [at("2024-11-26T15:30")]


def test_progress_is_recorded_every_so_many_ticks(store: SessionStore) -> None:
    recorded = []
    with Backtest(store, "SPY", intervals=["30m"], name="trial", record_every=5) as backtest:
        for _ in backtest:
            recorded.append(store.sql("SELECT cursor FROM runs")["cursor"].to_pylist()[0])
    assert len(set(recorded)) == 1 + (len(recorded) - 1) // 5


def test_a_run_must_be_asked_for_the_same(store: SessionStore) -> None:
    with Backtest(store, "SPY", name="trial") as backtest:
        next(iter(backtest))
        with pytest.raises(RunActiveError):
            Backtest(store, "SPY", name="trial", restart=True)
    with pytest.raises(InputError, match=r"asked for symbols=\['SPY'\], not \['COIN'\]"):
        Backtest(store, "COIN", name="trial")
    with Backtest(store, "COIN", name="trial", restart=True) as backtest:
        assert next(iter(backtest)).opened[0].calendar == "24/7"


def test_what_cannot_be_replayed(store: SessionStore) -> None:
    with pytest.raises(UnknownSymbolError, match="SPX"):
        Backtest(store, "SPX")
    with pytest.raises(InputError, match="no symbol of the backtest has interval '7m'"):
        Backtest(store, "SPY", intervals=["7m"])
    with pytest.raises(InputError, match="no bars of SPY in sessions from 2025-01-02"):
        Backtest(store, "SPY", start=date(2025, 1, 2))
    with pytest.raises(InputError, match="no bars of SPY in sessions from the first to 0001-01-01"):
        Backtest(store, "SPY", end="0001-01-01")
    with Backtest(store, "SPY") as backtest:
        with pytest.raises(UnknownSymbolError, match="does not read COIN 1h"):
            backtest.bars("COIN", "1h")
        with pytest.raises(InputError, match="n=0"):
            backtest.bars("SPY", "1h", n=0)


@pytest.mark.parametrize("given", [-1, 0.5, "many", True], ids=repr)
@pytest.mark.parametrize("name", ["warm_up", "record_every"])
def test_what_is_no_number_of_ticks_or_sessions(store: SessionStore, name: str, given: object) -> None:
    with pytest.raises(InputError, match=f"{name}=.* is not usable; give how many"):
        Backtest(store, "SPY", **{name: given})


@pytest.mark.parametrize("speed", [0.0, -1, float("nan"), "fast"])
def test_what_is_no_speed(store: SessionStore, speed: object) -> None:
    with pytest.raises(InputError, match=r"speed=.* is not usable"):
        Backtest(store, "SPY", speed=speed)


def test_a_store_that_is_only_read(path: Path) -> None:
    with open_store(path, read_only=True) as store, pytest.raises(InputError, match="wait to be processed"):
        Backtest(store, "SPY")
    with open_store(path) as store:
        DataProcessor(store).process()
    with open_store(path, read_only=True) as store:
        assert len(fresh_closes(Backtest(store, "SPY"))) > 1
        with pytest.raises(StoreError, match="cannot record a run"):
            Backtest(store, "SPY", name="trial")


def test_files_are_replayed_without_a_store(store: SessionStore, tmp_path: Path) -> None:
    lines = ["symbol,timestamp,open,high,low,close,volume"]
    for symbol in ("spy", "other"):
        for day in WEEK:
            frame = hours(day, 14.5, 7 if day.day == 29 else 13).to_pylist()
            lines += [
                f"{symbol},{row['bar_start'].isoformat()}," + ",".join(str(row[part]) for part in PARTS)
                for row in frame
            ]
    file = tmp_path / "bars.csv"
    file.write_text("\n".join(lines), encoding="utf-8")
    with Backtest.of_source(SourceBars(file, interval="30m"), "SPY", ["1h", "1d"], "XNYS", start=WEEK[1]) as backtest:
        found = [bar[:-1] for tick in backtest for bar in tick.bars]
        assert backtest.bars("SPY", "30m").num_rows == 33
    with Backtest(store, "SPY", intervals=["1h", "1d"], start=WEEK[1]) as backtest:
        assert found == [bar[:-1] for tick in backtest for bar in tick.bars]
    with (
        pytest.raises(RegistrationError, match="QQQ"),
        Backtest.of_source(SourceBars(file, interval="30m"), ["SPY", "QQQ"], ["1h"], "XNYS"),
    ):
        pass


def test_in_an_event_loop(store: SessionStore) -> None:
    async def gather() -> list[datetime]:
        return [tick.now async for tick in backtest]

    with Backtest(store, "SPY", name="loop") as backtest:
        found = asyncio.run(gather())
    assert found == [tick.now for tick in Backtest(store, "SPY")]
    assert store.sql("SELECT state FROM runs")["state"].to_pylist() == ["done"]


def test_time_is_held_stepped_and_stopped_from_another_thread(store: SessionStore) -> None:
    came, seen = threading.Semaphore(0), []
    with Backtest(store, "SPY", name="held") as backtest:
        backtest.pace.pause()

        def follow() -> None:
            for tick in backtest:
                seen.append(tick.now)
                came.release()

        thread = threading.Thread(target=follow)
        thread.start()
        assert not came.acquire(timeout=0.05)
        backtest.pace.step(2)
        assert came.acquire(timeout=30) and came.acquire(timeout=30)
        assert not came.acquire(timeout=0.05) and backtest.pace.paused
        backtest.pace.stop()
        thread.join()
    assert len(seen) == 2 and store.sql("SELECT state FROM runs")["state"].to_pylist() == ["stopped"]


def test_the_speed_is_that_of_open_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("barhouse.coordinator.backtest.pace.time.monotonic", lambda: clock[0])
    pace, opened = Pace(60.0), at("2024-11-26T14:30")
    assert pace.delay(None, opened) == 0  # nothing was open before: not waited for
    assert pace.delay(opened, opened + timedelta(minutes=3)) == 3.0
    clock[0] += 2.5
    assert pace.delay(opened, opened + timedelta(minutes=3)) == 0.5
    clock[0] += 10
    assert pace.delay(opened, opened + timedelta(minutes=3)) == 0  # behind, and not made worse by waiting
    pace.speed = 120.0
    assert pace.delay(opened, opened + timedelta(minutes=2)) == 1.0
    pace.pause()
    assert pace.delay(opened, opened + timedelta(minutes=2)) is None
    pace.step()
    assert pace.delay(opened, opened + timedelta(minutes=2)) == 0
    assert pace.delay(opened, opened + timedelta(minutes=2)) is None
    pace.resume()
    pace.speed = None
    assert pace.delay(opened, opened + timedelta(minutes=2)) == 0


# The command


def barhouse(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "barhouse", "--store", str(path), "backtest", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_writes_bars_as_they_close(path: Path) -> None:
    waits = barhouse(path, "SPY")
    assert waits.returncode == 3 and "run `barhouse process` first" in waits.stderr
    shown = barhouse(path, "SPY", "--intervals", "1d", "--name", "days", "--format", "json")
    assert [json.loads(line)["session_date"] for line in shown.stdout.splitlines()] == [str(day) for day in WEEK]
    assert "replayed 3 bars at 3 instants" in shown.stderr
    assert barhouse(path, "SPY", "--restart").returncode == 2


def test_the_command_goes_on_with_its_file(path: Path, tmp_path: Path) -> None:
    whole = barhouse(path, "SPY", "COIN", "--name", "whole").stdout
    out = tmp_path / "out.csv"
    run = [sys.executable, "-m", "barhouse", "--store", str(path), "backtest", "SPY", "COIN"]
    run += ["--name", "part", "--speed", "3000", "--output", str(out)]
    with subprocess.Popen(run, stderr=subprocess.PIPE, text=True) as child:
        while not out.exists() or len(out.read_text(encoding="utf-8").splitlines()) < 3:
            assert child.poll() is None
        child.send_signal(signal.SIGTERM)
        assert child.stderr is not None and "stopped after" in child.stderr.read()
    assert child.returncode == 0
    kept = out.read_text(encoding="utf-8")
    assert whole.startswith(kept) and kept != whole
    out.write_text(kept + "SPY,half a li", encoding="utf-8")
    rest = barhouse(path, "SPY", "COIN", "--name", "part", "--output", str(out))
    assert rest.returncode == 0, rest.stderr
    assert out.read_text(encoding="utf-8") == whole


def test_the_command_writes_into_what_cannot_be_cut_back(path: Path, tmp_path: Path) -> None:
    whole = barhouse(path, "SPY", "--name", "whole").stdout
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE, text=True) as reader:
        done = barhouse(path, "SPY", "--name", "piped", "--output", str(pipe))
        assert reader.stdout is not None
        assert (done.returncode, reader.stdout.read()) == (0, whole)
    assert barhouse(path, "SPY", "--output", os.devnull).returncode == 0
