"""How the column of stamps becomes instants: SQL expressions for the local time and the instant of each row.

What numbers count and which zone a local time is in are said or refused, never guessed: an abbreviation such as BST
stands for several zones, so that one is understood only as a time that the clock of the zone said shows.
"""

from __future__ import annotations

import re

from barhouse.coordinator.load.columns import FLOATS, INTEGERS, Column
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.coordinator.sources.source import Source
from barhouse.store.calendars.time_zone import abbreviations, clock_named
from barhouse.store.errors import OptionsError
from barhouse.store.hints import Option
from barhouse.store.sql import Sql, literal

#: How a number of each format comes to count microseconds, coarsest first.
EPOCHS = {"epoch_s": "* 1000000", "epoch_ms": "* 1000", "epoch_us": "", "epoch_ns": "// 1000"}
#: The numbers of each format that lie in the years up to 9999.
_LIMITS = {"epoch_s": 253402300799, "epoch_ms": 253402300799999, "epoch_us": 253402300799999999, "epoch_ns": 2**63 - 1}

_NAIVE = {"DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"}
_WHOLE = r"[+-]?[0-9]+([.]0*)?"
_DATE = r"[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}"
_TIME = r"[ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?"
_ZONE = r" ?(?:Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)"
#: A date, or a date and time, with nothing after it that would change its meaning (AM, the name of a zone).
_PLAIN = f"^{_DATE}({_TIME})?$"
_OFFSET = f"{_TIME}({_ZONE})$"
_OFFSET_AFTER_MINUTES = rf"([ T][0-9]{{1,2}}:[0-9]{{2}})({_ZONE})$"
_OFFSET_AFTER_BLANK = " (Z|[+-][0-9:]+)$"
#: The directives of a format that say the time of day.
_TIMES_OF_DAY = re.compile(r"%-?[HIMSfgnpcXs]")
_DIRECTIVE = re.compile(r"%-?.|.", re.DOTALL)


def stamp(column: Column, source: Source, options: LoadOptions, *, wants_dates: bool) -> tuple[Sql, Sql]:
    """Expressions for a stamp's local time (TIMESTAMP) and its instant (TIMESTAMPTZ); either may be NULL.

    Parameters
    ----------
    wants_dates
        Whether bars are of 1d or longer, so that a stamp's own local date matters.

    Raises
    ------
    OptionsError
        For a column, or a format, that holds no such stamps.
    """
    form = options.timestamp_format
    if form in EPOCHS:
        return _of_epoch(column, form, options, wants_dates=wants_dates)
    if column.is_text or (form is not None and column.type in INTEGERS):
        return _of_text(column, options, wants_dates=wants_dates)
    if form is not None:
        raise OptionsError(
            f"{Option('timestamp_format', form)} is for text or numbers, but {column.name} is {column.type}; "
            f"leave it out"
        )
    if column.type in _NAIVE:
        return Sql(f"{column.sql}::TIMESTAMP"), _NO_INSTANT
    if column.type in ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"):
        instant = f"{column.sql}::TIMESTAMPTZ"
        own = options.timezone or source.zones.get(column.name, "UTC")
        return _on_clock(instant, own) if wants_dates else _NO_LOCAL, Sql(instant)
    if column.type in INTEGERS | FLOATS or column.type.startswith("DECIMAL"):
        raise OptionsError(
            f"{column.name} holds numbers; say what they count with {Option('timestamp_format')}, one of "
            f"{', '.join(EPOCHS)}, or how dates are written in them, such as {Option('timestamp_format', '%Y%m%d')}"
        )
    raise OptionsError(
        f"{column.name} is {column.type}, which is no time; name another column with {Option('columns')}"
    )


def how_written(column: Column, options: LoadOptions) -> str:
    """How the stamps of a column are written: the format that was said, ISO 8601, or their type."""
    return options.timestamp_format or ("ISO 8601" if column.is_text else column.type)


def are_dates(column: Column, options: LoadOptions) -> bool:
    """Whether every stamp is a date without a time of day, by its type or its format."""
    form = options.timestamp_format
    if column.is_text or column.type in INTEGERS:
        return form is not None and form not in EPOCHS and not _TIMES_OF_DAY.search(form)
    return column.type == "DATE"


