"""A child process that compacts a store over and over, to be killed at any moment.

``POINT`` names a function of compaction at whose call the process ends by itself, as if killed there.
"""

from __future__ import annotations

import os
import sys
from unittest import mock

from barhouse import compact
from barhouse.store.copies import compaction
from barhouse.store.database import replacement


def end(*_: object, **__: object) -> None:
    os._exit(9)


def main(path: str, point: str | None = None) -> None:
    if point is not None:
        with mock.patch.object(replacement if point == "sync_folder" else compaction, point, end):
            compact(path)
        return
    print("ready", flush=True)
    while True:
        compact(path)
        print("compacted", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
