"""Exports: files that hold what the store holds, and of which only those are written again that changed."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from load_kit import Bench, line, lines, minutes

from barhouse.store.copies import export_folder, exports
from barhouse.store.errors import InputError, StoreError, UnknownSymbolError

FORMATS = ("parquet", "csv", "arrow")
NEW_YORK = {"timezone": "America/New_York"}
COLUMNS = "symbol, interval, bar_start, bar_end, session_date, open, high, low, close, volume, base_count, complete"
Rows = list[tuple[Any, ...]]
locks_folders = pytest.mark.skipif(
    os.name == "nt", reason="Windows has no flock, so a folder is not kept from a second export there"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def filled(bench: Bench) -> Bench:
    """Two symbols, with bars in two months and some outside sessions."""
    for symbol in ("SPY", "QQQ"):
        stamps = minutes("2024-11-26 09:25", "2024-11-26 11:00") + minutes("2024-12-02 09:30", "2024-12-02 10:15")
        bench.load_lines(*lines(stamps), symbol=symbol, **NEW_YORK)
    bench.process()
    return bench


def exported(folder: Path, form: str = "parquet") -> Rows:
    """What a reader of the folder gets, in the order of the view."""
    types = "hive_types = {'symbol': VARCHAR, 'interval': VARCHAR, 'month': VARCHAR}, hive_partitioning = true"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        if form == "arrow":
            tables = [arrow_file(one) for one in sorted(folder.rglob("bars.arrow"))]
            together = pa.concat_tables(tables)
            connection.register("together", together)
            source = "together"
        else:
            source = f"read_{form}('{folder}/**/*.{form}', {types})"
        query = f"SELECT {COLUMNS} FROM {source} ORDER BY ALL"
        return [tuple(map(plain, row)) for row in connection.execute(query).fetchall()]


def arrow_file(file: Path) -> pa.Table:
    from urllib.parse import unquote

    table = pa.ipc.open_file(pa.OSFile(str(file))).read_all()
    named = dict(part.split("=", 1) for part in file.parent.parts if "=" in part)
    for name in ("symbol", "interval"):
        table = table.append_column(name, pa.array([unquote(named[name])] * table.num_rows))
    return table


def plain(value: object) -> object:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def held(bench: Bench, condition: str = "true") -> Rows:
    rows = bench.ask(f"SELECT {COLUMNS} FROM bars WHERE {condition} ORDER BY ALL")
    return [tuple(map(plain, row.values())) for row in rows]


def manifest_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.barhouse-export") / "manifest.json"


def content(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file, by its inode and moment: another one when it was written."""
    found = [one for one in folder.rglob("*") if one.is_file()]
    return {str(one.relative_to(folder)): (one.stat().st_ino, one.stat().st_mtime_ns) for one in found}


def written(folder: Path, before: dict[str, tuple[int, int]]) -> set[str]:
    return {str(Path(name).parent) for name, mark in content(folder).items() if before.get(name) != mark}


@pytest.mark.parametrize("form", FORMATS)
def test_files_hold_what_the_store_holds(filled: Bench, folder: Path, form: Any) -> None:
    said = filled.store.export(folder, format=form)
    assert exported(folder, form) == held(filled)
    assert said.rows == len(held(filled)) and said.written == len(content(folder)) == 2 * 4 * 2
    assert (said.unchanged, said.removed, said.given_up) == (0, 0, 0)
    assert f"symbol=SPY/interval=5m/month=2024-12/bars.{form}" in content(folder)
    before = content(folder)
    again = filled.store.export(folder, format=form)
    assert (again.written, again.rows, again.unchanged) == (0, 0, 16)
    assert content(folder) == before


def by_pandas(folder: Path) -> list[tuple[str, str, datetime, float]]:
    frame = pd.read_parquet(folder).astype({"symbol": str, "interval": str})
    return sorted(frame[["symbol", "interval", "bar_start", "close"]].itertuples(index=False, name=None))


def by_pyarrow(folder: Path, form: str) -> list[tuple[str, str, datetime, float]]:
    table = pa.dataset.dataset(folder, format=form, partitioning="hive").to_table()
    rows = table.select(["symbol", "interval", "bar_start", "close"]).to_pylist()
    return sorted((row["symbol"], row["interval"], aware(row["bar_start"]), row["close"]) for row in rows)


def by_polars(frame: pl.LazyFrame) -> list[tuple[str, str, datetime, float]]:
    rows = frame.select("symbol", "interval", "bar_start", "close").collect().rows()
    return sorted((symbol, interval, aware(start), float(close)) for symbol, interval, start, close in rows)


