"""The kinds of input that somebody else may have made, each with sound ones, where it comes in, and what must hold."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import re
import shutil
import zipfile
from abc import abstractmethod
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

from barhouse import (
    BarhouseError,
    DataProcessor,
    SessionCoordinator,
    SessionStore,
    check_job,
    inspect_source,
    open_store,
    parse_events,
)
from barhouse.coordinator.cli.commands.calendar import _tables
from barhouse.coordinator.feeds.websocket_feed import MessageNumbers, WebSocketFeed
from barhouse.coordinator.live.config import LiveConfig
from barhouse.store.calendars.definition import CalendarDefinition
from barhouse.store.copies.export_manifest import Manifest
from tests.hostile.mutation import mutated

CORPUS = Path(__file__).with_name("corpus")
VENDORS = Path(__file__).parents[2] / "sample" / "vendors"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
_NUMBER = re.compile(r"[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_STATE = "SELECT (SELECT count(*) FROM batch), (SELECT count(*) FROM bar), (SELECT count(*) FROM rejected_bar)"


def corpus(*endings: str) -> list[bytes]:
    """The sound inputs with these endings."""
    return [path.read_bytes() for path in sorted(CORPUS.iterdir()) if path.suffix in endings]


def table() -> pa.Table:
    """A few bars."""
    stamps = [datetime(2024, 11, 26, 14, 30 + n // 2, tzinfo=UTC) for n in range(20)]
    prices = {
        name: [10.0 + n % 5 + more for n in range(20)]
        for name, more in zip(("open", "high", "low", "close"), (0, 1, -1, 0.5), strict=True)
    }
    return pa.table(
        {
            "symbol": ["SPY", "QQQ"] * 10,
            "bar_start": pa.array(stamps, pa.timestamp("us", "UTC")),
            **prices,
            "volume": [float(n) for n in range(20)],
        }
    )


@cache
def blank_store() -> bytes:
    """A store with symbols and no bars."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "blank.duckdb"
        with open_store(path, clock=lambda: NOW, settings={"threads": 1}) as store:
            coordinator = SessionCoordinator(store)
            coordinator.add_calendar("HOME", timezone="UTC", open="14:30", close="21:00", weekdays="tue")
            coordinator.register(["SPY", "QQQ"], ["1m", "5m", "1d"], "HOME")
        return path.read_bytes()


class Target(AbstractContextManager["Target"]):
    """Where a kind of input comes in.

    Attributes
    ----------
    sound
        Inputs that are taken.
    is_text
        Whether they are made of lines and values.
    proven_every
        After how many inputs what they left is proven.
    worth
        How many are tried in the time of one file.
    """

    sound: list[bytes]
    is_text: ClassVar[bool] = True
    proven_every: ClassVar[int] = 200
    worth: ClassVar[int] = 1
    endings: ClassVar[tuple[str, ...]] = ("input",)

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "inside"
        self.folder.mkdir(exist_ok=True)
        #: What lies beside, and belongs to somebody else.
        self._victim = folder / "victim"
        self._victim.write_text("mine")
        self._around = sorted(folder.iterdir())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def write(self, data: bytes, chance: random.Random) -> Path:
        """Write an input down."""
        place = self.folder / f"now.{chance.choice(self.endings)}"
        place.write_bytes(data)
        return place

    @abstractmethod
    def take(self, place: Path, chance: random.Random) -> None:
        """Take an input as a user's is taken."""

    def prove(self) -> None:
        """Hold what is there against what may be there."""
        assert self._victim.read_text() == "mine"
        assert sorted(self._victim.parent.iterdir()) == self._around, "something was written outside"


