"""A child process that runs a live session, to be killed at any moment: ``KIND ADDRESS STORE SECONDS_BACK``.

Its clock goes so many seconds behind the machine's. It says on stdout how far it has committed, and ends on SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import UTC, datetime, timedelta

from barhouse import open_store
from barhouse.coordinator.feeds.feed import Feed
from barhouse.coordinator.feeds.redis_feed import RedisFeed
from barhouse.coordinator.feeds.websocket_feed import WebSocketFeed
from barhouse.coordinator.live.options import LiveOptions
from barhouse.coordinator.live.session import LiveSession
from tests.faults.live_log import INTERVALS, SYMBOLS

OPTIONS = LiveOptions(
    flush_seconds=0.05,
    flush_rows=200,
    heartbeat_seconds=0.3,
    reconnect_seconds=0.05,
    reconnect_seconds_max=0.3,
    trades_kept_seconds=100 * 366 * 86_400,
    settle_seconds=0,
)


async def main(kind: str, address: str, path: str, seconds_back: str) -> None:
    """Run until told to stop."""
    feed: Feed = RedisFeed(address, "bars", feed_intervals=["1m"]) if kind == "redis" else WebSocketFeed(address)
    back = timedelta(seconds=int(seconds_back))
    with open_store(path, clock=lambda: datetime.now(UTC) - back, settings={"threads": 1}) as store:
        session = LiveSession(store, feed, SYMBOLS, INTERVALS, "XNYS", options=OPTIONS)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, session.stop)
        running = asyncio.create_task(session.run())
        said = None
        while not running.done():
            status = session.status()
            if status.position and status.position != said:
                said = status.position
                print("at", said.get("seq", said.get("id")), flush=True)
            await asyncio.wait([running], timeout=0.05)
        print((await running).state, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
