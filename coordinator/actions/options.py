"""How the rows of a source are understood as corporate actions: the options said, over those of a preset."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal, Self, TypedDict, Unpack

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from barhouse.store.errors import InputError, OptionsError
from barhouse.store.hints import Option, did_you_mean
from barhouse.store.model.action import KIND_OF_WORD, KINDS, PARTS, ActionKind
from barhouse.store.model.mistakes import AsOptions, cause_of, sentences


@cache
def presets() -> Mapping[str, Mapping[str, Any]]:
    """The layouts of vendors by their names."""
    return tomllib.loads(files(__package__).joinpath("presets.toml").read_text(encoding="utf-8"))


def _preset(name: str) -> str:
    known = presets()
    if name not in known:
        raise OptionsError(
            f"{Option('preset', name)} is no layout of corporate actions{did_you_mean(name, known)}; there are "
            f"{', '.join(known)}"
        )
    return name


def _columns(given: Any) -> Any:
    """Refuse parts that an action has not; an empty name is no column."""
    if not isinstance(given, Mapping):
        return {} if given is None else given
    for part in given:
        if part not in PARTS:
            raise OptionsError(f"{part!r} is no part of a corporate action; allowed are {', '.join(PARTS)}")
    return {part: column or None for part, column in given.items()}


def _kind(given: str) -> str:
    if given not in KINDS:
        raise OptionsError(
            f"{Option('kind', given)} is no kind of corporate action{did_you_mean(given, KINDS)}; there are "
            f"{', '.join(KINDS)}"
        )
    return given


def _currency(given: str) -> str:
    if not (given.isascii() and given.isalnum() and len(given) <= 10):
        raise OptionsError(f"{Option('currency', given)} is no code of a currency; give one such as USD")
    return given.upper()


class ActionReading(BaseModel):
    """How the rows of a source are understood as corporate actions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: Annotated[str, AfterValidator(_preset)] | None = Field(
        default=None, description="a vendor's layout by its name; what else is said goes before what it says"
    )
    columns: Annotated[dict[str, str | None], BeforeValidator(_columns)] = Field(
        default_factory=dict,
        description=f"which column is which part of an action, where its name does not say: {', '.join(PARTS)}; "
        "without a name there is none",
    )
    kind: Annotated[ActionKind, BeforeValidator(_kind)] | None = Field(
        default=None, description="what all rows are, where no column says: " + ", ".join(KINDS)
    )
    currency: Annotated[str, AfterValidator(_currency)] | None = Field(
        default=None, description="of the amounts, where no column says, such as USD"
    )
    date_format: str | None = Field(
        default=None, min_length=2, description="how ex-dates are written that are not ISO 8601, such as %m/%d/%Y"
    )
    divided_by_splits: bool | None = Field(
        default=None,
        strict=True,
        description="whether amounts were divided by the splits that came after them, as those of yfinance; these must "
        "be in the same source, and the amounts are multiplied by them",
    )
    unknown: Literal["reject", "skip"] = Field(
        default="reject", description="what becomes of rows of symbols that are not registered"
    )
    strict: bool = Field(default=False, strict=True, description="load nothing when one row cannot be taken")


class ActionKeywords(TypedDict, total=False):
    """The fields of ``ActionReading`` as keyword arguments."""

    preset: str | None
    columns: Mapping[str, str | None] | None
    kind: ActionKind | None
    currency: str | None
    date_format: str | None
    divided_by_splits: bool | None
    unknown: Literal["reject", "skip"]
    strict: bool


class ActionOptions(ActionReading):
    """The options of a load of actions, as they come out with those of the preset."""

    @classmethod
    def of(cls, **given: Unpack[ActionKeywords]) -> Self:
        """Read what was said.

        Raises
        ------
        InputError
            For a value that an option cannot have.
        """
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise cause_of(error) or InputError("; ".join(sentences(error, cls, AsOptions()))) from None

    @property
    def of_preset(self) -> Mapping[str, Any]:
        """What the preset says."""
        return {} if self.preset is None else presets()[self.preset]

    def said(self, name: Literal["kind", "currency", "date_format", "divided_by_splits"]) -> Any:
        """The value of an option, by itself or by the preset."""
        own = getattr(self, name)
        return self.of_preset.get(name) if own is None else own

    @property
    def words(self) -> Mapping[str, str]:
        """The words that a source may call kinds of actions by, each with the kind."""
        return {**KIND_OF_WORD, **self.of_preset.get("kinds", {})}
