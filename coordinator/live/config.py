"""The ``[live]`` table of a job file: which feed, which symbols, and how."""

from __future__ import annotations

import logging
import tomllib
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from barhouse.coordinator.feeds.addresses import open_feed
from barhouse.coordinator.jobs.config_errors import explained
from barhouse.coordinator.live.options import LiveOptions
from barhouse.coordinator.live.session import LiveSession
from barhouse.coordinator.sources import LoadOptions
from barhouse.store.errors import ConfigError
from barhouse.store.model.inputs import as_instant
from barhouse.store.model.symbol import ClosingBar, IntervalText, Symbol
from barhouse.store.session_store import SessionStore

log = logging.getLogger("barhouse.live")

#: What says how files are read, as in ``LoadOptions``.
_READING = ("label", "timezone", "columns", "timestamp_format", "volume_column", "skip_rows", "header", "ambiguous")


def _split(given: object) -> object:
    """Texts with commas are lists too."""
    return [one.strip() for one in given.split(",") if one.strip()] if isinstance(given, str) else given


def _instant(given: object) -> object:
    return as_instant(given, "history_from") if isinstance(given, str | date | datetime) else given


def store_of(path: Path) -> Path | None:
    """The store that a job file names, relative to the file's folder; None when it names none.

    Raises
    ------
    ConfigError
        For a file that cannot be read.
    """
    store = _tables(path).get("store")
    return path.expanduser().resolve().parent / Path(store).expanduser() if isinstance(store, str) else None


def _tables(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error


class LiveConfig(BaseModel):
    """A live run.

    Attributes
    ----------
    feed
        Its address; see ``barhouse.coordinator.feeds.addresses.open_feed``.
    symbols, intervals, calendar, closing_bar
        What is registered; without intervals the symbols must be registered already.
    interval
        Of the bars in a folder's files.
    feed_intervals
        The intervals of a feed that does not say which it has.
    label, timezone, columns, timestamp_format, volume_column, skip_rows, header, ambiguous
        How a folder's files are read; see ``SessionCoordinator.load``.
    once
        Stop when a folder has no file left.
    name
        Of the run.
    history_from
        How far back a symbol without bars is asked for.
    publish
        Where a snapshot is published every now and then.
    options
        The numbers of ``LiveOptions``.
    """

    model_config = ConfigDict(extra="forbid")

    feed: str
    symbols: Annotated[list[Symbol], BeforeValidator(_split), Field(min_length=1)]
    intervals: Annotated[list[IntervalText], BeforeValidator(_split)] = []
    calendar: str | None = None
    closing_bar: ClosingBar | None = None
    interval: IntervalText | None = None
    feed_intervals: Annotated[list[IntervalText] | None, BeforeValidator(_split)] = None
    label: Literal["start", "end"] = "start"
    timezone: str | None = None
    columns: dict[str, str | None] = {}
    timestamp_format: str | None = None
    volume_column: str | None = None
    skip_rows: Annotated[int, Field(ge=0)] = 0
    header: Annotated[list[str], Field(min_length=1)] | None = None
    ambiguous: Literal["reject", "first", "second", "infer"] = "reject"
    once: bool = False
    name: str = "live"
    history_from: Annotated[datetime | None, BeforeValidator(_instant)] = None
    publish: Path | None = None
    options: LiveOptions = LiveOptions()

    @model_validator(mode="before")
    @classmethod
    def _offers(cls, given: Any) -> Any:
        """``feed_intervals`` were called ``offers`` before; taken until the next release."""
        if not isinstance(given, dict) or "offers" not in given or "feed_intervals" in given:
            return given
        log.warning("offers in [live] is called feed_intervals now; the old name ends with the next release")
        return {"feed_intervals" if name == "offers" else name: value for name, value in given.items()}

    @classmethod
    def read(cls, path: Path, **given: Any) -> LiveConfig:
        """The ``[live]`` table of a TOML file; what is ``given`` goes before it.

        Raises
        ------
        ConfigError
            For a file that cannot be read, or what it says wrong.
        """
        table = _tables(path).get("live")
        if not isinstance(table, dict):
            raise ConfigError(f"{path} has no table [live]; add one with at least feed and symbols")
        return cls.of(f"[live] of {path}", {**table, **given})

    @classmethod
    def of(cls, place: str, given: dict[str, Any]) -> LiveConfig:
        """What was given at a place, checked.

        Raises
        ------
        ConfigError
            Naming each value that is wrong.
        """
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise ConfigError(explained(error, cls, place)) from error

    def session(self, store: SessionStore) -> LiveSession:
        """The session it describes."""
        alone = self.symbols[0] if len(self.symbols) == 1 else None
        feed = open_feed(
            self.feed,
            interval=self.interval,
            feed_intervals=self.feed_intervals,
            symbol=alone,
            options=LoadOptions(**{name: getattr(self, name) for name in _READING}),
            once=self.once,
        )
        return LiveSession(
            store,
            feed,
            self.symbols,
            self.intervals,
            self.calendar,
            history_from=self.history_from,
            closing_bar=self.closing_bar,
            name=self.name,
            options=self.options,
            publish=self.publish,
        )
