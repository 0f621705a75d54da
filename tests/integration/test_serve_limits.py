"""Nothing that is asked leaves the store, and nothing takes more than it may: it is refused, or ended in time."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from serve_kit import OPEN, Client, Server, make_store, minutes, publish, served, wait_until

from barhouse import DataProcessor, SessionCoordinator, open_store
from barhouse.store.serving.tokens import add_token

#: How long the servers here let an answer take.
_TIMEOUT = 5.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("limits")
    make_store(made / "store.duckdb")
    (made / "public").mkdir()
    publish(made / "store.duckdb", made / "public" / "bars.duckdb")
    (made / "secret.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (made / "out").mkdir()
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    limits = ("--timeout", f"{_TIMEOUT:g}s", "--memory", "400MB", "--rows", "100000", "--workers", "1")
    with served(folder / "public" / "bars.duckdb", *limits, folder=folder) as running:
        yield running


@pytest.fixture(scope="module")
def patient(folder: Path) -> Iterator[Server]:
    """A server with one worker that lets answers take long, and asks for tokens."""
    tokens = folder / "tokens.toml"
    for name in ("busy", "calm"):
        (folder / f"{name}.txt").write_text(add_token(tokens, name), encoding="utf-8")
    options = ("--tokens", str(tokens), "--workers", "1", "--timeout", "60s")
    with served(folder / "public" / "bars.duckdb", *options, folder=folder) as running:
        yield running


#: Statements that read or write files, change what DuckDB is, or are no one statement that reads. FILE is one that is
#: there, OUT a folder to write to, STORE the store.
REFUSED = """
SELECT * FROM read_csv('FILE')
SELECT * FROM read_csv_auto('FILE')
SELECT * FROM read_text('FILE')
SELECT * FROM read_blob('FILE')
SELECT * FROM read_json('FILE')
SELECT * FROM read_json_auto('FILE')
SELECT * FROM read_json_objects('FILE')
SELECT * FROM read_ndjson('FILE')
SELECT * FROM read_ndjson_objects('FILE')
SELECT * FROM read_parquet('FILE')
SELECT * FROM parquet_scan('FILE')
SELECT * FROM parquet_metadata('FILE')
SELECT * FROM parquet_schema('FILE')
SELECT * FROM parquet_file_metadata('FILE')
SELECT * FROM parquet_kv_metadata('FILE')
SELECT * FROM parquet_bloom_probe('FILE', 'a', 1)
SELECT * FROM sniff_csv('FILE')
SELECT * FROM glob('/*')
SELECT * FROM glob('OUT/*')
SELECT * FROM 'FILE'
SELECT * FROM "FILE"
FROM 'FILE'
FROM '/etc/passwd'
SELECT * FROM read_text('/etc/passwd')
SELECT * FROM read_text('/proc/self/environ')
SELECT * FROM read_blob('/proc/self/mem')
SELECT * FROM read_csv('http://127.0.0.1:1/x.csv')
SELECT * FROM 'https://127.0.0.1:1/x.parquet'
SELECT * FROM 's3://bucket/x.parquet'
SELECT (SELECT content FROM read_text('FILE'))
WITH f AS (FROM read_csv('FILE')) FROM f
SELECT * FROM bars WHERE symbol IN (SELECT content FROM read_text('FILE'))
FROM query('FROM read_csv(''FILE'')')
FROM query_table('FILE')
FROM query_table(['bars', 'FILE'])
FROM json_execute_serialized_sql(json_serialize_sql('FROM read_text(''FILE'')'))
PRAGMA json_execute_serialized_sql('{}')
EXPLAIN SELECT * FROM read_csv('FILE')
EXPLAIN ANALYZE SELECT * FROM read_csv('FILE')
DESCRIBE SELECT * FROM read_csv('FILE')
DESCRIBE 'FILE'
SUMMARIZE 'FILE'
PIVOT read_csv('FILE') ON a USING count(*)
UNPIVOT 'FILE' ON a INTO NAME n VALUE v
COPY bars TO 'OUT/a.csv'
COPY bars TO 'OUT/a.parquet' (FORMAT parquet)
COPY (SELECT 1) TO 'OUT/a.json'
COPY (SELECT 1) TO '/dev/stdout'
COPY (SELECT 1) TO '/dev/stderr'
COPY bars TO 'OUT' (PARTITION_BY symbol, OVERWRITE true)
COPY bar FROM 'FILE'
COPY FROM DATABASE bars TO memory
EXPLAIN ANALYZE COPY bars TO 'OUT/a.csv'
EXPORT DATABASE 'OUT/dump'
IMPORT DATABASE 'OUT'
ATTACH 'OUT/a.duckdb' AS a
ATTACH 'STORE' AS a (READ_ONLY)
ATTACH ':memory:' AS a
ATTACH 'http://127.0.0.1:1/a.duckdb' AS a
DETACH bars
USE memory
INSTALL httpfs
FORCE INSTALL httpfs
LOAD httpfs
LOAD 'OUT/evil.duckdb_extension'
UPDATE EXTENSIONS
SET threads = 64
SET GLOBAL memory_limit = '100GB'
SET memory_limit = '100GB'
SET SESSION temp_directory = 'OUT'
SET enable_external_access = true
SET GLOBAL enable_external_access = true
SET lock_configuration = false
SET allowed_directories = ['/']
SET autoinstall_known_extensions = true
SET autoload_known_extensions = true
SET custom_extension_repository = 'http://127.0.0.1:1'
SET log_query_path = 'OUT/log'
SET home_directory = 'OUT'
SET profiling_output = 'OUT/p'
SET TimeZone = 'America/New_York'
SET python_enable_replacements = true
RESET memory_limit
RESET GLOBAL threads
PRAGMA enable_profiling
PRAGMA enable_profiling = 'json'
PRAGMA profiling_output = 'OUT/p'
PRAGMA enable_logging
PRAGMA memory_limit = '100GB'
PRAGMA database_list
PRAGMA show_tables
PRAGMA table_info('bars')
PRAGMA version
PRAGMA force_checkpoint
CALL enable_logging(storage_path = 'OUT/log')
CALL enable_profiling()
CALL pragma_version()
CALL checkpoint()
FROM enable_logging()
FROM checkpoint()
FROM force_checkpoint()
FROM truncate_duckdb_logs()
CREATE SECRET s (TYPE http, BEARER_TOKEN 'x')
DROP SECRET s
CREATE TABLE t (x INTEGER)
CREATE TEMP TABLE t AS FROM bars
CREATE TEMP VIEW bars AS SELECT 1
CREATE MACRO m() AS 1
CREATE TEMP MACRO m() AS TABLE FROM bars
CREATE TYPE e AS ENUM ('a')
CREATE SEQUENCE q
CREATE SCHEMA s
CREATE INDEX i ON bar (batch_id)
DROP TABLE bar
DROP VIEW bars
ALTER TABLE bar ADD COLUMN x INTEGER
INSERT INTO bar SELECT * FROM bar
UPDATE batch SET source = 'x'
DELETE FROM bar
TRUNCATE bar
MERGE INTO batch USING batch AS b ON false WHEN NOT MATCHED THEN INSERT
WITH gone AS (DELETE FROM bar RETURNING *) FROM gone
COMMENT ON TABLE bar IS 'x'
BEGIN
COMMIT
ROLLBACK
CHECKPOINT
FORCE CHECKPOINT
VACUUM
ANALYZE
PREPARE p AS SELECT 1
EXECUTE p
DEALLOCATE p
SET VARIABLE v = 1
SELECT 1; SELECT 2
SELECT 1; DROP VIEW bars
COMMIT; DELETE FROM bar; BEGIN; SELECT 1
SELECT write_log('x')
SELECT nextval('q')
SELECT * FROM arrow_scan(1, 2, 3)
SELECT * FROM pandas_scan(1)
SELECT * FROM python_map_function()
SELECT * FROM duckdb_secrets()
SELECT getenv('HOME')
SELECT * FROM sqlite_scan('STORE', 'bar')
SELECT * FROM postgres_scan('host=127.0.0.1', 'public', 't')
SELECT * FROM seq_scan('bar')
SELECT error('on purpose')
SELECT
--
;
""".strip("\n").splitlines()


@pytest.mark.parametrize("text", REFUSED)
def test_what_leaves_the_store_is_refused_and_writes_nothing(server: Server, folder: Path, text: str) -> None:
    before = _files(folder)
    asked = text.replace("FILE", str(folder / "secret.csv")).replace("OUT", str(folder / "out"))
    reply = server.sql(asked.replace("STORE", str(folder / "store.duckdb")))
    assert 400 <= reply.status < 500, reply.body
    assert reply.error
    assert _files(folder) == before


def _files(folder: Path) -> set[Path]:
    return {one for one in folder.rglob("*") if one.suffix != ".log"}


def test_after_all_of_them_the_store_answers_as_before(server: Server) -> None:
    assert server.sql("SELECT count(DISTINCT symbol) AS n FROM bars").columns == {"n": [4]}
    assert server.sql("SELECT current_setting('TimeZone') AS z").columns == {"z": ["UTC"]}


def test_one_query_leaves_nothing_to_the_next(server: Server) -> None:
    server.sql("PIVOT bars ON symbol USING count(*)")
    assert server.sql("SELECT count(*) AS n FROM duckdb_types() WHERE NOT internal").columns == {"n": [0]}
    assert server.sql("SELECT count(*) AS n FROM duckdb_tables() WHERE temporary").columns == {"n": [0]}


#: Each would take all memory there is, or run for hours.
BOMBS = """
SELECT length(repeat('x', 4000000000))
SELECT list_sort(range(300000000))[1]
SELECT count(*) FROM range(100000000) AS a, range(100000000) AS b
SELECT sum(hash(a.range) % 7) FROM range(1000000) AS a, range(1000000) AS b
SELECT count(*) FROM (SELECT repeat('x', 100000) || range FROM range(1000000) ORDER BY 1)
SELECT list(a.close ORDER BY a.volume) FROM bars AS a, bars AS b, bars AS c
WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM r) SELECT max(x) FROM r
SELECT list_sum(list_transform(range(100000000), lambda x: x * 2))
""".strip().splitlines()


@pytest.mark.parametrize("text", BOMBS)
def test_a_query_that_takes_too_much_is_ended_and_the_next_is_answered(server: Server, text: str) -> None:
    reply = server.sql(text)
    assert reply.status == 422, reply.body
    assert reply.said["error"]["kind"] in ("late", "memory"), reply.body
    assert server.sql("SELECT 1 AS x").columns == {"x": [1]}
    assert all(_memory(pid) < 900 * 2**20 for pid in (server.pid, *server.workers()))


def _memory(pid: int) -> int:
    """What a process has of the machine's memory, in bytes, at its most."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except FileNotFoundError:
        pass
    return 0


