"""The command line's calendars: those of exchanges and those of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from test_cli import Line, empty, filled, line, spy

from barhouse.coordinator.cli.errors import ExitCode

__all__ = ["empty", "filled", "line", "spy"]  # fixtures

FX = ("FX", "--timezone", "America/New_York", "--open", "17:00", "--close", "17:00")
FILE = """
[FX]
timezone = "America/New_York"
open = "17:00"
close = "17:00"
holidays = ["2024-12-25"]
early_closes = { 2024-12-24 = "13:00" }

[Tokyo]
timezone = "Asia/Tokyo"
open = 09:00:00
close = 15:30:00
break = "11:30-12:30"
"""


def sessions(line: Line, name: str) -> list[tuple[str, str, str]]:
    limits = ("--start", "2024-12-24", "--end", "2024-12-27", "--format", "json")
    rows = json.loads(line("calendar", "show", name, *limits).stdout)
    return [(row["session_date"], row["segment_open"], row["segment_close"]) for row in rows]


def test_one_of_your_own_is_added_changed_and_shown(line: Line) -> None:
    assert line("calendar", "add", *FX).stderr == "added the calendar FX\n"
    assert line("calendar", "add", *FX).stderr == "nothing changes in the calendar FX\n"
    days = ("--holiday", "2024-12-25", "--early-close", "2024-12-24=13:00")
    changed = line("calendar", "add", *FX, *days, "--yes")
    assert changed.stderr == (
        "FX: holiday 2024-12-25 added; early close 2024-12-24 13:00 added\n"
        "changed 2 sessions of FX, 2024-12-24 to 2024-12-25; bars: 0 new, 0 revised, 0 deleted\n"
    )
    assert sessions(line, "fx") == [
        ("2024-12-24", "2024-12-23T22:00:00Z", "2024-12-24T18:00:00Z"),
        ("2024-12-26", "2024-12-25T22:00:00Z", "2024-12-26T22:00:00Z"),
    ]
    shown = line("calendar", "show", "FX", "--start", "2024-12-26", "--end", "2024-12-27")
    assert "2024-12-25 22:00Z" in shown.stdout
    assert shown.stderr.startswith(
        "FX: 17:00 to 17:00 America/New_York, mon,tue,wed,thu,fri, 1 holiday, 1 early close; known from 2000-01-01 "
    )


def test_a_change_is_shown_and_asked_about_first(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line("calendar", "add", *FX, "--holiday", "2024-12-25")
    other = ("fx", *FX[1:4], "18:00", *FX[5:], "--holiday", "2025-01-01", "--early-close", "2024-12-24=13:00")
    shown = (
        "FX: open 18:00, was 17:00; holiday 2025-01-01 added; holiday 2024-12-25 removed; "
        "early close 2024-12-24 13:00 added\n"
    )
    refused = line("calendar", "add", *other, expected=ExitCode.USAGE).stderr
    assert refused.startswith(shown) and "nobody can be asked here; say --yes to go on" in refused
    monkeypatch.setattr("barhouse.coordinator.cli.command._somebody_is_there", lambda: True)
    said_no = line("calendar", "add", *other, expected=ExitCode.FAILED, stdin="n\n").stderr
    assert said_no.startswith(f"{shown}Change FX?")
    assert sessions(line, "FX")[0][1] == "2024-12-23T22:00:00Z"  # as it was
    line("calendar", "add", *other, stdin="y\n")
    assert sessions(line, "FX")[0] == ("2024-12-24", "2024-12-23T23:00:00Z", "2024-12-24T18:00:00Z")
    again = line("calendar", "add", *other)
    assert again.stderr == "nothing changes in the calendar FX\n"


def test_several_come_from_a_file(line: Line, tmp_path: Path) -> None:
    file = tmp_path / "calendars.toml"
    file.write_text(FILE)
    assert line("calendar", "add", "--file", file).stderr == "added the calendar FX\nadded the calendar Tokyo\n"
    reports = line("calendar", "add", "--file", file, "--json").stdout.splitlines()
    assert [json.loads(one)["batch_id"] for one in reports] == [None, None]
    assert sessions(line, "Tokyo")[:2] == [
        ("2024-12-24", "2024-12-24T00:00:00Z", "2024-12-24T02:30:00Z"),
        ("2024-12-24", "2024-12-24T03:30:00Z", "2024-12-24T06:30:00Z"),
    ]


def test_the_help_shows_a_file_that_works(line: Line, tmp_path: Path) -> None:
    shown = line("calendar", "add", "--help").stdout
    text = shown.split("A file that --file takes:")[1].split("Options:")[0]
    file = tmp_path / "own.toml"
    file.write_text(text.replace("12:00-13:00", "18:00-19:00"))
    assert line("calendar", "add", "--file", file).stderr == "added the calendar FX\n"


def test_a_mistake_in_a_file_adds_none_of_it(line: Line, tmp_path: Path) -> None:
    file = tmp_path / "calendars.toml"
    for text, said in [
        (FILE + "weekday = 'daily'", "calendar 'Tokyo': 'weekday' is unknown"),
        ("FX = 1", "each calendar is a table that begins with its name, such as [FX]; FX stands outside of one"),
        ("", "it has none"),
        ("[FX", "cannot be read as TOML"),
    ]:
        file.write_text(text)
        assert said in line("calendar", "add", "--file", file, expected=ExitCode.BAD_INPUT).stderr
    assert json.loads(line("calendar", "list", "--format", "json").stdout) == []


def test_a_command_line_that_is_wrong(line: Line, tmp_path: Path) -> None:
    file = tmp_path / "calendars.toml"
    file.write_text(FILE)
    for arguments, said in [
        (("FX", "--open", "17:00"), "say --timezone, --close as well, or name a file with --file"),
        ((), "say NAME, --timezone, --open, --close as well"),
        (("FX", "--file", file, "--weekdays", "daily"), "leave out NAME, --weekdays"),
        ((*FX, "--early-close", "2024-12-24"), "'2024-12-24' is not DATE=TIME"),
        (("--file", tmp_path / "nowhere.toml"), "does not exist"),
    ]:
        assert said in line("calendar", "add", *arguments, expected=ExitCode.USAGE).stderr
    for arguments, said in [
        ((*FX, "--weekdays", "monday"), "give a range such as mon-fri"),
        (("XNYS", *FX[1:]), "choose another name"),
    ]:
        assert said in line("calendar", "add", *arguments, expected=ExitCode.BAD_INPUT).stderr
    for name in ("show", "refresh"):
        said = line("calendar", name, "NOPE", expected=ExitCode.BAD_INPUT).stderr
        assert said.startswith("barhouse: the store has no calendar 'NOPE', it has none; ")


def test_the_list(spy: Line) -> None:
    spy("calendar", "add", *FX)
    rows = json.loads(spy("calendar", "list", "--format", "json").stdout)
    assert [(row["calendar"], row["kind"], row["symbol_count"]) for row in rows] == [
        ("FX", "custom", 0),
        ("XNYS", "exchange", 1),
    ]
    assert all(row["known_from"] < "2020-12-15" < row["known_through"] for row in rows)


def test_refreshing_shows_the_sessions_that_differ(spy: Line) -> None:
    assert spy("calendar", "refresh", "XNYS").stderr == "nothing differs in the calendar XNYS\n"
    with duckdb.connect(spy.store) as connection:  # as if an older release had closed that day at 20:00
        connection.execute(
            "UPDATE trading_session SET segment_close = segment_close - INTERVAL 1 HOUR "
            "WHERE calendar = 'XNYS' AND session_date = DATE '2021-06-16'"
        )
    dry = spy("calendar", "refresh", "xnys", "--dry-run", "--format", "json")
    assert dry.stderr == "would change 1 session of XNYS, 2021-06-16; nothing was written\n"
    (change,) = json.loads(dry.stdout)
    assert change["session_date"] == "2021-06-16"
    assert "19:00:00" in change["before"]
    assert "20:00:00" in change["after"]
    applied = spy("calendar", "refresh", "XNYS")
    assert applied.stderr == "changed 1 session of XNYS, 2021-06-16; bars: 0 new, 0 revised, 0 deleted\n"
    assert "2021-06-16" in applied.stdout
    assert spy("calendar", "refresh", "XNYS", "--dry-run").stdout == ""


def test_a_session_is_corrected_and_shown(line: Line) -> None:
    line("calendar", "add", *FX)
    hours = (
        "calendar",
        "set",
        "FX",
        "2024-12-25",
        "--open",
        "18:00",
        "--close",
        "12:00",
        "--reason",
        "a broker's notice",
    )
    said = line(*hours, "--yes")
    assert said.stderr == (
        "FX 2024-12-25: 2024-12-24 23:00:00+00 to 2024-12-25 17:00:00+00, was 2024-12-24 22:00:00+00 to "
        "2024-12-25 22:00:00+00\nchanged 1 session of FX, 2024-12-25; bars: 0 new, 0 revised, 0 deleted\n"
    )
    assert line("calendar", "set", "FX", "2024-12-25", "--no-session", "--yes").exit_code == 0
    assert [day for day, *_ in sessions(line, "FX")] == ["2024-12-24", "2024-12-26"]
    assert line("calendar", "set", "FX", "2024-12-25", "--reset", "--yes").exit_code == 0
    assert [day for day, *_ in sessions(line, "FX")] == ["2024-12-24", "2024-12-25", "2024-12-26"]
    refused = line("calendar", "set", "FX", "2024-12-25", "--open", "18:00", expected=ExitCode.USAGE)
    assert "say --open and --close, or --no-session, or --reset" in refused.stderr


def test_a_symbol_moves_after_it_was_shown(filled: Line) -> None:
    shown = filled("register", "SPY", "--calendar", "24/7", "--move", "--dry-run").stderr
    assert shown.startswith("SPY: 24/7 instead of XNYS; of ")
    refused = filled("register", "SPY", "--calendar", "24/7", "--move", expected=ExitCode.USAGE).stderr
    assert refused.startswith(shown) and "nobody can be asked here; say --yes to go on" in refused
    moved = filled("register", "SPY", "--calendar", "24/7", "--move", "--yes").stderr
    assert moved.startswith(f"{shown}moved SPY to 24/7; bars: ")
    again = ("register", "SPY", "NEW", "--calendar", "24/7", "--move", "--intervals", "1m")
    assert filled(*again).stderr.endswith("registered NEW: 24/7, 1m loaded\n")
    said = filled("register", "SPY", "--calendar", "24/7", "--move", "--json").stdout
    assert json.loads(said)["batch_id"] is None
    for arguments, message in [
        (("--calendar", "24/7"), "say --intervals as well"),
        (("--calendar", "24/7", "--intervals", "1m", "--dry-run"), "say --move as well"),
    ]:
        assert message in filled("register", "SPY", *arguments, expected=ExitCode.USAGE).stderr


def test_what_is_known_is_shown_and_taken(line: Line, tmp_path: Path) -> None:
    line("register", "X", "--intervals", "1m", "--calendar", "XBOM")
    limits = ("--start", "2024-11-01", "--end", "2024-11-02")
    wrong = "XBOM: exchange_calendars is known to have 2024-11-01 wrong; `barhouse calendar set XBOM --known`"
    assert wrong in line("calendar", "show", "XBOM", *limits).stderr
    taken = line("calendar", "set", "XBOM", "--known", "--yes").stderr
    assert "XBOM 2024-11-01: 2024-11-01 12:30:00+00 to 2024-11-01 13:30:00+00, was no session" in taken
    shown = line("calendar", "show", "XBOM", *limits)
    assert "12:30" in shown.stdout and "known to have" not in shown.stderr
    file = tmp_path / "corrections.toml"
    file.write_text(
        '[XBOM]\n2024-11-01 = { open = "18:00", close = "18:30" }\n2024-11-20 = { open = "10:00", close = "11:00" }'
    )
    assert "changed 2 sessions of XBOM" in line("calendar", "set", "--file", file, "--yes").stderr
    for arguments, said in [
        (("XBOM", "--known", "--reset"), "--known takes NAME alone"),
        (("XBOM", "--file", file), "leave out the rest"),
        (("XBOM", "2024-11-01"), "say NAME and DATE with --open and --close"),
        (("XBOM", "2024-11-01", "--reason", "x"), "say --open and --close, or --no-session, or --reset"),
    ]:
        assert said in line("calendar", "set", *arguments, expected=ExitCode.USAGE).stderr
