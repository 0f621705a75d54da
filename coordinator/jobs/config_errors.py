"""What is wrong with a job file, in words of the file: the key, the value, what is allowed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from barhouse.store.hints import UNSAID, Action, Door, Option, as_command

_CHANGES_ALLOWED = 0.6  # how alike a mistyped key must be to one that exists


class _JobFile(Door):
    """Options are keys of its tables; what else can be done is done by command."""

    def option(self, option: Option) -> str:
        return option.name if option.value is UNSAID else f"{option.name} = {_toml(option.value)}"

    def action(self, action: Action) -> str:
        return as_command(action)


#: Whoever reads a message of a job wrote a job file.
JOB_FILE: Door = _JobFile()


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return json.dumps("" if value is None else str(value), ensure_ascii=False)


def explained(error: ValidationError, model: type[BaseModel], where: str) -> str:
    """Say everything that is wrong, one sentence each."""
    said = [_sentence(one, model) for one in error.errors()]
    if len(said) == 1:
        return f"{where}: {said[0]}"
    return "\n  ".join([f"{where} has {len(said)} mistakes:", *said])


def _sentence(error: Any, model: type[BaseModel]) -> str:
    place = error["loc"]
    key = _dotted(place) or "it"
    given = error["input"]
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return f"{key} is unknown{_close(place, model)}; allowed are {', '.join(_fields(place[:-1], model))}"
    if kind == "missing":
        about = _about(place, model)
        return f"{key} is missing{': ' + about if about else ''}"
    if kind == "literal_error":
        return f"{key} = {given!r} is not known; allowed are {context['expected'].replace(' or ', ', ')}"
    if kind == "value_error":
        cause = str(context["error"])
        plain = isinstance(given, str | int | float | bool)
        return f"{key} = {given!r}: {cause}" if plain else (f"{key}: {cause}" if place else cause)
    shown = "" if isinstance(given, dict) and len(given) > 3 else f" = {given!r}"
    return f"{key}{shown} cannot be used: {error['msg'][:1].lower()}{error['msg'][1:]}"


def _dotted(place: tuple[int | str, ...]) -> str:
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")


def _fields(place: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    found = _model_at(place, model)
    return [] if found is None else list(found.model_fields)


def _about(place: tuple[int | str, ...], model: type[BaseModel]) -> str | None:
    found = _model_at(place[:-1], model)
    return None if found is None else found.model_fields[str(place[-1])].description


def _close(place: tuple[int | str, ...], model: type[BaseModel]) -> str:
    import difflib

    close = difflib.get_close_matches(str(place[-1]), _fields(place[:-1], model), n=1, cutoff=_CHANGES_ALLOWED)
    return f", did you mean {close[0]}?" if close else ""


def _model_at(place: tuple[int | str, ...], model: type[BaseModel]) -> type[BaseModel] | None:
    """The model of the table at a place."""
    found: type[BaseModel] | None = model
    for part in place:
        if isinstance(part, int):
            continue  # of a list; the field before it was followed to its tables
        if found is None or part not in found.model_fields:
            return None
        found = _table_in(found.model_fields[part].annotation)
    return found


def _table_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (list, Union, UnionType, Annotated):
        return next((one for one in map(_table_in, get_args(annotation)) if one is not None), None)
    return None
