-- What a run of a shard changed: the rows of its store's views, as the lake has them, against those of the file before.
-- {store} is the store attached under a name of its own.

-- name: attach
-- Have a store's file at hand, as it is.
-- part: statement
ATTACH {file} AS {store} (READ_ONLY);

-- name: checkpoint
-- Have everything committed in the file itself.
-- part: statement
CHECKPOINT;

-- name: schema_version
-- Which schema a store has.
-- part: statement
SELECT version_num FROM {store}.alembic_version;

-- name: rows_of_bar
-- Bars, with the moment they were written.
-- part: rows
SELECT {shard}::INTEGER AS shard, b.symbol, b.interval, b.bar_start, b.bar_end, b.session_date, b.open, b.high, b.low,
       b.close, b.volume, b.trade_count, b.vwap, b.base_count, b.expected_count, b.complete, b.batch_id,
       t.committed_at AS written_at
FROM {store}.bars AS b JOIN {store}.batch AS t ON t.batch_id = b.batch_id
WHERE {wanted};

-- name: rows_of_revision
-- Values that were overwritten or deleted.
-- part: rows
SELECT {shard}::INTEGER AS shard, b.symbol, b.interval, b.bar_start, b.bar_end, b.session_date, b.open, b.high, b.low,
       b.close, b.volume, b.trade_count, b.vwap, b.base_count, b.expected_count, b.batch_id,
       b.written_at, b.replaced_by, b.replaced_at, b.replaced_kind
FROM {store}.revisions AS b WHERE {wanted};

-- name: rows_of_session_coverage
-- How many bars each session should have and has.
-- part: rows
SELECT {shard}::INTEGER AS shard, b.* FROM {store}.coverage AS b WHERE {wanted};

-- name: rows_of_gap
-- Runs of expected bars that are missing.
-- part: rows
SELECT {shard}::INTEGER AS shard, b.* FROM {store}.gaps AS b WHERE {wanted};

-- name: rows_of_interval_state
-- Every interval of every active symbol.
-- part: rows
SELECT {shard}::INTEGER AS shard, b.* FROM {store}.intervals AS b WHERE {wanted};

-- name: rows_of_batch
-- Every committed write.
-- part: rows
SELECT {shard}::INTEGER AS shard, b.* FROM {store}.batches AS b WHERE {wanted};

-- name: rows_of_rejected_row
-- Rows that loads did not take.
-- part: rows
SELECT {shard}::INTEGER AS shard, b.* FROM {store}.rejected AS b WHERE {wanted};

-- name: rows_of_run
-- Runs of coordinators.
-- part: rows
SELECT {shard}::INTEGER AS shard, b.* FROM {store}.runs AS b WHERE {wanted};

-- name: rows_of_retained
-- Intervals whose oldest bars are gone or final.
-- part: rows
SELECT {shard}::INTEGER AS shard, b.* FROM {store}.retention AS b WHERE {wanted};

-- name: rows_of_kept_revisions
-- Since when all revisions are kept, where some are gone.
-- part: rows
SELECT {shard}::INTEGER AS shard, b.* FROM {store}.revision_retention AS b WHERE b.kept_from IS NOT NULL AND {wanted};

-- name: everything
-- All rows.
-- part: condition
true;

-- name: written_after
-- Rows that batches after one wrote.
-- part: condition
b.batch_id > {after};

-- name: replaced_after
-- Rows that batches after one replaced.
-- part: condition
b.replaced_by > {after};

-- name: replaced_bars
-- The keys of bars that batches after one replaced, and that were there before it.
-- part: rows
SELECT DISTINCT {shard}::INTEGER AS shard, symbol, interval, bar_start FROM {store}.revisions
WHERE replaced_by > {after} AND batch_id <= {after};

-- name: keep_rows
-- Rows at hand, to be compared.
-- part: statement
CREATE OR REPLACE TEMP TABLE {kept} AS {rows};

-- name: keys_gone
-- The keys of rows that are not there any more, or are otherwise.
-- part: rows
SELECT DISTINCT {key} FROM (FROM {before} EXCEPT ALL FROM {now});

-- name: rows_come
-- The rows that were not there before, and all those that have the key of one that went.
-- part: rows
SELECT {now}.* FROM {now} SEMI JOIN {gone} USING ({key})
UNION ALL
SELECT come_.* FROM (FROM {now} EXCEPT ALL FROM {before}) AS come_ ANTI JOIN {gone} USING ({key});

-- name: all_rows
-- Rows at hand.
-- part: rows
FROM {kept};

-- name: write_rows
-- Rows as a file, in the order of their keys.
-- part: statement
COPY (SELECT * FROM ({rows}) ORDER BY {key}) TO {file} (FORMAT parquet, COMPRESSION zstd);

-- name: counts
-- How many bars and revisions a store has, and its newest batch.
-- part: statement
SELECT (SELECT count(*) FROM {store}.bar), (SELECT count(*) FROM {store}.bar_revision),
       (SELECT coalesce(max(batch_id), 0) FROM {store}.batch);

-- name: row_count
-- How many rows there are.
-- part: statement
SELECT count(*) FROM ({rows});

-- name: is_continued
-- Whether a store has all batches and names of symbols of another as they were there, and no batch since that may take
-- bars or revisions away without leaving their values.
-- part: statement
SELECT NOT EXISTS (SELECT batch_id, kind, committed_at FROM {before}.batch
                   EXCEPT SELECT batch_id, kind, committed_at FROM {now}.batch)
       AND NOT EXISTS (SELECT symbol_id, symbol FROM {before}.symbol EXCEPT SELECT symbol_id, symbol FROM {now}.symbol)
       AND NOT EXISTS (SELECT 1 FROM {now}.batch
                       WHERE kind IN ('retention', 'repair', 'remove')
                         AND batch_id > (SELECT coalesce(max(batch_id), 0) FROM {before}.batch));

-- name: spill
-- Where what has no room in memory goes.
-- part: statement
SET temp_directory = {folder};
