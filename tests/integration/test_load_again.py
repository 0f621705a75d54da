"""The same file again: what comes of it is known while nothing has changed, and found out anew when anything has."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from barhouse import compact, restore
from barhouse.coordinator.load import door, known_files
from barhouse.coordinator.sources.source import Source
from barhouse.store.errors import InputError, SourceError, UnknownSymbolError
from tests.integration.load_kit import NEW_YORK, Bench, line, lines, minutes

START = datetime(2024, 11, 26, 10, tzinfo=UTC)
NOW = datetime(2024, 11, 27, tzinfo=UTC)
#: What a load of unchanged rows adds to.
GROWING = ("batch",)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "again.duckdb", tmp_path)
    made.now = NOW
    made.coordinator.register(["SPY", "QQQ"], ["1m", "5m"], "24/7")
    yield made
    made.store.close()


def stamped(values: dict[int, int]) -> list[str]:
    """Minutes after START with their volumes, as lines."""
    return [line((START + timedelta(minutes=at)).isoformat(), volume=volume) for at, volume in values.items()]


def volumes(bench: Bench, symbol: str = "SPY") -> dict[int, int]:
    return {int((bar["bar_start"] - START).total_seconds()) // 60: int(bar["volume"]) for bar in bench.bars(symbol)}


FIVE = dict.fromkeys(range(5), 100)


@pytest.mark.parametrize("name", ["bars.csv", "bars.csv.gz"])
def test_a_file_that_has_not_changed_is_not_read_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = bench.write(*stamped(FIVE))
    if name.endswith(".gz"):
        packed = bench.folder / name
        packed.write_bytes(gzip.compress(path.read_bytes()))
        path = packed
    first = bench.load(path)
    bench.process()
    before = bench.state()
    monkeypatch.setattr(door, "rows_of_source", lambda *_: pytest.fail("it was read again"))
    for _ in range(2):
        again = bench.load(path)
        expected = {"inserted": 0, "unchanged": 5, "batch_id": again.batch_id}
        assert again == first.model_copy(update=expected)
        assert again.batch_id > first.batch_id
    after = bench.state()
    assert {table: rows for table, rows in after.items() if table not in GROWING} == {
        table: rows for table, rows in before.items() if table not in GROWING
    }
    assert bench.store.verify().differences == ()


def test_it_says_what_reading_it_again_says(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    stamps = minutes("2024-11-26 09:30", "2024-11-26 09:40")
    path = bench.write(*lines([*stamps, stamps[3]]))
    bench.load(path, timezone=NEW_YORK)
    quick = bench.load(path, timezone=NEW_YORK)
    monkeypatch.setattr("barhouse.coordinator.load.known_files.recall", lambda *_: None)
    thorough = bench.load(path, timezone=NEW_YORK)
    assert thorough.model_copy(update={"batch_id": quick.batch_id}) == quick
    assert (quick.unchanged, quick.repeated) == (11, 1)


def test_loads_of_other_symbols_and_deriving_change_nothing_about_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bench.write(*stamped(FIVE))
    bench.load(path)
    bench.load(bench.write(*stamped({0: 7}), name="other.csv"), symbol="QQQ")
    bench.process()
    monkeypatch.setattr(door, "rows_of_source", lambda *_: pytest.fail("it was read again"))
    assert bench.load(path).unchanged == 5


def test_bars_that_were_deleted_come_again(bench: Bench) -> None:
    path = bench.write(*stamped(FIVE))
    bench.load(path)
    bench.coordinator.delete_bars("SPY", "1m", START + timedelta(minutes=1), START + timedelta(minutes=3))
    assert (bench.load(path).inserted, volumes(bench)) == (2, FIVE)


def test_bars_that_were_corrected_are_as_the_file_has_them_again(bench: Bench) -> None:
    path = bench.write(*stamped(FIVE))
    bench.load(path)
    bench.load(bench.write(*stamped({2: 8}), name="correction.csv"))
    assert volumes(bench)[2] == 8
    assert (bench.load(path).revised, volumes(bench)) == (1, FIVE)


def test_bars_that_a_resent_session_took_away_come_again(bench: Bench) -> None:
    path = bench.write(*stamped(FIVE))
    bench.load(path)
    bench.load(bench.write(*stamped({2: 100}), name="session.csv"), replace="sessions")
    assert list(volumes(bench)) == [2]
    assert (bench.load(path).inserted, volumes(bench)) == (4, FIVE)


def test_bars_taken_away_come_again_even_when_nothing_tells_of_them_any_more(bench: Bench) -> None:
    path = bench.write(*stamped(FIVE))
    bench.load(path)
    bench.load(bench.write(*stamped({2: 100}), name="session.csv"), replace="sessions")
    bench.now += timedelta(days=1)
    assert bench.coordinator.purge_revisions(bench.now).revisions == 4
    assert (bench.load(path).inserted, volumes(bench)) == (4, FIVE)


def test_a_resent_session_takes_away_what_came_since(bench: Bench) -> None:
    path = bench.write(*stamped(FIVE))
    bench.load(path, replace="sessions")
    bench.load(bench.write(*stamped({7: 8}), name="more.csv"))
    assert bench.load(path, replace="sessions").deleted == 1
    assert volumes(bench) == FIVE


def test_a_symbol_that_was_removed_and_is_there_again_is_filled_again(bench: Bench) -> None:
    path = bench.write(*stamped(FIVE))
    bench.load(path)
    bench.coordinator.remove_symbol("SPY")
    bench.coordinator.register(["SPY"], ["1m", "5m"], "24/7")
    assert (bench.load(path).inserted, volumes(bench)) == (5, FIVE)


def test_a_calendar_that_changed_has_its_say(bench: Bench) -> None:
    bench.coordinator.add_calendar("HALL", timezone="UTC", open="09:00", close="17:00")
    bench.coordinator.register(["HAL"], ["1m"], "HALL")
    path = bench.write(*stamped(FIVE))
    assert bench.load(path, symbol="HAL").outside == 0
    bench.coordinator.add_calendar("HALL", timezone="UTC", open="11:00", close="17:00")
    assert bench.load(path, symbol="HAL").outside == 5


def test_rows_of_a_symbol_that_is_registered_since_are_taken(bench: Bench) -> None:
    header = "symbol,timestamp,open,high,low,close,volume"
    rows = [f"{symbol},{START.isoformat()},10,11,9,10,100" for symbol in ("SPY", "NEW")]
    path = bench.write(*rows, header=header)
    assert bench.load(path, symbol=None).rejected == 1
    bench.coordinator.register(["NEW"], ["1m"], "24/7")
    again = bench.load(path, symbol=None)
    assert (again.inserted, again.unchanged, again.rejected) == (1, 1, 0)


def test_rows_that_have_ended_since_are_taken_and_those_that_have_not_any_more_are_refused(bench: Bench) -> None:
    path = bench.write(*stamped(FIVE))
    bench.now = START + timedelta(minutes=4)
    assert bench.load(path).rejected == 1
    bench.now = NOW
    assert bench.load(path).inserted == 1
    bench.now = START + timedelta(minutes=4)
    assert bench.load(path).rejected == 1


@pytest.mark.parametrize(
    "options", [{"label": "end"}, {"columns": {"volume": None}}, {"symbol": "QQQ"}], ids=["label", "columns", "symbol"]
)
def test_what_is_asked_otherwise_is_another_load(bench: Bench, options: dict[str, Any]) -> None:
    path = bench.write(*stamped(FIVE))
    bench.load(path)
    assert bench.load(path, **options).unchanged < 5


def test_a_changed_file_of_the_same_size_is_read(bench: Bench) -> None:
    bench.load(bench.write(*stamped(FIVE)))
    assert bench.load(bench.write(*stamped({**FIVE, 3: 200}))).revised == 1


def test_a_zone_whose_clock_changes_are_known_better_now_is_asked_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bench.write(*lines(minutes("2024-11-26 09:30", "2024-11-26 09:35")))
    bench.load(path, timezone=NEW_YORK)
    pieces = pa.table({"offset_seconds": [0]})
    monkeypatch.setattr("barhouse.coordinator.load.known_files.zone_pieces", lambda *_: pieces)
    read: list[object] = []
    whole = door.rows_of_source
    monkeypatch.setattr(door, "rows_of_source", lambda *given: read.append(given) or whole(*given))
    assert bench.load(path, timezone=NEW_YORK).unchanged == 5
    assert len(read) == 1


def test_a_damaged_file_is_told_from_a_whole_one(bench: Bench) -> None:
    path = bench.folder / "bars.csv.gz"
    packed = gzip.compress(bench.write(*stamped(FIVE)).read_bytes())
    path.write_bytes(packed)
    bench.load(path)
    path.write_bytes(packed[:-6])
    with pytest.raises(SourceError, match="no whole gzip file"):
        bench.load(path)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sources that were read, as they are."""
    names: list[str] = []
    whole = door.rows_of_source

    def noting(transaction: Any, source: Any, *rest: Any) -> Any:
        names.append(Path(source.name).name)
        return whole(transaction, source, *rest)

    monkeypatch.setattr(door, "rows_of_source", noting)
    return names


