"""Ctrl-C: a command stops at once, says so, and leaves what was committed; a run is stopped, not failed."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import click
import pytest
from test_cli import Line, copied, empty, filled

from barhouse import open_store
from barhouse.coordinator.cli.errors import ExitCode
from barhouse.store.errors import StoreError

__all__ = ["empty", "filled"]  # fixtures

#: A query that would run for hours.
ENDLESS = "SELECT sum(a.range * b.range) FROM range(100_000_000) AS a, range(1_000_000) AS b"


def test_a_question_may_be_answered_so_too(filled: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed_there(*_: object, **__: object) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise click.Abort from None  # as click does

    line = copied(filled, tmp_path)
    monkeypatch.setattr("click.confirm", pressed_there)
    monkeypatch.setattr("barhouse.coordinator.cli.command._somebody_is_there", lambda: True)
    line("remove", "SPY", expected=ExitCode.INTERRUPTED)
    assert json.loads(line("status", "--format", "json").stdout) != []


def test_what_runs_in_another_thread_is_interrupted(filled: Line) -> None:
    raised: list[type[BaseException]] = []
    with open_store(filled.store, read_only=True) as store:

        def ask() -> None:
            try:
                store.sql(ENDLESS)
            except BaseException as error:
                raised.append(type(error))

        thread = threading.Thread(target=ask)
        thread.start()
        while thread.is_alive():  # until it has begun, there is nothing to interrupt
            store.interrupt()
            thread.join(0.1)
        assert raised == [KeyboardInterrupt]
        assert store.sql("SELECT 1 AS one").to_pylist() == [{"one": 1}]


def test_a_write_that_is_interrupted_is_not_written(filled: Line, tmp_path: Path) -> None:
    """In Python, where nobody watches for signals: DuckDB looks for them between its own steps."""
    line = copied(filled, tmp_path)
    with open_store(line.store) as store:
        with pytest.raises(KeyboardInterrupt), store.transaction() as transaction:
            transaction.cursor.execute("DELETE FROM bar")
            os.kill(os.getpid(), signal.SIGINT)
        assert store.sql("SELECT count(*) AS n FROM bars").to_pylist() == [{"n": 2012}]
        with pytest.raises(StoreError, match="a part of this transaction failed"), store.transaction():
            try:
                with store.transaction():
                    raise KeyboardInterrupt
            except KeyboardInterrupt:
                pass
