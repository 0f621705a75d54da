"""A live session: from a feed into the store for as long as it runs, and on from there after a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, suppress
from contextvars import copy_context
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import pyarrow as pa
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from barhouse.coordinator.feeds.feed import Feed, History, Offer, Position, stream_of
from barhouse.coordinator.live.delivery_queue import Backlog
from barhouse.coordinator.live.gap_filling import GapFiller
from barhouse.coordinator.live.options import LiveOptions
from barhouse.coordinator.live.status import LiveStatus, RefusedFile
from barhouse.coordinator.live.writer import LiveWriter
from barhouse.coordinator.session_coordinator import SessionCoordinator
from barhouse.coordinator.streams.symbol_registration import OnMissing
from barhouse.store.errors import BarhouseError, FeedError, InputError, PlaceError, StoreError
from barhouse.store.hints import Option
from barhouse.store.model.former_calls import interval_came_first
from barhouse.store.model.inputs import Moment, Names, as_bound, as_interval, as_list, as_name, optional
from barhouse.store.model.interval import Interval
from barhouse.store.model.paths import absolute
from barhouse.store.model.reports import CopyReport
from barhouse.store.model.symbol import ClosingBar
from barhouse.store.session_store import SessionStore

log = logging.getLogger("barhouse.live")

_Result = TypeVar("_Result")


class LiveSession:
    """Takes what a feed delivers, derives what closes, and records how far it has come.

    A run of the same name that was stopped, or died, is taken up where it was committed. Deliveries may come again, out
    of order or late: in the end the store holds what was sent.

    Parameters
    ----------
    store
        An open store; its clock is the session's.
    feed
        Where bars or trades come from; see ``barhouse.coordinator.feeds.feed``.
    symbols, intervals, calendar, closing_bar, on_missing
        As in ``SessionCoordinator.register_for_live``: they are registered with what the feed offers. With no intervals
        the symbols must be registered already.
    history
        Whatever can be asked for what is missing (has ``ask`` of ``feeds.feed.History``); the feed by
        default.
    history_from
        How far back a symbol without any bars is asked for: a session by its date on the symbol's calendar, or an
        instant; not at all by default.
    name
        Names the run: one that ended early under this name is taken up again.
    options
        The numbers one may turn.
    publish
        A snapshot for other processes is written there every ``publish_seconds``; see ``SessionStore.publish``.
    serve
        A snapshot is kept up to date there for ``barhouse serve``, commit by commit; see ``SessionStore.publishing``.
    """

    def __init__(
        self,
        store: SessionStore,
        feed: Feed,
        symbols: Names,
        intervals: Names = (),
        calendar: str | None = None,
        *,
        history: History | None = None,
        history_from: Moment | None = None,
        closing_bar: ClosingBar | None = None,
        on_missing: OnMissing = "raise",
        name: str = "live",
        options: LiveOptions | None = None,
        publish: str | Path | None = None,
        serve: str | Path | None = None,
    ) -> None:
        self._store = store
        self._feed = feed
        self._wanted = store.spelling.symbols(symbols)
        self._intervals = _texts(intervals)
        self._calendar = calendar
        self._closing_bar = closing_bar
        self._on_missing: OnMissing = on_missing
        self._name = as_name(name, "name")
        self._options = options or LiveOptions()
        if publish is not None and serve is not None and absolute(publish) == absolute(serve):
            raise InputError(
                f"{Option('publish', str(publish))} and {Option('serve', str(serve))} are one file; say one of them, "
                f"for what is served is published"
            )
        self._publish_to = publish
        self._serve_to = serve
        self._coordinator = SessionCoordinator(store, grace=self._options.grace)
        self._writer = LiveWriter(store, feed.name, self._options)
        self._backlog = Backlog(self._options.backlog_rows)
        self._executor = ThreadPoolExecutor(1, "barhouse-live")
        self._publisher = ThreadPoolExecutor(1, "barhouse-publish")  # so that bars are written while a copy is made
        self._stopping = asyncio.Event()
        since = optional(as_bound, history_from, "history_from")
        self._gaps = GapFiller(self._writer, history or feed, since, self._options, store.now, self._do)
        self._handed: Position | None = None
        self._offer = Offer()
        self._last_arrival = monotonic()
        self._status = LiveStatus(name=self._name, feed=feed.name)

    async def run(self) -> LiveStatus:
        """Run until the feed ends or :meth:`stop` is called; what was delivered by then is written.

        Raises
        ------
        RegistrationError
            When symbols cannot be registered with what the feed offers.
        RunActiveError
            When another run that writes is going on in this store.
        OptionsError
            When the first file cannot be read with the options given; it stays where it is.
        """
        error: BaseException | None = None
        try:
            offer = await self._first_offer()
            if offer is None:
                self._status.state = "stopped"
                return self.status()
            self._offer = offer
            registered = await self._do(self._register, self._wanted, self._intervals, self._calendar, self._on_missing)
            self._writer.symbols.update(registered)
            config = {"feed": self._feed.name, "symbols": len(self._wanted), "intervals": self._intervals}
            async with self._followed():
                begun = await self._do(self._writer.begin, self._name, config)
                self._status.run_id, self._status.state = begun.run_id, "running"
                try:
                    await self._work()
                except BaseException as raised:
                    error = raised
                    raise
                finally:
                    await self._end(error)
        except BaseExceptionGroup as several:
            raise _first(several) from None
        finally:
            await self._feed.close()
            self._executor.shutdown()
            self._publisher.shutdown()
        return self.status()

    def stop(self) -> None:
        """Ask the session to end: what was delivered is written first. Call it from the session's own thread."""
        self._stopping.set()

    def status(self) -> LiveStatus:
        """Where the session is, as it was last committed."""
        self._status.set_counts(self._writer.counts)
        self._status.refused_files = tuple(
            RefusedFile(path=path, reason=reason) for path, reason in self._writer.refused_files
        )
        self._status.symbol_count = len(self._writer.symbols)
        self._status.backlog_rows = self._backlog.row_count
        self._status.cursor = self._writer.cursor
        self._status.position = self._writer.position
        return self._status.model_copy()

    async def add_symbol(self, symbol: str, intervals: Names = (), calendar: str | None = None) -> None:
        """Take in a symbol: its history is loaded and derived before it goes live."""
        name = self._store.spelling.symbol(symbol)
        wanted, calendar = _texts(intervals) or self._intervals, calendar or self._calendar
        await self._do(self._register, [name], wanted, calendar, "raise")
        await self._gaps.fill([name], to_now=True)
        await self._do(self._writer.follow, name)
        await self._feed.subscribe([name])
        await self._gaps.fill([name], to_now=True)  # what was sent in between

    @interval_came_first("interval", "symbols", said="add_interval takes symbols, the interval")
    async def add_interval(self, symbols: Names | None = None, interval: str | None = None) -> None:
        """Add an interval to symbols (None: to all), derived back to their first base bar."""
        names = sorted(self._writer.symbols) if symbols is None else self._store.spelling.symbols(symbols)
        text = as_interval(interval, "interval")

        def register() -> None:
            self._store.intervals(names)  # says which symbol is unknown
            self._coordinator.register_for_live(names, [text], None)
            self._writer.derive()

        await self._do(register)

    async def remove_symbol(self, symbol: str) -> None:
        """Strike a symbol off, as ``SessionCoordinator.remove_symbol`` does."""
        name = self._store.spelling.symbol(symbol)
        self._writer.symbols.discard(name)
        await self._feed.unsubscribe([name])
        await self._do(self._coordinator.remove_symbol, name)

    async def forming(self, symbol: str) -> pa.Table:
        """The base bars of a symbol that trades are still making, in the columns of a load."""
        return await self._do(self._writer.forming, self._store.spelling.symbol(symbol))

    async def publish(self, target: str | Path) -> CopyReport:
        """Write a snapshot for other processes, of what was written by then; see ``SessionStore.publish``.

        Bars are written meanwhile.
        """
        keep, mode = self._options.publish_keep, self._options.publish_mode
        return await self._done_by(self._publisher, lambda: self._store.publish(target, keep=keep, mode=mode))

    @asynccontextmanager
    async def _followed(self) -> AsyncIterator[None]:
        """Have a snapshot follow what is committed, where that is asked for."""
        if self._serve_to is None:
            yield
            return
        options, target = self._options, self._serve_to
        with ExitStack() as stack:
            following = self._store.publishing(target, keep=options.publish_keep, mode=options.publish_mode)
            await self._done_by(self._publisher, stack.enter_context, following)
            try:
                yield
            finally:
                await self._done_by(self._publisher, stack.close)

    async def _first_offer(self) -> Offer | None:
        """What the feed offers, as soon as it answers; None when the session is stopped before that."""
        asked = asyncio.ensure_future(self._persistently(self._feed.offer))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((asked, stopping), return_when=asyncio.FIRST_COMPLETED)
            return asked.result() if asked.done() else None
        finally:
            asked.cancel()
            stopping.cancel()
            await asyncio.gather(asked, stopping, return_exceptions=True)

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(self._read()), group.create_task(self._gaps.run())]
            beside.append(group.create_task(self._publish_always()))
            stopper = group.create_task(self._stop_when_asked(beside[0]))
            await self._write_always()
            for task in (*beside, stopper):
                task.cancel()

    async def _end(self, error: BaseException | None) -> None:
        stopped = self._stopping.is_set() or isinstance(error, asyncio.CancelledError)
        if error is None or stopped:
            self._status.state = "stopped" if stopped else "done"
            await self._do(self._writer.end, self._status.state)
            return
        self._status.state = "failed"
        self._status.last_error = str(_first(error))
        with suppress(BarhouseError):  # the error that is on its way says more
            await self._do(self._writer.end, "failed", self._status.last_error)

    async def _stop_when_asked(self, reader: asyncio.Task[None]) -> None:
        await self._stopping.wait()
        reader.cancel()
        await self._backlog.close()

    async def _read(self) -> None:
        """Put what the feed delivers into the backlog; connects again whenever it breaks off."""
        self._handed = self._writer.position
        while not await self._persistently(self._follow):
            continue
        await self._backlog.close()

    async def _follow(self) -> bool:
        """Follow the feed until it ends (True) or breaks off after it had delivered something (False)."""
        delivered = False
        try:
            async with stream_of(self._feed, sorted(self._writer.symbols), self._handed) as stream:
                async for delivery in stream:
                    connected = not self._status.connected
                    # Without a position to go on after, the feed is not asked for what it sent in between.
                    missed = delivery.missed or (connected and self._handed is None)
                    if connected or missed:
                        self._gaps.wake(to_now=missed)
                    self._status.connected = True
                    if not (connected or missed or delivery.row_count or delivery.position is not None):
                        continue
                    given = replace(delivery, missed=missed)
                    if delivery.row_count or delivery.position is not None:
                        self._last_arrival = monotonic()
                        delivered = True
                    await self._backlog.put(given, self._store.now(), connected=connected)
                    self._handed = delivery.position or self._handed
        except FeedError as error:
            if not delivered:
                raise
            self._broke_off(error)
            return False
        finally:
            self._status.connected = False
        return True

    async def _persistently(self, call: Callable[[], Any]) -> Any:
        """Call until it does not raise ``FeedError``, with pauses that grow."""
        first, longest = self._options.reconnect_seconds, self._options.reconnect_seconds_max
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(FeedError),
            wait=wait_random_exponential(multiplier=first, max=longest),
            before_sleep=self._before_pause,
        )
        return await retrying(call)

    def _before_pause(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if error is not None:
            self._broke_off(error)

    def _broke_off(self, error: BaseException) -> None:
        self._status.last_error = str(error)
        self._status.broken_count += 1
        log.warning("%s; connecting again until the session is stopped", error)

    async def _write_always(self) -> None:
        """Write what waits, and let the clock have its say, until nothing more will come."""
        options = self._options
        last_beat = monotonic()
        while True:
            until_beat = max(0.0, last_beat + options.heartbeat_seconds - monotonic())
            taken = await self._backlog.take(options.flush_rows, options.flush_seconds, until_beat)
            if taken is not None:
                problem = await self._do(self._writer.write, taken)
                if taken.position is not None:
                    await self._acknowledge(taken.position, problem)
            elif self._backlog.ended:
                await self._do(self._writer.finish)
                return
            if monotonic() - last_beat >= options.heartbeat_seconds:
                await self._do(self._writer.beat, *self._through())
                last_beat = monotonic()
            self._note_lag()

    def _through(self) -> tuple[datetime, bool]:
        """What counts as now for closing by the clock, and whether that is now: the feed has nothing more to say."""
        quiet = monotonic() - self._last_arrival >= self._options.heartbeat_seconds
        now = self._store.now()
        if self._status.connected and quiet and not self._gaps.is_awake:
            return now, True
        return min(now, (self._writer.cursor or now) + self._options.grace), False

    async def _acknowledge(self, position: Position, problem: str | None) -> None:
        try:
            await self._feed.acknowledge(position, problem)
        except FeedError as error:
            log.warning("%s; it is acknowledged with the next", error)

    async def _publish_always(self) -> None:
        """Write a snapshot every now and then; one that fails is tried again the next time."""
        while self._publish_to is not None:
            await asyncio.sleep(self._options.publish_seconds)
            try:
                await self.publish(self._publish_to)
            except (StoreError, PlaceError) as error:
                self._status.last_error = str(error)
                log.warning("no snapshot was published: %s", error)

    def _note_lag(self) -> None:
        cursor = self._writer.cursor
        self._status.lag_seconds = None if cursor is None else (self._store.now() - cursor).total_seconds()

    def _register(
        self, names: list[str], intervals: list[str], calendar: str | None, on_missing: OnMissing
    ) -> list[str]:
        """Register symbols with what the feed offers, and name those that are; without intervals they must be."""
        if not intervals:
            self._store.intervals(names)  # says which symbol is unknown
            return names
        report = self._coordinator.register_for_live(
            names,
            intervals,
            self._offer.intervals,
            calendar=calendar,
            closing_bar=self._closing_bar,
            on_missing=on_missing,
        )
        return [registration.symbol for registration in report.registered]

    async def _do(self, call: Callable[..., _Result], *given: Any) -> _Result:
        """Do something in the thread that writes, after what it does already; it is done to the end."""
        return await self._done_by(self._executor, call, *given)

    async def _done_by(self, executor: ThreadPoolExecutor, call: Callable[..., _Result], *given: Any) -> _Result:
        words = copy_context()  # what it says of errors is spelled as here
        future = asyncio.get_running_loop().run_in_executor(executor, lambda: words.run(call, *given))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise


def _texts(intervals: Names) -> list[str]:
    """Intervals in their one spelling; with none, symbols keep those they have."""
    return [
        str(Interval.parse(interval)) for interval in as_list(intervals, "intervals", "an interval", may_be_empty=True)
    ]


def _first(error: BaseException) -> BaseException:
    """An error itself, or of those of several tasks, and of tasks of theirs, the first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
