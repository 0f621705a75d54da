"""The command that replays a store: bars to stdout or a file as they close in simulated time."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from barhouse.coordinator.cli.command import Settings, command
from barhouse.coordinator.cli.options import (
    format_option,
    intervals_option,
    name_option,
    output_option,
    session_range,
    symbols_argument,
)
from barhouse.coordinator.cli.output import reports
from barhouse.coordinator.cli.store_access import opened
from barhouse.store.model.paths import expanded
from barhouse.store.model.words import counted

if TYPE_CHECKING:
    from barhouse.coordinator.backtest.backtest import Backtest
    from barhouse.coordinator.backtest.tick import Bar

#: After how many ticks progress is recorded while nothing slows the replay down.
_RECORD_EVERY = 1_000


@command(
    "backtest", example="barhouse backtest SPY BTC-USD --intervals 1h,1d --start 2020-12-15 --name trial -o bars.csv"
)
@symbols_argument(required=True)
@intervals_option()
@session_range
@click.option(
    "--warm-up",
    type=click.IntRange(min=0),
    metavar="N",
    help="Sessions to leave out first, where --start does not say more.",
)
@name_option("Record how far it comes, by this name; the same command goes on from there.", was="--run")
@click.option("--restart", is_flag=True, help="Begin the run again.")
@click.option("--speed", type=float, metavar="X", help="Times real time, such as 60; as fast as it goes by default.")
@format_option(["csv", "json"], "csv", "json has one bar a line.")
@output_option
@click.pass_obj
def backtest(
    settings: Settings,
    /,
    symbols: list[str],
    intervals: list[str],
    *,
    name: str | None,
    speed: float | None,
    form: str,
    output: Path | None,
    **options: Any,
) -> None:
    """Replay bars in the order they close.

    Symbols of all calendars come in one order of time: by the instant at which bars close, then shortest interval
    first, then by symbol. Without --name the store is only read. With --name and --output a replay that was killed goes
    on where its file ends, with every bar once.
    """
    from barhouse.coordinator.backtest.backtest import Backtest

    if options["restart"] and name is None:
        raise click.UsageError("--restart is for a run that is recorded; name it with --name")
    with (
        opened(settings, read_only=name is None) as store,
        Backtest(
            store,
            symbols,
            intervals=intervals or None,
            name=name,
            speed=speed,
            record_every=_RECORD_EVERY if speed is None else 1,
            **options,
        ) as replay,
        _stopping(replay.pace.stop),
    ):
        told = _replayed(replay, form, output)
    reports.say(told)


@contextmanager
def _stopping(stop: Callable[[], None]) -> Iterator[None]:
    """End the replay after the tick at hand when it is told to, rather than in the middle of it."""
    before = {number: signal.signal(number, lambda *_: stop()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _replayed(replay: Backtest, form: str, output: Path | None) -> str:
    """Write every bar; returns what to say of it."""
    ticks = bars = 0
    with _written(output, replay.position) as stream:
        write = _FORMATS[form]
        goes_on = output is not None and stream.seekable()  # a pipe cannot be cut back
        if form == "csv" and not (goes_on and stream.tell()):
            stream.write(_HEADER)
        first = None
        for tick in replay:
            if found := tick.bars:
                write(found, stream)
                ticks, bars, first = ticks + 1, bars + len(found), first or tick.now
            if goes_on:
                stream.flush()
                replay.acknowledge({"bytes": stream.tell()})
        stream.flush()
    span = f", {_instant(first)} to {_instant(replay.now)}" if first else ""
    said = f"{counted(bars, 'bar')} at {counted(ticks, 'instant')}{span}"
    if replay.pace.stopped:
        return f"stopped after {said}; with --name the same command goes on from there"
    return f"replayed {said}"


@contextmanager
def _written(output: Path | None, position: Mapping[str, Any] | None) -> Iterator[IO[bytes]]:
    """Give stdout; or the file, cut back to where it stood at the last instant on record."""
    if output is None:
        sys.stdout.flush()
        yield sys.stdout.buffer
        return
    path = expanded(output)
    kept = int((position or {}).get("bytes", 0))
    if kept and (not path.exists() or path.stat().st_size < kept):
        raise click.UsageError(
            f"the run has written {kept:,} bytes to its file, but --output {output} has fewer; name the file it wrote, "
            f"or say --restart"
        )
    try:
        stream = path.open("r+b" if kept else "wb")
    except OSError as error:
        raise click.UsageError(f"--output {output} cannot be written: {error.strerror}") from error
    with stream:
        if path.is_file():  # rather than a device or a pipe
            stream.truncate(kept)
            stream.seek(0, os.SEEK_END)
        yield stream


def _write_csv(bars: list[Bar], stream: IO[bytes]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_csv_value(value) for value in bar] for bar in bars)
    stream.write(text.getvalue().encode())


def _write_json(bars: list[Bar], stream: IO[bytes]) -> None:
    for bar in bars:
        record = {name: _text(value) for name, value in zip(_COLUMNS, bar, strict=True)}
        stream.write((json.dumps(record, ensure_ascii=False) + "\n").encode())


def _csv_value(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else _text(value)


def _text(value: object) -> object:
    if isinstance(value, datetime):
        return _instant(value)
    return value.isoformat() if isinstance(value, date) else value


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


_COLUMNS = (
    *("symbol", "interval", "bar_start", "bar_end", "session_date", "open", "high", "low", "close", "volume"),
    *("trade_count", "vwap", "base_count", "expected_count", "complete", "batch_id"),
)
_HEADER = (",".join(_COLUMNS) + "\n").encode()
_FORMATS: dict[str, Callable[[list[Bar], IO[bytes]], None]] = {"csv": _write_csv, "json": _write_json}

COMMANDS = (backtest,)
