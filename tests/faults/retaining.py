"""A child process that purges one day after the other, and old revisions, to be killed at any moment."""

from __future__ import annotations

import sys
from datetime import timedelta

from barhouse import SessionCoordinator, open_store
from tests.faults.nightly import SESSIONS


def main(path: str) -> None:
    """Purge what has not been yet; say on stdout from which day on bars are kept."""
    with open_store(path) as store:
        coordinator = SessionCoordinator(store)
        print("ready", flush=True)
        for session in SESSIONS[1:]:
            coordinator.purge_bars(None, "5m", session + timedelta(days=1))
            coordinator.purge_bars(None, "15m", session)
            coordinator.purge_revisions(store.now())
            print("purged", session, flush=True)
    print("finished", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
