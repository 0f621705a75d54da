"""The options of a load: defined once, and said everywhere in the same way."""

from __future__ import annotations

import inspect
import re
import tomllib
from pathlib import Path
from typing import Any, get_args, get_type_hints

import click
import pytest

from barhouse import InputError, LoadOptions, SessionCoordinator
from barhouse.coordinator.cli.main import cli
from barhouse.coordinator.jobs.config import SourceConfig, read_config
from barhouse.coordinator.jobs.job_example import job_example
from barhouse.coordinator.live.config import LiveConfig
from barhouse.coordinator.sources.options import Loading, LoadKeywords, OptionText, describe
from barhouse.store.errors import CalendarError, OptionsError

ROOT = Path(__file__).parents[2]
EVERY = pytest.mark.parametrize("option", describe(), ids=lambda one: one.name)


def flags(command: str) -> dict[str, click.Option]:
    found = cli.commands[command]
    return {flag: one for one in found.params if isinstance(one, click.Option) for flag in one.opts}


# One definition


def test_the_keywords_for_type_checkers_are_the_fields_and_may_be_what_those_may_be() -> None:
    keywords = get_type_hints(LoadKeywords)
    assert keywords.keys() == Loading.model_fields.keys()
    for one in describe():
        if one.choices:
            literal = next((part for part in get_args(keywords[one.name]) if get_args(part)), keywords[one.name])
            assert get_args(literal) == one.choices, one.name
        assert (type(None) in get_args(keywords[one.name])) == (
            not isinstance(one.default, bool | int | str) or one.default is None
        ), one.name


@EVERY
def test_an_option_can_be_said_at_every_door_it_is_for(option: OptionText) -> None:
    parameter = inspect.signature(SessionCoordinator.load).parameters[option.name]
    assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
    assert f"\n        {option.name}\n            {option.text[:1].upper()}" in str(SessionCoordinator.load.__doc__)
    assert option.name in inspect.signature(LoadOptions).parameters
    assert option.flag in flags("load")
    # live's own --symbols says whose bars to take at all
    assert (option.flag in flags("live")) == ("live" in option.doors or option.name == "symbols")
    assert option.name in SourceConfig.model_fields
    assert re.search(rf"^# {option.name} = ", job_example(), re.MULTILINE)
    if "live" in option.doors:
        assert option.name in LiveConfig.model_fields


@EVERY
def test_each_door_says_the_same_of_an_option(option: OptionText) -> None:
    said = f"{option.text[:1].upper()}{option.text[1:]}."
    assert str(flags("load")[option.flag].help).startswith(said)
    assert SourceConfig.model_fields[option.name].description == option.text
    remarks = " ".join(line.partition("# ")[2] for line in job_example().splitlines())
    words = re.sub(r"\W+", " ", option.text).strip()
    assert words in re.sub(r"\W+", " ", re.sub(r"\s+# ", " ", remarks))


def test_defaults_are_the_same_on_the_command_line_and_in_python() -> None:
    for one in describe():
        default = cli.commands["load"].make_context("load", ["x", "-i", "1m"]).params[one.name]
        in_python = inspect.signature(SessionCoordinator.load).parameters[one.name].default
        if isinstance(one.default, str | bool | int):
            assert default == one.default == in_python, one.name
        else:
            assert in_python is None, one.name


@pytest.mark.parametrize("name", ["skip_rows", "volume_column", "timestamp_format"])
def test_an_option_is_written_where_it_is_defined_and_where_it_has_effect_and_nowhere_else(name: str) -> None:
    """What these are called is no other word of the code."""
    writing = {
        path.relative_to(ROOT).as_posix()
        for room in ("coordinator", "store")
        for path in (ROOT / room).rglob("*.py")
        if re.search(rf"\b{name}\b|--{name.replace('_', '-')}\b", path.read_text(encoding="utf-8"))
    }
    definition = {"coordinator/sources/option_fields.py"}
    assert definition <= writing
    effect = writing - definition
    allowed = ("coordinator/sources/files.py", "coordinator/sources/source.py", "coordinator/load/")
    special = {
        "skip_rows": {"coordinator/sources/recognition.py"},  # where a preset's files have their header
        "volume_column": {"coordinator/sources/options.py", "coordinator/cli/file_options.py"},
        # what says that bars lie oddly names it
        "timestamp_format": {
            "coordinator/cli/sentences/load.py",
            "coordinator/jobs/job_run.py",
            "coordinator/sources/json_tables.py",  # by its digits a preset is told that reads rows without names
        },
    }
    assert {path for path in effect if not path.startswith(allowed)} == special.get(name, set())


