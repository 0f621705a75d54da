"""The answer to a question as a response of HTTP: streamed, and given up when its client leaves."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from barhouse.store.serving.audit import note_answer
from barhouse.store.serving.formats import FORMATS
from barhouse.store.serving.refusal import RefusalError
from barhouse.store.serving.wire import WorkerQuestion

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from barhouse.store.serving.asker import Asker
    from barhouse.store.serving.counts import AnswerCounts
    from barhouse.store.serving.pool import Pool, PoolAnswer
    from barhouse.store.serving.snapshot import Snapshot, Snapshots

#: Reads whose answer hangs on more than the snapshot, such as the time.
_CHANGING = frozenset({"sql", "health"})


def refused(refusal: RefusalError) -> JSONResponse:
    """A refusal as a response."""
    headers = {"Retry-After": "1"} if refusal.status == 503 else None
    said = {"error": {"kind": refusal.kind, "message": refusal.message}}
    return JSONResponse(said, refusal.status, headers)


class AnswerResponse(Response):
    """Asks a question, and sends what comes."""

    def __init__(
        self,
        pool: Pool,
        snapshots: Snapshots,
        counts: AnswerCounts,
        asker: Asker,
        *,
        read: str,
        given: dict[str, Any],
        form: str,
        known: str | None = None,
    ) -> None:
        self._pool, self._snapshots, self._counts, self._asker = pool, snapshots, counts, asker
        self._read, self._given, self._form, self._known = read, given, form, known
        self.background = None
        self._held = ExitStack()
        self._snapshot: Snapshot | None = None
        self._begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """PoolAnswer, for as long as somebody is there."""
        etag = self._etag(self._snapshots.newest)
        if etag is not None and self._known is not None and etag in self._known:
            await Response(status_code=304, headers=self._answer_headers(etag))(scope, receive, send)
            return
        began = time.monotonic()
        outcome, row_count = "given_up", None
        answering = asyncio.ensure_future(self._answer(send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                row_count = answering.result()
                outcome = "ok"
        except RefusalError as refusal:
            outcome = refusal.kind
            if not self._begun:
                await refused(refusal)(scope, receive, send)
            # Otherwise the body ends short of its last chunk, and the client sees that it is not whole.
        finally:
            for task in (answering, leaving):
                task.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)
            self._held.close()
            self._note(outcome, row_count, time.monotonic() - began)

    async def _answer(self, send: Send) -> int | None:
        lane = "sql" if self._read == "sql" else "reads"
        async with self._pool.answering(self._asker.name, self._question, lane) as answer:
            first = await answer.piece()
            if self._snapshot is not None:
                headers = self._answer_headers(self._etag(self._snapshot))
                raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
                self._begun = True
                await self._sent(send, {"type": "http.response.start", "status": 200, "headers": raw})
            await self._send_all(send, first, answer)
            return answer.row_count

    async def _send_all(self, send: Send, first: bytes | bytearray | None, answer: PoolAnswer) -> None:
        piece = first
        while piece is not None:
            await self._sent(send, {"type": "http.response.body", "body": piece, "more_body": True})
            piece = await answer.piece()
        await self._sent(send, {"type": "http.response.body", "body": b""})

    async def _sent(self, send: Callable[[Any], Awaitable[None]], message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(self._pool.limits.timeout_seconds):
                await send(message)
        except (TimeoutError, OSError) as error:
            raise RefusalError("given_up", "the answer was not taken") from error

    def _question(self) -> WorkerQuestion:
        self._snapshot = self._snapshots.newest
        self._held.enter_context(self._snapshots.held(self._snapshot))
        return WorkerQuestion(
            read=self._read,
            given=self._given,
            form=self._form,
            snapshot=str(self._snapshot.file),
            through=self._snapshot.through,
            whole=self._snapshot.whole,
            symbols=self._asker.symbols,
            max_rows=self._pool.limits.row_count,
        )

    def _etag(self, snapshot: Snapshot) -> str | None:
        if self._read in _CHANGING:
            return None
        asked = json.dumps([self._read, self._given, self._form, self._asker.symbols], sort_keys=True)
        return f'"{snapshot.number}-{hashlib.sha256(asked.encode()).hexdigest()[:16]}"'

    def _answer_headers(self, etag: str | None) -> dict[str, str]:
        headers = {
            "Content-Type": FORMATS[self._form].media_type,
            "Cache-Control": "private, no-cache" if etag else "private, no-store",
            "Vary": "Accept, Authorization, Cookie",
        }
        if etag is not None:
            headers["ETag"] = etag
        if self._snapshot is not None:
            headers["Barhouse-Snapshot"] = self._snapshot.number
        return headers

    def _note(self, outcome: str, row_count: int | None, seconds: float) -> None:
        note_answer(
            self._counts,
            self._asker,
            read=self._read,
            given=self._given,
            outcome=outcome,
            row_count=row_count,
            seconds=seconds,
        )


async def _left(receive: Receive) -> None:
    """Wait until the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
