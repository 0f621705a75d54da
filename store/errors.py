"""Every error Barhouse raises on purpose.

::

    BarhouseError
    ├── InputError                what the caller gave cannot be used; nothing was written
    │   ├── IntervalError         not an interval, or not one this store can keep
    │   ├── CalendarError         no such calendar, or a definition that makes no sense
    │   ├── UnknownSymbolError    not registered (or removed)
    │   ├── RegistrationError     symbols that cannot be registered, each with its reason
    │   ├── StreamError           no available interval tiles what was requested
    │   ├── ConfigError           a job file that cannot be used
    │   ├── PluginError           a feed, preset or format of another package that cannot be used
    │   ├── SourceError           a file or frame that cannot be read as bars
    │   │   └── OptionsError      ... with these options; others may do
    │   └── RejectedBarsError     every row was rejected, or ``strict`` met a bad one
    │       └── StampsError       ... for its stamp cannot be read with the options given; an OptionsError too
    ├── FeedError                 a live feed cannot be reached, or broke off
    ├── PlaceError                a bucket or a folder cannot be reached, refuses, or broke off
    │   ├── PlaceMissingError     ... there is no such bucket or file
    │   └── PlaceTakenError       ... somebody else wrote there, or what was read was replaced
    ├── ClusterError              a shard of a job cannot be run; nothing was published
    ├── JobError                  a job is done, but not all of it; its report says what
    └── StoreError                the store itself cannot serve
        ├── StoreHeldError        another process, or this one, already has the file open for writing
        ├── StoreVersionError     written by a newer Barhouse, or not a Barhouse store at all
        ├── StoreClosedError      used after ``close()``
        ├── StoreFullError        no room left on a disk
        ├── StoreMemoryError      the memory allowed was not enough
        ├── StoreBrokenError      cannot go on after a failure: has to be opened again
        ├── LakeError             a lake, or a folder of shards, cannot be reached or used
        │   └── LakeHeldError     ... for another process is writing to it
        ├── RunActiveError        another run is going on in this store
        └── MigrationError        an upgrade failed; the file is as it was

A message says what was given, what is allowed and what to do next. What it tells the reader to say or do is in it as
``barhouse.store.hints``, which are spelled where the caller reads: ``error.hints`` has them as data.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from barhouse.store.hints import Action, Option, Wording, hints_in, spelled, worded


class BarhouseError(Exception):
    """Something went wrong that Barhouse knows how to name.

    Attributes
    ----------
    wording
        That of where it came out; until then it is worded for whoever reads it.
    """

    wording: Wording | None = None

    def __str__(self) -> str:
        return spelled(super().__str__(), self.wording)

    @property
    def hints(self) -> tuple[Option | Action, ...]:
        """What the message names that its reader may say or do."""
        return hints_in(super().__str__())


@contextmanager
def speaking(wording: Wording) -> Iterator[None]:
    """Spell every message in a wording; an error that leaves it keeps its words."""
    try:
        with worded(wording):
            yield
    except BarhouseError as error:
        error.wording = error.wording or wording
        raise


class InputError(BarhouseError, ValueError):
    """What was given cannot be used; nothing was written."""


class IntervalError(InputError):
    """Not an interval, or not one that can be kept here."""


class CalendarError(InputError):
    """No such calendar, or a definition that makes no sense."""


class UnknownSymbolError(InputError):
    """The symbol is not registered."""


class RegistrationError(InputError):
    """Some symbols cannot be registered; none was."""


class StreamError(InputError):
    """No available interval tiles everything requested."""


class ConfigError(InputError):
    """The job file cannot be used."""


class PluginError(InputError):
    """A feed, a preset or an export format that a package adds cannot be used."""

    #: What is wrong, without saying whose it is.
    why: str = ""


class SourceError(InputError):
    """The file or frame cannot be read as bars."""


class OptionsError(SourceError):
    """The file or frame cannot be read as bars with the options given; with others it may be."""


class RejectedBarsError(InputError):
    """Rows were rejected and the load was not allowed to go on without them."""


class StampsError(RejectedBarsError, OptionsError):
    """No row has a stamp that can be read with the options given."""


class FeedError(BarhouseError):
    """A live feed cannot be reached, or broke off."""


class PlaceError(BarhouseError):
    """A bucket or a folder cannot be reached, refuses, or broke off; nothing is half there."""


class PlaceMissingError(PlaceError):
    """There is no such bucket, or no such file in it."""


class PlaceTakenError(PlaceError):
    """Somebody else wrote there meanwhile, or what was read was replaced."""


class ClusterError(BarhouseError):
    """A shard of a job cannot be run, or not be published; what was published before stays."""


class JobError(BarhouseError):
    """A job is done, but files failed, its thresholds were passed or bars differ.

    ``report``, the ``JobReport``, says which.
    """

    def __init__(self, message: str, report: object) -> None:
        super().__init__(message)
        self.report = report


class StoreError(BarhouseError):
    """The store cannot serve."""


class StoreHeldError(StoreError):
    """The file is already open for writing."""


class StoreVersionError(StoreError):
    """The file was written by a newer Barhouse, or is not a Barhouse store."""


class StoreClosedError(StoreError):
    """The store was closed."""


class LakeError(StoreError):
    """A lake, or what belongs to it, cannot be reached or used."""


class LakeHeldError(LakeError):
    """Another process is writing to the lake."""


class RunActiveError(StoreError):
    """Another run is going on in this store."""


class StoreFullError(StoreError):
    """There is no room left on a disk."""


class StoreMemoryError(StoreError):
    """The memory allowed was not enough."""


class StoreBrokenError(StoreError):
    """The store cannot go on after a failure; it has to be opened again."""


class MigrationError(StoreError):
    """An upgrade failed; the file is as it was."""
