"""What is said of a file before it is loaded: it is what a load makes of it, and the command that is named loads it."""

from __future__ import annotations

import json
import shutil
from datetime import date, datetime
from inspect import signature
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from load_kit import HEADER, Bench, line, lines, minutes
from vendor_kit import CASES, Vendor, held, kept, make_templates

from barhouse import InputError, inspect_source
from barhouse.coordinator.cli.main import cli
from barhouse.coordinator.sources.recognition import is_generic

SHOWN = 5
RUNNER = CliRunner(**{name: False for name in signature(CliRunner).parameters if name == "mix_stderr"})


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_templates(tmp_path_factory.mktemp("vendors"))


def written(folder: Path, *rows: str, name: str = "bars.csv", header: str = HEADER) -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("vendor", CASES, ids=str)
def test_what_is_shown_and_named_is_what_a_load_comes_to(vendor: Vendor, templates: Path, tmp_path: Path) -> None:
    has_to_be_said = vendor.more or vendor.fits is not None or is_generic(vendor.preset)
    options: dict[str, Any] = {"preset": vendor.preset, **vendor.more} if has_to_be_said else {}
    report = inspect_source(vendor.path, vendor.symbol, **options)
    assert report.problem is None and report.preset == vendor.preset
    assert set(report.presets) <= {vendor.preset, *(vendor.fits or ())}
    assert (report.interval, report.missing, report.rejects) == (vendor.interval, (), ())
    assert report.symbols == (() if vendor.symbol else tuple(sorted(vendor.bars)))
    shown = kept([bar.model_dump() for bar in report.bars], vendor.interval)
    assert shown == [bar for symbol in sorted(vendor.bars) for bar in vendor.bars[symbol]][:SHOWN]

    shutil.copy(templates / f"{vendor.interval}.duckdb", tmp_path / "bars.duckdb")
    bench = Bench(tmp_path / "bars.duckdb", tmp_path)
    said = dict(report.options)
    bench.load(vendor.path, said.pop("interval"), said.pop("symbol", None), **said)
    assert held(bench, vendor) == vendor.bars


def test_nothing_is_written_and_no_store_is_opened(tmp_path: Path) -> None:
    path = written(tmp_path, *lines(minutes("2024-11-26 09:30", "2024-11-26 10:30")))
    before = path.read_bytes()
    inspect_source(path, "SPY", timezone="UTC")
    assert RUNNER.invoke(cli, ["inspect", str(path), "--timezone", "UTC"]).exit_code == 0
    assert [one.name for one in tmp_path.iterdir()] == ["bars.csv"] and path.read_bytes() == before


def test_of_presets_that_the_lines_do_not_tell_apart_none_is_used(tmp_path: Path) -> None:
    path = written(tmp_path, "2024-10-18,10,11,9,10,5", header="Date,Open,High,Low,Close,Volume")
    report = inspect_source(path)
    assert (report.presets, report.preset) == (("stooq", "yfinance"), None)
    assert report.options == {} and report.missing == ("symbol", "interval")


@pytest.mark.parametrize(
    ("row", "preset"),
    [
        ("2024-10-21 14:30:00,10,11,9,10,5", "firstratedata"),
        ("10/21/2024,14:30,10,11,9,10,5", "kibot"),
        ("10/21/2024,10,11,9,10,5", "kibot_daily"),
        ("1729521000,10,11,9,10,5,7", "kraken"),
    ],
)
def test_no_preset_is_used_for_rows_that_may_be_anybodys(tmp_path: Path, row: str, preset: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"{row}\n", encoding="utf-8")
    report = inspect_source(path, "SPY")
    assert (report.presets, report.preset, report.timezone) == ((preset,), None, None)
    said = f"rows like those of {preset}: say preset='{preset}' if it is that vendor's, or header= and timezone="
    assert str(report.problem).count(said) == 1


def test_a_file_is_called_a_file_and_a_preset_that_does_not_read_it_is_not_named(tmp_path: Path) -> None:
    german = written(tmp_path, "21.10.2024,10,11,9,10,5", header="Date,Open,High,Low,Close,Volume")
    report = inspect_source(german, "SPY")
    assert report.presets == () and "preset" not in str(report.problem)
    bad = written(tmp_path, line("2024-10-21 10:00", high=1))
    assert "against the file" in str(inspect_source(bad, "SPY", timezone="UTC").problem)
    assert "against the frame" in str(inspect_source(pd.read_csv(bad), "SPY", timezone="UTC").problem)


