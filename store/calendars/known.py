"""Sessions that calendars of exchanges are known to have wrong: corrections that ship, for whoever asks for them."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from barhouse.store.calendars.correction import SessionCorrection, corrections_of


@cache
def _tables() -> dict[str, dict[str, dict[str, Any]]]:
    return tomllib.loads(files(__package__).joinpath("known_corrections.toml").read_text(encoding="utf-8"))


def known_corrections(calendar: str) -> tuple[SessionCorrection, ...]:
    """Return what is known to be wrong with a calendar, by date, with the source in the reason.

    Parameters
    ----------
    calendar
        Its canonical name.
    """
    sessions = {
        day: {key: value for key, value in given.items() if key != "source"}
        | {"reason": f"{given['reason']}: {given['source']}"}
        for day, given in _tables().get(calendar, {}).items()
    }
    return corrections_of(calendar, sessions)[0]


def corrected_calendars() -> tuple[str, ...]:
    """Return the names of the calendars of which something is known to be wrong."""
    return tuple(sorted(_tables()))
