"""Proof of a cluster: stores are those that were published, they verify, and the lake shows just what they have."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from barhouse.coordinator.cluster.scratch import ShardScratch
from barhouse.coordinator.cluster.shard_edit import cluster_of
from barhouse.coordinator.cluster.shard_plan import JobFiles, Shard, known_shards, places_of, task_of
from barhouse.coordinator.jobs.config import JobConfig, read_config
from barhouse.coordinator.jobs.config_errors import JOB_FILE
from barhouse.coordinator.jobs.job_plan import Progress
from barhouse.store.errors import LakeError, PlaceError, StoreError, speaking
from barhouse.store.lake.catalog import LakeCatalog, opened_catalog
from barhouse.store.lake.lake_table import TABLES
from barhouse.store.model.reports import Report
from barhouse.store.model.words import counted
from barhouse.store.places.place import Place, open_place
from barhouse.store.session_store import open_store
from barhouse.store.sql import identifier, literal, sql

_STORE = identifier("shard_store")


class ClusterDifference(Report):
    """Something of a shard that is not as it was published."""

    shard: int
    what: str


class ClusterVerifyReport(Report):
    """What was checked of a cluster, and what differs. One without differences is a proof."""

    shard_count: int
    bar_count: int = Field(description="bars of all shards, base and derived")
    revision_count: int
    differences: tuple[ClusterDifference, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


@speaking(JOB_FILE)
def verify_cluster(
    config: str | Path | Mapping[str, Any] | JobConfig, *, progress: Progress | None = None
) -> ClusterVerifyReport:
    """Prove a cluster, shard by shard; nothing is changed.

    Each store's file must be the one that was published, byte for byte; it must verify; and every table of the lake
    must have its rows, each once, and no others. Rows of no shard are looked for, too.

    Parameters
    ----------
    config
        A job with a ``[cluster]`` table; see ``run_job``.
    progress
        Called with (``"shards"``, how many are done, how many in all).

    Raises
    ------
    LakeError
        There is no lake, or it cannot be reached.
    """
    job = read_config(config)
    cluster = cluster_of(job)
    places = places_of(job, cluster)
    shards = known_shards(places)
    stores = open_place(places.stores)
    found: list[ClusterDifference] = []
    for number, shard in enumerate(shards):
        if progress is not None:
            progress("shards", number, len(shards))
        if shard.generation is None:
            continue
        task = task_of(shard, job, cluster, places, JobFiles())
        scratch = ShardScratch.of(task.scratch, task.stores, shard.number)
        found += [
            ClusterDifference(shard=shard.number, what=what)
            for what in _differences(places.address, shard, stores, scratch)
        ]
    with opened_catalog(places.address) as catalog:
        known = {shard.number for shard in shards if shard.generation is not None}
        for table in TABLES:
            for row in catalog.run("lake.shards_with_rows", table=identifier(table.name)):
                if row.shard not in known:
                    rows = counted(row.row_count, "row")
                    what = f"the lake has {rows} of it in {table.name}, and there is no such shard"
                    found.append(ClusterDifference(shard=row.shard, what=what))
    return ClusterVerifyReport(
        shard_count=len(shards),
        bar_count=sum(shard.bar_count for shard in shards),
        revision_count=sum(shard.revision_count for shard in shards),
        differences=tuple(found),
    )


def _differences(address: Any, shard: Shard, stores: Place, scratch: ShardScratch) -> list[str]:
    """What differs of one shard, in words."""
    assert shard.generation is not None
    found = _differences_of_file(shard, stores)
    with scratch.held():
        try:
            file = scratch.published(shard.generation, stores)
        except (LakeError, PlaceError):
            return found  # said already
        try:
            with open_store(file, read_only=True) as store:
                proof = store.verify()
        except StoreError as error:
            return [*found, f"its store cannot be opened: {error}"]
        found += [f"its store: {difference}" for difference in proof.differences]
        with opened_catalog(address) as catalog:
            return found + _differences_of_rows(catalog, shard, file)


def _differences_of_file(shard: Shard, stores: Place) -> list[str]:
    assert shard.generation is not None
    name = shard.generation.file
    digest = hashlib.sha256()
    try:
        for piece in stores.pieces(stores.look(name)):
            digest.update(piece)
    except PlaceError as error:
        return [str(error)]
    if digest.hexdigest() == shard.generation.digest:
        return []
    return [f"{stores.full_name(name)} is not the file that was published"]


def _differences_of_rows(catalog: LakeCatalog, shard: Shard, file: Path) -> list[str]:
    catalog.run("cluster.attach", file=literal(str(file)), store=_STORE)
    found = []
    for table in TABLES:
        if table.name == "run":
            continue  # a run that came to nothing new is on record in no file that was published
        lake = sql("lake.rows_of_shard", table=identifier(table.name), shard=shard.number)
        everything = sql("cluster.everything")
        store = sql(f"cluster.rows_of_{table.name}", shard=shard.number, store=_STORE, wanted=everything)
        ((more,),) = catalog.run("lake.surplus", rows=lake, others=store)
        ((less,),) = catalog.run("lake.surplus", rows=store, others=lake)
        if more or less:
            rows = counted(more, "row")
            found.append(f"{table.name} of the lake has {rows} that its store has not, and lacks {less:,}")
    return found
