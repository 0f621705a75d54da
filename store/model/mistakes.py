"""What is wrong with values that a model refuses: one sentence each, with the value, and what is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Protocol, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from barhouse.store.errors import BarhouseError
from barhouse.store.hints import Option

#: Where a value stands: the fields, and the places in lists, that lead to it.
Place = tuple[int | str, ...]
_CHANGES_ALLOWED = 0.6  # how alike a mistyped name must be to one that exists


class Naming(Protocol):
    """How values are named where they were given."""

    def name(self, place: Place) -> str:
        """Name what stands at a place."""

    def value(self, place: Place, given: Any) -> str:
        """Name it with its value."""


class AsOptions:
    """Names values as options of whoever gave them."""

    def name(self, place: Place) -> str:
        """Name the option."""
        return str(Option(str(place[0]))) if place else "it"

    def value(self, place: Place, given: Any) -> str:
        """Name it with its value."""
        return str(Option(str(place[0]), given)) if len(place) == 1 else f"{given!r} in {self.name(place)}"


class AsKeys:
    """Names values as keys of a file: ``sources[0].columns``."""

    def name(self, place: Place) -> str:
        """Name the key."""
        return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".") or "it"

    def value(self, place: Place, given: Any) -> str:
        """Name it with its value."""
        return f"{self.name(place)} = {given!r}"


def sentences(error: ValidationError, model: type[BaseModel], naming: Naming) -> list[str]:
    """Say everything that is wrong."""
    return [_sentence(mistake, model, naming) for mistake in error.errors()]


def cause_of(error: ValidationError) -> BarhouseError | None:
    """The one thing that is wrong, where a validator of ours said it."""
    found = error.errors()
    cause = found[0].get("ctx", {}).get("error")
    return cause if len(found) == 1 and isinstance(cause, BarhouseError) else None


def _sentence(error: Any, model: type[BaseModel], naming: Naming) -> str:
    place, given = error["loc"], error["input"]
    kind, context = error["type"], error.get("ctx", {})
    name = naming.name(place)
    if kind == "extra_forbidden":
        return f"{name} is unknown{_close(place, model)}; allowed are {', '.join(_fields(place[:-1], model))}"
    if kind == "missing":
        about = _about(place, model)
        return f"{name} is missing{': ' + about if about else ''}"
    if kind == "literal_error":
        allowed = context["expected"].replace(" or ", ", ")
        return f"{naming.value(place, given)} is not known; allowed are {allowed}"
    if kind == "value_error":
        return _with_cause(context["error"], place, given, naming)
    if kind == "list_type" and isinstance(given, dict) and _model_at(place, model) is not None:
        return f"[{name}] is one table, and there can be several; write [[{name}]]"
    if kind == "model_type" and isinstance(given, list):
        return f"[[{name}]] are several tables, and there is only one; write [{name}]"
    shown = name if isinstance(given, dict) and len(given) > 3 else naming.value(place, given)
    return f"{shown} cannot be used: {error['msg'][:1].lower()}{error['msg'][1:]}"


def _with_cause(cause: Exception, place: Place, given: Any, naming: Naming) -> str:
    text = str(cause.args[0]) if isinstance(cause, BarhouseError) and cause.args else str(cause)
    if not place:
        return text
    itself = str(Option(str(place[-1]), given))
    if text.startswith(itself):  # what it is called where it stands is known here
        return naming.value(place, given) + text.removeprefix(itself)
    plain = isinstance(given, str | int | float | bool) or given == []
    return f"{naming.value(place, given) if plain else naming.name(place)}: {text}"


def _fields(place: Place, model: type[BaseModel]) -> list[str]:
    """The fields of the model at a place."""
    found = _model_at(place, model)
    return [] if found is None else list(found.model_fields)


def _about(place: Place, model: type[BaseModel]) -> str | None:
    found = _model_at(place[:-1], model)
    return None if found is None else found.model_fields[str(place[-1])].description


def _close(place: Place, model: type[BaseModel]) -> str:
    import difflib

    close = difflib.get_close_matches(str(place[-1]), _fields(place[:-1], model), n=1, cutoff=_CHANGES_ALLOWED)
    return f", did you mean {close[0]}?" if close else ""


def _model_at(place: Place, model: type[BaseModel]) -> type[BaseModel] | None:
    """The model of the table at a place."""
    found: type[BaseModel] | None = model
    for part in place:
        if isinstance(part, int):
            continue  # of a list; the field before it was followed to its tables
        if found is None or part not in found.model_fields:
            return None
        found = next(models_in(found.model_fields[part].annotation), None)
    return found


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a field may hold, also in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (list, Union, UnionType, Annotated):
        for argument in get_args(annotation):
            yield from models_in(argument)
