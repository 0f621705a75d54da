"""The options that say how a file is to be read, for the commands that read some: made from their one definition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from barhouse.coordinator.cli.options import split
from barhouse.coordinator.cli.renames import Command

if TYPE_CHECKING:
    from barhouse.coordinator.sources.options import OptionText

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])


class _PlaceOption(click.Option):
    """Where the options of a load stand among those of a command, until somebody asks for them."""

    def __init__(self, door: str) -> None:
        super().__init__(["--load-options"], hidden=True, expose_value=False)
        self.door = door


class FileCommand(Command):
    """A command with the options of a load, which it takes as ``load_options``: those that were said, by name.

    They are made when this command is used, or its help is shown, and not before: that takes its time.
    """

    _made: list[click.Parameter] | None = None

    @property
    def params(self) -> list[click.Parameter]:
        """Every parameter, in the order of help."""
        if self._made is None:
            self._made = [
                made for option in self._given for made in (_options(option.door) if _is_place(option) else [option])
            ]
        return self._made

    @params.setter
    def params(self, given: list[click.Parameter]) -> None:
        self._given: list[Any] = given

    def invoke(self, ctx: click.Context) -> Any:
        """Run it, with what was said of the options of a load as a mapping."""
        said: dict[str, Any] = {}
        for given in self._given:
            for option in _options(given.door) if _is_place(given) else ():
                value = ctx.params.pop(str(option.name))
                if ctx.get_parameter_source(str(option.name)) is not ParameterSource.DEFAULT:
                    said[str(option.name)] = value
        if said.pop("no_volume", False):
            if said.get("volume_column") or said.get("columns", {}).get("volume"):
                raise click.UsageError("--no-volume says that there is no volume, and another option names its column")
            said["columns"] = {**said.get("columns", {}), "volume": None}
        ctx.params["load_options"] = said
        return super().invoke(ctx)


def file_options(door: str) -> Callable[[_Decorated], _Decorated]:
    """Give a ``FileCommand`` the options of a load that can be said there: in ``load``, ``live`` or ``load-trades``."""

    def added(function: _Decorated) -> _Decorated:
        params = function.__dict__.setdefault("__click_params__", [])
        params.append(_PlaceOption(door))
        return function

    return added


def _is_place(parameter: click.Parameter) -> bool:
    return isinstance(parameter, _PlaceOption)


def _options(door: str) -> list[click.Option]:
    from barhouse.coordinator.sources.options import describe

    made = [_option(option, door) for option in describe(door)]
    place = next((number for number, option in enumerate(made) if option.name == "volume_column"), None)
    if place is None:
        return made
    said = "Short for --column volume=: there is none, take it as 0."
    made.insert(place + 1, click.Option(["--no-volume"], is_flag=True, help=said))
    return made


def _option(text: OptionText, door: str) -> click.Option:
    said = f"{text.text[:1].upper()}{text.text[1:]}."
    names = [*filter(None, (text.short, text.flag)), text.name]
    if isinstance(text.default, bool):
        return click.Option(names, is_flag=True, help=said)
    if text.choices:
        has_default = text.default is not None
        return click.Option(
            names, type=click.Choice(text.choices), default=text.default, show_default=has_default, help=said
        )
    if isinstance(text.default, int):
        return click.Option(names, type=click.IntRange(min=0), default=text.default, metavar="N", help=said)
    if isinstance(text.example, list):
        said += " Comma separated; repeatable."
        return click.Option(names, multiple=True, callback=split, metavar="LIST", help=said)
    if isinstance(text.example, Mapping):
        shown, stamp = (
            " or ".join(f"{part}={name or ''}" for part, name in text.example.items()),
            next(iter(text.example)),
        )
        listed = "load-trades" if door == "trades" else "load"
        said += f" Such as {shown}, or {stamp}=DATE+TIME; repeatable, the parts are in `barhouse {listed} --help`."
        return click.Option(names, multiple=True, callback=named_parts, metavar="PART=NAME", help=said)
    kinds: dict[type, click.ParamType[Any]] = {float: click.FLOAT, int: click.INT}
    kind = kinds.get(type(text.example), click.STRING)
    return click.Option(names, type=kind, metavar=text.metavar, help=said)


def named_parts(ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str | None]:
    """Read a repeatable ``PART=NAME``; ``PART=`` gives None."""
    found: dict[str, str | None] = {}
    for text in given:
        part, equals, name = text.partition("=")
        if not part or not equals:
            raise click.BadParameter(f"{text!r} is not PART=NAME, such as bar_start=Date")
        if part in found:
            raise click.BadParameter(
                f"{part} is named twice, as {found[part] or ''!r} and {name!r}; say each part once"
            )
        found[part] = name or None
    return found
