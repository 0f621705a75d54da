"""The same snapshot by Arrow Flight SQL: for drivers of ADBC, JDBC and ODBC, over the same workers.

Calls come in threads of Flight; the workers are asked in the event loop (``taken_answer``). A ticket holds all that is
asked, so the server keeps nothing of a query between the call that describes it and the one that takes its rows; it
is looked at as if it came anew. Statements that are prepared are kept, since they are referred to by a handle.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from importlib.metadata import version
from threading import Thread
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.flight as fl

from barhouse.store.errors import InputError
from barhouse.store.hints import Option
from barhouse.store.serving import flight_messages as messages
from barhouse.store.serving import flight_schemas as schemas
from barhouse.store.serving.flight_connections import end_connections
from barhouse.store.serving.flight_failure import flight_error, refusals_told
from barhouse.store.serving.flight_gate import FlightGate
from barhouse.store.serving.parameters import packed
from barhouse.store.serving.prepared_statements import PreparedStatement, PreparedStatements
from barhouse.store.serving.protobuf import Message
from barhouse.store.serving.refusal import RefusalError

if TYPE_CHECKING:
    from barhouse.store.serving.asker import Asker
    from barhouse.store.serving.doorkeeper import Doorkeeper
    from barhouse.store.serving.exposure import Exposure
    from barhouse.store.serving.taken_answer import AnswerSource, TakenAnswer

#: Statements, and values of parameters, are no longer.
_BYTES_MAX = 2**20
#: Clients in Go take messages of 16 MiB at most, unless they are told otherwise.
_BATCH_BYTES = 4 * 2**20
#: So long calls may take to end when the server does.
_CLOSE_SECONDS = 1.0
_GATE = "gate"
_ACTIONS = {
    "CreatePreparedStatement": "Prepare a statement, whose parameters are bound later.",
    "ClosePreparedStatement": "Forget a prepared statement.",
}
#: Commands that change something.
_WRITES = frozenset({"CommandStatementUpdate", "CommandPreparedStatementUpdate", "CommandStatementIngest"})
#: Commands that tell of what there is not.
_EMPTY = {
    "CommandGetPrimaryKeys": "primary_keys",
    "CommandGetImportedKeys": "foreign_keys",
    "CommandGetExportedKeys": "foreign_keys",
    "CommandGetCrossReference": "foreign_keys",
}


class FlightServer(fl.FlightServerBase):
    """Answers calls of Flight SQL."""

    def __init__(
        self, address: tuple[str, int], source: AnswerSource, doorkeeper: Doorkeeper, exposure: Exposure
    ) -> None:
        """Listen at an address.

        Raises
        ------
        InputError
            When it cannot be had.
        """
        host, port = address
        self._host = f"[{host}]" if ":" in host else host
        self._source = source
        self._prepared = PreparedStatements()
        self._is_closing = False
        certificates = None
        if exposure.tls_cert is not None and exposure.tls_key is not None:
            certificates = [(exposure.tls_cert.read_bytes(), exposure.tls_key.read_bytes())]
        self._scheme = "grpc" if certificates is None else "grpc+tls"
        try:
            super().__init__(
                f"{self._scheme}://{self._host}:{port}",
                tls_certificates=certificates,
                middleware={_GATE: FlightGate(doorkeeper, source.loop)},
            )
        except (pa.ArrowException, OSError) as error:
            raise InputError(
                f"{Option('flight', f'{self._host}:{port}')} cannot be had; give another address, or port 0 for any "
                f"that is free"
            ) from error

    @property
    def address(self) -> str:
        """Where clients find it."""
        return f"{self._scheme}://{self._host}:{self.port}"

    async def close(self) -> None:
        """Take no more calls, and end those under way."""
        self._is_closing = True
        await self._source.end()
        ended, loop = asyncio.Event(), asyncio.get_running_loop()

        def end() -> None:
            self.shutdown()
            loop.call_soon_threadsafe(ended.set)

        Thread(target=end, name="barhouse-flight-end", daemon=True).start()
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await ended.wait()
        except TimeoutError:
            end_connections(self.port)
            await ended.wait()

    # What Flight calls.

    @refusals_told
    def get_flight_info(self, context: fl.ServerCallContext, descriptor: fl.FlightDescriptor) -> fl.FlightInfo:
        """Tell what an answer looks like, and the ticket that gets it."""
        name, message = messages.unwrapped(_command_of(descriptor))
        schema, ticket = self._described(context, name, message, descriptor.command)
        return fl.FlightInfo.deserialize(messages.flight_info(schema, descriptor.command, ticket))

    @refusals_told
    def get_schema(self, context: fl.ServerCallContext, descriptor: fl.FlightDescriptor) -> fl.SchemaResult:
        """Tell what an answer looks like."""
        name, message = messages.unwrapped(_command_of(descriptor))
        schema, _ = self._described(context, name, message, descriptor.command)
        if not schema:
            raise RefusalError("input", "what the answer looks like hangs on the parameters; ask for it")
        return fl.SchemaResult(pa.ipc.read_schema(pa.py_buffer(schema)))

    @refusals_told
    def do_get(self, context: fl.ServerCallContext, ticket: fl.Ticket) -> fl.FlightDataStream:
        """Send the answer that a ticket gets."""
        name, message = messages.unwrapped(ticket.ticket)
        if name == "TicketStatementQuery":
            return self._streamed(context, "sql", _given_in(message.data(1)))
        if name in _CATALOG:
            read, given_in = _CATALOG[name]
            return self._streamed(context, read, given_in(message))
        table = _table_of(name, message)
        if table is None:
            raise RefusalError("input", "this is no ticket of this server; ask for the flight's info first")
        return fl.RecordBatchStream(table)

    @refusals_told
    def do_put(
        self,
        context: fl.ServerCallContext,
        descriptor: fl.FlightDescriptor,
        reader: fl.MetadataRecordBatchReader,
        writer: fl.FlightMetadataWriter,
    ) -> None:
        """Bind a row of values to a prepared statement."""
        name, message = messages.unwrapped(_command_of(descriptor))
        if name in _WRITES:
            raise RefusalError("input", "what is served is only read; a store is changed by its writer, not here")
        if name != "CommandPreparedStatementQuery":
            raise RefusalError("lacking", f"nothing is put here by {name or 'this command'}; only parameters are")
        statement = self._prepared.get(message.data(1), self._asker(context).name)
        statement.bound = packed(_only_row(reader))

    @refusals_told
    def do_action(self, context: fl.ServerCallContext, action: fl.Action) -> list[fl.Result]:
        """Prepare a statement, or forget it."""
        if action.type not in _ACTIONS:
            raise RefusalError(
                "lacking", f"there is no action {action.type[:80]} here; there are {', '.join(_ACTIONS)}"
            )
        _, message = messages.unwrapped(action.body.to_pybytes())
        if action.type == "ClosePreparedStatement":
            self._prepared.remove(message.data(1), self._asker(context).name)
            return []
        text = message.text(1)
        schema, names = self._shape_of(context, text)
        statement = PreparedStatement(self._asker(context).name, text, tuple(names), b"" if names else schema)
        handle = self._prepared.add(statement)
        # Texts are understood as whatever a parameter's place needs.
        taken = pa.schema([pa.field(name, pa.string()) for name in names]).serialize().to_pybytes()
        return [fl.Result(pa.py_buffer(messages.prepared_result(handle, schema, taken)))]

    def list_actions(self, context: fl.ServerCallContext) -> list[tuple[str, str]]:
        """Tell which actions there are."""
        return list(_ACTIONS.items())

    # What is behind it.

    def _asker(self, context: fl.ServerCallContext) -> Asker:
        asker: Asker = context.get_middleware(_GATE).asker
        return asker

    def _take(
        self, context: fl.ServerCallContext, read: str, given: dict[str, Any], *, is_noted: bool = True
    ) -> TakenAnswer:
        def has_left() -> bool:
            return self._is_closing or context.is_cancelled()

        return self._source.take(self._asker(context), read, given, has_left, is_noted=is_noted)

    def _described(
        self, context: fl.ServerCallContext, name: str, message: Message, command: bytes
    ) -> tuple[bytes, bytes]:
        """What a command's answer looks like, as Arrow writes it, empty if not known; and the ticket that gets it."""
        if name == "CommandStatementQuery":
            schema, parameters = self._shape_of(context, message.text(1))
            _refuse_unbound(parameters)
            return schema, _ticket_for({"sql": message.text(1)})
        if name == "CommandPreparedStatementQuery":
            statement = self._prepared.get(message.data(1), self._asker(context).name)
            if statement.bound is None:
                _refuse_unbound(statement.parameters)
                return statement.schema, _ticket_for({"sql": statement.text})
            return statement.schema, _ticket_for({"sql": statement.text, "bound": statement.bound})
        table = _schema_name_of(name, message)
        if table is None:
            raise RefusalError(
                "lacking", f"there is no {name or 'such command'} here; SQL and what lists tables is there"
            )
        return schemas.schema_of(table).serialize().to_pybytes(), command

    def _shape_of(self, context: fl.ServerCallContext, text: str) -> tuple[bytes, list[str]]:
        """What the answer to a statement looks like, empty if not known; and the names of its parameters."""
        if len(text) > _BYTES_MAX:
            raise RefusalError("input", f"the statement has more than {_BYTES_MAX:,} characters; shorten it")
        with closing(self._take(context, "sql", {"sql": text, "described": True}, is_noted=False)) as answer:
            (row,) = pa.ipc.open_stream(pa.PythonFile(answer, mode="r")).read_all().to_pylist()
            answer.read()
        return row["schema"] or b"", row["parameters"]

    def _streamed(self, context: fl.ServerCallContext, read: str, given: dict[str, Any]) -> fl.GeneratorStream:
        answer = self._take(context, read, given)
        try:
            reader = pa.ipc.open_stream(pa.PythonFile(answer, mode="r"))
        except BaseException:
            answer.close()
            raise
        return fl.GeneratorStream(reader.schema, _batches(reader, answer))


