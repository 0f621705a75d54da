"""What bars can be loaded from: text files of every make, Parquet, Arrow, pandas, polars; and what cannot."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
from load_kit import HEADER, NEW_YORK, Bench, line, lines, minutes, unchanged

from barhouse.store.errors import CalendarError, InputError, OptionsError, SourceError, UnknownSymbolError

pl = pytest.importorskip("polars")

FIVE = lines(minutes("2024-11-26 10:00", "2024-11-26 10:05"))
FIVE_STARTS = [f"2024-11-26 15:0{minute}" for minute in range(5)]
START = datetime(2024, 11, 26, 15, tzinfo=UTC)


def table() -> pa.Table:
    """The five bars of ``FIVE`` as Arrow."""
    stamps = [START + timedelta(minutes=minute) for minute in range(5)]
    columns = {
        "timestamp": pa.array(stamps, pa.timestamp("us", "UTC")),
        "open": [10.0] * 5,
        "high": [11.0] * 5,
        "low": [9.0] * 5,
        "close": [10.0] * 5,
        "volume": [100] * 5,
    }
    return pa.table(columns)


def frame(**options: Any) -> pd.DataFrame:
    """The same as pandas, the stamps in the index as vendors hand it over."""
    index = pd.date_range("2024-11-26 10:00", periods=5, freq="min", **options)
    return pd.DataFrame({"open": 10.0, "high": 11.0, "low": 9.0, "close": 10.0, "volume": 100}, index=index)


def indexed() -> pd.DataFrame:
    return frame(tz=NEW_YORK).rename_axis("timestamp")


TEXTS: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "byte order mark": lambda text: ("\ufeff" + text).encode(),
    "carriage returns": lambda text: text.replace("\n", "\r\n").encode(),
    "no newline at the end": lambda text: text.rstrip("\n").encode(),
    "blank lines": lambda text: text.replace("\n", "\n\n").encode(),
    "quoted": lambda text: "\n".join(
        ",".join(f'"{field}"' for field in row.split(",")) for row in text.splitlines()
    ).encode(),
    "spaces": lambda text: text.replace(",", " , ").encode(),
    "semicolons": lambda text: text.replace(",", ";").encode(),
    "tabs": lambda text: text.replace(",", "\t").encode(),
    "bars": lambda text: text.replace(",", "|").encode(),
    "upper case header": lambda text: text.replace(HEADER, HEADER.upper()).encode(),
    "title case header": lambda text: text.replace(HEADER, HEADER.title()).encode(),
    "short names": lambda text: text.replace(HEADER, "t,o,h,l,c,v").encode(),
    "other order": lambda text: "\n".join(",".join(row.split(",")[::-1]) for row in text.splitlines()).encode(),
    "columns nobody asked for": lambda text: "\n".join(
        f"x{number},{row},note" for number, row in enumerate(text.splitlines())
    ).encode(),
}


def test_text_files_of_every_make(bench: Bench) -> None:
    """The first is new; every other says the same, so nothing may change."""
    for number, (make, encode) in enumerate(TEXTS.items()):
        path = bench.folder / f"{make}.csv"
        path.write_bytes(encode("\n".join([HEADER, *FIVE]) + "\n"))
        report = bench.load(path, timezone=NEW_YORK)
        assert (report.rows, report.rejected) == (5, 0), make
        assert (report.inserted, report.unchanged) == ((0, 5) if number else (5, 0)), make
    assert bench.starts() == FIVE_STARTS


def test_a_column_is_named_in_any_case(bench: Bench) -> None:
    header = HEADER.replace("close", "Last Price")
    path = bench.write(*FIVE, header=header)
    assert bench.load(path, timezone=NEW_YORK, columns={"close": "last price"}).inserted == 5
    path = bench.write(*FIVE, header=header.replace("volume", "Vol BTC"))
    said = {"columns": {"close": "LAST PRICE"}, "volume_column": "vol btc"}
    assert bench.load(path, timezone=NEW_YORK, **said).unchanged == 5
    with pytest.raises(OptionsError, match=r"has no column 'last' for close; it has .*Last Price"):
        bench.load(path, timezone=NEW_YORK, columns={"close": "last"}, volume_column="vol btc")


def test_a_column_that_differs_from_another_in_case_alone_is_not_guessed(bench: Bench) -> None:
    path = bench.write(*(f"{row},{number}" for number, row in enumerate(FIVE)), header=f"{HEADER},Volume")
    with pytest.raises(OptionsError, match=r"several columns that 'Volume' could be: volume, Volume_1; name one as it"):
        bench.load(path, timezone=NEW_YORK, columns={"volume": "Volume"})
    assert bench.load(path, timezone=NEW_YORK, columns={"volume": "Volume_1"}).inserted == 5
    assert [bar["volume"] for bar in bench.bars()] == [0, 1, 2, 3, 4]


def test_unix_and_last_are_known_where_nothing_better_is(bench: Bench) -> None:
    stamps = [int(datetime(2024, 11, 26, 15, minute, tzinfo=UTC).timestamp()) for minute in range(5)]
    path = bench.write(*map(line, stamps), header="Unix,open,high,low,Last,volume")
    assert bench.load(path, timestamp_format="epoch_s").inserted == 5
    assert bench.starts() == FIVE_STARTS
    rows = [f"1,{line(stamp)},7" for stamp in minutes("2024-11-26 10:00", "2024-11-26 10:05")]
    path = bench.write(*rows, header="unix,date,open,high,low,close,volume,last")
    assert bench.load(path, timezone=NEW_YORK).unchanged == 5, "date and close go before them"


def test_compressed_files_and_endings(bench: Bench) -> None:
    text = "\n".join([HEADER, *FIVE]) + "\n"
    for number, name in enumerate(["bars.csv", "bars.CSV", "bars.txt", "bars.csv.gz", "BARS2.CSV.GZ"]):
        path = bench.folder / name
        path.write_bytes(gzip.compress(text.encode()) if name.lower().endswith("gz") else text.encode())
        report = bench.load(path, timezone=NEW_YORK)
        assert (report.inserted, report.unchanged) == ((0, 5) if number else (5, 0)), name
    path = bench.folder / "bars.tsv"
    path.write_text(text.replace(",", "\t"))
    assert bench.load(path, timezone=NEW_YORK).unchanged == 5


def test_files_packed_in_different_ways_are_one_source(bench: Bench) -> None:
    plain = bench.write(*FIVE[:3], name="b.csv")
    packed = bench.folder / "a.csv.gz"
    packed.write_bytes(gzip.compress("\n".join([HEADER, line("2024-11-26 10:00", volume=7), *FIVE[3:], ""]).encode()))
    report = bench.load([plain, packed], timezone=NEW_YORK)
    assert (report.rows, report.inserted, report.rejected) == (6, 5, 1)
    assert bench.starts() == FIVE_STARTS
    assert bench.bars()[0]["volume"] == 7, "the later file's"


def test_zstandard(bench: Bench) -> None:
    path = bench.folder / "bars.csv.zst"
    with pa.CompressedOutputStream(str(path), "zstd") as stream:
        stream.write(("\n".join([HEADER, *FIVE]) + "\n").encode())
    assert bench.load(path, timezone=NEW_YORK).inserted == 5


def test_file_names_are_taken_literally(bench: Bench) -> None:
    for minute, name in enumerate(["a b (1).csv", "o'neil.csv", "bars[1].csv", "é.csv"]):
        bench.write(line("2024-11-26 11:00"), name="bars1.csv")
        report = bench.load(bench.write(FIVE[minute], name=name), timezone=NEW_YORK)
        assert (report.rows, report.inserted) == (1, 1), name
        assert report.source.endswith(name)
    assert bench.starts() == FIVE_STARTS[:4], "and not the file that the name would match as a pattern"


def test_several_files_and_patterns(bench: Bench) -> None:
    first = bench.write(*FIVE[:2], name="part-1.csv")
    second = bench.write(*FIVE[2:4], name="part-2.csv")
    report = bench.load([first, str(second)], timezone=NEW_YORK)
    assert (report.rows, report.inserted) == (4, 4)
    bench.write(FIVE[4], name="part-3.csv")
    report = bench.load(str(bench.folder / "part-?.csv"), timezone=NEW_YORK)
    assert (report.rows, report.inserted, report.unchanged) == (5, 1, 4)


def test_of_several_files_the_later_wins(bench: Bench) -> None:
    old = bench.write(line("2024-11-26 10:00", volume=1), name="z-old.csv")
    new = bench.write(line("2024-11-26 10:00", volume=2), name="a-new.csv")
    report = bench.load([old, new], timezone=NEW_YORK)
    assert (report.inserted, report.rejected) == (1, 1)
    assert [bar["volume"] for bar in bench.bars()] == [2.0]


@pytest.mark.parametrize("turned", [False, True])
def test_columns_of_several_files_are_matched_by_name(bench: Bench, turned: bool) -> None:
    """In whichever order the files come: a column only one of them has is null in the other."""
    plain = bench.write(FIVE[0], name="plain.csv")
    more = bench.write(
        "7,100,2024-11-26 10:01:00,10,11,9,10",
        name="more.csv",
        header="trades,volume,timestamp,open,high,low,close",
    )
    report = bench.load([more, plain] if turned else [plain, more], timezone=NEW_YORK)
    assert report.inserted == 2
    assert [(bar["volume"], bar["trade_count"]) for bar in bench.bars()] == [(100.0, None), (100.0, 7)]


def test_parquet(bench: Bench) -> None:
    path, second = bench.folder / "bars.parquet", bench.folder / "more.parquet"
    pq.write_table(table(), path)
    assert bench.load(path).inserted == 5
    assert bench.load(str(path)).unchanged == 5
    pq.write_table(table().append_column("trades", pa.array([7] * 5)), second)
    report = bench.load([path, second])
    assert (report.rows, report.revised, report.rejected) == (10, 5, 5)
    assert {bar["trade_count"] for bar in bench.bars()} == {7}


ARROW: dict[str, Callable[[pa.Table], object]] = {
    "table": lambda one: one,
    "batch": lambda one: one.to_batches()[0],
    "reader": lambda one: one.to_reader(),
    "dataset": pads.dataset,
    "scanner": lambda one: pads.dataset(one).scanner(),
    "chunks": lambda one: pa.Table.from_batches(one.to_batches(max_chunksize=2)),
    "polars": pl.from_arrow,
    "polars lazy": lambda one: pl.from_arrow(one).lazy(),
    "pandas": lambda one: one.to_pandas(),
    "pandas, stamps in the index": lambda one: one.to_pandas().set_index("timestamp"),
    "duckdb": duckdb.from_arrow,
}


def test_frames_of_every_make(bench: Bench) -> None:
    for number, (make, convert) in enumerate(ARROW.items()):
        report = bench.load(convert(table()))
        assert (report.inserted, report.unchanged) == ((0, 5) if number else (5, 0)), make
    assert bench.starts() == FIVE_STARTS


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_stamps_of_every_resolution(bench: Bench, unit: str) -> None:
    aware = table().set_column(
        0, "timestamp", pa.array([START + timedelta(minutes=n) for n in range(5)], pa.timestamp(unit, "UTC"))
    )
    assert bench.load(aware).inserted == 5
    naive = aware.set_column(0, "timestamp", aware["timestamp"].cast(pa.timestamp(unit)))
    assert bench.load(naive, timezone="UTC").unchanged == 5
    own = frame(tz=NEW_YORK, unit=unit)
    assert bench.load(own).unchanged == 5
    assert bench.load(own.tz_localize(None), timezone=NEW_YORK).unchanged == 5
    assert bench.starts() == FIVE_STARTS


def test_naive_frames_need_a_zone(shared_bench: Bench) -> None:
    for naive in (frame(), frame().reset_index(names="date"), pl.from_pandas(frame().reset_index(names="ts"))):
        with unchanged(shared_bench), pytest.raises(SourceError, match="5 stamps without a time zone"):
            shared_bench.load(naive)


PANDAS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "as it is": lambda one: one,
    "index without a name": lambda one: one.rename_axis(None),
    "stamps in a column": lambda one: one.reset_index(),
    "rows left out, stamps in a column": lambda one: one.reset_index().query("volume > 0").drop(index=[1, 2]),
    "rows left out, another name": lambda one: one.reset_index(names="datetime").drop(index=[1, 2]),
    "sorted, stamps in a column": lambda one: one.reset_index().sort_values("timestamp", ascending=False),
    "stamps in both": lambda one: one.reset_index().set_index("timestamp", drop=False),
    "symbol and stamp in the index": lambda one: one.assign(symbol="SPY").set_index("symbol", append=True),
    "symbol first in the index": lambda one: one.assign(symbol="SPY").set_index("symbol", append=True).swaplevel(),
    "symbols as a category": lambda one: one.assign(symbol=pd.Categorical(["SPY"] * 5)),
    "an empty column": lambda one: one.assign(vwap=None, trade_count=None),
    "a column of nan": lambda one: one.assign(vwap=float("nan")),
    "decimals": lambda one: one.assign(open=[Decimal("10.0")] * 5),
    "texts": lambda one: one.assign(open=["10.0"] * 5, volume=["100"] * 5),
    "small numbers": lambda one: one.astype({"open": "float32", "volume": "uint64"}),
    "nullable numbers": lambda one: one.convert_dtypes(),
    "python datetimes": lambda one: one.reset_index().astype({"timestamp": object}),
}


@pytest.mark.parametrize("make", PANDAS)
def test_pandas_frames_of_every_make(bench_of_module: Bench, make: str) -> None:
    data = PANDAS[make](indexed())
    by_symbol = "symbol" in [*data.columns, *data.index.names]
    report = bench_of_module.load(data, symbol=None if by_symbol else "SPY")
    assert report.inserted + report.unchanged == len(data) == report.rows
    assert set(bench_of_module.starts()) <= set(FIVE_STARTS)


def test_polars_frames_of_every_make(bench: Bench) -> None:
    data = pl.from_arrow(table())
    for number, variant in enumerate(
        [
            data.with_columns(symbol=pl.lit("spy").cast(pl.Categorical)),
            data.with_columns(symbol=pl.lit("SPY").cast(pl.Enum(["SPY"]))),
            data.with_columns(symbol=pl.lit("SPY"), open=pl.col("open").cast(pl.Decimal(10, 2))),
            data.with_columns(symbol=pl.lit("SPY"), vwap=pl.lit(None)),
        ]
    ):
        report = bench.load(variant, symbol=None)
        assert (report.inserted, report.unchanged) == ((0, 5) if number else (5, 0))


def test_nothing_is_no_number(bench: Bench) -> None:
    """A float's NaN: pandas means "missing" with it, polars a number; neither is a price."""
    nan = float("nan")
    with_holes = frame(tz=NEW_YORK).astype({"volume": float})
    with_holes.iloc[1, 0], with_holes.iloc[2, 4] = nan, nan
    report = bench.load(with_holes)
    assert (report.inserted, report.rejected) == (3, 2)
    assert set(bench.reasons(report.batch_id)) == {2, 3}
    polars = pl.from_arrow(table()).with_columns(
        high=pl.when(pl.int_range(pl.len()) == 4).then(nan).otherwise(pl.col("high"))
    )
    report = bench.load(polars)
    assert (report.unchanged, report.inserted, report.rejected) == (2, 2, 1)
    assert "not finite" in bench.reasons(report.batch_id)[5]


