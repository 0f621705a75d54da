"""Damaged files, another's log and a clock that jumps: a sound store, or words that point to the backup."""

from __future__ import annotations

import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from barhouse import BarhouseError, DataProcessor, SessionCoordinator, SessionStore, open_store
from tests.extent import SEED
from tests.hostile.kinds import NOW, table

HEADER_BYTES = 3 * 4096
BLOCK_BYTES = 65_536
BARS = "SELECT * EXCLUDE (batch_id) FROM bars ORDER BY ALL"
#: What says that a store cannot be opened as it is, and what to do.
POINTS_TO_BACKUP = r"restore\(\)"


def fill(path: Path, volume: float = 1.0) -> None:
    with open_store(path, clock=lambda: NOW, settings={"threads": 1}) as store:
        coordinator = SessionCoordinator(store)
        coordinator.add_calendar("HOME", timezone="UTC", open="14:30", close="21:00", weekdays="tue")
        coordinator.register(["SPY", "QQQ"], ["1m", "5m"], "HOME")
        coordinator.load(table().set_column(6, "volume", [[volume] * 20]), interval="1m")
        DataProcessor(store).process()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("filled") / "bars.duckdb"
    fill(path)
    return path


@pytest.fixture
def path(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(filled, tmp_path / "bars.duckdb"))


def opened(path: Path) -> SessionStore:
    return open_store(path, clock=lambda: NOW, settings={"threads": 1})


@pytest.mark.parametrize("lacking", [1, 4096, BLOCK_BYTES - 1, BLOCK_BYTES, 3 * BLOCK_BYTES])
def test_a_file_that_lacks_its_end(path: Path, lacking: int) -> None:
    with opened(path) as store:
        whole = store.sql(BARS)
    path.write_bytes(path.read_bytes()[:-lacking])
    try:
        with opened(path) as store:
            assert store.verify().sound
            assert store.sql(BARS) == whole, "it may lack what nothing was in"
    except BarhouseError as error:
        assert "restore()" in str(error)


def test_a_bit_in_each_tables_blocks(path: Path) -> None:
    """Of each table that has blocks: whatever else lies in them, it is told, and never a wrong answer given."""
    chance = random.Random(SEED)
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = [name for (name,) in connection.sql("SELECT table_name FROM duckdb_tables()").fetchall()]
        blocks = {
            name: connection.sql(
                f"SELECT DISTINCT block_id FROM pragma_storage_info('{name}') WHERE block_id >= 0"
            ).fetchall()
            for name in tables
        }
    whole = path.read_bytes()
    assert {"trading_session"} <= {name for name, found in blocks.items() if found}
    for block in sorted({block for found in blocks.values() for (block,) in found}):
        content = bytearray(whole)
        content[HEADER_BYTES + block * BLOCK_BYTES + chance.randrange(BLOCK_BYTES)] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        with pytest.raises(BarhouseError, match=POINTS_TO_BACKUP), opened(path) as store:
            store.verify()


def test_the_log_of_another_store(path: Path, tmp_path: Path) -> None:
    logs = []
    for name, volume in (("bars.duckdb", 1.0), ("other.duckdb", 2.0)):
        if name != "bars.duckdb":
            fill(tmp_path / name, volume)
        with opened(tmp_path / name) as store:
            SessionCoordinator(store).load(table().slice(0, 5), interval="1m", replace="sessions")
            kept = (tmp_path / name).read_bytes(), (tmp_path / f"{name}.wal").read_bytes()
        (tmp_path / name).write_bytes(kept[0])
        logs.append(kept[1])
    log = tmp_path / "bars.duckdb.wal"
    log.write_bytes(logs[1])
    with pytest.raises(BarhouseError, match=rf"bars\.duckdb\.wal is not the log of .*{POINTS_TO_BACKUP}"):
        opened(path)
    log.write_bytes(logs[0])
    with opened(path) as store:
        assert store.verify().sound


def test_a_clock_that_goes_back_and_a_year_forward(path: Path) -> None:
    clock = [NOW]
    seen: list[tuple[datetime, object]] = []
    rows = table()
    for number, jump in enumerate((timedelta(), -timedelta(days=400), timedelta(days=365), -timedelta(days=1))):
        clock[0] += jump
        with open_store(path, clock=lambda: clock[0], settings={"threads": 1}) as store:
            volume = [float(number + 5)] * rows.num_rows
            SessionCoordinator(store).load(rows.set_column(6, "volume", [volume]), interval="1m")
            DataProcessor(store).process()
            assert store.verify().sound
            last = store.sql("SELECT max(committed_at) AS at FROM batches").to_pylist()[0]["at"]
            seen.append((last.astimezone(UTC), store.sql(BARS)))
    with open_store(path, read_only=True) as store:
        moments = store.sql("SELECT committed_at FROM batches ORDER BY batch_id")["committed_at"].to_pylist()
        assert moments == sorted(set(moments)), "batches are in the order of time whatever a clock does"
        for moment, bars in seen:
            then = store.sql("SELECT * EXCLUDE (batch_id) FROM bars_as_of($moment) ORDER BY ALL", {"moment": moment})
            assert then.select(bars.column_names) == bars
