-- Live sessions: what the clock and the gaps ask for.

-- name: sessions_over
-- The last session that has closed and has not been declared over, for symbols that have bars: it takes those before
-- it along. Symbols that have come equally far are looked at once, and only sessions beyond the one furthest behind.
-- gives: calendar, session_date, symbols
-- reads: calendar_session, definition
WITH standing AS (
    SELECT calendar, closing_seconds, complete_through, list(symbol ORDER BY symbol) AS symbols
    FROM definition
    WHERE NOT derived AND complete_through IS NOT NULL AND symbol IN (SELECT unnest($symbols::VARCHAR[]))
    GROUP BY calendar, closing_seconds, complete_through
),
closed AS (
    SELECT calendar, session_date, session_close
    FROM calendar_session
    WHERE session_close <= $through
      AND session_close > (SELECT later(min(complete_through), -max(closing_seconds) - 1) FROM standing)
)
SELECT calendar, session_date, flatten(list(symbols)) AS symbols
FROM (SELECT t.calendar, t.symbols, max(c.session_date) AS session_date
      FROM standing AS t
      JOIN closed AS c ON c.calendar = t.calendar
      WHERE t.complete_through < later(c.session_close, t.closing_seconds)
        AND later(c.session_close, t.closing_seconds) <= $through
      GROUP BY t.calendar, t.symbols)
GROUP BY calendar, session_date
ORDER BY session_date, calendar;

-- name: gaps_since
-- The gaps of base bars in sessions since a date; and of the symbols whose trades are followed the bars that lack some
-- where nothing is expected: outside of sessions, and closing bars.
-- gives: symbol, interval, gap_start, gap_end
-- reads: bar, definition, followed_symbol, gap
SELECT d.symbol, d.interval, g.gap_start, g.gap_end
FROM definition AS d
JOIN gap AS g USING (interval_id)
WHERE NOT d.derived AND d.symbol IN (SELECT unnest($symbols::VARCHAR[])) AND g.session_date >= $since
UNION ALL
SELECT d.symbol, d.interval, b.bar_start, later(b.bar_start, b.span_seconds)
FROM definition AS d
JOIN bar AS b USING (interval_id)
WHERE d.symbol IN (SELECT unnest($symbols::VARCHAR[])) AND d.interval_id IN (SELECT interval_id FROM followed_symbol)
  AND b.bar_start >= $since::DATE::TIMESTAMP AT TIME ZONE 'UTC' AND b.expected_count = 0
  AND b.base_count < CASE WHEN b.session_date IS NULL THEN 1 ELSE 0 END
ORDER BY symbol, gap_start;

-- name: base_progress
-- How far the base bars of each symbol have come.
-- gives: symbol, interval, complete_through, calendar
-- reads: definition
SELECT symbol, interval, complete_through, calendar
FROM definition
WHERE NOT derived AND symbol IN (SELECT unnest($symbols::VARCHAR[]))
ORDER BY symbol;

-- name: cursor
-- How far the base bars of some symbols have come at most.
-- gives: complete_through
-- reads: definition
SELECT max(complete_through) AS complete_through FROM definition WHERE NOT derived AND symbol IN (SELECT unnest($symbols::VARCHAR[]));

-- name: was_requested
-- Whether some file was loaded that was to be read in the same way.
-- gives: was_requested
-- reads: source_file
SELECT EXISTS (FROM source_file WHERE request = $request) AS was_requested;