def by_duckdb(source: str) -> list[tuple[str, str, datetime, float]]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = connection.sql(f"SELECT symbol, interval, bar_start, close FROM {source}").fetchall()
    return sorted((symbol, interval, aware(start), float(close)) for symbol, interval, start, close in rows)


def aware(stamp: Any) -> datetime:
    moment = datetime.fromisoformat(stamp) if isinstance(stamp, str) else stamp
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def test_the_folder_is_one_table_to_every_reader(filled: Bench, folder: Path) -> None:
    rows = filled.ask("SELECT symbol, interval, bar_start, close FROM bars ORDER BY ALL")
    wanted = [tuple(row.values()) for row in rows]
    for form in FORMATS:
        filled.store.export(folder / form, format=form)
        filled.store.export(folder / form, format=form)
    assert by_pandas(folder / "parquet") == wanted
    assert by_pyarrow(folder / "parquet", "parquet") == wanted
    assert by_polars(pl.scan_parquet(folder / "parquet")) == wanted
    assert by_polars(pl.read_parquet(folder / "parquet").lazy()) == wanted
    assert by_duckdb(f"read_parquet('{folder}/parquet/**/*.parquet', hive_partitioning = true)") == wanted
    assert by_pyarrow(folder / "csv", "csv") == wanted
    assert by_duckdb(f"read_csv('{folder}/csv/**/*.csv', hive_partitioning = true)") == wanted
    assert pl.scan_csv(folder / "csv").select("close").collect().height == len(wanted), "it takes no names from folders"
    assert by_pyarrow(folder / "arrow", "arrow") == wanted
    assert by_polars(pl.scan_ipc(folder / "arrow", hive_partitioning=True)) == wanted


