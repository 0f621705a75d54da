"""The commands of names: giving a symbol another one, and the names that sources may call it by."""

from __future__ import annotations

import click

from barhouse.coordinator.cli.command import Settings, command
from barhouse.coordinator.cli.options import json_option
from barhouse.coordinator.cli.output import reports
from barhouse.coordinator.cli.sentences.names import aliased, renamed, unaliased
from barhouse.coordinator.cli.store_access import opened


@command("rename", example="barhouse rename SPY SPDR --effective 2020-12-17")
@click.argument("old", metavar="SYMBOL")
@click.argument("new", metavar="NAME")
@click.option("--effective", required=True, metavar="DATE", help="The first session with the new name.")
@json_option
@click.pass_obj
def rename(settings: Settings, old: str, new: str, *, effective: str, as_json: bool) -> None:
    """Give a symbol another name from a date on.

    It stays the same instrument, with all of its bars. Rows of the old name are taken for it as long as they are of
    sessions before the date. The view symbols has all names; `barhouse revert` takes it back.
    """
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    with opened(settings) as store:
        report = SessionCoordinator(store).rename(old, new, effective=effective)
    reports.put(report, renamed(report), as_json=as_json)


@command("alias", example="barhouse alias SPY SPY.US --vendor eodhd")
@click.argument("symbol")
@click.argument("name")
@click.option("--vendor", metavar="NAME", help="Only in loads that name this vendor.")
@click.option("--start", metavar="DATE", help="The first session that it is valid for.")
@click.option("--end", metavar="DATE", help="The first session that it is not valid for.")
@click.option("--remove", is_flag=True, help="Take the alias away.")
@json_option
@click.pass_obj
def alias(
    settings: Settings,
    symbol: str,
    name: str,
    *,
    vendor: str | None,
    start: str | None,
    end: str | None,
    remove: bool,
    as_json: bool,
) -> None:
    """Let sources call a symbol by another name as well.

    Rows of that name are taken for the symbol. The view symbols has all aliases.
    """
    if remove and (start is not None or end is not None):
        raise click.UsageError("--remove takes the whole alias away; leave out --start and --end")
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    with opened(settings) as store:
        coordinator = SessionCoordinator(store)
        if remove:
            report = coordinator.remove_alias(symbol, name, vendor=vendor)
        else:
            report = coordinator.alias(symbol, name, vendor=vendor, start=start, end=end)
    reports.put(report, unaliased(report) if remove else aliased(report), as_json=as_json)


COMMANDS = (rename, alias)
