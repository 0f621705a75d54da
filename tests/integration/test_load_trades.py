"""Trades in files become the base bars that a feed of them would, and those that may lack some are not complete."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from load_kit import Bench, unchanged
from test_lacking_bars import OPEN

from barhouse.store.errors import InputError, OptionsError, RejectedBarsError
from barhouse.store.model.reports import LoadReport


def frame(seconds: range | list[float], **more: Any) -> pd.DataFrame:
    """A trade at each of some seconds after the open, of one and two shares in turn."""
    count = len(seconds)
    columns = {
        "trade_id": list(range(1, count + 1)),
        "traded_at": [pd.Timestamp(OPEN) + pd.Timedelta(seconds=one) for one in seconds],
        "price": [100.0 + number % 7 for number in range(count)],
        "size": [1.0 + number % 2 for number in range(count)],
    }
    return pd.DataFrame(columns | more)


def load(bench: Bench, data: object, symbol: str | None = "SPY", **options: Any) -> LoadReport:
    report = bench.coordinator.load_trades(data, symbol, "1m", **options)
    assert report.rows == report.inserted + report.revised + report.unchanged + report.rejected
    assert report.rejected == sum(one.count for one in report.rejects)
    (batch,) = bench.ask(f"SELECT * FROM batches WHERE batch_id = {report.batch_id}")
    assert batch["rejected"] == report.rejected == len(bench.reasons(report.batch_id))
    verified = bench.store.verify()
    assert verified.sound, str(verified)
    return report


def bars(bench: Bench, symbol: str = "SPY") -> dict[int, tuple[Any, ...]]:
    return {
        (bar["bar_start"] - OPEN) // timedelta(minutes=1): (bar["volume"], bar["trade_count"], bar["complete"])
        for bar in bench.bars(symbol)
    }


def by_pandas(trades: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Bars as pandas makes them of trades in order; sizes and prices are such that its sums are exact."""
    minutes = trades.assign(turnover=trades.price * trades["size"]).groupby(trades.traded_at.dt.floor("min"))
    made = minutes.agg(
        open=("price", "first"), high=("price", "max"), low=("price", "min"), close=("price", "last"),
        volume=("size", "sum"), trade_count=("price", "size"), turnover=("turnover", "sum"),
    )  # fmt: skip
    return [(start.to_pydatetime(), *row[:-1], row[-1] / row[4]) for start, *row in made.itertuples()]


def stored(bench: Bench) -> list[tuple[Any, ...]]:
    names = ("bar_start", "open", "high", "low", "close", "volume", "trade_count", "vwap")
    return [tuple(bar[name] for name in names) for bar in bench.bars()]


def as_csv(trades: pd.DataFrame, folder: Path) -> Path:
    trades.to_csv(folder / "trades.csv", index=False)
    return folder / "trades.csv"


def as_parquet(trades: pd.DataFrame, folder: Path) -> Path:
    trades.to_parquet(folder / "trades.parquet", index=False)
    return folder / "trades.parquet"


def as_arrow(trades: pd.DataFrame, folder: Path) -> Path:
    pa.feather.write_feather(pa.Table.from_pandas(trades, preserve_index=False), folder / "trades.feather")
    return folder / "trades.feather"


