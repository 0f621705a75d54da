"""Every day after the backfill: one more day, live minutes, a late bar, nothing to do, opening, how the file grows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.benchmarks import data, ours, raw
from tests.benchmarks.bulk import RAW
from tests.benchmarks.harness import OURS, Contender, Row, Run, Sizes
from tests.benchmarks.prepare import copied, place

_SINCE = f"bar_start >= '{data.NEXT_SESSION}'"


def next_day(store_name: str) -> Contender:
    """Load and process the session after the history."""

    def take(run: Run) -> None:
        with ours.opened(copied(run, store_name)) as store:
            with run.timed():
                ours.load(store, place(run, "next_day"))
                ours.process(store)
            run.digest(ours.totals(store, f"WHERE {_SINCE}"))

    return take


def next_day_raw(run: Run) -> None:
    """Insert the day, and group just it."""
    with raw.connected(copied(run, "raw")) as connection:
        rows = raw.ROWS.format(source=f"read_parquet('{place(run, 'next_day')}')")
        with run.timed():
            connection.execute("BEGIN")
            connection.execute(f"INSERT INTO bar {rows}")
            for name in raw.WIDTHS:
                connection.execute(f"INSERT INTO bar_{name} {raw.grouped(name, where=f'WHERE {_SINCE}')}")
            connection.execute("COMMIT")
        run.digest(raw.totals(connection, f"WHERE {_SINCE}"))


def live(store_name: str, day: str, minute_count: int, *, alike: bool = True) -> Contender:
    """Load and process the first minutes of a session, each as it ends; ``alike``: others do it with the same bars."""

    def take(run: Run) -> None:
        from barhouse import DataProcessor, SessionCoordinator

        minutes = list(islice(data.minutes(pq.read_table(place(run, day))), minute_count))
        clock = ours.Clock(minutes[0][0])
        with ours.opened(copied(run, store_name), clock) as store:
            coordinator, processor = SessionCoordinator(store), DataProcessor(store)
            processor.process()
            with run.timed():
                for start, table in minutes:
                    clock.minute_over(start)
                    coordinator.load(table, interval="1m")
                    processor.process()
            if alike:
                run.digest(ours.totals(store, f"WHERE {_SINCE}"))

    return take


def live_raw(minute_count: int) -> Contender:
    """Insert each minute, and group what ends with it."""

    def take(run: Run) -> None:
        minutes = list(islice(data.minutes(pq.read_table(place(run, "next_day"))), minute_count))
        with raw.connected(copied(run, "raw")) as connection:
            with run.timed():
                raw.minute_by_minute(connection, minutes)
            run.digest(raw.totals(connection, f"WHERE {_SINCE}"))

    return take


def _late(sizes: Sizes, *, long: bool) -> tuple[int, pa.Table]:
    """A minute from the middle of the history, its high too high by one; and which symbol's."""
    number = sizes.symbols // 2
    sessions = data.history(sizes.long_sessions if long else sizes.sessions)
    name = data.symbols(sizes.symbols)[number]
    of_symbol = data.bars([name], sessions)
    start = sessions[len(sessions) // 2].open + timedelta(minutes=100)
    row = of_symbol.filter(pc.equal(of_symbol["bar_start"], pa.scalar(start, data.SCHEMA.field("bar_start").type)))
    assert row.num_rows == 1
    return number, row.set_column(row.schema.get_field_index("high"), "high", pc.add(row["high"], 1.0))


def late(store_name: str, *, long: bool) -> Contender:
    """Load one corrected bar, and process, in a store that has just been asked for work."""

    def take(run: Run) -> None:
        _, row = _late(run.sizes, long=long)
        with ours.opened(copied(run, store_name)) as store:
            ours.process(store)
            with run.timed():
                ours.load(store, row)
                ours.process(store)
            if not long:
                run.digest(ours.totals(store))

    return take


def late_raw(run: Run) -> None:
    """Update the bar, and make again the bars it is in."""
    number, row = _late(run.sizes, long=False)
    with raw.connected(copied(run, "raw")) as connection:
        with run.timed():
            raw.correct(connection, number, row["bar_start"][0].as_py(), row["high"][0].as_py())
        run.digest(raw.totals(connection))


def nothing(store_name: str) -> Contender:
    """Process, when nothing waits."""

    def take(run: Run) -> None:
        with ours.opened(copied(run, store_name)) as store:
            ours.process(store)
            with run.timed(5):
                for _ in range(5):
                    ours.process(store)

    return take


def opening(store_name: str) -> Contender:
    """Open the store, everything imported."""

    def take(run: Run) -> None:
        from barhouse import DataProcessor

        path = copied(run, store_name)
        with ours.opened(Path(":memory:")) as store:
            DataProcessor(store).process()
        with run.timed():
            store = ours.opened(path)
        store.close()

    return take


def size_of(name: str) -> Contender:
    """The file as it has grown."""

    def take(run: Run) -> None:
        run.value = place(run, name).stat().st_size / 1e6

    return take


def compacted(name: str) -> Contender:
    """The same, compacted."""

    def take(run: Run) -> None:
        from barhouse import compact

        run.value = compact(copied(run, name)).bytes_after / 1e6

    return take


def _minutes(count: int, many: int = 1) -> Callable[[Sizes], int]:
    return lambda sizes: sizes.symbols * many * count


ROWS = (
    Row(
        "next-day",
        "one more day, load and process",
        {OURS: next_day("store"), RAW: next_day_raw},
        bounds={RAW: 2.5},
        bars=_minutes(390),
        needs=("next_day", "store", "raw"),
    ),
    Row(
        "next-day-long",
        "one more day on ten times the history",
        {OURS: next_day("store_long"), "on the short history": next_day("store")},
        bounds={"on the short history": 1.2},
        bars=_minutes(390),
        needs=("next_day", "store", "store_long"),
        long=True,
    ),
    Row(
        "live-minute",
        "one live minute, load and process",
        {OURS: live("store", "next_day", 1), RAW: live_raw(1)},
        unit="ms",
        bars=_minutes(1),
        needs=("next_day", "store", "raw"),
    ),
    Row(
        "live-hour",
        "a live hour, minute by minute, load and process",
        {OURS: live("store", "next_day", 60), RAW: live_raw(60)},
        bounds={RAW: 2.5},
        bars=_minutes(60),
        needs=("next_day", "store", "raw"),
    ),
    Row(
        "live-hour-many",
        "a live hour of ten times the symbols",
        {
            OURS: live("store_many", "next_day_many", 60, alike=False),
            "a tenth of the symbols": live("store", "next_day", 60, alike=False),
        },
        bounds={"a tenth of the symbols": 3.0},
        bars=_minutes(60, 10),
        needs=("next_day", "next_day_many", "store", "store_many"),
    ),
    Row(
        "late",
        "one late bar, load and process",
        {OURS: late("store", long=False), "nothing to do": nothing("store"), RAW: late_raw},
        unit="ms",
        bounds={"nothing to do": 10.0},
        needs=("store", "raw"),
    ),
    Row(
        "late-long",
        "one late bar on ten times the history",
        {
            OURS: late("store_long", long=True),
            "nothing to do": nothing("store_long"),
            "on the short history": late("store", long=False),
        },
        unit="ms",
        bounds={"nothing to do": 10.0, "on the short history": 1.5},
        needs=("store", "store_long"),
        long=True,
    ),
    Row(
        "nothing",
        "nothing to do",
        {OURS: nothing("store"), "empty store": nothing("store_empty")},
        unit="ms",
        needs=("store", "store_empty"),
    ),
    Row(
        "nothing-long",
        "nothing to do on ten times the history",
        {OURS: nothing("store_long"), "empty store": nothing("store_empty")},
        unit="ms",
        bounds={"empty store": 2.0},
        needs=("store_long", "store_empty"),
        long=True,
    ),
    Row(
        "open",
        "open a store",
        {OURS: opening("store"), "empty store": opening("store_empty")},
        unit="ms",
        needs=("store", "store_empty"),
    ),
    Row(
        "open-long",
        "open ten times the history",
        {OURS: opening("store_long"), "empty store": opening("store_empty")},
        unit="ms",
        bounds={"empty store": 2.0},
        needs=("store_long", "store_empty"),
        long=True,
    ),
    Row(
        "growth",
        "file after live minutes, one in 100 a recent correction",
        {OURS: size_of("store_month"), "compacted": compacted("store_month")},
        unit="MB",
        bounds={"compacted": 1.2},
        needs=("store_month",),
        repeats=1,
    ),
    Row(
        "growth-scattered",
        "file after live minutes, corrections all over the history",
        {OURS: size_of("store_scattered"), "compacted": compacted("store_scattered")},
        unit="MB",
        bounds={"compacted": 1.5},
        needs=("store_scattered",),
        repeats=1,
    ),
)
