"""How far the random tests go: each amount has a small default, and an environment variable that gives another.

The defaults are what a person waits for; ``make soak`` (``tests/soak``) runs the same tests with large ones.
"""

from __future__ import annotations

import json
import os
from pathlib import Path


def amount(name: str, default: int) -> int:
    """The whole number in ``BARHOUSE_<name>``, or the default."""
    return int(os.environ.get(f"BARHOUSE_{name}") or default)


def tally(**counts: int) -> None:
    """Note how much was tried, for the line that a soak says of it: ``tally(histories=1, steps=12)``."""
    if place := os.environ.get("BARHOUSE_TALLY"):
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(json.dumps(counts) + "\n")


def shares(whole: int, size: int) -> list[int]:
    """A whole cut into parts of one size, the last one with what is left, so that several processes can share it."""
    return [min(size, whole - begun) for begun in range(0, whole, size)]


#: Every random choice follows from it: another seed makes other histories, other trades, other moments to be killed at.
SEED = amount("SEED", 0)
#: Random histories of a store held against the model.
HISTORIES = amount("HISTORIES", 20)
#: Random histories, and walks through live minutes, on the fast and on the general path.
PATHS = amount("PATHS", 3)
#: Random histories, and walks through live minutes, of a store that is followed.
FOLLOWED = amount("FOLLOWED", 2)
#: Random histories in which old bars are purged again and again.
WALKS = amount("WALKS", 3)
#: Random lives of continuous futures.
ROLLS = amount("ROLLS", 4)
#: Random stores in which errors of every kind are planted.
PLANTED = amount("PLANTED", 2)
#: Random sets of trades.
TRADES = amount("TRADES", 15)
#: Hostile inputs of each kind: files, messages, job files, calendars, manifests, stores.
HOSTILE = amount("HOSTILE", 8)
#: Commands of which calls that write are failed; there are 33.
FAULT_COMMANDS = amount("FAULT_COMMANDS", 3)
#: Calls that fail, of each of these commands; 100000 are all of them.
FAULTS = amount("FAULTS", 2)
#: Messages of feeds that may be anything.
MESSAGES = amount("MESSAGES", 200)
#: Ranges by dates and instants, for each calendar.
RANGES = amount("RANGES", 30)
#: Pairs of calendars, with intervals of each, derived in one chunk; there are 36.
CALENDAR_PAIRS = amount("CALENDAR_PAIRS", 9)
#: Replays in which nothing may be seen before its time.
REPLAYS = amount("REPLAYS", 4)
#: Symbols of the large store; 515 of them are ten million minutes.
SYMBOLS = amount("SYMBOLS", 12)
#: Kills of a process that loads and derives.
KILLS = amount("KILLS", 8)
#: Kills of a compaction.
COMPACT_KILLS = amount("COMPACT_KILLS", 6)
#: Kills of a purge.
PURGE_KILLS = amount("PURGE_KILLS", 5)
#: Kills of a backtest, for each of the three ways to keep its log.
BACKTEST_KILLS = amount("BACKTEST_KILLS", 2)
#: Kills of a nightly job.
JOB_KILLS = amount("JOB_KILLS", 3)
#: Kills for each kind of feed.
LIVE_KILLS = amount("LIVE_KILLS", 3)
#: Kills of an export into a bucket.
BUCKET_KILLS = amount("BUCKET_KILLS", 3)
#: Layouts of files, drawn at random.
LAYOUTS = amount("LAYOUTS", 60)
#: Snapshots that are published under a reader's eyes.
PUBLISHES = amount("PUBLISHES", 12)
#: Snapshots that are published while a server is asked by several.
SERVED = amount("SERVED", 5)
#: Copies that are compared while others write.
COPIES = amount("COPIES", 3)
#: Kills of a process that makes copies.
COPY_KILLS = amount("COPY_KILLS", 3)
