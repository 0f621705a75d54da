"""Columns and symbols that could be read in two ways: refused, naming what is meant by neither."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from load_kit import HEADER, NEW_YORK, Bench, line, lines, minutes, unchanged

from barhouse.coordinator.cli.sentences.load import loaded, together
from barhouse.store.errors import InputError, OptionsError, RejectedBarsError, SourceError

STAMPS = ["2024-11-26T15:00:00Z", "2024-11-26T15:01:00Z"]
PARTS = ("open", "high", "low", "close", "volume")

#: How a table becomes a source.
Make = Callable[[Bench, pa.Table, str], object]


def as_csv(bench: Bench, table: pa.Table, name: str) -> object:
    pyarrow.csv.write_csv(table, bench.folder / f"{name}.csv")
    return bench.folder / f"{name}.csv"


def as_packed(bench: Bench, table: pa.Table, name: str) -> object:
    with pa.CompressedOutputStream(str(bench.folder / f"{name}.csv.gz"), "gzip") as stream:
        pyarrow.csv.write_csv(table, stream)
    return bench.folder / f"{name}.csv.gz"


def as_parquet(bench: Bench, table: pa.Table, name: str) -> object:
    pq.write_table(table, bench.folder / f"{name}.parquet")
    return bench.folder / f"{name}.parquet"


FILES: dict[str, Make] = {"csv": as_csv, "packed": as_packed, "parquet": as_parquet}
SOURCES: dict[str, Make] = {**FILES, "arrow": lambda _, table, __: table, "pandas": lambda _, t, __: t.to_pandas()}


def table(**more: Sequence[Any]) -> pa.Table:
    """Two bars, with more columns."""
    count = len(next(iter(more.values())) if more else STAMPS)
    columns: dict[str, Any] = {"timestamp": (STAMPS * count)[:count], **{name: [10.0] * count for name in PARTS}}
    return pa.table(columns | more)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(("first", "second"), [("AMPB", "AMpB"), ("spy", "SPY"), ("Spy ", " SPy"), ("ß", "SS")])
def test_symbols_that_differ_in_case_are_not_merged(bench: Bench, source: str, first: str, second: str) -> None:
    bench.coordinator.register("AMPB", ["1m"], "XNYS")
    data = SOURCES[source](bench, table(ticker=[first, second]), "bars")
    with unchanged(bench), pytest.raises(SourceError) as refused:
        bench.load(data, symbol=None)
    assert first.strip() in str(refused.value)
    assert second.strip() in str(refused.value)
    alike = SOURCES[source](bench, table(ticker=["ampb ", "ampb"]), "alike")
    assert bench.load(alike, symbol=None).inserted == 2, "case does not count, and blanks do not"


@pytest.mark.parametrize("form", ["{}", "{},{}", "x,{0},y,{0}"])
@pytest.mark.parametrize("name", ["close", "Close", " CLOSE", "volume", "open"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_two_columns_of_one_name_in_text(bench: Bench, form: str, name: str, separator: str) -> None:
    extra = form.format(name, name.strip().lower())
    names = [*HEADER.split(","), *extra.split(",")]
    rows = [[STAMPS[0], "10", "11", "9", "10", "100", *["7"] * (len(names) - 6)]]
    path = bench.folder / "bars.csv"
    path.write_text("\n".join(separator.join(row) for row in [names, *rows]) + "\n")
    with unchanged(bench), pytest.raises(SourceError, match=f"several columns .*{name.strip().lower()}"):
        bench.load(path)


def test_two_columns_of_one_name_in_other_sources(bench: Bench) -> None:
    twice = pa.Table.from_arrays([*table().columns, table()["close"]], [*table().column_names, "Close"])
    for make in ("parquet", "arrow", "pandas"):
        with unchanged(bench), pytest.raises(SourceError, match=r"several columns of one name: [cC]lose"):
            bench.load(SOURCES[make](bench, twice, "bars"))
    with unchanged(bench), pytest.raises(SourceError, match=r"\"open\" is repeated"):
        bench.load_lines(line(STAMPS[0]), header=["timestamp", "open", "high", "low", "open", "volume"],
                         columns={"close": "open"})  # fmt: skip


def test_columns_of_several_levels_are_refused(bench: Bench) -> None:
    """A frame of yfinance with two tickers, written as CSV: the prices of the first would be everybody's."""
    names = [(name, ticker) for name in ("Close", "High", "Low", "Open", "Volume") for ticker in ("SPY", "XLC")]
    frame = pd.DataFrame(
        [[10.0] * 10], index=pd.Index([STAMPS[0]], name="Date"), columns=pd.MultiIndex.from_tuples(names)
    )
    frame.to_csv(bench.folder / "bars.csv")
    with unchanged(bench), pytest.raises(SourceError, match="several columns"):
        bench.load(bench.folder / "bars.csv", columns={"bar_start": "column00"}, volume_column="Volume")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_a_header_in_another_encoding_is_no_row_less(bench: Bench, encoding: str) -> None:
    path = bench.folder / "bars.csv"
    path.write_bytes("\n".join([HEADER, *lines(STAMPS)]).encode(encoding))
    with unchanged(bench), pytest.raises(SourceError, match=r"UTF-8|cannot be read"):
        bench.load(path)


