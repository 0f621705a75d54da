"""Deriving: from base bars to the bars of every target, level by level, each made from the coarsest that tiles it."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from store.engine import Transaction
from store.interval import Interval
from store.sql import statement

#: A bucket whose end is this long past is closed although no later base bar has arrived.
GRACE = timedelta(seconds=60)


def derive(
    transaction: Transaction, first_start: datetime, last_end: datetime, *, ranges: str
) -> list[tuple[Interval, str]]:
    """Compute the bars of every target from base bars; returns each length with the query that gives its bars."""
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
    derived_bars: list[tuple[Interval, str]] = []
    for number, (base, derived) in enumerate(sorted(kinds.items())):
        scanned = {"base_unit": base.unit, "base_length": base.length, **bounds}
        transaction.run("derive.scan", scanned, ranges=statement(ranges))
        levels: dict[Interval, str] = {}
        for interval in sorted(derived):
            level = f"level_{number}_{interval}"
            kind = names[base, interval]
            # Blocks that a calendar does not have cannot be put together to longer ones.
            usable = {
                one: made
                for one, made in levels.items()
                if one.intraday or all((on, names[base, one]) in at_hand for on in calendars[base, interval])
            }
            _derive_level(transaction, interval, kind, usable, level, bounds)
            levels[interval] = level
            bars = statement("derive.intraday_bars" if interval.intraday else "derive.block_bars")
            text = bars.format(level=level, length=interval.length, base_length=base.length, kind=kind)
            derived_bars.append((interval, text))
    return derived_bars


def gather(transaction: Transaction, fresh: str, derived_bars: list[tuple[Interval, str]]) -> None:
    """Put derived bars of all lengths together in the temporary table ``fresh``."""
    union = "\nUNION ALL\n".join(f"({text})" for _, text in derived_bars) or statement("derive.no_bars")
    transaction.run("derive.gather", fresh=fresh, bars=union)


def _derive_level(
    transaction: Transaction,
    interval: Interval,
    kind: str,
    levels: dict[Interval, str],
    level: str,
    bounds: dict[str, datetime],
) -> None:
    """Make one level, from the coarsest level that tiles it, or from the base bars."""
    parent = max((one for one in levels if one.tiles(interval)), default=None)
    if interval.intraday:
        if parent is None:
            parameters = {**bounds, "width": interval.length, "width_us": interval.length * 1_000_000}
            transaction.run("derive.level_from_bars", parameters, level=level)
        else:
            ratio = {"ratio": interval.length // parent.length}
            transaction.run("derive.level_from_level", ratio, level=level, parent=levels[parent])
        return
    made_of = "scan" if parent is None else levels[parent]
    transaction.run("derive.block_session", {"kind": kind}, parent=made_of)
    if parent is None:
        transaction.run("derive.block_from_bars", bounds, level=level)
    else:
        transaction.run("derive.block_from_level", level=level, parent=levels[parent])
