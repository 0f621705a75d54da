-- Sessions declared over.

-- name: opens_of_session
-- For how many base intervals a session of a date has begun by an instant; and when it begins for the first of the others.
-- gives: begun_count, next_open
-- reads: definition, calendar_session
SELECT count(*) FILTER (WHERE s.session_open <= $through) AS begun_count,
       min(s.session_open) FILTER (WHERE s.session_open > $through) AS next_open
FROM definition AS d
JOIN calendar_session AS s ON s.calendar = d.calendar AND s.session_date = $session_date::DATE
WHERE NOT d.derived AND ($symbols IS NULL OR list_contains($symbols::VARCHAR[], d.symbol));

-- name: moves_of_session_end
-- The base intervals that the end of a session moves on that has begun by an instant: complete through its last close, a
-- closing bar included.
-- makes: watermark_moves(interval_id, calendar, kind, length, old_through, new_through, old_first, new_first)
-- reads: definition, calendar_session
CREATE OR REPLACE TEMP TABLE {watermark_moves} AS
SELECT d.interval_id, d.calendar, d.kind, d.length,
       d.complete_through AS old_through, later(s.session_close, d.closing_seconds) AS new_through,
       d.first_session AS old_first, coalesce(d.account_from, d.first_session) AS new_first
FROM definition AS d
JOIN calendar_session AS s ON s.calendar = d.calendar AND s.session_date = $session_date::DATE
WHERE NOT d.derived AND ($symbols IS NULL OR list_contains($symbols::VARCHAR[], d.symbol))
  AND d.complete_through < later(s.session_close, d.closing_seconds)
  AND s.session_open <= $through;

-- name: symbols_of_moves
-- The symbols of the intervals that go on.
-- gives: symbol
-- takes: watermark_moves
-- reads: interval_definition, symbol
SELECT s.symbol
FROM {watermark_moves} AS p JOIN interval_definition AS d USING (interval_id) JOIN symbol AS s USING (symbol_id)
ORDER BY s.symbol;