EMPTY: dict[str, Callable[[Path], object]] = {
    "header only": lambda folder: _file(folder, HEADER + "\n"),
    "header without newline": lambda folder: _file(folder, HEADER),
    "arrow": lambda folder: table().slice(0, 0),
    "pandas": lambda folder: indexed().iloc[:0],
}


def _file(folder: Path, content: str | bytes, name: str = "bars.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("replace", [None, "sessions"])
def test_no_rows_are_no_bars(bench: Bench, replace: str | None) -> None:
    bench.load_lines(*FIVE, timezone=NEW_YORK)
    before = bench.bars()
    for make, give in EMPTY.items():
        report = bench.load(give(bench.folder), timezone=NEW_YORK, replace=replace)
        assert (report.rows, report.deleted, report.symbols) == (0, 0, ()), make
    assert bench.bars() == before


def _packed(compression: str) -> bytes:
    packed = pa.BufferOutputStream()
    with pa.CompressedOutputStream(packed, compression) as stream:
        stream.write("\n".join([HEADER, *FIVE * 99]).encode())
    return bytes(packed.getvalue())


def _damaged(packed: bytes) -> bytes:
    """Change what the check sum says, which a reader that looks at rows alone does not see."""
    return packed[:-8] + bytes(4) + packed[-4:]


UNREADABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no such file": (lambda folder: folder / "nowhere.csv", "no file"),
    "no match": (lambda folder: folder / "nowhere-*.csv", "no file"),
    "a folder": (lambda folder: folder, "folder"),
    "unknown ending": (lambda folder: _file(folder, "x", "bars.doc"), "no known kind"),
    "no ending": (lambda folder: _file(folder, "x", "bars"), "no known kind"),
    "empty file": (lambda folder: _file(folder, ""), "bars.csv is empty"),
    "blank lines": (lambda folder: _file(folder, "\n \n"), "bars.csv is empty"),
    "packed nothing": (lambda folder: _file(folder, gzip.compress(b""), "bars.csv.gz"), "bars.csv.gz is empty"),
    "one column": (lambda folder: _file(folder, "column0\n1\n"), "no column for"),
    "binary": (lambda folder: _file(folder, bytes(range(256)) * 40), "no column|cannot be read"),
    "prose": (lambda folder: _file(folder, "Dear Sir,\nit is not here.\n\nYours\n"), "no column for bar_start"),
    "a web page": (lambda folder: _file(folder, "<html>\n<p>Not found</p>\n</html>\n"), "no column for"),
    "utf-16": (
        lambda folder: _file(folder, "\n".join([HEADER, *FIVE]).encode("utf-16-le")),
        "no column|cannot be read",
    ),
    "not gzip": (lambda folder: _file(folder, "\n".join([HEADER, *FIVE]), "bars.csv.gz"), "cannot be read"),
    "cut off gzip": (lambda folder: _file(folder, _packed("gzip")[:-9], "b.csv.gz"), "cannot be read"),
    "gzip without its end": (lambda folder: _file(folder, _packed("gzip")[:-8], "b.csv.gz"), "no whole gzip file"),
    "damaged gzip": (lambda folder: _file(folder, _damaged(_packed("gzip")), "B.CSV.GZ"), "no whole gzip file"),
    "cut off zstd": (lambda folder: _file(folder, _packed("zstd")[:-3], "b.csv.zst"), "no whole zstd file"),
    "not parquet": (lambda folder: _file(folder, "PAR1", "bars.parquet"), "cannot be read"),
    "two kinds": (lambda folder: [_file(folder, HEADER), _file(folder, "", "b.parquet")], "different kinds"),
    "no header": (lambda folder: _file(folder, "\n".join(FIVE)), "no column for"),
    "nothing": (lambda folder: None, "NoneType"),
    "a number": (lambda folder: 5, "int"),
    "an empty list": (lambda folder: [], "list"),
    "dicts": (lambda folder: [{"open": 1}], "list"),
    "a series": (lambda folder: indexed()["open"], "Series"),
    "an empty frame": (lambda folder: pd.DataFrame(), "no column|cannot be read"),
}


