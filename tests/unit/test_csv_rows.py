"""Answers as CSV: read back by Python's own reader, they are what was asked."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from barhouse.store.serving import csv_rows
from barhouse.store.serving.formats import FORMATS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def written(table: pa.Table, rows: int = 1000) -> str:
    sink = io.BytesIO()
    FORMATS["csv"].write(table.schema, iter(table.to_batches(rows)), sink)
    return sink.getvalue().decode()


def drawn(chance: random.Random) -> Iterator[tuple[Any, ...]]:
    while True:
        yield (
            chance.choice(["SPY", "", None, 'a "b", c', "two\nlines", "cr\rhere", "ä€😀"]),
            chance.choice([None, 0, -1, 2**63 - 1, chance.randrange(100)]),
            chance.choice([None, 0.1, -2.5, 1e300, 1e-300, 123456.78, chance.random()]),
            chance.choice([None, True, False]),
            chance.choice([None, date(2024, 2, 29), date(1, 1, 1)]),
            chance.choice([None, EPOCH + timedelta(microseconds=chance.randrange(-6 * 10**16, 10**17))]),
            chance.choice([None, EPOCH + timedelta(minutes=chance.randrange(10**7))]),
            chance.choice([None, Decimal("1.50"), Decimal("-99999.99")]),
            chance.choice([None, [1, None], []]),
            chance.choice([None, 1.5, 1e22]),
        )


KINDS = (
    pa.string(),
    pa.int64(),
    pa.float64(),
    pa.bool_(),
    pa.date32(),
    pa.timestamp("us", "UTC"),
    pa.timestamp("us", "UTC"),
    pa.decimal128(9, 2),
    pa.list_(pa.int64()),
    pa.float64(),
)


def spelled(value: Any) -> str:
    """A value as the guide says that CSV has it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, list):
        return str(value).replace("None", "null")
    return str(value)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_written_is_read_back(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(csv_rows, "_BYTES_AT_ONCE", chance.choice([1, 500, 2**19]))
    rows = [row for row, _ in zip(drawn(chance), range(300), strict=False)]
    columns = [pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), KINDS, strict=True)]
    order = chance.sample(range(len(KINDS)), len(KINDS))
    table = pa.table({f"column {at}": columns[at] for at in order})
    text = written(table, chance.choice([7, 1000]))
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read[0] == table.column_names
    assert len(read) == 301
    for row, found in zip(rows, read[1:], strict=True):
        for at, one in zip(order, found, strict=True):
            if isinstance(row[at], float):
                assert float(one) == row[at]
            else:
                assert one == spelled(row[at])


def test_nothing_and_an_empty_text_stay_apart() -> None:
    assert written(pa.table({"a": [None, "", "x"], "b": [1, None, 3]})) == 'a,b\n,1\n"",\nx,3\n'


def test_a_line_of_a_single_column_is_never_empty() -> None:
    """A reader passes over empty lines, and would lose rows."""
    assert written(pa.table({"a": [1, None, 3]})) == 'a\n1\n""\n3\n'


def test_units_of_instants_and_those_without_a_zone() -> None:
    kinds = {"s": 1, "ms": 1500, "us": 1_500_000, "ns": 1_500_000_001}
    table = pa.table({unit: pa.array([count], pa.timestamp(unit)) for unit, count in kinds.items()})
    whole, *parts = written(table).splitlines()[1].split(",")
    assert whole == "1970-01-01T00:00:01"
    assert parts == [f"1970-01-01T00:00:01.{fraction}" for fraction in ("500", "500000", "500000001")]


def test_what_never_comes_is_spelled_as_duckdb_has_it() -> None:
    endless = [2**63 - 1, -(2**63 - 1), 0]
    days = [2**31 - 1, -(2**31 - 1), 0]
    table = pa.table({"at": pa.array(endless, pa.timestamp("us", "UTC")), "on": pa.array(days, pa.date32())})
    assert written(table).splitlines()[1:] == [
        "infinity,infinity",
        "-infinity,-infinity",
        "1970-01-01T00:00:00Z,1970-01-01",
    ]


def test_no_rows_are_a_header_and_no_columns_an_empty_one() -> None:
    assert written(pa.table({"a,b": pa.array([], pa.float64())})) == '"a,b"\n'
    assert written(pa.table({})) == "\n"
