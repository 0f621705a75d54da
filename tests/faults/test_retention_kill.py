"""Killed -9 while it purges: each purge is there whole or not at all, and finishing ends as if nothing had been."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from barhouse import open_store
from tests.extent import PURGE_KILLS, SEED, tally
from tests.faults import nightly

ROOT = Path(__file__).parents[2]
BARS = "SELECT * EXCLUDE (batch_id) FROM bars ORDER BY ALL"
KEPT = "SELECT * FROM bars WHERE interval IN ('1h', '1d', '1w') ORDER BY ALL"
ACCOUNTS = "SELECT * FROM coverage ORDER BY ALL"


def start(path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.faults.retaining", str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def said(child: subprocess.Popen[str]) -> list[str]:
    assert child.stdout is not None
    return child.stdout.read().splitlines()


@pytest.fixture(scope="module")
def derived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("derived") / "bars.duckdb"
    nightly.main(str(path))
    return path


def test_killed_while_it_purges(derived: Path, tmp_path: Path) -> None:
    whole = Path(shutil.copy(derived, tmp_path / "whole.duckdb"))
    assert "finished" in said(start(whole))
    with open_store(whole) as store:
        expected = [store.sql(query) for query in (BARS, ACCOUNTS)]
    chance = random.Random(SEED)
    path, kills, finished, seen = tmp_path / "0.duckdb", 0, True, set()
    kept = None
    while kills < PURGE_KILLS or not finished:
        if finished:
            path = Path(shutil.copy(derived, tmp_path / f"{kills}.duckdb"))
            with open_store(path) as store:
                kept = store.sql(KEPT)
        child = start(path)
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "ready"
        if kills < PURGE_KILLS:
            try:
                child.wait(timeout=chance.uniform(0.0, 1.5))
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                kills += 1
        lines = said(child)
        child.wait()
        finished = "finished" in lines
        purged = [date.fromisoformat(line.split()[1]) for line in lines if line.startswith("purged")]
        seen.update(purged)
        with open_store(path) as store:
            report = store.verify()
            assert report.sound, str(report)
            assert store.sql(KEPT).equals(kept)
            if finished:
                assert [store.sql(query) for query in (BARS, ACCOUNTS)] == expected
    tally(kills=kills)
    assert seen, "no purge was acknowledged; the test would prove nothing"
