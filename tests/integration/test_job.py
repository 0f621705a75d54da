"""Nightly jobs: what they find, load and report; the same with bad files, again, and cut short."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import job_kit
import pyarrow as pa
import pyarrow.csv
import pytest
from job_kit import day_of, fill, job_file, write

from barhouse import JobReport, SessionCoordinator, check_job, open_store, run_job
from barhouse.store.errors import ConfigError, JobError, RegistrationError, RunActiveError, StoreHeldError

MONDAY, TUESDAY, WEDNESDAY = job_kit.sessions(3)
DAYS = [MONDAY, TUESDAY, WEDNESDAY]


@pytest.fixture(autouse=True)
def store(knowing_xnys: Path, tmp_path: Path) -> Path:
    """The store of the test's job."""
    return Path(shutil.copy(knowing_xnys, tmp_path))


def ask(folder: Path, query: str) -> list[dict[str, Any]]:
    with open_store(folder / "bars.duckdb", read_only=True) as store:
        rows: list[dict[str, Any]] = store.sql(query).to_pylist()
        return rows


def problems(report: JobReport) -> dict[str, str]:
    """What is wrong, by file."""
    return {one.path: f"{one.kind}: {one.what}" for one in report.problems}


# The plain case


def test_a_folder_of_daily_files(tmp_path: Path) -> None:
    fill(tmp_path / "bars", ["AAA", "BBB"], [MONDAY, TUESDAY])
    job = job_file(tmp_path)
    report = run_job(job)
    assert (report.outcome, report.files_found, report.files_loaded, report.changed) == ("done", 4, 4, True)
    assert [(one.symbol, one.base_interval, one.derived_intervals) for one in report.registered] == [
        ("AAA", "5m", ("15m", "1h", "1d")),
        ("BBB", "5m", ("15m", "1h", "1d")),
    ]
    given = sum(day_of(symbol, day).num_rows for symbol in ("AAA", "BBB") for day in (MONDAY, TUESDAY))
    assert report.rows.inserted == report.touched.present == given
    assert report.touched.expected == 4 * 78
    assert report.verified is not None and report.verified.sound
    assert report.check() is report
    (counts,) = ask(tmp_path, "SELECT count(*) AS bars FROM bars WHERE interval = '5m'")
    assert counts["bars"] == given


def test_files_with_many_rows(tmp_path: Path) -> None:
    """More rows in one load than are looked at one by one; a day sent under another's name is still found."""
    names, days = ["AAA", "BBB", "CCC", "DDD"], job_kit.sessions(16)
    fill(tmp_path / "bars", names, days, step_minutes=1)
    write(day_of("DDD", days[3], 1), tmp_path / "bars" / f"DDD_{days[4]}.parquet")
    report = run_job(job_file(tmp_path))
    assert list(problems(report)) == [f"bars/DDD_{days[4]}.parquet"]
    assert (report.files_loaded, report.rows.rejected) == (63, 0) and report.rows.inserted > 20_000
    assert report.verified is not None and report.verified.sound


def test_run_again_it_does_nothing_and_with_a_new_day_only_that(tmp_path: Path) -> None:
    fill(tmp_path / "bars", ["AAA", "BBB"], [MONDAY])
    job = job_file(tmp_path)
    run_job(job)
    before = ask(tmp_path, "FROM batches")
    again = run_job(job)
    assert (again.outcome, again.files_known, again.files_loaded, again.changed) == ("done", 2, 0, False)
    assert again.verified is None and ask(tmp_path, "FROM batches") == before
    fill(tmp_path / "bars", ["AAA", "BBB"], [TUESDAY])
    third = run_job(job)
    assert (third.files_known, third.files_loaded, third.registered) == (2, 2, ())
    assert third.touched.expected == 2 * 78


def test_a_file_that_changed_is_loaded_again(tmp_path: Path) -> None:
    fill(tmp_path / "bars", ["AAA"], [MONDAY, TUESDAY])
    job = job_file(tmp_path)
    run_job(job)
    path = tmp_path / "bars" / f"AAA_{MONDAY}.parquet"
    table = day_of("AAA", MONDAY)
    # Touched, but with the same bytes: nothing to do.
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert run_job(job).files_loaded == 0
    high = table["high"].to_pylist()
    high[7] += 10
    write(table.set_column(2, "high", pa.array(high)), path)
    report = run_job(job)
    assert (report.files_loaded, report.rows.revised, report.rows.inserted) == (1, 1, 0)
    assert report.processed.revised == 3


