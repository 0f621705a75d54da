"""The command line looking after a store."""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb
from test_cli import Line, copied, empty, filled, spy

from coordinator.cli_errors import ExitCode

__all__ = ["empty", "filled", "spy"]  # fixtures


def test_publish_and_publish_again(spy: Line, tmp_path: Path) -> None:
    target = tmp_path / "out.duckdb"
    assert re.fullmatch(
        rf"published {re.escape(str(target))}: batch \d+, \d+\.\d MB\n", spy("publish", target, "--keep", 2).stderr
    )
    again = spy("publish", target, "--keep", 2)
    assert re.fullmatch(rf"nothing has changed since {re.escape(str(target))} was published: batch \d+\n", again.stderr)
    assert again.stdout == ""
    spy("delete", "SPY", "-i", "1m", "--from", "2020-12-16T15:00Z", "--to", "2020-12-16T15:05Z", "--yes")
    changed = spy("publish", target, "--keep", 2)
    assert changed.stderr.endswith(" MB; 1 older is kept beside it\n")
    (report,) = [json.loads(spy("publish", target, "--keep", 2, "--format", "json").stdout)]
    assert (report["written"], report["target"], len(report["older"])) == (False, str(target), 1)
    assert Line(target)("status").stdout == spy("status").stdout
    assert Line(Path(report["older"][0]))("verify").stdout == ""


def test_a_backup_says_that_it_was_verified(spy: Line, tmp_path: Path) -> None:
    target = tmp_path / "out.duckdb"
    said = spy("backup", target).stderr
    assert re.fullmatch(rf"backed up {re.escape(str(target))}: batch \d+, \d+\.\d MB, verified\n", said)
    with duckdb.connect(spy.store) as connection:
        connection.execute("UPDATE bar SET high = low - 1 WHERE interval_id = 1")
    refused = spy("backup", target, expected=ExitCode.OK)  # no batch tells that it was changed behind the back
    assert refused.stderr.startswith("nothing has changed")
    other = tmp_path / "other.duckdb"
    refused = spy("backup", other, expected=ExitCode.STORE)
    assert "does not verify" in refused.stderr and "with --no-check" in refused.stderr
    assert spy("backup", other, "--no-check").stderr.startswith(f"backed up {other}: batch")


def test_a_copy_over_something_else_is_refused(filled: Line, tmp_path: Path) -> None:
    line = copied(filled, tmp_path)
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    assert "name another file" in line("publish", notes, expected=ExitCode.STORE).stderr
    assert "would be the store itself" in line("publish", line.store, expected=ExitCode.BAD_INPUT).stderr
    assert notes.read_text() == "mine"
