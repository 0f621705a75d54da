"""Files of Databento's own encoding: bars with exact prices, and the symbols that the file maps its ids to."""

from __future__ import annotations

import struct
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import databento_dbn as dbn
import pytest
from file_kit import ROWS, held, load_damaged, zipped, zstd
from load_kit import NEW_YORK, Bench, unchanged

from barhouse import run_job
from barhouse.store.errors import OptionsError, SourceError

NO_PRICE = (1 << 63) - 1
#: One symbol on all days, another that was renamed.
MAPPINGS = {"SPY": [("2024-11-01", "2024-12-01", "15144")]}
TYPES = {dbn.Schema.OHLCV_1S: 0x20, dbn.Schema.OHLCV_1M: 0x21, dbn.Schema.OHLCV_1H: 0x22, dbn.Schema.OHLCV_1D: 0x23}


def head(
    schema: Any = dbn.Schema.OHLCV_1M,
    mappings: Mapping[str, Sequence[tuple[str, str, str]]] = MAPPINGS,
    stype_in: Any = dbn.SType.RAW_SYMBOL,
    stype_out: Any = dbn.SType.INSTRUMENT_ID,
    ts_out: bool = False,
) -> bytes:
    """The beginning of a file, by Databento's library."""
    mapped = [
        SimpleNamespace(
            raw_symbol=symbol,
            intervals=[
                SimpleNamespace(start_date=date.fromisoformat(start), end_date=date.fromisoformat(end), symbol=given)
                for start, end, given in intervals
            ],
        )
        for symbol, intervals in mappings.items()
    ]
    made = dbn.Metadata(
        dataset="XNAS.ITCH",
        start=1,
        stype_in=stype_in,
        stype_out=stype_out,
        schema=schema,
        mappings=cast(Any, mapped),
        ts_out=ts_out,
    )
    return bytes(made)


def record(stamp: datetime, prices: Sequence[int], volume: int, instrument: int = 15144, kind: int = 0x21) -> bytes:
    """A record as the encoding is described."""
    nanoseconds = int(stamp.timestamp()) * 10**9
    return struct.pack("<BBHIQqqqqQ", 14, kind, 2, instrument, nanoseconds, *prices, volume)


def instant(text: object) -> datetime:
    from zoneinfo import ZoneInfo

    return datetime.fromisoformat(str(text)).replace(tzinfo=ZoneInfo(NEW_YORK))


RECORDS = [
    record(instant(row[0]), [int(Fraction(float(price)) * 10**9) for price in row[1:5]], int(row[5])) for row in ROWS
]
FILE = head() + b"".join(RECORDS)


@pytest.mark.parametrize("name", ["bars.dbn", "bars.dbn.zst", "bars.zip"])
def test_dbn_holds_the_bars(bench: Bench, name: str) -> None:
    path = bench.folder / name
    path.write_bytes({"zst": zstd(FILE), "zip": zipped({"a.dbn": FILE})}.get(name.rpartition(".")[2], FILE))
    report = bench.load(path, symbol=None)
    assert (report.symbols, report.inserted, report.rejected) == (("SPY",), len(ROWS), 0)
    assert held(bench) == ROWS
    assert bench.load(path).unchanged == len(ROWS)


def test_a_record_is_what_the_library_makes_of_it() -> None:
    """The description that these tests go by is that of the library."""
    at = instant(ROWS[0][0])
    made = dbn.OHLCVMsg(0x21, 2, 15144, int(at.timestamp()) * 10**9, 1, 2, 3, NO_PRICE, 5)
    assert bytes(made) == record(at, [1, 2, 3, NO_PRICE], 5)


def test_prices_are_the_doubles_next_to_what_they_say(bench: Bench) -> None:
    random = Random(1)
    counts = [
        1,
        123456789,
        179_990_000_000,
        (1 << 53) + 1,
        9_007_199_254_740_993,
        *(random.getrandbits(60) for _ in range(20)),
    ]
    records = [record(instant(row[0]), [count] * 4, 1) for row, count in zip(ROWS, counts, strict=False)]
    path = bench.folder / "bars.dbn"
    path.write_bytes(head() + b"".join(records))
    assert bench.load(path).inserted == len(counts)
    nearest = [float(Fraction(count, 10**9)) for count in counts]
    assert [(bar["open"], bar["close"]) for bar in bench.bars()] == list(zip(nearest, nearest, strict=True))


def test_prices_that_are_not_known_are_none(bench: Bench) -> None:
    path = bench.folder / "bars.dbn"
    path.write_bytes(head() + record(instant(ROWS[0][0]), [10**9] * 3 + [NO_PRICE], 1) + RECORDS[1])
    report = bench.load(path)
    assert (report.inserted, report.rejected) == (1, 1)


def test_symbols_follow_the_dates_of_the_file(bench: Bench) -> None:
    """One instrument is SPY until a day, then QQQ; another was QQQ before; a third is nobody's."""
    mappings = {
        "SPY": [("2024-11-01", "2024-11-27", "1")],
        "QQQ": [("2024-11-27", "2024-12-01", "1"), ("2024-11-01", "2024-11-27", "2")],
    }
    days = [datetime(2024, 11, day, 15, tzinfo=UTC) for day in (25, 26, 27, 29)]
    records = [record(day, [10**9 * given] * 4, 1, given) for day in days for given in (1, 2, 3)]
    path = bench.folder / "bars.dbn"
    path.write_bytes(head(mappings=mappings) + b"".join(records))
    report = bench.load(path, symbol=None)
    assert (report.inserted, report.rejected) == (6, 6)
    assert [(f"{bar['bar_start']:%d}", bar["open"]) for bar in bench.bars("SPY")] == [("25", 1.0), ("26", 1.0)]
    assert [(f"{bar['bar_start']:%d}", bar["open"]) for bar in bench.bars("QQQ")] == [
        ("25", 2.0),
        ("26", 2.0),
        ("27", 1.0),
        ("29", 1.0),
    ]


