"""A lake whose catalog is in PostgreSQL: one writer at a time, and what happens when the server is gone."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from barhouse import open_lake, run_job
from barhouse.coordinator.cluster import publication
from barhouse.coordinator.cluster.shard_edit import cluster_of
from barhouse.coordinator.cluster.shard_plan import job_files, places_of, planned_shards, task_of
from barhouse.coordinator.cluster.shard_run import run_shard
from barhouse.coordinator.cluster.shard_task import StagedShard
from barhouse.coordinator.jobs.config import read_config
from barhouse.store.errors import LakeError, LakeHeldError
from barhouse.store.lake.address import LakeAddress
from barhouse.store.lake.lock import lake_lock
from barhouse.store.model.spelling import Spelling
from tests.cluster.cluster_kit import DAYS, SYMBOLS, Bench, corrected
from tests.integration.job_kit import day_of, write

if TYPE_CHECKING:
    from tests.cluster.conftest import Postgres

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def served(postgres: Postgres, bench: Bench) -> Bench:
    bench.lake = f"ducklake:postgres:{postgres.database(bench.folder.name)}"
    bench.write_jobs(shards=2)
    return bench


@contextmanager
def at(place: str, act: Callable[[], object]) -> Iterator[None]:
    """Do something where a run says it has come to."""

    class Acting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage() == place:
                act()

    log, handler = logging.getLogger("barhouse.cluster"), Acting()
    level = log.level
    log.setLevel(logging.DEBUG)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


def test_nights_into_a_lake_in_postgresql(served: Bench) -> None:
    served.fill(SYMBOLS, DAYS[:1])
    served.run()
    write(corrected(day_of("AAA", DAYS[0]), (3, 30)), served.folder / "bars" / "AAA_again.parquet")
    served.run()
    assert served.differences() == {}
    with open_lake(served.lake) as lake:
        assert [row["generation"] for row in lake.shards()] == [2, 1]


def staged_twice(bench: Bench) -> tuple[publication.LakePlaces, list[list[StagedShard]]]:
    """What two schedulers have each made of one night, on machines of their own."""
    config = read_config(bench.job())
    cluster = cluster_of(config)
    places = places_of(config, cluster)
    shards = planned_shards(config, cluster, places)
    files = job_files(config.spelled(Spelling()), Spelling())
    made = []
    for machine in ("here", "there"):
        tasks = [task_of(shard, config, cluster, places, files) for shard in shards]
        results = [run_shard(task.model_copy(update={"scratch": bench.folder / machine})) for task in tasks]
        made.append([result.staged for result in results if result.staged is not None])
    return places, made


def published_at_once(bench: Bench, patience_seconds: float) -> tuple[list[set[int]], int]:
    """Two schedulers that both have looked which files count before either commits, if they can; what both think they
    published, and how many bars are there twice."""
    bench.fill(["AAA", "DDD"], DAYS[:1])
    places, staged = staged_twice(bench)
    both = threading.Barrier(2)

    def meet() -> None:
        with suppress(threading.BrokenBarrierError):  # the other one waits for the lock
            both.wait(patience_seconds)

    with at("checked", meet), ThreadPoolExecutor(2) as pool:
        won = list(pool.map(lambda mine: publication.publish(places, mine, 300), staged))
    ((twice,),) = bench.ask("SELECT count(*) - count(DISTINCT (symbol, interval, bar_start)) FROM bars")
    return won, twice


def test_of_two_schedulers_one_publishes(served: Bench) -> None:
    won, twice = published_at_once(served, 2)
    assert sorted(won, key=len) == [set(), {1, 2}]
    assert twice == 0
    served.run()
    assert served.differences() == {}


def test_without_the_lock_every_bar_would_be_there_twice(served: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the lock is for: nothing in a lake is unique."""

    @contextmanager
    def no_lock(address: LakeAddress, patience_seconds: float) -> Iterator[Callable[[], None]]:
        yield lambda: None

    planned(served)
    monkeypatch.setattr(publication, "lake_lock", no_lock)
    won, twice = published_at_once(served, 120)
    assert won == [{1, 2}, {1, 2}]
    assert twice > 0


def planned(bench: Bench) -> None:
    """Have the lake made, and its shards planned, under the lock."""
    bench.fill(["AAA", "DDD"], DAYS[:1])
    config = read_config(bench.job())
    cluster = cluster_of(config)
    planned_shards(config, cluster, places_of(config, cluster))


def test_whoever_waits_too_long_is_told(served: Bench) -> None:
    address = served.address
    said = "was being written to by another process"
    with lake_lock(address, 10), pytest.raises(LakeHeldError, match=said), lake_lock(address, 0.2):
        pass


def test_a_lock_on_a_file_ends_with_whoever_had_it(tmp_path: Path) -> None:
    address = LakeAddress.parse("lake.ducklake", tmp_path)
    with lake_lock(address, 1), pytest.raises(LakeHeldError), lake_lock(address, 0.2):
        pass
    with lake_lock(address, 1):
        pass


def test_postgresql_that_stops_in_the_middle_of_a_commit(served: Bench, postgres: Postgres) -> None:
    served.fill(SYMBOLS, DAYS[:1])
    with at("committing", postgres.stop), pytest.raises(LakeError, match=r"cannot (be reached|serve)"):
        try:
            run_job(served.job())
        finally:
            postgres.start()
    report = served.run()
    assert [one.state for one in report.shards] == ["published"] * 2
    assert served.differences() == {}


def test_a_password_is_in_no_message(postgres: Postgres, bench: Bench) -> None:
    with pytest.raises(LakeError) as raised:
        open_lake(f"ducklake:postgres:host=127.0.0.1 port={postgres.port} user=nobody dbname=none password=s3cret")
    assert "s3cret" not in str(raised.value)
    assert "password=..." in str(raised.value)
