"""The commands of names, and what jobs make of a symbol that was renamed."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from job_kit import day_of, job_file, write
from test_cli import Line, copied, empty, filled, spy

from barhouse import SessionCoordinator, open_store, run_job
from barhouse.coordinator.cli.errors import ExitCode

__all__ = ["empty", "filled", "spy"]  # fixtures

DAYS = [date(2024, 10, day) for day in (21, 22, 23, 24)]


@pytest.fixture
def line(filled: Line, tmp_path: Path) -> Line:
    """Four days of SPY, derived, in a store of the test's own."""
    return copied(filled, tmp_path)


def test_a_symbol_is_renamed_and_that_is_taken_back(line: Line) -> None:
    said = line("rename", "spy", "spdr", "--effective", "2020-12-17").stderr
    assert said.startswith("renamed SPY to SPDR, from 2020-12-17 on\n  to take this back: barhouse revert ")
    shown = json.loads(line("sql", "SELECT name, kind, valid_to FROM symbols ORDER BY 1", "--format", "json").stdout)
    assert [(one["name"], one["kind"], one["valid_to"]) for one in shown] == [
        ("SPDR", "name", None),
        ("SPY", "former", "2020-12-17"),
    ]
    refused = line("bars", "SPY", "1d", expected=ExitCode.BAD_INPUT).stderr
    assert "symbol 'SPY' was renamed on 2020-12-17, and is SPDR now; ask for that" in refused
    again = ("register", "SPY", "-i", "1d", "--calendar", "XNYS")
    refused = line(*again, expected=ExitCode.BAD_INPUT).stderr
    assert "if SPY is another instrument now, register it with --reuse-names" in refused
    batch = json.loads(line("sql", "SELECT max(batch_id) AS id FROM batches", "--format", "json").stdout)[0]["id"]
    tried = line("revert", batch, "--dry-run").stderr
    assert tried == f"batch {batch} (name of SPY to SPDR from 2020-12-17): names would be those of before it\n"
    said = line("revert", batch, "--yes").stderr
    assert said.startswith(f"undid batch {batch} (name of SPY to SPDR from 2020-12-17): SPY is called as before\n")
    line("rename", "SPY", "SPDR", "--effective", "2020-12-17")
    line(*again, "--reuse-names")
    assert "all as recomputed" in line("verify").stderr


def test_aliases_come_and_go(line: Line) -> None:
    assert line("alias", "SPY", "SPY.US").stderr == "SPY.US is an alias of SPY\n"
    assert line("alias", "SPY", "SPY.US").stderr == "SPY.US is an alias of SPY already\n"
    said = line("alias", "SPY", "US.SPY", "--vendor", "v", "--start", "2020-12-01", "--end", "2020-12-31").stderr
    assert said == "US.SPY is an alias of SPY in loads of v, for sessions from 2020-12-01 to 2020-12-31\n"
    assert line("alias", "SPY", "SPY.US", "--remove").stderr == "SPY.US is no alias of SPY any more\n"
    said = line("alias", "SPY", "SPY.US", "--remove").stderr
    assert said == "SPY has no alias SPY.US, nothing was changed\n"
    assert "leave out --start" in line("alias", "SPY", "X", "--remove", "--start", "2020-12-01", expected=2).stderr
    report = json.loads(line("alias", "SPY", "US.SPY", "--vendor", "v", "--remove", "--json").stdout)
    assert (report["symbol"], report["kind"], report["end"]) == ("SPY", "alias", "2020-12-31")


def renamed(folder: Path, names: str = '"*"', group: str = "", source: str = "") -> Path:
    """A job that had files of two days of FB, which was renamed with the third."""
    for day in DAYS[:2]:
        write(day_of("FB", day), folder / "bars" / f"FB_{day}.parquet")
    path = job_file(folder, group=group, source=source)
    path.write_text(path.read_text().replace('names = "*"', f"names = {names}"))
    report = run_job(path)
    assert (report.files_loaded, report.problems) == (2, ())
    with open_store(folder / "bars.duckdb") as store:
        SessionCoordinator(store).rename("FB", "META", effective=DAYS[2])
    return path


