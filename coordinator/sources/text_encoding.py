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

#: DuckDB sees no quote in the first field of a text that begins with a mark.
_MARKED_QUOTE = codecs.BOM_UTF8 + b'"'
#: A text in UTF-8 has no zero bytes; one whose characters take two bytes or four has many.
_FEW_OF = 5


def marked_encoding(first: bytes) -> str | None:
    """The encoding that a text says itself by the mark it begins with; None where it says none."""
    return next((name for mark, name in _BYTE_ORDER_MARKS.items() if first.startswith(mark)), None)


def encoding_to_change(pieces: Iterator[bytes], said: str | None, name: str) -> str | None:
    """The encoding to read a text by and write it anew; None for one that can be read as it is.

    Reads it to its end, so that one that is not whole is found; ``name`` is what messages call it.

    Raises
    ------
    SourceError
        When its characters take two bytes or four, which nobody said.
    """
    first = next(pieces, b"")
    if said is None and marked_encoding(first) is None and first.count(0) > len(first) // _FEW_OF:
        raise not_utf_8(name, "its many zero bytes show")
    encoding = said or marked_encoding(first) or UTF_8
    if codecs.lookup(encoding).name != UTF_8:
        deque(pieces, maxlen=0)
        return encoding
    mixes = _mixes_line_ends(first, pieces)  # to the end, whatever it begins with
    return UTF_8 if mixes or first.startswith(_MARKED_QUOTE) else None


def recoded(pieces: Iterator[bytes], encoding: str, name: str) -> Iterator[bytes]:
    """A text in UTF-8 with line feeds alone; ``name`` is what messages call it.

    Raises
    ------
    SourceError
        When it is not in that encoding.
    """
    # Bytes that are no UTF-8 stay as they are: their line is rejected where it is read.
    errors = "surrogateescape" if encoding == UTF_8 else "strict"
    reader = codecs.getincrementaldecoder("utf-8-sig" if encoding == UTF_8 else encoding)
    decoder = io.IncrementalNewlineDecoder(reader(errors), translate=True)
    try:
        for piece in pieces:
            yield decoder.decode(piece).encode(UTF_8, errors)
        yield decoder.decode(b"", final=True).encode(UTF_8, errors)
    except UnicodeError as error:
        raise SourceError(
            f"{name} cannot be read: it is no text in {encoding} ({error}); say which encoding it is in with "
            f"{Option('encoding')}"
        ) from error


def not_utf_8(name: str, sign: str) -> SourceError:
    """Why a text is not read, by what shows that it is in another encoding."""
    such = f"{Option('encoding', 'utf-16')} or {Option('encoding', 'latin-1')}"
    return SourceError(
        f"{name} cannot be read: it is no text in UTF-8, as {sign}; say which encoding it is in with "
        f"{Option('encoding')}, such as {such}"
    )


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
