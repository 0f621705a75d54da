"""Whether bars are as long as they are said to be, by how far apart the first stamps of a source are.

Every bar of an hour starts where one of a minute could: nothing else would tell them apart, and each minute that has
one would count as whole. Bars that are too short for their interval leave the few that start where a longer one does.
"""

from __future__ import annotations

import math

from barhouse.coordinator.load import day_and_month, plausibility
from barhouse.coordinator.load.canonical_rows import CanonicalRows
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import StampsError
from barhouse.store.hints import Option
from barhouse.store.model.interval import Interval
from barhouse.store.sql import sql

#: So many rows are looked at.
_LOOKED_AT = 10_000
#: So many steps from one stamp of a symbol to its next must be alike to mean something: too long, and too short ones.
_FEW_LONG, _FEW_SHORT = 8, 5
#: The longest step that tells of longer bars within a day: what trades in a few auctions a day has longer ones.
_LONGEST_WITHIN = 4 * 3600
#: Of bars of whole sessions steps are somewhat shorter than their intervals, for holidays and changes of the clock.
_PART_OF_SESSIONS = 0.75
_DAY = 86_400
#: How many days apart bars of each length are at most.
_LENGTHS = (("1d", 5), ("1w", 27), ("1mo", 80), ("1q", 350), ("1y", math.inf))
#: Bars of single sessions of which no two are nearer are of weeks or months, or their days are taken for months.
_ONE_SESSION, _FAR_APART = Interval("day", 1), 6 * _DAY


def check(transaction: Transaction, rows: CanonicalRows, interval: Interval, options: LoadOptions) -> None:
    """Refuse a source whose bars are of another interval.

    Raises
    ------
    StampsError
        Naming the interval that would fit.
    """
    if rows.stamps is None or not rows.bounds.row_count:
        return
    width = interval.nominal_seconds
    first_rows = sql("load.first_rows", canonical_rows=rows.relation, row_count=_LOOKED_AT)
    least = width if interval.intraday else int(width * _PART_OF_SESSIONS)
    found = transaction.one("load.steps", canonical_rows=first_rows, least=least)
    if found.step_count < _FEW_SHORT:
        return
    is_short = 3 * found.short_count > 2 * found.step_count
    is_long = interval == _ONE_SESSION and found.common >= _FAR_APART
    if interval.intraday and 2 * found.common_count >= found.step_count:
        is_long = _tells_of_longer(interval, found.common, found.midnight_count == found.stamp_count)
    is_long = is_long and found.step_count >= _FEW_LONG and not options.sparse
    if is_short or is_long:
        day_and_month.check(transaction, rows, options)
        told = _named(found.common)
        otherwise = (
            f"say {Option('interval', told)} for a symbol that is loaded with such, or check how stamps are said to be "
            f"written"
        )
        if is_long:
            otherwise += f"; where bars are missing between them, {Option('sparse', True)} takes them"
        raise StampsError(
            f"the bars of {rows.name} are {told} long, as their stamps are apart, not {interval}; "
            f"{plausibility.way_out(transaction, rows, options) or otherwise}"
        )


def _tells_of_longer(interval: Interval, step: int, are_midnights: bool) -> bool:
    """Whether bars within a day that are mostly so far apart, and never less, are longer than their interval."""
    return step > interval.nominal_seconds and (step <= _LONGEST_WITHIN or (step >= _DAY and are_midnights))


def _named(step: int) -> str:
    """The interval that is so long."""
    if step < 20 * 3600:
        return str(Interval("second", step))
    return next(text for text, days in _LENGTHS if step < days * _DAY)
