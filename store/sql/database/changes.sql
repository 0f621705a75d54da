-- What transactions write, noted for whoever keeps a copy up to date.

-- name: sessions_of
-- The sessions of intervals that a relation has, up to a number of them.
-- gives: interval_id, session_date
-- takes: sessions: any
SELECT DISTINCT interval_id, session_date FROM {sessions} LIMIT $most;
