"""How Flight says why there is no answer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import pyarrow as pa
import pyarrow.flight as fl

from barhouse.store.serving.protobuf import ProtobufError
from barhouse.store.serving.refusal import RefusalError

log = logging.getLogger("barhouse.serve")

Given = ParamSpec("Given")
Told = TypeVar("Told")


class _UntracedError(Exception):
    """Has no traceback that can be written.

    To an error of Python that is not its own Flight adds the traceback as the module ``traceback`` writes it, and sends
    that to the client: the lines of this code, and where its files lie. One that cannot be written it leaves out.
    """

    @property
    def __cause__(self) -> BaseException | None:
        raise LookupError

    @__cause__.setter
    def __cause__(self, cause: BaseException | None) -> None:
        """Leave it."""


class FlightRefusalError(_UntracedError, pa.ArrowInvalid):
    """What is asked cannot be answered: ``INVALID_ARGUMENT`` of gRPC."""


class FlightLacksError(_UntracedError, pa.ArrowNotImplementedError):
    """What is asked for is not there: ``UNIMPLEMENTED`` of gRPC."""


#: What is raised for each kind of refusal, which Flight makes a status of gRPC of.
_ERRORS: dict[str, type[Exception]] = {
    "input": FlightRefusalError,
    "unknown": FlightRefusalError,
    "rows": FlightRefusalError,
    "memory": FlightRefusalError,
    "lacking": FlightLacksError,
    "late": fl.FlightTimedOutError,
    "busy": fl.FlightUnavailableError,
    "store": fl.FlightUnavailableError,
    "given_up": fl.FlightCancelledError,
}


def flight_error(refusal: RefusalError) -> Exception:
    """A refusal as Flight's error."""
    kind: type[Exception] = _ERRORS.get(refusal.kind, fl.FlightInternalError)
    return kind(refusal.message)


def refusals_told(call: Callable[Given, Told]) -> Callable[Given, Told]:
    """Have a call of Flight end with Flight's errors."""

    @wraps(call)
    def told(*args: Given.args, **kwargs: Given.kwargs) -> Told:
        try:
            return call(*args, **kwargs)
        except RefusalError as refusal:
            raise flight_error(refusal) from None
        except ProtobufError as error:
            raise FlightRefusalError(
                f"this is no message of Flight SQL: {error}; use a client that speaks it"
            ) from None
        except fl.FlightError:
            raise
        except Exception as error:
            log.exception("a call of Flight failed")
            raise fl.FlightInternalError(f"the server failed: {type(error).__name__}; its log says more") from None

    return told
