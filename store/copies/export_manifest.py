"""What a folder of exported bars holds, written down: which selection, of which state of the store, file by file."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from barhouse.store.copies.bar_format import format_named
from barhouse.store.database.replacement import put_in_place, written_beside
from barhouse.store.errors import InputError
from barhouse.store.model.inputs import as_range
from barhouse.store.model.interval import Interval
from barhouse.store.model.words import shortened


@dataclass(frozen=True, slots=True)
class Selection:
    """What a folder holds an export of; ``start`` and ``end`` are dates or instants in ISO 8601, None means all."""

    format: str
    symbols: tuple[str, ...] | None
    intervals: tuple[str, ...] | None
    start: str | None
    end: str | None

    @classmethod
    def of(
        cls,
        form: str,
        symbols: Sequence[str] | None,
        intervals: Sequence[str] | None,
        start: date | datetime | None,
        end: date | datetime | None,
    ) -> Selection:
        """Make one in the spelling that is compared.

        Raises
        ------
        InputError
            For a format that is not known, or cannot be used.
        """
        format_named(form)
        return cls(
            form,
            None if symbols is None else tuple(sorted(set(symbols))),
            None if intervals is None else tuple(sorted(set(intervals), key=Interval.parse)),
            None if start is None else start.isoformat(),
            None if end is None else end.isoformat(),
        )

    @property
    def bounds(self) -> tuple[date | datetime | None, date | datetime | None]:
        """``start`` and ``end``, as they were given."""
        return as_range(self.start, self.end)

    def __str__(self) -> str:
        parts: list[str] = [self.format]
        parts.append("all symbols" if self.symbols is None else " ".join(self.symbols))
        parts.append("all intervals" if self.intervals is None else " ".join(self.intervals))
        if self.start is not None or self.end is not None:
            parts.append(f"from {self.start or 'the first bar'} to {self.end or 'the last'}")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class PartitionState:
    """What one partition holds: its rows, the newest batch among them, and its file's size; in a bucket its ETag."""

    row_count: int
    batch_id: int
    size_bytes: int
    version: str | None = None


@dataclass(slots=True)
class Manifest:
    """What a folder holds. Every partition listed is as it says; those in ``unfinished`` were being written.

    ``batch_id`` and ``committed_at`` (ISO 8601) are the newest batch of the store when it was last exported whole.
    """

    selection: Selection
    batch_id: int | None
    committed_at: str | None
    partitions: dict[str, PartitionState]
    unfinished: list[str]

    def as_json(self) -> bytes:
        """Spell it as it is written down."""
        said = {
            "barhouse_export": 1,
            **asdict(self.selection),
            "batch_id": self.batch_id,
            "committed_at": self.committed_at,
            "unfinished": self.unfinished,
            "partitions": {place: _held(held) for place, held in self.partitions.items()},
        }
        return json.dumps(said, indent=0).encode()

    def write(self, file: Path) -> None:
        """Write it, at once or not at all."""
        with written_beside(file) as part:
            with part.open("wb") as stream:
                stream.write(self.as_json())
                stream.flush()
                os.fsync(stream.fileno())
            put_in_place(part, file)

    @classmethod
    def read(cls, file: Path) -> Manifest:
        """Read one.

        Raises
        ------
        InputError
            The file is something else.
        """
        return cls.of_json(file.read_bytes(), str(file))

    @classmethod
    def of_json(cls, text: bytes, file: str) -> Manifest:
        """Understand one, which messages call ``file``.

        Raises
        ------
        InputError
            It is something else.
        """
        try:
            said: dict[str, Any] = json.loads(text.decode())
            found = _Said.model_validate(said)
        except (ValueError, RecursionError) as error:
            why = shortened(str(error).splitlines()[0])
            raise InputError(f"{file} is no manifest of an export ({why}); export into another folder") from error
        symbols = None if found.symbols is None else tuple(found.symbols)
        intervals = None if found.intervals is None else tuple(found.intervals)
        return cls(
            Selection(found.format, symbols, intervals, found.start, found.end),
            found.batch_id,
            found.committed_at,
            {place: PartitionState(**held.model_dump()) for place, held in found.partitions.items()},
            found.unfinished,
        )


def _held(held: PartitionState) -> dict[str, Any]:
    """Spell what a partition holds; of a file nothing is said of its version."""
    return {name: value for name, value in asdict(held).items() if value is not None}


def _of_a_month(place: str) -> str:
    """A place whose month there is."""
    date.fromisoformat(f"{place.rpartition('=')[2]}-01")
    return place


#: Where a partition lies in the folder, and nowhere else.
_Place = Annotated[
    str,
    Field(pattern=r"^symbol=[^/\\]+/interval=[0-9a-z@]+/month=[0-9]{4}-[0-9]{2}$"),
    AfterValidator(_of_a_month),
]


#: A number that fits into a column.
_Count = Annotated[int, Field(ge=0, lt=2**63)]


def _instant(text: str) -> str:
    """An instant that says its zone, as it is written by us."""
    try:
        found = datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text} is no instant") from error
    return found.isoformat()


class _HeldPartition(BaseModel):
    row_count: _Count
    batch_id: _Count
    size_bytes: _Count
    version: str | None = None


class _Said(BaseModel):
    """What a manifest says, which somebody else may have written."""

    model_config = ConfigDict(strict=True, defer_build=True)

    format: str
    symbols: list[str] | None
    intervals: list[str] | None
    start: str | None
    end: str | None
    batch_id: _Count | None
    committed_at: Annotated[str, AfterValidator(_instant)] | None
    partitions: dict[_Place, _HeldPartition]
    unfinished: list[_Place]
