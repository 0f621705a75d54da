"""What a live session has seen of a feed of trades: the stretches of time in which it was followed without loss.

Time is the feed's own here: how far its trades have come. Where it is live that goes on with the clock, by the least
time that a trade took to arrive; while it catches up, or is played again, it is that of its latest trade.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from barhouse.store.model.bar import CLOCK_TOLERANCE

_NONE = timedelta(0)
#: Whoever has lost something less long before is not sure what the feed sends first.
_LONG_AGO = timedelta(hours=1)
#: A trade that is made then is late to nothing.
BEGINNING = datetime(1, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FeedProgress:
    """What trades that were taken together tell of their feed.

    Attributes
    ----------
    first_at, last_at
        When the first that came was made, of those that are not late; when the latest was made.
    lag
        How long after it was made one of them came, at the least.
    lateness
        How long before the latest of those that had come by then one was made, at the most.
    leaps_to
        When the last was made that came long after the one before, while the feed was catching up; None: none did.
    """

    first_at: datetime
    last_at: datetime
    lag: timedelta
    lateness: timedelta
    leaps_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """The stretches of a feed that were seen, the last of which goes on.

    Attributes
    ----------
    joined_at
        When, by the store's clock, the last stretch could begin.
    heard_at
        When, by the same clock, the feed delivered last.
    not_before
        What was made by then does not begin the last stretch: it is late.
    present
        How far the feed was by the clock when the last stretch could begin. A feed that lost something may go on before
        that, and catch up; a trade that comes alone, long before the next, is more likely late.
    begins, reached
        The last stretch, from where to how far its trades have come; None before its first trade.
    lag
        The least time between a trade being made and arriving since the feed was connected; None: not known.
    lateness
        How late trades have come.
    ended
        The stretches before.
    """

    joined_at: datetime
    heard_at: datetime
    not_before: datetime = BEGINNING
    present: datetime = BEGINNING
    begins: datetime | None = None
    reached: datetime | None = None
    lag: timedelta | None = None
    lateness: timedelta = _NONE
    ended: tuple[tuple[datetime, datetime], ...] = ()

    @classmethod
    def nothing(cls, now: datetime) -> Seen:
        """At the beginning of a session that goes on with none."""
        return cls(joined_at=now, heard_at=now)

    def through(self, heard_at: datetime) -> datetime | None:
        """How far the feed has come when it was heard, or is known to be quiet, at an instant; None before a trade."""
        if self.reached is None or self.lag is None:
            return self.reached
        return max(self.reached, heard_at - self.lag)

    def caught_up_to(self, coming: Sequence[datetime | None]) -> datetime:
        """How far the feed has come at the least before trades that come now: to their first if nothing is known."""
        if self.reached is not None:
            return self.reached
        if self.not_before > BEGINNING:
            return self.not_before
        return min((at for at in coming if at is not None), default=self.heard_at)

    def with_trades(self, progress: FeedProgress, arrived_at: datetime) -> Seen:
        """With trades that have arrived."""
        begins, lateness = self.begins, max(self.lateness, progress.lateness)
        if begins is None or progress.leaps_to is not None:
            begins = (progress.leaps_to or progress.first_at) + lateness  # what came first may itself be late
            if self.joined_at - self.not_before > _LONG_AGO:  # before a day's first trade, perhaps: all since then came
                begins = min(begins, self.joined_at + CLOCK_TOLERANCE)
        return replace(
            self,
            heard_at=arrived_at,
            begins=begins,
            reached=progress.last_at if self.reached is None else max(self.reached, progress.last_at),
            lag=progress.lag if self.lag is None else min(self.lag, progress.lag),
            lateness=lateness,
        )

    def heard(self, arrived_at: datetime) -> Seen:
        """With something that has arrived and tells nothing."""
        return replace(self, heard_at=arrived_at)

    def connected(self) -> Seen:
        """With the connection made anew and nothing lost: it may have to catch up."""
        return replace(self, lag=None)

    def lost(self, now: datetime) -> Seen:
        """With something lost: the stretch is over, but for as much as may still have been on its way."""
        through = self.through(self.heard_at)
        if self.begins is None or through is None:
            return replace(self, joined_at=now, heard_at=now, lag=None)
        resumed = through if self.lag is None else max(through, now - self.lag)
        end = max(self.begins, through - self.lateness)
        ended = (*self.ended, (self.begins, end))
        return Seen(now, now, not_before=through, present=resumed, lateness=self.lateness, ended=ended)

    def ended_by(self, last_before: datetime | None) -> Seen:
        """With the stretch before the last loss ended by the trade before one that came after the loss.

        What a feed goes on with lies behind what it had sent: the trades between the two may be those that were lost.
        """
        begins, end = self.ended[-1]
        sooner = begins if last_before is None else min(max(begins, last_before), end)
        return replace(self, ended=(*self.ended[:-1], (begins, sooner)))

    def since(self, kept_from: datetime) -> Seen:
        """Without the stretches that ended before an instant."""
        return replace(self, ended=tuple(one for one in self.ended if one[1] >= kept_from))

    def stretches(self, heard_at: datetime) -> list[tuple[datetime, datetime, bool]]:
        """All stretches, each with whether it goes on."""
        found = [(*one, False) for one in self.ended]
        through = self.through(heard_at)
        return found if self.begins is None or through is None else [*found, (self.begins, through, True)]

    def as_json(self) -> dict[str, Any]:
        """In what JSON can say."""
        return {
            **{name: _text(getattr(self, name)) for name in _INSTANTS},
            "lag_us": None if self.lag is None else self.lag // timedelta(microseconds=1),
            "lateness_us": self.lateness // timedelta(microseconds=1),
            "ended": [[_text(begins), _text(end)] for begins, end in self.ended],
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Seen:
        """As ``as_json`` said it."""
        instants = {name: given[name] and datetime.fromisoformat(given[name]) for name in _INSTANTS}
        return cls(
            **instants,
            lag=None if given["lag_us"] is None else timedelta(microseconds=given["lag_us"]),
            lateness=timedelta(microseconds=given["lateness_us"]),
            ended=tuple(
                (datetime.fromisoformat(begins), datetime.fromisoformat(end)) for begins, end in given["ended"]
            ),
        )


_INSTANTS = ("joined_at", "heard_at", "not_before", "present", "begins", "reached")


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
