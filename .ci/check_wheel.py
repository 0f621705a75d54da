"""Check an installed wheel: what it holds, and that it works where no checkout is.

Usage: ``python -I check_wheel.py PROJECT WHEEL``, in an empty folder, with a Python that has only the wheel
and what it needs. PROJECT, the checkout, gives the file names to compare with and the sample data.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import duckdb
from alembic import command
from alembic.script import ScriptDirectory

import barhouse
from barhouse import DataProcessor, SessionCoordinator, open_store
from barhouse.store.database.upgrade import alembic_config

BARHOUSE = str(Path(sysconfig.get_path("scripts")) / "barhouse")


def check_contents(project: Path, wheel: Path) -> None:
    """Compare what the wheel holds with the checkout: one package, with the three folders inside, nothing else."""
    expected = {f"barhouse/{path.name}" for path in (project / "barhouse").iterdir() if path.is_file()} | {
        f"barhouse/{path.relative_to(project).as_posix()}"
        for folder in ("store", "coordinator", "migrations")
        for path in (project / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == expected, f"missing {sorted(expected - held)}, too many {sorted(held - expected)}"
    endings = {Path(name).suffix for name in held}
    assert {".py", ".sql", ".typed", ".mako"} <= endings, endings
    assert "barhouse/migrations/views/0001.sql" in held


def check_place(project: Path) -> None:
    """Make sure that it is the installed packages that are tested."""
    assert not list(Path().iterdir()), "run it in an empty folder"
    place = Path(str(barhouse.__file__)).resolve()
    assert project not in place.parents, f"{place} is of the checkout"


def run(*arguments: str) -> str:
    """Run the command line; returns what it wrote to stdout."""
    return subprocess.run([BARHOUSE, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def check_command_line(sample: Path) -> None:
    """Create, load, process and query a store with the installed command."""
    run("init")
    run("register", "SPY", "--calendar", "XNYS", "--intervals", "1m,5m,15m,1h,1d")
    given = ("--symbol", "SPY", "--interval", "1m", "--timezone", "America/New_York")
    run("load", str(sample), *given)
    run("process")
    query = "SELECT interval, bar_count FROM intervals ORDER BY bar_count"
    counts = run("sql", query, "--format", "csv").split()[1:]
    assert counts == ['"1d",4', '"1h",28', '"15m",104', '"5m",312', '"1m",1564'], counts


def check_upgrade(path: str) -> None:
    """Make a store of the first schema with Alembic, which then must be upgraded by opening it."""
    config = alembic_config()
    script = ScriptDirectory.from_config(config)
    (first,) = script.get_bases()
    os.environ["BARHOUSE_STORE"] = path
    command.upgrade(config, first)
    with open_store(path):
        pass
    command.check(config)
    with duckdb.connect(path, read_only=True) as connection:
        versions = connection.sql("SELECT version_num FROM alembic_version").fetchall()
    assert versions == [(script.get_current_head(),)], versions


def check_python(path: str, sample: Path) -> None:
    """Load into the upgraded store and query it, from Python."""
    with open_store(path) as opened:
        door = SessionCoordinator(opened)
        door.register("SPY", ["1m", "1d"], "XNYS")
        report = door.load(sample, "1m", "SPY", timezone="America/New_York")
        assert (report.inserted, report.outside) == (1564, 4), report
        DataProcessor(opened).process()
        assert opened.bars("SPY", "1d").num_rows == 4
    with open_store(path, read_only=True) as opened:
        assert opened.get_symbols_with_derived() == {"SPY": ["1d"]}


def main() -> None:
    """Run every check; the first that fails ends it."""
    project, wheel = (Path(argument).resolve() for argument in sys.argv[1:])
    sample = project / "sample" / "spy_1m_2020-12-15_18.csv"
    check_place(project)
    check_contents(project, wheel)
    check_command_line(sample)
    check_upgrade("upgraded.duckdb")
    check_python("upgraded.duckdb", sample)
    sys.stderr.write(f"{wheel.name} works alone\n")


if __name__ == "__main__":
    main()
