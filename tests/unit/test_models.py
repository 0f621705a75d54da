"""The objects a symbol is registered with, built the way the original system built them, and the reports."""

from __future__ import annotations

import math
from collections import deque
from datetime import UTC, date, datetime

import pydantic
import pytest

from barhouse import BarhouseError, BarIntervalData, Gap, SymbolSessionData
from barhouse.coordinator.live.options import LiveOptions
from barhouse.store.errors import InputError
from barhouse.store.model.reports import LoadReport
from barhouse.store.model.spelling import Spelling

GAP = Gap(
    session_date=date(2024, 11, 26),
    start=datetime(2024, 11, 26, 14, 35, tzinfo=UTC),
    end=datetime(2024, 11, 26, 14, 37, tzinfo=UTC),
    missing_count=2,
)


def seed(**changed: object) -> SymbolSessionData:
    fields: dict[str, object] = {
        "symbol": "aapl",
        "base_interval": "1m",
        "bars": {
            "1m": BarIntervalData(derived=False, base=None, data=deque(), quality=0.0, gaps=[], updated=False),
            "5m": BarIntervalData(derived=True, base="1m", data=[], quality=0.0, gaps=[], updated=False),
            "1h": BarIntervalData(derived=True, base="1m"),
        },
    }
    return SymbolSessionData(**(fields | changed))


def test_the_original_way_to_build_it() -> None:
    data = seed()
    assert data.symbol == "AAPL"
    assert data.base_interval == "1m"
    assert list(data.bars) == ["1m", "5m", "1h"]
    assert data.derived_intervals == ["5m", "1h"]
    assert (data.calendar, data.closing_bar) == ("XNYS", "outside")
    assert data.bars["1m"].derived is False
    assert data.bars["5m"].base == "1m"


@pytest.mark.parametrize("data", [[], (), deque(), deque(maxlen=5)])
def test_data_may_be_any_empty_sequence(data: object) -> None:
    assert not BarIntervalData(derived=False, data=data).data


@pytest.mark.parametrize("data", [[1], deque([{"open": 1.0}])])
def test_bars_are_not_handed_over_by_registering(data: object) -> None:
    with pytest.raises(pydantic.ValidationError, match=r"data must stay empty.*load"):
        BarIntervalData(derived=False, data=data)


def test_what_build_makes_is_the_same() -> None:
    assert SymbolSessionData.build("AAPL", "1m", ["1h", "5m"]) == seed(
        bars={
            "1m": BarIntervalData(derived=False),
            "5m": BarIntervalData(derived=True, base="1m"),
            "1h": BarIntervalData(derived=True, base="1m"),
        }
    )


def test_every_interval_is_kept_in_its_one_spelling() -> None:
    data = SymbolSessionData(
        symbol="x",
        base_interval="60s",
        bars={
            "60s": BarIntervalData(derived=False),
            "60m": BarIntervalData(derived=True, base="60s"),
        },
    )
    assert data.base_interval == "1m"
    assert list(data.bars) == ["1m", "1h"]
    assert data.bars["1h"].base == "1m"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"symbol": ""}, "not usable"),
        ({"symbol": "A\nB"}, "not usable"),
        ({"base_interval": "5x"}, "5x"),
        ({"base_interval": "5m"}, "must hold the base interval '5m'"),
        ({"bars": {}}, "must hold the base interval '1m'"),
        ({"bars": {"1m": BarIntervalData(derived=True, base="1s")}}, "derived=False"),
        (
            {"bars": {"1m": BarIntervalData(derived=False), "5m": BarIntervalData(derived=False)}},
            "one base interval",
        ),
        (
            {"bars": {"1m": BarIntervalData(derived=False), "5m": BarIntervalData(derived=True, base="1s")}},
            "base='1m'",
        ),
        (
            {"bars": {"1m": BarIntervalData(derived=False), "90s": BarIntervalData(derived=True, base="1m")}},
            "not a multiple of base '1m'",
        ),
        ({"closing_bar": "maybe"}, "include"),
        ({"calender": "XNYS"}, "calender"),
    ],
)
def test_what_does_not_fit_together_is_refused(changed: dict[str, object], says: str) -> None:
    with pytest.raises(pydantic.ValidationError) as refused:
        seed(**changed)
    assert says in str(refused.value)


@pytest.mark.parametrize(("base", "allowed"), [("1s", True), ("1m", True), ("5m", False), ("1d", False)])
def test_a_closing_bar_needs_a_minute_or_finer(base: str, allowed: bool) -> None:
    if allowed:
        assert SymbolSessionData.build("X", base, closing_bar="include").closing_bar == "include"
        return
    with pytest.raises(InputError, match="1m or finer"):
        SymbolSessionData.build("X", base, closing_bar="include")


def test_derived_and_base_belong_together() -> None:
    with pytest.raises(pydantic.ValidationError, match="needs base"):
        BarIntervalData(derived=True)
    with pytest.raises(pydantic.ValidationError, match="only for derived"):
        BarIntervalData(derived=False, base="1m")


def test_two_objects_share_no_gaps() -> None:
    first, second = BarIntervalData(derived=False), BarIntervalData(derived=False)
    first.gaps.append(GAP)
    assert second.gaps == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("spy", "SPY"),
        (" BTC-usd ", "BTC-USD"),
        ("BRK.B", "BRK.B"),
        ("^GSPC", "^GSPC"),
        ("6EH4", "6EH4"),
        ("a b", "A B"),
        ('O\'Neil "x"', 'O\'NEIL "X"'),
        ("日経", "日経"),
        ("ñ", "Ñ"),
        ("n\u0303", "Ñ"),
        ("\u212b", "Å"),
    ],
)
def test_a_symbol_is_any_printable_text_in_upper_case(given: str, kept: str) -> None:
    assert Spelling().symbol(given) == kept
    assert Spelling().symbol(kept) == kept


def test_where_case_counts_only_blanks_and_the_composition_of_letters_do_not() -> None:
    spelling = Spelling(case_sensitive=True)
    assert spelling.symbols([" AMpB ", "AMPB", "n\u0303", "ñ"]) == ["AMpB", "AMPB", "ñ"]


def test_a_symbol_of_a_million_characters_is_not_shown_whole() -> None:
    with pytest.raises(InputError, match=r"AAA\.\.\. \(1,000,002 characters\)") as raised:
        Spelling().symbol("A" * 1_000_000)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize("given", ["", "  ", "\t", "A\tB", "A\nB", "A\x00", "\u200b", None, 5])
def test_no_symbol(given: object) -> None:
    with pytest.raises(InputError, match="not usable"):
        Spelling().symbol(given)


def test_reports_cannot_be_changed() -> None:
    report = LoadReport(
        batch_id=1,
        source="x",
        symbols=("SPY",),
        interval="1m",
        rows=1,
        inserted=1,
        revised=0,
        unchanged=0,
        rejected=0,
        outside=0,
        deleted=0,
    )
    with pytest.raises(pydantic.ValidationError):
        report.rows = 2


def test_input_errors_are_value_errors_and_ours() -> None:
    assert issubclass(InputError, BarhouseError)
    assert issubclass(InputError, ValueError)


@pytest.mark.parametrize("given", [math.inf, math.nan, 1e300, -1, 2**63, "soon"], ids=str)
@pytest.mark.parametrize("name", LiveOptions.model_fields)
def test_numbers_of_a_live_session_are_some_that_can_be_had(name: str, given: object) -> None:
    with pytest.raises(pydantic.ValidationError, match=name):
        LiveOptions(**{name: given})
