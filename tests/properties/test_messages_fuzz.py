"""Whatever one message does, it is refused, kept, and the next is taken: messages of every kind, by thousands.

``BARHOUSE_MESSAGES`` says how many are read, ``BARHOUSE_SEED`` which ones.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copyfile
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, example, given, seed, settings

from barhouse import SessionCoordinator, open_store
from barhouse.coordinator.feeds.events import BarEvent, Event, Refused, parse_events
from barhouse.coordinator.feeds.feed import Delivery
from barhouse.coordinator.feeds.websocket_feed import WebSocketFeed
from barhouse.coordinator.live.delivery_queue import Taken
from barhouse.coordinator.live.options import LiveOptions
from barhouse.coordinator.live.writer import LiveWriter
from tests.extent import MESSAGES, SEED

OPEN = datetime(2024, 11, 29, 14, 30, tzinfo=UTC)
NUMBERS = [0, -1, 1, 2**31, 2**63 - 1, 2**63, 2**64, 10**400, -(2**63), 0.5, 1e-320, 5e-324, 1e300, -0.0]
TEXTS = [
    "",
    "SPY",
    "spy ",
    "\x00",
    "\ud800",
    "é",
    "e\u0301",
    "None",
    "NaN",
    "9" * 50,
    "x" * 5000,
    "'; DROP TABLE bar",
    "1e999",
]
INSTANTS = [
    "2024-11-29T14:30:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2024-11-29",
    0,
    1e12,
    -1e12,
]
FIELDS = {
    "bar": ["symbol", "interval", "start", "open", "high", "low", "close", "volume", "trade_count", "vwap"],
    "trade": ["symbol", "id", "at", "price", "size", "sequence", "revision"],
    "cancel": ["symbol", "id", "at"],
}
SOUND: dict[str, Any] = {
    **{"symbol": "SPY", "interval": "1m", "start": "2024-11-29T14:30:00Z", "at": "2024-11-29T14:30:01Z", "id": "1"},
    **{"open": 100.0, "high": 101.0, "low": 99.0, "close": 100.0, "volume": 5.0, "price": 100.0, "size": 1.0},
    **{"sequence": 0, "revision": 0, "trade_count": 3, "vwap": 100.0},
}
values = st.one_of(
    st.sampled_from([*NUMBERS, *TEXTS, *INSTANTS, None, True, [], {}, [[]], {"type": "trade"}]),
    st.floats(),
    st.integers(),
    st.text(max_size=20),
    st.recursive(
        st.none(),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=5,
    ),
)


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    """A sound message of which some fields are anything."""
    kind = draw(st.sampled_from(sorted(FIELDS)))
    message = {"type": kind, **{name: SOUND[name] for name in FIELDS[kind]}}
    for name in draw(st.lists(st.sampled_from(FIELDS[kind]), max_size=3)):
        message[name] = draw(values)
    return message


def understood(message: str | bytes) -> tuple[list[Event], list[Refused]]:
    events, refused = parse_events(message)
    for one in refused:
        assert one.reason
        one.given.encode(), one.reason.encode()
    return events, refused


DEEP = "[" * 100_000
NESTED = '[{"type": "trade", "symbol": ' + "[" * 100_000 + "]" * 100_000 + "}]"


@seed(SEED)
@settings(max_examples=MESSAGES, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    message=st.one_of(
        messages().map(json.dumps), st.lists(messages(), max_size=3).map(json.dumps), st.text(), st.binary()
    )
)
@example(message=DEEP)
@example(message=NESTED)
@example(message="\ud800")
@example(message='{"type": "trade", "symbol": "\\ud800", "id": "1", "at": 0, "price": 1, "size": 1}')
def test_whatever_a_message_is_it_is_understood_or_refused(message: str | bytes) -> None:
    understood(message)


@seed(SEED)
@settings(max_examples=MESSAGES, database=None, deadline=None)
@given(
    text=st.one_of(st.text(), st.dictionaries(st.sampled_from(["seq", "type", "events", "id"]), values).map(json.dumps))
)
@example(text=DEEP)
@example(text='{"seq": 1, "events": ' + DEEP)
@example(text='{"seq": ' + "9" * 5000 + ', "events": []}')
@example(text='{"seq": 9223372036854775808, "events": []}')
def test_whatever_a_server_sends_the_feed_goes_on(text: str) -> None:
    from barhouse.coordinator.feeds.websocket_feed import MessageNumbers

    counted = MessageNumbers(None)
    feed = WebSocketFeed("ws://localhost:1")
    if '"error"' not in text:  # by which a server refuses, and says why
        feed.understand(text, counted)
    delivery = feed.understand('{"seq": 7, "events": []}', counted)
    assert delivery is None or isinstance(delivery, Delivery)
    assert counted.seen == 7


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("messages") / "registered.duckdb"
    with open_store(path, clock=lambda: OPEN + timedelta(minutes=5)) as store:
        SessionCoordinator(store).register("SPY", ["1m", "5m"], "XNYS")
    return path


def test_whatever_is_sent_the_next_is_taken(registered: Path, tmp_path: Path) -> None:
    """All messages come into one session; between them sound ones, none of which may be lost."""
    path = Path(copyfile(registered, tmp_path / "bars.duckdb"))
    with open_store(path, clock=lambda: OPEN + timedelta(minutes=5), settings={"threads": 1}) as store:
        writer = LiveWriter(store, "test", LiveOptions(settle_seconds=0))
        writer.symbols = {"SPY"}
        writer.begin("test", {})
        count = 0

        @seed(SEED)
        @settings(max_examples=max(20, MESSAGES // 10), database=None, deadline=None)
        @given(given_messages=st.lists(messages(), min_size=1, max_size=4))
        @example(given_messages=[{**SOUND, "type": "bar", "trade_count": 2**63}])
        @example(given_messages=[{**SOUND, "type": "bar", "trade_count": 2**63 - 1}])
        @example(given_messages=[{**SOUND, "type": "trade", "id": "\x00"}])
        @example(given_messages=[{**SOUND, "type": "trade", "at": "9999-12-31T23:59:59-14:00"}])
        @example(given_messages=[{**SOUND, "type": "bar", "start": "9999-12-31T23:59:59-14:00"}])
        @example(given_messages=[{**SOUND, "type": "bar", "start": "0001-01-01T00:00:00Z"}])
        def takes(given_messages: list[dict[str, Any]]) -> None:
            nonlocal count
            count += 1
            events, refused = parse_events(json.dumps(given_messages))
            events = [one for one in events if not (isinstance(one, BarEvent) and one.interval != "1m")]
            sound, _ = parse_events(json.dumps({**SOUND, "type": "trade", "id": f"sound {count}", "at": OPEN_4}))
            writer.write(Taken({"n": count}, events=[*events, *sound], refused=refused))
            assert writer.position == {"n": count}
            assert kept() == count

        def kept() -> int:
            return store.sql("SELECT count(*) AS n FROM trade WHERE trade_id LIKE 'sound %'").to_pylist()[0]["n"]

        takes()
        assert (report := store.verify()).sound, str(report)


OPEN_4 = "2024-11-29T14:34:00Z"
