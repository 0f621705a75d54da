"""Symbols that differ in case: one by default, two where a store was made so, and composed alike at every door."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from inspect import signature
from itertools import count
from pathlib import Path
from unicodedata import normalize

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from alembic import command
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from live_kit import Scripted

from barhouse import (
    Backtest,
    DataProcessor,
    SessionCoordinator,
    SessionStore,
    SourceBars,
    SymbolSessionData,
    open_store,
    restore,
    run_job,
)
from barhouse.coordinator.cli.main import cli
from barhouse.coordinator.feeds.events import BarEvent, TradeEvent
from barhouse.coordinator.feeds.feed import Delivery
from barhouse.coordinator.live.options import LiveOptions
from barhouse.coordinator.live.session import LiveSession
from barhouse.store.database.dialect import joined
from barhouse.store.database.upgrade import alembic_config
from barhouse.store.errors import ConfigError, InputError, SourceError, UnknownSymbolError

START = datetime(2024, 1, 2, tzinfo=UTC)
NOW = datetime(2025, 1, 1, tzinfo=UTC)
MINUTES = 10
Closes = dict[str, float]
RUNNER = CliRunner(**{name: False for name in signature(CliRunner).parameters if name == "mix_stderr"})


@pytest.fixture(scope="module", params=[True, False], ids=["case counts", "case does not count"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bool]:
    path = tmp_path_factory.mktemp("case") / "made.duckdb"
    open_store(path, case_sensitive=request.param).close()
    return path, request.param


@pytest.fixture(scope="module")
def sensitive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sensitive") / "made.duckdb"
    open_store(path, case_sensitive=True).close()
    return path


_NUMBERS = count()


@contextmanager
def opened(template: Path, folder: Path) -> Iterator[SessionStore]:
    """A copy of a store, in a folder of its own."""
    own = folder / str(next(_NUMBERS))
    own.mkdir()
    shutil.copy(template, own / "bars.duckdb")
    with open_store(own / "bars.duckdb", clock=lambda: NOW, settings={"threads": 1}) as store:
        yield store


def table_of(closes: Closes) -> pa.Table:
    """Ten minutes of each symbol, all at one price."""
    rows = [
        {"symbol": symbol, "timestamp": START + timedelta(minutes=minute), "volume": 1.0}
        | dict.fromkeys(("open", "high", "low", "close"), close)
        for symbol, close in closes.items()
        for minute in range(MINUTES)
    ]
    return pa.Table.from_pylist(rows)


# --------------------------------------------------------------------- the ways in: each is given a table of bars


def by_csv(store: SessionStore, closes: Closes) -> None:
    path = Path(str(store.path)).with_name("bars.csv")
    pa.csv.write_csv(table_of(closes), path)
    SessionCoordinator(store).load(str(path), interval="1m")


def by_parquet(store: SessionStore, closes: Closes) -> None:
    path = Path(str(store.path)).with_name("bars.parquet")
    pq.write_table(table_of(closes), path)
    SessionCoordinator(store).load(str(path), interval="1m")


def by_frame(store: SessionStore, closes: Closes) -> None:
    SessionCoordinator(store).load(table_of(closes).to_pandas(), interval="1m")


def by_choice(store: SessionStore, closes: Closes) -> None:
    for symbol in closes:
        SessionCoordinator(store).load(table_of(closes), interval="1m", symbols=[symbol])


def by_name(store: SessionStore, closes: Closes) -> None:
    for symbol, close in closes.items():
        SessionCoordinator(store).load(table_of({symbol: close}).drop(["symbol"]), symbol, "1m")


def by_live_bars(store: SessionStore, closes: Closes) -> None:
    rows = table_of(closes).to_pylist()
    events = [BarEvent(interval="1m", start=row.pop("timestamp"), **row) for row in rows]
    follow(store, closes, Scripted(events))


def by_live_trades(store: SessionStore, closes: Closes) -> None:
    trades = [
        TradeEvent(symbol=row["symbol"], id=str(number), at=row["timestamp"], price=row["close"], size=1.0)
        for number, row in enumerate(table_of(closes).to_pylist())
    ]
    follow(store, closes, Scripted(trades))


def by_live_tables(store: SessionStore, closes: Closes) -> None:
    follow(store, closes, Scripted(Delivery({"n": 1}, bars={"1m": table_of(closes)})))


def follow(store: SessionStore, closes: Closes, feed: Scripted) -> None:
    options = LiveOptions(flush_seconds=0, heartbeat_seconds=0.02, trades_kept_seconds=10**9)
    asyncio.run(LiveSession(store, feed, list(closes), ["1m", "5m"], "24/7", options=options).run())


def by_job_column(store: SessionStore, closes: Closes) -> None:
    folder = Path(str(store.path)).parent
    pq.write_table(table_of(closes), folder / "all.parquet")
    carry_out(store, closes, {"files": "all.parquet"})


def by_job_path(store: SessionStore, closes: Closes) -> None:
    folder = Path(str(store.path)).parent
    for number, (symbol, close) in enumerate(closes.items()):
        path = folder / "bars" / str(number) / f"{symbol}.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(table_of({symbol: close}).drop(["symbol"]), path)
    carry_out(store, closes, {"files": str(folder / "bars" / "*" / "{symbol}.parquet")})


def carry_out(store: SessionStore, closes: Closes, source: dict[str, str]) -> None:
    group = {"names": list(closes), "intervals": ["1m", "5m"], "calendar": "24/7"}
    files = str(Path(str(store.path)).parent / source["files"])
    run_job({"symbols": [group], "sources": [{**source, "files": files}]}, store=store).check()


DOORS: list[Callable[[SessionStore, Closes], None]] = [
    *(by_csv, by_parquet, by_frame, by_choice, by_name, by_live_bars, by_live_trades, by_live_tables),
    *(by_job_column, by_job_path),
]


def held(query: Callable[[str], pa.Table], interval: str = "1m") -> dict[str, set[float]]:
    """The closes of each symbol."""
    asked = query(f"SELECT symbol, close FROM bars WHERE interval = '{interval}'")
    found: dict[str, set[float]] = {}
    for row in asked.to_pylist():
        found.setdefault(row["symbol"], set()).add(row["close"])
    return found


TWO = {"AMPB": 10.0, "AMpB": 20.0}
EACH = {symbol: {close} for symbol, close in TWO.items()}


@pytest.mark.parametrize("door", DOORS)
def test_two_that_differ_in_case_stay_two_through_every_door(
    sensitive: Path, tmp_path: Path, door: Callable[[SessionStore, Closes], None]
) -> None:
    with opened(sensitive, tmp_path) as store:
        SessionCoordinator(store).register(list(TWO), ["1m", "5m"], "24/7", base="1m")
        door(store, TWO)
        DataProcessor(store).process()
        assert held(store.sql) == EACH
        assert held(store.sql, "5m") == EACH
        assert not store.verify().differences


@pytest.mark.parametrize("door", DOORS)
def test_by_default_they_are_never_taken_for_one(
    tmp_path: Path, door: Callable[[SessionStore, Closes], None], made: tuple[Path, bool]
) -> None:
    template, case_sensitive = made
    if case_sensitive:
        return
    with opened(template, tmp_path) as store:
        SessionCoordinator(store).register("ampb", ["1m", "5m"], "24/7", base="1m")
        door(store, {"AmPb": 10.0})
        assert held(store.sql) == {"AMPB": {10.0}}


LETTERS = st.text(st.sampled_from("aAbBßéÉñ.-/"), min_size=1, max_size=4)


@settings(deadline=None, max_examples=15)
@given(names=st.sets(LETTERS, min_size=2, max_size=5), door=st.sampled_from(DOORS[:8]))
def test_any_names_stay_apart_where_case_counts(
    sensitive: Path, tmp_path_factory: pytest.TempPathFactory, names: set[str], door: Callable[..., None]
) -> None:
    given = {name: float(number) for number, name in enumerate(sorted(names), 1)}
    with opened(sensitive, tmp_path_factory.mktemp("any")) as store:
        SessionCoordinator(store).register(list(given), ["1m", "5m"], "24/7", base="1m")
        door(store, given)
        assert held(store.sql) == {name: {close} for name, close in given.items()}


# --------------------------------------------------------------------------------------------------- the ways out


@pytest.fixture
def two(sensitive: Path, tmp_path: Path) -> Iterator[SessionStore]:
    with opened(sensitive, tmp_path) as store:
        SessionCoordinator(store).register(list(TWO), ["1m", "5m"], "24/7", base="1m")
        by_frame(store, TWO)
        DataProcessor(store).process()
        yield store


def test_every_question_tells_them_apart(two: SessionStore) -> None:
    for symbol, close in TWO.items():
        assert two.bars(symbol, "5m")["close"].to_pylist() == [close, close]
        assert two.intervals(symbol)["symbol"].to_pylist() == [symbol, symbol]
        data = two.get_symbol_data(symbol)
        assert data is not None and data.symbol == symbol
        assert Backtest(two, symbol).bars(symbol, "1m").num_rows == 0
    with pytest.raises(UnknownSymbolError, match=r"'ampb' is not registered \(did you mean AMPB or AMpB\?\)"):
        two.bars("ampb", "1m")
    SessionCoordinator(two).remove_symbol("AMpB")
    assert two.get_active_symbols() == {"AMPB"}


def test_what_is_registered_as_an_object_says_that_case_counts(two: SessionStore) -> None:
    with pytest.raises(InputError, match="case_sensitive=True"):
        two.register_symbol_data(SymbolSessionData.build("AMpb", "1m", calendar="24/7"))
    two.register_symbol_data(SymbolSessionData.build("AMpb", "1m", calendar="24/7", case_sensitive=True))
    assert two.get_active_symbols() == {*TWO, "AMpb"}


def test_copies_keep_them_apart(two: SessionStore, tmp_path: Path) -> None:
    two.publish(tmp_path / "published.duckdb")
    two.backup(tmp_path / "backup.duckdb")
    with duckdb.connect(str(tmp_path / "published.duckdb"), read_only=True) as plain:
        assert held(lambda query: plain.sql(query).to_arrow_table()) == EACH
    with open_store(tmp_path / "published.duckdb", read_only=True) as published:
        assert published.case_sensitive
    restore(tmp_path / "backup.duckdb", tmp_path / "again.duckdb")
    with open_store(tmp_path / "again.duckdb", clock=lambda: NOW) as again:
        by_frame(again, {"AMpB": 30.0})
        assert held(again.sql) == {"AMPB": {10.0}, "AMpB": {30.0}}


def test_exports_keep_them_apart_where_file_systems_do_not(two: SessionStore, tmp_path: Path) -> None:
    two.export(tmp_path / "out", intervals="1m")
    names = [path.name for path in (tmp_path / "out").iterdir()]
    assert len({name.casefold() for name in names}) == 2
    read = pyarrow.dataset.dataset(tmp_path / "out", partitioning="hive").to_table().to_pandas()
    assert read.groupby("symbol")["close"].unique().map(set).to_dict() == EACH
    with duckdb.connect() as plain:
        files = str(tmp_path / "out" / "*" / "*" / "*" / "*.parquet")
        rows = plain.sql(f"SELECT DISTINCT symbol, close FROM read_parquet('{files}')").fetchall()
    assert dict(rows) == TWO


def test_a_backtest_of_files_tells_them_apart() -> None:
    source = SourceBars(table_of(TWO), interval="1m")
    with Backtest.of_source(source, list(TWO), ["1m"], "24/7", case_sensitive=True) as backtest:
        for _ in backtest:
            pass
        assert {name: set(backtest.bars(name, "1m")["close"].to_pylist()) for name in TWO} == EACH


# ------------------------------------------------------------------------------------ it is said once, and stays


def test_a_store_says_how_it_was_made(made: tuple[Path, bool]) -> None:
    path, case_sensitive = made
    for wish in (None, case_sensitive):
        for read_only in (False, True):
            with open_store(path, case_sensitive=wish, read_only=read_only) as store:
                assert store.case_sensitive is case_sensitive


def test_another_wish_is_refused_once_there_are_symbols(made: tuple[Path, bool], tmp_path: Path) -> None:
    path = Path(shutil.copy(made[0], tmp_path / "bars.duckdb"))
    other = not made[1]
    with open_store(path, case_sensitive=other) as store:  # there are none yet
        assert store.case_sensitive is other
        SessionCoordinator(store).register("spy", ["1m"], "24/7", base="1m")
        assert store.get_active_symbols() == {"spy" if other else "SPY"}
    for read_only in (False, True):
        with pytest.raises(InputError, match=r"case .*counts?: .* case_sensitive=.* contradicts; .* make a new store"):
            open_store(path, case_sensitive=made[1], read_only=read_only)
    job = {
        "case_sensitive": made[1],
        "symbols": [{"names": "*", "intervals": "1m", "calendar": "24/7"}],
        "sources": [{"files": str(tmp_path / "none" / "*.csv")}],
    }
    with open_store(path) as store, pytest.raises(InputError, match="contradicts"):
        run_job(job, store=store)
    with pytest.raises(InputError, match="contradicts"):
        run_job(job, store=path)


def test_the_command_line_makes_one_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "bars.duckdb"

    def barhouse(*arguments: str) -> str:
        done = RUNNER.invoke(cli, ["--store", str(path), *arguments])
        return f"{done.exit_code} {done.stderr}"

    assert barhouse("init", "--case-sensitive").startswith("0 created")
    assert barhouse("register", "AMPB", "AMpB", "-i", "1m", "--calendar", "24/7", "--base", "1m").startswith("0 ")
    assert "case counts in this store" in barhouse("status")
    assert barhouse("remove", "AMpB", "--yes").startswith("0 removed AMpB")
    usual = tmp_path / "usual.duckdb"
    with open_store(usual) as store:
        SessionCoordinator(store).register("SPY", ["1m"], "24/7", base="1m")
    refused = RUNNER.invoke(cli, ["--store", str(usual), "init", "--case-sensitive"])
    assert refused.exit_code == 3
    assert "--case-sensitive contradicts" in refused.stderr
    assert "case counts" not in RUNNER.invoke(cli, ["--store", str(usual), "status"]).stderr


def test_a_job_makes_one(tmp_path: Path) -> None:
    for symbol, close in TWO.items():
        folder = tmp_path / "bars" / symbol
        folder.mkdir(parents=True)
        pq.write_table(table_of({symbol: close}), folder / "bars.parquet")
    job = {
        "store": str(tmp_path / "bars.duckdb"),
        "case_sensitive": True,
        "symbols": [
            {"names": "AMPB", "intervals": ["1m"], "calendar": "24/7"},
            {"names": "A?p?", "intervals": ["1m", "5m"], "calendar": "24/7"},
        ],
        "sources": [{"files": str(tmp_path / "bars" / "*" / "*.parquet")}],
        "export": {"path": str(tmp_path / "out"), "symbols": ["AMpB"]},
    }
    report = run_job(job)
    report.check()
    assert {one.symbol: one.derived_intervals for one in report.registered} == {"AMPB": (), "AMpB": ("5m",)}
    with open_store(tmp_path / "bars.duckdb", read_only=True) as store:
        assert held(store.sql) == EACH
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_a_job_that_names_one_symbol_twice_is_refused_by_how_the_store_spells(tmp_path: Path) -> None:
    group = {"intervals": "1m", "calendar": "24/7"}
    job = {
        "store": str(tmp_path / "bars.duckdb"),
        "symbols": [{**group, "names": "AMPB"}, {**group, "names": "AMpB"}],
        "sources": [{"files": str(tmp_path / "*.csv")}],
    }
    with pytest.raises(
        ConfigError, match=r"symbols\[1\] names AMpB, which symbols\[0\] names already.*then say case_sensitive"
    ):
        run_job(job)


def test_a_source_that_names_both_is_refused_by_default_with_the_way_out(tmp_path: Path) -> None:
    with open_store(":memory:", clock=lambda: NOW) as store:
        SessionCoordinator(store).register("AMPB", ["1m"], "24/7", base="1m")
        with pytest.raises(SourceError, match=r"names AMPB and AMpB, which are one symbol here.*case_sensitive"):
            SessionCoordinator(store).load(table_of(TWO), interval="1m")


# ------------------------------------------------------------------------------------------- composed letters

DECOMPOSED = "E\u0301T\u0301E"


@pytest.mark.parametrize("door", DOORS)
def test_composed_and_decomposed_letters_are_one(
    made: tuple[Path, bool], tmp_path: Path, door: Callable[[SessionStore, Closes], None]
) -> None:
    with opened(made[0], tmp_path) as store:
        SessionCoordinator(store).register(DECOMPOSED, ["1m", "5m"], "24/7", base="1m")
        door(store, {DECOMPOSED: 10.0})
        assert held(store.sql) == {normalize("NFC", DECOMPOSED): {10.0}}
        assert store.bars(DECOMPOSED, "1m") == store.bars(normalize("NFC", DECOMPOSED), "1m")


def test_a_store_of_before_has_its_symbols_composed(tmp_path: Path) -> None:
    path = tmp_path / "bars.duckdb"
    with open_store(path) as store:
        SessionCoordinator(store).register(["E\u0301", "Ñ", "N~", "A"], ["1m"], "24/7", base="1m")
        with store.transaction() as transaction:
            transaction.execute("UPDATE symbol SET symbol = 'N\u0303' WHERE symbol = 'N~'")
            transaction.execute("UPDATE symbol SET symbol = 'E\u0301' WHERE symbol = '\u00c9'")
            config = alembic_config()
            with joined(transaction.cursor) as connection:
                config.attributes["connection"] = connection
                command.downgrade(config, "0004")
    with open_store(path) as store:
        assert store.get_active_symbols() == {"\u00c9", "Ñ", "Ñ_DECOMPOSED", "A"}
        assert not store.verify().differences
