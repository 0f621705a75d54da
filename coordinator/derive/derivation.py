"""Deriving: from base bars to the bars of every target, level by level, each made from the coarsest that tiles it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from barhouse.store.database.transaction import Transaction
from barhouse.store.model.interval import Interval
from barhouse.store.sql import sql

#: A bucket whose end is this long past is closed although no later base bar has arrived.
GRACE = timedelta(seconds=60)


def derive(
    transaction: Transaction, first_start: datetime, last_end: datetime, *, again: bool = False, many: bool = False
) -> list[tuple[Interval, str]]:
    """Compute the bars of every target from base bars.

    Parameters
    ----------
    again
        Whether the targets are single sessions and blocks, as ``derive.again`` finds them, or one stretch of time per
        interval.
    many
        Whether there are so many base bars that it pays to ask first what they know of their trades.

    Returns
    -------
    list
        Each length with the query that gives its bars, in the order of the bar table.
    """
    kinds: dict[Interval, list[Interval]] = defaultdict(list)
    names: dict[tuple[Interval, Interval], str] = {}
    calendars: dict[tuple[Interval, Interval], list[str]] = {}
    for base_unit, base_length, unit, length, kind, on in transaction.run("derive.target_kinds"):
        base, interval = Interval(base_unit, base_length), Interval(unit, length)
        kinds[base].append(interval)
        names[base, interval] = kind
        calendars[base, interval] = on
    at_hand = set(transaction.run("derive.block_kinds"))
    bounds = {"first_start": first_start, "last_end": last_end}
    trades = not many or transaction.one("derive.trades_known", bounds)[0]
    derived_bars: list[tuple[Interval, str]] = []
    for number, (base, derived) in enumerate(sorted(kinds.items())):
        tables = {"place": f"place_{number}", "goal": f"goal_{number}"}
        scanned = {"base_unit": base.unit, "base_length": base.length}
        if again:
            transaction.run("derive.scan_again", scanned)
        else:
            transaction.run("derive.scan", {**scanned, **bounds})
        transaction.run("derive.place", place=tables["place"])
        transaction.run("derive.scanned", place=tables["place"])
        if any(interval.intraday for interval in derived):
            transaction.run("derive.goal_again" if again else "derive.goal", goal=tables["goal"])
        if not all(interval.intraday for interval in derived):
            transaction.run("derive.block_goal", goal=tables["goal"])
        levels: dict[Interval, str] = {}
        for interval in sorted(derived):
            kind = names[base, interval]
            # Blocks that a calendar does not have cannot be put together to longer ones.
            usable = {
                one: made
                for one, made in levels.items()
                if one.intraday or all((on, names[base, one]) in at_hand for on in calendars[base, interval])
            }
            level = _Level(f"level_{number}_{interval}", interval, kind, tables["place"], bounds, trades=trades)
            _derive_level(transaction, level, usable)
            levels[interval] = level.name
            bars = "derive.intraday_bars" if interval.intraday else "derive.block_bars"
            text = sql(bars, level=level.name, length=interval.length, base_length=base.length, kind=kind, **tables)
            derived_bars.append((interval, text))
    return derived_bars


def advance(transaction: Transaction) -> None:
    """Take down that every target of the forward pass is derived, and when the next bucket closes."""
    ahead = {"ways": sql("derive.ways_of_targets"), "blocks": sql("derive.blocks_at_hand")}
    transaction.run("derive.advance", next_close=sql("derive.next_close", **ahead))


def look_ahead(transaction: Transaction) -> None:
    """Take down when the next bucket of each interval closes of which that is not known yet."""
    ahead = {"ways": sql("derive.ways_unknown"), "blocks": sql("derive.all_blocks")}
    transaction.run("derive.look_ahead", next_close=sql("derive.next_close", **ahead))


def gather(
    transaction: Transaction, fresh: str, derived_bars: list[tuple[Interval, str]], *, again: bool = False
) -> None:
    """Put derived bars of all lengths that lie in a target together in the temporary table ``fresh``."""
    union = "\nUNION ALL\n".join(f"({text})" for _, text in derived_bars) or sql("empty.bars")
    bars = sql("derive.of_targets", bars=union) if again else union
    transaction.run("derive.gather", fresh=fresh, bars=bars)


@dataclass(frozen=True, slots=True)
class _Level:
    """A temporary table to make: its name, and what decides its bars."""

    name: str
    interval: Interval
    kind: str
    place: str
    bounds: dict[str, datetime]
    trades: bool


def _derive_level(transaction: Transaction, level: _Level, levels: dict[Interval, str]) -> None:
    """Make one level, from the coarsest level that tiles it, or from the base bars."""
    parent = max((one for one in levels if one.tiles(level.interval)), default=None)
    if not level.trades:
        trades = sql("derive.no_trades")
    else:
        trades = sql("derive.trades_of_bars" if parent is None else "derive.trades_of_level")
    tables = {"level": level.name, "trades": trades}
    if level.interval.intraday:
        if parent is None:
            width = {**level.bounds, "width_us": level.interval.length * 1_000_000}
            transaction.run("derive.level_from_bars", width, **tables)
        else:
            ratio = {"ratio": level.interval.length // parent.length}
            transaction.run("derive.level_from_level", ratio, parent=levels[parent], **tables)
        return
    transaction.run("derive.block_place", {"kind": level.kind}, place=level.place)
    if parent is None:
        transaction.run("derive.block_from_bars", level.bounds, **tables)
    else:
        transaction.run("derive.block_from_level", parent=levels[parent], **tables)
