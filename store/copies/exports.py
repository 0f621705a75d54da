"""Bars handed out as files, brought up to date with the store by writing only what changed.

A partition is one symbol, interval and month. It has changed when its number of rows or its newest batch has: batches
only grow, so a bar that is new or revised brings a newer one, and a bar that went leaves fewer rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from barhouse.store.copies.export_folder import (
    Format,
    Held,
    Manifest,
    Selection,
    file_in,
    part_in,
    place_of,
    remove,
    sync_all,
)
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import InputError
from barhouse.store.hints import Option
from barhouse.store.model.reports import ExportReport

Progress = Callable[[int, int], None]

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

    @property
    def place(self) -> str:
        return place_of(self.symbol, self.interval, self.month)

    @property
    def first(self) -> datetime:
        return datetime.fromisoformat(f"{self.month}-01").replace(tzinfo=UTC)

    @property
    def end(self) -> datetime:
        return _month_after(self.first)


def _month_after(first: datetime) -> datetime:
    return first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)


def export(
    transaction: Transaction, folder: Path, selection: Selection, *, full: bool, progress: Progress | None
) -> ExportReport:
    """Bring a folder up to date inside one view of the store; see ``SessionStore.export``."""
    newest = (transaction.run("snapshot.newest_batch") or [(None, None)])[0]
    batch_id, committed_at = newest[0], None if newest[1] is None else newest[1].astimezone(UTC).isoformat()
    before = Manifest.read(folder) or Manifest(selection, None, None, {}, [])
    if not full:
        _refuse_other(transaction, folder, before, selection)
    known = {} if full else before.partitions
    held = [_Partition(*row) for row in transaction.run("export.partitions", _bounds(selection))]
    kept_from = {(row[0], row[1]): row[2].astimezone(UTC) for row in transaction.run("export.given_up")}
    there = {one.place for one in held}
    given_up = {place for place in known.keys() - there if _is_given_up(place, kept_from)}
    changed = [one for one in held if not _is_as_held(folder, one, known.get(one.place), selection)]
    _refuse_long(changed)
    gone = (before.partitions.keys() | set(before.unfinished)) - there - given_up
    clean = {place: one for place, one in known.items() if place in given_up}
    clean |= {one.place: known[one.place] for one in held if one.place in known and one not in changed}
    if changed or gone or before.unfinished or before.batch_id != batch_id or before.selection != selection:
        unfinished = sorted({one.place for one in changed} | gone | set(before.unfinished) - clean.keys())
        Manifest(selection, before.batch_id, before.committed_at, dict(clean), unfinished).write(folder)
        for place in gone:
            remove(folder, place)
        clean |= _write(transaction, folder, changed, selection, kept_from, progress)
        Manifest(selection, batch_id, committed_at, dict(sorted(clean.items())), []).write(folder)
    return ExportReport(
        folder=folder,
        format=selection.format,
        batch_id=batch_id,
        written=len(changed),
        rows=sum(clean[one.place].row_count for one in changed),
        unchanged=len(held) - len(changed),
        removed=len(gone),
        given_up=len(given_up),
    )


def _bounds(selection: Selection) -> dict[str, object]:
    return {
        "symbols": None if selection.symbols is None else list(selection.symbols),
        "intervals": None if selection.intervals is None else list(selection.intervals),
        "start": selection.start,
        "end": selection.end,
    }


def _refuse_other(transaction: Transaction, folder: Path, before: Manifest, selection: Selection) -> None:
    if before.selection != selection:
        raise InputError(
            f"{folder} holds an export of {before.selection}, not of {selection}; export into another folder, or write "
            f"this one again with {Option('full', True)}"
        )
    if before.batch_id is not None:
        asked = {"batch_id": before.batch_id, "committed_at": before.committed_at}
        if not transaction.one("snapshot.has_batch", asked)[0]:
            raise InputError(
                f"{folder} holds an export of another store, or of what this one was before it was restored: batch "
                f"{before.batch_id} of {before.committed_at} is not in there; export into another folder, or write "
                f"this one again with {Option('full', True)}"
            )


def _refuse_long(changed: list[_Partition]) -> None:
    for one in changed:
        name, _, _ = one.place.partition("/")
        if len(name) > _NAME_MAX:
            raise InputError(
                f"the symbol {one.symbol!r} would be in a folder whose name has {len(name)} bytes, and {_NAME_MAX} are "
                f"allowed; nothing was exported: say {Option('symbols')} without it"
            )


def _is_as_held(folder: Path, now: _Partition, held: Held | None, selection: Selection) -> bool:
    """Whether a partition's file is there and holds what the store does."""
    if held is None or (held.row_count, held.batch_id) != (now.row_count, now.batch_id):
        return False
    with suppress(FileNotFoundError):
        return file_in(folder, now.place, selection.format).stat().st_size == held.size_bytes
    return False


