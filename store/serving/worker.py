"""A process that answers questions, one after the other, and may be killed at any time.

It is started as a program. It opens the snapshot that it is asked of, sealed: DuckDB reaches no other file, loads no
extension and takes no setting. What it may take of memory is bound by the system (``bounds``). Questions come on its
standard input, and answers go, already in the format asked for, as frames to its standard output.
"""

from __future__ import annotations

import io
import os
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from barhouse.store.database.opening import open_database
from barhouse.store.errors import BarhouseError, InputError, StoreError, StoreMemoryError, UnknownSymbolError, speaking
from barhouse.store.model.words import counted
from barhouse.store.serving import wire
from barhouse.store.serving.bounds import bind, duckdb_memory
from barhouse.store.serving.formats import FORMATS
from barhouse.store.serving.reads import answer
from barhouse.store.serving.replica import Replica
from barhouse.store.serving.request_words import REQUEST
from barhouse.store.sql import sql

if TYPE_CHECKING:
    import pyarrow as pa

    from barhouse.store.database.database import Database
    from barhouse.store.serving.wire import WorkerQuestion

#: So much of an answer is gathered before it is sent.
_PIECE_BYTES = 2**19


class _CancelledError(Exception):
    """The question was given up by whoever asked it."""


class _TooManyError(Exception):
    """The answer has more rows than it may."""


class AnswerPieces(io.RawIOBase):
    """Takes the bytes of an answer, and sends them on in pieces.

    Attributes
    ----------
    cancelled
        Set when nobody wants the answer any more.
    """

    def __init__(self, out: int, cancelled: threading.Event) -> None:
        super().__init__()
        self.cancelled = cancelled
        self._out = out
        self._gathered = bytearray()
        self._size = 0

    def writable(self) -> bool:
        """Whether it takes bytes: always."""
        return True

    def tell(self) -> int:
        """How many bytes were taken."""
        return self._size

    def write(self, data: Any, /) -> int:
        """Take bytes, or whatever lends its own."""
        if self.cancelled.is_set():
            raise _CancelledError
        given = memoryview(data).cast("B")
        self._size += len(given)
        if len(self._gathered) + len(given) < _PIECE_BYTES:
            self._gathered += given
            return len(given)
        # What is large goes as it lies in memory, behind what was gathered.
        first = given[: _PIECE_BYTES - len(self._gathered)]
        self._send_piece(self._gathered, first)
        self._gathered.clear()
        for start in range(len(first), len(given), _PIECE_BYTES):
            piece = given[start : start + _PIECE_BYTES]
            if len(piece) < _PIECE_BYTES:
                self._gathered += piece
            else:
                self._send_piece(piece)
        return len(given)

    def send(self) -> None:
        """Send what was gathered."""
        if self._gathered:
            self._send_piece(self._gathered)
            self._gathered.clear()

    def _send_piece(self, *parts: bytearray | memoryview) -> None:
        head = wire.HEADER.pack(wire.PIECE, sum(map(len, parts)))
        wire.send_all(self._out, (head, *parts))


