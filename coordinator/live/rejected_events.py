"""What a feed sent and nothing could be made of becomes part of the store, with the reason: the view ``rejected``."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from barhouse.coordinator.feeds.events import Refused
from barhouse.store.database.transaction import Transaction
from barhouse.store.records.batch import Batch


def refuse(transaction: Transaction, source: str, refused: Sequence[Refused]) -> None:
    """Write rows that are not taken, as a batch of their own."""
    batch = Batch.begin(transaction, "load", source)
    batch.rejected = len(refused)
    batch.write(transaction)
    columns = {"given": [refusal.given for refusal in refused], "reason": [refusal.reason for refusal in refused]}
    schema = pa.schema(dict.fromkeys(columns, pa.string()))
    events = transaction.attach("rejected_event", pa.table(columns, schema=schema))
    transaction.write("live.add_rejected_events", {"batch_id": batch.batch_id}, rejected_event=events)