def is_date(column: Column, options: LoadOptions) -> Sql:
    """A condition: that a stamp is a date without a time of day."""
    if are_dates(column, options):
        return Sql(f"{column.sql} IS NOT NULL")
    if column.is_text and options.timestamp_format is None:
        text = f"trim({column.sql}::VARCHAR)"
        return Sql(f"NOT contains({text}, ':') AND regexp_full_match({text}, {literal(_DATE)})")
    return Sql("false")


def epoch(column: Column) -> Sql | None:
    """An expression for a stamp that is a whole number (BIGINT); None for a column that can hold none."""
    if column.type in INTEGERS:
        return Sql(f"TRY_CAST({column.sql} AS BIGINT)")
    if column.type in FLOATS or column.type.startswith("DECIMAL"):
        return Sql(f"(CASE WHEN {column.sql} = floor({column.sql}) THEN TRY_CAST({column.sql} AS BIGINT) END)")
    if not column.is_text:
        return None
    # Through trim, or DuckDB casts while it reads and calls the line malformed. A cast alone would take 1.73263E+12,
    # which has lost its digits, and round fractions; nearly all are plain digits, which a look at the length tells.
    digits = f"trim({column.sql}::VARCHAR)"
    number = f"TRY_CAST({digits} AS BIGINT)"
    whole = f"regexp_full_match({digits}, {literal(_WHOLE)})"
    return Sql(f"(CASE WHEN {number}::VARCHAR = {digits} OR {whole} THEN {number} END)")


def _of_epoch(column: Column, form: str, options: LoadOptions, *, wants_dates: bool) -> tuple[Sql, Sql]:
    if column.type == "FLOAT":
        raise OptionsError(
            f"{column.name} holds floats of 32 bits, which are 128 seconds apart today: they are no stamps any longer; "
            f"write them as whole numbers"
        )
    number = epoch(column)
    if number is None:
        raise OptionsError(
            f"{Option('timestamp_format', form)} is for numbers, but {column.name} is {column.type}; leave it out"
        )
    # A zero stands for a stamp that was not known; no market's bar started with 1970.
    within = f"{number} BETWEEN -{_LIMITS[form]} AND {_LIMITS[form]} AND {number} <> 0"
    instant = f"CASE WHEN {within} THEN make_timestamptz({number} {EPOCHS[form]}) END"
    return _on_clock(instant, options.timezone or "UTC") if wants_dates else _NO_LOCAL, Sql(instant)


def _of_text(column: Column, options: LoadOptions, *, wants_dates: bool) -> tuple[Sql, Sql]:
    text, form = f"trim({column.sql}::VARCHAR)", options.timestamp_format
    if form is None:
        return _of_iso_text(f"upper({text})", options, wants_dates=wants_dates)
    if "%Z" in form:
        return _of_named_zone(text, form, options.timezone, wants_dates=wants_dates)
    if "%z" not in form:
        return Sql(f"try_strptime({text}, {literal(form)})::TIMESTAMP"), _NO_INSTANT
    instant = f"try_strptime({text}, {literal(form)})::TIMESTAMPTZ"
    if not wants_dates or not form.endswith("%z"):
        return _on_clock(instant, options.timezone or "UTC") if wants_dates else _NO_LOCAL, Sql(instant)
    bare = f"regexp_replace({text}, '(Z|[+-][0-9]{{2}}:?[0-9]{{2}})$', '')"
    own = f"try_strptime({bare}, {literal(form.removesuffix('%z'))})::TIMESTAMP"
    return _own_midnight(own, instant, options.timezone), Sql(instant)