# Values


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ({"label": "middle"}, InputError, r"label='middle' is not known; allowed are 'start', 'end'"),
        ({"timezon": "UTC"}, InputError, r"timezon= is unknown, did you mean timezone\?; allowed are preset, label"),
        ({"header": "open,close"}, InputError, r"header='open,close': give a list of texts, one at least"),
        ({"symbols": []}, InputError, r"symbols=\[\]: give a list of texts, one at least"),
        ({"symbols": ["SPY", 7]}, InputError, r"7 in symbols= cannot be used: input should be a valid string"),
        ({"skip_rows": -1}, InputError, r"skip_rows=-1 cannot be used: input should be greater than or equal to 0"),
        ({"skip_rows": True}, InputError, r"skip_rows=True cannot be used: input should be a valid integer"),
        ({"strict": "no"}, InputError, r"strict='no' cannot be used: input should be a valid boolean"),
        ({"replace": "all"}, InputError, r"replace='all' is not known; allowed are 'sessions'"),
        ({"columns": {"Opening": "o"}}, OptionsError, r"'Opening' is no part of a bar; allowed are bar_start, symbol"),
        ({"columns": {"date": "a", "ts": "b"}}, OptionsError, r"'ts' is bar_start, which was named before"),
        ({"columns": {"open": 3}}, InputError, r"3 in columns= cannot be used: input should be a valid string"),
        ({"timezone": "New York"}, CalendarError, r"timezone 'New York' is not an IANA name"),
        ({"preset": "bloomberg"}, InputError, r"preset='bloomberg' is not known; allowed are alpaca, alpaca_json"),
        ({"label": 1, "strict": 2}, InputError, r"label=1 is not known; .*; strict=2 cannot be used"),
    ],
)
def test_what_an_option_cannot_be_is_refused_in_one_sentence(
    given: dict[str, Any], kind: type[InputError], said: str
) -> None:
    with pytest.raises(kind, match=said) as raised:
        LoadOptions(**given)
    assert type(raised.value) is kind


def test_options_do_not_change_and_are_asked_for_in_one_spelling() -> None:
    options = LoadOptions(columns={"Date": "day", "vol": ""}, header=["day"], symbols=("SPY",))
    assert options.columns == {"bar_start": "day", "volume": None}
    assert (options.header, options.symbols) == (("day",), ("SPY",))
    with pytest.raises(ValueError, match="frozen"):
        options.label = "end"
    same = LoadOptions(columns={"bar_start": "day", "volume": None}, header=("day",), symbols=["SPY"], label="start")
    assert options.request("SPY", "1m") == same.request("SPY", "1m")
    assert options.request("SPY", "1m") != options.request("SPY", "5m")


# Presets


def test_what_is_said_goes_before_the_preset_column_by_column() -> None:
    options = LoadOptions(preset="binance", timestamp_format="epoch_us", columns={"volume": None, "vwap": "vw"})
    assert options.timestamp_format == "epoch_us"
    assert options.columns == {"bar_start": "open_time", "trade_count": "count", "volume": None, "vwap": "vw"}
    assert options.header is not None and options.header[0] == "open_time"
    assert LoadOptions(preset="binance", skip_rows=0).skip_rows == 0
    assert LoadOptions(preset="cryptodatadownload").skip_rows == 1
    assert LoadOptions(preset="cryptodatadownload", skip_rows=0).skip_rows == 0, "a default said is said"


def test_the_column_of_the_volume_is_said_in_one_way() -> None:
    assert LoadOptions(preset="binance", volume_column="quote_volume").columns == {
        "bar_start": "open_time",
        "trade_count": "count",
    }


def test_a_preset_asks_for_the_same_as_its_options_do() -> None:
    preset = LoadOptions(preset="stooq")
    assert preset.request("SPY", "1d") == LoadOptions(columns=preset.columns).request("SPY", "1d")


def test_python_the_command_line_and_jobs_understand_a_preset_alike(tmp_path: Path) -> None:
    given = 'preset = "polygon"\ntimezone = "UTC"'
    in_python = LoadOptions(preset="polygon", timezone="UTC")
    job = read_config(
        {
            "symbols": [{"names": ["SPY"], "intervals": ["1m"], "calendar": "XNYS"}],
            "sources": [{"files": "x.csv", **tomllib.loads(given)}],
        }
    )
    assert job.sources[0].options(None) == in_python
    assert job.sources[0].outside_pct_allowed == 100, "as the preset says"
    live = LiveConfig.of("[live]", {"feed": "x", "symbols": ["SPY"], **tomllib.loads(given)})
    assert LoadOptions(**live.reading()) == in_python