def test_names_beside_a_remark_are_in_any_case(tmp_path: Path) -> None:
    head = "https://www.CryptoDataDownload.com\nUnix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT,tradecount"
    path = written(tmp_path, "1729468800000,2024-10-21 00:00:00,BTCUSDT,10,11,9,10,5,50,7", header=head)
    assert inspect_source(path).presets == ("cryptodatadownload",)
    assert inspect_source(path, preset="cryptodatadownload", volume_column="Volume BTC").problem is None


def test_a_download_with_a_column_more_is_told_how(tmp_path: Path) -> None:
    head = "Price,Adj Close,Close,High,Low,Open,Volume\nTicker,SPY,SPY,SPY,SPY,SPY,SPY\nDate,,,,,,"
    path = written(tmp_path, "2024-10-21,5,10,11,9,10,5", "2024-10-22,5,10,11,9,10,5", header=head)
    header = ["timestamp", "adj_close", "close", "high", "low", "open", "volume"]
    report = inspect_source(path, "SPY")
    assert report.presets == () and f"preset='yfinance_download' and header={header}" in str(report.problem)
    assert inspect_source(path, "SPY", preset="yfinance_download", header=header).problem is None


def test_a_vwap_in_words_is_no_volume(tmp_path: Path) -> None:
    path = written(tmp_path, "2024-10-21T10:00Z,10,11,9,10,10.5,5", header=f"{HEADER[:-6]}VolumeWeightPrice,Volume")
    assert inspect_source(path, "SPY").parts["volume"] == "Volume"


def test_what_was_said_goes_before_the_preset_that_fits(tmp_path: Path) -> None:
    path = tmp_path / "ES.txt"
    path.write_text("20241021 133100;10;11;9;10;5\n20241021 133200;10;11;9;10;5\n", encoding="utf-8")
    said = {"header": ["timestamp", "open", "high", "low", "close", "volume"], "timestamp_format": "%Y%m%d %H%M%S"}
    report = inspect_source(path, timezone="UTC", **said)
    assert (report.preset, report.presets, report.label) == (None, ("ninjatrader",), "start")
    assert [bar.bar_start.strftime("%H:%M") for bar in report.bars if bar.bar_start] == ["13:31", "13:32"]


@pytest.mark.parametrize(
    ("stamps", "interval", "regular"),
    [
        (minutes("2024-11-26 09:30", "2024-11-26 11:30"), "1m", True),
        (minutes("2024-11-26 09:30", "2024-11-26 15:30", step=30), "30m", True),
        ([f"2024-11-{day:02}" for day in range(1, 30)], "1d", True),
        (["2024-11-04", "2024-11-11", "2024-11-18", "2024-11-25"], "1w", True),
        (["2024-11-26 09:30:00"], None, False),
        (["2024-11-04", "2024-11-11"], "1w", False),
    ],
)
def test_the_interval_is_told_from_the_steps(
    tmp_path: Path, stamps: list[str], interval: str | None, regular: bool
) -> None:
    report = inspect_source(written(tmp_path, *lines(stamps)), "SPY", timezone="America/New_York")
    assert (report.problem, report.interval, report.regular) == (None, interval, regular)
    assert report.missing == (() if interval else ("interval",))
    first = report.bars[0]
    if interval in ("1d", "1w"):
        assert (first.session_date, first.bar_start) == (date.fromisoformat(stamps[0]), None)
    else:
        assert first.bar_start == datetime.fromisoformat("2024-11-26T14:30:00+00:00") and first.session_date is None


def test_stamps_at_the_end_are_moved_by_the_interval(tmp_path: Path) -> None:
    path = written(tmp_path, *lines(minutes("2024-11-26 10:30", "2024-11-26 16:30", step=60)))
    report = inspect_source(path, "SPY", timezone="America/New_York", label="end")
    assert report.interval == "1h" and report.bars[0].bar_start == datetime.fromisoformat("2024-11-26T14:30:00+00:00")