class Sources(Target):
    """Files of bars, loaded into a store."""

    endings = ("csv",)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.sound = self.sound_ones()
        self._path = self.folder / "bars.duckdb"
        self._open()

    def sound_ones(self) -> list[bytes]:
        return [data for data in corpus(".csv") if b"price" not in data]

    def _open(self) -> None:
        self._path.write_bytes(blank_store())
        self._store = open_store(self._path, clock=lambda: NOW, settings={"threads": 1})
        self._coordinator = SessionCoordinator(self._store)

    def __exit__(self, *given: Any) -> None:
        self._store.close()

    def take(self, place: Path, chance: random.Random) -> None:
        options = self.options(chance)
        if chance.random() < 0.2:
            inspect_source(place, chance.choice((None, "SPY")), chance.choice((None, "1m")), **options)
            return
        symbol = chance.choice((None, "SPY", "SPY"))
        before = self._state()
        try:
            report = self.load(place, symbol, options)
        except BarhouseError:
            assert self._state() == before, "refused, and something was written"
            raise
        assert report.rows == report.inserted + report.revised + report.unchanged + report.rejected
        written = self._store.sql(
            f"SELECT open, high, low, close, volume, vwap FROM bar WHERE batch_id = {report.batch_id}"
        ).to_pylist()
        self.hold(written, place)

    def load(self, place: Path, symbol: str | None, options: dict[str, Any]) -> Any:
        return self._coordinator.load(place, symbol, "1m", **options)

    def options(self, chance: random.Random) -> dict[str, Any]:
        """What a user says of the file."""
        some: dict[str, list[Any]] = {
            "timezone": ["UTC", "America/New_York"],
            "label": ["end"],
            "strict": [True],
            "replace": ["sessions"],
            "unknown": ["skip"],
            "sparse": [True],
        }
        return {"timezone": "UTC"} | {
            name: chance.choice(values) for name, values in some.items() if chance.random() < 0.15
        }

    def hold(self, written: list[dict[str, Any]], place: Path) -> None:
        """No bar has a value that the file has not."""
        known = self.values(place)
        for bar in written:
            assert bar["low"] <= min(bar["open"], bar["close"]) and max(bar["open"], bar["close"]) <= bar["high"], bar
            assert 0 <= bar["volume"] < float("inf"), bar
            if known is not None:
                made_up = {name: value for name, value in bar.items() if value is not None and value not in known}
                assert not made_up, f"{made_up} stand nowhere in the file"

    def values(self, place: Path) -> set[float] | None:
        """Every number that the text has, read by Python."""
        text = place.read_bytes().decode("utf-8", "replace")
        return {0.0} | {float(found.replace("_", "")) for found in _NUMBER.findall(text)}

    def _state(self) -> Any:
        return self._store.sql(_STATE).to_pylist()

    def prove(self) -> None:
        super().prove()
        report = self._store.verify()
        assert report.sound, str(report)
        self._store.close()
        self._open()


class Vendors(Sources):
    """Vendors' text files."""

    endings = ("csv", "txt")

    def sound_ones(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted(VENDORS.iterdir()) if path.suffix in (".csv", ".txt")]

    def options(self, chance: random.Random) -> dict[str, Any]:
        presets = ("polygon", "binance", "metatrader5", "kibot", "stooq", "databento", "yfinance", "histdata", "ibkr")
        said = {"preset": chance.choice(presets)} if chance.random() < 0.5 else {}
        return super().options(chance) | said

    def values(self, place: Path) -> set[float] | None:
        return None  # presets scale them


class Json(Sources):
    """JSON, of records, of lines, and keyed."""

    endings = ("json", "jsonl", "ndjson")

    def sound_ones(self) -> list[bytes]:
        return corpus(".json") + [path.read_bytes() for path in sorted(VENDORS.glob("*.json"))]

    def values(self, place: Path) -> set[float] | None:
        return None


class Parquet(Sources):
    """Parquet, written in several ways."""

    is_text = False
    endings = ("parquet",)

    def sound_ones(self) -> list[bytes]:
        found = []
        for options in (
            {"compression": "none"},
            {"compression": "zstd"},
            {"use_dictionary": False, "compression": "none"},
            {"data_page_version": "2.0"},
        ):
            sink = io.BytesIO()
            pq.write_table(table(), sink, row_group_size=7, **options)
            found.append(sink.getvalue())
        return found

    def values(self, place: Path) -> set[float] | None:
        return None


