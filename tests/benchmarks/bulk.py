"""A backfill: loading, deriving, both, verifying, and what the files take."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks import ours, peers, raw
from tests.benchmarks.data import history
from tests.benchmarks.harness import OURS, Contender, Row, Run, Sizes, peak_mb
from tests.benchmarks.prepare import copied, place

MINUTES = "WHERE interval = '1m'"
DERIVED = "WHERE interval <> '1m'"
RAW = "DuckDB by hand"
RAW_SORTED = "DuckDB by hand, sorted"
RAW_CHAINED = "DuckDB by hand, chained"
REAL_DATA = Path(__file__).parents[3] / "shared" / "data"
_EVERY_BAR = "SELECT * FROM bar ORDER BY interval_id, bar_start"


def bar_count(sizes: Sizes) -> int:
    """Bars of the history."""
    return sizes.symbols * sum(one.minute_count for one in history(sizes.sessions))


def long_bar_count(sizes: Sizes) -> int:
    """Bars of the long history."""
    return sizes.symbols * sum(one.minute_count for one in history(sizes.long_sessions))


def load(source: str) -> Contender:
    """Load into an empty store, to the end: closed, so that all is in the file."""

    def take(run: Run) -> None:
        path = copied(run, "store_empty")
        with ours.opened(path) as store, run.timed():
            ours.load(store, place(run, source))
            store.close()
        with ours.opened(path) as store:
            run.digest(ours.totals(store, MINUTES))

    return take


def load_raw(source: str, order: str = "") -> Contender:
    """CREATE TABLE AS, to the end."""

    def take(run: Run) -> None:
        path = run.work / "raw.duckdb"
        with raw.connected(path, run.sizes.symbols) as connection, run.timed():
            raw.load(connection, place(run, source), order)
            connection.close()
        with raw.connected(path) as connection:
            run.digest(raw.totals_of(connection, "1m"))

    return take


def load_polars(source: str) -> Contender:
    """Read, sort, write."""
    return lambda run: peers.polars_load(run, place(run, source))


def load_again(run: Run) -> None:
    """Load the file that is already there."""
    with ours.opened(copied(run, "store")) as store:
        with run.timed():
            ours.load(store, place(run, "bars"))
        run.digest(ours.totals(store, MINUTES))


def derive(run: Run) -> None:
    """Derive five intervals, to the end."""
    path = copied(run, "store_loaded")
    with ours.opened(path) as store, run.timed():
        ours.process(store)
        store.close()
    with ours.opened(path) as store:
        run.digest(ours.totals(store, DERIVED))


def derive_raw(*, chained: bool) -> Contender:
    """GROUP BY into tables, to the end."""

    def take(run: Run) -> None:
        path = copied(run, "raw_loaded")
        with raw.connected(path) as connection, run.timed():
            raw.derive(connection, chained=chained)
            connection.close()
        with raw.connected(path) as connection:
            run.digest(raw.totals(connection, base=False))

    return take


def load_and_derive(run: Run) -> None:
    """Fill an empty store."""
    path = copied(run, "store_empty")
    with ours.opened(path) as store, run.timed():
        ours.load(store, place(run, "bars"))
        ours.process(store)
        store.close()
    with ours.opened(path) as store:
        run.digest(ours.totals(store, DERIVED))


def load_and_derive_raw(run: Run) -> None:
    """Fill a database by hand."""
    path = run.work / "raw.duckdb"
    with raw.connected(path, run.sizes.symbols) as connection, run.timed():
        raw.load(connection, place(run, "bars"))
        raw.derive(connection)
        connection.close()
    with raw.connected(path) as connection:
        run.digest(raw.totals(connection, base=False))


def verify(run: Run) -> None:
    """Prove the store sound."""
    with ours.opened(copied(run, "store")) as store:
        with run.timed():
            report = store.verify()
        run.digest([["differences", len(report)]])


def verify_raw(run: Run) -> None:
    """Compute the derived bars again by hand, and count those that differ."""
    with raw.connected(copied(run, "raw")) as connection:
        with run.timed():
            count = raw.differing(connection)
        run.digest([["differences", count]])


def peak_long(run: Run) -> None:
    """Fill a store with the long history; measure memory, not time."""
    path = copied(run, "store_empty")
    with ours.opened(path) as store:
        ours.load(store, place(run, "bars_long"))
        ours.process(store)
    run.value = peak_mb()


def size(run: Run) -> None:
    """The store's file: minutes and what is derived, calendars, coverage and all."""
    run.value = _megabytes(place(run, "store"))


def size_parquet(run: Run) -> None:
    """The same columns of the same bars, as Parquet."""
    run.value = _as_parquet(run, place(run, "store"))


def size_raw(run: Run) -> None:
    """The database made by hand."""
    run.value = _megabytes(place(run, "raw"))


def size_source(run: Run) -> None:
    """The Parquet file of the minutes alone: symbol, start, prices, volume."""
    run.value = _megabytes(place(run, "bars"))


def size_real(run: Run) -> None:
    """The file of a store with the real files."""
    run.value = _megabytes(_real_store(run))


