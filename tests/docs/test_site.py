"""The site is built from the pages, strictly, and read without a network."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, pages, place

pytest.importorskip("sphinx", reason="the extra docs is not installed")
pytest.importorskip("furo", reason="the extra docs is not installed")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-c", str(DOCS), str(ROOT), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def test_every_page_is_in_it(site: Path) -> None:
    assert [place(page) for page in pages() if not (site / place(page)).with_suffix(".html").exists()] == []


def test_nothing_is_fetched_to_show_it(site: Path) -> None:
    fetched = re.compile(
        r"""<(?:script|img|iframe)[^>]*\bsrc=["']https?:|<link[^>]*\bhref=["']https?:|@import|url\(["']?https?:"""
    )
    files = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert [str(one.relative_to(site)) for one in files if fetched.search(one.read_text(encoding="utf-8"))] == []
