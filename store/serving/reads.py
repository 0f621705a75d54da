"""What can be asked of a snapshot: SQL, and typed reads, each of which takes texts by name and gives batches of rows.

Names and dates are understood as everywhere (``store.model.inputs``). A read never tells of a symbol that the asker may
not see: to such an asker it is as if it were not registered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from barhouse.store.checks import health as store_health
from barhouse.store.database.limits import STREAMED_ROWS
from barhouse.store.database.query import check_reads
from barhouse.store.errors import InputError
from barhouse.store.hints import Option, did_you_mean
from barhouse.store.model.inputs import (
    as_columns,
    as_count,
    as_instant,
    as_interval,
    as_range,
    optional,
    unknown_symbol,
)
from barhouse.store.records import bars as store_bars
from barhouse.store.records import filled_bars, registry, session_days
from barhouse.store.serving.catalog import CATALOG_READS, described
from barhouse.store.serving.chart import chart
from barhouse.store.serving.parameters import parameters_of
from barhouse.store.serving.permission import READ_VIEWS, allowed_views, shadow
from barhouse.store.sql import Sql, sql

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from barhouse.store.database.transaction import Transaction
    from barhouse.store.records.adjustment import Adjust
    from barhouse.store.records.filled_bars import Fill
    from barhouse.store.serving.wire import WorkerQuestion

#: What an answer is made of: the schema, and the batches as they come.
Rows = tuple["pa.Schema", Iterator["pa.RecordBatch"]]
Read = Callable[["Transaction", Mapping[str, Any], "list[str] | None"], Rows]

#: Bars of so many symbols are asked for in one statement: each is in order, and the first rows come soon.
_SYMBOLS_AT_ONCE = 20
_NEWEST = 1000


def answer(transaction: Transaction, question: WorkerQuestion) -> Rows:
    """Answer a question.

    Raises
    ------
    InputError
        For what cannot be asked so.
    """
    named = None
    if question.symbols is not None:
        named = [transaction.spelling.of(one) for one in question.symbols]
    if question.read == "sql":
        return _sql(transaction, question.given, named)
    allowed = None
    if named is not None:
        allowed = sorted({row.symbol for row in transaction.run("records.intervals_of", {"symbols": named})})
        shadow(transaction.cursor, named, READ_VIEWS)
    read, names = (READS | CATALOG_READS)[question.read]
    refuse_unknown_names(question.given, names)
    return read(transaction, question.given, allowed)


def refuse_unknown_names(given: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Refuse parameters that a read does not have: a mistyped one would be answered as if it were not there.

    Raises
    ------
    InputError
        Naming those that there are.
    """
    for name in given:
        if name not in names:
            listed = ", ".join(names) or "none"
            raise InputError(f"there is no parameter {name!r} here{did_you_mean(name, names)}; there are: {listed}")


def _sql(transaction: Transaction, given: Mapping[str, Any], only: list[str] | None) -> Rows:
    text = given["sql"]
    check_reads(transaction.cursor, text, reads_files=False, is_remote=True)
    if only is not None:
        shadow(transaction.cursor, only, allowed_views(transaction.cursor, text))
    if given.get("described"):
        return described(transaction.cursor, text)
    schema, batches = _asked(transaction.cursor, text, parameters_of(given, transaction.cursor))
    return schema, _first(batches, given["limit"]) if "limit" in given else batches


def _first(batches: Iterator[pa.RecordBatch], count: int) -> Iterator[pa.RecordBatch]:
    """The first rows of an answer; what comes after them is not asked for."""
    left = count
    for batch in batches:
        yield batch.slice(0, left)
        left -= min(left, batch.num_rows)
        if not left:
            return


