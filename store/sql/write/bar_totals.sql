-- How many bars each interval has, and its first and last, kept up as bars are written, so that nobody counts them all.

-- name: add_bar_totals
-- Bars were added.
-- writes: interval_definition
-- takes: bar_counts: any
UPDATE interval_definition AS d
SET bar_count = coalesce(d.bar_count, 0) + n.bar_count, first_bar = least(d.first_bar, n.first_bar),
    last_bar = greatest(d.last_bar, n.last_bar)
FROM (SELECT interval_id, sum(bar_count)::BIGINT AS bar_count, min(first_start) AS first_bar, max(last_start) AS last_bar
      FROM {bar_counts} GROUP BY interval_id) AS n
WHERE d.interval_id = n.interval_id;

-- name: change_bar_totals
-- Bars were added and went.
-- writes: interval_definition
-- takes: bar_changes
UPDATE interval_definition AS d
SET bar_count = nullif(coalesce(d.bar_count, 0) + n.more, 0), first_bar = least(d.first_bar, n.first_bar),
    last_bar = greatest(d.last_bar, n.last_bar)
FROM (SELECT interval_id, count(*) FILTER (WHERE action = 'insert') - count(*) FILTER (WHERE action = 'delete') AS more,
             min(bar_start) FILTER (WHERE action = 'insert') AS first_bar,
             max(bar_start) FILTER (WHERE action = 'insert') AS last_bar
      FROM {bar_changes} WHERE action <> 'revise' GROUP BY interval_id) AS n
WHERE d.interval_id = n.interval_id;

-- name: lost_edges
-- The intervals whose first or last bar went.
-- makes: recounted_intervals(interval_id)
-- takes: bar_changes
-- reads: interval_definition
CREATE OR REPLACE TEMP TABLE {recounted_intervals} AS
SELECT DISTINCT c.interval_id
FROM {bar_changes} AS c JOIN interval_definition AS d USING (interval_id)
WHERE c.action = 'delete' AND c.bar_start IN (d.first_bar, d.last_bar);

-- name: recount_bars
-- All bars of some intervals, counted.
-- writes: interval_definition
-- takes: recounted_intervals: any
-- reads: bar
UPDATE interval_definition AS d SET bar_count = b.bar_count, first_bar = b.first_bar, last_bar = b.last_bar
FROM (SELECT r.interval_id, nullif(count(b.bar_start), 0) AS bar_count, min(b.bar_start) AS first_bar,
             max(b.bar_start) AS last_bar
      FROM (SELECT DISTINCT interval_id FROM {recounted_intervals}) AS r
      LEFT JOIN bar AS b USING (interval_id)
      GROUP BY r.interval_id) AS b
WHERE d.interval_id = b.interval_id;
