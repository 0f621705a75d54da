"""Shards killed -9 anywhere are run again; the run itself killed, the next one ends it; nothing is there twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from barhouse import run_job
from tests.cluster.cluster_kit import DAYS, SYMBOLS, Bench, corrected
from tests.integration.job_kit import day_of, write

ROOT = Path(__file__).parents[2]


def environment(folder: Path, places: list[str]) -> dict[str, str]:
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "BARHOUSE_DIE": f"{folder} {';'.join(places)}", "PYTHONPATH": paths}


def drive(bench: Bench, places: list[str]) -> int:
    command = [sys.executable, "-m", "tests.cluster.driver", str(bench.job())]
    return subprocess.run(command, env=environment(bench.folder, places), cwd=ROOT, check=False).returncode


def killed(bench: Bench) -> int:
    return len(list(bench.folder.glob("killed-*")))


def test_kills_at_every_stage_on_processes_of_this_machine(bench: Bench) -> None:
    bench.write_jobs(shards=2)
    bench.fill(SYMBOLS, DAYS[:1])
    run_job(bench.job("one"))
    stages = ["shard 1: fetched", "shard 2: loading", "shard 1: deriving", "shard 2: derived"]
    stages += ["shard 1: put", "shard 2: staged", "committing", "committed"]
    assert drive(bench, stages) == -signal.SIGKILL  # at committing: before that, shards were run again
    assert killed(bench) == 7
    assert bench.ask("SELECT count(*) FROM generation") == [(0,)]
    assert drive(bench, stages) == -signal.SIGKILL
    assert killed(bench) == 8
    assert bench.ask("SELECT shard, generation FROM generation ORDER BY ALL") == [(1, 1), (2, 1)]
    assert drive(bench, stages) == 0
    assert bench.ask("SELECT shard, generation FROM generation ORDER BY ALL") == [(1, 1), (2, 1)]
    assert bench.differences() == {}


def test_a_machine_of_a_dask_cluster_that_is_gone_for_good(bench: Bench) -> None:
    distributed = pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    assert distributed
    file = bench.folder / "scheduler.json"
    python = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(file), "--no-nanny"]
    worker += ["--host", "127.0.0.1", "--nthreads", "1", "--no-dashboard", "--preload", "tests.cluster.driver"]
    with ExitStack() as ending:

        def start(command: list[str]) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                command,
                env=environment(bench.folder, ["shard 1: deriving"]),
                cwd=ROOT,
                stderr=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
            ending.callback(process.wait)
            ending.callback(process.kill)
            return process

        start([*python, *options])
        workers = [start([*worker, "--local-directory", str(bench.folder / f"dask-{number}")]) for number in range(2)]
        with distributed.Client(scheduler_file=str(file), timeout="120s", set_as_default=False) as client:
            client.wait_for_workers(2, timeout="120s")
            address = client.scheduler.address
        bench.write_jobs(shards=2, cluster=f'engine = "dask"\naddress = "{address}"')
        bench.fill(SYMBOLS, DAYS[:1])
        report = bench.run()
        assert [one.state for one in report.shards] == ["published"] * 2
        assert killed(bench) == 1 and [worker.poll() for worker in workers].count(-signal.SIGKILL) == 1
        for symbol in SYMBOLS[:2]:
            write(corrected(day_of(symbol, DAYS[0]), (3, 30)), bench.folder / "bars" / f"{symbol}_again.parquet")
        bench.run()
    assert bench.differences() == {}
    assert bench.ask("SELECT shard, generation FROM generation ORDER BY ALL") == [(1, 1), (1, 2), (2, 1)]
