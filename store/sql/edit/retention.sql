-- Retention: old bars and old history given up, and what that leaves final.

-- name: purge_requests
-- The intervals to purge, each with how far: before the instant given, or as long before the last base bar as its
-- rule says; and not beyond limit_, below which everything that will ever be derived is derived. A bar must lose all
-- of its base or none, so the purge ends where a session and every longer bar made of the interval begins: kinds.
-- makes: purge_requests(interval_id, symbol_id, symbol, interval, calendar, derived, before_, complete_through,
-- limit_, kinds, kind_count)
-- takes: retention_rules, required_block_starts
-- reads: definition, invalidation
CREATE OR REPLACE TEMP TABLE {purge_requests} AS
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
JOIN {retention_rules} AS k ON k.interval = d.interval AND coalesce(k.calendar, d.calendar) = d.calendar
LEFT JOIN derived_ AS v USING (interval_id)
LEFT JOIN waiting AS w USING (interval_id)
JOIN {required_block_starts} AS s USING (interval_id)
WHERE ($symbols IS NULL OR list_contains($symbols::VARCHAR[], d.symbol)) AND d.complete_through IS NOT NULL;

-- name: block_starts
-- The sessions that begin one of each kind, for every set of kinds asked for.
-- part: block_starts(calendar, kinds, session_date, session_open, previous_close)
-- reads: calendar_session, calendar_block
SELECT g.calendar, g.kinds, s.session_date, s.session_open, s.previous_close
FROM (SELECT DISTINCT calendar, kinds, kind_count FROM {intervals}) AS g
JOIN (SELECT *, lag(session_close) OVER (PARTITION BY calendar ORDER BY session_open) AS previous_close
      FROM calendar_session) AS s USING (calendar)
LEFT JOIN calendar_block AS b ON b.calendar = g.calendar AND b.first_date = s.session_date
                             AND list_contains(string_split(g.kinds, ' '), b.kind)
GROUP BY g.calendar, g.kinds, g.kind_count, s.session_date, s.session_open, s.previous_close
HAVING count(b.kind) = g.kind_count

-- name: bars_to_purge
-- Where each interval's bars will start that has bars to lose.
-- makes: bars_to_purge(interval_id, symbol_id, symbol, interval, retained_from, retained_date)
-- takes: purge_requests
-- reads: bar
CREATE OR REPLACE TEMP TABLE {bars_to_purge} AS
SELECT w.interval_id, w.symbol_id, w.symbol, w.interval, s.session_open AS retained_from,
       s.session_date AS retained_date
FROM {purge_requests} AS w
ASOF JOIN ({block_starts}) AS s ON s.calendar = w.calendar AND s.kinds = w.kinds
                         AND least(w.before_, w.limit_) >= s.session_open
JOIN (SELECT interval_id, min(bar_start) AS first_start FROM bar
      WHERE interval_id IN (SELECT interval_id FROM {purge_requests}) GROUP BY interval_id) AS b
  ON b.interval_id = w.interval_id AND b.first_start < s.session_open
WHERE w.limit_ IS NOT NULL;

-- name: deferred_symbols
-- The symbols of which less can go than was asked for, because base bars still wait to be derived.
-- gives: symbol
-- takes: purge_requests
SELECT DISTINCT symbol FROM {purge_requests}
WHERE limit_ IS NULL OR limit_ < least(before_, complete_through)
ORDER BY symbol;

-- name: all_bars_of_symbols
-- All that symbols have or had, in place of what retention would choose.
-- makes: bars_to_purge(interval_id, symbol_id, symbol, interval, retained_from, retained_date)
-- reads: interval_definition, symbol
CREATE OR REPLACE TEMP TABLE {bars_to_purge} AS
SELECT d.interval_id, d.symbol_id, s.symbol, d.interval, 'infinity'::TIMESTAMPTZ AS retained_from,
       NULL::DATE AS retained_date
FROM interval_definition AS d JOIN symbol AS s USING (symbol_id)
WHERE list_contains($symbol_ids::INTEGER[], d.symbol_id);

-- name: purge_by_interval
-- What goes, by interval length.
-- gives: interval, symbol_count, retained_from, bar_count
-- takes: bars_to_purge
-- reads: bar
SELECT g.interval, count(DISTINCT g.interval_id) AS symbol_count, min(g.retained_from) AS retained_from,
       count(b.bar_start) AS bar_count
FROM {bars_to_purge} AS g
LEFT JOIN bar AS b ON b.interval_id = g.interval_id AND b.bar_start < g.retained_from
GROUP BY g.interval;

-- name: count_purged
-- How many bars go, and how many old values of such.
-- gives: bar_count, revision_count
-- takes: bars_to_purge
-- reads: bar, bar_revision
SELECT (SELECT count(*) FROM bar AS b
        JOIN {bars_to_purge} AS g ON g.interval_id = b.interval_id AND b.bar_start < g.retained_from) AS bar_count,
       (SELECT count(*) FROM bar_revision AS b
        JOIN {bars_to_purge} AS g ON g.interval_id = b.interval_id AND b.bar_start < g.retained_from) AS revision_count;

