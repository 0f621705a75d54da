"""A backtest killed -9 and taken up again delivers every closed bar exactly once, in the order of one that was not."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from barhouse import Backtest, open_store
from barhouse.store.model.interval import Interval
from tests.extent import BACKTEST_KILLS, SEED, tally
from tests.faults import replaying

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
THOROUGH = BACKTEST_KILLS > 3
RANGES = {"position": "WHOLE" if THOROUGH else "PART", "own": "PART", "transaction": "COARSE"}

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"{DATA} is not here: real files that are no part of the project lie beside its checkout"
)


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stocked") / "bars.duckdb"
    replaying.fill(path, DATA)
    return path


@pytest.mark.parametrize("way", replaying.WAYS)
def test_killed_at_random_moments(tmp_path: Path, stocked: Path, way: str) -> None:
    options = RANGES[way]
    with open_store(stocked, read_only=True) as store:
        with Backtest(store, replaying.SYMBOLS, **getattr(replaying, options)) as backtest:
            uninterrupted = [line for tick in backtest for line in replaying.lines(tick)]
        check_whole(uninterrupted, store.sql("FROM bars WHERE session_date IS NOT NULL").to_pylist(), options)
    path, log = tmp_path / "bars.duckdb", tmp_path / "log"
    shutil.copy(stocked, path)
    chance = random.Random(f"{SEED} {way}")
    kills, progress = 0, set()
    while True:
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.replaying", way, str(path), str(log), options],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "ready"
        if kills < BACKTEST_KILLS:
            try:
                child.wait(timeout=chance.uniform(0.0, 0.8))
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                kills += 1
        finished = "finished" in child.stdout.read()
        child.wait()
        with open_store(path) as store:
            (run,) = store.sql("FROM runs").to_pylist()
        progress.add(run["cursor"])
        if finished:
            break
    tally(kills=kills)
    assert run["state"] == "done"
    assert replaying.logged(way, log) == uninterrupted
    if way != "own":  # its progress is in its own log
        assert len(progress) > 1, "no kill came after an acknowledgement; the test would prove nothing"


def check_whole(lines: list[str], bars: list[dict[str, object]], options: str) -> None:
    """The uninterrupted log has every bar once, ordered as promised, by plain Python over the stored rows."""
    shown = [json.loads(line) for line in lines]
    found = [(line[0], line[2], line[1], line[3], line[4]) for line in shown if line[1] not in ("opens", "closes")]
    ticks = [line[0] for line in shown]
    assert ticks == sorted(ticks)
    assert len({line[2] for line in shown if line[1] == "opens"}) >= 2, "one calendar is not two"
    assert len(found) == len(set(found))
    order = [(tick, Interval.parse(interval), symbol) for tick, interval, symbol, *_ in found]
    assert order == sorted(order)
    if options == "WHOLE":
        kept = {(one["interval"], one["symbol"], one["bar_start"].isoformat(), one["close"]) for one in bars}
        assert {line[1:] for line in found} == kept
