"""Bars in buckets: loaded as files on a disk are, known again without being read, and never half."""

from __future__ import annotations

import gzip
import json
import lzma
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pytest
from file_kit import ROWS, TEXT, halves, held, parquet, zipped, zstd
from job_kit import day_of, fill, job_file, sessions, write
from load_kit import HEADER, NEW_YORK, Bench, line, unchanged

from barhouse import check_job, inspect_source, open_store, run_job
from barhouse.coordinator.sources import far_files
from barhouse.store.errors import InputError, OptionsError, PlaceError, SourceError
from barhouse.store.places import bucket as bucket_module
from barhouse.store.places import scratch_folder
from barhouse.store.places.place import Place, open_place
from barhouse.store.places.placed_file import PlacedFile
from tests.s3_server import SECRET, S3Server, told


@pytest.fixture
def place(bucket: str) -> Place:
    return open_place(bucket)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the objects whose bytes were asked for."""
    names: list[str] = []
    pieces = bucket_module.BucketPlace.pieces

    def noted(self: Any, file: PlacedFile) -> Iterator[bytes]:
        names.append(file.name)
        return pieces(self, file)

    monkeypatch.setattr(bucket_module.BucketPlace, "pieces", noted)
    return names


def nothing_left(folder: Path) -> bool:
    return not list(folder.rglob(f"{scratch_folder._PREFIX}*"))


def feather(content: bytes) -> bytes:
    written = pa.BufferOutputStream()
    pyarrow.feather.write_feather(pyarrow.csv.read_csv(pa.BufferReader(content)), written, compression="uncompressed")
    return bytes(written.getvalue().to_pybytes())


def json_lines(content: bytes) -> bytes:
    return "".join(
        f"{json.dumps(row, default=str)}\n" for row in pyarrow.csv.read_csv(pa.BufferReader(content)).to_pylist()
    ).encode()


KINDS: dict[str, Callable[[bytes], bytes]] = {
    "spy.csv": lambda text: text,
    "SPY.CSV.GZ": gzip.compress,
    "s py's [1]*.csv.zst": zstd,
    "spy.csv.xz": lzma.compress,
    "spy.parquet": parquet,
    "spy.feather": feather,
    "spy.jsonl": json_lines,
    "spy.zip": lambda text: zipped({"spy.csv": text}),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_file_loads_from_a_bucket(bench: Bench, place: Place, bucket: str, name: str) -> None:
    place.write(KINDS[name](TEXT), f"in/{name}")
    report = bench.load(f"{bucket}/in/{name}", timezone=NEW_YORK)
    assert (report.source, report.inserted) == (f"{bucket}/in/{name}", len(ROWS))
    assert held(bench) == ROWS
    assert nothing_left(bench.folder)


def test_a_file_that_was_loaded_is_known_without_being_read(
    bench: Bench, place: Place, bucket: str, asked: list[str]
) -> None:
    place.write(TEXT, "spy.csv")
    bench.load(f"{bucket}/spy.csv", timezone=NEW_YORK)
    assert asked == ["spy.csv"]
    report = bench.load(f"{bucket}/spy.csv", timezone=NEW_YORK)
    assert (report.unchanged, asked) == (len(ROWS), ["spy.csv"])
    (known,) = bench.ask("SELECT path, size_bytes, fingerprint FROM source_file WHERE batch_id = 1 OR true LIMIT 1")
    assert known["path"] == f"{bucket}/spy.csv" and known["size_bytes"] == len(TEXT)
    place.write(TEXT.replace(b"100.0,", b"100.5,", 1), "spy.csv")  # as long as it was, and within the same second
    report = bench.load(f"{bucket}/spy.csv", timezone=NEW_YORK)
    assert (report.revised, report.unchanged, len(asked)) == (1, len(ROWS) - 1, 2)


def test_several_files_and_patterns_are_loaded_together(bench: Bench, place: Place, bucket: str) -> None:
    first, second = halves(TEXT)
    place.write(first, "in/a.csv")
    place.write(second, "in/b.csv")
    place.write(b"no bars", "in/.hidden.csv")
    place.write(b"no bars", "in/deeper/c.csv")
    place.write(b"no bars", "inner.csv")
    assert bench.load(f"{bucket}/in/*.csv", timezone=NEW_YORK).inserted == len(ROWS)
    assert held(bench) == ROWS
    local = bench.folder / "a.csv"
    local.write_bytes(first)
    report = bench.load([f"{bucket}/in/b.csv", local], timezone=NEW_YORK)
    assert (report.unchanged, report.source) == (len(ROWS), f"{bucket}/in/b.csv and 1 more")


def test_a_path_says_whose_bars_they_are(bench: Bench, place: Place, bucket: str) -> None:
    for number, symbol in enumerate(("SPY", "QQQ")):
        place.write("\n".join([HEADER, line("2024-11-26 09:30", volume=number + 1)]).encode(), f"in/{symbol}_1m.csv")
    report = bench.load(f"{bucket}/in/{{symbol}}_1m.csv", symbol=None, timezone=NEW_YORK)
    assert report.symbols == ("QQQ", "SPY")
    assert [bench.bars(symbol)[0]["volume"] for symbol in ("SPY", "QQQ")] == [1, 2]


def test_folders_named_column_equals_value_are_columns(bench: Bench, place: Place, bucket: str) -> None:
    for symbol in ("SPY", "QQQ"):
        place.write(parquet(TEXT), f"lake/symbol={symbol}/bars.parquet")
    report = bench.load(f"{bucket}/lake/*/bars.parquet", symbol=None, timezone=NEW_YORK)
    assert (report.symbols, report.inserted) == (("QQQ", "SPY"), 2 * len(ROWS))


def test_files_of_an_archive_are_chosen_where_it_lies(
    bench: Bench, place: Place, bucket: str, asked: list[str]
) -> None:
    place.write(zipped({"read me.txt.md": b"no bars", "x/spy.csv": TEXT, "x/qqq.csv": TEXT}), "all.zip")
    with pytest.raises(SourceError, match=r"all\.zip/read me\.txt\.md is of no known kind") as caught:
        bench.load(f"{bucket}/all.zip", timezone=NEW_YORK)
    assert "s3://" in str(caught.value) and asked == []
    assert bench.load(f"{bucket}/all.zip/x/spy.csv", timezone=NEW_YORK).inserted == len(ROWS)
    assert bench.load(f"{bucket}/all.zip/x/spy.csv", timezone=NEW_YORK).unchanged == len(ROWS)
    assert asked == ["all.zip"]
    assert bench.load(f"{bucket}/all.zip/x/{{symbol}}.csv", symbol=None, timezone=NEW_YORK).inserted == len(ROWS)


def test_what_is_not_there_is_said(bench: Bench, place: Place, bucket: str) -> None:
    place.write(TEXT, "in/spy.csv")
    for given, said in (
        (f"{bucket}/in/qqq.csv", f"there is no object {bucket}/in/qqq.csv; check the address"),
        (f"{bucket}/in/*.parquet", "there is no object"),
        (f"{bucket}/{{symbol}}/x.csv", "there is no object"),
        (f"{bucket}/in", f"{bucket}/in is a folder; name its files"),
        (bucket, "is a bucket; name files in it"),
        ("s3://never-made/x.csv", "there is no bucket never-made"),
        ("s3://never-made/*.csv", "there is no bucket never-made"),
        (f"{bucket}/in/notes.docx", "there is no object"),
        ("gs://bars/x.csv", "no files are read or written by gs://"),
    ):
        with unchanged(bench), pytest.raises(InputError) as caught:
            bench.load(given, timezone=NEW_YORK)
        assert said in str(caught.value), given
    with unchanged(bench), pytest.raises(OptionsError, match="a load takes one"):
        bench.load([f"{bucket}/{{symbol}}.csv", f"{bucket}/x.csv"], timezone=NEW_YORK)


def test_damage_is_told_by_address(bench: Bench, place: Place, bucket: str) -> None:
    place.write(zstd(TEXT)[:-9], "spy.csv.zst")
    place.write(TEXT.replace(b"2024-11-26 09:31", b"not a stamp at all"), "odd.csv")
    with unchanged(bench), pytest.raises(SourceError) as caught:
        bench.load(f"{bucket}/spy.csv.zst", timezone=NEW_YORK)
    assert str(caught.value).startswith(f"{bucket}/spy.csv.zst cannot be read")
    report = bench.load(f"{bucket}/odd.csv", timezone=NEW_YORK)
    assert report.rejected == 1 and report.rejects[0].reason == "the stamp cannot be read"
    assert nothing_left(bench.folder)


def in_the_middle(monkeypatch: pytest.MonkeyPatch, then: Callable[[], object]) -> None:
    """Have something happen once the first piece of an object has come."""
    monkeypatch.setattr(bucket_module, "_PIECE_BYTES", 5_000)
    pieces = bucket_module.BucketPlace.pieces

    def interrupted(self: Any, file: PlacedFile) -> Iterator[bytes]:
        for number, piece in enumerate(pieces(self, file)):
            yield piece
            if number == 0:
                then()

    monkeypatch.setattr(bucket_module.BucketPlace, "pieces", interrupted)


def test_a_file_that_changes_or_goes_while_it_is_read_is_told(
    bench: Bench, place: Place, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for then, said in (
        (lambda: place.write(TEXT + b"\n", "spy.csv"), "was replaced while it was read; read it again"),
        (lambda: place.remove(["spy.csv"]), "was removed while it was read"),
    ):
        place.write(TEXT, "spy.csv")
        with monkeypatch.context() as patch, unchanged(bench), pytest.raises(SourceError, match=said):
            in_the_middle(patch, then)
            bench.load(f"{bucket}/spy.csv", timezone=NEW_YORK)
        assert nothing_left(bench.folder)
    place.write(TEXT, "spy.csv")
    assert bench.load(f"{bucket}/spy.csv", timezone=NEW_YORK).inserted == len(ROWS)


def test_a_server_that_goes_in_the_middle_of_a_load_leaves_nothing(
    bench: Bench, place: Place, bucket: str, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write(TEXT, "spy.csv")
    try:
        with monkeypatch.context() as patch, unchanged(bench):
            in_the_middle(patch, s3_server.stop)
            with pytest.raises(PlaceError, match=f"{bucket}/spy.csv cannot be reached"):
                bench.load(f"{bucket}/spy.csv", timezone=NEW_YORK)
        assert nothing_left(bench.folder)
    finally:
        s3_server.start()
    assert bench.load(f"{bucket}/spy.csv", timezone=NEW_YORK).inserted == len(ROWS)


KILLED = """
import os, signal, sys
from barhouse import SessionCoordinator, open_store
from barhouse.coordinator.sources import far_files
far_files.have_room = lambda folder: os.kill(os.getpid(), signal.SIGKILL)
with open_store(sys.argv[1]) as store:
    SessionCoordinator(store).load(sys.argv[2], "SPY", "1m", timezone="America/New_York")
