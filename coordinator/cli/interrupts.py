"""Ctrl-C while DuckDB works: the statement at hand ends at once, and the command with it."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from barhouse.store.session_store import SessionStore

#: DuckDB looks for signals now and then, and ends by itself; after so long it is told to.
_PATIENCE_SECONDS = 0.2


@contextmanager
def interruptible(store: SessionStore) -> Iterator[None]:
    """End a store's statements when somebody presses Ctrl-C.

    Python hears of a signal only between its own steps, and DuckDB may work on one for minutes. A thread is told by the
    signal itself. Where Ctrl-C means something else already, it goes on to mean that.
    """
    alone = threading.current_thread() is threading.main_thread()
    if not alone or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    ended = threading.Event()
    heard, told = socket.socketpair()
    told.setblocking(False)
    before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    thread = threading.Thread(target=_listen, args=(heard, ended, store), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(before)
        told.close()
        thread.join()
        heard.close()


def _listen(heard: socket.socket, ended: threading.Event, store: SessionStore) -> None:
    """Interrupt what runs when the signal comes until it has ended; what follows from it is left alone."""
    while numbers := heard.recv(64):
        if signal.SIGINT in numbers:
            running = store.running()
            while not ended.wait(_PATIENCE_SECONDS) and store.interrupt(running):
                pass
