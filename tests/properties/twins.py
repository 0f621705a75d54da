"""Two stores that the same is done to, one on the fast path and one on the general one: their tables must be equal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from barhouse import SessionStore
from barhouse.coordinator.fast import switch
from barhouse.store.database.tables import metadata

#: Who made a run, and when it was heard of last, is another thing in each.
_OF_ONE_OPENING = {"session_run"}
#: After so many calls, and whenever they are verified, as at the end, all tables of two worlds are compared.
_SELDOM = 4
_TABLES = [name for name in metadata.tables if name not in _OF_ONE_OPENING]
_DIGEST = "SELECT count(*) AS n, sum(hash(t)::HUGEINT)::VARCHAR AS digest FROM {table} AS t"


def differing_tables(fast: SessionStore, general: SessionStore) -> dict[str, tuple[list[object], list[object]]]:
    """The tables that are not the same in two stores, with the rows that only one of them has."""
    query = " UNION ALL ".join(f"SELECT '{name}' AS name, * FROM ({_DIGEST.format(table=name)})" for name in _TABLES)
    digests = [{row["name"]: row for row in store.sql(query).to_pylist()} for store in (fast, general)]
    found = {}
    for name in _TABLES:
        if digests[0][name] != digests[1][name]:
            rows = [Counter(map(repr, store.sql(f"FROM {name}").to_pylist())) for store in (fast, general)]
            found[name] = (sorted((rows[0] - rows[1]).elements())[:5], sorted((rows[1] - rows[0]).elements())[:5])
    return found


def assert_alike(fast: SessionStore, general: SessionStore) -> None:
    """Fail with the first rows that differ."""
    found = differing_tables(fast, general)
    lines = [f"{name}\n    fast: {ours}\n    general: {theirs}" for name, (ours, theirs) in found.items()]
    if lines:
        pytest.fail("\n".join(lines), pytrace=False)


def outcome_of(call: Callable[[], Any]) -> tuple[str, Any]:
    """What a call comes to: what it returns, or what it raises."""
    try:
        return "returned", call()
    except Exception as error:
        return type(error).__name__, str(error)


def both(fast: Callable[[], Any], general: Callable[[], Any]) -> tuple[str, Any]:
    """Do something in both ways, and hold what it comes to against each other."""
    one = outcome_of(fast)
    with switch.general_path():
        other = outcome_of(general)
    assert one == other
    return one


class Twins:
    """Two worlds (``world.World``) that are told the same: whatever is called is called on both."""

    def __init__(self, fast: Any, general: Any) -> None:
        object.__setattr__(self, "_pair", (fast, general))
        object.__setattr__(self, "_calls", 0)

    def __getattr__(self, name: str) -> Any:
        fast, general = self._pair
        ours, theirs = getattr(fast, name), getattr(general, name)
        if not callable(ours):
            return ours

        def call(*given: Any, **said: Any) -> Any:
            result = ours(*given, **said)
            with switch.general_path():
                assert theirs(*given, **said) == result
            object.__setattr__(self, "_calls", self._calls + 1)
            if name == "verify" or (self._calls % _SELDOM == 0 and name != "close"):
                assert_alike(fast.store, general.store)
            return result

        return call

    def __setattr__(self, name: str, value: Any) -> None:
        for world in self._pair:
            setattr(world, name, value)
