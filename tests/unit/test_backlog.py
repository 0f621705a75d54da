"""The backlog: bounded, and taken in parts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pyarrow as pa

from barhouse.coordinator.feeds.events import CancelEvent, Refused
from barhouse.coordinator.feeds.feed import Delivery, FileToLoad
from barhouse.coordinator.live.delivery_queue import Backlog, Taken
from barhouse.coordinator.sources.options import LoadOptions


def delivery(number: int, rows: int = 10) -> Delivery:
    events = [CancelEvent(symbol="SPY", id=f"{number}/{row}") for row in range(rows)]
    return Delivery({"n": number}, events=events)


def test_the_feed_waits_when_it_is_full() -> None:
    async def main() -> None:
        backlog = Backlog(25)
        for number in range(3):
            await backlog.put(delivery(number))
        waiting = asyncio.create_task(backlog.put(delivery(3)))
        await asyncio.sleep(0.01)
        assert not waiting.done() and backlog.row_count == 30
        taken = await backlog.take(15, 0, 1)
        assert taken is not None
        assert (taken.position, taken.row_count) == ({"n": 1}, 20)
        await waiting
        assert backlog.row_count == 20

    asyncio.run(main())


def test_nothing_is_taken_when_nothing_comes_and_everything_once_it_is_closed() -> None:
    async def main() -> None:
        backlog = Backlog(100)
        assert await backlog.take(100, 0, 0.01) is None
        assert not backlog.ended
        await backlog.put(delivery(1))
        await backlog.close()
        taken = await backlog.take(100, 60, 60)  # does not wait: nothing more will come
        assert taken is not None and taken.position == {"n": 1}
        assert backlog.ended and await backlog.take(100, 60, 60) is None

    asyncio.run(main())


def test_a_file_is_taken_alone() -> None:
    async def main() -> None:
        backlog = Backlog(10_000)
        file = FileToLoad(Path("a.csv"), "1m", None, LoadOptions())
        for one in (delivery(1), delivery(2), Delivery({"n": 3}, file=file), delivery(4)):
            await backlog.put(one)
        positions = []
        for _ in range(3):
            taken = await backlog.take(10_000, 0, 1)
            assert taken is not None
            positions.append((taken.position, taken.file is not None))
        assert positions == [({"n": 2}, False), ({"n": 3}, True), ({"n": 4}, False)]

    asyncio.run(main())


def test_parts_have_everything_and_the_position_comes_last() -> None:
    table = pa.table({"symbol": ["A", "B", "C"]})
    whole = Taken(
        {"n": 1}, events=delivery(1, 5).events, bars={"1m": [table[:2], table[2:]]}, refused=[Refused("x", "y")]
    )
    rest, singles = [whole], []
    while rest:
        one = rest.pop(0)
        if one.row_count > 1:
            parts = one.parts()
            assert sum(part.row_count for part in parts) == one.row_count
            assert [part.position for part in parts[:-1]] == [None] * (len(parts) - 1)
            assert parts[-1].position == one.position
            rest = parts + rest
        else:
            singles.append(one)
    assert len(singles) == 9
    assert [one.events[0].id for one in singles if one.events] == [one.id for one in whole.events]
