"""The recipes of docs/guides/clients.md, each in an environment that has the client: ``make test-clients``."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from load_kit import Bench, lines, minutes

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guides" / "clients.md").read_text(encoding="utf-8")
#: Programs by the headings they stand under.
RECIPES = {
    heading.lower(): program
    for heading, program in re.findall(r"## (\w+)\n.*?```text\n(import .*?)```", PAGE, re.DOTALL)
}
ENVIRONMENTS = Path(os.environ.get("BARHOUSE_CLIENTS", ROOT / ".venv-clients"))


def test_the_page_has_the_recipes_that_are_run() -> None:
    assert RECIPES.keys() == {"sqlalchemy", "superset", "ibis"}


@pytest.mark.parametrize("client", RECIPES)
def test_a_recipe_reads_a_snapshot(bench: Bench, client: str) -> None:
    python = ENVIRONMENTS / client / "bin" / "python"
    if not python.exists():
        pytest.skip(f"there is no environment with {client}; `make test-clients` makes it")
    bench.load_lines(*lines(minutes("2024-11-26 09:30", "2024-11-26 09:40")), timezone="America/New_York")
    bench.coordinator.end_session("2024-11-26")
    bench.process()
    snapshot = bench.folder / "published.duckdb"
    bench.store.publish(snapshot)
    before = snapshot.read_bytes()
    done = subprocess.run(
        [str(python), "-c", RECIPES[client], str(snapshot)], capture_output=True, text=True, check=False
    )
    width = len(bench.store.sql("FROM bars").column_names)
    days = bench.ask("SELECT symbol, max(high) AS high FROM bars WHERE interval = '1d' GROUP BY symbol")
    assert done.stdout.strip() == f"{width} {[(row['symbol'], row['high']) for row in days]}", done.stderr[-2000:]
    assert days and snapshot.read_bytes() == before
