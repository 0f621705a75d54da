"""The values of a statement's parameters on their way to a worker: a row of Arrow as text, so each keeps its type."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from barhouse.store.errors import InputError
from barhouse.store.model.words import counted

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


def packed(row: pa.RecordBatch) -> str:
    """A row as text."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, row.schema) as writer:
        writer.write_batch(row)
    return base64.b64encode(sink.getvalue()).decode("ascii")


def parameters_of(given: Mapping[str, Any], cursor: duckdb.DuckDBPyConnection) -> Any:
    """The parameters that a question gives for its statement: as they are, or the row that is ``bound``.

    Raises
    ------
    InputError
        When the row has not the columns that the statement has parameters.
    """
    if "bound" not in given:
        return given.get("parameters")
    import pyarrow as pa

    try:
        table = pa.ipc.open_stream(base64.b64decode(given["bound"], validate=True)).read_all()
        values = [column[0].as_py() for column in table.columns]
    except (ValueError, OSError, IndexError) as error:
        raise InputError("what is bound to the statement is no row of values; bind one") from error
    wanted = names_of(cursor.extract_statements(given["sql"])[0])
    if all(name.isdigit() for name in wanted):
        if len(values) != len(wanted):
            raise InputError(f"the statement has {counted(len(wanted), 'parameter')}, and {len(values)} are given")
        return values
    named = dict(zip(table.column_names, values, strict=True))
    if named.keys() != set(wanted):
        raise InputError(
            f"the statement has the parameters {', '.join(wanted)}; given are {', '.join(named) or 'none'}"
        )
    return named


def names_of(statement: duckdb.Statement) -> list[str]:
    """The names of a statement's parameters; those of ``?`` are ``1``, ``2`` and so on."""
    return sorted(statement.named_parameters, key=lambda name: (len(name), name) if name.isdigit() else (0, name))
