"""Corporate actions come in from what vendors write, are kept with what they were before, and go again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from clock_kit import NOW, TickingClock

from barhouse import SessionCoordinator, SessionStore, open_store
from barhouse.coordinator.actions.options import presets
from barhouse.store.errors import InputError, OptionsError, RejectedBarsError, SourceError, UnknownSymbolError
from barhouse.store.records.batch import Batch

SAMPLE = Path(__file__).parents[2] / "sample" / "actions"

Said = tuple[str, str, str, float | None, float | None, str | None]


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("actions") / "blank.duckdb"
    with open_store(path, clock=lambda: NOW) as store:
        coordinator = SessionCoordinator(store)
        for symbol in ("AAPL", "COST", "GE", "NVDA"):
            coordinator.register(symbol, ["1d", "1w"], "XNYS")
    return path.read_bytes()


@pytest.fixture
def store(blank: bytes, tmp_path: Path) -> Iterator[SessionStore]:
    path = tmp_path / "actions.duckdb"
    path.write_bytes(blank)
    with open_store(path, clock=TickingClock()) as opened:
        yield opened
        assert opened.verify().sound


@pytest.fixture
def coordinator(store: SessionStore) -> SessionCoordinator:
    return SessionCoordinator(store)


def kept(store: SessionStore) -> set[Said]:
    rows = store.sql("SELECT symbol, ex_date, kind, ratio, amount, currency FROM actions").to_pylist()
    return {(str(row["symbol"]), str(row["ex_date"]), *list(row.values())[2:]) for row in rows}


def batches(store: SessionStore) -> list[tuple[Any, ...]]:
    rows = store.sql(
        "SELECT kind, inserted, revised, unchanged, rejected, deleted FROM batches WHERE kind <> 'calendar' "
        "ORDER BY batch_id"
    ).to_pylist()
    return [tuple(row.values()) for row in rows]


# --------------------------------------------------------------------------------------------- vendors' layouts

CASES: dict[str, tuple[str, str | None, set[Said]]] = {
    "polygon_splits": (
        "polygon_splits.json",
        None,
        {
            ("AAPL", "2020-08-31", "split", 4.0, None, None),
            ("AAPL", "2014-06-09", "split", 7.0, None, None),
            ("NVDA", "2024-06-10", "split", 10.0, None, None),
            ("NVDA", "2021-07-20", "split", 4.0, None, None),
        },
    ),
    "polygon_dividends": (
        "polygon_dividends.csv",
        None,
        {
            ("AAPL", "2023-11-10", "cash_dividend", None, 0.24, "USD"),
            ("AAPL", "2023-08-11", "cash_dividend", None, 0.24, "USD"),
            ("COST", "2023-12-27", "special_dividend", None, 15.0, "USD"),
        },
    ),
    "yfinance": (
        "yfinance.csv",
        "AAPL",
        {
            ("AAPL", "2020-05-08", "cash_dividend", None, 0.82, None),  # as it was paid, before the split
            ("AAPL", "2020-08-07", "cash_dividend", None, 0.82, None),
            ("AAPL", "2020-08-31", "split", 4.0, None, None),
            ("AAPL", "2020-11-06", "cash_dividend", None, 0.205, None),
        },
    ),
    "alpaca": (
        "alpaca.json",
        None,
        {
            ("AAPL", "2023-11-10", "cash_dividend", None, 0.24, None),
            ("COST", "2023-12-27", "special_dividend", None, 15.0, None),
            ("NVDA", "2024-06-10", "split", 10.0, None, None),
        },
    ),
    "nasdaq_dividends": (
        "nasdaq_dividends.json",
        "AAPL",
        {
            ("AAPL", "2023-11-10", "cash_dividend", None, 0.24, "USD"),
            ("AAPL", "2023-08-11", "cash_dividend", None, 0.24, "USD"),
        },
    ),
    "nasdaq_splits": (
        "nasdaq_splits.csv",
        None,
        {("NVDA", "2024-06-10", "split", 10.0, None, None), ("GE", "2021-08-02", "split", 0.125, None, None)},
    ),
}


@pytest.mark.parametrize("preset", CASES)
def test_a_vendors_layout_is_read(store: SessionStore, coordinator: SessionCoordinator, preset: str) -> None:
    file, symbol, expected = CASES[preset]
    report = coordinator.load_actions(SAMPLE / file, symbol, preset=preset)
    assert kept(store) == expected
    assert (report.actions, report.inserted, report.rejected) == (len(expected), len(expected), 0)


def test_every_preset_has_a_case() -> None:
    assert set(presets()) == set(CASES)


def test_the_frame_of_yfinance_is_read(store: SessionStore, coordinator: SessionCoordinator) -> None:
    """Its index are midnights of the exchange, which are no dates of UTC."""
    index = pd.DatetimeIndex(["2014-05-08", "2014-06-09", "2020-08-31"], name="Date").tz_localize("America/New_York")
    frame = pd.DataFrame({"Dividends": [0.1175, 0.0, 0.0], "Stock Splits": [0.0, 7.0, 4.0]}, index=index)
    coordinator.load_actions(frame, "AAPL", preset="yfinance")
    assert kept(store) == {
        ("AAPL", "2014-05-08", "cash_dividend", None, 3.29, None),
        ("AAPL", "2014-06-09", "split", 7.0, None, None),
        ("AAPL", "2020-08-31", "split", 4.0, None, None),
    }


def test_parquet_and_frames_say_the_same(store: SessionStore, coordinator: SessionCoordinator, tmp_path: Path) -> None:
    rows = {
        "symbol": ["aapl", "GE"],
        "ex_date": [date(2020, 8, 31), date(2021, 8, 2)],
        "kind": ["split", "Reverse Split"],
        "ratio": ["4-for-1", "1/8"],
    }
    pq.write_table(pa.table(rows), tmp_path / "splits.parquet")
    assert coordinator.load_actions(tmp_path / "splits.parquet").inserted == 2
    assert coordinator.load_actions(pd.DataFrame(rows)).unchanged == 2
    assert kept(store) == {
        ("AAPL", "2020-08-31", "split", 4.0, None, None),
        ("GE", "2021-08-02", "split", 0.125, None, None),
    }


# ------------------------------------------------------------------------------------------------- what is taken


def test_a_row_may_say_a_split_and_a_dividend(store: SessionStore, coordinator: SessionCoordinator) -> None:
    table = pa.table({"date": ["2024-06-10", "2024-06-11"], "dividend": [0.1, 0.0], "split": [10.0, None]})
    report = coordinator.load_actions(table, "NVDA", currency="usd")
    assert (report.actions, report.empty) == (2, 1)
    assert kept(store) == {
        ("NVDA", "2024-06-10", "split", 10.0, None, None),
        ("NVDA", "2024-06-10", "cash_dividend", None, 0.1, "USD"),
    }


def test_a_stock_dividend_is_a_rate(store: SessionStore, coordinator: SessionCoordinator) -> None:
    table = pa.table({"ex_date": ["2024-06-10"], "amount": [0.05]})
    coordinator.load_actions(table, "GE", kind="stock_dividend")
    assert kept(store) == {("GE", "2024-06-10", "stock_dividend", 0.05, None, None)}


BAD: list[tuple[dict[str, Any], str]] = [
    ({"symbol": None}, "the symbol is missing"),
    ({"symbol": "NOBODY"}, "symbol 'NOBODY' is not registered"),
    ({"ex_date": None}, "the ex-date is missing"),
    ({"ex_date": "soon"}, "the ex-date cannot be read"),
    ({"ex_date": "2024-02-30"}, "the ex-date cannot be read"),
    ({"ex_date": "1899-12-29"}, "the ex-date lies before 1900"),
    ({"ex_date": "2031-06-10"}, "the ex-date lies more than two years ahead"),
    ({"ex_date": "2024-11-28"}, "no session of XNYS is on the ex-date"),
    ({"ex_date": "2024-06-08"}, "no session of XNYS is on the ex-date"),
    ({"kind": "merger"}, "the kind of action is not known"),
    ({"ratio": None}, "the ratio is missing"),
    ({"ratio": "many"}, "the ratio cannot be read"),
    ({"ratio": "1:0"}, "the ratio cannot be read"),
    ({"ratio": "1:1"}, "a ratio of 1:1 splits nothing"),
    ({"ratio": "-2"}, "the ratio lies outside of 1:1000000 and 1000000:1"),
    ({"ratio": "1e9"}, "the ratio lies outside of 1:1000000 and 1000000:1"),
    ({"kind": "stock_dividend", "ratio": "0"}, "the ratio is not above 0, or above 1000000"),
    ({"kind": "dividend"}, "the amount is missing"),
    ({"kind": "dividend", "amount": "much"}, "the amount cannot be read"),
    ({"kind": "dividend", "amount": "inf"}, "the amount cannot be read"),
    ({"kind": "dividend", "amount": "-0.24"}, "the amount is not above 0"),
    ({"kind": "special_dividend", "amount": "0"}, "the amount is not above 0"),
    ({"kind": "dividend", "amount": "1e300"}, "the amount is above 1e12"),
    ({"symbol": "'; DROP TABLE BAR; --"}, 'symbol "\'; DROP TABLE BAR; --" is not registered'),
]
GOOD = {"symbol": "NVDA", "ex_date": "2024-06-10", "kind": "split", "ratio": "10:1", "amount": None}


@pytest.mark.parametrize(("wrong", "reason"), BAD, ids=[f"{reason} {wrong}" for wrong, reason in BAD])
def test_a_row_that_cannot_be_taken_is_rejected_alone(
    store: SessionStore, coordinator: SessionCoordinator, wrong: dict[str, Any], reason: str
) -> None:
    types = pa.schema([(name, pa.string()) for name in GOOD])
    table = pa.Table.from_pylist([{**GOOD, **wrong}, GOOD], types)
    report = coordinator.load_actions(table)
    assert [(one.reason, one.count, one.first_row) for one in report.rejects] == [(reason, 1, 1)]
    assert (report.inserted, report.rejected) == (1, 1)
    assert kept(store) == {("NVDA", "2024-06-10", "split", 10.0, None, None)}
    (row,) = store.sql("SELECT file_row, reason, batch_id FROM rejected").to_pylist()
    assert row == {"file_row": 1, "reason": reason, "batch_id": report.batch_id}
    with pytest.raises(RejectedBarsError, match="1 of 2 actions of pyarrow Table cannot be taken, nothing was loaded"):
        coordinator.load_actions(table, strict=True)
    with pytest.raises(RejectedBarsError, match="1 of 1 action"):
        coordinator.load_actions(table.slice(0, 1))


def test_a_line_that_is_no_row_is_rejected(
    store: SessionStore, coordinator: SessionCoordinator, tmp_path: Path
) -> None:
    file = tmp_path / "splits.csv"
    lines = ["symbol,ex_date,ratio,note,more", "AAPL,2020-08-31,4:1,x,y", "NVDA", "NVDA,2024-06-10,10:1,x,y"]
    file.write_text("\n".join(lines) + "\n")
    report = coordinator.load_actions(file)
    assert (report.actions, report.inserted, report.rejected) == (3, 2, 1)
    assert report.rejects[0].first_given == "NVDA"


def test_unknown_symbols_can_be_passed_over(store: SessionStore, coordinator: SessionCoordinator) -> None:
    table = pa.table({"symbol": ["NVDA", "NOBODY"], "ex_date": ["2024-06-10"] * 2, "ratio": ["10:1"] * 2})
    report = coordinator.load_actions(table, unknown="skip")
    assert (report.actions, report.inserted, report.rejected, report.empty) == (1, 1, 0, 1)


def test_a_later_row_of_a_source_counts(store: SessionStore, coordinator: SessionCoordinator) -> None:
    table = pa.table({"ex_date": ["2024-06-10"] * 4, "ratio": ["9:1", "10:1", "x", "10:1"]})
    report = coordinator.load_actions(table, "NVDA")
    reasons = {(one.reason, one.first_row) for one in report.rejects}
    assert reasons == {
        ("a later row of the source has another value for this action", 1),
        ("the ratio cannot be read", 3),
    }
    assert (report.actions, report.inserted, report.unchanged) == (4, 1, 1)
    assert kept(store) == {("NVDA", "2024-06-10", "split", 10.0, None, None)}


REFUSED: list[tuple[dict[str, list[Any]], dict[str, Any], str]] = [
    ({"ratio": ["4:1"]}, {}, "has no column for the ex-date, it has ratio; say which with columns="),
    ({"date": ["2020-08-31"]}, {}, "has no column for a ratio or an amount"),
    ({"date": ["2020-08-31"], "split_to": [4]}, {}, "has a column for ratio_to and none for ratio_from"),
    ({"date": ["2020-08-31"], "ratio": [4]}, {"columns": {"ratio": "Ratio of it"}}, "has no column Ratio of it"),
    ({"date": ["2020-08-31"], "ratio": [4]}, {"columns": {"price": "x"}}, "'price' is no part of a corporate action"),
    ({"date": ["2020-08-31"], "ratio": [4], "split": [4]}, {}, "has several columns that could be ratio: ratio, split"),
    ({"date": ["2020-08-31"], "ratio": [4]}, {"kind": "merger"}, "is no kind of corporate action; there are split"),
    ({"date": ["2020-08-31"], "ratio": [4]}, {"preset": "polygon"}, "is no layout of corporate actions"),
    ({"date": ["2020-08-31"], "ratio": [4]}, {"currency": "'; --"}, "is no code of a currency"),
    ({"date": ["2020-08-31"], "ratio": [4]}, {"unknown": "ask"}, "unknown='ask'"),
    ({"date": ["2020-08-31"] * 2, "ratio": [4, 4], "symbol": ["AAPL", "GE"]}, {}, "names 2 symbols, not only AAPL"),
]


@pytest.mark.parametrize(("columns", "options", "message"), REFUSED, ids=[message for *_, message in REFUSED])
def test_a_source_that_cannot_be_meant_fails_whole(
    store: SessionStore,
    coordinator: SessionCoordinator,
    columns: dict[str, list[Any]],
    options: dict[str, Any],
    message: str,
) -> None:
    with pytest.raises(InputError) as caught:
        coordinator.load_actions(pa.table(columns), "AAPL", **options)
    assert message in str(caught.value)
    assert kept(store) == set()


def test_what_cannot_be_found_is_refused(coordinator: SessionCoordinator) -> None:
    with pytest.raises(SourceError, match="there is no file"):
        coordinator.load_actions("nowhere.csv")
    with pytest.raises(UnknownSymbolError, match=r"'APL' is not registered .did you mean AAPL"):
        coordinator.load_actions(pa.table({"date": ["2020-08-31"], "ratio": [4]}), "APL")
    with pytest.raises(OptionsError, match="has no column that names the symbol"):
        coordinator.load_actions(pa.table({"date": ["2020-08-31"], "ratio": [4]}))


# ------------------------------------------------------------------------------------------- revisions, and going


def splits(ratio: float, symbol: str = "NVDA") -> pa.Table:
    return pa.table({"symbol": [symbol], "ex_date": ["2024-06-10"], "ratio": [ratio]})


def test_the_same_again_changes_nothing_and_another_value_is_a_revision(
    store: SessionStore, coordinator: SessionCoordinator
) -> None:
    first = coordinator.load_actions(splits(9.0))
    assert coordinator.load_actions(splits(9.0)).batch_id is None
    second = coordinator.load_actions(splits(10.0))
    assert (second.revised, second.inserted) == (1, 0)
    (row,) = store.sql("SELECT ratio, batch_id, replaced_by, replaced_kind FROM action_revisions").to_pylist()
    assert row == {"ratio": 9.0, "batch_id": first.batch_id, "replaced_by": second.batch_id, "replaced_kind": "load"}
    assert batches(store) == [("load", 1, 0, 0, 0, 0), ("load", 0, 1, 0, 0, 0)]


def test_a_source_without_a_currency_leaves_the_one_that_is_known(
    store: SessionStore, coordinator: SessionCoordinator
) -> None:
    table = pa.table({"ex_date": ["2023-11-10"], "amount": [0.24]})
    coordinator.load_actions(table, "AAPL", currency="USD")
    assert coordinator.load_actions(table, "AAPL").batch_id is None
    assert coordinator.load_actions(table, "AAPL", currency="EUR").revised == 1


def test_an_action_is_deleted_by_its_ex_date(store: SessionStore, coordinator: SessionCoordinator) -> None:
    table = pa.table({"date": ["2024-06-10"], "dividend": [0.1], "split": [10.0]})
    coordinator.load_actions(table, "NVDA")
    assert coordinator.delete_actions("NVDA", "2024-06-11").batch_id is None
    report = coordinator.delete_actions("nvda", date(2024, 6, 10), kind="split")
    assert report.kinds == ("split",)
    assert kept(store) == {("NVDA", "2024-06-10", "cash_dividend", None, 0.1, None)}
    assert coordinator.delete_actions("NVDA", "2024-06-10").kinds == ("cash_dividend",)
    assert kept(store) == set()
    assert store.sql("FROM action_revisions").num_rows == 2
    with pytest.raises(UnknownSymbolError):
        coordinator.delete_actions("NOBODY", "2024-06-10")
    with pytest.raises(InputError, match="is an instant"):
        coordinator.delete_actions("NVDA", "2024-06-10T00:00:00Z")
    with pytest.raises(InputError, match="is no kind of corporate action"):
        coordinator.delete_actions("NVDA", "2024-06-10", kind="merger")


def test_a_load_of_actions_is_undone_and_so_is_the_undo(store: SessionStore, coordinator: SessionCoordinator) -> None:
    coordinator.load_actions(splits(9.0))
    both = pa.concat_tables([splits(10.0), splits(3.0, "GE")])
    loaded = coordinator.load_actions(both)
    assert loaded.batch_id is not None
    tried = coordinator.revert(loaded.batch_id, apply=False)
    assert (tried.batch_id, tried.revised, tried.deleted, tried.symbols) == (None, 1, 1, ("GE", "NVDA"))
    assert len(kept(store)) == 2
    undone = coordinator.revert(loaded.batch_id)
    assert undone.batch_id is not None
    assert kept(store) == {("NVDA", "2024-06-10", "split", 9.0, None, None)}
    with pytest.raises(InputError, match="is undone already"):
        coordinator.revert(loaded.batch_id)
    coordinator.revert(undone.batch_id)
    assert {said[:4] for said in kept(store)} == {
        ("NVDA", "2024-06-10", "split", 10.0),
        ("GE", "2024-06-10", "split", 3.0),
    }


def test_a_load_of_actions_that_others_followed_is_not_undone(
    store: SessionStore, coordinator: SessionCoordinator
) -> None:
    first = coordinator.load_actions(splits(9.0))
    coordinator.load_actions(splits(10.0))
    assert first.batch_id is not None
    with pytest.raises(InputError, match=r"of its actions batch \d+ \(load, 1 action\) wrote or replaced some since"):
        coordinator.revert(first.batch_id)
    coordinator.remove_symbol("NVDA")
    with pytest.raises(InputError, match="NVDA of its symbols were removed since"):
        coordinator.revert(first.batch_id)


def test_actions_go_with_their_symbol(store: SessionStore, coordinator: SessionCoordinator) -> None:
    coordinator.load_actions(splits(9.0))
    coordinator.load_actions(splits(10.0))
    coordinator.load_actions(splits(3.0, "GE"))
    assert coordinator.remove_symbol("NVDA").deleted == 0  # of bars
    assert kept(store) == {("GE", "2024-06-10", "split", 3.0, None, None)}
    assert store.sql("FROM action_revisions").num_rows == 2
    coordinator.remove_symbol("NVDA", purge=True)
    assert store.sql("FROM action_revisions").num_rows == 0
    assert store.verify().sound
    coordinator.remove_symbol("GE", purge=True)
    assert kept(store) == set()


def test_old_values_of_actions_are_purged_with_those_of_bars(
    store: SessionStore, coordinator: SessionCoordinator
) -> None:
    coordinator.load_actions(splits(9.0))
    coordinator.load_actions(splits(10.0))
    first = store.sql("SELECT min(replaced_at) AS at FROM action_revisions").to_pylist()[0]["at"]
    coordinator.load_actions(splits(11.0))
    report = coordinator.purge_revisions(first + timedelta(microseconds=1))
    assert report.revisions == 1
    assert store.sql("SELECT ratio FROM action_revisions").to_pylist() == [{"ratio": 10.0}]


def test_actions_leave_bars_and_what_is_derived_alone(store: SessionStore, coordinator: SessionCoordinator) -> None:
    days = [date(2024, 6, day) for day in (6, 7, 10, 11)]
    prices = {name: [1200.0, 1208.0, 120.0, 121.0] for name in ("open", "high", "low", "close")}
    coordinator.load(pa.table({"date": days, **prices, "volume": [1.0] * 4}), "NVDA", "1d")
    before = store.sql("FROM bars ORDER BY ALL").to_pylist()
    coordinator.load_actions(splits(10.0))
    assert store.sql("FROM bars ORDER BY ALL").to_pylist() == before
    assert store.sql(
        "SELECT needs_processing FROM intervals WHERE symbol = 'NVDA' AND interval = '1d'"
    ).to_pylist() == [{"needs_processing": False}]


def test_actions_are_in_copies(store: SessionStore, coordinator: SessionCoordinator, tmp_path: Path) -> None:
    coordinator.load_actions(splits(9.0))
    coordinator.load_actions(splits(10.0))
    backup = tmp_path / "backup.duckdb"
    store.backup(backup)
    store.publish(tmp_path / "published.duckdb")
    for copy in (backup, tmp_path / "published.duckdb"):
        with open_store(copy, read_only=True) as opened:
            assert kept(opened) == {("NVDA", "2024-06-10", "split", 10.0, None, None)}
            assert opened.sql("FROM action_revisions").num_rows == 1


# ------------------------------------------------------------------------------------------- errors behind its back

PLANTED: dict[str, tuple[str, str]] = {
    "an action twice": ("action", "INSERT INTO corporate_action FROM corporate_action WHERE kind = 'split'"),
    "an action of nobody": ("action", "UPDATE corporate_action SET symbol_id = 999 WHERE kind = 'split'"),
    "a ratio of nothing": ("action", "UPDATE corporate_action SET ratio = 0 WHERE kind = 'split'"),
    "a ratio below nothing": ("action", "UPDATE corporate_action SET ratio = -2 WHERE kind = 'split'"),
    "a ratio that is no number": ("action", "UPDATE corporate_action SET ratio = 'nan' WHERE kind = 'split'"),
    "a ratio gone": ("action", "UPDATE corporate_action SET ratio = NULL WHERE kind = 'split'"),
    "an amount of a split": ("action", "UPDATE corporate_action SET amount = 1 WHERE kind = 'split'"),
    "an amount gone": ("action", "UPDATE corporate_action SET amount = NULL WHERE kind = 'cash_dividend'"),
    "an amount without end": ("action", "UPDATE corporate_action SET amount = 'inf' WHERE kind = 'cash_dividend'"),
    "a kind that is none": ("action", "UPDATE corporate_action SET kind = 'merger' WHERE kind = 'split'"),
    "a date long ago": ("action", "UPDATE corporate_action SET ex_date = DATE '1066-10-14' WHERE kind = 'split'"),
    "an old ratio gone": ("action", "UPDATE corporate_action_revision SET ratio = NULL"),
    "an action gone": ("revision", "DELETE FROM corporate_action WHERE kind = 'split'"),
    "an old value gone": ("revision", "DELETE FROM corporate_action_revision"),
    "an action of another batch": ("revision", "UPDATE corporate_action SET batch_id = 1 WHERE kind = 'split'"),
    "a batch gone": ("revision", "DELETE FROM batch WHERE batch_id = (SELECT batch_id FROM corporate_action_revision)"),
    "an old value replaced too late": ("revision", "UPDATE corporate_action_revision SET replaced_by = 99"),
    "an old value replaced too soon": ("revision", "UPDATE corporate_action_revision SET replaced_by = batch_id"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_among_actions_is_found(blank: bytes, tmp_path: Path, name: str) -> None:
    path = tmp_path / "planted.duckdb"
    path.write_bytes(blank)
    with open_store(path, clock=TickingClock()) as store:
        coordinator = SessionCoordinator(store)
        coordinator.load_actions(splits(9.0))
        coordinator.load_actions(splits(10.0))
        coordinator.load_actions(pa.table({"ex_date": ["2023-11-10"], "amount": [0.24]}), "AAPL")
        assert store.verify().sound
    kind, change = PLANTED[name]
    with duckdb.connect(str(path)) as connection:
        connection.execute(change)
    with open_store(path, clock=TickingClock()) as store:
        assert kind in store.verify().totals
        if kind == "revision":  # the loss can be accepted
            assert "revision" not in SessionCoordinator(store).repair(accept_lost_history=True).after.totals


def test_a_load_that_fails_half_way_leaves_no_action(
    store: SessionStore, coordinator: SessionCoordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    coordinator.load_actions(splits(9.0))
    before = kept(store)

    def fails(*_: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(Batch, "write", fails)
    with pytest.raises(OSError, match="no room"):
        coordinator.load_actions(pa.concat_tables([splits(10.0), splits(3.0, "GE")]))
    monkeypatch.undo()
    assert kept(store) == before
    assert store.sql("FROM action_revisions").num_rows == 0


CHILD = """
import sys, os
import pyarrow as pa
from barhouse import SessionCoordinator, open_store
with open_store(sys.argv[1]) as store:
    for ratio in range(2, 2000):
        days = ["2024-06-10", "2024-06-11", "2024-06-12"]
        SessionCoordinator(store).load_actions(pa.table({"ex_date": days, "ratio": [float(ratio)] * 3}), "NVDA")
        print(ratio, flush=True)
"""


def test_actions_are_in_a_batch_or_not_at_all_whenever_the_process_is_killed(blank: bytes, tmp_path: Path) -> None:
    path = tmp_path / "killed.duckdb"
    path.write_bytes(blank)
    for wait in (1, 4):  # acknowledged loads before the kill
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path)], cwd=SAMPLE.parents[1], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            told = [int(child.stdout.readline()) for _ in range(wait)]
            child.kill()
            told += [int(line) for line in child.stdout if line.strip()]
        with open_store(path) as store:
            ratios = store.sql("SELECT DISTINCT ratio, count(*) AS n FROM actions GROUP BY ratio").to_pylist()
            assert len(ratios) == 1 and ratios[0]["n"] == 3 and ratios[0]["ratio"] >= told[-1]
            assert store.verify().sound
