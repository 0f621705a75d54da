"""What a load came to, as its report says it."""

from __future__ import annotations

from barhouse.coordinator.load.rejects import QuotedRejects
from barhouse.coordinator.load.strategies import Reach
from barhouse.coordinator.load.vendors import Settled
from barhouse.store.model.interval import Interval
from barhouse.store.model.reports import LoadReport
from barhouse.store.records.batch import Batch


def report_of(
    batch: Batch, name: str, interval: Interval, settled: Settled, rejected: QuotedRejects, reach: Reach
) -> LoadReport:
    """The report of a batch that is written."""
    totals, accepted = reach.totals, settled.accepted
    return LoadReport(
        batch_id=batch.batch_id,
        source=name,
        symbols=tuple(totals.symbols),
        named=accepted.symbols.named,
        interval=str(interval),
        rows=accepted.count + rejected.count,
        inserted=batch.inserted,
        revised=batch.revised,
        unchanged=batch.unchanged,
        rejected=rejected.count,
        outside=accepted.outside_count,
        widened=accepted.widened_count,
        empty=rejected.empty_count,
        vwap_left_out=accepted.stray_count,
        deleted=batch.deleted,
        repeated=accepted.same_repeat_count,
        tolerated=settled.tolerated_count,
        conflicts=settled.conflict_count,
        first_session=totals.first_session,
        last_session=totals.last_session,
        first_bar=totals.first_bar,
        last_bar_end=totals.last_bar_end,
        rejects=rejected.by_reason,
    )