@pytest.mark.parametrize("make", FILES)
def test_a_file_among_others_that_lacks_what_they_have(bench: Bench, make: str) -> None:
    whole = FILES[make](bench, table(), "a")
    other = FILES[make](bench, table().rename_columns(["timestamp", "o1", "h1", "l1", "c1", "v1"]), "b")
    with unchanged(bench), pytest.raises(SourceError, match=r"b.* has no column open"):
        bench.load([whole, other])
    more = FILES[make](bench, table(vwap=[10.0], timestamp=["2024-11-26T15:02:00Z"]), "c")
    assert bench.load([whole, more]).inserted == 3, "what a bar may lack, a file may lack"


def test_data_are_not_taken_for_a_header(bench: Bench) -> None:
    headed = bench.write(*lines(minutes("2024-11-26 10:00", "2024-11-26 10:03")))
    headless = bench.folder / "headless.csv"
    headless.write_text("\n".join(lines(minutes("2024-11-26 10:03", "2024-11-26 10:06"))) + "\n")
    for data in (headless, [headed, headless], [headless, headed]):
        with unchanged(bench), pytest.raises(SourceError, match="no column"):
            bench.load(data, timezone=NEW_YORK)
    other = HEADER.replace("timestamp", "When").split(",")
    report = bench.load(headed, timezone=NEW_YORK, header=other, columns={"bar_start": "When"})
    assert (report.inserted, report.rejected) == (3, 1), "another header as a row is said to be none"


def test_a_header_that_is_said_and_there_is_one(bench: Bench) -> None:
    """Vendors ship a layout with a header and without: one and the same options load both, also together."""
    said = HEADER.upper().split(",")
    headed = bench.write(*lines(minutes("2024-11-26 10:00", "2024-11-26 10:03")))
    headless = bench.folder / "headless.csv"
    headless.write_text("\n".join(lines(minutes("2024-11-26 10:03", "2024-11-26 10:06"))) + "\n")
    for data, count in ((headed, 3), (headless, 3), ([headed, headless], 0), ([headless, headed], 0)):
        report = bench.load(data, timezone=NEW_YORK, header=said)
        assert (report.inserted, report.rejected) == (count, 0)
    assert len(bench.starts()) == 6
    swapped = [*said[:2], "LOW", "HIGH", *said[4:]]
    for data in (headed, [headless, headed]):
        with (
            unchanged(bench),
            pytest.raises(OptionsError, match=r"in another order than header= does .*; leave it out"),
        ):
            bench.load(data, timezone=NEW_YORK, header=swapped)


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_of_another_symbol_says_so(bench: Bench, source: str) -> None:
    data = SOURCES[source](bench, table(Ticker=["MSFT", "MSFT"]), "bars")
    report = bench.load(data)
    assert (report.symbols, report.named, report.inserted) == (("SPY",), "MSFT", 2), "said in the report"
    assert "its own column names MSFT" in loaded(report)
    assert bench.load(data, columns={"symbol": None}).named is None


@pytest.mark.parametrize("given", ["BTC-USD", "btcusd", "BTC/USD", " BTC_USD", "BTCUSD"])
def test_signs_and_case_make_no_other_symbol(bench: Bench, given: str) -> None:
    bench.coordinator.register("BTC-USD", ["1m"], "24/7")
    report = bench.load(table(symbol=[given, given]), symbol="BTC-USD")
    assert (report.inserted, report.named) == (2, None)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("column", ["contract", "Expiry", "venue", "strike", "Name", "tic", "Asset_ID", "#RIC"])
@pytest.mark.parametrize("by_symbol", [True, False])
def test_contracts_that_nobody_named_are_not_one_symbol(
    bench: Bench, source: str, column: str, by_symbol: bool
) -> None:
    rows: dict[str, Sequence[Any]] = {column: ["ESH4", "ESM4"] * 2, "timestamp": [one for one in STAMPS for _ in "ab"]}
    rows |= {"volume": [500.0, 5.0, 600.0, 6.0]} | ({"ticker": ["SPY"] * 4} if by_symbol else {})
    data = SOURCES[source](bench, table(**rows), "bars")
    symbol = None if by_symbol else "SPY"
    with unchanged(bench), pytest.raises(InputError, match=rf"differ in its column {column} \(ESH4, ESM4\)"):
        bench.load(data, symbol=symbol)
    bench.coordinator.register(["ESH4", "ESM4"], ["1m"], "24/7")
    assert bench.load(data, symbol=None, columns={"symbol": column}).inserted == 4


