"""Connections of a server that cannot be told to let go of them.

Flight waits, when it ends, for every call under way, and one whose client takes nothing never ends. So its connection
is ended instead, as if the client had left.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

#: Where the system lists what this process has open; on Windows nothing does.
_OPEN = Path("/dev/fd")


def end_connections(port: int) -> None:
    """End the connections that clients have to a port of this process."""
    with suppress(OSError):
        for file in list(_OPEN.iterdir()):
            with suppress(OSError, ValueError), socket.socket(fileno=os.dup(int(file.name))) as connection:
                if connection.getsockname()[1:2] == (port,) and connection.getpeername():
                    connection.shutdown(socket.SHUT_RDWR)
