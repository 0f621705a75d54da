"""Columns that a store declares: loaded, derived, corrected, undone, purged, copied, shown, and dropped."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from live_kit import OPEN, Clock, Scripted, bar
from load_kit import HEADER, Bench, line, minutes, unchanged
from test_live import FAST, run

from barhouse import DataProcessor, SessionCoordinator, compact, open_store, restore
from barhouse.coordinator.live.options import LiveOptions
from barhouse.coordinator.live.session import LiveSession
from barhouse.store.database.declared_views import show_columns, views_showing
from barhouse.store.errors import InputError, OptionsError, RejectedBarsError, UnknownSymbolError

ROOT = Path(__file__).parents[2]
WIDE = f"{HEADER},open_interest,quote_volume,spread"
USUAL = ["open_interest", "quote_volume", "spread"]
STAMPS = minutes("2024-11-26 14:30", "2024-11-26 14:40")


@pytest.fixture
def wide(bench: Bench) -> Iterator[Bench]:
    bench.coordinator.declare_columns({"open_interest": "last", "quote_volume": "sum", "spread": "mean"})
    return bench


def rows(*values: tuple[object, object, object], stamps: list[str] = STAMPS) -> list[str]:
    return [f"{line(stamp)},{','.join(map(str, said))}" for stamp, said in zip(stamps, values, strict=False)]


FIVE = [(100, 1.5, 0.1), (101, 2.5, ""), ("", 3, 0.3), ("-", 0.25, "NaN"), ("null", 1e-9, 0.5)]


def load(bench: Bench, *lines: str, **options: Any) -> Any:
    return bench.load(bench.write(*lines, header=WIDE), timezone="UTC", **options)


def values(bench: Bench, interval: str = "1m", symbol: str = "SPY", **options: Any) -> list[tuple[Any, ...]]:
    table = bench.store.bars(symbol, interval, columns=USUAL, **options)
    return list(zip(*(table[name].to_pylist() for name in USUAL), strict=True))


def test_values_load_and_are_put_together(wide: Bench) -> None:
    report = load(wide, *rows(*FIVE))
    assert (report.inserted, report.rejected, report.ignored) == (5, 0, ())
    wide.process()
    assert values(wide) == [
        (100.0, 1.5, 0.1), (101.0, 2.5, None), (None, 3.0, 0.3), (None, 0.25, None), (None, 1e-9, 0.5),
    ]  # fmt: skip
    assert values(wide, "5m") == [(101.0, 7.250000001, 0.9 / 3)]
    assert values(wide, "1h") == values(wide, "5m")
    assert wide.store.verify().sound


def test_a_sum_of_which_a_part_is_unknown_is_unknown(wide: Bench) -> None:
    load(wide, *rows((1, "", ""), (2, 5, "")))
    wide.process()
    assert values(wide, "1h") == [(2.0, None, None)]


@pytest.mark.parametrize("kind", ["csv", "parquet", "arrow", "pandas", "json"])
def test_every_kind_of_source_has_them(wide: Bench, tmp_path: Path, kind: str) -> None:
    table = pa.table(
        {
            "timestamp": pa.array([OPEN, OPEN + timedelta(minutes=1)], pa.timestamp("us", "UTC")),
            **{name: [10.0, 11.0] for name in ("open", "high", "low", "close", "volume")},
            "Open_Interest": [5.0, None],
            "quote_volume": [1.25, 2.5],
            "note": ["a", "b"],
        }
    )
    data: Any = tmp_path / f"bars.{kind}"
    if kind == "csv":
        table.to_pandas().to_csv(data, index=False)
    elif kind == "parquet":
        pq.write_table(table, data)
    elif kind == "json":
        table.to_pandas().to_json(data, orient="records", date_format="iso")
    else:
        data = table if kind == "arrow" else table.to_pandas()
    report = wide.load(data)
    assert report.ignored == ("note",)
    assert values(wide) == [(5.0, 1.25, None), (None, 2.5, None)]


def test_a_column_of_another_name_is_said(wide: Bench) -> None:
    file = wide.write(f"{line(STAMPS[0])},7,8", header=f"{HEADER},OI,open_interest")
    wide.load(file, timezone="UTC", columns={"open_interest": "OI", "spread": None})
    assert values(wide) == [(7.0, None, None)]
    with (
        unchanged(wide),
        pytest.raises(OptionsError, match=r"has no column 'oint' for open_interest; it has timestamp"),
    ):
        wide.load(file, timezone="UTC", columns={"open_interest": "oint"})
    with (
        unchanged(wide),
        pytest.raises(OptionsError, match=r"'opening' is no part of a bar, and no column that is dec"),
    ):
        wide.load(file, timezone="UTC", columns={"opening": "OI"})


def test_a_preset_needs_nothing_said(bench: Bench) -> None:
    bench.coordinator.register("BTCUSDT", ["1m", "1h"], "24/7")
    bench.coordinator.declare_columns({"quote_volume": "sum", "taker_buy_volume": "sum"}, "BTCUSDT")
    report = bench.load(ROOT / "sample" / "vendors" / "binance.csv", symbol="BTCUSDT", preset="binance")
    assert report.ignored == ("close_time", "taker_buy_quote_volume", "ignore")
    bench.process()
    found = bench.ask("SELECT quote_volume, taker_buy_volume FROM bars WHERE interval = '1h'")
    assert found == [{"quote_volume": 1415313.3, "taker_buy_volume": 9.3}]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (("x", 1, 1), "open_interest is not a number"),
        (("inf", 1, 1), "open_interest is not finite"),
        ((1e300, 1e18, 1), "quote_volume is too large to be summed exactly"),
        ((1e-300, 1, 1.4e-9), "spread is too small to be summed exactly"),
    ],
)
def test_a_value_that_cannot_be_kept_rejects_its_row(wide: Bench, said: tuple[Any, ...], reason: str) -> None:
    report = load(wide, *rows((1, 1, 1), said))
    assert (report.inserted, report.rejected) == (1, 1)
    assert list(wide.reasons(report.batch_id).values()) == [reason]
    with unchanged(wide), pytest.raises(RejectedBarsError, match=reason):
        load(wide, *rows((1, 1, 1), said), strict=True)


def test_another_value_is_a_revision_and_can_be_undone(wide: Bench) -> None:
    load(wide, *rows(*FIVE))
    wide.process()
    before, at = values(wide, "5m"), wide.now + timedelta(minutes=1)
    wide.now += timedelta(hours=1)
    report = load(wide, *rows(FIVE[0], (101, 3.5, "")))
    assert (report.revised, report.unchanged) == (1, 1)
    wide.process()
    assert values(wide, "5m") == [(101.0, 8.250000001, 0.9 / 3)]
    assert values(wide, "5m", as_of=at) == before
    old = wide.ask("SELECT interval, quote_volume FROM revisions ORDER BY interval, bar_start")
    assert old == [
        {"interval": one, "quote_volume": 2.5 if one == "1m" else 7.250000001} for one in ("1d", "1h", "1m", "5m")
    ]
    wide.coordinator.revert(report.batch_id)
    wide.process()
    assert values(wide, "5m") == before
    assert wide.store.verify().sound


def test_a_source_without_the_column_says_that_there_is_none(wide: Bench) -> None:
    load(wide, *rows(*FIVE))
    report = wide.load_lines(*(line(stamp) for stamp in STAMPS[:5]), timezone="UTC")
    assert (report.revised, report.unchanged) == (5, 0)
    assert values(wide) == [(None, None, None)] * 5


def test_only_symbols_that_have_a_column_get_its_values(bench: Bench) -> None:
    bench.coordinator.declare_columns({"open_interest": "last", "quote_volume": "sum"}, "SPY")
    bench.coordinator.declare_columns({"spread": "max"})
    both = [f"{symbol},{line(STAMPS[0])},{said}" for symbol, said in (("SPY", "1,2,3"), ("QQQ", "inf,5,6"))]
    report = bench.load(bench.write(*both, header=f"symbol,{WIDE}"), symbol=None, timezone="UTC")
    assert (report.inserted, report.rejected) == (2, 0)
    assert values(bench) == [(1.0, 2.0, 3.0)]
    assert values(bench, symbol="QQQ") == [(None, None, 6.0)]
    report = bench.load(bench.write(f"{line(STAMPS[1])},4,5,6", header=WIDE), symbol="QQQ", timezone="UTC")
    assert report.ignored == ("open_interest", "quote_volume")


def test_a_column_that_is_declared_later_is_filled_by_the_same_files(bench: Bench) -> None:
    file = bench.write(*rows(*FIVE), header=WIDE)
    assert bench.load(file, timezone="UTC").ignored == ("open_interest", "quote_volume", "spread")
    bench.process()
    assert bench.load(file, timezone="UTC").unchanged == 5
    bench.coordinator.declare_columns({"open_interest": "last", "quote_volume": "sum", "spread": "mean"})
    assert values(bench, "5m") == [(None, None, None)]
    assert bench.load(file, timezone="UTC").revised == 5
    bench.process()
    assert values(bench, "5m") == [(101.0, 7.250000001, 0.9 / 3)]
    assert bench.load(file, timezone="UTC").unchanged == 5
    assert bench.store.verify().sound


def test_a_column_is_dropped_with_its_values_and_can_be_another_then(wide: Bench) -> None:
    load(wide, *rows(*FIVE))
    load(wide, *rows((1, 2, 3)))
    wide.process()
    with pytest.raises(InputError, match="open_interest is declared with last, not max: bars were derived by that"):
        wide.coordinator.declare_columns({"open_interest": "max", "fee": "sum"})
    report = wide.coordinator.drop_columns("open_interest")
    assert (report.columns, report.values) == (("open_interest",), 6)  # of two bars, of three derived, of a revision
    assert wide.coordinator.declare_columns({"open_interest": "max"}) == ["open_interest"]
    assert [one[1:] for one in values(wide, "5m")] == [(7.750000001, 3.8 / 3)]
    assert {one[0] for interval in ("1m", "5m") for one in values(wide, interval)} == {None}
    assert wide.store.verify().sound
    load(wide, *rows((9, 2, 3), (8, 2.5, "")))
    wide.process()
    assert values(wide, "5m")[0][0] == 9.0


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, "columns={} is no columns; give names with an aggregate each"),
        (["spread"], "is no columns; give names with an aggregate each, such as columns={'open_interest': 'last'}"),
        ({"Spread": "mean"}, "'Spread' in columns= is no name of a column; give lower-case letters"),
        ({'x" FROM bar; --': "sum"}, "is no name of a column"),
        (
            {"spread": "avg"},
            "'avg' is no aggregate for spread in columns=; allowed are sum, mean, min, max, first, last",
        ),
        ({"vwap": "mean"}, "vwap in columns= is the name of something that bars have already"),
        ({"ts": "max"}, "ts in columns= is the name of something that bars have already"),
        ({f"c{number}": "sum" for number in range(25)}, "at most 24 declared columns, and these would make 25"),
    ],
)
def test_what_cannot_be_declared_is_refused(bench: Bench, columns: Any, said: str) -> None:
    with unchanged(bench), pytest.raises(InputError, match=re.escape(said)):
        bench.coordinator.declare_columns(columns)
    with pytest.raises(UnknownSymbolError):
        bench.coordinator.declare_columns({"spread": "mean"}, "SPI")
    with pytest.raises(InputError, match="no column 'spraed' is declared; none is"):
        bench.coordinator.drop_columns("spraed")
    assert bench.ask("FROM declared_columns") == []


def test_declaring_again_changes_nothing_and_may_widen(bench: Bench) -> None:
    assert bench.coordinator.declare_columns({"spread": "mean"}, "SPY") == ["spread"]
    assert bench.coordinator.declare_columns({"spread": "mean"}, "spy") == []
    assert bench.coordinator.declare_columns({"spread": "mean"}, ["SPY", "QQQ"]) == ["spread"]
    assert bench.coordinator.declare_columns({"spread": "mean"}) == ["spread"]
    assert bench.coordinator.declare_columns({"spread": "mean"}, "QQQ") == []
    assert [one["symbol"] for one in bench.ask("FROM declared_columns")] == [None]


def test_all_views_of_bars_show_them(wide: Bench) -> None:
    load(wide, *rows(*FIVE))
    wide.process()
    for view in ("bars", "bars_live", "bars_adjusted", "bars_filled", "bars_as_of(now())"):
        found = wide.ask(f"SELECT quote_volume FROM {view} WHERE symbol = 'SPY' AND interval = '5m'")
        assert found == [{"quote_volume": 7.250000001}], view
    for how in ({"fill": "previous"}, {"adjust": "all"}, {"adjust": "all", "fill": "zero_volume"}, {"live": True}):
        assert wide.store.bars("SPY", "5m", **how)["quote_volume"].to_pylist()[0] == 7.250000001, how
    frame = wide.store.frame("SPY", "5m")
    assert isinstance(frame, pd.DataFrame)
    assert frame["quote_volume"].tolist()[0] == 7.250000001


def test_forming_bars_have_them(wide: Bench) -> None:
    wide.now = datetime(2024, 11, 26, 14, 33, tzinfo=UTC)
    load(wide, *rows((100, 1, 0.25), (101, 2, ""), ("", 3, 0.75)))
    found = wide.ask("SELECT open_interest, quote_volume, spread FROM bars_live WHERE forming AND interval = '5m'")
    assert found == [{"open_interest": 101.0, "quote_volume": 6.0, "spread": 0.5}]


def test_copies_and_exports_have_them(wide: Bench, tmp_path: Path) -> None:
    load(wide, *rows(*FIVE))
    load(wide, *rows((1, 2, 3)))
    wide.process()
    shown = values(wide, "5m")
    wide.store.publish(tmp_path / "published.duckdb")
    wide.store.backup(tmp_path / "backup.duckdb")
    wide.store.export(tmp_path / "exported")
    restore(tmp_path / "backup.duckdb", tmp_path / "restored.duckdb")
    compact(tmp_path / "restored.duckdb")
    for path in (tmp_path / "published.duckdb", tmp_path / "restored.duckdb"):
        with open_store(path, read_only=True, clock=lambda: wide.now) as copy:
            table = copy.bars("SPY", "5m", columns=USUAL)
            assert list(zip(*(table[name].to_pylist() for name in USUAL), strict=True)) == shown
            assert copy.verify().sound
    with duckdb.connect() as connection:
        text = f"FROM read_parquet('{tmp_path}/exported/**/*.parquet', hive_partitioning = true)"
        query = f"SELECT open_interest, quote_volume, spread {text} WHERE interval = '5m'"
        assert connection.execute(query).fetchall() == shown


def test_a_symbol_that_is_removed_takes_its_values_into_history_and_a_purge_takes_them_away(wide: Bench) -> None:
    load(wide, *rows(*FIVE))
    wide.process()
    at = wide.now + timedelta(minutes=1)
    wide.now += timedelta(hours=1)
    wide.coordinator.remove_symbol("SPY")
    found = wide.ask(f"SELECT quote_volume FROM bars_as_of(TIMESTAMPTZ '{at}') WHERE interval = '5m'")
    assert found == [{"quote_volume": 7.250000001}]
    assert wide.store.verify().sound
    wide.coordinator.remove_symbol("SPY", purge=True)
    assert wide.ask("FROM bar_values") == []


def test_purged_revisions_take_their_values_with_them(wide: Bench) -> None:
    load(wide, *rows(*FIVE))
    wide.now += timedelta(hours=1)
    load(wide, *rows((1, 2, 3)))
    assert len(wide.ask("FROM bar_values")) == 6
    wide.now += timedelta(hours=1)
    wide.coordinator.purge_revisions(wide.now)
    assert len(wide.ask("FROM bar_values")) == 5
    assert wide.store.verify().sound


def test_a_changed_calendar_and_a_repair_carry_them_along(wide: Bench) -> None:
    load(wide, *rows(*FIVE))
    wide.process()
    shown = values(wide, "5m")
    wide.coordinator.correct_calendar("XNYS", {"2024-11-26": {"open": "09:25", "close": "16:00"}})
    wide.process()
    assert values(wide, "5m") == shown
    with wide.store.transaction() as transaction:
        transaction.execute("UPDATE bar_values SET declared = [1.0, 2.0] WHERE interval_id IN (SELECT interval_id FROM "
                            "interval_definition WHERE derived)")  # fmt: skip
        transaction.execute("INSERT INTO bar_values SELECT * REPLACE (999 AS batch_id) FROM bar_values")
    assert set(wide.store.verify().totals) == {"derived", "value"}
    assert wide.coordinator.repair().after.sound
    assert values(wide, "5m") == shown


def test_vendors_are_settled_by_them_too(wide: Bench) -> None:
    load(wide, *rows((100, 1, 0.5)), vendor="good", priority=5)
    assert load(wide, *rows((100, 1, 0.500001)), vendor="other", tolerance=1e-4).tolerated == 1
    assert load(wide, *rows((100, 2, 0.5)), vendor="other").conflicts == 1
    assert values(wide) == [(100.0, 1.0, 0.5)]
    assert load(wide, *rows((100, 2, 0.5)), vendor="good").revised == 1
    assert values(wide) == [(100.0, 2.0, 0.5)]


def test_rows_of_one_bar_that_differ_in_them_contradict_each_other(wide: Bench) -> None:
    report = load(wide, *rows((1, 1, 1), (2, 1, 1), (2, 1, 1), stamps=[STAMPS[0]] * 3))
    assert (report.inserted, report.unchanged, report.rejected) == (1, 1, 1)


def test_live_bars_bring_them(tmp_path: Path) -> None:
    with open_store(
        tmp_path / "bars.duckdb", clock=Clock(OPEN + timedelta(minutes=30)), settings={"threads": 1}
    ) as store:
        coordinator = SessionCoordinator(store)
        coordinator.register("SPY", ["1m", "5m"], "XNYS")
        coordinator.declare_columns({"open_interest": "last", "spread": "mean"})
        events = [
            [bar(0, open_interest=5, spread="0.5"), bar(1, open_interest=None), bar(2, spread="wide")],
            [bar(3, open_interest=7, note="x"), bar(4), bar(5)],
        ]
        options = LiveOptions(**FAST)
        status = run(LiveSession(store, Scripted(*events), ("SPY",), ("1m", "5m"), "XNYS", options=options))
        assert status.refused_count == 1
        found = store.bars("SPY", "1m", columns=["open_interest", "spread"]).to_pylist()
        assert [(one["open_interest"], one["spread"]) for one in found] == [
            (5.0, 0.5), (None, None), (7.0, None), (None, None), (None, None),
        ]  # fmt: skip
        assert store.bars("SPY", "5m", columns=["open_interest", "spread"]).to_pylist() == [
            {"open_interest": 7.0, "spread": 0.5}
        ]
        assert store.verify().sound


def test_views_that_are_made_anew_without_them_show_them_again(wide: Bench) -> None:
    """As every migration does it at its end, and a compaction."""
    load(wide, *rows(*FIVE))
    everything = "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL"
    before = wide.ask(everything)
    with wide.store.transaction() as transaction:
        for text in views_showing([]):
            transaction.execute(text)
    assert wide.ask(everything) != before
    assert "spread" not in wide.store.sql("FROM bars").column_names
    with wide.store.transaction() as transaction:
        show_columns(transaction.execute)
    assert wide.ask(everything) == before
    assert values(wide)[0] == (100.0, 1.5, 0.1)


def test_going_back_to_the_schema_before_leaves_bars(wide: Bench, tmp_path: Path) -> None:
    load(wide, *rows(*FIVE))
    wide.store.backup(tmp_path / "backup.duckdb")
    restore(tmp_path / "backup.duckdb", tmp_path / "copy.duckdb")
    for arguments in (("downgrade", "0014"), ("upgrade", "head")):
        command = [sys.executable, "-m", "alembic", "-x", f"store={tmp_path / 'copy.duckdb'}", *arguments]
        subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    with open_store(tmp_path / "copy.duckdb", clock=lambda: wide.now) as store:
        assert store.bars("SPY", "1m").num_rows == 5
        assert "spread" not in store.sql("FROM bars").column_names
        assert store.verify().sound


def test_processing_in_chunks_and_again_comes_to_the_same(wide: Bench) -> None:
    load(wide, *rows(*FIVE))
    load(wide, *rows(*FIVE), symbol="QQQ")
    DataProcessor(wide.store, chunk_symbols=1).process()
    assert values(wide, "5m") == values(wide, "5m", symbol="QQQ")
    assert not DataProcessor(wide.store).process().batches