"""


def test_what_a_killed_load_has_fetched_is_gone_with_the_next(
    bench: Bench, place: Place, bucket: str, s3_server: S3Server
) -> None:
    place.write(TEXT, "spy.csv")
    bench.store.close()
    path = str(bench.folder / "bars.duckdb")
    command = [sys.executable, "-c", KILLED, path, f"{bucket}/spy.csv"]
    done = subprocess.run(command, check=False, env=told(s3_server), cwd=Path(__file__).parents[2])
    assert done.returncode == -signal.SIGKILL
    assert not nothing_left(bench.folder)
    again = Bench(Path(path), bench.folder)
    try:
        assert again.load(f"{bucket}/spy.csv", timezone=NEW_YORK).inserted == len(ROWS)
        assert nothing_left(bench.folder)
    finally:
        again.store.close()


def test_a_source_in_a_bucket_is_inspected(place: Place, bucket: str) -> None:
    place.write(TEXT, "spy.csv")
    seen = inspect_source(f"{bucket}/spy.csv", timezone=NEW_YORK)
    assert (seen.source, seen.interval, seen.row_count, seen.problem) == (f"{bucket}/spy.csv", "1m", len(ROWS), None)


# Jobs

DAYS = sessions(3)


def send(folder: Path, place: Place, under: str) -> None:
    for file in sorted(folder.glob("*.parquet")):
        place.put(file, f"{under}/{file.name}")


def bars_of(path: Path) -> list[tuple[Any, ...]]:
    with open_store(path, read_only=True) as store:
        return [
            tuple(row.values()) for row in store.sql("SELECT * EXCLUDE (batch_id) FROM bars ORDER BY ALL").to_pylist()
        ]


@pytest.fixture(autouse=True)
def calendar_at_hand(knowing_xnys: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Jobs of these tests write into stores that know their calendar."""
    if "bench" not in request.fixturenames:
        for folder in (tmp_path, tmp_path / "far"):
            folder.mkdir(exist_ok=True)
            shutil.copy(knowing_xnys, folder / "bars.duckdb")


