"""Files that are packed, and archives: the bars of the plain file, or a refusal that says what is wrong."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random
from tempfile import gettempdir
from typing import Any

import pytest
from file_kit import ROWS, TEXT, halves, held, load_damaged, parquet, zipped, zstd
from load_kit import HEADER, NEW_YORK, Bench, copy_template, line, unchanged

from barhouse import SessionCoordinator, open_store
from barhouse.coordinator.load import door
from barhouse.coordinator.sources import packed_bytes
from barhouse.coordinator.sources.files import is_readable
from barhouse.coordinator.sources.readable_files import readable
from barhouse.coordinator.sources.source import Source
from barhouse.store.errors import OptionsError, SourceError
from barhouse.store.places import scratch_folder

PACKED: dict[str, Callable[[bytes], bytes]] = {
    "bars.csv.gz": gzip.compress,
    "bars.csv.zst": zstd,
    "bars.csv.bz2": bz2.compress,
    "bars.csv.xz": lzma.compress,
    "bars.TXT.XZ": lzma.compress,
    "several streams.csv.bz2": lambda text: bz2.compress(text[:1000]) + bz2.compress(text[1000:]),
    "several streams.csv.xz": lambda text: lzma.compress(text[:1000]) + b"\0" * 8 + lzma.compress(text[1000:]),
    "bars.parquet": parquet,
    "bars.parquet.gz": lambda text: gzip.compress(parquet(text)),
    "bars.zip": lambda text: zipped({"bars.csv": text}),
    "stored.zip": lambda text: zipped({"bars.csv": text}, zipfile.ZIP_STORED),
    "bzip2.zip": lambda text: zipped({"bars.csv": text}, zipfile.ZIP_BZIP2),
    "lzma.zip": lambda text: zipped({"bars.csv": text}, zipfile.ZIP_LZMA),
    "packed inside.ZIP": lambda text: zipped({"bars.csv.gz": gzip.compress(text)}),
    "packed twice.zip": lambda text: zipped({"bars.csv.xz": lzma.compress(text)}),
    "parquet.zip": lambda text: zipped({"bars.parquet": parquet(text)}),
    "in a folder.zip": lambda text: zipped({"2024/": b"", "2024/11/bars.csv": text}),
    "several.zip": lambda text: zipped(dict(zip(("a.csv", "b.csv"), halves(text), strict=True))),
    "other order.zip": lambda text: zipped(dict(zip(("b.csv", "a.csv"), halves(text), strict=True))),
    "from a mac.zip": lambda text: zipped({"bars.csv": text, "__MACOSX/._bars.csv": b"\0\5", ".DS_Store": b"\1"}),
    "names that are paths.zip": lambda text: zipped(
        dict(zip(("../../a.csv", "/etc/b.csv"), halves(text), strict=True))
    ),
    "a=b.zip": lambda text: zipped({"symbol=QQQ/bars.csv": text}),
}


@pytest.mark.parametrize("name", PACKED)
def test_what_is_packed_holds_the_bars_of_the_plain_file(bench: Bench, name: str) -> None:
    path = bench.folder / name
    path.write_bytes(PACKED[name](TEXT))
    before = set(bench.folder.rglob("*"))
    report = bench.load(path, timezone=NEW_YORK)
    assert (report.inserted, report.source) == (len(ROWS), str(path))
    assert held(bench) == ROWS
    again = bench.load(path, timezone=NEW_YORK)
    assert (again.unchanged, again.inserted) == (len(ROWS), 0)
    assert set(bench.folder.rglob("*")) <= before | {bench.folder / "bars.duckdb.wal"}, "nothing is left of it"
    # and known by its bytes where it is one file
    outcomes = bench.ask("SELECT path, outcome IS NULL AS uncertain FROM source_file")
    assert {row["path"] for row in outcomes} == {str(path)}
    assert {row["uncertain"] for row in outcomes} == {"=" in name}


@pytest.mark.parametrize("name", PACKED)
def test_a_file_that_is_cut_off_is_refused(loaded: Bench, name: str) -> None:
    content = PACKED[name](TEXT)
    random = Random(name)
    for length in {1, len(content) // 2, len(content) - 1, *(random.randrange(1, len(content)) for _ in range(5))}:
        assert load_damaged(loaded, name, content[:length]) or name.startswith("several streams"), length
    assert held(loaded) == ROWS


CHECKED = [name for name in PACKED if "zst" not in name and "parquet" not in name]


@pytest.mark.parametrize("name", CHECKED)
def test_a_file_of_which_a_bit_was_lost_never_gives_other_bars(loaded: Bench, name: str) -> None:
    """It is refused, or what was lost says nothing of bars; zstd and Parquet as Arrow writes them have no checksum."""
    content = PACKED[name](TEXT)
    random = Random(name)
    refused = 0
    for _ in range(20):
        damaged = bytearray(content)
        damaged[random.randrange(len(content))] ^= 1 << random.randrange(8)
        refused += load_damaged(loaded, name, bytes(damaged))
    assert refused >= 10
    assert held(loaded) == ROWS


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("more.csv.bz2", bz2.compress(TEXT) + b"more"),
        ("more.csv.bz2", bz2.compress(TEXT[:500]) + bz2.compress(TEXT[500:])[:-1]),
        ("more.csv.xz", lzma.compress(TEXT) + b"\0\0\0\0more"),
        ("no.csv.xz", TEXT),
        ("no.csv.bz2", b""),
        ("no.zip", TEXT),
        ("no.zip", b""),
        ("none inside.zip", zipped({})),
        ("folders alone.zip", zipped({"a/": b"", "__MACOSX/x.csv": TEXT})),
        ("an archive inside.zip", zipped({"bars.zip": zipped({"bars.csv": TEXT})})),
        ("different kinds.zip", zipped({"a.csv": TEXT, "b.parquet": parquet(TEXT)})),
    ],
)
def test_what_is_no_packed_file_of_bars_is_refused(loaded: Bench, name: str, content: bytes) -> None:
    with unchanged(loaded):
        assert load_damaged(loaded, name, content)


def test_an_encrypted_archive_is_refused(loaded: Bench) -> None:
    content = bytearray(zipped({"bars.csv": TEXT}))
    content[6] |= 1  # as the file itself says
    content[content.index(b"PK\1\2") + 8] |= 1  # and as the list of files says
    path = loaded.folder / "secret.zip"
    path.write_bytes(content)
    with unchanged(loaded), pytest.raises(SourceError, match=r"secret\.zip/bars\.csv is encrypted; unpack it yourself"):
        loaded.load(path, timezone=NEW_YORK)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_in_an_archive_are_refused(loaded: Bench) -> None:
    path = loaded.folder / "twice.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bars.csv", TEXT)
        archive.writestr("bars.csv", TEXT.replace(b"100.", b"101."))
    with unchanged(loaded), pytest.raises(SourceError, match=r"several files of one name inside: bars\.csv"):
        loaded.load(path, timezone=NEW_YORK)


@pytest.mark.parametrize("name", ["bomb.csv.gz", "bomb.csv.zst", "bomb.csv.bz2", "bomb.csv.xz", "bomb.zip"])
def test_what_comes_to_far_more_than_it_is_is_refused(
    loaded: Bench, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long before it is unpacked."""
    monkeypatch.setattr(packed_bytes, "_FREE_BYTES", 4 << 20)
    zeros = b"0" * (64 << 20)
    pack = {"gz": gzip.compress, "zst": zstd, "bz2": bz2.compress, "xz": lzma.compress}.get(name.rpartition(".")[2])
    path = loaded.folder / name
    path.write_bytes(zipped({"bars.csv": zeros}) if pack is None else pack(zeros))
    with (
        unchanged(loaded),
        pytest.raises(SourceError, match=r"comes to more than 250 times its .* bytes, as no bars do"),
    ):
        loaded.load(path, timezone=NEW_YORK)


