-- Accounting: how many bars each touched session should have and has, the gaps, and the quality of each interval.
-- The range of an interval starts with its symbol's first session that has a bar (blocks of sessions: with the first that
-- begins no earlier) and ends at the instant it is complete (base) or derived (derived) through; complete bars count as
-- present.

-- name: defined
-- The intervals a write deals with, as they were when it began: small, and asked many times.
CREATE OR REPLACE TEMP TABLE defined AS
SELECT * FROM definition WHERE {condition};

-- name: of_progress
-- Those that have come further.
interval_id IN (SELECT interval_id FROM progress)

-- name: of_chunk
-- Those of the symbols that one transaction works on.
symbol_id IN (FROM chunk)

-- name: block_count
-- How many of them cover whole sessions.
SELECT count(*) FROM {concerned} WHERE kind <> 'session';

-- name: block_pieces
-- Blocks of sessions.
UNION ALL
SELECT calendar, kind, first_date, last_date, block_open, block_close, expected_count
FROM calendar_block
WHERE (calendar, kind) IN (SELECT (calendar, kind) FROM {concerned})

-- name: piece
-- The pieces of time that intervals are accounted by: sessions, and blocks of sessions for 1d and longer.
CREATE OR REPLACE TEMP TABLE piece AS
SELECT calendar, 'session' AS kind, session_date AS first_date, session_date AS last_date,
       session_open AS open_, session_close AS close_, 1 AS expected_count
FROM calendar_session
WHERE calendar IN (SELECT calendar FROM defined)
{blocks};

-- name: progress_after_deletion
-- How far intervals were accounted for, how far they are now, and where their range started and starts: with the first
-- session that has a bar, or with the first that is retained. Here of intervals that lost bars: their range may start
-- later now, or be gone.
CREATE OR REPLACE TEMP TABLE progress AS
SELECT d.interval_id, d.calendar, d.kind, d.length, d.through AS old_through, d.through AS new_through,
       d.first_session AS old_first, coalesce(d.account_from, f.first_date) AS new_first
FROM defined AS d
LEFT JOIN (SELECT interval_id, min(session_date) AS first_date FROM bar
           WHERE interval_id IN (SELECT interval_id FROM delta) GROUP BY interval_id) AS f USING (interval_id)
WHERE d.interval_id IN (SELECT interval_id FROM delta);

-- name: progress_of_derived
-- The same for derived intervals: their range starts with the base's first session, or with the first block of sessions
-- that begins no earlier: what a block before lacks, no bar of the range can bring.
CREATE OR REPLACE TEMP TABLE progress AS
WITH first_piece AS MATERIALIZED (
    SELECT t.*, p.first_date
    FROM (SELECT DISTINCT d.calendar, d.kind, d.base_first FROM worked JOIN defined AS d USING (interval_id)) AS t
    ASOF JOIN piece AS p ON p.calendar = t.calendar AND p.kind = t.kind AND t.base_first <= p.first_date
)
SELECT w.interval_id, d.calendar, d.kind, d.length, w.old_through, w.new_through, d.first_session AS old_first,
       coalesce(d.account_from, p.first_date) AS new_first
FROM worked AS w
JOIN defined AS d USING (interval_id)
LEFT JOIN first_piece AS p ON p.calendar = d.calendar AND p.kind = d.kind AND p.base_first = d.base_first;

-- name: count_moved
-- How many ranges start elsewhere than before.
SELECT count(*) FROM progress WHERE old_first IS DISTINCT FROM new_first;

-- name: advance
-- The base intervals are complete through the last bar that arrived. This never goes back.
UPDATE interval_definition AS d SET complete_through = p.new_through
FROM progress AS p
WHERE d.interval_id = p.interval_id AND p.new_through > coalesce(d.complete_through, beginning());

-- name: bounds_of_progress
-- Whether some of them cover whole sessions, and until when every session has its account already.
SELECT coalesce(bool_or(kind <> 'session'), false),
       min(CASE WHEN old_first IS NULL THEN beginning() ELSE coalesce(old_through, beginning()) END)
FROM progress;

