-- Writing bars: what is new is added, what differs is replaced and its old values kept, what is equal is left alone.

-- name: append
-- Bars that cannot be there yet, in the order they come in.
-- writes: bar
-- takes: new_bars: any
INSERT INTO bar
SELECT interval_id, bar_start, span_seconds, session_date, segment, open, high, low, close, volume, trade_count, vwap,
       base_count, expected_count, $batch_id
FROM {new_bars};

-- name: append_values
-- The values of their declared columns.
-- writes: bar_values
-- takes: new_bars: any
INSERT INTO bar_values (interval_id, bar_start, batch_id, declared)
SELECT interval_id, bar_start, $batch_id, declared FROM {new_bars} WHERE declared IS NOT NULL
ORDER BY interval_id, bar_start;

-- name: bar_changes
-- How new bars differ from those that are stored; row_id says where the latter are, recounted whether it matters to
-- coverage. Of a bar that goes, what places it is told.
-- makes: bar_changes(interval_id, bar_start, span_seconds, session_date, segment, open, high, low, close, volume,
-- trade_count, vwap, declared, base_count, expected_count, action, row_id, recounted)
-- takes: new_bars: any
CREATE OR REPLACE TEMP TABLE {bar_changes} AS
SELECT interval_id, bar_start,
       CASE WHEN f.is_new THEN f.span_seconds ELSE b.span_seconds END AS span_seconds,
       CASE WHEN f.is_new THEN f.session_date ELSE b.session_date END AS session_date,
       CASE WHEN f.is_new THEN f.segment ELSE b.segment END AS segment,
       f.open, f.high, f.low, f.close, f.volume, f.trade_count, f.vwap, f.declared,
       CASE WHEN f.is_new THEN f.base_count ELSE b.base_count END AS base_count,
       CASE WHEN f.is_new THEN f.expected_count ELSE b.expected_count END AS expected_count,
       CASE WHEN f.is_new IS NULL THEN 'delete' WHEN b.row_id IS NULL THEN 'insert' ELSE 'revise' END AS action,
       b.row_id,
       f.is_new IS NULL OR b.row_id IS NULL
           OR (f.base_count, f.expected_count, f.span_seconds, f.session_date, f.segment)
              IS DISTINCT FROM (b.base_count, b.expected_count, b.span_seconds, b.session_date, b.segment) AS recounted
FROM (SELECT true AS is_new, * FROM {new_bars}) AS f
{joined} JOIN {stored_bars} AS b USING (interval_id, bar_start)
WHERE (f.is_new IS NULL {except_rejected})
   OR (f.is_new AND (
       b.row_id IS NULL
       OR b.open <> f.open OR b.high <> f.high OR b.low <> f.low OR b.close <> f.close OR b.volume <> f.volume
       OR b.base_count <> f.base_count OR b.expected_count <> f.expected_count OR b.span_seconds <> f.span_seconds
       OR b.trade_count IS DISTINCT FROM f.trade_count OR b.vwap IS DISTINCT FROM f.vwap
       OR b.declared IS DISTINCT FROM f.declared
       OR b.session_date IS DISTINCT FROM f.session_date OR b.segment IS DISTINCT FROM f.segment));

-- name: stored_by_key
-- The bars of intervals that rows came for where bars may be. Asking for the interval by itself first lets DuckDB leave
-- the other columns of all others unread, which bounds do not where rows are scattered.
-- part: stored_bars(row_id, interval_id, bar_start, span_seconds, session_date, segment, open, high, low, close,
-- volume, trade_count, vwap, base_count, expected_count, batch_id, declared)
-- reads: bar
(SELECT b.rowid AS row_id, b.*, {declared} AS declared FROM bar AS b {beside}
 WHERE b.bar_start >= $first_start::TIMESTAMPTZ AND b.bar_start < $last_end::TIMESTAMPTZ
   AND b.interval_id IN (SELECT interval_id FROM {overlapping_intervals}))

-- name: stored_in_ranges
-- The bars in the ranges that are written anew; those that are not among the new ones go.
-- part: stored_bars(row_id, interval_id, bar_start, span_seconds, session_date, segment, open, high, low, close,
-- volume, trade_count, vwap, base_count, expected_count, batch_id, declared)
-- reads: bar
(SELECT b.rowid AS row_id, b.*, {declared} AS declared
 FROM bar AS b
 {beside}
 SEMI JOIN {replaced_ranges} AS p ON {within}
 WHERE b.bar_start >= $first_start::TIMESTAMPTZ AND b.bar_start < $last_end::TIMESTAMPTZ
   AND b.interval_id IN (SELECT interval_id FROM {replaced_ranges}))

