"""Proof on demand: what a store keeps against a recomputation from its base bars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from barhouse.store.database.transaction import Row, TemporaryTable, Transaction
from barhouse.store.model.reports import Difference, DifferenceKind, VerifyReport
from barhouse.store.sql import Sql, identifier, names_of, parameters_of, sql, statement

#: How many differences of one kind are shown; all are counted.
SHOWN_PER_CHECK = 20

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
    "watermark": "repair moves it to the last bar",
    "vendor": "no bar hangs on it; restore a backup, or load the files of the vendors again",
    "revision": "what was lost cannot be derived again; restore a backup, or let repair accept the loss",
}

#: The checks that are the same for every length, each with the kind of difference that it finds.
_OF_EVERYTHING: tuple[tuple[DifferenceKind, str], ...] = (
    ("duplicate", "checks.duplicate"),
    ("impossible", "checks.impossible"),
    ("retained", "checks.unretained"),
    ("misplaced", "checks.misplaced_intraday"),
    ("quality", "checks.misgraded"),
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
    checked = transaction.make("checks.checked_intervals", {"symbols": symbols, "intervals": intervals})
    checks = _Checks(transaction, checked, {"start": start, "end": end})
    counts = checks.one("checks.scope_counts")
    for kind, name in _OF_EVERYTHING:
        checks.run(kind, name)
    lengths = transaction.run("checks.checked_lengths", checked_intervals=checked)
    for done, length in enumerate(lengths, start=1):
        _check_length(checks, length)
        if progress is not None:
            progress(done, len(lengths))
    whole = symbols is None and intervals is None and start is None and end is None
    checks.run("revision", "checks.overlapping", {"whole": whole})
    if whole:
        checks.run("revision", "checks.unrevised")
        from barhouse.store.database.tables import metadata

        for table in metadata.sorted_tables:  # also those that nothing is computed from
            transaction.run("checks.read_whole", table=identifier(table.name))
        checks.run("vendor", "checks.unfounded")
    return VerifyReport(
        symbol_count=counts.symbol_count,
        interval_count=counts.interval_count,
        base_bar_count=counts.base_bar_count,
        derived_bar_count=counts.derived_bar_count,
        session_count=counts.session_count,
        batches_checked=whole,
        differences=tuple(checks.differences),
        totals=checks.totals,
    )


class _Checks:
    """Runs checks on the intervals and sessions asked for, and gathers what differs."""

    def __init__(self, transaction: Transaction, checked: TemporaryTable, bounds: dict[str, Any]) -> None:
        self.transaction = transaction
        self.differences: list[Difference] = []
        self.totals: dict[str, int] = {}
        self._bounds = bounds
        self._places: dict[str, object] = {
            "checked_intervals": checked,
            "within_bars": sql("checks.within_bars"),
            "within_sessions": sql("checks.within_sessions"),
            "within_blocks": sql("checks.within_blocks"),
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
        text = sql("checks.first_of_check", check=self.text(name, **places))
        rows = self.transaction.execute(text, self.asked(text, shown=SHOWN_PER_CHECK, **(values or {})))
        if rows:
            self.totals[kind] = self.totals.get(kind, 0) + rows[0].total
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


def _check_length(checks: _Checks, of: Row) -> None:
    """Check the intervals of one length and base: ``of`` is a row of ``checks.checked_lengths``."""
    length = of._asdict()
    if of.unit == "second":
        blocks = None
        bucket = checks.text("checks.bucket")
        recomputed = checks.text(
            "checks.recomputed_intraday", bucket=bucket, aggregates=checks.text("checks.aggregates")
        )
        slots = checks.text("checks.slots_intraday")
        width = of.length
    else:
        blocks = _blocks(checks, of)
        recomputed = checks.text("checks.recomputed_blocks", blocks=blocks, aggregates=checks.text("checks.aggregates"))
        slots = checks.text("checks.slots_blocks", blocks=blocks)
        # One slot a block: its end is the block's close, however wide the slot is said to be.
        width = 10**9
        if of.derived:
            checks.run("watermark", "checks.unaligned_blocks", length, blocks=blocks)
        else:
            checks.run("misplaced", "checks.misplaced_blocks", length, blocks=blocks)
    if of.derived:
        checks.run("derived", "checks.underived", length, recomputed=recomputed)
    asked = checks.asked(slots, **length)
    expected = checks.transaction.make("checks.checked_slots", asked, slots=slots, width=width)
    checks.run("coverage", "checks.uncovered", length, checked_slots=expected)
    checks.run("gap", "checks.ungapped", length, checked_slots=expected)


def _blocks(checks: _Checks, of: Row) -> Sql:
    number = checks.text(f"checks.number_of_{of.unit}", length=of.length)
    if of.base_unit == "second":
        room = checks.text("checks.room_for_bars")
    else:
        base_number = checks.text(f"checks.number_of_{of.base_unit}", length=of.base_length)
        room = checks.text("checks.room_for_blocks", base_number=base_number)
    return checks.text("checks.session_blocks", number=number, room=room)
