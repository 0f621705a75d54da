-- What is registered already, and what a source has of it.

-- name: registered_bases
-- How the symbols named are registered: base interval, calendar, closing bar.
-- gives: symbol, interval, calendar, closing_bar
-- reads: definition, symbol
SELECT d.symbol, d.interval, d.calendar, s.closing_bar
FROM definition AS d
JOIN symbol AS s USING (symbol_id)
WHERE NOT d.derived AND list_contains($symbols::VARCHAR[], d.symbol);

-- name: symbols_with_bars_in
-- Which of the symbols named have a base bar in a session of the range of dates.
-- gives: symbol
-- reads: bar, definition
SELECT DISTINCT d.symbol
FROM definition AS d
SEMI JOIN (SELECT interval_id FROM bar
           WHERE ($start::DATE IS NULL OR session_date >= $start::DATE)
             AND ($end::DATE IS NULL OR session_date < $end::DATE) AND session_date IS NOT NULL) AS b
       ON b.interval_id = d.interval_id
WHERE NOT d.derived AND list_contains($symbols::VARCHAR[], d.symbol);

-- name: symbols_in_source
-- The symbols a source has rows of between two instants, as it spells them; rows as they were read. The stamps of
-- a zone whose clock shows an hour twice may be an hour off here.
-- gives: symbol_given
-- takes: parsed_rows
SELECT DISTINCT symbol_given
FROM (SELECT symbol_given, later(coalesce(instant_given, timezone($timezone, local - to_seconds($clock_seconds))), -$shift_seconds) AS bar_start
      FROM {parsed_rows})
WHERE ($from::TIMESTAMPTZ IS NULL OR bar_start >= $from::TIMESTAMPTZ)
  AND ($through::TIMESTAMPTZ IS NULL OR bar_start < $through::TIMESTAMPTZ);

-- name: session_bounds
-- From the open of the first session to the close of the last one, of a range of dates.
-- gives: first_open, last_close
-- reads: trading_session
SELECT min(segment_open) FILTER (WHERE $start::DATE IS NOT NULL) AS first_open,
       max(segment_close) FILTER (WHERE $end::DATE IS NOT NULL) AS last_close
FROM trading_session
WHERE calendar = $calendar AND replaced_by IS NULL
  AND ($start::DATE IS NULL OR session_date >= $start::DATE) AND ($end::DATE IS NULL OR session_date < $end::DATE);
