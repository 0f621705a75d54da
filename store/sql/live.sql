-- Live sessions: what the clock and the gaps ask for.

-- name: sessions_over
-- Sessions that have closed and have not been declared over, for symbols that have bars: (calendar, session, symbols).
SELECT d.calendar, s.session_date, list(d.symbol ORDER BY d.symbol)
FROM definition AS d
JOIN calendar_session AS s ON s.calendar = d.calendar
WHERE NOT d.derived AND list_contains($symbols::VARCHAR[], d.symbol)
  AND d.complete_through < later(s.session_close, d.closing_seconds)
  AND later(s.session_close, d.closing_seconds) <= $through
GROUP BY d.calendar, s.session_date
ORDER BY s.session_date, d.calendar;

-- name: gaps_since
-- The gaps of base bars in sessions since a date.
SELECT d.symbol, d.interval, g.gap_start, g.gap_end
FROM definition AS d
JOIN gap AS g USING (interval_id)
WHERE NOT d.derived AND list_contains($symbols::VARCHAR[], d.symbol) AND g.session_date >= $since
ORDER BY d.symbol, g.gap_start;

-- name: come_to
-- How far the base bars of each symbol have come.
SELECT symbol, interval, complete_through
FROM definition
WHERE NOT derived AND list_contains($symbols::VARCHAR[], symbol)
ORDER BY symbol;

-- name: cursor
-- How far the base bars of some symbols have come at most.
SELECT max(complete_through) FROM definition WHERE NOT derived AND list_contains($symbols::VARCHAR[], symbol);
