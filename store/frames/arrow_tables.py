"""Data frames of others as Arrow tables, for a query that names them."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from barhouse.store.errors import InputError
from barhouse.store.hints import Option

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


def as_tables(given: Mapping[str, object]) -> dict[str, pa.Table]:
    """Frames by the names that a query has for them, as tables.

    Raises
    ------
    InputError
        For a name that is none for a table, two that differ in case alone, and what is no frame.
    """
    if not isinstance(given, Mapping):
        raise InputError(
            f"{Option('frames')} takes a dictionary of frames by their names, not {type(given).__name__}; give "
            "each by a name of its own"
        )
    found: dict[str, pa.Table] = {}
    for name, frame in given.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InputError(
                f"{name!r} in {Option('frames')} is no name for a table; give letters, digits and underscores, such as "
                f"'holdings'"
            )
        if name.lower() in found:
            raise InputError(f"{name!r} in {Option('frames')} is there twice, for case does not count; rename one")
        found[name.lower()] = _as_table(frame, name)
    return found


def _as_table(frame: object, name: str) -> pa.Table:
    import pyarrow as pa

    pandas, polars = sys.modules.get("pandas"), sys.modules.get("polars")
    try:
        if pandas is not None and isinstance(frame, pandas.DataFrame):
            return pa.Table.from_pandas(_with_index(frame), preserve_index=False)
        if polars is not None and isinstance(frame, polars.LazyFrame):
            frame = frame.collect()
        if isinstance(frame, pa.Table):
            return frame
        if hasattr(frame, "__arrow_c_stream__"):
            return pa.table(frame)
        if isinstance(frame, pa.RecordBatch):
            return pa.Table.from_batches([frame])
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise InputError(f"{name!r} in {Option('frames')} cannot be read as a table: {error}") from error
    raise InputError(
        f"{name!r} in {Option('frames')} is no frame but {type(frame).__name__}; give a frame of pandas or polars, or "
        f"an Arrow table"
    )


def _with_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Make columns of the levels of an index that have names; one that only numbers rows says nothing."""
    named = [name for name in frame.index.names if name is not None and name not in frame.columns]
    return frame.reset_index(level=named).rename(columns=str) if named else frame.rename(columns=str)
