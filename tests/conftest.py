"""How many cases of a test are run, and what every test checks: statements give, make and take what they declare."""

from __future__ import annotations

import os
import random
from collections import defaultdict
from collections.abc import Iterator
from functools import wraps
from typing import Any
from uuid import uuid4

import pytest

from barhouse.store.database.transaction import TemporaryTable, Transaction
from barhouse.store.sql import Statement, statement
from tests import extent
from tests.s3_server import S3Server


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cases", type=int, metavar="N", help="of a test with more cases run N, chosen by BARHOUSE_SEED")
    parser.addoption("--one-in", type=int, metavar="N", help="of the tests of a file run one in N, chosen likewise")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    most, one_in = config.getoption("cases") or len(items), config.getoption("one_in") or 1
    files: dict[str, dict[str, list[pytest.Item]]] = defaultdict(lambda: defaultdict(list))
    for item in items:
        test = item.nodeid.partition("[")[0]
        files[test.partition("::")[0]][test].append(item)
    chance = random.Random(extent.SEED)
    chosen: set[pytest.Item] = set()
    for tests in files.values():
        for test in chance.sample(sorted(tests), -(-len(tests) // one_in)):
            cases = tests[test]
            is_of_pages = test.startswith("tests/docs/")  # each page is shown to readers, whichever is tried
            chosen.update(cases if is_of_pages else chance.sample(cases, min(most, len(cases))))
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = [item for item in items if item in chosen]


@pytest.fixture(scope="session", autouse=True)
def declared_shapes() -> Iterator[None]:
    """Compare each statement that is run with what its head says, wherever it is run."""
    run, make = Transaction.run, Transaction.make

    @wraps(run)
    def run_compared(
        self: Transaction, name: str, parameters: dict[str, Any] | None = None, /, **places: object
    ) -> list[Any]:
        rows = run(self, name, parameters, **places)
        declared = statement(name)
        _check_taken(declared, places)
        if declared.kind == "gives" and declared.columns != ("*",):
            given = tuple(column[0] for column in self._cursor.description)
            assert given == declared.columns, f"{name} gives {given} and declares {declared.columns}"
        return rows

    @wraps(make)
    def make_compared(
        self: Transaction, name: str, parameters: dict[str, Any] | None = None, /, **places: Any
    ) -> TemporaryTable:
        table = make(self, name, parameters, **places)
        declared = statement(name)
        _check_taken(declared, places)
        columns = tuple(row[0] for row in self._cursor.execute(f"DESCRIBE {table.sql}").fetchall())
        assert columns == declared.columns, f"{name} makes {columns} and declares {declared.columns}"
        return table

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Transaction, "run", run_compared)
        patch.setattr(Transaction, "make", make_compared)
        yield


def _check_taken(declared: Statement, places: dict[str, object]) -> None:
    tables = {hole for hole, given in places.items() if isinstance(given, TemporaryTable)}
    assert tables <= declared.takes.keys(), (
        f"{declared.name} takes {sorted(tables)} and declares {sorted(declared.takes)}"
    )


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server of buckets, started by the first test that asks for it."""
    server = S3Server(tmp_path_factory.mktemp("s3"))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def bucket(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty bucket, in an environment that says how it is reached."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, text in s3_server.environment.items():
        monkeypatch.setenv(name, text)
    name = f"bars-{uuid4().hex[:12]}"
    s3_server.make_bucket(name)
    return f"s3://{name}"
