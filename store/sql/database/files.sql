-- Files: what DuckDB has open, and what a file holds.
--
-- What is run when a store is opened names DuckDB's own functions by their schema: a macro in the file, of a stranger or of
-- its owner, would take their place.

-- name: attach
-- Have another file at hand; locks it like opening it does.
-- part: statement
ATTACH {file} AS {name} (READ_WRITE)

-- name: detach
-- Give it back.
-- part: statement
DETACH {name}

-- name: path
-- The file that a connection has open; null in memory.
-- gives: path
SELECT path FROM system.main.duckdb_databases() WHERE database_name = system.main.current_database();

-- name: temporary_folder
-- Where DuckDB puts what does not fit into memory.
-- gives: folder
SELECT current_setting('temp_directory') AS folder;

-- name: table_names
-- The tables that a file holds.
-- gives: table_name
SELECT table_name FROM system.main.duckdb_tables()
WHERE NOT temporary AND schema_name = 'main' AND database_name = system.main.current_database();

-- name: schema_version
-- The schema that a store has.
-- gives: version_num
-- reads: alembic_version
SELECT version_num FROM alembic_version;

-- name: parsed
-- A statement that reads, as the tree that it is parsed into, in JSON.
-- gives: tree
SELECT json_serialize_sql($text::VARCHAR, skip_null := true, skip_empty := true, skip_default := true) AS tree;

-- name: is_table
-- Whether a name of several parts, or with odd letters, is a table's or a view's; all in lower case.
-- gives: is_table
SELECT count(*) > 0 AS is_table
FROM (SELECT database_name, schema_name, table_name AS name FROM duckdb_tables()
      UNION ALL SELECT database_name, schema_name, view_name FROM duckdb_views())
WHERE lower(name) = $name
  AND $path::VARCHAR[] IN ([]::VARCHAR[], [lower(schema_name)], [lower(database_name)], [lower(database_name), lower(schema_name)]);

-- name: is_macro
-- Whether a name is that of a macro of the store that gives rows.
-- gives: is_macro
SELECT count(*) > 0 AS is_macro FROM duckdb_functions()
WHERE function_type = 'table_macro' AND NOT internal AND lower(function_name) = $name;

-- name: memory_limit
-- How much memory DuckDB may use, in bytes.
-- gives: byte_count
SELECT system.main.parse_formatted_bytes(system.main.current_setting('memory_limit')) AS byte_count;

-- name: write_out
-- Have everything committed in the file itself. Fails at once where somebody still reads what was before a change.
-- part: statement
CHECKPOINT

-- name: begin_log_anew
-- Commit something that changes nothing, so that the log is written to, and taken over into the file: DuckDB leaves one
-- alone in which a killed process committed nothing.
-- part: statement
COMMENT ON TABLE {table} IS NULL

-- name: leave_alone
-- Write nothing into the file that it did not have room for: what is committed stays in the log, whatever its size.
-- part: statement
SET GLOBAL checkpoint_threshold = '1000TB'

-- name: take_over
-- Have the log taken over into the file when it becomes larger than DuckDB thinks best.
-- part: statement
RESET GLOBAL checkpoint_threshold

-- name: take_over_from
-- Have the log taken over into the file when it becomes larger than said.
-- part: statement
SET GLOBAL checkpoint_threshold = {size}

-- name: memory_in_use
-- How much memory is in use that DuckDB cannot give back by itself, in bytes.
-- gives: byte_count
SELECT coalesce(sum(memory_usage_bytes), 0)::BIGINT AS byte_count FROM system.main.duckdb_memory()
WHERE tag NOT IN ('BASE_TABLE', 'METADATA');

-- name: comment
-- Say in the catalog what something is.
-- part: statement
COMMENT ON {what} {name} IS {said}

-- name: relations
-- The views, and macros in place of views, that a store has, each with what it is in a comment's statement.
-- gives: kind, name
SELECT 'VIEW' AS kind, view_name AS name FROM duckdb_views()
WHERE NOT internal AND NOT temporary AND database_name = current_database()
UNION ALL
SELECT 'MACRO TABLE', function_name FROM duckdb_functions()
WHERE NOT internal AND function_type = 'table_macro' AND database_name = current_database()
ORDER BY kind, name;

-- name: columns
-- The columns of the views that a store has.
-- gives: name, column_name
SELECT v.view_name AS name, c.column_name
FROM duckdb_views() AS v
JOIN duckdb_columns() AS c
  ON c.database_name = v.database_name AND c.schema_name = v.schema_name AND c.table_name = v.view_name
WHERE NOT v.internal AND NOT v.temporary AND v.database_name = current_database()
ORDER BY v.view_name, c.column_index;
