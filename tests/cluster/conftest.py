"""Tests of clusters: shards in folders of the test's own, a lake beside them, PostgreSQL where it is installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import mkdtemp

import pytest

from barhouse.coordinator.cluster import engines
from barhouse.coordinator.cluster.shard_task import ShardResult, ShardTask
from barhouse.coordinator.jobs.cluster_config import ClusterConfig
from barhouse.store.lake.extension import is_available
from tests.cluster.cluster_kit import Bench

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
_LACKING = (
    "lakes are opened by an extension of DuckDB's that there is for 1.5.5 alone; `make test-cluster` has both, in an "
    "environment of its own"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not is_available():
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=_LACKING))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A folder with a job over shards, and the same job over one store."""
    return Bench(tmp_path)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run shards in this process, for processes take longer to begin than what they do here."""

    def one_by_one(config: ClusterConfig, tasks: Sequence[ShardTask]) -> Iterator[ShardResult]:
        for task in tasks:
            yield ShardResult.model_validate_json(engines.run_text(task.model_dump_json()))

    monkeypatch.setitem(engines.ENGINES, "local", one_by_one)


class Postgres:
    """A server of PostgreSQL on loopback, with nobody else's data."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries, self._folder = binaries, folder
        self._user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
        if self._user is not None:
            shutil.chown(folder, self._user)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._run("initdb", "--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8", "--locale=C")
        self._server: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self._server = subprocess.Popen(
            [
                *(self._binaries / "postgres", "-D", self._folder / "data", "-h", "127.0.0.1"),
                *("-p", str(self.port), "-k", self._folder, "-F"),
            ],
            user=self._user,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while not self._answers():
            assert self._server.poll() is None, "PostgreSQL did not start"
            time.sleep(0.05)

    def stop(self) -> None:
        """End it at once, as when its machine loses power."""
        if self._server is not None:
            self._server.send_signal(3)  # SIGQUIT: every connection ends where it stands
            self._server.wait()
            self._server = None

    def database(self, name: str) -> str:
        """A new database; how it is reached."""
        import psycopg

        with psycopg.connect(self._reached("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self._reached(name)

    def _reached(self, name: str) -> str:
        return f"host=127.0.0.1 port={self.port} user=postgres dbname={name}"

    def _run(self, program: str, *options: str) -> None:
        subprocess.run(
            [self._binaries / program, "-D", self._folder / "data", *options],
            user=self._user,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self._reached("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    if not _BINARIES:
        pytest.skip("there is no PostgreSQL to keep a lake's catalog in; install it with `apt-get install postgresql`")
    folder = Path(mkdtemp(prefix="barhouse-postgres-"))
    server = Postgres(_BINARIES[-1], folder)
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)
