"""A served snapshot answers by Flight SQL what the store itself answers, to the driver that people use."""

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.flight as fl
import pytest
from adbc_driver_flightsql import DatabaseOptions, dbapi
from click.testing import CliRunner
from serve_kit import OPEN, Server, beside, make_store, minutes, publish, served, wait_until

from barhouse import SessionCoordinator, SessionStore, open_store
from barhouse.coordinator.cli.main import ExitCode, cli
from barhouse.store.serving import flight_messages as messages
from barhouse.store.serving.protobuf import bytes_field, varint
from barhouse.store.serving.tokens import add_token, remove_token

ROOT = Path(__file__).parents[2]
FLIGHT = ("--flight", "127.0.0.1:0")
BARS = "SELECT * FROM bars WHERE interval = '1m' ORDER BY symbol, bar_start"


@pytest.fixture(scope="module")
def store_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("flight") / "store.duckdb"
    make_store(path)
    return path


@pytest.fixture(scope="module")
def published(store_file: Path) -> Path:
    path = store_file.parent / "bars.duckdb"
    publish(store_file, path)
    return path


@pytest.fixture(scope="module")
def server(published: Path) -> Iterator[Server]:
    with served(published, *FLIGHT, folder=published.parent) as running:
        yield running


@pytest.fixture(scope="module")
def store(store_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SessionStore]:
    with beside(store_file, tmp_path_factory.mktemp("asked")) as opened:
        yield opened


@contextmanager
def connected(server: Server, token: str | None = None, **options: str) -> Iterator[dbapi.Connection]:
    if token is not None:
        options[DatabaseOptions.AUTHORIZATION_HEADER.value] = f"Bearer {token}"
    with dbapi.connect(server.flight, db_kwargs=options, autocommit=True) as connection:
        yield connection


@pytest.fixture
def connection(server: Server) -> Iterator[dbapi.Connection]:
    with connected(server) as opened:
        yield opened


def asked(connection: dbapi.Connection, query: str, parameters: Any = None) -> pa.Table:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetch_arrow_table()


def refused(connection: dbapi.Connection, query: str, parameters: Any = None) -> str:
    """What a query is refused with: words, and nothing of the code that says them."""
    with pytest.raises(dbapi.Error) as caught:
        asked(connection, query, parameters)
    said = str(caught.value)
    assert "Traceback" not in said and ".py" not in said
    return said


# Queries


def test_a_query_is_answered_as_the_store_answers_it(connection: dbapi.Connection, store: SessionStore) -> None:
    assert asked(connection, BARS) == store.sql(BARS)
    assert asked(connection, "FROM gaps ORDER BY ALL") == store.sql("FROM gaps ORDER BY ALL")
    assert asked(connection, "SELECT * FROM bars WHERE false") == store.sql("SELECT * FROM bars WHERE false")
    assert asked(connection, "DESCRIBE bars").num_rows == len(store.sql("SELECT * FROM bars LIMIT 0").schema)


@pytest.mark.parametrize(
    "value",
    [
        *("SPY", "'; DROP VIEW bars --", "", "ä\N{SNOWMAN}", 7, -(2**60), 0.1, True, b"\x00\xff", None),
        *(date(2024, 11, 29), datetime(2024, 11, 29, 14, 30, tzinfo=UTC), Decimal("1.250")),
        *(datetime(2024, 11, 29, 14, 30), time(14, 30)),
    ],
    ids=repr,
)
def test_a_value_of_any_type_is_a_parameter(connection: dbapi.Connection, value: object) -> None:
    assert asked(connection, "SELECT ? AS a, 1 AS b", [value]).to_pylist() == [{"a": value, "b": 1}]