def test_a_disk_that_is_nearly_full_is_left_alone(loaded: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    path = loaded.folder / "big.csv.xz"
    path.write_bytes(lzma.compress(TEXT))
    monkeypatch.setattr(scratch_folder, "_ROOM_BYTES", 1 << 62)
    with unchanged(loaded), pytest.raises(SourceError, match=r"no room to unpack files in .*; make room, or choose"):
        loaded.load(path, timezone=NEW_YORK)
    assert not list(loaded.folder.glob(f"{scratch_folder._PREFIX}*"))


# Which of the files inside

SEVERAL = {"data/SPY.csv": TEXT, "data/SPY.txt": b"gaps: none\n", "README.md": b"read me", "other/SPY.csv": TEXT[:2000]}


@pytest.fixture
def several(bench: Bench) -> Path:
    path = bench.folder / "several.zip"
    path.write_bytes(zipped(SEVERAL))
    return path


def test_nothing_inside_of_an_archive_is_passed_over_in_silence(bench: Bench, several: Path) -> None:
    with unchanged(bench), pytest.raises(SourceError) as raised:
        bench.load(several, timezone=NEW_YORK)
    assert str(raised.value) == (
        f"{several}/README.md is of no known kind, and nothing in an archive is passed over in silence; say which of "
        f"its files are meant, members=['*.csv'], or name one by its path, {several}/data/SPY.csv"
    )


@pytest.mark.parametrize("choice", ["data/SPY.csv", ["data/*.csv"], ["dat?/SPY.csv"], ("data/SPY.csv",)])
def test_files_of_an_archive_are_chosen(bench: Bench, several: Path, choice: Any) -> None:
    assert bench.load(several, timezone=NEW_YORK, members=choice).inserted == len(ROWS)
    assert held(bench) == ROWS


@pytest.mark.parametrize("inside", ["data/SPY.csv", "data/*.csv", "d*/SPY.csv"])
def test_a_path_goes_on_in_an_archive(bench: Bench, several: Path, inside: str) -> None:
    report = bench.load(several / inside, timezone=NEW_YORK)
    assert (report.inserted, report.source) == (len(ROWS), f"{several}/{inside}")
    assert held(bench) == ROWS
    assert bench.load(f"{bench.folder}/s*.zip/{inside}", timezone=NEW_YORK).unchanged == len(ROWS)
    (path,) = {row["path"] for row in bench.ask("SELECT path FROM source_file")}
    assert path == f"{several}/data/SPY.csv"


def test_two_files_of_one_archive_are_known_apart(bench: Bench) -> None:
    first, second = halves(TEXT)
    path = bench.folder / "both.zip"
    path.write_bytes(zipped({"a.csv": first, "b.csv": second}))
    assert bench.load(path / "a.csv", timezone=NEW_YORK).inserted == 179
    assert bench.load(path / "b.csv", timezone=NEW_YORK).inserted == len(ROWS) - 179
    assert held(bench) == ROWS
    assert bench.load(path / "a.csv", timezone=NEW_YORK).unchanged == 179


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("SPY.csv", r"has several files SPY\.csv inside: data/SPY\.csv, other/SPY\.csv; say the whole name"),
        ("QQQ.csv", r"has no file QQQ\.csv inside; it has data/SPY\.csv, data/SPY\.txt, README\.md, other/SPY\.csv"),
        ("*.json", r"has no file \*\.json inside"),
        ("../several.zip", r"has no file \.\./several\.zip inside"),
    ],
)
def test_a_file_that_is_not_inside_is_not_guessed(bench: Bench, several: Path, inside: str, said: str) -> None:
    with unchanged(bench):
        with pytest.raises(OptionsError, match=said):
            bench.load(f"{several}/{inside}", timezone=NEW_YORK)
        with pytest.raises(OptionsError, match=said):
            bench.load(several, timezone=NEW_YORK, members=[inside])


