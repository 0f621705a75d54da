"""Publishing shards: which files count, and what the lake shows of them, in one commit under one lock."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from barhouse.coordinator.cluster.shard_task import StagedShard
from barhouse.store.lake.address import LakeAddress
from barhouse.store.lake.catalog import LakeCatalog, opened_catalog
from barhouse.store.lake.lake_table import TABLES, LakeTable
from barhouse.store.lake.lock import lake_lock
from barhouse.store.places.place import Place, fetch, open_place
from barhouse.store.sql import Sql, identifier, joined, literal, sql

log = logging.getLogger("barhouse.cluster")


@dataclass(frozen=True, slots=True)
class LakePlaces:
    """Where a cluster keeps what it publishes: the lake's catalog, its files, and those of stores."""

    address: LakeAddress
    data: str
    stores: str


@contextmanager
def changed_catalog(places: LakePlaces, patience_seconds: float) -> Iterator[LakeCatalog]:
    """Have a lake alone, and what is done to it happen whole or not at all.

    The transaction begins when the lock is had: one that began before would show which files counted then.
    """
    with (
        lake_lock(places.address, patience_seconds) as proof,
        opened_catalog(places.address, places.data) as catalog,
        catalog.transaction(),
    ):
        yield catalog
        proof()


def publish(
    places: LakePlaces, staged: Sequence[StagedShard], patience_seconds: float, *, whole: bool = False
) -> set[int]:
    """Publish shards together; which of them, for of those that another run published meanwhile that one counts.

    Parameters
    ----------
    whole
        Publish all of them or none.
    """
    if not staged:
        return set()
    with changed_catalog(places, patience_seconds) as catalog:
        won = [shard for shard in staged if number_of(catalog, shard.shard) == shard.after]
        log.debug("checked")
        if whole and len(won) < len(staged):
            won = []
        write_shards(catalog, places, won)
        log.debug("committing")
    log.debug("committed")
    return {shard.shard for shard in won}


def write_shards(catalog: LakeCatalog, places: LakePlaces, staged: Sequence[StagedShard]) -> None:
    """Have the lake follow shards, in the transaction at hand."""
    if not staged:
        return
    stores, data = open_place(places.stores), open_place(places.data)
    with TemporaryDirectory(prefix="barhouse-publish-") as folder:
        near = _Near(stores, Path(folder))
        for table in TABLES:
            _give_up(catalog, table, staged, near)
        for table in TABLES:
            _take_in(catalog, table, staged, near, data)
    now = datetime.now(UTC)
    for shard in staged:
        catalog.run(
            "lake.write_generation",
            {
                "shard": shard.shard,
                "generation": shard.generation.number,
                "file": shard.generation.file,
                "size_bytes": shard.generation.size_bytes,
                "digest": shard.generation.digest,
                "batch_id": shard.batch_id,
                "bar_count": shard.bar_count,
                "revision_count": shard.revision_count,
                "published_at": now,
            },
        )


def number_of(catalog: LakeCatalog, shard: int) -> int:
    """The number of the file that counts for a shard; 0 before the first."""
    return next((row.generation for row in catalog.run("lake.generation_of", {"shard": shard})), 0)


def _give_up(catalog: LakeCatalog, table: LakeTable, staged: Sequence[StagedShard], near: _Near) -> None:
    name = identifier(table.name)
    for shard in staged:
        if shard.anew:
            catalog.run("lake.give_up_shard", table=name, shard=shard.shard)
    losing = {
        shard.shard: change.gone
        for shard in staged
        if not shard.anew and (change := shard.changes.get(table.name)) is not None and change.gone is not None
    }
    if not losing:
        return
    gone = identifier("gone_rows")
    catalog.run("lake.gone_rows", gone_rows=gone, files=_listed(near.path(file) for file in losing.values()))
    shards = joined(Sql(", "), [Sql(str(int(shard))) for shard in losing])
    catalog.run("lake.give_up", table=name, gone=gone, shards=shards, same_key=table.same_key)


def _take_in(catalog: LakeCatalog, table: LakeTable, staged: Sequence[StagedShard], near: _Near, data: Place) -> None:
    coming = [
        str(change.come)
        for shard in staged
        if (change := shard.changes.get(table.name)) is not None and change.come is not None
    ]
    if not coming:
        return
    if table.is_large:
        files = _listed(data.full_name(name) for name in coming)
        catalog.run("lake.take_over", table=literal(table.name), files=files)
    else:
        files = _listed(near.path(name) for name in coming)
        catalog.run("lake.take_in", table=identifier(table.name), files=files)


def _listed(files: Iterator[str]) -> Sql:
    return sql("lake.file_list", files=joined(Sql(", "), [literal(file) for file in files]))


class _Near:
    """Files of a place as files of this machine: as they are where it is a folder, else fetched."""

    def __init__(self, place: Place, folder: Path) -> None:
        self._place = place
        self._folder = folder
        self._count = 0

    def path(self, name: str) -> str:
        full = self._place.full_name(name)
        if Path(full).is_file():
            return full
        self._count += 1
        near = self._folder / f"{self._count}.parquet"
        fetch(self._place, name, near)
        return str(near)
