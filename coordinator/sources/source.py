"""What a source is to the load: a name, rows that can be read more than once, and how to understand them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa

from store.errors import InputError

Format = Literal["csv", "parquet", "arrow"]


@dataclass(frozen=True, slots=True)
class Source:
    """Rows to load.

    Attributes
    ----------
    name
        What reports and the ``batches`` view call it.
    format
        How the rows are stored; ``arrow`` means ``table`` holds them.
    paths
        The files, in the order they are read; ``mixed`` when they do not name the same columns.
    table
        The rows themselves, for frames.
    zones
        The time zone each time-zone-aware column was given in, by column name.
    """

    name: str
    format: Format
    paths: tuple[str, ...] = ()
    skip_rows: int = 0
    mixed: bool = False
    table: pa.Table | None = None
    zones: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How rows are to be understood; see ``SessionCoordinator.load`` for what each means."""

    label: Literal["start", "end"] = "start"
    timezone: str | None = None
    columns: Mapping[str, str | None] = field(default_factory=dict)
    timestamp_format: str | None = None
    skip_rows: int = 0
    volume_column: str | None = None
    strict: bool = False
    ambiguous: Literal["reject", "first", "second", "infer"] = "reject"
    replace: Literal["sessions"] | None = None

    def __post_init__(self) -> None:
        _one_of("label", self.label, ("start", "end"))
        _one_of("ambiguous", self.ambiguous, ("reject", "first", "second", "infer"))
        _one_of("replace", self.replace, (None, "sessions"))
        if not isinstance(self.skip_rows, int) or self.skip_rows < 0:
            raise InputError(f"skip_rows={self.skip_rows!r} is not usable; give how many lines stand before the header")


def _one_of(name: str, given: Any, allowed: tuple[Any, ...]) -> None:
    if given not in allowed:
        listed = ", ".join(repr(one) for one in allowed)
        raise InputError(f"{name}={given!r} is not known; allowed are {listed}")
