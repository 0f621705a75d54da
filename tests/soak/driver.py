"""Runs the turns of a soak, each in a process of its own that is ended with all its children when its time is over."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from tests.soak.plan import Plan, Turn

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Outcome:
    """How a turn ended; ``said`` is pytest's own last line, ``tried`` how much of what was tried."""

    seconds: float
    passed: bool
    said: str
    cut_off: bool = False
    tried: Mapping[str, int] = field(default_factory=dict)

    @property
    def found(self) -> str:
        """What was tried and found, where the tests say it: a difference or a loss would have failed them."""
        counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in self.tried.items())
        return f" {counts}, 0 differences, 0 losses;" if counts else ""


@dataclass(frozen=True)
class Machine:
    """What turns are run with: the Python of each end, the number of tests side by side, a folder for what they say."""

    pythons: dict[str, str]
    jobs: int
    logs: Path

    def command(self, turn: Turn) -> list[str]:
        """The command of a turn."""
        several = ["-n", str(self.jobs), "--dist", "worksteal"]
        return [self.pythons[turn.end], "-m", "pytest", *several, *turn.part.tests]

    def again(self, turn: Turn) -> str:
        """The line for a shell that repeats a turn."""
        given = [f"{name}={value}" for name, value in turn.environment().items()]
        return shlex.join(given) + " " + shlex.join(self.command(turn))

    def log(self, turn: Turn) -> Path:
        """Where a turn says what it does."""
        return self.logs / f"{turn.part.name.replace(' ', '-')}-{turn.end}-{turn.seed}.log"

    def tally(self, turn: Turn) -> Path:
        """Where the tests of a turn note how much they tried."""
        return self.log(turn).with_suffix(".tally")

    def run(self, turn: Turn, limit_seconds: float) -> Outcome:
        """Run a turn, for so many seconds at most."""
        began = monotonic()
        self.logs.mkdir(parents=True, exist_ok=True)
        self.tally(turn).unlink(missing_ok=True)
        with self.log(turn).open("w", encoding="utf-8") as log:
            child = subprocess.Popen(
                self.command(turn),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, **turn.environment(), "BARHOUSE_TALLY": str(self.tally(turn))},
                start_new_session=True,
            )
            ended = False
            try:
                child.wait(timeout=limit_seconds)
                ended = True
            except subprocess.TimeoutExpired:
                pass
            finally:
                if not ended:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
        seconds = monotonic() - began
        if not ended:
            return Outcome(seconds, False, f"it did not end within {limit_seconds:.0f} s", cut_off=True)
        return Outcome(seconds, child.returncode == 0, last_line(self.log(turn)), tried=tallied(self.tally(turn)))


def last_line(log: Path) -> str:
    """The last line with something in it; pytest's rulers are left out."""
    lines = [line.strip(" =") for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "it said nothing")


def tallied(notes: Path) -> dict[str, int]:
    """The sum of what tests have noted."""
    sums: Counter[str] = Counter()
    if notes.exists():
        for line in notes.read_text(encoding="utf-8").splitlines():
            sums.update(json.loads(line))
    return dict(sums)


def soak(plan: Plan, machine: Machine, left: Callable[[], float], say: Callable[[str], None]) -> int:
    """Run turns until nothing more can be expected to end in time; says how many passed, returns how many failed.

    A turn that is still running when the budget is used is ended and counts as neither.
    """
    failed: list[Turn] = []
    passed = 0
    began = left()
    for turn in plan.turns(left):
        budget, limit = max(left(), 1.0), plan.limit(turn)
        outcome = machine.run(turn, min(budget, limit))
        amounts = ", ".join(f"{name.lower()} {amount}" for name, amount in turn.part.amounts.items())
        line = f"{turn.part.name} ({turn.end}): {amounts}, seed {turn.seed}, {outcome.seconds:.0f} s:"
        if outcome.passed or outcome.cut_off:
            plan.note(turn, outcome.seconds)
        if outcome.passed:
            passed += 1
            say(f"{line}{outcome.found} {outcome.said}")
        elif outcome.cut_off and budget <= limit:
            say(f"{line} the budget was used before it ended")
        else:
            failed.append(turn)
            say(f"{line} FAILED, {outcome.said}\n    {machine.log(turn)}\n    {machine.again(turn)}")
    say(f"{passed} passed, {len(failed)} failed in {(began - left()) / 60:.0f} minutes")
    for turn in failed:
        say(f"failed: {machine.again(turn)}")
    return len(failed)
