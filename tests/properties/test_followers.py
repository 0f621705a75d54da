"""A follower shows what its store shows, whatever happens to the store, in every view and as of past moments.

Histories are those of ``test_histories.py``. After each step the follower is waited for, and compared; now and then it
is ended and begins again, or the process that publishes ends without telling the last of what it committed.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase
from test_histories import LONG_AFTER, Histories, run_part
from test_two_paths import Pair, Walk
from world import World

from barhouse.store.copies import increment, snapshot_keeper
from tests.extent import FOLLOWED, SEED, shares, tally
from tests.followers import Follower, catch_up, chosen, relations


class FollowedWorld(World):
    """A world whose store is published, and followed."""

    def __init__(self, blank: Path, path: Path, now: int) -> None:
        self.published = path.with_suffix(".published.duckdb")
        self.chance = random.Random(path.name)
        self.follower: Follower | None = None
        self.is_checking = False
        super().__init__(blank, path, now)
        self.follower = Follower(self.published)

    def _open(self) -> None:
        super()._open()
        self.publishing = snapshot_keeper.SnapshotKeeper(self.store._database, self.published)

    def close(self) -> None:
        if self.chance.random() < 0.3:  # as one that is killed: what it has not told yet is told by nobody
            self.publishing._finish = lambda: None
        self.publishing.close()
        super().close()

    def end(self) -> None:
        """Have no follower any more."""
        assert self.follower is not None
        tally(snapshots=self.follower.snapshot_count, increments=self.follower.increment_count)
        self.follower.close()

    def check(self) -> None:
        super().check()
        self.compare(closely=not self.hasty and self.looks_closely())

    def compare(self, *, closely: bool) -> None:
        if self.chance.random() < 0.1:
            self.end()
            self.follower = Follower(self.published)
        assert self.follower is not None
        moments = [at for at, _ in self.past]
        moments = self.chance.sample(moments, min(2, len(moments)))
        views = relations(moments) if closely else ["bars", "coverage", "batches", *chosen(self.chance, 2)]
        catch_up(self.follower, self.store, sorted(set(views)))


class Followed(Histories):
    """Any history, in a store that is followed."""

    def new_world(self) -> Any:
        return FollowedWorld(self.blank, self.folder / f"{next(self.numbers)}.duckdb", LONG_AFTER)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            world: Any = self.world
            try:
                if world.sound:
                    world.compare(closely=True)
            finally:
                super().teardown()
                world.end()


HISTORIES = [pytest.param(part, count, id=f"seed{SEED}-part{part}") for part, count in enumerate(shares(FOLLOWED, 10))]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Increments and snapshots come as fast as they can, and often there is one that has all."""
    monkeypatch.setattr(snapshot_keeper, "_PACE_SECONDS", 0.0)
    monkeypatch.setattr(snapshot_keeper, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(snapshot_keeper, "_PAUSE_TIMES", 0.0)
    monkeypatch.setattr(snapshot_keeper, "_WHOLE_EVERY", 4)


@pytest.mark.parametrize(("part", "count"), HISTORIES)
def test_a_follower_shows_what_its_store_shows(
    blank_store: Path, tmp_path: Path, part: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if part % 2:
        monkeypatch.setattr(increment, "MOST_ROWS", 500)  # many loads are in a new snapshot then
    machine = type("Part", (Followed,), {"folder": tmp_path, "blank": blank_store})
    run_part(machine, part, count, phases=[Phase.generate])


class FollowedPair(Pair):
    """Stores on both paths, of which the one on the fast path is followed."""

    def __init__(self, blank: Path, folder: Path, number: int) -> None:
        self.published = folder / f"{number}.published.duckdb"
        super().__init__(blank, folder, number)
        self.follower = Follower(self.published)

    def open(self) -> None:
        super().open()
        self.publishing = snapshot_keeper.SnapshotKeeper(self.stores[0]._database, self.published)

    def close(self) -> None:
        self.publishing.close()
        super().close()

    def compare(self, views: list[str] | None = None) -> None:
        catch_up(self.follower, self.stores[0], relations([]) if views is None else views)


WALKS = [pytest.param(walk, id=f"seed{SEED}-walk{walk}") for walk in range(FOLLOWED)]


@pytest.mark.parametrize("walk", WALKS)
def test_a_follower_shows_live_minutes_as_they_come(
    blank_store: Path, tmp_path: Path, walk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most writes are small ones here; hardly any needs a new snapshot, unless one is made all the time beside them."""
    if walk % 2:
        monkeypatch.setattr(snapshot_keeper, "_MOST_BYTES", 0)
    pair, chance = FollowedPair(blank_store, tmp_path, walk), random.Random(SEED * 10_000 + walk)
    try:
        steps = Walk(pair, chance)
        for _ in range(15):
            steps.step()
            pair.compare(["bars", "coverage", "batches", *chosen(chance, 1)])
        pair.compare()
        follower = pair.follower
        tally(walks=1, snapshots=follower.snapshot_count, increments=follower.increment_count)
        assert walk % 2 or follower.increment_count > follower.snapshot_count
    finally:
        pair.close()
        pair.follower.close()
