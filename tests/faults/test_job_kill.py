"""A nightly job killed -9 at random moments and started again ends where an uninterrupted one ends."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from barhouse import open_store
from tests.extent import JOB_KILLS, SEED, shares, tally
from tests.integration.job_kit import day_of, fill, job_file, sessions, write

SYMBOLS = [f"S{number:02}" for number in range(20)]
DAYS = sessions(30)
#: All that a store says, batch ids and moments aside.
QUERIES = (
    "SELECT * EXCLUDE (batch_id) FROM bars ORDER BY ALL",
    "FROM coverage ORDER BY ALL",
    "FROM gaps ORDER BY ALL",
    "FROM intervals ORDER BY ALL",
    "SELECT file_row, given, reason FROM rejected ORDER BY ALL",
    "SELECT * EXCLUDE (batch_id, written_at, replaced_by, replaced_at) FROM revisions ORDER BY ALL",
)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 symbols x 30 sessions, a file each; one is cut off, one has a row that cannot be."""
    folder = tmp_path_factory.mktemp("job")
    fill(folder / "bars", SYMBOLS, DAYS)
    broken = folder / "bars" / f"S03_{DAYS[7]}.parquet"
    broken.write_bytes(broken.read_bytes()[:-100])
    odd = day_of("S11", DAYS[20])
    write(
        odd.set_column(2, "high", pa.array([1.0, *odd["high"].to_pylist()[1:]])),
        folder / "bars" / f"S11_{DAYS[20]}.parquet",
    )
    return job_file(folder, source="[process]\nchunk_symbols = 4")


def start(job: Path, store: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.faults.job_child", str(job), str(store)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    return child


def rest(child: subprocess.Popen[str]) -> dict[str, Any] | None:
    """The report, if the child came so far."""
    assert child.stdout is not None
    text = child.stdout.read()
    child.wait()
    report: dict[str, Any] | None = json.loads(text) if text.endswith("\n") else None
    return report


def state(store: Path) -> list[pa.Table]:
    with open_store(store) as opened:
        assert opened.verify().sound
        return [opened.sql(query) for query in QUERIES]


@pytest.mark.parametrize(("part", "all_kills"), list(enumerate(shares(JOB_KILLS, 5))))
def test_killed_at_random_moments(job: Path, tmp_path: Path, part: int, all_kills: int) -> None:
    began = time.monotonic()
    whole = rest(start(job, tmp_path / "whole.duckdb"))
    lasts_seconds = time.monotonic() - began
    assert whole is not None and (whole["outcome"], whole["files_loaded"]) == ("files failed", 599)
    expected = state(tmp_path / "whole.duckdb")

    chance, kills, life = random.Random(f"{SEED} {part}"), 0, 0
    far: set[int] = set()  # how many batches each kill left
    while kills < all_kills or not any(far):  # a kill before the first commit alone would prove nothing
        # A store takes only so many kills before its job is done; then the next one begins.
        life += 1
        store = tmp_path / f"{life}.duckdb"
        report = None
        while report is None:
            began = time.monotonic()
            child = start(job, store)
            if kills < all_kills or not any(far):
                try:
                    child.wait(timeout=chance.uniform(0, lasts_seconds))
                except subprocess.TimeoutExpired:
                    child.send_signal(signal.SIGKILL)
                    kills += 1
            report = rest(child)
            if report is not None and not report["continued"]:
                # The machine is quicker now; a kill that comes later than the end is none.
                lasts_seconds = min(lasts_seconds, time.monotonic() - began)
            if report is None and store.exists():
                with open_store(store) as opened:
                    assert opened.verify().sound
                    far.add(opened.sql("FROM batches").num_rows)
        assert state(store) == expected
        if report["continued"]:  # what was loaded, rejected and found odd before the kills is in the last report
            for told in ("rows", "touched", "files_loaded", "outcome"):
                assert report[told] == whole[told], told
            assert sorted(one["path"] for one in report["problems"]) == sorted(one["path"] for one in whole["problems"])
    tally(kills=kills)
