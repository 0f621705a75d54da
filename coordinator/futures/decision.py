"""When the next contract counts, and what its close says against that of the one before: arithmetic alone."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from barhouse.store.model.future import RollRule


@dataclass(frozen=True, slots=True)
class Traded:
    """What a contract weighs by the rule in each session, its volume or open interest, and its last price there."""

    weights: Mapping[date, Decimal]
    closes: Mapping[date, float]


@dataclass(frozen=True, slots=True)
class Roll:
    """From which session on a contract counts; a first contract counts from the beginning.

    Attributes
    ----------
    symbol_id
        The contract.
    session_date
        The first session that it counts in.
    decided_on
        The session after whose close that is known.
    difference, ratio
        Of the closes of the new and the old contract in the last session until then that has both.
    """

    symbol_id: int
    session_date: date | None = None
    decided_on: date | None = None
    difference: float | None = None
    ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions of a calendar in order, of which the first ``closed_count`` have closed."""

    dates: Sequence[date]
    closed_count: int

    def last_until(self, day: date) -> int | None:
        """The number of the last session until a date; None where the calendar does not reach so far."""
        return bisect_right(self.dates, day) - 1 if self.dates and day <= self.dates[-1] else None


@dataclass(frozen=True, slots=True)
class Rule:
    """By what rolls are decided: a rule, and how many sessions before expiry."""

    kind: RollRule
    sessions_before: int = 0


def decided(
    rule: Rule,
    sessions: Sessions,
    since: date | None,
    expires: date | None,
    roll_date: date | None,
    front: Traded,
    following: Traded,
) -> int | None:
    """The number of the session after whose close it is known that the following contract counts from the next on.

    Parameters
    ----------
    since
        From which session on the contract in front counts; None for the first.
    expires, roll_date
        The last session of the contract in front, and from which on the following one shall count.
    """
    first = 0 if since is None else bisect_left(sessions.dates, since)
    if rule.kind in ("volume", "open_interest"):
        number = _by_weight(sessions, first, expires, front, following)
    elif rule.kind == "expiry":
        last = None if expires is None else sessions.last_until(expires)
        number = None if last is None else last - rule.sessions_before - 1
    else:
        assert roll_date is not None
        inside = bool(sessions.dates) and roll_date <= sessions.dates[-1]
        number = bisect_left(sessions.dates, roll_date) - 1 if inside else None
    if number is None:
        return None
    number = max(number, first)  # a contract that counts does so for one session at least
    return number if number + 1 < len(sessions.dates) and number < sessions.closed_count else None


def _by_weight(sessions: Sessions, first: int, expires: date | None, front: Traded, following: Traded) -> int | None:
    """The first session in which the following contract weighs more; at last that of expiry."""
    last = None if expires is None else sessions.last_until(expires)
    end = sessions.closed_count if last is None else min(sessions.closed_count, last + 1)
    if first < end:
        opening, closing = sessions.dates[first], sessions.dates[end - 1]
        more = [
            day
            for day, weight in following.weights.items()
            if opening <= day <= closing and weight > front.weights.get(day, 0)
        ]
        if more:
            return bisect_left(sessions.dates, min(more))
    return last


def roll(symbol_id: int, sessions: Sessions, number: int, front: Traded, following: Traded) -> Roll:
    """The roll that is decided after a session."""
    day = sessions.dates[number]
    common = max((one for one in front.closes.keys() & following.closes.keys() if one <= day), default=None)
    difference = ratio = None
    if common is not None:
        old, new = front.closes[common], following.closes[common]
        difference, ratio = new - old, new / old if old > 0 and new > 0 else None
    return Roll(symbol_id, sessions.dates[number + 1], day, difference, ratio)
