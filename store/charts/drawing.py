"""What a chart draws: bars in columns, and what it says of them in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from barhouse.store.model.interval import Interval
from barhouse.store.model.words import counted

if TYPE_CHECKING:
    import pyarrow as pa

#: More bars than these a chart does not draw: nobody could tell them apart, and the page would be slow.
DRAWN_MAX = 5_000
#: What a chart reads of each bar.
READ = ("bar_start", "session_date", "open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Drawing:
    """Bars to draw, oldest first.

    Attributes
    ----------
    symbol, interval
        Whose they are.
    zone
        The clock of the exchange, by its IANA name.
    bars
        The columns of ``READ``.
    is_cut
        Whether there are more before them.
    as_of
        The moment at which the bars were known so; None for now.
    adjust
        What prices are adjusted for: ``split`` or ``all``; None for nothing.
    is_filled
        Whether bars that are not there stand at the close before.
    """

    symbol: str
    interval: str
    zone: str
    bars: pa.Table
    is_cut: bool
    as_of: datetime | None
    adjust: str | None = None
    is_filled: bool = False

    @property
    def by_days(self) -> bool:
        """Whether bars stand at their session, as those of ``1d`` and longer do."""
        return not Interval.parse(self.interval).intraday

    @property
    def title(self) -> str:
        """What is drawn."""
        said = [f"{self.symbol} {self.interval}"]
        if self.adjust is not None:
            said.append(f"adjusted for splits{' and dividends' if self.adjust == 'all' else ''}")
        if self.is_filled:
            said.append("holes filled with the close before")
        if self.as_of is not None:
            said.append(f"as known at {self.as_of.isoformat()}")
        return ", ".join(said)

    @property
    def stamps(self) -> list[datetime] | list[date]:
        """Where each bar stands: when it starts by the clock of the exchange, or its session."""
        if self.by_days:
            return list(self.bars["session_date"].to_pylist())
        zone = ZoneInfo(self.zone)
        return [start.astimezone(zone) for start in self.bars["bar_start"].to_pylist()]

    @property
    def labels(self) -> list[str]:
        """The same as text."""
        seconds = Interval.parse(self.interval).length % 60 != 0
        form = "%Y-%m-%d" if self.by_days else "%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M"
        return [stamp.strftime(form) for stamp in self.stamps]

    @property
    def digits(self) -> int:
        """How many decimals tell prices of this size apart: two, and more below 10."""
        closes = self.bars["close"].to_pylist()
        least = min((abs(close) for close in closes if close), default=100.0)
        return 2 if least >= 10 else 4 if least >= 0.1 else 8

    @property
    def summary(self) -> str:
        """The bars in words, for who does not see them."""
        count = self.bars.num_rows
        if not count:
            return f"There are no bars of {self.symbol} {self.interval} here."
        labels, closes = self.labels, self.bars["close"].to_pylist()
        change = "" if not closes[0] else f" ({100 * (closes[-1] / closes[0] - 1):+.2f}%)"
        high, low = max(self.bars["high"].to_pylist()), min(self.bars["low"].to_pylist())
        when = f"from {labels[0]} to {labels[-1]}{'' if self.by_days else f' ({self.zone})'}"
        cut = f" These are the last {DRAWN_MAX:,}: there are more before them; ask for a longer interval." * self.is_cut
        return (
            f"{counted(count, 'bar')} {when}: closes go from {closes[0]:g} to {closes[-1]:g}{change}, "
            f"the highest price is {high:g}, the lowest {low:g}.{cut}"
        )
