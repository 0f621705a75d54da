"""The command that serves a snapshot over HTTP."""

from __future__ import annotations

import logging
import re
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from barhouse.coordinator.cli.command import Settings, command
from barhouse.coordinator.cli.output import reports

if TYPE_CHECKING:
    from barhouse.store.serving.server import Serving

#: With less a worker answers hardly anything.
_MEMORY_LEAST = 128e6


def _amount(units: Mapping[str, float], least: float, most: float, example: str) -> Callable[..., float]:
    """Make what reads a number with its unit."""

    def read(ctx: click.Context, param: click.Parameter, value: str) -> float:
        found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([a-z]+)", value.strip().lower(), re.ASCII)
        amount = float(found[1]) * units.get(found[2], 0.0) if found else 0.0
        if not least <= amount <= most:
            raise click.BadParameter(f"{value!r} is not usable; give an amount such as {example}", ctx, param)
        return amount

    return read


_duration = _amount({"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}, 0.1, 86_400.0, "30s or 5m")
_size = _amount(
    {"mb": 1e6, "gb": 1e9, "mib": 2.0**20, "gib": 2.0**30}, _MEMORY_LEAST, 2.0**50, "1GB or 512MB, from 128MB on"
)


@command("serve", example="barhouse serve published/bars.duckdb")
@click.argument("published", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--listen", default="127.0.0.1:8321", show_default=True, metavar="HOST:PORT", help="Port 0: any free.")
@click.option("--flight", metavar="HOST:PORT", help="Answer by Arrow Flight SQL, too, there.")
@click.option("--host", multiple=True, metavar="NAME", help="Another name that it may be called by.")
@click.option(
    "--timeout",
    callback=_duration,
    metavar="DURATION",
    default="30s",
    show_default=True,
    help="How long an answer may take.",
)
@click.option(
    "--memory",
    callback=_size,
    metavar="SIZE",
    default="1GB",
    show_default=True,
    help="How much memory an answer may take.",
)
@click.option("--rows", type=click.IntRange(1), default=5_000_000, show_default=True, help="How many it may have.")
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Queries at once.")
@click.option(
    "--keep", type=click.IntRange(1, 1000), default=5, show_default=True, metavar="COUNT", help="Snapshots to attach."
)
@click.option("--tokens", type=click.Path(path_type=Path), help="Who may ask; see token.")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="The certificate, in PEM.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its key, in PEM.")
@click.option("--behind-proxy", is_flag=True, help="A proxy before it encrypts, and passes Host on.")
@click.pass_obj
def serve(
    settings: Settings,
    /,
    published: Path,
    *,
    listen: str,
    flight: str | None,
    host: tuple[str, ...],
    timeout: float,
    memory: float,
    rows: int,
    workers: int,
    keep: int,
    tokens: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    behind_proxy: bool,
) -> None:
    """Serve a published snapshot over HTTP: bars, gaps, health, SQL that reads, and the file itself.

    \b
    FILE is what publish or live publish to; each new snapshot there is served at once. Given a store,
    it publishes first, beside the store. Queries run in processes of their own, limited in time and
    memory. Ends with Ctrl-C.

    Without --tokens anybody on this machine may ask. Where other machines reach it, it needs
    tokens, and a certificate or a proxy.
    """
    from barhouse.store.serving.extra import check_installed

    check_installed()
    from barhouse.store.serving.exposure import Exposure
    from barhouse.store.serving.pool import ServingLimits
    from barhouse.store.serving.server import Serving, address_of
    from barhouse.store.serving.source import snapshot_of

    exposure = Exposure(tokens, tls_cert, tls_key, behind_proxy)
    address, port = address_of(listen)
    exposure.check(address)
    flight_address = None if flight is None else address_of(flight, "flight")
    if flight_address is not None:
        exposure.check(flight_address[0])
    place, report = snapshot_of(published)
    if report is not None:
        reports.say(f"published {published} to {place}: publish there again to have what is new served")
    limits = ServingLimits(timeout_seconds=timeout, memory_bytes=int(memory), row_count=rows, worker_count=workers)
    _run(
        Serving(
            place,
            host=address,
            port=port,
            hosts=host,
            keep=keep,
            limits=limits,
            exposure=exposure,
            flight=flight_address,
        )
    )


def _run(serving: Serving) -> None:
    import asyncio

    from barhouse.store.serving.server import serve as run

    logging.getLogger("barhouse.serve").setLevel(logging.INFO)  # each query is told

    async def until_stopped() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await run(serving, lambda address: reports.say(f"serving {serving.published} at {address}"), stop)

    asyncio.run(until_stopped())


COMMANDS = (serve,)
