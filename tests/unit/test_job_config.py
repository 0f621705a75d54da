"""Job files: what they may say, and how mistakes in them are named."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from barhouse.coordinator.jobs.config import JobConfig, PublishConfig, SourceConfig, read_config
from barhouse.coordinator.jobs.job_example import job_example
from barhouse.coordinator.sources.path_patterns import PathPattern, find
from barhouse.coordinator.sources.presets import PRESETS
from barhouse.store.errors import ConfigError, InputError
from barhouse.store.model.mistakes import models_in

GOOD = """
store = "bars.duckdb"
[[symbols]]
names = "SPY"
intervals = ["1m"]
calendar = "XNYS"
[[sources]]
files = "*.csv"
"""
ROOT = Path(__file__).parents[2]


def written(folder: Path, text: str) -> Path:
    path = folder / "job.toml"
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as raised:
        read_config(written(folder, text))
    return str(raised.value).replace(str(folder), "")


# Mistakes


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('store = "bars.duckdb"', "store = "), "/job.toml is not TOML: Invalid value (at line 2, column 9)"),
        (
            ('files = "*.csv"', 'files = "*.csv"\ntimezon = "UTC"'),
            "/job.toml: sources[0].timezon is unknown, did you mean timezone?; allowed are preset, label, timezone,",
        ),
        (
            ('files = "*.csv"', 'files = "*.csv"\nlabel = "middle"'),
            "/job.toml: sources[0].label = 'middle' is not known; allowed are 'start', 'end'",
        ),
        (
            ('["1m"]', '["1m", "7x"]'),
            "/job.toml: symbols[0].intervals[1] = '7x': ",
        ),
        (('calendar = "XNYS"', ""), "/job.toml: symbols[0].calendar is missing: whose sessions: an exchange such as"),
        (
            ('files = "*.csv"', 'files = "*.csv"\npreset = "bloomberg"'),
            "/job.toml: sources[0].preset = 'bloomberg' is not known; allowed are alpaca, alpaca_json,",
        ),
        (
            ('files = "*.csv"', 'files = "*.csv"\ntimezone = "Mars/Crater"'),
            "/job.toml: sources[0].timezone = 'Mars/Crater': ",
        ),
        (
            ('files = "*.csv"', 'files = "*.csv"\ncolumns = { openn = "O" }'),
            "/job.toml: sources[0].columns: 'openn' is no part of a bar; allowed are bar_start, symbol,",
        ),
        (
            ('files = "*.csv"', 'files = "*.csv"\nskip_rows = -1'),
            "/job.toml: sources[0].skip_rows = -1 cannot be used: input should be greater than or equal to 0",
        ),
        (
            ('files = "*.csv"', 'files = "{symbol}.csv"\nsymbol = "SPY"'),
            "/job.toml: sources[0]: {symbol} in files and symbol exclude each other",
        ),
        (
            ('files = "*.csv"', 'files = "*.csv"\n[calendars.X]\nopen = "9:00"'),
            "/job.toml: calendar 'X': 'timezone' is",
        ),
        (('files = "*.csv"', 'files = "*.csv"\n[retention]\n1m = "soon"'), "/job.toml: retention: 1m='soon' is no"),
        (
            ('files = "*.csv"', 'files = "*.csv"\n[publish]\npath = "x"\nevery = "1mo"'),
            "/job.toml: publish.every = '1mo': months are of different lengths",
        ),
        (
            ("[[sources]]", '[[symbols]]\nnames = ["QQQ", "spy"]\nintervals = ["5m"]\ncalendar = "XNYS"\n[[sources]]'),
            "/job.toml: symbols[1] names spy, which symbols[0] names already; name it in one, with everything that is",
        ),
        (
            ("[[symbols]]", "[symbols]"),
            "/job.toml: [symbols] is one table, and there can be several; write [[symbols]]",
        ),
        (
            ("[[symbols]]", '[settings]\nthreads = 2\ndefault_order = "desc"\n[[symbols]]'),
            '/job.toml: settings: settings = { default_order = "desc" } cannot be chosen, for bars may depend on it;',
        ),
        (("[[sources]]", "[[source]]"), "/job.toml has 2 mistakes:\n  sources is missing: where bars come from\n"),
    ],
)
def test_mistakes_name_the_file_the_key_the_value_and_what_is_allowed(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    assert mistakes(tmp_path, GOOD.replace(*change)).startswith(said)


def test_a_part_of_a_path_that_there_is_none_of(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'\{day\}.csv': \{day\} is no part of a path; allowed are \{symbol\}"):
        PathPattern.parse("{day}.csv", tmp_path)


def test_a_job_file_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match=r"the job file nowhere\.toml cannot be read: No such file"):
        read_config("nowhere.toml")


# The example, and the documentation


def tables(model: type[BaseModel] = JobConfig) -> list[type[BaseModel]]:
    """Every kind of table a job file may have."""
    inner = [one for field in model.model_fields.values() for one in models_in(field.annotation)]
    return [model, *(each for one in inner for each in tables(one))]


def example() -> str:
    return job_example()


def test_every_key_is_documented_and_in_the_example() -> None:
    for table in tables():
        for name, field in table.model_fields.items():
            assert field.description, f"{table.__name__}.{name}"
            assert re.search(rf"^(# )?\[*{name}\b", example(), re.MULTILINE), f"{table.__name__}.{name}"


def test_the_example_is_valid_as_it_is_and_with_everything_said(tmp_path: Path) -> None:
    assert read_config(written(tmp_path, example())).name == "nightly"
    one, mark, many = example().partition("# [cluster]")
    many = re.sub(r"^# (?=\[|[a-z0-9_]+ = )", "", mark + many, flags=re.MULTILINE)
    for left_out in ("shards = ", "address = "):  # which exclude others
        many = re.sub(rf"^{left_out}.*$", "", many, flags=re.MULTILINE)
    of_many = re.sub(r"^store = .*$", "", one, flags=re.MULTILINE) + many
    assert read_config(written(tmp_path, of_many)).cluster is not None
    everything = re.sub(r"^# (?=\[|[a-z0-9_]+ = )", "", one, flags=re.MULTILINE)
    without = re.sub(r"^(symbol|symbols|header) = .*$", "", everything, flags=re.MULTILINE)
    config = read_config(written(tmp_path, without))
    assert set(JobConfig.model_fields) - {"cluster"} == set(config.model_fields_set)
    shown = {key: value for key, value in tomllib.loads(without)["sources"][0].items()}
    defaults = SourceConfig(files="x")
    for key in ("unknown", "max_outside_pct", "label", "skip_rows", "strict", "ambiguous"):
        assert shown[key] == getattr(defaults, key), key
    for name in PRESETS.own():
        assert name in example()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("shards = 2\nbars_per_shard = 5", "shards and bars_per_shard say two things"),
        ("engine = 'dask'", "engine = 'dask' needs the address of its scheduler"),
        ("address = 'tcp://x:1'", "engine = 'local' runs on this machine and has no address"),
        ("shards = 0", "shards = 0"),
        ("engine = 'slurm'", "allowed are 'local', 'dask'"),
        ("lake = 'mysql:x'", "is no lake; give the path of its catalog"),
        ("lake = 'ducklake:postgres:'", "does not say how PostgreSQL is reached"),
        ("lake = 'postgresql://me:secret@db/bars'", "'postgresql://me:...@db/bars' is no lake"),
    ],
)
def test_what_a_cluster_cannot_be_is_said(tmp_path: Path, table: str, said: str) -> None:
    rest = {"stores": "s", "lake": "l.ducklake", "data": "d"}
    places = "\n".join(f"{key} = '{value}'" for key, value in rest.items() if not table.startswith(key))
    text = GOOD.replace('store = "bars.duckdb"', "") + f"[cluster]\n{places}\n{table}\n"
    assert said in mistakes(tmp_path, text)


# What it means


def test_paths_start_from_the_file(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, GOOD))
    assert config.store is not None and config.at(config.store) == tmp_path / "bars.duckdb"
    assert config.name == "job"


def test_what_is_said_goes_before_the_preset(tmp_path: Path) -> None:
    more = 'preset = "polygon"\ncolumns = { trade_count = "", symbol = "sym" }\nmax_outside_pct = 80'
    (source,) = read_config(written(tmp_path, GOOD + more)).sources
    options = source.options(["SPY"])
    assert options.columns == {"symbol": "sym", "bar_start": "window_start", "trade_count": None}
    assert (options.timestamp_format, source.outside_pct_allowed) == ("epoch_ns", 80)
    assert options.symbols == ("SPY",)


def test_how_often_to_publish() -> None:
    seconds = {"6h": 21_600, "1d": 86_400, "1w": 604_800, "90s": 90}
    for every, expected in seconds.items():
        assert PublishConfig(path=Path("x"), every=every).pause.total_seconds() == expected


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("{symbol}_{date}.csv", "BRK_B_2024-01-02.csv", ("BRK_B", None, date(2024, 1, 2))),
        ("{symbol}_{date}.csv", "spy_20240102.csv", ("spy", None, date(2024, 1, 2))),
        ("{symbol}_{date}.csv", "spy_20241302.csv", None),
        ("{symbol}/{symbol}-{interval}-{month}.csv", "BTC/BTC-1h-2024-02.csv", ("BTC", "1h", date(2024, 2, 1))),
        ("{symbol}/{symbol}-{interval}-{month}.csv", "BTC/ETH-1h-2024-02.csv", None),
        ("{symbol}/{symbol}-{interval}-{month}.csv", "BTC/BTC-7y-2024-02.csv", None),
        ("s={symbol}/**/*.csv", "s=A%2FB/a/b/x.csv", ("A/B", None, None)),
        ("{symbol}.csv", " .csv", None),
        ("{symbol}.csv", "%00.csv", None),
        ("a [1]/{symbol}.csv", "a [1]/x.csv", ("x", None, None)),
        ("deep/**/{symbol}.csv", "deep/x.csv", ("x", None, None)),
    ],
)
def test_patterns_of_paths(tmp_path: Path, pattern: str, path: str, expected: tuple[Any, ...] | None) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    found = find([PathPattern.parse(pattern, tmp_path)])
    assert [(one.symbol, one.interval, one.first_date) for one in found] == ([] if expected is None else [expected])


# Groups of symbols


def test_a_symbol_belongs_to_the_group_that_names_it_wherever_that_stands(tmp_path: Path) -> None:
    """As the example that ``barhouse init --job`` writes says."""
    from barhouse.coordinator.jobs.job_plan import group_of

    text = "".join(
        f'[[symbols]]\nnames = {names}\nintervals = ["{interval}"]\ncalendar = "XNYS"\n'
        for names, interval in ((["*"], "1m"), (["S*"], "5m"), (["SPY", "Q?Q"], "1h"))
    )
    config = read_config(written(tmp_path, text + '[[sources]]\nfiles = "*.csv"\n'))
    found = {name: group_of(name, config.symbols) for name in ("SPY", "SPX", "QQQ")}
    assert {name: group.intervals for name, group in found.items() if group} == {
        "SPY": ["1h"],  # named
        "SPX": ["1m"],  # the first with a pattern for it
        "QQQ": ["1m"],
    }
