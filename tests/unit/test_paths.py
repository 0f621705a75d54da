"""Paths as they are given."""

from __future__ import annotations

from pathlib import Path

import pytest

from barhouse.store.errors import InputError
from barhouse.store.model.paths import absolute, expanded, printable


def test_a_path_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert absolute("~/bars.duckdb") == tmp_path / "home" / "bars.duckdb"
    assert absolute(Path("a") / ".." / "ü 😀.duckdb") == tmp_path / "ü 😀.duckdb"
    assert expanded("a/~b") == Path("a/~b")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("~nobody-of-that-name/bars.duckdb", "home folder that is nobody's"),
        ("caf\udce9.duckdb", r"'.*caf\\udce9.duckdb' is no UTF-8"),
        ("a\0b", r"'a\\x00b' is no UTF-8"),
        (5, "5 is no path"),
        (b"bars.duckdb", "is no path"),
        (None, "None is no path"),
    ],
)
def test_a_path_that_cannot_be_used_is_refused(given: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        absolute(given)


def test_the_folder_that_a_path_starts_from_has_a_name_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "caf\udce9"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(InputError, match="is no UTF-8"):
        absolute("bars.duckdb")


def test_what_is_no_utf_8_is_shown_by_its_bytes() -> None:
    assert printable(Path("ü/caf\udce9.csv")) == r"ü/caf\xe9.csv"
