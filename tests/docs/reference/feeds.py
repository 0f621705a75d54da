"""What feeds send and how: messages from the models that check them, protocols as the classes speak them."""

from __future__ import annotations

from pydantic import BaseModel

from barhouse import BarEvent, CancelEvent, TradeEvent
from barhouse.coordinator.feeds.opening import FEEDS
from barhouse.coordinator.live.options import LiveOptions
from barhouse.store.plugins import Plugin
from tests.docs.reference.markdown import HEADER, code, table

_TEXT = """# Feeds

What a feed of [`barhouse live`](../guides/live.md) sends, and how: the messages, the three kinds of feeds there
are, and what a feed of your own must do. How one is made and installed: [extending](../guides/extending.md).

## Addresses

{addresses}
## Messages

A message is JSON in UTF-8: an event, or a list of events. Fields that are not listed are passed over. Instants
carry their zone (`2024-11-29T14:30:00Z`, `...+01:00`), or are numbers of seconds, or milliseconds, since 1970 in
UTC. Numbers are finite. What cannot be understood is kept in the view `rejected` with the reason, alone: the other
events of its list are taken. Events of symbols that the session does not follow are passed over and counted
(`ignored_count`).

Events may come again, late and in any order: in the end the store holds what was sent.

### Bars

{bar} Sent again with other values it replaces the first, which is kept as a revision.

{bar_fields}
```json
{{"type": "bar", "symbol": "SPY", "interval": "1m", "start": "2024-11-29T14:30:00Z",
 "open": 100.0, "high": 101.0, "low": 99.5, "close": 100.5, "volume": 1200, "trade_count": 17, "vwap": 100.3}}
```

### Trades

A trade is built into the base bar it belongs to, which is written {settle:g} second after its end
(`settle_seconds`), and again when one of its trades changes. A trade is corrected by sending it again, whole, with
a higher `revision`. It is refused when its bar started more than {kept:g} seconds ago (`trades_kept_seconds`), or
it is more than a day ahead of the clock.

{trade_fields}
```json
[{{"type": "trade", "symbol": "SPY", "id": "52", "at": "2024-11-29T14:30:00.125Z", "price": 100.25, "size": 10}},
 {{"type": "trade", "symbol": "SPY", "id": 53, "at": 1732890600.5, "price": 100.5, "size": 5, "sequence": 2}},
 {{"type": "trade", "symbol": "SPY", "id": "52", "at": "2024-11-29T14:30:00.125Z", "price": 100.3, "size": 10,
  "revision": 1}}]
```

### Cancellations

A trade that never was. It is final: no revision brings the trade back. A bar whose last trade is cancelled goes.

{cancel_fields}
```json
{{"type": "cancel", "symbol": "SPY", "id": "52", "at": "2024-11-29T14:30:00.125Z"}}
```

## Redis streams

`pip install 'barhouse[redis]'`. An entry of the stream has a field `events`, or `event`, that holds a message:

```text
XADD bars * events '{{"type": "bar", "symbol": "SPY", ...}}'
```

- The stream is read as a consumer group (`group`, by default `barhouse`; `consumer` likewise). Each store needs a
  group of its own. A group that is missing is made: at the position of the run that goes on, or at the stream's
  beginning.
- An entry is acknowledged (`XACK`) once its bars are committed. What a process that died had taken comes again,
  first of all; what another consumer of the group has not acknowledged for a minute is taken over.
- A stream that was trimmed past the position counts as having missed something: gaps are looked for at once. A
  stream answers no question about the past; give `LiveSession` a `history=`, or load a file.
- An entry without these fields is refused, as a message that cannot be understood.

## WebSockets

`pip install 'barhouse[websocket]'`. One JSON object per message, of at most 64 MiB. On connecting the server says
what it has; both lists may be left out, and then `feed_intervals` says the intervals:

<!-- the server says -->
```json
{{"type": "hello", "intervals": ["1m"], "symbols": ["SPY"]}}
```

The client subscribes, after the last message it has; `null` means from the beginning. Later it may add symbols,
without `after`, and leave some:

<!-- the client says -->
```json
{{"type": "subscribe", "symbols": ["SPY"], "after": 41}}
{{"type": "subscribe", "symbols": ["QQQ"]}}
{{"type": "unsubscribe", "symbols": ["QQQ"]}}
```

The server sends messages, numbered: numbers only grow, and what comes with one that was seen is passed over. It
says so when it no longer keeps what came after 41, or when it will not serve; the latter ends the session:

<!-- the server says -->
```json
{{"seq": 42, "events": [{{"type": "cancel", "symbol": "SPY", "id": "52"}}]}}
{{"type": "missed"}}
{{"type": "error", "text": "the subscription has expired"}}
```

The client acknowledges what is committed and need not be kept for it:

<!-- the client says -->
```json
{{"type": "ack", "seq": 42}}
```

It may ask for base bars of the past, to fill gaps. The server answers within 30 seconds, with bars of that range,
or with `null` where it has none:

<!-- the client says -->
```json
{{"type": "ask", "id": 1, "symbol": "SPY", "interval": "1m", "start": "2024-11-29T14:30:00+00:00",
 "end": "2024-11-29T15:00:00+00:00"}}
```

<!-- the server says -->
```json
{{"type": "history", "id": 1, "events": null}}
```

A connection that the server closes with code 1000 is at its end, and the session ends when all is written. Whatever
else breaks it off is connected to again, after a pause.

## Folders

- A file is taken, oldest first, once it has a name of its own (not `.name`, `name.part` or `name.tmp`), is of a
  known kind (`.csv`, `.tsv`, `.txt`, plain, `.gz` or `.zst`; `.parquet`), and has not changed for a second. Writers
  that rename a finished file into the folder are safe in any case.
- What is loaded moves to `loaded` inside the folder, what cannot be loaded to `failed`, with the reason beside it
  in `NAME.why`. A file of a name that is there already gets a number before its name.
- How files are read is said as in `load`: `interval`, and the options from `preset` to `ambiguous`. When the first
  file does not fit them, the session ends and the file stays.

## A feed of your own

A function, or class method, makes it from a `FeedAddress`; an entry point of the group `barhouse.feeds` names it by
the scheme of its address. What it must have is [`Feed`](python.md#feed), and a class that inherits from that has
the rest. A session asks in this order:

1. `offer()`: the intervals of its bars (of trades: the base intervals they may be built into), and its symbols.
   Symbols are registered by it; with None as if it had whatever is wanted.
2. `deliveries(symbols, position)`, an asynchronous generator. The position is that of the last delivery taken:
   None, or, for a run that goes on, the last one committed. The first delivery is `Delivery(None)`, once the
   connection stands.
3. `acknowledge(position)` after each transaction, with the position of the last delivery in it. Deliveries before
   that are committed too, and are not acknowledged by themselves.
4. `ask(symbol, interval, start, end)`, at any time, beside deliveries: base bars with `start <= bar_start < end`,
   as anything that `load` takes, or None.
5. `subscribe` and `unsubscribe` when symbols come and go, `close()` at the end.

- **A delivery**: has a position that goes on after it, and `events`, `bars` (tables by interval) or `refused`, in
  any number; a `file` comes alone. `missed` says that something before it is lost for good.
- **At least once**: whatever was not acknowledged may have to be delivered again. What comes twice changes nothing;
  what does not come again after a failure is lost.
- **Order**: need not be kept; but time is the feed's while it is behind the clock, so bars delivered in order close
  soonest.
- **`FeedError`**: may come right: the session pauses, longer each time, and calls `deliveries` again with the
  position of the last delivery that it took.
- **`InputError`**: cannot: the session ends, and its run has failed.
- **A message that makes no sense**: is delivered as `Refused`, so that it does not come again for ever.
- **The name**: goes with the position: a run that goes on hands it only to a feed of the same name.
- **The event loop**: is shared: what takes long is awaited, or done in a thread.
"""


