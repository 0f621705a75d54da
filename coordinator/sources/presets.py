"""Layouts of files by name: the options of a load that a vendor's files need, ours and those that packages add."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from barhouse.store.errors import BarhouseError
from barhouse.store.plugins import Plugin, Registry


@cache
def _own() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files(__package__).joinpath("presets.toml").read_text(encoding="utf-8"))


#: Presets, by name; packages add theirs under ``barhouse.presets``.
PRESETS = Registry("preset", {name: f"{__name__}:{name}" for name in _own()})


def __getattr__(name: str) -> dict[str, Any]:
    if name not in _own():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _own()[name]


class Mark(BaseModel):
    """What tells a vendor's files from others.

    Attributes
    ----------
    header
        The names of all columns, in their order.
    has
        The names of some of them.
    row
        How the first row begins, as a regular expression.
    remark
        How the first line of all begins, in any case, as a regular expression. Names beside it are in any case, too.
    generic
        Whether files of anybody may be so: the preset is named, and never used without being said.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    header: tuple[str, ...] = ()
    has: tuple[str, ...] = ()
    row: str | None = None
    remark: str | None = None
    generic: bool = False

    @field_validator("row", "remark")
    @classmethod
    def _is_pattern(cls, given: str | None) -> str | None:
        try:
            re.compile(given or "")
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from error
        return given


@dataclass(frozen=True, slots=True)
class Preset:
    """A layout.

    Attributes
    ----------
    plugin
        Where it comes from.
    about
        Whose files it is for.
    options
        The options of a load it says.
    max_outside_pct
        What a job allows to lie outside of sessions; None leaves that to the job.
    marks
        What tells its files from others: one of them is enough.
    """

    plugin: Plugin
    about: str
    options: Mapping[str, Any]
    max_outside_pct: float | None
    marks: tuple[Mark, ...] = ()

    @property
    def is_generic(self) -> bool:
        """Whether files of anybody may have its marks."""
        return any(mark.generic for mark in self.marks)


def preset_named(name: str) -> Preset:
    """The layout of a name; its options are as they were written, see ``LoadOptions``.

    Raises
    ------
    InputError
        When there is none, saying which there are.
    PluginError
        When it is of another package and cannot be used.
    """
    return _own_preset(name) if name in _own() else read_preset(PRESETS.find(name))


@cache
def _own_preset(name: str) -> Preset:
    return read_preset(PRESETS.find(name))


def read_preset(plugin: Plugin) -> Preset:
    """Import a layout: a mapping, ``LoadOptions``, the path of a TOML file, or what returns one of these.

    Raises
    ------
    PluginError
        When it cannot be used.
    """
    table = dict(_table(plugin, plugin.load()))
    about, most = table.pop("about", ""), table.pop("max_outside_pct", None)
    if not isinstance(about, str):
        raise plugin.refused(f"is no preset: its about is {about!r}, not a text")
    if most is not None and not (isinstance(most, int | float) and 0 <= most <= 100):
        raise plugin.refused(f"is no preset: its max_outside_pct is {most!r}, not a number from 0 to 100")
    return Preset(plugin, about, table, most, _marks(plugin, table.pop("recognise", ())))


def _marks(plugin: Plugin, given: Any) -> tuple[Mark, ...]:
    try:
        return tuple(Mark.model_validate(one) for one in (given if isinstance(given, Sequence) else [given]))
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise plugin.refused(f"is no preset: its recognise is not understood ({said})") from error


def _table(plugin: Plugin, found: Any) -> Mapping[str, Any]:
    try:
        if callable(found):
            found = found()
        if isinstance(found, BaseModel):
            return {name: getattr(found, name) for name in found.model_fields_set}
        if hasattr(found, "read_text"):
            return tomllib.loads(found.read_text(encoding="utf-8"))
    except BarhouseError:
        raise
    except (Exception, SystemExit) as error:
        raise plugin.refused(f"cannot be read: {type(error).__name__}: {error}") from error
    if not isinstance(found, Mapping):
        raise plugin.refused(f"is no preset: {found!r} is no mapping, no LoadOptions and no path of a TOML file")
    return found
