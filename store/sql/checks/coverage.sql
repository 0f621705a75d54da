-- Coverage, gaps and quality, from every bar that should be there, one by one.

-- name: slots_intraday
-- Every bar that an intraday interval should have, one by one.
-- part: slots(interval_id, session_date, segment, number, open_, close_, through)
-- takes: checked_intervals
-- reads: trading_session
SELECT d.interval_id, s.session_date, s.segment,
       unnest(generate_series(0, ceil(((epoch_us(s.segment_close) - epoch_us(s.segment_open)) // 1000000) / $length)::BIGINT - 1)) AS number,
       s.segment_open AS open_, s.segment_close AS close_, d.through
FROM {checked_intervals} AS d
JOIN trading_session AS s ON s.calendar = d.calendar AND s.replaced_by IS NULL AND s.session_date >= d.first_date
                         AND s.segment_open < d.through
WHERE d.derived = $derived AND d.unit = 'second' AND d.length = $length
  AND d.base_unit = $base_unit AND d.base_length = $base_length AND {within_sessions}

-- name: slots_blocks
-- Every bar that an interval of 1d or more should have, one by one: blocks that begin within the range.
-- part: slots(interval_id, session_date, segment, number, open_, close_, through)
-- takes: checked_intervals
SELECT DISTINCT d.interval_id, k.first_date AS session_date, 0 AS segment, 0 AS number,
       k.block_open AS open_, k.block_close AS close_, d.through
FROM {checked_intervals} AS d
JOIN ({blocks}) AS k ON k.calendar = d.calendar AND k.first_date >= d.first_date AND k.block_close <= d.through
WHERE d.derived = $derived AND d.unit = $unit AND d.length = $length
  AND d.base_unit = $base_unit AND d.base_length = $base_length AND {within_blocks}

-- name: checked_slots
-- The bars that should be there, each with whether it is, and complete.
-- makes: checked_slots(interval_id, session_date, segment, number, through, slot_start, slot_end, there, present)
-- reads: bar
CREATE OR REPLACE TEMP TABLE {checked_slots} AS
WITH slot AS ({slots}),
timed AS (
    SELECT interval_id, session_date, segment, number, through,
           make_timestamptz(epoch_us(open_) + number * {width}::BIGINT * 1000000) AS slot_start,
           least(close_, make_timestamptz(epoch_us(open_) + (number + 1) * {width}::BIGINT * 1000000)) AS slot_end
    FROM slot
)
SELECT t.*, b.interval_id IS NOT NULL AS there, coalesce(b.base_count = b.expected_count, false) AS present
FROM timed AS t
LEFT JOIN bar AS b ON b.interval_id = t.interval_id AND b.bar_start = t.slot_start AND b.expected_count > 0
WHERE t.slot_end <= t.through;

-- name: uncovered
-- Coverage says for each session of the range how many bars it should have and has.
-- gives: interval_id, at, stored, expected
-- takes: checked_intervals, checked_slots
-- reads: session_coverage
WITH counted AS (
    SELECT interval_id, session_date, count(*) AS expected_count, count_if(present) AS present_count
    FROM {checked_slots} GROUP BY interval_id, session_date
),
kept AS (
    SELECT s.*, count(*) OVER (PARTITION BY s.interval_id, s.session_date) AS times
    FROM session_coverage AS s JOIN {checked_intervals} AS d USING (interval_id)
    WHERE d.derived = $derived AND d.unit = $unit AND d.length = $length
      AND d.base_unit = $base_unit AND d.base_length = $base_length AND {within_sessions}
)
SELECT coalesce(c.interval_id, k.interval_id) AS interval_id,
       coalesce(c.session_date, k.session_date)::TIMESTAMPTZ AS at,
       coalesce(k.present_count || ' of ' || k.expected_count
                || CASE WHEN k.times > 1 THEN ', ' || k.times || ' times' ELSE '' END, 'no row') AS stored,
       coalesce(c.present_count || ' of ' || c.expected_count, 'no row') AS expected
FROM counted AS c
FULL JOIN kept AS k ON k.interval_id = c.interval_id AND k.session_date = c.session_date
WHERE stored <> expected;

-- name: ungapped
-- Every maximal run of missing bars is a gap, and nothing else is.
-- gives: interval_id, at, stored, expected
-- takes: checked_intervals, checked_slots
-- reads: gap
WITH run AS (
    SELECT interval_id, session_date, segment, slot_start, slot_end, there,
           number - row_number() OVER (PARTITION BY interval_id, session_date, segment ORDER BY number) AS run
    FROM {checked_slots} WHERE NOT present
),
missing AS (
    SELECT interval_id, session_date, segment, min(slot_start) AS gap_start, max(slot_end) AS gap_end,
           count(*) AS missing_count, count_if(there) AS incomplete_count
    FROM run GROUP BY interval_id, session_date, segment, run
),
kept AS (
    SELECT s.*, count(*) OVER (PARTITION BY s.interval_id, s.session_date, s.segment, s.gap_start) AS times
    FROM gap AS s JOIN {checked_intervals} AS d USING (interval_id)
    WHERE d.derived = $derived AND d.unit = $unit AND d.length = $length
      AND d.base_unit = $base_unit AND d.base_length = $base_length AND {within_sessions}
)
SELECT coalesce(m.interval_id, k.interval_id) AS interval_id, coalesce(m.gap_start, k.gap_start) AS at,
       coalesce('until ' || k.gap_end || ', ' || k.missing_count || ' missing, ' || k.incomplete_count
                || ' of them there' || CASE WHEN k.times > 1 THEN ', ' || k.times || ' times' ELSE '' END, 'no gap') AS stored,
       coalesce('until ' || m.gap_end || ', ' || m.missing_count || ' missing, ' || m.incomplete_count
                || ' of them there', 'no gap') AS expected
FROM missing AS m
FULL JOIN kept AS k ON k.interval_id = m.interval_id AND k.session_date = m.session_date
                   AND k.segment = m.segment AND k.gap_start = m.gap_start
WHERE stored <> expected;

-- name: misgraded
-- Quality is what coverage comes to, and so are the sums it is made of.
-- gives: interval_id, at, stored, expected
-- takes: checked_intervals
-- reads: interval_definition, session_coverage
SELECT d.interval_id, NULL::TIMESTAMPTZ AS at,
       concat(coalesce(i.quality_pct::VARCHAR, 'none'), ', ', i.present_count, ' of ', i.expected_count, ' from ',
              i.first_session) AS stored,
       concat(coalesce((100.0::DOUBLE * sum(c.present_count) / nullif(sum(c.expected_count), 0))::VARCHAR, 'none'), ', ',
              sum(c.present_count), ' of ', sum(c.expected_count), ' from ', min(c.session_date)) AS expected
FROM {checked_intervals} AS d
JOIN interval_definition AS i USING (interval_id)
LEFT JOIN session_coverage AS c USING (interval_id)
GROUP BY d.interval_id, i.quality_pct, i.present_count, i.expected_count, i.first_session
HAVING stored <> expected;