def test_files_of_one_day_after_the_other_are_all_known_again(bench: Bench, read: list[str]) -> None:
    paths = [bench.write(*stamped(dict.fromkeys(range(at, at + 3), 100)), name=f"{at}.csv") for at in (0, 3, 6)]
    for _ in range(3):
        for path in paths:
            bench.load(path)
    assert read == ["0.csv", "3.csv", "6.csv"]
    bench.load(bench.write(*stamped({4: 7}), name="correction.csv"))
    for path in paths:
        bench.load(path)
    assert read[3:] == ["correction.csv", "3.csv"]
    assert volumes(bench) == dict.fromkeys(range(9), 100)


def test_of_many_symbols_each_must_be_as_it_was(bench: Bench, read: list[str]) -> None:
    header = "symbol,timestamp,open,high,low,close,volume"
    rows = [f"{symbol},{stamp}" for symbol in ("spy", "QQQ") for stamp in stamped(FIVE)]
    path = bench.write(*rows, header=header)
    first = bench.load(path, symbol=None)
    again = bench.load(path, symbol=None)
    assert again == first.model_copy(update={"batch_id": again.batch_id, "inserted": 0, "unchanged": 10})
    assert len(read) == 1
    bench.load(bench.write(*stamped({2: 8}), name="correction.csv"), symbol="QQQ")
    assert bench.load(path, symbol=None).revised == 1
    bench.coordinator.remove_symbol("QQQ")
    assert bench.load(path, symbol=None).rejected == 5
    assert bench.load(path, symbol=None, symbols=["SPY"]).unchanged == 5
    assert len(read) == 5


