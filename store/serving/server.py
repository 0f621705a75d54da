"""The server: its socket, its workers, and the eye it keeps on what is published."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from barhouse.store.errors import InputError, StoreError
from barhouse.store.hints import Option
from barhouse.store.serving.exposure import Exposure
from barhouse.store.serving.gate import LOOPBACK_NAMES, is_loopback
from barhouse.store.serving.pool import Pool, ServingLimits
from barhouse.store.serving.refusal import RefusalError
from barhouse.store.serving.snapshot import Snapshot, Snapshots
from barhouse.store.serving.taken_answer import AnswerSource
from barhouse.store.serving.wire import WorkerQuestion

if TYPE_CHECKING:
    import uvicorn

    from barhouse.store.serving.doorkeeper import Doorkeeper
    from barhouse.store.serving.flight import FlightServer

log = logging.getLogger("barhouse.serve")

_LOOK_SECONDS = 0.2
_CLOSE_SECONDS = 2
_PORT_MAX = 65_535


@dataclass(frozen=True, slots=True)
class Serving:
    """What is served, to whom, and where.

    Attributes
    ----------
    published
        The file that snapshots are published to.
    host, port
        Where it listens; port 0 takes any that is free.
    hosts
        Other names that it may be called by.
    keep
        How many snapshots can be attached: the newest, and those before it.
    limits
        What answers may take.
    exposure
        Who reaches it, and how.
    flight
        Host and port where it answers by Flight SQL; None where it does not.
    """

    published: Path
    host: str = "127.0.0.1"
    port: int = 8321
    hosts: tuple[str, ...] = ()
    keep: int = 5
    limits: ServingLimits = field(default_factory=ServingLimits)
    exposure: Exposure = field(default_factory=Exposure)
    flight: tuple[str, int] | None = None


def address_of(listen: str, option: str = "listen") -> tuple[str, int]:
    """The host and port in ``HOST:PORT``; a host of IPv6 stands in brackets.

    Parameters
    ----------
    option
        What it was said by.

    Raises
    ------
    InputError
        When it is no such text.
    """
    host, _, port = listen.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not bare or (":" in bare) is not host.startswith("[") or not (port.isascii() and port.isdigit()):
        raise InputError(f"{Option(option, listen)} is no address; give HOST:PORT, such as 127.0.0.1:8321")
    if int(port) > _PORT_MAX:
        raise InputError(f"{Option(option, listen)} has no such port; give one up to {_PORT_MAX}")
    return bare, int(port)


async def serve(serving: Serving, ready: Callable[[str], None], stop: asyncio.Event) -> None:
    """Serve until ``stop`` is set.

    Parameters
    ----------
    ready
        Called with each address, the one of HTTP last, once requests are answered.

    Raises
    ------
    InputError
        When it cannot listen there.
    StoreError
        When what is published is no snapshot that can be served, or workers do not start.
    """
    import uvicorn

    from barhouse.store.serving.doorkeeper import Doorkeeper
    from barhouse.store.serving.http import Served

    exposure = serving.exposure
    for host in (serving.host, *(serving.flight or ())[:1]):
        exposure.check(host)
    doorkeeper = Doorkeeper(exposure.tokens, encrypted=exposure.is_encrypted)
    with _listening(serving.host, serving.port) as listener, _snapshots(serving) as snapshots:
        pool = Pool(serving.limits)
        try:
            await pool.start()
            if not await _look(pool, snapshots):
                raise StoreError(f"there is no snapshot at {serving.published}; publish one there first")
            await _go_on(pool, snapshots)
            served = Served(pool, snapshots, doorkeeper)
            source = AnswerSource(asyncio.get_running_loop(), pool, snapshots, served.counts)
            flight = _flight(serving, source, doorkeeper)
            config = uvicorn.Config(
                served.app(_names(serving)),
                log_config=None,
                access_log=False,
                lifespan="off",
                ws="none",
                server_header=False,
                ssl_certfile=exposure.tls_cert,
                ssl_keyfile=exposure.tls_key,
                timeout_graceful_shutdown=_CLOSE_SECONDS,
            )
            server = _server(config)
            running = asyncio.create_task(server.serve(sockets=[listener]))
            watching = asyncio.create_task(_watch(pool, snapshots, served.news.tell))
            stopping = asyncio.create_task(stop.wait())
            if flight is not None:
                ready(flight.address)
            ready(_address(listener, "http" if exposure.tls_cert is None else "https"))
            try:
                await asyncio.wait({running, watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                server.should_exit = True
                if flight is not None:
                    await flight.close()
                watching.cancel()
                stopping.cancel()
                await asyncio.gather(running, watching, stopping, return_exceptions=True)
        finally:
            await pool.close()


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line of uvicorn's says something new: an answer that was cut short on purpose is in the log already."""
    return "without completing response" not in record.getMessage()


