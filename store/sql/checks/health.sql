-- How a store stands, for those who watch it. Nothing here reads more of the bars than the last minute wrote.

-- name: health
-- The view health at a moment, the symbols that are furthest behind first.
-- gives: *
-- reads: health_at
SELECT * FROM health_at($moment::TIMESTAMPTZ)
WHERE $symbols IS NULL OR list_contains($symbols::VARCHAR[], symbol)
ORDER BY coalesce(lag_seconds, 0) DESC, waiting_count DESC, missing_count DESC, symbol;

-- name: batch_totals
-- What all batches have done, and when the newest was committed.
-- gives: kind, batch_count, inserted, revised, deleted, rejected, committed_at
-- reads: batch
SELECT kind, count(*) AS batch_count, sum(inserted)::BIGINT AS inserted, sum(revised)::BIGINT AS revised,
       sum(deleted)::BIGINT AS deleted, sum(rejected)::BIGINT AS rejected, max(committed_at) AS committed_at
FROM batch
GROUP BY kind
ORDER BY kind;
