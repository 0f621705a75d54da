"""The metrics, from the OpenMetrics text of a store that has nothing."""

from __future__ import annotations

import re

from barhouse import open_store
from tests.docs.reference.markdown import HEADER, code, table

_INTRODUCTION = """# Metrics

What `store.metrics()` and `barhouse status --format openmetrics` give, for Prometheus and whatever else reads
OpenMetrics. Counters come with `_total`. How to have them collected is in [monitoring](../guides/monitoring.md).

"""


def page() -> str:
    """The page of the metrics."""
    with open_store(":memory:") as store:
        text = store.metrics()
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    rows = [(code(name), kinds[name], said) for name, said in re.findall(r"^# HELP (\w+) (.*)$", text, re.MULTILINE)]
    return HEADER + _INTRODUCTION + table(("Metric", "Kind", "Meaning"), rows)
