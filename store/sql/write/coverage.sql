-- Coverage: how many bars each session to be counted again should have and has, the gaps, and the quality of each interval.
-- The range of an interval starts with its symbol's first session that has a bar (blocks of sessions: with the first that
-- begins no earlier) and ends at the instant it is complete (base) or derived (derived) through; complete bars count as
-- present.

-- name: scope_intervals
-- The intervals a write deals with, as they were when it began: small, and asked many times.
-- makes: scope_intervals(interval_id, symbol_id, symbol, calendar, interval, unit, length, derived, base, base_id,
-- base_unit, base_length, closing_seconds, complete_through, derived_through, next_close, through, kind,
-- retained_from, final_before, account_from, first_session, base_first, quality_pct)
-- reads: definition
CREATE OR REPLACE TEMP TABLE {scope_intervals} AS
SELECT * FROM definition WHERE {condition};

-- name: of_moves
-- Those that have come further.
-- part: condition
-- takes: watermark_moves
interval_id IN (SELECT interval_id FROM {watermark_moves})

-- name: in_scope
-- Those of the symbols that one transaction works on.
-- part: condition
-- takes: scope_symbols
symbol_id IN (FROM {scope_symbols})

-- name: intervals_with_work
-- Of these, those that wait to be derived.
-- part: scope_intervals(interval_id, symbol_id, symbol, calendar, interval, unit, length, derived, base, base_id,
-- base_unit, base_length, closing_seconds, complete_through, derived_through, next_close, through, kind,
-- retained_from, final_before, account_from, first_session, base_first, quality_pct)
-- takes: scope_intervals, waiting_intervals
(FROM {scope_intervals} SEMI JOIN {waiting_intervals} USING (interval_id))

-- name: count_block_intervals
-- How many of some intervals cover whole sessions.
-- gives: block_count
-- takes: intervals_with_work: any
SELECT count(*) AS block_count FROM {intervals_with_work} WHERE kind <> 'session';

-- name: block_units
-- The blocks of sessions of some intervals.
-- part: coverage_units(calendar, kind, first_date, last_date, open_, close_, expected_count)
-- reads: calendar_block
UNION ALL
SELECT calendar, kind, first_date, last_date, block_open, block_close, expected_count
FROM calendar_block
WHERE (calendar, kind) IN (SELECT (calendar, kind) FROM {intervals_with_work})

-- name: coverage_units
-- The units of time that intervals are covered by: sessions, and blocks of sessions for 1d and longer.
-- makes: coverage_units(calendar, kind, first_date, last_date, open_, close_, expected_count)
-- takes: scope_intervals
-- reads: calendar_session
CREATE OR REPLACE TEMP TABLE {coverage_units} AS
SELECT calendar, 'session' AS kind, session_date AS first_date, session_date AS last_date,
       session_open AS open_, session_close AS close_, 1 AS expected_count
FROM calendar_session
WHERE calendar IN (SELECT calendar FROM {scope_intervals})
{blocks};

-- name: moves_of_derived
-- How far derived intervals were and are covered, and where their range started and starts: with the base's first session,
-- or with the first block of sessions that begins no earlier: what a block before lacks, no bar of the range can bring.
-- makes: watermark_moves(interval_id, calendar, kind, length, old_through, new_through, old_first, new_first)
-- takes: derived_moves, scope_intervals, coverage_units
CREATE OR REPLACE TEMP TABLE {watermark_moves} AS
WITH first_unit AS MATERIALIZED (
    SELECT t.*, u.first_date
    FROM (SELECT DISTINCT d.calendar, d.kind, d.base_first
          FROM {derived_moves} JOIN {scope_intervals} AS d USING (interval_id)) AS t
    ASOF JOIN {coverage_units} AS u ON u.calendar = t.calendar AND u.kind = t.kind AND t.base_first <= u.first_date
)
SELECT w.interval_id, d.calendar, d.kind, d.length, w.old_through, w.new_through, d.first_session AS old_first,
       coalesce(d.account_from, u.first_date) AS new_first
FROM {derived_moves} AS w
JOIN {scope_intervals} AS d USING (interval_id)
LEFT JOIN first_unit AS u ON u.calendar = d.calendar AND u.kind = d.kind AND u.base_first = d.base_first;

