"""Real files: every derived bar equals a recomputation from the raw text, and volume is conserved to the last digit.

The recomputation reads the files with the standard library alone and hands the rows to the model; polars does the
same a second time for prices and counts, with its own group-by.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import oracle
import polars as pl
import pytest
from oracle import Bar, Length, Row, Symbol
from world import calendar, differing

from barhouse import DataProcessor, SessionCoordinator, SessionStore, open_store

SHARED = Path(__file__).parents[3] / "shared" / "data"
SAMPLE = Path(__file__).parents[2] / "sample"
NOW = datetime(2025, 1, 31, tzinfo=UTC)


@dataclass(frozen=True)
class File:
    """A file, how a user loads it, and how to read its rows without the store."""

    name: str
    base: str
    calendar: str
    stamp: Callable[[str], datetime]
    options: dict[str, object] = field(default_factory=dict)
    stamp_column: str = "date"
    volume_column: str = "volume"
    ends: bool = False
    skipped_lines: int = 0

    @property
    def path(self) -> Path:
        for folder in (SHARED, SAMPLE):
            if (folder / self.name).exists():
                return folder / self.name
        pytest.skip(f"{self.name} is not here: it is no part of the project and lies beside its checkout")

    def rows(self) -> Iterator[tuple[Row, str]]:
        """Each row, stamped with its bar's start, and the volume as it is written."""
        opened = gzip.open if self.path.suffix == ".gz" else open
        with opened(self.path, "rt", newline="") as lines:
            for _ in range(self.skipped_lines):
                next(lines)
            for given in csv.DictReader(lines):
                named = {name.strip().casefold(): text for name, text in given.items()}
                start = oracle.micros(self.stamp(named[self.stamp_column]).astimezone(UTC))
                prices = (float(named[part]) for part in ("open", "high", "low", "close"))
                volume = named[self.volume_column]
                yield Row(start - Length.of(self.base).width * self.ends, *prices, float(volume)), volume


def utc(form: str) -> Callable[[str], datetime]:
    return lambda text: datetime.strptime(text, form).replace(tzinfo=UTC)


def new_york(form: str) -> Callable[[str], datetime]:
    return lambda text: datetime.strptime(text, form).replace(tzinfo=ZoneInfo("America/New_York"))


def hour_of_half_day(text: str) -> datetime:
    """``2019-10-17 09-AM``."""
    return datetime.strptime(text, "%Y-%m-%d %I-%p").replace(tzinfo=UTC)


FILES = [
    File(
        "spy_1m_2020-12-15_18.csv",
        "1m",
        "XNYS",
        new_york("%Y-%m-%d %H:%M:%S"),
        {"timezone": "America/New_York"},
    ),
    File(
        "btcusd_1h_2017_2019.csv",
        "1h",
        "24/7",
        hour_of_half_day,
        {"timezone": "UTC", "skip_rows": 1, "timestamp_format": "%Y-%m-%d %I-%p", "volume_column": "volume"},
        skipped_lines=1,
    ),
    File(
        "6eh4_1m_2024-01.csv.gz",
        "1m",
        "CMES",
        utc("%Y-%m-%d %H:%M:%S"),
        {"timezone": "UTC", "label": "end"},
        stamp_column="timestamp_utc",
        ends=True,
    ),
    File(
        "btc_perp_1m_2022-01.csv.gz",
        "1m",
        "24/7",
        utc("%Y-%m-%d %H:%M:%S.%f"),
        {"timezone": "UTC"},
        stamp_column="timestamp",
    ),
    File(
        "sp500_index_1m_2019-11.csv",
        "1m",
        "XNYS",
        new_york("%m/%d/%Y %H:%M"),
        {"timezone": "America/New_York", "timestamp_format": "%m/%d/%Y %H:%M"},
    ),
]
DERIVED = {
    "1m": ["2m", "5m", "15m", "30m", "1h", "90m", "4h", "1d", "2d", "1w", "1mo"],
    "1h": ["2h", "4h", "5h", "12h", "1d", "3d", "1w", "2w", "1mo", "1q"],
}
BAR = (
    "bar_start, bar_end, session_date, open, high, low, close, volume, trade_count, vwap, "
    "base_count, expected_count, complete"
)


