"""A live session: what is delivered, missed, refused, added and ended while it runs."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from live_kit import MINUTE, OPEN, Clock, Scripted, bar, cancel, trade

from barhouse import SessionCoordinator, SessionStore, open_store
from barhouse.coordinator.feeds.events import Refused, bar_tables
from barhouse.coordinator.feeds.feed import Delivery, Offer
from barhouse.coordinator.live.options import LiveOptions
from barhouse.coordinator.live.session import LiveSession
from barhouse.store.database import file_copy
from barhouse.store.errors import FeedError, RegistrationError, StoreError, UnknownSymbolError

FAST = {"flush_seconds": 0.0, "heartbeat_seconds": 0.02, "reconnect_seconds": 0.01, "reconnect_seconds_max": 0.02}


class World:
    def __init__(self, path: Path) -> None:
        self.clock = Clock(OPEN + 30 * MINUTE)
        self.store: SessionStore = open_store(path, clock=self.clock, settings={"threads": 1})

    def session(
        self, feed: Scripted, *symbols: str, intervals: tuple[str, ...] = ("1m", "5m"), **given: Any
    ) -> LiveSession:
        options = LiveOptions(**{**FAST, **given.pop("options", {})})
        return LiveSession(self.store, feed, symbols or ("SPY",), intervals, "XNYS", options=options, **given)

    def ask(self, query: str) -> list[dict[str, Any]]:
        return self.store.sql(query).to_pylist()

    def closes(self, interval: str = "1m", symbol: str = "SPY") -> dict[int, float]:
        rows = self.ask(f"SELECT * FROM bars WHERE symbol = '{symbol}' AND interval = '{interval}' ORDER BY bar_start")
        return {int((row["bar_start"] - OPEN) / MINUTE): row["close"] for row in rows}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("live") / "made.duckdb"
    open_store(path).close()
    return path


@pytest.fixture
def world(made: Path, tmp_path: Path) -> Any:
    path = tmp_path / "bars.duckdb"
    path.write_bytes(made.read_bytes())
    one = World(path)
    yield one
    one.store.close()


def run(session: LiveSession, beside: Callable[[], Coroutine[Any, Any, None]] | None = None) -> Any:
    """Run a session, and something beside it; then it is stopped, unless it ended by itself."""

    async def main() -> Any:
        async with asyncio.timeout(30):
            if beside is None:
                return await session.run()
            task = asyncio.create_task(session.run())
            try:
                await beside()
            finally:
                session.stop()
            return await task

    return asyncio.run(main())


async def until(so: Callable[[], object]) -> None:
    async with asyncio.timeout(15):
        while not so():
            await asyncio.sleep(0.005)


def test_bars_are_loaded_and_derived_and_acknowledged_after_the_commit(world: World) -> None:
    feed = Scripted([bar(0), bar(1)], [bar(2), bar(3), bar(4)], [bar(1, close=101.5)])
    status = run(world.session(feed))
    assert status.state == "done"
    assert world.closes() == {0: 100.5, 1: 101.5, 2: 100.5, 3: 100.5, 4: 100.5}
    assert world.closes("5m") == {0: 100.5}
    assert feed.acknowledged[-1] == {"n": 3}
    (row,) = world.ask("FROM runs")
    assert (row["mode"], row["state"], row["cursor"]) == ("live", "done", OPEN + 5 * MINUTE)
    assert world.store.verify().sound


def test_it_goes_on_after_what_is_committed(world: World) -> None:
    first = Scripted([bar(0)], [bar(1)])
    first.keeps_open = True
    session = world.session(first)
    status = run(session, lambda: until(lambda: first.acknowledged[-1:] == [{"n": 2}]))
    assert status.state == "stopped"
    second = Scripted([bar(2)])
    run(world.session(second))
    assert (first.began_after, second.began_after) == ([None], [{"n": 2}])
    assert sorted(world.closes()) == [0, 1, 2]
    assert [row["state"] for row in world.ask("FROM runs")] == ["done"]


def test_another_feed_does_not_get_this_ones_position(world: World) -> None:
    run(world.session(Scripted([bar(0)])))
    other = Scripted([bar(1)])
    other.name = "other"
    run(world.session(other))
    assert other.began_after == [None]


def test_it_connects_again_when_the_feed_breaks_off(world: World) -> None:
    feed = Scripted([bar(0)], FeedError("cable cut"), FeedError("still cut"), [bar(1)])
    status = run(world.session(feed))
    assert feed.began_after == [None, {"n": 1}, {"n": 1}]
    assert sorted(world.closes()) == [0, 1]
    assert (status.broken_count, status.last_error) == (2, "still cut")


def test_it_can_be_stopped_while_the_feed_does_not_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent() -> Any:
        raise FeedError("nobody is there")

    feed = Scripted([bar(0)])
    monkeypatch.setattr(feed, "offer", silent)
    session = world.session(feed)
    status = run(session, lambda: until(lambda: session.status().broken_count))
    assert (status.state, status.run_id, status.last_error) == ("stopped", None, "nobody is there")
    assert world.ask("FROM runs") == []


def test_a_failure_of_the_store_ends_the_run_and_acknowledges_nothing(world: World) -> None:
    feed = Scripted([bar(0)])
    session = world.session(feed)

    def fail(*_: object) -> None:
        raise StoreError("disk full")

    session._writer._write = fail
    with pytest.raises(StoreError, match="disk full"):
        run(session)
    assert feed.acknowledged == []
    (row,) = world.ask("FROM runs")
    assert (row["state"], row["error"]) == ("failed", "disk full")


def test_a_failure_beside_the_feed_is_raised_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = Scripted([bar(0)])
    feed.keeps_open = True

    def fail(*_: object) -> None:
        raise ValueError("a mistake of the history")

    monkeypatch.setattr(feed, "ask", fail)
    with pytest.raises(ValueError, match="a mistake of the history"):
        run(world.session(feed, history_from=OPEN - timedelta(days=3)))
    (row,) = world.ask("FROM runs")
    assert (row["state"], row["error"]) == ("failed", "a mistake of the history")


def test_what_cannot_be_taken_is_kept_with_the_reason_and_comes_no_more(world: World) -> None:
    feed = Scripted(
        [bar(0), bar(1, high=90.0)],
        [bar(40)],  # has not ended
        Delivery({"n": 9}, events=[bar(2)], refused=[Refused("{", "no JSON")]),
        [bar(3, symbol="QQQ")],  # not asked for
    )
    status = run(world.session(feed, options={"flush_rows": 1}))
    assert sorted(world.closes()) == [0, 2]
    reasons = " | ".join(row["reason"] for row in world.ask("FROM rejected ORDER BY batch_id"))
    assert "high" in reasons and "ended" in reasons and "no JSON" in reasons
    assert (status.refused_count, status.ignored_count) == (3, 1)
    assert feed.acknowledged[-1] == {"n": 5} or len(feed.acknowledged) == 4


def test_quiet_symbols_close_by_the_clock(world: World) -> None:
    feed = Scripted([bar(0), bar(1)])
    feed.keeps_open = True
    world.clock.now = OPEN + 2 * MINUTE

    async def beside() -> None:
        await until(lambda: feed.acknowledged)
        await asyncio.sleep(0.1)
        assert world.closes("5m") == {}
        world.clock.now = OPEN + 6 * MINUTE  # the bar's end and the grace
        await until(lambda: world.closes("5m"))

    run(world.session(feed), beside)
    assert world.closes("5m") == {0: 100.5}


def test_a_session_that_has_closed_is_declared_over(world: World) -> None:
    """A half day: what did not come by its close at 13:00 is missing, and the day's bar closes."""
    feed = Scripted([bar(0), bar(1)])
    feed.keeps_open = True
    world.clock.now = OPEN + 2 * MINUTE

    async def beside() -> None:
        await until(lambda: feed.acknowledged)
        world.clock.now = datetime(2024, 11, 29, 18, 0, 59, tzinfo=UTC)
        await asyncio.sleep(0.1)
        assert world.closes("1d") == {}
        world.clock.now = datetime(2024, 11, 29, 18, 1, tzinfo=UTC)
        await until(lambda: world.closes("1d"))

    run(world.session(feed, intervals=("1m", "1d")), beside)
    (row,) = world.ask("FROM coverage WHERE interval = '1m'")
    assert (row["session_date"], row["expected_count"], row["present_count"]) == (date(2024, 11, 29), 210, 2)


