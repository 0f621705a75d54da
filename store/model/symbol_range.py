"""Ranges of symbols: what a shard holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SymbolRange:
    """The symbols from one on and before another, in the order of their characters' numbers.

    Attributes
    ----------
    first
        The first symbol in it, in its one spelling; None: there is nothing before it.
    end
        The first symbol after it; None: it has no end.
    """

    first: str | None = None
    end: str | None = None

    def __contains__(self, symbol: str) -> bool:
        return (self.first is None or symbol >= self.first) and (self.end is None or symbol < self.end)

    def __str__(self) -> str:
        return f"{self.first or 'the first symbol'} up to {self.end or 'the last one'}"

    @property
    def holds_unnamed(self) -> bool:
        """Whether rows that name no symbol are looked at with this range, for they must be with just one."""
        return self.first is None

    def cut(self, at: str) -> tuple[SymbolRange, SymbolRange]:
        """The two ranges before a symbol and from it on.

        Raises
        ------
        ValueError
            When one of them would be empty.
        """
        if at not in self or at == self.first:
            raise ValueError(f"{at} does not divide {self}")
        return SymbolRange(self.first, at), SymbolRange(at, self.end)


def ranges_between(edges: Sequence[str]) -> list[SymbolRange]:
    """The ranges that symbols, in order, divide all others into."""
    starts, ends = [None, *edges], [*edges, None]
    return [SymbolRange(first, end) for first, end in zip(starts, ends, strict=True)]


def edges_of_equal_weight(weights: Iterable[tuple[str, float]], count: int) -> list[str]:
    """Where to divide symbols so that ranges weigh alike, as far as whole symbols go.

    Parameters
    ----------
    weights
        Each symbol once, with its weight, in any order.
    count
        How many ranges there should be; there are fewer where there are fewer symbols.
    """
    ordered = sorted(weights)
    total = sum(weight for _, weight in ordered)
    edges: list[str] = []
    before = 0.0
    for number, (symbol, weight) in enumerate(ordered):
        left = len(ordered) - number
        due = total * (len(edges) + 1) / count
        # A symbol goes where more than half of it lies; and no range is left without a symbol.
        if (
            number > len(edges)
            and len(edges) < count - 1
            and (before + weight / 2 >= due or left <= count - 1 - len(edges))
        ):
            edges.append(symbol)
        before += weight
    return edges
