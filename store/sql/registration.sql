-- Symbols and their intervals: registering, asking, removing.

-- name: conflicts
-- What an earlier registration forbids: one row per symbol and reason. registering holds one row per interval.
SELECT DISTINCT r.symbol, 'base' AS what, d.interval AS has, r.base_interval AS wants
FROM registering AS r
JOIN symbol AS s ON s.symbol = r.symbol AND s.removed_at IS NULL
JOIN interval_definition AS d ON d.symbol_id = s.symbol_id AND NOT d.derived AND d.interval <> r.base_interval
UNION
SELECT DISTINCT r.symbol, 'calendar', s.calendar, r.calendar
FROM registering AS r
JOIN symbol AS s ON s.symbol = r.symbol AND s.removed_at IS NULL AND s.calendar <> r.calendar
UNION
SELECT DISTINCT r.symbol, 'closing_bar', s.closing_bar, r.closing_bar
FROM registering AS r
JOIN symbol AS s ON s.symbol = r.symbol AND s.removed_at IS NULL AND s.closing_bar <> r.closing_bar
ORDER BY 1, 2;

-- name: symbols_with_bars
-- Which of the registering symbols hold bars already.
SELECT DISTINCT r.symbol
FROM registering AS r
JOIN symbol AS s ON s.symbol = r.symbol AND s.removed_at IS NULL
JOIN interval_definition AS d ON d.symbol_id = s.symbol_id AND NOT d.derived
WHERE d.complete_through IS NOT NULL;

-- name: change_symbols
-- Another calendar or closing bar for symbols that have no bars yet.
UPDATE symbol SET calendar = r.calendar, closing_bar = r.closing_bar
FROM (SELECT DISTINCT symbol, calendar, closing_bar FROM registering) AS r
WHERE symbol.symbol = r.symbol AND symbol.removed_at IS NULL
  AND (symbol.calendar <> r.calendar OR symbol.closing_bar <> r.closing_bar);

-- name: add_symbols
-- The symbols that are new; ids are never reused, for removed symbols keep their rows.
INSERT INTO symbol (symbol_id, symbol, calendar, closing_bar, added_by, registered_at, removed_at)
SELECT (SELECT coalesce(max(symbol_id), 0) FROM symbol) + row_number() OVER (ORDER BY position), symbol,
       calendar, closing_bar, added_by, $now, NULL
FROM (SELECT symbol, calendar, closing_bar, added_by, min(position) AS position FROM registering GROUP BY ALL) AS r
WHERE NOT EXISTS (SELECT 1 FROM symbol AS s WHERE s.symbol = r.symbol AND s.removed_at IS NULL);

-- name: new_intervals
-- What the registration adds.
SELECT r.symbol, r.interval
FROM registering AS r
WHERE NOT EXISTS (SELECT 1 FROM definition AS d WHERE d.symbol = r.symbol AND d.interval = r.interval);

-- name: add_intervals
-- The intervals that are new. Bars lie in the order of these numbers: those of one length together, so that whoever asks
-- for one interval, of one symbol or of all, need not read the row groups of the others.
INSERT INTO interval_definition (interval_id, symbol_id, interval, unit, length, derived, base)
SELECT (SELECT coalesce(max(interval_id), 0) FROM interval_definition) + row_number() OVER (
           ORDER BY r.derived, nominal_seconds(r.unit, r.length), r.unit, r.position
       ),
       s.symbol_id, r.interval, r.unit, r.length, r.derived, CASE WHEN r.derived THEN r.base_interval END
FROM registering AS r
JOIN symbol AS s ON s.symbol = r.symbol AND s.removed_at IS NULL
WHERE NOT EXISTS (SELECT 1 FROM interval_definition AS d
                  WHERE d.symbol_id = s.symbol_id AND d.interval = r.interval);

-- name: active_symbols
-- The symbols that are registered now.
SELECT symbol FROM symbol WHERE removed_at IS NULL ORDER BY symbol;

-- name: intervals_of
-- The intervals of the symbols named, or of every active symbol when none is; finest first.
SELECT d.symbol, d.interval, d.derived, d.base, d.calendar
FROM definition AS d
WHERE $symbols IS NULL OR list_contains($symbols::VARCHAR[], d.symbol)
ORDER BY d.symbol, d.derived,
         nominal_seconds(d.unit, d.length),
         d.unit;

-- name: bases
-- How the symbols named are registered: base interval, calendar, closing bar.
SELECT d.symbol, d.interval, d.calendar, s.closing_bar
FROM definition AS d
JOIN symbol AS s USING (symbol_id)
WHERE NOT d.derived AND list_contains($symbols::VARCHAR[], d.symbol);

