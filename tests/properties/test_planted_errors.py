"""Whatever is changed behind a store's back is found by ``verify``, which names the symbol and interval it is of.

Random stores (calendars with breaks, bases from 1s to 1mo, closing bars, bars outside of sessions, bars that lack
trades, gaps) are sound; then one error of each kind is planted at a random place. ``BARHOUSE_PLANTED=20`` makes so many
stores.
"""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from planting import NOW, PLANTS, fill

from barhouse import open_store
from barhouse.store.checks import portions
from barhouse.store.model.reports import VerifyReport
from tests.extent import PLANTED, SEED


@dataclass(frozen=True)
class Place:
    """Where an error was planted: ``verify`` is to tell of one of these intervals."""

    name: str
    symbol: str
    intervals: set[str]
    date: date | None


def planted(connection: duckdb.DuckDBPyConnection, name: str, symbol: str, chance: random.Random) -> Place | None:
    """Plant an error at a random place of a symbol; returns where, or None where there is no place for it."""
    plant = PLANTS[name]
    day = "NULL" if plant.table in ("interval_definition", "bar_values") else "t.session_date"
    found = connection.execute(
        f"SELECT t.rowid, d.interval, {day} FROM {plant.table} AS t "
        "JOIN interval_definition AS d ON d.interval_id = t.interval_id "
        f"JOIN symbol AS s ON s.symbol_id = d.symbol_id WHERE s.symbol = ? AND {plant.where} ORDER BY t.rowid",
        [symbol],
    ).fetchall()
    if not found:
        return None
    # Each interval has the same chance, however many rows it has.
    text = chance.choice(sorted({interval for _, interval, _ in found}))
    row, _, day = chance.choice([row for row in found if row[1] == text])
    connection.execute(plant.change.format(table=plant.table, row=row))
    derived = "SELECT interval FROM interval_definition JOIN symbol USING (symbol_id) WHERE symbol = ? AND derived"
    intervals = {one for (one,) in connection.execute(derived, [symbol]).fetchall()} if plant.far else {text}
    return Place(name, symbol, intervals, day)


def plant_some(path: Path, pending: list[str], chance: random.Random) -> list[Place]:
    """Plant one of the pending errors in each symbol, as far as there are places; takes them from ``pending``."""
    places = []
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for (symbol,) in connection.execute("SELECT symbol FROM symbol ORDER BY symbol").fetchall():
            for name in pending:
                if place := planted(connection, name, symbol, chance):
                    places.append(place)
                    pending.remove(name)
                    break
    return places


def check_told(report: VerifyReport, place: Place) -> None:
    told = {
        one.interval for one in report.differences if (one.kind, one.symbol) == (PLANTS[place.name].kind, place.symbol)
    }
    assert told & place.intervals, f"{place}\n{report}"


#: How many random stores there are in which each error finds a place.
STORES_MAX = 5
#: Errors that a look at a few sessions need not find: what they change lies in none, or in another one.
ELSEWHERE = {
    "a date long ago", "coverage of no session", "coverage of another session", "no date", "no derived date",
    "a closing bar outside",
}  # fmt: skip


@pytest.mark.parametrize("number", range(PLANTED))
def test_what_is_planted_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """One error in each symbol of a copy of the store, until each kind of error was planted somewhere."""
    sound = tmp_path / "sound.duckdb"
    fill(sound, number)
    chance = random.Random(f"places {SEED} {number}")
    pending = sorted(PLANTS)
    chance.shuffle(pending)
    monkeypatch.setattr(portions, "ROWS_PER_PORTION", (500_000, 1_500)[number % 2])
    others = 0
    while pending:
        path = Path(shutil.copy(sound, tmp_path / "planted.duckdb"))
        places = plant_some(path, pending, chance)
        if not places:  # a random store need not have each kind of bar; one of the next ones does
            others += 1
            assert others < STORES_MAX, f"there is no place for {pending}"
            sound.unlink()
            fill(sound, number + 1_000 * others)
            continue
        with open_store(path, read_only=True, clock=lambda: NOW, settings={"threads": 1}) as store:
            whole = store.verify()
            for place in places:
                check_told(whole, place)
            # Of one store only some are looked for again where they are: that takes most of the time.
            for place in places if PLANTED > 1 else chance.sample(places, min(2, len(places))):
                near: dict[str, Any] = {"symbols": [place.symbol]}
                if place.date is not None and place.name not in ELSEWHERE and not PLANTS[place.name].far:
                    near |= {"start": place.date - timedelta(days=1), "end": place.date + timedelta(days=3)}
                check_told(store.verify(**near), place)


def test_a_sound_store_is_sound_in_any_portions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "sound.duckdb", PLANTED)
    for size in (500_000, 700):
        monkeypatch.setattr(portions, "ROWS_PER_PORTION", size)
        with open_store(tmp_path / "sound.duckdb", read_only=True, clock=lambda: NOW) as store:
            report = store.verify()
            assert report.sound, str(report)
            bars = "SELECT count(*) FROM bars JOIN intervals USING (symbol, interval) WHERE {}derived"
            for count, which in ((report.base_bar_count, "NOT "), (report.derived_bar_count, "")):
                assert store.sql(bars.format(which))[0].to_pylist() == [count]
            days = store.sql(
                "SELECT count(DISTINCT (s.symbol_id, b.session_date)) AS n FROM bar AS b JOIN interval_definition AS d "
                "USING (interval_id) JOIN symbol AS s USING (symbol_id) WHERE s.removed_at IS NULL "
                "AND b.session_date IS NOT NULL AND d.unit IN ('second', 'day')"
            )
            assert days["n"].to_pylist() == [report.session_count]
