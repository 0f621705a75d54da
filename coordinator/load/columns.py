"""How the columns of a source become the values of bars: SQL expressions for stamps, numbers and counts.

This is the one place where SQL is put together from texts: each is a constant, a literal or an identifier.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from barhouse.coordinator.sources.options import LoadOptions
from barhouse.coordinator.sources.source import Source
from barhouse.store.errors import OptionsError
from barhouse.store.hints import Option
from barhouse.store.sql import Sql, identifier, literal

_EPOCHS = {"epoch_s": "* 1000000", "epoch_ms": "* 1000", "epoch_us": "", "epoch_ns": "// 1000"}
_INTEGERS = {
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "HUGEINT",
}
_FLOATS = {"FLOAT", "DOUBLE"}
_NAIVE = {"DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"}
#: A date, or a date and time, with nothing after it that would change its meaning (AM, the name of a zone).
_PLAIN = r"^[0-9]+[-/][0-9]+[-/][0-9]+([ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?)?$"
_DATE = r"^[0-9]+[-/][0-9]+[-/][0-9]+$"
#: The directives of a format that say the time of day.
_TIMES_OF_DAY = re.compile(r"%-?[HIMSfgnpcXs]")
_OFFSET = r"[0-9]{1,2}:[0-9]{2}.*?( ?(?:[zZ]|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?))$"
_OFFSET_AFTER_MINUTES = r"([ T][0-9]{1,2}:[0-9]{2})( ?(?:Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?))$"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a source, by name and DuckDB type."""

    name: str
    type: str

    @property
    def sql(self) -> Sql:
        """The column's name, quoted."""
        return identifier(self.name)

    @property
    def is_text(self) -> bool:
        """Whether the source holds text that has to be understood."""
        return self.type == "VARCHAR" or self.type.startswith("ENUM")


def stamp(column: Column, source: Source, options: LoadOptions, *, wants_dates: bool) -> tuple[Sql, Sql]:
    """Expressions for a stamp's local time (TIMESTAMP) and its instant (TIMESTAMPTZ); either may be NULL."""
    none = Sql("NULL::TIMESTAMP"), Sql("NULL::TIMESTAMPTZ")
    name, form = column.sql, options.timestamp_format
    if form in _EPOCHS:
        if not (column.is_text or column.type in _INTEGERS | _FLOATS):
            raise OptionsError(
                f"{Option('timestamp_format', form)} is for numbers, but {column.name} is {column.type}; leave it out"
            )
        # Through trim, or DuckDB casts while it reads and calls the line malformed.
        digits = f"trim({name}::VARCHAR)" if column.is_text else name
        micros = f"(TRY_CAST({digits} AS BIGINT)::HUGEINT {_EPOCHS[form]})"
        instant = f"CASE WHEN abs({micros}) < 253402300800000000 THEN make_timestamptz({micros}::BIGINT) END"
        return _in_utc(instant) if wants_dates else none[0], Sql(instant)
    if column.is_text:
        text = f"trim({name}::VARCHAR)"
        if form is None:
            text = f"upper({text})"
            plain = f"regexp_matches({text}, {literal(_PLAIN)})"
            offset = f"regexp_matches({text}, {literal(_OFFSET)})"
            bare = f"regexp_replace({text}, ' ?([zZ]|UTC|GMT|[+-][0-9]{{2}}(:?[0-9]{{2}})?)$', '')"
            # DuckDB 1.5 wants seconds before an offset.
            spelled_out = f"regexp_replace({text}, {literal(_OFFSET_AFTER_MINUTES)}, '\\1:00\\2')"
            cast = f"coalesce(TRY_CAST({text} AS TIMESTAMPTZ), TRY_CAST({spelled_out} AS TIMESTAMPTZ))"
            instant = f"CASE WHEN {offset} THEN {cast} END"
            local = (
                f"CASE WHEN {plain} THEN TRY_CAST({text} AS TIMESTAMP) "
                f"WHEN ({instant}) IS NOT NULL THEN TRY_CAST({bare} AS TIMESTAMP) END"
            )
            return Sql(local), Sql(instant)
        if "%z" in form or "%Z" in form:
            instant = f"try_strptime({text}, {literal(form)})::TIMESTAMPTZ"
            if not wants_dates or not form.endswith("%z"):
                return _in_utc(instant) if wants_dates else none[0], Sql(instant)
            bare = f"regexp_replace({text}, '(Z|[+-][0-9]{{2}}:?[0-9]{{2}})$', '')"
            return Sql(f"try_strptime({bare}, {literal(form.removesuffix('%z'))})::TIMESTAMP"), Sql(instant)
        return Sql(f"try_strptime({text}, {literal(form)})::TIMESTAMP"), none[1]
    if form is not None:
        raise OptionsError(
            f"{Option('timestamp_format', form)} is for text or numbers, but {column.name} is {column.type}; "
            f"leave it out"
        )
    if column.type in _NAIVE:
        return Sql(f"{name}::TIMESTAMP"), none[1]
    if column.type in ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"):
        instant = f"{name}::TIMESTAMPTZ"
        own = options.timezone or source.zones.get(column.name, "UTC")
        return Sql(f"timezone({literal(own)}, {instant})") if wants_dates else none[0], Sql(instant)
    if column.type in _INTEGERS | _FLOATS:
        raise OptionsError(
            f"{column.name} holds numbers; say what they count with {Option('timestamp_format')}, one of "
            f"{', '.join(_EPOCHS)}"
        )
    raise OptionsError(
        f"{column.name} is {column.type}, which is no time; name another column with {Option('columns')}"
    )