def test_an_answer_of_too_many_rows_is_refused_or_cut_so_that_it_shows(server: Server) -> None:
    reply = server.sql("SELECT * FROM range(100001)")
    assert (reply.status, reply.said["error"]["kind"]) == (422, "rows")
    assert "the answer has more than 100,000 rows" in reply.error
    assert server.sql("SELECT * FROM range(100000)", form="csv").status == 200
    # Some of it is on its way before the last row is counted.
    with pytest.raises(http.client.IncompleteRead):
        assert server.sql("SELECT range, repeat('x', 100) FROM range(1000000)", form="arrow").body == b""


def test_what_cannot_be_written_in_a_format_is_said(server: Server) -> None:
    assert server.sql("SELECT INTERVAL 1 DAY AS i", form="parquet").status == 400
    assert server.sql("SELECT {'a': [1, NULL]} AS s, 'nan'::DOUBLE AS n, 1e400 AS i").columns["s"] == [{"a": [1, None]}]
    assert server.sql("SELECT 1 AS x, 2 AS x", form="parquet").status == 200


def test_an_answer_comes_before_its_last_row_is_there(server: Server) -> None:
    """Rows are sent while others are still worked on: here each takes a while."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
    connection.request("POST", "/api/sql.csv", json.dumps({"sql": "SELECT range, repeat('x', 50) FROM range(90000)"}))
    response = connection.getresponse()
    first = response.read(1000)
    assert first.startswith(b"range,")
    connection.close()


def test_whose_client_has_left_is_ended(patient: Server, folder: Path) -> None:
    """The worker is free again long before the query would be late, and the log says what happened."""
    running = "SELECT 'left', sum(hash(a.range)) FROM range(1000000) AS a, range(1000000) AS b"
    with socket.create_connection((patient.host, patient.port)) as connection:
        body = json.dumps({"sql": running}).encode()
        token = (folder / "calm.txt").read_text(encoding="utf-8")
        lines = (f"Host: {patient.host}", f"Authorization: Bearer {token}", f"Content-Length: {len(body)}")
        connection.sendall("\r\n".join(["POST /api/sql HTTP/1.1", *lines, "", ""]).encode() + body)
        wait_until(lambda: any(_is_working(pid) for pid in patient.workers()))
    wait_until(lambda: "left" in patient.logged(), 20)
    (line,) = [one for one in patient.logged().splitlines() if "'left'" in one]
    assert "calm asked sql" in line
    assert "given_up" in line
    wait_until(lambda: not any(_is_working(pid) for pid in patient.workers()), 20)


def _is_working(pid: int) -> bool:
    """Whether a process takes the processor now."""

    def ticks() -> int:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except FileNotFoundError:
            return 0
        return int(fields[11]) + int(fields[12])

    before = ticks()
    time.sleep(0.1)
    return ticks() - before >= 3


def test_who_asks_much_waits_behind_who_asks_little(patient: Server, folder: Path) -> None:
    """One worker, and one asker with many slow queries: another's is answered before all of those are."""

    def client(name: str) -> Client:
        token = (folder / f"{name}.txt").read_text(encoding="utf-8")
        return Client(patient.host, patient.port, {"Authorization": f"Bearer {token}"})

    busy, slow = client("busy"), "SELECT sum(hash(range)) FROM range(20000000)"
    threads = [threading.Thread(target=busy.sql, args=(slow,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert client("calm").sql("SELECT 'calm'").status == 200
    assert any(thread.is_alive() for thread in threads)
    for thread in threads:
        thread.join()
    told = [line.split()[1] for line in patient.logged().splitlines() if "asked sql" in line and "left" not in line]
    assert "calm" in told[:-1]
    assert busy.get("/api/symbols").status == 200


def test_no_worker_outlives_its_server(folder: Path, tmp_path: Path) -> None:
    with served(folder / "public" / "bars.duckdb", folder=tmp_path) as server:
        server.sql("SELECT 1")
        workers = server.workers()
        assert len(workers) == 6
        assert server.process is not None
        server.process.kill()
        wait_until(lambda: not any(_is_there(pid) for pid in workers))
    left = [one for one in (folder / "public").iterdir() if one.name.startswith(".bars.duckdb.serving")]
    assert len(left) >= 1
    with served(folder / "public" / "bars.duckdb", folder=tmp_path):  # the next server tidies up
        assert not left[0].exists() or len(left) > 1


def _is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_writer_is_not_slowed_by_what_a_server_is_asked(folder: Path, tmp_path: Path) -> None:
    """Beside a store with little memory others sort all bars again and again, and every write goes through."""
    path = tmp_path / "own.duckdb"
    shutil.copy(folder / "store.duckdb", path)
    done, answered = threading.Event(), []
    with served(folder / "public" / "bars.duckdb", folder=tmp_path) as server:

        def ask() -> None:
            while not done.is_set():
                answered.append(server.sql("SELECT list(close ORDER BY volume) FROM bars", form="arrow").status)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        with open_store(path, settings={"threads": 1, "memory_limit": "150MB"}) as store:
            for thread in threads:
                thread.start()
            try:
                for number in range(25):
                    later = OPEN + timedelta(minutes=200 + number)
                    report = SessionCoordinator(store).load(minutes("SPY", 1, 100.0, later), "SPY", "1m")
                    if number % 5 == 0:
                        DataProcessor(store).process()
                    assert report.inserted == 1
            finally:
                done.set()
                for thread in threads:
                    thread.join()
    assert set(answered) == {200}
