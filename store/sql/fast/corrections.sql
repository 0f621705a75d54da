-- Bars that are stored already and come with other values: found, kept as they were, and replaced.

-- name: compare_bars
-- Rows beside the bars that are stored where they lie: whether a value is another, and whether anything is that counts.
-- gives: number, row_id, differs, recounted
-- takes: compared_bars
-- reads: bar
SELECT n.number, b.rowid AS row_id,
       (b.open, b.high, b.low, b.close, b.volume, b.trade_count, b.vwap)
           IS DISTINCT FROM (n.open, n.high, n.low, n.close, n.volume, n.trade_count, n.vwap) AS differs,
       (b.span_seconds, b.session_date, b.segment, b.base_count, b.expected_count)
           IS DISTINCT FROM (n.span_seconds, n.session_date, n.segment, n.base_count, n.expected_count) AS recounted
FROM {compared_bars} AS n
JOIN bar AS b ON b.interval_id = n.interval_id AND b.bar_start = n.bar_start
WHERE b.bar_start >= $first_start::TIMESTAMPTZ AND b.bar_start < $last_end::TIMESTAMPTZ
  AND b.interval_id IN (SELECT interval_id FROM {compared_bars});

-- name: derive_again
-- The bars of buckets beside those that are stored there: whether a value is another, and whether anything is that
-- counts, as where only one of the two is there. Derived as those of buckets that have closed.
-- gives: interval_id, start_us, open, high, low, close, volume, trade_count, vwap, row_id, differs, recounted
-- takes: changed_buckets
-- reads: bar
WITH derived AS (
    SELECT t.interval_id, t.from_ AS bar_start, t.span_seconds, t.session_date, t.segment,
           arg_min(b.open, b.bar_start) AS open, max(b.high) AS high, min(b.low) AS low,
           arg_max(b.close, b.bar_start) AS close, sum(b.volume::DECIMAL(38, 9))::DOUBLE AS volume,
           CASE WHEN count(b.trade_count) = count(*) THEN sum(b.trade_count)::BIGINT END AS trade_count,
           vwap_of(sum(CASE WHEN b.volume > 0 THEN (b.vwap * b.volume)::DECIMAL(38, 15) END),
                   sum(b.volume::DECIMAL(38, 9)), bool_and(b.volume = 0 OR b.vwap IS NOT NULL), min(b.low), max(b.high))
               AS vwap,
           sum(b.base_count)::INTEGER AS base_count, t.expected_count
    FROM {changed_buckets} AS t
    JOIN bar AS b ON b.interval_id = t.base_id AND b.bar_start >= t.from_ AND b.bar_start < t.to_
                 AND b.session_date >= t.session_date AND b.session_date <= t.last_date
    WHERE b.bar_start >= $first_start::TIMESTAMPTZ AND b.bar_start < $last_end::TIMESTAMPTZ
      AND b.interval_id IN (SELECT base_id FROM {changed_buckets})
    GROUP BY t.interval_id, t.from_, t.span_seconds, t.session_date, t.segment, t.expected_count
),
stored AS (
    SELECT b.rowid AS row_id, b.*
    FROM {changed_buckets} AS t
    JOIN bar AS b ON b.interval_id = t.interval_id AND b.bar_start = t.from_
    WHERE b.bar_start >= $first_start::TIMESTAMPTZ AND b.bar_start < $last_end::TIMESTAMPTZ
      AND b.interval_id IN (SELECT interval_id FROM {changed_buckets})
)
SELECT interval_id, epoch_us(bar_start) AS start_us, d.open, d.high, d.low, d.close, d.volume, d.trade_count, d.vwap,
       s.row_id,
       (s.open, s.high, s.low, s.close, s.volume, s.trade_count, s.vwap)
           IS DISTINCT FROM (d.open, d.high, d.low, d.close, d.volume, d.trade_count, d.vwap) AS differs,
       (s.span_seconds, s.session_date, s.segment, s.base_count, s.expected_count)
           IS DISTINCT FROM (d.span_seconds, d.session_date, d.segment, d.base_count, d.expected_count) AS recounted
FROM derived AS d FULL JOIN stored AS s USING (interval_id, bar_start);

-- name: keep_old_values
-- The old values of bars that are replaced, found by their rows: DuckDB reads only the row groups these are in.
-- writes: bar_revision
-- takes: revised_bars
-- reads: bar
INSERT INTO bar_revision
SELECT b.*, $batch_id
FROM bar AS b
JOIN {revised_bars} AS r ON b.rowid = r.row_id
WHERE b.interval_id BETWEEN $first_id AND $last_id
ORDER BY b.interval_id, b.bar_start;

-- name: revise
-- The new ones in their place.
-- writes: bar
-- takes: revised_bars
UPDATE bar AS b
SET open = r.open, high = r.high, low = r.low, close = r.close, volume = r.volume, trade_count = r.trade_count,
    vwap = r.vwap, batch_id = $batch_id
FROM {revised_bars} AS r
WHERE b.rowid = r.row_id AND b.interval_id BETWEEN $first_id AND $last_id;

-- name: invalidate
-- Where base bars were replaced below what is derived.
-- writes: invalidation
-- takes: changed_ranges
INSERT INTO invalidation (interval_id, session_date, range_start, range_end, batch_id)
SELECT interval_id, session_date, range_start, range_end, $batch_id FROM {changed_ranges};

-- name: drop_invalidations
-- Those of some base intervals are dealt with.
-- writes: invalidation
-- takes: settled_bases
DELETE FROM invalidation WHERE interval_id IN (SELECT interval_id FROM {settled_bases});
