"""A child process that writes without a pause and publishes over and over, slowly, to be killed at any moment."""

from __future__ import annotations

import sys
from pathlib import Path

from barhouse import open_store
from barhouse.store.database import file_copy
from tests.faults import slow_copy
from tests.faults.written_meanwhile import register, written


def main(path: str, target: str) -> None:
    """Say which batch was published, each time."""
    file_copy._PROGRAM = Path(slow_copy.__file__)
    with open_store(path, settings={"threads": 1, "checkpoint_threshold": "100KB"}) as store:
        if not store.get_active_symbols():
            register(store)
        with written(store):
            while True:
                print(store.publish(target).batch_id, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
