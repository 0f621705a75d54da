"""Which formats a stamp that cannot be read may be written in: what to suggest, never what to take."""

from __future__ import annotations

import re

from barhouse.coordinator.sources.option_fields import EPOCH_DIGITS

_EPOCHS = {digits: name for name, digits in EPOCH_DIGITS.items()}
_DAY = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?P<time>\D.*)?", re.ASCII | re.DOTALL)
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}|$)", re.ASCII)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?P<time>\D.*)", re.ASCII | re.DOTALL)
_YEAR_FIRST = re.compile(r"\d{4}([/.])\d{1,2}\1\d{1,2}(?P<time>\D.*)?", re.ASCII | re.DOTALL)
#: A date in this century or the last, and a time of day, in digits alone: no count of seconds since 1970 is so long.
_DIGITS = re.compile(
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])((?:[01]\d|2[0-3])[0-5]\d([0-5]\d)?)?", re.ASCII
)
_COMPACT = re.compile(r"\d{8}(?P<time>\D.*)?", re.ASCII | re.DOTALL)
_TIME = re.compile(
    r"([ TD])(\d{1,2})(:?)\d{2}(\3\d{2}([.]\d{1,9})?)?( ?[AaPp][Mm])?"
    r"(?P<zone> ?(?:Z|[+-]\d{2}:?\d{2}))?(?P<name> [A-Za-z][A-Za-z_/+-]*)?",
    re.ASCII,
)
#: Days since 1900 with a fraction, as spreadsheets count them, from 1954 to 2064.
_SPREADSHEET = re.compile(r"[2-5]\d{4}([.,]\d+)?", re.ASCII)


def is_iso(text: str) -> bool:
    """Whether it is a date and time as they are read without a format."""
    return _ISO.match(text.strip()) is not None


def are_digits(text: str) -> bool:
    """Whether it is a date, or a date and a time of day, in digits alone, rather than a count of anything."""
    return _DIGITS.fullmatch(text.strip()) is not None


def are_of_a_spreadsheet(text: str) -> bool:
    """Whether it may be a count of days as spreadsheets keep dates, which no format reads."""
    return _SPREADSHEET.fullmatch(text.strip()) is not None


def formats_of(text: str) -> tuple[str, ...]:
    """The formats that may be meant, the likelier first; both orders of day and month where either could be."""
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) in _EPOCHS:
        return (_EPOCHS[len(text)],)
    if digits := _DIGITS.fullmatch(text):
        return (f"%Y%m%d{'%H%M' if digits[1] else ''}{'%S' if digits[2] else ''}",)
    if compact := _COMPACT.fullmatch(text):
        return _with_time(("%Y%m%d",), compact["time"])
    if iso := _ISO_DATE.fullmatch(text):  # what could not be read of it is a half of a day, or the name of a zone
        forms = _with_time(("%Y-%m-%d",), iso["time"])
        return tuple(form for form in forms if "%p" in form or "%Z" in form)
    if year_first := _YEAR_FIRST.fullmatch(text):
        return _with_time(("%Y{0}%m{0}%d".format(year_first[1]),), year_first["time"])
    if found := _DAY.fullmatch(text):
        first, mark, second, year = found[1], found[2], found[3], "%Y" if len(found[4]) == 4 else "%y"
        orders = ["%m{0}%d{0}", "%d{0}%m{0}"] if mark == "/" else ["%d{0}%m{0}", "%m{0}%d{0}"]
        if int(first) > 12 or int(second) > 12:
            orders = ["%d{0}%m{0}" if int(first) > 12 else "%m{0}%d{0}"]
        return _with_time(tuple(order.format(mark) + year for order in orders), found["time"])
    return ()


def _fraction(text: str | None) -> str:
    """The format of a fraction of a second: of more than six digits those are of nanoseconds."""
    if not text:
        return ""
    return ".%f" if len(text) <= len(".123456") else ".%n"


def _with_time(dates: tuple[str, ...], time: str | None) -> tuple[str, ...]:
    """The same, each with the time of day that follows."""
    if not time:
        return dates
    found = _TIME.fullmatch(time)
    if found is None:
        return ()
    before, colon, seconds, fraction, half = found[1], found[3], found[4], found[5], found[6]
    clock = f"{'%I' if half else '%H'}{colon}%M"
    clock += (f"{colon}%S" + _fraction(fraction)) if seconds else ""
    clock += (" %p" if half.startswith(" ") else "%p") if half else ""
    if found["name"]:
        return tuple(f"{day}{before}{clock} %Z" for day in dates)
    clock += "" if found["zone"] is None else " %z" if found["zone"].startswith(" ") else "%z"
    return tuple(f"{day}{before}{clock}" for day in dates)