def job_of_bucket(folder: Path, bucket: str) -> Path:
    file = job_file(folder)
    file.write_text(file.read_text().replace('"bars/', f'"{bucket}/in/'))
    return file


def test_a_job_reads_a_bucket_as_it_reads_a_folder(tmp_path: Path, place: Place, bucket: str, asked: list[str]) -> None:
    fill(tmp_path / "bars", ["AAA", "BBB"], DAYS[:2])
    send(tmp_path / "bars", place, "in")
    job = job_of_bucket(tmp_path / "far", bucket)
    checked = check_job(job)
    assert (checked.files_found, checked.files_known, checked.problems) == (4, 0, ())
    asked.clear()
    report = run_job(job)
    assert (report.outcome, report.files_loaded, len(asked)) == ("done", 4, 4)
    run_job(job_file(tmp_path))
    assert bars_of(tmp_path / "far" / "bars.duckdb") == bars_of(tmp_path / "bars.duckdb")

    write(day_of("AAA", DAYS[2], 5), tmp_path / "AAA.parquet")
    place.put(tmp_path / "AAA.parquet", f"in/AAA_{DAYS[2]}.parquet")
    write(day_of("BBB", DAYS[0], 5, missing_pct=0), tmp_path / "BBB.parquet")
    place.put(tmp_path / "BBB.parquet", f"in/BBB_{DAYS[0]}.parquet")
    asked.clear()
    report = run_job(job)
    assert (report.files_found, report.files_known, report.files_loaded) == (5, 3, 2)
    assert set(asked) == {f"AAA_{DAYS[2]}.parquet", f"BBB_{DAYS[0]}.parquet"}
    asked.clear()
    assert (run_job(job).files_known, asked) == (5, [])
    assert nothing_left(tmp_path)


