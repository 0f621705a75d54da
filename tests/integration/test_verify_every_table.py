"""verify reads every table to its last block, and finds what is there twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest
from load_kit import Bench, lines, make_template, minutes

from barhouse import open_store
from barhouse.store.database.tables import metadata
from barhouse.store.errors import BarhouseError

#: What DuckDB writes in front of the blocks of a file, and how long a block is.
HEADER_BYTES, BLOCK_BYTES = 3 * 4096, 65_536
EVERY_TABLE = sorted(table.name for table in metadata.sorted_tables)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    make_template(folder / "bars.duckdb")
    bench = Bench(folder / "bars.duckdb", folder)
    bench.load_lines(*lines(minutes("2024-11-26 14:30", "2024-11-26 14:40")), timezone="UTC")
    bench.process()
    assert bench.ask("SELECT count(*) AS n FROM gaps")[0]["n"] > 0
    bench.store.close()
    return folder / "bars.duckdb"


@pytest.fixture
def path(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(filled, tmp_path))


def blocks_of(path: Path, table: str) -> list[int]:
    """The blocks that a table's values lie in."""
    with duckdb.connect(str(path), read_only=True) as connection:
        query = f"SELECT DISTINCT block_id FROM pragma_storage_info('{table}') WHERE block_id >= 0 ORDER BY 1"
        return [number for (number,) in connection.sql(query).fetchall()]


def test_a_damaged_block_of_a_table_that_nothing_is_computed_from_is_told(path: Path, tmp_path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "INSERT INTO source_file BY NAME SELECT 'f' || range AS path, range AS size_bytes, now() AS modified_at,"
            " md5(range::VARCHAR) AS fingerprint, md5((range + 1)::VARCHAR) AS request, 1 AS batch_id FROM range(20000)"
        )
    elsewhere = {block for table in EVERY_TABLE if table != "source_file" for block in blocks_of(path, table)}
    block = next(one for one in blocks_of(path, "source_file") if one not in elsewhere)
    with open_store(path, read_only=True) as store:
        assert not store.verify().differences
    with path.open("r+b") as file:
        file.seek(HEADER_BYTES + block * BLOCK_BYTES + BLOCK_BYTES // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 0xFF]))
    with open_store(path) as store, pytest.raises(BarhouseError, match=r"is damaged on the disk: .*restore\(\)"):
        store.verify()
    with open_store(path) as store:
        with pytest.raises(BarhouseError):
            store.backup(tmp_path / "backup.duckdb")
        assert not (tmp_path / "backup.duckdb").exists()


@pytest.mark.parametrize(("table", "kind"), [("gap", "gap"), ("session_coverage", "coverage")])
def test_what_is_there_twice_is_told_and_mended(path: Path, table: str, kind: str) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"INSERT INTO {table} FROM {table}")
    bench = Bench(path, path.parent)
    found = bench.store.verify()
    assert kind in {one.kind for one in found.differences}
    assert any("2 times" in one.stored for one in found.differences)
    assert not bench.coordinator.repair().after.differences
    bench.store.close()
