"""The parts of a soak: a kind of random test, how much of it at a time, and about how long that takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from tests import extent

#: What the tests' own preparations take, whatever the amount.
_START_SECONDS = 20


@dataclass(frozen=True)
class Part:
    """Random tests that are run together.

    Attributes
    ----------
    tests
        What pytest is given.
    amounts
        How far the tests go, by the names of ``tests/extent.py``.
    seconds
        What it takes on two cores, roughly; what it took the last time counts more.
    on_both
        Whether each round runs it on both ends of the dependencies, rather than on one of them by turns.
    is_of_both_paths
        Whether it takes the fast and the general path itself; others are kept on the general one every other round.
    """

    name: str
    tests: tuple[str, ...]
    amounts: Mapping[str, int]
    seconds: float
    on_both: bool = False
    is_of_both_paths: bool = False

    def scaled(self, factor: float) -> Part:
        """The same part, going less far, but never less than in everyday work."""
        amounts = {name: max(getattr(extent, name), int(amount * factor)) for name, amount in self.amounts.items()}
        share = max(amounts[name] / amount for name, amount in self.amounts.items())
        seconds = _START_SECONDS + (self.seconds - _START_SECONDS) * share
        return replace(self, amounts=MappingProxyType(amounts), seconds=seconds)


def _part(
    name: str, test: str, seconds: float, *, on_both: bool = False, is_of_both_paths: bool = False, **amounts: int
) -> Part:
    return Part(name, (test,), MappingProxyType(amounts), seconds, on_both, is_of_both_paths)


#: One round of them; in two rounds 500 histories on both ends of the dependencies, and 200 kills.
PARTS = (
    _part("histories", "tests/properties/test_histories.py", 300, on_both=True, HISTORIES=250),
    _part(
        "histories on both paths",
        "tests/properties/test_two_paths.py",
        130,
        is_of_both_paths=True,
        PATHS=16,
    ),
    _part("kills", "tests/faults/test_kill.py", 240, KILLS=100),
    _part("ten million minutes", "tests/properties/test_bits.py", 300, SYMBOLS=515),
    _part("kills of a nightly job", "tests/faults/test_job_kill.py", 180, JOB_KILLS=25),
    _part("kills of live sessions", "tests/faults/test_live_kill.py", 120, LIVE_KILLS=12),
    _part("kills of compactions", "tests/faults/test_compact_kill.py", 120, COMPACT_KILLS=50),
    _part("kills of purges", "tests/faults/test_retention_kill.py", 60, PURGE_KILLS=20),
    _part("kills of backtests", "tests/faults/test_backtest_kill.py", 120, BACKTEST_KILLS=8),
    _part("walks through retention", "tests/properties/test_final_bars.py", 90, WALKS=30),
    _part("lives of continuous futures", "tests/properties/test_rolls.py", 90, ROLLS=15),
    _part("planted errors", "tests/properties/test_planted_errors.py", 120, PLANTED=10),
    _part("trades", "tests/properties/test_trades.py", 120, TRADES=150),
    _part("trades that are missed", "tests/properties/test_seen_trades.py", 160, TRADES=16),
    _part("messages of every kind", "tests/properties/test_messages_fuzz.py", 120, MESSAGES=5000),
    _part("ranges by dates", "tests/properties/test_date_bounds.py", 120, RANGES=200),
    _part("calendars side by side", "tests/properties/test_several_calendars.py", 60, CALENDAR_PAIRS=36),
    _part("replays", "tests/properties/test_no_look_ahead.py", 150, REPLAYS=20),
    _part("buckets", "tests/integration/test_bucket_copies.py", 120, on_both=True, BUCKET_KILLS=18),
    _part("layouts of files", "tests/integration/test_load_layouts.py", 130, LAYOUTS=250),
    _part("copies while others write", "tests/faults/test_copies.py", 140, on_both=True, COPIES=5, COPY_KILLS=5),
    _part("calls that fail", "tests/faults/test_every_call.py", 130, FAULT_COMMANDS=33, FAULTS=3),
    _part("hostile inputs", "tests/hostile/test_hostile.py", 75, HOSTILE=36),
    _part(
        "snapshots that are served",
        "tests/integration/test_serve.py::test_each_answer_is_of_one_snapshot_while_others_are_published",
        60,
        SERVED=40,
    ),
    _part("followed stores", "tests/properties/test_followers.py", 65, FOLLOWED=3),
    _part("snapshots under a reader", "tests/faults/test_published.py", 50, PUBLISHES=50),
)


def round_seconds(parts: Iterable[Part]) -> float:
    """What one round is expected to take."""
    return sum(part.seconds * (2 if part.on_both else 1) for part in parts)


def fitted(parts: Iterable[Part], budget_seconds: float) -> list[Part]:
    """The parts as they are, or, where not even one round fits the budget, each of them going less far."""
    whole = list(parts)
    factor = budget_seconds / round_seconds(whole)
    return whole if factor >= 1 else [part.scaled(factor) for part in whole]
