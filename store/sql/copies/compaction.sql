-- Compaction: from an old file, attached as {old}, to a new one, {new}, table by table.

-- name: write_out
-- Have everything committed in the file itself, synced.
-- part: statement
CHECKPOINT {name}

-- name: schema_version
-- The schema a file has.
-- gives: version_num
SELECT version_num FROM {database}.main.alembic_version;

-- name: unknown_objects
-- What the old file holds and the new schema does not: made by others, and lost if the file were copied without it.
-- gives: name
WITH held AS (
    SELECT database_name, 'table ' || schema_name || '.' || table_name AS name FROM duckdb_tables() WHERE NOT temporary
    UNION ALL
    SELECT database_name, 'view ' || schema_name || '.' || view_name FROM duckdb_views() WHERE NOT internal
    UNION ALL
    SELECT database_name, 'index ' || schema_name || '.' || index_name FROM duckdb_indexes()
    UNION ALL
    SELECT database_name, 'macro ' || schema_name || '.' || function_name FROM duckdb_functions() WHERE NOT internal
    UNION ALL
    SELECT database_name, 'sequence ' || schema_name || '.' || sequence_name FROM duckdb_sequences()
    UNION ALL
    SELECT database_name, 'type ' || schema_name || '.' || type_name FROM duckdb_types() WHERE NOT internal
    UNION ALL
    SELECT database_name, 'schema ' || schema_name FROM duckdb_schemas() WHERE NOT internal
)
SELECT DISTINCT name FROM held WHERE database_name = $old
EXCEPT SELECT name FROM held WHERE database_name = $new
ORDER BY name;

-- name: interval_ranges
-- Ranges of interval ids with about as many rows each; no id is in two of them.
-- gives: first_id, last_id
WITH counted AS (
    SELECT interval_id, count(*) AS row_count FROM {old}.main.{table} GROUP BY interval_id
),
ranged AS (
    SELECT interval_id, (sum(row_count) OVER (ORDER BY interval_id) - row_count) // $rows_per_range AS number
    FROM counted
)
SELECT min(interval_id) AS first_id, max(interval_id) AS last_id FROM ranged GROUP BY number ORDER BY number;

-- name: copy_range
-- Copy the rows of a range of interval ids, in order.
-- writes: table
INSERT INTO {new}.main.{table} BY NAME
SELECT * FROM {old}.main.{table} WHERE interval_id BETWEEN $first_id AND $last_id ORDER BY {order};

-- name: copy_all
-- Copy a table as it is.
-- writes: table
INSERT INTO {new}.main.{table} BY NAME SELECT * FROM {old}.main.{table};

-- name: digest
-- How many rows a table has, and a number that differs when any value does, whatever the order.
-- gives: row_count, checksum
SELECT count(*) AS row_count, sum(hash({columns})) AS checksum FROM {database}.main.{table};
