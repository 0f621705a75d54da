"""A run of a job that is killed where the environment says: ``python -m tests.cluster.driver JOB.toml``.

``BARHOUSE_DIE`` has a folder and places, such as ``/tmp/x shard 1: put;committing``. The process that comes to a place
first makes a file of its number in the folder, and is killed; whoever comes there later goes on. Processes that engines
start import this module, too.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path


class Killing(logging.Handler):
    """Kills the process that says it has come to a place."""

    def __init__(self, folder: Path, places: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._folder, self._places = folder, places

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if said in self._places:
            try:
                (self._folder / f"killed-{self._places.index(said)}").touch(exist_ok=False)
            except FileExistsError:
                return
            os.kill(os.getpid(), signal.SIGKILL)


def listen() -> None:
    folder, _, places = os.environ.get("BARHOUSE_DIE", "").partition(" ")
    if places:
        log = logging.getLogger("barhouse.cluster")
        log.setLevel(logging.DEBUG)
        log.addHandler(Killing(Path(folder), places.split(";")))


listen()

if __name__ == "__main__":
    from barhouse import run_job

    run_job(sys.argv[1])
