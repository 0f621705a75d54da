"""What a job does for the store once its bars are right: retention, a snapshot for analysts, files for others."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from barhouse.coordinator.jobs.config import ExportConfig, JobConfig, PublishConfig
from barhouse.coordinator.jobs.job_plan import Progress
from barhouse.store.errors import PlaceMissingError
from barhouse.store.model.interval import Interval
from barhouse.store.model.reports import CopyReport, ExportReport
from barhouse.store.places.address import is_address
from barhouse.store.places.place import split_place
from barhouse.store.session_store import SessionStore

if TYPE_CHECKING:
    from barhouse.coordinator.session_coordinator import SessionCoordinator


def followed(store: SessionStore, config: JobConfig) -> AbstractContextManager[None]:
    """Have a snapshot follow what the job commits, where it says so."""
    if config.serve is None:
        return nullcontext()
    target = config.at(config.serve)
    _make_folder(target)
    return store.publishing(target)


def looked_after(
    coordinator: SessionCoordinator,
    store: SessionStore,
    config: JobConfig,
    progress: Progress,
    *,
    sound: bool,
    is_share: bool = False,
) -> dict[str, Any]:
    """Look after the store, as the fields of a report. Bars that do not verify are not handed on.

    Of a share of a job the intervals that are retained need not all be there.
    """
    if not sound:
        return {"retention": None, "published": None, "exported": None}
    if is_share:
        registered = {row["interval"] for row in store.interval_rows()}
        kept = {
            name: length
            for name, length in config.retention.items()
            if name == "revisions" or str(Interval.parse(name)) in registered
        }
        config = config.model_copy(update={"retention": kept})
    return {
        "retention": coordinator.apply_retention(config.retention) if config.retention else None,
        "published": None if config.publish is None else _published(store, config, config.publish),
        "exported": None if config.export is None else _exported(store, config, config.export, progress),
    }


def _published(store: SessionStore, config: JobConfig, wanted: PublishConfig) -> CopyReport | None:
    """Publish, unless the snapshot there is too young to be replaced."""
    target = config.at(wanted.path)
    if wanted.every is not None:
        put_at = _put_at(target)
        if put_at is not None and datetime.now(UTC) - put_at < wanted.pause:
            return None
    _make_folder(target)
    return store.publish(target, keep=wanted.keep, mode=wanted.mode)


def _exported(store: SessionStore, config: JobConfig, wanted: ExportConfig, progress: Progress) -> ExportReport:
    target = config.at(wanted.path)
    _make_folder(target)
    return store.export(
        target,
        format=wanted.format,
        symbols=wanted.symbols,
        intervals=wanted.intervals,
        progress=lambda done, total: progress("exporting", done, total),
    )


def _put_at(target: Path) -> datetime | None:
    """When the file that is there was put there; None where there is none."""
    place, name = split_place(target)
    try:
        return place.look(name).modified_at
    except PlaceMissingError:
        return None


def _make_folder(target: Path) -> None:
    """Make the folder that something is to be put into; a bucket has none."""
    if not is_address(target):
        target.parent.mkdir(parents=True, exist_ok=True)
