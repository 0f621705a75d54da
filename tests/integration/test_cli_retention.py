"""The commands that give up what is old."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from test_cli import Line, copied, empty, filled, spy

from barhouse.coordinator.cli.errors import ExitCode

__all__ = ["empty", "filled", "spy"]  # fixtures


@pytest.fixture
def line(filled: Line, tmp_path: Path) -> Line:
    """Four days of SPY, derived, in a store of the test's own."""
    return copied(filled, tmp_path)


def test_bars_are_purged(line: Line, tmp_path: Path) -> None:
    said = line("purge", "spy", "--interval", "1m", "--before", "2020-12-17T15:00Z", "--yes").stderr
    assert said == "purged 782 bars: 1m 782\n  1m is kept from 2020-12-17 14:30Z on\n"
    assert (
        line("purge", "-i", "1m", "--before", "2020-12-17", "--yes").stderr == "nothing was old enough to be purged\n"
    )
    assert "all as recomputed" in line("verify").stderr
    late = tmp_path / "late.csv"
    late.write_text("timestamp,open,high,low,close,volume\n2020-12-15T15:00Z,9,9,9,9,9\n", encoding="utf-8")
    assert (
        "before retained_from" in line("load", late, "--symbol", "SPY", "-i", "1m", expected=ExitCode.BAD_INPUT).stderr
    )
    refused = line(
        *("delete", "SPY", "-i", "1m", "--start", "2020-12-15", "--end", "2020-12-16", "--yes"),
        expected=ExitCode.BAD_INPUT,
    )
    assert "give --start 2020-12-17T14:30:00+00:00 or a later one" in refused.stderr


def test_a_policy_is_applied(line: Line) -> None:
    said = line("retain", "1m=1d", "5m=1w", "revisions=1y", "--symbols", "SPY", "--yes", expected=ExitCode.BAD_INPUT)
    assert "for the whole store" in said.stderr
    shown = line("retain", "1m=1d", "5m=1w", "revisions=1y", "--yes", "--json")
    report = json.loads(shown.stdout)
    assert [(one["interval"], one["deleted"]) for one in report["intervals"]] == [("1m", 782)]
    assert report["history_from"] is None
    assert "1m='soon' is no duration" in line("retain", "1m=soon", "--yes", expected=ExitCode.BAD_INPUT).stderr
    for policy in (["1m"], ["1m=1d", "1m=2d"]):
        assert "is not INTERVAL=DURATION" in line("retain", *policy, "--yes", expected=ExitCode.USAGE).stderr


def test_revisions_are_purged(line: Line) -> None:
    line("delete", "SPY", "-i", "1m", "--start", "2020-12-16", "--end", "2020-12-16T14:35Z", "--yes")
    line("process")
    line("sql", "FROM bars_as_of(now())", "--format", "csv")
    moment = json.loads(line("sql", "SELECT max(committed_at) AS at FROM batches", "--format", "json").stdout)[0]["at"]
    line("delete", "SPY", "-i", "1m", "--start", "2020-12-18", "--end", "2020-12-18T14:35Z", "--yes")
    said = line("purge", "--revisions", "--before", moment, "--yes").stderr
    assert re.fullmatch(r"purged \d revisions\n  past states can be asked for from \S+ \S+Z on\n", said)
    failed = line("sql", "FROM bars_as_of('2024-01-01 00:00:00+00'::TIMESTAMPTZ)", expected=ExitCode.BAD_INPUT)
    assert "history is kept from" in failed.stderr
    assert "all as recomputed" in line("verify").stderr


def test_a_symbol_is_removed_for_good(line: Line) -> None:
    assert line("remove", "SPY", "--purge", "--yes").stderr == "removed SPY with 2,012 bars, its history included\n"
    said = line("remove", "SPY", "--purge", "--yes").stderr
    assert said == "nothing is kept of SPY any more, nothing was purged\n"
    assert line("sql", "SELECT count(*) AS n FROM revisions", "--format", "csv").stdout == '"n"\n0\n'


def test_what_cannot_be_asked_for(line: Line) -> None:
    for arguments, said in (
        (("purge", "--before", "2020-12-17"), "say --interval to purge bars, or --revisions"),
        (("purge", "--before", "2020-12-17", "--revisions", "-i", "1m"), "say --interval"),
        (("purge", "SPY", "--before", "2020-12-17", "--revisions"), "leave out the symbols"),
        (("purge", "--before", "2020-12-17", "-i", "1m"), "say --yes"),
        (("retain", "1m=90d"), "say --yes"),
    ):
        assert said in line(*arguments, expected=ExitCode.USAGE).stderr
    early = line("purge", "--revisions", "--before", "2999-01-01T00:00Z", "--yes", expected=ExitCode.BAD_INPUT).stderr
    assert "--before 2999-01-01T00:00:00+00:00 lies in the future" in early
