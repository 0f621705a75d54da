"""What is not seen is not complete: trades are missed, late, doubled, corrected, cancelled, and sessions start again.

The market of a test is a list of trades, each with the moment it is sent. Outages lose what is sent in them. The oracle
knows both, and nothing of the store: a bar that lacks a trade that was sent in time and lost is never complete; history
makes every bar whole. ``BARHOUSE_TRADES`` says how many markets there are, ``BARHOUSE_SEED`` which ones.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copyfile

import pyarrow as pa
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from barhouse import SessionCoordinator, SessionStore, open_store
from barhouse.coordinator.feeds.events import CancelEvent, Event, TradeEvent
from barhouse.coordinator.live.delivery_queue import Taken
from barhouse.coordinator.live.options import LiveOptions
from barhouse.coordinator.live.writer import LiveWriter
from barhouse.store.model.bar import COLUMNS
from tests.extent import SEED, TRADES, shares

OPEN = datetime(2024, 11, 29, 14, 30, tzinfo=UTC)  # XNYS is open
MINUTE = timedelta(minutes=1)
MINUTES = 6
#: How long after it is made a trade comes that is in time; no other is lost unknown to the feed.
DELAY = timedelta(seconds=0.2)
OPTIONS = LiveOptions(settle_seconds=0.5)
SYMBOLS = ("QQQ", "SPY")


@dataclass(frozen=True)
class Sent:
    """A message: when it is sent, what it is, and whether it is a trade that is in time."""

    at: datetime
    event: Event
    in_time: bool


@dataclass
class Market:
    """What is sent in a few minutes, and when nothing is heard of it."""

    messages: list[Sent] = field(default_factory=list)
    outages: list[tuple[datetime, datetime]] = field(default_factory=list)
    joins_at: datetime = OPEN
    is_punctual: bool = True

    def is_heard(self, sent: Sent) -> bool:
        return sent.at >= self.joins_at and not any(begins <= sent.at < end for begins, end in self.outages)


def market_of(chance: random.Random) -> Market:
    """Two symbols, trades every few seconds; up to three outages, one of them at the beginning."""
    market = Market(is_punctual=chance.random() < 0.5)
    market.joins_at = OPEN + timedelta(seconds=chance.choice([-30, 0, 0.3, 20, 60]))
    for symbol in SYMBOLS:
        second, number = 0.0, 0
        while (second := second + chance.choice([0.5, 1, 3, chance.uniform(0, 40)])) < 60 * MINUTES:
            number += 1
            _send(market, chance, symbol, number, OPEN + timedelta(seconds=second))
    for _ in range(chance.choice([0, 1, 1, 2])):
        begins = OPEN + timedelta(seconds=chance.uniform(0, 60 * MINUTES))
        market.outages.append((begins, begins + timedelta(seconds=chance.choice([0.5, 10, 110, 200]))))
    market.messages.sort(key=lambda sent: sent.at)
    return market


def _send(market: Market, chance: random.Random, symbol: str, number: int, at: datetime) -> None:
    event = TradeEvent(symbol=symbol, id=str(number), at=at, price=chance.choice([10.0, 10.5, 11.0]), size=1.0)
    is_late = not market.is_punctual and at > market.joins_at + MINUTE and chance.random() < 0.05
    delay = timedelta(seconds=chance.uniform(1, 100)) if is_late else DELAY
    market.messages.append(Sent(at + delay, event, not is_late))
    if chance.random() < 0.1:  # corrected, cancelled, or sent again
        changed = event.model_copy(update={"price": 12.0, "revision": 1})
        more = chance.choice([changed, CancelEvent(symbol=symbol, id=event.id), event])
        market.messages.append(Sent(at + delay + timedelta(seconds=chance.uniform(0.1, 30)), more, False))


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("seen") / "registered.duckdb"
    with open_store(path, clock=lambda: OPEN) as store:
        SessionCoordinator(store).register(SYMBOLS, ["1m", "5m", "1d"], "XNYS")
    return path


@pytest.mark.parametrize(("part", "examples"), list(enumerate(shares(TRADES, 5))))
def test_no_bar_that_lacks_trades_is_complete(registered: Path, tmp_path: Path, part: int, examples: int) -> None:
    @seed(SEED * 10_000 + part)
    @settings(max_examples=examples, database=None, deadline=None, print_blob=True)
    @given(chances=st.integers(0, 2**32))
    def holds(chances: int) -> None:
        chance = random.Random(chances)
        check(market_of(chance), chance, Path(copyfile(registered, tmp_path / "bars.duckdb")))

    holds()


def check(market: Market, chance: random.Random, path: Path) -> None:
    """Live through a market, look at what is called complete at every step, and let history make it whole."""
    clock = [market.joins_at]
    with open_store(path, clock=lambda: clock[0], settings={"threads": 1}) as store:
        writer = _writer(store)
        for messages, is_lost in deliveries(market, chance):
            clock[0] = max(clock[0], messages[-1].at)
            if is_lost:
                writer = _writer(store, writer) if chance.random() < 0.5 else writer
                writer.write(Taken(None, connected=chance.random() < 0.5, missed=True))
                expect_no_claims(store, market, clock[0])
                assert (report := store.verify()).sound, str(report)
            elif chance.random() < 0.1:  # goes on where it stopped
                writer = _writer(store, writer)
                writer.write(Taken(None, connected=True))
            writer.write(Taken({"n": str(messages[-1].at)}, events=[sent.event for sent in messages]))
            expect_no_claims(store, market, clock[0])
            if chance.random() < 0.2:
                writer.beat(clock[0], chance.random() < 0.5)
                expect_no_claims(store, market, clock[0])
        clock[0] = OPEN + MINUTES * MINUTE + timedelta(minutes=3)
        if not market.is_heard(market.messages[-1]):  # the feed is quiet only once it is there again
            writer.write(Taken(None, connected=True, missed=True))
            expect_no_claims(store, market, clock[0])
        writer.beat(clock[0])
        expect_no_claims(store, market, clock[0])
        if market.is_punctual:
            expect_what_was_seen(store, market)
        assert (report := store.verify()).sound, str(report)
        heal(store, writer, market)


def deliveries(market: Market, chance: random.Random) -> Iterator[tuple[list[Sent], bool]]:
    """What is heard together, and whether something was lost before it."""
    waiting: list[Sent] = []
    is_lost = was_lost = True
    for sent in market.messages:
        if market.is_heard(sent):
            waiting.append(sent)
            if chance.random() < 0.2:
                yield waiting, is_lost
                waiting, is_lost = [], False
            was_lost = False
        elif not was_lost:
            if waiting:
                yield waiting, is_lost
            waiting, is_lost, was_lost = [], True, True
    if waiting:
        yield waiting, is_lost


def _writer(store: SessionStore, before: LiveWriter | None = None) -> LiveWriter:
    if before is not None:
        before.end("stopped")
    writer = LiveWriter(store, "test", OPTIONS)
    writer.symbols = set(SYMBOLS)
    writer.begin("test", {})
    return writer


def truth(market: Market) -> dict[tuple[str, datetime], int]:
    """How many trades each minute has that are not cancelled."""
    gone = {(one.event.symbol, one.event.id) for one in market.messages if isinstance(one.event, CancelEvent)}
    found: dict[tuple[str, datetime], set[str]] = {}
    for one in market.messages:
        event = one.event
        if isinstance(event, TradeEvent) and event.revision == 0 and (event.symbol, event.id) not in gone:
            found.setdefault((event.symbol, minute_of(event.at)), set()).add(event.id)
    return {key: len(ids) for key, ids in found.items()}


def minute_of(at: datetime) -> datetime:
    return OPEN + (at - OPEN) // MINUTE * MINUTE


def lost(market: Market) -> set[tuple[str, datetime]]:
    """The minutes of which a trade that was sent in time was not heard."""
    return {
        (one.event.symbol, minute_of(one.event.at))
        for one in market.messages
        if one.in_time and isinstance(one.event, TradeEvent) and not market.is_heard(one)
    }


def complete(store: SessionStore, interval: str) -> set[tuple[str, datetime]]:
    rows = store.sql(f"SELECT symbol, bar_start FROM bars WHERE complete AND interval = '{interval}'").to_pylist()
    return {(row["symbol"], row["bar_start"]) for row in rows}


def expect_no_claims(store: SessionStore, market: Market, now: datetime) -> None:
    assert complete(store, "1m") & lost(market) == set(), f"at {now}"
    for symbol, start in complete(store, "5m"):
        assert not {(symbol, start + minute * MINUTE) for minute in range(5)} & lost(market)


def expect_what_was_seen(store: SessionStore, market: Market) -> None:
    """A minute is complete that a trade was heard before and one after, with nothing lost in between."""
    heard = [one for one in market.messages if one.in_time]
    whole = complete(store, "1m")
    for symbol, start in truth(market):
        before = [one for one in heard if one.event.at <= start]
        after = [one for one in heard if one.event.at >= start + MINUTE]
        if not before or not after:
            continue
        first, last = before[-1].at, after[0].at
        if any(begins <= last and end >= first for begins, end in market.outages) or first < market.joins_at:
            continue
        assert (symbol, start) in whole


def heal(store: SessionStore, writer: LiveWriter, market: Market) -> None:
    """History has whole minutes for whoever asks."""
    real = truth(market)
    now = OPEN + MINUTES * MINUTE
    asked_for = [*writer.ranges_missing(SYMBOLS, OPEN.date()), *writer.ranges_to_now(SYMBOLS, OPEN, now)]
    for symbol, interval, start, end in asked_for:
        asked = [minute for name, minute in real if name == symbol and start <= minute < end]
        prices = {"open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "trade_count": None, "vwap": None}
        bars = [{"symbol": symbol, "bar_start": one, "volume": 1000.0, **prices} for one in asked]
        writer.load_history(symbol, interval, pa.Table.from_pylist(bars, COLUMNS))
    writer.derive()
    assert set(real) <= complete(store, "1m")
    rows = store.sql("SELECT symbol, bar_start, volume FROM bars WHERE interval = '1m'").to_pylist()
    for row in rows:
        key = (row["symbol"], row["bar_start"])
        assert row["volume"] == 1000.0 or key not in lost(market), "it was made of the trades at hand"
    assert (report := store.verify()).sound, str(report)
