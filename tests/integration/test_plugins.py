"""Feeds, presets and export formats of other packages: found by name, and no danger to the rest when broken."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from inspect import signature
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from load_kit import HEADER, Bench, copy_template, line, lines, minutes

from barhouse import (
    BarEvent,
    FeedAddress,
    FolderFeed,
    InputError,
    LiveSession,
    LoadOptions,
    RedisFeed,
    WebSocketFeed,
    open_feed,
    open_store,
    run_job,
)
from barhouse.coordinator.cli.main import cli
from barhouse.store.errors import PluginError

RUNNER = CliRunner(**{name: False for name in signature(CliRunner).parameters if name == "mix_stderr"})
NEW_YORK = {"timezone": "America/New_York"}
#: As written in packages of others; ``{folder}`` is where the package is.
GOOD = '''
from pathlib import Path
import pyarrow as pa
from barhouse import BarEvent, Delivery, Feed, LoadOptions, Offer

class Still(Feed):
    """Nothing comes."""

    def __init__(self, address):
        self.address = address

    @property
    def name(self):
        return "still " + self.address.location

    async def offer(self):
        return Offer(self.address.feed_intervals)

    async def deliveries(self, symbols, position):
        yield Delivery(None)

TABLE = {"about": "a mapping", "skip_rows": 1, "columns": {"date": "When"}, "max_outside_pct": 80}
OPTIONS = LoadOptions(timezone="Europe/London", header=["bar_start", "open", "high", "low", "close", "volume"])
FILE = Path(__file__).with_name("layout.toml")
def made():
    return {"about": "made", "label": "end"}

class Lines:
    """A line of JSON for each bar."""
    suffix = "jsonl"

    def writer(self, file, schema):
        return Writer(file)

    def read(self, file):
        import json
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        table = pa.Table.from_pylist(rows)
        instants = table["bar_start"].cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
        return table.set_column(0, "bar_start", instants)

class Writer:
    def __init__(self, file):
        self.stream = file.open("w")

    def write_table(self, table):
        import json
        for row in table.to_pylist():
            row["bar_start"] = row["bar_start"].strftime("%Y-%m-%d %H:%M:%S")
            self.stream.write(json.dumps(row, default=str) + chr(10))

    def close(self):
        self.stream.close()

class Failing:
    suffix = "x"

    def writer(self, file, schema):
        raise RuntimeError("no ink")

    def read(self, file):
        raise RuntimeError("no glasses")
'''

Package = Callable[..., Path]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """Makes distributions that are installed as far as Python can tell; their modules are forgotten afterwards."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def make(name: str, text: str = GOOD, **groups: Mapping[str, str]) -> Path:
        module = name.replace("-", "_")
        folder = site / module
        folder.mkdir()
        (folder / "__init__.py").write_text(text, encoding="utf-8")
        (folder / "layout.toml").write_text('about = "a file"\ntimestamp_format = "epoch_s"\n', encoding="utf-8")
        info = site / f"{module}-2.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.5\n", encoding="utf-8")
        entries = "".join(
            f"[barhouse.{group}]\n" + "".join(f"{key} = {module}{value}\n" for key, value in named.items())
            for group, named in groups.items()
        )
        (info / "entry_points.txt").write_text(entries, encoding="utf-8")
        monkeypatch.delitem(sys.modules, module, raising=False)
        return folder

    return make


def barhouse(*given: object) -> Result:
    return RUNNER.invoke(cli, list(map(str, given)))


def listed() -> dict[tuple[str, str, str], dict[str, Any]]:
    done = barhouse("plugins", "--format", "json")
    assert done.exit_code == 0, done.stderr
    return {(row["kind"], row["name"], row["package"]): row for row in json.loads(done.stdout)}


# What there is


def test_ours_come_through_the_same_door() -> None:
    found = listed()
    assert all(row["problem"] is None and row["about"] for row in found.values()), found
    kinds = {kind: [name for what, name, _ in found if what == kind] for kind in ("feed", "preset", "format")}
    assert kinds["feed"] == ["folder", "file", "redis", "rediss", "ws", "wss"]
    assert kinds["format"] == ["parquet", "csv", "arrow"]
    assert {"polygon", "stooq"} <= set(kinds["preset"])


