"""What messages tell their readers to say: as data, and in the words of each door."""

from __future__ import annotations

import ast
import pickle
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import click
import pytest

from barhouse.coordinator.cli.errors import CommandLine
from barhouse.coordinator.cli.main import cli
from barhouse.coordinator.jobs.config_errors import JOB_FILE
from barhouse.store.errors import InputError, StoreError, speaking
from barhouse.store.hints import ACTIONS, PYTHON, Action, Option, Wording, as_command, hints_in, spelled

ROOT = Path(__file__).parents[2]
CODE = [path for room in ("store", "coordinator") for path in sorted((ROOT / room).rglob("*.py"))]


def at_command(name: str) -> Wording:
    """The command line, as it is once a command was named."""
    ctx = click.Context(cli)
    cli.resolve_command(ctx, [name])
    return CommandLine(ctx)


@pytest.mark.parametrize(
    ("hint", "python", "command", "job"),
    [
        (Option("timezone"), "timezone=", "--timezone", "timezone"),
        (Option("timezone", "UTC"), "timezone='UTC'", "--timezone UTC", 'timezone = "UTC"'),
        (
            Option("timestamp_format", "%d.%m.%Y %H:%M"),
            "timestamp_format='%d.%m.%Y %H:%M'",
            "--timestamp-format '%d.%m.%Y %H:%M'",
            'timestamp_format = "%d.%m.%Y %H:%M"',
        ),
        (Option("strict", True), "strict=True", "--strict", "strict = true"),
        (Option("skip_rows", 2), "skip_rows=2", "--skip-rows 2", "skip_rows = 2"),
        (
            Option("columns", {"bar_start": "NAME", "volume": None}),
            "columns={'bar_start': 'NAME', 'volume': None}",
            "--column bar_start=NAME --column volume=",
            'columns = { bar_start = "NAME", volume = "" }',
        ),
        (Option("header", ["t", "o"]), "header=['t', 'o']", "--header t,o", 'header = ["t", "o"]'),
        (Option("timezone", "⟦Mars⟧ 'n"), 'timezone="⟦Mars⟧ \'n"', "--timezone '⟦Mars⟧ '\"'\"'n'", None),
        (Action("remove_symbol", "SPY"), "remove_symbol('SPY')", "`barhouse remove SPY`", "`barhouse remove SPY`"),
        (
            Action("register", ["ETHUSDT", "SOLUSDT"]),
            "register(['ETHUSDT', 'SOLUSDT'], intervals=..., calendar=...)",
            "`barhouse register ETHUSDT SOLUSDT --intervals ... --calendar ...`",
            "`barhouse register ETHUSDT SOLUSDT --intervals ... --calendar ...`",
        ),
        (Action("process"), "DataProcessor(store).process()", "`barhouse process`", "`barhouse process`"),
    ],
    ids=str,
)
def test_each_door_spells_a_hint_its_own_way(hint: Option | Action, python: str, command: str, job: str | None) -> None:
    message = f"no; say {hint} or so"
    assert hints_in(message) == (hint,)
    assert spelled(message) == spelled(message, PYTHON) == f"no; say {python} or so"
    assert spelled(message, at_command("load")) == f"no; say {command} or so"
    if job is not None:
        assert spelled(message, JOB_FILE) == f"no; say {job} or so"


@pytest.mark.parametrize(
    ("command", "option", "said"),
    [
        ("backtest", Option("start", "2024-11-29"), "--start 2024-11-29"),
        ("backup", Option("check", False), "--no-check"),
        ("restore", Option("force", True), "--force"),
        ("remove", Option("symbol", "SPY"), "SYMBOL SPY"),
        ("status", Option("reconnect_seconds", 3), "--reconnect-seconds 3"),
    ],
)
def test_the_command_line_spells_options_as_the_command_at_hand_does(command: str, option: Option, said: str) -> None:
    assert spelled(str(option), at_command(command)) == said


