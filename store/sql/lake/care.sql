-- Care for a lake: fewer files, and none that nobody needs.

-- name: write_out
-- Write what the catalog keeps inside of itself into files.
-- part: statement
CALL ducklake_flush_inlined_data('lake');

-- name: rewrite
-- Write files anew of which much is gone.
-- part: statement
CALL ducklake_rewrite_data_files('lake', delete_threshold => 0.1);

-- name: merge
-- Make few files of many small ones, each shard's by themselves.
-- part: statement
CALL ducklake_merge_adjacent_files('lake');

-- name: forget_snapshots
-- Give up what the lake was before an instant.
-- part: statement
CALL ducklake_expire_snapshots('lake', older_than => {before});

-- name: remove_old_files
-- Remove the files that no snapshot needs any more, as of an instant.
-- part: statement
CALL ducklake_cleanup_old_files('lake', older_than => {before});

-- name: remove_strangers
-- Remove files below the lake's folder that are older than an instant and not the lake's, such as what was staged by runs
-- that were killed.
-- part: statement
CALL ducklake_delete_orphaned_files('lake', older_than => {before});

-- name: strangers
-- What remove_strangers would remove.
-- gives: *
SELECT * FROM ducklake_delete_orphaned_files('lake', older_than => {before}, dry_run => true);

-- name: file_count
-- How many files of bars and revisions the lake has now.
-- gives: file_count
SELECT (SELECT count(*) FROM ducklake_list_files('lake', 'bar'))
       + (SELECT count(*) FROM ducklake_list_files('lake', 'revision')) AS file_count;

-- name: surplus
-- How many rows there are beyond others.
-- gives: row_count
SELECT count(*) AS row_count FROM (({rows}) EXCEPT ALL ({others}));

-- name: shards_with_rows
-- Which shards a table of the lake has rows of, and how many.
-- gives: shard, row_count
SELECT shard, count(*) AS row_count FROM lake.{table} GROUP BY shard;

-- name: instant
-- An instant, as SQL has it.
-- part: value
make_timestamptz({micros}::BIGINT);
