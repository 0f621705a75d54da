"""Bars of another length than the one said: hours begin where minutes could, and some minutes where hours do."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from load_kit import NEW_YORK, Bench, lines, minutes, unchanged

from barhouse.store.errors import StampsError

FIRST = datetime(2024, 6, 3, tzinfo=UTC)
SECONDS = {"1m": 60, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "4h": 14_400, "1d": 86_400, "1w": 604_800}


def stamps(interval: str, count: int = 40) -> list[str]:
    step = timedelta(seconds=SECONDS[interval])
    return [f"{FIRST + number * step:%Y-%m-%dT%H:%M:%SZ}" for number in range(count)]


@pytest.mark.parametrize("said", ["1m", "15m", "1h", "1d"])
def test_bars_of_another_length_are_refused_whole(kinds: Bench, said: str) -> None:
    """In any order of the rows; bars of the length said are taken."""
    kinds.coordinator.register("ROUND", [said], "24/7", base=said)
    with unchanged(kinds):
        for meant in SECONDS.keys() - {said}:
            rows = lines(stamps(meant))
            random.Random(meant).shuffle(rows)
            with pytest.raises(StampsError, match=rf" {meant} long.*interval='{meant}'"):
                kinds.load(kinds.write(*rows), said, "ROUND")
    assert kinds.load_lines(*lines(stamps(said)), interval=said, symbol="ROUND").inserted == 40


@pytest.mark.parametrize("interval", ["5m", "15m", "1h"])
def test_sessions_and_nights_between_do_not_hide_it(bench: Bench, interval: str) -> None:
    step = SECONDS[interval] // 60
    days = [
        *minutes("2024-11-25 09:30", "2024-11-25 16:00", step=step),
        *minutes("2024-11-26 09:30", "2024-11-26 16:00", step=step),
    ]
    with unchanged(bench), pytest.raises(StampsError, match=f"are {interval} long"):
        bench.load_lines(*lines(days), timezone=NEW_YORK)


def test_minutes_with_holes_are_minutes(bench: Bench) -> None:
    """What is traded now and then has no step that most of its bars share; nor do a few auctions a day make hours."""
    drawn = random.Random(7).sample(minutes("2024-11-25 09:30", "2024-11-25 16:00"), 25)
    assert bench.load_lines(*lines(sorted(drawn)), timezone=NEW_YORK).inserted == 25
    fixings = [f"2024-11-{day} {time}" for day in range(11, 23) if day not in (16, 17) for time in ("09:30", "15:30")]
    assert bench.load_lines(*lines(fixings), symbol="QQQ", timezone=NEW_YORK).inserted == 20


def test_days_with_holidays_and_a_short_lunch_are_as_long_as_they_are(kinds: Bench) -> None:
    kinds.coordinator.register("TOKYO", ["4h"], "XTKS", base="4h")
    days = [f"2024-06-{day:02d} {time}" for day in (3, 4, 5, 6, 7) for time in ("09:00", "12:30")]
    assert kinds.load_lines(*lines(days), interval="4h", symbol="TOKYO", timezone="Asia/Tokyo").inserted == 10
    weeks = ["2024-06-03", "2024-06-10", "2024-06-18", "2024-06-24", "2024-07-01", "2024-07-08"]
    assert kinds.load_lines(*lines(["2024-05-28", *weeks]), interval="1w", symbol="WEEK").rejected <= 1


def test_few_bars_say_nothing(bench: Bench) -> None:
    assert (
        bench.load_lines(*lines(minutes("2024-11-25 09:30", "2024-11-25 16:00", step=60)), timezone=NEW_YORK).rows == 7
    )


def test_bars_that_are_that_sparse_are_taken_where_it_is_said(bench: Bench) -> None:
    """Each tenth minute; halves of minutes are too short for it still."""
    rows = lines(minutes("2024-11-25 09:30", "2024-11-25 16:00", step=10))
    with unchanged(bench), pytest.raises(StampsError, match=r"interval='10m'.* sparse=True takes them"):
        bench.load_lines(*rows, timezone=NEW_YORK)
    assert bench.load_lines(*rows, timezone=NEW_YORK, sparse=True).inserted == 39
    halves = lines(
        f"2024-11-26 {10 + number // 120}:{number // 2 % 60:02d}:{number % 2 * 30:02d}" for number in range(40)
    )
    with unchanged(bench), pytest.raises(StampsError, match=r"are 30s long.*written$"):
        bench.load_lines(*halves, timezone=NEW_YORK, sparse=True)
