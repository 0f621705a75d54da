"""What the guide of clusters shows happens; it cannot where no lake can be opened."""

from __future__ import annotations

from pathlib import Path

from tests.docs import examples
from tests.docs.pages import DOCS


def test_the_guide_shows_what_happens(tmp_path: Path) -> None:
    text = (DOCS / "guides" / "cluster.md").read_text(encoding="utf-8")
    assert examples.without_accidents(examples.carried_out(text, tmp_path / "page")) == examples.without_accidents(text)
