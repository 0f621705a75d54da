"""The command line: ``barhouse``, or ``python -m barhouse``."""

import os
import sys

from barhouse.coordinator.cli.interrupts import stoppable


def main() -> None:
    """Run the command line and exit with its code; Ctrl-C is heeded before all else is imported."""
    _open_closed_streams()
    with stoppable():
        from barhouse.coordinator.cli.main import main as run

        run()


def _open_closed_streams() -> None:
    """Put the null device where a standard stream is closed; else the store's file would be opened in its place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))


if __name__ == "__main__":
    main()