class Worker:
    """Opens snapshots, one at a time, and answers what is asked of them."""

    def __init__(self, out: int, memory_bytes: int) -> None:
        self._out = out
        self._settings: dict[str, str | int] = {
            "threads": 1,
            "memory_limit": duckdb_memory(memory_bytes),
            "temp_directory": "",
        }
        self._snapshot: Path | None = None
        self._database: Database | None = None
        self._replica: Replica | None = None
        self.cancelled = threading.Event()

    def answer(self, question: WorkerQuestion) -> None:
        """Answer a question, or say why there is no answer."""
        try:
            with speaking(REQUEST):
                row_count = self._write(question)
        except BaseException as error:
            kind, message = _told(error)
            wire.send_all(self._out, [wire.said(wire.FAILURE, kind=kind, message=message)])
        else:
            wire.send_all(self._out, [wire.said(wire.END, row_count=row_count)])

    def interrupt(self) -> None:
        """Give up the answer under way; for another thread."""
        self.cancelled.set()
        if self._database is not None:
            self._database.running.interrupt()

    def _write(self, question: WorkerQuestion) -> int:
        pieces = AnswerPieces(self._out, self.cancelled)
        row_count = 0

        def passed(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            nonlocal row_count
            while (batch := next(batches, None)) is not None:
                row_count += batch.num_rows
                if row_count > question.max_rows:
                    raise _TooManyError(
                        f"the answer has more than {counted(question.max_rows, 'row')}, which is the most here; narrow "
                        f"it, or ask in parts"
                    )
                yield batch

        database = self._opened(question)
        with database.reading() as transaction:
            schema, batches = answer(transaction, question)
            FORMATS[question.form].write(schema, passed(batches), pieces)
            pieces.send()
        return row_count

    def _opened(self, question: WorkerQuestion) -> Database:
        """The snapshot, with its increments; the one before is given back, so that its file can go."""
        snapshot = Path(question.snapshot)
        if self._snapshot != snapshot or (self._replica is not None and self._replica.through > question.through):
            self._give_back()
        if question.through and self._replica is None:
            self._give_back()
            self._replica = Replica(snapshot, self._settings)
            self._database = self._replica.database
        elif self._database is None:
            self._database = open_database(snapshot, read_only=True, sealed=True, settings=self._settings)
            self._database.root.execute(sql("serving.lock_settings"))
        self._snapshot = snapshot
        if self._replica is not None:
            self._replica.move_on(question.through, question.whole)
        assert self._database is not None
        return self._database

    def _give_back(self) -> None:
        if self._database is not None:
            self._database.close()
        self._database = self._replica = self._snapshot = None


def _told(error: BaseException) -> tuple[str, str]:
    """The kind of a failure, and what to say of it."""
    if isinstance(error, _CancelledError | KeyboardInterrupt):
        return "given_up", "whoever asked has left"
    if isinstance(error, _TooManyError):
        return "rows", str(error)
    if isinstance(error, UnknownSymbolError):
        return "unknown", str(error)
    if isinstance(error, InputError):
        return "input", str(error)
    if isinstance(error, StoreMemoryError | MemoryError | duckdb.OutOfMemoryException):
        return "memory", "the answer takes more memory than is allowed here; narrow the query, or ask in parts"
    if isinstance(error, StoreError):
        return "store", str(error)
    if type(error).__module__.partition(".")[0] == "pyarrow":
        return "input", f"the answer cannot be written in this format: {error}; ask for another, or cast its columns"
    if isinstance(error, duckdb.Error | BarhouseError):
        return "input", f"the query cannot be answered: {str(error).strip()}"
    return "unexpected", f"{type(error).__name__}: {error}"


def main(memory_bytes: int) -> None:
    """Answer what comes on standard input, until it ends."""
    inward, out = os.fdopen(os.dup(0), "rb"), os.dup(1)
    # What anything else in this process prints or reads is none of the conversation.
    for number, flags in ((0, os.O_RDONLY), (1, os.O_WRONLY)):
        nothing = os.open(os.devnull, flags)
        os.dup2(nothing, number)
        os.close(nothing)
    import pyarrow as pa
    import pyarrow.compute
    import pyarrow.csv
    import pyarrow.parquet

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    worker = Worker(out, memory_bytes)
    waiting: queue.SimpleQueue[WorkerQuestion] = queue.SimpleQueue()

    def listen() -> None:
        with suppress(OSError):
            while (found := wire.read_frame(inward)) is not None:
                if found[0] == wire.CANCEL:
                    worker.interrupt()
                else:
                    waiting.put(wire.WorkerQuestion.unpacked(found[1]))
        os._exit(0)  # nobody is left to answer, whatever DuckDB works on

    threading.Thread(target=listen, name="barhouse-questions", daemon=True).start()
    bind(memory_bytes)
    wire.send_all(out, [wire.frame(wire.READY)])
    while True:
        question = waiting.get()
        worker.cancelled.clear()
        with suppress(BrokenPipeError):
            worker.answer(question)


if __name__ == "__main__":
    main(int(sys.argv[1]))