def test_what_a_frame_corrected_is_as_the_file_has_it_again(bench: Bench) -> None:
    path = bench.write(*stamped(FIVE))
    bench.load(path)
    bar = {"timestamp": START + timedelta(minutes=2), "open": 10.0, "high": 11.0, "low": 9.0, "close": 10.0}
    bench.load(pa.Table.from_pylist([{**bar, "volume": 5.0}]))
    assert bench.load(path).revised == 1


def test_a_symbol_or_interval_that_is_not_there_any_more_is_still_an_error(bench: Bench) -> None:
    path = bench.write(*stamped(FIVE))
    bench.load(path)
    bench.coordinator.remove_symbol("SPY")
    with pytest.raises(UnknownSymbolError, match="SPY"):
        bench.load(path)
    bench.coordinator.register(["SPY"], ["5m"], "24/7", base="5m")
    with pytest.raises(InputError, match="loaded with 5m bars, not 1m"):
        bench.load(path)
    with pytest.raises(InputError, match="not usable"):
        bench.load(path, symbol=" ")


def test_a_symbol_registered_anew_with_another_closing_bar_is_compared(bench: Bench) -> None:
    bench.coordinator.register(["AUC"], ["1m", "5m"], "XNYS")
    path = bench.write(*lines(minutes("2024-11-26 15:58", "2024-11-26 16:01")))
    how: dict[str, Any] = {"symbol": "AUC", "timezone": NEW_YORK}
    assert (bench.load(path, **how).outside, bench.load(path, **how).outside) == (1, 1)
    bench.coordinator.remove_symbol("AUC")
    bench.coordinator.register(["AUC"], ["1m", "5m"], "XNYS", closing_bar="include")
    again = bench.load(path, **how)
    assert (again.inserted, again.outside) == (3, 0)


