"""Which files there are, what their paths say, and which of them are new or changed since they were loaded."""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from barhouse.coordinator.sources.options import LoadOptions
from barhouse.coordinator.sources.source import SourceFile
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import BarhouseError, ConfigError, InputError
from barhouse.store.model.interval import Interval
from barhouse.store.model.paths import expanded
from barhouse.store.model.symbol import canonical_symbol

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
        Absolute.
    symbol, interval
        What its path says of it, in their one spelling; None where it says nothing.
    first_date, last_date
        The dates its path names: a day, or a month from its first day through its last.
    symbol_given
        The symbol as its path spells it.
    """

    path: Path
    symbol: str | None
    interval: str | None
    first_date: date | None
    last_date: date | None
    symbol_given: str | None = None


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A pattern of paths with named parts, ready to match; see ``SourceConfig.files``.

    Attributes
    ----------
    root
        The folder that all its files lie in, near or far.
    """

    text: str
    root: Path
    glob: str
    expression: re.Pattern[str]
    symbol_expression: str | None = field(default=None)

    @classmethod
    def parse(cls, text: str, folder: Path) -> PathPattern:
        """Read a pattern, relative to a folder.

        Raises
        ------
        ConfigError
            For a named part that there is none of.
        """
        whole = str(folder / expanded(text))
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
                    raise ConfigError(
                        f"files = {text!r}: {token} is no part of a path; allowed are "
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
        return cls(text, _root(whole), globbed, re.compile(named), f"^{symbol_only}$" if "symbol" in seen else None)

    def files(self) -> Iterator[FoundFile]:
        """The files that match, in no particular order."""
        for name in glob.iglob(self.glob, recursive=True):  # noqa: PTH207 - Path.glob takes no escaped names
            path = Path(name)
            matched = self.expression.fullmatch(name)
            if matched is None or not path.is_file():
                continue
            found = _found_file(path, {part: unquote(value) for part, value in matched.groupdict().items()})
            if found is not None:
                yield found


def _root(pattern: str) -> Path:
    folders = Path(pattern).parent.parts
    fixed = next((number for number, folder in enumerate(folders) if _TOKEN.search(folder)), len(folders))
    return Path(*folders[:fixed])


def _found_file(path: Path, parts: dict[str, str]) -> FoundFile | None:
    """A file with what its path says; None where a part of it is no symbol, interval or date, and so does not match."""
    try:
        symbol = canonical_symbol(parts["symbol"]) if "symbol" in parts else None
        interval = str(Interval.parse(parts["interval"])) if "interval" in parts else None
        first, last = _days(parts)
    except (InputError, ValueError):
        return None
    return FoundFile(path, symbol, interval, first, last, parts.get("symbol"))


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


class LoadedFiles:
    """What the store knows of the files it has loaded: the newest load of each path for the same symbols."""

    def __init__(self, transaction: Transaction) -> None:
        self._rows: dict[tuple[str, str], tuple[Any, ...]] = {}
        for file in transaction.run("jobs.loaded_files"):
            asked = _request(file.request)
            self._rows[file.path, _whose(asked)] = (file.size_bytes, file.modified_at, file.fingerprint, asked)

    def has(self, file: FoundFile, options: LoadOptions, symbol: str | None, interval: str | None) -> bool:
        """Whether a file was loaded as it is now, and as it is to be loaded now.

        Size and time of change decide where they are the same; where only the time differs, the bytes do.

        Raises
        ------
        SourceError
            When the file cannot be read.
        """
        wanted = _request(options.request(symbol, interval or ""))
        known = self._rows.get((str(file.path.resolve()), _whose(wanted)))
        if known is None:
            return False
        size_bytes, modified_at, fingerprint, asked = known
        if wanted != (asked if interval else {**asked, "interval": ""}):
            return False
        try:
            found = file.path.stat()
        except OSError:
            return False  # gone in the meantime; loading it says so
        if found.st_size != size_bytes:
            return False
        if datetime.fromtimestamp(found.st_mtime, UTC) == modified_at:
            return True
        try:
            return bool(SourceFile.of(file.path).fingerprint == fingerprint)
        except BarhouseError:
            return False  # cannot be read; loading it says so


def _whose(request: dict[str, Any]) -> str:
    """What a request says about the symbols of a file: loads that differ in it stand beside each other."""
    return json.dumps([request["symbol"], request["symbols"], request["columns"].get("symbol")])


@lru_cache(maxsize=256)
def _request(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found
