"""What the command line says beside its reports: what may be meant, and what to do."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from inspect import signature
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from load_kit import copy_template, line, minutes
from rich.console import Console

from barhouse.coordinator.cli.commands.query import VIEWS
from barhouse.coordinator.cli.errors import ExitCode
from barhouse.coordinator.cli.main import cli
from barhouse.coordinator.cli.watch import drawn

SAMPLE = Path(__file__).parents[2] / "sample" / "spy_1m_2020-12-15_18.csv"
#: click 8.1 mixes the streams unless told; later ones keep them apart, and know no such option.
RUNNER = CliRunner(**{name: False for name in signature(CliRunner).parameters if name == "mix_stderr"})


@pytest.fixture
def store(template: Path, tmp_path: Path) -> Path:
    return copy_template(template, tmp_path)


def run(store: Path, *given: object, expected: int = ExitCode.OK) -> Result:
    done = RUNNER.invoke(cli, ["--store", str(store), *map(str, given)])
    assert done.exit_code == expected, done.output + done.stderr
    return done


def load(store: Path, path: Path, timezone: str, *more: object, expected: int = ExitCode.OK) -> Result:
    given = ("load", path, "--symbol", "SPY", "--interval", "1m", "--timezone", timezone, *more)
    return run(store, *given, expected=expected)


# Bars outside sessions


def test_a_load_that_lies_outside_sessions_for_the_most_part_hints_at_the_options(store: Path) -> None:
    done = load(store, SAMPLE, "UTC")
    hint = done.stderr.splitlines()[-1]
    assert hint.startswith("hint: 1,200 of 1,564 rows (77%) lie outside sessions")
    for option in ("--timezone", "--timestamp-format", "--label", "calendar"):
        assert option in hint
    done = load(store, SAMPLE, "UTC", "--json")
    assert json.loads(done.stdout)["outside"] == 1200 and "hint: " in done.stderr
    assert "hint" not in load(store, SAMPLE, "America/New_York").stderr


def test_half_of_the_rows_outside_sessions_are_no_reason_for_a_hint(store: Path, tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    header = "timestamp,open,high,low,close,volume"
    rows = [line(stamp) for stamp in minutes("2024-11-26 09:20", "2024-11-26 09:40")]
    path.write_text("\n".join([header, *rows]), encoding="utf-8")
    done = load(store, path, "America/New_York")
    assert "10 outside sessions" in done.stderr and "hint" not in done.stderr
    path.write_text("\n".join([header, line("2024-11-26 09:10"), *rows]), encoding="utf-8")
    assert "hint: 11 of 21 rows (52%) lie outside" in load(store, path, "America/New_York").stderr
    path.write_text("\n".join([header, line("2024-11-26 09:10")]), encoding="utf-8")
    said = load(store, path, "America/New_York").stderr
    assert "hint: 1 of 1 row (100%) lies outside sessions and stays out of derived bars" in said


# Folders that may not be written to

_ALL_RIGHTS = os.geteuid() == 0
_FEWER_RIGHTS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if _ALL_RIGHTS else []


@pytest.mark.skipif(
    _ALL_RIGHTS and shutil.which("setpriv") is None,
    reason="root may write anywhere; run as another user, or install setpriv (util-linux) to give up that right",
)
@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("--store STORE publish FOLDER/copy.duckdb", "the folder FOLDER may not be written to; name a file elsewhere"),
        ("--store STORE backup FOLDER/copy.duckdb", "the folder FOLDER may not be written to; name a file elsewhere"),
        ("--store FOLDER/new.duckdb init", "FOLDER/new.duckdb cannot be made: the folder may not be written to"),
        ("--store FOLDER/bars.duckdb compact", "the folder FOLDER may not be written to; change who may write there"),
        ("--store FOLDER/bars.duckdb restore STORE --force", "the folder FOLDER may not be written to"),
    ],
)
def test_a_folder_that_may_not_be_written_to_is_named(store: Path, tmp_path: Path, command: str, said: str) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    copy_template(store, folder)
    folder.chmod(0o555)
    try:
        given = command.replace("STORE", str(store)).replace("FOLDER", str(folder)).split()
        done = subprocess.run(
            [*_FEWER_RIGHTS, sys.executable, "-m", "barhouse", *given],
            text=True,
            capture_output=True,
            check=False,
        )
        assert done.returncode == ExitCode.STORE, done.stderr
        assert said.replace("FOLDER", str(folder)) in done.stderr
        for misleading in ("snapshot", ".part", "Errno", ".compacting"):
            assert misleading not in done.stderr
        assert [path.name for path in folder.iterdir()] == ["bars.duckdb"]
    finally:
        folder.chmod(0o755)


# Views


@pytest.mark.parametrize(
    ("query", "meant"),
    [("FROM barz", "bars"), ('SELECT * FROM "Gapps"', "gaps"), ("FROM zzz", None)],
)
def test_a_table_that_is_not_there_is_answered_with_the_views(store: Path, query: str, meant: str | None) -> None:
    said = run(store, "sql", query, expected=ExitCode.BAD_INPUT).stderr
    assert "does not exist" in said and f"The views are {', '.join(VIEWS)}." in said
    assert re.findall(r"Did you mean (.*?)\?", said) == ([] if meant is None else [meant])
    assert "Did you mean" not in run(store, "sql", "SELECT simbol FROM bars", expected=ExitCode.BAD_INPUT).stderr
    shown = re.sub(r"\s+", " ", run(store, "sql", "--help").stdout)
    assert f"Views: {', '.join(VIEWS)};" in shown


# The watched table


def test_the_watched_table_has_one_line_a_symbol_on_a_hundred_columns() -> None:
    row = {
        "symbol": "CONTRACT-X24",
        "base": "15m",
        "complete_through": datetime(2024, 11, 29, 18, tzinfo=UTC),
        "lag_seconds": 2_345 * 86_400 + 12 * 3_600 + 3 * 60 + 4.2,
        "derived_last_minute": 12_345,
        "quality_pct": 99.987,
        "gap_count": 12_345,
        "missing_count": 234_567,
        "waiting_count": 1_234,
    }
    console = Console(width=100, file=io.StringIO(), record=True)
    console.print(drawn(pa.Table.from_pylist([row, row | {"symbol": "B", "lag_seconds": 61.0}]), "bars.duckdb", 10))
    title, head, rule, first, second, caption = (line.strip() for line in console.export_text().splitlines())
    heads = ["symbol", "base", "through", "behind", "derived/min", "quality", "gaps", "missing", "waiting"]
    assert head.split() == heads
    told = ["CONTRACT-X24", "15m", "2024-11-29", "18:00Z", "2,345d", "12:03"]
    assert first.split() == [*told, "12,345", "99.98", "12,345", "234,567", "1,234"]
    assert second.split()[4] == "0:01:01"
    assert (title, set(rule)) == ("bars.duckdb", {"─"}) and caption.startswith("2 symbols, 24,690 bars derived")
