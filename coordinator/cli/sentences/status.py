"""How a store stands: what is complete, what is not, what there is to do."""

from __future__ import annotations

from collections.abc import Sequence

from barhouse.coordinator.cli.sentences.words import listed
from barhouse.store.model.words import agreeing, counted


def without_bars(symbols: Sequence[str], *, of_any: bool) -> str:
    """Say what there is still to do before a status has something to show."""
    if not of_any:
        return "no symbol is registered yet; `barhouse register` does it"
    if not symbols:
        return ""
    have = agreeing(len(symbols), "has", "have")
    return f"{listed(symbols, 'symbols')} {have} no bars yet; `barhouse load` loads them"


def spelling(*, case_sensitive: bool) -> str:
    """Say how symbols are told apart, where that is not as usual."""
    return "case counts in this store: symbols that differ in it alone are two" if case_sensitive else ""


def summary(*, symbols: int, intervals: int, wrong: int, shown: int) -> str:
    """Say what is not shown of a store with many symbols."""
    head = f"{counted(symbols, 'symbol')}, {counted(intervals, 'interval')}"
    if not wrong:
        return f"{head}: all complete, nothing waits; --all shows them"
    first = f"the worst {shown:,} of {wrong:,}" if shown < wrong else f"{wrong:,}"
    return (
        f"{head}: {first} incomplete or waiting to be derived, worst first; the rest is complete; --all shows it, too"
    )