@pytest.mark.parametrize("make", UNREADABLE)
def test_what_cannot_be_read_at_all(shared_bench: Bench, tmp_path: Path, make: str) -> None:
    give, says = UNREADABLE[make]
    with unchanged(shared_bench), pytest.raises(SourceError, match=says):
        shared_bench.load(give(tmp_path), timezone=NEW_YORK)


def _with(name: str, values: pa.Array) -> pa.Table:
    return table().set_column(table().schema.names.index(name), name, values)


WRONG: dict[str, tuple[Callable[[], pa.Table], dict[str, Any], str]] = {
    "no volume": (lambda: table().drop_columns("volume"), {}, r"no column for volume.*volume.*None"),
    "no prices": (lambda: table().select(["timestamp", "volume"]), {}, "open, high, low, close"),
    "two volumes": (
        lambda: table().append_column("Volume USD", pa.array([1.0] * 5)),
        {},
        r"several columns.*volume, Volume USD.*volume_column=",
    ),
    "two stamps": (
        lambda: table().append_column("datetime", table()["timestamp"]),
        {},
        r"several columns.*timestamp, datetime",
    ),
    "two closes": (
        lambda: pa.table([*table().columns, pa.array([9.5] * 5)], names=[*table().schema.names, "Close"]),
        {},
        "several columns",
    ),
    "truth for a price": (lambda: _with("open", pa.array([True] * 5)), {}, "open is BOOLEAN"),
    "dates for a price": (lambda: _with("open", table()["timestamp"]), {}, "open is TIMESTAMP"),
    "lists for a volume": (lambda: _with("volume", pa.array([[1]] * 5)), {}, "volume is"),
    "numbers for stamps": (lambda: _with("timestamp", pa.array(range(5))), {}, "epoch_s"),
    "times for stamps": (lambda: _with("timestamp", pa.array(range(5), pa.time32("s"))), {}, "is TIME"),
    "a format for stamps that are none": (table, {"timestamp_format": "%Y"}, "leave it out"),
    "an epoch for stamps that are none": (table, {"timestamp_format": "epoch_s"}, "leave it out"),
    "no such part": (table, {"columns": {"adj": "open"}}, r"'adj'.*allowed are bar_start"),
    "no such column": (table, {"columns": {"open": "first"}}, r"no column 'first' for open.*timestamp"),
    "no such volume column": (table, {"volume_column": "vol_usd"}, "no column 'vol_usd'"),
    "a bar without open": (table, {"columns": {"open": None}}, "every bar needs one"),
    "no symbol": (table, {"symbol": None}, r"symbol=.*columns="),
}