def test_what_cannot_be_read_is_said_with_what_is_known(tmp_path: Path) -> None:
    path = written(tmp_path, *lines(minutes("2024-11-26 09:30", "2024-11-26 11:30")))
    report = inspect_source(path, "SPY")
    assert report.problem is not None and "say which one they are in with timezone=" in report.problem
    assert (report.row_count, report.naive, report.interval, report.bars) == (120, True, "1m", ())
    assert report.parts["bar_start"] == "timestamp" and report.unused == ()


def test_rows_that_cannot_be_taken_are_counted(tmp_path: Path) -> None:
    rows = [*lines(minutes("2024-11-26 09:30", "2024-11-26 09:40")), line("2024-11-26 09:40:00", high=1)]
    report = inspect_source(written(tmp_path, *rows), "SPY", timezone="UTC")
    assert [(one.count, one.first_row) for one in report.rejects] == [(1, 11)]


def test_only_the_first_rows_are_looked_at(tmp_path: Path) -> None:
    stamps = minutes("2024-11-01 00:00", "2024-11-08 00:00")
    assert len(stamps) == 10_080
    report = inspect_source(written(tmp_path, *lines(stamps)), "SPY", timezone="UTC")
    assert (report.row_count, report.interval, len(report.bars)) == (10_000, "1m", SHOWN)


def test_frames_and_parquet_are_looked_at_alike(tmp_path: Path) -> None:
    stamps = pd.date_range("2024-10-21 09:30", periods=20, freq="min", tz="America/New_York")
    prices = {"open": 10.0, "high": 11.0, "low": 9.0, "close": 10.0, "volume": 5.0, "trade_count": 2, "vwap": 10.0}
    frame = pd.DataFrame({"symbol": "AAA", "timestamp": stamps, **prices})
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "a.parquet")
    first = datetime.fromisoformat("2024-10-21T13:30:00+00:00")
    for data, form in ((frame, "arrow"), (tmp_path / "a.parquet", "parquet")):
        report = inspect_source(data)
        assert (report.format, report.presets, report.symbols) == (form, ("alpaca",), ("AAA",))
        assert (report.interval, report.separator, report.encoding) == ("1m", None, None)
        assert report.bars[0].bar_start == first and report.bars[0].trade_count == 2


def test_how_a_text_is_written_is_said(tmp_path: Path) -> None:
    import gzip

    path = tmp_path / "bars.tsv.gz"
    text = "\n".join([HEADER, *lines(minutes("2024-11-26 09:30", "2024-11-26 09:40"))]).replace(",", "\t")
    path.write_bytes(gzip.compress(text.encode()))
    report = inspect_source(path, "SPY", timezone="UTC")
    assert (report.packed, report.encoding, report.separator) == ("gzip", "utf-8", "\t")


def test_the_encoding_is_that_of_the_file(tmp_path: Path) -> None:
    text = "\n".join([HEADER, *lines(minutes("2024-11-26 09:30", "2024-11-26 09:40"))])
    for encoding, said, shown in (
        ("utf-16", None, "utf-16"),
        ("latin-1", "latin-1", "latin-1"),
        ("utf-8", None, "utf-8"),
    ):
        (tmp_path / "bars.csv").write_bytes(text.encode(encoding))
        report = inspect_source(tmp_path / "bars.csv", "SPY", timezone="UTC", encoding=said)
        assert (report.problem, report.encoding, report.row_count) == (None, shown, 10)


def test_what_is_no_file_or_no_option_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        inspect_source(tmp_path / "nothing.csv")
    with pytest.raises(InputError, match="interval"):
        inspect_source(written(tmp_path), interval="1M")


# The command


