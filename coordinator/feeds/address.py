"""The address of a feed: where it is, and what else was said of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from barhouse.coordinator.sources.options import LoadOptions
from barhouse.store.errors import InputError

#: What stands after the question mark and is not for everybody.
_SECRET = re.compile(r"([?&][^=&#]*(?:auth|credential|key|pass|pwd|secret|sign|token)[^=&#]*=)[^&#]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FeedAddress:
    """Where a feed is, and what was said beside its address; what a feed is made from.

    Attributes
    ----------
    text
        The address as it was given, such as ``redis://localhost:6379/0?stream=bars``.
    feed_intervals
        What the feed offers, where it does not say so itself; None when nothing was said.
    interval, symbol, options, once
        For feeds of files: the interval of their bars, whose bars they are, how they are read, and whether to end when
        none is left.
    """

    text: str
    feed_intervals: tuple[str, ...] | None = None
    interval: str | None = None
    symbol: str | None = None
    options: LoadOptions = field(default_factory=LoadOptions)
    once: bool = False

    def __post_init__(self) -> None:
        try:
            found = urlsplit(self.text)
            _ = found.port if found.scheme and found.netloc else None  # one that is out of range is an error
        except ValueError as error:
            raise InputError(f"{self.shown!r} is no address of a feed: {error}; write it as HOST:PORT") from None

    @property
    def scheme(self) -> str:
        """What stands before the first colon, in small letters; empty for a path."""
        scheme = urlsplit(self.text).scheme
        return scheme if len(scheme) > 1 else ""  # C:\bars is a path

    @property
    def location(self) -> str:
        """What stands between scheme and query: ``localhost:6379/0``, or the path of a folder."""
        text = self.text.partition(":")[2] if self.scheme else self.text
        return text.removeprefix("//").partition("?")[0] if self.scheme else text

    def query(self, *allowed: str) -> dict[str, str]:
        """What stands after the question mark, by name.

        Raises
        ------
        InputError
            For a name that is not allowed.
        """
        pairs = parse_qsl(urlsplit(self.text).query, keep_blank_values=True)
        given = dict(pairs)
        if len(given) < len(pairs):
            raise InputError(f"{self.shown} says something twice after its question mark; say each once")
        unknown = sorted(given.keys() - set(allowed))
        if unknown:
            listed = ", ".join(allowed) or "none"
            raise InputError(f"{self.shown} names {', '.join(unknown)} after its question mark; allowed are {listed}")
        return given

    @property
    def shown(self) -> str:
        """The address with ``***`` in the place of what is secret in it, for messages and records."""
        return without_secrets(self.text)


def without_secrets(address: str) -> str:
    """An address with ``***`` in the place of a password, and of values after the question mark that go by such names.

    A user without a password is hidden, too: servers take tokens there.
    """
    scheme, slashes, rest = address.partition("://")
    authority = re.split("[/?#]", rest, maxsplit=1)[0] if slashes else ""
    user, at, host = authority.rpartition("@")
    if at:
        name, colon, _ = user.partition(":")
        rest = f"{f'{name}:***' if colon else '***'}@{host}{rest[len(authority) :]}"
    return _SECRET.sub(r"\1***", f"{scheme}{slashes}{rest}")
