-- Retention: old bars and old history given up, and what that leaves final.

-- name: starting_kinds
-- The kinds of longer bars that each interval's bars are part of, itself included: where all of them begin, a purge
-- can end.
CREATE OR REPLACE TEMP TABLE starting_kinds AS
SELECT interval_id, coalesce(string_agg(DISTINCT kind, ' ' ORDER BY kind), '') AS kinds,
       count(DISTINCT kind) AS kind_count
FROM (SELECT interval_id, CASE WHEN kind <> 'session' THEN kind END AS kind FROM definition
      UNION ALL
      SELECT base_id, CASE WHEN kind <> 'session' THEN kind END FROM definition WHERE derived)
GROUP BY interval_id;

-- name: wanted
-- The intervals to purge, each with how far: before the instant given, or as long before the last base bar as keeping
-- says; and not beyond limit_, below which everything that will ever be derived is derived. A bar must lose all of
-- its base or none, so the purge ends where a session and every longer bar made of the interval begins: kinds.
CREATE OR REPLACE TEMP TABLE wanted AS
WITH derived_ AS (
    SELECT base_id AS interval_id, count(*) = count(derived_through) AS all_derived,
           min(derived_through) AS derived_through
    FROM definition WHERE derived GROUP BY base_id
),
waiting AS (
    SELECT interval_id, min(range_start) AS range_start FROM invalidation GROUP BY interval_id
)
SELECT d.interval_id, d.symbol_id, d.symbol, d.interval, d.calendar, d.derived,
       coalesce(k.before_, instant(epoch_us(make_timestamp(epoch_us(d.complete_through))
                                            - to_months(k.months) - to_days(k.days)))) AS before_,
       d.complete_through,
       CASE WHEN d.derived THEN d.derived_through
            WHEN v.interval_id IS NULL THEN d.complete_through
            WHEN v.all_derived THEN least(v.derived_through, w.range_start) END AS limit_,
       s.kinds, s.kind_count
FROM definition AS d
JOIN keeping AS k ON k.interval = d.interval
LEFT JOIN derived_ AS v USING (interval_id)
LEFT JOIN waiting AS w USING (interval_id)
JOIN starting_kinds AS s USING (interval_id)
WHERE ($symbols IS NULL OR list_contains($symbols::VARCHAR[], d.symbol)) AND d.complete_through IS NOT NULL;

-- name: starts
-- The sessions that begin one of each kind, for every set of kinds asked for.
SELECT g.calendar, g.kinds, s.session_date, s.session_open, s.previous_close
FROM (SELECT DISTINCT calendar, kinds, kind_count FROM {wanted}) AS g
JOIN (SELECT *, lag(session_close) OVER (PARTITION BY calendar ORDER BY session_open) AS previous_close
      FROM calendar_session) AS s USING (calendar)
LEFT JOIN calendar_block AS b ON b.calendar = g.calendar AND b.first_date = s.session_date
                             AND list_contains(string_split(g.kinds, ' '), b.kind)
GROUP BY g.calendar, g.kinds, g.kind_count, s.session_date, s.session_open, s.previous_close
HAVING count(b.kind) = g.kind_count

-- name: going
-- Where each interval's bars will start that has bars to lose.
CREATE OR REPLACE TEMP TABLE going AS
SELECT w.interval_id, w.symbol_id, w.symbol, w.interval, s.session_open AS retained_from,
       s.session_date AS retained_date
FROM wanted AS w
ASOF JOIN ({starts}) AS s ON s.calendar = w.calendar AND s.kinds = w.kinds
                         AND least(w.before_, w.limit_) >= s.session_open
JOIN (SELECT interval_id, min(bar_start) AS first_start FROM bar
      WHERE interval_id IN (SELECT interval_id FROM wanted) GROUP BY interval_id) AS b
  ON b.interval_id = w.interval_id AND b.first_start < s.session_open
WHERE w.limit_ IS NOT NULL;

-- name: held_back
-- The symbols of which less can go than was asked for, because base bars still wait to be derived.
SELECT DISTINCT symbol FROM wanted
WHERE limit_ IS NULL OR limit_ < least(before_, complete_through)
ORDER BY symbol;

-- name: everything
-- All that symbols have or had, in place of what retention would choose.
CREATE OR REPLACE TEMP TABLE going AS
SELECT interval_id, symbol_id, 'infinity'::TIMESTAMPTZ AS retained_from
FROM interval_definition WHERE list_contains($symbol_ids::INTEGER[], symbol_id);

-- name: going_by_interval
-- What goes, by interval length.
SELECT g.interval, count(DISTINCT g.interval_id), min(g.retained_from), count(b.bar_start)
FROM going AS g
LEFT JOIN bar AS b ON b.interval_id = g.interval_id AND b.bar_start < g.retained_from
GROUP BY g.interval;

-- name: count_going
-- How many bars go, and how many old values of such.
SELECT (SELECT count(*) FROM bar AS b JOIN going AS g ON g.interval_id = b.interval_id AND b.bar_start < g.retained_from),
       (SELECT count(*) FROM bar_revision AS b JOIN going AS g
                          ON g.interval_id = b.interval_id AND b.bar_start < g.retained_from);

