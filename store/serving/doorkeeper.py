"""Who is let in: anybody, where no tokens are asked for."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from barhouse.store.serving.asker import ANYBODY, Asker


class Doorkeeper:
    """Tells who asks."""

    def asker(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Asker:
        """Whoever sends a request with these headers."""
        return ANYBODY

    def let_in(self, token: str) -> Response:
        """Have a browser remember a token."""
        raise HTTPException(400, "no token is asked for here")

    def let_out(self) -> Response:
        """Have a browser forget it."""
        return RedirectResponse("/", 303)
