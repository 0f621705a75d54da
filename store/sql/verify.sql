-- Verifying: everything that is kept computed again from the base bars and the calendar, by other ways than the ones
-- that wrote it: each length straight from base, every expected bar one by one. Each check gives the rows that are
-- wrong: (interval_id, at, stored, expected).

-- name: checked
-- The intervals to check; waiting says that base bars wait to be derived again below what is derived.
CREATE OR REPLACE TEMP TABLE checked AS
WITH first_bar AS (
    SELECT interval_id, min(session_date) AS first_date FROM bar GROUP BY interval_id
),
first_covered AS (
    SELECT interval_id, min(session_date) AS first_date FROM session_coverage GROUP BY interval_id
),
wanted AS (
    SELECT d.*, EXISTS (SELECT 1 FROM invalidation AS i WHERE d.derived AND i.interval_id = d.base_id) AS waiting
    FROM definition AS d
    WHERE ($symbols IS NULL OR list_contains($symbols::VARCHAR[], d.symbol))
      AND ($intervals IS NULL OR list_contains($intervals::VARCHAR[], d.interval))
)
SELECT w.*, coalesce(w.account_from, CASE WHEN w.waiting THEN c.first_date ELSE b.first_date END) AS first_date
FROM wanted AS w
LEFT JOIN first_bar AS b ON b.interval_id = w.base_id
LEFT JOIN first_covered AS c ON c.interval_id = w.interval_id;

-- name: kinds
-- Which lengths there are, and of what they are made.
SELECT DISTINCT derived, base_unit, base_length, unit, length FROM checked ORDER BY ALL;

-- name: scope_counts
-- What there is to check: symbols, intervals, base bars, derived bars, sessions.
SELECT (SELECT count(DISTINCT symbol) FROM checked), (SELECT count(*) FROM checked),
       count(*) FILTER (WHERE NOT d.derived), count(*) FILTER (WHERE d.derived),
       count(DISTINCT (d.symbol, b.session_date)) FILTER (WHERE b.session_date IS NOT NULL AND d.unit IN ('second', 'day'))
FROM bar AS b JOIN checked AS d USING (interval_id)
WHERE {within_bars};

-- name: duplicate
-- One bar per interval and start.
SELECT b.interval_id, b.bar_start AS at, count(*) || ' bars' AS stored, '1 bar' AS expected
FROM bar AS b
WHERE b.interval_id IN (SELECT interval_id FROM checked) AND {within_bars}
GROUP BY b.interval_id, b.bar_start HAVING count(*) > 1;

-- name: impossible
-- Prices are finite and in order, and volume is not negative.
SELECT b.interval_id, b.bar_start AS at, concat_ws(' ', b.open, b.high, b.low, b.close, b.volume) AS stored,
       'low <= open, close <= high; volume >= 0' AS expected
FROM bar AS b
WHERE b.interval_id IN (SELECT interval_id FROM checked) AND {within_bars}
  AND NOT (b.low <= least(b.open, b.close) AND b.high >= greatest(b.open, b.close) AND b.volume >= 0
           AND isfinite(b.low) AND isfinite(b.high) AND isfinite(b.volume));

-- name: unretained
-- No bar lies before retained_from.
SELECT b.interval_id, b.bar_start AS at, 'a bar' AS stored, 'no bar before ' || d.retained_from AS expected
FROM bar AS b JOIN checked AS d USING (interval_id)
WHERE b.bar_start < d.retained_from AND {within_bars};

