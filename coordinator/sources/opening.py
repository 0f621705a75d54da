"""Opening what bars come from: a path, several, or a frame."""

from __future__ import annotations

from barhouse.coordinator.sources.files import check_whole, open_file
from barhouse.coordinator.sources.frames import open_frame
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.coordinator.sources.source import Source


def open_source(data: object, options: LoadOptions, *, whole: bool = True) -> Source:
    """Open a path, several, or a frame; with ``whole`` compressed files are looked through for damage.

    Raises
    ------
    SourceError
        For what cannot be read as a table of rows, saying what can.
    """
    source = open_file(data, options) or open_frame(data)
    if whole:
        check_whole(source)
    return source
