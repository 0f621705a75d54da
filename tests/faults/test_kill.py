"""A process killed -9 while it loads and derives leaves nothing half-done, and the next one finishes the work."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from barhouse import open_store
from tests.extent import KILLS, SEED, shares, tally

EVERYTHING = """
    SELECT symbol, interval, bar_start, bar_end, session_date, open, high, low, close, volume, base_count,
           expected_count, complete
    FROM bars ORDER BY ALL
"""
DERIVED = """
    SELECT min(last) AS last
    FROM (SELECT max(session_date) AS last FROM bars WHERE interval = '1h' GROUP BY symbol)
"""
ACCOUNTS = "SELECT * FROM coverage ORDER BY ALL"
GAPS = "SELECT * FROM gaps ORDER BY ALL"


def start(path: Path) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.nightly", str(path)], stdout=subprocess.PIPE, text=True, cwd=root
    )


def said(child: subprocess.Popen[str]) -> list[str]:
    assert child.stdout is not None
    return child.stdout.read().splitlines()


def last(word: str, lines: list[str]) -> date | None:
    found = [line.split()[1] for line in lines if line.startswith(f"{word} ")]
    return date.fromisoformat(found[-1]) if found else None


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("uninterrupted") / "bars.duckdb"
    child = start(path)
    assert "finished" in said(child) and child.wait() == 0
    return path


@pytest.mark.parametrize(("part", "all_kills"), list(enumerate(shares(KILLS, 12))))
def test_killed_at_random_moments(tmp_path: Path, uninterrupted: Path, part: int, all_kills: int) -> None:
    chance = random.Random(f"{SEED} {part}")
    survived: set[tuple[str, str | None]] = set()
    kills = 0
    life = 0
    while kills < all_kills:
        # A store takes only so many kills before its work is done; then the next one begins.
        path = tmp_path / f"{life}.duckdb"
        life += 1
        finished = False
        while not finished and kills < all_kills:
            child = start(path)
            assert child.stdout is not None
            # Before the store is open, or some way into the work, however fast the machine is; then at any moment.
            lines = [child.stdout.readline() for _ in range(chance.randint(0, 4))]
            try:
                child.wait(timeout=chance.uniform(0.0, 0.4) if lines else chance.uniform(0.5, 2.0))
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                kills += 1
            lines = [line.strip() for line in lines] + said(child)
            child.wait()
            finished = "finished" in lines
            survived.update((word, str(last(word, lines))) for word in ("loaded", "processed"))
            check(path, last("loaded", lines), last("processed", lines))
        if kills >= all_kills and not finished:
            child = start(path)
            assert "finished" in said(child) and child.wait() == 0
        with open_store(path) as store, open_store(uninterrupted, read_only=True) as whole:
            for query in (EVERYTHING, ACCOUNTS, GAPS):
                assert store.sql(query).equals(whole.sql(query))
    tally(kills=kills)
    assert len(survived) > 2, "no kill came after a commit; the test would prove nothing"


def check(path: Path, loaded: date | None, processed: date | None) -> None:
    with open_store(path) as store:
        report = store.verify()
        assert report.sound, str(report)
        (base,) = store.sql("SELECT max(session_date) AS last FROM bars WHERE interval = '5m'").to_pylist()
        (derived,) = store.sql(DERIVED).to_pylist()
        if loaded is not None:
            assert base["last"] >= loaded, "an acknowledged load is gone"
        if processed is not None:
            assert derived["last"] >= processed, "an acknowledged derivation is gone"
