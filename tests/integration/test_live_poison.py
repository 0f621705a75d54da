"""One message that nobody thought of is refused alone, whatever it raises; a store that fails ends the session."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from live_kit import OPEN, trade

from barhouse import SessionCoordinator, open_store
from barhouse.coordinator.live import trades
from barhouse.coordinator.live.delivery_queue import Taken
from barhouse.coordinator.live.options import LiveOptions
from barhouse.coordinator.live.writer import LiveWriter
from barhouse.store.errors import StoreFullError


@pytest.mark.parametrize(
    "error",
    [
        OverflowError("too large"),
        RecursionError("too deep"),
        pa.ArrowInvalid("no"),
        duckdb.ConversionException("half \ud800"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_one_message_does_is_done_to_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    take = trades.take

    def poisoned(transaction: Any, given: pa.Table, *more: Any) -> Any:
        if "poison" in given["trade_id"].to_pylist():
            raise error
        return take(transaction, given, *more)

    monkeypatch.setattr(trades, "take", poisoned)
    with open_store(tmp_path / "bars.duckdb", clock=lambda: OPEN + timedelta(minutes=5)) as store:
        SessionCoordinator(store).register("SPY", ["1m", "5m"], "XNYS")
        writer = LiveWriter(store, "test", LiveOptions())
        writer.symbols = {"SPY"}
        writer.begin("test", {})
        events = [trade("poison" if number == 3 else number, number, 100.0) for number in range(7)]
        writer.write(Taken({"n": 1}, events=events))
        assert writer.position == {"n": 1}
        kept = store.sql("SELECT trade_id FROM trade ORDER BY trade_id")["trade_id"].to_pylist()
        assert kept == ["0", "1", "2", "4", "5", "6"]
        (rejected,) = store.sql("FROM rejected").to_pylist()
        assert json.loads(rejected["given"])["id"] == "poison"
        assert rejected["reason"].startswith(type(error).__name__)
        assert writer.counts.refused_count == 1
        assert "refused" in caplog.text
        caplog.text.encode()  # what is logged can be written into any file


def test_a_full_disk_is_no_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: Any) -> Any:
        raise StoreFullError("the disk is full")

    monkeypatch.setattr(trades, "take", full)
    with open_store(tmp_path / "bars.duckdb", clock=lambda: OPEN + timedelta(minutes=5)) as store:
        SessionCoordinator(store).register("SPY", ["1m", "5m"], "XNYS")
        writer = LiveWriter(store, "test", LiveOptions())
        writer.symbols = {"SPY"}
        writer.begin("test", {})
        with pytest.raises(StoreFullError):
            writer.write(Taken({"n": 1}, events=[trade(1, 1, 100.0)]))
        assert writer.position is None
