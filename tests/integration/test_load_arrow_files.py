"""Files that Arrow writes: IPC files and streams, and feather of both versions."""

from __future__ import annotations

import io
import lzma
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from file_kit import ROWS, TEXT, held, load_damaged, zipped
from load_kit import HEADER, NEW_YORK, Bench, copy_template, unchanged
from pyarrow import feather

from barhouse.store.errors import OptionsError, SourceError

TABLE = pa.table(
    {name: pa.array(column) for name, column in zip(HEADER.split(","), zip(*ROWS, strict=True), strict=True)}
)
INSTANTS = [datetime.fromisoformat(str(row[0])).replace(tzinfo=ZoneInfo(NEW_YORK)) for row in ROWS]


def with_stamps(kind: pa.DataType) -> pa.Table:
    stamps = pa.array(INSTANTS, pa.timestamp("us", NEW_YORK)).cast(pa.timestamp(kind.unit, NEW_YORK)).cast(kind)
    return TABLE.set_column(0, "timestamp", stamps)


def as_file(table: pa.Table, compression: str | None = None, rows: int | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table, rows)
    return bytes(sink.getvalue().to_pybytes())


def as_stream(table: pa.Table, compression: str | None = None, rows: int | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table, rows)
    return bytes(sink.getvalue().to_pybytes())


def as_feather(table: pa.Table, **options: object) -> bytes:
    sink = io.BytesIO()
    feather.write_feather(table, sink, **options)
    return sink.getvalue()


def by_pandas(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    table.to_pandas().to_feather(sink)
    return sink.getvalue()


WRITTEN: dict[str, Callable[[pa.Table], bytes]] = {
    "bars.arrow": as_file,
    "small batches.arrow": lambda table: as_file(table, rows=7),
    "zstd.arrow": lambda table: as_file(table, "zstd"),
    "bars.ipc": lambda table: as_file(table, "lz4"),
    "bars.ARROWS": as_stream,
    "small batches.arrows": lambda table: as_stream(table, "zstd", 7),
    "a stream.arrow": as_stream,
    "bars.feather": as_feather,
    "uncompressed.feather": lambda table: as_feather(table, compression="uncompressed"),
    "first version.feather": lambda table: as_feather(table, version=1),
    "by pandas.feather": by_pandas,
    "bars.arrow.xz": lambda table: lzma.compress(as_file(table)),
    "bars.zip": lambda table: zipped({"bars.arrow": as_file(table)}),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_files_of_arrow_hold_the_bars_of_the_table(bench: Bench, name: str) -> None:
    path = bench.folder / name
    path.write_bytes(WRITTEN[name](TABLE))
    report = bench.load(path, timezone=NEW_YORK)
    assert (report.inserted, report.source) == (len(ROWS), str(path))
    assert held(bench) == ROWS
    assert bench.load(path, timezone=NEW_YORK).unchanged == len(ROWS)


@pytest.mark.parametrize(
    "kind",
    [
        *(pa.timestamp(unit, NEW_YORK) for unit in ("s", "ms", "us", "ns")),
        *(pa.timestamp(unit, "UTC") for unit in ("s", "ms", "us", "ns")),
    ],
    ids=str,
)
def test_stamps_with_a_zone_are_the_instants_they_are(bench_of_module: Bench, kind: pa.DataType) -> None:
    path = bench_of_module.folder / "bars.arrow"
    path.write_bytes(as_file(with_stamps(kind)))
    report = bench_of_module.load(path)
    assert report.inserted + report.unchanged == len(ROWS)
    assert held(bench_of_module) == ROWS


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_stamps_without_a_zone_need_one(bench_of_module: Bench, unit: str) -> None:
    local = pa.array([instant.replace(tzinfo=None) for instant in INSTANTS], pa.timestamp("us")).cast(
        pa.timestamp(unit)
    )
    path = bench_of_module.folder / "bars.arrow"
    path.write_bytes(as_file(TABLE.set_column(0, "timestamp", local)))
    with pytest.raises(SourceError, match="stamps without a time zone"):
        bench_of_module.load(path)
    bench_of_module.load(path, timezone=NEW_YORK)
    assert held(bench_of_module) == ROWS


@pytest.mark.parametrize("form", ["arrow", "parquet"])
def test_days_are_those_of_the_zone_that_the_file_says(kinds: Bench, form: str) -> None:
    """Local midnight in New York is 05:00 in UTC, and names the day it is in New York."""
    days = [datetime(2024, 11, day, tzinfo=ZoneInfo(NEW_YORK)) for day in (25, 26, 27)]
    table = pa.table(
        {
            "timestamp": pa.array(days, pa.timestamp("us", NEW_YORK)),
            **{name: [10.0, 11.0, 12.0] for name in ("open", "high", "low", "close", "volume")},
        }
    )
    path = kinds.folder / f"days.{form}"
    if form == "arrow":
        path.write_bytes(as_file(table))
    else:
        pq.write_table(table, path)
    assert kinds.load(path, "1d", "DAY").inserted == 3
    found = kinds.ask("SELECT session_date, open FROM bars WHERE symbol = 'DAY' AND interval = '1d' ORDER BY ALL")
    assert [(str(bar["session_date"]), bar["open"]) for bar in found] == [
        ("2024-11-25", 10.0),
        ("2024-11-26", 11.0),
        ("2024-11-27", 12.0),
    ]


KINDS_OF_COLUMNS: dict[str, pa.DataType] = {
    "open": pa.float32(),
    "high": pa.decimal128(12, 4),
    "low": pa.string(),
    "close": pa.large_string(),
    "volume": pa.uint64(),
}


def test_columns_of_every_kind(bench: Bench) -> None:
    table = TABLE
    for name, kind in KINDS_OF_COLUMNS.items():
        table = table.set_column(table.schema.get_field_index(name), name, table[name].cast(kind))
    table = table.append_column("symbol", pa.array(["SPY"] * len(ROWS)).dictionary_encode())
    table = table.append_column("vwap", pa.nulls(len(ROWS)))
    path = bench.folder / "bars.arrow"
    path.write_bytes(as_file(table))
    assert bench.load(path, symbol=None, timezone=NEW_YORK).inserted == len(ROWS)
    assert held(bench) == ROWS


def test_what_is_exported_can_be_loaded(bench: Bench, template: Path, tmp_path: Path) -> None:
    """Values that no text of few digits has, among them."""
    (tmp_path / "other").mkdir()
    other = Bench(copy_template(template, tmp_path / "other"), tmp_path / "other")
    path = bench.folder / "bars.arrow"
    odd = [0.1 + 0.2, 1 / 3, 123456.789012345678, 5e-324 + 7, 1e15 / 7e9]
    table = TABLE.slice(0, 5)
    for name in ("open", "high", "low", "close"):
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(odd))
    path.write_bytes(as_file(table))
    bench.load(path, timezone=NEW_YORK)
    for form in ("arrow", "parquet", "csv"):
        bench.store.export(bench.folder / form, intervals=["1m"], format=form)
        exported = sorted(one for one in (bench.folder / form).rglob(f"*.{form}"))
        report = other.load([str(one) for one in exported], symbol=None)
        assert (report.inserted, report.unchanged) == ((5, 0) if form == "arrow" else (0, 5)), form
        assert [bar["open"] for bar in other.bars()] == odd
    other.store.close()


def test_a_file_cut_off_anywhere_is_refused(loaded: Bench) -> None:
    """A stream that ends between two batches, too, which Arrow takes for a whole one."""
    for name, write in WRITTEN.items():
        content = write(TABLE)
        random = Random(name)
        for length in {1, len(content) - 1, len(content) - 8, *(random.randrange(1, len(content)) for _ in range(10))}:
            assert load_damaged(loaded, name, content[:length]), (name, length)
    assert held(loaded) == ROWS


def test_a_stream_cut_off_between_batches_is_refused(loaded: Bench) -> None:
    whole, first = as_stream(TABLE, rows=100), as_stream(TABLE.slice(0, 100))
    end = len(first) - 8
    assert whole[:end] == first[:end]
    path = loaded.folder / "cut.arrows"
    path.write_bytes(whole[:end])
    with (
        unchanged(loaded),
        pytest.raises(SourceError, match=r"no whole file of Arrow's \(.*\); fetch"),
    ):
        loaded.load(path, timezone=NEW_YORK)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("two.arrows", as_stream(TABLE.slice(0, 9)) + as_stream(TABLE.slice(9))),
        ("more.arrows", as_stream(TABLE) + b"more"),
        ("text.arrow", TEXT),
        ("empty.arrow", b""),
        ("zeros.feather", bytes(1000)),
    ],
)
def test_what_is_no_file_of_arrow_is_refused(loaded: Bench, name: str, content: bytes) -> None:
    with unchanged(loaded):
        assert load_damaged(loaded, name, content)