def test_parameters_narrow_a_query(connection: dbapi.Connection, store: SessionStore) -> None:
    query = "SELECT * FROM bars WHERE symbol = ? AND interval = ? AND bar_start >= ? ORDER BY bar_start"
    start = OPEN + timedelta(minutes=80)
    assert asked(connection, query, ["QQQ", "1m", start]) == store.sql(query, ["QQQ", "1m", start])
    # A text is understood as what its place needs, as for those who have nothing but texts.
    assert asked(connection, query, ["QQQ", "1m", start.isoformat()]).num_rows == 10


def test_a_prepared_statement_is_asked_again_with_other_values(connection: dbapi.Connection) -> None:
    query = "SELECT count(*) AS n FROM bars WHERE symbol = ? AND interval = '1m'"
    with connection.cursor() as cursor:
        counts = []
        for symbol in ("SPY", "BTC-USD", "SPY", "none"):
            cursor.execute(query, [symbol])
            counts.append(cursor.fetchone()[0])
    assert counts == [90, 3000, 90, 0]


def test_named_parameters_are_a_row_with_names(connection: dbapi.Connection) -> None:
    row = pa.record_batch({"symbol": ["SPY"], "interval": ["1d"]})
    table = asked(connection, "SELECT $interval AS i, count(*) AS n FROM bars WHERE symbol = $symbol GROUP BY 1", row)
    assert table.to_pylist() == [{"i": "1d", "n": 109}]
    said = refused(connection, "SELECT $a AS a", pa.record_batch({"b": [1]}))
    assert "the statement has the parameters a; given are b" in said


def test_parameters_that_do_not_fit_are_refused(connection: dbapi.Connection) -> None:
    assert "the statement has 2 parameters, and 1 are given" in refused(connection, "SELECT ?, ?", [1])
    assert "the statement has 0 parameters, and 1 are given" in refused(connection, "SELECT 1", [1])
    assert "bind one row" in refused(connection, "SELECT ?", pa.record_batch({"a": [1, 2]}))
    assert "bind one row" in refused(connection, "SELECT length(?)", ["x" * 2_000_000])
    assert "has parameters (1), and no values" in refused(connection, "SELECT ?")


def test_columns_of_one_name_stay_apart(connection: dbapi.Connection) -> None:
    table = asked(connection, "SELECT 1 AS a, 2 AS a, 'x' AS b")
    assert [column[0].as_py() for column in table.columns] == [1, 2, "x"]


def test_a_million_rows_are_those_of_the_store(connection: dbapi.Connection, store: SessionStore) -> None:
    query = """
        SELECT i, i * 0.5 AS half, 'S' || (i % 100) AS name, i % 7 = 0 AS seventh, nullif(i % 5, 0) AS fifth,
               TIMESTAMPTZ '2024-01-01 00:00:00+00' + to_seconds(i) AS at, DATE '2024-01-01' + (i % 366)::INT AS day
        FROM range(1000000) AS r(i)
    """
    table = asked(connection, query)
    assert table.num_rows == 1_000_000
    assert table.combine_chunks() == store.sql(query).combine_chunks()


def test_large_rows_come_in_messages_that_clients_take(connection: dbapi.Connection) -> None:
    table = asked(connection, "SELECT i, repeat('x', 1000) AS text FROM range(40000) AS r(i)")  # 40 MB in one batch
    assert table["i"].to_pylist() == list(range(40000))
    assert set(table["text"].to_pylist()) == {"x" * 1000}


def test_the_shape_of_an_answer_is_told_before_it(connection: dbapi.Connection, store: SessionStore) -> None:
    with connection.cursor() as cursor:
        assert cursor.adbc_execute_schema(BARS) == store.sql(BARS).schema
        assert cursor.adbc_execute_schema("SELECT length(symbol) AS n FROM bars").names == ["n"]
        assert cursor.adbc_prepare("SELECT ? AS a, $2 AS b") == pa.schema({"1": pa.string(), "2": pa.string()})


