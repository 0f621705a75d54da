"""The page: the files of the folder ``page`` and the chart library, read once, and nothing else of any disk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_INDEX = "index.html"
#: Of other people's files the name says the version, so that what an address gave once it gives for good.
_VENDORED = "vendor/"


@dataclass(frozen=True, slots=True)
class SiteFile:
    """A file of the page.

    Attributes
    ----------
    content, media_type
        What it holds, and of which kind that is.
    etag
        Tells it from what it may be in another release.
    lasts
        Whether a browser need never ask for it again.
    """

    content: bytes
    media_type: str
    etag: str
    lasts: bool


def site_files() -> dict[str, SiteFile]:
    """Every file of the page by its path in addresses; the page itself is ``""``."""
    found = dict(_files(resources.files(__package__) / "page", ""))
    found |= _files(resources.files("barhouse.store.charts") / "vendor", _VENDORED)
    return {("" if path == _INDEX else path): file for path, file in found.items()}


def _files(folder: Traversable, prefix: str) -> list[tuple[str, SiteFile]]:
    found = []
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir():
            found += _files(entry, f"{prefix}{entry.name}/")
            continue
        kind = _MEDIA_TYPES.get(entry.name[entry.name.rfind(".") :], "text/plain; charset=utf-8")
        content = entry.read_bytes()
        etag = f'"{hashlib.sha256(content).hexdigest()[:20]}"'
        found.append((f"{prefix}{entry.name}", SiteFile(content, kind, etag, lasts=prefix == _VENDORED)))
    return found