def _of_iso_text(text: str, options: LoadOptions, *, wants_dates: bool) -> tuple[Sql, Sql]:
    plain = f"regexp_matches({text}, {literal(_PLAIN)})"
    offset = f"regexp_matches({text}, {literal(_OFFSET)})"
    bare = f"regexp_replace({text}, {literal(_ZONE + '$')}, '')"
    # DuckDB wants no blank before an offset in digits, and DuckDB 1.5 seconds.
    closed_up = f"regexp_replace({text}, {literal(_OFFSET_AFTER_BLANK)}, '\\1')"
    spelled_out = f"regexp_replace({closed_up}, {literal(_OFFSET_AFTER_MINUTES)}, '\\1:00\\2')"
    cast = f"coalesce(TRY_CAST({text} AS TIMESTAMPTZ), TRY_CAST({spelled_out} AS TIMESTAMPTZ))"
    instant = f"CASE WHEN {offset} THEN {cast} END"
    local = _own_midnight(f"TRY_CAST({bare} AS TIMESTAMP)", instant, options.timezone)
    own = f"WHEN ({instant}) IS NOT NULL THEN {local}" if wants_dates else ""
    return Sql(f"CASE WHEN {plain} THEN TRY_CAST({text} AS TIMESTAMP) {own} END"), Sql(instant)


def _of_named_zone(text: str, form: str, timezone: str | None, *, wants_dates: bool) -> tuple[Sql, Sql]:
    """Stamps that name their zone: UTC, GMT, Z, an IANA name, or as the zone said is called at that time."""
    before, after = _pattern(form)
    zone = f"regexp_extract({text}, {literal(f'^{before}({_ZONE_NAME}){after}$')}, 1)"
    in_utc = f"regexp_replace({text}, {literal(f'^({before}){_ZONE_NAME}({after})$')}, '\\1UTC\\2')"
    local = f"timezone('UTC', try_strptime({in_utc}, {literal(form)})::TIMESTAMPTZ)"
    named = f"timezone({zone}, {local})"
    # Where a clock goes back, a name tells no more than the local time does: which hour is meant is not said.
    moved = " ".join(f"AND timezone({zone}, instant(epoch_us({named}) + {by})) <> {local}" for by in _CLOCK_CHANGES)
    cases = [
        f"WHEN upper({zone}) IN ('UTC', 'GMT', 'Z') THEN {local}::TIMESTAMPTZ",
        f"WHEN contains({zone}, '/') AND try_strptime({text}, {literal(form)}) IS NOT NULL "
        f"THEN CASE WHEN timezone({zone}, {named}) = {local} {moved} THEN {named} END",
    ]
    for name, offset in ({} if timezone is None else abbreviations(timezone)).items():
        at = f"instant(epoch_us({local}) - {offset * 1_000_000})"
        shown = f"timezone({literal(timezone or '')}, {at}) = {local}"
        cases.append(f"WHEN upper({zone}) = {literal(name.upper())} AND {shown} THEN {at}")
    instant = f"CASE {' '.join(cases)} END"
    return Sql(f"CASE WHEN {instant} IS NOT NULL THEN {local} END") if wants_dates else _NO_LOCAL, Sql(instant)


_NO_LOCAL, _NO_INSTANT = Sql("NULL::TIMESTAMP"), Sql("NULL::TIMESTAMPTZ")
_ZONE_NAME = "[A-Za-z][A-Za-z0-9_+/-]*"
#: How far a clock may be changed, in microseconds.
_CLOCK_CHANGES = tuple(sign * minutes * 60_000_000 for minutes in (30, 60) for sign in (-1, 1))


def _pattern(form: str) -> tuple[str, str]:
    """What stands before and after the zone in a text of a format, as regular expressions."""
    before, _, after = form.partition("%Z")
    return _spelled(before), _spelled(after)


def _spelled(form: str) -> str:
    found = []
    for piece in _DIRECTIVE.findall(form):
        if piece == "%p":
            found.append("[AaPp][Mm]")
        elif piece.startswith("%") and piece != "%%":
            found.append(".+?")
        else:
            found.append(f"\\x{{{ord(piece[-1]):02x}}}")
    return "".join(found)


def _on_clock(instant: str, timezone: str) -> Sql:
    """What a clock shows at an instant."""
    clock = clock_named(timezone)
    shown = f"timezone({literal(clock.zone.key)}, {instant})"
    return Sql(shown if not clock.ahead_seconds else f"({shown} + to_seconds({clock.ahead_seconds}))")


def _own_midnight(own: str, instant: str, timezone: str | None) -> Sql:
    """The local time by a stamp's own offset; where that is no midnight, by the zone that was said."""
    if timezone is None:
        return Sql(own)
    return Sql(f"CASE WHEN {own} = date_trunc('day', {own}) THEN {own} ELSE {_on_clock(instant, timezone)} END")