# Errors


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT close FROM bras", 'Did you mean "bars"?'),
        ("SELECT error('as told')", "as told"),
        ("-- nothing", "an empty text"),
        ("SELECT 1; SELECT 2", "one statement that reads"),
        ("FROM bars_as_of('yesterday')", "yesterday"),
    ],
)
def test_what_cannot_be_answered_is_said_in_words(connection: dbapi.Connection, query: str, said: str) -> None:
    assert said in refused(connection, query)


@pytest.mark.parametrize(
    "query",
    [
        *("CREATE TABLE t (a INT)", "DROP VIEW bars", "DELETE FROM bars", "INSERT INTO bar SELECT * FROM bar"),
        *("SET threads = 8", "ATTACH 'x.duckdb' AS x", "COPY bars TO 'x.csv'", "CREATE TEMP TABLE t AS SELECT 1"),
        *("FROM read_text('/etc/hostname')", "INSTALL httpfs", "LOAD httpfs", "BEGIN", "PREPARE x AS SELECT 1"),
        *("EXPLAIN ANALYZE DELETE FROM bars", "CHECKPOINT"),
    ],
)
def test_what_writes_or_reaches_out_is_refused(connection: dbapi.Connection, query: str) -> None:
    assert "INVALID_ARGUMENT" in refused(connection, query)


def test_nothing_is_put_into_a_served_snapshot(connection: dbapi.Connection) -> None:
    with connection.cursor() as cursor, pytest.raises(dbapi.Error, match="is only read"):
        cursor.executemany("SELECT ?", [[1], [2]])
    with connection.cursor() as cursor, pytest.raises(dbapi.Error):
        cursor.adbc_ingest("bars", pa.table({"a": [1]}), mode="create")
    assert asked(connection, "SELECT count(*) > 0 AS a FROM bars")["a"].to_pylist() == [True]


def test_limits_are_those_of_http(published: Path) -> None:
    limits = ("--rows", "70000", "--workers", "1")
    with served(published, *FLIGHT, *limits, folder=published.parent) as server, connected(server) as connection:
        assert "more than 70,000 rows" in refused(connection, "FROM range(1000000)")
        assert "more memory than is allowed" in refused(connection, "SELECT length(repeat('x', 4000000000)) AS a")
        assert asked(connection, "SELECT 1 AS a").to_pylist() == [{"a": 1}]
        for outcome in ("rows", "memory"):
            assert f": {outcome}, - rows, " in server.logged()


def test_an_answer_that_is_late_is_ended(published: Path) -> None:
    limits = ("--timeout", "1s", "--workers", "1")
    with served(published, *FLIGHT, *limits, folder=published.parent) as server, connected(server) as connection:
        assert "takes longer than 1 seconds" in refused(connection, "SELECT count(*) FROM range(1e12::BIGINT)")
        assert ": late, - rows, " in server.logged()


# What there is


def views() -> set[str]:
    said = tomllib.loads((ROOT / "store" / "sql" / "columns.toml").read_text(encoding="utf-8"))
    return {name for name in said["one_row_for_each"] if name != "bars_as_of"}  # which is a macro


def test_the_views_that_are_promised_are_listed(connection: dbapi.Connection, store: SessionStore) -> None:
    (catalog,) = connection.adbc_get_objects(depth="all").read_all().to_pylist()
    assert catalog["catalog_name"] == "bars"
    (schema,) = catalog["catalog_db_schemas"]
    assert schema["db_schema_name"] == "main"
    tables = {one["table_name"]: one for one in schema["db_schema_tables"]}
    assert set(tables) == views()
    for name, table in tables.items():
        assert table["table_type"] == "VIEW"
        there = store.sql(f"SELECT * FROM {name} LIMIT 0").schema
        assert [column["column_name"] for column in table["table_columns"]] == there.names
        assert connection.adbc_get_table_schema(name) == there


