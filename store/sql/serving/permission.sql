-- What those see who may see some symbols only: views of the same names, which take the place of the store's own on the
-- connection that answers them. {catalog} is the store, {symbols} the symbols as literals.

-- name: shadow_of_view
-- A view that has a column symbol.
-- part: statement
CREATE TEMP VIEW {view} AS SELECT * FROM {catalog}.main.{view} WHERE symbol IN ({symbols})

-- name: shadow_of_bars_as_of
-- The macro bars_as_of: bars of the instruments that have these names today, by those that they had then. One that was
-- registered later has none of then, whoever had its name.
-- part: statement
CREATE TEMP MACRO bars_as_of(moment_) AS TABLE
SELECT * FROM {catalog}.main.bars_as_of(moment_) WHERE symbol IN (
    SELECT n.name
    FROM {catalog}.main.names_at((SELECT coalesce(max(batch_id), 0) FROM {catalog}.main.batch
                                  WHERE committed_at <= {catalog}.main.zoned(moment_))) AS n
    WHERE n.symbol IN ({symbols}) AND n.registered_at <= {catalog}.main.zoned(moment_))

-- name: shadow_of_batches
-- Batches that wrote or replaced bars or actions of theirs. What they were loaded from, and how many rows they had, is of other
-- symbols too.
-- part: statement
CREATE TEMP VIEW batches AS
WITH theirs AS MATERIALIZED (
    SELECT interval_id, symbol_id FROM {catalog}.main.interval_definition
    JOIN {catalog}.main.symbol USING (symbol_id)
    WHERE symbol IN ({symbols})
),
written AS MATERIALIZED (
    SELECT batch_id FROM {catalog}.main.bar SEMI JOIN theirs USING (interval_id)
    UNION SELECT batch_id FROM {catalog}.main.bar_revision SEMI JOIN theirs USING (interval_id)
    UNION SELECT replaced_by FROM {catalog}.main.bar_revision SEMI JOIN theirs USING (interval_id)
    UNION SELECT batch_id FROM {catalog}.main.corporate_action SEMI JOIN theirs USING (symbol_id)
    UNION SELECT batch_id FROM {catalog}.main.corporate_action_revision SEMI JOIN theirs USING (symbol_id)
    UNION SELECT replaced_by FROM {catalog}.main.corporate_action_revision SEMI JOIN theirs USING (symbol_id)
),
shown AS MATERIALIZED (
    SELECT * REPLACE (NULL::VARCHAR AS source, NULL::BIGINT AS inserted, NULL::BIGINT AS revised,
                      NULL::BIGINT AS unchanged, NULL::BIGINT AS rejected, NULL::BIGINT AS deleted)
    FROM {catalog}.main.batches SEMI JOIN written USING (batch_id)
)
FROM shown

-- name: shadow_of_vendors
-- Vendors of batches that they see, which comes after that of batches.
-- part: statement
-- reads: batches
CREATE TEMP VIEW vendors AS
WITH shown AS MATERIALIZED (
    SELECT v.vendor, v.priority, count(*) AS batch_count, max(b.committed_at) AS last_loaded_at
    FROM {catalog}.main.vendor AS v
    JOIN batches AS b USING (vendor)
    GROUP BY v.vendor, v.priority
)
FROM shown

-- name: shadow_of_nothing
-- A view of which nothing can be told to be theirs.
-- part: statement
CREATE TEMP VIEW {view} AS SELECT * FROM {catalog}.main.{view} LIMIT 0

-- name: is_named
-- Whether something in DuckDB's catalog has a name, temporary views aside; in lower case.
-- gives: is_named
SELECT count(*) > 0 AS is_named
FROM (SELECT database_name, table_name AS name FROM duckdb_tables()
      UNION ALL SELECT database_name, view_name FROM duckdb_views())
WHERE lower(name) = $name AND database_name <> 'temp';

-- name: macros
-- The macros that a store has, in lower case.
-- gives: name
SELECT DISTINCT lower(function_name) AS name FROM duckdb_functions() WHERE NOT internal;
