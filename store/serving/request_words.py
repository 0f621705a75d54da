"""How messages are worded for who asks over HTTP: options are parameters of the request."""

from __future__ import annotations

from barhouse.store.hints import UNSAID, Action, Option, Wording, as_command


class _Request(Wording):
    def option(self, option: Option) -> str:
        """Spell a parameter as it stands in an address."""
        return option.name if option.value is UNSAID else f"{option.name}={option.value}"

    def action(self, action: Action) -> str:
        """Spell what can be done as a command, for it is done where the store is."""
        return as_command(action)


REQUEST: Wording = _Request()
