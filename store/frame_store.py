"""FrameStore: an open store whose bars are had as frames and charts, and whose sessions as a map."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Literal

from barhouse.store.errors import InputError
from barhouse.store.model.inputs import (
    Moment,
    Names,
    as_columns,
    as_count,
    as_instant,
    as_range,
    as_session_range,
    optional,
)
from barhouse.store.model.interval import Interval
from barhouse.store.model.markup import SHOWN_MAX, table_of
from barhouse.store.model.quality import shown_pct
from barhouse.store.records import registry
from barhouse.store.store_file import StoreFile

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

    from barhouse.store.charts.bar_chart import BarChart
    from barhouse.store.frames.frame import FrameKind
    from barhouse.store.records.adjustment import Adjust
    from barhouse.store.records.bars import Question
    from barhouse.store.records.filled_bars import Fill


class FrameStore(StoreFile):
    """An open store as notebooks and terminals ask it."""

    def frame(
        self,
        symbols: Names,
        interval: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        last: int | None = None,
        columns: Names | None = None,
        wide: str | None = None,
        timezone: str = "exchange",
        complete: bool = False,
        as_of: Moment | None = None,
        adjust: Adjust | None = None,
        fill: Fill | None = None,
        kind: FrameKind = "pandas",
    ) -> Any:
        """The bars of a symbol, or of several, as a frame of pandas or polars.

        In pandas the index is ``bar_start``, in the zone of the exchange; of bars of ``1d`` and longer it is
        ``session_date``, at midnight without a zone. Where a list of symbols is given, ``symbol`` comes before it.
        ``trade_count`` is a nullable integer, ``complete`` a nullable flag. In polars these are columns.

        Parameters
        ----------
        symbols
            One symbol, or a list of them.
        start, end, last, as_of, adjust, fill
            As for :meth:`bars`.
        columns
            Only these, beside the index.
        wide
            Of this column alone each symbol has one: ``"close"`` gives closes side by side, in the order of
            ``symbols``, with a row for each ``bar_start`` or ``session_date`` that any of them has.
        timezone
            The zone in which instants are shown, by its IANA name, or ``"exchange"``: that in which the symbols'
            calendars are at home. Where these have several, name one; bars of ``1d`` and longer do without, and show
            other instants in UTC.
        complete
            Only bars that are complete; so none outside of sessions, and none that are filled in.
        kind
            ``"pandas"``, or ``"polars"``, which needs the extra ``polars``.

        Returns
        -------
        pandas.DataFrame or polars.DataFrame

        Raises
        ------
        InputError
            As for :meth:`bars`; also for a zone or kind that there is not.
        UnknownSymbolError
            For a symbol or interval that is not registered.
        """
        from barhouse.store.frames.frame import FrameShape, framed
        from barhouse.store.records import bars, filled_bars

        names, text = self.spelling.symbols(symbols), str(Interval.parse(interval))
        chosen = optional(as_columns, columns, "columns")
        shape = FrameShape(text, names, isinstance(symbols, str), chosen, wide, timezone, kind)
        newest = None if last is None else as_count(last, "last", "how many bars of each symbol to have at most")
        by, holes = optional(bars.as_adjust, adjust, "adjust"), optional(filled_bars.as_fill, fill, "fill")
        if complete and holes is not None:
            raise InputError(
                "complete and fill exclude each other: no bar that is filled in is complete; give one of them"
            )
        asked = bars.Question(names, text, as_range(start, end), newest, shape.read, complete, by, holes)
        found, zones = self._bars_and_zones(asked, optional(as_instant, as_of, "as_of"))
        return framed(found, shape, zones)

    def chart(
        self,
        symbol: str,
        interval: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        last: int | None = None,
        as_of: Moment | None = None,
        adjust: Adjust | None = None,
        fill: Literal["previous"] | None = None,
    ) -> BarChart:
        """The bars of a symbol, drawn: a notebook shows the chart, and ``save`` writes a page or a picture.

        At most 5,000 bars are drawn, the newest; the chart says so where there are more. Bars of ``1d`` and longer
        stand at their session, others by the clock of the exchange. All that it shows is in it: nothing is fetched,
        and it can be read where there is no network. It also says in words what it shows.

        Parameters
        ----------
        start, end, last, as_of, adjust
            As for :meth:`bars`.
        fill
            ``"previous"`` draws bars that are not there at the close before; the other way of :meth:`bars` gives them
            no prices, and so nothing to draw.

        Raises
        ------
        InputError
            As for :meth:`bars`.
        UnknownSymbolError
            For a symbol or interval that is not registered.
        """
        from barhouse.store.charts.bar_chart import BarChart
        from barhouse.store.charts.drawing import DRAWN_MAX, READ, Drawing
        from barhouse.store.records import bars, filled_bars

        name, text = self.spelling.symbol(symbol), str(Interval.parse(interval))
        newest = DRAWN_MAX if last is None else as_count(last, "last", "how many bars to draw at most")
        by, holes = optional(bars.as_adjust, adjust, "adjust"), optional(filled_bars.as_fill, fill, "fill")
        filled_bars.refuse_undrawn(holes)
        asked = bars.Question(
            [name], text, as_range(start, end), min(newest, DRAWN_MAX) + 1, READ, adjust=by, fill=holes
        )
        then = optional(as_instant, as_of, "as_of")
        found, zones = self._bars_and_zones(asked, then)
        drawn = found.slice(max(0, found.num_rows - min(newest, DRAWN_MAX)))
        is_cut = found.num_rows > DRAWN_MAX and newest >= DRAWN_MAX
        return BarChart(Drawing(name, text, next(iter(zones), "UTC"), drawn, is_cut, then, by, holes is not None))

    def _bars_and_zones(self, asked: Question, then: datetime | None) -> tuple[pa.Table, list[str]]:
        """Bars, now or as of an instant, and the zones in which their symbols' calendars are at home."""
        from barhouse.store.records import bars

        with self.reading() as transaction:
            found = bars.bars(transaction, asked) if then is None else bars.bars_as_of(transaction, asked, then)
            rows = transaction.run("records.zones_of_symbols", {"symbols": list(asked.symbols)})
            return found, [zone for (zone,) in rows]

    def coverage(
        self,
        symbols: Names | None = None,
        interval: str | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        last: int | None = None,
    ) -> pa.Table:
        """The view ``coverage`` with each symbol's calendar, by calendar, symbol and session.

        Parameters
        ----------
        symbols
            Only these.
        interval
            Of this interval; by default of each symbol's base.
        start, end
            The first session to have, and the first to leave out, by their dates.
        last
            Of each calendar no more than so many sessions: the newest that one of the symbols has.

        Raises
        ------
        InputError
            When a bound is no date, or ``start`` is the later.
        UnknownSymbolError
            For a symbol that is not registered.
        """
        names = optional(self.spelling.symbols, symbols, "symbols")
        text = None if interval is None else str(Interval.parse(interval))
        first, end_date = as_session_range(start, end)
        newest = None if last is None else as_count(last, "last", "how many sessions of each calendar to have at most")
        asked = {"symbols": names, "interval": text, "start": first, "end": end_date, "last": newest}
        with self.reading() as transaction:
            registry.refuse_unknown(transaction, names, None if text is None else [text])
            return transaction.table("records.coverage_in_order", asked)

    def _repr_html_(self) -> str:
        """What a notebook shows: the intervals, as many as somebody would look at."""
        if self._database.closed:
            return f"<p>{escape(repr(self))} (closed)</p>"
        with self.reading() as transaction:
            rows = transaction.run("records.intervals_in_order", {"symbols": None})
        names = (
            "symbol",
            "interval",
            "base",
            "calendar",
            "bar_count",
            "first_bar",
            "last_bar",
            "quality_pct",
            "gap_count",
        )
        columns = {name: [getattr(row, name) for row in rows] for name in names}
        columns["quality_pct"] = [quality and shown_pct(quality) for quality in columns["quality_pct"]]
        return table_of(columns, caption=repr(self), most=SHOWN_MAX)
