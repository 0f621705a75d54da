"""A run: what a coordinator carries out over many transactions, recorded so that it can be taken up again.

How far a run has come is written in the transactions that write its bars, so that the two always agree. A run belongs
to the opening of a store that began it. One file is open for writing once at a time, therefore a run that is
``running`` under another opening was left by a process that is gone, whatever process has its number now.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from barhouse.store.database.transaction import Row, Transaction
from barhouse.store.errors import InputError, RunActiveError
from barhouse.store.hints import Action

Mode = Literal["backtest", "live", "nightly"]
End = Literal["stopped", "done", "failed", "crashed", "closed"]

#: Why a run crashed.
_GONE = "its process ended without ending the run"


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it is recorded.

    Attributes
    ----------
    config
        What it was asked for, as it was given.
    state
        ``running``; or ended as ``stopped`` (on request), ``done``, ``failed`` (see ``error``), ``crashed``; or
        ``closed`` after one of these, so that nobody goes on with it.
    cursor
        How far it has come in the time of its bars, UTC; None before the first.
    position
        Where its sources go on, in their own terms; None before the first.
    pinned_batch
        The newest batch a backtest may see; None for others.
    owner, pid
        The opening of the store that carries it out, and its process.
    started_at, updated_at, ended_at
        By the store's clock, in UTC.
    """

    run_id: int
    mode: Mode
    name: str
    config: Mapping[str, Any]
    state: Literal["running"] | End
    cursor: datetime | None
    position: Mapping[str, Any] | None
    pinned_batch: int | None
    owner: str
    pid: int
    started_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    error: str | None


def begin(
    transaction: Transaction,
    mode: Mode,
    name: str,
    config: Mapping[str, Any],
    *,
    cursor: datetime | None = None,
    position: Mapping[str, Any] | None = None,
    pinned_batch: int | None = None,
) -> Run:
    """Begin a run; runs that a process left behind are marked ``crashed`` first.

    ``config`` and ``position`` must be what JSON can say.

    Raises
    ------
    RunActiveError
        When a run that writes (live, nightly), or a backtest of the same name, is going on in this store.
    """
    recover(transaction)
    _refuse_second(transaction, mode, name)
    run_id = transaction.one("records.next_run").run_id
    transaction.run(
        "records.add_run",
        {
            "run_id": run_id,
            "mode": mode,
            "name": name,
            "config": json.dumps(config),
            "cursor": cursor,
            "position": None if position is None else json.dumps(position),
            "pinned_batch": pinned_batch,
            "owner": transaction.owner,
            "pid": transaction.pid,
            "now": transaction.now,
        },
    )
    return find(transaction, run_id)


def take_up(transaction: Transaction, run_id: int) -> Run:
    """Go on with a run that ended early; its cursor and position are where it goes on.

    Raises
    ------
    RunActiveError
        As with ``begin``.
    InputError
        When there is no such run, or it is done.
    """
    recover(transaction)
    run = find(transaction, run_id)
    if run.state in ("done", "closed"):
        raise InputError(f"run {run_id} ({run.mode} {run.name!r}) is {run.state}; begin another")
    _refuse_second(transaction, run.mode, run.name)
    transaction.run(
        "records.resume_run",
        {"run_id": run_id, "owner": transaction.owner, "pid": transaction.pid, "now": transaction.now},
    )
    return find(transaction, run_id)


def advance(
    transaction: Transaction, run_id: int, cursor: datetime | None, position: Mapping[str, Any] | None = None
) -> None:
    """Record how far a run has come, in the transaction that writes what it covers.

    Raises
    ------
    RunActiveError
        When the run is not this opening's, or no longer running.
    """
    moved = transaction.run(
        "records.advance_run",
        {
            "run_id": run_id,
            "cursor": cursor,
            "position": None if position is None else json.dumps(position),
            "owner": transaction.owner,
            "now": transaction.now,
        },
    )
    if not moved:
        run = find(transaction, run_id)
        raise RunActiveError(
            f"run {run_id} ({run.mode} {run.name!r}) is {run.state}, held by process {run.pid}; take it up again to "
            f"go on"
        )


def end(transaction: Transaction, run_id: int, state: End, error: str | None = None) -> None:
    """Record that a run ended, and why if it failed."""
    transaction.run("records.end_run", {"run_id": run_id, "state": state, "error": error, "now": transaction.now})


def close(transaction: Transaction, run_id: int) -> Run:
    """Mark a run that ended early as ``closed``, so that nobody goes on with it.

    Raises
    ------
    RunActiveError
        When it is going on.
    InputError
        When there is no such run, or it is done.
    """
    recover(transaction)
    run = find(transaction, run_id)
    if run.state == "running":
        raise RunActiveError(f"run {run_id} ({run.mode} {run.name!r}) is going on in this store; stop it first")
    if run.state == "done":
        raise InputError(f"run {run_id} ({run.mode} {run.name!r}) is done; there is nothing to close")
    transaction.run("records.close_run", {"run_id": run_id})
    return find(transaction, run_id)


def recover(transaction: Transaction) -> None:
    """Mark the runs as ``crashed`` whose process is gone."""
    transaction.run("records.mark_crashed_runs", {"owner": transaction.owner, "error": _GONE})


def as_recovered(transaction: Transaction, recorded: Iterable[Run]) -> list[Run]:
    """Tell runs of a store's own file as ``recover`` would leave them; for whoever only reads."""
    return [
        replace(run, state="crashed", ended_at=run.updated_at, error=_GONE)
        if run.state == "running" and run.owner != transaction.owner
        else run
        for run in recorded
    ]


def find(transaction: Transaction, run_id: int) -> Run:
    """The run of that id.

    Raises
    ------
    InputError
        When there is none.
    """
    found = runs(transaction, run_id=run_id)
    if not found:
        raise InputError(f"there is no run {run_id}; {Action('runs')} lists them")
    return found[0]


def runs(
    transaction: Transaction, *, run_id: int | None = None, mode: Mode | None = None, name: str | None = None
) -> list[Run]:
    """The runs on record, newest first: all, or those of an id, a mode, a name."""
    rows = transaction.run("records.runs", {"run_id": run_id, "mode": mode, "name": name})
    return [_run(row) for row in rows]


def _run(row: Row) -> Run:
    position = None if row.position is None else json.loads(row.position)
    return Run(**{**row._asdict(), "config": json.loads(row.config), "position": position})


def _refuse_second(transaction: Transaction, mode: Mode, name: str) -> None:
    for run in runs(transaction):
        if run.state != "running":
            continue
        both_write = mode != "backtest" and run.mode != "backtest"
        if both_write or (run.mode == mode and run.name == name):
            raise RunActiveError(
                f"run {run.run_id} ({run.mode} {run.name!r}, since {run.started_at:%Y-%m-%d %H:%M:%S}Z) is going on in "
                f"this store; wait for it, or stop it first"
            )
