"""The commands that derive bars: what waits, and what a session that is over leaves."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from barhouse.coordinator.cli.command import Settings, command
from barhouse.coordinator.cli.options import json_option, symbols_argument
from barhouse.coordinator.cli.output import reports
from barhouse.coordinator.cli.progress import stage_bars
from barhouse.coordinator.cli.sentences.derivation import processed, session_ended
from barhouse.coordinator.cli.store_access import opened

if TYPE_CHECKING:
    from barhouse.store.session_store import SessionStore


@command("process", example="barhouse process")
@click.option("--now", metavar="INSTANT", help="The instant that counts as now; it says its zone.")
@json_option
@click.pass_obj
def process(settings: Settings, now: str | None, as_json: bool) -> None:
    """Derive whatever is waiting.

    Running it twice changes nothing.
    """
    with opened(settings) as store:
        derive(store, settings, now, as_json=as_json)


@command("end-session", example="barhouse end-session 2020-12-18 SPY")
@click.argument("day", metavar="DATE")
@symbols_argument()
@json_option
@click.pass_obj
def end_session(settings: Settings, day: str, symbols: list[str], as_json: bool) -> None:
    """Declare a session over, for all symbols or some.

    What has not come by now counts as missing, and the next process closes every bar of the session.
    """
    from barhouse.coordinator.session_coordinator import SessionCoordinator
    from barhouse.store.model.inputs import as_session_date

    session_date = as_session_date(day, "day")
    with opened(settings) as store:
        moved = SessionCoordinator(store).end_session(session_date, symbols or None)
    reports.put(moved, session_ended(session_date, moved), as_json=as_json)


def derive(store: SessionStore, settings: Settings, now: str | None = None, *, as_json: bool) -> None:
    """Derive whatever waits in a store, with a bar of progress, and say what that was."""
    from barhouse.coordinator.data_processor import DataProcessor

    with stage_bars(settings, store, "symbols") as show:
        report = DataProcessor(store).process(now, progress=show and partial(show, "deriving"))
    reports.put(report, processed(report), as_json=as_json)


COMMANDS = (process, end_session)
