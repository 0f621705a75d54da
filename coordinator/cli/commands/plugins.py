"""The command that lists what can be asked for by name: feeds, presets and export formats, and whose they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from barhouse.coordinator.cli.command import command
from barhouse.coordinator.cli.options import data_options
from barhouse.coordinator.cli.output import reports, tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from barhouse.store.plugins import Plugin, Registry


@command("plugins", example="barhouse plugins")
@data_options
def plugins(form: str, output: Path | None) -> None:
    """Show feeds, presets and export formats, with the package each comes from.

    Packages add theirs as entry points of the groups barhouse.feeds, barhouse.presets and barhouse.formats. Each is
    imported, and what is wrong with it is said.
    """
    import pyarrow as pa

    tables.check(form, output)
    rows = [_row(plugin, about) for registry, about in _registries() for plugin in registry.plugins()]
    columns = zip(*rows, strict=True)
    arrays = [pa.array(column, pa.string()) for column in columns]
    table = pa.Table.from_arrays(arrays, names=["kind", "name", "package", "version", "about", "problem"])
    tables.write(table.drop_columns("problem") if form == "table" else table, form, output)
    for kind, name, package, _, _, problem in rows:
        if form == "table" and problem is not None:
            reports.say(f"the {kind} {name!r} of {package}: {problem}")


def _registries() -> list[tuple[Registry, Callable[[Plugin], str]]]:
    from barhouse.coordinator.feeds.opening import FEEDS, factory_of
    from barhouse.coordinator.sources.option_fields import checked as checked_preset
    from barhouse.coordinator.sources.presets import PRESETS, read_preset
    from barhouse.store.copies.bar_format import FORMATS, checked

    return [
        (FEEDS, lambda plugin: _first_line(factory_of(plugin))),
        (PRESETS, lambda plugin: checked_preset(read_preset(plugin)).about),
        (FORMATS, lambda plugin: _first_line(checked(plugin, plugin.load()))),
    ]


def _row(plugin: Plugin, about: Callable[[Plugin], str]) -> tuple[str, str, str, str, str, str | None]:
    from barhouse.store.errors import PluginError

    said, problem = "", None
    if plugin.taken_by is not None:
        problem = f"not used: {plugin.taken_by} has a {plugin.kind} of this name"
    else:
        try:
            said = about(plugin)
        except PluginError as error:
            problem = error.why
    return plugin.kind, plugin.name, plugin.package, plugin.version, said, problem


def _first_line(found: Any) -> str:
    """Give what something says of itself, its class's words where it has none of its own."""
    return (getattr(found, "__doc__", None) or "").strip().partition("\n")[0].rstrip(".")


COMMANDS = (plugins,)
