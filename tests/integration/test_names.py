"""Names over time: a symbol that is renamed, one name of two instruments, and the names that sources use."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from barhouse import DataProcessor, SessionCoordinator, compact, open_store
from barhouse.store.errors import (
    BarhouseError,
    InputError,
    RegistrationError,
    RejectedBarsError,
    UnknownSymbolError,
)
from barhouse.store.model.bar import COLUMNS
from barhouse.store.records import trading_calendar
from barhouse.store.serving.permission import READ_VIEWS, shadow

#: Facebook's first session as META; its last as FB was the one before.
META_DAY = date(2022, 6, 9)


#: When each test begins, by the clock of its store.
START = datetime(2024, 6, 3, 12, tzinfo=UTC)


class Desk:
    """A store with days of XNYS, whose clock goes on by a second with each look at it."""

    def __init__(self, path: Path) -> None:
        self.now = START
        self.store = open_store(path, clock=self.clock, settings={"threads": 1})
        self.coordinator = SessionCoordinator(self.store)

    def clock(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def register(self, *symbols: str, intervals: tuple[str, ...] = ("1d",), **options: Any) -> None:
        self.coordinator.register(list(symbols), list(intervals), "XNYS", **options)

    def load(self, *rows: tuple[str, str, float], **options: Any) -> Any:
        """Load days: a symbol, a date and the price of the whole day each."""
        return self.coordinator.load(days(*rows), interval="1d", **options)

    def closes(self, symbol: str, **options: Any) -> dict[str, float]:
        bars = self.store.bars(symbol, "1d", **options)
        return dict(zip(map(str, bars["session_date"].to_pylist()), bars["close"].to_pylist(), strict=True))

    def names(self, symbol: str) -> list[tuple[str, str, str | None, str | None]]:
        rows = self.store.sql(
            "SELECT name, kind, valid_from::VARCHAR, valid_to::VARCHAR FROM symbols WHERE symbol = $symbol"
            " ORDER BY kind = 'alias', valid_from NULLS FIRST, name",
            {"symbol": symbol},
        )
        return [tuple(row.values()) for row in rows.to_pylist()]

    def sound(self) -> bool:
        DataProcessor(self.store).process()
        report = self.store.verify()
        assert report.sound, str(report)
        return True


def days(*rows: tuple[str, str, float]) -> pa.Table:
    prices = [price for _, _, price in rows]
    return pa.table(
        {
            "symbol": [symbol for symbol, _, _ in rows],
            "timestamp": pa.array([date.fromisoformat(day) for _, day, _ in rows], pa.date32()),
            **{name: prices for name in ("open", "high", "low", "close")},
            "volume": [1000.0] * len(rows),
        }
    )


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that knows XNYS, at the time of the clock here. Only copied."""
    path = tmp_path_factory.mktemp("knowing") / "bars.duckdb"
    desk = Desk(path)
    with desk.store.transaction() as transaction:
        trading_calendar.keep(transaction, ["XNYS"])
    desk.store.close()
    return path


