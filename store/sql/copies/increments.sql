-- What a store has that it had not at an earlier state.

-- name: bars_since
-- The bars that newer batches wrote.
-- gives: *
-- reads: bar
SELECT * FROM bar WHERE batch_id > $since LIMIT $most;

-- name: revisions_since
-- The old values of bars that newer batches replaced or deleted.
-- gives: *
-- reads: bar_revision
SELECT * FROM bar_revision WHERE replaced_by > $since LIMIT $most;

-- name: batches_since
-- The newer batches.
-- gives: *
-- reads: batch
SELECT * FROM batch WHERE batch_id > $since LIMIT $most;

-- name: rejected_since
-- The rows that newer batches rejected.
-- gives: *
-- reads: rejected_bar
SELECT * FROM rejected_bar WHERE batch_id > $since LIMIT $most;

-- name: span_of_sessions
-- The first and the last of some sessions.
-- gives: first_date, last_date
-- takes: touched_sessions
SELECT min(session_date) AS first_date, max(session_date) AS last_date FROM {touched_sessions};

-- name: coverage_of_sessions
-- What is true of some sessions of intervals.
-- gives: *
-- takes: touched_sessions
-- reads: session_coverage
SELECT c.* FROM session_coverage AS c SEMI JOIN {touched_sessions} AS t USING (interval_id, session_date)
WHERE c.session_date >= $first_date AND c.session_date <= $last_date LIMIT $most;

-- name: gaps_of_sessions
-- The gaps they have.
-- gives: *
-- takes: touched_sessions
-- reads: gap
SELECT g.* FROM gap AS g SEMI JOIN {touched_sessions} AS t USING (interval_id, session_date)
WHERE g.session_date >= $first_date AND g.session_date <= $last_date LIMIT $most;

-- name: all_rows
-- A small table.
-- gives: *
SELECT * FROM {table} LIMIT $most;