class Arrow(Parquet):
    """Arrow files and streams."""

    endings = ("arrow", "feather")

    def sound_ones(self) -> list[bytes]:
        found = []
        for compression in ("uncompressed", "lz4"):
            sink = io.BytesIO()
            feather.write_feather(table(), sink, compression=compression)
            found.append(sink.getvalue())
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, table().schema) as writer:
            writer.write_table(table())
        return [*found, sink.getvalue()]


class Packed(Parquet):
    """Text that is packed."""

    endings = ("csv.gz", "csv.bz2", "csv.xz", "zip", "csv.zst")

    def sound_ones(self) -> list[bytes]:
        texts = super(Parquet, self).sound_ones()
        sink = io.BytesIO()
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
            for number, text in enumerate(texts[:2]):
                archive.writestr(f"{number}.csv", text)
        return [gzip.compress(texts[0]), bz2.compress(texts[0]), lzma.compress(texts[0]), sink.getvalue()]


class Trades(Sources):
    """Files of trades, built into bars."""

    def sound_ones(self) -> list[bytes]:
        return [data for data in corpus(".csv") if b"price" in data]

    def options(self, chance: random.Random) -> dict[str, Any]:
        return {"timezone": "UTC"} | ({"whole": True} if chance.random() < 0.3 else {})

    def take(self, place: Path, chance: random.Random) -> None:
        before = self._state()
        try:
            self._coordinator.load_trades(place, chance.choice((None, "SPY", "SPY")), "1m", **self.options(chance))
        except BarhouseError:
            assert self._state() == before, "refused, and something was written"
            raise


class Messages(Target):
    """Messages of feeds."""

    worth = 100

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.sound = corpus(".message")
        self._counted = MessageNumbers(None)
        self._feed = WebSocketFeed("ws://localhost:1")

    def write(self, data: bytes, chance: random.Random) -> Path:
        self._data = data
        return self.folder / "not written"

    def take(self, place: Path, chance: random.Random) -> None:
        _, refused = parse_events(self._data)
        for one in refused:
            one.given.encode(), one.reason.encode()
        text = self._data.decode("utf-8", "replace")
        if '"error"' not in text:
            self._feed.understand(text, self._counted)


class Jobs(Target):
    """Job files."""

    worth = 20
    endings = ("toml",)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.sound = corpus(".job")

    def take(self, place: Path, chance: random.Random) -> None:
        LiveConfig.read(place) if chance.random() < 0.3 else check_job(place)


class Calendars(Target):
    """Calendars as TOML."""

    worth = 20
    endings = ("toml",)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.sound = corpus(".calendar")

    def take(self, place: Path, chance: random.Random) -> None:
        for name, hours in _tables(place).items():
            definition = CalendarDefinition.from_table(name, hours)
            assert CalendarDefinition.from_json(definition.to_json()) == definition
            list(definition.segments(date(2024, 11, 20), date(2025, 1, 10)))


class Manifests(Target):
    """Manifests of exports, which say what may be removed."""

    worth = 20
    endings = ("json",)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._store = open_store(":memory:", clock=lambda: NOW, settings={"threads": 1})
        coordinator = SessionCoordinator(self._store)
        coordinator.add_calendar("HOME", timezone="UTC", open="14:30", close="21:00")
        coordinator.register(["SPY", "QQQ"], ["1m"], "HOME")
        coordinator.load(table(), interval="1m")
        self._export = self.folder / "exported"
        self._store.export(self._export)
        (self._manifest,) = self.folder.rglob("manifest.json")
        self.sound = [self._manifest.read_bytes()]

    def __exit__(self, *given: Any) -> None:
        self._store.close()

    def take(self, place: Path, chance: random.Random) -> None:
        if chance.random() < 0.9:
            Manifest.read(place)
            return
        shutil.copy(place, self._manifest)
        try:
            self._store.export(self._export)
        finally:
            self._store.export(self.folder / "whole", full=True)

    def prove(self) -> None:
        super().prove()
        assert {path.name for path in self._export.rglob("*") if path.is_file()} <= {"bars.parquet"}


