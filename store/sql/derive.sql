-- Deriving: finding the work, and turning base bars into the bars of longer intervals.
--
-- A level is a temporary table with one row per base interval and bucket. Its key, one integer, says where it lies: in
-- 22 bits the number of the base interval, in 21 that of the segment (blocks of sessions: the first segment of their
-- first session), in 20 the bucket in the segment; so keys come in the order of the bar table. Coarser levels are made
-- from finer ones; sums stay exact decimals until a bar is written, so the path taken leaves no trace in the bits.

-- name: may_wait
-- How many changes of base bars are to be derived again, and of how many intervals, at most, the next bucket is closed:
-- base bars go beyond what is derived, and it can have closed.
SELECT (SELECT count(*) FROM invalidation), count(*)
FROM interval_definition AS d
JOIN interval_definition AS b ON b.symbol_id = d.symbol_id AND b.interval = d.base
WHERE b.complete_through > coalesce(d.derived_through, beginning())
  AND (d.next_close IS NULL OR d.next_close <= greatest(b.complete_through, $clock::TIMESTAMPTZ));

-- name: waiting
-- The derived intervals with work: their next bucket is closed (new_through says how far they can go), or base bars
-- changed below what is derived.
CREATE OR REPLACE TEMP TABLE waiting AS
{pending}
SELECT d.interval_id, d.symbol_id, d.derived_through, NULL::TIMESTAMPTZ AS new_through
FROM definition AS d
WHERE d.derived AND EXISTS (SELECT 1 FROM invalidation AS i
                            WHERE i.interval_id = d.base_id AND i.range_start < d.derived_through
                              AND i.range_end > coalesce(d.final_before, beginning()));

-- name: pending
-- Those of which the next bucket is closed.
SELECT interval_id, symbol_id, derived_through, new_through FROM pending($clock::TIMESTAMPTZ)
UNION ALL

-- name: waiting_count
-- How many symbols have work, and whether some have more of it than a month.
SELECT count(DISTINCT symbol_id),
       count(*) FILTER (WHERE new_through > later(coalesce(derived_through, beginning()), 31 * 86400)) > 0
FROM waiting;

-- name: chunk
-- The first of those symbols: what one transaction works on.
CREATE OR REPLACE TEMP TABLE scope_symbols AS
SELECT DISTINCT symbol_id FROM waiting ORDER BY symbol_id LIMIT $symbol_count;

-- name: chunk_of_backlog
-- The first of those symbols, as many as hold no more than so many base bars together, but at least one.
CREATE OR REPLACE TEMP TABLE scope_symbols AS
WITH backlog AS (
    SELECT w.symbol_id, coalesce(sum(c.present_count), 0) AS bar_count
    FROM (SELECT symbol_id, min(coalesce(derived_through, beginning())) AS from_ FROM waiting GROUP BY symbol_id) AS w
    JOIN interval_definition AS b ON b.symbol_id = w.symbol_id AND NOT b.derived
    LEFT JOIN session_coverage AS c ON c.interval_id = b.interval_id AND c.session_date >= w.from_::DATE - 1
    GROUP BY w.symbol_id
)
SELECT symbol_id
FROM (SELECT symbol_id, row_number() OVER by_id AS place, sum(bar_count) OVER by_id AS so_far FROM backlog
      WINDOW by_id AS (ORDER BY symbol_id))
WHERE place = 1 OR (place <= $symbol_count AND so_far <= $bar_count);

-- name: chunk_count
-- How many symbols that is.
SELECT count(*) FROM scope_symbols;

-- name: forward
-- Buckets that have closed since the last time, one range per derived interval.
CREATE OR REPLACE TEMP TABLE target AS
SELECT d.interval_id, d.base_id, d.calendar, d.kind, d.unit, d.length, d.base_unit, d.base_length,
       coalesce(d.derived_through, beginning()) AS from_, w.new_through AS to_
FROM waiting AS w
JOIN scope_intervals AS d USING (interval_id)
WHERE w.new_through IS NOT NULL;

