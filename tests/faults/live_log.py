"""What a producer sends, message by message and always the same: bars, trades, corrections, cancellations."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

OPEN = datetime(2024, 11, 29, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SYMBOLS = ("AAA", "BBB", "TTT")  # the last has trades
INTERVALS = ("1m", "5m", "1h", "1d")
Event = dict[str, Any]


def first_bar(symbol: str, minute: int) -> Event | None:
    """The bar of a minute; a few are never sent."""
    chance = random.Random(f"{symbol} {minute}")
    if chance.random() < 0.1:
        return None
    price, close = 100 + chance.random(), 100 + chance.random()
    return {
        **{"type": "bar", "symbol": symbol, "interval": "1m", "start": (OPEN + minute * MINUTE).isoformat()},
        **{"open": price, "high": max(price, close) + 0.5, "low": min(price, close) - 0.5, "close": close},
        "volume": float(chance.randrange(1000)),
    }


def correction(symbol: str, minute: int) -> Event | None:
    """The same bar sent again, three messages later, with another volume; a tenth of them."""
    bar = first_bar(symbol, minute) if minute >= 0 else None
    if bar is None or random.Random(f"again {symbol} {minute}").random() > 0.1:
        return None
    return {**bar, "volume": bar["volume"] + 0.5}


def trades(minute: int) -> list[Event]:
    """The trades of a minute."""
    chance = random.Random(f"trades {minute}")
    return [
        {
            **{"type": "trade", "symbol": "TTT", "id": f"{minute}/{number}"},
            "at": (OPEN + minute * MINUTE + timedelta(seconds=chance.randrange(60))).isoformat(),
            **{"price": float(chance.randrange(90, 110)), "size": float(chance.randrange(1, 50)), "sequence": number},
        }
        for number in range(chance.randrange(6))
    ]


def is_cancelled(trade: Event) -> bool:
    """Whether a trade is cancelled two messages after it was sent."""
    return random.Random(f"cancel {trade['id']}").random() < 0.15


def message(number: int) -> list[Event]:
    """The events of message ``number``, counted from 1."""
    minute = number - 1
    found = [first_bar(symbol, minute) for symbol in SYMBOLS[:2]]
    found += [correction(symbol, minute - 3) for symbol in SYMBOLS[:2]]
    found += [one for one in trades(minute) if int(one["id"].split("/")[1]) % 3]
    if minute >= 1:  # a third of the trades come a message late
        found += [one for one in trades(minute - 1) if int(one["id"].split("/")[1]) % 3 == 0]
    if minute >= 2:
        gone = [one for one in trades(minute - 2) if is_cancelled(one)]
        found += [{"type": "cancel", "symbol": "TTT", "id": one["id"]} for one in gone]
    events = [one for one in found if one is not None]
    random.Random(number).shuffle(events)
    return events


def expected(count: int) -> dict[tuple[str, datetime], tuple[float, ...]]:
    """The base bars after so many messages: (open, high, low, close, volume) by symbol and start."""
    bars: dict[tuple[str, datetime], tuple[float, ...]] = {}
    sent: dict[str, Event] = {}
    gone = set()
    for number in range(1, count + 1):
        for event in message(number):
            if event["type"] == "bar":
                key = (event["symbol"], datetime.fromisoformat(event["start"]))
                bars[key] = tuple(event[name] for name in ("open", "high", "low", "close", "volume"))
            elif event["type"] == "trade":
                sent[event["id"]] = event
            else:
                gone.add(event["id"])
    minutes: dict[int, list[Event]] = {}
    for identity, trade in sent.items():
        if identity not in gone:
            minutes.setdefault(int(identity.split("/")[0]), []).append(trade)
    for minute, made in minutes.items():
        made.sort(key=lambda one: (one["at"], one["sequence"]))
        prices = [one["price"] for one in made]
        volume = sum(one["size"] for one in made)
        bars["TTT", OPEN + minute * MINUTE] = (prices[0], max(prices), min(prices), prices[-1], volume)
    return bars
