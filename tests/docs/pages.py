"""The pages, and what is in them: headings, links, names in code, and blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^(`{3,})([a-z]*)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"(?<!!)\[(?:[^]]|\](?!\())*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)


def pages() -> list[Path]:
    """Every page of the documentation, those at the top of the checkout among them."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


def can_be_carried_out(page: Path) -> bool:
    """Whether what it shows can happen here: lakes are opened by DuckDB's extensions, which come for 1.5.5 alone."""
    from barhouse.store.lake.extension import is_available

    return page != DOCS / "guides" / "cluster.md" or is_available()


def place(page: Path) -> str:
    """A page's path in the checkout."""
    return page.relative_to(ROOT).as_posix()


def prose(text: str) -> str:
    """What people read: without blocks, comments, code in lines, and the targets of links."""
    text = _COMMENT.sub("", _FENCE.sub("", text))
    return _CODE.sub("", re.sub(r"\]\([^)]*\)", "]", text))


def links(text: str) -> list[str]:
    """Where its links lead."""
    return _LINK.findall(_CODE.sub("", _FENCE.sub("", text)))


def names_in_code(text: str) -> list[str]:
    """What stands in code inside of lines."""
    return _CODE.findall(_COMMENT.sub("", _FENCE.sub("", text)))


def anchors(text: str) -> set[str]:
    """What its headings are called in links, as code hosts and MyST make it of them."""
    return {_slug(title) for _, title in _HEADING.findall(_FENCE.sub("", text))}


def _slug(title: str) -> str:
    words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).lower().replace("`", "")
    return re.sub(r"[^\w\- ]", "", words).strip().replace(" ", "-")


def fences(text: str) -> Iterator[tuple[str, str]]:
    """Its blocks: the language and what is in them."""
    for found in _FENCE.finditer(text):
        yield found[2], found[3]
