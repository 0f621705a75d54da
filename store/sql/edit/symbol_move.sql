-- Moving symbols to another calendar.

-- name: symbols_to_move
-- The active symbols of these names that follow another calendar.
-- makes: scope_symbols(symbol_id)
-- reads: symbol
CREATE OR REPLACE TEMP TABLE {scope_symbols} AS
SELECT symbol_id FROM symbol
WHERE removed_at IS NULL AND calendar <> $calendar AND list_contains($symbols::VARCHAR[], symbol);

-- name: purged_symbols
-- Intervals of which bars were purged.
-- gives: symbol, interval, calendar, retained_from
-- takes: scope_symbols
-- reads: definition
SELECT symbol, interval, calendar, retained_from FROM definition
WHERE retained_from IS NOT NULL AND symbol_id IN (FROM {scope_symbols})
ORDER BY symbol, retained_from DESC, interval;

-- name: bars_in_sessions
-- How many base bars symbols have, and how many of them lie in sessions.
-- gives: symbol, calendar, bar_count, inside_count
-- takes: scope_symbols
-- reads: bar, definition
SELECT d.symbol, d.calendar, count(b.bar_start) AS bar_count, count(b.session_date) AS inside_count
FROM definition AS d LEFT JOIN bar AS b USING (interval_id)
WHERE NOT d.derived AND d.symbol_id IN (FROM {scope_symbols})
GROUP BY d.symbol, d.calendar
ORDER BY d.symbol;

-- name: follow_last_bars
-- What is complete through the end of its last bar and no further is so afterwards, wherever that ends then.
-- writes: interval_definition
-- takes: scope_symbols
-- reads: bar
UPDATE interval_definition AS d SET complete_through = NULL
FROM (SELECT interval_id, max(later(bar_start, span_seconds)) AS last_end FROM bar
      WHERE interval_id IN (SELECT interval_id FROM interval_definition
                            WHERE NOT derived AND symbol_id IN (FROM {scope_symbols}))
      GROUP BY interval_id) AS b
WHERE d.interval_id = b.interval_id AND NOT d.derived AND d.complete_through = b.last_end
  AND d.symbol_id IN (FROM {scope_symbols});

-- name: keep_calendars
-- Which calendar symbols followed until a batch: the past keeps it.
-- writes: symbol_calendar
-- takes: scope_symbols
-- reads: symbol
INSERT INTO symbol_calendar (symbol_id, calendar, replaced_by)
SELECT symbol_id, calendar, $batch_id FROM symbol WHERE symbol_id IN (FROM {scope_symbols}) ORDER BY symbol_id;

-- name: move_symbols
-- And which they follow now.
-- writes: symbol
-- takes: scope_symbols
UPDATE symbol SET calendar = $calendar WHERE symbol_id IN (FROM {scope_symbols});
