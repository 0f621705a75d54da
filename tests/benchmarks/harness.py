"""How a figure is taken: contenders in processes of their own, turn by turn, results compared before times count.

A :class:`Row` is one line of the table: what is done, by whom, and how much of the peer's time Barhouse may take. Each
contender is a function of a :class:`Run`; it prepares what it needs, does the work inside ``run.timed()``, and says
what came of it with ``run.digest()``.
"""

from __future__ import annotations

import json
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Literal

OURS = "barhouse"
_RESULT = "RESULT "
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much data: sessions of the history, and of the long one (0: none in this run)."""

    sessions: int = 50
    long_sessions: int = 0
    symbols: int = 500

    @property
    def many_symbols(self) -> int:
        """Ten times the symbols."""
        return self.symbols * 10

    @property
    def live_sessions(self) -> int:
        """A month with the long history, two days without, less with less."""
        return 21 if self.long_sessions else max(1, self.sessions // 25)


class Run:
    """One contender's turn.

    Attributes
    ----------
    work
        An empty folder, of this turn alone.
    cache
        The folder with what was made for all.
    """

    def __init__(self, sizes: Sizes, cache: Path, work: Path) -> None:
        self.sizes = sizes
        self.cache = cache
        self.work = work
        self.value: float | None = None
        self.cpu_seconds: float | None = None
        self.found: list[list[Any]] = []

    @contextmanager
    def timed(self, times: int = 1) -> Iterator[None]:
        """Time what is inside, in seconds; for one of ``times`` that it does the work."""
        began, worked = time.perf_counter(), _worked_seconds()
        yield
        self.value = (time.perf_counter() - began) / times
        self.cpu_seconds = (_worked_seconds() - worked) / times

    def digest(self, rows: Sequence[Sequence[Any]]) -> None:
        """Say what came of it: rows of names, counts and sums, which must be the same for every contender."""
        self.found = [list(row) for row in rows]


Contender = Callable[[Run], None]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    bounds
        At most so many times what this contender takes.
    limit
        At most so much, whatever others take.
    bars
        How many base bars are worked on, for rows per second; 0 where that says nothing.
    repeats
        Fewer turns than asked for, where one takes long.
    """

    name: str
    title: str
    contenders: Mapping[str, Contender]
    unit: Literal["s", "ms", "MB"] = "s"
    bounds: Mapping[str, float] = field(default_factory=dict)
    limit: float | None = None
    bars: Callable[[Sizes], int] = lambda sizes: 0
    needs: Sequence[str] = ()
    long: bool = False
    repeats: int | None = None
    ours: str = OURS


@dataclass
class Taken:
    """What one contender came to in its turns; ``values`` in the row's unit."""

    values: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    peak_mb: float = 0.0
    error: str | None = None
    same: bool = True
    found: list[list[Any]] = field(default_factory=list)

    @property
    def value(self) -> float | None:
        """The median."""
        return median(self.values) if self.values and self.error is None and self.same else None


@dataclass
class Line:
    """A row with what was taken."""

    row: Row
    taken: dict[str, Taken]
    bars: int
    skipped: str | None = None

    def ratio(self, peer: str) -> float | None:
        """How much of a peer's value ours is."""
        mine, theirs = self.taken[self.row.ours].value, self.taken[peer].value
        return None if mine is None or not theirs else mine / theirs

    def reached(self) -> bool | None:
        """Whether every bound is kept; None where there is none, or a figure is missing."""
        mine = self.taken.get(self.row.ours)
        if self.skipped or mine is None or mine.value is None:
            return None
        kept = [] if self.row.limit is None else [mine.value <= self.row.limit]
        for peer, bound in self.row.bounds.items():
            ratio = self.ratio(peer)
            if ratio is None:
                return None
            kept.append(ratio <= bound)
        return all(kept) if kept else None

    def as_json(self) -> dict[str, Any]:
        """Give everything but the digests."""
        row = self.row
        return {
            "name": row.name,
            "title": row.title,
            "unit": row.unit,
            "bars": self.bars,
            "ours": row.ours,
            "limit": row.limit,
            "bounds": dict(row.bounds),
            "reached": self.reached(),
            "skipped": self.skipped,
            "contenders": {
                name: {
                    "value": one.value,
                    "values": one.values,
                    "turns": len(one.values),
                    "cpu_seconds": median(one.cpu_seconds) if one.cpu_seconds else None,
                    "peak_mb": one.peak_mb,
                    "bars_per_second": _per_second(self.bars, one.value, row.unit),
                    "ratio": self.ratio(name) if name != row.ours else None,
                    "same_result": one.same,
                    "error": one.error,
                }
                for name, one in self.taken.items()
            },
        }


