"""A clock for tests in which each write has an instant of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NOW = datetime(2024, 12, 2, tzinfo=UTC)


class TickingClock:
    """Goes on by a second whenever it is looked at."""

    def __init__(self, begins: datetime = NOW) -> None:
        self.now = begins

    def __call__(self) -> datetime:
        """Give the time it shows."""
        self.now += timedelta(seconds=1)
        return self.now
