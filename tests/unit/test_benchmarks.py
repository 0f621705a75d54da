"""The harness of the benchmarks, on toys: they run outside ``make test``, but must work when they are asked."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from tests.benchmarks import data, report
from tests.benchmarks.__main__ import chosen, measured
from tests.benchmarks.harness import OURS, Line, Row, Run, Sizes, Taken, alike, compare, in_child
from tests.benchmarks.paths import ROWS

TOY = Sizes(sessions=2, symbols=3)


def nothing(run: Run) -> None:
    raise AssertionError("only its name is needed")


def line(ours: list[float], theirs: list[float], *, bound: float = 2.0, limit: float | None = None) -> Line:
    row = Row("toy", "a toy", {OURS: nothing, "peer": nothing}, bounds={"peer": bound}, limit=limit)
    taken = {OURS: Taken(values=ours, peak_mb=50.0), "peer": Taken(values=theirs, peak_mb=40.0)}
    return Line(row, taken, bars=1000)


def saved(*lines: Line) -> dict[str, Any]:
    about = report.circumstances({"symbols": 3, "sessions": 2, "long_sessions": 0}, 3)
    return {"about": about, "lines": [one.as_json() for one in lines]}


# Figures


def test_ratios_are_of_medians() -> None:
    one = line([3.0, 100.0, 2.0], [1.0, 2.0, 2.0])
    assert one.ratio("peer") == 1.5
    assert one.reached() is True
    assert line([5.0], [2.0]).reached() is False
    assert line([3.0], [2.0], limit=2.5).reached() is False


def test_what_is_missing_is_not_reached() -> None:
    one = line([3.0], [2.0])
    one.taken["peer"].error = "not installed: No module named 'peer'"
    assert one.ratio("peer") is None and one.reached() is None
    assert one.as_json()["contenders"]["peer"]["error"].startswith("not installed")


def test_another_result_has_no_time() -> None:
    one = line([3.0], [2.0])
    one.taken[OURS].found = [["1d", 3, 1.5]]
    one.taken["peer"].found = [["1d", 3, 1.6]]
    compare(one)
    assert not one.taken["peer"].same and one.ratio("peer") is None


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ([["1d", 3, 1.5 + 1e-12]], True),
        ([["1d", 3, 1.5001]], False),
        ([["1d", 4, 1.5]], False),
        ([["5m", 3, 1.5]], False),
        ([["1d", 3]], False),
        ([], False),
    ],
)
def test_results_are_compared_but_for_the_last_digits(other: list[list[object]], *, same: bool) -> None:
    assert alike([["1d", 3, 1.5]], other) is same


# Data


def test_bars_are_seeded_whole_and_in_cents() -> None:
    sessions = data.history(2)
    assert [one.open for one in sessions] == [datetime(2024, 6, day, 13, 30, tzinfo=UTC) for day in (27, 28)]
    made = data.bars(data.symbols(3), sessions)
    assert made.num_rows == 3 * 2 * 390
    assert made.equals(data.bars(data.symbols(3), sessions))
    part = {name: made[name].to_numpy() for name in ("open", "high", "low", "close", "volume")}
    assert (part["high"] >= np.maximum(part["open"], part["close"])).all()
    assert (part["low"] <= np.minimum(part["open"], part["close"])).all() and (part["low"] > 0).all()
    assert all((np.rint(values * 100) / 100 == values).all() for values in part.values())
    assert len(np.unique(part["close"])) > 500


def test_minutes_come_one_after_the_other() -> None:
    made = data.bars(data.symbols(3), data.sequel(1))
    parts = list(data.minutes(made))
    starts = [start for start, _ in parts]
    assert len(parts) == 390 and starts == sorted(starts)
    assert all(table["symbol"].to_pylist() == data.symbols(3) for _, table in parts)


# Rows


def test_rows_are_named_once_and_have_bounds_on_contenders() -> None:
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)
    for row in ROWS:
        assert row.ours in row.contenders and set(row.bounds) <= set(row.contenders), row.name


def test_rows_are_chosen_by_name_or_its_beginning() -> None:
    assert [row.name for row in chosen("verify")] == ["verify"]
    assert {row.name for row in chosen("late")} == {"late", "late-long"}
    with pytest.raises(Exception, match="no row is named 'lod'"):
        chosen("lod")


def test_rows_work_on_a_toy(tmp_path: Path) -> None:
    """In processes of their own, from prepared files, to a table and a page."""
    quiet = Console(quiet=True)
    rows = [row for row in ROWS if row.name in {"load", "help", "late-long"}]
    lines = {row.name: measured(row, TOY, tmp_path, 1, quiet) for row in rows}
    assert lines["late-long"].skipped == "needs --scale 10"
    for taken in lines["load"].taken.values():
        assert taken.error is None and taken.same and taken.values and taken.peak_mb > 30
        assert taken.found[0][:2] == ["1m", 3 * 2 * 390]
    assert lines["load"].reached() is not None and lines["load"].bars == 3 * 2 * 390
    assert lines["help"].taken[OURS].value
    assert not list(tmp_path.glob("turn-*"))
    found = json.loads(json.dumps(saved(*lines.values())))
    assert "bulk load, sorted Parquet" in report.page(found, "<!-- figures -->\n<!-- end of figures -->\n")


def test_a_contender_that_fails_is_shown(tmp_path: Path) -> None:
    told = in_child("take", "load", OURS, sizes=TOY, cache=tmp_path)
    assert "FileNotFoundError" in told["error"]
    assert in_child("take", "load", "nobody", sizes=TOY, cache=tmp_path)["error"] == "KeyError: 'nobody'"


# The page


def test_the_table_says_it_all() -> None:
    late = line([3.0], [2.0], bound=1.0)
    late.taken["peer"].error = "not installed: peer"
    console = Console(width=200, record=True, file=io.StringIO())
    report.show(saved(line([3.0], [2.0]), late), console)
    text = console.export_text()
    assert "1.50 x" in text and "2 x" in text and "a toy: peer failed: not installed: peer" in text and "333" in text


def test_the_page_is_filled_between_its_marks() -> None:
    template = "before\n<!-- figures -->\nold\n<!-- end of figures -->\nafter\n"
    page = report.page(saved(line([3.0], [2.0])), template)
    assert page.startswith("before\n") and page.endswith("after\n") and "old" not in page
    assert "1 of 1 bounds are kept" in page and "| a toy | barhouse | 3.00 s |" in page
    assert report.page(saved(line([3.0], [2.0])), page) == page


def test_rows_taken_anew_stand_beside_those_on_record_of_the_same_machine() -> None:
    first, second = line([3.0], [2.0]), line([4.0], [2.0])
    old = saved(first, replace(second, row=replace(second.row, name="other")))
    new = report.renewed(old, saved(line([5.0], [2.0])), ["other", "toy"])
    assert [(one["name"], one["contenders"][OURS]["value"]) for one in new["lines"]] == [("other", 4.0), ("toy", 5.0)]
    old["about"]["versions"]["duckdb"] = "0.1"
    assert [one["name"] for one in report.renewed(old, saved(line([5.0], [2.0])), ["other", "toy"])["lines"]] == ["toy"]
    assert report.renewed(None, old, [])["lines"] == old["lines"]


def test_circumstances_name_no_host() -> None:
    import platform

    about = report.circumstances({}, 5)
    assert about["cores"] and about["memory_gb"] and about["versions"]["duckdb"]
    assert platform.node() == "" or platform.node() not in json.dumps(about)
