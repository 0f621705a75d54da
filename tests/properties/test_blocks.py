"""Which sessions share a block, and which intervals fill which: against the oracle's blocks, session by session."""

from __future__ import annotations

import itertools
import random
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import oracle
import pytest
from oracle import Length
from test_histories import ANCHORED
from world import calendar

from barhouse import SessionCoordinator, open_store
from barhouse.coordinator.fast.blocks import SessionBlocks
from barhouse.store.model.interval import Interval

FIRST, LAST = date(1968, 11, 3), date(1975, 3, 20)
#: What the store and the oracle know of the calendars.
YEARS = date(2012, 1, 1), date(2025, 6, 30)
PLAIN = ["1d", "2d", "7d", "1w", "2w", "1mo", "2mo", "6mo", "5mo", "1q", "2q", "1y", "3y"]
MORE = [
    "2w@sun",
    "4w@sat",
    "1w@wed",
    "2q@feb",
    "2y@oct",
    "2y",
    "5d@month",
    "5d@quarter",
    "20d@year",
    "4d@week",
    "5mo@feb",
]


def calendar_of(chance: random.Random, week_starts: str) -> oracle.Calendar:
    """A calendar with a session on most days around its origin and around 1970."""
    days = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
    days += [date(1999, 12, 1) + timedelta(days=number) for number in range(90)]
    midnight = {day: (day - oracle.EPOCH.date()).days * 86_400 * oracle.SECOND for day in days}
    kept = [day for day in days if chance.random() < 0.8]
    return oracle.Calendar("X", [(day, ((midnight[day], midnight[day] + 3600),)) for day in kept], week_starts)


@pytest.mark.parametrize("week_starts", ["mon", "sun"])
def test_an_interval_that_tiles_another_never_straddles_an_edge_of_it(week_starts: str) -> None:
    own = calendar_of(random.Random(1), week_starts)
    lengths = list(dict.fromkeys([*PLAIN, *ANCHORED, *MORE]))
    keys = {text: [own.block_key(session, Length.of(text)) for session in own.sessions] for text in lengths}
    claimed = 0
    for text, other in itertools.permutations(lengths, 2):
        if Interval.parse(text).tiles(Interval.parse(other)):
            claimed += 1
            pairs = set(zip(keys[text], keys[other], strict=True))
            assert len(pairs) == len({mine for mine, _ in pairs}), f"{text} straddles an edge of {other}"
    assert claimed > 60


@pytest.mark.parametrize("week_starts", ["mon", "sun"])
@pytest.mark.parametrize("text", [*PLAIN, *ANCHORED, *MORE])
def test_the_fast_path_numbers_blocks_as_the_oracle_does(text: str, week_starts: str) -> None:
    own, interval = calendar_of(random.Random(2), week_starts), Interval.parse(text)
    day = np.array([(session.date - date(1970, 1, 1)).days for session in own.sessions])
    ordinal = np.array([session.ordinal for session in own.sessions])
    origin = (own.first_week - date(1970, 1, 1)).days
    found = SessionBlocks(day, ordinal, origin, int(day[-1])).numbers(interval.unit, interval.length)
    keys = [own.block_key(session, Length.of(text)) for session in own.sessions]
    assert [int(one) for one in np.diff(found) != 0] == [one != other for one, other in itertools.pairwise(keys)]


@pytest.mark.parametrize("name", ["24/7", "XTAE"])
def test_the_schema_has_the_blocks_of_the_oracle(name: str, blank_store: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(blank_store, tmp_path / "bars.duckdb"))
    with open_store(path, clock=lambda: datetime(2024, 6, 1, tzinfo=UTC)) as store:
        SessionCoordinator(store).register("A", ["1d", *ANCHORED, *MORE], name)
        query = (
            "SELECT b.first_date, b.last_date, epoch_us(b.block_open) AS open, epoch_us(b.block_close) AS close, "
            "b.expected_count, b.known FROM calendar_block AS b JOIN definition AS d USING (calendar, kind) "
            "WHERE d.interval = $text ORDER BY b.block"
        )
        shown = {text: store.sql(query, {"text": text}).to_pylist() for text in [*ANCHORED, *MORE]}
    own = calendar(name)
    for text, rows in shown.items():
        blocks = dict.fromkeys(own.block(session, Length.of(text)) for session in own.sessions)
        expected = [(one[0].date, one[-1].date, one[0].open, one[-1].close, len(one)) for one in blocks]
        found = [tuple(row.values())[:5] for row in rows]
        expected, found = (
            [one for one in some if YEARS[0] <= one[0] and one[1] <= YEARS[1]] for some in (expected, found)
        )
        assert found == expected, text
        assert len(found) > 2
        assert all(row["known"] for row in rows[:-1]), text