@pytest.fixture
def desk(knowing: Path, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(Path(shutil.copy(knowing, tmp_path / "bars.duckdb")))
    yield made
    made.store.close()


@pytest.fixture
def meta(desk: Desk) -> Desk:
    """FB, with two days before it became META, and two that its vendor already calls so."""
    desk.register("FB", "MSFT", intervals=("1d", "1w"))
    desk.load(("FB", "2022-06-07", 195.65), ("FB", "2022-06-08", 196.64), ("MSFT", "2022-06-08", 270.41))
    desk.coordinator.rename("FB", "META", effective=META_DAY)
    desk.load(("META", "2022-06-09", 184.0), ("META", "2022-06-10", 175.57))
    return desk


# --------------------------------------------------------------------------------------------------- as it happened


def test_facebook_became_meta(meta: Desk) -> None:
    assert meta.closes("META") == {
        "2022-06-07": 195.65,
        "2022-06-08": 196.64,
        "2022-06-09": 184.0,
        "2022-06-10": 175.57,
    }
    assert meta.store.get_active_symbols() == {"META", "MSFT"}
    assert meta.names("META") == [("FB", "former", None, "2022-06-09"), ("META", "name", "2022-06-09", None)]
    assert meta.names("MSFT") == [("MSFT", "name", None, None)]
    assert meta.sound()


def test_rows_find_the_symbol_that_had_their_name_in_their_session(meta: Desk) -> None:
    report = meta.load(
        ("META", "2022-06-06", 193.0),  # a vendor that tells the past by the name of today
        ("FB", "2022-06-03", 190.78),
        ("FB", "2022-06-08", 196.0),
        ("FB", "2022-06-09", 1.0),
        ("MSFT", "2022-06-09", 264.79),
        ("FB", "2022-06-10", 1.0),
    )
    assert (report.inserted, report.revised, report.rejected) == (3, 1, 2)
    assert report.symbols == ("META", "MSFT")
    (reject,) = report.rejects
    assert reject.reason == "FB was renamed on 2022-06-09, and is META now: name META, or make FB an alias of it"
    assert (reject.count, reject.first_row) == (2, 4)
    assert meta.closes("META", end=META_DAY) == {
        "2022-06-03": 190.78,
        "2022-06-06": 193.0,
        "2022-06-07": 195.65,
        "2022-06-08": 196.0,
    }
    assert meta.sound()


def test_google_split_its_classes(desk: Desk) -> None:
    """GOOG became GOOGL, and a new GOOG began, both with the session of 2014-04-03."""
    desk.register("GOOG")
    desk.load(("GOOG", "2014-04-01", 1134.89), ("GOOG", "2014-04-02", 1135.1))
    desk.coordinator.rename("GOOG", "GOOGL", effective="2014-04-03")
    desk.register("GOOG", reuse_names=True)
    desk.load(
        ("GOOGL", "2014-04-03", 571.5),
        ("GOOG", "2014-04-03", 569.74),
        ("GOOG", "2014-04-02", 1135.2),  # late, and of the old one
        ("GOOG", "2014-04-04", 543.14),
        ("GOOGL", "2014-04-04", 545.25),
    )
    assert desk.closes("GOOGL") == {
        "2014-04-01": 1134.89,
        "2014-04-02": 1135.2,
        "2014-04-03": 571.5,
        "2014-04-04": 545.25,
    }
    assert desk.closes("GOOG") == {"2014-04-03": 569.74, "2014-04-04": 543.14}
    assert desk.sound()


def test_a_ticker_is_used_again_by_another_company(desk: Desk) -> None:
    """Q was Qwest to 2011-04-01, and Quintiles from 2013-05-09 on."""
    desk.register("Q")
    desk.load(("Q", "2011-03-31", 6.83))
    desk.coordinator.rename("Q", "Q.QWEST", effective="2011-04-04")
    desk.register("Q", reuse_names=True)
    report = desk.load(("Q", "2011-04-01", 6.84), ("Q", "2013-05-09", 42.11), ("Q", "2013-05-10", 42.7))
    assert report.rejected == 0
    assert desk.closes("Q.QWEST") == {"2011-03-31": 6.83, "2011-04-01": 6.84}
    assert desk.closes("Q") == {"2013-05-09": 42.11, "2013-05-10": 42.7}
    desk.coordinator.rename("Q", "IQV", effective="2017-11-15")
    assert desk.load(("Q", "2011-03-30", 6.8), ("Q", "2017-11-14", 106.0), ("IQV", "2017-11-15", 104.0)).inserted == 3
    assert desk.closes("IQV") == {
        "2013-05-09": 42.11,
        "2013-05-10": 42.7,
        "2017-11-14": 106.0,
        "2017-11-15": 104.0,
    }
    assert desk.names("IQV") == [("Q", "former", "2011-04-04", "2017-11-15"), ("IQV", "name", "2017-11-15", None)]
    assert desk.sound()


def test_a_symbol_is_renamed_again_and_back(meta: Desk) -> None:
    meta.coordinator.rename("META", "FB", effective="2022-07-01")
    meta.coordinator.rename("FB", "MVRS", effective="2022-08-01")
    report = meta.load(
        ("FB", "2022-06-06", 1.0),
        ("META", "2022-06-30", 2.0),
        ("FB", "2022-07-01", 3.0),
        ("MVRS", "2022-08-01", 4.0),
        ("MVRS", "2022-06-13", 5.0),
        ("FB", "2022-06-14", 9.0),  # of META's time
        ("META", "2022-07-05", 9.0),
        ("META", "2022-06-03", 9.0),  # before it had that name: it is not its name of today any more
    )
    assert (report.inserted, report.rejected) == (5, 3)
    assert sorted(str(reject.first_row) for reject in report.rejects) == ["6", "7", "8"]
    assert meta.names("MVRS") == [
        ("FB", "former", None, "2022-06-09"),
        ("META", "former", "2022-06-09", "2022-07-01"),
        ("FB", "former", "2022-07-01", "2022-08-01"),
        ("MVRS", "name", "2022-08-01", None),
    ]
    assert meta.sound()


# --------------------------------------------------------------------------------------------------- a row's date


def minutes_of(symbol: str, *stamps: str) -> pa.Table:
    at = [datetime.fromisoformat(stamp).replace(tzinfo=UTC) for stamp in stamps]
    values = {name: [10.0] * len(at) for name in ("open", "high", "low", "close", "volume")}
    nothing = {"trade_count": [None] * len(at), "vwap": [None] * len(at)}
    return pa.table({"symbol": [symbol] * len(at), "bar_start": at, **values, **nothing}, COLUMNS)


@pytest.mark.parametrize("own_columns", [True, False], ids=["as a feed has them", "as a file has them"])
def test_bars_outside_of_sessions_go_by_the_clock_of_the_exchange(desk: Desk, own_columns: bool) -> None:
    """20:30 on the eighth in New York is the ninth in UTC."""
    desk.register("FB", intervals=("1m",))
    desk.coordinator.rename("FB", "META", effective=META_DAY)
    table = minutes_of("FB", "2022-06-08T19:59", "2022-06-09T00:30", "2022-06-09T04:00", "2022-06-09T13:30")
    if not own_columns:
        table = table.rename_columns(["ticker", "timestamp", *table.column_names[2:]])
    report = desk.coordinator.load(table, interval="1m", sparse=True)
    assert (report.inserted, report.rejected, report.outside) == (2, 2, 1)
    assert [f"{at:%d %H:%M}" for at in desk.store.bars("META", "1m")["bar_start"].to_pylist()] == [
        "08 19:59",
        "09 00:30",
    ]


def test_a_session_that_spans_midnight_is_one_date(desk: Desk) -> None:
    desk.coordinator.add_calendar("NIGHT", timezone="America/Chicago", open="17:00", close="16:00")
    desk.coordinator.register("OLD", ["1m"], "NIGHT")
    desk.coordinator.rename("OLD", "NEW", effective="2022-06-09")
    report = desk.coordinator.load(
        minutes_of("OLD", "2022-06-08T20:59", "2022-06-08T22:00", "2022-06-09T00:00"), interval="1m", sparse=True
    )
    assert (report.inserted, report.rejected) == (1, 2)  # 17:00 in Chicago on the eighth is of the ninth


def test_symbols_of_one_name_may_follow_several_calendars(desk: Desk) -> None:
    """An hour that is the eighth on one calendar and the ninth on the other is that of the later one."""
    desk.coordinator.register("X", ["1h"], "24/7", base="1h")
    desk.coordinator.rename("X", "X.OLD", effective="2022-06-09")
    desk.coordinator.add_calendar("TOKYO", timezone="Asia/Tokyo", open="00:00", close="24:00", weekdays="daily")
    desk.coordinator.register("X", ["1h"], "TOKYO", base="1h", reuse_names=True)
    stamps = [f"2022-06-08T{hour:02d}:00" for hour in (12, 13, 14, 15, 16, 23)] + ["2022-06-09T00:00"]
    report = desk.coordinator.load(minutes_of("X", *stamps), interval="1h", sparse=True)
    assert (report.inserted, report.rejected) == (7, 0)
    assert [f"{at:%d %H}" for at in desk.store.bars("X.OLD", "1h")["bar_start"].to_pylist()] == [
        "08 12",
        "08 13",
        "08 14",
    ]
    assert desk.sound()


def test_weeks_go_by_their_first_session(desk: Desk) -> None:
    desk.register("FB", intervals=("1w",), base="1w")
    desk.coordinator.rename("FB", "META", effective=META_DAY)
    rows = days(("FB", "2022-06-06", 1.0), ("FB", "2022-06-13", 1.0), ("META", "2022-06-13", 2.0))
    report = desk.coordinator.load(rows, interval="1w")
    assert (report.inserted, report.rejected) == (2, 1)


def test_rows_whose_stamp_cannot_be_read_say_so(meta: Desk, tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(
        "symbol,timestamp,open,high,low,close,volume\n"
        "FB,2022-06-03,1,1,1,1,1\nFB,sometime,1,1,1,1,1\nMETA,never,1,1,1,1,1\nFB,2022-06-10,1,1,1,1,1\n"
    )
    report = meta.coordinator.load(path, interval="1d")
    assert report.inserted == 1
    assert {reject.first_row: reject.reason[:20] for reject in report.rejects} == {
        2: "FB was renamed on 20",
        3: "the stamp cannot be ",
    }


# ------------------------------------------------------------------------------------------------------------- asking


def test_the_past_is_told_by_the_names_of_then(meta: Desk) -> None:
    moments = [row["committed_at"] for row in meta.store.sql("FROM batches ORDER BY batch_id").to_pylist()]
    loaded, renamed = moments[-3], moments[-2]
    (kinds,) = meta.store.sql("SELECT list(kind ORDER BY batch_id) AS kinds FROM batches").to_pylist()
    assert kinds["kinds"][-3:] == ["load", "name", "load"]
    asked = "SELECT DISTINCT symbol FROM bars_as_of($moment) ORDER BY 1"
    assert meta.store.sql(asked, {"moment": loaded})["symbol"].to_pylist() == ["FB", "MSFT"]
    assert meta.store.sql(asked, {"moment": renamed})["symbol"].to_pylist() == ["META", "MSFT"]
    before = {"2022-06-07": 195.65, "2022-06-08": 196.64}
    assert meta.closes("FB", as_of=loaded) == meta.closes("META", as_of=loaded) == before
    assert meta.store.bars("META", "1d", as_of=loaded)["symbol"].unique().to_pylist() == ["FB"]
    assert meta.closes("META", as_of=renamed) == before
    assert meta.closes("FB", as_of=renamed) == {}


def test_a_name_of_two_instruments_means_the_one_of_then(meta: Desk) -> None:
    before = meta.store.sql("SELECT min(committed_at) AS at FROM batches WHERE kind = 'name'")["at"][0].as_py()
    before -= timedelta(microseconds=1)
    meta.register("FB", reuse_names=True)
    meta.load(("FB", "2022-06-10", 7.0), ("FB", "2022-06-13", 8.0))
    now = meta.now
    assert meta.closes("FB", as_of=before) == {"2022-06-07": 195.65, "2022-06-08": 196.64}
    assert meta.closes("FB", as_of=now) == {"2022-06-10": 7.0, "2022-06-13": 8.0}
    assert len(meta.closes("META", as_of=now)) == 4
    assert meta.coordinator.purge_bars("FB", "1d", "2022-06-13").batch_id is not None
    meta.coordinator.load_actions(pa.table({"ex_date": ["2022-06-10"], "ratio": [2.0]}), "FB")
    assert meta.closes("FB", as_of=before, adjust="split") == {"2022-06-07": 195.65, "2022-06-08": 196.64}


def test_the_past_is_adjusted_and_filled_by_the_names_of_then(meta: Desk) -> None:
    meta.coordinator.load_actions(pa.table({"ex_date": ["2022-06-10"], "ratio": [2.0]}), "META")
    loaded = meta.now
    meta.coordinator.rename("META", "MVRS", effective="2022-07-01")
    for name in ("META", "MVRS"):
        adjusted = meta.store.bars(name, "1d", adjust="split", as_of=loaded)
        assert adjusted["close"].to_pylist() == [195.65 / 2, 196.64 / 2, 92.0, 175.57]
        filled = meta.store.bars(name, "1d", fill="previous", as_of=loaded)
        assert filled["symbol"].unique().to_pylist() == ["META"]
        assert filled.num_rows == 4
        assert meta.store.adjustments(name, as_of=loaded)["split_factor"].to_pylist() == [2.0, 1.0]
    assert meta.store.bars("MVRS", "1d", adjust="split")["close"].to_pylist()[0] == 195.65 / 2


@pytest.mark.parametrize(
    "ask",
    [
        lambda desk: desk.store.bars("FB", "1d"),
        lambda desk: desk.store.intervals(["FB"]),
        lambda desk: desk.store.gaps("FB"),
        lambda desk: desk.store.verify(["FB"]),
        lambda desk: desk.store.actions("FB"),
        lambda desk: desk.store.adjustments("FB"),
        lambda desk: desk.coordinator.delete_bars("FB", "1d", "2022-06-07"),
        lambda desk: desk.coordinator.remove_symbol("FB"),
        lambda desk: desk.coordinator.rename("FB", "X", effective="2023-01-03"),
        lambda desk: desk.coordinator.alias("FB", "X"),
        lambda desk: desk.coordinator.move_symbols("FB", "24/7"),
        lambda desk: desk.coordinator.purge_bars("FB", "1d", "2022-06-08"),
    ],
)
def test_whoever_asks_by_an_old_name_is_told_the_new_one(meta: Desk, ask: Callable[[Desk], object]) -> None:
    with pytest.raises(UnknownSymbolError, match="'FB' was renamed on 2022-06-09, and is META now; ask for that"):
        ask(meta)


def test_a_load_that_says_an_old_name_goes_by_dates_too(meta: Desk) -> None:
    rows = days(("any", "2022-06-03", 190.78), ("any", "2022-06-13", 164.26)).drop_columns(["symbol"])
    report = meta.coordinator.load(rows, "FB", "1d")
    assert (report.inserted, report.rejected, report.symbols) == (1, 1, ("META",))
    with pytest.raises(RejectedBarsError, match="by the name that their symbol has now, or had in their sessions"):
        meta.coordinator.load(rows.slice(1), "FB", "1d")


def test_a_file_that_was_loaded_before_is_read_again(desk: Desk, tmp_path: Path) -> None:
    desk.register("FB")
    path = tmp_path / "fb.csv"
    path.write_text("timestamp,open,high,low,close,volume\n2022-06-08,1,1,1,1,1\n2022-06-09,1,1,1,1,1\n")
    assert desk.coordinator.load(path, "FB", "1d").inserted == 2
    desk.coordinator.rename("FB", "META", effective=META_DAY)
    report = desk.coordinator.load(path, "FB", "1d")
    assert (report.unchanged, report.rejected) == (1, 1)


# -------------------------------------------------------------------------------------------------------- registering


@pytest.mark.parametrize(
    "register",
    [
        lambda desk, **said: desk.register("FB", "AAPL", **said),
        lambda desk: desk.coordinator.register_for_live("FB", "1d", ["1d"], calendar="XNYS"),
        lambda desk: desk.coordinator.register_for_backtest("FB", "1d", source={"FB": "1d"}, calendar="XNYS"),
        lambda desk: desk.store.register_symbol_data(
            desk.store.get_symbol_data("MSFT").model_copy(update={"symbol": "FB"})
        ),
    ],
)
def test_an_old_name_is_not_registered_in_silence(meta: Desk, register: Callable[..., object]) -> None:
    with pytest.raises(RegistrationError, match=r"FB was renamed on 2022-06-09, and is META now; .*reuse_names=True"):
        register(meta)
    assert meta.store.get_active_symbols() == {"META", "MSFT"}


def test_what_is_registered_by_an_old_name_stays_so(meta: Desk) -> None:
    meta.register("FB", reuse_names=True)
    meta.register("FB", intervals=("1d", "1w"))  # a nightly job does it again
    assert {row["interval"] for row in meta.store.interval_rows("FB")} == {"1d", "1w"}
    data = meta.store.get_symbol_data("FB")
    assert data is not None
    assert meta.store.register_symbol_data(data).added == ()


def test_a_case_is_no_way_around(meta: Desk) -> None:
    with pytest.raises(RegistrationError, match="FB was renamed"):
        meta.register(" fb ")
    assert meta.load(("fb", "2022-06-03", 1.0)).inserted == 1


# ------------------------------------------------------------------------------------------------------------ aliases


def test_an_alias_is_taken_for_the_symbol(desk: Desk) -> None:
    desk.register("BRK.B")
    desk.coordinator.alias("BRK.B", "BRK-B")
    desk.coordinator.alias("BRK.B", "BRK/B", vendor="polygon")
    assert desk.load(("BRK-B", "2022-06-08", 1.0), ("BRK.B", "2022-06-09", 2.0)).inserted == 2
    assert desk.load(("BRK/B", "2022-06-10", 3.0), vendor="polygon").inserted == 1
    with pytest.raises(RejectedBarsError, match="'BRK/B' is not registered"):
        desk.load(("BRK/B", "2022-06-13", 3.0))
    assert list(desk.closes("BRK.B").values()) == [1.0, 2.0, 3.0]
    rows = desk.store.sql("SELECT name, vendor FROM symbols WHERE kind = 'alias' ORDER BY name").to_pylist()
    assert rows == [{"name": "BRK-B", "vendor": None}, {"name": "BRK/B", "vendor": "polygon"}]
    assert desk.sound()


def test_one_symbol_by_two_names_in_one_source_is_one(desk: Desk) -> None:
    desk.register("BRK.B")
    desk.coordinator.alias("BRK.B", "BRK-B")
    report = desk.load(("BRK.B", "2022-06-08", 1.0), ("BRK-B", "2022-06-08", 2.0), ("BRK-B", "2022-06-09", 3.0))
    assert (report.inserted, report.rejected) == (2, 1)
    assert desk.closes("BRK.B") == {"2022-06-08": 2.0, "2022-06-09": 3.0}
    assert desk.sound()


def test_a_vendors_spelling_goes_before_an_alias_and_that_before_a_name(desk: Desk) -> None:
    desk.register("A", "B", "C")
    desk.coordinator.alias("B", "X")
    desk.coordinator.alias("C", "X", vendor="v")
    desk.coordinator.alias("C", "A", vendor="v")
    desk.load(("X", "2022-06-08", 1.0), ("A", "2022-06-08", 2.0))
    desk.load(("X", "2022-06-09", 3.0), ("A", "2022-06-10", 4.0), vendor="v")
    desk.load(("X", "2022-06-09", 5.0), ("A", "2022-06-10", 6.0), vendor="w")
    assert desk.closes("A") == {"2022-06-08": 2.0, "2022-06-10": 6.0}
    assert desk.closes("B") == {"2022-06-08": 1.0, "2022-06-09": 5.0}
    assert desk.closes("C") == {"2022-06-09": 3.0, "2022-06-10": 4.0}


def test_an_alias_may_be_for_some_sessions_only(desk: Desk) -> None:
    desk.register("A", "B")
    desk.coordinator.alias("A", "X", end="2022-06-09")
    desk.coordinator.alias("B", "X", start="2022-06-13")
    report = desk.load(*(("X", f"2022-06-{day:02d}", float(day)) for day in (7, 8, 9, 10, 13, 14)))
    assert (report.inserted, report.rejected) == (4, 2)
    assert list(desk.closes("A").values()) == [7.0, 8.0]
    assert list(desk.closes("B").values()) == [13.0, 14.0]
    assert report.rejects[0].reason.startswith("X is an alias of A for sessions before 2022-06-09 only")
    desk.coordinator.alias("B", "X", start="2022-06-09")  # takes the place of the other
    assert desk.load(("X", "2022-06-09", 9.0), ("X", "2022-06-10", 10.0)).inserted == 2
    assert desk.names("B") == [("B", "name", None, None), ("X", "alias", "2022-06-09", None)]
    with pytest.raises(RejectedBarsError, match=r"X means .* from 2022-06-09 on only"):
        desk.coordinator.remove_alias("A", "X")
        desk.load(("X", "2022-06-08", 1.0))


def test_an_alias_lets_an_old_name_go_on(meta: Desk) -> None:
    meta.coordinator.alias("META", "FB")
    assert meta.load(("FB", "2022-06-08", 1.0), ("FB", "2022-06-13", 2.0)).rejected == 0
    with pytest.raises(RegistrationError, match="FB is an alias of META; take the alias away first"):
        meta.register("FB", reuse_names=True)
    with pytest.raises(UnknownSymbolError, match="'FB' is an alias of META; ask for that"):
        meta.store.bars("FB", "1d")
    assert meta.sound()


def test_an_alias_is_said_twice_and_taken_away_twice(desk: Desk) -> None:
    desk.register("A")
    assert desk.coordinator.alias("A", "X", start="2022-06-08").batch_id is not None
    assert desk.coordinator.alias("A", "X", start="2022-06-08").batch_id is None
    gone = desk.coordinator.remove_alias("A", "X")
    assert (gone.start, gone.batch_id is None) == (date(2022, 6, 8), False)
    assert desk.coordinator.remove_alias("A", "X").batch_id is None
    assert desk.names("A") == [("A", "name", None, None)]


def test_an_alias_that_becomes_the_name_is_none_any_more(desk: Desk) -> None:
    desk.register("A")
    desk.coordinator.alias("A", "X")
    desk.coordinator.rename("A", "X", effective="2022-06-09")
    assert desk.names("X") == [("A", "former", None, "2022-06-09"), ("X", "name", "2022-06-09", None)]
    assert desk.sound()


# ------------------------------------------------------------------------------------------------------------ refused


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.rename("META", "META", effective="2023-01-03"), "META is called so already"),
        (lambda c: c.rename("META", "MSFT", effective="2023-01-03"), "MSFT is registered already; .*'MSFT'"),
        (lambda c: c.rename("META", "X", effective="2022-06-09"), "called so from 2022-06-09 on, .* give a later date"),
        (lambda c: c.rename("META", "X", effective="2024-06-05"), "lies ahead of the store's clock"),
        (lambda c: c.rename("META", "X", effective="2022-06-10T00:00:00Z"), "is an instant"),
        (lambda c: c.rename("META", "  ", effective="2023-01-03"), "is not usable"),
        (lambda c: c.rename("MSFT", "FB", effective="2022-06-08"), "FB was the name of META .* give 2022-06-09 or a"),
        (
            lambda c: c.rename("MSFT", "Z", effective="2023-01-03"),
            r"Z is an alias of META.* remove_alias\('META', 'Z'\)",
        ),
        (lambda c: c.alias("META", "META"), "META is called so"),
        (lambda c: c.alias("META", "MSFT"), "MSFT is a symbol of its own; .*vendor="),
        (lambda c: c.alias("MSFT", "Z"), r"Z is an alias of META already, of everybody, .*end="),
        (lambda c: c.alias("MSFT", "FB"), "FB was the name of META .*start='2022-06-09'"),
        (lambda c: c.alias("META", "X", start="2022-06-09", end="2022-06-08"), "start='2022-06-09' lies after"),
        (lambda c: c.alias("META", "X", start="2022-06-09", end="2022-06-09"), "give a later end"),
        (lambda c: c.alias("META", "X", vendor=" "), "is no name"),
        (lambda c: c.alias("META", ""), "is not usable"),
        (lambda c: c.remove_alias("NONE", "Z"), "'NONE' is not registered"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(
    meta: Desk, call: Callable[[SessionCoordinator], object], message: str
) -> None:
    meta.coordinator.alias("META", "Z")
    before = meta.store.sql("FROM symbol_name ORDER BY ALL"), meta.store.sql("SELECT max(batch_id) FROM batches")
    with pytest.raises(InputError, match=message):
        call(meta.coordinator)
    after = meta.store.sql("FROM symbol_name ORDER BY ALL"), meta.store.sql("SELECT max(batch_id) FROM batches")
    assert after == before


def test_aliases_that_do_not_meet_are_no_conflict(meta: Desk) -> None:
    meta.coordinator.alias("META", "X", end="2022-06-09")
    meta.coordinator.alias("MSFT", "X", start="2022-06-09")
    meta.coordinator.alias("MSFT", "FB", start="2022-06-09")
    meta.coordinator.alias("MSFT", "META", vendor="odd")
    assert meta.sound()


# ------------------------------------------------------------------------------------------------------ what it undoes


def test_a_renaming_is_undone_and_that_too(meta: Desk) -> None:
    renamed = meta.store.sql("SELECT batch_id FROM batches WHERE kind = 'name'")["batch_id"][0].as_py()
    tried = meta.coordinator.revert(renamed, apply=False)
    assert (tried.batch_id, tried.names, tried.symbols) == (None, 1, ("FB",))
    undone = meta.coordinator.revert(renamed)
    assert meta.store.get_active_symbols() == {"FB", "MSFT"}
    assert len(meta.closes("FB")) == 4
    assert meta.load(("FB", "2022-06-13", 164.26)).inserted == 1
    assert undone.batch_id is not None
    meta.coordinator.revert(undone.batch_id)
    assert meta.store.get_active_symbols() == {"META", "MSFT"}
    assert meta.names("META") == [("FB", "former", None, "2022-06-09"), ("META", "name", "2022-06-09", None)]
    moments = meta.store.sql("SELECT batch_id, committed_at FROM batches ORDER BY batch_id").to_pylist()
    called = {
        moment["batch_id"]: meta.store.sql(
            "SELECT string_agg(DISTINCT symbol) AS s FROM bars_as_of($at) WHERE symbol <> 'MSFT'",
            {"at": moment["committed_at"]},
        )["s"][0].as_py()
        for moment in moments
    }
    told = [called[number] for number in sorted(called) if called[number]]
    assert told == ["FB", "META", "META", "FB", "FB", "META"]
    assert meta.sound()
    meta.coordinator.revert(renamed)  # what it gave was gone meanwhile, and is back
    assert meta.names("FB") == [("FB", "name", None, None)]
    assert meta.sound()


def test_an_alias_is_undone(desk: Desk) -> None:
    desk.register("A")
    desk.coordinator.alias("A", "X", end="2022-06-09")
    wider = desk.coordinator.alias("A", "X")
    assert wider.batch_id is not None
    desk.coordinator.revert(wider.batch_id)
    assert desk.names("A") == [("A", "name", None, None), ("X", "alias", None, "2022-06-09")]
    assert desk.sound()


def test_an_undo_is_refused_where_names_went_on(meta: Desk) -> None:
    renamed = meta.store.sql("SELECT batch_id FROM batches WHERE kind = 'name'")["batch_id"][0].as_py()
    meta.register("FB", reuse_names=True)
    with pytest.raises(InputError, match="META would be FB again, which is a name of FB for sessions of that time"):
        meta.coordinator.revert(renamed)
    meta.coordinator.rename("FB", "OTHER", effective="2023-01-03")
    with pytest.raises(InputError, match="META would be FB again, which is a name of OTHER"):
        meta.coordinator.revert(renamed)
    again = meta.coordinator.rename("META", "X", effective="2023-01-03")
    with pytest.raises(InputError, match=f"batch {again.batch_id} changed names of its symbols since"):
        meta.coordinator.revert(renamed)
    meta.coordinator.remove_symbol("X")
    with pytest.raises(InputError, match="X was removed since"):
        meta.coordinator.revert(renamed)
    assert meta.sound()


@pytest.mark.parametrize("purge", [False, True])
def test_a_symbol_that_is_removed_frees_all_of_its_names(meta: Desk, purge: bool) -> None:
    loaded = meta.now
    meta.coordinator.alias("META", "Z")
    meta.coordinator.remove_symbol("META", purge=purge)
    for name in ("FB", "META", "Z"):
        meta.register(name)
        assert meta.load((name, "2022-06-08", 1.0)).inserted == 1
    if not purge:
        assert list(meta.closes("META", as_of=loaded).values()) == [195.65, 196.64, 184.0, 175.57]
    assert meta.store.sql("SELECT count(*) AS n FROM symbol_name")["n"][0].as_py() == (0 if purge else 4)
    assert meta.sound()


def test_a_transaction_that_fails_leaves_the_names(meta: Desk) -> None:
    before = meta.store.sql("FROM symbols ORDER BY ALL")

    def fail() -> None:
        with meta.store.transaction():
            meta.coordinator.rename("META", "X", effective="2023-01-03")
            meta.register("META", reuse_names=True)
            raise BarhouseError("not so")

    with pytest.raises(BarhouseError, match="not so"):
        fail()
    assert meta.store.sql("FROM symbols ORDER BY ALL") == before


def test_names_are_exchanged_in_one_transaction(meta: Desk) -> None:
    with meta.store.transaction():
        meta.coordinator.rename("META", "X", effective="2023-01-03")
        meta.coordinator.rename("MSFT", "META", effective="2023-01-03")
        meta.coordinator.rename("X", "MSFT", effective="2023-01-04")
    assert (
        meta.load(("META", "2022-06-13", 1.0), ("META", "2023-01-03", 2.0), ("MSFT", "2023-01-04", 3.0)).inserted == 3
    )
    assert list(meta.closes("MSFT").values()) == [195.65, 196.64, 184.0, 175.57, 1.0, 3.0]
    assert list(meta.closes("META").values()) == [270.41, 2.0]
    assert meta.sound()


# ------------------------------------------------------------------------------------------- what else goes by symbols


def test_corporate_actions_go_by_the_name_of_their_ex_date(meta: Desk) -> None:
    meta.register("FB", reuse_names=True)
    report = meta.coordinator.load_actions(
        pa.table(
            {
                "symbol": ["FB", "FB", "META", "META", "MVRS"],
                "ex_date": ["2022-06-08", "2022-06-09", "2022-06-07", "2022-06-10", "2022-06-10"],
                "ratio": [2.0, 3.0, 4.0, 5.0, 6.0],
            }
        )
    )
    assert (report.inserted, report.rejected) == (4, 1)
    found = meta.store.sql("SELECT symbol, ratio FROM actions ORDER BY ratio").to_pylist()
    assert [(row["symbol"], row["ratio"]) for row in found] == [
        ("META", 2.0),
        ("FB", 3.0),
        ("META", 4.0),
        ("META", 5.0),
    ]


def test_actions_of_an_old_name_after_its_end_are_refused(meta: Desk) -> None:
    rows = pa.table({"symbol": ["FB", "FB"], "ex_date": ["2022-06-08", "2022-06-10"], "ratio": [2.0, 3.0]})
    report = meta.coordinator.load_actions(rows)
    assert (report.inserted, report.rejected) == (1, 1)
    assert report.rejects[0].reason.startswith("FB was renamed on 2022-06-09, and is META now")


def test_trades_go_by_the_name_of_their_session(desk: Desk) -> None:
    desk.register("FB", intervals=("1m",))
    desk.coordinator.rename("FB", "META", effective=META_DAY)
    desk.register("FB", intervals=("1m",), reuse_names=True)
    at = [datetime(2022, 6, day, 14, 0, second, tzinfo=UTC) for day in (8, 9) for second in (1, 30)]
    trades = pa.table({"symbol": ["FB"] * 4, "traded_at": at, "price": [1.0, 2.0, 3.0, 4.0], "size": [1.0] * 4})
    report = desk.coordinator.load_trades(trades, interval="1m")
    assert (report.inserted, report.rejected) == (2, 0)
    assert desk.store.bars("META", "1m")["close"].to_pylist() == [2.0]
    assert desk.store.bars("FB", "1m")["close"].to_pylist() == [4.0]


def test_small_loads_in_our_own_columns_go_by_names_too(desk: Desk) -> None:
    """New rows of a few symbols are planned in memory, unless a name among them is dated."""
    desk.register("FB", "SPY", intervals=("1m", "5m"))
    desk.coordinator.rename("FB", "META", effective=META_DAY)
    desk.register("FB", intervals=("1m",), reuse_names=True)
    desk.coordinator.alias("SPY", "SPDR")
    for day, whose in (("08", "META"), ("09", "FB")):
        for minute in range(30, 36):
            for name in ("FB", "SPDR"):
                stamp = f"2022-06-{day}T13:{minute}"
                assert desk.coordinator.load(minutes_of(name, stamp), interval="1m").inserted == 1
        assert desk.store.bars(whose, "1m").num_rows == 6
    assert desk.store.bars("SPY", "1m").num_rows == 12
    assert desk.sound()


def test_a_contract_is_renamed_and_a_future_keeps_its_name(desk: Desk) -> None:
    desk.register("OLD", "NEW")
    desk.load(("OLD", "2022-06-08", 1.0), ("NEW", "2022-06-09", 2.0))
    desk.coordinator.define_future("ES", {"OLD": None, "NEW": "2022-06-09"}, roll="dates")
    DataProcessor(desk.store).process()
    loaded = desk.now
    renamed = desk.coordinator.rename("NEW", "NEWER", effective=META_DAY)
    for name in ("rename", "alias"):
        with pytest.raises(InputError, match="ES is a continuous future; give another name"):
            if name == "rename":
                desk.coordinator.rename("OLD", "ES", effective=META_DAY)
            else:
                desk.coordinator.alias("OLD", "ES")
    with pytest.raises(UnknownSymbolError, match="'NEW' was renamed on 2022-06-09, and is NEWER now"):
        desk.coordinator.define_future("NQ", ["NEW"])
    assert desk.store.bars("ES", "1d")["contract"].to_pylist() == ["OLD", "NEWER"]
    assert desk.store.rolls("ES")["contract"].to_pylist() == ["OLD", "NEWER"]
    assert desk.store.bars("ES", "1d", as_of=loaded)["contract"].to_pylist() == ["OLD", "NEW"]
    desk.coordinator.define_future("NEW", ["OLD"])
    assert renamed.batch_id is not None
    with pytest.raises(InputError, match="NEW is a continuous future now; remove that one first"):
        desk.coordinator.revert(renamed.batch_id)
    assert desk.sound()


@pytest.mark.parametrize("full", [False, True])
def test_an_export_follows_the_name(meta: Desk, tmp_path: Path, full: bool) -> None:
    meta.coordinator.rename("MSFT", "OLD", effective="2023-01-03")
    meta.store.export(tmp_path / "out")
    meta.coordinator.rename("OLD", "NEW", effective="2023-01-04")
    meta.coordinator.rename("META", "OLD", effective="2023-01-05")
    report = meta.store.export(tmp_path / "out", full=full)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["symbol=NEW", "symbol=OLD"]
    assert (report.written, report.removed) == (4 if full else 2, 1) or full
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"SELECT symbol, list(close ORDER BY bar_start) FROM '{tmp_path}/out/*/*/*/*.parquet'"
            " WHERE interval = '1d' GROUP BY symbol ORDER BY symbol"
        ).fetchall()
    assert rows == [("NEW", [270.41]), ("OLD", [195.65, 196.64, 184.0, 175.57])]


def test_what_was_exported_and_given_up_stays_exported(desk: Desk, tmp_path: Path) -> None:
    desk.register("FB")
    desk.load(*(("FB", day, 1.0) for day in ("2022-05-02", "2022-05-06", "2022-06-06", "2022-06-07", "2022-06-08")))
    out = tmp_path / "out"
    desk.store.export(out)
    desk.coordinator.purge_bars("FB", "1d", "2022-06-07")
    desk.coordinator.rename("FB", "META", effective=META_DAY)
    report = desk.store.export(out)
    assert report.given_up == 1
    with duckdb.connect() as connection:
        asked = f"SELECT symbol, session_date::VARCHAR FROM '{out}/*/*/*/*.parquet' ORDER BY 2"
        first = connection.execute(asked).fetchall()
        desk.store.export(out)
        assert connection.execute(asked).fetchall() == first
    assert [day for _, day in first] == ["2022-05-02", "2022-05-06", "2022-06-06", "2022-06-07", "2022-06-08"]
    assert {name for name, day in first if day >= "2022-06"} == {"META"}


def test_who_may_see_a_symbol_sees_it_by_every_name_and_nobody_elses(meta: Desk, tmp_path: Path) -> None:
    loaded = meta.store.sql("SELECT max(committed_at) AS at FROM batches WHERE kind = 'load' AND batch_id < 4")
    then = loaded["at"][0].as_py()
    meta.register("FB", reuse_names=True)
    meta.load(("FB", "2022-06-10", 7.0))
    now = meta.now
    meta.store.publish(tmp_path / "copy.duckdb")
    path = (tmp_path / "copy.duckdb").resolve()
    seen: dict[tuple[str, datetime], list[Any]] = {}
    for name in ("FB", "META"):
        with duckdb.connect(str(path), read_only=True) as connection:
            shadow(connection, [name], {*READ_VIEWS, "symbols"})
            for moment in (then, now):
                seen[name, moment] = connection.execute(
                    "SELECT symbol, count(*) FROM bars_as_of($at) WHERE interval = '1d' GROUP BY symbol", {"at": moment}
                ).fetchall()
            assert {one for (one,) in connection.execute("SELECT symbol FROM symbols").fetchall()} == {name}
    assert seen == {
        ("FB", then): [],
        ("FB", now): [("FB", 1)],
        ("META", then): [("FB", 2)],
        ("META", now): [("META", 4)],
    }


def test_names_survive_copies(meta: Desk, tmp_path: Path) -> None:
    meta.coordinator.alias("META", "FACEBOOK", vendor="v", start="2020-01-02")
    told = meta.store.sql("FROM symbols ORDER BY ALL")
    meta.store.backup(tmp_path / "backup.duckdb")
    with open_store((tmp_path / "backup.duckdb").resolve(), read_only=True) as copy:
        assert copy.sql("FROM symbols ORDER BY ALL") == told
    path = meta.store.path
    assert path is not None
    meta.store.close()
    compact(path)
    with open_store(path, read_only=True) as store:
        assert store.sql("FROM symbols ORDER BY ALL") == told
        assert store.verify().sound


# ------------------------------------------------------------------------------------------------------------- verify


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("UPDATE symbol_name SET valid_to = DATE '2022-06-10' WHERE valid_to = DATE '2022-06-09'", "next name begins"),
        ("UPDATE symbol_name SET valid_to = DATE '2022-06-08' WHERE valid_to = DATE '2022-06-09'", "next name begins"),
        ("UPDATE symbol_name SET valid_to = DATE '2030-01-02' WHERE name = 'META'", "to ever, where the next"),
        ("UPDATE symbol_name SET name = 'OTHER' WHERE name = 'META'", "the name of today, META"),
        ("UPDATE symbol_name SET symbol_id = 77 WHERE is_alias", "a symbol that is registered"),
        ("UPDATE symbol_name SET replaced_by = NULL WHERE batch_id = 0", "next name begins"),
        ("UPDATE symbol_name SET batch_id = 99 WHERE name = 'META'", "rows in batch"),
        ("UPDATE symbol_name SET replaced_by = 99 WHERE batch_id = 0", "replaced by a later batch"),
        ("UPDATE symbol_name SET name = 'MSFT' WHERE is_alias", "another name than MSFT has today"),
        ("INSERT INTO symbol_name SELECT * FROM symbol_name WHERE is_alias", "1 row"),
        (
            "INSERT INTO symbol_name SELECT * REPLACE (2 AS symbol_id) FROM symbol_name WHERE is_alias",
            "one symbol of a name on a date",
        ),
        ("UPDATE symbol SET symbol = 'OTHER' WHERE symbol = 'META'", "the name of today, OTHER"),
        ("DELETE FROM symbol_name WHERE valid_to IS NOT NULL", None),
    ],
)
def test_verify_finds_what_is_planted(meta: Desk, planted: str, found: str | None) -> None:
    meta.coordinator.alias("META", "Z")
    assert meta.sound()
    with meta.store.transaction() as transaction:
        transaction.execute(planted)
    report = meta.store.verify()
    told = [difference for difference in report.differences if difference.kind == "name"]
    if found is None:  # a name that is forgotten leaves nothing that contradicts
        assert not told
        return
    assert any(found in f"{difference}" for difference in told), str(report)
    assert report.totals.keys() == {"name"}
