"""What the files of a job may call symbols that are registered by another name: aliases, and names of before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from barhouse.store.database.transaction import Transaction


@dataclass(frozen=True, slots=True)
class OtherNames:
    """The names of symbols beside those of today.

    Attributes
    ----------
    active
        The symbols that are registered.
    aliases
        By vendor (None: everybody), and by the alias, the symbols that it means for some sessions.
    former
        By name, the symbols that were called so before.
    """

    active: frozenset[str] = frozenset()
    aliases: dict[str | None, dict[str, set[str]]] = field(default_factory=dict)
    former: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, transaction: Transaction) -> OtherNames:
        """Read them."""
        aliases: dict[str | None, dict[str, set[str]]] = {}
        former: dict[str, set[str]] = {}
        for row in transaction.run("jobs.other_names"):
            place = aliases.setdefault(row.vendor, {}) if row.is_alias else former
            place.setdefault(row.name, set()).add(row.symbol)
        active = frozenset(row.symbol for row in transaction.run("records.active_symbols"))
        return cls(active, aliases, former)

    def means(self, name: str, vendor: str | None) -> frozenset[str]:
        """The symbols that a file of a vendor may mean by a name, itself among them."""
        return frozenset({name}) | self._aliased(name, vendor) | self.former.get(name, set())

    def names_for(self, is_wanted: Callable[[str], bool], vendor: str | None) -> list[str]:
        """Which other names files of a vendor may have for symbols that are wanted."""
        everything = {*self.former, *self.aliases.get(None, {}), *self.aliases.get(vendor, {})}
        return sorted(name for name in everything if any(map(is_wanted, self.means(name, vendor) - {name})))

    def registers(self, name: str, vendor: str | None, *, reuses: bool) -> bool:
        """Whether a name that a file has is one to be registered; ``reuses`` says that names of before are."""
        if name in self.active:
            return True
        return not self._aliased(name, vendor) and (reuses or name not in self.former)

    def _aliased(self, name: str, vendor: str | None) -> set[str]:
        tables: Iterable[dict[str, set[str]]] = (self.aliases.get(None, {}), self.aliases.get(vendor, {}))
        return set().union(*(table.get(name, set()) for table in tables))
