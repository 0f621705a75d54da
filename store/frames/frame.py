"""Bars as a frame of pandas or polars: indexed by time in the zone of their exchange, and typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, get_args

from barhouse.store.calendars.time_zone import zone_named
from barhouse.store.errors import InputError
from barhouse.store.hints import Option
from barhouse.store.model.interval import Interval

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

#: Whose frames there are.
FrameKind = Literal["pandas", "polars"]
_EXCHANGE = "exchange"
_INSTANTS = ("bar_start", "bar_end")


@dataclass(frozen=True, slots=True)
class FrameShape:
    """How a frame shall be; see ``SessionStore.frame``.

    Attributes
    ----------
    interval
        Whose bars they are; those of ``1d`` and longer are named by their session.
    symbols
        In the order of columns, where each has one.
    is_one
        Whether one symbol was named, rather than a list, so that no level of the index tells it.
    columns
        Those asked for; None for all.
    wide
        The column of which each symbol has one; None where each bar has a row.
    timezone
        In which instants are shown: ``exchange``, or an IANA name.
    kind
        Whose frame it is.
    """

    interval: str
    symbols: Sequence[str]
    is_one: bool
    columns: Sequence[str] | None
    wide: str | None
    timezone: str
    kind: FrameKind

    def __post_init__(self) -> None:
        if self.kind not in get_args(FrameKind):
            raise InputError(f"{Option('kind', self.kind)} is no kind of frame; give 'pandas' or 'polars'")
        if self.timezone != _EXCHANGE:
            zone_named(self.timezone)
        if self.wide is not None and not isinstance(self.wide, str):
            raise InputError(f"{Option('wide', self.wide)} is no column; give one such as {Option('wide', 'close')}")
        if self.wide is not None and self.columns is not None:
            raise InputError(f"{Option('wide')} is the one column to have; leave out {Option('columns')}")
        if self.wide in ("symbol", "interval", self.time):
            raise InputError(
                f"{Option('wide', self.wide)} cannot stand in columns of symbols; give another, such as 'close'"
            )
        if self.kind == "polars":
            polars()

    @property
    def time(self) -> str:
        """What names the bars of a symbol: the date of their session, or when they start."""
        return "bar_start" if Interval.parse(self.interval).intraday else "session_date"

    @property
    def read(self) -> Sequence[str] | None:
        """The columns that must be read; None for all."""
        if self.wide is not None:
            return ["symbol", self.time, self.wide]
        return None if self.columns is None else list(dict.fromkeys(["symbol", self.time, *self.columns]))


def polars() -> ModuleType:
    """The package polars.

    Raises
    ------
    InputError
        When it is not installed.
    """
    try:
        import polars
    except ImportError as error:
        raise InputError("frames of polars need the package polars: pip install 'barhouse[polars]'") from error
    return polars


def framed(table: pa.Table, shape: FrameShape, zones: Sequence[str]) -> Any:
    """Bars as a frame.

    Parameters
    ----------
    table
        The columns that the shape reads, by symbol, oldest first.
    zones
        Those of the symbols' calendars.

    Raises
    ------
    InputError
        When instants shall be in the zone of the exchange, and the symbols have several.
    """
    zoned = _in_zone(table, _zone(shape, zones))
    if "interval" in zoned.column_names and "interval" not in (shape.columns or ()):
        zoned = zoned.drop_columns(["interval"])
    return _of_pandas(zoned, shape) if shape.kind == "pandas" else _of_polars(zoned, shape)


def _zone(shape: FrameShape, zones: Sequence[str]) -> str:
    if shape.timezone != _EXCHANGE:
        return shape.timezone
    if len(zones) > 1 and shape.time == "bar_start":
        raise InputError(
            f"the symbols are at home in {' and '.join(zones[:3])}, and one index has one zone; name it, such as "
            f"{Option('timezone', 'UTC')}"
        )
    return zones[0] if len(zones) == 1 else "UTC"


def _in_zone(table: pa.Table, zone: str) -> pa.Table:
    import pyarrow as pa

    for name in _INSTANTS:
        if name in table.column_names:
            at = table.column_names.index(name)
            table = table.set_column(at, name, table[name].cast(pa.timestamp("us", zone)))
    return table


def _of_pandas(table: pa.Table, shape: FrameShape) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    for at, field in enumerate(table.schema):
        if pa.types.is_date(field.type):  # to pandas a date is an object, and midnight is what it can count with
            table = table.set_column(at, field.name, table[field.name].cast(pa.timestamp("us")))
    kinds = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame: pd.DataFrame = table.to_pandas(types_mapper=kinds.get)
    if shape.wide is not None:
        wide = frame.pivot(index=shape.time, columns="symbol", values=shape.wide)
        return wide.reindex(columns=pd.Index(shape.symbols, name="symbol", dtype=wide.columns.dtype))
    if not shape.is_one:
        return frame.set_index(["symbol", shape.time])
    return frame.drop(columns=["symbol"] if "symbol" not in (shape.columns or ()) else []).set_index(shape.time)


def _of_polars(table: pa.Table, shape: FrameShape) -> Any:
    pl = polars()
    frame = pl.from_arrow(table)
    if shape.wide is None:
        return frame
    wide = frame.pivot(on="symbol", index=shape.time, values=shape.wide).sort(shape.time)
    missing = [
        pl.lit(None, dtype=frame.schema[shape.wide]).alias(name) for name in shape.symbols if name not in wide.columns
    ]
    return wide.with_columns(missing).select([shape.time, *shape.symbols])