def test_the_next_session_goes_on_after_a_weekend(world: World) -> None:
    monday = datetime(2024, 12, 2, 14, 30, tzinfo=UTC)
    feed = Scripted()
    feed.keeps_open = True
    feed.steps = [[bar(0)], lambda: until(lambda: world.closes("1d")), [bar(4 * 24 * 60 - 24 * 60)]]

    async def beside() -> None:
        world.clock.now = OPEN + MINUTE
        await until(lambda: len(feed.acknowledged) == 1)
        world.clock.now = monday + MINUTE
        await until(lambda: len(feed.acknowledged) == 2)

    run(world.session(feed, intervals=("1m", "1d")), beside)
    assert [row["session_date"] for row in world.ask("FROM bars WHERE interval = '1m' ORDER BY ALL")] == [
        date(2024, 11, 29),
        date(2024, 12, 2),
    ]


def test_gaps_are_asked_for_and_filled(world: World) -> None:
    history = bar_tables([bar(minute) for minute in range(10)])["1m"]
    feed = Scripted([bar(0), bar(5)])
    feed.keeps_open = True

    class History:
        def ask(self, symbol: str, interval: str, start: datetime, end: datetime) -> object | None:
            feed.asked.append((symbol, start, end))
            return history if end < world.clock.now else None  # only for the gap

    session = world.session(feed, options={"gap_fill_seconds": 0.05}, history=History())
    run(session, lambda: until(lambda: len(world.closes()) == 10 and len(world.closes("5m")) == 2))
    assert world.store.gaps("SPY", "1m").num_rows == 0
    assert world.closes("5m") == {0: 100.5, 5: 100.5}
    assert ("SPY", OPEN + MINUTE, OPEN + 5 * MINUTE) in feed.asked
    assert session.status().filled_count == 8
    assert world.store.verify().sound


