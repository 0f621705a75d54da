"""Which interval to stream and which to derive: the answers the original system gave, and the errors."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest

from barhouse.coordinator.streams.determination import StreamDetermination, determine_streams
from barhouse.store.errors import InputError, IntervalError, StreamError


@pytest.mark.parametrize(
    ("requested", "base", "derived"),
    [
        ("5s 5m", "1s", "5s 5m"),
        ("5m 15m", "1m", "5m 15m"),
        ("1m 5m", "1m", "5m"),
        ("1d", "1d", ""),
        ("1m 1d 1w", "1m", "1d 1w"),
        ("1d 1w", "1d", "1w"),
        ("1s 1m 1d", "1s", "1m 1d"),
        ("1h", "1m", "1h"),
        ("90s", "1s", "90s"),
        ("1w", "1d", "1w"),
        ("1mo", "1d", "1mo"),
        ("2d 1w 1mo", "1d", "2d 1w 1mo"),
        ("1w 5m", "1m", "5m 1w"),
        ("1d 5m 1h 5m 60m", "1m", "5m 1h 1d"),
    ],
)
def test_with_nothing_said_about_what_is_available(requested: str, base: str, derived: str) -> None:
    assert determine_streams(requested.split()) == StreamDetermination(base, tuple(derived.split()))


@pytest.mark.parametrize(
    ("requested", "available", "base", "derived"),
    [
        ("15m 1h", "1m 5m", "5m", "15m 1h"),
        ("10m 15m", "10m 1m 5m", "5m", "10m 15m"),
        ("5m", "5m", "5m", ""),
        ("5m 1d", "1s 1m 5m 1d", "5m", "1d"),
        ("1d", "1s 1m", "1m", "1d"),
        ("1h", "60m", "1h", ""),
        ("1w", "1w 1d", "1w", ""),
        ("1d 1h", "30m 1h", "1h", "1d"),
        ("1mo", "1w 1d", "1d", "1mo"),
        ("7m", "7m 1m", "7m", ""),
    ],
)
def test_the_coarsest_available_that_tiles_all(requested: str, available: str, base: str, derived: str) -> None:
    expected = StreamDetermination(base, tuple(derived.split()))
    for order in itertools.permutations(available.split()):
        assert determine_streams(requested.split(), order) == expected


def test_against_every_combination_of_minutes() -> None:
    lengths = (1, 2, 3, 4, 5, 6, 10, 12, 15, 30)
    for wanted in itertools.combinations(lengths, 2):
        for offered in itertools.combinations(lengths, 2):
            fitting = [one for one in offered if all(Fraction(two, one).denominator == 1 for two in wanted)]
            requested, available = [f"{one}m" for one in wanted], [f"{one}m" for one in offered]
            if not fitting:
                with pytest.raises(StreamError):
                    determine_streams(requested, available)
                continue
            answer = determine_streams(requested, available)
            assert answer.required_base_interval == f"{max(fitting)}m"
            assert list(answer.derivable_intervals) == [f"{one}m" for one in sorted(wanted) if one != max(fitting)]


@pytest.mark.parametrize("requested", [[], ["ticks"], ["0m"], ["5x"], ["5m", "5x"], ["1M"], ["24h"]])
def test_what_is_no_interval(requested: list[str]) -> None:
    with pytest.raises(IntervalError):
        determine_streams(requested)


def test_what_is_no_interval_among_the_available() -> None:
    with pytest.raises(IntervalError, match="ticks"):
        determine_streams(["1m"], ["ticks"])


def test_the_minute_is_needed_and_only_the_day_is_there() -> None:
    with pytest.raises(StreamError) as refused:
        determine_streams(["1m", "5m"], ["1d"])
    for named in ("1m", "5m", "1d"):
        assert named in str(refused.value)
    assert "a base of 1m would do" in str(refused.value)


@pytest.mark.parametrize(
    ("requested", "available", "failing", "way_out"),
    [
        ("5m 7m 1h", "5m", "7m", "1m"),
        ("90s", "1m", "90s", "1s"),
        ("1mo", "1w", "1mo", "1d"),
        ("1d 1w", "2d", "1d, 1w", "1d"),
        ("5s", "1m 1d", "5s", "1s"),
    ],
)
def test_names_what_fails_and_what_would_do(requested: str, available: str, failing: str, way_out: str) -> None:
    with pytest.raises(StreamError) as refused:
        determine_streams(requested.split(), available.split())
    assert str(refused.value).startswith(f"{failing} cannot be derived")
    assert f"a base of {way_out} would do" in str(refused.value)


def test_nothing_is_available() -> None:
    with pytest.raises(StreamError, match=r"5m cannot be had.*1m"):
        determine_streams(["5m"], [])


@pytest.mark.parametrize(("requested", "available"), [("1m 90s", "1m 90s"), ("4m 6m", "4m 6m"), ("1w 1mo", "1w 1mo")])
def test_each_is_there_but_no_single_one_tiles_all(requested: str, available: str) -> None:
    """What the message proposes must itself do."""
    with pytest.raises(StreamError, match="no single available interval") as refused:
        determine_streams(requested.split(), available.split())
    proposed = str(refused.value).rpartition("such as ")[2]
    assert determine_streams(requested.split(), [proposed]).required_base_interval == proposed


def test_errors_are_input_errors() -> None:
    assert issubclass(StreamError, InputError)
    assert issubclass(StreamError, ValueError)
