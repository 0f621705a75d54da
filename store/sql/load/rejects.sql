-- Rejects: rows left out, with the reason, as they were given.

-- name: rejected_rows
-- Every row left out, with its reason; an empty one of rows that say nothing of a bar.
-- makes: rejected_rows(file_row, reason)
-- takes: judged_rows: any
CREATE OR REPLACE TEMP TABLE {rejected_rows} AS
{contradicted_rows}
SELECT file_row, reason FROM {judged_rows} WHERE reason IS NOT NULL;

-- name: count_rejected
-- How many rows that is, and how many beside them say nothing of a bar.
-- gives: rejected_count, empty_count
-- takes: rejected_rows
SELECT count(*) FILTER (WHERE reason <> '') AS rejected_count, count(*) FILTER (WHERE reason = '') AS empty_count
FROM {rejected_rows};

-- name: contradicted_rows
-- Rows that a later row contradicts.
-- part: rejected_rows(file_row, reason)
-- takes: repeated_rows
SELECT file_row, 'a later row of the source has other values for this bar' AS reason FROM {repeated_rows} WHERE NOT same
UNION ALL

-- name: quote_rejects
-- The rows left out as they were given: read from the source again, for few need it.
-- makes: quoted_rejects(file_row, given, reason)
-- takes: rejected_rows, rows: any
CREATE OR REPLACE TEMP TABLE {quoted_rejects} AS
{malformed_quoted}
SELECT f.file_row, g.given, f.reason
FROM {rejected_rows} AS f
JOIN (SELECT row_number() OVER () AS file_row, to_json(r)::VARCHAR AS given FROM {rows} AS r) AS g USING (file_row)
WHERE f.reason <> '';

-- name: malformed_quoted
-- Lines of a text file that are no rows: too few or too many fields.
-- part: quoted_rejects(file_row, given, reason)
-- takes: malformed_lines
SELECT NULL AS file_row, csv_line AS given, 'line ' || line || ' is no row: ' || any_value(error_message) AS reason
FROM {malformed_lines} GROUP BY scan_id, file_id, line, csv_line
UNION ALL

-- name: count_malformed
-- How many lines of a text file are no rows.
-- gives: malformed_count
-- takes: malformed_lines
SELECT count(DISTINCT (scan_id, file_id, line)) AS malformed_count FROM {malformed_lines};

-- name: rejects_by_reason
-- The rows left out, counted by reason, each with the first row as given.
-- gives: reason, row_count, first_row, first_given
-- takes: quoted_rejects
SELECT reason, count(*) AS row_count, min(file_row) AS first_row,
       arg_min(given, coalesce(file_row, 0)) AS first_given
FROM {quoted_rejects} GROUP BY reason ORDER BY row_count DESC, reason;

-- name: rejected_for
-- The first rows left out for a reason, as they were given.
-- gives: file_row, given
-- takes: quoted_rejects
SELECT file_row, given FROM {quoted_rejects} WHERE reason = $reason ORDER BY file_row LIMIT $row_count;

-- name: days_and_months
-- How many stamps can be read only as they are said to be written, and how many only with day and month exchanged.
-- gives: said_count, exchanged_count
-- takes: rows: any
SELECT count(*) FILTER (WHERE {said} IS NOT NULL AND {exchanged} IS NULL) AS said_count,
       count(*) FILTER (WHERE {said} IS NULL AND {exchanged} IS NOT NULL) AS exchanged_count
FROM {rows};

-- name: keep_rejects
-- The rows left out become part of the store.
-- writes: rejected_bar
-- takes: quoted_rejects
INSERT INTO rejected_bar (batch_id, file_row, given, reason)
SELECT $batch_id, file_row, given, reason FROM {quoted_rejects} ORDER BY file_row;
