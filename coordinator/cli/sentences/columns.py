"""What became of declared columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from barhouse.store.model.words import counted

if TYPE_CHECKING:
    from barhouse.store.model.reports import ColumnDropReport


def declared(columns: Mapping[str, str], new: Sequence[str]) -> str:
    """Say which columns are new, or that none is."""
    if not new:
        return "nothing was declared: bars have these columns already"
    return f"declared {', '.join(f'{name} ({columns[name]})' for name in new)}"


def dropped(report: ColumnDropReport) -> str:
    """Say what went."""
    return f"dropped {', '.join(report.columns)} with {counted(report.values, 'value')}"
