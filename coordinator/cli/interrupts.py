"""Ctrl-C: the process says that it was stopped, and a statement that DuckDB works on ends at once."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

    from barhouse.store.session_store import SessionStore

#: What is said, and the process's exit code.
STOPPED = "barhouse: stopped; what was written until then stays"
STOPPED_CODE = 130

#: DuckDB looks for signals now and then, and Python takes them then; after so long a statement is ended all the same.
_PATIENCE_SECONDS = 0.2
#: When a signal that came while a module was imported is sent again.
_LATER_SECONDS = 0.05
_IMPORTING = "<frozen importlib._bootstrap>"


@contextmanager
def stoppable() -> Iterator[None]:
    """Say in one line that the process was stopped, from its first import to its last word."""
    if _is_unset():
        signal.signal(signal.SIGINT, press)
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write(f"{STOPPED}\n")
        sys.exit(STOPPED_CODE)


def press(number: int, frame: FrameType | None) -> None:
    """Raise ``KeyboardInterrupt``, but once a module is whole that is being imported: DuckDB's aborts the process."""
    if _is_importing(frame):
        again = threading.Timer(_LATER_SECONDS, os.kill, (os.getpid(), number))
        again.daemon = True
        again.start()
    else:
        raise KeyboardInterrupt


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_filename != _IMPORTING:
        frame = frame.f_back
    return frame is not None


def _is_unset() -> bool:
    """Whether nobody else wants to know of Ctrl-C; only the main thread may."""
    return threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) in (
        signal.default_int_handler,
        press,
    )


@contextmanager
def interruptible(store: SessionStore) -> Iterator[None]:
    """End a store's statements when somebody presses Ctrl-C.

    Python hears of a signal only between its own steps, and DuckDB may work on one for minutes. A thread is told by the
    signal itself. Where Ctrl-C means something else already, it goes on to mean that.
    """
    if not _is_unset():
        yield
        return
    stop = _Stop(store)
    heard, told = socket.socketpair()
    told.setblocking(False)
    wakened = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    thread = threading.Thread(target=stop.listen, args=(heard,), daemon=True)
    thread.start()
    before = signal.signal(signal.SIGINT, stop.press)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        stop.ended.set()
        signal.set_wakeup_fd(wakened)
        told.close()
        thread.join()
        heard.close()


class _Stop:
    """What Ctrl-C ends: what ran when it was pressed, until it is gone. What follows from that is left alone.

    Attributes
    ----------
    ended
        Set when there is nothing more to stop.
    """

    def __init__(self, store: SessionStore) -> None:
        self.ended = threading.Event()
        self._store = store
        self._running: Sequence[duckdb.DuckDBPyConnection] | None = None

    def press(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal in the main thread, between two of its steps or where DuckDB lets it."""
        self._running = self._store.running()
        self._store.interrupt(self._running)
        press(number, frame)

    def listen(self, heard: socket.socket) -> None:
        """Hear of the signal whatever the main thread does; what it ran may go on where its error is lost."""
        while numbers := heard.recv(64):
            # A command may have taken the signal over meanwhile, to end in its own time.
            if signal.SIGINT not in numbers or signal.getsignal(signal.SIGINT) != self.press:
                continue
            while not self.ended.wait(_PATIENCE_SECONDS):
                running = self._store.running()
                if self._running is None:  # still: so nothing has followed from the signal yet
                    self._running = running
                if not self._store.interrupt(self._running):
                    break
            self._running = None
