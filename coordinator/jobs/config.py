"""The job file: what a nightly job keeps, from which files, and what becomes of it, as TOML.

Errors name the file, the key, the value and what is allowed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from barhouse.coordinator.derive.derivation import GRACE_SECONDS
from barhouse.coordinator.edit import retention
from barhouse.coordinator.jobs.cluster_config import ClusterConfig
from barhouse.coordinator.jobs.config_errors import JOB_FILE, explained
from barhouse.coordinator.sources.options import Loading, LoadOptions
from barhouse.coordinator.sources.presets import preset_named
from barhouse.store.calendars.correction import corrections_of
from barhouse.store.calendars.definition import CalendarDefinition
from barhouse.store.copies.bar_format import FORMATS
from barhouse.store.database.settings import ALLOWED, checked
from barhouse.store.errors import CalendarError, ConfigError, speaking
from barhouse.store.model.file_mode import FileMode
from barhouse.store.model.interval import Interval
from barhouse.store.model.paths import expanded
from barhouse.store.model.spelling import Spelling, as_written
from barhouse.store.model.symbol import ClosingBar, IntervalText, Symbol
from barhouse.store.places.address import is_address


def _as_list(given: object) -> object:
    return [given] if isinstance(given, str) else given


def _written(names: list[str]) -> list[str]:
    return [as_written(name) for name in names]


def _format(name: str) -> str:
    FORMATS.find(name)
    return name


def _duration(given: str) -> str:
    interval = Interval.parse(given)
    if interval.unit not in ("second", "day", "week"):
        raise ValueError(
            "it is no length of time: months are of different lengths, and anchors say where bars begin; give hours, "
            "days or weeks, such as 6h, 1d or 1w"
        )
    return str(interval)


def _policy(given: dict[str, str]) -> dict[str, str]:
    retention.parse(given)
    return given


Names = Annotated[list[str], BeforeValidator(_as_list), AfterValidator(_written), Field(min_length=1)]
Intervals = Annotated[list[IntervalText], BeforeValidator(_as_list), Field(min_length=1)]
Patterns = Annotated[list[str], BeforeValidator(_as_list), Field(min_length=1)]
DurationText = Annotated[str, AfterValidator(_duration)]
_Spelled = TypeVar("_Spelled", bound=BaseModel)


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SymbolGroup(_Table):
    """Symbols with what is wanted of them: a ``[[symbols]]`` table."""

    names: Names = Field(
        description="symbols; * and ? stand for other characters and take whatever the sources hold, ['*'] all of it. "
        "A symbol belongs to the group that names it, or else to the first with a pattern for it"
    )
    intervals: Intervals = Field(description="what is wanted, such as ['1m', '5m', '1d']")
    calendar: str = Field(description="whose sessions: an exchange such as XNYS, 24/7, or one of [calendars]")
    base: IntervalText | None = Field(
        default=None, description="the interval to load; by default the coarsest that the files hold and that does"
    )
    closing_bar: ClosingBar = Field(
        default="outside", description="whether the bar that starts exactly at the close belongs to the session"
    )
    move: bool = Field(default=False, description="symbols that follow another calendar follow this one from now on")
    reuse_names: bool = Field(
        default=False, description="symbols that are new are other instruments than those that had their names before"
    )


class SourceConfig(Loading):
    """Files to load, and how to read them: a ``[[sources]]`` table."""

    files: Patterns = Field(
        description="patterns of paths: * ? and ** as in a shell, and {symbol}, {interval}, {date}, {month} for parts "
        "that say something, such as bars/{symbol}_{date}.parquet or bars/symbol={symbol}/date={date}/*.parquet"
    )
    interval: IntervalText | None = Field(
        default=None, description="the length of the files' bars; by default told from the path, or from the bars"
    )
    symbol: Symbol | None = Field(default=None, description="whose bars they are, where neither path nor column says")
    unknown: Literal["report", "skip"] = Field(
        default="report", description="symbols of the files that the job does not name: a problem, or passed over"
    )
    max_outside_pct: float = Field(
        default=50,
        ge=0,
        le=100,
        description="a file of which a larger share lies in no session is not loaded: its zone is likely wrong",
    )

    @field_validator("symbols", "header", mode="before")
    @classmethod
    def _listed(cls, given: Any) -> Any:
        return _as_list(given)

    @field_validator("symbols")
    @classmethod
    def _as_written(cls, given: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if given is None else tuple(_written(list(given)))

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> SourceConfig:
        by_path = any("{symbol}" in pattern for pattern in self.files)
        said = [name for name in ("symbol", "symbols") if getattr(self, name) is not None]
        if by_path:
            said.insert(0, "{symbol} in files")
        if len(said) > 1:
            raise ValueError(f"{' and '.join(said)} exclude each other; say in one way whose bars the files hold")
        return self

    @property
    def outside_pct_allowed(self) -> float:
        """``max_outside_pct`` as the source says, or else its preset."""
        if "max_outside_pct" in self.model_fields_set or self.preset is None:
            return self.max_outside_pct
        said = preset_named(self.preset).max_outside_pct
        return self.max_outside_pct if said is None else said

    def options(self, symbols: Iterable[str] | None) -> LoadOptions:
        """How its files are loaded; of files with many symbols only ``symbols``, or all."""
        said: dict[str, Any] = {
            name: getattr(self, name) for name in Loading.model_fields if name in self.model_fields_set
        }
        return LoadOptions(**{**said, "symbols": None if symbols is None else sorted(symbols)})


class ProcessConfig(_Table):
    """How bars are derived: the ``[process]`` table."""

    grace_seconds: float = Field(
        default=GRACE_SECONDS,
        ge=0,
        le=1e8,
        allow_inf_nan=False,
        description="how long after its end a bar counts as closed by the clock alone",
    )
    chunk_symbols: int = Field(default=500, ge=1, description="how many symbols one transaction derives")
    verify: bool = Field(default=True, description="compute the touched sessions again and compare")


class PublishConfig(_Table):
    """A snapshot for analysts: the ``[publish]`` table."""

    path: Path = Field(
        description="where the newest snapshot is put, at once or not at all; a file, or s3://bucket/path"
    )
    keep: int = Field(default=1, ge=1, description="how many snapshots to have, the newest included")
    mode: FileMode | None = Field(
        default=None,
        description="who may read it: '0400' (the owner), '0440' (the group) or '0444' (everybody); by default whoever "
        "may read the store",
    )
    every: DurationText | None = Field(
        default=None, description="not more often than this, such as '6h' or '1d'; by default after every change"
    )

    @property
    def pause(self) -> timedelta:
        """``every`` as a length of time."""
        if self.every is None:
            return timedelta(0)
        interval = Interval.parse(self.every)
        return interval.length * {"second": timedelta(seconds=1), "day": timedelta(days=1)}.get(
            interval.unit, timedelta(weeks=1)
        )


class ExportConfig(_Table):
    """Bars as files for others, of which only those that changed are written: the ``[export]`` table."""

    path: Path = Field(description="the folder, or s3://bucket/path; a file for each symbol, interval and month")
    format: Annotated[str, AfterValidator(_format)] = Field(
        default="parquet", description="of the files: parquet, csv, arrow, or one that a package adds"
    )
    symbols: Names | None = Field(default=None, description="only these; all by default")
    intervals: Intervals | None = Field(default=None, description="only these; all by default")


class Thresholds(_Table):
    """What still counts as done, of what this run loaded: the ``[thresholds]`` table."""

    max_rejected: int | None = Field(default=0, ge=0, description="rows that could not be taken")
    max_gaps: int | None = Field(default=None, ge=0, description="runs of missing base bars in the sessions touched")
    max_missing: int | None = Field(default=None, ge=0, description="missing base bars in the sessions touched")
    min_quality_pct: float | None = Field(
        default=None, ge=0, le=100, description="quality of the worst symbol's base bars in the sessions touched"
    )
    max_behind: int | None = Field(
        default=None, ge=0, description="symbols whose bars end before those of others with the same calendar"
    )


class JobConfig(_Table):
    """A job: what is kept, from which files, and what becomes of it."""

    name: str = Field(default="nightly", min_length=1, description="what runs of the job are called")
    store: Path | None = Field(default=None, description="the store's file; made when it is not there")
    settings: Annotated[dict[str, str | int], AfterValidator(checked)] = Field(
        default_factory=dict,
        description=f"DuckDB settings, such as threads = 2 and memory_limit = '4GB'; allowed are {', '.join(ALLOWED)}",
    )
    case_sensitive: bool | None = Field(
        default=None,
        description="of a store that is made: whether AMPB and AMpB are two symbols; one that is there must have been "
        "made so",
    )
    on_missing: Literal["skip", "raise"] = Field(
        default="skip", description="symbols named for which no file holds what is wanted: a problem, or the end of it"
    )
    calendars: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="calendars of one's own, each a table as in `barhouse calendar add --file`, or of an exchange's "
        "the `sessions` that are otherwise, and `known = true` for what exchange_calendars is known to have wrong",
    )
    symbols: list[SymbolGroup] = Field(min_length=1, description="groups of symbols")
    sources: list[SourceConfig] = Field(min_length=1, description="where bars come from")
    process: ProcessConfig = Field(default_factory=ProcessConfig, description="how bars are derived")
    thresholds: Thresholds = Field(default_factory=Thresholds, description="what still counts as done")
    retention: Annotated[dict[str, str], AfterValidator(_policy)] = Field(
        default_factory=dict,
        description="how long bars of an interval are kept, before the last base bar; and revisions, before now",
    )
    publish: PublishConfig | None = Field(default=None, description="a snapshot for analysts")
    serve: Path | None = Field(
        default=None,
        description="a snapshot that follows every commit while the job runs, for `barhouse serve`; another file than "
        "that of [publish]",
    )
    export: ExportConfig | None = Field(default=None, description="bars as files, those that changed")
    cluster: ClusterConfig | None = Field(
        default=None, description="many stores, each with a range of symbols, and the lake that shows them as one"
    )

    _folder: Path = PrivateAttr(default_factory=Path.cwd)

    @model_validator(mode="after")
    def _coherent(self) -> JobConfig:
        self.definitions()
        self.corrections()
        if self.serve is not None and self.publish is not None and self.serve == self.publish.path:
            raise ValueError(
                f"serve and [publish] name one file, {self.serve}; leave [publish] out, for what is served is published"
            )
        for key in ("store", "publish", "serve", "export") if self.cluster is not None else ():
            if getattr(self, key) is not None:
                raise ValueError(
                    f"{key} and cluster exclude each other: a cluster's stores lie where cluster.stores says, and are "
                    f"read through cluster.lake; leave out {key}"
                )
        spelling = Spelling(case_sensitive=bool(self.case_sensitive))
        first: dict[str, tuple[int, str]] = {}
        for number, group in enumerate(self.symbols):
            for name in group.names:
                before, text = first.setdefault(spelling.of(name), (number, name))
                if before != number:
                    apart = "" if text == name else "; they are two where a store counts case: then say case_sensitive"
                    raise ValueError(
                        f"symbols[{number}] names {name}, which symbols[{before}] names already; name it in one, "
                        f"with everything that is wanted of it{apart}"
                    )
        return self

    def spelled(self, spelling: Spelling) -> JobConfig:
        """The same with symbols as a store spells them."""

        def respelled(table: _Spelled, *names: str) -> _Spelled:
            said = {name: getattr(table, name) for name in names if getattr(table, name) is not None}
            return table.model_copy(
                update={
                    name: spelling.of(value) if isinstance(value, str) else type(value)(map(spelling.of, value))
                    for name, value in said.items()
                }
            )

        changes: dict[str, Any] = {
            "symbols": [respelled(group, "names") for group in self.symbols],
            "sources": [respelled(source, "symbol", "symbols") for source in self.sources],
        }
        if self.export is not None:
            changes["export"] = respelled(self.export, "symbols")
        return self.model_copy(update=changes)

    def definitions(self) -> list[CalendarDefinition]:
        """The calendars of one's own: those of which more is said than single sessions."""
        return [CalendarDefinition.from_table(name, table) for name, table in self._told(corrected=False)]

    def corrections(self) -> dict[str, dict[str, Any]]:
        """The single sessions that are said of calendars of exchanges: what ``correct_calendar`` takes."""
        found = dict(self._told(corrected=True))
        for name, table in found.items():
            corrections_of(name, table.get("sessions", {}))
            if not isinstance(table.get("known", False), bool):
                raise CalendarError(f"calendar {name!r}: known = {table['known']!r} is neither true nor false")
        return found

    def _told(self, *, corrected: bool) -> list[tuple[str, dict[str, Any]]]:
        told = [
            (name, table, bool(table) and set(table) <= {"sessions", "known"}) for name, table in self.calendars.items()
        ]
        return [(name, table) for name, table, alone in told if alone == corrected]

    @property
    def folder(self) -> Path:
        """What relative paths start from: the job file's folder."""
        return self._folder

    def within(self, folder: Path) -> JobConfig:
        """The same job, its relative paths starting from another folder."""
        moved = self.model_copy()
        moved._folder = folder
        return moved

    def at(self, path: Path) -> Path:
        """A path of the job, absolute; an address, which pathlib has with one slash, is one already."""
        if is_address(path):
            return path
        return (self._folder / expanded(path)).resolve()

    def grace(self) -> timedelta:
        """``process.grace_seconds``."""
        return timedelta(seconds=self.process.grace_seconds)


@speaking(JOB_FILE)
def read_config(given: str | Path | Mapping[str, Any] | JobConfig) -> JobConfig:
    """The job that a TOML file, or a mapping like it, describes.

    Raises
    ------
    ConfigError
        For a file that cannot be read, and for each key that cannot be used.
    """
    if isinstance(given, JobConfig):
        return given
    if isinstance(given, Mapping):
        return _checked(given, "the job", Path.cwd())
    path = expanded(given)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the job file {path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    table.setdefault("name", path.stem)
    return _checked(table, str(path), path.resolve().parent)


def _checked(table: Mapping[str, Any], where: str, folder: Path) -> JobConfig:
    try:
        config = JobConfig.model_validate(dict(table))
    except ValidationError as error:
        raise ConfigError(explained(error, JobConfig, where)) from error
    config._folder = folder
    return config
