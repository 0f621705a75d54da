"""Bars in layouts drawn at random come to the same bars, or to a refusal that names what is unsaid; never to others."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random
from typing import Any

import pytest
from layouts import Layout, drawn
from load_kit import Bench

from barhouse import SessionCoordinator, open_store
from barhouse.store.errors import InputError, RejectedBarsError
from tests import extent


@pytest.fixture(scope="module")
def around_the_clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("layouts") / "bars.duckdb"
    with open_store(path) as store:
        coordinator = SessionCoordinator(store)
        coordinator.register("MINUTES", ["1m"], "24/7")
        coordinator.register("DAYS", ["1d"], "XNYS")
    return path


def taken(bench: Bench, layout: Layout, said: dict[str, Any], *, daily: bool) -> tuple[dict[Any, Any], int]:
    """The bars that a file comes to, by their start or session, and how many rows were rejected."""
    symbol, interval = ("DAYS", "1d") if daily else ("MINUTES", "1m")
    report = bench.load(layout.path, interval, symbol, **said)
    bars = bench.bars(symbol, interval)
    values = [(bar["open"], bar["high"], bar["low"], bar["close"], bar["volume"]) for bar in bars]
    keys = [bar["session_date"] if daily else bar["bar_start"] for bar in bars]
    return dict(zip(keys, values, strict=True)), report.rejected


@pytest.mark.parametrize("number", range(extent.LAYOUTS))
def test_a_layout_comes_to_its_bars_or_to_what_is_unsaid(around_the_clock: Path, tmp_path: Path, number: int) -> None:
    chosen = Random(f"{extent.SEED} {number}")
    daily = chosen.random() < 0.25
    layout = drawn(chosen, tmp_path, daily=daily)
    wanted = {bar.start.date() if daily else bar.start: bar.values for bar in layout.bars}
    for unsaid in [chosen.choice(layout.needed)] if layout.needed else []:
        bench = Bench(Path(shutil.copy(around_the_clock, tmp_path / "unsaid.duckdb")), tmp_path)
        said = {name: value for name, value in layout.said.items() if name != unsaid}
        try:
            found, _ = taken(bench, layout, said, daily=daily)
            assert found.items() <= wanted.items(), f"other bars without {unsaid}, beside {said}"
        except (InputError, RejectedBarsError) as refused:
            assert f"{unsaid}=" in str(refused), f"{unsaid} is not named: {refused}"
        finally:
            bench.store.close()
    bench = Bench(Path(shutil.copy(around_the_clock, tmp_path / "bars.duckdb")), tmp_path)
    try:
        assert taken(bench, layout, layout.said, daily=daily) == (wanted, 0), layout.said
    finally:
        bench.store.close()
