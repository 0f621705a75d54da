-- Values of declared columns in levels: exact sums, and what is first, last, least and greatest of those that there are.

-- name: values_known
-- Whether any bar there has values in declared columns.
-- gives: known
-- reads: bar_values
SELECT EXISTS (FROM bar_values WHERE bar_start >= $first_start::TIMESTAMPTZ AND bar_start <= $last_end::TIMESTAMPTZ) AS known;

-- name: bars_with_values
-- Bars with their values beside them.
-- part: bars
-- reads: bar, bar_values
(SELECT b.*, v.declared
 FROM bar AS b
 LEFT JOIN bar_values AS v ON v.interval_id = b.interval_id AND v.bar_start = b.bar_start AND v.batch_id = b.batch_id)

-- name: values_of_level
-- All of them, as one column.
-- part: expression
{{{fields}}}

-- name: sum_of_bars
-- The exact sum, null where any base bar has none.
-- part: field
'v{number}': CASE WHEN count(b.declared[{number}]) = count(*) THEN sum(b.declared[{number}]::DECIMAL(38, 9)) END

-- name: sum_of_level
-- The same of shorter buckets.
-- part: field
'v{number}': CASE WHEN count(l.declared.v{number}) = count(*) THEN sum(l.declared.v{number}) END

-- name: mean_of_bars
-- The exact sum of those that there are, and how many.
-- part: field
'v{number}': sum(b.declared[{number}]::DECIMAL(38, 9)), 'n{number}': count(b.declared[{number}])

-- name: mean_of_level
-- The same of shorter buckets.
-- part: field
'v{number}': sum(l.declared.v{number}), 'n{number}': sum(l.declared.n{number})::BIGINT

-- name: min_of_bars
-- The least.
-- part: field
'v{number}': min(b.declared[{number}])

-- name: min_of_level
-- The least of shorter buckets.
-- part: field
'v{number}': min(l.declared.v{number})

-- name: max_of_bars
-- The greatest.
-- part: field
'v{number}': max(b.declared[{number}])

-- name: max_of_level
-- The greatest of shorter buckets.
-- part: field
'v{number}': max(l.declared.v{number})

-- name: first_of_bars
-- The first that there is.
-- part: field
'v{number}': arg_min(b.declared[{number}], b.bar_start)

-- name: first_of_level
-- The first of shorter buckets.
-- part: field
'v{number}': arg_min(l.declared.v{number}, l.key)

-- name: last_of_bars
-- The last that there is.
-- part: field
'v{number}': arg_max(b.declared[{number}], b.bar_start)

-- name: last_of_level
-- The last of shorter buckets.
-- part: field
'v{number}': arg_max(l.declared.v{number}, l.key)

-- name: finished_value
-- A value as bars have it.
-- part: expression
declared.v{number}::DOUBLE

-- name: finished_mean
-- A mean, rounded after the exact sum.
-- part: expression
declared.v{number}::DOUBLE / nullif(declared.n{number}, 0)

-- name: finished_none
-- The place of a column that there is no more.
-- part: expression
NULL::DOUBLE

-- name: finished_level
-- A level with the values of its bars, each in its place.
-- part: level
-- takes: level
(SELECT * REPLACE ([{values}] AS declared) FROM {level})
