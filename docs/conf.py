"""The site that `make docs` builds: this folder and the README, as plain Markdown, read by Sphinx with MyST.

The pages are what a code host shows, links and all: nothing in them is Sphinx's own. What the sidebar lists is read
from the lists of docs/index.md, so that a page is entered in one place. A link that leads nowhere fails the build.
"""

import re
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]

project = "Barhouse"
release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
copyright = "the authors of Barhouse, Apache-2.0"

extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/**.md"]
exclude_patterns = [".*", "build", "dist", "tests", "sample", "store", "coordinator", "migrations", "barhouse"]
myst_heading_anchors = 4
highlight_language = "text"
pygments_style = "friendly"

suppress_warnings = ["misc.highlighting_failure"]  # a query in quotes inside of a command

html_theme = "furo"
html_title = f"Barhouse {release}"
html_copy_source = False
html_show_sphinx = False

#: Pages whose lists the sidebar is made of: sections of the first become its parts.
_LISTS = (root_doc, "docs/decisions/README")
_SECTION = re.compile(r"^##? (.+)\n((?:.*\n)*?)(?=^## |\Z)", re.MULTILINE)
_ENTRY = re.compile(r"^(?:-|[0-9]+\.) \[.+?\]\(([^)#]+)\.md\)", re.MULTILINE)


def with_sidebar(app: Sphinx, name: str, text: list[str]) -> None:
    """Make the sidebar of the lists in some pages."""
    if name in _LISTS:
        for section in _SECTION.finditer(text[0]):
            pages = "\n".join(page.removesuffix(".md") for page in _ENTRY.findall(section[2]))
            caption = f":caption: {section[1]}\n" if name == root_doc else ""
            text[0] += f"\n```{{toctree}}\n:hidden:\n{caption}\n{pages}\n```\n" if pages else ""


def lead_to_first_page(app: Sphinx, error: Exception | None) -> None:
    """Have the folder itself lead to the first page."""
    if error is None:
        (Path(app.outdir) / "index.html").write_text(
            '<!doctype html><meta http-equiv="refresh" content="0; url=docs/index.html"><title>Barhouse</title>\n',
            encoding="utf-8",
        )


def setup(app: Sphinx) -> None:
    """Hook both in."""
    app.connect("source-read", with_sidebar)
    app.connect("build-finished", lead_to_first_page)
