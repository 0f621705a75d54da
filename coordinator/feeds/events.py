"""The messages of feeds: bars, trades and cancellations as JSON, checked at the door.

One message is an event, or a list of events::

    {"type": "bar", "symbol": "SPY", "interval": "1m", "start": "2024-11-29T14:30:00Z",
     "open": 100.0, "high": 101.0, "low": 99.5, "close": 100.5, "volume": 1200, "trade_count": 17, "vwap": 100.3}
    {"type": "trade", "symbol": "SPY", "id": "52", "at": "2024-11-29T14:30:00.125Z", "price": 100.25, "size": 10}
    {"type": "cancel", "symbol": "SPY", "id": "52"}

A bar sent again with other values replaces the first. A trade is corrected by sending it again, whole, with a higher
``revision``; a cancellation is final. Instants carry their zone, or are numbers of seconds or milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isnan
from typing import Annotated, Literal

import pyarrow as pa
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    TypeAdapter,
    ValidationError,
)

from barhouse.store.model.bar import COLUMNS, INSTANT, UNKNOWN
from barhouse.store.model.symbol import IntervalText, Symbol
from barhouse.store.model.words import writable


def _in_utc(at: datetime) -> datetime:
    """An instant in UTC; ValueError where it lies beyond what can be said there."""
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("beyond the years that instants can have") from error


_Price = FiniteFloat
_Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
_Amount = Annotated[FiniteFloat, Field(ge=0)]
_Whole = Annotated[int, Field(ge=0, lt=2**63)]
_TradeId = Annotated[str, Field(min_length=1, coerce_numbers_to_str=True)]
_SHOWN_CHARACTERS = 2000


def _known(given: object) -> object:
    """What is known of a value that a bar may lack; None where it is said to be unknown."""
    if isinstance(given, str):
        return None if given.strip().lower() in UNKNOWN else given
    return None if isinstance(given, float) and isnan(given) else given


class _Event(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class BarEvent(_Event):
    """A base bar that has ended, labelled by its start; what else it says may be of a declared column."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: Literal["bar"] = Field(default="bar", description="what it is")
    symbol: Symbol = Field(description="whose, in any case")
    interval: IntervalText = Field(description="how long it is, such as 1m")
    start: _Instant = Field(description="when it starts")
    open: _Price = Field(description="the first price")
    high: _Price = Field(description="the highest price, no less than the others")
    low: _Price = Field(description="the lowest price, no more than the others")
    close: _Price = Field(description="the last price")
    volume: _Amount = Field(description="what was traded")
    trade_count: Annotated[_Whole | None, BeforeValidator(_known)] = Field(
        default=None, description="in how many trades"
    )
    vwap: Annotated[_Price | None, BeforeValidator(_known)] = Field(
        default=None, description="the mean price, weighted by volume"
    )


class TradeEvent(_Event):
    """A trade, or with a higher ``revision`` its correction.

    Trades of one instant are ordered by ``sequence``, and then by ``id``: as numbers where they are numbers.
    """

    type: Literal["trade"] = Field(default="trade", description="what it is")
    symbol: Symbol = Field(description="whose, in any case")
    id: _TradeId = Field(description="names the trade, once for each symbol")
    at: _Instant = Field(description="when it was made")
    price: _Price = Field(description="at what price")
    size: _Amount = Field(description="how much")
    sequence: _Whole = Field(default=0, description="orders trades of one instant: the last of them is the close")
    revision: _Whole = Field(default=0, description="the highest one counts, in whatever order they come")


class CancelEvent(_Event):
    """A trade that never was. ``at``, where it is known, lets it be forgotten in time."""

    type: Literal["cancel"] = Field(default="cancel", description="what it is")
    symbol: Symbol = Field(description="whose, in any case")
    id: _TradeId = Field(description="the trade's; it may come before the trade")
    at: _Instant | None = Field(default=None, description="when the trade was made")


Event = BarEvent | TradeEvent | CancelEvent
_One = Annotated[Event, Field(discriminator="type")]
_ONE: TypeAdapter[Event] = TypeAdapter(_One)
_MANY: TypeAdapter[list[Event]] = TypeAdapter(list[_One])
_LISTED: TypeAdapter[list[object]] = TypeAdapter(list[object])