def test_of_several_files_inside_the_later_wins(bench: Bench) -> None:
    path = bench.folder / "both.zip"
    old, new = (f"{HEADER}\n{line('2024-11-26 10:00', volume=volume)}\n".encode() for volume in (1, 2))
    path.write_bytes(zipped({"z-old.csv": old, "a-new.csv": new}))
    report = bench.load(path, timezone=NEW_YORK)
    assert (report.inserted, report.rejected) == (1, 1)
    assert [bar["volume"] for bar in bench.bars()] == [2.0]


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (("SPY.csv", "QQQ.csv"), "{symbol}.csv"),
        (("data/SPY.US.csv", "data/BRK-B.US.csv"), "data/{symbol}.US.csv"),
        (("2024-01.csv", "2024-02.csv"), None),
        (("SPY_1.csv", "SPY_2.csv"), None),
        (("old.csv", "new.csv"), None),
    ],
)
@pytest.mark.parametrize("packed", [True, False])
def test_files_named_as_several_symbols_are_said_where_they_are_one(
    bench: Bench, names: tuple[str, str], pattern: str | None, packed: bool
) -> None:
    """They may be parts of the history of one; the path that keeps them apart is named, and does."""
    files = dict(zip(names, halves(TEXT), strict=True))
    folder = bench.folder / "several.zip"
    if packed:
        folder.write_bytes(zipped(files))
    else:
        folder = bench.folder / "several"
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    data = folder if packed else [folder / name for name in names]
    report = bench.load(data, timezone=NEW_YORK)
    assert (report.inserted, report.apart) == (len(ROWS), pattern and f"{folder}/{pattern}")
    if names[0] == "SPY.csv":
        apart = bench.load(report.apart, symbol=None, timezone=NEW_YORK)
        assert (apart.symbols, apart.apart) == (("QQQ", "SPY"), None)


