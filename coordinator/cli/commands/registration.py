"""The commands that say which symbols a store has."""

from __future__ import annotations

from typing import Any

import click

from barhouse.coordinator.cli.command import Settings, command, confirm
from barhouse.coordinator.cli.options import (
    calendar_option,
    dry_run_option,
    intervals_option,
    json_option,
    list_option,
    symbols_argument,
    yes_option,
)
from barhouse.coordinator.cli.output import reports
from barhouse.coordinator.cli.sentences.registration import moved, registered, removed, would_move
from barhouse.coordinator.cli.sentences.words import listed
from barhouse.coordinator.cli.store_access import opened


@command("register", example="barhouse register SPY QQQ --intervals 1m,5m,15m,1h,1d --calendar XNYS")
@symbols_argument(required=True)
@intervals_option("What is wanted, such as 1m,5m,1h,1d; only with --move it may be left out.")
@calendar_option("Whose sessions: an exchange such as XNYS, 24/7, or one of your own.", required=True)
@click.option(
    "--base", metavar="INTERVAL", help="The interval that will be loaded; determined from --intervals by default."
)
@list_option(
    "--available",
    said="Intervals the source has; the coarsest that all others can be derived from becomes the base.",
)
@click.option(
    "--closing-bar",
    type=click.Choice(["outside", "include"]),
    default="outside",
    show_default=True,
    help="Whether the bar that starts exactly at the close belongs to the session.",
)
@click.option(
    "--on-missing",
    type=click.Choice(["raise", "skip"]),
    default="raise",
    show_default=True,
    help="A symbol that cannot be registered: register none, or leave it out.",
)
@click.option(
    "--reuse-names",
    is_flag=True,
    help="Symbols that are new are other instruments than those that had their names before.",
)
@click.option("--move", is_flag=True, help="Symbols that follow another calendar follow this one from now on.")
@dry_run_option
@yes_option
@json_option
@click.pass_obj
def register(
    settings: Settings,
    /,
    symbols: list[str],
    intervals: list[str],
    *,
    calendar: str,
    available: list[str],
    move: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Register symbols with the intervals wanted.

    All symbols are registered, or none. May be repeated: what is registered stays, new intervals are added.

    With --move, symbols that follow another calendar move to this one: their bars are placed anew and what is derived
    follows, as one batch, with the old values as revisions. What would change is shown and asked about first.
    """
    if not (intervals or move):
        raise click.UsageError("say --intervals as well: what is wanted, such as 1m,5m,1h,1d")
    if dry_run and not move:
        raise click.UsageError("--dry-run shows what --move would change; say --move as well")
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    if move:
        with opened(settings) as store:
            there = {row["symbol"] for row in store.intervals().to_pylist()}
            names = [name for name in store.spelling.symbols(symbols) if name in there or not intervals]
            planned = SessionCoordinator(store).move_symbols(names, calendar, apply=False)
        if dry_run:
            reports.put(planned, would_move(planned), as_json=as_json)
            return
        if planned.symbols:
            reports.say(would_move(planned))
            confirm(
                f"Move {listed([one.symbol for one in planned.symbols], 'symbols')} to {planned.calendar}?", yes=yes
            )
    with opened(settings) as store:  # others may have it meanwhile
        coordinator = SessionCoordinator(store)
        if not intervals:
            moved_to = coordinator.move_symbols(symbols, calendar)
            reports.put(moved_to, moved(moved_to), as_json=as_json)
            return
        report = coordinator.register(symbols, intervals, calendar, available=available or None, move=move, **options)
    reports.put(report, registered(report), as_json=as_json)


@command("remove", example="barhouse remove SPY --yes")
@click.argument("symbol")
@click.option("--purge", is_flag=True, help="Keep no history of it; also of a symbol that was removed before.")
@yes_option
@json_option
@click.pass_obj
def remove(settings: Settings, symbol: str, purge: bool, yes: bool, as_json: bool) -> None:
    """Strike a symbol off.

    Its bars become history (views revisions and bars_as_of), its name is free again.
    """
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    confirm(f"Remove {symbol} with all its bars{', for good' if purge else ''}?", yes=yes)
    with opened(settings) as store:
        report = SessionCoordinator(store).remove_symbol(symbol, purge=purge)
        name = store.spelling.symbol(symbol)
    reports.put(report, removed(name, report, purged=purge), as_json=as_json)


COMMANDS = (register, remove)
