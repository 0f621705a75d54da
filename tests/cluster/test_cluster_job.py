"""A job over shards shows what the same job over one store shows, in every view and at every past moment."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from barhouse import open_lake, run_job
from barhouse.store.errors import ConfigError, InputError, LakeError
from tests.cluster.cluster_kit import DAYS, SYMBOLS, Bench, corrected
from tests.integration.job_kit import day_of, write

pytestmark = pytest.mark.usefixtures("here")


def test_five_nights_over_shards_are_those_over_one_store(bench: Bench) -> None:
    """A first load; a file with a day of all; corrections; a day; a session sent again, with bars of it missing."""
    bench.write_jobs(shards=3)
    bench.fill(SYMBOLS, DAYS[:3])
    first = bench.run()
    assert [(one.shard, one.state, one.generation) for one in first.shards] == [
        (number, "published", 1) for number in (1, 2, 3)
    ]
    assert first.verified is not None and first.verified.symbol_count == 4
    bench.together("all_1.parquet", {symbol: day_of(symbol, DAYS[3]) for symbol in SYMBOLS})
    bench.run()
    for symbol in ("AAA", "DDD"):
        write(corrected(day_of(symbol, DAYS[1]), (3, 30)), bench.folder / "bars" / f"{symbol}_again.parquet")
    assert bench.run().rows.revised == 4
    bench.fill(SYMBOLS, DAYS[4:5])
    bench.run()
    bench.write_jobs(shards=3, source='replace = "sessions"')
    bench.together("all_2.parquet", {symbol: day_of(symbol, DAYS[4]).slice(10) for symbol in SYMBOLS[1:4]})
    assert bench.run().rows.deleted == 30
    assert bench.differences() == {}


def test_nothing_new_publishes_nothing(bench: Bench) -> None:
    bench.write_jobs(shards=2)
    bench.fill(SYMBOLS[:2], DAYS[:1])
    before = bench.run()
    files = bench.ask("SELECT count(*) FROM generation")
    again = bench.run()
    assert [one.state for one in again.shards] == ["nothing new"] * 2
    assert not again.changed and again.run_id == before.run_id
    assert bench.ask("SELECT count(*) FROM generation") == files
    assert bench.differences() == {}


def test_one_shard_by_its_number_is_published_by_itself(bench: Bench) -> None:
    bench.write_jobs(shards=2)
    bench.fill(["AAA", "DDD"], DAYS[:2])
    report = run_job(bench.job(), shard=2)
    assert [(one.shard, one.state) for one in report.shards] == [(2, "published")]
    assert bench.ask("SELECT DISTINCT symbol FROM bars") == [("DDD",)]
    with pytest.raises(InputError, match="there is no shard 7; there are 1, 2"):
        run_job(bench.job(), shard=7)
    bench.run()
    assert bench.differences() == {}


def test_missing_files_are_judged_for_the_whole_job(bench: Bench) -> None:
    """A source of one symbol is missing in no shard that has others; one that matches nothing is missing once."""
    bench.write_jobs(shards=2)
    bench.fill(["AAA", "DDD"], DAYS[:1])
    report = bench.run()
    assert [(one.kind, one.path) for one in report.problems] == [("missing", "all/*.parquet")]
    assert report.outcome == "files failed"


def test_a_file_that_cannot_be_read_is_told_once(bench: Bench) -> None:
    bench.write_jobs(shards=2)
    bench.fill(SYMBOLS[:2], DAYS[:1])
    (bench.folder / "all" / "broken.parquet").write_bytes(b"no parquet")
    report = bench.run()
    assert [(one.kind, one.path) for one in report.problems] == [("failed", "all/broken.parquet")]
    assert bench.differences() == {}


def test_symbols_behind_are_those_of_the_whole_job(bench: Bench) -> None:
    """The newest session of a calendar is in one shard, and a symbol that lacks it in another."""
    bench.write_jobs(shards=2)
    bench.fill(["AAA", "DDD"], DAYS[:2])
    (bench.folder / "bars" / f"AAA_{DAYS[1]}.parquet").unlink()
    report = bench.run()
    assert report.behind == {"AAA": DAYS[0]}


def test_rows_that_cannot_be_taken_and_rows_without_a_symbol_are_told_once(bench: Bench) -> None:
    bench.write_jobs(shards=2, text="[thresholds]\nmax_rejected = 1000\n")
    path = bench.together("all_1.parquet", {symbol: day_of(symbol, DAYS[0]) for symbol in SYMBOLS})
    rows = pq.read_table(path).to_pylist()
    rows[5]["high"], rows[100]["symbol"], rows[200]["symbol"] = -1.0, None, None
    write(pa.Table.from_pylist(rows), path)
    report = bench.run()
    assert report.rows.rejected == 3
    assert bench.differences() == {}


def test_retention_takes_bars_from_the_lake(bench: Bench) -> None:
    bench.write_jobs(shards=2, text='[retention]\n5m = "2d"\nrevisions = "1d"\n')
    bench.fill(SYMBOLS, DAYS[:4])
    bench.run()
    bench.fill(SYMBOLS, DAYS[4:])
    report = bench.run()
    assert report.retention is not None and report.retention.deleted > 0
    bench.moments.clear()  # a store that purged bars does not tell of the past before
    assert bench.differences() == {}
    assert bench.ask("SELECT count(*) FROM bars WHERE interval = '5m'") < bench.ask(
        "SELECT sum(inserted) FROM batches WHERE kind = 'load'"
    )


def test_retention_of_an_interval_that_nobody_has_is_refused(bench: Bench) -> None:
    bench.write_jobs(shards=2, text='[retention]\n3m = "3d"\n')
    bench.fill(["AAA", "DDD"], DAYS[:1])
    with pytest.raises(ConfigError, match="no symbol has interval '3m'; there are 5m, 15m, 1d, 1w"):
        run_job(bench.job())
    assert bench.ask("SELECT count(*) FROM generation") == [(0,)]


def test_a_machine_without_its_scratch_folder_fetches_what_was_published(bench: Bench) -> None:
    bench.write_jobs(shards=2)
    bench.fill(SYMBOLS, DAYS[:2])
    bench.run()
    shutil.rmtree(bench.folder / "scratch")
    bench.fill(SYMBOLS, DAYS[2:3])
    bench.run()
    assert bench.differences() == {}


@pytest.mark.parametrize("harm", ["torn", "flipped", "of another generation"])
def test_a_scratch_folder_that_is_not_as_it_was_is_fetched_anew(bench: Bench, harm: str) -> None:
    bench.write_jobs(shards=1)
    bench.fill(SYMBOLS[:2], DAYS[:1])
    bench.run()
    (first,) = (bench.folder / "scratch").glob("*/00001/0*.duckdb")
    old = first.read_bytes()
    bench.fill(SYMBOLS[:2], DAYS[1:2])
    bench.run()
    kept = max((bench.folder / "scratch").glob("*/00001/0*.duckdb"))
    data = kept.read_bytes()
    middle = len(data) // 2
    kept.write_bytes(
        {
            "torn": data[:middle],
            "flipped": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
            "of another generation": old,
        }[harm]
    )
    bench.fill(SYMBOLS[:2], DAYS[2:3])
    bench.run()
    assert bench.differences() == {}


def test_a_file_that_is_not_what_was_published_is_refused(bench: Bench) -> None:
    bench.write_jobs(shards=1)
    bench.fill(SYMBOLS[:2], DAYS[:1])
    bench.run()
    (stored,) = (bench.folder / "stores").glob("00001/*.duckdb")
    stored.write_bytes(stored.read_bytes()[:-1])
    shutil.rmtree(bench.folder / "scratch")
    bench.fill(SYMBOLS[:2], DAYS[1:2])
    with pytest.raises(Exception, match="is not the file that was published"):
        run_job(bench.job())


def test_what_a_run_did_that_was_not_published_is_taken_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loaded and put, but nobody lived to publish it: the next run has nothing to load again."""
    from barhouse.coordinator.cluster import job as cluster_job

    bench.write_jobs(shards=2)
    bench.fill(SYMBOLS, DAYS[:2])

    def gone(*_: object, **__: object) -> set[int]:
        raise LakeError("PostgreSQL is away")

    with monkeypatch.context() as patched:
        patched.setattr(cluster_job, "publish", gone)
        with pytest.raises(LakeError):
            run_job(bench.job())
    report = bench.run()
    assert (report.files_loaded, report.files_known) == (0, 8)
    assert [one.generation for one in report.shards] == [1, 1]
    assert bench.differences() == {}


