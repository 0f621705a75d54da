"""A child process that loads, processes and publishes one session after the other, until its reader has seen enough."""

from __future__ import annotations

import itertools
import select
import sys

from barhouse import DataProcessor, SessionCoordinator, open_store
from tests.faults.nightly import INTERVALS, SESSIONS, SYMBOLS, day


def main(path: str, target: str, rounds: int) -> None:
    """Write and publish, ``rounds`` times or more: until standard input ends.

    Sessions that are there already come again with other values.
    """
    with open_store(path) as store:
        coordinator, processor = SessionCoordinator(store), DataProcessor(store)
        coordinator.register(SYMBOLS, INTERVALS, "XNYS", base="5m")
        for number, session in enumerate(itertools.cycle(SESSIONS)):
            if number >= rounds and select.select([sys.stdin], [], [], 0)[0]:
                break
            rows = day(session)
            moved = rows["volume"].to_pylist()
            rows = rows.set_column(rows.column_names.index("volume"), "volume", [[volume + number for volume in moved]])
            coordinator.load(rows, interval="5m")
            store.publish(target, keep=2)
            processor.process()
            print(store.publish(target, keep=2).batch_id, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
