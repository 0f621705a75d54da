"""What is not to be read, moved or removed: pipes, devices, open stores, links, and what a manifest names elsewhere."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from load_kit import Bench, line
from test_engine import elsewhere

from barhouse import FolderFeed
from barhouse.store.errors import BarhouseError, InputError, SourceError

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes, devices and links by these names")


@posix
@pytest.mark.parametrize("place", ["pipe.csv", "/dev/zero", "/dev/null"])
def test_what_cannot_be_read_twice_is_refused(bench: Bench, tmp_path: Path, place: str) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    for named in (tmp_path / place, [tmp_path / place]):
        with pytest.raises(SourceError, match="is no regular file but a pipe or a device"):
            bench.load(named)


@posix
@pytest.mark.parametrize("kind", ["itself", "a link", "a hard link"])
def test_a_store_that_is_open_is_no_source_and_keeps_its_lock(bench: Bench, tmp_path: Path, kind: str) -> None:
    place = bench.store.path
    assert place is not None
    other = tmp_path / "other.csv"
    if kind == "a link":
        other.symlink_to(place)
    elif kind == "a hard link":
        other.hardlink_to(place)
    with pytest.raises(SourceError, match="is a store that is open in this process"):
        bench.load(place if kind == "itself" else other)
    assert elsewhere(place).startswith("StoreHeldError")


@posix
def test_a_folder_feed_follows_no_link(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (tmp_path / "secret.csv").write_text("secret\n")
    (inbox / "bars.csv").symlink_to(tmp_path / "secret.csv")
    feed = FolderFeed(inbox, "1m", settle_seconds=0, once=True)

    async def delivered() -> list[Any]:
        return [one async for one in feed.deliveries(["SPY"], None) if one.file is not None]

    assert asyncio.run(delivered()) == []
    assert (inbox / "failed" / "bars.csv").is_symlink()
    assert "is a link" in (inbox / "failed" / "bars.csv.why").read_text(encoding="utf-8")
    assert (tmp_path / "secret.csv").read_text(encoding="utf-8") == "secret\n"


def changed(manifest: dict[str, Any], name: str, value: Any) -> str:
    return json.dumps({**manifest, name: value})


VICTIM = {"row_count": 1, "batch_id": 1, "size_bytes": 1}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("unfinished", ["../../victim"]),
        ("unfinished", ["symbol=A/../../../victim"]),
        ("unfinished", ["/etc"]),
        ("unfinished", ["symbol=SPY/interval=1m/month=2024-11/.."]),
        ("unfinished", [5]),
        ("unfinished", "victim"),
        ("partitions", {"../victim": VICTIM}),
        ("partitions", [VICTIM]),
        ("partitions", {"symbol=SPY/interval=1m/month=2024-11": {"row_count": "many"}}),
        ("batch_id", "one"),
        ("batch_id", 2**63),
        ("committed_at", "-Infinity"),
        ("committed_at", "0001-01-01T00:00:00+14:00"),
        ("unfinished", ["symbol=SPY/interval=1m/month=20922337-11"]),
        ("unfinished", ["symbol=SPY/interval=1m/month=0000-11"]),
        ("partitions", {"symbol=SPY/interval=1m/month=2024-13": VICTIM}),
        ("symbols", 5),
        ("format", None),
    ],
)
def test_a_manifest_names_nothing_but_partitions(bench: Bench, tmp_path: Path, name: str, value: Any) -> None:
    bench.load_lines(line("2024-11-26 14:30:00"), timezone="UTC")
    folder = tmp_path / "deep" / "out"
    folder.parent.mkdir()
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "bars.parquet").write_text("mine")
    bench.store.export(folder)
    (manifest,) = folder.parent.rglob("manifest.json")
    manifest.write_text(changed(json.loads(manifest.read_text(encoding="utf-8")), name, value), encoding="utf-8")
    with pytest.raises(InputError, match=r"is no manifest of an export .*export into another folder"):
        bench.store.export(folder)
    assert (victim / "bars.parquet").read_text() == "mine"


@pytest.mark.parametrize("text", ["", "{", "[]", "5", "\xff", "[" * 100_000])
def test_what_is_no_manifest_is_refused(bench: Bench, tmp_path: Path, text: str) -> None:
    bench.load_lines(line("2024-11-26 14:30:00"), timezone="UTC")
    bench.store.export(tmp_path / "out")
    (manifest,) = tmp_path.rglob("manifest.json")
    manifest.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match="is no manifest of an export"):
        bench.store.export(tmp_path / "out")


@pytest.mark.parametrize("symbol", ["SPY", None])
def test_a_damaged_parquet_file_is_told_wherever_it_is_found(bench: Bench, tmp_path: Path, symbol: str | None) -> None:
    """Some of it is only found when a column is read once more, for its symbols or its values."""
    stamps = [datetime(2024, 11, 26, 14, 30 + minute, tzinfo=UTC) for minute in range(20)]
    prices = {name: [10.0] * 20 for name in ("open", "high", "low", "close", "volume")}
    rows = pa.table({"symbol": ["SPY"] * 20, "bar_start": stamps, **prices})
    path, told = tmp_path / "bars.parquet", set()
    pq.write_table(rows, path, compression="none")
    whole = path.read_bytes()
    for at in range(4, len(whole) - 8, 61):
        path.write_bytes(whole[:at] + bytes(byte ^ 0xA5 for byte in whole[at : at + 5]) + whole[at + 5 :])
        try:
            bench.load(path, symbol=symbol)
        except BarhouseError as error:
            told.add(type(error).__name__)
    assert told
