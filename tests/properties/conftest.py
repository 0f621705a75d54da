"""What the property tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from world import template


@pytest.fixture(scope="session")
def blank_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that knows the calendars and nothing else; each history starts from a copy."""
    return template(tmp_path_factory.mktemp("template") / "blank.duckdb")
