"""Whether days and months were exchanged by the format that was said: 02/01 can be read either way, 02/13 can not."""

from __future__ import annotations

import re

from barhouse.coordinator.load.canonical_rows import CanonicalRows
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import StampsError
from barhouse.store.hints import Option
from barhouse.store.model.words import counted
from barhouse.store.sql import Sql, literal

_DAY_OR_MONTH = re.compile("%-?[dm]")
_EXCHANGED = {"%d": "%m", "%m": "%d", "%-d": "%-m", "%-m": "%-d"}


def check(transaction: Transaction, rows: CanonicalRows, options: LoadOptions) -> None:
    """Refuse a source all of whose stamps can be read when day and month are exchanged, and not as they are said.

    Raises
    ------
    StampsError
        Naming the format that reads them all.
    """
    form, column = options.timestamp_format, rows.stamps
    if form is None or column is None or not column.is_text or len(set(_DAY_OR_MONTH.findall(form))) != 2:
        return
    other = _DAY_OR_MONTH.sub(lambda found: _EXCHANGED[found[0]], form)
    text = f"trim({column.sql}::VARCHAR)"
    said, exchanged = (Sql(f"try_strptime({text}, {literal(one)})") for one in (form, other))
    found = transaction.one("load.days_and_months", rows=rows.given, said=said, exchanged=exchanged)
    if found.exchanged_count and not found.said_count:
        raise StampsError(
            f"{counted(found.exchanged_count, 'stamp')} of {rows.name} cannot be read with "
            f"{Option('timestamp_format', form)}, and only with day and month exchanged; say "
            f"{Option('timestamp_format', other)}"
        )
