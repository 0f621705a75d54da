"""CalendarStore: an open store as it is asked for trading calendars, and for their sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from barhouse.store.model.inputs import Moment, as_session_range
from barhouse.store.sql import sql
from barhouse.store.store_file import StoreFile

if TYPE_CHECKING:
    import pyarrow as pa


class CalendarStore(StoreFile):
    """An open store with the calendars that its symbols follow."""

    def calendars(self) -> pa.Table:
        """The calendars kept.

        Columns are calendar, kind, timezone, week_starts, known_from, known_through, symbol_count, definition.
        """
        return self.sql(sql("records.calendars"))

    def corrections(self, calendar: str | None = None) -> pa.Table:
        """What was corrected in a calendar, or in all: calendar, session_date, hours (null: no session), reason."""
        from barhouse.store.records import trading_calendar

        with self.reading() as transaction:
            name = None if calendar is None else trading_calendar.kept_name(transaction, calendar)
            return transaction.table("records.corrections", {"calendar": name})

    def sessions(self, calendar: str, start: Moment | None = None, end: Moment | None = None) -> pa.Table:
        """The sessions of a calendar with ``start <= session_date < end``, one row per segment, in UTC.

        Raises
        ------
        CalendarError
            When the store does not have the calendar; its name may be an alias, and in any case.
        InputError
            When a bound is no date, or ``start`` is the later.
        """
        from barhouse.store.records import trading_calendar

        first, last = as_session_range(start, end)
        with self.reading() as transaction:
            name = trading_calendar.kept_name(transaction, calendar)
            return transaction.table("records.sessions", {"calendar": name, "start": first, "end": last})