def test_what_there_is_is_told_to_any_depth(connection: dbapi.Connection) -> None:
    (catalog,) = connection.adbc_get_objects(depth="catalogs").read_all().to_pylist()
    assert catalog == {"catalog_name": "bars", "catalog_db_schemas": None}
    (catalog,) = connection.adbc_get_objects(depth="db_schemas").read_all().to_pylist()
    assert catalog["catalog_db_schemas"] == [{"db_schema_name": "main", "db_schema_tables": None}]
    (catalog,) = connection.adbc_get_objects(depth="tables").read_all().to_pylist()
    (schema,) = catalog["catalog_db_schemas"]
    assert {one["table_name"] for one in schema["db_schema_tables"]} == views()
    assert {one["table_columns"] for one in schema["db_schema_tables"]} == {None}


@pytest.mark.parametrize(
    ("narrowed", "names"),
    [
        ({"table_name_filter": "cov%"}, {"coverage"}),
        ({"table_name_filter": "bars_l%"}, {"bars_live"}),
        ({"table_name_filter": "ba_s"}, {"bars"}),
        ({"table_name_filter": "BARS"}, set()),
        ({"catalog_filter": "none"}, set()),
        ({"db_schema_filter": "m%", "table_name_filter": "g%"}, {"gaps"}),
        ({"db_schema_filter": "other"}, set()),
        ({"table_name_filter": "' OR true --"}, set()),
    ],
    ids=repr,
)
def test_what_is_listed_is_narrowed(connection: dbapi.Connection, narrowed: dict[str, Any], names: set[str]) -> None:
    found = connection.adbc_get_objects(depth="tables", **narrowed).read_all().to_pylist()
    tables = [
        table["table_name"]
        for catalog in found
        for schema in catalog["catalog_db_schemas"] or []
        for table in schema["db_schema_tables"] or []
    ]
    assert set(tables) == names


@pytest.mark.parametrize(
    ("types", "names"), [(["TABLE"], set()), (["TABLE", "VIEW"], {"gaps"}), (["VIEW"], {"gaps"}), ([], {"gaps"})]
)
def test_what_is_listed_is_of_the_types_asked_for(server: Server, types: list[str], names: set[str]) -> None:
    asked_for = bytes_field(3, b"gaps") + b"".join(bytes_field(4, one.encode()) for one in types)
    ticket = fl.Ticket(messages.wrapped("CommandGetTables", asked_for))  # older drivers leave the types out
    with closing(fl.connect(server.flight)) as client:
        assert set(client.do_get(ticket).read_all()["table_name"].to_pylist()) == names


def test_the_server_says_what_it_is(connection: dbapi.Connection) -> None:
    info = connection.adbc_get_info()
    assert (info["vendor_name"], info["vendor_arrow_version"]) == ("Barhouse", pa.__version__)
    assert connection.adbc_get_table_types() == ["VIEW"]


COMMANDS = {
    "CommandGetCatalogs": b"",
    "CommandGetDbSchemas": bytes_field(2, b"%"),
    "CommandGetTables": b"",
    "CommandGetTableTypes": b"",
    "CommandGetSqlInfo": bytes_field(1, varint(8) + varint(3)),
    "CommandGetPrimaryKeys": bytes_field(3, b"bars"),
    "CommandGetImportedKeys": bytes_field(3, b"bars"),
    "CommandGetExportedKeys": bytes_field(3, b"bars"),
    "CommandGetCrossReference": bytes_field(3, b"bars") + bytes_field(6, b"gaps"),
    "CommandStatementQuery": bytes_field(1, b"SELECT symbol FROM bars LIMIT 3"),
}
ROWS = dict.fromkeys(COMMANDS, 0) | {
    **{"CommandGetCatalogs": 1, "CommandGetDbSchemas": 1, "CommandGetTables": len(views()), "CommandGetTableTypes": 1},
    **{"CommandGetSqlInfo": 2, "CommandStatementQuery": 3},
}


