"""Files as vendors make them, with the options their traps ask for: no row is lost."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from load_kit import NEW_YORK, Bench

from barhouse.store.model.reports import LoadReport

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the folder of real market data is not here")


def rows_of(name: str, skip: int = 0) -> list[dict[str, str]]:
    """The rows of a file, read by the standard library."""
    path = DATA / name
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return list(csv.DictReader(content.decode().splitlines()[skip:]))


def load(bench: Bench, name: str, symbol: str, interval: str, **options: Any) -> LoadReport:
    report = bench.load(DATA / name, interval, symbol, **options)
    assert (report.rejected, report.inserted) == (0, report.rows)
    again = bench.load(DATA / name, interval, symbol, **options)
    assert (again.unchanged, again.inserted, again.revised) == (report.rows, 0, 0)
    return report


def sums(bench: Bench, symbol: str) -> tuple[int, float]:
    (row,) = bench.ask(
        f"SELECT count(*) AS bars, sum(volume::DECIMAL(38, 9))::DOUBLE AS volume FROM bars WHERE symbol = '{symbol}'"
    )
    return row["bars"], row["volume"]


def test_spy_minutes_with_the_closing_auction(bench: Bench) -> None:
    name = "spy_1m_2020-12-15_18.csv"
    report = load(bench, name, "SPY", "1m", timezone=NEW_YORK)
    rows = rows_of(name)
    assert report.rows == len(rows) == 4 * 391
    assert report.outside == sum(row["date"].endswith("16:00:00") for row in rows) == 4
    assert sums(bench, "SPY") == (len(rows), sum(float(row["volume"]) for row in rows))
    first = bench.bars("SPY", "1m")[0]
    assert first["bar_start"] == datetime(2020, 12, 15, 9, 30, tzinfo=ZoneInfo(NEW_YORK))
    assert [first[part] for part in ("open", "high", "low", "close")] == [
        float(rows[0][part]) for part in ("open", "high", "low", "close")
    ]
    auction = bench.load(DATA / name, "1m", "AUCTION", timezone=NEW_YORK)
    assert (auction.inserted, auction.outside) == (len(rows), 0)


def test_bitcoin_hours_newest_first_with_two_volumes(bench: Bench) -> None:
    name = "btcusd_1h_2017_2019.csv"
    bench.coordinator.register("BTC-USD", ["1h", "1d"], "24/7", base="1h")
    report = load(
        bench,
        name,
        "BTC-USD",
        "1h",
        timezone="UTC",
        skip_rows=1,
        timestamp_format="%Y-%m-%d %I-%p",
        volume_column="volume",
    )
    rows = rows_of(name, skip=1)
    assert report.rows == len(rows) == 20_111
    assert report.outside == 0
    last = bench.ask("SELECT * FROM bars WHERE symbol = 'BTC-USD' ORDER BY bar_start DESC LIMIT 1")[0]
    assert last["bar_start"] == datetime(2019, 10, 17, 9, tzinfo=UTC)
    assert (last["close"], last["volume"]) == (8035.88, 492394.56)
    per_day = Counter(row["date"][:10] for row in rows)
    covered = bench.ask("SELECT session_date, present_count FROM coverage WHERE symbol = 'BTC-USD' AND interval = '1h'")
    assert {f"{row['session_date']}": row["present_count"] for row in covered} == dict(per_day)


def test_euro_future_minutes_labelled_by_their_end(bench: Bench) -> None:
    name = "6eh4_1m_2024-01.csv.gz"
    bench.coordinator.register("6EH4", ["1m", "1h"], "CMES")
    report = load(bench, name, "6EH4", "1m", timezone="UTC", label="end")
    rows = rows_of(name)
    assert report.rows == len(rows) == 29_996
    starts = [datetime.fromisoformat(row["timestamp_utc"]).replace(tzinfo=UTC) - timedelta(minutes=1) for row in rows]
    sessions = bench.ask(
        "SELECT segment_open, segment_close FROM trading_session WHERE calendar = 'CMES' "
        "AND session_date BETWEEN '2023-12-25' AND '2024-02-10'"
    )
    outside = [
        start for start in starts if not any(one["segment_open"] <= start < one["segment_close"] for one in sessions)
    ]
    assert report.outside == len(outside)
    assert bench.bars("6EH4", "1m")[0]["bar_start"] == datetime(2024, 1, 1, 23, tzinfo=UTC)
    assert sums(bench, "6EH4") == (len(rows), sum(float(row["volume"]) for row in rows))


def test_bitcoin_perpetual_minutes_without_a_gap(bench: Bench) -> None:
    name = "btc_perp_1m_2022-01.csv.gz"
    bench.coordinator.register("XBT", ["1m", "1h"], "24/7")
    report = load(bench, name, "XBT", "1m", timezone="UTC")
    rows = rows_of(name)
    assert report.rows == len(rows) == 45_031
    assert report.outside == 0
    first, last = (datetime.fromisoformat(rows[place]["timestamp"]).replace(tzinfo=UTC) for place in (0, -1))
    assert (last - first) / timedelta(minutes=1) + 1 == len(rows)
    gaps = bench.ask("SELECT * FROM gaps WHERE symbol = 'XBT' AND interval = '1m'")
    before = int((first - first.replace(hour=0, minute=0)).total_seconds()) // 60
    assert [(gap["kind"], gap["missing_count"], gap["gap_end"]) for gap in gaps] == [("edge", before, first)]
    decimals = [float(row["volume"]) for row in rows[:100]]
    assert [bar["volume"] for bar in bench.bars("XBT", "1m")[:100]] == decimals


def test_index_minutes_with_us_dates_and_no_volume(bench: Bench) -> None:
    name = "sp500_index_1m_2019-11.csv"
    bench.coordinator.register("SPX", ["1m", "1h", "1d"], "XNYS")
    report = load(bench, name, "SPX", "1m", timezone=NEW_YORK, timestamp_format="%m/%d/%Y %H:%M")
    rows = rows_of(name)
    assert report.rows == len(rows) == 1_563
    local = [datetime.strptime(row["Date"], "%m/%d/%Y %H:%M") for row in rows]
    in_session = [stamp for stamp in local if (9, 30) <= (stamp.hour, stamp.minute) < (16, 0)]
    assert report.outside == len(rows) - len(in_session)
    bars = {bar["bar_start"].astimezone(ZoneInfo(NEW_YORK)).replace(tzinfo=None): bar for bar in bench.bars("SPX")}
    for stamp, row in zip(local, rows, strict=True):
        assert [bars[stamp][part.lower()] for part in ("Open", "Close", "High", "Low", "Volume")] == [
            float(row[part]) for part in ("Open", "Close", "High", "Low", "Volume")
        ]
    covered = bench.ask("SELECT * FROM coverage WHERE symbol = 'SPX' AND interval = '1m' ORDER BY session_date")
    per_day = Counter(stamp.date() for stamp in in_session)
    assert {row["session_date"]: row["present_count"] for row in covered} == dict(per_day)
    assert covered[0]["session_date"] == date(2019, 11, 5)