def test_addresses_lead_to_our_feeds(tmp_path: Path) -> None:
    feeds = {
        "redis://localhost:6379/0?stream=bars&group=me": RedisFeed,
        "REDISS://user:pass@host/1?stream=bars": RedisFeed,
        "ws://example.com/bars": WebSocketFeed,
        "wss://example.com/bars?key=1": WebSocketFeed,
        str(tmp_path): FolderFeed,
        f"folder:{tmp_path}": FolderFeed,
        f"file://{tmp_path}": FolderFeed,
    }
    for address, kind in feeds.items():
        assert type(open_feed(address, interval="1m")) is kind, address
    assert open_feed("redis://localhost/0?stream=bars&group=me").name == "redis stream bars as me"
    with pytest.raises(
        InputError, match=r"redis://user:\*\*\*@host/0\?strem=x names strem .*; allowed are stream, group"
    ):
        open_feed("redis://user:secret@host/0?strem=x")
    with pytest.raises(
        InputError, match=r"is a folder; say the interval of the bars in its files, such as interval='1m'"
    ):
        open_feed(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "scheme", "location"),
    [
        ("mykafka://host:9092/bars?group=me", "mykafka", "host:9092/bars"),
        ("log:bars.log", "log", "bars.log"),
        ("a folder/of:bars?", "", "a folder/of:bars?"),
        (r"C:\bars\in", "", r"C:\bars\in"),
    ],
)
def test_an_address_is_taken_apart(text: str, scheme: str, location: str) -> None:
    address = FeedAddress(text)
    assert (address.scheme, address.location) == (scheme, location)


# Feeds


def test_a_feed_of_another_package_gets_all_that_was_said(package: Package) -> None:
    package("still-bars", feeds={"still": ":Still"})
    options = LoadOptions(label="end")
    feed: Any = open_feed(
        "still://waters?deep=1", feed_intervals=["1m"], interval="5m", symbol="SPY", options=options, once=True
    )
    given = feed.address
    assert (feed.name, given.query("deep")) == ("still waters", {"deep": "1"})
    assert (given.feed_intervals, given.interval, given.symbol, given.options, given.once) == (
        ("1m",),
        "5m",
        "SPY",
        options,
        True,
    )
    with pytest.raises(
        InputError, match=r"still://waters\?deep=1 names deep after its question mark; allowed are none"
    ):
        given.query()


def test_a_feed_that_inherits_what_it_does_not_need_runs_to_its_end(bench: Bench, package: Package) -> None:
    package("still-bars", feeds={"still": ":Still"})

    async def main() -> str:
        status = await LiveSession(bench.store, open_feed("still:x", feed_intervals=["1m"]), ["SPY"]).run()
        return status.state

    assert asyncio.run(main()) == "done"


def test_an_unknown_scheme_is_answered_with_those_there_are(package: Package) -> None:
    package("still-bars", feeds={"still": ":Still"})
    with pytest.raises(
        InputError,
        match=r"zmq://u:\*\*\*@x is no feed; allowed are folder:, file:, redis://, rediss://, ws://, wss://, still://, "
        r"and the path",
    ):
        open_feed("zmq://u:secret@x")
    with pytest.raises(InputError, match=r"is no feed \(did you mean redis"):
        open_feed("reddis://x")


