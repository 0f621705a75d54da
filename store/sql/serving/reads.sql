-- What is read of a snapshot for those who ask without SQL. $symbols names the only ones to tell of, or is null.

-- name: bars
-- Bars of several symbols, each within a range of its own; $first and $last are where these begin and end together.
-- gives: *
-- reads: bars, bars_live
WITH asked AS (
    SELECT unnest($symbols::VARCHAR[]) AS symbol, unnest($starts::TIMESTAMPTZ[]) AS start_at,
           unnest($ends::TIMESTAMPTZ[]) AS end_at
)
SELECT b.*
FROM {source} AS b
JOIN asked AS a ON a.symbol = b.symbol AND b.bar_start >= a.start_at AND b.bar_start < a.end_at
WHERE list_contains($symbols::VARCHAR[], b.symbol) AND b.interval = $interval
  AND b.bar_start >= $first::TIMESTAMPTZ AND b.bar_start < $last::TIMESTAMPTZ
ORDER BY b.symbol, b.bar_start;

-- name: bar_counts
-- How many bars of each interval of a symbol start in a range.
-- gives: interval, bar_count
-- reads: bars
SELECT interval, count(*) AS bar_count
FROM bars
WHERE symbol = $symbol
  AND bar_start >= coalesce($start::TIMESTAMPTZ, '-infinity'::TIMESTAMPTZ)
  AND bar_start < coalesce($end::TIMESTAMPTZ, 'infinity'::TIMESTAMPTZ)
GROUP BY interval;

-- name: symbols
-- Each symbol by its base interval, whose quality is the symbol's: of longer ones hardly any bar is whole.
-- gives: symbol, calendar, timezone, base, intervals, first_bar, last_bar, bar_count, complete_through, quality_pct, gap_count, waiting_count
-- reads: intervals, definition, calendar_timezone
SELECT b.symbol, b.calendar, coalesce(z.timezone, 'UTC') AS timezone, b.interval AS base, n.intervals, b.first_bar,
       b.last_bar, n.bar_count, b.complete_through, b.quality_pct, b.gap_count, n.waiting_count
FROM intervals AS b
JOIN (SELECT v.symbol, list(v.interval ORDER BY v.derived, nominal_seconds(d.unit, d.length), d.unit) AS intervals,
             sum(v.bar_count)::BIGINT AS bar_count,
             count(*) FILTER (v.needs_processing) AS waiting_count
      FROM intervals AS v
      JOIN definition AS d USING (symbol, interval)
      GROUP BY v.symbol) AS n USING (symbol)
LEFT JOIN calendar_timezone AS z ON z.calendar = b.calendar
WHERE NOT b.derived AND ($symbols IS NULL OR list_contains($symbols::VARCHAR[], b.symbol))
ORDER BY b.symbol;

-- name: gaps
-- The view gaps, of some symbols, an interval and a range: of each symbol and interval the newest $last, or all. Bounds
-- are dates of sessions, or instants.
-- gives: *
-- reads: definition, gaps
SELECT g.*
FROM gaps AS g
JOIN definition AS d USING (symbol, interval)
WHERE ($symbols IS NULL OR list_contains($symbols::VARCHAR[], g.symbol))
  AND ($interval IS NULL OR g.interval = $interval)
  AND ($first_date::DATE IS NULL OR g.session_date >= $first_date::DATE)
  AND ($end_date::DATE IS NULL OR g.session_date < $end_date::DATE)
  AND ($start::TIMESTAMPTZ IS NULL OR g.gap_start >= $start::TIMESTAMPTZ)
  AND ($end::TIMESTAMPTZ IS NULL OR g.gap_start < $end::TIMESTAMPTZ)
QUALIFY $last::BIGINT IS NULL
     OR row_number() OVER (PARTITION BY g.symbol, g.interval ORDER BY g.gap_start DESC) <= $last::BIGINT
ORDER BY g.symbol, nominal_seconds(d.unit, d.length), d.unit, g.gap_start;

-- name: coverage
-- The view coverage, of some symbols, an interval and sessions.
-- gives: *
-- reads: definition, coverage
SELECT c.*
FROM coverage AS c
JOIN definition AS d USING (symbol, interval)
WHERE ($symbols IS NULL OR list_contains($symbols::VARCHAR[], c.symbol))
  AND ($interval IS NULL OR c.interval = $interval)
  AND ($first_date::DATE IS NULL OR c.session_date >= $first_date::DATE)
  AND ($end_date::DATE IS NULL OR c.session_date < $end_date::DATE)
ORDER BY c.symbol, nominal_seconds(d.unit, d.length), d.unit, c.session_date;

-- name: revisions
-- The view revisions, of some symbols, an interval and a range. Bounds are dates of sessions, or instants of bars.
-- gives: *
-- reads: revisions
SELECT r.*
FROM revisions AS r
WHERE ($symbols IS NULL OR list_contains($symbols::VARCHAR[], r.symbol))
  AND ($interval IS NULL OR r.interval = $interval)
  AND ($first_date::DATE IS NULL OR r.session_date >= $first_date::DATE)
  AND ($end_date::DATE IS NULL OR r.session_date < $end_date::DATE)
  AND ($start::TIMESTAMPTZ IS NULL OR r.bar_start >= $start::TIMESTAMPTZ)
  AND ($end::TIMESTAMPTZ IS NULL OR r.bar_start < $end::TIMESTAMPTZ)
ORDER BY r.symbol, r.interval, r.bar_start, r.replaced_by DESC;

-- name: batches
-- The newest rows of the view batches.
-- gives: *
-- reads: batches
SELECT * FROM batches ORDER BY batch_id DESC LIMIT $limit;

-- name: runs
-- The newest rows of the view runs.
-- gives: *
-- reads: runs
SELECT * FROM runs ORDER BY run_id DESC LIMIT $limit;

-- name: rejected
-- The rows of the view rejected that came last.
-- gives: *
-- reads: rejected
SELECT * FROM rejected ORDER BY batch_id DESC, file_row LIMIT $limit;
