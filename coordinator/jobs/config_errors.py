"""What is wrong with a job file, in words of the file: the key, the value, what is allowed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ValidationError

from barhouse.store.hints import UNSAID, Action, Option, Wording, as_command
from barhouse.store.model.mistakes import AsKeys, sentences
from barhouse.store.model.words import counted


class _JobFile(Wording):
    """Options are keys of its tables; what else can be done is done by command."""

    def option(self, option: Option) -> str:
        return option.name if option.value is UNSAID else f"{option.name} = {toml(option.value)}"

    def action(self, action: Action) -> str:
        return as_command(action)


#: Whoever reads a message of a job wrote a job file.
JOB_FILE: Wording = _JobFile()


def toml(value: object) -> str:
    """Spell a value as TOML."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return json.dumps("" if value is None else str(value), ensure_ascii=False)


def explained(error: ValidationError, model: type[BaseModel], where: str) -> str:
    """Say everything that is wrong in a file, one sentence each."""
    said = sentences(error, model, AsKeys())
    if len(said) == 1:
        return f"{where}: {said[0]}"
    return "\n  ".join([f"{where} has {counted(len(said), 'mistake')}:", *said])
