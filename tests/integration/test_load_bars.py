"""Bars in our own columns come in behind the reading of sources, and are judged as those of a source are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from load_kit import Bench, copy_template

from barhouse.coordinator.load.canonical_rows import is_canonical
from barhouse.coordinator.load.door import load_bars
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import RejectedBarsError
from barhouse.store.model.bar import COLUMNS
from barhouse.store.model.interval import Interval
from barhouse.store.model.reports import LoadReport

OPEN = datetime(2024, 11, 26, 14, 30, tzinfo=UTC)


def bar(start: datetime | None, symbol: str | None = "SPY", **given: Any) -> dict[str, Any]:
    prices = {"open": 10.0, "high": 11.0, "low": 9.0, "close": 10.0, "volume": 100.0}
    return {"symbol": symbol, "bar_start": start, **prices, "trade_count": None, "vwap": None, **given}


def minute(at: int, symbol: str | None = "SPY", **given: Any) -> dict[str, Any]:
    return bar(OPEN + timedelta(minutes=at), symbol, **given)


def table(*bars: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(bars), COLUMNS)


MINUTES = table(
    minute(0),
    minute(1, "QQQ", volume=-0.0, trade_count=3, vwap=10.5),
    minute(2, low=12.0),
    minute(3, "NOBODY"),
    minute(4, None),
    minute(5, volume=float("nan")),
    minute(5, "QQQ"),
    minute(5, "QQQ", close=9.5),
    minute(6),
    minute(6),
    minute(-600),
    bar(OPEN + timedelta(seconds=30)),
    bar(None),
    bar(datetime(2040, 1, 3, 15, 0, tzinfo=UTC)),
    minute(7, "HOUR"),
)
DAYS = table(
    bar(datetime(2024, 11, 26, tzinfo=UTC), "DAY"),
    bar(datetime(2024, 11, 27, 14, 30, tzinfo=UTC), "DAY"),
    bar(datetime(2024, 11, 28, tzinfo=UTC), "DAY"),  # a holiday
    bar(datetime(2024, 11, 29, 3, tzinfo=UTC), "DAY"),
)


def load(bench: Bench, bars: pa.Table, interval: str) -> LoadReport:
    with bench.store.transaction() as transaction:
        return load_bars(transaction, bars, Interval.parse(interval), "pyarrow Table").report


@pytest.mark.parametrize(("interval", "bars"), [("1m", MINUTES), ("1d", DAYS)], ids=["minutes", "days"])
def test_bars_are_judged_as_the_rows_of_a_frame_are(
    template_of_every_kind: Path, tmp_path: Path, interval: str, bars: pa.Table
) -> None:
    benches = []
    for name in ("frame", "bars"):
        (tmp_path / name).mkdir()
        benches.append(Bench(copy_template(template_of_every_kind, tmp_path / name), tmp_path))
    whole, straight = benches
    expected = whole.load(bars, interval, symbol=None)
    assert expected.rejected and expected.inserted
    assert load(straight, bars, interval) == expected
    assert straight.state() == whole.state()
    changed = table(*[{**one, "close": 9.25, "high": 11.5} for one in bars.to_pylist()])
    assert load(straight, changed, interval) == whole.load(changed, interval, symbol=None)
    assert straight.state() == whole.state()
    for bench in benches:
        assert bench.store.verify().differences == ()
        bench.store.close()


def test_bars_are_not_asked_for_their_columns(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    run = Transaction.run

    def noting(self: Transaction, name: str, *given: Any, **places: Any) -> Any:
        asked.append(name)
        return run(self, name, *given, **places)

    monkeypatch.setattr(Transaction, "run", noting)
    assert load(bench, table(minute(0), minute(0, "QQQ")), "1m").inserted == 2
    assert not {"load.describe", "load.symbols_given", "load.bounds"} & set(asked)


def test_bars_of_which_none_can_be_taken_are_refused(bench: Bench) -> None:
    before = bench.state()
    with pytest.raises(RejectedBarsError, match="high is below low"):
        load(bench, table(minute(0, low=12.0)), "1m")
    assert bench.state() == before


def test_our_own_columns_are_known_by_name_type_and_order() -> None:
    assert is_canonical(table(minute(0)))
    assert not is_canonical(table(minute(0)).drop_columns(["vwap"]))
    assert not is_canonical(table(minute(0)).rename_columns({"symbol": "ticker"}))
    assert not is_canonical(table(minute(0)).set_column(5, "close", pa.array([10])))
