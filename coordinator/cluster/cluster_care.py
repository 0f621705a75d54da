"""Care for a cluster: few files where many were written, and none that nobody needs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import Field

from barhouse.coordinator.cluster.shard_edit import cluster_of
from barhouse.coordinator.cluster.shard_plan import places_of
from barhouse.coordinator.jobs.config import JobConfig, read_config
from barhouse.coordinator.jobs.config_errors import JOB_FILE
from barhouse.store.errors import InputError, speaking
from barhouse.store.hints import Option
from barhouse.store.lake.catalog import opened_catalog
from barhouse.store.lake.lock import lake_lock
from barhouse.store.model.reports import Report
from barhouse.store.places.place import open_place
from barhouse.store.sql import Sql, sql

#: What was put so long ago, and was not published, never will be: no run takes that long.
OLD_HOURS = 7 * 24


class LakeCompactReport(Report):
    """What became of a lake's files."""

    files_before: int = Field(description="files of bars and revisions that the newest state has")
    files_after: int


class CleanReport(Report):
    """What was removed of what a cluster had put."""

    files: tuple[str, ...] = Field(description="in the folder of stores, or of the lake's files")
    size_bytes: int


@speaking(JOB_FILE)
def compact_lake(config: str | Path | Mapping[str, Any] | JobConfig) -> LakeCompactReport:
    """Write a lake's small files together, each shard's by themselves, and those anew of which rows are gone.

    What it shows stays as it is. Files that are not needed any more are removed a week later, so that whoever reads an
    older state can go on. Publishing waits meanwhile.

    Parameters
    ----------
    config
        A job with a ``[cluster]`` table; see ``run_job``.
    """
    job = read_config(config)
    cluster = cluster_of(job)
    places = places_of(job, cluster)
    with (
        lake_lock(places.address, cluster.patience_seconds),
        opened_catalog(places.address, places.data) as catalog,
    ):
        ((before,),) = catalog.run("lake.file_count")
        catalog.run("lake.write_out")
        catalog.run("lake.rewrite")
        catalog.run("lake.merge")
        old = _instant(datetime.now(UTC) - timedelta(hours=OLD_HOURS))
        catalog.run("lake.forget_snapshots", before=old)
        catalog.run("lake.remove_old_files", before=old)
        ((after,),) = catalog.run("lake.file_count")
    return LakeCompactReport(files_before=before, files_after=after)


@speaking(JOB_FILE)
def clean_cluster(
    config: str | Path | Mapping[str, Any] | JobConfig,
    *,
    keep: int = 2,
    older_than_hours: float = OLD_HOURS,
    dry_run: bool = False,
) -> CleanReport:
    """Remove what runs have put that nobody needs: what was never published, and stores that others took the place of.

    Parameters
    ----------
    config
        A job with a ``[cluster]`` table; see ``run_job``.
    keep
        Of each shard how many files to have, the one that counts included.
    older_than_hours
        What is younger stays, for a run may be about to publish it.
    dry_run
        Say what would go, and remove nothing.

    Raises
    ------
    InputError
        For ``keep`` below 1, and ``older_than_hours`` below 1.
    """
    if keep < 1:
        raise InputError(f"{Option('keep', keep)} would leave shards without a file; keep at least 1")
    if not older_than_hours >= 1:
        raise InputError(
            f"{Option('older_than_hours', older_than_hours)} may take what a run is about to publish; give 1 or more"
        )
    job = read_config(config)
    cluster = cluster_of(job)
    places = places_of(job, cluster)
    stores = open_place(places.stores)
    edge = datetime.now(UTC) - timedelta(hours=older_than_hours)
    with (
        lake_lock(places.address, cluster.patience_seconds),
        opened_catalog(places.address, places.data) as catalog,
    ):
        needed = {row.file for row in catalog.run("lake.files_named", {"kept": keep})}
        going = [file for file in stores.files() if file.name not in needed and file.modified_at < edge]
        strangers = catalog.run("lake.strangers", before=_instant(edge))
        if not dry_run:
            stores.remove(file.name for file in going)
            catalog.run("lake.remove_strangers", before=_instant(edge))
    names = [stores.full_name(file.name) for file in going] + [str(row[0]) for row in strangers]
    return CleanReport(files=tuple(names), size_bytes=sum(file.size_bytes for file in going))


def _instant(moment: datetime) -> Sql:
    return sql("lake.instant", micros=int(moment.timestamp() * 1_000_000))
