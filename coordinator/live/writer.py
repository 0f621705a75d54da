"""The half of a live session that writes: each call is one transaction, and all are made by one thread.

What a transaction takes from the feed, where the feed goes on, and everything derived from it are committed together.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from barhouse.coordinator.data_processor import DataProcessor
from barhouse.coordinator.feeds.events import BarEvent, Refused, bar_tables, trade_table
from barhouse.coordinator.feeds.feed import FileToLoad, Position
from barhouse.coordinator.live import trades
from barhouse.coordinator.live.delivery_queue import Taken
from barhouse.coordinator.live.options import LiveOptions
from barhouse.coordinator.live.progress import come_to
from barhouse.coordinator.live.rejected_events import as_given, refuse
from barhouse.coordinator.live.seen import BEGINNING, Seen
from barhouse.coordinator.live.status import Counts
from barhouse.coordinator.load import door
from barhouse.coordinator.load.canonical_rows import is_canonical
from barhouse.coordinator.session_coordinator import SessionCoordinator
from barhouse.coordinator.sources.opening import open_source
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import CalendarError, InputError, OptionsError
from barhouse.store.model.bar import TURNOVER_LIMIT
from barhouse.store.model.interval import Interval
from barhouse.store.model.paths import printable
from barhouse.store.model.reports import LoadReport
from barhouse.store.model.words import agreeing, counted, writable
from barhouse.store.records import run, session_days
from barhouse.store.records.declared_columns import declared_columns
from barhouse.store.records.run import End
from barhouse.store.session_store import SessionStore

log = logging.getLogger("barhouse.live")

#: As the instant that counts as now, it closes nothing by the clock.
NO_CLOCK = datetime(1970, 1, 2, tzinfo=UTC)
_SHOWN_CHARACTERS = 600
#: What the values of a message may do to those who read them, and to nobody else.
_OF_A_MESSAGE = (ArithmeticError, ValueError, RecursionError, duckdb.DataError)
#: How tables are read that say all by themselves.
_AS_IT_IS = LoadOptions()
_SHOWN_FILES = 20


class LiveWriter:
    """Writes what a live session takes, derives what follows, and keeps the run's record."""

    def __init__(self, store: SessionStore, feed_name: str, options: LiveOptions) -> None:
        self._store = store
        self._feed_name = feed_name
        self._options = options
        self._coordinator = SessionCoordinator(store, grace=options.grace)
        self._processor = DataProcessor(store, grace=options.grace, chunk_symbols=options.chunk_symbols)
        self._run_id = 0
        self._position: Position | None = None
        self._kept_from: datetime | None = None
        self._pruned_to: datetime | None = None
        self._seen = Seen.nothing(store.now())
        self.symbols: set[str] = set()
        self.cursor: datetime | None = None
        self.counts = Counts()
        self.refused_files: list[tuple[str, str]] = []

    def begin(self, name: str, config: Mapping[str, Any]) -> run.Run:
        """Take up the last live run of that name where it stopped, or begin one."""
        with self._store.transaction() as transaction:
            run.recover(transaction)
            before = run.runs(transaction, mode="live")
            newest = max(before, key=lambda state: state.updated_at, default=None)
            kept = [state.position["trades_kept_from"] for state in before if state.position]
            self._kept_from = max((datetime.fromisoformat(text) for text in kept if text), default=None)
            last = next((state for state in before if state.name == name), None)
            if last is not None and last.state != "done":
                begun = run.take_up(transaction, last.run_id)
            else:
                cursor, position = (None, None) if last is None else (last.cursor, last.position)
                begun = run.begin(transaction, "live", name, config, cursor=cursor, position=position)
            if begun.position and begun.position["feed"] == self._feed_name:
                self._position = begun.position["at"]
            goes_on = self._position is not None and newest is last
            self._go_on(transaction, None if newest is None else newest.position, goes_on=goes_on)
        self._run_id, self.cursor = begun.run_id, begun.cursor
        return begun

    def follow(self, symbol: str) -> None:
        """Take in a symbol: what the feed sends of it counts from now on."""
        with self._store.transaction() as transaction:
            trades.follow(transaction, [symbol], self._follows_from())
        self.symbols.add(symbol)

    @property
    def position(self) -> Position | None:
        """Where the feed goes on, as it is committed."""
        return self._position

    def end(self, state: End, error: str | None = None) -> None:
        """Record that the run ended."""
        with self._store.transaction() as transaction:
            run.end(transaction, self._run_id, state, error)

    def write(self, taken: Taken) -> str | None:
        """Write what was taken; returns why its file could not be read, if so.

        What the store cannot take is refused, and kept in the view ``rejected``: it must not come again and again.

        Raises
        ------
        OptionsError
            For a file that cannot be read with its options, unless another one was: then the file is to blame.
        """
        taken = taken.spelled(self._store.spelling.of)
        if taken.connected or taken.missed:
            with self._one_transaction() as transaction:
                self._connected(transaction, taken.began_at or self._store.now(), missed=taken.missed)
            taken = replace(taken, connected=False, missed=False)
        try:
            with self._one_transaction() as transaction:
                self._write(transaction, taken)
        except (InputError, *_OF_A_MESSAGE) as error:
            if taken.file is not None and isinstance(error, OptionsError) and not self._has_read_like(taken.file):
                raise OptionsError(
                    f"{error}; as no file has been read with these options yet, the session ends and the file stays"
                ) from error
            is_foreseen = isinstance(error, InputError)
            is_of_all = is_foreseen and taken.is_of_one_kind and not isinstance(error, CalendarError)
            if taken.row_count <= 1 or is_of_all:
                reason = writable(str(error) if is_foreseen else f"{type(error).__name__}: {error}")
                self._refuse_all(taken, reason[:_SHOWN_CHARACTERS])
                return reason
            for part in taken.parts():
                self.write(part)
        return None

    def beat(self, through: datetime, is_quiet: bool = True) -> None:
        """Do what the clock asks for: build, declare sessions over, derive, forget old trades.

        Parameters
        ----------
        is_quiet
            Whether the feed is there and has nothing to say, so that its time goes on with the clock.
        """
        now = self._store.now()
        with self._one_transaction() as transaction:
            before = self.counts.model_copy()
            self._build(transaction, through if is_quiet else self._reached(), heard_at=now if is_quiet else None)
            over = {"symbols": sorted(self.symbols), "through": through - self._options.grace}
            for calendar, session_date, symbols in transaction.run("live.sessions_over", over):
                moved = self._coordinator.end_session(session_date, symbols)
                log.info("session %s of %s is over for %s", session_date, calendar, counted(len(moved), "symbol"))
            self._derive(through)
            self._prune(transaction)
            if self.counts != before:
                self._advance(transaction)

    def load_history(self, symbol: str, interval: str, data: object) -> None:
        """Load bars that a history gave, and derive; bars that are built from trades at hand stay as they are."""
        with self._one_transaction() as transaction:
            held = trades.held(transaction, symbol, self._store.now(), self._seen)
            source, length = open_source(data, _AS_IT_IS), Interval.parse(interval)
            report = door.load_source(transaction, source, symbol, length, _AS_IT_IS, held, spaced=False).report
            self._count(report)
            self.counts.filled_count += report.inserted + report.revised
        self._processor.process(NO_CLOCK)

    def finish(self) -> None:
        """Build what has ended, for nothing more will come."""
        now = self._store.now()
        with self._one_transaction() as transaction:
            if self._build(transaction, now + self._options.settle):
                self._derive(min(now, (self.cursor or NO_CLOCK) + self._options.grace))
                self._advance(transaction)

    def derive(self) -> None:
        """Derive what waits, the clock aside."""
        report = self._processor.process(NO_CLOCK)
        self.counts.closed_count += report.inserted

    def ranges_missing(self, symbols: Iterable[str], since: date) -> list[tuple[str, str, datetime, datetime]]:
        """The gaps of base bars, as (symbol, interval, start, end)."""
        with self._store.transaction() as transaction:
            asked = {"symbols": sorted(symbols), "since": since}
            return [tuple(row) for row in transaction.run("live.gaps_since", asked)]

    def ranges_to_now(
        self, symbols: Iterable[str], start: date | datetime | None, now: datetime
    ) -> list[tuple[str, str, datetime, datetime]]:
        """What lies between the last base bar of each symbol (without any: ``start``) and now."""
        with self._store.transaction() as transaction:
            rows = transaction.run("live.base_progress", {"symbols": sorted(symbols)})
            calendars = {row.calendar for row in rows}
            starts = session_days.ranges(transaction, calendars, start, None)
        begins = [(row.symbol, row.interval, row.complete_through or starts[row.calendar][0]) for row in rows]
        return [(symbol, interval, begin, now) for symbol, interval, begin in begins if begin and begin < now]

    def forming(self, symbol: str) -> pa.Table:
        """The base bars of a symbol that trades are still making."""
        with self._store.transaction() as transaction:
            return trades.forming(transaction, symbol)

    @contextmanager
    def _one_transaction(self) -> Iterator[Transaction]:
        """One transaction; when it fails, what was counted and remembered goes with it."""
        before = self.counts.model_copy(), self._position, self.cursor, self._kept_from, self._pruned_to, self._seen
        try:
            with self._store.transaction() as transaction:
                yield transaction
        except BaseException:
            self.counts, self._position, self.cursor, self._kept_from, self._pruned_to, self._seen = before
            raise

    def _write(self, transaction: Transaction, taken: Taken) -> None:
        known = [event for event in taken.events if event.symbol in self.symbols]
        bars = [event for event in known if isinstance(event, BarEvent)]
        traded = [event for event in known if not isinstance(event, BarEvent)]
        self.counts.row_count += len(taken.events)
        self.counts.ignored_count += len(taken.events) - len(known)
        refused = list(taken.refused)
        tables = [(interval, table) for interval, given in (taken.bars or {}).items() for table in given]
        newest = NO_CLOCK
        changed = False
        arrived_at = taken.arrived_at or self._store.now()
        self._seen = self._seen.heard(arrived_at)
        names = [column.name for column in declared_columns(transaction).columns] if bars else []
        for interval, table in (*tables, *bar_tables(bars, names).items()):
            changed |= self._count(self._load_table(transaction, table, interval))
        if taken.file is not None:
            read = taken.file
            source = open_source(str(read.path), read.options)
            length = Interval.parse(read.interval)
            report = door.load_source(transaction, source, read.symbol, length, read.options).report
            self.counts.row_count += report.rows
            changed |= self._count(report)
        if traded:
            refused += self._take_trades(transaction, traded, arrived_at)
            newest = min(self._store.now(), max((event.at for event in traded if event.at), default=NO_CLOCK))
        if refused:
            refuse(transaction, self._feed_name, refused)
            self.counts.refused_count += len(refused)
        newest = max(newest, come_to(transaction, self.symbols) or NO_CLOCK)
        # Time as the feed tells it: while it is behind the clock, bars must not close before their last rows came.
        through = min(self._store.now(), newest + self._options.grace)
        changed |= self._build(transaction, self._reached())
        if changed:
            self._derive(through)
        self.cursor = newest if self.cursor is None else max(self.cursor, newest)
        if taken.position is not None:
            self._position = taken.position
        self._advance(transaction)

    def _load_table(self, transaction: Transaction, table: pa.Table, interval: str) -> LoadReport:
        """Load bars of a feed: in our own columns, or in such as a load understands."""
        length = Interval.parse(interval)
        if is_canonical(table):
            return door.load_bars(transaction, table, length, self._feed_name).report
        source = replace(open_source(table, _AS_IT_IS), name=self._feed_name)
        return door.load_source(transaction, source, None, length, _AS_IT_IS, spaced=False).report

    def _count(self, report: LoadReport) -> bool:
        self.counts.inserted_count += report.inserted
        self.counts.revised_count += report.revised
        self.counts.refused_count += report.rejected
        return bool(report.inserted or report.revised)

    def _take_trades(self, transaction: Transaction, traded: Sequence[Any], arrived_at: datetime) -> list[Refused]:
        now = self._store.now()
        table = trade_table(traded)
        reached = min(now, self._seen.caught_up_to(table["traded_at"].to_pylist()))  # what catches up is not late
        self._kept_from = trades.kept_from(reached, self._options.trades_kept, self._kept_from)
        taken = trades.take(transaction, table, self._kept_from, now, self._seen, arrived_at, self._feed_name)
        self._seen = taken.seen
        for built in taken.doubted:
            self._doubt(transaction, built)
        return [Refused(traded[row].model_dump_json(), reason) for row, reason in taken.rejected]

    def _build(self, transaction: Transaction, through: datetime, heard_at: datetime | None = None) -> bool:
        if self._kept_from is None:  # no trade was ever taken
            return False
        now = self._store.now()
        ended = min(through - self._options.settle, now)
        built = trades.build(transaction, ended, now, self._seen, heard_at or self._seen.heard_at)
        return built is not None and self._load_built(transaction, built)

    def _load_built(self, transaction: Transaction, built: trades.Built, *, doubted: bool = False) -> bool:
        """Load base bars that were built; whether there were any."""
        for interval, table in built.bars.items():
            turnover = pc.multiply(pc.max_element_wise(pc.abs(table["high"]), pc.abs(table["low"])), table["volume"])
            beyond = table.filter(pc.greater_equal(turnover, TURNOVER_LIMIT)).to_pylist()
            if beyond:
                given = [Refused(json.dumps(row, default=str), "built from trades, too large") for row in beyond]
                refuse(transaction, self._feed_name, given)
                for row in beyond:
                    self._delete(row["symbol"], interval, row["bar_start"])
            sane = table.filter(pc.less(turnover, TURNOVER_LIMIT))
            if sane.num_rows:
                said = (Interval.parse(interval), self._feed_name, built.lacking)
                self._count(door.load_bars(transaction, sane, *said, doubted=doubted, of_today=True).report)
        for symbol, interval, start in built.emptied:
            self._delete(symbol, interval, start)
        return bool(built.bars or built.emptied)

    def _delete(self, symbol: str, interval: str, start: datetime) -> None:
        end = start + timedelta(microseconds=1)
        self.counts.deleted_count += self._coordinator.delete_bars(symbol, interval, start, end).deleted

    def _go_on(self, transaction: Transaction, position: Position | None, *, goes_on: bool) -> None:
        """Take up what was seen of the feed; ``goes_on``: where it stopped, for the feed goes on there."""
        now = self._store.now()
        trades.follow_only(transaction, self.symbols if goes_on else ())
        seen = position and position.get("seen")
        self._seen = Seen.from_json(seen) if seen else Seen.nothing(now)
        if not goes_on:
            self._lose(transaction, now)
        trades.follow(transaction, self.symbols, self._follows_from() if goes_on else BEGINNING)

    def _connected(self, transaction: Transaction, at: datetime, *, missed: bool) -> None:
        """The feed was connected anew, or tells that something was ``missed``."""
        if missed:
            self._lose(transaction, at)
        else:
            self._seen = self._seen.connected()
        self._advance(transaction)

    def _lose(self, transaction: Transaction, at: datetime) -> None:
        """End the stretch in which the feed was seen; bars beyond its end are no longer known to be whole."""
        self._seen = self._seen.lost(at)
        self._doubt(transaction, trades.doubt(transaction, self._store.now(), self._seen))

    def _doubt(self, transaction: Transaction, built: trades.Built | None) -> None:
        """Call bars incomplete that were whole, and what is derived from them."""
        if built is not None and self._load_built(transaction, built, doubted=True):
            self._derive(NO_CLOCK)

    def _follows_from(self) -> datetime:
        """From when on a symbol is followed that is taken in now, in the feed's time."""
        return BEGINNING if self._seen.reached is None else self._reached() + timedelta(microseconds=1)

    def _reached(self) -> datetime:
        """How far the feed has come in its own time."""
        return self._seen.through(self._seen.heard_at) or NO_CLOCK

    def _derive(self, through: datetime) -> None:
        report = self._processor.process(through)
        self.counts.closed_count += report.inserted

    def _prune(self, transaction: Transaction) -> None:
        if self._kept_from is not None and self._kept_from != self._pruned_to:
            trades.prune(transaction, self._kept_from)
            self._seen = self._seen.since(self._kept_from)
            self._pruned_to = self._kept_from

    def _advance(self, transaction: Transaction) -> None:
        position = {
            "feed": self._feed_name,
            "at": self._position,
            "trades_kept_from": self._kept_from and self._kept_from.isoformat(),
            "seen": self._seen.as_json(),
        }
        run.advance(transaction, self._run_id, self.cursor, position)

    def _has_read_like(self, file: FileToLoad) -> bool:
        """Whether some file was read before in the way this one was to be."""
        with self._store.transaction() as transaction:
            request = door.request_of(transaction, file.symbol, Interval.parse(file.interval), file.options)
            has_read = transaction.one("live.was_requested", {"request": request}).was_requested
        return bool(has_read)

    def _refuse_all(self, taken: Taken, reason: str) -> None:
        refused = [*taken.refused, *(Refused(text, reason) for text in as_given(taken, self.symbols))]
        what = (
            f"{counted(len(refused), 'row')} of {self._feed_name} {agreeing(len(refused), 'is', 'are')}"
            if taken.file is None
            else f"{printable(taken.file.path)} is"
        )
        log.warning("%s refused: %s", what, reason)
        with self._one_transaction() as transaction:
            refuse(transaction, self._feed_name, refused)
            if taken.position is not None:
                self._position = taken.position
            self._advance(transaction)
            if taken.file is None:
                self.counts.row_count += len(refused)
                self.counts.refused_count += len(refused)
                return
            self.counts.refused_file_count += 1
        if len(self.refused_files) < _SHOWN_FILES:
            self.refused_files.append((printable(taken.file.path), reason))