def test_damage_never_ends_the_process(loaded: Bench) -> None:
    """Bits that were lost where they say where to read; values have no checksum, as those of a text have none."""
    table = TABLE.append_column("symbol", pa.array(["SPY"] * len(ROWS)))
    for name, write in (("bars.arrow", as_file), ("bars.arrows", as_stream)):
        content = write(table.select(["symbol"]))
        random = Random(name)
        for _ in range(60):
            damaged = bytearray(content)
            damaged[random.randrange(len(content))] ^= 1 << random.randrange(8)
            assert load_damaged(loaded, name, bytes(damaged)), "it has no stamps"
    assert held(loaded) == ROWS


def test_two_columns_of_one_name_are_refused(loaded: Bench) -> None:
    table = TABLE.append_column("open", TABLE["close"])
    path = loaded.folder / "twice.arrow"
    path.write_bytes(as_file(table))
    with unchanged(loaded), pytest.raises(OptionsError, match=r"has several columns of one name: open"):
        loaded.load(path, timezone=NEW_YORK)


@pytest.mark.parametrize(("option", "value"), [("skip_rows", 1), ("header", ["a"])])
def test_options_of_texts_do_not_fit(loaded: Bench, option: str, value: object) -> None:
    path = loaded.folder / "bars.arrow"
    path.write_bytes(as_file(TABLE))
    with unchanged(loaded), pytest.raises(OptionsError, match=rf"{option}= is for text.*; files of arrow"):
        loaded.load(path, timezone=NEW_YORK, **{option: value})


def test_it_is_said_that_a_file_is_arrows(bench: Bench, tmp_path: Path) -> None:
    path = bench.folder / "bars.bin"
    path.write_bytes(as_feather(pa.Table.from_pandas(pd.DataFrame(TABLE.to_pydict()))))
    assert bench.load(path, timezone=NEW_YORK, file_format="arrow").inserted == len(ROWS)
