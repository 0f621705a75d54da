"""A bar built from trades knows whether they were seen from its start to its end; one that is not is incomplete."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from live_kit import MINUTE, OPEN, Clock, Scripted, cancel, trade

from barhouse import LiveOptions, LiveSession, SessionCoordinator, SessionStore, open_store
from barhouse.coordinator.feeds.feed import Delivery
from barhouse.coordinator.live.delivery_queue import Taken
from barhouse.coordinator.live.writer import LiveWriter
from barhouse.store.errors import FeedError
from barhouse.store.model.bar import COLUMNS

FAST = {"flush_seconds": 0.0, "heartbeat_seconds": 0.02, "reconnect_seconds": 0.01, "settle_seconds": 0}


class Live:
    """A store with minutes of SPY, and sessions that follow feeds into it."""

    def __init__(self, path: Path) -> None:
        self.clock = Clock(OPEN)
        self.store: SessionStore = open_store(path, clock=self.clock, settings={"threads": 1})
        SessionCoordinator(self.store).register(["SPY", "QQQ"], ["1m", "5m"], "XNYS")

    def follow(self, *steps: Any, history: dict[str, Any] | None = None, **given: Any) -> Scripted:
        """Follow a feed that does these steps to its end; each list of trades comes when its last was made."""
        feed = Scripted(*(one for step in steps for one in self._timed(step)), history=history)
        options = LiveOptions(**FAST, gap_fill_seconds=given.pop("gap_fill_seconds", 600))
        asyncio.run(LiveSession(self.store, feed, ["SPY", "QQQ"], options=options, **given).run())
        return feed

    def _timed(self, step: Any) -> list[Any]:
        events = step.events if isinstance(step, Delivery) else step
        times = [event.at for event in events if event.at] if isinstance(events, (list, tuple)) else []
        return [lambda: setattr(self.clock, "now", max([self.clock.now, *times])), step] if times else [step]

    def bars(self, interval: str = "1m", symbol: str = "SPY") -> dict[int, tuple[float, bool]]:
        """Volume, and whether it is complete, by minute."""
        rows = self.store.bars(symbol, interval).to_pylist()
        return {(bar["bar_start"] - OPEN) // MINUTE: (bar["volume"], bar["complete"]) for bar in rows}

    def gaps(self) -> list[tuple[int, int]]:
        rows = self.store.sql("FROM gaps WHERE symbol = 'SPY' AND interval = '1m' ORDER BY gap_start").to_pylist()
        return [((row["gap_start"] - OPEN) // MINUTE, row["missing_count"]) for row in rows]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    made = Live(tmp_path / "bars.duckdb")
    yield made
    report = made.store.verify()
    assert report.sound, str(report)
    made.store.close()


def seconds(begin: int, end: int, symbol: str = "SPY") -> list[Any]:
    """A trade a second."""
    return [trade(second, second, 100.0, symbol=symbol) for second in range(begin, end)]


def minutes(*starts: int, volume: float = 60.0) -> pa.Table:
    prices = {"open": 100.0, "high": 100.0, "low": 100.0, "close": 100.0, "trade_count": 60, "vwap": 100.0}
    rows = [{"symbol": "SPY", "bar_start": OPEN + one * MINUTE, "volume": volume, **prices} for one in starts]
    return pa.Table.from_pylist(rows, COLUMNS)


LOSSES: dict[str, Callable[[list[Any]], list[Any]]] = {
    "missed": lambda trades: [Delivery({"n": 99}, events=trades, missed=True)],
    "missed, said before": lambda trades: [Delivery(None, missed=True), trades],
}


@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES.keys())
def test_a_minute_of_which_trades_were_missed_is_incomplete_and_history_heals_it(
    live: Live, lose: Callable[[list[Any]], list[Any]]
) -> None:
    """One trade a second, of which 110 are lost: 15:01 had 30 of 60, and was complete."""
    live.follow(seconds(0, 100), *lose(seconds(210, 361)))
    assert live.bars() == {
        0: (60.0, True),
        1: (40.0, False),
        3: (30.0, False),
        4: (60.0, True),
        5: (60.0, True),
    }
    assert live.bars("5m") == {0: (190.0, False)}
    assert live.gaps() == [(1, 3)]
    history = {"SPY": minutes(0, 1, 2, 3, volume=61.0)}
    live.follow([trade(361, 361, 100.0)], history=history, gap_fill_seconds=0.01)
    healed = {1: (61.0, True), 2: (61.0, True), 3: (61.0, True)}
    assert live.bars() == {0: (60.0, True), **healed, 4: (60.0, True), 5: (60.0, True)}
    assert live.bars("5m") == {0: (303.0, True)}
    assert live.gaps() == []


def test_equal_values_from_history_say_that_it_is_whole(live: Live) -> None:
    live.follow(seconds(30, 121))
    assert live.bars() == {0: (30.0, False), 1: (60.0, True)}
    SessionCoordinator(live.store).load(minutes(0, volume=30.0), None, "1m")
    assert live.bars() == {0: (30.0, True), 1: (60.0, True)}


def test_what_history_healed_stays_when_more_of_its_trades_come(live: Live) -> None:
    """Late trades, corrections and a cancellation of the last one: the trades at hand are not all there were."""
    live.follow(seconds(58, 121))
    SessionCoordinator(live.store).load(minutes(0), None, "1m")
    live.follow([trade("late", 57, 101.0)], [trade(58, 58, 99.0, revision=1)])
    assert live.bars()[0] == (60.0, True)
    live.follow([cancel("late"), cancel(58), cancel(59)])
    assert live.bars()[0] == (60.0, True)


def test_joining_in_the_middle_of_a_minute_leaves_it_incomplete(live: Live) -> None:
    live.clock.now = OPEN + timedelta(seconds=20)
    live.follow(seconds(20, 130))
    assert live.bars() == {0: (40.0, False), 1: (60.0, True)}


def test_joining_before_the_first_trade_of_a_minute_is_to_see_it_whole(live: Live) -> None:
    """The connection stood a minute before, by the clock: what was made since has come."""
    live.clock.now = OPEN - MINUTE
    live.follow([trade(1, 12, 100.0), trade(2, 61, 100.0)])
    assert live.bars() == {0: (1.0, True)}


def test_a_feed_that_goes_on_after_its_position_loses_nothing(live: Live) -> None:
    live.follow(seconds(0, 90), FeedError("gone"), seconds(90, 100))
    live.follow(seconds(100, 121))
    assert live.bars() == {0: (60.0, True), 1: (60.0, True)}


def test_a_feed_without_positions_loses_what_it_sends_before_it_is_there_again(live: Live) -> None:
    live.follow(Delivery(None, events=seconds(0, 90)), FeedError("gone"), Delivery(None, events=seconds(95, 190)))
    assert live.bars() == {0: (60.0, True), 1: (55.0, False), 2: (60.0, True)}
    live.follow(Delivery(None, events=seconds(190, 241)))
    assert live.bars()[3] == (60.0, False), "it was stopped and started again"


def test_a_bar_that_was_built_by_the_clock_is_doubted_when_the_feed_was_gone_by_then(live: Live) -> None:
    """Nothing came, so that it was taken to be quiet; then it says that something was missed."""
    live.follow(Delivery({"n": 1}, events=seconds(0, 58)), lambda: _pass(live, 5.0), Delivery(None, missed=True))
    assert live.bars() == {0: (58.0, False)}


async def _pass(live: Live, second: float) -> None:
    live.clock.now = OPEN + MINUTE + timedelta(seconds=second)
    for _ in range(500):
        if live.store.bars("SPY", "1m").num_rows:
            break
        await asyncio.sleep(0.01)
    assert live.bars() == {0: (58.0, True)}


def test_the_last_bar_of_a_feed_that_ends_is_built(live: Live) -> None:
    """Whether it is whole is known only where the feed, or the clock, has come to its end."""
    live.clock.now = OPEN + 10 * MINUTE
    live.follow(seconds(0, 119))
    assert live.bars() == {0: (60.0, True), 1: (59.0, False)}
    live.follow(seconds(119, 121))
    assert live.bars() == {0: (60.0, True), 1: (60.0, True), 2: (1.0, False)}


def test_a_symbol_that_is_taken_in_later_is_not_seen_before(live: Live) -> None:
    feed = Scripted(seconds(0, 70))
    options = LiveOptions(**FAST)
    live.clock.now = OPEN + 10 * MINUTE
    asyncio.run(LiveSession(live.store, feed, ["SPY"], options=options).run())
    live.follow(seconds(70, 130, "QQQ") + seconds(70, 190), seconds(130, 190, "QQQ"))
    assert live.bars(symbol="QQQ") == {1: (50.0, False), 2: (60.0, True), 3: (10.0, False)}
    assert live.bars() == {0: (60.0, True), 1: (60.0, True), 2: (60.0, True), 3: (10.0, False)}


def test_a_trade_whose_values_are_refused_is_lacking_until_it_is_corrected(live: Live) -> None:
    live.follow(seconds(0, 30), [trade("huge", 30, 1e12, 1e12)], seconds(31, 61))
    assert live.bars() == {0: (59.0, False)}
    live.follow([trade("huge", 30, 100.0, revision=1)])
    assert live.bars() == {0: (60.0, True)}


def parquet(table: pa.Table, folder: Path) -> str:
    path = folder / "history.parquet"
    pa.parquet.write_table(table, path)
    return str(path)


def text(table: pa.Table, folder: Path) -> list[str]:
    path = folder / "history.csv"
    pa.csv.write_csv(table, path)
    return [str(path)]


HISTORIES: dict[str, Callable[[pa.Table, Path], object]] = {
    "Arrow": lambda table, folder: table,
    "Arrow, other names": lambda table, folder: table.rename_columns(["ticker", "ts", *table.column_names[2:]]),
    "Arrow reader": lambda table, folder: table.to_reader(),
    "pandas": lambda table, folder: table.to_pandas(),
    "pandas, indexed by time": lambda table, folder: table.to_pandas().set_index("bar_start"),
    "polars": lambda table, folder: pl.from_arrow(table),
    "Parquet": parquet,
    "text": text,
}


@pytest.mark.parametrize("shape", HISTORIES.values(), ids=HISTORIES.keys())
@pytest.mark.parametrize("starts", [(0, 1, 2), (1, 2)], ids=["some are whole", "all are whole"])
def test_history_of_every_shape_leaves_bars_alone_that_trades_made_whole(
    live: Live, tmp_path: Path, shape: Callable[[pa.Table, Path], object], starts: tuple[int, ...]
) -> None:
    live.follow(seconds(30, 181))
    assert live.bars() == {0: (30.0, False), 1: (60.0, True), 2: (60.0, True)}
    writer = LiveWriter(live.store, "scripted", LiveOptions(**FAST))
    writer.symbols = {"SPY", "QQQ"}
    writer.begin("live", {})
    before = live.bars()
    writer.load_history("SPY", "1m", shape(minutes(*starts, volume=77.0), tmp_path))
    healed = {0: (77.0, True)} if 0 in starts else {}
    assert live.bars() == before | healed


# What comes late: in the feed's own time, not the clock's


def restarted(live: Live, before: list[Any], minutes_out: int, after: list[Any]) -> None:
    """A session that stops, and one that goes on where it was, so much later; nothing is lost."""
    options = LiveOptions(**FAST, trades_kept_seconds=300)
    for number, events in enumerate((before, after)):
        live.clock.now = max(event.at for event in before) + timedelta(minutes=minutes_out * number, seconds=1)
        writer = LiveWriter(live.store, "scripted", options)
        writer.symbols = {"SPY", "QQQ"}
        writer.begin("live", {})
        for event in events:
            live.clock.now = max(live.clock.now, event.at)
            writer.write(Taken({"n": event.id}, events=[event]))
        writer.beat(live.clock.now)
        writer.end("stopped")


@pytest.mark.parametrize("minutes_out", [1, 8, 300])
def test_what_a_feed_catches_up_with_is_not_late(live: Live, minutes_out: int) -> None:
    """Trades every nine seconds; the session is out for longer than trades are kept."""
    sent = [trade(number, 9 * number, 10.0 + number / 100) for number in range(36)]
    restarted(live, sent[:12], minutes_out, sent[12:])
    assert live.store.sql("FROM rejected").num_rows == 0
    counts = {minute: len([one for one in sent if (one.at - OPEN) // MINUTE == minute]) for minute in range(5)}
    assert {minute: volume for minute, (volume, _) in live.bars().items() if minute < 5} == counts
    assert all(complete for minute, (_, complete) in live.bars().items() if 0 < minute < 5)


@pytest.mark.parametrize("joined", [0, 3600])
def test_a_feed_that_is_joined_behind_the_clock_is_taken_from_its_first_trade(live: Live, joined: int) -> None:
    live.clock.now = OPEN + timedelta(seconds=joined)
    sent = [trade(number, 7 * number, 10.0) for number in range(60)]
    live.follow(sent)
    assert live.store.sql("FROM rejected").num_rows == 0
    assert sum(volume for minute, (volume, _) in live.bars().items() if minute < 6) == 52


def test_a_bar_lacks_a_trade_that_came_too_late_to_be_kept(live: Live) -> None:
    sent = [trade(number, 5 * number, 10.0) for number in range(300)]  # 25 minutes
    late = trade("late", 62, 12.0)
    live.follow(sent)
    assert live.bars()[1] == (12, True)
    live.follow([late])
    (rejected,) = live.store.sql("FROM rejected").to_pylist()
    assert rejected["reason"] == "older than the trades that are kept"
    assert live.bars()[1] == (12, False)
    assert live.bars("5m")[0][1] is False
    assert live.gaps() == [(1, 1)]
    assert live.store.verify().sound


@pytest.mark.parametrize("ahead", [700, 900, 3600])
@pytest.mark.parametrize(("with_trades", "together"), [(True, 10), (True, 3), (False, 10)])
def test_a_trade_far_ahead_does_not_hide_what_was_lost_behind_it(
    live: Live, ahead: int, with_trades: bool, together: int
) -> None:
    """The feed is at 5:30 when one of its trades is of much later; what it sends of 5:31 to 8:09 is lost."""
    sent = {second: trade(second, second, 10.0) for second in range(0, 1200, 7)}
    lost = [second for second in sent if 331 <= second < 490]
    writer = LiveWriter(live.store, "scripted", LiveOptions(**FAST, trades_kept_seconds=7200))
    writer.symbols = {"SPY", "QQQ"}
    writer.begin("live", {})

    def send(trades: list[Any]) -> None:
        for begin in range(0, len(trades), together):
            events = trades[begin : begin + together]
            live.clock.now = max(live.clock.now, events[-1].at)
            writer.write(Taken({"n": events[-1].id}, events=events))

    send([event for second, event in sent.items() if second < 331])
    live.clock.now = OPEN + timedelta(seconds=850)
    writer.write(Taken({"n": "ahead"}, events=[trade("ahead", ahead, 10.0)]))
    after = [event for second, event in sent.items() if second >= 490]
    writer.write(Taken({"n": 490}, events=after[:1] if with_trades else [], missed=True))
    send(after)
    writer.beat(live.clock.now + timedelta(seconds=61))
    whole = {minute for minute, (_, complete) in live.bars().items() if complete}
    assert whole & {second // 60 for second in lost} == set()
    assert set(range(1, 5)) <= whole
    assert live.store.verify().sound
