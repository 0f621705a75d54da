"""Trades of files and frames into base bars, by the statements that build those of feeds.

They are not kept: a bar that is built of them comes in by the door of all base bars. It has all of its trades when one
file has trades from before its start to after its end, and no row was left out that may belong to it. So a file may be
cut off anywhere, and no bar that lacks trades for it is taken for whole.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from barhouse.coordinator.load import door, misread_rows, rejects
from barhouse.coordinator.load.placement import JudgedRows
from barhouse.coordinator.load.rejects import QuotedRejects
from barhouse.coordinator.load.source_rows import damage_told
from barhouse.coordinator.load.trade_rows import TradeRows, trades_of_source
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.coordinator.sources.readable_files import readable
from barhouse.coordinator.sources.source import Source
from barhouse.store.database.transaction import TemporaryTable, Transaction
from barhouse.store.errors import OptionsError
from barhouse.store.hints import Option
from barhouse.store.model.bar import COLUMNS, TURNOVER_LIMIT, VOLUME_LIMIT
from barhouse.store.model.interval import Interval
from barhouse.store.model.reports import LoadReport
from barhouse.store.model.words import agreeing, counted
from barhouse.store.sql import sql

_DAY = timedelta(days=1)
_BEGINNING = datetime(1, 1, 2, tzinfo=UTC)


def load_trades(
    transaction: Transaction,
    source: Source,
    symbol: str | None,
    interval: Interval,
    options: LoadOptions,
    *,
    whole: bool,
) -> LoadReport:
    """Build base bars from the trades of a source and load them; see ``SessionCoordinator.load_trades``."""
    if not interval.intraday:
        raise OptionsError(
            f"{interval} is a day or longer, and trades are built into bars of less; register with a base such as 1m"
        )
    with readable(source, transaction.scratch) as opened, damage_told(opened.name):
        found = trades_of_source(transaction, opened, symbol, interval, options)
        judged = _judged(transaction, found)
        refused, any_lost = _refused(transaction, found, judged, options)
    spans = _spans(transaction, found, judged)
    new_trades = transaction.make("live.make_new_trades", judged_trades=judged)
    due = transaction.make(
        "load.make_bars_due",
        new_trades=new_trades,
        file_spans=spans,
        weighed_trades=found.weighed,
        any_lost=any_lost,
        whole=whole,
    )
    made = sql("live.bars_of_trades", buckets=due, trades=sql("load.trades_given", new_trades=new_trades))
    built = transaction.make("live.make_built_bars", bars_of_trades=made)
    bars = transaction.table("load.bars_built", built_bars=built).cast(COLUMNS)
    lacking = sql("load.bars_lacking", built_bars=built)
    report = door.load_bars(
        transaction, bars, interval, source.name, lacking, options=options, refused=refused, of_today=True
    ).report
    return report.model_copy(
        update={
            "trades": pc.sum(bars["trade_count"]).as_py() or 0,
            "lacking": transaction.one("load.count_lacking", built_bars=built).lacking_count,
            "named": found.rows.symbols.named,
        }
    )


def _judged(transaction: Transaction, found: TradeRows) -> TemporaryTable:
    """Each trade with the base bar it belongs to, as those of feeds are judged."""
    given = transaction.make(
        "load.make_given_trades", weighed_trades=found.weighed, row_count=found.rows.bounds.row_count + 1
    )
    asked = {
        "latest": transaction.now + _DAY,
        "kept_from": _BEGINNING,
        "turnover_limit": TURNOVER_LIMIT,
        "volume_limit": VOLUME_LIMIT,
    }
    judged = transaction.make("live.make_judged_trades", asked, given_trades=given)
    ids = transaction.one("load.contradicting_ids", judged_trades=judged)
    if ids.id_count:
        are = agreeing(ids.id_count, "is", "are")
        raise OptionsError(
            f"{found.rows.name} has {counted(ids.id_count, 'id')} that {are} of several "
            f"trades that differ, such as {ids.one!r}; mend them, or say {Option('columns', {'trade_id': None})} where "
            f"they do not tell trades apart: then every row is a trade of its own"
        )
    return judged


def _refused(
    transaction: Transaction, found: TradeRows, judged: TemporaryTable, options: LoadOptions
) -> tuple[QuotedRejects, bool]:
    """The rows left out, and whether lines are among them that may have been any trade."""
    rows, lines = found.rows, rejects.malformed_in(transaction, found.rows)
    rejected = transaction.make("load.make_rejected_trades", weighed_trades=found.weighed, judged_trades=judged)
    quoted = rejects.quoted_of(transaction, rejected, rows.given, lines, named="quoted_trades")
    misread_rows.check(transaction, rows, quoted, options)
    row_count = rows.bounds.row_count
    if lines is not None:
        row_count += transaction.one("load.count_malformed", malformed_lines=lines).malformed_count
    all_rows = JudgedRows(rows, rows.relation, row_count, False, False, "")
    rejects.check(transaction, all_rows, quoted, row_count, options)
    return quoted, lines is not None


def _spans(transaction: Transaction, found: TradeRows, judged: TemporaryTable) -> TemporaryTable:
    """From when to when each file has trades, of each symbol.

    Raises
    ------
    OptionsError
        When trades without ids may be in several of them.
    """
    starts = pa.array(found.file_starts, pa.int64())
    numbers = pa.array(range(len(starts)), pa.int64())
    table = transaction.attach("file_rows", pa.table({"file_number": numbers, "first_row": starts}))
    spans = transaction.make("load.make_file_spans", judged_trades=judged, file_rows=table)
    if not found.has_ids and len(starts) > 1:
        count = transaction.one("load.overlapping_files", file_spans=spans).file_count
        if count:
            raise OptionsError(
                f"{counted(count, 'file')} of {found.rows.name} have trades from the same time, and no column "
                f"{Option('columns', {'trade_id': 'NAME'})} tells which of them are the same; load each by itself"
            )
    return spans
