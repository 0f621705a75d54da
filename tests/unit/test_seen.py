"""What was seen of a feed, from what its trades tell: the expected stretches are worked out by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from barhouse.coordinator.live.seen import FeedProgress, Seen

OPEN = datetime(2024, 11, 29, 14, 30, tzinfo=UTC)


def at(second: float) -> datetime:
    return OPEN + timedelta(seconds=second)


def after(seen: Seen, first: float, last: float, arrived: float, late: float = 0, leap: float | None = None) -> Seen:
    lag = timedelta(seconds=max(0, arrived - last))
    leaps_to = None if leap is None else at(leap)
    return seen.with_trades(FeedProgress(at(first), at(last), lag, timedelta(seconds=late), leaps_to), at(arrived))


def stretches(seen: Seen, heard: float) -> list[tuple[float, float, bool]]:
    return [
        ((begin - OPEN).total_seconds(), (end - OPEN).total_seconds(), on)
        for begin, end, on in seen.stretches(at(heard))
    ]


JOINED = Seen.nothing(at(0))
LIVE = after(JOINED, 1, 10, 10.5)


@pytest.mark.parametrize(
    ("seen", "heard", "expected"),
    [
        (JOINED, 100, []),
        (LIVE, 10.5, [(1, 10, True)]),
        (LIVE, 60.5, [(1, 60, True)]),  # quiet: its time goes on with the clock, half a second behind
        (after(JOINED, -300, -200, 10.5), 60, [(-300, -150.5, True)]),  # it catches up
        (after(JOINED, 70, 80, 80), 80, [(5, 80, True)]),  # it was there long before the first trade
        (LIVE.connected(), 60.5, [(1, 10, True)]),  # it may have to catch up
        (after(LIVE, 20, 30, 30, late=8), 30, [(1, 30, True)]),
        (LIVE.lost(at(100)), 200, [(1, 10, False)]),
        (
            after(LIVE, 20, 30, 30, late=8).lost(at(100)),
            200,
            [(1, 22, False)],
        ),  # 8 seconds may still have been on their way
        (after(LIVE.lost(at(100)), 101, 110, 110), 110, [(1, 10, False), (101, 110, True)]),
        (after(LIVE.lost(at(100)), 50, 110, 110, leap=101), 110, [(1, 10, False), (101, 110, True)]),
        (after(LIVE.lost(at(100)), 150, 160, 160), 160, [(1, 10, False), (150, 160, True)]),
        (after(LIVE.lost(at(100)).lost(at(120)), 121, 130, 130), 130, [(1, 10, False), (121, 130, True)]),
        (LIVE.lost(at(100)).since(at(11)), 200, []),
    ],
)
def test_a_stretch_begins_and_ends_with_what_is_sure(
    seen: Seen, heard: float, expected: list[tuple[float, float, bool]]
) -> None:
    assert stretches(seen, heard) == expected
    assert Seen.from_json(json.loads(json.dumps(seen.as_json()))) == seen


def test_what_was_made_before_something_was_lost_begins_nothing() -> None:
    lost = after(JOINED, 1, 60, 60).lost(at(100))
    assert (lost.not_before, lost.present) == (at(60), at(100))
