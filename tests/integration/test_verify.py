"""verify finds what was planted behind the store's back, and repair mends what can be derived again."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from barhouse import DataProcessor, SessionCoordinator, SessionStore, open_store
from barhouse.store.errors import InputError, UnknownSymbolError

SPY = Path(__file__).parents[2] / "sample" / "spy_1m_2020-12-15_18.csv"
BARS = "SELECT * EXCLUDE (batch_id) FROM bars ORDER BY ALL"
ACCOUNTS = "SELECT * FROM coverage ORDER BY ALL"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four days of SPY, derived, one minute corrected and one deleted afterwards."""
    path = tmp_path_factory.mktemp("sound") / "bars.duckdb"
    with open_store(path) as store:
        coordinator = SessionCoordinator(store)
        coordinator.register("SPY", ["1m", "5m", "1h", "1d", "1w"], "XNYS")
        coordinator.load(SPY, "SPY", "1m", timezone="America/New_York")
        DataProcessor(store).process()
        one = store.bars("SPY", "1m", "2020-12-16T15:31Z", "2020-12-16T15:32Z")
        one = one.select(["bar_start", "open", "high", "low", "close", "volume"])
        coordinator.load(one.set_column(5, "volume", [[99.0]]), "SPY", "1m")
        coordinator.delete_bars("SPY", "1m", "2020-12-17T16:00Z", "2020-12-17T16:01Z")
        DataProcessor(store).process()
        assert store.verify().sound
    return path


@pytest.fixture
def planted(sound: Path, tmp_path: Path) -> Path:
    path = tmp_path / "bars.duckdb"
    path.write_bytes(sound.read_bytes())
    return path


def plant(path: Path, statement: str) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(statement)


OF = "interval_id = (SELECT interval_id FROM interval_definition WHERE interval = '{}')"
PLANTS = {
    "a duplicated derived bar": (
        f"INSERT INTO bar SELECT * FROM bar WHERE {OF.format('5m')} AND bar_start = '2020-12-16 15:00:00+00'",
        {"duplicate", "coverage", "revision"},
    ),
    "a duplicated base bar": (
        f"INSERT INTO bar SELECT * FROM bar WHERE {OF.format('1m')} AND bar_start = '2020-12-16 15:00:00+00'",
        {"duplicate", "derived", "revision"},
    ),
    "a wrong high": (
        f"UPDATE bar SET high = high + 1 WHERE {OF.format('1h')} AND bar_start = '2020-12-16 15:30:00+00'",
        {"derived"},
    ),
    "a last digit": (
        f"UPDATE bar SET volume = volume * (1 + 2.5e-16) WHERE {OF.format('1d')} AND session_date = '2020-12-18'",
        {"derived"},
    ),
    "a missing derived bar": (
        f"DELETE FROM bar WHERE {OF.format('1d')} AND session_date = '2020-12-15'",
        {"derived", "coverage", "gap", "revision"},
    ),
    "a bar that nothing gives": (
        "INSERT INTO bar SELECT * REPLACE (bar_start + INTERVAL 1 DAY AS bar_start) FROM bar "
        f"WHERE {OF.format('1d')} AND session_date = '2020-12-18'",
        {"derived", "watermark", "revision"},
    ),
    "a wrong coverage count": (
        f"UPDATE session_coverage SET present_count = 3 WHERE {OF.format('5m')} AND session_date = '2020-12-17'",
        {"coverage", "quality"},
    ),
    "a gap that is none": (
        "INSERT INTO gap SELECT interval_id, session_date, segment, gap_start + INTERVAL 1 HOUR, "
        f"gap_end + INTERVAL 1 HOUR, missing_count, 0 FROM gap WHERE {OF.format('1m')}",
        {"gap"},
    ),
    "a bar called missing that is there": (
        f"UPDATE gap SET incomplete_count = 0 WHERE {OF.format('1d')}",
        {"gap"},
    ),
    "a stale watermark of a base": (
        f"UPDATE interval_definition SET complete_through = '2020-12-17 15:00:00+00' WHERE {OF.format('1m')}",
        {"watermark", "coverage", "gap"},
    ),
    "a stale watermark of a derived interval": (
        f"UPDATE interval_definition SET derived_through = '2020-12-17 15:00:00+00' WHERE {OF.format('5m')}",
        {"watermark", "derived", "coverage", "gap"},
    ),
    "a watermark between buckets": (
        f"UPDATE interval_definition SET derived_through = '2020-12-18 20:59:00+00' WHERE {OF.format('5m')}",
        {"watermark", "coverage"},
    ),
    "a quality": (
        f"UPDATE interval_definition SET quality_pct = 12 WHERE {OF.format('1w')}",
        {"quality"},
    ),
    "a wrong sum of its coverage": (
        f"UPDATE interval_definition SET present_count = present_count + 1 WHERE {OF.format('1h')}",
        {"quality"},
    ),
    "a first session that is none": (
        f"DELETE FROM bar WHERE {OF.format('1d')}; "
        f"UPDATE interval_definition SET first_session = '2020-12-13' WHERE {OF.format('1m')}",
        {"derived"},
    ),
    "a first session that is too late": (
        f"DELETE FROM bar WHERE {OF.format('1d')}; "
        f"UPDATE interval_definition SET first_session = '2021-01-04' WHERE {OF.format('1m')}",
        {"derived"},
    ),
    "a bucket said to close later": (
        f"UPDATE interval_definition SET next_close = next_close + INTERVAL 5 MINUTE WHERE {OF.format('5m')}",
        {"watermark"},
    ),
    "a block said to close later": (
        f"UPDATE interval_definition SET next_close = next_close + INTERVAL 1 DAY WHERE {OF.format('1w')}",
        {"watermark"},
    ),
    "a base bar in the wrong session": (
        f"UPDATE bar SET session_date = '2020-12-15' WHERE {OF.format('1m')} AND bar_start = '2020-12-16 15:00:00+00'",
        {"misplaced", "derived"},
    ),
}
BEYOND = {
    "a missing revision": (f"DELETE FROM bar_revision WHERE {OF.format('1m')} AND volume <> 99", {"revision"}),
    "a revision that overlaps": ("UPDATE bar_revision SET replaced_by = 1", {"revision"}),
    "a base bar that cannot be": (
        f"UPDATE bar SET low = high + 1 WHERE {OF.format('1m')} AND bar_start = '2020-12-16 15:00:00+00'",
        {"impossible"},
    ),
}


