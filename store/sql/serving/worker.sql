-- What a worker process does with a snapshot that it has opened.

-- name: lock_settings
-- From here on no setting of DuckDB can be changed, whatever a query asks for.
-- part: statement
SET GLOBAL lock_configuration = true

-- name: catalog
-- What DuckDB calls the file that is open.
-- gives: catalog
SELECT current_database() AS catalog;
