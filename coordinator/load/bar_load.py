"""Loading base bars: read, check, place in sessions, write what differs, all inside one transaction."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from barhouse.coordinator.load import known_files, placement, source_rows
from barhouse.coordinator.load.columns import Column, literal
from barhouse.coordinator.load.placement import FreePlace, Judged, Taken
from barhouse.coordinator.sources import LoadOptions, Source
from barhouse.coordinator.write import merge
from barhouse.coordinator.write.coverage import (
    advance_bases,
    extend_coverage,
    gather_intervals,
    recompute_coverage,
)
from barhouse.coordinator.write.merge import Changes, TimeRange
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import OptionsError, RejectedBarsError, StampsError
from barhouse.store.hints import Option
from barhouse.store.model.bar import INSTANT
from barhouse.store.model.inputs import unknown_symbol
from barhouse.store.model.interval import Interval
from barhouse.store.model.reports import LoadReport, Reject
from barhouse.store.model.symbol import canonical_symbol
from barhouse.store.records.batch import Batch
from barhouse.store.sql import Sql, sql

_SHOWN_REJECTS = 3
#: The reason in ``sql/load.sql`` that the options may be to blame for.
_UNREADABLE = "the stamp cannot be read"
_AMBIGUOUS = "ambiguous local time"


def load(
    transaction: Transaction, source: Source, interval: Interval, symbol: str | None, options: LoadOptions
) -> LoadReport:
    """Load a source into the base interval of one symbol, or of those it names; see ``SessionCoordinator.load``."""
    source = source_rows.with_headers_compared(source, transaction)
    columns = source_rows.columns_of(source, transaction)
    parts = source_rows.map_columns(columns, source, options)
    source = source_rows.narrowed(source, parts, options)
    calendar_names = _map_symbols(transaction, source, parts, interval, symbol)
    several = symbol is None
    raw = source_rows.parsed(
        source, columns, parts, options, transaction, wants_dates=not interval.intraday, by_symbol=several
    )
    with source_rows.read_errors(source):
        judged = placement.judge(transaction, source, raw, interval, options, calendar_names, by_symbol=several)
        batch = Batch.begin(transaction, "load", source.name)  # judging may have extended a calendar, as its own batch
        free, taken = None, None
        if judged.may_be_appended and options.replace is None:
            free = placement.free_place(transaction, raw, interval, options, by_symbol=several)
        if free is not None:
            taken = _append_as_read(transaction, source, judged, free, batch)
        appended = taken is not None
        if taken is None:
            taken = placement.stage(transaction, source, judged)
            transaction.run("load.tally", taken=taken.text)
    rejects = _quote_rejects(transaction, source, judged, taken)
    rejected = sum(one.count for one in rejects)
    rows = taken.count + rejected
    if rejected and (options.strict or rejected == rows):
        raise _rejected(source, rows, rejects, options)

    transaction.run("load.progress")
    overlapping, derived, advancing, *place, first_session, last_session, first_bar, last_bar_end, symbols = (
        transaction.one("load.reached")
    )
    merged = options.replace is not None or overlapping > 0
    changes = _write(transaction, taken, batch, options, TimeRange(*place) if merged else None, appended=appended)
    if changes.count and (derived or merged):
        merge.invalidate(transaction, changes.bars or Sql(taken.text), batch.batch_id)
    moves = Sql("progress")
    if not merged:
        extend_coverage(transaction, moves, Sql("tally"))
    elif advancing or changes.recounted:  # other values alone leave every account as it is
        transaction.run("load.look_ahead_anew")
        advance_bases(transaction, moves)
        units = gather_intervals(transaction, sql("write.of_moves", watermark_moves=moves)).units
        recompute_coverage(transaction, moves, changes.recounted_bars, units)
    batch.inserted, batch.revised, batch.deleted = changes.inserted, changes.revised, changes.deleted
    batch.rejected = rejected
    batch.unchanged = taken.count - changes.inserted - changes.revised
    batch.write(transaction)
    if rejected:
        transaction.run("load.keep_rejects", {"batch_id": batch.batch_id})
    report = LoadReport(
        batch_id=batch.batch_id,
        source=source.name,
        symbols=tuple(symbols),
        interval=str(interval),
        rows=rows,
        inserted=batch.inserted,
        revised=batch.revised,
        unchanged=batch.unchanged,
        rejected=rejected,
        outside=taken.outside,
        deleted=batch.deleted,
        repeated=taken.same_repeats,
        first_session=first_session,
        last_session=last_session,
        first_bar=first_bar,
        last_bar_end=last_bar_end,
        rejects=tuple(rejects),
    )
    known_files.note(transaction, source, request_of(interval, symbol, options), options, report)
    return report


def request_of(interval: Interval, symbol: str | None, options: LoadOptions) -> str:
    """What a load asks of its files, in the spelling it is recorded in."""
    return options.request(symbol and canonical_symbol(symbol), str(interval))


def _map_symbols(
    transaction: Transaction,
    source: Source,
    parts: Mapping[str, Column | None],
    interval: Interval,
    symbol: str | None,
) -> set[str]:
    """Register ``symbol_map``, which says for each spelling of a symbol where its bars go, or why nowhere.

    Registers ``base_definition``, too: the intervals that rows go to, as they are before they come.
    """
    if symbol is None:
        column = parts["symbol"]
        if column is None:
            raise OptionsError(
                f"{source.name} has no column that names the symbol; say which symbol it holds with "
                f"{Option('symbol')}, or which column names it with {Option('columns', {'symbol': 'NAME'})}"
            )
        rows = source_rows.rows_of(source, transaction)
        given = [text for (text,) in transaction.run("load.symbols_given", symbol=column.sql, rows=rows)]
    else:
        _refuse_several(transaction, source, parts["symbol"], symbol)
        given = [symbol]
    spelled = {text: text.strip().upper() for text in given}
    definitions = transaction.table("load.definitions", {"symbols": sorted(set(spelled.values()))})
    transaction.register("base_definition", definitions)
    known = {row["symbol"]: row for row in definitions.to_pylist()}
    mapped = []
    for text, name in spelled.items():
        refusal, interval_id, calendar, closing, retained_from = None, None, None, False, None
        if name not in known:
            refusal = f"symbol {name!r} is not registered"
        else:
            found = known[name]
            interval_id, calendar = found["interval_id"], found["calendar"]
            closing, retained_from = found["includes_closing_bar"], found["retained_from"]
            if found["interval"] != str(interval):
                refusal = f"{name} is loaded with {found['interval']} bars, not {interval}"
        mapped.append((text, interval_id, calendar, closing, retained_from, refusal))
    if symbol is not None:
        _refuse_symbol(transaction, canonical_symbol(symbol), mapped[0][-1], interval)
    columns = list(zip(*mapped, strict=True)) or [(), (), (), (), (), ()]
    types = (pa.string(), pa.int32(), pa.string(), pa.bool_(), INSTANT, pa.string())
    names = ("symbol_given", "interval_id", "calendar", "includes_closing_bar", "retained_from", "refusal")
    arrays = [pa.array(column, type_) for column, type_ in zip(columns, types, strict=True)]
    transaction.register("symbol_map", pa.table(arrays, names=list(names)))
    return {row[2] for row in mapped if row[2] is not None}


def _refuse_several(transaction: Transaction, source: Source, column: Column | None, symbol: str) -> None:
    """A source that names several symbols is not taken as bars of one."""
    if column is None:
        return
    rows = source_rows.rows_of(source, transaction)
    named = transaction.run("load.symbols_given", symbol=column.sql, rows=rows)
    if len(named) > 1:
        listed = ", ".join(sorted(str(name) for (name,) in named[:3]))
        raise OptionsError(
            f"{source.name} names {len(named)} symbols in its column {column.name} ({listed}, ...), not only {symbol}; "
            f"leave out {Option('symbol')} to load each, or say {Option('columns', {'symbol': None})} if the column "
            f"means something else"
        )


def _refuse_symbol(transaction: Transaction, name: str, refusal: str | None, interval: Interval) -> None:
    if refusal is None:
        return
    known = {row[0] for row in transaction.run("registration.active_symbols")}
    if name not in known:
        raise unknown_symbol(name, known)
    raise OptionsError(f"{refusal}; a symbol has one base interval, the others are derived from it")


def _append_as_read(
    transaction: Transaction, source: Source, judged: Judged, free: FreePlace, batch: Batch
) -> Taken | None:
    """Write bars where none are yet straight from the source; None, and nothing written, when some repeat."""
    text = sql("load.taken", judged=judged.text)
    order = "" if free.in_order else sql("load.in_order")
    count = merge.append(transaction, Sql(f"{text} {order}"), batch.batch_id)
    written = sql(
        "load.written",
        batch_id=batch.batch_id,
        first_id=free.first_id,
        last_id=free.last_id,
        first_start=literal(free.first_start.isoformat()),
    )
    if not free.in_order and transaction.one("load.count_disorder", written=written)[0]:
        transaction.run("load.take_back", {"batch_id": batch.batch_id})
        return None
    if count < judged.row_count:
        placement.refuse_unknown(transaction, source, judged.text)
    transaction.run("load.tally", taken=written)
    (outside,) = transaction.one("load.count_outside")
    return Taken(written, judged.text, count, outside)


def _quote_rejects(transaction: Transaction, source: Source, judged: Judged, taken: Taken) -> list[Reject]:
    """The rows left out, as they were given, in the temporary table ``refused_given``; returns them by reason."""
    malformed = transaction.one("load.count_malformed")[0] if source.format == "csv" else 0
    if judged.row_count == taken.count and not malformed:
        return []
    repeats = sql("load.refused_repeats") if taken.refused_repeats else ""
    transaction.run("load.refused", repeats=repeats, judged=taken.judged)
    (refused,) = transaction.one("load.count_refused")
    if not refused and not malformed:
        return []
    lines = sql("load.malformed_given") if malformed else ""
    transaction.run("load.quote_rejects", rows=source_rows.rows_of(source, transaction), malformed=lines)
    return [
        Reject(reason=reason, count=count, first_row=row, first_given=given)
        for reason, count, row, given in transaction.run("load.rejects_by_reason")
    ]


def _rejected(source: Source, rows: int, rejects: list[Reject], options: LoadOptions) -> RejectedBarsError:
    rejected = sum(one.count for one in rejects)
    shown = "; ".join(
        f"{one.reason} ({one.count} {'row' if one.count == 1 else 'rows'}, "
        f"first {'row ' + str(one.first_row) + ': ' if one.first_row else ''}{one.first_given})"
        for one in rejects[:_SHOWN_REJECTS]
    )
    more = f"; and {len(rejects) - _SHOWN_REJECTS} more reasons" if len(rejects) > _SHOWN_REJECTS else ""
    if options.strict and rejected < rows:
        way_out = f"mend them, or load without {Option('strict', True)} to leave them out"
    elif any(one.reason == _UNREADABLE for one in rejects):
        given = options.timestamp_format
        fits = "" if given is None else f", which {Option('timestamp_format', given)} does not fit"
        way_out = (
            f"say how stamps are written{fits}, with {Option('timestamp_format')}, such as "
            f"{Option('timestamp_format', '%d.%m.%Y %H:%M')}, or which column they are in with "
            f"{Option('columns', {'bar_start': 'NAME'})}"
        )
    elif any(one.reason.startswith(_AMBIGUOUS) for one in rejects):
        ways = ", ".join(str(Option("ambiguous", way)) for way in ("first", "second", "infer"))
        way_out = f"say which of the two times is meant: {ways}"
    else:
        what = "frame" if source.format == "arrow" else "file"
        checked = ", ".join(str(Option(name)) for name in ("columns", "timezone", "timestamp_format", "label"))
        way_out = f"check the options ({checked}) against the {what}"
    unreadable = sum(one.count for one in rejects if one.reason == _UNREADABLE)
    kind = StampsError if unreadable == rows else RejectedBarsError
    return kind(
        f"{rejected} of {rows} rows of {source.name} cannot be taken, nothing was loaded: {shown}{more}; {way_out}"
    )


def _write(
    transaction: Transaction,
    taken: Taken,
    batch: Batch,
    options: LoadOptions,
    place: TimeRange | None,
    *,
    appended: bool,
) -> Changes:
    """Write the rows unless they are; ``place`` is where bars may be already, None where there can be none."""
    if options.replace is not None:
        transaction.run("load.resent")
        return merge.replace(
            transaction,
            Sql(taken.text),
            TimeRange(*transaction.one("load.resent_place")),
            batch.batch_id,
            ranges=Sql("resent"),
            within="session",
            except_rejected=sql("load.spared"),
        )
    if place is not None:
        overlapping = Sql("(FROM progress WHERE first_start < old_through)")
        return merge.merge(transaction, Sql(taken.text), place, batch.batch_id, overlapping_intervals=overlapping)
    if appended:
        return Changes(inserted=taken.count, recounted=True)
    return Changes(inserted=merge.append(transaction, Sql(taken.text), batch.batch_id), recounted=True)
