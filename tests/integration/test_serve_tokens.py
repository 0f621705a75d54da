"""Tokens say who may ask a server, and which symbols they see."""

from __future__ import annotations

import random
import shutil
import ssl
import stat
import subprocess
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from click.testing import CliRunner
from serve_kit import SYMBOLS, Client, Server, make_store, minutes, publish, served, wait_until

from barhouse import DataProcessor, InputError, SessionCoordinator, SessionStore, open_store
from barhouse.coordinator.cli.main import ExitCode, cli
from barhouse.store.errors import StoreError
from barhouse.store.serving.reads import answer
from barhouse.store.serving.tokens import add_token, expiry, read_tokens, remove_token
from barhouse.store.serving.wire import WorkerQuestion
from tests.extent import SEED

NOW = datetime(2026, 1, 2, tzinfo=UTC)
THEIRS = ("SPY", "QQQ")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("limited")
    make_store(folder / "store.duckdb")
    act(folder / "store.duckdb", SYMBOLS)
    publish(folder / "store.duckdb", folder / "bars.duckdb")
    return folder / "bars.duckdb"


def act(path: Path, symbols: Sequence[str]) -> None:
    """Another session with its bars, some missing, and splits and dividends before it, some of them corrected."""
    opened = datetime(2024, 12, 2, 14, 30, tzinfo=UTC)
    actions = [
        ("SPY", {"ex_date": ["2024-12-02"], "kind": ["split"], "ratio": [2.0]}),
        ("QQQ", {"ex_date": ["2024-12-02"], "kind": ["cash_dividend"], "amount": [1.5]}),
        ("QQQ", {"ex_date": ["2024-12-02"], "kind": ["cash_dividend"], "amount": [1.25]}),
        ("ZZZ", {"ex_date": ["2024-12-02"], "kind": ["split"], "ratio": [7.0]}),
        ("ZZZ", {"ex_date": ["2024-12-02"], "kind": ["split"], "ratio": [8.0]}),
        ("BTC-USD", {"ex_date": ["2024-11-30"], "kind": ["split"], "ratio": [9.0]}),
    ]
    with open_store(path, clock=lambda: NOW, settings={"threads": 1}) as store:
        coordinator = SessionCoordinator(store)
        for symbol, first in (("SPY", 60.0), ("QQQ", 290.0), ("ZZZ", 600.0)):
            if symbol in symbols:
                coordinator.load(minutes(symbol, 20, first, opened), symbol, "1m")
                coordinator.load(minutes(symbol, 20, first, opened + timedelta(minutes=40)), symbol, "1m")
                coordinator.load(minutes(symbol, 2, first + 5, opened), symbol, "1m")
        for symbol, columns in actions:
            if symbol in symbols:
                coordinator.load_actions(pa.table(columns), symbol)
        DataProcessor(store).process()


@pytest.fixture(scope="module")
def token_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tokens") / "tokens.toml"


@pytest.fixture(scope="module")
def server(published: Path, token_file: Path) -> Iterator[Server]:
    add_token(token_file, "first")
    with served(published, "--tokens", str(token_file), folder=token_file.parent) as running:
        yield running


def client(server: Server, token: str) -> Client:
    return Client(server.host, server.port, {"Authorization": f"Bearer {token}"})


# The file


