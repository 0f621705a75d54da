"""A WebSocket server that keeps what it sent and can be asked again: the other end of ``WebSocketFeed``."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve


class Exchange:
    """Sends its log to every subscriber, after where it asks to go on.

    Attributes
    ----------
    log
        The events of each message; message ``n`` has sequence number ``n + 1``.
    kept_from
        Messages before this one are no longer kept.
    """

    def __init__(self, log: list[list[dict[str, Any]]] | None = None) -> None:
        self.log = log or []
        self.kept_from = 0
        self.acknowledged = 0
        self.subscriptions: list[dict[str, Any]] = []
        self.history: list[dict[str, Any]] | None = None
        self.ends = False
        self.raw: list[str] = []
        self._grown = asyncio.Event()
        self._server: Server | None = None
        self.port = 0

    async def start(self) -> None:
        self._server = await serve(self._talk, "127.0.0.1", self.port)
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def drop_everyone(self) -> None:
        assert self._server is not None
        for connection in list(self._server.connections):
            connection.transport.abort()

    def add(self, *events: dict[str, Any]) -> None:
        self.log.append(list(events))
        self._grown.set()

    async def _talk(self, connection: ServerConnection) -> None:
        await connection.send(json.dumps({"type": "hello", "intervals": ["1m"]}))
        listening = None
        try:
            async for message in connection:
                said = json.loads(message)
                if said["type"] == "subscribe":
                    self.subscriptions.append(said)
                    if listening is None:
                        listening = asyncio.create_task(self._send(connection, said["after"] or 0))
                elif said["type"] == "ack":
                    self.acknowledged = max(self.acknowledged, said["seq"])
                elif said["type"] == "ask":
                    answer = {"type": "history", "id": said["id"], "events": self.history}
                    await connection.send(json.dumps(answer))
        finally:
            if listening is not None:
                listening.cancel()

    async def _send(self, connection: ServerConnection, after: int) -> None:
        for text in self.raw:
            await connection.send(text)
        if after < self.kept_from:
            after = self.kept_from
            await connection.send(json.dumps({"type": "missed"}))
        while True:
            while after < len(self.log):
                after += 1
                await connection.send(json.dumps({"seq": after, "events": self.log[after - 1]}))
            if self.ends:
                await connection.close()
                return
            self._grown.clear()
            await self._grown.wait()
