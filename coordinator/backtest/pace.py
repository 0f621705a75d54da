"""How fast simulated time goes: as fast as it can, so many times real time, paused, or step by step."""

from __future__ import annotations

import threading
import time
from datetime import datetime

from barhouse.store.errors import InputError
from barhouse.store.hints import Option
from barhouse.store.model.inputs import as_count


class Pace:
    """Says how long to wait before a tick. Any thread may pause, resume, step or change the speed.

    Parameters
    ----------
    speed
        How many seconds of simulated time pass in a second; None for no waiting at all.
    """

    def __init__(self, speed: float | None) -> None:
        self._changed = threading.Condition()
        self._paused = False
        self._steps = 0
        self._stopped = False
        self._speed = _checked(speed)
        self._anchor: tuple[float, datetime] | None = None

    @property
    def paused(self) -> bool:
        """Whether time stands still."""
        return self._paused

    @property
    def stopped(self) -> bool:
        """Whether time has come to its end on request."""
        return self._stopped

    @property
    def speed(self) -> float | None:
        """How many seconds of simulated time pass in a second; None for as fast as it goes."""
        return self._speed

    @speed.setter
    def speed(self, speed: float | None) -> None:
        with self._changed:
            self._speed, self._anchor = _checked(speed), None
            self._changed.notify_all()

    def pause(self) -> None:
        """Hold time before the next tick."""
        with self._changed:
            self._paused, self._steps = True, 0

    def resume(self) -> None:
        """Let time go on."""
        with self._changed:
            self._paused, self._anchor = False, None
            self._changed.notify_all()

    def step(self, count: int = 1) -> None:
        """Let so many ticks pass, at once, and hold time after them."""
        ticks = as_count(count, "count", "how many ticks shall pass")
        with self._changed:
            self._paused = True
            self._steps += ticks
            self._changed.notify_all()

    def stop(self) -> None:
        """End the time: no tick comes any more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def wait(self, previous: datetime | None, now: datetime) -> bool:
        """Wait until a tick may come; False when none may any more. ``previous`` as in :meth:`delay`."""
        with self._changed:
            while (delay := self._delay(previous, now)) != 0:
                if delay is not None and delay < 0:
                    return False
                self._changed.wait(delay)
            return True

    def delay(self, previous: datetime | None, now: datetime) -> float | None:
        """How many seconds are left before a tick may come: 0 for none, which takes the step that was allowed.

        ``previous`` is the simulated instant before, since when a session was open; None where none was, for what
        lies between sessions is not waited for. Returns None while time stands still, less than 0 when it has ended.
        """
        with self._changed:
            return self._delay(previous, now)

    def _delay(self, previous: datetime | None, now: datetime) -> float | None:
        if self._stopped:
            return -1
        if self._paused:
            self._anchor = None
            if not self._steps:
                return None
            self._steps -= 1
            return 0
        if self._speed is None:
            return 0
        clock = time.monotonic()
        if previous is None or self._anchor is None:
            # The first tick, and one between sessions, is where the counting starts.
            self._anchor = (clock, now if previous is None else previous)
        since, anchor = self._anchor
        return max(since + (now - anchor).total_seconds() / self._speed - clock, 0)


def _checked(speed: float | None) -> float | None:
    if speed is not None and (not isinstance(speed, int | float) or not speed > 0):
        raise InputError(
            f"{Option('speed', speed)} is not usable; give how many times real time, such as 60, or leave it out"
        )
    return speed
