"""A batch: one committed write, with its counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from barhouse.store.database.transaction import Transaction

Kind = Literal["load", "process", "delete", "remove", "calendar", "repair", "retention", "revert", "name"]


@dataclass(slots=True)
class Batch:
    """The batch being written inside a transaction; the counts are of bars.

    ``vendor`` says whose a load brought, ``reverts`` which batch this one undoes.
    """

    batch_id: int
    kind: Kind
    source: str | None
    inserted: int = 0
    revised: int = 0
    unchanged: int = 0
    rejected: int = 0
    deleted: int = 0
    vendor: str | None = None
    reverts: int | None = None

    @classmethod
    def begin(cls, transaction: Transaction, kind: Kind, source: str | None = None) -> Batch:
        """Take the next id; nothing is written yet."""
        return cls(transaction.one("records.next_batch").batch_id, kind, source)

    def write(self, transaction: Transaction) -> None:
        """Write the batch's own row: the last write of its transaction but for rows that refer to it."""
        transaction.run(
            "records.add_batch",
            {
                "batch_id": self.batch_id,
                "kind": self.kind,
                "source": self.source,
                "started_at": transaction.now,
                "clock": transaction.clock(),
                "inserted": self.inserted,
                "revised": self.revised,
                "unchanged": self.unchanged,
                "rejected": self.rejected,
                "deleted": self.deleted,
                "vendor": self.vendor,
                "reverts": self.reverts,
            },
        )
