"""Every line of the table, in the order it is shown."""

from __future__ import annotations

from tests.benchmarks import asking, bulk, daily

ROWS = (*bulk.ROWS, *daily.ROWS, *asking.ROWS)
