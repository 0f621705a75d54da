"""What a read answers is of one state of the store, whoever commits between the statements it asks with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import pytest
from load_kit import Bench, lines, minutes

from barhouse.store.database.transaction import Transaction


def exported(bench: Bench) -> dict[str, bytes]:
    """The files of an export, by their places."""
    folder = bench.folder / "exported"
    bench.store.export(folder, format="csv", symbols="SPY", full=True)
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*.csv")}


READS: dict[str, Callable[[Bench], Any]] = {
    "get_symbol_data": lambda bench: bench.store.get_symbol_data("SPY"),
    "bars": lambda bench: bench.store.bars("SPY", "5m", "2024-11-26"),
    "bars as of": lambda bench: bench.store.bars("SPY", "5m", "2024-11-26", as_of="2026-01-03T00:00Z"),
    "forming bars": lambda bench: bench.store.bars("SPY", "5m", live=True),
    "gaps": lambda bench: bench.store.gaps("SPY", "5m"),
    "intervals": lambda bench: bench.store.intervals("SPY").drop_columns(["needs_processing"]),
    "health": lambda bench: bench.store.health("SPY"),
    "verify": lambda bench: bench.store.verify("SPY", "5m"),
    "export": exported,
    "sessions": lambda bench: bench.store.sessions("NIGHT", "2024-11-25", "2024-11-28"),
}


@pytest.fixture
def filled(bench: Bench) -> Bench:
    """SPY, derived, with gaps; and a calendar of one's own."""
    bench.coordinator.add_calendar("NIGHT", timezone="America/Chicago", open="17:00", close="16:00")
    stamps = minutes("2024-11-26 09:30", "2024-11-26 10:00", without=["09:41", "09:42"])
    bench.load_lines(*lines(stamps), timezone="America/New_York")
    bench.process()
    return bench


def changed(bench: Bench) -> None:
    """Change whatever any of the reads looks at."""
    bench.coordinator.remove_symbol("SPY")
    bench.coordinator.register("SPY", ["1m", "5m"], "NIGHT")
    bench.coordinator.add_calendar("NIGHT", timezone="America/Chicago", open="18:00", close="15:00")


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[], None]], list[str]]]:
    """Make another thread do something between the first statement of a reading transaction and the second."""

    def arm(act: Callable[[], None]) -> list[str]:
        asked: list[str] = []

        def hooked(ask: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(ask)
            def call(self: Transaction, name: str, *given: Any, **places: Any) -> Any:
                if self.reads_only:
                    asked.append(name)
                    if len(asked) == 2:
                        other = threading.Thread(target=act)
                        other.start()
                        other.join()
                return ask(self, name, *given, **places)

            return call

        for method in ("run", "table", "make"):
            monkeypatch.setattr(Transaction, method, hooked(getattr(Transaction, method)))
        return asked

    yield arm


@pytest.mark.parametrize("name", READS)
def test_a_read_is_of_one_state(filled: Bench, between: Callable[[Callable[[], None]], list[str]], name: str) -> None:
    expected = READS[name](filled)
    asked = between(lambda: changed(filled))
    assert READS[name](filled) == expected
    assert len(asked) > 1, "it asks with several statements, and the change lay between them"
    assert READS[name](filled) != expected, "the change would have been seen"
