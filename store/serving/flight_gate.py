"""What every call of Flight passes: from whom it is.

Pages in browsers cannot call it as they can HTTP: a call of gRPC is none of the requests that a page may send elsewhere
unasked, and nothing here allows it others.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pyarrow.flight as fl
from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from barhouse.store.serving.asker import Asker
    from barhouse.store.serving.doorkeeper import Doorkeeper

_WAIT_SECONDS = 30.0


class FlightPass(fl.ServerMiddleware):
    """Of one call.

    Attributes
    ----------
    asker
        Whose call it is.
    """

    def __init__(self, asker: Asker) -> None:
        self.asker = asker


class FlightGate(fl.ServerMiddlewareFactory):
    """Lets calls through that come with a token, where one is asked for."""

    def __init__(self, doorkeeper: Doorkeeper, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._doorkeeper, self._loop = doorkeeper, loop

    def start_call(self, info: fl.CallInfo, headers: dict[str, list[Any]]) -> FlightPass:
        """Let a call through, or refuse it."""
        sent = {name: values[0] for name, values in headers.items() if name == "authorization" and values}
        try:
            # The doorkeeper is the event loop's, as HTTP asks it, too.
            return FlightPass(asyncio.run_coroutine_threadsafe(self._asker(sent), self._loop).result(_WAIT_SECONDS))
        except HTTPException as error:
            raise fl.FlightUnauthenticatedError(error.detail) from error
        except (TimeoutError, RuntimeError) as error:
            raise fl.FlightUnavailableError("the server is busy, or on its way down; call again later") from error

    async def _asker(self, sent: dict[str, Any]) -> Asker:
        return self._doorkeeper.asker(sent, {})
