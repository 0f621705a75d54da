-- Revisions: what every batch wrote and replaced, and what each bar was at every moment.

-- name: unrevised
-- What every batch says it wrote and replaced is there, as bars, corporate actions, rolls or revisions, or was purged.
-- gives: interval_id, at, stored, expected
-- reads: bar, bar_revision, corporate_action, corporate_action_revision, roll, roll_revision, batch, purge
WITH written AS (
    SELECT batch_id, sum(count_) AS count_
    FROM (SELECT batch_id, count(*) AS count_ FROM bar GROUP BY ALL
          UNION ALL SELECT batch_id, count(*) FROM bar_revision GROUP BY ALL
          UNION ALL SELECT batch_id, count(*) FROM corporate_action GROUP BY ALL
          UNION ALL SELECT batch_id, count(*) FROM corporate_action_revision GROUP BY ALL
          UNION ALL SELECT batch_id, count(*) FROM roll GROUP BY ALL
          UNION ALL SELECT batch_id, count(*) FROM roll_revision GROUP BY ALL
          UNION ALL SELECT of_batch, sum(written) FROM purge GROUP BY ALL)
    GROUP BY batch_id
),
replaced AS (
    SELECT batch_id, sum(count_) AS count_
    FROM (SELECT replaced_by AS batch_id, count(*) AS count_ FROM bar_revision GROUP BY ALL
          UNION ALL SELECT replaced_by, count(*) FROM corporate_action_revision GROUP BY ALL
          UNION ALL SELECT replaced_by, count(*) FROM roll_revision GROUP BY ALL
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
SELECT NULL, NULL, count(*) || ' bars, actions, rolls or revisions of batch ' || x.batch_id, 'a row in batch'
FROM (SELECT batch_id FROM bar UNION ALL SELECT batch_id FROM bar_revision
      UNION ALL SELECT replaced_by FROM bar_revision
      UNION ALL SELECT batch_id FROM corporate_action UNION ALL SELECT batch_id FROM corporate_action_revision
      UNION ALL SELECT replaced_by FROM corporate_action_revision
      UNION ALL SELECT batch_id FROM roll UNION ALL SELECT batch_id FROM roll_revision
      UNION ALL SELECT replaced_by FROM roll_revision) AS x
WHERE NOT EXISTS (SELECT 1 FROM batch AS b WHERE b.batch_id = x.batch_id)
GROUP BY x.batch_id;

-- name: unfounded
-- What vendors offered, and whose bars and revisions are, belongs to loads, vendors, bars and revisions that are there,
-- each once.
-- gives: interval_id, at, stored, expected
-- reads: offered_bar, bar_vendor, batch, vendor, bar, bar_revision, interval_definition
SELECT o.interval_id, o.bar_start AS at, 'a bar offered by batch ' || o.batch_id AS stored,
       'a load, and a base interval' AS expected
FROM offered_bar AS o
LEFT JOIN batch AS t ON t.batch_id = o.batch_id AND t.kind = 'load'
LEFT JOIN interval_definition AS d ON d.interval_id = o.interval_id AND NOT d.derived
WHERE t.batch_id IS NULL OR d.interval_id IS NULL
UNION ALL
SELECT o.interval_id, o.bar_start, count(*) || ' bars offered by ' || coalesce(t.vendor, 'nobody named'), '1 bar'
FROM offered_bar AS o JOIN batch AS t USING (batch_id)
GROUP BY o.interval_id, o.bar_start, t.vendor HAVING count(*) > 1
UNION ALL
SELECT v.interval_id, v.bar_start, 'values of batch ' || v.batch_id || ' said to be of '
       || coalesce(v.vendor, 'nobody named'), 'a bar or a revision'
FROM bar_vendor AS v
ANTI JOIN (SELECT interval_id, bar_start, batch_id FROM bar
           UNION ALL SELECT interval_id, bar_start, batch_id FROM bar_revision) AS b
       ON b.interval_id = v.interval_id AND b.bar_start = v.bar_start AND b.batch_id = v.batch_id
UNION ALL
SELECT interval_id, bar_start, count(*) || ' vendors of the values of batch ' || batch_id, '1 vendor'
FROM bar_vendor GROUP BY interval_id, bar_start, batch_id HAVING count(*) > 1
UNION ALL
SELECT NULL, NULL, 'vendor ' || n.vendor || ' in ' || n.place, 'a vendor with a priority'
FROM (SELECT DISTINCT vendor, 'batch' AS place FROM batch WHERE vendor IS NOT NULL
      UNION SELECT DISTINCT vendor, 'bar_vendor' FROM bar_vendor WHERE vendor IS NOT NULL) AS n
ANTI JOIN vendor AS p ON p.vendor = n.vendor;

-- name: overlapping
-- At every moment a bar had one set of values: each ends where, or before, the next begins. Of the whole store those of
-- removed symbols are among them.
-- gives: interval_id, at, stored, expected
-- takes: checked_intervals
-- reads: bar, bar_revision
WITH version AS (
    SELECT interval_id, bar_start, session_date, batch_id, replaced_by FROM bar_revision
    WHERE $whole OR interval_id IN (SELECT interval_id FROM {checked_intervals})
    UNION ALL
    SELECT b.interval_id, b.bar_start, b.session_date, b.batch_id, NULL
    FROM bar AS b SEMI JOIN bar_revision AS r USING (interval_id, bar_start)
    WHERE $whole OR b.interval_id IN (SELECT interval_id FROM {checked_intervals})
),
followed AS (
    SELECT *, lead(batch_id) OVER (PARTITION BY interval_id, bar_start ORDER BY batch_id, replaced_by NULLS LAST)
        AS next_batch_id
    FROM version
)
SELECT interval_id, bar_start AS at,
       'values of batch ' || batch_id || ', replaced by ' || coalesce(replaced_by::VARCHAR, 'none') AS stored,
       'replaced by a later batch, at most ' || coalesce(next_batch_id::VARCHAR, 'none') AS expected
FROM followed AS b
WHERE (replaced_by <= batch_id OR coalesce(replaced_by, 9223372036854775807) > next_batch_id) AND {within_bars};
