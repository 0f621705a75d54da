"""Proof on demand: what a store keeps against a recomputation from its base bars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from barhouse.store.database.transaction import Transaction
from barhouse.store.model.reports import Difference, DifferenceKind, VerifyReport
from barhouse.store.sql import sql

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
    "revision": "what was lost cannot be derived again; restore a backup, or let repair accept the loss",
}


def verify(
    transaction: Transaction,
    symbols: Sequence[str] | None,
    intervals: Sequence[str] | None,
    start: date | None,
    end: date | None,
    progress: Progress | None = None,
) -> VerifyReport:
    """Check the first four invariants; see ``SessionStore.verify``."""
    transaction.run("verify.checked", {"symbols": symbols, "intervals": intervals})
    within = _within(start, end)
    kinds = transaction.run("verify.kinds")
    differences: list[Difference] = []
    totals: dict[str, int] = {}

    def check(kind: DifferenceKind, name: str, **places: object) -> None:
        text = sql(f"verify.{name}", **within, **places)
        rows = transaction.execute(sql("verify.named", check=text), {"shown": SHOWN_PER_CHECK})
        if rows:
            totals[kind] = totals.get(kind, 0) + rows[0][-1]
        differences.extend(
            Difference(
                kind=kind,
                symbol=symbol,
                interval=interval,
                at=at,
                stored=stored,
                expected=expected,
                advice=_ADVICE[kind],
            )
            for symbol, interval, at, stored, expected, _ in rows
        )

    symbol_count, interval_count, base_count, derived_count, session_count = transaction.one(
        "verify.scope_counts", **within
    )
    first_checks: tuple[tuple[DifferenceKind, str], ...] = (
        ("duplicate", "duplicate"),
        ("impossible", "impossible"),
        ("retained", "unretained"),
        ("misplaced", "misplaced_intraday"),
        ("quality", "misgraded"),
        ("watermark", "stale_base"),
        ("watermark", "stale_derived"),
        ("watermark", "unaligned_intraday"),
        ("watermark", "late_hint"),
    )
    for kind, name in first_checks:
        check(kind, name)
    for done, row in enumerate(kinds, start=1):
        _check_kind(transaction, check, within, *row)
        if progress is not None:
            progress(done, len(kinds))
    check("revision", "overlapping")
    whole = symbols is None and intervals is None and start is None and end is None
    if whole:
        check("revision", "unrevised")
    return VerifyReport(
        symbol_count=symbol_count,
        interval_count=interval_count,
        base_bar_count=base_count,
        derived_bar_count=derived_count,
        session_count=session_count,
        batches_checked=whole,
        differences=tuple(differences),
        totals=totals,
    )


def _check_kind(
    transaction: Transaction,
    check: Callable[..., None],
    within: dict[str, str],
    derived: bool,
    base_unit: str,
    base_length: int,
    unit: str,
    length: int,
) -> None:
    kind: dict[str, Any] = {
        "derived": derived,
        "base_unit": base_unit,
        "base_length": base_length,
        "unit": unit,
        "length": length,
    }
    values = sql("verify.values")
    if unit == "second":
        bucket = sql("verify.bucket", length=length)
        recomputed = sql("verify.recomputed_intraday", **within, **kind, bucket=bucket, values=values)
        slots = sql("verify.slots_intraday", **within, **kind)
        width = length
    else:
        blocks = _blocks(base_unit, base_length, unit, length)
        recomputed = sql("verify.recomputed_blocks", **within, **kind, blocks=blocks, values=values)
        slots = sql("verify.slots_blocks", **within, **kind, blocks=blocks)
        # One slot a block: its end is the block's close, however wide the slot is said to be.
        width = 10**9
        if derived:
            check("watermark", "unaligned_blocks", **kind, blocks=blocks)
        else:
            check("misplaced", "misplaced_blocks", **kind, blocks=blocks)
    if derived:
        check("derived", "underived", **kind, recomputed=recomputed)
    transaction.run("verify.slots", slots=slots, width=width)
    check("coverage", "uncovered", **kind)
    check("gap", "ungapped", **kind)


def _blocks(base_unit: str, base_length: int, unit: str, length: int) -> str:
    number = sql(f"verify.number_of_{unit}", length=length)
    if base_unit == "second":
        room = sql("verify.room_for_bars", base_length=base_length)
    else:
        base_number = sql(f"verify.number_of_{base_unit}", length=base_length)
        room = sql("verify.room_for_blocks", base_number=base_number)
    return sql("verify.blocks", number=number, room=room)


def _within(start: date | None, end: date | None) -> dict[str, str]:
    """The conditions that keep a check to sessions ``start <= session_date < end``."""

    def condition(column: str) -> str:
        parts = []
        if start is not None:
            parts.append(f"{column} >= DATE '{start}'")
        if end is not None:
            parts.append(f"{column} < DATE '{end}'")
        return " AND ".join(parts) or "true"

    return {
        "within_bars": condition("b.session_date"),
        "within_sessions": condition("s.session_date"),
        "within_blocks": condition("k.first_date"),
    }
