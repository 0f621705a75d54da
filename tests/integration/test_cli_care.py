"""The command line looking after a store."""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb
from test_cli import Line, copied, empty, filled, spy

from barhouse.coordinator.cli.errors import ExitCode
from barhouse.coordinator.cli.sentences.copies import exported
from barhouse.store.model.reports import ExportReport

__all__ = ["empty", "filled", "spy"]  # fixtures


def test_publish_and_publish_again(spy: Line, tmp_path: Path) -> None:
    target = tmp_path / "out.duckdb"
    assert re.fullmatch(
        rf"published {re.escape(str(target))}: batch \d+, \d+\.\d MB\n", spy("publish", target, "--keep", 2).stderr
    )
    again = spy("publish", target, "--keep", 2)
    assert re.fullmatch(rf"nothing has changed since {re.escape(str(target))} was published: batch \d+\n", again.stderr)
    assert again.stdout == ""
    spy("delete", "SPY", "-i", "1m", "--start", "2020-12-16T15:00Z", "--end", "2020-12-16T15:05Z", "--yes")
    changed = spy("publish", target, "--keep", 2)
    assert changed.stderr.endswith(" MB; 1 older is kept beside it\n")
    (report,) = [json.loads(spy("publish", target, "--keep", 2, "--json").stdout)]
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


def test_going_back_to_a_backup(spy: Line, tmp_path: Path) -> None:
    target = tmp_path / "out.duckdb"
    spy("backup", target)
    assert spy("restore", target).stderr.startswith(f"nothing to restore: {spy.store} is as {target} is, batch ")
    before = spy("status").stdout
    spy("delete", "SPY", "-i", "1m", "--start", "2020-12-16T15:00Z", "--end", "2020-12-16T15:05Z", "--yes")
    refused = spy("restore", target, expected=ExitCode.BAD_INPUT)
    assert "has what the backup lacks" in refused.stderr and "with --force" in refused.stderr
    said = spy("restore", target, "--force").stderr
    found = re.fullmatch(rf"restored {spy.store} from {target}: batch \d+, verified; the store .* is (.*)\n", said)
    assert found
    assert spy("status").stdout == before != Line(Path(found[1]))("status").stdout
    assert "there is no backup at" in spy("restore", tmp_path / "none", expected=ExitCode.STORE).stderr


def test_an_export_tells_what_is_of_the_store_from_what_is_of_before() -> None:
    report = ExportReport(
        folder=Path("out"),
        format="csv",
        batch_id=7,
        written=1,
        rows=393,
        kept=780,
        unchanged=0,
        removed=0,
        given_up=0,
    )
    assert exported(report) == (
        "exported to out: 1 file written with 393 bars of the store and 780 kept from before, 0 unchanged"
    )


def test_export_and_export_again(spy: Line, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    options = ("export", folder, "-i", "1d,1h", "--format", "csv", "--start", "2020-12-16")
    assert spy(*options).stderr == f"exported to {folder}: 2 files written with 24 bars, 0 unchanged\n"
    assert spy(*options).stderr == f"exported to {folder}: nothing had changed, 2 unchanged\n"
    (row,) = duckdb.sql(
        f"SELECT count(*) FROM read_csv('{folder}/*/*/*/*.csv') WHERE bar_start < '2020-12-16'"
    ).fetchall()
    assert row == (0,)
    refused = spy("export", folder, expected=ExitCode.BAD_INPUT)
    assert "holds an export of csv, all symbols, 1h 1d, from 2020-12-16" in refused.stderr
    assert "with --full" in refused.stderr
    report = json.loads(spy("export", folder, "--full", "--json").stdout)
    assert (report["written"], report["removed"], report["rows"]) == (5, 0, 2012)
    assert sorted({one.suffix for one in folder.rglob("bars.*")}) == [".parquet"]
    assert "'SPX' is not registered" in spy("export", folder, "-s", "SPX", expected=ExitCode.BAD_INPUT).stderr
