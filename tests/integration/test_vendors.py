"""Vendors' files of every layout that has a preset: loaded to exactly the bars they hold, by every way in."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from load_kit import Bench
from vendor_kit import CASES, VENDORS, Vendor, held, make_templates

from barhouse import FolderFeed, InputError, LiveSession, LoadOptions, inspect_source, run_job
from barhouse.coordinator.cli.sentences.load import otherwise
from barhouse.coordinator.sources.presets import PRESETS, preset_named

EVERY = pytest.mark.parametrize("vendor", CASES, ids=str)


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_templates(tmp_path_factory.mktemp("vendors"))


@pytest.fixture
def bench(vendor: Vendor, templates: Path, tmp_path: Path) -> Bench:
    shutil.copy(templates / f"{vendor.interval}.duckdb", tmp_path / "bars.duckdb")
    return Bench(tmp_path / "bars.duckdb", tmp_path)


@EVERY
def test_a_preset_loads_the_bars_that_a_file_holds(vendor: Vendor, bench: Bench) -> None:
    report = bench.load(vendor.path, vendor.interval, vendor.symbol, preset=vendor.preset, **vendor.more)
    assert (report.rejected, report.inserted) == (0, sum(map(len, vendor.bars.values())))
    assert held(bench, vendor) == vendor.bars


@EVERY
def test_a_job_and_a_live_session_load_the_same(vendor: Vendor, bench: Bench, templates: Path, tmp_path: Path) -> None:
    shutil.copy(templates / f"{vendor.interval}.duckdb", tmp_path / "job.duckdb")
    named = {} if vendor.symbol is None else {"symbol": vendor.symbol}
    source = {"files": str(vendor.path), "interval": vendor.interval, "preset": vendor.preset, **named, **vendor.more}
    symbols = {
        "names": list(vendor.bars),
        "intervals": [vendor.interval],
        "calendar": vendor.calendar,
        "base": vendor.interval,
    }
    report = run_job({"symbols": [symbols], "sources": [source]}, store=tmp_path / "job.duckdb")
    assert report.outcome == "done", report.reasons()
    assert held(Bench(tmp_path / "job.duckdb", tmp_path), vendor) == vendor.bars

    inbox = tmp_path / "inbox"
    inbox.mkdir()
    shutil.copy(vendor.path, inbox)
    options = LoadOptions(preset=vendor.preset, **vendor.more)
    feed = FolderFeed(inbox, vendor.interval, symbol=vendor.symbol, options=options, once=True)
    asyncio.run(LiveSession(bench.store, feed, list(vendor.bars), [vendor.interval]).run())
    assert held(bench, vendor) == vendor.bars


@EVERY
def test_the_first_lines_tell_which_preset_fits(vendor: Vendor) -> None:
    found = inspect_source(vendor.path).presets
    assert set(found) == set([vendor.preset] if vendor.fits is None else vendor.fits)


@EVERY
def test_a_file_that_is_refused_without_a_preset_is_told_which_fits(vendor: Vendor, bench: Bench) -> None:
    """Never is one applied by itself: what loads without one has the same bars, their trades aside."""
    try:
        bench.load(vendor.path, vendor.interval, vendor.symbol, preset=None)
    except InputError as error:
        for name in (vendor.preset,) if vendor.fits is None else vendor.fits:
            assert f"preset={name!r}" in str(error)
        assert held(bench, vendor) == {symbol: [] for symbol in vendor.bars}
    else:
        assert {symbol: [bar[:6] for bar in bars] for symbol, bars in held(bench, vendor).items()} == {
            symbol: [bar[:6] for bar in bars] for symbol, bars in vendor.bars.items()
        }


def test_every_preset_has_a_file_and_says_what_it_is() -> None:
    assert {vendor.preset for vendor in CASES} == set(PRESETS.own())
    assert {vendor.file for vendor in CASES} == {path.name for path in VENDORS.iterdir()}
    for name in PRESETS.own():
        preset = preset_named(name)
        assert preset.about and preset.options and preset.marks, name


def test_a_file_that_a_preset_would_read_otherwise_is_said_to_look_like_it(tmp_path: Path) -> None:
    """All but the label was said: the bars are a minute late, as it was asked for, and the report says so."""
    bench = Bench(tmp_path / "bars.duckdb", tmp_path)
    bench.coordinator.register("ES", ["1m"], "24/7")
    path = VENDORS / "ninjatrader.txt"
    said = {"header": ["timestamp", "open", "high", "low", "close", "volume"], "timestamp_format": "%Y%m%d %H%M%S"}
    report = bench.load(path, "1m", "ES", timezone="UTC", **said)
    assert report.presets == ("ninjatrader",)
    assert otherwise(report) == f"hint: {path} looks like ninjatrader, read otherwise with preset='ninjatrader'"
    for more in ({"label": "end", **said}, {"preset": "ninjatrader"}):
        right = bench.load(path, "1m", "ES", timezone="UTC", **more)
        assert (right.presets, otherwise(right)) == ((), "")


def _databento(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(ts_event=pd.to_datetime(frame["ts_event"], utc=True)).set_index("ts_event")


def _databento_raw(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype({"rtype": "uint8", "publisher_id": "uint16", "instrument_id": "uint32", "volume": "uint64"})


def _alpaca(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(timestamp=pd.to_datetime(frame["timestamp"], utc=True)).set_index(["symbol", "timestamp"])


@pytest.mark.parametrize(
    ("vendor", "as_the_client_gives_it"),
    [
        (one, shape)
        for one in CASES
        for shape in (_databento, _databento_raw, _alpaca)
        if one.file == f"{shape.__name__[1:]}.csv"
    ],
    ids=lambda one: str(one) if isinstance(one, Vendor) else one.__name__,
)
@pytest.mark.parametrize("suffix", [".parquet", ".feather", "frame"])
def test_frames_of_a_vendors_client_are_loaded_by_the_same_preset(
    vendor: Vendor, as_the_client_gives_it: Callable[[pd.DataFrame], pd.DataFrame], suffix: str, bench: Bench
) -> None:
    frame = as_the_client_gives_it(pd.read_csv(vendor.path))
    data: Any = frame
    if suffix != "frame":
        data = bench.folder / f"bars{suffix}"
        frame.to_parquet(data) if suffix == ".parquet" else frame.reset_index(
            drop=frame.index.names == [None]
        ).to_feather(data)
    assert vendor.preset in inspect_source(data).presets
    report = bench.load(data, vendor.interval, vendor.symbol, preset=vendor.preset)
    assert (report.rejected, report.inserted) == (0, sum(map(len, vendor.bars.values())))
    assert held(bench, vendor) == vendor.bars


@pytest.mark.parametrize("vendor", [one for one in CASES if one.preset.startswith("databento")], ids=str)
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_preset_in_another_scale_is_refused(vendor: Vendor, suffix: str, bench: Bench) -> None:
    """Each file of Databento by the presets of the others, which are refused."""
    data = vendor.path
    if suffix == ".parquet":
        data = bench.folder / "bars.parquet"
        pd.read_csv(vendor.path).to_parquet(data, index=False)
    scale = preset_named(vendor.preset).options.get("price_scale")
    for other in [one.preset for one in CASES if one.preset.startswith("databento")]:
        differs = preset_named(other).options.get("price_scale") != scale
        try:
            bench.load(data, vendor.interval, vendor.symbol, preset=other)
        except InputError as error:
            assert not differs or (f"preset={vendor.preset!r}" in str(error) and "price_scale=" in str(error))
            assert other != vendor.preset
        else:
            assert not differs
            assert held(bench, vendor) == vendor.bars
