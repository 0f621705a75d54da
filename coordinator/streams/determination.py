"""Which interval to stream, and which to derive from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from barhouse.store.errors import StreamError
from barhouse.store.model.anchor import anchor_of
from barhouse.store.model.inputs import as_list
from barhouse.store.model.interval import Interval, parse_all

#: What a feed or source is taken to offer when nothing is said about it.
USUAL_BASES = (Interval("second", 1), Interval("second", 60), Interval("day", 1))


@dataclass(frozen=True, slots=True)
class StreamDetermination:
    """The answer: stream ``required_base_interval``, derive ``derivable_intervals`` (finest first) from it."""

    required_base_interval: str
    derivable_intervals: tuple[str, ...]


def determine_streams(
    requested: str | Iterable[str | Interval], available: str | Iterable[str | Interval] | None = None
) -> StreamDetermination:
    """Choose the coarsest available interval that tiles every requested one.

    Parameters
    ----------
    requested
        The intervals wanted, in any order; one or several.
    available
        What the source or feed offers, one or several; by default one of 1s, 1m and 1d.

    Raises
    ------
    IntervalError
        For an empty request, or a text that is no interval.
    StreamError
        When nothing available tiles all of them: names each that fails, and what would do.
    """
    wanted = parse_all(requested)
    offered = list(USUAL_BASES) if available is None else _offered(available)
    for base in reversed(offered):
        if all(base.tiles(interval) for interval in wanted):
            return StreamDetermination(str(base), tuple(str(interval) for interval in wanted if interval != base))
    raise StreamError(_explain(wanted, offered))


def _offered(available: str | Iterable[str | Interval]) -> list[Interval]:
    """What is there to be loaded, which may be nothing; no source brings blocks of days that begin anew."""
    texts = as_list(available, "available", "an interval", may_be_empty=True)
    offered = sorted({Interval.parse(interval) for interval in texts})
    loadable = [interval for interval in offered if not interval.restarts]
    if offered and not loadable:
        raise StreamError(
            f"no source brings bars of {offered[0]}, which begin anew in each {anchor_of(offered[0].unit)}; they are "
            f"derived from bars of 1d or shorter"
        )
    return loadable


def _explain(wanted: list[Interval], offered: list[Interval]) -> str:
    def listed(intervals: Iterable[Interval]) -> str:
        return ", ".join(str(interval) for interval in intervals)

    if not offered:
        return (
            f"{listed(wanted)} cannot be had: no interval is available; a base that divides them is needed, such as 1m"
        )
    alone = [interval for interval in wanted if not any(base.tiles(interval) for base in offered)]
    if alone:
        enough = next(
            (base for base in reversed(USUAL_BASES) if all(base.tiles(interval) for interval in wanted)), None
        )
        return (
            f"{listed(alone)} cannot be derived from what is available ({listed(offered)}); "
            f"a base of {enough or USUAL_BASES[0]} would do"
        )
    finer = next(base for base in reversed(USUAL_BASES) if all(base.tiles(interval) for interval in wanted))
    return (
        f"no single available interval ({listed(offered)}) tiles all of {listed(wanted)}; a symbol has one base "
        f"interval: ask for fewer, or offer a finer base such as {finer}"
    )
