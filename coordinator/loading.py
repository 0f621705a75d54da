"""Loading base bars: read, check, place in sessions, write what differs, all inside one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta

import pyarrow as pa

from coordinator import merging, reading
from coordinator.accounting import account, take_stock
from coordinator.merging import Changes, Place
from coordinator.sources import LoadOptions, Source
from store import kept_calendar
from store.bar import INSTANT, TRADE_COUNT_LIMIT, TURNOVER_LIMIT, TURNOVER_LIMIT_SESSIONS, VOLUME_LIMIT
from store.batch import Batch
from store.engine import Transaction
from store.errors import CalendarError, InputError, RejectedBarsError, SourceError
from store.interval import Interval
from store.models import LoadReport, Reject, canonical_symbol
from store.session_store import unknown_symbol
from store.sql import statement
from store.zone import zone_pieces

#: A bar may end this much after the machine's now: clocks differ.
_CLOCK_TOLERANCE = timedelta(seconds=5)
#: No bar is older; an older stamp is a mistake that would have calendars computed for nothing.
_EARLIEST = date(1900, 1, 1)
_SHOWN_REJECTS = 3
_MINUTE = 60

_OCCURRENCE = {
    "reject": "z.occurrence < 2",
    "first": "z.occurrence < 2",
    "second": "z.occurrence <> 1",
    "infer": "(z.occurrence = 0 OR z.occurrence = coalesce(r.inferred_occurrence, 1))",
}
_AMBIGUOUS = {
    "reject": "coalesce(z.occurrence, 0) = 1",
    "first": "false",
    "second": "false",
    "infer": "coalesce(z.occurrence, 0) > 0 AND r.inferred_occurrence IS NULL",
}


@dataclass(frozen=True, slots=True)
class _Fresh:
    """The rows taken: the table they are in, and what of them repeats."""

    table: str
    in_order: bool
    same_repeats: int = 0
    refused_repeats: int = 0
    refused_outside: int = 0


def load(
    transaction: Transaction, source: Source, interval: Interval, symbol: str | None, options: LoadOptions
) -> LoadReport:
    """Load a source into the base interval of one symbol, or of those it names; see ``SessionCoordinator.load``."""
    source = reading.with_headers_compared(source, transaction)
    columns = reading.columns_of(source, transaction)
    parts = reading.map_columns(columns, source, options)
    source = reading.narrowed(source, parts, options)
    calendar_names = _map_symbols(transaction, source, parts, interval, symbol)
    reading.read(source, parts, options, transaction, wants_dates=not interval.intraday, by_symbol=symbol is None)
    _stage(transaction, source, interval, options, calendar_names, by_symbol=symbol is None)
    taken, _, outside, unknown = transaction.one("load.verdict")
    if unknown:
        raise _beyond_calendar(transaction, source)
    fresh = _in_order(transaction)
    rejects = _quote_rejects(transaction, source, fresh)
    rejected = sum(one.count for one in rejects)
    rows = taken - fresh.refused_repeats + rejected
    if rejected and (options.strict or rejected == rows):
        raise _rejected(source, rows, rejects, strict=options.strict)

    batch = Batch.begin(transaction, "load", source.name)
    changes = _write(transaction, fresh, batch, options)
    batch.inserted, batch.revised, batch.deleted = changes.inserted, changes.revised, changes.deleted
    batch.rejected = rejected
    batch.unchanged = rows - rejected - changes.inserted - changes.revised
    batch.write(transaction)
    _note_files(transaction, source, options.request(symbol and canonical_symbol(symbol), str(interval)), batch)
    if rejected:
        transaction.run("load.keep_rejects", {"batch_id": batch.batch_id})
    first_session, last_session, first_bar, last_bar_end = transaction.one("load.sessions_reached")
    return LoadReport(
        batch_id=batch.batch_id,
        source=source.name,
        symbols=tuple(name for (name,) in transaction.run("load.symbols_reached")),
        interval=str(interval),
        rows=rows,
        inserted=batch.inserted,
        revised=batch.revised,
        unchanged=batch.unchanged,
        rejected=rejected,
        outside=outside - fresh.refused_outside,
        deleted=batch.deleted,
        repeated=fresh.same_repeats,
        first_session=first_session,
        last_session=last_session,
        first_bar=first_bar,
        last_bar_end=last_bar_end,
        rejects=tuple(rejects),
    )


def _note_files(transaction: Transaction, source: Source, request: str, batch: Batch) -> None:
    """Record which files were loaded, so that they are known again."""
    if source.files:
        transaction.register("loaded_file", pa.Table.from_pylist([asdict(one) for one in source.files]))
        transaction.run("load.note_files", {"request": request, "batch_id": batch.batch_id})


def _map_symbols(
    transaction: Transaction,
    source: Source,
    parts: Mapping[str, reading.Column | None],
    interval: Interval,
    symbol: str | None,
) -> set[str]:
    """Register ``symbol_map``, which says for each spelling of a symbol where its bars go, or why nowhere."""
    if symbol is None:
        column = parts["symbol"]
        if column is None:
            raise SourceError(
                f"{source.name} has no column that names the symbol; say which symbol it holds with symbol=, "
                f'or which column names it with columns={{"symbol": "NAME"}}'
            )
        rows = reading.rows_of(source, transaction)
        given = [text for (text,) in transaction.run("load.symbols_given", symbol=column.sql, rows=rows)]
    else:
        _refuse_several(transaction, source, parts["symbol"], symbol)
        given = [symbol]
    spelled = {text: text.strip().upper() for text in given}
    known = {row[0]: row[1:] for row in transaction.run("load.definitions", {"symbols": sorted(set(spelled.values()))})}
    mapped = []
    for text, name in spelled.items():
        refusal, interval_id, calendar, closing, retained_from = None, None, None, False, None
        if name not in known:
            refusal = f"symbol {name!r} is not registered"
        else:
            interval_id, base, calendar, _, _, closing, retained_from = known[name]
            if base != str(interval):
                refusal = f"{name} is loaded with {base} bars, not {interval}"
        mapped.append((text, interval_id, calendar, closing, retained_from, refusal))
    if symbol is not None:
        _refuse_symbol(transaction, canonical_symbol(symbol), mapped[0][-1], interval)
    columns = list(zip(*mapped, strict=True)) or [(), (), (), (), (), ()]
    types = (pa.string(), pa.int32(), pa.string(), pa.bool_(), INSTANT, pa.string())
    names = ("symbol_given", "interval_id", "calendar", "includes_closing_bar", "retained_from", "refusal")
    arrays = [pa.array(column, type_) for column, type_ in zip(columns, types, strict=True)]
    transaction.register("symbol_map", pa.table(arrays, names=list(names)))
    return {row[2] for row in mapped if row[2] is not None}


def _refuse_several(transaction: Transaction, source: Source, column: reading.Column | None, symbol: str) -> None:
    """A source that names several symbols is not taken as bars of one."""
    if column is None:
        return
    rows = reading.rows_of(source, transaction)
    named = transaction.run("load.symbols_given", symbol=column.sql, rows=rows)
    if len(named) > 1:
        listed = ", ".join(sorted(str(name) for (name,) in named[:3]))
        raise SourceError(
            f"{source.name} names {len(named)} symbols in its column {column.name} ({listed}, ...), not only {symbol}; "
            f'leave out symbol= to load each, or say columns={{"symbol": None}} if the column means something else'
        )


def _refuse_symbol(transaction: Transaction, name: str, refusal: str | None, interval: Interval) -> None:
    if refusal is None:
        return
    known = {row[0] for row in transaction.run("registration.active_symbols")}
    if name not in known:
        raise unknown_symbol(name, known)
    raise InputError(f"{refusal}; a symbol has one base interval, the others are derived from it")


def _stage(
    transaction: Transaction,
    source: Source,
    interval: Interval,
    options: LoadOptions,
    calendar_names: set[str],
    *,
    by_symbol: bool,
) -> None:
    """Judge every row: the temporary table ``staged`` has it as a bar, or with the reason it is none."""
    _, first, last, naive, naive_times = transaction.one("load.bounds")
    needs_zone = naive if interval.intraday else naive_times
    if needs_zone and options.timezone is None:
        raise SourceError(
            f"{source.name} has {needs_zone} stamps without a time zone; say which one they are in with timezone=, "
            f"such as timezone='UTC' or timezone='America/New_York'"
        )
    today = transaction.now.date()
    # A stamp far ahead is a bar that has not ended; it needs no calendar to be refused. Local dates run up to a day
    # ahead of UTC.
    first_date = max(first.date(), _EARLIEST) if first else today
    last_date = min(last.date(), today + timedelta(days=1)) if last else today
    kept_calendar.reach(transaction, calendar_names, min(first_date, last_date), last_date)
    zoned = naive > 0 and options.timezone is not None
    if options.timezone is not None:
        pieces = zone_pieces(options.timezone, first_date, last_date)  # also says when there is no such zone
    infers = zoned and options.ambiguous == "infer"
    if zoned:
        transaction.register("zone_piece", pieces)
    if infers:
        transaction.run("load.infer_occurrence")
    dates = {"first": first_date, "last": last_date}
    if interval.intraday:
        transaction.run("load.calendar_piece", dates)
    else:
        transaction.run("load.session_name", {"unit": interval.unit, "length": interval.length})
    zone_join = statement("load.zone_join").format(occurrence=_OCCURRENCE[options.ambiguous])
    parameters, placed = _placing(interval, options)
    transaction.run(
        "load.judge",
        {
            "turnover_limit": TURNOVER_LIMIT if interval.intraday else TURNOVER_LIMIT_SESSIONS,
            "volume_limit": VOLUME_LIMIT,
            "trade_count_limit": TRADE_COUNT_LIMIT,
            "latest_end": transaction.now + _CLOCK_TOLERANCE,
            **({"first_local": first_date, "last_local": last_date} if zoned else {}),
            **parameters,
        },
        raw=statement("load.in_order_inferred" if infers else "load.in_order"),
        zoned=zone_join if zoned else "",
        stamp=statement("load.stamp_of_zone") if zoned else "r.instant_given",
        ambiguous=_AMBIGUOUS[options.ambiguous] if zoned else "false",
        symbol_match="m.symbol_given = r.symbol_given" if by_symbol else "true",
        placed=placed,
    )


def _placing(interval: Interval, options: LoadOptions) -> tuple[dict[str, object], str]:
    """How bars of an interval find their session: the statement's part and its parameters."""
    at_end = options.label == "end"
    if not interval.intraday:
        placed = statement("load.placed_sessions").format(edge="block_close" if at_end else "block_open")
        reason = f"no session is named by this stamp; a {interval} bar is named by the date of its first session"
        return {"misplaced_reason": reason}, placed
    width = interval.length * 1_000_000
    stamped = "at_end" if at_end else "at_start"
    placed = statement("load.placed_intraday").format(
        end_shift=1 if at_end else 0,
        start=statement(f"load.start_stamped_{stamped}"),
        off_grid=statement(f"load.off_grid_stamped_{stamped}"),
    )
    way_out = "check the stamps and label="
    if interval.length > _MINUTE:
        way_out = f"load a finer base, such as 1m, and derive {interval} from it"
    reason = f"off the grid: {interval} bars count from the open of their session's segment; {way_out}"
    return {"misplaced_reason": reason, "width_us": width}, placed


