"""The commands of corporate actions: loading splits and dividends, and deleting them."""

from __future__ import annotations

from typing import Any

import click

from barhouse.coordinator.cli.command import Settings, command, confirm
from barhouse.coordinator.cli.errors import ExitCode
from barhouse.coordinator.cli.file_options import named_parts
from barhouse.coordinator.cli.options import json_option, yes_option
from barhouse.coordinator.cli.output import reports
from barhouse.coordinator.cli.progress import statements_bar
from barhouse.coordinator.cli.sentences.actions import deleted, loaded
from barhouse.coordinator.cli.store_access import opened

#: The kinds of corporate actions; ``store.model.action`` has them, and needs more than help does.
_KINDS = ("split", "cash_dividend", "special_dividend", "stock_dividend")


@command("load-actions", example="barhouse load-actions sample/actions/spy.csv --symbol SPY")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--symbol", metavar="SYMBOL", help="Whose actions they are, where no column says so.")
@click.option("--preset", metavar="NAME", help="A vendor's layout, such as polygon_splits; see the guide.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    callback=named_parts,
    metavar="PART=NAME",
    help="Which column is which part of an action, such as ex_date=Date; repeatable.",
)
@click.option("--kind", type=click.Choice(_KINDS), help="What all rows are, where no column says.")
@click.option("--currency", metavar="CODE", help="Of the amounts, where no column says.")
@click.option("--date-format", metavar="FORMAT", help="How ex-dates are written that are not ISO 8601.")
@click.option("--divided-by-splits", is_flag=True, help="Amounts were divided by the splits that came after them.")
@click.option(
    "--unknown",
    type=click.Choice(("reject", "skip")),
    default="reject",
    show_default=True,
    help="What becomes of rows of symbols that are not registered.",
)
@click.option("--strict", is_flag=True, help="Load nothing when one row cannot be taken.")
@json_option
@click.pass_context
def load_actions(
    ctx: click.Context,
    /,
    paths: tuple[str, ...],
    *,
    symbol: str | None,
    preset: str | None,
    columns: dict[str, str | None],
    kind: Any,
    currency: str | None,
    date_format: str | None,
    divided_by_splits: bool,
    unknown: Any,
    strict: bool,
    as_json: bool,
) -> None:
    """Load splits and dividends from text, Parquet, Arrow files or JSON.

    Bars stay as they are: prices are adjusted when they are read, by the view bars_adjusted.

    \b
    The PARTs of an action, and the names by which their columns are known, in any case:
      symbol       ticker instrument
      ex_date      ex-date exdate ex_dividend_date execution_date exoreffdate
                   executiondate date timestamp
      kind         action action_type dividend_type event
      ratio        split_ratio split "stock splits": 4, 4:1, 4/1 or 4-for-1
      ratio_to     split_to new_rate
      ratio_from   split_from old_rate
      amount       cash_amount dividends dividend
      currency
      special      whether a dividend is one
    """
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    settings: Settings = ctx.obj
    data = paths[0] if len(paths) == 1 else list(paths)
    with opened(settings) as store, statements_bar(settings, f"loading {paths[0]}", store):
        report = SessionCoordinator(store).load_actions(
            data,
            symbol,
            preset=preset,
            columns=columns,
            kind=kind,
            currency=currency,
            date_format=date_format,
            divided_by_splits=divided_by_splits or None,
            unknown=unknown,
            strict=strict,
        )
    reports.put(report, loaded(report), as_json=as_json)
    if report.rejected:
        ctx.exit(ExitCode.REJECTS)


@command("delete-actions", example="barhouse delete-actions SPY --ex-date 2020-12-18 --yes")
@click.argument("symbol")
@click.option("--ex-date", required=True, metavar="DATE", help="The ex-date of the actions that go.")
@click.option("--kind", type=click.Choice(_KINDS), help="Only those of this kind.")
@yes_option
@json_option
@click.pass_obj
def delete_actions(settings: Settings, symbol: str, *, ex_date: str, kind: Any, yes: bool, as_json: bool) -> None:
    """Delete the splits and dividends of a symbol on one ex-date.

    Their values stay in the view action_revisions.
    """
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    confirm(f"Delete the {kind or 'actions'} of {symbol} on {ex_date}?", yes=yes)
    with opened(settings) as store:
        report = SessionCoordinator(store).delete_actions(symbol, ex_date, kind=kind)
    reports.put(report, deleted(report), as_json=as_json)


COMMANDS = (load_actions, delete_actions)