def test_an_instant_is_spelled_as_it_would_be_written() -> None:
    message = str(Option("start", datetime(2024, 11, 29, 14, 30, tzinfo=UTC)))
    assert spelled(message) == "start='2024-11-29T14:30:00+00:00'"


@pytest.mark.parametrize(
    "text",
    [
        "a ⟦file⟧⟧.csv",
        "⟦rm -rf⟧",
        "⟦unheard('of')⟧",
        "⟦",
        "⟦a=b⟧",
        "⟦*x⟧",
        "⟦remove_symbol()⟧",
        "⟦remove_symbol(**{})⟧",
        "⟦a={[]: 1}⟧",
        "⟦a\0⟧",
        pytest.param("⟦" + "(" * 100_000 + "⟧", id="deep"),
        pytest.param("⟦a=" + "-" * 100_000 + "1⟧", id="deeper"),
        pytest.param("⟦a=" + "9" * 10_000 + "⟧", id="long"),
    ],
)
def test_brackets_of_others_harm_nobody(text: str) -> None:
    assert spelled(text, PYTHON).replace("file=", "⟦file⟧") == text


def test_an_error_has_its_hints_as_data_and_survives_pickling() -> None:
    error = InputError(f"naive stamps; say {Option('timezone', 'UTC')}")
    assert str(error) == "naive stamps; say timezone='UTC'"
    assert error.hints == (Option("timezone", "UTC"),)
    copied = pickle.loads(pickle.dumps(error))
    assert (type(copied), str(copied), copied.hints) == (InputError, str(error), error.hints)


def test_an_error_keeps_the_words_of_the_door_it_came_out_of() -> None:
    with pytest.raises(StoreError) as raised, speaking(at_command("load")), speaking(JOB_FILE):
        raise StoreError(f"say {Option('timezone', 'UTC')}")
    assert str(raised.value) == 'say timezone = "UTC"'
    assert spelled(str(Option("timezone"))) == "timezone=", "outside everything is as before"


def test_another_thread_speaks_python_unless_it_is_told_otherwise() -> None:
    said: list[str] = []
    with speaking(JOB_FILE):
        thread = Thread(target=lambda: said.append(spelled(str(Option("timezone")))))
        thread.start()
        thread.join()
    assert said == ["timezone="]


# The code


def calls(name: str) -> Iterator[tuple[Path, ast.Call]]:
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield path, node


def test_every_action_is_used_and_names_a_command_there_is() -> None:
    used = {node.args[0].value for _, node in calls("Action") if isinstance(node.args[0], ast.Constant)}
    assert used == set(ACTIONS)
    for name in ACTIONS:
        for command in re.findall(r"`barhouse ([a-z ]+?)(?: X)?(?: --.*?)?`", as_command(Action(name, "X", "X"))):
            found: click.Command | None = cli
            for word in command.split():
                assert isinstance(found, click.Group)
                found = found.get_command(click.Context(found), word)
            assert found is not None, command


def test_every_option_named_is_a_parameter_of_something() -> None:
    known = {"columns"}
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                known |= {one.arg for one in (*node.args.args, *node.args.kwonlyargs)}
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                known.add(node.target.id)  # a field
    unknown = {
        node.args[0].value
        for _, node in calls("Option")
        if isinstance(node.args[0], ast.Constant) and node.args[0].value not in known
    }
    assert unknown == set()


def test_messages_name_no_parameter_in_python_but_by_a_hint() -> None:
    """``f"say timezone={zone!r}"`` in an error would be Python at every door."""
    found = []
    for path in CODE:
        if "cli" in path.parts or path.name == "hints.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)):
                continue
            for text in ast.walk(node.exc):
                if not isinstance(text, ast.Constant) or not isinstance(text.value, str):
                    continue
                if re.search(r"(?<![?&\w])[a-z_]{2,}=(?!=)|\b(True|False|None)\b|\w\(\)", text.value):
                    found.append(f"{path.relative_to(ROOT)}:{text.lineno}: {text.value}")
    assert found == []
