"""What was understood of a source."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from barhouse.store.model.reports import Reject


class InspectedBar(BaseModel):
    """A bar as it would be loaded: intraday ones have their start, longer ones the date of their session.

    Those of sessions that are stamped with a time of day have their stamp: which session begins there, only the
    calendar of their symbol says.
    """

    model_config = ConfigDict(frozen=True)

    symbol: str | None
    bar_start: datetime | None
    session_date: date | None
    open: float
    high: float
    low: float
    close: float
    volume: float
    trade_count: int | None
    vwap: float | None


class Inspection(BaseModel):
    """How a source would be read, and what to say so that it is loaded.

    Everything below ``row_count`` is of the rows that were looked at: the first ones.
    """

    model_config = ConfigDict(frozen=True)

    source: str
    format: str = Field(description="csv, parquet, arrow (a frame is that, too), json or dbn")
    packed: str | None = Field(default=None, description="how a text file is compressed")
    encoding: str | None = Field(default=None, description="of a text file, as its first bytes say")
    separator: str | None = Field(default=None, description="what stands between the fields of a text file")
    columns: tuple[str, ...] = Field(default=(), description="its columns; column0, ... where nothing names them")
    presets: tuple[str, ...] = Field(default=(), description="the presets that fit its first lines")
    preset: str | None = Field(default=None, description="the one it was read with")
    parts: dict[str, str | None] = Field(default_factory=dict, description="the column of each part of a bar")
    unused: tuple[str, ...] = Field(default=(), description="columns that are no part of a bar")
    stamps: str | None = Field(default=None, description="how stamps are written: a format, ISO 8601, or their type")
    timezone: str | None = Field(default=None, description="the zone of stamps that carry none, where it is said")
    naive: bool = Field(default=False, description="whether stamps carry no zone")
    label: str = "start"
    row_count: int = Field(default=0, description="how many rows were looked at")
    symbols: tuple[str, ...] = Field(default=(), description="as the source spells them; none where no column says")
    instruments: tuple[str, ...] = Field(
        default=(), description="columns that nobody named and that tell several instruments apart, taken for one"
    )
    interval: str | None = Field(default=None, description="as it was said, or told from the steps between stamps")
    regular: bool = Field(default=True, description="whether most steps are that long; otherwise bars may be finer")
    bars: tuple[InspectedBar, ...] = Field(default=(), description="the first bars, in order of symbol and time")
    rejects: tuple[Reject, ...] = Field(default=(), description="rows that could not be taken, by reason")
    problem: str | None = Field(default=None, description="why it could not be read further")
    options: dict[str, Any] = Field(default_factory=dict, description="what to say to load it, beside its path")
    missing: tuple[str, ...] = Field(default=(), description="what else has to be said")