def test_other_options_load_the_files_again(tmp_path: Path) -> None:
    fill(tmp_path / "bars", ["AAA"], [MONDAY])
    run_job(job_file(tmp_path))
    report = run_job(job_file(tmp_path, source='columns = { volume = "" }'))
    assert report.files_loaded == 1 and report.rows.revised == report.touched.present


# Where files say whose bars they hold


def test_hive_partitions(tmp_path: Path) -> None:
    for symbol in ("BTC%2FUSD", "AAA"):
        for day in (MONDAY, TUESDAY):
            write(day_of(symbol, day), tmp_path / "bars" / f"symbol={symbol}" / f"date={day}" / "part-0.parquet")
    job = job_file(tmp_path)
    text = job.read_text(encoding="utf-8").replace("bars/{symbol}_{date}", "bars/symbol={symbol}/date={date}/*")
    job.write_text(text, encoding="utf-8")
    report = run_job(job)
    assert report.outcome == "done", report.reasons()
    assert {one.symbol for one in report.registered} == {"AAA", "BTC/USD"}


def test_one_file_for_many_symbols(tmp_path: Path) -> None:
    tables = [
        day_of(name, MONDAY).append_column("ticker", pa.array([name] * day_of(name, MONDAY).num_rows))
        for name in ("AAA", "bbb", "CCC")
    ]
    write(pa.concat_tables(tables), tmp_path / "bars" / f"all_{MONDAY}.parquet")
    job = job_file(tmp_path)
    text = job.read_text(encoding="utf-8").replace("{symbol}_{date}", "all_{date}").replace('"*"', '["AAA", "BBB"]')
    job.write_text(text, encoding="utf-8")
    report = run_job(job)
    assert {one.symbol for one in report.registered} == {"AAA", "BBB"}
    assert report.outcome == "files failed" and report.rows.rejected == 0
    assert report.verdict() == "files hold symbols that the job does not name"
    assert "holds bars of CCC, which the job does not name" in problems(report)[f"bars/all_{MONDAY}.parquet"]
    # Once it is named, its bars are loaded from the file that is known already.
    job.write_text(text.replace('["AAA", "BBB"]', '["AAA", "BBB", "C*"]'), encoding="utf-8")
    second = run_job(job)
    assert [one.symbol for one in second.registered] == ["CCC"] and second.outcome == "done"
    assert second.rows.inserted == day_of("CCC", MONDAY).num_rows


def test_streams_are_determined_from_what_the_files_hold(tmp_path: Path) -> None:
    """AAA comes with minutes, BBB with days alone: it cannot have 15m."""
    fill(tmp_path / "bars", ["AAA"], [MONDAY, TUESDAY], step_minutes=1)
    days = pa.Table.from_pylist([{**day_of("BBB", day).to_pylist()[0], "timestamp": day} for day in DAYS])
    write(days, tmp_path / "bars" / f"BBB_{MONDAY}.parquet")
    report = run_job(job_file(tmp_path))
    assert [(one.symbol, one.base_interval) for one in report.registered] == [("AAA", "1m")]
    (why,) = report.not_registered
    assert why.startswith("BBB: 15m, 1h cannot be derived from what is available (1d)")
    assert report.outcome == "files failed"
    with pytest.raises(JobError, match="BBB: 15m, 1h cannot be derived") as raised:
        report.check()
    assert raised.value.report is report


def test_files_of_several_intervals(tmp_path: Path) -> None:
    """The coarsest interval that does is loaded, the other files are passed over."""
    for step, name in ((1, "1m"), (5, "5m")):
        write(day_of("AAA", MONDAY, step), tmp_path / "bars" / name / f"AAA_{MONDAY}.parquet")
    job = job_file(tmp_path)
    text = job.read_text(encoding="utf-8").replace("bars/", "bars/{interval}/")
    job.write_text(text, encoding="utf-8")
    report = run_job(job)
    assert (report.registered[0].base_interval, report.files_loaded, report.files_passed_over) == ("5m", 1, 1)
    assert report.outcome == "done"


