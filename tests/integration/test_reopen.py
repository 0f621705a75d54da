"""A snapshot that is published again is opened again, and followed, in the process that has the one before open."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from load_kit import Bench, line

from barhouse import InputError, SessionStore, open_store
from barhouse.store.errors import StoreClosedError, StoreError, StoreHeldError, StoreVersionError

COUNT = "SELECT count(*) AS n, coalesce(max(batch_id), 0) AS batch FROM bars WHERE symbol = 'SPY'"


class Published:
    """A store that is published again with one bar more each time."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.path = bench.folder / "published" / "bars.duckdb"
        self.path.parent.mkdir()
        self.count = 0

    def again(self) -> int:
        """Publish one bar more; returns how many there are."""
        minute = self.count
        self.bench.load_lines(line(f"2024-11-26 {15 + minute // 60}:{minute % 60:02}"), timezone="UTC")
        self.bench.store.publish(self.path)
        self.count += 1
        return self.count


@pytest.fixture
def published(bench: Bench) -> Published:
    made = Published(bench)
    made.again()
    return made


def counted(store: SessionStore) -> int:
    return int(store.sql(COUNT)["n"][0].as_py())


def files_open() -> list[tuple[int, int]]:
    """Which files this process has open, by device and inode."""
    found = []
    for name in Path("/proc/self/fd").iterdir():
        try:
            about = name.stat()
        except OSError:
            continue
        found.append((about.st_dev, about.st_ino))
    return found


def identity(path: Path) -> tuple[int, int]:
    about = path.stat()
    return about.st_dev, about.st_ino


def test_a_renewed_snapshot_is_opened_beside_the_one_before(published: Published) -> None:
    with open_store(published.path, read_only=True) as first:
        published.again()
        with open_store(published.path, read_only=True) as second:
            published.again()
            with (
                open_store(published.path, read_only=True) as third,
                open_store(published.path, read_only=True) as same,
            ):
                assert [counted(store) for store in (first, second, third, same)] == [1, 2, 3, 3]
            assert [counted(store) for store in (first, second)] == [1, 2]
            assert {store.path for store in (first, second)} == {published.path}
            assert second.bars("SPY", "1m", last=1).num_rows == 1
        with open_store(published.path, read_only=True) as fourth:
            assert counted(fourth) == 3
    assert sorted(path.name for path in published.path.parent.iterdir()) == ["bars.duckdb"]
    with open_store(published.path, read_only=True) as last:
        assert counted(last) == 3


@pytest.mark.parametrize("no_links", ["in the temporary folder", "anywhere"])
def test_where_there_are_no_links_it_is_a_copy(
    published: Published, monkeypatch: pytest.MonkeyPatch, no_links: str
) -> None:
    link = os.link

    def refused(source: Any, target: Any, **options: Any) -> None:
        if no_links == "anywhere" or published.path.parent not in Path(target).parents:
            raise PermissionError(1, "Operation not permitted")
        link(source, target, **options)

    with open_store(published.path, read_only=True) as first:
        published.again()
        monkeypatch.setattr(os, "link", refused)
        with open_store(published.path, read_only=True) as second:
            assert (counted(first), counted(second)) == (1, 2)
    assert sorted(path.name for path in published.path.parent.iterdir()) == ["bars.duckdb"]


def test_where_it_can_be_neither_linked_nor_copied_it_says_so(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with open_store(published.path, read_only=True) as first:
        published.again()
        monkeypatch.setattr(os, "link", refused)
        monkeypatch.setattr(shutil, "copyfile", refused)
        with pytest.raises(
            StoreError, match=r"neither by a link nor by a copy .No space left.*close the one that is open"
        ):
            open_store(published.path, read_only=True)
        assert counted(first) == 1


def test_a_store_that_is_written_is_still_opened_once(bench: Bench) -> None:
    with pytest.raises(StoreHeldError):
        open_store(bench.store.path or "", read_only=True)


# ---------------------------------------------------------------------------------------------------------- following


@pytest.fixture
def following(published: Published) -> Iterator[SessionStore]:
    with open_store(published.path, read_only=True, follow=True) as store:
        yield store


def test_the_next_question_is_answered_by_the_newest(published: Published, following: SessionStore) -> None:
    for _ in range(4):
        expected = published.again()
        assert counted(following) == expected
        assert following.bars("SPY", "1m").num_rows == expected
        assert len(following.frame("SPY", "1m")) == expected


def test_what_is_being_read_stays_what_it_was(published: Published, following: SessionStore) -> None:
    before = identity(published.path)
    with following.reading() as transaction, following.stream("SELECT bar_start FROM bars ORDER BY 1") as answer:
        published.again()
        assert counted(following) == 2
        (row,) = transaction.execute("SELECT count(*) FROM bars WHERE symbol = 'SPY'")
        assert row[0] == 1
        assert answer.read_all().num_rows == 1
        assert before in files_open()
    del transaction, answer
    assert before not in files_open(), "the file that nobody reads any more is closed"
    assert identity(published.path) in files_open()


def test_readers_of_every_kind_see_whole_states_while_snapshots_come(
    published: Published, following: SessionStore
) -> None:
    """Whatever a reader sees was published, and never older than what it saw before."""
    stop, failures, seen = threading.Event(), [], []

    def read() -> None:
        last = 0
        try:
            while not stop.is_set():
                row = following.sql(COUNT).to_pylist()[0]
                table = following.bars("SPY", "1m")
                assert row["n"] >= last and table.num_rows >= row["n"]
                last = table.num_rows
                seen.append(last)
        except BaseException as error:
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    files = [identity(published.path)]
    for _ in range(8):
        published.again()
        files.append(identity(published.path))
    while published.count not in seen and not failures:
        stop.wait(0.01)
    stop.set()
    for reader in readers:
        reader.join()
    assert failures == [] and set(seen) <= set(range(1, 10))
    del readers
    assert set(files_open()) & set(files) == {files[-1]}


def test_a_followed_store_is_closed(published: Published) -> None:
    store = open_store(published.path, read_only=True, follow=True)
    store.close()
    published.again()
    with pytest.raises(StoreClosedError):
        store.sql("SELECT 1")
    assert identity(published.path) not in files_open()
    store.close()


def test_a_name_that_is_gone_for_a_moment_is_waited_for(published: Published, following: SessionStore) -> None:
    aside = published.path.with_name("aside.duckdb")
    published.path.rename(aside)
    assert counted(following) == 1
    aside.rename(published.path)
    assert counted(following) == 1


def test_what_cannot_be_opened_in_its_place_is_told(published: Published, following: SessionStore) -> None:
    published.path.unlink()
    published.path.write_bytes(b"no store at all")
    with pytest.raises(StoreVersionError, match="is not a Barhouse store"):
        counted(following)
    published.path.unlink()
    published.again()
    assert counted(following) == 2


def test_only_what_is_read_is_followed(published: Published, bench: Bench) -> None:
    with pytest.raises(InputError, match=r"follow=True is for published snapshots.*read_only=True"):
        open_store(published.path, follow=True)
