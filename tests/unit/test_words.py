"""Words that agree with numbers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from barhouse.store.model.words import agreeing, counted

ROOT = Path(__file__).parents[2]
_NOUNS = (
    "bar|day|difference|file|gap|interval|line|minute|mistake|problem|reason|row|session|snapshot|stamp|symbol|trade"
)


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 rows lie"), (1, "1 row lies"), (2, "2 rows lie"), (1234, "1,234 rows lie")]
)
def test_nouns_and_verbs_agree_with_numbers(count: int, said: str) -> None:
    assert f"{counted(count, 'row')} {agreeing(count, 'lies', 'lie')}" == said


def test_no_message_counts_by_itself() -> None:
    """``f"{len(rows)} rows"`` would say ``1 rows``."""
    by_itself = re.compile(
        rf"[{{](?:len[(][^{{}}]*|[^{{}}]*count|[^{{}}]*:,)[}}] (?:more )?(?:{_NOUNS})s\b"
        rf"|%d (?:more )?(?:{_NOUNS})s\b"
    )
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for room in ("store", "coordinator")
        for path in sorted((ROOT / room).rglob("*.py"))
        for match in by_itself.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []
