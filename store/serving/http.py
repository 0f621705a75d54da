"""The addresses that the server answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from barhouse.store.hints import did_you_mean
from barhouse.store.serving.answer_response import AnswerResponse, refused
from barhouse.store.serving.asker import Asker
from barhouse.store.serving.counts import AnswerCounts
from barhouse.store.serving.formats import FORMATS
from barhouse.store.serving.gate import Gate
from barhouse.store.serving.news import News
from barhouse.store.serving.reads import READS
from barhouse.store.serving.refusal import RefusalError
from barhouse.store.serving.site import site_files

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from barhouse.store.serving.doorkeeper import Doorkeeper
    from barhouse.store.serving.pool import Pool
    from barhouse.store.serving.snapshot import Snapshot, Snapshots

#: What bodies of requests may have: a query is no longer.
_BODY_BYTES_MAX = 2**20
#: So often those who wait for events hear that the server is there.
_COMMENT_SECONDS = 15.0
_LISTENERS_MAX = 256
#: The format of each read where the request says none: bars and answers to SQL are large, the others are for pages.
_LARGE = frozenset({"bars", "sql"})
#: Reads that are the server's own.
_INWARD = frozenset({"state"})


class Served:
    """A server's addresses, and what they need.

    Attributes
    ----------
    news
        Tells that another snapshot is served.
    counts
        What came of answers.
    """

    def __init__(self, pool: Pool, snapshots: Snapshots, doorkeeper: Doorkeeper) -> None:
        self.news = News()
        self._pool, self._snapshots, self._doorkeeper = pool, snapshots, doorkeeper
        self.counts = AnswerCounts()
        self._site = site_files()
        self._listener_count = 0

    def app(self, hosts: list[str] | None) -> ASGIApp:
        """The application; ``hosts`` are the names it may be called by, None for any."""
        routes = [
            Route("/api/events", self._events),
            Route("/api/snapshot", self._snapshot),
            Route("/api/{name}", self._api, methods=["GET", "POST"]),
            Route("/snapshots/{number}/{name}", self._file),
            Route("/bars.duckdb", self._newest_file),
            Route("/healthz", self._healthz),
            Route("/metrics", self._metrics),
            Route("/login", self._login, methods=["POST"]),
            Route("/logout", self._logout, methods=["POST"]),
            Route("/{path:path}", self._page),
        ]
        handlers: dict[Any, Any] = {HTTPException: _not_so, RefusalError: _refuse}
        return Gate(Starlette(routes=routes, exception_handlers=handlers), hosts)

    def _asker(self, request: Request) -> Asker:
        return self._doorkeeper.asker(request.headers, request.cookies)

    async def _api(self, request: Request) -> Response:
        asker = self._asker(request)
        read, form = _read_and_form(request)
        if read == "sql":
            given = await _asked_in_sql(request)
        elif request.method != "GET":
            raise HTTPException(405, headers={"Allow": "GET"})
        else:
            given = _said(request)
        return AnswerResponse(
            self._pool,
            self._snapshots,
            self.counts,
            asker,
            read=read,
            given=given,
            form=form,
            known=request.headers.get("if-none-match"),
        )

    async def _snapshot(self, request: Request) -> Response:
        self._asker(request)
        return JSONResponse(self._told(self._snapshots.newest), headers={"Cache-Control": "no-store"})

    def _told(self, snapshot: Snapshot) -> dict[str, Any]:
        return {
            "snapshot": snapshot.number,
            "batch_id": snapshot.batch_id,
            "committed_at": snapshot.committed_at,
            "file": self._address(snapshot),
        }

    def _address(self, snapshot: Snapshot) -> str:
        return f"/snapshots/{snapshot.published.number}/bars.duckdb"

    async def _events(self, request: Request) -> Response:
        self._asker(request)
        if self._listener_count >= _LISTENERS_MAX:
            raise RefusalError(
                "busy", f"{_LISTENERS_MAX} listeners are here already; ask /api/snapshot now and then instead"
            )
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._events_as_they_come(), media_type="text/event-stream", headers=headers)

    async def _events_as_they_come(self) -> AsyncIterator[bytes]:
        """The snapshot that is served, at once, and each that is served after it, as server-sent events."""
        self._listener_count += 1
        try:
            while True:
                count, snapshot = self.news.count, self._snapshots.newest
                data = json.dumps(self._told(snapshot))
                yield f"event: batch\nid: {snapshot.number}\ndata: {data}\n\n".encode()
                while not await self.news.wait_beyond(count, _COMMENT_SECONDS):
                    yield b": still here\n\n"
        finally:
            self._listener_count -= 1

    async def _newest_file(self, request: Request) -> Response:
        self._refuse_limited(request)
        return RedirectResponse(self._address(self._snapshots.newest), 307, {"Cache-Control": "no-store"})

    async def _file(self, request: Request) -> Response:
        self._refuse_limited(request)
        snapshot = self._snapshots.numbered(request.path_params["number"])
        if snapshot is None or request.path_params["name"] != "bars.duckdb":
            there = ", ".join(map(self._address, self._snapshots.kept))
            raise HTTPException(404, f"there is no such snapshot any more; attach /bars.duckdb anew, or {there}")
        return _HeldFile(self._snapshots, snapshot)

    def _refuse_limited(self, request: Request) -> None:
        if not self._asker(request).sees_all:
            raise HTTPException(403, "this token is limited to some symbols, and this tells of all; ask under /api/")

    async def _healthz(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})

    async def _metrics(self, request: Request) -> Response:
        self._refuse_limited(request)
        gauges = {
            "batch": ("The newest batch of the snapshot that is served", float(self._snapshots.newest.batch_id or 0)),
            "listeners": ("Who waits for events", float(self._listener_count)),
            "restarted_workers": ("Workers that were ended and started again", float(self._pool.restart_count)),
        }
        kind = "application/openmetrics-text; version=1.0.0; charset=utf-8"
        return Response(self.counts.openmetrics(gauges), media_type=kind)

    async def _login(self, request: Request) -> Response:
        form = dict(parse_qsl((await _body(request)).decode("utf-8", "replace"), max_num_fields=10))
        try:
            return self._doorkeeper.let_in(form.get("token", ""))
        except HTTPException as error:
            if "text/html" not in request.headers.get("accept", ""):
                raise
            return self._signing_in_anew(error)

    def _signing_in_anew(self, error: HTTPException) -> Response:
        """The page to sign in at, with why it did not work, for whoever looks at it in a browser."""
        page = self._site["login.html"].content.decode()
        said = f'<p class="failure" role="alert">{escape(error.detail)}</p>'
        headers = {"Cache-Control": "no-store", **(error.headers or {})}
        return HTMLResponse(page.replace("<!-- why -->", said, 1), error.status_code, headers)

    async def _logout(self, request: Request) -> Response:
        return self._doorkeeper.let_out()

    async def _page(self, request: Request) -> Response:
        file = self._site.get(request.path_params["path"])
        if file is None:
            raise HTTPException(404, f"there is nothing at {request.url.path[:200]}; / lists what there is")
        kept = "public, max-age=31536000, immutable" if file.lasts else "no-cache"
        headers = {"ETag": file.etag, "Cache-Control": kept}
        if file.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(file.content, media_type=file.media_type, headers=headers)


class _HeldFile(FileResponse):
    """A snapshot's file, or parts of it, which stays until it is sent."""

    def __init__(self, snapshots: Snapshots, snapshot: Snapshot) -> None:
        headers = {"Cache-Control": "private, max-age=31536000, immutable", "ETag": f'"{snapshot.number}"'}
        super().__init__(snapshot.file, media_type="application/vnd.duckdb", headers=headers)
        self._snapshots, self._snapshot = snapshots, snapshot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        with self._snapshots.held(self._snapshot):
            await super().__call__(scope, receive, send)