def test_a_symbol_named_without_files(tmp_path: Path) -> None:
    fill(tmp_path / "bars", ["AAA"], [MONDAY])
    job = job_file(tmp_path)
    named = job.read_text(encoding="utf-8").replace('"*"', '["AAA", "GONE"]')
    job.write_text(named, encoding="utf-8")
    report = run_job(job)
    assert report.outcome == "files failed" and report.not_registered[0].startswith("GONE: ")
    assert report.verdict() == "symbols could not be registered"
    job.write_text('on_missing = "raise"\n' + named, encoding="utf-8")
    with pytest.raises(RegistrationError, match="GONE"):
        run_job(job)
    assert ask(tmp_path, "SELECT state FROM runs ORDER BY run_id") == [{"state": "done"}, {"state": "failed"}]


def test_one_file_read_twice_for_symbols_of_different_intervals(tmp_path: Path) -> None:
    """AAA has minutes and BBB five minutes, in one file: each is a source of its own, and known the next time."""
    tables = [
        day_of(name, MONDAY, step).append_column("symbol", pa.array([name] * day_of(name, MONDAY, step).num_rows))
        for name, step in (("AAA", 1), ("BBB", 5))
    ]
    write(pa.concat_tables(tables), tmp_path / "bars" / "all.parquet")
    job = job_file(tmp_path, source='symbols = "AAA"\n[[sources]]\nfiles = "bars/all.parquet"\nsymbols = "BBB"')
    text = job.read_text(encoding="utf-8").replace("bars/{symbol}_{date}.parquet", "bars/all.parquet")
    job.write_text(text, encoding="utf-8")
    report = run_job(job)
    assert report.outcome == "done", report.reasons()
    assert {one.symbol: one.base_interval for one in report.registered} == {"AAA": "1m", "BBB": "5m"}
    assert run_job(job).files_known == 2
    job.write_text(text.replace('symbols = "AAA"\n', "", 1).replace('"BBB"', '"CCC"'), encoding="utf-8")
    mixed = run_job(job)
    assert "holds bars of different lengths (1m of AAA, 5m of BBB)" in problems(mixed)["bars/all.parquet"]


def test_thinly_traded_bars_are_loaded_with_the_base_they_fit(tmp_path: Path) -> None:
    """A day with trades in three minutes, ten apart, holds minutes and not bars of ten minutes."""
    fill(tmp_path / "bars", ["AAA"], [MONDAY], step_minutes=1)
    write(day_of("AAA", TUESDAY, 10, missing_pct=0).slice(0, 3), tmp_path / "bars" / f"AAA_{TUESDAY}.parquet")
    report = run_job(job_file(tmp_path))
    assert (report.registered[0].base_interval, report.files_loaded, report.outcome) == ("1m", 2, "done")


# Bad files


@pytest.fixture
def with_bad(tmp_path: Path) -> Iterator[Path]:
    """Six good files of AAA and BBB."""
    fill(tmp_path / "bars", ["AAA", "BBB"], DAYS)
    yield tmp_path


def ran_with_bad(folder: Path, name: str, expected: str, *, rest: int = 5, **job: str) -> JobReport:
    """Run; one file must be named with what is wrong, and the rest be loaded, whether alone or with others."""
    report = run_job(job_file(folder, **job))
    assert list(problems(report)) == [f"bars/{name}"]
    assert expected in problems(report)[f"bars/{name}"]
    assert report.files_loaded == rest
    assert report.outcome == "files failed"
    assert report.verified is not None and report.verified.sound
    again = run_job(job_file(folder, **job))
    assert problems(again) == problems(report) and again.files_loaded == 0, "told until it is mended, and only told"
    return report


def test_a_truncated_file(with_bad: Path) -> None:
    name = f"AAA_{TUESDAY}.parquet"
    path = with_bad / "bars" / name
    path.write_bytes(path.read_bytes()[:-200])
    ran_with_bad(with_bad, name, "failed: bars/AAA_2024-10-22.parquet cannot be read")
    write(day_of("AAA", TUESDAY), path)
    mended = run_job(job_file(with_bad))
    assert (mended.outcome, mended.files_loaded) == ("done", 1)


def test_a_changed_column(with_bad: Path) -> None:
    name = f"BBB_{TUESDAY}.parquet"
    table = day_of("BBB", TUESDAY)
    write(table.rename_columns([*table.column_names[:4], "settle", "volume"]), with_bad / "bars" / name)
    ran_with_bad(
        with_bad, name, f"bars/{name} has no column for close; it has timestamp, open, high, low, settle, volume"
    )


