"""The other peers, each the way its users would do it for just these bars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.benchmarks import data, raw
from tests.benchmarks.harness import Run

#: How each interval is spelled, and from where it is counted.
_POLARS = {"5m": ("5m", "0m"), "15m": ("15m", "0m"), "30m": ("30m", "0m"), "1h": ("1h", "30m"), "1d": ("1d", "0m")}
_ARCTIC = {
    "5m": ("5min", "0s"),
    "15m": ("15min", "0s"),
    "30m": ("30min", "0s"),
    "1h": ("1h", "30min"),
    "1d": ("1D", "0s"),
}
_PARTS = ["open", "high", "low", "close", "volume"]
_AGGREGATES = dict(zip(_PARTS, ["first", "max", "min", "last", "sum"], strict=True))


def polars_load(run: Run, source: Path) -> None:
    """Read the file, add the columns a bar has, write it sorted by symbol and time."""
    import polars as pl

    with run.timed():
        table = pl.read_parquet(source).with_columns(
            span_seconds=pl.lit(60, pl.Int64),
            session_date=pl.col("bar_start").dt.date(),
            segment=pl.lit(0, pl.Int8),
            trade_count=pl.lit(None, pl.Int64),
            vwap=pl.lit(None, pl.Float64),
            base_count=pl.lit(1, pl.Int32),
            expected_count=pl.lit(1, pl.Int32),
            batch_id=pl.lit(1, pl.Int64),
        )
        table.sort("symbol", "bar_start").write_parquet(run.work / "bars.parquet", compression="zstd")
    run.digest([["1m", table.height, *(table[part].sum() for part in _PARTS)]])


def polars_derive(run: Run, source: Path) -> None:
    """Read, group_by_dynamic for each interval, write Parquet."""
    import polars as pl

    made: dict[str, Any] = {}
    with run.timed():
        table = pl.read_parquet(source)
        for name, (every, offset) in _POLARS.items():
            made[name] = table.group_by_dynamic("bar_start", every=every, offset=offset, group_by="symbol").agg(
                pl.col("open").first(),
                pl.col("high").max(),
                pl.col("low").min(),
                pl.col("close").last(),
                pl.col("volume").sum(),
                base_count=pl.len(),
            )
            made[name].write_parquet(run.work / f"{name}.parquet", compression="zstd")
    run.digest([[name, one.height, *(one[part].sum() for part in _PARTS)] for name, one in sorted(made.items())])


def pandas_derive(run: Run, source: Path) -> None:
    """Read, group by symbol and an integer bucket for each interval, write Parquet."""
    import pandas as pd

    made: dict[str, pd.DataFrame] = {}
    with run.timed():
        table = pd.read_parquet(source).astype({"symbol": "category"})
        seconds = table["bar_start"].astype("int64") // 1_000_000
        for name, width in raw.WIDTHS.items():
            bucket = (seconds - (0 if name == "1d" else 1800)) // width
            groups = table.groupby(["symbol", bucket.rename("bucket")], sort=False, observed=True)
            made[name] = groups.agg(_AGGREGATES).reset_index()
            made[name].to_parquet(run.work / f"{name}.parquet", compression="zstd")
    run.digest([[name, len(one), *(float(one[part].sum()) for part in _PARTS)] for name, one in sorted(made.items())])


def arctic(run: Run, source: Path) -> None:
    """Read the file, write every symbol, then read each resampled to every interval."""
    import arcticdb
    import pyarrow.parquet as pq

    library = arcticdb.Arctic(f"lmdb://{run.work / 'arctic'}?map_size=20GB").create_library("bars")
    made: dict[str, list[Any]] = {name: [] for name in _ARCTIC}
    with run.timed():
        frame = pq.read_table(source).to_pandas()
        frame = frame.set_index("bar_start").tz_localize(None)
        parts = {symbol: bars[_PARTS] for symbol, bars in frame.groupby("symbol", sort=False)}
        library.write_batch([arcticdb.WritePayload(symbol, bars) for symbol, bars in parts.items()])
        for name, (rule, offset) in _ARCTIC.items():
            query = arcticdb.QueryBuilder().resample(rule, offset=offset).agg(_AGGREGATES)
            requests = [arcticdb.ReadRequest(symbol, query_builder=query) for symbol in parts]
            made[name] = [one.data for one in library.read_batch(requests)]
    totals = []
    for name, frames in sorted(made.items()):
        sums = [sum(float(one[part].sum()) for one in frames) for part in _PARTS]
        totals.append([name, sum(len(one) for one in frames), *sums])
    run.digest(totals)


def clickhouse(run: Run, source: Path) -> None:
    """Insert the file into a table that five AggregatingMergeTree views hang on."""
    from chdb import session

    engine = session.Session(str(run.work / "clickhouse"))
    engine.query("CREATE DATABASE market")
    engine.query(
        "CREATE TABLE market.bar (symbol LowCardinality(String), bar_start DateTime64(6, 'UTC'), open Float64, "
        "high Float64, low Float64, close Float64, volume Float64) ENGINE = MergeTree ORDER BY (symbol, bar_start)"
    )
    for name, width in raw.WIDTHS.items():
        bucket = f"intDiv(toUnixTimestamp(bar_start) - {0 if name == '1d' else 1800}, {width})"
        engine.query(
            f"CREATE MATERIALIZED VIEW market.bar_{name} ENGINE = AggregatingMergeTree ORDER BY (symbol, bucket) AS "
            f"SELECT symbol, {bucket} AS bucket, argMinState(open, bar_start) AS open, maxState(high) AS high, "
            f"minState(low) AS low, argMaxState(close, bar_start) AS close, sumState(volume) AS volume, "
            f"countState() AS base_count FROM market.bar GROUP BY symbol, bucket"
        )
    with run.timed():
        engine.query(f"INSERT INTO market.bar SELECT {', '.join(data.SCHEMA.names)} FROM file('{source}', Parquet)")
    merged = "argMinMerge(open) AS o, maxMerge(high) AS h, minMerge(low) AS l, argMaxMerge(close) AS c"
    totals = []
    for name in sorted(raw.WIDTHS):
        answer = engine.query(
            f"SELECT count(), sum(o), sum(h), sum(l), sum(c), sum(v) FROM (SELECT {merged}, sumMerge(volume) AS v "
            f"FROM market.bar_{name} GROUP BY symbol, bucket)",
            "CSV",
        )
        count, *sums = str(answer).strip().split(",")
        totals.append([name, int(count), *map(float, sums)])
    run.digest(totals)
