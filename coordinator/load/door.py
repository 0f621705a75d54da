"""The door that all base bars come in by, inside one transaction: rows are judged, accepted, written, accounted for.

Sources come in as they are and are read here, once; bars in our own columns come in behind that. Whoever loads, a
caller of ``SessionCoordinator``, a job, a live session or a backtest, comes through here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa

from barhouse.coordinator.fast import small_load
from barhouse.coordinator.load import (
    acceptance,
    instruments,
    interval_columns,
    known_files,
    misread_rows,
    placement,
    plausibility,
    rejects,
    spacing,
    strategies,
    vendors,
)
from barhouse.coordinator.load.canonical_rows import CanonicalRows, rows_of_bars, rows_of_source
from barhouse.coordinator.load.outcome import report_of
from barhouse.coordinator.load.placement import JudgedRows
from barhouse.coordinator.load.source_rows import damage_told, read_errors
from barhouse.coordinator.sources.names_apart import pattern_apart
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.coordinator.sources.readable_files import readable
from barhouse.coordinator.sources.recognition import check_scale, naming_presets, otherwise
from barhouse.coordinator.sources.source import Source
from barhouse.store.database.transaction import Relation, TemporaryTable, Transaction
from barhouse.store.errors import OptionsError
from barhouse.store.hints import Option
from barhouse.store.model.interval import Interval
from barhouse.store.model.reports import LoadReport
from barhouse.store.records.batch import Batch
from barhouse.store.sql import sql

_AS_THEY_ARE = LoadOptions()
#: The options that decide when a load is refused; rows of which nothing is to be said meet both.
_OF_REFUSAL = frozenset(["strict", "sparse"])


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load came to.

    Attributes
    ----------
    bar_counts
        Its accepted rows, counted by interval, session and segment, for the rest of the transaction; None for a file
        that was known, whose rows were not read, and for a few rows in memory that were all new.
    """

    report: LoadReport
    bar_counts: TemporaryTable | None


def load_source(
    transaction: Transaction,
    source: Source,
    symbol: str | None,
    interval: Interval,
    options: LoadOptions,
    held: TemporaryTable | None = None,
    *,
    spaced: bool = True,
) -> Loaded:
    """Load a source into the base interval of one symbol, or of those it names; see ``SessionCoordinator.load``.

    A file that is known, while nothing has changed where its bars are, is not read again. One that is packed
    is looked through for damage before it is.

    Parameters
    ----------
    held
        Bars (interval_id, bar_start) that stay as they are, whatever the source says of them; None: there are none.
    spaced
        Whether its columns and the steps between its stamps must say that length; a few bars out of many need not.
    """
    request = request_of(transaction, symbol, interval, options)
    priority = vendors.priority_of(transaction, options)
    held = held if held is not None and held.row_count else None
    if held is None and source.table is not None and not source.of_files and _is_plain(options):
        new = small_load.load(transaction, source.table, symbol, interval, source.name, spaced=spaced)
        if new is not None:
            return Loaded(new, None)
    known = None if held is not None else known_files.recall(transaction, source, request, options)
    if known is not None:
        return Loaded(known, None)
    with readable(source, transaction.scratch) as opened, naming_presets(opened, options), damage_told(opened.name):
        if opened.interval not in (None, str(interval)):
            raise OptionsError(
                f"{source.name} holds {opened.interval} bars, as it says itself, not {interval}; say "
                f"{Option('interval', opened.interval)} for a symbol that is loaded with such"
            )
        check_scale(opened, options)
        rows = rows_of_source(transaction, opened, symbol, interval, options)
        plausibility.check_span(transaction, rows, interval, options)
        if spaced:
            with read_errors(rows.name):
                interval_columns.check(transaction, rows.name, rows.given, rows.intervals, interval)
            spacing.check(transaction, rows, interval, options)
        loaded = _load(transaction, rows, interval, options, priority, _Amendment(held=held))
        said = {
            "presets": otherwise(opened, options),
            "ignored": tuple(rows.ignored),
            "instruments": instruments.several(transaction, rows),
            "apart": None if symbol is None or rows.named is not None else pattern_apart(opened),
        }
        report = loaded.report.model_copy(update=said)
        loaded = Loaded(report, loaded.bar_counts)
    if held is None:
        known_files.note(transaction, source, request, options, loaded.report)
    return loaded