def test_a_wrong_zone(with_bad: Path) -> None:
    """New York's wall clock written as UTC: most of the day lies before the open."""
    name = f"AAA_{WEDNESDAY}.parquet"
    table = day_of("AAA", WEDNESDAY)
    wrong = [stamp.astimezone(job_kit.NEW_YORK).replace(tzinfo=UTC) for stamp in table["timestamp"].to_pylist()]
    write(table.set_column(0, "timestamp", pa.array(wrong, pa.timestamp("us", "UTC"))), with_bad / "bars" / name)
    ran_with_bad(with_bad, name, "bars lie outside the sessions of their calendar, as when the time zone is wrong")


def test_no_zone(with_bad: Path) -> None:
    name = f"AAA_{WEDNESDAY}.parquet"
    table = day_of("AAA", WEDNESDAY)
    naive = [stamp.astimezone(job_kit.NEW_YORK).replace(tzinfo=None) for stamp in table["timestamp"].to_pylist()]
    write(table.set_column(0, "timestamp", pa.array(naive)), with_bad / "bars" / name)
    ran_with_bad(with_bad, name, "stamps without a time zone")


def test_a_day_twice_in_one_file(with_bad: Path) -> None:
    name = f"AAA_{TUESDAY}.parquet"
    table = day_of("AAA", TUESDAY)
    write(pa.concat_tables([table, table]), with_bad / "bars" / name)
    report = run_job(job_file(with_bad))
    assert problems(report) == {f"bars/{name}": f"repeated rows: {table.num_rows} rows come again with the same values"}
    assert (report.files_loaded, report.outcome) == (6, "past thresholds")


def test_a_day_sent_again_under_the_next_days_name(with_bad: Path) -> None:
    name = f"AAA_{WEDNESDAY}.parquet"
    write(day_of("AAA", TUESDAY), with_bad / "bars" / name)
    ran_with_bad(with_bad, name, f"is named for {WEDNESDAY} but holds bars of {TUESDAY}")


def test_a_symbol_nobody_registered(with_bad: Path) -> None:
    name = f"CCC_{MONDAY}.parquet"
    write(day_of("CCC", MONDAY), with_bad / "bars" / name)
    job = job_file(with_bad)
    job.write_text(job.read_text(encoding="utf-8").replace('"*"', '["AAA", "BBB"]'), encoding="utf-8")
    report = run_job(job)
    assert problems(report)[f"bars/{name}"].startswith("failed: holds bars of CCC, which the job does not name")
    assert (report.files_loaded, report.outcome) == (6, "files failed")
    passed_over = job.read_text(encoding="utf-8") + '\nunknown = "skip"\n'
    job.write_text(passed_over, encoding="utf-8")
    assert run_job(job).outcome == "done"


def test_rows_that_cannot_be(with_bad: Path) -> None:
    name = f"AAA_{TUESDAY}.parquet"
    table = day_of("AAA", TUESDAY)
    high = table["high"].to_pylist()
    high[3] = 1.0
    write(table.set_column(2, "high", pa.array(high)), with_bad / "bars" / name)
    report = run_job(job_file(with_bad))
    assert (report.files_loaded, report.rows.rejected, report.outcome) == (6, 1, "past thresholds")
    assert report.breaches == ("rows rejected: 1; max_rejected is 0",)
    assert [(one.source, one.reason, one.count) for one in report.rejects] == [(f"bars/{name}", "high is below low", 1)]


def test_an_empty_file(with_bad: Path) -> None:
    name = f"AAA_{TUESDAY}.parquet"
    write(day_of("AAA", TUESDAY).slice(0, 0), with_bad / "bars" / name)
    ran_with_bad(with_bad, name, "too few bars to tell how long they are")


def test_no_file_at_all(tmp_path: Path) -> None:
    report = run_job(job_file(tmp_path))
    assert problems(report) == {"bars/{symbol}_{date}.parquet": "no folder: sources[0]: there is no folder bars"}
    assert report.verdict() == "the folder of a source is not there"
    (tmp_path / "bars").mkdir()
    report = run_job(job_file(tmp_path))
    assert problems(report) == {"bars/{symbol}_{date}.parquet": "missing: sources[0] matches no file"}


# Thresholds


