"""Several vendors: of those that contradict each other the one of greater priority stays, and what differs is kept.

A load that names no vendor, while the store has none whose priority would count, passes through here untouched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from barhouse.coordinator.load.acceptance import AcceptedRows
from barhouse.coordinator.load.strategies import Reach
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.coordinator.write import merge
from barhouse.store.database.transaction import TemporaryTable, Transaction
from barhouse.store.errors import OptionsError
from barhouse.store.hints import Option
from barhouse.store.records.declared_columns import declared_columns
from barhouse.store.sql import Sql, joined, sql


@dataclass(frozen=True, slots=True)
class Settled:
    """Rows of which is settled whose values are written.

    Attributes
    ----------
    accepted
        They, with the values that are stored where those stay.
    spared
        A further condition that stored bars meet which a session sent again may take away; None: it may take any.
    tolerated_count, conflict_count
        How many differ from what is stored within the tolerance; and how many further, from a bar of greater priority.
    """

    accepted: AcceptedRows
    spared: Sql | None = None
    tolerated_count: int = 0
    conflict_count: int = 0


def priority_of(transaction: Transaction, options: LoadOptions) -> int:
    """The priority that a load has, which is kept for its vendor; 0 where nobody is named.

    Raises
    ------
    OptionsError
        When a priority is said of nobody.
    """
    if options.vendor is None:
        if options.priority is not None:
            raise OptionsError(
                f"{Option('priority', options.priority)} is a vendor's, and none is named; say {Option('vendor')} too"
            )
        return 0
    kept = [row.priority for row in transaction.run("load.priority_of_vendor", {"vendor": options.vendor})]
    said = options.priority if options.priority is not None else kept[0] if kept else 0
    if kept != [said]:
        transaction.write("load.keep_vendor", {"vendor": options.vendor, "priority": said})
    return said


def settle(
    transaction: Transaction,
    accepted: AcceptedRows,
    reach: Reach,
    options: LoadOptions,
    batch_id: int,
    priority: int,
    *,
    yields: bool = False,
) -> Settled:
    """Settle between rows and the bars that are stored where they lie.

    Parameters
    ----------
    yields
        Whether some rows may lack trades, and bars that do not stay where they come.
    """
    totals = reach.totals
    ranks = totals.least_priority < priority or totals.greatest_priority > priority
    replaces = options.conflicts == "replace"
    spared = sql("load.spared_bars", priority=priority) if ranks and not replaces else None
    if accepted.is_written or not totals.overlapping_count or not (ranks or options.tolerance or yields):
        _forget(transaction, accepted, reach, options)
        return Settled(accepted, spared)
    bounds = {"first_start": totals.overlap_start, "last_end": totals.overlap_end}
    intervals = sql(
        "load.overlapping_intervals",
        row_ranges=reach.ranges,
        base_definitions=accepted.symbols.base_definitions,
    )
    contested = transaction.make(
        "load.contested_bars",
        {**bounds, "tolerance": options.tolerance or 0.0, "priority": priority, "yields": yields},
        new_bars=accepted.bars,
        values_within=_values_within(transaction),
        stored_bars=merge.stored_by_key(transaction, intervals),
    )
    again = sql("load.unless_again", contested_bars=contested) if options.conflicts == "report" else None
    _forget(transaction, accepted, reach, options, again)
    counts = transaction.one("load.count_contested", contested_bars=contested)
    _note(transaction, accepted, contested, options, batch_id, is_kept=counts.conflict_count > 0 and not replaces)
    stays = sql("load.nothing_stays" if replaces else "load.greater_stays")
    settled = sql("load.settled_bars", new_bars=accepted.bars, contested_bars=contested, stays=stays)
    return Settled(
        replace(accepted, bars=settled), spared, counts.tolerated_count, 0 if replaces else counts.conflict_count
    )


def _values_within(transaction: Transaction) -> Sql:
    """Whether values of declared columns are within the tolerance, too."""
    columns = declared_columns(transaction).columns
    return joined(Sql(" "), [sql("load.value_within", number=column.number) for column in columns])


def _forget(
    transaction: Transaction, accepted: AcceptedRows, reach: Reach, options: LoadOptions, unless: Sql | None = None
) -> None:
    """Forget what the vendor of these rows offered before where they lie."""
    if reach.totals.has_offers:
        transaction.write(
            "load.forget_offers", {"vendor": options.vendor}, new_bars=accepted.bars, unless_again=unless or Sql("")
        )


def _note(
    transaction: Transaction,
    accepted: AcceptedRows,
    contested: TemporaryTable,
    options: LoadOptions,
    batch_id: int,
    *,
    is_kept: bool,
) -> None:
    """Keep what was offered in vain, and whose bars are that a vendor of greater priority confirms."""
    vendor = {"vendor": options.vendor}
    if is_kept and options.conflicts == "report":
        transaction.write(
            "load.keep_offers", {**vendor, "batch_id": batch_id}, new_bars=accepted.bars, contested_bars=contested
        )
    transaction.write("load.forget_claims", contested_bars=contested)
    transaction.write("load.keep_claims", vendor, contested_bars=contested)
