"""Addresses of what lies in buckets: ``s3://bucket/path``."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from barhouse.store.errors import InputError
from barhouse.store.hints import Action
from barhouse.store.model.words import shortened

SCHEME = "s3://"
#: What a path begins with that was given as an address: two slashes are one to it.
_ROOT = "s3:"
_BUCKET = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{1,253}[a-zA-Z0-9]")
_OTHER = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://")
#: What S3 allows.
_LONGEST_KEY = 1024


class Address(PurePosixPath):
    """The address of an object, or of all those whose names begin alike: a path that no disk has.

    Examples
    --------
    >>> address = Address("s3://bars/in/SPY.csv")
    >>> address.bucket, address.key, address.name
    ('bars', 'in/SPY.csv', 'SPY.csv')
    >>> str(address.parent / "QQQ.csv")
    's3://bars/in/QQQ.csv'
    """

    def __str__(self) -> str:
        return SCHEME + "/".join(self.parts[1:])

    def __fspath__(self) -> str:
        return str(self)

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self.parts[1]

    @property
    def key(self) -> str:
        """The name in the bucket, empty for the bucket itself."""
        return "/".join(self.parts[2:])


#: A file on a disk, or in a bucket.
FilePath = Path | Address


def is_address(given: object) -> bool:
    """Whether something is an address, and no path on a disk.

    Raises
    ------
    InputError
        When it is one of another kind, such as ``gs://bars``.
    """
    if isinstance(given, Address):
        return True
    if isinstance(given, Path):
        return given.parts[:1] == (_ROOT,)
    if not isinstance(given, str):
        return False
    if given.lower().startswith(SCHEME):
        return True
    other = _OTHER.match(given)
    if other and not Path(given).exists():
        raise InputError(
            f"{shortened(given)}: no files are read or written by {other[1]}://; allowed are s3://BUCKET/PATH and paths"
        )
    return False


def refuse_far(path: object) -> None:
    """Refuse an address where a store's own file is asked for.

    Raises
    ------
    InputError
        Saying what to do.
    """
    if isinstance(path, str | Path) and is_address(path):
        raise InputError(
            f"{as_address(path)} is in a bucket, and a store is opened on a disk; fetch it first: {Action('restore')} "
            f"puts it at a path, verified"
        )


def named(given: str | Path) -> str:
    """A path, or an address that was taken for one, as it is to be shown."""
    return str(as_address(given)) if is_address(given) else str(given)


def as_address(given: str | Path | Address) -> Address:
    """Read an address.

    Raises
    ------
    InputError
        When there can be no such bucket or object.
    """
    if isinstance(given, Address):
        return given
    text = str(given)
    rest = text[len(SCHEME) :] if isinstance(given, str) else text.removeprefix(_ROOT).lstrip("/")
    bucket, _, key = rest.partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise InputError(f"{shortened(text)}: {bucket!r} is no bucket; an address is s3://BUCKET/PATH")
    parts = key.removesuffix("/").split("/") if key else []
    if any(part in ("", ".", "..") for part in parts):
        raise InputError(
            f"{shortened(text)}: no part of the path may be empty, '.' or '..', which mean nothing in a bucket"
        )
    if not key.isprintable() or len(key.encode(errors="replace")) > _LONGEST_KEY:
        raise InputError(
            f"{shortened(text)} is no name in a bucket: at most {_LONGEST_KEY} bytes are allowed, and none unprintable"
        )
    return Address(SCHEME + "/".join([bucket, *parts]))
