"""Hours of trading, as session segments in UTC; the one room that knows exchange_calendars."""