def test_a_folder_with_nothing_beside_it_keeps_its_manifest_inside(
    filled: Bench, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does that is a volume of its own: files cannot be renamed from one volume to another."""
    replace = Path.replace

    def of_one_volume(file: Path, target: Path) -> Path:
        if file.parent.name == "out.barhouse-export":
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return replace(file, target)

    monkeypatch.setattr(Path, "replace", of_one_volume)
    filled.store.export(folder)
    assert not manifest_of(folder).parent.exists()
    assert json.loads((folder / "_barhouse-export" / "manifest.json").read_text())["unfinished"] == []
    wanted = [
        tuple(row.values()) for row in filled.ask("SELECT symbol, interval, bar_start, close FROM bars ORDER BY ALL")
    ]
    assert by_pandas(folder) == by_pyarrow(folder, "parquet") == wanted
    assert by_polars(pl.scan_parquet(folder / "**/*.parquet", hive_partitioning=True)) == wanted
    monkeypatch.undo()
    filled.load_lines(line("2024-11-26 09:31:00", high=12), **NEW_YORK)
    assert filled.store.export(folder).written == 1, "and goes on with it there"
    assert not manifest_of(folder).parent.exists()
    assert exported(folder) == held(filled)


def test_a_manifest_inside_the_folder_moves_out(filled: Bench, folder: Path) -> None:
    """Exports wrote it there before, where pandas, pyarrow and polars met it."""
    filled.store.export(folder)
    before = content(folder)
    manifest_of(folder).rename(folder / "barhouse-export.json")
    manifest_of(folder).parent.rmdir()
    half = next(folder.rglob("*.parquet")).with_name(".bars.parquet.part")
    said = filled.store.export(folder)
    assert (said.written, said.unchanged, content(folder)) == (0, 16, before)
    assert manifest_of(folder).exists() and not half.exists()
    manifest = json.loads(manifest_of(folder).read_text())
    manifest["unfinished"].append(str(half.parent.relative_to(folder)))
    del manifest["partitions"][manifest["unfinished"][0]]
    manifest_of(folder).rename(folder / "barhouse-export.json")
    (folder / "barhouse-export.json").write_text(json.dumps(manifest))
    half.write_text("half")
    assert filled.store.export(folder).written == 1
    assert content(folder).keys() == before.keys()


def test_a_folder_made_anew_is_a_new_export(filled: Bench, folder: Path) -> None:
    filled.store.export(folder, symbols=["SPY"])
    shutil.rmtree(folder)
    filled.store.export(folder, format="csv")
    assert exported(folder, "csv") == held(filled)


def test_each_file_is_in_order_with_the_columns_of_the_view(filled: Bench, folder: Path) -> None:
    filled.store.export(folder)
    for file in folder.rglob("*.parquet"):
        starts = duckdb.sql(f"SELECT bar_start FROM read_parquet('{file}', hive_partitioning = false)").fetchall()
        assert starts == sorted(starts)
    columns = filled.store.sql("SELECT * EXCLUDE (symbol, interval) FROM bars LIMIT 1").schema
    (one, *_) = folder.rglob("*.parquet")
    assert pa.parquet.read_schema(one).names == columns.names
    assert pa.parquet.read_schema(one).field("bar_start").type == pa.timestamp("us", "UTC")


@pytest.mark.parametrize("symbol", ["A/B", "BRK B", "50%", "A=B", "É|<[X]>", "日経", "..", "1E5", "'X'", "A\\B"])
def test_symbols_of_any_characters(bench: Bench, folder: Path, symbol: str) -> None:
    bench.coordinator.register(symbol, ["1m", "5m"], "XNYS")
    bench.load_lines(*lines(minutes("2024-11-26 09:30", "2024-11-26 09:40")), symbol=symbol, **NEW_YORK)
    bench.process()
    for form in FORMATS:
        bench.store.export(folder / form, format=form)
        assert exported(folder / form, form) == held(bench) != []
        assert len(list((folder / form).iterdir())) == 1, "nothing beside the symbol's folder"


CHANGES: dict[str, tuple[Callable[[Bench], object], set[str]]] = {
    "a bar more": (
        lambda bench: bench.load_lines(line("2024-12-02 10:15:00"), **NEW_YORK),
        {"symbol=SPY/interval=1m/month=2024-12"},
    ),
    "a correction": (
        lambda bench: (bench.load_lines(line("2024-11-26 09:31:00", high=12), **NEW_YORK), bench.process()),
        {f"symbol=SPY/interval={one}/month=2024-11" for one in ("1m", "5m", "1h", "1d")},
    ),
    "a deletion": (
        lambda bench: bench.coordinator.delete_bars("QQQ", "1m", "2024-11-26T15:00Z", "2024-11-26T15:01Z"),
        {"symbol=QQQ/interval=1m/month=2024-11"},
    ),
    "one gone and one new": (
        lambda bench: (
            bench.coordinator.delete_bars("QQQ", "1m", "2024-11-26T15:00Z", "2024-11-26T15:01Z"),
            bench.load_lines(line("2024-11-26 11:00:00"), symbol="QQQ", **NEW_YORK),
        ),
        {"symbol=QQQ/interval=1m/month=2024-11"},
    ),
    "a new month": (
        lambda bench: bench.load_lines(line("2025-01-02 09:30:00"), **NEW_YORK),
        {"symbol=SPY/interval=1m/month=2025-01"},
    ),
    "a session declared over": (lambda bench: bench.coordinator.end_session(date(2024, 12, 2)), set()),
    "a registration": (lambda bench: bench.coordinator.register("DIA", ["1m"], "XNYS"), set()),
}


@pytest.mark.parametrize("name", CHANGES)
def test_only_what_changed_is_written(filled: Bench, folder: Path, name: str) -> None:
    filled.store.export(folder)
    before = content(folder)
    change, expected = CHANGES[name]
    change(filled)
    said = filled.store.export(folder)
    assert written(folder, before) == expected
    assert said.written == len(expected)
    assert exported(folder) == held(filled)


def test_what_is_gone_from_the_store_is_removed(filled: Bench, folder: Path) -> None:
    filled.store.export(folder)
    before = content(folder)
    filled.coordinator.delete_bars("SPY", "1m", start="2024-12-01")
    filled.process()
    filled.coordinator.remove_symbol("QQQ")
    said = filled.store.export(folder)
    assert (said.written, said.removed) == (0, 4 + 8)
    assert written(folder, before) == set()
    assert [one.name for one in folder.iterdir() if one.is_dir()] == ["symbol=SPY"]
    assert exported(folder) == held(filled)


def test_what_retention_gave_up_stays_exported(filled: Bench, folder: Path) -> None:
    filled.load_lines(*lines(minutes("2024-12-03 09:30", "2024-12-03 10:15")), **NEW_YORK)
    filled.process()
    for form in FORMATS:
        filled.store.export(folder / form, format=form)
    everything = held(filled)
    purged = filled.coordinator.purge_bars(None, "1m", "2024-12-03T00:00Z")
    assert purged.batch_id is not None
    left = held(filled)
    assert len(left) < len(everything)
    for form in FORMATS:
        said = filled.store.export(folder / form, format=form)
        assert said.given_up == 2, "November, of both symbols"
        assert exported(folder / form, form) == everything
    filled.load_lines(line("2024-12-03 10:15:00"), **NEW_YORK)
    everything = sorted({*everything, *held(filled)}, key=str)
    for form in FORMATS:
        said = filled.store.export(folder / form, format=form)
        assert (said.written, said.given_up, said.kept) == (1, 2, 0)
        assert sorted(exported(folder / form, form), key=str) == everything
        assert filled.store.export(folder / form, format=form).written == 0
    filled.store.export(folder / "parquet", full=True)
    assert exported(folder / "parquet") == held(filled)


def test_what_retention_gave_up_of_a_month_stays_until_all_is_written(filled: Bench, folder: Path) -> None:
    for day in ("03", "04"):
        filled.load_lines(*lines(minutes(f"2024-12-{day} 09:30", f"2024-12-{day} 10:15")), **NEW_YORK)
    filled.process()
    filled.store.export(folder)
    everything = held(filled)
    assert filled.coordinator.purge_bars(["SPY"], "1m", "2024-12-03T14:30Z").deleted
    filled.load_lines(line("2024-12-04 10:15:00"), **NEW_YORK)
    said = filled.store.export(folder)
    assert said.written == 1
    (file,) = folder.glob("symbol=SPY/interval=1m/month=2024-12/*.parquet")
    assert pq.read_metadata(file).num_rows == said.rows + said.kept > said.rows
    assert set(exported(folder)) == {*everything, *held(filled)} != set(held(filled))
    filled.store.export(folder, symbols=["SPY"], start="2024-12-04", full=True)
    assert exported(folder) == held(filled, "symbol = 'SPY' AND bar_start >= '2024-12-04'") != []
    filled.store.export(folder, full=True)
    assert exported(folder) == held(filled)


def test_a_part_of_the_store(filled: Bench, folder: Path) -> None:
    filled.store.export(
        folder, symbols=["spy"], intervals=["1h", "60m", "5m"], start="2024-11-26T15:00Z", end="2024-12-02"
    )
    part = "symbol = 'SPY' AND interval IN ('5m', '1h')"
    part += " AND bar_start >= '2024-11-26 15:00:00+00' AND bar_start < '2024-12-02 00:00:00+00'"
    assert exported(folder) == held(filled, part) != []
    with pytest.raises(UnknownSymbolError):
        filled.store.export(folder, symbols=["SPX"])


def test_another_selection_is_refused_unless_all_is_written_anew(filled: Bench, folder: Path) -> None:
    filled.store.export(folder, symbols=["SPY"])
    before = content(folder)
    others: tuple[dict[str, Any], ...] = (
        {},
        {"symbols": ["SPY", "QQQ"]},
        {"symbols": ["SPY"], "intervals": ["1m"]},
        {"symbols": ["SPY"], "start": "2024-12-01"},
        {"symbols": ["SPY"], "format": "csv"},
    )
    for other in others:
        with pytest.raises(InputError, match=r"holds an export of parquet, SPY, all intervals, not of .*full=True"):
            filled.store.export(folder, **other)
    assert content(folder) == before
    filled.store.export(folder, format="csv", symbols=["QQQ"], full=True)
    assert exported(folder, "csv") == held(filled, "symbol = 'QQQ'")
    assert {Path(name).suffix for name in content(folder)} == {".csv"}
    assert filled.store.export(folder, format="csv", symbols=["QQQ"]).written == 0
    with pytest.raises(InputError, match=r"format='xlsx' is not known; allowed are parquet, csv, arrow"):
        filled.store.export(folder, format="xlsx")


def test_folders_of_others_are_left_alone(filled: Bench, folder: Path, template: Path, tmp_path: Path) -> None:
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(
        InputError, match=r"holds notes\.txt, and there is no .*out\.barhouse-export/manifest\.json, so it"
    ):
        filled.store.export(folder)
    with pytest.raises(InputError, match=r"cannot be a folder .*; name another"):
        filled.store.export(folder / "notes.txt")
    (folder / "notes.txt").unlink()
    filled.store.export(folder)
    before = content(folder)
    other_folder = tmp_path / "other"
    other_folder.mkdir()
    (other_folder / "bars.duckdb").write_bytes(template.read_bytes())
    other = Bench(other_folder / "bars.duckdb", other_folder)
    other.now = other.now.replace(day=3)
    other.load_lines(line("2024-11-26 09:31:00"), **NEW_YORK)
    with pytest.raises(InputError, match="holds an export of another store, or of what this one was before"):
        other.store.export(folder)
    assert content(folder) == before
    other.store.export(folder, full=True)
    assert exported(folder) == held(other)
    other.store.close()
    manifest_of(folder).write_text("{}")
    with pytest.raises(InputError, match="is no manifest of an export"):
        filled.store.export(folder)


def test_a_file_that_was_lost_or_cut_is_written_again(filled: Bench, folder: Path) -> None:
    filled.store.export(folder)
    first, second = sorted(folder.rglob("*.parquet"))[:2]
    first.unlink()
    second.write_bytes(second.read_bytes()[:-10])
    assert filled.store.export(folder).written == 2
    assert exported(folder) == held(filled)


class Crash(BaseException):
    """As sudden as a kill."""


@pytest.mark.parametrize("moment", ["while writing", "before the renames", "between renames", "before the manifest"])
def test_an_export_cut_short_is_finished_by_the_next(
    filled: Bench, folder: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.store.export(folder)
    filled.load_lines(line("2024-11-26 09:31:00", high=12), **NEW_YORK)
    filled.process()
    filled.coordinator.remove_symbol("QQQ")
    calls = 0

    def crash_at(count: int, real: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any, **more: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == count:
                raise Crash
            return real(*given, **more)

        return wrapped

    where, name, count = {
        "while writing": (exports, "_write_file", 3),
        "before the renames": (export_folder, "sync_all", 1),
        "between renames": (export_folder.ExportFolder, "remove", 10),
        "before the manifest": (export_folder, "sync_all", 2),
    }[moment]
    with monkeypatch.context() as patch:
        patch.setattr(where, name, crash_at(count, getattr(where, name)))
        with pytest.raises(Crash):
            filled.store.export(folder)
    assert {file.suffix for file in folder.rglob("*") if file.is_file()} == {".parquet"}, "no reader meets a part"
    manifest = json.loads(manifest_of(folder).read_text())
    assert manifest["unfinished"] and not set(manifest["unfinished"]) & manifest["partitions"].keys()
    for place, said in manifest["partitions"].items():
        file = folder / place / "bars.parquet"
        rows = duckdb.sql(f"SELECT count(*), max(batch_id) FROM read_parquet('{file}')").fetchall()
        assert rows == [(said["row_count"], said["batch_id"])], "what the manifest says is so"
    filled.store.export(folder)
    assert exported(folder) == held(filled)
    assert [file.name for file in manifest_of(folder).parent.iterdir()] == ["manifest.json"]
    assert json.loads(manifest_of(folder).read_text())["unfinished"] == []
    assert filled.store.export(folder).written == 0


def test_a_symbol_that_no_folder_can_be_named_by_is_refused_before_anything_is_written(
    filled: Bench, folder: Path
) -> None:
    name = "日" * 30
    filled.coordinator.register(name, intervals=["1m"], calendar="XNYS", base="1m")
    filled.load_lines(*lines(minutes("2024-11-26 10:00", "2024-11-26 10:05")), symbol=name, **NEW_YORK)
    with pytest.raises(InputError, match="has 277 bytes, and 255 are allowed"):
        filled.store.export(folder)
    assert not list(folder.iterdir()) and not manifest_of(folder).parent.exists()
    assert filled.store.export(folder, symbols=["SPY", "QQQ"]).written == 16


@locks_folders
def test_one_export_at_a_time_writes_into_a_folder(filled: Bench, folder: Path) -> None:
    with export_folder.prepared(folder), pytest.raises(StoreError, match="another export is writing into"):
        filled.store.export(folder)
    assert filled.store.export(folder).written == 16


@locks_folders
def test_an_export_is_over_although_a_process_started_meanwhile_shares_what_it_had_open(
    filled: Bench, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared: list[int] = []
    really_open = os.open

    def open_and_share(*given: Any, **named: Any) -> int:
        descriptor = really_open(*given, **named)
        shared.append(os.dup(descriptor))
        return descriptor

    monkeypatch.setattr(os, "open", open_and_share)
    with export_folder.prepared(folder):
        monkeypatch.undo()
    try:
        assert shared
        assert filled.store.export(folder).written == 16
    finally:
        for descriptor in shared:
            os.close(descriptor)


def test_many_files_and_their_progress(filled: Bench, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_folder, "_SYNCED_ONE_BY_ONE_MAX", 3)
    monkeypatch.setattr(exports, "_ROWS_AT_A_TIME", 7)
    seen: list[tuple[int, int]] = []
    filled.store.export(folder, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(number, 16) for number in range(1, 17)]
    assert exported(folder) == held(filled)
