"""What the columns of files hold, where files have types: of files that are read as one, a column is of one kind.

DuckDB reads a column of several types as one that all of them can be turned into: times without a zone become instants
of UTC, dates become midnights, and whole numbers beside floats of 32 bits lose their last digits.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

NUMBERS, SHORT_FLOATS = "numbers", "floats of 32 bits"


def kinds_in(schema: pa.Schema) -> Mapping[str, str]:
    """What each column holds, in words; columns without any value are left out."""
    return {field.name: kind for field in schema if (kind := _kind(field.type)) is not None}


def _kind(of: pa.DataType) -> str | None:
    kinds = pa.types
    if kinds.is_dictionary(of):
        return _kind(of.value_type)
    if kinds.is_null(of):
        return None
    if kinds.is_timestamp(of):
        return "times without a zone" if of.tz is None else "instants"
    if kinds.is_date(of):
        return "dates"
    if kinds.is_float32(of) or kinds.is_float16(of):
        return SHORT_FLOATS
    if kinds.is_integer(of) or kinds.is_floating(of) or kinds.is_decimal(of):
        return NUMBERS
    if kinds.is_string(of) or kinds.is_large_string(of):
        return "texts"
    return str(of)
