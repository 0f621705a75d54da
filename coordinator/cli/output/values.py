"""How single values are spelled: in JSON, in CSV, and for people."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


def plain(value: Any) -> Any:
    """Give a value as JSON has it; what is no number there (NaN, infinity) becomes null."""
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int) else text(value)


def text(value: Any) -> str:
    """Give a value that is no number as text."""
    if isinstance(value, datetime | date | time):
        return iso(value)
    return value.hex() if isinstance(value, bytes) else str(value)


def iso(value: datetime | date | time) -> str:
    """Spell a date or time as ISO 8601, instants in UTC."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat()


def csv_text(value: Any) -> str | None:
    """Give a value of a type that CSV has none for."""
    given = plain(value)
    return given if given is None or isinstance(given, str) else json.dumps(given, ensure_ascii=False)


def readable(value: Any) -> str:
    """Spell a value for people; nothing for null."""
    if isinstance(value, float):
        short = f"{value:.12g}"
        return repr(value) if "e+" in short else short
    given = str(value) if isinstance(value, Decimal) else plain(value)
    if given is None:
        return ""
    return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)


def readable_instants(values: Sequence[datetime | None]) -> list[str | None]:
    """Spell the instants of a column for people: with seconds where one of them is not on a whole minute."""
    whole_minutes = not any(value is not None and (value.second or value.microsecond) for value in values)
    form = f"%Y-%m-%d %H:%M{'' if whole_minutes else ':%S'}Z"
    return [None if value is None else value.astimezone(UTC).strftime(form) for value in values]


def spelled_out(batch: pa.RecordBatch, *, readable: bool = False) -> pa.RecordBatch:
    """Spell the instants of a batch, as ISO 8601 or more readable; pyarrow would ask pandas for them."""
    import pyarrow as pa

    columns = [
        _spelled_column(column, readable=readable) if pa.types.is_timestamp(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _spelled_column(column: pa.Array, *, readable: bool) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    zone = "" if column.type.tz is None else "Z"
    local = column.cast(pa.timestamp(column.type.unit))
    with suppress(pa.ArrowInvalid):  # not all on whole seconds
        local = local.cast(pa.timestamp("s"))
    if not readable:
        texts = pc.strftime(local, format=f"%Y-%m-%dT%H:%M:%S{zone}")
        # A value's spelling does not hang on those it comes with: no fraction where it is zero.
        return pc.replace_substring_regex(texts, r"\.0+(Z?)$", r"\1") if local.type.unit != "s" else texts
    whole_minutes = local.type.unit == "s" and not pc.max(pc.second(local)).as_py()
    return pc.strftime(local, format=f"%Y-%m-%d %H:%M{'' if whole_minutes else ':%S'}{zone}")
