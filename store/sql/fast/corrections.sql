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
-- counts, as where only one of the two is there.
-- gives: interval_id, start_us, open, high, low, close, volume, trade_count, vwap, row_id, differs, recounted
-- takes: wanted_bars
-- reads: bar
WITH derived AS (FROM {new_bars}),
stored AS (
    SELECT b.rowid AS row_id, b.*
    FROM {wanted_bars} AS t
    JOIN bar AS b ON b.interval_id = t.interval_id AND b.bar_start = t.from_
    WHERE b.bar_start >= $first_start::TIMESTAMPTZ AND b.bar_start < $last_end::TIMESTAMPTZ
      AND b.interval_id IN (SELECT interval_id FROM {wanted_bars})
)
SELECT interval_id, epoch_us(bar_start) AS start_us, d.open, d.high, d.low, d.close, d.volume, d.trade_count, d.vwap,
       s.row_id,
       (s.open, s.high, s.low, s.close, s.volume, s.trade_count, s.vwap)
           IS DISTINCT FROM (d.open, d.high, d.low, d.close, d.volume, d.trade_count, d.vwap) AS differs,
       (s.span_seconds, s.session_date, s.segment, s.base_count, s.expected_count)
           IS DISTINCT FROM (d.span_seconds, d.session_date, d.segment, d.base_count, d.expected_count) AS recounted
FROM derived AS d FULL JOIN stored AS s USING (interval_id, bar_start);

-- name: revise
-- New values in the place of those that are stored.
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
