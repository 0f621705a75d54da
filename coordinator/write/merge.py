"""Writing bars so that nothing is lost: new ones are added, changed ones keep their old values as revisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from barhouse.store.database.transaction import Transaction
from barhouse.store.sql import sql


@dataclass(frozen=True, slots=True)
class Place:
    """The stretch of time that is written to: ``[first_start, last_end)``."""

    first_start: datetime
    last_end: datetime


@dataclass(frozen=True, slots=True)
class Changes:
    """How many bars a merge wrote, and whether any of them counts another way than before."""

    inserted: int = 0
    revised: int = 0
    deleted: int = 0
    recounted: bool = False


#: Which bars belong to the place that is written anew, for each kind of place.
IN_RANGE = "p.interval_id = b.interval_id AND b.bar_start >= p.from_ AND b.bar_start < p.to_"
IN_SESSION = "p.interval_id = b.interval_id AND b.session_date IS NOT DISTINCT FROM p.session_date"
IN_RANGE_OF_SESSION = f"{IN_RANGE} AND b.session_date = p.session_date"


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

    ``anew`` names a table of places (joined by ``inside``), which hold all fresh bars; what else is there is deleted,
    where it meets ``spared``, a further condition. Without it bars are looked for where the temporary table
    ``progress`` says that there may be any. The differences stay in the temporary table ``delta``.
    """
    if anew is None:
        joined, there = "LEFT", sql("merge.there_by_key")
    else:
        joined, there = "FULL", sql("merge.there_in_place", place=anew, inside=inside)
    bounds = {"first_start": place.first_start, "last_end": place.last_end}
    transaction.run("merge.compare", bounds, fresh=fresh, joined=joined, there=there, spared=spared)
    inserted, revised, deleted, recounted, first_id, last_id = transaction.one("merge.count_changes")
    if inserted or revised or deleted:
        touched = {"batch_id": batch_id, "first_id": first_id, "last_id": last_id}
        if revised or deleted:
            transaction.run("merge.keep_old", touched)
        transaction.run("merge.apply", touched)
    return Changes(inserted, revised, deleted, recounted)
