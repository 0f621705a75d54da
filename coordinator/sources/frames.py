"""Bars in memory: Arrow, pandas, polars, and whatever else speaks Arrow's C stream."""

from __future__ import annotations

import contextlib
import sys
from datetime import date, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from barhouse.coordinator.sources.source import Source
from barhouse.coordinator.sources.wide_frames import row_by_row
from barhouse.store.errors import SourceError

if TYPE_CHECKING:
    import pandas


def open_frame(data: object) -> Source:
    """The rows of a frame as an Arrow table.

    Raises
    ------
    SourceError
        For anything that holds no rows.
    """
    table = _as_arrow(data)
    return Source(name=_name(data), format="arrow", table=table, zones=zones_of(table.schema))


def zones_of(schema: pa.Schema) -> dict[str, str]:
    """The time zone that each column of instants was given in."""
    return {field.name: field.type.tz for field in schema if pa.types.is_timestamp(field.type) and field.type.tz}


def _as_arrow(data: object) -> pa.Table:
    pandas, polars = sys.modules.get("pandas"), sys.modules.get("polars")
    if pandas is not None and isinstance(data, pandas.DataFrame):
        # Vendors' frames carry the stamps in the index.
        frame = given = row_by_row(data)
        # A numbered index (rows left out leave one) says nothing, and a name that is a column says it already.
        levels = [
            level
            for level, name in enumerate(given.index.names)
            if name not in given.columns
            and not (name is None and pandas.api.types.is_integer_dtype(given.index.get_level_values(level)))
        ]
        unnamed = [level for level in levels if given.index.names[level] is None]
        if len(unnamed) > 1:
            raise SourceError(
                f"the index of the pandas frame has {len(unnamed)} levels without a name; name them, such as with "
                f"frame.rename_axis(['symbol', 'timestamp'])"
            )
        if levels:
            names = ["timestamp" if name is None else name for name in given.index.names]
            frame = given.set_axis(given.index.set_names(names)).reset_index(level=levels)
        _check_times(frame)
        try:
            return pa.Table.from_pandas(frame.rename(columns=str), preserve_index=False)
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise SourceError(f"the pandas frame cannot be read as a table: {error}") from error
    if polars is not None and isinstance(data, polars.LazyFrame):
        data = data.collect()
    if isinstance(data, pa.Table):
        return data
    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data])
    if isinstance(data, pa.RecordBatchReader):
        return data.read_all()
    if hasattr(data, "__arrow_c_stream__"):
        with contextlib.suppress(pa.ArrowException, TypeError, ValueError):  # a single column is no table
            return pa.table(data)
    if hasattr(data, "to_table"):  # pyarrow.dataset, not imported for the asking
        return data.to_table()
    raise SourceError(
        f"a {type(data).__name__} holds no bars that can be read; "
        f"give a path, an Arrow table or reader, or a pandas or polars frame"
    )


def _check_times(frame: pandas.DataFrame) -> None:
    """Refuse columns of times that Arrow makes others of: it takes all for what the first of them is.

    Raises
    ------
    SourceError
        For objects of several kinds, and for periods, which it counts.
    """
    for name, values in frame.items():
        if str(values.dtype).startswith("period"):
            raise SourceError(
                f"the column {name} of the pandas frame holds periods; say when they start, with to_timestamp"
            )
        if values.dtype != object:
            continue
        known = values[values.notna()]
        if len(known) and isinstance(known.iloc[0], date):
            kinds = sorted({_kind_of_time(value) for value in known})
            if len(kinds) > 1:
                raise SourceError(
                    f"the column {name} of the pandas frame holds {' and '.join(kinds)}; give all a zone, or none"
                )


def _kind_of_time(value: object) -> str:
    if not isinstance(value, datetime):
        return "dates" if isinstance(value, date) else f"a {type(value).__name__}"
    return "times without a zone" if value.tzinfo is None else "times with a zone"


def _name(data: object) -> str:
    kind = type(data)
    return f"{kind.__module__.split('.')[0]} {kind.__name__}"