def test_the_command_says_what_loads_the_file_and_that_does(tmp_path: Path) -> None:
    (vendor,) = [one for one in CASES if one.preset == "ninjatrader"]
    shutil.copy(vendor.path, tmp_path / "ES 12-24.Last.txt")
    shown = RUNNER.invoke(cli, ["inspect", "ES 12-24.Last.txt", "--symbol", "es"])
    assert shown.exit_code == 0 and shown.stdout == ""
    last = shown.stderr.splitlines()[-1].strip()
    assert last == ("load with   barhouse load 'ES 12-24.Last.txt' --symbol ES --interval 1m --preset ninjatrader")
    assert "first bars  ES 2024-10-21 13:30:00Z open 5850.25 high 5852.5 low 5849.75 close 5851 volume 1234" in (
        shown.stderr
    )
    assert "timestamp, %Y%m%d %H%M%S in UTC, the end of a bar" in shown.stderr


def test_the_command_gives_the_report_as_json_and_an_exit_code(tmp_path: Path) -> None:
    path = written(tmp_path, *lines(minutes("2024-11-26 09:30", "2024-11-26 11:30")))
    shown = RUNNER.invoke(cli, ["inspect", str(path), "--json"])
    found = json.loads(shown.stdout)
    assert shown.exit_code == 3 and "--timezone" in found["problem"]
    told = RUNNER.invoke(cli, ["inspect", str(path)])
    assert told.exit_code == 3 and "  not read  " in told.stderr and "--timezone America/New_York" in told.stderr


def test_symbols_that_paths_name_are_said(tmp_path: Path) -> None:
    for symbol in ("AAA", "BBB"):
        written(tmp_path, *lines(minutes("2024-11-26 09:30", "2024-11-26 09:40"))).rename(tmp_path / f"{symbol}.csv")
    report = inspect_source(str(tmp_path / "{symbol}.csv"), timezone="UTC")
    assert (report.symbols, report.interval, report.missing, report.problem) == (("AAA", "BBB"), "1m", (), None)
    assert {bar.symbol for bar in report.bars} == {"AAA"}


@pytest.mark.parametrize(
    ("name", "form"), [("bars.json", "json"), ("bars.arrow", "arrow"), ("bars.parquet", "parquet"), ("bars.csv", "csv")]
)
def test_what_a_file_is_is_said(tmp_path: Path, name: str, form: str) -> None:
    frame = pd.DataFrame(
        [one.split(",") for one in lines(minutes("2024-11-26 09:30", "2024-11-26 09:40"))], columns=HEADER.split(",")
    )
    path = tmp_path / name
    write = {
        "json": lambda: frame.to_json(path, orient="records"),
        "arrow": lambda: frame.to_feather(path, compression="uncompressed"),
        "parquet": lambda: frame.to_parquet(path),
        "csv": lambda: frame.to_csv(path, index=False),
    }
    write[form]()
    report = inspect_source(path, "SPY", timezone="UTC")
    assert (report.format, report.problem, report.interval) == (form, None, "1m")


