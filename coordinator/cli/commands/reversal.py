"""The command that undoes a batch."""

from __future__ import annotations

import click

from barhouse.coordinator.cli.command import Settings, command, confirm
from barhouse.coordinator.cli.options import dry_run_option, json_option, yes_option
from barhouse.coordinator.cli.output import reports
from barhouse.coordinator.cli.sentences.reversal import changes_nothing, reverted, would_revert
from barhouse.coordinator.cli.store_access import opened


@command("revert", example="barhouse revert 2 --dry-run")
@click.argument("batch_id", metavar="BATCH", type=int)
@dry_run_option
@yes_option
@json_option
@click.pass_obj
def revert(settings: Settings, batch_id: int, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Undo a load, a deletion, a renaming or an undo, by the number of its batch.

    Bars that it added go, and those that it changed or deleted are as they were before. The view batches has the
    numbers. It is refused where later batches changed the same bars, or where what it replaced was purged.
    """
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    with opened(settings) as store:
        coordinator = SessionCoordinator(store)
        report = coordinator.revert(batch_id, apply=False)
        if not dry_run and not changes_nothing(report):
            confirm(f"{would_revert(report)}\nUndo it?", yes=yes)
            report = coordinator.revert(batch_id)
    reports.put(report, would_revert(report) if report.batch_id is None else reverted(report), as_json=as_json)


COMMANDS = (revert,)
