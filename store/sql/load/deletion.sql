-- Deleting bars and ending sessions.

-- name: deleting
-- The range of a symbol's base bars that is to go.
CREATE OR REPLACE TEMP TABLE deleting AS
SELECT interval_id, coalesce($start::TIMESTAMPTZ, beginning()) AS from_,
       coalesce($end::TIMESTAMPTZ, 'infinity'::TIMESTAMPTZ) AS to_
FROM definition WHERE symbol = $symbol AND NOT derived;

-- name: deleting_place
-- Where the bars of that range are; null when there is none.
SELECT any_value(b.interval_id), min(b.bar_start), max(later(b.bar_start, b.span_seconds))
FROM bar AS b JOIN deleting AS d ON d.interval_id = b.interval_id AND b.bar_start >= d.from_ AND b.bar_start < d.to_;

-- name: rewind
-- A base interval is complete through the last bar it has left, and no further; but not back into what was purged.
UPDATE interval_definition SET complete_through = (
    SELECT greatest(max(later(b.bar_start, b.span_seconds)), retained_from) FROM bar AS b
    WHERE b.interval_id = $interval_id)
WHERE interval_id = $interval_id;

-- name: ending
-- The base intervals that a session's end moves on: complete through its last close, a closing bar included.
CREATE OR REPLACE TEMP TABLE progress AS
SELECT d.interval_id, d.calendar, d.kind, d.length,
       d.complete_through AS old_through, later(s.session_close, d.closing_seconds) AS new_through,
       d.first_session AS old_first, coalesce(d.account_from, d.first_session) AS new_first
FROM definition AS d
JOIN calendar_session AS s ON s.calendar = d.calendar AND s.session_date = $session_date::DATE
WHERE NOT d.derived AND ($symbols IS NULL OR list_contains($symbols::VARCHAR[], d.symbol))
  AND d.complete_through < later(s.session_close, d.closing_seconds);

-- name: symbols_reached
-- The symbols of the intervals that go on.
SELECT s.symbol
FROM progress AS p JOIN interval_definition AS d USING (interval_id) JOIN symbol AS s USING (symbol_id)
ORDER BY s.symbol;