@dataclass(frozen=True, slots=True)
class Refused:
    """Something sent that is not taken: as it was given, and why."""

    given: str
    reason: str


def parse_events(message: str | bytes) -> tuple[list[Event], list[Refused]]:
    """The events of a message, which is JSON; those of a list that cannot be understood are refused alone.

    Nothing is raised: what cannot be understood is for the view ``rejected``, and the feed goes on, whatever a message
    does to those who read it.
    """
    try:
        return _parse_events(message)
    except Exception as error:
        return [], [Refused(_text(message), f"it cannot be read: {type(error).__name__}")]


def _parse_events(message: str | bytes) -> tuple[list[Event], list[Refused]]:
    is_list = message.lstrip()[:1] in ("[", b"[")
    try:
        return (_MANY.validate_json(message) if is_list else [_ONE.validate_json(message)]), []
    except ValidationError as error:
        first = error
    try:
        parts = _LISTED.validate_json(message) if is_list else []
    except ValidationError:
        parts = []
    if not parts:
        return [], [Refused(_text(message), _why(first))]
    events, refused = [], []
    for part in parts:
        try:
            events.append(_ONE.validate_python(part))
        except ValidationError as error:
            refused.append(Refused(_text(_shown(part)), _why(error)))
    return events, refused


def _shown(part: object) -> str:
    try:
        return repr(part)
    except RecursionError:
        return f"a {type(part).__name__}, nested too deeply to be shown"


def _text(message: str | bytes) -> str:
    text = message.decode("utf-8", "replace") if isinstance(message, bytes) else message[:_SHOWN_CHARACTERS]
    return writable(text[:_SHOWN_CHARACTERS])


def _why(error: ValidationError) -> str:
    found = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in found["loc"])
    return f"{where}: {found['msg']}" if where else found["msg"]


def bar_tables(events: Iterable[BarEvent], declared: Sequence[str] = ()) -> dict[str, pa.Table]:
    """Bars as tables by interval, in our own columns; of one bar sent several times the last.

    Parameters
    ----------
    declared
        The names of columns that the store declares: those that any bar has a value in come after ours, as numbers, or
        as texts where not all are such.
    """
    last: dict[str, dict[tuple[str, object], BarEvent]] = {}
    for event in events:
        last.setdefault(event.interval, {})[event.symbol, event.start] = event
    return {interval: _with_declared(list(bars.values()), declared) for interval, bars in last.items()}


def _bar_table(bars: Sequence[BarEvent]) -> pa.Table:
    values = [[getattr(bar, "start" if name == "bar_start" else name) for bar in bars] for name in COLUMNS.names]
    return pa.table([pa.array(column, field.type) for column, field in zip(values, COLUMNS, strict=True)], COLUMNS)


def _with_declared(bars: Sequence[BarEvent], declared: Sequence[str]) -> pa.Table:
    table = _bar_table(bars)
    for name in declared:
        given = [(bar.model_extra or {}).get(name) for bar in bars]
        if any(value is not None for value in given):
            table = table.append_column(name, _numbers(given))
    return table


def _numbers(given: Sequence[object]) -> pa.Array:
    """Values as numbers; as texts where any is none, which a load has a word for."""
    if all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in given):
        with suppress(OverflowError):
            return pa.array([None if value is None else float(str(value)) for value in given], pa.float64())
    return pa.array([None if value is None else str(value) for value in given], pa.string())


def trade_table(events: Sequence[TradeEvent | CancelEvent]) -> pa.Table:
    """Trades and cancellations as a table, numbered in ``given_row``."""
    trades = [event if isinstance(event, TradeEvent) else None for event in events]
    return pa.table(
        {
            "given_row": pa.array(range(len(events)), pa.int64()),
            "symbol": pa.array([event.symbol for event in events], pa.string()),
            "trade_id": pa.array([event.id for event in events], pa.string()),
            "traded_at": pa.array([event.at for event in events], INSTANT),
            "sequence": pa.array([trade.sequence if trade else 0 for trade in trades], pa.int64()),
            "revision": pa.array([trade.revision if trade else 0 for trade in trades], pa.int64()),
            "price": pa.array([trade.price if trade else None for trade in trades], pa.float64()),
            "size": pa.array([trade.size if trade else None for trade in trades], pa.float64()),
            "cancelled": pa.array([trade is None for trade in trades], pa.bool_()),
        }
    )
