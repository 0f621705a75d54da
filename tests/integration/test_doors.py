"""Every date, name and list, at every door: an answer or ``InputError``, and nothing written where it is refused."""

from __future__ import annotations

import asyncio
import copy
import inspect
import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import FunctionType
from typing import Any, get_origin

import click
import pyarrow.csv
import pytest
from door_kit import (
    DATES,
    INSTANTS,
    LISTS,
    NAMES,
    RIGHT,
    SQL,
    WRONG,
    Outcome,
    Shelf,
    is_tried,
    make_store,
    right_for,
    some_bars,
    some_trades,
)
from live_kit import Scripted
from pydantic import BaseModel
from test_cli import COMMANDS, RUNNER

import barhouse
from barhouse import (
    Backtest,
    DataProcessor,
    Feed,
    InputError,
    JobConfig,
    LiveSession,
    LoadOptions,
    Offer,
    SourceBars,
    run_job,
)
from barhouse.coordinator.cli.errors import ExitCode
from barhouse.coordinator.cli.main import cli
from barhouse.coordinator.live.config import LiveConfig
from barhouse.store.model.mistakes import models_in
from barhouse.store.serving.tokens import add_token

# ------------------------------------------------------------------------------------------------------------ Python

#: Public names that nobody types something into, each with why.
NO_DOORS = {
    **dict.fromkeys(("BarWriter", "ExportFormat", "Feed", "History"), "what packages implement"),
    **dict.fromkeys(("BarEvent", "TradeEvent", "CancelEvent"), "messages of feeds, which parse_events reads"),
    **dict.fromkeys(("Delivery", "FeedAddress", "FileToLoad", "Offer", "Refused"), "what feeds and sessions hand over"),
    **dict.fromkeys(("BarChart", "Gap", "InspectedBar", "Inspection", "JobReport", "StreamDetermination"), "answers"),
    **dict.fromkeys(
        ("Lake", "clean_cluster", "compact_lake", "edit_shards", "open_lake", "split_shard", "verify_cluster"),
        "of lakes, which DuckDB 1.5 alone opens; tests/cluster has them",
    ),
    **dict.fromkeys(("JobConfig", "LiveOptions"), "tables of a job file, tried as such below"),
}
#: Classes that are made by a method, of parts that have their types.
MADE_BY_METHODS = {"CalendarDefinition", "Interval"}
#: What a call is given beside the parameter that is tried; what it must have is given by its name.
BESIDE: dict[str, dict[str, Any]] = {
    "Backtest.of_source": {"calendar": "24/7"},
    "FolderFeed": {"interval": "1m"},
    "SessionCoordinator.delete_bars": {"start": "2024-11-27"},
    "SessionCoordinator.load": {"interval": "1m", "timezone": "UTC"},
    "SessionCoordinator.load_actions": {"columns": {"ratio": "close"}},
    "SessionCoordinator.load_trades": {"interval": "1m", "timezone": "UTC", "data": some_trades()},
    "SessionCoordinator.purge_bars": {"interval": "1m", "before": "2024-11-27"},
    "SessionCoordinator.refresh_calendar": {"apply": False},
    "LiveSession.add_interval": {"interval": "5m"},
    "SessionStore.export": {"full": True},
    "SourceBars": {"interval": "1m"},
    "inspect_source": {"timezone": "UTC"},
    "open_feed": {"interval": "1m"},
}


def doors() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Everything public that can be called, by its name: functions, classes, and their methods."""
    for name in sorted(set(barhouse.__all__) - NO_DOORS.keys()):
        found = getattr(barhouse, name)
        if not inspect.isclass(found):
            yield name, found
        elif not issubclass(found, BaseException):
            if name not in MADE_BY_METHODS:
                yield name, found
            for method in sorted(dir(found)):
                part = getattr(found, method)
                ours = str(getattr(part, "__module__", "")).startswith("barhouse")
                is_feeds = hasattr(Feed, method) and hasattr(found, "deliveries")  # a session's, not a caller's
                if callable(part) and ours and not method.startswith("_") and not is_feeds:
                    yield f"{name}.{method}", part


DOORS = dict(doors())


def parameters_of(door: str) -> dict[str, inspect.Parameter]:
    given = inspect.signature(DOORS[door]).parameters
    return {
        name: one
        for name, one in given.items()
        if name != "self" and one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
    }


def in_python(shelf: Shelf, door: str, given: dict[str, Any]) -> str | None:
    """Call it to the end; returns in what words it was refused."""
    objects = {
        "store": shelf.bench.store,
        "feed": Scripted(),
        "data": some_bars(),
        "source": SourceBars(some_bars(), "SPY", "1m", LoadOptions(timezone="UTC")),
        "folder": shelf.folder / ("inbox" if door == "FolderFeed" else "out"),
        "target": shelf.folder / "copy.duckdb",
        "path": shelf.folder / "other.duckdb",
        "address": str(shelf.folder / "inbox"),
        "url": "ws://localhost",
        "stream": "bars",
        "table": RIGHT["calendars"]["FX"],
    }
    needed = [name for name, one in parameters_of(door).items() if one.default is one.empty]
    arguments = (
        {name: objects[name] if name in objects else right_for(door, name) for name in needed}
        | BESIDE.get(door, {})
        | given
    )
    owner, _, method = door.partition(".")

    def call() -> None:
        if owner == "LiveSession" and method:
            done_in_session(shelf, lambda session: getattr(session, method)(**arguments))
            return
        if isinstance(inspect.getattr_static(getattr(barhouse, owner), method, None), FunctionType):
            answer = getattr(made(shelf, owner), method)(**arguments)
        else:
            answer = DOORS[door](**arguments)
        if isinstance(answer, AbstractContextManager):
            with answer:
                pass

    return refusal_of(call)


def refusal_of(call: Callable[[], Any]) -> str | None:
    """Call; returns in what words it was refused."""
    try:
        call()
    except InputError as error:
        return str(error)
    return None


def made(shelf: Shelf, owner: str) -> Any:
    store = shelf.bench.store
    make: dict[str, Callable[[], Any]] = {
        "SessionStore": lambda: store,
        "SessionCoordinator": lambda: shelf.bench.coordinator,
        "DataProcessor": lambda: DataProcessor(store),
        "Backtest": lambda: Backtest(store, "SPY"),
        "LoadOptions": LoadOptions,
    }
    return make[owner]()


def done_in_session(shelf: Shelf, do: Callable[[LiveSession], Any]) -> None:
    """Do something in the middle of a live session, and end it."""
    feed = Scripted(lambda: do(session), offer=Offer(intervals=("1m",)))
    session = LiveSession(shelf.bench.store, feed, "SPY", name="live")
    asyncio.run(session.run())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small store. Only copied."""
    path = tmp_path_factory.mktemp("whole") / "bars.duckdb"
    make_store(path)
    return path