-- name: misplaced_intraday
-- Every intraday base bar lies on the grid of the segment the calendar has at its start, or in no session.
WITH segment AS (
    SELECT *, row_number() OVER (PARTITION BY calendar, session_date ORDER BY segment_open DESC) = 1 AS last_
    FROM trading_session WHERE replaced_by IS NULL
),
placed AS (
    SELECT b.interval_id, b.bar_start, d.length,
           concat_ws(' ', b.session_date, b.segment, b.span_seconds, b.base_count, b.expected_count) AS stored,
           s.session_date AS date_, s.segment AS segment_,
           ((epoch_us(b.bar_start) - epoch_us(s.segment_open)) // 1000000) AS since_open,
           ((epoch_us(s.segment_close) - epoch_us(b.bar_start)) // 1000000) AS to_close,
           s.last_ AND d.closing_seconds > 0 AND b.bar_start = s.segment_close AS closing
    FROM bar AS b
    JOIN checked AS d ON d.interval_id = b.interval_id AND NOT d.derived AND d.unit = 'second'
    ASOF LEFT JOIN segment AS s ON s.calendar = d.calendar AND b.bar_start >= s.segment_open
    WHERE {within_bars}
)
SELECT interval_id, bar_start AS at, stored,
       CASE WHEN to_close > 0 AND since_open % length <> 0 THEN 'a bar on the grid'
            WHEN to_close > 0 THEN concat_ws(' ', date_, segment_, least(length, to_close), 1, 1)
            WHEN closing THEN concat_ws(' ', date_, segment_, length, 0, 0)
            ELSE concat_ws(' ', length, 1, 0) END AS expected
FROM placed
WHERE stored <> expected;

-- name: misplaced_blocks
-- Every base bar of 1d or more covers its block of sessions, from the first open to the last close.
SELECT b.interval_id, b.bar_start AS at,
       concat_ws(' ', b.bar_start, b.span_seconds, b.session_date, b.segment, b.base_count, b.expected_count) AS stored,
       coalesce(concat_ws(' ', k.block_open, ((epoch_us(k.block_close) - epoch_us(k.block_open)) // 1000000), k.first_date, 0, 1, 1),
                'no session') AS expected
FROM bar AS b
JOIN checked AS d ON d.interval_id = b.interval_id AND NOT d.derived AND d.unit = '{unit}' AND d.length = {length}
LEFT JOIN (SELECT DISTINCT calendar, first_date, block_open, block_close FROM ({blocks})) AS k
       ON k.calendar = d.calendar AND k.first_date = b.session_date
WHERE {within_bars} AND stored <> expected;

-- name: blocks
-- Each session with the block of sessions it is in.
SELECT *, min(session_date) OVER one_block AS first_date, min(open_) OVER one_block AS block_open,
       max(close_) OVER one_block AS block_close, sum(room_) OVER one_block AS room
FROM (SELECT s.calendar, s.session_date, min(s.segment_open) AS open_, max(s.segment_close) AS close_,
             {number} AS block_, {room} AS room_
      FROM trading_session AS s WHERE s.replaced_by IS NULL GROUP BY s.calendar, s.session_date)
WINDOW one_block AS (PARTITION BY calendar, block_)

-- name: number_of_day
-- Which block of N days: the calendar's ordinals, counted from session 0.
floor(any_value(s.ordinal) / {length})

-- name: number_of_week
-- Which block of N weeks, from Monday 1970-01-05.
floor(date_diff('day', DATE '1970-01-05', s.session_date) / 7 / {length})

-- name: number_of_month
-- Which block of N months, from 1970-01.
floor(date_diff('month', DATE '1970-01-01', s.session_date) / {length})

-- name: room_for_bars
-- How many base bars a session has room for, the clipped ones included.
sum(ceil(((epoch_us(s.segment_close) - epoch_us(s.segment_open)) // 1000000) / {base_length}))

-- name: room_for_blocks
-- A session's share of a base bar that covers several: the first of them counts.
CASE WHEN row_number() OVER (PARTITION BY s.calendar, {base_number} ORDER BY s.session_date) = 1 THEN 1 ELSE 0 END

-- name: recomputed_intraday
-- The bars of one intraday length, straight from the base bars.
SELECT d.interval_id, b.session_date, any_value(b.segment) AS segment,
       make_timestamptz(epoch_us(s.segment_open) + ({bucket} * {length} * 1000000)::BIGINT) AS bar_start,
       least({length}, ((epoch_us(s.segment_close) - epoch_us(s.segment_open)) // 1000000) - ({bucket} * {length})::BIGINT) AS span_seconds,
       ceil(least({length}, ((epoch_us(s.segment_close) - epoch_us(s.segment_open)) // 1000000) - {bucket} * {length}) / {base_length})::INTEGER
           AS expected_count,
       {values}
FROM checked AS d
JOIN bar AS b ON b.interval_id = d.base_id AND b.session_date IS NOT NULL
JOIN trading_session AS s ON s.calendar = d.calendar AND s.session_date = b.session_date AND s.segment = b.segment
                         AND s.replaced_by IS NULL
WHERE d.derived AND d.unit = 'second' AND d.length = {length}
  AND d.base_unit = '{base_unit}' AND d.base_length = {base_length} AND {within_bars}
GROUP BY d.interval_id, b.session_date, s.segment_open, s.segment_close, {bucket}

-- name: bucket
-- Which bucket of its segment a base bar falls in; the last one takes what lies at the close.
least(floor(((epoch_us(b.bar_start) - epoch_us(s.segment_open)) // 1000000) / {length}),
      ceil(((epoch_us(s.segment_close) - epoch_us(s.segment_open)) // 1000000) / {length}) - 1)

-- name: recomputed_blocks
-- The bars of one length of 1d or more, straight from the base bars.
SELECT d.interval_id, k.first_date AS session_date, 0 AS segment, k.block_open AS bar_start,
       ((epoch_us(k.block_close) - epoch_us(k.block_open)) // 1000000) AS span_seconds, any_value(k.room)::INTEGER AS expected_count,
       {values}
FROM checked AS d
JOIN bar AS b ON b.interval_id = d.base_id AND b.session_date IS NOT NULL
JOIN ({blocks}) AS k ON k.calendar = d.calendar AND k.session_date = b.session_date
WHERE d.derived AND d.unit = '{unit}' AND d.length = {length}
  AND d.base_unit = '{base_unit}' AND d.base_length = {base_length} AND {within_blocks}
GROUP BY d.interval_id, k.first_date, k.block_open, k.block_close

-- name: values
-- What base bars come to.
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
WITH recomputed AS ({recomputed}),
finished AS (
    SELECT r.*, volume_exact::DOUBLE AS volume,
           CASE WHEN volume_exact > 0 AND turnover IS NOT NULL
                THEN greatest(low, least(high, turnover::DOUBLE / volume_exact::DOUBLE)) END AS vwap
    FROM recomputed AS r
    JOIN checked AS d USING (interval_id)
    WHERE r.bar_start < d.derived_through AND r.bar_start >= coalesce(d.final_before, beginning())
),
kept AS (
    SELECT b.* FROM bar AS b JOIN checked AS d USING (interval_id)
    WHERE d.derived AND d.unit = '{unit}' AND d.length = {length} AND b.bar_start >= coalesce(d.final_before, beginning())
      AND d.base_unit = '{base_unit}' AND d.base_length = {base_length} AND {within_bars}
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
JOIN checked AS d USING (interval_id)
WHERE NOT EXISTS (SELECT 1 FROM invalidation AS i
                  WHERE i.interval_id = d.base_id
                    AND i.range_start < later(w.at, w.span_seconds + d.closing_seconds) AND i.range_end > w.at);

-- name: slots_intraday
-- Every bar that an intraday interval should have, one by one.
SELECT d.interval_id, s.session_date, s.segment,
       unnest(generate_series(0, ceil(((epoch_us(s.segment_close) - epoch_us(s.segment_open)) // 1000000) / {length})::BIGINT - 1)) AS number,
       s.segment_open AS open_, s.segment_close AS close_, d.through
FROM checked AS d
JOIN trading_session AS s ON s.calendar = d.calendar AND s.replaced_by IS NULL AND s.session_date >= d.first_date
                         AND s.segment_open < d.through
WHERE d.derived = {derived} AND d.unit = 'second' AND d.length = {length}
  AND d.base_unit = '{base_unit}' AND d.base_length = {base_length} AND {within_sessions}

-- name: slots_blocks
-- Every bar that an interval of 1d or more should have, one by one: blocks that begin within the range.
SELECT DISTINCT d.interval_id, k.first_date AS session_date, 0 AS segment, 0 AS number,
       k.block_open AS open_, k.block_close AS close_, d.through
FROM checked AS d
JOIN ({blocks}) AS k ON k.calendar = d.calendar AND k.first_date >= d.first_date AND k.block_close <= d.through
WHERE d.derived = {derived} AND d.unit = '{unit}' AND d.length = {length}
  AND d.base_unit = '{base_unit}' AND d.base_length = {base_length} AND {within_blocks}

-- name: slots
-- The bars that should be there, each with whether it is, and complete.
CREATE OR REPLACE TEMP TABLE slot AS
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
WITH counted AS (
    SELECT interval_id, session_date, count(*) AS expected_count, count_if(present) AS present_count
    FROM slot GROUP BY interval_id, session_date
),
kept AS (
    SELECT s.* FROM session_coverage AS s JOIN checked AS d USING (interval_id)
    WHERE d.derived = {derived} AND d.unit = '{unit}' AND d.length = {length}
      AND d.base_unit = '{base_unit}' AND d.base_length = {base_length} AND {within_sessions}
)
SELECT coalesce(c.interval_id, k.interval_id) AS interval_id,
       coalesce(c.session_date, k.session_date)::TIMESTAMPTZ AS at,
       coalesce(k.present_count || ' of ' || k.expected_count, 'no row') AS stored,
       coalesce(c.present_count || ' of ' || c.expected_count, 'no row') AS expected
FROM counted AS c
FULL JOIN kept AS k ON k.interval_id = c.interval_id AND k.session_date = c.session_date
WHERE stored <> expected;

-- name: ungapped
-- Every maximal run of missing bars is a gap, and nothing else is.
WITH run AS (
    SELECT interval_id, session_date, segment, slot_start, slot_end, there,
           number - row_number() OVER (PARTITION BY interval_id, session_date, segment ORDER BY number) AS run
    FROM slot WHERE NOT present
),
missing AS (
    SELECT interval_id, session_date, segment, min(slot_start) AS gap_start, max(slot_end) AS gap_end,
           count(*) AS missing_count, count_if(there) AS incomplete_count
    FROM run GROUP BY interval_id, session_date, segment, run
),
kept AS (
    SELECT s.* FROM gap AS s JOIN checked AS d USING (interval_id)
    WHERE d.derived = {derived} AND d.unit = '{unit}' AND d.length = {length}
      AND d.base_unit = '{base_unit}' AND d.base_length = {base_length} AND {within_sessions}
)
SELECT coalesce(m.interval_id, k.interval_id) AS interval_id, coalesce(m.gap_start, k.gap_start) AS at,
       coalesce('until ' || k.gap_end || ', ' || k.missing_count || ' missing, ' || k.incomplete_count
                || ' of them there', 'no gap') AS stored,
       coalesce('until ' || m.gap_end || ', ' || m.missing_count || ' missing, ' || m.incomplete_count
                || ' of them there', 'no gap') AS expected
FROM missing AS m
FULL JOIN kept AS k ON k.interval_id = m.interval_id AND k.session_date = m.session_date
                   AND k.segment = m.segment AND k.gap_start = m.gap_start
WHERE stored <> expected;

-- name: misgraded
-- Quality is what coverage comes to, and so are the sums it is made of.
SELECT d.interval_id, NULL::TIMESTAMPTZ AS at,
       concat(coalesce(i.quality_pct::VARCHAR, 'none'), ', ', i.present_count, ' of ', i.expected_count, ' from ',
              i.first_session) AS stored,
       concat(coalesce((100.0::DOUBLE * sum(c.present_count) / nullif(sum(c.expected_count), 0))::VARCHAR, 'none'), ', ',
              sum(c.present_count), ' of ', sum(c.expected_count), ' from ', min(c.session_date)) AS expected
FROM checked AS d
JOIN interval_definition AS i USING (interval_id)
LEFT JOIN session_coverage AS c USING (interval_id)
GROUP BY d.interval_id, i.quality_pct, i.present_count, i.expected_count, i.first_session
HAVING stored <> expected;

-- name: stale_base
-- A base interval is complete through the end of its last bar, at least.
SELECT d.interval_id, max(later(b.bar_start, b.span_seconds)) AS at,
       coalesce('complete_through ' || d.complete_through, 'no complete_through') AS stored,
       'complete_through ' || max(later(b.bar_start, b.span_seconds)) || ' or later' AS expected
FROM checked AS d
JOIN bar AS b USING (interval_id)
WHERE NOT d.derived
GROUP BY d.interval_id, d.complete_through
HAVING max(later(b.bar_start, b.span_seconds)) > coalesce(d.complete_through, beginning());

-- name: stale_derived
-- A derived interval is derived through the end of its last bar, at least.
SELECT d.interval_id, max(later(b.bar_start, b.span_seconds)) AS at,
       coalesce('derived_through ' || d.derived_through, 'no derived_through') AS stored,
       'derived_through ' || max(later(b.bar_start, b.span_seconds)) || ' or later' AS expected
FROM checked AS d
JOIN bar AS b USING (interval_id)
WHERE d.derived
GROUP BY d.interval_id, d.derived_through
HAVING max(later(b.bar_start, b.span_seconds)) > coalesce(d.derived_through, beginning());

-- name: late_hint
-- No bucket of a derived interval that is not derived yet ends before its next_close; the first one, where none is derived,
-- holds its base's first session.
WITH derived_ AS (
    SELECT c.interval_id, c.calendar, c.kind, c.unit, c.length::BIGINT AS length, c.next_close,
           coalesce(c.derived_through, s.session_open) AS from_
    FROM checked AS c
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
WITH segment AS (
    SELECT calendar, segment_open, segment_close FROM trading_session WHERE replaced_by IS NULL
),
at_ AS (
    SELECT d.interval_id, d.derived_through, d.final_before, d.length, d.complete_through, s.segment_open AS open_,
           s.segment_close AS close_
    FROM checked AS d
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
SELECT d.interval_id, d.derived_through AS at, 'derived_through ' || d.derived_through AS stored,
       'the end of a block of sessions that base bars have reached' AS expected
FROM checked AS d
LEFT JOIN (SELECT DISTINCT calendar, block_open, block_close FROM ({blocks})) AS k
       ON k.calendar = d.calendar AND k.block_close = d.derived_through
WHERE d.derived AND d.unit = '{unit}' AND d.length = {length} AND d.derived_through IS NOT NULL
  AND d.base_unit = '{base_unit}' AND d.base_length = {base_length}
  AND d.derived_through IS DISTINCT FROM d.final_before
  AND (k.block_open IS NULL OR k.block_open >= coalesce(d.complete_through, beginning()));

-- name: unrevised
-- What every batch says it wrote and replaced is there, as bars or as revisions, or was purged.
WITH written AS (
    SELECT batch_id, sum(count_) AS count_
    FROM (SELECT batch_id, count(*) AS count_ FROM bar GROUP BY ALL
          UNION ALL SELECT batch_id, count(*) FROM bar_revision GROUP BY ALL
          UNION ALL SELECT of_batch, sum(written) FROM purge GROUP BY ALL)
    GROUP BY batch_id
),
replaced AS (
    SELECT batch_id, sum(count_) AS count_
    FROM (SELECT replaced_by AS batch_id, count(*) AS count_ FROM bar_revision GROUP BY ALL
          UNION ALL SELECT of_batch, sum(replaced) FROM purge GROUP BY ALL)
    GROUP BY batch_id
)
SELECT NULL::INTEGER AS interval_id, b.committed_at AS at,
       'batch ' || b.batch_id || ' (' || b.kind || '): ' || coalesce(w.count_, 0) || ' bars written, '
       || coalesce(r.count_, 0) || ' revisions kept' AS stored,
       (b.inserted + b.revised) || ' bars written, ' || (b.revised + b.deleted) || ' revisions kept' AS expected
FROM batch AS b
LEFT JOIN written AS w USING (batch_id)
LEFT JOIN replaced AS r USING (batch_id)
WHERE coalesce(w.count_, 0) <> b.inserted + b.revised OR coalesce(r.count_, 0) <> b.revised + b.deleted
UNION ALL
SELECT NULL, NULL, count(*) || ' bars or revisions of batch ' || x.batch_id, 'a row in batch'
FROM (SELECT batch_id FROM bar UNION ALL SELECT batch_id FROM bar_revision
      UNION ALL SELECT replaced_by FROM bar_revision) AS x
WHERE NOT EXISTS (SELECT 1 FROM batch AS b WHERE b.batch_id = x.batch_id)
GROUP BY x.batch_id;

-- name: overlapping
-- At every moment a bar had one set of values: each ends where, or before, the next begins.
WITH version AS (
    SELECT interval_id, bar_start, batch_id, replaced_by FROM bar_revision
    UNION ALL
    SELECT b.interval_id, b.bar_start, b.batch_id, NULL
    FROM bar AS b SEMI JOIN bar_revision AS r USING (interval_id, bar_start)
),
followed AS (
    SELECT *, lead(batch_id) OVER (PARTITION BY interval_id, bar_start ORDER BY batch_id, replaced_by NULLS LAST)
        AS next_batch_id
    FROM version
)
SELECT interval_id, bar_start AS at,
       'values of batch ' || batch_id || ', replaced by ' || coalesce(replaced_by::VARCHAR, 'none') AS stored,
       'replaced by a later batch, at most ' || coalesce(next_batch_id::VARCHAR, 'none') AS expected
FROM followed
WHERE replaced_by <= batch_id OR coalesce(replaced_by, 9223372036854775807) > next_batch_id;

-- name: named
-- What a check found, with names, the first of it.
SELECT d.symbol, d.interval, f.at, f.stored, f.expected, count(*) OVER () AS total
FROM ({check}) AS f
LEFT JOIN (SELECT i.interval_id, i.interval, s.symbol FROM interval_definition AS i JOIN symbol AS s USING (symbol_id)) AS d
       ON d.interval_id = f.interval_id
ORDER BY d.symbol NULLS FIRST, f.at, d.interval
LIMIT $shown;
