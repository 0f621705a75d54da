"""Files that are read as one: their columns mean the same in each, or the load is refused."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from load_kit import HEADER, NEW_YORK, Bench, line, unchanged

from barhouse.store.errors import OptionsError, SourceError

DAYS = [datetime(2024, 11, 25) + timedelta(days=number) for number in range(3)]
EPOCHS = [int(day.replace(tzinfo=ZoneInfo(NEW_YORK)).timestamp()) for day in DAYS]
#: One midnight in New York a row, as types hold it that DuckDB turns into each other when it reads files as one.
STAMPS: dict[str, list[Any]] = {
    "times without a zone": [pa.array([day], pa.timestamp("us")) for day in DAYS],
    "instants": [pa.array([second], pa.timestamp("s", NEW_YORK)) for second in EPOCHS],
    "dates": [pa.array([day.date()]) for day in DAYS],
    "texts": [pa.array([f"{day:%Y-%m-%d}"]) for day in DAYS],
    "numbers": [pa.array([second]) for second in EPOCHS],
}


def parquet(bench: Bench, name: str, **columns: Any) -> str:
    path = bench.folder / name
    row = dict.fromkeys(("open", "high", "low", "close", "volume"), pa.array([10.0]))
    pq.write_table(pa.table({**row, **columns}), path)
    return str(path)


@pytest.mark.parametrize(("one", "other"), list(permutations(STAMPS, 2)))
def test_stamps_of_another_kind_in_one_of_the_files_are_refused(kinds: Bench, one: str, other: str) -> None:
    """Read as one, times without a zone would be instants of UTC: five hours off, and the day before."""
    paths = [
        parquet(kinds, f"{number}.parquet", timestamp=STAMPS[kind][number]) for number, kind in enumerate((one, other))
    ]
    with unchanged(kinds), pytest.raises(OptionsError, match=rf"{one} in .*0\.parquet, {other} in .*1\.parquet"):
        kinds.load(paths, "1d", "DAY", timezone=NEW_YORK)


@pytest.mark.parametrize("kind", [kind for kind in STAMPS if kind != "numbers"])
def test_files_of_one_kind_are_taken(kinds: Bench, kind: str) -> None:
    paths = [parquet(kinds, f"{number}.parquet", timestamp=STAMPS[kind][number]) for number in range(3)]
    kinds.load(paths, "1d", "DAY", timezone=NEW_YORK)
    assert [bar["session_date"] for bar in kinds.bars("DAY", "1d")] == [day.date() for day in DAYS]


def test_units_of_instants_and_widths_of_numbers_may_differ(kinds: Bench) -> None:
    stamps = [pa.array([day], pa.timestamp(unit)) for day, unit in zip(DAYS, ("s", "us", "ns"), strict=True)]
    volumes = [pa.array([2**53 + 2]), pa.array([Decimal("0.25")]), pa.array([7], pa.uint8())]
    paths = [parquet(kinds, f"{number}.parquet", timestamp=stamps[number], volume=volumes[number]) for number in (0, 2)]
    kinds.load(paths, "1d", "DAY", timezone=NEW_YORK)
    kinds.load(parquet(kinds, "1.parquet", timestamp=stamps[1], volume=volumes[1]), "1d", "DAY", timezone=NEW_YORK)
    assert [bar["volume"] for bar in kinds.bars("DAY", "1d")] == [2.0**53 + 2, 0.25, 7.0]


@pytest.mark.parametrize("whole", [pa.array([16_777_217]), pa.array([16_777_217.0]), pa.array([Decimal("16777217")])])
def test_numbers_do_not_lose_digits_to_floats_of_32_bits_beside_them(kinds: Bench, whole: pa.Array) -> None:
    """Read as one, 16777217 would be 16777216."""
    stamps = [pa.array([date(2024, 11, 25)]), pa.array([date(2024, 11, 26)])]
    short = parquet(kinds, "a.parquet", timestamp=stamps[0], volume=pa.array([1.5], pa.float32()))
    long = parquet(kinds, "b.parquet", timestamp=stamps[1], volume=whole)
    with unchanged(kinds), pytest.raises(OptionsError, match=r"floats of 32 bits in .*a\.parquet, numbers in"):
        kinds.load([short, long], "1d", "DAY")
    kinds.load(long, "1d", "DAY")
    assert [bar["volume"] for bar in kinds.bars("DAY", "1d")] == [16_777_217.0]


@pytest.mark.parametrize("before", ["", "\n", "\n\n", "# a remark\n", "# one\n# another, longer\n"])
@pytest.mark.parametrize("again", ["close", "Close", '"close"', " close"])
def test_columns_of_one_name_are_seen_below_remarks_and_blank_lines(bench: Bench, before: str, again: str) -> None:
    path = bench.folder / "bars.csv"
    path.write_text(f"{before}{HEADER},{again}\n{line('2024-11-26T14:30:00Z')},9.5\n")
    with unchanged(bench), pytest.raises(OptionsError, match="several columns of one name: close"):
        bench.load(path)


def test_an_index_of_several_levels_without_names_is_refused(bench: Bench) -> None:
    index = pd.DatetimeIndex(["2024-11-26 09:30"], tz=NEW_YORK)
    frame = pd.DataFrame(
        {"open": [10.0], "high": [10.0], "low": [10.0], "close": [10.0], "volume": [10.0]}, index=index
    )
    both = pd.concat({"SPY": frame, "QQQ": frame * 2})
    for symbol in (None, "SPY"):
        with unchanged(bench), pytest.raises(SourceError, match="2 levels without a name; name them"):
            bench.load(both, symbol=symbol)
    bench.load(both.rename_axis(["symbol", "timestamp"]), symbol=None)
    assert [bench.bars(symbol)[0]["close"] for symbol in ("SPY", "QQQ")] == [10.0, 20.0]