def test_a_token_is_printed_once_and_kept_as_its_hash(tmp_path: Path) -> None:
    file = tmp_path / "tokens.toml"
    runner = CliRunner()
    made = runner.invoke(cli, ["token", "add", "desk", "--symbols", "SPY,QQQ", "--expires", "90d", "--file", str(file)])
    assert made.exit_code == ExitCode.OK, made.output
    token = made.output.splitlines()[0]
    assert len(token) == 43
    assert token not in file.read_text(encoding="utf-8")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (kept,) = read_tokens(file)
    assert (kept.name, kept.symbols) == ("desk", ("SPY", "QQQ"))
    assert kept.expires is not None
    listed = runner.invoke(cli, ["token", "list", "--file", str(file), "--format", "csv"])
    assert '"desk","SPY, QQQ",' in listed.stdout
    assert runner.invoke(cli, ["token", "remove", "desk", "--file", str(file)]).exit_code == ExitCode.OK
    assert read_tokens(file) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("x = 1\n", "holds more than tables"),
        ("[[token]]\nname = 'a'\n", "has no sha256"),
        (f"[[token]]\nsha256 = '{'0' * 64}'\n", "no name"),
        (f"[[token]]\nname = 'a'\nsha256 = '{'0' * 64}'\nsymbol = ['SPY']\n", "did you mean symbols"),
        (f"[[token]]\nname = 'a'\nsha256 = '{'0' * 64}'\nsymbols = []\n", "list at least one"),
        (f"[[token]]\nname = 'a'\nsha256 = '{'0' * 64}'\nexpires = 2027-01-01\n", "says no zone"),
        (f"[[token]]\nname = 'a'\nsha256 = '{'0' * 64}'\n" * 2, "several tokens named 'a'"),
        ("[[token]\n", "cannot be read"),
    ],
)
def test_a_file_that_says_what_is_no_token_is_refused(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "tokens.toml"
    file.write_text(content, encoding="utf-8")
    file.chmod(0o600)
    with pytest.raises(InputError, match=said):
        read_tokens(file)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "tokens.toml"
    add_token(file, "desk")
    file.chmod(0o640)
    with pytest.raises(InputError, match="chmod 600"):
        read_tokens(file)


def test_names_of_any_letters_come_back(tmp_path: Path) -> None:
    file = tmp_path / "tokens.toml"
    for name in ('a"b', "back\\slash", "désk 📈", "[[token]]"):
        add_token(file, name, symbols=['S"P\\Y'])
    assert [one.name for one in read_tokens(file)] == ['a"b', "back\\slash", "désk 📈", "[[token]]"]
    assert {one.symbols for one in read_tokens(file)} == {('S"P\\Y',)}
    with pytest.raises(InputError, match="there is a token named"):
        add_token(file, 'a"b')
    with pytest.raises(InputError, match="there is no token named 'desk'"):
        remove_token(file, "desk")


def test_a_token_ends_after_days_or_at_a_moment() -> None:
    assert expiry("90d", NOW) == NOW + timedelta(days=90)
    assert expiry("2026-03-01", NOW) == datetime(2026, 3, 1, tzinfo=UTC)
    assert expiry("2026-03-01T12:00:00+01:00", NOW) == datetime(2026, 3, 1, 11, tzinfo=UTC)
    for past in ("0d", "2026-01-01", "2026-01-02T00:00:00Z"):
        with pytest.raises(InputError, match="is past"):
            expiry(past, NOW)
    with pytest.raises(InputError, match="no date or time"):
        expiry("3 months", NOW)


# Who is let in


def test_who_sends_no_token_or_a_wrong_one_is_not_answered(server: Server) -> None:
    addresses = ("/api/symbols", "/api/snapshot", "/api/events", "/bars.duckdb", "/metrics")
    for address in (*addresses, "/snapshots/1-0/bars.duckdb"):
        reply = server.get(address)
        assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer"), address
        assert client(server, "wrong").get(address).status == 401
    assert server.sql("SELECT 1").status == 401
    assert server.get("/").status == server.get("/healthz").status == 200


def test_a_token_counts_until_it_expires_or_is_taken_away(server: Server, token_file: Path) -> None:
    good = client(server, add_token(token_file, "good"))
    soon = client(server, add_token(token_file, "soon", expires=datetime.now(UTC) + timedelta(seconds=0.5)))
    assert good.get("/api/symbols").status == 200
    wait_until(lambda: soon.get("/api/symbols").status == 401)
    assert "expired" in soon.get("/api/symbols").error
    remove_token(token_file, "good")
    assert good.get("/api/symbols").status == 401


def test_nobody_is_let_in_while_the_tokens_cannot_be_read(server: Server, token_file: Path) -> None:
    good = client(server, add_token(token_file, "meanwhile"))
    content = token_file.read_bytes()
    token_file.write_bytes(b"[[token")
    assert good.get("/api/symbols").status == 401
    token_file.write_bytes(content)
    assert good.get("/api/symbols").status == 200


def test_a_browser_keeps_the_token_where_no_script_reads_it(server: Server, token_file: Path) -> None:
    token = add_token(token_file, "browser")
    body = f"token={token}".encode()
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    assert server.ask("POST", "/login", b"token=wrong", **form).status == 401
    assert server.ask("POST", "/login", body, Origin="https://evil.example", **form).status == 403
    reply = server.ask("POST", "/login", body, **form)
    cookie = reply.headers["set-cookie"]
    assert (reply.status, reply.headers["location"]) == (303, "/")
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie
    assert server.ask("GET", "/api/symbols", Cookie=cookie.partition(";")[0]).status == 200
    out = server.ask("POST", "/logout")
    assert 'barhouse_token=""' in out.headers["set-cookie"]


def test_the_log_names_the_token_and_never_shows_it(server: Server, token_file: Path) -> None:
    token = add_token(token_file, "logged")
    client(server, token).sql("SELECT 'who asks'")
    wait_until(lambda: "logged asked sql" in server.logged())
    assert token not in server.logged()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--listen", "0.0.0.0:0"], "--tokens"),
        (["--listen", "0.0.0.0:0", "--tokens", "TOKENS"], "--tls-cert"),
        (["--listen", "[::]:0", "--tokens", "TOKENS"], "--behind-proxy"),
        (["--listen", "0.0.0.0:0", "--behind-proxy"], "--tokens"),
        (["--tls-cert", "TOKENS"], "--tls-key"),
        (["--tls-key", "TOKENS"], "--tls-cert"),
        (["--tls-cert", "TOKENS", "--tls-key", "TOKENS"], "no certificate"),
        (["--listen", "127.0.0.1"], "HOST:PORT"),
        (["--listen", "127.0.0.1:99999"], "no such port"),
        (["--tokens", "NOWHERE"], "token add"),
    ],
)
def test_where_it_may_not_listen_it_says_what_is_missing(
    published: Path, tmp_path: Path, options: list[str], named: str
) -> None:
    tokens = tmp_path / "tokens.toml"
    add_token(tokens, "desk")
    given = [{"TOKENS": str(tokens), "NOWHERE": str(tmp_path / "none.toml")}.get(one, one) for one in options]
    result = CliRunner().invoke(cli, ["serve", str(published), *given])
    assert (result.exit_code, named in result.output) == (ExitCode.BAD_INPUT, True), result.output


