"""What is served follows every commit of a store that is published so, whoever writes, asks or is killed."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import os
import shutil
import signal
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from serve_kit import OPEN, Client, Server, make_store, minutes, served, wait_until

from barhouse import DataProcessor, LiveSession, SessionCoordinator, SessionStore, open_store, run_job
from barhouse.coordinator.feeds.folder_feed import FolderFeed
from barhouse.coordinator.jobs.config import read_config
from barhouse.store.copies.increments_folder import IncrementsManifest, folder_of, mark_of
from barhouse.store.errors import ConfigError, InputError, StoreError
from barhouse.store.serving.tokens import add_token

FEW = {"threads": 1}


@pytest.fixture(scope="module")
def store_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("followed") / "store.duckdb"
    make_store(path)
    return path


@pytest.fixture
def place(store_file: Path, tmp_path: Path) -> Path:
    """A store of a test's own; what it is published to is ``target_of`` it."""
    (tmp_path / "public").mkdir()
    return Path(shutil.copy(store_file, tmp_path / "own.duckdb"))


def target_of(path: Path) -> Path:
    return path.parent / "public" / "bars.duckdb"


@contextmanager
def writing(path: Path, **settings: str | int) -> Iterator[SessionStore]:
    with open_store(path, settings={**FEW, **settings}) as store, store.publishing(target_of(path)):
        yield store


@pytest.fixture(scope="module")
def followed(store_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SessionStore, Server]]:
    """A store with little memory that is published commit by commit, and what serves it."""
    folder = tmp_path_factory.mktemp("following")
    (folder / "public").mkdir()
    place = Path(shutil.copy(store_file, folder / "own.duckdb"))
    options = ("--keep", "1", "--workers", "1")
    with writing(place, memory_limit="150MB") as store, served(target_of(place), *options, folder=folder) as server:
        yield store, server


_minutes_loaded = itertools.count(100)


def load(store: SessionStore, *, derive: bool = True) -> None:
    """A minute that is not there yet, and what is derived of it."""
    number = next(_minutes_loaded)
    rows = minutes("SPY", 1, 200.0 + number % 50, OPEN + timedelta(minutes=number))
    SessionCoordinator(store).load(rows, "SPY", "1m", sparse=True)
    if derive:
        DataProcessor(store).process()


ALL = "SELECT * FROM bars ORDER BY ALL"


def arrow(client: Client, text: str) -> pa.Table:
    reply = client.sql(text, form="arrow")
    assert reply.status == 200, reply.body
    return pa.ipc.open_stream(reply.body).read_all()


def comes_to(client: Client, store: SessionStore, text: str = ALL) -> None:
    """Wait until the answer is the store's."""
    there = store.sql(text)
    wait_until(lambda: arrow(client, text) == there)


def test_a_commit_is_seen_in_sql_and_in_typed_reads(followed: tuple[SessionStore, Server]) -> None:
    store, server = followed
    for _ in range(2):
        load(store)
        comes_to(server, store)
    told = server.get("/api/snapshot").said
    bars = pa.ipc.open_stream(server.get("/api/bars", symbol="SPY", interval="5m").body).read_all()
    assert bars == store.bars("SPY", "5m")
    (newest, _) = store.sql("SELECT * FROM batches ORDER BY batch_id DESC LIMIT 2").to_pylist()
    then = (newest["committed_at"] - timedelta(microseconds=1)).isoformat()
    as_of = server.get("/api/bars", symbol="SPY", interval="1m", as_of=then)
    assert pa.ipc.open_stream(as_of.body).read_all() == store.bars("SPY", "1m", as_of=then)
    chart = server.get("/api/chart", symbol="SPY", interval="1m", columns="close").columns["close"]
    assert chart == store.bars("SPY", "1m")["close"].to_pylist()
    for view in ("gaps", "coverage"):
        shown = pa.ipc.open_stream(server.get(f"/api/{view}.arrow").body).read_all()
        assert sorted(map(str, shown.to_pylist())) == sorted(map(str, store.sql(f"FROM {view}").to_pylist()))
    assert told["batch_id"] == newest["batch_id"]
    assert server.get(told["file"]).status == 200  # the file is as it was published


def test_those_who_listen_hear_of_every_state(followed: tuple[SessionStore, Server]) -> None:
    store, server = followed
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
    connection.request("GET", "/api/events")
    response = connection.getresponse()
    heard = [_event(response)]
    for _ in range(2):
        load(store, derive=False)
        (batch,) = store.sql("SELECT max(batch_id) AS b FROM batches")["b"].to_pylist()
        while heard[-1]["batch_id"] != batch:
            heard.append(_event(response))
    connection.close()
    assert len({one["snapshot"] for one in heard}) == len(heard)


def _event(response: http.client.HTTPResponse) -> dict[str, Any]:
    while True:
        line = response.readline().decode()
        if line.startswith("data: "):
            return dict(json.loads(line.removeprefix("data: ")))


