"""Interval: grammar, the one spelling of each length, order, and what tiles what."""

from __future__ import annotations

import itertools

import pytest

from barhouse.store.errors import BarhouseError, IntervalError
from barhouse.store.model.interval import Interval, parse_all


@pytest.mark.parametrize(
    ("given", "spelled"),
    [
        ("1s", "1s"),
        ("59s", "59s"),
        ("60s", "1m"),
        ("90s", "90s"),
        ("3600s", "1h"),
        ("5400s", "90m"),
        ("1m", "1m"),
        ("60m", "1h"),
        ("61m", "61m"),
        ("90m", "90m"),
        ("120m", "2h"),
        ("1439m", "1439m"),
        ("1h", "1h"),
        ("23h", "23h"),
        ("86399s", "86399s"),
        ("1d", "1d"),
        ("7d", "7d"),
        ("1w", "1w"),
        ("4w", "4w"),
        ("1mo", "1mo"),
        ("4mo", "4mo"),
        ("3mo", "1q"),
        ("6mo", "2q"),
        ("12mo", "1y"),
        ("4q", "1y"),
        ("24mo", "2y"),
        ("1w@sun", "1w@sun"),
        ("2w@mon", "2w@mon"),
        ("1y@oct", "1y@oct"),
        ("12mo@oct", "1y@oct"),
        ("1y@jan", "1y"),
        ("1q@oct", "1q"),
        ("1q@dec", "1q@mar"),
        ("1mo@oct", "1mo"),
        ("5mo@oct", "5mo@may"),
        ("2y@oct", "2y@oct"),
        ("10d@month", "10d@month"),
        ("1d@year", "1d"),
        ("6d@week", "6d@week"),
    ],
)
def test_each_length_has_one_spelling(given: str, spelled: str) -> None:
    interval = Interval.parse(given)
    assert str(interval) == spelled
    assert Interval.parse(spelled) == interval
    assert hash(Interval.parse(spelled)) == hash(interval)
    assert Interval.parse(interval) is interval


@pytest.mark.parametrize(
    "given",
    [
        *("1M", "5M", "0m", "05m", "01mo", "-5m", "+5m", "1.5m", "1e3s", "m", "5", "5x", "ticks", "1t", "1min"),
        *("5mins", "1hr", "1D", "1H", "1W", "1Mo", "1mO", "1MO", "1_0m", "1m5s", "1h30m", "5m 1h"),
        *("1w@", "1w@oct", "1w@SUN", "1w@sunday", "1y@sun", "1q@10", "10d@oct", "10d@sun", "1d@", "@sun", "1y @oct"),
        *("", " ", "5 m", " 5m", "5m ", "5m\n", "5\uff4d", "\u0665m"),
    ],
)
def test_everything_else_is_refused(given: str) -> None:
    with pytest.raises(IntervalError) as refused:
        Interval.parse(given)
    assert repr(given) in str(refused.value), "what was given"
    assert "such as" in str(refused.value), "what is allowed"


@pytest.mark.parametrize("given", ["24h", "25h", "1440m", "86400s", "100000s", "99999999999999999999m"])
def test_intraday_stays_below_24_hours(given: str) -> None:
    with pytest.raises(IntervalError, match=r"below 24h.*'1d'"):
        Interval.parse(given)


def test_capital_m_names_both_readings() -> None:
    with pytest.raises(IntervalError, match=r"'1mo'.*'1m'"):
        Interval.parse("1M")
    with pytest.raises(IntervalError, match=r"'15mo'.*'15m'"):
        Interval.parse("15M")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        *(("1D", "1d"), ("5Mo", "5mo"), (" 5m", "5m"), ("05m", "5m"), ("1Y@oct", "1y@oct"), ("1y@October", "1y@oct")),
        *(("1w@SUN", "1w@sun"), ("1w@sunday", "1w@sun"), ("10d@months", "10d@month"), ("5m@sun", "5m")),
        *(("31d@month", "1mo"), ("7d@week", "1w"), ("92d@quarter", "1q"), ("366d@year", "1y")),
    ],
)
def test_a_slip_names_what_was_meant(given: str, meant: str) -> None:
    with pytest.raises(IntervalError, match=f"write '{meant}'"):
        Interval.parse(given)


@pytest.mark.parametrize("given", [None, 5, 5.0, b"5m", ["5m"]])
def test_only_text_is_an_interval(given: object) -> None:
    with pytest.raises(IntervalError):
        Interval.parse(given)


def test_an_interval_error_is_a_value_error() -> None:
    assert issubclass(IntervalError, BarhouseError)
    assert issubclass(IntervalError, ValueError)


