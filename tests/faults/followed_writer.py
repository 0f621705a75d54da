"""A child process that loads and processes one session after the other, and has a snapshot follow; to be killed.

Sessions that are there already come again with other values, so that it never comes to an end.
"""

from __future__ import annotations

import itertools
import sys

from barhouse import DataProcessor, SessionCoordinator, open_store
from tests.faults.nightly import INTERVALS, SESSIONS, SYMBOLS, day


def main(path: str, target: str) -> None:
    """Write until killed."""
    with open_store(path, settings={"threads": 1}) as store, store.publishing(target):
        coordinator, processor = SessionCoordinator(store), DataProcessor(store, chunk_symbols=1)
        coordinator.register(SYMBOLS, INTERVALS, "XNYS", base="5m")
        (begun,) = store.sql("SELECT count(*) AS n FROM batches")["n"].to_pylist()
        for number, session in enumerate(itertools.cycle(SESSIONS), start=begun):
            rows = day(session)
            moved = [volume + number for volume in rows["volume"].to_pylist()]
            coordinator.load(
                rows.set_column(rows.column_names.index("volume"), "volume", [moved]), interval="5m", sparse=True
            )
            processor.process()
            if number % 7 == 6:  # which no increment tells
                coordinator.apply_retention({"revisions": "1d"})
            print(number, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
