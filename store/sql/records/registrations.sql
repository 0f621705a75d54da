-- Symbols and their intervals: registering them, and asking for them.

-- name: registration_conflicts
-- What an earlier registration forbids: one row per symbol and reason. registering holds one row per interval.
-- gives: symbol, what, has, wants
-- takes: registering
-- reads: interval_definition, symbol
SELECT DISTINCT r.symbol, 'base' AS what, d.interval AS has, r.base_interval AS wants
FROM {registering} AS r
JOIN symbol AS s ON s.symbol = r.symbol AND s.removed_at IS NULL
JOIN interval_definition AS d ON d.symbol_id = s.symbol_id AND NOT d.derived AND d.interval <> r.base_interval
UNION
SELECT DISTINCT r.symbol, 'calendar', s.calendar, r.calendar
FROM {registering} AS r
JOIN symbol AS s ON s.symbol = r.symbol AND s.removed_at IS NULL AND s.calendar <> r.calendar
UNION
SELECT DISTINCT r.symbol, 'closing_bar', s.closing_bar, r.closing_bar
FROM {registering} AS r
JOIN symbol AS s ON s.symbol = r.symbol AND s.removed_at IS NULL AND s.closing_bar <> r.closing_bar
ORDER BY 1, 2;

-- name: symbols_with_bars
-- Which of the registering symbols hold bars already.
-- gives: symbol
-- takes: registering
-- reads: interval_definition, symbol
SELECT DISTINCT r.symbol
FROM {registering} AS r
JOIN symbol AS s ON s.symbol = r.symbol AND s.removed_at IS NULL
JOIN interval_definition AS d ON d.symbol_id = s.symbol_id AND NOT d.derived
WHERE d.complete_through IS NOT NULL;

-- name: keep_calendars
-- Which calendars the symbols followed until now that will follow another: the past keeps them.
-- writes: symbol_calendar
-- takes: registering
-- reads: batch, symbol
INSERT INTO symbol_calendar (symbol_id, calendar, replaced_by)
SELECT DISTINCT s.symbol_id, s.calendar, (SELECT coalesce(max(batch_id), 0) FROM batch)
FROM {registering} AS r
JOIN symbol AS s ON s.symbol = r.symbol AND s.removed_at IS NULL AND s.calendar <> r.calendar
ORDER BY s.symbol_id;

-- name: change_symbols
-- Another calendar or closing bar for symbols that have no bars yet.
-- writes: symbol
-- takes: registering
UPDATE symbol SET calendar = r.calendar, closing_bar = r.closing_bar
FROM (SELECT DISTINCT symbol, calendar, closing_bar FROM {registering}) AS r
WHERE symbol.symbol = r.symbol AND symbol.removed_at IS NULL
  AND (symbol.calendar <> r.calendar OR symbol.closing_bar <> r.closing_bar);

-- name: add_symbols
-- The symbols that are new; ids are never reused, for removed symbols keep their rows.
-- writes: symbol
-- takes: registering
-- reads: symbol
INSERT INTO symbol (symbol_id, symbol, calendar, closing_bar, added_by, registered_at, removed_at)
SELECT (SELECT coalesce(max(symbol_id), 0) FROM symbol) + row_number() OVER (ORDER BY position), symbol,
       calendar, closing_bar, added_by, $now, NULL
FROM (SELECT symbol, calendar, closing_bar, added_by, min(position) AS position FROM {registering} GROUP BY ALL) AS r
WHERE NOT EXISTS (SELECT 1 FROM symbol AS s WHERE s.symbol = r.symbol AND s.removed_at IS NULL);

-- name: new_intervals
-- What the registration adds.
-- gives: symbol, interval
-- takes: registering
-- reads: definition
SELECT r.symbol, r.interval
FROM {registering} AS r
WHERE NOT EXISTS (SELECT 1 FROM definition AS d WHERE d.symbol = r.symbol AND d.interval = r.interval);

-- name: add_intervals
-- The intervals that are new. Bars lie in the order of these numbers: those of one length together, so that whoever asks
-- for one interval, of one symbol or of all, need not read the row groups of the others.
-- writes: interval_definition
-- takes: registering
-- reads: interval_definition, symbol
INSERT INTO interval_definition (interval_id, symbol_id, interval, unit, length, derived, base)
SELECT (SELECT coalesce(max(interval_id), 0) FROM interval_definition) + row_number() OVER (
           ORDER BY r.derived, nominal_seconds(r.unit, r.length), r.unit, r.position
       ),
       s.symbol_id, r.interval, r.unit, r.length, r.derived, CASE WHEN r.derived THEN r.base_interval END
FROM {registering} AS r
JOIN symbol AS s ON s.symbol = r.symbol AND s.removed_at IS NULL
WHERE NOT EXISTS (SELECT 1 FROM interval_definition AS d
                  WHERE d.symbol_id = s.symbol_id AND d.interval = r.interval);

