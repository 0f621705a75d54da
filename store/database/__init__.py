"""The DuckDB file: opened, locked, upgraded, copied, and the transactions on it."""
