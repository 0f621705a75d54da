"""Archives: the files inside of a .zip, listed and unpacked; their names are never paths on a disk."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile, ZipInfo

from barhouse.coordinator.sources import bucket_files
from barhouse.coordinator.sources.file_kinds import is_archive, kind_by_name
from barhouse.coordinator.sources.packed_bytes import PIECE_BYTES, limited
from barhouse.store.errors import OptionsError, SourceError
from barhouse.store.hints import Option
from barhouse.store.places.address import Address, FilePath, as_address, is_address

#: What systems add for themselves, beside the files that somebody packed.
_OF_THE_SYSTEM = ("__MACOSX/*", "*.DS_Store", "._*", "*/._*", "Thumbs.db", "*/Thumbs.db", "desktop.ini")
_SHOWN_MEMBERS = 5
#: How many parts of an address say the bucket.
_OF_BUCKET = 2


def split(path: FilePath) -> tuple[FilePath, str | None]:
    """Tell an archive from what follows it in a path such as ``bars.zip/SPY.csv``; None where nothing does."""
    parts = path.parts
    for number, part in enumerate(parts[:-1], start=1):
        if is_archive(part) and not (isinstance(path, Address) and number <= _OF_BUCKET):
            place = Address(*parts[:number]) if isinstance(path, Address) else Path(*parts[:number])
            if isinstance(place, Address) or not place.is_dir():
                return place, "/".join(parts[number:])
    return path, None


def members(path: str, wanted: Sequence[str] | None) -> list[str]:
    """The names of the files in an archive, in its order: all, or those that ``wanted`` names.

    Parameters
    ----------
    wanted
        Names, whole or the last part of them, in which ``*`` and ``?`` stand for other characters.

    Raises
    ------
    SourceError
        When it is damaged, it is encrypted, two of its files have one name, or none is wanted.
    """
    with _opened(path) as opened:
        held = [info.filename for info in opened.infolist() if not info.is_dir() and not _is_of_the_system(info)]
    twice = sorted({name for name in held if held.count(name) > 1})
    if twice:
        raise SourceError(f"{path} has several files of one name inside: {', '.join(twice)}; pack it again")
    if not held:
        raise SourceError(f"{path} has no file inside")
    if wanted is None:
        return held
    found = {name for choice in wanted for name in _named(path, held, choice)}
    return [name for name in held if name in found]


def _named(path: str, held: Sequence[str], choice: str) -> list[str]:
    """The files that a choice means: the one of that whole name, or else those it fits."""
    if choice in held:
        return [choice]
    found = [name for name in held if _fits(name, choice)]
    if not found:
        more = f" and {len(held) - _SHOWN_MEMBERS} more" if len(held) > _SHOWN_MEMBERS else ""
        raise OptionsError(f"{path} has no file {choice} inside; it has {', '.join(held[:_SHOWN_MEMBERS])}{more}")
    if len(found) > 1 and "*" not in choice and "?" not in choice:
        raise OptionsError(f"{path} has several files {choice} inside: {', '.join(found)}; say the whole name")
    return found


def ways_to_choose(path: str, held: Sequence[str]) -> str:
    """Say how to choose among the files of an archive."""
    known = next((name for name in held if kind_by_name(name) is not None), held[0])
    choice = f"*{PurePosixPath(known).suffix}"
    return f"say which of its files are meant, {Option('members', [choice])}, or name one by its path, {path}/{known}"


def member_pieces(path: str, member: str) -> Iterator[bytes]:
    """Unpack one of the files of an archive.

    Raises
    ------
    SourceError
        When it is damaged, encrypted, packed in a way that is not known, or comes to far more than bars do.
    """
    name = f"{path}/{member}"
    with _opened(path) as opened:
        info = opened.getinfo(member)
        if info.flag_bits & 1:
            raise SourceError(f"{name} is encrypted; unpack it yourself, and load what is inside")
        try:
            with opened.open(info) as stream:
                yield from limited(iter(lambda: stream.read(PIECE_BYTES), b""), info.compress_size, name)
        except RuntimeError as error:  # of a way of packing that zipfile does not know, among others
            raise SourceError(f"{name} cannot be read: {error}; pack it again, or load what is inside") from error


@contextmanager
def _opened(path: str) -> Iterator[ZipFile]:
    try:
        if is_address(path):
            with bucket_files.opened(as_address(path)) as held, ZipFile(held) as opened:
                yield opened
            return
        with ZipFile(path) as opened:
            yield opened
    except SourceError:
        raise
    except (BadZipFile, EOFError, OSError, ValueError, LZMAError, zlib.error) as error:
        raise SourceError(f"{path} cannot be read: it is no whole archive ({error}); fetch or pack it again") from error


def _is_of_the_system(info: ZipInfo) -> bool:
    return any(fnmatchcase(info.filename, pattern) for pattern in _OF_THE_SYSTEM)


def _fits(name: str, choice: str) -> bool:
    pattern = choice.replace("[", "[[]")
    return fnmatchcase(name, pattern) or fnmatchcase(PurePosixPath(name).name, pattern)