-- name: note_bars
-- Whose bars and old values go, so that what is left still accounts for every batch.
INSERT INTO purge (batch_id, of_batch, written, replaced)
WITH bars_ AS MATERIALIZED (
    SELECT b.batch_id, count(*) AS count_
    FROM bar AS b JOIN going AS g ON g.interval_id = b.interval_id AND b.bar_start < g.retained_from
    GROUP BY b.batch_id
),
revisions_ AS MATERIALIZED (
    SELECT r.batch_id, r.replaced_by, count(*) AS count_
    FROM bar_revision AS r JOIN going AS g ON g.interval_id = r.interval_id AND r.bar_start < g.retained_from
    GROUP BY r.batch_id, r.replaced_by
)
SELECT $batch_id, of_batch, sum(written), sum(replaced)
FROM (
    SELECT batch_id AS of_batch, count_ AS written, 0 AS replaced FROM bars_
    UNION ALL SELECT $batch_id, 0, count_ FROM bars_
    UNION ALL SELECT batch_id, count_, 0 FROM revisions_
    UNION ALL SELECT replaced_by, 0, count_ FROM revisions_
)
GROUP BY of_batch
ORDER BY of_batch;

-- name: drop_bars
-- Bars, or old values of bars, that retention does not keep.
DELETE FROM {table} AS b USING going AS g
WHERE g.interval_id = b.interval_id AND b.bar_start < g.retained_from;

-- name: retain
-- What is kept starts there from now on.
UPDATE interval_definition AS d
SET retained_from = g.retained_from, retained_date = g.retained_date,
    purged_before = greatest(d.purged_before, g.retained_from), purged_by = $batch_id
FROM going AS g WHERE g.interval_id = d.interval_id;

-- name: symbols_going
-- The symbols of which bars go.
CREATE OR REPLACE TEMP TABLE scope_symbols AS SELECT DISTINCT symbol_id FROM going;

-- name: progress
-- The intervals to account for anew: no further than before, but from where they are retained.
CREATE OR REPLACE TEMP TABLE watermark_moves AS
SELECT interval_id, calendar, kind, length, through AS old_through, through AS new_through, first_session AS old_first,
       account_from AS new_first
FROM scope_intervals
WHERE account_from IS NOT NULL;

-- name: end_of_everything
-- An instant after all that symbols have or had; null without.
SELECT max(later(bar_start, span_seconds))
FROM (SELECT interval_id, bar_start, span_seconds FROM bar
      UNION ALL SELECT interval_id, bar_start, span_seconds FROM bar_revision)
WHERE interval_id IN (SELECT interval_id FROM going);

-- name: retain_nothing
-- Nothing is left of symbols before an instant.
UPDATE interval_definition SET retained_from = $end, purged_before = $end, purged_by = $batch_id
WHERE interval_id IN (SELECT interval_id FROM going);

-- name: removed_before
-- Symbols of a name that were struck off.
SELECT symbol_id FROM symbol WHERE symbol = $symbol AND removed_at IS NOT NULL;

-- name: retained_from
-- Where the base bars of an active symbol start; null: none were purged.
SELECT retained_from FROM definition WHERE symbol = $symbol AND NOT derived;

-- name: latest
-- Now, or the moment of the last batch where that is ahead of the clock.
SELECT greatest($now::TIMESTAMPTZ, max(committed_at)) FROM batch;

-- name: last_batch_before
-- The last batch committed before an instant, and how many old values batches until then replaced.
SELECT coalesce(b.batch_id, 0), (SELECT count(*) FROM bar_revision WHERE replaced_by <= b.batch_id)
FROM (SELECT max(batch_id) AS batch_id FROM batch WHERE committed_at < $before::TIMESTAMPTZ) AS b;

-- name: note_revisions
-- Whose old values go.
INSERT INTO purge (batch_id, of_batch, written, replaced)
WITH revisions_ AS MATERIALIZED (
    SELECT batch_id, replaced_by, count(*) AS count_ FROM bar_revision WHERE replaced_by <= $last_batch
    GROUP BY batch_id, replaced_by
)
SELECT $batch_id, of_batch, sum(written), sum(replaced)
FROM (
    SELECT batch_id AS of_batch, count_ AS written, 0 AS replaced FROM revisions_
    UNION ALL SELECT replaced_by, 0, count_ FROM revisions_
)
GROUP BY of_batch
ORDER BY of_batch;

-- name: drop_revisions
-- Old values that were replaced by a batch or those before it.
DELETE FROM bar_revision WHERE replaced_by <= $last_batch;

-- name: start_history
-- From when on every past state can be told.
INSERT INTO history_start (batch_id, kept_from) VALUES ($batch_id, $before);

-- name: untold
-- What of an interval's past was purged since a moment, when; and since when history is kept.
SELECT max(d.purged_before) AS purged_before, max(b.committed_at) AS purged_at,
       (SELECT kept_from FROM revision_retention) AS kept_from
