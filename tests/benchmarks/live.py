"""Live trading: minute after minute, with corrections of what came before."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from tests.benchmarks import data, ours
from tests.benchmarks.harness import Run

#: One row in so many is a correction.
CORRECTED_ONE_IN = 100
_RECENT_MINUTES = 30

#: Gives, for each minute's table, the rows that are corrected with it.
Corrections = Callable[[Iterator[pa.Table]], Iterator[pa.Table]]


def trade(run: Run, path: Path, corrections: Corrections) -> None:
    """Run a month of sessions (fewer without the long history) minute by minute on a store."""
    from barhouse import DataProcessor, SessionCoordinator

    names = data.symbols(run.sizes.symbols)
    clock = ours.Clock(ours.NOW)
    with ours.opened(path, clock) as store:
        coordinator, processor = SessionCoordinator(store), DataProcessor(store)
        for session in data.sequel(run.sizes.live_sessions):
            minutes = list(data.minutes(data.bars(names, [session])))
            corrected = corrections(table for _, table in minutes)
            for (start, table), old in zip(minutes, corrected, strict=True):
                clock.minute_over(start)
                coordinator.load(pa.concat_tables([table, old]), interval="1m")
                processor.process()


def recent(minutes: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Correct bars of the half hour before."""
    chance = random.Random(1)
    before: list[pa.Table] = []
    for table in minutes:
        count = max(1, table.num_rows // CORRECTED_ONE_IN)
        chosen = [chance.randrange(table.num_rows) for _ in range(count)] if before else []
        parts = [chance.choice(before).slice(row, 1) for row in dict.fromkeys(chosen)]
        yield _changed(pa.concat_tables(parts) if parts else table.slice(0, 0))
        before = [*before, table][-_RECENT_MINUTES:]


def scattered(history: Path) -> Corrections:
    """Correct bars of the whole history, anywhere."""
    import duckdb

    def corrections(minutes: Iterator[pa.Table]) -> Iterator[pa.Table]:
        tables = list(minutes)
        count = max(1, tables[0].num_rows // CORRECTED_ONE_IN)
        seed = int(tables[0]["bar_start"][0].as_py().timestamp()) % 1_000_000
        with duckdb.connect() as connection:
            sample = connection.sql(
                f"FROM read_parquet('{history}') USING SAMPLE reservoir({count * len(tables)} ROWS) REPEATABLE ({seed})"
            ).to_arrow_table()
        sample = sample.select(data.SCHEMA.names).cast(data.SCHEMA)
        order = list(range(sample.num_rows))
        random.Random(seed).shuffle(order)
        sample = sample.take(order)
        for number in range(len(tables)):
            yield _changed(sample.slice(number * count, count))

    return corrections


def _changed(table: pa.Table) -> pa.Table:
    """Add to the volumes, so that every longer bar above is another one too."""
    volumes = pc.add(table["volume"], 100.0)
    return table.set_column(table.schema.get_field_index("volume"), "volume", volumes)
