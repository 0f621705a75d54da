"""What a source may call the parts of a trade, compared without case; the first of each is our own name for it."""

from __future__ import annotations

NAMES: dict[str, tuple[str, ...]] = {
    "traded_at": (
        "traded_at",
        "timestamp",
        "datetime",
        "date",
        "time",
        "ts",
        "timestamp_utc",
        "datetime_utc",
        "date_time",
        "ts_event",
        "sip_timestamp",
        "participant_timestamp",
        "transact_time",
        "trade_time",
        "t",
    ),
    "symbol": ("symbol", "ticker", "instrument"),
    "price": ("price", "p"),
    "size": ("size", "qty", "quantity", "amount", "volume", "s"),
    "trade_id": ("trade_id", "tradeid", "id", "trade id", "agg_trade_id"),
}

REQUIRED = ("traded_at", "price", "size")
