-- Values of declared columns: as a source gives them, and as they are kept.

-- name: values_given
-- The values of a row, each in its place.
-- part: expression
[{values}]

-- name: value_given
-- One of them.
-- part: expression
{list}[{number}]

-- name: value_of_some
-- One that only some symbols have.
-- part: expression
CASE WHEN m.interval_id IN ({intervals}) THEN {value} END

-- name: rows_as_they_are
-- Rows without any.
-- part: columns
r.*

-- name: rows_with_values
-- Rows with those that are kept; one that cannot be is what is wrong with its row.
-- part: columns
r.* REPLACE ([{values}] AS declared, coalesce(r.misread, CASE {misread} END) AS misread)

-- name: value_infinite
-- A value that is no number.
-- part: expression
WHEN NOT isfinite({value}) THEN {reason}

-- name: value_too_large
-- A value of which sums overflow.
-- part: expression
WHEN abs({value}) >= {limit} THEN {reason}

-- name: value_too_small
-- A value that nine decimals do not hold.
-- part: expression
WHEN {value} <> 0 AND abs({value}) < 1e-6
 AND abs(TRY_CAST({value} AS DECIMAL(38, 9))::DOUBLE - {value}) > abs({value}) / 1000 THEN {reason}