def load_bars(
    transaction: Transaction,
    bars: pa.Table,
    interval: Interval,
    name: str,
    lacking: Relation | None = None,
    *,
    doubted: bool = False,
    options: LoadOptions = _AS_THEY_ARE,
    refused: rejects.QuotedRejects | None = None,
    of_today: bool = False,
) -> Loaded:
    """Load bars in our own columns (``store.model.bar.COLUMNS``), as feeds deliver them and trades are built into.

    Parameters
    ----------
    bars
        Labelled by their start.
    name
        What reports call where they come from.
    lacking
        Those of them (interval_id, bar_start) of which it is not known that all of their trades are in them; None:
        none is. They take the place of no bar that is whole.
    doubted
        But these do: what is stored as whole are the same trades, of which it is not known any longer.
    options
        Whose they are, and what becomes of those that contradict others.
    refused
        What was rejected before, and counts with them.
    of_today
        Whether they name symbols by their names of today, as bars that are built here do.
    """
    if lacking is None and refused is None and _is_plain(options):
        new = small_load.load(transaction, bars, None, interval, name, spaced=False, of_today=of_today)
        if new is not None:
            return Loaded(new, None)
    priority = vendors.priority_of(transaction, options)
    rows = rows_of_bars(transaction, bars, interval, name, options.vendor, of_today=of_today)
    amendment = _Amendment(lacking=lacking, doubted=doubted, refused=refused)
    return _load(transaction, rows, interval, options, priority, amendment)


def request_of(transaction: Transaction, symbol: str | None, interval: Interval, options: LoadOptions) -> str:
    """What a load asks of its files, in the spelling it is recorded in."""
    return options.request(symbol and transaction.spelling.symbol(symbol), str(interval))


def _is_plain(options: LoadOptions) -> bool:
    """Whether nothing is said that makes rows in our own columns mean anything else, or says whose they are."""
    said = {name for name in options.model_fields_set if getattr(options, name) != getattr(_AS_THEY_ARE, name)}
    return said <= _OF_REFUSAL


@dataclass(frozen=True, slots=True)
class _Amendment:
    """What is known of bars beyond what their rows say: see ``load_source`` and ``load_bars``."""

    held: Relation | None = None
    lacking: Relation | None = None
    doubted: bool = False
    refused: rejects.QuotedRejects | None = None

    def of(self, judged: JudgedRows) -> JudgedRows:
        """Rows as judged, with that."""
        relation = judged.relation
        if self.held is not None:
            relation = sql("load.without_held", judged_rows=relation, held_bars=self.held)
        if self.lacking is not None:
            relation = sql("load.counted_less", judged_rows=relation, lacking_bars=self.lacking)
        return judged if relation is judged.relation else replace(judged, relation=relation, may_be_appended=False)


def _load(
    transaction: Transaction,
    rows: CanonicalRows,
    interval: Interval,
    options: LoadOptions,
    priority: int,
    amendment: _Amendment,
) -> Loaded:
    """Judge rows, accept those that are bars, write them, and account for all."""
    with read_errors(rows.name):
        judged = amendment.of(placement.judge(transaction, rows, interval, options))
        batch = Batch.begin(transaction, "load", rows.name)  # judging may have extended a calendar, as its own batch
        accepted = acceptance.accept(transaction, judged, interval, options, batch.batch_id)
        plausibility.check_grid(transaction, judged, accepted, interval, options)
    if accepted.contradicted_count:
        instruments.check(transaction, rows)
    rejected = rejects.quote(transaction, judged, accepted)
    misread_rows.check(transaction, rows, rejected, options)
    rejects.check(transaction, judged, rejected, accepted.count + rejected.count, options)
    if amendment.refused is not None:
        rejected = rejected.after(amendment.refused)

    reach = strategies.reach_of(transaction, accepted)
    yields = amendment.lacking is not None and not amendment.doubted
    settled = vendors.settle(transaction, accepted, reach, options, batch.batch_id, priority, yields=yields)
    write = strategies.strategy_for(reach, options)
    changes = write(transaction, settled.accepted, reach, batch.batch_id, settled.spared)

    batch.inserted, batch.revised, batch.deleted = changes.inserted, changes.revised, changes.deleted
    batch.rejected = rejected.count
    batch.unchanged = accepted.count - changes.inserted - changes.revised
    batch.vendor = options.vendor
    batch.write(transaction)
    rejected.keep(transaction, batch.batch_id)
    return Loaded(report_of(batch, rows.name, interval, settled, rejected, reach), accepted.bar_counts)
