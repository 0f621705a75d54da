"""How a load understands its rows: the options said, over those of a preset."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Self, Unpack, cast

from pydantic import ConfigDict, ValidationError, model_validator

from barhouse.coordinator.sources.option_fields import (
    OF_BARS,
    Loading,
    LoadKeywords,
    Reading,
    TradeKeywords,
    checked,
    columns_by_part,
    columns_of_trade,
)
from barhouse.coordinator.sources.option_texts import (
    OptionText,
    describe,
    with_load_options,
    with_texts,
    with_trade_options,
)
from barhouse.coordinator.sources.presets import preset_named
from barhouse.store.errors import InputError, OptionsError
from barhouse.store.hints import Option
from barhouse.store.model.mistakes import AsOptions, cause_of, sentences

__all__ = [
    "LoadKeywords",
    "LoadOptions",
    "Loading",
    "OptionText",
    "Reading",
    "TradeKeywords",
    "describe",
    "trade_options",
    "with_load_options",
    "with_trade_options",
]


class LoadOptions(Loading):
    """How rows are to be understood, and which of them are taken.

    What a preset says counts where nothing else is said; parts of ``columns`` are told apart one by one.

    Attributes
    ----------
    {options}

    Raises
    ------
    InputError
        For a value that an option cannot have.
    """

    model_config = ConfigDict(frozen=True)

    @with_load_options
    def __init__(self, **given: Unpack[LoadKeywords]) -> None:
        try:
            super().__init__(**cast(dict[str, Any], given))
        except ValidationError as error:
            raise cause_of(error) or InputError("; ".join(sentences(error, type(self), AsOptions()))) from None

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, given: Any) -> Any:
        return given if not isinstance(given, dict) or given.get("preset") is None else with_preset(given)

    @model_validator(mode="after")
    def _with_two_signs(self) -> Self:
        decimal = self.decimal or "."
        if self.thousands == decimal:
            other = "." if decimal == "," else ","
            raise OptionsError(
                f"{Option('thousands', self.thousands)} is the sign before decimals, too, unless "
                f"{Option('decimal', other)} says another"
            )
        return self

    @model_validator(mode="after")
    def _with_one_volume(self) -> Self:
        if self.volume_column is not None and self.columns.get("volume", self.volume_column) != self.volume_column:
            other = Option("columns", {"volume": self.columns["volume"]})
            raise OptionsError(
                f"{Option('volume_column', self.volume_column)} and {other} say two things; say one of them"
            )
        return self

    def but(self, **changes: Any) -> LoadOptions:
        """The same with some options changed, whose values are right already."""
        return self.model_copy(update=changes)

    def request(self, symbol: str | None, interval: str) -> str:
        """What was asked of a file, as JSON: equal texts ask for the same."""
        said = self.model_dump(exclude={"preset"})
        return json.dumps({"symbol": symbol, "interval": interval, **said}, sort_keys=True)


def trade_options(given: Mapping[str, Any]) -> LoadOptions:
    """What is said of trades, as the options of a load whose ``columns`` are parts of a trade.

    Raises
    ------
    InputError
        For an option that trades have not, or a value that it cannot have.
    """
    alien = sorted(OF_BARS & given.keys())
    if alien:
        raise OptionsError(f"{Option(alien[0], given[alien[0]])} is for bars; trades have no such thing, leave it out")
    said = {name: value for name, value in given.items() if name != "columns"}
    return LoadOptions(**cast(LoadKeywords, said)).but(columns=columns_of_trade(given.get("columns")))


def with_preset(given: Mapping[str, Any]) -> dict[str, Any]:
    """What was said, over what the preset named in it says.

    Raises
    ------
    InputError
        When there is no such preset.
    PluginError
        When it is of another package and cannot be used.
    """
    options = dict(checked(preset_named(str(given["preset"]))).options)
    said = {name: value for name, value in given.items() if name != "columns"}
    ours, theirs = columns_by_part(given.get("columns")), columns_by_part(options.pop("columns", {}))
    if said.get("volume_column") is not None:
        theirs.pop("volume", None)
    if "volume" in ours:
        options.pop("volume_column", None)
    return {**options, **said, "columns": {**theirs, **ours}}


LoadOptions.__doc__ = with_texts(LoadOptions.__doc__)
