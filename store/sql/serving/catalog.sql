-- What a snapshot has, for clients that list it. Patterns have % and _, as in LIKE; null for any.

-- name: catalogs
-- The snapshot's name.
-- gives: catalog_name
SELECT current_database() AS catalog_name;

-- name: db_schemas
-- Its schema, where that is asked for.
-- gives: catalog_name, db_schema_name
SELECT current_database() AS catalog_name, 'main' AS db_schema_name
WHERE ($catalog::VARCHAR IS NULL OR $catalog = current_database())
  AND ($schema::VARCHAR IS NULL OR 'main' LIKE $schema ESCAPE '\');

-- name: tables
-- Those of some views that are asked for.
-- gives: catalog_name, db_schema_name, table_name, table_type
SELECT database_name AS catalog_name, schema_name AS db_schema_name, view_name AS table_name, 'VIEW' AS table_type
FROM duckdb_views()
WHERE database_name = current_database() AND schema_name = 'main' AND NOT internal
  AND list_contains($views::VARCHAR[], view_name)
  AND ($types::VARCHAR[] IS NULL OR list_contains($types::VARCHAR[], 'VIEW'))
  AND ($catalog::VARCHAR IS NULL OR $catalog = database_name)
  AND ($schema::VARCHAR IS NULL OR schema_name LIKE $schema ESCAPE '\')
  AND ($table::VARCHAR IS NULL OR view_name LIKE $table ESCAPE '\')
ORDER BY table_name;

-- name: columns_of_view
-- A view without its rows.
-- gives: *
SELECT * FROM {view} LIMIT 0