@pytest.mark.skipif(
    shutil.which("openssl") is None,
    reason="there is no openssl to make a certificate with; install it with `apt-get install openssl`",
)
def test_it_is_served_encrypted(published: Path, tmp_path: Path) -> None:
    cert, key, tokens = tmp_path / "c.pem", tmp_path / "k.pem", tmp_path / "tokens.toml"
    made = ["-nodes", "-days", "2", "-keyout", key, "-out", cert]
    named = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", *made, *named]
    subprocess.run(command, check=True, capture_output=True)
    token = add_token(tokens, "desk")
    options = ["--tls-cert", str(cert), "--tls-key", str(key), "--tokens", str(tokens)]
    with served(published, *options, folder=tmp_path) as server:
        request = urllib.request.Request(f"https://127.0.0.1:{server.port}/api/symbols")
        request.add_header("Authorization", f"Bearer {token}")
        trusted = ssl.create_default_context(cafile=cert)
        with urllib.request.urlopen(request, context=trusted) as reply:
            assert b"BTC-USD" in reply.read()


# What is seen


def test_a_limited_token_sees_its_symbols_alone(server: Server, token_file: Path) -> None:
    theirs = client(server, add_token(token_file, "limited", symbols=["spy", "QQQ", "NOPE"]))
    assert theirs.get("/api/symbols").columns["symbol"] == ["QQQ", "SPY"]
    for name in ("intervals", "health", "coverage", "gaps", "revisions"):
        assert set(theirs.get(f"/api/{name}").columns["symbol"]) <= {"SPY", "QQQ"}, name
    for name in ("rejected", "runs"):
        assert theirs.get(f"/api/{name}").said["row_count"] == 0
    batches = theirs.get("/api/batches").columns
    assert set(batches["source"]) == set(batches["inserted"]) == {None}
    assert theirs.sql("SELECT DISTINCT symbol FROM bars ORDER BY 1").columns == {"symbol": ["QQQ", "SPY"]}
    hidden, unheard = (theirs.get("/api/bars", symbol=one, interval="1d") for one in ("BTC-USD", "BTC-USE"))
    assert (hidden.status, hidden.error.replace("BTC-USD", "BTC-USE")) == (404, unheard.error)
    assert "BTC-USD" not in theirs.get("/api/bars", symbol="BTC-US", interval="1d").error
    assert theirs.get("/api/chart", symbol="BTC-USD").status == 404
    as_of = {"symbol": "BTC-USD", "interval": "1d", "as_of": "2026-03-01T00:00:00Z"}
    assert theirs.get("/api/bars", **as_of).status == 404
    assert theirs.get("/bars.duckdb").status == theirs.get("/metrics").status == 403
    file = client(server, add_token(token_file, "all")).get("/api/snapshot").said["file"]
    assert theirs.get(file).status == 403