def _asked(cursor: duckdb.DuckDBPyConnection, text: str, parameters: Any = None) -> Rows:
    import pyarrow as pa

    relation: Any = cursor.sql(text, params=parameters) if parameters else cursor.sql(text)
    if relation is None:
        return pa.schema([]), iter(())
    reader = relation.to_arrow_reader(STREAMED_ROWS // 2)
    return reader.schema, iter(reader)


def _rows(table: pa.Table) -> Rows:
    return table.schema, iter(table.to_batches())


def _run(transaction: Transaction, name: str, parameters: dict[str, Any], **places: object) -> Rows:
    return _asked(transaction.cursor, sql(name, **places), parameters)


def _symbols_of(transaction: Transaction, given: Mapping[str, Any], allowed: list[str] | None) -> list[str] | None:
    """The symbols asked for, registered and to be seen; None for all."""
    if "symbol" not in given:
        return allowed
    names = transaction.spelling.symbols(_listed(given, "symbol") or [], "symbol")
    _refuse_unseen(transaction, names, allowed)
    return names


def _refuse_unseen(transaction: Transaction, names: list[str], allowed: list[str] | None) -> None:
    if allowed is None:
        registry.refuse_unknown(transaction, names)
        return
    for name in names:
        if name not in allowed:
            raise unknown_symbol(name, set(allowed))


def _needed(given: Mapping[str, Any], name: str, example: str) -> str:
    if name not in given:
        raise InputError(f"{name} is missing; give one, such as {name}={example}")
    return str(given[name])


def _flag(given: Mapping[str, Any], name: str) -> bool:
    said = str(given.get(name, "false")).lower()
    if said not in ("true", "1", "false", "0"):
        raise InputError(f"{Option(name, given[name])} is neither true nor false; give one of them")
    return said in ("true", "1")


def _limit(given: Mapping[str, Any]) -> int:
    return _whole(given, "limit", _NEWEST, "how many rows to have at most")


def _whole(given: Mapping[str, Any], name: str, default: int, what: str) -> int:
    if name not in given:
        return default
    said = str(given[name])
    if not (said.isascii() and said.isdigit()) or len(said) > 12:
        raise InputError(f"{Option(name, said)} is not usable; give {what}, 1 or more")
    return as_count(int(said), name, what)


def bars(transaction: Transaction, given: Mapping[str, Any], allowed: list[str] | None) -> Rows:
    """Bars of one symbol or several, by symbol and then oldest first, in the columns of the view ``bars``."""
    _needed(given, "symbol", "SPY")
    symbols = sorted(_symbols_of_past(transaction, given, allowed))
    interval = as_interval(_needed(given, "interval", "1d"), "interval")
    bounds = as_range(given.get("start"), given.get("end"))
    live, then = _flag(given, "live"), optional(as_instant, given.get("as_of"), "as_of")
    if live and then is not None:
        raise InputError("live and as_of exclude each other: forming bars exist only now; give one of them")
    last = _whole(given, "last", 0, "how many bars of each symbol to have at most") if "last" in given else None
    columns = optional(as_columns, _listed(given, "columns"), "columns")
    adjust, fill = _made_of(given)
    parts = [symbols[at : at + _SYMBOLS_AT_ONCE] for at in range(0, len(symbols), _SYMBOLS_AT_ONCE)]

    def asked(part: list[str]) -> Rows:
        question = store_bars.Question(part, interval, bounds, last, columns, adjust=adjust, fill=fill)
        if then is not None:
            return _rows(store_bars.bars_as_of(transaction, question, then))
        if last is not None or columns is not None or not question.is_raw:
            return _rows(store_bars.bars(transaction, question, live=live))
        return _streamed(transaction, question, live=live)

    if then is None:
        registry.refuse_unknown(transaction, symbols, [interval])
    schema, first = asked(parts[0])

    def batches_of_all() -> Iterator[pa.RecordBatch]:
        yield from first
        for part in parts[1:]:
            yield from asked(part)[1]

    return schema, batches_of_all()


def _made_of(given: Mapping[str, Any]) -> tuple[Adjust | None, Fill | None]:
    """What prices are adjusted for, and what stands in for bars that are not there."""
    adjust = optional(store_bars.as_adjust, given.get("adjust"), "adjust")
    return adjust, optional(filled_bars.as_fill, given.get("fill"), "fill")


def _streamed(transaction: Transaction, question: store_bars.Question, *, live: bool) -> Rows:
    """Bars as they are read: of one symbol there may be more than memory holds."""
    calendars = {
        row.symbol: row.calendar for row in transaction.run("records.intervals_of", {"symbols": question.symbols})
    }
    spans = session_days.ranges(transaction, set(calendars.values()), *question.bounds)
    found = [spans[calendars[symbol]] for symbol in question.symbols]
    starts = [start or session_days.BEGINNING for start, _ in found]
    ends = [end or session_days.END for _, end in found]
    ranges = {"symbols": question.symbols, "starts": starts, "ends": ends}
    whole = {"interval": question.interval, "first": min(starts), "last": max(ends)}
    return _run(transaction, "serving.bars", {**ranges, **whole}, source=Sql("bars_live") if live else Sql("bars"))


def _listed(given: Mapping[str, Any], name: str) -> list[str] | None:
    if name not in given:
        return None
    return [one.strip() for one in given[name].split(",") if one.strip()]


def _symbols_of_past(transaction: Transaction, given: Mapping[str, Any], allowed: list[str] | None) -> list[str]:
    """The symbols asked for; as of a past moment they need not be registered now."""
    if given.get("as_of") is None or allowed is not None:
        return _symbols_of(transaction, given, allowed) or []
    return transaction.spelling.symbols(_listed(given, "symbol") or [], "symbol")


def charted(transaction: Transaction, given: Mapping[str, Any], allowed: list[str] | None) -> Rows:
    """Bars for a chart, of the finest interval of which no more than ``points`` lie in the range; see ``chart``."""
    symbol = transaction.spelling.symbol(_needed(given, "symbol", "SPY"))
    _refuse_unseen(transaction, [symbol], allowed)
    interval = optional(as_interval, given.get("interval"), "interval")
    then = optional(as_instant, given.get("as_of"), "as_of")
    points = _whole(given, "points", 1000, "how many bars the chart has room for")
    columns = optional(as_columns, _listed(given, "columns"), "columns")
    bounds = as_range(given.get("start"), given.get("end"))
    adjust, fill = _made_of(given)
    filled_bars.refuse_undrawn(fill)
    asked = store_bars.Question([symbol], interval or "", bounds, None, columns, adjust=adjust, fill=fill)
    return _rows(chart(transaction, asked, then, points))


def symbols_there(transaction: Transaction, given: Mapping[str, Any], allowed: list[str] | None) -> Rows:
    """Each symbol with its calendar, its intervals, and the quality of its base interval."""
    return _run(transaction, "serving.symbols", {"symbols": _symbols_of(transaction, given, allowed)})


def intervals(transaction: Transaction, given: Mapping[str, Any], allowed: list[str] | None) -> Rows:
    """The view ``intervals``, finest first."""
    return _run(transaction, "records.intervals_in_order", {"symbols": _symbols_of(transaction, given, allowed)})


def health(transaction: Transaction, given: Mapping[str, Any], allowed: list[str] | None) -> Rows:
    """The view ``health``, the symbols that are furthest behind first."""
    return _rows(store_health.health(transaction, transaction.now, _symbols_of(transaction, given, allowed)))


def _in_time(transaction: Transaction, given: Mapping[str, Any], allowed: list[str] | None) -> dict[str, Any]:
    """What narrows gaps, coverage and revisions: symbols, an interval, and bounds by dates of sessions or instants."""
    symbols = _symbols_of(transaction, given, allowed)
    interval = optional(as_interval, given.get("interval"), "interval")
    if interval is not None:
        registry.refuse_unknown(transaction, symbols, [interval])
    parameters: dict[str, Any] = {"symbols": symbols, "interval": interval}
    for bound, of_date, of_instant in zip(
        as_range(given.get("start"), given.get("end")), ("first_date", "end_date"), ("start", "end"), strict=True
    ):
        is_instant = isinstance(bound, datetime)
        parameters |= {of_date: None if is_instant else bound, of_instant: bound if is_instant else None}
    return parameters


def gaps(transaction: Transaction, given: Mapping[str, Any], allowed: list[str] | None) -> Rows:
    """The view ``gaps``, by symbol and interval, oldest first; of each symbol and interval the newest ``last``."""
    last = _whole(given, "last", 0, "how many gaps of each interval to have at most") or None
    return _run(transaction, "serving.gaps", {**_in_time(transaction, given, allowed), "last": last})


def coverage(transaction: Transaction, given: Mapping[str, Any], allowed: list[str] | None) -> Rows:
    """The view ``coverage``, by symbol and interval, oldest session first."""
    parameters = _in_time(transaction, given, allowed)
    if parameters.pop("start") is not None or parameters.pop("end") is not None:
        raise InputError("coverage goes by whole sessions; give start and end as dates, such as 2024-11-29")
    return _run(transaction, "serving.coverage", parameters)


def revisions(transaction: Transaction, given: Mapping[str, Any], allowed: list[str] | None) -> Rows:
    """The view ``revisions``, by symbol, interval and bar, the last replaced first."""
    return _run(transaction, "serving.revisions", _in_time(transaction, given, allowed))


def batches(transaction: Transaction, given: Mapping[str, Any], allowed: list[str] | None) -> Rows:
    """The newest batches of the view ``batches``, newest first."""
    return _run(transaction, "serving.batches", {"limit": _limit(given)})


def runs(transaction: Transaction, given: Mapping[str, Any], allowed: list[str] | None) -> Rows:
    """The newest runs of the view ``runs``, newest first."""
    return _run(transaction, "serving.runs", {"limit": _limit(given)})


def rejected(transaction: Transaction, given: Mapping[str, Any], allowed: list[str] | None) -> Rows:
    """The rows of the view ``rejected`` that came last, those of the newest batch first."""
    return _run(transaction, "serving.rejected", {"limit": _limit(given)})


def state(transaction: Transaction, given: Mapping[str, Any], allowed: list[str] | None) -> Rows:
    """How far the snapshot has come: its newest batch, and when that was committed."""
    return _run(transaction, "copies.newest_batch", {})


_RANGE = ("symbol", "interval", "start", "end")
#: Each typed read, and the parameters it takes.
READS: dict[str, tuple[Read, tuple[str, ...]]] = {
    "bars": (bars, (*_RANGE, "last", "columns", "live", "as_of", "adjust", "fill")),
    "chart": (charted, (*_RANGE, "points", "columns", "as_of", "adjust", "fill")),
    "symbols": (symbols_there, ("symbol",)),
    "intervals": (intervals, ("symbol",)),
    "health": (health, ("symbol",)),
    "coverage": (coverage, _RANGE),
    "gaps": (gaps, (*_RANGE, "last")),
    "revisions": (revisions, _RANGE),
    "batches": (batches, ("limit",)),
    "runs": (runs, ("limit",)),
    "rejected": (rejected, ("limit",)),
    "state": (state, ()),
}
