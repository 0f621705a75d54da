"""What prices come to by splits and dividends, and where bars are missing: plain Python, from the design alone.

Where the design leaves a choice open, the choice taken here:

- Factors of one symbol are multiplied from the newest ex-date back, each as a float of 64 bits.
- A bar of several sessions has the factors of its last microsecond; one with an ex-date inside is made of the bars of
  the reference interval, or adjusted whole where there are none in it.
- The reference interval is the longest of at most one session that has bars, or else the shortest that has.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from oracle import ZONES, Bar, Calendar, Length, Symbol, micros, to_decimal, to_double

#: What is known of one symbol: by ex-date and kind the ratio or the amount.
Actions = Mapping[tuple[date, str], float]
_NOMINAL = {"s": 1, "d": 86_400, "w": 604_800, "mo": 2_592_000}
#: open, high, low, close, volume, vwap
Values = tuple[float | None, ...]


def bars_of(symbol: Symbol) -> dict[str, dict[int, Bar]]:
    """The bars of each interval."""
    return {symbol.base_text: symbol.bars, **{text: one.bars for text, one in symbol.derived.items()}}


def day_start(calendar: Calendar, day: date) -> int:
    """Where the day of a date begins."""
    start = micros(datetime.combine(day, time(), ZoneInfo(ZONES[calendar.name])).astimezone(UTC))
    dates = [session.date for session in calendar.sessions]
    at = bisect_left(dates, day)
    if at > 0:
        start = max(start, calendar.sessions[at - 1].close + 1)
    return start if at == len(dates) else min(start, calendar.sessions[at].open)


class Factors:
    """What the ex-dates of a symbol do that its bars have reached."""

    def __init__(self, symbol: Symbol, actions: Actions) -> None:
        held = {text: bars for text, bars in bars_of(symbol).items() if bars}
        newest = max((max(bars) for bars in held.values()), default=None)
        days = sorted({day for day, _ in actions})
        reached = [
            (at, day) for day in days if newest is not None and (at := day_start(symbol.calendar, day)) <= newest
        ]
        self.starts = [at for at, _ in sorted(reached)]
        self.reference: dict[int, Bar] = {}
        self.is_short = True
        if held:
            lengths = {text: Length.of(text) for text in held}
            size = {text: one.count * _NOMINAL[one.unit] for text, one in lengths.items()}
            short = [text for text, one in lengths.items() if one.intraday or one == Length("d", 1)]
            self.is_short = bool(short)
            self.reference = held[max(short, key=size.__getitem__) if short else min(held, key=size.__getitem__)]
        self.splits, self.dividends = [1.0], [1.0]
        for at, day in sorted(reached, reverse=True):
            split, part = self._of_day({kind: value for (one, kind), value in actions.items() if one == day}, at)
            self.splits.insert(0, self.splits[0] * split)
            known = None if part is None or self.dividends[0] is None else self.dividends[0] * part
            self.dividends.insert(0, known)

    def _of_day(self, actions: Mapping[str, float], at: int) -> tuple[float, float | None]:
        split = actions.get("split", 1.0) * (1 + actions.get("stock_dividend", 0.0))
        amounts = [actions[kind] for kind in ("cash_dividend", "special_dividend") if kind in actions]
        if not amounts:
            return split, 1.0
        close = None
        for start in sorted(self.reference):
            bar = self.reference[start]
            if bar.session is not None and self._counts_at(bar) < at:
                close = bar.row.close
        amount = sum(amounts)
        return split, 1 - amount / close if close is not None and close > 0 and amount < close else None

    def _counts_at(self, bar: Bar) -> int:
        if not self.is_short:
            return bar.end - 1
        return bar.start - 1 if bar.expected_count == 0 else bar.start

    def at(self, instant: int) -> tuple[float, float | None]:
        number = bisect_right(self.starts, instant)
        return self.splits[number], self.dividends[number]

    def scaled(self, bar: Bar, instant: int) -> Values:
        split, dividend = self.at(instant)
        row = bar.row
        prices = [
            None if price is None or dividend is None else price / split * dividend
            for price in (row.open, row.high, row.low, row.close, row.vwap)
        ]
        return (*prices[:4], row.volume * split, prices[4])

    def adjusted(self, bar: Bar, length: Length) -> tuple[Values, bool]:
        """The values of a bar, and whether an ex-date lies inside of it."""
        end = bar.start if length.intraday else bar.end - 1
        inside = bisect_right(self.starts, bar.start) < bisect_right(self.starts, end)
        parts = [
            self.scaled(one, one.start if self.is_short else one.end - 1)
            for start, one in sorted(self.reference.items())
            if bar.start <= start < bar.end and one.session is not None
        ]
        if not inside or not parts:
            return self.scaled(bar, end), inside
        opens, highs, lows, closes, volumes, vwaps = zip(*parts, strict=True)
        units = sum(to_decimal(volume, 9) for volume in volumes)
        volume = to_double(units, 9)
        if any(one is None for one in closes):  # one lies before what nobody can tell
            return (None, None, None, None, volume, None), inside
        low, high, vwap = min(lows), max(highs), None
        if units > 0 and not any(one is None and size > 0 for one, size in zip(vwaps, volumes, strict=True)):
            turnover = sum(
                to_decimal(one * size, 15)
                for one, size in zip(vwaps, volumes, strict=True)
                if one is not None and size > 0
            )
            vwap = min(max(to_double(turnover, 15) / volume, low), high)
        return (opens[0], high, low, closes[-1], volume, vwap), inside


def adjusted_rows(name: str, symbol: Symbol, actions: Actions) -> set[tuple[object, ...]]:
    """As the view ``bars_adjusted`` shows them."""
    factors = Factors(symbol, actions)
    rows = set()
    for text, bars in bars_of(symbol).items():
        length = Length.of(text)
        for start, bar in bars.items():
            values, inside = factors.adjusted(bar, length)
            split, dividend = factors.at(start if length.intraday else bar.end - 1)
            rows.add((name, text, start, *values, split, dividend, inside))
    return rows


def filled_rows(name: str, symbol: Symbol) -> set[tuple[object, ...]]:
    """The bars that the view ``bars_filled`` fills in: where they start, and the close before them."""
    rows = set()
    for text, bars in bars_of(symbol).items():
        inside = sorted(start for start, bar in bars.items() if bar.session is not None)
        if not inside:
            continue
        first = bars[inside[0]].session
        assert first is not None
        for slot in symbol.calendar.slots(Length.of(text), first):
            if slot.start >= inside[-1]:
                break
            if slot.start > inside[0] and slot.start not in bars:
                before = bars[inside[bisect_left(inside, slot.start) - 1]]
                room = symbol.calendar.room(slot, symbol.base)
                rows.add((name, text, slot.start, slot.end, slot.date, before.row.close, room))
    return rows