def test_what_cannot_be_imported_is_not_among_what_is_allowed(package: Package) -> None:
    package("broken-bars", "", feeds={"kafka": ":Feed"}, presets={"desk": ":DESK"})
    package("good-bars", feeds={"still": ":Still"}, presets={"mydesk": ":TABLE"})
    with pytest.raises(InputError, match=r"allowed are (?!.*kafka).*still://"):
        open_feed("zmq://x")
    with pytest.raises(
        InputError, match=r"preset='mydsk' is not known \(did you mean mydesk\?\); .*mydesk$"
    ) as refused:
        LoadOptions(preset="mydsk")
    assert ", desk" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "value", "said"),
    [
        (
            "import no_such_library",
            ":Feed",
            "cannot be imported: ModuleNotFoundError: No module named 'no_such_library'",
        ),
        ("def (", ":Feed", "cannot be imported: SyntaxError"),
        ("", ":Feed", "cannot be imported: AttributeError: module 'broken_bars' has no attribute 'Feed'"),
        ("", ".inner:Feed", "cannot be imported: ModuleNotFoundError"),
        ("raise SystemExit(5)", ":Feed", "cannot be imported: SystemExit: 5"),
        ("Feed = 5", ":Feed", "is no feed: 5 cannot be called with an address"),
        ("def Feed(address): return 1 / 0", ":Feed", "cannot be made: ZeroDivisionError: division by zero"),
        ("def Feed(): pass", ":Feed", "cannot be made: TypeError"),
        ("def Feed(address): raise SystemExit(5)", ":Feed", "cannot be made: SystemExit: 5"),
        ("def Feed(address): return {}", ":Feed", "gives a dict, which is no feed: it has no name, no offer, no deliv"),
    ],
)
def test_a_broken_feed_names_its_package_and_leaves_the_others_alone(
    package: Package, tmp_path: Path, text: str, value: str, said: str
) -> None:
    package("broken-bars", text, feeds={"broken": value})
    package("still-bars", feeds={"still": ":Still"})
    with pytest.raises(PluginError) as raised:
        open_feed("broken://x")
    message = str(raised.value)
    assert message.startswith(f"the feed 'broken' of the package broken-bars 2.5 (broken_bars{value}) {said}")
    assert message.endswith("mend or remove that package, the others go on without it")
    assert open_feed("still://x").name == "still x"
    assert isinstance(open_feed(str(tmp_path), interval="1m"), FolderFeed)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "    async def deliveries(self, symbols, position):\n        raise ValueError('my own bug')\n        yield",
            None,
        ),
        (
            "    def deliveries(self, symbols, position):\n        return []",
            "failed in deliveries: TypeError: deliveries gives a list, which is no asynchronous generator",
        ),
        (
            "    async def deliveries(self, symbols, position):\n        return []",
            "failed in deliveries: TypeError: deliveries gives a coroutine, which is no asynchronous generator",
        ),
        (
            "    async def deliveries(self, symbols, position):\n        yield 'bar'",
            "failed in deliveries: TypeError: a str was delivered, which is no Delivery",
        ),
        ("    async def offer(self):\n        raise SystemExit(5)", "failed in offer: SystemExit: 5"),
        ("    async def offer(self):\n        return ['1m']", "offers a list, which is no Offer"),
        ("    async def offer(self):\n        return 1 / 0", "failed in offer: ZeroDivisionError: division by zero"),
    ],
)
def test_a_mistake_of_a_feed_that_runs_names_its_package(
    bench: Bench, package: Package, text: str, said: str | None
) -> None:
    package("buggy-bars", f"{GOOD}\nclass Buggy(Still):\n{text}\n", feeds={"buggy": ":Buggy"})

    async def main() -> None:
        await LiveSession(bench.store, open_feed("buggy:x", feed_intervals=["1m"]), ["SPY"]).run()

    with pytest.raises(PluginError) as raised:
        asyncio.run(main())
    assert str(raised.value).startswith(
        f"the feed 'buggy' of the package buggy-bars 2.5 (buggy_bars:Buggy) "
        f"{said or 'failed in deliveries: ValueError: my own bug'}"
    )
    assert raised.value.why in str(raised.value)


def test_an_error_that_a_feed_means_is_its_own(package: Package) -> None:
    text = "from barhouse import InputError\ndef Feed(address): raise InputError('say which topic')"
    package("strict-bars", text, feeds={"strict": ":Feed"})
    with pytest.raises(InputError, match=r"^say which topic$"):
        open_feed("strict://x")


# Names


def test_a_name_of_ours_stays_ours(package: Package) -> None:
    package("greedy-bars", feeds={"redis": ":Still"}, formats={"csv": ":Lines"})
    assert isinstance(open_feed("redis://x?stream=bars"), RedisFeed)
    row = listed()["feed", "redis", "greedy-bars"]
    assert row["problem"] == "not used: barhouse has a feed of this name"


