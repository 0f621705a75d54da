"""Hints: what a message tells its reader to say or to do, as data that each place words in its own way.

A message names an option as ``Option("timezone", "UTC")`` and an action as ``Action("process")``, inside its f-string.
Where it is read decides the wording: a caller in Python reads ``timezone='UTC'``, the command line
``--timezone UTC``, a job file ``timezone = "UTC"``.
"""

from __future__ import annotations

import ast
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date

#: Stands for the value of an option that is named without one.
UNSAID = object()
#: How a hint stands in a text until it is spelled: as Python between these two.
_HINT = re.compile("⟦(.*?)⟧", re.DOTALL)

#: Longer texts are no mistyped names, and would take long to compare.
_LONGEST_NAME = 100

#: What can be done: in Python, and as a command. ``{0}`` is the first thing given; of a list, a command names each.
ACTIONS: Mapping[str, tuple[str, str]] = {
    "add_calendar": ("add_calendar()", "`barhouse calendar add`"),
    "backup": ("backup()", "`barhouse backup`"),
    "create_store": ("open it once without read_only=True to create it", "create it with `barhouse init`"),
    "declare_columns": ("declare_columns({{{0!r}: {1!r}}})", "`barhouse declare {0}={1}`"),
    "delete_bars": ("delete_bars()", "`barhouse delete`"),
    "delete_actions": ("delete_actions({0!r}, {1!r})", "`barhouse delete-actions {0} --ex-date {1}`"),
    "move_symbols": ("move_symbols({0!r}, {1!r})", "`barhouse register {0} --calendar {1} --move`"),
    "open_again": ("open it again with open_store()", "open it again"),
    "open_to_read": ("open it with read_only=True", "use a command that only reads"),
    "open_to_write": ("open it without read_only=True to write", "use a command that writes"),
    "process": ("DataProcessor(store).process()", "`barhouse process`"),
    "publish": ("publish()", "`barhouse publish`"),
    "register": (
        "register({0!r}, intervals=..., calendar=...)",
        "`barhouse register {0} --intervals ... --calendar ...`",
    ),
    "remove_alias": ("remove_alias({0!r}, {1!r})", "`barhouse alias {0} {1} --remove`"),
    "remove_future": ("remove_future({0!r})", "`barhouse future remove {0}`"),
    "remove_symbol": ("remove_symbol({0!r})", "`barhouse remove {0}`"),
    "remove_symbols": ("remove_symbol()", "`barhouse remove`"),
    "restore": ("restore()", "`barhouse restore`"),
    "revert": ("revert()", "`barhouse revert`"),
    "runs": ("SessionStore.runs()", "`barhouse runs`"),
    "upgrade_store": ("open it once without read_only=True to upgrade it", "upgrade it with `barhouse init`"),
    "verify": ("verify()", "`barhouse verify`"),
}


@dataclass(frozen=True, slots=True)
class Option:
    """An option that the caller may say, by its name in Python, with or without a value."""

    name: str
    value: object = UNSAID

    def __str__(self) -> str:
        return f"⟦{self.name}⟧" if self.value is UNSAID else f"⟦{self.name}={_literal(self.value)}⟧"


@dataclass(frozen=True, slots=True, init=False)
class Action:
    """Something the caller may do: one of ``ACTIONS``, with what it is done to."""

    name: str
    given: tuple[object, ...]

    def __init__(self, name: str, *given: object) -> None:
        if name not in ACTIONS:
            raise KeyError(name)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "given", given)

    def __str__(self) -> str:
        return f"⟦{self.name}({', '.join(map(_literal, self.given))})⟧"


class Wording(ABC):
    """Where somebody reads a message, and how options and actions are spelled there."""

    @abstractmethod
    def option(self, option: Option) -> str:
        """Spell an option."""

    @abstractmethod
    def action(self, action: Action) -> str:
        """Spell an action."""


class _Python(Wording):
    def option(self, option: Option) -> str:
        return f"{option.name}=" if option.value is UNSAID else f"{option.name}={option.value!r}"

    def action(self, action: Action) -> str:
        return ACTIONS[action.name][0].format(*action.given)


#: Where nothing else was said, a program reads.
PYTHON: Wording = _Python()
_WORDING: ContextVar[Wording] = ContextVar("wording", default=PYTHON)


def as_command(action: Action) -> str:
    """Spell an action as a command of ``barhouse``, where that is the way."""
    given = (" ".join(map(str, each)) if isinstance(each, list | tuple) else each for each in action.given)
    return ACTIONS[action.name][1].format(*given)


@contextmanager
def worded(wording: Wording) -> Iterator[None]:
    """Spell every message in a wording, in this thread or task."""
    before = _WORDING.set(wording)
    try:
        yield
    finally:
        _WORDING.reset(before)


def spelled(text: str, wording: Wording | None = None) -> str:
    """Spell the hints in a text; by default in the wording of this thread or task."""
    chosen = wording or _WORDING.get()

    def spell(found: re.Match[str]) -> str:
        hint = _hint(found[1])
        if hint is None:  # somebody else's brackets
            return found[0]
        return chosen.option(hint) if isinstance(hint, Option) else chosen.action(hint)

    return _HINT.sub(spell, text)


def did_you_mean(given: object, known: Iterable[str]) -> str:
    """Name what may have been meant, in brackets and after a space; empty when no known name comes close."""
    from difflib import get_close_matches

    if not isinstance(given, str) or len(given) > _LONGEST_NAME:
        return ""
    folded: dict[str, list[str]] = {}
    for name in known:
        folded.setdefault(name.casefold(), []).append(name)
    near = [name for key in get_close_matches(given.casefold(), folded) for name in folded[key]]
    return f" (did you mean {' or '.join(near)}?)" if near else ""


def hints_in(text: str) -> tuple[Option | Action, ...]:
    """The hints in a text, in their order."""
    return tuple(hint for hint in map(_hint, _HINT.findall(text)) if hint is not None)


def _hint(text: str) -> Option | Action | None:
    """The hint that a text between the marks is; None for one that somebody else put there, whatever it holds."""
    try:
        call = ast.parse(f"hint({text})", mode="eval").body
        if not isinstance(call, ast.Call):
            return None
        match call.args, call.keywords:
            case [], [ast.keyword(arg=str(name), value=value)]:
                return Option(name, ast.literal_eval(value))
            case [ast.Name(id=name)], []:
                return Option(name)
            case [ast.Call(func=ast.Name(id=name), args=given, keywords=[])], []:
                action = Action(name, *map(ast.literal_eval, given))
                as_command(action)  # with too little given it can be spelled nowhere
                return action
    except (SyntaxError, ValueError, TypeError, LookupError, RecursionError, MemoryError):
        return None
    return None


def _literal(value: object) -> str:
    """A value in ASCII that ``ast.literal_eval`` reads; what it cannot read becomes text."""
    if isinstance(value, date):
        return ascii(value.isoformat())
    try:
        ast.literal_eval(repr(value))
    except (SyntaxError, ValueError):
        return ascii(str(value))
    return ascii(value)