def test_ids_that_were_asked_for_are_mapped_to_symbols(bench: Bench) -> None:
    content = head(
        mappings={"15144": [("2024-11-01", "2024-12-01", "SPY")]},
        stype_in=dbn.SType.INSTRUMENT_ID,
        stype_out=dbn.SType.RAW_SYMBOL,
    )
    path = bench.folder / "bars.dbn"
    path.write_bytes(content + b"".join(RECORDS))
    assert bench.load(path, symbol=None).inserted == len(ROWS)
    assert held(bench) == ROWS


def test_an_instrument_that_is_two_symbols_of_one_day_is_refused(loaded: Bench) -> None:
    path = loaded.folder / "bars.dbn"
    both = {"SPY": [("2024-11-01", "2024-12-01", "15144")], "QQQ": [("2024-11-20", "2024-12-01", "15144")]}
    path.write_bytes(head(mappings=both) + b"".join(RECORDS))
    with (
        unchanged(loaded),
        pytest.raises(SourceError, match=r"maps instrument 15144 to two symbols of one day"),
    ):
        loaded.load(path, symbol=None)


def test_records_may_say_when_they_were_sent(bench: Bench) -> None:
    path = bench.folder / "bars.dbn"
    records = [bytes([16]) + one[1:] + struct.pack("<Q", 7) for one in RECORDS]
    path.write_bytes(head(ts_out=True) + b"".join(records))
    assert bench.load(path).inserted == len(ROWS)
    assert held(bench) == ROWS


def test_days_are_those_of_their_dates_in_utc(kinds: Bench) -> None:
    stamps = [datetime(2024, 11, day, tzinfo=UTC) for day in (25, 26)]
    content = head(dbn.Schema.OHLCV_1D) + b"".join(record(day, [10**9] * 4, 1, kind=0x23) for day in stamps)
    path = kinds.folder / "days.dbn"
    path.write_bytes(content)
    assert kinds.load(path, "1d", "DAY").inserted == 2


def test_bars_of_another_length_are_refused(loaded: Bench) -> None:
    """Hours lie on the grid of minutes; the file says what they are."""
    hours = [datetime(2024, 11, 26, hour, 30, tzinfo=UTC) for hour in (15, 16)]
    path = loaded.folder / "hours.dbn"
    path.write_bytes(head(dbn.Schema.OHLCV_1H) + b"".join(record(hour, [10**9] * 4, 1, kind=0x22) for hour in hours))
    with (
        unchanged(loaded),
        pytest.raises(OptionsError, match=r"holds 1h bars, as it says itself, not 1m; say"),
    ):
        loaded.load(path)


@pytest.mark.parametrize("schema", [dbn.Schema.TRADES, dbn.Schema.MBP_1, dbn.Schema.DEFINITION, None])
def test_other_schemas_are_refused_by_name(loaded: Bench, schema: Any) -> None:
    path = loaded.folder / "other.dbn"
    path.write_bytes(head(schema) + b"".join(RECORDS))
    with (
        unchanged(loaded),
        pytest.raises(SourceError, match=f"holds {schema or 'records of several'}.*is no schema"),
    ):
        loaded.load(path)


def test_files_that_are_damaged_are_refused(loaded: Bench) -> None:
    begins = len(head())
    for content in (
        b"",
        FILE[:5],
        FILE[: begins - 9],
        FILE[: begins + 50],
        FILE[:-1],
        b"DBM" + FILE[3:],
        FILE[: begins + 56] + b"\x0f" + FILE[begins + 57 :],
        head() + record(instant(ROWS[0][0]), [10**9] * 4, 1, kind=0x23),
    ):
        assert load_damaged(loaded, "bars.dbn", content)
    packed = zstd(FILE)
    for length in (1, len(packed) // 2, len(packed) - 1):
        assert load_damaged(loaded, "bars.dbn.zst", packed[:length])
    assert held(loaded) == ROWS


def test_prices_are_not_scaled_twice(loaded: Bench) -> None:
    path = loaded.folder / "bars.dbn"
    path.write_bytes(FILE)
    with unchanged(loaded), pytest.raises(OptionsError, match=r"price_scale= is for whole numbers; prices of dbn are"):
        loaded.load(path, preset="databento_raw")
    assert loaded.load(path, preset="databento").unchanged == len(ROWS)


def test_without_the_library_it_is_said_how_to_install_it(loaded: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "databento_dbn", None)
    path = loaded.folder / "bars.dbn"
    path.write_bytes(FILE)
    with (
        unchanged(loaded),
        pytest.raises(SourceError, match=r"databento-dbn: pip install 'barhouse\[databento\]'"),
    ):
        loaded.load(path)


def test_a_job_knows_how_long_the_bars_are(tmp_path: Path) -> None:
    (tmp_path / "bars.dbn").write_bytes(head() + RECORDS[0])
    job = tmp_path / "job.toml"
    job.write_text(
        'store = "bars.duckdb"\n[[symbols]]\nnames = "SPY"\nintervals = ["1m"]\ncalendar = "XNYS"\n'
        '[[sources]]\nfiles = "*.dbn"\n'
    )
    report = run_job(job)
    assert (report.files_loaded, report.problems) == (1, ())
