"""What analysts ask, through the views and by hand; and what the command line takes to answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from tests.benchmarks import data, ours, raw
from tests.benchmarks.bulk import RAW
from tests.benchmarks.harness import OURS, Contender, Row, Run, Sizes
from tests.benchmarks.prepare import copied, place

_PARTS = "open, high, low, close, volume"
_OF_SYMBOL = "JOIN symbol_map AS m USING (interval_id)"
_ROUNDS = 5


def _places(sizes: Sizes) -> dict[str, str]:
    day = data.history(sizes.sessions)[sizes.sessions // 2]
    return {"symbol": data.symbols(sizes.symbols)[sizes.symbols // 2], "day": f"{day.open:%Y-%m-%d}"}


def through_views(query: str) -> Contender:
    """Ask the store, once to warm up, then for the time."""

    def take(run: Run) -> None:
        text = query.format(**_places(run.sizes))
        with ours.opened(copied(run, "store")) as store:
            found = store.sql(text)
            with run.timed(_ROUNDS):
                for _ in range(_ROUNDS):
                    store.sql(text)
        run.digest(_total(found))

    return take


def by_hand(query: str) -> Contender:
    """Ask the tables made by hand."""

    def take(run: Run) -> None:
        text = query.format(**_places(run.sizes))
        with raw.connected(copied(run, "raw")) as connection:
            found = connection.sql(text).to_arrow_table()
            with run.timed(_ROUNDS):
                for _ in range(_ROUNDS):
                    connection.sql(text).to_arrow_table()
        run.digest(_total(found))

    return take


def _total(found: pa.Table) -> list[list[object]]:
    numbers = [name for name in found.column_names if pa.types.is_floating(found.schema.field(name).type)]
    assert found.num_rows and numbers
    return [["rows", found.num_rows, *(pc.sum(found[name]).as_py() for name in sorted(numbers))]]


def _query(name: str, title: str, through: str, hand: str) -> Row:
    return Row(
        f"ask-{name}",
        title,
        {OURS: through_views(through), RAW: by_hand(hand)},
        unit="ms",
        bounds={RAW: 1.5},
        needs=("store", "raw"),
    )


def command_line(*arguments: str, store_name: str | None = None) -> Contender:
    """Run the command, as a shell does."""

    def take(run: Run) -> None:
        place_of_store = [] if store_name is None else ["--store", str(place(run, store_name))]
        command = [str(Path(sys.executable).with_name("barhouse")), *place_of_store, *arguments]
        with run.timed():
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    return take


ROWS = (
    _query(
        "day-of-symbol",
        "query: minutes of one symbol on one day",
        f"SELECT bar_start, {_PARTS} FROM bars "
        "WHERE symbol = '{symbol}' AND interval = '1m' AND session_date = '{day}' ORDER BY bar_start",
        f"SELECT bar_start, {_PARTS} FROM bar {_OF_SYMBOL} "
        "WHERE m.symbol = '{symbol}' AND session_date = '{day}' ORDER BY bar_start",
    ),
    _query(
        "latest",
        "query: latest minute of every symbol",
        "SELECT symbol, max(bar_start) AS bar_start, arg_max(close, bar_start) AS close FROM bars "
        "WHERE interval = '1m' GROUP BY symbol",
        "SELECT m.symbol, max(bar_start) AS bar_start, arg_max(close, bar_start) AS close "
        f"FROM bar {_OF_SYMBOL} GROUP BY m.symbol",
    ),
    _query(
        "daily",
        "query: all daily bars of a year",
        f"SELECT symbol, session_date, {_PARTS} FROM bars "
        "WHERE interval = '1d' AND session_date BETWEEN '2024-01-01' AND '2024-12-31'",
        f"SELECT m.symbol, session_date, {_PARTS} FROM bar_1d {_OF_SYMBOL} "
        "WHERE session_date BETWEEN '2024-01-01' AND '2024-12-31'",
    ),
    _query(
        "one-day",
        "query: all minutes of one day",
        f"SELECT symbol, bar_start, {_PARTS} FROM bars WHERE interval = '1m' AND session_date = '{{day}}'",
        f"SELECT m.symbol, bar_start, {_PARTS} FROM bar {_OF_SYMBOL} WHERE session_date = '{{day}}'",
    ),
    Row("help", "barhouse --help", {OURS: command_line("--help")}, unit="ms", limit=300),
    Row(
        "status",
        "barhouse status",
        {OURS: command_line("status", store_name="store")},
        unit="ms",
        limit=1000,
        needs=("store",),
    ),
    Row(
        "status-long",
        "barhouse status on ten times the history",
        {OURS: command_line("status", store_name="store_long")},
        unit="ms",
        limit=1000,
        needs=("store_long",),
        long=True,
    ),
)
