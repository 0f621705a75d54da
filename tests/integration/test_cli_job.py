"""The commands about jobs: their exit codes, what they print, and where."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from inspect import signature
from pathlib import Path

import job_kit
import pytest
from click.testing import CliRunner, Result
from job_kit import day_of, fill, job_file, write

from barhouse.coordinator.cli.main import ExitCode, cli

ROOT = Path(__file__).parents[2]
MONDAY, TUESDAY = job_kit.sessions(2)
RUNNER = CliRunner(**{name: False for name in signature(CliRunner).parameters if name == "mix_stderr"})


def barhouse(*arguments: object, expected: ExitCode = ExitCode.OK) -> Result:
    result = RUNNER.invoke(cli, list(map(str, arguments)), prog_name="barhouse")
    assert result.exit_code == expected, result.output + result.stderr
    return result


@pytest.fixture
def job(tmp_path: Path, knowing_xnys: Path) -> Path:
    """Two symbols, two days."""
    shutil.copy(knowing_xnys, tmp_path)
    fill(tmp_path / "bars", ["AAA", "BBB"], [MONDAY, TUESDAY])
    return job_file(tmp_path)


def test_run_says_what_it_did_and_again_that_nothing_was_new(job: Path) -> None:
    first = barhouse("run", job)
    assert first.stdout == ""
    lines = first.stderr.splitlines()
    assert lines[:2] == ["barhouse: 4 files: 0 known, 4 to load", "barhouse: registered AAA: 5m 15m 1h 1d"]
    assert f"job test into {job.parent / 'bars.duckdb'}: 4 files, none known, 4 loaded" in lines and lines[-1] == "done"
    again = barhouse("run", job).stderr.splitlines()
    head = f"job test into {job.parent / 'bars.duckdb'}: 4 files, 4 known, 0 loaded"
    assert again[-3:] == [head, "nothing was waiting", "done, nothing was new"]


def test_looking_after_the_store_is_told(tmp_path: Path, knowing_xnys: Path) -> None:
    shutil.copy(knowing_xnys, tmp_path)
    fill(tmp_path / "bars", ["AAA"], job_kit.sessions(20))
    published = '[publish]\npath = "out/bars.duckdb"'
    exported = '[export]\npath = "out/files"\nintervals = ["1d"]'
    job = job_file(tmp_path, source=f'[retention]\n5m = "7d"\n{published}\n{exported}')
    said = barhouse("run", job).stderr
    assert "purged " in said and "  5m is kept from " in said
    assert re.search(rf"exported to {tmp_path / 'out' / 'files'}: \d files? written with 20 bars", said)
    assert sorted((tmp_path / "out" / "files").rglob("*.parquet"))
    assert f"published {tmp_path / 'out' / 'bars.duckdb'}: batch " in said
    assert f"nothing has changed since {tmp_path / 'out' / 'bars.duckdb'} was published" in barhouse("run", job).stderr


def test_the_report_as_json(job: Path, tmp_path: Path) -> None:
    printed = json.loads(barhouse("run", job, "--json", "--report", tmp_path / "report.json").stdout)
    assert printed == json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert (printed["outcome"], printed["files_loaded"], printed["rows"]["rejected"]) == ("done", 4, 0)


def test_exit_codes(job: Path, tmp_path: Path) -> None:
    table = day_of("AAA", TUESDAY)
    high = [1.0, *table["high"].to_pylist()[1:]]
    write(table.set_column(2, "high", [high]), tmp_path / "bars" / f"AAA_{TUESDAY}.parquet")
    rejects = barhouse("run", job, expected=ExitCode.THRESHOLDS)
    assert f"  bars/AAA_{TUESDAY}.parquet: 1 rejected: high is below low; first: " in rejects.stderr
    assert rejects.stderr.splitlines()[-2:] == [
        "  rows rejected: 1; max_rejected is 0",
        "done, but: past thresholds",
    ]
    (tmp_path / "bars" / f"CCC_{TUESDAY}.parquet").write_bytes(b"no")
    failed = barhouse("run", job, expected=ExitCode.FILES)
    assert f"  bars/CCC_{TUESDAY}.parquet: failed: bars/CCC_{TUESDAY}.parquet cannot be read" in failed.stderr
    assert failed.stderr.splitlines()[-1] == "done, but: files failed"
    (tmp_path / "bars" / f"CCC_{TUESDAY}.parquet").unlink()
    job.write_text(job.read_text(encoding="utf-8") + '\n[[sources]]\nfiles = "none_*.csv"\n', encoding="utf-8")
    without = barhouse("run", job, expected=ExitCode.FILES)
    assert "  none_*.csv: missing: sources[1] matches no file" in without.stderr
    assert without.stderr.splitlines()[-1] == "done, but: a source matched no file"
    job.write_text("stor = 1", encoding="utf-8")
    assert "stor is unknown, did you mean store?" in barhouse("run", job, expected=ExitCode.BAD_INPUT).stderr


def test_a_dry_run(job: Path, tmp_path: Path) -> None:
    (tmp_path / "bars.duckdb").unlink()
    said = barhouse("run", job, "--dry-run").stderr.splitlines()
    assert said == [
        f"job test is valid; its store is {tmp_path / 'bars.duckdb'}, which is not there yet",
        "4 files, 0 known",
        "would have AAA, BBB: XNYS, 5m loaded, 15m 1h 1d derived",
        "would load 4 files of bars/{symbol}_{date}.parquet: 5m bars of AAA, BBB",
    ]
    assert not (tmp_path / "bars.duckdb").exists()
    assert json.loads(barhouse("run", job, "--dry-run", "--json").stdout)["loads"][0]["file_count"] == 4


def test_a_folder_that_is_not_there_is_a_problem(job: Path, tmp_path: Path) -> None:
    text = job.read_text(encoding="utf-8")
    job.write_text(f'{text}\n[[sources]]\nfiles = ["typo/{{symbol}}.csv", "bars/*.csv"]\n', encoding="utf-8")
    (tmp_path / "bars.duckdb").unlink()
    for done in (
        barhouse("run", job, "--dry-run", expected=ExitCode.FILES),
        barhouse("run", job, expected=ExitCode.FILES),
    ):
        assert "  typo/{symbol}.csv: no folder: sources[1]: there is no folder typo" in done.stderr
    assert done.stderr.splitlines()[-1] == "done, but: the folder of a source is not there"
    (tmp_path / "typo").mkdir()
    assert "sources[1] matches no file" in barhouse("run", job, "--dry-run").stderr


def test_a_job_has_its_own_store_unless_the_command_line_says_otherwise(
    job: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other, third = (tmp_path / name for name in ("bars.duckdb", "other.duckdb", "third.duckdb"))
    for path in (other, third):
        shutil.copy(own, path)
    monkeypatch.setenv("BARHOUSE_STORE", str(third))
    said = barhouse("run", job, "--dry-run").stderr
    assert f"its store is {own}\n" in said
    assert f"job test into {own}: 4 files, none known, 4 loaded\n" in barhouse("run", job).stderr
    said = barhouse("--store", other, "run", job, "--dry-run").stderr
    assert f"its store is {other}\n" in said and "4 files, 0 known" in said
    job.write_text(job.read_text(encoding="utf-8").replace('store = "bars.duckdb"', ""), encoding="utf-8")
    assert f"job test into {third}: 4 files, none known" in barhouse("run", job).stderr
    monkeypatch.delenv("BARHOUSE_STORE")
    monkeypatch.chdir(tmp_path)
    assert "its store is barhouse.duckdb, which is not there yet" in barhouse("run", job, "--dry-run").stderr


def test_init_writes_a_job_that_passes_a_dry_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "incoming").mkdir()
    assert barhouse("init", "--job").stderr == "wrote job.toml; edit it, then: barhouse run job.toml --dry-run\n"
    assert "job nightly is valid" in barhouse("run", "job.toml", "--dry-run").stderr
    assert "job.toml is there already" in barhouse("init", "--job", "job.toml", expected=ExitCode.USAGE).stderr
    assert not (tmp_path / "barhouse.duckdb").exists()
    barhouse("init", "--job", "other.toml")
    assert (tmp_path / "other.toml").exists()


def test_runs_lists_runs_and_closes_one(job: Path, tmp_path: Path) -> None:
    store = ("--store", tmp_path / "bars.duckdb")
    barhouse(*store, "init")
    assert barhouse(*store, "runs").stderr == "no run is on record yet\n"
    barhouse("run", job)
    (run,) = json.loads(barhouse(*store, "runs", "--format", "json").stdout)
    assert (run["run_id"], run["mode"], run["name"], run["state"]) == (1, "nightly", "test", "done")
    assert "nightly  test  done" in barhouse(*store, "runs").stdout
    refused = barhouse(*store, "runs", "--close-run", 1, expected=ExitCode.BAD_INPUT)
    assert "run 1 (nightly 'test') is done; there is nothing to close" in refused.stderr


def test_a_run_whose_process_died_is_crashed_and_can_be_closed(job: Path, tmp_path: Path) -> None:
    code = f"""