def size_real_without_bars(run: Run) -> None:
    """The same store without bars: what tables, views and calendars take."""
    run.value = _megabytes(_real_store(run, with_bars=False))


def size_real_parquet(run: Run) -> None:
    """The same columns of the same bars, as Parquet."""
    run.value = _as_parquet(run, _real_store(run))


def _real_store(run: Run, *, with_bars: bool = True) -> Path:
    from barhouse import SessionCoordinator

    if not REAL_DATA.is_dir():
        raise FileNotFoundError("the folder of real market data is not here")
    path = run.work / "real.duckdb"
    with ours.opened(path) as store:
        door = SessionCoordinator(store)
        for symbol, interval, calendar, name, options in _REAL_FILES:
            door.register(symbol, [interval], calendar, base=interval)
            if with_bars:
                door.load(REAL_DATA / name, interval, symbol, **options)
    return path


_REAL_FILES = (
    ("SPY", "1m", "XNYS", "spy_1m_2020-12-15_18.csv", {"timezone": "America/New_York"}),
    (
        *("SPX", "1m", "XNYS", "sp500_index_1m_2019-11.csv"),
        {"timezone": "America/New_York", "timestamp_format": "%m/%d/%Y %H:%M"},
    ),
    ("BTC-PERP", "1m", "24/7", "btc_perp_1m_2022-01.csv.gz", {"timezone": "UTC"}),
    ("6EH4", "1m", "CMES", "6eh4_1m_2024-01.csv.gz", {"timezone": "UTC", "label": "end"}),
    (
        *("BTC-USD", "1h", "24/7", "btcusd_1h_2017_2019.csv"),
        {"timezone": "UTC", "skip_rows": 1, "timestamp_format": "%Y-%m-%d %I-%p", "volume_column": "volume"},
    ),
)


def _as_parquet(run: Run, path: Path) -> float:
    target = run.work / "bars.parquet"
    with raw.connected(path, read_only=True) as connection:
        connection.execute(f"COPY ({_EVERY_BAR}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
    return _megabytes(target)


def _megabytes(path: Path) -> float:
    return path.stat().st_size / 1e6


ROWS = (
    Row(
        "load",
        "bulk load, sorted Parquet",
        {OURS: load("bars"), RAW: load_raw("bars"), "polars": load_polars("bars")},
        bounds={RAW: 1.4},
        bars=bar_count,
        needs=("bars", "store_empty"),
    ),
    Row(
        "load-unsorted",
        "bulk load, rows in no order",
        {
            OURS: load("bars_shuffled"),
            RAW: load_raw("bars_shuffled"),
            RAW_SORTED: load_raw("bars_shuffled", "ORDER BY interval_id, bar_start"),
            "polars": load_polars("bars_shuffled"),
        },
        bounds={RAW: 2.0},
        bars=bar_count,
        needs=("bars_shuffled", "store_empty"),
    ),
    Row(
        "load-again",
        "the same file again",
        {OURS: load_again, "its first load": load("bars")},
        bounds={"its first load": 0.5},
        bars=bar_count,
        needs=("store", "store_empty"),
    ),
    Row(
        "derive",
        "bulk derive of 5m 15m 30m 1h 1d",
        {
            OURS: derive,
            RAW: derive_raw(chained=False),
            RAW_CHAINED: derive_raw(chained=True),
            "polars": lambda run: peers.polars_derive(run, place(run, "bars")),
            "pandas": lambda run: peers.pandas_derive(run, place(run, "bars")),
        },
        bounds={RAW: 1.3, "polars": 1.0},
        bars=bar_count,
        needs=("bars", "store_loaded", "raw_loaded"),
    ),
    Row(
        "load-derive",
        "bulk load and derive",
        {
            OURS: load_and_derive,
            RAW: load_and_derive_raw,
            "ArcticDB": lambda run: peers.arctic(run, place(run, "bars")),
            "ClickHouse": lambda run: peers.clickhouse(run, place(run, "bars")),
        },
        bounds={"ArcticDB": 1.0, "ClickHouse": 1.0},
        bars=bar_count,
        needs=("bars", "store_empty"),
    ),
    Row("verify", "verify", {OURS: verify, RAW: verify_raw}, bars=bar_count, needs=("store", "raw")),
    Row(
        "peak-long",
        "peak memory, load and derive of the long history",
        {OURS: peak_long},
        unit="MB",
        limit=3000,
        needs=("bars_long", "store_empty"),
        long=True,
        repeats=1,
    ),
    Row(
        "size",
        "file size, synthetic minutes and derived bars",
        {OURS: size, "Parquet": size_parquet, RAW: size_raw, "Parquet as loaded": size_source},
        unit="MB",
        bounds={"Parquet": 1.5},
        needs=("store", "raw"),
        repeats=1,
    ),
    Row(
        "size-real",
        "file size, real files",
        {OURS: size_real, "Parquet": size_real_parquet, "without bars": size_real_without_bars},
        unit="MB",
        bounds={"Parquet": 1.5},
        repeats=1,
    ),
)
