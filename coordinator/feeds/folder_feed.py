"""Bars from files that are dropped into a folder: each is loaded, then moved aside.

A file is taken once it has a name of its own (not ``.name``, ``name.part`` or ``name.tmp``) and has not changed for a
moment; writers that rename a finished file into the folder are safe in any case. What is loaded goes to the folder
``loaded`` inside it, what cannot be loaded to ``failed``, with the reason beside it; links, too, for none is followed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from time import time

from barhouse.coordinator.feeds.address import FeedAddress
from barhouse.coordinator.feeds.feed import Delivery, FileToLoad, Offer, Position
from barhouse.coordinator.sources.files import is_readable
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.store.errors import FeedError, InputError
from barhouse.store.hints import Option
from barhouse.store.model.interval import Interval
from barhouse.store.model.paths import absolute, printable

log = logging.getLogger("barhouse.live")

#: Folders inside it, for files that were taken and for those that were not.
LOADED, FAILED = "loaded", "failed"
_UNFINISHED = (".part", ".tmp")


class FolderFeed:
    """Watches one folder.

    Parameters
    ----------
    folder
        Must exist.
    interval
        Of the bars in its files.
    symbol
        Whose bars they are, where no column says so.
    options
        How the files are to be read.
    settle_seconds
        How long a file must stay as it is before it is taken.
    poll_seconds
        How often the folder is looked at.
    once
        End when there is no file left, rather than wait for more.
    """

    def __init__(
        self,
        folder: str | Path,
        interval: str,
        *,
        symbol: str | None = None,
        options: LoadOptions | None = None,
        settle_seconds: float = 1.0,
        poll_seconds: float = 0.5,
        once: bool = False,
    ) -> None:
        self._folder = absolute(folder)
        if not self._folder.is_dir():
            raise InputError(f"there is no folder {self._folder}; create it, or name another")
        self._interval = str(Interval.parse(interval))
        self._symbol = symbol
        self._options = options or LoadOptions()
        self._settle_seconds = settle_seconds
        self._poll_seconds = poll_seconds
        self._once = once
        self._handed: dict[str, str] = {}  # the names of files, as positions have them, and as they are

    @classmethod
    def from_address(cls, address: FeedAddress) -> FolderFeed:
        """Files dropped into a folder: PATH, folder:PATH or file:PATH.

        Raises
        ------
        InputError
            When nothing says the interval of its bars.
        """
        if address.interval is None:
            raise InputError(
                f"{address.shown} is a folder; say the interval of the bars in its files, such as "
                f"{Option('interval', '1m')}"
            )
        return cls(
            address.location, address.interval, symbol=address.symbol, options=address.options, once=address.once
        )

    @property
    def name(self) -> str:
        """The folder."""
        return f"folder {self._folder}"

    async def offer(self) -> Offer:
        """The interval of its files."""
        return Offer((self._interval,))

    async def deliveries(self, symbols: Sequence[str], position: Position | None) -> AsyncIterator[Delivery]:
        """Deliver the files, oldest first; a file is there again until it was acknowledged."""
        yield Delivery(None)
        while True:
            found, unsettled = await asyncio.to_thread(self._look)
            for path in found:
                shown = printable(Path(path.name))
                self._handed[shown] = path.name
                file = FileToLoad(path, self._interval, self._symbol, self._options)
                yield Delivery({"file": shown}, file=file)
            if self._once and not found and not unsettled:
                return
            if not found:
                await asyncio.sleep(self._poll_seconds)

    def _look(self) -> tuple[list[Path], bool]:
        """The files to take, and whether others are still being written."""
        taken: list[tuple[float, str, Path]] = []
        unsettled = False
        try:
            for path in self._folder.iterdir():
                name = path.name
                if (
                    name.startswith(".")
                    or name.endswith(_UNFINISHED)
                    or printable(Path(name)) in self._handed
                    or not is_readable(path)
                ):
                    continue
                if path.is_symlink():
                    self._move(name, f"{name} is a link, which may lead anywhere; put the file itself here")
                    log.warning("%s is a link, and not followed; it was moved to %s", printable(path), FAILED)
                    continue
                changed_at = path.stat().st_mtime
                if 0 <= time() - changed_at < self._settle_seconds:
                    unsettled = True
                else:
                    taken.append((changed_at, name, path))
        except FileNotFoundError:  # moved away while it was looked at
            return [], True
        except OSError as error:
            raise FeedError(f"the folder {self._folder} cannot be read: {error.strerror}") from error
        return [path for *_, path in sorted(taken)], unsettled

    async def subscribe(self, symbols: Sequence[str]) -> None:
        """Nothing to do: files hold what they hold."""

    async def unsubscribe(self, symbols: Sequence[str]) -> None:
        """Nothing to do: rows of symbols that are not registered are rejected."""

    async def acknowledge(self, position: Position, problem: str | None = None) -> None:
        """Move the file to ``loaded``, or to ``failed`` with the reason."""
        shown = str(position["file"])
        await asyncio.to_thread(self._move, self._handed.get(shown, shown), problem)
        self._handed.pop(shown, None)

    def _move(self, name: str, problem: str | None) -> None:
        target_folder = self._folder / (LOADED if problem is None else FAILED)
        try:
            target_folder.mkdir(exist_ok=True)
            target, number = target_folder / name, 1
            while target.exists():
                number += 1
                target = target_folder / f"{number}-{name}"
            if problem is not None:
                target.with_name(f"{target.name}.why").write_text(problem + "\n", encoding="utf-8")
            (self._folder / name).rename(target)
        except FileNotFoundError:  # somebody else moved it
            return
        except OSError as error:
            raise FeedError(f"{self._folder / name} cannot be moved aside: {error.strerror}") from error

    async def ask(self, symbol: str, interval: str, start: datetime, end: datetime) -> object | None:
        """A folder has no history."""
        return None

    async def close(self) -> None:
        """Nothing is held open."""
