-- Writing bars: what is new is added, what differs is replaced and its old values kept, what is equal is left alone.

-- name: append
-- Bars that cannot be there yet, in the order they come in; says how many they are.
INSERT INTO bar
SELECT interval_id, bar_start, span_seconds, session_date, segment, open, high, low, close, volume, trade_count, vwap,
       base_count, expected_count, $batch_id
FROM {fresh};

-- name: count_fresh
-- How many rows are to be written.
SELECT count(*) FROM {fresh};

-- name: compare
-- How the fresh bars differ from those that are there; row_id says where the latter are, recounted whether it matters to
-- accounts. Of a bar that goes, what places it is told.
CREATE OR REPLACE TEMP TABLE delta AS
SELECT interval_id, bar_start,
       CASE WHEN f.fresh THEN f.span_seconds ELSE b.span_seconds END AS span_seconds,
       CASE WHEN f.fresh THEN f.session_date ELSE b.session_date END AS session_date,
       CASE WHEN f.fresh THEN f.segment ELSE b.segment END AS segment,
       f.open, f.high, f.low, f.close, f.volume, f.trade_count, f.vwap,
       CASE WHEN f.fresh THEN f.base_count ELSE b.base_count END AS base_count,
       CASE WHEN f.fresh THEN f.expected_count ELSE b.expected_count END AS expected_count,
       CASE WHEN f.fresh IS NULL THEN 'delete' WHEN b.row_id IS NULL THEN 'insert' ELSE 'revise' END AS action,
       b.row_id,
       f.fresh IS NULL OR b.row_id IS NULL
           OR (f.base_count, f.expected_count, f.span_seconds, f.session_date, f.segment)
              IS DISTINCT FROM (b.base_count, b.expected_count, b.span_seconds, b.session_date, b.segment) AS recounted
FROM (SELECT true AS fresh, * FROM {fresh}) AS f
{joined} JOIN {there} AS b USING (interval_id, bar_start)
WHERE (f.fresh IS NULL {spared})
   OR (f.fresh AND (
       b.row_id IS NULL
       OR b.open <> f.open OR b.high <> f.high OR b.low <> f.low OR b.close <> f.close OR b.volume <> f.volume
       OR b.base_count <> f.base_count OR b.expected_count <> f.expected_count OR b.span_seconds <> f.span_seconds
       OR b.trade_count IS DISTINCT FROM f.trade_count OR b.vwap IS DISTINCT FROM f.vwap
       OR b.session_date IS DISTINCT FROM f.session_date OR b.segment IS DISTINCT FROM f.segment));

-- name: there_by_key
-- The bars of intervals that rows came for where bars may be. Asking for the interval by itself first lets DuckDB leave
-- the other columns of all others unread, which bounds do not where rows are scattered.
(SELECT b.rowid AS row_id, b.* FROM bar AS b
 WHERE b.bar_start >= $first_start::TIMESTAMPTZ AND b.bar_start < $last_end::TIMESTAMPTZ
   AND b.interval_id IN (SELECT interval_id FROM progress WHERE first_start < old_through))

-- name: there_in_place
-- The bars in the place that is written anew; those that are not among the fresh ones go.
(SELECT b.rowid AS row_id, b.*
 FROM bar AS b
 SEMI JOIN {place} AS p ON {inside}
 WHERE b.bar_start >= $first_start::TIMESTAMPTZ AND b.bar_start < $last_end::TIMESTAMPTZ
   AND b.interval_id IN (SELECT interval_id FROM {place}))

-- name: count_changes
-- What the comparison found, where, and whether accounts change by it.
SELECT count(*) FILTER (WHERE action = 'insert'), count(*) FILTER (WHERE action = 'revise'),
       count(*) FILTER (WHERE action = 'delete'), coalesce(bool_or(recounted), false),
       min(interval_id), max(interval_id)
FROM delta;

-- name: keep_old
-- The old values of what is replaced or deleted, found by their rows: DuckDB reads only the row groups these are in.
-- (1.5 looks through all row ids; there it takes the bounds to skip any.)
INSERT INTO bar_revision
SELECT b.*, $batch_id
FROM bar AS b
JOIN (SELECT row_id FROM delta WHERE action <> 'insert') AS d ON b.rowid = d.row_id
WHERE b.interval_id BETWEEN $first_id AND $last_id
ORDER BY b.interval_id, b.bar_start;

-- name: apply
-- The differences, written.
MERGE INTO bar AS b
USING (SELECT * FROM delta ORDER BY interval_id, bar_start) AS d
   ON b.rowid = d.row_id AND b.interval_id BETWEEN $first_id AND $last_id
WHEN MATCHED AND d.action = 'delete' THEN DELETE
WHEN MATCHED THEN UPDATE SET
    span_seconds = d.span_seconds, session_date = d.session_date, segment = d.segment,
    open = d.open, high = d.high, low = d.low, close = d.close, volume = d.volume,
    trade_count = d.trade_count, vwap = d.vwap,
    base_count = d.base_count, expected_count = d.expected_count, batch_id = $batch_id
WHEN NOT MATCHED THEN INSERT
    VALUES (d.interval_id, d.bar_start, d.span_seconds, d.session_date, d.segment, d.open, d.high, d.low, d.close,
            d.volume, d.trade_count, d.vwap, d.base_count, d.expected_count, $batch_id);

-- name: recounted
-- The changed bars that count another way than before.
(FROM delta WHERE recounted)
