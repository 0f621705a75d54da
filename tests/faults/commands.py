"""Every command that writes, with a folder to try it in: a store, files to load, copies, a feed, an export, a job."""

from __future__ import annotations

import lzma
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from barhouse import DataProcessor, SessionCoordinator, open_store

_OLD_STORE = Path(__file__).parents[1] / "migration" / "stores" / "0003.duckdb"
_HEADER = "symbol,timestamp,open,high,low,close,volume"
_JOB = """
name = "nightly"
store = "bars.duckdb"

[[symbols]]
names = ["SPY", "NEW"]
intervals = ["1m", "5m", "1h", "1d"]
calendar = "HOME"

[[sources]]
files = "inbox/*.csv"
timezone = "UTC"

[publish]
path = "published.duckdb"

[export]
path = "exported"
"""


@dataclass(frozen=True)
class Attempt:
    """A command line, and what it is held to.

    Attributes
    ----------
    arguments
        What follows ``barhouse --store bars.duckdb``; places are those of the folder that it runs in.
    store
        The store that it works on.
    whole
        Whether it is one transaction: the store is as before or as after it. Of others the bars are, once the command
        was given again.
    once
        Whether it is refused once it was done.
    is_sound
        Whether the store verifies before it.
    prepare
        What is done to the folder first.
    """

    arguments: str
    store: str = "bars.duckdb"
    whole: bool = True
    once: bool = False
    is_sound: bool = True
    prepare: Callable[[], object] | None = None


def _damage() -> None:
    """Give derived bars values that no command gives them."""
    with duckdb.connect("bars.duckdb") as connection:
        connection.execute(
            "UPDATE bar SET close = low WHERE interval_id IN"
            " (SELECT interval_id FROM interval_definition WHERE interval = '1h')"
        )


def _process() -> None:
    """Derive what waits, before which nothing is given up."""
    with open_store("bars.duckdb") as store:
        DataProcessor(store).process()


def _pack() -> None:
    """Pack a file so that it has to be unpacked to be read."""
    Path("more.csv.xz").write_bytes(lzma.compress(Path("more.csv").read_bytes()))


ATTEMPTS: dict[str, Attempt] = {
    "init": Attempt("init", store="new.duckdb"),
    "init, of an older schema": Attempt("init", store="old.duckdb"),
    "init, a job file": Attempt("init --job written.toml", once=True),
    "register": Attempt("register IWM QQQ --intervals 1m,5m,1d --calendar HOME"),
    "register, to another calendar": Attempt("register EUR --calendar OTHER --move --yes"),
    "load": Attempt("load more.csv --interval 1m --timezone UTC"),
    "load, packed": Attempt("load more.csv.xz --interval 1m --timezone UTC", prepare=_pack),
    "load, and process": Attempt("load more.csv --interval 1m --timezone UTC --process", whole=False),
    "load-trades": Attempt("load-trades trades.csv --interval 1m --symbol SPY"),
    "process": Attempt("process"),
    "end-session": Attempt("end-session 2024-11-27"),
    "run": Attempt("run job.toml --report report.json", whole=False),
    "live": Attempt("live --feed feed --interval 1m --symbols SPY --timezone UTC --once", whole=False),
    "backtest": Attempt("backtest SPY --intervals 1m,5m --name replay -o replay.csv", whole=False),
    "verify, with repair": Attempt("verify --repair", is_sound=False, prepare=_damage),
    "calendar add": Attempt(
        "calendar add FX --weekdays tue,wed,fri --timezone UTC --open 09:00 --close 16:00 --holiday 2024-11-26 --yes"
    ),
    "calendar set": Attempt("calendar set HOME 2024-11-29 --no-session --yes"),
    "publish": Attempt("publish published.duckdb --keep 2"),
    "publish, a first one": Attempt("publish first.duckdb"),
    "backup": Attempt("backup backup.duckdb"),
    "restore": Attempt("restore backup.duckdb --force"),
    "restore, where there is none": Attempt("restore backup.duckdb", store="none.duckdb"),
    "compact": Attempt("compact"),
    "export": Attempt("export exported"),
    "export, a first one": Attempt("export first --format csv --intervals 1d,1h"),
    "revert": Attempt("revert 7 --yes", once=True),
    "delete": Attempt("delete SPY --interval 1m --start 2024-11-26T14:40Z --end 2024-11-26T14:50Z --yes"),
    "retain": Attempt("retain 1m=1d --yes", whole=False, prepare=_process),
    "purge": Attempt("purge SPY --interval 1m --before 2024-11-27 --yes", prepare=_process),
    "purge, of revisions": Attempt("purge --revisions --before {now} --yes"),
    "remove": Attempt("remove SPY --yes", once=True),
    "remove, with its history": Attempt("remove SPY --purge --yes", once=True),
    "sql, into a file": Attempt("sql --output answer.parquet --format parquet 'FROM bars'"),
}


