"""Bytes made hostile: a sound input with some things done to it, always the same of one seed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

#: What parsers are known to stumble over.
TOKENS: tuple[bytes, ...] = tuple(
    token if isinstance(token, bytes) else token.encode("utf-8", "surrogatepass")
    for token in (
        *("", "0", "-0", "-1", "1e999", "-1e999", "nan", "NaN", "inf", "-Infinity", "0x10", "1_000", "1,5", "1.2.3"),
        *("9" * 20, "9" * 400, "9" * 5000, "1e-400", "4.9e-324", "1.7976931348623157e308", "0.1e1", ".5", "5.", "+7"),
        *(str(2**31), str(2**63 - 1), str(2**63), str(-(2**63) - 1), str(2**64), "1" + "0" * 30, "00012", "١٢٣"),
        *("true", "null", "None", "N/A", "-", "{}", "[]", '""', "''", '"', "'", "\\", "\\u0000", "\\ud800", "\ud800"),
        *("1970-01-01", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2024-02-30", "2024-11-26T24:00:00", "24:00"),
        *(
            "2024-11-26 14:30:60",
            "2024-11-26T14:30:00+99:99",
            "2024-11-26T14:30:00.123456789Z",
            "-2024-11-26",
            "262143-12-31",
        ),
        *("SPY", "spy ", "S\u0000Y", "é", "e\u0301", "\u202e", "\ufeff", "\u2028", "\x7f", "A" * 300, "B" * 20_000),
        *("../../victim", "/etc/passwd", "~nobody_at_all/x", "file:///etc/passwd", "con", ".", "..", "*", "%s", "{x}"),
        *("'; DROP TABLE bar; --", "$(id)", "=1+1", "@x", "\r", "\n", "\r\n", "\t", ",", ";", "|", "#", "//", "\x00"),
        *("[" * 2000, "{" * 2000, '{"a":' * 2000, "(" * 2000, "[[x]]\n", "\n[x]\n", "= 1\n", '"""', "1.5e", "e5"),
        *(b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\xc3\x28", b"\xed\xa0\x80", b"\x1f\x8b", b"PK\x03\x04", b"PAR1"),
    )
)
_PARTS = re.compile(rb"[^,;|\t\r\n\"':=\[\]{} ]+")
_MOST_BYTES = 400_000


def _place(chance: random.Random, data: bytearray) -> tuple[int, int]:
    """A stretch of it: short ones more often than long ones."""
    start = chance.randrange(len(data) + 1)
    return start, min(len(data), start + int(chance.paretovariate(0.7)))


def _flip(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _byte(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.choice((0, 0xFF, 0x7F, 0x80, 10, 13, 34, 44, chance.randrange(256)))


def _remove(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    start, end = _place(chance, data)
    del data[start:end]


def _repeat(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    start, end = _place(chance, data)
    data[end:end] = bytes(data[start:end]) * chance.choice((1, 1, 2, 30))


def _insert(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    start, _end = _place(chance, data)
    data[start:start] = chance.choice(TOKENS)


def _cut(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    if chance.random() < 0.5:
        del data[chance.randrange(len(data) + 1) :]
    else:
        del data[: chance.randrange(len(data) + 1)]


def _splice(chance: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    other = chance.choice(others)
    at, start = chance.randrange(len(data) + 1), chance.randrange(len(other) + 1)
    data[at:] = other[start:]


def _shuffle(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    lines = bytes(data).splitlines(keepends=True)
    if len(lines) > 1:
        one, other = chance.sample(range(len(lines)), 2)
        lines[one], lines[other] = lines[other], lines[one]
        data[:] = b"".join(lines)


def _value(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    """Another value in place of one that a text has."""
    parts = list(_PARTS.finditer(data))
    if parts:
        start, end = chance.choice(parts).span()
        data[start:end] = chance.choice(TOKENS)


def _exchange(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    """Two values of a text in each other's place."""
    parts = list(_PARTS.finditer(data))
    if len(parts) > 1:
        first, second = sorted(chance.sample(parts, 2), key=lambda part: part.start())
        (a, b), (c, d) = first.span(), second.span()
        data[a:d] = data[c:d] + data[b:c] + data[a:b]


def _column(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    """The same thing in every line: a field more, a field less, another sign between fields."""
    sign = chance.choice((b",", b";", b"|", b"\t", b" ", b"  ", b'","', b"\x00"))
    data[:] = data.replace(b",", sign) if chance.random() < 0.5 else data.replace(b"\n", sign + b"\n")


_BINARY: tuple[Callable[..., None], ...] = (_flip, _flip, _byte, _byte, _remove, _repeat, _insert, _cut, _splice)
_TEXT = (*_BINARY, _shuffle, _value, _value, _value, _value, _exchange, _exchange, _column)


def mutated(chance: random.Random, sound: Sequence[bytes], *, is_text: bool) -> bytes:
    """One of the sound inputs with one thing done to it, or several."""
    data = bytearray(chance.choice(sound))
    for _ in range(min(8, int(chance.paretovariate(1.6)))):
        chance.choice(_TEXT if is_text else _BINARY)(chance, data, sound)
    return bytes(data[:_MOST_BYTES])
