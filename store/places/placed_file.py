"""What a place says of a file in it, without reading it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PlacedFile:
    """A file in a place.

    Attributes
    ----------
    name
        Its name within the place, its folders before it with ``/``.
    size_bytes
        How large it is.
    modified_at
        When it was put there, in UTC; in a bucket in whole seconds.
    version
        What tells it from any other that had or will have that name: in a bucket the ETag.
    """

    name: str
    size_bytes: int
    modified_at: datetime
    version: str