def test_a_name_that_two_packages_have_is_an_error_that_names_both(package: Package) -> None:
    for name in ("one-bars", "two-bars"):
        package(name, feeds={"same": ":Still"})
    with pytest.raises(PluginError, match=r"the feed 'same' is in several packages, one-bars and two-bars; remove all"):
        open_feed("same://x")


# Presets


def test_a_preset_may_be_written_in_four_ways(package: Package) -> None:
    package("layouts", presets={"table": ":TABLE", "options": ":OPTIONS", "file": ":FILE", "made": ":made"})
    assert LoadOptions(preset="table").columns == {"bar_start": "When"}
    assert LoadOptions(preset="options").timezone == "Europe/London"
    assert LoadOptions(preset="file").timestamp_format == "epoch_s"
    assert LoadOptions(preset="made").label == "end"
    assert [listed()["preset", name, "layouts"]["about"] for name in ("table", "file", "made")] == [
        "a mapping",
        "a file",
        "made",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("X = 5", "is no preset: 5 is no mapping, no LoadOptions and no path of a TOML file"),
        (
            "X = {'skiprows': 1}",
            "is no preset: skiprows (did you mean skip_rows?) is no option of a load; allowed are about, "
            "max_outside_pct, recognise, label, timezone, file_format, members, columns",
        ),
        (
            "X = {'column': {}, 'zzz': 1}",
            "is no preset: column (did you mean columns or volume_column?), zzz are no options of a load;",
        ),
        ("X = {'label': 'middle'}", "is no preset: label = 'middle' is not known; allowed are 'start', 'end'"),
        ("X = {'timezone': 'Mars'}", "is no preset: timezone = 'Mars': timezone 'Mars' is not an IANA name"),
        ("X = {'preset': 'stooq'}", "is no preset: preset is no option of a load"),
        ("X = {'max_outside_pct': 'all'}", "is no preset: its max_outside_pct is 'all', not a number from 0 to 100"),
        (
            "X = {'recognise': {'columns': ['a']}}",
            "is no preset: its recognise is not understood (columns: Extra inputs are not permitted)",
        ),
        (
            "X = {'recognise': {'row': '('}}",
            "is no preset: its recognise is not understood (row: Value error, is no regular expression: missing )",
        ),
        ("X = {'about': 1}", "is no preset: its about is 1, not a text"),
        ("def X(): return open('nowhere')", "cannot be read: FileNotFoundError"),
        ("def X(): raise SystemExit(5)", "cannot be read: SystemExit: 5"),
        ("raise SystemExit(5)", "cannot be imported: SystemExit: 5"),
        ("from pathlib import Path\nX = Path('nowhere.toml')", "cannot be read: FileNotFoundError"),
    ],
)
def test_a_broken_preset_names_its_package_at_every_door(
    bench: Bench, package: Package, tmp_path: Path, text: str, said: str
) -> None:
    package("broken-bars", text, presets={"x": ":X"})
    wanted = f"the preset 'x' of the package broken-bars 2.5 (broken_bars:X) {said}"
    with pytest.raises(PluginError) as raised:
        bench.coordinator.load(bench.write(), "1m", "SPY", preset="x")
    assert str(raised.value).startswith(wanted)
    job = {
        "symbols": [{"names": ["SPY"], "intervals": ["1m"], "calendar": "XNYS"}],
        "sources": [{"files": "x.csv", "preset": "x"}],
    }
    with pytest.raises(InputError) as in_job:
        run_job(job, store=bench.store)
    assert f"sources[0].preset = 'x': {wanted}" in str(in_job.value)
    assert listed()["preset", "x", "broken-bars"]["problem"].startswith(said)
    shown = barhouse("plugins")
    assert f"the preset 'x' of broken-bars: {said}" in shown.stderr
    assert "problem" not in shown.stdout and max(map(len, shown.stdout.splitlines())) < 160
    assert LoadOptions(preset="stooq").columns["bar_start"] == "Date"


