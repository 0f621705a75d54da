"""Pages of the reference that are made from the code, by the file that each is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.docs.pages import DOCS
from tests.docs.reference import commands, errors, feeds, job_file, metrics, python_names, statements, views

#: What is made anew by ``python -m tests.docs --write``, and compared by the tests.
GENERATED: Mapping[Path, Callable[[], str]] = {
    DOCS / "reference" / "views.md": views.page,
    DOCS / "reference" / "commands.md": commands.page,
    DOCS / "reference" / "job-file.md": job_file.page,
    DOCS / "reference" / "python.md": python_names.page,
    DOCS / "reference" / "errors.md": errors.page,
    DOCS / "reference" / "feeds.md": feeds.page,
    DOCS / "reference" / "metrics.md": metrics.page,
    DOCS / "sql.md": statements.page,
}
