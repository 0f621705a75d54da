-- Derived bars, recomputed straight from the base bars.

-- name: recomputed_intraday
-- The bars of one intraday length, straight from the base bars.
-- part: recomputed(interval_id, session_date, segment, bar_start, span_seconds, expected_count, open, high, low,
--    close, volume_exact, trade_count, turnover, base_count)
-- takes: checked_intervals
-- reads: bar, trading_session
SELECT d.interval_id, b.session_date, any_value(b.segment) AS segment,
       make_timestamptz(epoch_us(s.segment_open) + ({bucket} * $length * 1000000)::BIGINT) AS bar_start,
       least($length, ((epoch_us(s.segment_close) - epoch_us(s.segment_open)) // 1000000) - ({bucket} * $length)::BIGINT) AS span_seconds,
       ceil(least($length, ((epoch_us(s.segment_close) - epoch_us(s.segment_open)) // 1000000) - {bucket} * $length) / $base_length)::INTEGER
           AS expected_count,
       {aggregates}
FROM {checked_intervals} AS d
JOIN bar AS b ON b.interval_id = d.base_id AND b.session_date IS NOT NULL
JOIN trading_session AS s ON s.calendar = d.calendar AND s.session_date = b.session_date AND s.segment = b.segment
                         AND s.replaced_by IS NULL
WHERE d.derived AND d.unit = 'second' AND d.length = $length
  AND d.base_unit = $base_unit AND d.base_length = $base_length AND {within_bars}
GROUP BY d.interval_id, b.session_date, s.segment_open, s.segment_close, {bucket}

-- name: bucket
-- Which bucket of its segment a base bar falls in; the last one takes what lies at the close.
-- part: expression
least(floor(((epoch_us(b.bar_start) - epoch_us(s.segment_open)) // 1000000) / $length),
      ceil(((epoch_us(s.segment_close) - epoch_us(s.segment_open)) // 1000000) / $length) - 1)

-- name: recomputed_blocks
-- The bars of one length of 1d or more, straight from the base bars.
-- part: recomputed(interval_id, session_date, segment, bar_start, span_seconds, expected_count, open, high, low,
--    close, volume_exact, trade_count, turnover, base_count)
-- takes: checked_intervals
-- reads: bar
SELECT d.interval_id, k.first_date AS session_date, 0 AS segment, k.block_open AS bar_start,
       ((epoch_us(k.block_close) - epoch_us(k.block_open)) // 1000000) AS span_seconds, any_value(k.room)::INTEGER AS expected_count,
       {aggregates}
FROM {checked_intervals} AS d
JOIN bar AS b ON b.interval_id = d.base_id AND b.session_date IS NOT NULL
JOIN ({blocks}) AS k ON k.calendar = d.calendar AND k.session_date = b.session_date
WHERE d.derived AND d.unit = $unit AND d.length = $length
  AND d.base_unit = $base_unit AND d.base_length = $base_length AND {within_blocks}
GROUP BY d.interval_id, k.first_date, k.block_open, k.block_close

-- name: aggregates
-- What base bars come to.
-- part: columns
arg_min(b.open, b.bar_start) AS open, max(b.high) AS high, min(b.low) AS low,
       arg_max(b.close, b.bar_start) AS close,
       sum(b.volume::DECIMAL(38, 9)) AS volume_exact,
       CASE WHEN bool_and(b.trade_count IS NOT NULL) THEN sum(b.trade_count)::BIGINT END AS trade_count,
       CASE WHEN bool_and(b.volume = 0 OR b.vwap IS NOT NULL)
            THEN sum((b.vwap * b.volume)::DECIMAL(38, 15)) FILTER (WHERE b.volume > 0) END AS turnover,
       sum(b.base_count)::INTEGER AS base_count

-- name: underived
-- Derived bars below derived_through equal the recomputation, bit for bit; none is missing, none too many. Buckets
-- that an invalidation waits for are left out: they will be derived again; and so are final bars, whose base is gone.
-- gives: interval_id, at, stored, expected
-- takes: checked_intervals
-- reads: bar, invalidation
WITH recomputed AS ({recomputed}),
finished AS (
    SELECT r.*, volume_exact::DOUBLE AS volume,
           CASE WHEN volume_exact > 0 AND turnover IS NOT NULL
                THEN greatest(low, least(high, turnover::DOUBLE / volume_exact::DOUBLE)) END AS vwap
    FROM recomputed AS r
    JOIN {checked_intervals} AS d USING (interval_id)
    WHERE r.bar_start < d.derived_through AND r.bar_start >= coalesce(d.final_before, beginning())
),
kept AS (
    SELECT b.* FROM bar AS b JOIN {checked_intervals} AS d USING (interval_id)
    WHERE d.derived AND d.unit = $unit AND d.length = $length AND b.bar_start >= coalesce(d.final_before, beginning())
      AND d.base_unit = $base_unit AND d.base_length = $base_length AND {within_bars}
),
wrong AS (
    SELECT coalesce(f.interval_id, k.interval_id) AS interval_id, coalesce(f.bar_start, k.bar_start) AS at,
           greatest(coalesce(f.span_seconds, 0), coalesce(k.span_seconds, 0)) AS span_seconds,
           CASE WHEN k.interval_id IS NULL THEN 'no bar' ELSE
               (k.open, k.high, k.low, k.close, k.volume, k.trade_count, k.vwap, k.base_count, k.expected_count,
                k.span_seconds, k.session_date, k.segment)::VARCHAR END AS stored,
           CASE WHEN f.interval_id IS NULL THEN 'no bar' ELSE
               (f.open, f.high, f.low, f.close, f.volume, f.trade_count, f.vwap, f.base_count, f.expected_count,
                f.span_seconds, f.session_date, f.segment)::VARCHAR END AS expected
    FROM finished AS f
    FULL JOIN kept AS k ON k.interval_id = f.interval_id AND k.bar_start = f.bar_start
    WHERE f.interval_id IS NULL OR k.interval_id IS NULL
       OR f.open <> k.open OR f.high <> k.high OR f.low <> k.low OR f.close <> k.close OR f.volume <> k.volume
       OR f.trade_count IS DISTINCT FROM k.trade_count OR f.vwap IS DISTINCT FROM k.vwap
       OR f.base_count <> k.base_count OR f.expected_count <> k.expected_count OR f.span_seconds <> k.span_seconds
       OR f.session_date IS DISTINCT FROM k.session_date OR f.segment IS DISTINCT FROM k.segment
)
SELECT w.interval_id, w.at, w.stored, w.expected
FROM wrong AS w
JOIN {checked_intervals} AS d USING (interval_id)
WHERE NOT EXISTS (SELECT 1 FROM invalidation AS i
                  WHERE i.interval_id = d.base_id
                    AND i.range_start < later(w.at, w.span_seconds + d.closing_seconds) AND i.range_end > w.at);
