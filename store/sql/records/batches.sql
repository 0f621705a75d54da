-- Batches: every committed write has one, and they order time.

-- name: next_batch
-- The id of the batch being written. Ids are dense, for one writer at a time hands them out.
-- gives: batch_id
-- reads: batch
SELECT coalesce(max(batch_id), 0) + 1 AS batch_id FROM batch;

-- name: newest_batch
-- The newest batch there is, 0 before the first: what a run that begins now may see.
-- gives: batch_id
-- reads: batch
SELECT coalesce(max(batch_id), 0) AS batch_id FROM batch;

-- name: add_batch
-- The batch's own row, written last. committed_at never repeats and never runs backwards.
-- writes: batch
-- reads: batch
INSERT INTO batch (batch_id, kind, source, started_at, committed_at, inserted, revised, unchanged, rejected, deleted,
                   vendor, reverts)
SELECT $batch_id, $kind, $source, $started_at,
       greatest($clock::TIMESTAMPTZ, coalesce(instant(epoch_us(max(committed_at)) + 1), beginning())),
       $inserted, $revised, $unchanged, $rejected, $deleted, $vendor, $reverts
FROM batch;
