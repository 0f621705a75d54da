"""What a continuous future is: contracts in order, when the next one counts, and what that does to prices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Literal, TypeVar

from barhouse.store.errors import InputError
from barhouse.store.hints import Option, did_you_mean
from barhouse.store.model.inputs import Moment, as_count, as_session_date, optional
from barhouse.store.model.spelling import Spelling

RollRule = Literal["volume", "open_interest", "expiry", "dates"]
PriceAdjustment = Literal["none", "difference", "ratio"]
_Word = TypeVar("_Word", bound=str)

#: By what a roll is decided, and what brings older prices to those of the newest contract.
ROLL_RULES: tuple[RollRule, ...] = ("volume", "open_interest", "expiry", "dates")
PRICE_ADJUSTMENTS: tuple[PriceAdjustment, ...] = ("none", "difference", "ratio")

#: Contracts as they are given: in order, each with the date that the rule needs, or alone.
Contracts = Mapping[str, Moment | None] | Iterable[str]


@dataclass(frozen=True, slots=True)
class Contract:
    """One of the contracts of a continuous future.

    Attributes
    ----------
    symbol
        Whose bars it has.
    expires
        The last session that it can count in; None: not said.
    roll_date
        From which session on it counts, where that is said.
    """

    symbol: str
    expires: date | None = None
    roll_date: date | None = None


@dataclass(frozen=True, slots=True)
class FutureDefinition:
    """A continuous future as it is defined; see ``SessionCoordinator.define_future``."""

    symbol: str
    contracts: tuple[Contract, ...]
    rule: RollRule
    sessions_before: int | None
    adjustment: PriceAdjustment

    @classmethod
    def of(
        cls,
        spelling: Spelling,
        symbol: str,
        contracts: Contracts,
        rule: str,
        sessions_before: int | None,
        adjustment: str,
    ) -> FutureDefinition:
        """Understand what was given.

        Raises
        ------
        InputError
            For a rule or an adjustment that there is not, for contracts that come twice, lack the date that the rule
            needs, or have dates that do not rise.
        """
        name = spelling.symbol(symbol)
        by = _one_of(rule, ROLL_RULES, "roll")
        if (by == "expiry") is not (sessions_before is not None):
            raise InputError(
                f"{Option('sessions_before')} says how many sessions before its last a contract stops to count; give "
                f"it with {Option('roll', 'expiry')}, and only with that"
            )
        before = optional(_as_sessions, sessions_before, "sessions_before")
        given = _contracts(spelling, contracts, by)
        _refuse_unordered(name, given, by)
        return cls(name, given, by, before, _one_of(adjustment, PRICE_ADJUSTMENTS, "adjustment"))


def _as_sessions(given: int, name: str) -> int:
    return as_count(given, name, "how many sessions before its last a contract stops to count", least=0)


def _one_of(given: object, known: tuple[_Word, ...], name: str) -> _Word:
    for word in known:
        if given == word:
            return word
    raise InputError(f"{Option(name, given)} is not known{did_you_mean(given, known)}; give {', '.join(known)}")


def _contracts(spelling: Spelling, given: Contracts, rule: RollRule) -> tuple[Contract, ...]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InputError(
            f"{Option('contracts')} takes the contracts in order, such as {{'ESH24': '2024-03-15', "
            f"'ESM24': '2024-06-21'}}"
        )
    pairs = list(given.items()) if isinstance(given, Mapping) else [(one, None) for one in given]
    found = []
    for position, (symbol, said) in enumerate(pairs):
        name = spelling.symbol(symbol)
        day = optional(as_session_date, said, f"the date of {name}")
        if day is None and (rule == "expiry" or (rule == "dates" and position)):
            what = "its last session" if rule == "expiry" else "from which on it counts"
            raise InputError(f"contract {name} has no date; give {what}, such as {{{name!r}: '2024-03-15'}}")
        found.append(Contract(name, roll_date=day) if rule == "dates" else Contract(name, expires=day))
    return tuple(found)


def _refuse_unordered(name: str, contracts: tuple[Contract, ...], rule: RollRule) -> None:
    if not contracts:
        raise InputError(f"{name} has no contracts; give them in order, such as {{'ESH24': '2024-03-15'}}")
    names = [one.symbol for one in contracts]
    twice = next((one for position, one in enumerate(names) if one in names[:position]), None)
    if twice is not None:
        raise InputError(f"contract {twice} comes twice in {name}; name each once, in the order in which they count")
    dated = [(one.symbol, one.roll_date if rule == "dates" else one.expires) for one in contracts]
    known = [(symbol, day) for symbol, day in dated if day is not None]
    for (earlier, first), (later, second) in pairwise(known):
        if second <= first:
            raise InputError(
                f"contract {later} ({second}) comes after {earlier} ({first}), and its date does not; give contracts "
                f"in the order in which they count, with dates that rise"
            )
