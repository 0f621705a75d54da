"""What writers remember of the tables from one transaction to the next: it holds until anything else is written.

Whoever remembers something keeps it here, and asks for it again inside a transaction, behind the lock that all writers
queue for. Every statement that writes moves the version on, and so does a transaction that is rolled back; then what
was kept before is no more. Writes that are followed, because whoever makes them brings up to date what is remembered,
do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Kept = TypeVar("Kept")

#: Tables that nothing remembered is of: the records of runs, of refused rows, of files and of trades.
APART = frozenset(["session_run", "rejected_bar", "source_file", "trade", "trade_bucket", "followed_symbol"])


class Memory:
    """What is remembered of one opening of a store.

    Attributes
    ----------
    version
        Moves on with every write that is not followed.
    is_followed
        Whether what is written now is brought up to date here by whoever writes it.
    """

    def __init__(self) -> None:
        self.version = 0
        self._kept: dict[type, tuple[int, object]] = {}
        self.is_followed = False

    def recall(self, kind: type[Kept]) -> Kept | None:
        """What was kept of a kind; None where there is none, or something was written since."""
        version, kept = self._kept.get(kind, (-1, None))
        return kept if version == self.version and isinstance(kept, kind) else None

    def keep(self, thing: object) -> None:
        """Keep what is true of the tables now, in place of what was kept of its kind."""
        self._kept[type(thing)] = (self.version, thing)

    def end(self) -> None:
        """Forget everything."""
        self.version += 1
        self._kept.clear()

    def note(self, tables: Iterable[str]) -> None:
        """Take notice that tables are written to."""
        if not self.is_followed and not APART.issuperset(tables):
            self.end()

    @contextmanager
    def following(self) -> Iterator[None]:
        """Make writes inside that what is remembered follows; when they fail it is forgotten."""
        self.is_followed = True
        try:
            yield
        except BaseException:
            self.end()
            raise
        finally:
            self.is_followed = False
