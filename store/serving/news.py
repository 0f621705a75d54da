"""Tells everybody who waits that something is new."""

from __future__ import annotations

import asyncio


class News:
    """A count that moves on with each piece of news.

    Attributes
    ----------
    count
        How many there were.
    """

    def __init__(self) -> None:
        self.count = 0
        self._changed = asyncio.Event()

    def tell(self) -> None:
        """There is something new."""
        self.count += 1
        before, self._changed = self._changed, asyncio.Event()
        before.set()

    async def wait_beyond(self, count: int, seconds: float) -> bool:
        """Wait until there is more news than ``count``, for so long at most; returns whether there is."""
        if self.count == count:
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                return False
        return True