class Stores(Target):
    """Files of stores and their logs: damaged, cut, or another's."""

    is_text = False
    endings = ("duckdb",)
    proven_every = 1000

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._path = self.folder / "now.duckdb"
        self._log = self.folder / "now.duckdb.wal"
        #: What a store may hold when its log is lost, in part or whole.
        self._states: list[Any] = []
        self.sound, self._logs = [], []
        for volume in (1.0, 2.0):
            self._make(volume)
            self.sound.append(self._path.read_bytes())
            self._logs.append(self._log.read_bytes())
            self._path.unlink(), self._log.unlink()

    def _make(self, volume: float) -> None:
        """A store with a log of two commits that are not in its file, as a process that was killed leaves it."""
        rows = table().set_column(6, "volume", [[volume] * 20])
        with open_store(self._path, clock=lambda: NOW, settings={"threads": 1}) as store:
            coordinator = SessionCoordinator(store)
            coordinator.add_calendar("HOME", timezone="UTC", open="14:30", close="21:00", weekdays="tue")
            coordinator.register(["SPY", "QQQ"], ["1m", "5m"], "HOME")
            coordinator.load(rows.slice(0, 10), interval="1m")
        with open_store(self._path, clock=lambda: NOW, settings={"threads": 1}) as store:
            self._states.append(self._state(store))
            SessionCoordinator(store).load(rows.slice(10, 6), interval="1m")
            self._states.append(self._state(store))
            DataProcessor(store).process()
            self._states.append(self._state(store))
            kept = self._path.read_bytes(), self._log.read_bytes()
        self._path.write_bytes(kept[0])
        self._log.write_bytes(kept[1])

    @staticmethod
    def _state(store: SessionStore) -> Any:
        return store.sql("SELECT * EXCLUDE (batch_id) FROM bars ORDER BY ALL").to_pylist()

    def write(self, data: bytes | bytearray, chance: random.Random) -> Path:
        """A damaged file with a sound log, or a sound file with a damaged log, or that of another store, or none."""
        number = chance.randrange(len(self.sound))
        log = self._logs[number]
        match chance.randrange(4):
            case 0:
                log = mutated(chance, [log], is_text=False)
                data = self.sound[number]
            case 1:  # two stores that were never one file, which DuckDB tells apart
                log, data = chance.choice(self._logs), self.sound[number]
            case 2:
                log = b""
            case _:
                data = bytearray(self.sound[number])
                at = chance.randrange(len(data))
                length = chance.choice((1, 100, 4096, 65_536))
                data[at : at + length] = bytes(chance.randrange(256) for _ in data[at : at + length])
        self._path.write_bytes(data)
        self._log.unlink(missing_ok=True)
        if log:
            self._log.write_bytes(log)
        return self._path

    def take(self, place: Path, chance: random.Random) -> None:
        with open_store(place, clock=lambda: NOW, settings={"threads": 1}, read_only=chance.random() < 0.5) as store:
            report = store.verify()
            assert report.sound, str(report)
            assert self._state(store) in self._states, "it holds what no store held"


KINDS: dict[str, type[Target]] = {
    "csv": Sources,
    "vendors": Vendors,
    "json": Json,
    "parquet": Parquet,
    "arrow": Arrow,
    "packed": Packed,
    "trades": Trades,
    "messages": Messages,
    "jobs": Jobs,
    "calendars": Calendars,
    "manifests": Manifests,
    "stores": Stores,
}
