"""What a store knows of one symbol, as an object."""

from __future__ import annotations

from datetime import UTC

from barhouse.store.database.transaction import Transaction
from barhouse.store.model.interval import Interval
from barhouse.store.model.symbol import BarIntervalData, Gap, SymbolSessionData


def symbol_data(transaction: Transaction, symbol: str) -> SymbolSessionData | None:
    """A symbol with its intervals, how good they are, and their gaps; None when it is not registered."""
    found = transaction.run("records.active_symbol", {"symbol": symbol})
    if not found:
        return None
    gaps: dict[str, list[Gap]] = {}
    for row in transaction.run("records.gaps_of_symbol", {"symbol": symbol}):
        start, end = row.gap_start.astimezone(UTC), row.gap_end.astimezone(UTC)
        gap = Gap(session_date=row.session_date, start=start, end=end, missing_count=row.missing_count)
        gaps.setdefault(row.interval, []).append(gap)
    rows = transaction.run("records.intervals_of_symbol", {"symbol": symbol})
    return SymbolSessionData(
        symbol=symbol,
        base_interval=next(row.interval for row in rows if not row.derived),
        bars={
            row.interval: BarIntervalData(
                derived=row.derived,
                base=row.base,
                quality=row.quality_pct,
                gaps=gaps.get(row.interval, []),
                updated=row.needs_processing,
            )
            for row in sorted(rows, key=lambda row: Interval.parse(row.interval))
        },
        calendar=found[0].calendar,
        closing_bar=found[0].closing_bar,
        added_by=found[0].added_by,
        case_sensitive=transaction.spelling.case_sensitive,
    )
