"""Messages of feeds: understood, or refused with the reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from barhouse.coordinator.feeds.events import BarEvent, CancelEvent, TradeEvent, bar_tables, parse_events, trade_table

BAR = {
    **{"type": "bar", "symbol": "spy", "interval": "60s", "start": "2024-11-29T09:30:00-05:00"},
    **{"open": 1, "high": 2.5, "low": 0.5, "close": 2, "volume": 10},
}
TRADE = {"type": "trade", "symbol": "SPY", "id": 7, "at": 1732890600.25, "price": 1.5, "size": 3}


def test_a_message_is_an_event_or_a_list() -> None:
    (bar,), refused = parse_events(json.dumps(BAR))
    assert isinstance(bar, BarEvent) and not refused
    assert (bar.symbol, bar.interval, bar.start) == ("spy", "1m", datetime(2024, 11, 29, 14, 30, tzinfo=UTC))
    events, refused = parse_events(json.dumps([TRADE, {"type": "cancel", "symbol": "SPY", "id": "7"}]).encode())
    assert isinstance(events[0], TradeEvent) and isinstance(events[1], CancelEvent) and not refused
    assert (events[0].id, events[0].at) == ("7", datetime(2024, 11, 29, 14, 30, 0, 250_000, tzinfo=UTC))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"type": "quote"}, "does not match any of the expected tags"),
        ({"start": "2024-11-29T09:30:00"}, "timezone"),
        ({"high": "nan"}, "high"),
        ({"high": float("inf")}, "finite"),
        ({"volume": -1}, "greater than or equal to 0"),
        ({"interval": "5x"}, "5x"),
        ({"symbol": " "}, "symbol"),
        ({"open": None}, "open"),
    ],
)
def test_what_cannot_be_understood_is_refused_alone(changed: dict[str, object], reason: str) -> None:
    (kept,), (refused,) = parse_events(json.dumps([TRADE, {**BAR, **changed}]))
    assert isinstance(kept, TradeEvent)
    assert reason in refused.reason


@pytest.mark.parametrize("text", ["", "{", "17", '{"type": "bar"', "[1, {]", b"\xff\xfe"])
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    events, (refused,) = parse_events(text)
    assert not events and refused.reason


def test_tables_have_the_last_of_each_bar() -> None:
    events, _ = parse_events(json.dumps([BAR, {**BAR, "close": 1.5, "trade_count": 3}, {**BAR, "interval": "1d"}]))
    tables = bar_tables(one for one in events if isinstance(one, BarEvent))
    assert {interval: table.num_rows for interval, table in tables.items()} == {"1m": 1, "1d": 1}
    (row,) = tables["1m"].to_pylist()
    assert (row["close"], row["trade_count"], row["vwap"]) == (1.5, 3, None)


def test_a_table_of_trades_numbers_its_rows() -> None:
    events, _ = parse_events(json.dumps([TRADE, {"type": "cancel", "symbol": "SPY", "id": "9"}]))
    rows = trade_table([one for one in events if not isinstance(one, BarEvent)]).to_pylist()
    assert [(row["given_row"], row["trade_id"], row["price"], row["cancelled"]) for row in rows] == [
        (0, "7", 1.5, False),
        (1, "9", None, True),
    ]
