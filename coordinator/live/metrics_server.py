"""A store's metrics over HTTP, from inside the process that holds it, for Prometheus to scrape."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from barhouse.store.checks import health
from barhouse.store.errors import InputError
from barhouse.store.hints import Option
from barhouse.store.session_store import SessionStore

if TYPE_CHECKING:
    from prometheus_client.core import Metric


def check_metrics() -> None:
    """Make sure, before anything begins, that metrics can be served.

    Raises
    ------
    InputError
        When the package prometheus-client is not there.
    """
    if find_spec("prometheus_client") is None:
        raise InputError("metrics need the package prometheus-client: pip install 'barhouse[metrics]'")


@contextmanager
def metrics_served(store: SessionStore, port: int, address: str = "127.0.0.1") -> Iterator[int]:
    """Serve the metrics of an open store while the context lasts; gives the port, which 0 lets the system choose.

    Each scrape asks the store anew, in a thread of its own; writers do not wait for it.

    Raises
    ------
    InputError
        When the port cannot be had, or the package prometheus-client is not there.
    """
    check_metrics()
    from prometheus_client import CollectorRegistry, start_http_server
    from prometheus_client.registry import Collector

    class StoreCollector(Collector):
        """Asks the store whenever it is asked."""

        def collect(self) -> Iterator[Metric]:
            """Every metric, now."""
            with store.reading() as transaction:
                yield from health.metrics(transaction, store.now())

    registry = CollectorRegistry(auto_describe=False)
    registry.register(StoreCollector())
    try:
        server, thread = start_http_server(port, address, registry)
    except OSError as error:
        raise InputError(
            f"{Option('metrics_port', port)} on {address} cannot be had: {error.strerror}; give another, or 0"
        ) from error
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