@pytest.mark.parametrize(
    ("thresholds", "expected"),
    [
        ("max_missing = 77", None),
        ("max_missing = 76", "base bars missing from the sessions touched: 77; max_missing is 76"),
        ("max_gaps = 0", "gaps in the sessions touched: 1; max_gaps is 0"),
        ("min_quality_pct = 1", None),
        ("min_quality_pct = 60", "quality of BBB is 50.64; min_quality_pct is 60"),
        ("max_behind = 0", "symbols behind others: 1; max_behind is 0"),
    ],
)
def test_thresholds(tmp_path: Path, thresholds: str, expected: str | None) -> None:
    """Tuesday's file of BBB has only its last bar, and CCC has none."""
    for symbol in ("AAA", "BBB", "CCC"):
        write(day_of(symbol, MONDAY, missing_pct=0), tmp_path / "bars" / f"{symbol}_{MONDAY}.parquet")
    for symbol, skipped in (("AAA", 0), ("BBB", 77)):
        table = day_of(symbol, TUESDAY, missing_pct=0).slice(skipped)
        write(table, tmp_path / "bars" / f"{symbol}_{TUESDAY}.parquet")
    job = job_file(tmp_path, source=f'interval = "5m"\n[thresholds]\n{thresholds}')
    report = run_job(job)
    assert report.behind == {"CCC": MONDAY}
    assert (report.touched.missing, report.touched.gaps, report.touched.worst_symbol) == (77, 1, "BBB")
    assert report.breaches == (() if expected is None else (expected,))
    assert report.outcome == ("done" if expected is None else "past thresholds")


def test_a_session_that_never_came_counts_as_missing(tmp_path: Path) -> None:
    for day in (MONDAY, WEDNESDAY):
        write(day_of("AAA", day, missing_pct=0), tmp_path / "bars" / f"AAA_{day}.parquet")
    assert run_job(job_file(tmp_path)).touched.missing == 78


# One run at a time, and what came before


