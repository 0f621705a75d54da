-- How far intervals are said to be complete and derived.

-- name: stale_base
-- A base interval is complete through the end of its last bar, at least.
-- gives: interval_id, at, stored, expected
-- takes: checked_intervals, bar_extent
SELECT d.interval_id, b.last_end AS at,
       coalesce('complete_through ' || d.complete_through, 'no complete_through') AS stored,
       'complete_through ' || b.last_end || ' or later' AS expected
FROM {checked_intervals} AS d
JOIN {bar_extent} AS b USING (interval_id)
WHERE NOT d.derived AND b.last_end > coalesce(d.complete_through, beginning());

-- name: stale_derived
-- A derived interval is derived through the end of its last bar, at least.
-- gives: interval_id, at, stored, expected
-- takes: checked_intervals, bar_extent
SELECT d.interval_id, b.last_end AS at,
       coalesce('derived_through ' || d.derived_through, 'no derived_through') AS stored,
       'derived_through ' || b.last_end || ' or later' AS expected
FROM {checked_intervals} AS d
JOIN {bar_extent} AS b USING (interval_id)
WHERE d.derived AND b.last_end > coalesce(d.derived_through, beginning());

-- name: late_hint
-- No bucket of a derived interval that is not derived yet ends before its next_close; the first one, where none is derived,
-- holds its base's first session.
-- gives: interval_id, at, stored, expected
-- takes: checked_intervals
-- reads: calendar_block, calendar_session, trading_session
WITH derived_ AS (
    SELECT c.interval_id, c.calendar, c.kind, c.unit, c.length::BIGINT AS length, c.next_close,
           coalesce(c.derived_through, s.session_open) AS from_
    FROM {checked_intervals} AS c
    LEFT JOIN calendar_session AS s ON s.calendar = c.calendar AND s.session_date = c.base_first
    WHERE c.derived
),
way AS (
    SELECT DISTINCT calendar, kind, unit, length, from_ FROM derived_ WHERE from_ IS NOT NULL
),
bucket_end AS (
    SELECT w.*, min(least(make_timestamptz(
               epoch_us(s.segment_open) + (greatest(epoch_us(w.from_) - epoch_us(s.segment_open), 0)
                                           // (w.length * 1000000) + 1) * (w.length * 1000000)), s.segment_close)) AS first_end
    FROM way AS w
    JOIN trading_session AS s ON s.calendar = w.calendar AND s.replaced_by IS NULL AND s.segment_close > w.from_
    WHERE w.unit = 'second'
    GROUP BY ALL
    UNION ALL
    SELECT w.*, min(b.block_close)
    FROM way AS w
    JOIN calendar_block AS b ON b.calendar = w.calendar AND b.kind = w.kind AND b.block_close > w.from_
    GROUP BY ALL
)
SELECT d.interval_id, d.next_close AS at, 'next_close ' || d.next_close AS stored,
       'next_close ' || b.first_end || ' or earlier' AS expected
FROM derived_ AS d
JOIN bucket_end AS b USING (calendar, kind, unit, length, from_)
WHERE d.next_close > b.first_end;

-- name: unaligned_intraday
-- A derived interval is derived through the end of one of its buckets, one that base bars have reached; or through
-- what is final.
-- gives: interval_id, at, stored, expected
-- takes: checked_intervals
-- reads: trading_session
WITH segment AS (
    SELECT calendar, segment_open, segment_close FROM trading_session WHERE replaced_by IS NULL
),
at_ AS (
    SELECT d.interval_id, d.derived_through, d.final_before, d.length, d.complete_through, s.segment_open AS open_,
           s.segment_close AS close_
    FROM {checked_intervals} AS d
    ASOF LEFT JOIN segment AS s ON s.calendar = d.calendar AND s.segment_open < d.derived_through
    WHERE d.derived AND d.unit = 'second' AND d.derived_through IS NOT NULL
)
SELECT interval_id, derived_through AS at, 'derived_through ' || derived_through AS stored,
       'the end of a bucket that base bars have reached' AS expected
FROM at_
WHERE derived_through IS DISTINCT FROM final_before
  AND (open_ IS NULL OR derived_through > close_
       OR (derived_through < close_ AND ((epoch_us(derived_through) - epoch_us(open_)) // 1000000) % length <> 0)
       OR greatest(open_, derived_through - to_seconds(length)) >= coalesce(complete_through, beginning()));

-- name: unaligned_blocks
-- The same for intervals of 1d and more.
-- gives: interval_id, at, stored, expected
-- takes: checked_intervals
SELECT d.interval_id, d.derived_through AS at, 'derived_through ' || d.derived_through AS stored,
       'the end of a block of sessions that base bars have reached' AS expected
FROM {checked_intervals} AS d
LEFT JOIN (SELECT DISTINCT calendar, block_open, block_close FROM ({blocks})) AS k
       ON k.calendar = d.calendar AND k.block_close = d.derived_through
WHERE d.derived AND d.unit = $unit AND d.length = $length AND d.derived_through IS NOT NULL
  AND d.base_unit = $base_unit AND d.base_length = $base_length
  AND d.derived_through IS DISTINCT FROM d.final_before
  AND (k.block_open IS NULL OR k.block_open >= coalesce(d.complete_through, beginning()));
