"""Rows that were left out and say that those which were taken are misread: another header, days and months exchanged.

A load goes on without single rows that cannot be taken. Where these show that others mean something else, it does not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from barhouse.coordinator.load import day_and_month
from barhouse.coordinator.load.canonical_rows import CanonicalRows
from barhouse.coordinator.load.columns import folded
from barhouse.coordinator.load.rejects import UNREADABLE, QuotedRejects
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import OptionsError
from barhouse.store.hints import Option

#: So many rows whose stamp cannot be read are looked at for a header among them.
_LOOKED_AT = 1000
#: A line that names so many parts of a row is a header.
_FEW_NAMES = 3


def check(transaction: Transaction, rows: CanonicalRows, rejected: QuotedRejects, options: LoadOptions) -> None:
    """Refuse a source whose rows that cannot be read show that others were misread.

    Raises
    ------
    OptionsError
        For a header further down that names other columns.
    StampsError
        For a format that exchanges days and months.
    """
    if all(reject.reason != UNREADABLE for reject in rejected.by_reason):
        return
    given = {"reason": UNREADABLE, "row_count": _LOOKED_AT}
    for quoted in rejected.quoted if rows.columns_of_parts else ():
        for row in transaction.run("load.rejected_for", given, quoted_rejects=quoted):
            _check_header(rows, row.file_row, json.loads(row.given))
    day_and_month.check(transaction, rows, options)


def _check_header(rows: CanonicalRows, number: int, given: Mapping[str, object]) -> None:
    """Refuse a source with another header among its rows, as in files that were put together."""
    texts = {part: folded(str(given.get(name) or "")) for part, name in rows.columns_of_parts.items()}
    known = {name: part for part, names in rows.names.items() for name in names}
    known |= {folded(name): part for part, name in rows.columns_of_parts.items()}
    named = {part: meant for part, text in texts.items() if (meant := known.get(text)) is not None}
    if len(named) >= _FEW_NAMES and any(part != meant for part, meant in named.items()):
        listed = ", ".join(str(text) for text in given.values())
        raise OptionsError(
            f"row {number} of {rows.name} is another header, with its columns in another order ({listed}): load what "
            f"stands above and below it as files of their own; where it is the only one, leave out {Option('header')}"
        )
