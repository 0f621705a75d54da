"""The pages: what they show happens, where their links lead, which words they use, and how long the first one is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from barhouse.coordinator.sources.presets import PRESETS
from tests.docs import examples
from tests.docs.pages import DOCS, ROOT, anchors, can_be_carried_out, links, names_in_code, pages, place, prose
from tests.docs.reference import GENERATED

WRITTEN = [page for page in pages() if page not in GENERATED]
#: Paths in code that are said of a reader's folder, or of files to come.
FOLDERS = ("store/", "coordinator/", "migrations/", "tests/", "docs/", "barhouse/", "sample/", ".ci/")
README_LINES_MAX = 150


@pytest.mark.parametrize("page", WRITTEN, ids=place)
def test_what_a_page_shows_happens(page: Path, tmp_path: Path) -> None:
    if not can_be_carried_out(page):
        pytest.skip(
            "it opens lakes, whose extension of DuckDB there is for 1.5.5 alone; `make test-cluster` carries it out"
        )
    text = page.read_text(encoding="utf-8")
    shown = examples.carried_out(text, tmp_path / "page")
    assert examples.without_accidents(shown) == examples.without_accidents(text)


@pytest.mark.parametrize("page", pages(), ids=place)
def test_no_page_shows_a_mishap(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not [said for said in (examples.MISHAP, "<<<<<<<", ">>>>>>>", str(ROOT)) if said in text]


@pytest.mark.parametrize("page", pages(), ids=place)
def test_every_block_is_run_or_says_why_not(page: Path) -> None:
    if page not in GENERATED:
        assert examples.blocks_not_run(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", pages(), ids=place)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page.read_text(encoding="utf-8")):
        if re.match(r"https?://", link):
            continue
        target, _, anchor = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), link
        assert not anchor or anchor in anchors(file.read_text(encoding="utf-8")), link


def test_every_page_is_linked() -> None:
    """From the first page, which the site's sidebar is made of, or from the list of decisions."""
    linked = {
        (start.parent / link.partition("#")[0]).resolve()
        for start in (DOCS / "index.md", DOCS / "decisions" / "README.md")
        for link in links(start.read_text(encoding="utf-8"))
    }
    assert [place(page) for page in pages() if page not in linked | {DOCS / "index.md"}] == []


def test_decisions_are_listed_by_their_numbers() -> None:
    """Each number is one decision's: in the list, in the name of its file and in its heading."""
    folder = DOCS / "decisions"
    listed = re.findall(r"^(\d+)\. \[(.+)\]\((.+)\)$", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(number) for number, _, _ in listed] == list(range(1, len(list(folder.glob("0*.md"))) + 1))
    for number, title, name in listed:
        assert name.startswith(f"{int(number):04}-")
        assert (folder / name).read_text(encoding="utf-8").startswith(f"# {number}. {title}\n")


@pytest.mark.parametrize("page", pages(), ids=place)
def test_paths_that_are_named_are_there(page: Path) -> None:
    named = [
        name
        for name in names_in_code(page.read_text(encoding="utf-8"))
        if re.fullmatch(r"[\w./-]+", name) and "NAME" not in name
    ]
    assert [name for name in named if name.startswith(FOLDERS) and not (ROOT / name).exists()] == []


def words_not_used() -> dict[str, str]:
    glossary = (DOCS / "glossary.md").read_text(encoding="utf-8").partition("## Words not used")[2]
    return {
        not_: but for not_, but in re.findall(r"^\| (\w[\w ]*) \| (.+) \|$", glossary, re.MULTILINE) if not_ != "Not"
    }


@pytest.mark.parametrize("page", [page for page in pages() if page.name != "glossary.md"], ids=place)
def test_words_have_the_meaning_of_the_glossary(page: Path) -> None:
    text = prose(page.read_text(encoding="utf-8"))
    found = {word: but for word, but in words_not_used().items() if re.search(rf"\b{word}s?\b", text, re.IGNORECASE)}
    assert found == {}


def test_there_are_words_not_to_use() -> None:
    assert len(words_not_used()) > 5


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= README_LINES_MAX


def test_the_architecture_shows_every_room() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rooms = [
        place(one) + "/"
        for part in ("store", "coordinator")
        for one in sorted((ROOT / part).iterdir())
        if (one / "__init__.py").exists()
    ]
    assert [room for room in rooms if f"| `{room}` |" not in text] == []


def test_the_architecture_draws_the_contracts() -> None:
    """Layer by layer, as pyproject.toml has them for the import linter."""
    text = " ".join((DOCS / "architecture.md").read_text(encoding="utf-8").split())
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = [one["layers"] for one in contracts if one["type"] == "layers"]
    assert len(layers) == 2
    assert [one for one in layers if " ▸ ".join(one) not in text] == []


def test_every_preset_is_on_a_vendors_page() -> None:
    """With a command that loads a file by it."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in (DOCS / "vendors").glob("*.md"))
    shown = set(re.findall(r"^\$ barhouse load .*--preset (\w+)", text, re.MULTILINE))
    named = set(re.findall(r"`(\w+)`", text))
    assert [name for name in PRESETS.own() if name not in shown | named] == []