def test_a_job_takes_a_preset_of_another_package_with_what_it_allows_outside(
    template: Path, tmp_path: Path, package: Package
) -> None:
    package("layouts", presets={"table": ":TABLE"})
    rows = ["a remark", HEADER.replace("timestamp", "When")]
    rows += lines(minutes("2024-11-26 09:20", "2024-11-26 09:33"))  # 10 of 13 before the open
    (tmp_path / "bars.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    source = {"files": str(tmp_path / "bars.csv"), "symbol": "SPY", "interval": "1m", "preset": "table", **NEW_YORK}
    job = {"symbols": [{"names": ["SPY"], "intervals": ["1m"], "calendar": "XNYS"}], "sources": [source]}
    store = copy_template(template, tmp_path)
    report = run_job(job, store=store)
    assert report.files_loaded == 1, report.problems
    report = run_job({**job, "sources": [{**source, "max_outside_pct": 50, "label": "end"}]}, store=store)
    assert "outside" in report.problems[0].what


# Formats


def test_an_export_is_written_kept_up_to_date_and_read_back_in_a_format_of_another_package(
    bench: Bench, package: Package, tmp_path: Path
) -> None:
    package("more-formats", formats={"lines": ":Lines"})
    bench.load_lines(*lines(minutes("2024-11-26 09:30", "2024-11-26 09:35")), **NEW_YORK)
    bench.process()
    folder = tmp_path / "out"
    assert bench.store.export(folder, format="lines", intervals=["1m"]).rows == 5
    (file,) = folder.rglob("bars.jsonl")
    rows = [json.loads(text) for text in file.read_text().splitlines()]
    assert [row["bar_start"] for row in rows] == [f"2024-11-26 14:{minute}:00" for minute in range(30, 35)]
    assert bench.store.export(folder, format="lines", intervals=["1m"]).written == 0
    bench.load_lines(line("2024-11-26 09:35:00"), **NEW_YORK)
    assert bench.store.export(folder, format="lines", intervals=["1m"]).rows == 6
    assert bench.store.export(folder, format="csv", intervals=["1m"], full=True).rows == 6
    assert [one.name for one in folder.rglob("bars.*")] == ["bars.csv"], "a file of the other format is gone"
    bench.store.export(folder, format="lines", intervals=["1m"], full=True)
    bench.coordinator.purge_bars("1m", "2024-11-27")
    bench.load_lines(*lines(minutes("2024-11-27 09:30", "2024-11-27 09:32")), **NEW_YORK)
    assert bench.store.export(folder, format="lines", intervals=["1m"]).written == 1
    kept = [json.loads(text)["bar_start"] for text in file.read_text().splitlines()]
    assert kept[0] == "2024-11-26 14:30:00" and kept[-1] == "2024-11-27 14:31:00" and len(kept) == 8


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD, "failed: RuntimeError: no ink"),
        (GOOD.replace('RuntimeError("no ink")', "SystemExit(5)"), "failed: SystemExit: 5"),
        ("class Failing: suffix = 'x'", "is no export format: it has no writer"),
        (
            "class Failing:\n def writer(self): pass\n def read(self): pass",
            "is no export format: its suffix is None, not a text such as 'csv.gz'",
        ),
        (
            "class Failing:\n suffix = '../x'\n def writer(self): pass\n def read(self): pass",
            "is no export format: its suffix is '../x', not a text such as 'csv.gz'",
        ),
    ],
)
def test_a_broken_format_names_its_package_and_leaves_the_folder_to_others(
    bench: Bench, package: Package, tmp_path: Path, text: str, said: str
) -> None:
    package("broken-bars", text, formats={"failing": ":Failing"})
    bench.load_lines(line("2024-11-26 09:30:00"), **NEW_YORK)
    with pytest.raises(PluginError) as raised:
        bench.store.export(tmp_path / "out", format="failing")
    assert str(raised.value).startswith(
        f"the format 'failing' of the package broken-bars 2.5 (broken_bars:Failing) {said}"
    )
    assert bench.store.export(tmp_path / "out", format="parquet", full=True).rows == 1


