"""The job file, from the models that check it."""

from __future__ import annotations

import inspect
import re
from typing import Any

from pydantic import BaseModel

from barhouse.coordinator.jobs.config import JobConfig
from barhouse.coordinator.live.config import LiveConfig
from barhouse.coordinator.sources.presets import PRESETS, preset_named
from tests.docs.reference.markdown import HEADER, code, from_rest, table

_INTRODUCTION = """# Job files

What `barhouse run JOB.toml` and `run_job` read, and the table `[live]` that `barhouse live JOB.toml` reads. A file is
TOML; paths in it start from its own folder. `barhouse init --job` writes one with every key explained. A key that is
not listed here is refused. How to go about it: [jobs](../guides/jobs.md), [live sessions](../guides/live.md).
"""
_CALENDARS = (
    ("timezone", "text", "*required*", "the IANA zone that all times are in"),
    ("open", "text", "*required*", 'wall-clock time of the open, such as `"09:30"`'),
    (
        "close",
        "text",
        "*required*",
        "of the close; not after the open it belongs to the next day, which names the session",
    ),
    ("break", "text or list", "none", 'one break or several, such as `["12:00-13:00"]`'),
    ("weekdays", "text", '`"mon-fri"`', 'the days sessions close on: `"sun-thu"`, `"mon,wed,fri"`, `"daily"`'),
    ("holidays", "list of dates", "none", "dates without a session"),
    ("early_closes", "table", "none", 'dates with the time they close at: `{ 2024-12-24 = "13:00" }`'),
)


def page() -> str:
    """The page of the job file."""
    schema = JobConfig.model_json_schema()
    defs = schema["$defs"]
    parts = [HEADER, _INTRODUCTION, f"\n## Top level\n\n{_table(schema, JobConfig)}"]
    for key, spec in schema["properties"].items():
        nested = _nested(spec)
        if nested is not None:
            many = spec.get("type") == "array"
            title = f"`[[{key}]]`" if many else f"`[{key}]`"
            purpose = spec.get("description", "")
            parts.append(f"\n## {title}\n\n{_sentence(purpose)}\n\n{_table(defs[nested], _model(JobConfig, key))}")
            if key == "sources":
                parts.append(_preset_table())
    calendars = table(("Key", "Type", "Default", "Meaning"), [(code(key), *said) for key, *said in _CALENDARS])
    parts.append(
        f"\n## `[calendars.NAME]`\n\nCalendars of one's own, as in `barhouse calendar add --file`.\n\n{calendars}"
    )
    live = LiveConfig.model_json_schema()
    parts.append(f"\n## `[live]`\n\n{_sentence(inspect.getdoc(LiveConfig) or '')}\n\n{_table(live, LiveConfig)}")
    options = live["$defs"][_nested(live["properties"]["options"]) or ""]
    parts.append(
        f"\n## `[live.options]`\n\nNumbers of a live session.\n\n{_table(options, _model(LiveConfig, 'options'))}"
    )
    return "".join(parts)


def every_key() -> set[str]:
    """Every key of a job file, wherever it stands."""
    found: set[str] = set()
    for schema in (JobConfig.model_json_schema(), LiveConfig.model_json_schema()):
        for one in (schema, *schema["$defs"].values()):
            found |= set(one.get("properties", {}))
    return found


def _preset_table() -> str:
    rows = [(code(name), preset_named(name).about) for name in PRESETS.own()]
    return f"\n### Presets\n\nVendors' layouts, for `preset = `.\n\n{table(('Preset', 'Layout'), rows)}"


def _sentence(text: str) -> str:
    first = from_rest(text.strip().split("\n\n")[0]).replace("\n", " ").rstrip(".")
    return f"{first[:1].upper()}{first[1:]}."


def _model(owner: type[BaseModel], key: str) -> type[BaseModel]:
    """The model that a key's value, or each value of its list, is checked by."""
    found = owner.model_fields[key].annotation
    while not (inspect.isclass(found) and issubclass(found, BaseModel)):
        found = next(one for one in found.__args__ if one is not type(None))
    return found


def _nested(spec: dict[str, Any]) -> str | None:
    """The name of the table that a key's value is, if it is one."""
    for one in (spec, spec.get("items", {}), *spec.get("anyOf", []), *spec.get("allOf", [])):
        if isinstance(one, dict) and "$ref" in one:
            return str(one["$ref"]).rpartition("/")[2]
    return None


def _table(schema: dict[str, Any], model: type[BaseModel]) -> str:
    said = _attributes(model)
    rows = []
    for key, spec in schema["properties"].items():
        description = spec.get("description") or said.get(key, "")
        if _nested(spec) is not None:
            table_ = f"`[[{key}]]`" if spec.get("type") == "array" else f"`[{key}]`"
            rows.append((code(key), "table", "", f"{description}; see {table_} below".lstrip("; ")))
            continue
        rows.append((code(key), _type(spec), _default(key, spec, schema), description + _bounds(spec)))
    return table(("Key", "Type", "Default", "Meaning"), rows)


def _attributes(model: type[BaseModel]) -> dict[str, str]:
    """What a docstring in NumPy's style says of each attribute."""
    text = inspect.getdoc(model) or ""
    found: dict[str, str] = {}
    _, _, body = text.partition("Attributes\n----------\n")
    for names, said in re.findall(r"^(\S.*)\n((?:    .*\n?)+)", body, re.MULTILINE):
        for name in names.split(","):
            found[name.strip()] = from_rest(" ".join(said.split()))
    return found


def _type(spec: dict[str, Any]) -> str:
    choices = [one for one in spec.get("anyOf", [spec]) if one.get("type") != "null"]
    return " or ".join(dict.fromkeys(_simple(one) for one in choices))


def _simple(spec: dict[str, Any]) -> str:
    if "enum" in spec:
        return ", ".join(code(f'"{one}"') for one in spec["enum"])
    if "const" in spec:
        return code(f'"{spec["const"]}"')
    kind = spec.get("type")
    if kind == "array":
        inner = _simple(spec.get("items", {}))
        return f"list of {'texts' if inner == 'text' else inner}"
    words = {
        "string": {"path": "path", "date-time": "instant"}.get(spec.get("format", ""), "text"),
        "integer": "whole number",
        "number": "number",
        "boolean": "`true` or `false`",
        "object": "table",
    }
    return words.get(str(kind), "text")


def _default(key: str, spec: dict[str, Any], schema: dict[str, Any]) -> str:
    if key in schema.get("required", ()):
        return "*required*"
    value = spec.get("default")
    if value is None or value in ([], {}):
        return "none"
    if isinstance(value, bool):
        return code(str(value).lower())
    return code(f'"{value}"' if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value))


def _bounds(spec: dict[str, Any]) -> str:
    choices = [one for one in spec.get("anyOf", [spec]) if one.get("type") in ("integer", "number")]
    said = []
    for one in choices:
        least, most = one.get("minimum"), one.get("maximum")
        if least is not None and most is not None:
            said.append(f"{least:g} to {most:g}")
        elif least is not None:
            said.append(f"{least:g} or more")
        elif "exclusiveMinimum" in one:
            said.append(f"more than {one['exclusiveMinimum']:g}")
    return f" ({said[0]})" if said else ""
