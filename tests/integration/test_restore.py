"""Going back to a backup: verified first, put in place at once, and nothing newer is lost by mistake."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from load_kit import Bench, copy_template, line
from test_engine import holder

from barhouse import open_store, restore
from barhouse.store.copies import restoration
from barhouse.store.database.file_copy import copy_synced
from barhouse.store.errors import InputError, StoreError, StoreHeldError

DAY = "2024-11-26"
ALL = "FROM bars ORDER BY ALL"
STORES = Path(__file__).parents[1] / "migration" / "stores"


def load(bench: Bench, minute: int, close: float = 10) -> None:
    bench.load_lines(line(f"{DAY} 09:{30 + minute}:00", close=close), timezone="America/New_York")
    bench.process()


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder / "bars.duckdb"


@pytest.fixture
def path(bench: Bench) -> Path:
    assert bench.store.path is not None
    return bench.store.path


def names(path: Path) -> list[str]:
    return sorted(one.name for one in path.parent.iterdir() if "bars.duckdb" in one.name)


def test_a_lost_store_comes_back(bench: Bench, path: Path, backup: Path) -> None:
    load(bench, 0)
    bars = bench.store.sql(ALL)
    batch = bench.store.backup(backup).batch_id
    bench.store.close()
    path.unlink()
    said = restore(backup, path)
    assert (said.path, said.written, said.batch_id, said.replaced) == (path, True, batch, None)
    assert said.verified.sound and said.verified.batches_checked
    assert names(path) == ["bars.duckdb"]
    with open_store(path) as store:  # it may be written to again
        assert store.sql(ALL) == bars
    assert restore(backup, path).written is False
    assert names(path) == ["bars.duckdb"]


def test_a_store_that_is_newer_is_replaced_only_when_told_and_kept(bench: Bench, path: Path, backup: Path) -> None:
    load(bench, 0)
    bench.store.backup(backup)
    load(bench, 1)
    bars = bench.store.sql(ALL)
    bench.store.close()
    content = path.read_bytes()
    with pytest.raises(InputError, match=r"has what the backup lacks: its newest batch is \d+ of .* with force=True"):
        restore(backup, path)
    assert path.read_bytes() == content
    said = restore(backup, path, force=True)
    assert said.replaced is not None and said.replaced.read_bytes() == content
    with open_store(path) as store, open_store(said.replaced, read_only=True) as old:
        assert store.sql(ALL).num_rows < old.sql(ALL).num_rows
        assert old.sql(ALL) == bars
        assert store.verify().sound


@pytest.mark.parametrize("change", ["registration", "another history"])
def test_what_no_batch_tells_counts_too(
    bench: Bench, path: Path, backup: Path, change: str, template: Path, tmp_path: Path
) -> None:
    load(bench, 0)
    bench.store.backup(backup)
    if change == "registration":
        bench.coordinator.register("DIA", ["1m"], "XNYS")
        bench.store.close()
    else:
        bench.store.close()
        (tmp_path / "other").mkdir()
        other = Bench(copy_template(template, tmp_path / "other"), tmp_path / "other")
        other.now = other.now.replace(day=3)
        load(other, 0)
        other.store.close()
        assert other.store.path is not None
        path = other.store.path
    with pytest.raises(InputError, match="has what the backup lacks"):
        restore(backup, path)
    assert restore(backup, path, force=True).replaced is not None


def test_an_older_store_is_replaced_without_being_told(bench: Bench, path: Path, backup: Path) -> None:
    load(bench, 0)
    older = path.with_name("older.duckdb")
    bench.store.backup(older)
    load(bench, 1)
    bench.store.backup(backup)
    bars = bench.store.sql(ALL)
    bench.store.close()
    older.chmod(0o600)
    said = restore(backup, older)
    assert said.written and said.replaced is not None
    assert older.stat().st_mode & 0o777 == 0o600
    with open_store(older) as store:
        assert store.sql(ALL) == bars


def test_a_backup_and_a_store_that_go_on_during_a_restore_lose_nothing(
    bench: Bench, path: Path, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process writes to the store, and backs it up, once the backup that was there has been copied."""
    load(bench, 0)
    bench.store.backup(backup)
    load(bench, 1)
    later = backup.with_name("later.duckdb")
    bench.store.backup(later)
    bench.store.close()
    shutil.copy(backup, store := path.with_name("store.duckdb"))

    def copy_and_go_on(source: Path, part: Path, target: Path) -> None:
        copy_synced(source, part, target)
        shutil.copy(later, store)
        later.replace(backup)

    monkeypatch.setattr(restoration, "copy_synced", copy_and_go_on)
    with pytest.raises(InputError, match="has what the backup lacks"):
        restore(backup, store)
    assert store.read_bytes() == backup.read_bytes()


