"""Calls in the order of before, understood for one release where they can be told from those of today."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from barhouse.store.errors import IntervalError
from barhouse.store.model.interval import Interval

_Method = TypeVar("_Method", bound=Callable[..., Any])


def interval_came_first(*names: str, said: str) -> Callable[[_Method], _Method]:
    """Let a method be called with its interval before its symbols, as it was; today it is the other way round.

    Parameters
    ----------
    names
        The parameters in the order of before: the interval first, the symbols last. In today's order the symbols are
        the first of them.
    said
        What the warning says the order is now.
    """

    def decorate(function: _Method) -> _Method:
        at = function.__code__.co_varnames.index(names[-1]) - 1  # among the arguments after self

        @wraps(function)
        def call(self: Any, *args: Any, **options: Any) -> Any:
            given = args[at : at + len(names)]
            former = bool(given) and _is_interval(given[0]) and names[0] not in options
            if not former or (len(given) > 1 and _is_interval(given[1])):
                return function(self, *args, **options)
            _warn(said, 3)
            if len(given) == len(names):
                return function(self, *args[:at], given[-1], *given[:-1], *args[at + len(names) :], **options)
            return function(self, *args[:at], **dict(zip(names, given, strict=False)), **options)

        return cast("_Method", call)

    return decorate


def _warn(said: str, stacklevel: int) -> None:
    warnings.warn(f"{said}; the order of before ends with the next release", DeprecationWarning, stacklevel)


def _is_interval(given: Any) -> bool:
    try:
        Interval.parse(given)
    except IntervalError:
        return False
    return True
