"""A served snapshot answers over HTTP what the store itself answers."""

from __future__ import annotations

import csv
import http.client
import io
import json
import re
import shutil
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from serve_kit import OPEN, Client, Server, beside, make_store, minutes, publish, served, wait_until

from barhouse import SessionCoordinator, SessionStore, open_store
from barhouse.store.records.filled_bars import Fill
from tests.extent import SERVED


@pytest.fixture(scope="module")
def store_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("served") / "store.duckdb"
    make_store(path)
    return path


@pytest.fixture(scope="module")
def server(store_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("published")
    publish(store_file, folder / "bars.duckdb")
    with served(folder / "bars.duckdb", folder=folder) as running:
        yield running


@pytest.fixture(scope="module")
def store(store_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SessionStore]:
    with beside(store_file, tmp_path_factory.mktemp("asked")) as opened:
        yield opened


BARS = "SELECT * FROM bars WHERE interval = '1m' ORDER BY symbol, bar_start"


def test_sql_is_answered_as_the_store_answers_it_in_every_format(server: Server, store: SessionStore) -> None:
    there = store.sql(BARS)
    arrow = pa.ipc.open_stream(server.sql(BARS, form="arrow").body).read_all()
    assert arrow == there
    assert pa.parquet.read_table(io.BytesIO(server.sql(BARS, form="parquet").body)).cast(there.schema) == there
    columns = server.sql(BARS).columns
    for name in ("symbol", "close", "volume", "complete", "batch_id", "vwap"):
        assert columns[name] == there[name].to_pylist()
    starts = [one.strftime("%Y-%m-%dT%H:%M:%SZ") for one in there["bar_start"].to_pylist()]
    assert columns["bar_start"] == starts
    rows = list(csv.DictReader(io.StringIO(server.sql(BARS, form="csv").body.decode())))
    assert [row["bar_start"] for row in rows] == starts
    assert [float(row["close"]) for row in rows] == there["close"].to_pylist()
    assert [row["session_date"] for row in rows] == [str(one or "") for one in there["session_date"].to_pylist()]


def test_what_is_accepted_decides_the_format(server: Server) -> None:
    kinds = {
        "text/csv": "text/csv; charset=utf-8",
        "application/json": "application/json",
        "application/vnd.apache.parquet": "application/vnd.apache.parquet",
        "*/*": "application/vnd.apache.arrow.stream",
    }
    for accepted, given in kinds.items():
        reply = server.ask("GET", "/api/bars?symbol=SPY&interval=1d", Accept=accepted)
        assert (reply.status, reply.headers["content-type"]) == (200, given)


def test_values_of_sql_are_parameters(server: Server) -> None:
    outside = "'; DROP VIEW bars --"
    assert server.sql("SELECT ? AS a, ? AS b", [outside, 2]).columns == {"a": [outside], "b": [2]}
    assert server.sql("SELECT $given AS a", {"given": outside}).columns == {"a": [outside]}
    assert server.get("/api/sql.json", q="SELECT 1 AS a").columns == {"a": [1]}


def test_of_a_query_only_the_first_rows_are_had(server: Server) -> None:
    for limit, form in ((1, "json"), (70_000, "json"), (500_000, "arrow"), (2, "json")):
        body = json.dumps({"sql": "SELECT range AS n FROM range(200_000) ORDER BY n", "limit": limit}).encode()
        reply = server.ask("POST", f"/api/sql.{form}", body)
        given = reply.columns["n"] if form == "json" else pa.ipc.open_stream(reply.body).read_all()["n"].to_pylist()
        assert given == list(range(min(limit, 200_000)))


def test_bars_of_several_symbols_and_calendars_are_in_order(server: Server, store: SessionStore) -> None:
    reply = server.get("/api/bars", symbol="spy,BTC-USD", interval="1d", start="2024-11-29", end="2024-11-30")
    table = pa.ipc.open_stream(reply.body).read_all()
    alone = [store.bars(one, "1d", "2024-11-29", "2024-11-30") for one in ("BTC-USD", "SPY")]
    assert table == pa.concat_tables(alone)
    again = server.get("/api/bars.csv?symbol=QQQ&symbol=SPY&interval=5m")
    assert [row["symbol"] for row in csv.DictReader(io.StringIO(again.body.decode()))] == ["QQQ"] * 18 + ["SPY"] * 18


def test_the_newest_bars_in_some_columns(server: Server, store: SessionStore) -> None:
    reply = server.get("/api/bars.arrow", symbol="SPY,QQQ", interval="1m", last=2, columns="symbol,close")
    there = store.bars(["QQQ", "SPY"], "1m", last=2, columns=["symbol", "close"])
    assert pa.ipc.open_stream(reply.body).read_all() == there
    assert "bars have no column 'price'" in server.get("/api/bars", symbol="SPY", interval="1m", columns="price").error


def test_bars_as_of_a_moment_and_forming_ones(server: Server, store: SessionStore) -> None:
    (first,) = store.sql("SELECT min(committed_at) AS at FROM batches WHERE kind = 'load'")["at"].to_pylist()
    moment = (first + timedelta(microseconds=1)).isoformat()
    then = server.get("/api/bars.json", symbol="SPY", interval="1m", as_of=moment).columns
    assert then["close"] == store.bars("SPY", "1m", as_of=moment)["close"].to_pylist()
    assert then["close"] != store.bars("SPY", "1m")["close"].to_pylist()
    live = server.get("/api/bars.json", symbol="BTC-USD", interval="1d", live="true").columns
    assert live["close"] == store.bars("BTC-USD", "1d", live=True)["close"].to_pylist()


def test_a_chart_gets_the_finest_interval_it_has_room_for(server: Server, store: SessionStore) -> None:
    for points, interval in ((3000, "1m"), (2999, "1h"), (49, "1d"), (1, "1d")):
        columns = server.get("/api/chart", symbol="BTC-USD", points=points).columns
        assert set(columns["interval"]) == {interval}, points
        assert columns["close"] == store.bars("BTC-USD", interval)["close"].to_pylist()
    part = server.get(
        "/api/chart", symbol="BTC-USD", points=60, start="2024-11-29T01:00:00Z", end="2024-11-29T02:00:00Z"
    )
    assert part.columns["interval"] == ["1m"] * 60
    assert part.columns["time"][0] == 1732842000


def test_a_chart_puts_a_day_where_its_session_is(server: Server) -> None:
    columns = server.get("/api/chart", symbol="SPY", interval="1d").columns
    assert (columns["session_date"], columns["time"]) == (["2024-11-29"], [1732838400])


def test_a_chart_takes_columns(server: Server) -> None:
    for interval in ("1d", "1m"):
        whole = server.get("/api/chart", symbol="SPY", interval=interval).columns
        part = server.get("/api/chart", symbol="SPY", interval=interval, columns="high,close").columns
        assert part == {name: whole[name] for name in ("time", "high", "close")}
    assert "'hihg'" in server.get("/api/chart", symbol="SPY", columns="hihg").error


def test_bars_are_filled_as_the_store_fills_them(server: Server, store: SessionStore) -> None:
    fills: tuple[Fill, ...] = ("previous", "zero_volume")
    for fill in fills:
        reply = server.get("/api/bars.arrow", symbol="ZZZ,SPY", interval="1m", fill=fill, adjust="all")
        there = store.bars(["SPY", "ZZZ"], "1m", fill=fill, adjust="all")
        assert pa.ipc.open_stream(reply.body).read_all() == there
        assert there["filled"].to_pylist().count(True) == 30
    drawn = server.get("/api/chart", symbol="ZZZ", fill="previous", points=129, columns="interval,close").columns
    assert drawn["interval"] == ["5m"] * 26  # of minutes there is room for those that are there, not for all
    drawn = server.get("/api/chart", symbol="ZZZ", fill="previous", points=130, columns="interval,filled").columns
    assert (drawn["interval"], drawn["filled"].count(True)) == (["1m"] * 130, 30)


@pytest.mark.parametrize("name", ["intervals", "gaps", "coverage", "revisions", "batches", "rejected", "runs"])
def test_a_view_is_served_as_it_is(server: Server, store: SessionStore, name: str) -> None:
    table = pa.ipc.open_stream(server.get(f"/api/{name}.arrow").body).read_all()
    there = store.sql(f"SELECT * FROM {name}")
    assert sorted(map(repr, table.to_pylist())) == sorted(map(repr, there.to_pylist()))


def test_health_and_symbols_are_of_the_symbols_asked_for(server: Server, store: SessionStore) -> None:
    assert server.get("/api/health", symbol="QQQ").columns["symbol"] == ["QQQ"]
    columns = server.get("/api/symbols").columns
    assert columns["symbol"] == ["BTC-USD", "QQQ", "SPY", "ZZZ"]
    assert columns["base"] == ["1m"] * 4
    assert columns["intervals"][0] == ["1m", "1h", "1d"]
    assert columns["timezone"] == ["UTC", *["America/New_York"] * 3]
    quality = dict(store.sql("SELECT symbol, quality_pct FROM health").to_pydict().items())
    assert dict(zip(columns["symbol"], columns["quality_pct"], strict=True)) == dict(
        zip(quality["symbol"], quality["quality_pct"], strict=True)
    )


def test_gaps_and_coverage_are_narrowed(server: Server, store: SessionStore) -> None:
    gaps = server.get("/api/gaps", symbol="ZZZ", interval="1m").columns
    assert gaps["gap_start"] == [
        one.strftime("%Y-%m-%dT%H:%M:%SZ") for one in store.gaps("ZZZ", "1m")["gap_start"].to_pylist()
    ]
    assert len(gaps["gap_start"]) == 1
    assert server.get("/api/gaps", symbol="ZZZ", start="2024-11-30").columns["symbol"] == []
    assert set(server.get("/api/coverage", symbol="ZZZ", interval="5m").columns["symbol"]) == {"ZZZ"}


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/api/bars?symbol=SPX&interval=1d", 404, "symbol 'SPX' is not registered (did you mean SPY?)"),
        ("/api/bars?symbol=SPY", 400, "interval is missing; give one, such as interval=1d"),
        ("/api/bars?interval=1d", 400, "symbol is missing; give one, such as symbol=SPY"),
        ("/api/bars?symbol=SPY&interval=1M", 400, "1mo"),
        ("/api/bars?symbol=SPY&interval=1h", 400, "no symbol asked for has interval '1h'; there are 1m, 5m, 1d"),
        ("/api/bars?symbol=SPY&interval=1d&start=yesterday", 400, "start=yesterday is no date or time of ISO 8601"),
        ("/api/bars?symbol=SPY&interval=1d&start=2024-11-29T14:30", 400, "has no time zone"),
        ("/api/bars?symbol=SPY&interval=1d&start=2025-01-01&end=2024-01-01", 400, "lies after"),
        ("/api/bars?symbol=SPY&interval=1d&begin=2024-11-29", 400, "there is no parameter 'begin' here"),
        ("/api/bars?symbol=SPY&interval=1d&interval=1m", 400, "interval is said twice"),
        ("/api/bars?symbol=SPY&interval=1d&live=perhaps", 400, "live=perhaps is neither true nor false"),
        ("/api/bars?symbol=SPY&interval=1d&live=1&as_of=2024-11-29T14:30:00Z", 400, "exclude each other"),
        ("/api/bars?symbol=SPY&interval=1d&adjust=splits", 400, "adjust=splits is nothing to adjust for; give 'split'"),
        ("/api/bars?symbol=SPY&interval=1d&fill=next", 400, "fill=next is nothing to fill with; give 'previous'"),
        ("/api/chart?symbol=SPY&fill=zero_volume", 400, "cannot be drawn; give fill=previous"),
        ("/api/gaps?last=0", 400, "last=0 is not usable"),
        ("/api/sql.csv?q=FROM%20%27a.csv%27", 400, "no files are read here; fetch bars, or attach the snapshot"),
        ("/api/sql.csv?q=FROM%20read_csv(%27a.csv%27)", 400, "no files are read here, and read_csv does; fetch bars"),
        ("/api/chart?symbol=SPY&points=many", 400, "points=many is not usable"),
        ("/api/chart?symbol=SPY&points=0", 400, "points=0 is not usable"),
        ("/api/coverage?start=2024-11-29T14:30:00Z", 400, "coverage goes by whole sessions"),
        ("/api/batches?limit=-1", 400, "limit=-1 is not usable"),
        ("/api/bar.csv", 404, "there is no /api/bar (did you mean bars?)"),
        ("/api/state", 404, "there is no /api/state"),
        ("/api/bars.xlsx?symbol=SPY&interval=1d", 404, "there are arrow, csv, json, parquet"),
        ("/api/sql.csv", 400, "say the query as q="),
        ("/api/sql.csv?q=SELEC", 400, "the query cannot be answered: Parser Error"),
        ("/api/sql.csv?q=FROM%20barz", 400, "barz"),
        ("/nothing", 404, "there is nothing at /nothing"),
        ("/../../etc/passwd", 404, "there is nothing at"),
        ("/%2e%2e/%2e%2e/etc/passwd", 404, "there is nothing at"),
        ("/snapshots/1-0/bars.duckdb", 404, "there is no such snapshot any more"),
        ("/snapshots/..%2f..%2fetc/passwd", 404, "there is nothing at"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(server: Server, address: str, status: int, said: str) -> None:
    reply = server.get(address)
    assert reply.status == status
    assert said in reply.error


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"SELECT 1", "the body is no JSON"),
        (b"[1]", "the body is to be"),
        (b'{"query": "SELECT 1"}', "the body is to be"),
        (b'{"sql": "SELECT 1", "file": "x"}', "the body is to be"),
        (b'{"sql": "SELECT ?", "parameters": 1}', "parameters are a list"),
        (b'{"sql": "SELECT ?", "parameters": [{"a": 1}]}', "parameters are a list"),
        (b'{"sql": "SELECT 1", "limit": 0}', "limit is how many rows"),
        (b'{"sql": "SELECT 1", "limit": true}', "limit is how many rows"),
        (b'{"sql": "SELECT 1", "limit": "10"}', "limit is how many rows"),
        (b"[" * 100_000, "the body is no JSON"),
    ],
)
def test_a_body_that_is_no_query_is_refused(server: Server, body: bytes, said: str) -> None:
    reply = server.ask("POST", "/api/sql", body)
    assert (reply.status, said in reply.error) == (400, True), reply.body


