"""Continuous futures worked out bar by bar in plain Python; shares no code with the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

#: A base bar: open, high, low, close, volume.
Bar = tuple[float, float, float, float, float]


@dataclass(frozen=True)
class Defined:
    """A continuous future: contracts in order, each with the date that its rule needs."""

    contracts: tuple[tuple[str, date | None], ...]
    rule: str
    sessions_before: int | None
    adjustment: str


@dataclass(frozen=True)
class Rolled:
    """A contract that counts from a session on, and what its close says against the one before."""

    contract: str
    session_date: date | None = None
    decided_on: date | None = None
    difference: float | None = None
    ratio: float | None = None


Bars = Mapping[str, Mapping[datetime, Bar]]


def rolls(future: Defined, bars: Bars, sessions: Sequence[date], closed: Sequence[date]) -> list[Rolled]:
    """The rolls of a future, of bars whose sessions are UTC days, of which ``closed`` are over."""
    found = [Rolled(future.contracts[0][0])]
    for (front, expires), (following, begins) in zip(future.contracts, future.contracts[1:], strict=False):
        counting = [day for day in sessions if found[-1].session_date is None or day >= found[-1].session_date]
        decided = _decision(future, bars, sessions, counting, (front, expires), (following, begins))
        if decided is None or decided not in closed or decided == sessions[-1]:
            break
        common = [day for day in closed if day <= decided and _close(bars[front], day) and _close(bars[following], day)]
        difference = ratio = None
        if common:
            old, new = _close(bars[front], common[-1])[0], _close(bars[following], common[-1])[0]
            difference, ratio = new - old, new / old if old > 0 and new > 0 else None
        after = sessions[list(sessions).index(decided) + 1]
        found.append(Rolled(following, after, decided, difference, ratio))
    return found


def _decision(
    future: Defined,
    bars: Bars,
    sessions: Sequence[date],
    counting: Sequence[date],
    front: tuple[str, date | None],
    following: tuple[str, date | None],
) -> date | None:
    if future.rule == "volume":
        for day in counting:
            if front[1] is not None and day > front[1]:
                break
            traded = _volume(bars[following[0]], day)
            if traded is not None and traded > (_volume(bars[front[0]], day) or 0):
                return day
        last = [day for day in sessions if front[1] is not None and day <= front[1]]
        return max(last[-1], counting[0]) if last else None
    if future.rule == "expiry":
        assert front[1] is not None and future.sessions_before is not None
        last = [day for day in sessions if day <= front[1]]
        number = len(last) - 1 - future.sessions_before - 1
        return max(sessions[max(number, 0)], counting[0])
    assert following[1] is not None
    before = [day for day in sessions if day < following[1]]
    return max([*before[-1:], counting[0]])


def _volume(bars: Mapping[datetime, Bar], day: date) -> Fraction | None:
    of_day = [Fraction(bar[4]) for at, bar in bars.items() if at.date() == day]
    return sum(of_day, Fraction(0)) if of_day else None


def _close(bars: Mapping[datetime, Bar], day: date) -> tuple[float, ...]:
    of_day = [(at, bar[3]) for at, bar in bars.items() if at.date() == day]
    return (max(of_day)[1],) if of_day else ()


def continuous(future: Defined, rolled: Sequence[Rolled], bars: Bars) -> dict[datetime, tuple[str, Bar]]:
    """The base bars of the contract that counts at each time, with prices as of the newest one."""
    found: dict[datetime, tuple[str, Bar]] = {}
    for number, one in enumerate(rolled):
        until = rolled[number + 1].session_date if number + 1 < len(rolled) else date.max
        factor, shift = 1.0, 0.0
        for later in reversed(rolled[number + 1 :]):
            if future.adjustment == "ratio":
                factor = factor * later.ratio if later.ratio is not None else float("nan")
            if future.adjustment == "difference":
                shift = shift + later.difference if later.difference is not None else float("nan")
        for at, bar in bars[one.contract].items():
            if (one.session_date or date.min) <= at.date() < (until or date.max):
                prices = [price * factor + shift for price in bar[:4]]
                found[at] = (one.contract, (prices[0], prices[1], prices[2], prices[3], bar[4]))
    return found


def blocks(
    bars: Mapping[datetime, tuple[str, Bar]], start_of: Mapping[datetime, datetime]
) -> dict[datetime, tuple[float, float, float, float, Fraction]]:
    """Bars of several sessions, by where each begins."""
    pieces: dict[datetime, list[tuple[datetime, Bar]]] = defaultdict(list)
    for at, (_, bar) in bars.items():
        pieces[start_of[at]].append((at, bar))
    found = {}
    for start, parts in pieces.items():
        parts.sort()
        found[start] = (
            parts[0][1][0],
            max(bar[1] for _, bar in parts),
            min(bar[2] for _, bar in parts),
            parts[-1][1][3],
            sum((Fraction(bar[4]) for _, bar in parts), Fraction(0)),
        )
    return found
