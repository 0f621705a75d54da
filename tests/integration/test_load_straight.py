"""Many rows go straight from the source into the bar table where they can; what comes of it is as with few."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from load_kit import Bench, copy_template, make_template

from barhouse.coordinator.load import placement
from barhouse.store.errors import RejectedBarsError

HALF_PAST_TWO = 1732631400  # 2024-11-26 09:30 in New York, in seconds
Row = dict[str, Any]


def row(minute: int, symbol: str = "SPY", **values: Any) -> Row:
    given = {"open": 10.0, "high": 11.0, "low": 9.0, "close": 10.0, "volume": 5000.0 + minute} | values
    return {"symbol": symbol, "ts": HALF_PAST_TWO + 60 * minute, **given}


def in_order() -> list[Row]:
    return [row(minute, symbol) for symbol in ("SPY", "QQQ") for minute in range(-2, 400)]


SOURCES: dict[str, Callable[[], list[Row]]] = {
    "in order": in_order,
    "backwards": lambda: in_order()[::-1],
    "by time": lambda: sorted(in_order(), key=lambda one: one["ts"]),
    "with rows that cannot be": lambda: [*in_order()[:100], row(98, high=1.0), *in_order()[101:], row(1, "NONE")],
    "with a stamp missing": lambda: [*in_order(), row(0, "AUCTION") | {"ts": None}],
    "in order, one again": lambda: [*in_order()[:100], in_order()[99], *in_order()[100:]],
    "backwards, one again with other values": lambda: [row(5, volume=7.0), *in_order()[::-1]],
    "with the closing bar of an auction": lambda: [
        *in_order(),
        *(row(minute, "AUCTION") for minute in range(380, 391)),
    ],
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("straight") / "template.duckdb"
    make_template(path)
    return path


@pytest.fixture
def benches(template: Path, tmp_path: Path) -> Iterator[tuple[Bench, Bench]]:
    pair = []
    for name in ("few", "many"):
        folder = tmp_path / name
        folder.mkdir()
        pair.append(Bench(copy_template(template, folder), folder))
    yield pair[0], pair[1]
    for bench in pair:
        bench.store.close()


def load_as(bench: Bench, many: bool, rows: list[Row], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(placement, "MANY_ROWS", 1 if many else 10**9)
    return bench.load(pa.Table.from_pylist(rows), symbol=None, timestamp_format="epoch_s")


def told(bench: Bench) -> dict[str, Any]:
    """All that a store keeps, when it was written aside."""
    state = bench.state()
    for batch in state["batch"]:
        del batch["started_at"], batch["committed_at"]
    return state


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("derived", [False, True], ids=["into a new store", "after bars were derived"])
def test_many_rows_come_to_the_same_as_few(
    benches: tuple[Bench, Bench], monkeypatch: pytest.MonkeyPatch, kind: str, derived: bool
) -> None:
    reports = []
    for many, bench in enumerate(benches):
        if derived:  # below the rows, and by the clock beyond where they begin
            load_as(
                bench,
                bool(many),
                [row(minute - 1440, symbol) for symbol in ("SPY", "QQQ") for minute in (0, 7)],
                monkeypatch,
            )
            bench.process()
        reports.append(load_as(bench, bool(many), SOURCES[kind](), monkeypatch))
        bench.process()
    assert reports[0] == reports[1]
    assert told(benches[0]) == told(benches[1])
    assert not benches[1].store.verify().differences


def test_what_fails_leaves_nothing(benches: tuple[Bench, Bench], monkeypatch: pytest.MonkeyPatch) -> None:
    _, bench = benches
    before = bench.state()
    monkeypatch.setattr(placement, "MANY_ROWS", 1)
    with pytest.raises(RejectedBarsError, match="mend them"):
        rows = [row(0), row(1, high=1.0), row(2)]
        bench.load(pa.Table.from_pylist(rows), symbol=None, timestamp_format="epoch_s", strict=True)
    assert bench.state() == before
