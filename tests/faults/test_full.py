"""A full disk, and too little memory: a clear error, a sound store, and the same bits once there is room."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from barhouse import DataProcessor, SessionCoordinator, SessionStore, compact, open_store
from barhouse.store.errors import StoreBrokenError, StoreError, StoreFullError, StoreMemoryError

DAYS = 8
NOW = datetime(2024, 6, 1, tzinfo=UTC)
QUERIES = (
    "SELECT * EXCLUDE (batch_id) FROM bars ORDER BY ALL",
    "FROM coverage ORDER BY ALL",
    "FROM gaps ORDER BY ALL",
    "SELECT * EXCLUDE (batch_id, written_at, replaced_by, replaced_at) FROM revisions ORDER BY ALL",
)


def minutes(symbol_count: int, days: int) -> pa.Table:
    """Minutes of round-the-clock sessions, one in twenty missing."""
    chance = np.random.default_rng(7)
    stamps = np.arange(days * 1440) * 60_000_000 + int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    tables = []
    for number in range(symbol_count):
        kept = stamps[chance.random(len(stamps)) > 0.05]
        price = 100 + chance.random(len(kept))
        tables.append(
            pa.table(
                {
                    "symbol": [f"S{number}"] * len(kept),
                    "bar_start": pa.array(kept, pa.timestamp("us", "UTC")),
                    "open": price,
                    "high": price + 1,
                    "low": price - 1,
                    "close": price + 0.5,
                    "volume": chance.random(len(kept)) * 1000,
                }
            )
        )
    return pa.concat_tables(tables)


ROWS = minutes(2, DAYS)
LATE = ROWS.set_column(ROWS.column_names.index("volume"), "volume", [np.arange(ROWS.num_rows) * 1.0]).slice(0, 8_000)


def register(store: SessionStore) -> None:
    SessionCoordinator(store).register(["S0", "S1"], ["1m", "5m", "1h", "1d"], "24/7")


def load(store: SessionStore) -> None:
    SessionCoordinator(store).load(ROWS, interval="1m")


def correct(store: SessionStore) -> None:
    SessionCoordinator(store).load(LATE, interval="1m")


def process(store: SessionStore) -> None:
    DataProcessor(store).process()


#: One after the other; each may fail.
STEPS: tuple[Callable[[SessionStore], None], ...] = (load, process, correct, process)


def opened(path: Path, **settings: str | int) -> SessionStore:
    return open_store(path, clock=lambda: NOW, settings={"threads": 1, **settings})


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> list[pa.Table]:
    with opened(tmp_path_factory.mktemp("uninterrupted") / "bars.duckdb") as store:
        for step in (register, *STEPS):
            step(store)
        return [store.sql(query) for query in QUERIES]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system."""
    folder = tmp_path / "disk"
    folder.mkdir()
    tool = shutil.which("mount")
    if (
        tool is None
        or subprocess.run(
            [tool, "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("no small file system can be mounted here: that needs the right to mount, as root in a container")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def room(disk: Path, kilobytes: int) -> Iterator[None]:
    """Only so much room is left on the disk."""
    ballast = disk / "ballast"
    free = os.statvfs(disk)
    with ballast.open("wb") as stream:
        stream.write(bytes(max(free.f_bavail * free.f_frsize - kilobytes * 1024, 0)))
    try:
        yield
    finally:
        ballast.unlink()


def sound(store: SessionStore) -> None:
    report = store.verify()
    assert report.sound and report.batches_checked, str(report)


def test_a_full_disk(disk: Path, uninterrupted: list[pa.Table]) -> None:
    path, failed = disk / "bars.duckdb", set()
    with opened(path) as store:
        register(store)
    for number, step in enumerate(STEPS):
        done = False
        # The log cannot be written, or the file itself, when it is written early.
        for kilobytes, threshold in ((0, "16MB"), (150, "64KB"), (700, "64KB"), (1500, "16MB")):
            store = opened(path, checkpoint_threshold=threshold)
            with room(disk, kilobytes):
                try:
                    step(store)
                    done = True
                except StoreFullError as error:
                    assert "no room left" in str(error) and "make room" in str(error) and str(path) in str(error)
                    failed.add(number)
                    still_usable(store)
                store.close()
                with opened(path) as again:  # with the disk as full as it is
                    sound(again)
            if done:
                break
        if not done:
            with opened(path) as store:
                step(store)
    assert failed == set(range(len(STEPS))), "some step never failed; the test would prove little"
    with opened(path) as store:
        sound(store)
        assert [store.sql(query) for query in QUERIES] == uninterrupted


def still_usable(store: SessionStore) -> None:
    """After a failure the store answers, or says that it has to be opened again."""
    try:
        sound(store)
    except StoreBrokenError as error:
        assert "close it and open it again" in str(error)
        for use in (register, load, process):
            with pytest.raises(StoreBrokenError, match="open it again"):
                use(store)


def test_no_room_for_a_snapshot(disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, target = disk / "bars.duckdb", disk / "published.duckdb"
    with opened(path) as store:
        register(store)
        store.publish(target, keep=2)
        content = target.read_bytes()
        load(store)
        for copy in (store.publish, store.backup):
            with (
                room(disk, 1500),
                pytest.raises(StoreFullError, match=r"has room for [\d,]+ bytes, and a copy of .* make"),
            ):
                copy(target, keep=2)
        # Room that goes while the copy is being made.
        monkeypatch.setattr("barhouse.store.database.file_copy._check_room", lambda *_: None)
        store.backup(tmp_path / "elsewhere.duckdb")
        for copy in (store.publish, store.backup):
            with room(disk, 300), pytest.raises(StoreFullError, match=r"No space left on device.* make room"):
                copy(target, keep=2)
            assert target.read_bytes() == content
            assert sorted(one.name for one in disk.iterdir() if one.suffix != ".wal") == ["bars.duckdb", target.name]
        monkeypatch.undo()
        sound(store)
        process(store)
        assert store.publish(target, keep=2).written
    with opened(path) as store, open_store(target, read_only=True) as snapshot:
        sound(store)
        sound(snapshot)
        assert [store.sql(query) for query in QUERIES] == [snapshot.sql(query) for query in QUERIES]


def test_too_little_memory(tmp_path: Path) -> None:
    rows = minutes(3, 20)
    paths = tmp_path / "small.duckdb", tmp_path / "large.duckdb"
    steps: tuple[Callable[[SessionStore], object], ...] = (
        lambda store: SessionCoordinator(store).load(rows, interval="1m"),
        lambda store: DataProcessor(store).process(),
        lambda store: SessionCoordinator(store).load(rows.slice(7, 60_000), interval="1m", replace="sessions"),
        lambda store: DataProcessor(store).process(),
    )
    failed = set()
    for path in paths:
        with opened(path) as store:
            SessionCoordinator(store).register([f"S{n}" for n in range(3)], ["1m", "5m", "1h", "1d", "1w"], "24/7")
    for number, step in enumerate(steps):
        with opened(paths[1]) as store:
            step(store)
        for megabytes, temporary in ((20, "1MB"), (60, "0KB"), (160, "1MB"), (2000, "0KB")):
            try:
                with opened(paths[0], memory_limit=f"{megabytes}MB", max_temp_directory_size=temporary) as store:
                    step(store)
                break
            except StoreMemoryError as error:
                assert "memory_limit" in str(error) and "nothing was written" in str(error)
                failed.add(number)
            with opened(paths[0]) as store:
                sound(store)
        else:
            pytest.fail("it needs more memory than this test gives")
    assert failed, "nothing ever failed; the test would prove nothing"
    with opened(paths[0]) as small, opened(paths[1]) as large:
        sound(small)
        assert [small.sql(query) for query in QUERIES] == [large.sql(query) for query in QUERIES]


def test_no_room_or_memory_to_compact_or_export(disk: Path, tmp_path: Path) -> None:
    path, folder = disk / "bars.duckdb", disk / "out"
    with opened(path) as store:
        for step in (register, *STEPS):
            step(store)
        before = [store.sql(query) for query in QUERIES]
        with room(disk, 300), pytest.raises(StoreFullError, match=r"No space left on device.* make room"):
            store.export(folder)
        store.export(folder)
        store.export(tmp_path / "out")
        assert sum(one.stat().st_size for one in folder.rglob("bars.parquet")) == sum(
            one.stat().st_size for one in (tmp_path / "out").rglob("bars.parquet")
        )
    content = path.read_bytes()
    with (
        room(disk, 300),
        pytest.raises(StoreFullError, match=r"compacting .* it is as it was: .*No space left.* make room"),
    ):
        compact(path)
    assert path.read_bytes() == content
    for megabytes in (12, 8, 6, 4, 3, 2):  # DuckDB's versions need more or less
        content = path.read_bytes()
        try:
            compact(path, settings={"threads": 1, "memory_limit": f"{megabytes}MB", "max_temp_directory_size": "0KB"})
        except StoreMemoryError as error:
            assert re.search(r"compacting .* it is as it was: the memory allowed was not enough", str(error))
            break
    else:
        pytest.fail("nothing ever failed; the test would prove nothing")
    assert path.read_bytes() == content
    compact(path)
    with opened(path) as store:
        sound(store)
        assert [store.sql(query) for query in QUERIES] == before


def test_errors_of_the_machine_are_errors_of_the_store(tmp_path: Path) -> None:
    with opened(tmp_path / "bars.duckdb", memory_limit="60MB", max_temp_directory_size="0KB") as store:
        with pytest.raises(StoreMemoryError, match=r"memory allowed was not enough for .*bars\.duckdb: Out of Memory"):
            store.sql("SELECT list(i) FROM range(20000000) AS t(i)")
        assert store.sql("SELECT 1 AS a")["a"].to_pylist() == [1]
        assert issubclass(StoreMemoryError, StoreError)
