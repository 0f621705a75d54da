"""Texts that DuckDB cannot read as they are: in another encoding than UTF-8, or with line ends of several kinds."""

from __future__ import annotations

import codecs
import io
from collections import deque
from collections.abc import Iterator
from itertools import chain

from barhouse.store.errors import SourceError
from barhouse.store.hints import Option

UTF_8 = "utf-8"
#: What a text in another encoding may begin with; the longer first, for it begins as the shorter does.
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def marked_encoding(first: bytes) -> str | None:
    """The encoding that a text says itself by the mark it begins with; None where it says none."""
    return next((name for mark, name in _BYTE_ORDER_MARKS.items() if first.startswith(mark)), None)


def encoding_to_change(pieces: Iterator[bytes], said: str | None) -> str | None:
    """The encoding to read a text by and write it anew; None for one that can be read as it is.

    Reads it to its end, so that one that is not whole is found.
    """
    first = next(pieces, b"")
    encoding = said or marked_encoding(first) or UTF_8
    if codecs.lookup(encoding).name != UTF_8:
        deque(pieces, maxlen=0)
        return encoding
    return UTF_8 if _mixes_line_ends(first, pieces) else None


def recoded(pieces: Iterator[bytes], encoding: str, name: str) -> Iterator[bytes]:
    """A text in UTF-8 with line feeds alone; ``name`` is what messages call it.

    Raises
    ------
    SourceError
        When it is not in that encoding.
    """
    # Bytes that are no UTF-8 stay as they are: their line is rejected where it is read.
    errors = "surrogateescape" if encoding == UTF_8 else "strict"
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(errors), translate=True)
    try:
        for piece in pieces:
            yield decoder.decode(piece).encode(UTF_8, errors)
        yield decoder.decode(b"", final=True).encode(UTF_8, errors)
    except UnicodeError as error:
        raise SourceError(
            f"{name} cannot be read: it is no text in {encoding} ({error}); say which encoding it is in with "
            f"{Option('encoding')}"
        ) from error


def _mixes_line_ends(first: bytes, pieces: Iterator[bytes]) -> bool:
    kinds: set[bytes] = set()
    before = b""
    for piece in chain([first], pieces):
        lines = before + piece
        before = b"\r" if lines.endswith(b"\r") else b""  # a line feed may follow
        lines = lines.removesuffix(b"\r")
        if b"\r" not in lines:
            kinds.update({b"\n"} if b"\n" in lines else ())
            continue
        rest = lines.replace(b"\r\n", b"")
        kinds.update(end for end in (b"\r", b"\n") if end in rest)
        kinds.update({b"\r\n"} if len(rest) < len(lines) else ())
    return len(kinds | ({before} if before else set())) > 1