-- name: count_moved
-- How many ranges start elsewhere than before.
-- gives: moved_count
-- takes: watermark_moves
SELECT count(*) AS moved_count FROM {watermark_moves} WHERE old_first IS DISTINCT FROM new_first;

-- name: advance
-- The base intervals are complete through the last bar that arrived. This never goes back.
-- writes: interval_definition
-- takes: watermark_moves
UPDATE interval_definition AS d SET complete_through = p.new_through
FROM {watermark_moves} AS p
WHERE d.interval_id = p.interval_id AND p.new_through > coalesce(d.complete_through, beginning());

-- name: look_ahead_anew
-- Intervals that are derived nowhere yet begin with the first session: bars may have come before it.
-- writes: interval_definition
-- takes: watermark_moves
-- reads: interval_definition
UPDATE interval_definition SET next_close = NULL
WHERE derived AND derived_through IS NULL
  AND symbol_id IN (SELECT symbol_id FROM interval_definition
                    WHERE interval_id IN (SELECT interval_id FROM {watermark_moves}));

-- name: bounds_of_moves
-- Whether some of them cover whole sessions, and until when every session is covered already.
-- gives: has_blocks, covered_until
-- takes: watermark_moves
SELECT coalesce(bool_or(kind <> 'session'), false) AS has_blocks,
       min(CASE WHEN old_first IS NULL THEN beginning() ELSE coalesce(old_through, beginning()) END) AS covered_until
FROM {watermark_moves};

-- name: recounted_sessions
-- The sessions to cover anew: where bars changed, what newly entered a range, and what left it. Thousands of
-- intervals have few ranges, so the units that enter are looked for once per range.
-- makes: recounted_sessions(interval_id, session_date)
-- takes: watermark_moves, coverage_units
-- reads: session_coverage
CREATE OR REPLACE TEMP TABLE {recounted_sessions} AS
WITH moved AS MATERIALIZED (
    SELECT interval_id, calendar, kind, new_first, new_through, coalesce(old_first, DATE 'infinity') AS old_first,
           coalesce(old_through, beginning()) AS old_through
    FROM {watermark_moves}
    WHERE new_first IS NOT NULL AND new_through IS NOT NULL
),
entered AS MATERIALIZED (
    SELECT m.*, s.first_date AS session_date
    FROM (SELECT DISTINCT * EXCLUDE (interval_id) FROM moved) AS m
    JOIN {coverage_units} AS s ON s.calendar = m.calendar AND s.kind = m.kind
                             AND s.first_date >= m.new_first AND s.open_ < m.new_through
                             AND (s.first_date < m.old_first OR s.close_ > m.old_through)
)
SELECT interval_id, session_date FROM {changed_sessions} WHERE session_date IS NOT NULL
UNION
SELECT m.interval_id, e.session_date
FROM moved AS m JOIN entered AS e USING (calendar, kind, new_first, new_through, old_first, old_through)
UNION
SELECT c.interval_id, c.session_date
FROM session_coverage AS c JOIN {watermark_moves} AS p USING (interval_id)
WHERE p.new_first IS NULL OR c.session_date < p.new_first;

