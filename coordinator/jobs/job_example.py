"""The job file that ``barhouse init --job`` writes: everything that can be said, explained."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from importlib.resources import files

from barhouse.coordinator.jobs.config_errors import toml
from barhouse.coordinator.sources.options import OptionText, describe
from barhouse.coordinator.sources.presets import PRESETS

_WIDTH = 120
#: Where remarks begin, unless what is remarked on is longer.
_REMARKS_AT = 30
_PLACE = "{load options}\n"


def job_example() -> str:
    """The text of the file."""
    text = files(__package__).joinpath("job_example.toml").read_text(encoding="utf-8")
    lines = [line for option in describe() if "sources" in option.doors for line in _lines(option)]
    return text.replace(_PLACE, "".join(f"{line}\n" for line in lines))


def _lines(option: OptionText) -> Iterator[str]:
    said = f"# {option.name} = {toml(option.example)}"
    said = said.ljust(_REMARKS_AT) if len(said) < _REMARKS_AT else f"{said}    "
    remark = option.text
    if option.name == "preset":
        remark += f": {', '.join(PRESETS.own())}"
    elif len(option.choices) > 1:
        others = ", ".join(toml(choice) for choice in option.choices if choice != option.example)
        remark += f"; or {others}"
    first, *more = textwrap.wrap(remark, _WIDTH - max(len(said), _REMARKS_AT) - 2)
    yield f"{said}# {first}"
    for line in textwrap.wrap(" ".join(more), _WIDTH - _REMARKS_AT - 2):
        yield f"{'':{_REMARKS_AT}}# {line}"