def test_of_gaps_only_the_newest_are_had(server: Server, token_file: Path) -> None:
    whole = client(server, add_token(token_file, "of gaps"))
    everything = whole.get("/api/gaps").columns
    newest: dict[tuple[str, str], str] = {}
    for symbol, interval, start in zip(*(everything[one] for one in ("symbol", "interval", "gap_start")), strict=True):
        newest[symbol, interval] = max(start, newest.get((symbol, interval), ""))
    assert len(newest) < len(everything["symbol"])
    last = whole.get("/api/gaps", last=1).columns
    assert dict(zip(zip(last["symbol"], last["interval"], strict=True), last["gap_start"], strict=True)) == newest


def test_adjusted_bars_are_of_its_symbols_alone(server: Server, token_file: Path, alone: SessionStore) -> None:
    theirs = client(server, add_token(token_file, "adjusting", symbols=["SPY", "QQQ"]))
    for symbol, factor in (("SPY", "split_factor"), ("QQQ", "dividend_factor")):
        given = theirs.get("/api/bars.json", symbol=symbol, interval="1d", adjust="all", fill="previous").columns
        there = alone.bars(symbol, "1d", adjust="all", fill="previous").to_pydict()
        assert {name: given[name] for name in ("close", "volume", factor)} == {
            name: there[name] for name in ("close", "volume", factor)
        }
        assert given[factor][0] != 1
    assert theirs.get("/api/bars", symbol="ZZZ", interval="1d", adjust="all").status == 404
    assert theirs.get("/api/chart", symbol="ZZZ", adjust="split").status == 404


Ask = Callable[[str, "tuple[str, ...] | None"], pa.Table]


@pytest.fixture(scope="module")
def ask(published: Path) -> Iterator[Ask]:
    """Ask as a worker does, without the server around it."""
    with open_store(published, read_only=True, sealed=True, settings={"threads": 1}) as store:

        def asked(text: str, symbols: tuple[str, ...] | None) -> pa.Table:
            question = WorkerQuestion("sql", {"sql": text}, "arrow", str(published), symbols, 10**6)
            with store.reading() as transaction:
                schema, batches = answer(transaction, question)
                return pa.Table.from_batches(list(batches), schema)

        yield asked


