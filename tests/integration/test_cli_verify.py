"""The command line's proof, and its repair."""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb
import pytest
from test_cli import Line, copied, empty, filled, on_terminal, spy

from barhouse.coordinator.cli.errors import ExitCode

__all__ = ["empty", "filled", "spy"]  # fixtures


def behind_its_back(line: Line, statement: str) -> None:
    with duckdb.connect(line.store) as connection:
        connection.execute(statement)


@pytest.fixture(scope="module")
def planted(filled: Line, tmp_path_factory: pytest.TempPathFactory) -> Line:
    """A daily bar too high, and a base bar with a high that cannot be. Only read from it."""
    line = copied(filled, tmp_path_factory.mktemp("planted"))
    first = "SELECT min(bar_start) FROM bar WHERE interval_id = {id}"
    of = "SELECT interval_id FROM interval_definition WHERE interval = "
    daily, minute = f"({of}'1d')", f"({of}'1m')"
    for interval, change in ((daily, "high = high + 1"), (minute, "high = low - 1")):
        behind_its_back(
            line,
            f"UPDATE bar SET {change} WHERE interval_id = {interval} AND bar_start = ({first.format(id=interval)})",
        )
    return line


def test_a_sound_store(filled: Line) -> None:
    result = filled("verify")
    assert re.fullmatch(
        r"checked 1 symbol, 5 intervals, 1,564 base bars, 448 derived bars, \d sessions: all as recomputed\n",
        result.stderr,
    )
    assert result.stdout == ""
    assert json.loads(filled("verify", "--format", "json").stdout) == []


def test_a_part_of_a_store(filled: Line) -> None:
    said = filled("verify", "spy", "-i", "1m,5m", "-i", "1h", "--start", "2020-12-16", "--end", "2020-12-17").stderr
    assert re.match(r"checked 1 symbol, 3 intervals, 390 base bars, 85 derived bars, 1 session: ", said)
    assert said.endswith(": all as recomputed; history is only checked with the whole store\n")
    assert "'SPX' is not registered" in filled("verify", "SPX", expected=ExitCode.BAD_INPUT).stderr


def test_an_empty_store_has_nothing_to_check(empty: Line) -> None:
    assert empty("verify").stderr == "nothing was checked: no interval asked for is registered\n"


def test_differences_are_data_and_have_their_exit_code(planted: Line) -> None:
    shown = planted("verify", expected=ExitCode.DIFFERENCES)
    assert shown.stdout.split()[:6] == ["kind", "symbol", "interval", "at", "stored", "expected"]
    assert re.search(r"^derived +SPY +1d +2020-12-15 14:30Z ", shown.stdout, re.MULTILINE)
    head, *kinds, last = shown.stderr.splitlines()
    assert re.search(r"sessions: \d+ differences$", head)
    assert any(re.fullmatch(r"  1 impossible: .*repair cannot.*", one) for one in kinds)
    assert any(re.fullmatch(r"  \d+ derived: .*", one) for one in kinds)
    assert last == "  to repair what can be: barhouse verify --repair"
    found = json.loads(planted("verify", "--format", "json", expected=ExitCode.DIFFERENCES).stdout)
    assert {one["kind"] for one in found} == {"derived", "impossible"}
    assert all(one["advice"] for one in found)


def test_verify_changes_nothing(planted: Line) -> None:
    before = planted.store.read_bytes()
    planted("verify", expected=ExitCode.DIFFERENCES)
    assert planted.store.read_bytes() == before


def test_repair_mends_what_can_be_derived_again(spy: Line) -> None:
    daily = "(SELECT interval_id FROM interval_definition WHERE interval = '1d')"
    behind_its_back(spy, f"UPDATE bar SET high = high + 1 WHERE interval_id = {daily}")
    result = spy("verify", "--repair")
    assert result.stdout == ""
    found, mended, after = result.stderr.splitlines()
    assert found == "found 4 derived"
    assert mended == "repaired: 0 new, 4 revised, 0 deleted"
    assert after.endswith(": all as recomputed")
    assert spy("verify", "--repair").stderr.endswith(": all as recomputed; nothing was written\n")


def test_repair_says_what_it_cannot_mend(planted: Line, tmp_path: Path) -> None:
    own = copied(planted, tmp_path)
    result = own("verify", "--repair", "--format", "json", expected=ExitCode.DIFFERENCES)
    assert [one["kind"] for one in json.loads(result.stdout)] == ["impossible"]
    assert "1 difference\n  1 impossible: " in result.stderr
    assert "--repair" not in result.stderr


def test_lost_history_is_accepted_when_asked_for(filled: Line, tmp_path: Path) -> None:
    own = copied(filled, tmp_path)
    behind_its_back(own, "UPDATE batch SET deleted = deleted + 1 WHERE kind = 'process'")
    assert "revision" in own("verify", "--repair", expected=ExitCode.DIFFERENCES).stderr
    result = own("verify", "--repair", "--accept-lost-history")
    assert "\naccepted that bars or old values of 1 batch are lost\n" in result.stderr
    assert own("verify").stderr.endswith(": all as recomputed\n")
    for wrong in (["--accept-lost-history"], ["--repair", "--accept-lost-history", "SPY"]):
        assert "goes with --repair" in own("verify", *wrong, expected=ExitCode.USAGE).stderr


def test_repair_goes_for_whole_symbols_that_are_there(filled: Line) -> None:
    assert "leave out --intervals" in filled("verify", "--repair", "-i", "1m", expected=ExitCode.USAGE).stderr
    assert "'SPX' is not registered" in filled("verify", "--repair", "SPX", expected=ExitCode.BAD_INPUT).stderr


def test_a_terminal_shows_progress(filled: Line) -> None:
    code, shown = on_terminal(filled, "verify")
    assert code == ExitCode.OK
    assert "verifying" in shown
