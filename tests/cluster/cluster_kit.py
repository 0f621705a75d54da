"""A job over shards beside the same job over one store, and what differs between what they show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from barhouse import JobReport, run_job
from barhouse.store.lake.address import LakeAddress
from barhouse.store.lake.catalog import opened_catalog
from tests.integration.job_kit import day_of, sessions, write

SYMBOLS = ["AAA", "BBB", "CCC", "DDD"]
DAYS = sessions(8)

#: What views show, but for the numbers and moments of batches, which each store counts by itself.
VIEWS = {
    "bars": "* EXCLUDE (batch_id)",
    "revisions": "* EXCLUDE (batch_id, written_at, replaced_by, replaced_at)",
    "coverage": "*",
    "gaps": "*",
    "intervals": "*",
    "rejected": "given, reason",
    "retention": "* EXCLUDE (purged_at)",
}

_JOB = """
name = "{name}"
{place}
{text}
[[symbols]]
names = "*"
intervals = ["15m", "1d", "1w"]
calendar = "NEW_YORK"

[calendars.NEW_YORK]
timezone = "America/New_York"
open = "09:30"
close = "16:00"

[[sources]]
files = "bars/{{symbol}}_*.parquet"

[[sources]]
files = "all/*.parquet"
{source}
"""


@dataclass
class Bench:
    """A folder with files, a job over shards (``cluster.toml``), and the same over one store (``one.toml``)."""

    folder: Path
    moments: list[datetime] = field(default_factory=list)
    lake: str = "lake.ducklake"

    def __post_init__(self) -> None:
        (self.folder / "bars").mkdir(exist_ok=True)
        (self.folder / "all").mkdir(exist_ok=True)

    def write_jobs(self, *, shards: int = 3, text: str = "", source: str = "", cluster: str = "workers = 2") -> None:
        place = (
            f'[cluster]\nstores = "stores"\nlake = "{self.lake}"\ndata = "data"\nshards = {shards}\n'
            f'scratch = "scratch"\n{cluster}\n'
        )
        for name, where in (("cluster", place), ("one", 'store = "one.duckdb"')):
            # TOML has what stands alone before the first table.
            made = _JOB.format(name=name, place="" if name == "cluster" else where, text=text, source=source)
            self.job(name).write_text(made + (where if name == "cluster" else ""), encoding="utf-8")

    def job(self, name: str = "cluster") -> Path:
        return self.folder / f"{name}.toml"

    def fill(self, symbols: Iterable[str], days: Iterable[date]) -> None:
        """A file for each symbol and day."""
        for symbol in symbols:
            for day in days:
                write(day_of(symbol, day), self.folder / "bars" / f"{symbol}_{day}.parquet")

    def together(self, name: str, parts: dict[str, pa.Table]) -> Path:
        """One file with bars of several symbols."""
        tables = [
            part.append_column("symbol", pa.array([symbol] * part.num_rows, pa.string()))
            for symbol, part in parts.items()
        ]
        return write(pa.concat_tables(tables), self.folder / "all" / name)

    def run(self) -> JobReport:
        """Run both jobs, and note the moment after."""
        run_job(self.job("one"))
        report = run_job(self.job())
        self.moments.append(datetime.now(UTC))
        return report

    @property
    def address(self) -> LakeAddress:
        return LakeAddress.parse(self.lake, self.folder)

    def ask(self, query: str) -> list[Any]:
        with opened_catalog(self.address) as catalog:
            return catalog.connection.execute(query).fetchall()

    def differences(self) -> dict[str, int]:
        """How many rows the lake has that the store has not, and the other way round, by view and past moment."""
        asked = {
            **{name: f"(SELECT {columns} FROM {{0}}.{name})" for name, columns in VIEWS.items()},
            "load counts": "(SELECT sum(inserted), sum(revised), sum(unchanged), sum(rejected), sum(deleted) "
            "FROM {0}.batches WHERE kind = 'load')",
        }
        found = {}
        with opened_catalog(self.address) as catalog:
            connection = catalog.connection
            connection.execute(f"ATTACH '{self.folder / 'one.duckdb'}' AS one (READ_ONLY)")

            def compare(name: str, ours: str, theirs: str) -> None:
                for this, that in ((ours, theirs), (theirs, ours)):
                    (row,) = connection.execute(f"SELECT count(*) FROM ({this} EXCEPT ALL {that})").fetchall()
                    if row[0]:
                        found[name] = found.get(name, 0) + row[0]

            for name, text in asked.items():
                compare(name, text.format("lake"), text.format("one"))
            for number, moment in enumerate(self.moments):
                instant = f"TIMESTAMPTZ '{moment.isoformat()}'"
                then = f"SELECT * EXCLUDE (batch_id) FROM bars_as_of({instant})"
                connection.execute(f"CREATE OR REPLACE TEMP TABLE lake_then AS {then}")
                connection.execute("USE one")
                connection.execute(f"CREATE OR REPLACE TEMP TABLE one_then AS {then}")
                connection.execute("USE lake")
                compare(f"as of step {number}", "(FROM lake_then)", "(FROM one_then)")
        return found


def corrected(table: pa.Table, rows: Iterable[int], by: float = 1.0) -> pa.Table:
    """The same bars, some of them with other closes and highs."""
    said = table.to_pylist()
    for row in rows:
        said[row]["close"] += by
        said[row]["high"] = max(said[row]["high"], said[row]["close"])
        said[row]["low"] = min(said[row]["low"], said[row]["close"])
    return pa.Table.from_pylist(said, table.schema)
