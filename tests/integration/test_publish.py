"""Published snapshots and backups: whole, one at a time or several kept, never over something else."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path

import duckdb
import pytest
from load_kit import Bench, line, lines, minutes

from barhouse import SessionCoordinator, compact, open_store, restore
from barhouse.store.errors import InputError, StoreError, StoreHeldError, StoreVersionError
from barhouse.store.model.symbol import SymbolSessionData

DAY = "2024-11-26"
ALL = "FROM bars ORDER BY ALL"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "published"
    folder.mkdir()
    return folder / "bars.duckdb"


def load(bench: Bench, minute: int, close: float = 10) -> None:
    bench.load_lines(line(f"{DAY} 09:{30 + minute}:00", close=close), timezone="America/New_York")


def add_run(bench: Bench) -> None:
    columns = "(run_id, mode, name, config, state, owner, pid, started_at, updated_at)"
    with bench.store.transaction() as transaction:
        transaction.execute(
            f"INSERT INTO session_run {columns} VALUES (1, 'live', '', '{{}}', 'done', '', 0, now(), now())"
        )


def names(target: Path) -> list[str]:
    return sorted(one.name for one in target.parent.iterdir())


def test_a_snapshot_is_the_store_as_it_was(bench: Bench, target: Path) -> None:
    bench.load_lines(*lines(minutes(f"{DAY} 09:30", f"{DAY} 10:30")), timezone="America/New_York")
    bench.process()
    said = bench.store.publish(target)
    assert (said.target, said.written, said.older, said.removed, said.verified) == (target, True, (), (), None)
    assert said.batch_id == bench.ask("SELECT max(batch_id) AS last FROM batches")[0]["last"]
    assert said.size_bytes == target.stat().st_size
    assert names(target) == ["bars.duckdb"]
    now = bench.store.sql(ALL)
    with open_store(target, read_only=True) as snapshot:
        assert snapshot.sql(ALL) == now
        assert snapshot.verify().sound
        load(bench, 0, close=10.5)
        bench.process()
        assert bench.store.publish(target).written
        assert snapshot.sql(ALL) == now, "whoever has the old one open keeps it"
        assert bench.store.publish(target).written is False, "not even when it is open here under the same name"
    with open_store(target, read_only=True) as snapshot:
        assert snapshot.sql(ALL) == bench.store.sql(ALL) != now


def test_nothing_is_written_when_nothing_changed(bench: Bench, target: Path) -> None:
    load(bench, 0)
    first = bench.store.publish(target)
    written = (target.stat().st_ino, target.stat().st_mtime_ns)
    again = bench.store.publish(target)
    assert (again.written, again.batch_id, again.committed_at) == (False, first.batch_id, first.committed_at)
    assert (target.stat().st_ino, target.stat().st_mtime_ns) == written
    add_run(bench)
    assert bench.store.publish(target).written is False, "a run alone is nothing that analysts read"
    changes = (
        lambda: bench.store.register_symbol_data(SymbolSessionData.build("DIA", "1m")),
        lambda: bench.coordinator.register("SPY", ["30m"], "XNYS"),
        lambda: load(bench, 1),
        lambda: load(bench, 1, close=10.5),
        bench.process,
        lambda: bench.coordinator.end_session(date(2024, 11, 26)),
        lambda: bench.coordinator.remove_symbol("DIA"),
        lambda: bench.coordinator.add_calendar("NIGHT", timezone="UTC", open="20:00", close="04:00"),
    )
    for change in changes:
        change()
        assert bench.store.publish(target).written
        assert not bench.store.publish(target).written


def test_as_many_are_kept_as_asked(bench: Bench, target: Path) -> None:
    batches, older = [], ()
    for minute in range(5):
        load(bench, minute)
        said = bench.store.publish(target, keep=3)
        batches.append(said.batch_id)
        older = said.older
    assert len(older) == 2
    assert [int(one.stem.rpartition("-")[2]) for one in older] == [batches[3], batches[2]], "newest first"
    assert {*older, target} == set(target.parent.iterdir())
    for file, batch in zip((target, *older), reversed(batches), strict=False):
        with open_store(file, read_only=True) as snapshot:
            assert snapshot.sql("SELECT max(batch_id) AS last FROM batches")["last"].to_pylist() == [batch]
    fewer = bench.store.publish(target, keep=2)
    assert (fewer.written, fewer.older, fewer.removed) == (False, older[:1], older[1:])
    load(bench, 9)
    assert bench.store.publish(target).older == ()
    assert names(target) == ["bars.duckdb"]


def test_older_snapshots_are_kept_where_files_cannot_be_linked(
    bench: Bench, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    load(bench, 0)
    bench.store.publish(target, keep=2)
    before = target.read_bytes()
    load(bench, 1)
    (kept,) = bench.store.publish(target, keep=2).older
    assert kept.read_bytes() == before
    assert len(names(target)) == 2


def test_nobody_writes_into_a_snapshot(bench: Bench, target: Path) -> None:
    bench.store.publish(target)
    assert target.stat().st_mode & 0o222 == 0
    content = target.read_bytes()
    for opening in (open_store, compact):  # root, too
        with pytest.raises(
            StoreError, match=r"is read-only, as published snapshots .*read_only=True, or make a store of"
        ):
            opening(target)
    assert target.read_bytes() == content
    if os.geteuid() == 0:
        # By other ways root may nevertheless; what they wrote goes, and does not spoil what comes.
        with duckdb.connect(str(target)) as connection:
            connection.execute("PRAGMA disable_checkpoint_on_shutdown")
            connection.execute("CREATE TABLE mine AS SELECT 1 AS a")
        assert names(target) == ["bars.duckdb", "bars.duckdb.wal"]
    load(bench, 0)
    assert bench.store.publish(target).written
    assert names(target) == ["bars.duckdb"]
    with open_store(target, read_only=True) as snapshot:
        assert snapshot.verify().sound


def mode_of(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_a_copy_is_read_by_whom_the_store_is_or_by_whom_is_said(bench: Bench, target: Path) -> None:
    for store_mode, copy_mode in ((0o600, 0o400), (0o640, 0o440), (0o664, 0o444)):
        bench.store.path.chmod(store_mode)
        for name, copy in (("published", bench.store.publish), ("backed-up", bench.store.backup)):
            made = target.with_name(f"{name}{store_mode:o}.duckdb")
            copy(made)
            assert mode_of(made) == copy_mode
            for mode, bits in (("0444", 0o444), (0o440, 0o440), ("0400", 0o400)):
                assert not copy(made, mode=mode).written, "nothing but who may read it changes"
                assert mode_of(made) == bits
            assert not copy(made).written and mode_of(made) == 0o400, "not said: as it is"
    bench.store.path.chmod(0o600)
    load(bench, 0)
    assert bench.store.publish(target, mode="0440").written and mode_of(target) == 0o440
    for wrong in ("0644", 0o666, 444, "all", "0040", ""):
        with pytest.raises(InputError, match=r"^mode=.* is not usable: its owner reads a copy and nobody writes"):
            bench.store.publish(target, mode=wrong)


def test_nobody_else_reads_a_copy_that_is_being_made(
    bench: Bench, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.store.path.chmod(0o600)
    seen: list[int] = []

    def looked_at(source: Path, part: Path) -> None:
        seen.append(mode_of(part))
        part.chmod(mode_of(source))

    monkeypatch.setattr("barhouse.store.database.file_copy.shutil.copymode", looked_at)
    before = os.umask(0o000)
    try:
        bench.store.publish(target, mode="0444")
    finally:
        os.umask(before)
    assert seen == [0o600] and mode_of(target) == 0o444


def test_a_store_is_made_of_a_copy_by_restoring_it(bench: Bench, target: Path) -> None:
    load(bench, 0)
    bench.store.publish(target, mode="0400")
    again = target.with_name("again.duckdb")
    restore(target, again)
    with open_store(again) as store:
        SessionCoordinator(store).register("NEW", ["1d"], "XNYS")
    assert mode_of(again) == 0o600


def test_a_snapshot_of_an_older_schema_is_published_again(bench: Bench, target: Path) -> None:
    shutil.copyfile(Path(__file__).parents[1] / "migration" / "stores" / "0002.duckdb", target)
    target.chmod(0o444)
    with pytest.raises(StoreVersionError, match=r"has schema 0002, .*; publish it again, or restore it"):
        open_store(target, read_only=True)


def test_what_is_no_copy_of_this_store_is_never_replaced(bench: Bench, target: Path) -> None:
    load(bench, 0)
    copies = (bench.store.publish, bench.store.backup)
    path = bench.store.path
    assert path is not None
    with open_store(target) as other:
        for copy in copies:
            with pytest.raises(StoreHeldError, match="is a store that is open in this process; name another file"):
                copy(target)
        assert other.get_active_symbols() == set()
    target.unlink()
    with open_store(target, clock=lambda: bench.now.replace(year=2025)) as other:
        SessionCoordinator(other).add_calendar("NIGHT", timezone="UTC", open="20:00", close="04:00")
    content = target.read_bytes()
    for copy in copies:
        with pytest.raises(InputError, match=r"is no copy of .*: its batch \d+, .* is not in there; name another file"):
            copy(target)
    target.write_bytes(b"my notes")
    for copy in copies:
        with pytest.raises(StoreVersionError, match="nor any DuckDB file; name another file"):
            copy(target)
    assert target.read_bytes() == b"my notes"
    target.unlink()
    with duckdb.connect(str(target)) as connection:
        connection.execute("CREATE TABLE mine AS SELECT 1 AS a")
    for copy in copies:
        with pytest.raises(StoreVersionError, match="not a Barhouse store; name another file"):
            copy(target)
        with pytest.raises(InputError, match="would be the store itself"):
            copy(path)
        with pytest.raises(InputError, match=r"is a folder; name a file, such as .*bars\.duckdb"):
            copy(target.parent)
        with pytest.raises(InputError, match=r"the folder .*gone does not exist"):
            copy(target.parent / "gone" / "bars.duckdb")
        with pytest.raises(InputError, match="keep=0 is not usable"):
            copy(target, keep=0)
        with open_store(":memory:") as memory, pytest.raises(StoreError, match="in memory has no file"):
            getattr(memory, copy.__name__)(target.with_name("new.duckdb"))
    assert content and names(target) == ["bars.duckdb"]


def test_what_a_killed_copy_left_is_cleared_away(bench: Bench, target: Path) -> None:
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    left = target.with_name(f".bars.duckdb.{int(gone.stdout)}-1.part")
    other = target.with_name(f".bars.duckdb.{os.getppid()}-1.part")
    same_number = target.with_name(f".bars.duckdb.{os.getpid()}-01234567-1.part")  # in the container before this one
    for file in (left, other, same_number, same_number.with_name(f"{same_number.name}.wal")):
        file.write_text("half a copy")
    bench.store.publish(target)
    assert names(target) == [other.name, "bars.duckdb"], "one that may still be at work is let be"


def test_a_backup_does_not_replace_one_that_was_begun_later(bench: Bench, target: Path) -> None:
    load(bench, 0)
    later: list[int | None] = []

    def go_on() -> None:
        load(bench, 1)
        later.append(bench.store.backup(target).batch_id)

    def while_it_is_verified(done: int, lengths: int) -> None:
        if not later:
            other = threading.Thread(target=go_on)
            other.start()
            other.join()

    report = bench.store.backup(target, progress=while_it_is_verified)
    assert (report.written, report.batch_id) == (False, later[0])
    with open_store(target, read_only=True) as copy:
        assert copy.sql(ALL) == bench.store.sql(ALL)


def test_a_backup_is_proven(bench: Bench, target: Path) -> None:
    bench.load_lines(*lines(minutes(f"{DAY} 09:30", f"{DAY} 10:30")), timezone="America/New_York")
    bench.process()
    seen: list[tuple[int, int]] = []
    said = bench.store.backup(target, progress=lambda done, total: seen.append((done, total)))
    assert said.written and said.verified is not None
    assert said.verified.sound and said.verified.batches_checked and said.verified.base_bar_count == 60
    assert seen and seen[-1][0] == seen[-1][1]
    again = bench.store.backup(target)
    assert (again.written, again.verified) == (False, None)
    add_run(bench)
    assert bench.store.backup(target).written, "a backup has the runs too"


def test_a_store_that_does_not_verify_is_backed_up_only_when_told(bench: Bench, target: Path) -> None:
    load(bench, 0)
    bench.store.backup(target)
    content = target.read_bytes()
    load(bench, 1)
    with bench.store.transaction() as transaction:
        transaction.execute("UPDATE bar SET high = low - 1")
    with pytest.raises(
        StoreError, match=r"does not verify, so .* was left alone; .* check=False; the first .*impossible"
    ):
        bench.store.backup(target)
    assert target.read_bytes() == content
    assert names(target) == ["bars.duckdb"]
    said = bench.store.backup(target, check=False)
    assert (said.written, said.verified) == (True, None)