@pytest.mark.parametrize("name", COMMANDS)
def test_an_answer_has_the_schema_that_was_told(server: Server, name: str) -> None:
    with closing(fl.connect(server.flight)) as client:
        descriptor = fl.FlightDescriptor.for_command(messages.wrapped(name, COMMANDS[name]))
        info = client.get_flight_info(descriptor)
        assert client.get_schema(descriptor).schema == info.schema
        table = client.do_get(info.endpoints[0].ticket).read_all()
        assert table.schema.equals(info.schema)
        assert table.num_rows == ROWS[name]


def test_keys_come_with_tables_that_have_their_schemas(server: Server) -> None:
    command = messages.wrapped("CommandGetTables", bytes_field(3, b"bars") + b"\x28\x01")
    with closing(fl.connect(server.flight)) as client:
        info = client.get_flight_info(fl.FlightDescriptor.for_command(command))
        (row,) = client.do_get(info.endpoints[0].ticket).read_all().to_pylist()
    assert pa.ipc.read_schema(pa.py_buffer(row["table_schema"])).names[:3] == ["symbol", "interval", "bar_start"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff\xff", "no message of Flight SQL"),
        (b"", "no ticket of this server"),
        (messages.wrapped("CommandStatementQuery", bytes_field(1, b"SELECT 1")), "no ticket of this server"),
        (messages.statement_ticket(b"SELECT 1"), "no ticket of this server"),
        (messages.statement_ticket(b"[]"), "no ticket of this server"),
        (messages.statement_ticket(b'{"bound": "x"}'), "no ticket of this server"),
        (messages.statement_ticket(b'{"sql": "SELECT 1", "described": true}'), "no ticket of this server"),
        (messages.statement_ticket(b'{"sql": "DROP VIEW bars"}'), "one statement that reads"),
        (messages.statement_ticket(b'{"sql": "SELECT ?", "bound": "no base 64"}'), "no row of values"),
    ],
    ids=repr,
)
def test_a_ticket_of_somebodys_own_is_refused(server: Server, data: bytes, said: str) -> None:
    with closing(fl.connect(server.flight)) as client, pytest.raises(pa.ArrowInvalid, match=said):
        client.do_get(fl.Ticket(data)).read_all()


def test_what_is_not_there_is_said_so(server: Server) -> None:
    with closing(fl.connect(server.flight)) as client:
        with pytest.raises(pa.ArrowNotImplementedError, match="no CommandStatementSubstraitPlan here"):
            client.get_flight_info(
                fl.FlightDescriptor.for_command(messages.wrapped("CommandStatementSubstraitPlan", b""))
            )
        with pytest.raises(pa.ArrowNotImplementedError, match="no action BeginTransaction here"):
            list(client.do_action("BeginTransaction"))
        with pytest.raises(pa.ArrowInvalid, match="no flights by path"):
            client.get_flight_info(fl.FlightDescriptor.for_path("bars"))
        assert {one.type for one in client.list_actions()} == {"CreatePreparedStatement", "ClosePreparedStatement"}


def test_a_statement_that_is_closed_is_gone(server: Server) -> None:
    with closing(fl.connect(server.flight)) as client:
        request = messages.wrapped("ActionCreatePreparedStatementRequest", bytes_field(1, b"SELECT 1 AS a"))
        (result,) = client.do_action(fl.Action("CreatePreparedStatement", request))
        _, prepared = messages.unwrapped(result.body.to_pybytes())
        assert pa.ipc.read_schema(pa.py_buffer(prepared.data(2))) == pa.schema({"a": pa.int32()})
        handle = bytes_field(1, prepared.data(1))
        descriptor = fl.FlightDescriptor.for_command(messages.wrapped("CommandPreparedStatementQuery", handle))
        assert client.get_flight_info(descriptor).schema.names == ["a"]
        close = messages.wrapped("ActionClosePreparedStatementRequest", handle)
        assert list(client.do_action(fl.Action("ClosePreparedStatement", close))) == []
        with pytest.raises(pa.ArrowInvalid, match="not prepared here any more"):
            client.get_flight_info(descriptor)