BEYOND = """
FROM corporate_action
FROM corporate_action_revision
FROM action_step
FROM adjustment_stretch
FROM main.actions
FROM bars.main.bars_adjusted
SELECT stats(split_factor) FROM bars_adjusted
WITH actions AS (FROM main.actions) FROM actions
EXPLAIN FROM bars
EXPLAIN ANALYZE FROM bars
FROM main.bars
FROM bars.main.bars
FROM bar
FROM symbol
FROM batch
FROM rejected_bar
FROM bar_revision
FROM definition
FROM calendar_segment
FROM trading_session
FROM alembic_version
WITH bar AS (SELECT 1 AS x) FROM bar
SELECT * FROM bar, (WITH bar AS (SELECT 1) FROM bar) AS b
WITH x AS (FROM bar) FROM x
SELECT (SELECT count(*) FROM bar)
SELECT 1 WHERE EXISTS (FROM bar)
SELECT * FROM bars WHERE symbol IN (SELECT symbol FROM symbol)
FROM bars JOIN symbol USING (symbol)
FROM bars SELECT list((SELECT max(symbol) FROM symbol))
FROM bars UNION ALL BY NAME FROM main.bars
FROM main.bars_as_of(now())
FROM bars.main.bars_as_of(now())
FROM health_at(now())
FROM pending(now())
FROM query('FROM bar')
FROM query_table('bar')
FROM query_table(['bar'])
FROM duckdb_tables()
FROM duckdb_views()
FROM duckdb_databases()
FROM duckdb_columns()
FROM duckdb_functions()
FROM duckdb_settings()
FROM duckdb_constraints()
FROM duckdb_tables
FROM sqlite_master
FROM pg_class
FROM pg_catalog.pg_class
FROM information_schema.tables
FROM pragma_storage_info('bar')
FROM pragma_table_info('bar')
FROM pragma_database_list
FROM summary((FROM bar))
FROM json_execute_serialized_sql('{}')
DESCRIBE bar
DESCRIBE bars
SHOW TABLES
SHOW ALL TABLES
SUMMARIZE bar
SUMMARIZE bars
SELECT * FROM (DESCRIBE bar)
SELECT * FROM (SUMMARIZE bar)
SELECT * FROM (SHOW TABLES)
PIVOT bar ON batch_id IN (1) USING count(*)
UNPIVOT symbol ON COLUMNS('symbol') INTO NAME n VALUE v
SELECT stats(symbol) FROM bars
SELECT system.main.stats(close) FROM bars
FROM bars SELECT symbol.stats()
SELECT STATS(symbol) FROM bars
SELECT block_number('day', 1, session_date, 1, NULL) FROM bars
FROM "bar"
FROM BAR
TABLE bar
SELECT * FROM 'bar'
SELECT * FROM bars POSITIONAL JOIN bar
SELECT * FROM bars ASOF JOIN bar USING (batch_id, bar_start)
FROM bars, LATERAL (FROM bar LIMIT 1)
WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM r, bar WHERE x < 2) FROM r
WITH r AS MATERIALIZED (FROM symbol) SELECT count(*) FROM r
COPY bar TO '/dev/stdout'
PRAGMA database_list
""".strip().splitlines()


@pytest.mark.parametrize("text", BEYOND)
def test_what_reaches_beyond_a_limited_token_is_refused(ask: Ask, text: str) -> None:
    with pytest.raises(InputError):
        ask(text, THEIRS)