@pytest.fixture(scope="module", params=FILES, ids=[one.name.split("_")[0] + "_" + one.base for one in FILES])
def loaded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[File, SessionStore, Symbol]]:
    """A file in a store, processed, and the model of it."""
    file: File = request.param
    path = file.path
    symbol = Symbol(calendar(file.calendar), file.base)
    for text in DERIVED[file.base]:
        symbol.add_interval(text)
    judged = symbol.judge([row for row, _ in file.rows()], oracle.micros(NOW))
    counts = symbol.load(judged, oracle.NOBODY, lambda _: 0)
    symbol.process(oracle.micros(NOW) - oracle.GRACE)
    with open_store(tmp_path_factory.mktemp("real") / "real.duckdb", clock=lambda: NOW) as store:
        coordinator = SessionCoordinator(store)
        coordinator.register("X", intervals=[file.base, *DERIVED[file.base]], calendar=file.calendar, base=file.base)
        report = coordinator.load(path, interval=file.base, symbol="X", **file.options)
        assert (report.rows, report.inserted, report.rejected) == (counts.rows, counts.inserted, counts.rejected)
        assert report.outside == counts.outside
        DataProcessor(store).process()
        yield file, store, symbol


def test_every_bar_equals_the_model(loaded: tuple[File, SessionStore, Symbol]) -> None:
    _, store, symbol = loaded
    for text, bars in (
        (symbol.base_text, symbol.bars),
        *((text, one.bars) for text, one in symbol.derived.items()),
    ):
        table = store.sql(f"SELECT {BAR} FROM bars WHERE interval = $text", {"text": text})
        columns = [column.cast("int64") if at < 2 else column for at, column in enumerate(table.columns)]
        shown = set(zip(*(column.to_pylist() for column in columns), strict=True))
        assert len(shown) == table.num_rows
        differing(text, shown, {bar.shown() for bar in bars.values()})


def test_quality_equals_the_model(loaded: tuple[File, SessionStore, Symbol]) -> None:
    _, store, symbol = loaded
    model = oracle.Model()
    model.symbols["X"] = symbol
    query = "SELECT symbol, interval, session_date, expected_count, present_count, quality_pct FROM coverage"
    differing("coverage", {tuple(row.values()) for row in store.sql(query).to_pylist()}, model.coverage())
    query = (
        "SELECT symbol, interval, session_date, epoch_us(gap_start), epoch_us(gap_end), missing_count, kind FROM gaps"
    )
    differing("gaps", {tuple(row.values()) for row in store.sql(query).to_pylist()}, model.gaps())


def test_a_day_is_the_same_from_minutes_and_from_hours(loaded: tuple[File, SessionStore, Symbol]) -> None:
    """1d straight from the base, and from it by way of a finer level whose sums are carried exactly."""
    _, store, symbol = loaded
    step = "1h" if symbol.base_text == "1m" else "4h"
    table = store.sql(f"SELECT {BAR} FROM bars WHERE interval = '1d' ORDER BY bar_start")
    days = {row["session_date"]: row for row in table.to_pylist()}
    chained = chained_days(symbol, Length.of(step))
    assert chained.keys() == days.keys()
    for day, (first, high, low, last, volume_units) in chained.items():
        shown = days[day]
        assert (shown["open"], shown["high"], shown["low"], shown["close"]) == (first, high, low, last)
        assert shown["volume"] == oracle.to_double(volume_units, 9)


def chained_days(symbol: Symbol, step: Length) -> dict[object, tuple[float, float, float, float, int]]:
    """Days from the buckets of one step, these from base bars; volume in units of 1e-9 throughout."""
    steps: dict[tuple[object, int], list[Bar]] = {}
    for start in sorted(symbol.bars):
        bar = symbol.bars[start]
        if bar.session is not None:
            slot = symbol.calendar.slot_of(bar.session, start, step)
            steps.setdefault((bar.session.date, slot.start), []).append(bar)
    days: dict[object, list[tuple[float, float, float, float, int]]] = {}
    for (day, _), bars in steps.items():
        rows = [bar.row for bar in bars]
        volume = sum(oracle.to_decimal(row.volume, 9) for row in rows)
        prices = (rows[0].open, max(row.high for row in rows), min(row.low for row in rows), rows[-1].close)
        days.setdefault(day, []).append((*prices, volume))
    through = symbol.derived["1d"].through
    return {
        day: (
            parts[0][0],
            max(part[1] for part in parts),
            min(part[2] for part in parts),
            parts[-1][3],
            sum(part[4] for part in parts),
        )
        for day, parts in days.items()
        if symbol.calendar.by_date[day].close <= through
    }


