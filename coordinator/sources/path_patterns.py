"""Patterns of paths: which files match, on the disk and inside of archives, and what their paths say of them."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import unquote

from barhouse.coordinator.sources import bucket_files
from barhouse.coordinator.sources.archive import members, split
from barhouse.store.errors import InputError, SourceError
from barhouse.store.model.interval import Interval
from barhouse.store.model.paths import expanded
from barhouse.store.model.spelling import as_written
from barhouse.store.places.address import Address, FilePath, as_address, is_address
from barhouse.store.places.placed_file import PlacedFile

#: What each named part of a pattern may be, in expressions that Python and RE2 both know.
_PARTS = {
    "symbol": r"[^/]+?",
    "interval": r"[0-9]+[A-Za-z]+",
    "date": r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}",
    "month": r"[0-9]{4}-?[0-9]{2}",
}
_TOKEN = re.compile(r"(\{\w*\}|\*\*/|\*\*|\*|\?)")
_WILD = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file of a source.

    Attributes
    ----------
    path
        Absolute, or its address in a bucket.
    symbol, interval
        What its path says of it, the symbol in the case it has there; None where it says nothing.
    first_date, last_date
        The dates its path names: a day, or a month from its first day through its last.
    symbol_given
        The symbol as its path spells it.
    placed
        Of a file in a bucket: which it was when it was found.
    """

    path: FilePath
    symbol: str | None
    interval: str | None
    first_date: date | None
    last_date: date | None
    symbol_given: str | None = None
    placed: PlacedFile | None = None

    @property
    def size_bytes(self) -> int:
        """How large it is; 0 when it is gone."""
        if isinstance(self.path, Address):
            return 0 if self.placed is None else self.placed.size_bytes
        try:
            return self.path.stat().st_size
        except OSError:
            return 0


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A pattern of paths with named parts, such as ``data/{symbol}_{date}.csv``, ready to match.

    Attributes
    ----------
    root
        The folder that all its files lie in, near or far.
    """

    text: str
    root: FilePath
    glob: str
    expression: re.Pattern[str]
    symbol_expression: str | None = field(default=None)

    @classmethod
    def parse(cls, text: str, folder: Path) -> PathPattern:
        """Read a pattern, relative to a folder.

        Raises
        ------
        InputError
            For a named part that there is none of.
        """
        path: FilePath = as_address(text) if is_address(text) else folder / expanded(text)
        whole = str(path)
        globbed, named, symbol_only = "", "", ""
        seen: set[str] = set()
        for token in _TOKEN.split(whole):
            if token in _WILD:
                globbed += token
                named += _WILD[token]
                symbol_only += _WILD[token]
            elif token.startswith("{"):
                part = token[1:-1]
                if part not in _PARTS:
                    raise InputError(
                        f"{text!r}: {token} is no part of a path; allowed are "
                        f"{', '.join('{' + part + '}' for part in _PARTS)}"
                    )
                globbed += "*"
                named += f"(?P={part})" if part in seen else f"(?P<{part}>{_PARTS[part]})"
                captured = part == "symbol" and part not in seen
                symbol_only += f"({_PARTS[part]})" if captured else f"(?:{_PARTS[part]})"
                seen.add(part)
            else:
                globbed += glob.escape(token)
                named += re.escape(token)
                symbol_only += re.escape(token)
        return cls(text, _root(path), globbed, re.compile(named), f"^{symbol_only}$" if "symbol" in seen else None)

    def files(self) -> Iterator[FoundFile]:
        """The files that match, on the disk or inside of archives that do, in no particular order."""
        outer, inside = split(Address(self.text) if isinstance(self.root, Address) else Path(self.glob))
        for path, placed in _matching_files(outer, self.root):
            if inside is None:
                yield from self._matching([path], placed)
                continue
            try:
                yield from self._matching([path / member for member in members(str(path), None)], placed)
            except SourceError:  # whoever opens it says what is wrong
                yield FoundFile(path, None, None, None, None, placed=placed)

    def _matching(self, paths: Iterable[FilePath], placed: PlacedFile | None) -> Iterator[FoundFile]:
        for path in paths:
            matched = self.expression.fullmatch(str(path))
            if matched is None:
                continue
            parts = {part: unquote(value) for part, value in matched.groupdict().items()}
            found = _found_file(path, parts, placed)
            if found is not None:
                yield found


def _matching_files(pattern: FilePath, root: FilePath) -> Iterator[tuple[FilePath, PlacedFile | None]]:
    """The files that a pattern matches, those in buckets with what was seen of them."""
    if isinstance(pattern, Address) and isinstance(root, Address):
        expression = PathPattern.parse(str(pattern), Path()).expression
        shows_hidden = "/." in str(pattern)
        for address, placed in bucket_files.files_below(root):
            if expression.fullmatch(str(address)) and (shows_hidden or "/." not in str(address)):
                yield address, placed
        return
    for name in matching(Path(pattern)):
        if Path(name).is_file():
            yield Path(name), None


def matching(pattern: Path) -> Iterator[str]:
    """What a pattern matches on the disk, as a shell has it.

    Nothing hidden, such as what an editor leaves beside a file, unless the pattern says its dot; below ``**`` also what
    lies in linked folders. ``Path.glob``, which the linter would rather have, differs in both.
    """
    yield from glob.iglob(str(pattern), recursive=True)  # noqa: PTH207 - takes hidden files, passes over linked folders


def has_parts(path: str | FilePath) -> bool:
    """Whether a path has named parts, and is no file by that very name."""
    has_any = any(token.startswith("{") for token in _TOKEN.split(str(path)))
    return has_any and (is_address(path) or not expanded(str(path)).is_file())


def is_wild(path: str | FilePath) -> bool:
    """Whether a path stands for those that match it."""
    return _TOKEN.search(str(path)) is not None


def _root(pattern: FilePath) -> FilePath:
    folders = split(pattern)[0].parent.parts
    fixed = next((number for number, folder in enumerate(folders) if _TOKEN.search(folder)), len(folders))
    return type(pattern)(*folders[:fixed])


def _found_file(path: FilePath, parts: dict[str, str], placed: PlacedFile | None) -> FoundFile | None:
    """A file with what its path says; None where a part of it is no symbol, interval or date, and so does not match."""
    try:
        symbol = as_written(parts["symbol"]) if "symbol" in parts else None
        interval = str(Interval.parse(parts["interval"])) if "interval" in parts else None
        first, last = _days(parts)
    except (InputError, ValueError):
        return None
    return FoundFile(path, symbol, interval, first, last, parts.get("symbol"), placed)


def _days(parts: dict[str, str]) -> tuple[date | None, date | None]:
    """The first and the last day named."""
    if "date" in parts:
        day = date.fromisoformat(parts["date"])
        return day, day
    if "month" in parts:
        digits = parts["month"].replace("-", "")
        first = date(int(digits[:4]), int(digits[4:]), 1)
        return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return None, None


def find(patterns: Iterable[PathPattern]) -> list[FoundFile]:
    """The files of several patterns, each once, the oldest first: by the dates named, then by path."""
    found = {file.path: file for pattern in patterns for file in pattern.files()}
    return sorted(found.values(), key=lambda file: (file.first_date or date.min, str(file.path)))