def test_a_gap_is_asked_for_again_soon_when_nobody_answered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = Scripted([bar(0), bar(2)])
    feed.keeps_open = True
    asked: list[datetime] = []

    def break_off(_symbol: str, _interval: str, start: datetime, _end: datetime) -> None:
        asked.append(start)
        raise FeedError("the line is cut")

    monkeypatch.setattr(feed, "ask", break_off)

    async def beside() -> None:
        await until(lambda: asked.count(OPEN + MINUTE) >= 3)

    run(world.session(feed, options={"gap_fill_seconds": 1.0}), beside)


def test_what_a_feed_says_is_missed_is_asked_for_up_to_now(world: World) -> None:
    history = bar_tables([bar(minute) for minute in range(1, 25)])["1m"]
    feed = Scripted([bar(0)], FeedError("gone"), Delivery({"n": 7}, missed=True), history={"SPY": history})
    feed.keeps_open = True
    run(world.session(feed), lambda: until(lambda: len(world.closes()) == 25))
    assert (("SPY", OPEN + MINUTE, world.clock.now)) in feed.asked


def test_a_symbol_and_an_interval_are_added_and_one_is_removed(world: World) -> None:
    history = bar_tables([bar(minute, "QQQ") for minute in range(20)])["1m"]
    feed = Scripted([bar(minute) for minute in range(20)], history={"QQQ": history})
    feed.keeps_open = True
    session = world.session(feed, history_from=OPEN)

    async def beside() -> None:
        await until(lambda: feed.acknowledged)
        await session.add_symbol("qqq")
        assert len(world.closes(symbol="QQQ")) == 20 and len(world.closes("5m", "QQQ")) == 4
        assert feed.subscribed == ["QQQ"]
        await session.add_interval(["SPY"], "10m")
        assert sorted(world.closes("10m")) == [0, 10]
        with pytest.raises(RegistrationError):
            await session.add_interval(interval="7s")
        await session.remove_symbol("SPY")
        assert session.status().symbol_count == 1

    run(session, beside)
    assert world.store.get_active_symbols() == {"QQQ"}
    assert world.store.verify().sound


