"""Rows with an identity: batches, runs, registrations and kept calendars."""
