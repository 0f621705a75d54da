"""Errors speak the language of the door they come out of: Python, the command line, a job file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from load_kit import HEADER, NEW_YORK, copy_template, line, lines, minutes

from barhouse import BarhouseError, SessionCoordinator, open_store, run_job
from barhouse.coordinator.cli.main import cli

#: click 8.1 mixes the streams unless told; later ones keep them apart, and know no such option.
RUNNER = CliRunner(**{name: False for name in signature(CliRunner).parameters if name == "mix_stderr"})
SAID = f'timezone = "{NEW_YORK}"'
TWICE = [line("2024-11-03 01:30:00"), line("2024-11-26 09:30:00")]
ROWS = lines(minutes("2024-11-26 09:30", "2024-11-26 09:35"))


@dataclass(frozen=True)
class Mistake:
    """A file that cannot be loaded, and what the message must say through each door."""

    lines: list[str]
    python: str
    command: str
    job: str
    header: str = HEADER
    options: dict[str, Any] | None = None

    @property
    def said(self) -> dict[str, Any]:
        return {"timezone": NEW_YORK} if self.options is None else self.options


MISTAKES = {
    "stamps without a zone": Mistake(
        ROWS,
        "with timezone=, such as timezone='UTC' or timezone='America/New_York'",
        "with --timezone, such as --timezone UTC or --timezone America/New_York",
        'with timezone, such as timezone = "UTC" or timezone = "America/New_York"',
        options={},
    ),
    "stamps of a format of their own": Mistake(
        [line("26.11.2024 09:30")],
        "written, with timestamp_format='%d.%m.%Y %H:%M', or which column they are in with "
        "columns={'bar_start': 'NAME'}",
        "written, with --timestamp-format '%d.%m.%Y %H:%M', or which column they are in with --column bar_start=NAME",
        'written, with timestamp_format = "%d.%m.%Y %H:%M", or which column they are in with '
        'columns = { bar_start = "NAME" }',
    ),
    "stamps that are not of the format said": Mistake(
        ROWS,
        "timestamp_format='%d.%m.%Y' does not fit stamps such as '2024-11-26 09:30:00', which are ISO 8601",
        "--timestamp-format %d.%m.%Y does not fit stamps such as '2024-11-26 09:30:00', which are ISO 8601",
        "timestamp_format = \"%d.%m.%Y\" does not fit stamps such as '2024-11-26 09:30:00', which are ISO 8601",
        options={"timezone": NEW_YORK, "timestamp_format": "%d.%m.%Y"},
    ),
    "two columns that could be the volume": Mistake(
        [f"{ROWS[0]},1"],
        "say which with volume_column=",
        "say which with --volume-column",
        "say which with volume_column",
        header=f"{HEADER},volume_usd",
    ),
    "two columns that could be the open": Mistake(
        [f"{ROWS[0]},1"],
        "say which with columns={'open': 'NAME'}",
        "say which with --column open=NAME",
        'say which with columns = { open = "NAME" }',
        header=f"{HEADER},o",
    ),
    "no volume": Mistake(
        [one.rpartition(",")[0] for one in ROWS],
        "columns={'volume': 'NAME'}; where there is none, columns={'volume': None} takes it as 0",
        "--column volume=NAME; where there is none, --no-volume takes it as 0",
        'columns = { volume = "NAME" }; where there is none, columns = { volume = "" } takes it as 0',
        header=HEADER.rpartition(",")[0],
    ),
    "lines before the header": Mistake(
        ROWS,
        "say skip_rows=1, and if no line names the columns, header=",
        "say --skip-rows 1, and if no line names the columns, --header",
        "say skip_rows = 1, and if no line names the columns, header",
        header="bought,from,a,vendor,of,bars",
    ),
    "a time that the clock shows twice": Mistake(
        TWICE[:1],
        "ambiguous='first', ambiguous='second', ambiguous='infer'",
        "--ambiguous first, --ambiguous second, --ambiguous infer",
        'ambiguous = "first", ambiguous = "second", ambiguous = "infer"',
    ),
    "a bad row in a strict load": Mistake(
        [*ROWS, line("2024-11-26 09:35:00", high=0)],
        "without strict=True",
        "without --strict",
        "without strict = true",
        options={"timezone": NEW_YORK, "strict": True},
    ),
}


@pytest.fixture(scope="module")
def store(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_template(template, tmp_path_factory.mktemp("hints"))


def in_python(store: Path, path: Path, options: dict[str, Any]) -> str:
    with open_store(store) as opened, pytest.raises(BarhouseError) as raised:
        SessionCoordinator(opened).load(path, "SPY", "1m", **options)
    return str(raised.value)


def on_the_command_line(store: Path, path: Path, options: dict[str, Any]) -> str:
    given = [f"--{name.replace('_', '-')}" for name, value in options.items() if value is True]
    for name, value in options.items():
        given += [] if value is True else [f"--{name.replace('_', '-')}", value]
    done = RUNNER.invoke(cli, ["--store", str(store), "load", str(path), "--symbol", "SPY", "--interval", "1m", *given])
    assert done.exit_code == 3, done.output
    return done.stderr


def in_a_job(store: Path, path: Path, options: dict[str, Any]) -> str:
    report = run_job(
        {
            "symbols": [{"names": ["SPY"], "intervals": ["1m"], "calendar": "XNYS"}],
            "sources": [{"files": str(path), "symbol": "SPY", "interval": "1m", **options}],
        },
        store=store,
    )
    (problem,) = report.problems
    return problem.what


DOORS = {"python": in_python, "command": on_the_command_line, "job": in_a_job}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_load_that_fails_says_what_to_say_in_the_words_of_its_door(
    store: Path, tmp_path: Path, mistake: Mistake, door: str
) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("\n".join([mistake.header, *mistake.lines]) + "\n", encoding="utf-8")
    message = DOORS[door](store, path, mistake.said)
    assert getattr(mistake, door) in message
    assert "⟦" not in message
    for other in DOORS.keys() - {door}:
        foreign = getattr(mistake, other)
        assert foreign in getattr(mistake, door) or foreign not in message


def test_a_row_that_is_left_out_is_kept_with_a_reason_that_speaks_to_everybody(store: Path, tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("\n".join([HEADER, *TWICE]) + "\n", encoding="utf-8")
    with open_store(store) as opened:
        (reject,) = SessionCoordinator(opened).load(path, "SPY", "1m", timezone=NEW_YORK).rejects
    assert reject.reason == "ambiguous local time: the clock shows it twice; the option ambiguous says which is meant"


# Registrations


def test_a_registration_that_fails_speaks_as_its_door_does(store: Path) -> None:
    use = {"python": "use closing_bar='outside'", "command": "use --closing-bar outside"}
    with open_store(store) as opened, pytest.raises(BarhouseError) as raised:
        SessionCoordinator(opened).register("NEW", ["5m"], "XNYS", base="5m", closing_bar="include")
    assert use["python"] in str(raised.value)
    given = ["register", "NEW", "--intervals", "5m", "--calendar", "XNYS", "--base", "5m", "--closing-bar", "include"]
    done = RUNNER.invoke(cli, ["--store", str(store), *given])
    assert use["command"] in done.stderr and "closing_bar" not in done.stderr
    job = {
        "symbols": [
            {"names": ["NEW"], "intervals": ["5m"], "calendar": "XNYS", "base": "5m", "closing_bar": "include"}
        ],
        "sources": [{"files": "nothing.csv"}],
    }
    (failure,) = run_job(job, store=store).not_registered
    assert 'use closing_bar = "outside"' in failure


@pytest.mark.parametrize("door", ["python", "command", "job"])
def test_a_symbol_with_another_base_is_removed_with_what_there_is_at_the_door(store: Path, door: str) -> None:
    job = {
        "symbols": [{"names": ["SPY"], "intervals": ["1m"], "calendar": "XNYS", "base": "5m"}],
        "sources": [{"files": "nothing.csv"}],
    }
    if door == "python":
        with open_store(store) as opened, pytest.raises(BarhouseError) as raised:
            SessionCoordinator(opened).register("SPY", ["5m"], "XNYS", base="5m")
        said = str(raised.value)
    elif door == "command":
        given = ["register", "SPY", "--intervals", "5m", "--calendar", "XNYS", "--base", "5m"]
        said = RUNNER.invoke(cli, ["--store", str(store), *given]).stderr
    else:
        (said,) = run_job(job, store=store).not_registered
    way = "remove_symbol('SPY') first" if door == "python" else "`barhouse remove SPY` first"
    assert way in said and (door == "python" or "remove_symbol" not in said)


# Folders that are followed


@pytest.mark.parametrize("in_job", [False, True], ids=["by options", "by a job file"])
def test_a_folder_that_is_followed_says_what_to_say_where_it_was_said(
    store: Path, tmp_path: Path, in_job: bool
) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "bars.csv").write_text("\n".join([HEADER, *ROWS]) + "\n", encoding="utf-8")
    said = {"feed": str(inbox), "symbols": "SPY", "interval": "1m"}
    if in_job:
        job = tmp_path / "job.toml"
        job.write_text("[live]\nonce = true\n" + "\n".join(f'{name} = "{value}"' for name, value in said.items()))
        given = [str(job)]
    else:
        given = ["--once", *(text for name, value in said.items() for text in (f"--{name}", value))]
    done = RUNNER.invoke(cli, ["--store", str(store), "live", *given])
    wanted = 'timezone = "UTC"' if in_job else "--timezone UTC"
    assert wanted in done.stderr, done.stderr + done.output
    assert re.search(r"the session ends and the file stays", done.stderr)
    with open_store(store, read_only=True) as opened:
        assert wanted in str(opened.runs()[0].error)


# Stores


def test_a_store_that_is_not_there_says_how_one_comes_to_be(tmp_path: Path) -> None:
    with pytest.raises(BarhouseError, match=r"open it once without read_only=True to create it"):
        open_store(tmp_path / "bars.duckdb", read_only=True)


def test_queries_that_use_the_stores_own_file_name_the_way_to_copy_it(store: Path) -> None:
    query = f"COPY bars TO '{store}'"
    with open_store(store) as opened, pytest.raises(BarhouseError, match=r"make a copy with publish\(\) or backup\(\)"):
        opened.sql(query)
    done = RUNNER.invoke(cli, ["--store", str(store), "sql", query])
    assert "make a copy with `barhouse publish` or `barhouse backup`" in done.stderr