#: Each would fail, or give another count, if rows of others were looked at before they are left out.
PROBES = """
SELECT count(*) AS n FROM bars WHERE CASE WHEN symbol NOT IN ('SPY', 'QQQ') THEN error('seen') ELSE true END
SELECT count(*) AS n FROM bars WHERE CASE WHEN close > 400 THEN error('seen') ELSE true END
SELECT count(*) AS n FROM bars WHERE (CASE WHEN close > 400 THEN 'x' ELSE '1' END)::INTEGER = 1
SELECT count(*) AS n FROM bars WHERE CASE WHEN close > 400 THEN error('seen')::BOOLEAN ELSE true END AND interval = '1m'
SELECT count(*) AS n FROM bars WHERE (close * 80)::SMALLINT > 0
SELECT count(*) AS n FROM bars AS b JOIN (SELECT 1) AS o ON CASE WHEN b.close > 400 THEN error('seen') ELSE true END
SELECT max(CASE WHEN symbol IN ('ZZZ', 'BTC-USD') THEN error('seen') ELSE 1 END) AS n FROM bars
SELECT sum(CASE WHEN close > 400 THEN error('seen')::INTEGER ELSE 1 END) OVER () AS n FROM bars LIMIT 1
SELECT count(*) AS n FROM bars WHERE list_contains(['SPY', 'QQQ'], symbol) OR error('seen ' || symbol)::BOOLEAN
SELECT count(*) AS n FROM gaps WHERE CASE WHEN symbol = 'ZZZ' THEN error('seen') ELSE true END
SELECT count(*) AS n FROM coverage WHERE CASE WHEN symbol = 'ZZZ' THEN error('seen') ELSE true END
SELECT count(*) AS n FROM intervals WHERE CASE WHEN bar_count > 1000 THEN error('seen') ELSE true END
SELECT count(*) AS n FROM revisions WHERE CASE WHEN symbol = 'ZZZ' THEN error('seen') ELSE true END
SELECT count(*) AS n FROM health WHERE CASE WHEN calendar = '24/7' THEN error('seen') ELSE true END
SELECT count(*) AS n FROM batches WHERE CASE WHEN inserted = 3000 THEN error('seen') ELSE true END
SELECT count(*) AS n FROM bars_as_of(now()) WHERE CASE WHEN close > 400 THEN error('seen') ELSE true END
SELECT count(*) AS n FROM bars_live WHERE CASE WHEN close > 400 THEN error('seen') ELSE true END
SELECT count(*) AS n FROM bars_adjusted WHERE CASE WHEN split_factor > 2 THEN error('seen') ELSE true END
SELECT count(*) AS n FROM bars_adjusted WHERE CASE WHEN symbol IN ('ZZZ', 'BTC-USD') THEN error('seen') ELSE true END
SELECT count(*) AS n FROM bars_adjusted WHERE CASE WHEN bar_start < '2024-11-29 12:00:00+00' THEN error('x') END IS NULL
SELECT count(*) AS n FROM bars_adjusted WHERE CASE WHEN close > 400 THEN error('seen') ELSE true END AND interval = '1m'
SELECT sum(CASE WHEN split_factor > 2 THEN error('seen')::INTEGER ELSE 1 END) AS n FROM bars_adjusted
SELECT count(*) AS n FROM bars_filled WHERE CASE WHEN close > 400 THEN error('seen') ELSE true END
SELECT count(*) AS n FROM bars_filled WHERE CASE WHEN filled AND symbol = 'ZZZ' THEN error('seen') ELSE true END
SELECT count(*) AS n FROM bars_filled WHERE CASE WHEN bar_start < '2024-11-29 12:00:00+00' THEN error('x') END IS NULL
SELECT count(*) AS n FROM bars_filled AS b JOIN (SELECT 1) AS o ON CASE WHEN b.close > 400 THEN error('x') ELSE true END
SELECT count(*) AS n FROM actions WHERE CASE WHEN ratio > 2 THEN error('seen') ELSE true END
SELECT count(*) AS n FROM actions WHERE (CASE WHEN symbol > 'T' THEN 'x' ELSE '1' END)::INTEGER = 1
SELECT count(*) AS n FROM action_revisions WHERE CASE WHEN ratio > 2 THEN error('seen') ELSE true END
SELECT count(*) AS n FROM adjustments WHERE CASE WHEN split_factor > 2 THEN error('seen') ELSE true END
SELECT count(*) AS n FROM adjustments WHERE CASE WHEN symbol = 'BTC-USD' THEN error('seen') ELSE true END
SELECT max(split_factor) AS n FROM adjustments HAVING CASE WHEN max(split_factor) > 2 THEN error('seen') ELSE true END
""".strip().splitlines()


def test_probes_would_fail_on_rows_of_others(ask: Ask) -> None:
    unmoved = []
    for text in PROBES:
        try:
            ask(text, None)
        except (duckdb.Error, StoreError):
            continue
        unmoved.append(text)
    assert unmoved == []


@pytest.mark.parametrize("text", PROBES)
def test_nothing_is_told_by_what_fails(ask: Ask, text: str) -> None:
    assert ask(text, THEIRS).num_rows == 1


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SessionStore]:
    """A store that holds their symbols and no others."""
    path = tmp_path_factory.mktemp("alone") / "store.duckdb"
    make_store(path, THEIRS)
    act(path, THEIRS)
    with open_store(path, read_only=True, settings={"threads": 1}) as store:
        yield store


#: What differs between two stores of the same bars: which batch wrote them, and when.
_OF_BATCHES = "'.*batch_id|.*_at|replaced_by|derived_last_minute|closed_per_minute|lag_seconds|due_through'"
_SOURCES = (
    *("bars", "bars_live", "intervals", "coverage", "gaps", "health", "conflicts", "revisions", "retention"),
    *("bars_adjusted", "bars_filled", "actions", "action_revisions", "adjustments"),
    *("revision_retention", "bars_as_of(TIMESTAMPTZ '2026-03-01 00:00:00+00')"),
)


