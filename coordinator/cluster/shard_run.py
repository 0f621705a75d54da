"""A run of one shard: fetched, brought up to date, put back under a new name; safe to be killed, repeated or raced.

It changes nothing that anybody sees: what it puts is garbage until it is published, which ``publication`` does. So a
scheduler need only call it at least once for each shard, wherever it likes.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from barhouse.coordinator.cluster.scratch import ShardScratch, digest_of
from barhouse.coordinator.cluster.shard_task import Generation, RowChange, ShardResult, ShardTask, StagedShard
from barhouse.coordinator.cluster.store_change import StoreChange, store_change
from barhouse.coordinator.jobs.job_plan import Progress
from barhouse.coordinator.jobs.job_run import run_nightly
from barhouse.coordinator.jobs.report import JobReport
from barhouse.store.database.replacement import log_of
from barhouse.store.lake.lake_table import TABLES
from barhouse.store.places.place import Place, open_place
from barhouse.store.session_store import SessionStore, open_store
from barhouse.store.sql import sql

log = logging.getLogger("barhouse.cluster")

#: What is done to a shard's store; its report is None when it was no job.
Work = Callable[[SessionStore], JobReport | None]


def run_shard(task: ShardTask, progress: Progress | None = None) -> ShardResult:
    """Bring a shard up to date by its job.

    Raises
    ------
    BarhouseError
        Whatever ends a job, and when the shard's file cannot be fetched or put.
    """
    return change_shard(task, lambda store: run_nightly(store, task.config(), _told(task, progress), task.share()))


def change_shard(task: ShardTask, work: Work) -> ShardResult:
    """Do something to a shard's store, and put it where it can be published from, unless nothing changed."""
    config = task.config()
    scratch = ShardScratch.of(task.scratch, task.stores, task.shard)
    stores = open_place(task.stores)
    with scratch.held():
        before, file = scratch.begin(task.generation, stores)
        _reached(task, "fetched")
        with open_store(file, settings=config.settings or None, case_sensitive=config.case_sensitive) as store:
            report = work(store)
            intervals = tuple(dict.fromkeys(row["interval"] for row in store.interval_rows()))
        _write_out(file)
        _reached(task, "derived")
        if report is not None and report.verified is not None and not report.verified.sound:
            return ShardResult(shard=task.shard, report=report, staged=None, intervals=intervals)
        with TemporaryDirectory(dir=scratch.folder.parent, prefix=f"{task.shard:05}-") as folder:
            threads = config.settings.get("threads")
            change = store_change(
                file, before, task.shard, Path(folder), threads=None if threads is None else int(threads)
            )
            if before is not None and change.is_none:
                scratch.drop(file)
                return ShardResult(shard=task.shard, report=report, staged=None, intervals=intervals)
            staged = put_shard(task, file, change, stores)
        _reached(task, "staged")
        scratch.keep(file, staged.generation.file.rpartition("/")[2])
    return ShardResult(shard=task.shard, report=report, staged=staged, intervals=intervals)


def _write_out(file: Path) -> None:
    """Have a store's file hold all of it, without the log that a killed run may have left."""
    if log_of(file).exists():
        with duckdb.connect(file) as connection:
            connection.execute(sql("cluster.checkpoint"))


def put_shard(task: ShardTask, file: Path, change: StoreChange, stores: Place) -> StagedShard:
    """Put the store's file, and the rows that change in the lake, where whoever publishes finds them."""
    after = 0 if task.generation is None else task.generation.number
    name = f"{after + 1:08}-{uuid.uuid4().hex}"
    generation = Generation(
        number=after + 1,
        file=f"{task.shard:05}/{name}.duckdb",
        size_bytes=file.stat().st_size,
        digest=digest_of(file),
    )
    stores.put(file, generation.file)
    _reached(task, "put")
    data = open_place(task.data)
    changes = {}
    for table in TABLES:
        changed = change.tables.get(table.name)
        if changed is None:
            continue
        gone = come = None
        if changed.gone is not None:
            gone = f"{task.shard:05}/{name}/{table.name}-gone.parquet"
            stores.put(changed.gone, gone)
        if changed.come is not None and table.is_large:
            come = f"main/{table.name}/shard={task.shard}/{name}.parquet"
            data.put(changed.come, come)
        elif changed.come is not None:
            come = f"{task.shard:05}/{name}/{table.name}-come.parquet"
            stores.put(changed.come, come)
        changes[table.name] = RowChange(
            gone=gone, gone_count=changed.gone_count, come=come, come_count=changed.come_count
        )
    return StagedShard(
        shard=task.shard,
        after=after,
        generation=generation,
        batch_id=change.batch_id,
        bar_count=change.bar_count,
        revision_count=change.revision_count,
        changes=changes,
    )


def _told(task: ShardTask, progress: Progress | None) -> Progress:
    def told(stage: str, done: int, total: int) -> None:
        _reached(task, stage)
        if progress is not None:
            progress(stage, done, total)

    return told


def _reached(task: ShardTask, stage: str) -> None:
    log.debug("shard %d: %s", task.shard, stage)
