"""How many bars an interval has, and its first and last, are what counting them all comes to, whatever happened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from load_kit import NEW_YORK, Bench, line

COUNTED = """
    SELECT symbol, interval, count(*) AS bar_count, min(bar_start) AS first_bar, max(bar_start) AS last_bar
    FROM bars GROUP BY symbol, interval ORDER BY ALL
"""
KEPT = """
    SELECT symbol, interval, bar_count, first_bar, last_bar FROM intervals
    WHERE bar_count > 0 OR first_bar IS NOT NULL OR last_bar IS NOT NULL ORDER BY ALL
"""


def lines(*minutes: int, high: float = 11) -> list[str]:
    return [line(f"2025-11-20 {9 + (30 + at) // 60:02d}:{(30 + at) % 60:02d}", high=high) for at in minutes]


def delete(bench: Bench, start: str, end: str) -> None:
    bench.coordinator.delete_bars("SPY", "1m", start=start, end=end)


def last_load(bench: Bench) -> int:
    return int(bench.ask("SELECT max(batch_id) AS batch_id FROM batches WHERE kind = 'load'")[0]["batch_id"])


ACTIONS: dict[str, Callable[[Bench], object]] = {
    "more bars": lambda bench: bench.load_lines(*lines(30, 31, 40), timezone=NEW_YORK),
    "bars before all others": lambda bench: bench.load_lines(line("2025-11-19 10:00"), timezone=NEW_YORK),
    "bars in between": lambda bench: bench.load_lines(*lines(4, 5, 6, high=12), timezone=NEW_YORK),
    "bars outside of sessions": lambda bench: bench.load_lines(line("2025-11-20 18:00"), timezone=NEW_YORK),
    "a session replaced": lambda bench: bench.load_lines(*lines(3, 5), timezone=NEW_YORK, replace="sessions"),
    "the first bars deleted": lambda bench: delete(bench, "2025-11-20T14:30Z", "2025-11-20T14:33Z"),
    "the last bars deleted": lambda bench: delete(bench, "2025-11-20T14:38Z", "2025-11-21"),
    "some in between deleted": lambda bench: delete(bench, "2025-11-20T14:33Z", "2025-11-20T14:35Z"),
    "every bar deleted": lambda bench: delete(bench, "2025-11-20", "2025-11-21"),
    "the first bars purged": lambda bench: bench.coordinator.purge_bars(None, "1m", "2025-11-20T14:35Z"),
    "the load undone": lambda bench: bench.coordinator.revert(last_load(bench)),
    "a length more": lambda bench: bench.coordinator.register("SPY", ["15m"], "XNYS"),
    "the symbol removed": lambda bench: bench.coordinator.remove_symbol("SPY"),
    "a session over": lambda bench: bench.coordinator.end_session(date(2025, 11, 20)),
    "a symbol moved": lambda bench: bench.coordinator.move_symbols(["SPY"], "24/7"),
}


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS.keys())
def test_what_is_kept_is_what_is_counted(bench: Bench, action: Callable[[Bench], object]) -> None:
    bench.load_lines(*lines(0, 1, 2, 3, 4, 6, 7, 8, 9), timezone=NEW_YORK)
    bench.process()
    action(bench)
    for _ in range(2):
        counted = bench.ask(COUNTED)
        assert bench.ask(KEPT) == counted
        assert bench.store.verify().sound
        bench.process()


def test_a_wrong_count_is_found_and_mended(bench: Bench) -> None:
    bench.load_lines(*lines(0, 1, 2), timezone=NEW_YORK)
    with bench.store.transaction() as transaction:
        transaction.execute("UPDATE interval_definition SET bar_count = 7 WHERE bar_count = 3")
    (difference,) = bench.store.verify().differences
    assert (difference.kind, difference.stored[:6], difference.expected[:6]) == ("bar_count", "7 bars", "3 bars")
    assert bench.coordinator.repair().after.sound
    assert bench.ask(KEPT) == bench.ask(COUNTED)
