"""What a bucket's server said, in words: never more of it than a code, for the rest may quote who asked, and how."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotModifiedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from barhouse.store.errors import PlaceError, PlaceMissingError, PlaceTakenError

_CODE = re.compile(r"<Code>([A-Za-z0-9]{1,60})</Code>")
_STATUS = re.compile(r"status code: ([0-9]{3})")
#: Where machines in clouds are told who they are.
_ROLES = ("169.254.169.254", "169.254.170.2", "/latest/meta-data", "WebIdentity", "sts.")
_REFUSALS = {
    "InvalidAccessKeyId": "it does not know the access key",
    "SignatureDoesNotMatch": "the secret key is not that of the access key",
    "ExpiredToken": "the session's token has expired",
    "InvalidToken": "the session's token is none",
    "RequestTimeTooSkewed": "this machine's clock is wrong",
}
_WAYS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, say who asks"


@contextmanager
def told(address: str) -> Iterator[None]:
    """Say what became of a request about an address in our own errors, and nothing of what was sent."""
    try:
        yield
    except (BaseError, FileNotFoundError) as error:
        raise _error(address, error) from None
    except OSError as error:
        raise PlaceError(f"{address}: a file of this machine failed: {error.strerror or error}") from error


def _error(address: str, error: Exception) -> PlaceError:
    text = str(error)
    code, status = _CODE.search(text), _STATUS.search(text)
    said = code[1] if code else None
    if said == "NoSuchBucket":
        bucket = address.removeprefix("s3://").partition("/")[0]
        return PlaceMissingError(f"there is no bucket {bucket} for {address}; make it, or check the address")
    if isinstance(error, FileNotFoundError):
        return PlaceMissingError(f"there is no object {address}")
    if isinstance(error, AlreadyExistsError | PreconditionError | NotModifiedError) or said == "PreconditionFailed":
        return PlaceTakenError(f"{address} was written by somebody else meanwhile; look again")
    if any(sign in text for sign in _ROLES):
        return PlaceError(
            f"{address} cannot be asked for: nobody is named who asks, and this machine has no role; {_WAYS}"
        )
    refused = isinstance(error, PermissionDeniedError | UnauthenticatedError) or (
        status and status[1] in ("401", "403")
    )
    if refused or said in _REFUSALS:
        why = _REFUSALS.get(said or "", "it does not allow that")
        return PlaceError(f"the server refuses {address}: {why}; {_WAYS}")
    if status is not None:
        return PlaceError(f"the server of {address} failed with {said or 'status'} ({status[1]}); try again later")
    return PlaceError(
        f"{address} cannot be reached: its server does not answer, or broke off; look after it and the network "
        f"(AWS_ENDPOINT_URL says where it is), and try again"
    )
