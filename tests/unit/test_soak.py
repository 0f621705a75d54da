"""A soak keeps to its budget, gives every part its turn, and says how to repeat what failed."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import pytest

from tests import extent
from tests.soak.driver import Machine, Outcome, last_line, soak
from tests.soak.parts import PARTS, Part, fitted, round_seconds
from tests.soak.plan import Plan, Turn


def part(name: str, seconds: float, *, on_both: bool = False) -> Part:
    return Part(name, (f"tests/{name}.py",), MappingProxyType({"KILLS": 40}), seconds, on_both)


class Pretended:
    """A machine on which turns take what a table says; it keeps the time."""

    def __init__(self, budget: float, takes: dict[str, float], fails: Callable[[Turn], bool] = lambda _: False) -> None:
        real = Machine({"newest": "python-new", "lowest": "python-old"}, 2, Path("logs"))
        self.again, self.log = real.again, real.log
        self.budget, self.takes, self.fails = budget, takes, fails
        self.turns: list[tuple[Turn, float]] = []
        self.said: list[str] = []

    def left(self) -> float:
        return self.budget - sum(min(self.takes[turn.part.name], limit) for turn, limit in self.turns)

    def run(self, turn: Turn, limit_seconds: float) -> Outcome:
        assert limit_seconds <= self.left()
        self.turns.append((turn, limit_seconds))
        takes = self.takes[turn.part.name]
        if takes > limit_seconds:
            return Outcome(limit_seconds, False, "it did not end", cut_off=True)
        return Outcome(takes, not self.fails(turn), "1 passed")

    def soak(self, *parts: Part, seed: int = 7) -> int:
        return soak(Plan(parts, ["newest", "lowest"], seed), self, self.left, self.said.append)

    def names(self) -> list[str]:
        return [turn.part.name for turn, _ in self.turns]


def test_every_part_has_its_turn_before_one_has_its_second() -> None:
    machine = Pretended(1000, {"a": 100, "b": 100, "c": 100})
    assert machine.soak(part("a", 100), part("b", 100), part("c", 100)) == 0
    assert machine.names() == ["a", "b", "c"] * 3 + ["a"]


def test_what_cannot_be_expected_to_end_is_not_begun_and_a_shorter_part_takes_its_place() -> None:
    machine = Pretended(250, {"long": 200, "short": 20})
    assert machine.soak(part("long", 200), part("short", 20)) == 0
    assert machine.names() == ["long", "short", "short"]


def test_what_a_part_took_counts_more_than_what_was_expected() -> None:
    machine = Pretended(1000, {"a": 300})
    assert machine.soak(part("a", 100)) == 0
    assert machine.names() == ["a", "a", "a"], "a fourth could not be expected to end in the 100 seconds left"


def test_seeds_are_new_in_every_round_and_ends_take_turns() -> None:
    machine = Pretended(600, {"both": 50, "one": 50, "other": 50})
    machine.soak(part("both", 50, on_both=True), part("one", 50), part("other", 50))
    turns = [(turn.part.name, turn.end, turn.seed) for turn, _ in machine.turns]
    assert turns[:4] == [("both", "newest", 7), ("both", "lowest", 7), ("one", "lowest", 7), ("other", "newest", 7)]
    assert turns[4:8] == [("both", "newest", 8), ("both", "lowest", 8), ("one", "newest", 8), ("other", "lowest", 8)]
    assert len(turns) == len(set(turns)) == 12


def test_it_goes_on_after_a_failure_and_says_how_to_repeat_it() -> None:
    machine = Pretended(400, {"a": 100, "b": 100}, fails=lambda turn: turn.part.name == "a" and turn.seed == 7)
    assert machine.soak(part("a", 100), part("b", 100)) == 1
    assert machine.names() == ["a", "b", "a", "b"]
    again = "BARHOUSE_SEED=7 BARHOUSE_KILLS=40 python-new -m pytest -n 2 --dist worksteal tests/a.py"
    assert [text.count(again) for text in machine.said] == [1, 0, 0, 0, 0, 1]
    assert machine.said[-2] == "3 passed, 1 failed in 7 minutes"


def test_a_part_that_hangs_has_failed() -> None:
    machine = Pretended(2_000, {"a": 20_000, "b": 100})
    assert machine.soak(part("a", 20), part("b", 100)) == 3
    turns = [(turn.part.name, turn.end, limit) for turn, limit in machine.turns]
    assert turns[:2] == [("a", "newest", 160), ("b", "lowest", 800)], "eight times what was expected"
    assert turns[2:4] == [("a", "lowest", 160), ("b", "newest", 800)]
    assert turns[4] == ("a", "newest", 1280), "it may take longer the next time"
    assert "FAILED, it did not end" in machine.said[0]


def test_what_the_end_of_the_budget_cuts_off_has_not_failed() -> None:
    machine = Pretended(150, {"a": 400})
    assert machine.soak(part("a", 100)) == 0
    assert machine.left() == 0
    assert "the budget was used" in machine.said[0]


def test_where_nothing_can_end_nothing_is_begun() -> None:
    machine = Pretended(5, {"a": 100})
    assert machine.soak(part("a", 100)) == 0
    assert machine.turns == [] and machine.said == ["0 passed, 0 failed in 0 minutes"]


def test_a_small_budget_gives_every_part_a_smaller_turn() -> None:
    whole = round_seconds(PARTS)
    assert fitted(PARTS, whole) == list(PARTS)
    for smaller, usual in zip(fitted(PARTS, whole / 3), PARTS, strict=True):
        for name, amount in usual.amounts.items():
            assert getattr(extent, name) <= smaller.amounts[name] <= max(amount / 3, getattr(extent, name))
        assert smaller.seconds < usual.seconds


def test_parts_name_tests_that_there_are_and_every_amount() -> None:
    for one in PARTS:
        assert all((Path(__file__).parents[2] / test.partition("::")[0]).is_file() for test in one.tests)
    amounts = {name for name in vars(extent) if name.isupper()} - {"SEED"}
    assert {name for one in PARTS for name in one.amounts} == amounts


def test_the_page_names_every_amount_with_its_default() -> None:
    page = (Path(__file__).parents[2] / "docs" / "testing.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| `BARHOUSE_([A-Z_]+)` \| (\d+) \|", page, re.MULTILINE)
    assert dict(shown).keys() == {name for name in vars(extent) if name.isupper()}
    source = Path(str(extent.__file__)).read_text(encoding="utf-8")
    assert shown == re.findall(r'^[A-Z_]+ = amount\("([A-Z_]+)", (\d+)\)$', source, re.MULTILINE)


def test_the_long_form_is_long() -> None:
    """In the three hours that it has by default: 500 histories on both ends, 200 kills, ten million minutes."""
    rounds = 10_800 / round_seconds(PARTS)
    by_amount = {name: (amount, one) for one in PARTS for name, amount in one.amounts.items()}
    assert rounds >= 2
    assert by_amount["HISTORIES"][0] * 2 >= 500 and by_amount["HISTORIES"][1].on_both
    assert by_amount["KILLS"][0] * 2 >= 200
    assert by_amount["SYMBOLS"][0] * 390 * 50 >= 10_000_000


def test_a_turn_is_ended_with_its_children(tmp_path: Path) -> None:
    """A test that waits for a child of its own is ended, and so is the child."""
    test, note = tmp_path / "test_waits.py", tmp_path / "child"
    test.write_text(
        f"""
import pathlib, subprocess, sys
def test_waits():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    pathlib.Path({str(note)!r}).write_text(str(child.pid))
    child.wait()
""",
        encoding="utf-8",
    )
    machine = Machine({"newest": sys.executable}, 1, tmp_path / "logs")
    outcome = machine.run(Turn(Part("waits", (str(test),), MappingProxyType({}), 1), "newest", 0), limit_seconds=15)
    assert outcome.cut_off and not outcome.passed
    deadline = time.monotonic() + 60  # a process that was killed still has to go
    while is_running(note.read_text()):
        assert time.monotonic() < deadline, "the child of the test lives on"
        time.sleep(0.05)


def is_running(pid: str) -> bool:
    stat = Path("/proc") / pid / "stat"
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(
    ("text", "expected"), [("a\n== 3 passed in 1s ==\n\n", "3 passed in 1s"), ("", "it said nothing")]
)
def test_the_last_line_is_what_pytest_says(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "log").write_text(text, encoding="utf-8")
    assert last_line(tmp_path / "log") == expected
