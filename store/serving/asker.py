"""Who asks, and what they may see."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asker:
    """Whoever a token was given to.

    Attributes
    ----------
    name
        Of the token, for the log.
    symbols
        The only symbols that they may see; None for all.
    """

    name: str
    symbols: tuple[str, ...] | None = None

    @property
    def sees_all(self) -> bool:
        """Whether they may see every symbol."""
        return self.symbols is None


#: Where no tokens are asked for: on the machine itself.
ANYBODY = Asker("anybody")
