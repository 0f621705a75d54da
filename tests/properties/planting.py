"""Errors of every kind that a store can have behind its back, and random stores to plant them in."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from world import OWN_CALENDARS

from barhouse import DataProcessor, SessionCoordinator, open_store
from barhouse.coordinator.load.door import load_bars
from barhouse.store.model.bar import COLUMNS
from barhouse.store.model.interval import Interval
from tests.extent import SEED

NOW = datetime(2024, 6, 28, 12, tzinfo=UTC)
SECOND = 1_000_000

#: Symbols that a store may have: calendar, base, derived intervals, what happens to closing bars, sessions with bars.
SYMBOLS: list[tuple[str, str, list[str], str, int]] = [
    ("XNYS", "1m", ["5m", "7m", "1h", "1d", "1w@sun", "1mo"], "include", 9),
    ("XHKG", "5m", ["15m", "1h", "1d", "2d@week"], "outside", 8),
    ("24/7", "1s", ["10s", "1m", "1h", "1d"], "outside", 3),
    ("LUNCH", "1m", ["30m", "1h", "3d@month", "1mo"], "include", 6),
    ("NIGHT", "15m", ["45m", "1h", "1d", "1w"], "outside", 12),
    ("GULF", "1h", ["2h", "1d", "2w"], "outside", 15),
    ("GULF", "1d", ["2d", "1w", "2w@mon", "10d@quarter", "1q@feb"], "outside", 40),
    ("XNYS", "1w", ["2w"], "outside", 60),
    ("24/7", "1mo", ["1q@feb", "1y@oct"], "outside", 200),
]


def sessions(store: Any, calendar: str) -> list[tuple[int, int, bool]]:
    """The segments of a calendar, opens and closes, and whether each is the last of its session."""
    rows = store.sql(
        "SELECT epoch_us(segment_open) AS open_, epoch_us(segment_close) AS close_, "
        "lead(session_date) OVER (ORDER BY segment_open) IS DISTINCT FROM session_date AS last_ FROM trading_session "
        "WHERE replaced_by IS NULL AND calendar = $calendar AND session_date BETWEEN '2023-01-01' AND '2024-06-27' "
        "ORDER BY segment_open",
        {"calendar": calendar},
    ).to_pylist()
    return [(row["open_"], row["close_"], row["last_"]) for row in rows]


def starts_of(chance: random.Random, hours: list[tuple[int, int, bool]], seconds: int, closing: bool) -> list[int]:
    """Where there are bars: most of some sessions, of others none, and some outside."""
    found: list[int] = []
    width = seconds * SECOND
    for open_, close, last in hours:
        if chance.random() < 0.1:
            continue
        most = min((close - open_ + width - 1) // width, 700)
        first = chance.randrange((close - open_ + width - 1) // width - most + 1)
        hole = range(first + chance.randrange(most), first + most + 1) if chance.random() < 0.3 else range(0)
        found += [open_ + n * width for n in range(first, first + most) if n not in hole and chance.random() > 0.05]
        if last and chance.random() < 0.7 and (closing or (close - open_) % width == 0):
            found += [close] if closing else [close + n * width for n in (0, 2)]
    return found


#: The columns of these stores.
DECLARED = {"oi": "last", "quote": "sum", "spread": "mean", "bid": "first", "least": "min", "most": "max"}


def rows_of(chance: random.Random, starts: list[int], *, knows: bool) -> pa.Table:
    """Bars with any prices; whether trades are known, and whether volumes are whole, holds for all of them."""
    whole = chance.random() < 0.5
    rows = []
    for start in starts:
        low = chance.randrange(100, 20_000) / 100
        open_, close = (low + chance.randrange(0, 300) / 100 for _ in range(2))
        high = max(open_, close) + chance.randrange(0, 100) / 100
        volume = float(chance.randrange(0, 5000)) if whole else chance.choice([0.0, 1e-9, chance.random() * 1e4])
        rows.append(
            {
                "bar_start": datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=start),
                "open": open_, "high": high, "low": low, "close": close, "volume": volume,
                "trade_count": chance.randrange(0, 50) if knows and chance.random() < 0.999 else None,
                "vwap": low + (high - low) / 3 if knows and volume else None,
                **{name: round(chance.uniform(1, 1e5), 3) for name in DECLARED if chance.random() < 0.99},
            }
        )  # fmt: skip
    return pa.Table.from_pylist(rows)


def fill(path: Path, number: int) -> None:
    """Make a sound store with symbols of several calendars, derived, and with base bars after what is derived."""
    chance = random.Random(f"planted {SEED} {number}")
    with open_store(path, clock=lambda: NOW, settings={"threads": 1}) as store:
        coordinator = SessionCoordinator(store)
        for name, definitions in OWN_CALENDARS.items():
            coordinator.add_calendar(name, **definitions[0])
        chosen = [SYMBOLS[0], SYMBOLS[1], chance.choice(SYMBOLS[2:6]), chance.choice(SYMBOLS[6:])]
        chance.shuffle(chosen)
        names = chance.sample(["AB", "C", "D", "EFG"], 4)
        coordinator.declare_columns(DECLARED)
        for name, (calendar, base, derived, closing_bar, _) in zip(names, chosen, strict=True):
            coordinator.register(name, [base, *derived], calendar, base=base, closing_bar=closing_bar)
        for name, (calendar, base, _, closing_bar, count) in zip(names, chosen, strict=True):
            length = Interval.parse(base)
            hours, knows = sessions(store, calendar)[-count:], calendar == "XNYS" or chance.random() < 0.5
            if length.unit != "second":
                table = rows_of(
                    chance, [at for at in block_starts(store, name) if chance.random() > 0.2][-count:], knows=knows
                )
                coordinator.load(table, name, base)
                continue
            include = closing_bar == "include"
            table = rows_of(chance, starts_of(chance, hours, length.length, include), knows=knows)
            coordinator.load(table, name, base)
            lacking(store, name, table, length, chance)
        DataProcessor(store).process()
        report = store.verify()
        assert report.sound, str(report)


def block_starts(store: Any, name: str) -> list[int]:
    """Where base bars of 1d and more may start."""
    rows = store.sql(
        "SELECT DISTINCT epoch_us(b.block_open) AS at FROM calendar_block AS b JOIN definition AS d "
        "ON d.calendar = b.calendar AND d.kind = b.kind "
        "WHERE d.symbol = $name AND NOT d.derived AND b.first_date >= '2022-01-01' AND b.block_close < '2024-06-20' "
        "ORDER BY 1",
        {"name": name},
    )
    starts: list[int] = rows["at"].to_pylist()
    return starts


def lacking(store: Any, name: str, table: pa.Table, length: Interval, chance: random.Random) -> None:
    """Say of some bars that not all of their trades were seen."""
    some = pa.Table.from_pylist(
        [{**row, "symbol": name} for row in table.to_pylist() if chance.random() < 0.01], COLUMNS
    )
    if not len(some):
        return
    with store.transaction() as transaction:
        (row,) = transaction.execute(
            "SELECT interval_id FROM definition WHERE symbol = $symbol AND NOT derived", {"symbol": name}
        )
        ids = pa.array([row.interval_id] * len(some), pa.int32())
        known = transaction.attach("lacking_bars", pa.table({"interval_id": ids, "bar_start": some["bar_start"]}))
        load_bars(transaction, some, length, "trades", known)


@dataclass(frozen=True)
class Plant:
    """An error: what kind ``verify`` tells of it, where it may be planted, and how.

    ``change`` is a statement for the row at ``{row}`` of ``table``. ``far`` says that it shows in intervals derived of
    the one that it is planted in.
    """

    kind: str
    table: str
    where: str
    change: str
    far: bool = False


_SET = "UPDATE {table} SET {values} WHERE rowid = {row}"


def setting(kind: str, table: str, where: str, values: str, *, far: bool = False) -> Plant:
    return Plant(kind, table, where, _SET.replace("{values}", values), far)


def inserting(kind: str, table: str, where: str, values: str = "") -> Plant:
    replaced = f" REPLACE ({values})" if values else ""
    return Plant(kind, table, where, f"INSERT INTO {{table}} SELECT *{replaced} FROM {{table}} WHERE rowid = {{row}}")


def deleting(kind: str, table: str, where: str) -> Plant:
    return Plant(kind, table, where, "DELETE FROM {table} WHERE rowid = {row}")


def below(where: str, values: str) -> Plant:
    """Of a base bar in a bucket of a derived interval that is derived already."""
    return setting("derived", "bar", f"{BELOW} AND {where}", values, far=True)


def of_definition(kind: str, where: str, values: str) -> Plant:
    return setting(kind, "interval_definition", f"{where} IS NOT NULL", values)


SHORT, LONG = "NOT d.derived AND d.unit = 'second'", "NOT d.derived AND d.unit <> 'second'"
INSIDE, OUTSIDE = f"{SHORT} AND t.session_date IS NOT NULL", f"{SHORT} AND t.session_date IS NULL"
PLAIN = f"{INSIDE} AND t.expected_count = 1"
CLOSING = f"{INSIDE} AND t.expected_count = 0"
DERIVED = "d.derived"
#: A base bar of a bucket of every derived interval that is derived already.
BELOW = (
    "NOT d.derived AND t.session_date IS NOT NULL AND EXISTS (SELECT 1 FROM interval_definition AS e "
    "WHERE e.symbol_id = d.symbol_id AND e.derived AND e.derived_through > t.bar_start)"
)

#: The values of such a bar, as it is; and those of a derived one.
VALUES_BELOW = (
    "NOT d.derived AND len(t.declared) = 6 AND EXISTS (SELECT 1 FROM bar AS b JOIN interval_definition AS e "
    "ON e.symbol_id = d.symbol_id AND e.derived AND e.derived_through > b.bar_start WHERE b.session_date IS NOT NULL "
    "AND b.interval_id = t.interval_id AND b.bar_start = t.bar_start AND b.batch_id = t.batch_id)"
)
VALUES = "d.derived"


def value(kind: str, where: str, number: int, to: str, *, far: bool = False) -> Plant:
    """Another value of one column."""
    change = f"list_transform(declared, lambda x, i: CASE WHEN i = {number} THEN {to} ELSE x END)"
    return setting(kind, "bar_values", f"{where} AND t.declared[{number}] IS NOT NULL", f"declared = {change}", far=far)


PLANTS: dict[str, Plant] = {
    "a last value": value("derived", VALUES, 1, "x + 1"),
    "the last bit of a sum of values": value("derived", VALUES, 2, "x * (1 + 3e-16)"),
    "the last bit of a mean of values": value("derived", VALUES, 3, "x * (1 + 3e-16)"),
    "a first value": value("derived", VALUES, 4, "x + 1"),
    "a least value": value("derived", VALUES, 5, "x - 1"),
    "a greatest value": value("derived", VALUES, 6, "x + 1"),
    "a value gone": value("derived", VALUES, 3, "NULL"),
    "all values gone": deleting("derived", "bar_values", VALUES),
    "a base value of a sum": value("derived", VALUES_BELOW, 2, "x + 1", far=True),
    "a base value of a mean": value("derived", VALUES_BELOW, 3, "x + 1", far=True),
    "a base value of a sum gone": value("derived", VALUES_BELOW, 2, "NULL", far=True),
    "a base value above the greatest": value("derived", VALUES_BELOW, 6, "x + 1e6", far=True),
    "a value that is no number": value("impossible", "NOT d.derived", 1, "'nan'::DOUBLE"),
    "a value without end": value("impossible", VALUES, 6, "'inf'::DOUBLE"),
    "a list that ends without a value": setting(
        "impossible", "bar_values", VALUES, "declared = list_append(declared, NULL)"
    ),
    "a value where no column is": setting(
        "impossible", "bar_values", "len(t.declared) = 6", "declared = list_append(declared, 1.0)"
    ),
    "values twice": inserting("value", "bar_values", "true"),
    "values of no bar": inserting("value", "bar_values", "true", "batch_id + 1000 AS batch_id"),

    "a low above the high": setting("impossible", "bar", "true", "low = high + 1"),
    "an open above the high": setting("impossible", "bar", "true", "open = high + 1"),
    "a close below the low": setting("impossible", "bar", "true", "close = low - 1"),
    "a price that is no number": setting("impossible", "bar", "true", "close = 'nan'"),
    "a price without end": setting("impossible", "bar", "true", "high = 'inf'"),
    "a volume below nothing": setting("impossible", "bar", "true", "volume = -1"),
    "a volume without end": setting("impossible", "bar", "true", "volume = 'inf'"),
    "a base bar twice": inserting("duplicate", "bar", "NOT d.derived"),
    "a derived bar twice": inserting("duplicate", "bar", DERIVED),
    "a base bar with other values twice": inserting("duplicate", "bar", "NOT d.derived", "volume + 1 AS volume"),
    "a span": setting("misplaced", "bar", "NOT d.derived", "span_seconds = span_seconds + 1"),
    "a date": setting("misplaced", "bar", INSIDE, "session_date = session_date + 1"),
    "a date long ago": setting("misplaced", "bar", INSIDE, "session_date = DATE '1990-01-02'"),
    "no date": setting("misplaced", "bar", INSIDE, "session_date = NULL, segment = NULL"),
    "a segment": setting("misplaced", "bar", INSIDE, "segment = segment + 1"),
    "no segment": setting("misplaced", "bar", INSIDE, "segment = NULL"),
    "a bar off the grid": setting("misplaced", "bar", PLAIN, "bar_start = make_timestamptz(epoch_us(bar_start) + 1)"),
    "a bar counted twice": setting("misplaced", "bar", PLAIN, "base_count = 2"),
    "a bar nothing is expected of": setting("misplaced", "bar", PLAIN, "expected_count = 0"),
    "a closing bar that is expected": setting("misplaced", "bar", CLOSING, "expected_count = 1"),
    "a closing bar that counts": setting("misplaced", "bar", CLOSING, "base_count = 1"),
    "a closing bar outside": setting("misplaced", "bar", CLOSING, "session_date = NULL, segment = NULL"),
    "an outside bar in a session": setting(
        "misplaced", "bar", OUTSIDE, "session_date = DATE '2024-05-02', segment = 0"
    ),
    "an outside bar that is expected": setting("misplaced", "bar", OUTSIDE, "expected_count = 1"),
    "an outside bar that is longer": setting("misplaced", "bar", OUTSIDE, "span_seconds = span_seconds * 2"),
    "an outside bar off the grid": setting(
        "misplaced", "bar", OUTSIDE, "bar_start = make_timestamptz(epoch_us(bar_start) + 1)"
    ),
    "an outside bar that overlaps": inserting(
        "misplaced",
        "bar",
        f"{OUTSIDE} AND d.length > 1",
        "make_timestamptz(epoch_us(bar_start) + 1000000) AS bar_start",
    ),
    "the date of a long base bar": setting("misplaced", "bar", LONG, "session_date = session_date + 1"),
    "a long base bar that starts late": setting(
        "misplaced", "bar", LONG, "bar_start = make_timestamptz(epoch_us(bar_start) + 60000000)"
    ),
    "the segment of a long base bar": setting("misplaced", "bar", LONG, "segment = 1"),
    "the count of a long base bar": setting("misplaced", "bar", LONG, "base_count = 0"),
    "a base bar gone": deleting("coverage", "bar", PLAIN),
    "a base bar gone that no gap tells of": deleting("gap", "bar", PLAIN),
    "a base bar gone below a derived one": Plant(
        "derived", "bar", f"{BELOW} AND t.volume > 0", "DELETE FROM bar WHERE rowid = {row}", far=True
    ),
    "a base volume": below("true", "volume = volume + 1"),
    "the last digit of a base volume": below("t.volume > 0", "volume = volume + 1e-9"),
    "a base high": below("true", "high = high + 1000"),
    "a base low": below("true", "low = low - 1000"),
    "a base trade count": below("t.trade_count > 0", "trade_count = trade_count + 1"),
    "a base trade count gone": below("t.trade_count > 0", "trade_count = NULL"),
    "a base vwap gone": below("t.vwap IS NOT NULL AND t.volume > 0", "vwap = NULL"),
    "a base bar that lacks trades": below("t.base_count = 1", "base_count = 0"),
    "a derived open": setting("derived", "bar", DERIVED, "open = CASE WHEN open = low THEN high + 1 ELSE low END"),
    "a derived high": setting("derived", "bar", DERIVED, "high = high + 0.01"),
    "a derived low": setting("derived", "bar", DERIVED, "low = low - 0.01"),
    "a derived close": setting("derived", "bar", DERIVED, "close = CASE WHEN close = low THEN high + 1 ELSE low END"),
    "a derived volume": setting("derived", "bar", DERIVED, "volume = volume + 1"),
    "the last bit of a derived volume": setting(
        "derived", "bar", f"{DERIVED} AND t.volume > 0", "volume = volume * (1 + 3e-16)"
    ),
    "a derived trade count": setting("derived", "bar", DERIVED, "trade_count = coalesce(trade_count, 0) + 1"),
    "a derived trade count gone": setting("derived", "bar", f"{DERIVED} AND t.trade_count > 0", "trade_count = NULL"),
    "a derived vwap": setting("derived", "bar", DERIVED, "vwap = coalesce(vwap * (1 + 3e-16), low)"),
    "a derived vwap gone": setting("derived", "bar", f"{DERIVED} AND t.vwap IS NOT NULL", "vwap = NULL"),
    "a derived base count": setting("derived", "bar", DERIVED, "base_count = base_count + 1"),
    "a derived expected count": setting("derived", "bar", DERIVED, "expected_count = expected_count + 1"),
    "a derived span": setting("derived", "bar", DERIVED, "span_seconds = span_seconds - 1"),
    "a derived date": setting("derived", "bar", DERIVED, "session_date = session_date - 1"),
    "no derived date": setting("derived", "bar", DERIVED, "session_date = NULL"),
    "a derived segment": setting("derived", "bar", DERIVED, "segment = segment + 1"),
    "a derived bar that starts late": setting(
        "derived", "bar", DERIVED, "bar_start = make_timestamptz(epoch_us(bar_start) + 1000000)"
    ),
    "a derived bar gone": deleting("derived", "bar", DERIVED),
    "a derived bar gone from coverage": deleting("coverage", "bar", f"{DERIVED} AND t.base_count = t.expected_count"),
    "a derived bar that nothing gives": inserting(
        "derived", "bar", DERIVED, "make_timestamptz(epoch_us(bar_start) + 1000000) AS bar_start"
    ),
    "a bar that is not kept": of_definition("retained", "t.first_session", "retained_from = now()"),
    "present bars": setting("coverage", "session_coverage", "true", "present_count = present_count - 1"),
    "expected bars": setting("coverage", "session_coverage", "true", "expected_count = expected_count + 1"),
    "coverage gone": deleting("coverage", "session_coverage", "true"),
    "coverage twice": inserting("coverage", "session_coverage", "true"),
    "coverage of no session": inserting("coverage", "session_coverage", "true", "session_date - 9000 AS session_date"),
    "coverage of another session": setting(
        "coverage", "session_coverage", "true", "session_date = session_date - 9000"
    ),
    "a gap gone": deleting("gap", "gap", "true"),
    "a gap twice": inserting("gap", "gap", "true"),
    "a gap that is none": inserting("gap", "gap", "true", "make_timestamptz(epoch_us(gap_start) + 1) AS gap_start"),
    "the start of a gap": setting("gap", "gap", "true", "gap_start = make_timestamptz(epoch_us(gap_start) - 1000000)"),
    "the end of a gap": setting("gap", "gap", "true", "gap_end = make_timestamptz(epoch_us(gap_end) + 1000000)"),
    "the date of a gap": setting("gap", "gap", "true", "session_date = session_date + 1"),
    "the segment of a gap": setting("gap", "gap", "true", "segment = segment + 1"),
    "bars of a gap": setting("gap", "gap", "true", "missing_count = missing_count + 1"),
    "bars there in a gap": setting("gap", "gap", "true", "incomplete_count = incomplete_count + 1"),
    "a quality": setting("quality", "interval_definition", "t.first_session IS NOT NULL", "quality_pct = 101"),
    "a sum of coverage": setting(
        "quality", "interval_definition", "t.first_session IS NOT NULL", "present_count = present_count - 1"
    ),
    "a first session": setting(
        "quality", "interval_definition", "t.first_session IS NOT NULL", "first_session = first_session - 1"
    ),
    "a count of bars": setting("bar_count", "interval_definition", "t.bar_count > 1", "bar_count = bar_count - 1"),
    "no count of bars": setting("bar_count", "interval_definition", "t.bar_count IS NOT NULL", "bar_count = NULL"),
    "a first bar": setting(
        "bar_count", "interval_definition", "t.first_bar IS NOT NULL",
        "first_bar = make_timestamptz(epoch_us(first_bar) - 1000000)",
    ),
    "a last bar": setting(
        "bar_count", "interval_definition", "t.last_bar IS NOT NULL",
        "last_bar = make_timestamptz(epoch_us(last_bar) + 1000000)",
    ),
    "a base that is not complete": setting(
        "watermark", "interval_definition", "NOT d.derived AND d.complete_through IS NOT NULL",
        "complete_through = make_timestamptz(epoch_us(complete_through) - 1000000)",
    ),
    "a length derived to before its last bar": setting(
        "watermark", "interval_definition", "d.derived AND d.derived_through IS NOT NULL",
        "derived_through = make_timestamptz(epoch_us(derived_through) - 1000000)",
    ),
    "a length derived to within a bucket": setting(
        "watermark", "interval_definition", "d.derived AND d.derived_through IS NOT NULL",
        "derived_through = make_timestamptz(epoch_us(derived_through) + 1000000)",
    ),
    "a bucket that closes later": setting(
        "watermark", "interval_definition", "d.derived AND d.next_close IS NOT NULL",
        "next_close = make_timestamptz(epoch_us(next_close) + 400 * 86400000000)",
    ),
}  # fmt: skip