def test_a_run_that_was_cut_short_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rejected rows count in the report of the run that finishes it, and its sessions are verified."""
    from barhouse.coordinator import data_processor

    table = day_of("AAA", MONDAY)
    high = table["high"].to_pylist()
    high[3] = 1.0
    write(table.set_column(2, "high", pa.array(high)), tmp_path / "bars" / f"AAA_{MONDAY}.parquet")
    job = job_file(tmp_path)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the light went out")

    with monkeypatch.context() as patched:
        patched.setattr(data_processor.DataProcessor, "process", fail)
        with pytest.raises(RuntimeError):
            run_job(job)
    assert ask(tmp_path, "SELECT state, error FROM runs") == [{"state": "failed", "error": "the light went out"}]
    report = run_job(job)
    assert (report.continued, report.run_id, report.outcome, report.rows.rejected) == (True, 1, "past thresholds", 1)
    assert report.verified is not None and report.verified.session_count == 1
    assert not run_job(job).continued


def test_a_closed_run_is_not_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "bars", ["AAA"], [MONDAY])
    job = job_file(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr("barhouse.coordinator.jobs.job_run.plan", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run_job(job)
    with open_store(tmp_path / "bars.duckdb") as store:
        assert SessionCoordinator(store).close_run(1).state == "closed"
    report = run_job(job)
    assert (report.run_id, report.continued, report.files_loaded) == (2, False, 1)


def test_two_coordinators_on_one_store_are_refused(tmp_path: Path) -> None:
    fill(tmp_path / "bars", ["AAA"], [MONDAY])
    job = job_file(tmp_path)
    inside, refused = [], []

    with open_store(tmp_path / "bars.duckdb") as store:

        def again(*_: object) -> None:
            if not inside:
                inside.append(True)
                with pytest.raises(RunActiveError) as raised:
                    run_job(job, store=store)
                refused.append(str(raised.value))

        run_job(job, store=store, progress=again)
        with pytest.raises(StoreHeldError, match="already open in this process"):
            run_job(job)
    assert refused[0].startswith("run 1 (nightly 'test', since ") and "is going on in this store" in refused[0]


# Embedded


def test_it_is_silent(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path / "bars", ["AAA"], [MONDAY])
    (tmp_path / "bars" / f"BBB_{MONDAY}.parquet").write_bytes(b"no")
    logging.getLogger("barhouse").setLevel(logging.NOTSET)
    run_job(job_file(tmp_path))
    assert capfd.readouterr() == ("", "")


def test_several_stores_in_threads_of_one_process(tmp_path: Path) -> None:
    reports: dict[int, JobReport] = {}

    def carry_out(number: int) -> None:
        folder = tmp_path / str(number)
        fill(folder / "bars", [f"S{number}"], DAYS[: number + 1])
        reports[number] = run_job(job_file(folder))

    threads = [threading.Thread(target=carry_out, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number: report.files_loaded for number, report in reports.items()} == {0: 1, 1: 2, 2: 3}
    assert all(report.outcome == "done" for report in reports.values())


def test_a_mapping_is_a_job_too(tmp_path: Path) -> None:
    fill(tmp_path / "bars", ["AAA"], [MONDAY])
    config = {
        "symbols": [{"names": ["AAA"], "intervals": ["5m", "1d"], "calendar": "XNYS"}],
        "sources": [{"files": [f"{tmp_path}/bars/{{symbol}}_{{date}}.parquet"]}],
    }
    report = run_job(config, store=tmp_path / "bars.duckdb")
    assert (report.job, report.files_loaded) == ("nightly", 1)
    with pytest.raises(ConfigError, match="names no store"):
        run_job(config)


def test_calendars_of_ones_own(tmp_path: Path) -> None:
    fill(tmp_path / "bars", ["AAA"], [MONDAY])
    own = '[calendars.MINE]\ntimezone = "America/New_York"\nopen = "09:30"\nclose = "12:00"'
    job = job_file(tmp_path, own, source="max_outside_pct = 100")
    job.write_text(job.read_text(encoding="utf-8").replace('"XNYS"', '"MINE"'), encoding="utf-8")
    assert check_job(job).registrations[0].calendar == "MINE"
    report = run_job(job)
    assert report.outcome == "done" and report.touched.expected == 30


def test_what_is_known_of_a_calendar_is_taken_by_a_job(tmp_path: Path) -> None:
    fill(tmp_path / "bars", ["AAA"], [MONDAY])
    job = job_file(
        tmp_path, "[calendars.XHKG]\nknown = true\nsessions = { 2023-09-01 = { open = '10:00', close = '11:00' } }"
    )
    assert run_job(job).outcome == "done"
    known = "SELECT session_date::VARCHAR AS day, hours IS NULL AS closed FROM calendar_correction ORDER BY 1"
    days = [("2020-08-19", False), ("2021-06-28", False), ("2023-09-01", False), ("2023-09-08", True)]
    assert [(row["day"], row["closed"]) for row in ask(tmp_path, known)] == days
    job.write_text(job.read_text(encoding="utf-8").replace("known = true", "known = 'yes'"), encoding="utf-8")
    with pytest.raises(ConfigError, match="known = 'yes' is neither true nor false"):
        run_job(job)


def test_symbols_move_to_the_calendar_of_the_job(tmp_path: Path) -> None:
    """09:30 to 16:00 in New York has 78 bars of 5 minutes, of which 30 lie before noon."""
    fill(tmp_path / "bars", ["AAA"], [MONDAY])
    own = '[calendars.MINE]\ntimezone = "America/New_York"\nopen = "09:30"\nclose = "12:00"'
    job = job_file(tmp_path, own, source="max_outside_pct = 100")
    run_job(job)
    text = job.read_text(encoding="utf-8").replace('calendar = "XNYS"', 'calendar = "MINE"')
    job.write_text(text, encoding="utf-8")
    assert "under calendar 'XNYS'" in check_job(job).not_registered[0]
    job.write_text(text.replace('calendar = "MINE"', 'calendar = "MINE"\nmove = true'), encoding="utf-8")
    assert not check_job(job).not_registered
    assert run_job(job).outcome == "done"
    assert ask(tmp_path, "SELECT expected_count AS n FROM coverage WHERE interval = '5m'") == [{"n": 30}]
    newest = "SELECT kind, source FROM batches WHERE kind = 'calendar' ORDER BY batch_id DESC LIMIT 1"
    assert ask(tmp_path, newest) == [{"kind": "calendar", "source": "MINE"}]


# Checking


def test_check_says_what_would_be_done_and_writes_nothing(tmp_path: Path, store: Path) -> None:
    store.unlink()
    fill(tmp_path / "bars", ["AAA", "BBB"], [MONDAY, TUESDAY])
    (tmp_path / "bars" / f"CCC_{MONDAY}.parquet").write_bytes(b"no")
    job = job_file(tmp_path)
    check = check_job(job)
    assert not check.store_exists and not (tmp_path / "bars.duckdb").exists()
    assert [(one.symbols, one.base_interval) for one in check.registrations] == [(("AAA", "BBB"), "5m")]
    assert [(one.symbols, one.interval, one.file_count) for one in check.loads] == [(("AAA", "BBB"), "5m", 4)]
    assert [one.path for one in check.problems] == [f"bars/CCC_{MONDAY}.parquet"]
    run_job(job)
    state = (tmp_path / "bars.duckdb").read_bytes()
    after = check_job(job)
    assert after.store_exists and (after.files_known, after.loads) == (4, ())
    assert (tmp_path / "bars.duckdb").read_bytes() == state


# Looking after the store


def test_retention_and_a_published_snapshot(tmp_path: Path) -> None:
    days = job_kit.sessions(20)
    fill(tmp_path / "bars", ["AAA"], days)
    care = '[retention]\n5m = "7d"\n[publish]\npath = "out/bars.duckdb"\nkeep = 2'
    job = job_file(tmp_path, source=care)
    report = run_job(job)
    assert report.outcome == "done" and report.retention is not None and report.retention.deleted > 0
    assert report.published is not None and report.published.written
    with open_store(tmp_path / "out" / "bars.duckdb", read_only=True) as snapshot:
        assert snapshot.verify().sound
        (row,) = snapshot.sql("SELECT min(session_date) AS first FROM bars WHERE interval = '5m'").to_pylist()
        assert row["first"] >= days[-1] - timedelta(days=8)
        assert snapshot.bars("AAA", "1d").num_rows == 20
    again = run_job(job)
    assert not again.changed and again.published is not None and not again.published.written
    assert again.retention is not None and again.retention.batch_id is None
    assert again.files_loaded == 0, "files of purged bars are not loaded again"


def test_publishing_not_too_often(tmp_path: Path) -> None:
    fill(tmp_path / "bars", ["AAA"], [MONDAY])
    job = job_file(tmp_path, source='[publish]\npath = "out.duckdb"\nevery = "1h"')
    assert run_job(job).published is not None
    fill(tmp_path / "bars", ["AAA"], [TUESDAY])
    assert run_job(job).published is None
    os.utime(tmp_path / "out.duckdb", (1_700_000_000, 1_700_000_000))
    published = run_job(job).published
    assert published is not None and published.written


# What is not registered


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('[export]\npath = "out"\nsymbols = ["AAA", "NOPE"]', "export: symbol 'NOPE' is not registered"),
        ('[export]\npath = "out"\nintervals = ["2h"]', "export: no symbol asked for has interval '2h'; there are 5m,"),
        ('[retention]\n2h = "90d"', "retention: no symbol asked for has interval '2h'; there are 5m, 15m, 1h, 1d"),
    ],
)
def test_a_job_that_hands_on_what_is_not_registered_does_nothing(tmp_path: Path, table: str, said: str) -> None:
    fill(tmp_path / "bars", ["AAA"], [MONDAY])
    with pytest.raises(ConfigError) as refused:
        run_job(job_file(tmp_path, source=table))
    assert str(refused.value).startswith(said)
    assert ask(tmp_path, "SELECT count(*) AS n FROM bars UNION ALL SELECT count(*) FROM intervals") == [{"n": 0}] * 2
    assert not (tmp_path / "out").exists()


def test_a_file_whose_name_is_no_utf_8_fails_and_the_others_are_loaded(tmp_path: Path) -> None:
    fill(tmp_path / "bars", ["AAA"], [MONDAY])
    shutil.copy(tmp_path / "bars" / f"AAA_{MONDAY}.parquet", tmp_path / "bars" / "AAA_caf\udce9.parquet")
    job = job_file(tmp_path, source='symbol = "AAA"')
    text = job.read_text(encoding="utf-8").replace("{symbol}_{date}", "AAA_*").replace('"*"', '"AAA"')
    job.write_text(text, encoding="utf-8")
    report = run_job(job)
    assert (report.outcome, report.files_loaded) == ("files failed", 1)
    assert "is no UTF-8" in problems(report)[r"bars/AAA_caf\xe9.parquet"]
    assert ask(tmp_path, "SELECT state FROM runs") == [{"state": "done"}]
