"""What the tests of files of many kinds share: the same bars, packed in every way, and how to load them."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from load_kit import HEADER, NEW_YORK, Bench, minutes

from barhouse.store.errors import InputError
from barhouse.store.places import scratch_folder

#: Bars with values that no two share, so that a lost or doubled one shows.
ROWS = [
    (stamp, 100 + number / 8, 101 + number / 8, 99 + number / 8, 100.5 + number / 8, 1000 + 7 * number)
    for number, stamp in enumerate(minutes("2024-11-26 09:30", "2024-11-26 15:30"))
]
TEXT = "\n".join([HEADER, *(",".join(map(str, row)) for row in ROWS), ""]).encode()
PRICES = ("open", "high", "low", "close", "volume")


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def zstd(content: bytes) -> bytes:
    packed = pa.BufferOutputStream()
    with pa.CompressedOutputStream(packed, "zstd") as stream:
        stream.write(content)
    return bytes(packed.getvalue().to_pybytes())


def parquet(content: bytes) -> bytes:
    packed = pa.BufferOutputStream()
    pq.write_table(pyarrow.csv.read_csv(io.BytesIO(content)), packed)
    return bytes(packed.getvalue().to_pybytes())


def halves(content: bytes) -> tuple[bytes, bytes]:
    rows = content.splitlines(keepends=True)
    return b"".join(rows[:180]), b"".join([rows[0], *rows[180:]])


def held(bench: Bench) -> list[tuple[Any, ...]]:
    """The bars, as ROWS has them."""
    found = bench.ask(
        f"SELECT strftime(timezone('{NEW_YORK}', bar_start), '%Y-%m-%d %H:%M:%S') AS bar_start, {', '.join(PRICES)} "
        f"FROM bars WHERE symbol = 'SPY' AND interval = '1m' ORDER BY ALL"
    )
    return [tuple(bar.values()) for bar in found]


def load_damaged(bench: Bench, name: str, content: bytes) -> bool:
    """Load it; whether it was refused. What is taken must be what is there."""
    path = bench.folder / name
    path.write_bytes(content)
    try:
        report = bench.load(path, timezone=NEW_YORK)
    except InputError as error:
        assert scratch_folder._PREFIX not in str(error)
        return True
    assert (report.inserted, report.revised, report.rejected) == (0, 0, 0)
    assert report.unchanged == len(ROWS)
    return False
