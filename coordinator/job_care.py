"""What a job does for the store once its bars are right: retention, then a snapshot for analysts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from coordinator.config import JobConfig, PublishConfig
from store import SessionStore
from store.care_reports import CopyReport

if TYPE_CHECKING:
    from coordinator.session_coordinator import SessionCoordinator


def looked_after(
    coordinator: SessionCoordinator, store: SessionStore, config: JobConfig, *, sound: bool
) -> dict[str, Any]:
    """Look after the store, as the fields of a report. Bars that do not verify are neither given up nor published."""
    if not sound:
        return {"retention": None, "published": None}
    return {
        "retention": coordinator.apply_retention(config.retention) if config.retention else None,
        "published": None if config.publish is None else _published(store, config, config.publish),
    }


def _published(store: SessionStore, config: JobConfig, wanted: PublishConfig) -> CopyReport | None:
    """Publish, unless the snapshot there is too young to be replaced."""
    target = config.at(wanted.path)
    if wanted.every is not None and target.exists():
        age_seconds = time.time() - target.stat().st_mtime
        if age_seconds < wanted.pause.total_seconds():
            return None
    target.parent.mkdir(parents=True, exist_ok=True)
    return store.publish(target, keep=wanted.keep)