import os, sys
from barhouse import run_job
run_job({str(job)!r}, progress=lambda stage, done, total: stage == "loading" and done == total and os._exit(9))
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 9
    file = tmp_path / "bars.duckdb"
    store, before = ("--store", file), file.read_bytes()
    (run,) = json.loads(barhouse(*store, "runs", "--format", "json").stdout)
    assert (run["state"], run["ended_at"]) == ("crashed", run["updated_at"])
    assert run["error"] == "its process ended without ending the run"
    assert file.read_bytes() == before  # only read
    assert barhouse(*store, "runs", "--close-run", 1).stderr == "closed run 1 (nightly test)\n"
    (run,) = json.loads(barhouse(*store, "runs", "--format", "json").stdout)
    assert run["state"] == "closed" and run["error"] == "its process ended without ending the run"
    assert ": 4 files, 4 known, 0 loaded" in barhouse("run", job).stderr


def test_another_process_has_the_store(job: Path, tmp_path: Path) -> None:
    code = f"""
import subprocess, sys
from barhouse import open_store
with open_store({str(tmp_path / "bars.duckdb")!r}):
    command = [sys.executable, "-m", "barhouse", "run", {str(job)!r}]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
print(done.returncode, done.stderr)
"""
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert answer.stdout.startswith(f"{ExitCode.STORE.value} barhouse: the store ")
    assert "is held by process" in answer.stdout
