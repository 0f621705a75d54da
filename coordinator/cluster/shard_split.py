"""Dividing a shard: two stores of one, each with its half of the symbols and all of their past."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from barhouse.coordinator.cluster.publication import changed_catalog, number_of, write_shards
from barhouse.coordinator.cluster.scratch import ShardScratch
from barhouse.coordinator.cluster.shard_edit import cluster_of
from barhouse.coordinator.cluster.shard_plan import JobFiles, by_number, known_shards, places_of, task_of
from barhouse.coordinator.cluster.shard_run import put_shard
from barhouse.coordinator.cluster.shard_task import ShardTask
from barhouse.coordinator.cluster.store_change import store_change
from barhouse.coordinator.jobs.config import JobConfig, read_config
from barhouse.coordinator.jobs.config_errors import JOB_FILE
from barhouse.coordinator.session_coordinator import SessionCoordinator
from barhouse.store.errors import ClusterError, InputError, speaking
from barhouse.store.model.spelling import Spelling
from barhouse.store.model.symbol_range import SymbolRange
from barhouse.store.places.place import open_place
from barhouse.store.session_store import SessionStore, open_store


@speaking(JOB_FILE)
def split_shard(config: str | Path | Mapping[str, Any] | JobConfig, shard: int, at: str) -> tuple[int, int]:
    """Divide a shard of a cluster before a symbol, with its history, in one commit.

    Bars, revisions and the past stay as they are; batches are those of both stores, which had them together. There is
    no way back: two stores cannot become one without losing the order of their batches.

    Parameters
    ----------
    config
        A job with a ``[cluster]`` table; see ``run_job``.
    shard
        Its number; it keeps the symbols before ``at``.
    at
        The first symbol of the new shard.

    Returns
    -------
    tuple
        The numbers of both.

    Raises
    ------
    InputError
        There is no such shard, or ``at`` does not divide it.
    ClusterError
        Another run published the shard meanwhile; nothing was changed.
    """
    job = read_config(config)
    cluster = cluster_of(job)
    places = places_of(job, cluster)
    known = by_number(known_shards(places))
    if shard not in known:
        raise InputError(f"there is no shard {shard}; there are {', '.join(map(str, sorted(known)))}")
    whole = known[shard]
    if whole.generation is None:
        raise InputError(f"shard {shard} was never published, so there is nothing to divide; run the job first")
    first = Spelling(case_sensitive=whole.case_sensitive).symbol(at)
    try:
        halves = whole.symbols.cut(first)
    except ValueError:
        raise InputError(
            f"shard {shard} holds {whole.symbols}; {first} does not divide it, name a symbol in between"
        ) from None
    task = task_of(whole, job, cluster, places, JobFiles())
    scratch = ShardScratch.of(task.scratch, task.stores, shard)
    stores = open_place(task.stores)
    with scratch.held(), TemporaryDirectory(dir=scratch.folder.parent, prefix=f"{shard:05}-") as folder:
        before, work = scratch.begin(whole.generation, stores)
        scratch.drop(work)
        assert before is not None
        lower = _half(before, halves[0], Path(folder), keeps_rejected=True)
        upper = _half(before, halves[1], Path(folder), keeps_rejected=False)
        newest = max(known)
        tasks = (task, task.model_copy(update={"shard": newest + 1, "generation": None}))
        staged = [
            put_shard(one, file, store_change(file, old, one.shard, _folder(Path(folder))), stores)
            for one, file, old in zip(tasks, (lower, upper), (before, None), strict=True)
        ]
        with changed_catalog(places, cluster.patience_seconds) as catalog:
            moved = number_of(catalog, shard) != whole.generation.number
            if moved or catalog.run("lake.newest_shard") != [(newest,)]:
                raise ClusterError(
                    f"shard {shard} was published, or another divided, by somebody else meanwhile; nothing was "
                    f"changed: divide it again"
                )
            catalog.run("lake.forget_shard", {"shard": shard})
            for one, symbols in zip(tasks, halves, strict=True):
                _write(catalog.run, one, symbols, case_sensitive=whole.case_sensitive)
            write_shards(catalog, places, staged)
    return shard, newest + 1


def _write(run: Any, task: ShardTask, symbols: SymbolRange, *, case_sensitive: bool) -> None:
    run(
        "lake.write_shard",
        {
            "shard": task.shard,
            "first_symbol": symbols.first,
            "end_symbol": symbols.end,
            "case_sensitive": case_sensitive,
        },
    )


def _folder(folder: Path) -> Path:
    made = folder / uuid.uuid4().hex
    made.mkdir()
    return made


def _half(whole: Path, symbols: SymbolRange, folder: Path, *, keeps_rejected: bool) -> Path:
    """A copy of a store with some of its symbols, the others gone without a trace.

    Rejected rows tell of sources, which may be of many symbols: one of the halves keeps them.
    """
    file = folder / f"{uuid.uuid4().hex}.duckdb"
    shutil.copyfile(whole, file)
    with open_store(file) as store:
        coordinator = SessionCoordinator(store)
        for name in _names(store):
            if name not in symbols:
                coordinator.remove_symbol(name, purge=True)
        if not keeps_rejected:
            with store.transaction() as transaction:
                transaction.write("cluster.forget_rejected")
    return file


def _names(store: SessionStore) -> list[str]:
    with store.reading() as transaction:
        return [row.symbol for row in transaction.run("cluster.all_symbols")]
