"""Feeds by address: ``redis://``, ``ws://`` and ``wss://``, or a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from barhouse.coordinator.feeds.feed import Feed
from barhouse.coordinator.feeds.folder_feed import FolderFeed
from barhouse.coordinator.feeds.redis_feed import RedisFeed
from barhouse.coordinator.feeds.websocket_feed import WebSocketFeed
from barhouse.coordinator.sources.source import LoadOptions
from barhouse.store.errors import InputError
from barhouse.store.hints import Option

_REDIS = {"redis", "rediss"}
_WEBSOCKET = {"ws", "wss"}
_FOLDER = {"", "file", "folder"}


def open_feed(
    address: str,
    *,
    interval: str | None = None,
    feed_intervals: Sequence[str] | None = None,
    symbol: str | None = None,
    options: LoadOptions | None = None,
    once: bool = False,
) -> Feed:
    """Open the feed at an address; nothing is connected yet.

    Parameters
    ----------
    address
        ``redis://HOST:PORT/DB?stream=KEY&group=NAME``, ``ws://HOST/PATH``, or the path of a folder.
    interval, symbol, options, once
        For a folder: the interval of its bars, and the others as in ``FolderFeed``.
    feed_intervals
        For the others: what they have, where they do not say.

    Raises
    ------
    InputError
        For an address that is none of these, or lacks a part.
    """
    parts = urlsplit(address)
    if parts.scheme in _REDIS:
        given = dict(parse_qsl(parts.query))
        if "stream" not in given or set(given) - {"stream", "group", "consumer"}:
            raise InputError(f"{address} must name the stream, such as redis://localhost:6379/0?stream=bars&group=me")
        group, consumer = given.get("group", "barhouse"), given.get("consumer", "barhouse")
        url = urlunsplit(parts._replace(query=""))
        return RedisFeed(url, given["stream"], group=group, consumer=consumer, feed_intervals=feed_intervals)
    if parts.scheme in _WEBSOCKET:
        return WebSocketFeed(address, feed_intervals=feed_intervals)
    if parts.scheme in _FOLDER:
        if interval is None:
            raise InputError(
                f"{address} is a folder; say the interval of the bars in its files, such as {Option('interval', '1m')}"
            )
        folder = Path(address if not parts.scheme else address.partition(":")[2])
        return FolderFeed(folder, interval, symbol=symbol, options=options, once=once)
    raise InputError(f"{address} is no feed; allowed are redis://, rediss://, ws://, wss://, and the path of a folder")
