"""Changes to the stores of a cluster: made to each, derived, and published together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from barhouse.coordinator.cluster.publication import publish
from barhouse.coordinator.cluster.shard_plan import JobFiles, Shard, by_number, known_shards, places_of, task_of
from barhouse.coordinator.cluster.shard_run import change_shard
from barhouse.coordinator.cluster.shard_task import StagedShard
from barhouse.coordinator.data_processor import DataProcessor
from barhouse.coordinator.jobs.cluster_config import ClusterConfig
from barhouse.coordinator.jobs.config import JobConfig, read_config
from barhouse.coordinator.jobs.config_errors import JOB_FILE
from barhouse.coordinator.jobs.report import JobReport
from barhouse.coordinator.session_coordinator import SessionCoordinator
from barhouse.store.errors import ClusterError, ConfigError, InputError, speaking
from barhouse.store.model.inputs import Names, as_list
from barhouse.store.model.spelling import Spelling
from barhouse.store.session_store import SessionStore

Change = TypeVar("Change")


def cluster_of(config: JobConfig) -> ClusterConfig:
    """The table ``[cluster]`` of a job.

    Raises
    ------
    ConfigError
        When it has none.
    """
    if config.cluster is None:
        raise ConfigError("the job has no [cluster] table, so it has one store; use the store's own commands")
    return config.cluster


@speaking(JOB_FILE)
def edit_shards(
    config: str | Path | Mapping[str, Any] | JobConfig,
    change: Callable[[SessionCoordinator], Change],
    *,
    symbols: Names | None = None,
    shards: Sequence[int] | None = None,
) -> dict[int, Change]:
    """Change the stores of a cluster, derive what follows, and publish all of it in one commit.

    Whatever a store can do goes so: deletions, undos, calendars, removals, purges, repairs. Either the lake shows what
    became of every store, or nothing of it.

    Parameters
    ----------
    config
        A job with a ``[cluster]`` table; see ``run_job``.
    change
        Called with the coordinator of each store, one after the other, in this process.
    symbols
        Only the shards of these symbols.
    shards
        Only these shards, by their numbers; by default all.

    Returns
    -------
    dict
        What ``change`` returned, by shard.

    Examples
    --------
    >>> from barhouse import edit_shards
    >>> edit_shards("job.toml", lambda coordinator: coordinator.refresh_calendar("XNYS"))  # doctest: +SKIP

    Raises
    ------
    ClusterError
        Another run published one of the shards meanwhile: nothing was published, do it again.
    LakeError
        The lake cannot be reached, or has no shards yet.
    BarhouseError
        Whatever ``change`` raises; nothing was published then.
    """
    job = read_config(config)
    cluster = cluster_of(job)
    places = places_of(job, cluster)
    chosen = _chosen(known_shards(places), symbols, shards)
    said: dict[int, Change] = {}
    staged: list[StagedShard] = []
    for shard in chosen:

        def work(store: SessionStore, number: int = shard.number) -> JobReport | None:
            coordinator = SessionCoordinator(store, grace=job.grace())
            said[number] = change(coordinator)
            DataProcessor(store, grace=job.grace(), chunk_symbols=job.process.chunk_symbols).process()
            return None

        result = change_shard(task_of(shard, job, cluster, places, JobFiles()), work)
        if result.staged is not None:
            staged.append(result.staged)
    publish_all(publish(places, staged, cluster.patience_seconds, whole=True), staged)
    return said


def publish_all(won: set[int], staged: Sequence[StagedShard]) -> None:
    """See that all shards of an edit were published.

    Raises
    ------
    ClusterError
        When another run was first.
    """
    lost = sorted(shard.shard for shard in staged if shard.shard not in won)
    if lost:
        raise ClusterError(
            f"another run published shard {', '.join(map(str, lost))} meanwhile; nothing of this was published, do "
            f"it again"
        )


def _chosen(known: Sequence[Shard], symbols: Names | None, numbers: Sequence[int] | None) -> list[Shard]:
    """The shards asked for.

    Raises
    ------
    InputError
        When there is no such shard, or both are said.
    """
    if symbols is not None and numbers is not None:
        raise InputError("symbols and shards say two things; say one of them")
    if symbols is not None:
        spelling = Spelling(case_sensitive=known[0].case_sensitive)
        names = spelling.symbols(as_list(symbols, "symbols", "a symbol"))
        return [shard for shard in known if any(name in shard.symbols for name in names)]
    if numbers is None:
        return list(known)
    there = by_number(known)
    for number in numbers:
        if number not in there:
            raise InputError(f"there is no shard {number}; there are {', '.join(map(str, sorted(there)))}")
    return [there[number] for number in dict.fromkeys(numbers)]
