"""The options of a load in words: for the command line, job files, the reference, and what Python says of itself."""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin

from barhouse.coordinator.sources.option_fields import OF_BARS, Loading, LoadKeywords, Reading

_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class OptionText:
    """An option of a load, in words.

    Attributes
    ----------
    name
        As in Python and in job files.
    flag, short, metavar
        As on the command line; what stands for its value there.
    type
        What it may be, in words.
    choices
        The values it may have, where they can be counted.
    default
        What it is when nothing is said.
    example
        A value, to be shown where there is no default.
    text
        What it means.
    doors
        Where it can be said: in ``load``, in ``load-trades``, in a job's ``[[sources]]``, in ``[live]``.
    """

    name: str
    flag: str
    short: str | None
    metavar: str
    type: str
    choices: tuple[str, ...]
    default: object
    example: object
    text: str
    doors: tuple[str, ...]


#: What is said otherwise of trades.
_OF_TRADES: dict[str, dict[str, Any]] = {
    "columns": {
        "text": "which column is which part of a trade, where its name does not say; without a name there is none, and "
        "date and time in two columns are both named",
        "example": {"traded_at": "Date", "trade_id": None},
    },
    "price_scale": {"text": "what prices count in, a power of ten: 1e-9 of Databento's whole numbers"},
    "volume_scale": {"text": "what sizes count in, a power of ten: 100 of round lots"},
    "vendor": {
        "text": "whose trades they are, by a name of your choice: of vendors whose bars contradict each other the one "
        "with the greater priority stays"
    },
}


@cache
def describe(door: str | None = None) -> tuple[OptionText, ...]:
    """The options of a load, in the order in which they are shown; of a door those that can be said there."""
    found = (_described(name) for name in Loading.model_fields)
    listed = tuple(option for option in found if door is None or door in option.doors)
    return tuple(replace(one, **_OF_TRADES.get(one.name, {})) for one in listed) if door == "trades" else listed


def _described(name: str) -> OptionText:
    field = Loading.model_fields[name]
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    default = field.get_default(call_default_factory=True)
    choices = _choices(field.annotation)
    live = ("live",) if name in Reading.model_fields else ()
    trades = () if name in OF_BARS else ("trades",)
    return OptionText(
        name=name,
        flag=str(extra.get("flag", "--" + name.replace("_", "-"))),
        short=str(extra["short"]) if "short" in extra else None,
        metavar=str(extra.get("metavar", "NAME")),
        type=_type(field.annotation),
        choices=tuple(_choices(field.annotation)),
        default=default,
        example=field.examples[0] if field.examples else default if default is not None else next(choices, None),
        text=str(field.description),
        doors=("load", "sources", *live, *trades),
    )


def _choices(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    elif get_origin(annotation) in (Annotated, Union, UnionType):
        for argument in get_args(annotation):
            yield from _choices(argument)


def _type(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " or ".join(json.dumps(argument) for argument in get_args(annotation))
    if get_origin(annotation) is Annotated:
        return _type(get_args(annotation)[0])
    if get_origin(annotation) in (tuple, list):
        return "list of texts"
    if get_origin(annotation) is dict:
        return "table of columns by part"
    names = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    if annotation in names:
        return names[annotation]
    return " or ".join(_type(argument) for argument in get_args(annotation) if argument is not type(None))


def with_load_options(function: _Function) -> _Function:
    """Spell out ``**options`` of a function in its signature, and ``{options}`` in what is said of it."""
    return _spelled_out(function, "load")


def with_trade_options(function: _Function) -> _Function:
    """Do the same with the options that trades have."""
    return _spelled_out(function, "trades")


def _spelled_out(function: _Function, door: str) -> _Function:
    signature = inspect.signature(function)
    kept = [
        parameter for parameter in signature.parameters.values() if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    spelled_out = [
        inspect.Parameter(
            option.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=option.default if isinstance(option.default, bool | int | str) else None,
            annotation=LoadKeywords.__annotations__[option.name].__forward_arg__,
        )
        for option in describe(door)
    ]
    described = cast(Any, function)  # functions have a signature to show, of which their type knows nothing
    described.__signature__ = signature.replace(parameters=[*kept, *spelled_out])
    described.__doc__ = with_texts(function.__doc__, door)
    return function


def with_texts(text: str | None, door: str = "load") -> str | None:
    """Put what each option means where ``{options}`` stands."""
    return text and re.sub(
        r"^( *)[{]options[}]$", lambda found: textwrap.indent(_texts(door), found[1]), text, flags=re.M
    )


def _texts(door: str) -> str:
    said = [(option.name, f"{option.text[:1].upper()}{option.text[1:]}.") for option in describe(door)]
    return "\n".join(f"{name}\n{textwrap.indent(textwrap.fill(text, 104), '    ')}" for name, text in said)