def drawn(chance: random.Random) -> str:
    """A query over the views."""
    source = chance.choice(_SOURCES)
    of_symbols = source != "revision_retention"
    where = ""
    if of_symbols and chance.random() < 0.6:
        condition = chance.choice(
            ("symbol > 'R'", "symbol <> 'SPY'", "symbol IN ('SPY', 'ZZZ', 'BTC-USD')", "symbol LIKE '%Q%'", "true")
        )
        where = f" WHERE {condition}"
    kind = chance.randrange(6) if of_symbols else 0
    if kind == 0:
        return f"SELECT COLUMNS(lambda c: NOT regexp_full_match(c, {_OF_BATCHES})) FROM {source}{where} ORDER BY ALL"
    if kind == 1:
        return f"SELECT symbol, count(*) AS n FROM {source}{where} GROUP BY symbol ORDER BY ALL"
    if kind == 2:
        return f"SELECT count(*) AS n, min(symbol) AS a, max(symbol) AS b, count(DISTINCT symbol) FROM {source}{where}"
    if kind == 3:
        return (
            f"WITH x AS (FROM {source}{where}) SELECT symbol, row_number() OVER (ORDER BY symbol) FROM x ORDER BY ALL"
        )
    if kind == 4:
        other = chance.choice(("bars", "intervals", "gaps", "coverage"))
        return (
            f"SELECT a.symbol, count(*) AS n FROM {source} AS a JOIN {other} AS b ON a.symbol >= b.symbol "
            f"GROUP BY a.symbol ORDER BY ALL"
        )
    return (
        f"SELECT symbol FROM {source} EXCEPT SELECT symbol FROM bars WHERE symbol < 'R' "
        f"UNION SELECT max(symbol) FROM bars ORDER BY ALL"
    )


def test_a_limited_token_is_answered_as_a_store_of_its_symbols_alone(ask: Ask, alone: SessionStore) -> None:
    chance = random.Random(f"limited {SEED}")
    seen: list[Any] = []
    for _ in range(60):
        text = drawn(chance)
        given, there = ask(text, THEIRS), alone.sql(text)
        assert given.to_pylist() == there.to_pylist(), text
        seen += given.to_pylist()
    assert len(seen) > 500


def test_what_takes_the_place_of_a_view_has_its_columns(ask: Ask) -> None:
    for view in (*_SOURCES, "batches", "vendors", "rejected", "runs", "history"):
        assert ask(f"FROM {view} LIMIT 0", THEIRS).schema == ask(f"FROM {view} LIMIT 0", None).schema, view


def test_batches_are_those_that_wrote_bars_of_theirs(ask: Ask) -> None:
    written = ask("SELECT DISTINCT batch_id FROM bars", THEIRS)["batch_id"].to_pylist()
    replaced = ask("SELECT unnest([batch_id, replaced_by]) AS b FROM revisions", THEIRS)["b"].to_pylist()
    acted = ask(
        "SELECT batch_id FROM actions UNION FROM (SELECT unnest([batch_id, replaced_by]) FROM action_revisions)", THEIRS
    )
    acted_in = acted["batch_id"].to_pylist()
    assert len(acted_in) == 3
    shown = ask("SELECT batch_id, source, inserted FROM batches", THEIRS)
    assert sorted(shown["batch_id"].to_pylist()) == sorted({*written, *replaced, *acted_in})
    assert shown["source"].null_count == shown["inserted"].null_count == shown.num_rows > 0
    assert ask("SELECT count(*) AS n FROM rejected", None)["n"].to_pylist() != [0]
    assert ask("SELECT count(*) AS n FROM rejected", THEIRS)["n"].to_pylist() == [0]


def test_a_token_of_no_symbol_that_there_is_sees_nothing(ask: Ask) -> None:
    assert ask("SELECT count(*) AS n FROM bars", ("NOPE",))["n"].to_pylist() == [0]
    assert ask("SELECT count(*) AS n FROM bars", ("' OR true --",))["n"].to_pylist() == [0]


def test_a_pivot_finds_its_columns_among_what_is_seen(ask: Ask) -> None:
    found = ask("PIVOT (SELECT symbol, interval, close FROM bars) ON symbol USING count(*) GROUP BY interval", THEIRS)
    assert set(found.column_names) == {"interval", "QQQ", "SPY"}
