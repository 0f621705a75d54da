"""Statements that clients have prepared, until they close them or too many others came after."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

from barhouse.store.serving.refusal import RefusalError

_STATEMENTS_MAX = 1000
_HANDLE_BYTES = 16


@dataclass(slots=True)
class PreparedStatement:
    """A statement that a client comes back to.

    Attributes
    ----------
    owner
        The name of the token it was prepared with; nobody else has it.
    text
        The statement.
    parameters
        The names of its parameters.
    schema
        What its answer looks like, as Arrow writes it; empty while it is not known.
    bound
        The values of its parameters, as text (``parameters.packed``); None while there are none.
    """

    owner: str
    text: str
    parameters: tuple[str, ...] = ()
    schema: bytes = field(default=b"", repr=False)
    bound: str | None = field(default=None, repr=False)


class PreparedStatements:
    """All that are prepared; for any thread."""

    def __init__(self) -> None:
        self._statements: OrderedDict[bytes, PreparedStatement] = OrderedDict()
        self._lock = Lock()

    def add(self, statement: PreparedStatement) -> bytes:
        """Keep one; returns its handle."""
        handle = secrets.token_bytes(_HANDLE_BYTES)
        with self._lock:
            self._statements[handle] = statement
            while len(self._statements) > _STATEMENTS_MAX:
                self._statements.popitem(last=False)
        return handle

    def get(self, handle: bytes, owner: str) -> PreparedStatement:
        """Find one, which then is the last to be forgotten.

        Raises
        ------
        RefusalError
            When it is not there.
        """
        with self._lock:
            found = self._statements.get(handle)
            if found is not None and found.owner == owner:
                self._statements.move_to_end(handle)
                return found
        raise RefusalError(
            "unknown", "this statement is not prepared here any more: it was closed, or others came after; prepare it"
        )

    def remove(self, handle: bytes, owner: str) -> None:
        """Forget one, if it is there."""
        with self._lock:
            found = self._statements.get(handle)
            if found is not None and found.owner == owner:
                del self._statements[handle]
