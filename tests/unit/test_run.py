"""Runs: begun, advanced, ended, left behind and taken up again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from barhouse import open_store
from barhouse.store.errors import InputError, RunActiveError
from barhouse.store.records import run

START = datetime(2024, 1, 2, 9, tzinfo=UTC)


class Ticking:
    """A clock that moves a second at each look."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bars.duckdb"


def test_a_run_from_beginning_to_end(path: Path) -> None:
    cursor = datetime(2023, 5, 1, 20, tzinfo=UTC)
    with open_store(path, clock=Ticking()) as store:
        with store.transaction() as transaction:
            begun = run.begin(transaction, "nightly", "eod", {"symbols": ["SPY"]})
        assert (begun.run_id, begun.state, begun.cursor, begun.position) == (1, "running", None, None)
        assert begun.config == {"symbols": ["SPY"]}
        with store.transaction() as transaction:
            run.advance(transaction, begun.run_id, cursor, {"file": 3})
        with store.transaction() as transaction:
            run.end(transaction, begun.run_id, "failed", "no such file")
        (row,) = store.sql("FROM runs").to_pylist()
        assert (row["state"], row["error"], row["cursor"]) == ("failed", "no such file", cursor)
        assert row["started_at"] < row["ended_at"]
        with store.transaction() as transaction:
            again = run.take_up(transaction, begun.run_id)
            assert (again.state, again.cursor, again.position, again.error) == ("running", cursor, {"file": 3}, None)
            run.end(transaction, again.run_id, "done")
        with store.transaction() as transaction, pytest.raises(InputError, match=r"run 1 .* is done; begin another"):
            run.take_up(transaction, 1)


def test_what_a_failed_transaction_says_of_a_run_is_not_kept(path: Path) -> None:
    with open_store(path, clock=Ticking()) as store:
        with store.transaction() as transaction:
            begun = run.begin(transaction, "live", "desk", {})
        with pytest.raises(ZeroDivisionError), store.transaction() as transaction:
            run.advance(transaction, begun.run_id, START)
            raise ZeroDivisionError
        assert store.sql("SELECT cursor FROM runs")["cursor"].to_pylist() == [None]


def test_one_run_writes_at_a_time(path: Path) -> None:
    with open_store(path, clock=Ticking()) as store, store.transaction() as transaction:
        run.begin(transaction, "live", "desk", {})
        with pytest.raises(RunActiveError, match=r"run 1 \(live 'desk', since 2024-01-02 09:00:..Z\) is going on"):
            run.begin(transaction, "nightly", "eod", {})
        run.begin(transaction, "backtest", "one", {})
        run.begin(transaction, "backtest", "two", {})
        with pytest.raises(RunActiveError, match="run 3"):
            run.begin(transaction, "backtest", "two", {})
        assert [one.run_id for one in run.runs(transaction, mode="backtest")] == [3, 2]


def test_a_run_left_behind_is_known_by_its_opening_not_by_its_process(path: Path) -> None:
    with open_store(path, clock=Ticking()) as store, store.transaction() as transaction:
        run.begin(transaction, "live", "desk", {})
        run.advance(transaction, 1, START, {"id": "7-0"})
    with open_store(path, clock=Ticking()) as store:  # by the same process
        with store.transaction() as transaction, pytest.raises(RunActiveError, match=r"run 1 .* take it up again"):
            run.advance(transaction, 1, START)
        with store.transaction() as transaction:
            run.recover(transaction)
        (row,) = store.sql("FROM runs").to_pylist()
        assert (row["state"], row["ended_at"]) == ("crashed", row["updated_at"])
        assert "its process ended" in row["error"]
        with store.transaction() as transaction:
            again = run.take_up(transaction, 1)
            assert again.position == {"id": "7-0"}
            run.advance(transaction, 1, START)


def test_a_copy_tells_runs_as_they_were_when_it_was_made(path: Path) -> None:
    with open_store(path, clock=Ticking()) as store:
        with store.transaction() as transaction:
            run.begin(transaction, "live", "desk", {})
        store.publish(path.with_name("snapshot.duckdb"))
        assert [one.state for one in store.runs()] == ["running"]
    for name, state in ((path, "crashed"), (path.with_name("snapshot.duckdb"), "running")):
        with open_store(name, read_only=True) as store:
            assert [one.state for one in store.runs()] == [state]


def test_an_unknown_run(path: Path) -> None:
    with open_store(path) as store, store.transaction() as transaction, pytest.raises(InputError, match="no run 5"):
        run.take_up(transaction, 5)
