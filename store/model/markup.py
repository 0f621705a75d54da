"""Tables as HTML, for notebooks and pages. Whatever a store holds stands there as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape

#: More rows than these a notebook does not show.
SHOWN_MAX = 60


def table_of(columns: Mapping[str, Sequence[object]], *, caption: str = "", most: int | None = None) -> str:
    """Columns as a table; of more rows than ``most`` the first, and how many more there are.

    Parameters
    ----------
    columns
        The values of each by its name, as many of each.
    caption
        What the table is.
    """
    count = max(map(len, columns.values()), default=0)
    shown = count if most is None else min(count, most)
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(text_of(values[at]))}</td>' for values in columns.values())}</tr>"
        for at in range(shown)
    )
    more = f"<p>{count - shown:,} more are not shown.</p>" if shown < count else ""
    said = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{said}<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{more}"


def text_of(value: object) -> str:
    """A value as people read it; unknown is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.10g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}Z"
    return str(value)
