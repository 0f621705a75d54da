"""Who is let in: whoever sends a token that the file of tokens knows; anybody, where none is asked for."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from barhouse.store.errors import InputError
from barhouse.store.serving.asker import ANYBODY, Asker
from barhouse.store.serving.tokens import Token, digest_of, read_tokens

log = logging.getLogger("barhouse.serve")

_COOKIE = "barhouse_token"
_NEEDED = "a token is needed: send it as Authorization: Bearer TOKEN, or sign in at /login.html"


class Doorkeeper:
    """Tells who asks."""

    def __init__(self, tokens: Path | None, *, encrypted: bool) -> None:
        """``tokens`` is the file, None where anybody may ask; ``encrypted`` says that browsers come by https."""
        self._file = tokens
        self._encrypted = encrypted
        self._state: tuple[int, int, int] | None = None
        self._tokens: dict[str, Token] = {}
        if tokens is not None:
            self._tokens = {one.sha256: one for one in read_tokens(tokens)}
            self._state = _state_of(tokens)

    def asker(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Asker:
        """Whoever sends a request with these headers.

        Raises
        ------
        HTTPException
            When no token comes with it, or one that is not known or has expired.
        """
        if self._file is None:
            return ANYBODY
        scheme, _, sent = headers.get("authorization", "").partition(" ")
        token = sent.strip() if scheme.lower() == "bearer" else cookies.get(_COOKIE, "")
        if not token:
            raise _unauthorized(_NEEDED)
        return self._known(token).asker

    def let_in(self, token: str) -> Response:
        """Have a browser remember a token, which its scripts cannot read and other pages cannot have sent."""
        if self._file is None:
            return RedirectResponse("/", 303)
        known = self._known(token.strip())
        response = RedirectResponse("/", 303)
        response.set_cookie(
            _COOKIE,
            token.strip(),
            expires=known.expires,
            httponly=True,
            samesite="strict",
            secure=self._encrypted,
        )
        return response

    def let_out(self) -> Response:
        """Have a browser forget it."""
        response = RedirectResponse("/login.html", 303)
        response.delete_cookie(_COOKIE, httponly=True, samesite="strict", secure=self._encrypted)
        return response

    def _known(self, sent: str) -> Token:
        self._read_again()
        token = self._tokens.get(digest_of(sent))
        if token is None:
            log.warning("a token was sent that is not known")
            raise _unauthorized(f"this token is not known, or was taken away; {_NEEDED}")
        if token.expires is not None and token.has_expired(datetime.now(UTC)):
            log.warning("the token %s was sent, which has expired", token.name)
            raise _unauthorized(f"this token expired at {token.expires.isoformat()}; ask for another")
        return token

    def _read_again(self) -> None:
        """Follow the file; while it cannot be read nobody is let in."""
        if self._file is None:
            return
        state = _state_of(self._file)
        if state == self._state:
            return
        self._state, self._tokens = state, {}
        try:
            self._tokens = {one.sha256: one for one in read_tokens(self._file)}
        except InputError as error:
            log.error("nobody is let in: %s", error)


def _state_of(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _unauthorized(message: str) -> HTTPException:
    return HTTPException(401, message, {"WWW-Authenticate": "Bearer"})