def test_after_watermarks_went_back_they_go_forward_again(bench: Bench) -> None:
    path = bench.write(*stamped(FIVE))
    bench.load(path)
    bench.process()
    bench.coordinator.delete_bars("SPY", "1m", START + timedelta(minutes=3), rewind=True)
    assert bench.load(path).inserted == 2
    (row,) = bench.ask("SELECT complete_through FROM intervals WHERE symbol = 'SPY' AND NOT derived")
    assert row["complete_through"] == START + timedelta(minutes=5)


def test_a_session_that_was_declared_over_stays_over(bench: Bench, read: list[str]) -> None:
    path = bench.write(*stamped(FIVE))
    bench.load(path)
    bench.coordinator.end_session(START.date())
    before = bench.ask("SELECT * FROM intervals ORDER BY ALL")
    bench.load(path)
    assert bench.ask("SELECT * FROM intervals ORDER BY ALL") == before
    assert len(read) == 1


def test_bars_that_were_purged_since_are_refused(bench: Bench) -> None:
    day = timedelta(days=1)
    bench.now = NOW + 10 * day
    stamps = [(START + number * day).isoformat() for number in range(4)]
    path = bench.write(*lines(stamps))
    bench.load(path)
    bench.process()
    assert bench.coordinator.purge_bars("SPY", "1m", START + 2 * day).deleted > 0
    again = bench.load(path)
    assert (again.rejected, again.unchanged, again.inserted) == (2, 2, 0)


@pytest.mark.parametrize(
    "harm", ["DELETE FROM bar WHERE volume = 7", "UPDATE bar SET batch_id = 1000 WHERE volume = 7"]
)
def test_bars_that_somebody_else_took_away_or_wrote_are_compared(bench: Bench, read: list[str], harm: str) -> None:
    path = bench.write(*stamped({**FIVE, 2: 7}))
    bench.load(path)
    with bench.store.transaction() as transaction:
        transaction.execute(harm)
    bench.load(path)
    assert len(read) == 2
    assert volumes(bench) == {**FIVE, 2: 7}


def test_a_repair_has_everything_compared_again(bench: Bench, read: list[str]) -> None:
    path = bench.write(*stamped(FIVE))
    bench.load(path)
    bench.process()
    with bench.store.transaction() as transaction:
        transaction.execute("UPDATE bar SET volume = 1 WHERE base_count = 5")
    assert bench.coordinator.repair().revised == 1
    bench.load(path)
    assert len(read) == 2


def test_what_a_restored_store_holds_decides(bench: Bench) -> None:
    path = bench.write(*stamped(FIVE))
    bench.load(bench.write(*stamped({2: 8}), name="earlier.csv"))
    backup = bench.folder / "backup.duckdb"
    bench.store.backup(backup)
    bench.load(path)
    file = bench.store.path
    bench.store.close()
    restore(backup, file, force=True)
    again = Bench(file, bench.folder)
    again.now = NOW
    assert volumes(again) == {2: 8}
    assert (again.load(path).inserted, again.load(path).unchanged) == (4, 5)
    again.store.close()


def test_a_compacted_store_knows_its_files(bench: Bench, read: list[str]) -> None:
    path = bench.write(*stamped(FIVE))
    bench.load(path)
    file = bench.store.path
    bench.store.close()
    compact(file)
    again = Bench(file, bench.folder)
    again.now = NOW
    assert again.load(path).unchanged == 5
    assert len(read) == 1
    again.store.close()


