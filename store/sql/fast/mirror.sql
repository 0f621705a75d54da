-- What the mirror is made of: definitions, calendars, and what else a small write has to know.

-- name: definitions
-- Every interval of every active symbol, and how far it has come.
-- gives: interval_id, symbol_id, symbol, calendar, interval, unit, length, derived, closes_late, complete_through,
-- derived_through, next_close, retained_from, retained_date, first_session, expected_count, present_count, bar_count,
-- first_bar, last_bar, has_columns
-- reads: interval_definition, symbol, declared_column, column_symbol
SELECT d.interval_id, d.symbol_id, s.symbol, s.calendar, d.interval, d.unit, d.length, d.derived,
       s.closing_bar = 'include' AS closes_late, d.complete_through, d.derived_through, d.next_close, d.retained_from,
       d.retained_date, d.first_session, d.expected_count, d.present_count, d.bar_count, d.first_bar, d.last_bar,
       EXISTS (FROM declared_column WHERE of_all) OR d.symbol_id IN (SELECT symbol_id FROM column_symbol) AS has_columns
FROM interval_definition AS d
JOIN symbol AS s ON s.symbol_id = d.symbol_id AND s.removed_at IS NULL
ORDER BY d.interval_id;

-- name: segments
-- The segments of every session, in the order of time.
-- gives: calendar, session_date, ordinal, segment, segment_open, segment_close
-- reads: trading_session
SELECT calendar, session_date, ordinal, segment, segment_open, segment_close
FROM trading_session
WHERE replaced_by IS NULL
ORDER BY calendar, segment_open;

-- name: calendars
-- For which dates calendars are known, and where their weeks count from.
-- gives: calendar, known_from, known_through, origin
-- reads: trading_calendar, calendar_week
SELECT c.calendar, c.known_from, c.known_through, w.origin
FROM trading_calendar AS c
LEFT JOIN calendar_week AS w ON w.calendar = c.calendar AND w.replaced_by IS NULL;

-- name: newest
-- The newest batch and when it was committed, how many changes wait to be derived again, whether rows were offered that
-- were not taken, whether any vendor's bars count for more or less than those of nobody, and which names are aliases, or
-- were names before.
-- gives: batch_id, committed_at, invalidation_count, has_offers, has_ranks, dated_names
-- reads: batch, invalidation, offered_bar, symbol_name, vendor
SELECT coalesce(max(batch_id), 0) AS batch_id, max(committed_at) AS committed_at,
       (SELECT count(*) FROM invalidation) AS invalidation_count, EXISTS (FROM offered_bar) AS has_offers,
       EXISTS (FROM vendor WHERE priority <> 0) AS has_ranks,
       (SELECT coalesce(list(DISTINCT name), []) FROM symbol_name
        WHERE replaced_by IS NULL AND (is_alias OR valid_to IS NOT NULL)) AS dated_names
FROM batch;

-- name: invalidations
-- Where base bars changed below what is derived, so that it waits to be derived again.
-- gives: interval_id, range_start, range_end
-- reads: invalidation
SELECT interval_id, range_start, range_end FROM invalidation;