def test_an_answer_that_was_kept_is_asked_for_again_after_a_commit(followed: tuple[SessionStore, Server]) -> None:
    store, server = followed
    comes_to(server, store)
    address = "/api/bars.json?symbol=SPY&interval=1m"
    kept = server.get(address).headers["etag"]
    assert server.ask("GET", address, If_None_Match=kept).status == 304
    load(store)
    comes_to(server, store)
    assert server.ask("GET", address, If_None_Match=kept).status == 200


def test_what_no_increment_can_tell_is_followed_too(followed: tuple[SessionStore, Server]) -> None:
    """Changed calendars, purges, and what a caller's own SQL writes."""
    store, server = followed
    coordinator = SessionCoordinator(store)
    early = {"open": "09:30", "close": "12:00"}
    coordinator.correct_calendar("XNYS", {"2024-11-27": early})
    coordinator.apply_retention({"revisions": "1d"})
    with store.transaction() as transaction:
        transaction.execute("UPDATE batch SET source = 'somewhere else' WHERE batch_id = 1")
    for view in ("batches", "retention", "revision_retention", "coverage"):
        comes_to(server, store, f"SELECT * FROM {view} ORDER BY ALL")


def test_processes_that_are_killed_leave_what_they_had_to_the_next(place: Path, tmp_path: Path) -> None:
    target, options = target_of(place), ("--workers", "1")
    with writing(place) as store:
        with served(target, *options, folder=tmp_path) as server:
            for _ in range(2):
                load(store)
                comes_to(server, store)
            for pid in server.workers():
                os.kill(pid, signal.SIGKILL)
            there = store.sql(ALL)
            wait_until(lambda: server.sql(ALL, form="arrow").status == 200)
            assert arrow(server, ALL) == there
            os.kill(server.pid, signal.SIGKILL)
        load(store)  # nobody follows
    with served(target, *options, folder=tmp_path) as server:
        with writing(place) as store:  # a new snapshot, and what follows on that
            load(store)
            there = store.sql(ALL)
        wait_until(lambda: arrow(server, ALL) == there)  # all that was committed, after the writer has ended
        with open_store(place, settings=FEW) as store:
            load(store)
            store.publish(target)  # by nobody who goes on
            comes_to(server, store)


def test_a_limited_token_sees_its_symbols_alone_as_they_become(place: Path, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.toml"
    options = ("--workers", "1", "--tokens", str(tokens))
    secret = add_token(tokens, "desk", symbols=["SPY"])
    with writing(place) as store, served(target_of(place), *options, folder=tmp_path) as server:
        server.headers["Authorization"] = f"Bearer {secret}"
        load(store)
        comes_to(server, store, "SELECT * FROM bars WHERE symbol = 'SPY' ORDER BY ALL")
        assert server.sql("SELECT DISTINCT symbol FROM bars").columns == {"symbol": ["SPY"]}
        for text in ("FROM increments.bar", "FROM snapshot.main.bar", "FROM memory.main.bars", "FROM bar"):
            assert server.sql(text).status == 400, text


def test_each_answer_is_of_one_state_while_eight_ask(followed: tuple[SessionStore, Server]) -> None:
    """Twenty states, some of them new snapshots: no answer is of none of them, none fails, and files are let go."""
    store, server = followed
    asked = "SELECT (SELECT max(batch_id) FROM batches) AS batch, count(*) AS bars, sum(volume) AS volume FROM bars"
    expected: dict[int, tuple[int, float]] = {}
    answers: list[tuple[int, int, float]] = []
    failures: list[bytes] = []
    done = threading.Event()
    coordinator = SessionCoordinator(store)
    gone = [f"GONE{number}" for number in range(3)]
    coordinator.register(gone, ["1m"], "XNYS")
    for name in gone:
        coordinator.load(minutes(name, 3, 10.0), name, "1m", sparse=True)
    comes_to(server, store)

    def note() -> int:
        (row,) = store.sql(asked).to_pylist()
        expected[row["batch"]] = (row["bars"], row["volume"])
        return int(row["batch"])

    def ask() -> None:
        client, before = Client(server.host, server.port), 0
        while not done.is_set():
            reply = client.sql(asked)
            if reply.status != 200 or reply.columns["batch"][0] < before:  # nobody goes back in time
                failures.append(reply.body)
                return
            columns = reply.columns
            before = columns["batch"][0]
            answers.append((columns["batch"][0], columns["bars"][0], columns["volume"][0]))

    newest = note()
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        for number in range(20):
            if number % 7 == 3:  # which no increment tells
                coordinator.remove_symbol(gone.pop())
            else:
                load(store, derive=False)
            newest = note()
            wait_until(lambda newest=newest: server.get("/api/snapshot").said["batch_id"] == newest)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert {(batch, *expected[batch]) for batch, _, _ in answers} == set(answers)
    assert len({batch for batch, _, _ in answers}) > 5
    assert store.path is not None
    target = target_of(store.path)
    wait_until(lambda: server.snapshots_open() <= {target.stat().st_ino})
    assert server.sql(asked).columns["batch"] == [newest]


def test_no_write_fails_beside_clients_that_take_all_they_can(followed: tuple[SessionStore, Server]) -> None:
    """In the writer's own process such queries would take the memory that its transactions need."""
    store, server = followed
    heavy = "SELECT list(close ORDER BY volume) AS l FROM bars, range(200) GROUP BY symbol"
    done = threading.Event()
    statuses: list[int] = []

    def ask() -> None:
        client = Client(server.host, server.port)
        while not done.is_set():
            statuses.append(client.sql(heavy, form="arrow").status)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: bool(statuses))
        for _ in range(25):
            load(store, derive=False)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    comes_to(server, store)
    assert set(statuses) <= {200, 422, 503}, set(statuses)


