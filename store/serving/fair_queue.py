"""A queue for what is free, in which whoever asks much waits behind whoever asks little."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

from barhouse.store.serving.refusal import RefusalError

Thing = TypeVar("Thing")

#: So many questions of one asker may wait.
WAITING_MAX = 64


class FairQueue(Generic[Thing]):
    """Hands out things as they become free: to the askers in turn, and to each in the order of asking."""

    def __init__(self) -> None:
        self._free: deque[Thing] = deque()
        self._waiting: dict[str, deque[asyncio.Future[Thing]]] = {}

    async def get(self, asker: str) -> Thing:
        """Wait for a thing, and have it.

        Raises
        ------
        RefusalError
            When too many questions of the asker wait already.
        """
        if self._free:
            return self._free.popleft()
        mine = self._waiting.setdefault(asker, deque())
        if len(mine) >= WAITING_MAX:
            raise RefusalError("busy", f"{WAITING_MAX} questions of yours wait already; ask again when one is answered")
        future: asyncio.Future[Thing] = asyncio.get_running_loop().create_future()
        mine.append(future)
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.put(future.result())  # it was handed over while the wait was given up
            raise

    def put(self, thing: Thing) -> None:
        """Give a thing to who is next, or keep it for who asks next."""
        while self._waiting:
            asker = next(iter(self._waiting))
            mine = self._waiting.pop(asker)
            future = mine.popleft() if mine else None
            if mine:
                self._waiting[asker] = mine  # behind all others
            if future is not None and not future.done():
                future.set_result(thing)
                return
        self._free.append(thing)

    def take_free(self) -> list[Thing]:
        """Take everything that nobody has."""
        taken = list(self._free)
        self._free.clear()
        return taken
