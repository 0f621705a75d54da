"""One call for a scheduler, of one store or of many: a job file in, a report out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from barhouse.coordinator.cluster.engines import ENGINES
from barhouse.coordinator.cluster.publication import LakePlaces, publish
from barhouse.coordinator.cluster.shard_plan import (
    JobFiles,
    Shard,
    by_number,
    job_files,
    places_of,
    planned_shards,
    task_of,
)
from barhouse.coordinator.cluster.shard_run import run_shard
from barhouse.coordinator.cluster.shard_task import ShardResult
from barhouse.coordinator.cluster.whole_report import whole_report
from barhouse.coordinator.jobs.cluster_config import ClusterConfig
from barhouse.coordinator.jobs.config import JobConfig, read_config
from barhouse.coordinator.jobs.config_errors import JOB_FILE
from barhouse.coordinator.jobs.job import run_over_one_store
from barhouse.coordinator.jobs.job_plan import Progress, group_of
from barhouse.coordinator.jobs.report import JobReport, ShardReport
from barhouse.store.errors import ConfigError, InputError, speaking
from barhouse.store.lake.catalog import opened_catalog
from barhouse.store.model.interval import Interval
from barhouse.store.model.spelling import Spelling
from barhouse.store.model.words import counted
from barhouse.store.session_store import SessionStore

log = logging.getLogger("barhouse.job")


@speaking(JOB_FILE)
def run_job(
    config: str | Path | Mapping[str, Any] | JobConfig,
    *,
    store: str | Path | SessionStore | None = None,
    shard: int | None = None,
    progress: Progress | None = None,
) -> JobReport:
    """Run a job: open its store, load what is new, derive, verify, look after it, and close.

    With ``[cluster]`` the same of each shard's store, by the engine that the job names, and all of it is published into
    the lake at once. For schedulers: it keeps no state of its own, prints nothing, logs under ``barhouse``, and may run
    in several threads for several stores. Killed at any moment, the next call finishes what this one began.

    Parameters
    ----------
    config
        The path of a TOML file, a mapping like one (relative paths start from the current folder), or a
        ``JobConfig``.
    store
        The store's file, rather than the one the job names; or a store that is open, which stays so.
    shard
        Of a job with ``[cluster]`` this shard alone, by its number, in this process; published by itself. For
        schedulers that run a command for each.
    progress
        Called with (what is being done, how many are done, how many in all).

    Returns
    -------
    JobReport
        What was done, and what somebody should look at. ``report.check()`` raises unless all is well. With
        ``[cluster]`` its ``shards`` have what was done with each.

    Raises
    ------
    ConfigError
        The job cannot be used; nothing was done.
    StoreHeldError
        Another process has the store open.
    RunActiveError
        Another run is going on in the store.
    ClusterError, LakeError
        A shard cannot be run, or what shards did cannot be published; the next call goes on from there.
    BarhouseError
        Whatever else ends a job; what was loaded until then stays.
    """
    job = read_config(config)
    if job.cluster is None:
        if shard is not None:
            raise ConfigError("shard is for a job with a [cluster] table; this job has one store, so leave it out")
        return run_over_one_store(job, store=store, progress=progress)
    if store is not None:
        raise ConfigError(
            "the stores of a job with a [cluster] table lie where its cluster.stores says; leave out the store"
        )
    return _run_cluster(job, job.cluster, shard, progress or (lambda *_: None))


def _run_cluster(config: JobConfig, cluster: ClusterConfig, only: int | None, progress: Progress) -> JobReport:
    started_at = datetime.now(UTC)
    places = places_of(config, cluster)
    shards = planned_shards(config, cluster, places)
    spelling = Spelling(case_sensitive=shards[0].case_sensitive)
    files = job_files(config.spelled(spelling), spelling)
    log.info("%s, %s", counted(len(shards), "shard"), counted(files.count, "file"))
    if only is not None:
        shards = [_named(shards, only)]
    results = _carried_out(config, cluster, places, shards, files, progress, here=only is not None)
    if only is None:
        _refuse_unknown_retention(config, results)
    held_back = [number for number, result in results.items() if not _is_sound(result)]
    staged = [] if held_back else [result.staged for result in results.values() if result.staged is not None]
    won = publish(places, staged, cluster.patience_seconds)
    told = [_told(shard, results[shard.number], won, held_back=bool(held_back)) for shard in shards]
    snapshot, behind = _after(places, config.spelled(spelling))
    return whole_report(
        config,
        told,
        files.problems,
        lake=str(places.address),
        snapshot=snapshot,
        behind=behind,
        started_at=started_at,
        ended_at=datetime.now(UTC),
    )


def _named(shards: Sequence[Shard], number: int) -> Shard:
    found = by_number(shards).get(number)
    if found is None:
        known = ", ".join(map(str, sorted(by_number(shards))))
        raise InputError(f"there is no shard {number}; there are {known}")
    return found


def _carried_out(
    config: JobConfig,
    cluster: ClusterConfig,
    places: LakePlaces,
    shards: Sequence[Shard],
    files: JobFiles,
    progress: Progress,
    *,
    here: bool,
) -> dict[int, ShardResult]:
    """Run shards by the job's engine, or one in this process."""
    tasks = [task_of(shard, config, cluster, places, files) for shard in shards]
    if here:
        return {task.shard: run_shard(task, progress) for task in tasks}
    results: dict[int, ShardResult] = {}
    progress("shards", 0, len(tasks))
    for result in ENGINES[cluster.engine](cluster, tasks):
        results[result.shard] = result
        log.info("shard %d: %s", result.shard, "staged" if result.staged is not None else "nothing to publish")
        progress("shards", len(results), len(tasks))
    return results


def _is_sound(result: ShardResult) -> bool:
    proof = None if result.report is None else result.report.verified
    return proof is None or proof.sound


def _told(shard: Shard, result: ShardResult, won: set[int], *, held_back: bool) -> ShardReport:
    assert result.report is not None
    before = 0 if shard.generation is None else shard.generation.number
    published = shard.number in won
    return ShardReport(
        shard=shard.number,
        first_symbol=shard.symbols.first,
        end_symbol=shard.symbols.end,
        state="held back"
        if held_back
        else "published"
        if published
        else "nothing new"
        if result.staged is None
        else "another run was first",
        generation=before + published,
        report=result.report,
    )


def _refuse_unknown_retention(config: JobConfig, results: Mapping[int, ShardResult]) -> None:
    """Refuse to retain what no shard has, which none of them can tell."""
    known = {interval for result in results.values() for interval in result.intervals}
    for name in config.retention:
        if name != "revisions" and str(Interval.parse(name)) not in known:
            listed = ", ".join(sorted(known, key=Interval.parse)) or "none"
            raise ConfigError(f"retention: no symbol has interval {name!r}; there are {listed}; nothing was published")


def _after(places: LakePlaces, config: JobConfig) -> tuple[int, dict[str, date | None]]:
    """The lake's newest snapshot, and the symbols of a job whose bars end before others'."""
    with opened_catalog(places.address) as catalog:
        ((snapshot,),) = catalog.run("lake.newest_snapshot")
        own = [row.symbol for row in catalog.run("lake.symbols") if group_of(row.symbol, config.symbols)]
        behind = {row.symbol: row.last_session for row in catalog.run("lake.behind", {"symbols": own})}
    return snapshot, behind
