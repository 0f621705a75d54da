"""The words of the command line: one name for one thing on all commands, in job files too; old names say the new."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path

import click
import pytest
from test_cli import COMMANDS, RUNNER, Line, empty, filled, line, spy

from barhouse.coordinator.cli.errors import ExitCode
from barhouse.coordinator.cli.main import cli
from barhouse.coordinator.cli.renames import COMMANDS as RENAMED_COMMANDS
from barhouse.coordinator.cli.renames import RenamedOption
from barhouse.coordinator.jobs.config import ExportConfig, PublishConfig, SourceConfig, SymbolGroup
from barhouse.coordinator.live.config import LiveConfig
from barhouse.coordinator.live.options import LiveOptions
from barhouse.store.errors import InputError

__all__ = ["empty", "filled", "line", "spy"]  # fixtures

#: Options of which a command says itself which values there are: formats; dates of sessions alone, or instants too.
CHOICES = {"--format", "--start", "--end"}


def options() -> list[tuple[str, click.Option]]:
    named = {"": cli, **COMMANDS}
    return [(name, one) for name, command in named.items() for one in command.params if isinstance(one, click.Option)]


# One vocabulary


def kind(option: click.Option) -> tuple[object, ...]:
    """What may be typed for an option: a flag or what kind of value, how often, called what in help."""
    one = option.type
    if CHOICES & set(option.opts):
        return option.is_flag, option.multiple
    values = tuple(one.choices) if isinstance(one, click.Choice) else ()
    shown = option.metavar or one.name.upper()
    return option.is_flag, option.multiple, type(one).__name__, values, shown


def test_an_option_is_the_same_on_every_command() -> None:
    kinds = defaultdict(lambda: defaultdict(list))
    for command, option in options():
        for spelling in (*option.opts, *option.secondary_opts):
            if spelling != "-i":  # short for what a command takes of intervals, be it one or a list
                kinds[spelling][kind(option)].append(command)
    assert {name: dict(one) for name, one in kinds.items() if len(one) > 1} == {}
    assert {option.name for _, option in options() if "-i" in option.opts} == {"interval", "intervals"}


def test_an_option_sets_the_parameter_it_is_named_for() -> None:
    """So that one word does for the command line, Python and job files."""
    python = {"--column": "columns", "--format": "form", "--json": "as_json", "--process": "then_process"}
    python |= {"--all": "show_all", "--every": "every_seconds", "--report": "report_file", "--file": "source"}
    python |= {"--break": "break_", "--holiday": "holidays", "--early-close": "early_closes"}
    python |= {"--files": "reads_files", "--map": "as_map"}
    python_of_sessions = {"--open": "opened", "--close": "closed"}
    for command, option in options():
        long = max(option.opts, key=len)
        other = python_of_sessions if command == "calendar set" else {}
        assert option.name == (python | other).get(long, long[2:].replace("-", "_")), f"{command} {long}"


def test_lists_are_named_in_the_plural_and_single_things_in_the_singular() -> None:
    for command, option in options():
        name = max(option.opts, key=len)
        if option.metavar == "LIST":
            assert option.multiple and (name.endswith("s") or name in ("--available", "--header")), f"{command} {name}"
        if name in ("--interval", "--symbol", "--calendar", "--name"):
            assert not option.multiple, f"{command} {name}"


def test_what_a_job_file_says_is_called_as_on_the_command_line() -> None:
    given = {command: {one.name for one in COMMANDS[command].params} - {"as_json"} for command in COMMANDS}
    assert given["live"] - {"job", "no_volume", "every_seconds"} <= LiveConfig.model_fields.keys()
    assert given["load"] - {"paths", "no_volume", "then_process"} <= SourceConfig.model_fields.keys()
    assert (
        given["register"] - {"symbols", "available", "on_missing", "dry_run", "yes"} <= SymbolGroup.model_fields.keys()
    )
    assert given["export"] & {"symbols", "intervals"} <= ExportConfig.model_fields.keys()
    assert given["publish"] & {"keep"} <= PublishConfig.model_fields.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_symbol_stands_before_its_interval(name: str) -> None:
    order = [one.name for one in COMMANDS[name].params]
    for symbol, interval in (("symbol", "interval"), ("symbols", "intervals"), ("symbols", "interval")):
        if {symbol, interval} <= set(order) and not {"symbol", "symbols"} <= set(order):
            assert order.index(symbol) < order.index(interval)


# Help


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_sentences_and_shows_no_old_name(name: str) -> None:
    command = COMMANDS[name]
    assert command.get_short_help_str(200).endswith("."), "the line in the list of commands"
    for option in command.params:
        if isinstance(option, click.Option):
            assert re.fullmatch(r"[A-Za-z*].*[.\]:)]", option.help or "", re.DOTALL), f"{name} {option.name}"
    shown = RUNNER.invoke(cli, [*name.split(), "--help"], prog_name="barhouse").stdout
    for option in command.params:
        for old in getattr(option, "formerly", ()):
            assert not re.search(rf"(?<![\w-]){re.escape(old)}(?![\w-])", shown), old


# Names of before


RENAMED = sorted(
    (name, old, new)
    for name, option in options()
    if isinstance(option, RenamedOption)
    for old, new in option.formerly.items()
)


def test_every_name_of_before_leads_to_an_option() -> None:
    for name, old, new in RENAMED:
        command = COMMANDS[name]
        spellings = {spelling for one in command.params for spelling in one.opts}
        assert new == "" or new in spellings, f"{name}: {old} leads to {new}"
        assert old not in spellings
    for old, now in RENAMED_COMMANDS.items():
        assert old not in cli.commands and now[0] in cli.commands


def told(old: str, new: str) -> str:
    return f"barhouse: {old} is called {new} now; the old name ends with the next release\n"


def test_options_have_their_old_names_for_one_more_release(spy: Line, tmp_path: Path) -> None:
    verified = spy("verify", "SPY", "--interval", "1m,5m", "--from=2020-12-16", "--to", "2020-12-17")
    notes = told("--interval", "--intervals") + told("--from", "--start") + told("--to", "--end")
    assert verified.stderr.startswith(f"{notes}checked 1 symbol, 2 intervals, 390 base bars, ")
    folder = tmp_path / "out"
    export = ("export", folder, "-i", "1d")
    for typed, notes, did in (
        (("--as=csv",), told("--as", "--format"), "1 file written with 4 bars, 0 unchanged"),
        (("--format", "csv"), "", "nothing had changed, 1 unchanged"),
        (("--as", "csv", "--anew"), told("--as", "--format") + told("--anew", "--full"), "1 file written with 4 bars"),
        (("--format=csv", "--full"), "", "1 file written with 4 bars"),
        (("--symbol", "SPY", "--anew"), told("--symbol", "--symbols") + told("--anew", "--full"), "1 file written"),
    ):
        assert spy(*export, *typed).stderr.startswith(f"{notes}exported to {folder}: {did}")


def test_reports_are_json_by_the_old_spelling_too(line: Line) -> None:
    register = ("register", "SPY", "-i", "1m,1d", "--calendar", "XNYS")
    for old in (("--format", "json"), ("--format=json",)):
        done = line(*register, *old)
        assert json.loads(done.stdout)[0]["symbol"] == "SPY"
        assert done.stderr == told("--format json", "--json")
    plain = line(*register, "--format", "text")
    assert plain.stdout == ""
    assert plain.stderr.startswith("barhouse: --format text is what comes without it; the old name ends with")


def test_what_follows_two_dashes_is_no_option(line: Line) -> None:
    refused = line("verify", "--", "--interval", expected=ExitCode.BAD_INPUT).stderr
    assert "'--INTERVAL' is not registered" in refused and "is called" not in refused


def test_commands_have_their_old_names_for_one_more_release(line: Line, tmp_path: Path) -> None:
    done = line("sessions")
    assert done.stderr == told("sessions", "runs") + "no run is on record yet\n"
    job = tmp_path / "job.toml"
    job.write_text('[[symbols]]\nnames = "BTC-USD"\nintervals = ["1d"]\ncalendar = "24/7"\n', encoding="utf-8")
    refused = line("check", job, expected=ExitCode.BAD_INPUT).stderr
    assert refused.startswith(told("check", "run --dry-run")) and "sources is missing" in refused
    assert "No such command 'check'" in line("calendar", "check", expected=ExitCode.USAGE).stderr


def test_python_and_job_files_take_old_names_with_a_warning(filled: Line, tmp_path: Path) -> None:
    from barhouse import RedisFeed, WebSocketFeed, open_store

    with open_store(filled.store, read_only=True) as store:
        with pytest.warns(DeprecationWarning, match=r"anew= is called full= now"):
            assert store.export(tmp_path / "out", intervals=["1d"], anew=True).written == 1
        with pytest.raises(InputError, match=r"give full= alone"):
            store.export(tmp_path / "out", intervals=["1d"], anew=True, full=True)
    for feed in (
        lambda: RedisFeed("redis://x", "bars", intervals=["1m"]),
        lambda: WebSocketFeed("ws://x", intervals=["1m"]),
    ):
        with pytest.warns(DeprecationWarning, match=r"intervals= is called feed_intervals= now"):
            feed()
    old = {"feed": "ws://x", "symbols": ["SPY"], "offers": "1m,5m"}
    assert LiveConfig.of("[live]", old).feed_intervals == ["1m", "5m"]
    with pytest.raises(InputError, match="offers is unknown"):
        LiveConfig.of("[live]", {**old, "feed_intervals": ["1m"]})
    healing = {"heal_seconds": 5, "heal_days": 2}
    with pytest.warns(DeprecationWarning, match=r"heal_seconds= is called gap_fill_seconds= now"):
        options = LiveOptions(**healing)
    assert (options.gap_fill_seconds, options.gap_fill_days) == (5, 2)
    assert LiveConfig.of("[live]", {**old, "options": healing}).options == options
    with pytest.raises(ValueError, match="heal_days"):
        LiveOptions(heal_days=2, gap_fill_days=3)
