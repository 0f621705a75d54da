"""Rows in the files that Arrow writes: IPC files and streams, and feather of both versions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from barhouse.store.errors import SourceError

#: How a file begins, and how a stream ends when it is whole.
_FILE, _FEATHER_1, _STREAM_END = b"ARROW1", b"FEA1", b"\xff\xff\xff\xff\0\0\0\0"


@contextmanager
def arrow_rows(path: str, name: str) -> Iterator[pa.RecordBatchReader]:
    """Read a file, called ``name`` in messages, batch by batch.

    Raises
    ------
    SourceError
        When it is none of these, damaged or cut off.
    """
    try:
        with pa.OSFile(path) as opened:
            begins = bytes(opened.read(len(_FILE)))
            opened.seek(0)
            if begins == _FILE:
                read = _of_file(pa.ipc.open_file(opened))
            elif begins.startswith(_FEATHER_1):
                from pyarrow import feather

                read = feather.read_table(path, memory_map=False).to_reader()
            else:
                read = _of_stream(opened, Path(path))
            checked = pa.RecordBatchReader.from_batches(read.schema, map(_checked, read))
            yield checked
    except SourceError:
        raise
    except (pa.ArrowException, OSError, ValueError, EOFError) as error:
        raise SourceError(
            f"{name} cannot be read: it is no whole file of Arrow's ({error}); fetch or write it again"
        ) from error


def _of_file(opened: pa.ipc.RecordBatchFileReader) -> pa.RecordBatchReader:
    batches = (opened.get_batch(number) for number in range(opened.num_record_batches))
    return pa.RecordBatchReader.from_batches(opened.schema, batches)


def _of_stream(opened: pa.OSFile, path: Path) -> pa.RecordBatchReader:
    """Read a stream to its own end and that of the file: one that is cut off between two batches looks whole."""
    stream = pa.ipc.open_stream(opened)

    def batches() -> Iterator[pa.RecordBatch]:
        yield from stream
        opened.seek(opened.tell() - len(_STREAM_END))
        if bytes(opened.read(len(_STREAM_END))) != _STREAM_END:
            raise EOFError("it has no end")
        if opened.tell() != path.stat().st_size:
            raise EOFError("more follows its end")

    return pa.RecordBatchReader.from_batches(stream.schema, batches())


def _checked(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch, once it is seen that it does not point outside of itself, which would be read without a question."""
    batch.validate(full=True)
    return batch