def page() -> str:
    """The page of the feeds."""
    options = LiveOptions()
    return HEADER + _TEXT.format(
        addresses=_addresses(),
        bar=f"{BarEvent.__doc__}",
        bar_fields=_fields(BarEvent),
        trade_fields=_fields(TradeEvent),
        cancel_fields=_fields(CancelEvent),
        settle=options.settle_seconds,
        kept=options.trades_kept_seconds,
    )


def _addresses() -> str:
    rows = [(code(f"{name}:"), _about(plugin)) for name, plugin in ((one.name, one) for one in FEEDS.plugins())]
    return table(("Scheme", "Feed"), rows)


def _about(plugin: Plugin) -> str:
    return (plugin.load().__doc__ or "").strip().partition("\n")[0].rstrip(".")


def _fields(model: type[BaseModel]) -> str:
    rows = []
    for name, spec in model.model_json_schema()["properties"].items():
        if name == "type":
            rows.append((code(name), code(f'"{spec["const"]}"'), "*required*", str(spec["description"])))
            continue
        field = model.model_fields[name]
        default = "*required*" if field.is_required() else "none" if field.default is None else code(str(field.default))
        rows.append((code(name), _type(spec), default, str(spec["description"])))
    return table(("Field", "Type", "Default", "Meaning"), rows)


def _type(spec: dict[str, object]) -> str:
    choices = spec.get("anyOf")
    found = choices[0] if isinstance(choices, list) else spec
    if found.get("format") == "date-time":
        return "instant"
    return {"string": "text", "integer": "whole number", "number": "number"}[str(found["type"])]
