"""A follower for tests: what a serving process keeps of a published snapshot and of what is put beside it."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from barhouse import SessionStore
from barhouse.store.database.comments import words
from barhouse.store.serving.replica import Replica
from barhouse.store.serving.snapshot import Snapshots

#: How long a follower may take to come to what its store has; none comes near it.
PATIENCE_SECONDS = 60.0
#: What is the same whenever it is asked: all that is promised, but what goes by the machine's clock.
VIEWS = [name for name in words()["one_row_for_each"] if name not in ("health", "bars_as_of")]
_HEALTH = "health_at(TIMESTAMPTZ '2025-02-01 00:00:00+00')"
_DIGEST = "SELECT count(*) AS n, sum(hash(t)::HUGEINT)::VARCHAR AS digest FROM {view} AS t"
Ask = Callable[[str], list[dict[str, Any]]]


class Follower:
    """Follows one published name, as the server and one of its workers do together."""

    def __init__(self, published: Path) -> None:
        self._published = published
        self._snapshots = Snapshots(published, keep=1)
        self._replica: Replica | None = None
        self.snapshot_count = self.increment_count = 0

    def close(self) -> None:
        if self._replica is not None:
            self._replica.close()
        self._snapshots.close()

    def look(self) -> None:
        """Take what is new."""
        snapshots = self._snapshots
        if (found := snapshots.found()) is not None:
            snapshots.serve(found, None, None)
            self.snapshot_count += 1
            if self._replica is not None:
                self._replica.close()
            self._replica = Replica(found.file, {"threads": 1})
        if (moved := snapshots.moved_on()) is not None:
            snapshots.go_on(moved)
            assert self._replica is not None
            self.increment_count += moved.through - self._replica.through
            self._replica.move_on(moved.through, moved.whole)

    def ask(self, query: str) -> list[dict[str, Any]]:
        assert self._replica is not None
        with self._replica.database.reading() as transaction:
            relation: Any = transaction.cursor.sql(query)
            found: list[dict[str, Any]] = relation.to_arrow_table().to_pylist()
        return found


def relations(moments: Iterable[datetime]) -> list[str]:
    """Everything that is compared: the views, and what was known at some moments."""
    past = [f"bars_as_of(TIMESTAMPTZ '{moment.isoformat()}')" for moment in moments]
    return [*VIEWS, _HEALTH, *past]


def digests(ask: Ask, views: Iterable[str]) -> dict[str, tuple[int, str]]:
    found = {view: ask(_DIGEST.format(view=view))[0] for view in views}
    return {view: (row["n"], row["digest"]) for view, row in found.items()}


def catch_up(follower: Follower, store: SessionStore, views: list[str]) -> None:
    """Wait until a follower shows what its store shows, in some views; fail with what differs when it does not."""

    def asked(query: str) -> list[dict[str, Any]]:
        return store.sql(query).to_pylist()

    wanted = digests(asked, views)
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        follower.look()
        shown = digests(follower.ask, views)
        if shown == wanted:
            return
        if time.monotonic() > end:
            break
        time.sleep(0.01)
    lines = []
    for view in views:
        if shown[view] != wanted[view]:
            rows = [Counter(map(repr, ask(f"FROM {view}"))) for ask in (follower.ask, asked)]
            lines.append(f"{view}\n    follower: {sorted((rows[0] - rows[1]).elements())[:5]}")
            lines.append(f"    store:    {sorted((rows[1] - rows[0]).elements())[:5]}")
    pytest.fail("\n".join(lines), pytrace=False)


def chosen(chance: random.Random, count: int) -> list[str]:
    """Some views."""
    return chance.sample(VIEWS, count)
