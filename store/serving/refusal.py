"""Why a request has no answer, and how HTTP says so."""

from __future__ import annotations

#: The status of each kind of refusal.
STATUS = {
    "input": 400,
    "unknown": 404,
    "rows": 422,
    "memory": 422,
    "late": 422,
    "busy": 503,
    "store": 503,
    "given_up": 499,
    "unexpected": 500,
}


class RefusalError(Exception):
    """There is no answer, or not all of it.

    Attributes
    ----------
    kind
        One of ``STATUS``.
    message
        What was given, what is allowed, what to do.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message

    @property
    def status(self) -> int:
        """The status of HTTP."""
        return STATUS.get(self.kind, 500)