@pytest.mark.parametrize("name", PLANTS)
def test_what_was_planted_is_found_and_mended(sound: Path, planted: Path, name: str) -> None:
    statement, kinds = PLANTS[name]
    plant(planted, statement)
    with open_store(planted) as store, open_store(sound, read_only=True) as right:
        report = store.verify()
        assert kinds <= set(report.totals), str(report)
        mended = SessionCoordinator(store).repair()
        # What a batch wrote and was lost meanwhile stays in the history as lost.
        assert set(mended.after.totals) <= {"revision"}, str(mended.after)
        assert store.sql(BARS).equals(right.sql(BARS))
        assert store.sql(ACCOUNTS).equals(right.sql(ACCOUNTS))


@pytest.mark.parametrize("name", BEYOND)
def test_what_cannot_be_derived_again_is_found_and_said(planted: Path, name: str) -> None:
    statement, kinds = BEYOND[name]
    plant(planted, statement)
    with open_store(planted) as store:
        assert kinds <= set(store.verify().totals)
        mended = SessionCoordinator(store).repair()
        assert kinds <= set(mended.after.totals)
        assert all(one.advice for one in mended.after.differences)


LOST = {
    "a missing revision": BEYOND["a missing revision"][0],
    "all revisions": "DELETE FROM bar_revision",
    "a missing derived bar": PLANTS["a missing derived bar"][0],
    "a duplicated base bar": PLANTS["a duplicated base bar"][0],
    "a bar that nothing gives": PLANTS["a bar that nothing gives"][0],
    "revisions replaced too early": "UPDATE bar_revision SET replaced_by = 1",
    "a revision replaced too late": "UPDATE bar_revision SET replaced_by = replaced_by + 1",
    "a revision from the future": "UPDATE bar_revision SET batch_id = 4, replaced_by = 5",
    "a revision twice": "INSERT INTO bar_revision SELECT * FROM bar_revision",
    "a batch": "DELETE FROM batch WHERE batch_id = 3",
    "the first batches": "DELETE FROM batch WHERE batch_id < 3",
    "the last batch": "DELETE FROM batch WHERE batch_id = (SELECT max(batch_id) FROM batch)",
}


