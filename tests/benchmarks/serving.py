"""What it costs to be answered by a server rather than in process: ``python -m tests.benchmarks.serving``.

Each question is asked in process and over loopback by turns, and the best time of each counts: the least that the
machine was disturbed. An answer is read to its end, and Arrow and Parquet are taken apart.
"""

from __future__ import annotations

import io
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from barhouse import SessionCoordinator, SessionStore, open_store

_BARS = 1_000_000
_FIRST = datetime(2022, 1, 1, tzinfo=UTC)
_COLUMNS = "symbol, interval, bar_start, open, high, low, close, volume"
_ALL = f"SELECT {_COLUMNS} FROM bars WHERE interval = '1m'"
_DAY = "SELECT * FROM bars WHERE symbol = 'BTC-USD' AND interval = '1m' AND session_date = '2023-01-01'"


def make_store(path: Path) -> None:
    """A symbol with a million minutes around the clock."""
    close = 20_000 + np.cumsum(np.random.default_rng(0).normal(0, 1, _BARS)).round(2)
    start = np.datetime64(_FIRST.replace(tzinfo=None), "us") + np.arange(_BARS) * np.timedelta64(60, "s")
    bars = pa.table(
        {
            "timestamp": pa.array(start).cast(pa.timestamp("us", "UTC")),
            "open": close,
            "high": close + 1,
            "low": close - 1,
            "close": close,
            "volume": np.full(_BARS, 1.5),
        }
    )
    with open_store(path, clock=lambda: _FIRST + timedelta(days=800)) as store:
        SessionCoordinator(store).register("BTC-USD", ["1m"], "24/7")
        SessionCoordinator(store).load(bars, "BTC-USD", "1m")
        store.publish(path.with_name("bars.duckdb"))


@contextmanager
def served(published: Path) -> Iterator[str]:
    """The address of a server of this file."""
    command = [sys.executable, "-m", "barhouse", "serve", str(published), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            yield process.stderr.readline().rpartition(" at ")[2].strip()
        finally:
            process.terminate()


def best(rounds: int, *asked: Callable[[], object]) -> list[float]:
    """The best time of each, in seconds, asked by turns."""
    times: list[list[float]] = [[] for _ in asked]
    for _ in range(rounds + 1):  # the first warms up
        for number, ask in enumerate(asked):
            began = time.perf_counter()
            ask()
            times[number].append(time.perf_counter() - began)
    return [min(one[1:]) for one in times]


def rows(store: SessionStore, address: str) -> Iterator[tuple[str, float, float]]:
    """What is asked, the time in process, and the time over HTTP."""

    def get(query: str, form: str) -> bytes:
        with urllib.request.urlopen(f"{address}/api/sql.{form}?{urlencode({'q': query})}") as answer:
            body: bytes = answer.read()
        return body

    for name, query, rounds in (("SELECT 1", "SELECT 1", 50), ("a day's minutes, 16 columns", _DAY, 20)):
        here, there = best(
            rounds,
            lambda query=query: store.sql(query),
            lambda query=query: pa.ipc.open_stream(get(query, "arrow")).read_all(),
        )
        yield f"{name}, Arrow", here, there
    readers: dict[str, Callable[[bytes], object]] = {
        "arrow": lambda body: pa.ipc.open_stream(body).read_all(),
        "parquet": lambda body: pyarrow.parquet.read_table(io.BytesIO(body)),
        "csv": lambda body: body.count(b"\n"),
    }
    for form, read in readers.items():
        here, there = best(3, lambda: store.sql(_ALL), lambda form=form, read=read: read(get(_ALL, form)))
        yield f"a million rows, 8 columns, {form}", here, there


def main() -> None:
    """Measure, and print a table."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "store.duckdb"
        make_store(path)
        print(f"| {'asked':<40} | in process | served |")
        print(f"|{'-' * 42}|-----------:|-------:|")
        with served(path.with_name("bars.duckdb")) as address, open_store(path, read_only=True) as store:
            for name, here, there in rows(store, address):
                print(f"| {name:<40} | {here * 1000:7.1f} ms | {there * 1000:.1f} ms |", flush=True)


if __name__ == "__main__":
    main()
