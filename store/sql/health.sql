-- How a store stands, for those who watch it. Nothing here reads more of the bars than the last minute wrote.

-- name: symbols
-- The view health at a moment, the symbols that are furthest behind first.
SELECT * FROM health_at($moment::TIMESTAMPTZ)
WHERE $symbols IS NULL OR list_contains($symbols::VARCHAR[], symbol)
ORDER BY coalesce(lag_seconds, 0) DESC, waiting_count DESC, missing_count DESC, symbol;

-- name: batches
-- What all batches have done, and when the newest was committed.
SELECT kind, count(*), sum(inserted)::BIGINT, sum(revised)::BIGINT, sum(deleted)::BIGINT, sum(rejected)::BIGINT,
       max(committed_at)
FROM batch
GROUP BY kind
ORDER BY kind;
