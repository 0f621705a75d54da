"""Rejects: rows left out, quoted as they were given, each with the reason."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from barhouse.coordinator.load import midnights, plausibility
from barhouse.coordinator.load.acceptance import AcceptedRows
from barhouse.coordinator.load.canonical_rows import CanonicalRows
from barhouse.coordinator.load.columns import A_DATE
from barhouse.coordinator.load.number_formats import could_be_thousands, signs_of
from barhouse.coordinator.load.numbers import NOT_A_NUMBER
from barhouse.coordinator.load.placement import UNNAMED, JudgedRows
from barhouse.coordinator.load.stamp_formats import are_digits, are_of_a_spreadsheet, formats_of, is_iso
from barhouse.coordinator.load.symbol_map import SymbolMap, reason_unregistered
from barhouse.coordinator.load.unfinished_bars import UNFINISHED
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.store.database.transaction import Relation, TemporaryTable, Transaction
from barhouse.store.errors import RejectedBarsError, StampsError
from barhouse.store.hints import Action, Option
from barhouse.store.model.reports import Reject
from barhouse.store.model.words import counted
from barhouse.store.sql import Sql, sql

_SHOWN_REJECTS = 3
#: Reasons in ``sql/load/placement.sql`` that the options may be to blame for.
UNREADABLE = "the stamp cannot be read"
_AMBIGUOUS = "ambiguous local time"
_PASSES = [Option("ambiguous", way) for way in ("first", "second", "infer")]
_VOLUMES = frozenset([f"volume{NOT_A_NUMBER}", "volume is missing"])
#: What DuckDB says of a line in another encoding.
_NOT_UTF_8 = "This file is not utf-8 encoded"


@dataclass(frozen=True, slots=True)
class QuotedRejects:
    """The rows left out.

    Attributes
    ----------
    quoted
        ``quoted_rejects``: each as it was given, with its reason; none without any.
    by_reason
        The same, counted by reason.
    empty_count
        How many rows beside them say nothing of a bar.
    """

    quoted: tuple[TemporaryTable, ...] = ()
    by_reason: tuple[Reject, ...] = ()
    empty_count: int = 0

    @property
    def count(self) -> int:
        """How many rows that is."""
        return sum(reject.count for reject in self.by_reason)

    def keep(self, transaction: Transaction, batch_id: int) -> None:
        """Make them part of the store."""
        for quoted in self.quoted:
            transaction.write("load.keep_rejects", {"batch_id": batch_id}, quoted_rejects=quoted)

    def after(self, others: QuotedRejects) -> QuotedRejects:
        """These and others, which come first."""
        empty_count = others.empty_count + self.empty_count
        return QuotedRejects(others.quoted + self.quoted, others.by_reason + self.by_reason, empty_count)


def quote(transaction: Transaction, judged: JudgedRows, accepted: AcceptedRows) -> QuotedRejects:
    """Quote the rows that were not accepted; what was given is read again, for few loads need it."""
    rows = judged.rows
    lines = malformed_in(transaction, rows)
    if judged.row_count == accepted.count and lines is None:
        return QuotedRejects()
    contradicted = Sql("")
    if accepted.repeats is not None and accepted.contradicted_count:
        contradicted = sql("load.contradicted_rows", repeated_rows=accepted.repeats)
    rejected = transaction.make("load.rejected_rows", judged_rows=accepted.judged, contradicted_rows=contradicted)
    return quoted_of(transaction, rejected, rows.given, lines)


def malformed_in(transaction: Transaction, rows: CanonicalRows) -> TemporaryTable | None:
    """The lines of a text that are no rows; None where all are."""
    lines = rows.malformed
    if lines is None or not transaction.one("load.count_malformed", malformed_lines=lines).malformed_count:
        return None
    return lines


def quoted_of(
    transaction: Transaction,
    rejected: TemporaryTable,
    given: Relation,
    lines: TemporaryTable | None,
    named: str | None = None,
) -> QuotedRejects:
    """Quote rows that are left out (``rejected_rows``) as they were given, and ``lines`` that are none.

    ``named`` calls the table so.
    """
    counts = transaction.one("load.count_rejected", rejected_rows=rejected)
    if lines is None and not counts.rejected_count:
        return QuotedRejects(empty_count=counts.empty_count)
    malformed = Sql("") if lines is None else sql("load.malformed_quoted", malformed_lines=lines)
    quoted = transaction.make(
        "load.quote_rejects", named=named, rejected_rows=rejected, rows=given, malformed_quoted=malformed
    )
    found = transaction.run("load.rejects_by_reason", quoted_rejects=quoted)
    return QuotedRejects(
        (quoted,),
        tuple(
            Reject(reason=row.reason, count=row.row_count, first_row=row.first_row, first_given=row.first_given)
            for row in found
        ),
        counts.empty_count,
    )


def check(
    transaction: Transaction, judged: JudgedRows, rejected: QuotedRejects, row_count: int, options: LoadOptions
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
        f"{reject.reason} ({counted(reject.count, 'row')}, "
        f"first {'row ' + str(reject.first_row) + ': ' if reject.first_row else ''}{reject.first_given})"
        for reject in rejects[:_SHOWN_REJECTS]
    )
    more = f"; and {counted(len(rejects) - _SHOWN_REJECTS, 'more reason')}" if len(rejects) > _SHOWN_REJECTS else ""
    unreadable = sum(reject.count for reject in rejects if reject.reason in (UNREADABLE, A_DATE))
    kind = StampsError if unreadable == row_count else RejectedBarsError
    raise kind(
        f"{rejected.count:,} of {counted(row_count, 'row')} of {judged.rows.name} cannot be taken, nothing was loaded: "
        f"{shown}{more}; {_way_out(transaction, judged, rejected, row_count, options)}"
    )


def _way_out(
    transaction: Transaction, judged: JudgedRows, rejected: QuotedRejects, row_count: int, options: LoadOptions
) -> str:
    if options.strict and rejected.count < row_count:
        return f"mend them, or load without {Option('strict', True)} to leave them out"
    reasons = {reject.reason: reject for reject in rejected.by_reason}
    ways, explained = _ways_of_symbols(judged.rows.symbols, reasons)
    explained |= {UNREADABLE, A_DATE}
    if UNREADABLE in reasons:
        is_count = not are_digits(_stamp_of(judged, reasons[UNREADABLE]) or "")
        unit = plausibility.way_out(transaction, judged.rows, options) if is_count else None
        ways.append(unit or _way_to_read(judged, reasons[UNREADABLE], options))
    if A_DATE in reasons:
        ways.append(plausibility.WITHOUT_TIME)
    said = _way_to_read_numbers(reasons)
    if said is not None:
        ways.append(said)
        explained |= {reason for reason in reasons if reason.endswith(NOT_A_NUMBER)}
    elif volumes := _VOLUMES.intersection(reasons):
        ways.append(f"where there is no volume, {Option('columns', {'volume': None})} takes it as 0")
        explained |= volumes
    if any(_NOT_UTF_8 in reason for reason in reasons):
        ways.append(f"say which encoding it is in with {Option('encoding')}, such as {Option('encoding', 'latin-1')}")
    if ambiguous := {reason for reason in reasons if reason.startswith(_AMBIGUOUS)}:
        ways.append(f"say which of the two times is meant: {', '.join(map(str, _PASSES))}")
        explained |= ambiguous
    if unnamed := {reason for reason in reasons if reason.startswith(UNNAMED)}:
        days = midnights.way_out(transaction, judged.rows, options)
        ways += [] if days is None else [days]
        explained |= set() if days is None else unnamed
    if unfinished := {reason for reason in reasons if reason.startswith(UNFINISHED)}:
        ways.append("load bars once they are whole; where that column means something else, leave it out")
        explained |= unfinished
    if not explained.issuperset(reasons):
        what = "frame" if judged.rows.is_frame else "file"
        checked = ", ".join(str(Option(name)) for name in ("columns", "timezone", "timestamp_format", "label"))
        ways.append(f"check the options ({checked}) against the {what}")
    return "; ".join(ways)


def _ways_of_symbols(symbols: SymbolMap, reasons: Mapping[str, Reject]) -> tuple[list[str], set[str]]:
    """What to do about rows whose name means no symbol, and the reasons that this explains."""
    ways = []
    explained = {reason for reason in symbols.refusals if reason in reasons}
    if explained:
        ways.append("load rows by the name that their symbol has now, or had in their sessions")
    unregistered = [name for name in symbols.unregistered if reason_unregistered(name) in reasons]
    if unregistered:
        ways.append(f"register {'it' if len(unregistered) == 1 else 'them'} first, {Action('register', unregistered)}")
        explained |= set(map(reason_unregistered, unregistered))
    return ways, explained


def _way_to_read_numbers(reasons: Mapping[str, Reject]) -> str | None:
    """Say how numbers may be written, by the first that could not be read; None where that tells nothing."""
    misread = [reason for reason in reasons if reason.endswith(NOT_A_NUMBER)]
    signs = next((found for reason in misread if (found := _signs_in(reasons[reason]))), None)
    if signs is None:
        return None
    either = next((text for reason in misread if (text := _either_in(reasons[reason]))), None)
    said = " and ".join(str(Option(name, sign)) for name, sign in signs.items())
    if signs == {"decimal": ","} and either is not None:
        said = f"{said} where {either} is a fraction, {Option('thousands', ',')} where it is more than a thousand"
    return f"say how numbers are written, with {said}"


def _way_to_read(judged: JudgedRows, unreadable: Reject, options: LoadOptions) -> str:
    """Say how stamps can be read, by the first that could not."""
    text = _stamp_of(judged, unreadable)
    such = "stamps" if text is None else f"stamps such as {text!r}"
    given = options.timestamp_format
    likely = [form for form in formats_of(text or "") if form != given]
    if given is not None and is_iso(text or "") and not likely:
        return f"{Option('timestamp_format', given)} does not fit {such}, which are ISO 8601; leave it out"
    if are_of_a_spreadsheet(text or ""):
        return f"{such} look like days as spreadsheets count them: write them as dates, such as 2024-03-05 14:30"
    before = f"say how {such} are written"
    if given is not None:
        before = f"{Option('timestamp_format', given)} does not fit {such}; say how they are written"
    forms = " or ".join(str(Option("timestamp_format", form)) for form in likely or ["%d.%m.%Y %H:%M"])
    by = "with" if likely else f"with {Option('timestamp_format')}, such as"
    if any("%Z" in form for form in likely):
        forms += f" and whose clock has such names with {Option('timezone', 'America/New_York')}"
    column = Option("columns", {judged.rows.stamp_part: "NAME"})
    return f"{before}, {by} {forms}, or which column they are in with {column}"


def _signs_in(misread: Reject) -> Mapping[str, str] | None:
    """How the first number may be written that could not be read."""
    values = map(str, json.loads(misread.first_given).values())
    return max((signs for text in values if (signs := signs_of(text)) is not None), key=len, default=None)


def _either_in(misread: Reject) -> str | None:
    """The first number in which a comma may stand between thousands as well as before decimals."""
    values = map(str, json.loads(misread.first_given).values())
    return next((text for text in values if could_be_thousands(text)), None)


def _stamp_of(judged: JudgedRows, reject: Reject) -> str | None:
    """The stamp of a row as it was given; None where it has none."""
    column, given = judged.rows.stamps, json.loads(reject.first_given)
    texts = [] if column is None else [str(given[name]).strip() for name in column.names if given.get(name) is not None]
    return textwrap.shorten(" ".join(texts), 40) or None
