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

-- name: values_since
-- The values of declared columns that newer batches wrote.
-- gives: *
-- reads: bar_values
SELECT * FROM bar_values WHERE batch_id > $since LIMIT $most;

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

-- name: rows_of_sessions
-- What a table has of some sessions of intervals.
-- gives: *
-- takes: wanted_keys
SELECT t.* FROM {table} AS t SEMI JOIN {wanted_keys} AS w USING (interval_id, session_date)
WHERE t.session_date >= $first AND t.session_date <= $last LIMIT $most;

-- name: rows_of_intervals
-- What a table has of some intervals.
-- gives: *
-- takes: wanted_keys
SELECT t.* FROM {table} AS t SEMI JOIN {wanted_keys} AS w USING (interval_id)
WHERE t.interval_id >= $first AND t.interval_id <= $last LIMIT $most;

-- name: all_rows
-- A small table.
-- gives: *
SELECT * FROM {table} LIMIT $most;
