"""A served snapshot attached by another DuckDB, which reads its file over HTTP and computes by itself."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import duckdb
import pytest
from serve_kit import Server, beside, make_store, minutes, publish, served, wait_until

from barhouse import SessionCoordinator, SessionStore, open_store
from barhouse.store.serving.tokens import add_token


def extension() -> Path:
    """DuckDB's own extension ``httpfs``, from the package that has it for one version of DuckDB each."""
    version = duckdb.__version__
    try:
        folder = resources.files("duckdb_extension_httpfs")
    except ModuleNotFoundError:
        folder = None
    found = folder and Path(str(folder)) / "extensions" / f"v{version}" / "httpfs.duckdb_extension"
    if found is None or not found.is_file():
        pytest.skip(
            f"DuckDB {version} has no extension httpfs here, which attaches a file by its address; `make test-lowest` "
            f"installs the one that there is as a package, for DuckDB 1.5.5"
        )
    return found


@pytest.fixture(scope="module")
def store_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("attached") / "store.duckdb"
    make_store(path)
    return path


@pytest.fixture
def store(store_file: Path, tmp_path: Path) -> Iterator[SessionStore]:
    with beside(store_file, tmp_path) as opened:
        yield opened


@pytest.fixture
def analyst() -> Iterator[duckdb.DuckDBPyConnection]:
    path = extension()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.load_extension(str(path))
        yield connection


@pytest.fixture
def published(store_file: Path, tmp_path: Path) -> Path:
    target = tmp_path / "bars.duckdb"
    publish(store_file, target)
    return target


def _attach(analyst: duckdb.DuckDBPyConnection, server: Server) -> None:
    analyst.execute(f"ATTACH 'http://{server.host}:{server.port}/bars.duckdb' AS b (READ_ONLY)")


def test_views_of_an_attached_snapshot_are_those_of_the_store(
    analyst: duckdb.DuckDBPyConnection, published: Path, store: SessionStore, tmp_path: Path
) -> None:
    query = "SELECT * FROM {}bars WHERE symbol = 'SPY' ORDER BY interval, bar_start"
    with served(published, folder=tmp_path) as server:
        _attach(analyst, server)
        assert analyst.sql(query.format("b.")).to_arrow_table().to_pylist() == store.sql(query.format("")).to_pylist()
        counts = "SELECT interval, count(*), sum(volume) FROM {}bars GROUP BY interval ORDER BY interval"
        assert analyst.sql(counts.format("b.")).to_arrow_table().to_pylist() == store.sql(counts.format("")).to_pylist()
        with pytest.raises(duckdb.Error, match="read-only"):
            analyst.execute("CREATE TABLE b.main.mine AS SELECT 1 AS x")


def test_a_token_opens_the_file_unless_it_is_limited(
    analyst: duckdb.DuckDBPyConnection, published: Path, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens.toml"
    whole, limited = add_token(tokens, "whole"), add_token(tokens, "limited", symbols=["SPY"])
    with served(published, "--tokens", str(tokens), folder=tmp_path) as server:
        for token in ("", limited):
            if token:
                analyst.execute(f"CREATE OR REPLACE SECRET (TYPE http, BEARER_TOKEN '{token}')")
            with pytest.raises(duckdb.Error):
                _attach(analyst, server)
        analyst.execute(f"CREATE OR REPLACE SECRET (TYPE http, BEARER_TOKEN '{whole}')")
        _attach(analyst, server)
        assert analyst.sql("SELECT DISTINCT symbol FROM b.bars ORDER BY symbol").fetchall() == [
            ("BTC-USD",),
            ("QQQ",),
            ("SPY",),
            ("ZZZ",),
        ]


def test_what_is_attached_stays_what_it_was(
    analyst: duckdb.DuckDBPyConnection, store_file: Path, published: Path, tmp_path: Path
) -> None:
    """Another snapshot has another address, so that no query reads half of one and half of the next."""
    query = "SELECT count(*), max(close), max(batch_id) FROM b.bars WHERE symbol = 'SPY' AND interval = '1m'"
    with served(published, folder=tmp_path) as server:
        _attach(analyst, server)
        before = analyst.sql(query).fetchone()
        own = tmp_path / "grown.duckdb"
        own.write_bytes(store_file.read_bytes())
        with open_store(own, settings={"threads": 1}) as grown:
            SessionCoordinator(grown).load(minutes("SPY", 2, 700.0), "SPY", "1m")
            batch_id = grown.publish(published).batch_id
        wait_until(lambda: server.get("/api/snapshot").said["batch_id"] == batch_id)
        assert analyst.sql(query).fetchone() == before
        analyst.execute("DETACH b")
        _attach(analyst, server)
        after = analyst.sql(query).fetchone()
        assert before is not None and after is not None
        assert (after[0], after[1], after[2]) == (before[0], 701.5, batch_id)
