"""Feeds by their address: those there are, and where packages add theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from barhouse.coordinator.feeds.address import FeedAddress
from barhouse.coordinator.feeds.feed import Feed
from barhouse.coordinator.feeds.plugin_feed import PluginFeed
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.store.errors import BarhouseError, InputError
from barhouse.store.hints import did_you_mean
from barhouse.store.model.inputs import Names, as_intervals, optional
from barhouse.store.plugins import Plugin, Registry

#: Feeds, by the scheme of their address; packages add theirs under ``barhouse.feeds``.
FEEDS = Registry(
    "feed",
    {
        "folder": "barhouse.coordinator.feeds.folder_feed:FolderFeed.from_address",
        "file": "barhouse.coordinator.feeds.folder_feed:FolderFeed.from_address",
        **dict.fromkeys(("redis", "rediss"), "barhouse.coordinator.feeds.redis_feed:RedisFeed.from_address"),
        **dict.fromkeys(("ws", "wss"), "barhouse.coordinator.feeds.websocket_feed:WebSocketFeed.from_address"),
    },
)
#: What a feed must have; see ``Feed``.
_PARTS = ("offer", "deliveries", "subscribe", "unsubscribe", "acknowledge", "ask", "close")


def open_feed(
    address: str,
    *,
    interval: str | None = None,
    feed_intervals: Names | None = None,
    symbol: str | None = None,
    options: LoadOptions | None = None,
    once: bool = False,
) -> Feed:
    """Open the feed at an address; nothing is connected yet.

    Parameters
    ----------
    address
        ``redis://HOST:PORT/DB?stream=KEY&group=NAME``, ``ws://HOST/PATH``, the path of a folder, or what a package
        adds; ``barhouse plugins`` lists the schemes there are.
    interval, symbol, options, once
        For a folder: the interval of its bars, and the others as in ``FolderFeed``.
    feed_intervals
        For the others: what they offer, where they do not say.

    Raises
    ------
    InputError
        For an address of a scheme that there is none of, or that lacks a part.
    PluginError
        For a feed of another package that cannot be used.
    """
    texts = optional(as_intervals, feed_intervals, "feed_intervals")
    given = FeedAddress(
        address,
        None if texts is None else tuple(texts),
        interval,
        symbol,
        options or LoadOptions(),
        once,
    )
    plugin = _plugin_for(given)
    make = factory_of(plugin)
    try:
        feed = make(given)
    except BarhouseError:
        raise
    except (Exception, SystemExit) as error:
        raise plugin.refused(f"cannot be made: {type(error).__name__}: {error}") from error
    found = _checked(plugin, feed)
    return found if plugin.is_own else PluginFeed(plugin, found)


def factory_of(plugin: Plugin) -> Callable[[FeedAddress], Feed]:
    """What makes a feed from its address.

    Raises
    ------
    PluginError
        When there is nothing that could.
    """
    make = plugin.load()
    if not callable(make):
        raise plugin.refused(f"is no feed: {make!r} cannot be called with an address")
    return cast("Callable[[FeedAddress], Feed]", make)


def _plugin_for(address: FeedAddress) -> Plugin:
    scheme = address.scheme or "folder"
    if scheme not in FEEDS.own() and scheme not in FEEDS.names():
        names = FEEDS.usable()
        listed = ", ".join(f"{name}:" if name in ("file", "folder") else f"{name}://" for name in names)
        meant = did_you_mean(scheme, names)
        raise InputError(f"{address.shown} is no feed{meant}; allowed are {listed}, and the path of a folder")
    return FEEDS.find(scheme)


def _checked(plugin: Plugin, feed: Any) -> Feed:
    lacking = [part for part in _PARTS if not callable(getattr(feed, part, None))]
    if not isinstance(getattr(feed, "name", None), str):
        lacking.insert(0, "name")
    if lacking:
        raise plugin.refused(f"gives a {type(feed).__name__}, which is no feed: it has no {', no '.join(lacking)}")
    return cast(Feed, feed)