def test_a_file_that_lacks_a_column_is_named_as_it_is_inside(bench: Bench) -> None:
    path = bench.folder / "both.zip"
    path.write_bytes(zipped({"a.csv": TEXT, "b.csv": TEXT.replace(b"volume", b"turnover")}))
    with unchanged(bench), pytest.raises(OptionsError, match=r"both\.zip/b\.csv has no column volume"):
        bench.load(path, timezone=NEW_YORK)


def test_folders_named_as_columns_count_for_what_is_packed_in_them(bench: Bench) -> None:
    folder = bench.folder / "symbol=SPY"
    folder.mkdir()
    (folder / "bars.csv.xz").write_bytes(lzma.compress(TEXT))
    assert bench.load(folder / "bars.csv.xz", symbol=None, timezone=NEW_YORK).inserted == len(ROWS)
    assert held(bench) == ROWS


# What a file is whose name does not say so


def test_a_spreadsheet_is_to_be_saved_as_text(bench: Bench) -> None:
    path = bench.folder / "bars.xlsx"
    path.write_bytes(zipped({"xl/worksheets/sheet1.xml": b"<worksheet/>"}))
    with pytest.raises(SourceError, match=r"bars\.xlsx is a spreadsheet; save the sheet with the bars as CSV"):
        bench.load(path, timezone=NEW_YORK)


@pytest.mark.parametrize("name", ["bars", "bars.asc", "bars.dat.xz", "2024.11"])
def test_it_is_said_what_a_file_is_whose_name_does_not(bench: Bench, name: str) -> None:
    path = bench.folder / name
    path.write_bytes(lzma.compress(TEXT) if name.endswith("xz") else TEXT)
    with pytest.raises(SourceError, match=r"is of no known kind; allowed are \.csv, .*, say file_format='csv'"):
        bench.load(path, timezone=NEW_YORK)
    assert bench.load(path, timezone=NEW_YORK, file_format="csv").inserted == len(ROWS)
    assert held(bench) == ROWS


def test_it_is_said_what_the_files_of_an_archive_are(bench: Bench) -> None:
    path = bench.folder / "bars.zip"
    path.write_bytes(zipped({"A1.prn": TEXT}))
    assert bench.load(path, timezone=NEW_YORK, file_format="csv").inserted == len(ROWS)
    assert held(bench) == ROWS


# What a kill leaves


