"""What the store knows of files: which of them are new or changed since they were loaded."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from barhouse.coordinator.sources.archive import split
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.coordinator.sources.path_patterns import FoundFile
from barhouse.coordinator.sources.source import SourceFile
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import BarhouseError
from barhouse.store.places.address import Address


class LoadedFiles:
    """What the store knows of the files it has loaded: the newest load of each path for the same symbols."""

    def __init__(self, transaction: Transaction) -> None:
        self._rows: dict[tuple[str, str], tuple[Any, ...]] = {}
        for file in transaction.run("jobs.loaded_files"):
            asked = _request(file.request)
            self._rows[file.path, _whose(asked)] = (file.size_bytes, file.modified_at, file.fingerprint, asked)

    def has(self, file: FoundFile, options: LoadOptions, symbol: str | None, interval: str | None) -> bool:
        """Whether a file was loaded as it is now, and as it is to be loaded now.

        Size and time of change decide where they are the same; where only the time differs, the bytes do.

        Raises
        ------
        SourceError
            When the file cannot be read.
        """
        wanted = _request(options.request(symbol, interval or ""))
        outer, member = split(file.path)
        on_disk = outer if isinstance(outer, Address) else outer.resolve()
        known = self._rows.get((str(on_disk if member is None else on_disk / member), _whose(wanted)))
        if known is None:
            return False
        size_bytes, modified_at, fingerprint, asked = known
        if wanted != (asked if interval else {**asked, "interval": ""}):
            return False
        if isinstance(on_disk, Address):  # whose times are of whole seconds, and whose fingerprint is at hand
            return file.placed is not None and (file.placed.size_bytes, file.placed.version) == (
                size_bytes,
                fingerprint,
            )
        try:
            found = on_disk.stat()
        except OSError:
            return False  # gone in the meantime; loading it says so
        if found.st_size != size_bytes:
            return False
        if datetime.fromtimestamp(found.st_mtime, UTC) == modified_at:
            return True
        try:
            return bool(SourceFile.of(on_disk).fingerprint == fingerprint)
        except BarhouseError:
            return False  # cannot be read; loading it says so


def _whose(request: dict[str, Any]) -> str:
    """What a request says about the symbols of a file: loads that differ in it stand beside each other."""
    return json.dumps([request["symbol"], request["symbols"], request["columns"].get("symbol")])


@lru_cache(maxsize=256)
def _request(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found
