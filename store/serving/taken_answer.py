"""An answer that another thread takes: asked in the event loop, read like a file where it is wanted.

Threads of Flight are not the event loop's. There is room for two pieces between them, so that no more of an answer lies
here than its client takes, and whoever waits for one looks now and then whether the client is still there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from barhouse.store.serving.audit import note_answer
from barhouse.store.serving.refusal import RefusalError
from barhouse.store.serving.wire import WorkerQuestion

if TYPE_CHECKING:
    from barhouse.store.serving.asker import Asker
    from barhouse.store.serving.counts import AnswerCounts
    from barhouse.store.serving.pool import Pool
    from barhouse.store.serving.snapshot import Snapshots

_LOOK_SECONDS = 0.1
_PIECES = 2


@dataclass(frozen=True, slots=True)
class AnswerSource:
    """Where answers come from.

    Attributes
    ----------
    loop
        The event loop that the workers are asked in.
    pool, snapshots, counts
        The workers, what they are asked of, and what is counted.
    running
        The answers under way.
    """

    loop: asyncio.AbstractEventLoop
    pool: Pool
    snapshots: Snapshots
    counts: AnswerCounts
    running: set[asyncio.Task[None]] = field(default_factory=set)

    async def end(self) -> None:
        """Give up every answer under way, also one that its client does not take."""
        running = list(self.running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def take(
        self, asker: Asker, read: str, given: dict[str, Any], has_left: Callable[[], bool], *, is_noted: bool = True
    ) -> TakenAnswer:
        """Ask a question; for a thread other than the loop's.

        Parameters
        ----------
        has_left
            Tells whether the client is gone.
        is_noted
            Whether the log has a line of it also where it is answered: not, where it only leads to another.
        """
        answer = TakenAnswer(self, asker, read, given, has_left, is_noted=is_noted)
        answer.start()
        return answer


class TakenAnswer:
    """The bytes of an answer, as an Arrow stream; for one thread, which closes it."""

    def __init__(
        self,
        source: AnswerSource,
        asker: Asker,
        read: str,
        given: dict[str, Any],
        has_left: Callable[[], bool],
        *,
        is_noted: bool,
    ) -> None:
        self._source, self._asker, self._read, self._given = source, asker, read, given
        self._has_left, self._is_noted = has_left, is_noted
        self._queue: SimpleQueue[bytes | bytearray | RefusalError | None] = SimpleQueue()
        self._room = asyncio.Semaphore(_PIECES)
        self._held = ExitStack()
        self._task: Any = None
        self._piece = memoryview(b"")
        self._has_ended = False
        self.closed = False

    # In the thread.

    def start(self) -> None:
        """Ask."""
        self._task = asyncio.run_coroutine_threadsafe(self._answer(), self._source.loop)

    def close(self) -> None:
        """Give up what has not come yet."""
        self.closed = True
        if self._task is not None:
            self._task.cancel()

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, fewer only at the end.

        Raises
        ------
        RefusalError
            When there is no answer, or not all of it, or the client has left.
        """
        parts, lacking = [], size
        while lacking and (self._piece or self._next()):
            part = self._piece if lacking < 0 else self._piece[:lacking]
            self._piece = self._piece[len(part) :]
            parts.append(part)
            lacking -= len(part) if lacking > 0 else 0
        return b"".join(parts)

    def _next(self) -> bool:
        """Have the next piece; False after the last."""
        if self._has_ended:
            return False
        got = self._waited_for()
        if isinstance(got, RefusalError):
            raise got
        self._has_ended = got is None
        self._piece = memoryview(got or b"")
        return not self._has_ended

    def _waited_for(self) -> bytes | bytearray | RefusalError | None:
        while True:
            try:
                got = self._queue.get(timeout=_LOOK_SECONDS)
            except Empty:
                if self._has_left():
                    self.close()
                    raise RefusalError("given_up", "the client has left") from None
                continue
            with suppress(RuntimeError):  # the loop has ended, and nobody waits for room
                self._source.loop.call_soon_threadsafe(self._room.release)
            return got

    # In the event loop.

    async def _answer(self) -> None:
        began = time.monotonic()
        task = asyncio.current_task()
        assert task is not None
        self._source.running.add(task)
        outcome, row_count = "given_up", None
        lane = "sql" if self._read == "sql" else "reads"
        try:
            async with self._source.pool.answering(self._asker.name, self._question, lane) as answer:
                while (piece := await answer.piece()) is not None:
                    await self._hand(piece)
                row_count = answer.row_count
            await self._hand(None)
            outcome = "ok"
        except RefusalError as refusal:
            outcome = refusal.kind
            self._refuse(refusal)
        except asyncio.CancelledError:
            self._refuse(RefusalError("given_up", "the server is on its way down; ask again when it is back"))
            raise
        finally:
            self._source.running.discard(task)
            self._held.close()
            if self._is_noted or outcome != "ok":
                note_answer(
                    self._source.counts,
                    self._asker,
                    read=self._read,
                    given=self._given,
                    outcome=outcome,
                    row_count=row_count,
                    seconds=time.monotonic() - began,
                )

    def _refuse(self, refusal: RefusalError) -> None:
        with suppress(Empty):  # what was not taken is no answer without the rest
            while True:
                self._queue.get_nowait()
        self._queue.put(refusal)

    async def _hand(self, piece: bytes | bytearray | None) -> None:
        try:
            async with asyncio.timeout(self._source.pool.limits.timeout_seconds):
                await self._room.acquire()
        except TimeoutError as error:
            raise RefusalError("given_up", "the answer was not taken, and was ended; ask in parts") from error
        self._queue.put(piece)

    def _question(self) -> WorkerQuestion:
        snapshot = self._source.snapshots.newest
        self._held.enter_context(self._source.snapshots.held(snapshot))
        return WorkerQuestion(
            read=self._read,
            given=self._given,
            form="arrow",
            snapshot=str(snapshot.file),
            through=snapshot.through,
            whole=snapshot.whole,
            symbols=self._asker.symbols,
            max_rows=self._source.pool.limits.row_count,
        )
