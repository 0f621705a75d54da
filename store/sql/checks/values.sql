-- Values of declared columns: those of derived bars against the base bars inside, found by where these lie in time, and each set
-- against the bar that it is of.

-- name: any_values
-- Whether any bar, or old value of one, has values.
-- gives: any_values
-- reads: bar_values
SELECT EXISTS (FROM bar_values) AS any_values;

-- name: underived_values
-- Derived bars whose values are not what those of their base bars come to. Left out are final bars and those that wait
-- to be derived again.
-- gives: interval_id, at, stored, expected
-- takes: checked_intervals
-- reads: bar, bar_values, invalidation
WITH derived_ AS (
    SELECT d.interval_id, d.base_id, b.bar_start, later(b.bar_start, b.span_seconds) AS bar_end, v.declared AS stored
    FROM {checked_intervals} AS d
    JOIN bar AS b ON b.interval_id = d.interval_id
    LEFT JOIN bar_values AS v
           ON v.interval_id = b.interval_id AND v.bar_start = b.bar_start AND v.batch_id = b.batch_id
    WHERE d.derived AND {within_bars} AND b.bar_start >= coalesce(d.final_before, beginning())
      AND NOT EXISTS (SELECT 1 FROM invalidation AS i
                      WHERE i.interval_id = d.base_id AND i.range_end > b.bar_start
                        AND i.range_start < later(b.bar_start, b.span_seconds + d.closing_seconds))
),
base_ AS (
    SELECT b.interval_id AS base_id, b.bar_start AS part_start, effective_start(b.bar_start, b.expected_count) AS counts_at,
           v.declared
    FROM bar AS b
    LEFT JOIN bar_values AS v
           ON v.interval_id = b.interval_id AND v.bar_start = b.bar_start AND v.batch_id = b.batch_id
    WHERE b.session_date IS NOT NULL AND b.interval_id IN (SELECT base_id FROM derived_)
),
inside AS (
    SELECT t.interval_id, t.bar_start, t.stored, p.part_start, p.declared
    FROM (SELECT b.*, d.interval_id FROM base_ AS b JOIN (SELECT DISTINCT interval_id, base_id FROM derived_) AS d USING (base_id)) AS p
    ASOF JOIN derived_ AS t ON t.interval_id = p.interval_id AND p.counts_at >= t.bar_start
    WHERE p.counts_at < t.bar_end
),
compared AS (
    SELECT interval_id, bar_start, [{stored}] AS stored, [{expected}] AS expected FROM inside
    GROUP BY interval_id, bar_start
)
SELECT interval_id, bar_start AS at, stored::VARCHAR AS stored, expected::VARCHAR AS expected
FROM compared WHERE stored IS DISTINCT FROM expected

-- name: stored_value
-- What is kept.
-- part: expression
any_value(stored)[{number}]

-- name: expected_sum
-- The exact sum, null where a base bar has none.
-- part: expression
CASE WHEN bool_and(declared[{number}] IS NOT NULL) THEN sum(declared[{number}]::DECIMAL(38, 9))::DOUBLE END

-- name: expected_mean
-- The mean of those that have one.
-- part: expression
sum(declared[{number}]::DECIMAL(38, 9))::DOUBLE / nullif(len(list(declared[{number}]) FILTER (declared[{number}] IS NOT NULL)), 0)

-- name: expected_min
-- The least.
-- part: expression
list_min(list(declared[{number}]))

-- name: expected_max
-- The greatest.
-- part: expression
list_max(list(declared[{number}]))

-- name: expected_first
-- The first that there is.
-- part: expression
(list(declared[{number}] ORDER BY part_start) FILTER (declared[{number}] IS NOT NULL))[1]

-- name: expected_last
-- The last that there is.
-- part: expression
(list(declared[{number}] ORDER BY part_start DESC) FILTER (declared[{number}] IS NOT NULL))[1]

-- name: impossible_values
-- Values that are no numbers, and lists that end without a value or have one where no column is.
-- gives: interval_id, at, stored, expected
-- takes: checked_intervals
-- reads: bar_values, declared_column
SELECT v.interval_id, v.bar_start AS at, v.declared::VARCHAR AS stored, 'finite values of declared columns' AS expected
FROM bar_values AS v, (SELECT list(number) AS numbers FROM declared_column) AS c
WHERE ($whole OR v.interval_id IN (SELECT interval_id FROM {checked_intervals}))
  AND (len(v.declared) = 0 OR v.declared[-1] IS NULL
   OR NOT list_bool_and(list_transform(v.declared, lambda x: x IS NULL OR isfinite(x)))
   OR len(list_filter(v.declared, lambda x, i: x IS NOT NULL AND NOT list_contains(c.numbers, i))) > 0)

-- name: unfounded_values
-- Values that belong to no bar and no revision, and those that are there more than once.
-- gives: interval_id, at, stored, expected
-- takes: checked_intervals
-- reads: bar_values, bar, bar_revision
SELECT v.interval_id, v.bar_start AS at, count(*) || ' sets of values of batch ' || v.batch_id AS stored,
       CASE WHEN any_value(o.interval_id) IS NULL THEN 'a bar or revision of that batch' ELSE 'one' END AS expected
FROM bar_values AS v
LEFT JOIN (SELECT interval_id, bar_start, batch_id FROM bar
           UNION SELECT interval_id, bar_start, batch_id FROM bar_revision) AS o
       ON o.interval_id = v.interval_id AND o.bar_start = v.bar_start AND o.batch_id = v.batch_id
WHERE $whole OR v.interval_id IN (SELECT interval_id FROM {checked_intervals})
GROUP BY v.interval_id, v.bar_start, v.batch_id
HAVING count(*) > 1 OR any_value(o.interval_id) IS NULL
