-- Publishing: what of a lake's tables goes, and what comes instead.

-- name: gone_rows
-- The keys of the rows that go.
-- makes: gone_rows(*)
CREATE OR REPLACE TEMP TABLE {gone_rows} AS
SELECT * FROM read_parquet({files});

-- name: give_up
-- Take rows away by their keys; the shards say which files they can be in.
-- writes: any
DELETE FROM lake.{table} AS t USING {gone} AS g WHERE t.shard IN ({shards}) AND t.shard = g.shard AND {same_key};

-- name: give_up_shard
-- Take away all of a shard's rows.
-- writes: any
DELETE FROM lake.{table} WHERE shard = {shard};

-- name: take_in
-- Add rows of files.
-- writes: any
INSERT INTO lake.{table} BY NAME SELECT * FROM read_parquet({files});

-- name: take_over
-- Add files as they are; from then on they are the lake's.
-- part: statement
CALL ducklake_add_data_files('lake', {table}, {files});

-- name: rows_of_shard
-- The rows that a table of the lake has of a shard.
-- part: rows
SELECT * FROM lake.{table} WHERE shard = {shard};

-- name: same_value
-- That a row goes with a key, as far as one column tells.
-- part: condition
t.{column} = g.{column};

-- name: file_list
-- Several files.
-- part: value
[{files}];
