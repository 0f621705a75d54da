"""The commands of declared columns: declaring them, and dropping them."""

from __future__ import annotations

from typing import Any

import click

from barhouse.coordinator.cli.command import Settings, command, confirm
from barhouse.coordinator.cli.options import json_option, split, symbols_option, yes_option
from barhouse.coordinator.cli.output import reports
from barhouse.coordinator.cli.sentences.columns import declared, dropped
from barhouse.coordinator.cli.store_access import opened


def _pairs(ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, Any]:
    """Read what is said as ``NAME=AGGREGATE``."""
    found: dict[str, Any] = {}
    for text in given:
        name, sign, aggregate = text.partition("=")
        if not sign or not name.strip():
            raise click.BadParameter(f"{text!r} is no NAME=AGGREGATE, such as open_interest=last")
        if name.strip() in found:
            raise click.BadParameter(f"{name.strip()} is there twice; say each column once")
        found[name.strip()] = aggregate.strip()
    return found


@command("declare", example="barhouse declare open_interest=last quote_volume=sum --symbols SPY")
@click.argument("columns", nargs=-1, required=True, callback=_pairs, metavar="NAME=AGGREGATE...")
@symbols_option("Only bars of these symbols have them; by default those of all, also of symbols to come.")
@json_option
@click.pass_obj
def declare(settings: Settings, columns: dict[str, Any], symbols: list[str], as_json: bool) -> None:
    """Declare columns that bars have beyond the usual ones.

    Loads take them from columns of their names, or as --column says. The AGGREGATE says how bars are put together: sum,
    mean, min, max, first or last. The view declared_columns lists those that there are.
    """
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    with opened(settings) as store:
        new = SessionCoordinator(store).declare_columns(columns, symbols or None)
    reports.put(new, declared(columns, new), as_json=as_json)


@command("drop-columns", example="barhouse drop-columns quote_volume --yes")
@click.argument("columns", nargs=-1, required=True, callback=split, metavar="NAME...")
@yes_option
@json_option
@click.pass_obj
def drop_columns(settings: Settings, columns: list[str], yes: bool, as_json: bool) -> None:
    """Drop declared columns with all of their values, of bars and of revisions.

    Nothing brings them back but loading the files again.
    """
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    confirm(f"Drop {', '.join(columns)} with all values, for good?", yes=yes)
    with opened(settings) as store:
        report = SessionCoordinator(store).drop_columns(columns)
    reports.put(report, dropped(report), as_json=as_json)


COMMANDS = (declare, drop_columns)
