"""How a live session goes about its work: the numbers one may turn."""

from __future__ import annotations

import warnings
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from barhouse.coordinator.derive.derivation import GRACE_SECONDS
from barhouse.store.model.file_mode import FileMode

#: What numbers were called before, and are now.
FORMER_NAMES = {"heal_seconds": "gap_fill_seconds", "heal_days": "gap_fill_days"}


#: A span of time that can be waited for: no infinity, and no more than a calendar holds.
Seconds = Annotated[float, Field(le=1e10, allow_inf_nan=False)]
#: A number that a machine can have so many of.
Count = Annotated[int, Field(le=2**31 - 1)]


class LiveOptions(BaseModel):
    """The numbers of a live session; all times in seconds.

    Attributes
    ----------
    flush_seconds
        Deliveries are put together for so long, and written in one transaction.
    flush_rows
        So many rows are written at once, however short a time they took to come.
    backlog_rows
        So many rows may wait to be written; then the feed waits.
    heartbeat_seconds
        How often the clock is asked what has closed.
    grace_seconds
        How long after its end a bar, or a session, counts as over by the clock alone.
    settle_seconds
        How long after its end a base bar is built from trades.
    trades_kept_seconds
        How long trades are kept: later ones, and later cancellations, are refused.
    gap_fill_seconds
        How often gaps are looked for that a history could fill.
    gap_fill_days
        How far back they are looked for.
    asks_at_once
        How many questions to a history may be open.
    reconnect_seconds
        The first pause before connecting again; each next one is longer.
    reconnect_seconds_max
        The longest pause before connecting again.
    publish_seconds
        How often a snapshot is published, where one is wanted.
    publish_keep
        How many snapshots are kept; see ``SessionStore.publish``.
    publish_mode
        Who may read them; see ``SessionStore.publish``.
    chunk_symbols
        How many symbols are derived in one step; more are quicker and take more memory.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    flush_seconds: Seconds = Field(default=0.25, ge=0)
    flush_rows: Count = Field(default=20_000, ge=1)
    backlog_rows: Count = Field(default=100_000, ge=1)
    heartbeat_seconds: Seconds = Field(default=1.0, gt=0)
    grace_seconds: Seconds = Field(default=GRACE_SECONDS, ge=0)
    settle_seconds: Seconds = Field(default=1.0, ge=0)
    trades_kept_seconds: Seconds = Field(default=900.0, gt=0)
    gap_fill_seconds: Seconds = Field(default=30.0, gt=0)
    gap_fill_days: int = Field(default=5, ge=0, le=36_500)
    asks_at_once: Count = Field(default=8, ge=1)
    reconnect_seconds: Seconds = Field(default=0.5, gt=0)
    reconnect_seconds_max: Seconds = Field(default=30.0, gt=0)
    publish_seconds: Seconds = Field(default=60.0, gt=0)
    publish_keep: Count = Field(default=1, ge=1)
    publish_mode: FileMode | None = None
    chunk_symbols: Count = Field(default=5_000, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _former_names(cls, given: Any) -> Any:
        """Names of before, taken until the next release."""
        if not isinstance(given, dict):
            return given
        names = {was: now for was, now in FORMER_NAMES.items() if was in given and now not in given}
        for was, now in names.items():
            warnings.warn(
                f"{was}= is called {now}= now; the old name ends with the next release", DeprecationWarning, 3
            )
        return {names.get(name, name): value for name, value in given.items()}

    @property
    def grace(self) -> timedelta:
        """``grace_seconds`` as a span of time."""
        return timedelta(seconds=self.grace_seconds)

    @property
    def settle(self) -> timedelta:
        """``settle_seconds`` as a span of time."""
        return timedelta(seconds=self.settle_seconds)

    @property
    def trades_kept(self) -> timedelta:
        """``trades_kept_seconds`` as a span of time."""
        return timedelta(seconds=self.trades_kept_seconds)
