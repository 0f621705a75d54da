-- A snapshot with increments, as one store: its tables are views over what the snapshot has and what came since, under
-- which the store's own views and macros are made anew. {snapshot} is the snapshot's name, {table} a table's.

-- name: attach_snapshot
-- Have the snapshot at hand.
-- part: statement
ATTACH {file} AS {snapshot} (READ_ONLY)

-- name: seal
-- Keep whoever asks from every other file.
-- part: statement
SET GLOBAL enable_external_access = false

-- name: make_room
-- Where what came since is kept.
-- part: statement
CREATE SCHEMA increments

-- name: make_rows
-- What came since of a table: nothing yet.
-- part: statement
CREATE OR REPLACE TABLE increments.{table} AS FROM {snapshot}.main.{table} LIMIT 0

-- name: make_keys
-- Which of its rows in the snapshot are no more: none yet.
-- part: statement
CREATE OR REPLACE TABLE increments.{replaced} AS SELECT {keys} FROM {snapshot}.main.{table} LIMIT 0

-- name: show_snapshot
-- A table as the snapshot has it.
-- part: statement
CREATE OR REPLACE VIEW main.{table} AS FROM {snapshot}.main.{table}

-- name: show_both
-- With the rows that came since.
-- part: statement
CREATE OR REPLACE VIEW main.{table} AS FROM {snapshot}.main.{table} UNION ALL FROM increments.{table}

-- name: show_rest
-- With these, and without those that are no more.
-- part: statement
CREATE OR REPLACE VIEW main.{table} AS
SELECT * FROM {snapshot}.main.{table} ANTI JOIN increments.{replaced} USING ({keys}) UNION ALL FROM increments.{table}

-- name: show_rows
-- As it is since then.
-- part: statement
CREATE OR REPLACE VIEW main.{table} AS FROM increments.{table}

-- name: drop_rows
-- Rows that came since go.
-- part: statement
DELETE FROM increments.{table} AS r USING {given} AS g WHERE {same}

-- name: add_keys
-- Rows of the snapshot go.
-- part: statement
INSERT INTO increments.{replaced} SELECT DISTINCT {keys} FROM {given} EXCEPT SELECT * FROM increments.{replaced}

-- name: add_rows
-- Rows come.
-- part: statement
INSERT INTO increments.{table} FROM {given}
