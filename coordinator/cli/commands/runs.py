"""The command that lists the runs on record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from barhouse.coordinator.cli.command import Settings, command
from barhouse.coordinator.cli.options import data_options
from barhouse.coordinator.cli.output import reports, tables
from barhouse.coordinator.cli.renames import RenamedOption
from barhouse.coordinator.cli.store_access import opened

if TYPE_CHECKING:
    import pyarrow as pa

    from barhouse.store.records.run import Run


@command("runs", example="barhouse runs")
@click.option(
    "--close-run",
    cls=RenamedOption,
    type=int,
    metavar="RUN",
    help="Close a run that ended early: nobody goes on with it.",
    formerly={"--close": "--close-run"},
)
@data_options
@click.pass_obj
def runs(settings: Settings, close_run: int | None, form: str, output: Path | None) -> None:
    """Show runs: backtests, live sessions and nightly jobs, the newest first.

    A run whose process is gone is crashed. The next run of the same job goes on with it, unless it is closed.
    """
    tables.check(form, output)
    if close_run is not None:
        from barhouse.coordinator.session_coordinator import SessionCoordinator

        with opened(settings) as store:
            closed = SessionCoordinator(store).close_run(close_run)
        reports.say(f"closed run {closed.run_id} ({closed.mode} {closed.name})")
        return
    with opened(settings, read_only=True) as store:
        found = store.runs()
    if found or form != "table":
        tables.write(_as_table(found, for_people=form == "table"), form, output)
    else:
        reports.say("no run is on record yet")


def _as_table(runs: list[Run], *, for_people: bool) -> pa.Table:
    import pyarrow as pa

    instant = pa.timestamp("us", "UTC")
    columns = {"run_id": pa.int64(), "mode": pa.string(), "name": pa.string(), "state": pa.string(), "cursor": instant}
    columns |= {"started_at": instant, "ended_at": instant, "error": pa.string()}
    if not for_people:
        columns |= {"updated_at": instant, "pid": pa.int64(), "config": pa.string(), "position": pa.string()}
    arrays = [pa.array([_plain(getattr(run, name)) for run in runs], kind) for name, kind in columns.items()]
    return pa.Table.from_arrays(arrays, names=list(columns))


def _plain(value: object) -> object:
    return json.dumps(value) if isinstance(value, dict) else value


COMMANDS = (runs,)