@pytest.mark.parametrize("make", WRONG)
def test_columns_that_do_not_fit(shared_bench: Bench, make: str) -> None:
    give, options, says = WRONG[make]
    with unchanged(shared_bench), pytest.raises(SourceError, match=says):
        shared_bench.load(give(), **options)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"label": "left"}, InputError, "'start', 'end'"),
        ({"ambiguous": "guess"}, InputError, "'infer'"),
        ({"replace": "all"}, InputError, "'sessions'"),
        ({"skip_rows": -1}, InputError, "skip_rows"),
        ({"interval": "5m"}, InputError, "loaded with 1m bars, not 5m"),
        ({"interval": "1M"}, InputError, "1mo"),
        ({"symbol": "SPX"}, UnknownSymbolError, "SPY"),
        ({"symbol": " "}, InputError, "not usable"),
        ({"timezone": "Mars/Base"}, CalendarError, "Mars/Base"),
    ],
)
def test_options_that_make_no_sense(
    shared_bench: Bench, options: dict[str, Any], error: type[Exception], says: str
) -> None:
    with unchanged(shared_bench), pytest.raises(error, match=says):
        shared_bench.load_lines(*FIVE, **({"timezone": NEW_YORK} | options))


def test_columns_are_named_by_the_caller(bench: Bench) -> None:
    odd = table().rename_columns(['time "x"', "O'pen", "top", "bottom", "last", "Volume USD"])
    names = {"bar_start": 'time "x"', "open": "O'pen", "high": "top", "low": "bottom", "close": "last"}
    assert bench.load(odd, columns=names | {"volume": "Volume USD"}).inserted == 5
    assert {bar["volume"] for bar in bench.bars()} == {100.0}
    assert bench.load(odd, columns=names | {"volume": None}).revised == 5
    assert bench.load(odd, columns=names | {"volume": ""}).unchanged == 5
    assert {bar["volume"] for bar in bench.bars()} == {0.0}


