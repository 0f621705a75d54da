# The main job, on real data: one file of minute bars in, longer bars out in SQL.
# Run by `make demo`; each command is shown before what it says.
set -ev

export BARHOUSE_STORE=demo.duckdb

barhouse init

# What is wanted. What must be loaded for it follows, unless the source has only one interval.
barhouse register SPY --calendar XNYS --intervals 1m,5m,15m,1h,1d

barhouse register BTC-USD --calendar 24/7 --intervals 1h,4h,1d,1w --base 1h

# Vendors' files as they came; times without a zone are never guessed at.
barhouse load sample/spy_1m_2020-12-15_18.csv --symbol SPY --interval 1m --timezone America/New_York

barhouse load sample/btcusd_1h_2017_2019.csv --symbol BTC-USD --interval 1h --timezone UTC \
    --skip-rows 1 --timestamp-format '%Y-%m-%d %I-%p' --volume-column volume_btc

# Derive what is waiting.
barhouse process

# What there is now, and SPY's days.
barhouse status

barhouse sql "SELECT * FROM bars WHERE symbol = 'SPY' AND interval = '1d'"

# All of it is in the file demo.duckdb. Ask on:
#     .venv/bin/barhouse --store demo.duckdb sql "FROM gaps"
#     .venv/bin/barhouse --store demo.duckdb sql --help
# or open it with any DuckDB client of version 1.5 or newer, such as DuckDB's own:
#     duckdb -readonly demo.duckdb -c "FROM intervals"
# Run `make demo` again: nothing will be new.
