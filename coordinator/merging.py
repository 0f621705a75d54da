"""Writing bars so that nothing is lost: new ones are added, changed ones keep their old values as revisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from store.engine import Transaction
from store.sql import statement


@dataclass(frozen=True, slots=True)
class Place:
    """The part of the bar table that is written to: ``[first_start, last_end)`` of a range of interval ids."""

    first_id: int
    last_id: int
    first_start: datetime
    last_end: datetime


@dataclass(frozen=True, slots=True)
class Changes:
    """How many bars a merge wrote."""

    inserted: int = 0
    revised: int = 0
    deleted: int = 0


#: Which bars belong to the place that is written anew, for each kind of place.
IN_RANGE = "p.interval_id = b.interval_id AND b.bar_start >= p.from_ AND b.bar_start < p.to_"
IN_SESSION = "p.interval_id = b.interval_id AND b.session_date = p.session_date"


def append(transaction: Transaction, fresh: str, batch_id: int) -> int:
    """Add the bars of the table ``fresh``, none of which can be there yet; returns how many they are."""
    (count,) = transaction.one("merge.append", {"batch_id": batch_id}, fresh=fresh)
    return int(count)


def merge(
    transaction: Transaction,
    fresh: str,
    place: Place,
    batch_id: int,
    *,
    anew: str | None = None,
    inside: str = IN_RANGE,
    spared: str = "",
) -> Changes:
    """Write the bars of the table ``fresh`` where they differ from those that are there.

    ``anew`` names a table of places (joined by ``inside``) whose bars are deleted unless they are among the fresh
    ones; ``spared`` is a further condition they must meet to go. The differences stay in the temporary table ``delta``.
    """
    bounds = {"first_start": place.first_start, "last_end": place.last_end}
    gone = (
        statement("merge.gone").format(fresh=fresh, place=anew, inside=inside, spared=spared)
        if anew is not None
        else ""
    )
    ids = {"first_id": place.first_id, "last_id": place.last_id}
    transaction.run("merge.compare", {**bounds, **ids}, fresh=fresh, gone=gone)
    inserted, revised, deleted, first_start, last_start = transaction.one("merge.count_changes")
    if inserted or revised or deleted:
        touched = {"batch_id": batch_id, "first_start": first_start, "last_start": last_start}
        if revised or deleted:
            transaction.run("merge.keep_old", touched)
        transaction.run("merge.apply", touched)
    return Changes(inserted, revised, deleted)
