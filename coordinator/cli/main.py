"""The command line: each command wraps one public call; data goes to stdout, everything else to stderr.

The modules of ``cli.commands`` import click, the standard library and what needs no more than these; pyarrow, pydantic,
DuckDB, rich and whatever needs them are imported inside the commands, so that help answers at once.
"""

from __future__ import annotations

import logging
import sys

import click
from click.core import ParameterSource

from barhouse.coordinator.cli.command import Commands, Settings
from barhouse.coordinator.cli.commands import (
    actions,
    backtest,
    bars,
    calendar,
    cluster,
    columns,
    copies,
    creation,
    deletion,
    derivation,
    export,
    future,
    inspection,
    job,
    live,
    load,
    names,
    plugins,
    query,
    registration,
    reversal,
    runs,
    serve,
    status,
    token,
    verification,
)
from barhouse.coordinator.cli.errors import MEANINGS, ExitCode
from barhouse.coordinator.cli.store_access import DEFAULT_STORE

__all__ = ["ExitCode", "cli", "main"]


_CODES = "\n".join(f"  {code.value}  {meaning}" for code, meaning in MEANINGS.items())


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"\b\nData goes to stdout, everything else to stderr. Exit codes:\n{_CODES}",
)
@click.option(
    "--store",
    envvar="BARHOUSE_STORE",
    show_envvar=True,
    default=DEFAULT_STORE,
    show_default=True,
    metavar="PATH",
    help="The store's file; a job names its own, which goes before the variable.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show the log, and the causes of an error, on stderr.")
@click.version_option(package_name="barhouse", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, store: str, verbose: bool) -> None:
    """Keep market bars in one file, and derive longer intervals from them.

    \b
    Example:
      barhouse init
      barhouse register SPY --intervals 1m,5m,1h,1d --calendar XNYS
      barhouse load spy.csv --symbol SPY --interval 1m --timezone America/New_York --process
      barhouse sql "FROM bars WHERE interval = '1d'"
    """
    said = ctx.get_parameter_source("store") is ParameterSource.COMMANDLINE
    ctx.obj = Settings(store, store_said=said, verbose=verbose)
    log, handler = logging.getLogger("barhouse"), logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("barhouse: %(message)s"))
    level, propagates = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.DEBUG if verbose else logging.WARNING)
    log.propagate = False

    @ctx.call_on_close
    def put_back() -> None:
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = propagates


_MODULES = (
    *(creation, registration, names, columns, load, actions, derivation, status, bars, query, job, live, backtest),
    *(cluster, runs, verification, calendar, future, copies, serve, token, export, reversal, deletion, plugins),
    *(inspection,),
)
_COMMANDS = {command.name: command for module in _MODULES for command in module.COMMANDS}
#: As help lists them: in the order of use.
_ORDER = (
    *("init", "register", "rename", "alias", "declare", "inspect", "load", "load-trades", "load-actions"),
    *(
        "process",
        "end-session",
        "status",
        "bars",
        "chart",
        "gaps",
        "sql",
        "run",
        "cluster",
        "live",
        "backtest",
        "runs",
        "verify",
        "calendar",
        "future",
    ),
    *("publish", "serve", "token", "export", "backup", "restore", "compact", "revert", "delete", "delete-actions"),
    *("retain", "purge", "remove", "drop-columns", "plugins"),
)
for _name in _ORDER:
    cli.add_command(_COMMANDS[_name])


def main() -> None:
    """Run the command line and exit with an :class:`ExitCode`.

    Raises
    ------
    KeyboardInterrupt
        When it was stopped before or after a command ran, which tells of it itself.
    """
    try:
        code = cli.main(prog_name="barhouse", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort as error:
        if isinstance(error.__cause__, KeyboardInterrupt):
            raise error.__cause__ from None
        click.echo("Aborted!", err=True)
        code = ExitCode.FAILED
    sys.exit(code)
