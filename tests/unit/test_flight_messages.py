"""Messages are read and written as the encoding of protocol buffers and Flight SQL say, byte by byte."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.flight as fl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barhouse.store.serving import flight_messages as messages
from barhouse.store.serving.flight_schemas import schema_of, sql_info
from barhouse.store.serving.protobuf import Message, ProtobufError, bytes_field, varint

# The examples of the encoding's own description: a number 150, a text "testing", a message in a message, a packed list.
NUMBER = bytes.fromhex("089601")
TEXT = bytes.fromhex("120774657374696e67")
INNER = bytes.fromhex("1a03089601")
PACKED = bytes.fromhex("3206038e029ea705")


def test_messages_of_the_specification_are_read() -> None:
    message = Message.read(NUMBER + TEXT + INNER + PACKED)
    assert message.whole_numbers(1) == [150]
    assert message.text(2) == "testing"
    assert Message.read(message.data(3)).whole_numbers(1) == [150]
    assert message.whole_numbers(6) == [3, 270, 86942]


def test_messages_of_the_specification_are_written() -> None:
    assert b"\x08" + varint(150) == NUMBER
    assert bytes_field(2, b"testing") == TEXT
    assert bytes_field(3, NUMBER) == INNER
    assert bytes_field(6, varint(3) + varint(270) + varint(86942)) == PACKED


def test_what_is_not_there_is_the_zero_of_its_type() -> None:
    message = Message.read(b"")
    assert (message.text(1), message.data(1), message.texts(1), message.whole_numbers(1)) == ("", b"", [], [])
    assert not message.flag(1)
    assert message.text_if_there(1) is None
    assert Message.read(b"\x0a\x00").text_if_there(1) == ""


def test_the_last_of_several_counts_and_all_are_listed() -> None:
    message = Message.read(b"\x0a\x01a\x0a\x01b\x10\x01\x10\x00")
    assert (message.text(1), message.texts(1), message.flag(2)) == ("b", ["a", "b"], False)


def test_fields_of_other_kinds_are_passed_over() -> None:
    assert Message.read(b"\x09" + b"x" * 8 + b"\x15" + b"y" * 4 + NUMBER).whole_numbers(1) == [150]


@pytest.mark.parametrize(
    "data",
    [
        *(b"\x08", b"\x08\x80", b"\x0a\x05ab", b"\x09abc", b"\x0b", b"\x0a\xff\xff\xff\xff\x0f"),
        b"\x08" + b"\xff" * 11,
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ProtobufError):
        Message.read(data)


def test_a_text_that_is_none_is_refused() -> None:
    with pytest.raises(ProtobufError, match="no UTF-8"):
        Message.read(b"\x0a\x01\xff").text(1)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_refused(data: bytes) -> None:
    try:
        message = Message.read(data)
    except ProtobufError:
        return
    assert all(0 <= value < 2**64 for values in message.numbers.values() for value in values)


@given(st.lists(st.tuples(st.integers(1, 5000), st.binary(min_size=1, max_size=300)), max_size=8))
def test_what_is_written_is_read(fields: list[tuple[int, bytes]]) -> None:
    message = Message.read(b"".join(bytes_field(number, value) for number, value in fields))
    for number in {number for number, _ in fields}:
        assert message.pieces[number] == [value for one, value in fields if one == number]


# Flight SQL


def test_a_command_is_unwrapped() -> None:
    # What a client sends for SELECT 1: Any(type_url, CommandStatementQuery(query)).
    name = b"type.googleapis.com/arrow.flight.protocol.sql.CommandStatementQuery"
    data = b"\x0a" + bytes([len(name)]) + name + b"\x12\x0a\x0a\x08SELECT 1"
    found, message = messages.unwrapped(data)
    assert (found, message.text(1)) == ("CommandStatementQuery", "SELECT 1")
    assert messages.wrapped("CommandStatementQuery", b"\x0a\x08SELECT 1") == data
    assert messages.unwrapped(b"\x0a\x05other\x12\x00")[0] == ""


def test_a_flights_info_is_what_arrow_reads() -> None:
    schema = pa.schema([pa.field("a", pa.int64(), nullable=False)])
    info = fl.FlightInfo.deserialize(messages.flight_info(schema.serialize().to_pybytes(), b"asked", b"ticket"))
    assert info.schema == schema
    assert info.descriptor == fl.FlightDescriptor.for_command(b"asked")
    assert [(one.ticket.ticket, list(one.locations)) for one in info.endpoints] == [(b"ticket", [])]
    assert (info.total_records, info.total_bytes) == (-1, -1)


def test_a_statements_ticket_and_its_preparation_are_wrapped() -> None:
    assert messages.unwrapped(messages.statement_ticket(b"h"))[1].data(1) == b"h"
    name, message = messages.unwrapped(messages.prepared_result(b"h", b"dataset", b"parameters"))
    assert name == "ActionCreatePreparedStatementResult"
    assert [message.data(number) for number in (1, 2, 3)] == [b"h", b"dataset", b"parameters"]


#: As the specification of Flight SQL has them.
SCHEMAS = {
    "catalogs": "catalog_name: string not null",
    "db_schemas": "catalog_name: string\ndb_schema_name: string not null",
    "tables": "catalog_name: string\ndb_schema_name: string\ntable_name: string not null\ntable_type: string not null",
    "tables_with_schemas": "catalog_name: string\ndb_schema_name: string\ntable_name: string not null\n"
    "table_type: string not null\ntable_schema: binary not null",
    "table_types": "table_type: string not null",
    "primary_keys": "catalog_name: string\ndb_schema_name: string\ntable_name: string not null\n"
    "column_name: string not null\nkey_sequence: int32 not null\nkey_name: string",
    "foreign_keys": "pk_catalog_name: string\npk_db_schema_name: string\npk_table_name: string not null\n"
    "pk_column_name: string not null\nfk_catalog_name: string\nfk_db_schema_name: string\n"
    "fk_table_name: string not null\nfk_column_name: string not null\nkey_sequence: int32 not null\n"
    "fk_key_name: string\npk_key_name: string\nupdate_rule: uint8 not null\ndelete_rule: uint8 not null",
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_that_of_the_specification(name: str) -> None:
    assert str(schema_of(name)) == SCHEMAS[name]


def test_what_is_said_of_the_server_is_a_union_of_six() -> None:
    (number, value) = schema_of("sql_info")
    assert (number.name, number.type, number.nullable, value.name, value.nullable) == (
        *("info_name", pa.uint32(), False),
        *("value", False),
    )
    assert [str(value.type.field(place)) for place in range(6)] == [
        "pyarrow.Field<string_value: string not null>",
        "pyarrow.Field<bool_value: bool not null>",
        "pyarrow.Field<bigint_value: int64 not null>",
        "pyarrow.Field<int32_bitmask: int32 not null>",
        "pyarrow.Field<string_list: list<item: string> not null>",
        "pyarrow.Field<int32_to_int32_list_map: map<int32, list<item: int32>> not null>",
    ]


def test_what_is_asked_of_the_server_is_said_and_nothing_else() -> None:
    table = sql_info([8, 0, 3, 9999, 504], "1.2")
    table.validate(full=True)
    assert table.to_pydict() == {"info_name": [0, 3, 8, 504], "value": ["Barhouse", True, 0, '"']}
    everything = sql_info([], "1.2")
    everything.validate(full=True)
    assert {0, 1, 2, 3, 4, 5, 8, 9, 500, 532} <= set(everything["info_name"].to_pylist())
    assert sql_info([9999], "1.2").num_rows == 0
