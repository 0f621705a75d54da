-- Files: what DuckDB has open, and what a file holds.

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
SELECT path FROM duckdb_databases() WHERE database_name = current_database();

-- name: temporary_folder
-- Where DuckDB puts what does not fit into memory.
-- gives: folder
SELECT current_setting('temp_directory') AS folder;

-- name: table_names
-- The tables that a file holds.
-- gives: table_name
SELECT table_name FROM duckdb_tables()
WHERE NOT temporary AND schema_name = 'main' AND database_name = current_database();

-- name: schema_version
-- The schema that a store has.
-- gives: version_num
-- reads: alembic_version
SELECT version_num FROM alembic_version;