def test_a_contract_that_changes_from_bar_to_bar_is_no_contradiction(bench: Bench) -> None:
    again = table(contract=["ESH4", "ESM4", "ESM4"], timestamp=[*STAMPS, STAMPS[1]], volume=[1.0, 2.0, 3.0])
    report = bench.load(again)
    assert (report.inserted, report.rejected) == (2, 1)


def test_instruments_one_after_the_other_are_said(bench: Bench) -> None:
    """They may be contracts that took each other's place, or two instruments of a file."""
    report = bench.load(table(instrument_id=[1, 2]))
    assert (report.inserted, report.instruments) == (2, ("instrument_id",))
    assert together(report).startswith("hint: pandas frame") or "has several instruments in its column" in together(
        report
    )
    assert bench.load(table(instrument_id=[1, 1])).instruments == ()
    assert bench.load(table(instrument_id=[1, 2], symbol=["SPY", "SPY"])).instruments == ()
    twice = table(series=["EQ", "BE"], timestamp=[STAMPS[0]] * 2, volume=[1.0, 2.0])
    with unchanged(bench), pytest.raises(InputError, match=r"differ in its column series \(BE, EQ\)"):
        bench.load(twice)


@pytest.mark.parametrize("column", ["<PER>", "period", "Interval", "timeframe", "resolution"])
@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["1", "5"], "several lengths"),
        (["1m", "5m"], "several lengths"),
        (["M1", "D"], "several lengths"),
        (["5min", "5 minutes"], "holds 5 ?min"),
        (["D", "daily"], "say interval='1d'"),
        (["60", "1h"], "say interval='1h'"),
        (["1M", "1"], None),
        (["60", "1m"], None),
        (["1", "1"], None),
        (["PT", "x"], None),
        (["2023", "2024"], None),
    ],
)
def test_a_column_of_intervals_holds_the_one_that_is_loaded(
    shared_bench: Bench, column: str, values: list[str], said: str | None
) -> None:
    data = table(**{column: values})
    if said is None:
        assert shared_bench.load(data).rejected == 0
    else:
        with unchanged(shared_bench), pytest.raises(OptionsError, match=said):
            shared_bench.load(data)


def test_several_symbols_at_several_places_are_told_apart(bench: Bench) -> None:
    rows = table(ticker=["SPY", "QQQ", "SPY"], venue=["A", "B", "A"], timestamp=[STAMPS[0]] * 3, volume=[1.0, 2.0, 3.0])
    report = bench.load(rows, symbol=None)
    assert (report.inserted, report.rejected) == (2, 1)


def test_nothing_but_contradictions_is_still_refused(bench: Bench) -> None:
    with unchanged(bench), pytest.raises(RejectedBarsError):
        bench.load(table(contract=["A", "B"], high=[1.0, 1.0]))


@pytest.mark.parametrize("name", ["Volume USDT", "volume_quote", "Volume (EUR)", "volumeNotional", "Volume MA"])
def test_a_column_that_only_begins_with_volume_has_to_be_said(bench: Bench, name: str) -> None:
    """What was paid for them is no number of shares."""
    table = pa.table({"timestamp": STAMPS, **{part: [10.0, 10.0] for part in PARTS[:4]}, name: [2000.0, 3000.0]})
    with unchanged(bench), pytest.raises(OptionsError, match=r"no column for volume but .*volume_column="):
        bench.load(table)
    bench.load(table, volume_column=name)
    assert [bar["volume"] for bar in bench.bars()] == [2000.0, 3000.0]


@pytest.mark.parametrize("column", ["symbol", "Ticker"])
def test_a_path_and_a_column_that_name_other_symbols(bench: Bench, column: str) -> None:
    """One other name is told; several are not guessed between."""
    (bench.folder / "SPY").mkdir()
    path, pattern = bench.folder / "SPY" / "bars.csv", str(bench.folder / "{symbol}" / "bars.csv")
    first, second = (f"{stamp},{{}},10,10,10,10,5" for stamp in STAMPS)
    header = f"timestamp,{column},open,high,low,close,volume"

    path.write_text("\n".join([header, first.format("QQQ"), second.format("SPY")]) + "\n")
    with unchanged(bench), pytest.raises(OptionsError, match=r"path says SPY name 2 symbols .*QQQ, SPY.*path_symbol"):
        bench.load(pattern, symbol=None)
    bench.load(pattern, symbol=None, columns={"symbol": column})
    assert [len(bench.bars(symbol)) for symbol in ("SPY", "QQQ")] == [1, 1]
    bench.load(pattern, symbol=None, columns={"symbol": "path_symbol"})
    assert [len(bench.bars(symbol)) for symbol in ("SPY", "QQQ")] == [2, 1]

    path.write_text("\n".join([header, first.format("QQQ"), second.format("QQQ")]) + "\n")
    report = bench.load(pattern, symbol=None)
    assert (report.symbols, report.named) == (("SPY",), "QQQ")
    path.write_text("\n".join([header, first.format("spy"), second.format("spy")]) + "\n")
    assert bench.load(pattern, symbol=None).named is None
