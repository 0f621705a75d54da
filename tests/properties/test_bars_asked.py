"""Bars of one symbol or of several, the newest of each, some columns of them: as pandas chooses them from all rows.

``BARHOUSE_RANGES`` says how many questions are asked, ``BARHOUSE_SEED`` which ones.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from asked_kit import FIRST_DAY, FIRST_LOAD, INTERVALS, LAST_DAY, SYMBOLS, Asked, Bound, make

from barhouse import InputError
from barhouse.store.errors import UnknownSymbolError
from tests.extent import RANGES, SEED


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    made = make(tmp_path_factory.mktemp("asked"), SEED)
    yield made
    made.store.close()


def some_bound(chance: random.Random) -> Bound:
    if chance.random() < 0.2:
        return None
    day = FIRST_DAY + timedelta(days=chance.randrange((LAST_DAY - FIRST_DAY).days))
    return day if chance.random() < 0.6 else datetime.combine(day, time(chance.randrange(24), 30), UTC)


def some_range(chance: random.Random) -> tuple[Bound, Bound]:
    while True:
        start, end = some_bound(chance), some_bound(chance)
        if start is None or end is None:
            return start, end
        first, last = ((bound if type(bound) is date else bound.date()) for bound in (start, end))
        if last - first > timedelta(days=1):  # not reversed on any calendar
            return start, end


@pytest.mark.parametrize("number", range(RANGES))
def test_bars_are_those_that_pandas_chooses(asked: Asked, number: int) -> None:
    chance = random.Random(f"{SEED} {number}")
    symbols = chance.sample(list(SYMBOLS), chance.randrange(1, len(SYMBOLS) + 1))
    interval, (start, end) = chance.choice(INTERVALS), some_range(chance)
    last = chance.choice([None, 1, 7, 10_000])
    names = [name for name in asked.now.columns if name != "day"]
    columns = chance.choice([None, chance.sample(names, chance.randrange(1, len(names) + 1))])
    before = chance.random() < 0.3
    options: dict[str, Any] = {"as_of": FIRST_LOAD + timedelta(hours=1)} if before else {}
    found = asked.store.bars(symbols, interval, start, end, last=last, columns=columns, **options)
    expected = asked.expected(symbols, interval, start, end, last=last, before=before)
    assert found.column_names == (columns or names)
    wanted = [tuple(row) for row in expected[found.column_names].astype(object).itertuples(index=False)]
    assert [plain(row.values()) for row in found.to_pylist()] == [plain(row) for row in wanted]


def plain(row: Any) -> list[Any]:
    """Values as they compare: what is unknown is None, whatever pandas calls it."""
    return [None if value is None or value != value else value for value in row]


def test_a_name_and_a_list_of_one_are_the_same(asked: Asked) -> None:
    for options in ({}, {"last": 3}, {"columns": ["close", "bar_start"]}, {"as_of": FIRST_LOAD}):
        assert asked.store.bars("spy", "1h", **options) == asked.store.bars(["SPY", "spy"], "1h", **options)


def test_forming_bars_of_several_symbols_come_with_the_others(asked: Asked) -> None:
    found = asked.store.bars(["SPY", "BTC"], "1h", last=2, columns=["symbol", "forming"], live=True)
    assert found["symbol"].to_pylist() == ["BTC", "BTC", "SPY", "SPY"]


def test_a_range_may_be_empty_on_one_calendar_and_not_on_another(asked: Asked) -> None:
    """From midnight in New York to an instant after midnight in London: no time at all, of days of UTC some."""
    found = asked.store.bars(["SPY", "BTC"], "30m", date(2024, 11, 20), datetime(2024, 11, 20, 3, tzinfo=UTC))
    expected = asked.expected(["BTC"], "30m", date(2024, 11, 20), datetime(2024, 11, 20, 3, tzinfo=UTC))
    assert set(found["symbol"].to_pylist()) == {"BTC"}
    assert found["bar_start"].to_pylist() == [stamp.to_pydatetime() for stamp in expected["bar_start"]]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"columns": ["close", "volumes"]}, r"no column 'volumes' \(did you mean volume\?\); name some of symbol, "),
        ({"columns": []}, "columns= is empty"),
        ({"columns": [3]}, "takes names of columns, not int"),
        ({"columns": "forming"}, "no column 'forming'"),
        ({"columns": 'close" FROM bar --'}, "no column"),
        ({"last": 0}, "last=0 is not usable; give how many bars of each symbol to have at most, 1 or more"),
        ({"last": "x"}, "last='x' is not usable"),
        ({"symbol": []}, "symbol= is empty"),
    ],
)
def test_what_cannot_be_asked_is_refused(asked: Asked, given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        asked.store.bars(**({"symbol": ["SPY", "BTC"], "interval": "1h"} | given))


def test_one_unknown_symbol_among_others_is_refused(asked: Asked) -> None:
    with pytest.raises(UnknownSymbolError, match=r"'SPI' is not registered \(did you mean SPY\?\)"):
        asked.store.bars(["SPY", "SPI"], "1h")
    with pytest.raises(UnknownSymbolError, match="SPY has no interval '5m', it has 30m, 1h, 1d, 1w"):
        asked.store.bars(["SPY", "BTC"], "5m")
