"""What the tests of every door share: which parameters are dates, names and lists, what to give, and a store for it.

A name means one thing at every door, so that one table does for Python, the command line and job files. A parameter
that is new belongs into one of the tables below; until it does, the tests of its door fail.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from load_kit import TABLES, Bench, lines, make_template, minutes

#: What is no date, no interval, no symbol that is registered, no calendar; and what must never become SQL.
WRONG = "no such thing"
SQL = "'; DROP TABLE bar; --"

# ------------------------------------------------------------------------------------------- each parameter, by name

#: Sessions by their dates; nothing else is understood.
DATES: dict[str, Any] = {
    "start": "2024-11-26",
    "end": "2024-11-27",
    "before": "2024-11-27T00:00:00Z",
    "history_from": "2024-11-26",
    "session_date": "2024-11-27",
    "ex_date": "2024-11-27",
    "effective": "2024-11-27",
    "day": "2024-11-27",
    "date": "2024-11-27",
    "holidays": ["2024-12-25", "2025-01-01"],
}
INSTANTS: dict[str, Any] = {
    "as_of": "2026-01-02T00:00:00Z",
    "now": "2026-01-02T00:00:00Z",
    "resume_after": "2024-11-26T14:35:00Z",
}
#: Names of one thing, and of one choice among several.
NAMES: dict[str, Any] = {
    "symbol": "SPY",
    "interval": "1m",
    "calendar": "XNYS",
    "base": "1m",
    "base_interval": "1m",
    "given": "1m",  # of Interval.parse
    "name": "FX",
    "old": "SPY",
    "new": "FX",
    "added_by": "somebody",
    "timezone": "America/New_York",
    "open": "09:30",
    "close": "16:00",
    "opened": "09:30",
    "closed": "16:00",
    "weekdays": "mon-fri",
    "week_starts": "sun",
    "format": "parquet",
    "form": "csv",
    "mode": "0444",
    "every": "6h",
    "publish_mode": "0444",
    "closing_bar": "outside",
    "on_missing": "skip",
    "unknown": "skip",
    "preset": "alpaca",
    "file_format": "csv",
    "label": "start",
    "timestamp_format": "%Y-%m-%d %H:%M:%S",
    "volume_column": "volume",
    "kind": "split",
    "adjust": "all",
    "fill": "previous",
    "currency": "USD",
    "date_format": "%m/%d/%Y",
    "ambiguous": "first",
    "replace": "sessions",
    "vendor": "polygon",
    "conflicts": "report",
    "decimal": ",",
    "encoding": "utf-8",
    "delimiter": ",",
    "thousands": ",",
    "wide": "close",
    "roll": "volume",
    "adjustment": "ratio",
}
#: Several of something; one text is as good as a list of one.
LISTS: dict[str, Any] = {
    "symbols": ["SPY"],
    "names": ["SPY"],
    "intervals": ["5m"],
    "derived_intervals": ["5m"],
    "feed_intervals": ["1m"],
    "available": ["1m"],
    "requested": ["5m"],
    "header": ["symbol", "timestamp", "open", "high", "low", "close", "volume", "trade_count", "vwap"],
    "files": ["inbox/*.csv"],
    "members": ["*.csv"],
    "break_": ["12:00-13:00"],
}
#: Tables of names.
TABLES_OF_NAMES: dict[str, Any] = {
    "policy": {"1m": "90d"},
    "retention": {"1m": "90y"},
    "early_closes": {"2024-12-24": "13:00"},
    "late_opens": {"2024-12-27": "10:30"},
    "hours": {"fri": {"open": "09:30", "close": "12:00"}},
    "sessions": {"2024-12-25": {"open": "10:00", "close": "12:00"}},
    "columns": {"volume": "volume"},
    "settings": {"threads": 1},
    "contracts": {"SPY": "2024-11-27"},
    "calendars": {"FX": {"timezone": "UTC", "open": "09:00", "close": "17:00"}},
}
#: What is none of these, each with what it is instead.
OTHER: dict[str, str] = {
    name: what
    for what, names in {
        "a flag": """rewind purge apply live full anew check restart record in_transaction read_only accept_lost_history
            force strict sparse whole once as_json no_volume then_process watch show_all dry_run repair no_check
            revisions yes verify complete case_sensitive sealed reads_files known move as_map follow behind_proxy
            reset no_session
            divided_by_splits reuse_names remove""",
        "a number": """keep n warm_up speed record_every batch_rows chunk_symbols grace skip_rows run_id every_seconds
            close_run metrics_port max_outside_pct grace_seconds max_rejected max_gaps max_missing min_quality_pct
            max_behind settle_seconds poll_seconds claim_seconds entries_at_once flush_seconds flush_rows backlog_rows
            batch_id heartbeat_seconds trades_kept_seconds gap_fill_seconds gap_fill_days asks_at_once
            reconnect_seconds reconnect_seconds_max publish_seconds publish_keep price_scale volume_scale
            max_rows max_seconds priority tolerance rows workers sessions_before older_than_hours""",
        "a place, or what is there": """folder target path paths backup backup_file output job report_file source
            publish serve export store data feed address url metrics_host published flight tls_cert
            tls_key tokens""",
        "an object, whose parts have doors of their own": """progress clock error subscriber history options database
            definition symbol_data running parameters position problem config other table sources process
            thresholds changes counted derived quality gaps updated bars frames""",
        "a text in a language of its own": "query text message max_memory reason listen host memory timeout expires",
        "a date already, of a calendar's own code": "first",
        "of clusters, tried where lakes can be opened": """shard shards at lake change stores engine bars_per_shard
            scratch patience_seconds""",
        "how many bars; of a calendar's own code, a date already": "last",
        "a name of Redis or HTTP, which the store never sees": "stream group consumer headers",
    }.items()
    for name in names.split()
}

RIGHT: dict[str, Any] = DATES | INSTANTS | NAMES | LISTS | TABLES_OF_NAMES


def is_tried(name: str) -> bool:
    """Whether a parameter is a date, a name or a list; one that nobody classified is an error."""
    assert (name in RIGHT) != (name in OTHER), f"{name} is not classified, or twice; say in door_kit.py what it is"
    return name in RIGHT


#: What asks for a calendar that is there.
_OF_A_CALENDAR = ("SessionCoordinator.refresh_calendar", "SessionCoordinator.correct_calendar")
#: Where a name means something else than elsewhere: columns are chosen there, and renamed when files are loaded.
_AT_DOORS: dict[tuple[str, str], Any] = {
    ("SessionStore.bars", "columns"): ["close"],
    ("SessionStore.frame", "columns"): ["close"],
    ("bars", "columns"): ["close"],
    ("SessionCoordinator.declare_columns", "columns"): {"open_interest": "last"},
    ("SessionCoordinator.drop_columns", "columns"): ["open_interest"],
    ("declare", "columns"): {"open_interest": "last"},
    ("drop-columns", "columns"): ["open_interest"],
    ("SessionStore.frame", "kind"): "polars",
    ("SessionCoordinator.define_future", "symbol"): "CL",
    ("future define", "symbol"): "CL",
    ("SessionCoordinator.remove_future", "symbol"): "ES",
    ("future remove", "symbol"): "ES",
    ("SessionStore.rolls", "symbols"): ["ES"],
    ("future rolls", "symbols"): ["ES"],
    ("load-actions", "columns"): {"amount": "open"},  # an action has other parts than a bar
    ("load-actions", "date_format"): "%Y-%m-%d %H:%M:%S",  # as the file has them
}


def right_for(door: str, name: str) -> Any:
    """A value that is right for a parameter at a door: a calendar that is there, where one is asked for."""
    asks_for_one = name == "name" and door in (*_OF_A_CALENDAR, *SHOWN)
    return "XNYS" if asks_for_one else _AT_DOORS.get((door, name), RIGHT[name])


#: Commands that are given the name of a calendar.
SHOWN = ("calendar show", "calendar refresh", "calendar set")


# --------------------------------------------------------------------------------------------------------- the store


def make_store(path: Path) -> None:
    """SPY with a few minutes of two sessions, derived; QQQ, with a column, and AUCTION without bars; ES over QQQ."""
    make_template(path)
    bench = Bench(path, path.parent)
    for day in ("2024-11-26", "2024-11-27"):
        bench.load_lines(*lines(minutes(f"{day} 14:30", f"{day} 14:40")), timezone="UTC")
    bench.process()
    bench.coordinator.define_future("ES", ["QQQ"])
    bench.coordinator.declare_columns({"open_interest": "last"}, "QQQ")
    bench.store.close()


#: Everything kept, as one row for each table: how many rows, and which. Of sessions, which batch came last.
DIGEST = " UNION ALL ".join(
    [
        f"SELECT '{table}' AS name, count(*) AS row_count, bit_xor(hash(one)) AS rows FROM {table} one"
        for table in TABLES
    ]
    + ["SELECT 'trading_session', count(*), max(batch_id) FROM trading_session"]
)


@dataclass(frozen=True)
class Outcome:
    """What became of a call: in what words it was refused, or None; and what the store holds after it."""

    refused: str | None
    state: list[tuple[Any, ...]]

    @property
    def row_counts(self) -> dict[str, int]:
        """How many rows each table has."""
        return {name: count for name, count, _ in self.state}


class Shelf:
    """A copy of a store that is tried; after a call that changed it, another one."""

    def __init__(self, template: Path, folder: Path) -> None:
        self._template = template
        self.folder = folder
        self.path = folder / "bars.duckdb"
        self._bench: Bench | None = None
        self.untouched = self._digest_of(template)
        self._renew()

    @property
    def bench(self) -> Bench:
        """The copy, open."""
        if self._bench is None:
            self._bench = Bench(self.path, self.folder)
        return self._bench

    def try_out(self, call: Callable[[], str | None]) -> Outcome:
        """Call, and look what it left; it says in what words it was refused. What is refused leaves nothing."""
        found = Outcome(call(), self._digest())
        if found.state != self.untouched:
            assert found.refused is None, f"it was written to although it was refused: {found.refused}"
            self._renew()
        return found

    def close(self) -> None:
        if self._bench is not None:
            self._bench.store.close()
            self._bench = None

    def _renew(self) -> None:
        self.close()
        shutil.copy(self._template, self.path)

    def _digest(self) -> list[tuple[Any, ...]]:
        if self._bench is None:
            return self._digest_of(self.path)
        return [tuple(row.values()) for row in self._bench.ask(DIGEST)]

    @staticmethod
    def _digest_of(path: Path) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(path), read_only=True) as connection:
            return connection.sql(DIGEST).fetchall()


def some_trades() -> pa.Table:
    """Trades that make two of these minutes."""
    stamps = [stamp for stamp in minutes("2024-11-26 15:00:00", "2024-11-26 15:02:00") for _ in range(2)]
    return pa.table({"symbol": ["SPY"] * 4, "timestamp": stamps, "price": [10.0] * 4, "volume": [1.0] * 4})


def some_bars() -> pa.Table:
    """Five minutes of SPY that the store does not have, as a frame."""
    stamps = minutes("2024-11-26 15:00:00", "2024-11-26 15:05:00")
    prices = {name: [10.0] * len(stamps) for name in ("open", "high", "low", "close", "volume")}
    return pa.table({"symbol": ["SPY"] * 5, "timestamp": stamps, **prices, "trade_count": [1] * 5, "vwap": [10.0] * 5})