def test_of_two_volumes_the_one_that_is_named(bench: Bench) -> None:
    path = bench.write("2024-11-26 10:00,1,1,1,1,5,6", header="date,open,high,low,close,volume,volume_usd")
    bench.load(path, timezone=NEW_YORK, volume_column="volume_usd")
    assert [bar["volume"] for bar in bench.bars()] == [6.0]
    bench.load(path, timezone=NEW_YORK, columns={"volume": "volume"})
    assert [bar["volume"] for bar in bench.bars()] == [5.0]


def test_lines_before_the_header(bench: Bench) -> None:
    path = bench.write(HEADER, *FIVE, header="Times are New York's; see https://example.com, page 2")
    with unchanged(bench), pytest.raises(SourceError, match="skip_rows"):
        bench.load(path, timezone=NEW_YORK)
    assert bench.load(path, timezone=NEW_YORK, skip_rows=1).inserted == 5


MULTI = "symbol," + HEADER


def test_one_file_many_symbols(bench: Bench) -> None:
    bench.coordinator.register("DAY", ["1d"], "XNYS")
    path = bench.write(
        f"SPY,{FIVE[0]}",
        f"qqq,{FIVE[0]}",
        f" SPY ,{FIVE[1]}",
        f"NOPE,{FIVE[1]}",
        f"DAY,{FIVE[1]}",
        f",{FIVE[1]}",
        header=MULTI,
    )
    report = bench.load(path, symbol=None, timezone=NEW_YORK)
    assert report.symbols == ("QQQ", "SPY")
    assert (report.rows, report.inserted, report.rejected) == (6, 3, 3)
    assert bench.starts("SPY") == FIVE_STARTS[:2]
    assert bench.starts("QQQ") == FIVE_STARTS[:1]
    reasons = bench.reasons(report.batch_id)
    assert "'NOPE' is not registered" in reasons[4]
    assert "DAY is loaded with 1d bars, not 1m" in reasons[5]
    assert "symbol is missing" in reasons[6]