def test_trades_make_bars_that_late_and_cancelled_ones_change(world: World) -> None:
    feed = Scripted([trade(1, 1, 100.0), trade(2, 30, 101.0, 3.0), trade(3, 61, 102.0)])
    feed.keeps_open = True
    world.clock.now = OPEN + timedelta(seconds=90)
    session = world.session(feed, options={"settle_seconds": 0})

    async def beside() -> None:
        await until(lambda: world.closes() == {0: 101.0})
        forming = (await session.forming("SPY")).to_pylist()
        assert [(row["bar_start"], row["close"]) for row in forming] == [(OPEN + MINUTE, 102.0)]

    run(session, beside)
    (row,) = world.store.bars("SPY", "1m").to_pylist()
    assert (row["volume"], row["trade_count"], row["vwap"]) == (4.0, 2, 100.75)
    later = Scripted([trade(4, 59, 99.0), cancel(1)], [cancel(3)], [trade(2, 30, 105.0, 3.0, revision=1)])
    world.clock.now = OPEN + 3 * MINUTE
    run(world.session(later, options={"settle_seconds": 0}))
    assert world.closes() == {0: 99.0}
    (row,) = world.store.bars("SPY", "1m").to_pylist()
    assert (row["open"], row["high"], row["low"], row["trade_count"]) == (105.0, 105.0, 99.0, 2)
    gone = Scripted([cancel(2), cancel(4)])
    run(world.session(gone, options={"settle_seconds": 0}))
    assert world.closes() == {}
    assert world.store.verify().sound


@pytest.mark.parametrize("purge", [False, True])
def test_trades_go_with_their_symbol(world: World, purge: bool) -> None:
    world.clock.now = OPEN + timedelta(seconds=30)
    run(world.session(Scripted([trade(1, 1, 100.0)])))
    assert len(world.ask("FROM trade")) == len(world.ask("FROM trade_bucket")) == 1
    SessionCoordinator(world.store).remove_symbol("SPY", purge=purge)
    assert world.ask("FROM trade") == world.ask("FROM trade_bucket") == []


def test_trades_are_kept_for_a_while_and_later_ones_refused(world: World) -> None:
    world.clock.now = OPEN + 2 * MINUTE
    options = {"settle_seconds": 0, "trades_kept_seconds": 300}
    run(world.session(Scripted([trade(1, 1, 100.0)]), options=options))
    world.clock.now = OPEN + 20 * MINUTE
    for sent in (trade(3, 19 * 60, 101.0), trade(2, 2, 50.0)):  # the second is late by the first
        feed = Scripted([sent])
        feed.keeps_open = True
        run(world.session(feed, options=options), lambda: until(lambda: len(world.closes()) == 2))
    assert world.closes() == {0: 100.0, 19: 101.0}
    assert [json.loads(row["given"])["id"] for row in world.ask("FROM rejected")] == ["2"]
    world.clock.now = OPEN + 10 * MINUTE  # a clock that goes back does not open what is final
    again = Scripted([trade(5, 6 * 60, 50.0)])
    run(world.session(again, options=options))
    assert len(world.closes()) == 2
    assert [row["trade_id"] for row in world.ask("FROM trade")] == ["3"]