def _is_given_up(place: str, kept_from: dict[tuple[str, str], datetime]) -> bool:
    """Whether retention took all bars of a partition that the store no longer has: its file is what is left of them."""
    month = datetime.fromisoformat(f"{place.rpartition('=')[2]}-01").replace(tzinfo=UTC)
    return any(
        place == place_of(symbol, interval, place.rpartition("=")[2]) and _month_after(month) <= instant
        for (symbol, interval), instant in kept_from.items()
    )


def _write(
    transaction: Transaction,
    folder: Path,
    changed: list[_Partition],
    selection: Selection,
    kept_from: dict[tuple[str, str], datetime],
    progress: Progress | None,
) -> dict[str, Held]:
    """Write partitions beside those they replace, all in one pass over the store, and then put them in place."""
    if not changed:
        return {}
    form, sizes = selection.format, {}
    for number, (one, pieces) in enumerate(_pieces(transaction, changed, selection), start=1):
        part = part_in(folder, one.place, form)
        part.parent.mkdir(parents=True, exist_ok=True)
        first = next(pieces)
        old = _given_up_rows(folder, one, form, kept_from)
        _write_file(part, form, itertools.chain((rows.cast(first.schema) for rows in old), [first], pieces))
        sizes[one.place] = part.stat().st_size
        if progress is not None:
            progress(number, len(changed))
    sync_all(part_in(folder, one.place, form) for one in changed)
    for one in changed:
        part_in(folder, one.place, form).replace(file_in(folder, one.place, form))
        remove(folder, one.place, but=form)
    sync_all(folder / one.place for one in changed)
    return {one.place: Held(one.row_count, one.batch_id, sizes[one.place]) for one in changed}


def _pieces(
    transaction: Transaction, changed: list[_Partition], selection: Selection
) -> Iterator[tuple[_Partition, Iterator[pa.Table]]]:
    """Read the bars of partitions, in their order; each one's pieces must be read before the next is asked for."""
    asked = {
        "part": pa.array(range(len(changed)), pa.int64()),
        "symbol": [one.symbol for one in changed],
        "interval": [one.interval for one in changed],
        "month": pa.array([one.first.date() for one in changed], pa.date32()),
    }
    transaction.register("asked", pa.table(asked))
    first, last = min(one.first for one in changed), max(one.end for one in changed)
    if selection.start is not None:
        first = max(first, datetime.fromisoformat(selection.start))
    if selection.end is not None:
        last = min(last, datetime.fromisoformat(selection.end))
    bounds = {"first": first, "last": last}
    with transaction.stream("export.rows", bounds, batch_rows=_ROWS_AT_A_TIME) as reader:
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
    folder: Path, one: _Partition, form: Format, kept_from: dict[tuple[str, str], datetime]
) -> Iterator[pa.Table]:
    """Give the bars of a partition that retention took from the store, and that its file still has."""
    instant, file = kept_from.get((one.symbol, one.interval)), file_in(folder, one.place, form)
    if instant is not None and one.first < instant and file.exists():
        old = _READERS[form](file)
        yield old.filter(pc.less(old["bar_start"], pa.scalar(instant, old["bar_start"].type)))


def _read_csv(file: Path) -> pa.Table:
    kinds = dict.fromkeys(("bar_start", "bar_end"), pa.timestamp("us", "UTC")) | {"session_date": pa.date32()}
    return pyarrow.csv.read_csv(file, convert_options=pyarrow.csv.ConvertOptions(column_types=kinds))


def _write_file(part: Path, form: Format, pieces: Iterator[pa.Table]) -> None:
    writer = None
    try:
        for piece in pieces:
            rows = _spelled(piece) if form == "csv" else piece
            if writer is None:
                writer = _WRITERS[form](part, rows.schema)
            writer.write_table(rows)
    finally:
        if writer is not None:
            writer.close()


def _spelled(rows: pa.Table) -> pa.Table:
    """Spell instants in ISO 8601."""
    columns = []
    for column in rows.columns:
        if pa.types.is_timestamp(column.type):
            local = column.cast(pa.timestamp("us"))
            with suppress(pa.ArrowInvalid):  # not all on whole seconds
                local = local.cast(pa.timestamp("s"))
            column = pc.strftime(local, format="%Y-%m-%dT%H:%M:%SZ")  # noqa: PLW2901
        columns.append(column)
    return pa.Table.from_arrays(columns, names=rows.column_names)


_WRITERS: dict[Format, Callable[[Path, pa.Schema], Any]] = {
    "parquet": lambda part, schema: pyarrow.parquet.ParquetWriter(part, schema, compression="zstd"),
    "csv": lambda part, schema: pyarrow.csv.CSVWriter(str(part), schema),
    "arrow": lambda part, schema: pa.ipc.new_file(str(part), schema),
}
_READERS: dict[Format, Callable[[Path], pa.Table]] = {
    "parquet": lambda file: pyarrow.parquet.ParquetFile(file).read(),
    "csv": _read_csv,
    "arrow": lambda file: pa.ipc.open_file(pa.OSFile(str(file))).read_all(),
}