-- name: touch
-- The sessions to account for anew: where bars changed, what newly entered a range, and what left it. Thousands of
-- intervals have few ranges, so the pieces that enter are looked for once per range.
CREATE OR REPLACE TEMP TABLE touched AS
WITH moved AS MATERIALIZED (
    SELECT interval_id, calendar, kind, new_first, new_through, coalesce(old_first, DATE 'infinity') AS old_first,
           coalesce(old_through, beginning()) AS old_through
    FROM progress
    WHERE new_first IS NOT NULL AND new_through IS NOT NULL
),
entered AS MATERIALIZED (
    SELECT m.*, s.first_date AS session_date
    FROM (SELECT DISTINCT * EXCLUDE (interval_id) FROM moved) AS m
    JOIN piece AS s ON s.calendar = m.calendar AND s.kind = m.kind
                   AND s.first_date >= m.new_first AND s.open_ < m.new_through
                   AND (s.first_date < m.old_first OR s.close_ > m.old_through)
)
SELECT interval_id, session_date FROM {changed} WHERE session_date IS NOT NULL
UNION
SELECT m.interval_id, e.session_date
FROM moved AS m JOIN entered AS e USING (calendar, kind, new_first, new_through, old_first, old_through)
UNION
SELECT c.interval_id, c.session_date
FROM session_coverage AS c JOIN progress AS p USING (interval_id)
WHERE p.new_first IS NULL OR c.session_date < p.new_first;