def _per_second(bars: int, value: float | None, unit: str) -> float | None:
    if not bars or not value or unit == "MB":
        return None
    return bars / (value / 1000 if unit == "ms" else value)


def take(row: Row, sizes: Sizes, cache: Path, repeats: int, say: Callable[[str], None]) -> Line:
    """Give every contender its turns, one after the other, and again."""
    line = Line(row, {name: Taken() for name in row.contenders}, row.bars(sizes))
    for turn in range(min(repeats, row.repeats or repeats)):
        for name, taken in line.taken.items():
            if taken.error is not None:
                continue
            say(f"{row.name}: {name}, turn {turn + 1}")
            told = in_child("take", row.name, name, sizes=sizes, cache=cache)
            taken.error = told["error"]
            taken.peak_mb = max(taken.peak_mb, told["peak_mb"])
            if told["error"] is None:
                taken.values.append(told["value"] * (1000 if row.unit == "ms" else 1))
                taken.found = told["found"]
                taken.cpu_seconds += [] if told["cpu_seconds"] is None else [told["cpu_seconds"]]
        if turn == 0:
            compare(line)
    return line


def compare(line: Line) -> None:
    """Mark the contenders whose result is not that of ours."""
    ours = line.taken[line.row.ours]
    for taken in line.taken.values():
        if taken.error is None and taken.found and ours.found:
            taken.same = alike(taken.found, ours.found)


def alike(one: Sequence[Sequence[Any]], other: Sequence[Sequence[Any]]) -> bool:
    """Compare digests: names and counts exactly, sums but for the last digits."""
    if [len(row) for row in one] != [len(row) for row in other]:
        return False
    return all(
        math.isclose(left, right, rel_tol=_TOLERANCE)
        if isinstance(left, int | float) and isinstance(right, int | float)
        else left == right
        for mine, theirs in zip(one, other, strict=True)
        for left, right in zip(mine, theirs, strict=True)
    )


def in_child(action: str, name: str, *more: str, sizes: Sizes, cache: Path) -> dict[str, Any]:
    """Run something in a process of its own; returns what it told, the most memory it took among it."""
    work = Path(tempfile.mkdtemp(prefix="turn-", dir=cache))
    request = {"action": action, "name": name, "more": more, "sizes": asdict(sizes), "cache": str(cache)}
    request["work"] = str(work)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.child", json.dumps(request)],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parents[2],
        )
    finally:
        shutil.rmtree(work, ignore_errors=True)
    for line in done.stdout.splitlines():
        if line.startswith(_RESULT):
            told: dict[str, Any] = json.loads(line.removeprefix(_RESULT))
            return told
    why = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return {"error": why, "peak_mb": 0.0}


def _worked_seconds() -> float:
    """Give the processor time this process, and those it has waited for, took on all cores."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def peak_mb() -> float:
    """Give the most memory this process, or one it has waited for, has had, in megabytes."""
    peaks = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return max(peaks) * (1 if sys.platform == "darwin" else 1024) / 1e6


def tell(run: Run | None, error: str | None) -> None:
    """Say, in the child, what came of it, and end; nothing that a library does at its end can matter any more."""
    told = {
        "error": error,
        "peak_mb": peak_mb(),
        "value": None if run is None else run.value,
        "cpu_seconds": None if run is None else run.cpu_seconds,
        "found": [] if run is None else run.found,
    }
    print(_RESULT + json.dumps(told), flush=True)
    os._exit(0)