-- name: active_symbols
-- The symbols that are registered now.
-- gives: symbol
-- reads: symbol
SELECT symbol FROM symbol WHERE removed_at IS NULL ORDER BY symbol;

-- name: intervals_of
-- The intervals of the symbols named, or of every active symbol when none is; finest first.
-- gives: symbol, interval, derived, base, calendar
-- reads: definition
SELECT d.symbol, d.interval, d.derived, d.base, d.calendar
FROM definition AS d
WHERE $symbols IS NULL OR list_contains($symbols::VARCHAR[], d.symbol)
ORDER BY d.symbol, d.derived,
         nominal_seconds(d.unit, d.length),
         d.unit;

-- name: intervals_in_order
-- The view intervals, in the order people read.
-- gives: *
-- reads: definition, intervals, symbol
SELECT v.*
FROM intervals AS v
JOIN definition AS d USING (symbol, interval)
WHERE $symbols IS NULL OR list_contains($symbols::VARCHAR[], v.symbol)
ORDER BY v.symbol, v.derived,
         nominal_seconds(d.unit, d.length),
         d.unit;

-- name: gaps_in_order
-- The view gaps, of one symbol, interval and range, or of all. Bounds are dates of sessions, or instants.
-- gives: *
-- reads: definition, gaps, symbol
SELECT g.*
FROM gaps AS g
JOIN definition AS d USING (symbol, interval)
WHERE ($symbol IS NULL OR g.symbol = $symbol) AND ($interval IS NULL OR g.interval = $interval)
  AND ($first_date::DATE IS NULL OR g.session_date >= $first_date::DATE)
  AND ($end_date::DATE IS NULL OR g.session_date < $end_date::DATE)
  AND ($start::TIMESTAMPTZ IS NULL OR g.gap_start >= $start::TIMESTAMPTZ)
  AND ($end::TIMESTAMPTZ IS NULL OR g.gap_start < $end::TIMESTAMPTZ)
ORDER BY g.symbol, nominal_seconds(d.unit, d.length), d.unit, g.gap_start;

-- name: active_symbol
-- One active symbol.
-- gives: symbol_id, symbol, calendar, closing_bar, added_by
-- reads: symbol
SELECT symbol_id, symbol, calendar, closing_bar, added_by FROM symbol WHERE symbol = $symbol AND removed_at IS NULL;

-- name: intervals_of_symbol
-- The intervals of one active symbol, with their state.
-- gives: interval, derived, base, quality_pct, needs_processing
-- reads: intervals
SELECT interval, derived, base, quality_pct, needs_processing FROM intervals WHERE symbol = $symbol;

-- name: gaps_of_symbol
-- The gaps of one active symbol, oldest first.
-- gives: interval, session_date, gap_start, gap_end, missing_count
-- reads: gaps
SELECT interval, session_date, gap_start, gap_end, missing_count FROM gaps WHERE symbol = $symbol ORDER BY gap_start;

-- name: remove_symbol
-- Strike a symbol off; its row and its definitions stay, for history is told by them.
-- writes: symbol
-- reads: symbol
UPDATE symbol SET removed_at = greatest($now, (SELECT coalesce(later(max(s.removed_at), 1), $now)
                                               FROM symbol AS s WHERE s.symbol = symbol.symbol))
WHERE symbol_id = $symbol_id;

-- name: removed_intervals
-- The intervals a symbol has.
-- makes: removed_intervals(interval_id)
-- reads: interval_definition
CREATE OR REPLACE TEMP TABLE {removed_intervals} AS SELECT interval_id FROM interval_definition WHERE symbol_id = $symbol_id;

-- name: removed_bar_count
-- How many bars those hold.
-- gives: bar_count
-- takes: removed_intervals
-- reads: bar
SELECT count(*) AS bar_count FROM bar WHERE interval_id IN (FROM {removed_intervals});

-- name: move_bars_to_history
-- Every bar of the symbol becomes history.
-- writes: bar_revision
-- takes: removed_intervals
-- reads: bar
INSERT INTO bar_revision SELECT *, $batch_id FROM bar WHERE interval_id IN (FROM {removed_intervals}) ORDER BY interval_id, bar_start;

-- name: remove_rows_of_intervals
-- What the store keeps per interval and no longer needs for a symbol that left.
-- writes: table
-- takes: removed_intervals
DELETE FROM {table} WHERE interval_id IN (FROM {removed_intervals});

-- name: remove_coverage_totals
-- And what it came to; no bucket of it will close.
-- writes: interval_definition
-- takes: removed_intervals
UPDATE interval_definition SET first_session = NULL, expected_count = NULL, present_count = NULL, quality_pct = NULL,
                               bar_count = NULL, first_bar = NULL, last_bar = NULL,
                               next_close = make_timestamptz(253402214400000000)  -- 9999-12-31
WHERE interval_id IN (FROM {removed_intervals});
