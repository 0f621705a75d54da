"""What the serving process and a worker say to each other over two pipes: frames of a kind, a length and bytes."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import IO, Any

#: The kind of a frame, and how many bytes follow.
HEADER = struct.Struct(">cI")

#: To a worker: a question, and the wish that the answer under way be given up.
QUESTION, CANCEL = b"q", b"c"
#: From a worker: it is ready, a piece of the answer, the end of the answer, why there is none.
READY, PIECE, END, FAILURE = b"r", b"p", b"e", b"f"


@dataclass(frozen=True, slots=True)
class WorkerQuestion:
    """What a worker is asked.

    Attributes
    ----------
    read
        Which read it is: ``sql``, or one of ``reads.READS``.
    given
        What the read is given, by name.
    form
        The format of the answer, one of ``formats.FORMATS``.
    snapshot
        The file that is asked.
    symbols
        The only symbols that the answer may tell of; None for all.
    max_rows
        How many rows the answer may have.
    through, whole
        The newest increment of the snapshot that the answer is to know of, and the newest of those up to it that have
        all; 0 for none.
    """

    read: str
    given: dict[str, Any]
    form: str
    snapshot: str
    symbols: tuple[str, ...] | None
    max_rows: int
    through: int = 0
    whole: int = 0

    def packed(self) -> bytes:
        """As the frame that asks it."""
        return frame(QUESTION, json.dumps(asdict(self)).encode())

    @classmethod
    def unpacked(cls, payload: bytes) -> WorkerQuestion:
        """Read it from its frame."""
        said = json.loads(payload)
        if said["symbols"] is not None:
            said["symbols"] = tuple(said["symbols"])
        return cls(**said)


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    """A frame as bytes."""
    return HEADER.pack(kind, len(payload)) + payload


def said(kind: bytes, /, **values: Any) -> bytes:
    """A frame that holds values by name."""
    return frame(kind, json.dumps(values).encode())


def send_all(descriptor: int, parts: Sequence[bytes | bytearray | memoryview]) -> None:
    """Write parts one after the other, as they lie in memory, whatever the descriptor takes at a time."""
    left = [memoryview(part) for part in parts if len(part)]
    while left:
        count = os.writev(descriptor, left)
        while left and count >= len(left[0]):
            count -= len(left.pop(0))
        if count:
            left[0] = left[0][count:]


def read_frame(stream: IO[bytes]) -> tuple[bytes, bytes] | None:
    """The next frame of a stream; None at its end."""
    head = stream.read(HEADER.size)
    if len(head) < HEADER.size:
        return None
    kind, length = HEADER.unpack(head)
    return kind, stream.read(length)
