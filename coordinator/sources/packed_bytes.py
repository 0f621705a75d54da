"""The bytes of packed files, piece by piece: all of them, or an error that says what is wrong with the file.

Nothing that is damaged or cut off may come out as a shorter file, and none so large that it was made to do harm.
"""

from __future__ import annotations

import bz2
import lzma
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from barhouse.store.errors import SourceError

PIECE_BYTES = 1 << 20
#: From so many bytes on, no more than so many times the size of the packed file; text packs to a tenth or thirtieth.
_FREE_BYTES = 256 << 20
_MOST_TIMES = 250
_NAME_IT = "give it a name that says so, or unpack it"
_UNPACK = "unpack it, and load what is inside"
_SAVE = "save the sheet with the bars as CSV, dates and times in full"
#: What files that are packed begin with, what they are then, and what to do where their name does not say so.
_BEGINNINGS = (
    (re.compile(rb"\x1f\x8b"), "packed with gzip (.gz)", _NAME_IT),
    (re.compile(rb"\x28\xb5\x2f\xfd"), "packed with Zstandard (.zst)", _NAME_IT),
    (re.compile(rb"BZh[1-9]1AY&SY"), "packed with bzip2 (.bz2)", _NAME_IT),
    (re.compile(rb"\xfd7zXZ\x00"), "packed with xz (.xz)", _NAME_IT),
    (re.compile(rb"PK\x03\x04.{26}(\[Content_Types\]|mimetype)", re.DOTALL), "a spreadsheet", _SAVE),
    (re.compile(rb"PK\x03\x04"), "an archive (.zip)", _NAME_IT),
    (re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "a spreadsheet", _SAVE),
    (re.compile(rb"7z\xbc\xaf\x27\x1c"), "an archive (.7z)", _UNPACK),
    (re.compile(rb"Rar!\x1a\x07"), "an archive (.rar)", _UNPACK),
)
_LOOKED_AT = 64


def unpacked_pieces(path: str, packing: str, name: str) -> Iterator[bytes]:
    """Unpack a file, called ``name`` in messages.

    Raises
    ------
    SourceError
        When it is damaged, cut off, comes to far more than bars do, or what is inside is packed as well.
    """
    pieces = _by_library(path, packing) if packing in ("bz2", "xz") else _by_arrow(path, packing)
    try:
        for number, piece in enumerate(limited(pieces, Path(path).stat().st_size, name)):
            if number == 0:
                _refuse_packed(piece, name, packing)
            yield piece
    except SourceError:
        raise
    except (OSError, EOFError, lzma.LZMAError, ValueError) as error:
        kind = "file" if packing == "none" else f"{packing} file"
        raise SourceError(f"{name} cannot be read: it is no whole {kind} ({error}); fetch or pack it again") from error


def refuse_packed(path: str, name: str) -> None:
    """Refuse a file that is packed, and whose name does not say so.

    Raises
    ------
    SourceError
        Saying what it is.
    """
    with Path(path).open("rb") as opened:
        _refuse_packed(opened.read(_LOOKED_AT), name, "none")


def _refuse_packed(first: bytes, name: str, packing: str) -> None:
    for sign, what, way in _BEGINNINGS:
        if sign.match(first) and packing == "none":
            raise SourceError(f"{name} cannot be read: it is {what}, which its name does not say; {way}")
        if sign.match(first):
            raise SourceError(f"{name} cannot be read: what is packed in it is {what}, once more; unpack it once")


def limited(pieces: Iterator[bytes], packed_bytes: int, name: str) -> Iterator[bytes]:
    """Hand on pieces until they are far more than the packed bytes can mean.

    Raises
    ------
    SourceError
        When they are.
    """
    unpacked_bytes = 0
    for piece in pieces:
        unpacked_bytes += len(piece)
        if unpacked_bytes > max(_FREE_BYTES, _MOST_TIMES * packed_bytes):
            raise SourceError(
                f"{name} comes to more than {_MOST_TIMES} times its {packed_bytes:,} bytes, as no bars do; if it is "
                f"what it should be, unpack it yourself and load what is inside"
            )
        yield piece


def _by_arrow(path: str, packing: str) -> Iterator[bytes]:
    compression = None if packing == "none" else packing
    with pa.input_stream(path, compression=compression, buffer_size=PIECE_BYTES) as stream:
        while piece := stream.read(PIECE_BYTES):
            yield piece


def _by_library(path: str, packing: str) -> Iterator[bytes]:
    """Unpack streams, one after the other, until the file ends.

    The file objects of ``bz2`` and ``lzma`` pass over whatever follows a stream and is none, be it a damaged one.
    """
    with Path(path).open("rb") as packed:
        waiting = packed.read(PIECE_BYTES)
        while True:
            stream = bz2.BZ2Decompressor() if packing == "bz2" else lzma.LZMADecompressor()
            while not stream.eof:
                if stream.needs_input:
                    waiting = waiting or packed.read(PIECE_BYTES)
                    if not waiting:
                        raise EOFError("it ends in the middle")
                yield stream.decompress(waiting, PIECE_BYTES)
                waiting = b""
            waiting = stream.unused_data or packed.read(PIECE_BYTES)
            while packing == "xz" and waiting and not waiting.strip(b"\0"):  # what it may be filled up with
                waiting = packed.read(PIECE_BYTES)
            if not waiting:
                return
            waiting = waiting.lstrip(b"\0") if packing == "xz" else waiting
