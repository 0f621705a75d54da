"""Changes to what a store holds, each one transaction: deletions, undo, calendars, repair, retention."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from barhouse.coordinator.edit import calendar_edit, deletion, rebuild, retention, reversal
from barhouse.coordinator.edit.name_editor import NameEditor
from barhouse.coordinator.edit.trial import trial
from barhouse.store.calendars.correction import corrections_of
from barhouse.store.calendars.definition import CalendarDefinition
from barhouse.store.errors import InputError
from barhouse.store.hints import Action, Option
from barhouse.store.model.former_calls import interval_came_first
from barhouse.store.model.inputs import (
    Moment,
    Names,
    as_bound,
    as_count,
    as_instant,
    as_interval,
    as_range,
    as_session_date,
    optional,
)
from barhouse.store.model.reports import (
    CalendarReport,
    DeleteReport,
    RepairReport,
    RetentionReport,
    RevertReport,
)
from barhouse.store.records import registry


class StoreEditor(NameEditor):
    """Changes what is there; what is derived of it follows."""

    _grace: timedelta

    def delete_bars(
        self,
        symbol: str,
        interval: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        rewind: bool = False,
    ) -> DeleteReport:
        """Delete the base bars of a range; what was derived from them is derived again.

        The old bars stay in ``revisions``. Bars before ``retained_from`` are gone already, and a range that begins
        before it is refused.

        Parameters
        ----------
        start, end
            Dates of sessions, or instants, as in ``SessionStore.bars``: what that shows for a range goes. At least one
            of them.
        rewind
            Also take the watermarks back to the last bar that is left, so that what follows counts as not there
            yet rather than as missing; also where the range has no bar any more.
        """
        name, text = self._store.spelling.symbol(symbol), as_interval(interval, "interval")
        bounds = as_range(start, end)
        if start is None and end is None:
            raise InputError(
                f"say {Option('start')}, {Option('end')} or both; to delete everything use {Action('remove_symbols')}"
            )
        with self._store.transaction() as transaction:
            return deletion.delete_bars(transaction, name, text, bounds, rewind=rewind)

    def revert(self, batch_id: int, *, apply: bool = True) -> RevertReport:
        """Undo a batch, as a batch of its own: bars that it added go, changed and deleted ones are as they were.

        What goes stays in ``revisions``. What was derived follows with the next process; where the last bars of a
        symbol go, the watermarks go back to the last bar that is left, as with ``delete_bars(rewind=True)``. The files
        of a load count as not loaded. Where it was a name or an alias, symbols are called as before. Undoing the undo
        brings back what it took away.

        Parameters
        ----------
        batch_id
            A load, a delete, a name or a revert, by its number in the view ``batches`` or in the report of what wrote
            it.
        apply
            False only says what it would come to: nothing is kept, not even sessions that a calendar was asked for. Not
            inside a transaction of one's own.

        Raises
        ------
        InputError
            When there is no such batch, when it is of another kind, when later batches changed the same bars or took
            their symbols away, when what it replaced was purged, or when the calendar has no place for it any more.
        """
        number = as_count(batch_id, "batch_id", "the number of a batch")
        with trial(self._store, apply=apply) as transaction:
            return reversal.revert(transaction, number, apply=apply)

    def end_session(self, session_date: date | str, symbols: Names | None = None) -> list[str]:
        """Declare a session over: what has not come by now is missing, and every bucket of it can close.

        Parameters
        ----------
        session_date
            The session, by its date; symbols whose calendar has none that day, or for which it has not begun by the
            store's clock, are passed over.
        symbols
            Only these; all active ones by default.

        Returns
        -------
        list of str
            The symbols that moved on; those already complete through the session are not among them.

        Raises
        ------
        InputError
            When there is such a session and it has begun for none of the symbols.
        """
        day, names = (
            as_session_date(session_date, "session_date"),
            optional(self._store.spelling.symbols, symbols, "symbols"),
        )
        with self._store.transaction() as transaction:
            return deletion.end_session(transaction, day, names)

    def add_calendar(
        self,
        name: str,
        *,
        timezone: str,
        open: str,
        close: str,
        break_: str | Iterable[str] | None = None,
        weekdays: str = "mon-fri",
        holidays: str | date | Iterable[date | str] = (),
        early_closes: Mapping[date, str] | Mapping[str, str] | None = None,
        week_starts: str | None = None,
        late_opens: Mapping[date, str] | Mapping[str, str] | None = None,
        hours: Mapping[str, Any] | None = None,
        changes: Iterable[Mapping[str, Any]] | None = None,
        sessions: Mapping[str, Any] | Mapping[date, Any] | None = None,
    ) -> CalendarReport:
        """Define a calendar of one's own, or change it: then what the change touches is derived again.

        Parameters
        ----------
        name
            Any name that no exchange has.
        timezone
            The IANA zone that all times are in.
        open, close
            Wall-clock times such as ``"09:30"``. A close that is not after the open belongs to the next day; the
            session, and ``weekdays``, name the day it closes on.
        break_
            One break or several, such as ``"12:00-13:00"``.
        weekdays
            ``"mon-fri"``, ``"sun-thu"``, ``"mon,wed,fri"`` or ``"daily"``.
        holidays
            Dates without a session.
        early_closes
            Dates with the time they close at.
        week_starts
            The weekday that weeks (``1w``) start on, such as ``"sun"``. By default it is Monday, or the day after the
            weekend where sessions lie on Sundays and Mondays.
        late_opens
            Dates with the time they open at.
        hours
            Weekdays that have hours of their own: ``{"fri": {"open": "09:30", "close": "12:00"}}``, with ``"break"`` if
            there are any.
        changes
            What is otherwise from a date on, in the order of time: ``[{"from": "2025-01-06", "close": "17:00"}]``, with
            any of open, close, break, weekdays and hours.
        sessions
            Single sessions beyond all that, by their dates, as in ``correct_calendar``: extra ones, or such with hours
            of their own.

        Raises
        ------
        CalendarError
            For a definition that makes no sense, or one that has no place for bars that are there.
        """
        definition = CalendarDefinition.parse(
            name,
            timezone=timezone,
            open=open,
            close=close,
            break_=break_,
            weekdays=weekdays,
            holidays=holidays,
            early_closes=early_closes,
            week_starts=week_starts,
            late_opens=late_opens,
            hours=hours,
            changes=changes,
            sessions=sessions,
        )
        return self.define_calendar(definition)

    def define_calendar(self, definition: CalendarDefinition) -> CalendarReport:
        """Do the same as ``add_calendar``, with a definition read from elsewhere."""
        with self._store.transaction() as transaction:
            return calendar_edit.define(transaction, definition, self._grace)

    def correct_calendar(
        self,
        name: str,
        sessions: Mapping[str, Any] | Mapping[date, Any] | None = None,
        *,
        known: bool = False,
        apply: bool = True,
    ) -> CalendarReport:
        """Correct single sessions of a calendar, an exchange's too: what they touch is derived again.

        Corrections stay when the calendar is refreshed, defined anew, or extended.

        Parameters
        ----------
        sessions
            What each session is, by its date: ``{"open": "18:00", "close": "19:00"}`` in wall-clock times of the
            calendar's zone, with ``"break"`` and a ``"reason"`` if there are any; ``False`` where there is no session;
            None where it is as the calendar says again. A close that is not after the open belongs to the next day.
        known
            Also the sessions that exchange_calendars is known to have wrong, each with its source as the reason; those
            of which something was said before stay so.
        apply
            False only says what would change.

        Raises
        ------
        CalendarError
            For hours that make no sense, overlap another session or leave a bar without a place; for a date that the
            calendar is not known for.
        """
        corrections, resets = corrections_of(name, {} if sessions is None else sessions)
        with self._store.transaction() as transaction:
            return calendar_edit.correct(transaction, name, corrections, resets, self._grace, known=known, apply=apply)

    def refresh_calendar(self, name: str, *, apply: bool = True) -> CalendarReport:
        """Compare a calendar the store has with what exchange_calendars says today; ``apply`` takes it over."""
        with self._store.transaction() as transaction:
            return calendar_edit.refresh(transaction, name, self._grace, apply=apply)

    def repair(self, symbols: Names | None = None, *, accept_lost_history: bool = False) -> RepairReport:
        """Mend what ``verify`` finds and can be derived again, as one batch.

        Bars that are there twice become one, base bars go where the calendar has them, watermarks move to the last
        bar, and everything derived is computed again. What cannot be derived again (a base bar with wrong prices,
        a lost revision) is in the report's ``after``.

        Parameters
        ----------
        accept_lost_history
            Also write down, with the same batch, which bars and revisions of the past are lost for good, so that
            ``verify`` misses them no longer: from then on it proves what is left. Old values that contradict each
            other are given up. For the whole store.
        """
        names = optional(self._store.spelling.symbols, symbols, "symbols")
        if accept_lost_history and names is not None:
            raise InputError(f"{Option('accept_lost_history')} is for the whole store; leave out symbols")
        with self._store.transaction() as transaction:
            registry.refuse_unknown(transaction, names)
            return rebuild.repair(transaction, names, self._grace, accept_lost_history=accept_lost_history)

    def remove_symbol(self, symbol: str, *, purge: bool = False) -> DeleteReport:
        """Strike a symbol off. Its bars become history (``revisions``, ``bars_as_of``); its name is free again.

        Parameters
        ----------
        purge
            Keep no history: its bars and revisions go for good, and so do those of symbols of this name that were
            removed before (one that is removed already will do).

        Raises
        ------
        UnknownSymbolError
            When it is not registered.
        """
        name = self._store.spelling.symbol(symbol)
        with self._store.transaction() as transaction:
            return deletion.remove_symbol(transaction, name, purge=purge)

    @interval_came_first("interval", "before", "symbols", said="purge_bars takes symbols, the interval, before")
    def purge_bars(
        self, symbols: Names | None = None, interval: str | None = None, before: Moment | None = None
    ) -> RetentionReport:
        """Give up old bars of an interval for good, base or derived; they leave no revision.

        What was derived from purged base bars stays and is final: neither late bars (loads of such are rejected)
        nor calendar edits change it. Coverage, gaps, quality and ``verify`` start there. The view ``retention`` says
        from where on. The file keeps its size: the space is used again, and ``compact`` gives it back.

        Parameters
        ----------
        symbols
            Only these; None for all active ones that have the interval.
        interval
            Whose bars go; must be said.
        before
            The first session to keep, by its date on each symbol's own calendar; or an instant, before which bars
            start that go. Of them, whole sessions and only such that every bar derived from the interval loses all of
            its base or nothing, and no further than everything is derived. Must be said.
        """
        names = optional(self._store.spelling.symbols, symbols, "symbols")
        rule = retention.RetentionRule(as_interval(interval, "interval"), before=as_bound(before, "before"))
        with self._store.transaction() as transaction:
            return retention.purge_bars(transaction, names, [rule])

    def apply_retention(self, policy: Mapping[str, str], symbols: Names | None = None) -> RetentionReport:
        """Keep bars of each interval for so long before the last base bar, and purge what is older, as one batch.

        Parameters
        ----------
        policy
            Interval to duration, such as ``{"1m": "90d", "5m": "2y", "revisions": "1y"}``: ``d``, ``w``, ``mo`` or
            ``y``. ``revisions`` counts from now, and is for the whole store. Intervals not named are kept.
        symbols
            Only these; all active ones by default.

        See Also
        --------
        purge_bars, purge_revisions : what it means for the rest.
        """
        names = optional(self._store.spelling.symbols, symbols, "symbols")
        rules, revisions = retention.parse(policy)
        if revisions is not None and names is not None:
            raise InputError("revisions are kept or purged for the whole store; leave out symbols, or revisions")
        with self._store.transaction() as transaction:
            return retention.purge_bars(transaction, names, rules, revisions)

    def purge_revisions(self, before: Moment) -> RetentionReport:
        """Give up old values that were replaced before an instant; to ask ``as_of`` an earlier one is then an error.

        ``before`` is an instant of the store's own clock; a date, which would name a session, is refused.

        The file keeps its size: the space is used again, and ``compact`` gives it back.
        """
        instant = as_instant(before, "before")
        with self._store.transaction() as transaction:
            return retention.purge_revisions(transaction, instant)
