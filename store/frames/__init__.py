"""Bars as data frames, and data frames as tables of a query."""
