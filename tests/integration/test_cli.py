"""The command line: the whole path on the sample files, every format, every exit code, clean streams."""

import csv
import errno
import importlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from barhouse.coordinator.cli.errors import MEANINGS
from barhouse.coordinator.cli.main import ExitCode, cli
from barhouse.coordinator.cli.output.grid import SHOWN_ROWS_MAX
from barhouse.coordinator.cli.output.tables import FORMATS
from barhouse.store.model.bar import NAMES

ROOT = Path(__file__).parents[2]
SPY = ROOT / "sample" / "spy_1m_2020-12-15_18.csv"
BTC = ROOT / "sample" / "btcusd_1h_2017_2019.csv"
NEW_YORK = ("--timezone", "America/New_York")
DAILY = "SELECT * FROM bars WHERE symbol = 'SPY' AND interval = '1d' ORDER BY bar_start"
#: Every command by what is typed, such as "calendar add".
COMMANDS = {
    f"{name} {part}" if isinstance(one, click.Group) else name: inner
    for name, one in cli.commands.items()
    for part, inner in (one.commands.items() if isinstance(one, click.Group) else [(name, one)])
}
#: click 8.1 mixes the streams unless told; later ones keep them apart, and know no such option.
RUNNER = CliRunner(**{name: False for name in signature(CliRunner).parameters if name == "mix_stderr"})


class Line:
    """A command line with a store of its own."""

    def __init__(self, store: Path) -> None:
        self.store = store

    def __call__(self, *arguments: object, expected: int = ExitCode.OK, stdin: str | None = None) -> Result:
        texts = ["--store", str(self.store), *map(str, arguments)]
        result = RUNNER.invoke(cli, texts, input=stdin, prog_name="barhouse")
        assert result.exit_code == expected, result.output + result.stderr
        assert "Traceback" not in result.stderr
        return result


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Line:
    """A store with nothing in it. Only copied."""
    line = Line(tmp_path_factory.mktemp("empty") / "bars.duckdb")
    line("init")
    return line


@pytest.fixture
def line(empty: Line, tmp_path: Path) -> Line:
    """A store of the test's own, with nothing in it."""
    return copied(empty, tmp_path)


@pytest.fixture
def spy(filled: Line, tmp_path: Path) -> Line:
    """A store of the test's own: SPY, derived."""
    return copied(filled, tmp_path)


def copied(line: Line, folder: Path) -> Line:
    return Line(Path(shutil.copy(line.store, folder)))


def register_spy(line: Line) -> Result:
    return line("register", "spy", "-i", "1m,5m,15m", "-i", "1h,1d", "--calendar", "XNYS")


def load_spy(line: Line, *more: object) -> Result:
    return line("load", SPY, "--symbol", "SPY", "--interval", "1m", *NEW_YORK, *more)


@pytest.fixture(scope="module")
def filled(empty: Line, tmp_path_factory: pytest.TempPathFactory) -> Line:
    """SPY, derived. Only read from it."""
    line = copied(empty, tmp_path_factory.mktemp("filled"))
    register_spy(line)
    load_spy(line, "--process")
    return line


