-- Filling: the bars that sessions have room for and that are not there.

-- name: edges_of_bars
-- Where the first and the last bar in a session of one symbol and interval start, and the last before an instant.
-- gives: first_bar, last_bar, before_start
-- reads: bars, bars_live, bars_as_of
SELECT min(bar_start) AS first_bar, max(bar_start) AS last_bar,
       max(bar_start) FILTER (bar_start < $start::TIMESTAMPTZ) AS before_start
FROM {source} WHERE symbol = $symbol AND interval = $interval AND session_date IS NOT NULL;

-- name: interval_then
-- What an interval of a symbol of a name is, and what it is derived from; the symbol that was called so at an instant, and
-- registered by then, if there was one.
-- gives: unit, length, base_unit, base_length
-- reads: batch, interval_definition, names_at
SELECT d.unit, d.length, coalesce(b.unit, d.unit) AS base_unit, coalesce(b.length, d.length) AS base_length
FROM names_at((SELECT coalesce(max(batch_id), 0) FROM batch WHERE committed_at <= $as_of::TIMESTAMPTZ)) AS s
JOIN interval_definition AS d ON d.symbol_id = s.symbol_id AND d.interval = $interval
LEFT JOIN interval_definition AS b ON b.symbol_id = d.symbol_id AND b.interval = d.base
WHERE s.name = $symbol
ORDER BY s.registered_at <= $as_of::TIMESTAMPTZ DESC, s.symbol_id DESC
LIMIT 1;

-- name: slots_of_segments
-- Where bars of an intraday interval can start, after one instant and before another, on a calendar as it was after a batch.
-- part: slots(bar_start, bar_end, session_date, expected_count)
-- reads: trading_session
(SELECT bar_start, bar_end, session_date, slots(bar_start, bar_end, $base_length) AS expected_count
 FROM (
     SELECT t.session_date, later(t.segment_open, n.number * $length) AS bar_start,
            least(later(t.segment_open, (n.number + 1) * $length), t.segment_close) AS bar_end
     FROM trading_session AS t,
          unnest(range(slots(t.segment_open, t.segment_close, $length))) AS n(number)
     WHERE t.calendar = $calendar AND t.batch_id <= $pinned AND (t.replaced_by IS NULL OR t.replaced_by > $pinned)
       AND t.segment_close > $first::TIMESTAMPTZ AND t.segment_open < $last::TIMESTAMPTZ
 ))

-- name: slots_of_blocks
-- The same of intervals of 1d and longer.
-- part: slots(bar_start, bar_end, session_date, expected_count)
-- reads: trading_session, calendar_week
(WITH week_ AS (
     SELECT first_week($unit, max(origin)) AS origin FROM calendar_week
     WHERE calendar = $calendar AND batch_id <= $pinned AND (replaced_by IS NULL OR replaced_by > $pinned)
 )
 SELECT min(t.segment_open) AS bar_start, max(t.segment_close) AS bar_end, min(t.session_date) AS session_date,
        CASE WHEN $base_unit = 'second' THEN sum(slots(t.segment_open, t.segment_close, $base_length))
             ELSE count(DISTINCT block_number($base_unit, $base_length, t.session_date, t.ordinal, t.origin, NULL)) END
            AS expected_count
 FROM (
     SELECT t.*, w.origin, min(t.ordinal) OVER (PARTITION BY period_number($unit, t.session_date, w.origin)) AS first_ordinal
     FROM trading_session AS t, week_ AS w
     WHERE t.calendar = $calendar AND t.batch_id <= $pinned AND (t.replaced_by IS NULL OR t.replaced_by > $pinned)
 ) AS t
 GROUP BY block_number($unit, $length, t.session_date, t.ordinal, t.origin, t.first_ordinal))

-- name: filled_bars
-- Bars of one symbol, and those between them that are not there: with the close before them, or none.
-- gives: *
-- takes: given_bars
-- reads: trading_session, calendar_week
WITH missing AS (
    SELECT s.* FROM {slots} AS s ANTI JOIN {given_bars} AS b USING (bar_start)
    WHERE s.bar_start > $first::TIMESTAMPTZ AND s.bar_start < $last::TIMESTAMPTZ
),
carried AS (
    SELECT $symbol AS symbol, $interval AS interval, m.bar_start, m.bar_end, m.session_date,
           CASE WHEN $carries THEN b.close END AS open, CASE WHEN $carries THEN b.close END AS high,
           CASE WHEN $carries THEN b.close END AS low, CASE WHEN $carries THEN b.close END AS close,
           0::DOUBLE AS volume, 0 AS base_count, m.expected_count::INTEGER AS expected_count, false AS complete,
           true AS filled
    FROM missing AS m
    ASOF JOIN (SELECT bar_start, close FROM {given_bars} WHERE session_date IS NOT NULL) AS b
           ON m.bar_start > b.bar_start
)
SELECT * FROM (
    SELECT *, false AS filled FROM {given_bars}
    UNION ALL BY NAME
    FROM carried
)
ORDER BY bar_start;
