"""What a file holds: its symbols, and the interval of each one's bars, told from the steps between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from barhouse.coordinator.load import canonical_rows, parts, source_rows
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.coordinator.sources.readable_files import readable
from barhouse.coordinator.sources.source import Source
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import SourceError
from barhouse.store.model.interval import Interval

#: Lengths that bars commonly have, longest first: where steps are irregular, the longest that divides them all.
_USUAL = [Interval.parse(text) for text in ("6h", "4h", "2h", "1h", "30m", "15m", "10m", "5m", "3m", "2m", "1m")]
_USUAL += [Interval.parse(text) for text in ("30s", "15s", "10s", "5s", "1s")]
_FEW_STEPS = 12
_DAY = 86_400
#: From here on steps count days: a day is 23 hours long when clocks go forward.
_DAYS_FROM = 20 * 3_600


@dataclass(frozen=True, slots=True)
class SymbolBars:
    """The bars of one symbol in a file.

    Attributes
    ----------
    interval
        Their length; None where it cannot be told, for one bar alone.
    regular
        Whether most steps are that long. Otherwise the bars may be finer, with many missing.
    """

    interval: str | None
    regular: bool

    def bases(self) -> set[str]:
        """The intervals that the bars could be loaded with: irregular ones may be of any that is finer."""
        found = {str(self.interval)}
        if not self.regular:
            found.add("1m" if Interval.parse(str(self.interval)).length % 60 == 0 else "1s")
        return found


def holdings(
    transaction: Transaction, source: Source, options: LoadOptions, interval: str | None
) -> dict[str, SymbolBars]:
    """What each symbol of a source, as the source spells it, has.

    With ``interval`` known only the symbols are asked for. A source without a column for the symbol has one, ``""``.

    Raises
    ------
    SourceError
        When it cannot be read as bars.
    """
    with readable(source, transaction.scratch) as opened, source_rows.damage_told(opened.name):
        rows = source_rows.open_rows(transaction, opened)
        found = parts.parts_of(transaction, rows, options)
        by_symbol = found["symbol"] is not None
        # The zone does not matter for steps, and a date alone is as good as an instant.
        in_utc = options.but(timezone="UTC")
        read = canonical_rows.keep_parsed(transaction, rows, found, in_utc, wants_dates=True, by_symbol=by_symbol)
    names = [row.symbol_given or "" for row in transaction.run("jobs.symbols_read", parsed_rows=read)]
    if interval or opened.interval:
        return {name: SymbolBars(interval or opened.interval, regular=True) for name in names}
    held = dict.fromkeys(names, SymbolBars(None, regular=False))
    for steps in transaction.run("jobs.steps", parsed_rows=read):
        regular = _is_regular(int(steps.shortest_count), int(steps.step_count))
        held[steps.name] = _told(int(steps.shortest), regular, steps.divisor)
    return held


def _is_regular(common: int, count: int) -> bool:
    """Whether bars mostly follow each other by their shortest step; of few, nearly all must, to mean anything."""
    if count < _FEW_STEPS:
        return count >= 3 and common * 5 >= count * 3
    return common * 3 >= count


def _told(shortest: int, regular: bool, divisor: int | None) -> SymbolBars:
    if shortest >= _DAYS_FROM:
        days = round(shortest / _DAY)
        text = "1d" if days < 5 else "1w" if days < 20 else "1mo" if days < 60 else "1q" if days < 200 else "1y"
        return SymbolBars(text, regular=True)
    if regular:
        return SymbolBars(str(Interval("second", shortest)), regular=True)
    length = divisor or shortest
    return SymbolBars(
        next((str(interval) for interval in _USUAL if length % interval.length == 0), "1s"), regular=False
    )


def one_interval(held: Mapping[str, SymbolBars], name: str) -> SymbolBars:
    """The interval that all symbols of a file share.

    Raises
    ------
    SourceError
        When they differ, or none can be told.
    """
    regular = {content.interval for content in held.values() if content.regular and content.interval}
    if len(regular) > 1:
        examples = {one.interval: symbol for symbol, one in held.items() if one.regular}
        listed = ", ".join(f"{interval} of {symbol}" for interval, symbol in sorted(examples.items()))
        raise SourceError(
            f"{name} holds bars of different lengths ({listed}); name interval and symbols for each in a source of "
            f"its own"
        )
    if regular:
        return SymbolBars(regular.pop(), regular=True)
    told = [Interval.parse(content.interval) for content in held.values() if content.interval]
    if not told:
        raise SourceError(f"{name} has too few bars to tell how long they are; say interval = in its source")
    return SymbolBars(str(min(told)), regular=False)
