"""Continuous futures: what is refused, what is found by verify, and rolls of a known year."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from clock_kit import TickingClock

from barhouse import (
    DataProcessor,
    SessionCoordinator,
    SessionStore,
    open_store,
)
from barhouse.store.errors import InputError, RegistrationError, UnknownSymbolError

DAYS = [date(2024, 3, 4) + timedelta(days=number) for number in range(5)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SessionStore]:
    """Two contracts of five days, of which the second is traded more from the third day on; ES over them."""
    with open_store(tmp_path / "bars.duckdb", clock=TickingClock(datetime(2024, 3, 11, tzinfo=UTC))) as opened:
        coordinator = SessionCoordinator(opened)
        coordinator.register(["OLD", "NEW"], ["1d", "1w"], "24/7", base="1d")
        rows = [day_of("OLD", day, 100.0, 50.0) for day in DAYS]
        rows += [day_of("NEW", day, 110.0, 20.0 * (number + 1)) for number, day in enumerate(DAYS)]
        coordinator.load(pa.Table.from_pylist(rows), interval="1d")
        coordinator.define_future("ES", ["OLD", "NEW"], adjustment="ratio")
        DataProcessor(opened).process()
        yield opened


def day_of(symbol: str, day: date, price: float, volume: float) -> dict[str, Any]:
    prices = {"open": price, "high": price, "low": price, "close": price}
    return {"symbol": symbol, "timestamp": day, **prices, "volume": volume}


def rolls_of(store: SessionStore) -> list[tuple[Any, ...]]:
    return [(row["contract"], row["session_date"], row["decided_on"]) for row in store.rolls("ES").to_pylist()]


ROLLED = [("OLD", None, None), ("NEW", DAYS[3], DAYS[2])]


def test_the_next_contract_counts_from_the_session_after(store: SessionStore) -> None:
    assert rolls_of(store) == ROLLED
    bars = store.bars("ES", "1d").to_pylist()
    assert [bar["contract"] for bar in bars] == ["OLD"] * 3 + ["NEW"] * 2
    assert [bar["close"] for bar in bars] == [100.0 * (110.0 / 100.0)] * 3 + [110.0] * 2
    assert [bar["volume"] for bar in bars] == [50.0, 50.0, 50.0, 80.0, 100.0]
    assert store.bars("ES", "1d", last=1, columns=["contract", "close"]).to_pylist() == [
        {"contract": "NEW", "close": 110.0}
    ]
    assert store.frame("ES", "1d")["close"].tolist() == [bar["close"] for bar in bars]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"contracts": []}, "ES2 has no contracts"),
        ({"contracts": "OLD"}, "takes the contracts in order"),
        ({"contracts": ["OLD", "NEW", "OLD"]}, "contract OLD comes twice in ES2"),
        ({"contracts": ["OLD", "NEW"], "roll": "dates"}, "contract NEW has no date"),
        ({"contracts": ["OLD", "NEW"], "roll": "expiry", "sessions_before": 1}, "contract OLD has no date"),
        ({"contracts": {"OLD": "2024-03-08"}, "roll": "expiry"}, "sessions_before= says how many"),
        ({"contracts": ["OLD"], "sessions_before": 1}, "sessions_before= says how many"),
        ({"contracts": {"OLD": "2024-03-08"}, "roll": "expiry", "sessions_before": -1}, "0 or more"),
        ({"contracts": {"OLD": "2024-06-08", "NEW": "2024-03-08"}}, "with dates that rise"),
        ({"contracts": ["OLD"], "roll": "volum"}, "did you mean"),
        ({"contracts": ["OLD"], "adjustment": "both"}, "give none, difference, ratio"),
    ],
)
def test_what_is_no_future(store: SessionStore, given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        SessionCoordinator(store).define_future("ES2", **given)
    assert store.futures()["symbol"].to_pylist() == ["ES"]


def test_names_are_told_apart(store: SessionStore) -> None:
    coordinator = SessionCoordinator(store)
    with pytest.raises(RegistrationError, match="NEW is a symbol that is registered"):
        coordinator.define_future("NEW", ["OLD"])
    with pytest.raises(RegistrationError, match="ES is a continuous future; give the symbol another name"):
        coordinator.register("ES", ["1d"], "24/7")
    with pytest.raises(UnknownSymbolError, match="OLDER"):
        coordinator.define_future("CL", ["OLDER"])
    with pytest.raises(UnknownSymbolError, match="there is no continuous future CL; there are ES"):
        coordinator.remove_future("CL")
    with pytest.raises(UnknownSymbolError, match="there is no continuous future OLD"):
        store.rolls("OLD")
    coordinator.register("STOCK", ["1d"], "XNYS", base="1d")
    with pytest.raises(RegistrationError, match="STOCK has the calendar XNYS, and OLD 24/7"):
        coordinator.define_future("ES", ["OLD", "STOCK"])
    assert rolls_of(store) == ROLLED


def test_contracts_stay_while_a_future_has_them(store: SessionStore) -> None:
    coordinator = SessionCoordinator(store)
    with pytest.raises(RegistrationError, match="NEW is a contract of the continuous future ES"):
        coordinator.remove_symbol("NEW")
    with pytest.raises(RegistrationError, match="OLD is a contract of the continuous future ES"):
        coordinator.move_symbols("OLD", "XNYS")
    report = coordinator.remove_future("ES")
    assert report.deleted == 2
    assert store.sql("SELECT contract FROM roll_revisions ORDER BY contract")["contract"].to_pylist() == ["NEW", "OLD"]
    coordinator.remove_symbol("NEW")
    with pytest.raises(UnknownSymbolError):
        store.bars("ES", "1d")
    assert store.verify().differences == ()


def test_what_continuous_futures_cannot_be_asked_for(store: SessionStore) -> None:
    for asked in ({"adjust": "all"}, {"fill": "previous"}):
        with pytest.raises(InputError, match="ES is a continuous future"):
            store.bars("ES", "1d", **asked)
    with pytest.raises(InputError, match="no bars still forming"):
        store.bars("ES", "1d", live=True)
    with pytest.raises(InputError, match="ES is a continuous future, and OLD is none"):
        store.bars(["ES", "OLD"], "1d")
    with pytest.raises(UnknownSymbolError, match="ES has no interval '1h'"):
        store.bars("ES", "1h")


def test_prices_that_cannot_be_told_are_none(store: SessionStore) -> None:
    coordinator = SessionCoordinator(store)
    coordinator.register("LATER", ["1d", "1w"], "24/7", base="1d")
    coordinator.load(pa.Table.from_pylist([day_of("LATER", date(2024, 3, 9), 5.0, 1e6)]), interval="1d")
    coordinator.define_future("ES", ["OLD", "LATER"], adjustment="difference")
    assert rolls_of(store) == [("OLD", None, None), ("LATER", date(2024, 3, 10), date(2024, 3, 9))]
    with pytest.raises(InputError, match="cannot be brought to those of the newest contract"):
        store.bars("ES", "1d")
    assert store.sql("SELECT DISTINCT close FROM bars_continuous")["close"].to_pylist() == [None]


PLANTED = {
    "moved": "UPDATE roll SET session_date = session_date + 1, decided_on = decided_on + 1 WHERE ratio IS NOT NULL",
    "other closes": "UPDATE roll SET ratio = ratio * 1.01 WHERE decided_on IS NOT NULL",
    "not there": "DELETE FROM roll WHERE decided_on IS NOT NULL",
    "of nobody": "UPDATE roll SET symbol_id = 99 WHERE decided_on IS NOT NULL",
    "of no future": "UPDATE roll SET future_id = 99 WHERE decided_on IS NOT NULL",
}


@pytest.mark.parametrize("error", PLANTED)
def test_planted_errors_are_found_and_mended(store: SessionStore, tmp_path: Path, error: str) -> None:
    store.close()
    with duckdb.connect(str(tmp_path / "bars.duckdb")) as connection:
        connection.execute(PLANTED[error])
    with open_store(tmp_path / "bars.duckdb") as opened:
        assert "roll" in opened.verify().totals
        SessionCoordinator(opened).repair(accept_lost_history=True)
        assert opened.verify().differences == ()
        assert rolls_of(opened) == ROLLED


def test_open_interest_is_the_last_value_of_a_session(tmp_path: Path) -> None:
    with open_store(tmp_path / "bars.duckdb", clock=TickingClock(datetime(2024, 3, 11, tzinfo=UTC))) as store:
        coordinator = SessionCoordinator(store)
        coordinator.register(["OLD", "NEW"], ["1h", "1d"], "24/7", base="1h")
        with pytest.raises(InputError, match="goes by a column of that name, which this store has not declared"):
            coordinator.define_future("ES", ["OLD", "NEW"], roll="open_interest")
        coordinator.declare_columns({"open_interest": "last"})
        rows = []
        for number, day in enumerate(DAYS):
            for hour, more in ((3, 1000.0), (9, 0.0), (15, None)):  # the last bar of a session says nothing
                at = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
                rows.append(day_of("OLD", day, 100.0, 1.0) | {"timestamp": at, "open_interest": more and 0.0})
                held = None if more is None else more + 20.0 * number
                rows.append(day_of("NEW", day, 110.0, 9.0) | {"timestamp": at, "open_interest": held})
        for row in rows:
            if row["symbol"] == "OLD" and row["timestamp"].hour == 9:
                row["open_interest"] = 50.0
        coordinator.load(pa.Table.from_pylist(rows), interval="1h")
        coordinator.define_future("ES", ["OLD", "NEW"], roll="open_interest")
        assert rolls_of(store) == [("OLD", None, None), ("NEW", DAYS[4], DAYS[3])]
        with pytest.raises(InputError, match="the continuous future ES is rolled by open_interest"):
            coordinator.drop_columns("open_interest")
        corrected = day_of("NEW", DAYS[1], 110.0, 9.0) | {
            "timestamp": datetime(2024, 3, 5, 9, tzinfo=UTC),
            "open_interest": 51.0,
        }
        coordinator.load(pa.Table.from_pylist([corrected]), interval="1h")
        assert DataProcessor(store).process().rolls == 1
        assert rolls_of(store) == [("OLD", None, None), ("NEW", DAYS[2], DAYS[1])]
        assert store.verify().differences == ()


#: The exchange's roll dates of stock index futures in 2024, the Mondays before the third Fridays on which they expire.
EXPIRIES = {"ESH24": "2024-03-15", "ESM24": "2024-06-21", "ESU24": "2024-09-20", "ESZ24": "2024-12-20"}
ROLL_DATES = [date(2024, 3, 11), date(2024, 6, 17), date(2024, 9, 16)]


def test_rolls_of_a_known_year(tmp_path: Path) -> None:
    clock = TickingClock(datetime(2024, 12, 31, tzinfo=UTC))
    with open_store(tmp_path / "bars.duckdb", clock=clock) as store:
        coordinator = SessionCoordinator(store)
        coordinator.register(list(EXPIRIES), ["1d"], "CMES", base="1d")
        rows = [day_of(name, date(2024, 3, 4), 5000.0 + 50 * number, 1.0) for number, name in enumerate(EXPIRIES)]
        coordinator.load(pa.Table.from_pylist(rows), interval="1d")
        coordinator.define_future("ES", EXPIRIES, roll="expiry", sessions_before=4)
        rolled = store.rolls("ES").to_pylist()
        assert [row["session_date"] for row in rolled] == [None, *ROLL_DATES]
        assert [row["contract"] for row in rolled] == list(EXPIRIES)
        assert [row["difference"] for row in rolled] == [None, 50.0, 50.0, 50.0]