def _flight(serving: Serving, source: AnswerSource, doorkeeper: Doorkeeper) -> FlightServer | None:
    if serving.flight is None:
        return None
    from barhouse.store.serving.flight import FlightServer

    return FlightServer(serving.flight, source, doorkeeper, serving.exposure)


def _server(config: uvicorn.Config) -> uvicorn.Server:
    import uvicorn

    logging.getLogger("uvicorn.error").addFilter(_is_news)

    class Quiet(uvicorn.Server):
        """Leaves signals to whoever runs it."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    return Quiet(config)


def _names(serving: Serving) -> list[str] | None:
    """The names that the server may be called by; None for any, where others reach it and tokens tell them apart."""
    if not is_loopback(serving.host):
        return list(serving.hosts) or None
    return [*LOOPBACK_NAMES, serving.host, *serving.hosts]


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        kind, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(place[:2], family=kind, backlog=256)
    except OSError as error:
        raise InputError(
            f"{Option('listen', f'{host}:{port}')} cannot be had: {error.strerror}; give another address, or port "
            f"0 for any that is free"
        ) from error
    with listener:
        yield listener


def _address(listener: socket.socket, scheme: str) -> str:
    host, port = listener.getsockname()[:2]
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


@contextmanager
def _snapshots(serving: Serving) -> Iterator[Snapshots]:
    snapshots = Snapshots(serving.published, keep=serving.keep)
    try:
        yield snapshots
    finally:
        snapshots.close()


async def _watch(pool: Pool, snapshots: Snapshots, tell: Callable[[], None]) -> None:
    """Serve each snapshot that is published."""
    said = ""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        try:
            if await _look(pool, snapshots):
                tell()
                log.info("serving batch %s of %s", snapshots.newest.batch_id, snapshots.published)
            if await _go_on(pool, snapshots):
                tell()
            said = ""
        except (StoreError, OSError) as error:
            if str(error) != said:  # once, not five times a second
                said = str(error)
                log.warning("%s; the snapshot before it is served on", error)


async def _look(pool: Pool, snapshots: Snapshots) -> bool:
    """Serve what is published where that is another file than before; returns whether it is."""
    found = await asyncio.to_thread(snapshots.found)
    if found is None:
        return False
    question = _state_of(found)
    try:
        state = json.loads(await pool.whole(question))["columns"]
    except RefusalError as refusal:
        snapshots.forget(found)
        raise StoreError(f"{snapshots.published} cannot be served: {refusal.message}") from refusal
    (batch_id,), (committed_at,) = state["batch_id"] or [None], state["committed_at"] or [None]
    snapshots.serve(found, batch_id, committed_at)
    moved = snapshots.moved_on()  # at once: the one before may have come further than this one by itself
    if moved is not None:
        snapshots.go_on(moved)
    pool.move_on(_state_of(snapshots.newest))
    return True


async def _go_on(pool: Pool, snapshots: Snapshots) -> bool:
    """Serve the newest snapshot with the increments that it has now; returns whether there are new ones."""
    moved = await asyncio.to_thread(snapshots.moved_on)
    if moved is None:
        return False
    snapshots.go_on(moved)
    if pool.is_behind(moved.through):
        pool.move_on(_state_of(moved))
    return True


def _state_of(snapshot: Snapshot) -> WorkerQuestion:
    return WorkerQuestion(
        read="state",
        given={},
        form="json",
        snapshot=str(snapshot.file),
        symbols=None,
        max_rows=1,
        through=snapshot.through,
        whole=snapshot.whole,
    )