def is_date(column: Column, options: LoadOptions) -> Sql:
    """A condition: that a stamp is a date without a time of day."""
    form = options.timestamp_format
    if column.type == "DATE" or (form is not None and form not in _EPOCHS and not _TIMES_OF_DAY.search(form)):
        return Sql(f"{column.sql} IS NOT NULL")
    if column.is_text and form is None:
        return Sql(f"regexp_matches(trim({column.sql}::VARCHAR), {literal(_DATE)})")
    return Sql("false")


def _in_utc(instant: str) -> Sql:
    return Sql(f"timezone('UTC', {instant})")


def number(column: Column | None, part: str) -> Sql:
    """An expression for a price or volume (DOUBLE); NULL where there is no column or no number."""
    if column is None:
        return Sql("NULL::DOUBLE")
    # Adding zero turns -0.0 into 0.0: equal values have equal bits.
    if column.is_text:
        return Sql(f"TRY_CAST(nullif(trim({column.sql}::VARCHAR), '') AS DOUBLE) + 0.0")
    if column.type in _INTEGERS | _FLOATS or column.type.startswith("DECIMAL"):
        return Sql(f"{column.sql}::DOUBLE + 0.0")
    raise OptionsError(
        f"{column.name} is {column.type}, but {part} takes numbers; name another column with {Option('columns')}"
    )


def volume(column: Column | None) -> Sql:
    """An expression for the volume; 0 where there is no column."""
    return Sql("0.0::DOUBLE") if column is None else number(column, "volume")


def count(column: Column | None) -> Sql:
    """An expression for a number of trades (BIGINT); NULL where there is no column or no number."""
    if column is None:
        return Sql("NULL::BIGINT")
    return Sql(f"TRY_CAST({number(column, 'trade_count')} AS BIGINT)")


def misread(parts: Mapping[str, Column | None]) -> Sql:
    """An expression for the first part whose text is there but no number; NULL where all are."""
    cases = []
    for part, column in parts.items():
        if column is not None and column.is_text and part not in ("bar_start", "symbol"):
            text = f"trim({column.sql}::VARCHAR)"
            cases.append(f"WHEN {text} <> '' AND TRY_CAST({text} AS DOUBLE) IS NULL THEN {literal(part)}")
    return Sql(f"CASE {' '.join(cases)} END") if cases else Sql("NULL::VARCHAR")


def symbol(column: Column | None) -> Sql:
    """An expression for the symbol as the source spells it; NULL where all rows are of one."""
    return Sql("NULL::VARCHAR") if column is None else Sql(f"{column.sql}::VARCHAR")


def named(column: Column, names: Sequence[str]) -> Sql:
    """A condition: that the column names one of some symbols; ``*`` and ``?`` stand for other characters."""
    spelled = f"upper(trim({column.sql}::VARCHAR))"
    plain = ", ".join(literal(text) for text in names if not is_pattern(text))
    wanted = [f"{spelled} IN ({plain})"] if plain else []
    wanted += [f"{spelled} GLOB {literal(text.replace('[', '[[]'))}" for text in names if is_pattern(text)]
    return Sql(f"({' OR '.join(wanted)})")


def is_pattern(text: str) -> bool:
    """Whether a text that names symbols has ``*`` or ``?`` in it, and names many."""
    return "*" in text or "?" in text
