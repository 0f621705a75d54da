"""While one process writes and publishes, another opens the published snapshot again and again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb

from barhouse import open_store
from tests.extent import PUBLISHES

ROOT = Path(__file__).parents[2]


def test_a_published_snapshot_is_whole_whenever_it_is_opened(tmp_path: Path) -> None:
    path, target = tmp_path / "bars.duckdb", tmp_path / "published.duckdb"
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.writer", str(path), str(target), str(PUBLISHES)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert child.stdin is not None and child.stdout is not None
        first = child.stdout.readline()
        assert first.strip().isdecimal()
        seen: list[int] = []
        # However slow the reader is, the writer goes on until several of its snapshots were read: fewer prove nothing.
        while child.poll() is None:
            # As an analyst does, with nothing of Barhouse.
            with duckdb.connect(str(target), read_only=True) as client:
                ((last, bars),) = client.sql(
                    "SELECT max(batch_id), (SELECT count(*) FROM bars) FROM batches"
                ).fetchall()
                assert bars > 0
            with open_store(target, read_only=True) as snapshot:
                report = snapshot.verify()
                assert report.sound and report.batches_checked, str(report)
                (now,) = snapshot.sql("SELECT max(batch_id) AS last FROM batches")["last"].to_pylist()
            assert last <= now, "a snapshot took the place of a newer one"
            seen.append(now)
            if len(set(seen)) > 2:
                child.stdin.close()
        published = [int(line) for line in child.stdout.read().splitlines()]
        assert child.wait() == 0
    finally:
        child.kill()
        child.wait()
    assert seen == sorted(seen)
    assert len(published) >= PUBLISHES - 1
    assert len(set(seen)) > 2, "the writer ended before its reader"
    with open_store(target, read_only=True) as snapshot, open_store(path, read_only=True) as store:
        query = "FROM bars ORDER BY ALL"
        assert snapshot.sql(query) == store.sql(query)
    assert len(list(tmp_path.glob("published*.duckdb"))) == 2
