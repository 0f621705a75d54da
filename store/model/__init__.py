"""Values: intervals, bars, symbols, reports, and what callers give; no database."""
