"""Copies and exports in buckets: whole or not there, of the right store, and finished after every kill."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from job_kit import fill, job_file, sessions
from load_kit import Bench, line, lines, minutes

from barhouse import open_store, restore, run_job
from barhouse.store.copies import export_bucket, far_publication
from barhouse.store.errors import InputError, PlaceError, StoreError
from barhouse.store.places.place import Place, fetch, open_place
from barhouse.store.places.placed_file import PlacedFile
from barhouse.store.serving.source import snapshot_of
from tests import extent
from tests.s3_server import SECRET, S3Server, told

NEW_YORK = {"timezone": "America/New_York"}
COLUMNS = "symbol, interval, bar_start, session_date, open, high, low, close, volume, base_count, complete"
Rows = list[tuple[Any, ...]]


@pytest.fixture
def filled(bench: Bench) -> Bench:
    """Two symbols with bars in two months."""
    for symbol in ("SPY", "QQQ"):
        stamps = minutes("2024-11-26 09:30", "2024-11-26 10:30") + minutes("2024-12-02 09:30", "2024-12-02 10:00")
        bench.load_lines(*lines(stamps), symbol=symbol, **NEW_YORK)
    bench.process()
    return bench


def held(bench: Bench, condition: str = "true") -> Rows:
    return [tuple(row.values()) for row in bench.ask(f"SELECT {COLUMNS} FROM bars WHERE {condition} ORDER BY ALL")]


def brought(place: Place, folder: Path) -> list[str]:
    """Fetch all that is in a place, as any program would."""
    found = sorted(file.name for file in place.files())
    for name in found:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        fetch(place, name, folder / name)
    return found


def exported(place: Place, folder: Path) -> Rows:
    """What a reader of an export gets."""
    folder.mkdir()
    brought(place, folder)
    types = "hive_types = {'symbol': VARCHAR, 'interval': VARCHAR, 'month': VARCHAR}, hive_partitioning = true"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        query = f"SELECT {COLUMNS} FROM read_parquet('{folder}/**/*.parquet', {types}) ORDER BY ALL"
        return connection.execute(query).fetchall()


# Exports


def test_an_export_in_a_bucket_holds_what_the_store_holds(filled: Bench, bucket: str, tmp_path: Path) -> None:
    report = filled.store.export(f"{bucket}/out")
    assert report.folder == f"{bucket}/out"
    assert (report.written, report.unchanged) == (16, 0)  # two symbols, four intervals, two months
    place = open_place(f"{bucket}/out")
    assert exported(place, tmp_path / "first") == held(filled)
    assert {file.name for file in open_place(bucket).files()} == {
        "out.barhouse-export/manifest.json",
        *(f"out/{file.name}" for file in place.files()),
    }
    before = {file.name: file for file in place.files()}
    assert filled.store.export(f"{bucket}/out").written == 0
    filled.load_lines(line("2024-12-02 09:31", 12, 13, 9), **NEW_YORK)
    filled.process()
    report = filled.store.export(f"{bucket}/out")
    assert (report.written, report.unchanged) == (4, 12)
    after = {file.name: file for file in place.files()}
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {name for name in after if "SPY" in name and "2024-12" in name}
    assert exported(place, tmp_path / "second") == held(filled)
    filled.coordinator.remove_symbol("QQQ")
    assert filled.store.export(f"{bucket}/out").removed == 8
    assert exported(place, tmp_path / "third") == held(filled)


def test_an_export_that_is_a_whole_bucket_keeps_its_manifest_inside(filled: Bench, bucket: str) -> None:
    filled.store.export(bucket, intervals=["1d"])
    assert {file.name.partition("/")[0] for file in open_place(bucket).files()} == {
        *("symbol=SPY", "symbol=QQQ", "_barhouse-export")
    }
    assert filled.store.export(bucket, intervals=["1d"]).unchanged == 4


def test_what_retention_gave_up_stays_exported_in_a_bucket(filled: Bench, bucket: str, tmp_path: Path) -> None:
    for day in ("03", "04"):
        filled.load_lines(*lines(minutes(f"2024-12-{day} 09:30", f"2024-12-{day} 10:15")), **NEW_YORK)
    filled.process()
    filled.store.export(f"{bucket}/out")
    everything = held(filled)
    assert filled.coordinator.purge_bars(["SPY"], "1m", "2024-12-03T14:30Z").deleted
    filled.load_lines(line("2024-12-04 10:15:00"), **NEW_YORK)
    said = filled.store.export(f"{bucket}/out")
    assert (said.written, said.given_up, said.kept) == (1, 1, 30)
    rows = exported(open_place(f"{bucket}/out"), tmp_path / "got")
    assert set(rows) == {*everything, *held(filled)} != set(held(filled))


def test_an_object_that_was_lost_or_replaced_is_written_again(filled: Bench, bucket: str, tmp_path: Path) -> None:
    filled.store.export(f"{bucket}/out")
    place = open_place(f"{bucket}/out")
    first, second, *_ = sorted(place.files(), key=lambda file: file.name)
    place.remove([first.name])
    place.write(b"x" * second.size_bytes, second.name)
    assert filled.store.export(f"{bucket}/out").written == 2
    assert exported(place, tmp_path / "got") == held(filled)


def test_what_others_have_in_a_bucket_is_left_alone(filled: Bench, bucket: str, template: Path, tmp_path: Path) -> None:
    place = open_place(f"{bucket}/out")
    place.write(b"theirs", "notes.txt")
    with pytest.raises(InputError, match=f"{bucket}/out holds notes.txt, and there is no .*manifest.json, so it is no"):
        filled.store.export(f"{bucket}/out")
    place.remove(["notes.txt"])
    filled.store.export(f"{bucket}/out")
    with pytest.raises(InputError, match="holds an export of parquet, all symbols, all intervals, not of"):
        filled.store.export(f"{bucket}/out", intervals=["1d"])
    open_place(f"{bucket}/out.barhouse-export").write(b"[]", "manifest.json")
    with pytest.raises(InputError, match=f"{bucket}/out.barhouse-export/manifest.json is no manifest of an export"):
        filled.store.export(f"{bucket}/out")


def test_of_two_exports_at_once_one_is_told_and_nothing_is_wrong(
    filled: Bench, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second begins when the first has sent its first object, and ends before it goes on."""
    send = export_bucket.ExportBucket._sent

    def overtaken(self: Any, part: Path, name: str) -> PlacedFile:
        sent = send(self, part, name)
        monkeypatch.setattr(export_bucket.ExportBucket, "_sent", send)
        filled.store.export(f"{bucket}/out", full=True)
        return sent

    monkeypatch.setattr(export_bucket.ExportBucket, "_sent", overtaken)
    try:
        filled.store.export(f"{bucket}/out")
    except StoreError as error:
        assert f"another export is writing into {bucket}/out; wait for it" in str(error)
    assert filled.store.export(f"{bucket}/out").written == 0
    assert exported(open_place(f"{bucket}/out"), tmp_path / "got") == held(filled)


