"""A writer that is killed leaves its follower with a state that it has committed, and the next writer goes on."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from barhouse import open_store
from tests.extent import FOLLOWED, SEED, tally
from tests.followers import Follower, catch_up, relations

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120.0
_SHOWN = "SELECT count(*) AS n, sum(hash(b)::HUGEINT)::VARCHAR AS digest FROM {relation} AS b"


def test_a_follower_of_killed_writers_shows_what_was_committed(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    path, target = tmp_path / "bars.duckdb", tmp_path / "published.duckdb"
    follower: Follower | None = None
    for _ in range(2 * FOLLOWED):
        command = [sys.executable, "-m", "tests.faults.followed_writer", str(path), str(target)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        try:
            assert child.stdout is not None
            assert child.stdout.readline().strip().isdecimal()
            follower = follower or Follower(target)
            end = time.monotonic() + PATIENCE_SECONDS
            before = follower.increment_count
            follower.look()
            while follower.increment_count == before:  # then at any moment
                assert child.poll() is None and time.monotonic() < end
                follower.look()
            time.sleep(chance.uniform(0.0, 0.5))
        finally:
            child.kill()
            child.wait()
        follower.look()
        with open_store(path) as store:
            assert store.verify().sound
            (state,) = follower.ask("SELECT batch_id, committed_at FROM batches ORDER BY batch_id DESC LIMIT 1")
            (kept,) = store.sql("SELECT kept_from FROM revision_retention")["kept_from"].to_pylist()
            is_kept = kept is None or kept <= state["committed_at"]
            if is_kept:
                then = f"bars_as_of(TIMESTAMPTZ '{state['committed_at'].isoformat()}')"
                shown = follower.ask(_SHOWN.format(relation="bars"))
                assert shown == store.sql(_SHOWN.format(relation=then)).to_pylist()
            if chance.random() < 0.5:  # the follower is killed, too
                follower.close()
                follower = Follower(target)
            with store.publishing(target):
                catch_up(follower, store, relations([state["committed_at"]] if is_kept else []))
    assert follower is not None
    tally(kills=2 * FOLLOWED, increments=follower.increment_count)
    follower.close()