-- name: room
-- What each touched session has room for, segment by segment, as far as its interval has come.
CREATE OR REPLACE TEMP TABLE room AS
WITH placed AS (
    SELECT t.interval_id, t.session_date, p.calendar, p.kind, p.length, p.new_through
    FROM touched AS t
    JOIN progress AS p ON p.interval_id = t.interval_id AND t.session_date >= p.new_first
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

-- name: room_blocks
-- Blocks of sessions have room for one bar, once they are over.
UNION ALL
SELECT t.interval_id, t.session_date, 0, s.open_, s.close_, (epoch_us(s.close_) - epoch_us(s.open_)) // 1000000
FROM placed AS t
JOIN piece AS s ON s.calendar = t.calendar AND s.kind = t.kind AND s.first_date = t.session_date
WHERE t.kind <> 'session' AND s.close_ <= t.new_through

-- name: room_bounds
-- The stretch of time the touched sessions lie in, and the intervals they belong to.
SELECT min(open_), max(end_), min(interval_id), max(interval_id) FROM room;

-- name: present
-- How many complete bars each touched segment has.
CREATE OR REPLACE TEMP TABLE account AS
SELECT r.*, slots(r.open_, r.end_, r.width_seconds)::INTEGER AS expected_count,
       coalesce(b.present_count, 0)::INTEGER AS present_count
FROM room AS r
LEFT JOIN (
    SELECT b.interval_id, b.session_date, b.segment, count(*) AS present_count
    FROM bar AS b
    SEMI JOIN touched AS t USING (interval_id, session_date)
    WHERE b.bar_start >= $first_start::TIMESTAMPTZ AND b.bar_start < $last_end::TIMESTAMPTZ
      AND b.interval_id BETWEEN $first_id AND $last_id
      AND b.base_count = b.expected_count AND b.base_count > 0
    GROUP BY b.interval_id, b.session_date, b.segment
) AS b USING (interval_id, session_date, segment)
WHERE r.open_ < r.end_;

-- name: lacking
-- The segments where not every bar is there, and the intervals they belong to.
SELECT count(*), min(interval_id), max(interval_id) FROM account WHERE present_count < expected_count;

-- name: clear_coverage
-- What was said of the touched sessions before.
DELETE FROM session_coverage WHERE (interval_id, session_date) IN (SELECT (interval_id, session_date) FROM touched);

-- name: add_coverage
-- What is true of them now.
INSERT INTO session_coverage (interval_id, session_date, expected_count, present_count)
SELECT interval_id, session_date, sum(expected_count), sum(present_count)
FROM account GROUP BY interval_id, session_date ORDER BY interval_id, session_date;

-- name: clear_gaps
-- The gaps the touched sessions had before.
DELETE FROM gap WHERE (interval_id, session_date) IN (SELECT (interval_id, session_date) FROM touched);

-- name: add_gaps
-- The gaps they have now: what lies between one complete bar and the next, before the first and after the last; and how
-- many bars in it are there, but incomplete.
INSERT INTO gap (interval_id, session_date, segment, gap_start, gap_end, missing_count, incomplete_count)
WITH lacking AS (
    SELECT * FROM account WHERE present_count < expected_count
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

-- name: grade
-- What coverage comes to now, for every interval whose account changed: counted over its whole range.
UPDATE interval_definition AS d
SET first_session = c.first_session, expected_count = c.expected_count, present_count = c.present_count,
    quality_pct = 100.0::DOUBLE * c.present_count / nullif(c.expected_count, 0)
FROM (
    SELECT p.interval_id, min(c.session_date) AS first_session, sum(c.expected_count)::BIGINT AS expected_count,
           sum(c.present_count)::BIGINT AS present_count
    FROM progress AS p LEFT JOIN session_coverage AS c USING (interval_id)
    GROUP BY p.interval_id
) AS c
WHERE d.interval_id = c.interval_id;

-- name: grown
-- By how much each session's account grows where ranges only go on: rows were added past their ends, none below.
-- begun: the session has an account already. Thousands of intervals go few ways, so what lies on one is looked for once;
-- what closed until since has its account in any case.
CREATE OR REPLACE TEMP TABLE grown AS
WITH moved AS MATERIALIZED (
    SELECT interval_id, calendar, kind, length, new_first, new_through, coalesce(old_first, DATE 'infinity') AS old_first,
           coalesce(old_through, beginning()) AS old_through
    FROM progress
    WHERE new_first IS NOT NULL AND new_through IS NOT NULL
),
way AS MATERIALIZED (
    SELECT DISTINCT * EXCLUDE (interval_id) FROM moved
),
ended AS MATERIALIZED (
    SELECT w.*, t.session_date, t.segment, ended_slots(t.segment_open, t.segment_close, w.new_through, w.length) AS count_,
           CASE WHEN t.session_date < w.old_first THEN 0
                ELSE ended_slots(t.segment_open, t.segment_close, w.old_through, w.length) END AS old_count
    FROM way AS w
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
LEFT JOIN (SELECT interval_id, session_date, sum(complete_count) AS present_count FROM {tally}
           WHERE session_date IS NOT NULL GROUP BY interval_id, session_date) AS t
       ON t.interval_id = m.interval_id AND t.session_date = e.session_date
WHERE e.expected_count > 0;

-- name: grown_blocks
-- Blocks of sessions: each is one bar.
UNION ALL
SELECT w.*, p.first_date, 1, false
FROM way AS w
JOIN piece AS p ON p.calendar = w.calendar AND p.kind = w.kind
WHERE w.kind <> 'session' AND p.first_date >= w.new_first AND p.close_ <= w.new_through
  AND (p.first_date < w.old_first OR p.close_ > w.old_through)

-- name: no_tally
-- No bars: the ranges alone say what grows.
(SELECT NULL::INTEGER AS interval_id, NULL::DATE AS session_date, NULL::BIGINT AS complete_count WHERE false)

-- name: count_grown
-- How many ranges do not just go on but start elsewhere; how many sessions have an account already, and where the first of
-- them is; how many have none yet; and how many lack bars that they had no room for before.
SELECT (SELECT count(*) FROM progress WHERE old_first <> new_first OR (old_first IS NOT NULL AND new_first IS NULL)),
       count(*) FILTER (WHERE begun), min(session_date) FILTER (WHERE begun), count(*) FILTER (WHERE NOT begun),
       count(*) FILTER (WHERE present_count < expected_count)
FROM grown;

-- name: grow_coverage
-- What is true of the sessions now that had an account.
UPDATE session_coverage AS c
SET expected_count = c.expected_count + g.expected_count, present_count = c.present_count + g.present_count
FROM grown AS g
WHERE g.begun AND c.interval_id = g.interval_id AND c.session_date = g.session_date AND c.session_date >= $first_date;

-- name: begin_coverage
-- And of those that had none.
INSERT INTO session_coverage (interval_id, session_date, expected_count, present_count)
SELECT interval_id, session_date, expected_count, present_count FROM grown WHERE NOT begun
ORDER BY interval_id, session_date;

-- name: touch_lacking
-- The sessions that lack bars of what they have grown by: their gaps are looked for anew.
CREATE OR REPLACE TEMP TABLE touched AS
SELECT interval_id, session_date FROM grown WHERE present_count < expected_count;

-- name: add_up
-- What coverage comes to with that, and how far base intervals are complete.
UPDATE interval_definition AS d
SET complete_through = CASE WHEN d.derived THEN d.complete_through ELSE g.new_through END,
    first_session = coalesce(d.first_session, g.first_session),
    expected_count = coalesce(coalesce(d.expected_count, 0) + g.expected_count, d.expected_count),
    present_count = coalesce(coalesce(d.present_count, 0) + g.present_count, d.present_count),
    quality_pct = coalesce(100.0::DOUBLE * (coalesce(d.present_count, 0) + g.present_count)
                           / (coalesce(d.expected_count, 0) + g.expected_count), d.quality_pct)
FROM (SELECT p.interval_id, p.new_through, min(n.session_date) AS first_session,
             sum(n.expected_count)::BIGINT AS expected_count, sum(n.present_count)::BIGINT AS present_count
      FROM progress AS p LEFT JOIN grown AS n USING (interval_id)
      GROUP BY p.interval_id, p.new_through) AS g
WHERE d.interval_id = g.interval_id;
