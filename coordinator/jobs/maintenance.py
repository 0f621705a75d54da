"""What a job does for the store once its bars are right: retention, a snapshot for analysts, files for others."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from barhouse.coordinator.jobs.config import ExportConfig, JobConfig, PublishConfig
from barhouse.coordinator.jobs.job_plan import Progress
from barhouse.store.model.reports import CopyReport, ExportReport
from barhouse.store.session_store import SessionStore

if TYPE_CHECKING:
    from barhouse.coordinator.session_coordinator import SessionCoordinator


def followed(store: SessionStore, config: JobConfig) -> AbstractContextManager[None]:
    """Have a snapshot follow what the job commits, where it says so."""
    if config.serve is None:
        return nullcontext()
    target = config.at(config.serve)
    target.parent.mkdir(parents=True, exist_ok=True)
    return store.publishing(target)


def looked_after(
    coordinator: SessionCoordinator, store: SessionStore, config: JobConfig, progress: Progress, *, sound: bool
) -> dict[str, Any]:
    """Look after the store, as the fields of a report. Bars that do not verify are not handed on."""
    if not sound:
        return {"retention": None, "published": None, "exported": None}
    return {
        "retention": coordinator.apply_retention(config.retention) if config.retention else None,
        "published": None if config.publish is None else _published(store, config, config.publish),
        "exported": None if config.export is None else _exported(store, config, config.export, progress),
    }


def _published(store: SessionStore, config: JobConfig, wanted: PublishConfig) -> CopyReport | None:
    """Publish, unless the snapshot there is too young to be replaced."""
    target = config.at(wanted.path)
    if wanted.every is not None and target.exists():
        age_seconds = time.time() - target.stat().st_mtime
        if age_seconds < wanted.pause.total_seconds():
            return None
    target.parent.mkdir(parents=True, exist_ok=True)
    return store.publish(target, keep=wanted.keep, mode=wanted.mode)


def _exported(store: SessionStore, config: JobConfig, wanted: ExportConfig, progress: Progress) -> ExportReport:
    target = config.at(wanted.path)
    target.parent.mkdir(parents=True, exist_ok=True)
    return store.export(
        target,
        format=wanted.format,
        symbols=wanted.symbols,
        intervals=wanted.intervals,
        progress=lambda done, total: progress("exporting", done, total),
    )
