"""What packages add to Barhouse, feeds, presets and export formats: entry points, read when one is asked for.

Those that Barhouse has itself are listed where they are used, in the words of an entry point, and come through the same
door.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from barhouse.store.errors import InputError, PluginError
from barhouse.store.hints import Option, did_you_mean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

OWN_PACKAGE = "barhouse"
_OTHERS_GO_ON = "; mend or remove that package, the others go on without it"


@dataclass(frozen=True, slots=True)
class Plugin:
    """Something a package adds.

    Attributes
    ----------
    kind
        What it is: feed, preset or format.
    name
        What it is asked for by.
    package, version
        The distribution it comes from.
    value
        Where it is: ``package.module:name``.
    taken_by
        The package whose plugin of this name counts instead.
    """

    kind: str
    name: str
    package: str
    version: str
    value: str
    taken_by: str | None = None

    def __str__(self) -> str:
        return f"the {self.kind} {self.name!r} of the package {self.package} {self.version} ({self.value})"

    @property
    def is_own(self) -> bool:
        """Whether it is Barhouse's."""
        return self.package == OWN_PACKAGE

    def load(self) -> Any:
        """Import it.

        Raises
        ------
        PluginError
            When that fails, whatever the reason.
        """
        from importlib.metadata import EntryPoint

        try:
            return EntryPoint(self.name, self.value, "").load()
        except (Exception, SystemExit) as error:
            raise self.refused(f"cannot be imported: {type(error).__name__}: {error}") from error

    def refused(self, why: str) -> PluginError:
        """Make the error for one that is not what it should be."""
        error = PluginError(f"{self} {why}{'' if self.is_own else _OTHERS_GO_ON}")
        error.why = why
        return error


class Registry:
    """The plugins of one kind.

    Parameters
    ----------
    kind
        What one is called; its group of entry points is ``barhouse.KINDs``.
    own
        Those of Barhouse itself, by name, each as an entry point says it.
    """

    def __init__(self, kind: str, own: Mapping[str, str]) -> None:
        self.kind = kind
        self.group = f"barhouse.{kind}s"
        self._own = own

    def names(self) -> list[str]:
        """What can be asked for: Barhouse's own first."""
        return list(dict.fromkeys(plugin.name for plugin in self.plugins()))

    def usable(self) -> list[str]:
        """What can be asked for and is no mistake at first sight: Barhouse's own, and others that can be imported."""
        names = self.own()
        for plugin in self._others():
            with suppress(PluginError):
                plugin.load()
                names.append(plugin.name)
        return list(dict.fromkeys(names))

    def own(self) -> list[str]:
        """Those of Barhouse itself."""
        return list(self._own)

    def plugins(self) -> list[Plugin]:
        """Everything there is of the kind: Barhouse's own first, then by name and package."""
        return [*(self._own_plugin(name) for name in self._own), *self._others()]

    def find(self, name: str) -> Plugin:
        """The plugin of a name; packages are only looked through when it is none of Barhouse's own.

        Raises
        ------
        InputError
            When there is none, saying which there are.
        PluginError
            When several packages have one of that name.
        """
        if name in self._own:
            return self._own_plugin(name)
        found = [plugin for plugin in self._others() if plugin.name == name]
        if len(found) > 1:
            packages = " and ".join(plugin.package for plugin in found)
            raise PluginError(f"the {self.kind} {name!r} is in several packages, {packages}; remove all but one")
        if not found:
            names = self.usable()
            meant = did_you_mean(name, names)
            raise InputError(f"{Option(self.kind, name)} is not known{meant}; allowed are {', '.join(names)}")
        return found[0]

    def _own_plugin(self, name: str) -> Plugin:
        from importlib.metadata import version

        return Plugin(self.kind, name, OWN_PACKAGE, version(OWN_PACKAGE), self._own[name])

    def _others(self) -> list[Plugin]:
        from importlib.metadata import entry_points

        found = sorted(entry_points(group=self.group), key=lambda entry: (entry.name, _package(entry)))
        return [self._of(plugin) for plugin in found]

    def _of(self, entry: EntryPoint) -> Plugin:
        taken_by = OWN_PACKAGE if entry.name in self._own else None
        version = entry.dist.version if entry.dist is not None else ""
        return Plugin(self.kind, entry.name, _package(entry), version, entry.value, taken_by)


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.module