def test_bars_that_are_not_as_recomputed_are_not_published(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from barhouse.coordinator.jobs import job_run
    from barhouse.store.model.reports import Difference, VerifyReport

    bench.write_jobs(shards=2)
    bench.fill(SYMBOLS, DAYS[:1])
    found = Difference(kind="derived", symbol="AAA", interval="1h", at=None, stored="", expected="", advice="")
    wrong = VerifyReport(
        symbol_count=1,
        interval_count=1,
        base_bar_count=1,
        derived_bar_count=1,
        session_count=1,
        batches_checked=False,
        differences=(found,),
        totals={"derived": 1},
    )
    monkeypatch.setattr(job_run, "verified", lambda store, *_: wrong if "AAA" in store.get_active_symbols() else None)
    report = run_job(bench.job())
    assert report.outcome == "differences"
    assert [one.state for one in report.shards] == ["held back"] * 2
    assert bench.ask("SELECT count(*) FROM bars") == [(0,)]


def test_a_store_and_a_cluster_exclude_each_other(bench: Bench, tmp_path: Path) -> None:
    bench.write_jobs()
    job = bench.job()
    job.write_text('store = "bars.duckdb"\n' + job.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(ConfigError, match="store and cluster exclude each other"):
        run_job(job)
    bench.write_jobs()
    with pytest.raises(ConfigError, match="leave out the store"):
        run_job(bench.job(), store=tmp_path / "other.duckdb")
    with pytest.raises(ConfigError, match="this job has one store"):
        run_job(bench.job("one"), shard=1)


def test_a_lake_is_asked_from_python(bench: Bench) -> None:
    bench.write_jobs(shards=2)
    bench.fill(["AAA", "DDD"], DAYS[:2])
    bench.run()
    then = datetime.now(UTC)
    write(corrected(day_of("AAA", DAYS[0]), (0,)), bench.folder / "bars" / "AAA_again.parquet")
    with open_lake(bench.folder / "lake.ducklake") as lake:
        before = lake.bars("AAA", "1d")
        bench.run()  # nobody who reads holds up whoever publishes
        after = lake.bars(["AAA", "DDD"], "1d", start=datetime(2024, 10, 1, tzinfo=UTC))
        assert lake.bars("AAA", "1d", as_of=then)["close"] == before["close"]
        assert before.num_rows == 2 and after.num_rows == 4
        assert [row["generation"] for row in lake.shards()] == [2, 1]
        assert lake.sql("SELECT count(*) AS n FROM bars WHERE symbol = $symbol", {"symbol": "DDD"})["n"][0].as_py() > 0
        for refused in ("DELETE FROM lake.bar", "COPY bars TO 'x.csv'", "FROM 'cluster.toml'", "ATTACH 'x.db'"):
            with pytest.raises(InputError):
                lake.sql(refused)
    with pytest.raises(LakeError, match="there is no lake at"):
        open_lake(bench.folder / "other.ducklake")
    with pytest.raises(InputError, match="is no lake; give the path of its catalog"):
        open_lake("mysql:host=db")
