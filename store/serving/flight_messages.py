"""The messages of Flight SQL, read from the bytes that clients send, and written as those that they get.

Each comes wrapped in a message that names it (``google.protobuf.Any``): its name is field 1, what it holds field 2.
"""

from __future__ import annotations

from barhouse.store.serving.protobuf import Message, bytes_field

_NAMES = "type.googleapis.com/arrow.flight.protocol.sql."
#: Where a ``FlightDescriptor`` says that it holds a command.
_COMMAND_KIND = b"\x08\x02"
#: ``total_records`` and ``total_bytes`` of a ``FlightInfo``, both -1: not known.
_NOT_COUNTED = b"\x20" + b"\xff" * 9 + b"\x01" + b"\x28" + b"\xff" * 9 + b"\x01"


def wrapped(name: str, content: bytes) -> bytes:
    """A message with its name, such as ``TicketStatementQuery``."""
    return bytes_field(1, (_NAMES + name).encode()) + bytes_field(2, content)


def unwrapped(data: bytes) -> tuple[str, Message]:
    """The name of a message of Flight SQL, and its fields; the name is empty where it is none.

    Raises
    ------
    ProtobufError
        When it cannot be read.
    """
    outer = Message.read(data)
    said = outer.text(1)
    return (said.removeprefix(_NAMES) if said.startswith(_NAMES) else ""), Message.read(outer.data(2))


def statement_ticket(handle: bytes) -> bytes:
    """What a client comes back with for the rows of a statement."""
    return wrapped("TicketStatementQuery", bytes_field(1, handle))


def prepared_result(handle: bytes, dataset_schema: bytes, parameter_schema: bytes) -> bytes:
    """What a client gets that prepares a statement; schemas are as Arrow writes them, empty where not known."""
    fields = bytes_field(1, handle) + bytes_field(2, dataset_schema) + bytes_field(3, parameter_schema)
    return wrapped("ActionCreatePreparedStatementResult", fields)


def flight_info(schema: bytes, command: bytes, ticket: bytes) -> bytes:
    """A ``FlightInfo`` with one endpoint, this server; the schema is empty where it is not known.

    pyarrow makes none without a schema before its version 20, so it is written here.
    """
    descriptor = _COMMAND_KIND + bytes_field(2, command)
    endpoint = bytes_field(1, bytes_field(1, ticket))
    return bytes_field(1, schema) + bytes_field(2, descriptor) + bytes_field(3, endpoint) + _NOT_COUNTED
