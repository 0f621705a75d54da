"""Numbers as people and vendors write them: read by what is said of them, rejected where it does not fit."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from load_kit import Bench, unchanged

from barhouse.coordinator.load.number_formats import signs_of
from barhouse.store.errors import InputError, OptionsError, RejectedBarsError

STAMP = "2024-11-26T15:00:00Z"
NAMES = ("open", "high", "low", "close", "volume")

#: What is said, how a number is written, and what it is; None where it is none.
SPELLINGS: list[tuple[dict[str, str], str, float | None]] = [
    ({}, "470.10", 470.1),
    ({}, "470,10", None),
    ({}, "$470.10", None),
    ({}, "1.23M", None),
    ({"decimal": "."}, "$470.10", 470.1),
    ({"decimal": "."}, "470.10 €", 470.1),
    ({"decimal": "."}, "¥470", 470.0),
    ({"decimal": "."}, "1.23M", 1_230_000.0),
    ({"decimal": "."}, "4.5K", 4500.0),
    ({"decimal": "."}, "82.49m", 82_490_000.0),
    ({"decimal": "."}, "0.1 B", 100_000_000.0),
    ({"decimal": "."}, "1.5e2", 150.0),
    ({"decimal": "."}, "1,234", None),
    ({"decimal": "."}, "470,10", None),
    ({"decimal": "."}, "3.5%", None),
    ({"decimal": ","}, "470,10", 470.1),
    ({"decimal": ","}, "470", 470.0),
    ({"decimal": ","}, "1.234", None),
    ({"decimal": ","}, "470.10", None),
    ({"decimal": ",", "thousands": "."}, "1.234", 1234.0),
    ({"decimal": ",", "thousands": "."}, "1.234.567,8", 1_234_567.8),
    ({"decimal": ",", "thousands": "."}, "1234,5", 1234.5),
    ({"decimal": ",", "thousands": "."}, "470.10", None),
    ({"decimal": ",", "thousands": "."}, "1.2345", None),
    ({"decimal": ",", "thousands": "."}, "1,234,567", None),
    ({"thousands": ","}, "1,234,567.5", 1_234_567.5),
    ({"thousands": ","}, "12,34,567", 1_234_567.0),
    ({"thousands": ","}, "1,23", None),
    ({"thousands": " "}, "1 234 567", 1_234_567.0),
    ({"thousands": " ", "decimal": ","}, "1\u00a0234\u202f567,25", 1_234_567.25),
    ({"thousands": "'"}, "1'234'567.5", 1_234_567.5),
    ({"thousands": "'"}, "1\u2019234.5", 1234.5),
    ({"decimal": ","}, ",", None),
    ({"decimal": "."}, "$", None),
    ({"decimal": "."}, "1.2.3", None),
    ({"decimal": "."}, "1-2", None),
    ({"decimal": "."}, "inf", None),
]


def one_bar(value: str, column: str) -> pa.Table:
    """A bar whose prices are all as written, or whose volume is."""
    plain = dict.fromkeys(NAMES, "100")
    written = {"volume": value} if column == "volume" else dict.fromkeys(NAMES[:4], value)
    return pa.table({"timestamp": [STAMP], **{name: [text] for name, text in {**plain, **written}.items()}})


@pytest.mark.parametrize(("said", "written", "value"), SPELLINGS)
def test_numbers_are_read_as_said(
    bench_of_module: Bench, said: dict[str, Any], written: str, value: float | None
) -> None:
    bench = bench_of_module
    for column in ("close", "volume"):
        table = one_bar(written, column)
        fields = [str(array[0]) for array in table.columns]
        text = bench.write(";".join(f'"{field}"' for field in fields), header=";".join(table.column_names))
        for data in (table, text):
            if value is None:
                with pytest.raises(RejectedBarsError, match="is not a number"):
                    bench.load(data, **said)
            else:
                assert bench.load(data, **said).rejected == 0
                assert bench.bars()[0][column] == value


@pytest.mark.parametrize("written", ["", "-", "null", "NaN", "None"])
@pytest.mark.parametrize("said", [{}, {"decimal": ","}, {"thousands": ",", "price_scale": 0.01}])
def test_words_for_unknown_are_no_numbers_in_any_spelling(
    bench_of_module: Bench, said: dict[str, Any], written: str
) -> None:
    data = one_bar("100", "close").append_column("vwap", pa.array([written]))
    assert bench_of_module.load(data, **said).rejected == 0
    assert bench_of_module.bars()[0]["vwap"] is None


@pytest.mark.parametrize(
    ("written", "signs"),
    [
        ("470.10", None),
        ("abc", None),
        ("-1.13%", None),
        ("470,10", {"decimal": ","}),
        ("1,234", {"decimal": ","}),
        ("$470.10", {"decimal": "."}),
        ("1.23M", {"decimal": "."}),
        ("1.234,5", {"decimal": ",", "thousands": "."}),
        ("1,234.5", {"decimal": ".", "thousands": ","}),
        ("1.234.567", {"decimal": ",", "thousands": "."}),
        ("1'234.5", {"decimal": ".", "thousands": "'"}),
        ("1 234,5", {"decimal": ",", "thousands": " "}),
        ("2024-01-02", None),
    ],
)
def test_a_refusal_names_the_signs(shared_bench: Bench, written: str, signs: dict[str, str] | None) -> None:
    assert signs_of(written) == signs
    if signs is not None:
        with pytest.raises(RejectedBarsError) as refused:
            shared_bench.load(one_bar(written, "close"))
        for option, sign in signs.items():
            assert f"{option}={sign!r}" in str(refused.value)


def test_one_sign_is_not_two_things(bench: Bench) -> None:
    for said in ({"thousands": "."}, {"decimal": ",", "thousands": ","}):
        with unchanged(bench), pytest.raises(InputError, match="before decimals"):
            bench.load(one_bar("1.234", "close"), **said)


TYPES = {
    "int64": pa.int64(),
    "int32": pa.int32(),
    "uint64": pa.uint64(),
    "double": pa.float64(),
    "decimal": pa.decimal128(38, 4),
    "text": None,
}


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("exponent", [-9, -4, -2, 0, 2])
def test_scaled_prices_are_rounded_once(bench: Bench, kind: str, exponent: int) -> None:
    chosen = random.Random(f"{kind} {exponent}")
    greatest = 2**31 - 1 if kind in ("int32", "double") else 10**13
    numbers = sorted(chosen.randrange(1, greatest) for _ in range(300))
    wanted = [float(Decimal(number).scaleb(exponent)) for number in numbers]
    column = pa.array(list(map(str, numbers)) if kind == "text" else numbers, TYPES[kind] or pa.string())
    stamps = pa.array([1_732_633_200 + 60 * place for place in range(300)], pa.int64())
    table = pa.table({"timestamp": stamps, **dict.fromkeys(NAMES[:4], column), "volume": pa.array([1] * 300)})
    report = bench.load(table, timestamp_format="epoch_s", price_scale=10.0**exponent)
    assert report.inserted == 300
    bars = bench.bars()
    for name in NAMES[:4]:
        assert [bar[name] for bar in bars] == wanted
    assert {bar["volume"] for bar in bars} == {1.0}


@pytest.mark.parametrize("number", [2**53 + 1, 9_007_199_254_740_993, 2**62 + 1, 2**63 - 2])
def test_numbers_beyond_what_floats_count_are_scaled_exactly(bench: Bench, number: int) -> None:
    column = pa.array([number], pa.int64())
    table = pa.table({"timestamp": [STAMP], **dict.fromkeys(NAMES[:4], column), "volume": pa.array([7])})
    bench.load(table, price_scale=1e-9)
    wanted = float(Decimal(number).scaleb(-9))
    assert {bench.bars()[0][name] for name in NAMES[:4]} == {wanted}
    table = pa.table({"timestamp": [STAMP], **dict.fromkeys(NAMES[:4], pa.array([7])), "volume": column})
    bench.load(table, volume_scale=1e-9)
    assert bench.bars()[0]["volume"] == wanted


@pytest.mark.parametrize("kind", ["int64", "text", "double"])
def test_the_greatest_number_is_no_price_where_prices_are_scaled(bench: Bench, kind: str) -> None:
    most = 2**63 - 1
    kept: list[Any] = [most, 10**9]
    kept = list(map(str, kept)) if kind == "text" else list(map(float, kept)) if kind == "double" else kept
    values = pa.array(kept, TYPES[kind] or pa.string())
    stamps = [STAMP, "2024-11-26T15:01:00Z"]
    ones = pa.array([10**9] * 2)
    table = pa.table(
        {"timestamp": stamps, **dict.fromkeys(("open", "high", "close"), ones), "low": values, "volume": ones}
    )
    report = bench.load(table, price_scale=1e-9)
    assert (report.inserted, report.rejected) == (1, 1)
    assert report.rejects[0].reason == "low is missing"


def test_a_volume_in_round_lots(bench: Bench) -> None:
    bench.load(one_bar("0.07", "volume"), volume_scale=100.0)
    assert bench.bars()[0]["volume"] == 7.0


@pytest.mark.parametrize("scale", [0.0, -1.0, 3.0, 0.25, 1e-19, 1e19, float("nan"), float("inf"), True, "1e-9"])
def test_a_scale_is_a_power_of_ten(shared_bench: Bench, scale: Any) -> None:
    with unchanged(shared_bench), pytest.raises(InputError, match="price_scale"):
        shared_bench.load(one_bar("1", "close"), price_scale=scale)


def test_a_comma_that_could_be_either_is_not_suggested_as_one(bench: Bench) -> None:
    """Prices in whole won, and a volume of 12,345: said to be decimals, it would be twelve."""
    row = '2024-11-26T14:30:00Z,71000,71500,70900,71200,"12,345"'
    with pytest.raises(InputError, match=r"decimal=',' where 12,345 is a fraction, thousands=',' where it is more"):
        bench.load_lines(row)
    bench.load_lines(row, thousands=",")
    assert [bar["volume"] for bar in bench.bars()] == [12_345.0]


@pytest.mark.parametrize("kind", ["text", "double", "decimal"])
def test_prices_with_a_decimal_point_are_no_whole_numbers(shared_bench: Bench, kind: str) -> None:
    """Whatever they are called: of a price in a vendor's whole numbers no digit stands behind a point."""
    given: list[Any] = ["100250000000", "100.25"] if kind == "text" else [Decimal(10**11), Decimal("100.25")]
    values = pa.array(list(map(float, given)) if kind == "double" else given, TYPES[kind] or pa.string())
    prices = dict.fromkeys(NAMES[:4], values)
    table = pa.table({"timestamp": [STAMP, "2024-11-26T15:01:00Z"], **prices, "volume": pa.array([1, 1])})
    with unchanged(shared_bench), pytest.raises(OptionsError, match=r"such as 100\.25.*price_scale=1e-09 is for whole"):
        shared_bench.load(table, price_scale=1e-9)


def test_prices_in_pence_may_have_parts_of_one(bench: Bench) -> None:
    bench.load(one_bar("1234.5", "close"), price_scale=0.01)
    assert bench.bars()[0]["close"] == 12.345