def _read_and_form(request: Request) -> tuple[str, str]:
    """Which read a request means, and the format of its answer: by the ending of its address, or by what it accepts."""
    name, dot, ending = request.path_params["name"].partition(".")
    reads = [*(one for one in READS if one not in _INWARD), "sql"]
    if name not in reads:
        raise HTTPException(
            404, f"there is no /api/{name[:80]}{did_you_mean(name, reads)}; there are {', '.join(reads)}"
        )
    if dot:
        if ending not in FORMATS:
            raise HTTPException(404, f"there is no format {ending[:20]!r}; there are {', '.join(FORMATS)}")
        return name, ending
    accepted = request.headers.get("accept", "").lower()
    for form, known in FORMATS.items():
        if known.media_type.partition(";")[0] in accepted:
            return name, form
    return name, "arrow" if name in _LARGE else "json"


def _said(request: Request) -> dict[str, str]:
    """The parameters in an address; a list may be said as one text with commas, or by a name that comes again."""
    said: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in said and name != "symbol":
            raise HTTPException(400, f"{name[:80]} is said twice; say it once")
        said[name] = f"{said[name]},{value}" if name in said else value
    return said


async def _asked_in_sql(request: Request) -> dict[str, Any]:
    if request.method != "POST":
        said = _said(request)
        if said.keys() != {"q"}:
            raise HTTPException(400, "say the query as q=, and nothing else; parameters go by POST")
        return {"sql": said["q"]}
    try:
        given = json.loads(await _body(request))
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, 'the body is no JSON; post {"sql": "FROM bars", "parameters": []}') from error
    known = {"sql", "parameters", "limit"}
    if not isinstance(given, dict) or not isinstance(given.get("sql"), str) or given.keys() - known:
        raise HTTPException(
            400, 'the body is to be {"sql": "FROM bars WHERE symbol = ?", "parameters": ["SPY"], "limit": 1000}'
        )
    limit = given.get("limit", 1)
    if type(limit) is not int or not 1 <= limit < 2**31:
        raise HTTPException(400, "limit is how many rows to have at most, 1 or more; leave it out to have all")
    parameters = given.get("parameters")
    values = parameters.values() if isinstance(parameters, dict) else parameters or []
    if not isinstance(parameters, dict | list | None) or any(isinstance(value, dict) for value in values):
        raise HTTPException(400, "parameters are a list of values for ?, or an object of values by name for $name")
    return given


async def _body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _BODY_BYTES_MAX:
            raise HTTPException(413, f"the body has more than {_BODY_BYTES_MAX:,} bytes; shorten it")
    return body


async def _not_so(request: Request, error: HTTPException) -> Response:
    said = {"error": {"kind": "request", "message": error.detail}}
    return JSONResponse(said, error.status_code, dict(error.headers or {}))


async def _refuse(request: Request, error: RefusalError) -> Response:
    return refused(error)
