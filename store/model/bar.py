"""The columns of a bar, as Arrow fields: the shape every source hands over and every query gives back.

A bar is one row: symbol x interval x ``bar_start``. Instants are UTC with microseconds, prices and volumes 64-bit
floats, ``trade_count`` and ``vwap`` may be null. What a row must satisfy to be taken is written once, in
``sql/load/placement.sql``; the bounds that the exact sums rest on are here.
"""

from __future__ import annotations

import re
from datetime import timedelta

import pyarrow as pa

INSTANT = pa.timestamp("us", tz="UTC")

#: What has been may lie this much after the store's clock: clocks differ.
CLOCK_TOLERANCE = timedelta(seconds=5)

#: |price| x volume must stay below, so that sums in DECIMAL(38, 15) cannot overflow (10**8 such bars fit).
TURNOVER_LIMIT = 1e15
#: The same for bars of whole sessions and longer, of which far fewer are summed.
TURNOVER_LIMIT_SESSIONS = 1e18
#: Volume alone must stay below, so that sums in DECIMAL(38, 9) cannot overflow.
VOLUME_LIMIT = 1e18
#: A count of trades must stay below, so that sums of BIGINT cannot overflow.
TRADE_COUNT_LIMIT = 1e15

#: What a source may call each part of a bar, compared without case; the first is our own name for it.
NAMES: dict[str, tuple[str, ...]] = {
    "bar_start": (
        "bar_start",
        "timestamp",
        "datetime",
        "date",
        "time",
        "ts",
        "timestamp_utc",
        "datetime_utc",
        "date_time",
        "open_time",
        "window_start",
        "ts_event",
        "t",
    ),
    "symbol": ("symbol", "ticker", "instrument"),
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "c"),
    "volume": ("volume", "vol", "v", "tickvol", "tick_volume", "real_volume"),
    "trade_count": ("trade_count", "trades", "transactions", "number_of_trades", "num_trades"),
    "vwap": ("vwap", "vw"),
}

#: How columns may be called that a store declares beyond these.
COLUMN = re.compile(r"[a-z][a-z0-9_]{0,62}")

#: What stands before such a name where a source numbers them: ``1. open``.
NUMBERED = re.compile(r"^\d+[.] ", re.ASCII)

#: The same, where no column has one of those names: too little by themselves to stand beside them.
FALLBACK_NAMES: dict[str, tuple[str, ...]] = {
    # All but the first are of an index without a name, as pandas writes it, and gives it back.
    "bar_start": ("unix", "index", "__index_level_0__", "column0", "unnamed: 0"),
    "close": ("last",),
}

#: What a source may call what tells instruments of one symbol apart: contracts, or places where it is traded.
INSTRUMENTS = frozenset(
    [
        "contract",
        "contract_month",
        "expiry",
        "expiration",
        "expiration_date",
        "expiry_date",
        "maturity",
        "delivery",
        "delivery_month",
        "strike",
        "right",
        "option_type",
        "instrument_id",
        "raw_symbol",
        "local_symbol",
        "conid",
        "isin",
        "exchange",
        "exch",
        "venue",
        "mic",
        "market",
        "publisher_id",
        "series",
        # What else tables of many call whose rows are whose; a name that nobody said is not taken for the symbol.
        "name",
        "code",
        "tic",
        "sym",
        "sym_root",
        "ric",
        "#ric",
        "figi",
        "cusip",
        "sedol",
        "permno",
        "gvkey",
        "sid",
        "secid",
        "sec_id",
        "security",
        "security_id",
        "stock",
        "stock_code",
        "stock_symbol",
        "ticker_symbol",
        "act_symbol",
        "asset",
        "asset_id",
        "coin",
        "pair",
        "product",
        "product_id",
        "instrument_name",
        "instrument_token",
    ]
)

#: Bars in our own columns: what feeds deliver and trades are built into.
COLUMNS = pa.schema(
    {
        "symbol": pa.string(),
        "bar_start": INSTANT,
        **dict.fromkeys(("open", "high", "low", "close", "volume"), pa.float64()),
        "trade_count": pa.int64(),
        "vwap": pa.float64(),
    }
)

#: How a source may write, in any case, that a value is unknown where a bar may lack it.
UNKNOWN = ("", "-", "--", ".", "nan", "null", "none", "na", "n/a", "#n/a", "\\n")

REQUIRED = ("bar_start", "open", "high", "low", "close", "volume")
