"""The names that are imported from ``barhouse``, and the objects that they give back."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, ForwardRef, Literal, Union, get_args, get_origin, get_overloads

from pydantic import BaseModel

import barhouse
from tests.docs.reference.markdown import HEADER, code, from_docstring, from_rest, table

_INTRODUCTION = """# Python

The names that are imported from `barhouse`, each a promise: one that changes keeps working under its old name for one
release, and the [changelog](../../CHANGELOG.md) says so. Whatever is imported from deeper modules may change without a
word. Objects that calls give back are described at the end; the fields of reports are promises, too.

Instants are datetimes with a time zone; ranges are half-open, `start <= ... < end`; tables are `pyarrow.Table`. How to
go about it: [Python](../guides/python.md).
"""
#: A signature that is longer is broken.
_WIDTH = 100


def members() -> dict[str, object]:
    """Every promised name with what it is."""
    return {name: getattr(barhouse, name) for name in barhouse.__all__}


def page() -> str:
    """The page of the names."""
    promised = members()
    given_back = _given_back(promised)
    listed = [(f"[`{name}`](#{name.lower()})", _first_sentence(found)) for name, found in promised.items()]
    parts = [HEADER, _INTRODUCTION, "\n", table(("Name", ""), listed)]
    parts += [_described(name, found) for name, found in promised.items()]
    parts.append("\n## What calls give back\n\nNot imported, but met.\n")
    parts += [_described(name, found, level=3) for name, found in given_back.items()]
    return "".join(parts)


def _first_sentence(found: object) -> str:
    text = inspect.cleandoc(getattr(found, "__doc__", None) or "").split("\n\n")[0]
    return from_rest(text.replace("\n", " "))


def _described(name: str, found: object, level: int = 2) -> str:
    head = f"\n{'#' * level} {name}\n\n"
    if not inspect.isclass(found):
        return f"{head}{_signature(name, found)}\n{from_docstring(found.__doc__)}"
    if issubclass(found, enum.Enum):
        return f"{head}{from_docstring(found.__doc__)}"
    parts = [head]
    if _is_plain(found):
        parts.append(_signature(name, found) + "\n")
    parts.append(_class_docstring(found))
    parts.append(_fields(found))
    for method_name, method in _methods(found):
        parts.append(f"\n{'#' * (level + 1)} {name}.{method_name}\n\n")
        if isinstance(method, property):
            parts.append(from_docstring(method.__doc__))
        else:
            parts.append(f"{_signature(method_name, method)}\n{from_docstring(inspect.getdoc(method))}")
    return "".join(parts)


def _class_docstring(found: type) -> str:
    text = inspect.cleandoc(found.__doc__ or "")
    if _field_rows(found):  # they are in the table
        text = re.sub(r"\n*Attributes\n-{3,}\n(?:.+\n?|\n(?=    ))*", "\n", text + "\n")
    return from_docstring(text)


def _is_plain(found: type) -> bool:
    """Whether it is made by calling it with what its signature says, rather than with fields."""
    return "__init__" in vars(found) and not dataclasses.is_dataclass(found) and not issubclass(found, BaseException)


def _signature(name: str, found: object) -> str:
    """How it is called, once for each kind of call."""
    lines = [_line(name, call) for call in get_overloads(found) or [found]]
    return "```python\n" + "\n".join(lines) + "\n```\n"


def _line(name: str, found: object) -> str:
    signature = inspect.signature(found)
    line = f"{name}({', '.join(_parameters(signature))})"
    if inspect.iscoroutinefunction(found):
        line = f"await {line}"
    gives = "" if inspect.isclass(found) else _annotation(signature.return_annotation)
    line += f" -> {gives}" if gives else ""
    if len(line) > _WIDTH:
        line = _broken(name, line)
    return line


def _parameters(signature: inspect.Signature) -> Iterator[str]:
    """The parameters as they are written, with the marks between kinds of them."""
    marks = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    keywords = False
    for one in signature.parameters.values():
        if one.name in ("self", "cls"):
            continue
        if one.kind is one.KEYWORD_ONLY and not keywords:
            yield "*"
        keywords = keywords or one.kind in (one.KEYWORD_ONLY, one.VAR_POSITIONAL)
        annotation = _annotation(one.annotation)
        said = f": {annotation}" if annotation else ""
        default = "" if one.default is one.empty else f" = {_default(one.default)}"
        yield f"{marks.get(one.kind, '')}{one.name}{said}{default}"


def _annotation(given: object) -> str:
    if given in (inspect.Signature.empty, inspect.Parameter.empty):
        return ""
    return given if isinstance(given, str) else _spelled(given)


def _default(given: object) -> str:
    if inspect.isfunction(given) or inspect.isclass(given):
        return given.__name__
    return repr(given)


def _broken(name: str, line: str) -> str:
    """One parameter a line."""
    start = line.index("(")
    depth, parts, current = 0, [], ""
    end = len(line)
    for at, sign in enumerate(line[start:], start):
        depth += sign in "([{"
        depth -= sign in ")]}"
        if depth == 0:
            end = at
            break
        if sign == "," and depth == 1:
            parts.append(current.strip())
            current = ""
        elif at > start:
            current += sign
    parts.append(current.strip())
    inner = "".join(f"    {one},\n" for one in parts if one)
    return f"{line[:start]}(\n{inner}){line[end + 1 :]}"


def _fields(found: type) -> str:
    rows = _field_rows(found)
    return f"\n{table(('Field', 'Type', 'Meaning'), rows)}" if rows else ""


def _field_rows(found: type) -> list[tuple[str, str, str]]:
    said = _attributes(found)
    if issubclass(found, BaseModel):
        return [
            (code(name), code(_spelled(field.annotation)), from_rest(field.description or said.get(name, "")))
            for name, field in found.model_fields.items()
        ]
    if dataclasses.is_dataclass(found):
        return [
            (code(one.name), code(str(one.type)), said.get(one.name, ""))
            for one in dataclasses.fields(found)
            if not one.name.startswith("_")
        ]
    if hasattr(found, "_fields"):
        notes = inspect.get_annotations(found)
        return [(code(name), code(_spelled(notes[name])), "") for name in found._fields]
    return []


def _attributes(found: type) -> dict[str, str]:
    text = inspect.cleandoc(found.__doc__ or "")
    _, _, body = text.partition("Attributes\n----------\n")
    made: dict[str, str] = {}
    for names, said in re.findall(r"^(\S.*)\n((?:    .*\n?)+)", body, re.MULTILINE):
        for name in names.split(","):
            made[name.strip()] = from_rest(" ".join(said.split()))
    return made


def _spelled(annotation: Any) -> str:
    """A type as it is written in code."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation is NoneType:
        return "None"
    if origin is Annotated:
        return _spelled(inner[0])
    if origin in (Union, UnionType):
        return " | ".join(_spelled(one) for one in inner)
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, inner))}]"
    if origin is not None:
        return f"{origin.__name__}[{', '.join(_spelled(one) for one in inner)}]"
    if annotation is ...:
        return "..."
    if isinstance(annotation, ForwardRef):
        return annotation.__forward_arg__
    return annotation.__name__ if inspect.isclass(annotation) else str(annotation).rpartition(".")[2]


