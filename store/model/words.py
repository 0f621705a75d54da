"""Words that agree with how many there are: ``1 row lies``, ``2 rows lie``."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """Say how many there are."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def agreeing(count: int, one: str, several: str) -> str:
    """Choose the verb, or the noun, that goes with a number: ``agreeing(2, "lies", "lie")``."""
    return one if count == 1 else several


def shortened(text: str, most: int = 120) -> str:
    """A text as a message shows it: of one that is too long to be read, the beginning and how long it is."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text):,} characters)"


def writable(text: str) -> str:
    """A text that every store, file and log can hold: a half of a character (a lone surrogate) is a ``?``."""
    return text.encode("utf-8", "replace").decode()
