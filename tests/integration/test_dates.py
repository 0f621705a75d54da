"""A date names a session of a symbol's own calendar, an instant says its zone, and nothing else is either."""

from __future__ import annotations

from datetime import UTC, date, datetime

import duckdb
import pytest
from load_kit import Bench

# ------------------------------------------------------------------------------------------------------ as_of in SQL

KNOWN = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
def revised(bench: Bench) -> Bench:
    """One minute of SPY that was 10 at noon of January 2nd, and is 11 since."""
    bench.now = KNOWN
    bench.load_lines("2025-11-24 09:30,10,10,10,10,1", timezone="America/New_York")
    bench.now = datetime(2026, 1, 2, 18, tzinfo=UTC)
    bench.load_lines("2025-11-24 09:30,11,11,11,11,1", timezone="America/New_York")
    return bench


@pytest.mark.parametrize(
    "instant",
    [
        "TIMESTAMPTZ '2026-01-02 13:00:00+00'",
        "TIMESTAMPTZ '2026-01-02 08:00:00-05'",
        "'2026-01-02 13:00:00+00'",
        "'2026-01-02T13:00:00Z'",
        "'2026-01-02 08:00:00-05:00'",
        "'2026-01-02 08:00:00 America/New_York'",
        "(SELECT committed_at FROM batches ORDER BY batch_id DESC OFFSET 1 LIMIT 1)",
        "(SELECT max(committed_at) FROM batches) - INTERVAL 1 HOUR",
    ],
)
def test_sql_as_of_an_instant(revised: Bench, instant: str) -> None:
    assert revised.ask(f"SELECT close FROM bars_as_of({instant})") == [{"close": 10.0}]


@pytest.mark.parametrize(
    "instant",
    [
        "'2026-01-02 13:00:00'",
        "'2026-01-02'",
        "DATE '2026-01-02'",
        "TIMESTAMP '2026-01-02 13:00:00'",
        "'soon'",
        "NULL",
        "20260102",
    ],
)
def test_sql_as_of_what_is_no_instant_is_an_error(revised: Bench, instant: str) -> None:
    with pytest.raises(duckdb.Error, match="an instant with its zone is needed"):
        revised.ask(f"SELECT count(*) FROM bars_as_of({instant}) WHERE symbol = 'NONE'")


@pytest.mark.parametrize("given", [datetime(2026, 1, 2, 13), date(2026, 1, 2), "2026-01-02 13:00:00", None])
def test_sql_as_of_a_parameter_that_is_no_instant_is_an_error(revised: Bench, given: object) -> None:
    with pytest.raises(duckdb.Error, match="an instant with its zone is needed"):
        revised.store.sql("FROM bars_as_of($at)", {"at": given})
    assert revised.store.sql("FROM bars_as_of($at)", {"at": KNOWN})["close"].to_pylist() == [10.0]


def test_a_published_snapshot_reads_no_instant_in_the_time_zone_of_its_client(revised: Bench) -> None:
    revised.store.publish(revised.folder / "published.duckdb")
    with duckdb.connect(str(revised.folder / "published.duckdb"), read_only=True) as client:
        client.execute("SET TimeZone = 'Asia/Tokyo'")
        closes = "SELECT close FROM bars_as_of('2026-01-02 22:00:00+09')"  # 13:00 UTC
        assert client.sql(closes).fetchall() == [(10.0,)]
        with pytest.raises(duckdb.Error, match="an instant with its zone is needed"):
            client.sql("FROM bars_as_of('2026-01-02 13:00:00')").fetchall()


def test_the_time_zone_of_a_store_is_utc_in_every_thread_and_query(bench: Bench) -> None:
    shown = bench.ask("SELECT current_setting('TimeZone') AS zone, '2024-01-02'::TIMESTAMPTZ AS at")
    assert shown == [{"zone": "UTC", "at": datetime(2024, 1, 2, tzinfo=UTC)}]
    with bench.store.reading() as transaction:
        assert transaction.cursor.execute("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]
