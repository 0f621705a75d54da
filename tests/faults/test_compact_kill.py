"""A compaction killed at any moment leaves the whole store: the old file or the new one."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from barhouse import open_store
from barhouse.store.database.tables import metadata
from tests.extent import COMPACT_KILLS, SEED, tally
from tests.faults.nightly import SESSIONS, day

TABLES = [table.name for table in metadata.sorted_tables]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with revisions, closed."""
    from barhouse import DataProcessor, SessionCoordinator

    path = tmp_path_factory.mktemp("original") / "bars.duckdb"
    with open_store(path) as store:
        coordinator = SessionCoordinator(store)
        coordinator.register(["AAA", "BBB"], ["5m", "15m", "1h", "1d"], "XNYS", base="5m")
        for session in SESSIONS:
            coordinator.load(day(session), interval="5m")
            DataProcessor(store).process()
    return path


def contents(path: Path) -> dict[str, list[dict[str, object]]]:
    with open_store(path) as store:
        assert store.verify().sound
        return {name: store.sql(f"FROM {name} ORDER BY ALL").to_pylist() for name in TABLES}


def start(path: Path, *more: str) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.faults.compacting", str(path), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root)


@pytest.mark.parametrize("point", ["sql", "sync_file", "sync_folder"])
def test_ended_at_every_step(original: Path, tmp_path: Path, point: str) -> None:
    """Before anything is copied; when the new file is whole but not in place; when it has just come into place."""
    path = Path(shutil.copy(original, tmp_path))
    child = start(path, point)
    assert child.communicate()[0] == "" and child.returncode == 9
    assert path.samefile(path) and (path.stat().st_ino != original.stat().st_ino)
    assert bool(list(tmp_path.glob("*.compacting"))) == (point != "sync_folder")
    assert contents(path) == contents(original)


def test_killed_at_random_moments(original: Path, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    path = Path(shutil.copy(original, tmp_path))
    whole = contents(original)
    assert whole["bar_revision"]
    halves, kills = 0, 0  # a kill while the new file is being written leaves a part of it
    while kills < COMPACT_KILLS or not halves:
        child = start(path)
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(timeout=chance.uniform(0.0, 1.0))
        child.kill()
        child.communicate()
        kills += 1
        assert kills < COMPACT_KILLS + 100, "no kill came while the new file was being written"
        halves += any(tmp_path.glob("*.compacting"))
        assert contents(path) == whole
    tally(kills=kills)