# Who may ask


@pytest.fixture(scope="module")
def token_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tokens") / "tokens.toml"


@pytest.fixture(scope="module")
def guarded(published: Path, token_file: Path) -> Iterator[Server]:
    add_token(token_file, "first")
    with served(published, *FLIGHT, "--tokens", str(token_file), folder=token_file.parent) as running:
        yield running


def test_whoever_has_no_token_is_not_answered(guarded: Server, token_file: Path) -> None:
    desk = add_token(token_file, "desk")
    late = add_token(token_file, "late", expires=datetime.now(UTC) + timedelta(milliseconds=1))
    with connected(guarded, desk) as connection:
        assert asked(connection, "SELECT 1 AS a").to_pylist() == [{"a": 1}]
    for token, said in ((None, "a token is needed"), ("wrong", "not known"), (late, "expired")):
        with connected(guarded, token) as connection:
            assert "UNAUTHENTICATED" in refused(connection, "SELECT 1")
            assert said in refused(connection, "SELECT 1")
    remove_token(token_file, "desk")
    with connected(guarded, desk) as connection:
        assert "not known" in refused(connection, "SELECT 1")
    wait_until(lambda: 'desk asked sql "SELECT 1 AS a": ok, 1 rows' in guarded.logged())


def test_a_token_shows_its_symbols(guarded: Server, token_file: Path) -> None:
    with connected(guarded, add_token(token_file, "spy", symbols=["SPY"])) as connection:
        query = "SELECT DISTINCT symbol FROM bars WHERE interval = ?"
        assert asked(connection, query, ["1d"]).to_pylist() == [{"symbol": "SPY"}]
        assert asked(connection, "SELECT DISTINCT symbol FROM bars").to_pylist() == [{"symbol": "SPY"}]
        assert "limited to some symbols" in refused(connection, "FROM bar")
        assert "limited to some symbols" in refused(connection, "SELECT count(*) FROM bar WHERE ? > 0", [1])
        assert connection.adbc_get_table_schema("bars").names[:2] == ["symbol", "interval"]
        tables = connection.adbc_get_objects(depth="tables").read_all().to_pylist()[0]["catalog_db_schemas"]
        for table in tables[0]["db_schema_tables"]:
            asked(connection, f"SELECT * FROM {table['table_name']} LIMIT 1")  # none of them is beyond it


def test_a_prepared_statement_is_its_own_tokens(guarded: Server, token_file: Path) -> None:
    owner, other = add_token(token_file, "owner"), add_token(token_file, "other", symbols=["SPY"])

    def options(token: str) -> fl.FlightCallOptions:
        return fl.FlightCallOptions(headers=[(b"authorization", f"Bearer {token}".encode())])

    request = messages.wrapped("ActionCreatePreparedStatementRequest", bytes_field(1, b"SELECT 1"))
    with closing(fl.connect(guarded.flight)) as client:
        (result,) = client.do_action(fl.Action("CreatePreparedStatement", request), options(owner))
        handle = bytes_field(1, messages.unwrapped(result.body.to_pybytes())[1].data(1))
        descriptor = fl.FlightDescriptor.for_command(messages.wrapped("CommandPreparedStatementQuery", handle))
        client.get_flight_info(descriptor, options(owner))
        with pytest.raises(pa.ArrowInvalid, match="not prepared here"):
            client.get_flight_info(descriptor, options(other))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--flight", "0.0.0.0:0"], "--tokens"),
        (["--flight", "0.0.0.0:0", "--tokens", "TOKENS"], "--tls-cert"),
        (["--flight", "8322"], "--flight 8322 is no address; give HOST:PORT"),
        (["--flight", "127.0.0.1:99999"], "--flight 127.0.0.1:99999 has no such port"),
    ],
    ids=repr,
)
def test_an_address_that_others_reach_needs_tokens_and_a_certificate(
    published: Path, options: list[str], said: str
) -> None:
    result = CliRunner().invoke(cli, ["serve", str(published), "--listen", "127.0.0.1:0", *options])
    assert result.exit_code == ExitCode.BAD_INPUT
    assert said in " ".join(result.output.split())


