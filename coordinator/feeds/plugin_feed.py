"""A feed of another package, whose mistakes name that package."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from barhouse.coordinator.feeds import feed as feeds
from barhouse.coordinator.feeds.feed import Delivery, Feed, Offer, Position, stream_of
from barhouse.store.errors import BarhouseError
from barhouse.store.plugins import Plugin


class PluginFeed(Feed):
    """Passes everything on to the feed, and has what goes wrong there name its package.

    What the feed means to raise (``FeedError``, ``InputError``) is its own.
    """

    def __init__(self, plugin: Plugin, feed: Feed) -> None:
        self._plugin = plugin
        self._feed = feed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._feed, name)

    @property
    def name(self) -> str:
        """As the feed is called."""
        with self._naming("name"):
            return self._feed.name

    async def offer(self) -> Offer:
        """Say what it has."""
        with self._naming("offer"):
            offer = await self._feed.offer()
        if not isinstance(offer, Offer):
            raise self._plugin.refused(f"offers a {type(offer).__name__}, which is no Offer")
        return offer

    async def deliveries(self, symbols: Sequence[str], position: Position | None) -> AsyncIterator[Delivery]:
        """Deliver what it delivers."""
        with self._naming("deliveries"):
            async with stream_of(self._feed, symbols, position) as stream:
                async for delivery in stream:
                    if not isinstance(delivery, Delivery):
                        raise TypeError(f"a {type(delivery).__name__} was delivered, which is no Delivery")
                    yield delivery

    async def subscribe(self, symbols: Sequence[str]) -> None:
        """Deliver these symbols too."""
        with self._naming("subscribe"):
            await self._feed.subscribe(symbols)

    async def unsubscribe(self, symbols: Sequence[str]) -> None:
        """Deliver these symbols no longer."""
        with self._naming("unsubscribe"):
            await self._feed.unsubscribe(symbols)

    async def acknowledge(self, position: Position, problem: str | None = None) -> None:
        """Everything up to ``position`` is committed."""
        with self._naming("acknowledge"):
            await self._feed.acknowledge(position, problem)

    async def ask(self, symbol: str, interval: str, start: datetime, end: datetime) -> object | None:
        """Give bars of the past."""
        with self._naming("ask"):
            return await feeds.ask(self._feed, symbol, interval, start, end)

    async def close(self) -> None:
        """Give back what it holds open."""
        with self._naming("close"):
            await self._feed.close()

    @contextmanager
    def _naming(self, what: str) -> Iterator[None]:
        try:
            yield
        except BarhouseError:
            raise
        except (Exception, SystemExit) as error:
            raise self._plugin.refused(f"failed in {what}: {type(error).__name__}: {error}") from error
