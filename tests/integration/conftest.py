"""A store for each test: a copy of one that was made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from file_kit import ROWS
from load_kit import NEW_YORK, Bench, copy_template, line, make_template, make_template_of_every_kind

from barhouse import open_store
from barhouse.store.records import trading_calendar


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "bars.duckdb"
    make_template(path)
    return path


@pytest.fixture(scope="session")
def template_of_every_kind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "bars.duckdb"
    make_template_of_every_kind(path)
    return path


@pytest.fixture(scope="session")
def knowing_xnys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that has nothing but the calendar XNYS, which takes longer to compute than most jobs take."""
    path = tmp_path_factory.mktemp("calendar") / "bars.duckdb"
    with open_store(path) as store, store.transaction() as transaction:
        trading_calendar.keep(transaction, ["XNYS"])
    return path


@pytest.fixture
def bench(template: Path, tmp_path: Path) -> Iterator[Bench]:
    """A store of the test's own: SPY and QQQ with minutes of XNYS, and more (see ``make_template``)."""
    made = Bench(copy_template(template, tmp_path), tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def kinds(template_of_every_kind: Path, tmp_path: Path) -> Iterator[Bench]:
    """A store of the test's own with every kind of symbol (see ``make_template_of_every_kind``)."""
    made = Bench(copy_template(template_of_every_kind, tmp_path), tmp_path)
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def bench_of_module(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One store for tests of a module that do not mind each other's bars."""
    folder = tmp_path_factory.mktemp("module")
    made = Bench(copy_template(template, folder), folder)
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def shared_bench(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One store for tests of a module that leave nothing behind."""
    folder = tmp_path_factory.mktemp("shared")
    made = Bench(copy_template(template, folder), folder)
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def loaded(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A store that has the bars already: what is damaged must change none of them."""
    folder = tmp_path_factory.mktemp("loaded")
    made = Bench(copy_template(template, folder), folder)
    made.load(made.write(*(line(*row) for row in ROWS)), timezone=NEW_YORK)
    yield made
    made.store.close()