def test_an_address_that_is_taken_is_refused(server: Server, published: Path, tmp_path: Path) -> None:
    taken = server.flight.rpartition("//")[2]
    command = [sys.executable, "-m", "barhouse", "serve", str(published), "--listen", "127.0.0.1:0", "--flight", taken]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == ExitCode.BAD_INPUT
    assert f"--flight {taken} cannot be had" in " ".join(ended.stderr.split())


@pytest.mark.skipif(
    shutil.which("openssl") is None,
    reason="there is no openssl to make a certificate with; install it with `apt-get install openssl`",
)
def test_a_certificate_encrypts_it(published: Path, tmp_path: Path) -> None:
    cert, key, tokens = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "tokens.toml"
    named = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["-nodes", "-keyout", str(key), "-out", str(cert), "-days", "2"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", *made, *named], check=True, capture_output=True)
    token = add_token(tokens, "desk")
    options = ("--tokens", str(tokens), "--tls-cert", str(cert), "--tls-key", str(key), "--flight", "0.0.0.0:0")
    with served(published, *options, folder=tmp_path) as server:
        assert server.flight.startswith("grpc+tls://0.0.0.0:")
        roots = {DatabaseOptions.TLS_ROOT_CERTS.value: cert.read_text(encoding="utf-8")}
        here = server.flight.replace("0.0.0.0", "127.0.0.1")
        bearer = {DatabaseOptions.AUTHORIZATION_HEADER.value: f"Bearer {token}"}
        with dbapi.connect(here, db_kwargs={**roots, **bearer}, autocommit=True) as connection:
            assert asked(connection, "SELECT 1 AS a").to_pylist() == [{"a": 1}]
        presented = ssl.get_server_certificate(("127.0.0.1", int(here.rpartition(":")[2])))
        assert presented.split() == cert.read_text(encoding="utf-8").split()


# Leaving


LONG = "SELECT sum(a.range * b.range) AS told FROM range({}) AS a, range(100000000) AS b"


def _given_up(server: Server, mark: int) -> bool:
    return any(f"range({mark})" in line and ": given_up, " in line for line in server.logged().splitlines())


def _worked(server: Server) -> int:
    """How much CPU the workers have taken, in ticks."""
    ticks = 0
    for pid in server.workers():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks


def _wait_until_idle(server: Server) -> None:
    before = [-1]

    def is_idle() -> bool:
        threading.Event().wait(0.3)
        now = _worked(server)
        before.append(now)
        return now - before[-2] <= 2

    wait_until(is_idle)


def _wait_until_busy(server: Server) -> None:
    start = _worked(server)
    wait_until(lambda: _worked(server) > start + 5)


def test_a_query_that_is_cancelled_ends(server: Server) -> None:
    mark = 1_000_001
    with connected(server) as connection, connection.cursor() as cursor:
        failures: list[Exception] = []

        def ask() -> None:
            try:
                cursor.execute(LONG.format(mark))
                cursor.fetchall()
            except dbapi.Error as error:
                failures.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        _wait_until_busy(server)
        while asking.is_alive():  # it can be between two calls, when there is nothing to cancel
            cursor.adbc_cancel()
            asking.join(0.2)
        assert "ancel" in str(failures[0])
        wait_until(lambda: _given_up(server, mark))
        _wait_until_idle(server)
    with connected(server) as connection:
        assert asked(connection, "SELECT 1 AS a").to_pylist() == [{"a": 1}]


@pytest.mark.parametrize("is_first_row_there", [False, True])
def test_a_client_that_is_gone_leaves_no_work(server: Server, is_first_row_there: bool) -> None:
    mark = 1_000_002 + is_first_row_there
    query = f"SELECT a.range FROM range({mark}) AS a, range(1000) AS b" if is_first_row_there else LONG.format(mark)
    program = (
        "import sys; from adbc_driver_flightsql import dbapi\n"
        f"cursor = dbapi.connect({server.flight!r}, autocommit=True).cursor()\n"
        f"cursor.execute({query!r}); cursor.fetchone(); print('there', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, env=os.environ
    ) as client:
        if is_first_row_there:
            assert client.stdout is not None and client.stdout.readline() == "there\n"
        else:
            _wait_until_busy(server)
        client.kill()
    wait_until(lambda: _given_up(server, mark))
    _wait_until_idle(server)


def test_a_reader_that_stops_early_leaves_no_work(server: Server) -> None:
    mark = 1_000_010
    with connected(server) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT a.range FROM range({mark}) AS a, range(1000) AS b")
        assert cursor.fetchone() is not None
    wait_until(lambda: _given_up(server, mark))
    _wait_until_idle(server)


def test_a_server_that_ends_waits_for_no_reader(published: Path, tmp_path: Path) -> None:
    with served(published, *FLIGHT, folder=tmp_path) as server:
        client = fl.connect(server.flight)
        command = messages.wrapped("CommandStatementQuery", bytes_field(1, b"SELECT * FROM range(4000000) a"))
        info = client.get_flight_info(fl.FlightDescriptor.for_command(command))
        reader = client.do_get(info.endpoints[0].ticket)
        assert reader.read_chunk().data.num_rows > 0  # and no more, so that the server cannot send more either
        assert server.process is not None
        server.process.terminate()
        assert server.process.wait(60) == 0
        client.close()


# Another snapshot


def test_the_newest_snapshot_is_asked(store_file: Path, tmp_path: Path) -> None:
    path, target = tmp_path / "own.duckdb", tmp_path / "bars.duckdb"
    shutil.copy(store_file, path)
    publish(path, target)
    with served(target, *FLIGHT, folder=tmp_path) as server, connected(server) as connection:
        query = "SELECT max(batch_id) AS b FROM batches"
        with connection.cursor() as cursor:
            cursor.adbc_prepare(query)
            with open_store(path) as store:
                SessionCoordinator(store).load(minutes("SPY", 1, 200.0, OPEN + timedelta(minutes=100)), "SPY", "1m")
            newest = publish(path, target)
            wait_until(lambda: asked(connection, query)["b"].to_pylist() == [newest])


# What the page shows


def test_polars_and_pandas_read_it_in_a_line(server: Server, store: SessionStore) -> None:
    query = "SELECT bar_start, close FROM bars WHERE symbol = 'SPY' AND interval = '5m' ORDER BY bar_start"
    there = store.sql(query)
    with connected(server) as connection:
        assert pl.read_database(query, connection)["close"].to_list() == there["close"].to_pylist()
        frame = pd.read_sql(query, connection)
        assert frame["close"].tolist() == there["close"].to_pylist()
        assert frame["bar_start"].tolist() == [pd.Timestamp(one) for one in there["bar_start"].to_pylist()]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """What ``make demo`` makes, served."""
    folder = tmp_path_factory.mktemp("demo")
    shutil.copytree(ROOT / "sample", folder / "sample")
    made = CliRunner().invoke(cli, ["run", str(folder / "sample" / "demo.toml")])
    assert made.exit_code == ExitCode.OK, made.output
    with served(folder / "demo.duckdb", *FLIGHT, folder=folder) as running:
        yield running


def test_the_example_of_the_page_prints_what_it_shows(demo: Server) -> None:
    page = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"```python\n(import pandas.*?)```\n\n```text\n(.*?)```", page, re.DOTALL)
    program = found[0].replace("grpc://127.0.0.1:8322", demo.flight)
    assert program != found[0]
    settings = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", env=settings, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == found[1]
