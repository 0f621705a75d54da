"""Proof on demand: what a store keeps against a recomputation from its base bars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from barhouse.store.database.transaction import Row, TemporaryTable, Transaction
from barhouse.store.errors import StoreError
from barhouse.store.model.anchor import MONTHS, WEEKDAYS
from barhouse.store.model.reports import Difference, DifferenceKind, VerifyReport
from barhouse.store.records.declared_columns import DeclaredColumns, declared_columns
from barhouse.store.sql import Sql, identifier, joined, literal, names_of, parameters_of, sql, statement

if TYPE_CHECKING:
    from barhouse.store.checks.findings import Findings

#: How many differences of one kind are shown; all are counted.
SHOWN_PER_CHECK = 20

#: Days around a session's date in which its bars lie.
_AROUND = 7

Progress = Callable[[int, int], None]

_ADVICE: dict[DifferenceKind, str] = {
    "duplicate": "repair keeps the one written last",
    "impossible": "delete the bar and load it again with right values; repair cannot know them",
    "misplaced": "repair places it where the calendar has it",
    "retained": "repair takes it away",
    "derived": "repair derives it again",
    "coverage": "repair counts it again",
    "gap": "repair counts it again",
    "quality": "repair computes it again",
    "bar_count": "repair counts them again",
    "watermark": "repair moves it to the last bar",
    "value": "repair takes it away",
    "vendor": "no bar hangs on it; restore a backup, or load the files of the vendors again",
    "name": "rename the symbol or take the alias away and say it again; repair cannot know names",
    "action": "delete the action and load it again with right values; repair cannot know them",
    "roll": "repair decides it again",
    "revision": "what was lost cannot be derived again; restore a backup, or let repair accept the loss",
}

#: The checks of the ordered pass over the bars, each with the kind of difference that it finds.
_OF_BARS: tuple[tuple[DifferenceKind, str], ...] = (
    ("duplicate", "checks.duplicate"),
    ("impossible", "checks.impossible"),
    ("retained", "checks.unretained"),
    ("misplaced", "checks.misplaced_intraday"),
    ("misplaced", "checks.misplaced_blocks"),
    ("derived", "checks.underived"),
    ("coverage", "checks.uncovered"),
    ("gap", "checks.ungapped"),
)

#: Those of what is kept beside bars.
_OF_DEFINITIONS: tuple[tuple[DifferenceKind, str], ...] = (
    ("quality", "checks.misgraded"),
    ("bar_count", "checks.miscounted"),
    ("watermark", "checks.stale_base"),
    ("watermark", "checks.stale_derived"),
    ("watermark", "checks.unaligned_intraday"),
    ("watermark", "checks.late_hint"),
)


def verify(
    transaction: Transaction,
    symbols: Sequence[str] | None,
    intervals: Sequence[str] | None,
    start: date | None,
    end: date | None,
    progress: Progress | None = None,
) -> VerifyReport:
    """Check the first four invariants; see ``SessionStore.verify``."""
    from barhouse.store.checks.findings import Findings
    from barhouse.store.checks.passage import Passage
    from barhouse.store.checks.portions import portions

    _refuse_shadows(transaction)
    bounds = _bounds(transaction, intervals, start, end)
    reached = sql("checks.reached_all")
    asked: dict[str, Any] = {}
    if start is not None or end is not None:
        within = sql("checks.within_reach", within_bars=sql("checks.within_bars"))
        reached = sql("checks.reached_some", within_reach=within)
        asked = {name: bounds[name] for name in parameters_of(reached)}
    extents = transaction.make("checks.bar_extent", asked, reached=reached)
    checked = transaction.make(
        "checks.checked_intervals", {"symbols": symbols, "intervals": intervals}, bar_extent=extents
    )
    checks = _Checks(transaction, checked, extents, bounds)
    counts = checks.one("checks.scope_counts")
    passage = Passage(transaction, bounds, Findings(SHOWN_PER_CHECK))
    total, found = portions(transaction, checked, extents)
    done = 0

    def read(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(min(done, total), total)

    for portion in found:
        passage.through(portion, read)
    for kind, name in _OF_BARS:
        checks.say(kind, name, passage.findings)
    for kind, name in _OF_DEFINITIONS:
        checks.run(kind, name)
    for length in transaction.run("checks.checked_lengths", checked_intervals=checked):
        checks.run("watermark", "checks.unaligned_blocks", length._asdict(), blocks=_blocks(checks, length))
    whole = symbols is None and intervals is None and start is None and end is None
    checks.run("revision", "checks.overlapping", {"whole": whole})
    if transaction.one("checks.any_values").any_values:
        _check_values(checks, declared_columns(transaction), whole=whole)
    if whole:
        checks.run("revision", "checks.unrevised")
        from barhouse.store.database.tables import metadata

        for table in metadata.sorted_tables:  # also those that nothing is computed from
            transaction.run("checks.read_whole", table=identifier(table.name))
        checks.run("vendor", "checks.unfounded")
        checks.run("action", "checks.unfounded_actions")
        checks.run("name", "checks.misnamed")
        checks.run("revision", "checks.overlapping_actions")
        _check_rolls(transaction, checks)
    return VerifyReport(
        symbol_count=counts.symbol_count,
        interval_count=counts.interval_count,
        base_bar_count=passage.base_bar_count,
        derived_bar_count=passage.derived_bar_count,
        session_count=passage.session_count,
        batches_checked=whole,
        differences=tuple(checks.differences),
        totals=checks.totals,
    )


def _check_rolls(transaction: Transaction, checks: _Checks) -> None:
    """Hold the rolls of continuous futures against what was traded of their contracts."""
    checks.run("roll", "checks.unfounded_rolls")
    checks.run("revision", "checks.overlapping_rolls")
    if transaction.run("futures.futures_of", {"symbols": None}):
        traded = transaction.make("checks.traded_by_session")
        checks.run("roll", "checks.misplaced_rolls", traded_by_session=traded)


def _check_values(checks: _Checks, declared: DeclaredColumns, *, whole: bool) -> None:
    """Look at values of declared columns: whose they are, whether they can be, and what derived bars have of them."""
    checks.run("impossible", "checks.impossible_values", {"whole": whole})
    checks.run("value", "checks.unfounded_values", {"whole": whole})
    if not declared:
        return
    comma = Sql(", ")
    stored = [sql("checks.stored_value", number=column.number) for column in declared.columns]
    expected = [sql(f"checks.expected_{column.aggregate}", number=column.number) for column in declared.columns]
    checks.run("derived", "checks.underived_values", stored=joined(comma, stored), expected=joined(comma, expected))


def _refuse_shadows(transaction: Transaction) -> None:
    """Refuse a store in which DuckDB's own functions are something else: nothing that is computed there means anything.

    Raises
    ------
    StoreError
        Naming them.
    """
    names = [row.name for row in transaction.run("checks.shadowing")]
    if names:
        raise StoreError(
            f"the store has macros by the names of DuckDB's own functions ({', '.join(names[:5])}), so that "
            f"whatever is computed in it means something else; drop them with DuckDB, such as DROP MACRO {names[0]}"
        )


def _bounds(
    transaction: Transaction, intervals: Sequence[str] | None, start: date | None, end: date | None
) -> dict[str, Any]:
    """The sessions asked for, and between which instants their bars lie, and those of blocks that begin with them."""
    asked = {"intervals": intervals}
    days = 0 if start is None and end is None else transaction.one("checks.longest_block", asked).day_count
    return {
        "start": start,
        "end": end,
        "reach_from": _midnight(start, -_AROUND, datetime(1, 1, 3, tzinfo=UTC)),
        "reach_to": _midnight(end, _AROUND + days, datetime(9999, 12, 29, tzinfo=UTC)),
    }


def _midnight(day: date | None, days: int, otherwise: datetime) -> datetime:
    if day is None:
        return otherwise
    try:
        return datetime.combine(day, time(), UTC) + timedelta(days=days)
    except OverflowError:
        return otherwise


class _Checks:
    """Runs checks on the intervals and sessions asked for, and gathers what differs."""

    def __init__(
        self, transaction: Transaction, checked: TemporaryTable, extents: TemporaryTable, bounds: dict[str, Any]
    ) -> None:
        self.transaction = transaction
        self.differences: list[Difference] = []
        self.totals: dict[str, int] = {}
        self._bounds = bounds
        self._places: dict[str, object] = {
            "checked_intervals": checked,
            "within_bars": sql("checks.within_bars"),
            "bar_extent": extents,
        }

    def text(self, name: str, **places: object) -> Sql:
        """A check, or a piece of one, with what it needs of the scope filled in."""
        text = statement(name).text
        return sql(name, **{hole: self._places[hole] for hole in self._places.keys() & names_of(text)}, **places)

    def asked(self, text: Sql, **values: object) -> dict[str, Any]:
        """The values of a text's parameters."""
        every = {**self._bounds, **values}
        return {name: every[name] for name in parameters_of(text)}

    def one(self, name: str) -> Row:
        """The one row of a statement about the scope."""
        text = self.text(name)
        (row,) = self.transaction.execute(text, self.asked(text))
        return row

    def run(self, kind: DifferenceKind, name: str, values: dict[str, Any] | None = None, **places: object) -> None:
        """Run a check; what it finds is a difference of ``kind``."""
        rows = self._first(self.text(name, **places), values or {})
        if rows:
            self._add(kind, rows, rows[0].total)

    def say(self, kind: DifferenceKind, name: str, findings: Findings) -> None:
        """Put into words what the ordered pass found by a check."""
        for length in findings.lengths(name):
            wrong = self.transaction.attach("found_wrong", findings.table(name, length))
            rows = self._first(self.text(name, found_wrong=wrong), {})
            self._add(kind, rows, findings.totals[name, length])

    def _first(self, check: Sql, values: dict[str, Any]) -> list[Row]:
        text = sql("checks.first_of_check", check=check)
        return self.transaction.execute(text, self.asked(text, shown=SHOWN_PER_CHECK, **values))

    def _add(self, kind: DifferenceKind, rows: list[Row], total: int) -> None:
        self.totals[kind] = self.totals.get(kind, 0) + total
        self.differences.extend(
            Difference(
                kind=kind,
                symbol=row.symbol,
                interval=row.interval,
                at=row.at,
                stored=row.stored,
                expected=row.expected,
                advice=_ADVICE[kind],
            )
            for row in rows
        )


