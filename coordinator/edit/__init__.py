"""Changes to what is there: deletions, calendars, retention, and what they derive again."""