def test_volume_is_conserved_to_the_last_digit(loaded: tuple[File, SessionStore, Symbol]) -> None:
    """The written digits of a day's rows, summed as decimals, are the day's volume.

    A volume beyond 2**53 * 1e-9 (nine million) with a fraction loses up to a few 1e-9 when its double becomes a
    decimal: `value * 1e9` is no whole number of units any more. There the sum is the one of the rounded units.
    """
    file, store, symbol = loaded
    written: dict[object, Decimal] = {}
    rounded: dict[object, int] = {}
    digits = {row.start: volume for row, volume in file.rows()}
    for start, bar in symbol.bars.items():
        if bar.session is not None:
            day = bar.session.date
            written[day] = written.get(day, Decimal()) + Decimal(digits[start])
            rounded[day] = rounded.get(day, 0) + oracle.to_decimal(bar.row.volume, 9)
    exact = all(bar.row.volume.is_integer() or bar.row.volume < 9e6 for bar in symbol.bars.values())
    for row in store.sql("SELECT session_date, volume FROM bars WHERE interval = '1d'").to_pylist():
        day = row["session_date"]
        assert row["volume"] == oracle.to_double(rounded[day], 9)
        if exact:
            assert row["volume"] == float(written[day])
        assert abs(Decimal(rounded[day]).scaleb(-9) - written[day]) < Decimal("1e-5")


def test_polars_gives_the_same_prices(loaded: tuple[File, SessionStore, Symbol]) -> None:
    """Daily and intraday prices and counts by a group-by that shares nothing with the model but the sessions."""
    _, store, symbol = loaded
    base = [
        (start, bar.session.date, bar.session.open, *bar.row.values()[:4])
        for start, bar in symbol.bars.items()
        if bar.session is not None
    ]
    frame = pl.DataFrame(base, schema=["start", "day", "opened", "open", "high", "low", "close"], orient="row")
    frame = frame.sort("start")
    for text, key in (("1d", pl.col("opened")), ("30m", None), ("4h", None)):
        if text not in symbol.derived:
            continue
        width = None if key is not None else Length.of(text).width
        bucket = key if width is None else pl.col("opened") + (pl.col("start") - pl.col("opened")) // width * width
        expected = frame.group_by(bucket.alias("bucket"), maintain_order=True).agg(
            pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(), pl.len()
        )
        shown = pl.from_arrow(
            store.sql(
                "SELECT epoch_us(bar_start) AS bucket, open, high, low, close, base_count::UINTEGER AS len "
                "FROM bars WHERE interval = $text ORDER BY bar_start",
                {"text": text},
            )
        )
        assert shown.equals(expected.filter(pl.col("bucket").is_in(shown["bucket"].implode())))
        assert expected.height - shown.height <= 1  # the last may still be forming


#: Facts about the files, counted by hand: base bars, bars outside sessions, days.
FACTS = {
    "spy_1m_2020-12-15_18.csv": (4 * 391, 4, 4),
    "btcusd_1h_2017_2019.csv": (20_111, 0, 839),
    "6eh4_1m_2024-01.csv.gz": (29_996, 155, 23),
    "btc_perp_1m_2022-01.csv.gz": (45_031, 0, 33),
    "sp500_index_1m_2019-11.csv": (1_563, 3, 4),
}


def test_the_traps_are_known(loaded: tuple[File, SessionStore, Symbol]) -> None:
    file, store, _ = loaded
    query = (
        "SELECT count(*) FILTER (WHERE interval = $base), "
        "count(*) FILTER (WHERE interval = $base AND session_date IS NULL), count(*) FILTER (WHERE interval = '1d') "
        "FROM bars"
    )
    (row,) = store.sql(query, {"base": file.base}).to_pylist()
    assert tuple(row.values()) == FACTS[file.name]
