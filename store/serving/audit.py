"""The log has a line for each answer: who asked what, and what came of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from barhouse.store.serving.asker import Asker
    from barhouse.store.serving.counts import AnswerCounts

log = logging.getLogger("barhouse.serve")

#: The log has so much of what was asked.
_LOGGED = 200


def note_answer(
    counts: AnswerCounts,
    asker: Asker,
    *,
    read: str,
    given: Mapping[str, Any],
    outcome: str,
    row_count: int | None,
    seconds: float,
) -> None:
    """Count an answer, and write its line.

    Parameters
    ----------
    outcome
        ``ok``, or the kind of the refusal.
    row_count
        How many rows it has; None where it did not come to its end.
    """
    asked = given.get("sql") or "&".join(f"{name}={value}" for name, value in given.items())
    counts.note(read, outcome, row_count or 0, seconds)
    log.info(
        "%s asked %s %s: %s, %s rows, %d ms",
        asker.name,
        read,
        json.dumps(asked[:_LOGGED], ensure_ascii=True),
        outcome,
        "-" if row_count is None else row_count,
        seconds * 1000,
    )
