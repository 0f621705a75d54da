"""Bars handed out as files, brought up to date with the store by writing only what changed.

A partition is one symbol, interval and month. It has changed when its number of rows or its newest batch has: batches
only grow, so a bar that is new or revised brings a newer one, and a bar that went leaves fewer rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from barhouse.store.copies.bar_format import ExportFormat, failed, format_named
from barhouse.store.copies.export_folder import place_of
from barhouse.store.copies.export_manifest import Manifest, PartitionState, Selection
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import InputError
from barhouse.store.hints import Option
from barhouse.store.model.bar import INSTANT
from barhouse.store.model.reports import ExportReport
from barhouse.store.records import session_days
from barhouse.store.sql import Sql, sql

Progress = Callable[[int, int], None]


class ExportPlace(Protocol):
    """Where an export goes, a folder or a part of a bucket: one file for a partition, and the manifest apart."""

    @property
    def target(self) -> Path | str:
        """What reports call it."""

    @property
    def is_of_before(self) -> bool:
        """Whether its manifest lies where readers meet it, as it did once."""

    def manifest(self) -> Manifest | None:
        """Read what it holds; None for one that is new or empty."""

    def note(self, manifest: Manifest) -> None:
        """Write down what it holds."""

    def holds(self, place: str, suffix: str, state: PartitionState) -> bool:
        """Whether a partition's file is there as it was left."""

    def held(self, place: str, suffix: str) -> Path | None:
        """Give a partition's file to be read; None where there is none."""

    def part(self, number: int) -> Path:
        """Name what a partition's file is written as before it takes its place."""

    def settle(self, parts: Mapping[str, Path], suffix: str) -> dict[str, str | None]:
        """Put files that are whole in the places of partitions; returns their versions, where there are such."""

    def clear_parts(self) -> None:
        """Remove what an export that was cut short has left."""

    def remove(self, place: str) -> None:
        """Remove a partition's files of all formats."""


_ROWS_AT_A_TIME = 122_880

#: Bytes that file systems allow a name.
_NAME_MAX = 255


@dataclass(frozen=True, slots=True)
class _Partition:
    symbol: str
    interval: str
    month: str
    row_count: int
    batch_id: int
    start: datetime | None  # of what is asked for; None: all of the month
    end: datetime | None

    @property
    def place(self) -> str:
        return place_of(self.symbol, self.interval, self.month)

    @property
    def month_start(self) -> datetime:
        return datetime.fromisoformat(f"{self.month}-01").replace(tzinfo=UTC)

    @property
    def first_at(self) -> datetime:
        """Where it begins: with its month, or within."""
        return max(self.month_start, self.start or self.month_start)

    @property
    def end_at(self) -> datetime:
        """Where it ends: with its month, or within."""
        month_end = _month_after(self.month_start)
        return min(month_end, self.end or month_end)


def _month_after(first: datetime) -> datetime:
    return first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)


def export(
    transaction: Transaction, folder: ExportPlace, selection: Selection, *, full: bool, progress: Progress | None
) -> ExportReport:
    """Bring a folder up to date inside one view of the store; see ``SessionStore.export``."""
    suffix = format_named(selection.format).suffix
    newest = next(iter(transaction.run("copies.newest_batch")), None)
    batch_id = None if newest is None else newest.batch_id
    committed_at = None if newest is None else newest.committed_at.astimezone(UTC).isoformat()
    folder.clear_parts()
    before = folder.manifest() or Manifest(selection, None, None, {}, [])
    if not full:
        _refuse_other(transaction, folder, before, selection)
    known = {} if full else before.partitions
    spans = _spans(transaction, selection)
    held = _partitions(transaction, selection, spans)
    kept_from = {} if full else _retained_from(transaction)
    renaming = _Renaming.since(transaction, before)
    there = {partition.place for partition in held}
    given_up = {place for place in known.keys() - there if _is_given_up(place, renaming.kept_from(kept_from))}
    changed = [
        partition
        for partition in held
        if partition.symbol in renaming.names or not _is_as_held(folder, partition, known.get(partition.place), suffix)
    ]
    _refuse_long(changed)
    gone = (before.partitions.keys() | set(before.unfinished)) - there - given_up
    clean = {place: one for place, one in known.items() if place in given_up}
    clean |= {
        partition.place: known[partition.place]
        for partition in held
        if partition.place in known and partition not in changed
    }
    stale = before.batch_id != batch_id or before.selection != selection or folder.is_of_before
    kept = 0
    if changed or gone or before.unfinished or stale:
        unfinished = sorted({partition.place for partition in changed} | gone | set(before.unfinished) - clean.keys())
        folder.note(Manifest(selection, before.batch_id, before.committed_at, dict(clean), unfinished))
        moved = {place for partition in changed for place in renaming.places_before(partition)}
        for place in gone - moved:
            folder.remove(place)
        written, kept = _write(transaction, folder, changed, selection, kept_from, renaming, progress)
        for place in gone & moved:  # what retention took was read from there
            folder.remove(place)
        clean |= written
        folder.note(Manifest(selection, batch_id, committed_at, dict(sorted(clean.items())), []))
    return ExportReport(
        folder=folder.target,
        format=selection.format,
        batch_id=batch_id,
        written=len(changed),
        rows=sum(clean[partition.place].row_count for partition in changed),
        kept=kept,
        unchanged=len(held) - len(changed),
        removed=len(gone),
        given_up=len(given_up),
    )