-- name: note_purged_bars
-- Whose bars and old values go, so that what is left still accounts for every batch.
-- writes: purge
-- takes: bars_to_purge
-- reads: bar, bar_revision
INSERT INTO purge (batch_id, of_batch, written, replaced)
WITH bars_ AS MATERIALIZED (
    SELECT b.batch_id, count(*) AS count_
    FROM bar AS b JOIN {bars_to_purge} AS g ON g.interval_id = b.interval_id AND b.bar_start < g.retained_from
    GROUP BY b.batch_id
),
revisions_ AS MATERIALIZED (
    SELECT r.batch_id, r.replaced_by, count(*) AS count_
    FROM bar_revision AS r JOIN {bars_to_purge} AS g ON g.interval_id = r.interval_id AND r.bar_start < g.retained_from
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

-- name: purge_bars
-- Bars, old values of bars, or what vendors say of them, that retention does not keep.
-- writes: bar, bar_revision, bar_values, bar_vendor, offered_bar
-- takes: bars_to_purge
DELETE FROM {table} AS b USING {bars_to_purge} AS g
WHERE g.interval_id = b.interval_id AND b.bar_start < g.retained_from;

-- name: retain_from
-- What is kept starts there from now on.
-- writes: interval_definition
-- takes: bars_to_purge
UPDATE interval_definition AS d
SET retained_from = g.retained_from, retained_date = g.retained_date,
    purged_before = greatest(d.purged_before, g.retained_from), purged_by = $batch_id
FROM {bars_to_purge} AS g WHERE g.interval_id = d.interval_id;

-- name: symbols_to_purge
-- The symbols of which bars go.
-- makes: scope_symbols(symbol_id)
-- takes: bars_to_purge
CREATE OR REPLACE TEMP TABLE {scope_symbols} AS SELECT DISTINCT symbol_id FROM {bars_to_purge};

-- name: moves_to_retained
-- The intervals to cover anew: no further than before, but from where they are retained.
-- makes: watermark_moves(interval_id, calendar, kind, length, old_through, new_through, old_first, new_first)
-- takes: scope_intervals
CREATE OR REPLACE TEMP TABLE {watermark_moves} AS
SELECT interval_id, calendar, kind, length, through AS old_through, through AS new_through, first_session AS old_first,
       account_from AS new_first
FROM {scope_intervals}
WHERE account_from IS NOT NULL;

-- name: end_of_all_bars
-- An instant after all that symbols have or had; null without.
-- gives: last_end
-- takes: bars_to_purge
-- reads: bar, bar_revision
SELECT max(later(bar_start, span_seconds)) AS last_end
FROM (SELECT interval_id, bar_start, span_seconds FROM bar
      UNION ALL SELECT interval_id, bar_start, span_seconds FROM bar_revision)
WHERE interval_id IN (SELECT interval_id FROM {bars_to_purge});

-- name: retain_nothing
-- Nothing is left of symbols before an instant.
-- writes: interval_definition
-- takes: bars_to_purge
UPDATE interval_definition SET retained_from = $end, purged_before = $end, purged_by = $batch_id
WHERE interval_id IN (SELECT interval_id FROM {bars_to_purge});

-- name: removed_symbols
-- Symbols of a name that were struck off.
-- gives: symbol_id
-- reads: symbol
SELECT symbol_id FROM symbol WHERE symbol = $symbol AND removed_at IS NOT NULL;

-- name: retained_from
-- Where the base bars of an active symbol start; null: none were purged.
-- gives: retained_from
-- reads: definition
SELECT retained_from FROM definition WHERE symbol = $symbol AND NOT derived;

-- name: latest_instant
-- Now, or the moment of the last batch where that is ahead of the clock.
-- gives: latest
-- reads: batch
SELECT greatest($now::TIMESTAMPTZ, max(committed_at)) AS latest FROM batch;

-- name: last_batch_before
-- The last batch committed before an instant, and how many old values batches until then replaced.
-- gives: batch_id, revision_count
-- reads: batch, bar_revision, corporate_action_revision
SELECT coalesce(b.batch_id, 0) AS batch_id,
       (SELECT count(*) FROM bar_revision WHERE replaced_by <= b.batch_id)
       + (SELECT count(*) FROM corporate_action_revision WHERE replaced_by <= b.batch_id) AS revision_count
FROM (SELECT max(batch_id) AS batch_id FROM batch WHERE committed_at < $before::TIMESTAMPTZ) AS b;

-- name: note_purged_revisions
-- Whose old values go.
-- writes: purge
-- reads: bar_revision
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

-- name: purge_revisions
-- Old values that were replaced by a batch or those before it.
-- writes: bar_revision
DELETE FROM bar_revision WHERE replaced_by <= $last_batch;

-- name: purge_vendors
-- Whose values were that nobody holds any more.
-- writes: bar_vendor
-- reads: bar, bar_revision
DELETE FROM bar_vendor AS v
WHERE NOT EXISTS (SELECT 1 FROM bar AS b WHERE b.interval_id = v.interval_id AND b.bar_start = v.bar_start
                                           AND b.batch_id = v.batch_id)
  AND NOT EXISTS (SELECT 1 FROM bar_revision AS r WHERE r.interval_id = v.interval_id AND r.bar_start = v.bar_start
                                                    AND r.batch_id = v.batch_id);

-- name: purge_values
-- Values of declared columns of bars, and of old values, that nobody holds any more, and all but one of those that are there
-- more than once.
-- writes: bar_values
-- reads: bar, bar_revision, bar_values
DELETE FROM bar_values AS v
WHERE NOT EXISTS (SELECT 1 FROM bar AS b WHERE b.interval_id = v.interval_id AND b.bar_start = v.bar_start
                                           AND b.batch_id = v.batch_id)
  AND NOT EXISTS (SELECT 1 FROM bar_revision AS r WHERE r.interval_id = v.interval_id AND r.bar_start = v.bar_start
                                                    AND r.batch_id = v.batch_id)
   OR EXISTS (SELECT 1 FROM bar_values AS o WHERE o.interval_id = v.interval_id AND o.bar_start = v.bar_start
                                              AND o.batch_id = v.batch_id AND o.rowid < v.rowid);

-- name: start_history
-- From when on every past state can be told.
-- writes: history_start
INSERT INTO history_start (batch_id, kept_from) VALUES ($batch_id, $before);

-- name: instant_before
-- The instant so many months and days before another.
-- gives: before_
SELECT instant(epoch_us(make_timestamp(epoch_us($now::TIMESTAMPTZ)) - to_months($months) - to_days($days))) AS before_;

-- name: count_retained
-- Whether intervals with purged bars take part.
-- gives: interval_count
-- takes: scope_intervals
SELECT count(*) AS interval_count FROM {scope_intervals} WHERE retained_from IS NOT NULL;

-- name: moved_retention
-- Where a changed calendar puts the instants that bars are kept from. One of the new calendar that keeps all bars
-- apart: the same instant, where it lies between sessions and blocks, or the open of a session that was none before.
-- For a derived interval, whose base is there, any later one will do.
-- makes: moved_retention(interval_id, symbol, interval, moved_from, retained_from, retained_date)
-- takes: scope_intervals, required_block_starts
-- reads: trading_session
CREATE OR REPLACE TEMP TABLE {moved_retention} AS
WITH closed AS (
    SELECT d.interval_id, max(t.segment_close) AS last_close
    FROM {scope_intervals} AS d
    JOIN trading_session AS t ON t.calendar = d.calendar AND t.segment_close <= d.retained_from
     AND (t.replaced_by = $batch_id OR (t.replaced_by IS NULL AND t.batch_id <> $batch_id))
    GROUP BY d.interval_id
),
retained AS (
    SELECT d.*, s.kinds, s.kind_count,
           least(d.retained_from, later(c.last_close, d.closing_seconds)) AS gap_from
    FROM {scope_intervals} AS d
    JOIN {required_block_starts} AS s USING (interval_id)
    LEFT JOIN closed AS c USING (interval_id)
    WHERE d.retained_from IS NOT NULL
),
start_ AS ({block_starts}),
next_ AS (
    SELECT w.interval_id, min(s.session_open) AS session_open, min(s.session_date) AS session_date,
           arg_min(s.previous_close, s.session_open) AS previous_close
    FROM retained AS w JOIN start_ AS s USING (calendar, kinds) WHERE s.session_open >= w.retained_from
    GROUP BY w.interval_id
),
before_ AS (
    SELECT w.interval_id, max(s.session_open) AS session_open, max(s.session_date) AS session_date
    FROM retained AS w JOIN start_ AS s USING (calendar, kinds)
    WHERE s.session_open >= w.gap_from AND s.session_open < w.retained_from
    GROUP BY w.interval_id
)
SELECT w.interval_id, w.symbol, w.interval, w.retained_from AS moved_from,
       CASE WHEN coalesce(n.previous_close, beginning()) <= w.retained_from THEN w.retained_from
            WHEN b.session_open IS NOT NULL THEN b.session_open
            WHEN w.derived THEN n.session_open END AS retained_from,
       CASE WHEN coalesce(n.previous_close, beginning()) <= w.retained_from OR b.session_open IS NULL THEN n.session_date
            ELSE b.session_date END AS retained_date
FROM retained AS w
LEFT JOIN next_ AS n USING (interval_id)
LEFT JOIN before_ AS b USING (interval_id);

-- name: split_bar
-- The first interval of which a changed calendar would split a bar.
-- gives: symbol, interval, moved_from
-- takes: moved_retention
SELECT symbol, interval, moved_from FROM {moved_retention} WHERE retained_from IS NULL OR retained_date IS NULL
ORDER BY symbol, moved_from LIMIT 1;

-- name: move_retention
-- Bars are kept from there.
-- writes: interval_definition
-- takes: moved_retention
UPDATE interval_definition AS d SET retained_from = m.retained_from, retained_date = m.retained_date
FROM {moved_retention} AS m WHERE m.interval_id = d.interval_id;