def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the real thing, in a process of its own."""
    command = [sys.executable, "-m", "barhouse", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False, **options)


# Help


def commands_of(module: str) -> tuple[click.Command, ...]:
    return getattr(importlib.import_module(f"barhouse.coordinator.cli.commands.{module}"), "COMMANDS", ())


def test_help_lists_the_commands_in_the_order_of_use_and_the_exit_codes() -> None:
    result = RUNNER.invoke(cli, ["--help"], prog_name="barhouse")
    listed = re.findall(r"^  ([\w-]+) {2,}\w", result.stdout.split("Commands:")[1], re.MULTILINE)
    assert listed == [
        *("init", "register", "rename", "alias", "declare", "inspect", "load", "load-trades", "load-actions"),
        *("process", "end-session", "status", "bars", "chart", "gaps", "sql"),
        *("run", "cluster", "live", "backtest", "runs", "verify", "calendar", "future"),
        *(
            "publish",
            "serve",
            "token",
            "export",
            "backup",
            "restore",
            "compact",
            "revert",
            "delete",
            "delete-actions",
            "retain",
            "purge",
            "remove",
            "drop-columns",
            "plugins",
        ),
    ]
    every = {
        one.name for path in (ROOT / "coordinator" / "cli" / "commands").glob("*.py") for one in commands_of(path.stem)
    }
    assert set(listed) == every
    for code in ExitCode:
        assert f"{code.value}  {MEANINGS[code]}" in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_an_example(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    assert re.search(rf"^  barhouse .*\b{name}\b", command.epilog or "", re.MULTILINE)
    for parameter in command.params:
        assert isinstance(parameter, click.Argument) or parameter.help, parameter.name
    result = RUNNER.invoke(cli, [*name.split(), "--help"])
    assert result.exit_code == ExitCode.OK
    assert "Example:" in result.stdout


def test_the_help_of_load_names_every_part_and_what_it_is_known_by() -> None:
    said = RUNNER.invoke(cli, ["load", "--help"]).stdout
    table = said.split("in any case:\n")[1].split("\n\n")[0]
    listed: dict[str, tuple[str, ...]] = {}
    for part, names in re.findall(r"^ {4}(\w+) +(\w.*(?:\n {12,}\w.*)?)$", table, re.MULTILINE):
        listed[part] = (part, *names.split())
    assert listed == NAMES


def test_the_examples_work_one_after_the_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "sample", tmp_path / "sample")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BARHOUSE_STORE", "demo.duckdb")  # as the job in sample/ has it
    for folder in ("published", "backups", "inbox"):
        (tmp_path / folder).mkdir()
    order = [
        "init",
        "register",
        "declare",
        "inspect",
        "load",
        "load-trades",
        "load-actions",
        "process",
        "end-session",
        "status",
        "bars",
        "chart",
        "gaps",
        "sql",
        "verify",
        "revert",
        "delete",
        "delete-actions",
    ]
    order += ["run", "runs"]
    order += ["purge", "retain", "calendar add", "calendar set", "calendar list", "calendar show", "calendar refresh"]
    order += ["alias", "rename"]
    order += ["future define", "future list", "future rolls", "future remove"]
    order += ["token add", "token list", "token remove"]
    order += [
        "publish",
        "backup",
        "restore",
        "export",
        "compact",
        "backtest",
        "live",
        "drop-columns",
        "remove",
        "plugins",
    ]
    # serve runs until it is stopped: test_serve.py has it; lakes are opened by DuckDB 1.5.5: tests/cluster has them.
    elsewhere = ["serve", *(f"cluster {name}" for name in ("status", "verify", "split", "compact", "clean"))]
    assert sorted([*order, *elsewhere]) == sorted(COMMANDS)
    for name in order:
        example = (COMMANDS[name].epilog or "").split("Example:")[1].strip()
        arguments = shlex.split(example)[1:]
        if name == "future define":
            contracts = ["ESH24", "ESM24", "--intervals", "1d", "--calendar", "CMES"]
            assert RUNNER.invoke(cli, ["register", *contracts]).exit_code == ExitCode.OK
        if arguments[0] == "--store":  # the example names a file; this test has one of its own
            arguments = arguments[2:]
        result = RUNNER.invoke(cli, arguments)
        assert result.exit_code == ExitCode.OK, f"{example}\n{result.output}"
        if name == "rename":  # what follows asks for it by its name of before
            back = RUNNER.invoke(cli, ["rename", "SPDR", "SPY", "--effective", "2020-12-18"])
            assert back.exit_code == ExitCode.OK, back.output


def test_help_imports_neither_the_store_nor_what_it_needs() -> None:
    code = (
        "import sys; import barhouse.coordinator.cli.main; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True, check=True)
    heavy = {"alembic", "duckdb", "exchange_calendars", "pandas", "pyarrow", "pydantic", "rich", "sqlalchemy"}
    assert not heavy & set(answer.stdout.split())


@pytest.mark.parametrize("asked", [("status",), ("gaps",), ("sql", "FROM bars"), ("sql", "FROM bars LIMIT 0")])
def test_reading_imports_no_more_than_it_needs(filled: Line, asked: tuple[str, ...]) -> None:
    code = """
import sys
from barhouse.coordinator.cli.main import cli
for form in ("table", "json", "csv"):
    cli([*sys.argv[1:], "--format", form], standalone_mode=False)
import duckdb
heavy = {"alembic", "exchange_calendars", "pydantic", "sqlalchemy"}
if not duckdb.__version__.startswith("1."):  # which imports pandas to look at a query's parameters
    heavy |= {"pandas"}
print("imported", *heavy & set(sys.modules), file=sys.stderr)
"""
    command = [sys.executable, "-c", code, "--store", str(filled.store), *asked]
    answer = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True)
    assert answer.stderr.splitlines()[-1] == "imported"


def test_opening_a_store_imports_no_more_than_duckdb(filled: Line) -> None:
    code = """
import sys
from barhouse import open_store
with open_store(sys.argv[1]) as store, store.reading() as view:
    assert view.execute("SELECT count(*) > 0 FROM bars") == [(True,)]
heavy = {"alembic", "exchange_calendars", "numpy", "pandas", "pyarrow", "pydantic", "rich", "sqlalchemy"}
print(*heavy & set(sys.modules))
"""
    command = [sys.executable, "-c", code, str(filled.store)]
    answer = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True)
    assert answer.stdout == "\n"


def test_the_status_needs_no_arrow(filled: Line) -> None:
    code = """
