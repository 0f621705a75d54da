"""The ``[live]`` table of a job file: which feed, which symbols, and how."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from barhouse.coordinator.feeds.address import FeedAddress
from barhouse.coordinator.feeds.opening import open_feed
from barhouse.coordinator.jobs.config_errors import explained
from barhouse.coordinator.live.options import FORMER_NAMES, LiveOptions
from barhouse.coordinator.live.session import LiveSession
from barhouse.coordinator.sources.options import LoadOptions, Reading
from barhouse.store.errors import ConfigError
from barhouse.store.model.inputs import as_bound, optional
from barhouse.store.model.mistakes import AsOptions, sentences
from barhouse.store.model.paths import expanded
from barhouse.store.model.symbol import ClosingBar, IntervalText, Symbol
from barhouse.store.places.address import is_address
from barhouse.store.session_store import SessionStore

log = logging.getLogger("barhouse.live")


def _split(given: object) -> object:
    """Texts with commas are lists too."""
    return [part.strip() for part in given.split(",") if part.strip()] if isinstance(given, str) else given


def _bound(given: Any) -> date | datetime | None:
    return optional(as_bound, given, "history_from")


def _renamed(given: Mapping[str, Any], former: Mapping[str, str], place: str) -> dict[str, Any]:
    names = {was: now for was, now in former.items() if was in given and now not in given}
    for was, now in names.items():
        log.warning("%s in %s is called %s now; the old name ends with the next release", was, place, now)
    return {names.get(name, name): value for name, value in given.items()}


def store_of(path: Path) -> Path | None:
    """The store that a job file names, relative to the file's folder; None when it names none.

    Raises
    ------
    ConfigError
        For a file that cannot be read.
    """
    store = _tables(path).get("store")
    return Path(_path_in(expanded(path).resolve().parent, store)) if isinstance(store, str) else None


def _tables(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(expanded(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error


def _path_in(folder: Path, given: str) -> str:
    return given if is_address(given) else str(folder / expanded(given))


def _feed_in(folder: Path, given: str) -> str:
    """The address of a feed, that of a folder from another folder on."""
    address = FeedAddress(given)
    if address.scheme not in ("", "folder", "file"):
        return given
    return f"{address.scheme}:" * bool(address.scheme) + _path_in(folder, address.location)


#: What stands for a path in ``[live]``.
_PATHS = {"feed": _feed_in, "publish": _path_in, "serve": _path_in}


class LiveConfig(Reading):
    """A live run: the ``[live]`` table. How rows are understood is for the files of a folder."""

    feed: str = Field(
        description="the address: redis://, rediss://, ws://, wss://, the path of a folder, or what a package adds"
    )
    symbols: Annotated[list[Symbol], BeforeValidator(_split)] = Field(
        min_length=1, description="whose bars or trades to take"
    )
    intervals: Annotated[list[IntervalText], BeforeValidator(_split)] = Field(
        default_factory=list, description="what is wanted; by default what is registered"
    )
    calendar: str | None = Field(default=None, description="whose sessions, for symbols that are not registered yet")
    closing_bar: ClosingBar | None = Field(
        default=None, description="whether the bar that starts exactly at the close belongs to the session"
    )
    interval: IntervalText | None = Field(default=None, description="the length of the bars in a folder's files")
    feed_intervals: Annotated[list[IntervalText] | None, BeforeValidator(_split)] = Field(
        default=None, description="the intervals of a feed that does not say which it has"
    )
    once: bool = Field(default=False, description="stop when a folder has no file left")
    name: str = Field(default="live", description="of the run; one that ended early goes on")
    history_from: Annotated[date | datetime | None, BeforeValidator(_bound)] = Field(
        default=None,
        description="how far back a symbol without bars is asked for: a session by its date, or an instant",
    )
    publish: Path | None = Field(default=None, description="where a snapshot is published every now and then")
    serve: Path | None = Field(
        default=None, description="where a snapshot follows every commit, for `barhouse serve`; not that of publish"
    )
    metrics_port: int | None = Field(
        default=None, ge=0, le=65535, description="serve metrics over HTTP there while it runs; 0 takes any free port"
    )
    metrics_host: str = Field(
        default="127.0.0.1", min_length=1, description="who reaches the metrics: only this machine, or 0.0.0.0 for all"
    )
    options: LiveOptions = Field(default_factory=LiveOptions, description="numbers of the session")

    @field_validator("header", mode="before")
    @classmethod
    def _listed(cls, given: Any) -> Any:
        return _split(given)

    @model_validator(mode="before")
    @classmethod
    def _former_names(cls, given: Any) -> Any:
        """Names of before, taken until the next release."""
        if not isinstance(given, dict):
            return given
        given = _renamed(given, {"offers": "feed_intervals"}, "[live]")
        if isinstance(given.get("options"), dict):
            given["options"] = _renamed(given["options"], FORMER_NAMES, "[live.options]")
        return given

    @classmethod
    def read(cls, path: Path, **given: Any) -> LiveConfig:
        """The ``[live]`` table of a TOML file, whose paths start from its folder; what is ``given`` goes before it.

        Raises
        ------
        ConfigError
            For a file that cannot be read, or what it says wrong.
        """
        table = _tables(path).get("live")
        if not isinstance(table, dict):
            raise ConfigError(f"{path} has no table [live]; add one with at least feed and symbols")
        folder = expanded(path).resolve().parent
        paths = {name: read(folder, table[name]) for name, read in _PATHS.items() if isinstance(table.get(name), str)}
        return cls.of(f"[live] of {path}", {**table, **paths, **given})

    @classmethod
    def of(cls, place: str | None, given: dict[str, Any]) -> LiveConfig:
        """What was given in a place of a file, or (None) as options, checked.

        Raises
        ------
        ConfigError
            Naming each value that is wrong.
        """
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            if place is None:
                raise ConfigError("; ".join(sentences(error, cls, AsOptions()))) from error
            raise ConfigError(explained(error, cls, place)) from error

    def reading(self) -> dict[str, Any]:
        """What was said of how rows are understood."""
        return {name: getattr(self, name) for name in Reading.model_fields if name in self.model_fields_set}

    def session(self, store: SessionStore) -> LiveSession:
        """The session it describes."""
        alone = self.symbols[0] if len(self.symbols) == 1 else None
        feed = open_feed(
            self.feed,
            interval=self.interval,
            feed_intervals=self.feed_intervals,
            symbol=alone,
            options=LoadOptions(**self.reading()),
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
            serve=self.serve,
        )