-- name: expected_slots
-- The slots for bars that each session to be counted again has, segment by segment, as far as its interval has come.
-- makes: expected_slots(interval_id, session_date, segment, open_, end_, width_seconds)
-- takes: recounted_sessions, watermark_moves
-- reads: trading_session
CREATE OR REPLACE TEMP TABLE {expected_slots} AS
WITH placed AS (
    SELECT t.interval_id, t.session_date, p.calendar, p.kind, p.length, p.new_through
    FROM {recounted_sessions} AS t
    JOIN {watermark_moves} AS p ON p.interval_id = t.interval_id AND t.session_date >= p.new_first
)
SELECT t.interval_id, t.session_date, g.segment, g.segment_open AS open_,
       CASE WHEN t.new_through >= g.segment_close THEN g.segment_close
            ELSE later(g.segment_open, (epoch_us(t.new_through) - epoch_us(g.segment_open))
                                       // (t.length::BIGINT * 1000000) * t.length) END AS end_,
       t.length AS width_seconds
FROM placed AS t
JOIN trading_session AS g ON g.calendar = t.calendar AND g.session_date = t.session_date AND g.replaced_by IS NULL
WHERE t.kind = 'session' AND g.segment_open < t.new_through
{blocks};

-- name: expected_block_slots
-- Blocks of sessions have one slot, once they are over.
-- part: expected_slots(interval_id, session_date, segment, open_, end_, width_seconds)
-- takes: coverage_units
UNION ALL
SELECT t.interval_id, t.session_date, 0, s.open_, s.close_, (epoch_us(s.close_) - epoch_us(s.open_)) // 1000000
FROM placed AS t
JOIN {coverage_units} AS s ON s.calendar = t.calendar AND s.kind = t.kind AND s.first_date = t.session_date
WHERE t.kind <> 'session' AND s.close_ <= t.new_through

-- name: bounds_of_slots
-- The stretch of time that sessions to be counted again lie in, and the intervals they belong to.
-- gives: first_start, last_end, first_id, last_id
-- takes: expected_slots
SELECT min(open_) AS first_start, max(end_) AS last_end, min(interval_id) AS first_id, max(interval_id) AS last_id
FROM {expected_slots};

-- name: segment_coverage
-- How many complete bars each segment of those sessions should have, and has.
-- makes: segment_coverage(interval_id, session_date, segment, open_, end_, width_seconds, expected_count,
-- present_count)
-- takes: expected_slots, recounted_sessions
-- reads: bar
CREATE OR REPLACE TEMP TABLE {segment_coverage} AS
SELECT r.*, slots(r.open_, r.end_, r.width_seconds)::INTEGER AS expected_count,
       coalesce(b.present_count, 0)::INTEGER AS present_count
FROM {expected_slots} AS r
LEFT JOIN (
    SELECT b.interval_id, b.session_date, b.segment, count(*) AS present_count
    FROM bar AS b
    SEMI JOIN {recounted_sessions} AS t USING (interval_id, session_date)
    WHERE b.bar_start >= $first_start::TIMESTAMPTZ AND b.bar_start < $last_end::TIMESTAMPTZ
      AND b.interval_id BETWEEN $first_id AND $last_id
      AND b.base_count = b.expected_count AND b.base_count > 0
    GROUP BY b.interval_id, b.session_date, b.segment
) AS b USING (interval_id, session_date, segment)
WHERE r.open_ < r.end_;

-- name: count_lacking
-- The segments where not every bar is there, and the intervals they belong to.
-- gives: lacking_count, first_id, last_id
-- takes: segment_coverage
SELECT count(*) AS lacking_count, min(interval_id) AS first_id, max(interval_id) AS last_id
FROM {segment_coverage} WHERE present_count < expected_count;

-- name: clear_coverage
-- What was said of the sessions to be counted again before.
-- writes: session_coverage
-- takes: recounted_sessions
DELETE FROM session_coverage
WHERE (interval_id, session_date) IN (SELECT (interval_id, session_date) FROM {recounted_sessions});

-- name: add_coverage
-- What is true of them now.
-- writes: session_coverage
-- takes: segment_coverage
INSERT INTO session_coverage (interval_id, session_date, expected_count, present_count)
SELECT interval_id, session_date, sum(expected_count), sum(present_count)
FROM {segment_coverage} GROUP BY interval_id, session_date ORDER BY interval_id, session_date;

-- name: clear_gaps
-- The gaps the sessions to be counted again had before.
-- writes: gap
-- takes: recounted_sessions
DELETE FROM gap WHERE (interval_id, session_date) IN (SELECT (interval_id, session_date) FROM {recounted_sessions});

-- name: add_gaps
-- The gaps they have now: what lies between one complete bar and the next, before the first and after the last; and how
-- many bars in it are there, but incomplete.
-- writes: gap
-- takes: segment_coverage
-- reads: bar
INSERT INTO gap (interval_id, session_date, segment, gap_start, gap_end, missing_count, incomplete_count)
WITH lacking AS (
    SELECT * FROM {segment_coverage} WHERE present_count < expected_count
),
edge AS (
    SELECT l.interval_id, l.session_date, l.segment, b.bar_start AS start_, later(b.bar_start, b.span_seconds) AS end_,
           b.base_count = b.expected_count AS complete
    FROM lacking AS l
    JOIN bar AS b USING (interval_id, session_date, segment)
    WHERE b.bar_start >= $first_start::TIMESTAMPTZ AND b.bar_start < $last_end::TIMESTAMPTZ
      AND b.interval_id BETWEEN $first_id AND $last_id AND b.expected_count > 0 AND b.bar_start < l.end_
    UNION ALL
    SELECT interval_id, session_date, segment, end_, end_, true FROM lacking
),
counted AS (
    SELECT *, count(*) FILTER (WHERE NOT complete) OVER (
        PARTITION BY interval_id, session_date, segment ORDER BY start_) AS incomplete_before
    FROM edge
),
between_ AS (
    SELECT e.interval_id, e.session_date, e.segment, e.start_ AS gap_end, l.width_seconds,
           coalesce(lag(e.end_) OVER one_segment, l.open_) AS gap_start,
           e.incomplete_before - coalesce(lag(e.incomplete_before) OVER one_segment, 0) AS incomplete_count
    FROM counted AS e JOIN lacking AS l USING (interval_id, session_date, segment)
    WHERE e.complete
    WINDOW one_segment AS (PARTITION BY e.interval_id, e.session_date, e.segment ORDER BY e.start_)
)
SELECT interval_id, session_date, segment, gap_start, gap_end, slots(gap_start, gap_end, width_seconds), incomplete_count
FROM between_
WHERE gap_start < gap_end
ORDER BY interval_id, gap_start;

-- name: update_quality
-- What coverage comes to now, for every interval whose coverage changed: counted over its whole range.
-- writes: interval_definition
-- takes: watermark_moves
-- reads: session_coverage
UPDATE interval_definition AS d
SET first_session = c.first_session, expected_count = c.expected_count, present_count = c.present_count,
    quality_pct = 100.0::DOUBLE * c.present_count / nullif(c.expected_count, 0)
FROM (
    SELECT p.interval_id, min(c.session_date) AS first_session, sum(c.expected_count)::BIGINT AS expected_count,
           sum(c.present_count)::BIGINT AS present_count
    FROM {watermark_moves} AS p LEFT JOIN session_coverage AS c USING (interval_id)
    GROUP BY p.interval_id
) AS c
WHERE d.interval_id = c.interval_id;

-- name: coverage_growth
-- What the sessions of intervals that only go on grow by: the bars they have slots for since then, and the bars
-- added. begun: the session is covered already. Thousands of intervals move in few ways, so what lies in one is
-- looked for once; what closed until since is covered in any case.
-- makes: coverage_growth(interval_id, session_date, begun, expected_count, present_count)
-- takes: watermark_moves, bar_counts: any
-- reads: trading_session
CREATE OR REPLACE TEMP TABLE {coverage_growth} AS
WITH moved AS MATERIALIZED (
    SELECT interval_id, calendar, kind, length, new_first, new_through, coalesce(old_first, DATE 'infinity') AS old_first,
           coalesce(old_through, beginning()) AS old_through
    FROM {watermark_moves}
    WHERE new_first IS NOT NULL AND new_through IS NOT NULL
),
distinct_moves AS MATERIALIZED (
    SELECT DISTINCT * EXCLUDE (interval_id) FROM moved
),
ended AS MATERIALIZED (
    SELECT w.*, t.session_date, t.segment, ended_slots(t.segment_open, t.segment_close, w.new_through, w.length) AS count_,
           CASE WHEN t.session_date < w.old_first THEN 0
                ELSE ended_slots(t.segment_open, t.segment_close, w.old_through, w.length) END AS old_count
    FROM distinct_moves AS w
    JOIN trading_session AS t ON t.calendar = w.calendar AND t.replaced_by IS NULL
    WHERE w.kind = 'session' AND t.session_date >= w.new_first AND t.segment_open < w.new_through
      AND (t.session_date < w.old_first OR t.segment_close > w.old_through)
      AND t.segment_close > $since::TIMESTAMPTZ
),
entered AS MATERIALIZED (
    SELECT calendar, kind, length, new_first, new_through, old_first, old_through, session_date,
           sum(count_ - old_count) AS expected_count, sum(old_count) > 0 OR min(segment) > 0 AS begun
    FROM ended
    GROUP BY ALL
    {blocks}
)
SELECT m.interval_id, e.session_date, e.begun, e.expected_count::INTEGER AS expected_count,
       coalesce(t.present_count, 0)::INTEGER AS present_count
FROM moved AS m
JOIN entered AS e USING (calendar, kind, length, new_first, new_through, old_first, old_through)
LEFT JOIN (SELECT interval_id, session_date, sum(complete_count) AS present_count FROM {bar_counts}
           WHERE session_date IS NOT NULL GROUP BY interval_id, session_date) AS t
       ON t.interval_id = m.interval_id AND t.session_date = e.session_date
WHERE e.expected_count > 0;

-- name: growth_of_blocks
-- Blocks of sessions: each is one bar.
-- part: coverage_growth(calendar, kind, length, new_first, new_through, old_first, old_through, session_date,
-- expected_count, begun)
-- takes: coverage_units
UNION ALL
SELECT w.*, p.first_date, 1, false
FROM distinct_moves AS w
JOIN {coverage_units} AS p ON p.calendar = w.calendar AND p.kind = w.kind
WHERE w.kind <> 'session' AND p.first_date >= w.new_first AND p.close_ <= w.new_through
  AND (p.first_date < w.old_first OR p.close_ > w.old_through)

-- name: count_growth
-- How many ranges do not just go on but start elsewhere; how many sessions are covered already, and where the first
-- of them is; how many are new; and how many lack bars that they had no slots for before.
-- gives: moved_count, begun_count, first_begun, new_count, lacking_count
-- takes: watermark_moves, coverage_growth
SELECT (SELECT count(*) FROM {watermark_moves}
        WHERE old_first <> new_first OR (old_first IS NOT NULL AND new_first IS NULL)) AS moved_count,
       count(*) FILTER (WHERE begun) AS begun_count, min(session_date) FILTER (WHERE begun) AS first_begun,
       count(*) FILTER (WHERE NOT begun) AS new_count,
       count(*) FILTER (WHERE present_count < expected_count) AS lacking_count
FROM {coverage_growth};

-- name: add_to_coverage
-- What is true of the sessions now that were covered already.
-- writes: session_coverage
-- takes: coverage_growth: any
UPDATE session_coverage AS c
SET expected_count = c.expected_count + g.expected_count, present_count = c.present_count + g.present_count
FROM {coverage_growth} AS g
WHERE g.begun AND c.interval_id = g.interval_id AND c.session_date = g.session_date AND c.session_date >= $first_date;

-- name: begin_coverage
-- And of those that are new.
-- writes: session_coverage
-- takes: coverage_growth: any
INSERT INTO session_coverage (interval_id, session_date, expected_count, present_count)
SELECT interval_id, session_date, expected_count, present_count FROM {coverage_growth} WHERE NOT begun
ORDER BY interval_id, session_date;

-- name: lacking_sessions
-- The sessions that lack bars of what they have grown by: their gaps are looked for anew.
-- makes: recounted_sessions(interval_id, session_date)
-- takes: coverage_growth
CREATE OR REPLACE TEMP TABLE {recounted_sessions} AS
SELECT interval_id, session_date FROM {coverage_growth} WHERE present_count < expected_count;

-- name: add_to_quality
-- What coverage comes to with that, and how far base intervals are complete.
-- writes: interval_definition
-- takes: watermark_moves, coverage_growth
UPDATE interval_definition AS d
SET complete_through = CASE WHEN d.derived THEN d.complete_through ELSE g.new_through END,
    first_session = coalesce(d.first_session, g.first_session),
    expected_count = coalesce(coalesce(d.expected_count, 0) + g.expected_count, d.expected_count),
    present_count = coalesce(coalesce(d.present_count, 0) + g.present_count, d.present_count),
    quality_pct = coalesce(100.0::DOUBLE * (coalesce(d.present_count, 0) + g.present_count)
                           / (coalesce(d.expected_count, 0) + g.expected_count), d.quality_pct)
FROM (SELECT p.interval_id, p.new_through, min(n.session_date) AS first_session,
             sum(n.expected_count)::BIGINT AS expected_count, sum(n.present_count)::BIGINT AS present_count
      FROM {watermark_moves} AS p LEFT JOIN {coverage_growth} AS n USING (interval_id)
      GROUP BY p.interval_id, p.new_through) AS g
WHERE d.interval_id = g.interval_id;
