"""What the figures of planning rest on: of thousands of files a question opens the one that can have its bars."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import duckdb
import pytest

from tests.benchmarks import catalog


def has_extension() -> bool:
    try:
        return metadata.version("duckdb-extension-ducklake") == duckdb.__version__
    except metadata.PackageNotFoundError:
        return False


@pytest.mark.skipif(
    not has_extension(),
    reason="lakes are opened by an extension of DuckDB's that there is for 1.5.5 alone; `make test-lowest` has both",
)
def test_a_question_opens_one_file_of_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are not there: to open one of them would fail."""
    monkeypatch.setattr(catalog, "_TURNS", 1)
    figures = catalog.take(2_000, tmp_path, None)
    assert figures.files == 2_000 and figures.bytes_per_file > 0
    with catalog.connected(None) as connection:
        connection.execute(f"ATTACH 'ducklake:{tmp_path / '2000.ducklake'}' AS lake (DATA_PATH '{tmp_path / '2000'}/')")
        assert connection.execute("SELECT count(*) FROM lake.bar WHERE symbol = 'nobody'").fetchall() == [(0,)]
        with pytest.raises(duckdb.IOException, match="made-up"):
            connection.execute("SELECT sum(open) FROM lake.bar WHERE symbol >= 'S00000000'").fetchall()