def _beyond_calendar(transaction: Transaction, source: Source) -> CalendarError:
    calendar, known_from, known_through, file_row = transaction.one("load.unknown_range")
    return CalendarError(
        f"row {file_row} of {source.name} lies beyond what calendar {calendar} is known for, {known_from} to "
        f"{known_through}; nothing was loaded: load the rest without it, or upgrade exchange_calendars"
    )


def _in_order(transaction: Transaction) -> _Fresh:
    """The rows taken, in the order of the bar table and each bar once."""
    (out_of_order,) = transaction.one("load.order")
    if not out_of_order:
        return _Fresh("(SELECT * FROM staged WHERE reason IS NULL)", in_order=True)
    transaction.run("load.sort")
    transaction.run("load.repeats")
    repeats = transaction.one("load.count_repeats")
    if any(repeats):
        transaction.run("load.drop_repeats")
    return _Fresh("fresh", True, *repeats)


def _quote_rejects(transaction: Transaction, source: Source, fresh: _Fresh) -> list[Reject]:
    """The rows left out, as they were given, in the temporary table ``refused_given``; returns them by reason."""
    malformed = transaction.one("load.count_malformed")[0] if source.format == "csv" else 0
    repeats = statement("load.refused_repeats") if fresh.refused_repeats else ""
    transaction.run("load.refused", repeats=repeats)
    (refused,) = transaction.one("load.count_refused")
    if not refused and not malformed:
        return []
    lines = statement("load.malformed_given") if malformed else ""
    transaction.run("load.quote_rejects", rows=reading.rows_of(source, transaction), malformed=lines)
    return [
        Reject(reason=reason, count=count, first_row=row, first_given=given)
        for reason, count, row, given in transaction.run("load.rejects_by_reason")
    ]


