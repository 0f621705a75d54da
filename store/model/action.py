"""What a corporate action is: its kinds, its parts, and what others call them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from barhouse.store.errors import InputError
from barhouse.store.hints import Option, did_you_mean

ActionKind = Literal["split", "cash_dividend", "special_dividend", "stock_dividend"]

#: The kinds of corporate actions there are.
KINDS: tuple[ActionKind, ...] = ("split", "cash_dividend", "special_dividend", "stock_dividend")

#: The parts of a row that says an action, each with the names by which their columns are known, in any case.
PARTS: Mapping[str, Sequence[str]] = {
    "symbol": ("symbol", "ticker", "instrument"),
    "ex_date": (
        *("ex_date", "ex date", "ex-date", "exdate", "ex_dividend_date", "execution_date", "exoreffdate"),
        *("executiondate", "date", "timestamp"),
    ),
    "kind": ("kind", "action", "action_type", "dividend_type", "event"),
    "ratio": ("ratio", "split_ratio", "stock splits", "stock_splits", "split"),
    "ratio_to": ("ratio_to", "split_to", "new_rate"),
    "ratio_from": ("ratio_from", "split_from", "old_rate"),
    "amount": ("amount", "cash_amount", "dividends", "dividend"),
    "currency": ("currency",),
    "special": ("special",),
}

#: What sources call the kinds: in lower case, whatever is no letter an underscore.
KIND_OF_WORD: Mapping[str, ActionKind] = {
    **dict.fromkeys(("split", "splits", "stock_split", "stock_splits", "forward_split", "forward_splits"), "split"),
    **dict.fromkeys(("reverse_split", "reverse_splits", "reverse_stock_split"), "split"),
    **dict.fromkeys(("dividend", "dividends", "cash_dividend", "cash_dividends", "cash"), "cash_dividend"),
    **dict.fromkeys(
        ("special_dividend", "special_dividends", "special_cash_dividend", "special_cash"), "special_dividend"
    ),
    **dict.fromkeys(("stock_dividend", "stock_dividends", "bonus", "bonus_issue"), "stock_dividend"),
}


def as_kind(given: object, name: str) -> ActionKind:
    """A kind of corporate action.

    Raises
    ------
    InputError
        For anything else.
    """
    for kind in KINDS:
        if given == kind:
            return kind
    raise InputError(
        f"{Option(name, given)} is no kind of corporate action{did_you_mean(given, KINDS)}; there are "
        f"{', '.join(KINDS)}"
    )
