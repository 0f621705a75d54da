"""What a soak runs next, for as long as something can be expected to end in time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from barhouse.coordinator.fast.switch import VARIABLE
from tests.soak.parts import Part

#: A turn that takes so many times what was expected hangs.
_PATIENCE = 8


@dataclass(frozen=True)
class Turn:
    """A part, on one end of the dependencies (``newest`` or ``lowest``), with one seed; ``general``: on that path."""

    part: Part
    end: str
    seed: int
    general: bool = False

    def environment(self) -> dict[str, str]:
        """The variables that make just this turn again."""
        amounts = {f"BARHOUSE_{name}": str(amount) for name, amount in self.part.amounts.items()}
        path = {VARIABLE: "1"} if self.general else {}
        return {"BARHOUSE_SEED": str(self.seed), **path, **amounts}


class Plan:
    """Turns in rounds: every part once in each, with a seed that no other round has."""

    def __init__(self, parts: Sequence[Part], ends: Sequence[str], seed: int) -> None:
        self._parts = parts
        self._ends = ends
        self._seed = seed
        self._took: dict[tuple[str, str], float] = {}

    def turns(self, left: Callable[[], float]) -> Iterator[Turn]:
        """Turns that are expected to end within the seconds left; a shorter one may take the place of a longer one."""
        for number in itertools.count():
            begun = False
            for turn in self._round(number):
                if self.expected(turn) <= left():
                    begun = True
                    yield turn
            if not begun:
                return

    def expected(self, turn: Turn) -> float:
        """How many seconds a turn is expected to take: what it took the last time."""
        return self._took.get((turn.part.name, turn.end), turn.part.seconds)

    def limit(self, turn: Turn) -> float:
        """After how many seconds a turn must be taken to hang."""
        return _PATIENCE * self.expected(turn)

    def note(self, turn: Turn, seconds: float) -> None:
        """Note what a turn took, or how long it went on until it was ended."""
        self._took[turn.part.name, turn.end] = seconds

    def _round(self, number: int) -> Iterator[Turn]:
        for position, part in enumerate(self._parts):
            alone = self._ends[(number + position) % len(self._ends)]
            for end in self._ends if part.on_both else (alone,):
                yield Turn(part, end, self._seed + number, general=number % 2 == 1 and not part.is_of_both_paths)
