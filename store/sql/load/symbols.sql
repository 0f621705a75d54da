-- Symbols: where the bars of each go, as it is before the load.

-- name: base_definitions
-- The base intervals of the symbols named, as they are before the load, and how far they are derived.
-- gives: symbol, symbol_id, interval_id, interval, calendar, kind, length, includes_closing_bar, retained_from,
-- complete_through, first_session, account_from, derived_through
-- reads: definition, interval_definition
SELECT d.symbol, d.symbol_id, d.interval_id, d.interval, d.calendar, d.kind, d.length, d.closing_seconds > 0 AS includes_closing_bar,
       d.retained_from, d.complete_through, d.first_session, d.account_from, v.derived_through
FROM definition AS d
LEFT JOIN (SELECT symbol_id, max(derived_through) AS derived_through FROM interval_definition
           WHERE derived GROUP BY symbol_id) AS v USING (symbol_id)
WHERE NOT d.derived AND d.symbol IN (SELECT unnest($symbols::VARCHAR[]));
