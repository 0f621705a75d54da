"""Interval: the nominal length of a bar.

The grammar is ``Ns Nm Nh Nd Nw Nmo Nq Ny``, lower case, N a positive whole number without leading zeros; intervals of
``1d`` and longer may say where they count from, as ``1w@sun`` does (``anchor.py``). Each length has one canonical
spelling: ``60m`` is read and kept as ``1h``, ``12mo`` as ``1y``. Intraday lengths stay below 24 hours, because a
longer one would have to run across sessions: those are counted in sessions (``d``), weeks (``w``) or calendar months
(``mo``, ``q``, ``y``).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from barhouse.store.errors import IntervalError
from barhouse.store.model.anchor import anchor_of, anchored, month_offset, period_tiles_months, root_of

#: ``second``, ``day``, ``week`` or ``month``; all but the first also with an anchor, such as ``week@sun``.
Unit = str

_GRAMMAR = re.compile(r"([1-9][0-9]*)(s|mo|m|h|d|w|q|y)(?:@(.*))?")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
#: Of what each suffix counts how many.
_BLOCKS: dict[str, tuple[Unit, int]] = {"d": ("day", 1), "w": ("week", 1), "mo": ("month", 1), "q": ("month", 3)}
_BLOCKS["y"] = ("month", 12)
_SUFFIXES: dict[Unit, str] = {"day": "d", "week": "w", "month": "mo"}
_DAY_SECONDS = 86_400
_LENGTH_MAX = 1_000  # blocks; a longer bar than 1000 months is a typing error
_LONGEST = 100
_ALLOWED = (
    "Ns, Nm, Nh (below 24h), Nd, Nw, Nmo, Nq or Ny with N a positive whole number, such as 5m, 1h, 1d or 1mo, and "
    "from another day or month on as 1w@sun, 1y@oct or 10d@month"
)

# Only for ordering: a week counts as seven days, a month as thirty.
_NOMINAL_SECONDS: dict[Unit, int] = {
    "second": 1,
    "day": _DAY_SECONDS,
    "week": 7 * _DAY_SECONDS,
    "month": 30 * _DAY_SECONDS,
}


@dataclass(frozen=True, slots=True)
class Interval:
    """A bar's nominal length.

    Attributes
    ----------
    unit
        ``second`` for everything intraday; ``day`` (sessions), ``week`` (of the calendar) or ``month`` (calendar
        months) for everything longer. With an anchor it says where blocks count from: ``week@sun``, ``month@oct``, or
        ``day@month``, which begins anew in each month.
    length
        How many of the unit; seconds when intraday.
    """

    unit: Unit
    length: int

    @classmethod
    def parse(cls, given: str | Interval) -> Interval:
        """Read an interval.

        Raises
        ------
        IntervalError
            For anything outside the grammar, naming what was probably meant.
        """
        if isinstance(given, Interval):
            return given
        if not isinstance(given, str):
            raise IntervalError(f"an interval is text, not {type(given).__name__}; allowed are {_ALLOWED}")
        if len(given) > _LONGEST:
            raise IntervalError(
                f"an interval is a short text, not one of {len(given):,} characters; allowed are {_ALLOWED}"
            )
        return _parse(given)

    @property
    def intraday(self) -> bool:
        """Whether bars of this interval are parts of a segment, rather than whole sessions."""
        return self.unit == "second"

    @property
    def root(self) -> str:
        """The unit without its anchor."""
        return root_of(self.unit)

    @property
    def restarts(self) -> bool:
        """Whether its blocks begin anew in each week, month, quarter or year."""
        return self.unit.startswith("day@")

    @property
    def plain(self) -> Interval:
        """The same length without its anchor."""
        return Interval(self.root, self.length)

    @property
    def nominal_seconds(self) -> int:
        """Length for ordering; a week counts as seven days, a month as thirty."""
        return _NOMINAL_SECONDS[self.root] * self.length

    def tiles(self, other: Interval) -> bool:
        """Whether bars of this interval fill every bar of ``other`` exactly, none straddling an edge.

        Intraday buckets start at their segment's open and are clipped at its close, so an intraday interval
        tiles every intraday multiple of itself and everything made of whole sessions.
        """
        if self.intraday:
            return not other.intraday or other.length % self.length == 0
        if self == _ONE_SESSION:
            return not other.intraday
        if other.root == "month":
            offset = month_offset(other.unit)
            if self.restarts:
                return period_tiles_months(anchor_of(self.unit), other.length, offset)
            if self.root == "month":
                return other.length % self.length == 0 and (offset - month_offset(self.unit)) % self.length == 0
        if self.unit == "day@week" and other.unit == "week":
            return True
        return self.unit == other.unit and other.length % self.length == 0

    def __str__(self) -> str:
        if self.unit != "second":
            return _spelled_blocks(self)
        for suffix in ("h", "m"):
            if self.length % _SECONDS[suffix] == 0:
                return f"{self.length // _SECONDS[suffix]}{suffix}"
        return f"{self.length}s"

    def __lt__(self, other: Interval) -> bool:
        return self._order < other._order

    @property
    def _order(self) -> tuple[int, str]:
        # 7d and 1w have the same nominal length; the unit decides, so that the order is total.
        return self.nominal_seconds, self.unit


_ONE_SESSION = Interval("day", 1)


def _spelled_blocks(interval: Interval) -> str:
    length, suffix, anchor = interval.length, _SUFFIXES[interval.root], anchor_of(interval.unit)
    for longer in ("y", "q"):
        unit, months = _BLOCKS[longer]
        if interval.root == unit and length % months == 0:
            length, suffix = length // months, longer
            break
    return f"{length}{suffix}@{anchor}" if anchor else f"{length}{suffix}"


@functools.lru_cache(maxsize=1024)
def _parse(given: str) -> Interval:
    match = _GRAMMAR.fullmatch(given)
    if match is None:
        raise IntervalError(f"interval {given!r} is not known; allowed are {_ALLOWED}{_hint(given)}")
    count, suffix, anchor = int(match[1]), match[2], match[3]
    if suffix in _BLOCKS:
        unit, times = _BLOCKS[suffix]
        if count * times > _LENGTH_MAX:
            raise IntervalError(f"interval {given!r} is longer than {_LENGTH_MAX}{_SUFFIXES[unit]}, the longest kept")
        return Interval(unit if anchor is None else anchored(given, unit, count * times, anchor), count * times)
    if anchor is not None:
        anchored(given, "second", count, anchor)
    seconds = count * _SECONDS[suffix]
    if seconds >= _DAY_SECONDS:
        raise IntervalError(
            f"interval {given!r} is {seconds // 3600} hours long, but an intraday interval stays below 24h; "
            f"write it in sessions ('1d'), weeks ('1w') or months ('1mo')"
        )
    return Interval("second", seconds)


def _hint(given: str) -> str:
    text = given.strip()
    if re.fullmatch(r"[1-9][0-9]*M", text):
        return f"; for months write '{text[:-1]}mo', for minutes '{text[:-1]}m'"
    if "," in text:
        return f"; several are a list, such as {[part.strip() for part in text.split(',') if part.strip()]}"
    length, at, anchor = text.partition("@")
    lowered = length.lower() + at + anchor
    if lowered != given and _GRAMMAR.fullmatch(lowered):
        return f"; write {lowered!r}"
    unpadded = re.sub(r"^0+(?=[1-9])", "", lowered)
    if unpadded != lowered and _GRAMMAR.fullmatch(unpadded):
        return f"; write {unpadded!r}"
    return ""


def parse_all(given: str | Interval | Iterable[str | Interval]) -> list[Interval]:
    """Read one interval or several, drop repeats and sort them, finest first.

    Raises
    ------
    IntervalError
        When there is none, or one cannot be read.
    """
    if isinstance(given, str | Interval):
        given = [given]
    if not isinstance(given, Iterable):
        raise IntervalError(f"intervals are texts in a list, such as ['1m', '5m', '1d'], not {given!r}")
    intervals = sorted({Interval.parse(interval) for interval in given})
    if not intervals:
        raise IntervalError("no interval given; name at least one, such as ['1m', '5m', '1d']")
    return intervals