def test_a_column_of_intervals_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "bars.txt"
    head = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>"
    rows = [f"SPY,{{}},20241126,{9 + at // 12:02}{at % 12 * 5:02}00,10,11,9,10,100" for at in range(20)]
    said: dict[str, Any] = {"timezone": "UTC", "columns": {"bar_start": ["<DATE>", "<TIME>"]}}
    path.write_text("\n".join([head, *(row.format(5) for row in rows)]))
    assert inspect_source(path, **said).interval == "5m"
    assert "holds 5 bars, as its column <PER> says, not 1m" in str(inspect_source(path, interval="1m", **said).problem)
    path.write_text("\n".join([head, *(row.format(1 + at // 10 * 4) for at, row in enumerate(rows))]))
    assert "several lengths, as its column <PER> says (1, 5)" in str(inspect_source(path, **said).problem)


def test_days_of_a_frame_in_its_own_zone_are_those_of_a_load(tmp_path: Path) -> None:
    days = pd.date_range("2024-10-21", periods=3, tz="America/New_York", name="Date")
    frame = pd.DataFrame({name: 10.0 for name in ("Open", "High", "Low", "Close", "Volume")}, index=days)
    frame.to_parquet(tmp_path / "days.parquet")
    report = inspect_source(tmp_path / "days.parquet", "SPY")
    assert (report.problem, report.interval) == (None, "1d")
    assert [str(bar.session_date) for bar in report.bars] == ["2024-10-21", "2024-10-22", "2024-10-23"]


DAYS = ("2024-10-18", "2024-10-21", "2024-10-22", "2024-10-23", "2024-10-24", "2024-10-25")


def instants(time: str, zone: str) -> list[str]:
    """A time of day of some days in a zone, in UTC."""
    return [f"{pd.Timestamp(f'{day} {time}', tz=zone).tz_convert('UTC'):%Y-%m-%dT%H:%M:%SZ}" for day in DAYS]


@pytest.mark.parametrize("calendar", ["XNYS", "XETR", "XTKS", "XASX", "24/7"])
@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Asia/Tokyo", "Australia/Sydney"])
def test_midnights_of_a_zone_that_nobody_said_are_refused_with_it(kinds: Bench, calendar: str, zone: str) -> None:
    """What the message names takes them, for the days that they begin there."""
    kinds.coordinator.register("ELSE", ["1d"], calendar)
    path = written(kinds.folder, *lines(instants("00:00", zone)))
    with pytest.raises(InputError) as refused:
        kinds.load(path, "1d", "ELSE")
    said = f"these are midnights in {zone}: timezone='{zone}' takes them"
    assert said in str(refused.value)
    assert said in str(inspect_source(path, "ELSE", "1d").problem)
    kinds.load(path, "1d", "ELSE", timezone=zone)
    taken = [f"{bar['session_date']}" for bar in kinds.bars("ELSE", "1d")]
    assert taken == list(DAYS)
    assert [str(bar.session_date) for bar in inspect_source(path, "ELSE", "1d", timezone=zone).bars] == list(
        DAYS[:SHOWN]
    )


def test_bars_of_days_that_are_stamped_with_the_open_are_shown_by_it(kinds: Bench) -> None:
    stamps = instants("09:30", "America/New_York")
    path = written(kinds.folder, *lines(stamps))
    report = inspect_source(path, "DAY")
    assert (report.problem, report.interval) == (None, "1d")
    assert [f"{bar.bar_start:%Y-%m-%dT%H:%M:%SZ}" for bar in report.bars] == stamps[:SHOWN]
    assert "those that open at the stamps" in RUNNER.invoke(cli, ["inspect", str(path), "--symbol", "DAY"]).stderr
    assert kinds.load(path, "1d", "DAY").inserted == len(DAYS)
    assert [str(bar["session_date"]) for bar in kinds.bars("DAY", "1d")] == list(DAYS)


def test_rows_of_days_that_are_no_bars_are_not_shown_by_their_stamps(tmp_path: Path) -> None:
    path = written(tmp_path, *[line(stamp, high=1) for stamp in instants("09:30", "America/New_York")])
    report = inspect_source(path, "DAY", "1d")
    assert report.bars == () and "high is below low" in str(report.problem)


@pytest.mark.parametrize("volume", ["--", "N/A", "", "x"])
def test_a_file_without_volumes_is_told_the_way_out(tmp_path: Path, volume: str) -> None:
    path = written(tmp_path, "10/21/2024,10,11,9,10," + volume, header="Date,Open,High,Low,Close,Volume")
    options = ["--symbol", "COMP", "--interval", "1d", "--timestamp-format", "%m/%d/%Y"]
    said = RUNNER.invoke(cli, ["inspect", str(path), *options]).stderr
    assert "where there is no volume, --no-volume takes it as 0" in said
    assert "first bars" in RUNNER.invoke(cli, ["inspect", str(path), *options, "--no-volume"]).stderr


def test_several_instruments_that_nobody_named_are_said(tmp_path: Path) -> None:
    stamps = minutes("2024-10-21 14:30", "2024-10-21 14:36")
    rows = [f"{line(stamp)},{7 if number < 3 else 8}" for number, stamp in enumerate(stamps)]
    path = written(tmp_path, *rows, header=f"{HEADER},instrument_id")
    report = inspect_source(path, "ES", timezone="UTC")
    assert report.instruments == ("instrument_id",)
    said = RUNNER.invoke(cli, ["inspect", str(path), "--symbol", "ES", "--timezone", "UTC"]).stderr
    assert (
        "several in instrument_id, taken for one symbol; they are told apart with --column symbol=instrument_id" in said
    )
    assert inspect_source(path, timezone="UTC", columns={"symbol": "instrument_id"}).instruments == ()
