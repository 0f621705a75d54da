"""The reference is what the code says, and says something of everything that is promised."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

import barhouse
from barhouse.store.database.comments import words
from tests.docs.pages import place
from tests.docs.reference import GENERATED, commands, errors, job_file, views

TO_RENEW = "run `python -m tests.docs --write`"


@pytest.mark.parametrize("page", GENERATED, ids=place)
def test_a_page_is_what_the_code_says(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == GENERATED[page](), TO_RENEW


def text_of(name: str) -> str:
    (found,) = [page for page in GENERATED if page.name == name]
    return found.read_text(encoding="utf-8")


def test_every_column_has_a_meaning_and_every_meaning_a_column() -> None:
    """Said by hand in store/sql/columns.toml."""
    said, columns = words(), views.columns()
    named = {name for found in columns.values() for name, _ in found}
    assert named == set(said["columns"])
    for view, own in said["of"].items():
        assert set(own) <= {name for name, _ in columns[view]}


def test_every_public_name_is_described() -> None:
    text = text_of("python.md")
    assert [name for name in barhouse.__all__ if f"\n## {name}\n" not in text] == []


def test_every_command_and_option_is_described() -> None:
    text = text_of("commands.md")
    for path, command in commands.commands():
        section = text.partition(f"\n## `{path}`\n")[2].partition("\n## ")[0]
        assert section, path
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert all(one in section for one in option.opts), f"{path} {option.opts}"


def test_every_key_of_a_job_is_described() -> None:
    text = text_of("job-file.md")
    assert [key for key in job_file.every_key() if f"`{key}`" not in text] == []


def test_every_error_has_its_place_in_the_tree() -> None:
    text = text_of("errors.md")
    assert [one.__name__ for one in errors.classes() if f"─ {one.__name__} " not in text] == ["BarhouseError"]