@pytest.mark.parametrize("name", ["version", "duckdb"])
def test_another_version_reads_for_itself(
    bench: Bench, read: list[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = bench.write(*stamped(FIVE))
    bench.load(path)
    other = (lambda _: "99.0") if name == "version" else SimpleNamespace(__version__="99.0")
    monkeypatch.setattr(known_files, name, other)
    bench.load(path)
    bench.load(path)
    assert len(read) == 2


def test_where_a_path_says_something_it_is_read(bench: Bench, read: list[str]) -> None:
    for folder in ("symbol=SPY", "symbol=QQQ"):
        (bench.folder / folder).mkdir()
        path = bench.write(*stamped(FIVE), name=f"{folder}/bars.csv")
        for _ in range(2):
            report = bench.load(path, symbol=None)
            assert report.symbols == (folder[-3:],)
    assert len(read) == 4


def test_a_link_by_another_name_is_read(bench: Bench, read: list[str]) -> None:
    path = bench.write(*stamped(FIVE))
    bench.load(path)
    link = bench.folder / "link.tsv"
    link.symlink_to(path)
    assert bench.load(link).unchanged == 5
    assert len(read) == 2


def test_several_files_are_read(bench: Bench, read: list[str]) -> None:
    paths = [bench.write(*stamped({at: 100}), name=f"{at}.csv") for at in range(2)]
    assert (bench.load(paths).inserted, bench.load(paths).unchanged) == (2, 2)
    assert len(read) == 2


def test_a_pattern_that_finds_one_file_is_that_file(bench: Bench, read: list[str]) -> None:
    path = bench.write(*stamped(FIVE))
    bench.load(path)
    again = bench.load(bench.folder / "ba*.csv")
    assert (again.unchanged, again.source) == (5, str(bench.folder / "ba*.csv"))
    assert len(read) == 1


def test_a_file_written_to_while_it_is_loaded_is_not_taken_for_known(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bench.write(*stamped(FIVE))
    written_to = {**FIVE, 5: 100}
    readable = door.readable

    def write_and_read(source: Source, beside: Path) -> AbstractContextManager[Source]:
        bench.write(*stamped(written_to))
        return readable(source, beside)

    monkeypatch.setattr(door, "readable", write_and_read)
    assert bench.load(path).inserted == 6
    (row,) = bench.ask("SELECT outcome FROM source_file")
    assert row["outcome"] is None


@pytest.mark.parametrize("seed", range(8))
def test_files_loaded_in_any_order_leave_what_they_say(bench: Bench, seed: int) -> None:
    """Files, corrections and deletions at random, beside a dictionary."""
    random = Random(seed)
    kept: dict[str, dict[int, int]] = {"SPY": {}, "QQQ": {}}
    files = {}
    for number in range(4):
        said = {at: random.choice([100, 200]) for at in range(random.randint(0, 6), random.randint(8, 14))}
        files[bench.write(*stamped(said), name=f"{number}.csv")] = said
    for _ in range(25):
        symbol = random.choice(["SPY", "QQQ"])
        match random.choice(["file", "file", "file", "delete", "process"]):
            case "file":
                path = random.choice(list(files))
                report, held = bench.load(path, symbol=symbol), kept[symbol]
                assert report.inserted == len(files[path].keys() - held.keys())
                assert report.revised == sum(held.get(at, volume) != volume for at, volume in files[path].items())
                held.update(files[path])
            case "delete":
                at = random.randint(0, 14)
                gone = START + timedelta(minutes=at)
                bench.coordinator.delete_bars(symbol, "1m", gone, gone + timedelta(minutes=1))
                kept[symbol].pop(at, None)
            case _:
                bench.process()
        assert volumes(bench, symbol) == dict(sorted(kept[symbol].items()))
    bench.process()
    assert bench.store.verify().differences == ()
