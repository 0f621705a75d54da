-- What bars and history are retained, and where intervals start of which some were purged.

-- name: required_block_starts
-- The kinds of longer bars that each interval's bars are part of, itself included: where all of them begin, a purge
-- can end.
-- makes: required_block_starts(interval_id, kinds, kind_count)
-- reads: definition
CREATE OR REPLACE TEMP TABLE {required_block_starts} AS
SELECT interval_id, coalesce(string_agg(DISTINCT kind, ' ' ORDER BY kind), '') AS kinds,
       count(DISTINCT kind) AS kind_count
FROM (SELECT interval_id, CASE WHEN kind <> 'session' THEN kind END AS kind FROM definition
      UNION ALL
      SELECT base_id, CASE WHEN kind <> 'session' THEN kind END FROM definition WHERE derived)
GROUP BY interval_id;

-- name: late_interval_count
-- How many derived intervals are new whose base was purged.
-- gives: interval_count
-- reads: definition
SELECT count(*) AS interval_count FROM definition WHERE derived AND derived_through IS NULL AND final_before IS NOT NULL;

-- name: start_late_intervals
-- They start with their first bar that has all of its base.
-- writes: interval_definition
-- takes: required_block_starts
-- reads: definition, calendar_session, calendar_block
UPDATE interval_definition AS d
SET retained_from = s.session_open, retained_date = s.session_date, derived_through = s.session_open, next_close = NULL
FROM (
    SELECT n.interval_id, min(s.session_open) AS session_open, min(s.session_date) AS session_date
    FROM (SELECT d.*, k.kinds, k.kind_count FROM definition AS d JOIN {required_block_starts} AS k USING (interval_id)
          WHERE d.derived AND d.derived_through IS NULL AND d.final_before IS NOT NULL) AS n
    JOIN calendar_session AS s ON s.calendar = n.calendar AND s.session_open >= n.final_before
    LEFT JOIN calendar_block AS b ON b.calendar = n.calendar AND b.kind = n.kind AND b.first_date = s.session_date
    WHERE n.kind_count = 0 OR b.kind IS NOT NULL
    GROUP BY n.interval_id
) AS s
WHERE s.interval_id = d.interval_id;

-- name: late_intervals_without_start
-- One of them for which the calendar shows no such bar.
-- gives: symbol, interval, final_before
-- reads: definition
SELECT symbol, interval, final_before FROM definition
WHERE derived AND derived_through IS NULL AND final_before IS NOT NULL
ORDER BY symbol, interval LIMIT 1;

-- name: history_kept
-- Since when history is kept; null: since ever.
-- gives: kept_from
-- reads: revision_retention
SELECT kept_from FROM revision_retention;

-- name: purged_past
-- What of an interval's past was purged since a moment, when, of the first of the symbols asked for of which anything
-- was. Base bars are asked for from start_at on, derived ones, which lie in sessions, from first_open.
-- gives: symbol, purged_before, purged_at
-- takes: symbol_spans
-- reads: interval_definition, batch, names_at
SELECT a.symbol, max(d.purged_before) AS purged_before, max(b.committed_at) AS purged_at
FROM {symbol_spans} AS a
JOIN names_at((SELECT coalesce(max(batch_id), 0) FROM batch WHERE committed_at <= $as_of::TIMESTAMPTZ)) AS s
  ON s.name = a.symbol
JOIN interval_definition AS d ON d.symbol_id = s.symbol_id AND d.interval = $interval
JOIN batch AS b ON b.batch_id = d.purged_by AND b.committed_at > $as_of::TIMESTAMPTZ
WHERE d.purged_before > CASE WHEN d.derived THEN a.first_open ELSE a.start_at END
GROUP BY a.symbol
ORDER BY a.symbol
LIMIT 1;