def as_json(trades: pd.DataFrame, folder: Path) -> Path:
    written = trades.assign(traded_at=trades.traded_at.dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    written.to_json(folder / "trades.jsonl", orient="records", lines=True)
    return folder / "trades.jsonl"


def as_zip(trades: pd.DataFrame, folder: Path) -> Path:
    with zipfile.ZipFile(folder / "trades.zip", "w") as archive:
        archive.write(as_csv(trades, folder), "trades.csv")
    return folder / "trades.zip"


SHAPES: dict[str, Callable[[pd.DataFrame, Path], object]] = {
    "text": as_csv,
    "Parquet": as_parquet,
    "Arrow": as_arrow,
    "JSON lines": as_json,
    "zip": as_zip,
    "pandas": lambda trades, folder: trades,
    "polars": lambda trades, folder: pl.from_pandas(trades),
    "pandas, ids as floats": lambda trades, folder: trades.astype({"trade_id": float}),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_trades_of_every_shape_become_bars(
    bench: Bench, tmp_path: Path, shape: Callable[[pd.DataFrame, Path], object]
) -> None:
    trades = frame([-30 + 0.7 * number for number in range(400)])
    report = load(bench, shape(trades, tmp_path))
    assert (report.trades, report.lacking, report.outside) == (400, 2, 1)
    assert stored(bench) == by_pandas(trades)
    assert [complete for *_, complete in bars(bench).values()] == [None, True, True, True, True, False]
    bench.process()
    assert bench.store.verify().sound


def test_a_session_spans_its_first_and_last_bar_where_the_file_has_trades_around_it(bench: Bench) -> None:
    close = 210 * 60
    load(bench, frame([-1, 0, 59, 60, close - 1, close, close + 70]))
    assert bars(bench)[0][2] and bars(bench)[209][2]


@pytest.mark.parametrize(("after", "whole"), [(-1, False), (0, True), (5, True)])
def test_a_bar_that_the_close_clips_ends_there(bench: Bench, after: float, whole: bool) -> None:
    """Half an hour of 1h, on a half day."""
    bench.coordinator.register("HOURS", ["1h"], "XNYS", base="1h")
    close = 3.5 * 3600
    bench.coordinator.load_trades(frame([-1, 60, 3700, close - 100, close + after]), "HOURS", "1h")
    found = {f"{bar['bar_start']:%H:%M}": bar["complete"] for bar in bench.bars("HOURS", "1h")}
    assert (found["14:30"], found["17:30"]) == (True, whole)


def test_a_file_without_trades_loads_none(bench: Bench) -> None:
    report = load(bench, bench.write(header="time,price,qty"))
    assert (report.rows, report.trades, report.lacking) == (0, 0, 0)


@pytest.mark.parametrize(
    ("seconds", "complete"),
    [
        ([0, 59.9, 60, 119], []),
        ([-0.001, 0, 59.9, 60], [0]),
        ([0, 60, 119, 120], [1]),
        ([0, 60, 119], []),
        ([59.999, 60, 120], [1]),
        ([60, 120], []),
        ([120, 90, 60, 59], [1]),
        ([59, 90, 60, 121, 150], []),  # 30 seconds late: what was late before the first, or will be, is not there
        ([20, 90, 60, 121, 150], [1]),
    ],
)
def test_a_bar_is_complete_when_a_file_reaches_over_both_of_its_edges(
    bench: Bench, seconds: list[float], complete: list[int]
) -> None:
    load(bench, frame(seconds))
    assert [at for at, (*_, whole) in bars(bench).items() if whole] == complete
    load(bench, frame(seconds), whole=True)
    assert all(whole for at, (*_, whole) in bars(bench).items() if at >= 0)


def test_every_file_is_its_own(bench: Bench, tmp_path: Path) -> None:
    """The end of one is not seen by the other: what lies between them may be missing."""
    paths = []
    for number, seconds in enumerate([range(0, 150), range(400, 500)]):
        first = 1000 * number
        trades = frame(seconds).assign(trade_id=range(first, first + len(seconds)))
        paths.append(tmp_path / f"{number}.csv")
        trades.to_csv(paths[-1], index=False)
    load(bench, paths)
    assert {at: whole for at, (*_, whole) in bars(bench).items()} == {
        0: False,
        1: True,
        2: False,
        6: False,
        7: True,
        8: False,
    }


def test_files_that_overlap_need_ids(bench: Bench, tmp_path: Path) -> None:
    one, other = frame(range(0, 150)), frame(range(0, 300)).iloc[100:]
    paths = [tmp_path / "1.csv", tmp_path / "2.csv"]
    for trades, path in zip((one, other), paths, strict=True):
        trades.to_csv(path, index=False)
    with pytest.raises(OptionsError, match="trades from the same time"):
        load(bench, paths, columns={"trade_id": None})
    assert load(bench, paths).trades == 300
    assert stored(bench) == by_pandas(frame(range(0, 300)))


def test_a_trade_that_comes_twice_is_one_and_ids_of_several_are_refused(bench: Bench) -> None:
    trades = frame(range(0, 200))
    assert load(bench, pd.concat([trades, trades.iloc[50:60]])).trades == 200
    assert stored(bench) == by_pandas(trades)
    for part, value in (("price", 50.0), ("size", 9.0), ("traded_at", pd.Timestamp(OPEN) + pd.Timedelta(hours=1))):
        other = trades.iloc[[7]].assign(**{part: value})
        with pytest.raises(OptionsError, match="several trades that differ, such as '8'"):
            load(bench, pd.concat([trades, other]))
    assert load(bench, pd.concat([trades, other]), columns={"id": None}).trades == 201


@pytest.mark.parametrize(
    ("ids", "backwards", "first_last"),
    [
        ([9, 10, 11], False, (100.0, 102.0)),
        ([11, 10, 9], False, (102.0, 100.0)),
        (["b", "10", "9"], False, (102.0, 100.0)),
        (None, False, (100.0, 102.0)),
        (None, True, (102.0, 100.0)),
    ],
)
def test_trades_of_one_instant_come_by_their_ids_as_numbers_or_as_the_file_has_them(
    bench: Bench, ids: list[Any] | None, backwards: bool, first_last: tuple[float, float]
) -> None:
    around = [(-60, 1.0), (120, 1.0)]
    rows = [around[0], (5, 100.0), (5, 101.0), (5, 102.0), around[1]]
    rows = rows[::-1] if backwards else rows
    trades = frame([at for at, _ in rows], price=[price for _, price in rows])
    trades["trade_id"] = range(1000, 1005) if ids is None else [1, *ids, 10_000]
    if backwards:
        assert trades.price.tolist()[1:4] == [102.0, 101.0, 100.0]
        first_last = first_last[::-1]
    load(bench, trades.astype({"trade_id": str}) if ids else trades.drop(columns="trade_id"))
    bar = next(bar for bar in bench.bars() if bar["bar_start"] == OPEN)
    assert (bar["open"], bar["close"]) == first_last


REJECTED = [
    ("2024-11-29T14:31:10Z,nan,1", "the price or the size is not finite"),
    ("2024-11-29T14:31:10Z,inf,1", "the price or the size is not finite"),
    ("2024-11-29T14:31:10Z,100,-1", "size is negative"),
    ("2024-11-29T14:31:10Z,,1", "price is missing"),
    ("2024-11-29T14:31:10Z,100,", "size is missing"),
    ("2024-11-29T14:31:10Z,a,1", "price is not a number"),
    ("2024-11-29T14:31:10Z,100,b", "size is not a number"),
    ("2024-11-29T14:31:10Z,1e12,1e6", "price times size is too large"),
    ("2024-11-29T14:31:10Z,100,0.0000000001", "size is too small to be summed exactly"),
]


@pytest.mark.parametrize(("row", "reason"), REJECTED)
def test_the_bar_of_a_trade_that_is_not_taken_lacks_it(bench: Bench, row: str, reason: str) -> None:
    lines = [f"{one.traded_at.isoformat()},{one.price},{one.size}" for one in frame(range(-10, 310, 10)).itertuples()]
    report = load(bench, bench.write(*sorted([*lines, row]), header="time,price,qty"), whole=True)
    assert (report.rejected, report.rejects[0].reason) == (1, reason)
    assert {at: whole for at, (*_, whole) in bars(bench).items() if at >= 0} == {
        0: True,
        1: False,
        2: True,
        3: True,
        4: True,
        5: True,
    }
    assert bars(bench)[1][:2] == (9.0, 6)
    with pytest.raises(RejectedBarsError, match=reason):
        load(bench, bench.write(*lines, row, header="time,price,qty"), strict=True)


@pytest.mark.parametrize("row", ["soon,100,1", "2024-11-29,100,1", "100,1", "2024-11-29T14:31:10Z,100,1,2"])
def test_a_trade_of_no_known_time_may_be_of_every_bar(bench: Bench, row: str) -> None:
    lines = [f"{one.traded_at.isoformat()},{one.price},{one.size}" for one in frame(range(-10, 310, 10)).itertuples()]
    report = load(bench, bench.write(*lines, row, header="time,price,qty"), whole=True, timezone="UTC")
    assert report.rejected == 1
    assert not any(whole for *_, whole in bars(bench).values())


def test_trades_of_many_symbols_each_have_their_own_ends(bench: Bench) -> None:
    trades = pd.concat(
        [frame(range(0, 200), ticker="SPY"), frame(range(30, 100), ticker="qqq"), frame(range(9), ticker="?")]
    )
    report = load(bench, trades, None)
    assert (report.symbols, report.trades, report.rejected) == (("QQQ", "SPY"), 270, 9)
    assert {at: whole for at, (*_, whole) in bars(bench).items()} == {0: False, 1: True, 2: True, 3: False}
    assert {at: whole for at, (*_, whole) in bars(bench, "QQQ").items()} == {0: False, 1: False}
    assert load(bench, trades, None, symbols=["QQQ"]).symbols == ("QQQ",)


def test_what_is_whole_stays_and_what_lacks_trades_is_made_whole(bench: Bench) -> None:
    load(bench, frame(range(0, 200)))
    first, last = bars(bench)[0], bars(bench)[3]
    assert (first[2], last) == (False, (30.0, 20, False))
    report = load(bench, frame(range(150, 250)))
    assert bars(bench)[2] == (90.0, 60, True), "the end of the second minute alone changes nothing"
    assert (report.revised, report.inserted, report.lacking) == (1, 1, 2)
    assert bars(bench)[3] == (90.0, 60, True)
    again = load(bench, frame(range(150, 250)))
    assert (again.inserted, again.revised, again.unchanged) == (0, 0, 3)


def test_options_of_trades_are_those_of_loads(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "kurse.csv"
    path.write_text(
        "wann;was;kurs;stück\n29.11.2024 15:29:59;7;100,5;1\n29.11.2024 15:30:00;8;101,25;2,5\n"
        "29.11.2024 15:31:00;9;99;1\n"
    )
    names = {"time": "wann", "id": "was", "price": "kurs", "qty": "stück"}
    load(
        bench,
        path,
        columns=names,
        decimal=",",
        timezone="Europe/Berlin",
        timestamp_format="%d.%m.%Y %H:%M:%S",
        vendor="v",
        priority=3,
    )
    assert bars(bench)[0] == (2.5, 1, True)
    assert bench.ask("SELECT vendor, priority FROM vendors") == [{"vendor": "v", "priority": 3}]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"label": "end"}, "label='end' is for bars; trades have no such thing"),
        ({"preset": "polygon"}, "is for bars"),
        (
            {"columns": {"open": "price"}},
            "'open' is no part of a trade; allowed are traded_at, symbol, price, size, trade_id",
        ),
        ({"columns": ["price"]}, "says by the part of a trade"),
        ({"columns": {"price": None}}, "every trade needs one"),
        ({"columns": {"size": "stück"}}, "no column 'stück' for size"),
        ({"timestamp_format": "epoch_s"}, "is for numbers, but traded_at is"),
    ],
)
def test_what_cannot_be_meant_is_refused(bench: Bench, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as raised:
        load(bench, frame(range(5)), **options)
    assert said in str(raised.value)


def test_trades_need_bars_of_less_than_a_day_and_one_contract(bench: Bench) -> None:
    with pytest.raises(OptionsError, match="a day or longer"):
        bench.coordinator.load_trades(frame(range(5)), "SPY", "1d")
    trades = frame(range(4), expiry=["2024-12", "2025-03"] * 2, exchange=["N", "Q"] * 2)
    with pytest.raises(OptionsError, match="several instruments of one symbol, by its column expiry"):
        load(bench, trades)
    assert load(bench, trades.drop(columns="expiry")).trades == 4


def test_bars_of_trades_are_undone_like_others(bench: Bench) -> None:
    before = bench.bars()
    report = load(bench, frame(range(-5, 200)))
    bench.coordinator.revert(report.batch_id)
    assert bench.bars() == before
    assert bench.ask("SELECT * FROM trade") == [], "nor are trades kept"


# Rows that show others to be misread


def refused(bench: Bench, name: str, text: str, **options: Any) -> str:
    path = bench.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    with unchanged(bench), pytest.raises(InputError) as raised:
        bench.coordinator.load_trades(path, "SPY", "1m", **options)
    return str(raised.value)


def test_days_are_not_read_as_months(bench: Bench) -> None:
    rows = "".join(f"11/{day}/2024 15:00:10,10,1\n" for day in range(1, 30))
    options = {"timestamp_format": "%d/%m/%Y %H:%M:%S", "timezone": "UTC"}
    said = refused(bench, "days.csv", f"time,price,size\n{rows}", **options)
    assert "say timestamp_format='%m/%d/%Y %H:%M:%S'" in said


def test_a_second_header_in_another_order_is_no_row(bench: Bench) -> None:
    first, then = "2024-11-29T15:00:01Z,600,5\n", "2024-11-29T15:00:02Z,5,600\n"
    said = refused(bench, "two.csv", f"time,price,size\n{first}time,size,price\n{then}")
    assert "row 2 of" in said and "another header" in said


def test_a_column_beside_the_path_that_names_another_symbol_is_said(bench: Bench) -> None:
    (bench.folder / "SPY_trades.csv").write_text("time,price,size,symbol\n2024-11-29T15:00:01Z,600,5,MSFT\n")
    assert load(bench, bench.folder / "{symbol}_trades.csv", symbol=None).named == "MSFT"


@pytest.mark.parametrize("lost", ["1.7E+18", "1.7e+18", "5E+15", 1.7e18, float(2**53)])
def test_ids_that_have_lost_digits_make_no_trade_of_several(bench: Bench, lost: str | float) -> None:
    """A spreadsheet, or a column of floats, rounds long ids: then two trades have one."""
    kept: str | float = "52983525027902" if isinstance(lost, str) else 52983525027902.0
    trades = frame([1, 1, 61]).assign(trade_id=[lost, lost, kept])
    report = load(bench, trades)
    assert [(one.reason[:28], one.count) for one in report.rejects] == [("trade_id has lost its digits", 2)]
    assert bars(bench) == {1: (1.0, 1, False)}


def test_ids_may_look_like_numbers_with_an_exponent(bench: Bench) -> None:
    report = load(bench, frame([1, 2, 3]).assign(trade_id=["12e5", "1E5", "e+5"]), whole=True)
    assert (report.rejected, bars(bench)) == (0, {0: (4.0, 3, True)})


@pytest.mark.parametrize(
    ("column", "counts", "marks"),
    [
        ("correction", [0, None, 0], 8),
        ("TR_CORR", ["00", "", "00"], "08"),
        ("cancelled", [False, False, False], True),
        ("Canceled", ["n", "No", "-"], "y"),
        ("action", ["T", "T", "T"], "A"),
        ("action", ["trade", "Trade", None], "cancel"),
    ],
)
def test_rows_that_are_marked_as_no_trade_are_refused(
    bench: Bench, tmp_path: Path, column: str, counts: list[Any], marks: Any
) -> None:
    """A price that never was paid would be the high of its minute, and nothing else shows it."""
    sound = frame(range(3)).assign(**{column: counts})
    assert load(bench, sound).inserted == 1
    marked = frame(range(3)).assign(price=[100.0, 900.0, 102.0], **{column: [counts[0], marks, counts[2]]})
    marked.to_csv(tmp_path / "marked.csv", index=False)
    for data in (marked, tmp_path / "marked.csv"):
        with unchanged(bench), pytest.raises(OptionsError, match=rf"1 row of .* in the column {column}: they may"):
            load(bench, data)
    assert load(bench, marked.drop(index=1).drop(columns=column), whole=True).rows == 1
    assert bench.bars()[0]["high"] == 102.0
