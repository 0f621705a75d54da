"""How a source would be read: its first rows go the way of a load, into a store in memory that is gone afterwards.

So what is shown of stamps, zones and numbers is what a load makes of them, by the same code. Calendars are left out of
it: the rows are loaded as minutes, seconds or days around the clock, and what their interval moves is moved here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Unpack

import pyarrow as pa

from barhouse.coordinator.inspection.report import InspectedBar, Inspection
from barhouse.coordinator.jobs.file_contents import SymbolBars, holdings, one_interval
from barhouse.coordinator.load import interval_columns, midnights
from barhouse.coordinator.load.canonical_rows import keep_parsed
from barhouse.coordinator.load.door import load_source
from barhouse.coordinator.load.parts import PATH_SYMBOL, Parts, parts_of
from barhouse.coordinator.load.source_rows import SourceRows, damage_told, open_rows, read_errors
from barhouse.coordinator.load.stamps import how_written
from barhouse.coordinator.session_coordinator import SessionCoordinator
from barhouse.coordinator.sources.opening import open_source
from barhouse.coordinator.sources.options import LoadKeywords, LoadOptions, with_load_options
from barhouse.coordinator.sources.presets import PRESETS
from barhouse.coordinator.sources.readable_files import readable
from barhouse.coordinator.sources.recognition import is_generic, looks_like, presets_of, text_facts
from barhouse.coordinator.sources.source import Source
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import InputError, RejectedBarsError, SourceError
from barhouse.store.hints import spelled
from barhouse.store.model.interval import Interval
from barhouse.store.model.spelling import Spelling
from barhouse.store.session_store import SessionStore, open_store
from barhouse.store.sql import sql

#: How many rows are looked at, of how many bars are made, and how many are shown.
_ROWS, _ROWS_LOADED, _SHOWN = 10_000, 1_000, 5
#: From so many rows on the steps between them tell how long they are.
_FEW = 4
#: What bars are called whose symbol nobody says.
_UNSAID = "SYMBOL"
_AROUND_THE_CLOCK = "24/7"


@with_load_options
def inspect_source(
    data: object, symbol: str | None = None, interval: str | None = None, **options: Unpack[LoadKeywords]
) -> Inspection:
    """Say how a source would be read and what loads it; opens no store and writes nothing.

    Without options a source is read with the preset that fits its first lines, where just one does, and the report says
    so; a load never does that by itself.

    Parameters
    ----------
    data
        What ``SessionCoordinator.load`` takes.
    symbol, interval
        Where they are known; the interval is told from the steps between stamps otherwise.
    {options}

    Raises
    ------
    InputError
        When an option cannot be, or there is nothing that can be opened. What cannot be read as bars is reported.
    """
    how, given = LoadOptions(**options), dict(options)
    name = None if symbol is None else Spelling().symbol(symbol)
    length = None if interval is None else Interval.parse(interval)
    source = open_source(data, how)
    with open_store(":memory:") as store:
        fitting = _presets(store, source)
        if len(fitting) == 1 and not options and not is_generic(fitting[0]):
            given = {"preset": fitting[0]}
            how = LoadOptions(preset=fitting[0])
            source = open_source(data, how)
        facts: dict[str, Any] = {
            "source": source.name,
            "format": source.pieces[0].kind.kind if source.pieces else source.format,
            "presets": fitting,
            "preset": how.preset,
            "label": how.label,
            "timezone": how.timezone,
            "interval": None if length is None else str(length),
            "options": {**({} if name is None else {"symbol": name}), **given},
        }
        try:
            _look(store, source, how, name, length, facts)
        except InputError as error:
            like = looks_like(fitting) if fitting and how.preset is None else ""
            hint = f"; {like}" if like and like not in str(error) else ""
            facts["problem"] = spelled(f"{error}{hint}")
    return _reported(facts)


def _presets(store: SessionStore, source: Source) -> tuple[str, ...]:
    try:
        with (
            store.transaction() as transaction,
            readable(source, transaction.scratch) as opened,
            damage_told(opened.name),
        ):
            return presets_of(opened, PRESETS.names())
    except SourceError:  # as will be said of it
        return ()


def _look(
    store: SessionStore,
    source: Source,
    how: LoadOptions,
    symbol: str | None,
    interval: Interval | None,
    facts: dict[str, Any],
) -> None:
    """Find out what can be, one thing after the other: what is known stays when the next cannot be told."""
    with store.transaction() as transaction, readable(source, transaction.scratch) as opened, damage_told(opened.name):
        facts |= text_facts(opened, how)
        if interval is None and opened.interval is not None:  # as the file says itself
            interval = Interval.parse(opened.interval)
            facts["interval"] = opened.interval
        rows = open_rows(transaction, opened)
        facts["columns"] = tuple(rows.columns)
        sample = _sample(transaction, rows)
        facts["row_count"] = sample.num_rows
        few = replace(
            source,
            format="arrow",
            paths=(),
            pieces=(),
            files=(),
            path_symbol=None,
            zones=opened.zones,
            table=sample,
            of_files=bool(source.paths),
        )
        parts = parts_of(transaction, rows, how)
        lengths = interval_columns.interval_columns_of(rows, parts)
        with read_errors(rows.name):
            interval_columns.check(transaction, rows.name, rows.relation, lengths, interval)
        facts |= _columns_said(rows, parts, how)
        if opened.path_symbol is not None:  # which the sample has in a column
            how = how.but(columns={"symbol": PATH_SYMBOL, **how.columns})
        held = holdings(transaction, few, how, None)
        facts["symbols"] = tuple(sorted(name for name in held if name))
        facts["naive"], midnights_in = _clock_of(transaction, few, how, parts)
    if interval is None:
        told = _interval_of(held, source.name)
        facts |= {"interval": told.interval, "regular": told.regular and sample.num_rows >= _FEW}
        interval = None if told.interval is None else Interval.parse(told.interval)
    names = facts["symbols"] if symbol is None and parts["symbol"] is not None else (symbol or _UNSAID,)
    few = replace(few, table=sample.slice(0, _ROWS_LOADED))
    try:
        facts |= _loaded(store, few, how, names, interval)
    except RejectedBarsError as refused:
        if interval is None or interval.intraday or midnights_in is not None:
            raise
        facts |= _loaded_by_instants(few, how, names, refused)


def _sample(transaction: Transaction, rows: SourceRows) -> pa.Table:
    with read_errors(rows.name):
        found = transaction.table("inspection.first_rows", rows=rows.relation, count=_ROWS)
    return pa.Table.from_struct_array(found["row"].combine_chunks()) if found.num_rows else found.drop(["row"])


def _columns_said(rows: SourceRows, parts: Parts, how: LoadOptions) -> dict[str, Any]:
    used = {name for column in parts.values() if column is not None for name in column.names}
    stamps = parts["bar_start"]
    return {
        "parts": {part: None if column is None else column.name for part, column in parts.items()},
        "unused": tuple(name for name in rows.columns if name not in used),
        "stamps": None if stamps is None else how_written(stamps, how),
    }


def _clock_of(transaction: Transaction, few: Source, how: LoadOptions, parts: Parts) -> tuple[bool, str | None]:
    """Whether stamps carry no zone, so that a time of day needs one that is said; and where all are midnights."""
    rows = open_rows(transaction, few)
    read = keep_parsed(transaction, rows, parts, how, wants_dates=False, by_symbol=False)
    naive = bool(transaction.one("inspection.count_naive", parsed_rows=read).naive_count)
    return naive, midnights.zone_of(transaction, sql("load.kept_in_order", parsed_rows=read))


def _interval_of(held: Mapping[str, SymbolBars], name: str) -> SymbolBars:
    try:
        return one_interval(held, name)
    except SourceError:  # too few bars to tell, or several lengths: then it has to be said
        return SymbolBars(None, regular=True)


def _loaded(
    store: SessionStore,
    few: Source,
    how: LoadOptions,
    names: Sequence[str],
    interval: Interval | None,
) -> dict[str, Any]:
    """The first rows as bars, around the clock: every minute, or date, is the start of one."""
    if interval is not None and not interval.intraday and how.label == "end":
        return {}  # which session ends there, only a calendar can say
    base = "1m" if interval is None or interval.length % 60 == 0 else "1s"
    if interval is not None and not interval.intraday:
        base = "1d"
    coordinator = SessionCoordinator(store)
    coordinator.register(names, [base], _AROUND_THE_CLOCK, base=base)
    one = names[0] if len(names) == 1 else None
    with store.transaction() as transaction:
        by_start = how.but(label="start")
        report = load_source(transaction, few, one, Interval.parse(base), by_start, spaced=False).report
    back = timedelta(seconds=interval.length) if interval is not None and how.label == "end" else timedelta()
    bars: list[InspectedBar] = []
    for name in sorted(store.spelling.symbols(names)):
        for bar in store.bars(name, base).slice(0, _SHOWN - len(bars)).to_pylist():
            values = {part: bar[part] for part in InspectedBar.model_fields if part in bar}
            start = None if base == "1d" else bar["bar_start"] - back
            shown = None if name == _UNSAID else name
            date = bar["session_date"] if base == "1d" else None
            bars.append(InspectedBar(**{**values, "symbol": shown, "bar_start": start, "session_date": date}))
    return {"bars": tuple(bars), "rejects": report.rejects, "instruments": report.instruments}


def _loaded_by_instants(
    few: Source, how: LoadOptions, names: Sequence[str], refused: RejectedBarsError
) -> dict[str, Any]:
    """Bars of sessions that are stamped with a time of day: which one begins there only their calendar can say."""
    with open_store(":memory:") as store:
        try:
            return _loaded(store, few, how, names, None)
        except InputError:
            raise refused from None


def _reported(facts: dict[str, Any]) -> Inspection:
    """The report, with what is missing for a load."""
    missing = []
    options = facts["options"]
    if not facts.get("symbols") and "symbol" not in options:
        missing.append("symbol")
    if facts["interval"] is None:
        missing.append("interval")
    else:
        options = {"interval": facts["interval"], **options}
    ordered = {name: options[name] for name in ("symbol", "interval") if name in options} | options
    return Inspection(**{**facts, "options": ordered, "missing": tuple(missing)})
