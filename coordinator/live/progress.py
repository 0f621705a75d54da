"""How far the base bars of a session's symbols have come: its cursor, asked for with every write."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from barhouse.coordinator.fast.mirror import Mirror
from barhouse.store.database.transaction import Transaction


def come_to(transaction: Transaction, symbols: Iterable[str]) -> datetime | None:
    """The end of the newest base bar of some symbols; None where they have none."""
    asked, mirror = sorted(symbols), transaction.memory.recall(Mirror)
    if mirror is not None:
        return mirror.reached(asked)
    through: datetime | None = transaction.one("live.cursor", {"symbols": asked}).complete_through
    return through