def test_increments_are_for_those_who_may_read_the_snapshot(place: Path) -> None:
    with open_store(place, settings=FEW) as store, store.publishing(target_of(place), mode="0440"):
        load(store)
    folder = folder_of(target_of(place))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o750
    files = list(folder.iterdir())
    assert len(files) > 1
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o440}


def test_a_store_is_not_published_to_itself(place: Path) -> None:
    with (
        open_store(place, settings=FEW) as store,
        pytest.raises(InputError, match="would be the store itself"),
        store.publishing(place),
    ):
        pass


def test_a_store_that_is_only_read_has_nothing_to_follow(place: Path) -> None:
    with (
        open_store(place, read_only=True) as store,
        pytest.raises(StoreError, match="was opened read-only"),
        store.publishing(target_of(place)),
    ):
        pass


def test_a_live_session_does_not_publish_and_serve_one_file(place: Path) -> None:
    with open_store(place, settings=FEW) as store, pytest.raises(InputError, match="are one file"):
        LiveSession(store, FolderFeed(place.parent, "1m"), ["SPY"], publish=place, serve=place)


def test_a_job_does_not_publish_and_serve_one_file() -> None:
    job = {
        "symbols": [{"names": ["SPY"], "calendar": "XNYS", "intervals": ["1m"]}],
        "sources": [{"files": "*.csv"}],
        "publish": {"path": "a.duckdb"},
        "serve": "a.duckdb",
    }
    with pytest.raises(ConfigError, match="name one file"):
        read_config(job)


def test_what_a_job_and_a_live_session_commit_can_be_followed(place: Path, tmp_path: Path) -> None:
    """Both come to a snapshot and increments whose last is of their newest batch."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    pq.write_table(minutes("SPY", 3, 100.0, OPEN + timedelta(hours=3)), inbox / "a.parquet")
    job = {
        "symbols": [{"names": ["SPY"], "calendar": "XNYS", "intervals": ["1m", "5m"]}],
        "sources": [{"files": str(inbox / "*.parquet"), "interval": "1m", "sparse": True}],
        "serve": str(target_of(place)),
    }
    assert run_job(job, store=place).files_loaded == 1
    assert _told(place) == _newest_batch(place)
    with open_store(place, settings=FEW) as store:
        pq.write_table(minutes("SPY", 3, 100.0, OPEN + timedelta(hours=4)), inbox / "b.parquet")
        feed = FolderFeed(inbox, "1m", once=True)
        asyncio.run(LiveSession(store, feed, ["SPY"], serve=target_of(place)).run())
    assert _told(place) == _newest_batch(place)


def _told(place: Path) -> int | None:
    manifest = IncrementsManifest.read(folder_of(target_of(place)))
    assert manifest is not None and manifest.base == mark_of(target_of(place))
    return manifest.batch_id


def _newest_batch(place: Path) -> int:
    with open_store(place, settings=FEW) as store:
        return int(store.sql("SELECT max(batch_id) AS b FROM batches")["b"][0].as_py())


def test_what_is_no_increment_is_left_alone(place: Path, tmp_path: Path) -> None:
    """After a machine went down files may be cut off; the snapshot itself is served then, and what comes after it."""
    target, folder = target_of(place), folder_of(target_of(place))
    with writing(place) as store:
        load(store)
    before = arrow_of(target)
    manifest = IncrementsManifest.read(folder)
    assert manifest is not None and manifest.through
    last = manifest.file(folder, manifest.through)
    os.truncate(last, last.stat().st_size - 10)
    with served(target, "--workers", "1", folder=tmp_path) as server:
        assert arrow(server, ALL) == before
        (folder / "manifest.json").write_text('{"version": 1, "chain": "../../x"}')
        assert arrow(server, ALL) == before
        with writing(place) as store:
            load(store)
            comes_to(server, store)


def arrow_of(snapshot: Path) -> pa.Table:
    with open_store(snapshot, read_only=True) as opened:
        return opened.sql(ALL)


def test_a_store_that_is_closed_first_ends_it(place: Path) -> None:
    with open_store(place, settings=FEW) as store, store.publishing(target_of(place)):
        load(store)
        store.close()
