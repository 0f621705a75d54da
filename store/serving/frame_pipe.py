"""Frames that come from a worker by a pipe, each read straight into its own bytes, in the event loop.

Nothing is read ahead: what the serving process does not take stays in the pipe, and the worker waits.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

from barhouse.store.serving import wire

#: What a pipe holds, where the system allows it: a worker can be a piece ahead.
_PIPE_BYTES = 2**20


class FramePipe:
    """The reading end of a pipe; for one reader at a time.

    Attributes
    ----------
    writing_end
        The descriptor for the process that writes; closed here with ``keep_reading_end``.
    """

    def __init__(self) -> None:
        self._descriptor, self.writing_end = os.pipe()
        os.set_blocking(self._descriptor, False)
        with suppress(ImportError, AttributeError, OSError):  # another system, or a user with many pipes
            import fcntl

            fcntl.fcntl(self._descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._loop = asyncio.get_running_loop()
        self._is_closed = False
        self._waiting: asyncio.Future[None] | None = None
        # What was read of the frame under way stays when whoever reads it is cancelled.
        self._head = bytearray(wire.HEADER.size)
        self._payload: bytearray | None = None
        self._lacking = len(self._head)

    def keep_reading_end(self) -> None:
        """Let go of the writing end, so that the pipe ends with the process that has it."""
        os.close(self.writing_end)

    async def next(self) -> tuple[bytes, bytearray]:
        """The next frame.

        Raises
        ------
        EOFError
            When nobody writes any more.
        """
        if self._payload is None:
            await self._fill(self._head)
            _, length = wire.HEADER.unpack(self._head)
            self._payload, self._lacking = bytearray(length), length
        await self._fill(self._payload)
        kind, payload = wire.HEADER.unpack(self._head)[0], self._payload
        self._payload, self._lacking = None, len(self._head)
        return kind, payload

    async def _fill(self, target: bytearray) -> None:
        while self._lacking:
            if self._is_closed:
                raise EOFError
            try:
                count = os.readv(self._descriptor, [memoryview(target)[len(target) - self._lacking :]])
            except BlockingIOError:
                await self._readable()
                continue
            if not count:
                raise EOFError
            self._lacking -= count

    async def _readable(self) -> None:
        self._waiting = self._loop.create_future()
        self._loop.add_reader(self._descriptor, self._wake)
        try:
            await self._waiting
        finally:
            self._waiting = None
            if not self._is_closed:
                self._loop.remove_reader(self._descriptor)

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def close(self) -> None:
        """Let go of it; whoever reads it finds its end."""
        if not self._is_closed:
            self._is_closed = True
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._wake()
