# The main job, on real data: vendors' files in, longer bars out in SQL.
# Run by `make demo`; each command is shown before what it says.
set -ev

export BARHOUSE_STORE=demo.duckdb

# What the job would do.
barhouse run sample/demo.toml --dry-run

# Register, load, derive, verify: what a scheduler runs every night. The exit code says how it went.
barhouse run sample/demo.toml

# What there is now, and SPY's days.
barhouse status

barhouse sql "SELECT session_date, open, high, low, close, volume, complete FROM bars WHERE symbol = 'SPY' AND interval = '1d'"

# All of it is in the file demo.duckdb. Ask on:
#     .venv/bin/barhouse --store demo.duckdb sql "FROM gaps"
#     .venv/bin/barhouse --store demo.duckdb sql --help
# or open it with any DuckDB client of version 1.5 or newer, such as DuckDB's own:
#     duckdb -readonly demo.duckdb -c "FROM intervals"
# or look at it in a browser, at the address that this says:
#     .venv/bin/barhouse serve demo.duckdb
# Run `make demo` again: nothing will be new.