def test_order_is_by_length_and_total() -> None:
    ordered = [
        "1s",
        "5s",
        "1m",
        "90s",
        "5m",
        "15m",
        "1h",
        "90m",
        "4h",
        "23h",
        "1d",
        "2d",
        "7d",
        "1w",
        "1w@sat",
        "1w@sun",
        "10d@month",
        "2w",
        "30d",
        "1mo",
        "1q",
        "1q@feb",
        "1y",
    ]
    ranks = [Interval.parse(text) for text in ordered]
    for spun in range(0, len(ranks), 4):
        assert [str(one) for one in sorted(ranks[spun:] + ranks[:spun])] == ordered
    for left, right in itertools.combinations(ranks, 2):
        assert left < right
        assert not right < left


def test_parse_all_sorts_and_drops_repeats() -> None:
    assert [str(one) for one in parse_all(["1d", "60m", "5m", "1h", Interval.parse("5m")])] == [
        "5m",
        "1h",
        "1d",
    ]
    assert [str(one) for one in parse_all(one for one in ("1h", "1m"))] == ["1m", "1h"]


@pytest.mark.parametrize("given", [[], (), set()])
def test_parse_all_wants_one_at_least(given: list[str]) -> None:
    with pytest.raises(IntervalError, match="no interval given"):
        parse_all(given)


def test_parse_all_takes_one_for_a_list_of_one_and_never_apart() -> None:
    assert parse_all("1m") == parse_all(Interval.parse("1m")) == [Interval.parse("1m")]
    with pytest.raises(IntervalError, match=r"'1m,5m' is not known; .* several are a list, such as \['1m', '5m'\]"):
        parse_all("1m,5m")


@pytest.mark.parametrize("given", [None, 5, [None], [5]])
def test_parse_all_takes_texts_only(given: object) -> None:
    with pytest.raises(IntervalError, match="text"):
        parse_all(given)


ANCHORED = [
    "1w@sun",
    "2w@sun",
    "1q@feb",
    "1y@nov",
    "1y@oct",
    "2y@oct",
    "5d@month",
    "10d@month",
    "5d@quarter",
    "2d@week",
]

# What one interval tiles, written down: the row's interval fills the columns' bars exactly.
TILES = {
    "1s": "1s 5s 1m 90s 7m 1h 1d 2d 1w 1mo",
    "1m": "1m 7m 1h 1d 2d 1w 1mo",
    "5m": "1h 1d 2d 1w 1mo",
    "30m": "1h 1d 2d 1w 1mo",
    "7m": "7m 1d 2d 1w 1mo",
    "1h": "1h 1d 2d 1w 1mo",
    "1d": "1d 2d 1w 1mo",
    "2d": "2d",
    "1w": "1w",
    "1mo": "1mo",
}
COLUMNS = ["1s", "5s", "1m", "90s", "7m", "1h", "1d", "2d", "1w", "1mo"]


@pytest.mark.parametrize("base", TILES)
def test_tiles(base: str) -> None:
    found = [one for one in COLUMNS if Interval.parse(base).tiles(Interval.parse(one))]
    assert found == TILES[base].split()


@pytest.mark.parametrize(
    ("base", "other", "tiles"),
    [
        ("2d", "4d", True),
        ("2d", "3d", False),
        ("1w", "2w", True),
        ("2w", "4w", True),
        ("2w", "3w", False),
        ("1mo", "3mo", True),
        ("3mo", "12mo", True),
        ("1w", "1mo", False),
        ("7d", "1w", False),
        ("4w", "1mo", False),
        ("1w@sun", "2w@sun", True),
        ("1w@sun", "1w", False),
        ("1w", "1w@mon", False),
        ("1mo", "1q@feb", True),
        ("1q@feb", "1y@nov", True),
        ("1q@feb", "1y", False),
        ("1q", "1y@oct", True),
        ("1y@oct", "2y@oct", True),
        ("1y", "1y@oct", False),
        ("5d@month", "10d@month", True),
        ("5d@month", "1mo", True),
        ("5d@month", "1q@feb", True),
        ("5d@quarter", "1q", True),
        ("5d@quarter", "1y@oct", True),
        ("5d@quarter", "1mo", False),
        ("5d@year", "1y", True),
        ("5d@year", "1y@oct", False),
        ("2d@week", "2w", True),
        ("2d@week", "1w@sun", False),
        ("5d", "10d@month", False),
        ("1d", "10d@month", True),
        ("1h", "1y@oct", True),
        ("10d@month", "1h", False),
    ],
)
def test_blocks_tile_multiples_of_themselves_alone(base: str, other: str, tiles: bool) -> None:
    assert Interval.parse(base).tiles(Interval.parse(other)) is tiles


def test_tiling_is_transitive_and_reflexive() -> None:
    every = [Interval.parse(one) for one in [*COLUMNS, "5m", "4d", "2w", "1q", *ANCHORED]]
    for one in every:
        assert one.tiles(one)
    for first, second, third in itertools.product(every, repeat=3):
        if first.tiles(second) and second.tiles(third):
            assert first.tiles(third), (str(first), str(second), str(third))
