"""Whatever an input is, it is taken rightly or refused in words, and nothing is half-written or outside.

``BARHOUSE_HOSTILE`` says how many of each kind are tried, and of those that take no time many times as many;
``BARHOUSE_SEED`` which ones.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from barhouse.store.errors import BarhouseError
from tests.extent import HOSTILE, SEED, tally
from tests.hostile.kinds import KINDS
from tests.hostile.mutation import mutated

ROOT = Path(__file__).parents[2]
TOGETHER = [
    ["csv", "vendors", "json"],
    ["parquet", "arrow", "packed", "trades"],
    ["messages", "jobs", "calendars", "manifests", "stores"],
]


def test_every_kind_is_tried() -> None:
    assert {kind for kinds in TOGETHER for kind in kinds} == set(KINDS)


@pytest.mark.parametrize("kinds", TOGETHER, ids=" ".join)
def test_hostile_inputs_are_taken_rightly_or_refused_in_words(tmp_path: Path, kinds: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile", str(HOSTILE), str(SEED), str(tmp_path), *kinds],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    for line in done.stdout.splitlines():
        became = json.loads(line)
        tally(inputs=became.get("taken", 0) + became.get("refused", 0), taken=became.get("taken", 0))


@pytest.mark.parametrize("kind", ["csv", "json", "parquet", "arrow", "jobs", "calendars", "manifests"])
def test_what_hostile_inputs_are_made_of_is_taken_as_it_is(tmp_path: Path, kind: str) -> None:
    """Otherwise all would be refused, and nothing be tried."""
    taken = 0
    with KINDS[kind](tmp_path) as target:
        for number, data in enumerate(target.sound):
            chance = random.Random(number)
            try:
                target.take(target.write(data, chance), chance)
                taken += 1
            except BarhouseError:
                pass  # some want to be told more
        target.prove()
    assert taken


def test_a_seed_makes_the_same_inputs_again() -> None:
    sound = [b"a,b\n1,2\n", b"c,d\n3,4\n"]
    one, other = ([mutated(random.Random(n), sound, is_text=True) for n in range(200)] for _ in range(2))
    assert one == other and len(set(one)) > 150
