"""A child process that sends the log, to be killed at any moment: ``redis URL COUNT``, or ``websocket PORT COUNT``.

Started again it goes on where it was: Redis knows what it has, and a WebSocket's subscriber says what it has.
"""

from __future__ import annotations

import asyncio
import json
import sys

from redis import Redis
from redis.exceptions import RedisError, ResponseError
from websockets.asyncio.server import ServerConnection, serve

from tests.faults.live_log import message

PAUSE_SECONDS = 0.03


async def to_redis(url: str, count: int) -> None:
    """Add each message under its number; one that is there is not taken twice."""
    client = Redis.from_url(url, socket_timeout=5)
    number = 0
    while number < count:
        try:
            if number == 0:
                number = int(client.xinfo_stream("bars")["last-generated-id"].partition(b"-")[0])
            while number < count:
                try:
                    client.xadd("bars", {"events": json.dumps(message(number + 1))}, id=f"{number + 1}-0")
                except ResponseError as error:
                    if "equal or smaller" not in str(error):  # it was added before the answer was lost
                        raise
                number += 1
                await asyncio.sleep(PAUSE_SECONDS)
        except ResponseError as error:
            if "no such key" in str(error):
                client.xadd("bars", {"events": json.dumps(message(1))}, id="1-0")
            number = 0
        except RedisError:  # the server is gone, and comes back
            number = 0
            await asyncio.sleep(0.05)


async def over_websocket(port: int, count: int) -> None:
    """Serve the log, a message at a time."""

    async def talk(connection: ServerConnection) -> None:
        await connection.send(json.dumps({"type": "hello", "intervals": ["1m"]}))

        async def send(after: int) -> None:
            for number in range(after + 1, count + 1):
                await connection.send(json.dumps({"seq": number, "events": message(number)}))
                await asyncio.sleep(PAUSE_SECONDS)

        sending = None
        try:
            async for text in connection:
                said = json.loads(text)
                if said["type"] == "subscribe":
                    sending = asyncio.create_task(send(said["after"] or 0))
                elif said["type"] == "ask":
                    await connection.send(json.dumps({"type": "history", "id": said["id"], "events": None}))
        finally:
            if sending is not None:
                sending.cancel()

    async with serve(talk, "127.0.0.1", port):
        await asyncio.Event().wait()


if __name__ == "__main__":
    kind, address, count = sys.argv[1:]
    work = to_redis(address, int(count)) if kind == "redis" else over_websocket(int(address), int(count))
    asyncio.run(work)
