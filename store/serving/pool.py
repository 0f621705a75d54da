"""The workers, and the answers they give: in time, in turn, and to who is still there.

Two lanes, so that small reads never wait behind somebody's long query: one for SQL, one for typed reads.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from barhouse.store.errors import StoreError
from barhouse.store.model.words import counted
from barhouse.store.serving import wire
from barhouse.store.serving.fair_queue import FairQueue
from barhouse.store.serving.refusal import RefusalError
from barhouse.store.serving.wire import WorkerQuestion
from barhouse.store.serving.worker_process import WorkerProcess, values_of

log = logging.getLogger("barhouse.serve")

#: A client may take so many times as long as a worker, as its line is slow; then its worker is somebody else's.
TAKING_TIMES = 10
_AGAIN_SECONDS = 1.0
#: A question waits for its turn as long as an answer may take, and so long in any case.
_TURN_SECONDS_LEAST = 15.0
#: Workers that nobody asks take increments when so many are new; those that are asked take what there is.
_INCREMENTS_AT_ONCE = 8
#: Workers of the lane of typed reads, which one of several long answers leaves free for others.
_READERS = 2


@dataclass(frozen=True, slots=True)
class ServingLimits:
    """What answers may take.

    Attributes
    ----------
    timeout_seconds
        How long a worker may work on one.
    memory_bytes
        What a worker may take beyond what it is started with.
    row_count
        How many rows one has at most.
    worker_count
        How many queries run at once.
    """

    timeout_seconds: float = 30.0
    memory_bytes: int = 2**30
    row_count: int = 5_000_000
    worker_count: int = 2


class PoolAnswer:
    """An answer as it comes.

    Attributes
    ----------
    row_count
        How many rows it has; None until it has ended.
    has_ended
        Whether the worker can be asked again.
    """

    def __init__(self, worker: WorkerProcess, limits: ServingLimits) -> None:
        self._worker = worker
        self._limits = limits
        self._left = limits.timeout_seconds
        self._end = time.monotonic() + TAKING_TIMES * limits.timeout_seconds
        self.row_count: int | None = None
        self.has_ended = False

    async def piece(self) -> bytes | bytearray | None:
        """The next bytes; None after the last.

        Raises
        ------
        RefusalError
            When it takes longer or more than it may, or cannot be given.
        """
        if self.has_ended:
            return None
        began = time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, self._left)):
                kind, payload = await self._worker.next_frame()
        except TimeoutError:
            raise RefusalError(
                "late",
                f"the answer takes longer than {self._limits.timeout_seconds:g} seconds, and was ended; narrow the "
                f"query, or ask in parts",
            ) from None
        now = time.monotonic()
        self._left -= now - began
        if kind == wire.PIECE:
            if now > self._end:
                raise RefusalError("late", "the answer was taken too slowly, and was ended; ask in parts")
            return payload
        self.has_ended = True
        values = values_of(payload)
        if kind == wire.FAILURE:
            # What ran out of memory may not have given all of it back: the next one is asked of a new process.
            self.has_ended = values["kind"] != "memory"
            raise RefusalError(values["kind"], values["message"])
        self.row_count = values["row_count"]
        return None


class _Lane:
    """Workers for one kind of questions, and one that waits to take the place of another."""

    def __init__(self, pool: Pool, count: int) -> None:
        self.queue: FairQueue[WorkerProcess] = FairQueue()
        self.workers: set[WorkerProcess] = set()
        self._pool = pool
        self._count = count
        self._serving_count = 0
        self._spare: WorkerProcess | None = None

    async def start(self) -> None:
        for _ in range(self._count + 1):
            await self._add()

    async def _add(self) -> None:
        worker = await WorkerProcess.started(self._pool.limits.memory_bytes)
        self.workers.add(worker)
        if self._serving_count < self._count:
            self._serve(worker)
        else:
            self._spare = worker

    def _serve(self, worker: WorkerProcess) -> None:
        self._serving_count += 1
        self.queue.put(worker)

    async def replace(self, worker: WorkerProcess) -> None:
        """Have another in the place of one that is gone, and start the next."""
        self.workers.discard(worker)
        self._serving_count -= 1
        self._pool.restart_count += 1
        if self._spare is not None:
            spare, self._spare = self._spare, None
            self._serve(spare)
        while not self._pool.closing:
            try:
                await self._add()
            except (StoreError, OSError) as error:
                log.error("%s", error)
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                return


class Pool:
    """All workers.

    Attributes
    ----------
    limits
        What answers may take.
    restart_count
        How many workers were replaced.
    closing
        Whether it is on its way down.
    newest
        Asks for the state of the newest snapshot; None while there is none.
    """

    def __init__(self, limits: ServingLimits) -> None:
        self.limits = limits
        self.newest: WorkerQuestion | None = None
        self.restart_count = 0
        self.closing = False
        self._lanes = {"sql": _Lane(self, limits.worker_count), "reads": _Lane(self, _READERS)}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start the workers.

        Raises
        ------
        StoreError
            When one does not come up.
        """
        await asyncio.gather(*(lane.start() for lane in self._lanes.values()))

    async def close(self) -> None:
        """End them all."""
        self.closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(worker.kill() for lane in self._lanes.values() for worker in lane.workers))

    @property
    def pids(self) -> list[int]:
        """The processes of the workers."""
        return [worker.pid for lane in self._lanes.values() for worker in lane.workers]

    @asynccontextmanager
    async def answering(
        self, asker: str, question_at: Callable[[], WorkerQuestion], lane: str
    ) -> AsyncIterator[PoolAnswer]:
        """Ask a question when it is the asker's turn; the answer is given up when the context ends before it.

        Parameters
        ----------
        question_at
            Makes the question once there is a worker: of the snapshot that is the newest then.

        Raises
        ------
        RefusalError
            When no worker becomes free in time.
        """
        kept, seconds = self._lanes[lane], max(self.limits.timeout_seconds, _TURN_SECONDS_LEAST)
        try:
            async with asyncio.timeout(seconds):
                worker = await kept.queue.get(asker)
        except TimeoutError:
            raise RefusalError(
                "busy",
                f"all {counted(self.limits.worker_count, 'worker')} were busy for {seconds:g} seconds; ask again later",
            ) from None
        answer = PoolAnswer(worker, self.limits)
        try:
            worker.ask(question_at())
            yield answer
        finally:
            self._in_background(self._give_back(kept, worker, answer))

    async def _give_back(self, lane: _Lane, worker: WorkerProcess, answer: PoolAnswer) -> None:
        if (answer.has_ended or await worker.give_up()) and await self._has_moved_on(worker):
            lane.queue.put(worker)
        else:
            await lane.replace(worker)

    async def _has_moved_on(self, worker: WorkerProcess) -> bool:
        """Have a worker let go of an older snapshot and open the newest; False if it was killed instead."""
        newest = self.newest
        if newest is None or worker.snapshot is None:
            return True
        if worker.snapshot == newest.snapshot and worker.through >= newest.through:
            return True
        answer = PoolAnswer(worker, self.limits)
        worker.ask(newest)
        with suppress(RefusalError):
            while await answer.piece() is not None:
                pass
        return answer.has_ended or await worker.give_up()

    async def whole(self, question: WorkerQuestion) -> bytes:
        """Ask a small question of the server's own."""
        async with self.answering("", lambda: question, "reads") as answer:
            pieces = []
            while (piece := await answer.piece()) is not None:
                pieces.append(piece)
        return b"".join(pieces)

    def is_behind(self, through: int) -> bool:
        """Whether workers that nobody asks are to take increments up to one: some at a time, so that few wait."""
        before = 0 if self.newest is None else self.newest.through
        return before == 0 or through >= before + _INCREMENTS_AT_ONCE

    def move_on(self, newest: WorkerQuestion) -> None:
        """Have workers open the newest snapshot, those that are busy as soon as they are not."""
        self.newest = newest
        for lane in self._lanes.values():
            for worker in lane.queue.take_free():
                answer = PoolAnswer(worker, self.limits)
                answer.has_ended = True
                self._in_background(self._give_back(lane, worker, answer))

    def _in_background(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