import sys
from barhouse.coordinator.cli.main import cli
cli([*sys.argv[1:]], standalone_mode=False)
print(*{"numpy", "pandas", "pyarrow"} & set(sys.modules), file=sys.stderr)
"""
    command = [sys.executable, "-c", code, "--store", str(filled.store), "status"]
    answer = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True)
    assert "2020-12-18" in answer.stdout and answer.stderr == "\n"


def test_version() -> None:
    assert re.fullmatch(r"barhouse \d+\.\d+\.\d+\S*\n", RUNNER.invoke(cli, ["--version"], prog_name="barhouse").stdout)


# The whole path


def test_the_whole_path(line: Line) -> None:
    assert register_spy(line).stderr == "registered SPY: XNYS, 1m loaded, 5m 15m 1h 1d derived\n"
    first = load_spy(line)
    assert first.stderr == (
        f"{SPY}: 1,564 rows into SPY 1m: 1,564 new, 0 revised, 0 unchanged, 0 rejected; 4 outside sessions\n"
        "  ignored: index\n"
    )
    assert line("process").stderr == "derived 448 bars: 5m 312, 15m 104, 1h 28, 1d 4\n"
    second = load_spy(line, "--process")
    assert second.stderr == (
        f"{SPY}: 1,564 rows into SPY 1m: nothing was new, 1,564 unchanged, 0 rejected; 4 outside sessions\n"
        "  ignored: index\n"
        f"nothing was waiting\n"
    )
    status = line("status", "spy").stdout
    assert re.search(r"^SPY +1m +1564 +2020-12-15 +2020-12-18 21:01Z +100 +0$", status, re.MULTILINE)
    assert re.search(r"^SPY +1h +1m +28 +2020-12-15 +2020-12-18 21:00Z +100 +0$", status, re.MULTILINE)
    assert json.loads(line("gaps", "--format", "json").stdout) == []
    assert [row["close"] for row in json.loads(line("sql", DAILY, "--format", "json").stdout)] == [
        *(369.57, 370.14, 372.21, 369.13),
    ]
    removed = line("remove", "spy", "--yes")
    assert removed.stderr == "removed SPY with 2,012 bars; they are kept in the view revisions\n"
    for result in (first, second, removed):
        assert result.stdout == ""
    assert json.loads(line("status", "--format", "json").stdout) == []


def test_a_vendors_file_with_every_trap(line: Line) -> None:
    line("register", "BTC-USD", "-i", "4h,1d,1w", "--available", "1h,1d", "--calendar", "24/7")
    options = ("--timezone", "UTC", "--skip-rows", 1, "--timestamp-format", "%Y-%m-%d %I-%p")
    options = (*options, "--column", "volume=volume_btc", "--json")
    report = json.loads(line("load", BTC, "--symbol", "BTC-USD", "-i", "1h", *options).stdout)
    assert (report["rows"], report["inserted"], report["rejected"]) == (20_111, 20_111, 0)


def test_several_files_are_one_load(line: Line, tmp_path: Path) -> None:
    register_spy(line)
    lines = SPY.read_text().splitlines(keepends=True)
    parts = [tmp_path / "a.csv", tmp_path / "b.csv"]
    parts[0].write_text("".join(lines[:400]))
    parts[1].write_text("".join([lines[0], *lines[400:]]))
    loaded = line("load", *parts, "--symbol", "SPY", "-i", "1m", *NEW_YORK)
    assert f"{parts[0]} and 1 more: 1,564 rows into SPY 1m: 1,564 new" in loaded.stderr


def test_registering_again_says_what_was_new(line: Line) -> None:
    register_spy(line)
    assert register_spy(line).stderr == "nothing was new for SPY: XNYS, 1m loaded, 5m 15m 1h 1d derived\n"
    added = line("register", "SPY", "-i", "1w", "--calendar", "XNYS")
    assert added.stderr == "added 1w to SPY: XNYS, 1m loaded, 5m 15m 1h 1d 1w derived\n"
    many = line("register", *"ABCDEFG", "-i", "1d", "--calendar", "XNYS")
    assert many.stderr == "registered 7 symbols: XNYS, 1d loaded\n"


def test_a_symbol_that_cannot_be_had_is_left_out_and_named(line: Line) -> None:
    register_spy(line)
    result = line("register", "SPY", "QQQ", "-i", "30s", "--calendar", "XNYS", "--on-missing", "skip")
    skipped, registered = result.stderr.splitlines()
    assert skipped.startswith("barhouse: skipped SPY: 30s cannot be derived")
    assert "`barhouse remove SPY` first" in skipped
    assert registered == "registered QQQ: XNYS, 1s loaded, 30s derived"


def test_deleted_bars_become_a_gap(spy: Line) -> None:
    bounds = ("--start", "2020-12-16T15:00Z", "--end", "2020-12-16T15:30Z")
    deleted = spy("delete", "SPY", "-i", "1m", *bounds, "--yes")
    assert deleted.stderr == "deleted 30 bars of SPY 1m; run `barhouse process` to derive again\n"
    assert spy("process").stderr == "revised 2 bars: 1h 1, 1d 1; deleted 8 bars: 5m 6, 15m 2\n"
    again = spy("delete", "SPY", "-i", "1m", *bounds, "--yes")
    assert again.stderr == "SPY 1m has no bar there, nothing was deleted\n"

    def found(*options: str) -> list[tuple[str, str, int]]:
        rows = json.loads(spy("gaps", "spy", *options, "--format", "json").stdout)
        return [(row["interval"], row["gap_start"], row["missing_count"]) for row in rows]

    assert found("--interval", "1m") == [("1m", "2020-12-16T15:00:00Z", 30)]
    assert {interval for interval, *_ in found()} == {"1m", "5m", "15m", "1h", "1d"}
    assert found("-i", "60s", "--start", "2020-12-16", "--end", "2020-12-17") == found("-i", "1m")
    assert found("--end", "2020-12-16") == found("--start", "2020-12-17") == []


def test_process_takes_now(line: Line) -> None:
    register_spy(line)
    load_spy(line)
    for now in ("2020-12-18T00:00Z", "2020-12-18T00:00:00+00:00"):
        line("process", "--now", now)
    assert "nothing was waiting" in line("process").stderr


def test_a_session_is_declared_over(spy: Line) -> None:
    assert spy("end-session", "2020-12-18", "SPY").stderr == (
        "nothing to end: nobody has a session on 2020-12-18 that is not over already\n"
    )
    ended = spy("end-session", "2020-12-21")
    assert ended.stderr == "ended the session 2020-12-21 for SPY; run `barhouse process` to derive the rest\n"
    assert json.loads(spy("end-session", "2020-12-22", "spy", "--json").stdout) == ["SPY"]
    gaps = json.loads(spy("gaps", "SPY", "-i", "1m", "--format", "json").stdout)
    assert [(one["session_date"], one["missing_count"]) for one in gaps] == [("2020-12-21", 390), ("2020-12-22", 390)]
    said = spy("end-session", "2020-12-21", "SPX", expected=ExitCode.BAD_INPUT).stderr
    assert "'SPX' is not registered" in said


def test_deleting_can_take_the_watermark_back(spy: Line) -> None:
    deleted = spy("delete", "spy", "-i", "1m", "--start", "2020-12-18", "--rewind", "--yes")
    assert re.fullmatch(r"deleted \d+ bars of SPY 1m; derived again\n", deleted.stderr)
    assert spy("gaps").stderr == "no gaps\n"
    rows = json.loads(spy("status", "--format", "json").stdout)
    assert {row["complete_through"] for row in rows} == {"2020-12-17T21:01:00Z", None}
    assert "all as recomputed" in spy("verify").stderr


def test_the_watermark_can_be_taken_back_after_a_deletion(spy: Line) -> None:
    bounds = ("SPY", "-i", "1m", "--start", "2020-12-18")
    deleted = spy("delete", *bounds, "--yes").stderr
    assert re.fullmatch(
        r"deleted \d+ bars of SPY 1m; run `barhouse process` to derive again\n"
        r"  the last bar left ends 2020-12-17 21:01Z, and what is not there up to 2020-12-18 21:01Z counts as missing; "
        r"the same with --rewind takes that back\n",
        deleted,
    )
    spy("process")
    assert spy("gaps").stderr != "no gaps\n"
    assert spy("delete", *bounds, "--rewind", "--yes").stderr == (
        "SPY 1m has no bar there, nothing was deleted; the watermark went back to the last bar left, which ends "
        "2020-12-17 21:01Z; derived again\n"
    )
    assert spy("gaps").stderr == "no gaps\n" and "all as recomputed" in spy("verify").stderr


def test_status_says_what_there_is_to_do(line: Line) -> None:
    assert line("status").stderr == "no symbol is registered yet; `barhouse register` does it\n"
    register_spy(line)
    line("register", "QQQ", "-i", "1d", "--calendar", "XNYS")
    status = line("status")
    assert re.search(r"^SPY +1m +0$", status.stdout, re.MULTILINE)
    assert status.stderr == "QQQ, SPY have no bars yet; `barhouse load` loads them\n"
    assert line("status", "--format", "json").stderr == ""


# Formats


def test_each_format_gives_the_same_rows(filled: Line, tmp_path: Path) -> None:
    texts = json.loads(filled("sql", DAILY, "--format", "json").stdout)
    assert [row["bar_start"] for row in texts] == [f"2020-12-{day}T14:30:00Z" for day in (15, 16, 17, 18)]
    assert {row["session_date"] for row in texts} == {f"2020-12-{day}" for day in (15, 16, 17, 18)}
    assert texts[0]["vwap"] is None

    rows = list(csv.DictReader(io.StringIO(filled("sql", DAILY, "--format", "csv").stdout)))
    assert [row["bar_start"] for row in rows] == [row["bar_start"] for row in texts]
    assert [float(row["volume"]) for row in rows] == [row["volume"] for row in texts]

    arrow = pa.ipc.open_stream(filled("sql", DAILY, "--format", "arrow").stdout_bytes).read_all()
    parquet = pq.read_table(pa.BufferReader(filled("sql", DAILY, "--format", "parquet").stdout_bytes))
    assert arrow.equals(parquet)
    assert arrow["open"].to_pylist() == [row["open"] for row in texts]
    assert arrow.schema.field("bar_start").type.tz is not None

    file = tmp_path / "daily.parquet"
    result = filled("sql", DAILY, "--format", "parquet", "--output", file)
    assert result.stdout == result.stderr == ""
    assert pq.read_table(file).equals(parquet)


def test_a_table_to_read_names_utc_and_leaves_out_noise(filled: Line) -> None:
    head, _, first, *_ = filled("sql", DAILY).stdout.splitlines()
    assert head.split()[:4] == ["symbol", "interval", "bar_start", "bar_end"]
    assert first.split()[:6] == ["SPY", "1d", "2020-12-15", "14:30Z", "2020-12-15", "21:00Z"]
    assert "34882168" in first.split()


@pytest.mark.parametrize(
    ("expression", "text", "record"),
    [
        ("NULL", "", None),
        ("true", "true", True),
        ("'a [b] :c:'", "a [b] :c:", "a [b] :c:"),
        ("sum(7)", "7", 7),
        ("1.50::DECIMAL(9, 2)", "1.50", 1.5),
        ("0.1::DOUBLE + 0.2", "0.3", 0.1 + 0.2),
        ("1e-7::DOUBLE", "1e-07", 1e-7),
        ("12345678901234.5::DOUBLE", "12345678901234.5", 12345678901234.5),
        ("'nan'::DOUBLE", "nan", None),
        ("[1, 2]", "[1, 2]", [1, 2]),
        ("{'at': TIMESTAMPTZ '2024-01-02 03:04:05Z'}", None, {"at": "2024-01-02T03:04:05Z"}),
        ("TIMESTAMPTZ '2024-01-02 03:04:05Z'", "2024-01-02 03:04:05Z", "2024-01-02T03:04:05Z"),
        ("TIMESTAMP '2024-01-02 03:04:05.5'", "2024-01-02 03:04:05.500000", "2024-01-02T03:04:05.500000"),
        ("DATE '2024-01-02'", "2024-01-02", "2024-01-02"),
        ("TIME '03:04'", "03:04:00", "03:04:00"),
        ("'\\xAB'::BLOB", "ab", "ab"),
        ("'up'::ENUM ('up', 'down')", "up", "up"),
    ],
)
def test_values_of_every_type(filled: Line, expression: str, text: str | None, record: object) -> None:
    query = f"SELECT {expression} AS value"
    assert json.loads(filled("sql", query, "--format", "json").stdout) == [{"value": record}]
    if text is not None:
        assert "".join(filled("sql", query).stdout.splitlines()[2:]).strip() == text


def test_csv_of_what_csv_has_no_type_for(filled: Line) -> None:
    query = (
        "SELECT TIMESTAMPTZ '2024-01-02 03:04:05Z' AS at, [1, 2] AS list, NULL AS nothing, "
        "'up'::ENUM ('up', 'down') AS choice, true AS flag, DATE '2024-01-02' AS day"
    )
    _, row = csv.reader(io.StringIO(filled("sql", query, "--format", "csv").stdout))
    assert row == ["2024-01-02T03:04:05Z", "[1, 2]", "", "up", "true", "2024-01-02"]


def test_a_name_that_comes_twice_is_numbered(filled: Line) -> None:
    result = filled("sql", "SELECT 1 AS a, 2 AS a, 3 AS a", "--format", "json")
    assert json.loads(result.stdout) == [{"a": 1, "a_1": 2, "a_2": 3}]


def test_a_long_table_is_cut_and_says_so_on_stderr(line: Line) -> None:
    query = f"SELECT i FROM range({SHOWN_ROWS_MAX + 1}) AS t(i)"
    result = line("sql", query)
    assert len(result.stdout.splitlines()) == SHOWN_ROWS_MAX + 2
    assert result.stderr == "400 of 401 rows shown; the other formats have all\n"
    assert len(json.loads(line("sql", query, "--format", "json").stdout)) == SHOWN_ROWS_MAX + 1


def test_no_rows(line: Line) -> None:
    query = "SELECT * FROM bars"
    assert json.loads(line("sql", query, "--format", "json").stdout) == []
    assert line("sql", query, "--format", "csv").stdout.count("\n") == 1
    assert line("sql", query).stdout.startswith("symbol  interval  bar_start")


def test_a_query_from_stdin(filled: Line) -> None:
    result = filled("sql", "-", "--format", "json", stdin="SELECT count(*) AS n FROM bars")
    assert json.loads(result.stdout) == [{"n": 2012}]


def test_reports_as_json(line: Line) -> None:
    registered = line("register", "SPY", "-i", "1m,1d", "--calendar", "XNYS", "--json")
    assert json.loads(registered.stdout)[0]["derived_intervals"] == ["1d"]
    loaded, processed = map(json.loads, load_spy(line, "--process", "--json").stdout.splitlines())
    assert (loaded["inserted"], loaded["outside"], loaded["rejects"]) == (1564, 4, [])
    assert processed["intervals"] == [{"interval": "1d", "inserted": 4, "revised": 0, "deleted": 0}]
    assert json.loads(line("process", "--json").stdout)["batches"] == []
    removed = line("remove", "SPY", "--yes", "--json")
    assert json.loads(removed.stdout)["deleted"] == 1568
    for result in (registered, removed):
        assert result.stderr == ""


# Bad rows, bad input, exit codes


@pytest.fixture
def with_bad_rows(line: Line, tmp_path: Path) -> Path:
    line("register", "SPY", "-i", "1m,1d", "--calendar", "XNYS")
    lines = SPY.read_text().splitlines(keepends=True)[:6]
    lines[2] = "2,2020-12-15 09:31:00,367.48,360,367.19,367.19,173406\n"
    lines[4] = "4,2020-12-15 09:33:30,367.4,367.62,367.36,367.46,1\n"
    file = tmp_path / "bad.csv"
    file.write_text("".join(lines))
    return file


def test_rejected_rows_are_named_and_give_their_own_exit_code(line: Line, with_bad_rows: Path) -> None:
    options = ("--symbol", "SPY", "-i", "1m", *NEW_YORK)
    result = line("load", with_bad_rows, *options, expected=ExitCode.REJECTS)
    head, ignored, *reasons, last = result.stderr.splitlines()
    assert head.endswith(": 5 rows into SPY 1m: 3 new, 0 revised, 0 unchanged, 2 rejected")
    assert ignored == "  ignored: index"
    assert len(reasons) == 2
    assert all(one.startswith("  1 rejected: ") for one in reasons)
    assert any("first row 2: " in one and "360" in one for one in reasons)
    query = last.split("barhouse sql ")[1].strip('"')
    assert len(json.loads(line("sql", query, "--format", "json").stdout)) == 2

    strict = line("load", with_bad_rows, *options, "--strict", expected=ExitCode.BAD_INPUT)
    assert "2 of 5 rows" in strict.stderr
    assert "load without --strict" in strict.stderr


def test_input_that_cannot_be_used(line: Line) -> None:
    register_spy(line)
    load = ("load", SPY, "--symbol", "SPY", "-i", "1m")
    for arguments, said in [
        (("status", "SPX"), "symbol 'SPX' is not registered (did you mean SPY?)"),
        (("gaps", "SPX"), "'SPX' is not registered"),
        (("gaps", "--interval", "7x"), "interval '7x' is not known"),
        (("remove", "SPX", "--yes"), "'SPX' is not registered"),
        (("register", "QQQ", "-i", "7x", "--calendar", "XNYS"), "interval '7x' is not known"),
        (
            ("register", "QQQ", "-i", "1m", "--calendar", "NOPE"),
            "calendar 'NOPE' is unknown; take 24/7 for what trades all the time, an exchange by",
        ),
        (("register", "QQQ", "-i", "1m", "--available", "1d", "--calendar", "XNYS"), "QQQ: 1m cannot"),
        (load, "say which one they are in with --timezone, such as --timezone UTC"),
        ((*load, *NEW_YORK, "--column", "bar_start=When"), "no column 'When' for bar_start"),
        (("load", "nowhere.csv", "--symbol", "SPY", "-i", "1m"), "there is no file nowhere.csv"),
        (("load", BTC, "--symbol", "SPY", "-i", "1m", "--skip-rows", "1"), "say which with --volume-column"),
        (("process", "--now", "soon"), "--now soon is no date or time of ISO 8601; give an instant with its zone"),
        (("process", "--now", "2020-12-18"), "--now 2020-12-18 is a date, which names a session; give an instant"),
        (("process", "--now", "2020-12-18T15:00"), "--now 2020-12-18T15:00 has no time zone; give an instant"),
        (("gaps", "--start", "soon"), "--start soon is no date or time of ISO 8601; give a date such as 2024-11-29"),
        (("gaps", "--start", "2020-12-18", "--end", "2020-12-17"), "--start 2020-12-18 lies after --end 2020-12-17"),
        (("verify", "--end", "2020-12-18T15:00Z"), "is an instant, and this goes by whole sessions; give a date"),
        (("end-session", "soon"), "soon is no date or time of ISO 8601; give a date such as 2024-11-29"),
        (("gaps", "SPY", "-i", "7m"), "no symbol asked for has interval '7m'; there are 1m"),
        (("sql", "SELEC 1"), "syntax error"),
        (("sql", "CREATE TABLE t (a INT)"), "CREATE"),
    ]:
        result = line(*arguments, expected=ExitCode.BAD_INPUT)
        assert result.stdout == ""
        assert result.stderr.startswith("barhouse: ")
        assert said in result.stderr


def test_a_command_line_that_is_wrong(line: Line) -> None:
    for arguments, said in [
        (("nothing",), "No such command 'nothing'"),
        (("load", "x.csv", "-i", "1m", "--column", "Date"), "'Date' is not PART=NAME"),
        (
            ("load", "x.csv", "-i", "1m", "--column", "close=a", "--column", "close=b"),
            "close is named twice, as 'a' and 'b'; say each part once",
        ),
        (
            ("load", "x.csv", "-i", "1m", "--no-volume", "--column", "volume=v"),
            "--no-volume says that there is no volume, and another option names its column",
        ),
        (
            ("calendar", "add", "X", "--early-close", "2024-12-24=1:00", "--early-close", "2024-12-24=2:00"),
            "2024-12-24 is named twice",
        ),
        (("sql", "SELECT 1", "--format", "xml"), "'xml' is not one of"),
        (("sql", "SELECT 1", "--output", line.store.parent / "no" / "x"), "cannot be written"),
        (("sql", "SELECT 1", "--output", line.store.parent / "x.parquet"), "format table; say --format parquet"),
        (("delete", "SPY", "-i", "1m", "--yes"), "say --start, --end or both; to delete everything"),
        (("remove", "SPY"), "nobody can be asked here; say --yes to go on"),
        (("delete", "SPY", "-i", "1m", "--start", "2020-01-01"), "say --yes"),
    ]:
        result = line(*arguments, expected=ExitCode.USAGE)
        assert result.stdout == ""
        assert said in result.stderr


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    line = Line(tmp_path / "typo.duckdb")
    for arguments in (
        *(("status",), ("gaps",), ("sql", "SELECT 1"), ("process",), ("remove", "SPY", "--yes")),
        ("register", "SPY", "-i", "1m", "--calendar", "XNYS"),
        ("load", SPY, "--symbol", "SPY", "-i", "1m"),
    ):
        result = line(*arguments, expected=ExitCode.STORE)
        assert f"there is no store at {line.store}; create it with `barhouse" in result.stderr
        assert not line.store.exists()


def test_init_says_what_it_did(tmp_path: Path) -> None:
    line = Line(tmp_path / "bars.duckdb")
    assert line("init").stderr == f"created the store {line.store}\n"
    assert line("init").stderr == f"{line.store} is up to date\n"
    (tmp_path / "other").write_text("no database\n" * 100)
    assert "not a Barhouse store" in Line(tmp_path / "other")("status", expected=ExitCode.STORE).stderr


def test_verbose_shows_the_log_and_the_causes(line: Line) -> None:
    register_spy(line)
    quiet = line("sql", "SELEC 1", expected=ExitCode.BAD_INPUT)
    verbose = line("--verbose", "sql", "SELEC 1", expected=ExitCode.BAD_INPUT)
    assert "caused by ParserException: " not in quiet.stderr
    assert "caused by ParserException: " in verbose.stderr
    log = line("-v", "load", SPY, "--symbol", "SPY", "-i", "1m", *NEW_YORK).stderr
    assert re.search(r"^barhouse: loaded .*: 1,564 rows", log, re.MULTILINE)


def test_an_unexpected_error_is_one_line(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("barhouse.store.session_store.SessionStore.stream", fail)
    result = line("sql", "SELECT 1", expected=ExitCode.FAILED)
    assert result.stderr == "barhouse: unexpected error: RuntimeError: a bug\n"


# The real thing


def test_a_held_store_names_the_holder_and_readers_share_one(filled: Line) -> None:
    hold = """