-- name: held
-- Which of the symbols named have a base bar in a session of the range of dates.
SELECT DISTINCT d.symbol
FROM definition AS d
SEMI JOIN (SELECT interval_id FROM bar
           WHERE ($start::DATE IS NULL OR session_date >= $start::DATE)
             AND ($end::DATE IS NULL OR session_date < $end::DATE) AND session_date IS NOT NULL) AS b
       ON b.interval_id = d.interval_id
WHERE NOT d.derived AND list_contains($symbols::VARCHAR[], d.symbol);

-- name: held_by_source
-- The symbols a source has rows of between two instants, as it spells them; rows as they were read. The stamps of
-- a zone whose clock shows an hour twice may be an hour off here.
SELECT DISTINCT symbol_given
FROM (SELECT symbol_given, later(coalesce(instant_given, timezone($timezone, local)), -$shift_seconds) AS bar_start
      FROM raw)
WHERE ($from::TIMESTAMPTZ IS NULL OR bar_start >= $from::TIMESTAMPTZ)
  AND ($through::TIMESTAMPTZ IS NULL OR bar_start < $through::TIMESTAMPTZ);

-- name: session_bounds
-- From the open of the first session to the close of the last one, of a range of dates.
SELECT min(segment_open) FILTER (WHERE $start::DATE IS NOT NULL),
       max(segment_close) FILTER (WHERE $end::DATE IS NOT NULL)
FROM trading_session
WHERE calendar = $calendar AND replaced_by IS NULL
  AND ($start::DATE IS NULL OR session_date >= $start::DATE) AND ($end::DATE IS NULL OR session_date < $end::DATE);

-- name: intervals_view
-- The view intervals, in the order people read.
SELECT v.*
FROM intervals AS v
JOIN definition AS d USING (symbol, interval)
WHERE $symbols IS NULL OR list_contains($symbols::VARCHAR[], v.symbol)
ORDER BY v.symbol, v.derived,
         nominal_seconds(d.unit, d.length),
         d.unit;

-- name: gaps_view
-- The view gaps, of one symbol, interval and stretch of sessions, or of all.
SELECT g.*
FROM gaps AS g
JOIN definition AS d USING (symbol, interval)
WHERE ($symbol IS NULL OR g.symbol = $symbol) AND ($interval IS NULL OR g.interval = $interval)
  AND ($start::DATE IS NULL OR g.session_date >= $start::DATE) AND ($end::DATE IS NULL OR g.session_date < $end::DATE)
ORDER BY g.symbol, nominal_seconds(d.unit, d.length), g.gap_start;

-- name: symbol_row
-- One active symbol.
SELECT symbol_id, symbol, calendar, closing_bar, added_by FROM symbol WHERE symbol = $symbol AND removed_at IS NULL;

-- name: symbol_intervals
-- The intervals of one active symbol, with their state.
SELECT interval, derived, base, quality_pct, needs_processing FROM intervals WHERE symbol = $symbol;

-- name: symbol_gaps
-- The gaps of one active symbol, oldest first.
SELECT interval, session_date, gap_start, gap_end, missing_count FROM gaps WHERE symbol = $symbol ORDER BY gap_start;

-- name: remove
-- Strike a symbol off; its row and its definitions stay, for history is told by them.
UPDATE symbol SET removed_at = greatest($now, (SELECT coalesce(later(max(s.removed_at), 1), $now)
                                               FROM symbol AS s WHERE s.symbol = symbol.symbol))
WHERE symbol_id = $symbol_id;

-- name: leaving
-- The intervals a symbol has.
CREATE OR REPLACE TEMP TABLE leaving AS SELECT interval_id FROM interval_definition WHERE symbol_id = $symbol_id;

-- name: count_leaving
-- How many bars those hold.
SELECT count(*) FROM bar WHERE interval_id IN (FROM leaving);

-- name: remove_bars
-- Every bar of the symbol becomes history.
INSERT INTO bar_revision SELECT *, $batch_id FROM bar WHERE interval_id IN (FROM leaving) ORDER BY interval_id, bar_start;

-- name: forget
-- What the store keeps per interval and no longer needs for a symbol that left.
DELETE FROM {table} WHERE interval_id IN (FROM leaving);

-- name: forget_account
-- And what it came to; no bucket of it will close.
UPDATE interval_definition SET first_session = NULL, expected_count = NULL, present_count = NULL, quality_pct = NULL,
                               next_close = make_timestamptz(253402214400000000)  -- 9999-12-31
WHERE interval_id IN (FROM leaving);
