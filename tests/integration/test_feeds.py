"""The three feeds, each against the real thing: a WebSocket server, a Redis server, a folder."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from live_kit import OPEN, bar
from websocket_kit import Exchange

from barhouse.coordinator.feeds.address import FeedAddress
from barhouse.coordinator.feeds.events import BarEvent
from barhouse.coordinator.feeds.feed import Delivery
from barhouse.coordinator.feeds.folder_feed import FolderFeed
from barhouse.coordinator.feeds.opening import open_feed
from barhouse.coordinator.feeds.redis_feed import RedisFeed
from barhouse.coordinator.feeds.websocket_feed import WebSocketFeed
from barhouse.store.errors import FeedError, InputError


def sent(minute: int, symbol: str = "SPY") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bar(minute, symbol).model_dump_json())
    return found


def minutes(delivery: Delivery) -> list[int]:
    return [int((one.start - OPEN).total_seconds()) // 60 for one in delivery.events if isinstance(one, BarEvent)]


async def gather(feed: Any, count: int, position: Any = None, symbols: tuple[str, ...] = ("SPY",)) -> list[Delivery]:
    """The first deliveries that have something, the connection closed again."""
    found: list[Delivery] = []
    async with asyncio.timeout(20):
        stream = feed.deliveries(symbols, position)
        try:
            async for one in stream:
                if one.row_count or one.missed:
                    found.append(one)
                if len(found) == count:
                    break
        finally:
            await stream.aclose()
    return found


# WebSocket


def test_a_websocket_goes_on_after_a_position() -> None:
    async def main() -> None:
        exchange = Exchange([[sent(0)], [sent(1), sent(2)], [sent(3)]])
        await exchange.start()
        feed = WebSocketFeed(f"ws://127.0.0.1:{exchange.port}")
        assert (await feed.offer()).intervals == ("1m",)
        first = await gather(feed, 2)
        assert [minutes(one) for one in first] == [[0], [1, 2]]
        assert first[-1].position == {"seq": 2}
        assert [minutes(one) for one in await gather(feed, 1, {"seq": 2})] == [[3]]
        assert [one["after"] for one in exchange.subscriptions] == [None, 2]
        exchange.kept_from = 2
        missed, rest = await gather(feed, 2, {"seq": 1})
        assert missed.missed and minutes(rest) == [3]
        await exchange.stop()

    asyncio.run(main())


def test_a_websocket_answers_acknowledges_and_ends() -> None:
    async def main() -> None:
        exchange = Exchange([[sent(0)]])
        exchange.history = [sent(5), sent(6)]
        await exchange.start()
        feed = WebSocketFeed(f"ws://127.0.0.1:{exchange.port}")
        seen = []
        async with asyncio.timeout(20):
            asking = None
            async for one in feed.deliveries(["SPY"], None):
                seen += minutes(one)
                if one.position is not None and asking is None:
                    await feed.acknowledge(one.position)
                    await feed.subscribe(["QQQ"])
                    asking = asyncio.create_task(feed.ask("SPY", "1m", OPEN, OPEN + timedelta(hours=1)))
                    exchange.add(sent(1))
                if seen == [0, 1]:
                    exchange.ends = True
                    exchange.add(sent(2))
        assert seen == [0, 1, 2] and exchange.acknowledged == 1
        assert exchange.subscriptions[-1]["symbols"] == ["QQQ"]
        assert asking is not None
        table = await asking
        assert table is not None and table.num_rows == 2
        await exchange.stop()

    asyncio.run(main())


def test_what_is_no_message_is_refused_and_what_breaks_off_is_said() -> None:
    async def main() -> None:
        exchange = Exchange([[sent(0)]])
        exchange.raw = ["{", json.dumps({"type": "news"})]
        await exchange.start()
        feed = WebSocketFeed(f"ws://127.0.0.1:{exchange.port}")
        found = await gather(feed, 3)
        assert [len(one.refused) for one in found] == [1, 1, 0]
        exchange.raw = [json.dumps({"type": "error", "text": "pay first"})]
        with pytest.raises(InputError, match="pay first"):
            await gather(feed, 1)
        exchange.raw = []

        async def follow() -> None:
            async for one in feed.deliveries(["SPY"], None):
                if one.row_count:
                    exchange.drop_everyone()

        with pytest.raises(FeedError, match=r"127\.0\.0\.1"):
            await asyncio.wait_for(follow(), 20)
        await exchange.stop()
        with pytest.raises(FeedError, match="cannot be reached"):
            await feed.offer()
        with pytest.raises(InputError, match="no address"):
            await WebSocketFeed("http://example.com").offer()

    asyncio.run(main())


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 101 Switching", b"HTTP/1.1 101 Switching Protocols\r\n"])
def test_a_server_that_goes_away_while_greeting_can_be_tried_again(answer: bytes) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(FeedError, match=f"{port} cannot be reached"):
            await WebSocketFeed(f"ws://127.0.0.1:{port}").offer()
        server.close()

    asyncio.run(main())


# Redis


@pytest.fixture
def redis_port(tmp_path: Path) -> Iterator[int]:
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [server, "--port", str(port), "--save", "", "--dir", str(tmp_path), "--bind", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
    )
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


def test_redis_delivers_again_what_was_not_acknowledged(redis_port: int) -> None:
    from redis.asyncio import Redis

    async def main() -> None:
        url = f"redis://127.0.0.1:{redis_port}"
        client = Redis.from_url(url)
        await ready(client)
        for number in range(4):
            await client.xadd("bars", {"events": json.dumps([sent(number)])})
        feed = RedisFeed(url, "bars", entries_at_once=2)
        await feed.offer()
        first, second = await gather(feed, 2)
        assert (minutes(first), minutes(second)) == ([0, 1], [2, 3])
        assert first.position is not None
        await feed.acknowledge(first.position)
        await feed.close()
        again = RedisFeed(url, "bars")
        await client.xadd("bars", {"event": json.dumps(sent(4))})
        await client.xadd("bars", {"other": "x"})
        pending, fresh = await gather(again, 2)
        assert (minutes(pending), minutes(fresh), len(fresh.refused)) == ([2, 3], [4], 1)
        assert fresh.position is not None
        await again.acknowledge(fresh.position)
        assert (await client.xpending("bars", "barhouse"))["pending"] == 0
        await again.close()
        await client.aclose()

    asyncio.run(main())


def test_redis_hands_over_what_another_consumer_left(redis_port: int) -> None:
    from redis.asyncio import Redis

    async def main() -> None:
        url = f"redis://127.0.0.1:{redis_port}"
        client = Redis.from_url(url)
        await ready(client)
        await client.xadd("bars", {"events": json.dumps([sent(0)])})
        gone = RedisFeed(url, "bars", consumer="gone")
        assert minutes((await gather(gone, 1))[0]) == [0]
        await gone.close()
        await client.xadd("bars", {"events": json.dumps([sent(1)])})
        heir = RedisFeed(url, "bars", consumer="heir", claim_seconds=0)
        claimed, fresh = await gather(heir, 2)
        assert (minutes(claimed), minutes(fresh)) == ([0], [1])
        await heir.close()
        await client.aclose()

    asyncio.run(main())


def test_redis_says_what_was_trimmed_and_makes_a_lost_group_again(redis_port: int) -> None:
    from redis.asyncio import Redis

    async def main() -> None:
        url = f"redis://127.0.0.1:{redis_port}"
        client = Redis.from_url(url)
        await ready(client)
        ids = [await client.xadd("bars", {"events": json.dumps([sent(number)])}) for number in range(4)]
        position = {"id": ids[1].decode()}
        feed = RedisFeed(url, "bars")
        (rest,) = await gather(feed, 1, position)  # no group yet: it is made where the store is
        assert minutes(rest) == [2, 3]
        await feed.close()
        await client.xtrim("bars", maxlen=1, approximate=False)
        await client.xgroup_destroy("bars", "barhouse")
        feed = RedisFeed(url, "bars")
        missed, rest = await gather(feed, 2, position)
        assert missed.missed and minutes(rest) == [3]
        await feed.close()
        await client.aclose()

    asyncio.run(main())


async def ready(client: Any) -> None:
    from redis.exceptions import RedisError

    async with asyncio.timeout(10):
        while True:
            try:
                await client.ping()
                return
            except RedisError:
                await asyncio.sleep(0.02)


def test_a_redis_that_is_not_there() -> None:
    with pytest.raises(FeedError, match="does not answer"):
        asyncio.run(RedisFeed("redis://user:secret@127.0.0.1:1", "bars").offer())
    with pytest.raises(InputError, match="no address"):
        asyncio.run(RedisFeed("127.0.0.1", "bars").offer())
    with pytest.raises(InputError, match=r"^ws://user:\*\*\*@x is no address"):
        asyncio.run(RedisFeed("ws://user:secret@x", "bars").offer())


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("wss://host/bars?symbols=all", "wss://host/bars?symbols=all"),
        ("wss://me:geheim@host:9/bars", "wss://me:***@host:9/bars"),
        ("wss://geheim@host/bars?a=b@c", "wss://***@host/bars?a=b@c"),
        ("wss://me:ge@heim@host", "wss://me:***@host"),
        ("wss://host/?token=geheim&v=2&apiKey=geheim#x", "wss://host/?token=***&v=2&apiKey=***#x"),
        ("inbox/a:b@c?key=1", "inbox/a:b@c?key=***"),
    ],
)
def test_what_is_secret_in_an_address_is_not_shown(given: str, shown: str) -> None:
    assert FeedAddress(given).shown == shown


def test_a_websocket_tells_and_records_no_secret() -> None:
    feed = WebSocketFeed("ws://me:geheim@127.0.0.1:1/bars?token=geheim")
    assert feed.name == "ws://me:***@127.0.0.1:1/bars?token=***"
    with pytest.raises(FeedError, match="cannot be reached") as refused:
        asyncio.run(feed.offer())
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    ("module", "feed", "extra"),
    [
        ("redis", "redis_feed.RedisFeed('redis://x', 'bars')", "barhouse[redis]"),
        ("websockets", "websocket_feed.WebSocketFeed('ws://x')", "barhouse[websocket]"),
    ],
)
def test_a_missing_library_is_named(module: str, feed: str, extra: str) -> None:
    code = (
        f"import sys, asyncio; sys.modules[{module!r}] = None\n"
        f"from barhouse.coordinator.feeds import {feed.split('.', maxsplit=1)[0]}\n"
        f"try: asyncio.run({feed}.offer())\n"
        f"except Exception as error: print(type(error).__name__, error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("InputError") and f"pip install '{extra}'" in said


# Folder


def test_a_folder_delivers_finished_files_oldest_first_and_moves_them(tmp_path: Path) -> None:
    for number, name in enumerate(("b.csv", "a.csv.gz", "c.parquet", ".d.csv", "e.csv.part", "f.csv.tmp", "g.pdf")):
        (tmp_path / name).write_text("x", encoding="utf-8")
        os.utime(tmp_path / name, (1_700_000_000 + number,) * 2)
    (tmp_path / "sub.csv").mkdir()
    feed = FolderFeed(tmp_path, "1m", once=True)

    async def main() -> None:
        found = []
        async for one in feed.deliveries([], None):
            if one.file is not None:
                found.append(one.file.path.name)
                assert one.position is not None
                await feed.acknowledge(one.position, "unreadable" if len(found) == 2 else None)
        assert found == ["b.csv", "a.csv.gz", "c.parquet"]

    asyncio.run(main())
    assert sorted(path.name for path in (tmp_path / "loaded").iterdir()) == ["b.csv", "c.parquet"]
    assert sorted(path.name for path in (tmp_path / "failed").iterdir()) == ["a.csv.gz", "a.csv.gz.why"]
    assert (tmp_path / "failed" / "a.csv.gz.why").read_text(encoding="utf-8") == "unreadable\n"
    (tmp_path / "b.csv").write_text("y", encoding="utf-8")
    os.utime(tmp_path / "b.csv", (1_700_000_000,) * 2)
    asyncio.run(main_of(feed))
    assert (tmp_path / "loaded" / "2-b.csv").read_text(encoding="utf-8") == "y"


async def main_of(feed: FolderFeed) -> None:
    async for one in feed.deliveries([], None):
        if one.position is not None:
            await feed.acknowledge(one.position)


def test_a_file_that_still_grows_is_left_until_it_has_settled(tmp_path: Path) -> None:
    growing = tmp_path / "a.csv"
    growing.write_text("x", encoding="utf-8")
    feed = FolderFeed(tmp_path, "1m", settle_seconds=0.3, poll_seconds=0.02)

    async def main() -> None:
        async def grow() -> None:
            for _ in range(5):
                await asyncio.sleep(0.1)
                growing.write_text(growing.read_text(encoding="utf-8") + "x", encoding="utf-8")

        growth = asyncio.create_task(grow())
        (found,) = await gather(feed, 1)
        assert growth.done() and found.file is not None
        assert found.file.path.read_text(encoding="utf-8") == "xxxxxx"

    asyncio.run(main())


@pytest.mark.parametrize("given", ["ws://[::1/bars", "wss://me:geheim@[x/"])
def test_an_address_that_is_none_is_refused_without_its_secrets(given: str) -> None:
    with pytest.raises(InputError, match="is no address of a feed") as raised:
        open_feed(given)
    assert "geheim" not in str(raised.value)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        FolderFeed(tmp_path / "none", "1m")