import sys
from barhouse import open_store
for read_only in (True, False):
    with open_store(sys.argv[1], read_only=read_only):
        print("open", flush=True)
        sys.stdin.readline()
"""
    command = [sys.executable, "-c", hold, str(filled.store)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as holder:
        assert holder.stdout.readline() == "open\n"
        assert len(json.loads(filled("status", "--format", "json").stdout)) == 5
        print(file=holder.stdin, flush=True)
        assert holder.stdout.readline() == "open\n"
        result = filled("status", expected=ExitCode.STORE)
        holder.stdin.close()
    assert result.stdout == ""
    assert re.fullmatch(rf"barhouse: .* is held by process {holder.pid};.*\n", result.stderr)


def test_a_reader_that_leaves_early_is_no_error(filled: Line) -> None:
    query = "SELECT b.* FROM bars AS b, range(10)"
    command = [
        sys.executable,
        "-m",
        "barhouse",
        "--store",
        str(filled.store),
        "sql",
        query,
        "--format",
        "csv",
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.read(10)
        process.stdout.close()
        said = process.stderr.read().decode()
    assert (process.returncode, said) == (ExitCode.OK, "")


@pytest.mark.parametrize("form", FORMATS)
def test_no_format_minds_a_reader_that_left(filled: Line, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Left(io.BytesIO):
        def write(self, data: object) -> int:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    @contextmanager
    def opened(output: Path | None) -> Iterator[Left]:
        yield Left()

    monkeypatch.setattr("barhouse.coordinator.cli.output.tables.opened", opened)
    assert filled("sql", DAILY, "--format", form).stderr == ""


def test_the_store_is_named_by_the_environment(filled: Line) -> None:
    environment = {**os.environ, "BARHOUSE_STORE": str(filled.store)}
    result = run("sql", "SELECT 1 AS one", "--format", "csv", env=environment)
    assert (result.returncode, result.stderr) == (0, "")
    assert list(csv.reader(io.StringIO(result.stdout))) == [["one"], ["1"]]


def test_a_path_that_is_no_utf_8_is_refused(filled: Line, tmp_path: Path) -> None:
    shutil.copy(SPY, tmp_path / "caf\udce9.csv")
    name = "caf\udce9"
    for arguments in (
        ("load", tmp_path / f"{name}.csv", "--symbol", "SPY", "-i", "1m", *NEW_YORK),
        ("load", tmp_path / "caf*.csv", "--symbol", "SPY", "-i", "1m", *NEW_YORK),
        ("export", tmp_path / name),
        ("publish", tmp_path / f"{name}.duckdb"),
        ("restore", tmp_path / f"{name}.duckdb"),
    ):
        result = run("--store", filled.store, *arguments)
        assert result.returncode == ExitCode.BAD_INPUT, (arguments, result.stderr)
        assert "is no UTF-8" in result.stderr
    result = run("--store", tmp_path / f"{name}.duckdb", "init")
    assert result.returncode == ExitCode.BAD_INPUT and "is no UTF-8" in result.stderr


def test_streams_that_are_closed_are_no_error_and_no_place_for_the_store(filled: Line) -> None:
    command = shlex.join([sys.executable, "-m", "barhouse", "--store", str(filled.store), "status"])
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        result = subprocess.run(["sh", "-c", f"{command} {closed}"], cwd=ROOT, capture_output=True, check=False)
        assert (result.returncode, result.stderr) == (0, b"")
    assert run("--store", filled.store, "verify").returncode == 0
    result = subprocess.run(
        ["sh", "-c", f"{command.replace('status', 'remove SPY')} <&-"], cwd=ROOT, capture_output=True, check=False
    )
    assert (result.returncode, b"nobody can be asked here" in result.stderr) == (ExitCode.USAGE, True)


def on_terminal(line: Line, *arguments: object, typed: str = "", columns: int = 80) -> tuple[int, str]:
    """Run with a terminal on every stream; returns the exit code and what was shown."""
    pty = pytest.importorskip("pty", reason="no pseudo-terminals here")
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = [sys.executable, "-m", "barhouse", "--store", str(line.store), *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        os.write(ours, typed.encode())
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            shown += piece
    os.close(ours)
    return process.returncode, shown.decode()


def test_a_terminal_is_asked_before_anything_is_removed(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    register_spy(line)
    code, shown = on_terminal(line, "remove", "SPY", typed="n\n")
    assert code == ExitCode.FAILED
    assert "Remove SPY with all its bars? [y/N]" in shown
    assert len(json.loads(line("status", "--format", "json").stdout)) == 5
    monkeypatch.setattr("barhouse.coordinator.cli.command._somebody_is_there", lambda: True)
    line("remove", "SPY", stdin="y\n")
    assert json.loads(line("status", "--format", "json").stdout) == []


def test_a_terminal_shows_progress_and_gets_no_binary(line: Line) -> None:
    register_spy(line)
    code, shown = on_terminal(line, "load", SPY, "--symbol", "SPY", "-i", "1m", *NEW_YORK, "--process")
    assert code == ExitCode.OK
    assert "loading" in shown
    assert "deriving" in shown
    assert "derived 448 bars" in shown
    code, shown = on_terminal(line, "sql", "SELECT 1", "--format", "arrow")
    assert code == ExitCode.USAGE
    assert "--format arrow is not for a terminal" in shown


def test_status_fits_a_narrow_terminal(filled: Line) -> None:
    _, shown = on_terminal(filled, "status", columns=80)
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    assert max(len(one) for one in plain.splitlines()) <= 80
    assert "…" not in plain
