"""A date in one column and the time of day in another: the text of a stamp that they are together.

Times in digits may lack their leading zeros. Where 1000 could be ten o'clock or ten minutes past midnight, the format
has to be said.
"""

from __future__ import annotations

from barhouse.coordinator.load.columns import INTEGERS, Column
from barhouse.coordinator.load.source_rows import SourceRows, read_errors
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import OptionsError
from barhouse.store.hints import Option
from barhouse.store.sql import Sql, literal

#: The last minute of a day in digits, and how many digits a time with seconds has.
_LAST_MINUTE, _WITH_SECONDS, _WITHOUT_SECONDS = 2359, 6, 4
_MIDNIGHTS = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
_DIGITS = "[0-9]{1,6}"
#: What a format says of a time that is digits alone, and how many.
_FORMS = {"%H%M": _WITHOUT_SECONDS, "%H%M%S": _WITH_SECONDS}


def together(transaction: Transaction, rows: SourceRows, date: Column, time: Column, options: LoadOptions) -> Column:
    """A column of stamps (text) made of a date and a time of day.

    Raises
    ------
    OptionsError
        For columns that hold no such thing, and for times that could be two.
    """
    form = options.timestamp_format
    if form is not None and (form.startswith("epoch_") or not _is_written(date) or not _is_written(time)):
        raise OptionsError(
            f"{Option('timestamp_format', form)} does not fit a stamp in two columns, {date.name} ({date.type}) and "
            f"{time.name} ({time.type}): there it is for dates and times that are text or digits, such as "
            f"'%m/%d/%Y %H:%M'; leave it out otherwise"
        )
    day, clock = _date_of(date, as_written=form is not None), f"nullif(trim({time.sql}::VARCHAR), '')"
    if _is_written(time):
        width = _FORMS.get(form.partition(" ")[2], 0) if form is not None else _width(transaction, rows, time)
        if width:
            clock = (
                f"CASE WHEN regexp_full_match({clock}, '{_DIGITS}') THEN lpad({clock}, {width}, '0') ELSE {clock} END"
            )
        if form is None:
            clock = _with_colons(clock)
    elif not time.type.startswith("TIME") or time.type.startswith("TIMESTAMP"):
        raise OptionsError(f"{time.name} is {time.type}, which is no time of day; {_WAY_OUT}")
    return Column(f"{date.name} {time.name}", "VARCHAR", Sql(f"concat_ws(' ', {day}, {clock})"), (date.name, time.name))


_WAY_OUT = f"name a date and a time of day with {Option('columns', {'bar_start': ['DATE', 'TIME']})}"


def _is_written(column: Column) -> bool:
    return column.is_text or column.type in INTEGERS


def _date_of(date: Column, *, as_written: bool) -> str:
    text = f"nullif(trim({date.sql}::VARCHAR), '')"
    if _is_written(date):
        if as_written:
            return text
        dashed = f"regexp_replace({text}, '^([0-9]{{4}})[./]([0-9]{{1,2}})[./]([0-9]{{1,2}})$', '\\1-\\2-\\3')"
        return f"regexp_replace({dashed}, '^([0-9]{{4}})([0-9]{{2}})([0-9]{{2}})$', '\\1-\\2-\\3')"
    if date.type == "DATE":
        return text
    if date.type in _MIDNIGHTS:  # one that has a time of day already is no date
        is_midnight = f"{date.sql} = date_trunc('day', {date.sql})"
        return f"CASE WHEN {is_midnight} THEN {date.sql}::DATE::VARCHAR ELSE {text} || '?' END"
    raise OptionsError(f"{date.name} is {date.type}, which is no date; {_WAY_OUT}")


def _with_colons(clock: str) -> str:
    minutes = f"regexp_replace({clock}, '^([0-9]{{2}})([0-9]{{2}})$', '\\1:\\2')"
    return f"regexp_replace({minutes}, '^([0-9]{{2}})([0-9]{{2}})([0-9]{{2}})$', '\\1:\\2:\\3')"


def _width(transaction: Transaction, rows: SourceRows, time: Column) -> int:
    """How many digits times have with their leading zeros, where these were left out; 0 where none are."""
    digits = Sql(f"trim({time.sql}::VARCHAR)")
    with read_errors(rows.name):
        found = transaction.one("load.times_in_digits", rows=rows.relation, digits=digits, form=literal(_DIGITS))
    if not found.row_count or found.padded_count:
        return 0
    if found.longest > _WITHOUT_SECONDS or found.greatest > _LAST_MINUTE:
        return _WITH_SECONDS
    if found.uneven_count:
        return _WITHOUT_SECONDS
    raise OptionsError(
        f"the times in {time.name} of {rows.name} have no more than {found.longest} digits, which could be hours and "
        f"minutes or minutes and seconds; say how date and time are written, such as "
        f"{Option('timestamp_format', '%Y%m%d %H%M')}"
    )