def test_one_bar_of_one_symbol_spelled_two_ways(bench: Bench) -> None:
    path = bench.write(f"SPY,{FIVE[0]}", f"SPY ,{line('2024-11-26 10:00', volume=7)}", header=MULTI)
    report = bench.load(path, symbol=None, timezone=NEW_YORK)
    assert (report.inserted, report.rejected) == (1, 1)
    assert [bar["volume"] for bar in bench.bars()] == [7.0]


def test_the_symbol_may_stand_in_any_column(bench: Bench) -> None:
    path = bench.write(f"SPY,{FIVE[0]}", header=MULTI.replace("symbol", "Ticker"))
    assert bench.load(path, symbol=None, timezone=NEW_YORK).inserted == 1
    path = bench.write(f"SPY,{FIVE[0]}", header=MULTI.replace("symbol", "contract"))
    assert bench.load(path, symbol=None, timezone=NEW_YORK, columns={"symbol": "contract"}).unchanged == 1


def test_the_caller_knows_better_than_the_column(bench: Bench) -> None:
    """A vendor's own name for the symbol (BTCUSD) gives way to symbol=."""
    path = bench.write(f"SPDR S&P,{FIVE[0]}", header=MULTI)
    assert bench.load(path, symbol="spy", timezone=NEW_YORK).symbols == ("SPY",)


