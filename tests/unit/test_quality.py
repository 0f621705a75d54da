"""Quality as it is shown."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barhouse.store.model.quality import shown_pct


@pytest.mark.parametrize(
    ("quality_pct", "shown"),
    [
        (100.0, 100.0),
        (100.0 * 389_999 / 390_000, 99.99),  # rounded it would be 100
        (100.0 * 9_749_999_999 / 9_750_000_000, 99.99),
        (99.995, 99.99),
        (0.29, 0.29),  # times 100 it is less than 29
        (100.0 * 387 / 390, 99.23),
        (0.004, 0.0),
        (0.0, 0.0),
        (100, 100.0),
    ],
)
def test_quality_is_cut_and_never_rounded_up(quality_pct: float, shown: float) -> None:
    assert shown_pct(quality_pct) == shown


@given(expected=st.integers(1, 10**13), missing=st.integers(0, 10**13))
def test_a_hundred_is_shown_only_where_nothing_is_missing(expected: int, missing: int) -> None:
    present = max(expected - missing, 0)
    quality_pct = 100.0 * present / expected
    assert (quality_pct == 100.0) == (shown_pct(quality_pct) == 100.0) == (present == expected)
    exact = Fraction(100 * present, expected)
    assert exact - Fraction(1, 100) < Fraction(repr(shown_pct(quality_pct))) + Fraction(1, 10**9)
    assert Fraction(repr(shown_pct(quality_pct))) <= exact + Fraction(1, 10**9)
