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

-- name: calendar_then
-- The calendar that a symbol of a name had at an instant, and the newest batch by then; no row where there never was one.
-- gives: calendar, batch_id
-- reads: symbol, symbol_calendar, batch
WITH then_ AS (
    SELECT coalesce(max(batch_id), 0) AS batch_id FROM batch WHERE committed_at <= $as_of::TIMESTAMPTZ
)
SELECT coalesce((SELECT arg_min(c.calendar, c.replaced_by) FROM symbol_calendar AS c
                 WHERE c.symbol_id = s.symbol_id AND c.replaced_by > then_.batch_id), s.calendar) AS calendar,
       then_.batch_id
FROM symbol AS s, then_
WHERE s.symbol = $symbol
ORDER BY s.registered_at <= $as_of::TIMESTAMPTZ DESC, s.symbol_id DESC
LIMIT 1;

-- name: bars_in_range
-- The bars of one symbol and interval that start in a range.
-- gives: *
-- reads: bars, bars_live, bars_as_of
SELECT * FROM {source}
WHERE symbol = $symbol AND interval = $interval
  AND bar_start >= coalesce($start::TIMESTAMPTZ, '-infinity'::TIMESTAMPTZ)
  AND bar_start < coalesce($end::TIMESTAMPTZ, 'infinity'::TIMESTAMPTZ)
ORDER BY bar_start;
