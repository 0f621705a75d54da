"""What verify costs goes by the bars there are, not by those there is room for; and any portions come to the same."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from barhouse import DataProcessor, SessionCoordinator, SessionStore, open_store
from barhouse.store.checks import portions

NOW = datetime(2025, 1, 15, tzinfo=UTC)


def filled(path: Path, base: str, derived: list[str], starts: Iterable[datetime]) -> SessionStore:
    """A store of one symbol that trades around the clock, with a bar at each start."""
    store = open_store(path, clock=lambda: NOW)
    coordinator = SessionCoordinator(store)
    coordinator.register("BTC", [base, *derived], "24/7", base=base)
    rows = [
        {"bar_start": start, "open": 1.0, "high": 2.0, "low": 1.0, "close": 1.5, "volume": number + 0.25}
        for number, start in enumerate(starts)
    ]
    coordinator.load(pa.Table.from_pylist(rows), "BTC", base, sparse=True)
    DataProcessor(store).process()
    return store


def test_few_bars_of_a_second_over_three_years(tmp_path: Path) -> None:
    """94,000,000 seconds, 61 of them with a bar."""
    first = datetime(2021, 12, 1, tzinfo=UTC)
    starts = [first + timedelta(days=18 * number, seconds=number) for number in range(61)]
    with filled(tmp_path / "bars.duckdb", "1s", ["1m", "1h", "1d"], starts) as store:
        report = store.verify()
        assert report.sound, str(report)
        assert (report.base_bar_count, report.derived_bar_count, report.session_count) == (61, 183, 61)
        missing = store.sql("SELECT sum(missing_count)::BIGINT AS n FROM gap")["n"].to_pylist()
    with duckdb.connect(str(tmp_path / "bars.duckdb")) as connection:
        connection.execute(
            "UPDATE gap SET missing_count = missing_count - 1 WHERE rowid = (SELECT max(rowid) FROM gap "
            "WHERE interval_id = (SELECT interval_id FROM interval_definition WHERE interval = '1s'))"
        )
    with open_store(tmp_path / "bars.duckdb", read_only=True) as store:
        (found,) = store.verify().differences
        assert (found.kind, found.symbol, found.interval) == ("gap", "BTC", "1s")
        assert store.sql("SELECT sum(missing_count)::BIGINT AS n FROM gap")["n"].to_pylist() == [missing[0] - 1]


def test_a_bar_of_long_ago(tmp_path: Path) -> None:
    """Nearly 4,000,000,000 seconds between two bars."""
    starts = [datetime(1901, 5, 6, 7, 8, 9, tzinfo=UTC), datetime(2025, 1, 10, tzinfo=UTC)]
    with filled(tmp_path / "bars.duckdb", "1s", ["1m", "1h"], starts) as store:
        report = store.verify()
        assert report.sound, str(report)
        assert (report.base_bar_count, report.session_count) == (2, 2)
        store.backup(tmp_path / "backup.duckdb")


@pytest.mark.parametrize("size", [1, 50, 10_000])
def test_a_long_history_is_looked_at_bit_by_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Sessions, blocks that reach over several bits, and gaps come to the same however it is cut."""
    monkeypatch.setattr(portions, "ROWS_PER_PORTION", size)
    first = datetime(2024, 10, 25, 22, tzinfo=UTC)
    starts = [first + timedelta(hours=number) for number in range(1800) if number % 7 and number not in range(500, 900)]
    with filled(tmp_path / "bars.duckdb", "1h", ["2h", "1d", "2w", "3w", "1mo"], starts) as store:
        report = store.verify()
        assert report.sound, str(report)
        assert report.base_bar_count == len(starts)
        assert report.session_count == len({start.date() for start in starts})
        seen = [(0, 0)]
        store.verify(progress=lambda done, total: seen.append((done, total)))
        assert seen == sorted(seen) and seen[-1][0] == seen[-1][1] == report.base_bar_count + report.derived_bar_count