FROM symbol AS s
JOIN interval_definition AS d ON d.symbol_id = s.symbol_id AND d.interval = $interval
JOIN batch AS b ON b.batch_id = d.purged_by AND b.committed_at > $as_of::TIMESTAMPTZ
WHERE s.symbol = $symbol AND d.purged_before > coalesce($start::TIMESTAMPTZ, beginning());

-- name: any_retained
-- Whether intervals with purged bars take part.
SELECT count(*) FROM scope_intervals WHERE retained_from IS NOT NULL;

-- name: moved
-- Where a changed calendar puts the instants that bars are kept from. One of the new calendar that keeps all bars
-- apart: the same instant, where it lies between sessions and blocks, or the open of a session that was none before.
-- For a derived interval, whose base is there, any later one will do.
CREATE OR REPLACE TEMP TABLE moved AS
WITH closed AS (
    SELECT d.interval_id, max(t.segment_close) AS last_close
    FROM scope_intervals AS d
    JOIN trading_session AS t ON t.calendar = d.calendar AND t.segment_close <= d.retained_from
     AND (t.replaced_by = $batch_id OR (t.replaced_by IS NULL AND t.batch_id <> $batch_id))
    GROUP BY d.interval_id
),
wanted AS (
    SELECT d.*, s.kinds, s.kind_count,
           least(d.retained_from, later(c.last_close, d.closing_seconds)) AS gap_from
    FROM scope_intervals AS d
    JOIN starting_kinds AS s USING (interval_id)
    LEFT JOIN closed AS c USING (interval_id)
    WHERE d.retained_from IS NOT NULL
),
start_ AS ({starts}),
next_ AS (
    SELECT w.interval_id, min(s.session_open) AS session_open, min(s.session_date) AS session_date,
           arg_min(s.previous_close, s.session_open) AS previous_close
    FROM wanted AS w JOIN start_ AS s USING (calendar, kinds) WHERE s.session_open >= w.retained_from
    GROUP BY w.interval_id
),
before_ AS (
    SELECT w.interval_id, max(s.session_open) AS session_open, max(s.session_date) AS session_date
    FROM wanted AS w JOIN start_ AS s USING (calendar, kinds)
    WHERE s.session_open >= w.gap_from AND s.session_open < w.retained_from
    GROUP BY w.interval_id
)
SELECT w.interval_id, w.symbol, w.interval, w.retained_from AS moved_from,
       CASE WHEN coalesce(n.previous_close, beginning()) <= w.retained_from THEN w.retained_from
            WHEN b.session_open IS NOT NULL THEN b.session_open
            WHEN w.derived THEN n.session_open END AS retained_from,
       CASE WHEN coalesce(n.previous_close, beginning()) <= w.retained_from OR b.session_open IS NULL THEN n.session_date
            ELSE b.session_date END AS retained_date
FROM wanted AS w
LEFT JOIN next_ AS n USING (interval_id)
LEFT JOIN before_ AS b USING (interval_id);

-- name: torn
-- The first interval of which a changed calendar would tear a bar apart.
SELECT symbol, interval, moved_from FROM moved WHERE retained_from IS NULL OR retained_date IS NULL
ORDER BY symbol, moved_from LIMIT 1;

-- name: move
-- Bars are kept from there.
UPDATE interval_definition AS d SET retained_from = m.retained_from, retained_date = m.retained_date
FROM moved AS m WHERE m.interval_id = d.interval_id;

-- name: late_intervals
-- How many derived intervals are new whose base was purged.
SELECT count(*) FROM definition WHERE derived AND derived_through IS NULL AND final_before IS NOT NULL;

-- name: not_started
-- One of them for which the calendar shows no such bar.
SELECT symbol, interval, final_before FROM definition
WHERE derived AND derived_through IS NULL AND final_before IS NOT NULL
ORDER BY symbol, interval LIMIT 1;

-- name: start_late
-- They start with their first bar that has all of its base.
UPDATE interval_definition AS d
SET retained_from = s.session_open, retained_date = s.session_date, derived_through = s.session_open, next_close = NULL
FROM (
    SELECT n.interval_id, min(s.session_open) AS session_open, min(s.session_date) AS session_date
    FROM (SELECT d.*, k.kinds, k.kind_count FROM definition AS d JOIN starting_kinds AS k USING (interval_id)
          WHERE d.derived AND d.derived_through IS NULL AND d.final_before IS NOT NULL) AS n
    JOIN calendar_session AS s ON s.calendar = n.calendar AND s.session_open >= n.final_before
    LEFT JOIN calendar_block AS b ON b.calendar = n.calendar AND b.kind = n.kind AND b.first_date = s.session_date
    WHERE n.kind_count = 0 OR b.kind IS NOT NULL
    GROUP BY n.interval_id
) AS s
WHERE s.interval_id = d.interval_id;

-- name: so_long_ago
-- The instant so many months and days before another.
SELECT instant(epoch_us(make_timestamp(epoch_us($now::TIMESTAMPTZ)) - to_months($months) - to_days($days)));
