"""Quality in percent as people are shown it: cut off, so that 100 means that nothing is missing."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal


def shown_pct(quality_pct: float, digits: int = 2) -> float:
    """Cut a percentage after so many digits; what is kept and computed with stays whole.

    Rounding would show 389,999 of 390,000 bars as 100.
    """
    # By its shortest spelling: 100 x 0.29 is a little less than 29, and would be cut to 28.
    return float(Decimal(repr(float(quality_pct))).quantize(Decimal(1).scaleb(-digits), ROUND_FLOOR))
