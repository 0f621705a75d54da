"""How a store stands: for people who watch it, and as OpenMetrics text for what collects metrics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import InputError
from barhouse.store.records import run

if TYPE_CHECKING:
    import pyarrow as pa
    from prometheus_client.core import Metric

#: The gauges of each symbol: the view's column, what the metric is called, and what it means.
_OF_SYMBOL = {
    "lag_seconds": ("lag_seconds", "Session time that base bars are behind, in seconds"),
    "quality_pct": ("quality_percent", "Base bars that are there, in percent of those expected"),
    "gap_count": ("gaps", "Runs of missing base bars"),
    "missing_count": ("missing_bars", "Base bars that are missing"),
    "waiting_count": ("waiting_intervals", "Derived intervals with work waiting"),
    "derived_last_minute": ("derived_bars_last_minute", "Derived bars written in the last minute"),
    "closed_per_minute": ("closed_bars_per_minute", "The same, by its name of before; gone with the next release"),
}
#: The counters of each kind of batch: the column, and what the metric is called.
_OF_BATCHES = {
    "batch_count": "batches",
    "inserted": "bars_inserted",
    "revised": "bars_revised",
    "deleted": "bars_deleted",
    "rejected": "rows_rejected",
}


def health(transaction: Transaction, moment: datetime, symbols: Sequence[str] | None = None) -> pa.Table:
    """The view ``health`` at a moment, the symbols that are furthest behind first."""
    return transaction.table("checks.health", {"moment": moment, "symbols": symbols})


def openmetrics(transaction: Transaction, moment: datetime) -> str:
    """The same, what batches have done and which runs are going on, as OpenMetrics text.

    Raises
    ------
    InputError
        When the package prometheus-client is not there.
    """
    try:
        from prometheus_client import CollectorRegistry
        from prometheus_client.openmetrics.exposition import generate_latest
        from prometheus_client.registry import Collector
    except ImportError as error:
        raise InputError("metrics need the package prometheus-client: pip install 'barhouse[metrics]'") from error
    found = list(metrics(transaction, moment))

    class Found(Collector):
        """Hands out what was found."""

        def collect(self) -> Iterator[Metric]:
            """Every metric."""
            return iter(found)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Found())
    return str(generate_latest(registry), "utf-8")  # type: ignore[no-untyped-call]


def metrics(transaction: Transaction, moment: datetime) -> Iterator[Metric]:
    """Give the metrics as prometheus-client's objects."""
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    rows = health(transaction, moment).to_pylist()
    yield GaugeMetricFamily("barhouse_symbols", "Symbols registered", value=len(rows))
    for column, (name, meaning) in _OF_SYMBOL.items():
        gauge = GaugeMetricFamily(f"barhouse_{name}", meaning, labels=["symbol"])
        for row in rows:
            if row[column] is not None:
                gauge.add_metric([row["symbol"]], row[column])
        yield gauge
    batches = transaction.run("checks.batch_totals")
    for column, name in _OF_BATCHES.items():
        counter = CounterMetricFamily(
            f"barhouse_{name}", f"{name.replace('_', ' ')}, since the first batch", labels=["kind"]
        )
        for batch in batches:
            counter.add_metric([batch.kind], getattr(batch, column))
        yield counter
    committed = GaugeMetricFamily(
        "barhouse_committed_timestamp_seconds", "When a batch was committed last", labels=["kind"]
    )
    for batch in batches:
        committed.add_metric([batch.kind], batch.committed_at.timestamp())
    yield committed
    cursor = GaugeMetricFamily(
        "barhouse_run_cursor_timestamp_seconds", "How far a run that is going on has come", labels=["mode", "name"]
    )
    for started in run.runs(transaction):
        if started.state == "running":
            reached = 0 if started.cursor is None else started.cursor.timestamp()
            cursor.add_metric([started.mode, started.name], reached)
    yield cursor