def _spans(transaction: Transaction, selection: Selection) -> dict[str, session_days.Range] | None:
    """The range asked for, on each calendar; None where all is asked for."""
    start, end = selection.bounds
    if start is None and end is None:
        return None
    symbols = None if selection.symbols is None else list(selection.symbols)
    calendars = [name for (name,) in transaction.run("records.calendars_of_symbols", {"symbols": symbols})]
    return session_days.ranges(transaction, calendars, start, end)


def _partitions(
    transaction: Transaction, selection: Selection, spans: dict[str, session_days.Range] | None
) -> list[_Partition]:
    bars = Sql("bar")
    if spans is not None:
        table = transaction.attach("calendar_spans", session_days.as_table(spans))
        bars = sql("copies.bars_within", calendar_spans=table)
    asked = {
        "symbols": None if selection.symbols is None else list(selection.symbols),
        "intervals": None if selection.intervals is None else list(selection.intervals),
    }
    held = []
    for row in transaction.run("copies.partitions", asked, bars=bars):
        start, end = (None, None) if spans is None else spans[row.calendar]
        held.append(_Partition(row.symbol, row.interval, row.month, row.row_count, row.batch_id, start, end))
    return held


@dataclass(frozen=True, slots=True)
class _Renaming:
    """What symbols were called before, which is what an export before that called their folders.

    Attributes
    ----------
    names
        The names that were given or taken since the folder was written: whose bars lie there is another symbol's.
    former
        The names that symbols had, by those of today.
    """

    names: frozenset[str]
    former: dict[str, list[str]]

    @classmethod
    def since(cls, transaction: Transaction, before: Manifest) -> _Renaming:
        former: dict[str, list[str]] = {}
        for row in transaction.run("records.former_names"):
            former.setdefault(row.symbol, []).append(row.name)
        rows = (
            [] if before.batch_id is None else transaction.run("records.renamed_since", {"batch_id": before.batch_id})
        )
        return cls(frozenset(row.name for row in rows), former)

    def kept_from(self, kept: dict[tuple[str, str], datetime]) -> dict[tuple[str, str], datetime]:
        """Where bars start of which retention took some, by former names, too: their old files stay where they are."""
        found = dict(kept)
        for (symbol, interval), instant in kept.items():
            for name in self.former.get(symbol, ()):
                found[name, interval] = max(instant, found.get((name, interval), instant))
        return found

    def places_before(self, partition: _Partition) -> list[str]:
        """Where the bars of a partition may lie that was written before its symbol got its name."""
        if partition.symbol not in self.names:
            return []
        return [place_of(name, partition.interval, partition.month) for name in self.former.get(partition.symbol, ())]


def _retained_from(transaction: Transaction) -> dict[tuple[str, str], datetime]:
    """Where bars start of which retention took some, by symbol and interval."""
    rows = transaction.run("copies.retained_intervals")
    return {(row.symbol, row.interval): row.retained_from.astimezone(UTC) for row in rows}


def _refuse_other(transaction: Transaction, folder: ExportPlace, before: Manifest, selection: Selection) -> None:
    if before.selection != selection:
        raise InputError(
            f"{folder.target} holds an export of {before.selection}, not of {selection}; export into another folder, "
            f"or write this one again with {Option('full', True)}"
        )
    if before.batch_id is not None:
        asked = {"batch_id": before.batch_id, "committed_at": before.committed_at}
        if not transaction.one("copies.batch_count", asked).batch_count:
            raise InputError(
                f"{folder.target} holds an export of another store, or of what this one was before it was restored: "
                f"batch {before.batch_id} of {before.committed_at} is not in there; export into another folder, or "
                f"write this one again with {Option('full', True)}"
            )


def _refuse_long(changed: list[_Partition]) -> None:
    for partition in changed:
        name, _, _ = partition.place.partition("/")
        if len(name) > _NAME_MAX:
            raise InputError(
                f"the symbol {partition.symbol!r} would be in a folder whose name has {len(name)} bytes, and "
                f"{_NAME_MAX} are allowed; nothing was exported: say {Option('symbols')} without it"
            )


def _is_as_held(folder: ExportPlace, now: _Partition, held: PartitionState | None, suffix: str) -> bool:
    """Whether a partition's file is there and holds what the store does."""
    if held is None or (held.row_count, held.batch_id) != (now.row_count, now.batch_id):
        return False
    return folder.holds(now.place, suffix, held)


