"""Rejects: rows left out, quoted as they were given, each with the reason."""

from __future__ import annotations

from dataclasses import dataclass

from barhouse.coordinator.load import plausibility
from barhouse.coordinator.load.acceptance import AcceptedRows
from barhouse.coordinator.load.columns import A_DATE
from barhouse.coordinator.load.placement import JudgedRows
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.store.database.transaction import TemporaryTable, Transaction
from barhouse.store.errors import RejectedBarsError, StampsError
from barhouse.store.hints import Option
from barhouse.store.model.reports import Reject
from barhouse.store.sql import Sql, sql

_SHOWN_REJECTS = 3
#: Reasons in ``sql/load/placement.sql`` that the options may be to blame for.
_UNREADABLE = "the stamp cannot be read"
_AMBIGUOUS = "ambiguous local time"


@dataclass(frozen=True, slots=True)
class RejectedRows:
    """The rows left out.

    Attributes
    ----------
    quoted
        ``quoted_rejects``: each as it was given, with its reason; None without any.
    by_reason
        The same, counted by reason.
    """

    quoted: TemporaryTable | None = None
    by_reason: tuple[Reject, ...] = ()

    @property
    def count(self) -> int:
        """How many rows that is."""
        return sum(reject.count for reject in self.by_reason)

    def keep(self, transaction: Transaction, batch_id: int) -> None:
        """Make them part of the store."""
        if self.quoted is not None:
            transaction.write("load.keep_rejects", {"batch_id": batch_id}, quoted_rejects=self.quoted)


def quote(transaction: Transaction, judged: JudgedRows, accepted: AcceptedRows) -> RejectedRows:
    """Quote the rows that were not accepted; what was given is read again, for few loads need it."""
    rows = judged.rows
    lines = rows.malformed
    if lines is not None and not transaction.one("load.count_malformed", malformed_lines=lines).malformed_count:
        lines = None
    if judged.row_count == accepted.count and lines is None:
        return RejectedRows()
    contradicted = Sql("")
    if accepted.repeats is not None and accepted.contradicted_count:
        contradicted = sql("load.contradicted_rows", repeated_rows=accepted.repeats)
    rejected = transaction.make("load.rejected_rows", judged_rows=accepted.judged, contradicted_rows=contradicted)
    if lines is None and not transaction.one("load.count_rejected", rejected_rows=rejected).rejected_count:
        return RejectedRows()
    malformed = Sql("") if lines is None else sql("load.malformed_quoted", malformed_lines=lines)
    quoted = transaction.make("load.quote_rejects", rejected_rows=rejected, rows=rows.given, malformed_quoted=malformed)
    found = transaction.run("load.rejects_by_reason", quoted_rejects=quoted)
    return RejectedRows(
        quoted,
        tuple(
            Reject(reason=row.reason, count=row.row_count, first_row=row.first_row, first_given=row.first_given)
            for row in found
        ),
    )


def check(
    transaction: Transaction, judged: JudgedRows, rejected: RejectedRows, row_count: int, options: LoadOptions
) -> None:
    """Refuse a load of which no row is accepted; with ``options.strict``, one of which any row is not.

    Raises
    ------
    RejectedBarsError
        With the reasons, and the way out.
    """
    if not rejected.count or not (options.strict or rejected.count == row_count):
        return
    rejects = rejected.by_reason
    shown = "; ".join(
        f"{reject.reason} ({reject.count} {'row' if reject.count == 1 else 'rows'}, "
        f"first {'row ' + str(reject.first_row) + ': ' if reject.first_row else ''}{reject.first_given})"
        for reject in rejects[:_SHOWN_REJECTS]
    )
    more = f"; and {len(rejects) - _SHOWN_REJECTS} more reasons" if len(rejects) > _SHOWN_REJECTS else ""
    unreadable = sum(reject.count for reject in rejects if reject.reason in (_UNREADABLE, A_DATE))
    kind = StampsError if unreadable == row_count else RejectedBarsError
    raise kind(
        f"{rejected.count} of {row_count} rows of {judged.rows.name} cannot be taken, nothing was loaded: "
        f"{shown}{more}; {_way_out(transaction, judged, rejected, row_count, options)}"
    )


def _way_out(
    transaction: Transaction, judged: JudgedRows, rejected: RejectedRows, row_count: int, options: LoadOptions
) -> str:
    if options.strict and rejected.count < row_count:
        return f"mend them, or load without {Option('strict', True)} to leave them out"
    reasons = [reject.reason for reject in rejected.by_reason]
    if A_DATE in reasons:
        return plausibility.WITHOUT_TIME
    if _UNREADABLE in reasons:
        way_out = plausibility.way_out(transaction, judged.rows, options)
        if way_out is not None:
            return way_out
        given = options.timestamp_format
        fits = "" if given is None else f", which {Option('timestamp_format', given)} does not fit"
        return (
            f"say how stamps are written{fits}, with {Option('timestamp_format')}, such as "
            f"{Option('timestamp_format', '%d.%m.%Y %H:%M')}, or which column they are in with "
            f"{Option('columns', {'bar_start': 'NAME'})}"
        )
    if any(reason.startswith(_AMBIGUOUS) for reason in reasons):
        ways = ", ".join(str(Option("ambiguous", way)) for way in ("first", "second", "infer"))
        return f"say which of the two times is meant: {ways}"
    what = "frame" if judged.rows.is_frame else "file"
    checked = ", ".join(str(Option(name)) for name in ("columns", "timezone", "timestamp_format", "label"))
    return f"check the options ({checked}) against the {what}"
