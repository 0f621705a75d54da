"""A live session whose store process, producer and Redis are killed at random ends with what the producer sent."""

from __future__ import annotations

import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from barhouse import open_store
from tests.extent import LIVE_KILLS, SEED, tally
from tests.faults.live_log import OPEN, SYMBOLS, expected

MESSAGES = 100 + 60 * LIVE_KILLS
ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 240


class Child:
    """A process that is killed and started again; what it says in this life is remembered."""

    def __init__(self, *command: str) -> None:
        self._command = command
        self.start()

    def start(self) -> None:
        self.said: list[str] = []
        self.complained: list[str] = []
        self.process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
        heard = ((self.process.stdout, self.said), (self.process.stderr, self.complained))
        self._readers = [threading.Thread(target=self._listen, args=each, daemon=True) for each in heard]
        for reader in self._readers:
            reader.start()

    def _listen(self, stream: Iterable[str], lines: list[str]) -> None:
        for line in stream:
            lines.append(line.strip())

    def _hear_out(self) -> None:
        for reader in self._readers:
            reader.join()

    def check_alive(self) -> None:
        """A child that ended by itself says why, rather than being waited for."""
        if self.process.poll() is not None:
            self._hear_out()
            said = "\n".join(self.complained[-30:])
            raise AssertionError(f"{' '.join(self._command)} ended by itself: {said}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._hear_out()

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self._hear_out()
        return code


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def python(module: str, *given: object) -> Child:
    return Child(sys.executable, "-m", f"tests.faults.{module}", *(str(one) for one in given))


def live(kind: str, address: str, path: Path) -> Child:
    """A live session on the day after the log's: with years of sessions behind the log, all would have to be ended."""
    back = datetime.now(UTC) - (OPEN + timedelta(days=1))
    return python("live_store", kind, address, path, int(back.total_seconds()))


def reached(store: Child) -> int:
    found = [line.split()[1] for line in store.said if line.startswith("at ")]
    return int(found[-1].partition("-")[0]) if found else 0


def until(so: Callable[[], bool], store: Child, why: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not so():
        store.check_alive()
        assert time.monotonic() < deadline, why
        time.sleep(0.05)


def torment(victims: list[Child], store: Child, feed: str) -> int:
    """Kill one after the other and start it again; returns how many kills met a session that was under way."""
    chance = random.Random(f"{SEED} {feed}")
    under_way = 0
    for _ in range(LIVE_KILLS):
        before = reached(store)
        until(lambda before=before: reached(store) > before or reached(store) >= MESSAGES, store, "nothing more comes")
        time.sleep(chance.uniform(0, 0.5))
        under_way += reached(store) < MESSAGES
        victim = chance.choice(victims)
        victim.kill()
        time.sleep(chance.uniform(0, 0.2))
        victim.start()
    until(lambda: reached(store) >= MESSAGES, store, "the end never came")
    tally(kills=LIVE_KILLS)
    return under_way


def check(path: Path) -> None:
    with open_store(path) as store:
        rows = store.sql(
            "SELECT symbol, bar_start, open, high, low, close, volume FROM bars WHERE interval = '1m'"
        ).to_pylist()
        found = {(row["symbol"], row["bar_start"]): tuple(list(row.values())[2:]) for row in rows}
        assert len(found) == len(rows), "a bar is there twice"
        assert found == expected(MESSAGES)
        assert set(store.get_active_symbols()) == set(SYMBOLS)
        report = store.verify()
        assert report.sound, str(report)
        assert store.sql("SELECT count(*) AS n FROM rejected").to_pylist() == [{"n": 0}]
        (run,) = store.sql("FROM runs").to_pylist()
        assert run["state"] == "stopped"


def test_from_redis_streams(tmp_path: Path) -> None:
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    port = free_port()
    given = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path), "--save", ""]
    redis = Child(server, *given, "--appendonly", "yes", "--appendfsync", "always")
    url = f"redis://127.0.0.1:{port}"
    producer = python("live_producer", "redis", url, MESSAGES)
    store = live("redis", url, tmp_path / "bars.duckdb")
    try:
        assert torment([redis, producer, store], store, "redis") > 0
        assert store.end() == 0 and store.said[-1] == "stopped"
    finally:
        for one in (store, producer, redis):
            one.kill()
    check(tmp_path / "bars.duckdb")


def test_over_a_websocket(tmp_path: Path) -> None:
    port = free_port()
    producer = python("live_producer", "websocket", port, MESSAGES)
    store = live("websocket", f"ws://127.0.0.1:{port}", tmp_path / "bars.duckdb")
    try:
        assert torment([producer, store], store, "websocket") > 0
        assert store.end() == 0 and store.said[-1] == "stopped"
    finally:
        for one in (store, producer):
            one.kill()
    check(tmp_path / "bars.duckdb")
