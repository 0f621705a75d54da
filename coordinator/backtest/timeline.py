"""The time of a backtest: its sessions and blocks as they were when it began, and its bars in the order they close.

A bar of a session belongs to the tick at which it closes: its end; for the last derived bars of a session of a
symbol with ``closing_bar="include"`` one base width later. That a bar lacks base bars changes nothing about it. Bars
outside of sessions are not handed over.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any

import pyarrow as pa

from barhouse.coordinator.backtest.tick import Chunk, Session, Tick
from barhouse.store.calendars.session_day import day_start
from barhouse.store.database.transaction import Transaction
from barhouse.store.model.interval import Interval, Unit
from barhouse.store.session_store import SessionStore
from barhouse.store.sql import Sql, joined, sql

#: What one read of the store aims at; memory is bounded by it, whatever a backtest's length.
_CHUNK_ROWS = 100_000
_STEP_MIN, _STEP_MAX = timedelta(minutes=1), timedelta(days=400)
_MOMENT = timedelta(microseconds=1)
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class Stream:
    """An interval of a symbol that a backtest reads; ``place`` is its rank in the order of delivery."""

    interval_id: int
    symbol: str
    interval: str
    unit: Unit
    length: int
    derived: bool
    base_id: int
    base_unit: str
    base_length: int
    calendar: str
    kind: str
    wait_seconds: int
    place: int
    delivered: bool

    @property
    def intraday(self) -> bool:
        """Whether its bars are parts of a segment."""
        return self.unit == "second"

    @property
    def reach(self) -> timedelta:
        """How much earlier than its tick a bar can start; a block of sessions may hold long holidays."""
        if self.intraday:
            return timedelta(seconds=self.length + self.wait_seconds)
        return timedelta(seconds=2 * Interval(self.unit, self.length).nominal_seconds, days=40)


@dataclass(frozen=True, slots=True)
class Block:
    """Some sessions that one bar of 1d or longer covers; ``known`` says that no session can be added."""

    first_date: date
    last_date: date
    open: datetime
    close: datetime
    known: bool
    expected_count: int


@dataclass(frozen=True, slots=True)
class Span:
    """The sessions a calendar is replayed for: dates, both included, and where delivery begins and ends."""

    first_date: date
    last_date: date
    begins: datetime
    ends: datetime


class PinnedSessions:
    """The sessions of the calendars of a backtest, as they were when it began."""

    def __init__(
        self, transaction: Transaction, streams: Sequence[Stream], pinned: int, known_through: Mapping[str, date]
    ) -> None:
        calendars = sorted({stream.calendar for stream in streams})
        which = {"calendars": calendars, "pinned": pinned}
        rows = transaction.run("backtest.pinned_sessions", which)
        #: Every session's last close, by calendar.
        self.ends = transaction.table("backtest.session_ends", which)
        self.segments: dict[tuple[str, date, int], tuple[datetime, datetime]] = {}
        self.by_calendar: dict[str, list[Session]] = {calendar: [] for calendar in calendars}
        for (calendar, session_date), found in groupby(rows, key=attrgetter("calendar", "session_date")):
            segments = list(found)
            for segment in segments:
                self.segments[calendar, session_date, segment.segment] = segment.segment_open, segment.segment_close
            first, last = segments[0], segments[-1]
            self.by_calendar[calendar].append(Session(calendar, session_date, first.segment_open, last.segment_close))
        zones = transaction.run("backtest.timezones", {"calendars": calendars})
        self._zones = {zone.calendar: zone.timezone or "UTC" for zone in zones}
        self._closes = {
            (session.calendar, session.close) for sessions in self.by_calendar.values() for session in sessions
        }
        self.blocks: dict[tuple[str, str], list[Block]] = {}
        for stream in streams:
            if not stream.intraday and (stream.calendar, stream.kind) not in self.blocks:
                parameters = {
                    "calendar": stream.calendar,
                    "unit": stream.unit,
                    "length": stream.length,
                    "base_unit": stream.base_unit,
                    "base_length": stream.base_length,
                    "known_through": known_through[stream.calendar],
                    "pinned": pinned,
                }
                blocks = transaction.run("backtest.pinned_blocks", parameters)
                self.blocks[stream.calendar, stream.kind] = [Block(**row._asdict()) for row in blocks]

    def at_or_after(self, calendar: str, day: date) -> int:
        """Where the first session on or after a date stands in its calendar."""
        return bisect_left(self.by_calendar[calendar], day, key=lambda session: session.session_date)

    def day_start(self, calendar: str, day: date) -> datetime:
        """Where the day of a date begins; see ``barhouse.store.calendars.session_day``."""
        own, at = self.by_calendar[calendar], self.at_or_after(calendar, day)
        last_close = own[at - 1].close if at else None
        next_open = own[at].open if at < len(own) else None
        return day_start(self._zones[calendar], day, last_close, next_open)

    def block(self, stream: Stream, session_date: date) -> Block:
        """The block of a stream that a session belongs to."""
        blocks = self.blocks[stream.calendar, stream.kind]
        return blocks[bisect_right(blocks, session_date, key=lambda block: block.first_date) - 1]

    def is_close(self, calendar: str, at: datetime) -> bool:
        """Whether a session ends at an instant."""
        return (calendar, at) in self._closes


class Timeline:
    """The ticks of a backtest from its first session to its last."""

    def __init__(
        self,
        store: SessionStore,
        streams: Sequence[Stream],
        sessions: PinnedSessions,
        spans: Mapping[str, Span],
        pinned: int,
    ) -> None:
        self._store = store
        self._streams = streams
        self._sessions = sessions
        self._spans = spans
        self._pinned = pinned
        self._stream_table = _as_table(streams, spans)
        self._end_table = sessions.ends
        self._turns = sorted(self._all_turns(), key=itemgetter(0))
        self.begins = min(span.begins for span in spans.values()) - _MOMENT
        self.ends = max(span.ends for span in spans.values())

    def open_count(self, after: datetime) -> int:
        """How many sessions are open right after an instant."""
        return sum(1 if opens else -1 for at, opens, _ in self._turns if at <= after)

    def chunks(self, after: datetime) -> Iterator[tuple[datetime, list[Tick]]]:
        """The ticks later than an instant, some at a time, each time with the instant they reach to."""
        after, step = max(after, self.begins), timedelta(days=1)
        while after < self.ends:
            through = min(after + step, self.ends)
            chunk = Chunk(self._closing(after, through))
            ticks = list(self._ticks(chunk, after, through))
            yield through, ticks
            rows = len(chunk.instants)
            if rows > 2 * _CHUNK_ROWS:
                step = max(step / 2, _STEP_MIN)
            elif rows < _CHUNK_ROWS // 2:
                step = min(step * 2, _STEP_MAX)
            after = through

    def _ticks(self, chunk: Chunk, after: datetime, through: datetime) -> Iterator[Tick]:
        """The ticks of a chunk: where bars close, where sessions turn, and where both do."""
        low, high = (bisect_right(self._turns, at, key=itemgetter(0)) for at in (after, through))
        rows = {now: (first, last) for now, first, last in chunk.ticks()}
        turns = {now: list(found) for now, found in groupby(self._turns[low:high], key=itemgetter(0))}
        instants = sorted(rows.keys() | turns.keys()) if turns else rows
        for now in instants:
            opened = tuple(session for _, opens, session in turns.get(now, ()) if opens)
            closed = tuple(session for _, opens, session in turns.get(now, ()) if not opens)
            yield Tick(now, opened, closed, chunk, *rows.get(now, (0, 0)))

    def _closing(self, after: datetime, through: datetime) -> pa.Table:
        parameters: dict[str, Any] = {"pinned": self._pinned, "after": after, "through": through}
        with self._store.reading() as transaction:
            streams = transaction.attach("streams", self._stream_table)
            ends = transaction.attach("session_ends", self._end_table)
            conditions: list[Sql] = []
            if short := [stream.reach for stream in self._streams if stream.delivered and stream.intraday]:
                parameters |= {"since_short": after - max(short)}
                conditions.append(sql("backtest.of_short_streams", streams=streams))
            if long := [stream.reach for stream in self._streams if stream.delivered and not stream.intraday]:
                parameters |= {"since_long": after - max(long)}
                conditions.append(sql("backtest.of_long_streams", streams=streams))
            reads = [sql("backtest.pinned_bars", which=condition) for condition in conditions]
            bars = joined(Sql(" UNION ALL BY NAME "), reads)
            return transaction.table("backtest.closing_bars", parameters, bars=bars, streams=streams, session_ends=ends)

    def _all_turns(self) -> Iterator[tuple[datetime, bool, Session]]:
        for calendar, span in self._spans.items():
            wait = timedelta(
                seconds=max(stream.wait_seconds for stream in self._streams if stream.calendar == calendar)
            )
            for session in self._sessions.by_calendar[calendar]:
                if span.first_date <= session.session_date <= span.last_date:
                    yield session.open, True, session
                    yield session.close + wait, False, session


def _as_table(streams: Sequence[Stream], spans: Mapping[str, Span]) -> pa.Table:
    rows = [
        (
            stream.interval_id,
            stream.symbol,
            stream.interval,
            stream.calendar,
            stream.intraday,
            stream.wait_seconds,
            stream.place,
            _micros(spans[stream.calendar].begins),
            _micros(spans[stream.calendar].ends),
        )
        for stream in streams
        if stream.delivered
    ]
    kinds = {
        "interval_id": pa.int32(),
        "symbol": pa.string(),
        "interval": pa.string(),
        "calendar": pa.string(),
        "intraday": pa.bool_(),
        "wait_seconds": pa.int64(),
        "place": pa.int32(),
        "begins_us": pa.int64(),
        "ends_us": pa.int64(),
    }
    arrays = [pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), kinds.values(), strict=True)]
    return pa.Table.from_arrays(arrays, names=list(kinds))


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // _MOMENT
