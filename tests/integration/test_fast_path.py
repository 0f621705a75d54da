"""The fast path of small writes: when it is taken, in how few statements, and what ends what it remembers.

That it writes what the general path does is held by ``tests/properties/test_two_paths.py``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from barhouse import DataProcessor, SessionCoordinator, SessionStore, open_store
from barhouse.coordinator.fast import small_load, switch
from barhouse.coordinator.fast.mirror import Mirror
from barhouse.coordinator.feeds.events import BarEvent
from barhouse.coordinator.live.delivery_queue import Taken
from barhouse.coordinator.live.options import LiveOptions
from barhouse.coordinator.live.writer import LiveWriter
from barhouse.coordinator.sources.presets import PRESETS, preset_named
from barhouse.store.database.slots import WritingConnection
from barhouse.store.database.tables import metadata
from barhouse.store.database.transaction import Transaction
from barhouse.store.model.bar import COLUMNS

START = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)
SYMBOLS = ["A", "B"]


class Clock:
    shown = START

    def __call__(self) -> datetime:
        return self.shown


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> Iterator[SessionStore]:
    """A store that has derived a bar of every length, and goes on with 09:45."""
    with open_store(":memory:", clock=clock) as opened:
        SessionCoordinator(opened).register(SYMBOLS, ["1m", "5m", "15m"], "XNYS")
        for number in range(15):
            write(opened, clock, number)
        yield opened


def minute(number: int, symbols: list[str] = SYMBOLS, price: float = 100.0) -> pa.Table:
    prices = dict.fromkeys(("open", "high", "low", "close"), price + number)
    start = START + timedelta(minutes=number)
    rows = [{"symbol": symbol, "bar_start": start, **prices, "volume": 5.0} for symbol in symbols]
    return pa.Table.from_pylist(rows, COLUMNS)


def write(store: SessionStore, clock: Clock, number: int, table: pa.Table | None = None) -> Any:
    clock.shown = START + timedelta(minutes=number + 1)
    report = SessionCoordinator(store).load(minute(number) if table is None else table, interval="1m")
    return report, DataProcessor(store).process()


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of all statements that are run."""
    names: list[str] = []

    def noting(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(transaction: Transaction, name: str, *given: Any, **places: Any) -> Any:
            names.append(name)
            return function(transaction, name, *given, **places)

        return call

    for kind in ("run", "make", "table", "arrays"):  # the others go through these
        monkeypatch.setattr(Transaction, kind, noting(getattr(Transaction, kind)))
    return names


def test_a_minute_takes_four_statements_and_four_more_where_buckets_close(
    store: SessionStore, clock: Clock, statements: list[str]
) -> None:
    for number in range(15, 19):
        write(store, clock, number)
        assert [name for name in statements if name.partition(".")[2] not in READ_ONCE] == WRITTEN
        statements.clear()
    _, processed = write(store, clock, 19)
    assert statements == [*WRITTEN, *DERIVED]
    assert [(one.interval, one.inserted) for one in processed.intervals] == [("5m", 2)]


#: The statements of a load, and of deriving what closes; and what the mirror is made of.
WRITTEN = ["write.append", "fast.move_bases", "write.add_to_coverage", "fast.add_batch"]
DERIVED = ["fast.derive_bars", "fast.move_derived", "write.add_to_coverage", "fast.add_batch"]
#: The same of a bar that comes with other values.
CORRECTED = ["fast.compare_bars", "write.keep_old_values", "fast.revise", "fast.invalidate", "fast.add_batch"]
DERIVED_AGAIN = [
    "fast.derive_again",
    "write.keep_old_values",
    "fast.revise",
    "fast.drop_invalidations",
    "fast.add_batch",
]
READ_ONCE = ("definitions", "segments", "calendars", "newest", "count_futures")


def test_a_live_session_takes_it_too(store: SessionStore, clock: Clock, statements: list[str]) -> None:
    writer = LiveWriter(store, "a feed", LiveOptions())
    writer.begin("live", {})
    for symbol in SYMBOLS:
        writer.follow(symbol)
    for number in range(15, 20):
        statements.clear()
        clock.shown = START + timedelta(minutes=number + 1)
        events = [BarEvent(start=row.pop("bar_start"), interval="1m", **row) for row in minute(number).to_pylist()]
        assert writer.write(Taken(position={"at": number}, events=events)) is None
    assert statements == [*WRITTEN, *DERIVED, "records.advance_run"]
    assert writer.cursor == START + timedelta(minutes=20)
    assert (writer.counts.inserted_count, writer.counts.closed_count) == (10, 2)
    assert store.verify().sound


def test_a_late_bar_takes_five_statements_and_five_more_to_derive_again(
    store: SessionStore, clock: Clock, statements: list[str]
) -> None:
    write(store, clock, 15)
    statements.clear()
    loaded, processed = write(store, clock, 15, minute(3, ["A"], 90.0))
    assert statements == [*CORRECTED, *DERIVED_AGAIN]
    assert (loaded.inserted, loaded.revised, loaded.unchanged) == (0, 1, 0)
    assert [(one.interval, one.inserted, one.revised) for one in processed.intervals] == [("5m", 0, 1), ("15m", 0, 1)]
    (batch,) = store.sql("FROM batches ORDER BY batch_id DESC LIMIT 1").to_pylist()
    assert (batch["kind"], batch["revised"], batch["unchanged"]) == ("process", 2, 0)
    (bar,) = store.sql("FROM bars WHERE symbol = 'A' AND interval = '15m'").to_pylist()
    assert (bar["low"], bar["high"], bar["complete"]) == (93.0, 114.0, True)
    assert store.verify().sound


def test_beside_new_bars_some_come_again_and_some_are_corrected(
    store: SessionStore, clock: Clock, statements: list[str]
) -> None:
    write(store, clock, 15)
    statements.clear()
    table = pa.concat_tables([minute(16), minute(2, ["B"]), minute(14, ["A"], 90.0)])
    loaded, processed = write(store, clock, 16, table)
    assert "load.stage" not in statements and "derive.new_bars" not in statements
    assert (loaded.inserted, loaded.revised, loaded.unchanged) == (2, 1, 1)
    assert processed.revised == 2
    assert store.verify().sound


@pytest.mark.parametrize("first", [minute(1, ["A"]), minute(17, ["A"])])
def test_a_bar_that_comes_between_others_takes_the_general_path(
    store: SessionStore, clock: Clock, statements: list[str], first: pa.Table
) -> None:
    """It counts, and so do the bars that are derived of it."""
    SessionCoordinator(store).delete_bars("A", "1m", START + timedelta(minutes=1), START + timedelta(minutes=2))
    write(store, clock, 16)
    write(store, clock, 18)
    loaded, _ = write(store, clock, 19, first)
    assert "load.stage" in statements
    assert (loaded.inserted, loaded.revised) == (1, 0)
    assert store.verify().sound


def test_it_goes_on_where_nothing_else_was_written(store: SessionStore, clock: Clock, statements: list[str]) -> None:
    write(store, clock, 15)
    statements.clear()
    write(store, clock, 16)
    assert not {f"fast.{name}" for name in READ_ONCE} & {*statements}


@pytest.mark.parametrize(
    "change",
    [
        lambda store: SessionCoordinator(store).register("C", ["1m", "5m"], "XNYS"),
        lambda store: SessionCoordinator(store).delete_bars("A", "1m", START, START + timedelta(minutes=1)),
        lambda store: SessionCoordinator(store).load(minute(3, ["B"], 90.0), interval="1m"),
        lambda store: SessionCoordinator(store).remove_symbol("B"),
    ],
)
def test_what_another_thread_writes_between_two_minutes_is_seen(clock: Clock, change: Callable[[Any], Any]) -> None:
    shown = []
    for is_general in (False, True):
        clock.shown = START
        with open_store(":memory:", clock=clock) as store:
            SessionCoordinator(store).register(SYMBOLS, ["1m", "5m", "15m"], "XNYS")
            for number in range(22):
                with switch.general_path() if is_general else nullcontext():
                    write(store, clock, number, minute(number, ["A"]))
                    if number == 17:
                        other = threading.Thread(target=change, args=[store])
                        other.start()
                        other.join()
            tables = [name for name in metadata.tables if name != "session_run"]
            shown.append([store.sql(f"FROM {name} ORDER BY ALL").to_pylist() for name in tables])
            assert store.verify().sound
    assert shown[0] == shown[1]


class _Failing:
    """A connection that cannot commit."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def commit(self) -> None:
        raise OSError("no room")


def test_a_commit_that_fails_leaves_nothing_behind(
    store: SessionStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(15, 19):
        write(store, clock, number)
    before = store.sql("FROM batches ORDER BY ALL")
    with monkeypatch.context() as patched:
        made = WritingConnection.__init__

        def failing(connection: WritingConnection, cursor: Any) -> None:
            made(connection, _Failing(cursor))

        with store.transaction() as transaction:  # marks the connection, so that the next transaction has another
            transaction.execute("SELECT 1")
        patched.setattr(WritingConnection, "__init__", failing)
        with pytest.raises(OSError, match="no room"):
            write(store, clock, 19)
    assert store.sql("FROM batches ORDER BY ALL").equals(before)
    loaded, processed = write(store, clock, 19)
    assert loaded.inserted == 2 and processed.inserted == 2
    assert store.verify().sound


def test_what_is_remembered_ends_with_a_transaction_that_is_rolled_back(store: SessionStore, clock: Clock) -> None:
    clock.shown = START + timedelta(minutes=16)
    with pytest.raises(KeyError), store.transaction() as transaction:
        write(store, clock, 15)
        assert transaction.memory.recall(Mirror) is not None
        raise KeyError
    with store.transaction() as transaction:
        assert transaction.memory.recall(Mirror) is None
    assert write(store, clock, 15)[0].inserted == 2
    assert store.verify().sound


def test_a_store_can_be_opened_again_after_the_fast_path(tmp_path: Any, clock: Clock) -> None:
    for number in range(3):
        with open_store(tmp_path / "bars.duckdb", clock=clock) as store:
            SessionCoordinator(store).register(SYMBOLS, ["1m", "5m"], "XNYS")
            assert write(store, clock, number)[0].inserted == 2


def test_no_preset_is_told_by_our_own_columns() -> None:
    """A load of them is not asked which presets fit."""
    names = {field.name for field in COLUMNS}
    for name in PRESETS.own():
        for mark in preset_named(name).marks:
            assert mark.header or mark.has or mark.row or mark.remark
            assert not (mark.has and {*mark.has} <= names) and {*mark.header} != names, name


def test_the_switch_closes_it(store: SessionStore, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_load, "mirror_of", lambda transaction: pytest.fail("the fast path was taken"))
    with switch.general_path():
        assert write(store, clock, 15)[0].inserted == 2
