"""What a feed sent and nothing could be made of becomes part of the store, with the reason: the view ``rejected``."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

import pyarrow as pa

from barhouse.coordinator.feeds.events import Refused
from barhouse.coordinator.live.delivery_queue import Taken
from barhouse.store.database.transaction import Transaction
from barhouse.store.model.paths import printable
from barhouse.store.model.words import writable
from barhouse.store.records.batch import Batch


def refuse(transaction: Transaction, source: str, refused: Sequence[Refused]) -> None:
    """Write rows that are not taken, as a batch of their own."""
    batch = Batch.begin(transaction, "load", source)
    batch.rejected = len(refused)
    batch.write(transaction)
    columns = {
        "given": [writable(refusal.given) for refusal in refused],
        "reason": [writable(refusal.reason) for refusal in refused],
    }
    schema = pa.schema(dict.fromkeys(columns, pa.string()))
    events = transaction.attach("rejected_event", pa.table(columns, schema=schema))
    transaction.write("live.add_rejected_events", {"batch_id": batch.batch_id}, rejected_event=events)


def as_given(taken: Taken, symbols: Collection[str]) -> list[str]:
    """All that was taken of some symbols, as the view ``rejected`` quotes it."""
    given = [event.model_dump_json() for event in taken.events if event.symbol in symbols]
    given += [] if taken.file is None else [printable(taken.file.path)]
    for tables in (taken.bars or {}).values():
        given += [json.dumps(row, default=str) for table in tables for row in table.to_pylist()]
    return given
