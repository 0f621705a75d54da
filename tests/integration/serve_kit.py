"""A served snapshot for tests: a store with two calendars, published, and the command that serves it."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa

from barhouse import DataProcessor, SessionCoordinator, SessionStore, open_store

NOW = datetime(2026, 1, 2, tzinfo=UTC)
#: Where minutes of XNYS begin in these tests.
OPEN = datetime(2024, 11, 29, 14, 30, tzinfo=UTC)
#: How long a test waits for what it says happens.
PATIENCE_SECONDS = 60.0


def minutes(symbol: str, count: int, first: float, start: datetime = OPEN) -> pa.Table:
    """So many minutes of a symbol, at prices that tell it from others."""
    starts = [start + timedelta(minutes=number) for number in range(count)]
    prices = [first + number % 7 for number in range(count)]
    return pa.table(
        {
            "symbol": [symbol] * count,
            "timestamp": pa.array(starts, pa.timestamp("us", "UTC")),
            "open": prices,
            "high": [price + 1 for price in prices],
            "low": [price - 1 for price in prices],
            "close": [price + 0.5 for price in prices],
            "volume": [1000.0 + number for number in range(count)],
        }
    )


SYMBOLS = ("SPY", "QQQ", "ZZZ", "BTC-USD")


def make_store(path: Path, symbols: Sequence[str] = SYMBOLS) -> None:
    """SPY and QQQ with minutes of XNYS and bars corrected, BTC-USD with minutes around the clock, ZZZ with a gap."""
    with open_store(path, clock=lambda: NOW, settings={"threads": 1}) as store:
        coordinator = SessionCoordinator(store)
        coordinator.register([one for one in symbols if one != "BTC-USD"], ["1m", "5m", "1d"], "XNYS")
        loads = [
            *(minutes(symbol, 90, first) for symbol, first in (("SPY", 100.0), ("QQQ", 300.0), ("ZZZ", 500.0))),
            minutes("ZZZ", 10, 500.0, OPEN + timedelta(minutes=120)),
            minutes("BTC-USD", 3000, 900.0, datetime(2024, 11, 29, tzinfo=UTC)),
            *(minutes(symbol, 3, first) for symbol, first in (("SPY", 110.0), ("QQQ", 310.0))),
        ]
        if "BTC-USD" in symbols:
            coordinator.register("BTC-USD", ["1m", "1h", "1d"], "24/7")
        for rows in loads:
            symbol = rows["symbol"][0].as_py()
            if symbol in symbols:
                coordinator.load(rows, symbol, "1m")
        refused = minutes("SPY", 2, 100.0, OPEN + timedelta(seconds=30))
        if "ZZZ" in symbols:  # rows that cannot be taken, among some that can
            coordinator.load(pa.concat_tables([minutes("SPY", 3, 110.0), refused]), "SPY", "1m")
        DataProcessor(store).process()


def publish(path: Path, target: Path) -> int:
    """Publish a store; returns its newest batch."""
    with open_store(path, settings={"threads": 1}) as store:
        batch_id = store.publish(target).batch_id
    assert batch_id is not None
    return batch_id


@dataclass(frozen=True)
class Reply:
    """What a server sent."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def said(self) -> Any:
        """Its JSON."""
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """What it refuses with."""
        return str(self.said["error"]["message"])

    @property
    def columns(self) -> dict[str, list[Any]]:
        """Its columns, of JSON."""
        columns: dict[str, list[Any]] = self.said["columns"]
        return columns


@dataclass
class Client:
    """Asks a server, with a connection for each request."""

    host: str
    port: int
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """Send a request, and read all of the answer."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_SECONDS)
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def get(self, path: str, /, **parameters: object) -> Reply:
        """Get an address with parameters."""
        return self.ask("GET", f"{path}?{urlencode(parameters)}" if parameters else path)

    def sql(self, text: str, parameters: Any = None, form: str = "json") -> Reply:
        """Ask with SQL."""
        said = {"sql": text} if parameters is None else {"sql": text, "parameters": parameters}
        return self.ask("POST", f"/api/sql.{form}", json.dumps(said).encode())


@dataclass
class Server(Client):
    """A server of a test's own, in a process."""

    process: subprocess.Popen[str] | None = None
    log: Path = Path()

    @property
    def pid(self) -> int:
        """Its process."""
        assert self.process is not None
        return self.process.pid

    def workers(self) -> list[int]:
        """The processes it has started."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def snapshots_open(self) -> set[int]:
        """The snapshots that it and its workers have open, by inode."""
        found = set()
        for pid in (self.pid, *self.workers()):
            for one in Path(f"/proc/{pid}/fd").iterdir():
                try:
                    if "/bars.duckdb" in str(one.readlink()):
                        found.add(one.stat().st_ino)
                except FileNotFoundError:
                    continue
        return found

    @property
    def flight(self) -> str:
        """Where it answers by Flight SQL."""
        (found,) = re.findall(r" at (grpc\S*)", self.logged())
        return str(found)

    def logged(self) -> str:
        """What it has logged so far."""
        return self.log.read_text(encoding="utf-8")


@contextmanager
def beside(path: Path, folder: Path) -> Iterator[SessionStore]:
    """A copy of a store, to ask it in process what a server is asked."""
    copy = folder / "store.duckdb"
    shutil.copy(path, copy)
    with open_store(copy, read_only=True) as opened:
        yield opened


@contextmanager
def served(published: Path, *options: str, folder: Path) -> Iterator[Server]:
    """Run ``barhouse serve`` on any free port of this machine."""
    log = folder / f"serve-{time.monotonic_ns()}.log"
    listen = () if "--listen" in options else ("--listen", "127.0.0.1:0")
    command = [sys.executable, "-m", "barhouse", "serve", str(published), *listen, *options]
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, text=True, env=os.environ)
    try:
        found: list[re.Match[str]] = []

        def is_up() -> bool:
            assert process.poll() is None, log.read_text(encoding="utf-8")
            found.extend(re.finditer(r" at https?://([\d.]+):(\d+)", log.read_text(encoding="utf-8")))
            return bool(found)

        wait_until(is_up)
        yield Server(found[0][1], int(found[0][2]), {}, process, log)
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def wait_until(holds: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something holds; a test that waits for more than ``seconds`` has failed."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it does not come to hold"
        time.sleep(0.02)