#: How often an export of what is there writes: sixteen partitions, and the manifest before and after.
_WRITES = 18
EXPORTING = """
import os, signal, sys
from barhouse import open_store
from barhouse.store.copies.export_bucket import ExportBucket
from barhouse.store.places.bucket import BucketPlace
left = int(sys.argv[3])
def dying(real):
    def call(*given, **named):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return real(*given, **named)
    return call
BucketPlace.write = dying(BucketPlace.write)
with open_store(sys.argv[1]) as store:
    store.export(sys.argv[2])
"""


@pytest.mark.parametrize("writes", random.Random(extent.SEED).sample(range(_WRITES), min(extent.BUCKET_KILLS, _WRITES)))
def test_an_export_killed_anywhere_is_finished_by_the_next(
    filled: Bench, bucket: str, s3_server: S3Server, tmp_path: Path, writes: int
) -> None:
    """Of its writes, the manifest's before and after among them, so many are done."""
    path = tmp_path / "bars.duckdb"
    filled.store.close()
    command = [sys.executable, "-c", EXPORTING, str(path), f"{bucket}/out", str(writes)]
    done = subprocess.run(command, check=False, env=told(s3_server), cwd=Path(__file__).parents[2])
    assert done.returncode == -signal.SIGKILL
    extent.tally(kills=1)
    again = Bench(path, tmp_path)
    try:
        place = open_place(f"{bucket}/out")
        assert len(list(place.files())) == max(writes - 1, 0)
        again.store.export(f"{bucket}/out")
        assert exported(place, tmp_path / "got") == held(again)
        assert again.store.export(f"{bucket}/out").written == 0
        assert not list(tmp_path.glob(".barhouse-*"))
    finally:
        again.store.close()


# Snapshots and backups


def test_a_snapshot_in_a_bucket_is_the_store(filled: Bench, bucket: str, tmp_path: Path) -> None:
    target = f"{bucket}/published/bars.duckdb"
    report = filled.store.publish(target, keep=2)
    assert (report.target, report.written, report.batch_id) == (target, True, 4)
    assert not filled.store.publish(target, keep=2).written
    place = open_place(f"{bucket}/published")
    fetch(place, "bars.duckdb", tmp_path / "one.duckdb")
    with open_store(tmp_path / "one.duckdb", read_only=True) as store:
        rows = store.sql(f"SELECT {COLUMNS} FROM bars ORDER BY ALL").to_pylist()
    assert [tuple(row.values()) for row in rows] == held(filled)
    for number in range(3):
        filled.load_lines(line(f"2024-12-03 09:3{number}"), **NEW_YORK)
        report = filled.store.publish(target, keep=2)
        assert report.written and len(report.older) == 1
    assert len(report.removed) == 1
    assert sorted(file.name for file in place.files()) == sorted(
        ["bars.duckdb", "bars.duckdb.json", *(name.rpartition("/")[2] for name in map(str, report.older))]
    )
    fetch(place, str(report.older[0]).rpartition("/")[2], tmp_path / "older.duckdb")
    with open_store(tmp_path / "older.duckdb", read_only=True) as store:
        assert store.sql("SELECT max(batch_id) FROM batches").column(0)[0].as_py() == 6


