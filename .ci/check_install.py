"""Check an installed Barhouse where no checkout is near: what it put there, and that it works beside anybody's files.

Usage: ``python -I check_install.py PROJECT wheel|editable``, in an empty folder, with a Python that has only the
installed package and what it needs. PROJECT, the checkout, gives the sample data.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import duckdb
from alembic import command
from alembic.script import ScriptDirectory

import barhouse
from barhouse.store.database.upgrade import alembic_config
from barhouse.store.serving.site import site_files

BARHOUSE = str(Path(sysconfig.get_path("scripts")) / "barhouse")
COUNTS = ['"1d",4', '"1h",28', '"15m",104', '"5m",312', '"1m",1564']
OPTIONS = ("--symbol", "SPY", "--interval", "1m", "--timezone", "America/New_York")

#: Files that somebody may well have beside their script; Barhouse has modules of these names inside.
NEIGHBOURS = {
    "store.py": 'OWN = "theirs"\n',
    "coordinator.py": 'OWN = "theirs"\n',
    "migrations/__init__.py": 'OWN = "theirs"\n',
    "migrations/env.py": 'raise RuntimeError("these are the migrations of somebody else")\n',
    "migrations/versions/0001_theirs.py": 'raise RuntimeError("these are the migrations of somebody else")\n',
    "alembic.ini": "[alembic]\nscript_location = migrations\n",
    "errors.py": 'OWN = "theirs"\n',
    "sources.py": 'OWN = "theirs"\n',
}
SCRIPT = """
import sys
from barhouse import DataProcessor, SessionCoordinator, open_store

with open_store("own.duckdb") as opened:
    door = SessionCoordinator(opened)
    door.register("SPY", ["1m", "5m", "1d"], "XNYS")
    report = door.load(sys.argv[1], "1m", "SPY", timezone="America/New_York")
    assert (report.inserted, report.outside) == (1564, 4), report
    DataProcessor(opened).process()
    assert opened.verify().sound
    assert opened.bars("SPY", "1d").num_rows == 4
with open_store("own.duckdb", read_only=True) as opened:
    assert opened.get_symbols_with_derived() == {"SPY": ["5m", "1d"]}, opened.get_symbols_with_derived()

theirs = ("store", "coordinator", "migrations", "errors", "sources")
assert not set(theirs) & set(sys.modules), "Barhouse imported a file that is not its own"
for name in theirs:
    assert __import__(name).OWN == "theirs", name
"""


def check_place(project: Path, kind: str) -> None:
    """Make sure that what is tested is what was installed."""
    assert not list(Path().iterdir()), "run it in an empty folder"
    place = Path(str(barhouse.__file__)).resolve()
    assert (project in place.parents) == (kind == "editable"), f"{place} is not that of a {kind} install"


def check_names(kind: str) -> None:
    """One name is taken in site-packages, and none of the checkout's folders can be imported."""
    files = metadata.files("barhouse") or []
    names = {file.parts[0] for file in files if file.parts[0] not in ("..", "__pycache__")}
    information = {f"barhouse-{metadata.version('barhouse')}.dist-info"}
    own = {"barhouse"} if kind == "wheel" else {"_editable_impl_barhouse.pth", "_editable_impl_barhouse.py"}
    assert names == own | information, names
    for name in ("store", "coordinator", "migrations", "tests", "docs", "sample"):
        assert find_spec(name) is None, f"`import {name}` finds {find_spec(name)}"


def run(*given: str, folder: Path) -> str:
    """Run a command in a folder; returns what it wrote to stdout."""
    done = subprocess.run(given, check=False, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, f"{given} in {folder} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def check_command_line(folder: Path, sample: Path, *barhouse_command: str) -> None:
    """Create, load, process and query a store with the command."""
    run(*barhouse_command, "init", folder=folder)
    run(*barhouse_command, "register", "SPY", "--calendar", "XNYS", "--intervals", "1m,5m,15m,1h,1d", folder=folder)
    run(*barhouse_command, "load", str(sample), *OPTIONS, folder=folder)
    run(*barhouse_command, "process", folder=folder)
    query = "SELECT interval, bar_count FROM intervals ORDER BY bar_count"
    counts = run(*barhouse_command, "sql", query, "--format", "csv", folder=folder).split()[1:]
    assert counts == COUNTS, counts
    (folder / "barhouse.duckdb").unlink()


def check_upgrade(folder: Path) -> None:
    """Make a store of the first schema with Alembic, which then must be upgraded by opening it."""
    path = str(folder / "upgraded.duckdb")
    config = alembic_config()
    script = ScriptDirectory.from_config(config)
    (first,) = script.get_bases()
    os.environ["BARHOUSE_STORE"] = path
    command.upgrade(config, first)
    run(sys.executable, "-m", "barhouse", "process", folder=folder)
    command.check(config)
    del os.environ["BARHOUSE_STORE"]
    with duckdb.connect(path, read_only=True) as connection:
        versions = connection.sql("SELECT version_num FROM alembic_version").fetchall()
    assert versions == [(script.get_current_head(),)], versions


def check_page() -> None:
    """The page of a server has every file that it names, so that it needs no network."""
    files = site_files()
    named = set(re.findall(r'(?:src|href)="([\w./-]+\.(?:js|css|svg|html))"', files[""].content.decode()))
    for path, file in files.items():
        if path.endswith(".js") and "/" not in path:
            named |= set(re.findall(r'from "\./([^"]+)"', file.content.decode()))
    assert {"page.css", "page.js", "chart.js"} <= named <= files.keys(), named - files.keys()


def check_neighbours(folder: Path, sample: Path) -> None:
    """Files named like Barhouse's modules lie beside a script, and where a command is run: they change nothing."""
    folder.mkdir()
    for name, text in NEIGHBOURS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "nightly.py").write_text(SCRIPT, encoding="utf-8")
    run(sys.executable, "nightly.py", str(sample), folder=folder)
    check_command_line(folder, sample, BARHOUSE)
    check_command_line(folder, sample, sys.executable, "-m", "barhouse")
    check_upgrade(folder)


def main() -> None:
    """Run every check; the first that fails ends it."""
    project, kind = Path(sys.argv[1]).resolve(), sys.argv[2]
    sample = project / "sample" / "spy_1m_2020-12-15_18.csv"
    check_place(project, kind)
    check_names(kind)
    empty = Path("empty").resolve()
    empty.mkdir()
    check_command_line(empty, sample, BARHOUSE)
    check_upgrade(empty)
    check_page()
    check_neighbours(Path("theirs").resolve(), sample)
    sys.stderr.write(f"the {kind} install works alone, and beside files named like its modules\n")


if __name__ == "__main__":
    main()