def _rejected(source: Source, rows: int, rejects: list[Reject], *, strict: bool) -> RejectedBarsError:
    rejected = sum(one.count for one in rejects)
    shown = "; ".join(
        f"{one.reason} ({one.count} {'row' if one.count == 1 else 'rows'}, "
        f"first {'row ' + str(one.first_row) + ': ' if one.first_row else ''}{one.first_given})"
        for one in rejects[:_SHOWN_REJECTS]
    )
    more = f"; and {len(rejects) - _SHOWN_REJECTS} more reasons" if len(rejects) > _SHOWN_REJECTS else ""
    if strict and rejected < rows:
        way_out = "mend them, or load without strict=True to leave them out"
    else:
        way_out = "check the options (columns, timezone, timestamp_format, label) against the file"
    return RejectedBarsError(
        f"{rejected} of {rows} rows of {source.name} cannot be taken, nothing was loaded: {shown}{more}; {way_out}"
    )


def _write(transaction: Transaction, fresh: _Fresh, batch: Batch, options: LoadOptions) -> Changes:
    """Write the rows, move the watermark, record what must be derived again, account for it."""
    transaction.run("load.reach", fresh=fresh.table)
    changed = "delta"
    if options.replace == "sessions":
        transaction.run("load.resent", fresh=fresh.table)
        place = Place(*transaction.one("load.resent_place"))
        changes = merging.merge(
            transaction,
            fresh.table,
            place,
            batch.batch_id,
            anew="resent",
            inside=merging.IN_SESSION,
            spared=statement("load.spared"),
        )
    else:
        overlapping, *bounds = transaction.one("load.overlap")
        if overlapping:
            changes = merging.merge(transaction, fresh.table, Place(*bounds), batch.batch_id)
        else:
            changed = fresh.table
            (count,) = transaction.one("load.count_fresh", fresh=fresh.table)
            merging.append(transaction, fresh.table, batch.batch_id, in_order=fresh.in_order)
            changes = Changes(inserted=count)
    transaction.run("load.advance")
    if changes != Changes():
        transaction.run("load.invalidate", {"batch_id": batch.batch_id}, changed=changed)
    take_stock(transaction, "account.of_reach")
    transaction.run("account.progress_of_base", fresh=fresh.table)
    account(transaction, changed)
    return changes
