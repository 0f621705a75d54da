-- What views show of declared columns.

-- name: columns_shown
-- The columns that views show, in the order in which they were declared.
-- gives: number, name, aggregate
-- reads: declared_column
SELECT number, name, aggregate FROM declared_column ORDER BY declared_at, number;

-- name: value_shown
-- A column.
-- part: columns
v.declared[{number}] AS {name}

-- name: values_listed
-- The values of all columns.
-- part: columns
, v.declared

-- name: values_beside
-- The values of bars that are called so.
-- part: join
-- reads: bar_values
LEFT JOIN bar_values AS v
       ON v.interval_id = {bars}.interval_id AND v.bar_start = {bars}.bar_start AND v.batch_id = {bars}.batch_id

-- name: formed_sum
-- The exact sum, rounded once; null where a base bar has none.
-- part: columns
CASE WHEN count(declared[{number}]) = count(*) THEN sum(declared[{number}]::DECIMAL(38, 9))::DOUBLE END AS {name}

-- name: formed_mean
-- The mean of those that have one.
-- part: columns
sum(declared[{number}]::DECIMAL(38, 9))::DOUBLE / nullif(count(declared[{number}]), 0) AS {name}

-- name: formed_min
-- The least.
-- part: columns
min(declared[{number}]) AS {name}

-- name: formed_max
-- The greatest.
-- part: columns
max(declared[{number}]) AS {name}

-- name: formed_first
-- The first that there is.
-- part: columns
arg_min(declared[{number}], bar_start) AS {name}

-- name: formed_last
-- The last that there is.
-- part: columns
arg_max(declared[{number}], bar_start) AS {name}
