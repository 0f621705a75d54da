-- Bars, each by itself and where it lies.

-- name: duplicate
-- One bar per interval and start.
-- gives: interval_id, at, stored, expected
-- takes: checked_intervals
-- reads: bar
SELECT b.interval_id, b.bar_start AS at, count(*) || ' bars' AS stored, '1 bar' AS expected
FROM bar AS b
WHERE b.interval_id IN (SELECT interval_id FROM {checked_intervals}) AND {within_bars}
GROUP BY b.interval_id, b.bar_start HAVING count(*) > 1;

-- name: impossible
-- Prices are finite and in order, and volume is not negative.
-- gives: interval_id, at, stored, expected
-- takes: checked_intervals
-- reads: bar
SELECT b.interval_id, b.bar_start AS at, concat_ws(' ', b.open, b.high, b.low, b.close, b.volume) AS stored,
       'low <= open, close <= high; volume >= 0' AS expected
FROM bar AS b
WHERE b.interval_id IN (SELECT interval_id FROM {checked_intervals}) AND {within_bars}
  AND NOT (b.low <= least(b.open, b.close) AND b.high >= greatest(b.open, b.close) AND b.volume >= 0
           AND isfinite(b.low) AND isfinite(b.high) AND isfinite(b.volume));

-- name: unretained
-- No bar lies before retained_from.
-- gives: interval_id, at, stored, expected
-- takes: checked_intervals
-- reads: bar
SELECT b.interval_id, b.bar_start AS at, 'a bar' AS stored, 'no bar before ' || d.retained_from AS expected
FROM bar AS b JOIN {checked_intervals} AS d USING (interval_id)
WHERE b.bar_start < d.retained_from AND {within_bars};

-- name: misplaced_intraday
-- Every intraday base bar lies on the grid of the segment the calendar has at its start, or in no session: then on a
-- grid counted from the close before or back from the open after, and overlapping no other. One that was not seen whole
-- counts one less.
-- gives: interval_id, at, stored, expected
-- takes: checked_intervals
-- reads: bar, trading_session
WITH segment AS (
    SELECT *, row_number() OVER (PARTITION BY calendar, session_date ORDER BY segment_open DESC) = 1 AS last_,
           lead(segment_open) OVER (PARTITION BY calendar ORDER BY segment_open) AS next_open
    FROM trading_session WHERE replaced_by IS NULL
),
outside AS (
    SELECT interval_id, bar_start, lead(bar_start) OVER (PARTITION BY interval_id ORDER BY bar_start) AS next_start
    FROM bar WHERE session_date IS NULL AND interval_id IN (SELECT interval_id FROM {checked_intervals} WHERE NOT derived)
),
placed AS (
    SELECT b.interval_id, b.bar_start, d.length,
           concat_ws(' ', b.session_date, b.segment, b.span_seconds, b.base_count, b.expected_count) AS stored,
           s.session_date AS date_, s.segment AS segment_,
           ((epoch_us(b.bar_start) - epoch_us(s.segment_open)) // 1000000) AS since_open,
           ((epoch_us(s.segment_close) - epoch_us(b.bar_start)) // 1000000) AS to_close,
           ((epoch_us(s.next_open) - epoch_us(b.bar_start)) // 1000000) AS to_open,
           ((epoch_us(o.next_start) - epoch_us(b.bar_start)) // 1000000) AS to_next,
           coalesce(s.last_ AND d.closing_seconds > 0 AND b.bar_start = s.segment_close, false) AS closing,
           CASE WHEN closing THEN 0 ELSE 1 END AS whole, CASE WHEN b.base_count = whole - 1 THEN whole - 1 ELSE whole END AS count_
    FROM bar AS b
    JOIN {checked_intervals} AS d ON d.interval_id = b.interval_id AND NOT d.derived AND d.unit = 'second'
    LEFT JOIN outside AS o ON o.interval_id = b.interval_id AND o.bar_start = b.bar_start
    ASOF LEFT JOIN segment AS s ON s.calendar = d.calendar AND b.bar_start >= s.segment_open
    WHERE {within_bars}
)
SELECT interval_id, bar_start AS at, stored,
       CASE WHEN to_close > 0 AND since_open % length <> 0 THEN 'a bar on the grid'
            WHEN to_close > 0 THEN concat_ws(' ', date_, segment_, least(length, to_close), count_, 1)
            WHEN closing THEN concat_ws(' ', date_, segment_, length, count_, 0)
            WHEN to_close % length <> 0 AND to_open % length <> 0 THEN 'a bar on a grid between sessions'
            WHEN to_open < length OR to_next < length THEN 'a bar that overlaps no other'
            ELSE concat_ws(' ', length, count_, 0) END AS expected
FROM placed
WHERE stored <> expected;

-- name: misplaced_blocks
-- Every base bar of 1d or more covers its block of sessions, from the first open to the last close.
-- gives: interval_id, at, stored, expected
-- takes: checked_intervals
-- reads: bar
SELECT b.interval_id, b.bar_start AS at,
       concat_ws(' ', b.bar_start, b.span_seconds, b.session_date, b.segment, b.base_count, b.expected_count) AS stored,
       coalesce(concat_ws(' ', k.block_open, ((epoch_us(k.block_close) - epoch_us(k.block_open)) // 1000000), k.first_date, 0, 1, 1),
                'no session') AS expected
FROM bar AS b
JOIN {checked_intervals} AS d ON d.interval_id = b.interval_id AND NOT d.derived AND d.unit = $unit AND d.length = $length
LEFT JOIN (SELECT DISTINCT calendar, first_date, block_open, block_close FROM ({blocks})) AS k
       ON k.calendar = d.calendar AND k.first_date = b.session_date
WHERE {within_bars} AND stored <> expected;