def held(folder: Path) -> dict[str, list[date]]:
    with open_store(folder / "bars.duckdb", read_only=True) as store:
        rows = store.sql(
            "SELECT symbol, list(DISTINCT session_date ORDER BY session_date) AS days FROM bars GROUP BY symbol"
        ).to_pylist()
        assert store.verify().sound
    return {row["symbol"]: row["days"] for row in rows}


def test_a_job_that_takes_what_there_is_goes_on_with_the_new_name(tmp_path: Path) -> None:
    path = renamed(tmp_path)
    for day in DAYS[2:]:
        write(day_of("META", day), tmp_path / "bars" / f"META_{day}.parquet")
    write(day_of("FB", DAYS[1], missing_pct=20), tmp_path / "bars" / f"FB_{DAYS[1]}.parquet")  # a late correction
    report = run_job(path)
    assert (report.files_loaded, report.problems, report.registered) == (3, (), ())
    assert held(tmp_path) == {"META": DAYS}
    write(day_of("FB", DAYS[3]), tmp_path / "bars" / f"FB_{DAYS[3]}.parquet")  # somebody still says FB
    report = run_job(path)
    (problem,) = report.problems
    assert "FB was renamed on 2024-10-23, and is META now" in problem.what
    assert held(tmp_path) == {"META": DAYS}


def test_a_job_that_still_names_the_old_one_is_refused(tmp_path: Path) -> None:
    path = renamed(tmp_path, '"FB"')
    write(day_of("FB", DAYS[2]), tmp_path / "bars" / f"FB_{DAYS[2]}.parquet")
    report = run_job(path)
    (said,) = report.not_registered
    assert said.startswith("FB was renamed on 2024-10-23, and is META now; name that one, or, if FB is another")
    (problem,) = report.problems
    assert "FB was renamed on 2024-10-23" in problem.what
    assert held(tmp_path) == {"META": DAYS[:2]}


def test_a_job_that_names_the_new_one_takes_files_of_the_old(tmp_path: Path) -> None:
    path = renamed(tmp_path, '"FB"')
    path.write_text(path.read_text().replace('names = "FB"', 'names = "META"'))
    (tmp_path / "bars" / f"FB_{DAYS[1]}.parquet").unlink()
    write(day_of("FB", DAYS[1], missing_pct=20), tmp_path / "bars" / f"FB_{DAYS[1]}.parquet")
    write(day_of("META", DAYS[2]), tmp_path / "bars" / f"META_{DAYS[2]}.parquet")
    report = run_job(path)
    assert (report.files_loaded, report.problems, report.registered) == (2, (), ())
    assert held(tmp_path) == {"META": DAYS[:3]}


def test_a_job_that_says_so_has_another_instrument_of_that_name(tmp_path: Path) -> None:
    path = renamed(tmp_path, group="reuse_names = true")
    for day in DAYS[2:]:
        write(day_of("FB", day), tmp_path / "bars" / f"FB_{day}.parquet")
    report = run_job(path)
    assert ([one.symbol for one in report.registered], report.problems) == (["FB"], ())
    assert held(tmp_path) == {"META": DAYS[:2], "FB": DAYS[2:]}


def test_a_job_takes_the_spellings_of_its_vendor(tmp_path: Path) -> None:
    path = renamed(tmp_path, '"FB"', source='vendor = "v"')
    path.write_text(path.read_text().replace('names = "FB"', 'names = "META"'))
    with open_store(tmp_path / "bars.duckdb") as store:
        SessionCoordinator(store).alias("META", "META.US", vendor="v")
    write(day_of("META.US", DAYS[2]), tmp_path / "bars" / f"META.US_{DAYS[2]}.parquet")
    report = run_job(path)
    assert (report.files_loaded, report.problems, report.registered) == (1, (), ())
    assert held(tmp_path) == {"META": DAYS[:3]}
