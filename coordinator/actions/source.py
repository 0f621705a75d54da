"""Sources of corporate actions: rows read, judged one by one, and written as a batch, inside one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyarrow as pa

from barhouse.coordinator.actions import changes
from barhouse.coordinator.actions.columns import Columns, columns_of, date_in, name_in, text_in
from barhouse.coordinator.actions.options import ActionOptions
from barhouse.coordinator.load.columns import Column
from barhouse.coordinator.load.rejects import QuotedRejects, quoted_of
from barhouse.coordinator.load.source_rows import (
    MALFORMED_LINES,
    SourceRows,
    damage_told,
    forget_malformed,
    open_rows,
    read_errors,
)
from barhouse.coordinator.load.symbol_map import reason_unregistered
from barhouse.coordinator.sources.readable_files import readable
from barhouse.coordinator.sources.source import Source
from barhouse.store.database.transaction import TemporaryTable, Transaction
from barhouse.store.errors import OptionsError, RejectedBarsError
from barhouse.store.hints import Option
from barhouse.store.model.reports import ActionReport
from barhouse.store.model.words import counted
from barhouse.store.records import names
from barhouse.store.records.batch import Batch
from barhouse.store.records.names import NamePeriod
from barhouse.store.sql import Sql, literal

#: How far ahead of the store's clock an ex-date may lie.
_AHEAD = timedelta(days=731)
_SHOWN_REJECTS = 3
_TARGET = {
    "symbol_given": pa.string(),
    "named_from": pa.date32(),
    "named_to": pa.date32(),
    "symbol_id": pa.int32(),
    "calendar": pa.string(),
    "refusal": pa.string(),
    "skipped": pa.bool_(),
}


@dataclass(frozen=True, slots=True)
class _Rejected:
    """What cannot be taken, and how much of it are lines that are no rows."""

    rejects: QuotedRejects
    line_count: int


def load_actions(transaction: Transaction, source: Source, symbol: str | None, options: ActionOptions) -> ActionReport:
    """Load the actions of one symbol, or of those that a source names; see ``SessionCoordinator.load_actions``."""
    with readable(source, transaction.scratch) as opened, damage_told(opened.name):
        forget_malformed(transaction)
        rows = open_rows(transaction, opened)
        columns = columns_of(rows, options)
        symbols = _symbols(transaction, rows, columns["symbol"], symbol, options)
        said = _said(transaction, rows, options, columns)
        judged = transaction.make(
            "actions.judged_actions",
            {"last_date": (transaction.now + _AHEAD).date()},
            said_actions=said,
            action_symbols=symbols,
        )
        counts = transaction.one("actions.counted_actions", judged_actions=judged)
        rejected = _rejected(transaction, rows, judged)
    total = counts.action_count + rejected.line_count
    _refuse(rows.name, rejected.rejects, total, options)
    wanted = transaction.make("actions.actions_taken", judged_actions=judged)
    differing = transaction.make("actions.action_changes", wanted_actions=wanted)
    batch = Batch.begin(transaction, "load", source.name)
    changed = changes.count(transaction, differing, batch)
    batch.rejected = rejected.rejects.count
    batch.unchanged = total - batch.rejected - batch.inserted - batch.revised
    if changed:
        changes.write(transaction, differing, batch)
    if changed or batch.rejected:
        batch.write(transaction)
        rejected.rejects.keep(transaction, batch.batch_id)
    return ActionReport(
        batch_id=batch.batch_id if changed or batch.rejected else None,
        source=source.name,
        symbols=tuple(counts.symbols),
        actions=total,
        inserted=batch.inserted,
        revised=batch.revised,
        unchanged=batch.unchanged,
        rejected=batch.rejected,
        empty=rejected.rejects.empty_count,
        first_date=counts.first_date,
        last_date=counts.last_date,
        rejects=rejected.rejects.by_reason,
    )


def _symbols(
    transaction: Transaction, rows: SourceRows, column: Column | None, symbol: str | None, options: ActionOptions
) -> TemporaryTable:
    """Whose the rows are (``action_symbols``), by each spelling of a symbol; null stands for all of them.

    Raises
    ------
    OptionsError
        When nothing says whose they are, or a column names several and ``symbol`` one.
    UnknownSymbolError
        When ``symbol`` is not registered.
    """
    given: list[str] = []
    if column is not None:
        with read_errors(rows.name):
            found = transaction.run("load.symbols_given", symbol=name_in(column), rows=rows.relation)
        given = [row.symbol_given for row in found if row.symbol_given is not None]
    elif symbol is None:
        raise OptionsError(
            f"{rows.name} has no column that names the symbol; say whose actions they are with {Option('symbol')}, or "
            f"which column names it with {Option('columns', {'symbol': 'NAME'})}"
        )
    spelling = transaction.spelling
    own = None if symbol is None else spelling.symbol(symbol)
    spelled: dict[str | None, str] = {text: spelling.of(text) for text in given}
    if own is None:
        spelling.refuse_alike(given, rows.name)
    else:
        if len(given) > 1 and set(spelled.values()) != {own}:
            raise OptionsError(
                f"{rows.name} names {counted(len(given), 'symbol')}, not only {own}; leave out {Option('symbol')} to "
                f"load each, or say {Option('columns', {'symbol': None})} if the column means something else"
            )
        spelled = dict.fromkeys([None, *given], own)
    dated = names.periods(transaction, spelled.values())
    called = {name: dated.get(name) or (NamePeriod(None, None, name),) for name in spelled.values()}
    wanted = sorted({period.symbol for of_name in called.values() for period in of_name})
    known = {row.symbol: row for row in transaction.run("actions.symbols_of", {"symbols": wanted})}
    if own is not None and not known:
        raise names.unknown(transaction, own)
    skips = options.unknown == "skip"
    targets = [
        (text, period.start, period.end, *_target(period, known.get(period.symbol), skips))
        for text, name in spelled.items()
        for period in called[name]
    ]
    columns = zip(*targets, strict=True) if targets else [()] * len(_TARGET)
    arrays = [pa.array(values, kind) for values, kind in zip(columns, _TARGET.values(), strict=True)]
    return transaction.attach("action_symbols", pa.Table.from_arrays(arrays, names=list(_TARGET)))


def _target(period: NamePeriod, known: Any, skips: bool) -> tuple[int | None, str | None, str | None, bool]:
    """The symbol and calendar that a name means, or why it means none, and whether that is passed over."""
    if known is None:
        return None, None, reason_unregistered(period.symbol), skips
    if period.refusal is not None:
        return None, known.calendar, period.refusal, False
    return known.symbol_id, known.calendar, None, False


def _said(transaction: Transaction, rows: SourceRows, options: ActionOptions, columns: Columns) -> TemporaryTable:
    """The actions that rows stand for, as they say them (``said_actions``)."""
    stamp = columns["ex_date"]
    assert stamp is not None
    kind, currency = options.said("kind"), options.said("currency")
    said_kind = Sql("NULL::VARCHAR") if kind is None else literal(kind)
    said_currency = Sql("NULL::VARCHAR") if currency is None else literal(currency)
    of_currency = Sql(f"coalesce({text_in(columns['currency'])}, {said_currency})")
    places = {
        "symbol": name_in(columns["symbol"]),
        "date_given": text_in(stamp),
        "ex_date": date_in(stamp, rows.source.zones.get(stamp.name), options.said("date_format")),
        "kind": said_kind if columns["kind"] is None or kind is not None else text_in(columns["kind"]),
        "currency": of_currency,
        **{part: text_in(columns[part]) for part in ("ratio", "ratio_to", "ratio_from", "amount", "special")},
    }
    words = options.words
    with read_errors(rows.name):
        read = transaction.make(
            "actions.action_rows",
            {"words": list(words), "kinds": list(words.values())},
            rows=rows.noting,
            has_special=columns["special"] is not None,
            **places,
        )
    return transaction.make(
        "actions.actions_in_rows", {"divided": bool(options.said("divided_by_splits"))}, action_rows=read
    )


def _rejected(transaction: Transaction, rows: SourceRows, judged: TemporaryTable) -> _Rejected:
    lines, line_count = None, 0
    if rows.is_text:
        line_count = transaction.one("load.count_malformed", malformed_lines=MALFORMED_LINES).malformed_count
        lines = MALFORMED_LINES if line_count else None
    rejected = transaction.make("load.rejected_rows", judged_rows=judged, contradicted_rows=Sql(""))
    return _Rejected(quoted_of(transaction, rejected, rows.relation, lines), line_count)


def _refuse(name: str, rejects: QuotedRejects, total: int, options: ActionOptions) -> None:
    """Refuse a source of which no action can be taken; with ``strict``, one of which any cannot.

    Raises
    ------
    RejectedBarsError
        With the reasons.
    """
    if not rejects.count or not (options.strict or rejects.count == total):
        return
    shown = "; ".join(
        f"{reject.reason} ({counted(reject.count, 'row')}, first "
        f"{f'row {reject.first_row}: ' if reject.first_row else ''}{reject.first_given})"
        for reject in rejects.by_reason[:_SHOWN_REJECTS]
    )
    left = len(rejects.by_reason) - _SHOWN_REJECTS
    more = f"; and {counted(left, 'more reason')}" if left > 0 else ""
    raise RejectedBarsError(
        f"{rejects.count:,} of {counted(total, 'action')} of {name} cannot be taken, nothing was loaded: {shown}"
        f"{more}; check the options ({Option('columns')}, {Option('kind')}, {Option('date_format')}, "
        f"{Option('preset')}) against it"
    )
