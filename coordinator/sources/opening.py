"""Opening what bars come from: a path, several, or a frame."""

from __future__ import annotations

from barhouse.coordinator.sources.files import open_file
from barhouse.coordinator.sources.frames import open_frame
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.coordinator.sources.source import Source


def open_source(data: object, options: LoadOptions) -> Source:
    """Open a path, several, or a frame; what files hold is seen when they are made readable.

    Raises
    ------
    SourceError
        For what cannot be read as a table of rows, saying what can.
    """
    return open_file(data, options) or open_frame(data)
