"""The commands about continuous futures: defining them, and the sessions from which on each contract counts."""

from __future__ import annotations

from typing import Any

import click

from barhouse.coordinator.cli.command import Commands, Settings, command, confirm, epilog
from barhouse.coordinator.cli.options import data_options, json_option, yes_option
from barhouse.coordinator.cli.output import reports, tables
from barhouse.coordinator.cli.sentences.future import defined, removed
from barhouse.coordinator.cli.store_access import opened

#: By what rolls are decided, and prices adjusted; ``store.model.future`` has them, and needs more than help does.
_RULES = ("volume", "open_interest", "expiry", "dates")
_ADJUSTMENTS = ("none", "difference", "ratio")


@click.group("future", cls=Commands, epilog=epilog("barhouse future rolls ES"))
def future() -> None:
    """Define continuous futures, and show when each contract counts."""


@command("define", example="barhouse future define ES ESH24=2024-03-15 ESM24=2024-06-21 --adjustment ratio")
@click.argument("symbol")
@click.argument("contracts", nargs=-1, required=True, metavar="CONTRACT[=DATE]...")
@click.option(
    "--roll",
    type=click.Choice(_RULES),
    default="volume",
    show_default=True,
    help="By what the next contract comes to count.",
)
@click.option("--sessions-before", type=int, metavar="N", help="With --roll expiry: how many sessions before the last.")
@click.option(
    "--adjustment",
    type=click.Choice(_ADJUSTMENTS),
    default="none",
    show_default=True,
    help="What brings prices to those of the newest contract.",
)
@json_option
@click.pass_obj
def define(
    settings: Settings,
    symbol: str,
    contracts: tuple[str, ...],
    *,
    roll: Any,
    sessions_before: int | None,
    adjustment: Any,
    as_json: bool,
) -> None:
    """Define a continuous future over contracts in order, or define it anew.

    The DATE of a contract is the last session that it can count in; with --roll dates the one from which on it counts.
    Processing goes on from there: rolls that late bars move are kept in the view roll_revisions.
    """
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    given: dict[str, str | None] = {}
    for text in contracts:
        name, _, day = text.partition("=")
        if name in given:
            raise click.BadParameter(f"{name} is named twice; name each contract once", param_hint="CONTRACT")
        given[name] = day or None
    with opened(settings) as store:
        report = SessionCoordinator(store).define_future(
            symbol, given, roll=roll, sessions_before=sessions_before, adjustment=adjustment
        )
    reports.put(report, defined(report), as_json=as_json)


@command("list", example="barhouse future list")
@data_options
@click.pass_obj
def listing(settings: Settings, *, form: str, output: Any) -> None:
    """List the continuous futures with their contracts."""
    tables.check(form, output)
    with opened(settings, read_only=True) as store:
        table = store.futures()
    tables.write(table, form, output)


@command("rolls", example="barhouse future rolls ES")
@click.argument("symbols", nargs=-1, metavar="[SYMBOL]...")
@data_options
@click.pass_obj
def rolls(settings: Settings, symbols: tuple[str, ...], *, form: str, output: Any) -> None:
    """Show from which session on each contract counts, of all continuous futures or of some."""
    tables.check(form, output)
    with opened(settings, read_only=True) as store:
        table = store.rolls(symbols or None)
    tables.write(table, form, output)


@command("remove", example="barhouse future remove ES --yes")
@click.argument("symbol")
@yes_option
@json_option
@click.pass_obj
def remove(settings: Settings, symbol: str, *, yes: bool, as_json: bool) -> None:
    """Remove a continuous future; its contracts and their bars stay, its rolls become revisions."""
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    confirm(f"Remove the continuous future {symbol}?", yes=yes)
    with opened(settings) as store:
        report = SessionCoordinator(store).remove_future(symbol)
    reports.put(report, removed(report), as_json=as_json)


for _command in (define, listing, rolls, remove):
    future.add_command(_command)

COMMANDS = (future,)