def test_an_unknown_format_is_answered_with_those_there_are(bench: Bench, package: Package, tmp_path: Path) -> None:
    package("more-formats", formats={"lines": ":Lines"})
    with pytest.raises(InputError, match=r"format='xls' is not known; allowed are parquet, csv, arrow, lines$"):
        bench.store.export(tmp_path / "out", format="xls")


# Not before it is asked for


def test_help_imports_no_package_of_others(package: Package, tmp_path: Path) -> None:
    folder = package("loud-bars", "print('LOUD')", feeds={"a": ":A"}, presets={"b": ":B"}, formats={"c": ":C"})
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder.parent), os.environ.get("PYTHONPATH", "")])}
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    store = tmp_path / "bars.duckdb"
    given = (
        ["--help"],
        ["load", "--help"],
        ["live", "--help"],
        ["--store", store, "init"],
        ["--store", store, "status"],
    )
    for arguments in given:
        command = [sys.executable, "-m", "barhouse", *map(str, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert "LOUD" not in done.stdout + done.stderr, arguments
    assert barhouse("plugins").output.count("LOUD") == 1, "all three are looked at there, in one import"


def test_nothing_is_looked_for_where_ours_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def looked(**_: Any) -> None:
        raise AssertionError("packages were looked through")

    monkeypatch.setattr("importlib.metadata.entry_points", looked)
    assert LoadOptions(preset="polygon").timestamp_format == "epoch_ns"
    assert open_feed("ws://example.com").name == "ws://example.com"


# A package, installed


def test_a_feed_of_an_installed_wheel_is_followed(template: Path, tmp_path: Path) -> None:
    """The package of the guide is built, installed and used by other processes."""
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "extending.md").read_text(encoding="utf-8")
    for name, text in re.findall(r"^<!-- file: (acme-bars/\S+) -->\n```[a-z]*\n(.*?)^```$", guide, re.M | re.S):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.replace('log = "acme', 'mykafka = "acme'), encoding="utf-8")
    wheels, site = tmp_path / "wheels", tmp_path / "site"
    offline = ["--no-index", "--no-deps", "--disable-pip-version-check", "--quiet"]
    pip = [sys.executable, "-m", "pip"]
    build = [*pip, "wheel", *offline, "--no-build-isolation", "--wheel-dir", str(wheels), str(tmp_path / "acme-bars")]
    subprocess.run(build, check=True)
    (wheel,) = wheels.glob("acme_bars-1.0-*.whl")
    subprocess.run([*pip, "install", *offline, "--target", str(site), str(wheel)], check=True)

    store = copy_template(template, tmp_path)
    bar = {"open": 1.0, "high": 2.0, "low": 1.0, "close": 2.0, "volume": 5}
    log = tmp_path / "bars.log"
    starts = [f"2024-11-26T14:{minute}:00Z" for minute in range(30, 36)]
    log.write_text(
        "".join(f"{BarEvent(symbol='SPY', interval='1m', start=one, **bar).model_dump_json()}\n" for one in starts)
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}

    def run(*given: object) -> str:
        command = [sys.executable, "-m", "barhouse", "--store", str(store), *map(str, given)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    address = f"mykafka://{log}?interval=1m"
    first = json.loads(run("live", "--feed", address, "--symbols", "SPY", "--once", "--json"))
    assert (first["inserted_count"], first["position"]) == (6, {"byte": log.stat().st_size})
    with log.open("a") as more:
        more.write(BarEvent(symbol="SPY", interval="1m", start="2024-11-26T14:36:00Z", **bar).model_dump_json() + "\n")
    job = tmp_path / "job.toml"
    job.write_text(f'[live]\nfeed = "{address}"\nsymbols = "SPY"\nonce = true\n', encoding="utf-8")
    second = json.loads(run("live", job, "--json"))
    assert (second["row_count"], second["inserted_count"]) == (1, 1), "it goes on where it was committed"
    run("export", tmp_path / "out", "--format", "feather", "--intervals", "1m")
    (file,) = (tmp_path / "out").rglob("bars.feather")
    assert pa.ipc.open_file(str(file)).read_all().num_rows == 7
    assert "acme-bars" in run("plugins")
    with open_store(store, read_only=True) as opened:
        assert opened.bars("SPY", "1m").num_rows == 7
