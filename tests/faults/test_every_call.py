"""Each call that writes fails once, in every command: an error in words, a store that is sound, nothing half-done.

``BARHOUSE_FAULT_COMMANDS`` says of how many commands calls fail, ``BARHOUSE_FAULTS`` how many of each,
``BARHOUSE_SEED`` which, and how.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.extent import FAULT_COMMANDS, FAULTS, SEED, tally
from tests.faults.commands import ATTEMPTS
from tests.faults.failing_calls import Fault, Orders, build, compiler

ROOT = Path(__file__).parents[2]
#: Commands that are tried in one process, which makes what they start from.
_AT_ONCE = 6


def parts() -> list[list[str]]:
    """The commands of each process."""
    chosen = random.Random(SEED).sample(list(ATTEMPTS), min(FAULT_COMMANDS, len(ATTEMPTS)))
    return [chosen[first : first + _AT_ONCE] for first in range(0, len(chosen), _AT_ONCE)]


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if compiler() is None:
        pytest.skip("calls of the system cannot be failed here: that needs Linux and a C compiler (cc, gcc or clang)")
    return build(tmp_path_factory.mktemp("library"))


@pytest.mark.parametrize("names", parts(), ids=lambda names: names[0])
def test_a_call_that_fails_leaves_all_or_nothing(library: Path, tmp_path: Path, names: list[str]) -> None:
    orders = Orders(tmp_path / "orders")
    given = {
        "work": str(tmp_path),
        "names": names,
        "faults": [fault.name for fault in Fault],
        "most": FAULTS,
        "seed": SEED,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.every_call", json.dumps(given)],
        cwd=ROOT,
        env=orders.environment(library),
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["wrong"] == [], "\n\n".join(found["wrong"])
    assert all(found["calls"].values()), found["calls"]
    tally(faults=found["tried"], told_to_restore=found["told"], ended_by_duckdb=found["ended"])
