"""Paths that say whose bars are in a file: named parts, in `load` as in jobs, and inside of archives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from file_kit import ROWS, TEXT, halves, held, zipped
from load_kit import NEW_YORK, Bench, unchanged

from barhouse import open_store, run_job
from barhouse.coordinator.cli.main import cli
from barhouse.store.errors import InputError, OptionsError, SourceError

OTHER = TEXT.replace(b",1", b",2")  # every price is a hundred higher


@pytest.fixture
def folder(bench: Bench) -> Path:
    made = bench.folder / "data"
    made.mkdir()
    (made / "SPY_1min.txt").write_bytes(TEXT)
    (made / "QQQ_1min.txt").write_bytes(OTHER)
    (made / "both.zip").write_bytes(zipped({"x/SPY.csv": TEXT, "x/QQQ.csv": OTHER, "readme.md": b""}))
    (made / "SPY.zip").write_bytes(zipped({"data.csv": TEXT}))
    (made / "QQQ.zip").write_bytes(zipped({"data.csv": OTHER}))
    (made / "BRK%2FB.json").write_text(json.dumps([]))
    return made


PATTERNS = [
    "data/{symbol}_1min.txt",
    "data/both.zip/x/{symbol}.csv",
    "data/both.zip/**/{symbol}.csv",
    "d*/bot?.zip/*/{symbol}.csv",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_path_names_the_symbol(bench: Bench, folder: Path, pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bench.folder)
    report = bench.load(pattern, symbol=None, timezone=NEW_YORK)
    assert (report.symbols, report.inserted, report.source) == (("QQQ", "SPY"), 2 * len(ROWS), pattern)
    assert held(bench) == ROWS
    assert [bar["open"] for bar in bench.bars("QQQ")] == [row[1] + 100 for row in ROWS]
    assert bench.load(str(bench.folder / pattern), symbol=None, timezone=NEW_YORK).unchanged == 2 * len(ROWS)
    assert bench.load(pattern, symbol=None, symbols=["SPY"], timezone=NEW_YORK).unchanged == len(ROWS)


def test_the_path_of_a_whole_archive_names_the_symbol(bench: Bench, folder: Path) -> None:
    (folder / "both.zip").unlink()
    assert bench.load(f"{folder}/{{symbol}}.zip", symbol=None, timezone=NEW_YORK).inserted == 2 * len(ROWS)
    assert held(bench) == ROWS


def test_a_path_that_names_another_symbol_than_was_said_is_noticed(bench: Bench, folder: Path) -> None:
    with unchanged(bench), pytest.raises(OptionsError, match=r"names 2 symbols in its column path_symbol"):
        bench.load(f"{folder}/{{symbol}}_1min.txt", timezone=NEW_YORK)
    (folder / "QQQ_1min.txt").unlink()
    assert bench.load(f"{folder}/{{symbol}}_1min.txt", symbol="QQQ", timezone=NEW_YORK).named == "SPY"


def test_files_of_one_symbol_come_in_the_order_of_their_dates(bench: Bench, folder: Path) -> None:
    """Where they overlap the later day wins, whatever their names are."""
    first, second = halves(TEXT)
    (folder / "z SPY 2024-11-25.csv").write_bytes(TEXT.replace(b",1", b",3"))
    (folder / "a SPY 2024-11-26.csv").write_bytes(first + second.partition(b"\n")[2])
    report = bench.load(f"{folder}/? {{symbol}} {{date}}.csv", symbol=None, timezone=NEW_YORK)
    assert (report.inserted, report.rejected) == (len(ROWS), len(ROWS))
    assert held(bench) == ROWS


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("{ticker}_1min.txt", r"\{ticker\} is no part of a path; allowed are \{symbol\}"),
        ("{symbol}_2min.txt", r"there is no file .*\{symbol\}_2min\.txt; check the path"),
        ("both.zip/{symbol}.txt", r"there is no file .*both\.zip/\{symbol\}\.txt; check the path"),
        ("{symbol}_{interval}.txt", r"leaves the interval open, but a load is of one"),
    ],
)
def test_a_pattern_that_fits_nothing_is_refused(bench: Bench, folder: Path, pattern: str, said: str) -> None:
    with unchanged(bench), pytest.raises(InputError, match=said):
        bench.load(f"{folder}/{pattern}", symbol=None, timezone=NEW_YORK)


def test_of_paths_with_parts_one_is_taken(bench: Bench, folder: Path) -> None:
    with unchanged(bench), pytest.raises(SourceError, match=r"of paths with parts such as \{symbol\} a load takes one"):
        bench.load([f"{folder}/{{symbol}}_1min.txt", f"{folder}/SPY.zip"], symbol=None, timezone=NEW_YORK)


@pytest.mark.parametrize("pattern", ["{symbol}_1min.txt", "*_1min.txt", "[!Q]*_1min.txt"])
def test_hidden_files_match_only_a_pattern_with_their_dot(bench: Bench, folder: Path, pattern: str) -> None:
    (folder / "QQQ_1min.txt").unlink()
    (folder / ".SPY_1min.txt").write_bytes(OTHER)
    symbol = None if "{" in pattern else "SPY"
    assert bench.load(f"{folder}/{pattern}", symbol=symbol, timezone=NEW_YORK).inserted == len(ROWS)
    assert held(bench) == ROWS
    assert bench.load(f"{folder}/.*_1min.txt", timezone=NEW_YORK).revised == len(ROWS)


@pytest.mark.parametrize("pattern", ["**/{symbol}_1min.txt", "**/*_1min.txt"])
def test_linked_folders_are_gone_into(bench: Bench, folder: Path, pattern: str) -> None:
    (folder / "QQQ_1min.txt").unlink()
    (bench.folder / "tree" / "years").mkdir(parents=True)
    (bench.folder / "tree" / "years" / "2024").symlink_to(folder, target_is_directory=True)
    symbol = None if "{" in pattern else "SPY"
    assert bench.load(f"{bench.folder}/tree/{pattern}", symbol=symbol, timezone=NEW_YORK).inserted == len(ROWS)


def test_a_file_of_that_very_name_is_that_file(bench: Bench) -> None:
    path = bench.folder / "{symbol}.csv"
    path.write_bytes(TEXT)
    assert bench.load(path, timezone=NEW_YORK).inserted == len(ROWS)


def test_spellings_of_a_symbol_in_paths_are_not_merged(bench: Bench, folder: Path) -> None:
    (folder / "spy_1min.txt").write_bytes(OTHER)
    with unchanged(bench), pytest.raises(InputError, match=r"SPY.*spy|spy.*SPY"):
        bench.load(f"{folder}/{{symbol}}_1min.txt", symbol=None, timezone=NEW_YORK)


def test_the_command_line_takes_parts_too(bench: Bench, folder: Path) -> None:
    bench.store.close()
    store = str(bench.folder / "bars.duckdb")
    command = ["--store", store, "load", f"{folder}/{{symbol}}_1min.txt", "-i", "1m", "--timezone", NEW_YORK]
    done = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert (done.exit_code, "QQQ, SPY 1m: 720 new" in done.output) == (0, True), done.output


JOB = """
store = "nightly.duckdb"
[[symbols]]
names = ["SPY", "QQQ"]
intervals = ["1m"]
calendar = "XNYS"
[[sources]]
files = "{pattern}"
timezone = "America/New_York"
"""


def bars_of_job(bench: Bench) -> dict[str, int]:
    with open_store(bench.folder / "nightly.duckdb", read_only=True) as store:
        counts = store.sql("SELECT symbol, count(*) AS bar_count FROM bars GROUP BY ALL").to_pylist()
    return {row["symbol"]: row["bar_count"] for row in counts}


@pytest.mark.parametrize("pattern", ["data/both.zip/x/{symbol}.csv", "data/{symbol}_1min.txt", "packed/{symbol}.zip"])
def test_jobs_take_files_inside_of_archives(bench: Bench, folder: Path, pattern: str) -> None:
    packed = bench.folder / "packed"
    packed.mkdir()
    for name in ("SPY.zip", "QQQ.zip"):
        (folder / name).rename(packed / name)
    job = bench.folder / "job.toml"
    job.write_text(JOB.replace("{pattern}", pattern))
    report = run_job(job)
    assert (report.files_loaded, report.problems) == (2, ())
    assert bars_of_job(bench) == {"QQQ": len(ROWS), "SPY": len(ROWS)}
    again = run_job(job)
    assert (again.files_loaded, again.files_known) == (0, 2)


def test_a_job_goes_on_beside_a_damaged_archive(bench: Bench, folder: Path) -> None:
    (folder / "bad.zip").write_bytes(zipped({"x/SPY.csv": TEXT})[:-9])
    job = bench.folder / "job.toml"
    job.write_text(JOB.replace("{pattern}", "data/b*.zip/x/{symbol}.csv"))
    report = run_job(job)
    assert bars_of_job(bench) == {"QQQ": len(ROWS), "SPY": len(ROWS)}
    assert [problem.path for problem in report.problems] == ["data/bad.zip"]
