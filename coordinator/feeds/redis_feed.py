"""Bars and trades from a Redis stream, read as a consumer group.

An entry's field ``events`` (or ``event``) holds a message of ``feeds.events``. Redis keeps an entry as
pending from its delivery until it is acknowledged, which happens only after its rows are committed: what a process
that died had taken comes again, first of all.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from barhouse.coordinator.feeds.address import FeedAddress, without_secrets
from barhouse.coordinator.feeds.events import Event, Refused, parse_events
from barhouse.coordinator.feeds.feed import Delivery, Offer, Position
from barhouse.store.errors import FeedError, InputError
from barhouse.store.model.inputs import Names, as_intervals, optional, renamed

if TYPE_CHECKING:
    from redis.asyncio import Redis

_Entry = tuple[bytes, dict[bytes, bytes] | None]


@dataclass(frozen=True, slots=True)
class _Open:
    """Entries that were delivered and not acknowledged yet; ``last`` is the delivery's position."""

    last: str
    ids: tuple[bytes, ...]


class RedisFeed:
    """Reads one stream for one store.

    Parameters
    ----------
    url
        Such as ``redis://localhost:6379/0``, or ``rediss://`` for TLS.
    stream, group, consumer
        The stream's key, and who reads it. Each store needs a group of its own; the group is made where it is missing,
        at the session's position or the stream's beginning.
    feed_intervals
        What the stream's bars are, or what its trades may be built into; by default nothing is said.
    claim_seconds
        What another consumer of the group took and has not acknowledged for so long is taken over.
    entries_at_once
        How many entries are read at a time.
    intervals
        What ``feed_intervals`` was called before; taken until the next release.
    """

    def __init__(
        self,
        url: str,
        stream: str,
        *,
        group: str = "barhouse",
        consumer: str = "barhouse",
        feed_intervals: Names | None = None,
        claim_seconds: float = 60.0,
        entries_at_once: int = 500,
        intervals: Names | None = None,
    ) -> None:
        self._url = url
        self._stream = stream
        self._group = group
        self._consumer = consumer
        feed_intervals = renamed("intervals", intervals, "feed_intervals", feed_intervals)
        texts = optional(as_intervals, feed_intervals, "feed_intervals")
        self._intervals = None if texts is None else tuple(texts)
        self._claim_ms = int(claim_seconds * 1000)
        self._entries_at_once = entries_at_once
        self._client: Redis | None = None
        self._open: deque[_Open] = deque()
        self._handed: bytes | None = None  # the last entry taken by this process

    @classmethod
    def from_address(cls, address: FeedAddress) -> RedisFeed:
        """A Redis stream: redis://HOST:PORT/DB?stream=KEY&group=NAME&consumer=NAME, rediss:// for TLS.

        Raises
        ------
        InputError
            When the address names no stream.
        """
        given = address.query("stream", "group", "consumer")
        if "stream" not in given:
            raise InputError(
                f"{address.shown} must name the stream, such as redis://localhost:6379/0?stream=bars&group=me"
            )
        group, consumer = given.get("group", "barhouse"), given.get("consumer", "barhouse")
        url = address.text.partition("?")[0]
        return cls(url, given["stream"], group=group, consumer=consumer, feed_intervals=address.feed_intervals)

    @property
    def name(self) -> str:
        """The stream and the group."""
        return f"redis stream {self._stream} as {self._group}"

    async def offer(self) -> Offer:
        """What it was said to have; the stream must be reachable."""
        client = self._connected()
        with _explained(self._url):
            await client.ping()
        return Offer(self._intervals)

    async def deliveries(self, symbols: Sequence[str], position: Position | None) -> AsyncIterator[Delivery]:
        """Deliver what was taken before and not acknowledged, then what is new; never ends."""
        client = self._connected()
        after = "0" if position is None else str(position["id"])
        with _explained(self._url):
            await self._make_group(client, after)
            missed = position is not None and await self._was_trimmed(client, after)
        yield Delivery(None, missed=missed)
        last = after
        async for entries in self._entries(client):
            last = max(last, entries[-1][0].decode(), key=_order)
            self._open.append(_Open(last, tuple(entry_id for entry_id, _ in entries)))
            events: list[Event] = []
            refused: list[Refused] = []
            for entry_id, fields in entries:
                found, bad = _understand(entry_id, fields)
                events += found
                refused += bad
            yield Delivery({"id": last}, events=events, refused=refused)

    async def _entries(self, client: Redis) -> AsyncIterator[list[_Entry]]:
        start: bytes | None = self._handed or b"0"
        claimed_at = -float("inf")
        while True:
            entries: list[_Entry] = []
            with _explained(self._url):
                if start is not None:  # what this consumer had taken before
                    entries = await self._read(client, start)
                    start = entries[-1][0] if entries else None
                    self._handed = start or self._handed
                elif monotonic() - claimed_at > max(1.0, self._claim_ms / 1000):  # what others took and left
                    entries = await self._claim(client)
                    claimed_at = claimed_at if entries else monotonic()
                else:
                    entries = await self._read(client, b">")
                    self._handed = entries[-1][0] if entries else self._handed
            if entries:
                yield entries

    async def _read(self, client: Redis, start: bytes) -> list[_Entry]:
        found: Any = await client.xreadgroup(
            self._group, self._consumer, {self._stream: start}, count=self._entries_at_once, block=1000
        )
        streams = found.values() if isinstance(found, dict) else (entries for _, entries in found or ())
        entries = list(itertools.chain.from_iterable(streams))
        if entries and isinstance(entries[0], list):  # the newer protocol wraps them once more
            entries = list(itertools.chain.from_iterable(entries))
        return entries

    async def _claim(self, client: Redis) -> list[_Entry]:
        found: Any = await client.xautoclaim(
            self._stream, self._group, self._consumer, self._claim_ms, "0-0", count=self._entries_at_once
        )
        held = {entry_id for delivery in self._open for entry_id in delivery.ids}
        return [entry for entry in found[1] if entry[0] not in held]

    async def _make_group(self, client: Redis, after: str) -> None:
        from redis.exceptions import ResponseError

        try:
            await client.xgroup_create(self._stream, self._group, id=after, mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def _was_trimmed(self, client: Redis, after: str) -> bool:
        """Whether the stream may have given up entries after a position: it no longer holds the one at it."""
        if await client.xrange(self._stream, after, after):
            return False
        info: Any = await client.xinfo_stream(self._stream)
        last = info["last-generated-id"]
        return _order(last.decode() if isinstance(last, bytes) else last) > _order(after)

    async def subscribe(self, symbols: Sequence[str]) -> None:
        """Nothing to do: the stream holds what it holds."""

    async def unsubscribe(self, symbols: Sequence[str]) -> None:
        """Nothing to do: the session passes over what it does not want."""

    async def acknowledge(self, position: Position, problem: str | None = None) -> None:
        """Acknowledge every entry up to a position, those of earlier failures included, in one command."""
        through = _order(str(position["id"]))
        done = list(itertools.takewhile(lambda delivery: _order(delivery.last) <= through, self._open))
        ids = [entry_id for delivery in done for entry_id in delivery.ids]
        if ids:
            with _explained(self._url):
                await self._connected().xack(self._stream, self._group, *ids)
            for _ in done:
                self._open.popleft()

    async def ask(self, symbol: str, interval: str, start: datetime, end: datetime) -> object | None:
        """A stream has no history."""
        return None

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _connected(self) -> Redis:
        if self._client is None:
            try:
                from redis.asyncio import Redis
            except ImportError as error:
                raise InputError("Redis streams need the package redis: pip install 'barhouse[redis]'") from error
            try:
                self._client = Redis.from_url(self._url, socket_connect_timeout=5, socket_timeout=15)
            except ValueError as error:
                raise InputError(f"{without_secrets(self._url)} is no address of a Redis server: {error}") from error
        return self._client


@contextmanager
def _explained(url: str) -> Iterator[None]:
    from redis.exceptions import AuthenticationError, RedisError

    place = url.rpartition("@")[2]  # without the user and the password
    try:
        yield
    except AuthenticationError as error:
        raise InputError(f"the Redis server {place} refuses the user or the password: {error}") from error
    except (RedisError, OSError) as error:
        raise FeedError(f"the Redis server {place} does not answer: {error}") from error


def _order(entry_id: str) -> tuple[int, int]:
    """What Redis orders its entries by."""
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number or 0)


def _understand(entry_id: bytes, fields: dict[bytes, bytes] | None) -> tuple[list[Event], list[Refused]]:
    if not fields:  # pending, and trimmed since
        return [], []
    message = fields.get(b"events", fields.get(b"event"))
    if message is None:
        return [], [Refused(f"{entry_id.decode()} {fields!r}", "the entry has no field 'events' or 'event'")]
    return parse_events(message)
