"""What the reference shows of messages is what the feeds understand, and what they say."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from barhouse import BarEvent, CancelEvent, TradeEvent, WebSocketFeed, parse_events
from barhouse.coordinator.feeds.websocket_feed import MessageNumbers, _Hello
from tests.docs.pages import DOCS

TEXT = (DOCS / "reference" / "feeds.md").read_text(encoding="utf-8")
OPEN = datetime(2024, 11, 29, 14, 30, tzinfo=UTC)


def section(title: str) -> str:
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def blocks(text: str, above: str = "") -> list[str]:
    return re.findall(rf"^{re.escape(above)}```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def said_by(side: str) -> list[dict[str, Any]]:
    """What one side of a WebSocket says, in order."""
    texts = "".join(blocks(section("WebSockets"), f"<!-- the {side} says -->\n"))
    found, decoder = [], json.JSONDecoder()
    while texts.strip():
        one, end = decoder.raw_decode(texts.lstrip())
        found.append(one)
        texts = texts.lstrip()[end:]
    return found


def test_the_messages_shown_are_understood() -> None:
    bar, trades, cancel = (parse_events(block) for block in blocks(section("Messages")))
    assert bar == ([BarEvent(**json.loads(blocks(section("Messages"))[0]))], [])
    assert [type(one) for one in (*trades[0], *cancel[0])] == [TradeEvent] * 3 + [CancelEvent]
    first, second, corrected = trades[0]
    assert isinstance(second, TradeEvent) and isinstance(first, TradeEvent) and isinstance(corrected, TradeEvent)
    assert second.id == "53" and second.at == OPEN + timedelta(milliseconds=500)
    assert (first.id, corrected.revision, corrected.price) == (corrected.id, 1, 100.3)
    assert trades[1] == cancel[1] == []


@pytest.mark.parametrize("lacking", ["symbol", "interval", "start", "close", "volume"])
def test_what_is_required_is(lacking: str) -> None:
    event = json.loads(blocks(section("Messages"))[0])
    del event[lacking]
    assert parse_events(json.dumps([event, {"more": 1}]))[0] == []
    required = re.findall(r"^\| `(\w+)` \| [^|]* \| \*required\* \|", section("Messages"), re.MULTILINE)
    assert lacking in required


def test_a_websocket_understands_what_the_server_says() -> None:
    hello, sent, missed, error, history = said_by("server")
    assert _Hello.model_validate(hello).intervals == ("1m",)
    feed = WebSocketFeed("ws://example.com")
    numbers = MessageNumbers(41)
    delivery = feed.understand(json.dumps(sent), numbers)
    assert delivery is not None and delivery.position == {"seq": 42} and len(delivery.events) == 1
    assert feed.understand(json.dumps(sent), numbers) is None, "seen already"
    lost = feed.understand(json.dumps(missed), numbers)
    assert lost is not None and lost.missed
    with pytest.raises(ValueError, match="the subscription has expired"):
        feed.understand(json.dumps(error), numbers)
    assert feed.understand(json.dumps(history), numbers) is None


class Connection:
    """Keeps what is said; greets, sends nothing, and answers what is asked."""

    def __init__(self, feed: WebSocketFeed, said: list[dict[str, Any]]) -> None:
        self.feed, self.said = feed, said

    async def recv(self) -> str:
        return json.dumps(said_by("server")[0])

    async def send(self, text: str) -> None:
        self.said.append(json.loads(text))
        if self.said[-1]["type"] == "ask":
            self.feed.understand(json.dumps(said_by("server")[-1]), MessageNumbers(None))

    async def close(self) -> None:
        return


def test_a_websocket_says_what_the_client_says(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[dict[str, Any]] = []

    async def main() -> None:
        feed = WebSocketFeed("ws://example.com")

        async def connect() -> Connection:
            return Connection(feed, said)

        monkeypatch.setattr(feed, "_connect", connect)
        stream = feed.deliveries(["SPY"], {"seq": 41})
        assert (await anext(stream)).position is None
        await feed.subscribe(["QQQ"])
        await feed.unsubscribe(["QQQ"])
        await feed.acknowledge({"seq": 42})
        assert await feed.ask("SPY", "1m", OPEN, OPEN + timedelta(minutes=30)) is None
        await feed.close()

    asyncio.run(main())
    assert said == said_by("client")