def _blocks(checks: _Checks, of: Row) -> Sql:
    number = _number(checks, of.unit, of.length)
    if of.base_unit == "second":
        room = checks.text("checks.room_for_bars")
    else:
        base_number = _number(checks, of.base_unit, of.base_length)
        room = checks.text("checks.room_for_blocks", base_number=base_number)
    return checks.text("checks.session_blocks", number=number, room=room)


def _number(checks: _Checks, unit: str, length: int) -> Sql:
    """Which block a session is in, by the anchor of the unit where it has one."""
    root, _, anchor = unit.partition("@")
    if not anchor:
        return checks.text(f"checks.number_of_{root}", length=length)
    if root == "day":
        period = checks.text(f"checks.period_of_{anchor}")
        return checks.text("checks.number_of_restarting_day", period=period, length=length)
    first = _first_of(root, anchor)
    return checks.text(f"checks.number_of_anchored_{root}", first=literal(first.isoformat()), length=length)


def _first_of(root: str, anchor: str) -> date:
    """The weekday before or on Monday 1970-01-05, or the month of 1970, that blocks begin with."""
    if root == "month":
        return date(1970, 1 + MONTHS.index(anchor), 1)
    return date(1970, 1, 5) - timedelta(days=-WEEKDAYS.index(anchor) % 7)
