"""The page of a server in a browser: Debian's Chromium, driven without a network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Locator, Page, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
#: How long a test waits for what it says happens.
PATIENCE_MS = 60_000


@contextmanager
def browser() -> Iterator[Browser]:
    """Run a browser; where none is installed, the tests that need one are skipped."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("there is no Chromium to show the page in; install it with `apt-get install chromium`")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=list(_OPTIONS))
        try:
            yield running
        finally:
            running.close()


@dataclass
class Visit:
    """Somebody looks at the page.

    Attributes
    ----------
    complaints
        What the browser found wrong.
    requested
        Every address that it asked for.
    """

    page: Page
    root: str
    complaints: list[str] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requested.append(request.url))

    def _said(self, message: object) -> None:
        kind, text = getattr(message, "type", ""), getattr(message, "text", "")
        if kind in ("error", "warning"):
            self.complaints.append(f"{kind}: {text}")

    def open(self, place: str) -> None:
        """Open a view by what stands behind # in its address."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.root}/#/{place}")
        self.page.wait_for_selector("body[data-ready]")

    def go(self, place: str) -> None:
        """Go on to another view, without loading the page again."""
        self.page.evaluate("place => { location.hash = `#/${place}`; }", place)
        self.wait(view=place.partition("?")[0].partition("/")[0])

    def wait(self, **told: object) -> None:
        """Wait until the page says of itself what is given."""
        self.page.wait_for_selector("body" + "".join(f'[data-{name}="{value}"]' for name, value in told.items()))

    def told(self, name: str) -> str:
        """What the page says of itself."""
        return self.page.locator("body").get_attribute(f"data-{name}") or ""

    def text(self, selector: str) -> str:
        """The text of an element."""
        return self.page.locator(selector).inner_text()

    def rows(self, table: str) -> list[list[str]]:
        """The rows of a table by its caption, as texts."""
        found = self.table(table).locator("tbody tr:not([aria-hidden])")
        rows: list[list[str]] = found.evaluate_all("rows => rows.map(row => [...row.cells].map(one => one.innerText))")
        return rows

    def table(self, name: str) -> Locator:
        """A table by its caption."""
        return self.page.get_by_role("table", name=name, exact=True)

    def tab_to(self, selector: str, key: str = "Tab") -> None:
        """Press Tab until an element has the focus; fails when no number of times leads there."""
        wanted = self.page.locator(selector)
        for _ in range(80):
            if wanted.evaluate("one => one === document.activeElement"):
                return
            self.page.keyboard.press(key)
        raise AssertionError(f"{selector} cannot be reached by {key}")
