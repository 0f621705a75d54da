"""What a verification finds: counted, and the first of each kind put into words."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from barhouse.store.checks.arrays import Array
from barhouse.store.checks.columns import instants

#: Gives the columns of what is wrong at some positions, for the statement that says it.
Columns = Callable[[Array], dict[str, pa.Array]]


class Findings:
    """Counts what is wrong, by check and length, and keeps the first of it: by symbol, time and interval.

    Parameters
    ----------
    shown
        How many of each check and length are kept.
    """

    def __init__(self, shown: int) -> None:
        self._shown = shown
        self.totals: dict[tuple[str, str], int] = {}
        self._kept: dict[tuple[str, str], pa.Table] = {}

    def add(self, check: str, length: str, of: dict[str, Array], wrong: Array, columns: Columns) -> None:
        """Take what a check found wrong.

        Parameters
        ----------
        check, length
            The check, and the length of the intervals that it went through; ``""`` where it goes through all at once.
        of
            ``interval_id``, ``symbol_rank``, ``interval_rank`` and ``at`` (microseconds) of each that is wrong.
        wrong
            Their positions among what was checked.
        columns
            What the statement of the check takes beside ``interval_id`` and ``at``.
        """
        if not len(wrong):
            return
        key = (check, length)
        self.totals[key] = self.totals.get(key, 0) + len(wrong)
        first = np.lexsort((of["interval_rank"], of["at"], of["symbol_rank"]))[: self._shown]
        table = pa.table(
            {
                "symbol_rank": of["symbol_rank"][first],
                "interval_rank": of["interval_rank"][first],
                "interval_id": of["interval_id"][first],
                "at": instants(of["at"][first]),
                **columns(wrong[first]),
            }
        )
        if key in self._kept:
            table = pa.concat_tables([self._kept[key], table])
        order = [("symbol_rank", "ascending"), ("at", "ascending"), ("interval_rank", "ascending")]
        self._kept[key] = table.sort_by(order).slice(0, self._shown)

    def lengths(self, check: str) -> list[str]:
        """The lengths of which something was found by a check, in the order they were found."""
        return [length for name, length in self.totals if name == check]

    def table(self, check: str, length: str) -> pa.Table:
        """The first of what was found."""
        return self._kept[check, length]
