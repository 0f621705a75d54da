"""A worker as the serving process has it: started, asked, and killed when it does not stop by itself."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from barhouse.store.errors import StoreError
from barhouse.store.serving import wire
from barhouse.store.serving.frame_pipe import FramePipe
from barhouse.store.serving.refusal import RefusalError
from barhouse.store.serving.wire import WorkerQuestion

_MODULE = "barhouse.store.serving.worker"
#: The folder that the package is imported from.
_PACKAGE_FOLDER = Path(__file__).absolute().parents[3]
#: What the libraries of a worker reserve is counted, so they reserve little.
_FRUGAL = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "2",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
_START_SECONDS = 60.0
#: How long a worker may take to give an answer up before it is killed.
_GRACE_SECONDS = 0.3


class WorkerProcess:
    """A worker; answers one question at a time.

    Attributes
    ----------
    snapshot
        The file that it has open; None before the first question.
    through
        The newest increment of it that it was asked to know of.
    """

    def __init__(self, process: asyncio.subprocess.Process, pipe: FramePipe) -> None:
        self._process, self._pipe = process, pipe
        self.snapshot: str | None = None
        self.through = 0

    @classmethod
    async def started(cls, memory_bytes: int) -> WorkerProcess:
        """Start one, and wait until it can be asked.

        Raises
        ------
        StoreError
            When it does not come up.
        """
        path = os.pathsep.join(filter(None, (str(_PACKAGE_FOLDER), os.environ.get("PYTHONPATH"))))
        pipe = FramePipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", _MODULE, str(memory_bytes)),
                stdin=asyncio.subprocess.PIPE,
                stdout=pipe.writing_end,
                stderr=asyncio.subprocess.DEVNULL,
                env={**os.environ, **_FRUGAL, "PYTHONPATH": path},
            )
        except BaseException:
            pipe.close()
            raise
        finally:
            pipe.keep_reading_end()
        worker = cls(process, pipe)
        try:
            kind, _ = await asyncio.wait_for(worker.next_frame(), _START_SECONDS)
        except (RefusalError, TimeoutError) as error:
            await worker.kill()
            raise StoreError("a worker process does not start; see whether the machine has memory left") from error
        except BaseException:
            await worker.kill()
            raise
        if kind != wire.READY:
            await worker.kill()
            raise StoreError("a worker process does not start as it should; install Barhouse anew")
        return worker

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def ask(self, question: WorkerQuestion) -> None:
        """Ask it; the answer is read with ``next_frame``."""
        self.snapshot, self.through = question.snapshot, question.through
        self._send(question.packed())

    async def next_frame(self) -> tuple[bytes, bytearray]:
        """The next frame that it sends.

        Raises
        ------
        RefusalError
            When it is gone, which is what the system does to one that takes too much.
        """
        try:
            return await self._pipe.next()
        except EOFError as error:
            raise RefusalError(
                "memory",
                "the answer took more than a worker may take, and was ended; narrow the query, or ask in parts",
            ) from error

    async def give_up(self) -> bool:
        """Have it give up its answer; returns whether it can be asked again, otherwise it was killed."""
        self._send(wire.frame(wire.CANCEL))
        try:
            async with asyncio.timeout(_GRACE_SECONDS):
                while (await self.next_frame())[0] not in (wire.END, wire.FAILURE):
                    pass
        except (RefusalError, TimeoutError):
            await self.kill()
            return False
        return True

    async def kill(self) -> None:
        """End it at once, whatever it does."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):  # asyncio's own way would take the process's end away from whoever waits
                os.kill(self._process.pid, signal.SIGKILL)
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._pipe.close()
        await self._process.wait()

    def _send(self, frame: bytes) -> None:
        assert self._process.stdin is not None
        with suppress(ConnectionError):
            self._process.stdin.write(frame)


def values_of(payload: bytes | bytearray) -> dict[str, Any]:
    """The values that a frame holds."""
    values: dict[str, Any] = json.loads(payload)
    return values
