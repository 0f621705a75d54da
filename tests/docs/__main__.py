"""``python -m tests.docs``: says what differs; with ``--write`` writes it anew; with names only those pages."""

from __future__ import annotations

import sys
from difflib import unified_diff
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.docs.examples import MISHAP, carried_out, without_accidents
from tests.docs.pages import can_be_carried_out, pages, place
from tests.docs.reference import GENERATED


def main(given: list[str]) -> int:
    """Go through the pages; returns how many differ."""
    writing = "--write" in given
    wanted = {Path(one).resolve() for one in given if not one.startswith("-")}
    differing = 0
    for page in dict.fromkeys([*pages(), *GENERATED]):
        if wanted and page not in wanted:
            continue
        if not can_be_carried_out(page):
            print(f"{place(page)}: left as it is, for this DuckDB opens no lakes")
            continue
        text = page.read_text(encoding="utf-8") if page.exists() else ""
        if page in GENERATED:
            made = GENERATED[page]()
        else:
            with TemporaryDirectory() as folder:
                made = carried_out(text, Path(folder) / "page")
        if without_accidents(made) == without_accidents(text):
            continue
        differing += 1
        if MISHAP in made:
            raise SystemExit(f"{place(page)} would show an unexpected error; nothing more is written:\n{made}")
        if writing:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(made, encoding="utf-8")
            print(f"{place(page)}: written")
        else:
            print("".join(unified_diff(text.splitlines(True), made.splitlines(True), f"{place(page)}", "as it is")))
    return 0 if writing else differing


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
