"""What a killed process leaves in the log, and did not commit, is in nobody's way."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from barhouse import SessionCoordinator, compact, open_store

STORES = Path(__file__).parents[1] / "migration" / "stores"


def cut(path: Path, share: float) -> None:
    """Leave of a first commit what a process has written of it that was killed."""
    with open_store(path):
        pass
    with open_store(path) as store:
        SessionCoordinator(store).add_calendar("HOME", timezone="UTC", open="09:00", close="10:00", weekdays="mon")
        log_file = path.with_name(f"{path.name}.wal")
        content, logged = path.read_bytes(), log_file.read_bytes()
    path.write_bytes(content)
    log_file.write_bytes(logged[: int(len(logged) * share)])


def published(path: Path, target: Path) -> object:
    with open_store(path) as store:
        return store.publish(target)


def backed_up(path: Path, target: Path) -> object:
    with open_store(path) as store:
        return store.backup(target)


WAYS: dict[str, Callable[[Path, Path], object]] = {
    "publish": published,
    "backup": backed_up,
    "compact": lambda path, target: compact(path),
}


@pytest.mark.parametrize(("way", "share"), [("publish", 0.02), ("backup", 0.5), ("compact", 0.99)])
def test_a_log_without_a_commit_stops_no_copy(tmp_path: Path, way: str, share: float) -> None:
    path = tmp_path / "bars.duckdb"
    cut(path, share)
    WAYS[way](path, tmp_path / "copy.duckdb")
    with open_store(path) as store:
        assert store.verify().sound
        assert store.sql("FROM trading_calendar").num_rows == 0


@pytest.mark.parametrize("byte_count", [1, 200])
def test_nor_an_upgrade(tmp_path: Path, byte_count: int) -> None:
    path = Path(shutil.copy(STORES / "0003.duckdb", tmp_path / "bars.duckdb"))
    whole = Path(shutil.copy(STORES / "0003.duckdb", tmp_path / "whole.duckdb"))
    with duckdb.connect(str(whole)) as connection:
        connection.execute("CREATE TABLE more AS FROM range(1000)")
        logged = whole.with_name("whole.duckdb.wal").read_bytes()
    path.with_name("bars.duckdb.wal").write_bytes(logged[:byte_count])
    with open_store(path) as store:
        assert store.verify().sound