def _methods(found: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties that Barhouse defines, in the order they are written, bases first."""
    seen: set[str] = set()
    for owner in (one for one in reversed(found.__mro__) if one.__module__.startswith("barhouse")):
        for name, value in vars(owner).items():
            if name.startswith("_") or name in seen or name in _inherited_fields(found):
                continue
            method = value.__func__ if isinstance(value, classmethod | staticmethod) else value
            if _is_ours(method.fget if isinstance(method, property) else method):
                seen.add(name)
                yield name, getattr(found, name) if isinstance(value, classmethod | staticmethod) else method


def _is_ours(method: Any) -> bool:
    """Whether somebody wrote it here; Pydantic adds methods of its own."""
    return inspect.isfunction(method) and method.__module__.startswith("barhouse")


def _inherited_fields(found: type) -> set[str]:
    return set(getattr(found, "model_fields", ())) | set(getattr(found, "_fields", ()))


def _given_back(promised: dict[str, object]) -> dict[str, object]:
    """The classes of Barhouse that promised names mention in what they give back, and those that these have."""
    found: dict[str, object] = {}
    waiting = [one for one in promised.values() if callable(one)]
    while waiting:
        for one in _mentioned(waiting.pop()):
            name = one.__name__
            if name not in promised and name not in found and not name.startswith("_"):
                found[name] = one
                waiting.append(one)
    return dict(sorted(found.items()))


def _mentioned(found: Callable[..., Any]) -> Iterator[type]:
    texts: list[tuple[str, dict[str, Any]]] = []
    if inspect.isclass(found):
        for _, method in _methods(found):
            function = method.fget if isinstance(method, property) else method
            texts.append((str(function.__annotations__.get("return", "")), function.__globals__))
        for _, kind, _ in _field_rows(found):
            texts.append((kind, vars(sys.modules[found.__module__])))
    else:
        texts.append((str(found.__annotations__.get("return", "")), found.__globals__))
    for text, names in texts:
        for word in re.findall(r"\w+", text):
            one = names.get(word)
            if inspect.isclass(one) and one.__module__.startswith("barhouse"):
                yield one
