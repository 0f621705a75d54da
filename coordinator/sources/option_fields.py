"""The options of a load, each defined once: what it may be, what it means, and how it is shown.

The keyword arguments of ``SessionCoordinator.load``, the options of ``barhouse load`` and ``live``, the keys of
``[[sources]]`` and ``[live]`` and the reference follow from the fields here. A new option is a field (and its line in
``LoadKeywords``, for type checkers); the other place it is written is where it has effect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import log10
from typing import Annotated, Any, Literal, TypedDict

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, ValidationError

from barhouse.coordinator.sources.file_kinds import Kind
from barhouse.coordinator.sources.presets import Preset, preset_named
from barhouse.store.errors import OptionsError
from barhouse.store.hints import Option, did_you_mean
from barhouse.store.model.mistakes import AsKeys, sentences
from barhouse.store.model.words import agreeing

#: How many digits a number of each unit of ``timestamp_format`` has in this century.
EPOCH_DIGITS = {"epoch_s": 10, "epoch_ms": 13, "epoch_us": 16, "epoch_ns": 19}
#: The powers of ten that numbers may count in; their floats and their reciprocals are exact.
_SCALES = 18


def _list(given: Any) -> Any:
    """Refuse a text where a list of texts is meant, and a list without any."""
    if isinstance(given, str) or (isinstance(given, Sequence) and not given):
        raise ValueError("give a list of texts, one at least")
    return given


def _names(given: Any) -> Any:
    """One name is a list of one."""
    return (given,) if isinstance(given, str) else _list(given)


def _vendor(name: str) -> str:
    from barhouse.store.model.inputs import as_name

    return as_name(name, "vendor").strip()


def _zone(name: str) -> str:
    from barhouse.store.calendars.time_zone import clock_named

    clock_named(name)
    return name


def columns_by_part(given: Any) -> Any:
    """Call the parts of a bar by their first names; an empty text is no column."""
    from barhouse.store.model.bar import COLUMN, NAMES

    return _by_part(given, NAMES, "a bar", "bar_start", COLUMN)


def columns_of_trade(given: Any) -> dict[str, Any]:
    """Do the same with the parts of a trade."""
    from barhouse.store.model.trade import NAMES

    found = _by_part(given, NAMES, "a trade", "traded_at")
    if not isinstance(found, dict) or not all(isinstance(name, str | tuple | None) for name in found.values()):
        raise OptionsError(
            f"{Option('columns')} is {given!r}, but says by the part of a trade which column it is: "
            f"{Option('columns', {'size': 'qty'})}"
        )
    return found


def _by_part(
    given: Any, parts: Mapping[str, Sequence[str]], of: str, stamp: str, others: re.Pattern[str] | None = None
) -> Any:
    """``others``: names of columns that a store may declare; whether it does is known once rows are read."""
    if not isinstance(given, Mapping):
        return {} if given is None else given
    found: dict[Any, Any] = {}
    for name, column in given.items():
        part = next((part for part, names in parts.items() if str(name).casefold() in names), None)
        if part is None and others is not None and isinstance(name, str) and others.fullmatch(name):
            part = name
        if part is None:
            raise OptionsError(f"{name!r} is no part of {of}; allowed are {', '.join(parts)}")
        if part in found:
            raise OptionsError(f"{name!r} is {part}, which was named before; say each part once")
        found[part] = tuple(column) if isinstance(column, list) else column or None
        if isinstance(found[part], tuple):
            _check_pair(part, found[part], stamp)
    return found


def _check_pair(part: str, columns: tuple[Any, ...], stamp: str) -> None:
    if part != stamp or len(columns) != 2 or not all(isinstance(name, str) and name for name in columns):
        raise OptionsError(
            f"{part} of {Option('columns')} is {list(columns)!r}, but is one column; {stamp} may be two, of the date "
            f"and the time of day: {Option('columns', {stamp: ['Date', 'Time']})}"
        )


def _power_of_ten(scale: float) -> float:
    try:
        exponent = round(log10(scale))
    except (ValueError, OverflowError):
        exponent = _SCALES + 1
    if abs(exponent) > _SCALES or float(f"1e{exponent}") != scale:
        raise ValueError(f"give a power of ten from 1e-{_SCALES} to 1e{_SCALES}, such as 0.01 or 1e-9")
    return scale


def _encoding(name: str) -> str:
    try:
        "a".encode(name)
    except (LookupError, ValueError):
        raise ValueError("give the name of an encoding, such as utf-16, latin-1 or cp1252") from None
    return name


def _delimiter(sign: str) -> str:
    sign = {"\\t": "\t", "tab": "\t"}.get(sign, sign)
    if len(sign) != 1 or sign.isalnum() or sign in '"\r\n.-+':
        raise ValueError("give the one sign between two fields, such as ; or | or \\t")
    return sign


def _preset(name: str) -> str:
    checked(preset_named(name))
    return name


class Reading(BaseModel):
    """How the rows of a source are understood."""

    model_config = ConfigDict(extra="forbid")

    preset: Annotated[str, AfterValidator(_preset)] | None = Field(
        default=None,
        description="a layout by its name, such as polygon; what else is said goes before what it says",
        examples=["polygon"],
    )
    label: Literal["start", "end"] = Field(
        default="start", description="whether stamps label the start or the end of a bar"
    )
    timezone: Annotated[str, AfterValidator(_zone)] | None = Field(
        default=None,
        description="the zone of stamps that carry none, such as America/New_York, and whose midnights name days; of a "
        "clock that always is so far from one, America/New_York+07:00; it is never guessed",
        examples=["America/New_York"],
        json_schema_extra={"metavar": "ZONE"},
    )
    file_format: Kind | None = Field(
        default=None, description="what a file is whose name does not say so, once it is unpacked", examples=["csv"]
    )
    members: Annotated[tuple[str, ...], BeforeValidator(_names)] | None = Field(
        default=None,
        description="of an archive with several files inside only these; * and ? stand for other characters",
        examples=[["*.csv"]],
    )
    columns: Annotated[dict[str, str | tuple[str, ...] | None], BeforeValidator(columns_by_part)] = Field(
        default_factory=dict,
        description="which column is which part of a bar, where its name does not say; without a name there is none, "
        "and date and time in two columns are both named",
        examples=[{"bar_start": "Date", "volume": None}],
        json_schema_extra={"flag": "--column"},
    )
    timestamp_format: str | None = Field(
        default=None,
        description="how stamps are written that are not ISO 8601: a strptime format, or epoch_s, epoch_ms, epoch_us "
        "or epoch_ns",
        examples=["%Y-%m-%d %H:%M"],
        json_schema_extra={"metavar": "FORMAT"},
    )
    encoding: Annotated[str, AfterValidator(_encoding)] | None = Field(
        default=None,
        description="what a text file is written in that is not UTF-8, such as utf-16, latin-1 or cp1252",
        examples=["utf-16"],
    )
    delimiter: Annotated[str, AfterValidator(_delimiter)] | None = Field(
        default=None,
        description="the sign between the fields of a text file, where it cannot be told from the file",
        examples=[";"],
        json_schema_extra={"metavar": "SIGN"},
    )
    skip_rows: int = Field(default=0, ge=0, strict=True, description="lines before the header of a text file")
    header: Annotated[tuple[str, ...], BeforeValidator(_list)] | None = Field(
        default=None,
        description="the names of the columns, for a text file that does not name them",
        examples=[["timestamp", "open", "high", "low", "close", "volume"]],
    )
    volume_column: str | None = Field(
        default=None,
        description="the column of the volume, where several could be it",
        examples=["volume"],
    )
    ambiguous: Literal["reject", "first", "second", "infer"] = Field(
        default="reject",
        description="what becomes of local times that the clock shows twice: they are rejected, taken for the first or "
        "the second, or told apart by the order of rows",
    )
    decimal: Literal[".", ","] | None = Field(
        default=None,
        description="the sign before decimals in text that people write; where it or thousands is said, numbers may "
        "have the sign of a currency, and K, M or B after them",
        examples=[","],
    )
    thousands: Literal[",", ".", " ", "'"] | None = Field(
        default=None,
        description="the sign between thousands in text that people write",
        examples=["."],
    )
    price_scale: Annotated[float, Strict(), AfterValidator(_power_of_ten)] | None = Field(
        default=None,
        description="what prices count in, a power of ten: 1e-9 of Databento's whole numbers; the greatest of 64 bits "
        "is then no price",
        examples=[1e-9],
        json_schema_extra={"metavar": "SCALE"},
    )
    volume_scale: Annotated[float, Strict(), AfterValidator(_power_of_ten)] | None = Field(
        default=None,
        description="what the volume counts in, a power of ten: 100 of round lots",
        examples=[100.0],
        json_schema_extra={"metavar": "SCALE"},
    )


class Loading(Reading):
    """How the rows of a source are understood, and which of them are taken."""

    strict: bool = Field(default=False, strict=True, description="load nothing when one row cannot be taken")
    sparse: bool = Field(
        default=False,
        strict=True,
        description="take bars that are all further apart than they are long; else they count as of another interval",
    )
    replace: Literal["sessions"] | None = Field(
        default=None,
        description="with sessions, each session that rows belong to is replaced whole: bars it no longer has go",
    )
    symbols: Annotated[tuple[str, ...], BeforeValidator(_names)] | None = Field(
        default=None,
        description="of a source with many symbols only these; * and ? stand for other characters",
        examples=[["SPY", "QQQ"]],
        json_schema_extra={"short": "-s"},
    )
    vendor: Annotated[str, AfterValidator(_vendor)] | None = Field(
        default=None,
        description="whose bars they are, by a name of your choice: of vendors that contradict each other the one with "
        "the greater priority stays",
        examples=["polygon"],
    )
    priority: int | None = Field(
        default=None,
        ge=-1000,
        le=1000,
        strict=True,
        description="the priority of that vendor, kept until another is said; 0 at first, and where nobody is named",
        examples=[10],
        json_schema_extra={"metavar": "N"},
    )
    conflicts: Literal["report", "keep", "replace"] = Field(
        default="report",
        description="what becomes of rows that say otherwise than bars of a vendor of greater priority: the bars stay "
        "and the view conflicts has the rows, they stay and nothing is kept, or they are replaced",
    )
    tolerance: Annotated[float, Strict(), Field(ge=0, le=0.01, allow_inf_nan=False)] | None = Field(
        default=None,
        description="how far prices and the volume may be from those of the bar that is there, in relation to them, "
        "for it to count as unchanged",
        examples=[1e-6],
        json_schema_extra={"metavar": "RATIO"},
    )


class TradeKeywords(TypedDict, total=False):
    """Those of the fields of ``Loading`` as keyword arguments that trades can have, too."""

    timezone: str | None
    file_format: Kind | None
    members: str | Sequence[str] | None
    columns: Mapping[str, str | Sequence[str] | None] | None
    timestamp_format: str | None
    encoding: str | None
    delimiter: str | None
    skip_rows: int
    header: Sequence[str] | None
    ambiguous: Literal["reject", "first", "second", "infer"]
    decimal: Literal[".", ","] | None
    thousands: Literal[",", ".", " ", "'"] | None
    price_scale: float | None
    volume_scale: float | None
    strict: bool
    symbols: str | Sequence[str] | None
    vendor: str | None
    priority: int | None
    conflicts: Literal["report", "keep", "replace"]
    tolerance: float | None


class LoadKeywords(TradeKeywords, total=False):
    """All of them, as keyword arguments."""

    preset: str | None
    label: Literal["start", "end"]
    volume_column: str | None
    replace: Literal["sessions"] | None
    sparse: bool


#: The fields of ``Loading`` that are of bars alone.
OF_BARS = frozenset(LoadKeywords.__annotations__) - frozenset(TradeKeywords.__annotations__)


def checked(preset: Preset) -> Preset:
    """A preset, once its options were seen to be such.

    Raises
    ------
    PluginError
        When one is not.
    """
    allowed = [name for name in Loading.model_fields if name != "preset"]
    meant = [name for name in preset.options if name not in allowed]
    # ``preset`` is meant where it is said, but one preset names no other.
    unknown = [name if name == "preset" else f"{name}{did_you_mean(name, allowed)}" for name in sorted(meant)]
    if unknown:
        kind = agreeing(len(unknown), "is no option", "are no options")
        raise preset.plugin.refused(
            f"is no preset: {', '.join(unknown)} {kind} of a load; allowed are about, max_outside_pct, recognise, "
            f"{', '.join(allowed)}"
        )
    try:
        Loading.model_validate(preset.options)
    except ValidationError as error:
        said = "; ".join(sentences(error, Loading, AsKeys()))
        raise preset.plugin.refused(f"is no preset: {said}") from error
    return preset
