-- Copies of a store: telling one state of it from another.

-- name: state
-- How far a store has come, and what tells this state from every other: what is kept of its bars, and of its runs.
-- No bar changes without a batch, and what changes without one is small.
-- gives: batch_id, committed_at, bars, runs
-- reads: alembic_version, batch, calendar_correction, column_symbol, declared_column, interval_definition, session_run, store_option, symbol, trading_calendar, vendor
WITH part AS (
    SELECT 1 AS place, v::VARCHAR AS said FROM alembic_version AS v
    UNION ALL SELECT 2, b::VARCHAR FROM batch AS b WHERE batch_id = (SELECT max(batch_id) FROM batch)
    UNION ALL SELECT 3, s::VARCHAR FROM symbol AS s
    UNION ALL SELECT 4, d::VARCHAR FROM interval_definition AS d
    UNION ALL SELECT 5, c::VARCHAR FROM trading_calendar AS c
    UNION ALL SELECT 6, o::VARCHAR FROM store_option AS o
    UNION ALL SELECT 7, k::VARCHAR FROM calendar_correction AS k
    UNION ALL SELECT 8, v::VARCHAR FROM vendor AS v
    UNION ALL SELECT 9, c::VARCHAR FROM declared_column AS c
    UNION ALL SELECT 10, s::VARCHAR FROM column_symbol AS s
)
SELECT (SELECT max(batch_id) FROM batch) AS batch_id, (SELECT max(committed_at) FROM batch) AS committed_at,
       (SELECT md5(string_agg(said, chr(10) ORDER BY place, said)) FROM part) AS bars,
       (SELECT md5(string_agg(r::VARCHAR, chr(10) ORDER BY run_id)) FROM session_run AS r) AS runs;

-- name: newest_batch
-- How far a store of any schema has come.
-- gives: batch_id, committed_at
-- reads: batch
SELECT batch_id, committed_at FROM batch ORDER BY batch_id DESC LIMIT 1;

-- name: batch_count
-- Whether a store has a batch that another one has.
-- gives: batch_count
-- reads: batch
SELECT count(*) AS batch_count FROM batch WHERE batch_id = $batch_id AND committed_at = $committed_at::TIMESTAMPTZ;

-- name: attach_for_reading
-- Have another store's file at hand, as it is.
-- part: statement
ATTACH {file} AS {name} (READ_ONLY)

-- name: use
-- Have names mean what is in that file.
-- part: statement
USE {name}

-- name: limits
-- What a store may use of the machine.
-- gives: threads, memory_limit
SELECT current_setting('threads') AS threads, current_setting('memory_limit') AS memory_limit;