def test_what_a_killed_process_left_goes_with_the_next_load(bench: Bench) -> None:
    code = (
        "import os, pathlib, signal, sys\n"
        "from barhouse.store.places.scratch_folder import scratch_folder\n"
        "with scratch_folder(pathlib.Path(sys.argv[1])) as folder:\n"
        "    (folder / '0').write_text('x')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(bench.folder)], check=False)
    (left,) = bench.folder.glob(f"{scratch_folder._PREFIX}*")
    with scratch_folder.scratch_folder(bench.folder) as in_use:
        assert not left.exists()
        path = bench.folder / "bars.csv.xz"
        path.write_bytes(lzma.compress(TEXT))
        assert bench.load(path, timezone=NEW_YORK).inserted == len(ROWS)
        assert in_use.exists(), "another load's is left alone"
    assert not list(bench.folder.glob(f"{scratch_folder._PREFIX}*"))


def test_a_folder_without_a_lock_is_left_until_it_is_old(tmp_path: Path) -> None:
    made = tmp_path / f"{scratch_folder._PREFIX}abc"
    made.mkdir()
    with scratch_folder.scratch_folder(tmp_path):
        assert made.exists()
    os.utime(made, (time.time() - 7200, time.time() - 7200))
    with scratch_folder.scratch_folder(tmp_path):
        assert not made.exists()


# What vendors deliver


def test_an_archive_of_klines_by_its_preset(kinds: Bench) -> None:
    """As data.binance.vision has them since 2025: one text without a header, stamps in microseconds."""
    kinds.coordinator.register("BTCUSDT", ["1m"], "24/7")
    stamps = [1735689600000000, 1735689660000000]
    rows = [f"{at},100.0,101.0,99.0,100.5,12.5,{at + 59999999},1250.0,7,6.0,600.0,0" for at in stamps]
    path = kinds.folder / "BTCUSDT-1m-2025-01-01.zip"
    path.write_bytes(zipped({"BTCUSDT-1m-2025-01-01.csv": "\n".join(rows).encode()}))
    assert kinds.load(path, symbol="BTCUSDT", preset="binance_us").inserted == 2
    assert kinds.starts("BTCUSDT") == ["2025-01-01 00:00", "2025-01-01 00:01"]
    assert [(bar["volume"], bar["trade_count"]) for bar in kinds.bars("BTCUSDT")] == [(12.5, 7), (12.5, 7)]


# Where it is unpacked


def test_the_place_to_unpack_is_that_of_what_memory_does_not_hold(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = []

    def noting(source: Source, beside: Path) -> AbstractContextManager[Source]:
        places.append(beside)
        return readable(source, beside)

    monkeypatch.setattr(door, "readable", noting)
    path = tmp_path / "bars.csv.xz"
    path.write_bytes(lzma.compress(TEXT))
    store = copy_template(template, tmp_path)
    for settings in ({}, {"temp_directory": str(tmp_path / "elsewhere")}):
        with open_store(store, settings=settings) as opened:
            SessionCoordinator(opened).load(
                path, "SPY", "1m", timezone=NEW_YORK, ambiguous="first", strict=bool(settings)
            )
    with open_store(":memory:") as opened:
        SessionCoordinator(opened).register("SPY", ["1m"], "XNYS")
        SessionCoordinator(opened).load(path, "SPY", "1m", timezone=NEW_YORK)
    assert places == [tmp_path, tmp_path / "elsewhere", Path(gettempdir())]


def test_a_folder_that_is_watched_takes_what_is_packed(bench: Bench) -> None:
    inbox = bench.folder / "inbox"
    inbox.mkdir()
    for name in ("a.zip", "b.csv.xz", "c.jsonl", "d.feather"):
        (inbox / name).touch()
    (inbox / "e.exe").touch()
    assert [path.name for path in sorted(inbox.iterdir()) if is_readable(path)] == [
        "a.zip",
        "b.csv.xz",
        "c.jsonl",
        "d.feather",
    ]


PACKINGS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "gzip": (gzip.compress, "packed with gzip (.gz)"),
    "zstd": (zstd, "packed with Zstandard (.zst)"),
    "bz2": (bz2.compress, "packed with bzip2 (.bz2)"),
    "xz": (lzma.compress, "packed with xz (.xz)"),
    "zip": (lambda text: zipped({"bars.csv": text}), "an archive (.zip)"),
    "workbook": (lambda text: zipped({"[Content_Types].xml": text}), "a spreadsheet"),
    "7z": (lambda text: b"7z\xbc\xaf\x27\x1c" + text, "an archive (.7z)"),
}


@pytest.mark.parametrize("name", ["bars.csv", "bars.txt", "bars.parquet", "bars.arrow", "bars.json", "bars.jsonl"])
@pytest.mark.parametrize("packing", PACKINGS)
def test_a_packed_file_whose_name_does_not_say_so_is_called_one(loaded: Bench, packing: str, name: str) -> None:
    pack, what = PACKINGS[packing]
    path = loaded.folder / name
    path.write_bytes(pack(TEXT))
    with unchanged(loaded), pytest.raises(SourceError) as refused:
        loaded.load(path, timezone=NEW_YORK)
    (loaded.folder / "outer.zip").write_bytes(zipped({name: pack(TEXT)}))
    with unchanged(loaded), pytest.raises(SourceError) as inside:
        loaded.load(loaded.folder / "outer.zip", timezone=NEW_YORK)
    assert f"{path} cannot be read: it is {what}" in str(refused.value)
    assert f"outer.zip/{name} cannot be read: it is {what}" in str(inside.value)


@pytest.mark.parametrize("outer", [".gz", ".zst", ".bz2", ".xz"])
@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("kind", ["csv", "parquet", "json"])
def test_a_file_that_is_packed_twice_is_called_so(loaded: Bench, packing: str, outer: str, kind: str) -> None:
    pack, what = PACKINGS[packing]
    path = loaded.folder / f"bars.{kind}{outer}"
    path.write_bytes(PACKED[f"bars.csv{outer}"](pack(TEXT)))
    said = f"what is packed in it is {what}, once more; unpack it once"
    with unchanged(loaded), pytest.raises(SourceError) as refused:
        loaded.load(path, timezone=NEW_YORK)
    assert said in str(refused.value)
