"""A bar that follows statements: one way, never back, and never full before the end."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa

from barhouse import SessionCoordinator, open_store
from barhouse.coordinator.cli.progress import StatementPath, following


def test_statements_one_after_the_other_make_one_way() -> None:
    chance = random.Random(0)
    path = StatementPath()
    shown = [path.moved(0.0)]
    for _ in range(50):
        for made in sorted(chance.random() for _ in range(chance.randrange(5))):
            shown.append(path.moved(made))
            shown.append(path.moved(None))  # between two statements nobody says how far anything is
    assert shown[0] == 0 and shown == sorted(shown) and shown[-1] < 1
    assert len(set(shown)) > 50
    path.restart()
    assert path.moved(0.5) < shown[-1]


def test_a_load_is_followed_while_it_runs(tmp_path: Path) -> None:
    minutes = 200_000
    stamps = pa.array([(28_000_000 + minute) * 60 for minute in range(minutes)])
    prices = pa.array([1.0] * minutes)
    bars = pa.table({"t": stamps, **dict.fromkeys(("open", "high", "low", "close", "volume"), prices)})
    shown: list[float] = []
    with open_store(tmp_path / "bars.duckdb") as store:
        coordinator = SessionCoordinator(store)
        coordinator.register("BTC", ["1m"], "24/7")
        assert store.progress() is None  # nothing runs
        with following(store, shown.append):
            while not any(shown):  # a load may be over before it is looked at
                coordinator.load(bars, "BTC", "1m", timestamp_format="epoch_s")
        assert store.progress() is None
    assert shown == sorted(shown) and shown[-1] > 0
