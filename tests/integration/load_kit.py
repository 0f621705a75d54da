"""What the tests of registering and loading share: a store with symbols of every kind, and rows to load."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from barhouse import DataProcessor, SessionCoordinator, open_store
from barhouse.store.model.reports import LoadReport

NEW_YORK = "America/New_York"
HEADER = "timestamp,open,high,low,close,volume"
#: What the stores' clock shows unless a test sets it.
NOW = datetime(2026, 1, 2, tzinfo=UTC)


#: Where all that a store keeps is written, the calendars' sessions aside.
TABLES = (
    *("bar", "bar_revision", "invalidation", "session_coverage", "gap", "batch", "rejected_bar"),
    *("trading_calendar", "symbol", "interval_definition", "vendor", "bar_vendor", "offered_bar"),
    *("continuous_future", "future_contract", "roll", "roll_revision", "symbol_name"),
)


class Bench:
    """A store to try things on, with its coordinator; files go to ``folder``, the clock shows ``now``."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.now = NOW
        self.folder = folder
        # One thread: small queries are quicker so, and the machine is shared.
        self.store = open_store(path, clock=lambda: self.now, settings={"threads": 1})
        self.coordinator = SessionCoordinator(self.store)

    def write(self, *lines: str, name: str = "bars.csv", header: str = HEADER) -> Path:
        """A text file of these lines."""
        path = self.folder / name
        path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        return path

    def load(self, data: object, interval: str = "1m", symbol: str | None = "SPY", **options: Any) -> LoadReport:
        """Load, and hold the report against itself and against the batch's row."""
        report = self.coordinator.load(data, symbol, interval, **options)
        assert report.rows == report.inserted + report.revised + report.unchanged + report.rejected
        assert report.rejected == sum(one.count for one in report.rejects)
        assert report.outside <= report.rows - report.rejected
        (batch,) = self.ask(f"SELECT * FROM batches WHERE batch_id = {report.batch_id}")
        assert (batch["kind"], batch["source"]) == ("load", report.source)
        for counted in ("inserted", "revised", "unchanged", "rejected", "deleted"):
            assert batch[counted] == getattr(report, counted), counted
        kept = self.ask(f"SELECT count(*) AS kept FROM rejected WHERE batch_id = {report.batch_id}")
        assert kept[0]["kept"] == report.rejected
        return report

    def load_lines(self, *lines: str, interval: str = "1m", symbol: str | None = "SPY", **options: Any) -> LoadReport:
        """Load a text file of these lines."""
        return self.load(self.write(*lines), interval, symbol, **options)

    def process(self) -> None:
        DataProcessor(self.store).process()

    def ask(self, query: str) -> list[dict[str, Any]]:
        return self.store.sql(query).to_pylist()

    def bars(self, symbol: str = "SPY", interval: str = "1m") -> list[dict[str, Any]]:
        return self.store.bars(symbol, interval).to_pylist()

    def starts(self, symbol: str = "SPY", interval: str = "1m") -> list[str]:
        """When the bars start, in UTC."""
        return [f"{bar['bar_start']:%Y-%m-%d %H:%M}" for bar in self.bars(symbol, interval)]

    def reasons(self, batch_id: int) -> dict[int | None, str]:
        """Why rows were left out, by their number in the source."""
        rows = self.ask(f"SELECT file_row, reason FROM rejected WHERE batch_id = {batch_id}")
        return {row["file_row"]: row["reason"] for row in rows}

    def state(self) -> dict[str, list[dict[str, Any]]]:
        """All that a failing write must leave as it was."""
        return {table: self.ask(f"SELECT * FROM {table} ORDER BY ALL") for table in TABLES} | {
            "sessions": self.ask("SELECT count(*) AS count, max(batch_id) AS last FROM trading_session")
        }


@contextmanager
def unchanged(bench: Bench) -> Iterator[None]:
    """Nothing may be written inside."""
    before = bench.state()
    yield
    assert bench.state() == before


def line(
    stamp: object,
    open: object = 10,
    high: object = 11,
    low: object = 9,
    close: object = 10,
    volume: object = 100,
) -> str:
    """One bar as text; every price and the volume can be given."""
    return f"{stamp},{open},{high},{low},{close},{volume}"


def lines(stamps: Iterable[object]) -> list[str]:
    return [line(stamp) for stamp in stamps]


def minutes(start: str, end: str, without: Iterable[str] = (), step: int = 1) -> list[str]:
    """Wall clock stamps from ``start`` up to, not including, ``end`` (``2024-11-26 09:30``)."""
    stamp, last, left_out = datetime.fromisoformat(start), datetime.fromisoformat(end), set(without)
    found = []
    while stamp < last:
        if f"{stamp:%H:%M}" not in left_out:
            found.append(f"{stamp:%Y-%m-%d %H:%M:%S}")
        stamp += timedelta(minutes=step)
    return found


def make_template(path: Path) -> None:
    """A store without bars: minutes of XNYS for SPY, QQQ, and AUCTION, whose closing bars count."""
    with open_store(path, clock=lambda: NOW) as store:
        coordinator = SessionCoordinator(store)
        coordinator.register(["SPY", "QQQ"], ["1m", "5m", "1h", "1d"], "XNYS")
        coordinator.register("AUCTION", ["1m", "5m", "1h", "1d"], "XNYS", closing_bar="include")


def make_template_of_every_kind(path: Path) -> None:
    """The same, with other calendars and longer bars; its loads take longer."""
    make_template(path)
    with open_store(path, clock=lambda: NOW) as store:
        coordinator = SessionCoordinator(store)
        for symbol, base in (("HOUR", "1h"), ("DAY", "1d"), ("WEEK", "1w"), ("MONTH", "1mo")):
            coordinator.register(symbol, [base], "XNYS", base=base)
        coordinator.register(["BTC", "ETH"], ["30m"], "24/7", base="30m")
        coordinator.register("BTCDAY", ["1d"], "24/7")
        coordinator.register("HK", ["1h"], "XHKG", base="1h")


def copy_template(template: Path, folder: Path) -> Path:
    return Path(shutil.copy(template, folder / "bars.duckdb"))
