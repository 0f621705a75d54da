"""What every request passes: from whom it is, by which name the server was called, and from which page.

A page of somebody else's, open in a browser on this machine, can send requests here. It cannot name this server other
than it is called (Host), which a name that is pointed here would do, and browsers say which page a request comes from
(Origin, Sec-Fetch-Site).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: What a page of this server may do: run its own scripts, ask its own server, and nothing else.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with "no-referrer" browsers send forms of our own page as from nowhere
    "Cross-Origin-Resource-Policy": "same-origin",
}
#: The names of the machine itself.
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(host: str) -> bool:
    """Whether an address or a name is of this machine only."""
    if host.lower() == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    return False


def host_of(authority: str) -> str:
    """The name in ``name:port`` or ``[address]:port``, in lower case."""
    name = authority.rpartition(":")[0] if authority.rpartition(":")[2].isdigit() else authority
    return name.strip("[]").lower()


class Gate:
    """Lets requests through that are meant for this server, and says in each response what a page may do."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str] | None) -> None:
        """``hosts`` are the names that the server may be called by; None for any."""
        self._app = app
        self._hosts = None if hosts is None else frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope["method"], scope["path"], Headers(scope=scope))
        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, method: str, path: str, headers: Headers) -> JSONResponse | None:
        authority = headers.get("host", "")
        if self._hosts is not None and host_of(authority) not in self._hosts:
            named = ", ".join(sorted(self._hosts))
            return _refused(
                400, f"this server is not called {host_of(authority)!r} but {named}; say --host to call it otherwise"
            )
        origin = headers.get("origin")
        if origin is not None and origin.rpartition("//")[2].lower() != authority.lower():
            return _refused(403, f"requests from pages of {origin} are not answered; ask from this server's own page")
        from_elsewhere = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        is_link = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
        if from_elsewhere and not is_link and path.startswith("/api/"):
            return _refused(403, "requests from other pages are not answered; ask from this server's own page")
        return None


def _refused(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": {"kind": "refused", "message": message}}, status)
