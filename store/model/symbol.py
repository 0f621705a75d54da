"""A symbol as an object: its base interval, what is derived from it, and the calendar it follows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from barhouse.store.errors import InputError
from barhouse.store.hints import Option
from barhouse.store.model.anchor import anchor_of
from barhouse.store.model.interval import Interval
from barhouse.store.model.mistakes import AsOptions, cause_of, sentences
from barhouse.store.model.spelling import Spelling, as_written

ClosingBar = Literal["outside", "include"]


def _canonical_interval(given: str) -> str:
    return str(Interval.parse(given))


Symbol = Annotated[str, AfterValidator(as_written)]
IntervalText = Annotated[str, AfterValidator(_canonical_interval)]


# Models build their validators when they are first used: most of what imports them makes none.
class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


class Gap(_Model):
    """A maximal run of expected bars that are missing, ``[start, end)`` in UTC, within one segment."""

    session_date: date
    start: datetime
    end: datetime
    missing_count: int


class BarIntervalData(_Model):
    """One interval of a symbol, describing itself.

    Attributes
    ----------
    derived
        Whether it is computed here; ``False`` means loaded or streamed.
    base
        The interval it is computed from; ``None`` unless derived.
    quality
        100 x present / expected bars, in percent; ``None`` where nothing is expected yet.
    gaps
        The runs of missing bars, oldest first.
    updated
        Whether base rows wait to be derived: what ``needs_processing`` says, by the name of the first system.
    data
        Always empty: bars live in the store. Load them with ``SessionCoordinator.load``, read them with
        ``SessionStore.bars``.
    """

    derived: bool
    base: IntervalText | None = None
    quality: float | None = None
    gaps: list[Gap] = Field(default_factory=list)
    updated: bool = False
    data: Sequence[Any] = Field(default=(), exclude=True, repr=False)

    @property
    def needs_processing(self) -> bool:
        """Whether base rows wait to be derived, as in the view ``intervals``."""
        return self.updated

    @model_validator(mode="after")
    def _coherent(self) -> BarIntervalData:
        if self.derived and self.base is None:
            raise InputError(
                f"a derived interval needs base, the interval it is computed from, such as {Option('base', '1m')}"
            )
        if not self.derived and self.base is not None:
            raise InputError(
                f"{Option('base', self.base)} is only for derived intervals; this one has {Option('derived', False)}"
            )
        if len(self.data):
            raise InputError("data must stay empty; bars are loaded once the symbol is registered")
        return self


class SymbolSessionData(_Model):
    """A symbol with its intervals: one base interval, and those derived from it.

    ``symbol`` is kept in upper case, unless ``case_sensitive``, which is for stores that were made so.
    ``calendar`` names the trading calendar whose sessions the bars belong to. ``closing_bar`` says what becomes of
    the bar that starts exactly at a session's last close: kept aside (``outside``) or added to the last bucket of
    each derived interval (``include``).
    """

    symbol: Symbol
    base_interval: IntervalText
    bars: dict[IntervalText, BarIntervalData]
    calendar: str = "XNYS"
    closing_bar: ClosingBar = "outside"
    added_by: str = "user"
    case_sensitive: bool = False

    @model_validator(mode="after")
    def _spelled(self) -> SymbolSessionData:
        self.symbol = Spelling(case_sensitive=self.case_sensitive).of(self.symbol)
        return self

    @model_validator(mode="after")
    def _coherent(self) -> SymbolSessionData:
        base = Interval.parse(self.base_interval)
        own = self.bars.get(self.base_interval)
        if own is None or own.derived:
            raise InputError(f"bars must hold the base interval {self.base_interval!r} with {Option('derived', False)}")
        if base.restarts:
            raise InputError(
                f"no source brings bars of {self.base_interval!r}, which begin anew in each "
                f"{anchor_of(base.unit)}; load bars of '1d' or shorter, of which they are derived"
            )
        for interval, data in self.bars.items():
            if interval == self.base_interval:
                continue
            if not data.derived or data.base != self.base_interval:
                raise InputError(
                    f"interval {interval!r} must have {Option('derived', True)} and "
                    f"{Option('base', self.base_interval)}; a symbol has one base interval"
                )
            if not base.tiles(Interval.parse(interval)):
                raise InputError(
                    f"interval {interval!r} is not a multiple of base {self.base_interval!r}; "
                    f"register a finer base, one that {interval!r} is a multiple of"
                )
        if self.closing_bar == "include" and not (base.intraday and base.length <= 60):
            raise InputError(
                f"{Option('closing_bar', 'include')} needs a base of 1m or finer, not {self.base_interval!r}: a "
                f"coarser bar at the close holds more than the closing auction; use {Option('closing_bar', 'outside')}"
            )
        return self

    @property
    def derived_intervals(self) -> list[str]:
        """The derived intervals, finest first."""
        return sorted((text for text, one in self.bars.items() if one.derived), key=Interval.parse)

    @classmethod
    def build(
        cls,
        symbol: str,
        base_interval: str,
        derived_intervals: str | Iterable[str] = (),
        *,
        calendar: str = "XNYS",
        closing_bar: ClosingBar = "outside",
        added_by: str = "user",
        case_sensitive: bool = False,
    ) -> SymbolSessionData:
        """A registration from interval names alone.

        Raises
        ------
        InputError
            For what does not fit together, or cannot be used.
        """
        if isinstance(derived_intervals, str):
            derived_intervals = [derived_intervals]
        if not isinstance(derived_intervals, Iterable):
            raise InputError(f"{Option('derived_intervals', derived_intervals)} is no list of intervals")
        base, derived = _canonical_interval(base_interval), map(_canonical_interval, derived_intervals)
        try:
            return cls(
                symbol=as_written(symbol),
                base_interval=base,
                bars={
                    base: BarIntervalData(derived=False),
                    **{interval: BarIntervalData(derived=True, base=base) for interval in derived},
                },
                calendar=calendar,
                closing_bar=closing_bar,
                added_by=added_by,
                case_sensitive=case_sensitive,
            )
        except ValidationError as error:
            raise cause_of(error) or InputError("; ".join(sentences(error, cls, AsOptions()))) from None