@pytest.fixture(scope="module")
def shelf(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    made = Shelf(whole, tmp_path_factory.mktemp("python"))
    (made.folder / "inbox").mkdir()
    shutil.copy(whole, made.folder / "other.duckdb")
    yield made
    made.close()


TRIED_IN_PYTHON = [(door, name) for door in DOORS for name in parameters_of(door) if is_tried(name)]


@pytest.mark.filterwarnings("ignore:intervals= is called feed_intervals= now:DeprecationWarning")
@pytest.mark.parametrize(("door", "name"), TRIED_IN_PYTHON)
def test_python(shelf: Shelf, door: str, name: str) -> None:
    check(door, name, lambda value: shelf.try_out(lambda: in_python(shelf, door, {name: value})))


def check(door: str, name: str, tried: Callable[[Any], Outcome]) -> None:
    """Try a parameter with every kind of value; ``tried`` gives it to a door."""
    value = right_for(door, name)
    right = tried(value)
    assert right.refused is None, right.refused
    tried(None)
    for text in (WRONG, SQL):
        found = tried(text)
        assert found.refused or name not in DATES | INSTANTS, f"{text!r} was taken for a date or an instant"
    if name in LISTS:
        text, listed = tried(value[0]), right if len(value) == 1 else tried(value[:1])
        is_one = text.refused == listed.refused and text.row_counts == listed.row_counts
        assert is_one or "a list" in str(text.refused), "a text is one, or refused; never its letters"


# ------------------------------------------------------------------------------------------------------ command line

#: What a command is given beside what it must have.
ALSO: dict[str, list[str]] = {
    "calendar add": ["FX", "--timezone", "UTC", "--open", "09:00", "--close", "17:00"],
    "calendar refresh": ["--dry-run"],
    "calendar set": ["--open", "09:30", "--close", "16:00"],
    "delete": ["--start", "2024-11-27"],
    "export": ["--full"],
    "inspect": ["--timezone", "UTC"],
    "live": ["--once", "--interval", "1m", "--symbols", "SPY", "--timezone", "UTC"],
    "load": ["--timezone", "UTC", "--interval", "1m"],
    "load-actions": ["--column", "ratio=close"],
    "load-trades": ["--timezone", "UTC", "--interval", "1m", "--column", "price=close"],
    "purge": ["--interval", "1m"],
    "register": ["--intervals", "5m"],
}
#: What a command must have in one of several ways; this one is tried.
NEEDED = {"calendar set": ("name", "session_date")}
#: Exit codes that say what became of a command; of these the first alone is an answer.
CLEAN = (ExitCode.OK, ExitCode.REJECTS, ExitCode.USAGE, ExitCode.BAD_INPUT)
TRIED_AS_TYPED = [
    (door, one.name)
    for door, command in COMMANDS.items()
    if not door.startswith("cluster ")  # of lakes, see NO_DOORS
    for one in command.params
    if is_tried(one.name)
]


def typed(given: Any) -> str:
    """A value as somebody types it; nothing at all is an empty text."""
    if isinstance(given, dict):
        return ",".join(f"{key}={value}" for key, value in given.items())
    return "" if given is None else ",".join(given) if isinstance(given, list) else str(given)


def tokens_anew(shelf: Shelf, name: str | None) -> Path:
    """A file of tokens as each command finds it: with the token of that name alone, or not there."""
    file = shelf.folder / "tokens.toml"
    file.unlink(missing_ok=True)
    if name is not None:
        add_token(file, name)
    return file


def as_typed(shelf: Shelf, door: str, name: str, given: Any) -> str | None:
    """Run a command; returns what it said when it refused."""
    command = COMMANDS[door]
    places = {"folder": "out", "paths": "bars.csv", "target": "copy.duckdb"}
    needed: dict[str, object] = {part: shelf.folder / place for part, place in places.items()} | {"query": "FROM bars"}
    options, arguments = ["--yes"] if any(one.name == "yes" for one in command.params) else [], []
    also = list(ALSO.get(door, []))
    if name == "name" and "FX" in also:
        also.remove("FX")
    for one in command.params:
        assert one.name
        is_needed = one.required or one.name in NEEDED.get(door, ())
        if one.name == name or (is_needed and one.opts[-1] not in also):
            text = typed(given if one.name == name else needed.get(one.name) or right_for(door, one.name))
            if isinstance(one, click.Option):
                options += [one.opts[-1], text]
            else:
                arguments.append(text)
    if door == "live":
        also = [*also, "--feed", str(shelf.folder / "inbox")]
    if door.startswith("token"):
        also = [*also, "--file", str(tokens_anew(shelf, None if door == "token add" else NAMES["name"]))]
    line = ["--store", str(shelf.path), *door.split(), *also, *options, "--", *arguments]
    done = RUNNER.invoke(cli, line, prog_name="barhouse")
    assert done.exit_code in CLEAN and "unexpected error" not in done.stderr, (line, done.output, done.stderr)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    if done.exit_code in CLEAN[:2]:
        return None
    assert done.stderr.strip(), "it says why"
    return done.stderr


@pytest.fixture(scope="module")
def counter(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """A store that only commands open, with a file beside it."""
    made = Shelf(whole, tmp_path_factory.mktemp("typed"))
    (made.folder / "inbox").mkdir()
    pyarrow.csv.write_csv(some_bars(), made.folder / "bars.csv")
    return made


@pytest.mark.parametrize(("door", "name"), TRIED_AS_TYPED)
def test_command_line(counter: Shelf, door: str, name: str) -> None:
    check(door, name, lambda value: counter.try_out(lambda: as_typed(counter, door, name, value)))


# ---------------------------------------------------------------------------------------------------------- job file

#: A job with every table, and a table [live]; run in the folder of the store that is tried.
JOB: dict[str, Any] = {
    "symbols": [{"names": ["SPY"], "intervals": ["5m"], "calendar": "XNYS"}],
    "sources": [{"files": ["inbox/*.csv"], "interval": "1m", "timezone": "UTC"}],
    "process": {"verify": False},
    "thresholds": {},
}
#: Made by a job where they are tried alone: it takes its time.
COPIES = ("publish", "export")
NUMBERS = itertools.count()
LIVE: dict[str, Any] = {"feed": "inbox", "symbols": ["SPY"], "interval": "1m", "once": True, "options": {}}


def keys_of(model: type[BaseModel], *place: str | int) -> Iterator[tuple[str | int, ...]]:
    """The keys of a table and of those in it, by the way that leads to them; of tables in a list the first."""
    for name, field in model.model_fields.items():
        inner = next(models_in(field.annotation), None)
        if inner is None:
            yield (*place, name)
        else:
            listed = get_origin(field.annotation) is list
            yield from keys_of(inner, *place, name, *([0] if listed else []))


def tried_keys(model: type[BaseModel]) -> list[tuple[str | int, ...]]:
    return [place for place in keys_of(model) if is_tried(str(place[-1]))]


def with_key(table: dict[str, Any], place: tuple[str | int, ...], given: Any) -> dict[str, Any]:
    changed = copy.deepcopy(table)
    inner: Any = changed
    for part in place[:-1]:
        inner = inner[part]
    inner[place[-1]] = given
    return changed


@pytest.fixture
def desk(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """The store, where jobs are run beside a file of bars."""
    monkeypatch.chdir(shelf.folder)
    pyarrow.csv.write_csv(some_bars(), "inbox/bars.csv")
    return shelf


@pytest.mark.parametrize("place", tried_keys(JobConfig), ids=lambda place: ".".join(map(str, place)))
def test_job_file(desk: Shelf, place: tuple[str | int, ...]) -> None:
    def tried(value: Any) -> Outcome:
        copies = {one: {"path": f"copy_{next(NUMBERS)}"} for one in COPIES if one in place}
        job = with_key(JOB | copies, place, value)
        return desk.try_out(lambda: refusal_of(lambda: run_job(job, store=desk.bench.store)))

    check("run_job", str(place[-1]), tried)


@pytest.mark.parametrize("place", tried_keys(LiveConfig), ids=lambda place: ".".join(map(str, place)))
def test_live_table(desk: Shelf, place: tuple[str | int, ...]) -> None:
    def tried(value: Any) -> Outcome:
        table = with_key(LIVE, place, value)
        return desk.try_out(lambda: refusal_of(lambda: LiveConfig.of("[live]", table).session(desk.bench.store)))

    check("LiveConfig", str(place[-1]), tried)
