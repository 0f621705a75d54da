"""The command that proves a store sound, or repairs it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from barhouse.coordinator.cli.command import Settings, command
from barhouse.coordinator.cli.errors import ExitCode
from barhouse.coordinator.cli.options import data_options, intervals_option, session_range, symbols_argument
from barhouse.coordinator.cli.output import reports, tables
from barhouse.coordinator.cli.progress import progress_bar, statements_bar
from barhouse.coordinator.cli.sentences.verification import repaired, verified
from barhouse.coordinator.cli.store_access import check_registered, opened

if TYPE_CHECKING:
    import pyarrow as pa

    from barhouse.store.model.reports import VerifyReport


@command("verify", example="barhouse verify SPY --intervals 5m,1d --start 2020-12-15")
@symbols_argument()
@intervals_option(was="--interval")
@session_range
@click.option("--repair", is_flag=True, help="Derive again what differs, as one batch; for whole symbols.")
@click.option(
    "--accept-lost-history", is_flag=True, help="With --repair: write down which old values are lost for good."
)
@data_options
@click.pass_context
def verify(
    ctx: click.Context,
    symbols: list[str],
    intervals: list[str],
    *,
    start: str | None,
    end: str | None,
    repair: bool,
    accept_lost_history: bool,
    form: str,
    output: Path | None,
) -> None:
    """Compute again what the store keeps, and show what differs.

    What was checked is said on stderr; the differences are data. Without any, the store is proven sound.
    """
    tables.check(form, output)
    settings: Settings = ctx.obj
    if accept_lost_history and (symbols or not repair):
        raise click.UsageError("--accept-lost-history goes with --repair, and for the whole store: leave out symbols")
    if repair:
        if intervals or start or end:
            raise click.UsageError("--repair goes for whole symbols; leave out --intervals, --start and --end")
        report = _repaired(settings, symbols, accept_lost_history=accept_lost_history)
    else:
        with (
            opened(settings, read_only=True) as store,
            progress_bar(settings, "verifying", "interval lengths") as progress,
        ):
            report = store.verify(symbols or None, intervals or None, start, end, progress=progress)
        reports.say(verified(report))
    if form != "table" or not report.sound:
        tables.write(_differences(report, for_people=form == "table"), form, output)
    if not report.sound:
        ctx.exit(ExitCode.DIFFERENCES)


def _repaired(settings: Settings, symbols: list[str], *, accept_lost_history: bool) -> VerifyReport:
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    with opened(settings) as store, statements_bar(settings, "repairing", store):
        check_registered(store, symbols)
        report = SessionCoordinator(store).repair(symbols or None, accept_lost_history=accept_lost_history)
    reports.say(repaired(report))
    return report.after


def _differences(report: VerifyReport, *, for_people: bool) -> pa.Table:
    """Lay the differences out; the advice, which is long and the same for each kind, people have had on stderr."""
    import pyarrow as pa

    text = pa.string()
    columns = {"kind": text, "symbol": text, "interval": text, "at": pa.timestamp("us", "UTC")}
    columns |= {"stored": text, "expected": text}
    if not for_people:
        columns["advice"] = text
    arrays = [
        pa.array([getattr(difference, name) for difference in report.differences], kind)
        for name, kind in columns.items()
    ]
    return pa.Table.from_arrays(arrays, names=list(columns))


COMMANDS = (verify,)
