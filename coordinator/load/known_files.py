"""Loading a file again: while neither it nor anything it was loaded into has changed, what comes of it is known."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import duckdb
import pyarrow as pa

from barhouse.coordinator.sources.options import LoadOptions
from barhouse.coordinator.sources.source import Source
from barhouse.store.calendars.time_zone import zone_pieces
from barhouse.store.database.transaction import Row, TemporaryTable, Transaction
from barhouse.store.model.reports import LoadReport
from barhouse.store.places.address import is_address
from barhouse.store.records.batch import Batch
from barhouse.store.records.declared_columns import declared_columns
from barhouse.store.sql import sql

_DAY = timedelta(days=1)


def note(transaction: Transaction, source: Source, request: str, options: LoadOptions, report: LoadReport) -> None:
    """Record which files were loaded, so that they are known again, and what the load came to where that is certain.

    It is not where rows were refused, for reasons that pass: the clock moves on, symbols are registered. Nor where
    other bars go with those that are sent, where a file's path says something about its rows, or where the file was
    written to while it was read.
    """
    if not source.files:
        return
    certain = (
        _stands_alone(source)
        and not report.rejected
        and not report.conflicts
        and report.last_bar_end is not None
        and options.replace is None
        and _is_as_it_was(source)
    )
    transaction.write(
        "load.note_files",
        {
            "request": request,
            "batch_id": report.batch_id,
            "outcome": report.model_dump_json() if certain else None,
            "read_with": _programs() + declared_columns(transaction).signature + _clock_changes(report, options)
            if certain
            else None,
        },
        source_files=_attached(transaction, source),
        priorities=sql("load.priorities"),
    )


def recall(transaction: Transaction, source: Source, request: str, options: LoadOptions) -> LoadReport | None:
    """Load a file again without reading it, as a batch of unchanged rows; None when it has to be compared.

    Certain is only that bars are what they were after the file was loaded: since then no batch wrote any of those
    intervals from its first bar to its last, and none deleted, removed, repaired, purged or changed a calendar
    anywhere.
    """
    if not _stands_alone(source):
        return None
    found = _found(transaction, source, request, options)
    if found is None:
        return None
    before = LoadReport.model_validate_json(found.outcome)
    if before.last_bar_end is None or before.last_bar_end > transaction.now:
        return None
    columns = declared_columns(transaction).signature
    if found.read_with != _programs() + columns + _clock_changes(before, options) + found.priorities:
        return None
    written = {
        "symbols": list(before.symbols),
        "interval": before.interval,
        "first_bar": before.first_bar,
        "last_bar_end": before.last_bar_end,
        "bar_count": before.rows - before.repeated,
        "batch_id": found.batch_id,
    }
    if transaction.one("load.changed_since", written).is_changed:
        return None
    batch = Batch.begin(transaction, "load", source.name)
    batch.unchanged = before.rows
    batch.vendor = options.vendor
    batch.write(transaction)
    counts = {"inserted": 0, "revised": 0, "unchanged": before.rows}
    report = before.model_copy(update={"batch_id": batch.batch_id, "source": source.name, **counts})
    note(transaction, source, request, options, report)
    return report


def may_be_recalled(transaction: Transaction, source: Source, request: str, options: LoadOptions) -> bool:
    """Whether it looks as if a file need not be read again, so that it is not worth while to bring it here first."""
    return _stands_alone(source) and _found(transaction, source, request, options) is not None


def _found(transaction: Transaction, source: Source, request: str, options: LoadOptions) -> Row | None:
    """The load to be recalled, as the statement has it."""
    asked = {"request": request, "programs": _programs(), "vendor": options.vendor}
    files = _attached(transaction, source)
    rows = transaction.run("load.recall", asked, source_files=files, priorities=sql("load.priorities"))
    return next(iter(rows), None)


def _attached(transaction: Transaction, source: Source) -> TemporaryTable:
    return transaction.attach("source_files", pa.Table.from_pylist([asdict(file) for file in source.files]))


def _stands_alone(source: Source) -> bool:
    """Whether it is one file that says all by itself: its path names no symbol or column, and no link its kind."""
    if len(source.files) != 1 or source.path_symbol is not None:
        return False
    (file,) = source.files
    if is_address(file.on_disk):
        return "=" not in file.on_disk
    given, found = Path(file.on_disk), Path(file.on_disk).resolve()
    return "=" not in f"{given}{found}" and given.name == found.name


def _is_as_it_was(source: Source) -> bool:
    """Whether nobody wrote to the file after its fingerprint was taken; then that is not of what was read."""
    (file,) = source.files
    if is_address(file.on_disk):
        return True  # it was read in the version that was looked at, or not at all
    try:
        found = Path(file.on_disk).stat()
    except OSError:
        return False
    return found.st_size == file.size_bytes and datetime.fromtimestamp(found.st_mtime, UTC) == file.modified_at


def _programs() -> str:
    """What reads files and understands them."""
    return f"barhouse {version('barhouse')}, duckdb {duckdb.__version__}, pyarrow {pa.__version__}; "


def _clock_changes(report: LoadReport, options: LoadOptions) -> str:
    """A digest of how far the zone of naive stamps is from UTC in the days of the bars; empty without a zone."""
    if options.timezone is None or report.first_bar is None or report.last_bar_end is None:
        return ""
    pieces = zone_pieces(options.timezone, report.first_bar.date() - _DAY, report.last_bar_end.date() + _DAY)
    return hashlib.blake2b(repr(pieces.to_pydict()).encode()).hexdigest()[:32]
