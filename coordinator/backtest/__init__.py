"""Backtests: what a store holds, again, in simulated time."""