def test_files_that_are_needed_no_longer_give_way(
    tmp_path: Path, place: Place, bucket: str, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kept within bounds, they are asked for again, and all is loaded."""
    from barhouse.coordinator.jobs import job_plan, job_run

    fill(tmp_path / "bars", ["AAA", "BBB", "CCC"], DAYS[:1])
    send(tmp_path / "bars", place, "in")
    monkeypatch.setattr(far_files, "_KEPT_BYTES", 1)
    monkeypatch.setattr(job_plan, "GROUP_FILES", 1)
    monkeypatch.setattr(job_run, "GROUP_FILES", 1)
    assert run_job(job_of_bucket(tmp_path / "far", bucket)).files_loaded == 3
    assert len(asked) == 6
    assert nothing_left(tmp_path)


def test_a_job_tells_a_bucket_that_is_missing_and_files_that_are_bad(tmp_path: Path, place: Place, bucket: str) -> None:
    place.write(b"PAR1 no more", f"in/AAA_{DAYS[0]}.parquet")
    report = run_job(job_of_bucket(tmp_path / "far", bucket))
    assert [(problem.kind, problem.path) for problem in report.problems] == [
        ("failed", f"{bucket}/in/AAA_{DAYS[0]}.parquet")
    ]
    report = run_job(job_of_bucket(tmp_path / "far", "s3://never-made"))
    assert [(problem.kind, problem.what) for problem in report.problems] == [
        ("no folder", "sources[0]: there is no bucket for s3://never-made/in")
    ]
    place.remove([f"in/AAA_{DAYS[0]}.parquet"])
    report = run_job(job_of_bucket(tmp_path / "far", bucket))
    assert [problem.kind for problem in report.problems] == ["missing"]


def test_a_job_whose_server_goes_is_finished_by_the_next_run(
    tmp_path: Path, place: Place, bucket: str, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from barhouse.coordinator.jobs import job_run

    fill(tmp_path / "bars", ["AAA", "BBB"], DAYS[:2])
    send(tmp_path / "bars", place, "in")
    job = job_of_bucket(tmp_path / "far", bucket)
    monkeypatch.setattr(job_run, "GROUP_FILES", 1)
    monkeypatch.setattr(far_files, "_KEPT_BYTES", 0)
    try:
        with pytest.raises(PlaceError, match="cannot be reached"):
            run_job(job, progress=lambda stage, done, _: s3_server.stop() if (stage, done) == ("loading", 2) else None)
    finally:
        s3_server.start()
    with open_store(tmp_path / "far" / "bars.duckdb", read_only=True) as store:
        (run,) = store.runs()
        assert run.state == "failed" and SECRET not in str(run)
    report = run_job(job)
    assert (report.continued, report.files_loaded, report.outcome) == (True, 4, "done")
    run_job(job_file(tmp_path))
    assert bars_of(tmp_path / "far" / "bars.duckdb") == bars_of(tmp_path / "bars.duckdb")
    kept = (tmp_path / "far" / "bars.duckdb").read_bytes()
    assert SECRET.encode() not in kept and os.environ["AWS_ENDPOINT_URL"].encode() not in kept