def _is_given_up(place: str, kept_from: dict[tuple[str, str], datetime]) -> bool:
    """Whether retention took all bars of a partition that the store no longer has: its file is what is left of them."""
    month = datetime.fromisoformat(f"{place.rpartition('=')[2]}-01").replace(tzinfo=UTC)
    return any(
        place == place_of(symbol, interval, place.rpartition("=")[2]) and _month_after(month) <= instant
        for (symbol, interval), instant in kept_from.items()
    )


def _write(
    transaction: Transaction,
    folder: ExportPlace,
    changed: list[_Partition],
    selection: Selection,
    kept_from: dict[tuple[str, str], datetime],
    renaming: _Renaming,
    progress: Progress | None,
) -> tuple[dict[str, PartitionState], int]:
    """Write partitions beside those they replace, all in one pass over the store, and then put them in place.

    Returns what they hold of the store, and how many bars besides they keep that the store gave up.
    """
    if not changed:
        return {}, 0
    form, sizes, parts, kept = format_named(selection.format), {}, {}, 0
    for number, (partition, pieces) in enumerate(_pieces(transaction, changed), start=1):
        part = parts[partition.place] = folder.part(number)
        first = next(pieces)
        places = [partition.place, *renaming.places_before(partition)]
        old = list(_given_up_rows(folder, partition, places, form.suffix, selection.format, kept_from))
        kept += sum(rows.num_rows for rows in old)
        _write_file(
            part, form, selection.format, itertools.chain((rows.cast(first.schema) for rows in old), [first], pieces)
        )
        sizes[partition.place] = part.stat().st_size
        if progress is not None:
            progress(number, len(changed))
    versions = folder.settle(parts, form.suffix)
    held = {
        partition.place: PartitionState(
            partition.row_count, partition.batch_id, sizes[partition.place], versions[partition.place]
        )
        for partition in changed
    }
    return held, kept


def _pieces(transaction: Transaction, changed: list[_Partition]) -> Iterator[tuple[_Partition, Iterator[pa.Table]]]:
    """Read the bars of partitions, in their order; each one's pieces must be read before the next is asked for."""
    asked = {
        "part": pa.array(range(len(changed)), pa.int64()),
        "symbol": [partition.symbol for partition in changed],
        "interval": [partition.interval for partition in changed],
        "month": pa.array([partition.month_start.date() for partition in changed], pa.date32()),
        "first_at": pa.array([partition.first_at for partition in changed], INSTANT),
        "end_at": pa.array([partition.end_at for partition in changed], INSTANT),
    }
    partitions = transaction.attach("asked_partitions", pa.table(asked))
    bounds = {
        "first": min(partition.first_at for partition in changed),
        "last": max(partition.end_at for partition in changed),
    }
    with transaction.stream(
        "copies.partition_rows", bounds, batch_rows=_ROWS_AT_A_TIME, asked_partitions=partitions
    ) as reader:
        runs = itertools.chain.from_iterable(map(_runs, reader))
        for number, pieces in itertools.groupby(runs, key=lambda run: run[0]):
            yield changed[number], (piece for _, piece in pieces)


def _runs(batch: pa.RecordBatch) -> Iterator[tuple[int, pa.Table]]:
    """Cut a batch where its partition changes."""
    if not batch.num_rows:
        return
    numbers = pc.run_end_encode(batch.column("part"))
    rows, start = pa.Table.from_batches([batch]).drop_columns(["part"]), 0
    for end, number in zip(numbers.run_ends.to_pylist(), numbers.values.to_pylist(), strict=True):
        yield number, rows.slice(start, end - start)
        start = end


def _given_up_rows(
    folder: ExportPlace,
    partition: _Partition,
    places: list[str],
    suffix: str,
    name: str,
    kept_from: dict[tuple[str, str], datetime],
) -> Iterator[pa.Table]:
    """Give the bars of a partition that retention took, and that the file in the first of some places still has."""
    instant = kept_from.get((partition.symbol, partition.interval))
    if instant is None or partition.month_start >= instant:
        return
    file = next((there for place in places if (there := folder.held(place, suffix)) is not None), None)
    if file is not None:
        with _named(name):
            old = format_named(name).read(file)
        yield old.filter(pc.less(old["bar_start"], pa.scalar(instant, old["bar_start"].type)))


def _write_file(part: Path, form: ExportFormat, name: str, pieces: Iterator[pa.Table]) -> None:
    writer = None
    try:
        for piece in pieces:
            with _named(name):
                writer = writer or form.writer(part, piece.schema)
                writer.write_table(piece)
    finally:
        if writer is not None:
            with _named(name):
                writer.close()


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Say which package's format it was that failed."""
    try:
        yield
    except (Exception, SystemExit) as error:
        said = failed(name, error)
        if said is error:
            raise
        raise said from error
