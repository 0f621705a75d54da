-- What continuous futures are.

-- name: futures_of
-- The continuous futures that are defined, or those named.
-- gives: future_id, symbol, roll_rule, sessions_before, adjustment, through_batch, look_at
-- reads: continuous_future
SELECT future_id, symbol, roll_rule, sessions_before, adjustment, through_batch, look_at
FROM continuous_future
WHERE removed_at IS NULL AND ($symbols IS NULL OR list_contains($symbols::VARCHAR[], symbol))
ORDER BY symbol;

-- name: contracts_of
-- The contracts of futures in order, with the calendar and the base interval that their bars have.
-- gives: future_id, position, symbol_id, symbol, calendar, interval, interval_id, retained_date, expires, roll_date
-- reads: future_contract, symbol, interval_definition
SELECT c.future_id, c.position, c.symbol_id, s.symbol, s.calendar, d.interval, d.interval_id, d.retained_date, c.expires,
       c.roll_date
FROM future_contract AS c
JOIN symbol AS s USING (symbol_id)
JOIN interval_definition AS d ON d.symbol_id = c.symbol_id AND NOT d.derived
WHERE list_contains($future_ids::INTEGER[], c.future_id)
ORDER BY c.future_id, c.position;

-- name: calendars_of
-- The calendar that the contracts of each future follow.
-- gives: future_id, calendar
-- reads: future_contract, symbol
SELECT DISTINCT c.future_id, s.calendar FROM future_contract AS c JOIN symbol AS s USING (symbol_id)
WHERE list_contains($future_ids::INTEGER[], c.future_id);

-- name: contracts_named
-- Symbols that are registered, with the calendar and the base interval that their bars have.
-- gives: symbol_id, symbol, calendar, interval
-- reads: symbol, interval_definition
SELECT s.symbol_id, s.symbol, s.calendar, d.interval
FROM symbol AS s JOIN interval_definition AS d ON d.symbol_id = s.symbol_id AND NOT d.derived
WHERE s.removed_at IS NULL AND list_contains($symbols::VARCHAR[], s.symbol);

-- name: futures_of_symbols
-- Which futures have which of some symbols as a contract.
-- gives: future, contract
-- reads: continuous_future, future_contract, symbol
SELECT f.symbol AS future, s.symbol AS contract
FROM future_contract AS c
JOIN continuous_future AS f USING (future_id)
JOIN symbol AS s USING (symbol_id)
WHERE f.removed_at IS NULL AND list_contains($symbols::VARCHAR[], s.symbol)
ORDER BY f.symbol, c.position;

-- name: next_future
-- The id of a future that is new.
-- gives: future_id
-- reads: continuous_future
SELECT coalesce(max(future_id), 0) + 1 AS future_id FROM continuous_future;

-- name: add_future
-- A future that is new.
-- writes: continuous_future
INSERT INTO continuous_future (future_id, symbol, roll_rule, sessions_before, adjustment, through_batch)
VALUES ($future_id, $symbol, $rule, $sessions_before, $adjustment, 0);

-- name: change_future
-- A future that is defined anew.
-- writes: continuous_future
UPDATE continuous_future SET roll_rule = $rule, sessions_before = $sessions_before, adjustment = $adjustment
WHERE future_id = $future_id;

-- name: drop_contracts
-- Its contracts as they were.
-- writes: future_contract
DELETE FROM future_contract WHERE future_id = $future_id;

-- name: add_contracts
-- Its contracts.
-- writes: future_contract
-- takes: contracts_given
INSERT INTO future_contract SELECT $future_id, position, symbol_id, expires, roll_date FROM {contracts_given} ORDER BY position;

-- name: remove_future
-- A future that is struck off.
-- writes: continuous_future
UPDATE continuous_future SET removed_at = $now WHERE future_id = $future_id;

-- name: futures_in_order
-- The continuous futures with their contracts in order.
-- gives: symbol, roll_rule, sessions_before, adjustment, contracts
-- reads: continuous_future, future_contract, symbol
SELECT f.symbol, f.roll_rule, f.sessions_before, f.adjustment, list(s.symbol ORDER BY c.position) AS contracts
FROM continuous_future AS f
JOIN future_contract AS c USING (future_id)
JOIN symbol AS s USING (symbol_id)
WHERE f.removed_at IS NULL
GROUP BY f.symbol, f.roll_rule, f.sessions_before, f.adjustment
ORDER BY f.symbol;

-- name: rolls_in_order
-- The rolls of all continuous futures, or of those named.
-- gives: symbol, contract, session_date, decided_on, difference, ratio, batch_id
-- reads: rolls
FROM rolls WHERE $symbols IS NULL OR list_contains($symbols::VARCHAR[], symbol)
ORDER BY symbol, session_date NULLS FIRST;

-- name: intervals_of
-- The intervals that contracts of futures have, finest first, and their calendar.
-- gives: symbol, interval, calendar
-- reads: continuous_future, future_contract, symbol, interval_definition
SELECT f.symbol, d.interval, any_value(s.calendar) AS calendar
FROM continuous_future AS f
JOIN future_contract AS c USING (future_id)
JOIN symbol AS s USING (symbol_id)
JOIN interval_definition AS d USING (symbol_id)
WHERE f.removed_at IS NULL AND list_contains($symbols::VARCHAR[], f.symbol)
GROUP BY f.symbol, d.interval, d.unit, d.length
ORDER BY f.symbol, nominal_seconds(d.unit, d.length);

-- name: contracts_named_by
-- The contracts of futures that are named.
-- gives: symbol
-- reads: continuous_future, future_contract, symbol
SELECT DISTINCT s.symbol
FROM continuous_future AS f
JOIN future_contract AS c USING (future_id)
JOIN symbol AS s USING (symbol_id)
WHERE f.removed_at IS NULL AND list_contains($symbols::VARCHAR[], f.symbol);

-- name: batch_then
-- The newest batch at an instant.
-- gives: batch_id
-- reads: batch
SELECT coalesce(max(batch_id), 0) AS batch_id FROM batch WHERE committed_at <= $as_of::TIMESTAMPTZ;

-- name: bars_then
-- What the view bars_continuous would have shown after a batch: the same text over the bars, rolls and sessions of then.
-- part: relation
-- reads: bar, bar_revision, roll, roll_revision, symbol, symbol_name, trading_session
(WITH bar AS (
    SELECT * FROM bar WHERE batch_id <= $pinned
    UNION ALL BY NAME
    SELECT * EXCLUDE (replaced_by) FROM bar_revision WHERE batch_id <= $pinned AND replaced_by > $pinned
),
roll AS (
    SELECT * FROM roll WHERE batch_id <= $pinned
    UNION ALL BY NAME
    SELECT * EXCLUDE (replaced_by) FROM roll_revision WHERE batch_id <= $pinned AND replaced_by > $pinned
),
symbol AS (
    SELECT s.* REPLACE (coalesce(n.name, s.symbol) AS symbol)
    FROM symbol AS s
    LEFT JOIN symbol_name AS n ON n.symbol_id = s.symbol_id AND NOT n.is_alias AND n.valid_to IS NULL
                              AND n.batch_id <= $pinned AND (n.replaced_by IS NULL OR n.replaced_by > $pinned)
),
calendar_session AS (
    SELECT calendar, session_date, min(segment_open) AS session_open FROM trading_session
    WHERE batch_id <= $pinned AND (replaced_by IS NULL OR replaced_by > $pinned)
    GROUP BY calendar, session_date
),
contract_stretch AS (
    {contract_stretch}
)
FROM ({bars_continuous}))
