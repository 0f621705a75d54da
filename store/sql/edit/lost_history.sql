-- Accepting lost history: what verify misses of the past is written down as lost, so that it is not missed again.

-- name: contradicting_revisions
-- Old values that contradict others of their bar: replaced before they were written, after others had followed, or
-- written after the bar as it is.
-- makes: contradicting_revisions(interval_id, bar_start, batch_id, replaced_by)
-- reads: bar_revision, bar
CREATE OR REPLACE TEMP TABLE {contradicting_revisions} AS
WITH followed AS (
    SELECT r.*, b.batch_id AS current_batch_id,
           lead(r.batch_id) OVER (PARTITION BY r.interval_id, r.bar_start ORDER BY r.batch_id, r.replaced_by)
               AS next_batch_id
    FROM bar_revision AS r
    LEFT JOIN bar AS b USING (interval_id, bar_start)
)
SELECT interval_id, bar_start, batch_id, replaced_by FROM followed
WHERE replaced_by <= batch_id OR replaced_by > next_batch_id OR batch_id > current_batch_id
   OR replaced_by > current_batch_id;

-- name: drop_contradicting
-- Nobody can say which of them were so: they are lost.
-- writes: bar_revision
-- takes: contradicting_revisions
DELETE FROM bar_revision AS r USING {contradicting_revisions} AS c
WHERE r.interval_id = c.interval_id AND r.bar_start = c.bar_start AND r.batch_id = c.batch_id
  AND r.replaced_by = c.replaced_by;

-- name: drop_contradicting_actions
-- Old values of corporate actions that contradict others are lost likewise.
-- writes: corporate_action_revision
-- reads: corporate_action, corporate_action_revision
DELETE FROM corporate_action_revision AS r USING (
    SELECT r.symbol_id, r.ex_date, r.kind, r.batch_id, r.replaced_by, a.batch_id AS current_batch_id,
           lead(r.batch_id) OVER (PARTITION BY r.symbol_id, r.ex_date, r.kind ORDER BY r.batch_id, r.replaced_by)
               AS next_batch_id
    FROM corporate_action_revision AS r LEFT JOIN corporate_action AS a USING (symbol_id, ex_date, kind)
) AS c
WHERE r.symbol_id = c.symbol_id AND r.ex_date = c.ex_date AND r.kind = c.kind AND r.batch_id = c.batch_id
  AND r.replaced_by = c.replaced_by
  AND (c.replaced_by <= c.batch_id OR c.replaced_by > c.next_batch_id OR c.batch_id > c.current_batch_id
       OR c.replaced_by > c.current_batch_id);

-- name: restore_batches
-- Batches that bars, actions and revisions name but that are gone, each placed in time just after the one before it.
-- writes: batch
-- reads: bar, bar_revision, corporate_action, corporate_action_revision, roll, roll_revision
INSERT INTO batch (batch_id, kind, source, started_at, committed_at, inserted, revised, unchanged, rejected, deleted)
WITH named AS (
    SELECT batch_id, 1 AS written, 0 AS replaced FROM bar
    UNION ALL SELECT unnest([batch_id, replaced_by]), unnest([1, 0]), unnest([0, 1]) FROM bar_revision
    UNION ALL SELECT batch_id, 1, 0 FROM corporate_action
    UNION ALL SELECT unnest([batch_id, replaced_by]), unnest([1, 0]), unnest([0, 1]) FROM corporate_action_revision
    UNION ALL SELECT batch_id, 1, 0 FROM roll
    UNION ALL SELECT unnest([batch_id, replaced_by]), unnest([1, 0]), unnest([0, 1]) FROM roll_revision
),
lost AS (
    SELECT batch_id, sum(written) AS written, sum(replaced) AS replaced
    FROM named AS n
    WHERE batch_id < $batch_id AND NOT EXISTS (SELECT 1 FROM batch AS b WHERE b.batch_id = n.batch_id)
    GROUP BY batch_id
)
SELECT l.batch_id, 'repair', 'restored', $now::TIMESTAMPTZ,
       instant(coalesce(epoch_us(b.committed_at), 0) + l.batch_id - coalesce(b.batch_id, 0)),
       l.written, 0, 0, 0, l.replaced
FROM lost AS l ASOF LEFT JOIN batch AS b ON b.batch_id < l.batch_id;

-- name: note_losses
-- Of every batch, what it wrote or replaced and nothing accounts for any more.
-- writes: purge
-- reads: bar, bar_revision, corporate_action, corporate_action_revision, roll, roll_revision, batch
INSERT INTO purge (batch_id, of_batch, written, replaced)
WITH found AS (
    SELECT of_batch, sum(written) AS written, sum(replaced) AS replaced
    FROM (SELECT batch_id AS of_batch, 1 AS written, 0 AS replaced FROM bar
          UNION ALL SELECT unnest([batch_id, replaced_by]), unnest([1, 0]), unnest([0, 1]) FROM bar_revision
          UNION ALL SELECT batch_id, 1, 0 FROM corporate_action
          UNION ALL SELECT unnest([batch_id, replaced_by]), unnest([1, 0]), unnest([0, 1])
                    FROM corporate_action_revision
          UNION ALL SELECT batch_id, 1, 0 FROM roll
          UNION ALL SELECT unnest([batch_id, replaced_by]), unnest([1, 0]), unnest([0, 1]) FROM roll_revision
          UNION ALL SELECT of_batch, written, replaced FROM purge)
    GROUP BY of_batch
)
SELECT $batch_id, b.batch_id, b.inserted + b.revised - coalesce(f.written, 0),
       b.revised + b.deleted - coalesce(f.replaced, 0)
FROM batch AS b LEFT JOIN found AS f ON f.of_batch = b.batch_id
WHERE coalesce(f.written, 0) <> b.inserted + b.revised OR coalesce(f.replaced, 0) <> b.revised + b.deleted
ORDER BY b.batch_id;

-- name: count_losses
-- How many batches that concerns.
-- gives: batch_count
-- reads: purge
SELECT count(DISTINCT of_batch) AS batch_count FROM purge WHERE batch_id = $batch_id;
