"""The commands about tokens, which say who may ask a server."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from barhouse.coordinator.cli.command import Commands, command, epilog
from barhouse.coordinator.cli.options import data_options, symbols_option
from barhouse.coordinator.cli.output import reports, tables

_FILE = click.option(
    "--file",
    "source",
    type=click.Path(path_type=Path),
    default=Path("tokens.toml"),
    show_default=True,
    help="Where tokens are kept.",
)


@click.group("token", cls=Commands, epilog=epilog("barhouse token list"))
def token() -> None:
    """Say who may ask a server: make tokens, list them, take them away."""


@command("add", example="barhouse token add desk --symbols SPY,QQQ --expires 90d")
@click.argument("name")
@symbols_option("The only symbols that it shows; by default all.")
@click.option("--expires", metavar="DAYS|DATE|INSTANT", help="When it ends, such as 90d.  [default: never]")
@_FILE
def add(name: str, symbols: list[str], expires: str | None, source: Path) -> None:
    """Make a token, and print it once: only its hash is kept."""
    from barhouse.store.model.inputs import optional
    from barhouse.store.serving.tokens import add_token, expiry

    until = optional(lambda said, _: expiry(said, datetime.now(UTC)), expires, "expires")
    secret = add_token(source, name, symbols=symbols or None, expires=until)
    click.echo(secret)
    reports.say(f"added {name} to {source}; the token is on the line before, and is not shown again")


@command("list", example="barhouse token list")
@_FILE
@data_options
def list_(source: Path, form: str, output: Path | None) -> None:
    """Show whose tokens there are, what they show, and until when."""
    import pyarrow as pa

    from barhouse.store.serving.tokens import read_tokens

    tables.check(form, output)
    tokens = read_tokens(source)
    columns = {
        "name": pa.array([one.name for one in tokens], pa.string()),
        "symbols": pa.array([None if one.symbols is None else ", ".join(one.symbols) for one in tokens], pa.string()),
        "expires": pa.array([one.expires for one in tokens], pa.timestamp("us", "UTC")),
    }
    tables.write(pa.table(columns), form, output)


@command("remove", example="barhouse token remove desk")
@click.argument("name")
@_FILE
def remove(name: str, source: Path) -> None:
    """Take a token away; servers refuse it from the next request on."""
    from barhouse.store.serving.tokens import remove_token

    remove_token(source, name)
    reports.say(f"removed {name} from {source}")


for _one in (add, list_, remove):
    token.add_command(_one)

COMMANDS = (token,)
