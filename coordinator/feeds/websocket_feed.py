"""Bars and trades over a WebSocket, in JSON messages that carry a sequence number to go on after.

What is said, one JSON object per message::

    server  {"type": "hello", "intervals": ["1m"], "symbols": ["SPY"]}          on connecting; both may be left out
    client  {"type": "subscribe", "symbols": ["SPY"], "after": 41}              after: null means from the beginning
    server  {"seq": 42, "events": [...]}                                        see coordinator.feeds.events
    server  {"type": "missed"}                                                  what came after 41 is no longer kept
    client  {"type": "ack", "seq": 42}                                          committed, need not be kept
    client  {"type": "unsubscribe", "symbols": ["SPY"]}
    client  {"type": "ask", "id": 1, "symbol": "SPY", "interval": "1m", "start": "...", "end": "..."}
    server  {"type": "history", "id": 1, "events": [...]}                       bars; events: null where there are none

Sequence numbers only grow. A message that comes again as it was is passed over. One with a number that is not greater
than those before, and that did not come as it is, says that the server counts anew: that is taken for a loss, and the
feed goes on from there.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pyarrow as pa
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from barhouse.coordinator.feeds.address import FeedAddress, without_secrets
from barhouse.coordinator.feeds.events import BarEvent, Refused, bar_tables, parse_events
from barhouse.coordinator.feeds.feed import Delivery, Offer, Position
from barhouse.store.errors import FeedError, InputError
from barhouse.store.model.inputs import Names, as_intervals, optional, renamed

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

_SIZE_LIMIT_BYTES = 64 * 1024 * 1024
_ANSWER_SECONDS = 30.0
#: So many messages are known again when they are sent twice.
_REMEMBERED = 1000

log = logging.getLogger("barhouse.live")


class _Hello(BaseModel):
    type: Literal["hello"]
    intervals: tuple[str, ...] | None = None
    symbols: tuple[str, ...] | None = None


class _Missed(BaseModel):
    type: Literal["missed"]


class _HistoryAnswers(BaseModel):
    type: Literal["history"]
    id: int
    events: list[Any] | None = None


class _Refusal(BaseModel):
    type: Literal["error"]
    text: str


class _Sent(BaseModel):
    seq: Annotated[int, Field(ge=0, lt=2**63, strict=True)]
    events: list[Any]


_Control = TypeAdapter[Any](Annotated[_Hello | _Missed | _HistoryAnswers | _Refusal, Field(discriminator="type")])


class MessageNumbers:
    """The numbers of what a server has sent, and of the last of it what each said."""

    def __init__(self, seen: int | None) -> None:
        self.seen = seen
        self._last: dict[int, int] = {}

    def has(self, seq: int, text: str) -> bool:
        """Whether that has come already: so, or as the last one before the connection was made."""
        return self._last.get(seq) == hash(text) or (not self._last and seq == self.seen)

    def count(self, seq: int, text: str) -> bool:
        """Take a number; whether the server counts anew with it."""
        is_anew = self.seen is not None and seq <= self.seen
        if is_anew:
            self._last.clear()
        self._last[seq] = hash(text)
        if len(self._last) > _REMEMBERED:
            del self._last[next(iter(self._last))]
        self.seen = seq
        return is_anew


class WebSocketFeed:
    """Follows one WebSocket server.

    Parameters
    ----------
    url
        ``ws://`` or ``wss://``.
    feed_intervals
        What its bars are, or what its trades may be built into, where the server does not say.
    headers
        Sent when connecting, such as an authorization.
    intervals
        What ``feed_intervals`` was called before; taken until the next release.
    """

    def __init__(
        self,
        url: str,
        *,
        feed_intervals: Names | None = None,
        headers: dict[str, str] | None = None,
        intervals: Names | None = None,
    ) -> None:
        self._url = url
        feed_intervals = renamed("intervals", intervals, "feed_intervals", feed_intervals)
        texts = optional(as_intervals, feed_intervals, "feed_intervals")
        self._intervals = None if texts is None else tuple(texts)
        self._headers = headers
        self._connection: ClientConnection | None = None
        self._questions: dict[int, asyncio.Future[list[Any] | None]] = {}
        self._numbers = itertools.count(1)

    @classmethod
    def from_address(cls, address: FeedAddress) -> WebSocketFeed:
        """A WebSocket server: ws://HOST/PATH or wss://HOST/PATH."""
        return cls(address.text, feed_intervals=address.feed_intervals)

    @property
    def name(self) -> str:
        """The address, without a password or a token that it holds."""
        return without_secrets(self._url)

    async def offer(self) -> Offer:
        """What the server says on connecting."""
        with self._explained():
            async with self._connect() as connection:
                hello = await self._hello(connection)
        return Offer(hello.intervals or self._intervals, hello.symbols)

    async def deliveries(self, symbols: Sequence[str], position: Position | None) -> AsyncIterator[Delivery]:
        """Subscribe after a position; ends when the server closes the connection in good order (code 1000)."""
        counted = MessageNumbers(None if position is None else int(position["seq"]))
        try:
            with self._explained():
                self._connection = await self._connect()
                await self._hello(self._connection)
                await self._say(type="subscribe", symbols=list(symbols), after=counted.seen)
            yield Delivery(None)
            from websockets.exceptions import ConnectionClosedOK

            while True:
                try:
                    with self._explained(ConnectionClosedOK):
                        message = await self._connection.recv()
                except ConnectionClosedOK as error:
                    if error.rcvd is not None and error.rcvd.code == 1000:
                        return
                    raise FeedError(f"{self.name} closed the connection") from error
                delivery = self.understand(message, counted)
                if delivery is not None:
                    yield delivery
        finally:
            await self.close()

    def understand(self, message: str | bytes, counted: MessageNumbers) -> Delivery | None:
        """What a message delivers, if it does; one that cannot be understood is refused."""
        text = message if isinstance(message, str) else message.decode("utf-8", "replace")
        try:
            given = json.loads(text)
            if isinstance(given, dict) and "seq" in given:
                sent = _Sent.model_validate(given)
                if counted.has(sent.seq, text):
                    return None
                before, is_anew = counted.seen, counted.count(sent.seq, text)
                if is_anew:
                    log.warning("%s counts anew: %d comes after %d", self.name, sent.seq, before)
                events, refused = parse_events(json.dumps(sent.events))
                return Delivery({"seq": sent.seq}, events=events, refused=refused, missed=is_anew)
            control = _Control.validate_python(given)
        except (ValueError, RecursionError) as error:
            return Delivery(None, refused=[Refused(text[:2000], f"no message of this protocol: {error}"[:300])])
        if isinstance(control, _Refusal):
            raise InputError(f"{self.name} refuses: {control.text}")
        if isinstance(control, _HistoryAnswers):
            question = self._questions.pop(control.id, None)
            if question is not None and not question.done():
                question.set_result(control.events)
        return Delivery(None, missed=True) if isinstance(control, _Missed) else None

    async def subscribe(self, symbols: Sequence[str]) -> None:
        """Ask for these symbols too; a connection made later asks for them by itself."""
        await self._say_if_connected(type="subscribe", symbols=list(symbols))

    async def unsubscribe(self, symbols: Sequence[str]) -> None:
        """Ask for these symbols no longer."""
        await self._say_if_connected(type="unsubscribe", symbols=list(symbols))

    async def acknowledge(self, position: Position, problem: str | None = None) -> None:
        """Tell the server what it need not keep."""
        await self._say_if_connected(type="ack", seq=position["seq"])

    async def ask(self, symbol: str, interval: str, start: datetime, end: datetime) -> pa.Table | None:
        """Ask the server for bars; None where it has none, or is not connected."""
        if self._connection is None:
            return None
        number = next(self._numbers)
        question = self._questions[number] = asyncio.get_running_loop().create_future()
        try:
            await self._say(
                type="ask", id=number, symbol=symbol, interval=interval, start=start.isoformat(), end=end.isoformat()
            )
            async with asyncio.timeout(_ANSWER_SECONDS):
                answer = await question  # which may have been answered before the sending returned
        except TimeoutError as error:
            raise FeedError(f"{self.name} did not answer for {_ANSWER_SECONDS:g} seconds") from error
        finally:
            self._questions.pop(number, None)
        if answer is None:
            return None
        events, _ = parse_events(json.dumps(answer))
        return bar_tables(event for event in events if isinstance(event, BarEvent)).get(interval)

    async def close(self) -> None:
        """Close the connection; whoever waits for an answer gets none."""
        connection, self._connection = self._connection, None
        for question in self._questions.values():
            if not question.done():
                question.set_result(None)
        if connection is not None:
            await connection.close()

    def _connect(self) -> Any:
        from websockets.asyncio.client import connect

        return connect(self._url, additional_headers=self._headers, max_size=_SIZE_LIMIT_BYTES, open_timeout=10)

    async def _hello(self, connection: ClientConnection) -> _Hello:
        async with asyncio.timeout(_ANSWER_SECONDS):
            message = await connection.recv()
        try:
            return _Hello.model_validate_json(message)
        except ValidationError as error:
            raise InputError(
                f'{self.name} does not begin with {{"type": "hello"}} but with {message[:80]!r}'
            ) from error

    async def _say_if_connected(self, **message: Any) -> None:
        if self._connection is not None:
            await self._say(**message)

    async def _say(self, **message: Any) -> None:
        if self._connection is None:
            raise FeedError(f"{self.name} is not connected")
        with self._explained():
            await self._connection.send(json.dumps(message))

    @contextmanager
    def _explained(self, *passed: type[BaseException]) -> Iterator[None]:
        try:
            from websockets.exceptions import InvalidStatus, InvalidURI, WebSocketException
        except ImportError as error:
            raise InputError("WebSockets need the package websockets: pip install 'barhouse[websocket]'") from error
        try:
            yield
        except passed:
            raise
        except InvalidURI as error:
            raise InputError(f"{self.name} is no address of a WebSocket, such as wss://example.com/bars") from error
        except InvalidStatus as error:
            if 400 <= error.response.status_code < 500:
                raise InputError(f"{self.name} refuses the connection: {error}") from error
            raise FeedError(f"{self.name} cannot serve: {error}") from error
        except (WebSocketException, OSError, EOFError) as error:  # EOFError: websockets 14, mid-handshake
            raise FeedError(f"{self.name} cannot be reached: {error or type(error).__name__}") from error
