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
-- How the fresh bars differ from those that are there.
CREATE OR REPLACE TEMP TABLE delta AS
{gone}
SELECT f.interval_id, f.bar_start, f.span_seconds, f.session_date, f.segment, f.open, f.high, f.low, f.close, f.volume,
       f.trade_count, f.vwap, f.base_count, f.expected_count,
       CASE WHEN b.interval_id IS NULL THEN 'insert' ELSE 'revise' END AS action
FROM {fresh} AS f
LEFT JOIN (SELECT * FROM bar
           WHERE bar_start >= $first_start::TIMESTAMPTZ AND bar_start < $last_end::TIMESTAMPTZ
             AND interval_id BETWEEN $first_id AND $last_id) AS b
       ON b.interval_id = f.interval_id AND b.bar_start = f.bar_start
WHERE b.interval_id IS NULL
   OR b.open <> f.open OR b.high <> f.high OR b.low <> f.low OR b.close <> f.close OR b.volume <> f.volume
   OR b.base_count <> f.base_count OR b.expected_count <> f.expected_count OR b.span_seconds <> f.span_seconds
   OR b.trade_count IS DISTINCT FROM f.trade_count OR b.vwap IS DISTINCT FROM f.vwap
   OR b.session_date IS DISTINCT FROM f.session_date OR b.segment IS DISTINCT FROM f.segment;

-- name: gone
-- Bars in the place that is written anew which are not among the fresh ones.
SELECT b.interval_id, b.bar_start, b.span_seconds, b.session_date, b.segment, b.open, b.high, b.low, b.close, b.volume,
       b.trade_count, b.vwap, b.base_count, b.expected_count, 'delete' AS action
FROM bar AS b
SEMI JOIN {place} AS p ON {inside}
WHERE b.bar_start >= $first_start::TIMESTAMPTZ AND b.bar_start < $last_end::TIMESTAMPTZ
  AND NOT EXISTS (SELECT 1 FROM {fresh} AS f WHERE f.interval_id = b.interval_id AND f.bar_start = b.bar_start)
  {spared}
UNION ALL

-- name: count_changes
-- What the comparison found, and where.
SELECT count(*) FILTER (WHERE action = 'insert'), count(*) FILTER (WHERE action = 'revise'),
       count(*) FILTER (WHERE action = 'delete'), min(bar_start), max(bar_start)
FROM delta;

-- name: keep_old
-- The old values of what is replaced or deleted.
INSERT INTO bar_revision
SELECT b.*, $batch_id
FROM bar AS b
SEMI JOIN (SELECT interval_id, bar_start FROM delta WHERE action <> 'insert') AS d USING (interval_id, bar_start)
WHERE b.bar_start >= $first_start::TIMESTAMPTZ AND b.bar_start <= $last_start::TIMESTAMPTZ
ORDER BY b.interval_id, b.bar_start;

-- name: apply
-- The differences, written. Bounds on bar_start let DuckDB skip what lies elsewhere.
MERGE INTO bar AS b
USING (SELECT * FROM delta ORDER BY interval_id, bar_start) AS d
   ON b.interval_id = d.interval_id AND b.bar_start = d.bar_start
  AND b.bar_start >= $first_start::TIMESTAMPTZ AND b.bar_start <= $last_start::TIMESTAMPTZ
WHEN MATCHED AND d.action = 'delete' THEN DELETE
WHEN MATCHED THEN UPDATE SET
    span_seconds = d.span_seconds, session_date = d.session_date, segment = d.segment,
    open = d.open, high = d.high, low = d.low, close = d.close, volume = d.volume,
    trade_count = d.trade_count, vwap = d.vwap,
    base_count = d.base_count, expected_count = d.expected_count, batch_id = $batch_id
WHEN NOT MATCHED THEN INSERT
    VALUES (d.interval_id, d.bar_start, d.span_seconds, d.session_date, d.segment, d.open, d.high, d.low, d.close,
            d.volume, d.trade_count, d.vwap, d.base_count, d.expected_count, $batch_id);
