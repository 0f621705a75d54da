"""How a store stands: the view health, the same as OpenMetrics text and over HTTP, and on the terminal."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from barhouse import DataProcessor, SessionCoordinator, SessionStore, open_store
from barhouse.coordinator.live.metrics_server import metrics_served
from barhouse.store.errors import InputError
from barhouse.store.records import run

DAY = date(2024, 11, 29)  # a half day: 14:30 to 18:00 UTC
OPEN = datetime(2024, 11, 29, 14, 30, tzinfo=UTC)


class Clock:
    now = OPEN

    def __call__(self) -> datetime:
        return self.now


def minutes(first: int, last: int, *, without: tuple[int, ...] = ()) -> pa.Table:
    starts = [OPEN + timedelta(minutes=number) for number in range(first, last) if number not in without]
    return pa.table(
        {"bar_start": starts, **{name: [1.0] * len(starts) for name in ("open", "high", "low", "close", "volume")}}
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bars.duckdb"


@pytest.fixture
def store(path: Path, clock: Clock) -> Iterator[SessionStore]:
    with open_store(path, clock=clock, settings={"threads": 1}) as opened:
        coordinator = SessionCoordinator(opened)
        coordinator.register(["SPY", "QQQ", "NONE"], ["1m", "5m", "1h"], "XNYS")
        clock.now = OPEN + timedelta(minutes=20)
        coordinator.load(minutes(0, 20, without=(7, 8)), "SPY", "1m")
        coordinator.load(minutes(0, 12), "QQQ", "1m")
        clock.now += timedelta(seconds=30)
        yield opened


def standing(store: SessionStore) -> dict[str, dict[str, object]]:
    return {row["symbol"]: row for row in store.health().to_pylist()}


def test_each_symbol_by_how_far_it_is_behind(store: SessionStore, clock: Clock) -> None:
    rows = store.health().to_pylist()
    assert [row["symbol"] for row in rows] == ["QQQ", "SPY", "NONE"]
    qqq, spy, none = rows
    assert (qqq["lag_seconds"], spy["lag_seconds"], none["lag_seconds"]) == (8.5 * 60, 30.0, None)
    assert (spy["base"], spy["interval_count"], spy["complete_through"]) == ("1m", 3, OPEN + timedelta(minutes=20))
    assert (spy["gap_count"], spy["missing_count"], spy["quality_pct"]) == (1, 2, 90.0)
    assert (spy["waiting_count"], qqq["waiting_count"], none["waiting_count"]) == (1, 1, 0)
    assert [row["derived_last_minute"] for row in rows] == [0, 0, 0]

    DataProcessor(store).process()
    closed = standing(store)
    assert (closed["SPY"]["derived_last_minute"], closed["QQQ"]["derived_last_minute"]) == (
        4,
        3,
    )  # QQQ's third by the clock
    assert closed["SPY"]["waiting_count"] == 0
    clock.now += timedelta(seconds=61)
    assert standing(store)["SPY"]["derived_last_minute"] == 0


def test_nothing_is_behind_while_the_market_is_closed(store: SessionStore, clock: Clock) -> None:
    clock.now = OPEN + timedelta(hours=3, minutes=30, seconds=5)
    SessionCoordinator(store).load(minutes(20, 210), "SPY", "1m")
    assert standing(store)["SPY"]["lag_seconds"] == 0.0
    clock.now = datetime(2024, 12, 1, 12, tzinfo=UTC)  # a Sunday
    found = standing(store)
    assert (found["SPY"]["lag_seconds"], found["QQQ"]["lag_seconds"]) == (0.0, (210 - 12) * 60.0)
    clock.now = datetime(2024, 12, 2, 14, 31, tzinfo=UTC)
    assert (
        standing(store)["SPY"]["lag_seconds"]
        == (datetime(2024, 12, 2, 14, 31, tzinfo=UTC) - OPEN).total_seconds() - 210 * 60
    )


def test_the_view_is_the_same_by_the_machines_clock(store: SessionStore) -> None:
    table = store.sql("SELECT * FROM health")
    assert table.column_names == store.health().column_names
    assert sorted(table["symbol"].to_pylist()) == ["NONE", "QQQ", "SPY"]
    assert store.health()["closed_per_minute"].equals(store.health()["derived_last_minute"]), "for one release more"


def parsed(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample by a parser that is not ours, which also refuses what is not OpenMetrics."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_say_the_same(store: SessionStore) -> None:
    DataProcessor(store).process()
    with store.transaction() as transaction:
        begun = run.begin(transaction, "live", 'a "desk"', {})
        run.advance(transaction, begun.run_id, OPEN)
    found = parsed(store.metrics())
    for row in store.health().to_pylist():
        for metric, column in (
            ("lag_seconds", "lag_seconds"),
            ("quality_percent", "quality_pct"),
            ("waiting_intervals", "waiting_count"),
            ("missing_bars", "missing_count"),
            ("derived_bars_last_minute", "derived_last_minute"),
            ("gaps", "gap_count"),
            ("closed_bars_per_minute", "derived_last_minute"),  # by its name of before
        ):
            assert found.get((f"barhouse_{metric}", (row["symbol"],))) == row[column]
    assert found["barhouse_symbols", ()] == 3
    assert found["barhouse_bars_inserted_total", ("load",)] == 30
    assert found["barhouse_bars_inserted_total", ("process",)] == 7
    assert found["barhouse_run_cursor_timestamp_seconds", ("live", 'a "desk"')] == OPEN.timestamp()


def test_metrics_of_a_store_that_this_process_holds(store: SessionStore, clock: Clock) -> None:
    with metrics_served(store, 0) as port:

        def scraped() -> str:
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/metrics", headers={"Accept": "application/openmetrics-text"}
            )
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.read().decode()

        assert parsed(scraped())["barhouse_bars_inserted_total", ("load",)] == 30
        clock.now += timedelta(minutes=1)
        SessionCoordinator(store).load(minutes(20, 21), "SPY", "1m")
        assert parsed(scraped())["barhouse_bars_inserted_total", ("load",)] == 31
        with pytest.raises(InputError, match=f"port={port}"), metrics_served(store, port):
            pass
    with pytest.raises(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5)


# The command


def command(path: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "barhouse", "--store", str(path), "status", *arguments]


def test_the_command_writes_metrics(store: SessionStore, path: Path, tmp_path: Path) -> None:
    store.close()
    done = subprocess.run(command(path, "--format", "openmetrics"), capture_output=True, text=True, check=True)
    assert parsed(done.stdout)["barhouse_symbols", ()] == 3
    out = tmp_path / "barhouse.prom"
    subprocess.run(command(path, "--format", "openmetrics", "--output", str(out)), check=True)
    assert parsed(out.read_text(encoding="utf-8"))["barhouse_symbols", ()] == 3
    assert list(tmp_path.glob(".*.part")) == []
    for wrong in (["SPY", "--format", "openmetrics"], ["--watch", "--format", "json"]):
        assert subprocess.run(command(path, *wrong), capture_output=True, check=False).returncode == 2


def test_metrics_go_into_a_pipe_that_stays(store: SessionStore, path: Path, tmp_path: Path) -> None:
    store.close()
    pipe = tmp_path / "metrics"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE, text=True) as reader:
        subprocess.run(command(path, "--format", "openmetrics", "--output", str(pipe)), check=True)
        assert reader.stdout is not None
        assert parsed(reader.stdout.read())["barhouse_symbols", ()] == 3
    assert pipe.is_fifo()


def test_watching_shows_what_changes_until_interrupted(store: SessionStore, path: Path) -> None:
    """On a terminal; the store is opened only for a moment each time, so that others can write between."""
    store.close()
    screen, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "160", "LINES": "24"}
    with subprocess.Popen(
        command(path, "--watch", "--every", "0.2"), stdout=terminal, stderr=terminal, env=environment
    ) as child:
        os.close(terminal)
        shown = b""

        def wait_for(text: bytes) -> None:
            nonlocal shown
            while text not in shown:
                shown = shown[-10_000:] + os.read(screen, 65_536)

        wait_for(b"NONE")
        assert b"derived/min" in shown and b"3 symbols" in shown
        written = False
        while not written:
            try:
                with open_store(path) as again:
                    SessionCoordinator(again).register("FRESH", ["1m"], "XNYS")
                    written = True
            except InputError:
                raise
            except Exception:
                time.sleep(0.05)
        wait_for(b"FRESH")
        child.send_signal(signal.SIGINT)
        while child.poll() is None:
            try:
                os.read(screen, 65_536)
            except OSError:
                break
    os.close(screen)
    assert child.returncode == 0
