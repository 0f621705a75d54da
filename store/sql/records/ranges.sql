-- Dates as bounds of ranges of time, and the bars in one.

-- name: around_date
-- The zone of each calendar; when the last session of a date before closes, and the first of that date or later opens.
-- With pinned, of the sessions as they were after that batch.
-- gives: calendar, timezone, last_close, next_open
-- reads: trading_calendar, calendar_timezone, trading_session
SELECT c.calendar, z.timezone,
       max(t.segment_close) FILTER (t.session_date < $day::DATE) AS last_close,
       min(t.segment_open) FILTER (t.session_date >= $day::DATE) AS next_open
FROM trading_calendar AS c
LEFT JOIN calendar_timezone AS z USING (calendar)
LEFT JOIN trading_session AS t ON t.calendar = c.calendar AND t.batch_id <= $pinned
                              AND (t.replaced_by IS NULL OR t.replaced_by > $pinned)
WHERE list_contains($calendars::VARCHAR[], c.calendar)
GROUP BY c.calendar, z.timezone
ORDER BY c.calendar;

-- name: calendars_of_symbols
-- The calendars of the symbols named, or of every active symbol when none is.
-- gives: calendar
-- reads: symbol
SELECT DISTINCT calendar FROM symbol
WHERE removed_at IS NULL AND ($symbols IS NULL OR list_contains($symbols::VARCHAR[], symbol))
ORDER BY calendar;

-- name: calendars_then
-- The calendar that each symbol had at an instant, by its name of then, and the newest batch by then; no row where there
-- never was one of that name.
-- gives: symbol, calendar, batch_id
-- reads: symbol, symbol_calendar, batch, names_at
WITH then_ AS (
    SELECT coalesce(max(batch_id), 0) AS batch_id FROM batch WHERE committed_at <= $as_of::TIMESTAMPTZ
),
followed AS (
    SELECT c.symbol_id, arg_min(c.calendar, c.replaced_by) AS calendar
    FROM symbol_calendar AS c, then_
    WHERE c.replaced_by > then_.batch_id
    GROUP BY c.symbol_id
)
SELECT n.name AS symbol, coalesce(f.calendar, s.calendar) AS calendar, then_.batch_id
FROM names_at((SELECT batch_id FROM then_)) AS n
JOIN symbol AS s USING (symbol_id)
CROSS JOIN then_
LEFT JOIN followed AS f USING (symbol_id)
WHERE list_contains($symbols::VARCHAR[], n.name)
QUALIFY row_number() OVER (PARTITION BY n.name
                           ORDER BY s.registered_at <= $as_of::TIMESTAMPTZ DESC, s.symbol_id DESC) = 1;

-- name: no_bars
-- Not one bar, for the columns there are.
-- gives: *
-- reads: bars, bars_live, bars_as_of
SELECT * FROM {source} LIMIT 0;

-- name: bars_in_range
-- The bars of one symbol and interval that start in a range.
-- gives: *
-- reads: bars, bars_live, bars_as_of
SELECT {columns} FROM {source}
WHERE symbol = $symbol AND interval = $interval
  AND bar_start >= coalesce($start::TIMESTAMPTZ, '-infinity'::TIMESTAMPTZ)
  AND bar_start < coalesce($end::TIMESTAMPTZ, 'infinity'::TIMESTAMPTZ)
  {only}
ORDER BY bar_start;

-- name: newest_in_range
-- The newest of them, as many as are asked for, oldest first.
-- gives: *
-- reads: bars, bars_live, bars_as_of
SELECT {columns} FROM (
    SELECT * FROM {source}
    WHERE symbol = $symbol AND interval = $interval
      AND bar_start >= coalesce($start::TIMESTAMPTZ, '-infinity'::TIMESTAMPTZ)
      AND bar_start < coalesce($end::TIMESTAMPTZ, 'infinity'::TIMESTAMPTZ)
      {only}
    ORDER BY bar_start DESC LIMIT $last
)
ORDER BY bar_start;

-- name: bars_of_symbols
-- The bars of one interval of several symbols, each from start_at to end_at; none lies outside of first and end. Of
-- each symbol the newest, if a number is given.
-- gives: *
-- takes: symbol_spans
-- reads: bars, bars_live, bars_as_of
SELECT {columns} FROM (
    SELECT v.* FROM {source} AS v
    JOIN {symbol_spans} AS a ON a.symbol = v.symbol AND v.bar_start >= a.start_at AND v.bar_start < a.end_at
    WHERE v.interval = $interval AND v.bar_start >= $first::TIMESTAMPTZ AND v.bar_start < $end::TIMESTAMPTZ
    {only}
    {newest}
)
ORDER BY symbol, bar_start;

-- name: newest_of_each
-- As many bars of each symbol as are asked for, of those that start last.
-- part: condition
QUALIFY row_number() OVER (PARTITION BY v.symbol ORDER BY v.bar_start DESC) <= $last

-- name: complete_alone
-- Bars that have all of their base bars; none of those outside of sessions, of which nothing is expected.
-- part: condition
AND complete

-- name: coverage_in_order
-- The view coverage, of base intervals unless one is named: of each calendar the newest sessions, if a number is given.
-- gives: symbol, interval, calendar, session_date, expected_count, present_count, quality_pct
-- reads: coverage, definition
SELECT c.symbol, c.interval, d.calendar, c.session_date, c.expected_count, c.present_count, c.quality_pct
FROM coverage AS c
JOIN definition AS d USING (symbol, interval)
WHERE ($symbols IS NULL OR list_contains($symbols::VARCHAR[], c.symbol))
  AND CASE WHEN $interval IS NULL THEN NOT d.derived ELSE c.interval = $interval END
  AND c.session_date >= coalesce($start::DATE, '-infinity'::DATE)
  AND c.session_date < coalesce($end::DATE, 'infinity'::DATE)
QUALIFY $last IS NULL OR dense_rank() OVER (PARTITION BY d.calendar ORDER BY c.session_date DESC) <= $last
ORDER BY d.calendar, c.symbol, c.interval, c.session_date;
