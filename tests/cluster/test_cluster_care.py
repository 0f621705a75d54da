"""Shards are changed, divided, proved and looked after; the lake goes with them, and the past stays."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from barhouse import (
    clean_cluster,
    compact_lake,
    edit_shards,
    open_lake,
    open_store,
    run_job,
    split_shard,
    verify_cluster,
)
from barhouse.coordinator.cli.main import ExitCode, cli
from barhouse.coordinator.cluster import shard_split
from barhouse.coordinator.data_processor import DataProcessor
from barhouse.coordinator.session_coordinator import SessionCoordinator
from barhouse.store.errors import ClusterError, InputError
from barhouse.store.lake.catalog import opened_catalog
from tests.cluster.cluster_kit import DAYS, SYMBOLS, Bench, corrected
from tests.integration.job_kit import day_of, write

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def loaded(bench: Bench) -> Bench:
    bench.write_jobs(shards=2)
    bench.fill(SYMBOLS, DAYS[:2])
    bench.run()
    return bench


def test_whatever_a_coordinator_does_is_done_to_all_and_seen_at_once(loaded: Bench) -> None:
    def changed(coordinator: SessionCoordinator) -> None:
        coordinator.correct_calendar("NEW_YORK", sessions={DAYS[1]: {"open": "09:30", "close": "13:00"}})
        for symbol in coordinator.get_loaded_symbols() & {"AAA", "DDD"}:
            coordinator.delete_bars(symbol, "5m", DAYS[0], DAYS[0] + timedelta(days=1))
        if "BBB" in coordinator.get_loaded_symbols():
            coordinator.remove_symbol("BBB", purge=True)
        if "CCC" in coordinator.get_loaded_symbols():
            coordinator.remove_symbol("CCC")

    snapshots = loaded.ask("SELECT count(*) FROM ducklake_snapshots('lake')")[0][0]
    edit_shards(loaded.job(), changed)
    assert loaded.ask("SELECT count(*) FROM ducklake_snapshots('lake')") == [(snapshots + 1,)]
    with open_store(loaded.folder / "one.duckdb") as store:
        changed(SessionCoordinator(store))
        DataProcessor(store).process()
    loaded.moments.append(datetime.now(UTC))
    assert loaded.differences() == {}
    assert verify_cluster(loaded.job()).sound


def test_only_the_shards_of_some_symbols_are_changed(loaded: Bench) -> None:
    said = edit_shards(loaded.job(), lambda coordinator: coordinator.get_loaded_symbols(), symbols="ddd")
    assert list(said) == [2] and "DDD" in said[2]
    assert edit_shards(loaded.job(), lambda _: None, shards=[1]) == {1: None}
    with pytest.raises(InputError, match="there is no shard 5; there are 1, 2"):
        edit_shards(loaded.job(), lambda _: None, shards=[5])
    with pytest.raises(InputError, match="say one of them"):
        edit_shards(loaded.job(), lambda _: None, shards=[1], symbols="AAA")


def test_an_edit_that_another_run_came_before_publishes_nothing(loaded: Bench) -> None:
    loaded.fill(SYMBOLS, DAYS[2:3])

    def overtaken(coordinator: SessionCoordinator) -> None:
        coordinator.delete_bars(sorted(coordinator.get_loaded_symbols())[0], "5m", DAYS[0], DAYS[0] + timedelta(days=1))
        if "DDD" in coordinator.get_loaded_symbols():
            elsewhere = loaded.job().read_text(encoding="utf-8").replace('"scratch"', '"elsewhere"')
            other = loaded.folder / "other.toml"
            other.write_text(elsewhere, encoding="utf-8")
            run_job(other)

    with pytest.raises(ClusterError, match="another run published shard 1, 2 meanwhile"):
        edit_shards(loaded.job(), overtaken)
    loaded.run()
    assert loaded.differences() == {}


def test_a_shard_is_divided_and_its_past_stays(loaded: Bench) -> None:
    write(corrected(day_of("DDD", DAYS[0]), (3, 30)), loaded.folder / "bars" / "DDD_again.parquet")
    write(corrected(day_of("CCC", DAYS[0]), (5,)), loaded.folder / "bars" / "CCC_again.parquet")
    loaded.run()
    assert split_shard(loaded.job(), 2, "ddd") == (2, 3)
    found = loaded.differences()
    assert found.keys() <= {"load counts", "retention"}  # batches are those of both
    ranges = loaded.ask("SELECT shard, first_symbol, end_symbol FROM shard ORDER BY ALL")
    assert ranges == [(1, None, "CCC"), (2, "CCC", "DDD"), (3, "DDD", None)]
    assert verify_cluster(loaded.job()).sound
    loaded.fill(SYMBOLS, DAYS[2:3])
    assert [one.state for one in loaded.run().shards] == ["published"] * 3
    assert loaded.differences().keys() <= {"load counts", "retention"}
    for shard, at, said in ((9, "DDD", "there is no shard 9"), (2, "ZZZ", "does not divide it")):
        with pytest.raises(InputError, match=said):
            split_shard(loaded.job(), shard, at)


def test_a_run_comes_before_a_division_or_after_it(loaded: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded.fill(SYMBOLS, DAYS[2:3])
    put = shard_split.put_shard

    def overtaken(*given: object) -> object:
        monkeypatch.setattr(shard_split, "put_shard", put)
        elsewhere = loaded.job().read_text(encoding="utf-8").replace('"scratch"', '"elsewhere"')
        other = loaded.folder / "other.toml"
        other.write_text(elsewhere, encoding="utf-8")
        run_job(other)
        return put(*given)

    monkeypatch.setattr(shard_split, "put_shard", overtaken)
    with pytest.raises(ClusterError, match="by somebody else meanwhile"):
        split_shard(loaded.job(), 2, "DDD")
    loaded.run()
    assert loaded.differences() == {}


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (
            "UPDATE lake.bar SET close = close + 1 WHERE symbol = 'AAA' AND interval = '1d'",
            "bar of the lake has 2 rows",
        ),
        ("DELETE FROM lake.session_coverage WHERE symbol = 'DDD' AND interval = '5m'", "session_coverage of the lake"),
        (
            "INSERT INTO lake.bar SELECT * FROM lake.bar WHERE symbol = 'AAA' AND interval = '1d'",
            "bar of the lake has 2",
        ),
        ("INSERT INTO lake.gap SELECT * REPLACE (9 AS shard) FROM lake.gap", "there is no such shard"),
    ],
)
def test_what_somebody_did_to_the_lake_is_found(loaded: Bench, harm: str, said: str) -> None:
    with opened_catalog(loaded.address, str(loaded.folder / "data")) as catalog:
        catalog.connection.execute(harm)
    report = verify_cluster(loaded.job())
    assert not report.sound
    assert any(said in one.what for one in report.differences), report.differences


def test_a_file_of_a_store_that_was_replaced_is_found(loaded: Bench) -> None:
    first, second = (next((loaded.folder / "stores").glob(f"0000{number}/*.duckdb")) for number in (1, 2))
    shutil.copy(second, first)
    report = verify_cluster(loaded.job())
    assert [one.shard for one in report.differences] == [1]
    assert "is not the file that was published" in report.differences[0].what


def test_compacting_changes_nothing_that_is_seen(loaded: Bench) -> None:
    for day in DAYS[2:4]:
        loaded.fill(SYMBOLS, [day])
        loaded.run()
    report = compact_lake(loaded.job())
    assert report.files_after < report.files_before
    assert loaded.differences() == {}
    assert verify_cluster(loaded.job()).sound


def test_cleaning_takes_what_nobody_needs_and_is_old(loaded: Bench) -> None:
    stranger = loaded.folder / "stores" / "00001" / "00000002-of-a-run-that-was-killed.duckdb"
    stranger.write_bytes(b"")
    young = loaded.folder / "stores" / "00001" / "00000003-about-to-be-published.duckdb"
    young.write_bytes(b"")
    orphan = loaded.folder / "data" / "main" / "bar" / "shard=1" / "of-a-run-that-was-killed.parquet"
    orphan.write_bytes(b"")
    for path in (loaded.folder / "stores").rglob("*"):
        if path.is_file() and path != young:
            os.utime(path, (1e9, 1e9))
    os.utime(orphan, (1e9, 1e9))
    told = clean_cluster(loaded.job(), dry_run=True)
    assert stranger.exists() and str(stranger) in told.files
    assert any("of-a-run-that-was-killed.parquet" in name for name in told.files)
    clean_cluster(loaded.job())
    assert not stranger.exists() and not orphan.exists() and young.exists()
    assert verify_cluster(loaded.job()).sound
    loaded.run()
    assert loaded.differences() == {}
    for wrong in ({"keep": 0}, {"older_than_hours": 0.1}):
        with pytest.raises(InputError):
            clean_cluster(loaded.job(), **wrong)


def test_the_commands(loaded: Bench) -> None:
    runner, job = CliRunner(), str(loaded.job())

    def said(*command: str, code: ExitCode = ExitCode.OK) -> str:
        result = runner.invoke(cli, list(command))
        assert result.exit_code == code, result.output
        return result.output

    # One of its sources matches no file, which is told for the whole job.
    assert "2 shards: 2 nothing new" in said("run", job, code=ExitCode.FILES)
    assert "1 shard: 1 nothing new" in said("run", job, "--shard", "2", code=ExitCode.FILES)
    assert "generation" in said("cluster", "status", job)
    assert "all as published" in said("cluster", "verify", job)
    assert "shard 1 holds the symbols before BBB now, and shard 3 those from it on" in said(
        "cluster", "split", job, "1", "--at", "BBB"
    )
    assert "files of bars and revisions" in said("cluster", "compact", job)
    assert "would remove 0 files" in said("cluster", "clean", job, "--dry-run")
    lake = str(loaded.folder / "lake.ducklake")
    assert "DDD" in said("sql", "--lake", lake, "SELECT DISTINCT symbol FROM bars")
    assert "is for stores" in said("sql", "--lake", lake, "--files", "FROM bars", code=ExitCode.USAGE)
    assert "leave it out" in said("--store", "x.duckdb", "run", job, code=ExitCode.USAGE)
    with open_lake(lake) as opened:
        assert len(opened.shards()) == 3
