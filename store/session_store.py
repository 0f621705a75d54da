"""SessionStore: what a store can be asked; every question has its method, and is answered from the database alone."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from barhouse.store.action_store import ActionStore
from barhouse.store.calendar_store import CalendarStore
from barhouse.store.checks import health
from barhouse.store.database.database import Clock, Database, wall_clock
from barhouse.store.database.follower import Follower
from barhouse.store.database.opening import is_read_only, open_database
from barhouse.store.errors import InputError, RegistrationError
from barhouse.store.frame_store import FrameStore
from barhouse.store.future_store import FutureStore
from barhouse.store.hints import Option
from barhouse.store.model.inputs import (
    Moment,
    Names,
    as_columns,
    as_count,
    as_instant,
    as_intervals,
    as_range,
    as_session_range,
    optional,
    renamed,
)
from barhouse.store.model.interval import Interval
from barhouse.store.model.paths import absolute
from barhouse.store.places.address import as_address, is_address, refuse_far
from barhouse.store.records import registry, run
from barhouse.store.sql import sql

if TYPE_CHECKING:
    import pyarrow as pa

    from barhouse.store.checks.verification import Progress
    from barhouse.store.model.reports import ExportReport, Registration, VerifyReport
    from barhouse.store.model.symbol import SymbolSessionData
    from barhouse.store.records.adjustment import Adjust
    from barhouse.store.records.filled_bars import Fill


def open_store(
    path: str | Path,
    *,
    read_only: bool = False,
    clock: Clock = wall_clock,
    settings: dict[str, str | int] | None = None,
    case_sensitive: bool | None = None,
    sealed: bool = False,
    follow: bool = False,
) -> SessionStore:
    """Open the store at ``path``, creating it or bringing it to the current schema.

    Parameters
    ----------
    path
        A file; its folder must exist. ``":memory:"`` gives a store that lives as long as the object.
    read_only
        Several processes may read one file as long as none writes it.
    clock
        Where the store takes the time from: a function that returns a time-zone-aware datetime.
    settings
        DuckDB settings, such as ``{"threads": 2, "memory_limit": "4GB"}``: of ``threads``, ``memory_limit``,
        ``max_memory``, ``temp_directory``, ``max_temp_directory_size``, ``default_block_size``,
        ``checkpoint_threshold`` and ``wal_autocheckpoint``. By others bars could come out otherwise, so
        those are refused.
    case_sensitive
        Whether symbols that differ in case alone are two, such as ``AMPB`` and ``AMpB``. It is said before a store has
        symbols, and kept in it; by default it is as it was made, and a new one takes them for one, in upper case.
    sealed
        Have DuckDB keep this opening from every file but the store's own, whatever a query, or a view that somebody
        else put into the file, asks for: for queries, and for stores, that come from others. Nothing can be loaded from
        files, exported or copied then.
    follow
        Have every question answered by the newest file of that name, such as a snapshot that is published again and
        again; only with ``read_only``. What is being read goes on in the file it began in, which is closed after it.

    Raises
    ------
    InputError
        For another ``case_sensitive`` than the store was made with, and for settings that are not allowed. For
        ``follow`` without ``read_only``.
    StoreHeldError
        The file is open for writing elsewhere; names the process.
    StoreVersionError
        The file is of a newer version, or no store.
    MigrationError
        An upgrade failed; the file is as it was.
    """
    refuse_far(path)

    def opened() -> Database:
        return open_database(
            path, read_only=read_only, clock=clock, settings=settings, case_sensitive=case_sensitive, sealed=sealed
        )

    if not follow:
        return SessionStore(opened())
    if not read_only:
        raise InputError(
            f"{Option('follow', True)} is for published snapshots, which are only read; say "
            f"{Option('read_only', True)}, or leave it out"
        )
    return SessionStore(Follower(absolute(path), opened))


class SessionStore(FrameStore, ActionStore, FutureStore, CalendarStore):
    """Symbols, interval definitions and bars, kept in one DuckDB file.

    Every answer is a query; nothing is remembered between calls. Safe to share between threads: reads run side
    by side, writes one after the other. Use it as a context manager, or call :meth:`close`.
    """

    def runs(self) -> list[run.Run]:
        """The runs of coordinators on record, newest first.

        A run whose process is gone is ``crashed``, also while its record says ``running`` still. In a read-only copy,
        whose store may be open elsewhere, it is what it was when the copy was made.
        """
        a_copy = self.path is not None and is_read_only(self.path)
        with self.reading() as transaction:
            recorded = run.runs(transaction)
            return recorded if a_copy else run.as_recovered(transaction, recorded)

    def register_symbol_data(self, symbol_data: SymbolSessionData, *, reuse_names: bool = False) -> Registration:
        """Register one symbol with its intervals; idempotent and additive.

        Parameters
        ----------
        reuse_names
            As in ``SessionCoordinator.register``.

        Raises
        ------
        RegistrationError
            When it contradicts what is registered.
        CalendarError
            When its calendar is unknown.
        InputError
            When case counts in this store, and did not where the data were made.
        """
        from barhouse.store.records import registration

        if self.case_sensitive and not symbol_data.case_sensitive:
            raise InputError(
                f"case counts in this store, and {symbol_data.symbol} may have been given in another; say "
                f"{Option('case_sensitive', True)} where the symbol's data are made"
            )
        spelled = symbol_data.model_copy(update={"symbol": self.spelling.of(symbol_data.symbol)})
        with self.transaction() as transaction:
            if spelled.symbol not in {row.symbol for row in transaction.run("records.active_symbols")}:
                for why in registration.taken(transaction, [spelled.symbol], reuse_names=reuse_names).values():
                    raise RegistrationError(why)
            return registration.write(transaction, [spelled])[0]

    def get_active_symbols(self) -> set[str]:
        """The symbols registered now."""
        return set(self.sql(sql("records.active_symbols"))["symbol"].to_pylist())

    def get_symbols_with_derived(self) -> dict[str, list[str]]:
        """Each symbol that has derived intervals, with them, finest first."""
        derived: dict[str, list[str]] = {}
        for row in self.interval_rows():
            if row["derived"]:
                derived.setdefault(row["symbol"], []).append(row["interval"])
        return derived

    def get_symbol_data(self, symbol: str) -> SymbolSessionData | None:
        """What the store knows of a symbol, or None when it is not registered. A copy: changing it changes nothing."""
        from barhouse.store.records import symbol_data

        name = self.spelling.symbol(symbol)
        with self.reading() as transaction:
            return symbol_data.symbol_data(transaction, name)

    def interval_rows(self, symbols: Names | None = None) -> list[dict[str, Any]]:
        """The intervals of some symbols, or all: symbol, interval, derived, base, calendar; finest first."""
        names = optional(self.spelling.symbols, symbols, "symbols")
        rows: list[dict[str, Any]] = self.sql(sql("records.intervals_of"), {"symbols": names}).to_pylist()
        return rows

    def bars(
        self,
        symbol: Names,
        interval: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        last: int | None = None,
        columns: Names | None = None,
        live: bool = False,
        as_of: Moment | None = None,
        adjust: Adjust | None = None,
        fill: Fill | None = None,
    ) -> pa.Table:
        """The bars of one interval of a symbol, oldest first, or of several, by symbol; in the columns of ``bars``.

        Parameters
        ----------
        symbol
            One symbol, or several.
        start, end
            The first to have, and the first to leave out: a date, such as ``2024-11-29``, which names a session of each
            symbol's own calendar; or an instant that says its zone, such as ``2024-11-29T14:30:00+00:00``, which is
            compared with ``bar_start``. Bars outside of sessions are of the day that the calendar's clock shows.
        last
            Of each symbol no more than so many bars: the newest in the range, oldest first.
        columns
            Only these, in this order; the others are not read.
        live
            Also the bars still forming (the view ``bars_live``, with its column ``forming``).
        as_of
            The bars as the store knew them at that instant, on the calendar as it was then, and by the name of then: a
            symbol is asked for by that, or by the name of today where no other had it.
        adjust
            ``"split"`` or ``"all"`` (dividends, too): prices and volumes as of the shares of the newest bar, by the
            corporate actions that are known, or were at ``as_of``; with the columns of ``bars_adjusted``.
        fill
            Also bars that sessions have room for and that are not there, between the first bar and the last, marked by
            the column ``filled``: ``"previous"`` with the close before as every price, ``"zero_volume"`` without
            prices; both with a volume of 0. ``last`` counts them, too.

        Raises
        ------
        InputError
            When what was known at ``as_of`` was purged: all of history before an instant, or this interval's bars
            before one. When a bound is neither a date nor an instant, or the range ends before it begins. For a
            column that there is not. With ``adjust="all"``, for a dividend before which there is no close.
        UnknownSymbolError
            For a symbol or interval that is not registered (unless ``as_of`` is given: it may have been).
        """
        from barhouse.store.records import bars, filled_bars

        names, text = self.spelling.symbols(symbol, "symbol"), str(Interval.parse(interval))
        if live and as_of is not None:
            raise InputError("live and as_of exclude each other: forming bars exist only now; give one of them")
        bounds, then = as_range(start, end), optional(as_instant, as_of, "as_of")
        newest = None if last is None else as_count(last, "last", "how many bars of each symbol to have at most")
        wanted = optional(as_columns, columns, "columns")
        by = optional(bars.as_adjust, adjust, "adjust")
        asked = bars.Question(
            names, text, bounds, newest, wanted, adjust=by, fill=optional(filled_bars.as_fill, fill, "fill")
        )
        with self.reading() as transaction:
            return (
                bars.bars(transaction, asked, live=live) if then is None else bars.bars_as_of(transaction, asked, then)
            )

    def health(self, symbols: Names | None = None) -> pa.Table:
        """The view ``health`` by the store's clock, of all symbols or some, those furthest behind first."""
        names = optional(self.spelling.symbols, symbols, "symbols")
        with self.reading() as transaction:
            registry.refuse_unknown(transaction, names)
            return health.health(transaction, self.now(), names)

    def metrics(self) -> str:
        """How the store stands as OpenMetrics text, which Prometheus reads; needs the extra ``metrics``."""
        with self.reading() as transaction:
            return health.openmetrics(transaction, self.now())

    def intervals(self, symbols: Names | None = None) -> pa.Table:
        """The view ``intervals``, of all symbols or of some, finest interval first."""
        names = optional(self.spelling.symbols, symbols, "symbols")
        with self.reading() as transaction:
            registry.refuse_unknown(transaction, names)
            return transaction.table("records.intervals_in_order", {"symbols": names})

    def interval_states(self, symbols: Names | None = None) -> list[Any]:
        """The same as rows, a column by name: for who shows a few and needs no table."""
        names = optional(self.spelling.symbols, symbols, "symbols")
        with self.reading() as transaction:
            registry.refuse_unknown(transaction, names)
            return transaction.run("records.intervals_in_order", {"symbols": names})

    def gaps(
        self,
        symbol: str | None = None,
        interval: str | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
    ) -> pa.Table:
        """The view ``gaps``, by symbol and interval, oldest first.

        Parameters
        ----------
        symbol, interval
            Only of these.
        start, end
            The first session to have, and the first to leave out, by date; or instants, which are compared with
            ``gap_start``.

        Raises
        ------
        InputError
            When the range ends before it begins.
        """
        bounds = as_range(start, end)
        name = None if symbol is None else self.spelling.symbol(symbol)
        text = None if interval is None else str(Interval.parse(interval))
        parameters: dict[str, Any] = {"symbol": name, "interval": text}
        for bound, of_date, of_instant in zip(bounds, ("first_date", "end_date"), ("start", "end"), strict=True):
            is_instant = isinstance(bound, datetime)
            parameters |= {of_date: None if is_instant else bound, of_instant: bound if is_instant else None}
        with self.reading() as transaction:
            names = None if name is None else [name]
            registry.refuse_unknown(transaction, names, None if text is None else [text])
            if None not in bounds:  # a date and an instant are in order or not on a calendar alone
                from barhouse.store.records import session_days

                calendars = [one for (one,) in transaction.run("records.calendars_of_symbols", {"symbols": names})]
                session_days.ranges(transaction, calendars, *bounds)
            return transaction.table("records.gaps_in_order", parameters)

    def verify(
        self,
        symbols: Names | None = None,
        intervals: Names | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        progress: Progress | None = None,
    ) -> VerifyReport:
        """Compute again what the store keeps, by other ways than those that wrote it, and compare.

        Checks that every bar is there once; that derived bars equal a recomputation from base bars, bit for bit;
        that coverage, gaps and quality do; that watermarks fit the bars; and that bars and revisions account for
        every batch (the last only when the whole store is checked; then every table is read to its last block, too,
        which tells what the disk has damaged). Nothing is changed. Buckets that wait to be
        derived again are not differences.

        Parameters
        ----------
        symbols, intervals
            Check only these.
        start, end
            Check only sessions with ``start <= session_date < end``: dates, for it goes by whole sessions.
        progress
            Called with (bars read, bars in all).

        Returns
        -------
        VerifyReport
            With no differences, a proof.
        """
        from barhouse.store.checks import verification

        first, last = as_session_range(start, end)
        names, texts = (
            optional(self.spelling.symbols, symbols, "symbols"),
            optional(as_intervals, intervals, "intervals"),
        )
        with self.reading() as transaction:
            registry.refuse_unknown(transaction, names, texts)
            return verification.verify(transaction, names, texts, first, last, progress)

    def export(
        self,
        folder: str | Path,
        *,
        format: str = "parquet",
        symbols: Names | None = None,
        intervals: Names | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
        full: bool = False,
        progress: Progress | None = None,
        anew: bool | None = None,
    ) -> ExportReport:
        """Write bars to files, or bring a folder written before up to date: only what changed is written.

        Each symbol, interval and month (of ``bar_start``, in UTC) has one file,
        ``symbol=SPY/interval=1m/month=2024-11/bars.parquet``, with the columns of the view ``bars`` that the folders
        do not name; characters of a symbol that a folder cannot have are percent-encoded. A file is replaced at once
        or not at all; those that the store has no bars of any more are removed, but what retention gave up stays
        exported. The folder holds nothing else, so that pandas, pyarrow, polars and DuckDB read it as one table. What
        it holds is written down beside it, in ``FOLDER.barhouse-export`` (or, where files cannot be renamed from there,
        in ``_barhouse-export`` inside). An export cut short is finished by the next.

        Parameters
        ----------
        folder
            Made when it is not there; otherwise empty, or written by an export of this store. Also part of a bucket,
            ``s3://bucket/path``, where the manifest is beside it all the same.
        format
            ``parquet``, ``csv``, ``arrow`` (its IPC file format), or one that a package adds; see ``barhouse plugins``.
        symbols, intervals
            Only these.
        start, end
            Dates, which name sessions of each symbol's own calendar, or instants; as in :meth:`bars`.
        full
            Write everything, whatever the folder has: needed for another selection or format. Then the folder holds
            what the store does, and what retention gave up no longer.
        progress
            Called with (files written, files to be written).
        anew
            What ``full`` was called before; taken until the next release.

        Raises
        ------
        InputError
            The folder holds something else, another selection, or an export of another store.
        StoreError
            Another export is writing there, or there is no room.
        PlaceError
            The bucket cannot be reached, or refuses; the next export finishes.
        """
        from barhouse.store.copies import exports  # late: it takes its time, and most have no need of it
        from barhouse.store.copies.export_folder import prepared
        from barhouse.store.copies.export_manifest import Selection

        full = renamed("anew", anew, "full", full)
        names, texts = (
            optional(self.spelling.symbols, symbols, "symbols"),
            optional(as_intervals, intervals, "intervals"),
        )
        asked = Selection.of(format, names, texts, *as_range(start, end))
        with self.reading() as transaction:
            registry.refuse_unknown(transaction, names, texts)
            if is_address(folder):
                from barhouse.store.copies.export_bucket import prepared_bucket

                with prepared_bucket(as_address(folder), transaction.scratch) as far:
                    return exports.export(transaction, far, asked, full=full, progress=progress)
            with prepared(absolute(folder)) as place:
                return exports.export(transaction, place, asked, full=full, progress=progress)
