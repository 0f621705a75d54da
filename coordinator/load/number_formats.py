"""Which signs a number that cannot be read may be written with: what to suggest, never what to take."""

from __future__ import annotations

import re
from collections.abc import Mapping

_SIGNS = re.compile(r"[+-]?[^\w\s.,'+%-]?\s?(?P<body>\d[\d.,'\u2019\s]*)(?P<ending>\s?[KkMmBb])?\s?[^\w\s.,'+%-]?")
_PLAIN = re.compile(r"\d+([.]\d*)?")
_GROUPED = re.compile(r"\d{1,3}(?P<sign>[.,'\u2019\s])\d{2,3}((?P=sign)\d{2,3})*(?P<decimal>[.,]\d*)?")
_EITHER = re.compile(r"[+-]?\d{1,3},\d{3}")
_WITH_COMMA = re.compile(r"\d+,\d*")


def signs_of(text: str) -> Mapping[str, str] | None:
    """The options that would read a text, as a likely spelling; None where it is no number, or is read as it is."""
    found = _SIGNS.fullmatch(text.strip())
    if found is None or _is_plain(text):
        return None
    body = found["body"].strip()
    if _PLAIN.fullmatch(body):
        return {"decimal": "."}
    grouped = _GROUPED.fullmatch(body)
    if grouped is not None:
        sign, decimal = {"\u2019": "'"}.get(grouped["sign"], grouped["sign"]), (grouped["decimal"] or "")[:1]
        if decimal != sign and (decimal or body.count(sign) > 1 or sign not in ".,"):
            sign = " " if sign.isspace() else sign
            return {"decimal": decimal or ("," if sign == "." else "."), "thousands": sign}
    return {"decimal": ","} if _WITH_COMMA.fullmatch(body) else None


def could_be_thousands(text: str) -> bool:
    """Whether a comma may stand between thousands as well as before decimals."""
    return _EITHER.fullmatch(text.strip()) is not None


def _is_plain(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
