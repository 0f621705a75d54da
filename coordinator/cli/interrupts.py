"""Ctrl-C while DuckDB works: the statement at hand ends at once, and the command with it."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
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
    taken = threading.Event()

    def take(number: int, frame: FrameType | None) -> None:
        taken.set()
        signal.default_int_handler(number, frame)

    heard, told = socket.socketpair()
    told.setblocking(False)
    signal.signal(signal.SIGINT, take)
    before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    thread = threading.Thread(target=_listen, args=(heard, taken, take, store), daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        told.close()
        thread.join()
        heard.close()


def _listen(heard: socket.socket, taken: threading.Event, take: object, store: SessionStore) -> None:
    """Interrupt what runs until Python has taken the signal: what runs then is what follows from it."""
    while numbers := heard.recv(64):
        while signal.SIGINT in numbers and signal.getsignal(signal.SIGINT) is take:
            if taken.wait(_PATIENCE_SECONDS):
                break
            store.interrupt()
        taken.clear()