def test_a_body_without_end_is_not_read(server: Server) -> None:
    assert server.ask("POST", "/api/sql", b" " * (2**20 + 1)).status == 413


def test_what_a_client_has_is_not_sent_again(server: Server) -> None:
    first = server.get("/api/bars.csv", symbol="SPY", interval="5m")
    address = "/api/bars.csv?symbol=SPY&interval=5m"
    again = server.ask("GET", address, If_None_Match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert server.ask("GET", address.replace("SPY", "QQQ"), If_None_Match=first.headers["etag"]).status == 200
    assert "etag" not in server.sql("SELECT now()").headers


def test_the_programs_of_the_guide_read_it(server: Server) -> None:
    page = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
    programs = [block.partition("```")[0] for block in page.split("```python\n")[1:]]
    (program,) = [one for one in programs if "urlopen" in one]  # the others ask by Flight SQL
    there: dict[str, Any] = {}
    exec(program.replace("127.0.0.1:8321", f"{server.host}:{server.port}"), there)
    assert str(there["days"]["bar_start"][0]) == "2024-11-29 14:30:00+00:00"
    assert there["minutes"]["symbol"].unique(maintain_order=True).to_list() == ["QQQ", "SPY"]
    assert there["forming"]["forming"].to_list() == [True] * there["forming"].height


# Who is answered


def test_another_name_is_not_answered(server: Server) -> None:
    for host in ("evil.example", "localhost.evil.example", f"evil.example:{server.port}", ""):
        assert server.ask("GET", "/api/symbols", Host=host).status == 400, host
    for host in (f"localhost:{server.port}", "127.0.0.1", "[::1]:80"):
        assert server.ask("GET", "/api/symbols", Host=host).status == 200, host


def test_a_page_of_somebody_else_is_not_answered(server: Server) -> None:
    body, own = b'{"sql": "SELECT 1"}', f"http://{server.host}:{server.port}"
    assert server.ask("POST", "/api/sql", body, Origin="https://evil.example").status == 403
    assert server.ask("POST", "/api/sql", body, Origin="null").status == 403
    assert server.ask("GET", "/api/symbols", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors").status == 403
    assert server.ask("GET", "/api/symbols", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate").status == 200
    assert server.ask("POST", "/api/sql", body, Origin=own).status == 200


def test_a_page_may_ask_nobody_else(server: Server) -> None:
    for address in ("/", "/api/symbols", "/nothing", "/login.html"):
        policy = server.get(address).headers["content-security-policy"]
        assert "default-src 'none'" in policy and "connect-src 'self'" in policy
    for address in ("/", "/api.html", "/login.html"):
        page = server.get(address).body.decode()
        assert not re.findall(r"<(?:script|link|img|iframe)[^>]*//", page), f"{address} takes something from elsewhere"


def test_the_chart_library_is_sent_once_and_with_its_licence(server: Server) -> None:
    (address,) = re.findall(r'src="(vendor/[^"]+)"', server.get("/").body.decode())
    library = server.get(f"/{address}")
    assert (library.status, library.headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    version = re.search(r"Lightweight Charts\S* v([0-9.]+)", library.body[:500].decode())
    assert version and version[1] in address, "what its address says for good is not what it gives"
    assert library.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert b"Apache License" in server.get("/vendor/LICENSE").body
    assert b"www.tradingview.com" in server.get("/vendor/NOTICE").body
    assert server.get("/page.js").headers["cache-control"] == "no-cache"
    for outside in ("/vendor/../site.py", "/vendor/%2e%2e/site.py", "/site.py", "/vendor/"):
        assert server.get(outside).status == 404


def test_the_server_says_that_it_is_there_and_what_it_did(server: Server) -> None:
    assert server.get("/healthz").said == {"status": "ok"}
    server.sql("SELECT 1")
    counted = server.get("/metrics").body.decode()
    assert 'barhouse_serve_answers_total{read="sql",outcome="ok"}' in counted
    assert counted.endswith("# EOF\n")


def test_each_query_is_logged_on_a_line(server: Server) -> None:
    server.sql("SELECT 'first\nsecond' AS told, '" + "x" * 300 + "'")
    wait_until(lambda: "told" in server.logged())
    (line,) = [one for one in server.logged().splitlines() if "told" in one]
    assert "anybody asked sql \"SELECT 'first\\nsecond' AS told" in line
    assert "ok, 1 rows, " in line
    assert "x" * 201 not in line


# The file itself


def test_the_file_is_sent_whole_and_in_parts(server: Server, store: SessionStore) -> None:
    snapshot = server.get("/api/snapshot").said
    to = server.get("/bars.duckdb")
    assert (to.status, to.headers["location"]) == (307, snapshot["file"])
    whole = server.get(snapshot["file"])
    assert whole.body[8:12] == b"DUCK"
    part = server.ask("GET", snapshot["file"], Range="bytes=4096-8191")
    assert (part.status, part.body) == (206, whole.body[4096:8192])
    assert part.headers["content-range"] == f"bytes 4096-8191/{len(whole.body)}"
    assert server.ask("HEAD", snapshot["file"]).headers["content-length"] == str(len(whole.body))
    assert server.ask("GET", snapshot["file"], Range=f"bytes={len(whole.body)}-").status == 416


def test_the_parts_of_a_file_are_a_store(server: Server, store: SessionStore, tmp_path: Path) -> None:
    address = server.get("/api/snapshot").said["file"]
    size = int(server.ask("HEAD", address).headers["content-length"])
    step = size // 7 + 1
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes(
        b"".join(server.ask("GET", address, Range=f"bytes={at}-{at + step - 1}").body for at in range(0, size, step))
    )
    with open_store(copy, read_only=True) as copied:
        assert copied.sql(BARS) == store.sql(BARS)


# Another snapshot


def test_each_answer_is_of_one_snapshot_while_others_are_published(store_file: Path, tmp_path: Path) -> None:
    """Answers equal what the store held when one of its snapshots was published, and none fails."""
    path, target = tmp_path / "own.duckdb", tmp_path / "public" / "bars.duckdb"
    target.parent.mkdir()
    shutil.copy(store_file, path)
    held = {publish(path, target)}
    asked = "SELECT (SELECT max(batch_id) FROM batches) AS batch, count(*) AS bars, sum(volume) AS volume FROM bars"
    expected: dict[int, tuple[int, float]] = {}

    def note() -> None:
        with open_store(path, read_only=True) as store:
            (row,) = store.sql(asked).to_pylist()
        expected[row["batch"]] = (row["bars"], row["volume"])

    note()
    answers: list[tuple[int, int, float]] = []
    failures: list[bytes] = []
    done = threading.Event()
    with served(target, "--keep", "2", folder=tmp_path) as server:

        def ask() -> None:
            client = Client(server.host, server.port)
            while not done.is_set():
                reply = client.sql(asked)
                if reply.status != 200:
                    failures.append(reply.body)
                    return
                columns = reply.columns
                answers.append((columns["batch"][0], columns["bars"][0], columns["volume"][0]))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        try:
            for number in range(SERVED):
                with open_store(path, settings={"threads": 1}) as store:
                    later = OPEN + timedelta(minutes=100 + number)
                    SessionCoordinator(store).load(minutes("SPY", 1, 200.0, later), "SPY", "1m")
                note()
                newest = publish(path, target)
                held.add(newest)
                wait_until(lambda newest=newest: server.get("/api/snapshot").said["batch_id"] == newest)
        finally:
            done.set()
            for thread in threads:
                thread.join()
        assert failures == []
        assert {(batch, *expected[batch]) for batch, _, _ in answers} == set(answers)
        assert {batch for batch, _, _ in answers} <= held
        assert len({batch for batch, _, _ in answers}) > 1
        wait_until(lambda: server.snapshots_open() <= {target.stat().st_ino})
        folders = [one for one in target.parent.iterdir() if one.name.startswith(".bars")]
        assert len(list(folders[0].glob("*/bars.duckdb"))) == 2
    assert [one.name for one in target.parent.iterdir()] == ["bars.duckdb"]


def test_those_who_listen_hear_of_a_new_snapshot(store_file: Path, tmp_path: Path) -> None:
    path, target = tmp_path / "own.duckdb", tmp_path / "bars.duckdb"
    shutil.copy(store_file, path)
    first = publish(path, target)
    with served(target, folder=tmp_path) as server:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
        connection.request("GET", "/api/events")
        response = connection.getresponse()
        assert response.headers["content-type"].startswith("text/event-stream")

        heard = [_event(response)["batch_id"]]
        with open_store(path) as store:
            SessionCoordinator(store).load(minutes("SPY", 1, 200.0, OPEN + timedelta(minutes=100)), "SPY", "1m")
        second = publish(path, target)
        heard.append(_event(response)["batch_id"])
        connection.close()
        assert heard == [first, second]


def _event(response: http.client.HTTPResponse) -> dict[str, object]:
    """The next event of a stream."""
    while True:
        line = response.readline().decode()
        if line.startswith("data: "):
            return dict(json.loads(line.removeprefix("data: ")))


def test_what_is_no_snapshot_does_not_take_the_place_of_one(store_file: Path, tmp_path: Path) -> None:
    path, target = tmp_path / "own.duckdb", tmp_path / "bars.duckdb"
    shutil.copy(store_file, path)
    batch = publish(path, target)
    with served(target, folder=tmp_path) as server:
        target.unlink()
        target.write_bytes(b"this is no store" * 1000)
        wait_until(lambda: "cannot be served" in server.logged())
        assert server.get("/api/snapshot").said["batch_id"] == batch
        assert server.sql("SELECT max(batch_id) AS b FROM batches").columns == {"b": [batch]}


# The command


def test_a_store_is_published_first_and_then_served(store_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.duckdb"
    shutil.copy(store_file, path)
    with served(path, folder=tmp_path) as server:
        assert f"published {path} to {tmp_path / 'own.published.duckdb'}" in server.logged()
        assert server.get("/api/snapshot").said["batch_id"] is not None
        with open_store(path) as store:  # its writer is not kept out
            assert store.get_active_symbols()


# Many rows

MILLION_ROWS = 1_000_000
MILLION = f"""
    SELECT 'S' || (i % 100) AS symbol, TIMESTAMPTZ '2024-01-01 00:00:00+00' + to_minutes(i) AS bar_start,
           DATE '2024-01-01' + (i % 366)::INTEGER AS session_date, 100 + (i % 5000) / 100 AS close,
           nullif(i % 3, 0)::DOUBLE AS volume, i AS number, i % 7 = 0 AS complete
    FROM range({MILLION_ROWS}) AS r(i)
"""


def test_a_million_rows_are_those_of_the_store_in_every_format(server: Server, store: SessionStore) -> None:
    there = store.sql(MILLION).combine_chunks()
    body = {form: server.sql(MILLION, form=form).body for form in ("arrow", "parquet", "csv")}
    assert pa.ipc.open_stream(body["arrow"]).read_all().combine_chunks() == there
    assert pa.parquet.read_table(io.BytesIO(body["parquet"])).cast(there.schema).combine_chunks() == there
    types = pa.csv.ConvertOptions(column_types=there.schema)
    assert pa.csv.read_csv(io.BytesIO(body["csv"]), convert_options=types).combine_chunks() == there


def _most_memory(pid: int) -> int:
    """The most memory that a process has had so far, in bytes."""
    (found,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    return int(found) * 1024


@pytest.mark.parametrize("form", ["arrow", "csv", "parquet"])
def test_rows_come_before_the_last_and_fill_nothing(server: Server, form: str) -> None:
    """A client that reads no further holds the answer up where it is made: nobody keeps the rest for it."""
    query = f"SELECT '{form}', md5(number::VARCHAR) AS one, md5((-number)::VARCHAR) AS other, * FROM ({MILLION})"
    before = _most_memory(server.pid)
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
    connection.request("GET", f"/api/sql.{form}?{urlencode({'q': query})}")
    answer = connection.getresponse()
    assert answer.read(1000)
    size = 1000
    assert not _lines_about(server, f"'{form}'"), "the answer has ended although hardly any of it was read"
    while piece := answer.read(2**20):
        size += len(piece)
    connection.close()
    wait_until(lambda: bool(_lines_about(server, f"'{form}'")))
    (line,) = _lines_about(server, f"'{form}'")
    assert f"ok, {MILLION_ROWS} rows" in line
    assert size > 40 * 2**20
    assert _most_memory(server.pid) - before < size / 3


def _lines_about(server: Server, text: str) -> list[str]:
    return [line for line in server.logged().splitlines() if text in line]