-- name: again
-- Buckets below derived_through that an invalidation touches: its range is widened to whole buckets, and ends where
-- the forward pass begins. Final bars are left alone. session_date is what the bars there carry, last_date that of the
-- last session they cover; by these thousands of ranges find their bars without being compared with each.
CREATE OR REPLACE TEMP TABLE target AS
WITH hit AS (
    SELECT d.*, i.session_date AS changed_date, i.range_start, i.range_end
    FROM scope_intervals AS d
    JOIN invalidation AS i ON i.interval_id = d.base_id AND i.range_start < d.derived_through
    WHERE d.derived
),
widened AS (
    SELECT h.*,
           later(s.segment_open, (greatest(epoch_us(h.range_start) - epoch_us(s.segment_open), 0)
                                  // (h.length::BIGINT * 1000000)) * h.length) AS from_,
           least(s.segment_close,
                 later(s.segment_open, slots(s.segment_open, h.range_end, h.length) * h.length)) AS to_,
           h.changed_date AS session_date, h.changed_date AS last_date
    FROM hit AS h
    JOIN trading_session AS s ON s.calendar = h.calendar AND s.session_date = h.changed_date AND s.replaced_by IS NULL
    WHERE h.kind = 'session' AND h.range_start < s.segment_close AND h.range_end > s.segment_open
    UNION ALL
    SELECT h.*, p.open_, p.close_, p.first_date, p.last_date
    FROM hit AS h
    JOIN (SELECT *, unnest(generate_series(first_date, last_date, INTERVAL 1 DAY))::DATE AS date
          FROM coverage_units WHERE kind <> 'session') AS p
         ON p.calendar = h.calendar AND p.kind = h.kind AND p.date = h.changed_date
)
SELECT DISTINCT interval_id, base_id, calendar, kind, unit, length, base_unit, base_length, from_,
       least(to_, derived_through) AS to_, session_date, last_date
FROM widened
WHERE from_ < derived_through AND from_ >= coalesce(final_before, beginning());

-- name: target_bounds
-- How many targets there are, and the stretch of time they lie in.
SELECT count(*), min(from_), max(to_) FROM target;

-- name: target_kinds
-- Which lengths are to be derived from which base lengths, and on which calendars.
SELECT base_unit, base_length, unit, length, kind, list(DISTINCT calendar) FROM target GROUP BY ALL;

-- name: block_kinds
-- The calendars and lengths whose blocks of sessions are at hand.
SELECT DISTINCT calendar, kind FROM coverage_units WHERE kind <> 'session';

-- name: scan_again
-- The sessions whose base bars have to be read again: those that targets cover.
CREATE OR REPLACE TEMP TABLE scan AS
SELECT DISTINCT t.base_id, t.calendar, t.session_date
FROM (SELECT base_id, calendar,
             unnest(generate_series(session_date, last_date, INTERVAL 1 DAY))::DATE AS session_date
      FROM (SELECT DISTINCT base_id, calendar, session_date, last_date FROM target
            WHERE base_unit = $base_unit AND base_length = $base_length)) AS t
SEMI JOIN (FROM coverage_units WHERE kind = 'session') AS s ON s.calendar = t.calendar AND s.first_date = t.session_date;

-- name: scan
-- The sessions whose base bars have to be read going forward, where the ranges of one base start and end close
-- together. Thousands of bases share few of them, so sessions are looked for once per range.
CREATE OR REPLACE TEMP TABLE scan AS
WITH reaching AS MATERIALIZED (
    SELECT t.base_id, t.calendar, t.from_, t.to_, d.first_session AS first_date
    FROM (SELECT base_id, calendar, base_unit, base_length, min(from_) AS from_, max(to_) AS to_
          FROM target GROUP BY ALL) AS t
    JOIN scope_intervals AS d ON d.interval_id = t.base_id AND d.first_session IS NOT NULL
    WHERE t.base_unit = $base_unit AND t.base_length = $base_length
),
reached AS MATERIALIZED (
    SELECT t.*, s.first_date AS session_date
    FROM (SELECT DISTINCT calendar, from_, to_, first_date FROM reaching) AS t
    JOIN coverage_units AS s ON s.calendar = t.calendar AND s.kind = 'session' AND s.first_date >= t.first_date
                   AND s.open_ < t.to_ AND s.close_ > t.from_
                   AND s.open_ < $last_end::TIMESTAMPTZ AND s.close_ > $first_start::TIMESTAMPTZ
)
SELECT DISTINCT t.base_id, t.calendar, s.session_date
FROM reaching AS t JOIN reached AS s USING (calendar, from_, to_, first_date);

-- name: place
-- The segments of those sessions, and of those that the blocks they belong to begin with, numbered in the order of time.
CREATE OR REPLACE TEMP TABLE {place} AS
SELECT row_number() OVER (ORDER BY t.calendar, t.segment_open) AS number, t.calendar, t.session_date, t.segment,
       epoch_us(t.segment_open) AS open_us, epoch_us(t.segment_close) AS close_us
FROM (
    SELECT s.calendar, least(s.first_date, min(p.first_date)) AS first_date, s.last_date
    FROM (SELECT calendar, min(session_date) AS first_date, max(session_date) AS last_date FROM scan GROUP BY calendar) AS s
    LEFT JOIN coverage_units AS p ON p.calendar = s.calendar AND p.kind <> 'session'
                        AND p.first_date <= s.first_date AND p.last_date >= s.first_date
    GROUP BY s.calendar, s.first_date, s.last_date
) AS s
JOIN trading_session AS t ON t.calendar = s.calendar AND t.session_date BETWEEN s.first_date AND s.last_date
                         AND t.replaced_by IS NULL;

-- name: scanned
-- The segments to read of each base, each with the key its buckets begin with.
CREATE OR REPLACE TEMP TABLE scanned AS
SELECT s.base_id, p.session_date, p.segment, p.open_us, p.close_us, (b.number << 41) + (p.number << 20) AS key
FROM scan AS s
JOIN (SELECT base_id, row_number() OVER (ORDER BY base_id) AS number FROM (SELECT DISTINCT base_id FROM scan)) AS b
     USING (base_id)
JOIN {place} AS p USING (calendar, session_date);

-- name: goal_again
-- The same where targets are single sessions: only the segments of these.
CREATE OR REPLACE TEMP TABLE {goal} AS
SELECT s.key >> 20 AS prefix, s.session_date, s.segment, s.open_us, s.close_us, t.* EXCLUDE (session_date)
FROM (SELECT base_id, interval_id, length, session_date, epoch_us(min(from_)) AS from_us, epoch_us(max(to_)) AS to_us
      FROM target WHERE unit = 'second' GROUP BY ALL) AS t
JOIN scanned AS s USING (base_id, session_date);

-- name: goal
-- Where the bars of each interval can lie: the segments read of its base, by the beginning of their keys (a key without
-- its bucket), and the range that all its targets lie in.
CREATE OR REPLACE TEMP TABLE {goal} AS
SELECT s.key >> 20 AS prefix, s.session_date, s.segment, s.open_us, s.close_us, t.*
FROM (SELECT base_id, interval_id, length, epoch_us(min(from_)) AS from_us, epoch_us(max(to_)) AS to_us
      FROM target WHERE unit = 'second' GROUP BY ALL) AS t
JOIN scanned AS s USING (base_id);

-- name: block_goal
-- The intervals of 1d and longer to make bars of, each with the number of its base and the range its targets lie in.
CREATE OR REPLACE TEMP TABLE block_{goal} AS
SELECT t.interval_id, t.kind, b.number AS base_number, min(t.from_) AS from_, max(t.to_) AS to_
FROM target AS t
JOIN (SELECT base_id, min(key) >> 41 AS number FROM scanned GROUP BY base_id) AS b USING (base_id)
WHERE t.unit <> 'second'
GROUP BY ALL;

-- name: trades_of_bars
-- What base bars know of their trades, summed up.
CASE WHEN count(b.trade_count) = count(*) THEN sum(b.trade_count) END AS trade_count,
       sum(CASE WHEN b.volume > 0 THEN (b.vwap * b.volume)::DECIMAL(38, 15) END) AS turnover,
       bool_and(b.volume = 0 OR b.vwap IS NOT NULL) AS vwap_known

-- name: trades_of_level
-- What a level knows of them.
CASE WHEN count(l.trade_count) = count(*) THEN sum(l.trade_count) END AS trade_count,
       sum(l.turnover) AS turnover, bool_and(l.vwap_known) AS vwap_known

-- name: no_trades
-- The same where no base bar knows anything of its trades.
NULL::HUGEINT AS trade_count, NULL::DECIMAL(38, 15) AS turnover, false AS vwap_known

-- name: trades_known
-- Whether any base bar there knows anything of its trades.
SELECT EXISTS (FROM bar WHERE bar_start >= $first_start::TIMESTAMPTZ AND bar_start <= $last_end::TIMESTAMPTZ
                          AND (trade_count IS NOT NULL OR vwap IS NOT NULL));

-- name: level_from_bars
-- Buckets of a segment from the base bars. A closing bar starts where its segment ends and joins the last bucket.
CREATE OR REPLACE TEMP TABLE {level} AS
SELECT s.key + least((epoch_us(b.bar_start) - s.open_us) // $width_us, (s.close_us - s.open_us - 1) // $width_us) AS key,
       arg_min(b.open, b.bar_start) AS open, max(b.high) AS high, min(b.low) AS low,
       arg_max(b.close, b.bar_start) AS close,
       sum(b.volume::DECIMAL(38, 9)) AS volume,
       {trades},
       sum(b.base_count) AS base_count
FROM bar AS b
JOIN scanned AS s ON s.base_id = b.interval_id AND s.session_date = b.session_date AND s.segment = b.segment
WHERE b.bar_start >= $first_start::TIMESTAMPTZ AND b.bar_start <= $last_end::TIMESTAMPTZ
  AND b.interval_id IN (SELECT base_id FROM scanned)
GROUP BY 1;

-- name: level_from_level
-- Buckets of a segment from shorter ones that divide them.
CREATE OR REPLACE TEMP TABLE {level} AS
SELECT ((l.key >> 20) << 20) + (l.key & 1048575) // $ratio AS key,
       arg_min(l.open, l.key) AS open, max(l.high) AS high, min(l.low) AS low, arg_max(l.close, l.key) AS close,
       sum(l.volume) AS volume,
       {trades},
       sum(l.base_count) AS base_count
FROM {parent} AS l
GROUP BY 1;

-- name: block_place
-- For each segment the one that its block of sessions begins with, for one length.
CREATE OR REPLACE TEMP TABLE block_place AS
SELECT p.number, f.number AS first_number
FROM {place} AS p
ASOF JOIN (FROM coverage_units WHERE kind = $kind) AS k ON k.calendar = p.calendar AND p.session_date >= k.first_date
JOIN (SELECT calendar, session_date, min(number) AS number FROM {place} GROUP BY ALL) AS f
  ON f.calendar = k.calendar AND f.session_date = k.first_date;

-- name: block_from_bars
-- Blocks of sessions from the base bars.
CREATE OR REPLACE TEMP TABLE {level} AS
SELECT ((s.key >> 41) << 41) + (k.first_number << 20) AS key,
       arg_min(b.open, b.bar_start) AS open, max(b.high) AS high, min(b.low) AS low,
       arg_max(b.close, b.bar_start) AS close,
       sum(b.volume::DECIMAL(38, 9)) AS volume,
       {trades},
       sum(b.base_count) AS base_count
FROM bar AS b
JOIN scanned AS s ON s.base_id = b.interval_id AND s.session_date = b.session_date AND s.segment = b.segment
JOIN block_place AS k ON k.number = (s.key >> 20) & 2097151
WHERE b.bar_start >= $first_start::TIMESTAMPTZ AND b.bar_start <= $last_end::TIMESTAMPTZ
  AND b.interval_id IN (SELECT base_id FROM scanned)
GROUP BY 1;

-- name: block_from_level
-- Blocks of sessions from buckets of segments, or from shorter blocks.
CREATE OR REPLACE TEMP TABLE {level} AS
SELECT ((l.key >> 41) << 41) + (k.first_number << 20) AS key,
       arg_min(l.open, l.key) AS open, max(l.high) AS high, min(l.low) AS low, arg_max(l.close, l.key) AS close,
       sum(l.volume) AS volume,
       {trades},
       sum(l.base_count) AS base_count
FROM {parent} AS l
JOIN block_place AS k ON k.number = (l.key >> 20) & 2097151
GROUP BY 1;

-- name: intraday_bars
-- The bars of one intraday length, in the order of the bar table: rows are sorted while they are narrow, and a join by
-- a unique key leaves them in order.
SELECT interval_id, instant(start_us) AS bar_start, span_seconds, session_date, segment,
       open, high, low, close, volume::DOUBLE AS volume, trade_count::BIGINT AS trade_count,
       vwap_of(turnover, volume, vwap_known, low, high) AS vwap, base_count::INTEGER AS base_count,
       ((span_seconds + {base_length} - 1) // {base_length})::INTEGER AS expected_count
FROM (
    SELECT g.interval_id, g.from_us, g.to_us, g.session_date, g.segment, l.* EXCLUDE (key),
           g.open_us + (l.key & 1048575) * {length} * 1000000 AS start_us,
           least({length}::BIGINT, (g.close_us - g.open_us) // 1000000 - (l.key & 1048575) * {length}) AS span_seconds
    FROM (FROM {level} ORDER BY key) AS l
    JOIN (FROM {goal} WHERE length = {length}) AS g ON g.prefix = l.key >> 20
) AS m
WHERE start_us >= from_us AND start_us < to_us

-- name: block_bars
-- The bars of one length of 1d or more, in the order of the bar table.
SELECT g.interval_id, b.open_ AS bar_start, (epoch_us(b.close_) - epoch_us(b.open_)) // 1000000 AS span_seconds,
       p.session_date, 0::TINYINT AS segment,
       l.open, l.high, l.low, l.close, l.volume::DOUBLE AS volume, l.trade_count::BIGINT AS trade_count,
       vwap_of(l.turnover, l.volume, l.vwap_known, l.low, l.high) AS vwap,
       l.base_count::INTEGER AS base_count, b.expected_count
FROM {level} AS l
JOIN (FROM block_{goal} WHERE kind = '{kind}') AS g ON g.base_number = l.key >> 41
JOIN {place} AS p ON p.number = (l.key >> 20) & 2097151
JOIN (FROM coverage_units WHERE kind = '{kind}') AS b ON b.calendar = p.calendar AND b.first_date = p.session_date
WHERE b.open_ >= g.from_ AND b.open_ < g.to_
ORDER BY l.key

-- name: of_targets
-- Those of them that lie in a target, where an interval has several.
SELECT b.* FROM ({bars}) AS b
SEMI JOIN target AS t ON t.interval_id = b.interval_id AND t.session_date = b.session_date
                     AND b.bar_start >= t.from_ AND b.bar_start < t.to_

-- name: gather
-- The bars of all levels, in the order of the bar table. One statement makes the table: DuckDB 2.0 loses sight of
-- rows inserted into a temporary table one after the other until the transaction ends.
CREATE OR REPLACE TEMP TABLE {fresh} AS
SELECT * FROM ({bars}) AS b ORDER BY interval_id, bar_start;

-- name: working_again
-- The intervals that the first pass derived again.
CREATE OR REPLACE TEMP TABLE working_again AS SELECT DISTINCT interval_id FROM target;

-- name: worked
-- The derived intervals of both passes, and how far they were and are derived.
CREATE OR REPLACE TEMP TABLE worked AS
SELECT d.interval_id, d.base_id, d.derived_through AS old_through, coalesce(t.to_, d.derived_through) AS new_through
FROM scope_intervals AS d
LEFT JOIN target AS t USING (interval_id)
WHERE t.interval_id IS NOT NULL OR d.interval_id IN (SELECT interval_id FROM working_again);

-- name: tally
-- The bars the forward pass has added, counted by interval and session. What was derived again before has the same batch
-- and lies below.
CREATE OR REPLACE TEMP TABLE tally AS
SELECT b.interval_id, b.session_date,
       count(*) FILTER (WHERE b.base_count = b.expected_count AND b.base_count > 0) AS complete_count
FROM bar AS b
JOIN target AS t ON t.interval_id = b.interval_id AND b.bar_start >= t.from_
WHERE b.batch_id = $batch_id AND b.bar_start >= $first_start::TIMESTAMPTZ AND b.bar_start < $last_end::TIMESTAMPTZ
GROUP BY ALL;

-- name: advance
-- Every interval of the forward pass is derived through the last closed bucket, empty or not.
UPDATE interval_definition AS d SET derived_through = t.to_, next_close = n.next_close
FROM target AS t
LEFT JOIN ({next_close}) AS n ON n.calendar = t.calendar AND n.kind = t.kind AND n.length = t.length AND n.from_ = t.to_
WHERE d.interval_id = t.interval_id;

-- name: next_close
-- When the next bucket closes: it lies in the first segment, or is the first block, that closes after what is derived. A
-- closing bar may keep it open for longer, and so may a calendar that is extended.
SELECT w.calendar, w.kind, w.length, w.from_,
       CASE WHEN w.kind <> 'session' THEN s.close_
            ELSE least(later(s.open_, (ended_slots(s.open_, s.close_, w.from_, w.length) + 1) * w.length), s.close_)
       END AS next_close
FROM ({ways}) AS w
ASOF JOIN (SELECT calendar, 'session' AS kind, segment_open AS open_, segment_close AS close_
           FROM trading_session WHERE replaced_by IS NULL
           {blocks}) AS s
       ON s.calendar = w.calendar AND s.kind = w.kind AND s.close_ > w.from_

-- name: ways_of_targets
-- From where the targets go on.
SELECT DISTINCT calendar, kind, length, to_ AS from_ FROM target

-- name: look_ahead
-- The same for intervals of which that is not known yet.
UPDATE interval_definition AS d SET next_close = n.next_close
FROM (
    WITH unknown AS MATERIALIZED (
        SELECT d.interval_id, d.calendar, d.kind, d.length, coalesce(d.derived_through, s.session_open) AS from_
        FROM definition AS d
        LEFT JOIN calendar_session AS s ON d.derived_through IS NULL AND s.calendar = d.calendar
                                       AND s.session_date = d.base_first
        WHERE d.derived AND d.next_close IS NULL AND coalesce(d.derived_through, s.session_open) IS NOT NULL
    )
    SELECT u.interval_id, n.next_close
    FROM unknown AS u JOIN ({next_close}) AS n USING (calendar, kind, length, from_)
) AS n
WHERE d.interval_id = n.interval_id;

-- name: ways_unknown
-- From where those go on.
SELECT DISTINCT calendar, kind, length, from_ FROM unknown

-- name: blocks_at_hand
-- The blocks that a transaction has gathered.
UNION ALL
SELECT calendar, kind, open_, close_ FROM coverage_units WHERE kind <> 'session'

-- name: all_blocks
-- Every block that is in use.
UNION ALL
SELECT calendar, kind, block_open, block_close FROM calendar_block

-- name: consume
-- The invalidations of this chunk are dealt with: below derived_through the buckets were computed again, above it
-- they will be when they close.
DELETE FROM invalidation WHERE interval_id IN (SELECT base_id FROM scope_intervals WHERE derived);

-- name: changes_by_interval
-- What was written of bars that were derived again, by interval length.
SELECT d.interval, count(*) FILTER (WHERE c.action = 'insert'), count(*) FILTER (WHERE c.action = 'revise'),
       count(*) FILTER (WHERE c.action = 'delete')
FROM bar_changes AS c JOIN interval_definition AS d USING (interval_id)
GROUP BY d.interval;
