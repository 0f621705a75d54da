"""What a backtest was asked for, and what came of it when it began: kept with its run, so that it can go on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from barhouse.coordinator.backtest.point_in_time import BEGINNING
from barhouse.coordinator.backtest.timeline import PinnedSessions, Span, Stream, Timeline
from barhouse.coordinator.data_processor import DataProcessor
from barhouse.coordinator.derive.derivation import GRACE
from barhouse.coordinator.derive.work import find_work
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import InputError, StoreError
from barhouse.store.hints import Action, Option
from barhouse.store.records import names, run
from barhouse.store.records.run import Run
from barhouse.store.session_store import SessionStore

log = logging.getLogger("barhouse.backtest")


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What was asked for; see ``Backtest``."""

    symbols: tuple[str, ...]
    intervals: tuple[str, ...] | None
    start: date | None
    end: date | None
    warm_up: int | None

    def as_json(self) -> dict[str, Any]:
        """In JSON's terms."""
        return {
            **asdict(self),
            "symbols": list(self.symbols),
            "intervals": None if self.intervals is None else list(self.intervals),
            "start": self.start and self.start.isoformat(),
            "end": self.end and self.end.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What a backtest replays.

    Attributes
    ----------
    streams
        Every interval of its symbols, in the order of delivery.
    reach
        The first and last session with bars when it began, by calendar.
    known_through
        The last date whose sessions were known, by calendar.
    pinned
        The newest batch it may see.
    """

    request: ReplayRequest
    streams: tuple[Stream, ...]
    reach: Mapping[str, tuple[date, date]]
    known_through: Mapping[str, date]
    pinned: int

    @classmethod
    def begin(
        cls, store: SessionStore, request: ReplayRequest, name: str | None, *, restart: bool
    ) -> tuple[ReplayPlan, Run | None]:
        """Plan a backtest; with a name, begin its run or take up the one that has not come to its end."""
        if name is not None and store.read_only:
            raise StoreError(f"a store that was opened only to be read cannot record a run; leave out {Option('name')}")
        if name is not None and not restart:
            with store.transaction() as transaction:
                run.recover(transaction)
                before = run.runs(transaction, mode="backtest", name=name)
                if before and before[0].state != "done":
                    _check_same(before[0], request)
                    return cls._kept(transaction, request, before[0]), run.take_up(transaction, before[0].run_id)
        if store.read_only:
            with store.reading() as transaction:
                if _work_waits(transaction, store.now()):
                    raise InputError(
                        f"derived bars wait to be processed, and the store is only open to be read; "
                        f"run {Action('process')} first, on a store that is open to be written"
                    )
                return cls._fresh(transaction, request), None
        while True:
            DataProcessor(store).process()
            with store.transaction() as transaction:
                if _work_waits(transaction, store.now()):
                    continue  # somebody loaded in between
                plan = cls._fresh(transaction, request)
                if name is None:
                    return plan, None
                config = {"asked": request.as_json(), "found": plan._as_json()}
                return plan, run.begin(transaction, "backtest", name, config, pinned_batch=plan.pinned)

    @classmethod
    def _fresh(cls, transaction: Transaction, request: ReplayRequest) -> ReplayPlan:
        rows = transaction.run("backtest.interval_ids", {"symbols": list(request.symbols)})
        there: dict[str, list[str]] = {}
        for row in rows:
            there.setdefault(row.symbol, []).append(row.interval)
        for symbol in request.symbols:
            if symbol not in there:
                raise names.unknown(transaction, symbol)
        for interval in request.intervals or ():
            if not any(interval in intervals for intervals in there.values()):
                listed = ", ".join(sorted(set().union(*there.values())))
                raise InputError(f"no symbol of the backtest has interval {interval!r}; there are {listed}")
        pinned = transaction.one("records.newest_batch").batch_id
        reach = {
            row.calendar: (row.first_date, row.last_date)
            for row in transaction.run("backtest.session_range", {"symbols": list(request.symbols)})
        }
        known = dict(transaction.run("backtest.known_through", {"calendars": sorted(reach)}))
        streams = _streams(transaction, [row.interval_id for row in rows], request, pinned)
        return cls(request, tuple(stream for stream in streams if stream.calendar in reach), reach, known, pinned)

    @classmethod
    def _kept(cls, transaction: Transaction, request: ReplayRequest, before: Run) -> ReplayPlan:
        found = before.config["found"]
        reach = {
            calendar: (date.fromisoformat(first), date.fromisoformat(last))
            for calendar, (first, last) in found["reach"].items()
        }
        known = {calendar: date.fromisoformat(last) for calendar, last in found["known_through"].items()}
        assert before.pinned_batch is not None
        streams = _streams(transaction, found["interval_ids"], request, before.pinned_batch)
        return cls(request, tuple(streams), reach, known, before.pinned_batch)

    def _as_json(self) -> dict[str, Any]:
        return {
            "interval_ids": [stream.interval_id for stream in self.streams],
            "reach": {calendar: [day.isoformat() for day in days] for calendar, days in self.reach.items()},
            "known_through": {calendar: day.isoformat() for calendar, day in self.known_through.items()},
        }

    def timeline(self, store: SessionStore) -> tuple[Timeline, PinnedSessions]:
        """Its ticks, and its sessions.

        Raises
        ------
        InputError
            When there are no bars in the range.
        """
        with store.reading() as transaction:
            sessions = PinnedSessions(transaction, self.streams, self.pinned, self.known_through)
        spans = {calendar: span for calendar in sorted(self.reach) if (span := self._span(sessions, calendar))}
        streams = [stream for stream in self.streams if stream.calendar in spans]
        if not any(stream.delivered for stream in streams):
            raise InputError(
                f"the store holds no bars of {', '.join(self.request.symbols[:5])} in sessions from "
                f"{self.request.start or 'the first'} to {self.request.end or 'the last'}; "
                f"the view intervals says what it holds"
            )
        return Timeline(store, streams, sessions, spans, self.pinned), sessions

    def since(self, sessions: PinnedSessions) -> dict[str, datetime]:
        """The instant that each calendar's bars can be read from."""
        found = {}
        for calendar in self.reach:
            warm_up, at = self.request.warm_up, self._first(sessions, calendar)
            own = sessions.by_calendar[calendar]
            bounded = warm_up is not None and at < len(own)
            found[calendar] = own[max(at - (warm_up or 0), 0)].open if bounded else BEGINNING
        return found

    def _first(self, sessions: PinnedSessions, calendar: str) -> int:
        """Where the first session that is handed over stands in its calendar."""
        first, _ = self.reach[calendar]
        if self.request.start is not None:
            return sessions.at_or_after(calendar, max(first, self.request.start))
        return sessions.at_or_after(calendar, first) + (self.request.warm_up or 0)

    def _span(self, sessions: PinnedSessions, calendar: str) -> Span | None:
        own, (_, last_date) = sessions.by_calendar[calendar], self.reach[calendar]
        first, last = self._first(sessions, calendar), sessions.at_or_after(calendar, last_date)
        streams = [stream for stream in self.streams if stream.calendar == calendar]
        if self.request.end is not None:
            last = min(last, sessions.at_or_after(calendar, self.request.end) - 1)
        if first > last:
            return None
        ends = own[last].close
        if self.request.end is None:
            # A week that nothing more came of closes after its last session with bars.
            blocks = (sessions.block(stream, own[last].session_date) for stream in streams if not stream.intraday)
            ends = max([ends, *(block.close for block in blocks)])
        wait = timedelta(seconds=max(stream.wait_seconds for stream in streams))
        return Span(own[first].session_date, own[last].session_date, own[first].open, ends + wait)


def _streams(transaction: Transaction, interval_ids: list[int], request: ReplayRequest, pinned: int) -> list[Stream]:
    wanted = request.intervals
    rows = transaction.run("backtest.streams", {"interval_ids": interval_ids, "pinned": pinned})
    return [
        Stream(**row._asdict(), place=place, delivered=wanted is None or row.interval in wanted)
        for place, row in enumerate(rows)
    ]


def _check_same(before: Run, request: ReplayRequest) -> None:
    asked, asks = before.config["asked"], request.as_json()
    differing = [name for name in asks if asked.get(name) != asks[name]]
    if differing:
        name = differing[0]
        raise InputError(
            f"run {before.run_id} (backtest {before.name!r}) is {before.state} at {before.cursor or 'its start'} and "
            f"was asked for {Option(name, asked.get(name))}, not {asks[name]!r}; ask for the same to go on with it, "
            f"say {Option('restart', True)} to begin again, or give another name"
        )


def _work_waits(transaction: Transaction, now: datetime) -> bool:
    work = find_work(transaction, now - GRACE)
    return work is not None and work.symbol_count > 0
