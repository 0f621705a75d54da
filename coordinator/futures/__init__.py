"""Continuous futures: contracts one after the other, and the sessions from which on each counts."""