def test_a_feed_that_lacks_a_base_registers_nothing(world: World) -> None:
    with pytest.raises(RegistrationError):
        run(world.session(Scripted(offer=Offer(intervals=("1d",)))))
    assert world.store.get_active_symbols() == set()


def test_a_feed_that_declares_nothing_leaves_what_is_registered_as_it_is(world: World) -> None:
    SessionCoordinator(world.store).register("SPY", ["1m", "5m"], "CMES", closing_bar="include")
    feed = Scripted([bar(0)], offer=Offer())
    feed.keeps_open = True
    session = LiveSession(world.store, feed, "SPY", ["5m", "10m"])

    async def beside() -> None:
        await until(lambda: feed.acknowledged)
        await session.add_interval("SPY", "15m")

    run(session, beside)
    kept = world.store.get_symbol_data("SPY")
    assert kept is not None
    assert (kept.calendar, kept.closing_bar, kept.base_interval) == ("CMES", "include", "1m")
    assert kept.derived_intervals == ["5m", "10m", "15m"]


def test_a_feed_that_declares_nothing_needs_a_calendar_for_what_is_new(world: World) -> None:
    with pytest.raises(RegistrationError, match=r"SPY: it is not registered yet, .* give calendar="):
        run(LiveSession(world.store, Scripted(offer=Offer()), "SPY", ["5m"]))
    assert world.store.get_active_symbols() == set()


def test_a_symbol_that_is_added_and_cannot_be_had_is_refused(world: World) -> None:
    feed = Scripted([bar(0)], offer=Offer(intervals={"SPY": ("1m",)}))
    feed.keeps_open = True
    session = world.session(feed, on_missing="skip")

    async def beside() -> None:
        await until(lambda: feed.acknowledged)
        with pytest.raises(RegistrationError, match="QQQ: the feed declares no interval for it"):
            await session.add_symbol("QQQ")
        with pytest.raises(UnknownSymbolError):
            await session.add_interval("QQQ", "10m")

    run(session, beside)
    assert feed.subscribed == []


def test_a_snapshot_is_published(world: World, tmp_path: Path) -> None:
    feed = Scripted([bar(0), bar(1)])
    feed.keeps_open = True
    target = tmp_path / "public" / "snapshot.duckdb"
    target.parent.mkdir()
    session = world.session(feed, publish=target, options={"publish_seconds": 0.05})
    run(session, lambda: until(target.exists))
    with open_store(target, read_only=True) as copy:
        assert copy.get_active_symbols() == {"SPY"}


def test_bars_are_written_while_a_snapshot_is_made(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Event(), threading.Event()

    async def until_begun() -> None:
        await until(begun.is_set)

    def copied(*given: Any) -> None:
        begun.set()
        assert may_end.wait(15)
        copy_synced(*given)

    feed = Scripted([bar(0)], until_begun, [bar(1)])
    feed.keeps_open = True
    target = tmp_path / "snapshot.duckdb"
    session = world.session(feed, publish=target, options={"publish_seconds": 0.05})

    async def beside() -> None:
        await until(lambda: 1 in world.closes())
        assert not target.exists()
        may_end.set()
        await until(target.exists)

    copy_synced = file_copy.copy_synced
    monkeypatch.setattr(file_copy, "copy_synced", copied)
    run(session, beside)
    assert world.closes() == {0: 100.5, 1: 100.5}


def test_tables_in_a_feeds_own_columns(world: World) -> None:
    table = pa.table(
        {
            "ticker": ["SPY"],
            "t": pa.array([OPEN], pa.timestamp("us", "UTC")),
            **{name: [1.0] for name in "ohlc"},
            "v": [2.0],
        }
    )
    run(world.session(Scripted(Delivery({"n": 1}, bars={"1m": table}))))
    assert world.closes() == {0: 1.0}
