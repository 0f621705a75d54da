"""The address of a feed: where it is, and what else was said of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from barhouse.coordinator.sources.options import LoadOptions
from barhouse.store.errors import InputError


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
        given = dict(parse_qsl(urlsplit(self.text).query, keep_blank_values=True))
        unknown = sorted(given.keys() - set(allowed))
        if unknown:
            listed = ", ".join(allowed) or "none"
            raise InputError(f"{self.shown} names {', '.join(unknown)} after its question mark; allowed are {listed}")
        return given

    @property
    def shown(self) -> str:
        """The address without a password, for messages."""
        parts = urlsplit(self.text)
        if parts.password is None:
            return self.text
        return self.text.replace(f":{parts.password}@", ":***@", 1)
