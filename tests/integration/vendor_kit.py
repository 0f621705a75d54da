"""Vendors' files in ``sample/vendors``, each with the bars it holds, written down by hand from its lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from load_kit import Bench

VENDORS = Path(__file__).parents[2] / "sample" / "vendors"
PRICES = ("open", "high", "low", "close", "volume")
#: The bar's start in UTC, or the date of its session; open, high, low, close, volume; trade count and vwap.
Row = tuple[str, float, float, float, float, float, int | None, float | None]


@dataclass(frozen=True)
class Vendor:
    """A file, how it is loaded, and the bars that it holds by symbol.

    Attributes
    ----------
    symbol
        Whose bars they are; None where the file says so.
    more
        What has to be said beside the preset.
    fits
        The presets that its first lines fit, where that is not just the one.
    """

    file: str
    preset: str
    interval: str
    calendar: str
    bars: dict[str, list[Row]]
    symbol: str | None = None
    more: dict[str, Any] = field(default_factory=dict)
    fits: tuple[str, ...] | None = None

    @property
    def path(self) -> Path:
        return VENDORS / self.file

    def __str__(self) -> str:
        return self.file


def row(start: str, *prices: float, trades: int | None = None, vwap: float | None = None) -> Row:
    first, high, low, last, volume = prices
    return (start, first, high, low, last, volume, trades, vwap)


AAPL = [
    row("2024-10-21 13:30", 234.45, 234.9, 234.1, 234.8, 512345),
    row("2024-10-21 13:31", 234.8, 235.05, 234.7, 234.95, 98765),
]
AAPL_TRADES = [(*AAPL[0][:6], 4321, None), (*AAPL[1][:6], 987, None)]
ALPACA = {
    "AAPL": [
        row("2024-10-21 13:30", 234.45, 234.9, 234.1, 234.8, 512345, trades=4321, vwap=234.52),
        row("2024-10-21 13:31", 234.8, 235.05, 234.7, 234.95, 98765, trades=987, vwap=234.9),
    ],
    "SPY": [row("2024-10-21 13:30", 583.85, 584.2, 583.6, 584.0, 301200, trades=2500, vwap=583.91)],
}
COINBASE = [
    row("2024-10-21 10:00", 67000.0, 67120.0, 66950.5, 67100.2, 11.22334),
    row("2024-10-21 10:01", 67100.2, 67150.5, 66980.01, 67060.11, 7.65432),
]
FIRSTRATE = [row("2024-10-21 13:29", 234.3, 234.5, 234.2, 234.45, 15230), *AAPL]
HISTDATA = [
    row("2024-07-01 05:00", 1.0766, 1.0767, 1.07656, 1.07659, 0),
    row("2024-07-01 05:01", 1.07659, 1.07662, 1.07647, 1.07656, 0),
]
#: At a broker whose clock shows midnight when New York's shows 17:00.
METATRADER = [
    row("2024-10-21 14:00", 1.08512, 1.08534, 1.08501, 1.08520, 123),
    row("2024-10-21 14:01", 1.08520, 1.08526, 1.08511, 1.08515, 98),
    row("2024-10-28 13:00", 1.08102, 1.08124, 1.08091, 1.08110, 223),
]
AAPL_DAYS = [
    row("2024-10-18", 236.18, 236.18, 234.01, 235, 46431472),
    row("2024-10-21", 234.45, 236.85, 234.45, 236.48, 36254470),
]
SPY = [
    row("2024-10-21 13:30", 583.85, 584.2, 583.6, 584.0, 301200),
    row("2024-10-21 13:31", 584.0, 584.15, 583.9, 584.1, 120300),
]
IBKR = [
    row("2024-10-21 13:30", 234.45, 234.9, 234.1, 234.8, 5123, trades=1321, vwap=234.52),
    row("2024-10-21 13:31", 234.8, 235.05, 234.7, 234.95, 987, trades=402, vwap=234.9),
]
KLINES = [
    row("2024-10-21 10:00", 67000.01, 67120.5, 66980.0, 67100.25, 12.34567, trades=1543),
    row("2024-10-21 10:01", 67100.25, 67150.0, 67050.75, 67060.0, 8.7654, trades=1102),
]
#: In two weeks: between them Europe's clocks went back, and America's had not yet.
EURUSD_WEEKS = [
    row("2024-10-21 14:00", 1.08512, 1.08534, 1.08501, 1.08520, 1234.56),
    row("2024-10-21 14:01", 1.08520, 1.08526, 1.08511, 1.08515, 987.65),
    row("2024-10-28 14:00", 1.08102, 1.08124, 1.08091, 1.08110, 2234.56),
]
YAHOO_DAYS = [
    row("2024-10-18", 235.177, 235.177, 233.016, 234.002, 46431500),
    row("2024-10-21", 233.45, 235.846, 233.45, 235.48, 36254500),
]

BROKER = {"timezone": "America/New_York+07:00"}

CASES = [
    Vendor("alpaca.csv", "alpaca", "1m", "XNYS", ALPACA),
    Vendor("alpaca.json", "alpaca_json", "1m", "XNYS", ALPACA),
    Vendor("binance.csv", "binance", "1m", "24/7", {"BTCUSDT": KLINES}, "BTCUSDT"),
    Vendor(
        "binance_us.csv",
        "binance_us",
        "1m",
        "24/7",
        {
            "BTCUSDT": [
                row("2025-01-15 14:30", 96500.0, 96620.5, 96480.0, 96600.25, 12.34567, trades=1543),
                row("2025-01-15 14:31", 96600.25, 96650.0, 96550.75, 96560.0, 8.7654, trades=1102),
            ]
        },
        "BTCUSDT",
    ),
    Vendor("binance_futures.csv", "binance_futures", "1m", "24/7", {"BTCUSDT": KLINES}, "BTCUSDT"),
    Vendor("coinbase.csv", "coinbase", "1m", "24/7", {"BTC-USD": COINBASE}, "BTC-USD"),
    Vendor("coinbase.json", "coinbase", "1m", "24/7", {"BTC-USD": COINBASE}, "BTC-USD", fits=()),
    Vendor(
        "cryptodatadownload.csv",
        "cryptodatadownload",
        "1h",
        "24/7",
        {
            "BTC/USD": [
                row("2024-10-21 10:00", 66800, 67050, 66750.75, 67000.5, 99.25),
                row("2024-10-21 11:00", 67000.5, 67200, 66900, 67150.25, 101.5),
            ]
        },
        more={"volume_column": "Volume BTC"},
    ),
    Vendor("databento.csv", "databento", "1m", "XNYS", {"SPY": SPY}),
    Vendor("databento_raw.csv", "databento_raw", "1m", "XNYS", {"SPY": SPY}),
    Vendor("databento_raw_prices.csv", "databento_raw_prices", "1m", "XNYS", {"SPY": SPY}),
    Vendor("databento_raw_stamps.csv", "databento_raw_stamps", "1m", "XNYS", {"SPY": SPY}),
    Vendor(
        "dukascopy.csv",
        "dukascopy",
        "1m",
        "24/7",
        {"EURUSD": EURUSD_WEEKS[:2]},
        "EURUSD",
    ),
    Vendor("dukascopy_local.csv", "dukascopy_local", "1m", "24/7", {"EURUSD": EURUSD_WEEKS}, "EURUSD"),
    Vendor("firstratedata.txt", "firstratedata", "1m", "XNYS", {"AAPL": FIRSTRATE}, "AAPL"),
    Vendor("firstratedata_header.csv", "firstratedata", "1m", "XNYS", {"AAPL": FIRSTRATE}, "AAPL", fits=()),
    Vendor(
        "histdata.csv",
        "histdata",
        "1m",
        "24/7",
        {"EURUSD": HISTDATA},
        "EURUSD",
        fits=("histdata", "ninjatrader"),
    ),
    Vendor(
        "histdata_metatrader.csv",
        "histdata_metatrader",
        "1m",
        "24/7",
        {"EURUSD": HISTDATA},
        "EURUSD",
        fits=("histdata_metatrader", "metatrader4"),
    ),
    Vendor("ibkr.csv", "ibkr", "1m", "XNYS", {"AAPL": IBKR}, "AAPL"),
    Vendor("ibkr_api.csv", "ibkr_api", "1m", "XNYS", {"AAPL": IBKR}, "AAPL"),
    Vendor(
        "investing.csv",
        "investing",
        "1d",
        "XNYS",
        {
            "SPX": [
                row("2024-10-18", 5840, 5867.75, 5835.25, 5861.5, 950500),
                row("2024-10-21", 5861.5, 5870, 5825.5, 5854, 1200000),
            ]
        },
        "SPX",
    ),
    Vendor("jforex.csv", "jforex", "1m", "24/7", {"EURUSD": EURUSD_WEEKS}, "EURUSD"),
    Vendor("kibot.txt", "kibot", "1m", "XNYS", {"AAPL": FIRSTRATE}, "AAPL"),
    Vendor(
        "kibot_daily.txt",
        "kibot_daily",
        "1d",
        "XNYS",
        {"AAPL": [(*AAPL_DAYS[0][:5], 46431500, None, None), (*AAPL_DAYS[1][:5], 36254500, None, None)]},
        "AAPL",
    ),
    Vendor(
        "kraken.csv",
        "kraken",
        "1m",
        "24/7",
        {
            "XBTUSD": [
                row("2024-10-21 10:00", 67000.0, 67120.1, 66980.0, 67100.2, 1.23456789, trades=57),
                row("2024-10-21 10:01", 67100.2, 67150.0, 67050.7, 67060.0, 0.87654321, trades=31),
            ]
        },
        "XBTUSD",
    ),
    Vendor("metatrader4.csv", "metatrader4", "1m", "24/7", {"EURUSD": METATRADER}, "EURUSD", more=BROKER),
    Vendor("metatrader5.csv", "metatrader5", "1m", "24/7", {"EURUSD": METATRADER}, "EURUSD", more=BROKER),
    Vendor(
        "metatrader5_daily.csv",
        "metatrader5_daily",
        "1d",
        "24/7",
        {
            "EURUSD": [
                row("2024-10-21", 1.08512, 1.08734, 1.08301, 1.08420, 54321),
                row("2024-10-22", 1.08420, 1.08526, 1.08211, 1.08315, 43210),
            ]
        },
        "EURUSD",
    ),
    Vendor(
        "nasdaq.csv",
        "nasdaq",
        "1d",
        "XNYS",
        {"AAPL": [(*AAPL_DAYS[0][:5], 46431470, None, None), AAPL_DAYS[1]]},
        "AAPL",
    ),
    Vendor(
        "ninjatrader.txt",
        "ninjatrader",
        "1m",
        "XNYS",
        {
            "ES": [
                row("2024-10-21 13:30", 5850.25, 5852.5, 5849.75, 5851, 1234),
                row("2024-10-21 13:31", 5851, 5851.75, 5850, 5850.5, 987),
            ]
        },
        "ES",
    ),
    Vendor(
        "ninjatrader_daily.txt",
        "ninjatrader_daily",
        "1d",
        "XNYS",
        {
            "ES": [
                row("2024-10-18", 5840, 5867.75, 5835.25, 5861.5, 1100234),
                row("2024-10-21", 5861.5, 5870, 5825.5, 5854, 1203345),
            ]
        },
        "ES",
    ),
    Vendor("polygon.json", "polygon_json", "1m", "XNYS", {"AAPL": ALPACA["AAPL"]}),
    Vendor(
        "polygon.csv",
        "polygon",
        "1m",
        "XNYS",
        {"AAPL": AAPL_TRADES, "SPY": [(*SPY[0][:6], 2500, None)]},
    ),
    Vendor(
        "polygon_day.csv",
        "polygon",
        "1d",
        "XNYS",
        {
            "AAPL": [
                row("2024-10-18", 236.18, 236.18, 234.01, 235, 46431470, trades=512345),
                row("2024-10-21", 234.45, 236.85, 234.45, 236.48, 36254470, trades=432101),
            ]
        },
    ),
    Vendor("stooq.csv", "stooq", "1d", "XNYS", {"AAPL": AAPL_DAYS}, "AAPL", fits=("stooq", "yfinance")),
    Vendor("stooq_bulk.txt", "stooq_bulk", "1d", "XNYS", {"AAPL.US": AAPL_DAYS}),
    Vendor("tradingview.csv", "tradingview", "1m", "XNYS", {"SPY": SPY}, "SPY"),
    Vendor("tradingview_unix.csv", "tradingview_unix", "1m", "XNYS", {"SPY": SPY}, "SPY"),
    Vendor("yfinance_history.csv", "yfinance", "1d", "XNYS", {"AAPL": YAHOO_DAYS}, "AAPL"),
    Vendor("yfinance_intraday.csv", "yfinance", "1m", "XNYS", {"AAPL": AAPL}, "AAPL"),
    Vendor("yfinance_download.csv", "yfinance_download", "1d", "XNYS", {"AAPL": YAHOO_DAYS}, "AAPL"),
]


def make_templates(folder: Path) -> Path:
    """Stores with the symbols of all files and no bars, one for each interval: ``1m.duckdb``, ``1d.duckdb``."""
    for interval in sorted({vendor.interval for vendor in CASES}):
        bench = Bench(folder / f"{interval}.duckdb", folder)
        for vendor in CASES:
            if vendor.interval == interval:
                bench.coordinator.register(list(vendor.bars), [interval], vendor.calendar, base=interval)
        bench.store.close()
    return folder


def held(bench: Bench, vendor: Vendor) -> dict[str, list[Row]]:
    """What a store has of a file's symbols."""
    return {symbol: kept(bench.bars(symbol, vendor.interval), vendor.interval) for symbol in vendor.bars}


def kept(rows: list[dict[str, Any]], interval: str) -> list[Row]:
    """Bars of a store, as they are written down here."""
    found = []
    for bar in rows:
        start = f"{bar['session_date']}" if interval == "1d" else f"{bar['bar_start']:%Y-%m-%d %H:%M}"
        found.append((start, *(bar[name] for name in PRICES), bar["trade_count"], bar["vwap"]))
    return found