def _batches(reader: pa.RecordBatchReader, answer: TakenAnswer) -> Iterator[pa.RecordBatch]:
    """The batches of an answer, in messages that clients take; when they are not wanted any more it is given up."""
    with closing(answer):
        while True:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                break
            except RefusalError as refusal:
                raise flight_error(refusal) from None
            yield from _small(batch)
        _read_to_the_end(answer)


def _read_to_the_end(answer: TakenAnswer) -> None:
    """Read what comes after the last batch: that all is well, or that it is not."""
    try:
        answer.read()
    except RefusalError as refusal:
        raise flight_error(refusal) from None


def _small(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    if batch.nbytes <= _BATCH_BYTES or batch.num_rows < 2:
        yield batch
        return
    middle = batch.num_rows // 2
    yield from _small(batch.slice(0, middle))
    yield from _small(batch.slice(middle))


def _command_of(descriptor: fl.FlightDescriptor) -> bytes:
    if descriptor.descriptor_type != fl.DescriptorType.CMD:
        raise RefusalError("input", "there are no flights by path here; ask with a command of Flight SQL")
    command: bytes = descriptor.command
    return command


def _ticket_for(given: dict[str, Any]) -> bytes:
    return messages.statement_ticket(json.dumps(given).encode())


def _given_in(handle: bytes) -> dict[str, Any]:
    """What a ticket asks; it may have been written by anybody, and can ask no more than a statement can."""
    with suppress(ValueError, LookupError, AttributeError, RecursionError):
        given = json.loads(handle)
        if given.keys() <= {"sql", "bound"} and all(isinstance(value, str) for value in given.values()):
            return {"sql": given["sql"], **given}
    raise RefusalError("input", "this is no ticket of this server; ask for the flight's info first")


def _refuse_unbound(parameters: tuple[str, ...] | list[str]) -> None:
    if parameters:
        raise RefusalError(
            "input",
            f"the statement has parameters ({', '.join(parameters)}), and no values; prepare it, and bind a row",
        )


def _only_row(reader: fl.MetadataRecordBatchReader) -> pa.RecordBatch:
    rows, size = [], 0
    for chunk in reader:
        if chunk.data is not None and chunk.data.num_rows:
            size += chunk.data.nbytes
            rows.append(chunk.data)
        if size > _BYTES_MAX or sum(one.num_rows for one in rows) > 1:
            raise RefusalError(
                "input", f"a statement is asked with one row of values, of {_BYTES_MAX:,} bytes at most; bind one row"
            )
    if not rows:
        raise RefusalError("input", "no row of values was sent; bind one")
    return rows[0]


def _tables_asked(message: Message) -> dict[str, Any]:
    table, types = message.text_if_there(3), message.texts(4)
    asked = {**_schemas_asked(message), "table": table, "types": types or None, "with_schemas": message.flag(5) or None}
    return {name: value for name, value in asked.items() if value is not None}


def _schemas_asked(message: Message) -> dict[str, Any]:
    asked = {"catalog": message.text_if_there(1), "schema": message.text_if_there(2)}
    return {name: value for name, value in asked.items() if value is not None}


#: Commands that a worker answers: by which read, and what that is given.
_CATALOG: dict[str, tuple[str, Callable[[Message], dict[str, Any]]]] = {
    "CommandGetCatalogs": ("catalogs", lambda message: {}),
    "CommandGetDbSchemas": ("db_schemas", _schemas_asked),
    "CommandGetTables": ("tables", _tables_asked),
}


def _schema_name_of(name: str, message: Message) -> str | None:
    """Which table of ``flight_schemas`` a command gets; None where there is no such command."""
    if name == "CommandGetTables":
        return "tables_with_schemas" if message.flag(5) else "tables"
    if name in _CATALOG:
        return _CATALOG[name][0]
    known = {"CommandGetSqlInfo": "sql_info", "CommandGetTableTypes": "table_types", **_EMPTY}
    return known.get(name)


def _table_of(name: str, message: Message) -> pa.Table | None:
    """What a command gets that needs no worker; None where there is no such command."""
    if name == "CommandGetSqlInfo":
        return schemas.sql_info(message.whole_numbers(1), version("barhouse"))
    if name == "CommandGetTableTypes":
        return schemas.table_types()
    return schemas.empty(_EMPTY[name]) if name in _EMPTY else None