-- name: values_beside
-- The values of their declared columns, of the bars that are there.
-- part: join
-- reads: bar_values
LEFT JOIN bar_values AS v ON v.interval_id = b.interval_id AND v.bar_start = b.bar_start AND v.batch_id = b.batch_id

-- name: stored_values
-- These, or a null.
-- part: expression
v.declared

-- name: within_range
-- Where a range is a stretch of time of an interval.
-- part: condition
p.interval_id = b.interval_id AND b.bar_start >= p.from_ AND b.bar_start < p.to_

-- name: within_session
-- Where it is a session; null: all bars of no session.
-- part: condition
p.interval_id = b.interval_id AND b.session_date IS NOT DISTINCT FROM p.session_date

-- name: within_range_of_session
-- Where it is a stretch of time in a session.
-- part: condition
p.interval_id = b.interval_id AND b.bar_start >= p.from_ AND b.bar_start < p.to_ AND b.session_date = p.session_date

-- name: within_bar
-- Where it is a bar.
-- part: condition
p.interval_id = b.interval_id AND p.bar_start = b.bar_start

-- name: count_changes
-- What the comparison found, whether coverage changes by it, and in which intervals.
-- gives: inserted, revised, deleted, recounted, first_id, last_id
-- takes: bar_changes
SELECT count(*) FILTER (WHERE action = 'insert') AS inserted, count(*) FILTER (WHERE action = 'revise') AS revised,
       count(*) FILTER (WHERE action = 'delete') AS deleted, coalesce(bool_or(recounted), false) AS recounted,
       min(interval_id) AS first_id, max(interval_id) AS last_id
FROM {bar_changes};

-- name: keep_old_values
-- The old values of what is replaced or deleted, found by their rows: DuckDB reads only the row groups these are in.
-- (1.5 looks through all row ids; there it takes the bounds to skip any.)
-- writes: bar_revision
-- takes: bar_changes: any
-- reads: bar
INSERT INTO bar_revision
SELECT b.*, $batch_id
FROM bar AS b
JOIN (SELECT row_id FROM {bar_changes} WHERE action <> 'insert') AS d ON b.rowid = d.row_id
WHERE b.interval_id BETWEEN $first_id AND $last_id
ORDER BY b.interval_id, b.bar_start;

-- name: apply_changes
-- The differences, written.
-- writes: bar
-- takes: bar_changes
MERGE INTO bar AS b
USING (SELECT * FROM {bar_changes} ORDER BY interval_id, bar_start) AS d
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

-- name: apply_values
-- The values of declared columns, of the bars that were written.
-- writes: bar_values
-- takes: bar_changes
INSERT INTO bar_values (interval_id, bar_start, batch_id, declared)
SELECT interval_id, bar_start, $batch_id, declared FROM {bar_changes} WHERE declared IS NOT NULL AND action <> 'delete'
ORDER BY interval_id, bar_start;

-- name: recounted_bars
-- The changed bars that count another way than before.
-- part: bar_changes(interval_id, bar_start, span_seconds, session_date, segment, open, high, low, close, volume,
-- trade_count, vwap, declared, base_count, expected_count, action, row_id, recounted)
-- takes: bar_changes
(FROM {bar_changes} WHERE recounted)

-- name: invalidate
-- Where bars changed below what is derived already, the derived bars must be computed again.
-- writes: invalidation
-- takes: changed_bars: any
-- reads: definition
INSERT INTO invalidation (interval_id, session_date, range_start, range_end, batch_id)
SELECT c.interval_id, c.session_date,
       min(CASE WHEN c.expected_count = 0 THEN later(c.bar_start, -c.span_seconds) ELSE c.bar_start END),
       max(later(c.bar_start, c.span_seconds)), $batch_id
FROM {changed_bars} AS c
JOIN (SELECT base_id, max(derived_through) AS derived_through FROM definition
      WHERE derived AND derived_through IS DISTINCT FROM final_before GROUP BY base_id) AS d
  ON d.base_id = c.interval_id
WHERE c.session_date IS NOT NULL AND effective_start(c.bar_start, c.expected_count) < d.derived_through
GROUP BY c.interval_id, c.session_date;