@pytest.mark.parametrize("name", LOST)
def test_lost_history_can_be_accepted_once_and_then_what_is_left_is_proven(
    sound: Path, planted: Path, name: str
) -> None:
    plant(planted, LOST[name])
    with open_store(planted) as store, open_store(sound, read_only=True) as right:
        assert "revision" in store.verify().totals
        coordinator = SessionCoordinator(store)
        report = coordinator.repair(accept_lost_history=True)
        assert report.after.sound, str(report.after)
        assert report.accepted or "batch" in name or "duplicated" in name
        assert store.sql(BARS).equals(right.sql(BARS))
        assert coordinator.repair(accept_lost_history=True).batch_id is None
        (batch,) = store.sql(f"FROM batches WHERE batch_id = {report.batch_id}").to_pylist()
        assert batch["kind"] == "repair"
        for moment in store.sql("SELECT committed_at FROM batches")["committed_at"].to_pylist():
            starts = store.sql("SELECT symbol, interval, bar_start FROM bars_as_of($moment)", {"moment": moment})
            assert len(set(map(str, starts.to_pylist()))) == len(starts)
        left = len(store.sql("FROM revisions"))
    plant(planted, "DELETE FROM bar_revision WHERE batch_id = (SELECT min(batch_id) FROM bar_revision)")
    with open_store(planted) as store:
        assert store.verify().sound == (left == 0), "what is lost after that is missed"


def test_history_is_accepted_as_lost_for_the_whole_store(planted: Path) -> None:
    with open_store(planted) as store, pytest.raises(InputError, match="whole store"):
        SessionCoordinator(store).repair(["SPY"], accept_lost_history=True)


def test_a_sound_store_says_what_was_checked(planted: Path) -> None:
    with open_store(planted) as store:
        report = store.verify()
        assert report.sound and not report and len(report) == 0
        assert (report.symbol_count, report.interval_count, report.base_bar_count) == (1, 5, 1563)
        assert report.derived_bar_count == 312 + 28 + 4 + 1
        assert report.session_count == 4 and report.batches_checked
        assert "all as recomputed" in str(report)
        assert SessionCoordinator(store).repair().batch_id is None


def test_a_part_of_a_store(planted: Path) -> None:
    plant(planted, PLANTS["a wrong high"][0])
    with open_store(planted) as store:
        assert not store.verify(intervals=["1h"]).sound
        assert store.verify(intervals=["5m", "1d"]).sound
        assert not store.verify(start=date(2020, 12, 16), end=date(2020, 12, 17)).sound
        assert store.verify(start=date(2020, 12, 17)).sound
        with pytest.raises(UnknownSymbolError, match="'QQQ' is not registered"):
            store.verify(symbols=["qqq"])
        with pytest.raises(InputError, match="7m"):
            store.verify(intervals=["7m"])


def test_the_history_of_a_part_is_checked_by_itself(planted: Path) -> None:
    """The two bars with a history are of 1m, 5m, 1h, 1d and 1w, in the sessions of the 16th and the 17th."""
    plant(planted, f"UPDATE bar_revision SET replaced_by = 1 WHERE {OF.format('1m')} AND session_date = '2020-12-16'")
    with open_store(planted) as store:
        SessionCoordinator(store).register("QQQ", ["1m"], "XNYS")
        assert store.verify(["SPY"], ["1m"], "2020-12-16", "2020-12-17").totals == {"revision": 1}
        assert store.verify(["QQQ"]).sound
        assert store.verify(intervals=["5m", "1h", "1d", "1w"]).sound
        assert store.verify(start="2020-12-17").sound and store.verify(end="2020-12-16").sound


def test_work_that_waits_is_no_difference(planted: Path) -> None:
    with open_store(planted) as store:
        SessionCoordinator(store).delete_bars("SPY", "1m", "2020-12-15T14:30Z", "2020-12-15T15:00Z")
        assert store.verify().sound
        DataProcessor(store).process()
        assert store.verify().sound


def test_repair_of_someone_unknown(planted: Path) -> None:
    with open_store(planted) as store, pytest.raises(UnknownSymbolError):
        SessionCoordinator(store).repair(["QQQ"])


def test_the_store_is_only_read(planted: Path) -> None:
    before = planted.read_bytes()
    with open_store(planted, read_only=True) as store:
        assert isinstance(store, SessionStore)
        assert store.verify().sound
    assert planted.read_bytes() == before
