-- Inspection: a few rows of a source, as it gives them.

-- name: first_rows
-- The first rows of a source, each as one value.
-- gives: row
-- takes: rows: any
SELECT r AS row FROM (SELECT * FROM {rows} LIMIT {count}) AS r;

-- name: count_naive
-- How many stamps carry no zone.
-- gives: naive_count
-- takes: parsed_rows
SELECT count(*) FILTER (WHERE instant_given IS NULL AND local IS NOT NULL) AS naive_count FROM {parsed_rows};