# Part of a source, and columns that are named elsewhere


def test_only_the_symbols_asked_for(bench: Bench) -> None:
    rows = [f"{symbol},{line('2024-11-26 09:30')}" for symbol in ("SPY", " qqq", "XYZ", "SPYX", "Q[Q")]
    path = bench.write(*rows, header=f"symbol,{HEADER}")
    report = bench.load(path, symbol=None, symbols=["spy", "Q?Q"], timezone=NEW_YORK)
    assert (report.symbols, report.rows, report.rejected) == (("QQQ", "SPY"), 3, 1)  # Q[Q is not registered
    again = bench.load(path, symbol=None, symbols=["spy", "qqq"], timezone=NEW_YORK)
    assert (again.rows, again.unchanged) == (2, 2)


def test_symbols_can_only_be_chosen_where_a_column_names_them(bench: Bench) -> None:
    path = bench.write(line("2024-11-26 09:30"))
    with pytest.raises(SourceError, match="no column that names the symbol"):
        bench.load(path, symbol=None, symbols=["SPY"], timezone=NEW_YORK)
    with pytest.raises(SourceError, match="no column that names the symbol"):
        bench.load(path, symbol=None, symbols="SPY", timezone=NEW_YORK)  # one is as good as a list of one


def test_a_file_without_a_header(bench: Bench) -> None:
    path = bench.write(line("2024-11-26 09:31"), header=line("2024-11-26 09:30"))
    report = bench.load(path, header=HEADER.split(","), timezone=NEW_YORK)
    assert (report.rows, report.inserted) == (2, 2)


def test_a_report_says_what_the_rows_reach(bench: Bench) -> None:
    rows = [line(f"2024-11-{day} {time}") for day, time in ((26, "09:30"), (26, "09:30"), (27, "15:59"), (29, "17:00"))]
    report = bench.load_lines(*rows, timezone=NEW_YORK)
    assert (report.repeated, report.unchanged, report.inserted, report.outside) == (1, 1, 3, 1)
    assert (report.first_session, report.last_session) == (date(2024, 11, 26), date(2024, 11, 27))
    assert report.first_bar == datetime(2024, 11, 26, 14, 30, tzinfo=UTC)
    assert report.last_bar_end == datetime(2024, 11, 29, 22, 1, tzinfo=UTC)