def test_a_copy_without_its_note_is_looked_into(filled: Bench, bucket: str) -> None:
    """As after a kill between the two."""
    target = f"{bucket}/bars.duckdb"
    filled.store.publish(target)
    place = open_place(bucket)
    for spoil in (
        lambda: place.remove(["bars.duckdb.json"]),
        lambda: place.write(b"{}", "bars.duckdb.json"),
        lambda: place.write(b'{"version": "another"', "bars.duckdb.json"),
    ):
        spoil()
        assert not filled.store.publish(target).written
        filled.load_lines(line("2024-12-04 09:30", 12, 13), **NEW_YORK)
        assert filled.store.publish(target).written
        filled.coordinator.delete_bars("SPY", "1m", "2024-12-04", "2024-12-05")
        filled.store.publish(target)


def test_a_backup_in_a_bucket_is_verified_and_restored(filled: Bench, bucket: str, tmp_path: Path) -> None:
    target = f"{bucket}/backups/bars.duckdb"
    report = filled.store.backup(target)
    assert report.written and report.verified is not None and report.verified.sound
    assert not filled.store.backup(target).written
    back = restore(target, tmp_path / "back.duckdb")
    assert (back.written, back.batch_id) == (True, report.batch_id)
    with open_store(tmp_path / "back.duckdb") as store:
        rows = store.sql(f"SELECT {COLUMNS} FROM bars ORDER BY ALL").to_pylist()
        assert [tuple(row.values()) for row in rows] == held(filled)
        assert store.verify().sound
    assert not restore(target, tmp_path / "back.duckdb").written
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_copies_that_cannot_be_are_refused(filled: Bench, bucket: str, tmp_path: Path, template: Path) -> None:
    target = f"{bucket}/bars.duckdb"
    with open_store(template, read_only=True) as other:
        other.publish(f"{bucket}/other.duckdb")
    open_place(bucket).write(b"no store", "notes.duckdb")
    for ask, said in (
        (lambda: filled.store.publish(bucket), "is a bucket; name an object"),
        (lambda: filled.store.publish(target, mode="0444"), "who may read .* is said by its bucket"),
        (lambda: filled.store.publish(f"{bucket}/notes.duckdb"), "is no copy of .*, nor of any store"),
        (lambda: open_store(target, read_only=True), "is in a bucket, and a store is opened on a disk; fetch it first"),
        (lambda: open_store(Path(target)), "is in a bucket"),
        (lambda: snapshot_of(Path(target)), "is in a bucket"),
        (lambda: filled.store.publishing(target), "is in a bucket, where a snapshot cannot follow every commit"),
    ):
        with pytest.raises(InputError, match=said):
            ask()
    with pytest.raises(StoreError, match=r"there is no object .*/none\.duckdb"):
        restore(f"{bucket}/none.duckdb", tmp_path / "back.duckdb")
    with pytest.raises(InputError, match="no place for a store"):
        restore(f"{bucket}/other.duckdb", tmp_path / "nowhere" / "back.duckdb")
    with pytest.raises(PlaceError, match="there is no bucket never-made"):
        filled.store.publish("s3://never-made/bars.duckdb")
    with open_store(":memory:") as store, pytest.raises(StoreError, match="in memory"):
        store.publish(target)


def test_a_server_that_is_away_leaves_the_snapshot_before(
    filled: Bench, bucket: str, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = f"{bucket}/bars.duckdb"
    filled.store.publish(target)
    before = list(open_place(bucket).files())
    filled.load_lines(line("2024-12-04 09:30"), **NEW_YORK)
    send = far_publication._send
    try:
        with monkeypatch.context() as patch, pytest.raises(PlaceError, match=f"{target} cannot be reached"):
            patch.setattr(far_publication, "_send", lambda *given: (s3_server.stop(), send(*given)))
            filled.store.publish(target)
    finally:
        s3_server.start()
    assert list(open_place(bucket).files()) == before
    assert filled.store.publish(target).written


def test_a_job_publishes_and_exports_into_a_bucket(
    tmp_path: Path, bucket: str, knowing_xnys: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(knowing_xnys, tmp_path / "bars.duckdb")
    fill(tmp_path / "bars", ["AAA"], sessions(1))
    tables = f'[publish]\npath = "{bucket}/published/bars.duckdb"\nevery = "1d"\n[export]\npath = "{bucket}/out"\n'
    job = job_file(tmp_path, tables)
    report = run_job(job)
    assert report.published is not None and report.published.target == f"{bucket}/published/bars.duckdb"
    assert report.exported is not None and report.exported.written == 4
    report = run_job(job)
    assert report.published is None and report.exported is not None and report.exported.written == 0
    assert SECRET not in report.model_dump_json() + "".join(capfd.readouterr())
    bars = exported(open_place(f"{bucket}/out"), tmp_path / "got")
    with open_store(tmp_path / "bars.duckdb", read_only=True) as store:
        rows = store.sql(f"SELECT {COLUMNS} FROM bars ORDER BY ALL").to_pylist()
    assert bars == [tuple(row.values()) for row in rows]
