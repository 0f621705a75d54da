"""Tokens: who may ask, kept in a file that holds no token but what each comes to when it is hashed.

::

    [[token]]
    name = "desk"
    sha256 = "9f86d0..."
    symbols = ["SPY", "QQQ"]            # without: all
    expires = 2027-03-01T00:00:00Z      # without: never
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import stat
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from barhouse.store.database.replacement import put_in_place, written_beside
from barhouse.store.errors import InputError
from barhouse.store.hints import Option, did_you_mean
from barhouse.store.model.inputs import as_bound, as_name
from barhouse.store.model.paths import absolute
from barhouse.store.model.spelling import as_written
from barhouse.store.serving.asker import Asker

_RANDOM_BYTES = 32
_KEYS = frozenset({"name", "sha256", "symbols", "expires"})
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_DAYS = re.compile(r"(\d{1,5})d", re.ASCII)
_BEFORE = "# Tokens of barhouse serve. Each line sha256 is all that is kept of a token.\n"


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is kept.

    Attributes
    ----------
    name
        Whose it is, for the log.
    sha256
        What it is known by.
    symbols
        The only symbols that it shows; None for all.
    expires
        From when on it is none any more, in UTC; None for never.
    """

    name: str
    sha256: str
    symbols: tuple[str, ...] | None = None
    expires: datetime | None = None

    @property
    def asker(self) -> Asker:
        """Whoever has it."""
        return Asker(self.name, self.symbols)

    def has_expired(self, now: datetime) -> bool:
        """Whether it is none any more."""
        return self.expires is not None and now >= self.expires


def digest_of(token: str) -> str:
    """What a token is known by."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def read_tokens(file: str | Path) -> list[Token]:
    """The tokens in a file.

    Raises
    ------
    InputError
        When it cannot be read, others than its owner can read it, or it says what is no token.
    """
    path = absolute(file)
    try:
        with path.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            said = tomllib.loads(opened.read().decode("utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"there are no tokens at {path}; make one with `barhouse token add NAME --file {path}`"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"the tokens in {path} cannot be read: {error}") from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InputError(f"{path} can be read by others than its owner; run chmod 600 {path}")
    rows = said.get("token", [])
    if said.keys() - {"token"} or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{path} holds more than tables [[token]]; leave them alone there")
    tokens = [_token(row, f"token {number} of {path}") for number, row in enumerate(rows, 1)]
    twice = {one.name for one in tokens if sum(other.name == one.name for other in tokens) > 1}
    if twice:
        raise InputError(f"{path} has several tokens named {min(twice)!r}; give each a name of its own")
    return tokens


def _token(row: dict[str, Any], place: str) -> Token:
    unknown = row.keys() - _KEYS
    if unknown:
        name = min(unknown)
        raise InputError(f"{place} says {name!r}{did_you_mean(name, _KEYS)}; it may say {', '.join(sorted(_KEYS))}")
    digest, expires, symbols = row.get("sha256"), row.get("expires"), row.get("symbols")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise InputError(f"{place} has no sha256 of 64 hexadecimal digits; add it anew with `barhouse token add`")
    if symbols is not None:
        if not isinstance(symbols, list) or not symbols:
            raise InputError(
                f"{place} is limited to the symbols {symbols!r}; list at least one, or leave it out for all"
            )
        symbols = tuple(as_written(one) for one in symbols)
    if expires is not None and not (isinstance(expires, datetime) and expires.tzinfo is not None):
        raise InputError(f"{place} expires at {expires!s}, which says no zone; say one, as in 2027-03-01T00:00:00Z")
    return Token(
        as_name(row.get("name", ""), "name"), digest, symbols, None if expires is None else expires.astimezone(UTC)
    )


def expiry(said: str, now: datetime) -> datetime:
    """When a token expires: after days, as ``90d``; at an instant; or when a date begins in UTC.

    Raises
    ------
    InputError
        For anything else, and for what is past.
    """
    days = _DAYS.fullmatch(said.strip())
    if days:
        found = now + timedelta(days=int(days[1]))
    else:
        bound: date | datetime = as_bound(said, "expires")
        found = bound if isinstance(bound, datetime) else datetime.combine(bound, time(), UTC)
    if found <= now:
        raise InputError(f"{Option('expires', said)} is past; give a later one, such as 90d")
    return found


def add_token(
    file: str | Path, name: str, *, symbols: Iterable[str] | None = None, expires: datetime | None = None
) -> str:
    """Make a token, and write down what it is known by; returns the token, which is nowhere kept.

    Raises
    ------
    InputError
        When there is one of that name.
    """
    path = absolute(file)
    tokens = read_tokens(path) if path.exists() else []
    if any(one.name == as_name(name, "name") for one in tokens):
        raise InputError(f"there is a token named {name!r} in {path}; remove it first, or give another name")
    limited = None if symbols is None else tuple(dict.fromkeys(map(as_written, symbols)))
    if limited == ():
        raise InputError(f"{Option('symbols')} names none; name at least one, or leave it out for all")
    secret = secrets.token_urlsafe(_RANDOM_BYTES)
    _write(path, [*tokens, Token(name, digest_of(secret), limited, expires)])
    return secret


def remove_token(file: str | Path, name: str) -> None:
    """Take a token away; a server that reads the file refuses it from the next request on.

    Raises
    ------
    InputError
        When there is none of that name.
    """
    path = absolute(file)
    tokens = read_tokens(path)
    names = [one.name for one in tokens]
    if name not in names:
        listed = ", ".join(names) or "none"
        raise InputError(f"there is no token named {name!r} in {path}{did_you_mean(name, names)}; there are: {listed}")
    _write(path, [one for one in tokens if one.name != name])


def _write(path: Path, tokens: Sequence[Token]) -> None:
    if not path.parent.is_dir():
        raise InputError(f"the folder {path.parent} does not exist; create it first, or name a file elsewhere")
    try:
        with written_beside(path) as part:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
                opened.write(_BEFORE + "".join(map(_spelled, tokens)))
                opened.flush()
                os.fsync(descriptor)
            put_in_place(part, path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


def _spelled(token: Token) -> str:
    lines = ["", "[[token]]", f"name = {_text(token.name)}", f"sha256 = {_text(token.sha256)}"]
    if token.symbols is not None:
        lines.append(f"symbols = [{', '.join(map(_text, token.symbols))}]")
    if token.expires is not None:
        lines.append(f"expires = {token.expires.isoformat(timespec='seconds').replace('+00:00', 'Z')}")
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a printable text is written alike in TOML