def rows(symbol: str, start: datetime, count: int, price: float) -> list[str]:
    """Minutes of a symbol."""
    stamps = (start + timedelta(minutes=number) for number in range(count))
    return [f"{symbol},{stamp:%Y-%m-%d %H:%M:%S},{price},{price + 1},{price - 1},{price},10" for stamp in stamps]


def _at(day: int, hour: int, minute: int) -> datetime:
    return datetime(2024, 11, day, hour, minute, tzinfo=UTC)


def make(folder: Path) -> None:
    """Make the folder that every command is tried in."""
    os.chdir(folder)
    for name in ("inbox", "feed"):
        Path(name).mkdir()
    write(
        "first.csv",
        rows("SPY", _at(22, 14, 30), 20, 9)
        + rows("SPY", _at(26, 14, 30), 40, 10)
        + rows("SPY", _at(27, 14, 30), 40, 11),
    )
    write("euro.csv", rows("EUR", _at(26, 10, 0), 40, 1))
    write("right.csv", rows("SPY", _at(26, 14, 35), 10, 12))
    write("more.csv", rows("SPY", _at(26, 14, 50), 30, 13) + rows("SPY", _at(29, 14, 30), 30, 14))
    write("inbox/a.csv", rows("SPY", _at(27, 15, 0), 30, 15) + rows("NEW", _at(27, 15, 0), 30, 16))
    write("inbox/b.csv", rows("NEW", _at(29, 15, 0), 30, 17))
    write("feed/a.csv", rows("SPY", _at(27, 15, 10), 20, 18))
    write("feed/b.csv", rows("SPY", _at(29, 15, 10), 20, 19))
    trades = (f"{stamp:%Y-%m-%dT%H:%M:%SZ},{10 + n % 3},1,{n}" for n, stamp in enumerate(_seconds(_at(27, 16, 0), 300)))
    Path("trades.csv").write_text("\n".join(["timestamp,price,size,id", *trades]) + "\n")
    Path("job.toml").write_text(_JOB)
    Path("old.duckdb").write_bytes(_OLD_STORE.read_bytes())
    with open_store("bars.duckdb") as store:
        coordinator, processor = SessionCoordinator(store), DataProcessor(store)
        days = {"weekdays": "tue,wed,fri", "timezone": "UTC"}
        coordinator.add_calendar("HOME", open="14:30", close="21:00", **days)
        coordinator.register("SPY", ["1m", "5m", "1h", "1d"], "HOME")
        coordinator.add_calendar("FX", open="09:00", close="17:00", **days)
        coordinator.add_calendar("OTHER", open="08:00", close="17:00", **days)
        coordinator.register("EUR", ["1m", "1h", "1d"], "FX")
        coordinator.load("first.csv", interval="1m", timezone="UTC")
        coordinator.load("euro.csv", interval="1m", timezone="UTC")
        processor.process()
        for copy in (store.publish, store.backup):
            copy(f"{copy.__name__}ed.duckdb".replace("backuped", "backup"))
        store.export("exported")
        coordinator.load("right.csv", interval="1m", timezone="UTC")


def write(name: str, lines: list[str]) -> None:
    """A text file of bars."""
    Path(name).write_text("\n".join([_HEADER, *lines]) + "\n")


def _seconds(start: datetime, count: int) -> list[datetime]:
    return [start + timedelta(seconds=number) for number in range(count)]


if __name__ == "__main__":
    make(Path(sys.argv[1]))
