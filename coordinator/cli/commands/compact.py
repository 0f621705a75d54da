"""The command that writes a store's file anew."""

from __future__ import annotations

import click

from barhouse.coordinator.cli import reports
from barhouse.coordinator.cli.options import Settings, command, progress_bar, report_option


@command("compact", example="barhouse --store bars.duckdb compact")
@report_option
@click.pass_obj
def compact(settings: Settings, form: str) -> None:
    """Write the store's file anew: bars in order, and the room of old rows given back.

    Nothing else may have the store open meanwhile, and its folder needs room for a copy. The new file takes the
    place of the old one when it is whole and compared with it.
    """
    from barhouse.store.copies.compaction import compact as write_anew

    with progress_bar(settings, "compacting", "parts") as progress:
        report = write_anew(settings.store, progress=progress)
    reports.put(report, reports.compacted(report), form)


COMMANDS = (compact,)
