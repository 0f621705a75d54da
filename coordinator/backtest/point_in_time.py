"""What a subscriber may know at an instant of simulated time: bars that have closed by then, and those forming.

Bars are read a window at a time, as they were when the backtest began, and only what has closed by the simulated
instant is handed out. Forming bars are made from base bars that have closed, and from nothing else.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pyarrow as pa

from barhouse.coordinator.backtest.tick import Bar
from barhouse.coordinator.backtest.timeline import PinnedSessions, Stream
from barhouse.store.session_store import SessionStore
from barhouse.store.sql import sql

#: What is readable where nothing bounds it: everything from here on.
BEGINNING = datetime.fromisoformat("0001-01-02T00:00:00+00:00")
#: The least a window holds, so that the next questions find their answers in it.
_WINDOW_ROWS = 500
#: Windows kept; the one that was not asked for longest goes first.
_WINDOWS = 4_000
_EVERY_ROW = 2**40
_NOT_OF_THE_VIEW = ["tick", "segment"]


@dataclass(slots=True)
class _Window:
    """Every bar of one interval that starts at ``floor`` or later and closes by ``through``.

    ``shown`` has the same rows in the columns of the view. ``asked_count`` and ``asked_start`` are how far back
    questions have reached since it was last continued.
    """

    table: pa.Table
    shown: pa.Table
    floor: datetime
    through: datetime
    ticks: list[datetime]
    starts: list[datetime]
    asked_count: int = 0
    asked_start: datetime | None = None

    @classmethod
    def of(cls, table: pa.Table, floor: datetime, through: datetime) -> _Window:
        shown = table.drop_columns(_NOT_OF_THE_VIEW)
        return cls(table, shown, floor, through, table["tick"].to_pylist(), table["bar_start"].to_pylist())


class Past:
    """Reads bars as of a simulated instant.

    Parameters
    ----------
    since
        The instant each calendar's bars are readable from.
    pinned
        The newest batch that counts.
    """

    def __init__(
        self,
        store: SessionStore,
        streams: Mapping[int, Stream],
        sessions: PinnedSessions,
        since: Mapping[str, datetime],
        pinned: int,
    ) -> None:
        self._store = store
        self._streams = streams
        self._sessions = sessions
        self._since = since
        self._pinned = pinned
        self._end_table = sessions.ends
        self._windows: OrderedDict[int, _Window] = OrderedDict()

    def bars(
        self, stream: Stream, now: datetime, horizon: datetime, count: int | None, start: datetime | None
    ) -> pa.Table:
        """The bars that have closed by ``now``: those that start at ``start`` or later, of them the last ``count``.

        ``horizon`` is how far a window may be read ahead; what closes between ``now`` and it is not handed out.
        """
        if start is None and count is None:
            start = BEGINNING
        window, first, length = self._visible(stream, now, horizon, count, start)
        return window.shown.slice(first, length)

    def forming(self, stream: Stream, now: datetime, horizon: datetime) -> Bar | None:
        """The bar that is being built at ``now``; None where no bucket has begun that has not closed."""
        if not stream.derived:
            return None
        base = self._streams[stream.base_id]
        last = self._last_in_session(base, now, horizon)
        if last is None:
            return None
        session_date, segment, start, expected_of_last = last
        if stream.intraday:
            bounds = self._sessions.segments[stream.calendar, session_date, segment]
            # A closing bar starts where its segment ends, and counts before.
            at = start if expected_of_last else start - timedelta(microseconds=1)
            begins, ends = _bucket(bounds, timedelta(seconds=stream.length), at)
            dates, only, known = (session_date, session_date), segment, True
            expected = -((begins - ends) // timedelta(seconds=stream.base_length))
            waits = self._sessions.is_close(stream.calendar, ends)
        else:
            block = self._sessions.block(stream, session_date)
            begins, ends, known, expected = block.open, block.close, block.known, block.expected_count
            dates, only, waits = (block.first_date, block.last_date), None, True
        if known and ends + timedelta(seconds=stream.wait_seconds if waits else 0) <= now:
            return None
        window, first, length = self._visible(base, now, horizon, None, begins)
        with self._store.reading() as transaction:
            visible = transaction.attach("visible_bars", window.table.slice(first, length))
            parameters = {"first_date": dates[0], "last_date": dates[1], "segment": only}
            values = transaction.one("backtest.forming_bar", parameters, visible_bars=visible)
        complete = values.base_count == expected if expected else None
        head = (stream.symbol, stream.interval, begins, ends, dates[0])
        return Bar._make((*head, *values, expected, complete, None))

    def _last_in_session(
        self, base: Stream, now: datetime, horizon: datetime
    ) -> tuple[date, int, datetime, int] | None:
        """The date, segment, start and expected_count of the last base bar that lies in a session."""
        count = 1
        while True:
            window, first, length = self._visible(base, now, horizon, count, None)
            rows = window.table.slice(first, length).select(["session_date", "segment", "bar_start", "expected_count"])
            for row in reversed(rows.to_pylist()):
                if row["session_date"] is not None:
                    return row["session_date"], row["segment"], row["bar_start"], row["expected_count"]
            if rows.num_rows < count:
                return None
            count *= 16

    def _visible(
        self, stream: Stream, now: datetime, horizon: datetime, count: int | None, start: datetime | None
    ) -> tuple[_Window, int, int]:
        """A window and the rows of it that are asked for: the first, and how many."""
        since = self._since[stream.calendar]
        floor = None if start is None else max(start, since)
        window = self._windows.pop(stream.interval_id, None)
        if window is None:
            window = self._read(stream, now, max(now, horizon), count, floor)
        elif window.through < now:
            window = self._continued(stream, window, max(now, horizon))
        after = bisect_right(window.ticks, now)
        lacks = window.floor > floor if floor is not None else after < (count or 0) and window.floor > since
        if lacks:
            window = self._read(stream, now, window.through, count, floor)
            after = bisect_right(window.ticks, now)
        window.asked_count = max(window.asked_count, count or 0)
        if floor is not None:
            window.asked_start = min(floor, window.asked_start or floor)
        self._windows[stream.interval_id] = window
        if len(self._windows) > _WINDOWS:
            self._windows.popitem(last=False)
        first = 0 if floor is None else bisect_left(window.starts, floor)
        if count is not None:
            first = max(first, after - count)
        return window, first, max(after - first, 0)

    def _read(
        self, stream: Stream, now: datetime, through: datetime, count: int | None, floor: datetime | None
    ) -> _Window:
        """A window that answers the question and reaches ahead to ``through``."""
        since = self._since[stream.calendar]
        if floor is not None:
            return _Window.of(self._history(stream, BEGINNING, through, floor, _EVERY_ROW), floor, through)
        rows = max(2 * (count or 0), _WINDOW_ROWS)
        before = self._history(stream, BEGINNING, now, since, rows)
        ahead = self._history(stream, now, through, since, _EVERY_ROW)
        found = since if before.num_rows < rows else before["bar_start"][0].as_py()
        return _Window.of(pa.concat_tables([before, ahead]).combine_chunks(), found, through)

    def _continued(self, stream: Stream, window: _Window, through: datetime) -> _Window:
        """The window with what closes next, and without what lies further back than questions reached."""
        first = max(len(window.ticks) - max(2 * window.asked_count, _WINDOW_ROWS), 0)
        if window.asked_start is not None:
            first = min(first, bisect_left(window.starts, window.asked_start))
        floor = window.floor if first == 0 else window.starts[first]
        ahead = self._history(stream, window.through, through, self._since[stream.calendar], _EVERY_ROW)
        table = pa.concat_tables([window.table.slice(first), ahead]).combine_chunks()
        return _Window.of(table, floor, through)

    def _history(self, stream: Stream, after: datetime, through: datetime, since: datetime, count: int) -> pa.Table:
        pinned = sql("backtest.pinned_bars", which=sql("backtest.of_one_stream"))
        parameters = {
            "pinned": self._pinned,
            "interval_id": stream.interval_id,
            "symbol": stream.symbol,
            "interval": stream.interval,
            "calendar": stream.calendar,
            "wait_seconds": stream.wait_seconds,
            "after": after,
            "through": through,
            "since": max(since, after - stream.reach) if after > BEGINNING else since,
            "count": count,
        }
        with self._store.reading() as transaction:
            ends = transaction.attach("session_ends", self._end_table)
            return transaction.table("backtest.history", parameters, pinned=pinned, session_ends=ends)


def _bucket(segment: tuple[datetime, datetime], width: timedelta, at: datetime) -> tuple[datetime, datetime]:
    """Where the bucket of a segment begins and ends that holds an instant."""
    opened, closed = segment
    begins = opened + (at - opened) // width * width
    return begins, min(begins + width, closed)