def test_a_damaged_store_is_replaced_with_its_log_kept(bench: Bench, path: Path, backup: Path) -> None:
    load(bench, 0)
    bench.store.backup(backup)
    bars = bench.store.sql(ALL)
    bench.store.close()
    path.write_bytes(b"\0" * 20_000)
    log = path.with_name("bars.duckdb.wal")
    log.write_bytes(b"what was not written yet")
    with pytest.raises(InputError, match=r"it is replaced only with force=True \(and kept aside\)"):
        restore(backup, path)
    said = restore(backup, path, force=True)
    assert said.replaced is not None and said.replaced.read_bytes() == b"\0" * 20_000
    assert said.replaced.with_name(f"{said.replaced.name}.wal").read_bytes() == b"what was not written yet"
    with open_store(path) as store:
        assert store.sql(ALL) == bars


def test_an_open_store_is_not_replaced(bench: Bench, path: Path, backup: Path) -> None:
    bench.store.backup(backup)
    load(bench, 0)
    for force in (False, True):
        with pytest.raises(StoreHeldError, match="already open in this process"):
            restore(backup, path, force=force)
    bench.store.close()
    content = path.read_bytes()
    for more in ((), ("read-only",)):
        with holder(path, *more), pytest.raises(StoreHeldError, match=r"is held by|being read or written by another"):
            restore(backup, path, force=True)
        assert path.read_bytes() == content
    assert names(path) == ["bars.duckdb"]


def test_a_backup_that_is_no_good_replaces_nothing(bench: Bench, path: Path, backup: Path) -> None:
    load(bench, 0)
    bench.store.backup(backup)
    bench.store.close()
    content = path.read_bytes()
    bad = backup.with_name("bad.duckdb")
    shutil.copyfile(backup, bad)
    with duckdb.connect(str(bad)) as connection:
        connection.execute("UPDATE bar SET high = low - 1")
    with pytest.raises(StoreError, match=r"the backup .* does not verify, so nothing was replaced: impossible"):
        restore(bad, path, force=True)
    bad.write_text("no store")
    for wrong in (bad, backup.with_name("none.duckdb")):
        with pytest.raises(StoreError, match=r"nor any DuckDB file|there is no backup at"):
            restore(wrong, path, force=True)
    with pytest.raises(InputError, match="is the store itself"):
        restore(path, path)
    with pytest.raises(InputError, match="is no place for a store"):
        restore(backup, path.parent / "gone" / "bars.duckdb")
    assert path.read_bytes() == content
    assert names(path) == ["bars.duckdb"]


@pytest.mark.parametrize("made", sorted(STORES.glob("*.duckdb")), ids=lambda made: made.stem)
def test_a_backup_of_any_released_schema_comes_back(made: Path, tmp_path: Path) -> None:
    said = restore(made, tmp_path / "bars.duckdb")
    assert said.written and said.verified.sound
    with open_store(tmp_path / "bars.duckdb", read_only=True) as store:
        assert store.get_active_symbols() == {"SPY"}


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def without_all_rights() -> None:
    """Take from root what lets it write into any file: a user of that name is left, as others are."""
    libc = ctypes.CDLL(None)
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        assert libc.prctl(24, capability, 0, 0, 0) == 0  # PR_CAPBSET_DROP


@pytest.mark.skipif(
    is_root() and sys.platform != "linux", reason="root may write into any file, and only on Linux can it give that up"
)
def test_a_backup_that_nobody_may_write_into_is_restored(bench: Bench, tmp_path: Path) -> None:
    backup, again = tmp_path / "backup.duckdb", tmp_path / "again.duckdb"
    bench.store.backup(backup)
    program = "import sys; from barhouse import restore; print(restore(*sys.argv[1:]).written)"
    said = subprocess.check_output(
        [sys.executable, "-c", program, str(backup), str(again)],
        text=True,
        preexec_fn=without_all_rights if is_root() else None,
    )
    assert said == "True\n"
    with open_store(again) as store:
        assert store.verify().sound
